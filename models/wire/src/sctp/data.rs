//! The headers of user data: DATA (RFC 9260 §3.3.1) and I-DATA (RFC 8260 §2.1).

use super::{ChunkType, DATA_HEADER_LEN, I_DATA_HEADER_LEN};
use crate::error::{ParseError, exactly, fixed};

/// The flags of a chunk with user data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DataFlags {
    /// I: the receiver is asked not to delay its SACK (RFC 7053 §4).
    pub immediate: bool,
    /// U: delivered without regard to order.
    pub unordered: bool,
    /// B: the first fragment of a message.
    pub beginning: bool,
    /// E: the last fragment of a message.
    pub ending: bool,
}

impl DataFlags {
    const fn from_bits(bits: u8) -> Self {
        Self {
            immediate: bits & 8 != 0,
            unordered: bits & 4 != 0,
            beginning: bits & 2 != 0,
            ending: bits & 1 != 0,
        }
    }

    const fn bits(self) -> u8 {
        (self.immediate as u8) << 3
            | (self.unordered as u8) << 2
            | (self.beginning as u8) << 1
            | self.ending as u8
    }
}

/// A DATA chunk without its user data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DataHeader {
    /// I, U, B and E.
    pub flags: DataFlags,
    /// Bytes of user data, at least one (zero is told apart by the receiver: RFC 9260 §6.2).
    pub data_len: u16,
    /// Transmission sequence number.
    pub tsn: u32,
    /// Stream identifier.
    pub stream: u16,
    /// Stream sequence number.
    pub ssn: u16,
    /// Payload protocol identifier.
    pub ppid: u32,
}

impl DataHeader {
    /// Reads the 16 bytes in front of the user data.
    ///
    /// # Errors
    /// There are fewer, or the length says so.
    #[inline]
    pub fn parse(chunk: &[u8]) -> Result<Self, ParseError> {
        const NAME: &str = "a DATA chunk";
        let (head, _) = fixed::<DATA_HEADER_LEN>(NAME, chunk)?;
        let length = u16::from_be_bytes([head[2], head[3]]);
        let Some(data_len) = length.checked_sub(DATA_HEADER_LEN as u16) else {
            return Err(ParseError::Field { header: NAME, field: "length", value: u32::from(length) });
        };
        Ok(Self {
            flags: DataFlags::from_bits(head[1]),
            data_len,
            tsn: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            stream: u16::from_be_bytes([head[8], head[9]]),
            ssn: u16::from_be_bytes([head[10], head[11]]),
            ppid: u32::from_be_bytes([head[12], head[13], head[14], head[15]]),
        })
    }

    /// Writes the 16 bytes.
    ///
    /// # Panics
    /// `out` is not [`DATA_HEADER_LEN`] bytes long, or the chunk would be longer than 65535 bytes.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        let out = exactly::<DATA_HEADER_LEN>(out);
        let length = self.data_len.checked_add(DATA_HEADER_LEN as u16).expect("a chunk's length has 16 bits");
        out[0] = ChunkType::DATA.0;
        out[1] = self.flags.bits();
        out[2..4].copy_from_slice(&length.to_be_bytes());
        out[4..8].copy_from_slice(&self.tsn.to_be_bytes());
        out[8..10].copy_from_slice(&self.stream.to_be_bytes());
        out[10..12].copy_from_slice(&self.ssn.to_be_bytes());
        out[12..16].copy_from_slice(&self.ppid.to_be_bytes());
    }
}

/// The field of an I-DATA chunk that the first fragment uses for one thing and the others for another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PlaceInMessage {
    /// First fragment: the payload protocol identifier.
    First {
        /// The identifier.
        ppid: u32,
    },
    /// Another one: its fragment sequence number.
    Later {
        /// The number: 1 for the second fragment.
        fsn: u32,
    },
}

