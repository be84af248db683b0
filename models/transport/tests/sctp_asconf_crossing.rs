//! Changes of addresses that cross each other, and what comes late about addresses that are back (RFC 5061 §5.3).

mod sctp_lab;

use std::net::IpAddr;

use sctp_lab::craft::{Insight, bytes};
use sctp_lab::{Lab, Link, address, at, kinds};
use transport::sctp::{AssociationId, CloseReason, MessageOptions, SctpConfig, SctpEvent, State};
use wire::sctp::{Causes, Chunk, Parameter};

/// An association over both paths, whose two sides may change their addresses.
fn established() -> (Lab, [AssociationId; 2]) {
    let config = SctpConfig { address_changes: true, ..SctpConfig::default() };
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    let a = lab.connect(2, config.clone(), config);
    lab.run_until(at(200));
    let b = lab.accepted().expect("it was accepted");
    lab.sent.clear();
    (lab, [a, b])
}

/// Loses all that is sent meanwhile.
fn in_vain(lab: &mut Lab, action: impl FnOnce(&mut Lab)) {
    lab.links.iter_mut().for_each(|link| link.loss = 1_000_000);
    action(lab);
    lab.links.iter_mut().for_each(|link| link.loss = 0);
}

fn lose(lab: &mut Lab, side: usize, path: usize) {
    lab.ends[side].delete_address(lab.now, address(side, path));
    lab.drain(side);
}

fn gain(lab: &mut Lab, side: usize, path: usize) {
    lab.ends[side].add_address(lab.now, address(side, path));
    lab.drain(side);
}

fn closed(lab: &Lab, side: usize) -> Option<CloseReason> {
    lab.events[side].iter().find_map(|(_, event)| match event {
        SctpEvent::Closed { reason, .. } => Some(*reason),
        _ => None,
    })
}

/// The address that the last ASCONF of a side names the association by.
fn known(lab: &Lab, side: usize) -> Option<IpAddr> {
    let mut own = lab.sent.iter().filter(|(_, from, it)| *from == side && kinds(it).contains(&"ASCONF"));
    let bytes = own.next_back()?.2.packet.to_vec();
    wire::sctp::Chunks::new(&bytes[12..]).flatten().find_map(|chunk| match chunk {
        Chunk::Asconf { parameters, .. } => parameters.iter().flatten().find_map(|it| match it {
            Parameter::Address(address) => Some(address),
            _ => None,
        }),
        _ => None,
    })
}

// Holds: RFC 5061 5.3.2-a
#[test]
fn a_request_names_the_association_by_an_address_that_stays() {
    // Else a copy of it finds nobody once it was carried out and its answer was lost.
    let (mut lab, [a, _]) = established();
    lose(&mut lab, 0, 0);
    assert_eq!(known(&lab, 0), Some(address(0, 1)));
    // The answer is lost, and so is the address that stayed: the request comes from the other, which is back.
    lab.links[1].loss = 1_000_000;
    lab.run_until(at(215));
    lab.links[1].loss = 0;
    lose(&mut lab, 0, 1);
    gain(&mut lab, 0, 0);
    lab.run_until(at(30_000));
    assert_eq!(lab.ends[0].own_addresses(a), [address(0, 0)]);
    assert_eq!((closed(&lab, 0), closed(&lab, 1)), (None, None));
}

// Holds: RFC 5061 5.3-F1a
#[test]
fn two_sides_between_addresses_answer_each_other() {
    // Each has asked for its old address to be deleted, has only one that is not added yet, and waits for the other's
    // answer, which may leave from there only beside the request (RFC 5061 §5.3 F1).
    let (mut lab, ids) = established();
    in_vain(&mut lab, |lab| (0..2).for_each(|side| lose(lab, side, 0)));
    for side in 0..2 {
        lose(&mut lab, side, 1);
        gain(&mut lab, side, 0);
    }
    lab.run_until(at(30_000));
    for (side, id) in (0..).zip(ids) {
        assert_eq!(lab.ends[side].own_addresses(id), [address(side, 0)], "side {side}");
        let peers: Vec<IpAddr> = lab.ends[side].paths(id).iter().map(|(remote, _)| *remote).collect();
        assert_eq!(peers, [address(1 - side, 0)], "side {side}");
        lab.say(side, id, 0, 100, &MessageOptions::default());
    }
    lab.run_until(at(60_000));
    for (side, id) in (0..).zip(ids) {
        assert!(lab.ends[side].receive(id).is_some(), "side {side}");
    }
    let answers = lab.sent.iter().filter(|(_, _, it)| kinds(it).contains(&"ASCONF-ACK"));
    let from_new =
        answers.filter(|(_, side, it)| it.source == address(*side, 0) && kinds(it).contains(&"ASCONF"));
    assert!(from_new.count() > 0, "the case has come up");
}

