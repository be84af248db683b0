//! The fixed IPv6 header (RFC 8200 §3). Extension headers are in [`crate::ipv6_extension`].

use std::net::Ipv6Addr;

use crate::error::{ParseError, array, exactly, fixed};
use crate::ip::{Dscp, Ecn, IpProtocol, dscp_of, traffic_class};

/// Bytes of the fixed header.
pub const HEADER_LEN: usize = 40;
/// The smallest MTU that a link may have (RFC 8200 §5).
pub const MTU_MIN: usize = 1280;
/// The hop limit that a host gives its packets (IANA "IP Time To Live Parameter", RFC 4861 §6.3.2).
pub const HOP_LIMIT_DEFAULT: u8 = 64;

const NAME: &str = "an IPv6 header";

/// The flow label, 20 bits (RFC 8200 §6).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct FlowLabel(u32);

impl FlowLabel {
    /// The packet belongs to no labelled flow.
    pub const NONE: Self = Self(0);

    /// The label, unless it needs more than 20 bits.
    #[must_use]
    pub const fn new(label: u32) -> Option<Self> {
        if label < 1 << 20 { Some(Self(label)) } else { None }
    }

    /// The label, below 2^20.
    #[must_use]
    pub const fn label(self) -> u32 {
        self.0
    }
}

/// A fixed IPv6 header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Differentiated services code point.
    pub dscp: Dscp,
    /// Congestion mark.
    pub ecn: Ecn,
    /// Flow label.
    pub flow_label: FlowLabel,
    /// Bytes behind this header, extension headers included.
    pub payload_len: u16,
    /// What follows this header.
    pub next_header: IpProtocol,
    /// Hops that the packet may still take.
    pub hop_limit: u8,
    /// The sender.
    pub source: Ipv6Addr,
    /// The receiver.
    pub destination: Ipv6Addr,
}

impl Header {
    /// A header for `payload_len` bytes, best effort, unlabelled, of the default hop limit.
    #[inline]
    #[must_use]
    pub const fn new(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        next_header: IpProtocol,
        payload_len: u16,
    ) -> Self {
        Self {
            dscp: Dscp::DEFAULT,
            ecn: Ecn::NotEct,
            flow_label: FlowLabel::NONE,
            payload_len,
            next_header,
            hop_limit: HOP_LIMIT_DEFAULT,
            source,
            destination,
        }
    }

    /// Reads the header at the start of a packet.
    ///
    /// # Errors
    /// There are fewer than 40 bytes, or the version is not 6.
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Self, ParseError> {
        let (head, _) = fixed::<HEADER_LEN>(NAME, packet)?;
        if head[0] >> 4 != 6 {
            let value = u32::from(head[0] >> 4);
            return Err(ParseError::Field { header: NAME, field: "version", value });
        }
        let word = u32::from_be_bytes(array(head, 0));
        let class = (word >> 20 & 0xFF) as u8;
        Ok(Self {
            dscp: dscp_of(class),
            ecn: Ecn::from_traffic_class(class),
            flow_label: FlowLabel(word & 0xF_FFFF),
            payload_len: u16::from_be_bytes([head[4], head[5]]),
            next_header: IpProtocol(head[6]),
            hop_limit: head[7],
            source: Ipv6Addr::from(array::<16>(head, 8)),
            destination: Ipv6Addr::from(array::<16>(head, 24)),
        })
    }

    /// Writes the header.
    ///
    /// # Panics
    /// `out` is not [`HEADER_LEN`] bytes long.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        let out = exactly::<HEADER_LEN>(out);
        let class = u32::from(traffic_class(self.dscp, self.ecn));
        out[0..4].copy_from_slice(&(6 << 28 | class << 20 | self.flow_label.0).to_be_bytes());
        out[4..6].copy_from_slice(&self.payload_len.to_be_bytes());
        out[6] = self.next_header.0;
        out[7] = self.hop_limit;
        out[8..24].copy_from_slice(&self.source.octets());
        out[24..40].copy_from_slice(&self.destination.octets());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_the_bytes_of_rfc_8200() {
        let header = Header {
            dscp: Dscp::new(46).unwrap(),
            ecn: Ecn::Ect0,
            flow_label: FlowLabel::new(0xABCDE).unwrap(),
            hop_limit: 255,
            ..Header::new(
                Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2),
                IpProtocol::ICMPV6,
                0x1234,
            )
        };
        let mut out = [0; HEADER_LEN];
        header.emit(&mut out);
        // Version 6, class 46 * 4 + 2 = 0xBA, label 0xABCDE: 6 BA ABCDE. Length 1234, next 58 = 3A, limit FF.
        assert_eq!(out[..8], [0x6B, 0xAA, 0xBC, 0xDE, 0x12, 0x34, 0x3A, 0xFF]);
        assert_eq!(out[8..12], [0xFE, 0x80, 0, 0]);
        assert_eq!((out[23], out[24], out[25], out[39]), (1, 0xFF, 2, 2));
        assert_eq!(Header::parse(&out), Ok(header));
    }

    #[test]
    fn a_label_has_twenty_bits() {
        assert_eq!(FlowLabel::new(0xF_FFFF).map(FlowLabel::label), Some(0xF_FFFF));
        assert_eq!(FlowLabel::new(0x10_0000), None);
    }

    #[test]
    fn a_short_or_foreign_header_is_refused() {
        let bytes = [0x60; HEADER_LEN];
        for len in 0..HEADER_LEN {
            let error = ParseError::Truncated { header: NAME, need: 40, have: len };
            assert_eq!(Header::parse(&bytes[..len]), Err(error));
        }
        assert!(Header::parse(&[0x40; HEADER_LEN]).is_err());
    }
}
