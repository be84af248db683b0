//! Rules of the RFCs about urgent data, user timeouts, Nagle's variants, and paths that take less.

mod lab;

use lab::peer::{MSS, Scripted};
use lab::run_of;
use lab::script::{at, cut, established, header, lab, state, times, write};
use sim_core::{SimDuration, SimTime};
use transport::tcp::{CloseReason, PathMtuDiscovery, State, TcpConfig, TcpEvent};
use wire::payload::Slice;
use wire::tcp::TcpFlags;

#[test]
fn urgent_data_is_pointed_at_until_it_is_sent() {
    // RFC 9293 §3.8.5: the pointer leads behind the urgent data (MUST-62), from each segment before that.
    let mut lab = lab();
    let config = TcpConfig { nagle: false, ..TcpConfig::default() };
    let [a, b] = established(&mut lab, config, TcpConfig::default());
    assert_eq!(lab.ends[0].write_urgent(lab.now, a, &Slice::filler(1, 0, 2000), run_of(0, true)), 2000);
    lab.drain(0);
    write(&mut lab, 0, a, 10);
    let seen: Vec<_> = lab.sent.iter().map(|it| header(&it.2)).collect();
    let seen: Vec<_> =
        seen.iter().map(|head| (head.flags.contains(TcpFlags::URG), head.urgent_pointer)).collect();
    assert_eq!(seen, [(true, 2000), (true, 552), (false, 0)]);
    lab.run_until(at(250));
    assert!(lab.events[1].contains(&TcpEvent::Urgent(b)));
    assert_eq!(lab.ends[1].stats(b).unwrap().urgent_until, Some(2000));
}

#[test]
fn both_ends_wait_as_long_as_the_more_patient_one() {
    // RFC 5482 §3.1: min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)).
    for (other, expected) in [(true, 600), (false, 120)] {
        let mut lab = lab();
        let timeout = SimDuration::from_secs;
        let patient =
            TcpConfig { user_timeout: timeout(600), user_timeout_option: other, ..TcpConfig::default() };
        let hasty =
            TcpConfig { user_timeout: timeout(120), user_timeout_option: true, ..TcpConfig::default() };
        let [_, b] = established(&mut lab, patient, hasty);
        cut(&mut lab, 1);
        write(&mut lab, 1, b, 10);
        lab.run_until(at(149) + timeout(expected));
        assert_eq!(state(&lab, 1, b), State::Established);
        lab.run_until(at(150) + timeout(expected));
        let closed = TcpEvent::Closed { id: b, reason: CloseReason::TimedOut };
        assert_eq!(lab.events[1].last(), Some(&closed), "peer says its timeout: {other}");
    }
}

#[test]
fn minshalls_variant_waits_for_small_segments_only() {
    for (minshall, expected) in [(false, vec![1448]), (true, vec![1448, 100])] {
        let mut lab = lab();
        let config = TcpConfig { minshall, ..TcpConfig::default() };
        let [a, _] = established(&mut lab, config, TcpConfig::default());
        write(&mut lab, 0, a, 1548);
        write(&mut lab, 0, a, 50);
        let sent: Vec<_> = lab.sent.iter().map(|it| it.2.packet.payload_len()).collect();
        assert_eq!(sent, expected, "minshall {minshall}");
    }
}

#[test]
fn quick_acknowledgments_are_a_number_and_then_the_delay_is_back() {
    let mut lab = lab();
    let config = TcpConfig { nagle: false, ..TcpConfig::default() };
    let [a, _] = established(&mut lab, config, TcpConfig { quick_acks: 2, ..TcpConfig::default() });
    for _ in 0..3 {
        write(&mut lab, 0, a, 10);
        lab.run_until(lab.now + SimDuration::from_millis(100));
    }
    lab.run_until(at(1000));
    // Written at 150, 250 and 350, arrived 50 ms later; the third waits for 200 ms.
    assert_eq!(times(&lab, 1), [200, 300, 600]);
}

