//! Transport endpoints without I/O.
//!
//! Each protocol is a folder with an endpoint behind [`endpoint::Endpoint`]: datagrams, news and time go in;
//! datagrams, deadlines and events come out. Congestion control, round-trip estimation and ephemeral
//! ports are shared.

pub mod congestion;
pub mod endpoint;
pub mod flood;
pub mod mptcp;
mod placed;
pub mod ports;
pub mod rtt;
pub mod sctp;
pub mod tally;
pub mod tcp;
pub mod udp;
