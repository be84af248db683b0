//! Loss recovery, step by step: which segment goes out when. The path takes 50 ms each way and has no rate, so that
//! a flight of segments leaves and arrives at one instant.

mod lab;

use lab::script::{at, cut, established, header, lab, write};
use lab::{Fate, Lab};
use sim_core::SimDuration;
use transport::tcp::{ConnectionId, Counters, LossDetection, TcpConfig, Timer};

/// Payload of a full segment without timestamps.
const SIZE: u32 = 1460;

fn config() -> TcpConfig {
    // Every segment is acknowledged at once, and nothing is hidden by timestamps.
    TcpConfig { ack_delay: SimDuration::ZERO, timestamps: false, nagle: false, ..TcpConfig::default() }
}

fn counters(lab: &Lab, id: ConnectionId) -> Counters {
    lab.ends[0].stats(id).expect("it is there").counters
}

/// Connects at 0, and has side 0 write `segments` full segments at 150 ms, of which `fates` befall the n-th.
fn flight(config: TcpConfig, segments: u32, fates: &[(u64, Fate)]) -> (Lab, ConnectionId) {
    let mut lab = lab();
    let [a, _] = established(&mut lab, config.clone(), config);
    lab.fates = fates.iter().map(|(number, fate)| ((0, *number), *fate)).collect();
    write(&mut lab, 0, a, segments * SIZE);
    (lab, a)
}

/// Times in ms at which side 0 has sent data from the `segment`-th full segment on, counted from 0.
fn sent(lab: &Lab, segment: u32) -> Vec<u64> {
    let data = |transmit: &transport::endpoint::Transmit| transmit.packet.payload_len() > 0;
    let first = lab.sent.iter().find(|sent| sent.1 == 0 && data(&sent.2)).expect("data was sent");
    let place = header(&first.2).sequence_number.wrapping_add(segment * SIZE);
    let it = |transmit: &transport::endpoint::Transmit| {
        data(transmit) && header(transmit).sequence_number == place
    };
    lab.sent.iter().filter(|sent| sent.1 == 0 && it(&sent.2)).map(|sent| sent.0.as_millis()).collect()
}

/// RFC 8985 §6.2 step 4: with three segments SACKed nothing is waited for.
#[test]
fn three_selective_acknowledgments_resend_at_once() {
    let (mut lab, a) = flight(config(), 8, &[(1, Fate::Lost)]);
    lab.run_until(at(2000));
    assert_eq!(sent(&lab, 0), [150, 250]);
    let counters = counters(&lab, a);
    assert_eq!((counters.fast_retransmissions, counters.fast_recoveries), (1, 1));
    assert_eq!(counters.timers_fired[Timer::Reorder as usize], 0);
}

/// RFC 8985 §6.2 step 5: with fewer the reordering window is waited for, a quarter of the round-trip time.
// Holds: RFC 8985 6.2-d, 5-a.
#[test]
fn one_selective_acknowledgment_resends_after_the_reordering_window() {
    let (mut lab, a) = flight(config(), 2, &[(1, Fate::Lost)]);
    lab.run_until(at(2000));
    // Sent at 150, RACK.rtt 100 ms, window 25 ms.
    assert_eq!(sent(&lab, 0), [150, 275]);
    let counters = counters(&lab, a);
    assert_eq!(counters.timers_fired[Timer::Reorder as usize], 1);
    assert_eq!(counters.timers_fired[Timer::Retransmit as usize], 0);
}

/// RFC 8985 §3.1: duplicate acknowledgments alone would have to wait for the retransmission timer there.
#[test]
fn duplicate_acknowledgments_alone_need_three() {
    let config = TcpConfig { loss_detection: LossDetection::DuplicateAcks, ..config() };
    let (mut lab, _) = flight(config, 2, &[(1, Fate::Lost)]);
    lab.run_until(at(2000));
    assert_eq!(sent(&lab, 0), [150, 1150]);
}

