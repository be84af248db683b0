//! Groups: who listens, and which way packets to a group take.
//!
//! Membership belongs to a port. The groups of all nodes and of all routers and, for IPv6, the
//! solicited-node groups are joined implicitly. On a segment a station announces a membership by one
//! report when it joins and takes it back when it leaves (IGMPv2, RFC 2236; MLDv1, RFC 2710); there is no
//! querier, so that nothing is repeated, and implicit memberships are not announced.
//!
//! Routers forward along the tree of shortest paths from the source, as a multicast routing protocol that
//! has converged would have it; the protocol itself is not modelled and costs nothing. Each link is crossed
//! once, every router takes one off the hop limit, and equal paths are decided by the lowest node and port.
//! 224.0.0.0/24, ff02::/16 and all broadcasts stay on their link. A node does not hear what it sends itself.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use wire::ip_view::HeaderView;

use crate::drop_cause::DropCause;
use crate::forward::Ingress;
use crate::network::Network;
use crate::node::{DestinationId, NodeId};
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::{Attachment, PortId};
use crate::segment::{Receivers, Stations, ether_type, group_mac};

/// Who listens to which group, and the trees found so far.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    members: BTreeMap<IpAddr, Vec<PortId>>,
    trees: FxHashMap<(PortId, IpAddr), Tree>,
}

impl Groups {
    /// Forgets the trees, after the topology or a membership has changed.
    pub(crate) fn forget_trees(&mut self) {
        self.trees.clear();
    }
}

/// The tree of shortest paths from one source to the members of a group.
#[derive(Debug, Default)]
struct Tree {
    branches: FxHashMap<NodeId, Branch>,
    /// Stations that take the group's frames, by segment.
    stations: FxHashMap<u32, Stations>,
}

/// What one node does with a packet to a group.
#[derive(Clone, Debug, Default)]
struct Branch {
    /// The port by which the packet has to come in; none at the source.
    ingress: Option<PortId>,
    /// The ports by which it goes on.
    onward: SmallVec<[PortId; 4]>,
    /// Whether the node itself listens.
    local: bool,
}

impl<O: Observer> Network<O> {
    /// Makes every port of `node` that has an address of the right family a member of `group`.
    pub fn join(&mut self, node: NodeId, group: IpAddr) {
        for port in self.node_infos[node.index()].port_ids() {
            self.join_by(port, group);
        }
    }

    /// Makes `port` a member of `group`, unless it has no address of the same family.
    pub fn join_by(&mut self, port: PortId, group: IpAddr) {
        if !group.is_multicast() || self.port_infos[port.index()].address_like(group).is_none() {
            return;
        }
        let members = self.groups.members.entry(group).or_default();
        let Err(place) = members.binary_search(&port) else { return };
        members.insert(place, port);
        self.groups.forget_trees();
        self.announce_membership(port, group, true);
    }

    /// Ends every membership of `node` in `group`.
    pub fn leave(&mut self, node: NodeId, group: IpAddr) {
        for port in self.node_infos[node.index()].port_ids() {
            self.leave_by(port, group);
        }
    }

    /// Ends the membership of `port` in `group`.
    pub fn leave_by(&mut self, port: PortId, group: IpAddr) {
        let Some(members) = self.groups.members.get_mut(&group) else { return };
        let Ok(place) = members.binary_search(&port) else { return };
        members.remove(place);
        self.groups.forget_trees();
        self.announce_membership(port, group, false);
    }

    /// Ends all memberships of `node` without a word, as a loss of power does.
    pub fn forget_memberships(&mut self, node: NodeId) {
        let infos = &self.port_infos;
        for members in self.groups.members.values_mut() {
            members.retain(|port| infos[port.index()].node != node);
        }
        self.groups.forget_trees();
    }

