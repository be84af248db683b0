//! How a graph works, and what a node is in it.

use wire::rpl::{DodagConfiguration, ModeOfOperation};

use super::objective::Objective;
use super::trickle::TrickleSettings;
use sim_core::SimDuration;

/// What a root announces, and what nodes use that they are not told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RplSettings {
    /// The instance; below 128: a global one (RFC 6550 §5.1).
    pub instance: u8,
    /// How routes downwards are kept.
    pub mode: ModeOfOperation,
    /// What a way costs.
    pub objective: Objective,
    /// When nodes speak of the graph.
    pub trickle: TrickleSettings,
    /// The least difference of ranks from hop to hop; above 0.
    pub min_hop_rank_increase: u16,
    /// How far a rank may rise within a version; 0 is no limit.
    pub max_rank_increase: u16,
    /// How long routes downwards live, in units of a minute; 255 is for ever.
    pub lifetime: u8,
    /// Whether nodes ask for a DAO to be confirmed, and repeat it otherwise.
    pub confirmed: bool,
    /// How often a root raises the graph's version, so that it is built anew (global repair); never if `None`.
    pub repair_every: Option<SimDuration>,
}

impl Default for RplSettings {
    /// RFC 6550 §17, but for the trickle timer and lifetimes, which are Contiki-NG's (4.096 s, 8 doublings, 30 minutes): 8 ms suit no
    /// radio of 250 kbit/s.
    fn default() -> Self {
        Self {
            instance: 0,
            mode: ModeOfOperation::Storing,
            objective: Objective::Mrhof,
            trickle: TrickleSettings { interval_min: 12, doublings: 8, redundancy: 10 },
            min_hop_rank_increase: 256,
            max_rank_increase: 0,
            lifetime: 30,
            confirmed: true,
            repair_every: None,
        }
    }
}

impl RplSettings {
    /// The configuration option of a root.
    #[must_use]
    pub fn configuration(&self) -> DodagConfiguration {
        DodagConfiguration {
            dio_interval_doublings: self.trickle.doublings,
            dio_interval_min: self.trickle.interval_min,
            dio_redundancy: self.trickle.redundancy,
            max_rank_increase: self.max_rank_increase,
            min_hop_rank_increase: self.min_hop_rank_increase,
            objective_code_point: self.objective.code_point(),
            default_lifetime: self.lifetime,
            lifetime_unit: LIFETIME_UNIT_SECS,
            ..DodagConfiguration::DEFAULT
        }
    }
}

/// What a node is in a graph.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Its root: a border router.
    Root,
    /// It passes packets on.
    Router,
    /// It does not (RFC 6550 §8.5).
    Leaf,
}

const LIFETIME_UNIT_SECS: u16 = 60;
