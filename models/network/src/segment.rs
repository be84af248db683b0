//! Shared segments: Ethernet stations on one medium.
//!
//! A segment is half duplex: frames are sent one at a time, in the order in which they were asked for (ties
//! by the order of events). Every station hears the end of the others' frames in time: there are neither
//! collisions nor back-off. A station whose frame finds the medium busy keeps it in a queue of its own, with
//! its own limit. A frame travels as Ethernet II with its real header of 14 bytes; check sequence and padding
//! are counted, preamble and gap take time.
//!
//! A unicast frame is an event at its destination only. A frame to a group becomes a copy for each station
//! that listens to the group; the others' interfaces filter it, which costs nothing and drops nothing. A
//! frame that the medium loses reaches nobody.
//!
//! When a station's link goes down, its frames that wait or are under way are void; the time that was
//! reserved for those that waited stays reserved.

use std::net::IpAddr;

use sim_core::digest::Chain;
use sim_core::{DataRate, SimDuration, SimTime};
use smallvec::SmallVec;
use wire::ethernet::{EtherType, HEADER_LEN, Header, MacAddress};
use wire::ip_view::HeaderView;
use wire::packet::Packet;

use crate::drop_cause::DropCause;
use crate::event::NetworkEvent;
use crate::forward::Ingress;
use crate::impairment::Loss;
use crate::link::LossConfig;
use crate::neighbour::NeighbourConfig;
use crate::network::Network;
use crate::node::{DestinationId, NodeId};
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::{Attachment, Framing, PortId};
use crate::power::frames::FrameOnAir;
use crate::queue::QueueLimit;
use crate::transmit::transmit_time;

/// The settings of a shared segment.
#[derive(Clone, Debug)]
pub struct SegmentSpec {
    /// Rate of the medium.
    pub rate: DataRate,
    /// Time from one station to any other.
    pub delay: SimDuration,
    /// Largest packet, without framing, in bytes.
    pub mtu: u16,
    /// What waits in each station while the medium is busy.
    pub queue: QueueLimit,
    /// Which frames are lost.
    pub loss: LossConfig,
    /// Cost of crossing the segment for shortest paths; at least 1.
    pub cost: u32,
    /// How addresses are resolved.
    pub neighbours: NeighbourConfig,
}

impl SegmentSpec {
    /// A segment without loss for packets of 1,500 bytes, with queues of 1,000 packets.
    pub fn new(rate: DataRate, delay: SimDuration) -> Self {
        Self {
            rate,
            delay,
            mtu: 1500,
            queue: QueueLimit::Packets(1000),
            loss: LossConfig::None,
            cost: 1,
            neighbours: NeighbourConfig::default(),
        }
    }
}

/// A shared segment.
#[derive(Debug)]
pub struct Segment {
    /// The segment's name in the scenario.
    pub name: Box<str>,
    /// The stations, in order.
    pub(crate) ports: Vec<PortId>,
    pub(crate) busy_until: SimTime,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) lost: u64,
    pub(crate) busy: SimDuration,
    pub(crate) digest: Chain,
    pub(crate) loss: Loss,
}

/// What a segment has carried.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SegmentReport {
    /// Frames put on the medium.
    pub frames: u64,
    /// Bytes put on the medium, framing included.
    pub bytes: u64,
    /// Frames that the medium lost.
    pub lost: u64,
    /// Time that the medium was busy with frames and the gaps between them.
    pub busy: SimDuration,
}

impl Segment {
    pub(crate) fn new(name: Box<str>, ports: Vec<PortId>, loss: Loss) -> Self {
        Self {
            name,
            ports,
            busy_until: SimTime::ZERO,
            frames: 0,
            bytes: 0,
            lost: 0,
            busy: SimDuration::ZERO,
            digest: Chain::default(),
            loss,
        }
    }

    /// The stations, in order.
    pub fn stations(&self) -> &[PortId] {
        &self.ports
    }

    /// What the segment has carried so far.
    pub fn report(&self) -> SegmentReport {
        SegmentReport { frames: self.frames, bytes: self.bytes, lost: self.lost, busy: self.busy }
    }
}

/// Who takes a frame.
#[derive(Clone, Debug)]
pub(crate) enum Receivers {
    /// The station with this address.
    One(MacAddress),
    /// These stations, by the group address.
    Group(MacAddress, Stations),
}

/// Stations that take a frame to a group.
pub(crate) type Stations = SmallVec<[PortId; 8]>;

impl<O: Observer> Network<O> {
    /// The shared segments, in the order of their names.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segment that `port` is a station of.
    pub(crate) fn segment_of(&self, port: PortId) -> Option<usize> {
        match self.port_infos[port.index()].attachment {
            Attachment::Segment(index) => Some(index as usize),
            Attachment::Link(_) | Attachment::Radio(_) | Attachment::Detached => None,
        }
    }

