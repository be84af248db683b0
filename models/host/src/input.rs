//! From the network into a host: the internet header, fragments, ICMP, and the protocol above.

use std::net::IpAddr;

use network::drop_cause::DropCause;
use network::network::Network;
use network::node::NodeId;
use network::observer::Observer;
use network::pool::PacketId;
use network::port::PortId;
use network::report::Problem;
use sim_core::SimTime;
use smallvec::SmallVec;
use transport::endpoint::{IcmpError, InterfaceId, NetworkEvent, Received};
use wire::ip::IpProtocol;
use wire::ip_view::HeaderView;
use wire::ipv6_extension::UpperLayer;
use wire::packet::{HEADER_CAPACITY, Packet};
use wire::{icmp, icmpv6, ipv4, ipv6};

use crate::host::{Host, Surroundings};
use crate::reassembly::Fragment;
use crate::world::World;

/// What a host learns from an internet header.
#[derive(Clone, Copy, Debug)]
struct Internet {
    source: IpAddr,
    destination: IpAddr,
    protocol: IpProtocol,
    hop_limit: u8,
    traffic_class: u8,
    /// Bytes of internet header, extension headers included.
    header_len: usize,
    fragment: Option<Fragment>,
}

impl Internet {
    #[inline]
    fn is_icmp(&self) -> bool {
        self.protocol == IpProtocol::ICMP || self.protocol == IpProtocol::ICMPV6
    }
}

/// An internet header as it came: 40 bytes, unless it has extensions.
type InternetHeader = SmallVec<[u8; ipv6::HEADER_LEN]>;

impl<O: Observer> World<O> {
    /// Takes a packet that is for `node` itself.
    #[inline]
    pub(crate) fn receive(&mut self, node: NodeId, id: PacketId) {
        let Self { network, hosts, flows, streams, .. } = self;
        match &mut hosts[node.index()] {
            Some(host) => {
                let mut around = Surroundings { network, flows, streams };
                host.receive(&mut around, id);
                host.settle(&mut around);
            }
            None => receive_without_host(network, node, id),
        }
    }
}

/// A node without applications answers echo requests and refuses everything else.
#[cold]
fn receive_without_host<O: Observer>(network: &mut Network<O>, node: NodeId, id: PacketId) {
    if network.is_outside(node) {
        return network.let_out(node, id);
    }
    let packet = network.deliver(id);
    if network.answer_echo(node, &packet) {
        return;
    }
    network.on_refused(node, &packet, DropCause::NoListener);
    network.report_about(node, &packet, Problem::NoProtocol);
}

impl Host {
    /// Takes a packet that is for this host: where it is whole, without moving it.
    #[inline]
    fn receive<O: Observer>(&mut self, around: &mut Surroundings<'_, O>, id: PacketId) {
        let packet = around.network.packet_mut(id);
        let port = PortId(packet.ingress);
        let Some(internet) = parse(packet) else {
            let packet = around.network.deliver(id);
            return around.network.on_refused(self.node, &packet, DropCause::Malformed);
        };
        if internet.fragment.is_some() || internet.is_icmp() {
            let mut packet = around.network.deliver(id);
            return self.receive_otherwise(around, &mut packet, &internet, port);
        }
        let local = self.clock.local(around.network.now());
        let interface = InterfaceId(around.network.interface_of(self.node, port));
        let packet = around.network.packet_mut(id);
        let flow = self.stack.computes().then_some(packet.account.flow);
        let problem = self.hand_up(local, interface, packet, &internet);
        if let Some(flow) = flow.filter(|_| self.stack.has_computed()) {
            self.work_off(around, flow);
        }
        match problem {
            None => around.network.conclude(id),
            Some(problem) => {
                let packet = around.network.deliver(id);
                self.refuse(around, &packet, problem);
            }
        }
    }

    #[cold]
    fn receive_otherwise<O: Observer>(
        &mut self,
        around: &mut Surroundings<'_, O>,
        packet: &mut Packet,
        internet: &Internet,
        port: PortId,
    ) {
        match internet.fragment {
            Some(fragment) => self.receive_fragment(around, packet, internet, fragment),
            None => self.receive_whole(around, packet, internet, port),
        }
    }

