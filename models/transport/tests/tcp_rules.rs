//! Rules of the RFCs about connections, one scripted exchange each: send this, expect that, at this time.

mod lab;

use std::net::SocketAddr;
use std::sync::Arc;

use lab::script::{at, cut, established, forged, header, lab, state, times, write};
use lab::{PORT, address};
use sim_core::{SimDuration, SimTime};
use transport::endpoint::{Endpoint, IcmpError, NetworkEvent, Transmit};
use transport::tcp::{CloseReason, State, TcpConfig, TcpEvent};
use wire::account::{Protocol, Reason};
use wire::tcp::TcpFlags;
use wire::tcp_options::TcpOption;

// Holds: RFC 9293 MUST-22, MUST-23.
#[test]
fn a_syn_is_sent_again_after_1_3_7_15_31_and_63_seconds() {
    // RFC 6298 §2.1 and §5.5; given up after three minutes (RFC 9293 §3.8.3, MUST-23).
    let mut lab = lab();
    cut(&mut lab, 0);
    let (id, _) = lab.connect(TcpConfig::default(), TcpConfig::default());
    lab.run_until(SimTime::from_secs(1000));
    assert_eq!(times(&lab, 0), [0, 1000, 3000, 7000, 15_000, 31_000, 63_000, 127_000]);
    assert!(lab.sent.iter().all(|sent| sent.2.packet.account.frame_reason()
        == if sent.0 == SimTime::ZERO { Reason::Handshake } else { Reason::Retransmission }));
    let closed = TcpEvent::Closed { id, reason: CloseReason::TimedOut };
    assert_eq!(lab.events[0], [TcpEvent::Stalled(id), closed]);
}

#[test]
fn the_handshake_negotiates_and_is_charged_as_such() {
    let mut lab = lab();
    lab.connect(TcpConfig::default(), TcpConfig { mtu: 576, sack: false, ..TcpConfig::default() });
    lab.run_until(at(150));
    let seen: Vec<_> = lab.sent.iter().map(|sent| (sent.0.as_millis(), sent.1, header(&sent.2))).collect();
    let [(0, 0, syn), (50, 1, answer), (100, 0, ack)] = seen[..] else { panic!("{seen:?}") };
    assert_eq!(syn.flags, TcpFlags::SYN);
    assert_eq!(syn.options.iter().next(), Some(TcpOption::MaximumSegmentSize(1460)));
    assert_eq!(answer.flags, TcpFlags::SYN | TcpFlags::ACK);
    assert_eq!(answer.acknowledgment_number, syn.sequence_number.wrapping_add(1));
    assert_eq!(answer.options.iter().next(), Some(TcpOption::MaximumSegmentSize(536)));
    assert!(!answer.options.iter().any(|option| option == TcpOption::SackPermitted));
    assert_eq!(ack.flags, TcpFlags::ACK);
    assert_eq!(ack.sequence_number, syn.sequence_number.wrapping_add(1));
    for (_, _, transmit) in &lab.sent {
        let account = &transmit.packet.account;
        assert_eq!(account.frame_reason(), Reason::Handshake);
        assert_eq!(account.headers()[0].protocol, Protocol::Tcp);
        assert_eq!(usize::from(account.headers()[0].bytes), transmit.packet.len());
    }
    assert_eq!(lab.sent[0].2.packet.len(), 40, "20 + MSS 4, SACK 2, timestamps 10, NOP 1, scale 3");
}

#[test]
fn after_a_lost_syn_the_data_timeout_is_three_seconds() {
    // RFC 6298 §5.7.
    let mut lab = lab();
    cut(&mut lab, 0);
    let (id, _) = lab.connect(TcpConfig::default(), TcpConfig::default());
    lab.run_until(at(500));
    lab.paths[0].loss = 0;
    lab.run_until(at(1200));
    let stats = lab.ends[0].stats(id).unwrap();
    assert_eq!((stats.state, stats.rto), (State::Established, SimDuration::from_secs(3)));
    assert_eq!(stats.cwnd, 1448, "one segment (RFC 5681 §3.1)");
}

// Holds: RFC 9293 MUST-13.
#[test]
fn an_orderly_close_takes_one_fin_each_way_and_waits() {
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    lab.ends[0].shutdown(lab.now, a);
    lab.drain(0);
    assert_eq!(state(&lab, 0, a), State::FinWait1);
    lab.run_until(at(200));
    assert_eq!((state(&lab, 1, b), &lab.events[1]), (State::CloseWait, &vec![TcpEvent::PeerClosed(b)]));
    lab.run_until(at(250));
    assert_eq!(state(&lab, 0, a), State::FinWait2);
    write(&mut lab, 1, b, 100);
    lab.run_until(at(300));
    assert_eq!(lab.ends[0].readable(a), 100, "a half-closed connection carries data the other way");
    lab.ends[0].read(lab.now, a, 100);
    lab.ends[1].shutdown(lab.now, b);
    lab.drain(1);
    assert_eq!(state(&lab, 1, b), State::LastAck);
    lab.run_until(at(450));
    assert_eq!(state(&lab, 0, a), State::TimeWait);
    assert_eq!(lab.ends[1].connections(), 1, "its end was reported, and it goes at the next call");
    lab.ends[1].handle_timeout(lab.now);
    assert_eq!(lab.ends[1].connections(), 0);
    // TIME-WAIT began at 350 ms and lasts 240 s.
    lab.run_until(at(240_349));
    assert_eq!(state(&lab, 0, a), State::TimeWait);
    lab.run_until(at(240_350));
    lab.ends[0].handle_timeout(lab.now);
    assert_eq!(lab.ends[0].stats(a), None);
    let fins: Vec<_> = lab.sent.iter().filter(|sent| header(&sent.2).flags.contains(TcpFlags::FIN)).collect();
    assert_eq!(fins.len(), 2);
    assert!(fins.iter().all(|sent| sent.2.packet.account.frame_reason() == Reason::Teardown));
}

