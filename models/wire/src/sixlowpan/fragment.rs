//! Fragments of a packet that does not fit into one frame (RFC 4944 §5.3).
//!
//! Sizes and offsets count the packet that is not compressed. Only the first fragment can have compressed headers.

use crate::error::{NoRoom, ParseError, array, fixed};

/// Bytes of the header of a first fragment.
pub const FIRST_LEN: usize = 4;
/// Bytes of the header of a further fragment.
pub const SUBSEQUENT_LEN: usize = 5;
/// The largest packet that can be sent in fragments: the field has 11 bits.
pub const DATAGRAM_SIZE_MAX: usize = 2047;
/// Seconds after which a receiver gives up on what is missing (RFC 4944 §5.3).
pub const REASSEMBLY_TIMEOUT_SECS: u64 = 60;

const NAME: &str = "a 6LoWPAN fragment header";

/// The header of a fragment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FragmentHeader {
    // Below 2048.
    datagram_size: u16,
    /// Names the packet among those of its sender.
    pub datagram_tag: u16,
    /// Where the fragment stands, in units of eight bytes; `None` for the first.
    pub offset_units: Option<u8>,
}

impl FragmentHeader {
    /// The header of the first fragment of a packet of `datagram_size` bytes.
    ///
    /// # Errors
    /// The packet is longer than 2047 bytes.
    pub const fn first(datagram_size: usize, datagram_tag: u16) -> Result<Self, NoRoom> {
        if datagram_size > DATAGRAM_SIZE_MAX {
            let what = "a packet in 6LoWPAN fragments";
            return Err(NoRoom { what, room: DATAGRAM_SIZE_MAX, need: datagram_size });
        }
        Ok(Self { datagram_size: datagram_size as u16, datagram_tag, offset_units: None })
    }

    /// The header of a further fragment of the same packet.
    #[must_use]
    pub const fn at(self, offset_units: u8) -> Self {
        Self { offset_units: Some(offset_units), ..self }
    }

    /// Bytes of the packet: 0 to 2047.
    #[must_use]
    pub const fn datagram_size(&self) -> u16 {
        self.datagram_size
    }

    /// Bytes of the packet in front of the fragment.
    #[must_use]
    pub const fn offset(&self) -> usize {
        match self.offset_units {
            Some(units) => units as usize * 8,
            None => 0,
        }
    }

    /// Bytes that [`Self::emit`] writes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub const fn len(&self) -> usize {
        if self.offset_units.is_some() { SUBSEQUENT_LEN } else { FIRST_LEN }
    }

    /// Reads the header at the start of a frame's payload; returns what follows it.
    ///
    /// # Errors
    /// The bytes end within the header, or the dispatch is another one.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let (head, rest) = fixed::<FIRST_LEN>(NAME, bytes)?;
        let datagram_size = u16::from_be_bytes(array(head, 0)) & 0x07FF;
        let datagram_tag = u16::from_be_bytes(array(head, 2));
        let header = Self { datagram_size, datagram_tag, offset_units: None };
        match (head[0] & 0xF8, rest) {
            (FIRST, rest) => Ok((header, rest)),
            (SUBSEQUENT, [units, rest @ ..]) => Ok((header.at(*units), rest)),
            (SUBSEQUENT, []) => {
                Err(ParseError::Truncated { header: NAME, need: SUBSEQUENT_LEN, have: bytes.len() })
            }
            (other, _) => Err(ParseError::Field { header: NAME, field: "dispatch", value: u32::from(other) }),
        }
    }

    /// Writes the header.
    ///
    /// # Panics
    /// `out` is not [`Self::len`] bytes long.
    pub fn emit(&self, out: &mut [u8]) {
        assert_eq!(out.len(), self.len(), "emit is given exactly the header's room");
        let dispatch = if self.offset_units.is_some() { SUBSEQUENT } else { FIRST };
        out[..2].copy_from_slice(&(u16::from(dispatch) << 8 | self.datagram_size).to_be_bytes());
        out[2..4].copy_from_slice(&self.datagram_tag.to_be_bytes());
        if let Some(units) = self.offset_units {
            out[4] = units;
        }
    }
}

const FIRST: u8 = 0xC0;
const SUBSEQUENT: u8 = 0xE0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_the_bytes_of_rfc_4944() {
        let first = FragmentHeader::first(1280, 0x1234).unwrap();
        let mut out = [0; 4];
        first.emit(&mut out);
        // 1280 = 0x500: 11000 101 00000000.
        assert_eq!(out, [0xC5, 0x00, 0x12, 0x34]);
        assert_eq!(FragmentHeader::parse(&out), Ok((first, &[][..])));
        let next = first.at(12);
        let mut out = [0; 5];
        next.emit(&mut out);
        assert_eq!(out, [0xE5, 0x00, 0x12, 0x34, 12]);
        assert_eq!(FragmentHeader::parse(&out), Ok((next, &[][..])));
        assert_eq!((next.offset(), next.datagram_size()), (96, 1280));
        assert!(FragmentHeader::first(2048, 0).is_err());
    }

    #[test]
    fn cut_and_foreign_headers_are_refused() {
        let bytes = [0xE5, 0x00, 0x12, 0x34, 12];
        for len in 0..5 {
            assert!(
                matches!(FragmentHeader::parse(&bytes[..len]), Err(ParseError::Truncated { .. })),
                "{len}"
            );
        }
        assert!(matches!(FragmentHeader::parse(&[0x60, 0, 0, 0]), Err(ParseError::Field { .. })));
    }
}
