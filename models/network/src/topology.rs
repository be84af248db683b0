//! The network as a graph, in the terms of `petgraph`: seen from a destination, backwards.

use petgraph::visit::{
    Data, EdgeRef, GraphBase, GraphRef, IntoEdgeReferences, IntoEdges, IntoNeighbors, Visitable,
};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::node::{Node, NodeId, NodeInfo};
use crate::port::{Attachment, NO_STATE, Port, PortId, PortInfo, PortState};
use crate::radio::medium::RadioMedium;
use crate::segment::Segment;

/// What a search for paths needs to know of the world.
#[derive(Clone, Copy)]
pub(crate) struct Topology<'a> {
    pub(crate) nodes: &'a [Node],
    pub(crate) node_infos: &'a [NodeInfo],
    pub(crate) ports: &'a [Port],
    pub(crate) port_infos: &'a [PortInfo],
    pub(crate) states: &'a [PortState],
    pub(crate) segments: &'a [Segment],
    pub(crate) media: &'a [RadioMedium],
    /// What is known of nodes with many ports.
    pub(crate) hubs: Option<&'a Hubs>,
    /// The node that paths lead to.
    pub(crate) root: NodeId,
    /// The only port by which the root may be entered, if it does not forward.
    pub(crate) root_port: Option<PortId>,
    /// The only node that wants to know its way; all, if there is none.
    pub(crate) asker: Option<NodeId>,
}

/// Nodes with many ports, without those of them that are at the end of one host's link: a path leads through such a host
/// nowhere, and a hub has thousands.
#[derive(Debug)]
pub(crate) struct Hubs(FxHashMap<NodeId, Box<[PortId]>>);

impl Hubs {
    /// The hubs of a network. Which node passes packets on, and where links lead, does not change.
    pub(crate) fn of(topology: &Topology<'_>) -> Self {
        let hubs = topology.node_infos.iter().enumerate().filter(|(_, info)| info.ports > HUB_MIN);
        let through = |port: &PortId| match topology.port_infos[port.index()].attachment {
            Attachment::Link(_) => topology.nodes[topology.ports[port.index()].peer_node.index()].forwards,
            Attachment::Segment(_) | Attachment::Radio(_) | Attachment::Detached => true,
        };
        Self(
            hubs.map(|(index, info)| (NodeId(index as u32), info.port_ids().filter(through).collect()))
                .collect(),
        )
    }
}

/// Nodes with more ports than this are hubs.
const HUB_MIN: u32 = 16;

