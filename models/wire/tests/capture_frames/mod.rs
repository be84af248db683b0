//! The packets of the capture: one of each kind, with the display filter that has to select it.

mod fragments;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::checksum::{Sum, pseudo_header};
use wire::coap::{Code, Head, Kind, OptionNumber, Options, Token};
use wire::ethernet::{self, EtherType, MacAddress};
use wire::icmp::{Echo, UnreachableCode};
use wire::ip::IpProtocol;
use wire::ipv4_options::{Ipv4Option, Ipv4Options, Route, TimestampOption};
use wire::ipv6_extension::RoutingHeader;
use wire::ipv6_options::{Alignment, Ipv6Option, OptionsList, ROUTER_ALERT};
use wire::mld::{self, KindV1, MessageV1, Record, RecordKind, Sources};
use wire::ndp::{self, Body, Message, NeighborAdvertisement, RouterAdvertisement};
use wire::ndp_options::{NdpOption, NdpOptionList, PrefixInformation};
use wire::tcp::TcpFlags;
use wire::tcp_options::{
    AccEcnCounters, AccEcnOrder, FastOpenCookie, SackBlock, SackBlocks, SynOptions, TcpOption, TcpOptions,
    Timestamps, UserTimeout,
};
use wire::{arp, icmp, icmpv6, igmp, ipv4, ipv6, tcp, udp};

use fragments::{fragments_v4, fragments_v6};

/// One packet of the capture.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) filter: &'static str,
    /// Whether a checksum covers the last byte.
    pub(crate) is_summed: bool,
    pub(crate) make: fn() -> Vec<u8>,
}

const fn sample(name: &'static str, filter: &'static str, make: fn() -> Vec<u8>) -> Sample {
    Sample { name, filter, is_summed: true, make }
}

const fn unsummed(name: &'static str, filter: &'static str, make: fn() -> Vec<u8>) -> Sample {
    Sample { name, filter, is_summed: false, make }
}

