//! How an association behaves: the protocol parameters of RFC 9260 §16 and what a host chooses.

use sim_core::SimDuration;

use super::auth::Authentication;
use crate::rtt::RtoLimits;

/// How an association is set up.
#[derive(Clone, Debug, PartialEq)]
pub struct SctpConfig {
    /// Largest packet of the paths, internet header included.
    pub mtu: u32,
    /// Streams asked for to send on.
    pub outbound_streams: u16,
    /// Streams accepted at most to receive on.
    pub inbound_streams: u16,
    /// Bytes of user data that may wait to be read; at least 1500 (RFC 9260 §3.3.2).
    pub receive_buffer: u32,
    /// Bytes of user data that may wait to be acknowledged.
    pub send_buffer: u32,
    /// RTO.Initial, RTO.Min and RTO.Max (RFC 9260 §16).
    pub rto: RtoLimits,
    /// SACK.Delay (RFC 9260 §16): at most 500 ms (§6.2).
    pub sack_delay: SimDuration,
    /// Packets with data after which a SACK goes at once (RFC 9260 §6.2: two).
    pub sack_frequency: u8,
    /// Max.Burst (RFC 9260 §16), in packets.
    pub max_burst: u32,
    /// Valid.Cookie.Life (RFC 9260 §16).
    pub cookie_life: SimDuration,
    /// Association.Max.Retrans (RFC 9260 §16).
    pub association_max_retrans: u32,
    /// Path.Max.Retrans (RFC 9260 §16).
    pub path_max_retrans: u32,
    /// Max.Init.Retransmits (RFC 9260 §16).
    pub max_init_retransmits: u32,
    /// HB.interval (RFC 9260 §16); `None` sends no HEARTBEAT on confirmed paths.
    pub heartbeat_interval: Option<SimDuration>,
    /// PotentiallyFailed.Max.Retrans (RFC 7829 §3): timeouts beyond which a path is no longer first choice.
    pub potentially_failed: Option<u32>,
    /// Whether messages may be given up (RFC 3758).
    pub partial_reliability: bool,
    /// Whether explicit congestion notification is asked for (RFC 4960 Appendix A).
    pub ecn: bool,
    /// Which stream is served next (RFC 8260 §3).
    pub scheduler: Scheduler,
    /// Whether the user's messages may be held back until an acknowledgement comes, as by Nagle (RFC 9260 §6.1).
    pub bundling: bool,
    /// UDP ports of encapsulation (RFC 6951), or none.
    pub encapsulation: Option<Encapsulation>,
    /// How chunks are authenticated (RFC 4895), or not at all.
    pub authentication: Option<Authentication>,
    /// Whether addresses may come and go (RFC 5061); it takes authentication, which is offered then in any case.
    pub address_changes: bool,
}

/// The UDP ports that SCTP packets are sent from and to (RFC 6951 §4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Encapsulation {
    /// The port of this host.
    pub local_port: u16,
    /// The peer's port, until a packet from it says otherwise (RFC 6951 §5.4). With zero nothing is encapsulated until
    /// the peer does so: a listener that takes both.
    pub remote_port: u16,
}

impl Encapsulation {
    /// The port that is registered for it (RFC 6951 §5.1).
    pub const PORT: u16 = 9899;
}

/// Which stream is served next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Scheduler {
    /// In the order of the user's calls (RFC 8260 §3.1).
    #[default]
    FirstComeFirstServed,
    /// A message of each stream in turn (RFC 8260 §3.2).
    RoundRobin,
    /// As many bytes of each stream (RFC 8260 §3.5).
    FairBandwidth,
    /// The stream of the lowest number first (RFC 8260 §3.4, with the stream's number as its priority).
    Priority,
}

impl Scheduler {
    /// The name in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstComeFirstServed => "first-come",
            Self::RoundRobin => "round-robin",
            Self::FairBandwidth => "fair-bandwidth",
            Self::Priority => "priority",
        }
    }
}

impl Default for SctpConfig {
    fn default() -> Self {
        Self {
            mtu: 1500,
            outbound_streams: 10,
            inbound_streams: 2048,
            receive_buffer: 1 << 20,
            send_buffer: 1 << 20,
            rto: RtoLimits { max: SimDuration::from_secs(60), ..RtoLimits::default() },
            sack_delay: SimDuration::from_millis(200),
            sack_frequency: 2,
            max_burst: 4,
            cookie_life: SimDuration::from_secs(60),
            association_max_retrans: 10,
            path_max_retrans: 5,
            max_init_retransmits: 8,
            heartbeat_interval: Some(SimDuration::from_secs(30)),
            potentially_failed: None,
            partial_reliability: true,
            ecn: false,
            scheduler: Scheduler::default(),
            bundling: false,
            encapsulation: None,
            authentication: None,
            address_changes: false,
        }
    }
}
