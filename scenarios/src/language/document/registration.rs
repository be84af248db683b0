//! How nodes on radios find routers and register addresses.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::TextList;
use crate::language::quantity::Duration;

/// How nodes on radios find routers and register addresses.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum NeighbourDiscovery {
    /// Everything is known at once, and costs nothing.
    #[default]
    None,
    /// By RFC 6775, with messages on the air.
    Rfc6775,
    /// By RFC 6775 as RFC 8505 has it: registrations that are numbered, and verified.
    Rfc8505,
}

/// Settings of neighbour discovery.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RegistrationOptions {
    /// The border routers (6LBR): `"border"`, `["border[*]"]`; default: RPL's roots, or the nodes on the medium that have another
    /// interface too and pass packets on.
    pub border: Option<TextList>,
    /// How long a registration is asked for: whole minutes, "10 min" (default), at most "65535 min".
    pub lifetime: Option<Duration>,
    /// How long an advertisement makes its sender a default router: whole seconds, "30 min" (default), at most "65535 s".
    pub router_lifetime: Option<Duration>,
    /// The longest pause between advertisements of a router to all: "10 min" (default), "30 s" to "24 h".
    pub advertise_every: Option<Duration>,
    /// How long the answer to a solicitation is waited for, doubled each time: "1 s" (default, RFC 4861) and, for children that poll,
    /// their interval; "100 ms" to "60 s".
    pub retransmit: Option<Duration>,
    /// Registrations that a router keeps (with RFC 8505 two for each node); default 16, at least 1.
    #[schemars(range(min = 1))]
    pub neighbours: Option<u16>,
    /// Addresses that a border router keeps for the network; default 1024, at least 1.
    #[schemars(range(min = 1))]
    pub registry: Option<u16>,
    /// False if routers do not ask the border router whether somebody else has an address; default true.
    pub detect_duplicates: Option<bool>,
    /// Bits of the verifier that an address is owned by: 64 (default, the EUI-64) or, with RFC 8505, 128, 192 or 256.
    pub rovr: Option<u16>,
    /// Nodes that register the address of another besides their own, as one that was configured twice: `{ "intruder": "mote[1]" }`.
    pub claims: BTreeMap<String, String>,
}
