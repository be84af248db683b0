//! Frames of IEEE 802.15.4 with their check sequence: one of each kind that a network of sensors sends.

mod discovery;

use std::net::Ipv6Addr;

use wire::checksum::{Sum, pseudo_header};
use wire::ieee802154::element::{HeaderElement, MLME_GROUP, NestedElement, push_payload_element};
use wire::ieee802154::{
    Address, Addressing, ExtendedAddress, FrameType, FrameVersion, Header, PanId, ShortAddress, fcs,
};
use wire::ip::IpProtocol;
use wire::ipv6_options::RPL;
use wire::rpl::{
    Dao, DaoAck, Dio, Dis, DodagConfiguration, EtxMetric, Message, ModeOfOperation, PacketInformation,
    PrefixInformation, RplOption, SourceRoute, Target, TransitInformation, to_bytes,
};
use wire::sixlowpan::fragment::FragmentHeader;
use wire::sixlowpan::{Context, Contexts, Identifiers, compress};
use wire::{ipv6, udp};

use crate::capture_frames::Sample;

const fn sample(name: &'static str, filter: &'static str, make: fn() -> Vec<u8>) -> Sample {
    Sample { name, filter, is_summed: true, make }
}

pub(crate) const RADIO_FRAMES: &[Sample] = &[
    sample("an acknowledgment", "wpan.frame_type == 2 && wpan.seq_no == 106", || {
        framed(&Header::immediate_ack(106, false), &[])
    }),
    sample("UDP between link-local neighbours", "6lowpan && udp.dstport == 61618 && ipv6.hlim == 64", || {
        frame(1, &packed(&datagram(near(1), near(2), 64, (0xF0B1, 0xF0B2), 10)))
    }),
    sample("UDP under a context", "6lowpan && udp.dstport == 40000 && ipv6.src == fd00::ff:fe00:8", || {
        frame(2, &packed(&datagram(far(8), far(1), 63, (40000, 40000), 20)))
    }),
    sample("UDP with the option of RPL", "6lowpan.nhc.ext.eid == 0 && udp.dstport == 40000", with_option),
    sample("UDP along a source route", "6lowpan.nhc.ext.eid == 1 && ipv6.routing.type == 3", source_routed),
    sample("the first fragment", "6lowpan.frag.size == 248 && 6lowpan.frag.tag == 0x0007", || {
        fragments().swap_remove(0)
    }),
    sample("the middle fragment", "6lowpan.frag.offset == 96", || fragments().swap_remove(1)),
    sample(
        "the last fragment, which completes the packet",
        "6lowpan.fragment.count == 3 && udp.length == 208",
        || fragments().swap_remove(2),
    ),
    sample("a DIS", "icmpv6.type == 155 && icmpv6.code == 0", || control(&Message::Dis(Dis), &[])),
    sample("a DIO", "icmpv6.code == 1 && icmpv6.rpl.opt.type == 4", dio),
    sample("a DAO", "icmpv6.code == 2 && icmpv6.rpl.opt.type == 6", dao),
    sample("a DAO-ACK", "icmpv6.code == 3 && icmpv6.type == 155", || {
        control(&Message::DaoAck(DaoAck { instance: 0, sequence: 9, status: 0, dodag: None }), &[])
    }),
    sample(
        "a router advertisement with prefix, context and border router",
        "icmpv6.opt.6co.flag.cid == 0 && icmpv6.opt.abro.6lbr_address == fd00::ff:fe00:1",
        discovery::advertisement,
    ),
    sample(
        "a registration",
        "icmpv6.opt.aro.registration_lifetime == 10 && icmpv6.type == 135",
        discovery::registration,
    ),
    sample(
        "an extended registration",
        "icmpv6.type == 135 && icmpv6.opt.type == 33",
        discovery::extended_registration,
    ),
    sample(
        "a registration that is refused",
        "icmpv6.type == 136 && icmpv6.opt.aro.status == 1",
        discovery::refusal,
    ),
    sample("a Duplicate Address Request", "icmpv6.type == 157 && icmpv6.6lowpannd.da.lifetime == 10", || {
        discovery::request(None)
    }),
    sample("an extended Duplicate Address Confirmation", "icmpv6.type == 158 && icmpv6.code == 1", || {
        discovery::request(Some(241))
    }),
    sample("an enhanced beacon of TSCH", "wpan.tsch.asn == 1234", enhanced_beacon),
    sample("an enhanced acknowledgment", "wpan.header_ie.time_correction.value", enhanced_ack),
];

