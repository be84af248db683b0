//! SCTP: no packet may panic, and chunks survive emit and parse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::sctp::{Chunk, Chunks, CommonHeader, ParameterList, Parameters};

fn walk(list: Parameters<'_>) {
    for parameter in list.iter().flatten() {
        let mut again = ParameterList::new();
        again.push(&parameter);
        assert_eq!(again.parameters().iter().next(), Some(Ok(parameter)));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = CommonHeader::parse(bytes);
    for chunk in Chunks::new(bytes).flatten() {
        let mut out = Vec::new();
        chunk.emit(&mut out);
        assert_eq!(Chunk::parse(&out), Ok((chunk, &[][..])));
        match chunk {
            Chunk::Init(body) | Chunk::InitAck(body) => walk(body.parameters),
            Chunk::Heartbeat(list) | Chunk::HeartbeatAck(list) | Chunk::ReConfig(list) => walk(list),
            Chunk::Asconf { parameters, .. } | Chunk::AsconfAck { parameters, .. } => walk(parameters),
            Chunk::Abort { causes, .. } | Chunk::Error(causes) => drop(causes.iter().count()),
            _ => {}
        }
    }
});
