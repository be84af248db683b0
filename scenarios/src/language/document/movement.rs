//! How nodes move.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Point, TraceFile};
use crate::language::quantity::{Duration, Speed};

/// How a node moves, or the nodes of a group: straight from one point to the next.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MovementSettings {
    /// From its place to these points, one after the other.
    Waypoints(Vec<Waypoint>),
    /// A file beside the scenario: lines of time in seconds, node, and the distances to the east and to the north, and upwards
    /// if there are three, in metres (`12.5,walker,10,-3`), or movements as ns-2's `setdest` writes them.
    File(TraceFile),
}

/// A point to go to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Waypoint {
    /// Where it is: ["100 m", "20 m"], or with a height.
    pub to: Point,
    /// When the node gets there: "2 min"; instead of `speed`.
    #[serde(default)]
    pub at: Option<Duration>,
    /// How fast it goes there: "1.4 m/s"; instead of `at`.
    #[serde(default)]
    pub speed: Option<Speed>,
    /// How long it rests before it goes: "10 s"; default 0.
    #[serde(default)]
    pub wait: Duration,
}
