//! Rules of the RFCs about segments that seldom come: urgent data, old duplicates, silly windows, crossing FINs.

mod lab;

use lab::script::{at, change, cut, established, header, lab, state, times, write};
use lab::{Lab, run_of};
use sim_core::SimDuration;
use transport::endpoint::{Endpoint, Transmit};
use transport::tcp::{CloseReason, ConnectionId, LossDetection, State, TcpConfig, TcpEvent};
use wire::payload::Slice;
use wire::tcp::TcpFlags;
use wire::tcp_options::{TcpOptions, Timestamps};

/// The segment that side 0 would send with `bytes` of new data.
fn segment(lab: &mut Lab, a: ConnectionId, bytes: u32) -> Transmit {
    assert_eq!(lab.ends[0].write(lab.now, a, &Slice::filler(1, 0, bytes), run_of(0, true)), bytes);
    lab.ends[0].poll_transmit(lab.now).expect("it may be sent")
}

// Holds: RFC 9293 MUST-30, MUST-31, MUST-32, MUST-33, MUST-62.
#[test]
fn the_urgent_pointer_is_tracked_and_told_whenever_it_advances() {
    // RFC 9293 §3.8.5: it is an offset from the sequence number to what follows the urgent data (MUST-62); the
    // user learns of every advance (MUST-32), and how far it goes (MUST-33).
    let mut lab = lab();
    let config = TcpConfig { nagle: false, ..TcpConfig::default() };
    let [a, b] = established(&mut lab, config, TcpConfig::default());
    let urgent = |lab: &mut Lab, bytes, pointer| {
        let mut transmit = segment(lab, a, bytes);
        change(&mut transmit, |head| {
            head.flags |= TcpFlags::URG;
            head.urgent_pointer = pointer;
        });
        lab.deliver(1, transmit);
        lab.drain(1);
        let until = lab.ends[1].stats(b).unwrap().urgent_until;
        (std::mem::take(&mut lab.events[1]).contains(&TcpEvent::Urgent(b)), until)
    };
    assert_eq!(urgent(&mut lab, 10, 5), (true, Some(5)));
    assert_eq!(urgent(&mut lab, 10, 20), (true, Some(10 + 20)));
    assert_eq!(urgent(&mut lab, 10, 1), (false, Some(30)), "21 is behind 30, and it never moves back");
    assert_eq!(lab.ends[1].read(lab.now, b, u32::MAX).0.len(), 30);
    assert_eq!(urgent(&mut lab, 10, 3), (true, Some(30 + 3)));
    assert_eq!(urgent(&mut lab, 10, 0), (true, Some(40)), "10 bytes that were not urgent are now");
    assert_eq!(lab.ends[1].read(lab.now, b, u32::MAX).0.len(), 20);
    assert_eq!(urgent(&mut lab, 10, 0), (false, Some(40)), "nothing that is not read yet");
}

#[test]
fn an_old_timestamp_is_answered_and_dropped() {
    // RFC 7323 §5.3 R1.
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    let fresh = segment(&mut lab, a, 10);
    let stamps = header(&fresh).options.timestamps().unwrap();
    let stamped = |value: u32| {
        let mut transmit = fresh.clone();
        let timestamps = Timestamps { value, ..stamps };
        change(&mut transmit, |head| head.options = TcpOptions::with_timestamps(timestamps));
        transmit
    };
    // The last one that the server took was sent at 100 ms, this one at 150.
    lab.deliver(1, stamped(stamps.value - 51));
    lab.drain(1);
    assert_eq!((lab.ends[1].readable(b), times(&lab, 1)), (0, vec![150]), "dropped, and answered");
    assert_eq!(lab.ends[1].stats(b).unwrap().counters.unacceptable_received, 1);
    lab.deliver(1, stamped(stamps.value - 50));
    assert_eq!(lab.ends[1].readable(b), 10, "as old as the last is not old");
}

#[test]
fn a_segment_without_the_timestamps_that_were_agreed_on_is_dropped() {
    // RFC 7323 §3.2; resets are taken without.
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    let mut bare = segment(&mut lab, a, 10);
    change(&mut bare, |head| head.options = TcpOptions::EMPTY);
    lab.deliver(1, bare.clone());
    lab.drain(1);
    assert_eq!((lab.ends[1].readable(b), times(&lab, 1)), (0, vec![]));
    bare.packet.take_payload();
    bare.packet.account.runs.clear();
    change(&mut bare, |head| head.flags = TcpFlags::RST);
    lab.deliver(1, bare);
    assert_eq!(state(&lab, 1, b), State::Closed);
}

