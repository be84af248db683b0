//! Rules about opening connections: queues, cookies, data in SYNs, Fast Open.

mod lab;

use std::net::SocketAddr;
use std::sync::Arc;

use lab::script::{at, change, cut, established, header, lab, state, write};
use lab::{Lab, PORT, address, run_of};
use transport::endpoint::{Endpoint, IcmpError, NetworkEvent, Transmit};
use transport::tcp::{ConnectionId, ListenerConfig, ListenerId, State, SynCookies, TcpConfig, TcpEvent};
use wire::account::Account;
use wire::packet::Packet;
use wire::payload::{Payload, Slice};
use wire::tcp::TcpFlags;
use wire::tcp_options::{FastOpenCookie, TcpOption, TcpOptions};

fn listen(lab: &mut Lab, config: &TcpConfig, backlog: u32) -> ListenerId {
    lab.ends[1]
        .listen(SocketAddr::new(address(1), PORT), Arc::new(config.clone()), backlog)
        .expect("the port is free")
}

fn connect(lab: &mut Lab, config: &TcpConfig) -> ConnectionId {
    let (from, to) = (SocketAddr::new(address(0), 0), SocketAddr::new(address(1), PORT));
    let id = lab.ends[0].connect(lab.now, from, to, Arc::new(config.clone())).expect("a port is free");
    lab.drain(0);
    id
}

fn with(listener: ListenerConfig) -> TcpConfig {
    TcpConfig { listener, ..TcpConfig::default() }
}

fn cookies(syn_cookies: SynCookies) -> TcpConfig {
    with(ListenerConfig { syn_cookies, ..ListenerConfig::default() })
}

fn accepted(lab: &Lab) -> Vec<ConnectionId> {
    let ids = lab.events[1].iter().filter_map(|event| match event {
        TcpEvent::Accepted { id, .. } => Some(*id),
        _ => None,
    });
    ids.collect()
}

/// The same segment with these bytes.
fn carrying(transmit: &Transmit, bytes: &[u8], alter: impl FnOnce(&mut wire::tcp::Header)) -> Transmit {
    let mut head = header(transmit);
    alter(&mut head);
    let mut filled = transmit.clone();
    filled.packet = Packet::new(Payload::from_bytes(bytes.to_vec()), Account::default());
    let length = head.len() as u32 + bytes.len() as u32;
    let protocol = wire::ip::IpProtocol::TCP;
    let pseudo = wire::checksum::pseudo_header(transmit.source, transmit.destination, protocol, length);
    let rest = pseudo + filled.packet.payload().sum();
    head.emit(filled.packet.push_header(head.len()), rest);
    filled
}

#[test]
fn a_cookie_keeps_nothing_and_remembers_what_a_timestamp_can_hold() {
    // RFC 4987 §3.6.
    for timestamps in [true, false] {
        let mut lab = lab();
        let server = TcpConfig { timestamps, ..cookies(SynCookies::Always) };
        listen(&mut lab, &server, 1);
        let a = connect(&mut lab, &TcpConfig { timestamps, ..TcpConfig::default() });
        lab.run_until(at(60));
        assert_eq!((lab.ends[1].connections(), lab.ends[1].half_open().connections), (0, 0));
        lab.run_until(at(200));
        let [b] = accepted(&lab)[..] else { panic!("accepted once") };
        let answer = header(&lab.sent[1].2);
        assert_eq!(answer.flags, TcpFlags::SYN | TcpFlags::ACK);
        let sack = answer.options.iter().any(|option| option == TcpOption::SackPermitted);
        assert_eq!(sack, timestamps, "SACK and scaling only where a timestamp remembers them");
        write(&mut lab, 0, a, 100_000);
        write(&mut lab, 1, b, 100_000);
        for step in 0..100 {
            lab.run_until(at(200 + 20 * step));
            lab.ends[1].read(lab.now, b, u32::MAX);
        }
        assert_eq!(lab.ends[0].readable(a), 100_000);
        assert_eq!(lab.ends[1].stats(b).unwrap().counters.bytes_received, 100_000);
        assert_eq!(lab.ends[0].stats(a).unwrap().peer_window > 65_535, timestamps);
        // 1460 announced and the largest size that a cookie can hold.
        assert_eq!(lab.ends[1].stats(b).unwrap().segment_payload, if timestamps { 1448 } else { 1460 });
        let counters = lab.ends[1].counters();
        assert_eq!((counters.cookies_sent, counters.cookies_accepted, counters.cookies_failed), (1, 1, 0));
    }
}

