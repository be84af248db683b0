//! Concurrent multipath transfer, an experiment: new data take all paths at once (Iyengar, Amer, Stewart: Concurrent
//! Multipath Transfer Using SCTP Multihoming, IEEE/ACM Transactions on Networking 14(5), 2006).
//!
//! Its three algorithms repair what reordering between paths breaks: split fast retransmit counts a chunk as missing only
//! by what was sent later on its own path; a window grows by a cumulative point of its own path; and the receiver delays
//! its acknowledgements although TSNs come out of order, and tells how many packets each stands for. Each path has a
//! window of its own, uncoupled: on one bottleneck an association takes the share of several.

use super::association::Association;
use super::outbound::ChunkState;
use crate::congestion::CongestionControl;

/// What a SACK has acknowledged, as far as paths matter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Split {
    /// Packets that the SACK stands for (DAC).
    packets: u8,
    /// The lowest TSN newly acknowledged.
    lowest: Option<u64>,
    /// The path of all TSNs newly acknowledged; `None` in `Some` if there are several.
    path: Option<Option<usize>>,
}

impl Split {
    /// What a SACK with these flags begins with.
    pub(super) fn of_flags(flags: u8) -> Self {
        Self { packets: flags >> PACKETS_SHIFT, ..Self::default() }
    }

    pub(super) fn note(&mut self, tsn: u64, at: usize) {
        self.lowest = Some(self.lowest.map_or(tsn, |lowest| lowest.min(tsn)));
        self.path = Some(match self.path {
            None => Some(at),
            Some(path) => path.filter(|path| *path == at),
        });
    }

    /// Missing reports that a chunk gets: the SACK's packets if all it acknowledges came by one path, behind the chunk.
    fn reports(&self, tsn: u64) -> u8 {
        let behind = self.lowest.is_some_and(|lowest| lowest > tsn);
        if behind && matches!(self.path, Some(Some(_))) { self.packets.max(1) } else { 1 }
    }
}

/// The bits of a SACK's flags that tell its packets; RFC 9260 §3.3.4 reserves them.
const PACKETS_SHIFT: u8 = 6;

impl Association {
    fn is_concurrent(&self) -> bool {
        // Paths that come and go one at a time are not for several at once.
        self.config.concurrent_multipath && !self.config.address_changes && self.paths.len() > 1
    }

    /// The path for new data: of those that work the one with the most room in its window.
    pub(super) fn concurrent_path(&self) -> Option<usize> {
        if !self.is_concurrent() {
            return None;
        }
        let works = |at: &usize| self.paths[*at].works();
        let room = |at: &usize| {
            let path = &self.paths[*at];
            (path.limit().saturating_sub(path.in_flight), std::cmp::Reverse(*at))
        };
        (0..self.paths.len()).filter(works).max_by_key(room)
    }

    /// The path for what goes again: the one with the highest threshold (RTX-SSTHRESH), but not the one it timed out on.
    pub(super) fn concurrent_retransmission_path(&self, timed_out_on: Option<usize>) -> Option<usize> {
        if !self.is_concurrent() {
            return None;
        }
        let works = |at: &usize| self.paths[*at].works();
        let rank = |at: &usize| {
            let window = &self.paths[*at].window;
            (Some(*at) != timed_out_on, window.ssthresh(), window.window(), std::cmp::Reverse(*at))
        };
        (0..self.paths.len()).filter(works).max_by_key(rank)
    }

    /// Before a SACK: the lowest TSN in flight on each path is its own cumulative point (CUC).
    pub(super) fn note_pseudo_points(&mut self) {
        if !self.is_concurrent() {
            return;
        }
        for path in &mut self.paths {
            (path.pseudo_point, path.pseudo_moved, path.highest_acked) = (None, false, 0);
        }
        for (tsn, sent) in (self.out.base..).zip(&self.out.outstanding) {
            if sent.state == ChunkState::InFlight {
                self.paths[usize::from(sent.path)].pseudo_point.get_or_insert(tsn);
            }
        }
    }

    /// Whether a path's window may grow by what a SACK acknowledges.
    pub(super) fn moves_window(&self, at: usize, cumulative_moved: bool) -> bool {
        if self.is_concurrent() { self.paths[at].pseudo_moved } else { cumulative_moved }
    }

    /// Missing reports of a chunk on a path by the SACK in hand (SFR, DAC).
    pub(super) fn split_reports(&self, tsn: u64, at: usize, split: &Split) -> u8 {
        if !self.is_concurrent() {
            return 1;
        }
        if self.paths[at].highest_acked > tsn { split.reports(tsn) } else { 0 }
    }

    /// Whether a TSN out of order is no reason to acknowledge at once (DAC).
    pub(super) fn delays_in_spite_of_gaps(&self) -> bool {
        self.is_concurrent()
    }

    /// The flags of the next SACK.
    pub(super) fn sack_flags(&self) -> u8 {
        if self.is_concurrent() { self.ack.packets.min(3) << PACKETS_SHIFT } else { 0 }
    }
}
