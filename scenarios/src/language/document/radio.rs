//! Radio media, and where nodes stand.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    NeighbourDiscovery, QueueLimit, RadioSecuritySettings, RegistrationOptions, Routing, RplOptions,
    TraceFile,
};
use crate::language::quantity::{Decibels, Distance, Duration, PowerLevel, Size};

/// Radios of IEEE 802.15.4 that share the air, with IPv6 in their frames (6LoWPAN).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RadioSettings {
    /// The physical layer: "2.4 GHz" (default, O-QPSK, 250 kbit/s) or "868 MHz" (O-QPSK, 100 kbit/s).
    pub band: Band,
    /// The channel: 11 to 26 at 2.4 GHz (default 26), 0 at 868 MHz.
    #[schemars(range(min = 0, max = 26))]
    pub channel: Option<u8>,
    /// How signals get from place to place: "free-space" (default), or a law with settings.
    pub propagation: PropagationSettings,
    /// What every radio sends with: "0 dBm" (default).
    pub power: Option<PowerLevel>,
    /// The weakest signal that a receiver notices: "-95 dBm" (default, CC2420).
    pub sensitivity: Option<PowerLevel>,
    /// The noise in a receiver, with its own: "-100 dBm" (default).
    pub noise: Option<PowerLevel>,
    /// By how much a frame has to exceed noise and others to be received: "3 dB" (default, CC2420), at least 0.
    pub capture: Option<Decibels>,
    /// By how much a signal on a neighbouring channel may exceed a frame that is received all the same: "0 dB" (default,
    /// IEEE 802.15.4-2011 clause 10.3.5; the CC2420 stands 30 dB or more), at least 0.
    pub adjacent_rejection: Option<Decibels>,
    /// The same on the channel behind that: "30 dB" (default); what is farther away is not heard.
    pub alternate_rejection: Option<Decibels>,
    /// The mean power above which the channel counts as busy: "-77 dBm" (default, CC2420).
    pub busy_above: Option<PowerLevel>,
    /// Medium access.
    pub mac: MacOptions,
    /// What waits in each radio behind the frame that is being sent: "8 packets" (default), each a frame.
    pub queue: Option<QueueLimit>,
    /// The largest IPv6 packet: "1280 B" (default and least, RFC 4944) to "2047 B"; larger than a frame it is sent in fragments.
    pub mtu: Option<Size>,
    /// The network's number; default 43981 (0xABCD), at most 65534.
    #[schemars(range(min = 0, max = 65534))]
    pub pan: Option<u16>,
    /// Packets that a radio puts together from fragments at one time, 1 to 255; default 4.
    #[schemars(range(min = 1, max = 255))]
    pub reassemblies: Option<u8>,
    /// How packets are sent that do not fit into a frame: "plain" (default, RFC 4944) or "recovered" (RFC 8931), whose lost
    /// fragments are sent again.
    pub fragments: FragmentsKind,
    /// Settings of "recovered" fragments.
    pub recovery: Option<RecoveryOptions>,
    /// True (default) if the network's prefix is a context of header compression (RFC 6282), so that addresses are left out.
    pub context: Option<bool>,
    /// False if IPv6 headers are sent as they are, behind one byte (RFC 4944 §5.1); default true: compressed (RFC 6282).
    pub compression: Option<bool>,
    /// How frames are protected, as {"level": 5}; default: not at all.
    pub security: Option<RadioSecuritySettings>,
    /// How routes are found: "shortest-path" (default) or "rpl".
    pub routing: Routing,
    /// RPL's settings, where it finds the routes.
    pub rpl: Option<RplOptions>,
    /// How nodes find routers and register addresses: "none" (default: all is known at once), "rfc6775" or "rfc8505".
    pub neighbour_discovery: NeighbourDiscovery,
    /// Settings of neighbour discovery, where it runs.
    pub registration: Option<RegistrationOptions>,
}

/// How packets are sent that do not fit into a frame.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum FragmentsKind {
    /// In fragments that all have to arrive.
    #[default]
    Plain,
    /// In fragments that the receiver confirms, and of which the lost ones are sent again.
    Recovered,
}

