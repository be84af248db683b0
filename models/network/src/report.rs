//! ICMP errors: what a node that cannot pass a packet on tells its sender.

use std::net::IpAddr;

use wire::account::{Account, Protocol, Reason};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::{icmp, icmpv6, ip, ipv4, ipv6};

use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::PortId;

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Problem {
    /// No route leads to its destination.
    NoRoute,
    /// The last node on the way cannot reach it.
    HostUnreachable,
    /// The host does not speak its protocol.
    NoProtocol,
    /// Nobody listens on its port.
    NoPort,
    /// Its hop limit ran out.
    HopLimit,
    /// Its fragments were not complete in time.
    Reassembly,
    /// It is too big for a link that takes this many bytes.
    TooBig(u16),
}

impl Problem {
    fn icmp(self) -> icmp::Header {
        use icmp::{Header as H, UnreachableCode as C};
        match self {
            Self::NoRoute => H::DestinationUnreachable(C::NETWORK),
            Self::HostUnreachable => H::DestinationUnreachable(C::HOST),
            Self::NoProtocol => H::DestinationUnreachable(C::PROTOCOL),
            Self::NoPort => H::DestinationUnreachable(C::PORT),
            Self::HopLimit => H::TimeExceeded { code: 0 },
            Self::Reassembly => H::TimeExceeded { code: 1 },
            Self::TooBig(mtu) => H::FragmentationNeeded { next_hop_mtu: mtu },
        }
    }

    fn icmpv6(self) -> icmpv6::Header {
        use icmpv6::Header as H;
        match self {
            Self::NoRoute => H::DestinationUnreachable { code: 0 },
            Self::HostUnreachable => H::DestinationUnreachable { code: 3 },
            // An unknown next header is a parameter problem at that field (RFC 4443 §3.4).
            Self::NoProtocol => H::ParameterProblem { code: 1, pointer: 6 },
            Self::NoPort => H::DestinationUnreachable { code: 4 },
            Self::HopLimit => H::TimeExceeded { code: 0 },
            Self::Reassembly => H::TimeExceeded { code: 1 },
            Self::TooBig(mtu) => H::PacketTooBig { mtu: u32::from(mtu) },
        }
    }
}

impl<O: Observer> Network<O> {
    /// Says whether `node` sends ICMP errors; at first it does. One that does not is as one behind a filter that drops them.
    pub fn set_reports_errors(&mut self, node: NodeId, reports: bool) {
        self.node_infos[node.index()].reports_errors = reports;
    }

    /// Sends an ICMP error about a packet that `node` holds, if one may be sent.
    #[cold]
    pub(crate) fn report(&mut self, node: NodeId, id: PacketId, problem: Problem) {
        let packet = self.packets[id].clone();
        self.report_about(node, &packet, problem);
    }

    /// Sends an ICMP error about `packet`, whose headers start with the internet header, if one may be
    /// sent (RFC 1122 §3.2.2, RFC 4443 §2.4). It goes out under the address of the port that the packet
    /// came in by (RFC 1812 §4.3.2.4).
    #[cold]
    pub fn report_about(&mut self, node: NodeId, packet: &Packet, problem: Problem) {
        let reports = self.nodes[node.index()].up && self.node_infos[node.index()].reports_errors;
        if !reports || packet.account.runs.iter().any(|run| run.protocol == Protocol::Arp) {
            return;
        }
        let bytes = packet.to_vec();
        let Ok(view) = wire::ip_view::HeaderView::new(&bytes) else { return };
        let (source, destination) = (view.source(), view.destination());
        let group = self.addresses.is_group(destination) || self.broadcasts(node, destination);
        let Some(from) = self.reporting_address(node, PortId(packet.ingress), source) else { return };
        let (header, body, protocol) = match destination {
            IpAddr::V4(_) => {
                let arrival = icmp::Arrival { link_group: group, network_broadcast: false };
                if !icmp::may_report(&bytes, arrival) {
                    return;
                }
                let body = Payload::from_bytes(&bytes[..icmp::quoted_len(bytes.len())]);
                let mut header = [0; icmp::HEADER_LEN];
                problem.icmp().emit(&mut header, body.sum());
                (header, body, Protocol::Icmp)
            }
            IpAddr::V6(_) => {
                let report = problem.icmpv6();
                let arrival = icmpv6::Arrival { link_group: group, anycast_source: false };
                if !icmpv6::may_report(&report, &bytes, arrival) {
                    return;
                }
                let body = Payload::from_bytes(&bytes[..icmpv6::quoted_len(bytes.len())]);
                let length = (icmpv6::HEADER_LEN + body.len() as usize) as u32;
                let pseudo = wire::checksum::pseudo_header(from, source, ip::IpProtocol::ICMPV6, length);
                let mut header = [0; icmpv6::HEADER_LEN];
                report.emit(&mut header, pseudo + body.sum());
                (header, body, Protocol::Icmpv6)
            }
        };
        let mut account = Account::new(packet.account.flow, Reason::Control);
        account.push_header(protocol, header.len());
        // The quoted packet's bytes are the error's own, whatever they were once.
        let own = wire::account::Run {
            bytes: body.len(),
            flow: account.flow,
            message: 0,
            generated: sim_core::SimTime::ZERO,
            protocol,
            reason: Reason::Control,
            last: false,
        };
        account.runs.push(own);
        let mut error = Packet::new(body, account);
        error.push_header(header.len()).copy_from_slice(&header);
        self.send_control(node, error, from, source);
    }

    /// Writes an internet header in front of a packet of the network's own and sends it from `node`.
    pub(crate) fn send_control(
        &mut self,
        node: NodeId,
        mut packet: Packet,
        source: IpAddr,
        destination: IpAddr,
    ) {
        match (source, destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let Ok(header) = ipv4::Header::new(from, to, ip::IpProtocol::ICMP, packet.len()) else {
                    return;
                };
                header.emit(packet.push_header(ipv4::HEADER_LEN));
                packet.account.push_header(Protocol::Ipv4, ipv4::HEADER_LEN);
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let Ok(payload_len) = u16::try_from(packet.len()) else { return };
                let header = ipv6::Header::new(from, to, ip::IpProtocol::ICMPV6, payload_len);
                header.emit(packet.push_header(ipv6::HEADER_LEN));
                packet.account.push_header(Protocol::Ipv6, ipv6::HEADER_LEN);
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return,
        }
        self.originate(node, packet, destination, None);
    }

    fn reporting_address(&self, node: NodeId, ingress: PortId, like: IpAddr) -> Option<IpAddr> {
        let came_by =
            (ingress != PortId::NONE).then(|| self.port_infos[ingress.index()].address_like(like)).flatten();
        came_by.or_else(|| {
            let mut ports = self.node_infos[node.index()].port_ids();
            ports.find_map(|port| self.port_infos[port.index()].address_like(like))
        })
    }
}
