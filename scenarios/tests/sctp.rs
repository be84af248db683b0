//! Whole runs of small worlds over SCTP.

mod lab;

use lab::{outcome, report, value};
use scenarios::record::TraceItem;
use scenarios::run::RunOptions;

/// A world of `parts` and one flow `over` a stack, with the options of SCTP and a workload.
fn scenario(parts: &str, over: &str, options: &str, workload: &str) -> String {
    format!(
        r#"{{ "name": "small", "about": "?", "duration": "10 s", "drain": "90 s", {parts},
             "traffic": [ {{ "from": "a", "to": "b", "over": "{over}", "options": {{ "sctp": {{ {options} }} }},
                             "workload": {{ {workload} }} }} ] }}"#
    )
}

/// One link of 50 ms, with `more` said about it.
fn line(more: &str) -> String {
    format!(
        r#""nodes": {{ "a": {{}}, "b": {{}} }},
           "links": [ {{ "name": "way", "between": ["a", "b"], "rate": "10 Mbit/s", "delay": "50 ms" {more} }} ]"#
    )
}

const EVERY_100_MS: &str = r#""periodic": { "message": "100 B", "every": "100 ms" }"#;

/// Two hosts with two addresses each, joined by two ways that have nothing in common; the first dies at 5.02 s.
fn two_ways(version: &str) -> String {
    format!(
        r#""ip": "{version}",
        "nodes": {{ "a": {{ "interfaces": {{ "wifi": {{}}, "lte": {{}} }} }}, "r": {{}}, "s": {{}},
                    "b": {{ "interfaces": {{ "first": {{}}, "second": {{}} }} }} }},
        "links": [ {{ "name": "wifi", "between": ["a/wifi", "r"], "rate": "10 Mbit/s", "delay": "10 ms" }},
                   {{ "between": ["r", "b/first"], "rate": "100 Mbit/s", "delay": "1 ms" }},
                   {{ "name": "lte", "between": ["a/lte", "s"], "rate": "10 Mbit/s", "delay": "30 ms" }},
                   {{ "between": ["s", "b/second"], "rate": "100 Mbit/s", "delay": "1 ms" }} ],
        "faults": [ {{ "at": "5020 ms", "link": "wifi", "set": {{ "down": true }} }} ]"#
    )
}

