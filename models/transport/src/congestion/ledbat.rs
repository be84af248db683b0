//! LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus-01): background traffic that gives way as soon as others queue.

use sim_core::{SimDuration, SimTime};

use super::reno::reno_does;
use super::{Acknowledged, Congestion, CongestionControl, Reno};

/// Keeps the queueing delay that it sees, by round-trip times, at 60 ms, and lets the queue run empty now and then.
#[derive(Clone, Debug)]
pub struct Ledbat {
    reno: Reno,
    /// The smallest round-trip time of each of the last minutes, the current one first (§4.2 of RFC 6817).
    base: [SimDuration; BASE_MINUTES],
    minute: Option<SimTime>,
    /// The last round-trip times: the smallest of them is the current delay (§4.1).
    recent: [SimDuration; CURRENT],
    next_recent: usize,
    /// Growth and decrease not yet made, in bytes times 2^16.
    left: i64,
    slowdown: Slowdown,
    /// Round trips acknowledged in this state of the slowdown.
    initial: bool,
}

/// Where the periodic slowdown stands (§4.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Slowdown {
    /// None is planned before slow start has ended.
    Never,
    /// The next one begins then.
    At(SimTime),
    /// The window is two segments until `until`; then slow start up to the threshold.
    Frozen { since: SimTime, until: SimTime },
    /// Slow start brings the window back.
    Regaining { since: SimTime },
}

impl Ledbat {
    /// A controller in slow start, which begins with two segments (§4.3).
    pub fn new(segment_size: u32, initial_window: u64) -> Self {
        let initial_window = initial_window.min(2 * u64::from(segment_size));
        Self {
            reno: Reno::new(segment_size, initial_window),
            base: [SimDuration::MAX; BASE_MINUTES],
            minute: None,
            recent: [SimDuration::MAX; CURRENT],
            next_recent: 0,
            left: 0,
            slowdown: Slowdown::Never,
            initial: true,
        }
    }

    fn base(&self) -> Option<SimDuration> {
        self.base.iter().copied().min().filter(|base| *base != SimDuration::MAX)
    }

    fn measure(&mut self, now: SimTime, rtt: SimDuration) {
        let minute = *self.minute.get_or_insert(now);
        if now.saturating_since(minute) >= SimDuration::from_secs(60) {
            self.base.rotate_right(1);
            self.base[0] = SimDuration::MAX;
            self.minute = Some(now);
        }
        self.base[0] = self.base[0].min(rtt);
        self.recent[self.next_recent] = rtt;
        self.next_recent = (self.next_recent + 1) % CURRENT;
    }

    /// The queueing delay, and 1/GAIN = min(16, ⌈2·TARGET/base⌉) (§4.1, §4.2).
    fn delay(&self) -> Option<(SimDuration, u64)> {
        let base = self.base()?;
        let current = self.recent.iter().copied().min()?;
        let divisor = (TARGET * 2).as_nanos().div_ceil(base.as_nanos().max(1)).clamp(1, 16);
        Some((current.saturating_sub(base), divisor))
    }

    /// Plans the next slowdown: after nine times as long as the last one took (§4.4).
    fn plan_after(&mut self, now: SimTime, since: SimTime) {
        self.slowdown = Slowdown::At(now + now.saturating_since(since) * 9);
    }

    fn advance_slowdown(&mut self, now: SimTime, srtt: SimDuration) {
        let size = self.reno.segment_size;
        match self.slowdown {
            Slowdown::At(at) if now >= at => {
                self.reno.ssthresh = self.reno.window.max(2 * size);
                self.reno.window = 2 * size;
                self.slowdown = Slowdown::Frozen { since: now, until: now + srtt * 2 };
            }
            Slowdown::Frozen { since, until } if now >= until => {
                self.slowdown = Slowdown::Regaining { since };
            }
            Slowdown::Regaining { since } if self.reno.window >= self.reno.ssthresh => {
                self.plan_after(now, since);
            }
            Slowdown::Never | Slowdown::At(_) | Slowdown::Frozen { .. } | Slowdown::Regaining { .. } => {}
        }
    }

    /// Slow start, GAIN segments a segment (§4.3).
    fn start_slowly(&mut self, ack: &Acknowledged<'_>, delay: SimDuration, divisor: u64) {
        if self.initial && delay > TARGET * 3 / 4 {
            self.reno.ssthresh = self.reno.window;
            return;
        }
        let growth = ack.bytes.min(2 * self.reno.segment_size) / divisor;
        self.reno.window = (self.reno.window + growth.max(1)).min(self.reno.ssthresh);
    }

    /// §4.2: GAIN segments more a round trip below the target; above it as much less as
    /// Constant · W · (delay/target − 1), at most half.
    fn avoid(&mut self, ack: &Acknowledged<'_>, delay: SimDuration, divisor: u64) {
        let window = self.reno.window;
        let unit = |bytes: u64| i128::from(bytes) << 16;
        // What a whole window of acknowledgments would change, in 2^-16 bytes.
        let gain = unit(self.reno.segment_size) / i128::from(divisor);
        let change = if delay <= TARGET {
            gain
        } else {
            let excess = i128::from((delay - TARGET).as_nanos());
            let less = unit(window) * excess / i128::from(TARGET.as_nanos());
            (gain - less).max(-unit(window) / 2)
        };
        let part = change * i128::from(ack.bytes.min(window)) / i128::from(window.max(1));
        let sum = self.left.saturating_add(i64::try_from(part).unwrap_or(i64::MIN / 2));
        let whole = sum >> 16;
        self.left = sum - (whole << 16);
        let least = 2 * self.reno.segment_size;
        self.reno.window = window.saturating_add_signed(whole).max(least);
        self.reno.ssthresh = self.reno.ssthresh.min(self.reno.window);
    }
}

