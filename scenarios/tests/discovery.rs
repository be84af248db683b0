//! Neighbour discovery on radios from the scenario file to the result files.

mod lab;

use lab::{outcome, report, value};
use scenarios::run::{Outcome, RunOptions};

/// A border router, a router 50 m behind it, a host at each, and a server beyond the border router.
fn row(discovery: &str, mac: &str, traffic: &str, more: &str) -> String {
    format!(
        r#"{{ "name": "test", "duration": "600 s", "drain": "20 s", "warm-up": "60 s", "ip": "v6", "sweep": {{ "seed": 5 }},
          "nodes": {{
            "border": {{ "forwarding": true, "place": {{ "at": ["20 m", "0 m"] }}, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "hop": {{ "forwarding": true, "place": {{ "at": ["70 m", "0 m"] }}, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "near": {{ "place": {{ "at": ["10 m", "5 m"] }}, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "far": {{ "place": {{ "at": ["120 m", "5 m"] }}, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "server": {{}} }},
          "media": {{ "air": {{ "802.15.4": {{ "busy-above": "-92 dBm", {mac} {discovery},
            "propagation": {{ "log-distance": {{ "exponent": 3, "reference": "40 dB" }} }} }} }} }},
          "links": [ {{ "between": ["border", "server"], "rate": "10 Mbit/s", "delay": "5 ms" }} ],
          "traffic": [ {traffic} ] {more} }}"#
    )
}

fn flow(from: &str, to: &str) -> String {
    format!(
        r#"{{ "name": "{from}-{to}", "from": "{from}", "to": "{to}", "over": "udp",
             "workload": {{ "periodic": {{ "message": "40 B", "every": "5 s" }} }} }}"#
    )
}

/// The cell of `registrations.csv` in the line of a node.
fn cell(outcome: &Outcome, node: &str, column: &str) -> String {
    let columns = "run,medium,node,role,joined_ns,router,addresses,registered_now,refused_by,neighbours,neighbours_most,registry,\
                   router_solicitations,router_advertisements,neighbor_solicitations,neighbor_advertisements,duplicate_requests";
    let place = columns.split(',').position(|name| name == column).expect("there is such a column");
    let line = outcome.rows["registrations.csv"].lines().find(|line| line.split(',').nth(2) == Some(node));
    line.and_then(|line| line.split(',').nth(place)).unwrap_or_default().to_owned()
}

// Holds: RFC 6775 5.6-a, 6.5.4-a, 6.4-a; RFC 8505 5.7-e
#[test]
fn messages_go_up_down_and_across_once_addresses_are_registered() {
    for standard in ["rfc6775", "rfc8505"] {
        for mac in ["", r#""mac": { "duty-cycle": "polling" },"#, r#""mac": { "duty-cycle": "contikimac" },"#]
        {
            let discovery = format!(r#""neighbour-discovery": "{standard}""#);
            for (from, to) in
                [("far", "server"), ("server", "far"), ("near", "far"), ("far", "near"), ("hop", "near")]
            {
                let outcome = outcome(&row(&discovery, mac, &flow(from, to), ""));
                // A router's frames to a host that sleeps get lost with ContikiMAC without neighbour discovery too: 0.85.
                let least = if mac.contains("contikimac") { 0.8 } else { 0.97 };
                assert!(value(&outcome, "delivered_fraction") > least, "{standard} {mac}: {from} to {to}");
                assert_eq!(
                    (cell(&outcome, "near", "router"), cell(&outcome, "far", "router")),
                    ("border".into(), "hop".into())
                );
                assert_eq!(cell(&outcome, "border", "registry"), "3");
            }
        }
    }
}

#[test]
fn rpl_carries_what_hosts_have_registered_with_their_routers() {
    for mode in ["storing", "non-storing"] {
        for (from, to) in [("far", "server"), ("server", "far"), ("near", "far"), ("server", "hop")] {
            let discovery = format!(
                r#""neighbour-discovery": "rfc8505", "routing": "rpl", "rpl": {{ "mode": "{mode}", "trickle": {{ "interval-min": "512 ms" }} }}"#
            );
            let outcome = outcome(&row(&discovery, "", &flow(from, to), ""));
            assert!(value(&outcome, "delivered_fraction") > 0.97, "{mode}: {from} to {to}");
            assert_eq!(cell(&outcome, "far", "router"), "hop");
            let spoke =
                outcome.rows["rpl.csv"].lines().find(|line| line.contains(",far,")).unwrap_or_default();
            assert!(spoke.contains(",leaf,,,,,"), "the host takes no part in RPL: {spoke}");
        }
    }
}

// Holds: RFC 6775 5.5.3-c
#[test]
fn a_claimed_address_is_refused_over_two_hops_and_its_owner_served() {
    let discovery = r#""neighbour-discovery": "rfc8505", "registration": { "claims": { "far": "near" } }"#;
    let faults = r#", "faults": [ { "at": "0 s", "node": "far", "set": { "down": true } },
                                  { "at": "30 s", "node": "far", "set": { "down": false } } ]"#;
    let outcome = outcome(&row(discovery, "", &flow("server", "near"), faults));
    assert!(value(&outcome, "delivered_fraction") > 0.99);
    assert_eq!(cell(&outcome, "far", "refused_by"), "duplicate address");
    assert_eq!(cell(&outcome, "far", "registered_now"), "2");
    assert_eq!(cell(&outcome, "near", "refused_by"), "");
}

#[test]
fn a_host_without_room_at_its_router_sends_nothing() {
    // With RFC 8505 the router behind the border router takes two entries, so that three leave one to a host that comes later.
    let discovery = r#""neighbour-discovery": "rfc8505", "registration": { "neighbours": 3 }"#;
    let faults = r#", "faults": [ { "at": "0 s", "node": "near", "set": { "down": true } },
                                  { "at": "30 s", "node": "near", "set": { "down": false } } ]"#;
    let outcome = outcome(&row(discovery, "", &flow("near", "server"), faults));
    assert_eq!(
        (cell(&outcome, "near", "registered_now"), cell(&outcome, "near", "joined_ns")),
        ("0".into(), String::new())
    );
    assert_eq!(value(&outcome, "delivered_fraction"), 0.0);
}

#[test]
fn a_router_that_fails_is_replaced_and_hosts_come_back_to_one_that_restarts() {
    let discovery = r#""neighbour-discovery": "rfc8505", "registration": { "lifetime": "1 min" }"#;
    let faults = r#", "faults": [ { "at": "100 s", "node": "hop", "set": { "down": true } },
                                  { "at": "200 s", "node": "hop", "set": { "down": false } } ]"#;
    let outcome = outcome(&row(discovery, "", &flow("server", "far"), faults));
    // 100 s of 540 are lost, and what it takes until both have joined again: a minute of back-off at most.
    let delivered = value(&outcome, "delivered_fraction");
    assert!((0.6..0.83).contains(&delivered), "{delivered}");
    assert_eq!(cell(&outcome, "far", "router"), "hop");
}

#[test]
fn what_is_not_set_costs_nothing_and_what_is_does() {
    let bytes = |outcome: &Outcome| {
        let lines = outcome.rows["overhead.csv"].lines().filter(|line| line.contains(",ndp,"));
        lines.filter_map(|line| line.split(',').nth(5)?.parse::<u64>().ok()).sum::<u64>()
    };
    let off = outcome(&row(r#""neighbour-discovery": "none""#, "", &flow("far", "server"), ""));
    assert_eq!((bytes(&off), off.rows["registrations.csv"].as_str()), (0, ""));
    let spent = |lifetime: &str| {
        let discovery =
            format!(r#""neighbour-discovery": "rfc8505", "registration": {{ "lifetime": "{lifetime}" }}"#);
        bytes(&outcome(&row(&discovery, "", &flow("far", "server"), "")))
    };
    let (short, long) = (spent("1 min"), spent("60 min"));
    assert!(long > 500 && short > 2 * long, "{short} {long}");
}

#[test]
fn the_sequence_diagram_names_registrations_and_their_answers() {
    let options = RunOptions { trace: true, ..RunOptions::default() };
    let report = report(&row(r#""neighbour-discovery": "rfc8505""#, "", &flow("far", "server"), ""), options);
    let trace = format!("{:?}", report.extras.trace.expect("a trace was asked for"));
    for label in [
        "router solicitation",
        "router advertisement, 1800 s",
        "registration for 10 min, TID 241",
        "registration: success",
        "duplicate address?",
        "no duplicate",
    ] {
        assert!(trace.contains(label), "{label}");
    }
}
