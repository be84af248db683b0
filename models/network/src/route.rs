//! Routes: the shortest path to a destination, found on first use and kept until the topology changes.

use std::net::IpAddr;

use petgraph::algo::dijkstra;
use rustc_hash::FxHashMap;

use crate::address::Destination;
use crate::nd::paths::DiscoveryRoute;
use crate::network::Network;
use crate::node::{DestinationId, NO_TABLE, NextHop, NodeId};
use crate::observer::Observer;
use crate::port::{Attachment, PortId};
use crate::rpl::station::RplRoute;
use crate::topology::{Hubs, Topology};

/// A hop across a shared segment or a radio medium: the port to leave by, and the address to resolve there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SegmentHop {
    /// The port to leave by.
    pub port: PortId,
    /// The address on the segment that takes the packet next; the destination's own if `None`.
    pub gateway: Option<PortId>,
}

/// What it takes to get from each node to one, kept for the many radios that ask one after the other.
#[derive(Debug)]
pub(crate) struct Distances {
    root: (NodeId, Option<PortId>),
    from: FxHashMap<u32, u64>,
}

impl<O: Observer> Network<O> {
    /// The next hop from `node` to `destination`.
    #[inline]
    pub fn next_hop(&mut self, node: NodeId, destination: u32) -> NextHop {
        let hot = &self.nodes[node.index()];
        if let Some(next) = hot.cached_route(destination) {
            return next;
        }
        if hot.table != NO_TABLE
            && let Some(&next) = self.tables[hot.table as usize].get(&destination)
        {
            return next;
        }
        self.resolve(node, destination)
    }

    #[cold]
    #[inline(never)]
    fn resolve(&mut self, node: NodeId, destination: u32) -> NextHop {
        if destination == DestinationId::FRAMED.0 {
            return NextHop::FRAMED;
        }
        if self.is_outside(node) {
            // What reaches a machine outside is for it to judge.
            self.remember(node, destination, NextHop::LOCAL);
            return NextHop::LOCAL;
        }
        let target = self.addresses.lookup(DestinationId(destination));
        if target.group || self.broadcasts(node, target.address) {
            self.remember(node, destination, NextHop::MULTICAST);
            return NextHop::MULTICAST;
        }
        if let Some(owner) = target.owner
            && self.port_infos[owner.index()].node == node
            && self.addresses.owner(target.address).is_some()
        {
            self.remember(node, destination, NextHop::LOCAL);
            return NextHop::LOCAL;
        }
        let next = self.route(node, target, None);
        self.remember(node, destination, next);
        next
    }

    /// The next hop to `destination` among those that leave by `port`.
    pub(crate) fn next_hop_by(&mut self, port: PortId, destination: u32) -> NextHop {
        if let Some(&next) = self.hops_by.get(&(port, destination)) {
            return next;
        }
        let target = self.addresses.lookup(DestinationId(destination));
        let next = self.route(self.port_infos[port.index()].node, target, Some(port));
        self.hops_by.insert((port, destination), next);
        next
    }

    fn route(&mut self, node: NodeId, target: Destination, only: Option<PortId>) -> NextHop {
        match (self.static_route(node, target.address, only), target.owner) {
            (Some(next), _) => next,
            (None, Some(owner)) => match self.discovery_route(node, owner) {
                DiscoveryRoute::Here(port) => self.hop_by(port, None),
                DiscoveryRoute::Over(router) => {
                    let next = self.shortest_path(node, router, only);
                    // The packet is not for the router, even if that is the next hop.
                    match next.as_segment().map(|index| self.segment_hops[index]) {
                        Some(SegmentHop { port, gateway: None }) => self.hop_by(port, Some(router)),
                        Some(SegmentHop { gateway: Some(_), .. }) | None => next,
                    }
                }
                DiscoveryRoute::Unknown => NextHop::UNREACHABLE,
                DiscoveryRoute::None => self.route_without_registration(node, owner, only),
            },
            (None, None) if self.rpl_radio(node).is_some() => NextHop::RPL,
            (None, None) => NextHop::UNREACHABLE,
        }
    }

