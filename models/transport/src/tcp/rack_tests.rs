use rand::{Rng, SeedableRng};

use super::*;

const MS: fn(u64) -> SimDuration = SimDuration::from_millis;

fn at(millis: u64) -> SimTime {
    SimTime::from_millis(millis)
}

/// Ten segments of 100 bytes from place 1000 on, sent one millisecond apart.
fn ten() -> Scoreboard {
    let mut board = Scoreboard::new(1000);
    for index in 0..10 {
        board.push(1000 + index * 100, 100, at(index));
    }
    board
}

fn with(sacked_segments: u32) -> Circumstances {
    Circumstances { in_recovery: false, sacked_segments, rtt_min: MS(40), srtt: MS(50) }
}

fn places(board: &Scoreboard, is: impl Fn(&super::super::scoreboard::Sent) -> bool) -> Vec<u64> {
    board.segments.iter().filter(|segment| is(segment)).map(|segment| segment.start).collect()
}

/// RFC 8985 §6.2 step 5.
// Holds: RFC 8985 6.2-b, 5-b.
#[test]
fn what_was_sent_before_a_delivered_segment_is_lost_after_a_round_trip_and_the_window() {
    let mut board = ten();
    let mut rack = Rack::new(SimDuration::ZERO);
    // The third segment, sent at 2 ms, is SACKed at 42 ms: RACK.rtt is 40 ms.
    let delivered = board.sack(1200, 1300, SimTime::MAX);
    rack.on_delivered(at(42), &delivered, 1000);
    // With a window of 10 ms the first two are lost at 50 and 51 ms, and all of them by 2 + 40 + 10 ms.
    let found = board.detect_by_time(at(42), &rack, MS(10));
    assert_eq!(found, TimeLoss { bytes: 0, deadline: Some(at(52)), again: false });
    let found = board.detect_by_time(at(50), &rack, MS(10));
    assert_eq!(found, TimeLoss { bytes: 100, deadline: Some(at(52)), again: false });
    let found = board.detect_by_time(at(52), &rack, MS(10));
    assert_eq!(found, TimeLoss { bytes: 100, deadline: None, again: false });
    assert_eq!(places(&board, |segment| segment.lost), [1000, 1100]);
}

/// RFC 8985 §6.2 step 5, §3.3.1: a retransmission is judged by its own time.
#[test]
fn a_retransmission_is_lost_when_something_sent_later_arrives() {
    let mut board = ten();
    let mut rack = Rack::new(SimDuration::ZERO);
    rack.on_delivered(at(41), &board.sack(1100, 1200, SimTime::MAX), 1000);
    assert_eq!(board.detect_by_time(at(41), &rack, MS(0)).bytes, 100);
    let index = board.next_due().expect("the first is lost");
    board.on_resent(index, at(41), true);
    board.push(2000, 100, at(42));
    // The segment of 42 ms arrives, the retransmission of 41 ms does not.
    rack.on_delivered(at(82), &board.sack(2000, 2100, SimTime::MAX), 1200);
    let found = board.detect_by_time(at(82), &rack, MS(0));
    assert_eq!(found.bytes, 900, "the retransmission and the eight behind the SACKed one");
    assert_eq!(board.next_due(), Some(0));
}

/// RFC 8985 §6.2 step 2: an acknowledgment that comes too soon is for the first transmission.
// Holds: RFC 8985 6.2-c.
#[test]
fn a_retransmission_that_cannot_have_arrived_yet_tells_no_time() {
    let mut board = ten();
    let mut rack = Rack::new(SimDuration::ZERO);
    board.mark_front_lost();
    board.on_resent(0, at(40), true);
    // At 45 ms, with a shortest round trip of 40 ms, what was sent after 5 ms cannot be acknowledged.
    rack.on_delivered(at(45), &board.acknowledge(1100, at(5)), 1000);
    assert_eq!(rack.latest, (SimTime::ZERO, 0));
    // A segment that was sent once counts, whatever the limit.
    rack.on_delivered(at(46), &board.acknowledge(1200, at(5)), 1100);
    assert_eq!((rack.latest, rack.rtt), ((at(1), 1200), MS(45)));
}

/// RFC 8985 §6.2 step 4.
// Holds: RFC 8985 3.3.2-a, 3.3.2-c.
#[test]
fn the_window_is_a_quarter_of_the_shortest_round_trip_or_nothing_after_three_sacks() {
    let mut rack = Rack::new(SimDuration::ZERO);
    assert_eq!(rack.reordering_window(&with(2)), MS(10));
    assert_eq!(rack.reordering_window(&with(3)), MS(0));
    assert_eq!(rack.reordering_window(&Circumstances { in_recovery: true, ..with(0) }), MS(0));
    rack.reordering_seen = true;
    assert_eq!(rack.reordering_window(&with(3)), MS(10));
}

