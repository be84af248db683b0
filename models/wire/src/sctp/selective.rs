//! Selective acknowledgement (RFC 9260 §3.3.4).

use super::{ChunkType, SACK_HEADER_LEN};
use crate::error::ParseError;

/// Received chunks behind a gap, as offsets from the cumulative TSN: both ends belong to the block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GapBlock {
    /// Offset of the first TSN.
    pub start: u16,
    /// Offset of the last TSN.
    pub end: u16,
}

impl GapBlock {
    /// Its bytes in a chunk.
    #[inline]
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.start.to_be_bytes(), self.end.to_be_bytes());
        [a, b, c, d]
    }
}

/// A SACK chunk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sack<'a> {
    /// The last TSN before the first gap.
    pub cumulative_tsn_ack: u32,
    /// Bytes of receive buffer left.
    pub a_rwnd: u32,
    blocks: &'a [u8],
    duplicates: &'a [u8],
}

impl<'a> Sack<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        const NAME: &str = "a SACK chunk";
        let Some((head, rest)) = value.split_first_chunk::<12>() else {
            return Err(ParseError::Truncated { header: NAME, need: 16, have: value.len() + 4 });
        };
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let gaps = usize::from(u16::from_be_bytes([head[8], head[9]]));
        let repeated = usize::from(u16::from_be_bytes([head[10], head[11]]));
        if rest.len() != (gaps + repeated) * 4 {
            let value = (gaps + repeated) as u32;
            return Err(ParseError::Field { header: NAME, field: "number of blocks", value });
        }
        let (blocks, duplicates) = rest.split_at(gaps * 4);
        Ok(Self { cumulative_tsn_ack: word(0), a_rwnd: word(4), blocks, duplicates })
    }

    /// The gap acknowledgement blocks, in the order of the chunk.
    pub fn blocks(&self) -> impl Iterator<Item = GapBlock> + Clone + use<'a> {
        self.blocks.as_chunks::<4>().0.iter().map(|&[a, b, c, d]| GapBlock {
            start: u16::from_be_bytes([a, b]),
            end: u16::from_be_bytes([c, d]),
        })
    }

    /// Whether there is any gap.
    #[must_use]
    pub const fn has_gaps(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// TSNs that came more than once since the last SACK.
    pub fn duplicates(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        self.duplicates.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word))
    }

    /// The bytes of a chunk in front of its gap blocks and of the duplicates behind those, each of four bytes.
    ///
    /// # Panics
    /// There are more than about 16000 blocks and duplicates.
    #[inline]
    #[must_use]
    pub fn head(
        flags: u8,
        cumulative_tsn_ack: u32,
        a_rwnd: u32,
        blocks: usize,
        duplicates: usize,
    ) -> [u8; SACK_HEADER_LEN] {
        let length = u16::try_from(SACK_HEADER_LEN + (blocks + duplicates) * 4);
        let length = length.expect("a chunk's length has 16 bits");
        let mut out = [0; SACK_HEADER_LEN];
        (out[0], out[1]) = (ChunkType::SACK.0, flags);
        out[2..4].copy_from_slice(&length.to_be_bytes());
        out[4..8].copy_from_slice(&cumulative_tsn_ack.to_be_bytes());
        out[8..12].copy_from_slice(&a_rwnd.to_be_bytes());
        out[12..14].copy_from_slice(&(blocks as u16).to_be_bytes());
        out[14..16].copy_from_slice(&(duplicates as u16).to_be_bytes());
        out
    }

    /// Appends a SACK chunk.
    ///
    /// # Panics
    /// There are more than about 16000 blocks and duplicates.
    pub fn emit(
        out: &mut Vec<u8>,
        cumulative_tsn_ack: u32,
        a_rwnd: u32,
        blocks: &[GapBlock],
        duplicates: &[u32],
    ) {
        out.extend(Self::head(0, cumulative_tsn_ack, a_rwnd, blocks.len(), duplicates.len()));
        out.extend(blocks.iter().flat_map(|block| block.to_bytes()));
        out.extend(duplicates.iter().flat_map(|tsn| tsn.to_be_bytes()));
    }

    pub(super) fn emit_again(&self, out: &mut Vec<u8>) {
        let blocks: Vec<_> = self.blocks().collect();
        let duplicates: Vec<_> = self.duplicates().collect();
        Self::emit(out, self.cumulative_tsn_ack, self.a_rwnd, &blocks, &duplicates);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_section_3_3_4_comes_out() {
        // RFC 9260 §3.3.4: TSNs 10 to 12, 14, 15 and 17 have arrived: cumulative 12, blocks 2-3 and 5-5.
        let blocks = [GapBlock { start: 2, end: 3 }, GapBlock { start: 5, end: 5 }];
        let mut out = Vec::new();
        Sack::emit(&mut out, 12, 4660, &blocks, &[11]);
        let expected =
            [3, 0, 0, 28, 0, 0, 0, 12, 0, 0, 0x12, 0x34, 0, 2, 0, 1, 0, 2, 0, 3, 0, 5, 0, 5, 0, 0, 0, 11];
        assert_eq!(out, expected);
        let sack = Sack::parse(&out[4..]).unwrap();
        assert_eq!((sack.cumulative_tsn_ack, sack.a_rwnd), (12, 4660));
        assert_eq!(sack.blocks().collect::<Vec<_>>(), blocks);
        assert_eq!(sack.duplicates().collect::<Vec<_>>(), [11]);
        assert!(Sack::parse(&out[4..24]).is_err(), "fewer blocks than promised");
    }
}