impl CongestionControl for Ledbat {
    reno_does!(window, ssthresh, on_timeout, on_recovered, on_idle, on_segment_size, set_window);

    fn on_acknowledged(&mut self, ack: &Acknowledged<'_>) {
        if let Some(rtt) = ack.rtt {
            self.measure(ack.now, rtt);
        }
        let Some((delay, divisor)) = self.delay() else { return };
        let srtt = ack.srtt.unwrap_or(SimDuration::ZERO);
        self.advance_slowdown(ack.now, srtt);
        if matches!(self.slowdown, Slowdown::Frozen { .. }) {
            return;
        }
        if self.reno.window < self.reno.ssthresh {
            if ack.window_limited {
                self.start_slowly(ack, delay, divisor);
            }
        } else if ack.window_limited || delay > TARGET {
            self.avoid(ack, delay, divisor);
        }
        if self.initial && self.reno.window >= self.reno.ssthresh {
            // §4.4: the first slowdown comes two round trips after the initial slow start.
            self.initial = false;
            self.slowdown = Slowdown::At(ack.now + srtt * 2);
        }
    }

    fn on_congestion(&mut self, now: SimTime, in_flight: u64, cause: Congestion) {
        self.reno.on_congestion(now, in_flight, cause);
    }
}

/// The queueing delay aimed at (§4.2).
const TARGET: SimDuration = SimDuration::from_millis(60);

/// BASE_HISTORY of RFC 6817 §2.5, in minutes.
const BASE_MINUTES: usize = 10;

/// CURRENT_FILTER: round-trip times of which the smallest is the current one (§4.1).
const CURRENT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> SimDuration = SimDuration::from_millis;

    fn ack(millis: u64, rtt: u64, bytes: u64) -> Acknowledged<'static> {
        let rtt = Some(MS(rtt));
        Acknowledged { rtt, srtt: rtt, ..Acknowledged::plain(SimTime::from_millis(millis), bytes) }
    }

    /// In congestion avoidance with 20 segments, a base delay of 20 ms, and no slowdown planned.
    fn avoiding() -> Ledbat {
        let mut ledbat = Ledbat::new(1000, 10_000);
        ledbat.on_acknowledged(&ack(0, 20, 0));
        ledbat.initial = false;
        ledbat.reno.window = 20_000;
        ledbat.reno.ssthresh = 20_000;
        ledbat
    }

    #[test]
    fn below_the_target_the_window_grows_by_the_gain() {
        // 1/GAIN = min(16, ⌈120/20⌉) = 6: a window acknowledged brings 1000/6 = 166.7 bytes.
        let mut ledbat = avoiding();
        for _ in 0..20 {
            ledbat.on_acknowledged(&ack(1, 40, 1000));
        }
        assert!((165..=167).contains(&(ledbat.window() - 20_000)), "{}", ledbat.window());
    }

    #[test]
    fn above_the_target_the_window_shrinks_in_proportion() {
        // Delay 75 ms, 25 % above the target: 1000/6 − 20 000·0.25 = −4833 a window.
        let mut ledbat = avoiding();
        for _ in 0..4 {
            ledbat.measure(SimTime::ZERO, MS(95));
        }
        ledbat.on_acknowledged(&ack(1, 95, 20_000));
        assert_eq!(ledbat.window(), 15_166);
        // Delay 180 ms: three times the target would take more than half.
        let mut ledbat = avoiding();
        for _ in 0..4 {
            ledbat.measure(SimTime::ZERO, MS(200));
        }
        ledbat.on_acknowledged(&ack(1, 200, 20_000));
        assert_eq!(ledbat.window(), 10_000);
    }

    #[test]
    fn the_initial_slow_start_ends_at_three_quarters_of_the_target() {
        let mut ledbat = Ledbat::new(1000, 10_000);
        assert_eq!(ledbat.window(), 2000);
        ledbat.on_acknowledged(&ack(0, 20, 1000));
        assert_eq!(ledbat.window(), 2166, "a sixth of a segment");
        for _ in 0..4 {
            ledbat.measure(SimTime::ZERO, MS(66)); // 46 ms more than the base; the limit is 45.
        }
        ledbat.on_acknowledged(&ack(1, 66, 1000));
        assert_eq!(ledbat.ssthresh(), 2166);
        assert!(!ledbat.initial);
    }

    #[test]
    fn a_slowdown_lasts_two_round_trips_and_the_next_comes_nine_times_later() {
        let mut ledbat = avoiding();
        ledbat.slowdown = Slowdown::At(SimTime::from_millis(100));
        ledbat.on_acknowledged(&ack(100, 20, 1000));
        assert_eq!((ledbat.window(), ledbat.ssthresh()), (2000, 20_000));
        ledbat.on_acknowledged(&ack(139, 20, 1000));
        assert_eq!(ledbat.window(), 2000);
        let mut millis = 140;
        while ledbat.window() < 20_000 {
            ledbat.on_acknowledged(&ack(millis, 20, 2000));
            millis += 1;
        }
        ledbat.on_acknowledged(&ack(millis, 20, 1000));
        let length = millis - 100;
        assert_eq!(ledbat.slowdown, Slowdown::At(SimTime::from_millis(millis + 9 * length)));
    }
}
