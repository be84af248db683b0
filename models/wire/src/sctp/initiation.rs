//! What INIT and INIT ACK carry (RFC 9260 §3.3.2, §3.3.3).

use super::Parameters;
use crate::error::ParseError;

/// The body of an INIT or INIT ACK chunk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Initiation<'a> {
    /// The tag that packets to the sender of this chunk carry. Zero is not allowed, but told apart by the
    /// receiver's rules.
    pub initiate_tag: u32,
    /// Bytes of receive buffer.
    pub a_rwnd: u32,
    /// Streams that the sender wants to send on.
    pub outbound_streams: u16,
    /// Streams that it accepts at most.
    pub inbound_streams: u16,
    /// The TSN of its first DATA chunk.
    pub initial_tsn: u32,
    /// What follows.
    pub parameters: Parameters<'a>,
}

impl<'a> Initiation<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let Some((head, rest)) = value.split_first_chunk::<16>() else {
            return Err(ParseError::Truncated { header: "an INIT chunk", need: 20, have: value.len() + 4 });
        };
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        Ok(Self {
            initiate_tag: word(0),
            a_rwnd: word(4),
            outbound_streams: u16::from_be_bytes([head[8], head[9]]),
            inbound_streams: u16::from_be_bytes([head[10], head[11]]),
            initial_tsn: word(12),
            parameters: Parameters::parse(rest)?,
        })
    }

    pub(super) fn head(&self) -> [u8; 16] {
        let mut head = [0; 16];
        head[0..4].copy_from_slice(&self.initiate_tag.to_be_bytes());
        head[4..8].copy_from_slice(&self.a_rwnd.to_be_bytes());
        head[8..10].copy_from_slice(&self.outbound_streams.to_be_bytes());
        head[10..12].copy_from_slice(&self.inbound_streams.to_be_bytes());
        head[12..16].copy_from_slice(&self.initial_tsn.to_be_bytes());
        head
    }
}
