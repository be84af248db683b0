//! Slow start and congestion avoidance (RFC 5681), counting bytes (RFC 3465).

use sim_core::SimTime;

use super::{Acknowledged, Congestion, CongestionControl, half_in_flight, slow_start_growth};

/// The standard controller: one segment more per window acknowledged, half after a loss.
#[derive(Clone, Debug)]
pub struct Reno {
    pub(super) window: u64,
    pub(super) ssthresh: u64,
    pub(super) segment_size: u64,
    restart_window: u64,
    /// Bytes acknowledged towards the next increase in congestion avoidance.
    pub(super) acknowledged: u64,
}

impl Reno {
    /// A controller in slow start.
    pub fn new(segment_size: u32, initial_window: u64) -> Self {
        Self {
            window: initial_window,
            ssthresh: u64::MAX,
            segment_size: u64::from(segment_size),
            restart_window: initial_window,
            acknowledged: 0,
        }
    }
}

impl CongestionControl for Reno {
    #[inline]
    fn window(&self) -> u64 {
        self.window
    }

    #[inline]
    fn ssthresh(&self) -> u64 {
        self.ssthresh
    }

    #[inline]
    fn on_acknowledged(&mut self, ack: &Acknowledged<'_>) {
        if !ack.window_limited {
            return; // RFC 5681 §4.1 and RFC 7661 §4.3: an unused window proves nothing.
        }
        if self.window < self.ssthresh {
            self.window += slow_start_growth(ack.bytes, self.segment_size);
            return;
        }
        // RFC 3465 §2.1: one segment once a whole window has been acknowledged.
        self.acknowledged += ack.bytes;
        if self.acknowledged >= self.window {
            self.acknowledged -= self.window;
            self.window += self.segment_size;
        }
    }

    fn on_congestion(&mut self, _now: SimTime, in_flight: u64, _cause: Congestion) {
        self.ssthresh = half_in_flight(in_flight, self.segment_size);
        self.window = self.ssthresh;
        self.acknowledged = 0;
    }

    fn on_timeout(&mut self, _now: SimTime, in_flight: u64, first: bool) {
        if first {
            self.ssthresh = half_in_flight(in_flight, self.segment_size);
        }
        self.window = self.segment_size; // The loss window, RFC 5681 §3.1.
        self.acknowledged = 0;
    }

    fn on_recovered(&mut self, window: u64) {
        self.window = window.min(self.ssthresh);
    }

    fn set_window(&mut self, window: u64, ssthresh: u64) {
        (self.window, self.ssthresh) = (window, ssthresh);
        self.acknowledged = 0;
    }

    fn on_idle(&mut self, _now: SimTime) {
        self.window = self.window.min(self.restart_window);
    }

    fn on_segment_size(&mut self, segment_size: u32) {
        // RFC 8201 §5.4 and RFC 1191 §6.5: the window in bytes stays, at least one segment.
        self.segment_size = u64::from(segment_size);
        self.window = self.window.max(self.segment_size);
        self.restart_window = self.restart_window.max(self.segment_size);
    }
}

/// Writes methods of [`CongestionControl`] that a controller leaves to the Reno in its field `reno`.
macro_rules! reno_does {
    ($($method:ident),* $(,)?) => {
        $(reno_does!(@ $method);)*
    };
    (@ window) => {
        #[inline]
        fn window(&self) -> u64 {
            self.reno.window
        }
    };
    (@ ssthresh) => {
        fn ssthresh(&self) -> u64 {
            self.reno.ssthresh
        }
    };
    (@ on_acknowledged) => {
        fn on_acknowledged(&mut self, ack: &$crate::congestion::Acknowledged<'_>) {
            self.reno.on_acknowledged(ack);
        }
    };
    (@ on_timeout) => {
        fn on_timeout(&mut self, now: ::sim_core::SimTime, in_flight: u64, first: bool) {
            self.reno.on_timeout(now, in_flight, first);
        }
    };
    (@ on_recovered) => {
        fn on_recovered(&mut self, window: u64) {
            self.reno.on_recovered(window);
        }
    };
    (@ set_window) => {
        fn set_window(&mut self, window: u64, ssthresh: u64) {
            self.reno.set_window(window, ssthresh);
        }
    };
    (@ on_idle) => {
        fn on_idle(&mut self, now: ::sim_core::SimTime) {
            self.reno.on_idle(now);
        }
    };
    (@ on_segment_size) => {
        fn on_segment_size(&mut self, segment_size: u32) {
            self.reno.on_segment_size(segment_size);
        }
    };
}
pub(super) use reno_does;

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(bytes: u64) -> Acknowledged<'static> {
        Acknowledged::plain(SimTime::ZERO, bytes)
    }

    #[test]
    fn slow_start_doubles_the_window_each_round_trip_even_with_delayed_acknowledgments() {
        let mut reno = Reno::new(1000, 10_000);
        for _ in 0..5 {
            reno.on_acknowledged(&ack(2000));
        }
        assert_eq!(reno.window(), 20_000);
        reno.on_acknowledged(&ack(9000)); // Not more than two segments at once.
        assert_eq!(reno.window(), 22_000);
    }

    // Holds: RFC 5681 3.1-i, 3.1-j, 3.1-k.
    #[test]
    fn congestion_avoidance_adds_one_segment_per_window() {
        let mut reno = Reno::new(1000, 10_000);
        reno.on_congestion(SimTime::ZERO, 20_000, Congestion::Loss);
        assert_eq!((reno.window(), reno.ssthresh()), (10_000, 10_000));
        for _ in 0..9 {
            reno.on_acknowledged(&ack(1000));
        }
        assert_eq!(reno.window(), 10_000);
        reno.on_acknowledged(&ack(1000));
        assert_eq!(reno.window(), 11_000);
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut reno = Reno::new(1000, 10_000);
        reno.on_acknowledged(&Acknowledged { window_limited: false, ..ack(1000) });
        assert_eq!(reno.window(), 10_000);
    }

    #[test]
    fn a_timeout_leaves_one_segment_and_a_second_one_keeps_the_threshold() {
        let mut reno = Reno::new(1000, 10_000);
        reno.on_timeout(SimTime::ZERO, 10_000, true);
        assert_eq!((reno.window(), reno.ssthresh()), (1000, 5000));
        reno.on_timeout(SimTime::ZERO, 1000, false);
        assert_eq!((reno.window(), reno.ssthresh()), (1000, 5000));
    }

    #[test]
    fn the_threshold_is_at_least_two_segments() {
        let mut reno = Reno::new(1000, 10_000);
        reno.on_congestion(SimTime::ZERO, 3000, Congestion::Loss);
        assert_eq!(reno.ssthresh(), 2000);
    }
}
