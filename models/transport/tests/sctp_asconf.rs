//! Addresses that come and go (RFC 5061).

mod sctp_lab;

use std::net::IpAddr;

use sctp_lab::{Lab, Link, address, at, kinds};
use sim_core::SimTime;
use transport::endpoint::Transmit;
use transport::sctp::{
    AddressChange, AssociationId, CloseReason, MessageOptions, SctpConfig, SctpEvent, State,
};
use wire::sctp::{AddressRequest, Chunk, Parameter, ParameterType};

fn links() -> [Link; 2] {
    [Link::clean(10), Link::clean(10)]
}

fn changing() -> SctpConfig {
    SctpConfig { address_changes: true, ..SctpConfig::default() }
}

/// An association over the first path.
fn established() -> (Lab, [AssociationId; 2]) {
    let mut lab = Lab::new(1, links());
    lab.record = true;
    let a = lab.connect(1, changing(), changing());
    lab.run_until(at(200));
    let b = lab.accepted().expect("it was accepted");
    (lab, [a, b])
}

/// The requests of the ASCONF in a packet, with its serial number and the address to look up.
fn asconf(transmit: &Transmit) -> Option<(u32, IpAddr, Vec<AddressRequest>)> {
    chunks(transmit).into_iter().find_map(|bytes| {
        let Ok((Chunk::Asconf { serial, parameters }, _)) = Chunk::parse(&bytes) else { return None };
        let mut address = None;
        let mut requests = Vec::new();
        for parameter in parameters.iter().flatten() {
            match parameter {
                Parameter::Address(it) => address = Some(it),
                Parameter::AddressRequest(request) => requests.push(request),
                _ => {}
            }
        }
        Some((serial, address.expect("it is mandatory"), requests))
    })
}

fn chunks(transmit: &Transmit) -> Vec<Vec<u8>> {
    let bytes = transmit.packet.to_vec();
    let mut rest = &bytes[12..];
    let mut list = Vec::new();
    while let Some(&[_, _, a, b]) = rest.first_chunk::<4>() {
        let len = usize::from(u16::from_be_bytes([a, b])).next_multiple_of(4).min(rest.len());
        list.push(rest[..len].to_vec());
        rest = &rest[len..];
    }
    list
}

fn asconfs(lab: &Lab) -> Vec<(SimTime, usize, Transmit)> {
    let sent = lab.sent.iter().filter(|(_, _, it)| kinds(it).contains(&"ASCONF"));
    sent.cloned().collect()
}

fn changes(lab: &Lab, side: usize) -> Vec<(IpAddr, AddressChange)> {
    let of = |event: &SctpEvent| match event {
        SctpEvent::AddressChanged { address, change, .. } => Some((*address, *change)),
        _ => None,
    };
    lab.events[side].iter().filter_map(|(_, event)| of(event)).collect()
}

