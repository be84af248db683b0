//! Announcements of group membership on a segment: IGMPv2 (RFC 2236) and MLDv1 (RFC 2710).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::account::{Account, FlowId, Protocol, Reason};
use wire::checksum::pseudo_header;
use wire::ip::IpProtocol;
use wire::ipv4_options::{Ipv4Option, Ipv4Options};
use wire::ipv6_options::{Alignment, Ipv6Option, OptionsList, ROUTER_ALERT};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::{igmp, ipv4, ipv6, mld};

use crate::group::{ALL_ROUTERS_V4, ALL_ROUTERS_V6};
use crate::network::Network;
use crate::observer::Observer;
use crate::port::PortId;

impl<O: Observer> Network<O> {
    /// Tells the segment of `port` that it joined or left `group`.
    pub(crate) fn announce_membership(&mut self, port: PortId, group: IpAddr, joined: bool) {
        let node = self.port_infos[port.index()].node;
        if self.segment_of(port).is_none() || !self.nodes[node.index()].up || !self.is_port_up(port) {
            return;
        }
        let (packet, destination) = match group {
            IpAddr::V4(group) => {
                let own = self.port_infos[port.index()].address_like(group.into());
                let Some(IpAddr::V4(source)) = own else { return };
                let (kind, to) =
                    if joined { (igmp::Kind::ReportV2, group) } else { (igmp::Kind::Leave, ALL_ROUTERS_V4) };
                (igmp_packet(source, to, igmp::Message { kind, max_response_time: 0, group }), to.into())
            }
            IpAddr::V6(address) => {
                // The source is a link-local address (RFC 2710 §3).
                let source = port.mac().link_local();
                let (kind, to) =
                    if joined { (mld::KindV1::Report, address) } else { (mld::KindV1::Done, ALL_ROUTERS_V6) };
                (mld_packet(source, to, mld::MessageV1 { kind, max_response_delay: 0, address }), to.into())
            }
        };
        self.originate_on_segment(node, port, packet, destination);
    }
}

fn igmp_packet(source: Ipv4Addr, destination: Ipv4Addr, message: igmp::Message) -> Packet {
    let mut packet = Packet::new(Payload::empty(), Account::new(FlowId::NONE, Reason::Control));
    message.emit(packet.push_header(igmp::MESSAGE_LEN));
    packet.account.push_header(Protocol::Igmp, igmp::MESSAGE_LEN);
    let mut options = Ipv4Options::EMPTY;
    options.try_push(Ipv4Option::RouterAlert(0)).expect("one option of 4 bytes fits");
    let header = ipv4::Header::new(source, destination, IpProtocol::IGMP, igmp::MESSAGE_LEN)
        .and_then(|header| header.with_options(options));
    let mut header = header.expect("24 + 8 bytes are a short packet");
    header.time_to_live = 1; // RFC 2236 §2
    header.emit(packet.push_header(header.len()));
    packet.account.push_header(Protocol::Ipv4, header.len());
    packet
}

fn mld_packet(source: Ipv6Addr, destination: Ipv6Addr, message: mld::MessageV1) -> Packet {
    let mut packet = Packet::new(Payload::empty(), Account::new(FlowId::NONE, Reason::Control));
    let len = mld::MESSAGE_V1_LEN;
    let pseudo = pseudo_header(source.into(), destination.into(), IpProtocol::ICMPV6, len as u32);
    message.emit(packet.push_header(len), pseudo);
    packet.account.push_header(Protocol::Mld, len);
    let mut options = OptionsList::new();
    let alert = Ipv6Option { kind: ROUTER_ALERT, data: &[0, 0] }; // RFC 2711 §2.1: value 0 is MLD.
    options.try_push(alert, Alignment::EVEN).expect("one option of 4 bytes fits");
    let extension = options.header(IpProtocol::ICMPV6);
    extension.emit(packet.push_header(extension.len()));
    let payload_len = (extension.len() + len) as u16;
    let mut header = ipv6::Header::new(source, destination, IpProtocol::HOP_BY_HOP, payload_len);
    header.hop_limit = 1; // RFC 2710 §3
    header.emit(packet.push_header(ipv6::HEADER_LEN));
    packet.account.push_header(Protocol::Ipv6, ipv6::HEADER_LEN + extension.len());
    packet
}

/// Whether a packet announces a membership: the network knows already.
pub(crate) fn is_report(packet: &Packet) -> bool {
    let header = packet.header();
    match header.first().map(|first| first >> 4) {
        Some(4) => header.get(9) == Some(&IpProtocol::IGMP.0),
        // Behind hop-by-hop options of eight bytes, as such messages are sent.
        Some(6) => {
            header.get(6) == Some(&IpProtocol::HOP_BY_HOP.0)
                && header.get(40) == Some(&IpProtocol::ICMPV6.0)
                && matches!(header.get(48), Some(130..=132 | 143))
        }
        _ => false,
    }
}
