//! Recoverable fragments and what confirms them (RFC 8931 §5).
//!
//! Sizes and offsets count the compressed packet.

use crate::error::{NoRoom, ParseError, array, fixed};

/// Bytes of a fragment's header.
pub const FRAGMENT_LEN: usize = 6;
/// Bytes of an acknowledgment.
pub const ACK_LEN: usize = 6;
/// The largest fragment: the field has 10 bits.
pub const FRAGMENT_SIZE_MAX: usize = 1023;
/// The highest sequence number.
pub const SEQUENCE_MAX: u8 = 31;
/// A bitmap that says that the whole packet has arrived.
pub const FULL_BITMAP: u32 = u32::MAX;
/// A bitmap that says that the packet is given up.
pub const NULL_BITMAP: u32 = 0;

const NAME: &str = "a recoverable fragment header";

/// The header of a recoverable fragment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecoverableFragment {
    /// A router on the way has marked congestion.
    pub congestion: bool,
    /// Names the packet among those of its sender.
    pub datagram_tag: u8,
    /// The receiver has to answer.
    pub ack_request: bool,
    // Below 32.
    sequence: u8,
    // Below 1024.
    fragment_size: u16,
    /// The offset within the compressed packet or, where the sequence number is 0, the size of that packet;
    /// 0 gives the packet up.
    pub offset: u16,
}

impl RecoverableFragment {
    /// The header of `fragment_size` bytes with the number `sequence`.
    ///
    /// # Errors
    /// The fragment is longer than 1023 bytes, or its number is above 31.
    pub const fn new(
        datagram_tag: u8,
        sequence: u8,
        fragment_size: usize,
        offset: u16,
    ) -> Result<Self, NoRoom> {
        if fragment_size > FRAGMENT_SIZE_MAX {
            let what = "a recoverable fragment";
            return Err(NoRoom { what, room: FRAGMENT_SIZE_MAX, need: fragment_size });
        }
        if sequence > SEQUENCE_MAX {
            let what = "the sequence number of a recoverable fragment";
            return Err(NoRoom { what, room: SEQUENCE_MAX as usize, need: sequence as usize });
        }
        Ok(Self {
            congestion: false,
            datagram_tag,
            ack_request: false,
            sequence,
            fragment_size: fragment_size as u16,
            offset,
        })
    }

    /// The number of the fragment's bit in an acknowledgment, 0 to 31; 0 is the first fragment's.
    #[must_use]
    pub const fn sequence(&self) -> u8 {
        self.sequence
    }

    /// Bytes of the fragment, 0 to 1023.
    #[must_use]
    pub const fn fragment_size(&self) -> u16 {
        self.fragment_size
    }

    /// Reads the header at the start of a frame's payload; returns what follows it.
    ///
    /// # Errors
    /// The bytes end within the header, or the dispatch is another one.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let (head, rest) = fixed::<FRAGMENT_LEN>(NAME, bytes)?;
        check_dispatch(head[0], FRAGMENT)?;
        let word = u16::from_be_bytes(array(head, 2));
        let header = Self {
            congestion: head[0] & 1 != 0,
            datagram_tag: head[1],
            ack_request: word & 0x8000 != 0,
            sequence: (word >> 10 & 0x1F) as u8,
            fragment_size: word & 0x03FF,
            offset: u16::from_be_bytes(array(head, 4)),
        };
        Ok((header, rest))
    }

    /// The header's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; FRAGMENT_LEN] {
        let request = if self.ack_request { 0x8000 } else { 0 };
        let [a, b] = (request | u16::from(self.sequence) << 10 | self.fragment_size).to_be_bytes();
        let [c, d] = self.offset.to_be_bytes();
        [FRAGMENT | u8::from(self.congestion), self.datagram_tag, a, b, c, d]
    }
}

/// What has arrived of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FragmentAck {
    /// One of the fragments was marked.
    pub congestion: bool,
    /// The packet's tag, as the receiver of the acknowledgment knows it.
    pub datagram_tag: u8,
    /// The fragment with the number 0 is the highest bit.
    pub bitmap: u32,
}

impl FragmentAck {
    /// Whether the fragment with that number, 0 to 31, has arrived.
    #[must_use]
    pub const fn has(&self, sequence: u8) -> bool {
        self.bitmap & bit(sequence) != 0
    }

    /// Reads an acknowledgment.
    ///
    /// # Errors
    /// The bytes end within it, or the dispatch is another one.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let (head, _) = fixed::<ACK_LEN>(NAME, bytes)?;
        check_dispatch(head[0], ACK)?;
        Ok(Self {
            congestion: head[0] & 1 != 0,
            datagram_tag: head[1],
            bitmap: u32::from_be_bytes(array(head, 2)),
        })
    }

    /// The acknowledgment's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ACK_LEN] {
        let [a, b, c, d] = self.bitmap.to_be_bytes();
        [ACK | u8::from(self.congestion), self.datagram_tag, a, b, c, d]
    }
}

/// The bit of a fragment's number in a bitmap.
#[must_use]
pub const fn bit(sequence: u8) -> u32 {
    1 << 31 >> (sequence & SEQUENCE_MAX)
}

fn check_dispatch(byte: u8, expected: u8) -> Result<(), ParseError> {
    match byte & 0xFE == expected {
        true => Ok(()),
        false => Err(ParseError::Field { header: NAME, field: "dispatch", value: u32::from(byte) }),
    }
}

const FRAGMENT: u8 = 0xE8;
const ACK: u8 = 0xEA;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_has_the_bytes_of_rfc_8931() {
        let mut header = RecoverableFragment::new(7, 3, 88, 264).unwrap();
        header.ack_request = true;
        // X = 1, sequence 00011, size 00 0101 1000: 1000 1100 0101 1000. Offset 264 = 0x108.
        assert_eq!(header.to_bytes(), [0xE8, 7, 0x8C, 0x58, 0x01, 0x08]);
        assert_eq!(RecoverableFragment::parse(&header.to_bytes()), Ok((header, &[][..])));
        assert!(RecoverableFragment::new(7, 32, 88, 0).is_err());
        assert!(RecoverableFragment::new(7, 0, 1024, 0).is_err());
    }

    #[test]
    fn an_acknowledgment_counts_from_the_highest_bit() {
        // Figure 3 of RFC 8931: 0 to 20 have arrived but for 1, 2 and 16.
        let arrived = (0..=20).filter(|number| ![1, 2, 16].contains(number));
        let bitmap = arrived.map(bit).fold(NULL_BITMAP, |all, bit| all | bit);
        assert_eq!(bitmap, 0b1001_1111_1111_1111_0111_1000_0000_0000);
        let ack = FragmentAck { congestion: true, datagram_tag: 9, bitmap };
        assert_eq!(ack.to_bytes()[..2], [0xEB, 9]);
        assert_eq!(FragmentAck::parse(&ack.to_bytes()), Ok(ack));
        assert!(ack.has(0) && !ack.has(1) && ack.has(20) && !ack.has(21));
    }

    #[test]
    fn cut_and_foreign_headers_are_refused() {
        let fragment = RecoverableFragment::new(7, 3, 88, 264).unwrap().to_bytes();
        let ack = FragmentAck { congestion: false, datagram_tag: 0, bitmap: 1 }.to_bytes();
        for len in 0..6 {
            assert!(RecoverableFragment::parse(&fragment[..len]).is_err());
            assert!(FragmentAck::parse(&ack[..len]).is_err());
        }
        assert!(RecoverableFragment::parse(&ack).is_err());
        assert!(FragmentAck::parse(&fragment).is_err());
    }
}
