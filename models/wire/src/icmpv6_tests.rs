use super::*;
use crate::checksum::pseudo_header;

const NO_ROUTE_ERROR: Header = Header::DestinationUnreachable { code: NO_ROUTE };
const TOO_BIG: Header = Header::PacketTooBig { mtu: 1280 };

fn packet(source: Ipv6Addr, destination: Ipv6Addr, next_header: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; ipv6::HEADER_LEN];
    ipv6::Header::new(source, destination, next_header, payload.len() as u16).emit(&mut bytes);
    bytes.extend(payload);
    bytes
}

const A: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const B: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

#[test]
fn packet_too_big_has_the_bytes_of_rfc_4443() {
    let rest = pseudo_header(A.into(), B.into(), IpProtocol::ICMPV6, 8);
    let mut out = [0xEE; 8];
    TOO_BIG.emit(&mut out, rest);
    // Pseudo-header: 2 * (2001 + db8) + 1 + 2 + 3a + 8 = 5bb7. Header: 0200 + 0500. Sum 62b7, complement 9d48.
    assert_eq!(out, [2, 0, 0x9D, 0x48, 0, 0, 0x05, 0x00]);
    assert_eq!(Header::parse(&out), Ok(TOO_BIG));
    assert!(verify(&out, rest));
    assert!(!verify(&out, rest + Sum::of_u16(1)));
}

#[test]
fn every_type_and_code_survives_parse_and_emit() {
    for kind in 0..=u8::MAX {
        for code in 0..=u8::MAX {
            let header = Header::parse(&[kind, code, 0, 0, 1, 2, 3, 4]).unwrap();
            let mut out = [0; 8];
            header.emit(&mut out, Sum::ZERO);
            assert_eq!(Header::parse(&out), Ok(header), "type {kind}, code {code}");
            assert_eq!(header.is_error(), kind < 128, "type {kind}");
            assert!(verify(&out, Sum::ZERO));
        }
    }
}

#[test]
fn a_cut_header_is_refused() {
    for len in 0..8 {
        let error = ParseError::Truncated { header: NAME, need: 8, have: len };
        assert_eq!(Header::parse(&[0; 8][..len]), Err(error));
    }
}

#[test]
fn a_quotation_fills_the_minimum_mtu() {
    // 1280 - 40 - 8 = 1232.
    assert_eq!((quoted_len(1231), quoted_len(1500)), (1231, 1232));
}

#[test]
fn a_datagram_between_two_nodes_may_be_reported() {
    let bytes = packet(A, B, IpProtocol::UDP, &[0; 8]);
    assert!(may_report(&NO_ROUTE_ERROR, &bytes, Arrival::default()));
    assert!(!may_report(&NO_ROUTE_ERROR, &bytes, Arrival { link_group: true, ..Arrival::default() }));
    assert!(!may_report(&TOO_BIG, &bytes, Arrival { anycast_source: true, ..Arrival::default() }));
    for source in [Ipv6Addr::UNSPECIFIED, GROUP] {
        let bytes = packet(source, B, IpProtocol::UDP, &[0; 8]);
        assert!(!may_report(&TOO_BIG, &bytes, Arrival::default()));
    }
}

#[test]
fn no_error_is_sent_about_errors_and_redirects() {
    for kind in 0..=u8::MAX {
        let bytes = packet(A, B, IpProtocol::ICMPV6, &[kind, 0, 0, 0, 0, 0, 0, 0]);
        let expected = kind >= 128 && kind != 137;
        assert_eq!(may_report(&NO_ROUTE_ERROR, &bytes, Arrival::default()), expected, "type {kind}");
        assert!(!may_report(&NO_ROUTE_ERROR, &bytes[..47], Arrival::default()), "too short to tell");
    }
    // An echo request behind destination options is found there.
    let payload = [58, 0, 1, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    let bytes = packet(A, B, IpProtocol::IPV6_DESTINATION_OPTIONS, &payload);
    assert!(!may_report(&NO_ROUTE_ERROR, &bytes, Arrival::default()));
}

#[test]
fn groups_get_two_kinds_of_errors() {
    // A destination option of type 80 (high bits 10) at octet 42, then one of type C2 (11).
    for (option, expected) in [(0x80, true), (0xC2, false)] {
        let bytes = packet(A, GROUP, IpProtocol::IPV6_DESTINATION_OPTIONS, &[17, 0, option, 4, 0, 0, 0, 0]);
        let problem = Header::ParameterProblem { code: UNRECOGNIZED_OPTION, pointer: 42 };
        assert_eq!(may_report(&problem, &bytes, Arrival::default()), expected, "option {option:#x}");
        let beyond = Header::ParameterProblem { code: UNRECOGNIZED_OPTION, pointer: u32::MAX };
        assert!(!may_report(&beyond, &bytes, Arrival::default()));
        assert!(may_report(&TOO_BIG, &bytes, Arrival::default()));
        assert!(!may_report(&NO_ROUTE_ERROR, &bytes, Arrival::default()));
    }
}
