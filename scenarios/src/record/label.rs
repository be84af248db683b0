//! A packet in a few words, for a sequence diagram.

use std::collections::BTreeMap;
use std::net::IpAddr;

use transport::sctp::Encapsulation;
use wire::account::Protocol;
use wire::ieee802154::{FCS_LEN, FrameType, Header};
use wire::ip::IpProtocol;
use wire::ip_view::HeaderView;
use wire::ipv6_extension::UpperLayer;
use wire::mptcp::MptcpOption;
use wire::packet::Packet;
use wire::sctp::{self, Chunk, Chunks, CommonHeader, Parameter};
use wire::sixlowpan::Dispatch;
use wire::sixlowpan::fragment::FragmentHeader;
use wire::tcp::TcpFlags;
use wire::tcp_options::TcpOption;
use wire::{arp, ethernet, icmp, icmpv6, tcp, udp};

use super::{label_discovery, label_mptcp};

/// Writes labels, and remembers where sequence numbers began, to show them from zero.
#[derive(Debug, Default)]
pub(crate) struct Labeller {
    initial: BTreeMap<(IpAddr, u16, IpAddr, u16), u32>,
    /// Of each side of an SCTP association, named by the tag of packets to it: its own first TSN and the other's tag.
    sides: BTreeMap<u32, (u32, u32)>,
    multipath: label_mptcp::Places,
}

impl Labeller {
    /// The label of a packet whose headers start with an internet header or, on a shared segment, with
    /// Ethernet's.
    pub(crate) fn label(&mut self, packet: &Packet) -> String {
        let bytes = packet.to_vec();
        if let Some(outermost) = packet.account.headers().last()
            && outermost.protocol == Protocol::Ieee802154
        {
            return radio_label(&bytes);
        }
        if let Ok(frame) = ethernet::Header::parse(&bytes)
            && HeaderView::new(&bytes).is_err()
        {
            let inner = &bytes[ethernet::HEADER_LEN..];
            return match frame.ether_type {
                ethernet::EtherType::ARP => arp_label(inner),
                _ => self.internet(inner),
            };
        }
        self.internet(&bytes)
    }

    fn internet(&mut self, bytes: &[u8]) -> String {
        let Ok(view) = HeaderView::new(bytes) else { return format!("{} bytes", bytes.len()) };
        let (protocol, offset, more) = match view {
            HeaderView::V4(_) => {
                let fragment = view.fragmentation().filter(|f| f.more_fragments || f.offset() > 0);
                (view.protocol(), view.header_len(), fragment.map(|f| (f.offset(), f.more_fragments)))
            }
            HeaderView::V6(_) => match UpperLayer::find(view.protocol(), &bytes[view.header_len()..]) {
                Ok(upper) => {
                    let fragment = upper.fragment.map(|f| (f.offset(), f.more_fragments));
                    (upper.protocol, view.header_len() + upper.offset, fragment)
                }
                Err(_) => return "IPv6 with unknown headers".to_owned(),
            },
        };
        let upper = bytes.get(offset..).unwrap_or_default();
        if let Some((offset, more)) = more {
            let rest = if more { ", more follow" } else { ", the last" };
            return format!("fragment at {offset}, {} B{rest}", upper.len());
        }
        match protocol {
            IpProtocol::TCP => self.tcp(view, upper),
            IpProtocol::UDP if is_encapsulated(upper) => {
                let inner = upper.get(udp::HEADER_LEN..).unwrap_or_default();
                format!("UDP[{}]", self.sctp(inner))
            }
            IpProtocol::UDP => udp_label(upper),
            IpProtocol::SCTP => self.sctp(upper),
            IpProtocol::ICMP => icmp::Header::parse(upper).map_or("ICMP".to_owned(), icmp_label),
            IpProtocol::ICMPV6 => icmpv6::Header::parse(upper).map_or("ICMPv6".to_owned(), icmpv6_label),
            other => format!("{other}, {} B", upper.len()),
        }
    }

