//! Neighbour and listener discovery messages that can be made survive emit and parse.

use std::net::Ipv6Addr;

use proptest::array::uniform16;
use proptest::collection::vec;
use proptest::prelude::*;
use wire::checksum::Sum;
use wire::icmpv6;
use wire::mld::{self, KindV1, MessageV1, Record, RecordKind, Sources};
use wire::ndp::{Body, Message, NeighborAdvertisement, RouterAdvertisement};
use wire::ndp_options::{NdpOption, NdpOptionList, PrefixInformation};

/// An option that owns its bytes.
#[derive(Clone, Debug)]
enum Made {
    Source([u8; 6]),
    Target([u8; 14]),
    Prefix(PrefixInformation),
    Redirected(Vec<u8>),
    Mtu(u32),
    Unknown([u8; 6]),
}

impl Made {
    fn as_option(&self) -> NdpOption<'_> {
        match self {
            Self::Source(data) => NdpOption::SourceLinkLayer(data),
            Self::Target(data) => NdpOption::TargetLinkLayer(data),
            Self::Prefix(prefix) => NdpOption::Prefix(*prefix),
            Self::Redirected(packet) => NdpOption::RedirectedHeader(packet),
            Self::Mtu(mtu) => NdpOption::Mtu(*mtu),
            Self::Unknown(data) => NdpOption::Unknown { kind: 24, data },
        }
    }
}

fn address() -> impl Strategy<Value = Ipv6Addr> {
    uniform16(any::<u8>()).prop_map(Ipv6Addr::from)
}

fn unicast() -> impl Strategy<Value = Ipv6Addr> {
    address().prop_filter("a target is no group", |address| !address.is_multicast())
}

fn made() -> impl Strategy<Value = Made> {
    let prefix = (any::<(u8, bool, bool, u32, u32)>(), address()).prop_map(|(fields, prefix)| {
        let (prefix_len, on_link, autonomous, valid_lifetime, preferred_lifetime) = fields;
        PrefixInformation { prefix_len, on_link, autonomous, valid_lifetime, preferred_lifetime, prefix }
    });
    prop_oneof![
        any::<[u8; 6]>().prop_map(Made::Source),
        any::<[u8; 14]>().prop_map(Made::Target),
        prefix.prop_map(Made::Prefix),
        (1_usize..4).prop_flat_map(|units| vec(any::<u8>(), units * 8)).prop_map(Made::Redirected),
        any::<u32>().prop_map(Made::Mtu),
        any::<[u8; 6]>().prop_map(Made::Unknown),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    let router = any::<(u8, bool, bool, u16, u32, u32)>().prop_map(|fields| {
        let (hop_limit, managed, other, router_lifetime, reachable_time, retransmission_timer) = fields;
        Body::RouterAdvertisement(RouterAdvertisement {
            hop_limit,
            managed,
            other,
            router_lifetime,
            reachable_time,
            retransmission_timer,
        })
    });
    let neighbor = (any::<(bool, bool, bool)>(), unicast()).prop_map(|(flags, target)| {
        let (router, solicited, is_override) = flags;
        Body::NeighborAdvertisement(NeighborAdvertisement { router, solicited, is_override, target })
    });
    prop_oneof![
        Just(Body::RouterSolicitation),
        router,
        unicast().prop_map(|target| Body::NeighborSolicitation { target }),
        neighbor,
        (unicast(), address()).prop_map(|(target, destination)| Body::Redirect { target, destination }),
    ]
}

fn record_kind() -> impl Strategy<Value = RecordKind> {
    prop_oneof![
        Just(RecordKind::ModeIsInclude),
        Just(RecordKind::ModeIsExclude),
        Just(RecordKind::ChangeToInclude),
        Just(RecordKind::ChangeToExclude),
        Just(RecordKind::AllowNewSources),
        Just(RecordKind::BlockOldSources),
    ]
}

proptest! {
    #[test]
    fn neighbour_discovery_comes_back(body in body(), made in vec(made(), 0..6), pseudo in any::<u16>()) {
        let mut list = NdpOptionList::new();
        let mut kept = Vec::new();
        for option in &made {
            if list.try_push(option.as_option()).is_ok() {
                kept.push(option.as_option());
            }
        }
        prop_assert!(kept.len() >= made.len().min(3), "three options take at most 120 bytes");
        let message = Message { body, options: list.options() };
        let pseudo = Sum::of_u16(pseudo);
        let mut out = vec![0xEE; message.len()];
        message.emit(&mut out, pseudo);
        prop_assert!(icmpv6::verify(&out, pseudo));
        let read = Message::parse(&out);
        prop_assert_eq!(read, Ok(message));
        prop_assert_eq!(read.unwrap().options.iter().collect::<Vec<_>>(), kept);
    }

    #[test]
    fn damaged_neighbour_discovery_is_refused_or_read_whole(
        body in body(),
        made in vec(made(), 0..4),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut list = NdpOptionList::new();
        for option in &made {
            list.try_push(option.as_option()).unwrap_or(());
        }
        let message = Message { body, options: list.options() };
        let mut out = vec![0xEE; message.len()];
        message.emit(&mut out, Sum::ZERO);
        *at.get_mut(&mut out) = value;
        let bytes = &out[..cut.index(out.len() + 1)];
        if let Ok(read) = Message::parse(bytes) {
            prop_assert_eq!(read.len(), bytes.len());
            prop_assert!(read.options.iter().count() <= 128 / 8);
        }
    }

    #[test]
    fn listener_reports_come_back(
        made in vec((record_kind(), address(), vec(uniform16(any::<u8>()), 0..4)), 0..5),
        pseudo in any::<u16>(),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let records: Vec<Record<'_>> = made
            .iter()
            .map(|(kind, address, sources)| Record {
                kind: *kind,
                address: *address,
                sources: Sources::new(sources).unwrap(),
            })
            .collect();
        let mut out = vec![0xEE; mld::report_len(&records).unwrap()];
        mld::emit_report(&records, &mut out, Sum::of_u16(pseudo));
        prop_assert!(icmpv6::verify(&out, Sum::of_u16(pseudo)));
        let read = mld::Message::parse(&out);
        let Ok(mld::Message::ReportV2(read)) = read else { panic!("{read:?}") };
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), records);
        // Damaged, it is refused or read as far as its own counts say.
        *at.get_mut(&mut out) = value;
        if let Ok(mld::Message::ReportV2(read)) = mld::Message::parse(&out) {
            prop_assert!(read.iter().count() <= mld::RECORDS_MAX);
        }
    }

    #[test]
    fn listener_messages_of_version_1_come_back(
        kind in prop_oneof![Just(KindV1::Query), Just(KindV1::Report), Just(KindV1::Done)],
        max_response_delay in any::<u16>(),
        address in address(),
    ) {
        let message = MessageV1 { kind, max_response_delay, address };
        let mut out = [0xEE; 24];
        message.emit(&mut out, Sum::ZERO);
        prop_assert_eq!(mld::Message::parse(&out), Ok(mld::Message::V1(message)));
    }
}
