//! RPL over receivers that sleep: a graph of sixteen nodes forms over each way to sleep, and messages go up and down in it.

mod lab;

use lab::{outcome, value};

/// The lesson's field, with a sleeping medium access of its own, in which a flow goes one way.
fn field(mac: &str, from: &str, to: &str) -> String {
    format!(
        r#"{{ "name": "test", "duration": "10 min", "drain": "60 s", "warm-up": "5 min", "ip": "v6", "sweep": {{ "seed": 3 }},
          "nodes": {{
            "border": {{ "forwarding": true, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "hop": {{ "count": 9, "forwarding": true, "place": {{ "grid": "50 m" }}, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "mote": {{ "count": 6, "place": {{ "circle": "70 m" }}, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "server": {{}} }},
          "media": {{ "air": {{ "802.15.4": {{ "busy-above": "-92 dBm", "routing": "rpl", "mac": {{ {mac} }},
            "propagation": {{ "log-distance": {{ "exponent": 3, "reference": "40 dB" }} }} }} }} }},
          "links": [ {{ "between": ["border", "server"], "rate": "10 Mbit/s", "delay": "5 ms" }} ],
          "traffic": [ {{ "from": "{from}", "to": "{to}", "over": "udp",
                         "workload": {{ "periodic": {{ "message": "30 B", "every": "60 s", "start": "uniform" }} }} }} ] }}"#
    )
}

/// Holds each way to sleep against the least share of messages that has to arrive, up and down.
fn delivers(mac: &str, up: f64, down: f64) {
    for (from, to, least) in [("mote[*]", "server", up), ("server", "mote[*]", down)] {
        let outcome = outcome(&field(mac, from, to));
        // run,medium,node,east_m,north_m,role,root,…
        let roots = outcome.rows["rpl.csv"].lines().filter(|line| line.split(',').nth(6) == Some("border"));
        assert_eq!(roots.count(), 16, "{mac}: all are in the graph\n{}", outcome.rows["rpl.csv"]);
        let share = value(&outcome, "delivered_fraction");
        assert!(share >= least, "{mac}: {share} of {from} to {to}");
    }
}

#[test]
fn a_graph_forms_and_delivers_over_contikimac() {
    delivers(r#""duty-cycle": "contikimac", "routers-sleep": true"#, 0.95, 0.95);
}

#[test]
fn a_graph_forms_and_delivers_over_x_mac() {
    delivers(r#""duty-cycle": "x-mac", "routers-sleep": true"#, 0.95, 0.95);
}

#[test]
fn a_graph_forms_and_delivers_over_tsch() {
    for schedule in ["minimal", "orchestra"] {
        let tsch = format!(r#""tsch": {{ "schedule": "{schedule}", "beacon-every": "2 s" }}"#);
        delivers(&format!(r#""duty-cycle": "tsch", {tsch}"#), 0.95, 0.95);
    }
}

#[test]
fn a_graph_forms_and_delivers_to_children_that_poll() {
    delivers(r#""duty-cycle": "polling""#, 0.95, 0.95);
}
