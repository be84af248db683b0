use super::*;

// Holds: RFC 9293 MUST-4.
#[test]
fn linux_s_syn_options_come_in_its_order() {
    let options = TcpOptions::syn(SynOptions {
        maximum_segment_size: Some(1460),
        sack_permitted: true,
        timestamps: Some(Timestamps { value: 0x0102_0304, echo_reply: 0 }),
        window_scale: Some(7),
    });
    // MSS 1460 = 5B4; SACK permitted; timestamps; one no-operation; window scale: 4 + 2 + 10 + 1 + 3 = 20.
    let expected = [2, 4, 0x05, 0xB4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];
    assert_eq!(options.as_bytes(), expected);
}

#[test]
fn every_set_of_syn_options_is_aligned_and_read_back() {
    let timestamps = Timestamps { value: 9, echo_reply: 8 };
    for set in 0..16_u8 {
        let syn = SynOptions {
            maximum_segment_size: (set & 1 != 0).then_some(536),
            sack_permitted: set & 2 != 0,
            timestamps: (set & 4 != 0).then_some(timestamps),
            window_scale: (set & 8 != 0).then_some(14),
        };
        let options = TcpOptions::syn(syn);
        let mut read = SynOptions::default();
        for option in &options {
            match option {
                TcpOption::MaximumSegmentSize(size) => read.maximum_segment_size = Some(size),
                TcpOption::SackPermitted => read.sack_permitted = true,
                TcpOption::Timestamps(timestamps) => read.timestamps = Some(timestamps),
                TcpOption::WindowScale(shift) => read.window_scale = Some(shift),
                TcpOption::NoOperation => {}
                other => panic!("{other:?} in set {set}"),
            }
        }
        assert_eq!(read, syn);
        assert_eq!(options.timestamps(), syn.timestamps);
        // No end-of-list padding was needed: the last word ends with an option.
        let used: usize =
            options.0.iter().map(|raw| if raw.kind == 1 { 1 } else { 2 + raw.data.len() }).sum();
        assert_eq!(used, options.len(), "set {set}");
    }
}

#[test]
fn four_sack_blocks_fit_and_three_beside_timestamps() {
    let block = |n: u32| SackBlock { start: n * 100, end: n * 100 + 50 };
    let blocks: Vec<SackBlock> = (1..=5).map(block).collect();
    assert_eq!(SackBlocks::new(&blocks), None, "five blocks are 2 + 5 * 8 = 42 bytes");
    assert_eq!(SackBlocks::new(&[]), None);
    let four = SackBlocks::new(&blocks[..4]).unwrap();
    let mut options = TcpOptions::EMPTY;
    options.try_push(TcpOption::Sack(four)).unwrap();
    assert_eq!(options.len(), 36, "2 + 4 * 8 = 34, padded to 36");
    assert_eq!(options.iter().next(), Some(TcpOption::Sack(four)));

    // Timestamps 12, two no-operations 2, three blocks 26: exactly 40.
    let mut options = TcpOptions::with_timestamps(Timestamps { value: 1, echo_reply: 2 });
    options.try_push(TcpOption::NoOperation).unwrap();
    options.try_push(TcpOption::NoOperation).unwrap();
    let before = options;
    let error = NoRoom { what: "the TCP option list", room: 26, need: 34 };
    assert_eq!(options.try_push(TcpOption::Sack(four)), Err(error));
    assert_eq!(options, before, "a refused option changes nothing");
    let three = SackBlocks::new(&blocks[..3]).unwrap();
    options.try_push(TcpOption::Sack(three)).unwrap();
    assert_eq!(options.len(), 40);
    // Block 1: 100 to 150 = 64 to 96 hexadecimal.
    assert_eq!(options.as_bytes()[12..24], [1, 1, 5, 26, 0, 0, 0, 0x64, 0, 0, 0, 0x96]);
}

#[test]
fn a_known_kind_of_another_length_is_unknown() {
    // MSS of length 3, SACK of 6 bytes, Fast Open of 2 and of 5 bytes, window scale of 2 bytes.
    for (kind, data) in [
        (2, &[1][..]),
        (5, &[0; 6]),
        (5, &[]),
        (34, &[1, 2]),
        (34, &[1, 2, 3, 4, 5]),
        (3, &[1, 2]),
        (8, &[0; 9]),
    ] {
        let mut options = TcpOptions::EMPTY;
        let unknown = UnknownOption::new(kind, data).unwrap();
        options.try_push(TcpOption::Unknown(unknown)).unwrap();
        assert_eq!(options.iter().next(), Some(TcpOption::Unknown(unknown)));
        assert_eq!((unknown.kind(), unknown.data()), (kind, data));
    }
    assert_eq!(UnknownOption::new(1, &[]), None, "kinds 0 and 1 have no length");
}

// Holds: RFC 9293 MUST-69.
#[test]
fn several_multipath_options_stand_side_by_side() {
    let mut options = TcpOptions::EMPTY;
    options.try_push(TcpOption::Mptcp(&[0x20, 0x01])).unwrap();
    options.try_push(TcpOption::Mptcp(&[0x40, 0x02, 0x03])).unwrap();
    assert_eq!(options.as_bytes(), [30, 4, 0x20, 1, 30, 5, 0x40, 2, 3, 0, 0, 0]);
    let read: Vec<_> = options.iter().collect();
    assert_eq!(read, [TcpOption::Mptcp(&[0x20, 1]), TcpOption::Mptcp(&[0x40, 2, 3])]);
}

