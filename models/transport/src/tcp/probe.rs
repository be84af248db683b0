//! Tail loss probes (RFC 8985 §7): something is sent when acknowledgments are overdue, so that a lost tail is
//! found by its acknowledgment instead of by the retransmission timer.

use sim_core::{SimDuration, SimTime};

use super::choice::{Choice, Resend};
use super::connection::TcpConnection;
use super::sender::{Recovery, Sender};
use super::stats::Counters;
use super::timer::Timer;
use crate::congestion::{Congestion, CongestionControl};

/// The variables of RFC 8985 §5.3 for probes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Probe {
    /// TLP.end_seq; 0 is none.
    end: u64,
    /// TLP.is_retrans.
    resent: bool,
    /// The round-trip time was measured since the last probe.
    measured: bool,
    /// A probe is to be sent.
    pub(super) due: bool,
    /// A probe is being sent.
    going: bool,
}

impl Probe {
    /// No probe is in flight any more, nor to be sent.
    pub(crate) fn forget(&mut self) {
        self.end = 0;
        self.due = false;
    }

    pub(crate) fn on_sample(&mut self) {
        self.measured = true;
    }
}

impl Sender {
    /// TLP_calc_PTO() of RFC 8985 §7.2, under the conditions of that section; `rto_at` is when the retransmission
    /// timer expires.
    #[inline]
    pub(super) fn probe_at(&self, now: SimTime, rto_at: SimTime) -> Option<SimTime> {
        if self.scoreboard.is_empty() || self.forbids_probe() {
            return None;
        }
        let wait = match self.rtt.srtt() {
            Some(srtt) if self.scoreboard.len() == 1 => srtt * 2 + ACK_DELAY_MAX,
            Some(srtt) => srtt * 2,
            None => SimDuration::from_secs(1),
        };
        Some((now + wait).min(rto_at))
    }

    /// Whether something is known to be missing, so that no probe is needed to find out (RFC 8985 §7.2).
    #[inline]
    pub(super) fn forbids_probe(&self) -> bool {
        self.recovery != Recovery::Open || self.scoreboard.has_sacked()
    }

    /// The probe timer expired: whether a probe may be sent (RFC 8985 §7.3).
    fn on_probe_timeout(&mut self) {
        self.probe.due = self.probe.end == 0 && self.probe.measured;
    }

    /// A probe, if one is due: new data if the peer's window has room, whatever the congestion window says; else
    /// the last segment again (RFC 8985 §7.3).
    #[inline]
    pub(super) fn choose_probe(&mut self, room: u32) -> Option<Choice> {
        if !self.probe.due {
            return None;
        }
        self.probe.due = false;
        if self.scoreboard.is_empty() || self.forbids_probe() {
            return None;
        }
        self.probe.going = true;
        let waiting = self.buffer.end().saturating_sub(self.nxt);
        let usable = (self.una + self.window).saturating_sub(self.nxt);
        let len = waiting.min(usable).min(u64::from(room));
        let fin = self.fin && self.nxt < self.end() && len == waiting && usable > len;
        if len > 0 || fin {
            return Some(Choice::New { len: len as u32, fin });
        }
        Some(Choice::Resend { index: self.scoreboard.len() - 1, why: Resend::Probe })
    }

    /// Notes what was sent as a probe.
    #[inline]
    pub(super) fn note_probe(&mut self, again: bool) -> bool {
        if !self.probe.going {
            return false;
        }
        self.probe = Probe { end: self.nxt, resent: again, measured: false, due: false, going: false };
        true
    }

    /// TLP_process_ack() of RFC 8985 §7.4.2. `duplicate` is the range of a D-SACK, `plain` a duplicate
    /// acknowledgment without SACK.
    pub(super) fn settle_probe(
        &mut self,
        now: SimTime,
        ack: u64,
        duplicate: Option<(u64, u64)>,
        plain: bool,
        counters: &mut Counters,
    ) {
        let end = self.probe.end;
        if end == 0 || ack < end {
            return;
        }
        let reported = duplicate.is_some_and(|range| range.1 == end);
        if !self.probe.resent || reported || (ack == end && plain) {
            counters.spurious_retransmissions += u32::from(self.probe.resent && reported);
            self.probe.end = 0;
        } else if ack > end {
            self.probe.end = 0;
            counters.probe_repairs += 1;
            if self.recovery == Recovery::Open {
                let flight = self.flight();
                self.controller.on_congestion(now, flight, Congestion::Loss);
            }
        }
    }
}

impl TcpConnection {
    /// Arms the probe timer, after new data was sent or acknowledged (RFC 8985 §7.2).
    #[inline]
    pub(super) fn arm_probe(&mut self, now: SimTime) {
        if !self.sender.detects_by_time(&self.config) {
            return;
        }
        let rto_at = self.timers.deadline(Timer::Retransmit);
        match self.sender.probe_at(now, rto_at) {
            Some(at) => self.timers.set(Timer::Probe, at),
            None => self.timers.clear(Timer::Probe),
        }
    }

    /// The probe timer expired; if a probe goes, the retransmission timer starts anew (RFC 8985 §7.3). If none goes it
    /// runs on: else a sender of a little now and then would arm a probe timer with each piece, and put its time-out off
    /// as long as nothing is acknowledged.
    pub(super) fn on_probe_timeout(&mut self, now: SimTime) {
        self.sender.on_probe_timeout();
        if self.sender.probe.due && !self.sender.scoreboard.is_empty() {
            self.restart_retransmission_timer(now);
        }
    }
}

/// TLP.max_ack_delay (RFC 8985 §7.2): how long acknowledgments are commonly delayed.
const ACK_DELAY_MAX: SimDuration = SimDuration::from_millis(200);
