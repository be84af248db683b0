//! Streams that are reset and added (RFC 6525): a table of requests and what becomes of them, and the rules of both sides.

mod sctp_lab;

use sctp_lab::chunks::said;
use sctp_lab::craft::{Insight, data};
use sctp_lab::outcome::{heard, reset, results, sctp_id};
use sctp_lab::{Lab, Link, at};
use transport::endpoint::Endpoint;
use transport::sctp::{
    AssociationId, CloseReason, MessageOptions, Reconfiguration, SctpConfig, SctpError, SctpEvent, State,
    StreamRequest, StreamResult,
};
use wire::sctp::{Cause, Chunk, Parameter, ParameterList};

fn able() -> SctpConfig {
    SctpConfig {
        heartbeat_interval: None,
        outbound_streams: 4,
        reconfiguration: Some(Reconfiguration { streams_max: 6, ..Reconfiguration::default() }),
        ..SctpConfig::default()
    }
}

/// An established association; time is 250 ms.
fn established(client: SctpConfig, server: SctpConfig) -> (Lab, [AssociationId; 2], Insight) {
    let mut lab = Lab::new(1, [Link::clean(50), Link::clean(50)]);
    lab.record = true;
    let a = lab.connect(1, client, server);
    lab.run_until(at(250));
    let b = lab.accepted().expect("the server has accepted");
    let insight = Insight::of(&lab);
    lab.sent.clear();
    (lab, [a, b], insight)
}

fn on(stream: u16) -> MessageOptions {
    MessageOptions { stream, ..MessageOptions::default() }
}

fn ask(lab: &mut Lab, side: usize, id: AssociationId, request: StreamRequest) -> Result<(), SctpError> {
    let asked = lab.ends[side].reconfigure(lab.now, id, request);
    lab.drain(side);
    asked
}

/// Only RE-CONFIG and DATA, of both sides in order.
fn story(lab: &Lab, insight: &Insight) -> Vec<String> {
    let mut words = Vec::new();
    for at in 0..lab.sent.len() {
        let side = lab.sent[at].1;
        let mut one = Lab::new(9, [Link::clean(1), Link::clean(1)]);
        one.sent.push(lab.sent[at].clone());
        let first = if side == 0 { insight.tsn } else { insight.peer_tsn };
        let all = said(&one, side, first);
        let matter = all.into_iter().filter(|word| word.starts_with("RE-CONFIG") || word.contains("DATA"));
        words.extend(matter.map(|word| format!("{side}: {word}")));
    }
    words
}

// Holds: RFC 6525 5.1.1-a, 5.1.1-b, 5.1.1-c
#[test]
fn nobody_is_asked_who_does_not_know_how() {
    let plain = SctpConfig { reconfiguration: None, ..able() };
    for (client, server, works) in
        [(able(), able(), true), (plain.clone(), able(), false), (able(), plain.clone(), false)]
    {
        let (mut lab, [a, _], _) = established(client, server);
        let expected = if works { Ok(()) } else { Err(SctpError::NoReconfiguration) };
        assert_eq!(ask(&mut lab, 0, a, reset(Some(&[]), None)), expected);
        assert_eq!(lab.sent.len(), usize::from(works));
    }
    // One that did not offer it takes the chunk for an unknown one: it is skipped, and not reported (type 130).
    let (mut lab, _, insight) = established(plain, able());
    let mut list = ParameterList::new();
    list.push(&Parameter::TsnReset { request: insight.peer_tsn });
    insight.tell(&mut lab, &[Chunk::ReConfig(list.parameters())]);
    assert_eq!(lab.sent.len(), 0);
}

// Holds: RFC 6525 4.1-a, 4.1-b, 5.1.2-a, 5.1.2-b, 5.1.2-c, 5.1.2-d, 5.1.2-f, 5.2.2-c, 5.2.2-e, 5.2.7-d
#[test]
fn a_stream_begins_anew_behind_what_was_said_before() {
    let (mut lab, [a, b], insight) = established(able(), able());
    for (number, stream) in [(0, 1), (1, 1), (2, 2)] {
        lab.say(0, a, number, 100, &on(stream));
    }
    assert_eq!(ask(&mut lab, 0, a, reset(Some(&[1]), None)), Ok(()));
    for (number, stream) in [(3, 1), (4, 2)] {
        lab.say(0, a, number, 100, &on(stream));
    }
    lab.run_until(at(2000));
    let expected = [
        "0: DATA 0 stream 1 number 0",
        "0: DATA 1 stream 1 number 1",
        "0: DATA 2 stream 2 number 0",
        "0: RE-CONFIG outgoing reset [1] after 2",
        "0: DATA 3 stream 2 number 1",
        "1: RE-CONFIG result 1",
        "0: DATA 4 stream 1 number 0",
    ];
    assert_eq!(story(&lab, &insight), expected);
    assert_eq!(heard(&mut lab, 1, b), [0, 1, 2, 4, 3]);
    assert_eq!(results(&lab, 0), [StreamResult::Performed]);
    assert!(lab.happened(1, |event| matches!(event, SctpEvent::PeerReconfigured(_))).is_some());
}