    fn route_without_registration(&mut self, node: NodeId, owner: PortId, only: Option<PortId>) -> NextHop {
        match self.rpl_route(node, owner) {
            RplRoute::Graph => NextHop::RPL,
            RplRoute::Over(root) => self.shortest_path(node, root, only),
            RplRoute::Unknown => NextHop::UNREACHABLE,
            RplRoute::None => match self.shortest_path(node, owner, only) {
                NextHop::UNREACHABLE if self.rpl_radio(node).is_some() => NextHop::RPL,
                next => next,
            },
        }
    }

    /// Whether `address` is the broadcast address of a segment that `node` is on.
    pub(crate) fn broadcasts(&self, node: NodeId, address: IpAddr) -> bool {
        // A hub of links has thousands of ports, which need not be looked at.
        !self.segments.is_empty()
            && self.node_infos[node.index()].port_ids().any(|port| {
                let info = &self.port_infos[port.index()];
                matches!(info.attachment, Attachment::Segment(_))
                    && info.addresses.iter().any(|prefix| prefix.is_broadcast(address))
            })
    }

    fn static_route(&mut self, node: NodeId, address: IpAddr, only: Option<PortId>) -> Option<NextHop> {
        let routes = self.static_routes.get(&node)?;
        let best = routes
            .iter()
            .filter(|route| route.prefix.contains(address) && only.is_none_or(|port| port == route.port))
            .max_by_key(|route| route.prefix.length);
        let route = *best?;
        Some(self.hop_by(route.port, route.via))
    }

    /// Finds the shortest path from `node` to the port `owner`, among those that leave by `only` if it is
    /// given.
    ///
    /// Equal paths are decided by the lowest port. Only nodes that forward are passed through; a
    /// destination that does not forward is entered by the port that owns the address.
    fn shortest_path(&mut self, node: NodeId, owner: PortId, only: Option<PortId>) -> NextHop {
        let root = self.port_infos[owner.index()].node;
        if root == node {
            // An address outside the simulation, behind a port of this very node.
            return match self.port_infos[owner.index()].attachment {
                Attachment::Segment(_) | Attachment::Radio(_) => self.hop_by(owner, None),
                Attachment::Link(_) | Attachment::Detached => NextHop::port(owner),
            };
        }
        if let Some(port) = self.only_link(node) {
            return NextHop::port(port);
        }
        let root_port = (!self.nodes[root.index()].forwards).then_some(owner);
        if self.hubs.is_none() {
            self.hubs = Some(Hubs::of(&self.topology(root, root_port)));
        }
        let own = || self.node_infos[node.index()].port_ids();
        let topology = self.topology(root, root_port).asked_by(node);
        let by_radio = !self.media.is_empty()
            && own().any(|port| matches!(self.port_infos[port.index()].attachment, Attachment::Radio(_)));
        let direct = |&port: &PortId| only.is_none_or(|only| only == port) && topology.is_direct(port, owner);
        if let Some(port) = by_radio.then(|| own().find(direct)).flatten() {
            return self.hop_by(port, None);
        }
        let distances = match self.distances.take().filter(|known| known.root == (root, root_port)) {
            Some(known) if by_radio => known,
            Some(_) | None => {
                let goal = (only.is_none() && !by_radio).then_some(node.0);
                let topology = self.topology(root, root_port).asked_by(node);
                let from = dijkstra(topology, root.0, goal, |hop| u64::from(hop.cost));
                Distances { root: (root, root_port), from: from.into_iter().collect() }
            }
        };
        let topology = self.topology(root, root_port).asked_by(node);
        let mut best: Option<(u64, PortId, PortId)> = None;
        for port in self.ports_towards(node, topology, &distances.from) {
            if !topology.is_up(port) || only.is_some_and(|only| only != port) {
                continue;
            }
            for (via, cost) in topology.ways(port) {
                let next = self.port_infos[via.index()].node;
                let total = distances.from.get(&next.0).map(|rest| rest + cost);
                let nearer = |total: &u64| best.is_none_or(|(least, ..)| *total < least);
                if let Some(total) = total.filter(nearer) {
                    best = Some((total, port, via));
                }
            }
        }
        self.distances = by_radio.then_some(distances);
        let there = self.port_infos[owner.index()].attachment;
        let Some((_, port, via)) = best else {
            return self.by_air_alone(node, owner, only);
        };
        let direct =
            self.port_infos[via.index()].node == root && there == self.port_infos[port.index()].attachment;
        self.hop_by(port, (!direct).then_some(via))
    }

