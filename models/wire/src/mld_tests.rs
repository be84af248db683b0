use super::*;
use crate::checksum::pseudo_header;
use crate::ip::IpProtocol;

const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
const NODE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

#[test]
fn a_report_of_version_1_has_the_bytes_of_rfc_2710() {
    let message = MessageV1 { kind: KindV1::Report, max_response_delay: 0, address: GROUP };
    let pseudo = pseudo_header(NODE.into(), GROUP.into(), IpProtocol::ICMPV6, 24);
    let mut out = [0xEE; 24];
    message.emit(&mut out, pseudo);
    // Pseudo-header: fe80 + 1 + ff02 + fb + 3a + 18 = 1fed0. Message: 8300 + ff02 + fb = 182fd.
    // Sum 381cd, folded 81d0, complement 7e2f.
    let mut expected = [0; 24];
    expected[..4].copy_from_slice(&[131, 0, 0x7E, 0x2F]);
    expected[8..].copy_from_slice(&GROUP.octets());
    assert_eq!(out, expected);
    assert_eq!(Message::parse(&out), Ok(Message::V1(message)));
    assert!(crate::icmpv6::verify(&out, pseudo));
    for len in 0..24 {
        assert!(matches!(Message::parse(&out[..len]), Err(ParseError::Truncated { .. })), "{len} bytes");
    }
    for kind in [KindV1::Query, KindV1::Done] {
        let message = MessageV1 { kind, max_response_delay: 10_000, ..message };
        message.emit(&mut out, pseudo);
        assert_eq!(Message::parse(&out), Ok(Message::V1(message)));
    }
}

#[test]
fn a_report_of_version_2_has_the_bytes_of_rfc_3810() {
    let sources = [NODE.octets(), [7; 16]];
    let records = [
        Record { kind: RecordKind::ChangeToExclude, address: GROUP, sources: Sources::NONE },
        Record {
            kind: RecordKind::AllowNewSources,
            address: GROUP,
            sources: Sources::new(&sources).unwrap(),
        },
    ];
    // 8 + 20 + 20 + 2 * 16 = 80.
    let mut out = vec![0xEE; report_len(&records).unwrap()];
    assert_eq!(out.len(), 80);
    emit_report(&records, &mut out, Sum::ZERO);
    assert_eq!((out[0], &out[4..8]), (143, &[0, 0, 0, 2][..]));
    assert_eq!(out[8..12], [4, 0, 0, 0]);
    assert_eq!(out[28..32], [5, 0, 0, 2]);
    assert!(crate::icmpv6::verify(&out, Sum::ZERO));
    let Ok(Message::ReportV2(read)) = Message::parse(&out) else { panic!("{out:?}") };
    assert_eq!(read.iter().collect::<Vec<_>>(), records);
    for len in 0..80 {
        assert!(matches!(Message::parse(&out[..len]), Err(ParseError::Truncated { .. })), "{len} bytes");
    }
}

#[test]
fn unknown_records_and_auxiliary_data_are_skipped() {
    let mut bytes = vec![143, 0, 0, 0, 0, 0, 0, 2];
    // A record of type 9 with one word of auxiliary data, then one of type 3.
    bytes.extend([9, 1, 0, 0]);
    bytes.extend(GROUP.octets());
    bytes.extend([0xAA; 4]);
    bytes.extend([3, 0, 0, 0]);
    bytes.extend(GROUP.octets());
    let Ok(Message::ReportV2(read)) = Message::parse(&bytes) else { panic!("{bytes:?}") };
    let expected = Record { kind: RecordKind::ChangeToInclude, address: GROUP, sources: Sources::NONE };
    assert_eq!(read.iter().collect::<Vec<_>>(), [expected]);
}

#[test]
fn a_longer_query_is_of_version_2() {
    let mut bytes = vec![130, 0, 0, 0, 0x27, 0x10, 0, 0];
    bytes.extend(GROUP.octets());
    bytes.extend([0x0A, 125, 0, 1]);
    bytes.extend(NODE.octets());
    let Ok(Message::QueryV2(query)) = Message::parse(&bytes) else { panic!("{bytes:?}") };
    // 2710 = 10000 ms; 0A: suppress and robustness 2; every 125 s; one source.
    assert_eq!((query.max_response_code, query.robustness()), (10_000, 2));
    assert!(query.suppress_router_processing);
    assert_eq!(query.query_interval_code, 125);
    assert_eq!(query.sources.iter().collect::<Vec<_>>(), [NODE]);
    assert_eq!((query.sources.len(), query.sources.is_empty()), (1, false));
    for len in 25..bytes.len() {
        assert!(Message::parse(&bytes[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn too_many_records_are_refused() {
    let mut bytes = vec![143, 0, 0, 0, 0, 0, 0, 65];
    bytes.extend([0; 65 * 20]);
    assert_eq!(Message::parse(&bytes), Err(ParseError::TooMany { header: RECORD, limit: 64 }));
    let record = Record { kind: RecordKind::ModeIsExclude, address: GROUP, sources: Sources::NONE };
    assert!(report_len(&[record; 65]).is_err());
    assert_eq!(report_len(&[record; 64]), Ok(8 + 64 * 20));
    assert!(Message::parse(&[135, 0, 0, 0, 0, 0, 0, 0]).is_err(), "a neighbour solicitation");
}