pub(crate) const RAW_PACKETS: &[Sample] = &[
    sample("UDP over IPv4", "udp.dstport == 40000 && ip", || udp_v4(b"21.5 C")),
    sample(
        "a CoAP report",
        "coap.type == 1 && coap.code == 3 && coap.opt.uri_path_recon == \"/sensors/temp\"",
        || {
            coap(
                Kind::NonConfirmable,
                Code::PUT,
                &[(OptionNumber::URI_PATH, b"sensors"), (OptionNumber::URI_PATH, b"temp")],
            )
        },
    ),
    sample(
        "a CoAP notification",
        "coap.type == 2 && coap.opt.observe == 5 && coap.opt.max_age == 90",
        || {
            let options: &[(OptionNumber, &[u8])] = &[
                (OptionNumber::OBSERVE, &[5]),
                (OptionNumber::MAX_AGE, &[90]),
                (OptionNumber::ETAG, b"abcd"),
            ];
            coap(Kind::Acknowledgement, Code::CONTENT, options)
        },
    ),
    sample("a block of a CoAP body", "coap.opt.block_number == 3 && coap.opt.block_size == 2", || {
        coap(Kind::Confirmable, Code::POST, &[(OptionNumber::BLOCK1, &[0x3A])])
    }),
    unsummed("UDP without a checksum", "udp.checksum == 0", udp_unsummed),
    sample("UDP over IPv6", "udp.dstport == 40000 && ipv6", || udp_v6(IpProtocol::UDP, &[], b"21.5 C!")),
    sample("IPv4 options", "ip.opt.ra && ip.opt.ptr && ip.opt.overflow", || ipv4_options(b"x")),
    sample("a Linux SYN", "tcp.options.mss_val == 1460 && tcp.options.wscale.shift == 7", syn),
    sample("timestamps and SACK", "tcp.options.sack.count == 3 && tcp.options.timestamp.tsval == 7", sack),
    sample("a Fast Open cookie", "tcp.options.tfo.cookie", || segment(TcpOption::FastOpen(cookie()))),
    sample("a user timeout", "tcp.options.user_to_val == 5", || {
        segment(TcpOption::UserTimeout(five_minutes()))
    }),
    sample("multipath capable", "tcp.options.mptcp.subtype == 0", || {
        segment(TcpOption::Mptcp(&[0x01, 0x01, 1, 2, 3, 4, 5, 6, 7, 8]))
    }),
    sample("accurate ECN counters", "tcp.option_kind == 172", || segment(TcpOption::AccEcn(counters()))),
    sample(
        "every TCP flag of ECN",
        "tcp.flags.ece == 1 && tcp.flags.cwr == 1 && tcp.flags.ae == 1",
        ecn_setup,
    ),
    sample("a TCP segment over IPv6", "tcp && ipv6", tcp_v6),
    sample("an echo request", "icmp.type == 8", || icmp_v4(icmp::Header::EchoRequest(ECHO), b"ping")),
    sample("an echo reply", "icmp.type == 0", || icmp_v4(icmp::Header::EchoReply(ECHO), b"ping")),
    sample("a closed port", "icmp.type == 3 && icmp.code == 3", || {
        icmp_v4(icmp::Header::DestinationUnreachable(UnreachableCode::PORT), &udp_v4(b"x"))
    }),
    sample("fragmentation needed", "icmp.mtu == 1400", || {
        icmp_v4(icmp::Header::FragmentationNeeded { next_hop_mtu: 1400 }, &udp_v4(b"x"))
    }),
    sample("a redirect", "icmp.redir_gw == 10.0.0.9", || {
        icmp_v4(icmp::Header::Redirect { code: 1, gateway: Ipv4Addr::new(10, 0, 0, 9) }, &udp_v4(b"x"))
    }),
    sample("time exceeded", "icmp.type == 11", || {
        icmp_v4(icmp::Header::TimeExceeded { code: 0 }, &udp_v4(b"x"))
    }),
    sample("a parameter problem", "icmp.type == 12", || {
        icmp_v4(icmp::Header::ParameterProblem { code: 0, pointer: 20 }, &ipv4_options(b"x"))
    }),
    sample("an echo request over IPv6", "icmpv6.type == 128", || {
        icmp_v6(icmpv6::Header::EchoRequest(ECHO), b"ping")
    }),
    sample("no route over IPv6", "icmpv6.type == 1", || {
        icmp_v6(icmpv6::Header::DestinationUnreachable { code: icmpv6::NO_ROUTE }, &quoted_v6())
    }),
    sample("packet too big", "icmpv6.mtu == 1280", || {
        icmp_v6(icmpv6::Header::PacketTooBig { mtu: 1280 }, &quoted_v6())
    }),
    sample("time exceeded over IPv6", "icmpv6.type == 3", || {
        icmp_v6(icmpv6::Header::TimeExceeded { code: 0 }, &quoted_v6())
    }),
    sample("a parameter problem over IPv6", "icmpv6.type == 4", || {
        icmp_v6(icmpv6::Header::ParameterProblem { code: 0, pointer: 6 }, &quoted_v6())
    }),
    sample("a router solicitation", "icmpv6.type == 133", || discovery(Body::RouterSolicitation)),
    sample("a router advertisement", "icmpv6.opt.prefix && icmpv6.opt.mtu == 1280", router_advertisement),
    sample("a neighbour solicitation", "icmpv6.type == 135", || {
        discovery(Body::NeighborSolicitation { target: B6 })
    }),
    sample("a neighbour advertisement", "icmpv6.type == 136 && icmpv6.nd.na.flag.o == 1", advertisement),
    sample("a redirect over IPv6", "icmpv6.type == 137", || {
        discovery(Body::Redirect { target: LINK_LOCAL, destination: B6 })
    }),
    sample("an IGMP report", "igmp.type == 0x16", || igmp_message(igmp::Kind::ReportV2)),
    sample("an IGMP leave", "igmp.type == 0x17", || igmp_message(igmp::Kind::Leave)),
    sample("an MLD report", "icmpv6.type == 131", listener_v1),
    sample("an MLD report of version 2", "icmpv6.mldr.nb_mcast_records == 2", listener_v2),
    sample("extension headers", "ipv6.hopopts && ipv6.dstopts && udp.dstport == 40000", extensions),
    sample("a routing header", "ipv6.routing.type == 3", routing),
    unsummed("the first of two fragments", "ip.flags.mf == 1", || fragments_v4().swap_remove(0)),
    unsummed("the last of two fragments", "ip.fragment.count == 2 && udp", || fragments_v4().swap_remove(1)),
    unsummed("the first of two IPv6 fragments", "ipv6.fraghdr.more == 1", || fragments_v6().swap_remove(0)),
    unsummed("the last of two IPv6 fragments", "ipv6.fragment.count == 2 && udp", || {
        fragments_v6().swap_remove(1)
    }),
];

