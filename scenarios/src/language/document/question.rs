//! What is asked: which parameters vary, what is plotted, and what must come out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Entries;

/// Which parameters vary, and how often each combination is repeated.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Sweep {
    /// The values of each parameter that varies: {"loss": ["0 %", "1 %"]}. Every value meets every other; the last
    /// parameter varies fastest.
    pub over: Entries<Vec<Value>>,
    /// Parameters that vary together, first value with first value: [["rate", "delay"]]. One of them may repeat a
    /// value, their combinations may not.
    pub zip: Vec<Vec<String>>,
    /// How often each point is repeated with other random numbers: 1 (default) to 100 000.
    #[schemars(range(min = 1, max = 100_000))]
    pub replications: u64,
    /// The number that all random numbers come from; default 1.
    pub seed: u64,
    /// The values of the point that others are compared with: {"transport": "tcp"}.
    pub baseline: Entries<Value>,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            over: Entries::default(),
            zip: Vec::new(),
            replications: 1,
            seed: 1,
            baseline: Entries::default(),
        }
    }
}

/// One plot. Give one of `y`, `ecdf`, `bars` and `series`.
///
/// A parameter that varies and is named neither by `x`, `by` nor `where` makes one panel for each of its values.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Plot {
    /// The parameter along the horizontal axis, for `y`.
    pub x: Option<String>,
    /// Means with 95 % intervals of this metric: "latency.p95".
    pub y: Option<String>,
    /// The distribution of this: "latency".
    pub ecdf: Option<String>,
    /// Stacked bars of this: "overhead" for each byte delivered, or "energy" for each message delivered.
    pub bars: Option<String>,
    /// A time series of replication 0: "cwnd_bytes".
    pub series: Option<String>,
    /// The parameter with a line, curve or bar for each value.
    pub by: Option<String>,
    /// What the parts of a bar are; of "overhead": "layer" (default), "reason" or "protocol"; of "energy": "part"
    /// (default), "state", "cause", "layer" or "node".
    pub stack: Option<StackBy>,
    /// Whose series: the name of a flow, a link direction `a-b:a>b` or a node; "*" (default) for all.
    pub entity: Option<String>,
    /// Only points with these values: {"rtt": "20 ms"}.
    #[serde(rename = "where")]
    pub filter: Entries<Value>,
    /// The point whose series are drawn: {"loss": "1 %"}.
    pub point: Entries<Value>,
    /// The title; default: made from the rest.
    pub title: Option<String>,
    /// True for a logarithmic horizontal axis; default false.
    pub log_x: bool,
    /// True for a logarithmic vertical axis; default false.
    pub log_y: bool,
}

/// What the parts of a bar are.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackBy {
    /// Link, network, transport, security, session, application.
    #[default]
    Layer,
    /// Handshake, data, acknowledgement and so on.
    Reason,
    /// Ethernet, IPv4, TCP and so on.
    Protocol,
    /// Radio, processor and so on.
    Part,
    /// The states of the parts.
    State,
    /// Data, header, acknowledgement, idle listening and so on.
    Cause,
    /// The nodes with hardware.
    Node,
}

/// What must come out: the mean of a metric over the runs of each point.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expectation {
    /// The metric: "delivered", "latency.p95".
    pub metric: String,
    /// Only points with these values: {"loss": "0 %"}; default: all.
    #[serde(rename = "where", default)]
    pub filter: Entries<Value>,
    /// The least: a number in the metric's unit, or a quantity "20 ms".
    #[serde(default)]
    pub min: Option<Value>,
    /// The most, as `min`.
    #[serde(default)]
    pub max: Option<Value>,
    /// The value itself, as `min`.
    #[serde(default)]
    pub equals: Option<Value>,
    /// How far from `equals` it may be: as `min`, or a share "5 %" of it; default 0.
    #[serde(default)]
    pub within: Option<Value>,
}
