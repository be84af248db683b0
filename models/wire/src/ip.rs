//! What IPv4 and IPv6 have in common: protocol numbers, service marks, and a header of either version.

use std::fmt;
use std::net::IpAddr;

use crate::error::ParseError;
use crate::{ipv4, ipv6};

/// The number of the protocol above IP, or of an IPv6 extension header (IANA "Protocol Numbers").
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IpProtocol(
    /// The number as it stands in the header.
    pub u8,
);

impl IpProtocol {
    /// IPv6 hop-by-hop options (RFC 8200 §4.3).
    pub const HOP_BY_HOP: Self = Self(0);
    /// ICMP for IPv4 (RFC 792).
    pub const ICMP: Self = Self(1);
    /// Internet Group Management Protocol (RFC 2236).
    pub const IGMP: Self = Self(2);
    /// IPv4 inside IP (RFC 2003).
    pub const IPV4: Self = Self(4);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self(17);
    /// ISO transport protocol class 4 (RFC 905).
    pub const TP4: Self = Self(29);
    /// DCCP (RFC 4340).
    pub const DCCP: Self = Self(33);
    /// IPv6 inside IP (RFC 2473).
    pub const IPV6: Self = Self(41);
    /// IPv6 routing header (RFC 8200 §4.4).
    pub const IPV6_ROUTING: Self = Self(43);
    /// IPv6 fragment header (RFC 8200 §4.5).
    pub const IPV6_FRAGMENT: Self = Self(44);
    /// ICMP for IPv6 (RFC 4443).
    pub const ICMPV6: Self = Self(58);
    /// Nothing follows (RFC 8200 §4.7).
    pub const IPV6_NO_NEXT_HEADER: Self = Self(59);
    /// IPv6 destination options (RFC 8200 §4.6).
    pub const IPV6_DESTINATION_OPTIONS: Self = Self(60);
    /// ISO connectionless network protocol (RFC 1070).
    pub const CLNP: Self = Self(80);
    /// SCTP (RFC 9260).
    pub const SCTP: Self = Self(132);
    /// UDP-Lite (RFC 3828).
    pub const UDP_LITE: Self = Self(136);

    /// Whether this is one of the extension headers that a chain is walked through.
    #[must_use]
    pub const fn is_ipv6_extension(self) -> bool {
        matches!(
            self,
            Self::HOP_BY_HOP | Self::IPV6_ROUTING | Self::IPV6_FRAGMENT | Self::IPV6_DESTINATION_OPTIONS
        )
    }
}

impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ICMP => f.write_str("ICMP"),
            Self::IGMP => f.write_str("IGMP"),
            Self::TCP => f.write_str("TCP"),
            Self::UDP => f.write_str("UDP"),
            Self::TP4 => f.write_str("TP4"),
            Self::DCCP => f.write_str("DCCP"),
            Self::ICMPV6 => f.write_str("ICMPv6"),
            Self::SCTP => f.write_str("SCTP"),
            Self(number) => write!(f, "IP protocol {number}"),
        }
    }
}

/// A differentiated services code point, 0 to 63 (RFC 2474 §3).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Dscp(u8);

impl Dscp {
    /// The default per-hop behaviour: best effort (RFC 2474 §4.1).
    pub const DEFAULT: Self = Self(0);

    /// The code point, unless it needs more than six bits.
    #[must_use]
    pub const fn new(code_point: u8) -> Option<Self> {
        if code_point < 64 { Some(Self(code_point)) } else { None }
    }

    /// The code point, 0 to 63.
    #[must_use]
    pub const fn code_point(self) -> u8 {
        self.0
    }
}

/// The two bits of explicit congestion notification (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Ecn {
    /// The transport does not understand ECN.
    #[default]
    NotEct = 0b00,
    /// ECN-capable transport; asks for low-latency service (RFC 9331 §4.1).
    Ect1 = 0b01,
    /// ECN-capable transport.
    Ect0 = 0b10,
    /// Congestion experienced.
    Ce = 0b11,
}