pub(crate) const ETHERNET_FRAMES: &[Sample] = &[
    unsummed("an ARP request", "arp.opcode == 1 && eth.dst == ff:ff:ff:ff:ff:ff", || {
        arp(arp::Operation::Request)
    }),
    unsummed("an ARP reply", "arp.opcode == 2", || arp(arp::Operation::Reply)),
    sample("IPv4 in Ethernet", "eth && udp && ip", || {
        ethernet(MacAddress([2, 0, 0, 0, 0, 2]), EtherType::IPV4, &udp_v4(b"twenty-one and a half"))
    }),
    sample("IPv6 in Ethernet", "eth.dst == 33:33:00:00:00:01 && icmpv6.type == 134", || {
        ethernet(MacAddress::from_ipv6_multicast(ALL_NODES), EtherType::IPV6, &router_advertisement())
    }),
    sample("IGMP in Ethernet", "eth.dst == 01:00:5e:01:02:03 && igmp", || {
        ethernet(MacAddress::from_ipv4_multicast(GROUP), EtherType::IPV4, &igmp_message(igmp::Kind::ReportV2))
    }),
];

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const A6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
const ECHO: Echo = Echo { identifier: 7, sequence_number: 1 };
const STAMPS: Timestamps = Timestamps { value: 7, echo_reply: 6 };

fn v4(destination: Ipv4Addr, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let header = ipv4::Header::new(A, destination, protocol, payload.len()).expect("the samples are short");
    joined(header, payload)
}

fn joined(header: ipv4::Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; header.len()];
    header.emit(&mut bytes);
    bytes.extend(payload);
    bytes
}

fn v6(source: Ipv6Addr, destination: Ipv6Addr, next: IpProtocol, hop_limit: u8, payload: &[u8]) -> Vec<u8> {
    let header =
        ipv6::Header { hop_limit, ..ipv6::Header::new(source, destination, next, payload.len() as u16) };
    let mut bytes = vec![0; ipv6::HEADER_LEN];
    header.emit(&mut bytes);
    bytes.extend(payload);
    bytes
}

fn datagram(source: IpAddr, destination: IpAddr, payload: &[u8]) -> Vec<u8> {
    let header = udp::Header::new(40_001, 40_000, payload.len()).expect("the samples are short");
    let pseudo = pseudo_header(source, destination, IpProtocol::UDP, u32::from(header.length()));
    let mut bytes = vec![0; udp::HEADER_LEN];
    header.emit(&mut bytes, pseudo + Sum::of(payload));
    bytes.extend(payload);
    bytes
}

fn coap(kind: Kind, code: Code, values: &[(OptionNumber, &[u8])]) -> Vec<u8> {
    let mut options = Options::new();
    values.iter().for_each(|(number, value)| options.push(*number, value));
    let head = Head { kind, code, message_id: 0x1234, token: Token::from_value(0xAB, 1), options };
    let mut message = head.emit(true).to_vec();
    message.extend_from_slice(b"21.5 degrees, read.");
    let header = udp::Header::new(50_000, wire::coap::PORT, message.len()).expect("it is short");
    let length = (udp::HEADER_LEN + message.len()) as u32;
    let mut out = vec![0; udp::HEADER_LEN];
    header.emit(&mut out, pseudo_header(A.into(), B.into(), IpProtocol::UDP, length) + Sum::of(&message));
    out.extend_from_slice(&message);
    v4(B, IpProtocol::UDP, &out)
}

