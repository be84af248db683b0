//! What is said about subflows and addresses apart from data: MP_PRIO, ADD_ADDR, REMOVE_ADDR, MP_FASTCLOSE, MP_TCPRST, MP_JOIN
//! and who may not say it.

mod lab;

use std::net::IpAddr;

use lab::multipath::{Pair, address, options_of, strip};
use lab::multipath_story::{
    append, endpoints, exchange, pair, pair_over, said, streams, subflows, until, working,
};
use lab::script::{at, header};
use lab::{Path, Stream};
use sim_core::{SimDuration, SimTime};
use transport::endpoint::{Endpoint, InterfaceId, NetworkEvent, Received};
use transport::mptcp::{MptcpConfig, MptcpEvent, Scheduler};
use transport::tcp::CloseReason;
use wire::account::{Account, Protocol, Reason, Runs};
use wire::mptcp::{Join, MptcpOption, ResetReason, Subtype};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::tcp::TcpFlags;

/// Data segments that a side has sent since then, by their source.
fn carried(run: &Pair, side: usize, since: SimTime) -> Vec<IpAddr> {
    let by = run.lab.sent.iter().filter(|(at, sender, _)| *sender == side && *at >= since);
    let data = by.filter(|(_, _, transmit)| transmit.packet.payload_len() > 0);
    data.map(|(_, _, transmit)| transmit.source).collect()
}

// Holds: RFC 8684 3.3.8-a, 3.3.8-b, 3.3.8-c.
#[test]
fn a_backup_carries_nothing_until_nothing_else_works() {
    let config = MptcpConfig { announce: false, scheduler: Scheduler::RoundRobin, ..endpoints() };
    let mut run = pair(&config);
    let mut streams = streams([8000, 0]);
    run.lab.ends[0].set_address_backup(SimTime::ZERO, address(0, 1), true);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(1000));
    let joins = said(&run, 0, Subtype::Join);
    assert!(
        matches!(joins[0].2, MptcpOption::Join(Join::Syn { backup: true, address_id: 1, .. })),
        "{joins:?}"
    );
    assert_eq!(working(&run, 0), [address(0, 0), address(0, 1)]);
    assert!(subflows(&run, 1)[1].backup, "the peer knows");
    assert!(carried(&run, 0, SimTime::ZERO).iter().all(|from| *from == address(0, 0)));
    // The first way goes dark: the backup carries what is written now.
    for direction in &mut run.lab.paths {
        direction.down = Some((run.lab.now, SimTime::MAX));
    }
    let since = run.lab.now;
    until(&mut run, &mut streams, at(6000));
    assert!(carried(&run, 0, since).contains(&address(0, 1)));
}

// Holds: RFC 8684 3.3.8-d.
#[test]
fn mp_prio_turns_a_subflow_into_a_backup_and_back() {
    let config = MptcpConfig { announce: false, scheduler: Scheduler::RoundRobin, ..endpoints() };
    let mut run = pair(&config);
    let mut streams = streams([2, 8000]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(200));
    let id = run.ids[0].expect("it is connected");
    run.lab.ends[0].set_backup(run.lab.now, id, 1, true);
    run.lab.drain(0);
    until(&mut run, &mut streams, at(230));
    let said_so = said(&run, 0, Subtype::Priority);
    assert_eq!(said_so.len(), 1);
    assert_eq!((said_so[0].1, said_so[0].2), (address(0, 1), MptcpOption::Priority { backup: true }));
    let (told, server) = (run.lab.now, carried(&run, 1, SimTime::ZERO));
    assert!(server.contains(&address(1, 0)), "{server:?}");
    until(&mut run, &mut streams, at(300));
    let since = carried(&run, 1, told);
    assert!(!since.is_empty() && since.iter().all(|from| *from == address(1, 0)), "{since:?}");
    run.lab.ends[0].set_backup(run.lab.now, id, 1, false);
    run.lab.drain(0);
    until(&mut run, &mut streams, at(335));
    assert!(!subflows(&run, 1)[1].backup);
}

