//! What goes to which subflow, for the first time and again.

use smallvec::SmallVec;
use wire::account::Reason;

use super::arrival::NO_DATA;
use super::config::Scheduler;
use super::connection::{Chunk, Connection, FIRST, Mode, Outside};
use super::scheduler::{self, Candidate};
use super::subflow::{OutMap, Stage};
use crate::congestion::{Siblings, Subflow as Share};
use crate::tcp::State;
use crate::tcp::hook::SegmentHook;

/// Connections mostly have no more subflows.
type Candidates = SmallVec<[Candidate; 4]>;

impl Connection {
    /// Whether data, or their end, are there that are not DATA_ACKed.
    #[inline]
    pub(crate) fn has_data(&mut self) -> bool {
        if !matches!(self.mode, Mode::Multipath) || self.reported {
            return false;
        }
        let any = self.fin || !self.output.is_empty();
        if !any {
            self.data_timeout_at = None;
        }
        any
    }

    /// Gives data to subflows, as far as windows and the scheduler let it. Returns whether any was given.
    pub(crate) fn schedule(&mut self, outside: &mut Outside<'_>) -> bool {
        if !self.has_data() {
            return false;
        }
        let mut candidates = Candidates::new();
        self.list_candidates(outside, &mut candidates);
        let mut any = false;
        loop {
            let gave = match self.config.scheduler {
                Scheduler::Redundant => self.give_redundant(outside, &mut candidates),
                Scheduler::LowestRtt | Scheduler::RoundRobin | Scheduler::Blest | Scheduler::BackupOnly => {
                    self.give_next(outside, &mut candidates)
                }
            };
            if !gave {
                break;
            }
            any = true;
        }
        if !self.again.is_empty() || self.next < self.output.end().min(self.peer_edge) {
            for candidate in &candidates {
                if !candidate.is_uncongested(candidate.standing.segment_payload) {
                    outside.tcp.note_limited(self.paths[candidate.index].id);
                }
            }
        }
        any |= self.finish_data(outside);
        self.arm_data_timeout(outside);
        any
    }

    /// Subflows that may carry data: backups only if there is nothing else (RFC 8684 §3.3.8), those that time out only
    /// if all do.
    fn list_candidates(&self, outside: &mut Outside<'_>, all: &mut Candidates) {
        for (index, path) in self.paths.iter().enumerate().filter(|(_, path)| path.is_usable()) {
            let Some(standing) = outside.tcp.standing(path.id) else { continue };
            if !matches!(standing.state, State::Established | State::CloseWait) {
                continue;
            }
            let doubtful = standing.timeouts > 0 || path.silent || path.doubt.is_some();
            let rank = u8::from(path.backup || path.peer_backup) + 2 * u8::from(doubtful);
            let window = path.window_edge.saturating_sub(standing.written);
            let options = outside.tcp.hook_mut(path.id).map_or(0, |hook| hook.reserve(true)) as u32;
            let piece = standing.segment_room.saturating_sub(options).clamp(1, u32::from(u16::MAX) - 1);
            all.push(Candidate { index, rank, window, piece, standing });
        }
        if all.len() > 1 {
            let best = all.iter().map(|candidate| candidate.rank).min();
            all.retain(|candidate| Some(candidate.rank) == best);
        }
    }