#[test]
fn a_full_syn_queue_turns_to_cookies() {
    let mut lab = lab();
    listen(&mut lab, &cookies(SynCookies::WhenFull), 2);
    cut(&mut lab, 1);
    for _ in 0..5 {
        connect(&mut lab, &TcpConfig::default());
    }
    lab.run_until(at(60));
    let counters = lab.ends[1].counters();
    assert_eq!((counters.cookies_sent, counters.backlog_full, counters.half_open_max), (3, 0, 2));
    let held = lab.ends[1].half_open();
    assert_eq!(held.connections, 2);
    assert!((2 * 500..2 * 2048).contains(&held.bytes), "{held:?}");
    // All are answered once the way back is open: two from the queue, three by cookies.
    lab.paths[1].loss = 0;
    lab.run_until(at(4000));
    assert_eq!(accepted(&lab).len(), 5);
    assert_eq!(lab.ends[1].half_open().connections, 0);
}

#[test]
fn an_acknowledgment_that_is_no_cookie_is_reset() {
    let mut lab = lab();
    listen(&mut lab, &cookies(SynCookies::Always), 1);
    connect(&mut lab, &TcpConfig::default());
    lab.run_until(at(110));
    let mut forged = lab.sent.last().unwrap().2.clone();
    assert_eq!(header(&forged).flags, TcpFlags::ACK);
    change(&mut forged, |head| {
        head.source_port = 9;
        head.acknowledgment_number = head.acknowledgment_number.wrapping_add(1);
    });
    lab.deliver(1, forged);
    lab.drain(1);
    assert_eq!(lab.ends[1].counters().cookies_failed, 1);
    assert_eq!(header(&lab.sent.last().unwrap().2).flags, TcpFlags::RST);
    assert_eq!(lab.ends[1].connections(), 0);
}

#[test]
fn while_the_accept_queue_is_full_handshakes_do_not_end() {
    let mut lab = lab();
    let on_demand = ListenerConfig { on_demand: true, accept_queue: 1, ..ListenerConfig::default() };
    let listener = listen(&mut lab, &with(on_demand), 16);
    let first = connect(&mut lab, &TcpConfig::default());
    let second = connect(&mut lab, &TcpConfig::default());
    lab.run_until(at(200));
    // Both think that they are connected; the second's acknowledgment was not heard.
    assert_eq!([first, second].map(|id| state(&lab, 0, id)), [State::Established; 2]);
    assert_eq!(lab.events[1], [TcpEvent::Acceptable(listener)]);
    assert_eq!((lab.ends[1].half_open().connections, lab.ends[1].counters().accept_queue_full), (1, 1));
    connect(&mut lab, &TcpConfig::default());
    lab.run_until(at(300));
    assert_eq!(lab.ends[1].counters().accept_queue_full, 2, "a third SYN is dropped");
    write(&mut lab, 0, first, 10);
    lab.run_until(at(400));
    assert_eq!(
        lab.events[1],
        [TcpEvent::Acceptable(listener)],
        "nobody is told of a connection not accepted"
    );
    let b = lab.ends[1].accept(listener).expect("one waits");
    lab.drain(1);
    assert_eq!(lab.events[1].last(), Some(&TcpEvent::Readable(b)));
    assert_eq!((lab.ends[1].readable(b), lab.ends[1].accept(listener)), (10, None));
    // The SYN-ACK goes again a second after the first; its acknowledgment counts now.
    lab.run_until(at(1200));
    assert_eq!(lab.events[1].last(), Some(&TcpEvent::Acceptable(listener)));
    assert!(lab.ends[1].accept(listener).is_some());
}

