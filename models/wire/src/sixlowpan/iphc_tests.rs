//! Sizes worked out from RFC 6282, and round trips.

use std::net::Ipv6Addr;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::checksum::{Sum, pseudo_header};
use crate::ieee802154::{Address, ShortAddress};
use crate::ip::{Dscp, Ecn, IpProtocol};
use crate::ipv6::{FlowLabel, Header};
use crate::udp;

const SENDER: Address = Address::Short(ShortAddress(1));
const RECEIVER: Address = Address::Short(ShortAddress(2));
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);

fn implied() -> Identifiers {
    Identifiers::of_frame(SENDER, RECEIVER)
}

fn contexts() -> Contexts {
    Contexts::NONE.with(0, Context::new(PREFIX, 64))
}

/// IPv6 and UDP headers for `payload` bytes of payload.
fn datagram(header: Header, ports: (u16, u16), payload: usize) -> Vec<u8> {
    let length = udp::HEADER_LEN + payload;
    let header = Header { payload_len: length as u16, ..header };
    let mut bytes = vec![0; 48];
    header.emit(&mut bytes[..40]);
    let pseudo =
        pseudo_header(header.source.into(), header.destination.into(), IpProtocol::UDP, length as u32);
    udp::Header::new(ports.0, ports.1, payload).unwrap().emit(&mut bytes[40..], pseudo);
    bytes
}

fn between(source: Ipv6Addr, destination: Ipv6Addr) -> Header {
    Header::new(source, destination, IpProtocol::UDP, 0)
}

fn compressed(headers: &[u8], contexts: &Contexts) -> (Vec<u8>, Compressed) {
    let mut out = Vec::new();
    let done = compress(headers, implied(), contexts, false, &mut out).unwrap();
    (out, done)
}

/// What comes back, for a packet with `payload` bytes behind the headers.
fn restored(bytes: &[u8], contexts: &Contexts, payload: usize) -> Result<Vec<u8>, crate::error::ParseError> {
    let mut out = Vec::new();
    let done = decompress(bytes, implied(), contexts, DatagramSize::Behind(payload), &mut out)?;
    assert_eq!(done.consumed, bytes.len());
    Ok(out)
}

#[test]
fn a_link_local_header_shrinks_to_two_bytes_and_udp_to_four() {
    let header = between(SENDER.link_local(), RECEIVER.link_local());
    let headers = datagram(header, (0xF0B1, 0xF0B2), 10);
    let (out, done) = compressed(&headers, &Contexts::NONE);
    // 011 11 1 10 (no class or label, UDP compressed, hop limit 64); 0 0 11 0 0 11; 11110 0 11, ports, checksum.
    assert_eq!(out[..4], [0x7E, 0x33, 0xF3, 0x12]);
    assert_eq!(out[4..], headers[46..48]);
    assert_eq!((done.consumed, done.network_len, done.udp_len), (48, 2, 4));
    assert_eq!(restored(&out, &Contexts::NONE, 10), Ok(headers));
}

#[test]
fn over_several_hops_the_header_has_seven_bytes() {
    // Hop limit in line and short identifiers with context 0: 2 + 1 + 2 + 2 (RFC 6282 §1).
    let node = |number: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0xff, 0xfe00, number);
    let header = Header { hop_limit: 63, ..between(node(8), node(9)) };
    let headers = datagram(header, (5683, 5683), 3);
    let (out, done) = compressed(&headers, &contexts());
    assert_eq!((done.network_len, done.udp_len), (7, 7));
    assert_eq!(out[..7], [0x7C, 0x66, 63, 0, 8, 0, 9]);
    assert_eq!(restored(&out, &contexts(), 3), Ok(headers));
}

#[test]
fn each_form_of_ports_has_its_size() {
    let header = between(SENDER.link_local(), RECEIVER.link_local());
    for (ports, len) in
        [((1, 2), 7), ((1, 0xF002), 6), ((0xF001, 2), 6), ((0xF0B0, 0xF0BF), 4), ((0xF0B0, 0xF0C0), 6)]
    {
        let headers = datagram(header, ports, 0);
        let (out, done) = compressed(&headers, &Contexts::NONE);
        assert_eq!(done.udp_len, len, "{ports:?}");
        assert_eq!(restored(&out, &Contexts::NONE, 0), Ok(headers), "{ports:?}");
    }
}

