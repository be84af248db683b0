//! RPL, the routing protocol for low-power and lossy networks (RFC 6550): a node's part in it as an endpoint without I/O, and
//! what joins it to radios and packets.
//!
//! ```text
//!             DIO of a usable neighbour                 no parent is left
//!  Detached ----------------------------> Joined ------------------------------> Poisoning
//!     ^   (DIS until one is heard)          | ^ better parent, new version           | DIOs of infinite rank
//!     |                                     +-+                                      |
//!     +------------------------------------------------------------------------------+
//!                                   after `Imin`
//! ```
//!
//! [`router`] holds the states and the messages, [`parents`] what is known of neighbours, [`objective`] what a way costs (RFC 6552,
//! RFC 6719), [`link`] the transmissions that a link takes, [`trickle`] when to speak (RFC 6206), [`downward`] the routes down the
//! graph in both modes, [`travel`] what a packet carries and how it is judged. None of them knows a radio.
//!
//! Left out: security, groups (mode 3), local instances, floating graphs, several parents for routes downwards, metric
//! containers (RFC 6719 §3.4 forbids one for ETX).

mod data;
pub mod downward;
mod driver;
pub mod link;
pub mod objective;
pub mod parents;
pub mod router;
pub mod sequence;
pub mod settings;
pub mod station;
pub mod travel;
pub mod trickle;

mod announce;
mod dao;
mod registered;
mod solicit;
