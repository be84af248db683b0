//! The lessons that draw one exchange each send the messages of RFC 7252's figures 2 to 5, and no others.

mod lab;

use scenarios::record::TraceItem;
use scenarios::run::RunOptions;

/// The messages of a lesson, with what differs from run to run left out: message IDs and tokens.
fn messages(text: &str) -> Vec<(usize, String)> {
    let options = RunOptions { trace: true, ..RunOptions::default() };
    let trace = lab::report(text, options).extras.trace.expect("a trace was asked for");
    let mut messages = Vec::new();
    for item in trace.items {
        if let TraceItem::Message { from, label, .. } = item {
            let words: Vec<&str> = label.split(' ').collect();
            let mut kept = Vec::new();
            let mut rest = words.iter();
            while let Some(&word) = rest.next() {
                if ["MID", "token"].contains(&word) {
                    rest.next();
                } else {
                    kept.push(word);
                }
            }
            messages.push((from, kept.join(" ")));
        }
    }
    messages
}

fn drawn(messages: &[(usize, String)]) -> Vec<(usize, &str)> {
    messages.iter().map(|(from, text)| (*from, text.as_str())).collect()
}

#[test]
fn figure_2_a_confirmable_message_is_acknowledged() {
    let messages = messages(include_str!("../course/coap-con.json"));
    assert_eq!(drawn(&messages), [(0, "CON PUT /sensors/temp No-Response 26 16 B"), (1, "ACK")]);
}

#[test]
fn figure_3_a_non_confirmable_message_is_not() {
    let messages = messages(include_str!("../course/coap-non.json"));
    assert_eq!(drawn(&messages), [(0, "NON PUT /sensors/temp No-Response 26 16 B"); 10]);
}

#[test]
fn figure_4_a_fast_response_comes_in_the_acknowledgement() {
    let messages = messages(include_str!("../course/coap-piggybacked.json"));
    assert_eq!(drawn(&messages), [(0, "CON GET /temperature"), (1, "ACK 2.05 Content 16 B")]);
}

#[test]
fn figure_5_a_slow_response_comes_in_a_message_of_its_own() {
    let messages = messages(include_str!("../course/coap-separate.json"));
    let expected = [(0, "CON GET /temperature"), (1, "ACK"), (1, "CON 2.05 Content 16 B"), (0, "ACK")];
    assert_eq!(drawn(&messages), expected);
}