fn udp_v4(payload: &[u8]) -> Vec<u8> {
    v4(B, IpProtocol::UDP, &datagram(A.into(), B.into(), payload))
}

fn udp_unsummed() -> Vec<u8> {
    let mut bytes = vec![0; udp::HEADER_LEN];
    udp::Header::new(40_001, 40_000, 2).expect("it is short").emit_without_checksum(&mut bytes);
    bytes.extend(b"ok");
    v4(B, IpProtocol::UDP, &bytes)
}

/// A datagram behind `extensions`, the first of which is `first`.
fn udp_v6(first: IpProtocol, extensions: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = extensions.to_vec();
    bytes.extend(datagram(A6.into(), B6.into(), payload));
    v6(A6, B6, first, 64, &bytes)
}

fn ipv4_options(payload: &[u8]) -> Vec<u8> {
    let mut options = Ipv4Options::EMPTY;
    let route = Route { pointer: 4, data: &[0; 8] };
    let stamps = TimestampOption { pointer: 5, overflow_and_flag: 0, data: &[0; 8] };
    for option in [Ipv4Option::RouterAlert(0), Ipv4Option::RecordRoute(route), Ipv4Option::Timestamp(stamps)]
    {
        options.try_push(option).expect("4 + 11 + 12 bytes fit into 40");
    }
    options.record_route(Ipv4Addr::new(10, 0, 0, 254));
    let payload = datagram(A.into(), B.into(), payload);
    let header = ipv4::Header::new(A, B, IpProtocol::UDP, payload.len())
        .and_then(|header| header.with_options(options))
        .expect("the samples are short");
    joined(header, &payload)
}

fn tcp_segment(flags: TcpFlags, options: TcpOptions) -> tcp::Header {
    tcp::Header {
        source_port: 40_001,
        destination_port: 40_000,
        sequence_number: 1000,
        acknowledgment_number: if flags.contains(TcpFlags::ACK) { 2000 } else { 0 },
        flags,
        window: 64_240,
        urgent_pointer: 0,
        options,
    }
}

fn tcp_v4(flags: TcpFlags, options: TcpOptions, payload: &[u8]) -> Vec<u8> {
    let header = tcp_segment(flags, options);
    let length = header.len() + payload.len();
    let pseudo = pseudo_header(A.into(), B.into(), IpProtocol::TCP, length as u32);
    let mut bytes = vec![0; header.len()];
    header.emit(&mut bytes, pseudo + Sum::of(payload));
    bytes.extend(payload);
    v4(B, IpProtocol::TCP, &bytes)
}

fn syn() -> Vec<u8> {
    let options = TcpOptions::syn(SynOptions {
        maximum_segment_size: Some(1460),
        sack_permitted: true,
        timestamps: Some(STAMPS),
        window_scale: Some(7),
    });
    tcp_v4(TcpFlags::SYN, options, &[])
}

fn sack() -> Vec<u8> {
    let block = |start| SackBlock { start, end: start + 1448 };
    let blocks = SackBlocks::new(&[block(10_000), block(20_000), block(30_000)]).expect("three blocks");
    let mut options = TcpOptions::with_timestamps(STAMPS);
    for option in [TcpOption::NoOperation, TcpOption::NoOperation, TcpOption::Sack(blocks)] {
        options.try_push(option).expect("12 + 2 + 26 bytes are 40");
    }
    tcp_v4(TcpFlags::ACK, options, b"odd")
}

fn segment(option: TcpOption<'_>) -> Vec<u8> {
    let mut options = TcpOptions::EMPTY;
    options.try_push(option).expect("one option fits");
    tcp_v4(TcpFlags::SYN, options, &[])
}

fn cookie() -> FastOpenCookie {
    FastOpenCookie::new(&[1, 2, 3, 4, 5, 6, 7, 8]).expect("eight bytes are a cookie")
}

fn five_minutes() -> UserTimeout {
    UserTimeout::from_minutes(5).expect("fifteen bits hold 5")
}

