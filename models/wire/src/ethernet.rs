//! Ethernet frames with a type field (DIX Ethernet II, IEEE 802.3 clause 3), and their addresses.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::error::{ParseError, array, exactly, fixed};

/// Bytes of the header: two addresses and the type.
pub const HEADER_LEN: usize = 14;
/// Bytes of the frame check sequence behind the payload.
pub const FRAME_CHECK_LEN: usize = 4;
/// The shortest frame, header and frame check sequence included (IEEE 802.3 §3.2.8).
pub const FRAME_LEN_MIN: usize = 64;
/// The longest payload of a standard frame.
pub const MTU: usize = 1500;

const NAME: &str = "an Ethernet header";

/// Bytes that a frame with `payload_len` bytes takes on the medium: padded to 64, check sequence included.
///
/// Preamble and the gap between frames take time, but are no part of the frame.
#[inline]
#[must_use]
pub const fn frame_len(payload_len: usize) -> usize {
    let len = HEADER_LEN + payload_len + FRAME_CHECK_LEN;
    if len < FRAME_LEN_MIN { FRAME_LEN_MIN } else { len }
}

/// A 48-bit address (EUI-48).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MacAddress(
    /// The octets in the order in which they are sent.
    pub [u8; 6],
);

impl MacAddress {
    /// All stations.
    pub const BROADCAST: Self = Self([0xFF; 6]);

    /// Whether frames to this address go to a group; the broadcast address is one.
    #[inline]
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// The group address of an IPv4 group: its low 23 bits behind 01-00-5E (RFC 1112 §6.4).
    #[must_use]
    pub const fn from_ipv4_multicast(group: Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5E, b & 0x7F, c, d])
    }

    /// The group address of an IPv6 group: its low 32 bits behind 33-33 (RFC 2464 §7).
    #[must_use]
    pub const fn from_ipv6_multicast(group: Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        Self([0x33, 0x33, a, b, c, d])
    }

    /// The interface identifier: FF-FE in the middle, universal/local bit flipped (RFC 2464 §4).
    #[must_use]
    pub const fn interface_identifier(self) -> [u8; 8] {
        let [a, b, c, d, e, f] = self.0;
        [a ^ 0x02, b, c, 0xFF, 0xFE, d, e, f]
    }

    /// The link-local address made of the interface identifier (RFC 2464 §5).
    #[must_use]
    pub const fn link_local(self) -> Ipv6Addr {
        let [a, b, c, d, e, f, g, h] = self.interface_identifier();
        Ipv6Addr::from_octets([0xFE, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// What the payload of a frame is (IANA "IEEE 802 Numbers"); values below 1536 are lengths of IEEE 802.3 frames.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EtherType(
    /// The number as it stands in the header.
    pub u16,
);

impl EtherType {
    /// IPv4 (RFC 894).
    pub const IPV4: Self = Self(0x0800);
    /// Address resolution (RFC 826).
    pub const ARP: Self = Self(0x0806);
    /// IPv6 (RFC 2464 §3).
    pub const IPV6: Self = Self(0x86DD);
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// The receiver.
    pub destination: MacAddress,
    /// The sender.
    pub source: MacAddress,
    /// What the payload is.
    pub ether_type: EtherType,
}

impl Header {
    /// Reads the header at the start of a frame.
    ///
    /// # Errors
    /// There are fewer than 14 bytes.
    #[inline]
    pub fn parse(frame: &[u8]) -> Result<Self, ParseError> {
        let (head, _) = fixed::<HEADER_LEN>(NAME, frame)?;
        Ok(Self {
            destination: MacAddress(array(head, 0)),
            source: MacAddress(array(head, 6)),
            ether_type: EtherType(u16::from_be_bytes([head[12], head[13]])),
        })
    }

    /// Writes the header.
    ///
    /// # Panics
    /// `out` is not [`HEADER_LEN`] bytes long.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        let out = exactly::<HEADER_LEN>(out);
        out[0..6].copy_from_slice(&self.destination.0);
        out[6..12].copy_from_slice(&self.source.0);
        out[12..14].copy_from_slice(&self.ether_type.0.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_two_addresses_and_a_type() {
        let header = Header {
            destination: MacAddress::BROADCAST,
            source: MacAddress([2, 0, 0, 0, 0, 1]),
            ether_type: EtherType::ARP,
        };
        let mut out = [0; 14];
        header.emit(&mut out);
        assert_eq!(out, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0, 1, 0x08, 0x06]);
        assert_eq!(Header::parse(&out), Ok(header));
        for len in 0..14 {
            let error = ParseError::Truncated { header: NAME, need: 14, have: len };
            assert_eq!(Header::parse(&out[..len]), Err(error));
        }
    }

    #[test]
    fn frames_are_padded_to_sixty_four_bytes() {
        // 14 + 46 + 4 = 64: a payload of 46 bytes is the first that needs no padding.
        assert_eq!(frame_len(0), 64);
        assert_eq!(frame_len(46), 64);
        assert_eq!(frame_len(47), 65);
        assert_eq!(frame_len(MTU), 1518);
    }

    #[test]
    fn groups_map_to_group_addresses() {
        // RFC 1112 §6.4: the top bit of the second octet is lost: 224.129.2.3 and 225.1.2.3 share an address.
        let expected = MacAddress([0x01, 0x00, 0x5E, 1, 2, 3]);
        assert_eq!(MacAddress::from_ipv4_multicast(Ipv4Addr::new(224, 129, 2, 3)), expected);
        assert_eq!(MacAddress::from_ipv4_multicast(Ipv4Addr::new(225, 1, 2, 3)), expected);
        // Solicited-node group of ...:1234:5678 is ff02::1:ff34:5678.
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff34, 0x5678);
        let address = MacAddress::from_ipv6_multicast(group);
        assert_eq!(address.to_string(), "33:33:ff:34:56:78");
        assert!(address.is_multicast() && MacAddress::BROADCAST.is_multicast());
        assert!(!MacAddress([2, 0, 0, 0, 0, 1]).is_multicast());
    }

    #[test]
    fn an_interface_identifier_follows_the_example_of_rfc_2464() {
        // RFC 2464 §4: 34-56-78-9A-BC-DE gives 36-56-78-FF-FE-9A-BC-DE.
        let address = MacAddress([0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE]);
        assert_eq!(address.interface_identifier(), [0x36, 0x56, 0x78, 0xFF, 0xFE, 0x9A, 0xBC, 0xDE]);
        assert_eq!(address.link_local().to_string(), "fe80::3656:78ff:fe9a:bcde");
    }
}
