//! MP_JOIN (RFC 8684 §3.2, Figures 5 to 7).

use super::OptionBytes;
use super::option::wrong_length;
use crate::error::{ParseError, array};

/// MP_JOIN, by the segment that it stands on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Join {
    /// On the SYN: 12 bytes.
    Syn {
        /// B: only for use when nothing else is left.
        backup: bool,
        /// The sender's id of the address that the SYN comes from.
        address_id: u8,
        /// Names the connection: the receiver's token.
        token: u32,
        /// The sender's random number.
        nonce: u32,
    },
    /// On the SYN-ACK: 16 bytes.
    SynAck {
        /// B: only for use when nothing else is left.
        backup: bool,
        /// The sender's id of the address that the SYN-ACK comes from.
        address_id: u8,
        /// The leftmost 64 bits of the sender's HMAC.
        hmac: u64,
        /// The sender's random number.
        nonce: u32,
    },
    /// On the acknowledgment that completes the handshake: 24 bytes.
    Ack {
        /// The leftmost 160 bits of the sender's HMAC.
        hmac: [u8; 20],
    },
}

pub(super) fn parse(data: &[u8]) -> Result<Join, ParseError> {
    let backup = data[0] & 1 == 1;
    let word = |at| u32::from_be_bytes(array(data, at));
    match data.len() {
        10 => Ok(Join::Syn { backup, address_id: data[1], token: word(2), nonce: word(6) }),
        14 => Ok(Join::SynAck {
            backup,
            address_id: data[1],
            hmac: u64::from_be_bytes(array(data, 2)),
            nonce: word(10),
        }),
        22 => Ok(Join::Ack { hmac: array(data, 2) }),
        _ => Err(wrong_length(data)),
    }
}

pub(super) fn emit(option: &Join, out: &mut OptionBytes) {
    const HEAD: u8 = 1 << 4;
    match option {
        Join::Syn { backup, address_id, token, nonce } => {
            out.push(&[HEAD | u8::from(*backup), *address_id]);
            out.push(&token.to_be_bytes());
            out.push(&nonce.to_be_bytes());
        }
        Join::SynAck { backup, address_id, hmac, nonce } => {
            out.push(&[HEAD | u8::from(*backup), *address_id]);
            out.push(&hmac.to_be_bytes());
            out.push(&nonce.to_be_bytes());
        }
        Join::Ack { hmac } => {
            out.push(&[HEAD, 0]);
            out.push(hmac);
        }
    }
}
