//! The orderly end of an association (RFC 9260 §9.2).

use sim_core::SimTime;
use wire::account::Reason;
use wire::sctp::Chunk;

use super::association::Association;
use super::reconfiguration::Kind;
use super::state::State;

impl Association {
    /// The user sends no more (RFC 9260 §9.2).
    pub(super) fn shutdown(&mut self, now: SimTime) {
        match self.state {
            State::Established => {
                self.state = State::ShutdownPending;
                self.go_on_shutting_down(now);
            }
            State::CookieWait | State::CookieEchoed => self.ends_early = true,
            State::ShutdownPending
            | State::ShutdownSent
            | State::ShutdownReceived
            | State::ShutdownAckSent
            | State::Closed => {}
        }
    }

    /// Once everything is acknowledged, SHUTDOWN or SHUTDOWN ACK goes out.
    pub(super) fn go_on_shutting_down(&mut self, now: SimTime) {
        // What came since a reset of the TSNs was asked for waits for the answer.
        if !self.out.is_done() || self.reconfiguring.has_in_flight(|kind| kind == Kind::TsnReset) {
            return;
        }
        match self.state {
            State::ShutdownPending => {
                self.state = State::ShutdownSent;
                self.t5 = Some(now + self.config.rto.max * 5); // RFC 9260 §9.2, T5-shutdown-guard
                self.send_shutdown(now, false);
            }
            State::ShutdownReceived => {
                self.state = State::ShutdownAckSent;
                self.t5 = Some(now + self.config.rto.max * 5);
                self.send_shutdown(now, false);
            }
            State::CookieWait
            | State::CookieEchoed
            | State::Established
            | State::ShutdownSent
            | State::ShutdownAckSent
            | State::Closed => {}
        }
    }

    /// Sends SHUTDOWN or SHUTDOWN ACK, by the state, and starts T2-shutdown.
    pub(super) fn send_shutdown(&mut self, now: SimTime, resends: bool) {
        let at = self.best_path(None);
        let cumulative_tsn_ack = self.inbound.cumulative as u32;
        let chunk = match self.state {
            State::ShutdownSent => Chunk::Shutdown { cumulative_tsn_ack },
            State::ShutdownAckSent => Chunk::ShutdownAck,
            State::CookieWait
            | State::CookieEchoed
            | State::Established
            | State::ShutdownPending
            | State::ShutdownReceived
            | State::Closed => return,
        };
        self.control_path = at;
        self.queue(at, &chunk, Reason::Teardown, resends, self.peer_tag);
        self.t2 = Some(now + self.paths[at].rto(&self.config));
    }
}
