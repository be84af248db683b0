//! Latencies of one flow, all of them and exact, in little memory.

use sim_core::SimDuration;

/// Lengths of time in the order in which they were measured: each as its difference to the one before, in as few bytes as
/// that takes (7 bits a byte, the sign in the lowest bit). Thousands of flows keep theirs until the run's end, and one is
/// mostly like the next.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Latencies {
    bytes: Vec<u8>,
    last: SimDuration,
}

impl Latencies {
    /// One more.
    pub fn push(&mut self, latency: SimDuration) {
        let difference = latency.as_nanos().wrapping_sub(self.last.as_nanos()) as i64;
        let mut rest = ((difference << 1) ^ (difference >> 63)) as u64;
        if self.bytes.capacity() - self.bytes.len() < BYTES_MAX {
            self.bytes.reserve_exact((self.bytes.len() / 2).max(2 * BYTES_MAX));
        }
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
        self.last = latency;
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = SimDuration> {
        let mut bytes = self.bytes.iter();
        let mut last = 0_u64;
        std::iter::from_fn(move || {
            let (mut value, mut shift) = (0_u64, 0);
            loop {
                let byte = *bytes.next()?;
                value |= u64::from(byte & 0x7F) << shift;
                if byte < 0x80 {
                    break;
                }
                shift += 7;
            }
            let difference = (value >> 1) ^ (value & 1).wrapping_neg();
            last = last.wrapping_add(difference);
            Some(SimDuration::from_nanos(last))
        })
    }
}

/// Bytes of the largest difference: 64 bits in groups of 7.
const BYTES_MAX: usize = 10;

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
    fn latencies_that_are_alike_take_a_byte_each() {
        let mut latencies = Latencies::default();
        (0..60).for_each(|_| latencies.push(SimDuration::from_millis(21)));
        // The first takes 4: 42,000,000 with its sign has 26 bits.
        assert_eq!(latencies.bytes.len(), 63);
    }
}
