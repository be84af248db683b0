//! RPL on radios from the scenario file to the result files.

mod lab;

use lab::{outcome, value};
use scenarios::run::Outcome;

/// A border router, four routers in a row of 50 m each, a leaf behind the last, and a server beyond the first.
fn row(rpl: &str, traffic: &str, more: &str) -> String {
    format!(
        r#"{{ "name": "test", "duration": "120 s", "drain": "70 s", "warm-up": "30 s", "ip": "v6", "sweep": {{ "seed": 5 }},
          "nodes": {{
            "border": {{ "forwarding": true, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "hop": {{ "count": 4, "forwarding": true, "place": {{ "line": "50 m" }},
                      "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "leaf": {{ "place": {{ "at": ["250 m", "5 m"] }}, "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "server": {{}} }},
          "media": {{ "air": {{ "802.15.4": {{ "busy-above": "-92 dBm", "routing": "rpl",
            "rpl": {{ "trickle": {{ "interval-min": "512 ms" }} {rpl} }},
            "propagation": {{ "log-distance": {{ "exponent": 3, "reference": "40 dB" }} }} }} }} }},
          "links": [ {{ "between": ["border", "server"], "rate": "10 Mbit/s", "delay": "5 ms" }} ],
          "traffic": [ {traffic} ] {more} }}"#
    )
}

fn flow(from: &str, to: &str, over: &str, message: &str) -> String {
    format!(
        r#"{{ "name": "{from}-{to}", "from": "{from}", "to": "{to}", "over": "{over}",
             "workload": {{ "periodic": {{ "message": "{message}", "every": "3 s" }} }} }}"#
    )
}

/// The cell of `rpl.csv` in the line of a node.
fn cell(outcome: &Outcome, node: &str, column: &str) -> String {
    let columns =
        "run,medium,node,east_m,north_m,role,root,version,rank,parent,hops,parents,neighbours,routes,dios";
    let place = columns.split(',').position(|name| name == column).expect("there is such a column");
    let line = outcome.rows["rpl.csv"].lines().find(|line| line.split(',').nth(2) == Some(node));
    line.and_then(|line| line.split(',').nth(place)).unwrap_or_default().to_owned()
}

