//! User Datagram Protocol (RFC 768, RFC 1122 §4.1, RFC 8085).
//!
//! Modelled: ports and their demultiplexing, the checksum (also none, over IPv4), ICMP errors handed to
//! the socket that caused them. A datagram of more than 65,507 bytes (65,527 over IPv6) is refused.
//! Left out: UDP-Lite, jumbograms, and IP options handed to or from the application.

mod config;
mod endpoint;

pub use config::UdpConfig;
pub use endpoint::{BindError, SocketId, UdpCounters, UdpEndpoint, UdpEvent};