fn counters() -> AccEcnCounters {
    AccEcnCounters::new(AccEcnOrder::Zero, &[1, 2, 3]).expect("three counters")
}

fn ecn_setup() -> Vec<u8> {
    tcp_v4(TcpFlags::SYN | TcpFlags::ECE | TcpFlags::CWR | TcpFlags::AE, TcpOptions::EMPTY, &[])
}

fn tcp_v6() -> Vec<u8> {
    let header = tcp_segment(TcpFlags::ACK | TcpFlags::PSH, TcpOptions::with_timestamps(STAMPS));
    let pseudo = pseudo_header(A6.into(), B6.into(), IpProtocol::TCP, header.len() as u32 + 4);
    let mut bytes = vec![0; header.len()];
    header.emit(&mut bytes, pseudo + Sum::of(b"data"));
    bytes.extend(b"data");
    v6(A6, B6, IpProtocol::TCP, 64, &bytes)
}

fn icmp_v4(header: icmp::Header, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; icmp::HEADER_LEN];
    header.emit(&mut bytes, Sum::of(body));
    bytes.extend(body);
    v4(B, IpProtocol::ICMP, &bytes)
}

fn icmp_v6(header: icmpv6::Header, body: &[u8]) -> Vec<u8> {
    let length = (icmpv6::HEADER_LEN + body.len()) as u32;
    let pseudo = pseudo_header(A6.into(), B6.into(), IpProtocol::ICMPV6, length);
    let mut bytes = vec![0; icmpv6::HEADER_LEN];
    header.emit(&mut bytes, pseudo + Sum::of(body));
    bytes.extend(body);
    v6(A6, B6, IpProtocol::ICMPV6, 64, &bytes)
}

fn quoted_v6() -> Vec<u8> {
    udp_v6(IpProtocol::UDP, &[], b"x")
}

fn discovery(body: Body) -> Vec<u8> {
    let mut list = NdpOptionList::new();
    match body {
        Body::NeighborAdvertisement(_) | Body::Redirect { .. } => list.try_push_target(MAC),
        _ => list.try_push_source(MAC),
    }
    .expect("one option fits");
    discovery_with(body, &list)
}

fn discovery_with(body: Body, list: &NdpOptionList) -> Vec<u8> {
    let destination = match body {
        Body::NeighborSolicitation { target } => ndp::solicited_node_group(target),
        _ => ALL_NODES,
    };
    let message = Message { body, options: list.options() };
    let bytes = message.to_bytes(LINK_LOCAL, destination);
    v6(LINK_LOCAL, destination, IpProtocol::ICMPV6, ndp::HOP_LIMIT, &bytes)
}

fn router_advertisement() -> Vec<u8> {
    let mut list = NdpOptionList::new();
    let prefix = PrefixInformation {
        prefix_len: 64,
        on_link: true,
        autonomous: true,
        valid_lifetime: 2_592_000,
        preferred_lifetime: 604_800,
        prefix: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
    };
    for option in [NdpOption::SourceLinkLayer(&MAC.0), NdpOption::Mtu(1280), NdpOption::Prefix(prefix)] {
        list.try_push(option).expect("8 + 8 + 32 bytes fit into 128");
    }
    let body = RouterAdvertisement {
        hop_limit: 64,
        managed: false,
        other: false,
        router_lifetime: 1800,
        reachable_time: 0,
        retransmission_timer: 0,
    };
    discovery_with(Body::RouterAdvertisement(body), &list)
}

fn advertisement() -> Vec<u8> {
    discovery(Body::NeighborAdvertisement(NeighborAdvertisement {
        router: false,
        solicited: false,
        is_override: true,
        target: LINK_LOCAL,
    }))
}

fn igmp_message(kind: igmp::Kind) -> Vec<u8> {
    let mut bytes = [0; igmp::MESSAGE_LEN];
    igmp::Message { kind, max_response_time: 0, group: GROUP }.emit(&mut bytes);
    let mut options = Ipv4Options::EMPTY;
    options.try_push(Ipv4Option::RouterAlert(0)).expect("one option fits");
    let mut header = ipv4::Header::new(A, GROUP, IpProtocol::IGMP, bytes.len())
        .and_then(|header| header.with_options(options))
        .expect("the samples are short");
    header.time_to_live = 1;
    joined(header, &bytes)
}

