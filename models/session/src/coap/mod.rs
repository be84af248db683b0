//! The Constrained Application Protocol, both ends: over datagrams (RFC 7252) and over byte streams (RFC 8323).
//!
//! A [`CoapEndpoint`] is a client and a server at once, as the RFC has it. It brings messages to their peers and matches
//! responses to requests; what a resource is and says is its user's matter.
//!
//! ```text
//!           request()            retransmitted up to          ┌ piggybacked response ──────────┐
//! user ──> [waits: NSTART] ──> [sent, not acknowledged] ──────┤                                ├─> Response
//!                                │ MAX_RETRANSMIT × timeout   └ empty ACK ─> [awaits response] ┘
//!                                └──────────> Failed(Timeout)                 └ EXCHANGE_LIFETIME ─> Failed(NoResponse)
//!
//! CON request ──> [with the user] ── respond() ─────────────> piggybacked in the ACK, kept for duplicates
//!                   └ acknowledgement delay ─> empty ACK ── respond() ─> separate response, itself CON
//! ```
//!
//! Modelled: the four kinds of messages, back-off with all transmission parameters (§4.8), NSTART and PROBING_RATE (§4.7),
//! duplicates with their lifetimes (§4.5), critical options (§5.4.1), ping (§4.3), multicast requests with leisure (§8),
//! No-Response (RFC 7967), block-wise bodies in both directions (RFC 7959) and those whose blocks do not wait for each other
//! (RFC 9177), and Observe at both ends (RFC 7641).
//!
//! Over byte streams (RFC 8323) there are capabilities, signals and blocks of several kilobytes instead of message IDs and
//! timers. Beside the default back-off stand two drafts, CoCoA and FASOR; a server may ask for freshness by Echo, and bodies
//! under way at once are told apart by Request-Tag (RFC 9175); errors may say their details in CBOR (RFC 9290).
//!
//! NSTART counts confirmable messages; non-confirmable requests are held back by PROBING_RATE alone, whose average is taken
//! over EXCHANGE_LIFETIME. Left out: OSCORE (RFC 8613).

mod block;
mod client;
mod config;
mod congestion;
mod endpoint;
mod event;
mod input;
mod observe;
mod output;
mod peer;
mod peers;
mod q_block;
mod remembered;
mod server;
mod stats;
mod stream;

pub use config::CoapConfig;
pub use congestion::Congestion;
pub use endpoint::CoapEndpoint;
pub use event::{CoapEvent, Failure, IncomingId, RequestId};
pub use observe::observed_name;
pub use peer::{Request, Response};
pub use stats::{CoapStats, PartBytes};
pub use stream::StreamQueue;