/// RFC 8985 §6.2 step 3: an original segment below what was delivered already.
#[test]
fn reordering_is_seen_when_an_original_arrives_late_and_not_when_a_retransmission_does() {
    let mut board = ten();
    let mut rack = Rack::new(SimDuration::ZERO);
    rack.on_delivered(at(41), &board.sack(1100, 1200, SimTime::MAX), 1000);
    board.mark_front_lost();
    board.on_resent(0, at(41), true);
    rack.on_delivered(at(81), &board.acknowledge(1200, SimTime::MAX), 1200);
    assert!(!rack.reordering_seen);
    rack.on_delivered(at(82), &board.sack(1300, 1400, SimTime::MAX), 1200);
    rack.on_delivered(at(83), &board.acknowledge(1300, SimTime::MAX), 1400);
    assert!(rack.reordering_seen);
}

/// RFC 8985 §6.2 step 4: once a round trip, for 16 recoveries, no longer than SRTT.
// Holds: RFC 8985 3.3.2-b, 5-c.
#[test]
fn duplicate_reports_widen_the_window_for_sixteen_recoveries() {
    let mut rack = Rack::new(SimDuration::ZERO);
    rack.reordering_seen = true;
    rack.on_ack(1000, 2000, true);
    rack.on_ack(1500, 2500, true);
    assert_eq!(rack.reordering_window(&with(0)), MS(20), "twice within one round trip counts once");
    rack.on_ack(2000, 3000, true);
    assert_eq!(rack.reordering_window(&with(0)), MS(30));
    for _ in 0..9 {
        let una = rack.round;
        rack.on_ack(una, una + 100, true);
    }
    assert_eq!(rack.reordering_window(&with(0)), MS(50), "SRTT, not 12/4 · 40");
    for _ in 0..15 {
        rack.on_recovered();
    }
    assert_eq!(rack.reordering_window(&with(0)), MS(50));
    rack.on_recovered();
    assert_eq!(rack.reordering_window(&with(0)), MS(10));
}

/// RFC 8985 §6.3.
// Holds: RFC 8985 6.3-a.
#[test]
fn a_timeout_marks_the_oldest_segment_and_what_is_overdue() {
    let mut board = ten();
    let mut rack = Rack::new(SimDuration::ZERO);
    rack.rtt = MS(40);
    // At 45 ms, with a window of 2 ms: sent by 3 ms.
    board.mark_expired_lost(at(45), &rack, MS(2));
    assert_eq!(places(&board, |segment| segment.lost), [1000, 1100, 1200, 1300]);
    assert_eq!(board.pipe(), 600);
}

#[test]
fn the_lists_find_what_a_look_at_every_segment_finds() {
    let mut seen = [0_u32; 3];
    for seed in 0..400 {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut board = ten();
        let mut rack = Rack::new(SimDuration::ZERO);
        let (mut una, mut nxt, mut now) = (1000, 2000, at(10));
        for step in 0..120 {
            now += SimDuration::from_micros(u64::from(rng.next_u32()) % 3000);
            match rng.next_u32() % 8 {
                0 | 1 => {
                    board.push(nxt, 100, now);
                    nxt += 100;
                }
                2 | 3 => {
                    let start = una + u64::from(rng.next_u32()) % (nxt - una + 1) / 100 * 100;
                    let end = (start + 100 * u64::from(1 + rng.next_u32() % 3)).min(nxt);
                    let delivered = board.sack(start, end, SimTime::MAX);
                    rack.on_delivered(now, &delivered, una);
                }
                4 => {
                    una += u64::from(rng.next_u32()) % (nxt - una + 1) / 200 * 100;
                    rack.on_delivered(now, &board.acknowledge(una, SimTime::MAX), una);
                }
                5 | 6 => {
                    if let Some(index) = board.next_due() {
                        board.on_resent(index, now, true);
                    }
                }
                _ if rng.next_u32().is_multiple_of(10) => {
                    board.unmark_lost();
                    seen[2] += 1;
                }
                _ => {}
            }
            let window = SimDuration::from_micros(u64::from(rng.next_u32()) % 4000);
            let after = rack.rtt + window;
            let before = |segment: &super::super::scoreboard::Sent| {
                let in_order = !segment.ambiguous || segment.at != rack.latest.0;
                in_order && (segment.at, segment.end()) < rack.latest
            };
            let expected = places(&board, |segment| {
                !segment.sacked && (segment.is_due() || (before(segment) && segment.at + after <= now))
            });
            let again = board.segments.iter().filter(|segment| segment.resent).count();
            let found = board.detect_by_time(now, &rack, window);
            assert_eq!(places(&board, |segment| segment.is_due()), expected, "seed {seed}, step {step}");
            let pipe: u64 = board.segments.iter().map(|segment| segment.in_network()).sum();
            assert_eq!(board.pipe(), pipe, "seed {seed}, step {step}");
            let pending =
                board.segments.iter().any(|segment| !segment.sacked && !segment.is_due() && before(segment));
            assert_eq!(found.deadline.is_some(), pending, "seed {seed}, step {step}");
            assert!(found.deadline.is_none_or(|deadline| deadline > now), "seed {seed}, step {step}");
            seen[0] += u32::from(found.bytes > 0);
            seen[1] += u32::from(board.segments.iter().filter(|segment| segment.resent).count() < again);
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "first losses, losses again, undone: {seen:?}");
}
