//! SCTP: the common header, every chunk, parameter and error cause (RFC 9260 §3).
//!
//! Beside RFC 9260: chunk authentication (RFC 4895), address reconfiguration (RFC 5061), partial reliability
//! (RFC 3758), stream reconfiguration (RFC 6525), interleaving (RFC 8260), padding (RFC 4820), zero checksums
//! (RFC 9653) and the ECN chunks of RFC 4960 Appendix A.
//!
//! A packet is a [`CommonHeader`] and chunks. Those that carry user data have fixed headers of their own
//! ([`DataHeader`], [`IDataHeader`]), so that a sender can put them in front of shared payload and a receiver
//! can take payload out without copying; all others are read from and written to contiguous bytes as [`Chunk`].

mod cause;
mod chunk;
mod chunk_type;
mod common;
mod data;
mod initiation;
mod parameter;
mod parameter_type;
mod selective;
mod tlv;

pub use cause::{Cause, Causes, code};
pub use chunk::{Chunk, Chunks, ForwardedStreams, InterleavedForwards, emit_forward_tsn, emit_i_forward_tsn};
pub use chunk_type::{ChunkType, UnknownAction};
pub use common::{CommonHeader, checksum};
pub use data::{DataFlags, DataHeader, IDataHeader, PlaceInMessage};
pub use initiation::Initiation;
pub use parameter::{AddressRequest, Parameter, ParameterList, Parameters};
pub use parameter_type::ParameterType;
pub use selective::{GapBlock, Sack};
pub use tlv::padding;

/// Bytes of the common header (RFC 9260 §3.1).
pub const COMMON_HEADER_LEN: usize = 12;
/// Bytes of a chunk's type, flags and length (RFC 9260 §3.2).
pub const CHUNK_HEADER_LEN: usize = 4;
/// Bytes in front of the user data of a DATA chunk (RFC 9260 §3.3.1).
pub const DATA_HEADER_LEN: usize = 16;
/// Bytes in front of the gap blocks of a SACK chunk (RFC 9260 §3.3.4).
pub const SACK_HEADER_LEN: usize = 16;
/// Bytes in front of the user data of an I-DATA chunk (RFC 8260 §2.1).
pub const I_DATA_HEADER_LEN: usize = 20;
