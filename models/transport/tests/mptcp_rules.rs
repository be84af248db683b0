//! Rules of RFC 8684 about opening, mapping, ending and falling back, one exchange each.

mod lab;

use lab::Stream;
use lab::multipath::{Pair, address, options_of, rewrite, strip};
use lab::multipath_story::{is_syn, pair_over, quiet_endpoints, segments, streams};
use lab::script::{at, header};
use sim_core::SimDuration;
use transport::endpoint::Transmit;
use transport::mptcp::{Fallback, MptcpConfig, MptcpEvent, Scheduler};
use transport::tcp::CloseReason;
use wire::mptcp::{Capable, DataSequence, Dss, MptcpOption, ResetReason, Stage, Subtype};
use wire::tcp::TcpFlags;
use wire::tcp_options::{TcpOption, TcpOptions};

/// Runs to the end of both streams; says how each side fell back.
fn complete(run: &mut Pair, streams: &mut [Stream; 2], context: &str) -> [Option<Fallback>; 2] {
    run.begin(streams);
    run.go(streams, at(100_000), context);
    assert!(streams.iter().all(Stream::is_complete), "{context}");
    assert_eq!(run.closed, [Some(CloseReason::Normal); 2], "{context}");
    [0, 1].map(|side| {
        run.seen[side].iter().find_map(|event| match event {
            MptcpEvent::FellBack { reason, .. } => Some(*reason),
            _ => None,
        })
    })
}

fn resets(run: &Pair, side: usize, reason: ResetReason) -> usize {
    let is = |option: &MptcpOption| matches!(option, MptcpOption::Reset(reset) if reset.reason == reason);
    segments(run, side).iter().filter(|(_, options)| options.iter().any(is)).count()
}

/// Puts `change` in the place of each option of Multipath TCP: its value, as bytes.
fn exchange(transmit: &mut Transmit, change: impl Fn(&mut Vec<u8>)) {
    rewrite(transmit, |head, _| {
        let mut options = TcpOptions::EMPTY;
        for option in &head.options {
            match option {
                TcpOption::Mptcp(data) => {
                    let mut data = data.to_vec();
                    change(&mut data);
                    options.try_push(TcpOption::Mptcp(&data)).expect("it is as long as before");
                }
                other => options.try_push(other).expect("it was there"),
            }
        }
        head.options = options;
    });
}

// Holds: RFC 8684 3.1-a, 3.1-f, 3.1-h.
#[test]
fn a_syn_of_another_version_or_with_unknown_flags_or_without_an_algorithm_is_answered_as_plain_tcp() {
    // Version 0; the extensibility flag; no algorithm; an unknown algorithm only.
    for (byte, value) in [(0, 0x00), (1, 0x41), (1, 0x00), (1, 0x02)] {
        let mut run = pair_over(2, &quiet_endpoints(), &quiet_endpoints());
        run.lab.gateway = Some(Box::new(move |side, _, transmit| {
            if side == 0 && is_syn(transmit) {
                exchange(transmit, |data| data[byte] = value);
            }
        }));
        let fallbacks = complete(&mut run, &mut streams([20, 20]), "strange SYN");
        assert_eq!(fallbacks, [Some(Fallback::SynAck), Some(Fallback::Syn)], "{byte} {value:#x}");
        assert!(segments(&run, 1).iter().all(|(_, options)| options.is_empty()), "{byte} {value:#x}");
    }
}

// Holds: RFC 8684 3.1-c, 3.1-l, 3.7-b.
#[test]
fn keys_come_with_the_first_acknowledgment_and_again_with_the_first_data() {
    let mut run = pair_over(1, &quiet_endpoints(), &quiet_endpoints());
    assert_eq!(complete(&mut run, &mut streams([20, 20]), "keys"), [None, None]);
    let mine = segments(&run, 0);
    let stages = mine.iter().flat_map(|(transmit, options)| {
        options.iter().filter_map(|option| match option {
            MptcpOption::Capable(capable) => Some((capable.stage, transmit.packet.payload_len())),
            _ => None,
        })
    });
    let stages: Vec<_> = stages.collect();
    assert!(matches!(stages[0], (Stage::Syn, 0)));
    assert!(matches!(stages[1], (Stage::Ack { .. }, 0)));
    assert!(
        matches!(stages[2], (Stage::Data { len, .. }, payload) if u32::from(len) == payload),
        "{stages:?}"
    );
    // Each segment with data has a mapping: its own, or that of MP_CAPABLE.
    for side in 0..2 {
        for (transmit, options) in segments(&run, side).iter().filter(|(it, _)| it.packet.payload_len() > 0) {
            let mapped = options.iter().any(|option| match option {
                MptcpOption::Dss(Dss { mapping, .. }) => mapping.is_some(),
                MptcpOption::Capable(Capable { stage, .. }) => matches!(stage, Stage::Data { .. }),
                _ => false,
            });
            assert!(mapped, "{:?}", header(transmit));
        }
    }
}

