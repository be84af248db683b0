//! No bytes make the parser of Multipath TCP's options panic, and what it accepts survives emit and parse.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use wire::mptcp::{
    AddAddress, AddressIds, Capable, CapableFlags, DataSequence, Dss, Join, Mapping, MptcpOption, Reset,
    ResetReason, Stage, Subtype,
};
use wire::tcp_options::{TcpOption, TcpOptions, Timestamps};

fn capable() -> impl Strategy<Value = MptcpOption> {
    let flags = (any::<(bool, bool, bool, bool)>(), 0_u8..16).prop_map(|((a, b, c, h), undefined)| {
        CapableFlags { checksum: a, extensibility: b, no_join: c, undefined, hmac_sha256: h }
    });
    let stage = prop_oneof![
        Just(Stage::Syn),
        any::<u64>().prop_map(|sender_key| Stage::SynAck { sender_key }),
        any::<(u64, u64)>().prop_map(|(sender_key, receiver_key)| Stage::Ack { sender_key, receiver_key }),
        (any::<(u64, u64, u16)>(), of(any::<u16>())).prop_map(
            |((sender_key, receiver_key, len), checksum)| Stage::Data {
                sender_key,
                receiver_key,
                len,
                checksum
            }
        ),
    ];
    (flags, stage).prop_map(|(flags, stage)| MptcpOption::Capable(Capable { flags, stage }))
}

fn join() -> impl Strategy<Value = MptcpOption> {
    let syn = any::<(bool, u8, u32, u32)>().prop_map(|(backup, address_id, token, nonce)| Join::Syn {
        backup,
        address_id,
        token,
        nonce,
    });
    let answer = any::<(bool, u8, u64, u32)>().prop_map(|(backup, address_id, hmac, nonce)| Join::SynAck {
        backup,
        address_id,
        hmac,
        nonce,
    });
    let ack = any::<[u8; 20]>().prop_map(|hmac| Join::Ack { hmac });
    prop_oneof![syn, answer, ack].prop_map(MptcpOption::Join)
}

fn sequence() -> impl Strategy<Value = DataSequence> {
    prop_oneof![any::<u32>().prop_map(DataSequence::Short), any::<u64>().prop_map(DataSequence::Long)]
}

fn dss() -> impl Strategy<Value = MptcpOption> {
    let mapping = (sequence(), any::<(u32, u16)>(), of(any::<u16>())).prop_map(
        |(data_sequence, (subflow_sequence, len), checksum)| Mapping {
            data_sequence,
            subflow_sequence,
            len,
            checksum,
        },
    );
    (any::<bool>(), of(sequence()), of(mapping)).prop_map(|(fin, data_ack, mapping)| {
        MptcpOption::Dss(Dss { data_fin: fin && mapping.is_some(), data_ack, mapping })
    })
}

fn option() -> impl Strategy<Value = MptcpOption> {
    let address = prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ];
    let add = (any::<u8>(), address, of(any::<u16>()), of(any::<u64>())).prop_map(
        |(address_id, address, port, hmac)| {
            MptcpOption::AddAddress(AddAddress { address_id, address, port, hmac })
        },
    );
    let remove = vec(any::<u8>(), 1..=37).prop_map(|ids| {
        MptcpOption::RemoveAddress(AddressIds::new(&ids).expect("the strategy keeps to what fits"))
    });
    let reset = any::<(bool, u8, u8)>().prop_map(|(transient, undefined, reason)| {
        MptcpOption::Reset(Reset { transient, undefined: undefined & 0x0E, reason: ResetReason(reason) })
    });
    prop_oneof![
        capable(),
        join(),
        dss(),
        add,
        remove,
        any::<bool>().prop_map(|backup| MptcpOption::Priority { backup }),
        any::<u64>().prop_map(|data_sequence| MptcpOption::Fail { data_sequence }),
        any::<u64>().prop_map(|receiver_key| MptcpOption::FastClose { receiver_key }),
        reset,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn every_option_comes_back(option in option()) {
        prop_assert_eq!(MptcpOption::parse(option.emit().as_slice()), Ok(option));
    }

    #[test]
    fn options_stand_in_a_header_as_they_are_found_again(made in vec(option(), 1..4), stamps in any::<bool>()) {
        let stamp = TcpOptions::with_timestamps(Timestamps { value: 1, echo_reply: 2 });
        let mut options = if stamps { stamp } else { TcpOptions::EMPTY };
        let mut kept = Vec::new();
        for option in &made {
            let before = options;
            let room = TcpOptions::LEN_MAX - options.len();
            match options.try_push_mptcp(option) {
                Ok(()) => {
                    prop_assert!(option.padded_len() <= room);
                    prop_assert_eq!(options.len(), before.len() + option.padded_len());
                    kept.push(*option);
                }
                Err(_) => {
                    prop_assert!(option.padded_len() > room);
                    prop_assert_eq!(options, before);
                }
            }
        }
        let found: Vec<_> = options.iter().filter_map(|option| match option {
            TcpOption::Mptcp(data) => Some(MptcpOption::parse(data).expect("it was emitted")),
            _ => None,
        }).collect();
        prop_assert_eq!(found, kept);
        prop_assert_eq!(options.timestamps().is_some(), stamps);
    }

    #[test]
    fn what_is_accepted_survives_emit_and_parse(
        head in prop_oneof![any::<u8>(), (0_u8..9).prop_map(|subtype| subtype << 4 | u8::from(subtype == 0))],
        rest in vec(any::<u8>(), 0..38),
    ) {
        let mut bytes = vec![head];
        bytes.extend(rest);
        bytes.truncate(38);
        if let Ok(option) = MptcpOption::parse(&bytes) {
            prop_assert_eq!(MptcpOption::parse(option.emit().as_slice()), Ok(option));
            prop_assert_eq!(option.emit().as_slice().len(), bytes.len());
        }
    }
}

