//! Control chunks that wait to be sent, each in a packet of its own.

use std::net::IpAddr;

use wire::account::Reason;
use wire::sctp::{Cause, Causes, Chunk};

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
            let detour = Detour::default();
            self.control.push_back(Control { path, chunks, tag, reason, resends, bundles, detour });
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

/// The most control packets that wait to be sent: a peer's requests cannot fill memory.
pub(super) const CONTROL_MAX: usize = 64;