// Holds: RFC 6525 5.1.2-e, 5.2.2-d; RFC 8260 2.3.2-a, 2.3.2-b
#[test]
fn all_streams_begin_anew_where_none_is_named_and_both_counters_do() {
    let interleaving = SctpConfig { interleaving: true, ..able() };
    let (mut lab, [a, b], insight) = established(interleaving.clone(), interleaving);
    let unordered = MessageOptions { unordered: true, ..on(1) };
    lab.say(0, a, 0, 100, &on(1));
    lab.say(0, a, 1, 100, &unordered);
    lab.say(0, a, 2, 100, &on(3));
    assert_eq!(ask(&mut lab, 0, a, reset(Some(&[]), None)), Ok(()));
    lab.run_until(at(1000));
    lab.say(0, a, 3, 100, &on(1));
    lab.say(0, a, 4, 100, &unordered);
    lab.say(0, a, 5, 100, &on(3));
    lab.run_until(at(2000));
    let expected = [
        "0: I-DATA 0 stream 1 number 0.0",
        "0: I-DATA 1 stream 1 number 0.0 unordered",
        "0: I-DATA 2 stream 3 number 0.0",
        "0: RE-CONFIG outgoing reset [] after 2",
        "1: RE-CONFIG result 1",
        "0: I-DATA 3 stream 1 number 0.0",
        "0: I-DATA 4 stream 1 number 0.0 unordered",
        "0: I-DATA 5 stream 3 number 0.0",
    ];
    assert_eq!(story(&lab, &insight), expected);
    assert_eq!(heard(&mut lab, 1, b), [0, 1, 2, 3, 4, 5]);
}

// Holds: RFC 6525 4.2-a, 5.1.2-g, 5.1.3-a, 5.1.3-b, 5.2.2-a, 5.2.3-a
#[test]
fn the_peer_resets_its_streams_when_asked_and_its_request_is_the_answer() {
    let (mut lab, [a, b], insight) = established(able(), able());
    lab.say(1, b, 0, 100, &on(2));
    lab.say(1, b, 1, 100, &on(3));
    lab.run_until(at(500));
    assert_eq!(ask(&mut lab, 0, a, reset(None, Some(&[2]))), Ok(()));
    lab.run_until(at(1500));
    lab.say(1, b, 2, 100, &on(2));
    lab.say(1, b, 3, 100, &on(3));
    lab.run_until(at(2500));
    let expected = [
        "1: DATA 0 stream 2 number 0",
        "1: DATA 1 stream 3 number 0",
        "0: RE-CONFIG incoming reset [2]",
        "1: RE-CONFIG outgoing reset [2] after 1",
        "0: RE-CONFIG result 1",
        "1: DATA 2 stream 2 number 0",
        "1: DATA 3 stream 3 number 1",
    ];
    assert_eq!(story(&lab, &insight), expected);
    assert_eq!(heard(&mut lab, 0, a), [0, 1, 2, 3]);
    assert_eq!(results(&lab, 0), [StreamResult::Performed]);
}

// Holds: RFC 6525 5.1.2-h, 5.1.3-c, 5.2.1-b, 3.1-a
#[test]
fn both_directions_are_asked_for_and_answered_in_one_chunk_each() {
    let (mut lab, [a, b], insight) = established(able(), able());
    lab.say(0, a, 0, 100, &on(1));
    lab.say(1, b, 1, 100, &on(1));
    lab.run_until(at(500));
    lab.sent.clear();
    assert_eq!(ask(&mut lab, 0, a, reset(Some(&[1]), Some(&[1]))), Ok(()));
    lab.run_until(at(1500));
    let expected = [
        "0: RE-CONFIG outgoing reset [1] after 0 & incoming reset [1]",
        "1: RE-CONFIG result 1 & outgoing reset [1] after 0",
        "0: RE-CONFIG result 1",
    ];
    assert_eq!(story(&lab, &insight), expected);
    assert_eq!(results(&lab, 0), [StreamResult::Performed]);
}

