//! Concurrent multipath transfer, an experiment: both paths at once, and what its algorithms repair.

mod sctp_lab;

use std::net::IpAddr;

use sctp_lab::{Lab, Link, address, at, kinds};
use sim_core::SimDuration;
use transport::sctp::{AssociationId, MessageOptions, SctpConfig};
use wire::sctp::Chunk;

fn config(concurrent: bool) -> SctpConfig {
    SctpConfig { concurrent_multipath: concurrent, ..SctpConfig::default() }
}

/// An association over two paths, both confirmed; time is 1 s.
fn established(concurrent: bool, delays: [u64; 2]) -> (Lab, [AssociationId; 2]) {
    let mut lab = Lab::new(1, delays.map(Link::clean));
    lab.record = true;
    let a = lab.connect(2, config(concurrent), config(concurrent));
    lab.run_until(at(1000));
    let b = lab.accepted().expect("the server has accepted");
    lab.sent.clear();
    (lab, [a, b])
}

/// Hands over `count` messages of 1000 bytes at once and waits until all have come: the time it took.
fn transfer(lab: &mut Lab, [a, b]: [AssociationId; 2], count: u32) -> SimDuration {
    let since = lab.now;
    for number in 0..count {
        lab.say(0, a, number, 1000, &MessageOptions::default());
    }
    let mut heard = 0;
    while heard < count && lab.step(at(300_000)) {
        while let Some(message) = lab.ends[1].receive(b) {
            assert_eq!(message.runs[0].message, heard, "in order and once");
            heard += 1;
        }
        lab.drain(1);
    }
    assert_eq!(heard, count);
    lab.now.saturating_since(since)
}

/// Packets with data from side 0 to each of the peer's addresses.
fn packets(lab: &Lab) -> [usize; 2] {
    [0, 1].map(|path| {
        let to: IpAddr = address(1, path);
        let data =
            lab.sent.iter().filter(|(_, side, transmit)| *side == 0 && kinds(transmit).contains(&"DATA"));
        data.filter(|(_, _, transmit)| transmit.destination == to).count()
    })
}

#[test]
fn two_paths_carry_nearly_twice_as_much() {
    let took = [false, true].map(|concurrent| {
        let (mut lab, ids) = established(concurrent, [50, 50]);
        let took = transfer(&mut lab, ids, 600);
        let [first, second] = packets(&lab);
        assert!(if concurrent { first.abs_diff(second) < 60 } else { second == 0 }, "{first} {second}");
        took.as_millis()
    });
    // Windows of packets, not rates, are what limits: both double each round trip, so that two need a round trip less.
    assert!(took[1] + 90 <= took[0], "{took:?}");
}

#[test]
fn reordering_between_paths_is_not_taken_for_loss() {
    // Split fast retransmit: chunks on the slow path are passed by dozens of the fast one.
    let (mut lab, ids) = established(true, [20, 60]);
    transfer(&mut lab, ids, 1000);
    let stats = lab.ends[0].stats(ids[0]).expect("it is established");
    assert_eq!((stats.fast_retransmits, stats.chunks_resent, stats.t3_expiries), (0, 0, 0));
    assert!(packets(&lab)[1] > 20, "{:?}", packets(&lab));
    // Cwnd update: both windows have grown, though the cumulative TSN stands still while the slow path lags.
    let windows: Vec<u64> = lab.ends[0].path_stats(ids[0]).map(|path| path.cwnd).collect();
    assert!(windows.iter().all(|window| *window > 8000), "{windows:?}");
}

#[test]
fn acknowledgements_are_delayed_in_spite_of_gaps_and_tell_their_packets() {
    let (mut lab, ids) = established(true, [10, 80]);
    transfer(&mut lab, ids, 600);
    let mut counts = [0_usize; 4];
    for (_, _, transmit) in lab.sent.iter().filter(|(_, side, _)| *side == 1) {
        let bytes = transmit.packet.to_vec();
        if let Ok((Chunk::Sack(_), _)) = Chunk::parse(&bytes[12..]) {
            counts[usize::from(bytes[13] >> 6)] += 1;
        }
    }
    let data: usize = packets(&lab).iter().sum();
    let sacks: usize = counts.iter().sum();
    assert!(sacks * 10 < data * 6, "{sacks} for {data} packets");
    assert!(counts[2] > sacks / 2, "most stand for two packets: {counts:?}");
    // Without it every packet out of order is acknowledged at once, and the flags are zero.
    let (mut lab, ids) = established(false, [10, 80]);
    transfer(&mut lab, ids, 50);
    let plain = lab.sent.iter().filter(|(_, side, _)| *side == 1);
    assert!(plain.into_iter().all(|(_, _, transmit)| transmit.packet.to_vec()[13] == 0));
}

#[test]
fn a_lost_chunk_is_found_by_its_own_path_and_goes_again_where_the_threshold_is_highest() {
    let (mut lab, ids) = established(true, [20, 20]);
    lab.links[1].loss = 60_000;
    transfer(&mut lab, ids, 1000);
    let stats = lab.ends[0].stats(ids[0]).expect("it is established");
    assert!(stats.fast_retransmits > 3, "{stats:?}");
    // The lossy path's threshold falls: what is lost there goes again on the other one.
    let thresholds: Vec<_> = lab.ends[0].path_stats(ids[0]).map(|path| path.ssthresh).collect();
    assert!(thresholds[0].is_none() && thresholds[1].is_some(), "{thresholds:?}");
}

#[test]
fn a_path_that_dies_leaves_the_rest_to_the_other() {
    let (mut lab, ids) = established(true, [20, 20]);
    lab.links[1].down = Some((at(1100), at(1_000_000)));
    transfer(&mut lab, ids, 400);
    assert!(lab.ends[0].stats(ids[0]).is_some_and(|stats| stats.t3_expiries > 0));
}
