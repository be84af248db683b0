//! The options of Multipath TCP, version 1 (RFC 8684 §3): TCP option kind 30, whose subtype says what it means.
//!
//! Lengths include kind and length, as the RFC counts them. What is reserved is sent as zero and ignored when
//! received (RFC 8684 §3), so that two options that mean the same are equal.

mod address;
mod capable;
mod dss;
mod ending;
mod join;
mod option;
mod room;

pub use address::{AddAddress, AddressIds, MAX_IDS};
pub use capable::{Capable, CapableFlags, Stage, VERSION};
pub use dss::{DataSequence, Dss, Mapping};
pub use ending::{Reset, ResetReason};
pub use join::Join;
pub use option::{MptcpOption, Subtype};
pub use room::{OptionBytes, length_with_padding};
