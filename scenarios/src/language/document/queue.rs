//! Queues: what waits for a busy link, and what is dropped.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::quantity::{Duration, Fraction, Size};
use crate::language::shorthand::{Shorthand, TextForm, shorthand, text_form};

/// How many packets or bytes a queue holds: "64 packets" or "32 KB".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QueueLimit {
    /// A number of packets, at least 1.
    Packets(u64),
    /// A number of bytes, at least 1.
    Bytes(Size),
}

/// A queue and the rule by which it drops.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum QueueObject {
    /// Drops what does not fit.
    DropTail(DropTail),
    /// Random early detection (Floyd and Jacobson 1993).
    Red(Red),
    /// Controlled delay (RFC 8289).
    #[serde(rename = "codel")]
    CoDel(CoDel),
    /// Flow queues, each with controlled delay (RFC 8290).
    #[serde(rename = "fq-codel")]
    FqCoDel(FqCoDel),
}

/// A queue and the rule by which it drops.
#[derive(Clone, Debug, PartialEq)]
pub enum Queue {
    /// Drops what does not fit.
    DropTail(QueueLimit),
    /// Random early detection.
    Red(Red),
    /// Controlled delay.
    CoDel(CoDel),
    /// Flow queues, each with controlled delay.
    FqCoDel(FqCoDel),
}

/// A queue that drops what does not fit; give one of the two limits.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DropTail {
    /// The most packets, at least 1.
    pub packets: Option<u64>,
    /// The most bytes, at least "1 B".
    pub bytes: Option<Size>,
}

/// Random early detection (Floyd and Jacobson 1993). Thresholds are in packets.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Red {
    /// The average length in packets below which nothing is dropped, at least 1.
    pub min: u64,
    /// The average length in packets above which everything is dropped, more than `min`.
    pub max: u64,
    /// The probability of a drop as the average reaches `max`: "10 %" (default).
    #[serde(default)]
    pub max_probability: Option<Fraction>,
    /// The weight of the newest length in the average: 0.002 (default), more than 0.
    #[serde(default)]
    pub weight: Option<Fraction>,
    /// The most the queue holds: "64 packets"; default four times `max`.
    #[serde(default)]
    pub limit: Option<QueueLimit>,
    /// True to mark packets of flows that understand it instead of dropping them (RFC 3168); default false.
    #[serde(default)]
    pub ecn: bool,
    /// True to raise the probability gently from `max` to twice `max`; default true.
    #[serde(default = "yes")]
    pub gentle: bool,
}

/// Controlled delay (RFC 8289).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CoDel {
    /// The delay that is accepted: "5 ms" (default), more than 0.
    pub target: Option<Duration>,
    /// How long the delay must stay above it: "100 ms" (default), more than `target`.
    pub interval: Option<Duration>,
    /// The most the queue holds: "1000 packets" (default).
    pub limit: Option<QueueLimit>,
    /// True to mark packets of flows that understand it instead of dropping them (RFC 3168); default false.
    pub ecn: bool,
}

/// Flow queues, each with controlled delay (RFC 8290).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct FqCoDel {
    /// How many flow queues: 1024 (default), 1 to 65536.
    pub flows: Option<u32>,
    /// How much a flow may send in its turn: "1514 B" (default), at least "1 B".
    pub quantum: Option<Size>,
    /// The delay that is accepted: "5 ms" (default), more than 0.
    pub target: Option<Duration>,
    /// How long the delay must stay above it: "100 ms" (default), more than `target`.
    pub interval: Option<Duration>,
    /// The most all queues hold together: "10240 packets" (default).
    pub limit: Option<QueueLimit>,
    /// True to mark packets of flows that understand it instead of dropping them; default true (RFC 8290 §5.2.7).
    pub ecn: Option<bool>,
}

impl Default for Red {
    /// The thresholds that Floyd's notes on RED begin with (`minthresh` 5, `maxthresh` three times that).
    fn default() -> Self {
        Self { min: 5, max: 15, max_probability: None, weight: None, limit: None, ecn: false, gentle: true }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self::DropTail(QueueLimit::Packets(PACKETS_DEFAULT))
    }
}

impl QueueLimit {
    fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let count = trimmed.strip_suffix("packets").or_else(|| trimmed.strip_suffix("packet"));
        if let Some(count) = count {
            let number = count.trim().parse::<u64>().map_err(|_| {
                format!("\"{}\" is not a whole number, expected such as \"64 packets\"", count.trim())
            })?;
            return Ok(Self::Packets(number));
        }
        if trimmed.parse::<f64>().is_ok() {
            return Err(format!(
                "\"{trimmed}\" says neither packets nor bytes, expected \"64 packets\" or \"32 KB\""
            ));
        }
        trimmed.parse().map(Self::Bytes).map_err(|error: String| {
            let reason = error.split(", expected").next().unwrap_or_default().to_owned();
            format!("{reason}, expected \"64 packets\" or \"32 KB\"")
        })
    }
}

impl TextForm for QueueLimit {
    const EXPECTED: &'static str = "\"64 packets\" or \"32 KB\"";
    const EXAMPLES: &'static [&'static str] = &["64 packets", "32 KB"];

    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl Shorthand for Queue {
    type Long = QueueObject;

    const EXPECTED: &'static str = "\"64 packets\", \"32 KB\" or an object such as { \"red\": … }";
    const SHORT: &'static [&'static str] = &["64 packets", "32 KB"];

    fn from_short(text: &str) -> Result<Self, String> {
        match text {
            "red" => Ok(Self::Red(Red::default())),
            "codel" => Ok(Self::CoDel(CoDel::default())),
            "fq-codel" => Ok(Self::FqCoDel(FqCoDel::default())),
            _ => QueueLimit::parse(text).map(Self::DropTail),
        }
    }

    fn from_long(long: QueueObject) -> Result<Self, String> {
        match long {
            QueueObject::DropTail(DropTail { packets: Some(packets), bytes: None }) => {
                Ok(Self::DropTail(QueueLimit::Packets(packets)))
            }
            QueueObject::DropTail(DropTail { packets: None, bytes: Some(bytes) }) => {
                Ok(Self::DropTail(QueueLimit::Bytes(bytes)))
            }
            QueueObject::DropTail(DropTail { .. }) => {
                Err("a drop-tail queue has one limit, expected either `packets` or `bytes`".to_owned())
            }
            QueueObject::Red(red) => Ok(Self::Red(red)),
            QueueObject::CoDel(codel) => Ok(Self::CoDel(codel)),
            QueueObject::FqCoDel(fq_codel) => Ok(Self::FqCoDel(fq_codel)),
        }
    }
}

shorthand!(Queue);
text_form!(QueueLimit);

fn yes() -> bool {
    true
}

/// As deep as Linux's default interface queue (`txqueuelen` 1000).
const PACKETS_DEFAULT: u64 = 1000;
