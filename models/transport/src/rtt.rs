//! Round-trip time and retransmission timeout (RFC 6298), in integers.

use sim_core::SimDuration;

/// Limits of the retransmission timeout.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RtoLimits {
    /// The timeout before any sample: 1 s (RFC 6298 §2.1).
    pub initial: SimDuration,
    /// Lower bound: 1 s (RFC 6298 §2.4); several systems use 200 ms.
    pub min: SimDuration,
    /// Upper bound, at least 60 s (RFC 6298 §2.5).
    pub max: SimDuration,
    /// Clock granularity G (RFC 6298 §2.2).
    pub granularity: SimDuration,
}

impl Default for RtoLimits {
    fn default() -> Self {
        Self {
            initial: SimDuration::from_secs(1),
            min: SimDuration::from_secs(1),
            max: SimDuration::from_secs(120),
            granularity: SimDuration::from_millis(1),
        }
    }
}

/// Smoothed round-trip time, its variation, and the retransmission timeout with its back-off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RttEstimator {
    srtt: Option<SimDuration>,
    rttvar: SimDuration,
    rtt_min: SimDuration,
    /// The timeout before back-off, within the limits.
    base: SimDuration,
    backoff: u8,
}

impl RttEstimator {
    /// An estimator without a sample.
    pub fn new(limits: &RtoLimits) -> Self {
        Self {
            srtt: None,
            rttvar: SimDuration::ZERO,
            rtt_min: SimDuration::MAX,
            base: limits.initial,
            backoff: 0,
        }
    }

    /// Folds in one sample, of something sent only once (Karn's algorithm, RFC 6298 §3), and ends the back-off.
    pub fn on_sample(&mut self, rtt: SimDuration, limits: &RtoLimits) {
        let srtt = match self.srtt {
            None => {
                self.rttvar = rtt / 2; // RFC 6298 §2.2
                rtt
            }
            Some(srtt) => {
                // RFC 6298 §2.3, beta = 1/4, alpha = 1/8. RTTVAR needs the SRTT from before this sample.
                self.rttvar = (self.rttvar * 3 + srtt.abs_diff(rtt)) / 4;
                (srtt * 7 + rtt) / 8
            }
        };
        self.srtt = Some(srtt);
        self.rtt_min = self.rtt_min.min(rtt);
        let rto = srtt + limits.granularity.max(self.rttvar * 4); // RFC 6298 §2.2, K = 4
        self.base = rto.clamp(limits.min, limits.max);
        self.backoff = 0;
    }

    /// Doubles the timeout (RFC 6298 §5.5).
    pub fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// Sets the timeout anew without a sample: 3 s after a SYN was lost (RFC 6298 §5.7).
    pub fn restart_at(&mut self, rto: SimDuration, limits: &RtoLimits) {
        self.base = rto.clamp(limits.min, limits.max);
        self.backoff = 0;
    }

    /// The retransmission timeout, back-off included.
    #[inline]
    pub fn rto(&self, limits: &RtoLimits) -> SimDuration {
        self.base.saturating_mul(1 << self.backoff.min(40)).min(limits.max)
    }

    /// Expiries since the last sample.
    pub fn backoff(&self) -> u8 {
        self.backoff
    }

    /// Smoothed round-trip time, after the first sample.
    pub fn srtt(&self) -> Option<SimDuration> {
        self.srtt
    }

    /// Variation of the round-trip time.
    pub fn rttvar(&self) -> SimDuration {
        self.rttvar
    }

    /// The smallest sample so far.
    pub fn rtt_min(&self) -> Option<SimDuration> {
        self.srtt.map(|_| self.rtt_min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> SimDuration = SimDuration::from_millis;

    // Holds: RFC 6298 2.2.
    #[test]
    fn the_first_sample_gives_three_times_itself() {
        // RFC 6298 §2.2: SRTT = R, RTTVAR = R/2, RTO = R + max(G, 4·R/2) = 3R. 500 ms -> 1.5 s.
        let limits = RtoLimits::default();
        let mut rtt = RttEstimator::new(&limits);
        assert_eq!(rtt.rto(&limits), MS(1000));
        rtt.on_sample(MS(500), &limits);
        assert_eq!(rtt.rto(&limits), MS(1500));
    }

    // Holds: RFC 6298 2.3, 2.3-a.
    #[test]
    fn later_samples_move_by_an_eighth_and_a_quarter() {
        let limits = RtoLimits { min: MS(1), ..RtoLimits::default() };
        let mut rtt = RttEstimator::new(&limits);
        rtt.on_sample(MS(800), &limits);
        rtt.on_sample(MS(400), &limits);
        // RTTVAR = 3/4·400 + 1/4·|800 − 400| = 400; SRTT = 7/8·800 + 1/8·400 = 750; RTO = 750 + 1600.
        assert_eq!(rtt.rttvar(), MS(400));
        assert_eq!(rtt.srtt(), Some(MS(750)));
        assert_eq!(rtt.rto(&limits), MS(2350));
        assert_eq!(rtt.rtt_min(), Some(MS(400)));
    }

    // Holds: RFC 6298 4-a.
    #[test]
    fn granularity_bounds_the_variation_from_below() {
        let limits = RtoLimits { min: MS(1), ..RtoLimits::default() };
        let mut rtt = RttEstimator::new(&limits);
        for _ in 0..200 {
            rtt.on_sample(MS(100), &limits);
        }
        // RTTVAR has decayed to nothing, so K·RTTVAR < G and RTO = 100 + 1.
        assert_eq!(rtt.rto(&limits), MS(101));
    }

    // Holds: RFC 6298 2.5.
    #[test]
    fn back_off_doubles_to_the_limit_and_a_sample_ends_it() {
        let limits = RtoLimits { max: SimDuration::from_secs(60), ..RtoLimits::default() };
        let mut rtt = RttEstimator::new(&limits);
        for secs in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(rtt.rto(&limits), SimDuration::from_secs(secs));
            rtt.back_off();
        }
        for _ in 0..300 {
            rtt.back_off();
        }
        assert_eq!(rtt.rto(&limits), SimDuration::from_secs(60));
        rtt.on_sample(MS(10), &limits);
        assert_eq!(rtt.rto(&limits), MS(1000), "the lower bound of one second");
    }
}
