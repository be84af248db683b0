//! The state machine: Startup, Drain, the cycle of ProbeBW, ProbeRTT (§5.3), and the round-trip time (§5.5.7).

use sim_core::{SimDuration, SimTime};

use super::super::Delivery;
use super::signals::bytes_per_second;
use super::{AckPhase, Bbr, State, percent};

impl Bbr {
    /// UpdateModelAndState() (§5.2.3).
    pub(super) fn update_model(&mut self, delivery: &Delivery) {
        self.update_rounds(delivery);
        self.update_congestion(delivery);
        self.update_aggregation(delivery);
        self.check_full(delivery);
        if self.state == State::Startup && self.full_reached {
            self.state = State::Drain;
            self.drain_round = self.round.count;
        }
        if self.state == State::Drain
            && (delivery.in_flight <= self.inflight(100) || self.round.count > self.drain_round + 3)
        {
            self.start_down(delivery.now);
        }
        self.update_cycle(delivery);
        self.update_rtt(delivery);
        self.check_probe_rtt(delivery);
        self.advance_signals(delivery);
        self.bandwidth = self.max_bandwidth().min(self.bandwidth_shortterm); // BoundBWForModel()
    }

    /// CheckFullBWReached() (§5.3.1.2).
    fn check_full(&mut self, delivery: &Delivery) {
        let Some(rate) = &delivery.rate else { return };
        if self.full_now || !self.round.start || rate.app_limited {
            return;
        }
        let sample = bytes_per_second(delivery);
        if sample >= percent(self.full_bandwidth, 125) {
            self.reset_full();
            self.full_bandwidth = sample;
            return;
        }
        self.full_count += 1;
        self.full_now = self.full_count >= 3;
        self.full_reached |= self.full_now;
    }

    /// ResetFullBW().
    pub(super) fn reset_full(&mut self) {
        self.full_bandwidth = 0;
        self.full_count = 0;
        self.full_now = false;
    }

    /// UpdateProbeBWCyclePhase() (§5.3.3.9).
    fn update_cycle(&mut self, delivery: &Delivery) {
        if !self.full_reached || self.adapt_long_term(delivery) {
            return;
        }
        match self.state {
            State::Startup | State::Drain | State::ProbeRtt => {}
            State::Down => {
                if !self.starts_probing(delivery.now) && self.may_cruise(delivery) {
                    self.state = State::Cruise;
                }
            }
            State::Cruise => {
                self.starts_probing(delivery.now);
            }
            State::Refill => {
                if self.round.start {
                    self.is_probe_sample = true;
                    self.start_up(delivery);
                }
            }
            State::Up => {
                if self.goes_down(delivery) {
                    self.too_high = false;
                    self.start_down(delivery.now);
                }
            }
        }
    }

    /// StartProbeBW_DOWN() with PickProbeWait() (§5.3.3.8.3).
    pub(super) fn start_down(&mut self, now: SimTime) {
        self.reset_signals();
        self.up_acked_per_increase = u64::MAX;
        self.rounds_since_up = self.draw(2);
        self.probe_wait = SimDuration::from_secs(2) + SimDuration::from_micros(self.draw(1_000_000));
        self.cycle_at = now;
        self.ack_phase = AckPhase::Stopping;
        self.round.restart();
        self.state = State::Down;
    }

    /// StartProbeBW_REFILL().
    pub(super) fn start_refill(&mut self) {
        self.reset_shortterm();
        self.up_rounds = 0;
        self.up_acked = 0;
        self.precautionary = false;
        self.ack_phase = AckPhase::Refilling;
        self.round.restart();
        self.state = State::Refill;
    }

    /// StartProbeBW_UP().
    fn start_up(&mut self, delivery: &Delivery) {
        self.ack_phase = AckPhase::Starting;
        self.round.restart();
        self.reset_full();
        self.full_bandwidth = bytes_per_second(delivery);
        self.state = State::Up;
        self.raise_slope();
    }

    /// ResetShortTermModel().
    pub(super) fn reset_shortterm(&mut self) {
        self.bandwidth_shortterm = u64::MAX;
        self.inflight_shortterm = u64::MAX;
    }

    /// IsTimeToProbeBW() (§5.3.3.8.3).
    fn starts_probing(&mut self, now: SimTime) -> bool {
        let rounds = (self.target() / self.segment_size).min(63);
        let due = now > self.cycle_at + self.probe_wait || self.rounds_since_up >= rounds;
        if due {
            self.start_refill();
        }
        due
    }