impl Topology<'_> {
    /// The same network, in which only `asker` wants to know its way: hosts that neither ask nor are asked for are left
    /// out where they would cost much.
    pub(crate) fn asked_by(self, asker: NodeId) -> Self {
        Self { asker: Some(asker), ..self }
    }

    /// The ports of `node` to be looked at: of a hub those that lead through other nodes, or to the one that asks.
    fn ports_of_interest(self, node: NodeId) -> SmallVec<[PortId; 4]> {
        let (Some(asker), Some(through)) = (self.asker, self.hubs.and_then(|hubs| hubs.0.get(&node))) else {
            return self.node_infos[node.index()].port_ids().collect();
        };
        let mut ports: SmallVec<[PortId; 4]> = through.iter().copied().collect();
        if !self.nodes[asker.index()].forwards {
            let own = self.node_infos[asker.index()].port_ids().filter(|port| {
                let link = matches!(self.port_infos[port.index()].attachment, Attachment::Link(_));
                link && self.ports[port.index()].peer_node == node
            });
            ports.extend(own.map(|port| self.ports[port.index()].peer));
        }
        ports
    }

    /// Whether frames can leave by `port`.
    pub(crate) fn is_up(&self, port: PortId) -> bool {
        let state = self.ports[port.index()].state;
        self.nodes[self.port_infos[port.index()].node.index()].up
            && (state == NO_STATE || !self.states[state as usize].down)
    }

    /// The ports at the other ends of what `port` is attached to.
    pub(crate) fn peers(&self, port: PortId) -> impl Iterator<Item = PortId> + use<'_> {
        let link = match self.port_infos[port.index()].attachment {
            Attachment::Link(_) => Some(self.ports[port.index()].peer),
            Attachment::Segment(_) | Attachment::Radio(_) | Attachment::Detached => None,
        };
        let segment: &[PortId] = match self.port_infos[port.index()].attachment {
            Attachment::Segment(index) => &self.segments[index as usize].ports,
            Attachment::Link(_) | Attachment::Radio(_) | Attachment::Detached => &[],
        };
        let radios = match self.port_infos[port.index()].attachment {
            Attachment::Radio(index) => {
                let medium = &self.media[index as usize];
                // Where RPL finds the way, none is known to anybody else.
                let links = match medium.rpl.is_empty() {
                    true => medium.links_of(self.radio(port)),
                    false => Vec::new(),
                };
                links.into_iter().map(|(other, _)| medium.ports[other as usize]).collect()
            }
            Attachment::Link(_) | Attachment::Segment(_) | Attachment::Detached => Vec::new(),
        };
        link.into_iter().chain(segment.iter().copied().filter(move |&peer| peer != port)).chain(radios)
    }

    /// The number of the radio behind `port` on its medium.
    fn radio(&self, port: PortId) -> u32 {
        self.states[self.ports[port.index()].state as usize].radio
    }

    /// The peers of `port` by which a packet may enter its next node, and what the hop there costs.
    pub(crate) fn ways(&self, port: PortId) -> Vec<(PortId, u64)> {
        let cost = u64::from(self.port_infos[port.index()].cost);
        let Attachment::Radio(index) = self.port_infos[port.index()].attachment else {
            return self.peers(port).filter(|&via| self.is_entry(via)).map(|via| (via, cost)).collect();
        };
        let medium = &self.media[index as usize];
        if !medium.rpl.is_empty() {
            return Vec::new();
        }
        // Of the radios only few pass packets on.
        let (own, root) = (self.radio(port), self.node_infos[self.root.index()].port_ids());
        let roots = root.filter(|port| self.port_infos[port.index()].attachment == Attachment::Radio(index));
        let mut others: Vec<u32> = medium.routers().to_vec();
        others.extend(roots.map(|port| self.radio(port)));
        others.sort_unstable();
        others.dedup();
        let ways = others.into_iter().filter_map(|other| {
            let via = medium.ports[other as usize];
            let usable = other != own && self.is_entry(via);
            let expected = usable.then(|| medium.link_cost(own, other)).flatten()?;
            Some((via, cost * u64::from(expected)))
        });
        ways.collect()
    }

    /// The cost of the hop that leaves by `port` and enters by `via`.
    fn cost(&self, port: PortId, via: PortId) -> u32 {
        let cost = self.port_infos[port.index()].cost;
        match self.port_infos[port.index()].attachment {
            Attachment::Radio(index) => {
                let medium = &self.media[index as usize];
                let expected = medium.link_cost(self.radio(port), self.radio(via));
                cost.saturating_mul(expected.unwrap_or(u32::MAX))
            }
            Attachment::Link(_) | Attachment::Segment(_) | Attachment::Detached => cost,
        }
    }

    /// Whether a packet gets from `port` to `owner` by one hop over a good radio link, which no other way can beat.
    pub(crate) fn is_direct(&self, port: PortId, owner: PortId) -> bool {
        let (from, to) = (&self.port_infos[port.index()], &self.port_infos[owner.index()]);
        let Attachment::Radio(index) = from.attachment else { return false };
        let together = from.attachment == to.attachment && from.cost == 1 && port != owner;
        together
            && self.media[index as usize].rpl.is_empty()
            && self.is_up(port)
            && self.media[index as usize].link_cost(self.radio(port), self.radio(owner)) == Some(1)
    }

    /// Whether packets can enter a node by `port`, on their way to the root.
    ///
    /// A station whose link is down is not entered, but a host that is known by no other way: asking for
    /// its address tells.
    pub(crate) fn is_entry(&self, port: PortId) -> bool {
        let info = &self.port_infos[port.index()];
        let (is_root, forwards) = (info.node == self.root, self.nodes[info.node.index()].forwards);
        let open = if is_root { self.root_port.is_none_or(|only| only == port) } else { forwards };
        let station = matches!(info.attachment, Attachment::Segment(_) | Attachment::Radio(_));
        open && (!station || self.is_up(port) || is_root && self.root_port.is_some())
    }

    /// The hops by which `node` is entered, each from the port that the packet leaves by.
    pub(crate) fn entries(self, node: NodeId) -> impl Iterator<Item = Hop> {
        let ports = self.ports_of_interest(node).into_iter();
        ports
            .filter(move |&port| self.is_entry(port))
            .flat_map(move |via| {
                let peers: SmallVec<[(PortId, PortId); 4]> =
                    self.peers(via).map(|port| (port, via)).collect();
                peers.into_iter()
            })
            .filter(move |&(port, _)| self.is_up(port))
            .map(move |(port, via)| Hop {
                towards: node,
                from: self.port_infos[port.index()].node,
                port,
                cost: self.cost(port, via),
            })
    }
}

/// One hop, found backwards: from a node, by one of its ports, towards the node searched from.
#[derive(Clone, Copy)]
pub(crate) struct Hop {
    towards: NodeId,
    from: NodeId,
    port: PortId,
    pub(crate) cost: u32,
}

impl Hop {
    /// The port that the packet leaves by, if it is one of `node`.
    pub(crate) fn leaves(&self, node: NodeId) -> Option<PortId> {
        (self.from == node).then_some(self.port)
    }
}

impl EdgeRef for Hop {
    type NodeId = u32;
    type EdgeId = u32;
    type Weight = u32;

    fn source(&self) -> u32 {
        self.towards.0
    }

    fn target(&self) -> u32 {
        self.from.0
    }

    fn weight(&self) -> &u32 {
        &self.cost
    }

    fn id(&self) -> u32 {
        self.port.0
    }
}

impl GraphBase for Topology<'_> {
    type NodeId = u32;
    type EdgeId = u32;
}

impl GraphRef for Topology<'_> {}

impl Data for Topology<'_> {
    type NodeWeight = ();
    type EdgeWeight = u32;
}

impl IntoNeighbors for Topology<'_> {
    type Neighbors = std::vec::IntoIter<u32>;

    fn neighbors(self, node: u32) -> Self::Neighbors {
        self.entries(NodeId(node)).map(|hop| hop.from.0).collect::<Vec<_>>().into_iter()
    }
}

impl IntoEdgeReferences for Topology<'_> {
    type EdgeRef = Hop;
    type EdgeReferences = std::vec::IntoIter<Hop>;

    fn edge_references(self) -> Self::EdgeReferences {
        let nodes = 0..self.nodes.len() as u32;
        nodes.flat_map(|node| self.entries(NodeId(node)).collect::<Vec<_>>()).collect::<Vec<_>>().into_iter()
    }
}

impl IntoEdges for Topology<'_> {
    type Edges = std::vec::IntoIter<Hop>;

    fn edges(self, node: u32) -> Self::Edges {
        self.entries(NodeId(node)).collect::<Vec<_>>().into_iter()
    }
}

impl Visitable for Topology<'_> {
    type Map = FxHashSet<u32>;

    fn visit_map(&self) -> Self::Map {
        FxHashSet::default()
    }

    fn reset_map(&self, map: &mut Self::Map) {
        map.clear();
    }
}