// Holds: RFC 6525 5.1.4-a, 5.1.4-b, 5.1.4-c, 5.1.4-d, 5.1.7-c, 5.1.7-d, 5.2.4-a, 5.2.4-b, 5.2.4-e, 5.2.4-f, 5.2.7-e
#[test]
fn the_tsns_of_the_asking_side_jump_by_two_to_the_31() {
    let (mut lab, [a, b], insight) = established(able(), able());
    lab.say(0, a, 0, 100, &on(1));
    lab.say(1, b, 1, 100, &on(1));
    assert_eq!(ask(&mut lab, 0, a, StreamRequest::ResetTsns), Ok(()));
    lab.say(0, a, 2, 100, &on(1));
    assert_eq!(
        story(&lab, &insight).len(),
        2,
        "the request waits until nothing is outstanding, and so do new data"
    );
    lab.run_until(at(1000));
    assert_eq!(ask(&mut lab, 0, a, StreamRequest::ResetTsns), Err(SctpError::Reconfiguring), "within 30 s");
    lab.say(1, b, 3, 100, &on(1));
    lab.run_until(at(2000));
    let expected = [
        "0: DATA 0 stream 1 number 0",
        "1: DATA 0 stream 1 number 0",
        "0: RE-CONFIG TSN reset",
        // The smallest TSN not acknowledged is 1 (TSNs of side 0 from its first one, as told by side 1: its own are others).
        "1: RE-CONFIG result 1",
        "0: DATA 2147483649 stream 1 number 0",
        "1: DATA 1 stream 1 number 0",
    ];
    let story: Vec<String> = story(&lab, &insight)
        .into_iter()
        .map(|word| word.split(" next").next().unwrap().to_owned())
        .collect();
    assert_eq!(story, expected);
    assert_eq!(heard(&mut lab, 1, b), [0, 2]);
    assert_eq!(heard(&mut lab, 0, a), [1, 3]);
    lab.run_until(at(32_000));
    assert_eq!(ask(&mut lab, 0, a, StreamRequest::ResetTsns), Ok(()), "after 30 s");
    lab.run_until(at(33_000));
    assert_eq!(results(&lab, 0), [StreamResult::Performed; 2]);
    lab.say(0, a, 4, 100, &on(0));
    lab.run_until(at(34_000));
    assert_eq!(heard(&mut lab, 1, b), [4]);
}

// Holds: RFC 6525 4.5-a, 4.6-a, 5.1.5-a, 5.1.5-b, 5.1.6-a, 5.2.5-a, 5.2.5-b, 5.2.6-a, 5.2.7-f
#[test]
fn more_streams_are_used_once_the_peer_has_agreed() {
    let (mut lab, [a, b], insight) = established(able(), able());
    assert_eq!(ask(&mut lab, 0, a, StreamRequest::Add { outgoing: 1, incoming: 2 }), Ok(()));
    let refused = lab.ends[0].send(
        lab.now,
        a,
        &on(4),
        wire::payload::Payload::from_bytes(vec![1]),
        sctp_lab::runs(9, 1),
    );
    assert_eq!(refused, Err(SctpError::NoStream(4)), "not before the answer");
    lab.run_until(at(1000));
    assert_eq!((lab.ends[0].streams(a), lab.ends[1].streams(b)), (5, 6));
    assert_eq!((lab.ends[0].incoming_streams(a), lab.ends[1].incoming_streams(b)), (6, 5));
    lab.say(0, a, 0, 100, &on(4));
    lab.say(1, b, 1, 100, &on(5));
    lab.run_until(at(2000));
    let expected = [
        "0: RE-CONFIG add outgoing 1 & add incoming 2",
        "1: RE-CONFIG result 1 & result 1",
        "1: RE-CONFIG add outgoing 2",
        "0: RE-CONFIG result 1",
        "0: DATA 0 stream 4 number 0",
        "1: DATA 0 stream 5 number 0",
    ];
    assert_eq!(story(&lab, &insight), expected);
    assert_eq!((heard(&mut lab, 1, b), heard(&mut lab, 0, a)), (vec![0], vec![1]));
}

