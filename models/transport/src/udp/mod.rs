//! The User Datagram Protocol (RFC 768, RFC 1122 §4.1, RFC 8085 where it concerns a stack).
//!
//! Modelled: ports and their demultiplexing, connected sockets, multicast membership, checksums (zero over
//! IPv4 by choice, over IPv6 for tunnels that may, RFC 6935), ephemeral ports (RFC 6056), ICMP errors as
//! events, a limit of datagrams that wait to be read. Left out: IP options in both directions.

mod endpoint;
mod event;
mod outgoing;
mod socket;

pub use endpoint::UdpEndpoint;
pub use event::{UdpCounters, UdpError, UdpEvent};
pub use socket::{SendOptions, SocketId, SocketOptions};