    fn receive_fragment<O: Observer>(
        &mut self,
        around: &mut Surroundings<'_, O>,
        packet: &mut Packet,
        internet: &Internet,
        fragment: Fragment,
    ) {
        let port = PortId(packet.ingress);
        let now = around.network.now();
        let between = (internet.source, internet.destination);
        let whole = self.reassembler().add(now, between, fragment, internet.header_len, packet);
        if let Some(mut whole) = whole {
            let internet = Internet { fragment: None, protocol: fragment.protocol, ..*internet };
            self.receive_whole(around, &mut whole, &internet, port);
        }
    }

    fn receive_whole<O: Observer>(
        &mut self,
        around: &mut Surroundings<'_, O>,
        packet: &mut Packet,
        internet: &Internet,
        port: PortId,
    ) {
        if internet.is_icmp() {
            return self.receive_icmp(around, packet, internet);
        }
        let local = self.clock.local(around.network.now());
        let interface = InterfaceId(around.network.interface_of(self.node, port));
        let flow = packet.account.flow;
        let problem = self.hand_up(local, interface, packet, internet);
        self.work_off(around, flow);
        if let Some(problem) = problem {
            self.refuse(around, packet, problem);
        }
    }

    /// Hands a whole packet to the protocol that it is for. One that is refused is left as it came, with what is to be
    /// reported.
    #[inline]
    fn hand_up(
        &mut self,
        local: SimTime,
        interface: InterfaceId,
        packet: &mut Packet,
        internet: &Internet,
    ) -> Option<Problem> {
        let Internet { source, destination, protocol, hop_limit, traffic_class, header_len, .. } = *internet;
        let unclaimed = self.stack.unclaimed();
        // UDP may move its own header, if that was not inline, over the internet header's place.
        let header =
            (protocol == IpProtocol::UDP).then(|| InternetHeader::from_slice(&packet.header()[..header_len]));
        packet.pop_header(header_len);
        packet.account.pop_header();
        let received =
            Received { source, destination, interface, hop_limit, traffic_class, packet: &mut *packet };
        let known = self.stack.handle_datagram(local, protocol, received);
        if known && self.stack.unclaimed() == unclaimed {
            return None;
        }
        let place = packet.push_header(header_len);
        if let Some(header) = header {
            place.copy_from_slice(&header);
        }
        Some(if known { Problem::NoPort } else { Problem::NoProtocol })
    }

    #[cold]
    fn refuse<O: Observer>(&self, around: &mut Surroundings<'_, O>, packet: &Packet, problem: Problem) {
        around.network.on_refused(self.node, packet, DropCause::NoListener);
        around.network.report_about(self.node, packet, problem);
    }

    #[cold]
    fn receive_icmp<O: Observer>(
        &mut self,
        around: &mut Surroundings<'_, O>,
        packet: &mut Packet,
        internet: &Internet,
    ) {
        if around.network.answer_echo(self.node, packet) {
            return;
        }
        let bytes = packet.to_vec();
        let message = &bytes[internet.header_len..];
        let Some((error, quoted)) = icmp_error(internet, message) else { return };
        let Some((protocol, event)) = quoted_packet(quoted, error) else { return };
        self.on_network(around, Some(protocol), &event);
    }
}

/// Reads the internet header of a packet that reached its destination.
#[inline]
fn parse(packet: &mut Packet) -> Option<Internet> {
    let internet = match HeaderView::new(packet.header()).ok()? {
        HeaderView::V4(_) => parse_ipv4(packet.header())?,
        HeaderView::V6(_) => parse_ipv6(packet)?,
    };
    Some(internet)
}

#[inline]
fn parse_ipv4(bytes: &[u8]) -> Option<Internet> {
    let header = ipv4::Header::parse(bytes).ok()?;
    let fragmentation = header.fragmentation;
    let fragment = (fragmentation.more_fragments || fragmentation.offset() > 0).then_some(Fragment {
        identification: u32::from(fragmentation.identification),
        offset: fragmentation.offset() as u32,
        more: fragmentation.more_fragments,
        protocol: header.protocol,
    });
    Some(Internet {
        source: header.source.into(),
        destination: header.destination.into(),
        protocol: header.protocol,
        hop_limit: header.time_to_live,
        traffic_class: wire::ip::traffic_class(header.dscp, header.ecn),
        header_len: header.len(),
        fragment,
    })
}