/// The parameters of recovered fragments (RFC 8931 §7.1).
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RecoveryOptions {
    /// Window_Size: fragments that may be outstanding; default 4, 1 to 32.
    #[schemars(range(min = 1, max = 32))]
    pub window: Option<u8>,
    /// OptARQTimeOut: how long an acknowledgement is waited for at first: "1 s" (default); "10 ms" to "10 s".
    pub timeout: Option<Duration>,
    /// MaxFragRetries: how often a fragment is sent again; default 3, at most 15.
    #[schemars(range(min = 0, max = 15))]
    pub retries: Option<u8>,
    /// MaxDatagramRetries: how often a packet is begun anew that its receiver does not know; default 1, at most 15.
    #[schemars(range(min = 0, max = 15))]
    pub restarts: Option<u8>,
}

/// The physical layer.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum Band {
    /// O-QPSK, 250 kbit/s.
    #[default]
    #[serde(rename = "2.4 GHz")]
    Ghz2450,
    /// O-QPSK, 100 kbit/s.
    #[serde(rename = "868 MHz")]
    Mhz868,
}

/// How signals get from place to place.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PropagationSettings {
    /// Friis's law: the loss grows with the square of the distance.
    #[default]
    FreeSpace,
    /// With the reflection from the ground: beyond a distance the loss grows with the fourth power.
    TwoRay(TwoRaySettings),
    /// A power of the distance, and a random loss of each link for what stands in its way.
    LogDistance(LogDistanceSettings),
    /// The loss of each link as it was measured; radios whose link is not listed do not hear each other.
    Links(Vec<LinkLoss>),
    /// A file beside the scenario with the loss of each link over time: lines of time in seconds, sender, receiver, and loss
    /// in dB (`12.5,mote,sink,71`), or power in dBm if the last heading is `rssi_dbm`; `-` for no path.
    Trace(TraceFile),
}

/// The law of two rays.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TwoRaySettings {
    /// How high the antennas are whose place has no height: "1.5 m", more than 0.
    pub height: Distance,
}

/// A power of the distance.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LogDistanceSettings {
    /// The exponent: 2 in free space, 2.7 to 5 among buildings; 1 to 10.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub exponent: f64,
    /// The loss at 1 m: "40 dB"; default: that of free space. At least 0.
    #[serde(default)]
    pub reference: Option<Decibels>,
    /// The standard deviation of each link's own loss: "4 dB"; default 0, at most "20 dB".
    #[serde(default)]
    pub shadowing: Option<Decibels>,
}

/// The loss between radios.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LinkLoss {
    /// Two nodes, or groups: `["router", "sensor[*]"]`; every one of the first to every one of the second.
    pub between: [String; 2],
    /// The loss, both ways: "70 dB", at least 0.
    pub loss: Decibels,
    /// The loss from the second to the first, if it is another.
    #[serde(default)]
    pub back: Option<Decibels>,
}

/// Medium access (IEEE 802.15.4 clause 6, unslotted CSMA-CA), with the standard's names and defaults.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct MacOptions {
    /// The first back-off is 0 to 2^min-be - 1 periods of 20 symbols; default 3, at most `max-be`.
    #[schemars(range(min = 0, max = 8))]
    pub min_be: Option<u8>,
    /// How far the exponent grows; default 5, 3 to 8.
    #[schemars(range(min = 3, max = 8))]
    pub max_be: Option<u8>,
    /// How often a busy channel is tried again; default 4, 0 to 5.
    #[schemars(range(min = 0, max = 5))]
    pub max_csma_backoffs: Option<u8>,
    /// How often a frame that was not acknowledged is sent again; default 3, 0 to 7.
    #[schemars(range(min = 0, max = 7))]
    pub max_frame_retries: Option<u8>,
    /// False if frames are not acknowledged; default true.
    pub acknowledgements: Option<bool>,
    /// Which addresses frames carry: "short" (default) or "long".
    pub addresses: AddressLength,
    /// How radios save energy: "always-on" (default), "contikimac", "x-mac", "polling" or "tsch".
    pub duty_cycle: DutyCycleKind,
    /// True if nodes that pass on packets of others sleep too, with "contikimac" or "x-mac"; default false: they are
    /// always on, and so are the parents of "polling".
    pub routers_sleep: bool,
    /// Settings of "contikimac".
    pub contikimac: Option<ContikiMacOptions>,
    /// Settings of "x-mac".
    pub x_mac: Option<XMacOptions>,
    /// Settings of "polling".
    pub polling: Option<PollingOptions>,
    /// Settings of "tsch".
    pub tsch: Option<TschOptions>,
}

