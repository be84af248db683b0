//! Rules of the RFCs about the transfer of data, one scripted exchange each.

mod lab;

use lab::address;
use lab::script::{at, cut, established, header, lab, state, times, write};
use sim_core::SimDuration;
use transport::endpoint::{Endpoint, IcmpError, NetworkEvent};
use transport::tcp::{CloseReason, EcnFeedback, KeepAlive, LossDetection, State, TcpConfig, TcpEvent, Timer};
use wire::account::Reason;
use wire::tcp::TcpFlags;

const MS: fn(u64) -> SimDuration = SimDuration::from_millis;

// Holds: RFC 9293 MUST-19, MUST-20, SHLD-9, SHLD-10.
#[test]
fn data_is_sent_again_after_the_timeout_which_doubles() {
    let mut lab = lab();
    let [a, _] = established(&mut lab, without_probes(), without_probes());
    // The handshake took 100 ms: RTO = 100 + 4·50 = 300, below the least of 1 s.
    assert_eq!(lab.ends[0].stats(a).unwrap().rto, MS(1000));
    cut(&mut lab, 0);
    write(&mut lab, 0, a, 100);
    lab.run_until(at(150) + SimDuration::from_secs(40));
    assert_eq!(times(&lab, 0), [150, 1150, 3150, 7150, 15_150, 31_150]);
    let stats = lab.ends[0].stats(a).unwrap();
    assert_eq!(stats.counters.timeout_retransmissions, 5);
    assert_eq!((stats.cwnd, stats.ssthresh), (1448, Some(2896)), "one segment, and at least two");
    assert_eq!(lab.events[0], [TcpEvent::Stalled(a)], "R1 after three");
}

// Holds: RFC 9293 MUST-20, MUST-21, SHLD-11.
#[test]
fn r2_gives_up_after_the_user_timeout() {
    let mut lab = lab();
    let [a, _] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    cut(&mut lab, 0);
    write(&mut lab, 0, a, 100);
    lab.run_until(at(150) + SimDuration::from_secs(299));
    assert_eq!(state(&lab, 0, a), State::Established);
    lab.run_until(at(150) + SimDuration::from_secs(300));
    let closed = TcpEvent::Closed { id: a, reason: CloseReason::TimedOut };
    assert_eq!(lab.events[0].last(), Some(&closed));
}

// Holds: RFC 9293 MUST-40, SHLD-18, SHLD-19; RFC 5681 4.2-a, 4.2-b, 4.2-c.
#[test]
fn an_acknowledgment_waits_for_the_second_segment_or_200_ms() {
    // RFC 9293 §3.8.6.3.
    let mut lab = lab();
    let [a, _] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    write(&mut lab, 0, a, 3 * 1448);
    lab.run_until(at(1000));
    // Three segments arrive at 200 ms: one acknowledgment for two, and one for the third at 400 ms.
    assert_eq!(times(&lab, 1), [200, 400]);
    assert!(lab.sent.iter().filter(|sent| sent.1 == 1).all(|sent| {
        sent.2.packet.account.frame_reason() == Reason::Acknowledgement && sent.2.packet.payload_len() == 0
    }));
}

// Holds: RFC 9293 MUST-17, SHLD-7.
#[test]
fn nagle_holds_a_small_segment_until_the_last_is_acknowledged() {
    // RFC 9293 §3.7.4.
    for (nagle, expected) in [(true, vec![150, 450]), (false, vec![150, 150, 150])] {
        let mut lab = lab();
        let config = TcpConfig { nagle, ..without_probes() };
        let [a, _] = established(&mut lab, config, without_probes());
        for _ in 0..3 {
            write(&mut lab, 0, a, 10);
        }
        lab.run_until(at(600));
        // With it, the second and third go together when the delayed acknowledgment arrives at 450 ms.
        assert_eq!(times(&lab, 0), expected);
    }
}

