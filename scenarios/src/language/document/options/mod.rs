//! Settings of the protocols: one file for each, one field of the registry.

mod coap;
mod ecn;
mod mptcp;
mod sctp;
mod tcp;
mod udp;

use schemars::JsonSchema;
use serde::Deserialize;

pub use coap::{CoapCongestion, CoapMethod, CoapOptions};
pub use ecn::Ecn;
pub use mptcp::{MptcpCongestion, MptcpOptions, MptcpPathManager, MptcpScheduler};
pub use sctp::{
    SctpAuthenticate, SctpErrorDetection, SctpHmac, SctpOptions, SctpPathMtuDiscovery, SctpReliability,
    SctpRequest, SctpScheduler, SctpStreamRequest,
};
pub use tcp::{CongestionControl, LossDetection, PathMtuDiscovery, SynCookies, TcpOptions};
pub use udp::UdpOptions;

/// Settings of the protocols, by protocol.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ProtocolOptions {
    /// The constrained application protocol.
    pub coap: Option<CoapOptions>,
    /// Multipath TCP.
    pub mptcp: Option<MptcpOptions>,
    /// The stream control transmission protocol.
    pub sctp: Option<SctpOptions>,
    /// The transmission control protocol.
    pub tcp: Option<TcpOptions>,
    /// The user datagram protocol.
    pub udp: Option<UdpOptions>,
}
