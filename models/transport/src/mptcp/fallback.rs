//! Going on as plain TCP (RFC 8684 §3.7).

use sim_core::SimTime;
use wire::account::{Reason, Runs};
use wire::mptcp::{MptcpOption, ResetReason};
use wire::payload::Payload;

use super::connection::{Connection, FIRST, Mode, Outside};
use super::event::{Fallback, MptcpEvent};
use super::subflow::{Stage, Subflow};
use crate::tcp::TcpEndpoint;

/// Data whose checksum failed on the only subflow: nobody gets it, and it is not DATA_ACKed, before the peer has said that it
/// goes on as plain TCP.
#[derive(Debug)]
pub(crate) struct Withheld {
    pub(crate) path: usize,
    /// Where it belongs in the data.
    pub(crate) place: u64,
    pub(crate) content: (Payload, Runs),
    /// When MP_FAIL is sent again.
    pub(crate) resend_at: SimTime,
    pub(crate) tries: u8,
}

impl Connection {
    /// A checksum failed. On the only subflow the peer is told by MP_FAIL and its answer waited for; else the subflow is of no
    /// more use.
    pub(crate) fn on_bad_checksum(
        &mut self,
        outside: &mut Outside<'_>,
        path: usize,
        place: u64,
        content: (Payload, Runs),
    ) {
        let resend_at = outside.now + self.slowest_timeout(outside.tcp);
        let in_order = place == self.input.next();
        self.withheld = Some(Withheld { path, place, content, resend_at, tries: 0 });
        self.signals_pending = true;
        // What came before has to have come on this subflow alone.
        if self.is_alone(path) && in_order && self.is_contiguous(outside.tcp, path) {
            self.tell_fail(outside);
        } else {
            self.end_failed(outside, path);
        }
    }

    /// MP_FAIL on an acknowledgment of the subflow.
    fn tell_fail(&mut self, outside: &mut Outside<'_>) {
        let Some(withheld) = &self.withheld else { return };
        let id = self.paths[withheld.path].id;
        let fail = MptcpOption::Fail { data_sequence: self.peer_start.wrapping_add(withheld.place) };
        if let Some(hook) = outside.tcp.hook_mut(id) {
            hook.once.push_front(fail);
        }
        outside.tcp.acknowledge(id, Reason::Control);
    }

    /// MP_FAIL on a reset of the subflow, whose data come on another one.
    fn end_failed(&mut self, outside: &mut Outside<'_>, path: usize) {
        let place = self.withheld.take().map_or(self.input.next(), |withheld| withheld.place);
        if let Some(hook) = outside.tcp.hook_mut(self.paths[path].id) {
            hook.farewell.push(MptcpOption::Fail { data_sequence: self.peer_start.wrapping_add(place) });
        }
        self.reset_path(outside, path, ResetReason::MIDDLEBOX_INTERFERENCE);
    }

    /// The peer goes on as plain TCP after our MP_FAIL: an infinite mapping, or MP_FAIL in the reverse direction, has come.
    pub(crate) fn on_fail_answered(&mut self, outside: &mut Outside<'_>, path: usize) {
        if self.is_alone(path) && self.is_contiguous(outside.tcp, path) {
            // Our own direction may be as bad: both revert.
            self.fall_back(outside, path, Fallback::Checksum, true);
            self.watch_plain(outside);
        } else {
            self.end_failed(outside, path);
        }
    }

    /// MP_FAIL or its answer may have been lost: it is said again, on a segment that has to be answered, and in the end the subflow is
    /// reset.
    pub(crate) fn repeat_fail(&mut self, outside: &mut Outside<'_>) {
        let timeout = self.slowest_timeout(outside.tcp);
        let Some(withheld) = self.withheld.as_mut().filter(|withheld| withheld.resend_at <= outside.now)
        else {
            return;
        };
        let path = withheld.path;
        withheld.tries += 1;
        withheld.resend_at = outside.now + timeout.saturating_mul(1 << withheld.tries.min(6));
        if withheld.tries > FAIL_TRIES {
            self.end_failed(outside, path);
        } else {
            self.tell_fail(outside);
            outside.tcp.probe(self.paths[path].id);
        }
    }

