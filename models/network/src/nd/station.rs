//! A radio's part in neighbour discovery, and the settings of a medium on which it runs.

use std::net::Ipv6Addr;

use sim_core::engine::Alarm;

use super::node::Node;
use super::settings::NdSettings;

/// How neighbour discovery runs on a medium.
#[derive(Clone, Debug)]
pub struct NdSpec {
    /// What nodes use.
    pub settings: NdSettings,
    /// The border routers' radios, numbered in the order in which the medium's are given.
    pub borders: Vec<u32>,
    /// Addresses that radios register besides their own.
    pub claims: Vec<(u32, Ipv6Addr)>,
}

/// A radio's part with its one armed wake-up.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) node: Node,
    pub(super) alarm: Alarm,
}

impl Station {
    pub(crate) fn new(node: Node) -> Self {
        Self { node, alarm: Alarm::new() }
    }
}
