//! Fragments that are recovered (RFC 8931) beside those of RFC 4944, from the scenario file to the result files.

mod lab;

use lab::{outcome, value};
use scenarios::run::Outcome;

/// A mote, a relay and a sink in a row; each link loses one full frame in 27 to noise, and frames are not acknowledged.
fn row(settings: &str, message: &str, faults: &str) -> Outcome {
    outcome(&format!(
        r#"{{ "name": "test", "duration": "300 s", "drain": "70 s", "ip": "v6", "sweep": {{ "seed": 11 }},
          "nodes": {{
            "sink": {{ "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "relay": {{ "forwarding": true, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "mote": {{ "interfaces": {{ "r0": {{ "medium": "air" }} }} }} }},
          "media": {{ "air": {{ "802.15.4": {{ {settings}, "mac": {{ "acknowledgements": false }}, "queue": "30 packets",
            "sensitivity": "-100 dBm", "capture": "0 dB", "reassemblies": 100,
            "propagation": {{ "links": [ {{ "between": ["mote", "relay"], "loss": "99.4 dB" }},
                                         {{ "between": ["relay", "sink"], "loss": "99.4 dB" }} ] }} }} }} }},
          "traffic": [ {{ "from": "mote", "to": "sink", "over": "udp",
                         "workload": {{ "periodic": {{ "message": "{message}", "every": "2 s" }} }} }} ]
          {faults} }}"#
    ))
}

#[test]
fn what_is_lost_of_a_packet_is_sent_again_on_each_hop() {
    // How many arrive without is the lesson lowpan-fragments' business; here it matters that it is not all.
    let plain = value(&row(r#""fragments": "plain""#, "1200 B", ""), "delivered_fraction");
    assert!(plain < 0.9, "{plain}");
    let outcome = row(r#""fragments": "recovered""#, "1200 B", "");
    let recovered = value(&outcome, "delivered_fraction");
    assert!(recovered > 0.99, "{recovered}");
    assert!(
        outcome.rows["overhead.csv"].contains("network,6lowpan,acknowledgement"),
        "{}",
        outcome.rows["overhead.csv"]
    );
}

#[test]
fn what_fits_into_a_frame_is_sent_as_before() {
    let plain = row(r#""fragments": "plain""#, "40 B", "");
    let recovered = row(r#""fragments": "recovered""#, "40 B", "");
    assert_eq!(plain.digest, recovered.digest);
}

#[test]
fn a_receiver_that_is_gone_is_given_up_and_found_again() {
    let fault =
        r#", "faults": [ { "at": "100.02 s", "node": "relay", "set": { "down": true }, "until": "150 s" } ]"#;
    for settings in [
        r#""fragments": "recovered""#,
        r#""fragments": "recovered", "recovery": { "window": 1, "timeout": "50 ms", "retries": 0, "restarts": 0 }"#,
        r#""fragments": "recovered", "compression": false, "recovery": { "window": 32 }"#,
    ] {
        let outcome = row(settings, "600 B", fault);
        let share = value(&outcome, "delivered_fraction");
        // 25 of 150 are sent while nobody listens. Without a second try every message of seven frames a hop and their answers has to come through.
        assert!((0.2..0.84).contains(&share), "{settings}: {share}");
    }
}
