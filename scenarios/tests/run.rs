//! Whole runs: what comes out of a scenario.

use scenarios::language::{METRICS, NoFiles, Overrides, Plan};
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

fn plan(text: &str) -> Plan {
    Plan::parse(text.as_bytes(), &Overrides::default(), &NoFiles).expect("the scenario is right")
}

fn outcome(plan: &Plan, point: usize, replication: u32, options: RunOptions) -> Outcome {
    run(plan, &plan.point(point), replication, options, &NoFiles).outcome.expect("the run ends")
}

fn value(outcome: &Outcome, column: &str) -> Option<f64> {
    let index = METRICS.iter().position(|metric| metric.column == column).expect("a metric");
    outcome.metrics[index]
}

#[test]
fn udp_loses_what_the_link_loses_and_tcp_does_not() {
    let plan = plan(LOSSY);
    let quiet = RunOptions::default();
    assert_eq!(value(&outcome(&plan, 0, 0, quiet), "delivered_fraction"), Some(1.0));
    // 200 messages, each lost with 20 %: 160 with a deviation of 5.7; five of them are 29.
    let lossy = value(&outcome(&plan, 1, 0, quiet), "messages_delivered").unwrap();
    assert!((131.0..190.0).contains(&lossy), "{lossy}");
    for point in [2, 3] {
        assert_eq!(value(&outcome(&plan, point, 0, quiet), "delivered_fraction"), Some(1.0));
    }
}

#[test]
fn the_latency_of_a_datagram_is_that_of_its_frames() {
    let plan = plan(LOSSY);
    let latency = value(&outcome(&plan, 0, 0, RunOptions::default()), "latency_p50_ns").unwrap();
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
