//! Putting a network together: nodes and ports in any order, the same world in the end.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use sim_core::engine::{Limits, Scheduler};
use sim_core::event::Origin;
use sim_core::random::Streams;
use sim_core::{DataRate, SimDuration, SimTime};

use crate::accounts::Accounts;
use crate::address::{AddressBook, Addresses, Prefix};
use crate::group::Groups;
use crate::link::{Direction, LinkError};
use crate::name_list::NameList;
use crate::neighbour::NeighbourCache;
use crate::network::{Link, Network};
use crate::node::{Node, NodeId, NodeInfo, StaticRoute};
use crate::observer::Observer;
use crate::outside::Border;
use crate::pool::PacketPool;
use crate::port::{Attachment, Framing, NO_STATE, Port, PortId, PortInfo, PortState};
use crate::purpose;
use crate::queue::QueueLimit;
use crate::radio::laying::MediumDraft;
use crate::segment::{Segment, SegmentSpec};

/// A node under construction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NodeKey(u32);

/// A port under construction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PortKey(u32);

/// A network under construction.
#[derive(Debug, Default)]
pub struct NetworkBuilder {
    nodes: Vec<NodeDraft>,
    node_names: NameList,
    ports: Vec<PortDraft>,
    /// Names of interfaces, each once, and their numbers.
    port_names: NameList,
    known_port_names: FxHashMap<Box<str>, u32>,
    links: Vec<LinkDraft>,
    link_names: NameList,
    segments: Vec<SegmentDraft>,
    pub(crate) media: Vec<MediumDraft>,
    routes: Vec<(NodeKey, Prefix, PortKey, Option<PortKey>)>,
    outside: Vec<(Prefix, PortKey)>,
}

#[derive(Debug)]
struct NodeDraft {
    forwards: bool,
    ports: u32,
}

#[derive(Debug)]
struct PortDraft {
    node: NodeKey,
    name: u32,
    addresses: Addresses,
}

#[derive(Debug)]
struct LinkDraft {
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
    ports: Vec<PortId>,
}

impl Names {
    /// The node's place in the network.
    pub fn node(&self, key: NodeKey) -> NodeId {
        self.nodes[key.0 as usize]
    }

    /// The port's place in the network.
    pub fn port(&self, key: PortKey) -> PortId {
        self.ports[key.0 as usize]
    }
}

impl NetworkBuilder {
    /// An empty network.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty network with room for so many nodes, ports and links.
    pub fn with_capacity(nodes: usize, ports: usize, links: usize) -> Self {
        Self {
            nodes: Vec::with_capacity(nodes),
            node_names: NameList::with_capacity(nodes, 0),
            ports: Vec::with_capacity(ports),
            links: Vec::with_capacity(links),
            link_names: NameList::with_capacity(links, 0),
            ..Self::default()
        }
    }

    /// Adds a node; `forwards` says whether it passes on packets that are for others.
    pub fn add_node(&mut self, name: &str, forwards: bool) -> NodeKey {
        self.node_names.push(name);
        self.nodes.push(NodeDraft { forwards, ports: 0 });
        NodeKey(self.nodes.len() as u32 - 1)
    }

    /// Adds an interface to a node.
    pub fn add_port(&mut self, node: NodeKey, name: &str, addresses: &[Prefix]) -> PortKey {
        let next = self.known_port_names.len() as u32;
        let name = match self.known_port_names.get(name) {
            Some(&known) => known,
            None => {
                self.port_names.push(name);
                self.known_port_names.insert(name.into(), next);
                next
            }
        };
        self.nodes[node.0 as usize].ports += 1;
        self.ports.push(PortDraft { node, name, addresses: addresses.into() });
        PortKey(self.ports.len() as u32 - 1)
    }

    /// Joins two ports by a link: `forward` leads from the first to the second.
    pub fn connect(&mut self, name: &str, ends: [PortKey; 2], forward: Direction, backward: Direction) {
        self.connect_alike(name, ends, Arc::new([forward, backward]));
    }