/// RFC 8985 §3.3.1: a lost retransmission is found by what is sent after it.
// Holds: RFC 8985 9.2-a.
#[test]
fn a_lost_retransmission_is_resent_without_a_timeout() {
    // Ten segments, the first lost; two more go out before the third SACK, and the retransmission is the 13th.
    let (mut lab, a) = flight(config(), 30, &[(1, Fate::Lost), (13, Fate::Lost)]);
    lab.run_until(at(3000));
    // What was sent at 250 as well does not tell, since it may have left before; the answers of 350 do.
    assert_eq!(sent(&lab, 0), [150, 250, 450]);
    assert_eq!(counters(&lab, a).timers_fired[Timer::Retransmit as usize], 0);
    let config = TcpConfig { loss_detection: LossDetection::DuplicateAcks, ..config() };
    let (mut lab, _) = flight(config, 30, &[(1, Fate::Lost), (13, Fate::Lost)]);
    lab.run_until(at(3000));
    assert_eq!(sent(&lab, 0), [150, 250, 1150], "RFC 6675 §5.1 leaves it to the timer");
}

/// RFC 8985 §7.2, §7.3: two round trips without an acknowledgment, and the last segment is sent again.
// Holds: RFC 8985 7.2-a, 7.3-d, 7.3-e.
#[test]
fn a_lost_tail_is_probed_after_two_round_trips() {
    let (mut lab, a) = flight(config(), 4, &[(3, Fate::Lost), (4, Fate::Lost)]);
    lab.run_until(at(2000));
    // Two acknowledgments at 250 arm the probe anew: 250 + 2·100. It is SACKed at 550; the segment before it, sent
    // at 150, has been on its way for longer than RACK.rtt = 100 ms and a window.
    assert_eq!((sent(&lab, 3), sent(&lab, 2)), (vec![150, 450], vec![150, 550]));
    let counters = counters(&lab, a);
    assert_eq!((counters.loss_probes, counters.fast_recoveries), (1, 1));
    assert_eq!(counters.timers_fired[Timer::Retransmit as usize], 0);
}

/// RFC 8985 §7.2: a single segment may be waiting for a delayed acknowledgment, 200 ms.
// Holds: RFC 8985 7.2-c.
#[test]
fn a_single_segment_is_probed_later() {
    let (mut lab, _) = flight(config(), 1, &[(1, Fate::Lost)]);
    lab.run_until(at(2000));
    assert_eq!(sent(&lab, 0), [150, 150 + 2 * 100 + 200]);
}

/// RFC 8985 §7.3: unsent data is preferred, and may exceed the congestion window by a segment.
// Holds: RFC 8985 7.3-c.
#[test]
fn a_probe_prefers_new_data() {
    let (mut lab, a) = flight(config(), 20, &[]);
    cut(&mut lab, 1);
    lab.run_until(at(400));
    // Ten segments fill the initial window; nothing comes back.
    assert_eq!((sent(&lab, 0), sent(&lab, 10)), (vec![150], vec![350]));
    assert_eq!(counters(&lab, a).loss_probes, 1);
}

/// RFC 8985 §7.3: after a probe the retransmission timer starts anew, and no second probe follows it.
// Holds: RFC 8985 7.3-a, 7.3-b, 7.3-f.
#[test]
fn the_timeout_follows_a_probe_by_its_whole_length() {
    let (mut lab, a) = flight(config(), 1, &[]);
    cut(&mut lab, 0);
    cut(&mut lab, 1);
    lab.run_until(at(1700));
    assert_eq!(sent(&lab, 0), [150, 550, 1550]);
    assert_eq!(counters(&lab, a).loss_probes, 1);
}

/// RFC 8985 §7.4.2: a loss that the probe itself has repaired is answered as one.
// Holds: RFC 8985 7.4-a, 7.4-b.
#[test]
fn a_loss_repaired_by_a_probe_reduces_the_window() {
    let (mut lab, a) = flight(config(), 10, &[(10, Fate::Lost)]);
    lab.run_until(at(700));
    let before = lab.ends[0].stats(a).unwrap();
    assert_eq!((before.counters.loss_probes, before.ssthresh), (1, None));
    write(&mut lab, 0, a, SIZE);
    lab.run_until(at(1000));
    let after = lab.ends[0].stats(a).unwrap();
    assert_eq!(after.counters.probe_repairs, 1);
    assert!(after.ssthresh.is_some());
}

