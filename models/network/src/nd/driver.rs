//! Between nodes and the network: timers, messages as packets, and who is told of registrations.

use std::net::IpAddr;

use sim_core::SimTime;
use wire::account::{Account, FlowId, Protocol, Run};
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::{duplicate_address, ipv6, ndp};

use super::host::Quality;
use super::node::{Heard, News, Node, Outgoing, To};
use super::settings::Role;
use crate::event::NetworkEvent;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::PortId;
use crate::radio::RadioPlace;
use crate::rpl::link::Etx;

impl<O: Observer> Network<O> {
    /// Lets every radio that is on begin its part in neighbour discovery.
    pub fn start_discovery(&mut self) {
        let media = self.media.iter().filter(|medium| !medium.discovery.is_empty());
        let ports: Vec<PortId> = media.flat_map(|medium| medium.ports.iter().copied()).collect();
        for port in ports {
            if self.nodes[self.port_infos[port.index()].node.index()].up && self.is_port_up(port) {
                self.start_discovery_at(port);
            }
        }
    }

    pub(crate) fn start_discovery_at(&mut self, port: PortId) {
        if let Some(place) = self.discovery_at(port) {
            self.with_discovery(place, Node::start);
        }
    }

    pub(crate) fn stop_discovery(&mut self, port: PortId) {
        let Some(place) = self.discovery_at(port) else { return };
        self.with_discovery(place, |node, _| node.stop());
        self.media[place.medium].discovery[place.radio as usize].alarm.disarm();
    }

    /// The timer of the node at a radio's port.
    pub fn on_discovery_timer(&mut self, port: PortId) {
        let Some(place) = self.discovery_at(port) else { return };
        let now = self.now();
        if self.media[place.medium].discovery[place.radio as usize].alarm.on_event(now) {
            self.with_discovery(place, Node::handle_timeout);
        }
    }

    /// The radio at `port`, if neighbour discovery runs on its medium.
    pub(super) fn discovery_at(&self, port: PortId) -> Option<RadioPlace> {
        self.radio_at(port).filter(|place| !self.media[place.medium].discovery.is_empty())
    }

    /// Whether a radio's part in RPL has to wait for, or be left to, neighbour discovery: a router begins it once its address is
    /// registered (RFC 6775 §10.3.1), a host leaves it to its router.
    pub(crate) fn waits_for_discovery(&self, place: RadioPlace) -> bool {
        let node = self.media[place.medium].discovery(place.radio);
        node.is_some_and(|node| match node.role() {
            Role::Host => true,
            Role::Router | Role::Border => !node.is_active(),
        })
    }

    /// A frame to a neighbour was confirmed or given up.
    pub(crate) fn on_neighbour_used(&mut self, place: RadioPlace, to: u32, confirmed: bool) {
        let medium = &self.media[place.medium];
        if medium.discovery.is_empty() {
            return;
        }
        let link = medium.address(to);
        let confirmed = medium.acknowledges().then_some(confirmed);
        self.with_discovery(place, |node, now| node.on_sent(now, link, confirmed));
    }

    /// Lets a node act, and does what it asks for.
    fn with_discovery<R>(&mut self, place: RadioPlace, act: impl FnOnce(&mut Node, SimTime) -> R) -> R {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let routed = medium.router(place.radio).is_none_or(|router| router.dodag().is_some());
        let node = &mut medium.discovery[place.radio as usize].node;
        node.set_routed(routed);
        let result = act(node, now);
        self.settle_discovery(place);
        result
    }

    fn settle_discovery(&mut self, place: RadioPlace) {
        let port = self.radio_port(place);
        while let Some(outgoing) =
            self.media[place.medium].discovery[place.radio as usize].node.poll_transmit()
        {
            self.send_discovery(place, outgoing);
        }
        while let Some(news) = self.media[place.medium].discovery[place.radio as usize].node.poll_news() {
            self.on_discovery_news(place, port, news);
        }
        let station = &mut self.media[place.medium].discovery[place.radio as usize];
        if let Some(at) = station.alarm.arm(station.node.poll_timeout()) {
            let node = self.radio_node(place);
            self.schedule(at.max(self.now()), node, NetworkEvent::Discovery(port));
        }
    }