#[test]
fn three_duplicate_acknowledgments_resend_without_a_timeout() {
    for sack in [true, false] {
        let mut lab = lab();
        let config = TcpConfig { sack, ..TcpConfig::default() };
        let [a, b] = established(&mut lab, config.clone(), config);
        cut(&mut lab, 0);
        write(&mut lab, 0, a, 1448);
        lab.paths[0].loss = 0;
        write(&mut lab, 0, a, 5 * 1448);
        lab.run_until(at(251));
        // Sent at 150, the others arrive at 200, three duplicates are back at 250.
        assert_eq!(times(&lab, 0), [150, 150, 150, 150, 150, 150, 250], "sack {sack}");
        let stats = lab.ends[0].stats(a).unwrap();
        // Six segments in flight: half is three.
        assert_eq!((stats.ssthresh, stats.counters.fast_retransmissions), (Some(3 * 1448), 1), "sack {sack}");
        lab.run_until(at(400));
        assert_eq!(lab.ends[1].readable(b), 6 * 1448);
        // Without SACK: one segment more than is in flight, which is nothing, of at least one (RFC 6582 §3.2).
        let window = if sack { 3 * 1448 } else { 2 * 1448 };
        assert_eq!(lab.ends[0].stats(a).unwrap().cwnd, window, "sack {sack}");
        assert_eq!(
            lab.ends[0].stats(a).unwrap().counters.timers_fired[Timer::Retransmit as usize],
            0,
            "no timeout"
        );
    }
}

// Holds: RFC 9293 MUST-35, MUST-36, MUST-37, SHLD-29, SHLD-30.
#[test]
fn a_closed_window_is_probed_with_growing_intervals() {
    // RFC 9293 §3.8.6.1: the first probe after one RTO (SHLD-29), then exponentially (SHLD-30).
    let mut lab = lab();
    let small = TcpConfig { receive_buffer: 1448, ..TcpConfig::default() };
    let [a, b] = established(&mut lab, TcpConfig::default(), small);
    write(&mut lab, 0, a, 3000);
    lab.run_until(at(20_000));
    let acknowledged = 250 + 200; // The only segment's acknowledgment is delayed.
    let expected =
        [150, acknowledged + 1000, acknowledged + 3000, acknowledged + 7000, acknowledged + 15_000];
    assert_eq!(times(&lab, 0), expected);
    let probe = &lab.sent.iter().filter(|sent| sent.1 == 0).nth(1).unwrap().2;
    assert_eq!(probe.packet.payload_len(), 1);
    // Reading opens the window, and the rest follows at once.
    lab.ends[1].read(lab.now, b, u32::MAX);
    lab.drain(1);
    lab.run_until(at(20_100));
    assert!(lab.ends[1].readable(b) >= 1448);
}

// Holds: RFC 9293 MUST-24, MUST-26, MUST-27, MUST-29, SHLD-12, MAY-5.
#[test]
fn keep_alive_probes_an_idle_peer_and_gives_up() {
    // RFC 9293 §3.8.4.
    let keep_alive = KeepAlive { idle: MS(10_000), interval: MS(1000), probes: 3 };
    let config = TcpConfig { keep_alive: Some(keep_alive), ..TcpConfig::default() };
    let mut lab = lab();
    let [a, _] = established(&mut lab, config, TcpConfig::default());
    lab.run_until(at(10_250));
    // Established at 100 ms, so the probe goes at 10,100 ms and is answered at once.
    assert_eq!((times(&lab, 0), times(&lab, 1)), (vec![10_100], vec![10_150]));
    let probe = &lab.sent[0].2;
    assert_eq!((probe.packet.payload_len(), probe.packet.account.frame_reason()), (0, Reason::KeepAlive));
    cut(&mut lab, 1);
    lab.run_until(at(40_000));
    // Heard at 10,200: probes at 20,200, 21,200 and 22,200, the reset at 23,200.
    assert_eq!(times(&lab, 0)[1..], [20_200, 21_200, 22_200, 23_200]);
    let closed = TcpEvent::Closed { id: a, reason: CloseReason::KeepAliveFailed };
    assert_eq!(lab.events[0], [closed]);
}

