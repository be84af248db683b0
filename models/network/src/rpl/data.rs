//! Packets along a graph: which way, with which headers (RFC 6553, RFC 6554, RFC 9008).

use std::net::{IpAddr, Ipv6Addr};

use wire::account::Protocol;
use wire::ip::IpProtocol;
use wire::ipv6::{self, Header};
use wire::packet::{HEADER_CAPACITY, Packet};
use wire::rpl::{PacketInformation, SourceRoute};

use super::station::link_local;
use super::travel::{self, Hop, OPTION_HEADER_LEN, Visit};
use crate::drop_cause::DropCause;
use crate::forward::Ingress;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::PortId;
use crate::radio::RadioPlace;
use crate::report::Problem;

impl<O: Observer> Network<O> {
    /// Sends a packet that starts at `node` or is passed on by it, along the graph.
    pub(crate) fn send_by_rpl(&mut self, node: NodeId, id: PacketId) {
        let Some(here) = self.rpl_radio(node) else {
            return self.discard(node, None, id, DropCause::NoRoute);
        };
        if !self.passes_discovery(node, here, id) {
            return;
        }
        if let Some(host) = self.media[here.medium].discovery(here.radio).filter(|node| node.is_host()) {
            // A host knows nothing of RPL: it leaves everything to its router.
            let router = host.default_router().and_then(|link| self.media[here.medium].radio_of(link));
            return match router {
                Some(router) => self.send_frames(node, here, id, Some(router)),
                None => self.discard(node, None, id, DropCause::Unresolved),
            };
        }
        let starts_here = self.packets[id].ingress == PortId::NONE.0;
        let information = travel::find_option(self.packets[id].header()).map(|(_, information)| information);
        let mtu = self.ports[self.radio_port(here).index()].mtu;
        if information.is_none() && self.packets[id].len() > usize::from(mtu) {
            for part in self.cut(node, self.radio_port(here), id) {
                self.send_by_rpl(node, part);
            }
            return;
        }
        let Ok(Header { destination, .. }) = Header::parse(self.packets[id].header()) else {
            return self.discard(node, None, id, DropCause::NoRoute);
        };
        let now = self.now();
        let router = &self.media[here.medium].rpl[here.radio as usize].router;
        let hop = router.hop(now, destination, information);
        let root = router.address();
        // What a host that knows nothing of RPL has handed over is wrapped as far as the root, which takes the wrapping off (RFC 9008).
        let root_of = router.dodag().filter(|_| information.is_none() && !starts_here).map(|(root, _)| root);
        let own = PacketInformation {
            down: matches!(hop, Hop::Down(_) | Hop::Source(_) | Hop::Back(_)),
            rank_error: information.is_some_and(|information| information.rank_error),
            forwarding_error: matches!(hop, Hop::Back(_)),
            instance: router.settings().instance,
            // The source says 0, a router its own (RFC 6550 §11.2).
            sender_rank: if starts_here { 0 } else { router.dag_rank() },
        };
        let next = match &hop {
            Hop::Up(next) | Hop::Down(next) | Hop::Back(next) => self.media[here.medium].radio_with(*next),
            Hop::Source(way) => way.first().and_then(|first| self.radio_owning(here, *first)),
            Hop::None => None,
        };
        let Some(next) = next else { return self.on_stranded(node, here, id) };
        let way = match (hop, root_of) {
            (Hop::Source(way), _) => way,
            (Hop::Up(_), Some(root)) => vec![root],
            (Hop::Up(_) | Hop::Down(_) | Hop::Back(_) | Hop::None, _) => vec![destination],
        };
        let packet = &mut self.packets[id];
        let written = match (information, way.len() > 1) {
            (Some(_), false) => set_option(packet, own),
            (None, _) if starts_here => insert(packet, own, &way),
            (Some(_) | None, _) => wrap(packet, own, root, &way),
        };
        if !written {
            return self.discard(node, None, id, DropCause::TooBig);
        }
        self.send_frames(node, here, id, Some(next));
    }

    /// The radio on the same medium that has an address of the graph.
    fn radio_owning(&self, here: RadioPlace, address: Ipv6Addr) -> Option<u32> {
        let owner = self.addresses.owner(IpAddr::V6(address))?;
        let there = self.radio_at(owner).filter(|there| there.medium == here.medium)?;
        (there.radio != here.radio).then_some(there.radio)
    }

    /// A packet for which the graph has no way.
    fn on_stranded(&mut self, node: NodeId, here: RadioPlace, id: PacketId) {
        self.with_router(here, |router, now| router.on_stranded(now));
        self.report(node, id, Problem::NoRoute);
        self.discard(node, None, id, DropCause::NoRoute);
    }