// Holds: RFC 8684 3.1-d, 3.9.1-a, 3.9.1-b.
#[test]
fn a_further_subflow_waits_for_a_dss_and_has_the_ports_of_the_first() {
    let mut run = pair_over(2, &quiet_endpoints(), &quiet_endpoints());
    complete(&mut run, &mut streams([40, 0]), "join");
    let first = &run.stats[0].as_ref().expect("it was connected").subflows[0];
    let join = run
        .lab
        .sent
        .iter()
        .find(|(_, side, transmit)| *side == 0 && is_syn(transmit) && transmit.source == address(0, 1));
    let (joined_at, _, syn) = join.expect("there is a join");
    assert_eq!(header(syn).source_port, first.local.port());
    assert_eq!(header(syn).destination_port, first.remote.port());
    let answered = run.lab.sent.iter().find(|(_, side, transmit)| {
        *side == 1 && options_of(transmit).iter().any(|option| matches!(option, MptcpOption::Dss(_)))
    });
    // Ten milliseconds away.
    assert!(*joined_at >= answered.expect("data are acknowledged").0 + SimDuration::from_millis(10));
}

// Holds: RFC 8684 3.1-g.
#[test]
fn an_address_that_takes_no_further_subflows_gets_none() {
    let mut run = pair_over(2, &quiet_endpoints(), &quiet_endpoints());
    run.lab.gateway = Some(Box::new(|side, _, transmit| {
        if side == 1 && is_syn(transmit) {
            exchange(transmit, |data| data[1] |= 0x20);
        }
    }));
    complete(&mut run, &mut streams([40, 0]), "C");
    assert!(run.lab.sent.iter().all(|(_, side, it)| *side == 1 || it.source == address(0, 0)));
}

// Holds: RFC 8684 3.1-j, 3.3.3-a.
#[test]
fn checksums_are_used_if_either_side_wants_them() {
    for (client, server) in [(false, false), (false, true), (true, false), (true, true)] {
        let wants = |checksum| MptcpConfig { checksum, ..quiet_endpoints() };
        let mut run = pair_over(2, &wants(client), &wants(server));
        assert_eq!(complete(&mut run, &mut streams([40, 40]), "checksum"), [None, None]);
        let mut fins = 0;
        for side in 0..2 {
            for (transmit, options) in segments(&run, side) {
                for option in options {
                    match option {
                        MptcpOption::Dss(Dss { mapping: Some(mapping), data_fin, .. }) => {
                            assert_eq!(mapping.checksum.is_some(), client || server);
                            if data_fin && transmit.packet.payload_len() == 0 {
                                assert_eq!((mapping.subflow_sequence, mapping.len), (0, 1));
                                fins += 1;
                            }
                        }
                        MptcpOption::Capable(Capable { stage: Stage::Ack { .. }, flags }) => {
                            assert_eq!(flags.checksum, client || server, "the third segment confirms it");
                            assert!(flags.hmac_sha256 && !flags.extensibility && flags.undefined == 0);
                        }
                        _ => {}
                    }
                }
            }
        }
        assert!(fins >= 2, "each side has sent a DATA_FIN");
    }
}

// Holds: RFC 8684 3.1-m.
#[test]
fn a_plain_syn_gets_a_plain_answer_and_no_option_ever() {
    let mut run = pair_over(1, &quiet_endpoints(), &quiet_endpoints());
    run.lab.gateway = Some(Box::new(|side, _, transmit| {
        if side == 0 {
            strip(transmit);
        }
    }));
    let fallbacks = complete(&mut run, &mut streams([20, 20]), "plain");
    assert_eq!(fallbacks[1], Some(Fallback::Syn));
    assert!(segments(&run, 1).iter().all(|(_, options)| options.is_empty()));
}

// Holds: RFC 8684 3.9.2-a.
#[test]
fn a_syn_that_is_always_lost_with_the_option_goes_without() {
    let mut run = pair_over(1, &quiet_endpoints(), &quiet_endpoints());
    run.lab.gateway = Some(Box::new(|_, _, transmit| {
        if is_syn(transmit) && !options_of(transmit).is_empty() {
            transmit.packet.corrupted = true;
        }
    }));
    let fallbacks = complete(&mut run, &mut streams([20, 20]), "lost SYNs");
    assert_eq!(fallbacks, [Some(Fallback::SynAck), Some(Fallback::Syn)]);
    let with = segments(&run, 0).iter().filter(|(it, options)| is_syn(it) && !options.is_empty()).count();
    assert_eq!(with, 3);
}

