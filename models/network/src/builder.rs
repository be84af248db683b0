//! Putting a network together: nodes and ports in any order, the same world in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use sim_core::engine::{Limits, Scheduler};
use sim_core::event::Origin;
use sim_core::random::Streams;
use sim_core::{DataRate, SimDuration, SimTime};
use smallvec::SmallVec;
use wire::ethernet::MacAddress;

use crate::accounts::Accounts;
use crate::address::{AddressBook, Prefix};
use crate::group::Groups;
use crate::link::{Direction, LinkError};
use crate::neighbour::NeighbourCache;
use crate::network::{Link, Network};
use crate::node::{Node, NodeId, NodeInfo, StaticRoute};
use crate::observer::Observer;
use crate::outside::Border;
use crate::pool::PacketPool;
use crate::port::{Attachment, Framing, NO_STATE, Port, PortId, PortInfo, PortState};
use crate::purpose;
use crate::queue::QueueLimit;
use crate::segment::{Segment, SegmentSpec};

/// A node under construction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NodeKey(u32);

/// A port under construction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PortKey {
    node: u32,
    port: u32,
}

/// A network under construction.
#[derive(Debug, Default)]
pub struct NetworkBuilder {
    nodes: Vec<NodeDraft>,
    /// Names of interfaces, of which there are few different ones.
    port_names: BTreeSet<Arc<str>>,
    links: Vec<LinkDraft>,
    segments: Vec<SegmentDraft>,
    routes: Vec<(NodeKey, Prefix, PortKey, Option<PortKey>)>,
    outside: Vec<(Prefix, PortKey)>,
}

#[derive(Debug)]
struct NodeDraft {
    name: Box<str>,
    forwards: bool,
    ports: SmallVec<[PortDraft; 2]>,
}

#[derive(Debug)]
struct PortDraft {
    name: Arc<str>,
    addresses: SmallVec<[Prefix; 1]>,
}

#[derive(Debug)]
struct LinkDraft {
    name: Box<str>,
    ends: [PortKey; 2],
    directions: Arc<[Direction; 2]>,
}

#[derive(Debug)]
struct SegmentDraft {
    name: Box<str>,
    spec: SegmentSpec,
    ports: Vec<PortKey>,
}

/// Why a network cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// Two nodes have one name.
    #[error("two nodes are called {0}")]
    NodeName(Box<str>),
    /// Two ports have one address.
    #[error("{0} is the address of two interfaces")]
    Address(IpAddr),
    /// A link's settings do not fit together.
    #[error("link {link}: {error}")]
    Link {
        /// The link's name.
        link: Box<str>,
        /// What is wrong.
        error: LinkError,
    },
    /// A segment's loss model cannot be used.
    #[error("segment {segment}: {error}")]
    Segment {
        /// The segment's name.
        segment: Box<str>,
        /// What is wrong.
        error: LinkError,
    },
    /// Event targets have 24 bits.
    #[error("a world has at most {MAX_NODES} nodes, got {0}")]
    TooManyNodes(usize),
}

/// Nodes that events can name.
pub const MAX_NODES: usize = (1 << 24) - 2;

/// Where a built network keeps what its builder called otherwise.
#[derive(Clone, Debug)]
pub struct Names {
    nodes: Vec<NodeId>,
    first_ports: Vec<PortId>,
}

impl Names {
    /// The node's place in the network.
    pub fn node(&self, key: NodeKey) -> NodeId {
        self.nodes[key.0 as usize]
    }

    /// The port's place in the network.
    pub fn port(&self, key: PortKey) -> PortId {
        PortId(self.first_ports[self.nodes[key.node as usize].index()].0 + key.port)
    }
}

impl NetworkBuilder {
    /// An empty network.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node; `forwards` says whether it passes on packets that are for others.
    pub fn add_node(&mut self, name: &str, forwards: bool) -> NodeKey {
        self.nodes.push(NodeDraft { name: name.into(), forwards, ports: SmallVec::new() });
        NodeKey(self.nodes.len() as u32 - 1)
    }

    /// Adds an interface to a node.
    pub fn add_port(&mut self, node: NodeKey, name: &str, addresses: &[Prefix]) -> PortKey {
        let known = self.port_names.get(name).cloned();
        let name = known.unwrap_or_else(|| {
            let name: Arc<str> = name.into();
            self.port_names.insert(Arc::clone(&name));
            name
        });
        let ports = &mut self.nodes[node.0 as usize].ports;
        ports.push(PortDraft { name, addresses: addresses.iter().copied().collect() });
        PortKey { node: node.0, port: ports.len() as u32 - 1 }
    }

    /// Joins two ports by a link: `forward` leads from the first to the second.
    pub fn connect(&mut self, name: &str, ends: [PortKey; 2], forward: Direction, backward: Direction) {
        self.connect_alike(name, ends, Arc::new([forward, backward]));
    }

    /// Joins two ports by a link whose settings others share.
    pub fn connect_alike(&mut self, name: &str, ends: [PortKey; 2], directions: Arc<[Direction; 2]>) {
        self.links.push(LinkDraft { name: name.into(), ends, directions });
    }