#[test]
fn every_workload_is_carried_over_a_lossy_way() {
    let parts = line(r#", "loss": "3 %""#);
    let options = r#""streams": 4"#;
    for over in ["sctp", "sctp/udp"] {
        for (workload, messages) in [
            (EVERY_100_MS, Some(100.0)),
            (r#""poisson": { "message": { "uniform": ["1 B", "9 KB"] }, "every": "100 ms" }"#, None),
            (r#""on-off": { "message": "700 B", "every": "20 ms", "on": "1 s", "off": "1 s" }"#, Some(250.0)),
            (r#""trace": [["0 s", "1 B"], ["1 s", "100 KB"], ["2 s", "65536 B"]]"#, Some(3.0)),
            (
                r#""request-response": { "request": "20 B", "response": "5 KB", "every": "500 ms" }"#,
                Some(20.0),
            ),
        ] {
            let outcome = outcome(&scenario(&parts, over, options, workload));
            let generated = value(&outcome, "messages_generated");
            assert!(messages.is_none_or(|count| count == generated), "{generated}: {workload} over {over}");
            assert_eq!(value(&outcome, "messages_delivered"), generated, "{workload} over {over}");
            assert_eq!(value(&outcome, "messages_duplicate"), 0.0, "{workload} over {over}");
        }
        let bulk = outcome(&scenario(&parts, over, options, r#""bulk": { "bytes": "500 KB" }"#));
        assert_eq!(value(&bulk, "application_bytes"), 500_000.0, "over {over}");
    }
}

#[test]
fn a_lost_message_holds_up_only_its_own_stream() {
    // 28 B of SCTP and 20 of IPv4 with each message. Frame 9 (INIT, COOKIE ECHO, and a report each 100 ms) is the
    // seventh report, of 0.6 s: three later SACKs report it missing.
    let parts = line(r#", "forward": { "loss": { "packets": [9] } }"#);
    let late = |options: &str| {
        let outcome = outcome(&scenario(&parts, "sctp", options, EVERY_100_MS));
        assert_eq!(value(&outcome, "messages_delivered"), 100.0, "{options}");
        let latencies = outcome.rows["latency.csv"].lines().skip(1);
        latencies
            .map(|line| line.rsplit(',').map(|field| field.parse().unwrap_or(0)).collect::<Vec<u64>>())
            .filter(|fields| fields[1] > 60_000_000)
            .map(|fields| fields[0])
            .sum::<u64>()
    };
    let (ordered, spread, unordered) = (late(""), late(r#""streams": 20"#), late(r#""ordered": false"#));
    // The first report waits for a round trip of the handshake: it is late in any case, beside the lost one.
    assert_eq!((spread, unordered), (2, 2));
    assert!(ordered >= 5, "{ordered} were late on one stream");
}

#[test]
fn a_message_that_takes_too_long_is_given_up() {
    let parts = line(r#", "loss": "10 %""#);
    let full = outcome(&scenario(&parts, "sctp", "", EVERY_100_MS));
    assert_eq!(value(&full, "messages_delivered"), 100.0);
    for policy in [r#"{ "lifetime": "100 ms" }"#, r#"{ "retransmissions": 0 }"#] {
        let options = format!(r#""reliability": {policy}"#);
        let outcome = outcome(&scenario(&parts, "sctp", &options, EVERY_100_MS));
        let delivered = value(&outcome, "messages_delivered");
        assert!((80.0..100.0).contains(&delivered), "{delivered} with {policy}");
        assert!(value(&outcome, "latency_mean_ns") < value(&full, "latency_mean_ns"), "{policy}");
    }
}

#[test]
fn an_answer_that_is_given_up_does_not_end_the_asking() {
    let parts = line(r#", "loss": "10 %""#);
    let workload = r#""request-response": { "request": "20 B", "response": "20 B", "think": "100 ms" }"#;
    let outcome = outcome(&scenario(&parts, "sctp", r#""reliability": { "retransmissions": 0 }"#, workload));
    let (asked, answered) = (value(&outcome, "messages_generated"), value(&outcome, "messages_delivered"));
    assert!(asked > answered && answered >= 5.0, "{answered} of {asked}");
}

#[test]
fn a_second_home_keeps_the_association_alive() {
    for version in ["v4", "v6"] {
        for over in ["sctp", "sctp/udp"] {
            let options = r#""multihoming": true, "path-max-retrans": 1"#;
            let outcome = outcome(&scenario(&two_ways(version), over, options, EVERY_100_MS));
            assert_eq!(value(&outcome, "messages_delivered"), 100.0, "{over} over IP{version}");
            // Time-outs of 1 and 2 s: then the second path takes the new messages too.
            let longest = value(&outcome, "latency_max_ns");
            assert!((1.9e9..2.2e9).contains(&longest), "{longest} {over} over IP{version}");
        }
    }
    let alone = outcome(&scenario(&two_ways("v4"), "sctp", "", EVERY_100_MS));
    assert!(value(&alone, "messages_delivered") < 55.0, "one home is lost with its way");
}

#[test]
fn a_potentially_failed_path_is_left_at_once() {
    let options = r#""multihoming": true, "potentially-failed": 0"#;
    let outcome = outcome(&scenario(&two_ways("v4"), "sctp", options, EVERY_100_MS));
    assert_eq!(value(&outcome, "messages_delivered"), 100.0);
    let longest = value(&outcome, "latency_max_ns");
    assert!((0.7e9..1.1e9).contains(&longest), "{longest}: at most one time-out of a second");
}

// Holds: RFC 9260 6.9-b
#[test]
fn packets_shrink_to_what_the_path_takes() {
    // RFC 8899 §3: found out by ICMP, whether or not the packets are inside UDP.
    let parts = r#""nodes": { "a": {}, "r": {}, "b": {} },
      "links": [ { "between": ["a", "r"], "rate": "10 Mbit/s", "delay": "5 ms" },
                 { "between": ["r", "b"], "rate": "10 Mbit/s", "delay": "5 ms", "mtu": "1000 B" } ]"#;
    for over in ["sctp", "sctp/udp"] {
        let outcome = outcome(&scenario(parts, over, "", r#""bulk": { "bytes": "200 KB" }"#));
        assert_eq!(value(&outcome, "application_bytes"), 200_000.0, "over {over}");
        // Chunks of 948 or 940 bytes: not many more than 211 to 213 frames of data, and every other one acknowledged.
        let frames = value(&outcome, "frames");
        assert!((315.0..340.0).contains(&frames), "{frames} over {over}");
    }
}

#[test]
fn probing_finds_what_the_path_takes_before_a_router_has_to_drop_data() {
    let parts = r#""nodes": { "a": {}, "r": {}, "b": {} },
      "links": [ { "between": ["a", "r"], "rate": "10 Mbit/s", "delay": "5 ms" },
                 { "name": "far", "between": ["r", "b"], "rate": "10 Mbit/s", "delay": "5 ms", "mtu": "1400 B" } ]"#;
    for over in ["sctp", "sctp/udp"] {
        let [icmp, probing] = ["icmp", "probing"].map(|how| {
            let options = format!(r#""path-mtu-discovery": "{how}""#);
            let outcome = outcome(&scenario(parts, over, &options, r#""bulk": { "bytes": "2 MB" }"#));
            assert_eq!(value(&outcome, "application_bytes"), 2_000_000.0, "{how} over {over}");
            value(&outcome, "frames")
        });
        // Probes and their answers at both ends, and a first flight of packets of 1200 bytes.
        assert!(icmp < probing && probing < icmp + 30.0, "{icmp} and {probing} frames over {over}");
    }
}

#[test]
fn streams_are_reset_and_added_by_a_timetable() {
    let options = r#""streams": 2, "reconfiguration": [
        { "at": "1 s", "ask": { "reset-outgoing": [0] } }, { "at": "2 s", "ask": { "add-outgoing": 3 } },
        { "at": "3 s", "ask": { "reset-incoming": [] } }, { "at": "4 s", "ask": "reset-tsns" },
        { "at": "5 s", "ask": { "add-incoming": 1 } } ]"#;
    for loss in ["0 %", "5 %"] {
        for more in ["", r#", "interleaving": true, "scheduler": "round-robin""#] {
            let parts = line(&format!(r#", "loss": "{loss}""#));
            let text = scenario(&parts, "sctp", &format!("{options}{more}"), EVERY_100_MS);
            let report = report(&text, RunOptions { trace: true, ..RunOptions::default() });
            let outcome = report.outcome.expect("the run ends");
            assert_eq!(value(&outcome, "messages_delivered"), 100.0, "{loss} {more}");
            assert_eq!(value(&outcome, "messages_duplicate"), 0.0, "{loss} {more}");
            let trace = report.extras.trace.expect("a trace was asked for");
            let labels: Vec<&str> = trace
                .items
                .iter()
                .filter_map(|item| match item {
                    TraceItem::Message { label, .. } => Some(label.as_str()),
                    TraceItem::Note { .. } => None,
                })
                .collect();
            for wanted in [
                "RE-CONFIG reset of stream 0",
                "RE-CONFIG 3 streams more",
                "RE-CONFIG reset wanted of all streams",
                "RE-CONFIG reset of all streams and TSNs",
                "RE-CONFIG 1 streams more wanted",
                "RE-CONFIG performed",
                "stream 4",
            ] {
                assert!(
                    labels.iter().any(|label| label.contains(wanted)),
                    "{wanted}, {loss} {more}: {labels:?}"
                );
            }
        }
    }
}

#[test]
fn readings_of_low_priority_make_room_for_others() {
    // 800 kbit/s are offered to a way of 400: the send buffer of 64 KiB is always full. Stream 1 is the important one.
    let parts = r#""nodes": { "a": {}, "b": {} },
        "links": [ { "between": ["a", "b"], "rate": "400 kbit/s", "delay": "20 ms", "queue": "10 packets" } ]"#;
    let periodic = r#""periodic": { "message": "1000 B", "every": "10 ms" }"#;
    let of = |options: &str| {
        let outcome = outcome(&scenario(
            parts,
            "sctp",
            &format!(r#""streams": 2, "send-buffer": "64 KiB" {options}"#),
            periodic,
        ));
        (value(&outcome, "delivered_fraction"), value(&outcome, "latency_p50_ns"))
    };
    let (alike, _) = of(r#", "reliability": { "priority": [1, 1] }"#);
    let (split, _) = of(r#", "reliability": { "priority": [1, 0] }"#);
    let (full, slow) = of("");
    let (_, quick) =
        of(r#", "reliability": { "priority": [1, 0] }, "scheduler": "priority", "priorities": [1, 0]"#);
    assert_eq!(full, 1.0);
    assert!((0.4..0.75).contains(&alike) && (0.4..0.75).contains(&split), "{alike} {split}");
    assert!(quick * 2.0 < slow, "{quick} {slow}");
}

#[test]
fn two_ways_at_once_carry_more_than_one() {
    let parts = two_ways("v4").replace(r#""at": "5020 ms""#, r#""at": "99 s""#);
    let goodput = |more: &str| {
        let options = format!(r#""multihoming": true{more}"#);
        value(&outcome(&scenario(&parts, "sctp", &options, r#""bulk": {}"#)), "goodput_bps")
    };
    let (one, two) = (goodput(""), goodput(r#", "concurrent-multipath": true"#));
    assert!(two > 1.5 * one, "{one} {two}");
}

// Holds: RFC 9260 5.1-c
#[test]
fn a_diagram_names_the_chunks() {
    // The reports of 0 and 100 ms ride behind the cookie, and are acknowledged behind COOKIE ACK.
    let data = "COOKIE-ECHO, DATA 0 stream 0 len 100, DATA 1 stream 0 len 100";
    for (over, first, data) in
        [("sctp", "INIT", data.to_owned()), ("sctp/udp", "UDP[INIT]", format!("UDP[{data}]"))]
    {
        let text = scenario(&line(""), over, "", EVERY_100_MS);
        let report = report(&text, RunOptions { trace: true, ..RunOptions::default() });
        let trace = report.extras.trace.expect("a trace was asked for");
        let labels: Vec<&str> = trace
            .items
            .iter()
            .filter_map(|item| match item {
                TraceItem::Message { label, .. } => Some(label.as_str()),
                TraceItem::Note { .. } => None,
            })
            .collect();
        assert_eq!((labels[0], labels[2]), (first, data.as_str()), "{labels:?}");
        for kind in ["INIT-ACK", "COOKIE-ACK, SACK 1", "SACK 3", "SHUTDOWN-COMPLETE"] {
            assert!(labels.iter().any(|label| label.contains(kind)), "{kind} over {over}: {labels:?}");
        }
    }
}

#[test]
fn marks_slow_down_without_losses() {
    // RFC 4960 Appendix A: a queue that marks in place of dropping.
    let parts = r#""nodes": { "a": {}, "r": {}, "b": {} },
      "links": [ { "between": ["a", "r"], "rate": "100 Mbit/s", "delay": "5 ms" },
                 { "between": ["r", "b"], "rate": "5 Mbit/s", "delay": "10 ms",
                   "queue": { "red": { "min": 5, "max": 15, "limit": "100 packets", "ecn": true } } } ]"#;
    let bulk = r#""bulk": { "bytes": "3 MB" }"#;
    for over in ["sctp", "sctp/udp"] {
        let [without, with] =
            ["false", "true"].map(|ecn| outcome(&scenario(parts, over, &format!(r#""ecn": {ecn}"#), bulk)));
        for outcome in [&without, &with] {
            assert_eq!(value(outcome, "application_bytes"), 3e6, "over {over}");
        }
        let (lost, marked) = (value(&without, "retransmission_bytes"), value(&with, "retransmission_bytes"));
        assert!(lost > 10_000.0 && marked < lost / 3.0, "{lost} without, {marked} with, over {over}");
        assert!(value(&with, "goodput_bps") > 3.5e6, "over {over}");
    }
}

#[test]
fn a_packet_without_checksum_that_is_damaged_is_lost_all_the_same() {
    // RFC 9653 §3: what finds errors in its place is at least as good.
    let parts = line(r#", "corrupt": { "packet": "5 %" }"#);
    let [with, without] = ["none", "dtls"].map(|method| {
        let options = format!(r#""zero-checksum": "{method}""#);
        outcome(&scenario(&parts, "sctp", &options, EVERY_100_MS))
    });
    for outcome in [with, without] {
        assert_eq!(value(&outcome, "messages_delivered"), 100.0);
        assert_eq!(value(&outcome, "messages_duplicate"), 0.0);
        assert!(value(&outcome, "latency_max_ns") > 0.2e9, "some were damaged, and came again");
    }
}
