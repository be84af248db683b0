//! Congestion control and the retransmission timer, segment by segment, of a sender whose peer is written down here.
//! Segments of 1000 bytes, a round trip of 100 ms measured by the handshake.

mod lab;

use lab::peer::{MSS, Scripted, counting_duplicates};
use sim_core::{SimDuration, SimTime};
use transport::tcp::{LossDetection, TcpConfig, Timer};
use wire::tcp::TcpFlags;

/// RFC 5681 and RFC 6582 without anything newer.
fn plain() -> TcpConfig {
    TcpConfig { sack: false, ..counting_duplicates() }
}

/// Full segments, counted from 0, that were sent since the last call, each with its time in ms.
fn segments(it: &mut Scripted) -> Vec<(u64, u32)> {
    let data = it.take_data();
    assert!(data.iter().all(|(_, seq, len)| *len == MSS && seq % MSS == 1), "{data:?}");
    data.into_iter().map(|(at, seq, _)| (at, seq / MSS)).collect()
}

fn at(millis: u64, range: std::ops::Range<u32>) -> Vec<(u64, u32)> {
    range.map(|segment| (millis, segment)).collect()
}

/// The first byte behind so many segments.
fn behind(segments: u32) -> u32 {
    1 + segments * MSS
}

// Holds: RFC 5681 3-a, 3.1-a, 3.1-b, 3.1-c, 3.1-f.
#[test]
fn the_initial_window_leaves_at_once_and_the_rest_follows_acknowledgments() {
    let mut it = Scripted::established(TcpConfig { initial_window: Some(3), ..plain() });
    assert_eq!((it.cwnd(), it.stats().ssthresh), (3, None));
    it.write(60 * MSS);
    assert_eq!(segments(&mut it), at(100, 0..3));
    it.run_until(200);
    // Slow start adds what is acknowledged: two of three segments leave room for four.
    it.ack(behind(2));
    assert_eq!((segments(&mut it), it.cwnd()), (at(200, 3..7), 5));
    // RFC 3465: at most two segments an acknowledgment.
    it.ack(behind(7));
    assert_eq!((segments(&mut it), it.cwnd()), (at(200, 7..14), 7));
}

// Holds: RFC 5681 3.1-d; RFC 6298 1-a, 2.1, 5.7.
#[test]
fn after_a_lost_syn_one_segment_leaves_and_is_waited_for_three_seconds() {
    let mut it = Scripted::connecting(plain());
    it.run_until(1100);
    let syns: Vec<u64> = it.said.iter().map(|said| said.at.as_millis()).collect();
    assert_eq!(syns, [0, 1000]);
    it.syn(TcpFlags::SYN | TcpFlags::ACK, 1, false);
    it.said.clear();
    it.write(10 * MSS);
    assert_eq!((segments(&mut it), it.cwnd()), (at(1100, 0..1), 1));
    it.run_until(5000);
    assert_eq!(segments(&mut it), at(4100, 0..1));
}

// Holds: RFC 5681 3.1-g, 3.2-c, 3.2-d, 3.2-e, 3.2-g, 3.2-h, 3.2-i, 3.2-j, 3.2-k, 4.3-a, 4.3-c.
#[test]
fn duplicate_acknowledgments_are_limited_transmit_then_fast_retransmit_then_inflation() {
    let mut it = Scripted::established(plain());
    it.write(60 * MSS);
    assert_eq!(segments(&mut it), at(100, 0..10));
    it.run_until(200);
    it.ack(1);
    it.ack(1);
    assert_eq!((segments(&mut it), it.cwnd()), (at(200, 10..12), 10), "RFC 3042, and the window as it was");
    it.ack(1);
    // Ten in flight, the two of limited transmit left out.
    assert_eq!((segments(&mut it), it.stats().ssthresh), (at(200, 0..1), Some(5 * u64::from(MSS))));
    // 5 + 3 segments, and one for each further duplicate, of which the fifth makes 13 of the 12 in flight.
    for _ in 4..8 {
        it.ack(1);
        assert_eq!(segments(&mut it), []);
    }
    for further in 0..4 {
        it.ack(1);
        assert_eq!(segments(&mut it), at(200, 12 + further..13 + further));
    }
    // Everything that was sent before the recovery began: the window is the threshold.
    it.run_until(300);
    it.ack(behind(12));
    assert_eq!(it.cwnd(), 5);
    assert_eq!(segments(&mut it), at(300, 16..17), "four of five are in flight");
    // Congestion avoidance: a segment for a whole window.
    it.ack(behind(16));
    assert_eq!(it.cwnd(), 5);
    it.ack(behind(17));
    assert_eq!(it.cwnd(), 6);
}

