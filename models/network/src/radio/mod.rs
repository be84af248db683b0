//! Radios that share a medium: propagation, interference and capture; IEEE 802.15.4's medium access; IPv6 in its frames.
//!
//! A medium hands a frame only to radios that it is for ([`air`]), and a radio that listens costs no event. Each frame that
//! a radio was to receive has one [`fate`].

mod access;
mod adaptation;
pub mod air;
mod confirm;
pub mod duty;
mod energy;
pub mod fate;
mod grid;
pub(crate) mod laying;
pub mod mac;
pub mod medium;
pub mod modulation;
mod outcome;
pub(crate) mod overhearing;
mod paths;
pub mod phy;
mod pieces;
pub mod position;
pub mod power;
pub mod propagation;
mod reassembly;
pub mod rejection;
pub mod security;
mod silence;
mod step;
pub mod track;

pub(crate) use access::RadioPlace;
pub use step::RadioStep;
