//! Addresses that come and go: ADD_ADDR, REMOVE_ADDR, and who may not say them.

mod lab;

use std::net::IpAddr;

use lab::multipath::{Pair, address, options_of, rewrite, strip};
use lab::multipath_story::{
    append, endpoints, exchange, pair, said, segments, streams, subflows, until, working,
};
use lab::script::{at, header};
use sim_core::{SimDuration, SimTime};
use transport::endpoint::{Endpoint, InterfaceId, NetworkEvent, Transmit};
use transport::mptcp::MptcpConfig;
use wire::mptcp::{AddressIds, MptcpOption, ResetReason, Subtype};
use wire::tcp::TcpFlags;
use wire::tcp_options::{TcpOption, TcpOptions};

// Holds: RFC 8684 3.4.1-a, 3.4.1-e, 3.4.1-f, 3.4.1-g.
#[test]
fn an_announced_address_is_echoed_and_joined_and_announced_until_it_is() {
    let mut run = pair(&endpoints());
    let mut lost = 0;
    // The first announcement and the first echo are lost.
    run.lab.gateway = Some(Box::new(move |side, _, transmit| {
        let has = options_of(transmit).iter().any(|option| option.subtype() == Subtype::AddAddress);
        if has && lost < 2 && (side == 1 || lost == 1) {
            lost += 1;
            strip(transmit);
        }
    }));
    let mut streams = streams([30_000, 10]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(9000));
    let announced = said(&run, 1, Subtype::AddAddress);
    assert!(announced.len() >= 2, "{announced:?}");
    assert!(matches!(announced[0].2, MptcpOption::AddAddress(it)
        if it.address == address(1, 1) && it.address_id == 1 && it.hmac.is_some() && it.port.is_none()));
    let echoed = said(&run, 0, Subtype::AddAddress);
    assert!(!echoed.is_empty());
    assert!(
        echoed
            .iter()
            .all(|(_, _, option)| matches!(option, MptcpOption::AddAddress(it) if it.hmac.is_none()))
    );
    assert!(run.counters(1).address_retransmissions >= 1);
    let joined =
        subflows(&run, 0).iter().any(|it| it.remote == (address(1, 1), lab::PORT).into() && it.ready);
    assert!(joined, "{:?}", subflows(&run, 0));
    // The echo ends it.
    let count = announced.len();
    until(&mut run, &mut streams, at(60_000));
    assert_eq!(said(&run, 1, Subtype::AddAddress).len(), count);
}

/// Segments full of data have no room for an echo, and an unbroken stream of them no gap. Linux announces as soon as the
/// handshake is over, while the client still repeats its keys.
#[test]
fn an_address_is_echoed_before_data_that_waits() {
    let is_announcement =
        |transmit: &Transmit| options_of(transmit).iter().any(|it| it.subtype() == Subtype::AddAddress);
    // Ours announces after the first data: the same connection tells what it says then.
    let mut later = pair(&endpoints());
    later.begin(&mut streams([1, 0]));
    later.lab.run_until(at(500));
    let mut announced = later.lab.sent.iter().filter(|(_, side, it)| *side == 1 && is_announcement(it));
    let mut announcement = announced.next().expect("it is announced").2.clone();

    let mut run = pair(&endpoints());
    run.lab.drain(0);
    run.lab.run_until(at(25));
    let next = header(&run.lab.sent.last().expect("the client has answered").2).sequence_number;
    rewrite(&mut announcement, |head, _| {
        head.acknowledgment_number = next;
        let mut kept = TcpOptions::EMPTY;
        for option in &head.options {
            if !matches!(option, TcpOption::Mptcp(data) if data.first().is_some_and(|it| it >> 4 == 2)) {
                kept.try_push(option).expect("fewer options fit");
            }
        }
        head.options = kept;
    });
    run.lab.deliver(0, announcement);
    let id = run.ids[0].expect("the client has a connection");
    streams([60, 0])[0].write(&mut run.lab, 0, id);
    run.lab.drain(0);
    run.lab.run_until(at(900));
    let echoes = segments(&run, 0).into_iter().enumerate().filter(|(_, (it, _))| is_announcement(it));
    let echoes: Vec<usize> = echoes.map(|(number, _)| number).collect();
    let data = segments(&run, 0).into_iter().rposition(|(it, _)| it.packet.payload_len() > 0);
    let data = data.expect("data was sent");
    assert!(matches!(echoes[..], [echo] if echo + 10 < data), "{echoes:?} of {data}");
}

