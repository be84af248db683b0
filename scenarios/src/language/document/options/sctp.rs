//! Settings of SCTP.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::quantity::{Duration, Size};

/// Settings of SCTP (RFC 9260); what is not given is SCTP's own default.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SctpOptions {
    /// Streams that messages take in turn: 1 (default) to 65535.
    #[schemars(range(min = 1))]
    pub streams: Option<u16>,
    /// True to deliver the messages of a stream in order; default true.
    pub ordered: Option<bool>,
    /// How hard a message is tried: "full" (default), { "lifetime": "200 ms" } (RFC 3758) or
    /// { "retransmissions": 2 } (RFC 7496).
    pub reliability: Option<SctpReliability>,
    /// True to use all addresses of both hosts, the others when the first fails; default false.
    pub multihoming: Option<bool>,
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
    /// Which stream is served next (RFC 8260 §3): "first-come" (default), "round-robin", "fair-bandwidth" or
    /// "priority" (the lowest number first).
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

/// How hard a message is tried to be delivered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum SctpReliability {
    /// Until it arrives.
    #[default]
    Full,
    /// For so long (RFC 3758 §4.1).
    Lifetime(Duration),
    /// With so many retransmissions at most (RFC 7496 §3.1).
    Retransmissions(u16),
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
    /// As many bytes of each stream (RFC 8260 §3.5).
    FairBandwidth,
    /// The lowest number first (RFC 8260 §3.4).
    Priority,
}
