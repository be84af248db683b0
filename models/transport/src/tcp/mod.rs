//! The Transmission Control Protocol (RFC 9293).
//!
//! ```text
//!   connect                                            a SYN at a listener
//!      │ SYN                                                  │ SYN-ACK
//!      ▼            SYN / SYN-ACK                             ▼
//!  SYN-SENT ────────────────────────────────────────▶ SYN-RECEIVED
//!      │ SYN-ACK / ACK                                        │ ACK
//!      └──────────────────▶ ESTABLISHED ◀─────────────────────┘
//!           shutdown / FIN   │         │  FIN / ACK
//!                ┌───────────┘         └───────────┐
//!                ▼                                 ▼
//!           FIN-WAIT-1 ──FIN/ACK──▶ CLOSING   CLOSE-WAIT
//!            │ ACK of FIN             │ ACK        │ shutdown / FIN
//!            ▼                        ▼            ▼
//!           FIN-WAIT-2 ──FIN/ACK──▶ TIME-WAIT   LAST-ACK ──ACK of FIN──▶ CLOSED
//! ```
//!
//! Modelled: the state machine with simultaneous open and close; RFC 5961; retransmission (RFC 6298) with
//! Karn's rule; loss detection by RACK-TLP (RFC 8985), by SACK (RFC 6675) or by duplicate acknowledgments
//! (RFC 6582), with limited transmit (RFC 3042), proportional rate reduction (RFC 9937), F-RTO (RFC 5682) and
//! undoing what D-SACKs (RFC 2883, RFC 3708) or timestamps (RFC 3522) show to be needless; Reno (RFC 5681, byte
//! counting), CUBIC (RFC 9438) with HyStart++ (RFC 9406), Vegas, Westwood+, LEDBAT++, DCTCP (RFC 8257), BBRv3; pacing;
//! a receive buffer that grows with what is read; window scale, timestamps and PAWS
//! (RFC 7323); delayed acknowledgments, Nagle's algorithm, silly window avoidance on both sides, zero window
//! probes, keep-alive, R1 and R2, TIME-WAIT and its reuse (RFC 6191); path MTU from ICMP (RFC 1191,
//! RFC 8201) with the checks of RFC 5927, black holes (RFC 4821 §7.7) and a new try after ten minutes; ECN
//! with classic (RFC 3168) and accurate feedback (RFC 9768); urgent data; the user timeout option (RFC 5482); SYN queue, accept queue and SYN cookies
//! (RFC 4987); Fast Open (RFC 7413); data in SYNs.
//!
//! Different from the RFCs: the timers of retransmission, reordering and probing may run side by side
//! (RFC 8985 §8 would have one of them at a time); what is undone is restored whole, as RFC 9438 §4.9 has it,
//! and not regained by the slow start of RFC 4015; a FIN in a SYN is left to be sent again; IP source routes and
//! security compartments do not exist here; a duplicate SYN in SYN-RECEIVED
//! is answered with the SYN-ACK, not with a bare acknowledgment, as Linux does it; a segment that
//! acknowledges something new updates the send window even if its number is old; unacceptable segments
//! without data are answered twice a second at most; hard ICMP errors end only attempts to connect
//! (RFC 5461 §4.1); user timeouts are exchanged in SYNs only; larger packets are not probed for, but tried.
//! A window that is not used does not grow; a pause brings back the initial one, or with `window_validation` it is kept and
//! validated by use (RFC 7661).

mod accecn;
mod accepting;
pub mod attached;
mod choice;
mod closing;
pub mod config;
pub mod connection;
mod cookie;
pub(crate) mod deadlines;
mod delivery;
mod demux;
mod dispatch;
mod ecn;
mod endpoint;
mod event;
mod expiry;
mod fast_open;
mod handshake;
pub mod hook;
mod input;
mod listener;
mod mark_feedback;
pub mod note;
mod offer;
mod output;
mod path_mtu;
mod probe;
mod prr;
mod rack;
pub(crate) mod reassembly;
mod receiver;
mod recovery;
mod scoreboard;
pub mod segment;
mod sender;
pub mod sequence;
pub mod state;
pub mod stats;
mod timer;
mod validation;
pub(crate) mod window;

pub use config::{KeepAlive, LossDetection, TcpConfig};
pub use connection::{Changes, TcpConnection};
pub use ecn::{EcnFeedback, EcnStats};
pub use endpoint::TcpEndpoint;
pub use event::{ConnectionId, EndpointCounters, HalfOpen, ListenerId, TcpError, TcpEvent};
pub use listener::{ListenerConfig, SynCookies};
pub use path_mtu::PathMtuDiscovery;
pub use state::{CloseReason, State};
pub use stats::{ConnectionStats, Counters, Limit, LimitTimes};
pub use timer::Timer;
