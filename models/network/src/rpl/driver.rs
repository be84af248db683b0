//! Between routers and the network: timers, messages as packets, and which way others take to a graph.

use std::net::{IpAddr, Ipv6Addr};

use sim_core::SimTime;
use wire::account::{Account, FlowId, Protocol, Reason, Run};
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::{icmpv6, ipv6, rpl};

use super::link::Etx;
use super::router::{Heard, Outgoing, Router, To};
use super::settings::Role;
use super::station::{RplRoute, link_local};
use crate::event::NetworkEvent;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::{Attachment, PortId};
use crate::radio::RadioPlace;

impl<O: Observer> Network<O> {
    /// Lets every radio that is on begin its part in RPL.
    pub fn start_rpl(&mut self) {
        let media = self.media.iter().filter(|medium| !medium.rpl.is_empty());
        let ports: Vec<PortId> = media.flat_map(|medium| medium.ports.iter().copied()).collect();
        for port in ports {
            if self.nodes[self.port_infos[port.index()].node.index()].up && self.is_port_up(port) {
                self.start_rpl_at(port);
            }
        }
    }

    pub(crate) fn start_rpl_at(&mut self, port: PortId) {
        if let Some(place) = self.rpl_at(port).filter(|&place| !self.waits_for_discovery(place)) {
            self.with_router(place, Router::start);
        }
    }

    pub(crate) fn stop_rpl(&mut self, port: PortId) {
        let Some(place) = self.rpl_at(port) else { return };
        let station = &mut self.media[place.medium].rpl[place.radio as usize];
        station.router.stop();
        station.alarm.disarm();
    }

    /// The timer of the router at a radio's port.
    pub fn on_rpl_timer(&mut self, port: PortId) {
        let Some(place) = self.rpl_at(port) else { return };
        let now = self.now();
        if self.media[place.medium].rpl[place.radio as usize].alarm.on_event(now) {
            self.with_router(place, Router::handle_timeout);
        }
    }

    /// The radio at `port`, if RPL routes its medium.
    fn rpl_at(&self, port: PortId) -> Option<RadioPlace> {
        self.radio_at(port).filter(|place| !self.media[place.medium].rpl.is_empty())
    }

    /// The first radio of a node whose medium is routed by RPL.
    pub(crate) fn rpl_radio(&self, node: NodeId) -> Option<RadioPlace> {
        self.node_infos[node.index()].port_ids().find_map(|port| self.rpl_at(port))
    }

    /// Lets a router act, and does what it asks for.
    pub(crate) fn with_router<R>(
        &mut self,
        place: RadioPlace,
        act: impl FnOnce(&mut Router, SimTime) -> R,
    ) -> R {
        let now = self.now();
        let result = act(&mut self.media[place.medium].rpl[place.radio as usize].router, now);
        self.settle_router(place);
        result
    }

    fn settle_router(&mut self, place: RadioPlace) {
        let port = self.media[place.medium].ports[place.radio as usize];
        while let Some(outgoing) = self.media[place.medium].rpl[place.radio as usize].router.poll_transmit() {
            self.send_rpl(place, &outgoing);
        }
        while let Some(reached) = self.media[place.medium].rpl[place.radio as usize].router.poll_reached() {
            self.on_reached(port, reached);
        }
        let station = &mut self.media[place.medium].rpl[place.radio as usize];
        if let Some(at) = station.alarm.arm(station.router.poll_timeout()) {
            let node = self.port_infos[port.index()].node;
            self.schedule(at.max(self.now()), node, NetworkEvent::Rpl(port));
        }
    }

    /// A border router has heard of a node below it: from now on packets from elsewhere take the way over this one.
    fn on_reached(&mut self, root: PortId, reached: Ipv6Addr) {
        let Some(owner) = self.addresses.owner(IpAddr::V6(reached)) else { return };
        if self.rpl_homes.insert(owner, root) != Some(root) {
            self.forget_routes();
        }
    }

    /// What RPL has to do with the way from `node` to `owner`.
    pub(crate) fn rpl_route(&self, node: NodeId, owner: PortId) -> RplRoute {
        let Some(there) = self.rpl_at(owner) else { return RplRoute::None };
        let medium = &self.media[there.medium];
        let is_root = |radio: u32| medium.router(radio).is_some_and(|router| router.role() == Role::Root);
        if is_root(there.radio) && self.rpl_radio(node).is_none_or(|here| is_root(here.radio)) {
            return RplRoute::None;
        }
        let attached = Attachment::Radio(there.medium as u32);
        let mut own = self.node_infos[node.index()].port_ids();
        if own.any(|port| self.port_infos[port.index()].attachment == attached) {
            return RplRoute::Graph;
        }
        let mut roots = (0..medium.ports.len() as u32).filter(|&radio| is_root(radio));
        let only = roots.next().filter(|_| roots.next().is_none());
        let home = self.rpl_homes.get(&owner).copied();
        match home.or_else(|| only.map(|radio| medium.ports[radio as usize])) {
            Some(root) => RplRoute::Over(root),
            None => RplRoute::Unknown,
        }
    }