    /// Gives the next piece to the subflow that the scheduler chooses.
    fn give_next(&mut self, outside: &mut Outside<'_>, candidates: &mut [Candidate]) -> bool {
        if let Some((&place, &len)) = self.again.first_key_value() {
            let before = self.sent.get(place).map(|chunk| chunk.path);
            let Some(choice) = scheduler::lowest_rtt(candidates, len, before) else { return false };
            let piece = len.min(candidates[choice].piece);
            self.again.pop_first();
            if piece < len {
                self.again.insert(place + u64::from(piece), len - piece);
                if let Some(chunk) = self.sent.get_mut(place).filter(|chunk| chunk.len > piece) {
                    let rest = Chunk { len: chunk.len - piece, ..*chunk };
                    chunk.len = piece;
                    self.sent.insert(place + u64::from(piece), rest);
                }
            }
            self.give(outside, &mut candidates[choice], place, piece, true);
            return true;
        }
        let limit = self.output.end().min(self.peer_edge);
        if self.next >= limit {
            return self.next < self.output.end() && self.hurry(outside, candidates);
        }
        let waiting = limit - self.next;
        let choice = match self.config.scheduler {
            Scheduler::RoundRobin => scheduler::round_robin(candidates, waiting, self.turn),
            Scheduler::BackupOnly => scheduler::oldest(candidates, waiting),
            Scheduler::Blest => {
                let room = self.peer_edge - self.next;
                let choice = scheduler::blest(candidates, waiting, room, self.caution.factor());
                let slowest = candidates.iter().filter_map(|candidate| candidate.standing.srtt).max();
                self.caution.on_time(outside.now, slowest.unwrap_or_default());
                choice
            }
            Scheduler::LowestRtt | Scheduler::Redundant => {
                let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
                scheduler::lowest_rtt(candidates, waiting, None)
            }
        };
        let Some(choice) = choice else { return false };
        let full = candidates[choice].piece;
        let len = waiting.min(u64::from(full)) as u32;
        // Nagle's algorithm, for all subflows at once; at the window's edge as RFC 9293 §3.8.6.2.1 has it.
        let cut = self.next + u64::from(len) < self.output.end();
        if len < full && !self.sent.is_empty() && (self.config.tcp.nagle && !self.fin || cut) {
            // A window with room for less than a segment is full.
            return cut && self.hurry(outside, candidates);
        }
        let place = self.next;
        self.turn = candidates[choice].index + 1;
        self.give(outside, &mut candidates[choice], place, len, false);
        true
    }

    /// Each subflow gets everything, from where it stands.
    fn give_redundant(&mut self, outside: &mut Outside<'_>, candidates: &mut [Candidate]) -> bool {
        let limit = self.output.end().min(self.peer_edge);
        for candidate in candidates {
            let path = &mut self.paths[candidate.index];
            path.cursor = path.cursor.max(self.una).max(FIRST);
            let place = path.cursor;
            let full = candidate.piece;
            let end = if place < self.next { self.next } else { limit };
            if place >= end {
                continue;
            }
            let len = (end - place).min(u64::from(full)) as u32;
            let small = len < full && place == self.next && !self.sent.is_empty();
            if !candidate.has_room(len) || small && self.config.tcp.nagle && !self.fin {
                continue;
            }
            let again = place < self.next;
            self.give(outside, candidate, place, len, again);
            self.paths[candidate.index].cursor = place + u64::from(len);
            return true;
        }
        false
    }

    /// Writes a piece to a subflow and maps it.
    fn give(
        &mut self,
        outside: &mut Outside<'_>,
        candidate: &mut Candidate,
        place: u64,
        len: u32,
        again: bool,
    ) {
        let path = &mut self.paths[candidate.index];
        let data_sequence = self.own_start.wrapping_add(place);
        let offset = candidate.standing.written;
        let checksum = self.checksum.then(|| {
            let subflow = (offset as u32).wrapping_add(1);
            Self::checksum_of(data_sequence, subflow, len as u16, self.output.read(place, len).0.sum())
        });
        if let Some(hook) = outside.tcp.hook_mut(path.id) {
            hook.maps.push_back(OutMap { offset, data_sequence, len: len as u16, checksum, again });
        }
        if let Some((slice, run)) = self.output.read_single(place, len) {
            outside.tcp.write_slice(outside.now, path.id, slice, run);
        } else {
            let (payload, runs) = self.output.read(place, len);
            outside.tcp.write_whole(outside.now, path.id, payload, runs);
        }
        candidate.standing.written += u64::from(len);
        candidate.standing.unacknowledged += u64::from(len);
        candidate.standing.room = candidate.standing.room.saturating_sub(u64::from(len));
        candidate.window = candidate.window.saturating_sub(u64::from(len));
        if again {
            path.bytes_again += u64::from(len);
        } else {
            path.bytes_new += u64::from(len);
            self.next = place + u64::from(len);
        }
        if !again || self.config.scheduler != Scheduler::Redundant {
            let hurried = again && self.sent.get(place).is_some_and(|chunk| chunk.hurried);
            self.sent.insert(place, Chunk { len, path: candidate.index, hurried });
        }
    }

