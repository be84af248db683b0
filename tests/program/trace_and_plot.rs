//! `trace` and `plot`.

use crate::harness::{Place, assert_same, scenario};

#[test]
fn a_trace_shows_the_handshake_at_the_width_asked_for() {
    let place = Place::new("trace");
    let out = place.run(&["trace", &scenario("two-transports"), "--width", "80"]).expect(0).out;
    assert!(out.starts_with("two-transports, p0000-r00: transport tcp, loss 0 %\n"), "{out}");
    for word in ["sensor", "server", "SYN"] {
        assert!(out.contains(word), "`{word}` is missing in:\n{out}");
    }
    // The first line says which run it is; the diagram obeys.
    let widest = out.lines().skip(1).map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|columns| columns <= 80), "{widest:?} columns");
    assert!(!out.contains('\u{1b}'), "no control characters: a pager shows it as it is");
}

#[test]
fn a_trace_is_of_the_run_that_was_asked_for() {
    let place = Place::new("trace-point");
    let file = scenario("two-transports");
    let out = place.run(&["trace", &file, "--point", "p0003-r02"]).expect(0).out;
    assert!(out.starts_with("two-transports, p0003-r02: transport udp, loss 5 %\n"), "{out}");
    assert!(!out.contains("SYN"), "{out}");
    // A point alone means its first replication.
    assert_eq!(
        place.run(&["trace", &file, "--point", "p0002"]).expect(0).out,
        place.run(&["trace", &file, "--point", "p0002-r00"]).expect(0).out
    );
    let set = place.run(&["trace", &file, "--set", "transport=udp", "--set", "loss=0 %"]).expect(0).out;
    assert!(!set.contains("SYN") && place.names().is_empty(), "{set}");
}

#[test]
fn a_long_trace_is_cut_and_says_so() {
    let out =
        Place::new("trace-first").run(&["trace", &scenario("two-transports"), "--first", "3"]).expect(0).out;
    assert!(out.trim_end().ends_with("shows them all"), "{out}");
}

#[test]
fn runs_that_do_not_exist_cannot_be_traced() {
    let place = Place::new("trace-unknown");
    for point in ["p0004", "p0000-r03", "seven", "p-r", "p99999999999999999999-r0", ""] {
        place
            .run(&["trace", &scenario("two-transports"), "--point", point])
            .expect(2)
            .complains_of(&["p000"]);
    }
}

#[test]
fn a_run_that_fails_cannot_be_traced() {
    Place::new("trace-fails")
        .run(&["trace", &scenario("fails"), "--point", "p0001"])
        .expect(1)
        .complains_of(&["limits.events"]);
}

#[test]
fn a_trace_can_be_a_drawing() {
    let place = Place::new("trace-svg");
    place.run(&["trace", &scenario("two-transports"), "--svg", "trace.svg"]).expect(0);
    assert!(place.text("trace.svg").contains("<svg"));
}

#[test]
fn plots_are_drawn_again_to_the_byte() {
    let place = Place::new("plot");
    place.run(&["run", &scenario("two-transports")]).expect(0);
    let before = place.files("out/two-transports");
    std::fs::remove_dir_all(place.path.join("out/two-transports/plots")).unwrap();
    place.write("out/two-transports/report.html", "gone");
    place.write("out/two-transports/plots/99-old.svg", "stale");
    let out = place.run(&["plot", "out/two-transports"]).expect(0).out;
    assert!(out.contains("out/two-transports/report.html"), "{out}");
    assert_same(&before, &place.files("out/two-transports"));
}

#[test]
fn folders_without_results_cannot_be_plotted() {
    let place = Place::new("plot-nothing");
    place.write("other/notes.txt", "");
    place.run(&["plot", "absent"]).expect(2).complains_of(&["absent"]);
    place.run(&["plot", "other"]).expect(2).complains_of(&["manifest.json"]);
    assert_eq!(place.names(), ["other"]);
}

#[test]
fn damaged_results_are_named_with_their_place() {
    let place = Place::new("plot-damaged");
    place.run(&["run", &scenario("two-transports")]).expect(0);
    let folder = "out/two-transports";
    let runs = place.text("out/two-transports/runs.csv");
    let damaged = runs.replacen("p0000-r01", "p0000-r77", 1);
    place.write("out/two-transports/runs.csv", &damaged);
    // The header is line 1, replication 0 line 2, replication 1 line 3.
    place.run(&["plot", folder]).expect(2).complains_of(&["runs.csv:3", "p0000-r77"]);
}
