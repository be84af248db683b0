use super::*;
use crate::queue::QueueLimit;

fn queue(control: CoDelControl) -> CoDel {
    CoDel::new(CoDelConfig { limit: QueueLimit::Packets(2_000), control })
}

fn millis(millis: u64) -> SimTime {
    SimTime::from_millis(millis)
}

/// Puts `count` packets of 1,500 bytes into the queue at `arrived`.
fn burst(queue: &mut CoDel, arrived: SimTime, count: u32, ecn_capable: bool) {
    for packet in 0..count {
        let item = Queued { packet, bytes: 1_500, arrived, flow_hash: 0, ecn_capable };
        assert!(queue.enqueue(item, &mut Vec::new()).accepted);
    }
}

/// Takes a packet each millisecond and returns the milliseconds at which something was dropped and marked.
fn serve(queue: &mut CoDel, from: u64, until: u64) -> (Vec<u64>, Vec<u64>) {
    let (mut drops, mut marks) = (Vec::new(), Vec::new());
    for now in from..=until {
        let mut dropped = Vec::new();
        let out = queue.dequeue(millis(now), &mut dropped).expect("the burst is long enough");
        assert!(dropped.iter().all(|(_, cause)| *cause == DropCause::CoDel));
        drops.extend(dropped.iter().map(|_| now));
        marks.extend(out.mark.then_some(now));
    }
    (drops, marks)
}

#[test]
fn the_control_law_divides_the_interval_by_the_root_of_the_count() {
    // 100 ms / sqrt(1), sqrt(2) = 1.41421356..., sqrt(3), sqrt(4), sqrt(5), sqrt(10^4).
    let step = |count| control_law(SimTime::ZERO, SimDuration::from_millis(100), count).as_nanos();
    let steps = [1, 2, 3, 4, 5, 10_000].map(step);
    assert_eq!(steps, [100_000_000, 70_710_678, 57_735_026, 50_000_000, 44_721_359, 1_000_000]);
    assert_eq!(control_law(SimTime::MAX, SimDuration::MAX, 1), SimTime::MAX);
}

/// All packets arrive at 0 and leave one a millisecond, so the delay at t ms is t ms.
///
/// At 5 ms it reaches the target: first drop at 105 ms, and the next is due 100/sqrt(1) later, at 205 ms. Then
/// at 205 + 70.71 = 275.71, + 57.74 = 333.45, + 50 = 383.45, + 44.72 = 428.17 ms; each falls at the next
/// dequeue, but the law goes on from the time when it was due.
const DROPS: [u64; 6] = [105, 205, 276, 334, 384, 429];

#[test]
fn drops_follow_the_control_law() {
    let mut queue = queue(CoDelControl::default());
    burst(&mut queue, SimTime::ZERO, 1_000, true);
    assert_eq!(serve(&mut queue, 1, 430), (DROPS.to_vec(), vec![]));
}

#[test]
fn marks_follow_the_control_law_and_nothing_is_dropped() {
    let mut queue = queue(CoDelControl { ecn: true, ..CoDelControl::default() });
    burst(&mut queue, SimTime::ZERO, 1_000, true);
    assert_eq!(serve(&mut queue, 1, 430), (vec![], DROPS.to_vec()));
}

#[test]
fn a_packet_that_is_not_ecn_capable_is_dropped_where_others_are_marked() {
    let mut queue = queue(CoDelControl { ecn: true, ..CoDelControl::default() });
    burst(&mut queue, SimTime::ZERO, 1_000, false);
    assert_eq!(serve(&mut queue, 1, 430), (DROPS.to_vec(), vec![]));
}

/// Drives the queue through a first drop state with six drops, empties it, and fills it again.
fn second_cycle(second_burst: u64) -> Vec<u64> {
    let mut queue = queue(CoDelControl::default());
    burst(&mut queue, SimTime::ZERO, 1_000, false);
    serve(&mut queue, 1, 430);
    let mut dropped = Vec::new();
    while queue.dequeue(millis(431), &mut dropped).is_some() {}
    assert!(dropped.is_empty(), "the next drop was due at 428.17 + 100/sqrt(6) = 468.99 ms");
    burst(&mut queue, millis(second_burst), 1_000, false);
    serve(&mut queue, second_burst + 1, second_burst + 210).0.iter().map(|at| at - second_burst).collect()
}

#[test]
fn a_drop_state_entered_soon_again_goes_on_at_the_last_rate() {
    // Six drops, of which the first is where the count began: 6 - 1 = 5. After the drop at 105 the next
    // are 100/sqrt(5) = 44.72 later (149.72), 100/sqrt(6) = 40.82 (190.55), 100/sqrt(7) = 37.80 (228.3).
    assert_eq!(second_cycle(500), [105, 150, 191]);
}

#[test]
fn a_drop_state_entered_much_later_starts_afresh() {
    // 3105 - 468.99 ms is more than 16 intervals.
    assert_eq!(second_cycle(3_000), [105, 205]);
}

#[test]
fn several_drops_that_are_due_happen_at_one_dequeue() {
    let mut queue = queue(CoDelControl::default());
    burst(&mut queue, SimTime::ZERO, 100, false);
    let mut dropped = Vec::new();
    let sent = [5, 105, 300].map(|now| {
        dropped.clear();
        let sent = queue.dequeue(millis(now), &mut dropped).unwrap().item.packet;
        (sent, dropped.len())
    });
    // At 300 ms those due at 205 and 275.71 ms; the next is due at 333.45 ms.
    assert_eq!(sent, [(0, 0), (2, 1), (5, 2)]);
}

#[test]
fn a_delay_below_the_target_once_in_an_interval_prevents_drops() {
    let mut queue = queue(CoDelControl::default());
    for start in [0, 90, 180, 270] {
        burst(&mut queue, millis(start), 90, false);
        // The first packet of each burst has waited 1 ms, the last 90 ms.
        assert_eq!(serve(&mut queue, start + 1, start + 90).0, [0_u64; 0]);
    }
}

#[test]
fn a_backlog_of_one_packet_is_never_too_long() {
    let mut queue = queue(CoDelControl::default());
    burst(&mut queue, SimTime::ZERO, 4, false);
    // The last two leave no more than 1,500 bytes behind: no drop, whatever the delay.
    assert_eq!(serve(&mut queue, 50, 51).0, [0_u64; 0]);
    assert_eq!(serve(&mut queue, 1_000, 1_001).0, [0_u64; 0]);
}

#[test]
fn packets_above_the_ce_threshold_are_marked() {
    let ce_threshold = Some(SimDuration::from_millis(1));
    let mut queue = queue(CoDelControl { ce_threshold, ..CoDelControl::default() });
    burst(&mut queue, SimTime::ZERO, 4, true);
    assert_eq!(serve(&mut queue, 1, 3), (vec![], vec![2, 3]), "1 ms is not above 1 ms");
}

#[test]
fn a_cleared_queue_has_forgotten_its_drop_state() {
    let mut queue = queue(CoDelControl::default());
    burst(&mut queue, SimTime::ZERO, 300, false);
    serve(&mut queue, 1, 210);
    let mut dropped = Vec::new();
    queue.clear(&mut dropped);
    assert_eq!(dropped.len(), 300 - 210 - 2, "210 were sent and 2 dropped");
    assert!(dropped.iter().all(|(_, cause)| *cause == DropCause::Cleared));
    burst(&mut queue, millis(300), 300, false);
    assert_eq!(serve(&mut queue, 301, 520).0, [405, 505]);
}
