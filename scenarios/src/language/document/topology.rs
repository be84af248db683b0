//! Groups of nodes and links made by a rule.

use schemars::JsonSchema;
use serde::Deserialize;

use super::LinkTemplate;

/// A rule that makes nodes `name[0]`, `name[1]`, … and the links between them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// A row: each node is linked to the next.
    Chain(Chain),
    /// A rectangle, numbered row by row: each node is linked to its right and its lower neighbour.
    Grid(Grid),
    /// A hub, node 0, to which all others are linked.
    Star(Star),
    /// A connected network without plan.
    Random(Random),
    /// Two routers joined by a bottleneck, with as many nodes on the left as on the right.
    Dumbbell(Box<Dumbbell>),
}

/// A row of nodes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Chain {
    /// How many nodes, 2 to 1 000 000.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub nodes: u64,
    /// The links.
    #[serde(default)]
    pub link: LinkTemplate,
}

/// A rectangle of nodes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Grid {
    /// How many nodes stand in a row, at least 1; give this and `rows`, or `nodes`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub columns: Option<u64>,
    /// How many rows there are, at least 1; at most 1 000 000 nodes in all.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rows: Option<u64>,
    /// Makes the largest square of at most so many nodes: 100 for 10 by 10.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub nodes: Option<u64>,
    /// The links.
    #[serde(default)]
    pub link: LinkTemplate,
}

/// A hub and the nodes around it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Star {
    /// How many nodes, the hub included, 2 to 1 000 000.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub nodes: u64,
    /// The links, from the outside to the hub.
    #[serde(default)]
    pub link: LinkTemplate,
}

/// A connected network without plan: a random tree, and more links between random pairs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Random {
    /// How many nodes, 2 to 1 000 000.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub nodes: u64,
    /// How many links a node has on average, 2 or more; give this or `links`.
    #[serde(default)]
    pub degree: Option<f64>,
    /// How many links there are, at least one less than nodes; give this or `degree`.
    #[serde(default)]
    pub links: Option<u64>,
    /// Which network of this kind: the same number makes the same network in every run; default 1.
    #[serde(default = "one")]
    pub seed: u64,
    /// The links.
    #[serde(default)]
    pub link: LinkTemplate,
}

/// Two routers `name-router[0]` and `name-router[1]`, joined by a bottleneck; nodes `name-left[i]` at the first,
/// `name-right[i]` at the second.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dumbbell {
    /// How many nodes on either side, 1 to 499 999.
    #[schemars(range(min = 1, max = 499_999))]
    pub pairs: u64,
    /// The links between the nodes and their router, from the node to the router.
    #[serde(default)]
    pub access: LinkTemplate,
    /// The link between the routers, called `name-bottleneck`, from the left to the right.
    #[serde(default)]
    pub bottleneck: LinkTemplate,
}

impl Grid {
    /// How many columns and rows there are; 0 of what is not given.
    pub fn size(&self) -> (u64, u64) {
        match self.nodes {
            Some(nodes) => (nodes.isqrt(), nodes.isqrt()),
            None => (self.columns.unwrap_or(0), self.rows.unwrap_or(0)),
        }
    }
}

fn one() -> u64 {
    1
}