const PAN: PanId = PanId(0xABCD);
const ALL_RPL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x1a);
/// Prefix of context 0, as the dissector is told.
pub(crate) const CONTEXT: &str = "6lowpan.context0:fd00::/64";

fn node(number: u16) -> Address {
    Address::Short(ShortAddress(number))
}

fn near(number: u16) -> Ipv6Addr {
    node(number).link_local()
}

fn far(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, number)
}

fn framed(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; header.len()];
    header.emit(&mut bytes);
    bytes.extend(payload);
    bytes.extend(fcs(&bytes).to_le_bytes());
    assert!(bytes.len() <= wire::ieee802154::FRAME_LEN_MAX);
    bytes
}

/// A frame from node 1 to node 2.
fn frame(sequence: u8, payload: &[u8]) -> Vec<u8> {
    framed(&Header::data(sequence, Addressing::within(PAN, node(2), node(1)), true), payload)
}

fn datagram(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    ports: (u16, u16),
    payload: usize,
) -> Vec<u8> {
    with_extensions(source, destination, hop_limit, (IpProtocol::UDP, &[]), ports, payload)
}

/// IPv6, extension headers whose first has the number `first.0`, UDP, and a payload of letters.
fn with_extensions(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    first: (IpProtocol, &[u8]),
    ports: (u16, u16),
    payload: usize,
) -> Vec<u8> {
    let payload = vec![b'x'; payload];
    let length = udp::HEADER_LEN + payload.len();
    let header = ipv6::Header {
        hop_limit,
        ..ipv6::Header::new(source, destination, first.0, (first.1.len() + length) as u16)
    };
    let mut bytes = vec![0; ipv6::HEADER_LEN];
    header.emit(&mut bytes);
    bytes.extend(first.1);
    let at = bytes.len();
    bytes.resize(at + udp::HEADER_LEN, 0);
    let pseudo = pseudo_header(source.into(), destination.into(), IpProtocol::UDP, length as u32);
    let header = udp::Header::new(ports.0, ports.1, payload.len()).expect("the samples are right and short");
    header.emit(&mut bytes[at..], pseudo + Sum::of(&payload));
    bytes.extend(payload);
    bytes
}

fn packed(packet: &[u8]) -> Vec<u8> {
    let implied = Identifiers::of_frame(node(1), node(2));
    let contexts = Contexts::NONE.with(0, Context::new(far(0), 64));
    let mut out = Vec::new();
    let done =
        compress(packet, implied, &contexts, false, &mut out).expect("the samples are right and short");
    out.extend(&packet[done.consumed..]);
    out
}

fn with_option() -> Vec<u8> {
    let value = PacketInformation { sender_rank: 512, ..PacketInformation::default() }.to_bytes();
    let mut header = vec![IpProtocol::UDP.0, 0, RPL, 4];
    header.extend(value);
    // Type, length and value fill eight bytes exactly: no padding.
    assert_eq!(header.len(), 8);
    frame(
        3,
        &packed(&with_extensions(far(8), far(1), 63, (IpProtocol::HOP_BY_HOP, &header), (40000, 40000), 9)),
    )
}

fn source_routed() -> Vec<u8> {
    // The last node is the destination that the checksum is about: nothing is left of the route.
    let route = SourceRoute { addresses: vec![far(3), far(4)], segments_left: 0 };
    let header = route.to_bytes(IpProtocol::UDP, far(2)).expect("the samples are right and short");
    frame(4, &packed(&with_extensions(far(1), far(2), 62, (IpProtocol::IPV6_ROUTING, &header), (1, 2), 9)))
}

