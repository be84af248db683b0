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
    /// What the scheduler knows of each stream, the first one first (RFC 8260 §4.3.3): its priority, the lowest number
    /// first, or its weight. Streams that are not listed have their number, or weight 1.
    pub stream_values: Vec<u16>,
    /// Whether messages of different streams may be interleaved (RFC 8260 §2), if the peer agrees.
    pub interleaving: bool,
    /// Whether streams may be reset and added (RFC 6525), and what the peer may ask for; `None` offers nothing.
    pub reconfiguration: Option<Reconfiguration>,
    /// Whether new data take all paths at once (an experiment: concurrent multipath transfer). Nothing comes of it where
    /// addresses change.
    pub concurrent_multipath: bool,
    /// Whether the user's messages may be held back until an acknowledgement comes, as by Nagle (RFC 9260 §6.1).
    pub bundling: bool,
    /// UDP ports of encapsulation (RFC 6951), or none.
    pub encapsulation: Option<Encapsulation>,
    /// How chunks are authenticated (RFC 4895), or not at all.
    pub authentication: Option<Authentication>,
    /// Whether addresses may come and go (RFC 5061); it takes authentication, which is offered then in any case.
    pub address_changes: bool,
    /// Whether the path MTU is found by probing (RFC 8899); else it is `mtu` until a router says less.
    pub path_mtu_probing: bool,
    /// What finds errors below SCTP, so that packets may go without checksum where the peer has the same (RFC 9653); with
    /// `None` all have theirs. Nothing of that layer is sent from here: whoever asks for it has to know that it is there.
    pub zero_checksum: Option<ErrorDetection>,
}

/// A method of detecting errors that is at least as good as SCTP's checksum (RFC 9653 §3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorDetection {
    /// SCTP over DTLS (RFC 8261): the records are authenticated, and hide the packets from middleboxes (RFC 9653 §6).
    Dtls,
}

impl ErrorDetection {
    /// Its number in the registry (RFC 9653 §8); zero stands for none.
    pub fn identifier(self) -> u32 {
        match self {
            Self::Dtls => 1,
        }
    }
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

/// What a peer may ask for (RFC 6525 §5.2.1: an administrative decision; §6.3.1 has the same switches).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reconfiguration {
    /// Resets of streams.
    pub resets: bool,
    /// Resets of the TSNs and of all streams.
    pub tsn_resets: bool,
    /// More streams, up to this number in each direction (RFC 6525 §5.2.5); zero for none.
    pub streams_max: u16,
}

impl Default for Reconfiguration {
    fn default() -> Self {
        Self { resets: true, tsn_resets: true, streams_max: 2048 }
    }
}

/// Which stream is served next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Scheduler {
    /// In the order of the user's calls (RFC 8260 §3.1).
    #[default]
    FirstComeFirstServed,
    /// A message of each stream in turn, or a chunk of each where messages are interleaved (RFC 8260 §3.2).
    RoundRobin,
    /// A packet of each stream in turn: no packet holds chunks of two (RFC 8260 §3.3).
    RoundRobinPacket,
    /// As many bytes of each stream (RFC 8260 §3.5).
    FairBandwidth,
    /// Bytes of each stream by its weight (RFC 8260 §3.6).
    WeightedFair,
    /// The stream of the lowest priority number first, which is its own number unless it was given one (RFC 8260 §3.4).
    Priority,
}

impl Scheduler {
    /// The name in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstComeFirstServed => "first-come",
            Self::RoundRobin => "round-robin",
            Self::RoundRobinPacket => "round-robin-packet",
            Self::FairBandwidth => "fair-bandwidth",
            Self::WeightedFair => "weighted-fair",
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
            stream_values: Vec::new(),
            interleaving: false,
            concurrent_multipath: false,
            reconfiguration: None,
            bundling: false,
            encapsulation: None,
            authentication: None,
            address_changes: false,
            path_mtu_probing: false,
            zero_checksum: None,
        }
    }
}
