//! What is counted by round trips: rounds, and the losses of each (§5.5.1, §5.5.10).

use super::super::{Delivery, Lost};
use super::{AckPhase, Bbr, State, percent};
use sim_core::SimTime;

/// Round trips, as packets measure them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Round {
    pub(super) count: u64,
    pub(super) start: bool,
    next_delivered: u64,
    /// Bytes delivered so far.
    pub(super) delivered: u64,
    loss_delivered: u64,
    pub(super) loss_start: bool,
    pub(super) loss: bool,
    /// Separate ranges lost in this round, and the place behind the last one.
    ranges: u32,
    range_end: u64,
    /// Whether the recovery has lasted for a whole round.
    recovering: bool,
    recovering_since: u64,
}

impl Round {
    /// StartRound().
    pub(super) fn restart(&mut self) {
        self.next_delivered = self.delivered;
    }

    pub(super) fn recovery_began(&mut self) {
        self.recovering = true;
        self.recovering_since = self.count;
    }

    pub(super) fn forget_losses(&mut self) {
        self.loss = false;
        self.ranges = 0;
    }
}

impl Bbr {
    /// UpdateLatestDeliverySignals() (§5.5.10.3) and UpdateRound() (§5.5.1).
    pub(super) fn update_rounds(&mut self, delivery: &Delivery) {
        let round = &mut self.round;
        round.delivered = delivery.delivered_total;
        round.start = false;
        round.loss_start = false;
        let Some(rate) = &delivery.rate else { return };
        self.bandwidth_latest = self.bandwidth_latest.max(bytes_per_second(delivery));
        self.inflight_latest = self.inflight_latest.max(rate.delivered);
        if rate.delivered_before >= round.loss_delivered {
            round.loss_delivered = round.delivered;
            round.loss_start = true;
        }
        if rate.delivered_before >= round.next_delivered {
            round.restart();
            round.count += 1;
            self.rounds_since_up += 1;
            round.start = true;
        }
    }

    /// UpdateCongestionSignals() (§5.5.10.3) with UpdateMaxBw() (§5.5.5).
    pub(super) fn update_congestion(&mut self, delivery: &Delivery) {
        if let Some(rate) = &delivery.rate {
            let sample = bytes_per_second(delivery);
            if sample >= self.max_bandwidth() || !rate.app_limited {
                self.bandwidth_max[1] = self.bandwidth_max[1].max(sample);
            }
        }
        if !self.round.loss_start {
            return;
        }
        if self.round.loss && !self.state.accelerates() {
            // InitLowerBounds() and LossLowerBounds().
            if self.bandwidth_shortterm == u64::MAX {
                self.bandwidth_shortterm = self.max_bandwidth();
            }
            if self.inflight_shortterm == u64::MAX {
                self.inflight_shortterm = self.window;
            }
            self.bandwidth_shortterm = self.bandwidth_latest.max(percent(self.bandwidth_shortterm, BETA));
            self.inflight_shortterm = self.inflight_latest.max(percent(self.inflight_shortterm, BETA));
        }
        self.check_startup_loss(delivery);
        self.round.forget_losses();
    }

    /// AdvanceLatestDeliverySignals() (§5.5.10.3).
    pub(super) fn advance_signals(&mut self, delivery: &Delivery) {
        if self.round.loss_start
            && let Some(rate) = &delivery.rate
        {
            self.bandwidth_latest = bytes_per_second(delivery);
            self.inflight_latest = rate.delivered;
        }
    }

    /// ResetCongestionSignals().
    pub(super) fn reset_signals(&mut self) {
        self.round.forget_losses();
        self.bandwidth_latest = 0;
        self.inflight_latest = 0;
    }

