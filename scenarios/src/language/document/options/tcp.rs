//! Settings of TCP.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Ecn;
use crate::language::quantity::{Duration, Rate, Size};

/// Settings of TCP (RFC 9293); what is not given is the default of the profile ("tcp", "tcp-linux", "tcp-classic",
/// "tcp-constrained"), here that of "tcp".
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TcpOptions {
    /// Congestion control: "cubic" (default, RFC 9438), "reno" (RFC 5681), "vegas", "westwood", "ledbat" (LEDBAT++),
    /// "dctcp" (RFC 8257, with `ecn`) or "bbr" (BBRv3).
    pub congestion: Option<CongestionControl>,
    /// True to let CUBIC leave its first slow start when the round-trip time grows (HyStart++, RFC 9406); default true.
    pub hystart: Option<bool>,
    /// True to let CUBIC give way to others when it loses below its last maximum (RFC 9438 §4.7); default true.
    pub fast_convergence: Option<bool>,
    /// True to send at a rate instead of in bursts; default false, but "bbr" always does.
    pub pacing: Option<bool>,
    /// The largest segment: "1460 B"; default: what the interface's MTU allows; "64 B" to "65495 B".
    pub mss: Option<Size>,
    /// The port that connections are opened from, 1 to 65535; default: one that is free. Two flows that each open from
    /// the port that the other opens to share one connection, which both ends open at once.
    #[schemars(range(min = 1))]
    pub source_port: Option<u16>,
    /// True to gather small writes (RFC 896); default true.
    pub nagle: Option<bool>,
    /// True to delay acknowledgements (RFC 1122 §4.2.3.2); default true.
    pub delayed_ack: Option<bool>,
    /// How long an acknowledgement waits at most: "40 ms" (default), up to "500 ms" (RFC 1122 §4.2.3.2).
    pub delayed_ack_time: Option<Duration>,
    /// True for selective acknowledgements (RFC 2018); default true.
    pub sack: Option<bool>,
    /// How losses are found: "rack-tlp" (default, RFC 8985) or "duplicate-acks" (RFC 6675, RFC 6582 without SACK).
    pub loss_detection: Option<LossDetection>,
    /// True to let what is delivered pace a fast recovery (RFC 9937); default true.
    pub prr: Option<bool>,
    /// True to find out whether a time-out was needed before much is sent again (RFC 5682); default true.
    pub f_rto: Option<bool>,
    /// True to take back what D-SACKs (RFC 3708) or timestamps (RFC 3522) show to be needless; default true.
    pub undo: Option<bool>,
    /// True to send new data on the first duplicate acknowledgements (RFC 3042); default true.
    pub limited_transmit: Option<bool>,
    /// True for timestamps (RFC 7323 §3); default true.
    pub timestamps: Option<bool>,
    /// True for window scaling (RFC 7323 §2); default true.
    pub window_scale: Option<bool>,
    /// The congestion window at the start in segments: 10 (default, RFC 6928), 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub initial_window: Option<u32>,
    /// True to keep a window that the application does not use and to validate it by use (RFC 7661), instead of falling
    /// back to the initial one after a pause; default false.
    pub window_validation: Option<bool>,
    /// How much the sender holds: "1 MiB" (default), "1 KiB" to "1 GiB".
    pub send_buffer: Option<Size>,
    /// How much the receiver holds: "1 MiB" (default), "1 KiB" to "1 GiB".
    pub receive_buffer: Option<Size>,
    /// How much the receiver holds at first: it grows up to `receive-buffer` as its application reads; default: all.
    pub receive_buffer_initial: Option<Size>,
    /// How fast the receiving application reads: "1 Mbit/s"; default: at once.
    pub reader_rate: Option<Rate>,
    /// True to let Nagle's algorithm wait for small segments only (Minshall's variant, as Linux does); default false.
    pub minshall: Option<bool>,
    /// How many segments at the start are acknowledged at once: 0 (default) to 255; Linux has up to 16.
    pub quick_acks: Option<u8>,
    /// Whether a listener answers with SYN cookies (RFC 4987): "off", "when-full" (default) or "always".
    pub syn_cookies: Option<SynCookies>,
    /// How many connections may be half open at a listener: 4096 (default), 1 to 1000000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub backlog: Option<u32>,
    /// True for Fast Open at both ends (RFC 7413): data in the SYN, once a cookie is known; default false.
    pub fast_open: Option<bool>,
    /// How long data may go unacknowledged, told to the peer (RFC 5482): at least "1 s"; default: as `retries` has it.
    pub user_timeout: Option<Duration>,
    /// How the path's packet size is learnt: "off", "icmp" (default, RFC 1191) or "black-holes" (RFC 4821 too).
    pub path_mtu_discovery: Option<PathMtuDiscovery>,
    /// True for explicit congestion notification (RFC 3168), "accurate" to have marks counted instead of told of once a
    /// round trip (RFC 9768), which falls back to the former where the peer does not know it; default false.
    pub ecn: Option<Ecn>,
    /// The shortest retransmission time-out: "200 ms" (default; RFC 6298 §2.4 asks for "1 s"), at least "1 ms".
    pub rto_min: Option<Duration>,
    /// The retransmission time-out before the first sample: "1 s" (default, RFC 6298 §2.1), at least "1 ms".
    pub rto_initial: Option<Duration>,
    /// The longest retransmission time-out: "60 s" (default, RFC 6298 §2.5), at least `rto-min`.
    pub rto_max: Option<Duration>,
    /// How often a connection request is repeated before giving up: 6 (default), 0 to 255.
    pub syn_retries: Option<u8>,
    /// How often data is repeated before giving up: 15 (default), 0 to 255.
    pub retries: Option<u8>,
    /// The silence after which the peer is probed (RFC 1122 §4.2.3.6); default: never.
    pub keep_alive: Option<Duration>,
}

/// When a listener answers with SYN cookies.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum SynCookies {
    /// Never: a full queue drops SYNs.
    Off,
    /// While the queue is full.
    WhenFull,
    /// Always: nothing is kept of any SYN.
    Always,
}

/// How a connection learns the size of packets that the path takes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum PathMtuDiscovery {
    /// Not at all: routers may fragment.
    Off,
    /// From ICMP.
    Icmp,
    /// From ICMP, and by smaller segments where full ones vanish.
    BlackHoles,
}

/// How fast a sender may send.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum CongestionControl {
    /// CUBIC (RFC 9438).
    Cubic,
    /// Reno (RFC 5681) with NewReno's recovery (RFC 6582).
    Reno,
    /// Vegas (Brakmo and Peterson, 1995).
    Vegas,
    /// Westwood+ (Grieco and Mascolo, 2004).
    Westwood,
    /// LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus).
    Ledbat,
    /// DCTCP (RFC 8257).
    Dctcp,
    /// BBRv3 (draft-ietf-ccwg-bbr).
    Bbr,
}

/// How losses are found.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum LossDetection {
    /// By time, with tail loss probes (RFC 8985).
    RackTlp,
    /// By three duplicate acknowledgements (RFC 6675, RFC 6582).
    DuplicateAcks,
}
