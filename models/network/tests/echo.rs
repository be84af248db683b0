//! Echo requests and their answers.

mod lab;

use lab::*;
use network::builder::{NetworkBuilder, NodeKey};
use network::link::Direction;
use std::net::IpAddr;
use wire::account::{Account, FlowId, Protocol, Reason};
use wire::checksum::pseudo_header;
use wire::icmp::Echo;
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::{icmp, icmpv6, ipv4, ipv6};

fn pair() -> (NetworkBuilder, [NodeKey; 2]) {
    let mut builder = NetworkBuilder::new();
    let nodes = [builder.add_node("a", false), builder.add_node("r", true)];
    let ends = [(0, 1), (1, 2)].map(|(node, host): (usize, u8)| {
        let addresses = [prefix(&format!("10.0.0.{host}/24")), prefix(&format!("fd00::{host}/64"))];
        builder.add_port(nodes[node], "0", &addresses)
    });
    let link = Direction::new(mbit(10), millis(1));
    builder.connect("a-r", ends, link.clone(), link);
    (builder, nodes)
}

fn request(from: &str, to: &str, echo: Echo, body: &[u8]) -> Packet {
    let body = Payload::from_bytes(body);
    let sum = body.sum();
    let mut packet = Packet::new(body, Account::new(FlowId::NONE, Reason::Control));
    let len = packet.len() + icmp::HEADER_LEN;
    match (ip(from), ip(to)) {
        (IpAddr::V4(source), IpAddr::V4(to)) => {
            icmp::Header::EchoRequest(echo).emit(packet.push_header(icmp::HEADER_LEN), sum);
            let header = ipv4::Header::new(source, to, IpProtocol::ICMP, len).expect("it is short");
            header.emit(packet.push_header(ipv4::HEADER_LEN));
            packet.account.push_header(Protocol::Icmp, icmp::HEADER_LEN);
        }
        (IpAddr::V6(source), IpAddr::V6(to)) => {
            let pseudo = pseudo_header(source.into(), to.into(), IpProtocol::ICMPV6, len as u32);
            icmpv6::Header::EchoRequest(echo).emit(packet.push_header(icmpv6::HEADER_LEN), pseudo + sum);
            let header = ipv6::Header::new(source, to, IpProtocol::ICMPV6, len as u16);
            header.emit(packet.push_header(ipv6::HEADER_LEN));
            packet.account.push_header(Protocol::Icmpv6, icmpv6::HEADER_LEN);
        }
        _ => panic!("addresses of two families"),
    }
    packet
}

/// Sends the request from a to r, lets r answer, and returns whether it was one and what a hears.
fn asked(request: Packet) -> (bool, Vec<Vec<u8>>) {
    let (builder, [a, r]) = pair();
    let mut lab = Lab::new(builder);
    lab.send_at(ms(0), a, request);
    lab.run();
    let heard = lab.packets(r)[0].clone();
    let router = lab.node(r);
    let was_request = lab.net.answer_echo(router, &heard);
    lab.run();
    (was_request, lab.packets(a).iter().map(|packet| packet.to_vec()).collect())
}

#[test]
fn a_request_comes_back_with_its_body_and_a_sound_checksum() {
    let echo = Echo { identifier: 77, sequence_number: 3 };
    let (is_request, heard) = asked(request("10.0.0.1", "10.0.0.2", echo, b"netjoule"));
    assert!(is_request);
    let reply = &heard[0];
    let header = ipv4::Header::parse(reply).unwrap();
    assert_eq!((IpAddr::V4(header.source), IpAddr::V4(header.destination)), (ip("10.0.0.2"), ip("10.0.0.1")));
    assert_eq!(icmp::Header::parse(&reply[20..]), Ok(icmp::Header::EchoReply(echo)));
    assert!(wire::checksum::Sum::of(&reply[20..]).is_valid());
    assert_eq!(&reply[28..], b"netjoule");

    let (is_request, heard) = asked(request("fd00::1", "fd00::2", echo, b"netjoule"));
    assert!(is_request);
    let reply = &heard[0];
    assert_eq!(icmpv6::Header::parse(&reply[40..]), Ok(icmpv6::Header::EchoReply(echo)));
    let pseudo = pseudo_header(ip("fd00::2"), ip("fd00::1"), IpProtocol::ICMPV6, 16);
    assert!(icmpv6::verify(&reply[40..], pseudo));
    assert_eq!(&reply[48..], b"netjoule");
}

#[test]
fn a_request_whose_answer_has_a_header_of_zeros_is_answered() {
    // A body whose sum is ffff makes the checksum of the reply 0000, as are its type, code and numbers.
    let echo = Echo { identifier: 0, sequence_number: 0 };
    let (is_request, heard) = asked(request("10.0.0.1", "10.0.0.2", echo, &[0xff, 0xff]));
    assert!(is_request);
    assert_eq!(heard.iter().map(Vec::len).collect::<Vec<_>>(), [30]);
    assert_eq!(heard[0][20..28], [0; 8]);
}

#[test]
fn what_is_no_sound_request_is_not_answered() {
    let echo = Echo { identifier: 1, sequence_number: 1 };
    let mut damaged = request("10.0.0.1", "10.0.0.2", echo, b"netjoule");
    damaged.header_mut()[27] ^= 1;
    assert_eq!(asked(damaged), (true, Vec::new()));
    assert_eq!(asked(packet("10.0.0.1", "10.0.0.2", 100)), (false, Vec::new()));
    let (is_request, heard) = asked(request("10.0.0.1", "224.0.0.1", echo, b"netjoule"));
    assert!(is_request && heard.is_empty(), "a request to a group");
}
