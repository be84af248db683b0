//! The border to what is not simulated: packets that come in by an outlet, and packets that leave by one.
//!
//! A node with an outlet stands for a machine outside, such as the kernel behind a TUN device. Whatever reaches it leaves the
//! simulation, and what comes in from outside starts its way there. Both are cold: an ordinary run never gets here.

use std::collections::VecDeque;
use std::net::IpAddr;

use sim_core::SimTime;
use wire::account::{Account, FlowId, Protocol, Reason, fit_runs};
use wire::ip_view::HeaderView;
use wire::packet::{HEADER_CAPACITY, Packet};
use wire::payload::Payload;
use wire::{ip, ipv6};

use crate::drop_cause::DropCause;
use crate::event::NetworkEvent;
use crate::network::Network;
use crate::node::{NextHop, NodeId};
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::PortId;

/// An outlet: a port of a node that stands for a machine outside, by its number among all outlets.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct OutletId(pub u16);

/// A packet that left by an outlet.
#[derive(Clone, Debug)]
pub struct Departure {
    /// When it reached the node outside.
    pub at: SimTime,
    /// The outlet.
    pub outlet: OutletId,
    /// Its bytes, from the internet header on.
    pub bytes: Vec<u8>,
}

/// All outlets, and what waits to be taken outside.
#[derive(Debug, Default)]
pub(crate) struct Border {
    outlets: Vec<PortId>,
    /// The nodes outside, few if any.
    nodes: Vec<NodeId>,
    /// Whether anybody takes what leaves; else it is dropped.
    open: bool,
    departures: VecDeque<Departure>,
}

impl<O: Observer> Network<O> {
    /// Makes `port` an outlet and its node one that stands for a machine outside.
    pub fn add_outlet(&mut self, port: PortId) -> OutletId {
        let node = self.port_infos[port.index()].node;
        if !self.is_outside(node) {
            self.border.nodes.push(node);
        }
        self.border.outlets.push(port);
        OutletId(u16::try_from(self.border.outlets.len() - 1).expect("there are fewer than 65,536 outlets"))
    }

    /// Whether `node` stands for a machine outside.
    pub fn is_outside(&self, node: NodeId) -> bool {
        self.border.nodes.contains(&node)
    }

    /// Keeps what leaves for [`Self::next_departure`] from now on.
    pub fn open_border(&mut self) {
        self.border.open = true;
    }

    /// The next packet that has left.
    pub fn next_departure(&mut self) -> Option<Departure> {
        self.border.departures.pop_front()
    }

    /// Lets a packet come in by an outlet at `at`. What is no internet packet is dropped then, as malformed; an
    /// outlet that does not exist takes nothing.
    ///
    /// # Panics
    ///
    /// If `at` is in the past.
    pub fn schedule_entry(&mut self, at: SimTime, outlet: OutletId, bytes: &[u8]) {
        if usize::from(outlet.0) < self.border.outlets.len() {
            let id = self.packets.insert(packet_of(bytes));
            self.schedule_global(at, NetworkEvent::Entry(outlet, id));
        }
    }

    /// A packet comes in by an outlet.
    pub fn on_entry(&mut self, outlet: OutletId, id: PacketId) {
        let port = self.border.outlets[usize::from(outlet.0)];
        let node = self.port_infos[port.index()].node;
        let Some(destination) = self.admit_entry(id) else {
            return self.discard(node, None, id, DropCause::Malformed);
        };
        if !self.nodes[node.index()].up {
            return self.discard(node, None, id, DropCause::NodeDown);
        }
        let group = self.addresses.is_group(destination) || self.broadcasts(node, destination);
        let next = if group { NextHop::MULTICAST } else { NextHop::UNREACHABLE };
        self.packets[id].destination = self.addresses.destination(destination).0;
        self.originate_by(node, port, next, id);
    }

    /// Looks at a packet from outside: where it goes, unless its internet header is damaged or promises more bytes
    /// than there are. What follows the packet (a link's padding) is cut off.
    fn admit_entry(&mut self, id: PacketId) -> Option<IpAddr> {
        let packet = &mut self.packets[id];
        let total = HeaderView::new(packet.header()).ok()?.total_len();
        let destination = ip::Header::parse(packet.header()).ok()?.destination();
        let surplus = packet.len().checked_sub(total)?;
        if surplus > 0 {
            let keep = packet.payload_len().checked_sub(surplus as u32)?;
            let payload = packet.payload().slice(0..keep);
            packet.set_payload(payload);
            wire::account::fit_runs(&mut packet.account.runs, keep);
        }
        Some(destination)
    }

    /// Takes a packet that reached a node outside out of the simulation.
    #[cold]
    pub fn let_out(&mut self, node: NodeId, id: PacketId) {
        let port = PortId(self.packets[id].ingress);
        let outlet = self.border.outlets.iter().position(|&outlet| outlet == port);
        let (Some(outlet), true) = (outlet, self.border.open) else {
            return self.discard(node, None, id, DropCause::Outside);
        };
        let at = self.now();
        let bytes = self.deliver(id).to_vec();
        self.border.departures.push_back(Departure { at, outlet: OutletId(outlet as u16), bytes });
    }
}

/// The packet that came as `bytes`: its first header inline, all else as payload that serves no flow.
fn packet_of(bytes: &[u8]) -> Packet {
    let (header_len, protocol) = match bytes.first().copied().unwrap_or_default() {
        first if first >> 4 == 4 => (usize::from(first & 0x0f) * 4, Protocol::Ipv4),
        _ => (ipv6::HEADER_LEN, Protocol::Ipv6),
    };
    let header_len = header_len.min(bytes.len()).min(HEADER_CAPACITY);
    let (header, rest) = bytes.split_at(header_len);
    let mut account = Account::new(FlowId::NONE, Reason::Data);
    account.push_header(protocol, header_len);
    fit_runs(&mut account.runs, rest.len() as u32);
    let mut packet = Packet::new(Payload::from_bytes(rest), account);
    packet.push_header(header_len).copy_from_slice(header);
    packet
}