// Holds: RFC 8684 3.2-h, 3.4.1-j, 3.6-a.
#[test]
fn a_forged_answer_to_a_join_is_answered_with_a_reset() {
    let mut run = pair(&MptcpConfig { announce: false, ..endpoints() });
    run.lab.gateway = Some(Box::new(|side, path, transmit| {
        if side == 1 && path == 1 {
            exchange(transmit, |option| match option {
                MptcpOption::Join(Join::SynAck { backup, address_id, hmac, nonce }) => {
                    MptcpOption::Join(Join::SynAck { backup, address_id, hmac: hmac ^ 1, nonce })
                }
                other => other,
            });
        }
    }));
    let mut streams = streams([8000, 0]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(3000));
    assert_eq!(run.counters(0).joins_failed, 1);
    assert_eq!(working(&run, 0), [address(0, 0)]);
    assert!(refused_by(&run, 0, ResetReason::MPTCP_SPECIFIC));
    // RFC 8684 §3.9: not again.
    assert_eq!(syns(&run, address(0, 1)), 1);
}

// Holds: RFC 8684 3.2-i.
#[test]
fn a_forged_proof_of_a_join_is_answered_with_a_reset() {
    for without in [false, true] {
        let mut run = pair(&MptcpConfig { announce: false, ..endpoints() });
        run.lab.gateway = Some(Box::new(move |side, path, transmit| {
            let syn = header(transmit).flags.contains(TcpFlags::SYN);
            if side == 0 && path == 1 && without && !syn {
                strip(transmit);
            } else if side == 0 && path == 1 {
                exchange(transmit, |option| match option {
                    MptcpOption::Join(Join::Ack { mut hmac }) => {
                        hmac[7] ^= 1;
                        MptcpOption::Join(Join::Ack { hmac })
                    }
                    other => other,
                });
            }
        }));
        let mut streams = streams([8000, 0]);
        run.begin(&mut streams);
        until(&mut run, &mut streams, at(3000));
        assert_eq!(run.counters(1).joins_failed, 1, "without {without}");
        assert_eq!(working(&run, 1), [address(1, 0)]);
        assert!(refused_by(&run, 1, ResetReason::MPTCP_SPECIFIC));
    }
}

// Holds: RFC 8684 3.2-j.
#[test]
fn an_answer_to_a_join_without_mp_join_is_answered_with_a_reset() {
    let mut run = pair(&MptcpConfig { announce: false, ..endpoints() });
    run.lab.gateway = Some(Box::new(|side, path, transmit| {
        if side == 1 && path == 1 {
            strip(transmit);
        }
    }));
    let mut streams = streams([8000, 0]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(3000));
    assert_eq!(working(&run, 0), [address(0, 0)]);
    assert!(refused_by(&run, 0, ResetReason::MPTCP_SPECIFIC));
}

// Holds: RFC 8684 3.2-g.
#[test]
fn a_join_of_an_unknown_connection_is_answered_with_a_reset() {
    let mut run = pair(&MptcpConfig { announce: false, ..endpoints() });
    run.lab.gateway = Some(Box::new(|side, path, transmit| {
        if side == 0 && path == 1 {
            exchange(transmit, |option| match option {
                MptcpOption::Join(Join::Syn { backup, address_id, token, nonce }) => {
                    MptcpOption::Join(Join::Syn { backup, address_id, token: token ^ 1, nonce })
                }
                other => other,
            });
        }
    }));
    let mut streams = streams([8000, 0]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(3000));
    assert_eq!(run.lab.ends[1].counters().unknown_tokens, 1);
    assert!(refused_by(&run, 1, ResetReason::MPTCP_SPECIFIC));
    assert_eq!(working(&run, 0), [address(0, 0)]);
}

