//! Settings of Multipath TCP.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::quantity::{Duration, Size};

/// Settings of Multipath TCP (RFC 8684); what is not given is Multipath TCP's own default. Its subflows are TCP with TCP's
/// defaults.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct MptcpOptions {
    /// Which subflow carries what comes next: "lowest-rtt" (default), "round-robin", "redundant", "blest" or
    /// "backup-only".
    pub scheduler: Option<MptcpScheduler>,
    /// Which subflows there are: "full-mesh" (default; each address of the client with each of the server), "endpoints" (as
    /// `ip mptcp endpoint add … subflow`), "accepting-side" (a full mesh that the server opens) or "single".
    pub path_manager: Option<MptcpPathManager>,
    /// Congestion control: "lia" (default, RFC 6356), "olia", "balia", or uncoupled "cubic" or "reno".
    pub congestion: Option<MptcpCongestion>,
    /// True to ask for checksums over the data (RFC 8684 §3.3.1); default false, as Linux has it.
    pub checksum: Option<bool>,
    /// True to send data sequence numbers of 64 bits, as Linux does; default false.
    pub long_sequence: Option<bool>,
    /// The most subflows at once, the first one included: 8 (default), 1 to 32.
    #[schemars(range(min = 1, max = 32))]
    pub subflows: Option<u8>,
    /// The port that the server's further addresses are announced with, 1 to 65535; default that of the first subflow.
    #[schemars(range(min = 1))]
    pub announce_port: Option<u16>,
    /// True to send again on a faster subflow what blocks the window, and to slow the slow one down; default true.
    pub opportunistic_retransmission: Option<bool>,
    /// How long a connection without any subflow waits for one: "60 s" (default).
    pub lifetime: Option<Duration>,
    /// How much the sender holds, over all subflows: "1 MiB" (default), "1 KiB" to "1 GiB".
    pub send_buffer: Option<Size>,
    /// How much the receiver holds, over all subflows: "1 MiB" (default), "1 KiB" to "1 GiB".
    pub receive_buffer: Option<Size>,
    /// True to gather small writes (RFC 896); default true.
    pub nagle: Option<bool>,
}

/// Which subflow carries what comes next.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum MptcpScheduler {
    /// The one with the shortest round trip of those that have room.
    #[default]
    LowestRtt,
    /// One after the other, of those that have room.
    RoundRobin,
    /// All of them carry everything.
    Redundant,
    /// As the first, without those that would hold the fastest up (BLEST).
    Blest,
    /// The oldest one that works.
    BackupOnly,
}

/// Which subflows there are.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum MptcpPathManager {
    /// Each address of the client with each of the server.
    #[default]
    FullMesh,
    /// Each address of the client with the server's first, and its first with each that the server announces.
    Endpoints,
    /// Each address of the server with each of the client's, opened by the server once the client has announced them.
    AcceptingSide,
    /// The first one alone.
    Single,
}

/// How fast subflows may send.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum MptcpCongestion {
    /// Linked increases (RFC 6356).
    #[default]
    Lia,
    /// Opportunistic linked increases (Khalili et al.).
    Olia,
    /// Balanced linked adaptation (Peng et al.).
    Balia,
    /// CUBIC (RFC 9438) on each subflow by itself.
    Cubic,
    /// Reno (RFC 5681) on each subflow by itself.
    Reno,
}
