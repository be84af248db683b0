//! What happens to a connection other than by segments: timers expire, ICMP reports, an address goes.

use sim_core::SimTime;
use wire::account::Reason;

use super::connection::TcpConnection;
use super::note::NoteKind;
use super::state::{CloseReason, State};
use super::timer::Timer;
use crate::endpoint::IcmpError;

impl TcpConnection {
    /// Fires every timer due by `now`.
    pub fn handle_timeout(&mut self, now: SimTime) {
        while let Some(timer) = self.timers.take_due(now) {
            self.counters.timers_fired[timer as usize] += 1;
            if timer != Timer::Pace {
                self.note(now, NoteKind::Timer(timer));
            }
            match timer {
                Timer::Reorder => {
                    self.sender.on_reordering_timeout(now, &self.config, &mut self.counters);
                    self.timers.set(Timer::Reorder, self.sender.reordering_ends_at());
                    self.timers.clear(Timer::Probe);
                }
                Timer::Probe => self.on_probe_timeout(now),
                Timer::Retransmit => self.on_retransmission_timeout(now),
                Timer::Persist => self.pending.window_probe = true,
                Timer::DelayedAck => self.receiver.acknowledge_now(Reason::Acknowledgement),
                Timer::KeepAlive => self.on_keep_alive(now),
                Timer::TimeWait => self.finish(now, CloseReason::Normal),
                Timer::User => self.finish(now, CloseReason::TimedOut),
                Timer::Pace => {} // What is asked for next is sent.
            }
        }
    }

    fn on_retransmission_timeout(&mut self, now: SimTime) {
        match self.state {
            State::SynSent | State::SynReceived => {
                self.pending.syn = true;
                self.sender.rtt.back_off();
                self.sender.timeouts = self.sender.timeouts.saturating_add(1);
            }
            State::Closed | State::TimeWait | State::FinWait2 => return,
            State::Established | State::FinWait1 | State::CloseWait | State::Closing | State::LastAck => {
                self.timers.clear(Timer::Reorder);
                self.timers.clear(Timer::Probe);
                self.sender.on_timeout(now, &self.config);
                self.suspect_black_hole(now);
            }
        }
        let rto = self.sender.rtt.rto(&self.config.rto);
        self.note(now, NoteKind::Rto(rto));
        // Started here, in case the retransmission has to wait (RFC 6298 §5.6).
        self.timers.set(Timer::Retransmit, now + rto);
        if self.sender.timeouts == self.config.retransmissions_stalled {
            self.changes.stalled = true;
        }
    }

    fn on_keep_alive(&mut self, now: SimTime) {
        let Some(keep_alive) = self.config.keep_alive else { return };
        let idle = now.saturating_since(self.last_heard);
        if self.keep_alive_unanswered == 0 && idle < keep_alive.idle {
            self.timers.set(Timer::KeepAlive, self.last_heard + keep_alive.idle);
        } else if self.keep_alive_unanswered >= keep_alive.probes {
            self.pending.reset = true;
            self.finish(now, CloseReason::KeepAliveFailed);
        } else {
            // Only while nothing is in flight: else retransmission does the probing (RFC 9293 §3.8.4).
            if self.sender.scoreboard.is_empty() {
                self.pending.keep_alive = true;
                self.keep_alive_unanswered += 1;
            }
            self.timers.set(Timer::KeepAlive, now + keep_alive.interval);
        }
    }

    /// Takes an ICMP error about a segment of this connection whose sequence number was `sequence`
    /// (RFC 9293 §3.9.2.2).
    pub fn handle_icmp(&mut self, now: SimTime, error: IcmpError, sequence: u32) {
        // RFC 5927 §4.1: only what is in flight can have caused an error.
        let place = self.sender.iss.from_wire(self.sender.una, sequence);
        if place < self.sender.una || place > self.sender.max() {
            return;
        }
        match error {
            IcmpError::PacketTooBig { mtu } => self.on_path_mtu(now, mtu),
            // Hard while connecting; later they are taken as soft (RFC 5461 §4.1, which RFC 9293 cites).
            IcmpError::PortUnreachable | IcmpError::ProtocolUnreachable | IcmpError::Prohibited
                if !self.state.is_synchronized() =>
            {
                if self.state != State::Closed {
                    self.finish(now, CloseReason::Unreachable);
                }
            }
            IcmpError::PortUnreachable
            | IcmpError::ProtocolUnreachable
            | IcmpError::Prohibited
            | IcmpError::Unreachable
            | IcmpError::TimeExceeded
            | IcmpError::ParameterProblem => {
                self.soft_error = Some(error);
                self.blame_fast_open(now);
            }
        }
    }

    /// Ends the connection because its local address is gone.
    pub fn handle_address_removed(&mut self, now: SimTime) {
        self.finish(now, CloseReason::AddressRemoved);
    }
}