// Holds: RFC 8684 3.3-a.
#[test]
fn a_mapping_with_a_checksum_that_was_not_agreed_on_or_without_one_that_was_breaks_the_subflow() {
    for checksum in [false, true] {
        let side_config = MptcpConfig { checksum, scheduler: Scheduler::RoundRobin, ..quiet_endpoints() };
        let mut run = pair_over(2, &side_config, &side_config);
        run.lab.gateway = Some(Box::new(move |side, path, transmit| {
            if side == 0 && path == 1 && transmit.packet.payload_len() > 0 {
                rewrite(transmit, |head, _| {
                    let mut options = TcpOptions::EMPTY;
                    for option in &head.options {
                        let other = match option {
                            TcpOption::Mptcp(data) => MptcpOption::parse(data).ok(),
                            _ => None,
                        };
                        if let Some(MptcpOption::Dss(mut dss)) = other {
                            if let Some(mapping) = &mut dss.mapping {
                                mapping.checksum = (!checksum).then_some(0);
                            }
                            options.try_push_mptcp(&MptcpOption::Dss(dss)).expect("there is room");
                        } else {
                            options.try_push(option).expect("it was there");
                        }
                    }
                    head.options = options;
                });
            }
        }));
        complete(&mut run, &mut streams([3000, 0]), "checksum there or not");
        assert_eq!(resets(&run, 1, ResetReason::MPTCP_SPECIFIC), 1, "agreed on {checksum}");
    }
}

// Holds: RFC 8684 3.3.2-a.
#[test]
fn long_numbers_are_acknowledged_by_long_ones() {
    let long = MptcpConfig { long_sequence: true, ..quiet_endpoints() };
    let mut run = pair_over(1, &long, &quiet_endpoints());
    complete(&mut run, &mut streams([40, 0]), "long");
    let acks: Vec<DataSequence> = segments(&run, 1)
        .iter()
        .flat_map(|(_, options)| options.clone())
        .filter_map(|option| match option {
            MptcpOption::Dss(dss) => dss.data_ack,
            _ => None,
        })
        .collect();
    // The first data come with MP_CAPABLE, which has no number.
    assert!(acks.iter().skip(2).all(|ack| matches!(ack, DataSequence::Long(_))), "{acks:?}");
    assert!(acks.len() > 5);
}

// Holds: RFC 8684 3.3.3-c.
#[test]
fn once_all_is_acknowledged_each_subflow_ends_with_a_fin_both_ways() {
    let mut run = pair_over(2, &quiet_endpoints(), &quiet_endpoints());
    complete(&mut run, &mut streams([400, 400]), "ends");
    run.lab.run_until(run.lab.now + SimDuration::from_secs(2));
    for side in 0..2 {
        for path in 0..2 {
            let near = |it: &Transmit| if side == 0 { it.source } else { it.destination };
            let mine = run.lab.sent.iter().filter(|(_, by, it)| *by == side && near(it) == address(0, path));
            let flags: Vec<TcpFlags> = mine.map(|(_, _, it)| header(it).flags).collect();
            assert!(flags.iter().any(|it| it.contains(TcpFlags::FIN)), "side {side} path {path}");
            assert!(!flags.iter().any(|it| it.contains(TcpFlags::RST)), "side {side} path {path}");
        }
    }
}

// Holds: RFC 8684 3.3.1-f, 3.7-e.
#[test]
fn a_subflow_whose_options_vanish_later_is_broken_and_the_others_carry_its_data() {
    let with = MptcpConfig { scheduler: Scheduler::RoundRobin, ..quiet_endpoints() };
    let mut run = pair_over(2, &with, &with);
    let mut count = 0;
    run.lab.gateway = Some(Box::new(move |side, path, transmit| {
        if side == 0 && path == 1 {
            count += 1;
            if count > 20 {
                strip(transmit);
            }
        }
    }));
    complete(&mut run, &mut streams([3000, 0]), "vanishing");
    let either = (0..2).map(|side| resets(&run, side, ResetReason::MIDDLEBOX_INTERFERENCE)).sum::<usize>();
    assert!(either >= 1);
    assert!(run.counters(0).reinjections > 0);
}

