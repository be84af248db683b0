use super::*;
use crate::queue::{CoDelControl, QueueLimit};
use sim_core::SimDuration;

fn queue(quantum: u32, limit: u32) -> FqCodel {
    let limit = QueueLimit::Packets(limit);
    FqCodel::new(FqCodelConfig { limit, quantum, ..FqCodelConfig::default() })
}

fn frame(flow_hash: u32, packet: u32, bytes: u32, arrived: SimTime) -> Queued {
    Queued { packet, bytes, arrived, flow_hash, ecn_capable: false }
}

/// Adds `count` packets, numbered from 0, at time 0.
fn add(queue: &mut FqCodel, flow_hash: u32, count: u32, bytes: u32) {
    for packet in 0..count {
        let item = frame(flow_hash, packet, bytes, SimTime::ZERO);
        assert!(queue.enqueue(item, &mut Vec::new()).accepted);
    }
}

/// The flow of the next packet sent.
fn next(queue: &mut FqCodel) -> Option<u32> {
    queue.dequeue(SimTime::ZERO, &mut Vec::new()).map(|out| out.item.flow_hash)
}

#[test]
fn flows_share_bytes_not_packets() {
    // RFC 8290 §3: with packets of a third of the quantum, three leave in each round.
    let mut queue = queue(1_500, 100);
    add(&mut queue, 1, 6, 500);
    add(&mut queue, 2, 3, 1_500);
    let order: Vec<u32> = std::iter::from_fn(|| next(&mut queue)).collect();
    assert_eq!(order, [1, 1, 1, 2, 1, 1, 1, 2, 2]);
}

#[test]
fn a_new_flow_is_served_before_those_with_a_backlog() {
    let mut queue = queue(1_514, 100);
    add(&mut queue, 1, 10, 1_514);
    assert_eq!([next(&mut queue), next(&mut queue)], [Some(1), Some(1)]);
    add(&mut queue, 2, 1, 100);
    assert_eq!([next(&mut queue), next(&mut queue)], [Some(2), Some(1)]);
}

#[test]
fn a_flow_that_empties_cannot_come_back_as_new_before_the_old_ones_had_their_turn() {
    // All packets have 100 bytes, the quantum is worth 10 of them. Flow 1 has a backlog and has used up its
    // credits; flow 2 gets a packet whenever it has none and flow 1 has just sent.
    let mut queue = queue(1_000, 200);
    add(&mut queue, 1, 100, 100);
    let mut runs: Vec<(u32, u32)> = vec![];
    for _ in 0..34 {
        let flow = next(&mut queue).unwrap();
        match runs.last_mut() {
            Some((last, count)) if *last == flow => *count += 1,
            Some(_) | None => runs.push((flow, 1)),
        }
        let sent: u32 = runs.iter().map(|run| run.1).sum();
        if sent >= 10 && flow == 1 && queue.flows.get(1).is_none_or(|flow| flow.packets == 0) {
            add(&mut queue, 2, 1, 100);
        }
    }
    // New, flow 2 goes first. Then it is found empty and put behind flow 1 (RFC 8290 §4.2): its next packet waits
    // until flow 1 has sent its quantum. Found empty again, it leaves the old list, and comes back as new while
    // flow 1 has 9 packets' credits left, of which 1 is spent before flow 2 is found empty and put behind.
    assert_eq!(runs, [(1, 10), (2, 1), (1, 10), (2, 1), (1, 1), (2, 1), (1, 9), (2, 1)]);
}

#[test]
fn the_longest_flow_makes_room() {
    let mut queue = queue(1_514, 10);
    add(&mut queue, 1, 10, 1_000);
    let mut dropped = Vec::new();
    assert!(queue.enqueue(frame(2, 0, 9_999, SimTime::ZERO), &mut dropped).accepted);
    let heads: Vec<_> = dropped.iter().map(|(item, cause)| (item.flow_hash, item.packet, *cause)).collect();
    // 10,000 bytes against 9,999: half of ten packets, from the head.
    let expected: Vec<_> = (0..5).map(|packet| (1, packet, DropCause::Overlimit)).collect();
    assert_eq!(heads, expected);
    assert_eq!((queue.packets(), queue.bytes().as_bytes()), (6, 14_999));
}

#[test]
fn the_packet_that_overflows_the_queue_may_be_the_one_that_is_dropped() {
    let mut queue = queue(1_514, 2);
    add(&mut queue, 1, 1, 100);
    add(&mut queue, 2, 1, 100);
    let (big, mut dropped) = (frame(3, 7, 1_500, SimTime::ZERO), Vec::new());
    assert_eq!(queue.enqueue(big, &mut dropped), Enqueued::REFUSED);
    assert_eq!(dropped, [(big, DropCause::Overlimit)]);
}

