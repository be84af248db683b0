//! Questions and answers about link-layer addresses: ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861).
//!
//! Addresses and routes are configured: there are no gratuitous ARP packets, no duplicate address detection,
//! no router discovery and no redirects. IPv6 neighbours are asked for by the address that the route names,
//! which need not be a link-local one. All frames serve no flow.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::account::{Account, FlowId, Protocol, Reason};
use wire::checksum::pseudo_header;
use wire::ethernet::{EtherType, MacAddress};
use wire::ip::IpProtocol;
use wire::ndp::{Body, HOP_LIMIT, Message, NeighborAdvertisement, solicited_node_group};
use wire::ndp_options::{NdpOption, NdpOptionList};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::{arp, ipv6};

use crate::drop_cause::DropCause;
use crate::event::NetworkEvent;
use crate::neighbour::{Advertised, Due, NeighbourCache, Resolution, Waiting};
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::PortId;
use crate::report::Problem;
use crate::segment::{Receivers, ether_type, group_mac};

impl<O: Observer> Network<O> {
    /// Sends a packet to the neighbour that has the address `next`, once its link-layer address is known.
    pub(crate) fn send_to_neighbour(&mut self, node: NodeId, port: PortId, next: IpAddr, id: PacketId) {
        let now = self.now();
        let Some(cache) = self.cache_mut(port) else {
            return self.discard(node, Some(port), id, DropCause::Unresolved);
        };
        let resolution = if cache.config().known {
            self.known_neighbour(port, next)
        } else {
            Some(cache.resolve(now, next, id))
        };
        match resolution {
            Some(Resolution::Send(mac)) => {
                let ether_type = ether_type(&self.packets[id]);
                self.transmit_frame(node, port, id, ether_type, Receivers::One(mac));
            }
            Some(Resolution::Wait { ask, overflow }) => {
                if let Some(oldest) = overflow {
                    self.discard(node, Some(port), oldest, DropCause::Unresolved);
                }
                if ask {
                    self.ask(node, port, next, None);
                }
            }
            None => {
                self.report(node, id, Problem::HostUnreachable);
                self.discard(node, Some(port), id, DropCause::Unresolved);
            }
        }
        self.arm_neighbours(node, port);
    }

    /// What all stations know from the start, where addresses need no frames.
    fn known_neighbour(&self, port: PortId, address: IpAddr) -> Option<Resolution> {
        let owner = self.addresses.owner(address)?;
        let together = self.segment_of(owner) == self.segment_of(port);
        together.then(|| Resolution::Send(owner.mac()))
    }

    /// A neighbour cache's timer.
    pub fn on_neighbour_timer(&mut self, port: PortId) {
        let now = self.now();
        let node = self.port_infos[port.index()].node;
        if !self.cache_mut(port).is_some_and(|cache| cache.alarm.on_event(now)) {
            return;
        }
        while let Some(due) = self.cache_mut(port).and_then(|cache| cache.pop_due(now)) {
            match due {
                Due::Ask { address, to } => self.ask(node, port, address, to),
                Due::Failed { waiting } => {
                    for id in waiting {
                        self.report(node, id, Problem::HostUnreachable);
                        self.discard(node, Some(port), id, DropCause::Unresolved);
                    }
                }
                Due::Forgotten => {}
            }
        }
        self.arm_neighbours(node, port);
    }

    /// Empties the neighbour caches of a node, as a loss of power does; what waits in them is dropped.
    pub fn reset_neighbours(&mut self, node: NodeId) {
        for port in self.node_infos[node.index()].port_ids() {
            self.clear_neighbours(node, port, DropCause::NodeDown);
        }
    }

    pub(crate) fn clear_neighbours(&mut self, node: NodeId, port: PortId, cause: DropCause) {
        let waiting = self.cache_mut(port).map(NeighbourCache::clear).unwrap_or_default();
        for id in waiting {
            self.discard(node, Some(port), id, cause);
        }
    }

    fn cache_mut(&mut self, port: PortId) -> Option<&mut NeighbourCache> {
        let state = self.ports[port.index()].state;
        self.states.get_mut(state as usize)?.neighbours.as_deref_mut()
    }