#[test]
fn after_24_days_a_timestamp_says_nothing() {
    // RFC 7323 §5.5: the peer's clock may have passed half its range.
    for (days, taken) in [(23, 0), (25, 10)] {
        let mut lab = lab();
        let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
        let mut transmit = segment(&mut lab, a, 10);
        let stamps = header(&transmit).options.timestamps().unwrap();
        let old = Timestamps { value: stamps.value - 1000, ..stamps };
        change(&mut transmit, |head| head.options = TcpOptions::with_timestamps(old));
        lab.now += SimDuration::from_secs(days * 24 * 3600);
        lab.deliver(1, transmit);
        assert_eq!(lab.ends[1].readable(b), taken, "after {days} days");
    }
}

// Holds: RFC 9293 MUST-38.
#[test]
fn a_small_window_waits_for_the_override() {
    // RFC 9293 §3.8.6.2.1: 1448 of 2000 bytes are filled; the 552 left are neither a segment, nor half of the
    // largest window, nor all that waits.
    let mut lab = lab();
    let config = TcpConfig { nagle: false, ..TcpConfig::default() };
    let small = TcpConfig { receive_buffer: 2000, ..TcpConfig::default() };
    let [a, _] = established(&mut lab, config, small);
    write(&mut lab, 0, a, 3000);
    lab.run_until(at(1000));
    // Arrived at 200, acknowledged at 400, known at 450, and 500 ms later sent all the same.
    assert_eq!(times(&lab, 0), [150, 950]);
    let lengths: Vec<_> = lab.sent.iter().filter(|s| s.1 == 0).map(|s| s.2.packet.payload_len()).collect();
    assert_eq!(lengths, [1448, 552]);
}

#[test]
fn all_that_waits_goes_into_a_small_window_at_once() {
    // RFC 9293 §3.8.6.2.1 (2): everything queued can be sent now.
    let mut lab = lab();
    let config = TcpConfig { nagle: false, ..TcpConfig::default() };
    let small = TcpConfig { receive_buffer: 2000, ..TcpConfig::default() };
    let [a, _] = established(&mut lab, config, small);
    write(&mut lab, 0, a, 1448 + 500);
    assert_eq!(times(&lab, 0), [150, 150]);
}

#[test]
fn fins_that_cross_are_sent_again_until_both_sides_wait() {
    // RFC 9293 §3.6, case 3; every FIN is lost once, and then the acknowledgment of one.
    let mut lab = lab();
    let [a, b] = established(&mut lab, without_probes(), without_probes());
    for side in 0..2 {
        cut(&mut lab, side);
        lab.ends[side].shutdown(lab.now, [a, b][side]);
        lab.drain(side);
    }
    lab.run_until(at(1100));
    lab.paths[0].loss = 0;
    lab.paths[1].loss = 0;
    lab.run_until(at(1199));
    assert_eq!((state(&lab, 0, a), state(&lab, 1, b)), (State::FinWait1, State::FinWait1));
    assert_eq!((times(&lab, 0), times(&lab, 1)), (vec![150, 1150], vec![150, 1150]), "resent after 1 s");
    cut(&mut lab, 1);
    lab.run_until(at(1249));
    assert_eq!((state(&lab, 0, a), state(&lab, 1, b)), (State::Closing, State::Closing), "they crossed");
    lab.paths[1].loss = 0;
    lab.run_until(at(1250));
    assert_eq!((state(&lab, 0, a), state(&lab, 1, b)), (State::Closing, State::TimeWait));
    // The client's FIN goes again 2 s after the second, and is answered from TIME-WAIT.
    lab.run_until(at(3150 + 100));
    assert_eq!(state(&lab, 0, a), State::TimeWait);
    assert_eq!(times(&lab, 0).last(), Some(&3150));
    let normal = |id| TcpEvent::Closed { id, reason: CloseReason::Normal };
    assert!(lab.events[0].contains(&normal(a)) && lab.events[1].contains(&normal(b)));
    lab.run_until(at(3250) + SimDuration::from_secs(240));
    lab.ends.iter_mut().for_each(|end| end.handle_timeout(lab.now));
    assert_eq!((lab.ends[0].connections(), lab.ends[1].connections()), (0, 0));
}

/// Loss is found by duplicate acknowledgments and the retransmission timer alone.
fn without_probes() -> TcpConfig {
    TcpConfig { loss_detection: LossDetection::DuplicateAcks, ..TcpConfig::default() }
}
