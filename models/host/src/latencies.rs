//! Latencies of one flow, all of them and exact, in little memory.

use sim_core::SimDuration;
use smallvec::SmallVec;

/// Lengths of time in the order in which they were measured: each as its difference to the one before, in as few bytes as
/// that takes (7 bits a byte, the sign in the lowest bit), and how often one follows its like. Thousands of flows keep theirs
/// until the run's end, and one is mostly like the next.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Latencies {
    /// Differences; a zero is followed by a number of lengths that are like the one before.
    bytes: SmallVec<[u8; 16]>,
    last: SimDuration,
    /// How many are like the last one and not among the bytes yet.
    alike: u32,
}

impl Latencies {
    /// One more.
    pub fn push(&mut self, latency: SimDuration) {
        let difference = latency.as_nanos().wrapping_sub(self.last.as_nanos()) as i64;
        if difference == 0 && self.alike < u32::MAX {
            self.alike += 1;
            return;
        }
        self.write_alike();
        match difference {
            0 => self.alike = 1,
            _ => self.write(((difference << 1) ^ (difference >> 63)) as u64),
        }
        self.last = latency;
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = SimDuration> {
        let mut bytes = self.bytes.iter();
        let (mut last, mut alike) = (0_u64, 0_u64);
        let mut at_end = Some(u64::from(self.alike));
        std::iter::from_fn(move || {
            while alike == 0 {
                match read(&mut bytes) {
                    Some(0) => alike = read(&mut bytes).unwrap_or(0),
                    Some(value) => {
                        let difference = (value >> 1) ^ (value & 1).wrapping_neg();
                        last = last.wrapping_add(difference);
                        return Some(SimDuration::from_nanos(last));
                    }
                    None => alike = at_end.take()?,
                }
            }
            alike -= 1;
            Some(SimDuration::from_nanos(last))
        })
    }

    /// Puts those that are like the last one among the bytes.
    fn write_alike(&mut self) {
        if self.alike > 0 {
            self.write(0);
            self.write(u64::from(self.alike));
            self.alike = 0;
        }
    }

    fn write(&mut self, mut rest: u64) {
        let len = (u64::BITS - (rest | 1).leading_zeros()).div_ceil(7) as usize;
        if self.bytes.capacity() - self.bytes.len() < len {
            self.bytes.reserve_exact((self.bytes.len() / 2).max(GROWTH_MIN));
        }
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }
}

/// The next number.
fn read<'a>(bytes: &mut impl Iterator<Item = &'a u8>) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let byte = *bytes.next()?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
    }
}

/// The least room that is made at once: the largest difference takes 10 bytes, 64 bits in groups of 7.
const GROWTH_MIN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_comes_back_exactly() {
        let mut values =
            vec![0, 0, 1, 0, 63, 64, 20_480_000, 20_480_000, 20_479_999, u64::MAX, 0, u64::MAX / 2];
        values.extend((0..64).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1, u64::MAX - (1 << bit)]));
        let mut latencies = Latencies::default();
        values.iter().for_each(|&nanos| latencies.push(SimDuration::from_nanos(nanos)));
        let back: Vec<u64> = latencies.iter().map(SimDuration::as_nanos).collect();
        assert_eq!(back, values);
    }

    #[test]
    fn any_mixture_of_equal_and_other_latencies_comes_back_exactly() {
        for seed in 0..200_u64 {
            let mut word = seed;
            let mut next = || {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                word >> 61
            };
            let values: Vec<u64> = (0..300).map(|_| next().saturating_sub(5)).collect();
            let mut latencies = Latencies::default();
            values.iter().for_each(|&nanos| latencies.push(SimDuration::from_nanos(nanos)));
            assert!(latencies.iter().map(SimDuration::as_nanos).eq(values), "seed {seed}");
        }
    }

    #[test]
    fn latencies_that_are_alike_take_no_memory_of_their_own() {
        let mut latencies = Latencies::default();
        (0..60).for_each(|_| latencies.push(SimDuration::from_millis(21)));
        // The first takes 4 bytes: 42,000,000 with its sign has 26 bits.
        assert_eq!((latencies.bytes.len(), latencies.alike), (4, 59));
        latencies.push(SimDuration::from_millis(22));
        // A mark, how many were alike, and a million in nanoseconds with its sign: 21 bits.
        assert_eq!((latencies.bytes.len(), latencies.alike), (4 + 2 + 3, 0));
        assert!(!latencies.bytes.spilled());
    }
}