// Holds: RFC 8684 3.7-c.
#[test]
fn data_acknowledged_without_a_data_ack_end_a_further_subflow() {
    let with = MptcpConfig { scheduler: Scheduler::RoundRobin, ..quiet_endpoints() };
    let mut run = pair_over(2, &with, &with);
    let mut count = 0;
    run.lab.gateway = Some(Box::new(move |side, path, transmit| {
        if side == 1 && path == 1 {
            count += 1;
            // The SYN-ACK and the acknowledgment of the proof get through.
            if count > 1 && transmit.packet.payload_len() == 0 {
                let keep_first_ack = count == 2;
                if !keep_first_ack {
                    strip(transmit);
                }
            }
        }
    }));
    complete(&mut run, &mut streams([300, 0]), "no DATA_ACK");
    let joined = run.stats[0].as_ref().expect("it was connected").subflows.len();
    assert_eq!(joined, 2);
}

// Holds: RFC 8684 3.7-d, 3.7-k, 3.7-l, 3.7-m.
#[test]
fn data_acknowledged_without_a_data_ack_on_the_first_subflow_end_in_an_infinite_mapping_and_plain_tcp() {
    let mut run = pair_over(1, &quiet_endpoints(), &quiet_endpoints());
    run.lab.gateway = Some(Box::new(|side, _, transmit| {
        if side == 1 && !is_syn(transmit) {
            strip(transmit);
        }
    }));
    let fallbacks = complete(&mut run, &mut streams([400, 0]), "no DATA_ACK");
    assert_eq!(fallbacks[0], Some(Fallback::NoDataAck));
    assert!(matches!(fallbacks[1], Some(Fallback::InfiniteMapping | Fallback::NoMapping)), "{fallbacks:?}");
    let mine = segments(&run, 0);
    let infinite = |options: &Vec<MptcpOption>| {
        options.iter().any(|option| {
            matches!(option, MptcpOption::Dss(Dss { mapping: Some(mapping), .. }) if mapping.len == 0)
        })
    };
    let last = mine.iter().rposition(|(_, options)| infinite(options)).expect("it was said");
    // From then on it is TCP, for good.
    assert!(mine[last + 1..].iter().all(|(_, options)| options.is_empty()));
    assert!(mine.len() > last + 5);
}

// Holds: RFC 8684 3.7-f.
#[test]
fn a_failing_checksum_on_one_of_two_subflows_is_told_by_mp_fail_on_its_reset() {
    let with = MptcpConfig { checksum: true, scheduler: Scheduler::RoundRobin, ..quiet_endpoints() };
    let mut run = pair_over(2, &with, &with);
    alter_one(&mut run, 1);
    complete(&mut run, &mut streams([3000, 0]), "one of two");
    let failed = segments(&run, 1).into_iter().filter(|(transmit, options)| {
        header(transmit).flags.contains(TcpFlags::RST)
            && options.iter().any(|option| option.subtype() == Subtype::Fail)
    });
    assert_eq!(failed.count(), 1);
}

// Holds: RFC 8684 3.7-h, 3.7-i.
#[test]
fn a_failing_checksum_on_the_only_subflow_is_told_by_mp_fail_and_answered_by_one() {
    let with = MptcpConfig { checksum: true, ..quiet_endpoints() };
    let mut run = pair_over(1, &with, &with);
    alter_one(&mut run, 0);
    let mut streams = streams([40, 10]);
    run.begin(&mut streams);
    // What was altered is delivered as it came: nobody looks at it here.
    while run.lab.step(at(3000)) {
        for (side, stream) in streams.iter_mut().enumerate() {
            for event in std::mem::take(&mut run.lab.events[side]) {
                if let MptcpEvent::Accepted { id, .. } = event {
                    run.ids[side] = Some(id);
                }
                run.seen[side].push(event);
            }
            if let Some(id) = run.ids[side] {
                run.lab.ends[side].read(run.lab.now, id, u32::MAX);
                stream.write(&mut run.lab, side, id);
                run.lab.drain(side);
            }
        }
    }
    for side in 0..2 {
        let fails = segments(&run, side)
            .iter()
            .filter(|(_, options)| options.iter().any(|option| option.subtype() == Subtype::Fail))
            .count();
        assert_eq!(fails, 1, "side {side}");
        let reasons = [Fallback::PeerFailed, Fallback::Checksum];
        let fell = |event: &MptcpEvent| matches!(event, MptcpEvent::FellBack { reason, .. } if *reason == reasons[side]);
        assert!(run.seen[side].iter().any(fell), "{:?}", run.seen[side]);
    }
}

/// Changes a byte of the tenth segment with data that the client sends on a path.
fn alter_one(run: &mut Pair, on: usize) {
    let mut data = 0;
    run.lab.gateway = Some(Box::new(move |side, path, transmit| {
        if side == 0 && path == on && transmit.packet.payload_len() > 0 {
            data += 1;
            if data == 10 {
                rewrite(transmit, |_, data| data[0] ^= 0x20);
            }
        }
    }));
}