// Holds: RFC 5061 4.1.1-a, 4.1.1-c, 4.1.2-a, 4.2.7-b, 5.1-a, 5.1-b, 5.1-c, 5.1-g, 5.2-V3, 5.3-F2
#[test]
fn an_address_is_added_by_a_signed_request_and_its_answer() {
    let (mut lab, [a, b]) = established();
    let init =
        lab.sent.iter().find(|(_, _, it)| kinds(it)[0] == "INIT").expect("it was sent").2.packet.to_vec();
    let Ok((Chunk::Init(body), _)) = Chunk::parse(&init[12..]) else { panic!("an INIT") };
    let listed = body.parameters.iter().flatten().any(|it| {
        matches!(it, Parameter::SupportedExtensions(list) if [193, 128, 15].iter().all(|it| list.contains(it)))
    });
    assert!(listed, "ASCONF, ASCONF-ACK and AUTH");
    lab.ends[0].add_own_address(lab.now, a, address(0, 1));
    lab.drain(0);
    let (_, _, request) = asconfs(&lab).pop().expect("it was sent");
    assert_eq!(kinds(&request), ["AUTH", "ASCONF"]);
    let (serial, known, requests) = asconf(&request).expect("an ASCONF");
    // RFC 5061 §5.1 A2: the first serial number is the initial TSN.
    assert_eq!((serial, known), (body.initial_tsn, address(0, 0)));
    let wanted = AddressRequest { kind: ParameterType::ADD_ADDRESS, correlation: 1, address: address(0, 1) };
    assert_eq!(requests, [wanted]);
    lab.run_until(at(300));
    assert_eq!(changes(&lab, 0), [(address(0, 1), AddressChange::OwnAdded)]);
    assert_eq!(changes(&lab, 1), [(address(0, 1), AddressChange::PeerAdded)]);
    assert_eq!(lab.ends[0].own_addresses(a), [address(0, 0), address(0, 1)]);
    let paths: Vec<IpAddr> = lab.ends[1].paths(b).iter().map(|(remote, _)| *remote).collect();
    assert_eq!(paths, [address(0, 0), address(0, 1)]);
    let answer = lab.sent.iter().find(|(_, _, it)| kinds(it).contains(&"ASCONF-ACK")).expect("an answer");
    assert_eq!(kinds(&answer.2), ["AUTH", "ASCONF-ACK"]);
    // The serial number comes back, and nothing else says that all is done (RFC 5061 §4.1.2).
    assert_eq!(chunks(&answer.2)[1], [&[128, 0, 0, 8][..], &serial.to_be_bytes()].concat());
    // The next request has the next number, and another correlation.
    lab.ends[0].ask_for_primary(lab.now, a, address(0, 1));
    lab.drain(0);
    let (next, _, requests) = asconf(&asconfs(&lab).pop().expect("it was sent").2).expect("an ASCONF");
    assert_eq!((next, requests[0].correlation), (serial.wrapping_add(1), 2));
}

// Holds: RFC 5061 5.3-F1b, 5.3-F1c, 5.3-F14
#[test]
fn a_new_address_is_verified_before_data_go_there() {
    let (mut lab, [a, b]) = established();
    lab.sent.clear();
    lab.ends[0].add_own_address(lab.now, a, address(0, 1));
    lab.ends[0].ask_for_primary(lab.now, a, address(0, 0));
    lab.drain(0);
    for number in 0..3 {
        lab.say(1, b, number, 100, &MessageOptions::default());
    }
    lab.run_until(at(208)); // Before the request is there: nobody knows the address.
    let there = |lab: &Lab| -> Vec<&'static str> {
        let to_new = lab.sent.iter().filter(|(_, side, it)| *side == 1 && it.destination == address(0, 1));
        to_new.flat_map(|(_, _, it)| kinds(it)).collect()
    };
    assert!(there(&lab).is_empty());
    lab.run_until(at(215));
    assert_eq!(there(&lab), ["HEARTBEAT"], "the path is probed, and nothing else goes there");
    lab.run_until(at(1000));
    lab.ends[0].ask_for_primary(lab.now, a, address(0, 1));
    lab.drain(0);
    lab.run_until(at(1100));
    lab.say(1, b, 3, 100, &MessageOptions::default());
    lab.run_until(at(1200));
    assert!(there(&lab).contains(&"DATA"), "verified, and asked for");
}

// Holds: RFC 5061 5.1.1-C1, 5.1-d, 5.4-a
#[test]
fn one_request_is_under_way_at_a_time() {
    let (mut lab, [a, _]) = established();
    lab.ends[0].add_own_address(lab.now, a, address(0, 1));
    lab.ends[0].ask_for_primary(lab.now, a, address(0, 0));
    lab.ends[0].ask_for_primary(lab.now, a, address(0, 0));
    lab.drain(0);
    assert!(!lab.ends[0].ask_for_primary(lab.now, a, address(0, 1)), "it is not acknowledged yet");
    assert_eq!(asconfs(&lab).len(), 1);
    lab.run_until(at(300));
    let sent = asconfs(&lab);
    assert_eq!(sent.len(), 2, "what had to wait goes together");
    assert_eq!(sent[1].0, at(220), "when the first is answered");
    assert_eq!(asconf(&sent[1].2).expect("an ASCONF").2.len(), 2);
}

