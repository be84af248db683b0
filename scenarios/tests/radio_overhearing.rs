//! What radios take in of frames for others: reckoned at the end where they draw no more by it, and noted frame by frame
//! where they do.

mod lab;

use lab::{outcome, value};
use scenarios::run::Outcome;

/// Sensors around a sink, whose radios draw so much more to take a frame in than to wait for one.
fn star(sensors: u32, every: &str, more: &str) -> String {
    let state = |current: &str| format!(r#"{{ "typical": "{current}", "source": "test" }}"#);
    let receive = state(if more.is_empty() { "6 mA" } else { more });
    let (none, six) = (state("0 nA"), state("6 mA"));
    format!(
        r#"{{ "name": "test", "duration": "60 s", "drain": "5 s", "ip": "v6", "sweep": {{ "seed": 5 }},
          "profiles": {{
            "radio": {{ "of-test": {{ "about": "test", "rest": "listen", "transmit": "transmit 0 dBm", "states": {{
              "off": {none}, "sleep": {none}, "idle": {none}, "listen": {six}, "receive": {receive},
              "transmit 0 dBm": {six} }} }} }},
            "board": {{ "of-test": {{ "about": "test", "voltage": {{ "typical": "3 V", "source": "test" }},
              "mcu": "nrf52840", "radio": "of-test" }} }} }},
          "nodes": {{
            "sink": {{ "hardware": "of-test", "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "sensor": {{ "count": {sensors}, "hardware": "of-test", "place": {{ "disc": "30 m" }},
                         "interfaces": {{ "r0": {{ "medium": "air" }} }} }} }},
          "media": {{ "air": {{ "802.15.4": {{ }} }} }},
          "traffic": [ {{ "name": "up", "from": "sensor[*]", "to": "sink", "over": "udp",
                          "workload": {{ "periodic": {{ "message": "40 B", "every": "{every}", "start": "uniform" }} }} }} ] }}"#
    )
}

/// Node, layer, cause and time in ns of the ledger's lines of radios that hold `word`, without the flow.
fn lines(outcome: &Outcome, word: &str) -> Vec<(String, u64)> {
    let lines = outcome.rows["ledger.csv"].lines().map(|line| line.split(',').collect::<Vec<_>>());
    let chosen = lines.filter(|cells| cells[2] == "radio" && cells.contains(&word));
    let named = chosen.map(|cells| (cells[1..7].join(","), cells[7].parse().expect("time is whole")));
    named.collect()
}

fn sum(outcome: &Outcome, word: &str) -> f64 {
    lines(outcome, word).iter().map(|(_, time)| *time as f64).sum()
}

#[test]
fn whoever_is_in_reach_overhears_each_frame_and_each_acknowledgement() {
    // 60 messages and their acknowledgements, of 60 and 5 bytes behind 6 of synchronisation, at 32 µs a byte: each is for one
    // of four radios, sent by another, and overheard by two.
    let outcome = outcome(&star(3, "3 s", ""));
    assert_eq!(value(&outcome, "delivered_fraction"), 1.0);
    assert_eq!(sum(&outcome, "overhearing"), (60 * 2 * (66 + 11) * 32_000) as f64);
    let of_sink = lines(&outcome, "overhearing").into_iter().filter(|(line, _)| line.starts_with("sink,"));
    assert_eq!(of_sink.count(), 0, "all frames are for the sink or from it");
}

#[test]
fn what_is_reckoned_at_the_end_is_what_is_noted_frame_by_frame() {
    // No two frames at a time here: alike to the nanosecond.
    let (kept, noted) = (outcome(&star(3, "3 s", "")), outcome(&star(3, "3 s", "6.000001 mA")));
    assert_eq!(lines(&kept, "overhearing"), lines(&noted, "overhearing"));
    assert_eq!(lines(&kept, "idle-listening"), lines(&noted, "idle-listening"));
    // A crowd whose frames collide. Frame by frame a radio that takes in two at a time charges both to what the last was.
    let (kept, noted) = (outcome(&star(40, "300 ms", "")), outcome(&star(40, "300 ms", "6.000001 mA")));
    assert!(value(&kept, "delivered_fraction") < 0.999, "frames collide");
    for (word, within) in [("receive", 0.002), ("overhearing", 0.02), ("transmit 0 dBm", 1e-9)] {
        let (kept, noted) = (sum(&kept, word), sum(&noted, word));
        assert!((kept / noted - 1.0).abs() < within, "{word}: {kept} ns and {noted} ns");
    }
}
