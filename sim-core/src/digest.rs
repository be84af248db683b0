//! The digest of a run: a fold of two words, digests of bytes, and the chain that each place keeps.
//!
//! Everything is read as little-endian, and the constants are the fraction of pi, so that a digest is the
//! same on every machine and in every version. It detects accidents, not adversaries.

/// The 128-bit product of two words, its halves joined by exclusive or.
#[inline]
pub const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// The digest of the exact header bytes of a frame, in groups of 16 bytes, the last one overlapping.
#[inline]
pub fn header_digest(header: &[u8]) -> u64 {
    grouped(header, HEADER_START)
}

/// The digest of a payload slice that holds real bytes, made once, when the slice is.
pub fn bytes_digest(payload: &[u8]) -> u64 {
    let mut lanes = LANES;
    let (blocks, _) = payload.as_chunks::<64>();
    if blocks.is_empty() {
        return grouped(payload, PAYLOAD_START);
    }
    // Four chains side by side: a multiplication need not wait for the one before.
    for block in blocks {
        for (lane, group) in lanes.iter_mut().zip(block.as_chunks::<16>().0) {
            *lane = fold_group(*lane, group);
        }
    }
    let rest = grouped(&payload[blocks.len() * 64..], PAYLOAD_START);
    let [a, b, c, d] = lanes;
    let bulk = fold(fold(a ^ K2, b ^ K3) ^ K0, fold(c ^ K3, d ^ K1) ^ K1);
    fold(bulk ^ rest ^ K2, payload.len() as u64 ^ K3)
}

/// The digest of `len` bytes of filler at `offset` of the endless sequence that `pattern` names; such a
/// payload takes no memory, and its digest no time.
#[inline]
pub const fn filler_digest(pattern: u32, offset: u64, len: u64) -> u64 {
    fold(fold(pattern as u64 ^ FILLER_START ^ K0, offset ^ K1) ^ K2, len ^ K3)
}

/// What one place has seen, in order, as one word.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Chain(u64);

impl Chain {
    /// A chain that has seen nothing.
    pub const START: Self = Self(CHAIN_START);

    /// A chain that goes on from [`Chain::value`].
    #[inline]
    pub const fn from_value(value: u64) -> Self {
        Self(value)
    }

    /// The chain's digest so far.
    #[inline]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Folds in a frame: when, which headers, which payload.
    #[inline]
    pub const fn fold_frame(&mut self, time: crate::SimTime, header_digest: u64, payload_digest: u64) {
        self.0 = fold(self.0 ^ time.as_nanos() ^ K0, header_digest ^ payload_digest ^ K1);
    }

    /// Folds in a number, such as a sum of an account.
    #[inline]
    pub const fn fold_u64(&mut self, value: u64) {
        self.0 = fold(self.0 ^ K2, value ^ K3);
    }

    /// Folds in bytes and their number, such as a name.
    pub fn fold_bytes(&mut self, bytes: &[u8]) {
        self.fold_u64(bytes_digest(bytes));
    }

    /// One chain of many, in the order given; the order counts, so take that of the names.
    pub fn combine(chains: impl IntoIterator<Item = Self>) -> Self {
        let mut combined = Self::START;
        for chain in chains {
            combined.fold_u64(chain.0);
        }
        combined
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::START
    }
}

/// Folds `bytes` into `start`, 16 at a time.
#[inline]
fn grouped(bytes: &[u8], start: u64) -> u64 {
    // With the length folded in first, the overlap of the last group makes no two inputs alike.
    let mut acc = fold(start ^ K2, bytes.len() as u64 ^ K3);
    let (groups, rest) = bytes.as_chunks::<16>();
    for group in groups {
        acc = fold_group(acc, group);
    }
    if rest.is_empty() {
        return acc;
    }
    match bytes.last_chunk::<16>() {
        Some(overlapping) => fold_group(acc, overlapping),
        None => fold_group(acc, &short_group(bytes)),
    }
}

/// A group of fewer than 16 bytes, zeros after them; the length, already folded in, tells them apart.
#[inline]
fn short_group(bytes: &[u8]) -> [u8; 16] {
    let mut group = [0; 16];
    group[..bytes.len()].copy_from_slice(bytes);
    group
}

#[inline]
fn fold_group(acc: u64, group: &[u8; 16]) -> u64 {
    let word = u128::from_le_bytes(*group);
    fold(acc ^ word as u64 ^ K0, (word >> 64) as u64 ^ K1)
}

