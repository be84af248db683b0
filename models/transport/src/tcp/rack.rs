//! RACK (RFC 8985 §6): what is lost, by the time that has passed since it was sent.
//!
//! Segments that were sent once stand in the scoreboard in the order of their sending; what was sent again
//! stands in a list of its own in that order. Both are looked at from their oldest end and no farther than the
//! first segment about which time has not decided, so that an acknowledgment costs what it decides.

use std::collections::VecDeque;

use sim_core::{SimDuration, SimTime};

use super::scoreboard::{DUPLICATES, Delivered, Scoreboard, note_loss};

/// The variables of RFC 8985 §5.3 that outlive an acknowledgment. RACK.fack is what is acknowledged or SACKed,
/// RACK.segs_sacked is counted by the scoreboard, RACK.min_RTT by the estimator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rack {
    /// RACK.xmit_ts and RACK.end_seq: of all segments delivered, the one sent last.
    latest: (SimTime, u64),
    /// RACK.rtt: its round-trip time.
    rtt: SimDuration,
    /// When the reordering window ends; `SimTime::MAX` is never.
    pub(crate) ends_at: SimTime,
    /// RACK.dsack_round; 0 is none.
    round: u64,
    /// RACK.reo_wnd_mult.
    multiplier: u8,
    /// RACK.reo_wnd_persist.
    persist: u8,
    reordering_seen: bool,
}

/// What has to be known besides to choose the reordering window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub(crate) in_recovery: bool,
    pub(crate) sacked_segments: u32,
    pub(crate) rtt_min: SimDuration,
    pub(crate) srtt: SimDuration,
}

impl Rack {
    /// Before the first loss; `rtt` stands for RACK.rtt until it is known.
    pub(crate) fn new(rtt: SimDuration) -> Self {
        Self {
            latest: (SimTime::ZERO, 0),
            rtt,
            ends_at: SimTime::MAX,
            round: 0,
            multiplier: 1,
            persist: PERSIST,
            reordering_seen: false,
        }
    }

    /// Steps 2 and 3 (RFC 8985 §6.2). `highest` is RACK.fack before this acknowledgment.
    pub(crate) fn on_delivered(&mut self, now: SimTime, delivered: &Delivered, highest: u64) {
        if let Some(latest) = delivered.latest {
            self.rtt = now.saturating_since(latest.0);
            self.latest = self.latest.max(latest);
        }
        self.reordering_seen |= delivered.first_original < highest;
    }

    /// The part of step 4 that follows D-SACKs: the window grows once for each round trip with one.
    pub(crate) fn on_ack(&mut self, una: u64, nxt: u64, duplicate_reported: bool) {
        if self.round != 0 && una >= self.round {
            self.round = 0;
        }
        if duplicate_reported && self.round == 0 {
            self.round = nxt;
            self.multiplier = self.multiplier.saturating_add(1);
            self.persist = PERSIST;
        }
    }

    /// The part of step 4 that follows recoveries: after 16 without a D-SACK the window is small again.
    pub(crate) fn on_recovered(&mut self) {
        self.persist = self.persist.saturating_sub(1);
        if self.persist == 0 {
            self.multiplier = 1;
            self.persist = PERSIST;
        }
    }

    /// The end of step 4: RACK.reo_wnd.
    pub(crate) fn reordering_window(&self, with: &Circumstances) -> SimDuration {
        let enough = with.in_recovery || with.sacked_segments as usize >= DUPLICATES;
        if !self.reordering_seen && enough {
            return SimDuration::ZERO;
        }
        (with.rtt_min * u64::from(self.multiplier) / 4).min(with.srtt)
    }
}

/// RACK.reo_wnd_persist at first (RFC 8985 §6.2 step 4).
const PERSIST: u8 = 16;

/// What was sent again: place and time, oldest first.
#[derive(Clone, Debug, Default)]
#[expect(clippy::box_collection, reason = "most connections never have a list: eight bytes, not 32")]
pub(crate) struct Resends(Option<Box<VecDeque<(u64, SimTime)>>>);

impl Resends {
    pub(super) fn push(&mut self, place: u64, at: SimTime) {
        self.0.get_or_insert_default().push_back((place, at));
    }

    fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |list| list.len())
    }

    fn oldest(&self) -> Option<(u64, SimTime)> {
        self.0.as_ref()?.front().copied()
    }

    fn pop(&mut self) {
        if let Some(list) = &mut self.0 {
            list.pop_front();
        }
    }
}

/// What time has decided.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct TimeLoss {
    /// Bytes newly lost.
    pub(crate) bytes: u64,
    /// When all that was sent before the delivered segment is lost at the latest, if it is not yet.
    pub(crate) deadline: Option<SimTime>,
    /// Whether something was lost that had been sent again.
    pub(crate) again: bool,
}