#[test]
fn the_strategy_and_chance_reach_every_subtype() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [0_u32; 9];
    for _ in 0..4000 {
        seen[option().new_tree(&mut runner).expect("it makes an option").current().subtype() as usize] += 1;
    }
    let missing: Vec<_> = Subtype::ALL.iter().filter(|subtype| seen[**subtype as usize] < 100).collect();
    assert!(missing.is_empty(), "{missing:?} are hardly ever made: {seen:?}");
}

#[test]
fn lengths_are_those_of_the_figures() {
    // RFC 8684 Figures 4 to 9 and 12 to 17; kind and length count.
    let flags = CapableFlags { hmac_sha256: true, ..CapableFlags::default() };
    let capable = |stage| MptcpOption::Capable(Capable { flags, stage });
    let (sender_key, receiver_key) = (1, 2);
    let data = |checksum| capable(Stage::Data { sender_key, receiver_key, len: 3, checksum });
    let dss = |long: bool, ack: bool, checksum: Option<u16>| {
        let number = if long { DataSequence::Long(1) } else { DataSequence::Short(1) };
        let mapping = Mapping { data_sequence: number, subflow_sequence: 1, len: 1, checksum };
        MptcpOption::Dss(Dss { data_fin: false, data_ack: ack.then_some(number), mapping: Some(mapping) })
    };
    let add = |address: IpAddr, port, hmac| {
        MptcpOption::AddAddress(AddAddress { address_id: 1, address, port, hmac })
    };
    let (v4, v6) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));
    let ids = AddressIds::new(&[1, 2]).unwrap();
    let table = [
        (capable(Stage::Syn), 4),
        (capable(Stage::SynAck { sender_key }), 12),
        (capable(Stage::Ack { sender_key, receiver_key }), 20),
        (data(None), 22),
        (data(Some(4)), 24),
        (MptcpOption::Join(Join::Syn { backup: false, address_id: 1, token: 2, nonce: 3 }), 12),
        (MptcpOption::Join(Join::SynAck { backup: false, address_id: 1, hmac: 2, nonce: 3 }), 16),
        (MptcpOption::Join(Join::Ack { hmac: [0; 20] }), 24),
        (dss(false, false, None), 14),
        (dss(false, true, None), 18),
        (dss(true, true, None), 26),
        (dss(true, true, Some(0)), 28),
        (add(v4, None, Some(1)), 16),
        (add(v4, Some(5), Some(1)), 18),
        (add(v4, None, None), 8),
        (add(v6, None, Some(1)), 28),
        (add(v6, Some(5), Some(1)), 30),
        (add(v6, None, None), 20),
        (MptcpOption::RemoveAddress(ids), 5),
        (MptcpOption::Priority { backup: true }, 3),
        (MptcpOption::Fail { data_sequence: 1 }, 12),
        (MptcpOption::FastClose { receiver_key: 1 }, 12),
        (MptcpOption::Reset(Reset::new(ResetReason::UNSPECIFIED, false)), 4),
    ];
    for (option, len) in table {
        assert_eq!(option.emit().as_slice().len() + 2, len, "{option:?}");
    }
}

#[test]
fn a_whole_signal_with_checksum_fills_what_timestamps_leave() {
    // 40 bytes less 12 of timestamps are 28: 2 + 2 + 8 of DATA_ACK + 8 + 4 + 2 of the mapping + 2 of checksum.
    let mut options = TcpOptions::with_timestamps(Timestamps::default());
    let mapping =
        Mapping { data_sequence: DataSequence::Long(1), subflow_sequence: 2, len: 3, checksum: Some(4) };
    let dss = Dss { data_fin: true, data_ack: Some(DataSequence::Long(5)), mapping: Some(mapping) };
    options.try_push_mptcp(&MptcpOption::Dss(dss)).unwrap();
    assert_eq!(options.len(), 40);
    assert!(options.try_push_mptcp(&MptcpOption::Priority { backup: false }).is_err());
    // An address of version 6 with a port and its HMAC does not fit beside timestamps at all: 12 + 32 > 40.
    let add = MptcpOption::AddAddress(AddAddress {
        address_id: 1,
        address: IpAddr::V6(Ipv6Addr::LOCALHOST),
        port: Some(1),
        hmac: Some(2),
    });
    let mut stamped = TcpOptions::with_timestamps(Timestamps::default());
    assert!(stamped.try_push_mptcp(&add).is_err());
    let mut bare = TcpOptions::EMPTY;
    assert!(bare.try_push_mptcp(&add).is_ok());
}

#[test]
fn version_0_and_unknown_subtypes_are_no_options_of_ours() {
    // RFC 6824's SYN: version 0, key of 8 bytes.
    assert!(MptcpOption::parse(&[0x00, 0x81, 1, 2, 3, 4, 5, 6, 7, 8]).is_err());
    for subtype in 9_u8..16 {
        assert!(MptcpOption::parse(&[subtype << 4, 0]).is_err(), "{subtype}");
    }
    assert!(MptcpOption::parse(&[]).is_err());
}