impl Ecn {
    /// Whether a router may mark instead of dropping (RFC 3168 §5).
    #[must_use]
    pub const fn is_capable(self) -> bool {
        !matches!(self, Self::NotEct)
    }

    /// The code point in the two low bits of the traffic class.
    #[inline]
    #[must_use]
    pub const fn from_traffic_class(class: u8) -> Self {
        match class & 0b11 {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }
}

/// The traffic class octet that `dscp` and `ecn` make up (RFC 2474 §3, RFC 3168 §5).
#[inline]
#[must_use]
pub const fn traffic_class(dscp: Dscp, ecn: Ecn) -> u8 {
    dscp.0 << 2 | ecn as u8
}

/// The code point in the six high bits of a traffic class octet.
#[inline]
#[must_use]
pub const fn dscp_of(class: u8) -> Dscp {
    Dscp(class >> 2)
}

/// A network header of either version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Header {
    /// An IPv4 header with its options.
    V4(ipv4::Header),
    /// The fixed IPv6 header; extension headers follow it.
    V6(ipv6::Header),
}

impl Header {
    /// Reads the header at the start of `bytes`, by its version.
    ///
    /// # Errors
    /// The version is neither 4 nor 6, or that version's header is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        match bytes.first().map(|first| first >> 4) {
            Some(4) => ipv4::Header::parse(bytes).map(Self::V4),
            Some(6) => ipv6::Header::parse(bytes).map(Self::V6),
            Some(version) => {
                Err(ParseError::Field { header: "IP", field: "version", value: u32::from(version) })
            }
            None => Err(ParseError::Truncated { header: "IP", need: 20, have: 0 }),
        }
    }

    /// Bytes that [`Self::emit`] writes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub const fn len(&self) -> usize {
        match self {
            Self::V4(header) => header.len(),
            Self::V6(_) => ipv6::HEADER_LEN,
        }
    }

    /// Writes the header, with its checksum where it has one.
    ///
    /// # Panics
    /// `out` is not [`Self::len`] bytes long.
    pub fn emit(&self, out: &mut [u8]) {
        match self {
            Self::V4(header) => header.emit(out),
            Self::V6(header) => header.emit(out),
        }
    }

    /// The sender.
    #[must_use]
    pub const fn source(&self) -> IpAddr {
        match self {
            Self::V4(header) => IpAddr::V4(header.source),
            Self::V6(header) => IpAddr::V6(header.source),
        }
    }

    /// The receiver.
    #[must_use]
    pub const fn destination(&self) -> IpAddr {
        match self {
            Self::V4(header) => IpAddr::V4(header.destination),
            Self::V6(header) => IpAddr::V6(header.destination),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_traffic_class_octet_splits_and_joins() {
        for class in 0..=u8::MAX {
            assert_eq!(traffic_class(dscp_of(class), Ecn::from_traffic_class(class)), class);
        }
    }

    #[test]
    fn ecn_code_points_are_those_of_rfc_3168() {
        // RFC 3168 §5, figure 1: 00 Not-ECT, 01 ECT(1), 10 ECT(0), 11 CE.
        assert_eq!(Ecn::from_traffic_class(0b01), Ecn::Ect1);
        assert_eq!(Ecn::from_traffic_class(0b10), Ecn::Ect0);
        // Expedited forwarding is code point 46: 46 * 4 + 3 = 187 = 0xBB.
        let expedited = Dscp::new(46).unwrap();
        assert_eq!(traffic_class(expedited, Ecn::Ce), 0xBB);
    }

    #[test]
    fn a_code_point_has_six_bits() {
        assert_eq!(Dscp::new(63).map(Dscp::code_point), Some(63));
        assert_eq!(Dscp::new(64), None);
    }

    #[test]
    fn other_versions_are_refused() {
        assert_eq!(
            Header::parse(&[0x50; 60]),
            Err(ParseError::Field { header: "IP", field: "version", value: 5 })
        );
        assert!(Header::parse(&[]).is_err());
    }
}