#[test]
fn experimental_fast_open_stays_unknown_with_its_magic() {
    // RFC 7413 Appendix A: kind 254 with the magic F989.
    let mut options = TcpOptions::EMPTY;
    let unknown = UnknownOption::new(254, &[0xF9, 0x89]).unwrap();
    options.try_push(TcpOption::Unknown(unknown)).unwrap();
    assert_eq!(options.as_bytes(), [254, 4, 0xF9, 0x89]);
}

#[test]
fn a_cookie_has_an_even_length_from_four_to_sixteen() {
    for len in 0..=20_usize {
        let cookie = FastOpenCookie::new(&vec![7; len]);
        // RFC 7413 §4.1.1: option length 2 is the request, 6 to 18 and even a cookie.
        assert_eq!(cookie.is_some(), [0, 4, 6, 8, 10, 12, 14, 16].contains(&len), "length {len}");
    }
    assert_eq!(FastOpenCookie::REQUEST.as_bytes(), []);
    let mut options = TcpOptions::EMPTY;
    options.try_push(TcpOption::FastOpen(FastOpenCookie::new(&[1, 2, 3, 4]).unwrap())).unwrap();
    assert_eq!(options.as_bytes(), [34, 6, 1, 2, 3, 4, 0, 0]);
}

#[test]
fn a_user_timeout_has_a_unit_bit() {
    let mut options = TcpOptions::EMPTY;
    options.try_push(TcpOption::UserTimeout(UserTimeout::from_minutes(5).unwrap())).unwrap();
    // RFC 5482 §3: kind 28, length 4, granularity bit for minutes, 15 bits.
    assert_eq!(options.as_bytes(), [28, 4, 0x80, 5]);
    assert_eq!(UserTimeout::from_minutes(5).map(UserTimeout::as_secs), Some(300));
    assert_eq!(UserTimeout::from_secs(32_767).map(UserTimeout::as_secs), Some(32_767));
    assert_eq!(UserTimeout::from_secs(32_768), None);
    assert_eq!(UserTimeout::from_minutes(32_768), None);
}

#[test]
fn accurate_ecn_counters_stand_in_either_order() {
    let zero = AccEcnCounters::new(AccEcnOrder::Zero, &[1, 2, 0x0A0B_0C0D]).unwrap();
    assert_eq!((zero.ect0_bytes(), zero.ce_bytes(), zero.ect1_bytes()), (Some(1), Some(2), Some(0x0B_0C0D)));
    let one = AccEcnCounters::new(AccEcnOrder::One, &[1, 2]).unwrap();
    assert_eq!((one.ect0_bytes(), one.ce_bytes(), one.ect1_bytes()), (None, Some(2), Some(1)));
    assert_eq!(AccEcnCounters::new(AccEcnOrder::One, &[0; 4]), None);
    let mut options = TcpOptions::EMPTY;
    options.try_push(TcpOption::AccEcn(one)).unwrap();
    assert_eq!(options.as_bytes(), [174, 8, 0, 0, 1, 0, 0, 2]);
    assert_eq!(options.iter().next(), Some(TcpOption::AccEcn(one)));
    assert_eq!((one.option_len(), zero.option_len()), (8, 11));
}

// Holds: RFC 9768 3.2.3-c.
#[test]
fn accurate_ecn_options_of_any_length_are_read_as_far_as_whole_counters_go() {
    // Table 5: 2, 5, 8 and 11 bytes; what is left over is padding.
    for (data, counters) in [
        (&[][..], &[][..]),
        (&[0, 0, 1], &[1]),
        (&[0, 0, 1, 9], &[1]),
        (&[0, 0, 1, 0, 0, 2], &[1, 2]),
        (&[0, 0, 1, 0, 0, 2, 9, 9], &[1, 2]),
        (&[0, 0, 1, 0, 0, 2, 0, 0, 3], &[1, 2, 3]),
        (&[0, 0, 1, 0, 0, 2, 0, 0, 3, 9, 9, 9, 9], &[1, 2, 3]),
    ] {
        for (kind, order) in [(172, AccEcnOrder::Zero), (174, AccEcnOrder::One)] {
            let mut list = vec![kind, data.len() as u8 + 2];
            list.extend(data);
            list.resize(list.len().next_multiple_of(4), 0);
            let expected = AccEcnCounters::new(order, counters).unwrap();
            let options = TcpOptions::from_wire(&list);
            assert_eq!(options.iter().next(), Some(TcpOption::AccEcn(expected)), "{list:?}");
        }
    }
}

// Holds: RFC 9293 MUST-64.
#[test]
fn timestamps_are_found_wherever_they_stand() {
    let timestamps = Timestamps { value: 5, echo_reply: 6 };
    let mut options = TcpOptions::EMPTY;
    options.try_push(TcpOption::Mptcp(&[0x20, 0])).unwrap();
    options.try_push(TcpOption::Timestamps(timestamps)).unwrap();
    assert_eq!(options.timestamps(), Some(timestamps));
    assert_eq!(TcpOptions::EMPTY.timestamps(), None);
    assert_eq!(TcpOptions::with_timestamps(timestamps).timestamps(), Some(timestamps));
}

#[test]
fn what_follows_an_impossible_length_is_ignored() {
    // Window scale, then kind 5 of length 1, then what would be timestamps.
    let list = [3, 3, 7, 5, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let options = TcpOptions::from_wire(&list);
    assert_eq!(options.iter().collect::<Vec<_>>(), [TcpOption::WindowScale(7)]);
    assert_eq!(options.malformed_at(), Some(3));
    assert_eq!(options.as_bytes(), list, "kept to the byte");
}
