use super::*;

const SIZE: u64 = 100;

/// Ten segments of 100 bytes from place 1000 on, sent one millisecond apart.
fn ten() -> Scoreboard {
    let mut board = Scoreboard::new(1000);
    for index in 0..10 {
        board.push(1000 + index * SIZE, SIZE as u32, SimTime::from_millis(index));
    }
    board
}

/// The estimate, summed over all segments.
fn recount(board: &Scoreboard) -> (u64, u64) {
    let due = board.segments.iter().filter(|segment| segment.is_due()).map(|s| u64::from(s.len)).sum();
    (board.segments.iter().map(Sent::in_network).sum(), due)
}

// Holds: RFC 6675 4-b.
#[test]
fn the_estimate_equals_a_recount_whatever_happens() {
    use rand::{Rng, SeedableRng};
    for seed in 0..300 {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut board = ten();
        let (mut una, mut nxt) = (1000, 2000);
        for step in 0..200 {
            let now = SimTime::from_millis(100 + step);
            let place = una + u64::from(rng.next_u32()) % (nxt - una + 1);
            let end = place + u64::from(rng.next_u32()) % 400;
            match rng.next_u32() % 10 {
                0 => {
                    board.acknowledge(place, SimTime::MAX);
                    una = place;
                }
                1..=4 => drop(board.sack(place, end.min(nxt), SimTime::MAX)),
                5 => drop(board.mark_lost(SIZE)),
                6 => match board.next_due().or_else(|| board.next_suspect()) {
                    Some(index) => board.on_resent(index, now, true),
                    None => board.mark_front_lost(),
                },
                7 if rng.next_u32() % 8 == 0 => board.mark_all_lost(),
                8 if !board.is_empty() => {
                    let index = rng.next_u32() as usize % board.segments.len();
                    if board.segments[index].len > 1 {
                        board.split(index, 1);
                    }
                }
                _ => {
                    board.push(nxt, 77, now);
                    nxt += 77;
                }
            }
            assert_eq!((board.pipe, board.due), recount(&board), "seed {seed} step {step}");
            let marked: u64 = board.segments.iter().filter(|s| s.sacked).map(|s| u64::from(s.len)).sum();
            let reported: u64 = board.sacked.iter().map(|(start, end)| end - start).sum();
            assert_eq!(marked, reported, "seed {seed} step {step}");
            let ordered = board.sacked.windows(2).all(|pair| pair[0].1 < pair[1].0);
            assert!(ordered, "seed {seed} step {step}: {:?}", board.sacked);
            let first_due = board.segments.iter().position(Sent::is_due);
            assert_eq!(board.next_due(), first_due, "seed {seed} step {step}");
        }
    }
}

// Holds: RFC 6675 4-c.
#[test]
fn data_is_lost_below_three_separate_ranges_or_more_than_two_segments() {
    let mut board = ten();
    board.sack(1100, 1200, SimTime::MAX);
    board.sack(1300, 1400, SimTime::MAX);
    assert_eq!(board.mark_lost(SIZE), 0, "two ranges of 100 are not more than 200 bytes");
    board.sack(1500, 1600, SimTime::MAX);
    // Three ranges above 1000, so 1000..1100 is lost; above 1200 there are two.
    assert_eq!(board.mark_lost(SIZE), 100);
    board.sack(1600, 1700, SimTime::MAX);
    // Above 1200: 100 + 200 bytes are more than 200, so 1200..1300 is lost as well.
    assert_eq!(board.mark_lost(SIZE), 100);
    assert_eq!(board.pipe(), 1000 - 400 - 200);
    assert_eq!(board.next_due(), Some(0));
}

#[test]
fn a_repeated_block_and_one_that_cuts_segments_change_nothing() {
    let mut board = ten();
    assert_eq!(board.sack(1150, 1450, SimTime::MAX).bytes, 200, "only 1200..1400 is whole");
    assert_eq!(board.sack(1200, 1400, SimTime::MAX).bytes, 0);
    assert_eq!(board.sack(1210, 1290, SimTime::MAX).bytes, 0);
    assert_eq!(board.sack(1100, 1500, SimTime::MAX).bytes, 200);
    assert_eq!(board.sacked, [(1100, 1500)]);
}

// Holds: RFC 9293 MUST-18.
#[test]
fn a_sample_comes_from_the_oldest_segment_and_from_none_that_was_resent() {
    let mut board = ten();
    assert_eq!(board.acknowledge(1200, SimTime::MAX).sample(), Some(SimTime::ZERO));
    board.mark_front_lost();
    let index = board.next_due().unwrap();
    board.on_resent(index, SimTime::from_secs(1), true);
    assert_eq!(board.acknowledge(1400, SimTime::MAX).sample(), None, "one of the two was resent");
    assert_eq!(
        board.acknowledge(1450, SimTime::MAX).sample(),
        Some(SimTime::from_millis(4)),
        "a part is enough"
    );
}

#[test]
fn after_a_timeout_everything_not_sacked_is_due_in_order() {
    let mut board = ten();
    board.sack(1300, 1500, SimTime::MAX);
    board.mark_all_lost();
    assert_eq!(board.pipe(), 0);
    let mut resent = Vec::new();
    while let Some(index) = board.next_due() {
        resent.push(board.segment(index).start);
        board.on_resent(index, SimTime::from_secs(1), true);
    }
    assert_eq!(resent, [1000, 1100, 1200, 1500, 1600, 1700, 1800, 1900]);
    assert_eq!(board.pipe(), 800);
}

#[test]
fn a_peer_that_takes_back_what_it_reported_is_sent_everything() {
    let mut board = ten();
    board.sack(1100, 1200, SimTime::MAX);
    board.acknowledge(1100, SimTime::MAX); // The front is now SACKed yet not acknowledged: reneging.
    board.mark_all_lost();
    assert!(!board.has_sacked());
    assert_eq!(board.next_due(), Some(0));
}

// Holds: RFC 6675 4-3.
#[test]
fn a_suspect_is_a_hole_that_is_not_yet_lost() {
    let mut board = ten();
    assert_eq!(board.next_suspect(), None);
    board.sack(1200, 1300, SimTime::MAX);
    assert_eq!(board.next_suspect(), Some(0));
    board.on_resent(0, SimTime::from_secs(1), true);
    assert_eq!(board.pipe(), 1000, "both copies of 1000..1100 count");
    assert_eq!(board.next_suspect(), Some(1));
    assert_eq!(board.last_unsacked(), Some(9));
}