// Holds: RFC 6525 4.4-a, 4.4-b, 5.1.7-a, 5.1.7-b, 5.2.1-d, 5.2.3-b, 5.2.3-d, 5.2.5-c, 5.2.6-b
#[test]
fn each_request_has_its_result() {
    let denies = Reconfiguration { resets: false, tsn_resets: false, streams_max: 0 };
    type Make = fn(&Insight) -> Vec<Parameter<'static>>;
    // What is asked, whether the host is willing, and the results in its answer (RFC 6525 §4.4, table 3).
    let table: &[(&str, bool, Make, &str)] = &[
        ("reset of a stream", true, |i| vec![outgoing(i, i.peer_tsn.wrapping_sub(1), &[0, 1])], "result 1"),
        ("reset of all", true, |i| vec![outgoing(i, i.peer_tsn.wrapping_sub(1), &[])], "result 1"),
        ("reset of a stream that is not there", true, |i| vec![outgoing(i, 0, &[0, 4])], "result 3"),
        ("reset before all has come", true, |i| vec![outgoing(i, i.peer_tsn, &[0, 1])], "result 6"),
        ("unwanted reset", false, |i| vec![outgoing(i, i.peer_tsn.wrapping_sub(1), &[0, 1])], "result 2"),
        (
            "reset with a number too high",
            true,
            |i| vec![Parameter::TsnReset { request: i.peer_tsn.wrapping_add(1) }],
            "result 5",
        ),
        (
            "reset with a number too low",
            true,
            |i| vec![Parameter::TsnReset { request: i.peer_tsn.wrapping_sub(1) }],
            "result 5",
        ),
        ("reset of fresh streams to receive on", true, |i| vec![incoming(i.peer_tsn, &[0, 1])], "result 0"),
        (
            "reset of one that is not there to receive on",
            true,
            |i| vec![incoming(i.peer_tsn, &[0, 9])],
            "result 3",
        ),
        ("unwanted reset of one to receive on", false, |i| vec![incoming(i.peer_tsn, &[0, 1])], "result 2"),
        ("unwanted reset of TSNs", false, |i| vec![Parameter::TsnReset { request: i.peer_tsn }], "result 2"),
        ("more streams", true, |i| vec![add_outgoing(i.peer_tsn, 2)], "result 1"),
        ("too many streams", true, |i| vec![add_outgoing(i.peer_tsn, 3)], "result 2"),
        (
            "too many streams to receive on",
            true,
            |i| vec![Parameter::AddIncoming { request: i.peer_tsn, streams: 3 }],
            "result 2",
        ),
        (
            "both resets",
            true,
            |i| {
                vec![
                    outgoing(i, i.peer_tsn.wrapping_sub(1), &[0, 1]),
                    incoming(i.peer_tsn.wrapping_add(1), &[0, 2]),
                ]
            },
            "result 1 & result 0",
        ),
        (
            "both additions, one too large",
            true,
            |i| {
                vec![
                    add_outgoing(i.peer_tsn, 1),
                    Parameter::AddIncoming { request: i.peer_tsn.wrapping_add(1), streams: 9 },
                ]
            },
            "result 1 & result 2",
        ),
    ];
    for (name, willing, make, expected) in table {
        let mut config = able();
        if !willing {
            config.reconfiguration = Some(denies);
        }
        let (mut lab, _, insight) = established(config, able());
        tell(&mut lab, &insight, &make(&insight));
        let words = said(&lab, 0, 0);
        assert_eq!(words[..], ["RE-CONFIG ".to_owned() + expected, "SACK".to_owned()], "{name}");
        // The same again is answered alike, and not carried out again.
        let streams = lab.ends[0].incoming_streams(sctp_id(&lab));
        lab.sent.clear();
        tell(&mut lab, &insight, &make(&insight));
        assert_eq!(said(&lab, 0, 0)[0], "RE-CONFIG ".to_owned() + expected, "{name}, again");
        assert_eq!(lab.ends[0].incoming_streams(sctp_id(&lab)), streams, "{name}");
    }
}

fn outgoing<'a>(insight: &Insight, last_tsn: u32, streams: &'a [u8]) -> Parameter<'a> {
    let response = insight.tsn.wrapping_sub(1);
    Parameter::OutgoingReset { request: insight.peer_tsn, response, last_tsn, streams }
}

fn incoming(request: u32, streams: &[u8]) -> Parameter<'_> {
    Parameter::IncomingReset { request, streams }
}

