# What one does here, under short names. `just` alone lists them.

_list:
    @just --list

# All tests, as in CI.
test:
    cargo test --workspace

# Form and lints.
lint:
    cargo fmt --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Runs the shipped scenarios and compares their digests with the golden ones.
verify:
    cargo run --release -- verify

# The benchmarks of the parts.
bench:
    cargo bench --workspace

# The same work done by Netjoule and by ns-3, side by side (needs Debian's libns3-dev).
compare:
    benches/compare

# Feeds random bytes to every parser and to the scenario loader, INPUTS of them to each.
fuzz INPUTS="20000":
    fuzz/run {{INPUTS}}

# Wireshark's opinion of the captures of every shipped scenario (needs tshark).
dissect:
    .ci/dissect

# Live runs against Linux and other software that nobody here wrote (docs/interop.md); needs root.
interop *SUITES:
    cargo build --release
    tests/interop/run target/release/netjoule {{SUITES}}

# Everything that CI does.
ci:
    .ci/run
