//! Rules of the RFCs, one scripted exchange each: send this, expect that, at this time.

mod lab;

use std::net::SocketAddr;
use std::sync::Arc;

use lab::{Lab, PORT, Path, address, run_of};
use sim_core::{SimDuration, SimTime};
use transport::endpoint::{Endpoint, IcmpError, NetworkEvent, Transmit};
use transport::tcp::{CloseReason, ConnectionId, KeepAlive, State, TcpConfig, TcpEvent};
use wire::account::{Protocol, Reason};
use wire::payload::Slice;
use wire::tcp::{Header, TcpFlags};
use wire::tcp_options::TcpOption;

const MS: fn(u64) -> SimDuration = SimDuration::from_millis;

fn at(millis: u64) -> SimTime {
    SimTime::from_millis(millis)
}

fn header(transmit: &Transmit) -> Header {
    Header::parse(transmit.packet.header()).expect("it was sent")
}

/// Two hosts 50 ms apart that write down every segment.
fn lab() -> Lab {
    let mut lab = Lab::new(1, [Path::clean(50), Path::clean(50)]);
    lab.record = true;
    lab
}

/// An established connection; time is 150 ms, when the server has seen the handshake's end.
fn established(lab: &mut Lab, client: TcpConfig, server: TcpConfig) -> [ConnectionId; 2] {
    let (a, _) = lab.connect(client, server);
    lab.run_until(at(150));
    let b = lab.events[1]
        .iter()
        .find_map(|event| if let TcpEvent::Accepted { id, .. } = event { Some(*id) } else { None })
        .expect("the server has accepted");
    assert!(lab.events[0].contains(&TcpEvent::Connected(a)));
    lab.sent.clear();
    lab.events = [Vec::new(), Vec::new()];
    [a, b]
}

fn write(lab: &mut Lab, side: usize, id: ConnectionId, bytes: u32) {
    let taken = lab.ends[side].write(lab.now, id, &Slice::filler(1, 0, bytes), run_of(0, true));
    assert_eq!(taken, bytes);
    lab.drain(side);
}

fn state(lab: &Lab, side: usize, id: ConnectionId) -> State {
    lab.ends[side].stats(id).expect("it is there").state
}

/// Times at which `side` has sent, in milliseconds.
fn times(lab: &Lab, side: usize) -> Vec<u64> {
    lab.sent.iter().filter(|sent| sent.1 == side).map(|sent| sent.0.as_millis()).collect()
}

/// Everything sent by `side` from now on is lost.
fn cut(lab: &mut Lab, side: usize) {
    lab.paths[side].loss = 1_000_000;
}

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
    assert_eq!((stats.state, stats.rto), (State::Established, MS(3000)));
    assert_eq!(stats.cwnd, 1448, "one segment (RFC 5681 §3.1)");
}

#[test]
fn data_is_sent_again_after_the_timeout_which_doubles() {
    let mut lab = lab();
    let [a, _] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
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

#[test]
fn nagle_holds_a_small_segment_until_the_last_is_acknowledged() {
    // RFC 9293 §3.7.4.
    for (nagle, expected) in [(true, vec![150, 450]), (false, vec![150, 150, 150])] {
        let mut lab = lab();
        let config = TcpConfig { nagle, ..TcpConfig::default() };
        let [a, _] = established(&mut lab, config, TcpConfig::default());
        for _ in 0..3 {
            write(&mut lab, 0, a, 10);
        }
        lab.run_until(at(600));
        // With it, the second and third go together when the delayed acknowledgment arrives at 450 ms.
        assert_eq!(times(&lab, 0), expected);
    }
}

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
    lab.run_until(at(600));
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
    lab.run_until(at(2000));
    assert_eq!([0, 1].map(|side| state(&lab, side, ids[side])), [State::Established; 2]);
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

/// A segment of side 0, made by hand: `offset` from its next sequence number.
fn forged(lab: &mut Lab, a: ConnectionId, b: ConnectionId, offset: i64, flags: TcpFlags) -> Transmit {
    lab.ends[0].write(lab.now, a, &Slice::filler(9, 0, 1), run_of(9, true));
    let mut transmit = lab.ends[0].poll_transmit(lab.now).expect("it is there");
    let (_, peer) = lab.ends[1].sockets(b).expect("it is there");
    let mut head = header(&transmit);
    assert_eq!(head.source_port, peer.port());
    head.sequence_number = head.sequence_number.wrapping_add(offset as u32);
    head.flags = flags;
    let len = head.len();
    let pseudo = wire::checksum::pseudo_header(
        transmit.source,
        transmit.destination,
        wire::ip::IpProtocol::TCP,
        len as u32,
    );
    transmit.packet.take_payload();
    transmit.packet.account.runs.clear();
    head.emit(transmit.packet.header_mut(), pseudo);
    transmit
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
        assert_eq!(lab.ends[0].stats(a).unwrap().counters.timers_fired[0], 0, "no timeout");
    }
}

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

#[test]
fn marks_halve_the_window_once_and_are_echoed_until_answered() {
    // RFC 3168 §6.1.2 and §6.1.3.
    let mut lab = lab();
    let config = TcpConfig { ecn: true, ..TcpConfig::default() };
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
        size_of::<transport::tcp::TcpConnection>() <= 1400,
        "{}",
        size_of::<transport::tcp::TcpConnection>()
    );
}
