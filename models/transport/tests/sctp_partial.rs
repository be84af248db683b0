//! Messages that are given up (RFC 3758).

mod sctp_lab;

use sctp_lab::chunks::said;
use sctp_lab::craft::{Insight, data};
use sctp_lab::{Lab, Link, at, kinds};
use sim_core::SimDuration;
use transport::sctp::{AssociationId, MessageOptions, Reliability, SctpConfig, SctpEvent};
use wire::sctp::{Chunk, Parameter, emit_forward_tsn};

fn quiet() -> SctpConfig {
    SctpConfig { heartbeat_interval: None, ..SctpConfig::default() }
}

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

fn once(stream: u16) -> MessageOptions {
    MessageOptions { stream, reliability: Reliability::Retransmissions(0), ..MessageOptions::default() }
}

fn lifetime(millis: u64) -> MessageOptions {
    let reliability = Reliability::Lifetime(SimDuration::from_millis(millis));
    MessageOptions { reliability, ..MessageOptions::default() }
}

fn lose(lab: &mut Lab, side: usize, id: AssociationId, number: u32, len: u32, options: &MessageOptions) {
    lab.links[0].loss = 1_000_000;
    lab.say(side, id, number, len, options);
    lab.links[0].loss = 0;
}

fn heard(lab: &mut Lab, side: usize, id: AssociationId) -> Vec<u32> {
    let mut heard = Vec::new();
    while let Some(message) = lab.ends[side].receive(id) {
        heard.push(message.runs[0].message);
    }
    heard
}

// Holds: RFC 3758 3.1-a, 3.3.1-a, 4.1-a
#[test]
fn nothing_is_given_up_unless_both_sides_can() {
    let plain = SctpConfig { partial_reliability: false, ..quiet() };
    for (client, server) in [(quiet(), plain.clone()), (plain, quiet())] {
        let says = client.partial_reliability;
        let mut lab = Lab::new(1, [Link::clean(50), Link::clean(50)]);
        lab.record = true;
        let a = lab.connect(1, client, server);
        let init = lab.sent[0].2.packet.to_vec();
        let Ok((Chunk::Init(body), _)) = Chunk::parse(&init[12..]) else { panic!("an INIT") };
        assert_eq!(body.parameters.iter().flatten().any(|it| it == Parameter::ForwardTsn), says);
        lab.run_until(at(250));
        let b = lab.accepted().expect("it was accepted");
        lose(&mut lab, 0, a, 0, 100, &once(0));
        lose(&mut lab, 0, a, 1, 100, &lifetime(10));
        lab.run_until(at(5000));
        assert_eq!(heard(&mut lab, 1, b), [0, 1]);
        assert!(lab.sent.iter().all(|(_, _, transmit)| !kinds(transmit).contains(&"FORWARD-TSN")));
    }
}

// Holds: RFC 3758 3.4-a
#[test]
fn a_receiver_without_partial_reliability_reports_the_chunk_as_unknown() {
    // Type 192: skipped and reported.
    let (mut lab, _, insight) = established(SctpConfig { partial_reliability: false, ..quiet() }, quiet());
    let mut chunks = Vec::new();
    emit_forward_tsn(&mut chunks, insight.peer_tsn, &[]);
    insight.tell_with(&mut lab, insight.header.verification_tag, chunks);
    assert_eq!(said(&lab, 0, 0), ["ERROR"]);
}

// Holds: RFC 3758 3.2-a, 3.2-b, 3.5-d, 3.5-e, 3.5-f, 3.5-i, 3.5-j, 3.6-c, 3.6-d
#[test]
fn what_was_given_up_is_told_with_the_last_number_of_each_stream_once() {
    let (mut lab, [a, b], insight) = established(quiet(), quiet());
    for (number, stream) in [(0, 1), (1, 2), (2, 1)] {
        lose(&mut lab, 0, a, number, 100, &once(stream));
    }
    lose(&mut lab, 0, a, 3, 100, &MessageOptions { unordered: true, ..once(3) });
    let reliable = MessageOptions { stream: 1, ..MessageOptions::default() };
    lab.say(0, a, 4, 100, &reliable);
    lab.run_until(at(400));
    assert!(
        !said(&lab, 0, insight.tsn).iter().any(|word| word.contains("FORWARD")),
        "nothing is given up yet"
    );
    for number in 5..8 {
        lab.say(0, a, number, 100, &reliable);
    }
    lab.run_until(at(5000));
    let words = said(&lab, 0, insight.tsn);
    // Each SACK that does not know of it yet brings it about once more (rule C3).
    let mut forwards: Vec<&String> = words.iter().filter(|word| word.contains("FORWARD")).collect();
    forwards.dedup();
    assert_eq!(forwards, ["FORWARD-TSN 3 [(1, 1), (2, 0)]"], "{words:?}");
    assert_eq!(heard(&mut lab, 1, b), [4, 5, 6, 7]);
    // The answer: a SACK at once, over what was skipped and what had come.
    let forward = lab.sent.iter().find(|(_, _, transmit)| kinds(transmit).contains(&"FORWARD-TSN"));
    let told_at = forward.expect("it was sent").0;
    let answer =
        lab.sent.iter().find(|(at, side, _)| *side == 1 && *at >= told_at + SimDuration::from_millis(50));
    assert_eq!(
        answer.map(|(at, _, transmit)| (*at, kinds(transmit))),
        Some((told_at + SimDuration::from_millis(50), vec!["SACK"]))
    );
}

