//! The Constrained Application Protocol's messages (RFC 7252 §3), over datagrams and over byte streams (RFC 8323).
//!
//! A message is cut into what can be read, its *head* (header, token, options, payload marker), and its payload,
//! which stays a [`crate::payload::Payload`]: filler is carried without memory. Options are kept as they are on the
//! wire, so that reading and writing a message allocates nothing for common ones.

mod block;
mod code;
mod frame;
mod head;
mod link_format;
mod missing;
mod number;
mod options;
mod token;

pub use block::{Block, BlockSize};
pub use code::Code;
pub use frame::{Frame, frame_len};
pub use head::{HEADER_LEN, Head, Kind, VERSION};
pub use link_format::{Link, LinkParam, Links, emit_links};
pub use missing::{MISSING_BLOCKS, emit_missing, parse_missing};
pub use number::{OptionFormat, OptionNumber};
pub use options::{CoapOption, Options, uint, uint_bytes};
pub use token::{TOKEN_LEN_MAX, Token};

/// Says that the payload follows (RFC 7252 §3).
pub const PAYLOAD_MARKER: u8 = 0xFF;

/// The port of CoAP without security (RFC 7252 §12.6, RFC 8323 §11.1).
pub const PORT: u16 = 5683;
