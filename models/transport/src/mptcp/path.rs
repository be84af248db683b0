//! One subflow as its connection knows it.

use std::net::SocketAddr;

use sim_core::SimTime;

use crate::placed::Placed;
use crate::tcp::ConnectionId;

/// A range of the subflow's incoming stream, and where it lies in the data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct InMap {
    /// Place of its first byte in the data.
    pub(crate) place: u64,
    pub(crate) len: u16,
    pub(crate) checksum: Option<u16>,
    /// Length that the checksum covers, DATA_FIN included.
    pub(crate) covered: u16,
}

/// The proof of a join that we have begun or answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Joining {
    pub(crate) own_nonce: u32,
    pub(crate) peer_nonce: u32,
    /// When our proof is sent again.
    pub(crate) resend_at: Option<SimTime>,
    pub(crate) tries: u8,
}

/// Whether a subflow still works, about which its peer was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Doubt {
    /// What comes before was on its way when the question was asked.
    pub(crate) answer_from: SimTime,
    /// Without an answer it is over then.
    pub(crate) until: SimTime,
}

/// One subflow.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) id: ConnectionId,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) remote_id: u8,
    /// TCP's part of it is there.
    pub(crate) alive: bool,
    /// It may carry data.
    pub(crate) ready: bool,
    /// Either side wants it used only when nothing else is left.
    pub(crate) backup: bool,
    pub(crate) peer_backup: bool,
    /// A DATA_ACK has come on it.
    pub(crate) confirmed: bool,
    /// A mapping has come on it.
    pub(crate) mapped: bool,
    pub(crate) joining: Option<Joining>,
    pub(crate) maps: Placed<InMap>,
    /// First byte of our stream that the window of this subflow has never covered (RFC 8684 §3.3.5).
    pub(crate) window_edge: u64,
    /// Up to here the redundant scheduler has given it the data.
    pub(crate) cursor: u64,
    /// Timeouts that were answered by using other subflows.
    pub(crate) timeouts: u8,
    /// The peer says that its address is gone.
    pub(crate) doubt: Option<Doubt>,
    /// What it carries was not DATA_ACKed for too long, nor anything acknowledged on it since.
    pub(crate) silent: bool,
    /// Bytes acknowledged on it when that was last looked at.
    pub(crate) acknowledged: u64,
    /// It is not slowed down again before.
    pub(crate) penalized_until: SimTime,
    /// Retransmissions that were counted as losses (OLIA).
    pub(crate) losses: u32,
    /// Bytes acknowledged when the last loss was found, and between the two before.
    pub(crate) acknowledged_at_loss: u64,
    pub(crate) between_losses: u64,
    pub(crate) bytes_new: u64,
    pub(crate) bytes_again: u64,
    pub(crate) bytes_received: u64,
}

impl Path {
    pub(crate) fn new(id: ConnectionId, (local, remote): (SocketAddr, SocketAddr), remote_id: u8) -> Self {
        Self {
            id,
            local,
            remote,
            remote_id,
            alive: true,
            ready: false,
            backup: false,
            peer_backup: false,
            confirmed: false,
            mapped: false,
            joining: None,
            maps: Placed::new(),
            window_edge: 0,
            cursor: 0,
            timeouts: 0,
            doubt: None,
            silent: false,
            acknowledged: 0,
            penalized_until: SimTime::ZERO,
            losses: 0,
            acknowledged_at_loss: 0,
            between_losses: 0,
            bytes_new: 0,
            bytes_again: 0,
            bytes_received: 0,
        }
    }

    /// Whether data may go on it now.
    pub(crate) fn is_usable(&self) -> bool {
        self.alive && self.ready
    }

    /// Notes what maps the bytes from `offset` on, unless they are mapped: a mapping is fixed (RFC 8684 §3.3.1).
    pub(crate) fn map(&mut self, offset: u64, map: InMap) {
        self.maps.insert_new(offset, map);
    }

    /// The mapping of the byte at `offset` of its incoming stream, and where that mapping begins.
    pub(crate) fn map_at(&self, offset: u64) -> Option<(u64, InMap)> {
        let &(start, map) = self.maps.at_or_before(offset)?;
        (offset < start + u64::from(map.len)).then_some((start, map))
    }
}
