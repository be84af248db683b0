//! The timers of an association: T1, T2, T3, T5, delayed SACK, HEARTBEAT.

use sim_core::SimTime;
use wire::sctp::Cause;

use super::association::Association;
use super::outbound::ChunkState;
use super::state::{CloseReason, State};
use crate::congestion::CongestionControl;

impl Association {
    /// The earliest timer.
    pub(super) fn next_timeout(&self) -> Option<SimTime> {
        let t4 = self.asconf.as_ref().and_then(|asconf| asconf.t4);
        let probe = self.prober.as_ref().and_then(|prober| prober.timer);
        let own = [probe, self.t1, self.t2, t4, self.t5, self.ack.due, self.reconfiguring.timer];
        // Each packet asks for it, and chained iterators cost five times as much.
        let earliest =
            |next: SimTime, timers: &[Option<SimTime>]| timers.iter().flatten().fold(next, |a, b| a.min(*b));
        let mut next = earliest(SimTime::MAX, &own);
        for path in &self.paths {
            next = earliest(next, &[path.t3, path.heartbeat_at]);
        }
        (next != SimTime::MAX).then_some(next)
    }

    /// Fires what is due.
    pub(super) fn on_timeout(&mut self, now: SimTime) {
        let is_due = |timer: &mut Option<SimTime>| timer.take_if(|at| *at <= now).is_some();
        if is_due(&mut self.t5) {
            // RFC 9260 §9.2: the guard's end aborts.
            self.abort(&Cause::ProtocolViolation(b"shutdown guard timer"), CloseReason::Unreachable);
        }
        if is_due(&mut self.t1) {
            self.on_t1(now);
        }
        if is_due(&mut self.t2) {
            self.on_t2(now);
        }
        if self.asconf.as_mut().is_some_and(|asconf| is_due(&mut asconf.t4)) {
            self.on_t4(now);
        }
        if self.prober.as_mut().is_some_and(|prober| is_due(&mut prober.timer)) {
            self.on_probe_timer(now);
        }
        if is_due(&mut self.ack.due) {
            self.ack.at_once = true;
            self.stats.delayed_sacks += 1;
        }
        if is_due(&mut self.reconfiguring.timer) {
            self.on_reconfiguration_timer(now);
        }
        for at in 0..self.paths.len() {
            if is_due(&mut self.paths[at].t3) {
                self.on_t3(now, at);
            }
            if is_due(&mut self.paths[at].heartbeat_at) {
                self.on_heartbeat_due(now, at);
            }
        }
    }

    /// RFC 9260 §5.1: INIT or COOKIE ECHO goes again, to each address in turn.
    fn on_t1(&mut self, now: SimTime) {
        self.stats.control_expiries += 1;
        self.init_errors += 1;
        if self.init_errors > self.config.max_init_retransmits {
            self.close(CloseReason::Unreachable);
            return;
        }
        self.paths[self.control_path].rtt.back_off();
        self.control_path = self.next_control_path();
        match self.state {
            State::CookieWait => self.send_init(now, true),
            State::CookieEchoed => {
                self.mark_in_flight();
                self.send_echo(now, true);
            }
            State::Established
            | State::ShutdownPending
            | State::ShutdownSent
            | State::ShutdownReceived
            | State::ShutdownAckSent
            | State::Closed => {}
        }
    }

    /// The path that comes after the one that was tried: what asks whose its address is has to fit beside the cookie
    /// (RFC 9260 §5.4).
    fn next_control_path(&self) -> usize {
        let count = self.paths.len();
        let asks = self.echo.len() + HEARTBEAT_LEN <= self.pmdcs as usize;
        let mut places = (1..=count).map(|step| (self.control_path + step) % count);
        places.find(|at| asks || self.paths[*at].confirmed).unwrap_or(self.control_path)
    }

    /// What went with a cookie that was not answered goes with the next one.
    pub(super) fn mark_in_flight(&mut self) {
        (0..self.paths.len()).for_each(|at| self.mark_in_flight_on(at));
    }

