//! Whole runs of small worlds, each about one thing that a scenario can say.

mod lab;

use lab::{outcome, report, value};
use scenarios::language::{Files, METRICS, Overrides, Plan};
use scenarios::record::TraceItem;
use scenarios::run::{Outcome, RunOptions, run};

/// A world of `parts` and one flow, whose parts are given as JSON without the outer braces.
fn scenario(parts: &str, traffic: &str) -> String {
    format!(
        r#"{{ "name": "small", "about": "?", "duration": "10 s", "drain": "30 s", {parts}, "traffic": [ {traffic} ] }}"#
    )
}

const LINE: &str = r#""nodes": { "a": {}, "r": {}, "b": {} },
  "links": [ { "name": "left", "between": ["a", "r"], "rate": "10 Mbit/s", "delay": "5 ms" },
             { "name": "right", "between": ["r", "b"], "rate": "10 Mbit/s", "delay": "5 ms" } ]"#;

fn periodic(over: &str) -> String {
    format!(
        r#"{{ "from": "a", "to": "b", "over": "{over}", "workload": {{ "periodic": {{ "message": "50 B", "every": "100 ms" }} }} }}"#
    )
}

#[test]
fn every_transport_carries_over_both_versions_of_ip() {
    for over in ["udp", "tcp", "sctp", "sctp/udp"] {
        for (version, header) in [("v4", 20.0), ("v6", 40.0)] {
            let parts = format!(r#""ip": "{version}", {LINE}"#);
            let outcome = outcome(&scenario(&parts, &periodic(over)));
            assert_eq!(value(&outcome, "messages_delivered"), 100.0, "{over} over {version}");
            if over == "udp" {
                // 18 bytes of Ethernet, the internet header, 8 of UDP and 50 of payload.
                assert_eq!(
                    value(&outcome, "overhead_bytes"),
                    100.0 * (18.0 + header + 8.0 + 50.0),
                    "{version}"
                );
            }
        }
    }
}

#[test]
fn a_link_that_is_down_costs_udp_its_datagrams_and_tcp_only_time() {
    let faults =
        r#""faults": [ { "at": "2050 ms", "until": "4050 ms", "link": "right", "set": { "down": true } } ]"#;
    let parts = format!("{LINE}, {faults}");
    // The datagrams of 2.1 to 4.0 s: twenty.
    let udp = outcome(&scenario(&parts, &periodic("udp")));
    assert_eq!(value(&udp, "messages_delivered"), 80.0);
    let tcp = outcome(&scenario(&parts, &periodic("tcp")));
    assert_eq!(value(&tcp, "messages_delivered"), 100.0);
    assert!(value(&tcp, "latency_max_ns") > 1.9e9, "the first one waited for the link");
}

#[test]
fn traffic_takes_the_other_way_when_a_link_fails() {
    let parts = r#""nodes": { "a": {}, "p": {}, "q": {}, "b": {}, "x": {}, "y": {} },
      "links": [ { "between": ["a", "x"], "rate": "10 Mbit/s", "delay": "1 ms" },
                 { "name": "short", "between": ["x", "p"], "rate": "10 Mbit/s", "delay": "1 ms" },
                 { "between": ["p", "y"], "rate": "10 Mbit/s", "delay": "1 ms" },
                 { "between": ["x", "q"], "rate": "10 Mbit/s", "delay": "20 ms", "cost": 5 },
                 { "between": ["q", "y"], "rate": "10 Mbit/s", "delay": "20 ms", "cost": 5 },
                 { "between": ["y", "b"], "rate": "10 Mbit/s", "delay": "1 ms" } ],
      "faults": [ { "at": "5050 ms", "link": "short", "set": { "down": true } } ]"#;
    let outcome = outcome(&scenario(parts, &periodic("udp")));
    assert_eq!(value(&outcome, "messages_delivered"), 100.0);
    assert!(value(&outcome, "latency_p50_ns") < 5e6 && value(&outcome, "latency_max_ns") > 42e6);
}

#[test]
fn a_reboot_loses_what_was_under_way_and_the_flow_goes_on() {
    let faults =
        r#""faults": [ { "at": "3050 ms", "node": "b", "set": { "reboot": { "off-time": "1 s" } } } ]"#;
    let parts = format!("{LINE}, {faults}");
    let udp = outcome(&scenario(&parts, &periodic("udp")));
    assert_eq!(value(&udp, "messages_delivered"), 90.0);
    // TCP's peer knows nothing of the connection any more and resets it; a new one follows.
    let tcp = outcome(&scenario(&parts, &periodic("tcp")));
    let delivered = value(&tcp, "messages_delivered");
    assert!((70.0..100.0).contains(&delivered), "{delivered}");
}

#[test]
fn a_sender_that_reboots_begins_again() {
    let faults =
        r#""faults": [ { "at": "3050 ms", "node": "a", "set": { "reboot": { "off-time": "1 s" } } } ]"#;
    for over in ["udp", "tcp", "sctp", "sctp/udp"] {
        let outcome = outcome(&scenario(&format!("{LINE}, {faults}"), &periodic(over)));
        // Off from 3.05 to 4.05 s: ten messages are never generated.
        assert_eq!(value(&outcome, "messages_generated"), 90.0, "{over}");
        let delivered = value(&outcome, "messages_delivered");
        assert!((89.0..=90.0).contains(&delivered), "{delivered} over {over}");
    }
}

#[test]
fn requests_are_answered_and_measured_at_the_asker() {
    for over in ["udp", "tcp", "sctp", "sctp/udp"] {
        let workload = r#"{ "request-response": { "request": "20 B", "response": "500 B", "every": "1 s", "processing": "7 ms" } }"#;
        let traffic = format!(r#"{{ "from": "a", "to": "b", "over": "{over}", "workload": {workload} }}"#);
        let outcome = outcome(&scenario(LINE, &traffic));
        assert_eq!(value(&outcome, "messages_delivered"), 10.0, "{over}");
        // Two ways of 10 ms and 7 ms of processing, and less than 2 ms of transmission.
        let latency = value(&outcome, "latency_p50_ns");
        assert!((27e6..29e6).contains(&latency), "{latency} over {over}");
    }
}

#[test]
fn thinking_begins_when_the_answer_has_come() {
    let workload = r#"{ "request-response": { "request": "20 B", "response": "20 B", "think": "480 ms" } }"#;
    for over in ["udp", "tcp"] {
        let traffic = format!(r#"{{ "from": "a", "to": "b", "over": "{over}", "workload": {workload} }}"#);
        let outcome = outcome(&scenario(LINE, &traffic));
        // A little over 500 ms a round, the first one longer over TCP: 20 rounds begin within 10 s.
        assert_eq!(value(&outcome, "messages_generated"), 20.0, "{over}");
        assert_eq!(value(&outcome, "messages_delivered"), 20.0, "{over}");
    }
}

#[test]
fn a_group_on_a_segment_gets_every_message_once() {
    let parts = r#""nodes": { "a": { "interfaces": { "e": { "medium": "lan" } } },
                 "m": { "count": 3, "multicast": ["239.1.2.3"], "interfaces": { "e": { "medium": "lan" } } },
                 "other": { "interfaces": { "e": { "medium": "lan" } } } },
      "media": { "lan": { "ethernet": { "rate": "100 Mbit/s", "delay": "1 us" } } }"#;
    let traffic = r#"{ "from": "a", "to": "239.1.2.3", "over": "udp", "workload": { "periodic": { "message": "50 B", "every": "1 s" } } }"#;
    let outcome = outcome(&scenario(parts, traffic));
    assert_eq!(value(&outcome, "messages_generated"), 30.0, "ten messages for three receivers");
    assert_eq!(value(&outcome, "messages_delivered"), 30.0);
    assert_eq!(value(&outcome, "messages_duplicate"), 0.0);
    assert_eq!(value(&outcome, "frames"), 10.0, "each is sent once");
}

#[test]
fn address_resolution_is_paid_for_by_no_flow() {
    let parts = r#""nodes": { "a": { "interfaces": { "e": { "medium": "lan" } } }, "b": { "interfaces": { "e": { "medium": "lan" } } } },
      "media": { "lan": { "ethernet": { "rate": "100 Mbit/s" } } }"#;
    let outcome = outcome(&scenario(parts, &periodic("udp")));
    assert_eq!(value(&outcome, "messages_delivered"), 100.0);
    let overhead = &outcome.rows["overhead.csv"];
    // One question, one answer: 28 bytes each (RFC 826), the rest of 64 is Ethernet's.
    assert!(overhead.contains("p0000-r00,-,network,arp,control,56,2\n"), "{overhead}");
    assert!(overhead.contains("p0000-r00,-,link,ethernet,control,72,2\n"), "{overhead}");
}

#[test]
fn a_multihomed_host_is_reached_by_the_link_of_the_address() {
    let parts = r#""nodes": { "phone": { "interfaces": { "wifi": {}, "lte": {} } }, "r1": {}, "r2": {}, "server": {} },
      "links": [ { "name": "wifi", "between": ["phone/wifi", "r1"], "rate": "50 Mbit/s", "delay": "2 ms" },
                 { "name": "lte", "between": ["phone/lte", "r2"], "rate": "20 Mbit/s", "delay": "30 ms" },
                 { "between": ["r1", "server"], "rate": "1 Gbit/s", "delay": "1 ms" },
                 { "between": ["r2", "server"], "rate": "1 Gbit/s", "delay": "1 ms" } ]"#;
    for (interface, low, high) in [("wifi", 3e6, 4e6), ("lte", 31e6, 32e6)] {
        for (from, to) in [
            (format!("phone/{interface}"), "server".to_owned()),
            ("server".to_owned(), format!("phone/{interface}")),
        ] {
            let traffic = format!(
                r#"{{ "from": "{from}", "to": "{to}", "over": "udp", "workload": {{ "periodic": {{ "message": "50 B", "every": "1 s" }} }} }}"#
            );
            let outcome = outcome(&scenario(parts, &traffic));
            assert_eq!(value(&outcome, "messages_delivered"), 10.0, "{from} to {to}");
            let latency = value(&outcome, "latency_p50_ns");
            assert!((low..high).contains(&latency), "{latency} from {from} to {to}");
        }
    }
}

#[test]
fn a_clock_that_is_wrong_changes_no_latency() {
    let skewed = LINE.replace(r#""b": {}"#, r#""b": { "clock": { "offset": "-3 s", "drift": "40 ppm" } }"#);
    for over in ["udp", "tcp", "sctp", "sctp/udp"] {
        let right = outcome(&scenario(LINE, &periodic(over)));
        let wrong = outcome(&scenario(&skewed, &periodic(over)));
        assert_eq!(value(&wrong, "messages_delivered"), 100.0);
        assert_eq!(value(&wrong, "latency_p50_ns"), value(&right, "latency_p50_ns"), "{over}");
    }
}

#[test]
fn damage_is_caught_by_checksums_and_never_delivered() {
    let parts = LINE.replacen(r#""delay": "5 ms""#, r#""delay": "5 ms", "corrupt": { "packet": "20 %" }"#, 1);
    let udp = outcome(&scenario(&parts, &periodic("udp")));
    let delivered = value(&udp, "messages_delivered");
    assert!((60.0..95.0).contains(&delivered), "{delivered}");
    let tcp = outcome(&scenario(&parts, &periodic("tcp")));
    assert_eq!(value(&tcp, "messages_delivered"), 100.0);
    assert_eq!(value(&tcp, "application_bytes"), 5000.0);
}

#[test]
fn reordering_and_copies_do_not_confuse_anyone() {
    let parts = LINE.replacen(
        r#""delay": "5 ms""#,
        r#""delay": "5 ms", "duplicate": "20 %", "reorder": { "probability": "20 %", "delay": "250 ms" }"#,
        1,
    );
    for over in ["udp", "tcp", "sctp", "sctp/udp"] {
        let outcome = outcome(&scenario(&parts, &periodic(over)));
        assert_eq!(value(&outcome, "messages_delivered"), 100.0, "{over}");
        assert_eq!(value(&outcome, "messages_duplicate") > 0.0, over == "udp");
        assert_eq!(value(&outcome, "application_bytes"), 5000.0, "{over}");
    }
}

#[test]
fn a_trace_shows_the_handshake_the_loss_and_the_timer() {
    let parts = LINE.replacen(
        r#""delay": "5 ms""#,
        r#""delay": "5 ms", "forward": { "loss": { "packets": [1] } }"#,
        1,
    );
    let report =
        report(&scenario(&parts, &periodic("tcp")), RunOptions { trace: true, ..RunOptions::default() });
    let trace = report.extras.trace.expect("a trace was asked for");
    assert_eq!(trace.nodes, ["a", "b", "r"]);
    let lost = trace.items.iter().find_map(|item| match item {
        TraceItem::Message { label, fate: Some(fate), arrived: None, .. } => {
            Some((label.as_str(), fate.as_str()))
        }
        TraceItem::Message { .. } | TraceItem::Note { .. } => None,
    });
    assert_eq!(lost, Some(("SYN seq 0", "lost")));
    let timer = trace.items.iter().find_map(|item| match item {
        TraceItem::Note { at, text, .. } if text.starts_with("timer: retransmission") => Some(*at),
        TraceItem::Note { .. } | TraceItem::Message { .. } => None,
    });
    // RFC 6298 §2.1: one second after the SYN of time zero.
    assert_eq!(timer, Some(1_000_000_000));
}

#[test]
fn a_limit_on_events_is_told_with_what_to_do() {
    let parts = format!(r#""limits": {{ "events": 100 }}, {LINE}"#);
    let error =
        report(&scenario(&parts, &periodic("udp")), RunOptions::default()).outcome.expect_err("a limit");
    assert!(error.contains("100 events") && error.contains("limits.events"), "{error}");
}

fn coap(options: &str) -> String {
    format!(
        r#"{{ "from": "a", "to": "b", "over": "coap/udp", "options": {{ "coap": {{ {options} }} }},
             "workload": {{ "periodic": {{ "message": "50 B", "every": "100 ms" }} }} }}"#
    )
}

#[test]
fn a_coap_report_costs_nineteen_bytes_on_top_of_udp() {
    for (version, header) in [("v4", 20.0), ("v6", 40.0)] {
        let parts = format!(r#""ip": "{version}", {LINE}"#);
        // Reports that nobody answers have to be let out of the probing rate.
        let options =
            r#""confirmable": false, "token-length": 1, "no-response": true, "probing-rate": "0 bit/s""#;
        let outcome = outcome(&scenario(&parts, &coap(options)));
        assert_eq!(value(&outcome, "messages_delivered"), 100.0, "{version}");
        // 18 of Ethernet, IP, 8 of UDP, 4 + 1 + 8 + 5 + 1 of CoAP for sensors/temp, 50 of payload; No-Response adds 3, for
        // its number is 247 above Uri-Path's.
        let frame = 18.0 + header + 8.0 + 19.0 + 3.0 + 50.0;
        assert_eq!(value(&outcome, "overhead_bytes"), 100.0 * frame, "{version}");
    }
}

#[test]
fn a_coap_server_and_its_clients_go_on_after_reboots() {
    let faults = r#""faults": [ { "at": "3 s", "node": "a", "set": { "reboot": { "off-time": "500 ms" } } },
                                { "at": "6 s", "node": "b", "set": { "reboot": { "off-time": "500 ms" } } } ]"#;
    let outcome = outcome(&scenario(&format!("{LINE}, {faults}"), &coap("")));
    // Five reports are never made while the sensor is off; one may be gone with it. What the server misses is repeated.
    let delivered = value(&outcome, "messages_delivered");
    assert!((94.0..=95.0).contains(&delivered), "{delivered}");
    assert!(value(&outcome, "session_retransmissions") >= 1.0);
}

#[test]
fn a_diagram_shows_what_coap_says() {
    let exchange = r#"{ "from": "a", "to": "b", "over": "coap/udp",
      "options": { "coap": { "method": "get", "path": "temperature", "token-length": 1 } },
      "workload": { "request-response": { "request": "1 B", "response": "2000 B", "messages": 1 } } }"#;
    let report = report(&scenario(LINE, exchange), RunOptions { trace: true, ..RunOptions::default() });
    let trace = report.extras.trace.expect("a trace was asked for");
    let labels: Vec<&str> = trace
        .items
        .iter()
        .filter_map(|item| match item {
            TraceItem::Message { label, .. } => Some(label.as_str()),
            TraceItem::Note { .. } => None,
        })
        .collect();
    // Two blocks, each asked and answered over two links.
    assert_eq!(labels.len(), 8, "{labels:?}");
    assert!(labels[0].starts_with("CON GET MID 0x") && labels[0].ends_with(" /temperature"), "{labels:?}");
    assert!(
        labels[2].starts_with("ACK 2.05 Content MID 0x") && labels[2].ends_with(" 2:0/1/1024 1024 B"),
        "{labels:?}"
    );
    assert!(labels[4].ends_with(" /temperature 2:1/0/1024"), "{labels:?}");
    assert!(labels[6].ends_with(" 2:1/0/1024 976 B"), "{labels:?}");
}

#[test]
fn a_report_to_a_group_reaches_every_coap_server() {
    let parts = r#""nodes": { "a": {}, "s": { "count": 3, "multicast": ["239.1.1.1"], "interfaces": { "e": { "medium": "lan" } } },
                               "b": { "interfaces": { "e": { "medium": "lan" } } } },
      "media": { "lan": { "ethernet": {} } }, "links": [ { "between": ["a", "b"] } ]"#;
    let traffic = r#"{ "from": "b", "to": "239.1.1.1", "over": "coap/udp",
      "workload": { "periodic": { "message": "10 B", "every": "1 s", "messages": 5 } } }"#;
    let outcome = outcome(&scenario(parts, traffic));
    assert_eq!(value(&outcome, "messages_delivered"), 15.0);
}