// Holds: RFC 5061 5.1-e, 5.1-B1, 5.1-B2, 5.1-B3, 5.1-B4, 5.1-B5, 5.2-E2
#[test]
fn a_lost_request_or_answer_comes_again_unchanged() {
    for lost in [0, 1] {
        let (mut lab, [a, _]) = established();
        lab.ends[0].add_own_address(lab.now, a, address(0, 1));
        if lost == 0 {
            lab.links[0].loss = 1_000_000;
            lab.drain(0);
            lab.links[0].loss = 0;
        } else {
            lab.drain(0);
            lab.links[0].loss = 1_000_000; // What has left arrives, and its answer is lost.
            lab.run_until(at(215));
            lab.links[0].loss = 0;
        }
        let first = asconfs(&lab)[0].clone();
        let before = lab.ends[0].path_stats(a).next().expect("a path").rto;
        lab.run_until(at(200 + 4000));
        let sent = asconfs(&lab);
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[1].0, first.0 + before, "after the RTO");
        assert_eq!(chunks(&sent[1].2)[1], chunks(&first.2)[1], "the same chunk");
        assert_eq!(changes(&lab, 0), [(address(0, 1), AddressChange::OwnAdded)]);
        let added = [(address(0, 1), AddressChange::PeerAdded)];
        assert_eq!(changes(&lab, 1), added, "done once");
        assert_eq!(lab.ends[0].path_stats(a).next().expect("a path").errors, 0, "A5");
    }
}

// Holds: RFC 5061 5.1-B2
#[test]
fn requests_that_nobody_answers_end_the_association() {
    let (mut lab, [a, _]) = established();
    lab.links[0].loss = 1_000_000;
    lab.ends[0].add_own_address(lab.now, a, address(0, 1));
    lab.drain(0);
    lab.run_until(SimTime::from_secs(3600));
    let closed =
        |event: &SctpEvent| matches!(event, SctpEvent::Closed { reason: CloseReason::Unreachable, .. });
    assert!(lab.happened(0, closed).is_some());
    // Association.Max.Retrans is 10; HEARTBEATs count too.
    assert!((2..=11).contains(&asconfs(&lab).len()), "{}", asconfs(&lab).len());
}

// Holds: RFC 5061 5.3-F4, 5.3-F6, 5.3-F13, 5.3-F12
#[test]
fn a_deleted_address_is_neither_sent_from_nor_sent_to() {
    let mut lab = Lab::new(1, links());
    lab.record = true;
    let a = lab.connect(2, changing(), changing());
    lab.run_until(at(500));
    let b = lab.accepted().expect("it was accepted");
    lab.sent.clear();
    lab.ends[0].delete_own_address(lab.now, a, address(0, 0));
    lab.drain(0);
    lab.say(0, a, 0, 3000, &MessageOptions::default());
    lab.say(1, b, 0, 3000, &MessageOptions::default());
    lab.run_until(at(3000));
    for number in 1..5 {
        lab.say(1, b, number, 3000, &MessageOptions::default());
        lab.say(0, a, number, 3000, &MessageOptions::default());
    }
    lab.run_until(at(6000));
    let from_old = lab.sent.iter().filter(|(_, side, it)| *side == 0 && it.source == address(0, 0));
    assert_eq!(from_old.count(), 0);
    let to_old = lab
        .sent
        .iter()
        .filter(|(when, side, it)| *side == 1 && *when > at(510) && it.destination == address(0, 0));
    assert_eq!(to_old.count(), 0);
    assert_eq!(lab.ends[0].own_addresses(a), [address(0, 1)]);
    let paths: Vec<IpAddr> = lab.ends[1].paths(b).iter().map(|(remote, _)| *remote).collect();
    assert_eq!(paths, [address(0, 1)]);
    let heard = |lab: &mut Lab, side: usize, id| std::iter::from_fn(|| lab.ends[side].receive(id)).count();
    assert_eq!((heard(&mut lab, 0, a), heard(&mut lab, 1, b)), (5, 5), "nothing is lost");
    // F13: packets of the old address are out of the blue.
    let stray = lab.sent.iter().rev().find(|(_, side, it)| *side == 0 && kinds(it).contains(&"DATA"));
    let mut stray = stray.expect("data were sent").2.clone();
    stray.source = address(0, 0);
    let before = lab.ends[1].counters().out_of_the_blue;
    lab.deliver(1, stray);
    assert_eq!(lab.ends[1].counters().out_of_the_blue, before + 1);
}

