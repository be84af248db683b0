//! Packets without checksum (RFC 9653).

mod sctp_lab;

use std::collections::BTreeMap;

use sctp_lab::craft::{Insight, bytes, data, give, initiation, packet};
use sctp_lab::{Lab, Link, PORT, address, at, common, kinds};
use transport::endpoint::Transmit;
use transport::sctp::{AssociationId, CloseReason, ErrorDetection, MessageOptions, SctpConfig, SctpEvent};
use wire::account::Account;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::sctp::{Chunk, CommonHeader, Parameter, ParameterList, ParameterType, Parameters, checksum};

fn plain() -> SctpConfig {
    SctpConfig { heartbeat_interval: None, ..SctpConfig::default() }
}

fn over_dtls() -> SctpConfig {
    SctpConfig { zero_checksum: Some(ErrorDetection::Dtls), ..plain() }
}

/// An association between two sides, each with the extension or without; both have sent a message.
fn talked(sides: [SctpConfig; 2]) -> (Lab, [AssociationId; 2]) {
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    let [client, server] = sides;
    let a = lab.connect(1, client, server);
    lab.run_until(at(100));
    let b = lab.accepted().expect("it was accepted");
    for (side, id) in [(0, a), (1, b)] {
        lab.say(side, id, 0, 3000, &MessageOptions::default());
        let until = lab.now + sim_core::SimDuration::from_millis(400);
        lab.run_until(until);
        assert!(lab.ends[1 - side].receive([b, a][side]).is_some());
    }
    (lab, [a, b])
}

/// Whether the checksum is zero (none), or right (some).
fn has_checksum(transmit: &Transmit) -> bool {
    let bytes = transmit.packet.to_vec();
    let sum = checksum(&bytes, &Payload::empty());
    let written = common(transmit).checksum;
    assert_ne!(sum, 0, "the right one would not tell");
    assert!(written == 0 || written == sum, "{written:x}");
    written != 0
}

/// By the chunks of a packet: whether all that a side has sent have their checksum.
fn by_kinds(lab: &Lab, side: usize) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    for (_, _, transmit) in lab.sent.iter().filter(|(_, from, _)| *from == side) {
        let with = has_checksum(transmit);
        let before = found.insert(kinds(transmit).join("+"), with);
        assert!(before.is_none_or(|before| before == with), "{:?}", kinds(transmit));
    }
    found
}

fn table(rows: &[(&str, bool)]) -> BTreeMap<String, bool> {
    rows.iter().map(|(kinds, with)| ((*kinds).to_owned(), *with)).collect()
}

/// The parameter of an INIT or INIT ACK, as it stands there.
fn parameter(lab: &Lab, side: usize, kind: &str) -> Option<Vec<u8>> {
    let (_, _, sent) = lab.sent.iter().find(|(_, from, it)| *from == side && kinds(it)[0] == kind)?;
    let bytes = sent.packet.to_vec();
    let Ok((Chunk::Init(body) | Chunk::InitAck(body), _)) = Chunk::parse(&bytes[12..]) else { return None };
    let mut all = body.parameters.raw().filter(|(kind, _)| *kind == ParameterType::ZERO_CHECKSUM);
    let found = all.next().map(|(_, whole)| whole.to_vec());
    assert!(all.next().is_none(), "it stands there once");
    found
}

// Holds: RFC 9653 4-a, 5.1-a, 5.2-b, 5.2-d, 5.2-f, 6-a, 8-a
#[test]
fn where_both_name_dtls_all_packets_but_two_go_without_checksum() {
    let (mut lab, [a, _]) = talked([over_dtls(), over_dtls()]);
    // Type 0x8001, length 8, and method 1 in 32 bits.
    let wanted = Some(vec![0x80, 0x01, 0, 8, 0, 0, 0, 1]);
    assert_eq!((parameter(&lab, 0, "INIT"), parameter(&lab, 1, "INIT-ACK")), (wanted.clone(), wanted));
    lab.ends[0].shutdown(lab.now, a);
    lab.drain(0);
    lab.run_until(at(2000));
    assert_eq!(lab.ends.each_ref().map(|end| end.associations()), [0, 0]);
    assert_eq!(lab.ends.each_ref().map(|end| end.counters().bad_checksum), [0, 0]);
    let own = [("INIT", true), ("COOKIE-ECHO", true), ("DATA", false), ("SACK", false)];
    let own = [&own[..], &[("SHUTDOWN", false), ("SHUTDOWN-COMPLETE", false)]].concat();
    assert_eq!(by_kinds(&lab, 0), table(&own));
    let peers = [("INIT-ACK", false), ("COOKIE-ACK", false), ("DATA", false), ("SACK", false)];
    assert_eq!(by_kinds(&lab, 1), table(&[&peers[..], &[("SHUTDOWN-ACK", false)]].concat()));
}