    /// Joins ports by a shared segment.
    pub fn segment(&mut self, name: &str, spec: SegmentSpec, ports: &[PortKey]) {
        self.segments.push(SegmentDraft { name: name.into(), spec, ports: ports.to_vec() });
    }

    /// States a route of `node`: packets for `prefix` leave by `port`, on a shared segment by way of
    /// the port `via`.
    pub fn add_route(&mut self, node: NodeKey, prefix: Prefix, port: PortKey, via: Option<PortKey>) {
        self.routes.push((node, prefix, port, via));
    }

    /// Declares that the addresses in `prefix` which no node owns lie outside, behind `port`.
    pub fn add_outside(&mut self, prefix: Prefix, port: PortKey) {
        self.outside.push((prefix, port));
    }

    /// Builds the network. Nodes and segments are numbered by the order of their names, so that nothing depends on
    /// the order in which they were added.
    ///
    /// # Errors
    ///
    /// When names, addresses or links do not fit together.
    pub fn build<O: Observer>(
        mut self,
        streams: &Streams,
        limits: Limits,
        observer: O,
    ) -> Result<(Network<O>, Names), BuildError> {
        let names = self.number()?;
        let addresses = self.nodes.iter().flat_map(|node| &node.ports).map(|port| port.addresses.len()).sum();
        let mut owners = Vec::with_capacity(addresses);
        let (nodes, node_infos, mut port_infos) = self.lay_out(&names, &mut owners);
        let mut ports: Vec<Port> = port_infos.iter().map(|_| detached()).collect();
        let mut states = Vec::new();
        let drafts = std::mem::take(&mut self.links);
        let links = lay_links(drafts, &names, streams, &mut ports, &mut port_infos, &mut states)?;
        let drafts = std::mem::take(&mut self.segments);
        let segments =
            lay_segments(drafts, &names, streams, &mut ports, &mut port_infos, &mut states, &node_infos)?;
        let mut addresses = AddressBook::new(owners).map_err(BuildError::Address)?;
        for (prefix, port) in self.outside {
            addresses.add_outside(prefix, names.port(port));
        }
        let world_rank = nodes.len() as u32;
        let mut network = Network {
            scheduler: Scheduler::new(limits),
            observer,
            addresses,
            accounts: Accounts::default(),
            nodes,
            node_infos,
            ports,
            port_infos,
            states,
            links,
            segments,
            groups: Groups::default(),
            hops_by: FxHashMap::default(),
            segment_hops: Vec::new(),
            tables: Vec::new(),
            packets: PacketPool::default(),
            node_drops: BTreeMap::new(),
            border: Border::default(),
            world_origin: Origin::new(world_rank),
            delivered: 0,
            dropped: 0,
            replaced: 0,
            voidable: false,
        };
        for (node, prefix, port, via) in self.routes {
            let route = StaticRoute { prefix, port: names.port(port), via: via.map(|via| names.port(via)) };
            network.node_infos[names.node(node).index()].static_routes.push(route);
        }
        Ok((network, names))
    }

    fn number(&self) -> Result<Names, BuildError> {
        if self.nodes.len() > MAX_NODES {
            return Err(BuildError::TooManyNodes(self.nodes.len()));
        }
        let mut order: Vec<u32> = (0..self.nodes.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| self.nodes[a as usize].name.cmp(&self.nodes[b as usize].name));
        let twice = order
            .windows(2)
            .find(|pair| self.nodes[pair[0] as usize].name == self.nodes[pair[1] as usize].name);
        if let Some(pair) = twice {
            return Err(BuildError::NodeName(self.nodes[pair[0] as usize].name.clone()));
        }
        let mut nodes = vec![NodeId(0); self.nodes.len()];
        let mut first_ports = Vec::with_capacity(self.nodes.len());
        let mut next_port = 0;
        for (rank, &draft) in order.iter().enumerate() {
            nodes[draft as usize] = NodeId(rank as u32);
            first_ports.push(PortId(next_port));
            next_port += self.nodes[draft as usize].ports.len() as u32;
        }
        Ok(Names { nodes, first_ports })
    }

    /// Turns the drafts of nodes and ports into what the network keeps, and lets go of them.
    fn lay_out(
        &mut self,
        names: &Names,
        owners: &mut Vec<(IpAddr, PortId)>,
    ) -> (Vec<Node>, Vec<NodeInfo>, Vec<PortInfo>) {
        let mut order: Vec<usize> = vec![0; self.nodes.len()];
        for (draft, node) in names.nodes.iter().enumerate() {
            order[node.index()] = draft;
        }
        let mut nodes = Vec::with_capacity(order.len());
        let mut node_infos = Vec::with_capacity(order.len());
        let mut drafts = std::mem::take(&mut self.nodes);
        let mut port_infos = Vec::with_capacity(drafts.iter().map(|node| node.ports.len()).sum());
        for (rank, &draft) in order.iter().enumerate() {
            let draft = &mut drafts[draft];
            let first_port = names.first_ports[rank];
            nodes.push(Node::new(rank as u32, draft.forwards));
            let count = draft.ports.len() as u32;
            for (index, port) in std::mem::take(&mut draft.ports).into_iter().enumerate() {
                let id = PortId(first_port.0 + index as u32);
                owners.extend(port.addresses.iter().map(|prefix| (prefix.address, id)));
                port_infos.push(PortInfo {
                    node: NodeId(rank as u32),
                    name: port.name,
                    addresses: port.addresses,
                    mac: mac_of(id),
                    attachment: Attachment::Detached,
                    cost: 1,
                    queue_limit: QueueLimit::Packets(0),
                });
            }
            node_infos.push(NodeInfo {
                name: std::mem::take(&mut draft.name),
                first_port,
                ports: count,
                static_routes: Vec::new(),
                outside: false,
            });
        }
        (nodes, node_infos, port_infos)
    }
}