/// RFC 8985 §7.4.2 case 1: a D-SACK says that the probe was not needed.
#[test]
fn a_needless_probe_reduces_nothing() {
    let late = Fate::Late(SimDuration::from_millis(450));
    let (mut lab, a) = flight(config(), 1, &[(1, late)]);
    lab.run_until(at(900));
    write(&mut lab, 0, a, SIZE);
    lab.run_until(at(1500));
    let stats = lab.ends[0].stats(a).unwrap();
    assert_eq!((stats.counters.loss_probes, stats.counters.probe_repairs), (1, 0));
    assert_eq!((stats.counters.spurious_retransmissions, stats.ssthresh), (1, None));
}

/// RFC 3522 §3.2: an acknowledgment that echoes a timestamp from before the retransmission.
#[test]
fn timestamps_undo_a_needless_recovery() {
    let late = Fate::Late(SimDuration::from_millis(20));
    let (mut lab, a) = flight(TcpConfig { timestamps: true, ..config() }, 8, &[(1, late)]);
    lab.run_until(at(260));
    assert_eq!(counters(&lab, a).fast_recoveries, 1);
    assert!(lab.ends[0].stats(a).unwrap().ssthresh.is_some());
    // The first segment arrives at 220, its acknowledgment at 270.
    lab.run_until(at(271));
    let stats = lab.ends[0].stats(a).unwrap();
    assert_eq!((stats.counters.fast_recoveries_undone, stats.ssthresh), (1, None));
    assert!(stats.cwnd >= 14_480, "{}", stats.cwnd);
}

/// RFC 3708 §3: each retransmission is reported as a duplicate.
#[test]
fn duplicate_reports_undo_a_needless_recovery() {
    let late = Fate::Late(SimDuration::from_millis(20));
    let (mut lab, a) = flight(config(), 8, &[(1, late)]);
    lab.run_until(at(340));
    assert_eq!(counters(&lab, a).fast_recoveries_undone, 0);
    // The retransmission left at 250; the report about it arrives at 350.
    lab.run_until(at(351));
    let stats = lab.ends[0].stats(a).unwrap();
    assert_eq!((stats.counters.spurious_retransmissions, stats.counters.fast_recoveries_undone), (1, 1));
    assert_eq!(stats.ssthresh, None);
}

/// RFC 8985 §6.2 steps 3 and 4: a window once reordering is known, and twice as long after a D-SACK.
#[test]
fn the_reordering_window_adapts_to_the_path() {
    let late = |millis| Fate::Late(SimDuration::from_millis(millis));
    // Of two segments the first comes 20 ms late, within 100 / 4 ms: reordering, and nothing resent.
    let (mut lab, a) = flight(config(), 2, &[(1, late(20))]);
    lab.run_until(at(1000));
    assert_eq!(counters(&lab, a).fast_retransmissions, 0);
    // Of eight the first comes 40 ms late: resent, needlessly.
    lab.fates = [((0, 3), late(40))].into();
    write(&mut lab, 0, a, 8 * SIZE);
    lab.run_until(at(2000));
    let after = counters(&lab, a);
    assert_eq!((after.fast_retransmissions, after.spurious_retransmissions), (1, 1));
    assert_eq!(after.fast_recoveries_undone, 1);
    // Once more: 40 ms are within 2 · 100 / 4 ms now.
    lab.fates = [((0, 12), late(40))].into();
    write(&mut lab, 0, a, 8 * SIZE);
    lab.run_until(at(3000));
    let after = counters(&lab, a);
    assert_eq!((after.fast_retransmissions, after.out_of_order_received), (1, 0));
}

