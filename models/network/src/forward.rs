//! Into a node: for itself, to be passed on, or to be dropped.

use std::net::IpAddr;

use wire::ip_view::HeaderMut;
use wire::packet::Packet;

use crate::drop_cause::DropCause;
use crate::event::NetworkEvent;
use crate::network::Network;
use crate::node::{DestinationId, NextHop, NodeId};
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::{Attachment, Framing, NO_STATE, PortId};
use crate::report::Problem;

/// What becomes of a packet that reached a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ingress {
    /// It went on, or ended: nothing is left to do.
    Done,
    /// It is for this node: the host takes it out of the pool.
    Local(PacketId),
}

impl<O: Observer> Network<O> {
    /// Takes a packet that reached `node`.
    #[inline]
    pub fn on_arrival(&mut self, node: NodeId, id: PacketId) -> Ingress {
        let packet = &self.packets[id];
        let port = PortId(packet.ingress);
        if self.voidable && self.is_void(node, port, id) {
            self.unframe(id);
            let cause = if self.nodes[node.index()].up { DropCause::LinkDown } else { DropCause::NodeDown };
            self.discard(node, None, id, cause);
            return Ingress::Done;
        }
        if O::ENABLED && port != PortId::NONE {
            self.observer.on_arrived(self.scheduler.now(), port, packet);
        }
        if packet.corrupted && !self.survives_damage(id) {
            self.discard(node, None, id, DropCause::Malformed);
            return Ingress::Done;
        }
        if self.power.is_some() && self.keeps_processor_busy(node, id) {
            return Ingress::Done;
        }
        self.take(node, port, id)
    }

    /// Takes a packet whose headers start with the internet header.
    #[inline]
    pub(crate) fn take(&mut self, node: NodeId, port: PortId, id: PacketId) -> Ingress {
        let destination = self.packets[id].destination;
        let next = self.next_hop(node, destination);
        if next == NextHop::LOCAL {
            self.charge_received(node, port, id);
            return Ingress::Local(id);
        }
        self.forward(node, next, id)
    }

    #[inline]
    pub(crate) fn charge_received(&mut self, node: NodeId, port: PortId, id: PacketId) {
        if self.nodes[node.index()].accounted && port != PortId::NONE {
            let framing = self.ports[port.index()].framing;
            if framing == Framing::Ieee802154 {
                return; // Each frame was charged when it came, as it was.
            }
            let packet = &self.packets[id];
            let bytes = framing.frame_bytes(packet.len(), false);
            self.accounts.charge(node, false, packet, bytes, framing.protocol());
        }
    }

    /// Passes a packet on that is for another node.
    #[inline]
    fn forward(&mut self, node: NodeId, next: NextHop, id: PacketId) -> Ingress {
        if !self.nodes[node.index()].forwards || next.as_port().is_none() {
            return self.forward_elsewhere(node, next, id);
        }
        if !self.count_hop(node, id) {
            self.report(node, id, Problem::HopLimit);
            self.discard(node, None, id, DropCause::HopLimit);
            return Ingress::Done;
        }
        self.egress(node, next, id);
        Ingress::Done
    }

    /// Takes one off the hop limit of a packet that `node` passes on; says whether it may go on (RFC 1812 §5.3.1,
    /// RFC 8200 §3).
    #[inline]
    pub(crate) fn count_hop(&mut self, node: NodeId, id: PacketId) -> bool {
        let header = HeaderMut::new(self.packets[id].header_mut());
        let may_go_on =
            header.is_ok_and(|mut header| header.decrement_hop_limit().is_some_and(|left| left > 0));
        self.nodes[node.index()].forwarded += u64::from(may_go_on);
        may_go_on
    }

    /// Whether an outage has voided a frame between `port`'s peer and `node`.
    #[cold]
    fn is_void(&self, node: NodeId, port: PortId, id: PacketId) -> bool {
        if port == PortId::NONE {
            return !self.nodes[node.index()].up;
        }
        if self.packets[id].destination == DestinationId::FRAMED.0 {
            return !self.nodes[node.index()].up || self.is_frame_void(port, id);
        }
        let epoch = self.packets[id].epoch;
        let sender = self.ports[port.index()].peer;
        let state = self.ports[sender.index()].state;
        !self.nodes[node.index()].up || state != NO_STATE && self.states[state as usize].epoch != epoch
    }

    /// Whether the internet header of a damaged packet is still consistent; its destination may be
    /// another one now (the checksum of 16 bits misses one error in 65,536).
    #[cold]
    fn survives_damage(&mut self, id: PacketId) -> bool {
        let packet = &self.packets[id];
        if packet.destination == DestinationId::FRAMED.0 {
            return true; // Looked at when the frame is opened.
        }
        match wire::ip::Header::parse(packet.header()) {
            Ok(header) => {
                let destination = self.addresses.destination(header.destination());
                self.packets[id].destination = destination.0;
                true
            }
            Err(_) => false,
        }
    }

