//! HyStart++ (RFC 9406): slow start ends when the round-trip time grows, before the queue overflows.

use sim_core::SimDuration;

/// What slow start does now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// The window doubles each round trip.
    SlowStart,
    /// The round-trip time has grown: a quarter of that, to find out whether it stays so.
    Conservative,
    /// It has stayed so: congestion avoidance begins.
    Over,
}

/// The variables of RFC 9406 §4.2; `SimDuration::MAX` is infinity.
#[derive(Clone, Copy, Debug)]
pub(super) struct HyStart {
    last_round_min: SimDuration,
    current_round_min: SimDuration,
    samples: u8,
    conservative: Option<Conservative>,
}

#[derive(Clone, Copy, Debug)]
struct Conservative {
    /// cssBaselineMinRtt.
    baseline: SimDuration,
    rounds: u8,
}

impl HyStart {
    pub(super) fn new() -> Self {
        Self {
            last_round_min: SimDuration::MAX,
            current_round_min: SimDuration::MAX,
            samples: 0,
            conservative: None,
        }
    }

    /// An acknowledgment in slow start, with the round-trip time that it measured.
    pub(super) fn on_acknowledged(&mut self, rtt: Option<SimDuration>, round_start: bool) -> Phase {
        if round_start {
            if let Some(conservative) = &mut self.conservative {
                conservative.rounds += 1;
                if conservative.rounds >= CSS_ROUNDS {
                    return Phase::Over;
                }
            }
            self.last_round_min = self.current_round_min;
            self.current_round_min = SimDuration::MAX;
            self.samples = 0;
        }
        if let Some(rtt) = rtt {
            self.current_round_min = self.current_round_min.min(rtt);
            self.samples = self.samples.saturating_add(1);
        }
        let enough = self.samples >= N_RTT_SAMPLE;
        match self.conservative {
            Some(conservative) if enough && self.current_round_min < conservative.baseline => {
                self.conservative = None; // It was spurious.
            }
            None if enough && self.last_round_min != SimDuration::MAX => {
                let more = (self.last_round_min / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
                if self.current_round_min >= self.last_round_min + more {
                    self.conservative = Some(Conservative { baseline: self.current_round_min, rounds: 0 });
                }
            }
            Some(_) | None => {}
        }
        if self.conservative.is_some() { Phase::Conservative } else { Phase::SlowStart }
    }

    /// By how much the window grows for `bytes` acknowledged.
    pub(super) fn growth(phase: Phase, bytes: u64, segment_size: u64) -> u64 {
        let growth = bytes.min(LIMIT * segment_size);
        match phase {
            Phase::SlowStart => growth,
            Phase::Conservative => growth / CSS_GROWTH_DIVISOR,
            Phase::Over => 0,
        }
    }
}

/// RFC 9406 §4.3.
const MIN_RTT_THRESH: SimDuration = SimDuration::from_millis(4);
const MAX_RTT_THRESH: SimDuration = SimDuration::from_millis(16);
const MIN_RTT_DIVISOR: u64 = 8;
const N_RTT_SAMPLE: u8 = 8;
const CSS_GROWTH_DIVISOR: u64 = 4;
const CSS_ROUNDS: u8 = 5;
/// L without pacing.
const LIMIT: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> SimDuration = SimDuration::from_millis;

    /// A round trip of eight samples; the last phase.
    fn round(hystart: &mut HyStart, millis: u64) -> Phase {
        let mut phase = hystart.on_acknowledged(Some(MS(millis)), true);
        for _ in 1..8 {
            phase = hystart.on_acknowledged(Some(MS(millis)), false);
        }
        phase
    }

    #[test]
    fn a_round_trip_an_eighth_longer_ends_slow_start_after_five_more() {
        // 80 ms / 8 = 10 ms, between 4 and 16.
        let mut hystart = HyStart::new();
        assert_eq!(round(&mut hystart, 80), Phase::SlowStart);
        assert_eq!(round(&mut hystart, 89), Phase::SlowStart, "9 ms are not enough");
        assert_eq!(round(&mut hystart, 101), Phase::Conservative, "89 + 11.125");
        for _ in 0..4 {
            assert_eq!(round(&mut hystart, 101), Phase::Conservative);
        }
        assert_eq!(hystart.on_acknowledged(Some(MS(101)), true), Phase::Over);
    }

    #[test]
    fn a_round_trip_that_shrinks_again_goes_on_with_slow_start() {
        let mut hystart = HyStart::new();
        round(&mut hystart, 80);
        assert_eq!(round(&mut hystart, 90), Phase::Conservative);
        assert_eq!(round(&mut hystart, 85), Phase::SlowStart);
    }

    #[test]
    fn the_threshold_is_four_to_sixteen_milliseconds() {
        for (first, short, long) in [(8, 11, 12), (400, 415, 416)] {
            for (second, phase) in [(short, Phase::SlowStart), (long, Phase::Conservative)] {
                let mut hystart = HyStart::new();
                round(&mut hystart, first);
                assert_eq!(round(&mut hystart, second), phase, "{first} then {second}");
            }
        }
    }

    #[test]
    fn seven_samples_are_not_enough() {
        let mut hystart = HyStart::new();
        round(&mut hystart, 80);
        let mut phase = hystart.on_acknowledged(Some(MS(200)), true);
        for _ in 1..7 {
            phase = hystart.on_acknowledged(Some(MS(200)), false);
        }
        assert_eq!(phase, Phase::SlowStart);
    }

    #[test]
    fn conservative_slow_start_grows_a_quarter_as_fast() {
        assert_eq!(HyStart::growth(Phase::SlowStart, 2000, 1000), 2000);
        assert_eq!(HyStart::growth(Phase::SlowStart, 20_000, 1000), 8000, "L = 8");
        assert_eq!(HyStart::growth(Phase::Conservative, 2000, 1000), 500);
    }
}
