//! The common header (RFC 9260 §3.1) and the checksum over a packet (§6.8).

use super::COMMON_HEADER_LEN;
use crate::crc32c::Crc32c;
use crate::error::{ParseError, exactly, fixed};
use crate::payload::Payload;

const NAME: &str = "an SCTP common header";

/// What every SCTP packet begins with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CommonHeader {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// The receiver's Initiate Tag; zero in a packet with an INIT chunk.
    pub verification_tag: u32,
    /// CRC32c of the whole packet with this field as zero, or zero where that was agreed (RFC 9653).
    pub checksum: u32,
}

impl CommonHeader {
    /// Reads the header at the start of `packet`; the checksum is not compared.
    ///
    /// # Errors
    /// There are fewer than 12 bytes.
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Self, ParseError> {
        let (head, _) = fixed::<COMMON_HEADER_LEN>(NAME, packet)?;
        Ok(Self {
            source_port: u16::from_be_bytes([head[0], head[1]]),
            destination_port: u16::from_be_bytes([head[2], head[3]]),
            verification_tag: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            checksum: u32::from_le_bytes([head[8], head[9], head[10], head[11]]),
        })
    }

    /// Writes the header.
    ///
    /// # Panics
    /// `out` is not [`COMMON_HEADER_LEN`] bytes long.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        let out = exactly::<COMMON_HEADER_LEN>(out);
        out[0..2].copy_from_slice(&self.source_port.to_be_bytes());
        out[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        out[4..8].copy_from_slice(&self.verification_tag.to_be_bytes());
        // Least significant byte first (RFC 9260 Appendix A).
        out[8..12].copy_from_slice(&self.checksum.to_le_bytes());
    }
}

/// The checksum of a packet that begins with the bytes `header`, whose checksum field counts as zero.
///
/// # Panics
/// `header` does not hold a whole common header.
#[inline]
#[must_use]
pub fn checksum(header: &[u8], payload: &Payload) -> u32 {
    let mut crc = Crc32c::new();
    crc.add_bytes(&header[..8]);
    crc.add_zeros(4);
    crc.add_bytes(&header[COMMON_HEADER_LEN..]);
    for slice in payload.slices() {
        match slice.as_bytes() {
            Some(bytes) => crc.add_bytes(bytes),
            None => crc.add_zeros(slice.len()),
        }
    }
    crc.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: RFC 9260 3-b
    #[test]
    fn a_header_has_the_bytes_of_the_figure() {
        let header = CommonHeader {
            source_port: 0x1234,
            destination_port: 5001,
            verification_tag: 0xA1B2_C3D4,
            checksum: 0x0102_0304,
        };
        let mut out = [0; 12];
        header.emit(&mut out);
        // 5001 = 0x1389. The checksum's least significant byte goes first.
        assert_eq!(out, [0x12, 0x34, 0x13, 0x89, 0xA1, 0xB2, 0xC3, 0xD4, 4, 3, 2, 1]);
        assert_eq!(CommonHeader::parse(&out), Ok(header));
        assert!(CommonHeader::parse(&out[..11]).is_err());
    }

    #[test]
    fn the_checksum_counts_its_own_field_as_zero() {
        let mut bytes = [7_u8; 16];
        let rest = Payload::from_bytes(vec![1, 2, 3]);
        let before = checksum(&bytes, &rest);
        bytes[8..12].copy_from_slice(&before.to_le_bytes());
        assert_eq!(checksum(&bytes, &rest), before);
        bytes[12] ^= 1;
        assert_ne!(checksum(&bytes, &rest), before);
    }

    #[test]
    fn filler_counts_as_the_zeros_that_it_is() {
        let header = [9_u8; 12];
        let filler = Payload::from(crate::payload::Slice::filler(3, 77, 1452));
        let zeros = Payload::from_bytes(vec![0; 1452]);
        assert_eq!(checksum(&header, &filler), checksum(&header, &zeros));
    }
}