    /// Joins two ports by a link whose settings others share.
    pub fn connect_alike(&mut self, name: &str, ends: [PortKey; 2], directions: Arc<[Direction; 2]>) {
        self.link_names.push(name);
        self.links.push(LinkDraft { ends, directions });
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
        let (nodes, node_infos, node_names) = self.lay_nodes(&names);
        let mut port_infos = self.lay_ports(&names);
        let mut ports: Vec<Port> = port_infos.iter().map(|_| detached()).collect();
        let (mut states, mut queue_limits) = (Vec::new(), Vec::new());
        let mut link_names = std::mem::take(&mut self.link_names);
        link_names.shrink_to_fit();
        self.port_names.shrink_to_fit();
        let mut laying = Laying {
            names: &names,
            streams,
            ports: &mut ports,
            port_infos: &mut port_infos,
            states: &mut states,
            queue_limits: &mut queue_limits,
        };
        let links = laying.links(std::mem::take(&mut self.links), &link_names)?;
        let drafts = std::mem::take(&mut self.segments);
        let segments = laying.segments(drafts, &node_names, &self.port_names)?;
        let media = laying.media(std::mem::take(&mut self.media), &nodes);
        let mut addresses = AddressBook::new(owners(&port_infos)).map_err(BuildError::Address)?;
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
            node_names,
            link_names,
            port_names: self.port_names,
            queue_limits,
            static_routes: BTreeMap::new(),
            segments,
            media,
            groups: Groups::default(),
            hops_by: FxHashMap::default(),
            segment_hops: Vec::new(),
            distances: None,
            hubs: None,
            tables: Vec::new(),
            packets: PacketPool::default(),
            node_drops: BTreeMap::new(),
            border: Border::default(),
            rpl_homes: FxHashMap::default(),
            discovery_homes: FxHashMap::default(),
            world_origin: Origin::new(world_rank),
            delivered: 0,
            dropped: 0,
            replaced: 0,
            power: None,
            voidable: false,
        };
        for (node, prefix, port, via) in self.routes {
            let route = StaticRoute { prefix, port: names.port(port), via: via.map(|via| names.port(via)) };
            network.static_routes.entry(names.node(node)).or_default().push(route);
        }
        Ok((network, names))
    }

    fn number(&self) -> Result<Names, BuildError> {
        if self.nodes.len() > MAX_NODES {
            return Err(BuildError::TooManyNodes(self.nodes.len()));
        }
        let name = |draft: u32| self.node_names.get(draft as usize);
        let mut order: Vec<u32> = (0..self.nodes.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| name(a).cmp(name(b)));
        if let Some(pair) = order.windows(2).find(|pair| name(pair[0]) == name(pair[1])) {
            return Err(BuildError::NodeName(name(pair[0]).into()));
        }
        let mut nodes = vec![NodeId(0); self.nodes.len()];
        // The next port of each node, by the order of adding.
        let mut next_ports = vec![PortId(0); self.nodes.len()];
        let mut next_port = 0;
        for (rank, &draft) in order.iter().enumerate() {
            nodes[draft as usize] = NodeId(rank as u32);
            next_ports[draft as usize] = PortId(next_port);
            next_port += self.nodes[draft as usize].ports;
        }
        let number = |port: &PortDraft| {
            let next = &mut next_ports[port.node.0 as usize];
            std::mem::replace(next, PortId(next.0 + 1))
        };
        Ok(Names { nodes, ports: self.ports.iter().map(number).collect() })
    }

    /// Turns the drafts of nodes into what the network keeps, in the order of their names.
    fn lay_nodes(&mut self, names: &Names) -> (Vec<Node>, Vec<NodeInfo>, NameList) {
        let drafts = std::mem::take(&mut self.nodes);
        let by_draft = std::mem::take(&mut self.node_names);
        let mut order: Vec<u32> = vec![0; drafts.len()];
        for (draft, node) in names.nodes.iter().enumerate() {
            order[node.index()] = draft as u32;
        }
        let mut nodes = Vec::with_capacity(order.len());
        let mut node_infos = Vec::with_capacity(order.len());
        let mut node_names = NameList::with_capacity(order.len(), by_draft.letters());
        let mut first_port = PortId(0);
        for (rank, &draft) in order.iter().enumerate() {
            let NodeDraft { forwards, ports } = drafts[draft as usize];
            nodes.push(Node::new(rank as u32, forwards));
            node_infos.push(NodeInfo { first_port, ports, reports_errors: true });
            node_names.push(by_draft.get(draft as usize));
            first_port.0 += ports;
        }
        (nodes, node_infos, node_names)
    }

    /// Turns the drafts of ports into what the network keeps.
    fn lay_ports(&mut self, names: &Names) -> Vec<PortInfo> {
        let drafts = std::mem::take(&mut self.ports);
        let none = PortInfo {
            node: NodeId(0),
            name: 0,
            queue_limit: 0,
            addresses: Addresses::None,
            attachment: Attachment::Detached,
            cost: 1,
        };
        let mut port_infos = vec![none; drafts.len()];
        for (draft, &id) in drafts.into_iter().zip(&names.ports) {
            let info = &mut port_infos[id.index()];
            info.node = names.node(draft.node);
            (info.name, info.addresses) = (draft.name, draft.addresses);
        }
        port_infos
    }
}