#[test]
fn at_most_64_packets_are_dropped_at_once() {
    let mut queue = queue(1_514, 200);
    add(&mut queue, 1, 200, 1_000);
    let mut dropped = Vec::new();
    assert!(queue.enqueue(frame(1, 200, 1_000, SimTime::ZERO), &mut dropped).accepted);
    assert_eq!((dropped.len(), queue.packets()), (64, 137));
}

#[test]
fn a_limit_in_bytes_may_take_several_batches() {
    let limit = QueueLimit::Bytes(ByteCount::from_bytes(2_000));
    let mut queue = FqCodel::new(FqCodelConfig { limit, ..FqCodelConfig::default() });
    add(&mut queue, 1, 10, 100);
    let mut dropped = Vec::new();
    // 11,000 bytes: flow 2 is the longest (and drops its only packet).
    assert!(!queue.enqueue(frame(2, 0, 10_000, SimTime::ZERO), &mut dropped).accepted);
    // 2,900: flow 3 (1,900) is longer than flow 1 (1,000).
    assert!(!queue.enqueue(frame(3, 0, 1_900, SimTime::ZERO), &mut dropped).accepted);
    // 1,000 + 999 + 999: flow 1 drops 5 packets (500 left, 2,498 in all), then flow 3, first seen, its one.
    assert!(queue.enqueue(frame(3, 1, 999, SimTime::ZERO), &mut dropped).accepted);
    dropped.clear();
    assert!(queue.enqueue(frame(4, 0, 999, SimTime::ZERO), &mut dropped).accepted);
    let who: Vec<u32> = dropped.iter().map(|(item, _)| item.flow_hash).collect();
    assert_eq!(who, [1, 1, 1, 1, 1, 3]);
    assert_eq!(queue.bytes().as_bytes(), 1_499);
}

#[test]
fn delay_in_one_flow_costs_no_packet_of_another() {
    let control = CoDelControl { ecn: false, ..CoDelControl::default() };
    let mut queue = FqCodel::new(FqCodelConfig { control, ..FqCodelConfig::default() });
    add(&mut queue, 1, 1_000, 1_500);
    let mut dropped = Vec::new();
    let mut sparse = 0;
    for millis in 1..=430 {
        let now = SimTime::from_millis(millis);
        if millis % 10 == 0 {
            assert!(queue.enqueue(frame(2, 0, 100, now), &mut dropped).accepted);
        }
        let out = queue.dequeue(now, &mut dropped).unwrap();
        if out.item.flow_hash == 2 {
            assert!(now - out.item.arrived <= SimDuration::from_millis(1), "{now}");
            sparse += 1;
        }
    }
    assert_eq!(sparse, 43);
    assert!(dropped.iter().all(|(item, cause)| item.flow_hash == 1 && *cause == DropCause::CoDel));
    // The heavy flow's delay at t ms is t ms, as in the tests of CoDel, with the same six drops.
    assert_eq!(dropped.len(), 6);
}

/// Serves one packet each `bytes * 8 / rate` and returns the bytes that each flow got.
fn bytes_served(sizes: [u32; 2], rounds: u32) -> [u64; 2] {
    let mut queue = queue(1_514, 10_000);
    add(&mut queue, 0, 4_000, sizes[0]);
    add(&mut queue, 1, 4_000, sizes[1]);
    let mut served = [0; 2];
    for _ in 0..rounds {
        let out = queue.dequeue(SimTime::ZERO, &mut Vec::new()).unwrap();
        served[out.item.flow_hash as usize] += u64::from(out.item.bytes);
    }
    served
}

#[test]
fn flows_of_unequal_packets_get_equal_bytes() {
    let [big, small] = bytes_served([1_514, 137], 3_000);
    // A flow is ahead of the other by at most a quantum and a packet of each.
    assert!(big.abs_diff(small) <= 1_514 * 2 + 137, "{big} {small}");
}

#[test]
fn flows_that_collide_share_a_queue() {
    let mut queue = queue(1_514, 100);
    add(&mut queue, 5, 2, 100);
    add(&mut queue, 5 + 1_024, 1, 100);
    assert_eq!(queue.flows.len(), 1);
    let order: Vec<u32> = std::iter::from_fn(|| next(&mut queue)).collect();
    assert_eq!(order, [5, 5, 1_029], "first in, first out");
}

#[test]
fn places_are_used_again() {
    let mut queue = queue(1_514, 100);
    for round in 0..50 {
        add(&mut queue, round, 3, 100);
        while next(&mut queue).is_some() {}
    }
    assert_eq!(queue.pool.places.len(), 3);
}