#[test]
fn data_in_a_syn_waits_for_the_handshakes_end() {
    // RFC 9293 §3.10.7.2: it is queued, and processed once the connection is established.
    let mut lab = lab();
    let plain = TcpConfig { timestamps: false, ..TcpConfig::default() };
    listen(&mut lab, &plain, 4);
    let (from, to) = (SocketAddr::new(address(0), 0), SocketAddr::new(address(1), PORT));
    lab.ends[0].connect(lab.now, from, to, Arc::new(plain)).unwrap();
    let syn = lab.ends[0].poll_transmit(lab.now).unwrap();
    let loaded = carrying(&syn, b"hello", |_| {});
    lab.deliver(1, loaded.clone());
    let answer = header(&lab.ends[1].poll_transmit(lab.now).expect("a SYN-ACK"));
    assert_eq!(answer.acknowledgment_number, header(&syn).sequence_number.wrapping_add(6));
    assert_eq!(lab.ends[1].poll_event(), None);
    lab.deliver(1, loaded); // Again: the same answer.
    let again = header(&lab.ends[1].poll_transmit(lab.now).expect("a SYN-ACK"));
    assert_eq!((again.flags, again.acknowledgment_number), (answer.flags, answer.acknowledgment_number));
    let ack = carrying(&syn, b"", |head| {
        head.flags = TcpFlags::ACK;
        head.options = TcpOptions::EMPTY;
        head.sequence_number = head.sequence_number.wrapping_add(6);
        head.acknowledgment_number = answer.sequence_number.wrapping_add(1);
    });
    lab.deliver(1, ack);
    lab.drain(1);
    let [b] = accepted(&lab)[..] else { panic!("{:?}", lab.events[1]) };
    assert_eq!(lab.events[1][1], TcpEvent::Readable(b));
    assert_eq!(lab.ends[1].read(lab.now, b, 100).0.to_vec(), b"hello");
}

fn fast() -> TcpConfig {
    let listener = ListenerConfig { fast_open: 8, ..ListenerConfig::default() };
    TcpConfig { fast_open: true, listener, ..TcpConfig::default() }
}

/// A client that has a cookie of the server.
fn acquainted() -> Lab {
    let mut lab = lab();
    let [a, b] = established(&mut lab, fast(), fast());
    lab.ends[0].abort(lab.now, a);
    lab.drain(0);
    lab.run_until(at(300));
    lab.ends[1].handle_timeout(lab.now);
    assert_eq!(lab.ends[1].stats(b), None);
    lab.sent.clear();
    lab.events = [Vec::new(), Vec::new()];
    lab
}

#[test]
fn with_a_cookie_data_goes_in_the_syn_and_the_answer_comes_a_round_trip_sooner() {
    // RFC 7413 §4.2.
    let mut lab = acquainted();
    let a = connect(&mut lab, &fast());
    assert_eq!((&lab.events[0], lab.sent.len()), (&vec![TcpEvent::Connected(a)], 0), "it waits for data");
    write(&mut lab, 0, a, 100);
    let syn = &lab.sent[0].2;
    assert_eq!((header(syn).flags, syn.packet.payload_len()), (TcpFlags::SYN, 100));
    lab.run_until(at(350));
    let [b] = accepted(&lab)[..] else { panic!("accepted by the SYN alone") };
    assert_eq!((state(&lab, 1, b), lab.ends[1].readable(b)), (State::SynReceived, 100));
    write(&mut lab, 1, b, 200);
    lab.run_until(at(400));
    assert_eq!(lab.ends[0].readable(a), 200, "one round trip after the connection was asked for");
    lab.run_until(at(1000));
    assert_eq!([state(&lab, 0, a), state(&lab, 1, b)], [State::Established; 2]);
    assert!(lab.sent.iter().all(|sent| !sent.2.packet.account.retransmission));
    let [left, right] = [(0, a), (1, b)].map(|(side, id)| lab.ends[side].stats(id).unwrap());
    assert_eq!((left.counters.bytes_acknowledged, right.counters.bytes_acknowledged), (100, 200));
    assert_eq!(lab.ends[1].counters().fast_open_accepted, 1);
    assert_eq!(lab.events[0].iter().filter(|event| **event == TcpEvent::Connected(a)).count(), 1);
    assert_eq!(lab.ends[1].half_open().connections, 0);
    // And it closes as any other does.
    lab.ends[0].shutdown(lab.now, a);
    lab.drain(0);
    lab.ends[1].read(lab.now, b, 1000);
    lab.run_until(at(1100));
    lab.ends[1].shutdown(lab.now, b);
    lab.drain(1);
    lab.run_until(at(1500));
    assert_eq!(state(&lab, 0, a), State::TimeWait);
}

