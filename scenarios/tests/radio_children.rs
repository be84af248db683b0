//! Sleepy children whose parent fails, or that walk away from it: they find another, over shortest paths and over RPL.

mod lab;

use lab::{outcome, value};

/// Two routers beside a border router, and a child that reaches both; it first polls the one that `fault` names.
fn field(routing: &str, from: &str, to: &str, movement: &str, more: &str) -> String {
    format!(
        r#"{{ "name": "test", "duration": "10 min", "drain": "30 s", "warm-up": "30 s", "ip": "v6", "sweep": {{ "seed": 4 }},
          "nodes": {{
            "border": {{ "forwarding": true, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "hop": {{ "count": 6, "forwarding": true, "place": {{ "line": "40 m" }},
                      "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "child": {{ "place": {{ "at": ["60 m", "20 m"] }} {movement}, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "server": {{}} }},
          "media": {{ "air": {{ "802.15.4": {{ "busy-above": "-92 dBm", "routing": "{routing}", "mac": {{ "duty-cycle": "polling" }},
            "propagation": {{ "log-distance": {{ "exponent": 3, "reference": "40 dB" }} }} }} }} }},
          "links": [ {{ "between": ["border", "server"], "rate": "10 Mbit/s", "delay": "5 ms" }} ],
          "traffic": [ {{ "from": "{from}", "to": "{to}", "over": "udp",
                         "workload": {{ "periodic": {{ "message": "30 B", "every": "5 s" }} }} }} ] {more} }}"#
    )
}

#[test]
fn a_child_whose_parent_fails_is_reached_over_another() {
    for routing in ["shortest-path", "rpl"] {
        for (from, to) in [("server", "child"), ("child", "server")] {
            // All that it can reach but the last fail, one after the other.
            let faults = r#", "faults": [ { "at": "150 s", "node": "hop[1]", "set": { "down": true } },
                { "at": "300 s", "node": "hop[1]", "set": { "down": false } },
                { "at": "400 s", "node": "hop[2]", "set": { "down": true } } ]"#;
            let outcome = outcome(&field(routing, from, to, "", faults));
            let share = value(&outcome, "delivered_fraction");
            // Some ten seconds of ten minutes each time.
            assert!(share > 0.94, "{routing}, {from} to {to}: {share}");
        }
    }
}

#[test]
fn a_child_that_walks_along_a_row_of_routers_changes_its_parent() {
    let walk = r#", "movement": { "waypoints": [ { "to": ["200 m", "20 m"], "speed": "0.4 m/s" } ] }"#;
    for routing in ["shortest-path", "rpl"] {
        for (from, to) in [("server", "child"), ("child", "server")] {
            let outcome = outcome(&field(routing, from, to, walk, ""));
            let share = value(&outcome, "delivered_fraction");
            assert!(share > 0.85, "{routing}, {from} to {to}: {share}");
        }
    }
}