    /// The window is full: what blocks it goes to a faster subflow too, and the slow one is slowed down.
    fn hurry(&mut self, outside: &mut Outside<'_>, candidates: &[Candidate]) -> bool {
        let Some(&(place, chunk)) = self.sent.first() else { return false };
        let Some(choice) = scheduler::lowest_rtt(candidates, chunk.len, None) else { return false };
        let fast = &candidates[choice];
        let slow = &mut self.paths[chunk.path];
        let Some(standing) = outside.tcp.standing(slow.id) else { return false };
        if chunk.hurried || fast.index == chunk.path || fast.standing.srtt >= standing.srtt {
            return false;
        }
        self.caution.on_blocked();
        if !self.config.opportunistic_retransmission {
            return false;
        }
        self.counters.opportunistic += 1;
        if outside.now >= slow.penalized_until {
            let pause = standing.srtt.or_else(|| outside.tcp.rto(slow.id)).unwrap_or_default();
            slow.penalized_until = outside.now + pause;
            self.counters.penalties += 1;
            outside.tcp.penalize(outside.now, slow.id);
        }
        if let Some(chunk) = self.sent.get_mut(place) {
            chunk.hurried = true;
        }
        self.again.insert(place, chunk.len);
        true
    }

    /// DATA_FIN, once all data has been given away (RFC 8684 §3.3.3). Returns whether it is to be sent now.
    fn finish_data(&mut self, outside: &mut Outside<'_>) -> bool {
        if !self.fin || self.fin_acknowledged || self.next < self.output.end() || !self.again.is_empty() {
            return false;
        }
        let number = self.own_start.wrapping_add(self.output.end());
        let checksum = self.checksum.then(|| Self::checksum_of(number, 0, 1, NO_DATA));
        let mut any = false;
        for path in self.paths.iter().filter(|path| path.is_usable()) {
            let Some(hook) = outside.tcp.hook_mut(path.id) else { continue };
            // Data tells the keys, and is acknowledged first.
            let may = hook.stage == Stage::Open || self.next == FIRST;
            if hook.data_fin.is_none() && may {
                hook.data_fin = Some((number, checksum));
                self.fin_sent = true;
                outside.tcp.acknowledge(path.id, Reason::Teardown);
                any = true;
            }
        }
        any
    }

    /// How a subflow fares: what it lost goes elsewhere once it times out; siblings are told of it.
    pub(crate) fn watch_path(&mut self, outside: &mut Outside<'_>, number: usize) {
        let path = &mut self.paths[number];
        let Some((acknowledged, timeouts)) = outside.tcp.progress(path.id) else { return };
        if acknowledged > path.acknowledged {
            path.acknowledged = acknowledged;
            path.silent = false;
            if let Some(hook) = outside.tcp.hook_mut(path.id) {
                hook.release(acknowledged);
            }
        }
        if timeouts == 0 {
            path.timeouts = 0;
        } else if timeouts > path.timeouts && path.ready {
            path.timeouts = timeouts;
            self.reinject(number);
        }
        self.couple(outside, number);
    }

    /// What was given to a subflow is given to another one, if there is one.
    pub(crate) fn reinject(&mut self, number: usize) {
        let others = self.paths.iter().enumerate().any(|(other, path)| other != number && path.is_usable());
        let gone = !self.paths[number].is_usable();
        if !others && !gone {
            return;
        }
        for (place, chunk) in self.sent.iter().filter(|(_, chunk)| chunk.path == number) {
            if self.again.insert(*place, chunk.len).is_none() {
                self.counters.reinjections += 1;
            }
        }
    }