// Holds: RFC 5681 3.1-m, 3.1-n, 3.1-o; RFC 6298 2.4, 5-a, 5.1, 5.4, 5.5, 5.6.
#[test]
fn a_timeout_leaves_one_segment_and_the_next_ones_double() {
    let mut it = Scripted::established(plain());
    it.write(60 * MSS);
    segments(&mut it);
    // SRTT 100 ms and RTTVAR 50 ms make 300 ms, rounded up to a second.
    it.run_until(1099);
    assert_eq!(segments(&mut it), []);
    it.run_until(1100);
    assert_eq!((segments(&mut it), it.cwnd()), (at(1100, 0..1), 1));
    assert_eq!(it.stats().ssthresh, Some(5 * u64::from(MSS)));
    it.run_until(10_000);
    assert_eq!(segments(&mut it), [(3100, 0), (7100, 0)]);
    assert_eq!(it.stats().ssthresh, Some(5 * u64::from(MSS)), "as it was");
}

// Holds: RFC 6298 5.2, 5.3.
#[test]
fn the_timer_starts_anew_with_new_acknowledgments_and_stops_when_all_is_acknowledged() {
    let mut it = Scripted::established(plain());
    it.write(10 * MSS);
    segments(&mut it);
    it.run_until(600);
    it.ack(behind(4));
    // 350 ms more than before in RTTVAR: the sample is 500 ms, so that RTO is 150 + 4·137.5 = 700 ms, and one second.
    it.run_until(1599);
    assert_eq!(segments(&mut it), []);
    it.run_until(1600);
    assert_eq!(segments(&mut it), at(1600, 4..5));
    it.ack(behind(10));
    it.run_until(60_000);
    assert_eq!(segments(&mut it), []);
    assert_eq!(it.stats().counters.timers_fired[Timer::Retransmit as usize], 1);
}

// Holds: RFC 6298 3-b, 3-a.
#[test]
fn each_round_trip_gives_a_sample_unless_it_was_sent_again() {
    let mut it = Scripted::established(plain());
    let millis = |it: &Scripted| it.stats().srtt.map(SimDuration::as_micros);
    assert_eq!(millis(&it), Some(100_000));
    let mut acked = 0;
    for (sent, rtt, expected) in [(100, 180, 110_000), (280, 110, 110_000), (390, 30, 100_000)] {
        it.write(MSS);
        it.run_until(sent + rtt);
        acked += 1;
        it.ack(behind(acked));
        assert_eq!(millis(&it), Some(expected), "(7·SRTT + {rtt} ms)/8");
    }
    it.write(MSS);
    it.run_until(1500);
    it.ack(behind(4));
    assert_eq!(millis(&it), Some(100_000), "it was sent again at 1420: nobody knows which one arrived");
}

// Holds: RFC 5681 4.2-e, 3.2-a, 3.2-b, 4.2-d.
#[test]
fn each_segment_is_answered_once_at_most_and_one_at_a_gap_at_once() {
    let mut it = Scripted::established(plain());
    let mut answers = |seq: u32| {
        it.said.clear();
        it.tell(TcpFlags::ACK, seq, 1, MSS);
        it.said.iter().map(|said| said.ack).collect::<Vec<_>>()
    };
    assert_eq!(answers(behind(0)), [], "delayed");
    assert_eq!(answers(behind(1)), [behind(2)], "every second one");
    assert_eq!(answers(behind(3)), [behind(2)], "out of order");
    assert_eq!(answers(behind(5)), [behind(2)], "out of order");
    assert_eq!(answers(behind(2)), [behind(4)], "it fills a gap");
    assert_eq!(answers(behind(4)), [behind(6)], "it fills the other");
    assert_eq!(answers(behind(4)), [behind(6)], "it came before");
}

// Holds: RFC 5681 3.2-f; RFC 6675 5-d.
#[test]
fn with_sack_only_news_sends_new_data() {
    let mut it = Scripted::established(counting_duplicates());
    it.write(60 * MSS);
    segments(&mut it);
    it.run_until(200);
    it.ack(1);
    it.ack(1);
    it.ack(1);
    it.ack(1);
    assert_eq!(segments(&mut it), [], "nothing is reported");
    it.sack(1, &[(behind(1), behind(2))]);
    assert_eq!(segments(&mut it), at(200, 10..11));
    it.sack(1, &[(behind(1), behind(2))]);
    assert_eq!(segments(&mut it), [], "nothing new");
}