impl Scoreboard {
    /// Adds to the list of what was sent again; drops what no longer fits when it has become long, so that a
    /// peer that acknowledges nothing cannot let it grow.
    pub(super) fn list_resend(&mut self, place: u64, at: SimTime) {
        self.resends.push(place, at);
        if self.resends.len() > 2 * self.segments.len() + 16
            && let Some(list) = &mut self.resends.0
        {
            let segments = &self.segments;
            list.retain(|&(place, at)| {
                let index = segments.partition_point(|segment| segment.end() <= place);
                segments.get(index).is_some_and(|segment| segment.at == at && segment.resent)
            });
        }
    }

    /// Whether there may be retransmissions about which time has not decided.
    pub(crate) fn has_resends(&self) -> bool {
        self.resends.oldest().is_some()
    }

    /// RACK_detect_loss() of RFC 8985 §6.2 step 5: what was sent before a segment that was delivered is lost
    /// once a round trip and `window` have passed.
    pub(crate) fn detect_by_time(&mut self, now: SimTime, rack: &Rack, window: SimDuration) -> TimeLoss {
        let after = rack.rtt + window;
        let mut found = TimeLoss::default();
        let mut index = self.segments.partition_point(|segment| segment.start < self.lost_edge);
        while let Some(segment) = self.segments.get_mut(index) {
            if !(segment.sacked || segment.lost || segment.ambiguous) {
                if (segment.at, segment.end()) >= rack.latest {
                    break;
                }
                if segment.at + after > now {
                    found.deadline = Some(rack.latest.0 + after);
                    break;
                }
                note_loss(&mut self.losses, segment);
                segment.lost = true;
                let len = u64::from(segment.len);
                self.pipe -= len;
                self.due += len;
                self.due_hint = self.due_hint.min(segment.start);
                found.bytes += len;
            }
            self.lost_edge = segment.end();
            index += 1;
        }
        while let Some((place, at)) = self.resends.oldest() {
            let index = self.segments.partition_point(|segment| segment.end() <= place);
            if let Some(segment) = self.segments.get_mut(index)
                && segment.at == at
                && segment.resent
                && !segment.sacked
            {
                // Within one instant places do not tell which of a first and a later transmission left before.
                if at >= rack.latest.0 {
                    break;
                }
                if at + after > now {
                    found.deadline = Some(rack.latest.0 + after);
                    break;
                }
                note_loss(&mut self.losses, segment);
                self.pipe -= segment.in_network();
                segment.lost = true;
                segment.resent = false;
                let len = u64::from(segment.len);
                self.due += len;
                self.due_hint = self.due_hint.min(segment.start);
                found.bytes += len;
                found.again = true;
            }
            self.resends.pop();
        }
        found
    }

    /// RACK_mark_losses_on_RTO() of RFC 8985 §6.3: the oldest segment is lost, and what has been in the network
    /// for longer than a round trip and `window`. SACKed data stays so, unless the peer has thrown it away.
    pub(crate) fn mark_expired_lost(&mut self, now: SimTime, rack: &Rack, window: SimDuration) {
        if self.segments.front().is_none_or(|front| front.sacked) {
            self.mark_all_lost(); // RFC 2018 §8: the peer has reneged.
            return;
        }
        let after = rack.rtt + window;
        for (index, segment) in self.segments.iter_mut().enumerate() {
            if segment.sacked || (index > 0 && segment.at + after > now) {
                continue;
            }
            note_loss(&mut self.losses, segment);
            let len = u64::from(segment.len);
            self.pipe -= segment.in_network();
            self.due += if segment.is_due() { 0 } else { len };
            segment.lost = true;
            segment.resent = false;
        }
        if let Some(front) = self.segments.front() {
            self.due_hint = front.start;
            self.lost_edge = front.start;
            self.start_recovery();
        }
    }

    /// Nothing is lost after all: what was taken for it is in the network, sent once or again.
    pub(crate) fn unmark_lost(&mut self) {
        let mut resent = Vec::new();
        for segment in &mut self.segments {
            if segment.lost && !segment.sacked {
                let before = segment.in_network();
                segment.lost = false;
                segment.resent = segment.ambiguous;
                self.pipe += segment.in_network() - before;
            }
            if segment.resent && !segment.sacked {
                resent.push((segment.at, segment.start));
            }
        }
        resent.sort_unstable();
        self.resends = Resends::default();
        for (at, place) in resent {
            self.resends.push(place, at);
        }
        self.due = 0;
        if let Some(front) = self.segments.front() {
            self.lost_edge = front.start;
        }
    }
}

#[cfg(test)]
#[path = "rack_tests.rs"]
mod tests;