// Holds: RFC 3758 3.5-b, 3.6-e
#[test]
fn a_message_is_given_up_as_a_whole() {
    // 9000 bytes are seven chunks; the window takes the first ones, of which the first is lost.
    let (mut lab, [a, b], insight) = established(quiet(), quiet());
    lab.links[0].loss = 1_000_000;
    lab.say(0, a, 0, 9000, &once(0));
    lab.links[0].loss = 0;
    let before = said(&lab, 0, 0).len();
    assert!((2..7).contains(&before));
    lab.say(0, a, 1, 100, &MessageOptions::default());
    lab.run_until(at(5000));
    assert_eq!(heard(&mut lab, 1, b), [1]);
    let words = said(&lab, 0, insight.tsn);
    let numbers = words.iter().filter(|word| word.starts_with("DATA")).collect::<Vec<_>>();
    assert_eq!(numbers.len(), before + 1, "no fragment follows: {words:?}");
    assert_eq!(lab.events[0].iter().filter(|(_, it)| matches!(it, SctpEvent::Abandoned(_))).count(), 1);
}

// Holds: RFC 3758 3.5-h
#[test]
fn a_forward_tsn_that_is_lost_is_sent_again() {
    let (mut lab, [a, b], insight) = established(quiet(), quiet());
    lab.links[0].down = Some((at(250), at(2500)));
    lab.say(0, a, 0, 100, &once(0));
    lab.run_until(at(20_000));
    let forwards = said(&lab, 0, insight.tsn).iter().filter(|word| word.contains("FORWARD")).count();
    assert!(forwards >= 2, "{forwards}");
    lab.say(0, a, 1, 100, &MessageOptions::default());
    lab.run_until(at(21_000));
    assert_eq!(heard(&mut lab, 1, b), [1]);
}

// Holds: RFC 3758 3.5-a, 4.1-b, 4.1-c
#[test]
fn a_message_is_neither_begun_nor_repeated_after_its_lifetime() {
    let (mut lab, [a, b], insight) = established(quiet(), quiet());
    // The window takes four packets at most; the last messages wait for longer than they live.
    for number in 0..12 {
        lab.say(0, a, number, 1400, &lifetime(30));
    }
    let begun = said(&lab, 0, 0).len() as u32;
    lab.run_until(at(1000));
    assert_eq!(heard(&mut lab, 1, b), (0..begun).collect::<Vec<_>>());
    assert_eq!(said(&lab, 0, 0).iter().filter(|word| word.starts_with("DATA")).count() as u32, begun);
    lab.sent.clear();
    lose(&mut lab, 0, a, 20, 100, &lifetime(100));
    lab.run_until(at(5000));
    let words = said(&lab, 0, insight.tsn);
    assert_eq!(words.iter().filter(|word| word.starts_with("DATA")).count(), 1, "{words:?}");
    assert!(words.last().is_some_and(|word| word.starts_with("FORWARD-TSN")), "{words:?}");
}

// Holds: RFC 3758 3.6-a, 3.6-b
#[test]
fn the_receiver_moves_on_and_an_old_chunk_changes_nothing() {
    let (mut lab, [a, _], insight) = established(quiet(), quiet());
    let tsn = insight.peer_tsn;
    insight.tell(&mut lab, &[data(tsn.wrapping_add(2), 0, 2, b"two")]);
    let forward = |last: u32, skipped: &[(u16, u16)]| {
        let mut chunks = Vec::new();
        emit_forward_tsn(&mut chunks, tsn.wrapping_add(last), skipped);
        chunks
    };
    for (last, expected) in [(1, 2), (0, 2), (1, 2)] {
        lab.sent.clear();
        insight.tell_with(&mut lab, insight.header.verification_tag, forward(last, &[(0, last as u16)]));
        let sack = lab.sent.last().expect("it is answered").2.packet.to_vec();
        let Ok((Chunk::Sack(sack), _)) = Chunk::parse(&sack[12..]) else { panic!("a SACK") };
        assert_eq!(sack.cumulative_tsn_ack, tsn.wrapping_add(expected), "over what had come already");
    }
    assert_eq!(lab.ends[0].receive(a).map(|message| message.payload.to_vec()), Some(b"two".to_vec()));
}
