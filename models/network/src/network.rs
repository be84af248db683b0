//! The network of one run: nodes, ports, packets in flight, and the scheduler that moves them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rustc_hash::FxHashMap;
use sim_core::digest::Chain;
use sim_core::engine::Scheduler;
use sim_core::event::Origin;
use sim_core::{ByteCount, DataRate, SimDuration, SimTime};
use wire::packet::Packet;

use crate::accounts::Accounts;
use crate::address::AddressBook;
use crate::drop_cause::{DropCause, DropCounts};
use crate::event::NetworkEvent;
use crate::group::Groups;
use crate::name_list::NameList;
use crate::node::{NextHop, Node, NodeId, NodeInfo, StaticRoute};
use crate::observer::Observer;
use crate::outside::Border;
use crate::pool::{PacketId, PacketPool};
use crate::port::{NO_STATE, Port, PortId, PortInfo, PortState};
use crate::power::Power;
use crate::queue::QueueLimit;
use crate::radio::medium::RadioMedium;
use crate::route::{Distances, SegmentHop};
use crate::segment::Segment;
use crate::topology::Hubs;

/// A link with two ends.
#[derive(Clone, Debug)]
pub struct Link {
    /// The ports at its ends: forward goes from the first to the second.
    pub ends: [PortId; 2],
}

/// The network of one run.
#[derive(Debug)]
pub struct Network<O: Observer> {
    /// The clock and the pending events.
    pub scheduler: Scheduler,
    /// Who looks on.
    pub observer: O,
    /// Addresses and the short names that packets carry for them.
    pub addresses: AddressBook,
    /// Overhead by flow.
    pub accounts: Accounts,
    pub(crate) nodes: Vec<Node>,
    pub(crate) node_infos: Vec<NodeInfo>,
    pub(crate) ports: Vec<Port>,
    pub(crate) port_infos: Vec<PortInfo>,
    pub(crate) states: Vec<PortState>,
    pub(crate) links: Vec<Link>,
    pub(crate) node_names: NameList,
    pub(crate) link_names: NameList,
    /// The names that interfaces have; many share one.
    pub(crate) port_names: NameList,
    /// The limits that drop-tail queues have; many share one.
    pub(crate) queue_limits: Vec<QueueLimit>,
    /// Routes that the scenario states.
    pub(crate) static_routes: BTreeMap<NodeId, Vec<StaticRoute>>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) media: Vec<RadioMedium>,
    pub(crate) groups: Groups,
    pub(crate) hops_by: FxHashMap<(PortId, u32), NextHop>,
    pub(crate) segment_hops: Vec<SegmentHop>,
    pub(crate) distances: Option<Distances>,
    /// Made at the first search for a path.
    pub(crate) hubs: Option<Hubs>,
    pub(crate) tables: Vec<FxHashMap<u32, NextHop>>,
    pub(crate) packets: PacketPool,
    pub(crate) node_drops: BTreeMap<NodeId, DropCounts>,
    pub(crate) border: Border,
    /// The border router through which a node of a graph was reached last, by the node's port; the router a host is registered at.
    pub(crate) rpl_homes: FxHashMap<PortId, PortId>,
    pub(crate) discovery_homes: FxHashMap<PortId, PortId>,
    pub(crate) world_origin: Origin,
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    /// Packets whose fragments or copies went on in their stead.
    pub(crate) replaced: u64,
    /// The hardware of nodes, if any has some.
    pub(crate) power: Option<Power>,
    /// Whether links or nodes may fail in this run, so that arrivals have to be checked.
    pub(crate) voidable: bool,
}

impl<O: Observer> Network<O> {
    /// The present.
    #[inline]
    pub fn now(&self) -> SimTime {
        self.scheduler.now()
    }

    /// Schedules an event that belongs to `node`.
    #[inline]
    pub fn schedule(&mut self, time: SimTime, node: NodeId, event: NetworkEvent) {
        self.scheduler.schedule(time, &mut self.nodes[node.index()].origin, event.pack());
    }

