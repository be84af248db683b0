//! What is sent, and when.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::quantity::{Duration, Size};
use crate::language::shorthand::{Shorthand, shorthand};

/// What is sent, and when. Times count from the start of the run.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// A message at regular times.
    Periodic(Periodic),
    /// Messages at random times, independent of each other.
    Poisson(Poisson),
    /// A periodic workload with pauses.
    OnOff(OnOff),
    /// Messages at given times: [["1 s", "64 B"], ["2 s", "100 B"]].
    Trace(Vec<TracedMessage>),
    /// As much as the transport takes.
    Bulk(Bulk),
    /// Questions, each of which waits for its answer.
    RequestResponse(RequestResponse),
    /// Questions for a resource of the receivers', whose sizes and times stand with it: CoAP's GET.
    Poll(Poll),
    /// One question, and from then on all that changes: CoAP's Observe (RFC 7641).
    Observe(Observe),
    /// An attack: first packets of connections, from invented addresses (RFC 4987).
    Flood(Flood),
}

/// Questions for a resource that a receiver's `services` describe; `options.coap.path` says which. If it has `changes`,
/// its states are the messages, each from its beginning until the sender knows of it; else the responses are.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Poll {
    /// The time between two questions: "10 s", more than 0; without it, the next one follows the answer.
    pub every: Option<Duration>,
    /// When the first question comes: "0 s" (default), "uniform" for a random moment within `every`, or "uniform within
    /// 5 s".
    pub start: Start,
    /// No question is asked at or after this time; default: the end of `duration`.
    pub stop: Option<Duration>,
    /// The most questions, at least 1; default: no limit.
    pub messages: Option<u64>,
}

/// An observation of a resource that has `changes`; its states are the messages, each from its beginning until the
/// sender knows of it.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Observe {
    /// When it begins: "0 s" (default), or "uniform within 5 s".
    pub start: Start,
    /// When it ends; default: with the run.
    pub stop: Option<Duration>,
}

/// First packets of connections that nobody goes on with, SYNs over "tcp" or INITs over "sctp" (RFC 4987 §2). They are
/// not messages: no metric of messages counts them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Flood {
    /// The time between two packets: "10 ms", more than 0.
    pub every: Duration,
    /// The addresses that they claim to come from, each at random: "198.18.0.0/15". Answers go there: `routes` say where
    /// that is.
    pub sources: String,
    /// When the first one is sent: "0 s" (default), or "uniform" for a random moment within the first period.
    #[serde(default)]
    pub start: Start,
    /// No packet is sent at or after this time; default: the end of `duration`.
    #[serde(default)]
    pub stop: Option<Duration>,
    /// The most packets, at least 1; default: no limit.
    #[serde(default)]
    pub packets: Option<u64>,
}

/// A message at regular times.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Periodic {
    /// The size of a message: "64 B", {"uniform": ["10 B", "100 B"]} or {"pareto": …}.
    pub message: SizeDistribution,
    /// The time between two messages: "10 s", more than 0.
    pub every: Duration,
    /// When the first message comes: "0 s" (default), or "uniform" for a random moment within the first period.
    #[serde(default)]
    pub start: Start,
    /// By how much a message comes later than its time, at random: "100 ms"; default 0, at most `every`.
    #[serde(default)]
    pub jitter: Duration,
    /// No message is generated at or after this time; default: the end of `duration`.
    #[serde(default)]
    pub stop: Option<Duration>,
    /// The most messages, at least 1; default: no limit.
    #[serde(default)]
    pub messages: Option<u64>,
}

/// Messages at random times.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Poisson {
    /// The size of a message: "64 B", {"uniform": ["10 B", "100 B"]} or {"pareto": …}.
    pub message: SizeDistribution,
    /// The mean time between two messages: "10 s", more than 0.
    pub every: Duration,
    /// When the first wait begins: "0 s" (default), or "uniform" for a random moment within one mean.
    #[serde(default)]
    pub start: Start,
    /// No message is generated at or after this time; default: the end of `duration`.
    #[serde(default)]
    pub stop: Option<Duration>,
    /// The most messages, at least 1; default: no limit.
    #[serde(default)]
    pub messages: Option<u64>,
}

/// A periodic workload with pauses.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OnOff {
    /// The size of a message: "64 B", {"uniform": ["10 B", "100 B"]} or {"pareto": …}.
    pub message: SizeDistribution,
    /// The time between two messages while on: "20 ms", more than 0.
    pub every: Duration,
    /// How long it sends: "1 s", or {"exponential": "1 s"} for a random time with this mean; more than 0.
    pub on: TimeDistribution,
    /// How long it pauses: as `on`.
    pub off: TimeDistribution,
    /// When it is first on: "0 s" (default), or "uniform" for a random moment within one `on` and `off`.
    #[serde(default)]
    pub start: Start,
    /// No message is generated at or after this time; default: the end of `duration`.
    #[serde(default)]
    pub stop: Option<Duration>,
    /// The most messages, at least 1; default: no limit.
    #[serde(default)]
    pub messages: Option<u64>,
}

/// One message of a trace: ["1 s", "64 B"].
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub struct TracedMessage(
    /// When it is generated, in ascending order.
    pub Duration,
    /// Its size, at least "1 B".
    pub Size,
);

/// As much as the transport takes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Bulk {
    /// How much: "10 MB", at least "1 B"; without `bytes` and `for`, until `duration` ends.
    pub bytes: Option<Size>,
    /// For how long: "30 s", more than 0.
    #[serde(rename = "for")]
    pub time: Option<Duration>,
    /// When it begins: "0 s" (default), "uniform" for a random moment within the first second, or "uniform within
    /// 100 ms".
    pub start: Start,
}