// Holds: RFC 8684 3.2-g.
#[test]
fn more_subflows_than_a_host_wants_are_refused() {
    let server = MptcpConfig { subflows_max: 1, announce: false, ..endpoints() };
    let mut run = pair_over(2, &endpoints(), &server);
    let mut streams = streams([8000, 0]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(3000));
    assert_eq!(run.lab.ends[1].counters().joins_refused, 1);
    assert!(refused_by(&run, 1, ResetReason::ADMINISTRATIVELY_PROHIBITED));
}

// Holds: RFC 8684 3.2-d, 3.2-e.
#[test]
fn the_proof_of_a_join_is_sent_until_it_is_acknowledged_and_no_data_before() {
    let mut run = pair(&MptcpConfig { announce: false, scheduler: Scheduler::RoundRobin, ..endpoints() });
    let mut proofs = 0;
    run.lab.gateway = Some(Box::new(move |side, path, transmit| {
        let proof = options_of(transmit).iter().any(|it| matches!(it, MptcpOption::Join(Join::Ack { .. })));
        if side == 0 && path == 1 && proof {
            proofs += 1;
            if proofs <= 2 {
                transmit.packet.corrupted = true; // Two proofs are lost.
            }
        }
    }));
    let mut streams = streams([30_000, 0]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(9000));
    assert!(run.counters(0).join_retransmissions >= 1);
    assert_eq!(working(&run, 0).len(), 2);
    let proofs: Vec<SimTime> = said(&run, 0, Subtype::Join)
        .iter()
        .filter(|(_, _, option)| matches!(option, MptcpOption::Join(Join::Ack { .. })))
        .map(|(at, ..)| *at)
        .collect();
    let first = run.lab.sent.iter().find(|(_, side, transmit)| {
        *side == 0 && transmit.source == address(0, 1) && transmit.packet.payload_len() > 0
    });
    let first = first.expect("data follow").0;
    assert!(proofs.len() >= 3 && first > proofs[2], "{proofs:?} {first:?}");
}

// Holds: RFC 8684 3.5-a, 3.5-b.
#[test]
fn an_abort_ends_all_subflows_at_both_sides() {
    // Nothing is lost: a reset with another sequence number than is expected would be asked about (RFC 5961 §3.2), by a
    // peer that is then told by a reset without MP_FASTCLOSE.
    let clean = [[Path::clean(10); 2], [Path::clean(30); 2]];
    let config = MptcpConfig { announce: false, ..endpoints() };
    let mut run = Pair::new(4, &clean, &config);
    run.lab.record = true;
    let mut streams = streams([60_000, 60_000]);
    run.begin(&mut streams);
    until(&mut run, &mut streams, at(500));
    assert_eq!(working(&run, 0).len(), 2);
    let id = run.ids[0].expect("it is connected");
    run.lab.ends[0].abort(run.lab.now, id);
    run.lab.drain(0);
    let said_so = said(&run, 0, Subtype::FastClose);
    assert_eq!(said_so.len(), 2, "on each subflow");
    until(&mut run, &mut streams, at(4000));
    let closed = |side: usize| {
        run.seen[side].iter().find_map(|event| match event {
            MptcpEvent::Closed { reason, .. } => Some(*reason),
            _ => None,
        })
    };
    assert_eq!([closed(0), closed(1)], [Some(CloseReason::Aborted), Some(CloseReason::Reset)]);
    run.lab.run_until(run.lab.now + SimDuration::from_secs(600));
    assert_eq!(run.lab.ends.each_ref().map(|end| end.connections()), [0, 0]);
}

// Holds: RFC 8684 3.5-c.
#[test]
fn mp_fastclose_with_another_key_is_ignored() {
    let mut run = pair(&MptcpConfig { announce: false, ..endpoints() });
    run.lab.gateway = Some(Box::new(|side, path, transmit| {
        let head = header(transmit);
        if side == 0
            && path == 0
            && !head.flags.contains(TcpFlags::SYN)
            && head.options.as_bytes().len() <= 28
        {
            append(transmit, &MptcpOption::FastClose { receiver_key: 0x1234_5678 });
        }
    }));
    let mut streams = streams([200, 50]);
    run.begin(&mut streams);
    run.go(&mut streams, at(20_000), "other key");
    assert!(streams.iter().all(Stream::is_complete));
    assert_eq!(run.closed, [Some(CloseReason::Normal); 2]);
}

