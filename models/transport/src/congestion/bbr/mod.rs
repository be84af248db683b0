//! BBR version 3 (draft-ietf-ccwg-bbr-06): a model of the path, its bandwidth and its shortest round trip, says how
//! fast to send and how much may be in flight.
//!
//! ```text
//!  Startup ──▶ Drain ──▶ Down ──▶ Cruise ──▶ Refill ──▶ Up ──┐        any of them, when no shorter round trip was
//!                          ▲                                 │        seen for 5 s ──▶ ProbeRtt ──▶ Cruise
//!                          └─────────────────────────────────┘
//! ```
//!
//! Left out: the send quantum of segmentation offload, which does not exist here, and with it the offload budget;
//! congestion marks, which the draft does not answer either.

mod control;
mod model;
mod signals;

use sim_core::{DataRate, SimDuration, SimTime, digest};

use super::{Acknowledged, Congestion, CongestionControl, Delivery, Lost};
use signals::Round;

/// The states of §5.1; the last four but one are those of ProbeBW.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Startup,
    Drain,
    Down,
    Cruise,
    Refill,
    Up,
    ProbeRtt,
}

impl State {
    /// IsInAProbeBWState() of §5.3.3.9.
    fn probes_bandwidth(self) -> bool {
        match self {
            Self::Down | Self::Cruise | Self::Refill | Self::Up => true,
            Self::Startup | Self::Drain | Self::ProbeRtt => false,
        }
    }

    /// IsProbingBW() of §5.3.3.9: whether it accelerates.
    fn accelerates(self) -> bool {
        match self {
            Self::Startup | Self::Refill | Self::Up => true,
            Self::Drain | Self::Down | Self::Cruise | Self::ProbeRtt => false,
        }
    }

    /// BBR.pacing_gain and BBR.cwnd_gain in percent (§5.6.1).
    fn gains(self) -> (u64, u64) {
        match self {
            Self::Startup => (277, 200),
            Self::Drain => (50, 200),
            Self::Down => (90, 200),
            Self::Cruise | Self::Refill => (100, 200),
            Self::Up => (125, 225),
            Self::ProbeRtt => (100, 50),
        }
    }
}

/// What the acknowledgments that arrive now were caused by (§5.3.3.9).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AckPhase {
    Init,
    Refilling,
    Starting,
    Feedback,
    Stopping,
}

/// What is restored when a loss proves not to have been one (§5.5.11.1).
#[derive(Clone, Copy, Debug)]
struct Undo {
    state: Option<State>,
    bandwidth_shortterm: u64,
    inflight_shortterm: u64,
    inflight_longterm: u64,
}

/// The model and the state machine. Rates are in bytes per second, amounts in bytes, and `u64::MAX` is infinity.
#[derive(Clone, Debug)]
pub struct Bbr {
    state: State,
    window: u64,
    initial_window: u64,
    prior_window: u64,
    segment_size: u64,
    pacing: u64,
    round: Round,
    /// The largest rate of the last ProbeBW cycle and of this one.
    bandwidth_max: [u64; 2],
    bandwidth: u64,
    bandwidth_shortterm: u64,
    bandwidth_latest: u64,
    inflight_shortterm: u64,
    inflight_longterm: u64,
    inflight_latest: u64,
    rtt_min: SimDuration,
    rtt_min_at: SimTime,
    probe_rtt_delay: SimDuration,
    probe_rtt_at: SimTime,
    probe_rtt_expired: bool,
    probe_rtt_done: Option<SimTime>,
    probe_rtt_round_done: bool,
    full_bandwidth: u64,
    full_count: u8,
    full_now: bool,
    full_reached: bool,
    drain_round: u64,
    /// The largest excess of the last rounds, in two slots of five rounds each, and when the second began.
    extra: [u64; 2],
    extra_round: u64,
    extra_since: SimTime,
    extra_delivered: u64,
    ack_phase: AckPhase,
    cycle_at: SimTime,
    probe_wait: SimDuration,
    rounds_since_up: u64,
    up_rounds: u32,
    up_acked: u64,
    up_acked_per_increase: u64,
    is_probe_sample: bool,
    too_high: bool,
    precautionary: bool,
    idle_restart: bool,
    in_recovery: bool,
    undo: Undo,
    random: u64,
}

impl Bbr {
    /// A controller in Startup (§5.2.1).
    pub fn new(segment_size: u32, initial_window: u64) -> Self {
        let mut bbr = Self {
            state: State::Startup,
            window: initial_window,
            initial_window,
            prior_window: 0,
            segment_size: u64::from(segment_size),
            pacing: 0,
            round: Round::default(),
            bandwidth_max: [0; 2],
            bandwidth: 0,
            bandwidth_shortterm: u64::MAX,
            bandwidth_latest: 0,
            inflight_shortterm: u64::MAX,
            inflight_longterm: u64::MAX,
            inflight_latest: 0,
            rtt_min: SimDuration::MAX,
            rtt_min_at: SimTime::ZERO,
            probe_rtt_delay: SimDuration::MAX,
            probe_rtt_at: SimTime::ZERO,
            probe_rtt_expired: false,
            probe_rtt_done: None,
            probe_rtt_round_done: false,
            full_bandwidth: 0,
            full_count: 0,
            full_now: false,
            full_reached: false,
            drain_round: 0,
            extra: [0; 2],
            extra_round: 0,
            extra_since: SimTime::ZERO,
            extra_delivered: 0,
            ack_phase: AckPhase::Init,
            cycle_at: SimTime::ZERO,
            probe_wait: SimDuration::ZERO,
            rounds_since_up: 0,
            up_rounds: 0,
            up_acked: 0,
            up_acked_per_increase: u64::MAX,
            is_probe_sample: false,
            too_high: false,
            precautionary: false,
            idle_restart: false,
            in_recovery: false,
            undo: Undo { state: None, bandwidth_shortterm: 0, inflight_shortterm: 0, inflight_longterm: 0 },
            random: 0,
        };
        bbr.init_pacing(None);
        bbr
    }

