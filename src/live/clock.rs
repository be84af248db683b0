//! Virtual time that follows the wall clock.

#![expect(
    clippy::disallowed_types,
    reason = "to follow the wall clock, one has to look at it; no model sees it"
)]

use std::time::{Duration, Instant};

use sim_core::{SimDuration, SimTime};

/// Virtual time since the start: the wall clock's, times a speed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    started: Instant,
    /// Virtual nanoseconds in a million real ones.
    speed: u64,
}

impl Clock {
    /// A clock at zero. A `speed` of 0.5 makes a virtual second last two real ones.
    pub(super) fn start(speed: f64) -> Self {
        Self { started: Instant::now(), speed: ((speed * 1e6).round() as u64).max(1) }
    }

    /// The present.
    pub(super) fn now(&self) -> SimTime {
        let real = self.started.elapsed().as_nanos();
        SimTime::from_nanos(u64::try_from(real * u128::from(self.speed) / 1_000_000).unwrap_or(u64::MAX))
    }

    /// How long a virtual span lasts.
    pub(super) fn real(&self, span: SimDuration) -> Duration {
        let real = u128::from(span.as_nanos()) * 1_000_000 / u128::from(self.speed);
        Duration::from_nanos(u64::try_from(real).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_half_speed_a_span_lasts_twice_as_long() {
        let clock = Clock::start(0.5);
        assert_eq!(clock.real(SimDuration::from_millis(10)), Duration::from_millis(20));
        let clock = Clock::start(4.0);
        assert_eq!(clock.real(SimDuration::from_millis(10)), Duration::from_micros(2500));
    }
}