    /// Sends a packet by a hop across a segment: to its destination, or to the router that is next.
    pub(crate) fn send_by_segment(&mut self, node: NodeId, index: usize, id: PacketId) {
        let hop = self.segment_hops[index];
        if matches!(self.port_infos[hop.port.index()].attachment, Attachment::Radio(_)) {
            return self.send_by_radio(node, hop, id);
        }
        if self.packets[id].len() > usize::from(self.ports[hop.port.index()].mtu) {
            for part in self.cut(node, hop.port, id) {
                self.send_by_segment(node, index, part);
            }
            return;
        }
        let destination = self.addresses.lookup(DestinationId(self.packets[id].destination)).address;
        let next = match hop.gateway {
            Some(gateway) => self.port_infos[gateway.index()].address_like(destination),
            None => Some(destination),
        };
        match next {
            Some(next) => self.send_to_neighbour(node, hop.port, next, id),
            None => self.discard(node, Some(hop.port), id, DropCause::Unresolved),
        }
    }

    /// Frames a packet and puts it on the medium as soon as that is free.
    pub(crate) fn transmit_frame(
        &mut self,
        node: NodeId,
        port: PortId,
        id: PacketId,
        ether_type: EtherType,
        to: Receivers,
    ) {
        let now = self.now();
        let index = self.segment_of(port).expect("only stations of a segment send frames");
        let len = self.packets[id].len();
        let bytes = Framing::Ethernet.frame_bytes(len, false);
        if !self.is_port_up(port) {
            return self.discard(node, Some(port), id, DropCause::LinkDown);
        }
        let start = self.segments[index].busy_until.max(now);
        if start > now && !self.admit(port, bytes, start) {
            return self.discard(node, Some(port), id, DropCause::QueueFull);
        }
        let (rate, delay) = (self.ports[port.index()].rate, self.ports[port.index()].delay);
        let busy = transmit_time(rate, bytes + Framing::Ethernet.gap_bytes());
        // The last bit leaves before the gap.
        let departs = start + transmit_time(rate, bytes + Framing::Ethernet.preamble_bytes());
        let arrives = departs + delay;
        self.segments[index].busy_until = start + busy;
        self.segments[index].busy += busy;
        if self.packets[id].ingress == PortId::NONE.0 && self.nodes[node.index()].accounted {
            self.accounts.charge(node, true, &self.packets[id], bytes, Framing::Ethernet.protocol());
        }
        let destination = match &to {
            Receivers::One(mac) | Receivers::Group(mac, _) => *mac,
        };
        let source = port.mac();
        let epoch = self.state_mut(port).epoch;
        let packet = &mut self.packets[id];
        packet.hops = packet.hops.saturating_add(1);
        packet.hop_bytes = packet.hop_bytes.wrapping_add(bytes);
        packet.epoch = epoch;
        Header { destination, source, ether_type }.emit(packet.push_header(HEADER_LEN));
        packet.destination = DestinationId::FRAMED.0;
        let lost = self.count_frame(index, port, id, bytes, departs, arrives);
        if O::ENABLED {
            self.observer.on_sent(now, port, &self.packets[id], departs, arrives);
        }
        if self.power.is_some() {
            let receivers = if lost { Stations::new() } else { receivers(&to) };
            let starts = self.frame_start(port, bytes, departs);
            let frame = FrameOnAir { port, packet: id, bytes, starts, departs, arrives };
            self.segment_frame(frame, receivers.as_slice());
        }
        if lost {
            self.unframe(id);
            return self.discard(node, Some(port), id, DropCause::Loss);
        }
        self.deliver_frame(node, id, to, arrives);
    }

    /// Counts and digests a frame; says whether the medium loses it.
    fn count_frame(
        &mut self,
        index: usize,
        port: PortId,
        id: PacketId,
        bytes: u32,
        departs: SimTime,
        arrives: SimTime,
    ) -> bool {
        let hot = &mut self.ports[port.index()];
        hot.frames += 1;
        hot.bytes += u64::from(bytes);
        let segment = &mut self.segments[index];
        segment.frames += 1;
        segment.bytes += u64::from(bytes);
        let lost = segment.loss.is_lost(segment.frames, departs);
        segment.lost += u64::from(lost);
        let packet = &self.packets[id];
        let content = packet.payload_digest() ^ u64::from(bytes);
        let content = if lost { !content } else { content };
        segment.digest.fold_frame(arrives, packet.header_digest(), content);
        lost
    }

    fn deliver_frame(&mut self, node: NodeId, id: PacketId, to: Receivers, arrives: SimTime) {
        match to {
            Receivers::One(mac) => {
                let port = PortId::of_mac(mac).filter(|port| port.index() < self.ports.len());
                let Some(port) = port else {
                    self.unframe(id);
                    return self.discard(node, None, id, DropCause::Unresolved);
                };
                let receiver = self.port_infos[port.index()].node;
                self.packets[id].ingress = port.0;
                self.schedule(arrives, node, NetworkEvent::Arrival(receiver, id));
            }
            Receivers::Group(_, stations) => {
                let mut whole = self.replace(id);
                (whole.hops, whole.hop_bytes) = (0, 0);
                for port in stations {
                    let mut copy = whole.clone();
                    copy.ingress = port.0;
                    let copy = self.packets.insert(copy);
                    let receiver = self.port_infos[port.index()].node;
                    self.schedule(arrives, node, NetworkEvent::Arrival(receiver, copy));
                }
            }
        }
    }

