//! The Trickle timer (RFC 6206 §4): speak often while things change, seldom while they do not.

use sim_core::{SimDuration, SimTime};

/// The parameters, as a graph's root announces them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TrickleSettings {
    /// `Imin` as a power of two, in milliseconds; at most 31.
    pub interval_min: u8,
    /// `Imax` as doublings of `Imin`; the longest interval is at most 2^40 ms.
    pub doublings: u8,
    /// `k`: so many consistent messages heard in an interval suppress the own one; 0 never does (RFC 6550 §8.3.1).
    pub redundancy: u8,
}

impl TrickleSettings {
    /// `Imin`.
    #[must_use]
    pub fn shortest(self) -> SimDuration {
        SimDuration::from_millis(1 << self.interval_min.min(31))
    }

    /// The time that `Imax` stands for.
    #[must_use]
    pub fn longest(self) -> SimDuration {
        SimDuration::from_millis(
            1 << (u32::from(self.interval_min.min(31)) + u32::from(self.doublings)).min(40),
        )
    }
}

/// One Trickle timer that runs.
#[derive(Clone, Copy, Debug)]
pub struct Trickle {
    settings: TrickleSettings,
    /// `I`.
    interval: SimDuration,
    ends: SimTime,
    /// `t` or, once that is over, the interval's end.
    next: SimTime,
    /// `t` is over in this interval.
    has_fired: bool,
    /// `c`.
    heard: u32,
}

impl Trickle {
    /// Starts at the shortest interval. `draw` is any number: it decides where in the interval to speak.
    #[must_use]
    pub fn start(now: SimTime, settings: TrickleSettings, draw: u64) -> Self {
        let interval = settings.shortest();
        let mut trickle = Self { settings, interval, ends: now, next: now, has_fired: false, heard: 0 };
        trickle.begin(now, interval, draw);
        trickle
    }

    /// Step 2: the counter is 0 again, and `t` lies in [I/2, I).
    fn begin(&mut self, now: SimTime, interval: SimDuration, draw: u64) {
        let half = interval / 2;
        let within = ((u128::from(draw) * u128::from(half.as_nanos())) >> 64) as u64;
        self.interval = interval;
        self.next = now + half + SimDuration::from_nanos(within);
        self.has_fired = false;
        self.ends = now + interval;
        self.heard = 0;
    }

    /// `Imin`.
    #[must_use]
    pub fn shortest(&self) -> SimDuration {
        self.settings.shortest()
    }

    /// The interval that runs.
    #[must_use]
    pub fn interval(&self) -> SimDuration {
        self.interval
    }

    /// A consistent message was heard.
    pub fn on_consistent(&mut self) {
        self.heard += 1;
    }

    /// Something inconsistent was heard, or has happened: the interval is the shortest again, unless it is already.
    pub fn reset(&mut self, now: SimTime, draw: u64) {
        if self.interval > self.settings.shortest() {
            self.begin(now, self.settings.shortest(), draw);
        }
    }

    /// When [`Self::handle_timeout`] has to be called.
    #[must_use]
    pub fn timeout(&self) -> SimTime {
        self.next
    }

    /// Does what is due by `now`; says whether to speak.
    pub fn handle_timeout(&mut self, now: SimTime, draw: u64) -> bool {
        if self.next > now {
            return false;
        }
        if !self.has_fired {
            (self.has_fired, self.next) = (true, self.ends);
            let redundancy = u32::from(self.settings.redundancy);
            return redundancy == 0 || self.heard < redundancy;
        }
        let doubled = self.interval * 2;
        self.begin(self.ends, doubled.min(self.settings.longest()), draw);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: TrickleSettings = TrickleSettings { interval_min: 3, doublings: 2, redundancy: 2 };

    fn millis(time: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_millis(time)
    }

    // Holds: RFC 6206 4.2-1, 4.2-2, 4.2-4, 4.2-5; RFC 6550 8.3.1-a
    #[test]
    fn intervals_double_up_to_the_longest_and_t_lies_in_their_second_half() {
        // Imin is 2^3 = 8 ms, Imax 8 · 2^2 = 32 ms. A draw of half the range puts t at three quarters.
        let half = 1 << 63;
        let mut trickle = Trickle::start(millis(0), SETTINGS, half);
        let mut spoken = Vec::new();
        let mut began = vec![millis(0)];
        while trickle.timeout() < millis(100) {
            let now = trickle.timeout();
            if trickle.handle_timeout(now, half) {
                spoken.push(now);
            } else {
                began.push(now);
            }
        }
        // Intervals of 8, 16, 32, 32 … from 0, 8, 24, 56, 88: t at 6, 8+12, 24+24, 56+24.
        assert_eq!(began, [0, 8, 24, 56, 88].map(millis));
        assert_eq!(spoken, [6, 20, 48, 80].map(millis));
    }

    // Holds: RFC 6206 4.2-2
    #[test]
    fn t_takes_every_part_of_the_second_half_and_no_other() {
        for draw in [0, 1 << 62, 1 << 63, u64::MAX] {
            let at = Trickle::start(millis(0), SETTINGS, draw).timeout();
            assert!(at >= millis(4) && at < millis(8), "{at:?}");
        }
        assert_eq!(Trickle::start(millis(0), SETTINGS, 0).timeout(), millis(4));
    }

    // Holds: RFC 6206 4.2-3, 4.2-4
    #[test]
    fn enough_consistent_messages_suppress_the_own_one() {
        for (heard, speaks) in [(0, true), (1, true), (2, false), (3, false)] {
            let mut trickle = Trickle::start(millis(0), SETTINGS, 0);
            (0..heard).for_each(|_| trickle.on_consistent());
            assert_eq!(trickle.handle_timeout(millis(4), 0), speaks, "{heard} heard");
        }
    }

    // Holds: RFC 6206 4.2-2
    #[test]
    fn the_counter_is_zero_in_each_new_interval() {
        let mut trickle = Trickle::start(millis(0), SETTINGS, 0);
        (0..5).for_each(|_| trickle.on_consistent());
        assert!(!trickle.handle_timeout(millis(4), 0));
        assert!(!trickle.handle_timeout(millis(8), 0));
        assert!(trickle.handle_timeout(millis(16), 0), "nothing was heard in this interval");
    }

    // Holds: RFC 6550 8.3.1-b
    #[test]
    fn a_redundancy_of_zero_never_suppresses() {
        let mut trickle = Trickle::start(millis(0), TrickleSettings { redundancy: 0, ..SETTINGS }, 0);
        (0..100).for_each(|_| trickle.on_consistent());
        assert!(trickle.handle_timeout(millis(4), 0));
    }

    // Holds: RFC 6206 4.2-6
    #[test]
    fn an_inconsistency_restarts_a_longer_interval_and_leaves_the_shortest_alone() {
        let mut trickle = Trickle::start(millis(0), SETTINGS, 0);
        trickle.reset(millis(3), u64::MAX);
        assert_eq!(trickle.timeout(), millis(4), "the shortest interval runs on");
        trickle.handle_timeout(millis(4), 0);
        trickle.handle_timeout(millis(8), 0);
        assert_eq!(trickle.interval(), SimDuration::from_millis(16));
        trickle.reset(millis(10), 0);
        assert_eq!((trickle.interval(), trickle.timeout()), (SimDuration::from_millis(8), millis(14)));
    }
}
