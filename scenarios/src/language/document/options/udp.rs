//! Settings of UDP.

use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of UDP (RFC 768).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct UdpOptions {
    /// True for a checksum; default true. False is for IPv4 only (RFC 8200 §8.1).
    pub checksum: Option<bool>,
    /// True to forbid fragmentation in routers (RFC 791 §2.3); default false.
    pub dont_fragment: Option<bool>,
    /// The hop limit, 1 to 255; default: the node's.
    #[schemars(range(min = 1))]
    pub hop_limit: Option<u8>,
    /// The differentiated services code point (RFC 2474), 0 (default) to 63.
    #[schemars(range(max = 63))]
    pub dscp: Option<u8>,
}
