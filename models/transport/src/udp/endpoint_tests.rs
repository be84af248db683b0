//! Two endpoints joined back to back.

use super::*;
use crate::endpoint::InterfaceId;
use rand::SeedableRng;
use wire::account::Run;
use wire::payload::Slice;

fn endpoint() -> UdpEndpoint {
    UdpEndpoint::new(ChaCha8Rng::seed_from_u64(7))
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn runs(bytes: u32) -> Runs {
    let run = Run {
        bytes,
        flow: FlowId(2),
        message: 9,
        generated: SimTime::ZERO,
        protocol: Protocol::Application,
        reason: Reason::Data,
        last: true,
    };
    Runs::from_elem(run, 1)
}

fn deliver(to: &mut UdpEndpoint, transmit: Transmit) {
    let mut packet = transmit.packet;
    let received = Received {
        source: transmit.source,
        destination: transmit.destination,
        interface: InterfaceId(0),
        hop_limit: 64,
        traffic_class: 0,
        packet: &mut packet,
    };
    to.handle_datagram(SimTime::ZERO, received);
}

#[test]
fn a_datagram_arrives_with_its_bytes_and_their_owner() {
    for (from, to) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        let (mut a, mut b) = (endpoint(), endpoint());
        let client = a.bind(None, None, UdpConfig::default()).unwrap();
        let server = b.bind(None, Some(5683), UdpConfig::default()).unwrap();
        let payload = Payload::from_bytes(vec![1, 2, 3]);
        assert!(a.send(client, address(from), (address(to), 5683), payload.clone(), runs(3)));
        let transmit = a.poll_transmit(SimTime::ZERO).unwrap();
        assert_eq!(transmit.packet.len(), 11);
        deliver(&mut b, transmit);
        let Some(UdpEvent::Received { socket, source, payload: got, runs: owner, .. }) = b.poll_event() else {
            panic!("nothing arrived from {from}");
        };
        assert_eq!((socket, source), (server, (address(from), a.port(client).unwrap())));
        assert_eq!((got, owner), (payload, runs(3)));
    }
}

#[test]
fn the_checksum_is_that_of_rfc_768() {
    // Pseudo-header 0a00 0001 0a00 0002 0011 000a, header c000 1633 000a 0000, data 0102:
    // 0a00+0001+0a00+0002+0011+000a = 141e; c000+1633+000a = d63d; +0102: sum eb5d; complement 14a2.
    let mut a = endpoint();
    let socket = a.bind(None, Some(0xc000), UdpConfig::default()).unwrap();
    a.send(socket, address("10.0.0.1"), (address("10.0.0.2"), 5683), Payload::from_bytes(vec![1, 2]), runs(2));
    let packet = a.poll_transmit(SimTime::ZERO).unwrap().packet;
    assert_eq!(packet.to_vec(), [0xc0, 0, 0x16, 0x33, 0, 10, 0x14, 0xa2, 1, 2]);
}

#[test]
fn damage_is_found_unless_the_sender_left_the_checksum_out() {
    for (checksum, received) in [(true, 0), (false, 1)] {
        let (mut a, mut b) = (endpoint(), endpoint());
        let socket = a.bind(None, None, UdpConfig { checksum, ..UdpConfig::default() }).unwrap();
        b.bind(None, Some(7), UdpConfig::default()).unwrap();
        a.send(socket, address("10.0.0.1"), (address("10.0.0.2"), 7), Payload::from_bytes(vec![1, 2, 3]), runs(3));
        let mut transmit = a.poll_transmit(SimTime::ZERO).unwrap();
        transmit.packet.set_payload(Payload::from_bytes(vec![1, 2, 7]));
        deliver(&mut b, transmit);
        assert_eq!(b.counters().received, received);
        assert_eq!(b.counters().bad_checksum, 1 - received);
    }
}