/// The links in the order of adding, their ports attached.
fn lay_links(
    drafts: Vec<LinkDraft>,
    names: &Names,
    streams: &Streams,
    ports: &mut [Port],
    port_infos: &mut [PortInfo],
    states: &mut Vec<PortState>,
) -> Result<Vec<Link>, BuildError> {
    let mut links = Vec::with_capacity(drafts.len());
    for (number, draft) in drafts.into_iter().enumerate() {
        let ends = draft.ends.map(|end| names.port(end));
        for (side, direction) in draft.directions.iter().enumerate() {
            let (here, there) = (ends[side], ends[1 - side]);
            let state = direction
                .build_state(streams, || way_name(&draft.name, side))
                .map_err(|error| BuildError::Link { link: draft.name.clone(), error })?;
            let port = &mut ports[here.index()];
            port.delay = direction.delay;
            port.rate = direction.rate;
            port.mtu = direction.mtu;
            port.framing = direction.framing;
            port.peer = there;
            port.peer_node = port_infos[there.index()].node;
            if let Some(state) = state {
                port.slow = true;
                port.state = states.len() as u32;
                states.push(state);
            }
            let info = &mut port_infos[here.index()];
            info.attachment = Attachment::Link(number as u32);
            info.cost = direction.cost.max(1);
            info.queue_limit = direction.drop_tail_limit();
        }
        links.push(Link { name: draft.name, ends });
    }
    Ok(links)
}

/// The segments in the order of their names, their ports attached.
fn lay_segments(
    mut drafts: Vec<SegmentDraft>,
    names: &Names,
    streams: &Streams,
    ports: &mut [Port],
    port_infos: &mut [PortInfo],
    states: &mut Vec<PortState>,
    node_infos: &[NodeInfo],
) -> Result<Vec<Segment>, BuildError> {
    drafts.sort_by(|a, b| a.name.cmp(&b.name));
    let mut segments = Vec::with_capacity(drafts.len());
    for (index, SegmentDraft { name, spec, ports: stations }) in drafts.into_iter().enumerate() {
        let mut stations: Vec<PortId> = stations.iter().map(|&key| names.port(key)).collect();
        stations.sort_unstable();
        for station in &stations {
            let info = &mut port_infos[station.index()];
            info.attachment = Attachment::Segment(index as u32);
            info.cost = spec.cost.max(1);
            info.queue_limit = spec.queue;
            let of = format!("{}/{}", node_infos[info.node.index()].name, info.name);
            let cache = NeighbourCache::new(spec.neighbours, streams.counter(&of, purpose::NEIGHBOUR));
            let port = &mut ports[station.index()];
            (port.rate, port.delay, port.mtu) = (spec.rate, spec.delay, spec.mtu);
            (port.framing, port.slow, port.state) = (Framing::Ethernet, true, states.len() as u32);
            states.push(PortState { neighbours: Some(Box::new(cache)), ..PortState::default() });
        }
        let loss = spec
            .loss
            .build(streams, &name)
            .map_err(|error| BuildError::Segment { segment: name.clone(), error })?;
        segments.push(Segment::new(name, stations, loss));
    }
    Ok(segments)
}

/// A locally administered link-layer address (IEEE 802 §8.4) made from the port's number.
fn mac_of(port: PortId) -> MacAddress {
    let [a, b, c, d] = port.0.to_be_bytes();
    MacAddress([0x02, 0x4e, a, b, c, d])
}

/// The port whose address [`mac_of`] made.
pub(crate) fn port_of(mac: MacAddress) -> Option<PortId> {
    let [0x02, 0x4e, a, b, c, d] = mac.0 else { return None };
    Some(PortId(u32::from_be_bytes([a, b, c, d])))
}

/// The name of a link direction, after which its random streams are called.
pub(crate) fn way_name(link: &str, side: usize) -> String {
    format!("{link}/{}", if side == 0 { "forward" } else { "backward" })
}

fn detached() -> Port {
    Port {
        busy_until: SimTime::ZERO,
        frames: 0,
        bytes: 0,
        digest: sim_core::digest::Chain::default(),
        delay: SimDuration::from_nanos(0),
        rate: DataRate::from_bits_per_second(1),
        peer: PortId::NONE,
        peer_node: NodeId(0),
        state: NO_STATE,
        mtu: 0,
        framing: Framing::None,
        slow: false,
    }
}
