//! The frame check sequence: the ITU-T's CRC of 16 bits (IEEE 802.15.4 clause 7.2.11).

/// The generator x^16 + x^12 + x^5 + 1 with its bits reversed.
const POLYNOMIAL: u16 = 0x8408;

/// `TABLE[b]` is the effect of byte `b`.
static TABLE: [u16; 256] = table();

/// A check sequence under way: bytes are added in any pieces.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fcs(u16);

impl Fcs {
    /// Before the first byte: zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds `bytes` behind those added before.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let [low, _] = self.0.to_le_bytes();
            self.0 = self.0 >> 8 ^ TABLE[usize::from(low ^ byte)];
        }
    }

    /// The check sequence; it is sent with its least significant byte first.
    #[must_use]
    pub const fn finish(self) -> u16 {
        self.0
    }
}

/// The check sequence of `bytes`.
#[must_use]
pub fn fcs(bytes: &[u8]) -> u16 {
    let mut sum = Fcs::new();
    sum.add_bytes(bytes);
    sum.finish()
}

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u16;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_sequence_is_the_standards_example() {
        // Clause 7.2.11: an acknowledgment 02 00 6A has the check sequence E4 79 on the air.
        assert_eq!(fcs(&[0x02, 0x00, 0x6A]).to_le_bytes(), [0xE4, 0x79]);
        // CRC-16/KERMIT's check value.
        assert_eq!(fcs(b"123456789"), 0x2189);
    }

    #[test]
    fn pieces_make_the_same_sum_as_the_whole() {
        let mut sum = Fcs::new();
        sum.add_bytes(b"1234");
        sum.add_bytes(b"");
        sum.add_bytes(b"56789");
        assert_eq!(sum.finish(), fcs(b"123456789"));
    }

    #[test]
    fn a_frame_with_its_check_sequence_sums_to_zero() {
        let mut frame = b"any frame".to_vec();
        frame.extend(fcs(&frame).to_le_bytes());
        assert_eq!(fcs(&frame), 0);
    }
}
