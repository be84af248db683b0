//! IPv6 over networks of small frames: header compression (RFC 6282), fragments (RFC 4944 §5.3) and recoverable
//! fragments (RFC 8931).
//!
//! ```text
//!  frame payload = [mesh] [broadcast] [fragment header] [IPHC [next header compression]…] payload
//! ```
//!
//! Mesh addressing and HC1 of RFC 4944 are not here: what routes below IP is not modelled, and RFC 6282 has
//! replaced HC1.

mod compress;
mod context;
mod decompress;
mod dispatch;
pub mod fragment;
mod iphc;
mod nhc;
pub mod recovery;

pub use compress::{Compressed, compress};
pub use context::{Context, Contexts};
pub use decompress::{DatagramSize, Decompressed, decompress, fill_udp_checksum};
pub use dispatch::Dispatch;
pub use iphc::Identifiers;
pub use nhc::ends_with_udp;

/// The dispatch byte in front of a packet that is not compressed (RFC 4944 §5.1).
pub const UNCOMPRESSED_IPV6: u8 = 0x41;

#[cfg(test)]
#[path = "iphc_tests.rs"]
mod tests;
