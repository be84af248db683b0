//! Every header that can be made survives emit and parse.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::array::uniform16;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use wire::checksum::{Sum, pseudo_header};
use wire::ip::{Dscp, Ecn, IpProtocol};
use wire::ipv4_options::{Ipv4Option, Ipv4Options, Route, TimestampOption};
use wire::ipv6::FlowLabel;
use wire::ipv6_options::{Alignment, Ipv6Option, OptionsHeader, OptionsList};
use wire::tcp::TcpFlags;
use wire::tcp_options::{
    AccEcnCounters, AccEcnOrder, FastOpenCookie, SackBlock, SackBlocks, SynOptions, TcpOption, TcpOptions,
    Timestamps, UnknownOption, UserTimeout,
};
use wire::{ipv4, ipv6, tcp, udp};

/// An option that owns its bytes.
#[derive(Clone, Debug)]
enum Made {
    Simple(TcpOption<'static>),
    Mptcp(Vec<u8>),
    Unknown(u8, Vec<u8>),
}

impl Made {
    fn as_option(&self) -> TcpOption<'_> {
        match self {
            Self::Simple(option) => *option,
            Self::Mptcp(data) => TcpOption::Mptcp(data),
            Self::Unknown(kind, data) => {
                TcpOption::Unknown(UnknownOption::new(*kind, data).expect("the kind is above 1"))
            }
        }
    }
}

fn timestamps() -> impl Strategy<Value = Timestamps> {
    any::<(u32, u32)>().prop_map(|(value, echo_reply)| Timestamps { value, echo_reply })
}

fn tcp_option() -> impl Strategy<Value = Made> {
    let block = any::<(u32, u32)>().prop_map(|(start, end)| SackBlock { start, end });
    let sack = vec(block, 1..=4).prop_map(|blocks| {
        TcpOption::Sack(SackBlocks::new(&blocks).expect("the strategy keeps to what fits"))
    });
    let cookie = prop_oneof![Just(0_usize), (2_usize..=8).prop_map(|half| half * 2)]
        .prop_flat_map(|len| vec(any::<u8>(), len))
        .prop_map(|cookie| {
            TcpOption::FastOpen(FastOpenCookie::new(&cookie).expect("the strategy keeps to what fits"))
        });
    let order = prop_oneof![Just(AccEcnOrder::Zero), Just(AccEcnOrder::One)];
    let acc_ecn = (order, vec(any::<u32>(), 0..=3)).prop_map(|(order, counters)| {
        TcpOption::AccEcn(AccEcnCounters::new(order, &counters).expect("the strategy keeps to what fits"))
    });
    prop_oneof![
        Just(Made::Simple(TcpOption::NoOperation)),
        any::<u16>().prop_map(|size| Made::Simple(TcpOption::MaximumSegmentSize(size))),
        any::<u8>().prop_map(|shift| Made::Simple(TcpOption::WindowScale(shift))),
        Just(Made::Simple(TcpOption::SackPermitted)),
        sack.prop_map(Made::Simple),
        timestamps().prop_map(|timestamps| Made::Simple(TcpOption::Timestamps(timestamps))),
        (0_u16..1 << 15).prop_map(|secs| Made::Simple(TcpOption::UserTimeout(
            UserTimeout::from_secs(secs).expect("the strategy keeps to what fits")
        ))),
        cookie.prop_map(Made::Simple),
        acc_ecn.prop_map(Made::Simple),
        vec(any::<u8>(), 2..20).prop_map(Made::Mptcp),
        (253_u8..=254, vec(any::<u8>(), 0..20)).prop_map(|(kind, data)| Made::Unknown(kind, data)),
    ]
}

fn ecn() -> impl Strategy<Value = Ecn> {
    any::<u8>().prop_map(Ecn::from_traffic_class)
}

fn dscp() -> impl Strategy<Value = Dscp> {
    (0_u8..64).prop_map(|code_point| Dscp::new(code_point).expect("the strategy keeps to what fits"))
}

