//! Settings of the protocols: one file for each, one field of the registry.

mod sctp;
mod tcp;
mod udp;

use schemars::JsonSchema;
use serde::Deserialize;

pub use sctp::{SctpOptions, SctpReliability, SctpScheduler};
pub use tcp::{CongestionControl, LossDetection, TcpOptions};
pub use udp::UdpOptions;

/// Settings of the protocols, by protocol.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ProtocolOptions {
    /// The stream control transmission protocol.
    pub sctp: Option<SctpOptions>,
    /// The transmission control protocol.
    pub tcp: Option<TcpOptions>,
    /// The user datagram protocol.
    pub udp: Option<UdpOptions>,
}
