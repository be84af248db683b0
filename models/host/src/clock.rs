//! A host's own clock, which may be ahead or behind, and fast or slow.

use sim_core::{SimDuration, SimTime};

/// How a host's clock relates to global time. Most show just that, and there may be thousands of them.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Box<Deviation>>);

impl From<Deviation> for Clock {
    fn from(deviation: Deviation) -> Self {
        Self((deviation != Deviation::default()).then(|| Box::new(deviation)))
    }
}

impl Clock {
    /// What the clock shows at the global time `now`.
    #[inline]
    pub fn local(&self, now: SimTime) -> SimTime {
        self.0.as_ref().map_or(now, |deviation| deviation.local(now))
    }

    /// The first global time at which the clock shows `local` or more.
    #[inline]
    pub fn global(&self, local: SimTime) -> SimTime {
        self.0.as_ref().map_or(local, |deviation| deviation.global(local))
    }
}

/// How far a clock is from global time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Deviation {
    /// How far it is from global time at the start.
    pub offset: SimDuration,
    /// Whether it is behind by that much, not ahead. A clock that is behind shows zero until it has
    /// something to show: protocols count from the start.
    pub behind: bool,
    /// How much faster it runs, in parts per billion; negative is slower.
    pub drift_ppb: i32,
}

impl Deviation {
    fn local(&self, now: SimTime) -> SimTime {
        let shown = match self.drift_ppb {
            0 => now,
            _ => SimTime::from_nanos((i128::from(now.as_nanos()) * self.rate() / PPB) as u64),
        };
        if self.behind { shown.saturating_sub(self.offset) } else { shown + self.offset }
    }

    fn global(&self, local: SimTime) -> SimTime {
        let since = if self.behind {
            if local == SimTime::ZERO {
                SimDuration::ZERO
            } else {
                (local + self.offset).saturating_since(SimTime::ZERO)
            }
        } else {
            local.saturating_since(SimTime::ZERO + self.offset)
        };
        if self.drift_ppb == 0 {
            return SimTime::ZERO + since;
        }
        // The least n with floor(n · rate / 10^9) >= since.
        let nanos = (i128::from(since.as_nanos()) * PPB + self.rate() - 1) / self.rate();
        SimTime::from_nanos(nanos as u64)
    }

    /// Local nanoseconds in 10^9 global ones.
    fn rate(&self) -> i128 {
        PPB + i128::from(self.drift_ppb)
    }
}

const PPB: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_by_the_local_clock_is_never_met_early() {
        for drift_ppb in [-50_000_000, -20_000, -1, 0, 1, 40_000, 50_000_000] {
            let clock =
                Clock::from(Deviation { offset: SimDuration::from_millis(250), drift_ppb, behind: false });
            for millis in [250, 251, 1_000, 3_600_000] {
                let deadline = SimTime::from_millis(millis);
                let global = clock.global(deadline);
                assert!(clock.local(global) >= deadline, "{drift_ppb} ppb, {millis} ms");
                if global > SimTime::ZERO {
                    let before = SimTime::from_nanos(global.as_nanos() - 1);
                    assert!(clock.local(before) < deadline, "{drift_ppb} ppb, {millis} ms");
                }
            }
        }
    }

    #[test]
    fn a_fast_clock_gains_by_its_drift() {
        let clock = Clock::from(Deviation { drift_ppb: 40_000, ..Deviation::default() });
        // 40 ppm of an hour: 144 ms.
        assert_eq!(clock.local(SimTime::from_secs(3600)), SimTime::from_millis(3_600_144));
    }
}