proptest! {
    #[test]
    fn tcp_options_come_back_as_far_as_they_fitted(made in vec(tcp_option(), 0..8)) {
        let mut options = TcpOptions::EMPTY;
        let mut kept = Vec::new();
        for option in &made {
            let before = options;
            match options.try_push(option.as_option()) {
                Ok(()) => kept.push(option.as_option()),
                Err(error) => {
                    prop_assert!(error.need > error.room);
                    prop_assert_eq!(options, before);
                }
            }
        }
        prop_assert_eq!(options.iter().collect::<Vec<_>>(), kept);
        prop_assert!(options.len() <= 40 && options.len().is_multiple_of(4));
        prop_assert_eq!(options.malformed_at(), None);
    }

    #[test]
    fn tcp_headers_come_back(
        ports in any::<(u16, u16)>(),
        numbers in any::<(u32, u32)>(),
        flags in 0_u16..0x200,
        fields in any::<(u16, u16)>(),
        made in vec(tcp_option(), 0..4),
        payload in vec(any::<u8>(), 0..50),
    ) {
        let mut options = TcpOptions::EMPTY;
        for option in &made {
            // An option that does not fit is left out; the test above looks at that.
            options.try_push(option.as_option()).unwrap_or(());
        }
        let header = tcp::Header {
            source_port: ports.0,
            destination_port: ports.1,
            sequence_number: numbers.0,
            acknowledgment_number: numbers.1,
            flags: TcpFlags::from_bits(flags),
            window: fields.0,
            urgent_pointer: fields.1,
            options,
        };
        let rest = Sum::of(&payload);
        let mut out = vec![0xEE; header.len()];
        header.emit(&mut out, rest);
        prop_assert!(tcp::verify(&out, rest));
        prop_assert_eq!(tcp::Header::parse(&out), Ok(header));
        let mut whole = out.clone();
        whole.extend(&payload);
        prop_assert!(Sum::of(&whole).is_valid(), "the sum of the parts is the sum of the whole");
    }

    #[test]
    fn syn_options_fit_and_come_back(
        maximum_segment_size in option::of(any::<u16>()),
        sack_permitted in any::<bool>(),
        timestamps in option::of(timestamps()),
        window_scale in option::of(0_u8..=14),
    ) {
        let options =
            TcpOptions::syn(SynOptions { maximum_segment_size, sack_permitted, timestamps, window_scale });
        prop_assert!(options.len() <= 20);
        prop_assert_eq!(options.timestamps(), timestamps);
        let scale = options.iter().find_map(|option| match option {
            TcpOption::WindowScale(shift) => Some(shift),
            _ => None,
        });
        prop_assert_eq!(scale, window_scale);
    }

    #[test]
    fn ipv4_headers_come_back(
        addresses in any::<([u8; 4], [u8; 4])>(),
        fields in any::<(u8, u8, u16, bool, bool)>(),
        (dscp, ecn) in (dscp(), ecn()),
        offset in 0_usize..8192,
        payload_len in 0_usize..65_400,
        data in vec(any::<u8>(), 0..12),
        pointer in any::<u8>(),
        alert in option::of(any::<u16>()),
    ) {
        let (source, destination) = (Ipv4Addr::from(addresses.0), Ipv4Addr::from(addresses.1));
        let mut options = Ipv4Options::EMPTY;
        let mut kept = vec![Ipv4Option::RecordRoute(Route { pointer, data: &data })];
        kept.extend(alert.map(Ipv4Option::RouterAlert));
        kept.push(Ipv4Option::Timestamp(TimestampOption { pointer, overflow_and_flag: 0x13, data: &data }));
        for option in &kept {
            options.try_push(*option).unwrap();
        }
        prop_assert_eq!(options.iter().collect::<Vec<_>>(), kept);
        let header = ipv4::Header::new(source, destination, IpProtocol(fields.1), payload_len).unwrap();
        let mut header = header.with_options(options).unwrap();
        (header.dscp, header.ecn, header.time_to_live) = (dscp, ecn, fields.0);
        header.fragmentation.identification = fields.2;
        header.fragmentation.dont_fragment = fields.3;
        header.fragmentation.more_fragments = fields.4;
        header.fragmentation = header.fragmentation.at(offset * 8).unwrap();
        let mut out = vec![0xEE; header.len()];
        header.emit(&mut out);
        prop_assert_eq!(ipv4::Header::parse(&out), Ok(header));
        prop_assert!(Sum::of(&out).is_valid());
    }

    #[test]
    fn ipv6_headers_come_back(
        addresses in (uniform16(any::<u8>()), uniform16(any::<u8>())),
        (dscp, ecn) in (dscp(), ecn()),
        label in 0_u32..1 << 20,
        fields in any::<(u16, u8, u8)>(),
    ) {
        let header = ipv6::Header {
            dscp,
            ecn,
            flow_label: FlowLabel::new(label).unwrap(),
            payload_len: fields.0,
            next_header: IpProtocol(fields.1),
            hop_limit: fields.2,
            source: Ipv6Addr::from(addresses.0),
            destination: Ipv6Addr::from(addresses.1),
        };
        let mut out = [0xEE; ipv6::HEADER_LEN];
        header.emit(&mut out);
        prop_assert_eq!(ipv6::Header::parse(&out), Ok(header));
    }

    #[test]
    fn ipv6_options_come_back_aligned(
        made in vec((2_u8..=255, vec(any::<u8>(), 0..12), 0_u32..4, 0_usize..8), 0..5),
        next_header in any::<u8>(),
    ) {
        let mut list = OptionsList::new();
        let mut kept = Vec::new();
        for (kind, data, power, offset) in &made {
            let multiple = 1 << power;
            let alignment = Alignment::new(multiple, offset % multiple).unwrap();
            let option = Ipv6Option { kind: *kind, data };
            if list.try_push(option, alignment).is_ok() {
                kept.push((option, multiple, offset % multiple));
            }
        }
        let header = list.header(IpProtocol(next_header));
        let mut out = vec![0xEE; header.len()];
        header.emit(&mut out);
        prop_assert_eq!(OptionsHeader::parse(&out), Ok(header));
        let options: Vec<_> = kept.iter().map(|(option, ..)| *option).collect();
        prop_assert_eq!(OptionsHeader::parse(&out).unwrap().iter().collect::<Vec<_>>(), options);
        for (at, (_, multiple, offset)) in option_offsets(&out).into_iter().zip(kept) {
            prop_assert_eq!(at % multiple, offset);
        }
    }

    #[test]
    fn udp_headers_come_back_with_any_payload(
        ports in any::<(u16, u16)>(),
        addresses in any::<([u8; 4], [u8; 4])>(),
        payload in vec(any::<u8>(), 0..40),
    ) {
        let header = udp::Header::new(ports.0, ports.1, payload.len()).unwrap();
        let (from, to) = (Ipv4Addr::from(addresses.0), Ipv4Addr::from(addresses.1));
        let pseudo = pseudo_header(from.into(), to.into(), IpProtocol::UDP, u32::from(header.length()));
        let mut out = [0xEE; 8];
        header.emit(&mut out, pseudo + Sum::of(&payload));
        prop_assert_ne!(&out[6..], &[0, 0], "a computed checksum is never zero");
        prop_assert!(udp::verify(&out, pseudo + Sum::of(&payload), udp::ZeroChecksum::Refused));
        prop_assert_eq!(udp::Header::parse(&out), Ok(header));
    }
}

/// Offsets of the options' types in an options header, padding left out.
fn option_offsets(header: &[u8]) -> Vec<usize> {
    let mut offsets = Vec::new();
    let mut at = 2;
    while at < header.len() {
        if header[at] > 1 {
            offsets.push(at);
        }
        at += if header[at] == 0 { 1 } else { 2 + usize::from(header[at + 1]) };
    }
    offsets
}
