//! The control parameters: pacing rate and window (§5.6), and the estimate of aggregation (§5.5.9).

use sim_core::SimDuration;

use super::super::Delivery;
use super::{Bbr, State, percent};

impl Bbr {
    /// BBR.max_bw.
    pub(super) fn max_bandwidth(&self) -> u64 {
        self.bandwidth_max[0].max(self.bandwidth_max[1])
    }

    /// InitPacingRate() (§5.6.2).
    pub(super) fn init_pacing(&mut self, srtt: Option<SimDuration>) {
        let rtt = srtt.filter(|rtt| !rtt.is_zero()).unwrap_or(SimDuration::from_millis(1));
        let nominal = u128::from(self.initial_window) * 1_000_000_000 / u128::from(rtt.as_nanos());
        self.pacing = percent(u64::try_from(nominal).unwrap_or(u64::MAX / 8), State::Startup.gains().0);
    }

    /// SetPacingRateWithGain() (§5.6.2).
    pub(super) fn set_pacing(&mut self, gain: u64) {
        let rate = percent(percent(self.bandwidth, gain), 100 - PACING_MARGIN);
        if rate > 0 && (self.full_reached || rate > self.pacing) {
            self.pacing = rate;
        }
    }

    /// BBR.bdp, the product of bandwidth and delay (§5.6.4.2); the initial window while there is no measurement.
    pub(super) fn product(&self) -> u64 {
        if self.rtt_min == SimDuration::MAX {
            return self.initial_window;
        }
        let bytes = u128::from(self.bandwidth) * u128::from(self.rtt_min.as_nanos()) / 1_000_000_000;
        u64::try_from(bytes).unwrap_or(u64::MAX / 8)
    }

    /// TargetInflight() (§5.3.3.8.3).
    pub(super) fn target(&self) -> u64 {
        self.product().min(self.window)
    }

    /// Inflight(gain): the product times `gain` percent, with QuantizationBudget() (§5.6.4.2).
    pub(super) fn inflight(&self, gain: u64) -> u64 {
        self.quantized(percent(self.product(), gain))
    }

    fn quantized(&self, cap: u64) -> u64 {
        let cap = cap.max(self.window_min());
        if self.state == State::Up { cap + 2 * self.segment_size } else { cap }
    }

    /// BBR.MinPipeCwnd (§5.6.4.3).
    fn window_min(&self) -> u64 {
        4 * self.segment_size
    }

    /// InflightWithHeadroom() (§5.3.3.9).
    pub(super) fn inflight_with_headroom(&self) -> u64 {
        if self.inflight_longterm == u64::MAX {
            return u64::MAX;
        }
        let headroom = percent(self.inflight_longterm, HEADROOM).max(self.segment_size);
        self.inflight_longterm.saturating_sub(headroom).max(self.window_min())
    }

    /// ProbeRTTCwnd() (§5.6.4.5).
    pub(super) fn probe_rtt_window(&self) -> u64 {
        percent(self.product(), State::ProbeRtt.gains().1).max(self.window_min())
    }

    /// UpdateACKAggregation() (§5.5.9).
    pub(super) fn update_aggregation(&mut self, delivery: &Delivery) {
        let interval = delivery.now.saturating_since(self.extra_since);
        let expected = u128::from(self.bandwidth) * u128::from(interval.as_nanos()) / 1_000_000_000;
        let mut expected = u64::try_from(expected).unwrap_or(u64::MAX);
        if self.extra_delivered <= expected {
            self.extra_delivered = 0;
            self.extra_since = delivery.now;
            expected = 0;
        }
        self.extra_delivered += delivery.delivered;
        let extra = self.extra_delivered.saturating_sub(expected).min(self.window);
        // A maximum over ten rounds, one round before the pipe was full, kept in two halves.
        let slot = if self.full_reached { EXTRA_ROUNDS / 2 } else { 1 };
        if self.round.count >= self.extra_round + slot {
            self.extra = [self.extra[1], 0];
            self.extra_round = self.round.count;
        }
        self.extra[1] = self.extra[1].max(extra);
    }

    /// SetCwnd() (§5.6.4.6) with BoundCwndForProbeRTT() and BoundCwndForModel() (§5.6.4.5, §5.6.4.7).
    pub(super) fn set_window(&mut self, delivery: &Delivery) {
        let gain = self.state.gains().1;
        let extra = self.extra[0].max(self.extra[1]);
        let limit = self.quantized(percent(self.product(), gain).saturating_add(extra));
        let grown = self.window.saturating_add(delivery.delivered);
        if self.full_reached {
            self.window = grown.min(limit);
        } else if self.window < limit || delivery.delivered_total < self.initial_window {
            self.window = grown;
        }
        let least = self.window_min();
        self.window = self.window.max(least);
        if self.state == State::ProbeRtt {
            self.window = self.window.min(self.probe_rtt_window());
        }
        let cap = match self.state {
            State::Down | State::Refill | State::Up => self.inflight_longterm,
            State::ProbeRtt | State::Cruise => self.inflight_with_headroom(),
            State::Startup | State::Drain => u64::MAX,
        };
        self.window = self.window.min(cap.min(self.inflight_shortterm).max(least));
    }
}

/// BBR.PacingMarginPercent, and BBR.Headroom in percent (§2.5, §2.7).
const PACING_MARGIN: u64 = 1;
const HEADROOM: u64 = 15;

/// BBR.ExtraAckedFilterLen in rounds.
const EXTRA_ROUNDS: u64 = 10;
