use super::*;
use crate::ipv4;

#[test]
fn an_echo_request_has_the_bytes_of_rfc_792() {
    let header = Header::EchoRequest(Echo { identifier: 0x1234, sequence_number: 1 });
    let mut out = [0xEE; 8];
    header.emit(&mut out, Sum::of(b"ab"));
    // 0800 + 1234 + 0001 + 6162 = 7b97, complement 8468.
    assert_eq!(out, [8, 0, 0x84, 0x68, 0x12, 0x34, 0, 1]);
    assert_eq!(Header::parse(&out), Ok(header));
    assert!(verify(&out, Sum::of(b"ab")));
    assert!(!verify(&out, Sum::of(b"ac")));
}

#[test]
fn fragmentation_needed_tells_the_mtu_of_rfc_1191() {
    let header = Header::FragmentationNeeded { next_hop_mtu: 1400 };
    let mut out = [0; 8];
    header.emit(&mut out, Sum::ZERO);
    // 0304 + 0578 = 087c, complement f783.
    assert_eq!(out, [3, 4, 0xF7, 0x83, 0, 0, 0x05, 0x78]);
    assert_eq!(Header::parse(&out), Ok(header));
    assert_eq!(UnreachableCode::new(4), None);
}

#[test]
fn every_type_and_code_survives_parse_and_emit() {
    for kind in 0..=u8::MAX {
        for code in 0..=u8::MAX {
            let header = Header::parse(&[kind, code, 0, 0, 1, 2, 3, 4]).unwrap();
            let mut out = [0; 8];
            header.emit(&mut out, Sum::ZERO);
            assert_eq!(out[..2], [kind, code]);
            assert_eq!(Header::parse(&out), Ok(header), "type {kind}, code {code}");
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
fn a_quotation_fills_576_bytes_and_no_more() {
    // 576 - 20 - 8 = 548.
    assert_eq!(quoted_len(40), 40);
    assert_eq!(quoted_len(548), 548);
    assert_eq!(quoted_len(1500), 548);
}

fn packet(source: [u8; 4], destination: [u8; 4], protocol: IpProtocol) -> [u8; 28] {
    let header = ipv4::Header::new(source.into(), destination.into(), protocol, 8).unwrap();
    let mut bytes = [0; 28];
    header.emit(&mut bytes[..20]);
    bytes
}

#[test]
fn a_datagram_between_two_hosts_may_be_reported() {
    let bytes = packet([10, 0, 0, 1], [10, 0, 0, 2], IpProtocol::UDP);
    assert!(may_report(&bytes, Arrival::default()));
    assert!(!may_report(&bytes, Arrival { link_group: true, ..Arrival::default() }));
    assert!(!may_report(&bytes, Arrival { network_broadcast: true, ..Arrival::default() }));
    assert!(!may_report(&bytes[..19], Arrival::default()), "too short to tell");
}

#[test]
fn no_error_is_sent_about_an_error() {
    // Types 3, 4, 5, 11 and 12 are errors (RFC 1122 §3.2.2), queries are not.
    for kind in 0..=20 {
        let mut bytes = packet([10, 0, 0, 1], [10, 0, 0, 2], IpProtocol::ICMP);
        bytes[20] = kind;
        let is_error = [3, 4, 5, 11, 12].contains(&kind);
        assert_eq!(may_report(&bytes, Arrival::default()), !is_error, "type {kind}");
        assert!(!may_report(&bytes[..27], Arrival::default()), "too short to tell");
    }
}

#[test]
fn no_error_goes_to_what_is_no_single_host() {
    for source in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [240, 0, 0, 1], [255, 255, 255, 255]] {
        let bytes = packet(source, [10, 0, 0, 2], IpProtocol::UDP);
        assert!(!may_report(&bytes, Arrival::default()), "source {source:?}");
    }
    for destination in [[224, 0, 0, 1], [255, 255, 255, 255]] {
        let bytes = packet([10, 0, 0, 1], destination, IpProtocol::UDP);
        assert!(!may_report(&bytes, Arrival::default()), "destination {destination:?}");
    }
}

#[test]
fn no_error_is_sent_about_a_later_fragment() {
    let mut bytes = packet([10, 0, 0, 1], [10, 0, 0, 2], IpProtocol::UDP);
    bytes[6] = 0x20;
    assert!(may_report(&bytes, Arrival::default()), "the first fragment counts");
    bytes[7] = 1;
    assert!(!may_report(&bytes, Arrival::default()));
}