    fn on_discovery_news(&mut self, place: RadioPlace, port: PortId, news: News) {
        let routed_by_rpl = self.media[place.medium].router(place.radio).is_some();
        match news {
            News::Joined => self.start_rpl_at(port),
            News::Registered { address, link, lifetime, routed } => {
                if let Some(tid) = routed.filter(|_| routed_by_rpl) {
                    let child = link.link_local();
                    self.with_router(place, |router, now| {
                        router.on_registered(now, address, child, tid, lifetime);
                    });
                }
                let Some(owner) = self.addresses.owner(IpAddr::V6(address)) else { return };
                if self.discovery_homes.insert(owner, port) != Some(port) {
                    self.forget_routes();
                }
            }
            News::Gone { address } => {
                if routed_by_rpl {
                    self.with_router(place, |router, now| router.on_unregistered(now, address));
                }
                let Some(owner) = self.addresses.owner(IpAddr::V6(address)) else { return };
                if self.discovery_homes.get(&owner) == Some(&port) {
                    self.discovery_homes.remove(&owner);
                    self.forget_routes();
                }
            }
        }
    }

    fn send_discovery(&mut self, place: RadioPlace, outgoing: Outgoing) {
        let node = self.radio_node(place);
        let medium = &self.media[place.medium];
        let (to, destination) = (outgoing.to, outgoing.destination);
        let packet = packet(outgoing);
        let radio = match to {
            To::Afar => return self.originate(node, packet, IpAddr::V6(destination), None),
            // A child that polls hears nothing that is for all, and nobody but its parent hears it.
            To::All => medium.parent_of(place.radio),
            To::Neighbour(link) => match medium.radio_of(link).filter(|&radio| radio != place.radio) {
                Some(radio) => Some(radio),
                None => return,
            },
        };
        let id = self.packets.insert(packet);
        self.send_frames(node, place, id, radio);
    }

    /// Whether a packet that came by a radio may be a message of neighbour discovery for this node: ICMPv6 at once behind IPv6's
    /// header, to the node itself or to its neighbourhood.
    pub(crate) fn is_for_discovery(&self, node: NodeId, here: RadioPlace, id: PacketId) -> bool {
        if self.media[here.medium].discovery.is_empty() {
            return false;
        }
        ipv6::Header::parse(self.packets[id].header()).is_ok_and(|header| {
            let near = header.destination.is_multicast() || header.destination.is_unicast_link_local();
            let is_mine = near || self.owned_port(node, IpAddr::V6(header.destination)).is_some();
            header.next_header == IpProtocol::ICMPV6 && is_mine
        })
    }

    /// Takes a message of neighbour discovery that reached a radio, `from` another one; says whether it was one. `at` is where the
    /// ICMPv6 header stands.
    pub(crate) fn take_discovery(&mut self, place: RadioPlace, from: u32, id: PacketId, at: usize) -> bool {
        if self.media[place.medium].discovery.is_empty() {
            return false;
        }
        let bytes = self.packets[id].to_vec();
        let (Ok(header), Some(message)) = (ipv6::Header::parse(&bytes), bytes.get(at..)) else {
            return false;
        };
        let now = self.now();
        let quality = match from {
            u32::MAX => Quality { etx: u16::MAX, weakness: i32::MAX },
            from => {
                let margin = self.media[place.medium].margin_db(from, place.radio, now);
                Quality { etx: Etx::guess(margin).as_units(), weakness: (-margin * 100.0) as i32 }
            }
        };
        let (source, destination, hop_limit) = (header.source, header.destination, header.hop_limit);
        let heard = Heard { source, destination, hop_limit, quality, message };
        if !self.with_discovery(place, |node, now| node.handle_message(now, &heard)) {
            return false;
        }
        let (port, node) = (self.radio_port(place), self.radio_node(place));
        self.charge_received(node, port, id);
        drop(self.deliver(id));
        true
    }
}

/// A message as a packet.
fn packet(outgoing: Outgoing) -> Packet {
    let length = outgoing.message.len() as u16; // A few options: far below 64 KiB.
    let mut account = Account::new(FlowId::NONE, outgoing.reason);
    account.retransmission = outgoing.repeats;
    account.runs.push(Run {
        bytes: u32::from(length),
        flow: FlowId::NONE,
        message: 0,
        generated: SimTime::ZERO,
        protocol: Protocol::Ndp,
        reason: outgoing.reason,
        last: false,
    });
    let mut packet = Packet::new(Payload::from_bytes(outgoing.message), account);
    let mut header = ipv6::Header::new(outgoing.source, outgoing.destination, IpProtocol::ICMPV6, length);
    header.hop_limit = match outgoing.to {
        To::All | To::Neighbour(_) => ndp::HOP_LIMIT,
        To::Afar => duplicate_address::MULTIHOP_HOPLIMIT,
    };
    header.emit(packet.push_header(ipv6::HEADER_LEN));
    packet.account.push_header(Protocol::Ipv6, ipv6::HEADER_LEN);
    packet
}
