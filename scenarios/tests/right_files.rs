//! Files without mistakes: what they become.

use std::fs;
use std::path::Path;

use scenarios::language::document::Workload;
use scenarios::language::scenario::{Attachment, Destination, FaultTarget};
use scenarios::language::{Diagnostic, Files, NoFiles, Overrides, Plan, Scenario, render_lines};

fn lossy_uplink() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/right/lossy-uplink.json")).expect("it ships")
}

fn planned(bytes: &[u8], overrides: &Overrides) -> Plan {
    explained(Plan::parse(bytes, overrides, &NoFiles))
}

fn explained<T>(result: Result<T, Vec<Diagnostic>>) -> T {
    result.unwrap_or_else(|diagnostics| panic!("{}", render_lines(&diagnostics, "test.json")))
}

fn scenario(text: &str) -> Scenario {
    let plan = planned(text.as_bytes(), &Overrides::default());
    explained(plan.scenario(&plan.point(0), &NoFiles))
}

fn set(name: &str, value: &str) -> Overrides {
    Overrides { set: vec![(name.to_owned(), value.to_owned())], ..Overrides::default() }
}

#[test]
fn the_points_are_numbered_row_by_row_with_the_last_axis_fastest() {
    let plan = planned(&lossy_uplink(), &Overrides::default());
    assert_eq!((plan.point_count(), plan.replications, plan.seed), (6, 30, 1));
    let names: Vec<String> = plan
        .points()
        .map(|point| {
            let values: Vec<String> = plan.values(&point).into_iter().map(|(_, text)| text).collect();
            format!("{} {}", point.run_name(3), values.join(" "))
        })
        .collect();
    let expected = ["p0000-r03 tcp 0 %", "p0001-r03 tcp 1 %", "p0002-r03 tcp 5 %", "p0003-r03 udp 0 %"];
    assert_eq!(names[..4], expected);
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

#[test]
fn every_name_becomes_a_number_and_back() {
    let plan = planned(&lossy_uplink(), &Overrides::default());
    let scenario = explained(plan.scenario(&plan.point(4), &NoFiles));
    assert_eq!(scenario.node_count(), 53);
    // 50 sensors and the router on the medium, wifi and lte of the phone, one more of the router for each link,
    // and one of the server.
    assert_eq!(scenario.interfaces.len(), 50 + 1 + 2 + 2 + 1);
    assert_eq!(scenario.flows.len(), 50);
    assert_eq!(scenario.flow_name(&scenario.flows[3]), "report:sensor[3]>server");
    assert_eq!(scenario.traffic[0].stack.to_string(), "udp");
    let links: Vec<String> = scenario.links.iter().map(|link| scenario.link_name(link)).collect();
    assert_eq!(links, ["up", "phone-router"]);
    let up = &scenario.profiles[scenario.links[0].profile as usize];
    assert!(up.directions[0].loss.is_some() && up.directions[1].loss.is_none());
    let phone = &scenario.profiles[scenario.links[1].profile as usize];
    let rates =
        phone.directions.each_ref().map(|side| side.rate.expect("both have one").as_bits_per_second());
    assert_eq!(rates, [1_000_000, 4_000_000]);
    for (number, link) in scenario.links.iter().enumerate() {
        for (side, end) in link.ends.iter().enumerate() {
            let attached = scenario.interface(*end).attached;
            assert!(
                matches!(attached, Attachment::Link(id, at) if id.0 as usize == number && usize::from(at) == side)
            );
        }
    }
    assert!(matches!(scenario.faults[0].target, FaultTarget::Link(id) if id.0 == 0));
}

#[test]
fn set_replaces_the_list_of_a_sweep_by_one_value() {
    let plan = planned(&lossy_uplink(), &set("transport", "udp"));
    assert_eq!(plan.point_count(), 3);
    assert_eq!(plan.fixed(), [("transport", "udp".to_owned())]);
    assert_eq!(plan.plots.len(), 1, "the plot lives on without its lines");
    // Nothing can be expected of a point that is not run.
    let plan = planned(&lossy_uplink(), &set("loss", "2 %"));
    assert_eq!((plan.point_count(), plan.expect.len(), plan.plots.len()), (2, 0, 0));
    let plan = planned(&lossy_uplink(), &set("loss", "0 %"));
    assert_eq!(plan.expect.len(), 1);
}

#[test]
fn set_of_an_unknown_parameter_names_the_nearest() {
    let wrong =
        Plan::parse(&lossy_uplink(), &set("los", "0 %"), &NoFiles).expect_err("there is no such parameter");
    assert_eq!(wrong[0].help.as_deref(), Some("did you mean `loss`?"));
}

#[test]
fn zipped_parameters_vary_together() {
    let text = r#"{ "name": "z", "duration": "1 s", "nodes": { "a": {}, "b": {} },
        "links": [{ "between": ["a", "b"], "rate": "$rate", "delay": "$delay" }],
        "traffic": [{ "from": "a", "to": "b", "over": "$over", "workload": { "bulk": {} } }],
        "sweep": { "over": { "rate": ["1 Mbit/s", "2 Mbit/s"], "over": ["tcp", "sctp"], "delay": ["1 ms", "2 ms"] },
                   "zip": [["rate", "delay"]] } }"#;
    let plan = planned(text.as_bytes(), &Overrides::default());
    let points: Vec<Vec<usize>> = plan.points().map(|point| point.choice).collect();
    assert_eq!(points, [[0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1]]);
}