    /// CheckStartupHighLoss() (§5.3.1.3): a whole round of recovery, six ranges lost in it, more than 2 %.
    fn check_startup_loss(&mut self, delivery: &Delivery) {
        let whole_round =
            self.in_recovery && self.round.recovering && self.round.count > self.round.recovering_since;
        let Some(rate) = &delivery.rate else { return };
        if self.state != State::Startup
            || !whole_round
            || self.round.ranges < STARTUP_RANGES
            || !is_too_high(rate.lost_since, rate.in_flight_then)
        {
            return;
        }
        self.undo.state = Some(State::Startup);
        self.full_reached = true;
        self.inflight_longterm = self.product().max(self.inflight_latest);
    }

    /// NoteLoss() and HandleLostPacket() (§5.5.10.2).
    pub(super) fn handle_lost(&mut self, now: SimTime, lost: &Lost) {
        if !self.round.loss {
            self.round.loss_delivered = lost.delivered_total;
            self.round.loss = true;
            self.save_state();
        }
        if lost.start != self.round.range_end {
            self.round.ranges += 1;
        }
        self.round.range_end = lost.start + lost.bytes;
        if !self.is_probe_sample || !is_too_high(lost.lost_since, lost.in_flight_then) {
            return;
        }
        // InflightAtLoss(): where in this packet the losses exceeded the threshold.
        let before = lost.in_flight_then.saturating_sub(lost.bytes);
        let lost_before = lost.lost_since.saturating_sub(lost.bytes);
        let prefix =
            percent(before, LOSS_THRESHOLD).saturating_sub(lost_before) * 100 / (100 - LOSS_THRESHOLD);
        self.handle_too_high(now, before + prefix, lost.app_limited);
    }

    /// HandleInflightTooHigh() (§5.5.10.2).
    fn handle_too_high(&mut self, now: SimTime, in_flight: u64, app_limited: bool) {
        self.too_high = true;
        self.is_probe_sample = false;
        if !app_limited {
            self.inflight_longterm = in_flight.max(percent(self.target(), BETA));
        }
        if self.state == State::Up {
            self.undo.state = Some(State::Up);
            self.start_down(now);
        }
    }

    /// AdaptLongTermModel() (§5.3.3.9); whether it has decided upon the state.
    pub(super) fn adapt_long_term(&mut self, delivery: &Delivery) -> bool {
        if self.ack_phase == AckPhase::Starting && self.round.start {
            self.ack_phase = AckPhase::Feedback;
        }
        let app_limited = delivery.rate.is_some_and(|rate| rate.app_limited);
        if self.ack_phase == AckPhase::Stopping && self.round.start {
            self.is_probe_sample = false;
            self.ack_phase = AckPhase::Init;
            if self.state.probes_bandwidth() {
                if !app_limited {
                    self.bandwidth_max = [self.bandwidth_max[1], 0]; // AdvanceMaxBwFilter()
                }
                if self.precautionary && !self.too_high {
                    self.start_refill();
                    return true;
                }
            }
        }
        let Some(rate) = &delivery.rate else { return false };
        if !is_too_high(rate.lost_since, rate.in_flight_then) && self.inflight_longterm != u64::MAX {
            self.inflight_longterm = self.inflight_longterm.max(rate.in_flight_then);
            if self.state == State::Up {
                self.probe_upward(delivery);
            }
        }
        false
    }
}

/// IsInflightTooHigh(): more than 2 % lost.
fn is_too_high(lost: u64, in_flight: u64) -> bool {
    lost > percent(in_flight, LOSS_THRESHOLD)
}

/// The delivery rate of the sample in bytes per second; 0 if there is none.
pub(super) fn bytes_per_second(delivery: &Delivery) -> u64 {
    delivery.rate.map_or(0, |rate| {
        let bytes = u128::from(rate.delivered) * 1_000_000_000 / u128::from(rate.interval.as_nanos().max(1));
        u64::try_from(bytes).unwrap_or(u64::MAX / 8)
    })
}

/// BBR.LossThresh and BBR.Beta in percent (§2.7).
const LOSS_THRESHOLD: u64 = 2;
const BETA: u64 = 70;

/// BBR.StartupFullLossCnt (§5.3.1.3).
const STARTUP_RANGES: u32 = 6;
