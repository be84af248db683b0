//! No text makes the language panic, and every diagnostic points into the text.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use scenarios::language::{Diagnostic, NoFiles, Overrides, Plan, render, render_lines};
use serde_json::Value;

fn shipped(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/right").join(name)).expect("it ships")
}

/// Reads, draws what is wrong, and makes the first and the last scenario of what is right.
fn read(bytes: &[u8]) -> Vec<Diagnostic> {
    let diagnostics = match Plan::parse(bytes, &Overrides::default(), &NoFiles) {
        Ok(plan) => {
            for number in [0, plan.point_count() - 1] {
                let _ = plan.scenario(&plan.point(number), &NoFiles);
            }
            plan.warnings
        }
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty(), "refused without a reason");
            diagnostics
        }
    };
    let text = std::str::from_utf8(bytes).unwrap_or("");
    for diagnostic in &diagnostics {
        assert!(diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= bytes.len());
        assert!(
            text.is_empty() || text.get(diagnostic.span.clone()).is_some(),
            "{diagnostic:?} splits a letter"
        );
    }
    let drawn = render(&diagnostics, "test.json", text, false);
    assert_eq!(render_lines(&diagnostics, "test.json").lines().count(), diagnostics.len());
    assert_eq!(drawn.is_empty(), diagnostics.is_empty());
    diagnostics
}

/// Pieces that mean something, so that mutations get past the parser.
const PIECES: &[&str] = &[
    "\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "$",
    "${",
    "}",
    "$loss",
    "${transport}",
    "null",
    "true",
    "0",
    "-1",
    "1e308",
    "99999999999999999999",
    "\"[*]\"",
    "[*]",
    "[7]",
    "/",
    "eth0",
    "%",
    " ms",
    "\\u0000",
    "\\ud83d",
    "é",
    "\u{202e}",
    "count",
    "tcp",
    "udp",
    "//",
    "/*",
    "\n",
    "\"\"",
    "{}",
    "[]",
    "\u{0}",
    "10.0.0.1/24",
    "::1/64",
    "0 packets",
];

fn mutated(mut text: Vec<u8>, changes: &[(usize, usize, usize)]) -> Vec<u8> {
    for &(at, length, piece) in changes {
        let start = at % (text.len() + 1);
        let end = (start + length).min(text.len());
        let new = PIECES.get(piece).map_or(&[][..], |piece| piece.as_bytes());
        text.splice(start..end, new.iter().copied());
    }
    text
}

/// Values that are right somewhere, and wrong nearly everywhere else.
const VALUES: &[&str] = &[
    "0",
    "-1",
    "1",
    "7",
    "65536",
    "18446744073709551615",
    "1e300",
    "0.5",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "\"\"",
    "\"0 s\"",
    "\"5 s\"",
    "\"99999 d\"",
    "\"18446744073709551615 ns\"",
    "\"1 GiB\"",
    "\"0 B\"",
    "\"100 %\"",
    "\"a\"",
    "\"a[*]\"",
    "\"leaf[*]\"",
    "\"leaf[3]\"",
    "\"leaf[99999999999]\"",
    "\"a/up\"",
    "\"c/eth0\"",
    "\"g[*]/eth0\"",
    "\"$step\"",
    "\"${delay}\"",
    "\"$$\"",
    "\"10.0.0.1/24\"",
    "\"::1/128\"",
    "\"0.0.0.0/0\"",
    "\"239.1.1.1\"",
    "\"udp\"",
    "\"tcp\"",
    "\"v6\"",
    "\"uniform\"",
    "\"reboot\"",
    "\"1 packets\"",
    "[\"a\", \"c\"]",
    "[\"a\"]",
    "{\"chain\": {\"nodes\": 3}}",
    "{\"exponential\": \"1 s\"}",
    "{\"down\": true}",
    "{\"file\": \"x\"}",
    "[0, 5, 3]",
    "[[\"1 s\", \"2 s\"]]",
];

/// Replaces or removes the value that is the `at`-th in the order of a walk; returns what is left to walk.
fn replace_nth(value: &mut Value, at: usize, new: Option<&Value>) -> usize {
    let mut left = at;
    match value {
        Value::Array(items) => {
            for index in 0..items.len() {
                if left == 0 {
                    match new {
                        Some(new) => items[index] = new.clone(),
                        None => drop(items.remove(index)),
                    }
                    return usize::MAX;
                }
                left = replace_nth(&mut items[index], left - 1, new);
                if left == usize::MAX {
                    return left;
                }
            }
        }
        Value::Object(entries) => {
            let keys: Vec<String> = entries.keys().cloned().collect();
            for key in keys {
                if left == 0 {
                    match new {
                        Some(new) => drop(entries.insert(key, new.clone())),
                        None => drop(entries.shift_remove(&key)),
                    }
                    return usize::MAX;
                }
                left = replace_nth(entries.get_mut(&key).expect("the key is there"), left - 1, new);
                if left == usize::MAX {
                    return left;
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    left
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_scenario_is_read_or_refused(
        changes in proptest::collection::vec((any::<usize>(), 0..12_usize, 0..PIECES.len() + 5), 1..6),
        everything in any::<bool>(),
    ) {
        let name = if everything { "everything.json" } else { "lossy-uplink.json" };
        read(&mutated(shipped(name), &changes));
    }

    #[test]
    fn a_scenario_with_other_values_is_read_or_refused(
        changes in proptest::collection::vec((0..400_usize, 0..VALUES.len() + 10), 1..8),
    ) {
        let whole = String::from_utf8(shipped("everything.json")).expect("it is text");
        let text = whole.split_once('\n').expect("the first line is a comment").1;
        let mut value: Value = serde_json::from_str(text).expect("it is JSON");
        for (at, new) in changes {
            let new = VALUES.get(new).map(|text| serde_json::from_str::<Value>(text).expect("it is JSON"));
            replace_nth(&mut value, at, new.as_ref());
        }
        read(value.to_string().as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }
}

#[test]
fn a_scenario_cut_off_anywhere_is_refused() {
    let text = shipped("lossy-uplink.json");
    let whole = text.iter().rposition(|byte| *byte == b'}').expect("it ends with a brace");
    for length in 0..whole {
        assert!(!read(&text[..length]).is_empty(), "cut off at {length}");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_at_once() {
    let diagnostics = read(&vec![b' '; (16 << 20) + 1]);
    assert!(diagnostics[0].message.contains("at most 16777216 are read"), "{}", diagnostics[0].message);
}

#[test]
fn a_very_deep_file_does_not_exhaust_the_stack() {
    let mut text = b"{ \"about\": ".to_vec();
    text.extend(std::iter::repeat_n(b'[', 5_000_000));
    assert!(read(&text)[0].message.contains("nested"), "the depth is found before the parser");
}
