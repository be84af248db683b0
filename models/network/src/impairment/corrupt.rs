//! Bits that arrive wrong.

use super::unit_interval;
use sim_core::{ByteCount, CounterStream, Probability, math};

/// How often bits are flipped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CorruptionRate {
    /// Each bit is flipped with this chance, independently of the others: the bit-error rate.
    Bit(Probability),
    /// A frame, however long, has exactly one bit flipped with this chance, any of its bits alike.
    Frame(Probability),
    /// A packet has one bit of what TCP or UDP carry flipped with this chance, and their checksum made right: only a check
    /// above the transport notices.
    Content(Probability),
}

/// Flips bits of frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corruption {
    rate: CorruptionRate,
    /// ln(1 - p) of a bit-error rate p: what a frame's chance to be intact is made of.
    log_intact: f64,
    draws: CounterStream,
}

impl Corruption {
    /// Flips bits at `rate`.
    pub fn new(rate: CorruptionRate, draws: CounterStream) -> Self {
        let log_intact = match rate {
            CorruptionRate::Bit(chance) => math::ln_1p(-chance.as_f64()),
            CorruptionRate::Frame(_) | CorruptionRate::Content(_) => 0.0,
        };
        Self { rate, log_intact, draws }
    }

    /// Whether it changes contents, and makes checksums right.
    pub(crate) fn is_of_content(&self) -> bool {
        matches!(self.rate, CorruptionRate::Content(_))
    }

    /// A draw for what changes in the contents of frame `frame_number`, if it is one of those.
    pub(crate) fn content_draw(&self, frame_number: u64) -> Option<u64> {
        let CorruptionRate::Content(chance) = self.rate else { return None };
        let draw = self.draws.draw(frame_number);
        chance.happens(draw).then(|| CounterStream::from_key(draw).draw(0))
    }