    /// Whether an outage of its sender or receiver has voided a frame.
    pub(crate) fn is_frame_void(&self, receiver: PortId, id: PacketId) -> bool {
        if !self.is_port_up(receiver) {
            return true;
        }
        if self.radio_at(receiver).is_some() {
            return false;
        }
        let packet = &self.packets[id];
        let sender = Header::parse(packet.header()).ok().and_then(|frame| PortId::of_mac(frame.source));
        let state = sender.and_then(|port| self.ports.get(port.index())).map(|port| port.state);
        let state = state.and_then(|state| self.states.get(state as usize));
        state.is_some_and(|state| state.epoch != packet.epoch)
    }

    /// Takes the Ethernet header off a packet that has one.
    pub(crate) fn unframe(&mut self, id: PacketId) {
        let in_radio_frame = self.radio_at(PortId(self.packets[id].ingress)).is_some();
        let packet = &mut self.packets[id];
        if packet.destination != DestinationId::FRAMED.0 || in_radio_frame {
            return;
        }
        packet.destination = u32::MAX;
        packet.pop_header(HEADER_LEN);
        if packet.header().is_empty() {
            // The other headers had to make room for this one: they are the payload's first slice.
            let headers = packet.payload().slices().first().map_or(0, |slice| slice.len());
            let whole = packet.pull(headers as usize);
            debug_assert!(whole, "headers that were moved fit where they came from");
        }
    }

    /// Takes a frame that reached a station.
    #[cold]
    pub(crate) fn on_frame(&mut self, node: NodeId, id: PacketId) -> Ingress {
        let port = PortId(self.packets[id].ingress);
        if self.radio_at(port).is_some() {
            return self.on_radio_frame(node, port, id);
        }
        let bytes = Framing::Ethernet.frame_bytes(self.packets[id].len(), true);
        let received = &mut self.state_mut(port).received;
        *received = (received.0 + 1, received.1 + u64::from(bytes));
        let frame = Header::parse(self.packets[id].header());
        self.unframe(id);
        match frame.map(|frame| frame.ether_type) {
            Ok(EtherType::ARP) => {
                let packet = self.deliver(id);
                self.on_arp(node, port, &packet);
                Ingress::Done
            }
            Ok(EtherType::IPV4 | EtherType::IPV6) => self.on_framed_packet(node, port, id),
            Ok(EtherType(_)) | Err(_) => {
                self.discard(node, None, id, DropCause::Malformed);
                Ingress::Done
            }
        }
    }

    fn on_framed_packet(&mut self, node: NodeId, port: PortId, id: PacketId) -> Ingress {
        let packet = &self.packets[id];
        let sound = !packet.corrupted || wire::ip::Header::parse(packet.header()).is_ok();
        let view = HeaderView::new(packet.header()).ok().filter(|_| sound);
        let Some(destination) = view.map(HeaderView::destination) else {
            self.discard(node, None, id, DropCause::Malformed);
            return Ingress::Done;
        };
        if is_discovery(packet) {
            let packet = self.deliver(id);
            self.on_discovery(node, port, &packet);
            return Ingress::Done;
        }
        let destination = self.addresses.destination(destination).0;
        self.packets[id].destination = destination;
        self.take(node, port, id)
    }

    /// The stations of a segment, but one.
    pub(crate) fn other_stations(&self, port: PortId, takes: impl Fn(PortId) -> bool) -> Stations {
        let Some(index) = self.segment_of(port) else { return Stations::new() };
        let stations = self.segments[index].ports.iter().copied();
        stations.filter(|&other| other != port && takes(other)).collect()
    }
}

/// The ports that take a frame in.
fn receivers(to: &Receivers) -> Stations {
    match to {
        Receivers::One(mac) => PortId::of_mac(*mac).into_iter().collect(),
        Receivers::Group(_, stations) => stations.clone(),
    }
}

/// The type of a frame that carries `packet`.
pub(crate) fn ether_type(packet: &Packet) -> EtherType {
    match packet.header().first().map(|first| first >> 4) {
        Some(6) => EtherType::IPV6,
        _ => EtherType::IPV4,
    }
}

/// The link-layer address of a group or broadcast address (RFC 1112 §6.4, RFC 2464 §7).
pub(crate) fn group_mac(group: IpAddr) -> MacAddress {
    match group {
        IpAddr::V4(group) if group.is_multicast() => MacAddress::from_ipv4_multicast(group),
        IpAddr::V4(_) => MacAddress::BROADCAST,
        IpAddr::V6(group) => MacAddress::from_ipv6_multicast(group),
    }
}

/// Whether a packet is a message of neighbour discovery, which the network handles itself.
fn is_discovery(packet: &Packet) -> bool {
    let header = packet.header();
    let [first, .., next_header] = header.get(..7).unwrap_or(&[0; 7]) else { return false };
    if first >> 4 != 6 || *next_header != wire::ip::IpProtocol::ICMPV6.0 {
        return false;
    }
    matches!(header.get(wire::ipv6::HEADER_LEN), Some(133..=137))
}