// Holds: RFC 5681 4.3-b, 4.3-c; RFC 6675 4-a, 4-d, 4-1, 4-2, 5-a, 5-c, 5-e, 5-A, 5-B, 5-C.
#[test]
fn a_selective_recovery_sends_what_the_pipe_allows_lost_segments_first() {
    let mut it = Scripted::established(TcpConfig { limited_transmit: false, ..counting_duplicates() });
    it.write(60 * MSS);
    segments(&mut it);
    it.run_until(200);
    // Segments 0 and 4 are missing.
    it.sack(1, &[(behind(1), behind(2))]);
    it.sack(1, &[(behind(1), behind(3))]);
    assert_eq!(segments(&mut it), []);
    it.sack(1, &[(behind(1), behind(4))]);
    assert_eq!((segments(&mut it), it.cwnd()), (at(200, 0..1), 5));
    // In the pipe: segment 0 again and 4 to 9, seven; each SACK takes one out, and below five there is room.
    it.sack(1, &[(behind(5), behind(6)), (behind(1), behind(4))]);
    assert_eq!(segments(&mut it), []);
    it.sack(1, &[(behind(5), behind(7)), (behind(1), behind(4))]);
    assert_eq!(segments(&mut it), []);
    // With three segments SACKed above it segment 4 is lost: it leaves the pipe, and goes before new data.
    it.sack(1, &[(behind(5), behind(8)), (behind(1), behind(4))]);
    assert_eq!(segments(&mut it), [(200, 4), (200, 10)], "NextSeg (1), then (2)");
    it.sack(1, &[(behind(5), behind(9)), (behind(1), behind(4))]);
    assert_eq!(segments(&mut it), at(200, 11..12));
    it.sack(1, &[(behind(5), behind(10)), (behind(1), behind(4))]);
    assert_eq!(segments(&mut it), at(200, 12..13));
    assert_eq!(it.stats().bytes_in_network, 5 * u64::from(MSS), "0, 4, 10, 11 and 12");
    it.run_until(300);
    it.ack(behind(10));
    assert_eq!(it.cwnd(), 5, "the recovery is over");
    assert_eq!(it.stats().counters.fast_recoveries, 1);
}

// Holds: RFC 6675 4-4, 4-5, 5-C.2.
#[test]
fn a_lost_tail_is_rescued_once_in_a_recovery() {
    let mut it = Scripted::established(counting_duplicates());
    it.write(10 * MSS);
    segments(&mut it);
    it.run_until(200);
    // Segments 0 and 9 are missing, and there is nothing behind them.
    for end in 2..10 {
        it.sack(1, &[(behind(1), behind(end))]);
    }
    assert_eq!(segments(&mut it), at(200, 0..1), "of the last nothing is known: NextSeg (5)");
    it.run_until(300);
    it.ack(behind(9));
    assert_eq!((segments(&mut it), it.stats().counters.rescue_retransmissions), (at(300, 9..10), 1));
    it.ack(behind(9));
    assert_eq!(segments(&mut it), [], "once");
}

// Holds: RFC 6675 5-b.
#[test]
fn duplicates_count_from_the_last_new_acknowledgment() {
    let mut it = Scripted::established(TcpConfig { limited_transmit: false, ..plain() });
    it.write(10 * MSS);
    segments(&mut it);
    it.run_until(200);
    for acked in 1..4 {
        it.ack(behind(acked));
        it.ack(behind(acked));
        it.ack(behind(acked));
    }
    assert_eq!(it.stats().counters.fast_recoveries, 0, "never three in a row");
    it.ack(behind(3));
    assert_eq!(it.stats().counters.fast_recoveries, 1);
}

// Holds: RFC 6675 5.1-b, 5.1-c, 5.1-d.
#[test]
fn after_a_timeout_no_recovery_begins_before_everything_sent_is_acknowledged() {
    let mut it = Scripted::established(counting_duplicates());
    it.write(30 * MSS);
    segments(&mut it);
    it.run_until(200);
    for end in 2..5 {
        it.sack(1, &[(behind(1), behind(end))]);
    }
    assert_eq!(it.stats().counters.fast_recoveries, 1);
    it.run_until(1200);
    let before = it.stats();
    assert_eq!((before.counters.timers_fired[Timer::Retransmit as usize], before.cwnd), (1, u64::from(MSS)));
    segments(&mut it);
    // What comes after it is heeded: segments 1 to 4 arrived, 5 is next.
    it.sack(behind(5), &[(behind(7), behind(8))]);
    let again = segments(&mut it);
    assert_eq!(again.first(), Some(&(1200, 5)));
    assert!(!again.contains(&(1200, 7)), "it is there: {again:?}");
    for end in 9..12 {
        it.sack(behind(5), &[(behind(7), behind(end))]);
    }
    let after = it.stats();
    assert_eq!((after.counters.fast_recoveries, after.ssthresh), (1, before.ssthresh), "no second reduction");
}

