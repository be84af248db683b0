//! The chunks of packets that were sent, in words.

use wire::sctp::{Chunk, Chunks, Parameter, PlaceInMessage};

use super::Lab;

/// Each chunk that a side has sent, with what matters of it; TSNs count from the side's first one.
pub(crate) fn said(lab: &Lab, side: usize, first: u32) -> Vec<String> {
    let mut words = Vec::new();
    for (_, _, transmit) in lab.sent.iter().filter(|(_, from, _)| *from == side) {
        let bytes = transmit.packet.to_vec();
        for chunk in Chunks::new(&bytes[12..]) {
            words.push(word(&chunk.expect("it was sent"), first));
        }
    }
    words
}

fn word(chunk: &Chunk<'_>, first: u32) -> String {
    match chunk {
        Chunk::Data(data, _) => {
            let tsn = data.tsn.wrapping_sub(first);
            format!("DATA {tsn} stream {} number {}", data.stream, data.ssn)
        }
        Chunk::IData(data, _) => {
            let tsn = data.tsn.wrapping_sub(first);
            let unordered = if data.flags.unordered { " unordered" } else { "" };
            let place = match data.place {
                PlaceInMessage::First { .. } => 0,
                PlaceInMessage::Later { fsn } => fsn,
            };
            format!("I-DATA {tsn} stream {} number {}.{place}{unordered}", data.stream, data.mid)
        }
        Chunk::ReConfig(list) => {
            let all: Vec<String> = list.iter().flatten().map(|it| parameter(&it, first)).collect();
            format!("RE-CONFIG {}", all.join(" & "))
        }
        Chunk::ForwardTsn { new_cumulative_tsn, streams } => {
            let all: Vec<_> = streams.iter().collect();
            format!("FORWARD-TSN {} {all:?}", new_cumulative_tsn.wrapping_sub(first))
        }
        Chunk::IForwardTsn { new_cumulative_tsn, streams } => {
            let all: Vec<_> = streams.iter().collect();
            format!("I-FORWARD-TSN {} {all:?}", new_cumulative_tsn.wrapping_sub(first))
        }
        other => other.kind().name().to_owned(),
    }
}

fn parameter(parameter: &Parameter<'_>, first: u32) -> String {
    match *parameter {
        Parameter::OutgoingReset { last_tsn, streams, .. } => {
            format!("outgoing reset {:?} after {}", numbers(streams), last_tsn.wrapping_sub(first) as i32)
        }
        Parameter::IncomingReset { streams, .. } => format!("incoming reset {:?}", numbers(streams)),
        Parameter::TsnReset { .. } => "TSN reset".to_owned(),
        Parameter::AddOutgoing { streams, .. } => format!("add outgoing {streams}"),
        Parameter::AddIncoming { streams, .. } => format!("add incoming {streams}"),
        Parameter::ReconfigResponse { result, tsns, .. } => match tsns {
            Some((_, peers)) => format!("result {result} next {}", peers.wrapping_sub(first)),
            None => format!("result {result}"),
        },
        ref other => format!("{other:?}"),
    }
}

fn numbers(streams: &[u8]) -> Vec<u16> {
    streams.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect()
}