    /// Schedules an event that belongs to no node: a fault or a look at the state.
    pub fn schedule_global(&mut self, time: SimTime, event: NetworkEvent) {
        self.scheduler.schedule(time, &mut self.world_origin, event.pack());
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// All nodes.
    pub fn node_ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<O> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// What is known of a node.
    pub fn node_info(&self, node: NodeId) -> &NodeInfo {
        &self.node_infos[node.index()]
    }

    /// A node's name in the scenario.
    pub fn node_name(&self, node: NodeId) -> &str {
        self.node_names.get(node.index())
    }

    /// The name of a port's interface within its node.
    pub fn port_name(&self, port: PortId) -> &str {
        self.port_names.get(self.port_infos[port.index()].name as usize)
    }

    /// The name of the link with that number in the scenario.
    pub fn link_name(&self, number: usize) -> &str {
        self.link_names.get(number)
    }

    /// What is known of a port.
    pub fn port_info(&self, port: PortId) -> &PortInfo {
        &self.port_infos[port.index()]
    }

    /// The ports at whose links `port` is read from and written to: the other end of its link.
    pub fn peer(&self, port: PortId) -> PortId {
        self.ports[port.index()].peer
    }

    /// The links with two ends.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Whether a node passes on packets that are for others.
    pub fn forwards(&self, node: NodeId) -> bool {
        self.nodes[node.index()].forwards
    }

    /// Whether a node is up.
    pub fn is_node_up(&self, node: NodeId) -> bool {
        self.nodes[node.index()].up
    }

    /// Whether a port's link takes frames.
    pub fn is_port_up(&self, port: PortId) -> bool {
        let state = self.ports[port.index()].state;
        state == NO_STATE || !self.states[state as usize].down
    }

    /// Rate of a port's link, in the direction that leaves by it.
    pub fn rate(&self, port: PortId) -> DataRate {
        self.ports[port.index()].rate
    }

    /// Largest packet that a port's link takes, in bytes.
    pub fn mtu(&self, port: PortId) -> u16 {
        self.ports[port.index()].mtu
    }

    /// Marks a node as one whose bytes are charged to flows.
    pub fn set_accounted(&mut self, node: NodeId) {
        self.nodes[node.index()].accounted = true;
    }

    /// The packet called `id`.
    #[inline]
    pub fn packet_mut(&mut self, id: PacketId) -> &mut Packet {
        &mut self.packets[id]
    }

    /// Ends a packet's journey at its destination and hands it out.
    #[inline]
    pub fn deliver(&mut self, id: PacketId) -> Packet {
        self.delivered += 1;
        self.accounts.finish(&self.packets[id]);
        self.packets.take(id)
    }

    /// Ends a packet's journey at its destination, where its content was taken out of its place.
    #[inline]
    pub fn conclude(&mut self, id: PacketId) {
        self.delivered += 1;
        self.accounts.finish(&self.packets[id]);
        self.packets.free(id);
    }

    /// Ends a packet's journey before its destination.
    pub fn discard(&mut self, node: NodeId, port: Option<PortId>, id: PacketId, cause: DropCause) {
        self.dropped += 1;
        let packet = &self.packets[id];
        self.accounts.finish(packet);
        if O::ENABLED {
            self.observer.on_dropped(self.scheduler.now(), node, port, packet, cause);
        }
        match port {
            Some(port) => self.state_mut(port).drops.add(cause),
            None => self.node_drops.entry(node).or_default().add(cause),
        }
        self.packets.free(id);
    }

    /// Counts and reports a packet that a host refused after it had been delivered.
    pub fn on_refused(&mut self, node: NodeId, packet: &Packet, cause: DropCause) {
        if O::ENABLED {
            self.observer.on_dropped(self.scheduler.now(), node, None, packet, cause);
        }
        self.node_drops.entry(node).or_default().add(cause);
    }

    /// The rarely needed state of a port, made on first need.
    pub(crate) fn state_mut(&mut self, port: PortId) -> &mut PortState {
        let hot = &mut self.ports[port.index()];
        if hot.state == NO_STATE {
            hot.state = self.states.len() as u32;
            self.states.push(PortState::default());
        }
        &mut self.states[hot.state as usize]
    }

    /// The port of `node` with the given place among its interfaces; the last one if there are fewer.
    pub fn port_of(&self, node: NodeId, interface: u16) -> PortId {
        let info = &self.node_infos[node.index()];
        PortId(info.first_port.0 + u32::from(interface).min(info.ports.saturating_sub(1)))
    }

    /// All addresses of `node`, in the order of its ports.
    pub fn addresses_of(&self, node: NodeId) -> Vec<IpAddr> {
        let ports = self.node_infos[node.index()].port_ids();
        ports
            .flat_map(|port| self.port_infos[port.index()].addresses.iter())
            .map(|prefix| prefix.address)
            .collect()
    }

    /// The place of `port` among the interfaces of `node`, whose it is; 0 for none.
    #[inline]
    pub fn interface_of(&self, node: NodeId, port: PortId) -> u16 {
        let first = self.node_infos[node.index()].first_port;
        if port == PortId::NONE { 0 } else { port.0.saturating_sub(first.0) as u16 }
    }

    /// The port of `node` that owns `address`.
    pub fn owned_port(&self, node: NodeId, address: IpAddr) -> Option<PortId> {
        self.addresses.owner(address).filter(|port| self.port_infos[port.index()].node == node)
    }

    /// The address from which `node` sends to `peer`: that of the port `via`, or of the one that the
    /// route leaves by, or the first of the right family.
    pub fn source_address(&mut self, node: NodeId, peer: IpAddr, via: Option<PortId>) -> Option<IpAddr> {
        let port = via.or_else(|| {
            let destination = self.addresses.destination(peer);
            let next = self.next_hop(node, destination.0);
            next.as_port().or_else(|| next.as_segment().map(|index| self.segment_hops[index].port))
        });
        let by_route = port.and_then(|port| self.port_infos[port.index()].address_like(peer));
        by_route.or_else(|| {
            let mut ports = self.node_infos[node.index()].port_ids();
            ports.find_map(|port| self.port_infos[port.index()].address_like(peer))
        })
    }

    /// Counts a packet that no internet header can describe: more than 65,535 bytes.
    pub fn refuse_oversized(&mut self, node: NodeId, id: PacketId) {
        if O::ENABLED {
            let packet = &self.packets[id];
            self.observer.on_dropped(self.scheduler.now(), node, None, packet, DropCause::TooBig);
        }
        self.node_drops.entry(node).or_default().add(DropCause::TooBig);
    }

    /// What one direction of a link has done so far.
    pub fn direction_report(&self, port: PortId) -> DirectionReport {
        let hot = &self.ports[port.index()];
        let none = PortState::default();
        let state = if hot.state == NO_STATE { &none } else { &self.states[hot.state as usize] };
        DirectionReport {
            frames: hot.frames - state.unsent_frames,
            bytes: hot.bytes - state.unsent_bytes,
            drops: state.drops.clone(),
            corrupted: state.corrupted,
            duplicated: state.duplicated,
            queue_max: state.queue_max,
            waited: state.waited,
            busy: state.busy + self.fifo_busy(port),
        }
    }

    /// Time that a drop-tail link is busy with the frames since its rate was last changed.
    pub(crate) fn fifo_busy(&self, port: PortId) -> SimDuration {
        let hot = &self.ports[port.index()];
        let (mut frames, mut bytes) = (hot.frames, hot.bytes);
        if hot.state != NO_STATE {
            let state = &self.states[hot.state as usize];
            if state.discipline.is_some() {
                return SimDuration::ZERO;
            }
            frames = frames.saturating_sub(state.unsent_frames + state.busy_counted.0);
            bytes = bytes.saturating_sub(state.unsent_bytes + state.busy_counted.1);
        }
        let size = ByteCount::from_bytes(bytes + frames * u64::from(hot.framing.gap_bytes()));
        hot.rate.transmit_time(size)
    }

    /// Takes out a packet that fragments or copies go on for: their journeys count from here.
    pub(crate) fn replace(&mut self, id: PacketId) -> Packet {
        self.replaced += 1;
        self.accounts.finish(&self.packets[id]);
        self.packets.take(id)
    }

    /// Packets dropped inside a node, by cause.
    pub fn node_drops(&self, node: NodeId) -> DropCounts {
        self.node_drops.get(&node).cloned().unwrap_or_default()
    }

    /// What a node has sent and received at all its ports together.
    pub fn node_traffic(&self, node: NodeId) -> NodeTraffic {
        let mut traffic = NodeTraffic {
            frames_dropped: self.node_drops(node).total(),
            packets_forwarded: self.nodes[node.index()].forwarded,
            ..NodeTraffic::default()
        };
        for port in self.node_infos[node.index()].port_ids() {
            let own = &self.ports[port.index()];
            traffic.frames_sent += own.frames;
            traffic.bytes_sent += own.bytes;
            traffic.frames_dropped += self.direction_report(port).drops.total();
            if own.peer != PortId::NONE {
                let (frames, bytes) = self.arrived_by(own.peer);
                traffic.frames_received += frames;
                traffic.bytes_received += bytes;
            } else if own.state != NO_STATE {
                let received = self.states[own.state as usize].received;
                traffic.frames_received += received.0;
                traffic.bytes_received += received.1;
            }
        }
        traffic
    }

    /// Frames and bytes that left by `port` and were not lost.
    fn arrived_by(&self, port: PortId) -> (u64, u64) {
        let hot = &self.ports[port.index()];
        let lost = if hot.state == NO_STATE { (0, 0) } else { self.states[hot.state as usize].lost };
        (hot.frames - lost.0, hot.bytes - lost.1)
    }

    /// Frames waiting at `port` now, the one in transmission not among them.
    pub fn queue_packets(&self, port: PortId) -> u32 {
        let hot = &self.ports[port.index()];
        if hot.state == NO_STATE {
            return 0;
        }
        let state = &self.states[hot.state as usize];
        let now = self.scheduler.now();
        let fifo = state.starts.iter().filter(|&&(start, _)| start > now).count() as u32;
        fifo + state.discipline.as_ref().map_or(0, |discipline| discipline.len_packets() as u32)
    }

    /// The radio media, in the order of their names.
    pub fn radio_media(&self) -> &[RadioMedium] {
        &self.media
    }

    /// Counts for the conservation of packets.
    pub fn packet_counts(&self) -> PacketCounts {
        PacketCounts {
            created: self.packets.created(),
            delivered: self.delivered,
            dropped: self.dropped,
            replaced: self.replaced,
            in_flight: self.packets.in_flight() as u64,
        }
    }

    /// Frames put on links so far, over all links.
    pub fn frames_sent(&self) -> u64 {
        self.ports.iter().map(|port| port.frames).sum()
    }

    /// The digest of all that has happened: link directions in the order of their ports, then nodes, then
    /// segments, then radio media.
    pub fn digest(&self) -> u64 {
        let directions = self.ports.iter().map(|port| {
            let mut chain = port.digest;
            chain.fold_u64(port.frames);
            chain.fold_u64(port.bytes);
            chain
        });
        let nodes = self.nodes.iter().map(|node| node.digest);
        let segments = self.segments.iter().map(|segment| {
            let mut chain = segment.digest;
            chain.fold_u64(segment.frames);
            chain.fold_u64(segment.bytes);
            chain
        });
        let media = self.media.iter().map(|medium| medium.digest);
        Chain::combine(directions.chain(nodes).chain(segments).chain(media)).value()
    }

    /// Folds a value into a node's part of the digest.
    pub fn fold_into_digest(&mut self, node: NodeId, value: u64) {
        self.nodes[node.index()].digest.fold_u64(value);
    }

    /// Bytes of memory that the network holds, without tables of static size.
    pub fn memory_bytes(&self) -> u64 {
        let hot = self.nodes.capacity() * size_of::<Node>() + self.ports.capacity() * size_of::<Port>();
        let cold = self.node_infos.capacity() * size_of::<NodeInfo>()
            + self.port_infos.capacity() * size_of::<PortInfo>()
            + self.states.capacity() * size_of::<PortState>()
            + self.node_names.memory_bytes()
            + self.link_names.memory_bytes();
        let tables: usize = self.tables.iter().map(|table| table.capacity() * 9).sum();
        let media: u64 = self.media.iter().map(RadioMedium::memory_bytes).sum();
        (hot + cold + tables) as u64
            + media
            + self.packets.memory_bytes()
            + self.addresses.memory_bytes()
            + self.scheduler.queue().memory_bytes() as u64
    }
}

/// What one direction of a link has done.
#[derive(Clone, Debug, Default)]
pub struct DirectionReport {
    /// Frames put on the link.
    pub frames: u64,
    /// Bytes put on the link, framing included.
    pub bytes: u64,
    /// Frames dropped in front of the link or on it, by cause.
    pub drops: DropCounts,
    /// Frames that left damaged.
    pub corrupted: u64,
    /// Frames that left twice.
    pub duplicated: u64,
    /// Longest queue, in frames, the one in transmission not among them.
    pub queue_max: u32,
    /// Time that frames waited, summed over them.
    pub waited: SimDuration,
    /// Time that the link was busy with frames and the gaps between them.
    pub busy: SimDuration,
}

/// What a node has sent and received at all its ports together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NodeTraffic {
    /// Frames sent, those of other nodes that it passed on among them.
    pub frames_sent: u64,
    /// Bytes sent, framing included.
    pub bytes_sent: u64,
    /// Frames that links brought, or are bringing.
    pub frames_received: u64,
    /// Bytes that links brought, framing included.
    pub bytes_received: u64,
    /// Packets of other nodes that it passed on.
    pub packets_forwarded: u64,
    /// Packets dropped in the node or in front of its links.
    pub frames_dropped: u64,
}

/// Where all packets of a run are: `created = delivered + dropped + replaced + in_flight`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PacketCounts {
    /// Packets that came to be: sent by hosts, fragments, copies, errors.
    pub created: u64,
    /// Packets that reached a host.
    pub delivered: u64,
    /// Packets that ended on the way.
    pub dropped: u64,
    /// Packets whose fragments or copies went on in their stead.
    pub replaced: u64,
    /// Packets on a link, in a queue or waiting for an address.
    pub in_flight: u64,
}

impl PacketCounts {
    /// Whether no packet was lost from sight.
    pub fn balance(&self) -> bool {
        self.created == self.delivered + self.dropped + self.replaced + self.in_flight
    }
}
