//! What an endpoint tells its user: events, errors and counters.

use std::net::{IpAddr, SocketAddr};

use wire::account::Runs;
use wire::payload::Payload;

use super::socket::SocketId;
use crate::endpoint::{IcmpError, InterfaceId};

/// What an endpoint reports.
#[derive(Clone, Debug, PartialEq)]
pub enum UdpEvent {
    /// A datagram has arrived.
    Received {
        /// For this socket.
        socket: SocketId,
        /// From there.
        source: SocketAddr,
        /// The address that it was sent to: one of the host's, or a group's.
        destination: IpAddr,
        /// The interface that it came in by.
        interface: InterfaceId,
        /// Time to live or hop limit left.
        hop_limit: u8,
        /// DSCP (upper six bits) and ECN (lower two).
        traffic_class: u8,
        /// The bytes.
        payload: Payload,
        /// Whose bytes they are.
        runs: Runs,
    },
    /// An ICMP error about a datagram that this socket sent (RFC 1122 §4.1.3.3).
    Error {
        /// The socket.
        socket: SocketId,
        /// Where the datagram was sent to.
        destination: SocketAddr,
        /// What the error says.
        error: IcmpError,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UdpError {
    /// Another socket has the port.
    #[error("port {0} is in use")]
    PortInUse(u16),
    /// All ephemeral ports are taken.
    #[error("no port is free")]
    NoPort,
    /// The id is not that of a socket.
    #[error("the socket is closed")]
    Closed,
    /// There is no destination, neither in the call nor of the socket.
    #[error("the datagram has no destination")]
    NoDestination,
    /// A datagram holds at most 65,507 bytes over IPv4 and 65,527 over IPv6.
    #[error("{0} bytes do not fit into a datagram")]
    TooLong(u32),
    /// Runs and payload differ in length.
    #[error("{runs} bytes of runs describe {payload} bytes of payload")]
    Runs {
        /// Sum of the runs' lengths.
        runs: u64,
        /// Length of the payload.
        payload: u32,
    },
}

/// What happened to datagrams.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct UdpCounters {
    /// Handed over to be sent.
    pub sent: u64,
    /// Delivered, once for each socket.
    pub received: u64,
    /// Dropped: no proper header, or a length that does not fit the packet.
    pub malformed: u64,
    /// Dropped: the checksum is wrong, or zero where that is not allowed.
    pub bad_checksum: u64,
    /// Dropped: no socket has the port. The host answers with port unreachable (RFC 1122 §4.1.3.1).
    pub no_socket: u64,
    /// Dropped: too many datagrams wait to be read.
    pub queue_full: u64,
}
