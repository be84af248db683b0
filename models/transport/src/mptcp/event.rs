//! What an endpoint tells its user: ids, events, counters.

use std::net::SocketAddr;

use sim_core::SimDuration;

use crate::tcp::{CloseReason, ListenerId};

/// A connection of an endpoint. An id stays valid until the connection is over, its end was reported, and it was read
/// empty or closed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct MptcpId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// Why a connection goes on as plain TCP (RFC 8684 §3.7).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fallback {
    /// The SYN did not ask for Multipath TCP.
    Syn,
    /// The SYN-ACK did not agree to it.
    SynAck,
    /// The segment that completes the handshake had no keys.
    ThirdAck,
    /// Data came without a mapping before any mapping had come.
    NoMapping,
    /// Data was acknowledged without a DATA_ACK before any had come.
    NoDataAck,
    /// A checksum failed on the only subflow.
    Checksum,
    /// The peer says that a checksum failed (MP_FAIL).
    PeerFailed,
    /// The peer maps everything that follows (infinite mapping).
    InfiniteMapping,
}

impl Fallback {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Syn,
        Self::SynAck,
        Self::ThirdAck,
        Self::NoMapping,
        Self::NoDataAck,
        Self::Checksum,
        Self::PeerFailed,
        Self::InfiniteMapping,
    ];

    /// The name in notes and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syn => "SYN without MP_CAPABLE",
            Self::SynAck => "SYN-ACK without MP_CAPABLE",
            Self::ThirdAck => "third ACK without MP_CAPABLE",
            Self::NoMapping => "data without mapping",
            Self::NoDataAck => "data acknowledged without DATA_ACK",
            Self::Checksum => "checksum failure",
            Self::PeerFailed => "MP_FAIL",
            Self::InfiniteMapping => "infinite mapping",
        }
    }
}

/// What an endpoint reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MptcpEvent {
    /// A connection that this host opened is established.
    Connected(MptcpId),
    /// A peer has connected.
    Accepted {
        /// Where it connected to.
        listener: ListenerId,
        /// The new connection.
        id: MptcpId,
    },
    /// Bytes can be read; reported again after the next read.
    Readable(MptcpId),
    /// A write that was cut short can go on.
    Writable(MptcpId),
    /// The peer sends no more than what can be read.
    PeerClosed(MptcpId),
    /// A further subflow carries data.
    SubflowOpened {
        /// The connection.
        id: MptcpId,
        /// Number of the subflow in its connection, from 0 for the first.
        subflow: u8,
    },
    /// A subflow is over, and the connection goes on.
    SubflowClosed {
        /// The connection.
        id: MptcpId,
        /// Number of the subflow.
        subflow: u8,
        /// Why.
        reason: CloseReason,
    },
    /// The connection goes on as plain TCP.
    FellBack {
        /// The connection.
        id: MptcpId,
        /// Why.
        reason: Fallback,
    },
    /// The connection is over.
    Closed {
        /// The connection.
        id: MptcpId,
        /// Why.
        reason: CloseReason,
    },
}

/// One subflow at a moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SubflowStats {
    /// Its local socket.
    pub local: SocketAddr,
    /// Its peer's socket.
    pub remote: SocketAddr,
    /// Whether it can carry data.
    pub ready: bool,
    /// Whether it is over.
    pub over: bool,
    /// Whether it is only for use when nothing else is left.
    pub backup: bool,
    /// Bytes given to it for the first time.
    pub bytes_new: u64,
    /// Bytes given to it that another subflow, or itself, had been given before.
    pub bytes_again: u64,
    /// Bytes of the data stream that came on it and were new.
    pub bytes_received: u64,
    /// Congestion window in bytes.
    pub cwnd: u64,
    /// Smoothed round-trip time, if measured.
    pub srtt: Option<SimDuration>,
}

/// What happened on a connection, in numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MptcpCounters {
    /// Pieces of data given to a further subflow because theirs was over or timed out.
    pub reinjections: u64,
    /// Pieces given to a faster subflow because they blocked the shared window.
    pub opportunistic: u64,
    /// Times that a subflow was slowed down because it blocked the shared window.
    pub penalties: u64,
    /// Times that nothing was DATA_ACKed for too long.
    pub data_timeouts: u64,
    /// Bytes that came and were there already.
    pub duplicates_received: u64,
    /// Pieces that came before what precedes them.
    pub out_of_order_received: u64,
    /// Pieces beyond the window, which were dropped.
    pub beyond_window: u64,
    /// Mappings whose checksum failed.
    pub checksums_failed: u64,
    /// Subflows that joined, on either side.
    pub joined: u64,
    /// Attempts to join that failed or were refused.
    pub joins_failed: u64,
    /// Third segments of a join that were sent again.
    pub join_retransmissions: u64,
    /// ADD_ADDRs sent again.
    pub address_retransmissions: u64,
    /// ADD_ADDRs whose HMAC did not fit.
    pub addresses_refused: u64,
    /// The most bytes that waited behind a gap at once.
    pub waiting_max: u64,
}

/// What the connections of one flow have done at one end, past ones included.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MptcpTotals {
    /// Subflows that carried data, or could have.
    pub subflows: u64,
    /// Bytes given to a subflow for the first time.
    pub bytes_new: u64,
    /// Of these, the ones that went to each connection's busiest subflow.
    pub bytes_busiest: u64,
    /// Bytes given to a subflow that another one, or the same, had been given before.
    pub bytes_again: u64,
    /// The most bytes that waited behind a gap at once.
    pub waiting_max: u64,
    /// Connections that went on as plain TCP.
    pub fallbacks: u64,
}

impl MptcpTotals {
    /// Those of `other` too.
    pub fn add(&mut self, other: &Self) {
        self.subflows += other.subflows;
        self.bytes_new += other.bytes_new;
        self.bytes_busiest += other.bytes_busiest;
        self.bytes_again += other.bytes_again;
        self.waiting_max = self.waiting_max.max(other.waiting_max);
        self.fallbacks += other.fallbacks;
    }
}

/// A connection at a moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MptcpStats {
    /// Why it is plain TCP, if it is.
    pub fallback: Option<Fallback>,
    /// Whether checksums are in use.
    pub checksum: bool,
    /// Its subflows, past ones included, in the order of their numbers.
    pub subflows: Vec<SubflowStats>,
    /// Bytes written and not yet DATA_ACKed.
    pub unacknowledged: u64,
    /// Bytes that wait behind a gap.
    pub waiting: u64,
    /// What happened.
    pub counters: MptcpCounters,
}

/// What happened at an endpoint apart from connections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MptcpEndpointCounters {
    /// Attempts to join a connection that is not there.
    pub unknown_tokens: u64,
    /// Attempts to join that a connection did not want.
    pub joins_refused: u64,
}
