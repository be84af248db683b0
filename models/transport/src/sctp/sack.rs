//! Acknowledgements at the sender (RFC 9260 §6.2.1, §7.2).

use sim_core::SimTime;
use wire::sctp::{Cause, GapBlock};

use super::association::Association;
use super::multipath::Split;
use super::outbound::ChunkState;
use super::state::CloseReason;
use super::tsn;
use crate::congestion::{Acknowledged, Congestion, CongestionControl};

/// What one SACK has acknowledged.
#[derive(Default)]
struct Progress {
    cumulative_moved: bool,
    /// Highest TSN newly acknowledged (HTNA).
    highest_new: u64,
    /// Highest TSN of a gap block.
    highest_gap: u64,
    /// The same by paths.
    split: Split,
}

impl Association {
    /// Takes a SACK, or the acknowledgement of a SHUTDOWN.
    pub(super) fn on_sack(
        &mut self,
        now: SimTime,
        cumulative: u32,
        a_rwnd: Option<u32>,
        blocks: impl Iterator<Item = GapBlock> + Clone,
        flags: u8,
    ) {
        let cumulative = tsn::unwrap32(self.out.base - 1, cumulative);
        if cumulative < self.out.base - 1 {
            return; // RFC 9260 §6.2.1 rule D i: out of order
        }
        if cumulative >= self.out.next_tsn() {
            if self.reconfiguring.has_just_reset(now) {
                return; // It is of before a reset of the TSNs.
            }
            self.abort(&Cause::ProtocolViolation(b"TSN never sent"), CloseReason::Violation);
            return;
        }
        for path in &mut self.paths {
            path.newly_acked = 0;
        }
        self.out.answered = true;
        self.note_pseudo_points();
        let cumulative_moved = cumulative >= self.out.base;
        if cumulative_moved {
            self.note_passage();
        }
        let mut progress =
            Progress { cumulative_moved, split: Split::of_flags(flags), ..Progress::default() };
        self.acknowledge_up_to(now, cumulative, &mut progress);
        if a_rwnd.is_some() {
            self.acknowledge_blocks(now, cumulative, blocks, &mut progress);
        }
        self.grow_windows(now, cumulative, &progress);
        if a_rwnd.is_some() {
            self.count_missing(now, &progress);
        }
        self.restart_timers(now, &progress);
        if let Some(a_rwnd) = a_rwnd {
            self.out.peer_rwnd = u64::from(a_rwnd).saturating_sub(self.out.in_flight);
        }
        self.abandon_what_is_over(now);
        if self.peer_forwards_tsns && self.out.advance() {
            self.forward_due = true; // RFC 3758 §3.5 rule C3
        }
        self.tell_of_room();
        self.go_on_shutting_down(now);
    }

    fn acknowledge_up_to(&mut self, now: SimTime, cumulative: u64, progress: &mut Progress) {
        while self.out.base <= cumulative {
            let Some(sent) = self.out.outstanding.pop_front() else { return };
            let tsn = self.out.base;
            self.out.base += 1;
            let len = u64::from(sent.len());
            self.out.buffered -= len;
            match sent.state {
                ChunkState::InFlight => {
                    self.out.in_flight -= len;
                    self.paths[usize::from(sent.path)].in_flight -= len;
                }
                ChunkState::Marked => self.out.marked -= 1,
                ChunkState::GapAcked => {
                    self.out.gap_acked -= 1;
                    continue;
                }
                ChunkState::Abandoned => continue,
            }
            self.note_new(now, tsn, usize::from(sent.path), len, progress);
        }
    }

    /// A chunk is acknowledged for the first time.
    fn note_new(&mut self, now: SimTime, tsn: u64, at: usize, len: u64, progress: &mut Progress) {
        progress.highest_new = progress.highest_new.max(tsn);
        let concurrent = self.config.concurrent_multipath;
        let path = &mut self.paths[at];
        if concurrent {
            progress.split.note(tsn, at);
            path.highest_acked = path.highest_acked.max(tsn);
            path.pseudo_moved |= path.pseudo_point == Some(tsn);
        }
        path.newly_acked += len;
        if let Some((timed, since)) = path.timed
            && timed == tsn
        {
            path.timed = None;
            path.rtt.on_sample(now.saturating_since(since), &self.config.rto);
        }
    }

    fn acknowledge_blocks(
        &mut self,
        now: SimTime,
        cumulative: u64,
        blocks: impl Iterator<Item = GapBlock>,
        progress: &mut Progress,
    ) {
        std::mem::swap(&mut self.out.reported, &mut self.out.reported_before);
        self.out.reported.clear();
        let end = self.out.next_tsn();
        for block in blocks {
            let first = (cumulative + u64::from(block.start)).max(self.out.base);
            let last = (cumulative + u64::from(block.end)).min(end - 1);
            if first > last {
                continue;
            }
            progress.highest_gap = progress.highest_gap.max(last);
            self.out.reported.insert(first, last);
            let mut tsn = first;
            while tsn <= last {
                // Most of a block is that of the SACK before.
                match self.out.reported_before.end_at(tsn) {
                    Some(end) => tsn = end,
                    None => self.acknowledge_one(now, tsn, progress),
                }
                tsn += 1;
            }
        }
        if !self.out.reported.cover(&self.out.reported_before, self.out.base) {
            self.take_back_reneged(now);
        }
    }