    fn arm_neighbours(&mut self, node: NodeId, port: PortId) {
        let armed = self.cache_mut(port).and_then(|cache| cache.alarm.arm(cache.next_due()));
        if let Some(at) = armed {
            self.schedule(at, node, NetworkEvent::Neighbour(port));
        }
    }

    /// Asks who has `address`: all stations, or the one that had it.
    fn ask(&mut self, node: NodeId, port: PortId, address: IpAddr, to: Option<MacAddress>) {
        let mine = self.port_infos[port.index()].address_near(address);
        match (address, mine) {
            (IpAddr::V4(target), Some(IpAddr::V4(sender))) => self.ask_arp(node, port, sender, target),
            (IpAddr::V6(target), Some(IpAddr::V6(sender))) => self.solicit(node, port, sender, target, to),
            // Without an address of its own the port has no way to ask: the question times out.
            (IpAddr::V4(_) | IpAddr::V6(_), Some(_) | None) => {}
        }
    }

    fn ask_arp(&mut self, node: NodeId, port: PortId, sender: Ipv4Addr, target: Ipv4Addr) {
        let request = arp::Packet {
            operation: arp::Operation::Request,
            sender_hardware: port.mac(),
            sender_protocol: sender,
            target_hardware: MacAddress::default(),
            target_protocol: target,
        };
        let like = IpAddr::V4(target);
        let stations =
            self.other_stations(port, |other| self.port_infos[other.index()].address_like(like).is_some());
        self.send_arp(node, port, request, Receivers::Group(MacAddress::BROADCAST, stations));
    }

    fn send_arp(&mut self, node: NodeId, port: PortId, message: arp::Packet, to: Receivers) {
        let mut packet = Packet::new(Payload::empty(), Account::new(FlowId::NONE, Reason::Control));
        message.emit(packet.push_header(arp::PACKET_LEN));
        packet.account.push_header(Protocol::Arp, arp::PACKET_LEN);
        let id = self.packets.insert(packet);
        self.transmit_frame(node, port, id, EtherType::ARP, to);
    }

    /// Takes an ARP packet (RFC 826, "Packet Reception").
    pub(crate) fn on_arp(&mut self, node: NodeId, port: PortId, packet: &Packet) {
        let Ok(message) = arp::Packet::parse(packet.header()) else { return };
        let now = self.now();
        let for_me = self.addresses.owner(IpAddr::V4(message.target_protocol)) == Some(port);
        let (sender, mac) = (message.sender_protocol, message.sender_hardware);
        if !sender.is_unspecified()
            && let Some(cache) = self.cache_mut(port)
        {
            let released = cache.on_arp(now, IpAddr::V4(sender), mac, for_me);
            self.release(node, port, mac, released);
        }
        if for_me && message.operation == arp::Operation::Request {
            let reply = arp::Packet {
                operation: arp::Operation::Reply,
                sender_hardware: port.mac(),
                sender_protocol: message.target_protocol,
                target_hardware: mac,
                target_protocol: sender,
            };
            self.send_arp(node, port, reply, Receivers::One(mac));
        }
    }

    /// Sends what waited for an answer.
    fn release(&mut self, node: NodeId, port: PortId, mac: MacAddress, released: Waiting) {
        for id in released {
            let ether_type = ether_type(&self.packets[id]);
            self.transmit_frame(node, port, id, ether_type, Receivers::One(mac));
        }
    }

    fn solicit(
        &mut self,
        node: NodeId,
        port: PortId,
        sender: Ipv6Addr,
        target: Ipv6Addr,
        to: Option<MacAddress>,
    ) {
        let mut options = NdpOptionList::new();
        let room = options.try_push_source(port.mac());
        room.expect("one option of 8 bytes fits");
        let message = Message { body: Body::NeighborSolicitation { target }, options: options.options() };
        let destination = if to.is_some() { target } else { solicited_node_group(target) };
        let id = self.discovery_packet(sender, destination, message);
        let to = match to {
            Some(mac) => Receivers::One(mac),
            None => {
                let group = IpAddr::V6(destination);
                let stations = self.other_stations(port, |other| self.listens(other, group));
                Receivers::Group(group_mac(group), stations)
            }
        };
        self.transmit_frame(node, port, id, EtherType::IPV6, to);
    }

