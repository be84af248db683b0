use super::*;
use crate::ipv4_options::{Ipv4Option, Ipv4Options, Route};
use std::net::{Ipv4Addr, Ipv6Addr};

fn packet(payload_len: usize) -> ipv4::Header {
    let (from, to) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let mut header = ipv4::Header::new(from, to, IpProtocol::UDP, payload_len).unwrap();
    header.fragmentation.identification = 111;
    header
}

fn shape(fragments: impl Iterator<Item = Ipv4Fragment>) -> Vec<(usize, usize, bool, Range<usize>)> {
    fragments
        .map(|part| {
            let fields = part.header.fragmentation;
            assert_eq!(fields.identification, 111);
            assert_eq!(part.header.payload_len(), part.payload.len());
            (part.header.total_len(), fields.offset(), fields.more_fragments, part.payload)
        })
        .collect()
}

#[test]
fn the_example_of_rfc_791_is_cut_in_two() {
    // RFC 791 Appendix A, examples 2 and 3: 472 bytes for an MTU of 280. (280 - 20) / 8 = 32 units = 256 bytes;
    // the appendix shows total length 276 with more fragments, then total length 216 at offset 32 * 8 = 256.
    let parts = shape(fragment_ipv4(&packet(452), 280).unwrap());
    assert_eq!(parts, [(276, 0, true, 0..256), (216, 256, false, 256..452)]);
}

#[test]
fn a_packet_that_fits_stays_whole() {
    let parts = shape(fragment_ipv4(&packet(1480), 1500).unwrap());
    assert_eq!(parts, [(1500, 0, false, 0..1480)]);
    let mut guarded = packet(1480);
    guarded.fragmentation.dont_fragment = true;
    assert!(fragment_ipv4(&guarded, 1500).is_ok());
    assert_eq!(fragment_ipv4(&guarded, 1499).unwrap_err(), FragmentError::DontFragment { mtu: 1499 });
}

#[test]
fn a_fragment_is_cut_again_at_its_own_place() {
    let first = fragment_ipv4(&packet(452), 280).unwrap().next().unwrap().header;
    // (100 - 20) / 8 = 10 units = 80 bytes a piece: 80, 80, 80, 16, and more follow behind all.
    let parts = shape(fragment_ipv4(&first, 100).unwrap());
    let expected = [
        (100, 0, true, 0..80),
        (100, 80, true, 80..160),
        (100, 160, true, 160..240),
        (36, 240, true, 240..256),
    ];
    assert_eq!(parts, expected);
    let last = fragment_ipv4(&packet(452), 280).unwrap().nth(1).unwrap().header;
    // 196 bytes from offset 256: (200 - 20) / 8 = 22 units = 176, then 20 without the flag.
    let parts = shape(fragment_ipv4(&last, 200).unwrap());
    assert_eq!(parts, [(196, 256, true, 0..176), (40, 432, false, 176..196)]);
}

#[test]
fn later_fragments_have_room_for_what_options_left() {
    let mut options = Ipv4Options::EMPTY;
    options.try_push(Ipv4Option::RouterAlert(0)).unwrap();
    options.try_push(Ipv4Option::RecordRoute(Route { pointer: 4, data: &[0; 9] })).unwrap();
    let header = packet(300).with_options(options).unwrap();
    // First: header 20 + 16, (100 - 36) / 8 = 8 units = 64. Later: 20 + 4, (100 - 24) / 8 = 9 units = 72.
    let lens: Vec<_> =
        fragment_ipv4(&header, 100).unwrap().map(|part| (part.header.len(), part.payload)).collect();
    assert_eq!(lens, [(36, 0..64), (24, 64..136), (24, 136..208), (24, 208..280), (24, 280..300)]);
}

#[test]
fn no_room_and_no_offset_are_errors() {
    let error = FragmentError::MtuTooSmall { mtu: 27, header_len: 20 };
    assert_eq!(fragment_ipv4(&packet(100), 27).unwrap_err(), error);
    assert_eq!(fragment_ipv4(&packet(100), 28).unwrap().count(), 13, "100 / 8 = 12.5");
    let mut header = packet(1000);
    header.fragmentation = header.fragmentation.at(65_000).unwrap();
    assert_eq!(fragment_ipv4(&header, 500).unwrap_err(), FragmentError::TooLong { end: 66_000 });
}

fn whole(fragmentable_len: usize) -> Ipv6Whole {
    let header = ipv6::Header::new(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, IpProtocol::HOP_BY_HOP, 0);
    Ipv6Whole {
        header,
        unfragmentable_len: 8,
        next_header: IpProtocol::UDP,
        fragmentable_len,
        identification: 9,
    }
}

#[test]
fn ipv6_fragments_each_carry_a_fragment_header() {
    // 1280 - 40 - 8 - 8 = 1224 = 153 units: 1224, 1224, 552 of 3000 bytes.
    let parts: Vec<_> = fragment_ipv6(&whole(3000), 1280).unwrap().collect();
    let ranges: Vec<_> = parts.iter().map(|part| part.payload.clone()).collect();
    assert_eq!(ranges, [0..1224, 1224..2448, 2448..3000]);
    let lens: Vec<_> = parts.iter().map(|part| part.header.payload_len).collect();
    assert_eq!(lens, [1240, 1240, 568]);
    let more: Vec<_> = parts.iter().map(|part| part.fragment.more_fragments).collect();
    assert_eq!(more, [true, true, false]);
    assert!(parts.iter().all(|part| part.fragment.offset() == part.payload.start));
}

#[test]
fn ipv6_has_its_limits_too() {
    let error = FragmentError::MtuTooSmall { mtu: 63, header_len: 56 };
    assert_eq!(fragment_ipv6(&whole(100), 63).unwrap_err(), error);
    assert_eq!(fragment_ipv6(&whole(65_528), 1280).unwrap_err(), FragmentError::TooLong { end: 65_536 });
    let all: Vec<_> = fragment_ipv6(&whole(65_527), 1_000_000).unwrap().map(|part| part.payload).collect();
    // One fragment holds 65535 - 8 - 8 = 65519 bytes at most, 65512 of them in whole units.
    assert_eq!(all, [0..65_512, 65_512..65_527]);
}

proptest::proptest! {
    #[test]
    fn fragments_cover_the_payload_without_gap_or_overlap(
        payload_len in 0_usize..=65_515,
        mtu in 28_usize..70_000,
    ) {
        let mut end = 0;
        let parts: Vec<_> = fragment_ipv4(&packet(payload_len), mtu).unwrap().collect();
        for (index, part) in parts.iter().enumerate() {
            assert_eq!(part.payload.start, end);
            assert_eq!(part.header.fragmentation.offset(), end);
            assert!(part.header.total_len() <= mtu);
            let is_last = index + 1 == parts.len();
            assert_eq!(part.header.fragmentation.more_fragments, !is_last);
            assert!(is_last || part.payload.len() % 8 == 0 && !part.payload.is_empty());
            end = part.payload.end;
        }
        assert_eq!(end, payload_len);
    }
}