fn add_outgoing(request: u32, streams: u16) -> Parameter<'static> {
    Parameter::AddOutgoing { request, streams }
}

/// Gives a RE-CONFIG chunk to side 0.
fn tell(lab: &mut Lab, insight: &Insight, parameters: &[Parameter<'_>]) {
    let mut list = ParameterList::new();
    for parameter in parameters {
        list.push(parameter);
    }
    insight.tell(lab, &[Chunk::ReConfig(list.parameters())]);
}

// Holds: RFC 6525 3.1-b
#[test]
fn parameters_that_do_not_belong_together_are_reported() {
    let (mut lab, _, insight) = established(able(), able());
    let tsn = insight.peer_tsn;
    let combinations: [Vec<Parameter<'_>>; 5] = [
        vec![],
        vec![Parameter::TsnReset { request: tsn }, add_outgoing(tsn, 1)],
        vec![incoming(tsn, &[]), outgoing(&insight, tsn, &[])],
        vec![add_outgoing(tsn, 1), add_outgoing(tsn, 1), add_outgoing(tsn, 1)],
        vec![Parameter::EcnCapable],
    ];
    for parameters in combinations {
        lab.sent.clear();
        tell(&mut lab, &insight, &parameters);
        assert_eq!(said(&lab, 0, 0), ["ERROR"], "{parameters:?}");
        let bytes = lab.sent[0].2.packet.to_vec();
        let Ok((Chunk::Error(causes), _)) = Chunk::parse(&bytes[12..]) else { panic!("an ERROR") };
        assert!(matches!(causes.iter().next(), Some(Ok(Cause::ProtocolViolation(_)))));
    }
}

// Holds: RFC 6525 5.2.2-b, 5.2.2-f, 5.2.1-a, 5.2.1-c
#[test]
fn a_reset_waits_for_what_was_sent_before_and_holds_what_comes_behind() {
    let (mut lab, [a, _], insight) = established(able(), able());
    let tsn = insight.peer_tsn;
    // TSN 0 is lost for now; TSN 1 ends the old numbers of stream 1; TSN 2 has a new one already, TSN 3 another stream.
    insight.tell(&mut lab, &[data(tsn.wrapping_add(1), 1, 1, b"1")]);
    tell(&mut lab, &insight, &[outgoing(&insight, tsn.wrapping_add(1), &[0, 1])]);
    insight.tell(&mut lab, &[data(tsn.wrapping_add(2), 1, 0, b"2")]);
    insight.tell(&mut lab, &[data(tsn.wrapping_add(3), 2, 0, b"3")]);
    let read = |lab: &mut Lab| {
        let mut read = Vec::new();
        while let Some(message) = lab.ends[0].receive(a) {
            read.push(message.payload.to_vec()[0] as char);
        }
        read
    };
    assert_eq!(read(&mut lab), ['3'], "the other stream does not wait");
    lab.sent.clear();
    insight.tell(&mut lab, &[data(tsn, 1, 0, b"0")]);
    assert_eq!(read(&mut lab), ['0', '1', '2']);
    assert_eq!(said(&lab, 0, 0), ["RE-CONFIG result 1", "SACK"]);
    lab.sent.clear();
    tell(&mut lab, &insight, &[outgoing(&insight, tsn.wrapping_add(1), &[0, 1])]);
    assert_eq!(said(&lab, 0, 0)[0], "RE-CONFIG result 1", "asked again");
}

// Holds: RFC 6525 5.1.1-d, 5.1.1-e, 5.1.1-f
#[test]
fn a_request_is_repeated_with_doubled_time_and_counts_as_error() {
    let (mut lab, [a, _], _) = established(SctpConfig { association_max_retrans: 3, ..able() }, able());
    lab.links[0].loss = 1_000_000;
    assert_eq!(ask(&mut lab, 0, a, reset(Some(&[1]), None)), Ok(()));
    assert_eq!(ask(&mut lab, 0, a, reset(Some(&[2]), None)), Ok(()), "the second one waits");
    lab.run_until(at(60_000));
    let times: Vec<u64> = lab.sent.iter().map(|(at, _, _)| at.as_millis() - 250).collect();
    // RTO.Min of a second, doubled each time; the fourth expiry is one too many.
    assert_eq!(times, [0, 1000, 3000, 7000]);
    assert!(said(&lab, 0, 0).iter().all(|word| word.contains("outgoing reset [1]")));
    let lost =
        |event: &SctpEvent| matches!(event, SctpEvent::Closed { reason: CloseReason::Unreachable, .. });
    assert_eq!(lab.happened(0, lost), Some(at(15_250)));
    assert_eq!(lab.ends[0].poll_timeout(), None);
}

// Holds: RFC 6525 5.2.7-a, 5.2.7-b, 5.2.7-c
#[test]
fn a_request_in_progress_is_repeated_without_blame_and_a_refusal_ends_it() {
    let (mut lab, [a, _], insight) = established(SctpConfig { association_max_retrans: 1, ..able() }, able());
    lab.links[0].loss = 1_000_000;
    assert_eq!(ask(&mut lab, 0, a, reset(Some(&[1]), None)), Ok(()));
    for number in 0..5_u64 {
        let answer = Parameter::ReconfigResponse { response: insight.tsn, result: 6, tsns: None };
        tell(&mut lab, &insight, &[answer]);
        // The timer starts anew with each answer, and is not doubled.
        let at_time = at(250 + (number + 1) * 1000);
        lab.run_until(at_time);
        assert_eq!(lab.sent.len() as u64, number + 2);
    }
    assert_eq!(lab.ends[0].state(a), Some(State::Established));
    lab.say(0, a, 0, 100, &on(1));
    assert_eq!(lab.ends[0].stats(a).map(|stats| stats.chunks_sent), Some(0), "held");
    let wrong = Parameter::ReconfigResponse { response: insight.tsn.wrapping_add(9), result: 1, tsns: None };
    tell(&mut lab, &insight, &[wrong]);
    assert_eq!(results(&lab, 0), [], "an answer to nothing");
    let denied = Parameter::ReconfigResponse { response: insight.tsn, result: 2, tsns: None };
    tell(&mut lab, &insight, &[denied]);
    assert_eq!(results(&lab, 0), [StreamResult::Denied]);
    assert_eq!(lab.ends[0].stats(a).map(|stats| stats.chunks_sent), Some(1), "what was held goes");
}

// Holds: RFC 6525 5.2.3-c
#[test]
fn a_request_for_what_is_under_way_has_nothing_to_do() {
    let (mut lab, [a, _], insight) = established(able(), able());
    lab.say(0, a, 0, 10, &on(1));
    lab.say(0, a, 1, 10, &on(2));
    lab.run_until(at(400));
    assert_eq!(ask(&mut lab, 0, a, reset(Some(&[1, 2]), None)), Ok(()));
    lab.sent.clear();
    tell(&mut lab, &insight, &[incoming(insight.peer_tsn, &[0, 1])]);
    assert_eq!(said(&lab, 0, 0)[0], "RE-CONFIG result 0");
    lab.sent.clear();
    tell(&mut lab, &insight, &[incoming(insight.peer_tsn.wrapping_add(1), &[0, 1, 0, 3])]);
    assert_eq!(said(&lab, 0, 0)[0], "RE-CONFIG result 4", "not all of it: the answer could not be asked now");
}

// Holds: RFC 6525 5.2.4-c, 5.2.4-d
#[test]
fn the_side_that_is_asked_for_new_tsns_sends_what_it_has_first() {
    let (mut lab, [a, b], insight) = established(able(), able());
    // Side 1 has something outstanding whose acknowledgement takes its time.
    lab.links[0].loss = 1_000_000;
    lab.say(1, b, 0, 100, &on(1));
    lab.links[0].loss = 0;
    assert_eq!(ask(&mut lab, 0, a, StreamRequest::ResetTsns), Ok(()));
    lab.run_until(at(310));
    lab.say(1, b, 1, 100, &on(1));
    lab.run_until(at(5000));
    let story: Vec<String> = story(&lab, &insight)
        .into_iter()
        .map(|word| word.split(" next").next().unwrap().to_owned())
        .collect();
    let expected = [
        "1: DATA 0 stream 1 number 0",
        "0: RE-CONFIG TSN reset",
        "1: RE-CONFIG result 6",
        "1: DATA 0 stream 1 number 0",
        "1: RE-CONFIG result 1",
        "1: DATA 1 stream 1 number 0",
    ];
    assert_eq!(story[..6], expected);
    assert_eq!(heard(&mut lab, 0, a), [0, 1]);
    assert_eq!(results(&lab, 0), [StreamResult::Performed]);
}
