//! Services that have settings of their own.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Entries, TimeDistribution};
use crate::language::quantity::{Duration, Size};

/// A CoAP server (RFC 7252). It lists its resources at /.well-known/core (RFC 6690).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CoapServer {
    /// The port it listens on, 1 to 65535; default 5683.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// What it has, by path: { "sensors/temp": { "size": "8 B", "changes": "10 s" } }. Default: /test, /separate (after
    /// 1 s), /large (100 kB), /observe (changes each 2 s) and /store (written by PUT).
    pub resources: Option<Entries<CoapResource>>,
}

/// A CoAP proxy with a cache (RFC 7252 §5.7), over UDP.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CoapProxy {
    /// The port it listens on, 1 to 65535; default 5683.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// The server that it stands in front of: "sensor". It is a reverse proxy then (RFC 7252 §5.7.3), whose clients ask it as
    /// if it were the server; without it, requests name their servers.
    pub origin: Option<String>,
}

/// A resource of a CoAP server. Every one can be read by GET.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CoapResource {
    /// How many bytes it says: "100 kB", "1 B" to "16 MiB"; longer than a block, they go in blocks (RFC 7959).
    pub size: Option<Size>,
    /// What it says: "22.3 C"; give this or `size`. Without either, the number of its state if it has `changes`, else
    /// nothing until it is written.
    pub text: Option<String>,
    /// How long the server takes for a response: "5 ms" or {"exponential": "5 ms"}; default 0.
    pub processing: Option<TimeDistribution>,
    /// The time from one state to the next: "10 s" or {"exponential": "10 s"}, more than 0. It can be observed then
    /// (RFC 7641). Without it, it never changes by itself.
    pub changes: Option<TimeDistribution>,
    /// True if PUT, POST and DELETE are allowed; default false.
    pub writable: bool,
    /// The number of its Content-Format (RFC 7252 §12.3); default 42 (octet-stream) with `size`, else 0 (text).
    pub content_format: Option<u16>,
    /// How long a response is fresh (RFC 7252 §5.10.5): "60 s" (default), in whole seconds.
    pub max_age: Option<Duration>,
    /// Its resource type, which discovery may ask for (RFC 6690 §3.1): "temperature".
    pub resource_type: Option<String>,
    /// Its interface description, the attribute `if` of its link (RFC 6690 §3.2).
    pub interface: Option<String>,
}
