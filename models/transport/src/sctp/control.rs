//! Control chunks that wait to be sent, each in a packet of its own.

use std::net::IpAddr;

use wire::account::Reason;
use wire::sctp::{Cause, Causes, Chunk, ChunkType};

use super::association::Association;

/// A packet of control chunks that waits to be sent.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) path: usize,
    pub(super) chunks: Vec<u8>,
    pub(super) tag: u32,
    pub(super) reason: Reason,
    pub(super) resends: bool,
    /// Whether data and acknowledgements may stand behind it in its packet (RFC 9260 §5.1).
    pub(super) bundles: bool,
    /// Where it goes otherwise than its path says.
    pub(super) detour: Detour,
}

/// Addresses in place of a path's: while addresses change (RFC 5061 §5.3).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Detour {
    pub(super) from: Option<IpAddr>,
    pub(super) to: Option<IpAddr>,
}

impl Association {
    /// Queues a packet of one control chunk under the verification tag `tag`.
    pub(super) fn queue(&mut self, path: usize, chunk: &Chunk<'_>, reason: Reason, resends: bool, tag: u32) {
        // Before the peer has named its tag there is nothing to send it but INIT (RFC 9260 §3.1).
        let speaks = tag != 0 || matches!(chunk, Chunk::Init(_));
        if speaks && self.control.len() < CONTROL_MAX {
            let mut chunks = Vec::new();
            chunk.emit(&mut chunks);
            let bundles = matches!(chunk, Chunk::CookieAck);
            // RFC 9260 §5.4: nothing else goes to an address of which it is not known whose it is.
            let asks = matches!(
                chunk,
                Chunk::Init(_) | Chunk::CookieAck | Chunk::Heartbeat(_) | Chunk::HeartbeatAck(_)
            );
            let path = if asks { path } else { self.confirmed_path(path) };
            let detour = Detour::default();
            self.control.push_back(Control { path, chunks, tag, reason, resends, bundles, detour });
        }
    }

    /// The path, or the best one if it is not known whose its address is (RFC 9260 §5.4).
    pub(super) fn confirmed_path(&self, path: usize) -> usize {
        let confirmed = self.paths.get(path).is_some_and(|path| path.confirmed && !path.removed);
        if confirmed { path } else { self.best_path(None) }
    }

    /// Puts the answers to a packet into one packet, and leaves out those for which it has no room: nobody shall cause a
    /// burst by a packet (RFC 9260 §12.4). Whatever waits is due to that packet: the host drains after each.
    pub(super) fn answer_by_one_packet(&mut self) {
        let kind = |control: &Control| control.chunks.first().map(|kind| ChunkType(*kind));
        let answers = |control: &Control| {
            matches!(
                kind(control),
                Some(
                    ChunkType::COOKIE_ACK
                        | ChunkType::HEARTBEAT_ACK
                        | ChunkType::ERROR
                        | ChunkType::SHUTDOWN
                        | ChunkType::SHUTDOWN_ACK
                )
            )
        };
        let Some(first) = self.control.iter().position(answers) else { return };
        let room = (self.pmdcs as usize).saturating_sub(SACK_ROOM);
        let mut index = first + 1;
        while index < self.control.len() {
            if !matches!(kind(&self.control[index]), Some(ChunkType::ERROR | ChunkType::HEARTBEAT_ACK)) {
                index += 1;
                continue;
            }
            let Some(Control { path, tag, chunks, .. }) = self.control.remove(index) else { return };
            let answer = &mut self.control[first];
            if (answer.path, answer.tag) == (path, tag) && answer.chunks.len() + chunks.len() <= room {
                answer.chunks.extend(chunks);
            }
        }
    }

    pub(super) fn queue_error(&mut self, path: usize, cause: &Cause<'_>) {
        let mut bytes = Vec::new();
        cause.emit(&mut bytes);
        if let Ok(causes) = Causes::parse(&bytes) {
            self.queue(path, &Chunk::Error(causes), Reason::Control, false, self.peer_tag);
        }
    }
}

/// Bytes that are left beside answers for a SACK that goes with COOKIE ACK.
const SACK_ROOM: usize = 80;

/// The most control packets that wait to be sent: a peer's requests cannot fill memory.
pub(super) const CONTROL_MAX: usize = 64;
