//! DCTCP (RFC 8257): the window shrinks by as much as the share of the bytes that were marked.

use sim_core::SimTime;

use super::reno::reno_does;
use super::{Congestion, CongestionControl, Delivery, Reno};

/// Reno that answers marks in proportion. Its peer has to echo each mark (RFC 8257 §3.2).
#[derive(Clone, Debug)]
pub struct Dctcp {
    reno: Reno,
    /// DCTCP.Alpha in units of 2^-20.
    alpha: u64,
    /// DCTCP.BytesAcked and DCTCP.BytesMarked of this observation window.
    acknowledged: u64,
    marked: u64,
}

impl Dctcp {
    /// A controller in slow start.
    pub fn new(segment_size: u32, initial_window: u64) -> Self {
        Self { reno: Reno::new(segment_size, initial_window), alpha: ONE, acknowledged: 0, marked: 0 }
    }
}

impl CongestionControl for Dctcp {
    reno_does!(
        window,
        ssthresh,
        on_acknowledged,
        on_timeout,
        on_recovered,
        on_idle,
        on_segment_size,
        set_window
    );

    fn measures_delivery(&self) -> bool {
        true
    }

    /// RFC 8257 §3.3, steps 1 to 8.
    fn on_delivered(&mut self, delivery: &Delivery) {
        self.acknowledged += delivery.delivered;
        self.marked += delivery.marked;
        if delivery.round_start && self.acknowledged > 0 {
            let share = u128::from(self.marked) * u128::from(ONE) / u128::from(self.acknowledged);
            let share = u64::try_from(share).unwrap_or(ONE).min(ONE);
            self.alpha = self.alpha - self.alpha / GAIN + share / GAIN;
            self.acknowledged = 0;
            self.marked = 0;
        }
    }

    fn on_congestion(&mut self, now: SimTime, in_flight: u64, cause: Congestion) {
        match cause {
            Congestion::Loss => self.reno.on_congestion(now, in_flight, cause), // §3.5
            Congestion::Marked => {
                // §3.3 step 9: cwnd·(1 − Alpha/2).
                let reno = &mut self.reno;
                let less = u128::from(reno.window) * u128::from(self.alpha) / u128::from(2 * ONE);
                let less = u64::try_from(less).unwrap_or(reno.window);
                reno.window = (reno.window - less).max(2 * reno.segment_size);
                reno.ssthresh = reno.window;
                reno.acknowledged = 0;
            }
        }
    }
}

/// Alpha's 1.
const ONE: u64 = 1 << 20;

/// 1/g, as §4.2 recommends.
const GAIN: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn window(dctcp: &mut Dctcp, acknowledged: u64, marked: u64) {
        let delivered = acknowledged;
        let nothing = Delivery::nothing(SimTime::ZERO);
        dctcp.on_delivered(&Delivery { delivered, marked, round_start: true, ..nothing });
    }

    // Holds: RFC 8257 3.3-a.
    #[test]
    fn the_first_mark_halves() {
        let mut dctcp = Dctcp::new(1000, 40_000);
        dctcp.on_congestion(SimTime::ZERO, 40_000, Congestion::Marked);
        assert_eq!((dctcp.window(), dctcp.ssthresh()), (20_000, 20_000), "alpha begins at 1");
    }

    // Holds: RFC 8257 3.3-c.
    #[test]
    fn alpha_follows_the_share_of_marked_bytes() {
        let mut dctcp = Dctcp::new(1000, 40_000);
        window(&mut dctcp, 40_000, 0); // 15/16.
        assert_eq!(dctcp.alpha, ONE / 16 * 15);
        dctcp.alpha = ONE / 4;
        window(&mut dctcp, 40_000, 20_000); // 1/4·15/16 + 1/2·1/16 = 17/64.
        assert_eq!(dctcp.alpha, ONE / 64 * 17);
        dctcp.on_congestion(SimTime::ZERO, 40_000, Congestion::Marked);
        assert_eq!(dctcp.window(), 34_688, "40 000·(1 − 17/128) = 34 687.5");
    }

    // Holds: RFC 8257 4.2-b.
    #[test]
    fn alpha_is_one_at_most() {
        let mut dctcp = Dctcp::new(1000, 40_000);
        for _ in 0..100 {
            window(&mut dctcp, 10_000, 20_000); // More than there was.
            assert!(dctcp.alpha <= ONE);
        }
    }

    // Holds: RFC 8257 3.4-a.
    #[test]
    fn it_grows_as_reno_does() {
        let mut dctcp = Dctcp::new(1000, 10_000);
        let mut reno = Reno::new(1000, 10_000);
        for _ in 0..5 {
            let ack = crate::congestion::Acknowledged::plain(SimTime::ZERO, 2000);
            dctcp.on_acknowledged(&ack);
            reno.on_acknowledged(&ack);
            assert_eq!(dctcp.window(), reno.window());
        }
    }

    // Holds: RFC 8257 3.5-a, 3.5-b.
    #[test]
    fn a_loss_halves_as_with_reno() {
        let mut dctcp = Dctcp::new(1000, 40_000);
        dctcp.alpha = 0;
        dctcp.on_congestion(SimTime::ZERO, 40_000, Congestion::Loss);
        assert_eq!(dctcp.window(), 20_000);
        dctcp.on_timeout(SimTime::ZERO, 20_000, true);
        assert_eq!(dctcp.window(), 1000);
    }
}