#[test]
fn over_ipv6_a_datagram_without_checksum_is_dropped() {
    let (mut a, mut b) = (endpoint(), endpoint());
    let socket = a.bind(None, None, UdpConfig { checksum: false, ..UdpConfig::default() }).unwrap();
    b.bind(None, Some(7), UdpConfig::default()).unwrap();
    a.send(socket, address("fd00::1"), (address("fd00::2"), 7), Payload::empty(), Runs::new());
    let mut transmit = a.poll_transmit(SimTime::ZERO).unwrap();
    assert_ne!(transmit.packet.header()[6..8], [0, 0], "the sender computes it all the same");
    transmit.packet.header_mut()[6..8].fill(0);
    deliver(&mut b, transmit);
    assert_eq!(b.counters().bad_checksum, 1);
}

#[test]
fn the_more_specific_socket_takes_the_datagram_and_a_group_reaches_all() {
    let (mut a, mut b) = (endpoint(), endpoint());
    let socket = a.bind(None, None, UdpConfig::default()).unwrap();
    let wild = b.bind(None, Some(7), UdpConfig::default()).unwrap();
    let exact = b.bind(Some(address("10.0.0.2")), Some(7), UdpConfig::default()).unwrap();
    let group = b.bind(Some(address("224.0.1.187")), Some(7), UdpConfig::default()).unwrap();
    assert_eq!(b.bind(None, Some(7), UdpConfig::default()), Err(BindError::PortInUse(7)));
    for (to, expected) in [("10.0.0.2", vec![exact]), ("10.0.0.9", vec![wild]), ("224.0.1.187", vec![wild, group])] {
        a.send(socket, address("10.0.0.1"), (address(to), 7), Payload::empty(), Runs::new());
        deliver(&mut b, a.poll_transmit(SimTime::ZERO).unwrap());
        let seen: Vec<_> = std::iter::from_fn(|| b.poll_event()).map(|event| event.socket()).collect();
        assert_eq!(seen, expected, "to {to}");
    }
}

#[test]
fn malformed_datagrams_are_counted_and_dropped() {
    let mut b = endpoint();
    b.bind(None, Some(7), UdpConfig::default()).unwrap();
    for bytes in [vec![], vec![0; 7], vec![0, 1, 0, 7, 0, 7, 0, 0], vec![0, 1, 0, 7, 0, 9, 0, 0]] {
        let mut packet = Packet::new(Payload::from_bytes(bytes), Account::default());
        let received = Received {
            source: address("10.0.0.1"),
            destination: address("10.0.0.2"),
            interface: InterfaceId(0),
            hop_limit: 64,
            traffic_class: 0,
            packet: &mut packet,
        };
        b.handle_datagram(SimTime::ZERO, received);
    }
    assert_eq!(b.counters().malformed, 4);
}

#[test]
fn an_icmp_error_reaches_the_socket_that_caused_it() {
    let mut a = endpoint();
    let socket = a.bind(None, Some(4000), UdpConfig::default()).unwrap();
    let event = NetworkEvent::Icmp {
        error: IcmpError::PortUnreachable,
        source: address("10.0.0.1"),
        destination: address("10.0.0.2"),
        quoted: vec![0x0f, 0xa0, 0, 7, 0, 8, 0, 0],
    };
    a.handle_network(SimTime::ZERO, &event);
    let Some(UdpEvent::Error { socket: told, destination, error }) = a.poll_event() else { panic!("no event") };
    assert_eq!((told, destination, error), (socket, (address("10.0.0.2"), 7), IcmpError::PortUnreachable));
}

#[test]
fn a_datagram_longer_than_a_packet_is_refused() {
    let mut a = endpoint();
    let socket = a.bind(None, None, UdpConfig::default()).unwrap();
    let mut send = |to: &str, len: u32| {
        let from = if to.contains(':') { "fd00::1" } else { "10.0.0.1" };
        a.send(socket, address(from), (address(to), 7), Payload::from(Slice::filler(0, 0, len)), runs(len))
    };
    assert!(send("10.0.0.2", 65_507));
    assert!(!send("10.0.0.2", 65_508));
    assert!(send("fd00::2", 65_527));
    assert!(!send("fd00::2", 65_528));
}