    /// Whether `port` takes packets to `group`, a group or broadcast address.
    pub(crate) fn listens(&self, port: PortId, group: IpAddr) -> bool {
        let info = &self.port_infos[port.index()];
        let implicit = match group {
            IpAddr::V4(Ipv4Addr::BROADCAST | ALL_HOSTS_V4) => true,
            IpAddr::V4(ALL_ROUTERS_V4) | IpAddr::V6(ALL_ROUTERS_V6) => self.nodes[info.node.index()].forwards,
            IpAddr::V6(ALL_NODES_V6) => true,
            IpAddr::V4(_) => info.addresses.iter().any(|prefix| prefix.is_broadcast(group)),
            IpAddr::V6(group) => info.addresses.iter().any(|prefix| match prefix.address {
                IpAddr::V6(mine) => wire::ndp::solicited_node_group(mine) == group,
                IpAddr::V4(_) => false,
            }),
        };
        implicit && info.address_like(group).is_some() || self.is_member(port, group)
    }

    fn is_member(&self, port: PortId, group: IpAddr) -> bool {
        self.groups.members.get(&group).is_some_and(|members| members.binary_search(&port).is_ok())
    }

    /// Sends a packet that starts at `node` to a group or broadcast address: by `via` where it is given and
    /// the group is one of a link, else as the source address says.
    pub(crate) fn send_to_group(&mut self, node: NodeId, via: Option<PortId>, id: PacketId) {
        let group = self.addresses.lookup(DestinationId(self.packets[id].destination)).address;
        let source = HeaderView::new(self.packets[id].header()).map(HeaderView::source);
        let owned = source.ok().and_then(|source| self.owned_port(node, source));
        let Some(port) = via.or(owned).or_else(|| self.port_towards(node, group)) else {
            return self.discard(node, None, id, DropCause::NoRoute);
        };
        if stays_on_link(group) {
            let port = self.broadcast_port(node, group).unwrap_or(port);
            let stations = self.other_stations(port, |other| self.listens(other, group));
            return self.send_group_by(node, port, id, group, stations);
        }
        let mut onward = self.branch(port, group, node).map(|branch| branch.onward).unwrap_or_default();
        if onward.is_empty() {
            // A host sends without knowing whether anybody listens.
            onward.push(port);
        }
        self.send_copies(node, port, id, group, &onward);
    }

    /// The port of `node` whose network has the directed broadcast address `group`.
    fn broadcast_port(&self, node: NodeId, group: IpAddr) -> Option<PortId> {
        let has = |port: &PortId| {
            self.port_infos[port.index()].addresses.iter().any(|prefix| prefix.is_broadcast(group))
        };
        self.node_infos[node.index()].port_ids().find(has)
    }

    fn port_towards(&self, node: NodeId, group: IpAddr) -> Option<PortId> {
        let mut ports = self.node_infos[node.index()].port_ids();
        ports.find(|port| self.port_infos[port.index()].address_like(group).is_some())
    }

    /// Sends one copy by each port of the tree whose source is `source`; the packet itself is the last.
    fn send_copies(&mut self, node: NodeId, source: PortId, id: PacketId, group: IpAddr, onward: &[PortId]) {
        let last = onward.len() - 1;
        for (index, &port) in onward.iter().enumerate() {
            let copy = if index == last { id } else { self.copy_of(id) };
            let stations =
                self.segment_of(port).and_then(|segment| self.stations(source, group, segment as u32));
            self.send_group_by(node, port, copy, group, stations.unwrap_or_default());
        }
    }

    /// Another packet like `id`, whose journey counts from here.
    fn copy_of(&mut self, id: PacketId) -> PacketId {
        let mut copy = self.packets[id].clone();
        (copy.hops, copy.hop_bytes) = (0, 0);
        self.packets.insert(copy)
    }

    pub(crate) fn send_group_by(
        &mut self,
        node: NodeId,
        port: PortId,
        id: PacketId,
        group: IpAddr,
        stations: Stations,
    ) {
        match self.port_infos[port.index()].attachment {
            Attachment::Link(_) => self.transmit(node, port, id),
            Attachment::Segment(_) if self.packets[id].len() > usize::from(self.ports[port.index()].mtu) => {
                for part in self.cut(node, port, id) {
                    self.send_group_by(node, port, part, group, stations.clone());
                }
            }
            Attachment::Segment(_) => {
                let ether_type = ether_type(&self.packets[id]);
                let to = Receivers::Group(group_mac(group), stations);
                self.transmit_frame(node, port, id, ether_type, to);
            }
            Attachment::Radio(_) => self.broadcast_by_radio(node, port, id),
            Attachment::Detached => self.discard(node, Some(port), id, DropCause::NoRoute),
        }
    }

