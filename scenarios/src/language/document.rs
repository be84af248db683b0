//! What may stand in a scenario file: one type for each object, one field for each entry.
//!
//! The doc comments of the fields are the descriptions in the JSON Schema, so they name unit, range and default.

mod entries;
mod fault;
mod hardware;
mod impairment;
mod link;
mod movement;
mod node;
mod options;
mod pairs;
mod question;
mod queue;
mod radio;
mod radio_security;
mod registration;
mod rpl;
mod service;
mod text_list;
mod topology;
mod traffic;
mod workload;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::quantity::{Duration, Size};
pub use entries::Entries;
pub use fault::{FaultChange, FaultSettings, Reboot};
pub use hardware::{
    BatteryModel, BatteryObject, BatterySettings, DayCurve, HarvesterObject, HarvesterSettings, Kibam,
    Peukert, Profiles, RadioRest, Rakhmatov, SolarDay, TracedPower,
};
pub use impairment::{
    Corruption, GilbertElliott, Jitter, Loss, Normal, RateTrace, Reordering, TimeRange, TimeSpanList,
    TraceFile,
};
pub use link::{DirectionSettings, Framing, LinkSettings, LinkTemplate};
pub use movement::{MovementSettings, Waypoint};
pub use node::{
    ArpSettings, Clock, EthernetSegment, Forwarding, InterfaceSettings, Medium, NodeSettings, Service,
    Services, SocketSettings,
};
pub use options::{
    CoapCongestion, CoapMethod, CoapOptions, CongestionControl, Ecn, LossDetection, MptcpCongestion,
    MptcpOptions, MptcpPathManager, MptcpScheduler, PathMtuDiscovery, ProtocolOptions, SctpAuthenticate,
    SctpErrorDetection, SctpHmac, SctpOptions, SctpPathMtuDiscovery, SctpReliability, SctpRequest,
    SctpScheduler, SctpStreamRequest, SynCookies, TcpOptions, UdpOptions,
};
pub use pairs::{OneByOne, Pairs, RandomPairs};
pub use question::{Expectation, Plot, StackBy, Sweep};
pub use queue::{CoDel, DropTail, FqCoDel, Queue, QueueLimit, Red};
pub use radio::{
    AddressLength, Band, ContikiMacOptions, DutyCycleKind, FragmentsKind, LinkLoss, LogDistanceSettings,
    MacOptions, Place, Point, PollingOptions, PropagationSettings, RadioSettings, RecoveryOptions,
    TschOptions, TschSchedule, TwoRaySettings, XMacOptions,
};
pub use radio_security::RadioSecuritySettings;
pub use registration::{NeighbourDiscovery, RegistrationOptions};
pub use rpl::{Routing, RplMode, RplObjective, RplOptions, TrickleOptions};
pub use service::{CoapProxy, CoapResource, CoapServer};
pub use text_list::TextList;
pub use topology::{Chain, Dumbbell, Grid, Random, Star, Topology};
pub use traffic::{Protection, RouteSettings, TrafficSettings};
pub use workload::{
    Bulk, Flood, Observe, OnOff, Pareto, Periodic, Poisson, Poll, RequestResponse, SizeDistribution, Start,
    TimeDistribution, TracedMessage, UniformSizes, Workload,
};

/// A scenario: nodes, what joins them, what they send, and what is asked about it.
///
/// Wherever a value stands below `duration` and in the sections from `nodes` to `faults`, the text "$x" stands for
/// the value of the parameter x, and "${x}" inside a text for its text.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Document {
    /// The JSON Schema of this file, for editors; not read.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// The name of the scenario and of its output folder: letters, digits, `-` and `_`.
    pub name: Option<String>,
    /// The question that the scenario answers.
    pub about: Option<String>,
    /// What a reader should look at in the results.
    pub look_at: Option<String>,
    /// Values by name, for "$name" in the sections below; a sweep varies them, `--set` replaces them.
    pub parameters: Entries<Value>,
    /// How long workloads generate messages: "120 s".
    pub duration: Option<Duration>,
    /// How long the run goes on afterwards, for what is still on its way; default "10 s".
    pub drain: Option<Duration>,
    /// Messages generated before this time do not count in the metrics; default "0 s", less than `duration`.
    pub warm_up: Duration,
    /// The version of IP: "v4" (default), "v6" or "dual" for both.
    pub ip: IpVersion,
    /// Nodes, or groups of like nodes, by name.
    pub nodes: Entries<NodeSettings>,
    /// Hardware profiles of the file's own, beside those that ship.
    pub profiles: Profiles,
    /// Groups of nodes and their links made by a rule, by the name of the group.
    pub topology: Entries<Topology>,
    /// Segments and radio media that several interfaces share, by name.
    pub media: Entries<Medium>,
    /// Links that join two nodes each.
    pub links: Vec<LinkSettings>,
    /// Routes that are not the shortest path, which all others are.
    pub routes: Vec<RouteSettings>,
    /// Who sends what to whom, and over which protocols.
    pub traffic: Vec<TrafficSettings>,
    /// What changes or breaks while the scenario runs.
    pub faults: Vec<FaultSettings>,
    /// Which parameters vary, and how often each combination is repeated.
    pub sweep: Sweep,
    /// The plots of the report.
    pub plots: Vec<Plot>,
    /// What must come out; a run whose result is otherwise fails.
    pub expect: Vec<Expectation>,
    /// When to stop a run that has gone out of hand.
    pub limits: LimitSettings,
    /// How finely time series are recorded.
    pub sample: SampleSettings,
    /// True to record every frame in a pcapng file, as `--pcap` does; default false.
    pub capture: bool,
}

/// Which versions of IP the nodes speak.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum IpVersion {
    /// IPv4 (RFC 791).
    #[default]
    V4,
    /// IPv6 (RFC 8200).
    V6,
    /// Both.
    Dual,
}

/// When to stop a run that has gone out of hand.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LimitSettings {
    /// The most events of one run; default 10 000 000 000, at least 1.
    pub events: Option<u64>,
    /// The most memory of one run: "4 GiB"; default "8 GiB", at least "1 MiB".
    pub memory: Option<Size>,
    /// The longest simulated time: `duration` and `drain` together may not be longer; default "365 d".
    pub time: Option<Duration>,
}

/// How finely time series are recorded.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SampleSettings {
    /// The step between two values of a series, more than 0; default "100 ms", and in runs of more than 2000 s as many
    /// times that as leave 20 000 values.
    pub every: Option<Duration>,
}

impl Document {
    /// How long the run goes on after `duration`.
    pub fn drain(&self) -> Duration {
        self.drain.unwrap_or(DRAIN_DEFAULT)
    }
}

const DRAIN_DEFAULT: Duration = Duration::from_secs(10);
