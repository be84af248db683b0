//! What ICMP messages say to the protocols of a host.

use std::net::IpAddr;

use wire::checksum::{Sum, pseudo_header};
use wire::icmp::UnreachableCode as Code;

use super::*;

const QUOTED: [u8; 28] = [7; 28];

/// What a host makes of an ICMPv4 message with a quoted packet.
fn of_v4(header: icmp::Header) -> Option<IcmpError> {
    let mut message = vec![0; icmp::HEADER_LEN];
    header.emit(&mut message, Sum::of(&QUOTED));
    message.extend(QUOTED);
    read(IpProtocol::ICMP, IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]), &message)
}

/// What it makes of an ICMPv6 message.
fn of_v6(header: icmpv6::Header) -> Option<IcmpError> {
    let [from, to] = [1, 2].map(|last| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, last]));
    let length = (icmpv6::HEADER_LEN + QUOTED.len()) as u32;
    let mut message = vec![0; icmpv6::HEADER_LEN];
    let pseudo = pseudo_header(from, to, IpProtocol::ICMPV6, length);
    header.emit(&mut message, pseudo + Sum::of(&QUOTED));
    message.extend(QUOTED);
    read(IpProtocol::ICMPV6, from, to, &message)
}

fn read(protocol: IpProtocol, source: IpAddr, destination: IpAddr, message: &[u8]) -> Option<IcmpError> {
    let (hop_limit, traffic_class, header_len) = (64, 0, 20);
    let internet =
        Internet { source, destination, protocol, hop_limit, traffic_class, header_len, fragment: None };
    let (error, quoted) = icmp_error(&internet, message)?;
    assert_eq!(quoted, QUOTED);
    let mut damaged = message.to_vec();
    damaged[1] ^= 1;
    assert!(icmp_error(&internet, &damaged).is_none(), "the checksum is looked at");
    Some(error)
}

#[test]
fn codes_of_icmpv4_that_mean_something_else_are_told_apart() {
    use icmp::Header as H;
    let unreachable = |code| of_v4(H::DestinationUnreachable(code));
    assert_eq!(unreachable(Code::NETWORK), Some(IcmpError::Unreachable));
    assert_eq!(unreachable(Code::HOST), Some(IcmpError::Unreachable));
    assert_eq!(unreachable(Code::SOURCE_ROUTE_FAILED), Some(IcmpError::Unreachable));
    assert_eq!(unreachable(Code::PROTOCOL), Some(IcmpError::ProtocolUnreachable));
    assert_eq!(unreachable(Code::PORT), Some(IcmpError::PortUnreachable));
    assert_eq!(unreachable(Code::ADMINISTRATIVELY_PROHIBITED), Some(IcmpError::Prohibited));
    let too_big = of_v4(H::FragmentationNeeded { next_hop_mtu: 1280 });
    assert_eq!(too_big, Some(IcmpError::PacketTooBig { mtu: 1280 }));
    assert_eq!(of_v4(H::TimeExceeded { code: 0 }), Some(IcmpError::TimeExceeded));
    for code in [0, 1] {
        // Neither of ICMPv4's codes is about the protocol's number.
        assert_eq!(of_v4(H::ParameterProblem { code, pointer: 9 }), Some(IcmpError::ParameterProblem));
    }
    assert_eq!(of_v4(H::EchoReply(icmp::Echo { identifier: 1, sequence_number: 1 })), None);
}

// Holds: RFC 9260 10-8c
#[test]
fn an_unrecognized_next_header_of_icmpv6_means_protocol_unreachable() {
    use icmpv6::Header as H;
    let unreachable = |code| of_v6(H::DestinationUnreachable { code });
    assert_eq!(unreachable(icmpv6::NO_ROUTE), Some(IcmpError::Unreachable));
    assert_eq!(unreachable(icmpv6::ADDRESS_UNREACHABLE), Some(IcmpError::Unreachable));
    assert_eq!(unreachable(icmpv6::ADMINISTRATIVELY_PROHIBITED), Some(IcmpError::Prohibited));
    assert_eq!(unreachable(icmpv6::PORT_UNREACHABLE), Some(IcmpError::PortUnreachable));
    let problem = |code| of_v6(H::ParameterProblem { code, pointer: 6 });
    assert_eq!(problem(icmpv6::UNRECOGNIZED_NEXT_HEADER), Some(IcmpError::ProtocolUnreachable));
    assert_eq!(problem(icmpv6::ERRONEOUS_FIELD), Some(IcmpError::ParameterProblem));
    assert_eq!(problem(icmpv6::UNRECOGNIZED_OPTION), Some(IcmpError::ParameterProblem));
    assert_eq!(of_v6(H::PacketTooBig { mtu: 1280 }), Some(IcmpError::PacketTooBig { mtu: 1280 }));
    assert_eq!(of_v6(H::TimeExceeded { code: 1 }), Some(IcmpError::TimeExceeded));
}
