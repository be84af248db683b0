//! Packets without checksum, where both sides have another method of detecting errors (RFC 9653).
//!
//! Each side says in its INIT or INIT ACK by which method it finds errors. From then on it takes packets whose checksum is
//! zero, and sends them to a peer that has named a method which it has itself.

use std::net::IpAddr;

use wire::packet::Packet;
use wire::sctp::{ChunkType, CommonHeader};

use super::endpoint::SctpEndpoint;
use super::packet::{Builder, Walker};

/// Whether a packet may go without checksum to a peer that takes such packets (RFC 9653 §5.2): the chunks that begin an
/// association or move it reach a peer that may not know yet whose they are.
pub(super) fn may_omit_checksum(builder: &Builder) -> bool {
    let needs_one = |kind| matches!(kind, ChunkType::INIT | ChunkType::COOKIE_ECHO | ChunkType::ASCONF);
    !builder.kinds().any(needs_one)
}

impl SctpEndpoint {
    /// Whether a packet whose checksum is zero is taken as it is: it belongs to an association of which this side has said so
    /// (RFC 9653 §5.3), or it may be a late one of such an association, whose sender wants to hear that it is over. One that
    /// begins an association has its checksum.
    pub(super) fn takes_unsummed(&self, header: &CommonHeader, source: IpAddr, packet: &Packet) -> bool {
        let found = self.find(header.destination_port, source, header.source_port);
        match found.and_then(|index| self.slots.get(index as usize)?.association.as_ref()) {
            Some(association) => association.config.zero_checksum.is_some(),
            None => self.had_unsummed && !begins_association(packet),
        }
    }
}

/// Whether an INIT or a COOKIE ECHO is in a packet whose common header is still there.
fn begins_association(packet: &Packet) -> bool {
    let mut copy = packet.clone();
    let mut walker = Walker::new(&mut copy);
    std::iter::from_fn(|| walker.next())
        .any(|piece| matches!(piece.kind(), ChunkType::INIT | ChunkType::COOKIE_ECHO))
}