/// `message` behind a router alert, with a hop limit of 1.
fn listener(destination: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let mut bytes = alert(IpProtocol::ICMPV6);
    bytes.extend(message);
    v6(LINK_LOCAL, destination, IpProtocol::HOP_BY_HOP, 1, &bytes)
}

fn alert(next: IpProtocol) -> Vec<u8> {
    let mut list = OptionsList::new();
    list.try_push(Ipv6Option { kind: ROUTER_ALERT, data: &[0, 0] }, Alignment::EVEN).expect("it fits");
    let header = list.header(next);
    let mut bytes = vec![0; header.len()];
    header.emit(&mut bytes);
    bytes
}

fn listener_v1() -> Vec<u8> {
    let group = ndp::solicited_node_group(B6);
    let mut bytes = [0; mld::MESSAGE_V1_LEN];
    let pseudo = pseudo_header(LINK_LOCAL.into(), group.into(), IpProtocol::ICMPV6, 24);
    MessageV1 { kind: KindV1::Report, max_response_delay: 0, address: group }.emit(&mut bytes, pseudo);
    listener(group, &bytes)
}

fn listener_v2() -> Vec<u8> {
    let routers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
    let sources = [A6.octets()];
    let group = ndp::solicited_node_group(B6);
    let records = [
        Record { kind: RecordKind::ChangeToExclude, address: group, sources: Sources::NONE },
        Record {
            kind: RecordKind::AllowNewSources,
            address: group,
            sources: Sources::new(&sources).expect("one source"),
        },
    ];
    let mut bytes = vec![0; mld::report_len(&records).expect("two records")];
    let pseudo = pseudo_header(LINK_LOCAL.into(), routers.into(), IpProtocol::ICMPV6, bytes.len() as u32);
    mld::emit_report(&records, &mut bytes, pseudo);
    listener(routers, &bytes)
}

fn extensions() -> Vec<u8> {
    let mut bytes = alert(IpProtocol::IPV6_DESTINATION_OPTIONS);
    let mut out = [0; 8];
    OptionsList::new().header(IpProtocol::UDP).emit(&mut out);
    bytes.extend(out);
    udp_v6(IpProtocol::HOP_BY_HOP, &bytes, b"behind two headers")
}

fn routing() -> Vec<u8> {
    // Type 3 of RFC 6554 §3 with no segment left: CmprI, CmprE and padding in a word, then one address whose
    // last 8 bytes differ from the destination's (CmprE 8, no padding).
    let data = [0x88, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    let header = RoutingHeader::new(IpProtocol::UDP, 3, 0, &data).expect("12 is 4 more than 8");
    let mut bytes = vec![0; header.len()];
    header.emit(&mut bytes);
    udp_v6(IpProtocol::IPV6_ROUTING, &bytes, b"x")
}

/// A datagram of 100 bytes, in two packets.
fn ethernet(destination: MacAddress, ether_type: EtherType, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; ethernet::HEADER_LEN];
    ethernet::Header { destination, source: MAC, ether_type }.emit(&mut bytes);
    bytes.extend(payload);
    // A capture shows the padding, not the frame check sequence.
    bytes.resize(ethernet::frame_len(payload.len()) - ethernet::FRAME_CHECK_LEN, 0);
    bytes
}

fn arp(operation: arp::Operation) -> Vec<u8> {
    let (target_hardware, to) = match operation {
        arp::Operation::Request => (MacAddress::default(), MacAddress::BROADCAST),
        arp::Operation::Reply => (MacAddress([2, 0, 0, 0, 0, 2]), MacAddress([2, 0, 0, 0, 0, 2])),
    };
    let packet = arp::Packet {
        operation,
        sender_hardware: MAC,
        sender_protocol: A,
        target_hardware,
        target_protocol: B,
    };
    let mut bytes = [0; arp::PACKET_LEN];
    packet.emit(&mut bytes);
    ethernet(to, EtherType::ARP, &bytes)
}
