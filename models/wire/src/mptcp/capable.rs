//! MP_CAPABLE (RFC 8684 §3.1, Figure 4).

use super::OptionBytes;
use super::option::{NAME, wrong_length};
use crate::error::{ParseError, array};

/// The version that is spoken.
pub const VERSION: u8 = 1;

/// What MP_CAPABLE says besides the keys.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CapableFlags {
    /// A: checksums are required.
    pub checksum: bool,
    /// B: extensibility; a receiver that does not know what it stands for falls back.
    pub extensibility: bool,
    /// C: the sender takes no further subflows at this address and port.
    pub no_join: bool,
    /// D to G: algorithms that nobody has defined, as the low four bits.
    pub undefined: u8,
    /// H: HMAC-SHA256.
    pub hmac_sha256: bool,
}

impl CapableFlags {
    const fn from_wire(byte: u8) -> Self {
        Self {
            checksum: byte & 0x80 != 0,
            extensibility: byte & 0x40 != 0,
            no_join: byte & 0x20 != 0,
            undefined: (byte >> 1) & 0x0F,
            hmac_sha256: byte & 1 != 0,
        }
    }

    const fn to_wire(self) -> u8 {
        (self.checksum as u8) << 7
            | (self.extensibility as u8) << 6
            | (self.no_join as u8) << 5
            | (self.undefined & 0x0F) << 1
            | self.hmac_sha256 as u8
    }
}

/// Which segment of the exchange it is, and what it carries therefore.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// The SYN: no key. 4 bytes.
    Syn,
    /// The SYN-ACK. 12 bytes.
    SynAck {
        /// Key of the sender of the SYN-ACK.
        sender_key: u64,
    },
    /// The acknowledgment that completes the handshake. 20 bytes.
    Ack {
        /// Key of the sender of this acknowledgment.
        sender_key: u64,
        /// Key that it received.
        receiver_key: u64,
    },
    /// The first data, which carries the keys too. 22 bytes, 24 with a checksum.
    Data {
        /// Key of the sender of this data.
        sender_key: u64,
        /// Key that it received.
        receiver_key: u64,
        /// Bytes of data, which begin at the initial data sequence number + 1 and the subflow's first byte.
        len: u16,
        /// DSS checksum over the data.
        checksum: Option<u16>,
    },
}

/// MP_CAPABLE of version 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capable {
    /// Flags A to H.
    pub flags: CapableFlags,
    /// What else it carries.
    pub stage: Stage,
}

pub(super) fn parse(data: &[u8]) -> Result<Capable, ParseError> {
    if data[0] & 0x0F != VERSION {
        return Err(ParseError::Field { header: NAME, field: "version", value: u32::from(data[0] & 0x0F) });
    }
    let &[_, flags, ref rest @ ..] = data else { return Err(wrong_length(data)) };
    let key = |at| u64::from_be_bytes(array(rest, at));
    let short = |at| u16::from_be_bytes(array(rest, at));
    let stage = match rest.len() {
        0 => Stage::Syn,
        8 => Stage::SynAck { sender_key: key(0) },
        16 => Stage::Ack { sender_key: key(0), receiver_key: key(8) },
        18 => Stage::Data { sender_key: key(0), receiver_key: key(8), len: short(16), checksum: None },
        20 => Stage::Data {
            sender_key: key(0),
            receiver_key: key(8),
            len: short(16),
            checksum: Some(short(18)),
        },
        _ => return Err(wrong_length(data)),
    };
    Ok(Capable { flags: CapableFlags::from_wire(flags), stage })
}

pub(super) fn emit(option: &Capable, out: &mut OptionBytes) {
    out.push(&[VERSION, option.flags.to_wire()]);
    match option.stage {
        Stage::Syn => {}
        Stage::SynAck { sender_key } => out.push(&sender_key.to_be_bytes()),
        Stage::Ack { sender_key, receiver_key } => {
            out.push(&sender_key.to_be_bytes());
            out.push(&receiver_key.to_be_bytes());
        }
        Stage::Data { sender_key, receiver_key, len, checksum } => {
            out.push(&sender_key.to_be_bytes());
            out.push(&receiver_key.to_be_bytes());
            out.push(&len.to_be_bytes());
            if let Some(checksum) = checksum {
                out.push(&checksum.to_be_bytes());
            }
        }
    }
}
