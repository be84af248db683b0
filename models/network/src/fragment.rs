//! Packets that are too big for a link: cut by a router or host (IPv4), cut by their source (IPv6), or
//! refused with the size that would fit.

use wire::account::{Account, Protocol, Runs, split_runs};
use wire::fragment::{Ipv6Whole, fragment_ipv4, fragment_ipv6};
use wire::ip::IpProtocol;
use wire::ip_view::HeaderView;
use wire::ipv6_extension::{FRAGMENT_HEADER_LEN, UpperLayer};
use wire::packet::Packet;
use wire::payload::{Payload, Slice};
use wire::{ipv4, ipv6};

use crate::drop_cause::DropCause;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::PortId;
use crate::report::Problem;

impl<O: Observer> Network<O> {
    /// A packet is larger than the link of `port` takes: cut it, or drop it and say so.
    #[cold]
    #[inline(never)]
    pub(crate) fn on_too_big(&mut self, node: NodeId, port: PortId, id: PacketId) {
        for part in self.cut(node, port, id) {
            self.transmit(node, port, part);
        }
    }

    /// Cuts a packet for the link of `port`; if that must not be, drops it and says so.
    pub(crate) fn cut(&mut self, node: NodeId, port: PortId, id: PacketId) -> Vec<PacketId> {
        let mtu = self.ports[port.index()].mtu;
        let originated = self.packets[id].ingress == PortId::NONE.0;
        let packet = &self.packets[id];
        let identification = packet.header_digest() as u32;
        let fragments = match HeaderView::new(packet.header()) {
            Ok(HeaderView::V4(_)) => cut_ipv4(packet, usize::from(mtu)),
            // Only the source may cut an IPv6 packet (RFC 8200 §5).
            Ok(HeaderView::V6(_)) if originated => cut_ipv6(packet, usize::from(mtu), identification),
            Ok(HeaderView::V6(_)) | Err(_) => None,
        };
        let Some(fragments) = fragments else {
            self.report(node, id, Problem::TooBig(mtu));
            self.discard(node, Some(port), id, DropCause::TooBig);
            return Vec::new();
        };
        // The whole packet is no more: its parts go on under its name.
        let whole = self.replace(id);
        let parts = fragments.into_iter().map(|mut fragment| {
            fragment.destination = whole.destination;
            fragment.ingress = whole.ingress;
            fragment.corrupted = whole.corrupted;
            self.packets.insert(fragment)
        });
        parts.collect()
    }
}

/// The fragments of an IPv4 packet, each with its share of the account.
fn cut_ipv4(packet: &Packet, mtu: usize) -> Option<Vec<Packet>> {
    let header = ipv4::Header::parse(packet.header()).ok()?;
    let (mut rest, mut runs) = unheaded(packet, header.len())?;
    let mut fragments = Vec::new();
    for fragment in fragment_ipv4(&header, mtu).ok()? {
        let bytes = fragment.payload.len() as u32;
        let mut part = part_of(packet, &mut rest, &mut runs, bytes);
        fragment.header.emit(part.push_header(fragment.header.len()));
        part.account.push_header(Protocol::Ipv4, fragment.header.len());
        fragments.push(part);
    }
    Some(fragments)
}

/// The fragments of an IPv6 packet without extension headers that every fragment would have to carry.
fn cut_ipv6(packet: &Packet, mtu: usize, identification: u32) -> Option<Vec<Packet>> {
    let header = ipv6::Header::parse(packet.header()).ok()?;
    let upper = UpperLayer::find(header.next_header, &packet.header()[ipv6::HEADER_LEN..]).ok()?;
    if upper.offset != 0 {
        return None;
    }
    let (mut rest, mut runs) = unheaded(packet, ipv6::HEADER_LEN)?;
    let whole = Ipv6Whole {
        header: ipv6::Header { next_header: IpProtocol::IPV6_FRAGMENT, ..header },
        unfragmentable_len: 0,
        next_header: header.next_header,
        fragmentable_len: rest.len() as usize,
        identification,
    };
    let mut fragments = Vec::new();
    for fragment in fragment_ipv6(&whole, mtu).ok()? {
        let bytes = fragment.payload.len() as u32;
        let mut part = part_of(packet, &mut rest, &mut runs, bytes);
        fragment.fragment.emit(part.push_header(FRAGMENT_HEADER_LEN));
        fragment.header.emit(part.push_header(ipv6::HEADER_LEN));
        part.account.push_header(Protocol::Ipv6, ipv6::HEADER_LEN + FRAGMENT_HEADER_LEN);
        fragments.push(part);
    }
    Some(fragments)
}

/// What follows the internet header as one payload, with runs for the transport header's bytes too.
fn unheaded(packet: &Packet, header_len: usize) -> Option<(Payload, Runs)> {
    let rest = packet.header().get(header_len..)?;
    let mut payload = Payload::from(Slice::from_bytes(rest));
    payload.append(packet.payload().clone());
    let mut runs = Runs::new();
    let reason = packet.account.frame_reason();
    let inner = packet.account.headers().split_last().map_or(&[][..], |(_, inner)| inner);
    for header in inner.iter().rev() {
        runs.push(wire::account::Run {
            bytes: u32::from(header.bytes),
            flow: packet.account.flow,
            message: 0,
            generated: sim_core::SimTime::ZERO,
            protocol: header.protocol,
            reason,
            last: false,
        });
    }
    runs.extend(packet.account.runs.iter().copied());
    Some((payload, runs))
}

fn part_of(packet: &Packet, rest: &mut Payload, runs: &mut Runs, bytes: u32) -> Packet {
    let mut account = Account::new(packet.account.flow, packet.account.reason);
    account.retransmission = packet.account.retransmission;
    account.runs = split_runs(runs, bytes);
    Packet::new(rest.split_front(bytes), account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use wire::account::{FlowId, Reason, Run};

    fn datagram(bytes: u32) -> Packet {
        let mut account = Account::new(FlowId(0), Reason::Data);
        account.runs.push(Run {
            bytes,
            flow: FlowId(0),
            message: 4,
            generated: sim_core::SimTime::ZERO,
            protocol: Protocol::Application,
            reason: Reason::Data,
            last: true,
        });
        let mut packet = Packet::new(Payload::from(Slice::filler(0, 0, bytes)), account);
        packet.push_header(8).fill(0xab);
        packet.account.push_header(Protocol::Udp, 8);
        let (source, destination) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let header = ipv4::Header::new(source, destination, IpProtocol::UDP, 8 + bytes as usize).unwrap();
        header.emit(packet.push_header(20));
        packet.account.push_header(Protocol::Ipv4, 20);
        packet
    }

    #[test]
    fn every_byte_of_a_cut_packet_is_in_one_fragment_and_one_account() {
        // 3,000 + 8 bytes behind the header, 1,480 a fragment: 1480, 1480, 48.
        let fragments = cut_ipv4(&datagram(3000), 1500).unwrap();
        assert_eq!(fragments.iter().map(Packet::len).collect::<Vec<_>>(), [1500, 1500, 68]);
        for fragment in &fragments {
            let headers: usize =
                fragment.account.headers().iter().map(|header| usize::from(header.bytes)).sum();
            let runs: usize = fragment.account.runs.iter().map(|run| run.bytes as usize).sum();
            assert_eq!(headers + runs, fragment.len());
        }
        let udp = &fragments[0].account.runs[0];
        assert_eq!((udp.protocol, udp.bytes), (Protocol::Udp, 8));
        let ends: Vec<_> =
            fragments.iter().map(|fragment| fragment.account.runs.last().unwrap().last).collect();
        assert_eq!(ends, [false, false, true]);
    }
}