    /// IsTimeToCruise().
    fn may_cruise(&self, delivery: &Delivery) -> bool {
        delivery.in_flight <= self.inflight_with_headroom() && delivery.in_flight <= self.inflight(100)
    }

    /// IsTimeToGoDown().
    fn goes_down(&mut self, delivery: &Delivery) -> bool {
        if self.too_high && delivery.in_flight >= self.inflight_longterm {
            self.precautionary = true;
            return true;
        }
        if delivery.window_limited && self.window >= self.inflight_longterm {
            self.reset_full();
            self.full_bandwidth = bytes_per_second(delivery);
            return false;
        }
        self.full_now
    }

    /// RaiseInflightLongtermSlope().
    fn raise_slope(&mut self) {
        let growth = 1_u64 << self.up_rounds;
        self.up_rounds = (self.up_rounds + 1).min(30);
        self.up_acked_per_increase = (self.window / growth).max(self.segment_size);
    }

    /// ProbeInflightLongtermUpward().
    pub(super) fn probe_upward(&mut self, delivery: &Delivery) {
        if !delivery.window_limited || self.window < self.inflight_longterm {
            return;
        }
        self.up_acked += delivery.delivered;
        if self.up_acked >= self.up_acked_per_increase {
            let increases = self.up_acked / self.up_acked_per_increase;
            self.up_acked -= increases * self.up_acked_per_increase;
            self.inflight_longterm = self.inflight_longterm.saturating_add(increases * self.segment_size);
        }
        if self.round.start {
            self.raise_slope();
        }
    }

    /// UpdateMinRTT() (§5.3.4.3).
    fn update_rtt(&mut self, delivery: &Delivery) {
        let now = delivery.now;
        self.probe_rtt_expired = now > self.probe_rtt_at + PROBE_RTT_INTERVAL;
        if let Some(rtt) = delivery.rtt
            && (rtt < self.probe_rtt_delay || self.probe_rtt_expired)
        {
            self.probe_rtt_delay = rtt;
            self.probe_rtt_at = now;
        }
        if self.probe_rtt_delay < self.rtt_min || now > self.rtt_min_at + RTT_FILTER {
            self.rtt_min = self.probe_rtt_delay;
            self.rtt_min_at = self.probe_rtt_at;
        }
    }

    /// CheckProbeRTT() (§5.3.4.3).
    fn check_probe_rtt(&mut self, delivery: &Delivery) {
        if self.state != State::ProbeRtt && self.probe_rtt_expired && !self.idle_restart {
            self.save_window();
            self.state = State::ProbeRtt;
            self.probe_rtt_done = None;
            self.ack_phase = AckPhase::Stopping;
            self.round.restart();
        }
        if self.state == State::ProbeRtt {
            match self.probe_rtt_done {
                None if delivery.in_flight <= self.probe_rtt_window() => {
                    self.probe_rtt_done = Some(delivery.now + PROBE_RTT_DURATION);
                    self.probe_rtt_round_done = false;
                    self.round.restart();
                }
                None => {}
                Some(_) => {
                    self.probe_rtt_round_done |= self.round.start;
                    if self.probe_rtt_round_done {
                        self.check_probe_rtt_done(delivery.now);
                    }
                }
            }
        }
        if delivery.rate.is_some_and(|rate| rate.delivered > 0) {
            self.idle_restart = false;
        }
    }

    /// CheckProbeRTTDone() and ExitProbeRTT() (§5.3.4.3, §5.3.4.4).
    pub(super) fn check_probe_rtt_done(&mut self, now: SimTime) {
        if self.probe_rtt_done.is_none_or(|done| now <= done) {
            return;
        }
        self.probe_rtt_at = now;
        self.window = self.window.max(self.prior_window);
        self.reset_shortterm();
        if self.full_reached {
            self.start_down(now);
            self.state = State::Cruise;
        } else {
            self.state = State::Startup;
        }
    }
}

/// BBR.ProbeRTTInterval, BBR.MinRTTFilterLen, BBR.ProbeRTTDuration (§2.14).
const PROBE_RTT_INTERVAL: SimDuration = SimDuration::from_secs(5);
const RTT_FILTER: SimDuration = SimDuration::from_secs(10);
const PROBE_RTT_DURATION: SimDuration = SimDuration::from_millis(200);