// The fraction of pi in words of 64 bits, first to eleventh.
const K0: u64 = 0x243F_6A88_85A3_08D3;
const K1: u64 = 0x1319_8A2E_0370_7344;
const K2: u64 = 0xA409_3822_299F_31D0;
const K3: u64 = 0x082E_FA98_EC4E_6C89;
const HEADER_START: u64 = 0x4528_21E6_38D0_1377;
const PAYLOAD_START: u64 = 0xBE54_66CF_34E9_0C6C;
const FILLER_START: u64 = 0xC0AC_29B7_C97C_50DD;
const CHAIN_START: u64 = 0x3F84_D5B5_B547_0917;
const LANES: [u64; 4] =
    [0x9216_D5D9_8979_FB1B, 0xD131_0BA6_98DF_B5AC, 0x2FFD_72DB_D01A_DFB7, 0xB8E1_AFED_6A26_7E96];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimTime;
    use std::collections::BTreeSet;

    /// 0, 1, 2, … as bytes.
    fn counting(len: usize) -> Vec<u8> {
        (0..len).map(|byte| byte as u8).collect()
    }

    #[test]
    fn a_fold_joins_both_halves_of_the_product() {
        // (2^63 + 1) * 6 = 3 * 2^64 + 6; 3 xor 6 = 5.
        assert_eq!(fold((1 << 63) + 1, 6), 5);
    }

    #[test]
    fn digests_never_change() {
        let digests = [
            header_digest(&[]),
            header_digest(&counting(7)),
            header_digest(&counting(16)),
            header_digest(&counting(54)),
            bytes_digest(&[]),
            bytes_digest(&counting(40)),
            bytes_digest(&counting(1_448)),
            filler_digest(1, 2_896, 1_448),
        ];
        assert_eq!(digests, KNOWN_DIGESTS, "{digests:#018x?}");
    }

    #[test]
    fn chains_never_change() {
        let mut chain = Chain::START;
        chain.fold_frame(SimTime::from_millis(20), header_digest(&counting(28)), filler_digest(0, 0, 64));
        let frame = chain.value();
        chain.fold_u64(7);
        let number = chain.value();
        chain.fold_bytes(b"sensor-router");
        let values = [frame, number, chain.value(), Chain::combine([chain, Chain::START]).value()];
        assert_eq!(values, KNOWN_CHAINS, "{values:#018x?}");
    }

    #[test]
    fn every_length_of_the_same_bytes_has_its_own_digest() {
        let zeros = vec![0; 300];
        let mut seen = BTreeSet::new();
        for len in 0..=300 {
            assert!(seen.insert(header_digest(&zeros[..len])), "header of {len}");
            assert!(seen.insert(bytes_digest(&zeros[..len])), "payload of {len}");
            assert!(seen.insert(filler_digest(0, 0, len as u64)), "filler of {len}");
        }
    }

    #[test]
    fn every_single_bit_turns_about_half_of_the_digest() {
        const CONTENTS: u64 = 100;
        let contents = |len: usize, seed: u64| -> Vec<u8> {
            (0..len as u64).map(|byte| fold(byte ^ K0, seed ^ K2) as u8).collect()
        };
        for len in [1, 15, 16, 17, 40, 63, 64, 65, 130] {
            for bit in 0..len * 8 {
                let (mut header_bits, mut payload_bits) = (0, 0);
                for seed in 0..CONTENTS {
                    let bytes = contents(len, seed);
                    let mut other = bytes.clone();
                    other[bit / 8] ^= 1 << (bit % 8);
                    header_bits += (header_digest(&bytes) ^ header_digest(&other)).count_ones();
                    payload_bits += (bytes_digest(&bytes) ^ bytes_digest(&other)).count_ones();
                }
                // Turned bits of 100 pairs: mean 3,200, standard deviation 4 sqrt(100) = 40 if all bits
                // were independent. The last group passes one fold only, whose bits are not quite.
                for turned in [header_bits, payload_bits] {
                    assert!((2_600..3_800).contains(&turned), "bit {bit} of {len} bytes: {turned}");
                }
            }
        }
    }

    #[test]
    fn an_overlapping_last_group_hides_no_byte() {
        // Bytes 1 to 15 lie in both groups of a header of 17 bytes.
        let header = counting(17);
        let mut seen = BTreeSet::from([header_digest(&header)]);
        for byte in 0..17 {
            let mut other = header.clone();
            other[byte] ^= 0x80;
            assert!(seen.insert(header_digest(&other)), "byte {byte}");
        }
    }

    #[test]
    fn a_chain_sees_time_header_payload_and_order() {
        let (a, b) = (header_digest(b"a"), header_digest(b"b"));
        let (p, q) = (bytes_digest(b"p"), bytes_digest(b"q"));
        let chain = |frames: &[(u64, u64, u64)]| {
            let mut chain = Chain::START;
            for &(nanos, header, payload) in frames {
                chain.fold_frame(SimTime::from_nanos(nanos), header, payload);
            }
            chain.value()
        };
        let all = [
            chain(&[(1, a, p), (2, b, q)]),
            chain(&[(1, b, q), (2, a, p)]),
            chain(&[(1, a, q), (2, b, p)]),
            chain(&[(1, a, p), (3, b, q)]),
            chain(&[(1, a, p)]),
            chain(&[]),
        ];
        assert_eq!(BTreeSet::from(all).len(), all.len());
    }

    #[test]
    fn combining_counts_the_order_and_the_number_of_chains() {
        let (mut a, mut b) = (Chain::START, Chain::START);
        a.fold_u64(1);
        b.fold_u64(2);
        let all = [vec![a, b], vec![b, a], vec![a], vec![a, b, Chain::START], vec![]];
        let values: BTreeSet<u64> = all.into_iter().map(|chains| Chain::combine(chains).value()).collect();
        assert_eq!(values.len(), 5);
    }

    const KNOWN_DIGESTS: [u64; 8] = [
        0x0b2f_3d50_b8bc_2ab7,
        0xb8e9_9747_2f0d_1356,
        0x6fc3_8916_9596_ee3a,
        0xb3bb_8a1b_6620_490a,
        0xf165_ce6f_a39b_5642,
        0xc284_1f55_623b_1d3c,
        0x07d2_09dd_6829_7d05,
        0xf1d8_694b_30df_ef7a,
    ];
    const KNOWN_CHAINS: [u64; 4] =
        [0x9b4e_e7f3_47a6_963a, 0xe9fc_a822_98a1_7165, 0xe1e1_320b_b1a9_c6c1, 0x7301_e03c_883c_c9ae];
}