// Holds: RFC 8684 3.2-k, 3.4.1-h.
#[test]
fn an_address_is_announced_with_a_port_where_there_is_one() {
    let config = MptcpConfig { announce_port: Some(7001), ..endpoints() };
    let mut run = pair(&config);
    let mut streams = streams([8000, 0]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(2000));
    let joined = subflows(&run, 0).iter().any(|it| it.remote == (address(1, 1), 7001).into() && it.ready);
    assert!(joined, "nobody listens there, but the token finds its connection: {:?}", subflows(&run, 0));
}

// Holds: RFC 8684 3.4.1-d.
#[test]
fn a_forged_address_is_ignored() {
    let mut run = pair(&endpoints());
    run.lab.gateway = Some(Box::new(|side, _, transmit| {
        if side == 1 && options_of(transmit).iter().any(|option| option.subtype() == Subtype::AddAddress) {
            exchange(transmit, |option| match option {
                MptcpOption::AddAddress(mut it) if it.hmac.is_some() => {
                    it.address = IpAddr::from([6, 6, 6, 6]);
                    MptcpOption::AddAddress(it)
                }
                other => other,
            });
        }
    }));
    let mut streams = streams([8000, 0]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(3000));
    assert!(run.counters(0).addresses_refused > 0);
    assert!(said(&run, 0, Subtype::AddAddress).is_empty(), "no echo either");
    assert!(run.lab.sent.iter().all(|(_, _, transmit)| transmit.destination != IpAddr::from([6, 6, 6, 6])));
}

// Holds: RFC 8684 3.4.2-a, 3.4.2-c, 3.4.2-e.
#[test]
fn a_lost_address_is_told_and_its_subflows_end_at_both_sides() {
    let mut run = pair(&MptcpConfig { announce: false, ..endpoints() });
    let mut streams = streams([100, 8000]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(500));
    assert_eq!(working(&run, 1).len(), 2);
    let gone = run.lab.now;
    for direction in &mut run.lab.further[0] {
        direction.down = Some((gone, SimTime::MAX));
    }
    run.lab.ends[0].handle_network(gone, &NetworkEvent::AddressRemoved(address(0, 1), InterfaceId(1)));
    run.lab.drain(0);
    until(&mut run, &mut streams, gone + SimDuration::from_millis(3000));
    let told = said(&run, 0, Subtype::RemoveAddress);
    assert_eq!(told.len(), 1);
    let ids = AddressIds::new(&[1]).expect("one is not too many");
    assert_eq!((told[0].0, told[0].1, told[0].2), (gone, address(0, 0), MptcpOption::RemoveAddress(ids)));
    assert_eq!(working(&run, 0), [address(0, 0)]);
    // The server asks, gets no answer, and ends the subflow; its data went elsewhere at once.
    assert_eq!(working(&run, 1), [address(1, 0)], "of two with this address");
    assert!(run.counters(1).reinjections > 0);
    assert!(refused_by(&run, 1, ResetReason::UNSPECIFIED));
}

// Holds: RFC 8684 3.4.2-b, 3.4.2-d.
#[test]
fn an_address_that_still_answers_is_not_taken_away_by_a_forged_remove_addr() {
    let mut run = pair(&MptcpConfig { announce: false, ..endpoints() });
    let mut acknowledgments = 0;
    run.lab.gateway = Some(Box::new(move |side, path, transmit| {
        let ids = AddressIds::new(&[0]).expect("one is not too many");
        if side == 0 && path == 1 && transmit.packet.payload_len() == 0 {
            acknowledgments += 1;
            if acknowledgments == 10 {
                append(transmit, &MptcpOption::RemoveAddress(ids));
            }
        }
    }));
    let mut streams = streams([100, 16_000]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(2000));
    assert_eq!(working(&run, 0).len(), 2, "the first address has answered");
    assert_eq!(working(&run, 1).len(), 2);
}

// Holds: RFC 8684 3.4.2-f.
#[test]
fn unknown_addresses_are_removed_without_effect() {
    let mut run = pair(&MptcpConfig { announce: false, ..endpoints() });
    run.lab.gateway = Some(Box::new(|side, path, transmit| {
        let ids = AddressIds::new(&[77]).expect("one is not too many");
        if side == 0 && path == 0 && !header(transmit).flags.contains(TcpFlags::SYN) {
            let room = header(transmit).options.as_bytes().len() + 4 <= 40;
            if room {
                append(transmit, &MptcpOption::RemoveAddress(ids));
            }
        }
    }));
    let mut streams = streams([8000, 0]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(1000));
    assert_eq!(working(&run, 1).len(), 2);
}

/// Whether a side has reset a subflow with this reason.
fn refused_by(run: &Pair, side: usize, reason: ResetReason) -> bool {
    let all = said(run, side, Subtype::Reset);
    all.iter().any(|(_, _, option)| matches!(option, MptcpOption::Reset(reset) if reset.reason == reason))
}
