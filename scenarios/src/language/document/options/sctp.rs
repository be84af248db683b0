//! Settings of SCTP.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::quantity::{Duration, Size};

/// Settings of SCTP (RFC 9260); what is not given is SCTP's own default.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SctpOptions {
    /// Streams that messages take in turn: 1 (default) to 65535.
    #[schemars(range(min = 1))]
    pub streams: Option<u16>,
    /// True to deliver the messages of a stream in order; default true.
    pub ordered: Option<bool>,
    /// How hard a message is tried: "full" (default), { "lifetime": "200 ms" } (RFC 3758), { "retransmissions": 2 } or
    /// { "priority": [0, 5] } (RFC 7496).
    pub reliability: Option<SctpReliability>,
    /// True to use all addresses of both hosts, the others when the first fails; default false.
    pub multihoming: Option<bool>,
    /// An experiment: true to send on all paths at once (concurrent multipath transfer), each with a window of its own; needs
    /// `multihoming`. Default false.
    pub concurrent_multipath: Option<bool>,
    /// Timeouts in a row after which a path is given up: 5 (default; Path.Max.Retrans, RFC 9260 §16).
    pub path_max_retrans: Option<u32>,
    /// Timeouts in a row after which the association is given up: 10 (default; Association.Max.Retrans).
    pub association_max_retrans: Option<u32>,
    /// Timeouts after which another path takes over already (RFC 7829); default: only `path-max-retrans`.
    pub potentially_failed: Option<u32>,
    /// Silence after which a path is probed: "30 s" (default; HB.interval, RFC 9260 §16); "0 s" probes none.
    pub heartbeat: Option<Duration>,
    /// How long an acknowledgement waits at most: "200 ms" (default), up to "500 ms" (RFC 9260 §6.2).
    pub sack_delay: Option<Duration>,
    /// Packets after which an acknowledgement goes at once: 2 (default, RFC 9260 §6.2), 1 to 255.
    #[schemars(range(min = 1))]
    pub sack_frequency: Option<u8>,
    /// Packets that may go in one burst: 4 (default; Max.Burst, RFC 9260 §16), 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub max_burst: Option<u32>,
    /// The retransmission time-out before the first sample: "1 s" (default; RTO.Initial), at least "1 ms".
    pub rto_initial: Option<Duration>,
    /// The shortest retransmission time-out: "1 s" (default; RTO.Min), at least "1 ms".
    pub rto_min: Option<Duration>,
    /// The longest retransmission time-out: "60 s" (default; RTO.Max), at least `rto-min`.
    pub rto_max: Option<Duration>,
    /// How long a state cookie is good for: "60 s" (default; Valid.Cookie.Life).
    pub cookie_life: Option<Duration>,
    /// How much the sender holds: "1 MiB" (default), "64 KiB" to "1 GiB".
    pub send_buffer: Option<Size>,
    /// How much the receiver holds: "1 MiB" (default), "64 KiB" to "1 GiB".
    pub receive_buffer: Option<Size>,
    /// True to gather small messages while something is unacknowledged (RFC 9260 §6.1); default false.
    pub nagle: Option<bool>,
    /// True for explicit congestion notification (RFC 4960 Appendix A); default false.
    pub ecn: Option<bool>,
    /// Which stream is served next (RFC 8260 §3): "first-come" (default), "round-robin", "round-robin-packet",
    /// "fair-bandwidth", "weighted-fair" (by `weights`) or "priority" (the lowest of `priorities` first).
    pub scheduler: Option<SctpScheduler>,
    /// What is sent and taken only with a code that proves its sender (RFC 4895): "nothing" (default), "data" or "everything".
    /// Changes of addresses always are.
    pub authenticate: Option<SctpAuthenticate>,
    /// The message digest of these codes: "sha-256" (default) or "sha-1".
    pub hmac: Option<SctpHmac>,
    /// The number of a key that both ends have beforehand: 1 to 65535; default: none, so that who has seen the handshake
    /// can sign too.
    #[schemars(range(min = 1))]
    pub shared_key: Option<u16>,
    /// True to let an association's addresses come and go with the interfaces of its nodes (RFC 5061); default false.
    pub address_changes: Option<bool>,
    /// How an association learns the size of packets that the path takes: "icmp" (default; from routers, RFC 1191) or
    /// "probing" (by packets of different sizes, RFC 8899, which finds it where routers say nothing).
    pub path_mtu_discovery: Option<SctpPathMtuDiscovery>,
    /// What finds errors below SCTP, so that packets of an association go without SCTP's own checksum (RFC 9653): "none"
    /// (default: all have it) or "dtls". With "dtls" the layer below is taken to be DTLS (RFC 8261): its records are not
    /// simulated, and their bytes, its handshake and its time are not counted.
    pub zero_checksum: Option<SctpErrorDetection>,
    /// Priorities of the streams, the first one first, for the scheduler "priority"; default: the stream's number.
    pub priorities: Option<Vec<u16>>,
    /// Weights of the streams, the first one first, for the scheduler "weighted-fair": 1 (default) to 65535.
    pub weights: Option<Vec<u16>>,
    /// True to mix the fragments of messages of different streams (I-DATA, RFC 8260 §2); default false. The receive buffer
    /// has to hold a message of 64 KiB of each stream.
    pub interleaving: Option<bool>,
    /// What the sender asks about streams while it runs (RFC 6525); an empty list only lets both ends say that they know
    /// how. Default: they do not.
    pub reconfiguration: Option<Vec<SctpRequest>>,
}

