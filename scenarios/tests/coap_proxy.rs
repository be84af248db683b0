//! A proxy that observes for its clients (RFC 7641 §5): they all hear of every state, and the sensor tells one of them.

mod lab;

use lab::value;
use scenarios::run::RunOptions;

fn scenario(clients: u32, loss: &str) -> String {
    format!(
        r#"{{ "name": "proxied", "about": "What does the sensor send?", "duration": "100 s", "drain": "30 s",
            "nodes": {{ "client": {{ "count": {clients} }}, "gateway": {{ "services": {{ "coap-proxy": {{}} }} }},
              "sensor": {{ "services": {{ "coap-server": {{ "resources": {{ "door": {{ "changes": "10 s" }} }} }} }} }} }},
            "links": [ {{ "between": ["client[*]", "gateway"], "delay": "2 ms" }},
                       {{ "name": "air", "between": ["gateway", "sensor"], "delay": "20 ms", "loss": "{loss}" }} ],
            "traffic": [ {{ "from": "client[*]", "to": "sensor", "over": "coap/udp",
              "options": {{ "coap": {{ "path": "door", "proxy": "gateway" }} }},
              "workload": {{ "observe": {{ "start": "uniform within 5 s" }} }} }} ] }}"#
    )
}

/// Frames that the sensor's side of the air carried: from the gateway, and from the sensor.
fn on_the_air(rows: &std::collections::BTreeMap<String, String>) -> Vec<u64> {
    let lines = rows["links.csv"].lines().filter(|line| line.contains("air"));
    lines.filter_map(|line| line.split(',').find_map(|cell| cell.parse().ok())).collect()
}

// Holds: RFC 7641 5-a, 5-b
#[test]
fn a_proxy_observes_once_for_all_its_clients() {
    let mut air = Vec::new();
    for clients in [1, 8] {
        let outcome = lab::outcome(&scenario(clients, "0 %"));
        // States of 10, 20, … 90 s; the one at 100 s is no longer within the duration.
        assert_eq!(value(&outcome, "messages_delivered"), f64::from(clients * 9), "{clients} clients");
        assert_eq!(value(&outcome, "session_failed"), 0.0);
        air.push(on_the_air(&outcome.rows));
    }
    assert_eq!(air[0], air[1], "eight clients cost the sensor what one does");
}

#[test]
fn clients_hear_of_the_last_state_through_loss() {
    for replication in 0..20 {
        let plan = lab::plan(&scenario(3, "10 %"));
        let options = RunOptions::default();
        let report =
            scenarios::run::run(&plan, &plan.point(0), replication, options, &scenarios::language::NoFiles);
        let outcome = report.outcome.expect("the run comes to its end");
        // Non-confirmable notifications are lost now and then, for all clients alike; those that come are told to all.
        let delivered = value(&outcome, "messages_delivered");
        assert!(delivered >= 9.0 && delivered % 3.0 == 0.0, "replication {replication}: {delivered}");
    }
}

/// Reports and questions by way of a gateway, with what its proxy says.
fn through(origin: &str, workload: &str) -> String {
    format!(
        r#"{{ "name": "reverse", "about": "What comes through?", "duration": "100 s", "drain": "30 s",
            "nodes": {{ "client": {{ "count": 5 }}, "gateway": {{ "services": {{ "coap-proxy": {{ {origin} }} }} }},
              "sensor": {{ "services": {{ "coap-server": {{ "resources": {{ "door": {{ "size": "20 B", "writable": true }} }} }} }} }} }},
            "links": [ {{ "between": ["client[*]", "gateway"], "delay": "2 ms" }},
                       {{ "name": "air", "between": ["gateway", "sensor"], "delay": "20 ms" }} ],
            "traffic": [ {{ "from": "client[*]", "to": "sensor", "over": "coap/udp",
              "options": {{ "coap": {{ "path": "door", "proxy": "gateway" }} }}, "workload": {workload} }} ] }}"#
    )
}

// Holds: RFC 7252 5.7.3-a
#[test]
fn a_reverse_proxy_does_what_a_forward_proxy_does_and_its_clients_say_less() {
    let question = r#"{ "poll": { "every": "10 s", "start": "uniform" } }"#;
    let report = r#"{ "periodic": { "message": "20 B", "every": "10 s", "start": "uniform" } }"#;
    for workload in [question, report] {
        let forward = lab::outcome(&through("", workload));
        let reverse = lab::outcome(&through(r#""origin": "sensor""#, workload));
        for outcome in [&forward, &reverse] {
            assert_eq!(value(outcome, "messages_delivered"), 50.0, "{workload}");
            assert_eq!(value(outcome, "session_failed"), 0.0, "{workload}");
        }
        assert_eq!(on_the_air(&forward.rows), on_the_air(&reverse.rows), "the sensor is asked as often");
        // Proxy-Scheme "coap" and Uri-Host "10.0.0.x" are left out: 1 + 2 + 4 and 1 + 8 bytes or more of each request.
        let saved = value(&forward, "session_option_bytes") - value(&reverse, "session_option_bytes");
        assert!(saved >= 50.0 * 15.0, "{workload}: {saved} bytes");
    }
}