// Holds: RFC 5061 5.3-F5, 5.3.2-a, 5.3.2-c, 5.2-D2, 5.2-E6, 5.3-F1a
#[test]
fn the_only_address_changes_and_the_association_lives() {
    let (mut lab, [a, b]) = established();
    lab.sent.clear();
    lab.links[0].down = Some((at(200), SimTime::MAX));
    lab.ends[0].delete_own_address(lab.now, a, address(0, 0));
    lab.drain(0);
    assert!(asconfs(&lab).is_empty(), "F5: the last one stays");
    // Side 1 is reached over both networks; the lab's links go by the destination.
    lab.links[0].down = None;
    lab.ends[0].add_own_address(lab.now, a, address(0, 1));
    lab.drain(0);
    let (_, _, request) = asconfs(&lab).pop().expect("it was sent");
    assert_eq!(request.source, address(0, 1), "F1, F6: from the address that comes");
    let (_, known, requests) = asconf(&request).expect("an ASCONF");
    assert_eq!(known, address(0, 0), "by which the peer finds the association");
    let asked: Vec<_> = requests.iter().map(|it| (it.kind, it.address)).collect();
    let wanted = [
        (ParameterType::ADD_ADDRESS, address(0, 1)),
        (ParameterType::SET_PRIMARY, address(0, 1)),
        (ParameterType::DELETE_ADDRESS, address(0, 0)),
    ];
    assert_eq!(asked, wanted);
    // Before the answer nothing else may be sent from either address.
    lab.say(0, a, 0, 100, &MessageOptions::default());
    lab.run_until(at(219));
    assert!(lab.sent.iter().all(|(_, side, it)| *side == 1 || kinds(it) == ["AUTH", "ASCONF"]));
    let answer = lab.sent.iter().find(|(_, side, _)| *side == 1).expect("it answers");
    assert_eq!(answer.2.destination, address(0, 1), "E6");
    lab.run_until(at(1000));
    assert!(lab.ends[1].receive(b).is_some());
    lab.say(1, b, 0, 100, &MessageOptions::default());
    let last = lab.sent.last().expect("it was sent");
    assert_eq!(last.2.destination, address(0, 1));
    lab.run_until(at(2000));
    assert!(lab.ends[0].receive(a).is_some());
    assert_eq!(lab.ends[0].own_addresses(a), [address(0, 1)]);
}

// Holds: RFC 5061 5.1.1-C4
#[test]
fn nothing_is_asked_before_the_association_stands() {
    let mut lab = Lab::new(1, links());
    lab.record = true;
    let a = lab.connect(1, changing(), changing());
    lab.ends[0].add_own_address(lab.now, a, address(0, 1));
    lab.drain(0);
    lab.run_until(at(500));
    assert!(asconfs(&lab).is_empty());
    lab.ends[0].shutdown(lab.now, a);
    lab.drain(0);
    lab.run_until(at(515));
    assert_eq!(lab.ends[0].state(a), Some(State::ShutdownSent));
}

// Holds: RFC 5061 4.2.7-c
#[test]
fn who_changes_addresses_without_signing_gets_no_association() {
    use sctp_lab::craft;
    use wire::sctp::{CommonHeader, ParameterList};
    let mut lab = Lab::new(1, links());
    lab.record = true;
    let config = std::sync::Arc::new(changing());
    lab.ends[1].listen(&[address(1, 0)], sctp_lab::PORT, config).expect("the port is free");
    let mut list = ParameterList::new();
    list.push(&Parameter::SupportedExtensions(&[193, 128]));
    let chunks = craft::bytes(&[Chunk::Init(craft::initiation(77, list.parameters()))]);
    let header =
        CommonHeader { source_port: 9, destination_port: sctp_lab::PORT, verification_tag: 0, checksum: 0 };
    craft::give(&mut lab, 1, craft::packet(header, chunks));
    lab.drain(1);
    assert_eq!(kinds(&lab.sent.last().expect("it is answered").2), ["ABORT"]);
}

#[test]
fn a_peer_that_knows_no_changes_is_not_asked() {
    let mut lab = Lab::new(1, links());
    lab.record = true;
    let a = lab.connect(1, changing(), SctpConfig::default());
    lab.run_until(at(200));
    lab.ends[0].add_own_address(lab.now, a, address(0, 1));
    lab.drain(0);
    assert!(asconfs(&lab).is_empty());
}
