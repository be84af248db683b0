//! From a host into the network: the internet header, and what is too big for the link.

use std::net::IpAddr;

use network::network::Network;
use network::node::NodeId;
use network::observer::Observer;
use network::pool::PacketId;
use transport::endpoint::Envelope;
use wire::account::Protocol;
use wire::checksum::Change;
use wire::ip::{Ecn, IpProtocol, dscp_of};
use wire::ipv4::Fragmentation;
use wire::ipv6::FlowLabel;
use wire::{ipv4, ipv6};

/// What a host needs to know to write internet headers.
#[derive(Clone, Debug)]
pub struct Output {
    /// Time to live and hop limit where a protocol has no wish.
    pub hop_limit: u8,
    /// Whether the port is chosen by the source address: on a host with several that does not forward
    /// (the strong model of RFC 1122 §3.3.4.2).
    pub by_source: bool,
    identification: u16,
}

impl Output {
    /// A host whose first IPv4 identification is `identification`.
    pub fn new(hop_limit: u8, by_source: bool, identification: u16) -> Self {
        Self { hop_limit, by_source, identification }
    }

    /// Writes the internet header in front of the packet in the vacancy `id`, and hands it to the network.
    #[inline]
    pub fn send<O: Observer>(
        &mut self,
        network: &mut Network<O>,
        node: NodeId,
        id: PacketId,
        mut envelope: Envelope,
    ) {
        if envelope.source.is_unspecified() {
            choose_source(network, node, id, &mut envelope);
        }
        let Envelope { source, destination, interface, protocol, hop_limit, traffic_class, dont_fragment } =
            envelope;
        let hop_limit = hop_limit.unwrap_or(self.hop_limit);
        let packet = network.packet_mut(id);
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let Ok(mut header) = ipv4::Header::new(source, destination, protocol, packet.len()) else {
                    return network.refuse_oversized(node, id);
                };
                header.dscp = dscp_of(traffic_class);
                header.ecn = Ecn::from_traffic_class(traffic_class);
                header.time_to_live = hop_limit;
                header.fragmentation = self.fragmentation(dont_fragment);
                header.emit(packet.push_header(ipv4::HEADER_LEN));
                packet.account.push_header(Protocol::Ipv4, ipv4::HEADER_LEN);
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let Ok(payload_len) = u16::try_from(packet.len()) else {
                    return network.refuse_oversized(node, id);
                };
                let header = ipv6::Header {
                    dscp: dscp_of(traffic_class),
                    ecn: Ecn::from_traffic_class(traffic_class),
                    flow_label: FlowLabel::NONE,
                    payload_len,
                    next_header: protocol,
                    hop_limit,
                    source,
                    destination,
                };
                header.emit(packet.push_header(ipv6::HEADER_LEN));
                packet.account.push_header(Protocol::Ipv6, ipv6::HEADER_LEN);
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
                unreachable!("an endpoint sends from and to addresses of one family")
            }
        }
        let via = match interface {
            Some(interface) => Some(network.port_of(node, interface.0)),
            None if self.by_source => network.owned_port(node, source),
            None => None,
        };
        network.originate_written(node, id, destination, via);
    }

    /// A datagram that may not be fragmented needs no identification (RFC 6864 §4.1); zero is what
    /// Linux sends then for connected protocols' first packets.
    #[inline]
    fn fragmentation(&mut self, dont_fragment: bool) -> Fragmentation {
        let mut fragmentation = Fragmentation::default();
        fragmentation.dont_fragment = dont_fragment;
        if !dont_fragment {
            fragmentation.identification = self.identification;
            self.identification = self.identification.wrapping_add(1);
        }
        fragmentation
    }
}

/// Sends from the address of the port that the route leaves by (RFC 1122 §3.3.4.3), with a UDP checksum that counts
/// it. Without any address of the family everything stays as it is.
#[cold]
fn choose_source<O: Observer>(network: &mut Network<O>, node: NodeId, id: PacketId, envelope: &mut Envelope) {
    let Some(source) = network.source_address(node, envelope.destination, None) else { return };
    if envelope.protocol == IpProtocol::UDP
        && let Some(field) = network.packet_mut(id).header_mut().get_mut(6..8)
    {
        let change = match source {
            IpAddr::V4(source) => Change::of_bytes(&[0; 4], &source.octets()),
            IpAddr::V6(source) => Change::of_bytes(&[0; 16], &source.octets()),
        };
        let sent = u16::from_be_bytes([field[0], field[1]]);
        field.copy_from_slice(&change.apply_udp(sent).to_be_bytes());
    }
    envelope.source = source;
}