#[test]
fn groups_have_four_forms() {
    let group = |second: u16, eighth: [u16; 3]| {
        Ipv6Addr::new(0xff00 | second, 0, 0, 0, 0, eighth[0], eighth[1], eighth[2])
    };
    let cases = [
        (group(2, [0, 0, 0x1a]), 1),
        (group(5, [0, 0, 0x1a]), 4),
        (group(2, [0, 0xff, 0x1234]), 4),
        (group(2, [1, 0xff34, 0x5678]), 6),
        (group(2, [0x101, 0xff34, 0x5678]), 16),
    ];
    for (destination, len) in cases {
        let headers = datagram(between(SENDER.link_local(), destination), (1, 2), 5);
        let (out, done) = compressed(&headers, &Contexts::NONE);
        assert_eq!(done.network_len, 2 + len, "{destination}");
        assert_eq!(restored(&out, &Contexts::NONE, 5), Ok(headers), "{destination}");
    }
}

#[test]
fn an_elided_checksum_is_computed_again() {
    let headers = datagram(between(SENDER.link_local(), RECEIVER.link_local()), (0xF0B1, 0xF0B2), 0);
    let mut out = Vec::new();
    let done = compress(&headers, implied(), &Contexts::NONE, true, &mut out).unwrap();
    assert_eq!((done.udp_len, out.len()), (2, 4));
    let mut back = Vec::new();
    let size = DatagramSize::Behind(0);
    let done = decompress(&out, implied(), &Contexts::NONE, size, &mut back).unwrap();
    let at = done.elided_checksum.expect("the checksum was left out");
    assert_eq!(at, 40);
    fill_udp_checksum(&mut back, at, Sum::ZERO);
    assert_eq!(back, headers);
}

#[test]
fn a_hop_by_hop_header_loses_its_trailing_padding_and_gets_it_back() {
    // RPL's option of 4 bytes (RFC 6553 §3) and two bytes of padding: 8 bytes in all.
    let udp = &datagram(between(SENDER.link_local(), RECEIVER.link_local()), (1, 2), 4)[40..];
    let header = Header {
        payload_len: 8 + 12,
        next_header: IpProtocol::HOP_BY_HOP,
        ..between(SENDER.link_local(), RECEIVER.link_local())
    };
    let mut headers = vec![0; 40];
    header.emit(&mut headers);
    headers.extend([IpProtocol::UDP.0, 0, 0x23, 2, 0, 30, 1, 0]);
    headers.extend(udp);
    let (out, done) = compressed(&headers, &Contexts::NONE);
    // 2 of IPHC, then 1110 000 1, length 4 and the option without its padding: 8 bytes.
    assert_eq!(out[2..8], [0xE1, 4, 0x23, 2, 0, 30]);
    assert_eq!((done.network_len, done.udp_len, done.consumed), (8, 7, 56));
    assert_eq!(restored(&out, &Contexts::NONE, 4), Ok(headers));
}

#[test]
fn a_packet_within_a_packet_takes_its_identifiers_from_the_outer_one() {
    let inner = datagram(between(SENDER.link_local(), RECEIVER.link_local()), (1, 2), 6);
    let outer = Header {
        payload_len: inner.len() as u16 + 6,
        next_header: IpProtocol::IPV6,
        ..between(SENDER.link_local(), RECEIVER.link_local())
    };
    let mut headers = vec![0; 40];
    outer.emit(&mut headers);
    headers.extend(&inner);
    let (out, done) = compressed(&headers, &Contexts::NONE);
    assert_eq!(out[..5], [0x7E, 0x33, 0xEE, 0x7E, 0x33]);
    assert_eq!((done.network_len, done.udp_len), (5, 7));
    assert_eq!(restored(&out, &Contexts::NONE, 6), Ok(headers));
}

#[test]
fn what_a_length_contradicts_is_left_as_it_is() {
    let mut headers = datagram(between(SENDER.link_local(), RECEIVER.link_local()), (1, 2), 6);
    headers[45] += 1;
    let (out, done) = compressed(&headers, &Contexts::NONE);
    assert_eq!((done.consumed, done.udp_len), (40, 0));
    assert_eq!(out[0] & 0x04, 0, "the next header is in line");
    assert_eq!(restored(&out, &Contexts::NONE, 14), Ok(headers[..40].to_vec()));
}

