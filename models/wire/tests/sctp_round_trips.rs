//! No bytes make the SCTP parsers panic, and what they accept survives emit and parse.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::error::ParseError;
use wire::sctp::{Chunk, Chunks, ParameterList, Parameters};

const KINDS: [u8; 24] =
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 64, 128, 130, 132, 192, 193, 194, 250];
const PARAMETERS: [u16; 30] = [
    1, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 0x8000, 0x8001, 0x8002, 0x8003, 0x8004, 0x8005, 0x8008,
    0xC000, 0xC001, 0xC002, 0xC003, 0xC004, 0xC005, 0xC006, 0xC0FF, 99,
];

/// A field of type, length and value, padded, whose length may be wrong by a little.
fn field(head: u16, value: Vec<u8>, error: i8) -> Vec<u8> {
    let length = (value.len() as i32 + 4 + i32::from(error)).clamp(0, 65_535) as u16;
    let mut bytes: Vec<u8> = [head.to_be_bytes(), length.to_be_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn mostly_right() -> impl Strategy<Value = i8> {
    prop_oneof![9 => Just(0_i8), 1 => -5_i8..6]
}

/// A list of parameters or causes: known types with values of likely and unlikely lengths.
fn list() -> impl Strategy<Value = Vec<u8>> {
    let address = vec(any::<u8>(), 16).prop_map(|octets| field(6, octets, 0));
    let nested = (vec(any::<u8>(), 4), address).prop_map(|(mut head, inner)| {
        head.extend(inner);
        head
    });
    let value = prop_oneof![
        vec(any::<u8>(), 0..30),
        vec(any::<u8>(), 4),
        vec(any::<u8>(), 8),
        vec(any::<u8>(), 16),
        nested
    ];
    let kind = prop_oneof![prop::sample::select(&PARAMETERS[..]), any::<u16>(), 1_u16..14];
    vec((kind, value, mostly_right()).prop_map(|(kind, value, error)| field(kind, value, error)), 0..5)
        .prop_map(|fields| fields.concat())
}

fn chunk_bytes() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![prop::sample::select(&KINDS[..]), any::<u8>()];
    let sack = (vec(any::<u8>(), 8), 0_u8..4, 0_u8..3).prop_map(|(mut head, gaps, repeated)| {
        head.extend([0, gaps, 0, repeated]);
        head.resize(12 + 4 * usize::from(gaps + repeated), 0x77);
        head
    });
    let head = prop_oneof![Just(0_usize), Just(4), Just(16)];
    let body = (head, list()).prop_map(|(head, list)| [vec![0x21; head], list].concat());
    let value = prop_oneof![vec(any::<u8>(), 0..60), vec(any::<u8>(), 4), sack, body];
    (kind, any::<u8>(), value, mostly_right())
        .prop_map(|(kind, flags, value, error)| field(u16::from_be_bytes([kind, flags]), value, error))
}

/// Reads everything that can be read of a list, and writes it again.
fn rewrite(list: Parameters<'_>) -> Result<(), ParseError> {
    for parameter in list.iter() {
        let Ok(parameter) = parameter else { continue };
        let mut again = ParameterList::new();
        again.push(&parameter);
        let read: Vec<_> = again.parameters().iter().collect();
        assert_eq!(read, [Ok(parameter)]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    // Holds: RFC 9260 3.2-a, 3.2-b, 3.2.1-a
    #[test]
    fn chunks_survive_emit_and_parse(bytes in vec(chunk_bytes(), 1..4)) {
        let bytes = bytes.concat();
        for chunk in Chunks::new(&bytes) {
            let Ok(chunk) = chunk else { continue };
            let mut out = Vec::new();
            chunk.emit(&mut out);
            prop_assert_eq!(out.len() % 4, 0);
            let (again, rest) = Chunk::parse(&out).expect("what was emitted can be read");
            prop_assert_eq!(again, chunk);
            prop_assert!(rest.is_empty());
            match chunk {
                Chunk::Init(body) | Chunk::InitAck(body) => rewrite(body.parameters).expect("it was read"),
                Chunk::Heartbeat(list) | Chunk::HeartbeatAck(list) | Chunk::ReConfig(list) => {
                    rewrite(list).expect("it was read");
                }
                Chunk::Asconf { parameters, .. } | Chunk::AsconfAck { parameters, .. } => {
                    rewrite(parameters).expect("it was read");
                }
                Chunk::Abort { causes, .. } | Chunk::Error(causes) => {
                    for cause in causes.iter().flatten() {
                        let mut out = Vec::new();
                        cause.emit(&mut out);
                        let list = wire::sctp::Causes::parse(&out).expect("one cause");
                        prop_assert_eq!(list.iter().collect::<Vec<_>>(), [Ok(cause)]);
                    }
                }
                Chunk::ForwardTsn { streams, .. } => drop(streams.iter().count()),
                Chunk::IForwardTsn { streams, .. } => drop(streams.iter().count()),
                _ => {}
            }
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..200)) {
        let count = Chunks::new(&bytes).count();
        prop_assert!(count <= bytes.len() / 4 + 1);
    }
}

#[test]
fn the_strategy_reaches_every_chunk() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [0_u32; 256];
    for _ in 0..20_000 {
        let bytes = chunk_bytes().new_tree(&mut runner).expect("it makes bytes").current();
        if let Ok((chunk, _)) = Chunk::parse(&bytes) {
            seen[usize::from(chunk.kind().0)] += 1;
        }
    }
    let missing: Vec<_> = KINDS.iter().filter(|kind| seen[usize::from(**kind)] < 10).collect();
    assert!(missing.is_empty(), "{missing:?} are hardly ever made: {seen:?}");
}