    /// Takes a packet to a group or broadcast address: for this node, for others behind it, or for neither.
    pub(crate) fn on_group_arrival(&mut self, node: NodeId, id: PacketId) -> Ingress {
        let port = PortId(self.packets[id].ingress);
        let group = self.addresses.lookup(DestinationId(self.packets[id].destination)).address;
        if crate::membership::is_report(&self.packets[id]) {
            drop(self.deliver(id));
            return Ingress::Done;
        }
        let (local, source, onward) = if stays_on_link(group) {
            (self.listens(port, group), port, SmallVec::new())
        } else {
            self.group_branch(port, id, group, node)
        };
        if !onward.is_empty() && self.nodes[node.index()].forwards {
            let copy = if local { self.copy_of(id) } else { id };
            if self.count_hop(node, copy) {
                self.send_copies(node, source, copy, group, &onward);
            } else {
                self.discard(node, None, copy, DropCause::HopLimit);
            }
        } else if !local {
            self.discard(node, None, id, DropCause::NotForMe);
        }
        if !local {
            return Ingress::Done;
        }
        self.charge_received(node, port, id);
        Ingress::Local(id)
    }

    /// What the tree of a packet's source has `node` do with what came in by `port`: whether it listens,
    /// the source's port, and where copies go.
    fn group_branch(
        &mut self,
        port: PortId,
        id: PacketId,
        group: IpAddr,
        node: NodeId,
    ) -> (bool, PortId, SmallVec<[PortId; 4]>) {
        let source = HeaderView::new(self.packets[id].header()).map(HeaderView::source);
        let owner = source.ok().and_then(|source| self.addresses.owner(source));
        let branch = owner.and_then(|owner| self.branch(owner, group, node));
        match (owner, branch) {
            // What did not come by the tree was not sent by it (reverse path forwarding).
            (Some(owner), Some(branch)) if branch.ingress == Some(port) => {
                (branch.local, owner, branch.onward)
            }
            (Some(_) | None, Some(_) | None) => (false, port, SmallVec::new()),
        }
    }

    fn branch(&mut self, source: PortId, group: IpAddr, node: NodeId) -> Option<Branch> {
        self.tree(source, group).branches.get(&node).cloned()
    }

    fn stations(&mut self, source: PortId, group: IpAddr, segment: u32) -> Option<Stations> {
        self.tree(source, group).stations.get(&segment).cloned()
    }

    fn tree(&mut self, source: PortId, group: IpAddr) -> &Tree {
        if !self.groups.trees.contains_key(&(source, group)) {
            let tree = self.find_tree(source, group);
            self.groups.trees.insert((source, group), tree);
        }
        &self.groups.trees[&(source, group)]
    }

    /// Finds the tree of shortest paths from `source`, cut down to what leads to members.
    fn find_tree(&self, source: PortId, group: IpAddr) -> Tree {
        let root = self.port_infos[source.index()].node;
        let reached = self.reach(source, group);
        let mut tree = Tree::default();
        let members = self.groups.members.get(&group).map(Vec::as_slice).unwrap_or_default();
        for member in members {
            let mut node = self.port_infos[member.index()].node;
            let Some(entry) = reached.nodes[node.index()] else { continue };
            let branch = tree.branches.entry(node).or_default();
            (branch.local, branch.ingress) = (true, Some(entry.by));
            while node != root {
                let Some(entry) = reached.nodes[node.index()] else { break };
                tree.branches.entry(node).or_default().ingress = Some(entry.by);
                if let Some(segment) = self.segment_of(entry.by) {
                    insert(tree.stations.entry(segment as u32).or_default(), entry.by);
                }
                node = self.port_infos[entry.from.index()].node;
                insert(&mut tree.branches.entry(node).or_default().onward, entry.from);
            }
        }
        tree
    }