#[test]
fn data_behind_a_cookie_that_is_not_the_servers_is_sent_again_after_the_handshake() {
    let mut lab = acquainted();
    let (from, to) = (SocketAddr::new(address(0), 0), SocketAddr::new(address(1), PORT));
    let a = lab.ends[0].connect(lab.now, from, to, Arc::new(fast())).unwrap();
    lab.ends[0].write(lab.now, a, &Slice::filler(1, 0, 100), run_of(0, true));
    let mut syn = lab.ends[0].poll_transmit(lab.now).unwrap();
    change(&mut syn, |head| {
        let mut options = TcpOptions::EMPTY;
        for option in head.options.iter() {
            let other = TcpOption::FastOpen(FastOpenCookie::new(&[7; 8]).unwrap());
            let is_cookie = matches!(option, TcpOption::FastOpen(_));
            options.try_push(if is_cookie { other } else { option }).unwrap();
        }
        head.options = options;
    });
    lab.fly(lab.now, 0, syn);
    lab.run_until(at(301));
    assert_eq!((accepted(&lab).len(), lab.ends[1].counters().fast_open_refused), (0, 1));
    lab.run_until(at(1000));
    let [b] = accepted(&lab)[..] else { panic!("accepted") };
    assert_eq!(lab.ends[1].readable(b), 100);
    let again: Vec<_> = lab.sent.iter().filter(|it| it.1 == 0 && it.2.packet.payload_len() > 0).collect();
    assert_eq!(again.len(), 1);
    assert!(again[0].2.packet.account.retransmission, "it is the second time");
}

#[test]
fn a_lost_syn_goes_again_without_data_and_the_cookie_is_forgotten() {
    // RFC 7413 §4.1.3.1 and §4.2.1.
    let mut lab = acquainted();
    cut(&mut lab, 0);
    let a = connect(&mut lab, &fast());
    write(&mut lab, 0, a, 100);
    lab.paths[0].loss = 0;
    lab.run_until(at(2000));
    let syns: Vec<_> = lab.sent.iter().filter(|it| it.1 == 0).take(2).collect();
    assert_eq!(syns.iter().map(|it| it.2.packet.payload_len()).collect::<Vec<_>>(), [100, 0]);
    let [b] = accepted(&lab)[..] else { panic!("accepted") };
    assert_eq!(lab.ends[1].readable(b), 100);
    lab.events[0].clear();
    connect(&mut lab, &fast());
    assert_eq!(lab.events[0], [], "a request for a cookie waits for the handshake");
}

#[test]
fn fast_open_connections_beyond_the_limit_take_the_ordinary_way() {
    // RFC 7413 §5.1.
    let mut lab = acquainted();
    cut(&mut lab, 1);
    for _ in 0..10 {
        let a = connect(&mut lab, &fast());
        write(&mut lab, 0, a, 10);
    }
    lab.run_until(at(360));
    let counters = lab.ends[1].counters();
    assert_eq!((counters.fast_open_accepted, counters.fast_open_refused), (8, 2));
    assert_eq!((accepted(&lab).len(), lab.ends[1].half_open().connections), (8, 10));
}

#[test]
fn a_reset_ends_a_connection_that_fast_open_has_opened() {
    let mut lab = acquainted();
    let a = connect(&mut lab, &fast());
    write(&mut lab, 0, a, 10);
    let syn = lab.sent[0].2.clone();
    lab.run_until(at(350));
    let [b] = accepted(&lab)[..] else { panic!("accepted") };
    let reset = carrying(&syn, b"", |head| {
        head.flags = TcpFlags::RST;
        head.sequence_number = head.sequence_number.wrapping_add(11);
    });
    lab.deliver(1, reset);
    lab.drain(1);
    assert!(matches!(lab.events[1].last(), Some(TcpEvent::Closed { id, .. }) if *id == b));
    assert_eq!(lab.ends[1].half_open().connections, 0);
}

/// Asks for a connection to a port of the server, and writes; the SYN's option, if it has one, and the data that it carries.
fn first_syn(lab: &mut Lab, port: u16) -> (ConnectionId, Option<usize>, u32) {
    let sent = lab.sent.len();
    let (from, to) = (SocketAddr::new(address(0), 0), SocketAddr::new(address(1), port));
    let id = lab.ends[0].connect(lab.now, from, to, Arc::new(fast())).expect("a port is free");
    lab.drain(0);
    write(lab, 0, id, 100);
    let syn = &lab.sent[sent].2;
    let option = header(syn).options.iter().find_map(|option| match option {
        TcpOption::FastOpen(cookie) => Some(cookie.as_bytes().len()),
        _ => None,
    });
    (id, option, syn.packet.payload_len())
}

/// Ends all that is there, and waits.
fn pass_time(lab: &mut Lab, id: ConnectionId, millis: u64) {
    lab.ends[0].abort(lab.now, id);
    lab.drain(0);
    lab.run_until(lab.now + sim_core::SimDuration::from_millis(millis));
    lab.ends[1].handle_timeout(lab.now);
}

const HOUR: u64 = 3_600_000;