    /// A frame to a neighbour took so many transmissions, and was confirmed or given up.
    pub(crate) fn on_link_used(&mut self, place: RadioPlace, to: u32, tries: u8, confirmed: bool) {
        if !self.media[place.medium].rpl.is_empty() {
            let neighbour = link_local(self.media[place.medium].address(to));
            self.with_router(place, |router, now| router.on_sent(now, neighbour, tries, confirmed));
        }
    }

    /// A child that polls has another parent, the only radio that it exchanges frames with.
    pub(crate) fn on_leaf_moved(&mut self, place: RadioPlace) {
        if !self.media[place.medium].rpl.is_empty() {
            self.with_router(place, Router::on_moved);
        }
    }

    fn send_rpl(&mut self, place: RadioPlace, outgoing: &Outgoing) {
        let port = self.media[place.medium].ports[place.radio as usize];
        let node = self.port_infos[port.index()].node;
        let own = link_local(self.media[place.medium].address(place.radio));
        // A child that polls hears nothing that is for all: it asks its parent alone, whose answer waits for it.
        let parent = self.media[place.medium].parent_of(place.radio);
        let to = match (outgoing.to, parent) {
            (To::All, Some(parent)) => To::Neighbour(link_local(self.media[place.medium].address(parent))),
            (to, Some(_) | None) => to,
        };
        let (source, destination) = match to {
            To::All => (own, ALL_RPL_NODES),
            To::Neighbour(address) => (own, address),
            To::Afar(address) => {
                (self.media[place.medium].rpl[place.radio as usize].router.address(), address)
            }
        };
        let packet = control_packet(outgoing, source, destination);
        match to {
            To::All => {
                let id = self.packets.insert(packet);
                self.send_frames(node, place, id, None);
            }
            To::Neighbour(address) => {
                let Some(radio) = self.media[place.medium].radio_with(address) else { return };
                let id = self.packets.insert(packet);
                self.send_frames(node, place, id, Some(radio));
            }
            To::Afar(address) => self.originate(node, packet, IpAddr::V6(address), None),
        }
    }

    /// Takes a control message of RPL that reached a radio, `from` another one; says whether it was one. `at` is where the
    /// ICMPv6 header stands.
    pub(super) fn take_control(&mut self, place: RadioPlace, from: u32, id: PacketId, at: usize) -> bool {
        let bytes = self.packets[id].to_vec();
        let (Ok(header), Some(message)) = (ipv6::Header::parse(&bytes), bytes.get(at..)) else {
            return false;
        };
        if message.first() != Some(&rpl::ICMPV6_TYPE) {
            return false;
        }
        let (source, destination) = (header.source, header.destination);
        let sound = icmpv6::verify_message(message, source, destination);
        let now = self.now();
        let guess = Etx::guess(self.media[place.medium].margin_db(from, place.radio, now));
        if let (true, Ok((message, options))) = (sound, rpl::parse(message)) {
            let unicast = !destination.is_multicast();
            let heard = Heard { from: source, unicast, guess, message: &message, options };
            self.with_router(place, |router, now| router.handle_message(now, &heard));
        }
        let (port, node) = (self.radio_port(place), self.radio_node(place));
        self.charge_received(node, port, id);
        drop(self.deliver(id));
        true
    }
}

/// A control message as a packet.
fn control_packet(outgoing: &Outgoing, source: Ipv6Addr, destination: Ipv6Addr) -> Packet {
    let bytes = rpl::to_bytes(&outgoing.message, &outgoing.options, source, destination);
    let length = bytes.len() as u16; // A few options: far below 64 KiB.
    let mut account = Account::new(FlowId::NONE, Reason::Control);
    account.runs.push(Run {
        bytes: u32::from(length),
        flow: FlowId::NONE,
        message: 0,
        generated: SimTime::ZERO,
        protocol: Protocol::Rpl,
        reason: Reason::Control,
        last: false,
    });
    let mut packet = Packet::new(Payload::from_bytes(bytes), account);
    let mut header = ipv6::Header::new(source, destination, IpProtocol::ICMPV6, length);
    if matches!(outgoing.to, To::All | To::Neighbour(_)) {
        header.hop_limit = wire::ndp::HOP_LIMIT;
    }
    header.emit(packet.push_header(ipv6::HEADER_LEN));
    packet.account.push_header(Protocol::Ipv6, ipv6::HEADER_LEN);
    packet
}

/// `all-RPL-nodes` (RFC 6550 §20.19).
const ALL_RPL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x1a);
