//! The congestion window of one path (RFC 9260 §7.2), behind the trait that all transports share.
//!
//! It differs from TCP's in three things: it grows only when the window was used up and the cumulative TSN
//! moved, its threshold after a loss is half of the window, not of what is in flight, and is at least four
//! full chunks.

use sim_core::SimTime;

use crate::congestion::{Acknowledged, Congestion, CongestionControl};

/// Slow start and congestion avoidance of RFC 9260.
#[derive(Clone, Debug)]
pub(super) struct Window {
    cwnd: u64,
    ssthresh: u64,
    partial_bytes_acked: u64,
    pmdcs: u64,
    /// Whether it was reduced for silence since something was acknowledged.
    is_idle: bool,
}

impl Window {
    /// A window for packets of `pmdcs` bytes: `min(4·PMDCS, max(2·PMDCS, 4404))`, and 4344 towards an IPv6 address
    /// (RFC 9260 §7.2.1).
    pub(super) fn new(pmdcs: u32, is_ipv6: bool) -> Self {
        let pmdcs = u64::from(pmdcs);
        let cwnd = (4 * pmdcs).min((2 * pmdcs).max(if is_ipv6 { 4344 } else { 4404 }));
        Self { cwnd, ssthresh: u64::MAX, partial_bytes_acked: 0, pmdcs, is_idle: false }
    }
}

impl CongestionControl for Window {
    #[inline]
    fn window(&self) -> u64 {
        self.cwnd
    }

    fn ssthresh(&self) -> u64 {
        self.ssthresh
    }

    fn on_acknowledged(&mut self, ack: &Acknowledged<'_>) {
        self.is_idle = false;
        if self.cwnd <= self.ssthresh {
            if ack.window_limited {
                self.cwnd += ack.bytes.min(self.pmdcs); // RFC 9260 §7.2.1, L = 1
            }
            return;
        }
        // RFC 9260 §7.2.2: one PMDCS each time that a whole window was acknowledged while it was in use.
        self.partial_bytes_acked += ack.bytes;
        if self.partial_bytes_acked >= self.cwnd {
            if ack.window_limited {
                self.partial_bytes_acked -= self.cwnd;
                self.cwnd += self.pmdcs;
            } else {
                self.partial_bytes_acked = self.cwnd;
            }
        }
    }

    fn on_congestion(&mut self, _now: SimTime, _in_flight: u64, _cause: Congestion) {
        self.ssthresh = (self.cwnd / 2).max(4 * self.pmdcs); // RFC 9260 §7.2.3
        self.cwnd = self.ssthresh;
        self.partial_bytes_acked = 0;
    }

    fn on_timeout(&mut self, _now: SimTime, _in_flight: u64, _first: bool) {
        self.ssthresh = (self.cwnd / 2).max(4 * self.pmdcs); // RFC 9260 §7.2.3
        self.cwnd = self.pmdcs;
        self.partial_bytes_acked = 0;
    }

    fn on_recovered(&mut self, _window: u64) {
        self.partial_bytes_acked = 0; // The window was set when the recovery began.
    }

    fn on_idle(&mut self, _now: SimTime) {
        // RFC 9260 §7.2.1: halved for each RTO of silence, down to four full chunks; up to where it was it grows fast again.
        let halved = (self.cwnd / 2).max(4 * self.pmdcs);
        if halved < self.cwnd {
            if !self.is_idle {
                self.ssthresh = self.cwnd;
            }
            (self.cwnd, self.is_idle) = (halved, true);
        }
    }

    fn on_segment_size(&mut self, segment_size: u32) {
        self.pmdcs = u64::from(segment_size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(window: &mut Window, bytes: u64, window_limited: bool) {
        window.on_acknowledged(&Acknowledged { window_limited, ..Acknowledged::plain(SimTime::ZERO, bytes) });
    }

    // Holds: RFC 9260 7.2.1-a
    #[test]
    fn the_window_begins_as_section_7_2_1_says() {
        // min(4 * 1452, max(2 * 1452, 4404)) = min(5808, 4404); with 500: min(2000, 4404); with 9000: 18000.
        assert_eq!([1452, 500, 9000].map(|pmdcs| Window::new(pmdcs, false).window()), [4404, 2000, 18_000]);
        // Towards IPv6: min(4 * 1432, max(2 * 1432, 4344)) = min(5728, 4344).
        assert_eq!([1432, 500, 9000].map(|pmdcs| Window::new(pmdcs, true).window()), [4344, 2000, 18_000]);
    }

    // Holds: RFC 9260 7.2.1-b
    #[test]
    fn slow_start_grows_by_a_chunk_an_acknowledgement_while_it_is_full() {
        let mut window = Window::new(1000, false);
        ack(&mut window, 3000, true);
        assert_eq!(window.window(), 4000 + 1000);
        ack(&mut window, 400, true);
        ack(&mut window, 1000, false);
        assert_eq!(window.window(), 5400);
    }

    // Holds: RFC 9260 7.2.2-a
    #[test]
    fn avoidance_grows_by_a_chunk_a_window() {
        let mut window = Window::new(1000, false);
        for _ in 0..6 {
            ack(&mut window, 1000, true);
        }
        window.on_congestion(SimTime::ZERO, 0, Congestion::Loss);
        assert_eq!((window.window(), window.ssthresh()), (5000, 5000), "half of 10000");
        ack(&mut window, 1000, true); // At the threshold it is still slow start (cwnd <= ssthresh).
        assert_eq!(window.window(), 6000);
        for _ in 0..5 {
            ack(&mut window, 1000, true);
        }
        assert_eq!(window.window(), 6000);
        ack(&mut window, 1000, true);
        assert_eq!(window.window(), 7000);
    }

    // Holds: RFC 9260 7.2.1-c, 7.2.1-d
    #[test]
    fn silence_halves_the_window_down_to_four_chunks() {
        let mut window = Window::new(1000, false);
        assert_eq!(window.ssthresh(), u64::MAX);
        (0..6).for_each(|_| ack(&mut window, 1000, true));
        let windows = [(); 3].map(|()| {
            window.on_idle(SimTime::ZERO);
            window.window()
        });
        assert_eq!(windows, [5000, 4000, 4000]);
        assert_eq!(window.ssthresh(), 10_000, "what it was before");
        window.on_timeout(SimTime::ZERO, 0, true);
        window.on_idle(SimTime::ZERO);
        assert_eq!(window.window(), 1000, "it never grows by it");
    }

    // Holds: RFC 9260 7.2.3-a, 6.3.3-a
    #[test]
    fn a_timeout_leaves_one_chunk_and_a_threshold_of_four_at_least() {
        let mut window = Window::new(1000, false);
        window.on_timeout(SimTime::ZERO, 0, true);
        assert_eq!((window.window(), window.ssthresh()), (1000, 4000));
    }
}