    /// The next number of the connection's own sequence.
    fn draw(&mut self, below: u64) -> u64 {
        self.random = digest::fold(self.random, 0x6262_7233);
        self.random % below
    }

    /// SaveCwnd() (§5.6.4.4).
    fn save_window(&mut self) {
        self.prior_window = if !self.in_recovery && self.state != State::ProbeRtt {
            self.window
        } else {
            self.prior_window.max(self.window)
        };
    }

    /// SaveStateUponLoss() (§5.5.11.1).
    fn save_state(&mut self) {
        self.save_window();
        self.undo = Undo {
            state: None,
            bandwidth_shortterm: self.bandwidth_shortterm,
            inflight_shortterm: self.inflight_shortterm,
            inflight_longterm: self.inflight_longterm,
        };
    }
}

impl CongestionControl for Bbr {
    #[inline]
    fn window(&self) -> u64 {
        self.window
    }

    /// There is none: `u64::MAX` until the pipe was once full, then what is in flight at most.
    fn ssthresh(&self) -> u64 {
        if self.full_reached { self.window } else { u64::MAX }
    }

    fn on_established(&mut self, now: SimTime, srtt: Option<SimDuration>, seed: u64) {
        self.random = seed;
        self.rtt_min = srtt.unwrap_or(SimDuration::MAX);
        self.rtt_min_at = now;
        self.probe_rtt_at = now;
        self.extra_since = now;
        self.init_pacing(srtt);
    }

    fn on_acknowledged(&mut self, _ack: &Acknowledged<'_>) {}

    fn measures_delivery(&self) -> bool {
        true
    }

    fn governs_recovery(&self) -> bool {
        true
    }

    /// The draft does not answer marks.
    fn answers_marks(&self) -> bool {
        false
    }

    fn limits_itself(&self) -> bool {
        self.state == State::ProbeRtt
    }

    /// HandleRestartFromIdle() (§5.4.1).
    fn on_sent(&mut self, now: SimTime, in_flight: u64, application_limited: bool) {
        if in_flight > 0 || !application_limited {
            return;
        }
        self.idle_restart = true;
        self.extra_since = now;
        if self.state.probes_bandwidth() {
            self.set_pacing(100);
        } else if self.state == State::ProbeRtt {
            self.check_probe_rtt_done(now);
        }
    }

    fn on_lost(&mut self, now: SimTime, lost: &Lost) {
        self.handle_lost(now, lost);
    }

    fn on_delivered(&mut self, delivery: &Delivery) {
        self.update_model(delivery);
        let pacing_gain = self.state.gains().0;
        self.set_pacing(pacing_gain);
        self.set_window(delivery);
    }

    #[inline]
    fn pacing_rate(&self) -> Option<DataRate> {
        DataRate::try_from_bits_per_second(self.pacing.saturating_mul(8))
    }

    fn on_congestion(&mut self, _now: SimTime, _in_flight: u64, cause: Congestion) {
        match cause {
            Congestion::Loss => {
                if !self.round.loss {
                    self.save_state();
                }
                self.in_recovery = true;
                self.round.recovery_began();
            }
            Congestion::Marked => {}
        }
    }

    fn on_timeout(&mut self, _now: SimTime, _in_flight: u64, first: bool) {
        if first && !self.round.loss {
            self.save_state();
        }
        self.in_recovery = true;
        self.window = self.segment_size; // §5.6.4.4: nothing counts as in flight any more.
    }

    fn on_recovered(&mut self, _window: u64) {}

    fn on_recovery_ended(&mut self) {
        self.in_recovery = false;
        self.window = self.window.max(self.prior_window);
    }

    /// HandleSpuriousLossDetection() (§5.5.11.2).
    fn on_undo(&mut self, _before: &Self) {
        self.in_recovery = false;
        self.window = self.window.max(self.prior_window);
        self.round.forget_losses();
        self.reset_full();
        self.bandwidth_shortterm = self.bandwidth_shortterm.max(self.undo.bandwidth_shortterm);
        self.inflight_shortterm = self.inflight_shortterm.max(self.undo.inflight_shortterm);
        self.inflight_longterm = self.inflight_longterm.max(self.undo.inflight_longterm);
        match self.undo.state.take() {
            Some(State::Startup) if self.state != State::Startup => {
                self.full_reached = false;
                if self.state != State::ProbeRtt {
                    self.state = State::Startup;
                }
            }
            Some(State::Up) if self.state != State::Up && self.state != State::ProbeRtt => {
                self.start_refill();
            }
            Some(_) | None => {}
        }
    }

    /// §5.4: the window stays; what is sent then is paced.
    fn on_idle(&mut self, _now: SimTime) {}

    fn on_segment_size(&mut self, segment_size: u32) {
        self.segment_size = u64::from(segment_size);
        self.window = self.window.max(self.segment_size);
    }
}

/// `amount` times `percent`/100; infinity stays infinity.
fn percent(amount: u64, percent: u64) -> u64 {
    if amount == u64::MAX {
        return amount;
    }
    u64::try_from(u128::from(amount) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
