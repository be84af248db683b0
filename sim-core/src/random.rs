//! Seeds and streams: each random choice has its own, so that a new one cannot move another.
//!
//! A stream's key is a hash of the run's seed, the entity's name and the purpose. Nothing depends on the
//! order in which entities are created, and a new node leaves the others' streams alone.

use crate::digest::fold;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The seed of one run: a hash of the experiment's master seed and the number of the replication.
///
/// It is the same at every point of a sweep, so that all variants meet the same world (common random
/// numbers), and are compared pair by pair.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct RunSeed(u64);

impl RunSeed {
    /// The seed of replication `replication` under `master`.
    #[inline]
    pub const fn new(master: u64, replication: u32) -> Self {
        Self(mix(mix(master ^ RUN_START).wrapping_add(replication as u64)))
    }

    /// The seed as a number, for a manifest.
    #[inline]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// What a stream is for. The numbers are part of every recorded result: each crate that draws defines its
/// constants once, adds to them, and never renumbers.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Purpose(u32);

impl Purpose {
    /// The purpose of number `number`.
    #[inline]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number given at creation.
    #[inline]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// All random streams of one run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Streams {
    seed: RunSeed,
}

impl Streams {
    /// The streams of the run of seed `seed`.
    #[inline]
    pub const fn new(seed: RunSeed) -> Self {
        Self { seed }
    }

    /// The generator of the entity called `name` for `purpose`, at its start.
    ///
    /// It takes 300 bytes and 0.1 µs to make: make it at the first draw.
    pub fn stream(&self, name: &str, purpose: Purpose) -> ChaCha8Rng {
        let mut key = [0; 32];
        for (bytes, start) in key.as_chunks_mut::<8>().0.iter_mut().zip(STREAM_STARTS) {
            *bytes = self.hash(name, purpose, start).to_le_bytes();
        }
        ChaCha8Rng::from_seed(key)
    }

    /// The counter-based draws of the entity called `name` for `purpose`.
    pub fn counter(&self, name: &str, purpose: Purpose) -> CounterStream {
        CounterStream(self.hash(name, purpose, COUNTER_START))
    }

    /// Hashes seed, purpose, the name's length and the name's bytes, in this order, in words of 64 bits:
    /// the name in little-endian groups of eight bytes, the last one filled with zeros. Each word is
    /// joined to the state by exclusive or, and the state mixed. For one start this is injective in each
    /// word, so that names of up to eight bytes can not even collide by accident.
    fn hash(&self, name: &str, purpose: Purpose, start: u64) -> u64 {
        let mut state = mix(start ^ self.seed.0);
        state = mix(state ^ u64::from(purpose.0));
        state = mix(state ^ name.len() as u64);
        for bytes in name.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            state = mix(state ^ u64::from_le_bytes(word));
        }
        state
    }
}

/// Random draws without a state: draw `k` is a function of the key and of `k` alone.
///
/// For what happens to the frames of a link, each of which has its number: no generator to keep, and the
/// draw of a frame does not depend on what became of the others.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CounterStream(u64);

impl CounterStream {
    /// The draws of the key that [`CounterStream::key`] returned.
    #[inline]
    pub const fn from_key(key: u64) -> Self {
        Self(key)
    }

    /// The key: all there is to keep.
    #[inline]
    pub const fn key(self) -> u64 {
        self.0
    }

    /// Draw number `k`: 64 uniform bits, from two multiply-folds.
    #[inline]
    pub const fn draw(self, k: u64) -> u64 {
        let first = fold(k ^ COUNTER_KEYS[0], self.0 ^ COUNTER_KEYS[1]);
        fold(first ^ COUNTER_KEYS[2], self.0 ^ COUNTER_KEYS[3])
    }
}

/// A permutation of 64-bit words in which each bit turns about half of the bits: the finalizer of
/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), variant 13
/// of Stafford's mixers, after adding the golden ratio, which keeps zero from being mapped to zero.
#[inline]
const fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

// The fraction of e in words of 64 bits, first to tenth, made odd where they are multiplied with.
const RUN_START: u64 = 0xB7E1_5162_8AED_2A6A;
const STREAM_STARTS: [u64; 4] =
    [0xBF71_5880_9CF4_F3C7, 0x62E7_160F_38B4_DA56, 0xA784_D904_5190_CFEF, 0x324E_7738_926C_FBE5];