/// What has to be authenticated.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum SctpAuthenticate {
    /// No chunk.
    #[default]
    Nothing,
    /// User data.
    Data,
    /// All chunks that can be, those of the handshake included.
    Everything,
}

/// How an association learns the size of packets that the path takes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum SctpPathMtuDiscovery {
    /// From routers.
    #[default]
    Icmp,
    /// By probes of different sizes.
    Probing,
}

/// A method of detecting errors below SCTP (RFC 9653 §3).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum SctpErrorDetection {
    /// None that is known: packets have their checksum.
    #[default]
    None,
    /// DTLS, which is taken to be there and is not simulated (RFC 9653 §6).
    Dtls,
}

/// A message digest.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum SctpHmac {
    /// SHA-256: codes of 32 bytes.
    #[default]
    #[serde(rename = "sha-256")]
    Sha256,
    /// SHA-1: codes of 20 bytes.
    #[serde(rename = "sha-1")]
    Sha1,
}

/// A request about streams, at a time.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SctpRequest {
    /// When it is made, or as soon as there is an association: "10 s".
    pub at: Duration,
    /// What is asked for.
    pub ask: SctpStreamRequest,
}

/// What is asked about streams (RFC 6525 §4).
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum SctpStreamRequest {
    /// That these streams to send on begin anew; an empty list stands for all.
    ResetOutgoing(Vec<u16>),
    /// That these streams to receive on begin anew; an empty list stands for all.
    ResetIncoming(Vec<u16>),
    /// That all streams and the TSNs begin anew.
    ResetTsns,
    /// So many more streams to send on.
    AddOutgoing(u16),
    /// So many more streams to receive on.
    AddIncoming(u16),
}

/// How hard a message is tried to be delivered.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum SctpReliability {
    /// Until it arrives.
    #[default]
    Full,
    /// For so long (RFC 3758 §4.1).
    Lifetime(Duration),
    /// With so many retransmissions at most (RFC 7496 §3.1).
    Retransmissions(u16),
    /// Until it is sent, unless the send buffer is full and a message of a lower number needs the room (RFC 7496 §3.2): a
    /// number for each stream, the last one for those beyond. What finds no room itself is lost.
    Priority(Vec<u32>),
}

/// Which stream is served next.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum SctpScheduler {
    /// In the order of the messages (RFC 8260 §3.1).
    #[default]
    FirstCome,
    /// A message of each stream in turn (RFC 8260 §3.2).
    RoundRobin,
    /// A packet of each stream in turn (RFC 8260 §3.3).
    RoundRobinPacket,
    /// As many bytes of each stream (RFC 8260 §3.5).
    FairBandwidth,
    /// Bytes of each stream by its weight (RFC 8260 §3.6).
    WeightedFair,
    /// The lowest priority number first (RFC 8260 §3.4).
    Priority,
}
