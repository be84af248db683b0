//! An IP header read and changed where it lies: what a forwarding node needs, without a parse.
//!
//! Every change keeps the IPv4 header checksum right by RFC 1624's incremental update.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checksum::Change;
use crate::error::{ParseError, array};
use crate::ip::{Dscp, Ecn, IpProtocol, dscp_of};
use crate::ipv4::Fragmentation;
use crate::ipv6_extension::UpperLayer;
use crate::{ipv4, ipv6};

const CHECKSUM: usize = 10;

/// The fixed part of an IP header, to be read in place.
#[derive(Clone, Copy, Debug)]
pub enum HeaderView<'a> {
    /// An IPv4 header whose length field is possible; options follow.
    V4(&'a [u8; ipv4::HEADER_LEN]),
    /// An IPv6 header.
    V6(&'a [u8; ipv6::HEADER_LEN]),
}

impl<'a> HeaderView<'a> {
    /// Looks at the start of a packet: only version and header length are checked.
    ///
    /// # Errors
    /// The version is neither 4 nor 6, or the bytes end within the header.
    #[inline]
    pub fn new(packet: &'a [u8]) -> Result<Self, ParseError> {
        match header_len(packet)? {
            ipv6::HEADER_LEN if packet[0] >> 4 == 6 => Ok(Self::V6(leading(packet))),
            _ => Ok(Self::V4(leading(packet))),
        }
    }

    /// Bytes of the header: 20 to 60 with IPv4 options, 40 without IPv6 extension headers.
    #[inline]
    #[must_use]
    pub const fn header_len(self) -> usize {
        match self {
            Self::V4(head) => (head[0] & 0x0F) as usize * 4,
            Self::V6(_) => ipv6::HEADER_LEN,
        }
    }

    /// Bytes of the whole packet, by its length field.
    #[inline]
    #[must_use]
    pub const fn total_len(self) -> usize {
        match self {
            Self::V4(head) => u16::from_be_bytes([head[2], head[3]]) as usize,
            Self::V6(head) => ipv6::HEADER_LEN + u16::from_be_bytes([head[4], head[5]]) as usize,
        }
    }

    /// The protocol field, or the first next header field.
    #[inline]
    #[must_use]
    pub const fn protocol(self) -> IpProtocol {
        match self {
            Self::V4(head) => IpProtocol(head[9]),
            Self::V6(head) => IpProtocol(head[6]),
        }
    }

    /// The upper layer's protocol in `packet`, which begins with this header, and where its own header begins: behind
    /// options or extension headers. `None` when those are damaged or cut.
    #[must_use]
    pub fn upper_layer(self, packet: &[u8]) -> Option<(IpProtocol, usize)> {
        let len = self.header_len();
        match self {
            Self::V4(_) => Some((self.protocol(), len)),
            Self::V6(_) => {
                let upper = UpperLayer::find(self.protocol(), packet.get(len..)?).ok()?;
                Some((upper.protocol, len + upper.offset))
            }
        }
    }

    /// Time to live, or hop limit.
    #[inline]
    #[must_use]
    pub const fn hop_limit(self) -> u8 {
        match self {
            Self::V4(head) => head[8],
            Self::V6(head) => head[7],
        }
    }

    /// The sender.
    #[inline]
    #[must_use]
    pub fn source(self) -> IpAddr {
        match self {
            Self::V4(head) => Ipv4Addr::from(array::<4>(head, 12)).into(),
            Self::V6(head) => Ipv6Addr::from(array::<16>(head, 8)).into(),
        }
    }

    /// The receiver.
    #[inline]
    #[must_use]
    pub fn destination(self) -> IpAddr {
        match self {
            Self::V4(head) => Ipv4Addr::from(array::<4>(head, 16)).into(),
            Self::V6(head) => Ipv6Addr::from(array::<16>(head, 24)).into(),
        }
    }

    /// The congestion mark.
    #[inline]
    #[must_use]
    pub const fn ecn(self) -> Ecn {
        Ecn::from_traffic_class(self.traffic_class())
    }

    /// The differentiated services code point.
    #[inline]
    #[must_use]
    pub const fn dscp(self) -> Dscp {
        dscp_of(self.traffic_class())
    }

    /// The fragmentation fields of an IPv4 header; IPv6 has them in an extension header.
    #[inline]
    #[must_use]
    pub const fn fragmentation(self) -> Option<Fragmentation> {
        match self {
            Self::V4(head) => Some(Fragmentation::from_wire(
                u16::from_be_bytes([head[4], head[5]]),
                u16::from_be_bytes([head[6], head[7]]),
            )),
            Self::V6(_) => None,
        }
    }

    const fn traffic_class(self) -> u8 {
        match self {
            Self::V4(head) => head[1],
            Self::V6(head) => head[0] << 4 | head[1] >> 4,
        }
    }
}

/// The fixed part of an IP header, to be changed in place.
#[derive(Debug)]
pub enum HeaderMut<'a> {
    /// An IPv4 header whose length field is possible; options follow.
    V4(&'a mut [u8; ipv4::HEADER_LEN]),
    /// An IPv6 header.
    V6(&'a mut [u8; ipv6::HEADER_LEN]),
}

impl<'a> HeaderMut<'a> {
    /// Looks at the start of a packet: only version and header length are checked.
    ///
    /// # Errors
    /// The version is neither 4 nor 6, or the bytes end within the header.
    #[inline]
    pub fn new(packet: &'a mut [u8]) -> Result<Self, ParseError> {
        header_len(packet)?;
        if packet[0] >> 4 == 6 {
            Ok(Self::V6(packet.first_chunk_mut().expect("the length was checked")))
        } else {
            Ok(Self::V4(packet.first_chunk_mut().expect("the length was checked")))
        }
    }

    /// The same header, to be read.
    #[inline]
    #[must_use]
    pub const fn view(&self) -> HeaderView<'_> {
        match self {
            Self::V4(head) => HeaderView::V4(head),
            Self::V6(head) => HeaderView::V6(head),
        }
    }

    /// Takes one hop off and returns what is left; `None` when the packet may go no further.
    ///
    /// A packet whose limit is 0 or 1 is discarded, unchanged (RFC 1812 §5.3.1, RFC 8200 §3).
    #[inline]
    pub fn decrement_hop_limit(&mut self) -> Option<u8> {
        let left = self.view().hop_limit().checked_sub(1).filter(|left| *left > 0)?;
        match self {
            Self::V4(head) => replace_word(head, 8, u16::from_be_bytes([left, head[9]])),
            Self::V6(head) => head[7] = left,
        }
        Some(left)
    }

    /// Marks congestion experienced; returns whether the packet carries the mark now.
    ///
    /// A transport that does not understand ECN gets no mark (RFC 3168 §5): its packet is to be dropped.
    #[inline]
    pub fn set_congestion_experienced(&mut self) -> bool {
        if !self.view().ecn().is_capable() {
            return false;
        }
        match self {
            Self::V4(head) => replace_word(head, 0, u16::from_be_bytes([head[0], head[1] | 0b11])),
            Self::V6(head) => head[1] |= 0b11 << 4,
        }
        true
    }

    /// Rewrites the sender, as a NAT does; returns the change for checksums with a pseudo-header.
    ///
    /// `None`, and no change, when `address` is of the other version.
    pub fn set_source(&mut self, address: IpAddr) -> Option<Change> {
        self.replace_address(12, 8, address)
    }

    /// Rewrites the receiver, as a NAT does; returns the change for checksums with a pseudo-header.
    ///
    /// `None`, and no change, when `address` is of the other version.
    pub fn set_destination(&mut self, address: IpAddr) -> Option<Change> {
        self.replace_address(16, 24, address)
    }

    fn replace_address(&mut self, at_v4: usize, at_v6: usize, address: IpAddr) -> Option<Change> {
        match (self, address) {
            (Self::V4(head), IpAddr::V4(new)) => {
                let change = replace(&mut head[at_v4..at_v4 + 4], &new.octets());
                let checksum = change.apply(u16::from_be_bytes([head[CHECKSUM], head[CHECKSUM + 1]]));
                head[CHECKSUM..CHECKSUM + 2].copy_from_slice(&checksum.to_be_bytes());
                Some(change)
            }
            (Self::V6(head), IpAddr::V6(new)) => Some(replace(&mut head[at_v6..at_v6 + 16], &new.octets())),
            (Self::V4(_), IpAddr::V6(_)) | (Self::V6(_), IpAddr::V4(_)) => None,
        }
    }
}

/// Length of the IP header that `packet` starts with, all of which is there.
#[inline]
fn header_len(packet: &[u8]) -> Result<usize, ParseError> {
    let have = packet.len();
    let Some(first) = packet.first() else {
        return Err(ParseError::Truncated { header: "an IP header", need: ipv4::HEADER_LEN, have });
    };
    let (header, need) = match (first >> 4, first & 0x0F) {
        (4, words @ 5..) => ("an IPv4 header", usize::from(words) * 4),
        (4, words) => {
            let value = u32::from(words);
            return Err(ParseError::Field { header: "an IPv4 header", field: "header length", value });
        }
        (6, _) => ("an IPv6 header", ipv6::HEADER_LEN),
        (version, _) => {
            let value = u32::from(version);
            return Err(ParseError::Field { header: "an IP header", field: "version", value });
        }
    };
    if have < need { Err(ParseError::Truncated { header, need, have }) } else { Ok(need) }
}

fn leading<const N: usize>(packet: &[u8]) -> &[u8; N] {
    packet.first_chunk().expect("the length was checked")
}

/// Replaces the word at `at` of an IPv4 header and updates its checksum.
#[inline]
fn replace_word(head: &mut [u8; ipv4::HEADER_LEN], at: usize, new: u16) {
    let old = u16::from_be_bytes([head[at], head[at + 1]]);
    let checksum = u16::from_be_bytes([head[CHECKSUM], head[CHECKSUM + 1]]);
    let updated = Change::of_u16(old, new).apply(checksum);
    head[at..at + 2].copy_from_slice(&new.to_be_bytes());
    head[CHECKSUM..CHECKSUM + 2].copy_from_slice(&updated.to_be_bytes());
}

fn replace(field: &mut [u8], new: &[u8]) -> Change {
    let change = Change::of_bytes(field, new);
    field.copy_from_slice(new);
    change
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4() -> [u8; 20] {
        let (from, to) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let mut header = ipv4::Header::new(from, to, IpProtocol::UDP, 100).unwrap();
        header.ecn = Ecn::Ect0;
        let mut bytes = [0; 20];
        header.emit(&mut bytes);
        bytes
    }

    fn v6() -> [u8; 40] {
        let (from, to) = (Ipv6Addr::LOCALHOST, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
        let mut header = ipv6::Header::new(from, to, IpProtocol::UDP, 100);
        header.ecn = Ecn::Ect1;
        let mut bytes = [0; 40];
        header.emit(&mut bytes);
        bytes
    }

    #[test]
    fn a_hop_costs_one_and_keeps_the_checksum_right() {
        let mut bytes = v4();
        for left in (1..64).rev() {
            assert_eq!(HeaderMut::new(&mut bytes).unwrap().decrement_hop_limit(), Some(left));
            assert_eq!(ipv4::Header::parse(&bytes).unwrap().time_to_live, left);
        }
        let last = bytes;
        assert_eq!(HeaderMut::new(&mut bytes).unwrap().decrement_hop_limit(), None);
        assert_eq!(bytes, last, "a discarded packet is left as it came");
        let mut bytes = v6();
        assert_eq!(HeaderMut::new(&mut bytes).unwrap().decrement_hop_limit(), Some(63));
        bytes[7] = 0;
        assert_eq!(HeaderMut::new(&mut bytes).unwrap().decrement_hop_limit(), None);
    }

    #[test]
    fn only_capable_transports_are_marked() {
        let mut bytes = v4();
        assert!(HeaderMut::new(&mut bytes).unwrap().set_congestion_experienced());
        assert_eq!(ipv4::Header::parse(&bytes).unwrap().ecn, Ecn::Ce);
        assert!(HeaderMut::new(&mut bytes).unwrap().set_congestion_experienced(), "a mark stays");

        let mut bytes = v6();
        assert!(HeaderMut::new(&mut bytes).unwrap().set_congestion_experienced());
        assert_eq!(ipv6::Header::parse(&bytes).unwrap().ecn, Ecn::Ce);
        bytes[1] &= 0x0F;
        let unable = bytes;
        assert!(!HeaderMut::new(&mut bytes).unwrap().set_congestion_experienced());
        assert_eq!(bytes, unable);
    }

    #[test]
    fn a_rewritten_address_changes_both_checksums() {
        let mut bytes = v4();
        let new = IpAddr::from([203, 0, 113, 7]);
        let change = HeaderMut::new(&mut bytes).unwrap().set_source(new).unwrap();
        let header = ipv4::Header::parse(&bytes).unwrap();
        assert_eq!(IpAddr::from(header.source), new);
        // 10.0.0.1 = 0a00 + 0001 leaves the sum, 203.0.113.7 = cb00 + 7107 = 13c07 comes: it grows by 13206,
        // folded 3207. A checksum of ffff stood for the sum 0.
        assert_eq!(change.apply(0xFFFF), !0x3207);
        assert_eq!(HeaderMut::new(&mut bytes).unwrap().set_source(Ipv6Addr::LOCALHOST.into()), None);

        let mut bytes = v6();
        let new = IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
        let change = HeaderMut::new(&mut bytes).unwrap().set_destination(new).unwrap();
        assert_eq!(HeaderView::new(&bytes).unwrap().destination(), new);
        // ...:1 became ...:2, so the sum grows by one.
        assert_eq!(change.apply(!0x1000), !0x1001);
    }

    #[test]
    fn a_view_reads_what_the_codecs_wrote() {
        let (v4, v6) = (v4(), v6());
        for (view, header) in [
            (HeaderView::new(&v4).unwrap(), crate::ip::Header::parse(&v4).unwrap()),
            (HeaderView::new(&v6).unwrap(), crate::ip::Header::parse(&v6).unwrap()),
        ] {
            assert_eq!(view.source(), header.source());
            assert_eq!(view.destination(), header.destination());
            assert_eq!(view.header_len(), header.len());
            assert_eq!(view.total_len(), header.len() + 100);
            assert_eq!(view.protocol(), IpProtocol::UDP);
            assert_eq!(view.hop_limit(), 64);
            assert!(view.ecn().is_capable());
            assert_eq!(view.dscp(), Dscp::DEFAULT);
        }
        assert!(!HeaderView::new(&v4).unwrap().fragmentation().unwrap().is_fragment());
    }

    #[test]
    fn a_header_that_is_cut_or_impossible_is_refused() {
        for len in 0..20 {
            assert!(HeaderView::new(&v4()[..len]).is_err(), "{len} bytes");
        }
        for len in 0..40 {
            assert!(HeaderMut::new(&mut v6()[..len]).is_err(), "{len} bytes");
        }
        for first in [0x44, 0x46, 0x50, 0x00] {
            let mut bytes = v4();
            bytes[0] = first;
            assert!(HeaderView::new(&bytes).is_err(), "first octet {first:#x}");
        }
    }
}
