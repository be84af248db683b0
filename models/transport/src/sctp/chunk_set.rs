//! Sets of chunk types, as CHUNKS lists them (RFC 4895 §3.2).

use wire::sctp::ChunkType;

/// A set of chunk types.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ChunkSet([u64; 4]);

impl ChunkSet {
    /// The types of a CHUNKS parameter, without those that cannot be listed (RFC 4895 §3.2).
    pub(super) fn of(types: impl Iterator<Item = u8>) -> Self {
        let mut set = Self::default();
        types.filter(|kind| !NEVER.contains(&ChunkType(*kind))).for_each(|kind| set.add(ChunkType(kind)));
        set
    }

    pub(super) fn add(&mut self, kind: ChunkType) {
        self.0[usize::from(kind.0 >> 6)] |= 1 << (kind.0 & 63);
    }

    pub(super) fn contains(&self, kind: ChunkType) -> bool {
        self.0[usize::from(kind.0 >> 6)] >> (kind.0 & 63) & 1 == 1
    }

    pub(super) fn types(self) -> Vec<u8> {
        (0..=u8::MAX).filter(|kind| self.contains(ChunkType(*kind))).collect()
    }
}

/// Types that are never listed in CHUNKS (RFC 4895 §3.2).
const NEVER: [ChunkType; 4] =
    [ChunkType::INIT, ChunkType::INIT_ACK, ChunkType::SHUTDOWN_COMPLETE, ChunkType::AUTH];

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: RFC 4895 3.2-c
    #[test]
    fn some_types_are_never_listed() {
        let set = ChunkSet::of([0, 1, 2, 14, 15, 193].into_iter());
        assert_eq!(set.types(), [0, 193]);
    }
}
