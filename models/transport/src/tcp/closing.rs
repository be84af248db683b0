//! How a connection changes its state, and how it ends.

use sim_core::SimTime;
use wire::account::Reason;

use super::connection::TcpConnection;
use super::note::NoteKind;
use super::state::{CloseReason, State};
use super::timer::Timer;

impl TcpConnection {
    /// Closes the sending direction: a FIN follows what was written (RFC 9293 §3.10.4).
    pub fn shutdown(&mut self, now: SimTime) {
        match self.state {
            // Data that Fast Open has taken is still to be sent.
            State::SynSent if self.was_announced() => self.sender.fin = true,
            State::SynSent => {
                // RFC 9293 §3.10.4: nothing is queued beyond what the peer knows of; delete the TCB.
                self.finish(now, CloseReason::Aborted);
            }
            // Queued until established, which keeps the data that was written (RFC 9293 §3.10.4).
            State::SynReceived => self.sender.fin = true,
            State::Established | State::CloseWait => {
                self.sender.fin = true;
                self.sender.on_resume(now, &self.config);
                let after = self.state.after_close().expect("a FIN may follow in these states");
                self.enter(now, after);
            }
            State::Closed
            | State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait => {}
        }
    }

    /// Closes both directions: what the peer sends from now on, or has sent and nobody read, is answered
    /// with a reset (RFC 9293 §3.6.1).
    pub fn close(&mut self, now: SimTime) {
        if self.discard {
            return;
        }
        self.discard = true;
        if self.receiver.buffer.readable() > 0 && self.state.is_synchronized() {
            self.receiver.buffer.clear();
            if self.state != State::TimeWait {
                self.abort(now);
            }
            return;
        }
        self.shutdown(now);
        if self.state == State::FinWait2 {
            self.timers.set(Timer::TimeWait, now + self.config.fin_wait);
        }
    }

    /// Ends the connection at once with a reset (RFC 9293 §3.10.5).
    pub fn abort(&mut self, now: SimTime) {
        self.pending.reset = match self.state {
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait => true,
            State::Closed | State::SynSent | State::Closing | State::LastAck | State::TimeWait => false,
        };
        self.finish(now, CloseReason::Aborted);
    }

    /// Goes to `state`, with what entering it entails.
    pub(super) fn enter(&mut self, now: SimTime, state: State) {
        let from = self.state;
        if from == state {
            return;
        }
        self.note(now, NoteKind::State { from, to: state });
        self.state = state;
        match state {
            State::Established => self.changes.connected |= !self.was_announced(),
            State::FinWait2 if self.discard => {
                self.timers.set(Timer::TimeWait, now + self.config.fin_wait);
            }
            State::TimeWait => {
                let delayed = self.timers.is_set(Timer::DelayedAck);
                self.timers.clear_all();
                if delayed {
                    self.receiver.acknowledge_now(Reason::Acknowledgement);
                }
                self.timers.set(Timer::TimeWait, now + self.config.time_wait);
                self.report_closed(now, CloseReason::Normal);
            }
            State::Closed
            | State::SynSent
            | State::SynReceived
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => {}
        }
    }

    /// The connection is over: CLOSED, without timers. Except after an orderly close all buffers are flushed.
    pub(super) fn finish(&mut self, now: SimTime, reason: CloseReason) {
        if self.state == State::Closed {
            return;
        }
        if matches!(reason, CloseReason::TimedOut | CloseReason::Unreachable) {
            self.blame_fast_open(now);
        }
        let over_before = self.state == State::TimeWait;
        self.sender.limit.stop(now);
        self.enter(now, State::Closed);
        self.timers.clear_all();
        self.pending.syn = false;
        self.pending.window_probe = false;
        self.pending.keep_alive = false;
        if reason != CloseReason::Normal {
            self.receiver.buffer.clear();
        }
        let end = self.sender.buffer.end();
        self.sender.buffer.release(end);
        if !over_before {
            self.report_closed(now, reason);
        }
    }

    fn report_closed(&mut self, now: SimTime, reason: CloseReason) {
        self.changes.closed = Some(reason);
        self.note(now, NoteKind::Closed(reason));
    }
}
