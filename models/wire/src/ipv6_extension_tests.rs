use super::*;
use crate::ipv6_options::{Alignment, Ipv6Option, OptionsList, ROUTER_ALERT};

/// Hop-by-hop options, a routing header of type 3, a first fragment, destination options, then UDP.
fn chain() -> Vec<u8> {
    let mut alert = OptionsList::new();
    alert.try_push(Ipv6Option { kind: ROUTER_ALERT, data: &[0, 0] }, Alignment::EVEN).unwrap();
    let none = OptionsList::new();
    let routing = RoutingHeader::new(IpProtocol::IPV6_FRAGMENT, 3, 1, &[7; 12]).unwrap();
    let fragment = FragmentHeader::new(IpProtocol::IPV6_DESTINATION_OPTIONS, 77, 0, true).unwrap();
    let headers = [
        Extension::HopByHop(alert.header(IpProtocol::IPV6_ROUTING)),
        Extension::Routing(routing),
        Extension::Fragment(fragment),
        Extension::Destination(none.header(IpProtocol::UDP)),
    ];
    let mut bytes = Vec::new();
    for header in headers {
        let at = bytes.len();
        bytes.resize(at + header.len(), 0xEE);
        header.emit(&mut bytes[at..]);
    }
    bytes
}

#[test]
fn a_chain_leads_to_the_upper_layer() {
    let mut bytes = chain();
    bytes.extend([1, 2, 3]);
    let upper = UpperLayer::find(IpProtocol::HOP_BY_HOP, &bytes).unwrap();
    // 8 + 16 + 8 + 8 = 40.
    assert_eq!((upper.protocol, upper.offset), (IpProtocol::UDP, 40));
    assert_eq!(upper.fragment.map(|fragment| fragment.identification), Some(77));
    let kinds: Vec<u8> =
        Chain::new(IpProtocol::HOP_BY_HOP, &bytes).map(|header| header.unwrap().kind().0).collect();
    assert_eq!(kinds, [0, 43, 44, 60]);
    let direct = UpperLayer { protocol: IpProtocol::TCP, offset: 0, fragment: None };
    assert_eq!(UpperLayer::find(IpProtocol::TCP, &bytes), Ok(direct));
}

#[test]
fn a_chain_cut_anywhere_is_refused() {
    let bytes = chain();
    for len in 0..bytes.len() {
        let found = UpperLayer::find(IpProtocol::HOP_BY_HOP, &bytes[..len]);
        assert!(matches!(found, Err(ParseError::Truncated { .. })), "{len} bytes: {found:?}");
    }
}

#[test]
fn what_follows_in_a_later_fragment_is_no_header() {
    let fragment = FragmentHeader::new(IpProtocol::IPV6_DESTINATION_OPTIONS, 77, 1448, false).unwrap();
    let mut bytes = [0; 8];
    fragment.emit(&mut bytes);
    // Offset 1448 = 181 * 8 = B5 units, in the high 13 bits: 5A8.
    assert_eq!(bytes, [60, 0, 0x05, 0xA8, 0, 0, 0, 77]);
    let upper = UpperLayer::find(IpProtocol::IPV6_FRAGMENT, &bytes).unwrap();
    let expected =
        UpperLayer { protocol: IpProtocol::IPV6_DESTINATION_OPTIONS, offset: 8, fragment: Some(fragment) };
    assert_eq!(upper, expected);
}

#[test]
fn hop_by_hop_options_stand_first_or_nowhere() {
    let mut bytes = [0; 16];
    OptionsList::new().header(IpProtocol::HOP_BY_HOP).emit(&mut bytes[..8]);
    OptionsList::new().header(IpProtocol::UDP).emit(&mut bytes[8..]);
    let error = ParseError::Field { header: "an IPv6 extension header", field: "next header", value: 0 };
    assert_eq!(UpperLayer::find(IpProtocol::HOP_BY_HOP, &bytes), Err(error));
    assert_eq!(UpperLayer::find(IpProtocol::IPV6_DESTINATION_OPTIONS, &bytes), Err(error));
}

#[test]
fn a_ninth_header_is_one_too_many() {
    let bytes = [[60, 0, 1, 4, 0, 0, 0, 0]; 9].concat();
    let error = ParseError::TooMany { header: "an IPv6 extension header", limit: 8 };
    assert_eq!(UpperLayer::find(IpProtocol::IPV6_DESTINATION_OPTIONS, &bytes), Err(error));
    let mut eight = bytes[..64].to_vec();
    eight[56] = IpProtocol::UDP.0;
    assert_eq!(UpperLayer::find(IpProtocol::IPV6_DESTINATION_OPTIONS, &eight).unwrap().offset, 64);
}

#[test]
fn offsets_and_lengths_that_do_not_fit_are_refused() {
    assert_eq!(FragmentHeader::new(IpProtocol::UDP, 1, 12, true), None);
    assert_eq!(FragmentHeader::new(IpProtocol::UDP, 1, 65_536, true), None);
    assert!(FragmentHeader::new(IpProtocol::UDP, 1, 65_528, true).is_some());
    assert_eq!(RoutingHeader::new(IpProtocol::UDP, 3, 0, &[0; 8]), None);
    assert_eq!(RoutingHeader::new(IpProtocol::UDP, 3, 0, &[0; 2052]), None);
    assert_eq!(RoutingHeader::new(IpProtocol::UDP, 3, 0, &[0; 2044]).map(|header| header.len()), Some(2048));
}
