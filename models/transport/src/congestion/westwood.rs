//! Westwood+ (Grieco and Mascolo, "Performance Evaluation and Comparison of Westwood+, New Reno, and Vegas TCP
//! Congestion Control", ACM CCR 34(2), 2004): Reno, but a loss leaves what the path was seen to deliver.

use sim_core::{DataRate, SimDuration, SimTime};

use super::reno::reno_does;
use super::{Congestion, CongestionControl, Delivery, Reno};

/// Reno whose threshold after a loss is the estimated bandwidth times the shortest round trip.
#[derive(Clone, Debug)]
pub struct Westwood {
    reno: Reno,
    /// BWE in bytes per second; 0 before the first sample.
    bandwidth: u64,
    rtt_min: SimDuration,
    /// Bytes delivered since `since`.
    delivered: u64,
    since: Option<SimTime>,
}

impl Westwood {
    /// A controller in slow start.
    pub fn new(segment_size: u32, initial_window: u64) -> Self {
        Self {
            reno: Reno::new(segment_size, initial_window),
            bandwidth: 0,
            rtt_min: SimDuration::MAX,
            delivered: 0,
            since: None,
        }
    }

    /// The bandwidth estimate, once there is one.
    pub fn bandwidth(&self) -> Option<DataRate> {
        DataRate::try_from_bits_per_second(self.bandwidth.saturating_mul(8))
    }

    /// ssthresh = max(2, BWE·RTTmin) (§2); Reno's while nothing was measured.
    fn threshold(&mut self) -> bool {
        if self.bandwidth == 0 || self.rtt_min == SimDuration::MAX {
            return false;
        }
        let bytes = u128::from(self.bandwidth) * u128::from(self.rtt_min.as_nanos()) / 1_000_000_000;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.reno.ssthresh = bytes.max(2 * self.reno.segment_size);
        true
    }
}

impl CongestionControl for Westwood {
    reno_does!(window, ssthresh, on_acknowledged, on_recovered, on_segment_size, set_window);

    fn measures_delivery(&self) -> bool {
        true
    }

    fn on_delivered(&mut self, delivery: &Delivery) {
        self.rtt_min = delivery.rtt.map_or(self.rtt_min, |rtt| self.rtt_min.min(rtt));
        self.delivered += delivery.delivered;
        let since = *self.since.get_or_insert(delivery.now);
        // §2.1: one sample a round trip, so that neither bursts of acknowledgments nor their compression count.
        let elapsed = delivery.now.saturating_since(since);
        if elapsed < delivery.srtt.unwrap_or(SimDuration::MAX).max(SAMPLE_MIN) {
            return;
        }
        let sample = u128::from(self.delivered) * 1_000_000_000 / u128::from(elapsed.as_nanos());
        let sample = u64::try_from(sample).unwrap_or(u64::MAX);
        self.bandwidth = if self.bandwidth == 0 { sample } else { self.bandwidth / 10 * 9 + sample / 10 };
        self.delivered = 0;
        self.since = Some(delivery.now);
    }

    fn on_congestion(&mut self, now: SimTime, in_flight: u64, cause: Congestion) {
        let window = self.reno.window;
        self.reno.on_congestion(now, in_flight, cause);
        if self.threshold() {
            self.reno.window = window.min(self.reno.ssthresh);
        }
    }

    fn on_timeout(&mut self, now: SimTime, in_flight: u64, first: bool) {
        self.reno.on_timeout(now, in_flight, first);
        if first {
            self.threshold();
        }
    }

    fn on_idle(&mut self, now: SimTime) {
        self.reno.on_idle(now);
        self.since = None;
        self.delivered = 0;
    }
}

/// Samples over less than 50 ms say little (as in Linux's implementation by the same authors).
const SAMPLE_MIN: SimDuration = SimDuration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(millis: u64, delivered: u64) -> Delivery {
        let rtt = Some(SimDuration::from_millis(100));
        Delivery { rtt, srtt: rtt, delivered, ..Delivery::nothing(SimTime::from_millis(millis)) }
    }

    #[test]
    fn a_loss_leaves_the_bandwidth_times_the_shortest_round_trip() {
        let mut westwood = Westwood::new(1000, 40_000);
        westwood.on_delivered(&delivery(0, 0));
        westwood.on_delivered(&delivery(50, 15_000));
        westwood.on_delivered(&delivery(100, 15_000)); // 30 000 B in 100 ms: 300 000 B/s.
        assert_eq!(westwood.bandwidth(), Some(DataRate::from_bits_per_second(2_400_000)));
        westwood.on_congestion(SimTime::ZERO, 40_000, Congestion::Loss);
        assert_eq!((westwood.window(), westwood.ssthresh()), (30_000, 30_000), "300 000 B/s · 100 ms");
        westwood.on_timeout(SimTime::ZERO, 40_000, true);
        assert_eq!((westwood.window(), westwood.ssthresh()), (1000, 30_000));
    }

    #[test]
    fn later_samples_count_for_a_tenth() {
        let mut westwood = Westwood::new(1000, 40_000);
        westwood.on_delivered(&delivery(0, 0));
        westwood.on_delivered(&delivery(100, 30_000));
        westwood.on_delivered(&delivery(200, 10_000)); // 0.9·300 000 + 0.1·100 000.
        assert_eq!(westwood.bandwidth, 280_000);
    }

    #[test]
    fn without_a_measurement_a_loss_halves() {
        let mut westwood = Westwood::new(1000, 40_000);
        westwood.on_congestion(SimTime::ZERO, 40_000, Congestion::Loss);
        assert_eq!(westwood.window(), 20_000);
    }
}