#[test]
fn nothing_is_undone_if_so_configured() {
    let late = Fate::Late(SimDuration::from_millis(20));
    let (mut lab, a) = flight(TcpConfig { undo: false, ..config() }, 8, &[(1, late)]);
    lab.run_until(at(1000));
    let stats = lab.ends[0].stats(a).unwrap();
    assert_eq!((stats.counters.spurious_retransmissions, stats.counters.fast_recoveries_undone), (1, 0));
    assert!(stats.ssthresh.is_some());
}

/// A flight of ten segments, with data behind it, that arrives `after` ms later than it should; then a probe, if
/// there is one, that arrives at the same time.
fn delayed_flight(config: TcpConfig, after: u64) -> Counters {
    let mut fates: Vec<_> =
        (1..=10).map(|number| (number, Fate::Late(SimDuration::from_millis(after)))).collect();
    if config.sack {
        fates.push((11, Fate::Late(SimDuration::from_millis(after - 200))));
    }
    let (mut lab, a) = flight(config, 40, &fates);
    lab.run_until(at(5000));
    counters(&lab, a)
}

/// RFC 5682 §3.1 step 3b: after a timeout new data is sent first, and what arrives shows that nothing was lost.
#[test]
fn f_rto_finds_a_needless_timeout_and_resends_one_segment() {
    // A probe at 350, the timeout at 1350; the flight arrives at 1360, before the retransmission, and its
    // acknowledgments at 1410.
    let config = || TcpConfig { undo: false, ..config() };
    let with = delayed_flight(config(), 1160);
    assert_eq!((with.timeouts_undone, with.timeout_retransmissions), (1, 1));
    let without = delayed_flight(TcpConfig { f_rto: false, ..config() }, 1160);
    assert!(without.timeouts_undone == 0 && without.timeout_retransmissions > 1, "{without:?}");
}

/// RFC 5682 §2.1: the basic version, without SACK.
#[test]
fn f_rto_works_without_selective_acknowledgments() {
    // The timeout at 1150; the flight arrives at 1160, and its acknowledgments at 1210.
    let config = || TcpConfig { undo: false, sack: false, ..config() };
    let with = delayed_flight(config(), 960);
    assert_eq!((with.timeouts_undone, with.timeout_retransmissions), (1, 1));
    let without = delayed_flight(TcpConfig { f_rto: false, ..config() }, 960);
    assert!(without.timeouts_undone == 0 && without.timeout_retransmissions > 1, "{without:?}");
}

/// RFC 5682 §3.1 step 3a: a real loss goes on with the usual recovery.
#[test]
fn f_rto_does_not_hold_up_a_needed_timeout() {
    let fates: Vec<_> = (1..=11).map(|number| (number, Fate::Lost)).collect();
    let (mut lab, a) = flight(config(), 40, &fates);
    lab.run_until(at(5000));
    let counters = counters(&lab, a);
    assert_eq!(counters.timeouts_undone, 0);
    assert_eq!(counters.bytes_acknowledged, u64::from(40 * SIZE));
    assert_eq!(counters.timers_fired[Timer::Retransmit as usize], 1);
}

/// RFC 9937 §6.2: one segment for two delivered in a recovery that halves the window.
// Holds: RFC 8985 9.3-a, 9.3-b.
#[test]
fn a_recovery_sends_one_segment_for_two_delivered() {
    let steady = TcpConfig { initial_window: Some(20), ..config() };
    let (mut lab, a) = flight(steady, 60, &[(1, Fate::Lost)]);
    lab.run_until(at(260));
    // 20 in flight, nineteen of them SACKed at 250: ⌈RecoverFS = 18, ssthresh = 10, 17 delivered in recovery⌉. Two
    // were sent before recovery, for the two segments whose SACK did not yet show a loss.
    let at_250 = lab.sent.iter().filter(|sent| sent.1 == 0 && sent.0 == at(250)).count();
    let stats = lab.ends[0].stats(a).unwrap();
    assert_eq!(stats.counters.fast_retransmissions, 1);
    assert!((2 + 8..=2 + 10).contains(&at_250), "{at_250}");
    assert!(stats.bytes_in_network <= stats.ssthresh.unwrap() + u64::from(SIZE), "{stats:?}");
}