// Holds: RFC 5681 4.3-d.
#[test]
fn losses_in_two_windows_reduce_twice() {
    let mut it = Scripted::established(counting_duplicates());
    it.write(60 * MSS);
    it.run_until(200);
    for end in 2..5 {
        it.sack(1, &[(behind(1), behind(end))]);
    }
    let first = it.stats().ssthresh;
    it.run_until(300);
    it.ack(behind(12));
    it.run_until(400);
    segments(&mut it);
    let base = it.stats().counters.fast_recoveries;
    for end in 14..17 {
        it.sack(behind(12), &[(behind(13), behind(end))]);
    }
    let second = it.stats();
    assert_eq!(second.counters.fast_recoveries, base + 1);
    assert!(second.ssthresh < first, "{:?} after {first:?}", second.ssthresh);
}

/// A lost retransmission, found by time, without proportional rate reduction.
// Holds: RFC 5681 4.3-e; RFC 8985 9.3-c.
#[test]
fn a_lost_retransmission_reduces_once_more() {
    let config = TcpConfig { loss_detection: LossDetection::RackTlp, ..counting_duplicates() };
    let mut it = Scripted::established(config);
    it.write(60 * MSS);
    it.run_until(200);
    for end in 2..5 {
        it.sack(1, &[(behind(1), behind(end))]);
    }
    let first = it.stats();
    assert_eq!(first.counters.fast_recoveries, 1);
    // The retransmission left at 200, with new data; what left at 320 and arrived by 440 says that it did not.
    for end in 6..11 {
        it.sack(1, &[(behind(1), behind(end))]);
    }
    it.run_until(320);
    it.sack(1, &[(behind(1), behind(12))]);
    it.run_until(440);
    it.sack(1, &[(behind(1), behind(15))]);
    it.run_until(500);
    let second = it.stats();
    let resent = it.take_data().iter().filter(|(_, seq, _)| *seq == 1).count();
    assert!(resent >= 3, "the segment, again, and once more: {resent}");
    assert!(second.ssthresh < first.ssthresh, "{:?} after {:?}", second.ssthresh, first.ssthresh);
}

#[test]
fn the_script_measures_the_handshake() {
    let it = Scripted::established(plain());
    assert_eq!((it.now, it.stats().rto), (SimTime::from_millis(100), SimDuration::from_secs(1)));
}

fn validating() -> TcpConfig {
    TcpConfig { window_validation: true, ..counting_duplicates() }
}

/// A sender whose window has grown to so many segments by use, at a time after all is acknowledged.
fn grown(config: TcpConfig, rounds: u32) -> (Scripted, u32) {
    let mut it = Scripted::established(config);
    let mut acked = 0;
    for _ in 0..rounds {
        let window = it.cwnd() as u32;
        it.write(window * MSS + 1);
        it.wait(SimDuration::from_millis(100));
        acked += window * MSS + 1;
        // Two segments at a time, as a receiver does.
        let mut next = acked - (window * MSS + 1);
        while next < acked {
            next = (next + 2 * MSS).min(acked);
            it.ack(1 + next);
        }
    }
    it.take_data();
    (it, acked)
}

// RFC 7661 §4.3, §4.4.3; RFC 5681 §4.1 without it.
#[test]
fn a_window_that_is_not_used_is_kept_for_five_minutes_and_halved_for_each_five_more() {
    let (mut it, _) = grown(validating(), 3);
    let window = it.stats().cwnd;
    assert!(window > 40 * u64::from(MSS), "{window}");
    it.wait(SimDuration::from_secs(290));
    it.write(1);
    assert_eq!(it.stats().cwnd, window);
    let (mut it, _) = grown(counting_duplicates(), 3);
    it.wait(SimDuration::from_secs(290));
    it.write(1);
    assert_eq!(it.stats().cwnd, 10 * u64::from(MSS), "the restart window");
    // The phase begins when the use is first missed, here with the write after the pause.
    let (mut it, acked) = grown(validating(), 3);
    it.wait(SimDuration::from_secs(10));
    it.write(1);
    it.wait(SimDuration::from_millis(100));
    it.ack(1 + acked + 1);
    it.wait(SimDuration::from_secs(301));
    it.write(1);
    let stats = it.stats();
    assert_eq!(
        (stats.cwnd, stats.ssthresh),
        (window / 2, None),
        "the threshold is above three quarters of it"
    );
}

// RFC 7661 §4.4.1.
#[test]
fn a_loss_in_an_unvalidated_window_counts_what_was_used() {
    let (mut it, acked) = grown(validating(), 3);
    it.wait(SimDuration::from_secs(10));
    it.write(8 * MSS);
    let base = 1 + acked;
    it.wait(SimDuration::from_millis(100));
    // The first of eight is missing. Paced, they all have left by now.
    for end in 2..5 {
        it.sack(base, &[(base + MSS, base + end * MSS)]);
    }
    assert_eq!(it.stats().ssthresh, Some(4 * u64::from(MSS)), "half of the eight, not of the window");
    it.ack(base + 8 * MSS);
    // (8 − 1)/2 segments.
    assert_eq!(it.stats().cwnd, 3500);
}