    /// The chunks of a packet; TSNs are shown from zero. Tags tell whose they are, whatever path they take.
    fn sctp(&mut self, packet: &[u8]) -> String {
        let Ok(header) = CommonHeader::parse(packet) else { return "SCTP, malformed".to_owned() };
        let to = header.verification_tag;
        let mut words = Vec::new();
        for chunk in Chunks::new(&packet[sctp::COMMON_HEADER_LEN..]) {
            let Ok(chunk) = chunk else { break };
            if let Chunk::Init(body) | Chunk::InitAck(body) = chunk {
                self.sides.insert(body.initiate_tag, (body.initial_tsn, to));
                self.sides.entry(to).and_modify(|side| side.1 = body.initiate_tag);
            }
            let first_of = |tag| self.sides.get(&tag).map_or(0, |side| side.0);
            let name = chunk.kind().name();
            words.push(match chunk {
                Chunk::Data(data, _) => {
                    let from = self.sides.get(&to).map_or(0, |side| side.1);
                    let tsn = data.tsn.wrapping_sub(first_of(from));
                    format!("{name} {tsn} stream {} len {}", data.stream, data.data_len)
                }
                Chunk::IData(data, _) => {
                    let from = self.sides.get(&to).map_or(0, |side| side.1);
                    let tsn = data.tsn.wrapping_sub(first_of(from));
                    format!("{name} {tsn} stream {} message {} len {}", data.stream, data.mid, data.data_len)
                }
                Chunk::ReConfig(parameters) => {
                    let all: Vec<String> = parameters.iter().flatten().map(|it| about_streams(&it)).collect();
                    format!("{name} {}", all.join(" and "))
                }
                Chunk::Sack(sack) => {
                    let cumulative = sack.cumulative_tsn_ack.wrapping_sub(first_of(to)) as i32;
                    let gaps: Vec<_> = sack
                        .blocks()
                        .map(|gap| {
                            let [start, end] =
                                [gap.start, gap.end].map(|at| cumulative.wrapping_add(i32::from(at)));
                            format!(" gap {start}-{end}")
                        })
                        .collect();
                    format!("{name} {cumulative}{}", gaps.concat())
                }
                _ => name.to_owned(),
            });
        }
        words.join(", ")
    }

    fn tcp(&mut self, view: HeaderView<'_>, segment: &[u8]) -> String {
        let Ok(header) = tcp::Header::parse(segment) else { return "TCP, malformed".to_owned() };
        let payload = segment.len().saturating_sub(header.len());
        let way = (view.source(), header.source_port, view.destination(), header.destination_port);
        let back = (way.2, way.3, way.0, way.1);
        let has = |flag| header.flags.contains(flag);
        if has(TcpFlags::SYN) {
            self.initial.insert(way, header.sequence_number);
        }
        let sequence = header.sequence_number.wrapping_sub(self.initial.get(&way).copied().unwrap_or(0));
        let mut words = Vec::new();
        for (set, name) in [
            (has(TcpFlags::SYN), "SYN"),
            (has(TcpFlags::FIN), "FIN"),
            (has(TcpFlags::RST), "RST"),
            (has(TcpFlags::PSH), "PSH"),
            (has(TcpFlags::ACK), "ACK"),
            (has(TcpFlags::ECE), "ECE"),
            (has(TcpFlags::CWR), "CWR"),
            (has(TcpFlags::AE), "AE"),
        ] {
            if set {
                words.push(name.to_owned());
            }
        }
        words.push(format!("seq {sequence}"));
        if payload > 0 {
            words.push(format!("len {payload}"));
        }
        if has(TcpFlags::ACK) {
            let acknowledged =
                header.acknowledgment_number.wrapping_sub(self.initial.get(&back).copied().unwrap_or(0));
            words.push(format!("ack {acknowledged}"));
        }
        let from = self.initial.get(&back).copied().unwrap_or(0);
        for option in header.options.iter() {
            if let TcpOption::Sack(blocks) = option {
                let shown = |edge: u32| edge.wrapping_sub(from);
                words.extend(
                    blocks
                        .as_slice()
                        .iter()
                        .map(|block| format!("SACK {}-{}", shown(block.start), shown(block.end))),
                );
            }
            if let TcpOption::Mptcp(data) = option
                && let Ok(option) = MptcpOption::parse(data)
            {
                words.push(self.multipath.label(way, &option));
            }
        }
        words.join(" ")
    }
}

/// A request about streams or its answer (RFC 6525 §4).
fn about_streams(parameter: &Parameter<'_>) -> String {
    let list = |streams: &[u8]| match streams.len() / 2 {
        0 => "all streams".to_owned(),
        1 => format!("stream {}", streams.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))),
        count => format!("{count} streams"),
    };
    match *parameter {
        Parameter::OutgoingReset { streams, .. } => format!("reset of {}", list(streams)),
        Parameter::IncomingReset { streams, .. } => format!("reset wanted of {}", list(streams)),
        Parameter::TsnReset { .. } => "reset of all streams and TSNs".to_owned(),
        Parameter::AddOutgoing { streams, .. } => format!("{streams} streams more"),
        Parameter::AddIncoming { streams, .. } => format!("{streams} streams more wanted"),
        Parameter::ReconfigResponse { result, .. } => match result {
            0 => "nothing to do".to_owned(),
            1 => "performed".to_owned(),
            2 => "denied".to_owned(),
            6 => "in progress".to_owned(),
            other => format!("error {other}"),
        },
        _ => "?".to_owned(),
    }
}

