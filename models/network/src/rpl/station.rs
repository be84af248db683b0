//! A radio's router, and the settings of a medium that is routed by RPL.

use std::net::Ipv6Addr;

use sim_core::engine::Alarm;
use wire::ieee802154::Address;

use super::router::Router;
use super::settings::RplSettings;
use crate::port::PortId;

/// How RPL runs on a medium.
#[derive(Clone, Debug)]
pub struct RplSpec {
    /// What roots announce.
    pub settings: RplSettings,
    /// The roots' radios, numbered in the order in which the medium's are given.
    pub roots: Vec<u32>,
}

/// A radio's router with its one armed wake-up.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) router: Router,
    pub(super) alarm: Alarm,
}

impl Station {
    pub(crate) fn new(router: Router) -> Self {
        Self { router, alarm: Alarm::new() }
    }
}

/// What RPL has to do with a way from a node to a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RplRoute {
    /// Nothing: the port is on no medium that RPL routes, and neither is the node, or not only.
    None,
    /// The way is the graph's.
    Graph,
    /// The way leads to the border router that has this port.
    Over(PortId),
    /// No border router has a route to the port.
    Unknown,
}

/// The link-local address that a radio's link-layer address makes (RFC 4944 §7).
pub(crate) fn link_local(address: Address) -> Ipv6Addr {
    let mut octets = [0; 16];
    (octets[0], octets[1]) = (0xFE, 0x80);
    octets[8..].copy_from_slice(&address.interface_identifier());
    Ipv6Addr::from(octets)
}

/// The interface identifier of an address.
pub(crate) fn identifier(address: Ipv6Addr) -> [u8; 8] {
    let [.., a, b, c, d, e, f, g, h] = address.octets();
    [a, b, c, d, e, f, g, h]
}
