//! What registrations mean for packets: a host sends to its default router from an address that is registered (RFC 6775 §5.5.3,
//! §5.6), a router hands to a host only what is registered with it (§6.5.4).

use std::net::IpAddr;

use wire::ip_view::HeaderView;
use wire::ipv6;

use super::settings::Role;
use crate::drop_cause::DropCause;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::PortId;
use crate::radio::RadioPlace;

/// What registrations say of the way from a node to a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DiscoveryRoute {
    /// Nothing.
    None,
    /// The node is the router that the port's address is registered with, and sends by this port.
    Here(PortId),
    /// The way leads to the router that has this port.
    Over(PortId),
    /// The address is registered nowhere.
    Unknown,
}

impl<O: Observer> Network<O> {
    /// What registrations say of the way from `node` to `owner`. Where RPL routes, it is told of them and finds the way.
    pub(crate) fn discovery_route(&self, node: NodeId, owner: PortId) -> DiscoveryRoute {
        let Some(there) = self.discovery_at(owner) else { return DiscoveryRoute::None };
        let medium = &self.media[there.medium];
        let is_host = |radio| medium.discovery(radio).is_some_and(|node| node.role() == Role::Host);
        let own = self.node_infos[node.index()].port_ids().filter_map(|port| self.discovery_at(port));
        let is_own = self.port_infos[owner.index()].node == node;
        // A host hands everything to its router.
        let asks_router = own.into_iter().any(|place| place.medium == there.medium && is_host(place.radio));
        if is_own || asks_router || !is_host(there.radio) || medium.router(there.radio).is_some() {
            return DiscoveryRoute::None;
        }
        match self.discovery_homes.get(&owner) {
            None => DiscoveryRoute::Unknown,
            Some(&home) if self.port_infos[home.index()].node == node => DiscoveryRoute::Here(home),
            Some(&home) => DiscoveryRoute::Over(home),
        }
    }

    /// Whether a packet that is about to leave by a radio may: one that starts here needs an address that is registered. One that
    /// may not is dropped.
    pub(crate) fn passes_discovery(&mut self, node: NodeId, here: RadioPlace, id: PacketId) -> bool {
        let now = self.now();
        let Some(station) = self.media[here.medium].discovery(here.radio) else { return true };
        if self.packets[id].ingress != PortId::NONE.0 {
            return true;
        }
        let source = HeaderView::new(self.packets[id].header()).map(HeaderView::source);
        let may_go = match source {
            Ok(IpAddr::V6(source)) => {
                let is_own = self.owned_port(node, IpAddr::V6(source)) == Some(self.radio_port(here));
                !is_own || station.may_use(now, source)
            }
            Ok(IpAddr::V4(_)) | Err(_) => true,
        };
        if !may_go {
            self.discard(node, None, id, DropCause::Unregistered);
        }
        may_go
    }

    /// The radio that a packet is sent to where neighbour discovery runs: `next` as the routes have it, a host's default router, or
    /// the radio that has registered the packet's destination. Nothing if there is none.
    pub(crate) fn discovery_next(&self, here: RadioPlace, next: Option<PortId>, id: PacketId) -> Option<u32> {
        let there = next.and_then(|next| self.radio_at(next)).filter(|there| there.medium == here.medium);
        let next = there.map(|there| there.radio).filter(|&radio| radio != here.radio);
        let medium = &self.media[here.medium];
        let Some(station) = medium.discovery(here.radio) else { return next };
        if station.role() == Role::Host {
            return station.default_router().and_then(|link| medium.radio_of(link));
        }
        let next = next?;
        let is_host = medium.discovery(next).is_some_and(|node| node.role() == Role::Host);
        if !is_host {
            return Some(next);
        }
        let destination = ipv6::Header::parse(self.packets[id].header()).ok()?.destination;
        medium.radio_of(station.has_registered(destination)?)
    }
}
