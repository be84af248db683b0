//! The UDP header (RFC 768).

use crate::checksum::Sum;
use crate::error::{NoRoom, ParseError, exactly, fixed};

/// Bytes of the header.
pub const HEADER_LEN: usize = 8;
/// The longest payload: the length field has 16 bits and counts the header.
pub const PAYLOAD_LEN_MAX: usize = 65_535 - HEADER_LEN;
/// Where the checksum stands in the header.
pub const CHECKSUM_OFFSET: usize = 6;

const NAME: &str = "a UDP header";

/// A UDP header without its checksum, which [`Header::emit`] computes and [`verify`] checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Port of the sender; zero if it expects no reply.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    // At least 8.
    length: u16,
}

impl Header {
    /// A header for `payload_len` bytes.
    ///
    /// # Errors
    /// The payload is longer than 65527 bytes.
    #[inline]
    pub fn new(source_port: u16, destination_port: u16, payload_len: usize) -> Result<Self, NoRoom> {
        if payload_len > PAYLOAD_LEN_MAX {
            return Err(NoRoom { what: "a UDP datagram", room: PAYLOAD_LEN_MAX, need: payload_len });
        }
        let length = (HEADER_LEN + payload_len) as u16; // At most 65535.
        Ok(Self { source_port, destination_port, length })
    }

    /// Reads the header at the start of a datagram; the checksum is left to [`verify`].
    ///
    /// # Errors
    /// There are fewer than 8 bytes, or the length field says so.
    #[inline]
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let (head, _) = fixed::<HEADER_LEN>(NAME, datagram)?;
        let length = u16::from_be_bytes([head[4], head[5]]);
        if usize::from(length) < HEADER_LEN {
            return Err(ParseError::Field { header: NAME, field: "length", value: u32::from(length) });
        }
        Ok(Self {
            source_port: u16::from_be_bytes([head[0], head[1]]),
            destination_port: u16::from_be_bytes([head[2], head[3]]),
            length,
        })
    }

    /// Bytes of header and payload: 8 to 65535. The pseudo-header holds the same number.
    #[inline]
    #[must_use]
    pub const fn length(&self) -> u16 {
        self.length
    }

    /// Bytes behind the header.
    #[inline]
    #[must_use]
    pub const fn payload_len(&self) -> usize {
        self.length as usize - HEADER_LEN
    }

    /// Writes the header with its checksum; `rest` is the sum of pseudo-header and payload.
    ///
    /// A checksum that comes out as zero is sent as all ones, since zero means none (RFC 768).
    ///
    /// # Panics
    /// `out` is not [`HEADER_LEN`] bytes long.
    #[inline]
    pub fn emit(&self, out: &mut [u8], rest: Sum) {
        self.emit_without_checksum(out);
        let checksum = match (rest + Sum::of(exactly::<HEADER_LEN>(out))).finish() {
            0 => 0xFFFF,
            other => other,
        };
        out[6..8].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Writes the header with a zero checksum, which says that none was computed.
    ///
    /// IPv4 alone allows this (RFC 768); over IPv6 only some tunnels do (RFC 6935 §5).
    ///
    /// # Panics
    /// `out` is not [`HEADER_LEN`] bytes long.
    #[inline]
    pub fn emit_without_checksum(&self, out: &mut [u8]) {
        let out = exactly::<HEADER_LEN>(out);
        out[0..2].copy_from_slice(&self.source_port.to_be_bytes());
        out[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        out[4..6].copy_from_slice(&self.length.to_be_bytes());
        out[6..8].fill(0);
    }
}

/// What a receiver does with a datagram that carries no checksum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ZeroChecksum {
    /// It takes it: IPv4 (RFC 1122 §4.1.3.4), and IPv6 on a port that is set up for it (RFC 6935 §5).
    Accepted,
    /// It discards it: IPv6 (RFC 8200 §8.1).
    Refused,
}

/// Whether the checksum in `header` is right; `rest` is the sum of pseudo-header and payload.
///
/// A slice shorter than a header is never right.
#[inline]
#[must_use]
pub fn verify(header: &[u8], rest: Sum, zero: ZeroChecksum) -> bool {
    match header {
        [_, _, _, _, _, _, 0, 0] => zero == ZeroChecksum::Accepted,
        [_, _, _, _, _, _, _, _] => (rest + Sum::of(header)).is_valid(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::pseudo_header;
    use crate::ip::IpProtocol;
    use std::net::Ipv4Addr;

    fn rest(payload: &[u8]) -> Sum {
        let (from, to) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let length = HEADER_LEN + payload.len();
        pseudo_header(from.into(), to.into(), IpProtocol::UDP, length as u32) + Sum::of(payload)
    }

    #[test]
    fn a_datagram_has_the_bytes_of_rfc_768() {
        let header = Header::new(5683, 61616, 3).unwrap();
        let mut out = [0xEE; 8];
        header.emit(&mut out, rest(&[0x40, 0x00, 0x12]));
        // 5683 = 1633, 61616 = F0B0, length 11 = B. Pseudo-header: 0a00 + 1 + 0a00 + 2 + 11 + b = 141f.
        // Payload: 4000 + 1200 = 5200. Header: 1633 + f0b0 + b = 106ee. Sum 16d0d, folded 6d0e, complement 92f1.
        assert_eq!(out, [0x16, 0x33, 0xF0, 0xB0, 0, 11, 0x92, 0xF1]);
        assert_eq!(Header::parse(&out), Ok(header));
        assert!(verify(&out, rest(&[0x40, 0x00, 0x12]), ZeroChecksum::Refused));
        assert!(!verify(&out, rest(&[0x40, 0x00, 0x13]), ZeroChecksum::Accepted));
    }

    #[test]
    fn a_computed_zero_is_sent_as_all_ones() {
        let header = Header::new(1, 2, 2).unwrap();
        // Pseudo-header with length 10: 141e. Header: 1 + 2 + a = d. Payload ffff - 142b = ebd4 makes it ffff.
        let mut out = [0; 8];
        header.emit(&mut out, rest(&[0xEB, 0xD4]));
        assert_eq!(out[6..], [0xFF, 0xFF]);
        assert!(verify(&out, rest(&[0xEB, 0xD4]), ZeroChecksum::Refused));
    }

    #[test]
    fn no_checksum_is_a_matter_of_the_version() {
        let mut out = [0; 8];
        Header::new(1, 2, 0).unwrap().emit_without_checksum(&mut out);
        assert!(verify(&out, rest(&[]), ZeroChecksum::Accepted));
        assert!(!verify(&out, rest(&[]), ZeroChecksum::Refused));
        assert!(!verify(&out[..7], rest(&[]), ZeroChecksum::Accepted));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let bytes = [0, 1, 0, 2, 0, 7, 0, 0];
        assert_eq!(Header::parse(&bytes), Err(ParseError::Field { header: NAME, field: "length", value: 7 }));
        for len in 0..8 {
            let error = ParseError::Truncated { header: NAME, need: 8, have: len };
            assert_eq!(Header::parse(&bytes[..len]), Err(error));
        }
        assert!(Header::new(1, 2, 65_527).is_ok());
        assert_eq!(
            Header::new(1, 2, 65_528),
            Err(NoRoom { what: "a UDP datagram", room: 65_527, need: 65_528 })
        );
    }
}