    /// Takes what came to a radio from another one of its medium, if it is of RPL: its messages, its option, its source routes, what
    /// it wrapped. `None` if it is a packet as any other.
    pub(crate) fn take_by_rpl(
        &mut self,
        node: NodeId,
        here: RadioPlace,
        from: u32,
        id: PacketId,
    ) -> Option<Ingress> {
        if self.media[here.medium].rpl.is_empty() {
            return None;
        }
        let packet = &mut self.packets[id];
        let first = IpProtocol(*packet.header().get(NEXT_HEADER_AT)?);
        if first != IpProtocol::HOP_BY_HOP && first != IpProtocol::ICMPV6 {
            return None;
        }
        packet.pull(packet.len().min(HEADER_CAPACITY));
        let Ok(Header { destination, .. }) = Header::parse(packet.header()) else { return None };
        let port = self.radio_port(here);
        let is_mine = self.owned_port(node, IpAddr::V6(destination)).is_some();
        if first == IpProtocol::ICMPV6 {
            let near = destination.is_multicast()
                || destination == link_local(self.media[here.medium].address(here.radio));
            let taken = (near || is_mine) && self.take_control(here, from, id, ipv6::HEADER_LEN);
            return taken.then_some(Ingress::Done);
        }
        let (at, mut information) = travel::find_option(self.packets[id].header())?;
        let neighbour = link_local(self.media[here.medium].address(from));
        let may_go_on = self.with_router(here, |router, now| router.judge(now, neighbour, &mut information));
        if !may_go_on {
            self.discard(node, None, id, DropCause::RoutingLoop);
            return Some(Ingress::Done);
        }
        let came_back = information.forwarding_error;
        if came_back {
            self.with_router(here, |router, now| router.on_forwarding_error(now, neighbour, destination));
            information.forwarding_error = false;
            // The way down goes on where there is another one; otherwise it is this node's turn to send it back.
        }
        self.packets[id].header_mut()[at..at + 4].copy_from_slice(&information.to_bytes());
        if !is_mine {
            let back = !came_back && information.down;
            return if back { self.send_back(node, here, from, id, destination, information) } else { None };
        }
        self.take_own(node, here, from, port, id)
    }

    /// Sends a packet that goes down back to the neighbour that has passed it, if no route leads on (RFC 6550 §11.2.2.3).
    fn send_back(
        &mut self,
        node: NodeId,
        here: RadioPlace,
        from: u32,
        id: PacketId,
        destination: Ipv6Addr,
        information: PacketInformation,
    ) -> Option<Ingress> {
        let now = self.now();
        let router = &self.media[here.medium].rpl[here.radio as usize].router;
        if !matches!(router.hop(now, destination, Some(information)), Hop::Back(_)) {
            return None;
        }
        let sender_rank = router.dag_rank();
        let back = PacketInformation { forwarding_error: true, sender_rank, ..information };
        if self.count_hop(node, id) && set_option(&mut self.packets[id], back) {
            self.send_frames(node, here, id, Some(from));
        } else {
            self.discard(node, None, id, DropCause::HopLimit);
        }
        Some(Ingress::Done)
    }

    /// Takes a packet with RPL's option whose destination is this node.
    fn take_own(
        &mut self,
        node: NodeId,
        here: RadioPlace,
        from: u32,
        port: PortId,
        id: PacketId,
    ) -> Option<Ingress> {
        let (mut next, mut at) = travel::behind_options(self.packets[id].header())?;
        if next == IpProtocol::IPV6_ROUTING {
            match travel::visit(self.packets[id].header_mut(), at) {
                Visit::Over(protocol, behind) => (next, at) = (protocol, behind),
                Visit::Next(address) => return Some(self.pass_on_by_source(node, here, id, address)),
                Visit::Malformed => {
                    self.discard(node, None, id, DropCause::Malformed);
                    return Some(Ingress::Done);
                }
            }
        }
        if next == IpProtocol::ICMPV6 {
            let taken = self.take_control(here, from, id, at) || self.take_discovery(here, from, id, at);
            return taken.then_some(Ingress::Done);
        }
        (next == IpProtocol::IPV6).then(|| self.unwrap(node, port, id, at))
    }

    /// Passes a packet on to the next address of its source route.
    fn pass_on_by_source(&mut self, node: NodeId, here: RadioPlace, id: PacketId, next: Ipv6Addr) -> Ingress {
        if !self.nodes[node.index()].forwards {
            self.discard(node, None, id, DropCause::NotForMe);
            return Ingress::Done;
        }
        if !self.count_hop(node, id) {
            self.report(node, id, Problem::HopLimit);
            self.discard(node, None, id, DropCause::HopLimit);
            return Ingress::Done;
        }
        let Some(radio) = self.radio_owning(here, next) else {
            self.discard(node, None, id, DropCause::NoRoute);
            return Ingress::Done;
        };
        let rank = self.media[here.medium].rpl[here.radio as usize].router.dag_rank();
        let packet = &mut self.packets[id];
        packet.destination = self.addresses.destination(IpAddr::V6(next)).0;
        if let Some((_, information)) = travel::find_option(packet.header()) {
            set_option(packet, PacketInformation { sender_rank: rank, ..information });
        }
        self.send_frames(node, here, id, Some(radio));
        Ingress::Done
    }

