//! How far the simulation was behind the wall clock.

use sim_core::SimDuration;

/// Lateness of the steps of a live run: how long after its time the first event of each was handled.
///
/// Kept as counts in buckets, each at most 1/64 wider than what it holds, from one microsecond on.
#[derive(Clone, Debug, Default)]
pub(super) struct Lateness {
    counts: Vec<u64>,
    total: u64,
    max: SimDuration,
}

impl Lateness {
    /// Notes one step.
    pub(super) fn note(&mut self, late: SimDuration) {
        let bucket = bucket_of(late.as_nanos() / 1000);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.max = self.max.max(late);
    }

    /// The worst.
    pub(super) fn max(&self) -> SimDuration {
        self.max
    }

    /// What 99 of 100 steps stayed below.
    pub(super) fn p99(&self) -> SimDuration {
        let rank = (self.total * 99).div_ceil(100);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        let micros = bucket.filter(|_| self.total > 0).map_or(0, end_of);
        SimDuration::from_nanos(micros.saturating_mul(1000)).min(self.max)
    }
}

const SUB_BITS: u32 = 6;

fn bucket_of(micros: u64) -> usize {
    if micros < 1 << SUB_BITS {
        return micros as usize;
    }
    let exponent = micros.ilog2();
    let place = (micros >> (exponent - SUB_BITS)) - (1 << SUB_BITS);
    ((u64::from(exponent - SUB_BITS + 1) << SUB_BITS) + place) as usize
}

/// The first microsecond behind a bucket.
fn end_of(bucket: usize) -> u64 {
    let (step, place) = (bucket as u64 >> SUB_BITS, bucket as u64 & ((1 << SUB_BITS) - 1));
    match step.checked_sub(1) {
        None => place + 1,
        Some(shift) => (place + (1 << SUB_BITS) + 1) << shift,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_below_its_end() {
        for micros in (0..5000).chain([1 << 20, (1 << 20) + 12345, u32::MAX.into()]) {
            let bucket = bucket_of(micros);
            assert!(micros < end_of(bucket), "{micros}");
            assert!(bucket == 0 || micros >= end_of(bucket - 1), "{micros}");
        }
    }

    #[test]
    fn the_99th_percentile_leaves_one_of_a_hundred_out() {
        let mut lateness = Lateness::default();
        for _ in 0..99 {
            lateness.note(SimDuration::from_micros(10));
        }
        lateness.note(SimDuration::from_millis(50));
        assert_eq!(lateness.p99(), SimDuration::from_micros(11));
        assert_eq!(lateness.max(), SimDuration::from_millis(50));
        lateness.note(SimDuration::from_millis(40));
        // Now 101 steps: the 100th of them in order is the one of 40 ms.
        assert!(lateness.p99() >= SimDuration::from_millis(40));
    }
}