    /// Replaces `positions` by the bits of frame `frame_number` that are flipped, in ascending order, and returns
    /// whether there are any. Bit 0 is the most significant bit of the frame's first byte.
    ///
    /// The work is in proportion to the flipped bits, not to the frame: the distances between flipped bits are
    /// drawn, which are geometrically distributed. The number of flips is thereby binomial.
    pub fn flipped_bits(&self, frame_number: u64, size: ByteCount, positions: &mut Vec<u64>) -> bool {
        positions.clear();
        let bits = u64::try_from(size.as_bits()).unwrap_or(u64::MAX);
        let draw = self.draws.draw(frame_number);
        let draws = CounterStream::from_key(draw);
        match self.rate {
            CorruptionRate::Frame(chance) => {
                if bits > 0 && chance.happens(draw) {
                    let position = (u128::from(draws.draw(0)) * u128::from(bits)) >> 64;
                    positions
                        .push(u64::try_from(position).expect("the upper half is below the number of bits"));
                }
            }
            CorruptionRate::Content(_) | CorruptionRate::Bit(Probability::NEVER) => {}
            CorruptionRate::Bit(_) => {
                let mut next = 0_u64;
                for index in 0.. {
                    // P(distance > d) = (1 - p)^(d + 1), inverted. With p = 1 the divisor is -infinity.
                    let distance = math::ln(unit_interval(draws.draw(index))) / self.log_intact;
                    next = next.saturating_add(distance as u64);
                    if next >= bits {
                        break;
                    }
                    positions.push(next);
                    next += 1;
                }
            }
        }
        !positions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chance(chance: f64) -> Probability {
        Probability::from_f64(chance).unwrap()
    }

    fn flips(rate: CorruptionRate, frame_number: u64, bytes: u64) -> Vec<u64> {
        let mut positions = vec![99];
        let corruption = Corruption::new(rate, CounterStream::from_key(5));
        let any = corruption.flipped_bits(frame_number, ByteCount::from_bytes(bytes), &mut positions);
        assert_eq!(any, !positions.is_empty());
        positions
    }

    #[test]
    fn flips_are_binomial() {
        // 125 bytes = 1,000 bits at p = 0.002: n p = 2. P(0) = 0.998^1000 = 0.135065, P(1) = P(0)·1000·0.002/0.998
        // = 0.270670, P(2) = P(1)·999·0.002/(2·0.998) = 0.270942, P(3) = P(2)·998·0.002/(3·0.998) = 0.180628.
        let mut counts = [0_u32; 5];
        for k in 1..=100_000 {
            counts[flips(CorruptionRate::Bit(chance(0.002)), k, 125).len().min(4)] += 1;
        }
        let expected = [13_506.5, 27_067.0, 27_094.2, 18_062.8, 14_269.5];
        let square = |(&n, &e): (&u32, &f64)| (f64::from(n) - e) * (f64::from(n) - e) / e;
        let chi: f64 = counts.iter().zip(&expected).map(square).sum();
        // 4 degrees of freedom: mean 4, deviation sqrt(8); 20 is beyond 99.9 %.
        assert!(chi < 20.0, "{chi} {counts:?}");
    }

    #[test]
    fn flips_fall_on_all_bits_alike() {
        for rate in [CorruptionRate::Bit(chance(0.01)), CorruptionRate::Frame(chance(0.16))] {
            let mut counts = [0_u32; 16];
            for k in 1..=200_000 {
                for position in flips(rate, k, 2) {
                    counts[position as usize] += 1;
                }
            }
            // 200,000 · 0.01 = 2,000 a bit; 15 degrees of freedom: mean 15, deviation 5.5, 5 deviations 43.
            let chi: f64 =
                counts.iter().map(|&n| (f64::from(n) - 2_000.0) * (f64::from(n) - 2_000.0) / 2_000.0).sum();
            assert!(chi < 43.0, "{rate:?} {chi} {counts:?}");
        }
    }

    #[test]
    fn a_rare_error_is_neither_lost_nor_multiplied() {
        // 1,500 bytes at 1e-7: P(hit) = 1 - (1 - 1e-7)^12000 = 0.00119928. Of 500,000 frames 599.6, deviation 24.5.
        let hit =
            (1..=500_000).filter(|&k| !flips(CorruptionRate::Bit(chance(1e-7)), k, 1_500).is_empty()).count();
        assert!(hit.abs_diff(600) < 123, "{hit}");
    }

    #[test]
    fn all_or_nothing_is_exact() {
        assert_eq!(flips(CorruptionRate::Bit(Probability::ALWAYS), 1, 2), (0..16).collect::<Vec<_>>());
        assert_eq!(flips(CorruptionRate::Bit(Probability::NEVER), 1, 2), [0_u64; 0]);
        assert_eq!(flips(CorruptionRate::Frame(Probability::NEVER), 1, 2), [0_u64; 0]);
        assert_eq!(flips(CorruptionRate::Frame(Probability::ALWAYS), 1, 2).len(), 1);
        assert_eq!(flips(CorruptionRate::Frame(Probability::ALWAYS), 1, 0), [0_u64; 0], "nothing to flip");
    }

    proptest! {
        #[test]
        fn what_a_lower_rate_damages_a_higher_one_damages_too(a in 0.0..=0.01, b in 0.0..=0.01, k: u64) {
            let (low, high) = (chance(f64::min(a, b)), chance(f64::max(a, b)));
            for rate in [CorruptionRate::Bit, CorruptionRate::Frame] {
                prop_assert!(flips(rate(low), k, 200).is_empty() || !flips(rate(high), k, 200).is_empty());
            }
        }

        #[test]
        fn positions_ascend_inside_the_frame(p in 0.0..=1.0, bytes in 0_u64..400, k: u64) {
            let positions = flips(CorruptionRate::Bit(chance(p)), k, bytes);
            prop_assert!(positions.is_sorted_by(|a, b| a < b));
            prop_assert!(positions.iter().all(|&position| position < bytes * 8));
            prop_assert_eq!(flips(CorruptionRate::Bit(chance(p)), k, bytes), positions);
        }
    }
}
