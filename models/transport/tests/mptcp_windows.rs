//! Windows: the one that all subflows share, and that of each subflow; and subflows that the accepting side opens.

mod lab;

use std::sync::Arc;

use lab::Stream;
use lab::multipath::{address, rewrite};
use lab::multipath_story::{is_syn, pair_over, quiet_endpoints, said, segments, streams, until, working};
use lab::script::{at, header};
use transport::mptcp::{MptcpConfig, PathManager, Scheduler};
use transport::tcp::{CloseReason, TcpConfig};
use wire::mptcp::{AddAddress, Dss, Join, MptcpOption, Subtype};

// Holds: RFC 8684 3.3.4-d, 3.3.4-c.
#[test]
fn a_subflow_keeps_to_its_own_window_where_something_lowers_it_and_the_other_to_the_largest() {
    let config = MptcpConfig { scheduler: Scheduler::RoundRobin, ..quiet_endpoints() };
    let mut run = pair_over(2, &config, &config);
    // What comes back on the second path promises 4096 bytes at most: 32 units, as the SYN-ACK's scale has them.
    run.lab.gateway = Some(Box::new(|side, path, transmit| {
        if side == 1 && path == 1 {
            let low = if is_syn(transmit) { 4096 } else { 4096 >> SCALE };
            rewrite(transmit, |head, _| head.window = head.window.min(low));
        }
    }));
    let mut both = streams([2000, 0]);
    run.begin(&mut both);
    run.go(&mut both, at(100_000), "low window");
    assert!(both[0].is_complete());
    // Of each path the most that was sent and not acknowledged when it was sent.
    let mut most = [0_u32; 2];
    for path in 0..2 {
        let (mut acknowledged, mut first) = (None, None);
        for (_, side, transmit) in &run.lab.sent {
            let near = if *side == 0 { transmit.source } else { transmit.destination };
            if near != address(0, path) || is_syn(transmit) {
                continue;
            }
            let head = header(transmit);
            if *side == 1 {
                acknowledged = Some(head.acknowledgment_number);
            } else if transmit.packet.payload_len() > 0 {
                let start = *first.get_or_insert(head.sequence_number);
                let end = head.sequence_number.wrapping_add(transmit.packet.payload_len());
                let out = end.wrapping_sub(acknowledged.unwrap_or(start));
                // Acknowledgments are noted as they leave; what is older than one is no lead.
                if out < 1 << 30 {
                    most[usize::from(path)] = most[usize::from(path)].max(out);
                }
            }
        }
    }
    println!("{most:?}");
    assert!(most[1] > 1000 && most[1] <= 4096, "{most:?}");
    assert!(most[0] > 3 * 4096, "the other one has the whole window: {most:?}");
}

/// The shift for a receive buffer of 1 MiB: the smallest with which 16 bits reach it (RFC 7323 §2.2).
const SCALE: u16 = 5;

// Holds: RFC 8684 3.3.4-a, 3.3.2-b.
#[test]
fn the_right_edge_of_the_window_never_moves_back() {
    // A small buffer, and a reader that takes only now and then.
    let tcp = Arc::new(TcpConfig { receive_buffer: 20_000, ..TcpConfig::default() });
    let config = MptcpConfig { tcp, ..quiet_endpoints() };
    let mut run = pair_over(2, &config, &config);
    let mut both = streams([400, 0]);
    run.begin(&mut both);
    let mut steps = 0;
    while run.closed.iter().any(Option::is_none) && run.lab.step(at(200_000)) {
        steps += 1;
        if steps % 20 == 0 || run.ids[1].is_none() {
            run.tend(&mut both, "slow reader");
        }
    }
    assert!(both[0].is_complete(), "{} of {}", both[0].read, both[0].all.end());
    let mut edge = None;
    let mut moved = 0;
    for (transmit, options) in segments(&run, 1) {
        for option in options {
            if let MptcpOption::Dss(Dss { data_ack: Some(ack), .. }) = option {
                let wire::mptcp::DataSequence::Short(ack) = ack else { panic!("they are short here") };
                let window = u32::from(header(transmit).window);
                // Buffers below 64 KiB need no scale.
                let now = ack.wrapping_add(window);
                let before = *edge.get_or_insert(now);
                let ahead = now.wrapping_sub(before) as i32;
                assert!(ahead >= 0, "it moves back by {ahead}");
                moved += u32::from(ahead > 0);
                edge = Some(now);
            }
        }
    }
    assert!(moved > 10, "{moved}");
}

// Holds: RFC 8684 3.9.1-c.
#[test]
fn the_accepting_side_opens_the_subflows_where_it_is_told_to_and_the_other_side_none() {
    let config = MptcpConfig { path_manager: PathManager::AcceptingSide, ..MptcpConfig::default() };
    let mut run = pair_over(2, &config, &config);
    let mut both = streams([3000, 3000]);
    run.begin(&mut both);
    until(&mut run, &mut both, at(1000));
    // The first one, and each of two addresses with each of two.
    assert_eq!(working(&run, 0).len(), 4, "{:?}", working(&run, 0));
    let announced = said(&run, 0, Subtype::AddAddress);
    let named = |option: &MptcpOption| matches!(option, MptcpOption::AddAddress(AddAddress { address: it, hmac: Some(_), .. }) if *it == address(0, 1));
    assert!(announced.iter().any(|(_, _, option)| named(option)), "{announced:?}");
    let syns = |side| {
        let joins = said(&run, side, Subtype::Join);
        joins.into_iter().filter(|(_, _, it)| matches!(it, MptcpOption::Join(Join::Syn { .. }))).count()
    };
    assert_eq!((syns(0), syns(1)), (0, 3));
    run.go(&mut both, at(100_000), "accepting side");
    assert!(both.iter().all(Stream::is_complete));
    assert_eq!(run.closed, [Some(CloseReason::Normal); 2]);
    let used = run.stats[1].as_ref().expect("it was connected").subflows.iter();
    assert!(used.filter(|it| it.bytes_new > 0).count() >= 2, "data go over what it has opened");
}
