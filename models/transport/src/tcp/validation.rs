//! Congestion window validation (RFC 7661): a window that the application does not use is kept, but not trusted.

use std::collections::VecDeque;

use sim_core::{SimDuration, SimTime};

use super::config::TcpConfig;
use super::sender::{Recovery, Sender};
use crate::congestion::{CongestionControl, initial_window};

/// What is known of how much of the window was used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Validation {
    /// Bytes acknowledged since `round_from`, a sample of pipeACK in the making (§4.2).
    acknowledged: u64,
    round_from: SimTime,
    /// Samples within the sampling period, each greater than those behind it.
    samples: VecDeque<(SimTime, u64)>,
    /// pipeACK is not "undefined": there was a sample since the beginning or the last loss.
    defined: bool,
    /// When the non-validated phase began, or the last reduction in it.
    since: Option<SimTime>,
    /// Max(pipeACK, LossFlightSize) of a loss in the non-validated phase (§4.4.1).
    used: Option<u64>,
    /// R of §4.4.1: bytes sent again since.
    pub(super) resent: u64,
}

impl Validation {
    /// `bytes` were acknowledged outside of a recovery.
    fn on_acknowledged(&mut self, now: SimTime, bytes: u64, srtt: SimDuration) {
        let since = now.saturating_since(self.round_from);
        if since > srtt * 2 && self.acknowledged > 0 {
            // A pause: what came before it belongs to its own round trip.
            let before = std::mem::take(&mut self.acknowledged);
            self.sample(self.round_from + srtt, before);
        }
        self.acknowledged += bytes;
        if since < srtt {
            return;
        }
        let sample = std::mem::take(&mut self.acknowledged);
        self.sample(now, sample);
        self.round_from = now;
    }

    fn sample(&mut self, at: SimTime, sample: u64) {
        while self.samples.back().is_some_and(|(_, smaller)| *smaller <= sample) {
            self.samples.pop_back();
        }
        self.samples.push_back((at, sample));
        self.defined = true;
    }

    /// pipeACK: the greatest sample of the sampling period, max(3·RTT, 1 s); what is not measured counts as zero.
    fn pipe_ack(&mut self, now: SimTime, srtt: SimDuration) -> Option<u64> {
        let period = (srtt * 3).max(SAMPLING_LEAST);
        while self.samples.front().is_some_and(|(at, _)| now.saturating_since(*at) > period) {
            self.samples.pop_front();
        }
        self.defined.then(|| self.samples.front().map_or(0, |(_, greatest)| *greatest))
    }

    /// Enters or leaves the non-validated phase (§4.3).
    fn judge(&mut self, now: SimTime, srtt: SimDuration, window: u64) {
        match self.pipe_ack(now, srtt) {
            Some(used) if used < window / 2 => {
                self.since.get_or_insert(now);
            }
            Some(_) | None => self.since = None,
        }
    }

    /// Forgets what was measured (§4.2): pipeACK is undefined, and the phase validated.
    fn forget(&mut self, now: SimTime) {
        *self = Self { round_from: now, ..Self::default() };
    }
}

impl Sender {
    /// Whether the window is larger than what was used of it lately.
    #[inline]
    pub(super) fn is_unvalidated(&self) -> bool {
        self.validation.as_ref().is_some_and(|validation| validation.since.is_some())
    }

    /// `bytes` were acknowledged.
    #[inline]
    pub(super) fn validate(&mut self, now: SimTime, bytes: u64) {
        if self.recovery == Recovery::Open
            && let Some(validation) = &mut self.validation
        {
            let srtt = self.rtt.srtt().unwrap_or(SimDuration::ZERO);
            validation.on_acknowledged(now, bytes, srtt);
            validation.judge(now, srtt, self.controller.window());
        }
    }

    /// The application goes on: after each five minutes in the non-validated phase the window is halved, down to the
    /// initial one, and what it was is not forgotten (§4.4.3).
    pub(super) fn revalidate(&mut self, now: SimTime, config: &TcpConfig) {
        let Some(validation) = &mut self.validation else { return };
        let srtt = self.rtt.srtt().unwrap_or(SimDuration::ZERO);
        validation.judge(now, srtt, self.controller.window());
        let Some(since) = &mut validation.since else { return };
        let size = self.payload_size;
        let least = config.initial_window.map_or(initial_window(size), |it| u64::from(it) * u64::from(size));
        while now.saturating_since(*since) > PERIOD {
            *since += PERIOD;
            let window = self.controller.window();
            if window <= least {
                *since = now;
                break;
            }
            let ssthresh = self.controller.ssthresh().max(window / 4 * 3);
            self.controller.set_window((window / 2).max(least), ssthresh);
        }
    }

