//! Source routes of the non-storing mode: routing header type 3 (RFC 6554).

use std::net::Ipv6Addr;

use crate::error::ParseError;
use crate::ip::IpProtocol;
use crate::ipv6_extension::RoutingHeader;

const NAME: &str = "a RPL source route";

/// The type of such a routing header.
pub(super) const ROUTING_TYPE: u8 = 3;

/// The nodes that are still to be visited behind the packet's destination, and those that were.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourceRoute {
    /// The addresses, 1 to n, in the order of the way.
    pub addresses: Vec<Ipv6Addr>,
    /// How many of them are still to be visited: the next one is number `n - segments_left`, counted from 0.
    pub segments_left: u8,
}

impl SourceRoute {
    /// Reads a route from a routing header; `destination` is the packet's, from which left-out prefixes come.
    ///
    /// # Errors
    /// The header has another type, its addresses do not fill it, or more are left than there are.
    pub fn parse(header: &RoutingHeader<'_>, destination: Ipv6Addr) -> Result<Self, ParseError> {
        let field = |field, value: usize| ParseError::Field { header: NAME, field, value: value as u32 };
        if header.routing_type != ROUTING_TYPE {
            return Err(field("routing type", usize::from(header.routing_type)));
        }
        let &[compression, padding, _, _] =
            header.data().first_chunk::<4>().ok_or(field("length", header.data().len()))?;
        let (inner, last) = (16 - usize::from(compression >> 4), 16 - usize::from(compression & 0xF));
        let room = header.data().len() - 4;
        // n = ((Hdr Ext Len * 8) - Pad - (16 - CmprE)) / (16 - CmprI) + 1 (RFC 6554 §4.2).
        let before = room.checked_sub(usize::from(padding >> 4) + last).ok_or(field("padding", room))?;
        if before % inner != 0 {
            return Err(field("length", room));
        }
        let count = before / inner + 1;
        if usize::from(header.segments_left) > count {
            return Err(field("segments left", usize::from(header.segments_left)));
        }
        let mut rest = &header.data()[4..];
        let mut addresses = Vec::with_capacity(count);
        for index in 0..count {
            let len = if index + 1 == count { last } else { inner };
            let mut octets = destination.octets();
            let (address, after) = rest.split_at(len);
            octets[16 - len..].copy_from_slice(address);
            addresses.push(Ipv6Addr::from(octets));
            rest = after;
        }
        Ok(Self { addresses, segments_left: header.segments_left })
    }

    /// The bytes of the routing header of a packet to `destination`, prefixes left out that all share.
    ///
    /// `None` if there is no address, or more than fit into a header.
    #[must_use]
    pub fn to_bytes(&self, next_header: IpProtocol, destination: Ipv6Addr) -> Option<Vec<u8>> {
        let (last, before) = self.addresses.split_last()?;
        let shared = |address: &Ipv6Addr| {
            let pairs = address.octets().into_iter().zip(destination.octets());
            // Four bits hold at most 15, so one octet is sent at least.
            pairs.take_while(|(a, b)| a == b).count().min(15)
        };
        // The destination changes on the way: what is left out has to be shared by all (RFC 6554 §4.2 takes it from each in turn).
        let outer = self.addresses.iter().map(shared).min()?;
        let inner = outer;
        let len: usize = before.len() * (16 - inner) + 16 - outer;
        let padding = len.next_multiple_of(8) - len;
        let units = u8::try_from((len + padding) / 8).ok()?;
        let mut out = vec![next_header.0, units, ROUTING_TYPE, self.segments_left];
        out.extend([(inner as u8) << 4 | outer as u8, (padding as u8) << 4, 0, 0]);
        before.iter().for_each(|address| out.extend(&address.octets()[inner..]));
        out.extend(&last.octets()[outer..]);
        out.resize(out.len() + padding, 0);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u16) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, number)
    }

    fn round_trip(route: &SourceRoute, destination: Ipv6Addr) -> usize {
        let bytes = route.to_bytes(IpProtocol::UDP, destination).unwrap();
        let header = RoutingHeader::parse(&bytes).unwrap();
        assert_eq!(SourceRoute::parse(&header, destination), Ok(route.clone()));
        bytes.len()
    }

    #[test]
    fn a_shared_prefix_is_left_out() {
        let route =
            SourceRoute { addresses: vec![node(0x0202), node(0x0303), node(0x0404)], segments_left: 3 };
        // Fourteen octets are shared: 3 addresses of 2 octets and 2 of padding behind 8.
        assert_eq!(round_trip(&route, node(0x0101)), 16);
        let bytes = route.to_bytes(IpProtocol::UDP, node(0x0101)).unwrap();
        assert_eq!(bytes[..8], [17, 1, 3, 3, 0xEE, 0x20, 0, 0]);
        assert_eq!(bytes[8..], [2, 2, 3, 3, 4, 4, 0, 0]);
    }

    #[test]
    fn routes_of_any_addresses_survive_emit_and_parse() {
        let far = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6);
        for addresses in
            [vec![node(2)], vec![far], vec![node(2), far], vec![far, node(2)], vec![node(1), node(1)]]
        {
            let route = SourceRoute { segments_left: addresses.len() as u8, addresses };
            assert_eq!(round_trip(&route, node(1)) % 8, 0);
        }
        assert_eq!(SourceRoute { addresses: vec![], segments_left: 0 }.to_bytes(IpProtocol::UDP, far), None);
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let route = SourceRoute { addresses: vec![node(2), node(3)], segments_left: 2 };
        let bytes = route.to_bytes(IpProtocol::UDP, node(1)).unwrap();
        for (at, value) in [(2, 4), (3, 3), (5, 0xF0), (4, 0x3E)] {
            let mut bad = bytes.clone();
            bad[at] = value;
            let header = RoutingHeader::parse(&bad).unwrap();
            assert!(SourceRoute::parse(&header, node(1)).is_err(), "byte {at}");
        }
    }
}