// Holds: RFC 9653 4-c, 5.2-a
#[test]
fn where_one_side_does_not_name_a_method_all_packets_have_their_checksum() {
    for sides in [[over_dtls(), plain()], [plain(), over_dtls()], [plain(), plain()]] {
        let (lab, _) = talked(sides);
        for side in 0..2 {
            assert!(by_kinds(&lab, side).values().all(|with| *with));
            assert_eq!(lab.ends[side].counters().bad_checksum, 0);
        }
        // The parameter is passed over, and not reported (its type begins with the bits 10).
        assert!(lab.sent.iter().all(|(_, _, it)| !kinds(it).contains(&"ERROR")));
    }
}

/// A packet to side 0 from its peer, whose checksum is this, or the right one.
fn told(lab: &mut Lab, insight: &Insight, chunks: &[Chunk<'_>], sum: Option<u32>) {
    let mut packet = packet(insight.header, bytes(chunks));
    if let Some(checksum) = sum {
        let header = CommonHeader { checksum, ..insight.header };
        header.emit(&mut packet.header_mut()[..12]);
    }
    give(lab, 0, packet);
    lab.drain(0);
}

// Holds: RFC 9653 5.3-a, 5.3-b, 5.3-c
#[test]
fn a_checksum_is_right_or_where_it_may_be_zero() {
    for (own, peer, zero_counts) in [
        (over_dtls(), over_dtls(), true),
        // What this side has named the peer may use, whether or not it has named one itself.
        (over_dtls(), plain(), true),
        (plain(), over_dtls(), false),
        (plain(), plain(), false),
    ] {
        let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
        lab.record = true;
        let id = lab.connect(1, own, peer);
        lab.run_until(at(100));
        let insight = Insight::of(&lab);
        let cases = [(None, true), (Some(0), zero_counts), (Some(1), false), (Some(u32::MAX), false)];
        let (mut tsn, mut dropped) = (insight.peer_tsn, 0);
        for (number, (sum, counts)) in cases.into_iter().enumerate() {
            let ssn = tsn.wrapping_sub(insight.peer_tsn) as u16;
            told(&mut lab, &insight, &[data(tsn, 0, ssn, b"text")], sum);
            assert_eq!(lab.ends[0].receive(id).is_some(), counts, "case {number}");
            (tsn, dropped) = (tsn.wrapping_add(u32::from(counts)), dropped + u64::from(!counts));
            assert_eq!(lab.ends[0].counters().bad_checksum, dropped, "case {number}");
        }
    }
}

// Holds: RFC 9653 5.2-g
#[test]
fn a_packet_that_the_layer_below_finds_damaged_is_dropped() {
    let (mut lab, [a, _]) = talked([over_dtls(), over_dtls()]);
    let insight = Insight::of(&lab);
    let chunk = data(insight.peer_tsn.wrapping_add(3), 0, 1, b"text");
    let mut packet = Packet::new(Payload::from_bytes(bytes(&[chunk])), Account::default());
    let mut header = [0; 12];
    insight.header.emit(&mut header);
    packet.push_header(12).copy_from_slice(&header);
    packet.corrupted = true;
    give(&mut lab, 0, packet);
    assert!(lab.ends[0].receive(a).is_none());
    assert_eq!(lab.ends[0].counters().bad_checksum, 1);
}

/// Chunks for side 1 from a port that no association has, without checksum; what is answered.
fn out_of_the_blue(lab: &mut Lab, chunks: &[Chunk<'_>], tag: u32) -> Vec<Transmit> {
    let header = CommonHeader { source_port: 9, destination_port: PORT, verification_tag: tag, checksum: 0 };
    let mut unsummed = packet(header, bytes(chunks));
    header.emit(&mut unsummed.header_mut()[..12]);
    lab.sent.clear();
    give(lab, 1, unsummed);
    lab.drain(1);
    lab.sent.iter().map(|(_, _, transmit)| transmit.clone()).collect()
}

// Holds: RFC 9653 5.2-c, 5.3-d
#[test]
fn packets_for_nobody_are_answered_with_a_checksum() {
    let late = [Chunk::ShutdownAck, data(1, 0, 0, b"text"), Chunk::Heartbeat(Parameters::default())];
    let beginnings =
        [(Chunk::Init(initiation(77, Parameters::default())), 0), (Chunk::CookieEcho(b"whatever"), 3)];
    for config in [over_dtls(), plain()] {
        let (mut lab, _) = talked([config.clone(), config.clone()]);
        // Late packets of an association that is over have no checksum where it had none.
        for chunk in late {
            let answers = out_of_the_blue(&mut lab, &[chunk], 3);
            assert_eq!(answers.len(), usize::from(config.zero_checksum.is_some()), "{chunk:?}");
            assert!(answers.iter().all(has_checksum), "{chunk:?}");
        }
        for (chunk, tag) in beginnings {
            let before = lab.ends[1].counters().bad_checksum;
            assert!(out_of_the_blue(&mut lab, &[chunk], tag).is_empty(), "{chunk:?}");
            assert_eq!(lab.ends[1].counters().bad_checksum, before + 1, "{chunk:?}");
        }
    }
}

#[test]
fn a_shutdown_whose_last_packet_is_lost_ends_at_once() {
    // The SHUTDOWN ACK comes again, without checksum, to a host that knows nobody any more.
    let (mut lab, [a, _]) = talked([over_dtls(), over_dtls()]);
    lab.ends[0].shutdown(lab.now, a);
    lab.drain(0);
    while !lab.sent.iter().any(|(_, _, it)| kinds(it) == ["SHUTDOWN-ACK"]) {
        assert!(lab.step(at(2000)), "it is answered");
    }
    lab.links[0].down = Some((lab.now, lab.now + sim_core::SimDuration::from_millis(500)));
    let until = lab.now + sim_core::SimDuration::from_secs(2);
    lab.run_until(until);
    assert_eq!(lab.ends.each_ref().map(|end| end.associations()), [0, 0]);
    let over = |event: &SctpEvent| matches!(event, SctpEvent::Closed { reason: CloseReason::Shutdown, .. });
    assert!((0..2).all(|side| lab.happened(side, over).is_some()));
}

/// The answer of a listener to an INIT with these parameters.
fn answer(listener: SctpConfig, parameters: Parameters<'_>, summed: bool) -> Option<Transmit> {
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    lab.ends[1].listen(&[address(1, 0)], PORT, listener.into()).expect("the port is free");
    let header = CommonHeader { source_port: 9, destination_port: PORT, verification_tag: 0, checksum: 0 };
    let mut init = packet(header, bytes(&[Chunk::Init(initiation(77, parameters))]));
    if !summed {
        header.emit(&mut init.header_mut()[..12]);
    }
    give(&mut lab, 1, init);
    lab.drain(1);
    lab.sent.pop().map(|(_, _, transmit)| transmit)
}

// Holds: RFC 9653 5.2-a, 8-a
#[test]
fn a_method_that_this_side_does_not_have_is_no_method() {
    for (method, known) in [(1, true), (0, false), (2, false), (u32::MAX, false)] {
        let mut list = ParameterList::new();
        list.push(&Parameter::ZeroChecksum(method));
        let sent = answer(over_dtls(), list.parameters(), true).expect("an INIT is answered");
        assert_eq!(kinds(&sent), ["INIT-ACK"]);
        assert_eq!(has_checksum(&sent), !known, "{method}");
        assert!(has_checksum(&answer(plain(), list.parameters(), true).expect("an answer")));
    }
    assert!(has_checksum(&answer(over_dtls(), Parameters::default(), true).expect("an answer")));
    // RFC 9653 §5.2: an INIT has its checksum, whatever it offers.
    let mut list = ParameterList::new();
    list.push(&Parameter::ZeroChecksum(1));
    assert!(answer(over_dtls(), list.parameters(), false).is_none());
}

// Holds: RFC 9653 5.2-e
#[test]
fn changes_of_addresses_have_their_checksum() {
    let moving = SctpConfig { address_changes: true, ..over_dtls() };
    let (mut lab, [a, _]) = talked([moving.clone(), moving]);
    lab.ends[0].add_own_address(lab.now, a, address(0, 1));
    lab.drain(0);
    let until = lab.now + sim_core::SimDuration::from_millis(500);
    lab.run_until(until);
    assert_eq!(by_kinds(&lab, 0).get("AUTH+ASCONF"), Some(&true));
    assert_eq!(by_kinds(&lab, 1).get("AUTH+ASCONF-ACK"), Some(&false));
    assert_eq!(lab.ends[0].own_addresses(a), [address(0, 0), address(0, 1)]);
}

#[test]
fn data_that_ride_behind_a_cookie_have_a_checksum_and_those_of_a_restart_too() {
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    let a = lab.connect(1, over_dtls(), over_dtls());
    lab.say(0, a, 0, 100, &MessageOptions::default());
    lab.run_until(at(100));
    assert_eq!(by_kinds(&lab, 0).get("COOKIE-ECHO+DATA"), Some(&true));
    // The client's host begins anew, from the same port, and no longer has DTLS below.
    let port = common(&lab.sent[0].2).source_port;
    lab.sent.clear();
    lab.ends[0] = transport::sctp::SctpEndpoint::new(rand::SeedableRng::seed_from_u64(99));
    let locals = Lab::addresses(0, 1);
    let again = lab.ends[0].connect(lab.now, &locals, port, &[address(1, 0)], PORT, plain().into());
    let again = again.expect("the port is free");
    lab.drain(0);
    lab.say(0, again, 0, 100, &MessageOptions::default());
    lab.run_until(at(500));
    let b = lab.accepted().expect("it was accepted");
    lab.say(1, b, 0, 100, &MessageOptions::default());
    lab.run_until(at(1000));
    assert!(lab.ends[0].receive(again).is_some(), "it goes on with checksums");
    assert!((0..2).all(|side| by_kinds(&lab, side).values().all(|with| *with)));
    assert_eq!((lab.ends[0].counters().bad_checksum, lab.ends[1].counters().restarts), (0, 1));
}
