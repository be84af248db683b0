//! Interleaved messages at the sender (RFC 8260 §2): what is agreed on, and which chunks it takes.

use wire::sctp::{
    Chunk, DATA_HEADER_LEN, DataHeader, I_DATA_HEADER_LEN, IDataHeader, PlaceInMessage, emit_forward_tsn,
    emit_i_forward_tsn,
};

use super::association::Association;
use super::extensions::Extensions;
use super::outbound::Sent;

impl Association {
    /// Both sides have said what they know: `forwards` whether the peer takes FORWARD TSN.
    pub(super) fn agree(&mut self, peer: Extensions, forwards: bool) {
        self.extensions = Extensions::offered(&self.config).shared(peer);
        let interleaving = self.extensions.interleaving;
        // RFC 8260 §2.3.1: with I-DATA messages are given up by I-FORWARD-TSN or not at all.
        let forwards = if interleaving { self.extensions.interleaved_forwards } else { forwards };
        self.peer_forwards_tsns = forwards && self.config.partial_reliability;
        self.out.schedule.interleaves = interleaving;
        self.fragment_max = self.pmdcs - self.data_header_len() as u32;
    }

    /// Bytes in front of user data in their chunk.
    #[inline]
    pub(super) fn data_header_len(&self) -> usize {
        if self.extensions.interleaving { I_DATA_HEADER_LEN } else { DATA_HEADER_LEN }
    }

    /// The FORWARD TSN or I-FORWARD-TSN chunk for what was given up.
    pub(super) fn forward_chunk(&self) -> Vec<u8> {
        let (mut chunk, skipped) = (Vec::new(), self.out.skipped());
        if self.extensions.interleaving {
            emit_i_forward_tsn(&mut chunk, self.out.advanced as u32, &skipped);
        } else {
            let skipped: Vec<_> =
                skipped.into_iter().map(|(stream, _, number)| (stream, number as u16)).collect();
            emit_forward_tsn(&mut chunk, self.out.advanced as u32, &skipped);
        }
        chunk
    }

    /// Whether a chunk belongs to the way of carrying messages that was not agreed on: it ends the association
    /// (RFC 8260 §2.2.3, §2.3.1).
    pub(super) fn is_of_other_kind(&self, chunk: &Chunk<'_>) -> bool {
        match chunk {
            Chunk::ForwardTsn { .. } => self.extensions.interleaving,
            Chunk::IForwardTsn { .. } => !self.extensions.interleaving,
            _ => false,
        }
    }
}

impl Sent {
    /// The header of its chunk: 20 bytes of I-DATA or 16 of DATA.
    pub(super) fn head(&self, tsn: u64, interleaves: bool) -> [u8; I_DATA_HEADER_LEN] {
        let mut out = [0; I_DATA_HEADER_LEN];
        let (flags, stream, tsn) = (self.flags, self.stream, tsn as u32);
        let data_len = self.payload.len() as u16; // Fragments are no longer than a packet.
        if interleaves {
            let place = if flags.beginning {
                PlaceInMessage::First { ppid: self.ppid }
            } else {
                PlaceInMessage::Later { fsn: self.fsn }
            };
            IDataHeader { flags, data_len, tsn, stream, mid: self.number, place }.emit(&mut out);
        } else {
            let (ssn, ppid) = (self.number as u16, self.ppid);
            DataHeader { flags, data_len, tsn, stream, ssn, ppid }.emit(&mut out[..DATA_HEADER_LEN]);
        }
        out
    }
}