    /// A loss begins a recovery with `flight` bytes outstanding: what counts as used instead, in the non-validated phase
    /// (§4.4.1).
    pub(super) fn flight_used(&mut self, now: SimTime, flight: u64) -> u64 {
        let srtt = self.rtt.srtt().unwrap_or(SimDuration::ZERO);
        let Some(validation) = self.validation.as_mut().filter(|validation| validation.since.is_some())
        else {
            return flight;
        };
        let used = validation.pipe_ack(now, srtt).unwrap_or(0).max(flight);
        (validation.used, validation.resent) = (Some(used), 0);
        used
    }

    /// A mark reduces the window: what is outstanding, or what of a window that was not validated counts as used. Nothing was
    /// lost, so that it is half of that at once, and pipeACK is undefined again (§4.4.1 with R of 0).
    pub(super) fn flight_marked(&mut self, now: SimTime) -> u64 {
        let flight = self.flight();
        if !self.is_unvalidated() {
            return flight;
        }
        let used = self.flight_used(now, flight);
        if let Some(validation) = &mut self.validation {
            validation.forget(now);
        }
        // A controller that reduces its window in proportion has to start from what was used of it.
        let ssthresh = self.controller.ssthresh();
        self.controller.set_window(used.max(u64::from(self.payload_size)), ssthresh);
        used
    }

    /// A recovery is over, or a timeout has come: a window that was not validated becomes half of what was used of it
    /// without what was lost (§4.4.1), and pipeACK is undefined again.
    pub(super) fn end_unvalidated(&mut self, now: SimTime, by_timeout: bool) {
        let Some(validation) = &mut self.validation else { return };
        let used = validation.used.take();
        let resent = validation.resent;
        validation.forget(now);
        if let Some(used) = used.filter(|_| !by_timeout) {
            let window = (used.saturating_sub(resent) / 2).max(u64::from(self.payload_size));
            self.controller.set_window(window, window);
        }
    }
}

/// The non-validated period: five minutes (§5).
const PERIOD: SimDuration = SimDuration::from_secs(300);

/// The shortest sampling period (§4.2).
const SAMPLING_LEAST: SimDuration = SimDuration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: SimDuration = SimDuration::from_millis(100);
    const AT: fn(u64) -> SimTime = SimTime::from_millis;

    // Holds: RFC 7661 4.2-a, 4.2-b.
    #[test]
    fn pipe_ack_is_the_greatest_round_trip_of_the_last_second() {
        let mut validation = Validation::default();
        assert_eq!(validation.pipe_ack(AT(0), RTT), None, "undefined");
        for (at, bytes) in [(50, 1000), (100, 4000), (200, 3000), (300, 1000)] {
            validation.on_acknowledged(AT(at), bytes, RTT);
        }
        assert_eq!(validation.pipe_ack(AT(300), RTT), Some(5000));
        // The first is older than a second.
        assert_eq!(validation.pipe_ack(AT(1150), RTT), Some(3000));
        assert_eq!(validation.pipe_ack(AT(2000), RTT), Some(0), "nothing was measured");
    }

    #[test]
    fn what_was_acknowledged_before_a_pause_is_no_sample_of_after_it() {
        let mut validation = Validation::default();
        for at in [100, 150, 190] {
            validation.on_acknowledged(AT(at), 4000, RTT);
        }
        validation.on_acknowledged(AT(10_000), 1, RTT);
        assert_eq!(validation.pipe_ack(AT(10_000), RTT), Some(1));
    }

    // Holds: RFC 7661 4.3-a, 4.2-c.
    #[test]
    fn the_phase_follows_half_of_the_window() {
        let mut validation = Validation::default();
        validation.on_acknowledged(AT(100), 5000, RTT);
        validation.judge(AT(100), RTT, 10_000);
        assert_eq!(validation.since, None);
        validation.judge(AT(100), RTT, 10_002);
        assert_eq!(validation.since, Some(AT(100)));
        validation.forget(AT(100));
        validation.judge(AT(100), RTT, 100_000);
        assert_eq!(validation.since, None, "undefined");
    }
}
