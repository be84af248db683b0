//! Keys and codes of chunk authentication, computed anew from the packets of a handshake (RFC 4895 §6).

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use transport::endpoint::Transmit;
use wire::sctp::Chunk;

use super::{Lab, kinds};

/// RANDOM, CHUNKS and HMAC-ALGO of an INIT or INIT ACK, headers and all, without padding: the bytes as they were sent.
fn key_vector(transmit: &Transmit) -> Vec<u8> {
    let bytes = transmit.packet.to_vec();
    let Ok((Chunk::Init(body) | Chunk::InitAck(body), _)) = Chunk::parse(&bytes[12..]) else {
        panic!("it begins no association")
    };
    let wanted = [0x8002_u16, 0x8003, 0x8004];
    let mut found = BTreeMap::new();
    for (kind, whole) in body.parameters.raw() {
        let len = usize::from(u16::from_be_bytes([whole[2], whole[3]]));
        found.insert(kind.0, whole[..len].to_vec());
    }
    wanted.iter().filter_map(|kind| found.remove(kind)).flatten().collect()
}

/// The association shared key, as RFC 4895 §6.1 has it. Both vectors begin with 0x8002, so that as numbers the shorter is
/// the smaller, and of equally long ones the first byte that differs decides.
pub(crate) fn association_key(lab: &Lab, shared: &[u8]) -> Vec<u8> {
    let of = |kind: &str| {
        let sent = lab.sent.iter().find(|(_, _, it)| kinds(it).first() == Some(&kind)).expect("a handshake");
        key_vector(&sent.2)
    };
    let mut vectors = [of("INIT"), of("INIT-ACK")];
    vectors.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    [shared, &vectors[0], &vectors[1]].concat()
}

/// The code over chunks, the first of which is an AUTH chunk with its code.
pub(crate) fn code_of(chunks: &[u8], key: &[u8], sha1: bool) -> Vec<u8> {
    let len = if sha1 { 20 } else { 32 };
    let mut zeroed = chunks.to_vec();
    zeroed[8..8 + len].fill(0);
    if sha1 {
        let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("any key will do");
        mac.update(&zeroed);
        mac.finalize().into_bytes().to_vec()
    } else {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
        mac.update(&zeroed);
        mac.finalize().into_bytes().to_vec()
    }
}

/// An AUTH chunk and what it signs.
pub(crate) fn signed(chunks: &[u8], key: &[u8], key_id: u16, sha1: bool) -> Vec<u8> {
    let (algorithm, len) = if sha1 { (1, 20) } else { (3, 32) };
    let mut bytes = Vec::new();
    Chunk::Auth { key: key_id, algorithm, hmac: &[0; 32][..len] }.emit(&mut bytes);
    bytes.extend(chunks);
    let code = code_of(&bytes, key, sha1);
    bytes[8..8 + len].copy_from_slice(&code);
    bytes
}