#[test]
fn both_sides_may_close_at_once() {
    // RFC 9293 §3.6, Figure 13.
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    for (side, id) in [(0, a), (1, b)] {
        lab.ends[side].shutdown(lab.now, id);
        lab.drain(side);
    }
    lab.run_until(at(200));
    assert_eq!((state(&lab, 0, a), state(&lab, 1, b)), (State::Closing, State::Closing));
    lab.run_until(at(250));
    assert_eq!((state(&lab, 0, a), state(&lab, 1, b)), (State::TimeWait, State::TimeWait));
}

// Holds: RFC 9293 MUST-10.
#[test]
fn both_sides_may_open_at_once() {
    // RFC 9293 §3.5, Figure 7.
    let mut lab = lab();
    let config = Arc::new(TcpConfig::default());
    let sockets = [0, 1].map(|side| SocketAddr::new(address(side), PORT));
    let ids = [0, 1].map(|side| {
        let id =
            lab.ends[side].connect(lab.now, sockets[side], sockets[1 - side], Arc::clone(&config)).unwrap();
        lab.drain(side);
        id
    });
    lab.run_until(at(50));
    assert_eq!([0, 1].map(|side| state(&lab, side, ids[side])), [State::SynReceived; 2]);
    lab.run_until(at(100));
    assert_eq!([0, 1].map(|side| state(&lab, side, ids[side])), [State::Established; 2], "line 6");
    assert_eq!(
        [0, 1].map(|side| lab.sent.iter().filter(|it| it.1 == side).count()),
        [2; 2],
        "SYN and SYN-ACK"
    );
    lab.run_until(at(2000));
    write(&mut lab, 0, ids[0], 10);
    lab.run_until(at(3000));
    assert_eq!(lab.ends[1].readable(ids[1]), 10);
}

#[test]
fn a_connection_to_nobody_is_refused() {
    let mut lab = lab();
    let to = SocketAddr::new(address(1), 9);
    let from = SocketAddr::new(address(0), 0);
    let id = lab.ends[0].connect(lab.now, from, to, Arc::new(TcpConfig::default())).unwrap();
    lab.drain(0);
    lab.run_until(at(100));
    assert_eq!(lab.events[0], [TcpEvent::Closed { id, reason: CloseReason::Refused }]);
    let reset = header(&lab.sent[1].2);
    assert_eq!(reset.flags, TcpFlags::RST | TcpFlags::ACK);
    assert_eq!(reset.sequence_number, 0, "RFC 9293 §3.10.7.1");
}

// Holds: RFC 9293 MUST-12.
#[test]
fn an_abort_resets_the_peer() {
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    lab.ends[0].abort(lab.now, a);
    lab.drain(0);
    lab.run_until(at(200));
    assert_eq!(lab.events[0], [TcpEvent::Closed { id: a, reason: CloseReason::Aborted }]);
    assert_eq!(lab.events[1], [TcpEvent::Closed { id: b, reason: CloseReason::Reset }]);
    assert_eq!(lab.sent.len(), 1, "a reset is not answered");
}

// Holds: RFC 9293 SHLD-3, MAY-1.
#[test]
fn closing_with_unread_data_resets() {
    // RFC 9293 §3.6.1.
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    write(&mut lab, 0, a, 10);
    lab.run_until(at(200));
    lab.ends[1].close(lab.now, b);
    lab.drain(1);
    lab.run_until(at(300));
    assert_eq!(lab.events[0], [TcpEvent::Closed { id: a, reason: CloseReason::Reset }]);
}

#[test]
fn only_a_reset_with_the_exact_number_resets() {
    // RFC 5961 §3.2: outside the window nothing, inside a challenge, at RCV.NXT the end.
    for (offset, challenges, open) in
        [(-1, 0, true), (1 << 28, 0, true), (1, 1, true), (5000, 1, true), (0, 0, false)]
    {
        let mut lab = lab();
        let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
        let reset = forged(&mut lab, a, b, offset, TcpFlags::RST);
        lab.deliver(1, reset);
        lab.drain(1);
        let stats = lab.ends[1].stats(b).unwrap();
        assert_eq!(stats.counters.challenges_sent, challenges, "offset {offset}");
        assert_eq!(stats.state == State::Established, open, "offset {offset}");
        assert_eq!(times(&lab, 1).len(), challenges as usize, "offset {offset}");
    }
}

