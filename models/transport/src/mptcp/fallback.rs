//! Going on as plain TCP (RFC 8684 §3.7).

use wire::account::Reason;
use wire::mptcp::ResetReason;

use super::connection::{Connection, FIRST, Mode, Outside};
use super::event::{Fallback, MptcpEvent};
use super::subflow::{Stage, Subflow};
use crate::tcp::TcpEndpoint;

impl Connection {
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
    /// plain TCP can go on with it. `taken` bytes were read off the subflow and not yet put to the data.
    pub(crate) fn is_contiguous(&self, tcp: &TcpEndpoint<Subflow>, path: usize, taken: u64) -> bool {
        let there = tcp.read_offset(self.paths[path].id);
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
        let written = outside.tcp.standing(id).map_or(0, |standing| standing.written);
        let number = self.own_start.wrapping_add(self.next);
        if let Some(hook) = outside.tcp.hook_mut(id) {
            let front = hook.maps.front().map(|map| (map.offset, map.data_sequence));
            let (subflow, data) = front.unwrap_or((written, number));
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

/// Segments that carry an infinite mapping.
const INFINITE_TRIES: u8 = 4;
