//! Who sends what to whom, over which protocols with which settings, and along which routes.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Pairs, ProtocolOptions, TextList, Workload};

/// One entry of traffic: a flow from each sender to each receiver, unless `pairs` says otherwise.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrafficSettings {
    /// The name, for results; default `from>to`, then `from>to#2`.
    #[serde(default)]
    pub name: Option<String>,
    /// Who sends: "a", `sensor[3]`, `sensor[*]` for all of a group, "a/eth0" for one interface, or a list.
    pub from: TextList,
    /// Who receives: as `from`, or a multicast address.
    pub to: TextList,
    /// Who of them sends to whom: "all" (default) for each sender to each receiver, "one-by-one", or {"random": …}.
    #[serde(default)]
    pub pairs: Pairs,
    /// The protocols, top first: "tcp", "udp".
    pub over: String,
    /// Settings of the protocols, by protocol; those of a protocol that is not in `over` do nothing.
    #[serde(default)]
    pub options: ProtocolOptions,
    /// The port that the receiver listens on, 1 to 65535; default: one that is free.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// How many flows run in parallel from each sender to each receiver: 1 (default) to 100 000.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub count: Option<u64>,
    /// What is sent, and when.
    pub workload: Workload,
    /// What protects each message beside the protocols below, at a cost for the processors of both ends; its bytes are
    /// among the message's: "none" (default), "aes-128-ccm", "hmac-sha-256", "p-256-signature".
    #[serde(default)]
    pub protection: Protection,
}

/// Cryptography of the application's own.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum Protection {
    /// Nothing.
    #[default]
    #[serde(rename = "none")]
    None,
    /// Each message is sealed with AES-128-CCM (RFC 3610) and opened by its receiver.
    #[serde(rename = "aes-128-ccm")]
    Aes128Ccm,
    /// Each message carries an HMAC-SHA-256 (RFC 2104), which its receiver computes too.
    #[serde(rename = "hmac-sha-256")]
    HmacSha256,
    /// Each message is signed by ECDSA on P-256 and verified by its receiver.
    #[serde(rename = "p-256-signature")]
    P256Signature,
}

impl Protection {
    /// What processors work on for it, if they do.
    pub(crate) fn work(self) -> Option<wire::cryptography::Protection> {
        use wire::cryptography::Protection as Work;
        match self {
            Self::None => None,
            Self::Aes128Ccm => Some(Work::Aes128Ccm),
            Self::HmacSha256 => Some(Work::HmacSha256),
            Self::P256Signature => Some(Work::P256Signature),
        }
    }
}

/// A route that is not the shortest path.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RouteSettings {
    /// The node, or the group `a[*]`, that has the route.
    pub node: String,
    /// Where it leads: a node, or a prefix "10.2.0.0/16".
    pub to: String,
    /// The next hop: a neighbour "b", or the node's own interface "a/eth0".
    pub via: String,
}