#[test]
fn a_syn_in_a_connection_is_challenged_at_most_ten_times() {
    // RFC 5961 §4.2 and §7.
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    let syn = forged(&mut lab, a, b, 100, TcpFlags::SYN);
    for _ in 0..30 {
        lab.deliver(1, syn.clone());
        lab.drain(1);
    }
    assert_eq!(state(&lab, 1, b), State::Established);
    assert_eq!(lab.ends[1].stats(b).unwrap().counters.challenges_sent, 10);
}

// Holds: RFC 9293 MAY-12.
#[test]
fn an_acknowledgment_of_what_was_never_sent_is_challenged() {
    // RFC 5961 §5.2.
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    let mut transmit = forged(&mut lab, a, b, 0, TcpFlags::ACK);
    let mut head = header(&transmit);
    head.acknowledgment_number = head.acknowledgment_number.wrapping_add(1000);
    let pseudo = wire::checksum::pseudo_header(
        transmit.source,
        transmit.destination,
        wire::ip::IpProtocol::TCP,
        head.len() as u32,
    );
    head.emit(transmit.packet.header_mut(), pseudo);
    lab.deliver(1, transmit);
    assert_eq!(lab.ends[1].stats(b).unwrap().counters.challenges_sent, 1);
}

// Holds: RFC 9293 MUST-47, MUST-54, MUST-56, SHLD-25.
#[test]
fn an_icmp_error_ends_an_attempt_but_not_a_connection() {
    let mut lab = lab();
    let to = SocketAddr::new(address(1), PORT);
    let from = SocketAddr::new(address(0), 5000);
    let icmp = |transmit: &Transmit, error| NetworkEvent::Icmp {
        error,
        source: address(0),
        destination: address(1),
        quoted: transmit.packet.header()[..8].to_vec(),
    };
    let id = lab.ends[0].connect(lab.now, from, to, Arc::new(TcpConfig::default())).unwrap();
    let syn = lab.ends[0].poll_transmit(lab.now).unwrap();
    lab.ends[0].handle_network(lab.now, &icmp(&syn, IcmpError::Unreachable));
    assert_eq!(state(&lab, 0, id), State::SynSent, "a soft error (MUST-56)");
    assert_eq!(lab.ends[0].stats(id).unwrap().soft_error, Some(IcmpError::Unreachable));
    lab.ends[0].handle_network(lab.now, &icmp(&syn, IcmpError::PortUnreachable));
    lab.drain(0);
    assert_eq!(lab.events[0], [TcpEvent::Closed { id, reason: CloseReason::Unreachable }]);
    let [a, _] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    write(&mut lab, 0, a, 10);
    let event = icmp(&lab.sent[0].2, IcmpError::PortUnreachable);
    lab.ends[0].handle_network(lab.now, &event);
    assert_eq!(state(&lab, 0, a), State::Established);
}

// Holds: RFC 9293 MAY-2, SHLD-4.
#[test]
fn a_connection_in_time_wait_gives_way_to_a_later_syn() {
    // RFC 6191 §2, RFC 9293 §3.6.1 MAY-2.
    for timestamps in [true, false] {
        let mut lab = lab();
        let config = TcpConfig { timestamps, ..TcpConfig::default() };
        let from = SocketAddr::new(address(0), 5000);
        let to = SocketAddr::new(address(1), PORT);
        lab.ends[1].listen(to, Arc::new(config.clone()), 1).unwrap();
        let a = lab.ends[0].connect(lab.now, from, to, Arc::new(config.clone())).unwrap();
        lab.drain(0);
        lab.run_until(at(150));
        let Some(&TcpEvent::Accepted { id: b, .. }) = lab.events[1].first() else { panic!("accepted") };
        lab.ends[1].shutdown(lab.now, b);
        lab.drain(1);
        lab.run_until(at(200));
        lab.ends[0].shutdown(lab.now, a);
        lab.drain(0);
        lab.run_until(at(400));
        assert_eq!(state(&lab, 1, b), State::TimeWait);
        let again = lab.ends[0].connect(lab.now, from, to, Arc::new(config)).unwrap();
        lab.drain(0);
        lab.run_until(at(600));
        assert_eq!(state(&lab, 0, again), State::Established, "timestamps {timestamps}");
        assert_eq!(lab.ends[1].counters().time_wait_reused, 1);
    }
}

#[test]
fn a_full_backlog_drops_syns() {
    let mut lab = lab();
    cut(&mut lab, 1);
    let to = SocketAddr::new(address(1), PORT);
    lab.ends[1].listen(to, Arc::new(TcpConfig::default()), 2).unwrap();
    for _ in 0..5 {
        let from = SocketAddr::new(address(0), 0);
        lab.ends[0].connect(lab.now, from, to, Arc::new(TcpConfig::default())).unwrap();
    }
    lab.drain(0);
    lab.run_until(at(60));
    assert_eq!((lab.ends[1].connections(), lab.ends[1].counters().backlog_full), (2, 3));
}