/// Questions, each of which waits for its answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RequestResponse {
    /// The size of a question: "64 B", {"uniform": ["10 B", "100 B"]} or {"pareto": …}.
    pub request: SizeDistribution,
    /// The size of an answer, as `request`.
    pub response: SizeDistribution,
    /// The time from an answer to the next question: "1 s"; give this or `every`; default 0.
    #[serde(default)]
    pub think: Option<TimeDistribution>,
    /// The time from a question to the next one, or to its answer if that is later: "10 s"; give this or `think`.
    #[serde(default)]
    pub every: Option<Duration>,
    /// How long the receiver works on an answer: "5 ms"; default 0.
    #[serde(default)]
    pub processing: Duration,
    /// When the first question comes: "0 s" (default), or "uniform" for a random moment within `every` or `think`.
    #[serde(default)]
    pub start: Start,
    /// No question is asked at or after this time; default: the end of `duration`.
    #[serde(default)]
    pub stop: Option<Duration>,
    /// The most questions, at least 1; default: no limit.
    #[serde(default)]
    pub messages: Option<u64>,
}

/// When a workload begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// At a random moment within the first period.
    Uniform,
    /// At a random moment before this time.
    Within(Duration),
    /// At this time.
    At(Duration),
}

/// The size of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SizeDistribution {
    /// All alike.
    Constant(Size),
    /// Between two sizes, all alike likely.
    Uniform(UniformSizes),
    /// Many small ones and few large ones.
    Pareto(Pareto),
}

/// The size of a message at random; "64 B" if all are alike.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SizeObject {
    /// Between two sizes, both included, all alike likely: ["10 B", "100 B"].
    Uniform(UniformSizes),
    /// Many small ones and few large ones.
    Pareto(Pareto),
}

/// From the smallest to the largest size, both included.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub struct UniformSizes(
    /// The smallest size, at least "1 B".
    pub Size,
    /// The largest size, at least the smallest.
    pub Size,
);

/// Sizes with a heavy tail: P(size > x) = (min / x)^shape.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pareto {
    /// The smallest size, at least "1 B".
    pub min: Size,
    /// What larger ones are cut to, at least `min`.
    pub max: Size,
    /// The shape: 1.2; more than 0, and the smaller the heavier the tail.
    pub shape: f64,
}

/// A length of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimeDistribution {
    /// Always this.
    Constant(Duration),
    /// Random with this mean.
    Exponential(Duration),
}

/// A random length of time; "1 s" if it is always the same.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TimeObject {
    /// With this mean, exponentially distributed: "1 s".
    Exponential(Duration),
}

impl Default for Start {
    fn default() -> Self {
        Self::At(Duration::default())
    }
}

impl SizeDistribution {
    /// The largest size that may come out.
    pub fn max(self) -> Size {
        match self {
            Self::Constant(size) => size,
            Self::Uniform(sizes) => sizes.1,
            Self::Pareto(pareto) => pareto.max,
        }
    }
}

impl TimeDistribution {
    /// The mean.
    pub fn mean(self) -> Duration {
        match self {
            Self::Constant(time) | Self::Exponential(time) => time,
        }
    }
}

impl crate::language::shorthand::TextForm for Start {
    const EXPECTED: &'static str = "a time such as \"5 s\", \"uniform\" or \"uniform within 100 ms\"";
    const EXAMPLES: &'static [&'static str] = &["0 s", "uniform", "uniform within 100 ms"];

    fn read(text: &str) -> Result<Self, String> {
        if let Some(span) = text.strip_prefix("uniform within ") {
            return span.parse().map(Self::Within);
        }
        match text {
            "uniform" => Ok(Self::Uniform),
            _ if text.starts_with(|first: char| first.is_alphabetic()) => {
                Err(format!("`{text}` is no way to begin, expected {}", Self::EXPECTED))
            }
            _ => text.parse().map(Self::At),
        }
    }
}

impl Shorthand for SizeDistribution {
    type Long = SizeObject;

    const EXPECTED: &'static str =
        "a number of bytes such as \"64 B\", or { \"uniform\": [\"10 B\", \"100 B\"] }";
    const SHORT: &'static [&'static str] = &["64 B"];

    fn from_short(text: &str) -> Result<Self, String> {
        text.parse().map(Self::Constant)
    }

    fn from_long(long: SizeObject) -> Result<Self, String> {
        match long {
            SizeObject::Uniform(sizes) if sizes.0 > sizes.1 => {
                Err(format!("the smallest size, {}, is more than the largest, {}", sizes.0, sizes.1))
            }
            SizeObject::Uniform(sizes) => Ok(Self::Uniform(sizes)),
            SizeObject::Pareto(pareto) if pareto.min > pareto.max => {
                Err(format!("`min`, {}, is more than `max`, {}", pareto.min, pareto.max))
            }
            SizeObject::Pareto(pareto) if !(pareto.shape.is_finite() && pareto.shape > 0.0) => {
                Err(format!("a shape of {} makes no distribution, expected a number above 0", pareto.shape))
            }
            SizeObject::Pareto(pareto) => Ok(Self::Pareto(pareto)),
        }
    }
}

impl Shorthand for TimeDistribution {
    type Long = TimeObject;

    const EXPECTED: &'static str = "a duration such as \"1 s\", or { \"exponential\": \"1 s\" }";
    const SHORT: &'static [&'static str] = &["1 s"];

    fn from_short(text: &str) -> Result<Self, String> {
        text.parse().map(Self::Constant)
    }

    fn from_long(TimeObject::Exponential(mean): TimeObject) -> Result<Self, String> {
        Ok(Self::Exponential(mean))
    }
}

shorthand!(SizeDistribution, TimeDistribution);
crate::language::shorthand::text_form!(Start);