    /// What is under way on a path goes again.
    pub(super) fn mark_in_flight_on(&mut self, at: usize) {
        for sent in &mut self.out.outstanding {
            if sent.state == ChunkState::InFlight && usize::from(sent.path) == at {
                sent.state = ChunkState::Marked;
                self.out.marked += 1;
                self.out.in_flight -= u64::from(sent.len());
                self.out.peer_rwnd += u64::from(sent.len());
                let path = &mut self.paths[usize::from(sent.path)];
                path.in_flight -= u64::from(sent.len());
                path.timed = None;
            }
        }
    }

    fn on_t2(&mut self, now: SimTime) {
        self.stats.control_expiries += 1;
        let at = self.control_path;
        self.paths[at].rtt.back_off();
        self.record_error(now, at);
        self.send_shutdown(now, true);
    }

    /// RFC 9260 §6.3.3: the path's data are taken for lost, and its window is closed to one packet.
    fn on_t3(&mut self, now: SimTime, at: usize) {
        self.stats.t3_expiries += 1;
        let path = &mut self.paths[at];
        let in_flight = path.in_flight;
        let first = path.rtt.backoff() == 0;
        path.window.on_timeout(now, in_flight, first);
        path.rtt.back_off();
        path.timed = None;
        path.recovery_exit = None;
        // RFC 9260 §6.1 rule A: a probe of a closed window that is not taken is no failure of the path, as long as SACKs
        // come.
        let answered = std::mem::take(&mut self.out.answered);
        let probes = self.out.peer_rwnd == 0 && in_flight > 0 && in_flight <= u64::from(self.fragment_max);
        for index in 0..self.out.outstanding.len() {
            let sent = &mut self.out.outstanding[index];
            if sent.state != ChunkState::InFlight || usize::from(sent.path) != at {
                continue;
            }
            sent.state = ChunkState::Marked;
            sent.timed_out = true;
            sent.missing = 0;
            sent.fast_retransmitted = false;
            let len = u64::from(sent.len());
            self.out.marked += 1;
            self.out.in_flight -= len;
            self.out.peer_rwnd += len; // RFC 9260 §6.2.1 rule C
            self.paths[at].in_flight -= len;
        }
        self.paths[at].renew_burst(&self.config, self.pmdcs);
        if !(probes && answered) {
            self.record_error(now, at);
        }
        if self.state == State::Closed {
            return;
        }
        self.look_for_black_hole(now);
        self.abandon_what_is_over(now);
        self.forward_due |= self.out.advanced >= self.out.base;
    }

    /// Gives up marked chunks whose policy says so (RFC 3758 §3.5 rule A2), and those in front of a gap block that are
    /// too old.
    pub(super) fn abandon_what_is_over(&mut self, now: SimTime) {
        if !self.peer_forwards_tsns || !self.out.has_limits || self.out.marked + self.out.gap_acked == 0 {
            return;
        }
        let mut abandoned = 0;
        for index in 0..self.out.outstanding.len() {
            let sent = &self.out.outstanding[index];
            let over = match sent.state {
                ChunkState::Marked => sent.is_given_up(now),
                ChunkState::InFlight => {
                    let srtt = self.paths[usize::from(sent.path)].rtt.srtt();
                    self.out.gap_acked > 0 && sent.is_hopeless(now, srtt)
                }
                ChunkState::GapAcked | ChunkState::Abandoned => false,
            };
            if over {
                let paths = &mut self.paths;
                self.out.abandon(index, |path, len| paths[usize::from(path)].in_flight -= u64::from(len));
                abandoned += 1;
            }
        }
        if abandoned > 0 {
            self.stats.abandoned += abandoned;
            self.changes.abandoned += abandoned;
            self.forward_due |= self.out.advance();
        }
    }
}

/// Bytes of a HEARTBEAT: its header, that of its parameter, and 24 bytes.
const HEARTBEAT_LEN: usize = 32;
