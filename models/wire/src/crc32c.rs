//! CRC32c, the checksum of SCTP (RFC 9260 §6.8 and Appendix A), eight bytes a step.

/// The polynomial 0x1EDC6F41 (RFC 9260 Appendix A) with its bits reversed.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// `TABLES[k][b]` is the effect of byte `b` followed by `k` zero bytes.
static TABLES: [[u32; 256]; 8] = tables();

/// A CRC32c under way: bytes are added in any pieces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Crc32c(u32);

impl Crc32c {
    /// Before the first byte: all ones (RFC 9260 Appendix A).
    #[must_use]
    pub const fn new() -> Self {
        Self(u32::MAX)
    }

    /// Adds `bytes` behind those added before.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        let (blocks, tail) = bytes.as_chunks::<8>();
        let mut crc = self.0;
        for block in blocks {
            let [a, b, c, d, e, f, g, h] = *block;
            let low = crc ^ u32::from_le_bytes([a, b, c, d]);
            let [a, b, c, d] = low.to_le_bytes();
            crc = TABLES[7][usize::from(a)]
                ^ TABLES[6][usize::from(b)]
                ^ TABLES[5][usize::from(c)]
                ^ TABLES[4][usize::from(d)]
                ^ TABLES[3][usize::from(e)]
                ^ TABLES[2][usize::from(f)]
                ^ TABLES[1][usize::from(g)]
                ^ TABLES[0][usize::from(h)];
        }
        for byte in tail {
            crc = (crc >> 8) ^ TABLES[0][usize::from(crc.to_le_bytes()[0] ^ byte)];
        }
        self.0 = crc;
    }

    /// Adds `count` zero bytes: a step for each set bit of the count, not for each byte.
    ///
    /// What zeros do to a checksum is linear, so that a table says what 2^k of them make of each byte of it.
    #[inline]
    pub fn add_zeros(&mut self, count: u32) {
        let mut left = count;
        while left >= 1 << ZERO_STEPS {
            self.0 = after_zeros(&ZEROS[ZERO_STEPS - 1], after_zeros(&ZEROS[ZERO_STEPS - 1], self.0));
            left -= 1 << ZERO_STEPS;
        }
        while left > 0 {
            self.0 = after_zeros(&ZEROS[left.trailing_zeros() as usize], self.0);
            left &= left - 1;
        }
    }

    /// The checksum. SCTP puts it into the packet with its least significant byte first.
    #[must_use]
    pub const fn finish(self) -> u32 {
        !self.0
    }
}

impl Default for Crc32c {
    fn default() -> Self {
        Self::new()
    }
}

/// The CRC32c of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = Crc32c::new();
    crc.add_bytes(bytes);
    crc.finish()
}

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// Counts of zeros that have a table: 1, 2, 4 and so on, to 2048.
const ZERO_STEPS: usize = 12;

/// `ZEROS[k][i][b]` is what 2^k zero bytes make of a checksum whose byte `i` is `b` and whose others are zero.
static ZEROS: [[[u32; 256]; 4]; ZERO_STEPS] = zero_tables();

#[inline]
const fn after_zeros(table: &[[u32; 256]; 4], crc: u32) -> u32 {
    let [a, b, c, d] = crc.to_le_bytes();
    table[0][a as usize] ^ table[1][b as usize] ^ table[2][c as usize] ^ table[3][d as usize]
}

const fn zero_tables() -> [[[u32; 256]; 4]; ZERO_STEPS] {
    let bytes = tables();
    let mut zeros = [[[0; 256]; 4]; ZERO_STEPS];
    let mut step = 0;
    while step < ZERO_STEPS {
        let mut place = 0;
        while place < 4 {
            let mut value = 0;
            while value < 256 {
                let crc = (value as u32) << (8 * place);
                zeros[step][place][value] = if step == 0 {
                    (crc >> 8) ^ bytes[0][(crc & 0xFF) as usize]
                } else {
                    after_zeros(&zeros[step - 1], after_zeros(&zeros[step - 1], crc))
                };
                value += 1;
            }
            place += 1;
        }
        step += 1;
    }
    zeros
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit by bit, from the polynomial.
    fn by_definition(bytes: &[u8]) -> u32 {
        let mut crc = u32::MAX;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
            }
        }
        !crc
    }

    #[test]
    fn the_check_values_of_the_catalogue_come_out() {
        // "123456789" is the check string of CRC catalogues; the others are RFC 3720 §B.4's.
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    }

    proptest::proptest! {
        #[test]
        fn zeros_count_like_any_bytes(before: Vec<u8>, count in 0_u32..20_000) {
            let mut crc = Crc32c::new();
            crc.add_bytes(&before);
            let mut other = crc;
            crc.add_zeros(count);
            other.add_bytes(&vec![0; count as usize]);
            assert_eq!(crc, other);
        }

        #[test]
        fn the_tables_give_what_the_polynomial_gives(bytes: Vec<u8>, cut: usize) {
            let cut = cut % (bytes.len() + 1);
            let mut crc = Crc32c::new();
            crc.add_bytes(&bytes[..cut]);
            crc.add_bytes(&bytes[cut..]);
            assert_eq!(crc.finish(), by_definition(&bytes));
        }
    }
}
