//! What an endpoint tells its user: ids, events, errors and counters.

use std::net::SocketAddr;

use super::state::CloseReason;

/// A connection of an endpoint. An id stays valid until the connection is over, its end was reported, and it
/// was read empty or closed; afterwards every call with it finds nothing.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ConnectionId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// A listening socket of an endpoint.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ListenerId(pub(super) u32);

/// What an endpoint reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TcpEvent {
    /// A connection that this host opened is established.
    Connected(ConnectionId),
    /// A peer has connected.
    Accepted {
        /// Where it connected to.
        listener: ListenerId,
        /// The new connection.
        id: ConnectionId,
    },
    /// A connection waits to be accepted at a listener that hands them out on demand.
    Acceptable(ListenerId),
    /// Bytes can be read; reported again after the next read.
    Readable(ConnectionId),
    /// A write that was cut short can go on.
    Writable(ConnectionId),
    /// The peer sends no more than what can be read.
    PeerClosed(ConnectionId),
    /// The peer has announced urgent data.
    Urgent(ConnectionId),
    /// Retransmissions go unanswered (R1 of RFC 9293 §3.8.3).
    Stalled(ConnectionId),
    /// The connection is over.
    Closed {
        /// The connection.
        id: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
}

/// What an endpoint keeps of connections whose handshake is not over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HalfOpen {
    /// Connections in SYN-RECEIVED that came from listeners.
    pub connections: u32,
    /// Bytes of memory that they take, without data that came with SYNs.
    pub bytes: u64,
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TcpError {
    /// Another socket has the address.
    #[error("the address {0} is in use")]
    AddressInUse(SocketAddr),
    /// No ephemeral port is free towards the peer.
    #[error("no port is free towards {0}")]
    NoPort(SocketAddr),
    /// The addresses are of two families, or the peer's is not that of one host.
    #[error("{0} cannot be connected to")]
    BadRemote(SocketAddr),
}

/// What happened to segments that reached no connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EndpointCounters {
    /// Datagrams without a proper header.
    pub malformed: u64,
    /// Segments with a wrong checksum.
    pub bad_checksum: u64,
    /// Segments to or from an address that is not one host's (RFC 9293 §3.9.2.3).
    pub bad_address: u64,
    /// Segments to no connection and no listener.
    pub unmatched: u64,
    /// Resets sent in answer to such.
    pub resets_sent: u64,
    /// Resets not sent because too many waited to be.
    pub resets_suppressed: u64,
    /// SYNs dropped because a listener's backlog was full.
    pub backlog_full: u64,
    /// Connections in TIME-WAIT that gave way to a new one.
    pub time_wait_reused: u64,
    /// SYNs and last acknowledgments dropped because too many connections waited to be accepted.
    pub accept_queue_full: u64,
    /// SYNs answered with a cookie.
    pub cookies_sent: u64,
    /// Connections made of cookies that came back.
    pub cookies_accepted: u64,
    /// Acknowledgments that no cookie fits.
    pub cookies_failed: u64,
    /// Connections opened by data in the SYN (RFC 7413).
    pub fast_open_accepted: u64,
    /// SYNs whose Fast Open cookie was wrong or came while too many were half open.
    pub fast_open_refused: u64,
    /// The most connections that were half open at once.
    pub half_open_max: u32,
}