    /// Sends a packet that starts at `node`: by the port `via` if it is given and its link leads to one
    /// other node, else by the route to its destination.
    pub fn originate(&mut self, node: NodeId, packet: Packet, destination: IpAddr, via: Option<PortId>) {
        let id = self.packets.vacancy();
        self.packets[id] = packet;
        self.originate_written(node, id, destination, via);
    }

    /// The place that the next packet is written into, for [`Self::originate_written`].
    #[inline]
    pub fn vacancy(&mut self) -> PacketId {
        self.packets.vacancy()
    }

    /// As [`Self::originate`], with a packet that was written into [`Self::vacancy`].
    #[inline]
    pub fn originate_written(
        &mut self,
        node: NodeId,
        id: PacketId,
        destination: IpAddr,
        via: Option<PortId>,
    ) {
        self.packets.occupy(id);
        let destination = self.addresses.destination(destination).0;
        let packet = &mut self.packets[id];
        packet.destination = destination;
        packet.ingress = PortId::NONE.0;
        if self.power.is_some() {
            return self.write_first(node, via, id);
        }
        let next = self.next_hop(node, destination);
        match via {
            Some(port) if next != NextHop::LOCAL => self.originate_by(node, port, next, id),
            _ => self.originate_next(node, next, id),
        }
    }

    /// Sends a packet of the network's own that stays on the segment of `port`.
    pub(crate) fn originate_on_segment(
        &mut self,
        node: NodeId,
        port: PortId,
        mut packet: Packet,
        destination: IpAddr,
    ) {
        packet.destination = self.addresses.destination(destination).0;
        let id = self.packets.insert(packet);
        let stations = self.other_stations(port, |other| self.listens(other, destination));
        self.send_group_by(node, port, id, destination, stations);
    }

    /// A packet whose next hop is not simply a link, at the node where it starts.
    #[inline]
    pub(crate) fn originate_next(&mut self, node: NodeId, next: NextHop, id: PacketId) {
        match next.as_port() {
            Some(port) => self.transmit(node, port, id),
            None => self.egress_elsewhere(node, next, id),
        }
    }

    /// A packet that starts at a host with several ports, by the one that its source address names.
    pub(crate) fn originate_by(&mut self, node: NodeId, port: PortId, next: NextHop, id: PacketId) {
        if next == NextHop::MULTICAST {
            return self.send_to_group(node, Some(port), id);
        }
        match self.port_infos[port.index()].attachment {
            Attachment::Link(_) => self.transmit(node, port, id),
            Attachment::Segment(_) | Attachment::Radio(_) => {
                let next = self.next_hop_by(port, self.packets[id].destination);
                self.egress_elsewhere(node, next, id);
            }
            Attachment::Detached => self.egress_elsewhere(node, NextHop::UNREACHABLE, id),
        }
    }

    /// Sends a packet to this node itself, to a group, across a shared segment, or nowhere.
    #[cold]
    #[inline(never)]
    pub(crate) fn egress_elsewhere(&mut self, node: NodeId, next: NextHop, id: PacketId) {
        if next == NextHop::LOCAL {
            // Loopback takes no time, but an event, so that a host never calls itself.
            self.packets[id].ingress = PortId::NONE.0;
            let event = NetworkEvent::Arrival(node, id);
            return self.schedule(self.now(), node, event);
        }
        if next == NextHop::MULTICAST {
            return self.send_to_group(node, None, id);
        }
        if next == NextHop::RPL {
            return self.send_by_rpl(node, id);
        }
        match next.as_segment() {
            Some(index) => self.send_by_segment(node, index, id),
            None => {
                self.report(node, id, Problem::NoRoute);
                self.discard(node, None, id, DropCause::NoRoute);
            }
        }
    }

    /// A packet on its way whose next hop is not simply a link, or whose node does not forward.
    #[cold]
    #[inline(never)]
    fn forward_elsewhere(&mut self, node: NodeId, next: NextHop, id: PacketId) -> Ingress {
        if next == NextHop::FRAMED {
            return self.on_frame(node, id);
        }
        if next == NextHop::MULTICAST {
            return self.on_group_arrival(node, id);
        }
        if !self.nodes[node.index()].forwards {
            self.discard(node, None, id, DropCause::NotForMe);
            return Ingress::Done;
        }
        if !self.count_hop(node, id) {
            self.report(node, id, Problem::HopLimit);
            self.discard(node, None, id, DropCause::HopLimit);
            return Ingress::Done;
        }
        self.egress_elsewhere(node, next, id);
        Ingress::Done
    }
}
