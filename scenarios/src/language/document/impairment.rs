//! What goes wrong on a link: loss, jitter, reordering, damage, and rates that vary.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::quantity::{Duration, Fraction};
use crate::language::shorthand::{Shorthand, shorthand};

/// Which frames are lost.
#[derive(Clone, Debug, PartialEq)]
pub enum Loss {
    /// Each frame alike, with this probability.
    Random(Fraction),
    /// Bursts.
    GilbertElliott(GilbertElliott),
    /// The frames with these numbers, counted from 1 in each direction.
    Packets(Vec<u64>),
    /// The same from a file.
    PacketsFile(TraceFile),
    /// All frames sent within these times.
    Trace(TimeSpanList),
    /// The same from a file.
    TraceFile(TraceFile),
}

/// Which frames are lost; "1 %" for each alike.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LossObject {
    /// Each frame alike, with this probability.
    Random(Fraction),
    /// Bursts: a state that changes over time, good or bad, each with its own loss.
    GilbertElliott(GilbertElliott),
    /// The frames with these numbers, counted from 1 in each direction: [3, 7].
    Packets(Vec<u64>),
    /// The same from a file beside the scenario, one number a line: "frames.lost".
    PacketsFile(TraceFile),
    /// All frames sent within these times: [["1 s", "1.2 s"]].
    Trace(TimeSpanList),
    /// The same from a file beside the scenario, one span a line, `1 s, 1.2 s`: "tunnel.loss".
    TraceFile(TraceFile),
}

/// Bursts of loss (Gilbert 1960, Elliott 1963). The state changes with time, not with the frames sent.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GilbertElliott {
    /// The probability that a good slot is followed by a bad one: "1 %".
    pub p: Fraction,
    /// The probability that a bad slot is followed by a good one: "30 %", more than 0.
    pub r: Fraction,
    /// The probability of loss in a good slot; default 0.
    #[serde(default)]
    pub loss_good: Fraction,
    /// The probability of loss in a bad slot; default "100 %".
    #[serde(default = "always")]
    pub loss_bad: Fraction,
    /// The length of a slot: "10 ms", more than 0.
    pub slot: Duration,
}

/// From a time until before another: ["1 s", "1.2 s"].
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub struct TimeRange(
    /// The first moment.
    pub Duration,
    /// The first moment afterwards.
    pub Duration,
);

/// Ranges of time in order, without overlap.
pub type TimeSpanList = Vec<TimeRange>;

/// By how much the delay of a frame varies.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Jitter {
    /// Added delay between 0 and this, all alike likely: "5 ms".
    Uniform(Duration),
    /// Added delay with a bell curve, cut off below 0.
    Normal(Normal),
    /// Added delay with this mean, exponentially distributed: "2 ms".
    Exponential(Duration),
}

/// A bell curve.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Normal {
    /// The mean: "5 ms".
    pub mean: Duration,
    /// The standard deviation: "1 ms".
    pub deviation: Duration,
}

/// Frames that are held back so that later ones overtake them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reordering {
    /// The probability that a frame is held back: "1 %".
    pub probability: Fraction,
    /// For how long: "10 ms", more than 0.
    pub delay: Duration,
}

/// How frames are damaged. A damaged frame arrives; the receiver's checksums decide what becomes of it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Corruption {
    /// The probability that a bit is turned over: 1e-6.
    BitError(Fraction),
    /// The probability that a frame has one bit turned over: "0.1 %".
    Packet(Fraction),
    /// The probability that a packet has one bit turned over of what TCP or UDP carry in it, and their checksum made right, as
    /// by a gateway that rewrites contents: "0.1 %". Only a check above the transport notices.
    Content(Fraction),
}

/// A rate that varies over time.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum RateTrace {
    /// Milliseconds, in order, at each of which up to 1504 bytes may leave; repeated from the last one on
    /// (the format of mahimahi's link traces).
    Mahimahi(Vec<u64>),
    /// The same from a file beside the scenario, one number a line: {"file": "verizon.down"}.
    File(TraceFile),
}

/// The name of a file, relative to the scenario.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub struct TraceFile(
    /// The name.
    pub String,
);

impl Shorthand for Loss {
    type Long = LossObject;

    const EXPECTED: &'static str = "a share such as \"1 %\" or an object such as { \"gilbert-elliott\": … }";
    const SHORT: &'static [&'static str] = &["1 %", "0.01"];

    fn from_short(text: &str) -> Result<Self, String> {
        text.parse().map(Self::Random)
    }

    fn from_long(long: LossObject) -> Result<Self, String> {
        Ok(match long {
            LossObject::Random(share) => Self::Random(share),
            LossObject::GilbertElliott(bursts) => Self::GilbertElliott(bursts),
            LossObject::Packets(numbers) => Self::Packets(numbers),
            LossObject::PacketsFile(file) => Self::PacketsFile(file),
            LossObject::Trace(times) => Self::Trace(times),
            LossObject::TraceFile(file) => Self::TraceFile(file),
        })
    }
}

shorthand!(Loss);

fn always() -> Fraction {
    Fraction::ONE
}