/// Two files beside the scenario.
struct Beside;

impl Files for Beside {
    fn read(&self, name: &str) -> Result<String, String> {
        match name {
            "tunnel.loss" => Ok("# seconds in a tunnel\n2050 ms, 4050 ms\n7 s, 7001 ms\n".to_owned()),
            "frames.lost" => Ok("3\n7\n".to_owned()),
            _ => Err("there is no such file".to_owned()),
        }
    }
}

#[test]
fn losses_from_a_file_are_those_written_into_the_scenario() {
    // Of the datagrams at 0, 100, 200 ms … those of 2.1 to 4.0 s and that of 7 s are lost: 20 and one.
    let outages = [
        r#"{ "trace-file": "tunnel.loss" }"#,
        r#"{ "trace": [["2050 ms", "4050 ms"], ["7 s", "7001 ms"]] }"#,
    ];
    let numbers = [r#"{ "packets-file": "frames.lost" }"#, r#"{ "packets": [3, 7] }"#];
    for (forms, delivered) in [(outages, 79.0), (numbers, 98.0)] {
        let link = |loss: &str| {
            format!(
                r#""nodes": {{ "a": {{}}, "b": {{}} }}, "links": [ {{ "between": ["a", "b"], "forward": {{ "loss": {loss} }} }} ]"#
            )
        };
        let fault = |loss: &str| {
            format!(
                r#""nodes": {{ "a": {{}}, "b": {{}} }}, "links": [ {{ "name": "up", "between": ["a", "b"] }} ],
                   "faults": [ {{ "at": "0 s", "link": "up", "set": {{ "loss": {loss} }} }} ]"#
            )
        };
        let lan = |loss: &str| {
            format!(
                r#""nodes": {{ "a": {{ "interfaces": {{ "e": {{ "medium": "lan" }} }} }}, "b": {{ "interfaces": {{ "e": {{ "medium": "lan" }} }} }} }},
                   "media": {{ "lan": {{ "ethernet": {{ "arp": {{ "known": true }}, "loss": {loss} }} }} }}"#
            )
        };
        for world in [&link as &dyn Fn(&str) -> String, &fault, &lan] {
            let digests = forms.map(|loss| {
                let text = scenario(&world(loss), &periodic("udp"));
                let plan = Plan::parse(text.as_bytes(), &Overrides::default(), &Beside);
                let plan = plan.unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
                let report = run(&plan, &plan.point(0), 0, RunOptions::default(), &Beside);
                let outcome = report.outcome.expect("the run ends");
                assert_eq!(value(&outcome, "messages_delivered"), delivered, "{text}");
                outcome.digest
            });
            assert_eq!(digests[0], digests[1]);
        }
    }
}

/// The sum of a column over the lines of `flows.csv`.
fn flows_sum(outcome: &Outcome, column: &str, only: impl Fn(&str) -> bool) -> u64 {
    let at = METRICS.iter().position(|metric| metric.column == column).expect("a metric") + 5;
    let lines = outcome.rows["flows.csv"].lines().filter(|line| only(line));
    lines.filter_map(|line| line.split(',').nth(at)?.parse::<u64>().ok()).sum()
}

#[test]
fn the_lines_of_all_flows_and_of_none_add_up_to_all_frames_on_all_links() {
    let parts = r#""nodes": { "a": { "interfaces": { "e": { "medium": "lan" } } },
                              "r": { "interfaces": { "e": { "medium": "lan" } } }, "b": {} },
      "media": { "lan": { "ethernet": {} } },
      "links": [ { "between": ["r", "b"], "rate": "10 Mbit/s", "forward": { "loss": "10 %" } } ]"#;
    for over in ["udp", "tcp", "sctp", "sctp/udp"] {
        let outcome = outcome(&scenario(parts, &periodic(over)));
        let unowned = |line: &str| line.contains(",-,,,");
        assert_eq!(flows_sum(&outcome, "hop_frames", |_| true), outcome.stats.packet_hops, "{over}");
        // Question and answer of ARP, once for each side of the segment at most.
        let alone = flows_sum(&outcome, "hop_frames", unowned);
        assert!((2..=4).contains(&alone), "{over}: {alone}");
        assert_eq!(flows_sum(&outcome, "hop_bytes", unowned), 64 * alone, "{over}");
        assert_eq!(flows_sum(&outcome, "frames", unowned), alone, "{over}");
    }
}
