//! CUBIC (RFC 9438), in integers: windows in bytes, times in microseconds.

use sim_core::{SimDuration, SimTime};

use super::hystart::{HyStart, Phase};
use super::{Acknowledged, Congestion, CongestionControl, slow_start_growth};

/// The controller whose window is a cubic function of the time since the last congestion.
#[derive(Clone, Debug)]
pub struct Cubic {
    window: u64,
    ssthresh: u64,
    segment_size: u64,
    restart_window: u64,
    /// Window before the last reduction (RFC 9438 §4.1.2), lowered by fast convergence.
    window_max: u64,
    /// Window at the last reduction, which Reno's estimate has to reach again.
    window_prior: u64,
    epoch: Option<Epoch>,
    /// Remainder of the last increase of the window, below `window`.
    growth_left: u64,
    fast_convergence: bool,
    /// RFC 9406, until the first slow start is over.
    hystart: Option<Box<HyStart>>,
}

/// A congestion avoidance stage (RFC 9438 §4.2).
#[derive(Clone, Copy, Debug)]
struct Epoch {
    start: SimTime,
    /// Time from the start until the window is `window_max` again.
    k_micros: u64,
    /// What Reno's window would be (RFC 9438 §4.3).
    window_estimate: u64,
    /// Remainder of the last increase of the estimate.
    estimate_left: u64,
}

impl Cubic {
    /// A controller in slow start.
    pub fn new(segment_size: u32, initial_window: u64) -> Self {
        Self {
            window: initial_window,
            ssthresh: u64::MAX,
            segment_size: u64::from(segment_size),
            restart_window: initial_window,
            window_max: 0,
            window_prior: 0,
            epoch: None,
            growth_left: 0,
            fast_convergence: true,
            hystart: None,
        }
    }

    /// Takes fast convergence away (RFC 9438 §4.7), as the response function of §5 assumes it.
    pub(super) fn converge_slowly(&mut self) {
        self.fast_convergence = false;
    }

    /// Ends the first slow start by HyStart++ (RFC 9406).
    pub(super) fn use_hystart(&mut self) {
        self.hystart = Some(Box::new(HyStart::new()));
    }

    /// Slow start (RFC 5681 §3.1, RFC 9406 §4.2).
    fn start_slowly(&mut self, ack: &Acknowledged<'_>) {
        let size = self.segment_size;
        let Some(hystart) = &mut self.hystart else {
            if ack.window_limited {
                self.window += slow_start_growth(ack.bytes, size);
            }
            return;
        };
        let phase = hystart.on_acknowledged(ack.rtt, ack.round_start);
        if phase == Phase::Over {
            self.hystart = None;
            self.ssthresh = self.window;
        } else if ack.window_limited {
            self.window += HyStart::growth(phase, ack.bytes, size);
        }
    }

    /// Starts a congestion avoidance stage at `now` (RFC 9438 §4.2).
    fn start_epoch(&mut self, now: SimTime) -> Epoch {
        self.window_max = self.window_max.max(self.window);
        // K = cbrt((W_max − cwnd_epoch) / C) with C = 0.4 segments/s³: in bytes and µs,
        // K³ = (W_max − cwnd_epoch) / segment · 2.5 · 10^18.
        let gap = u128::from(self.window_max - self.window);
        let cube = gap * 2_500_000_000_000_000_000 / u128::from(self.segment_size);
        self.growth_left = 0;
        Epoch { start: now, k_micros: cube_root(cube), window_estimate: self.window, estimate_left: 0 }
    }

    /// W_cubic(t) in bytes (RFC 9438 §4.2, equation 1).
    fn cubic_window(&self, t_micros: u64, k_micros: u64) -> u64 {
        let distance = t_micros.abs_diff(k_micros).min(DISTANCE_MAX);
        let cube = u128::from(distance).pow(3);
        let change = cube * u128::from(self.segment_size) / 2_500_000_000_000_000_000;
        let change = u64::try_from(change).unwrap_or(u64::MAX / 2);
        if t_micros >= k_micros {
            self.window_max.saturating_add(change)
        } else {
            self.window_max.saturating_sub(change)
        }
    }

