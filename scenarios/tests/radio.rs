//! Radios from the scenario file to the lines of the result files, against figures worked out by hand.

mod lab;

use lab::{outcome, report, value};
use scenarios::run::{Outcome, RunOptions};

/// A mote that sends ten messages straight to a sink.
fn pair(message: &str, medium: &str) -> String {
    format!(
        r#"{{ "name": "test", "duration": "10 s", "drain": "2 s", "ip": "v6", "sweep": {{ "seed": 3 }},
          "nodes": {{
            "sink": {{ "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "mote": {{ "hardware": "zolertia-z1", "place": {{ "at": ["10 m", "0 m"] }},
                       "interfaces": {{ "r0": {{ "medium": "air" }} }} }} }},
          "media": {{ "air": {{ "802.15.4": {{ {medium} }} }} }},
          "traffic": [ {{ "name": "up", "from": "mote", "to": "sink", "over": "udp",
                          "workload": {{ "periodic": {{ "message": "{message}", "every": "1 s", "start": "500 ms" }} }} }} ] }}"#
    )
}

/// Four routers in a row of 50 m each, a leaf behind the last, and a server beyond the first.
fn row(over: &str, message: &str) -> String {
    format!(
        r#"{{ "name": "test", "duration": "20 s", "drain": "70 s", "ip": "v6",
          "nodes": {{
            "border": {{ "forwarding": true, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "hop": {{ "count": 3, "forwarding": true, "place": {{ "line": "50 m" }},
                      "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "leaf": {{ "hardware": "zolertia-z1", "place": {{ "at": ["200 m", "5 m"] }},
                       "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "server": {{ "services": {{ "coap-server": {{}} }} }} }},
          "media": {{ "air": {{ "802.15.4": {{ "busy-above": "-92 dBm",
            "propagation": {{ "log-distance": {{ "exponent": 3, "reference": "40 dB" }} }} }} }} }},
          "links": [ {{ "between": ["border", "server"], "rate": "10 Mbit/s", "delay": "5 ms" }} ],
          "traffic": [ {{ "name": "up", "from": "leaf", "to": "server", "over": "{over}",
                          "workload": {{ "periodic": {{ "message": "{message}", "every": "2 s" }} }} }} ] }}"#
    )
}

/// Time in ns of the ledger's lines of `node` that hold all of `words`, added up.
fn ledger_time(outcome: &Outcome, node: &str, words: &[&str]) -> u64 {
    let lines = outcome.rows["ledger.csv"].lines().map(|line| line.split(',').collect::<Vec<_>>());
    let chosen = lines.filter(|cells| cells[1] == node && words.iter().all(|word| cells.contains(word)));
    chosen.map(|cells| cells[7].parse::<u64>().expect("time is whole")).sum()
}

/// Frames of `frames.csv` from one node to another, by kind and fate.
fn frames(outcome: &Outcome, from: &str, to: &str, kind: &str, fate: &str) -> u64 {
    let wanted = [from, to, kind, fate];
    let lines = outcome.rows["frames.csv"].lines().map(|line| line.split(',').collect::<Vec<_>>());
    let chosen = lines.filter(|cells| cells[2..6] == wanted);
    chosen.map(|cells| cells[6].parse::<u64>().expect("frames are whole")).sum()
}

#[test]
fn a_message_costs_the_bytes_of_its_frame_and_of_the_acknowledgement() {
    let outcome = outcome(&pair("40 B", ""));
    assert_eq!(value(&outcome, "delivered_fraction"), 1.0);
    // With this seed the mote's port is none of 0xF000 to 0xF0FF, which would take a byte less (RFC 6282 §4.3.1).
    // MAC header 9, IPv6 2 (RFC 6282: both addresses from context and link layer), UDP 7 (its dispatch, ports 4, checksum
    // 2), 40 of data, check sequence 2: 60 bytes. The acknowledgement has 5.
    assert_eq!(value(&outcome, "overhead_bytes"), 10.0 * (60.0 + 5.0));
    for (layer, bytes, frames) in [
        ("link,802.15.4,data", 10 * 11, 20),
        ("link,802.15.4,acknowledgement", 10 * 5, 20),
        ("network,ipv6,data", 10 * 2, 10),
        ("transport,udp,data", 10 * 7, 10),
        ("application,data,data", 10 * 40, 10),
    ] {
        let line = format!("p0000-r00,up,{layer},{bytes},{frames}\n");
        assert!(outcome.rows["overhead.csv"].contains(&line), "{line}{}", outcome.rows["overhead.csv"]);
    }
    assert_eq!(frames(&outcome, "mote", "sink", "unicast", "received"), 10);
    assert_eq!(frames(&outcome, "sink", "mote", "acknowledgement", "received"), 10);
}

#[test]
fn the_ledger_holds_what_was_sent_and_taken_in_to_the_nanosecond() {
    let outcome = outcome(&pair("40 B", ""));
    // (6 + 60) · 32 µs a frame, (6 + 5) · 32 µs an acknowledgement, ten of each.
    assert_eq!(ledger_time(&outcome, "mote", &["transmit 0 dBm"]), 10 * 2_112_000);
    assert_eq!(ledger_time(&outcome, "mote", &["receive", "acknowledgement"]), 10 * 352_000);
    // Of a frame's 60 bytes 40 are the application's: 40/60 of its time.
    assert_eq!(ledger_time(&outcome, "mote", &["transmit 0 dBm", "application", "data"]), 10 * 1_408_000);
    let radio = ["listen", "receive", "transmit 0 dBm", "wake-up"];
    let whole: u64 = radio.iter().map(|word| ledger_time(&outcome, "mote", &["radio", word])).sum();
    assert_eq!(whole, 12_000_000_000, "an always-on radio never rests: {}", outcome.rows["ledger.csv"]);
}

#[test]
fn without_a_context_addresses_travel_whole() {
    let outcome = outcome(&pair("40 B", r#""context": false"#));
    // Two addresses of 16 bytes more: 92 bytes.
    assert_eq!(value(&outcome, "overhead_bytes"), 10.0 * (92.0 + 5.0));
}

#[test]
fn packets_find_their_way_over_several_hops() {
    for over in ["udp", "coap/udp", "tcp"] {
        let outcome = outcome(&row(over, "200 B"));
        assert_eq!(value(&outcome, "delivered_fraction"), 1.0, "{over}");
        let way = ["leaf", "hop[2]", "hop[1]", "hop[0]", "border"];
        for hop in way.windows(2) {
            // 200 bytes take three fragments, and each hop puts them together again.
            let sent = frames(&outcome, hop[0], hop[1], "unicast", "received");
            assert!(sent >= 30, "{over}: {sent} frames from {} to {}", hop[0], hop[1]);
        }
        assert_eq!(frames(&outcome, "leaf", "border", "unicast", "received"), 0, "too far");
    }
}

#[test]
fn a_capture_changes_nothing_on_the_air() {
    let text = row("coap/udp", "300 B");
    let options = RunOptions { capture: true, trace: true, series: false };
    let seen = report(&text, options);
    let capture = seen.extras.capture.as_ref().expect("a capture was asked for");
    assert!(capture.len() > 10_000);
    assert_eq!(seen.outcome.expect("it comes to its end").digest, outcome(&text).digest);
}