/// Who owns which address.
fn owners(ports: &[PortInfo]) -> impl Iterator<Item = (IpAddr, PortId)> {
    let ids = (0..).map(PortId);
    ids.zip(ports).flat_map(|(id, port)| port.addresses.iter().map(move |prefix| (prefix.address, id)))
}

/// Where links and segments are laid.
pub(crate) struct Laying<'a> {
    pub(crate) names: &'a Names,
    pub(crate) streams: &'a Streams,
    pub(crate) ports: &'a mut [Port],
    pub(crate) port_infos: &'a mut [PortInfo],
    pub(crate) states: &'a mut Vec<PortState>,
    queue_limits: &'a mut Vec<QueueLimit>,
}

impl Laying<'_> {
    /// The links in the order of adding, their ports attached.
    fn links(&mut self, drafts: Vec<LinkDraft>, link_names: &NameList) -> Result<Vec<Link>, BuildError> {
        let mut links = Vec::with_capacity(drafts.len());
        for (number, draft) in drafts.into_iter().enumerate() {
            let ends = draft.ends.map(|end| self.names.port(end));
            let name = link_names.get(number);
            for (side, direction) in draft.directions.iter().enumerate() {
                let (here, there) = (ends[side], ends[1 - side]);
                let state = direction
                    .build_state(self.streams, || way_name(name, side))
                    .map_err(|error| BuildError::Link { link: name.into(), error })?;
                let port = &mut self.ports[here.index()];
                port.delay = direction.delay;
                port.rate = direction.rate;
                port.mtu = direction.mtu;
                port.framing = direction.framing;
                port.peer = there;
                port.peer_node = self.port_infos[there.index()].node;
                if let Some(state) = state {
                    port.slow = true;
                    port.state = self.states.len() as u32;
                    self.states.push(state);
                }
                let attachment = Attachment::Link(number as u32);
                self.attach(here, attachment, direction.cost, direction.drop_tail_limit());
            }
            links.push(Link { ends });
        }
        Ok(links)
    }

    /// The segments in the order of their names, their ports attached.
    fn segments(
        &mut self,
        mut drafts: Vec<SegmentDraft>,
        node_names: &NameList,
        port_names: &NameList,
    ) -> Result<Vec<Segment>, BuildError> {
        drafts.sort_by(|a, b| a.name.cmp(&b.name));
        let mut segments = Vec::with_capacity(drafts.len());
        for (index, SegmentDraft { name, spec, ports: stations }) in drafts.into_iter().enumerate() {
            let mut stations: Vec<PortId> = stations.iter().map(|&key| self.names.port(key)).collect();
            stations.sort_unstable();
            for &station in &stations {
                self.attach(station, Attachment::Segment(index as u32), spec.cost, spec.queue);
                let info = &self.port_infos[station.index()];
                let of =
                    format!("{}/{}", node_names.get(info.node.index()), port_names.get(info.name as usize));
                let cache =
                    NeighbourCache::new(spec.neighbours, self.streams.counter(&of, purpose::NEIGHBOUR));
                let port = &mut self.ports[station.index()];
                (port.rate, port.delay, port.mtu) = (spec.rate, spec.delay, spec.mtu);
                (port.framing, port.slow, port.state) = (Framing::Ethernet, true, self.states.len() as u32);
                self.states.push(PortState { neighbours: Some(Box::new(cache)), ..PortState::default() });
            }
            let loss = spec
                .loss
                .build(self.streams, &name)
                .map_err(|error| BuildError::Segment { segment: name.clone(), error })?;
            segments.push(Segment::new(name, stations, loss));
        }
        Ok(segments)
    }

    pub(crate) fn attach(&mut self, port: PortId, attachment: Attachment, cost: u32, given: QueueLimit) {
        // Links that are alike are mostly added one after the other.
        let recent = self.queue_limits.len().saturating_sub(LIMITS_LOOKED_AT);
        let known = self.queue_limits[recent..].iter().rposition(|&known| known == given);
        let limit = known.map_or(self.queue_limits.len(), |known| recent + known);
        if known.is_none() {
            self.queue_limits.push(given);
        }
        let info = &mut self.port_infos[port.index()];
        info.attachment = attachment;
        info.cost = cost.max(1);
        info.queue_limit = limit as u32;
    }
}

/// Limits of queues among which an equal one is looked for.
const LIMITS_LOOKED_AT: usize = 16;

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
