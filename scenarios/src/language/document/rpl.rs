//! How routes over radios are found.

use schemars::JsonSchema;
use serde::Deserialize;

use super::TextList;
use crate::language::quantity::Duration;

/// How routes over radios are found.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Routing {
    /// The shortest path in expected transmissions is known to everybody at once, and costs nothing.
    #[default]
    ShortestPath,
    /// RPL (RFC 6550) finds and repairs them, with messages on the air.
    Rpl,
}

/// RPL's settings.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RplOptions {
    /// The roots: `"border"`, `["border[*]"]`; default: the nodes on the medium that have another interface too and pass packets on.
    pub roots: Option<TextList>,
    /// How routes downwards are kept: "storing" (default), "non-storing" or "no-downward-routes".
    pub mode: RplMode,
    /// What a way costs: "mrhof" (default, RFC 6719 with ETX) or "of0" (RFC 6552).
    pub objective: RplObjective,
    /// When nodes speak of the graph (RFC 6206).
    pub trickle: TrickleOptions,
    /// The least difference of ranks from hop to hop; default 256, at least 1.
    #[schemars(range(min = 1))]
    pub min_hop_rank_increase: Option<u16>,
    /// How far a rank may rise before a node leaves the graph; default 0: without limit.
    pub max_rank_increase: Option<u16>,
    /// How long routes downwards live unless they are renewed: whole minutes, "30 min" (default), at most "254 min".
    pub lifetime: Option<Duration>,
    /// False if nodes do not ask for their announcements (DAO) to be confirmed; default true.
    pub dao_ack: Option<bool>,
    /// How often roots have the graph built anew (global repair), more than 0; default: never.
    pub repair_every: Option<Duration>,
}

/// How routes downwards are kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum RplMode {
    /// Each router keeps the routes to all that is below it.
    #[default]
    Storing,
    /// The root keeps them all, and writes the way into each packet.
    NonStoring,
    /// There are none.
    NoDownwardRoutes,
}

/// What a way costs.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum RplObjective {
    /// The transmissions that it takes, with hysteresis.
    #[default]
    Mrhof,
    /// Its hops, in steps of one to nine by how many transmissions each takes.
    Of0,
}

/// The Trickle timer of DIO messages.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TrickleOptions {
    /// Imin: a power of two in milliseconds, "1 ms" to "1048576 ms"; default "4096 ms".
    pub interval_min: Option<Duration>,
    /// How often it doubles while nothing changes; default 8, at most 20.
    #[schemars(range(min = 0, max = 20))]
    pub doublings: Option<u8>,
    /// k: so many consistent messages heard suppress the own one; default 10; 0 never does.
    pub redundancy: Option<u8>,
}

impl TrickleOptions {
    /// The power of two that the shortest interval is in milliseconds, up to 20; `None` if it is none, or not given.
    pub fn exponent(self) -> Option<u8> {
        let nanos = self.interval_min?.as_nanos();
        let millis = nanos / 1_000_000;
        let fits =
            nanos.is_multiple_of(1_000_000) && millis.is_power_of_two() && millis.ilog2() <= EXPONENT_MAX;
        fits.then(|| millis.ilog2() as u8)
    }
}

const EXPONENT_MAX: u32 = 20;