// Holds: RFC 5061 5.2-D5a
#[test]
fn an_answer_counts_from_an_address_that_the_peer_has_left() {
    // Each side was told that the other leaves an address, and the answers were lost; both come back with those
    // addresses. To each the other is a stranger until its own request was answered, which the stranger's packet does.
    let (mut lab, ids) = established();
    (0..2).for_each(|side| lose(&mut lab, side, 0));
    lab.links[1].loss = 1_000_000;
    lab.run_until(at(215));
    lab.links[1].loss = 0;
    for (side, id) in (0..).zip(ids) {
        let peers: Vec<IpAddr> = lab.ends[side].paths(id).iter().map(|(remote, _)| *remote).collect();
        assert_eq!(peers, [address(1 - side, 1)], "side {side} has carried the request out");
        assert_eq!(lab.ends[side].own_addresses(id).len(), 2, "side {side} has no answer");
        lose(&mut lab, side, 1);
        gain(&mut lab, side, 0);
    }
    lab.run_until(at(30_000));
    for (side, id) in (0..).zip(ids) {
        assert_eq!(lab.ends[side].own_addresses(id), [address(side, 0)], "side {side}");
        assert_eq!(closed(&lab, side), None, "side {side}");
    }
}

// Holds: RFC 5061 5.3.1-a
#[test]
fn an_abort_for_what_was_sent_before_an_address_came_back_is_ignored() {
    let (mut lab, [a, _]) = established();
    let mut handshake = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    handshake.record = true;
    let config = SctpConfig { address_changes: true, ..SctpConfig::default() };
    handshake.connect(2, config.clone(), config);
    handshake.run_until(at(200));
    let insight = Insight::of(&handshake);
    let abort = |reflected| bytes(&[Chunk::Abort { reflected, causes: Causes::default() }]);
    lose(&mut lab, 0, 0);
    lab.run_until(at(300));
    assert_eq!(lab.ends[0].own_addresses(a), [address(0, 1)]);
    gain(&mut lab, 0, 0);
    // It goes to the address that is back: on its way back, and there again for less than two time-outs.
    insight.tell_with(&mut lab, insight.peer_tag, abort(true));
    assert_eq!(lab.ends[0].state(a), Some(State::Established), "not added yet");
    lab.run_until(at(400));
    assert_eq!(lab.ends[0].own_addresses(a).len(), 2);
    insight.tell_with(&mut lab, insight.peer_tag, abort(true));
    assert_eq!(lab.ends[0].state(a), Some(State::Established), "just added");
    lab.run_until(at(4000));
    insight.tell_with(&mut lab, insight.peer_tag, abort(true));
    assert_eq!(closed(&lab, 0), Some(CloseReason::AbortedByPeer), "it is about something else");
}

// Holds: RFC 5061 5.1.1-C4
#[test]
fn who_has_lost_all_addresses_still_ends_in_order() {
    // The old addresses may not be used while the request to delete them is under way; in SHUTDOWN-ACK-SENT nobody
    // answers it any more (RFC 5061 §5.1.1 C4).
    let (mut lab, [a, _]) = established();
    in_vain(&mut lab, |lab| lose(lab, 1, 0));
    lose(&mut lab, 1, 1);
    lab.ends[0].shutdown(lab.now, a);
    lab.drain(0);
    lab.run_until(at(60_000));
    assert_eq!([0, 1].map(|side| closed(&lab, side)), [Some(CloseReason::Shutdown); 2]);
}
