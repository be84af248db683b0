//! How nodes move, and what a radio path loses over time: files read, names replaced by numbers.

use std::collections::BTreeMap;

use super::NodeId;
use crate::language::document::Waypoint;
use crate::language::quantity::{Duration, PowerLevel};

/// How the nodes of a group move.
#[derive(Clone, Debug)]
pub enum Movement {
    /// Each from its place to these points.
    Waypoints(Vec<Waypoint>),
    /// When the nodes of these numbers in the group are where: metres to the east, to the north and upwards. Times ascend.
    Tracks(BTreeMap<u32, Vec<(Duration, [f64; 3])>>),
}

/// What the file says of one interface's radio.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnRadio {
    /// What it sends with.
    pub power: Option<PowerLevel>,
    /// The channel that it is tuned to.
    pub channel: Option<u8>,
}

/// A line of a trace: what is left of a signal from then on.
#[derive(Clone, Copy, Debug)]
pub struct TracedLevel {
    /// Since when.
    pub at: Duration,
    /// Who sends.
    pub from: NodeId,
    /// Who hears.
    pub to: NodeId,
    /// How much.
    pub level: Level,
}

/// What arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level {
    /// So many decibels less than was sent.
    Loss(f64),
    /// So much, in dBm.
    Received(f64),
    /// Nothing.
    Nothing,
}
