//! Multipath TCP, version 1 (RFC 8684): one byte stream over several TCP connections.
//!
//! ```text
//!            MP_CAPABLE on SYN, SYN-ACK, ACK
//!  OPENING ─────────────────────────────────▶ MULTIPATH ──both DATA_FINs acknowledged──▶ closed
//!     │                                           │  ▲
//!     │ the option is missing                     │  └─ MP_JOIN: subflows come and go
//!     ▼                                           ▼
//!  FALLBACK (plain TCP on one subflow) ◀── no mapping, no DATA_ACK, checksum, MP_FAIL, infinite mapping
//! ```
//!
//! A subflow is a connection of [`crate::tcp`], of whose segments it takes part by a [`crate::tcp::hook`]: options are added
//! and seen, data is cut where mappings end, and the window is the connection's.
//!
//! Modelled: MP_CAPABLE and MP_JOIN with their authentication; DSS with numbers of 32 and 64 bits, DATA_ACK,
//! DATA_FIN and checksums; the window and the receive buffer that subflows share; retransmission of data that nobody
//! DATA_ACKs, reinjection of what a subflow lost, opportunistic retransmission with penalties; ADD_ADDR with HMAC, echo and
//! retransmission; REMOVE_ADDR; MP_PRIO and backups; MP_FAIL; MP_FASTCLOSE (on resets); MP_TCPRST with reasons;
//! falling back, each time with its reason; five schedulers, four path managers.
//!
//! Different from the RFC: data is mapped segment by segment; a subflow that the peer closes is closed on this side
//! too; one side joins, the initiator or the one that accepted. Left out: version 0, SYN cookies and Fast Open on a first
//! subflow, data in SYNs.

mod addresses;
mod arrival;
pub mod config;
mod connection;
mod control;
pub mod crypto;
mod ending;
mod endpoint;
mod event;
mod fallback;
mod opening;
mod path;
mod report;
mod scheduler;
mod sending;
mod subflow;
mod subflow_news;
mod table;

pub use config::{MptcpConfig, PathManager, Scheduler};
pub use endpoint::MptcpEndpoint;
pub use event::{
    Fallback, MptcpCounters, MptcpEndpointCounters, MptcpEvent, MptcpId, MptcpStats, MptcpTotals,
    SubflowStats,
};