#[test]
fn an_unknown_context_and_a_size_below_the_headers_are_refused() {
    let node = |number: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0xff, 0xfe00, number);
    let headers = datagram(between(node(1), node(2)), (1, 2), 3);
    let (out, _) = compressed(&headers, &contexts());
    assert!(restored(&out, &Contexts::NONE, 3).is_err());
    let size = DatagramSize::Stated(47);
    assert!(decompress(&out, implied(), &contexts(), size, &mut Vec::new()).is_err());
    for len in 0..out.len() {
        let cut = decompress(&out[..len], implied(), &contexts(), DatagramSize::Behind(0), &mut Vec::new());
        assert!(cut.is_err(), "{len}");
    }
}

fn addresses() -> impl Strategy<Value = Ipv6Addr> {
    let low = prop_oneof![Just(1_u16), Just(2), Just(3)];
    prop_oneof![
        low.clone().prop_map(|low| Address::Short(ShortAddress(low)).link_local()),
        low.clone().prop_map(|low| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0xff, 0xfe00, low)),
        low.prop_map(|low| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 5, 6, 7, low)),
        any::<u128>().prop_map(Ipv6Addr::from),
        any::<u16>().prop_map(|low| Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, low)),
        Just(Ipv6Addr::UNSPECIFIED),
    ]
}

prop_compose! {
    fn headers()(
        source in addresses(),
        destination in addresses(),
        class in prop_oneof![Just(0_u8), any::<u8>()],
        label in prop_oneof![Just(0_u32), 0..1_u32 << 20],
        hop_limit in prop_oneof![Just(1_u8), Just(64), Just(255), any::<u8>()],
    ) -> Header {
        Header {
            dscp: Dscp::new(class >> 2).unwrap(),
            ecn: Ecn::from_traffic_class(class),
            flow_label: FlowLabel::new(label).unwrap(),
            hop_limit,
            ..between(source, destination)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_header_survives_compression(
        header in headers(),
        ports in (any::<u16>(), prop_oneof![any::<u16>(), 0xF0B0..=0xF0BF_u16]),
        payload in 0_usize..200,
    ) {
        let packet = datagram(header, ports, payload);
        for contexts in [Contexts::NONE, contexts()] {
            let (out, done) = compressed(&packet, &contexts);
            prop_assert_eq!(done.consumed, 48);
            prop_assert_eq!(out.len(), done.network_len + done.udp_len);
            prop_assert!(out.len() <= 1 + 48, "at most a byte more than before");
            prop_assert_eq!(restored(&out, &contexts, payload), Ok(packet.clone()));
        }
    }

    #[test]
    fn no_bytes_make_the_decompressor_panic(mut bytes in vec(any::<u8>(), 0..120), size in 0_u16..2048) {
        if let Some(first) = bytes.first_mut() {
            *first = 0x60 | *first & 0x1F;
        }
        for size in [DatagramSize::Stated(size), DatagramSize::Behind(usize::from(size))] {
            let mut out = Vec::new();
            if let Ok(done) = decompress(&bytes, implied(), &contexts(), size, &mut out) {
                prop_assert!(done.consumed <= bytes.len() && out.len() >= 40);
                if let Some(at) = done.elided_checksum {
                    fill_udp_checksum(&mut out, at, Sum::ZERO);
                }
            }
        }
    }

    #[test]
    fn no_packet_makes_the_compressor_panic(mut bytes in vec(any::<u8>(), 0..160), kind in any::<u8>()) {
        if let Some(first) = bytes.first_mut() {
            *first = 0x60;
        }
        if let Some(next) = bytes.get_mut(6) {
            *next = [0, 17, 41, 43, 44, 60][usize::from(kind % 6)];
        }
        let mut out = Vec::new();
        if let Ok(done) = compress(&bytes, implied(), &contexts(), false, &mut out) {
            let left = bytes.len() - done.consumed;
            let mut back = Vec::new();
            let total = DatagramSize::Behind(left);
            if decompress(&out, implied(), &contexts(), total, &mut back).is_ok() {
                prop_assert_eq!(back.len(), done.consumed);
            }
        }
    }
}