#[test]
fn a_path_that_drops_syns_with_data_is_avoided_for_an_hour_and_then_for_two() {
    // RFC 7413 §4.1.3.1: the path is both addresses and the server's port.
    let mut lab = acquainted();
    for hours in [1, 2] {
        cut(&mut lab, 0);
        let (id, option, data) = first_syn(&mut lab, PORT);
        assert_eq!((option, data), (Some(8), 100), "a cookie, and data");
        lab.paths[0].loss = 0;
        lab.run_until(lab.now + sim_core::SimDuration::from_millis(1900));
        assert_eq!(state(&lab, 0, id), State::Established);
        pass_time(&mut lab, id, hours * HOUR - 10_000);
        let (id, option, data) = first_syn(&mut lab, PORT);
        assert_eq!((option, data), (None, 0), "nor does it ask for a cookie, {hours} h");
        pass_time(&mut lab, id, 1000);
        let (id, option, _) = first_syn(&mut lab, PORT + 1);
        assert_eq!(option, Some(0), "on another port it asks for one: the old one is forgotten");
        pass_time(&mut lab, id, 10_000);
        let (id, option, data) = first_syn(&mut lab, PORT);
        assert_eq!((option, data), (Some(0), 0), "after {hours} h it asks for a cookie");
        lab.run_until(lab.now + sim_core::SimDuration::from_millis(300));
        pass_time(&mut lab, id, 1000);
    }
    // Data that gets through is the end of that: the next failure is the first again.
    let (id, option, data) = first_syn(&mut lab, PORT);
    assert_eq!((option, data), (Some(8), 100));
    lab.run_until(lab.now + sim_core::SimDuration::from_millis(300));
    pass_time(&mut lab, id, 1000);
    cut(&mut lab, 0);
    let (id, ..) = first_syn(&mut lab, PORT);
    lab.paths[0].loss = 0;
    lab.run_until(lab.now + sim_core::SimDuration::from_millis(1900));
    pass_time(&mut lab, id, HOUR);
    assert_eq!(first_syn(&mut lab, PORT).1, Some(0));
}

#[test]
fn no_answer_at_all_and_an_icmp_error_count_against_the_path() {
    // RFC 7413 §4.1.3.1.
    let mut lab = acquainted();
    cut(&mut lab, 0);
    let (id, ..) = first_syn(&mut lab, PORT);
    lab.run_until(lab.now + sim_core::SimDuration::from_secs(600));
    assert!(
        lab.events[0]
            .iter()
            .any(|event| matches!(event, TcpEvent::Closed { id: closed, .. } if *closed == id))
    );
    lab.paths[0].loss = 0;
    assert_eq!(first_syn(&mut lab, PORT).1, None);

    let mut lab = acquainted();
    cut(&mut lab, 0);
    let (id, ..) = first_syn(&mut lab, PORT);
    let quoted = lab.sent.last().unwrap().2.packet.header()[..8].to_vec();
    let (error, source, destination) = (IcmpError::TimeExceeded, address(0), address(1));
    lab.ends[0].handle_network(lab.now, &NetworkEvent::Icmp { error, source, destination, quoted });
    lab.paths[0].loss = 0;
    pass_time(&mut lab, id, 1000);
    assert_eq!(first_syn(&mut lab, PORT).1, None);
}

#[test]
fn an_answer_without_the_data_counts_against_the_path_unless_it_brings_a_cookie() {
    // RFC 7413 §4.1.3.1: not acknowledging the data is a negative response; a new cookie for an old one is none.
    for renewed in [false, true] {
        let mut lab = acquainted();
        cut(&mut lab, 1);
        let (id, ..) = first_syn(&mut lab, PORT);
        lab.run_until(lab.now + sim_core::SimDuration::from_millis(60));
        let mut answer = lab.sent.iter().find(|it| it.1 == 1).unwrap().2.clone();
        change(&mut answer, |head| {
            head.acknowledgment_number = head.acknowledgment_number.wrapping_sub(100);
            let mut options = TcpOptions::EMPTY;
            head.options.iter().for_each(|option| options.try_push(option).unwrap());
            if renewed {
                let cookie = FastOpenCookie::new(&[7; 8]).unwrap();
                options.try_push(TcpOption::FastOpen(cookie)).unwrap();
            }
            head.options = options;
        });
        lab.deliver(0, answer);
        assert_eq!(state(&lab, 0, id), State::Established);
        lab.paths[1].loss = 0;
        pass_time(&mut lab, id, 1000);
        assert_eq!(first_syn(&mut lab, PORT).1, renewed.then_some(8), "renewed: {renewed}");
    }
}
