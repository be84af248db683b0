//! Vegas (Brakmo and Peterson, "TCP Vegas: End to End Congestion Avoidance on a Global Internet", IEEE JSAC 13(8),
//! 1995): the window follows how much of it stands in queues, not what is lost.

use sim_core::{SimDuration, SimTime};

use super::reno::reno_does;
use super::{Acknowledged, Congestion, CongestionControl, Reno, slow_start_growth};

/// Keeps between two and four segments of its own in the queues of the path.
#[derive(Clone, Debug)]
pub struct Vegas {
    reno: Reno,
    /// The smallest round-trip time seen: BaseRTT.
    base: SimDuration,
    /// The smallest of this round trip.
    round_min: SimDuration,
    /// Slow start grows in every other round trip only.
    grows: bool,
}

impl Vegas {
    /// A controller in slow start.
    pub fn new(segment_size: u32, initial_window: u64) -> Self {
        Self {
            reno: Reno::new(segment_size, initial_window),
            base: SimDuration::MAX,
            round_min: SimDuration::MAX,
            grows: true,
        }
    }

    /// Bytes of the window that stand in queues: (Expected − Actual) · BaseRTT = W·(RTT − BaseRTT)/RTT (§4).
    fn queued(&self) -> u64 {
        let waiting = u128::from(self.round_min.saturating_sub(self.base).as_nanos());
        let queued = u128::from(self.reno.window) * waiting / u128::from(self.round_min.as_nanos().max(1));
        u64::try_from(queued).unwrap_or(u64::MAX)
    }

    /// A round trip has passed, and was measured.
    fn judge(&mut self) {
        let (queued, size) = (self.queued(), self.reno.segment_size);
        let reno = &mut self.reno;
        if reno.window < reno.ssthresh {
            self.grows = !self.grows;
            if queued > GAMMA * size {
                // §4.3: the pipe is full; what stands in queues is let go.
                reno.window = (reno.window - queued).max(2 * size);
                reno.ssthresh = reno.window;
            }
        } else if queued < ALPHA * size {
            reno.window += size;
        } else if queued > BETA * size {
            reno.window = reno.window.saturating_sub(size).max(2 * size);
            reno.ssthresh = reno.ssthresh.min(reno.window);
        }
    }
}

impl CongestionControl for Vegas {
    reno_does!(window, ssthresh, on_timeout, on_recovered, on_idle, on_segment_size, set_window);

    fn on_acknowledged(&mut self, ack: &Acknowledged<'_>) {
        if let Some(rtt) = ack.rtt {
            self.base = self.base.min(rtt);
            self.round_min = self.round_min.min(rtt);
        }
        if ack.round_start && self.round_min != SimDuration::MAX {
            if ack.window_limited {
                self.judge();
            }
            self.round_min = ack.rtt.unwrap_or(SimDuration::MAX);
        }
        let reno = &mut self.reno;
        if ack.window_limited && self.grows && reno.window < reno.ssthresh {
            reno.window += slow_start_growth(ack.bytes, reno.segment_size);
        }
    }

    fn on_congestion(&mut self, now: SimTime, in_flight: u64, cause: Congestion) {
        self.reno.on_congestion(now, in_flight, cause);
    }
}

/// Segments of its own in the queues: below α the window grows, above β it shrinks, above γ slow start ends (§4, with
/// the thresholds of its Vegas-2,4).
const ALPHA: u64 = 2;
const BETA: u64 = 4;
const GAMMA: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn round(vegas: &mut Vegas, millis: u64) {
        let rtt = Some(SimDuration::from_millis(millis));
        vegas.on_acknowledged(&Acknowledged { rtt, ..Acknowledged::plain(SimTime::ZERO, 0) });
        vegas.on_acknowledged(&Acknowledged {
            rtt,
            round_start: true,
            ..Acknowledged::plain(SimTime::ZERO, 0)
        });
    }

    fn in_avoidance() -> Vegas {
        let mut vegas = Vegas::new(1000, 40_000);
        vegas.on_congestion(SimTime::ZERO, 40_000, Congestion::Loss);
        round(&mut vegas, 100);
        vegas.reno.window = 20_000;
        vegas
    }

    #[test]
    fn an_empty_queue_makes_the_window_grow_by_a_segment_a_round_trip() {
        let mut vegas = in_avoidance();
        round(&mut vegas, 100);
        assert_eq!(vegas.window(), 21_000);
    }

    #[test]
    fn between_two_and_four_segments_in_queues_the_window_stands() {
        // 20 000 B: at RTT 115 ms, 20·15/115 = 2.6 segments are queued.
        let mut vegas = in_avoidance();
        vegas.round_min = SimDuration::MAX;
        round(&mut vegas, 115);
        assert_eq!(vegas.window(), 20_000);
        // At 130 ms 20·30/130 = 4.6.
        vegas.round_min = SimDuration::MAX;
        round(&mut vegas, 130);
        assert_eq!(vegas.window(), 19_000);
    }

    #[test]
    fn slow_start_ends_when_a_segment_stands_in_queues() {
        // 20 000 B at 110 ms: 20·10/110 = 1818 B are queued, which are let go.
        let mut vegas = Vegas::new(1000, 20_000);
        round(&mut vegas, 100);
        vegas.round_min = SimDuration::MAX;
        round(&mut vegas, 110);
        assert_eq!((vegas.window(), vegas.ssthresh()), (18_182, 18_182));
    }

    #[test]
    fn slow_start_grows_in_every_other_round_trip() {
        let mut vegas = Vegas::new(1000, 20_000);
        let rtt = Some(SimDuration::from_millis(100));
        let ack = |round_start| Acknowledged { rtt, round_start, ..Acknowledged::plain(SimTime::ZERO, 1000) };
        vegas.on_acknowledged(&ack(false));
        assert_eq!(vegas.window(), 21_000);
        vegas.on_acknowledged(&ack(true));
        vegas.on_acknowledged(&ack(false));
        assert_eq!(vegas.window(), 21_000);
        vegas.on_acknowledged(&ack(true));
        assert_eq!(vegas.window(), 22_000);
    }
}
