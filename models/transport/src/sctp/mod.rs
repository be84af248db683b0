//! The Stream Control Transmission Protocol (RFC 9260).
//!
//! Modelled: the four-way handshake with an authenticated cookie and no state before it comes back; collisions
//! and restarts by the table of tags (§5.2.4); verification tags; bundling and fragmentation; ordered and
//! unordered messages on streams; SACK with gaps and duplicates, delayed and immediate (RFC 7053); T1, T2, T3, T5
//! and HEARTBEAT timers; fast retransmit; a window, an RTO and an error count for each path; Max.Burst; closed
//! windows and their probes; switching between paths, also of potentially failed ones (RFC 7829); SHUTDOWN, ABORT,
//! ERROR; messages that are given up (RFC 3758, RFC 7496), also to make room for others; interleaved messages and all
//! schedulers (RFC 8260); streams that are reset and added (RFC 6525); encapsulation in UDP (RFC 6951); ICMP errors; ECN
//! (RFC 4960 Appendix A) where both ask for it; chunk authentication (RFC 4895) and addresses that come and go
//! (RFC 5061); the path MTU by probing (RFC 8899), one for all paths; packets without checksum beside another method of detecting
//! errors (RFC 9653); concurrent multipath transfer as an experiment.
//!
//! Different: a message is delivered once it is whole, never in parts, so that it has to fit the receive buffer
//! twice. With interleaving that holds for the messages of all streams together. A reset of the TSNs waits until nothing
//! is outstanding on either side, so that it loses nothing. The only registered method of detecting errors instead of the
//! checksum is DTLS (RFC 8261): it is taken to be below, and its records are neither made nor counted.
//!

mod addresses;
mod asconf;
mod asconf_input;
mod association;
mod auth;
mod chunk_set;
mod config;
mod congestion;
mod control;
mod cookie;
mod demux;
mod ecn;
mod endpoint;
mod event;
mod expiry;
mod extensions;
mod icmp;
mod inbound;
mod inbound_reset;
mod initiation;
mod input;
mod interleaved;
mod interleaving;
mod mac;
mod multipath;
mod outbound;
mod output;
mod packet;
mod parameters;
mod path;
mod path_mtu;
mod pruning;
mod reassembly;
mod reconfiguration;
mod reconfiguration_answer;
mod reporting;
mod sack;
mod scheduling;
mod shutdown;
mod state;
mod stream_request;
mod supervision;
mod survey;
mod tsn;
mod tsn_ranges;
mod zero_checksum;

pub use auth::Authentication;
pub use config::{Encapsulation, ErrorDetection, Reconfiguration, Scheduler, SctpConfig};
pub use endpoint::SctpEndpoint;
pub use event::{
    AddressChange, AssociationId, AssociationStats, ListenerId, MessageOptions, PathState, ReceivedMessage,
    Reliability, SctpCounters, SctpError, SctpEvent,
};
pub use mac::HmacAlgorithm;
pub use path_mtu::ProbeState;
pub use state::{CloseReason, State};
pub use stream_request::{StreamRequest, StreamResult};
pub use survey::PathStats;