/// Three paths, of which two have one rate, each without and with loss.
const PATHS: &str = r#"{ "name": "z", "duration": "1 s", "nodes": { "a": {}, "b": {} },
    "links": [{ "between": ["a", "b"], "rate": "$rate", "delay": "$delay", "loss": "$loss" }],
    "traffic": [{ "from": "a", "to": "b", "over": "tcp", "workload": { "bulk": {} } }],
    "sweep": { "over": { "rate": ["1 Mbit/s", "1 Mbit/s", "2 Mbit/s"], "delay": ["1 ms", "9 ms", "1 ms"],
                         "loss": ["0 %", "1 %"] },
               "zip": [["rate", "delay"]] } }"#;

#[test]
fn combinations_may_repeat_a_value() {
    let plan = planned(PATHS.as_bytes(), &Overrides::default());
    let points: Vec<Vec<usize>> = plan.points().map(|point| point.choice).collect();
    assert_eq!(points, [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1]]);
    let last: Vec<String> = plan.values(&plan.point(5)).into_iter().map(|(_, value)| value).collect();
    assert_eq!(last, ["2 Mbit/s", "1 ms", "1 %"]);
}

#[test]
fn combinations_that_differ_in_what_is_set_become_one() {
    let plan = planned(PATHS.as_bytes(), &set("delay", "5 ms"));
    let points: Vec<Vec<usize>> = plan.points().map(|point| point.choice).collect();
    assert_eq!(points, [[0, 0], [0, 1], [1, 0], [1, 1]]);
}

#[test]
fn a_million_nodes_by_a_rule_are_resolved() {
    let text = r#"{ "name": "m", "duration": "1 s", "topology": { "n": { "chain": { "nodes": 1000000 } } },
        "traffic": [{ "from": "n[0]", "to": "n[999999]", "over": "tcp", "workload": { "bulk": {} } }] }"#;
    let scenario = scenario(text);
    assert_eq!((scenario.node_count(), scenario.links.len()), (1_000_000, 999_999));
    assert_eq!(scenario.node_name(scenario.flows[0].to_node()), "n[999999]");
}

#[test]
fn a_dumbbell_has_two_routers_and_a_bottleneck() {
    let text = r#"{ "name": "d", "duration": "1 s",
        "topology": { "d": { "dumbbell": { "pairs": 3, "bottleneck": { "rate": "1 Mbit/s" } } } },
        "traffic": [{ "from": "d-left[*]", "to": "d-right[0]", "over": "tcp", "workload": { "bulk": {} } }] }"#;
    let scenario = scenario(text);
    assert_eq!((scenario.node_count(), scenario.links.len(), scenario.flows.len()), (8, 7, 3));
    assert!(scenario.links.iter().any(|link| scenario.link_name(link) == "d-bottleneck"));
    assert_eq!(scenario.flow_name(&scenario.flows[1]), "d-left[1]>d-right[0]");
}

#[test]
fn parallel_flows_and_links_are_numbered() {
    let text = r#"{ "name": "p", "duration": "1 s", "nodes": { "a": {}, "b": {} },
        "links": [{ "between": ["a", "b"] }, { "between": ["a", "b"] }],
        "traffic": [{ "from": "a", "to": "b", "over": "tcp", "count": 2, "workload": { "bulk": {} } },
                    { "from": "a", "to": "b", "over": "tcp", "workload": { "bulk": { "bytes": "1 MB" } } }] }"#;
    let scenario = scenario(text);
    let links: Vec<String> = scenario.links.iter().map(|link| scenario.link_name(link)).collect();
    assert_eq!(links, ["a-b", "a-b#2"]);
    let flows: Vec<String> = scenario.flows.iter().map(|flow| scenario.flow_name(flow)).collect();
    assert_eq!(flows, ["a>b", "a>b#2", "a>b#3"]);
    assert!(matches!(scenario.traffic[1].workload, Workload::Bulk(bulk) if bulk.bytes.is_some()));
}

#[test]
fn every_setting_can_be_given() {
    let text = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/right/everything.json"))
        .expect("it ships");
    struct Trace;
    impl Files for Trace {
        fn read(&self, name: &str) -> Result<String, String> {
            if name == "cell.up" {
                Ok("0\n10\n\n10\n25\n".to_owned())
            } else {
                Err("no such file".to_owned())
            }
        }
    }
    let plan = explained(Plan::parse(&text, &Overrides::default(), &Trace));
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    let scenario = explained(plan.scenario(&plan.point(0), &Trace));
    assert_eq!(scenario.routes.len(), 2);
}

