//! What survivors sign, and when their addresses come and go.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim_core::SimTime;
use transport::sctp::Authentication;
use wire::sctp::ChunkType;

use super::at;

/// What is signed: nothing, data, or all.
pub(crate) fn authentication(seed: u64) -> Option<Authentication> {
    let chunks = match seed % 3 {
        0 => return None,
        1 => vec![ChunkType::DATA],
        _ => Authentication::POSSIBLE.to_vec(),
    };
    // ABORT and ERROR are left out: an endpoint without an association cannot sign them, and is not believed then.
    let unsigned = [ChunkType::ABORT, ChunkType::ERROR];
    let chunks = chunks.into_iter().filter(|kind| !unsigned.contains(kind)).collect();
    let keys = if seed.is_multiple_of(5) {
        BTreeMap::from([(5, b"both know it".to_vec())])
    } else {
        BTreeMap::new()
    };
    let key = if keys.is_empty() { 0 } else { 5 };
    Some(Authentication { chunks, keys, key, ..Authentication::default() })
}

/// When which address of which side comes or goes, the last first; all are there in the end.
pub(crate) fn moves(seed: u64, wanted: bool) -> Vec<(SimTime, usize, usize, bool)> {
    if !wanted {
        return Vec::new();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xADD4);
    let mut up_to = |most: u32| rng.next_u32() % most;
    let mut moves: Vec<_> = (0..12)
        .map(|_| (at(u64::from(up_to(20_000))), up_to(2) as usize, up_to(2) as usize, up_to(2) == 0))
        .collect();
    moves.extend([(0, 0), (0, 1), (1, 0), (1, 1)].map(|(side, path)| (at(25_000), side, path, true)));
    moves.sort_by(|one, other| other.cmp(one));
    moves
}