// Holds: RFC 8684 3.6-b, 3.6-c.
#[test]
fn a_subflow_that_was_refused_for_good_is_not_tried_again() {
    for (transient, tries) in [(false, 1), (true, 2)] {
        let mut run = pair(&MptcpConfig { announce: false, ..endpoints() });
        run.lab.gateway = Some(Box::new(move |side, path, transmit| {
            if side == 0 && path == 1 && transient {
                exchange(transmit, |option| match option {
                    MptcpOption::Join(Join::Syn { backup, address_id, token, nonce }) => {
                        MptcpOption::Join(Join::Syn { backup, address_id, token: token ^ 1, nonce })
                    }
                    other => other,
                });
            } else if side == 0 && path == 1 {
                exchange(transmit, |option| match option {
                    MptcpOption::Join(Join::Ack { mut hmac }) => {
                        hmac[0] ^= 1;
                        MptcpOption::Join(Join::Ack { hmac })
                    }
                    other => other,
                });
            }
            if side == 1 && path == 1 {
                exchange(transmit, |option| match option {
                    MptcpOption::Reset(mut reset) => {
                        assert_eq!(reset.undefined, 0);
                        reset.transient = transient;
                        reset.undefined = 0x0E;
                        MptcpOption::Reset(reset)
                    }
                    other => other,
                });
            }
        }));
        let mut streams = streams([8000, 0]);
        run.begin(&mut streams);
        until(&mut run, &mut streams, at(1500));
        // A link comes back: what failed may be tried again.
        run.lab.ends[0].handle_network(run.lab.now, &NetworkEvent::LinkUp(InterfaceId(1)));
        run.lab.drain(0);
        until(&mut run, &mut streams, at(3000));
        assert_eq!(syns(&run, address(0, 1)), tries, "transient {transient}");
    }
}

// Found by a kernel as the peer: what comes from outside has its headers in the payload.
#[test]
fn segments_are_known_whether_their_header_was_cut_off_or_not() {
    let mut run = pair(&endpoints());
    run.lab.drain(0);
    run.lab.run_until(at(100));
    let syn = run.lab.sent.iter().find(|(_, side, _)| *side == 0).expect("it was sent").2.clone();
    let whole = Payload::from_bytes(syn.packet.to_vec());
    let account =
        Account::with_header(syn.packet.account.flow, Reason::Handshake, Protocol::Tcp, 0, Runs::new());
    let mut uncut = Packet::new(whole, account);
    let mut cut = syn.packet.clone();
    for packet in [&mut uncut, &mut cut] {
        let mut received = Received {
            source: syn.source,
            destination: syn.destination,
            interface: InterfaceId(0),
            hop_limit: 64,
            traffic_class: 0,
            packet,
        };
        assert!(run.lab.ends[1].find(&mut received).is_some());
        received.destination = IpAddr::from([10, 9, 9, 9]);
        assert!(run.lab.ends[1].find(&mut received).is_none());
    }
}

/// Whether a side has reset a subflow with this reason.
fn refused_by(run: &Pair, side: usize, reason: ResetReason) -> bool {
    let all = said(run, side, Subtype::Reset);
    all.iter().any(|(_, _, option)| matches!(option, MptcpOption::Reset(reset) if reset.reason == reason))
}

/// SYNs that an address of side 0 has sent.
fn syns(run: &Pair, from: IpAddr) -> usize {
    let by = run.lab.sent.iter().filter(|(_, side, transmit)| *side == 0 && transmit.source == from);
    by.filter(|(_, _, transmit)| header(transmit).flags.contains(TcpFlags::SYN)).count()
}
