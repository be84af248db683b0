//! No bytes make a parser panic, and what a parser accepts survives emit and parse.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::checksum::Sum;
use wire::ip::IpProtocol;
use wire::ip_view::{HeaderMut, HeaderView};
use wire::ipv6_extension::{Chain, Extension, UpperLayer};
use wire::{arp, coap, ethernet, icmp, icmpv6, igmp, ip, ipv4, ipv6, mld, ndp, tcp, udp};

/// Any bytes, and bytes that begin like an IPv4, an IPv6 or a TCP header, so that parsers get past the start.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let bytes = vec(any::<u8>(), 0..160);
    (bytes, prop_oneof![Just(None), (0x45_u8..0x50).prop_map(Some), Just(Some(0x60))], any::<bool>())
        .prop_map(|(mut bytes, first, is_summed)| {
            if let (Some(byte), Some(first)) = (bytes.first_mut(), first) {
                *byte = first;
            }
            if is_summed {
                sum_ipv4(&mut bytes);
            }
            bytes
        })
}

/// Makes the length and the checksum of what begins like an IPv4 header right.
fn sum_ipv4(bytes: &mut [u8]) {
    let Some(header_len) = bytes.first().map(|first| usize::from(first & 0x0F) * 4) else { return };
    let total_len = (bytes.len() as u16).to_be_bytes();
    if let Some(header) = bytes.get_mut(..header_len).filter(|header| header.len() >= 20) {
        header[2..4].copy_from_slice(&total_len);
        header[10..12].fill(0);
        let checksum = Sum::of(header).finish();
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn ip_headers_survive_emit_and_parse(bytes in packets()) {
        if let Ok(header) = ip::Header::parse(&bytes) {
            let mut out = vec![0xEE; header.len()];
            header.emit(&mut out);
            prop_assert_eq!(ip::Header::parse(&out), Ok(header));
            if let ip::Header::V4(header) = header {
                prop_assert!(header.options().iter().count() <= 40);
                prop_assert!(header.options().copied().len() <= header.options().len());
                let mut options = *header.options();
                options.record_route([10, 0, 0, 1].into());
            }
        }
    }

    #[test]
    fn views_agree_with_the_parsed_header(mut bytes in packets()) {
        if let Ok(header) = ip::Header::parse(&bytes) {
            let view = HeaderView::new(&bytes).expect("what parses can be viewed");
            prop_assert_eq!(view.source(), header.source());
            prop_assert_eq!(view.destination(), header.destination());
            prop_assert_eq!(view.header_len(), header.len());
        }
        if let Ok(mut header) = HeaderMut::new(&mut bytes) {
            header.decrement_hop_limit();
            header.set_congestion_experienced();
            let (source, destination) = (header.view().source(), header.view().destination());
            header.set_source(destination);
            header.set_destination(source);
        }
    }

    #[test]
    fn a_router_keeps_every_right_ipv4_checksum_right(mut bytes in packets()) {
        if ipv4::Header::parse(&bytes).is_ok() {
            let mut header = HeaderMut::new(&mut bytes).expect("what parses can be viewed");
            header.decrement_hop_limit();
            header.set_congestion_experienced();
            header.set_source([192, 0, 2, 1].into());
            header.set_destination([198, 51, 100, 1].into());
            let header = ipv4::Header::parse(&bytes);
            prop_assert!(header.is_ok(), "{:?}", header);
        }
    }

    #[test]
    fn tcp_headers_survive_emit_and_parse(mut bytes in vec(any::<u8>(), 0..100), offset in 5_u8..=15) {
        if let Some(octet) = bytes.get_mut(12) {
            *octet = offset << 4 | *octet & 0x0F;
        }
        if let Ok(header) = tcp::Header::parse(&bytes) {
            prop_assert_eq!(tcp::header_len(&bytes), Ok(header.len()));
            let mut out = vec![0xEE; header.len()];
            header.emit(&mut out, Sum::of(b"payload"));
            prop_assert!(tcp::verify(&out, Sum::of(b"payload")));
            prop_assert_eq!(tcp::Header::parse(&out), Ok(header));
            prop_assert!(header.options.iter().count() <= 40);
        }
    }

    #[test]
    fn small_headers_survive_emit_and_parse(bytes in vec(any::<u8>(), 0..60)) {
        let mut out = [0; 28];
        if let Ok(header) = udp::Header::parse(&bytes) {
            header.emit(&mut out[..8], Sum::of(b"payload"));
            prop_assert!(udp::verify(&out[..8], Sum::of(b"payload"), udp::ZeroChecksum::Refused));
            prop_assert_eq!(udp::Header::parse(&out[..8]), Ok(header));
        }
        if let Ok(header) = ethernet::Header::parse(&bytes) {
            header.emit(&mut out[..14]);
            prop_assert_eq!(&out[..14], &bytes[..14]);
        }
        if let Ok(header) = icmp::Header::parse(&bytes) {
            header.emit(&mut out[..8], Sum::ZERO);
            prop_assert_eq!(icmp::Header::parse(&out[..8]), Ok(header));
        }
        if let Ok(header) = icmpv6::Header::parse(&bytes) {
            header.emit(&mut out[..8], Sum::ZERO);
            prop_assert_eq!(icmpv6::Header::parse(&out[..8]), Ok(header));
        }
    }

    #[test]
    fn arp_and_igmp_survive_emit_and_parse(body in any::<[u8; 20]>(), operation in 0_u8..4, kind in 0x10_u8..0x18) {
        let mut bytes = [0, 1, 8, 0, 6, 4, 0, operation].to_vec();
        bytes.extend(body);
        if let Ok(packet) = arp::Packet::parse(&bytes) {
            let mut out = [0; 28];
            packet.emit(&mut out);
            prop_assert_eq!(&out[..], &bytes[..]);
        }
        let mut bytes = [kind, body[0], 0, 0, body[1], body[2], body[3], body[4]];
        let checksum = Sum::of(&bytes).finish();
        bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
        if let Ok(message) = igmp::Message::parse(&bytes) {
            let mut out = [0; 8];
            message.emit(&mut out);
            prop_assert_eq!(out, bytes);
        }
    }

    #[test]
    fn extension_headers_survive_emit_and_parse(
        mut bytes in vec(any::<u8>(), 0..100),
        kind in prop_oneof![Just(0_u8), Just(43), Just(44), Just(60), any::<u8>()],
        units in 0_u8..8,
    ) {
        if let Some(octet) = bytes.get_mut(1) {
            *octet = units;
        }
        let kind = IpProtocol(kind);
        if let Ok(Some(extension)) = Extension::parse(kind, &bytes) {
            let mut out = vec![0xEE; extension.len()];
            extension.emit(&mut out);
            prop_assert_eq!(Extension::parse(kind, &out), Ok(Some(extension)));
            if let Extension::HopByHop(options) | Extension::Destination(options) = extension {
                prop_assert!(options.iter().map(|option| 2 + option.data.len()).sum::<usize>() <= options.len());
            }
        }
        prop_assert!(Chain::new(kind, &bytes).count() <= 9);
        if let Ok(upper) = UpperLayer::find(kind, &bytes) {
            prop_assert!(upper.offset <= bytes.len());
        }
    }

    #[test]
    fn whole_icmpv6_messages_survive_emit_and_parse(
        mut bytes in vec(0_u8..8, 0..120),
        kind in prop_oneof![130_u8..138, Just(143)],
    ) {
        if let Some(octet) = bytes.first_mut() {
            *octet = kind;
        }
        if let Some(octet) = bytes.get_mut(1) {
            *octet = 0;
        }
        if let Ok(message) = ndp::Message::parse(&bytes) {
            let mut out = vec![0xEE; message.len()];
            message.emit(&mut out, Sum::ZERO);
            prop_assert!(icmpv6::verify(&out, Sum::ZERO));
            prop_assert_eq!(ndp::Message::parse(&out), Ok(message));
            prop_assert!(message.options.iter().count() <= 120 / 8);
        }
        match mld::Message::parse(&bytes) {
            Ok(mld::Message::V1(message)) => {
                let mut out = [0; 24];
                message.emit(&mut out, Sum::ZERO);
                prop_assert_eq!(mld::Message::parse(&out), Ok(mld::Message::V1(message)));
            }
            Ok(mld::Message::ReportV2(records)) => {
                let records: Vec<_> = records.iter().collect();
                let mut out = vec![0; mld::report_len(&records).expect("no more records than were read")];
                mld::emit_report(&records, &mut out, Sum::ZERO);
                let again = mld::Message::parse(&out);
                let Ok(mld::Message::ReportV2(again)) = again else { panic!("{again:?}") };
                prop_assert_eq!(again.iter().collect::<Vec<_>>(), records);
            }
            Ok(mld::Message::QueryV2(query)) => prop_assert!(query.sources.len() <= 120 / 16),
            Err(_) => {}
        }
    }

    #[test]
    fn the_rules_about_errors_take_any_packet(bytes in packets(), kind in any::<u8>(), pointer in any::<u32>()) {
        let may_report = icmp::may_report(&bytes, icmp::Arrival::default());
        prop_assert!(!may_report || bytes.len() >= ipv4::HEADER_LEN);
        let report = icmpv6::Header::ParameterProblem { code: kind & 3, pointer };
        let may_report = icmpv6::may_report(&report, &bytes, icmpv6::Arrival::default());
        prop_assert!(!may_report || bytes.len() >= ipv6::HEADER_LEN);
    }

    #[test]
    fn coap_messages_survive_emit_and_parse(mut bytes in vec(any::<u8>(), 0..80), token in 0_u8..9, kind in 0_u8..4) {
        if let Some(first) = bytes.first_mut() {
            *first = 0x40 | kind << 4 | token;
        }
        if let Ok((head, at)) = coap::Head::parse(&bytes, bytes.len()) {
            let has_payload = at < bytes.len();
            let out = head.emit(has_payload);
            let again = coap::Head::parse(&out, out.len() + bytes.len() - at);
            prop_assert_eq!(again, Ok((head.clone(), out.len())));
            let _ = (head.options.path(), head.options.unacceptable(|_| true));
        }
        if let Ok(Some(len)) = coap::frame_len(&bytes)
            && let Ok((frame, at)) = coap::Frame::parse(&bytes, len)
        {
            let payload = u32::try_from(len - at as u64).expect("a length has 32 bits and some bytes");
            prop_assert!(frame.emit(payload).len() <= bytes.len());
        }
    }

    #[test]
    fn link_documents_never_panic(text in "[<>;=,\" a-z*\\\\]{0,60}") {
        for link in coap::Links::new(&text) {
            prop_assert!(link.params().count() <= 60);
            let _ = link.matches("rt=a*");
        }
    }
}