    /// Takes off the headers around a packet, which then goes on as any other.
    fn unwrap(&mut self, node: NodeId, port: PortId, id: PacketId, at: usize) -> Ingress {
        let packet = &mut self.packets[id];
        packet.pop_header(at);
        packet.pull(packet.len().min(HEADER_CAPACITY));
        let inner = Header::parse(packet.header()).ok();
        let len = travel::behind_options(packet.header()).map(|(_, behind)| behind);
        let (Some(inner), Some(len)) = (inner, len) else {
            self.discard(node, None, id, DropCause::Malformed);
            return Ingress::Done;
        };
        packet.account.pop_header();
        packet.account.push_header(Protocol::Ipv6, len);
        packet.destination = self.addresses.destination(IpAddr::V6(inner.destination)).0;
        self.take(node, port, id)
    }
}

/// Writes the option into a packet that has one.
fn set_option(packet: &mut Packet, information: PacketInformation) -> bool {
    let Some((at, _)) = travel::find_option(packet.header()) else { return false };
    packet.header_mut()[at..at + 4].copy_from_slice(&information.to_bytes());
    true
}

/// Puts the option, and a source route where the way has several hops, behind the header of a packet of this node's own; says
/// whether there was room.
fn insert(packet: &mut Packet, information: PacketInformation, way: &[Ipv6Addr]) -> bool {
    let Ok(mut header) = Header::parse(packet.header()) else { return false };
    let Some((extensions, first)) = extensions(information, header.next_header, way) else { return false };
    let Ok(payload_len) = u16::try_from(usize::from(header.payload_len) + extensions.len()) else {
        return false;
    };
    if packet.len() + extensions.len() > PACKET_LEN_MAX {
        return false;
    }
    (header.payload_len, header.next_header) = (payload_len, IpProtocol::HOP_BY_HOP);
    header.destination = first;
    packet.pop_header(ipv6::HEADER_LEN);
    packet.push_header(extensions.len()).copy_from_slice(&extensions);
    header.emit(packet.push_header(ipv6::HEADER_LEN));
    packet.pull(packet.len().min(HEADER_CAPACITY));
    let charged = packet.account.pop_header().map_or(0, |charge| usize::from(charge.bytes));
    packet.account.push_header(Protocol::Ipv6, charged + extensions.len());
    true
}

/// Puts a packet into another one from `root`, which has the option and the source route; says whether there was room.
fn wrap(packet: &mut Packet, information: PacketInformation, root: Ipv6Addr, way: &[Ipv6Addr]) -> bool {
    let Some((extensions, first)) = extensions(information, IpProtocol::IPV6, way) else { return false };
    let Ok(payload_len) = u16::try_from(packet.len() + extensions.len()) else { return false };
    if packet.len() + extensions.len() + ipv6::HEADER_LEN > PACKET_LEN_MAX {
        return false;
    }
    let header = Header::new(root, first, IpProtocol::HOP_BY_HOP, payload_len);
    packet.push_header(extensions.len()).copy_from_slice(&extensions);
    header.emit(packet.push_header(ipv6::HEADER_LEN));
    packet.pull(packet.len().min(HEADER_CAPACITY));
    let charged = packet.account.pop_header().map_or(0, |charge| usize::from(charge.bytes));
    packet.account.push_header(Protocol::Ipv6, charged + extensions.len() + ipv6::HEADER_LEN);
    true
}

/// The option's header and, where the way has several hops, the source route behind it; and the way's first node.
fn extensions(
    information: PacketInformation,
    next: IpProtocol,
    way: &[Ipv6Addr],
) -> Option<(Vec<u8>, Ipv6Addr)> {
    let (first, rest) = way.split_first()?;
    if rest.is_empty() {
        return Some((travel::option_header(information, next).to_vec(), *first));
    }
    let route = SourceRoute { addresses: rest.to_vec(), segments_left: u8::try_from(rest.len()).ok()? };
    let route = route.to_bytes(next, *first)?;
    let mut bytes = travel::option_header(information, IpProtocol::IPV6_ROUTING).to_vec();
    bytes.extend(route);
    (bytes.len() + ipv6::HEADER_LEN <= HEADER_CAPACITY).then_some((bytes, *first))
}

const _: () = assert!(OPTION_HEADER_LEN == 8);
const NEXT_HEADER_AT: usize = 6;
/// What 6LoWPAN can cut: the field for a packet's size has 11 bits (RFC 4944 §5.3).
const PACKET_LEN_MAX: usize = 2047;
