//! Packets that were too large for a link.

use wire::ip::{Ecn, IpProtocol};
use wire::{fragment, ipv4, ipv6};

use super::{A, A6, B, B6, datagram, joined};

pub(super) fn fragments_v4() -> Vec<Vec<u8>> {
    let payload = datagram(A.into(), B.into(), &[7; 92]);
    let mut header = ipv4::Header::new(A, B, IpProtocol::UDP, payload.len()).expect("it is short");
    header.fragmentation.identification = 99;
    header.ecn = Ecn::Ect0;
    fragment::fragment_ipv4(&header, 90)
        .expect("it may be cut")
        .map(|part| joined(part.header, &payload[part.payload]))
        .collect()
}

pub(super) fn fragments_v6() -> Vec<Vec<u8>> {
    let payload = datagram(A6.into(), B6.into(), &[7; 1292]);
    let whole = fragment::Ipv6Whole {
        header: ipv6::Header::new(A6, B6, IpProtocol::IPV6_FRAGMENT, 0),
        unfragmentable_len: 0,
        next_header: IpProtocol::UDP,
        fragmentable_len: payload.len(),
        identification: 99,
    };
    fragment::fragment_ipv6(&whole, 1280)
        .expect("it has room")
        .map(|part| {
            let mut bytes = [0; 48];
            part.header.emit(&mut bytes[..40]);
            part.fragment.emit(&mut bytes[40..]);
            [&bytes, &payload[part.payload]].concat()
        })
        .collect()
}
