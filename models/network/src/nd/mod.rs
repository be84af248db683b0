//! Neighbour discovery over 6LoWPAN (RFC 6775, RFC 8505): a node's part in it as an endpoint without I/O, and what joins it to
//! radios and packets.
//!
//! ```text
//!                 RA                     NA, status 0                  lifetime, retries spent, status 2
//!  Soliciting ---------> Registering ------------------> Registered -----------------------------------+
//!    ^  ^  (RS, back-off)    |   (NS with ARO)              (refreshed)                                |
//!    |  +--------------------+ status 1: the address is given up                                      |
//!    +-------------------------------------------------------------------------------------------------+
//!                                         no other router is known
//! ```
//!
//! [`node`] joins the parts: [`host`] is what every node but a border router does first (find a router, register addresses with it,
//! see whether it is still there), [`registrar`] the registrations that a router keeps, [`registry`] those that the border router
//! keeps for the whole network, [`information`] prefixes and contexts by the border router they come from. None of them knows a
//! radio. `driver` and `paths` do.
//!
//! Left out: registration with several routers at a time, proxy registrations, proofs of ownership (RFC 8928), redirects, DHCPv6,
//! default router preferences, changes of prefixes and contexts during a run.

pub mod counts;
mod deadlines;
mod driver;
pub mod host;
pub mod information;
pub mod node;
pub(crate) mod paths;
pub mod registrar;
pub mod registry;
pub mod settings;
pub mod station;

mod messages;
mod routing;
mod solicitation;