    /// Tells each subflow's congestion control of its siblings, where it wants to know.
    fn couple(&mut self, outside: &mut Outside<'_>, number: usize) {
        if !self.config.tcp.congestion.is_coupled() {
            return;
        }
        if let Some(stats) = outside.tcp.stats(self.paths[number].id) {
            let counters = stats.counters;
            let losses = counters.fast_retransmissions + counters.timeout_retransmissions;
            let path = &mut self.paths[number];
            if losses > path.losses {
                path.losses = losses;
                let since = counters.bytes_acknowledged - path.acknowledged_at_loss;
                // One episode resends several segments: it is one loss.
                if since > stats.cwnd / 2 {
                    path.between_losses = since;
                    path.acknowledged_at_loss = counters.bytes_acknowledged;
                }
            }
        }
        let mut ids = Vec::new();
        let mut shares = Vec::new();
        for path in self.paths.iter().filter(|path| path.is_usable()) {
            let Some(standing) = outside.tcp.standing(path.id) else { continue };
            let Some(rtt) = standing.srtt else { continue };
            let since = standing.acknowledged.saturating_sub(path.acknowledged_at_loss);
            ids.push(path.id);
            shares.push(Share { window: standing.cwnd, rtt, between_losses: since.max(path.between_losses) });
        }
        for (index, id) in ids.into_iter().enumerate() {
            if let Some(siblings) = Siblings::of(&shares, index) {
                outside.tcp.couple(id, siblings);
            }
        }
    }

    fn arm_data_timeout(&mut self, outside: &Outside<'_>) {
        let waits = !self.sent.is_empty()
            || !self.again.is_empty()
            || self.next < self.output.end()
            || self.fin && !self.fin_acknowledged;
        if !waits {
            self.data_timeout_at = None;
        } else if self.data_timeout_at.is_none() {
            let timeout = self.slowest_timeout(outside.tcp).saturating_mul(2 << self.backoff.min(6));
            self.data_timeout_at = Some(outside.now + timeout);
        }
    }

    /// Nothing was DATA_ACKed for too long.
    pub(crate) fn on_data_timeout(&mut self, outside: &mut Outside<'_>) {
        self.counters.data_timeouts += 1;
        self.backoff = self.backoff.saturating_add(1);
        self.data_timeout_at = None;
        if self.withheld.is_some() {
            // The peer may be plain TCP already, to which the same data are others.
            self.arm_data_timeout(outside);
            return;
        }
        for path in self.paths.iter().filter(|path| path.is_usable()) {
            // What has opened its window may have been lost.
            if outside.tcp.standing(path.id).is_some_and(|it| it.written >= path.window_edge) {
                outside.tcp.probe(path.id);
            }
        }
        if let Some(&(place, chunk)) = self.sent.first() {
            // As TCP gives up (RFC 9293 §3.8.3): subflows that acknowledge are no help if the data go nowhere.
            let since = *self.stalled_since.get_or_insert(outside.now);
            if outside.now.saturating_since(since) >= self.config.tcp.user_timeout {
                self.give_up(outside);
                return;
            }
            // The only subflow repeats by itself what was not acknowledged on it.
            let path = &self.paths[chunk.path];
            let hook = outside.tcp.hook_mut(path.id);
            let pending = hook.is_some_and(|hook| !hook.maps.is_empty()) && self.is_alone(chunk.path);
            if !pending {
                self.again.insert(place, chunk.len);
                self.paths[chunk.path].silent = true;
            }
        } else if self.next < self.output.end() {
            // The window is closed: its opening may have been lost (RFC 9293 §3.8.6.1).
            for path in self.paths.iter().filter(|path| path.is_usable()) {
                outside.tcp.probe(path.id);
            }
        } else if self.fin && !self.fin_acknowledged {
            self.acknowledge_all(outside, Reason::Teardown);
        }
        self.arm_data_timeout(outside);
    }
}
