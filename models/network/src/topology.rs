//! The network as a graph, in the terms of `petgraph`: seen from a destination, backwards.

use petgraph::visit::{
    Data, EdgeRef, GraphBase, GraphRef, IntoEdgeReferences, IntoEdges, IntoNeighbors, Visitable,
};
use rustc_hash::FxHashSet;

use crate::node::{Node, NodeId, NodeInfo};
use crate::port::{Attachment, NO_STATE, Port, PortId, PortInfo, PortState};
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
    /// The node that paths lead to.
    pub(crate) root: NodeId,
    /// The only port by which the root may be entered, if it does not forward.
    pub(crate) root_port: Option<PortId>,
}

impl Topology<'_> {
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
            Attachment::Segment(_) | Attachment::Detached => None,
        };
        let segment: &[PortId] = match self.port_infos[port.index()].attachment {
            Attachment::Segment(index) => &self.segments[index as usize].ports,
            Attachment::Link(_) | Attachment::Detached => &[],
        };
        link.into_iter().chain(segment.iter().copied().filter(move |&peer| peer != port))
    }

    /// Whether packets can enter a node by `port`, on their way to the root.
    ///
    /// A station whose link is down is not entered, but a host that is known by no other way: asking for
    /// its address tells.
    pub(crate) fn is_entry(&self, port: PortId) -> bool {
        let info = &self.port_infos[port.index()];
        let (is_root, forwards) = (info.node == self.root, self.nodes[info.node.index()].forwards);
        let open = if is_root { self.root_port.is_none_or(|only| only == port) } else { forwards };
        let station = matches!(info.attachment, Attachment::Segment(_));
        open && (!station || self.is_up(port) || is_root && self.root_port.is_some())
    }

    /// The hops by which `node` is entered, each from the port that the packet leaves by.
    fn entries(self, node: NodeId) -> impl Iterator<Item = Hop> {
        let ports = self.node_infos[node.index()].port_ids();
        ports
            .filter(move |&port| self.is_entry(port))
            .flat_map(move |port| {
                let peers: smallvec::SmallVec<[PortId; 4]> = self.peers(port).collect();
                peers.into_iter()
            })
            .filter(move |&port| self.is_up(port))
            .map(move |port| Hop {
                towards: node,
                from: self.port_infos[port.index()].node,
                port,
                cost: self.port_infos[port.index()].cost,
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