/// How radios save energy.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum DutyCycleKind {
    /// Not at all: they listen whenever they do not send.
    #[default]
    AlwaysOn,
    /// ContikiMAC: a sender repeats the frame until the receiver looks, and learns when it does.
    #[serde(rename = "contikimac")]
    ContikiMac,
    /// X-MAC: a sender repeats a short frame that names the receiver until it listens.
    XMac,
    /// A sleeping child asks its always-on parent for frames, as in Thread.
    Polling,
    /// All count slots together, sleep in most, and change the channel with each; 2.4 GHz only.
    Tsch,
}

/// ContikiMAC (SICS T2011:13).
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ContikiMacOptions {
    /// How often a receiver looks: "125 ms" (default); "15 ms" to "10 s".
    pub every: Option<Duration>,
    /// False if senders do not learn when a receiver looks; default true.
    pub phase_lock: Option<bool>,
}

/// X-MAC (Buettner et al., SenSys 2006).
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct XMacOptions {
    /// How often a receiver listens: "500 ms" (default); "15 ms" to "10 s".
    pub every: Option<Duration>,
    /// For how long: "6.25 ms" (default); at least "1.7 ms" at 2.4 GHz and "4.2 ms" at 868 MHz, less than `every`.
    pub listen: Option<Duration>,
}

/// Sleepy children of an always-on parent (IEEE 802.15.4 clause 6.7.3).
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PollingOptions {
    /// How often a child asks: "1 s" (default); "50 ms" to "24 h".
    pub every: Option<Duration>,
    /// How long a frame waits for being asked for: "7.68 s" (default, IEEE 802.15.4); more than 0, at most "24 h".
    pub timeout: Option<Duration>,
    /// After how many frames in a row that its parent has not confirmed a child looks for another: 4 (default, Thread's); 1 to 255.
    #[schemars(range(min = 1, max = 255))]
    pub lost_after: Option<u8>,
}

/// Which addresses frames carry.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum AddressLength {
    /// 16 bits.
    #[default]
    Short,
    /// 64 bits.
    Long,
}

/// Time-slotted channel hopping (IEEE 802.15.4 clause 6.2.6).
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TschOptions {
    /// Who sends when: "minimal" (default, RFC 8180) or "orchestra" (SenSys 2015).
    pub schedule: TschSchedule,
    /// Slots of the minimal schedule's slotframe: 7 (default, Contiki-NG's); 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub slotframe: Option<u32>,
    /// Slots of Orchestra's slotframe for beacons: 397 (default); 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub beacon_slotframe: Option<u32>,
    /// Slots of Orchestra's slotframe for what is for all: 31 (default); 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub common_slotframe: Option<u32>,
    /// Slots of Orchestra's slotframe for frames to one radio: 17 (default); 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub unicast_slotframe: Option<u32>,
    /// How often a radio sends a beacon: "16 s" (default); "100 ms" to "1 h".
    pub beacon_every: Option<Duration>,
    /// After how long without news of its time source a radio asks it: "12 s" (default); "1 s" to "1 h".
    pub keep_alive: Option<Duration>,
    /// How wrong radios' clocks are at most, either way, in millionths: 20 (default); 0 to 1000.
    #[schemars(range(min = 0, max = 1000))]
    pub drift_ppm: Option<u32>,
}

/// Who sends when.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum TschSchedule {
    /// One cell that all share.
    #[default]
    Minimal,
    /// A cell for each radio to be sent to, one for its beacons, and one that all share.
    Orchestra,
}

/// Where a node stands, or the nodes of a group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// At one point: ["10 m", "5 m"], or with a height: ["10 m", "5 m", "1.5 m"].
    At(Point),
    /// Each at a point of its own.
    Each(Vec<Point>),
    /// Evenly on a circle of this radius around the origin: "30 m".
    Circle(Distance),
    /// Anywhere on a disc of this radius around the origin, anew in each replication: "30 m".
    Disc(Distance),
    /// Anywhere in a square of this side whose middle is the origin, anew in each replication: "1 km".
    Square(Distance),
    /// In a row to the east that starts one step from the origin: "10 m".
    Line(Distance),
    /// In the smallest square of rows that holds them, around the origin, with this step: "10 m".
    Grid(Distance),
}

/// Distances to the east, to the north and, if there are three, upwards.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Point(pub Vec<Distance>);
