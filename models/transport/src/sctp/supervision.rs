//! Watching over paths: HEARTBEATs and error counts (RFC 9260 §8, RFC 7829).

use sim_core::{SimDuration, SimTime, digest};
use wire::account::Reason;
use wire::sctp::{Chunk, Parameter, ParameterList};

use super::association::Association;
use super::event::PathState;
use super::state::{CloseReason, State};

impl Association {
    /// A number that nobody can foresee, for HEARTBEATs and jitter.
    pub(super) fn draw(&mut self) -> u64 {
        self.nonce = digest::fold(self.nonce, DRAW);
        self.nonce
    }

    /// RFC 9260 §8.3: RTO plus HB.interval, give or take half of the RTO; RFC 7829 §5.2: no interval while a
    /// path is potentially failed.
    pub(super) fn schedule_heartbeat(&mut self, now: SimTime, at: usize) {
        let rto = self.paths[at].rto(&self.config);
        let jitter = SimDuration::from_nanos(self.draw() % rto.as_nanos().max(1));
        let path = &mut self.paths[at];
        let interval = match (path.state, path.confirmed) {
            (PathState::PotentiallyFailed, _) | (_, false) => Some(SimDuration::ZERO),
            (PathState::Active | PathState::Inactive, true) => self.config.heartbeat_interval,
        };
        path.heartbeat_at = interval.map(|interval| now + interval + rto / 2 + jitter);
    }

    pub(super) fn on_heartbeat_due(&mut self, now: SimTime, at: usize) {
        let path = &self.paths[at];
        if self.state == State::Closed
            || !matches!(self.state, State::Established | State::ShutdownPending | State::ShutdownReceived)
        {
            self.paths[at].heartbeat_at = None;
            return;
        }
        if path.heartbeat.is_some() {
            self.paths[at].rtt.back_off();
            self.record_silence(now, at);
            if self.state == State::Closed {
                return;
            }
        } else if path.confirmed && path.state == PathState::Active && path.in_flight > 0 {
            // Data probe the path already.
            self.schedule_heartbeat(now, at);
            return;
        }
        let mut list = ParameterList::new();
        let info = self.heartbeat_info(now, at);
        list.push(&Parameter::HeartbeatInfo(&info));
        let tag = self.peer_tag;
        self.queue(at, &Chunk::Heartbeat(list.parameters()), Reason::KeepAlive, false, tag);
        self.schedule_heartbeat(now, at);
    }

    /// What a HEARTBEAT on a path says: its time, a number that nobody can foresee, and the path (RFC 9260 §3.3.5).
    fn heartbeat_info(&mut self, now: SimTime, at: usize) -> [u8; 24] {
        let number = self.draw();
        self.paths[at].heartbeat = Some((now, number));
        self.stats.heartbeats_sent += 1;
        let mut info = [0; 24];
        info[..8].copy_from_slice(&now.as_nanos().to_be_bytes());
        info[8..16].copy_from_slice(&number.to_be_bytes());
        info[16..].copy_from_slice(&(at as u64).to_be_bytes());
        info
    }

    /// RFC 9260 §5.4: what goes to an address of which it is not known whose it is, with a cookie or its
    /// acknowledgement, asks by a HEARTBEAT.
    pub(super) fn ask_whose(&mut self, now: SimTime, at: usize, chunks: &mut Vec<u8>) {
        if !self.paths[at].confirmed {
            let info = self.heartbeat_info(now, at);
            let mut list = ParameterList::new();
            list.push(&Parameter::HeartbeatInfo(&info));
            Chunk::Heartbeat(list.parameters()).emit(chunks);
        }
    }

    /// Something went unanswered on a path (RFC 9260 §8.1, §8.2, RFC 7829 §3).
    pub(super) fn record_error(&mut self, now: SimTime, at: usize) {
        self.error_count += 1;
        self.record_path_error(now, at);
        if self.error_count > self.config.association_max_retrans {
            self.close(CloseReason::Unreachable);
        }
    }

    /// A HEARTBEAT went unanswered: one on a path that data do not take says nothing of the peer (RFC 9260 §8.1), nor
    /// does one that asks whose an address is (§5.4).
    fn record_silence(&mut self, now: SimTime, at: usize) {
        if self.paths[at].confirmed && at == self.best_path(None) {
            self.record_error(now, at);
        } else {
            self.record_path_error(now, at);
        }
    }

    fn record_path_error(&mut self, now: SimTime, at: usize) {
        let path = &mut self.paths[at];
        // RFC 9260 §8.3: it counts no further than to what makes a path inactive.
        path.error_count = (path.error_count + 1).min(self.config.path_max_retrans + 1);
        let failing = self.config.potentially_failed.is_some_and(|limit| path.error_count > limit);
        let state = if path.error_count > self.config.path_max_retrans {
            PathState::Inactive
        } else if failing && path.state == PathState::Active {
            PathState::PotentiallyFailed
        } else {
            path.state
        };
        self.set_path_state(now, at, state);
    }

    /// Something was answered on a path.
    pub(super) fn clear_errors(&mut self, now: SimTime, at: usize) {
        self.error_count = 0;
        if self.paths[at].error_count > 0 || self.paths[at].state != PathState::Active {
            self.paths[at].error_count = 0;
            self.set_path_state(now, at, PathState::Active);
        }
    }

    fn set_path_state(&mut self, now: SimTime, at: usize, state: PathState) {
        let path = &mut self.paths[at];
        if path.state == state {
            return;
        }
        path.state = state;
        self.changes.paths.push((path.remote, state));
        if state == PathState::PotentiallyFailed {
            path.heartbeat_at = Some(now); // RFC 7829 §5.2: probed at once.
        } else {
            self.schedule_heartbeat(now, at);
        }
    }
}

const DRAW: u64 = 0x9E37_79B9_7F4A_7C15;