/// Whether a UDP datagram goes from or to the port of SCTP's encapsulation (RFC 6951 §5.1).
fn is_encapsulated(datagram: &[u8]) -> bool {
    udp::Header::parse(datagram)
        .is_ok_and(|header| [header.source_port, header.destination_port].contains(&Encapsulation::PORT))
}

fn udp_label(datagram: &[u8]) -> String {
    match udp::Header::parse(datagram) {
        Ok(header) => {
            let is_coap = [header.source_port, header.destination_port].contains(&wire::coap::PORT);
            let content = &datagram[udp::HEADER_LEN..];
            if is_coap && let Ok((head, at)) = wire::coap::Head::parse(content, content.len()) {
                return super::label_coap::label(&head, content.len() - at);
            }
            format!("UDP {} > {} len {}", header.source_port, header.destination_port, header.payload_len())
        }
        Err(_) => "UDP, malformed".to_owned(),
    }
}

fn arp_label(bytes: &[u8]) -> String {
    match arp::Packet::parse(bytes) {
        Ok(packet) => match packet.operation {
            arp::Operation::Request => format!("ARP who has {}?", packet.target_protocol),
            arp::Operation::Reply => {
                format!("ARP {} is at {}", packet.sender_protocol, packet.sender_hardware)
            }
        },
        Err(_) => "ARP, malformed".to_owned(),
    }
}

fn icmp_label(header: icmp::Header) -> String {
    use icmp::Header as H;
    match header {
        H::EchoRequest(echo) => format!("ICMP echo request {}", echo.sequence_number),
        H::EchoReply(echo) => format!("ICMP echo reply {}", echo.sequence_number),
        H::DestinationUnreachable(code) => format!("ICMP unreachable, code {}", code.code()),
        H::FragmentationNeeded { next_hop_mtu } => format!("ICMP fragmentation needed, MTU {next_hop_mtu}"),
        H::Redirect { gateway, .. } => format!("ICMP redirect to {gateway}"),
        H::TimeExceeded { code } => format!("ICMP time exceeded, code {code}"),
        H::ParameterProblem { pointer, .. } => format!("ICMP parameter problem at {pointer}"),
        H::Other { kind, code, .. } => format!("ICMP type {kind}, code {code}"),
    }
}

fn icmpv6_label(header: icmpv6::Header) -> String {
    use icmpv6::Header as H;
    match header {
        H::DestinationUnreachable { code } => format!("ICMPv6 unreachable, code {code}"),
        H::PacketTooBig { mtu } => format!("ICMPv6 packet too big, MTU {mtu}"),
        H::TimeExceeded { code } => format!("ICMPv6 time exceeded, code {code}"),
        H::ParameterProblem { pointer, .. } => format!("ICMPv6 parameter problem at {pointer}"),
        H::EchoRequest(echo) => format!("ICMPv6 echo request {}", echo.sequence_number),
        H::EchoReply(echo) => format!("ICMPv6 echo reply {}", echo.sequence_number),
        H::Other { kind: 135, .. } => "neighbour solicitation".to_owned(),
        H::Other { kind: 136, .. } => "neighbour advertisement".to_owned(),
        H::Other { kind, code, .. } => format!("ICMPv6 type {kind}, code {code}"),
    }
}
/// A frame of IEEE 802.15.4: what it is, its number, and what its payload begins with.
fn radio_label(bytes: &[u8]) -> String {
    let Ok((header, payload)) = Header::parse(bytes) else { return format!("{} bytes", bytes.len()) };
    let number = header.sequence_number.unwrap_or_default();
    match header.frame_type {
        FrameType::Acknowledgment => format!("802.15.4 ACK {number}"),
        FrameType::Beacon => "802.15.4 beacon".to_owned(),
        FrameType::Command => format!("802.15.4 command {number}"),
        FrameType::Data if header.security.is_some_and(|security| security.level.encrypts()) => {
            format!("802.15.4 {number} encrypted, {} B", bytes.len() + FCS_LEN)
        }
        FrameType::Data => {
            let inside = match Dispatch::of(payload) {
                Dispatch::Iphc => {
                    label_discovery::label(&header, payload).unwrap_or_else(|| "compressed".to_owned())
                }
                Dispatch::Ipv6 => "IPv6".to_owned(),
                Dispatch::FirstFragment | Dispatch::SubsequentFragment => FragmentHeader::parse(payload)
                    .map_or("fragment".to_owned(), |(fragment, _)| {
                        format!("fragment at {} of {} B", fragment.offset(), fragment.datagram_size())
                    }),
                Dispatch::NotALowpanFrame
                | Dispatch::RecoverableFragment
                | Dispatch::RecoverableFragmentAck
                | Dispatch::Other(_) => "data".to_owned(),
            };
            format!("802.15.4 {number} {inside}, {} B", bytes.len() + FCS_LEN)
        }
    }
}
