//! Every method that a scenario may name brings its messages, and is answered by its success.

mod lab;

use scenarios::record::TraceItem;
use scenarios::run::RunOptions;

/// The labels of what the server sends in reply to one request by `method`.
fn reply(method: &str, workload: &str) -> Vec<String> {
    let text = format!(
        r#"{{ "name": "methods", "about": "Does the method arrive?", "duration": "10 s",
            "nodes": {{ "a": {{}}, "b": {{}} }}, "links": [ {{ "between": ["a", "b"], "delay": "5 ms" }} ],
            "traffic": [ {{ "from": "a", "to": "b", "over": "coap/udp",
              "options": {{ "coap": {{ "method": "{method}" }} }}, "workload": {workload} }} ] }}"#
    );
    let trace = lab::report(&text, RunOptions { trace: true, ..RunOptions::default() }).extras.trace;
    let items = trace.expect("a trace was asked for").items.into_iter();
    let from_server = items.filter_map(|item| match item {
        TraceItem::Message { from: 1, label, .. } => Some(label),
        TraceItem::Message { .. } | TraceItem::Note { .. } => None,
    });
    from_server.collect()
}

// Holds: RFC 8132 3-c
#[test]
fn methods_that_bring_something_are_answered_by_changed() {
    for method in ["put", "post", "patch", "ipatch"] {
        let answers = reply(method, r#"{ "periodic": { "message": "8 B", "every": "10 s" } }"#);
        assert_eq!(answers.len(), 1, "{method}");
        assert!(answers[0].starts_with("ACK 2.04 Changed"), "{method}: {answers:?}");
    }
}

#[test]
fn methods_that_ask_for_something_are_answered_by_content() {
    for method in ["get", "fetch"] {
        let workload = r#"{ "request-response": { "request": "8 B", "response": "9 B", "messages": 1 } }"#;
        let answers = reply(method, workload);
        assert_eq!(answers.len(), 1, "{method}");
        assert!(answers[0].starts_with("ACK 2.05 Content"), "{method}: {answers:?}");
    }
}