    /// A gap block reports a chunk that the SACK before did not report.
    fn acknowledge_one(&mut self, now: SimTime, tsn: u64, progress: &mut Progress) {
        let sent = &mut self.out.outstanding[(tsn - self.out.base) as usize];
        let (len, at) = (u64::from(sent.len()), usize::from(sent.path));
        match sent.state {
            ChunkState::InFlight => {
                self.out.in_flight -= len;
                self.paths[at].in_flight -= len;
            }
            ChunkState::Marked => self.out.marked -= 1,
            ChunkState::GapAcked | ChunkState::Abandoned => return,
        }
        sent.state = ChunkState::GapAcked;
        self.out.gap_acked += 1;
        self.note_new(now, tsn, at, len, progress);
    }

    /// What an earlier SACK reported and this one does not is outstanding again (RFC 9260 §6.2.1 rule D iii).
    #[cold]
    fn take_back_reneged(&mut self, now: SimTime) {
        for (tsn, sent) in (self.out.base..).zip(&mut self.out.outstanding) {
            if sent.state != ChunkState::GapAcked || self.out.reported.end_at(tsn).is_some() {
                continue;
            }
            sent.state = ChunkState::InFlight;
            sent.missing = 0;
            let len = u64::from(sent.payload.len());
            self.out.gap_acked -= 1;
            self.out.in_flight += len;
            let path = &mut self.paths[usize::from(sent.path)];
            path.in_flight += len;
            let rto = path.rtt.rto(&self.config.rto);
            path.t3.get_or_insert(now + rto);
        }
    }

    /// Counts missing reports and marks what has three (RFC 9260 §7.2.4).
    fn count_missing(&mut self, now: SimTime, progress: &Progress) {
        let recovering = self.paths.iter().any(|path| path.recovery_exit.is_some());
        let bound = if recovering && progress.cumulative_moved {
            progress.highest_gap.max(progress.highest_new)
        } else {
            progress.highest_new
        };
        let end = self.out.next_tsn();
        let concurrent = self.config.concurrent_multipath;
        let mut next = self.out.base;
        while next < bound.min(end) {
            let tsn = next;
            if let Some(last) = self.out.reported.end_at(tsn) {
                next = last + 1; // Nothing of it is in flight.
                continue;
            }
            next += 1;
            let index = (tsn - self.out.base) as usize;
            let sent = &self.out.outstanding[index];
            if sent.state != ChunkState::InFlight || sent.fast_retransmitted {
                continue;
            }
            let reports = self.split_reports(tsn, usize::from(sent.path), &progress.split);
            let sent = &mut self.out.outstanding[index];
            sent.missing = sent.missing.saturating_add(reports);
            if sent.missing < 3 {
                continue;
            }
            sent.state = ChunkState::Marked;
            sent.fast_retransmitted = true;
            sent.timed_out = false;
            let (len, at) = (u64::from(sent.len()), usize::from(sent.path));
            self.stats.fast_retransmits += 1;
            self.out.marked += 1;
            self.out.in_flight -= len;
            let path = &mut self.paths[at];
            path.in_flight -= len;
            if path.timed.is_some_and(|(timed, _)| timed == tsn) {
                path.timed = None;
            }
            // §7.2.4 rule 6: fast recovery is the association's, unless its paths are used at once.
            if path.recovery_exit.is_none() && (concurrent || !recovering) {
                path.recovery_exit = Some(end - 1);
                path.window.on_congestion(now, path.in_flight + len, Congestion::Loss);
                self.force_retransmission = true;
            }
        }
    }

    /// What was acknowledged lets the windows grow, before what is missing reduces them (RFC 9260 §7.2.4).
    fn grow_windows(&mut self, now: SimTime, cumulative: u64, progress: &Progress) {
        for at in 0..self.paths.len() {
            let moved = self.moves_window(at, progress.cumulative_moved);
            let path = &mut self.paths[at];
            if path.recovery_exit.is_some_and(|exit| cumulative >= exit) {
                path.recovery_exit = None;
                let window = path.window.window();
                path.window.on_recovered(window);
            }
            if path.newly_acked > 0 && moved && path.recovery_exit.is_none() {
                let srtt = path.rtt.srtt();
                let (bytes, window_limited) = (path.newly_acked, path.window_limited);
                let ack = Acknowledged { window_limited, srtt, ..Acknowledged::plain(now, bytes) };
                path.window.on_acknowledged(&ack);
            }
        }
    }

    fn restart_timers(&mut self, now: SimTime, progress: &Progress) {
        for at in 0..self.paths.len() {
            let moved = self.moves_window(at, progress.cumulative_moved);
            let path = &mut self.paths[at];
            if path.newly_acked > 0 {
                path.window_limited = false;
                if moved {
                    // RFC 9260 §6.3.2 rules R2 and R3.
                    let rto = path.rtt.rto(&self.config.rto);
                    path.t3 = (path.in_flight > 0).then(|| now + rto);
                }
                self.clear_errors(now, at);
            } else if path.in_flight == 0 && self.out.outstanding.is_empty() {
                path.t3 = None;
            }
            self.paths[at].renew_burst(&self.config, self.pmdcs);
        }
    }
}