    /// The shortest way from `source` to every node that may take or pass packets to `group` (Dijkstra's
    /// algorithm, with the segments as places of their own).
    fn reach(&self, source: PortId, group: IpAddr) -> Reached {
        let root = self.port_infos[source.index()].node;
        let nodes = self.nodes.len();
        let topology = self.topology(root, None);
        let mut best = vec![u64::MAX; nodes + self.segments.len()];
        let mut reached = Reached { nodes: vec![None; nodes], segments: vec![None; self.segments.len()] };
        let mut heap = BinaryHeap::from([Reverse((0, root.index()))]);
        best[root.index()] = 0;
        while let Some(Reverse((distance, place))) = heap.pop() {
            if distance > best[place] {
                continue;
            }
            let mut relax = |place: usize, distance: u64| {
                let nearer = distance < best[place];
                if nearer {
                    best[place] = distance;
                    heap.push(Reverse((distance, place)));
                }
                nearer
            };
            if place >= nodes {
                let segment = place - nodes;
                let from = reached.segments[segment].expect("a segment is entered by a port");
                for &by in self.segments[segment].ports.iter().filter(|&&by| by != from) {
                    let node = self.port_infos[by.index()].node;
                    if self.may_enter(by, group) && relax(node.index(), distance) {
                        reached.nodes[node.index()] = Some(Entry { from, by });
                    }
                }
                continue;
            }
            let node = NodeId(place as u32);
            let forwards = self.nodes[place].forwards;
            if node != root && !forwards {
                continue;
            }
            let ports = self.node_infos[place].port_ids();
            for from in ports.filter(|&port| topology.is_up(port) && (forwards || port == source)) {
                let info = &self.port_infos[from.index()];
                let distance = distance + u64::from(info.cost);
                match info.attachment {
                    Attachment::Link(_) => {
                        let by = self.ports[from.index()].peer;
                        let next = self.port_infos[by.index()].node;
                        if self.may_enter(by, group) && relax(next.index(), distance) {
                            reached.nodes[next.index()] = Some(Entry { from, by });
                        }
                    }
                    Attachment::Segment(segment) => {
                        if relax(nodes + segment as usize, distance) {
                            reached.segments[segment as usize] = Some(from);
                        }
                    }
                    // Routers repeat nothing on the air: a group beyond the link is not reached by radio.
                    Attachment::Radio(_) | Attachment::Detached => {}
                }
            }
        }
        reached
    }

    /// Whether the tree may lead into a node by `port`: into a router by any, into a host by a member.
    fn may_enter(&self, port: PortId, group: IpAddr) -> bool {
        let node = &self.nodes[self.port_infos[port.index()].node.index()];
        let up = node.up && (self.segment_of(port).is_none() || self.is_port_up(port));
        up && (node.forwards || self.is_member(port, group))
    }
}

/// How a node is reached: by the port `by`, from the port `from`.
#[derive(Clone, Copy)]
struct Entry {
    from: PortId,
    by: PortId,
}

struct Reached {
    nodes: Vec<Option<Entry>>,
    /// The port by which each segment is entered.
    segments: Vec<Option<PortId>>,
}

/// Inserts into a sorted list what is not in it.
fn insert<A: smallvec::Array<Item = PortId>>(list: &mut SmallVec<A>, port: PortId) {
    if let Err(place) = list.binary_search(&port) {
        list.insert(place, port);
    }
}

/// Whether routers let no packet to `group` pass (RFC 5771 §4, RFC 4291 §2.7, RFC 1812 §5.3.5).
fn stays_on_link(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => !group.is_multicast() || group.octets()[..3] == [224, 0, 0],
        // The scope is in the low four bits of the second octet: 1 is the interface, 2 the link.
        IpAddr::V6(group) => group.octets()[1] & 0x0f <= 2,
    }
}

/// All systems on this subnet (RFC 1112 §4).
const ALL_HOSTS_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// All routers on this subnet (RFC 2236 §9).
pub(crate) const ALL_ROUTERS_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
/// All nodes on this link (RFC 4291 §2.7.1).
const ALL_NODES_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers on this link (RFC 4291 §2.7.1).
pub(crate) const ALL_ROUTERS_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