#[test]
fn messages_go_up_and_down_in_both_modes_over_five_hops() {
    for mode in ["storing", "non-storing"] {
        let flows = [
            flow("server", "leaf", "udp", "40 B"),
            flow("leaf", "hop[0]", "udp", "40 B"),
            flow("border", "leaf", "udp", "300 B"),
            flow("leaf", "border", "udp", "40 B"),
            flow("leaf", "server", "udp", "40 B"),
        ];
        for flow in &flows {
            let outcome = outcome(&row(&format!(r#", "mode": "{mode}""#), flow, ""));
            assert!(value(&outcome, "delivered_fraction") > 0.98, "{mode}: {flow}");
        }
        let outcome = outcome(&row(&format!(r#", "mode": "{mode}""#), &flows[4], ""));
        assert_eq!(cell(&outcome, "leaf", "hops"), "5", "{mode}");
        assert_eq!(
            (cell(&outcome, "leaf", "role"), cell(&outcome, "leaf", "dios")),
            ("leaf".into(), "0".into())
        );
        // One hop more is one increase of 256 where every frame is confirmed at the first try.
        assert_eq!(cell(&outcome, "border", "rank"), "256");
        assert_eq!(cell(&outcome, "hop[0]", "rank"), "512");
        let routes = if mode == "storing" { "4" } else { "0" };
        assert_eq!(
            cell(&outcome, "hop[0]", "routes"),
            routes,
            "{mode}: three routers and the leaf are behind it"
        );
        assert_eq!(cell(&outcome, "border", "routes"), "5", "{mode}");
    }
}

#[test]
fn without_routes_downwards_only_the_way_up_works() {
    let flows = [flow("leaf", "server", "udp", "40 B"), flow("server", "leaf", "udp", "40 B")];
    let outcome = outcome(&row(r#", "mode": "no-downward-routes""#, &flows.join(","), ""));
    let share = |name: &str| {
        let mut lines = outcome.rows["flows.csv"].lines();
        let line = lines.find(|line| line.contains(name)).expect("there is such a flow");
        line.split(',').nth(7).expect("a flow has its share").parse::<f64>().expect("a number")
    };
    assert!(share("leaf-server") > 0.98);
    assert_eq!(share("server-leaf"), 0.0);
}

#[test]
fn the_option_costs_eight_bytes_on_each_hop() {
    let outcome = outcome(&row("", &flow("hop[0]", "server", "udp", "40 B"), ""));
    // MAC 9 and check sequence 2. IPv6: 2 of IPHC, 16 for the server, whose prefix is no context; the option's header: its
    // code, the length and 6 of option (RFC 6282 §4.2), 8 in all.
    let line = |layer: &str| {
        let mut lines = outcome.rows["overhead.csv"].lines();
        let cells = lines.find(|line| line.contains(layer)).unwrap_or_default();
        let cells: Vec<u64> = cells.rsplit(',').take(2).map(|cell| cell.parse().expect("a number")).collect();
        cells[1] / cells[0]
    };
    assert_eq!(line("hop[0]-server,network,ipv6,data"), 2 + 16 + 8);
    assert_eq!(line("hop[0]-server,transport,udp,data"), 7);
    assert_eq!(line("hop[0]-server,application,data,data"), 40);
    assert!(outcome.rows["overhead.csv"].contains(",-,network,rpl,control,"), "RPL's messages are its own");
}

#[test]
fn another_way_is_found_when_a_router_fails_and_left_when_it_is_back() {
    // A second row beside the first.
    let text = row("", &flow("leaf", "server", "udp", "40 B"), r#", "faults": [ { "at": "50 s", "node": "hop[1]", "set": { "down": true }, "until": "75 s" },
                                    { "at": "90 s", "node": "side", "set": { "down": true }, "until": "115 s" } ]"#)
        .replace(
            r#""leaf": {"#,
            r#""side": { "forwarding": true, "place": { "at": ["100 m", "30 m"] }, "interfaces": { "r0": { "medium": "air" } } },
               "leaf": {"#,
        );
    let outcome = outcome(&text);
    assert!(value(&outcome, "delivered_fraction") > 0.9, "{}", outcome.rows["flows.csv"]);
    let changes: u64 = outcome.rows["rpl.csv"]
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').nth(4).expect("a cell").parse::<u64>().expect("a number"))
        .sum();
    assert!(changes > 0, "somebody has changed its parent");
}

#[test]
fn nodes_choose_the_nearer_of_two_border_routers_and_are_reached_over_it() {
    let text = r#"{ "name": "test", "duration": "90 s", "drain": "20 s", "warm-up": "30 s", "ip": "v6",
      "nodes": {
        "left": { "forwarding": true, "interfaces": { "r0": { "medium": "air" } } },
        "hop": { "count": 4, "forwarding": true, "place": { "line": "50 m" }, "interfaces": { "r0": { "medium": "air" } } },
        "right": { "forwarding": true, "place": { "at": ["250 m", "0 m"] }, "interfaces": { "r0": { "medium": "air" } } },
        "server": {} },
      "media": { "air": { "802.15.4": { "busy-above": "-92 dBm", "routing": "rpl",
        "rpl": { "trickle": { "interval-min": "512 ms" } },
        "propagation": { "log-distance": { "exponent": 3, "reference": "40 dB" } } } } },
      "links": [ { "between": ["left", "server"], "rate": "10 Mbit/s", "delay": "5 ms" },
                 { "between": ["right", "server"], "rate": "10 Mbit/s", "delay": "5 ms" } ],
      "traffic": [ { "from": "server", "to": "hop[*]", "over": "udp",
                     "workload": { "periodic": { "message": "40 B", "every": "2 s" } } } ] }"#;
    let outcome = outcome(text);
    assert_eq!(value(&outcome, "delivered_fraction"), 1.0);
    let roots = [0, 1, 2, 3].map(|node| cell(&outcome, &format!("hop[{node}]"), "root"));
    assert_eq!(roots, ["left", "left", "right", "right"]);
}
