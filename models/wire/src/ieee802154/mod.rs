//! Frames of IEEE 802.15.4 (2003 to 2020): header, auxiliary security header, information elements, check sequence.
//!
//! A frame is `[header][auxiliary security header][header elements][payload elements][payload][MIC][FCS]`, at most
//! [`FRAME_LEN_MAX`] bytes. All numbers are sent with their least significant byte first, extended addresses too.

mod address;
pub mod element;
mod fcs;
mod header;
pub mod protection;
mod security;

pub use address::{Address, Addressing, ExtendedAddress, PanId, ShortAddress};
pub use fcs::{Fcs, fcs};
pub use header::{FrameType, FrameVersion, Header};
pub use security::{AuxiliarySecurity, KeyIdentifier, SecurityLevel};

/// The longest frame that the physical layer carries, check sequence included (aMaxPHYPacketSize, clause 11.3).
pub const FRAME_LEN_MAX: usize = 127;
/// Bytes of the frame check sequence.
pub const FCS_LEN: usize = 2;
/// Bytes of an immediate acknowledgment: frame control, sequence number, check sequence (clause 7.3.3).
pub const IMMEDIATE_ACK_LEN: usize = 5;
