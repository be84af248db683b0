//! Transport endpoints without I/O.

pub mod congestion;
pub mod endpoint;
pub mod ports;
pub mod rtt;
pub mod tcp;
pub mod udp;