/// An I-DATA chunk without its user data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IDataHeader {
    /// I, U and E. B follows from [`Self::place`].
    pub flags: DataFlags,
    /// Bytes of user data.
    pub data_len: u16,
    /// Transmission sequence number.
    pub tsn: u32,
    /// Stream identifier.
    pub stream: u16,
    /// Message identifier.
    pub mid: u32,
    /// Payload protocol identifier or fragment sequence number.
    pub place: PlaceInMessage,
}

impl IDataHeader {
    /// Reads the 20 bytes in front of the user data; the reserved field is ignored.
    ///
    /// # Errors
    /// There are fewer, or the length says so.
    pub fn parse(chunk: &[u8]) -> Result<Self, ParseError> {
        const NAME: &str = "an I-DATA chunk";
        let (head, _) = fixed::<I_DATA_HEADER_LEN>(NAME, chunk)?;
        let length = u16::from_be_bytes([head[2], head[3]]);
        let Some(data_len) = length.checked_sub(I_DATA_HEADER_LEN as u16) else {
            return Err(ParseError::Field { header: NAME, field: "length", value: u32::from(length) });
        };
        let flags = DataFlags::from_bits(head[1]);
        let last = u32::from_be_bytes([head[16], head[17], head[18], head[19]]);
        Ok(Self {
            flags,
            data_len,
            tsn: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            stream: u16::from_be_bytes([head[8], head[9]]),
            mid: u32::from_be_bytes([head[12], head[13], head[14], head[15]]),
            place: if flags.beginning {
                PlaceInMessage::First { ppid: last }
            } else {
                PlaceInMessage::Later { fsn: last }
            },
        })
    }

    /// Writes the 20 bytes.
    ///
    /// # Panics
    /// `out` is not [`I_DATA_HEADER_LEN`] bytes long, or the chunk would be longer than 65535 bytes.
    pub fn emit(&self, out: &mut [u8]) {
        let out = exactly::<I_DATA_HEADER_LEN>(out);
        let length =
            self.data_len.checked_add(I_DATA_HEADER_LEN as u16).expect("a chunk's length has 16 bits");
        let (beginning, last) = match self.place {
            PlaceInMessage::First { ppid } => (true, ppid),
            PlaceInMessage::Later { fsn } => (false, fsn),
        };
        out[0] = ChunkType::I_DATA.0;
        out[1] = DataFlags { beginning, ..self.flags }.bits();
        out[2..4].copy_from_slice(&length.to_be_bytes());
        out[4..8].copy_from_slice(&self.tsn.to_be_bytes());
        out[8..10].copy_from_slice(&self.stream.to_be_bytes());
        out[10..12].fill(0);
        out[12..16].copy_from_slice(&self.mid.to_be_bytes());
        out[16..20].copy_from_slice(&last.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_chunk_of_one_byte_says_17() {
        // RFC 9260 §3.3.1: "A DATA chunk with one byte of user data will have the Length field set to 17".
        let flags = DataFlags { immediate: false, unordered: true, beginning: true, ending: true };
        let header = DataHeader { flags, data_len: 1, tsn: 0x0102_0304, stream: 5, ssn: 6, ppid: 42 };
        let mut out = [0; 16];
        header.emit(&mut out);
        assert_eq!(out, [0, 7, 0, 17, 1, 2, 3, 4, 0, 5, 0, 6, 0, 0, 0, 42]);
        assert_eq!(DataHeader::parse(&out), Ok(header));
        out[3] = 15;
        assert!(DataHeader::parse(&out).is_err(), "shorter than its own header");
    }

    #[test]
    fn the_first_fragment_names_the_protocol_and_the_others_their_place() {
        for (place, bits) in [(PlaceInMessage::First { ppid: 9 }, 2), (PlaceInMessage::Later { fsn: 9 }, 0)] {
            let flags = DataFlags { beginning: bits == 2, ..DataFlags::default() };
            let header = IDataHeader { flags, data_len: 3, tsn: 1, stream: 2, mid: 3, place };
            let mut out = [0xEE; 20];
            header.emit(&mut out);
            assert_eq!(out, [64, bits, 0, 23, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9]);
            assert_eq!(IDataHeader::parse(&out), Ok(header));
        }
    }
}
