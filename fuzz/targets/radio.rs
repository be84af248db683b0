//! IEEE 802.15.4, 6LoWPAN and RPL: no frame may panic, and headers survive emit and parse.
#![no_main]

use std::net::Ipv6Addr;

use libfuzzer_sys::fuzz_target;
use wire::ieee802154::element::{HeaderElement, NestedElement, parse_payload_element};
use wire::ieee802154::{Address, Header, ShortAddress};
use wire::ipv6_extension::RoutingHeader;
use wire::rpl;
use wire::sixlowpan::fragment::FragmentHeader;
use wire::sixlowpan::recovery::{FragmentAck, RecoverableFragment};
use wire::sixlowpan::{Context, Contexts, DatagramSize, Identifiers, compress, decompress};

fuzz_target!(|bytes: &[u8]| {
    let implied = Identifiers::of_frame(Address::Short(ShortAddress(1)), Address::BROADCAST);
    let contexts = Contexts::NONE.with(0, Context::new(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0), 64));
    let mut payload = bytes;
    if let Ok((header, rest)) = Header::parse(bytes) {
        let mut out = vec![0; header.len()];
        header.emit(&mut out);
        assert_eq!(Header::parse(&out).map(|(again, _)| again), Ok(header));
        payload = rest;
    }
    let _ = HeaderElement::parse(payload);
    let _ = NestedElement::parse(payload);
    let _ = parse_payload_element(payload);
    let _ = FragmentHeader::parse(payload);
    let _ = RecoverableFragment::parse(payload);
    let _ = FragmentAck::parse(payload);
    for bytes in [bytes, payload] {
        let mut restored = Vec::new();
        if decompress(bytes, implied, &contexts, DatagramSize::Behind(0), &mut restored).is_ok() {
            let mut again = Vec::new();
            let _ = compress(&restored, implied, &contexts, false, &mut again);
        }
        let _ = compress(bytes, implied, &contexts, true, &mut Vec::new());
        if let Ok((message, options)) = rpl::parse(bytes) {
            let options: Vec<_> = options.iter().collect();
            let out = rpl::to_bytes(&message, &options, Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
            assert_eq!(rpl::parse(&out).map(|(again, _)| again), Ok(message));
        }
        if let Ok(header) = RoutingHeader::parse(bytes) {
            let _ = rpl::SourceRoute::parse(&header, Ipv6Addr::LOCALHOST);
        }
    }
});