    /// Congestion avoidance (RFC 9438 §4.2 to §4.5).
    fn avoid(&mut self, ack: &Acknowledged<'_>) {
        let mut epoch = match self.epoch {
            Some(epoch) => epoch,
            None => self.start_epoch(ack.now),
        };
        // §4.3: α = 3·(1 − β)/(1 + β) = 9/17 with β = 0.7, and 1 once the old window is reached again.
        let (up, down) = if epoch.window_estimate < self.window_prior { (9, 17) } else { (1, 1) };
        let divisor = self.window * down;
        let credit = ack.bytes * self.segment_size * up + epoch.estimate_left;
        epoch.window_estimate += credit / divisor;
        epoch.estimate_left = credit % divisor;
        self.epoch = Some(epoch);

        let elapsed = ack.now.saturating_since(epoch.start).as_micros();
        let rtt = ack.srtt.unwrap_or(SimDuration::ZERO).as_micros();
        if self.cubic_window(elapsed, epoch.k_micros) < epoch.window_estimate {
            // §4.3, the Reno-friendly region.
            self.window = self.window.max(epoch.window_estimate);
            return;
        }
        // §4.2: the target is where the curve will be one round trip later, within [cwnd, 1.5·cwnd].
        let target = self
            .cubic_window(elapsed + rtt, epoch.k_micros)
            .clamp(self.window, self.window + self.window / 2);
        // §4.4: (target − cwnd)/cwnd segments for each segment acknowledged.
        let credit = (target - self.window) * ack.bytes + self.growth_left;
        self.growth_left = credit % self.window;
        self.window += credit / self.window;
    }

    fn reduce(&mut self, in_flight: u64) {
        // §4.7, fast convergence: a window below the last maximum gives up bandwidth to others.
        self.window_max = if self.fast_convergence && self.window < self.window_max {
            self.window * 17 / 20 // (1 + β)/2
        } else {
            self.window
        };
        self.window_prior = self.window;
        self.hystart = None;
        // §4.6: what is in flight times β, at least two segments.
        self.ssthresh = (in_flight.min(self.window) * 7 / 10).max(2 * self.segment_size);
        self.epoch = None;
    }
}

impl CongestionControl for Cubic {
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
        if self.window < self.ssthresh {
            self.start_slowly(ack);
        } else if ack.window_limited {
            self.avoid(ack); // §4.2: no growth while the application limits.
        }
    }

    fn on_congestion(&mut self, _now: SimTime, in_flight: u64, cause: Congestion) {
        let flight = in_flight.min(self.window);
        self.reduce(in_flight);
        self.window = match cause {
            Congestion::Loss => self.ssthresh,
            Congestion::Marked => (flight * 7 / 10).max(self.segment_size), // §4.6: down to one segment.
        };
    }

    fn on_timeout(&mut self, _now: SimTime, in_flight: u64, first: bool) {
        if first {
            self.reduce(in_flight);
        }
        self.window = self.segment_size; // §4.8, as RFC 5681.
        // §4.8: the next stage begins with K = 0, at the window that slow start has come to by then.
        self.window_max = 0;
        self.epoch = None;
    }

    fn on_recovered(&mut self, window: u64) {
        self.window = window.min(self.ssthresh);
    }

    fn set_window(&mut self, window: u64, ssthresh: u64) {
        (self.window, self.ssthresh) = (window, ssthresh);
        self.epoch = None;
    }

    fn on_idle(&mut self, _now: SimTime) {
        self.window = self.window.min(self.restart_window);
        self.epoch = None; // §4.2: the time of a pause does not count.
    }

    fn on_segment_size(&mut self, segment_size: u32) {
        self.segment_size = u64::from(segment_size);
        self.window = self.window.max(self.segment_size);
        self.restart_window = self.restart_window.max(self.segment_size);
        self.epoch = None;
    }
}

/// The largest integer whose cube is at most `value`, by bits from above.
fn cube_root(value: u128) -> u64 {
    let mut root = 0_u64;
    for bit in (0..42).rev() {
        let candidate = root | 1 << bit;
        if u128::from(candidate).pow(3) <= value {
            root = candidate;
        }
    }
    root
}