const COUNTER_START: u64 = 0xF4BF_8D8D_8C31_D763;
const COUNTER_KEYS: [u64; 4] =
    [0xDA06_C80A_BB11_85EB, 0x4F7C_7B57_57F5_9585, 0x90CF_D47D_7C19_BB43, 0x158D_9554_F7B4_6BCF];

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use std::collections::BTreeSet;

    const LOSS: Purpose = Purpose::new(1);
    const BACKOFF: Purpose = Purpose::new(2);

    #[test]
    fn streams_never_change() {
        let streams = Streams::new(RunSeed::new(1, 0));
        let (mut loss, mut backoff) = (streams.stream("a-b", LOSS), streams.stream("sensor[12]", BACKOFF));
        let counter = streams.counter("a-b", LOSS);
        let values = [
            RunSeed::new(1, 0).as_u64(),
            RunSeed::new(42, 7).as_u64(),
            loss.next_u64(),
            loss.next_u64(),
            backoff.next_u64(),
            counter.key(),
            counter.draw(0),
            counter.draw(1),
        ];
        assert_eq!(values, KNOWN, "{values:#018x?}");
    }

    #[test]
    fn the_mixer_is_that_of_splitmix64() {
        // SplitMix64 of seed 1234567: its first outputs as published with the reference implementation.
        let gamma: u64 = 0x9E37_79B9_7F4A_7C15;
        let outputs = [0, 1, 2].map(|step| mix(1_234_567_u64.wrapping_add(gamma.wrapping_mul(step))));
        assert_eq!(
            outputs,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn name_purpose_replication_and_master_seed_each_give_another_stream() {
        let mut seen = BTreeSet::new();
        for master in 0..4 {
            for replication in 0..4 {
                let streams = Streams::new(RunSeed::new(master, replication));
                for name in ["", "a", "b", "a\0", "\0a", "a-b", "b-a", "a-b#2", "sensor[12]>server"] {
                    for purpose in [LOSS, BACKOFF] {
                        let first = streams.stream(name, purpose).next_u64();
                        assert!(seen.insert(first), "{master} {replication} {name:?} {purpose:?}");
                        assert!(seen.insert(streams.counter(name, purpose).key()), "{name:?} {purpose:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn streams_do_not_depend_on_the_order_of_creation() {
        let streams = Streams::new(RunSeed::new(1, 0));
        let names = ["a", "b", "c", "d"];
        let forth: Vec<u64> = names.iter().map(|name| streams.stream(name, LOSS).next_u64()).collect();
        let mut back: Vec<u64> =
            names.iter().rev().map(|name| streams.stream(name, LOSS).next_u64()).collect();
        back.reverse();
        assert_eq!(forth, back);
    }

    /// Chi-square of `counts` against a uniform distribution, as standard deviations above its mean: with
    /// n - 1 degrees of freedom it has the mean n - 1 and the variance 2 (n - 1).
    fn chi_square_deviation(counts: &[u32]) -> f64 {
        let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        let expected = total as f64 / counts.len() as f64;
        let square = |count: u32| (f64::from(count) - expected) * (f64::from(count) - expected);
        let chi: f64 = counts.iter().map(|&count| square(count) / expected).sum();
        let freedom = (counts.len() - 1) as f64;
        (chi - freedom) / (2.0 * freedom).sqrt()
    }

    /// Keys as neighbours, as they would come from a poor hash, and as they come from ours.
    fn keys() -> Vec<CounterStream> {
        let streams = Streams::new(RunSeed::new(1, 0));
        let near = (0..8).map(CounterStream::from_key);
        near.chain((0..8).map(|link| streams.counter(&format!("a-b#{link}"), LOSS))).collect()
    }

    #[test]
    fn counter_draws_are_uniform_in_high_middle_and_low_bits() {
        for stream in keys() {
            for shift in [0, 28, 56] {
                let mut counts = vec![0; 256];
                for k in 0..100_000 {
                    counts[(stream.draw(k) >> shift) as usize % 256] += 1;
                }
                // 48 cells of which each exceeds 5 standard deviations with a chance below 10^-5.
                let deviation = chi_square_deviation(&counts);
                assert!(deviation.abs() < 5.0, "{stream:?} bits from {shift}: {deviation}");
            }
        }
    }

    #[test]
    fn consecutive_counter_draws_are_independent() {
        for stream in keys() {
            for lag in [1, 2, 16] {
                let mut counts = vec![0; 1 << 12];
                for k in 0..200_000 {
                    counts[(stream.draw(k) >> 58 << 6 | stream.draw(k + lag) >> 58) as usize] += 1;
                }
                let deviation = chi_square_deviation(&counts);
                assert!(deviation.abs() < 5.0, "{stream:?} lag {lag}: {deviation}");
            }
        }
    }

    #[test]
    fn counter_draws_of_neighbouring_keys_are_independent() {
        for key in 0..64_u64 {
            let (a, b) = (CounterStream::from_key(key), CounterStream::from_key(key + 1));
            let mut counts = vec![0; 1 << 10];
            for k in 0..50_000 {
                counts[(a.draw(k) >> 59 << 5 | b.draw(k) >> 59) as usize] += 1;
            }
            let deviation = chi_square_deviation(&counts);
            assert!(deviation.abs() < 5.0, "key {key}: {deviation}");
        }
    }

    #[test]
    fn every_bit_of_number_and_key_turns_half_of_a_draw() {
        for bit in 0..64 {
            let (mut by_number, mut by_key) = (0, 0);
            for k in 0..1_000_u64 {
                let stream = CounterStream::from_key(mix(k));
                by_number += (stream.draw(k) ^ stream.draw(k ^ 1 << bit)).count_ones();
                let other = CounterStream::from_key(stream.key() ^ 1 << bit);
                by_key += (stream.draw(k) ^ other.draw(k)).count_ones();
            }
            // 1,000 pairs: mean 32,000 turned bits, standard deviation 4 sqrt(1,000) = 126.5.
            for turned in [by_number, by_key] {
                assert!((i64::from(turned) - 32_000).abs() < 5 * 127, "bit {bit}: {turned}");
            }
        }
    }

    const KNOWN: [u64; 8] = [
        0xfbd1_e578_53ce_b135,
        0xc614_b4ef_518d_2a37,
        0xfb4c_ae08_59c5_4a3d,
        0xbfa8_ca8a_75fc_4a06,
        0x721e_f7ed_77f1_c0e7,
        0x2d48_147f_1a54_a2fc,
        0x240d_a9d3_ab9c_061a,
        0xfb8b_e6e1_f29c_d6d7,
    ];
}
