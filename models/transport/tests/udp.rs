//! UDP endpoints: what reaches which socket, and what is dropped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim_core::SimTime;
use transport::endpoint::{Endpoint, IcmpError, InterfaceId, NetworkEvent, Received, Transmit};
use transport::udp::{SendOptions, SocketId, SocketOptions, UdpEndpoint, UdpError, UdpEvent};
use wire::account::{FlowId, Protocol, Reason, Run, Runs};
use wire::packet::Packet;
use wire::payload::{Payload, Slice};

const NOW: SimTime = SimTime::ZERO;

fn endpoint(seed: u64) -> UdpEndpoint {
    UdpEndpoint::new(ChaCha8Rng::seed_from_u64(seed))
}

fn host(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

fn runs(bytes: u32) -> Runs {
    let run = Run {
        bytes,
        flow: FlowId(7),
        message: 3,
        generated: NOW,
        protocol: Protocol::Application,
        reason: Reason::Data,
        last: true,
    };
    [run].into_iter().collect()
}

fn options(source: IpAddr) -> SendOptions {
    SendOptions { source: Some(source), ..SendOptions::default() }
}

fn deliver(to: &mut UdpEndpoint, mut transmit: Transmit) {
    let received = Received {
        source: transmit.source,
        destination: transmit.destination,
        interface: InterfaceId(0),
        hop_limit: 64,
        traffic_class: transmit.traffic_class,
        packet: &mut transmit.packet,
    };
    to.handle_datagram(NOW, received);
}

fn send(from: &mut UdpEndpoint, id: SocketId, to: SocketAddr, source: IpAddr, payload: Payload) -> Transmit {
    let len = payload.len();
    from.send(id, Some(to), payload, runs(len), &options(source)).expect("the socket is open");
    from.poll_transmit(NOW).expect("it was sent")
}

/// The sockets that the datagrams went to, in order.
fn sockets(endpoint: &mut UdpEndpoint) -> Vec<SocketId> {
    let mut sockets = Vec::new();
    while let Some(event) = endpoint.poll_event() {
        if let UdpEvent::Received { socket, .. } = event {
            sockets.push(socket);
        }
    }
    sockets
}

#[test]
fn a_datagram_arrives_with_its_bytes_runs_and_addresses() {
    let (mut a, mut b) = (endpoint(1), endpoint(2));
    let client = a.bind(None, 0, SocketOptions::default()).unwrap();
    let server = b.bind(None, 5683, SocketOptions::default()).unwrap();
    let payload = Payload::from_bytes(b"hello".to_vec());
    let transmit = send(&mut a, client, SocketAddr::new(host(2), 5683), host(1), payload.clone());
    assert_eq!(transmit.packet.account.headers()[0].protocol, Protocol::Udp);
    assert_eq!(transmit.packet.account.flow, FlowId(7));
    deliver(&mut b, transmit);
    let Some(UdpEvent::Received { socket, source, destination, payload: got, runs: whose, .. }) =
        b.poll_event()
    else {
        panic!("a datagram was received");
    };
    assert_eq!((socket, source), (server, SocketAddr::new(host(1), a.port(client).unwrap())));
    assert_eq!((destination, got, whose), (host(2), payload, runs(5)));
}

#[test]
fn a_datagram_that_no_socket_takes_is_left_as_it_came() {
    let (mut a, mut b) = (endpoint(1), endpoint(2));
    let client = a.bind(None, 1000, SocketOptions::default()).unwrap();
    let to = SocketAddr::new(host(2), 2000);
    let mut transmit = send(&mut a, client, to, host(1), Payload::from_bytes(b"hello".to_vec()));
    let came = transmit.packet.to_vec();
    let received = Received {
        source: transmit.source,
        destination: transmit.destination,
        interface: InterfaceId(0),
        hop_limit: 64,
        traffic_class: 0,
        packet: &mut transmit.packet,
    };
    b.handle_datagram(NOW, received);
    assert_eq!((b.counters().no_socket, transmit.packet.to_vec()), (1, came));
}

#[test]
fn the_checksum_is_that_of_rfc_768() {
    // 0a00+0001+0a00+0002+0011+000a = 141e; c000+1633+000a = d63d; +0102: sum eb5d; complement 14a2.
    let mut a = endpoint(1);
    let client = a.bind(None, 0xc000, SocketOptions::default()).unwrap();
    let to = SocketAddr::new(host(2), 5683);
    let transmit = send(&mut a, client, to, host(1), Payload::from_bytes(vec![1, 2]));
    assert_eq!(transmit.packet.to_vec(), [0xc0, 0, 0x16, 0x33, 0, 10, 0x14, 0xa2, 1, 2]);
}

#[test]
fn the_checksum_of_the_wire_is_right_and_damage_is_found() {
    let (mut a, mut b) = (endpoint(1), endpoint(2));
    let client = a.bind(None, 1000, SocketOptions::default()).unwrap();
    b.bind(None, 2000, SocketOptions::default()).unwrap();
    let to = SocketAddr::new(host(2), 2000);
    for bit in 0..8 * 13 {
        let mut transmit = send(&mut a, client, to, host(1), Payload::from_bytes(b"hello".to_vec()));
        let mut bytes = transmit.packet.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        transmit.packet = Packet::new(Payload::from_bytes(bytes), transmit.packet.account.clone());
        deliver(&mut b, transmit);
    }
    assert_eq!(sockets(&mut b), [], "no damaged datagram got through");
    let counters = b.counters();
    // A length field above the packet's is malformed, all else is a wrong checksum: of 13 bytes, length is
    // 0b0000_0000_0000_1101, so 13 of its bits make it longer, and three shorter (8 less makes 5: malformed).
    assert_eq!((counters.malformed, counters.bad_checksum), (14, 8 * 13 - 14));
}

#[test]
fn damaged_filler_is_found_unless_there_is_no_checksum() {
    let (mut a, mut b) = (endpoint(1), endpoint(2));
    let to = SocketAddr::new(host(2), 2000);
    b.bind(None, 2000, SocketOptions::default()).unwrap();
    let summed = a.bind(None, 1000, SocketOptions::default()).unwrap();
    let plain = a.bind(None, 1001, SocketOptions { checksum: false, ..Default::default() }).unwrap();
    for id in [summed, plain] {
        let mut transmit = send(&mut a, id, to, host(1), Payload::from(Slice::filler(0, 0, 100)));
        transmit.packet.corrupted = true;
        deliver(&mut b, transmit);
    }
    assert_eq!((b.counters().bad_checksum, b.counters().received), (1, 1));
}

#[test]
fn a_zero_checksum_over_ipv6_is_for_sockets_that_ask() {
    let (mut a, mut b) = (endpoint(1), endpoint(2));
    let here = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let client = a.bind(None, 1000, SocketOptions { checksum: false, ..Default::default() }).unwrap();
    b.bind(None, 2000, SocketOptions::default()).unwrap();
    b.bind(None, 2001, SocketOptions { accept_zero_checksum: true, ..Default::default() }).unwrap();
    for port in [2000, 2001] {
        let to = SocketAddr::new(here, port);
        let mut transmit = send(&mut a, client, to, here, Payload::from_bytes(vec![1]));
        assert_ne!(transmit.packet.header()[6..8], [0, 0], "IPv6 always has a checksum");
        transmit.packet.header_mut()[6..8].fill(0);
        deliver(&mut b, transmit);
    }
    assert_eq!((b.counters().bad_checksum, b.counters().received), (1, 1));
}

#[test]
fn the_most_specific_socket_gets_the_datagram() {
    let (mut a, mut b) = (endpoint(1), endpoint(2));
    let shared = SocketOptions { reuse: true, ..Default::default() };
    let from = SocketAddr::new(host(1), 1000);
    let client = a.bind(None, 1000, shared).unwrap();
    let any = b.bind(None, 2000, shared).unwrap();
    let bound = b.bind(Some(host(2)), 2000, shared).unwrap();
    let connected = b.bind(None, 2000, shared).unwrap();
    assert!(b.connect(connected, Some(from)));
    let to = |last| SocketAddr::new(host(last), 2000);
    let transmit = send(&mut a, client, to(2), host(1), Payload::empty());
    deliver(&mut b, transmit.clone());
    assert_eq!(sockets(&mut b), [connected]);
    b.connect(connected, None);
    b.close(connected);
    deliver(&mut b, transmit.clone());
    assert_eq!(sockets(&mut b), [bound]);
    let transmit = send(&mut a, client, to(3), host(1), Payload::empty());
    deliver(&mut b, transmit.clone());
    assert_eq!(sockets(&mut b), [any]);
    b.close(any);
    deliver(&mut b, transmit);
    assert_eq!((sockets(&mut b), b.counters().no_socket), (vec![], 1));
}

#[test]
fn every_member_of_a_group_gets_a_copy() {
    let (mut a, mut b) = (endpoint(1), endpoint(2));
    let shared = SocketOptions { reuse: true, ..Default::default() };
    let group = IpAddr::V4(Ipv4Addr::new(224, 0, 1, 187));
    let client = a.bind(None, 1000, shared).unwrap();
    let ids: Vec<_> = (0..3).map(|_| b.bind(None, 5683, shared).unwrap()).collect();
    b.join(ids[0], group);
    b.join(ids[2], group);
    let transmit = send(&mut a, client, SocketAddr::new(group, 5683), host(1), Payload::from_bytes(vec![1]));
    deliver(&mut b, transmit.clone());
    assert_eq!(sockets(&mut b), [ids[0], ids[2]]);
    b.leave(ids[0], group);
    deliver(&mut b, transmit);
    assert_eq!(sockets(&mut b), [ids[2]]);
}

#[test]
fn an_icmp_error_reaches_the_socket_that_sent() {
    let mut a = endpoint(1);
    let client = a.bind(None, 1000, SocketOptions::default()).unwrap();
    let to = SocketAddr::new(host(2), 2000);
    let transmit = send(&mut a, client, to, host(1), Payload::empty());
    let icmp = |quoted| NetworkEvent::Icmp {
        error: IcmpError::PortUnreachable,
        source: host(1),
        destination: host(2),
        quoted,
    };
    a.handle_network(NOW, &icmp(vec![1, 2]));
    assert_eq!(a.poll_event(), None, "too little was quoted");
    a.handle_network(NOW, &icmp(transmit.packet.header().to_vec()));
    let error = UdpEvent::Error { socket: client, destination: to, error: IcmpError::PortUnreachable };
    assert_eq!(a.poll_event(), Some(error));
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    let mut a = endpoint(1);
    let id = a.bind(None, 1000, SocketOptions::default()).unwrap();
    assert_eq!(a.bind(None, 1000, SocketOptions::default()), Err(UdpError::PortInUse(1000)));
    let defaults = SendOptions::default();
    let nowhere = a.send(id, None, Payload::empty(), Runs::new(), &defaults);
    assert_eq!(nowhere, Err(UdpError::NoDestination));
    let to = Some(SocketAddr::new(host(2), 1));
    for (address, longest) in [(host(2), 65_507), (IpAddr::V6(Ipv6Addr::LOCALHOST), 65_527)] {
        let to = Some(SocketAddr::new(address, 1));
        let filler = |len| Payload::from(Slice::filler(0, 0, len));
        assert_eq!(a.send(id, to, filler(longest), runs(longest), &defaults), Ok(()));
        let over = longest + 1;
        assert_eq!(a.send(id, to, filler(over), runs(over), &defaults), Err(UdpError::TooLong(over)));
    }
    let wrong = a.send(id, to, Payload::empty(), runs(1), &defaults);
    assert_eq!(wrong, Err(UdpError::Runs { runs: 1, payload: 0 }));
    a.close(id);
    assert_eq!(a.send(id, to, Payload::empty(), Runs::new(), &defaults), Err(UdpError::Closed));
    let again = a.bind(None, 1000, SocketOptions::default()).unwrap();
    assert_ne!(again, id, "an id is never used again");
}

#[test]
fn a_full_queue_drops_and_counts() {
    let (mut a, mut b) = (endpoint(1), endpoint(2));
    let client = a.bind(None, 1000, SocketOptions::default()).unwrap();
    b.bind(None, 2000, SocketOptions::default()).unwrap();
    b.set_events_max(2);
    for _ in 0..5 {
        let to = SocketAddr::new(host(2), 2000);
        let transmit = send(&mut a, client, to, host(1), Payload::empty());
        deliver(&mut b, transmit);
    }
    assert_eq!((b.counters().received, b.counters().queue_full), (2, 3));
}

#[test]
fn no_bytes_make_the_endpoint_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut b = endpoint(2);
    b.bind(None, 0, SocketOptions::default()).unwrap();
    for _ in 0..20_000 {
        let len = rng.next_u32() as usize % 40;
        let mut bytes: Vec<u8> = (0..len).map(|_| rng.next_u32() as u8).collect();
        if len >= 8 && rng.next_u32().is_multiple_of(2) {
            let claimed = rng.next_u32() % (len as u32 + 2);
            bytes[4..6].copy_from_slice(&(claimed as u16).to_be_bytes());
            if rng.next_u32().is_multiple_of(2) {
                bytes[6..8].fill(0);
            }
        }
        let mut packet = Packet::new(Payload::from_bytes(bytes), wire::account::Account::default());
        let received = Received {
            source: host(1),
            destination: host(2),
            interface: InterfaceId(0),
            hop_limit: 1,
            traffic_class: 0,
            packet: &mut packet,
        };
        b.handle_datagram(NOW, received);
    }
    let counters = b.counters();
    assert!(counters.malformed > 0 && counters.bad_checksum > 0 && counters.no_socket > 0, "{counters:?}");
}