    /// The ports of `node` by which a node in `reached` may be entered, in order; of a node with few ports all, without a look.
    ///
    /// A hub has thousands of ports, and a search that it ended has reached few nodes: these are asked instead.
    fn ports_towards(
        &self,
        node: NodeId,
        topology: Topology<'_>,
        reached: &FxHashMap<u32, u64>,
    ) -> Vec<PortId> {
        let info = self.node_infos[node.index()];
        if info.ports as usize <= reached.len() {
            return info.port_ids().collect();
        }
        let others = reached.keys().map(|&next| NodeId(next)).filter(|&next| next != node);
        let mut ports: Vec<PortId> =
            others.flat_map(|next| topology.entries(next)).filter_map(|hop| hop.leaves(node)).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// A radio that no route leads to is sent to all the same, if it is on the same medium: that it does not hear shows then.
    fn by_air_alone(&mut self, node: NodeId, owner: PortId, only: Option<PortId>) -> NextHop {
        let there = self.port_infos[owner.index()].attachment;
        let mut own = self.node_infos[node.index()].port_ids();
        let port = own.find(|&port| {
            self.port_infos[port.index()].attachment == there && only.is_none_or(|only| only == port)
        });
        match (there, port) {
            (Attachment::Radio(_), Some(port)) => self.hop_by(port, None),
            (
                Attachment::Radio(_) | Attachment::Link(_) | Attachment::Segment(_) | Attachment::Detached,
                Some(_) | None,
            ) => NextHop::UNREACHABLE,
        }
    }

    /// The link of a node that has no other: everything leaves by it, as by a default route, and whether
    /// its destination can be reached is for the next node to say.
    fn only_link(&self, node: NodeId) -> Option<PortId> {
        let info = &self.node_infos[node.index()];
        let link = matches!(self.port_infos[info.first_port.index()].attachment, Attachment::Link(_));
        (info.ports == 1 && link).then_some(info.first_port)
    }

    /// A hop by `port`, on a shared segment by way of the port `via`.
    fn hop_by(&mut self, port: PortId, via: Option<PortId>) -> NextHop {
        match self.port_infos[port.index()].attachment {
            Attachment::Link(_) => NextHop::port(port),
            Attachment::Detached => NextHop::UNREACHABLE,
            Attachment::Segment(_) | Attachment::Radio(_) => {
                let hop = SegmentHop { port, gateway: via };
                let index = self.segment_hops.iter().position(|&known| known == hop).unwrap_or_else(|| {
                    self.segment_hops.push(hop);
                    self.segment_hops.len() - 1
                });
                NextHop::segment(index as u32)
            }
        }
    }

    fn remember(&mut self, node: NodeId, destination: u32, next: NextHop) {
        let hot = &mut self.nodes[node.index()];
        if hot.cache_route(destination, next) {
            return;
        }
        if hot.table == NO_TABLE {
            hot.table = self.tables.len() as u32;
            self.tables.push(FxHashMap::default());
        }
        self.tables[hot.table as usize].insert(destination, next);
    }

    /// Forgets every route, after the topology or an address has changed.
    pub fn forget_routes(&mut self) {
        for node in &mut self.nodes {
            node.forget_routes();
        }
        for table in &mut self.tables {
            table.clear();
        }
        self.hops_by.clear();
        self.distances = None;
        self.groups.forget_trees();
    }

    pub(crate) fn topology(&self, root: NodeId, root_port: Option<PortId>) -> Topology<'_> {
        Topology {
            nodes: &self.nodes,
            node_infos: &self.node_infos,
            ports: &self.ports,
            port_infos: &self.port_infos,
            states: &self.states,
            segments: &self.segments,
            media: &self.media,
            hubs: self.hubs.as_ref(),
            root,
            root_port,
            asker: None,
        }
    }
}