#[test]
fn a_black_hole_is_found_by_two_timeouts_and_left_after_ten_minutes() {
    // RFC 4821 §7.7; RFC 8201 §4.
    for (path_mtu, found) in [(PathMtuDiscovery::BlackHoles, 1), (PathMtuDiscovery::Icmp, 0)] {
        let mut lab = lab();
        let config = TcpConfig { path_mtu, ..TcpConfig::default() };
        let [a, b] = established(&mut lab, config, TcpConfig::default());
        lab.paths[0].mtu = 1100;
        write(&mut lab, 0, a, 10 * 1448);
        lab.run_until(SimTime::from_secs(60));
        let stats = lab.ends[0].stats(a).unwrap();
        assert_eq!(stats.counters.black_holes, found);
        if found == 0 {
            assert_eq!(lab.ends[1].readable(b), 0);
            continue;
        }
        assert_eq!(lab.ends[1].readable(b), 14_480);
        assert_eq!(stats.segment_payload, 1024 - 40 - 12);
        lab.paths[0].mtu = u64::MAX;
        lab.ends[1].read(lab.now, b, u32::MAX);
        lab.run_until(SimTime::from_secs(700));
        write(&mut lab, 0, a, 1000);
        lab.run_until(SimTime::from_secs(710));
        assert_eq!(lab.ends[0].stats(a).unwrap().segment_payload, 1448);
    }
}

#[test]
fn without_path_mtu_discovery_routers_may_fragment() {
    for (path_mtu, dont_fragment) in [(PathMtuDiscovery::Off, false), (PathMtuDiscovery::Icmp, true)] {
        let mut lab = lab();
        let (_, _) = lab.connect(TcpConfig { path_mtu, ..TcpConfig::default() }, TcpConfig::default());
        lab.run_until(at(150));
        let mine: Vec<_> = lab.sent.iter().filter(|sent| sent.1 == 0).collect();
        assert!(mine.len() == 2 && mine.iter().all(|it| it.2.dont_fragment == dont_fragment));
    }
}

#[test]
fn segments_that_are_paced_leave_evenly() {
    // A window in half a round trip, as Linux has it in slow start, but for two segments at once.
    let config = TcpConfig { pacing: true, timestamps: false, ..TcpConfig::default() };
    let mut it = Scripted::established(config);
    it.write(10 * MSS);
    it.wait(SimDuration::from_millis(99));
    let times: Vec<u64> = it.take_data().iter().map(|(at, _, _)| *at - 100).collect();
    assert_eq!(times.len(), 10, "{times:?}");
    let (first, last) = (times[0], times[9]);
    assert!(first == 0 && (35..=55).contains(&last), "{times:?}");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 10), "two every ten: {times:?}");
}

#[test]
fn a_receive_buffer_grows_with_what_is_read() {
    let config = TcpConfig {
        receive_buffer_initial: Some(4096),
        receive_buffer: 60_000,
        timestamps: false,
        ..TcpConfig::default()
    };
    let mut it = Scripted::established(config);
    assert_eq!(it.stats().receive_buffer, 4096);
    let (id, mut next) = (it.id.unwrap(), 1);
    for _ in 0..20 {
        for _ in 0..4 {
            it.tell(TcpFlags::ACK, next, 1, MSS);
            next += MSS;
            it.end.read(it.now, id, u32::MAX);
        }
        it.wait(SimDuration::from_millis(100));
    }
    // Twice the four that are read in a round trip, and sixteen segments.
    assert_eq!(it.stats().receive_buffer, 24 * MSS);
    // A reader that stops lets it be.
    for _ in 0..10 {
        it.tell(TcpFlags::ACK, next, 1, MSS);
        next += MSS;
        it.wait(SimDuration::from_millis(100));
    }
    assert_eq!(it.stats().receive_buffer, 24 * MSS);
}