    fn discovery_packet(
        &mut self,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        message: Message<'_>,
    ) -> PacketId {
        let mut packet = Packet::new(Payload::empty(), Account::new(FlowId::NONE, Reason::Control));
        let len = message.len();
        let pseudo = pseudo_header(source.into(), destination.into(), IpProtocol::ICMPV6, len as u32);
        message.emit(packet.push_header(len), pseudo);
        packet.account.push_header(Protocol::Ndp, len);
        let mut header = ipv6::Header::new(source, destination, IpProtocol::ICMPV6, len as u16);
        header.hop_limit = HOP_LIMIT;
        header.emit(packet.push_header(ipv6::HEADER_LEN));
        packet.account.push_header(Protocol::Ipv6, ipv6::HEADER_LEN);
        let id = self.packets.insert(packet);
        self.packets[id].destination = self.addresses.destination(destination.into()).0;
        id
    }

    /// Takes a message of neighbour discovery, if it is a valid one (RFC 4861 §7.1.1, §7.1.2).
    pub(crate) fn on_discovery(&mut self, node: NodeId, port: PortId, packet: &Packet) {
        let bytes = packet.to_vec();
        let Ok(header) = ipv6::Header::parse(&bytes) else { return };
        let message = &bytes[ipv6::HEADER_LEN..];
        let (from, to) = (header.source, header.destination);
        if header.hop_limit != HOP_LIMIT || !wire::icmpv6::verify_message(message, from, to) {
            return;
        }
        let Ok(message) = Message::parse(message) else { return };
        match message.body {
            Body::NeighborSolicitation { target } => self.on_solicitation(node, port, from, target, message),
            Body::NeighborAdvertisement(news) => {
                // One that was sent to a group cannot answer a solicitation.
                if !(to.is_multicast() && news.solicited) {
                    self.on_advertisement(node, port, news, message);
                }
            }
            Body::RouterSolicitation | Body::RouterAdvertisement(_) | Body::Redirect { .. } => {}
        }
    }

    /// Learns who asks, and answers (RFC 4861 §7.2.3 and §7.2.4).
    fn on_solicitation(
        &mut self,
        node: NodeId,
        port: PortId,
        from: Ipv6Addr,
        target: Ipv6Addr,
        message: Message<'_>,
    ) {
        if self.addresses.owner(target.into()) != Some(port) || from.is_unspecified() {
            return;
        }
        let asker = message.options.iter().find_map(|option| match option {
            NdpOption::SourceLinkLayer(_) => option.mac_address(),
            _ => None,
        });
        if let (Some(mac), Some(cache)) = (asker, self.cache_mut(port)) {
            let released = cache.on_solicitation(from.into(), mac);
            self.release(node, port, mac, released);
        }
        let mut options = NdpOptionList::new();
        let room = options.try_push_target(port.mac());
        room.expect("one option of 8 bytes fits");
        let router = self.nodes[node.index()].forwards;
        let news = NeighborAdvertisement { router, solicited: true, is_override: true, target };
        let message = Message { body: Body::NeighborAdvertisement(news), options: options.options() };
        let id = self.discovery_packet(target, from, message);
        self.send_to_neighbour(node, port, from.into(), id);
    }

    fn on_advertisement(
        &mut self,
        node: NodeId,
        port: PortId,
        news: NeighborAdvertisement,
        message: Message<'_>,
    ) {
        let now = self.now();
        let mac = message.options.iter().find_map(|option| match option {
            NdpOption::TargetLinkLayer(_) => option.mac_address(),
            _ => None,
        });
        let Some(cache) = self.cache_mut(port) else { return };
        let NeighborAdvertisement { solicited, is_override, target, .. } = news;
        let released = cache.on_advertisement(now, target.into(), Advertised { mac, solicited, is_override });
        if let Some(mac) = mac {
            self.release(node, port, mac, released);
        }
    }
}