/// A packet of 248 bytes in three fragments.
fn fragments() -> Vec<Vec<u8>> {
    let packet = datagram(far(8), far(1), 63, (40000, 40000), 200);
    let first = FragmentHeader::first(packet.len(), 7).expect("the samples are right and short");
    // The first 96 bytes of the packet, of which 48 are headers that shrink.
    let mut head = packed(&packet);
    head.truncate(head.len() - (packet.len() - 96));
    let parts = [(first, &head[..]), (first.at(12), &packet[96..184]), (first.at(23), &packet[184..])];
    let make = |(index, (header, part)): (usize, (FragmentHeader, &[u8]))| {
        let mut payload = vec![0; header.len()];
        header.emit(&mut payload);
        payload.extend(part);
        frame(10 + index as u8, &payload)
    };
    parts.into_iter().enumerate().map(make).collect()
}

fn control(message: &Message, options: &[RplOption<'_>]) -> Vec<u8> {
    let bytes = to_bytes(message, options, near(1), ALL_RPL_NODES);
    let header = ipv6::Header {
        hop_limit: 255,
        ..ipv6::Header::new(near(1), ALL_RPL_NODES, IpProtocol::ICMPV6, bytes.len() as u16)
    };
    let mut packet = vec![0; ipv6::HEADER_LEN];
    header.emit(&mut packet);
    packet.extend(bytes);
    let implied = Identifiers::of_frame(node(1), Address::BROADCAST);
    let mut out = Vec::new();
    let done = compress(&packet, implied, &Contexts::NONE, false, &mut out)
        .expect("the samples are right and short");
    out.extend(&packet[done.consumed..]);
    framed(&Header::data(5, Addressing::within(PAN, Address::BROADCAST, node(1)), false), &out)
}

fn dio() -> Vec<u8> {
    let dio = Dio {
        instance: 0,
        version: 240,
        rank: 256,
        grounded: true,
        mode: ModeOfOperation::Storing,
        preference: 0,
        dtsn: 240,
        dodag: far(1),
    };
    let prefix = PrefixInformation {
        prefix_len: 64,
        on_link: false,
        autonomous: true,
        router_address: false,
        valid_lifetime: u32::MAX,
        preferred_lifetime: u32::MAX,
        prefix: far(0),
    };
    let options = [
        RplOption::Etx(EtxMetric { etx: 128 }),
        RplOption::DodagConfiguration(DodagConfiguration::DEFAULT),
        RplOption::Prefix(prefix),
    ];
    control(&Message::Dio(dio), &options)
}

fn dao() -> Vec<u8> {
    let transit = TransitInformation {
        external: false,
        path_control: 0,
        path_sequence: 3,
        path_lifetime: 30,
        parent: Some(far(2)),
    };
    let options =
        [RplOption::Target(Target { prefix: far(8), prefix_len: 128 }), RplOption::Transit(transit)];
    let dao = Dao { instance: 0, ack_request: true, sequence: 9, dodag: None };
    control(&Message::Dao(dao), &options)
}

fn enhanced_beacon() -> Vec<u8> {
    let header = Header {
        frame_type: FrameType::Beacon,
        version: FrameVersion::V2015,
        elements: true,
        ..Header::data(
            6,
            Addressing::from(PAN, Address::Extended(ExtendedAddress([2, 0, 0, 0, 0, 0, 0, 1]))),
            false,
        )
    };
    let nested = [
        NestedElement::TschSynchronization { slot_number: 1234, join_metric: 1 },
        NestedElement::TschTimeslot(0),
        NestedElement::ChannelHopping(0),
        // One slotframe, number 0, of 7 slots with one link: slot 0, channel offset 0, options 0x0F.
        NestedElement::TschSlotframeAndLink(&[1, 0, 7, 0, 1, 0, 0, 0, 0, 0x0F]),
    ];
    let (mut content, mut payload) = (Vec::new(), Vec::new());
    nested.iter().for_each(|element| element.push(&mut content).expect("the samples are right and short"));
    HeaderElement::PayloadFollows.push(&mut payload).expect("the samples are right and short");
    push_payload_element(&mut payload, MLME_GROUP, &content).expect("the samples are right and short");
    framed(&header, &payload)
}

fn enhanced_ack() -> Vec<u8> {
    let header = Header {
        frame_type: FrameType::Acknowledgment,
        version: FrameVersion::V2015,
        elements: true,
        ..Header::data(6, Addressing::to(PAN, node(1)), false)
    };
    let mut payload = Vec::new();
    HeaderElement::TimeCorrection { micros: -30, negative: false }
        .push(&mut payload)
        .expect("the samples are right and short");
    framed(&header, &payload)
}
