//! Whole runs: what comes out of a scenario.

mod lab;

use lab::{metric, plan};
use scenarios::language::{NoFiles, Overrides, Plan};
use scenarios::run::{Outcome, RunOptions, run};

const LOSSY: &str = r#"{
  "name": "two-ways", "about": "What does loss do?", "duration": "20 s", "drain": "60 s",
  "parameters": { "over": "udp", "loss": "0 %" },
  "nodes": { "a": {}, "b": {}, "c": {} },
  "links": [
    { "between": ["a", "b"], "rate": "1 Mbit/s", "delay": "10 ms", "loss": "$loss" },
    { "between": ["b", "c"], "rate": "10 Mbit/s", "delay": "5 ms" }
  ],
  "traffic": [ { "name": "report", "from": "a", "to": "c", "over": "$over",
                 "workload": { "periodic": { "message": "100 B", "every": "100 ms" } } } ],
  "sweep": { "over": { "over": ["udp", "tcp"], "loss": ["0 %", "20 %"] }, "replications": 2 }
}"#;

fn outcome(plan: &Plan, point: usize, replication: u32, options: RunOptions) -> Outcome {
    run(plan, &plan.point(point), replication, options, &NoFiles).outcome.expect("the run ends")
}

#[test]
fn udp_loses_what_the_link_loses_and_tcp_does_not() {
    let plan = plan(LOSSY);
    let quiet = RunOptions::default();
    assert_eq!(metric(&outcome(&plan, 0, 0, quiet), "delivered_fraction"), Some(1.0));
    // 200 messages, each lost with 20 %: 160 with a deviation of 5.7; five of them are 29.
    let lossy = metric(&outcome(&plan, 1, 0, quiet), "messages_delivered").unwrap();
    assert!((131.0..190.0).contains(&lossy), "{lossy}");
    for point in [2, 3] {
        assert_eq!(metric(&outcome(&plan, point, 0, quiet), "delivered_fraction"), Some(1.0));
    }
}

#[test]
fn the_latency_of_a_datagram_is_that_of_its_frames() {
    let plan = plan(LOSSY);
    let latency = metric(&outcome(&plan, 0, 0, RunOptions::default()), "latency_p50_ns").unwrap();
    // 100 + 8 + 20 bytes of packet, 146 in an Ethernet frame, 154 with the preamble: 1.232 ms at 1 Mbit/s
    // and 0.1232 ms at 10; 15 ms of propagation. The gap comes behind the frame.
    assert_eq!(latency, 15e6 + 1_232_000.0 + 123_200.0);
}

#[test]
fn who_looks_on_does_not_change_the_digest() {
    let plan = plan(LOSSY);
    for point in 0..4 {
        let alone = outcome(&plan, point, 1, RunOptions::default());
        for options in [
            RunOptions { capture: true, ..RunOptions::default() },
            RunOptions { trace: true, ..RunOptions::default() },
            RunOptions { series: true, ..RunOptions::default() },
            RunOptions { capture: true, trace: true, series: true },
        ] {
            let watched = outcome(&plan, point, 1, options);
            assert_eq!(
                (watched.digest, &watched.rows),
                (alone.digest, &alone.rows),
                "{options:?} at point {point}"
            );
        }
        let other = outcome(&plan, point, 0, RunOptions::default());
        assert_ne!(other.digest, alone.digest, "another replication of point {point}");
    }
}

/// Each of the workloads, with messages that fit a datagram and such that do not.
const WORKLOADS: [&str; 12] = [
    r#"{ "periodic": { "message": "64 B", "every": "100 ms", "messages": 20 } }"#,
    r#"{ "periodic": { "message": "20 KB", "every": "1 s" } }"#,
    r#"{ "poisson": { "message": { "uniform": ["0 B", "3 KB"] }, "every": "200 ms" } }"#,
    r#"{ "on-off": { "message": "64 B", "every": "100 ms", "on": "1 s", "off": { "exponential": "1 s" } } }"#,
    r#"{ "trace": [["1 s", "64 B"], ["1 s", "1 B"], ["4 s", "0 B"]] }"#,
    r#"{ "bulk": {} }"#,
    r#"{ "bulk": { "bytes": "50 KB", "start": "1 s" } }"#,
    r#"{ "bulk": { "for": "2 s" } }"#,
    r#"{ "request-response": { "request": "20 B", "response": "100 B", "every": "500 ms" } }"#,
    r#"{ "request-response": { "request": "0 B", "response": "5 KB", "think": "100 ms", "processing": "3 s" } }"#,
    r#"{ "poll": { "every": "1 s" } }"#,
    r#"{ "observe": {} }"#,
];

#[test]
fn every_workload_over_every_stack_ends_or_is_refused() {
    let carried = scenarios::language::carried();
    let stacks = carried.iter().map(|&name| name.to_owned());
    let pairs = carried.iter().flat_map(|top| carried.iter().map(move |below| format!("{top}/{below}")));
    let (mut ran, mut refused) = (0, 0);
    for (over, workload) in
        stacks.chain(pairs).flat_map(|over| WORKLOADS.map(|workload| (over.clone(), workload)))
    {
        let text = format!(
            r#"{{ "name": "any", "duration": "6 s", "drain": "3 s",
                 "nodes": {{ "a": {{}}, "b": {{ "services": {{ "coap-server": {{}} }} }} }},
                 "links": [ {{ "between": ["a", "b"], "rate": "1 Mbit/s", "delay": "10 ms", "loss": "2 %" }} ],
                 "traffic": [ {{ "from": "a", "to": "b", "over": "{over}", "workload": {workload},
                              "options": {{ "coap": {{ "path": "observe" }} }} }} ],
                 "faults": [ {{ "at": "2 s", "node": "b", "set": "reboot" }},
                             {{ "at": "4 s", "node": "a", "set": "reboot" }} ] }}"#
        );
        match Plan::parse(text.as_bytes(), &Overrides::default(), &NoFiles) {
            Ok(plan) => {
                outcome(&plan, 0, 0, RunOptions::default());
                ran += 1;
            }
            Err(reasons) => {
                assert!(!reasons.is_empty(), "{over} with {workload} is refused without a reason");
                refused += 1;
            }
        }
    }
    assert!(ran >= 20 && refused >= 20, "{ran} ran, {refused} were refused");
}