fn parse_ipv6(packet: &mut Packet) -> Option<Internet> {
    let header = ipv6::Header::parse(packet.header()).ok()?;
    let mut internet = Internet {
        source: header.source.into(),
        destination: header.destination.into(),
        protocol: header.next_header,
        hop_limit: header.hop_limit,
        traffic_class: wire::ip::traffic_class(header.dscp, header.ecn),
        header_len: ipv6::HEADER_LEN,
        fragment: None,
    };
    if !header.next_header.is_ipv6_extension() {
        return Some(internet);
    }
    // Extension headers may lie in the payload (a fragment's does): bring forward what fits.
    packet.pull(packet.len().min(HEADER_CAPACITY));
    let upper = UpperLayer::find(header.next_header, &packet.header()[ipv6::HEADER_LEN..]).ok()?;
    internet.protocol = upper.protocol;
    internet.header_len += upper.offset;
    internet.fragment = upper.fragment.map(|fragment| Fragment {
        identification: fragment.identification,
        offset: fragment.offset() as u32,
        more: fragment.more_fragments,
        protocol: upper.protocol,
    });
    Some(internet)
}

/// What an ICMP message reports, and the packet that it quotes.
fn icmp_error<'a>(internet: &Internet, message: &'a [u8]) -> Option<(IcmpError, &'a [u8])> {
    let sum = wire::checksum::Sum::of;
    if internet.protocol == IpProtocol::ICMP {
        let (head, body) = message.split_at_checked(icmp::HEADER_LEN)?;
        if !icmp::verify(head, sum(body)) {
            return None;
        }
        use icmp::{Header as H, UnreachableCode as C};
        let error = match H::parse(head).ok()? {
            H::DestinationUnreachable(C::PROTOCOL) => IcmpError::ProtocolUnreachable,
            H::DestinationUnreachable(C::ADMINISTRATIVELY_PROHIBITED) => IcmpError::Prohibited,
            H::DestinationUnreachable(C::PORT) => IcmpError::PortUnreachable,
            H::DestinationUnreachable(_) => IcmpError::Unreachable,
            H::FragmentationNeeded { next_hop_mtu } => {
                IcmpError::PacketTooBig { mtu: u32::from(next_hop_mtu) }
            }
            H::TimeExceeded { .. } => IcmpError::TimeExceeded,
            H::ParameterProblem { .. } => IcmpError::ParameterProblem,
            H::EchoRequest(_) | H::EchoReply(_) | H::Redirect { .. } | H::Other { .. } => return None,
        };
        return Some((error, body));
    }
    let (head, body) = message.split_at_checked(icmpv6::HEADER_LEN)?;
    let length = message.len() as u32;
    let pseudo =
        wire::checksum::pseudo_header(internet.source, internet.destination, IpProtocol::ICMPV6, length);
    if !icmpv6::verify(head, pseudo + sum(body)) {
        return None;
    }
    use icmpv6::Header as H;
    let error = match H::parse(head).ok()? {
        H::DestinationUnreachable { code: icmpv6::ADMINISTRATIVELY_PROHIBITED } => IcmpError::Prohibited,
        H::DestinationUnreachable { code: icmpv6::PORT_UNREACHABLE } => IcmpError::PortUnreachable,
        H::DestinationUnreachable { .. } => IcmpError::Unreachable,
        H::PacketTooBig { mtu } => IcmpError::PacketTooBig { mtu },
        H::TimeExceeded { .. } => IcmpError::TimeExceeded,
        H::ParameterProblem { code: icmpv6::UNRECOGNIZED_NEXT_HEADER, .. } => IcmpError::ProtocolUnreachable,
        H::ParameterProblem { .. } => IcmpError::ParameterProblem,
        H::EchoRequest(_) | H::EchoReply(_) | H::Other { .. } => return None,
    };
    Some((error, body))
}

/// The transport of a quoted packet, and the news for it.
fn quoted_packet(quoted: &[u8], error: IcmpError) -> Option<(IpProtocol, NetworkEvent)> {
    let view = HeaderView::new(quoted).ok()?;
    let (protocol, offset) = view.upper_layer(quoted)?;
    let transport = quoted.get(offset..)?;
    // RFC 792 promises 8 bytes; a quote with fewer names no connection.
    (transport.len() >= 8).then(|| {
        let (source, destination) = (view.source(), view.destination());
        (protocol, NetworkEvent::Icmp { error, source, destination, quoted: transport.to_vec() })
    })
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