#[test]
fn a_smaller_path_mtu_is_taken_from_icmp_and_data_sent_again() {
    // RFC 1191 §6, with the check of RFC 5927 §4.1.
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    cut(&mut lab, 0);
    write(&mut lab, 0, a, 2896);
    lab.paths[0].loss = 0;
    let mut quoted = lab.sent[0].2.packet.header()[..8].to_vec();
    let icmp = |quoted: &[u8]| NetworkEvent::Icmp {
        error: IcmpError::PacketTooBig { mtu: 1000 },
        source: address(0),
        destination: address(1),
        quoted: quoted.to_vec(),
    };
    quoted[4] ^= 0x40;
    lab.ends[0].handle_network(lab.now, &icmp(&quoted));
    assert_eq!(lab.ends[0].stats(a).unwrap().segment_payload, 1448, "not in flight");
    quoted[4] ^= 0x40;
    lab.ends[0].handle_network(lab.now, &icmp(&quoted));
    let stats = lab.ends[0].stats(a).unwrap();
    assert_eq!(stats.segment_payload, 1000 - 40 - 12);
    lab.drain(0);
    lab.run_until(at(400));
    assert_eq!(lab.ends[1].readable(b), 2896);
    let sizes: Vec<_> = lab.sent.iter().filter(|s| s.1 == 0).map(|s| s.2.packet.payload_len()).collect();
    assert_eq!(sizes, [1448, 1448, 948, 500, 948, 500]);
    assert_eq!(lab.ends[0].stats(a).unwrap().ssthresh, None, "no congestion");
}

// Holds: RFC 9293 SHLD-8.
#[test]
fn marks_halve_the_window_once_and_are_echoed_until_answered() {
    // RFC 3168 §6.1.2 and §6.1.3.
    let mut lab = lab();
    let config = TcpConfig { ecn: EcnFeedback::Classic, ..TcpConfig::default() };
    let [a, _] = established(&mut lab, config.clone(), config);
    lab.paths[0].mark = 1_000_000;
    write(&mut lab, 0, a, 10 * 1448);
    lab.run_until(at(240));
    lab.paths[0].mark = 0;
    let before = lab.ends[0].stats(a).unwrap().cwnd;
    assert_eq!(before, 14_480);
    lab.run_until(at(260));
    let stats = lab.ends[0].stats(a).unwrap();
    assert_eq!(stats.counters.marks_answered, 1);
    write(&mut lab, 0, a, 1448);
    lab.run_until(at(1000));
    write(&mut lab, 0, a, 1448);
    lab.run_until(at(2000));
    let cwr = lab.sent.iter().filter(|s| s.1 == 0 && header(&s.2).flags.contains(TcpFlags::CWR)).count();
    assert_eq!(cwr, 1);
    let last = lab.sent.iter().rfind(|sent| sent.1 == 1).unwrap();
    assert!(!header(&last.2).flags.contains(TcpFlags::ECE), "the echo has ended");
    assert_eq!(lab.ends[0].stats(a).unwrap().counters.marks_answered, 1);
}

// Holds: RFC 5681 4.1-a.
#[test]
fn a_pause_brings_back_the_initial_window() {
    // RFC 5681 §4.1.
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    for _ in 0..5 {
        write(&mut lab, 0, a, 100_000);
        lab.run_until(lab.now + MS(400));
        lab.ends[1].read(lab.now, b, u32::MAX);
        lab.drain(1);
    }
    assert!(lab.ends[0].stats(a).unwrap().cwnd > 20_000);
    lab.run_until(lab.now + MS(5000));
    write(&mut lab, 0, a, 1);
    assert_eq!(lab.ends[0].stats(a).unwrap().cwnd, 14_480);
}

#[test]
fn an_idle_connection_takes_little_memory() {
    assert!(
        size_of::<transport::tcp::TcpConnection>() <= 1360,
        "{}",
        size_of::<transport::tcp::TcpConnection>()
    );
}

/// Loss is found by duplicate acknowledgments and the retransmission timer alone.
fn without_probes() -> TcpConfig {
    TcpConfig { loss_detection: LossDetection::DuplicateAcks, ..TcpConfig::default() }
}
