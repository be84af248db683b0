//! The value of a block option (RFC 7959 §2.2).

use super::options::uint;

/// The size of a block, 16 to 1,024 bytes in powers of two; on a byte stream also BERT (RFC 8323 §6).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct BlockSize(u8);

impl BlockSize {
    /// The largest, 1,024 bytes.
    pub const MAX: Self = Self(6);
    /// Several blocks of 1,024 bytes in one message (RFC 8323 §6).
    pub const BERT: Self = Self(7);

    /// The largest size that is not above `bytes`; at least 16.
    pub fn at_most(bytes: u32) -> Self {
        Self(bytes.max(16).ilog2().saturating_sub(4).min(6) as u8)
    }

    /// The exponent on the wire.
    pub const fn szx(self) -> u8 {
        self.0
    }

    /// Bytes of a block; of BERT, its unit.
    pub const fn bytes(self) -> u32 {
        if self.0 == 7 { 1024 } else { 16 << self.0 }
    }
}

/// A block option's value: which block, of what size, and whether more follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    /// The number of the block: its place in units of its size.
    pub number: u32,
    /// Whether more follow.
    pub more: bool,
    /// The size.
    pub size: BlockSize,
}

impl Block {
    /// Reads a value; longer than three bytes is none.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let bits = uint(value).filter(|_| value.len() <= 3)?;
        Some(Self { number: bits >> 4, more: bits & 8 == 8, size: BlockSize((bits & 7) as u8) })
    }

    /// The value as an unsigned integer.
    pub fn as_uint(self) -> u32 {
        self.number << 4 | u32::from(self.more) << 3 | u32::from(self.size.szx())
    }

    /// Where the block begins in the body.
    pub fn offset(self) -> u64 {
        u64::from(self.number) * u64::from(self.size.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_examples() {
        // RFC 7959 §3.1, figure 2: 2:0/1/128 is block 0, more, SZX 3: 0000 1011 = 0B.
        let first = Block { number: 0, more: true, size: BlockSize::at_most(128) };
        assert_eq!(first.as_uint(), 0x0B);
        // 2:3/0/128: 0011 0011 = 33.
        let last = Block { number: 3, more: false, size: BlockSize::at_most(128) };
        assert_eq!((last.as_uint(), last.offset()), (0x33, 384));
        assert_eq!(Block::parse(&[0x33]), Some(last));
        assert_eq!(Block::parse(&[]), Some(Block { number: 0, more: false, size: BlockSize(0) }));
        assert_eq!(Block::parse(&[1, 2, 3, 4]), None);
    }

    #[test]
    fn a_size_is_the_largest_that_fits() {
        for (bytes, size) in [(0, 16), (16, 16), (31, 16), (32, 32), (1000, 512), (1024, 1024), (9999, 1024)]
        {
            assert_eq!(BlockSize::at_most(bytes).bytes(), size);
        }
    }
}