#[test]
fn the_same_file_gives_the_same_scenario() {
    let plan = planned(&lossy_uplink(), &Overrides::default());
    let [one, other] = [0, 1].map(|_| explained(plan.scenario(&plan.point(2), &NoFiles)));
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}

#[test]
fn the_whole_scenarios_of_the_reference_are_right() {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scenario-language.md");
    let text = fs::read_to_string(reference).expect("it ships");
    let blocks =
        text.split("```json\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block);
    let whole: Vec<&str> = blocks.filter(|block| block.contains("\"name\": \"first\"")).collect();
    assert_eq!(whole.len(), 1);
    assert!(planned(whole[0].as_bytes(), &Overrides::default()).warnings.is_empty());
}

fn pairs_of(scenario: &Scenario) -> Vec<(u32, u32)> {
    let pair = |flow: &scenarios::language::scenario::Flow| {
        let Destination::Node(to) = flow.to else { panic!("nobody sends to a group here") };
        (flow.from.node.0, to.node.0)
    };
    scenario.flows.iter().map(pair).collect()
}

fn with_pairs(topology: &str, traffic: &str) -> Scenario {
    scenario(&format!(
        r#"{{ "name": "pairs", "duration": "1 s", "topology": {{ "n": {topology} }},
             "traffic": [ {{ {traffic}, "over": "udp",
                             "workload": {{ "periodic": {{ "message": "64 B", "every": "1/10 s" }} }} }} ] }}"#
    ))
}

#[test]
fn random_pairs_are_as_far_apart_as_asked() {
    let along = r#""from": "n[*]", "to": "n[*]", "pairs": { "random": { "flows": 200, "hops": 10, "onward": true } }"#;
    let chain = with_pairs(r#"{ "chain": { "nodes": 100 } }"#, along);
    let pairs = pairs_of(&chain);
    assert_eq!(pairs.len(), 200);
    assert!(pairs.iter().all(|(from, to)| from + 10 == *to), "{pairs:?}");
    let grid = pairs_of(&with_pairs(r#"{ "grid": { "nodes": 110 } }"#, along));
    // A square of 10 by 10; the way between two nodes has as many links as their columns and rows differ.
    let steps = |a: u32, b: u32| (a % 10).abs_diff(b % 10) + (a / 10).abs_diff(b / 10);
    assert!(grid.iter().all(|(from, to)| *to < 100 && from < to && steps(*from, *to) == 10), "{grid:?}");
    let leaves = r#""from": "n[*]", "to": "n[*]", "pairs": { "random": { "flows": 50, "hops": 2 } }"#;
    let star = pairs_of(&with_pairs(r#"{ "star": { "nodes": 20 } }"#, leaves));
    assert!(star.iter().all(|(from, to)| *from != 0 && *to != 0 && from != to), "{star:?}");
    let again = with_pairs(r#"{ "chain": { "nodes": 100 } }"#, &along.replace("true", "true, \"seed\": 2"));
    assert_ne!(pairs_of(&again), pairs);
    assert_eq!(pairs_of(&with_pairs(r#"{ "chain": { "nodes": 100 } }"#, along)), pairs);
}

#[test]
fn random_pairs_do_not_lead_through_a_node_that_does_not_forward() {
    let text = r#"{ "name": "pairs", "duration": "1 s",
        "nodes": { "a": {}, "b": {}, "c": {}, "deaf": { "forwarding": false }, "e": {} },
        "links": [ { "between": ["a", "b"] }, { "between": ["b", "c"] },
                   { "between": ["a", "deaf"] }, { "between": ["deaf", "e"] } ],
        "traffic": [ { "from": "a", "to": ["c", "e"], "over": "udp", "pairs": { "random": { "flows": 20, "hops": 2 } },
                       "workload": { "periodic": { "message": "64 B", "every": "1 s" } } } ] }"#;
    assert_eq!(pairs_of(&scenario(text)), [(0, 2); 20]);
}

#[test]
fn flows_are_dealt_over_pairs_in_turn() {
    let dealt = |pairs: &str| {
        let traffic = format!(r#""from": "n-left[*]", "to": "n-right[*]", "pairs": {pairs}"#);
        pairs_of(&with_pairs(r#"{ "dumbbell": { "pairs": 3 } }"#, &traffic))
    };
    // Left nodes are 0 to 2, right ones 3 to 5.
    assert_eq!(dealt(r#""one-by-one""#), [(0, 3), (1, 4), (2, 5)]);
    assert_eq!(dealt(r#"{ "one-by-one": { "flows": 4 } }"#), [(0, 3), (1, 4), (2, 5), (0, 3)]);
    assert_eq!(dealt(r#""all""#).len(), 9);
}