/// 2^36 µs, 19 hours: beyond it the curve has left every window behind, and its cube fits into 128 bits.
const DISTANCE_MAX: u64 = 1 << 36;

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(now: SimTime, bytes: u64) -> Acknowledged<'static> {
        Acknowledged { srtt: Some(SimDuration::from_millis(100)), ..Acknowledged::plain(now, bytes) }
    }

    #[test]
    fn cube_roots_are_exact() {
        for root in [0, 1, 2, 999, 1_000_000, (1 << 42) - 1] {
            let cube = u128::from(root).pow(3);
            assert_eq!(cube_root(cube), root);
            if root > 0 {
                assert_eq!(cube_root(cube + 1), root);
                assert_eq!(cube_root(cube - 1), root - 1);
            }
        }
    }

    // Holds: RFC 9438 4.6-a, 4.6-b.
    #[test]
    fn a_loss_takes_three_tenths() {
        let mut cubic = Cubic::new(1000, 100_000);
        cubic.on_congestion(SimTime::ZERO, 100_000, Congestion::Loss);
        assert_eq!((cubic.window(), cubic.ssthresh()), (70_000, 70_000));
    }

    #[test]
    fn the_window_is_back_at_its_maximum_after_k() {
        // W_max 100 segments, cwnd 70: K = cbrt(30/0.4) = cbrt(75) = 4.217163 s.
        let mut cubic = Cubic::new(1000, 100_000);
        cubic.on_congestion(SimTime::ZERO, 100_000, Congestion::Loss);
        let epoch = cubic.start_epoch(SimTime::ZERO);
        assert_eq!(epoch.k_micros, 4_217_163);
        assert_eq!(cubic.cubic_window(0, epoch.k_micros), 70_001, "30 segments below, rounded down");
        assert_eq!(cubic.cubic_window(epoch.k_micros, epoch.k_micros), 100_000);
        // One second later: 0.4 segments more.
        assert_eq!(cubic.cubic_window(epoch.k_micros + 1_000_000, epoch.k_micros), 100_400);
    }

    // Holds: RFC 9438 4.4-a, 4.5-a.
    #[test]
    fn growth_follows_the_curve() {
        let mut cubic = Cubic::new(1000, 1_000_000);
        cubic.on_congestion(SimTime::ZERO, 1_000_000, Congestion::Loss);
        // K = cbrt(300/0.4) = 9.0856 s; a window acknowledged every 100 ms for 9.1 s.
        let mut now = SimTime::ZERO;
        for _ in 0..91 {
            for _ in 0..10 {
                cubic.on_acknowledged(&ack(now, cubic.window() / 10));
                now += SimDuration::from_millis(10);
            }
        }
        assert!(cubic.window().abs_diff(1_000_000) < 2_000, "{}", cubic.window());
    }

    /// Mean window in segments over 200 losses, one in 10,000 segments, at a round-trip time of 100 ms. It begins
    /// with a loss at the formula's own maximum, since the way there from afar takes thousands of losses.
    fn mean_window(mut cubic: Cubic) -> f64 {
        const SIZE: u64 = 1000;
        let rtt = SimDuration::from_millis(100);
        let (mut now, mut left, mut rounds, mut sum, mut losses) = (SimTime::ZERO, 10_000.0, 0_u32, 0.0, 0);
        cubic.on_congestion(now, cubic.window(), Congestion::Loss);
        while losses < 200 {
            let window = cubic.window();
            let segments = window as f64 / SIZE as f64;
            (rounds, sum, left) = (rounds + 1, sum + segments, left - segments);
            for segment in 0..window / SIZE {
                let at = now + rtt * segment / (window / SIZE);
                cubic.on_acknowledged(&ack(at, SIZE));
            }
            now += rtt;
            if left <= 0.0 {
                left += 10_000.0;
                losses += 1;
                let flight = cubic.window();
                cubic.on_congestion(now, flight, Congestion::Loss);
            }
        }
        sum / f64::from(rounds)
    }

    // Holds: RFC 9438 5.1-a.
    #[test]
    fn the_mean_window_is_that_of_the_response_function() {
        // RFC 9438 §5.1: 1.054·(0.1/10^-4)^(3/4) = 187.4 segments, which are 0.925 of the maximum, 202.6.
        let cubic = || Cubic::new(1000, 202_600);
        let mut alone = cubic();
        alone.converge_slowly();
        let mean = mean_window(alone);
        assert!((mean / 187.4 - 1.0).abs() < 0.05, "{mean}");
        // Fast convergence gives way whenever a loss comes a little early.
        let giving_way = mean_window(cubic());
        assert!(giving_way < mean && giving_way > 0.9 * 187.4, "{giving_way}");
    }

    // Holds: RFC 9438 4.10-b.
    #[test]
    fn a_growing_round_trip_time_ends_slow_start_without_a_loss() {
        let mut cubic = Cubic::new(1000, 10_000);
        cubic.use_hystart();
        let mut round = |millis| {
            for index in 0..8 {
                let rtt = Some(SimDuration::from_millis(millis));
                let ack = Acknowledged { rtt, round_start: index == 0, ..ack(SimTime::ZERO, 1000) };
                cubic.on_acknowledged(&ack);
            }
            (cubic.window(), cubic.ssthresh())
        };
        assert_eq!(round(100), (18_000, u64::MAX));
        // The eighth sample shows 15 ms more than 100 + 12.5: it and the 32 of four rounds count for a quarter.
        assert_eq!(round(115), (25_250, u64::MAX));
        for _ in 0..4 {
            round(115);
        }
        assert_eq!(round(115).1, 25_250 + 32 * 250);
    }

    // Holds: RFC 9438 4.2-a, 4.2-b.
    #[test]
    fn a_window_that_is_not_used_does_not_grow_and_its_time_does_not_count() {
        let mut cubic = Cubic::new(1000, 100_000);
        cubic.on_congestion(SimTime::ZERO, 100_000, Congestion::Loss);
        let unused = Acknowledged { window_limited: false, ..ack(SimTime::from_secs(1), 70_000) };
        cubic.on_acknowledged(&unused);
        assert_eq!(cubic.window(), 70_000);
        // A pause of an hour: the curve begins where it was, not an hour later.
        cubic.on_idle(SimTime::from_secs(3600));
        cubic.on_acknowledged(&ack(SimTime::from_secs(3600), 1000));
        assert!(cubic.window() < 70_100, "{}", cubic.window());
    }

    // Holds: RFC 9438 4.2-c.
    #[test]
    fn a_round_trip_adds_half_a_window_at_most() {
        let mut cubic = Cubic::new(1000, 10_000);
        cubic.on_congestion(SimTime::ZERO, 10_000, Congestion::Loss);
        cubic.on_acknowledged(&ack(SimTime::ZERO, 1000));
        let before = cubic.window();
        // After a minute without acknowledgments the curve is at 0.4·60³ = 86,400 segments.
        for segment in 0..before / 1000 {
            cubic.on_acknowledged(&ack(SimTime::from_secs(60) + SimDuration::from_nanos(segment), 1000));
        }
        assert!(cubic.window() > before && cubic.window() <= before * 3 / 2 + 1000, "{}", cubic.window());
    }

    // Holds: RFC 9438 4.6-c, 4.6-d.
    #[test]
    fn what_is_in_flight_is_reduced_and_marks_go_down_to_one_segment() {
        let mut cubic = Cubic::new(1000, 100_000);
        cubic.on_congestion(SimTime::ZERO, 50_000, Congestion::Loss);
        assert_eq!(cubic.window(), 35_000, "not 70 000: half of the window was not used");
        for _ in 0..20 {
            cubic.on_congestion(SimTime::ZERO, cubic.window(), Congestion::Marked);
        }
        assert_eq!((cubic.window(), cubic.ssthresh()), (1000, 2000));
    }

    // Holds: RFC 9438 4.8-a.
    #[test]
    fn after_a_timeout_the_curve_begins_where_slow_start_ended() {
        let mut cubic = Cubic::new(1000, 100_000);
        cubic.on_timeout(SimTime::ZERO, 100_000, true);
        assert_eq!((cubic.window(), cubic.ssthresh()), (1000, 70_000));
        let mut now = SimTime::ZERO;
        while cubic.window() < cubic.ssthresh() {
            cubic.on_acknowledged(&ack(now, 2000));
            now += SimDuration::from_millis(10);
        }
        let epoch = cubic.start_epoch(now);
        assert_eq!(
            (epoch.k_micros, cubic.window_max, epoch.window_estimate),
            (0, cubic.window(), cubic.window())
        );
    }

    // Holds: RFC 9438 4.9-a.
    #[test]
    fn a_late_undo_leaves_a_window_that_is_larger() {
        let mut cubic = Cubic::new(1000, 10_000);
        let before = cubic.clone();
        cubic.on_congestion(SimTime::ZERO, 10_000, Congestion::Loss);
        let mut soon = cubic.clone();
        soon.on_undo(&before);
        assert_eq!((soon.window(), soon.ssthresh()), (10_000, u64::MAX));
        cubic.window = 11_000;
        cubic.on_undo(&before);
        assert_eq!((cubic.window(), cubic.ssthresh()), (11_000, 7000));
    }

    // Holds: RFC 9438 4.7-a.
    #[test]
    fn a_second_loss_below_the_maximum_converges_fast() {
        let mut cubic = Cubic::new(1000, 100_000);
        cubic.on_congestion(SimTime::ZERO, 100_000, Congestion::Loss);
        cubic.on_congestion(SimTime::ZERO, 70_000, Congestion::Loss);
        assert_eq!(cubic.window_max, 59_500); // 70 000 · 0.85
    }

    // Holds: RFC 9438 4.3-a, 4.3-b, 4.3-c.
    #[test]
    fn a_short_path_grows_at_least_like_reno() {
        // RTT 1 ms: the curve stands nearly still, the estimate adds 9/17 of a segment per window.
        let mut cubic = Cubic::new(1000, 10_000);
        cubic.on_congestion(SimTime::ZERO, 10_000, Congestion::Loss);
        let fast = |now, bytes| Acknowledged { srtt: Some(SimDuration::from_millis(1)), ..ack(now, bytes) };
        let mut now = SimTime::ZERO;
        for _ in 0..10 {
            cubic.on_acknowledged(&fast(now, cubic.window()));
            now += SimDuration::from_millis(1);
        }
        // 7000 + 10·1000·9/17 = 12 294, but from the old window of 10 000 on a whole segment each time:
        // six steps reach 10 176, four more add 1000 each.
        assert!((12_200..=14_300).contains(&cubic.window()), "{}", cubic.window());
    }
}