    /// The peer found a checksum wrong on the only subflow.
    pub(crate) fn on_fail(&mut self, outside: &mut Outside<'_>, path: usize) {
        if self.mode != Mode::Multipath || !self.checksum {
            return;
        }
        if self.withheld.is_some() {
            self.on_fail_answered(outside, path);
            return;
        }
        self.read_path(outside, path);
        if self.mode != Mode::Multipath {
            return;
        }
        let fail = MptcpOption::Fail { data_sequence: self.peer_start.wrapping_add(self.input.next()) };
        if self.withheld.is_none() && self.is_alone(path) && self.is_contiguous(outside.tcp, path) {
            if let Some(hook) = outside.tcp.hook_mut(self.paths[path].id) {
                hook.once.push_front(fail);
            }
            self.fall_back(outside, path, Fallback::PeerFailed, true);
        } else if self.withheld.is_some() {
            // What was read just now has failed, too.
            self.on_fail_answered(outside, path);
        } else {
            if let Some(hook) = outside.tcp.hook_mut(self.paths[path].id) {
                hook.farewell.push(fail);
            }
            self.reset_path(outside, path, ResetReason::MIDDLEBOX_INTERFERENCE);
        }
    }

    /// Whether no other subflow has ever carried data, here or, for all that is known, at the peer.
    pub(crate) fn is_single(&self, number: usize) -> bool {
        self.paths.iter().enumerate().all(|(other, path)| {
            let proved = path.alive && path.joining.is_some_and(|joining| joining.resend_at.is_some());
            other == number || !path.ready && !proved
        })
    }

    /// Whether no other subflow carries data now.
    pub(crate) fn is_alone(&self, number: usize) -> bool {
        self.paths.iter().enumerate().all(|(other, path)| other == number || !path.is_usable())
    }

    /// Whether all that is not yet DATA_ACKed went to one subflow in order, and what came on it came in order, so that
    /// plain TCP can go on with it.
    pub(crate) fn is_contiguous(&self, tcp: &TcpEndpoint<Subflow>, path: usize) -> bool {
        let there = tcp.read_offset(self.paths[path].id);
        let taken = self.withheld.as_ref().map_or(0, |withheld| u64::from(withheld.content.0.len()));
        self.again.is_empty()
            && self.paths[path].bytes_again == 0
            && self.sent.iter().all(|(_, chunk)| chunk.path == path)
            && self.input.waiting() == 0
            && self.input.next() - FIRST + taken == there
    }

    /// Goes on as plain TCP on one subflow (RFC 8684 §3.7). `infinite` tells the peer.
    pub(crate) fn fall_back(
        &mut self,
        outside: &mut Outside<'_>,
        path: usize,
        reason: Fallback,
        infinite: bool,
    ) {
        if matches!(self.mode, Mode::Fallback(..)) {
            return;
        }
        for other in (0..self.paths.len()).filter(|other| *other != path) {
            self.reset_path(outside, other, ResetReason::MIDDLEBOX_INTERFERENCE);
        }
        let Some(id) = self.paths.get(path).map(|path| path.id) else { return };
        // What was withheld is the stream's next, as all that follows.
        if let Some(Withheld { place, content: (payload, runs), .. }) = self.withheld.take()
            && !payload.is_empty()
        {
            self.input.insert(place, payload, runs);
        }
        let written = outside.tcp.standing(id).map_or(0, |standing| standing.written);
        // It acts retroactively, from the first byte that was not DATA_ACKed; all since then went to this subflow in order.
        let from = self.una.min(self.next);
        let (subflow, data) = (written.saturating_sub(self.next - from), self.own_start.wrapping_add(from));
        if let Some(hook) = outside.tcp.hook_mut(id) {
            hook.infinite = infinite.then_some((subflow, data, INFINITE_TRIES));
            hook.stage = Stage::Off;
            hook.birth = None;
            hook.maps.clear();
        }
        outside.tcp.unshare_windows(id);
        let end = self.output.end();
        if self.next < end {
            let (payload, runs) = self.output.read(self.next, (end - self.next) as u32);
            outside.tcp.write_whole(outside.now, id, payload, runs);
        }
        self.next = end;
        self.output.release(end);
        self.sent.clear();
        self.again.clear();
        self.data_timeout_at = None;
        self.announcing.clear();
        self.mode = Mode::Fallback(reason, path);
        if self.fin {
            outside.tcp.shutdown(outside.now, id);
        }
        if infinite {
            outside.tcp.acknowledge(id, Reason::Control);
        }
        outside.events.push_back(MptcpEvent::FellBack { id: self.id, reason });
    }
}

/// MP_FAILs without an answer before the subflow is reset.
const FAIL_TRIES: u8 = 6;

/// Segments that carry an infinite mapping.
pub(super) const INFINITE_TRIES: u8 = 4;
