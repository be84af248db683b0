//! What is in flight: the sender's record of segments, and what acknowledgments say of them.
//!
//! RFC 6675 §4, at a cost that does not grow with the window: segments are found by binary search, a block
//! that was reported before is recognised without a walk, the edge below which data counts as lost only
//! moves forward, and the estimate of what is in the network (`pipe`) is kept while segments change.

use std::collections::VecDeque;

use sim_core::SimTime;

use super::rack::Resends;

/// One segment in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Place of its first byte.
    pub(crate) start: u64,
    /// When it was last sent.
    pub(crate) at: SimTime,
    /// Sequence space it takes: payload, and one for a FIN.
    pub(crate) len: u32,
    pub(super) sacked: bool,
    pub(super) lost: bool,
    /// A retransmission of it is in the network.
    pub(super) resent: bool,
    /// It was ever retransmitted: no round-trip sample (Karn).
    pub(super) ambiguous: bool,
}

impl Sent {
    pub(crate) fn end(&self) -> u64 {
        self.start + u64::from(self.len)
    }

    /// Its part in `pipe` (RFC 6675 §4, SetPipe).
    pub(super) fn in_network(&self) -> u64 {
        if self.sacked {
            return 0;
        }
        u64::from(self.len) * (u64::from(!self.lost) + u64::from(self.resent))
    }

    pub(super) fn is_due(&self) -> bool {
        self.lost && !self.resent && !self.sacked
    }
}

const _: () = assert!(size_of::<Sent>() == 24);

/// What an acknowledgment brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    /// Bytes delivered that were not known to be.
    pub(crate) bytes: u64,
    /// When the earliest newly delivered segment was sent.
    sent_at: Option<SimTime>,
    ambiguous: bool,
    /// A retransmission that was sent later than this has not caused the acknowledgment (RFC 8985 §6.2 step 2).
    not_after: SimTime,
    /// When the one that was sent last was sent, and the place behind it.
    pub(crate) latest: Option<(SimTime, u64)>,
    /// Place behind the first segment that was sent only once; `u64::MAX` if each was sent again.
    pub(crate) first_original: u64,
}

impl Delivered {
    /// Nothing yet; retransmissions later than `not_after` do not count as the cause.
    pub(crate) fn nothing(not_after: SimTime) -> Self {
        Self { bytes: 0, sent_at: None, ambiguous: false, not_after, latest: None, first_original: u64::MAX }
    }

    #[inline]
    fn add(&mut self, segment: &Sent) {
        self.bytes += u64::from(segment.len);
        self.ambiguous |= segment.ambiguous;
        self.sent_at = Some(self.sent_at.map_or(segment.at, |earliest| earliest.min(segment.at)));
        if !segment.ambiguous {
            self.first_original = self.first_original.min(segment.end());
        } else if segment.at > self.not_after {
            return;
        }
        self.latest = self.latest.max(Some((segment.at, segment.end())));
    }

    pub(crate) fn not_after(&self) -> SimTime {
        self.not_after
    }

    /// Adds what another part of the same acknowledgment brought.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.ambiguous |= other.ambiguous;
        self.sent_at = match (self.sent_at, other.sent_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.latest = self.latest.max(other.latest);
        self.first_original = self.first_original.min(other.first_original);
    }

    /// When the earliest of the segments was sent, if each was sent only once (Karn, RFC 6298 §3).
    pub(crate) fn sample(&self) -> Option<SimTime> {
        self.sent_at.filter(|_| !self.ambiguous)
    }
}

/// The segments in flight, oldest first and without gaps.
#[derive(Clone, Debug)]
pub(crate) struct Scoreboard {
    pub(super) segments: VecDeque<Sent>,
    /// Ranges of whole segments reported as received, sorted and apart from each other.
    pub(super) sacked: Vec<(u64, u64)>,
    /// Segments and bytes in these ranges.
    sacked_segments: u32,
    sacked_bytes: u64,
    pub(super) pipe: u64,
    /// Bytes of segments that are lost and not resent.
    pub(super) due: u64,
    /// Everything below counts as lost, is SACKed, or was sent again.
    pub(super) lost_edge: u64,
    /// No segment below is due for retransmission.
    pub(super) due_hint: u64,
    /// What was sent again, in order of time: place and time. Entries that no longer fit are passed over.
    pub(super) resends: Resends,
    /// HighRxt of RFC 6675 §2: everything below was resent or SACKed in this recovery.
    high_resent: u64,
    /// What was found lost since the last call of [`Self::take_losses`], where somebody wants to know.
    #[expect(clippy::box_collection, reason = "most connections never have a list: eight bytes, not 24")]
    pub(super) losses: Option<Box<Vec<Sent>>>,
}

impl Scoreboard {
    pub(crate) fn new(start: u64) -> Self {
        Self {
            segments: VecDeque::new(),
            sacked: Vec::new(),
            sacked_segments: 0,
            sacked_bytes: 0,
            pipe: 0,
            due: 0,
            lost_edge: start,
            due_hint: start,
            resends: Resends::default(),
            high_resent: start,
            losses: None,
        }
    }

    /// Keeps what is found lost from now on, or does not.
    pub(crate) fn log_losses(&mut self, log: bool) {
        self.losses = log.then(Box::default);
    }

    /// What was found lost since the last call, each as it was when it was in the network.
    pub(crate) fn take_losses(&mut self) -> Vec<Sent> {
        self.losses.as_mut().map(|losses| std::mem::take(&mut **losses)).unwrap_or_default()
    }

    /// Estimate of the bytes in the network (RFC 6675 §4).
    #[inline]
    pub(crate) fn pipe(&self) -> u64 {
        self.pipe
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Segments in flight, SACKed ones included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    /// Segments that are SACKed.
    #[inline]
    pub(crate) fn sacked_segments(&self) -> u32 {
        self.sacked_segments
    }

    /// Bytes that are SACKed.
    #[inline]
    pub(crate) fn sacked_bytes(&self) -> u64 {
        self.sacked_bytes
    }

    /// Place behind the highest SACKed byte, or 0.
    #[inline]
    pub(crate) fn highest_sacked(&self) -> u64 {
        self.sacked.last().map_or(0, |range| range.1)
    }

    pub(crate) fn segment(&self, index: usize) -> Sent {
        self.segments[index]
    }

    #[inline]
    pub(crate) fn has_sacked(&self) -> bool {
        !self.sacked.is_empty()
    }

    /// Records new data sent.
    #[inline]
    pub(crate) fn push(&mut self, start: u64, len: u32, at: SimTime) {
        self.pipe += u64::from(len);
        self.segments.push_back(Sent {
            start,
            at,
            len,
            sacked: false,
            lost: false,
            resent: false,
            ambiguous: false,
        });
    }

    /// Everything before `place` was acknowledged.
    pub(crate) fn acknowledge(&mut self, place: u64, not_after: SimTime) -> Delivered {
        let mut delivered = Delivered::nothing(not_after);
        while let Some(front) = self.segments.front_mut() {
            let part = (place.min(front.end()).saturating_sub(front.start)) as u32;
            if part == 0 {
                break;
            }
            let before = front.in_network();
            let due_before = if front.is_due() { u64::from(front.len) } else { 0 };
            if front.sacked {
                self.sacked_bytes -= u64::from(part);
                self.sacked_segments -= u32::from(part == front.len);
            } else {
                delivered.add(&Sent { len: part, ..*front });
            }
            if part == front.len {
                self.pipe -= before;
                self.due -= due_before;
                self.segments.pop_front();
            } else {
                front.start += u64::from(part);
                front.len -= part;
                self.pipe -= before - front.in_network();
                self.due -= if front.is_due() { u64::from(part) } else { 0 };
                break;
            }
        }
        if !self.sacked.is_empty() {
            let gone = self.sacked.partition_point(|range| range.1 <= place);
            self.sacked.drain(..gone);
            if let Some(first) = self.sacked.first_mut() {
                first.0 = first.0.max(place);
            }
        }
        self.lost_edge = self.lost_edge.max(place);
        self.due_hint = self.due_hint.max(place);
        self.high_resent = self.high_resent.max(place);
        delivered
    }

    /// The peer reports `start..end` as received. Only segments that it covers whole count, so that any
    /// blocks, honest or not, leave at most one range for two segments.
    pub(crate) fn sack(&mut self, start: u64, end: u64, not_after: SimTime) -> Delivered {
        let mut delivered = Delivered::nothing(not_after);
        let first = self.segments.partition_point(|segment| segment.start < start);
        let behind = self.segments.partition_point(|segment| segment.end() <= end);
        if first >= behind {
            return delivered;
        }
        let start = self.segments[first].start;
        let end = self.segments[behind - 1].end();
        let low = self.sacked.partition_point(|range| range.1 < start);
        if self.sacked.get(low).is_some_and(|range| range.0 <= start && end <= range.1) {
            return delivered;
        }
        let mut merged = (start, end);
        let mut at = start;
        let mut high = low;
        while let Some(&(range_start, range_end)) = self.sacked.get(high)
            && range_start <= end
        {
            self.mark_sacked(at, range_start, &mut delivered);
            at = at.max(range_end);
            merged = (merged.0.min(range_start), merged.1.max(range_end));
            high += 1;
        }
        self.mark_sacked(at, end, &mut delivered);
        if low == high {
            self.sacked.insert(low, merged);
        } else {
            self.sacked[low] = merged;
            self.sacked.drain(low + 1..high);
        }
        delivered
    }

    fn mark_sacked(&mut self, start: u64, end: u64, delivered: &mut Delivered) {
        if start >= end {
            return;
        }
        let mut index = self.segments.partition_point(|segment| segment.start < start);
        while let Some(segment) = self.segments.get_mut(index)
            && segment.start < end
        {
            self.pipe -= segment.in_network();
            self.due -= if segment.is_due() { u64::from(segment.len) } else { 0 };
            delivered.add(segment);
            segment.sacked = true;
            self.sacked_segments += 1;
            self.sacked_bytes += u64::from(segment.len);
            index += 1;
        }
    }

    /// Marks as lost what IsLost() of RFC 6675 §4 names: below three separate SACKed ranges, or below more
    /// than two segments' bytes SACKed. Returns the bytes newly lost.
    pub(crate) fn mark_lost(&mut self, segment_size: u64) -> u64 {
        let mut bytes = 0;
        for (count, &(start, end)) in self.sacked.iter().rev().enumerate() {
            bytes += end - start;
            if count + 1 >= DUPLICATES || bytes > (DUPLICATES as u64 - 1) * segment_size {
                return self.mark_lost_below(start);
            }
        }
        0
    }

    fn mark_lost_below(&mut self, edge: u64) -> u64 {
        if edge <= self.lost_edge {
            return 0;
        }
        let mut newly = 0;
        let mut index = self.segments.partition_point(|segment| segment.start < self.lost_edge);
        while let Some(segment) = self.segments.get_mut(index)
            && segment.start < edge
        {
            if !segment.sacked && !segment.lost {
                note_loss(&mut self.losses, segment);
                newly += u64::from(segment.len);
                self.pipe -= u64::from(segment.len);
                segment.lost = true;
                if !segment.resent {
                    self.due += u64::from(segment.len);
                    self.due_hint = self.due_hint.min(segment.start);
                }
            }
            index += 1;
        }
        self.lost_edge = edge;
        newly
    }

    /// Whether the oldest segment is lost: IsLost(HighACK + 1) of RFC 6675 §5 step (2).
    pub(crate) fn front_is_lost(&self) -> bool {
        self.segments.front().is_some_and(|front| front.lost && !front.sacked)
    }

    /// Marks the oldest segment as lost, after three duplicate acknowledgments or a partial one.
    pub(crate) fn mark_front_lost(&mut self) {
        let Some(front) = self.segments.front_mut() else { return };
        if front.sacked || front.lost {
            return;
        }
        note_loss(&mut self.losses, front);
        front.lost = true;
        self.pipe -= u64::from(front.len);
        if !front.resent {
            self.due += u64::from(front.len);
            self.due_hint = front.start;
        }
    }

    /// The retransmission timer expired: nothing that was sent is in the network any more.
    ///
    /// SACKed data stays so (RFC 6675 §5.1), unless the oldest segment is SACKed, for then the peer has
    /// thrown away what it reported (RFC 2018 §8).
    pub(crate) fn mark_all_lost(&mut self) {
        let reneged = self.segments.front().is_some_and(|front| front.sacked);
        if reneged {
            self.sacked.clear();
            (self.sacked_segments, self.sacked_bytes) = (0, 0);
        }
        self.due = 0;
        self.pipe = 0;
        self.resends = Resends::default();
        for segment in &mut self.segments {
            segment.sacked &= !reneged;
            note_loss(&mut self.losses, segment);
            segment.lost = true;
            segment.resent = false;
            if !segment.sacked {
                self.due += u64::from(segment.len);
            }
        }
        let (start, end) = match (self.segments.front(), self.segments.back()) {
            (Some(front), Some(back)) => (front.start, back.end()),
            _ => return,
        };
        self.lost_edge = end;
        self.due_hint = start;
        self.high_resent = start;
    }

    /// Marks segments larger than `size` as lost, after the path's MTU has shrunk; says whether there are any.
    pub(crate) fn mark_oversized_lost(&mut self, size: u32) -> bool {
        let mut any = false;
        for segment in &mut self.segments {
            if segment.len > size && !segment.sacked && !segment.lost {
                segment.lost = true;
                self.pipe -= u64::from(segment.len);
                if !segment.resent {
                    self.due += u64::from(segment.len);
                    self.due_hint = self.due_hint.min(segment.start);
                }
                any = true;
            }
        }
        any
    }

    /// The first segment that is lost and not yet resent: rule (1) of NextSeg().
    pub(crate) fn next_due(&mut self) -> Option<usize> {
        if self.due == 0 {
            return None;
        }
        let from = self.segments.partition_point(|segment| segment.start < self.due_hint);
        let index = (from..self.segments.len()).find(|&index| self.segments[index].is_due())?;
        self.due_hint = self.segments[index].start;
        Some(index)
    }

    /// The first segment that is below a SACKed one and was not resent: rule (3) of NextSeg().
    pub(crate) fn next_suspect(&self) -> Option<usize> {
        let &(highest, _) = self.sacked.last()?;
        let from = self.lost_edge.max(self.high_resent);
        let from = self.segments.partition_point(|segment| segment.start < from);
        (from..self.segments.len())
            .take_while(|&index| self.segments[index].start < highest)
            .find(|&index| !self.segments[index].sacked && !self.segments[index].resent)
    }

    /// The last segment that is not SACKed: rule (4) of NextSeg().
    pub(crate) fn last_unsacked(&self) -> Option<usize> {
        self.segments.iter().rposition(|segment| !segment.sacked)
    }

    /// Forgets how far retransmission has come, when a recovery begins.
    pub(crate) fn start_recovery(&mut self) {
        if let Some(front) = self.segments.front() {
            self.high_resent = front.start;
        }
    }

    /// Notes that the segment was sent again; `high` unless it is the rescue of rule (4).
    pub(crate) fn on_resent(&mut self, index: usize, at: SimTime, high: bool) {
        let segment = &mut self.segments[index];
        if segment.is_due() {
            self.due -= u64::from(segment.len);
        }
        if !segment.resent {
            self.pipe += u64::from(segment.len);
        }
        segment.resent = true;
        segment.ambiguous = true;
        segment.at = at;
        let (start, end) = (segment.start, segment.end());
        self.list_resend(start, at);
        if high {
            self.high_resent = self.high_resent.max(end);
        }
    }

    /// Makes the segment at `index` at most `len` long; the rest follows as a segment of its own.
    pub(crate) fn split(&mut self, index: usize, len: u32) {
        let segment = &mut self.segments[index];
        assert!(0 < len && len < segment.len, "{len} cuts a segment of {}", segment.len);
        let rest = Sent { start: segment.start + u64::from(len), len: segment.len - len, ..*segment };
        segment.len = len;
        self.sacked_segments += u32::from(segment.sacked);
        self.segments.insert(index + 1, rest);
    }
}

/// Notes that a segment is lost, if it counted as in the network.
#[expect(clippy::box_collection, reason = "the field is one, to be small")]
pub(super) fn note_loss(losses: &mut Option<Box<Vec<Sent>>>, segment: &Sent) {
    if let Some(losses) = losses
        && segment.in_network() > 0
    {
        losses.push(*segment);
    }
}

/// DupThresh of RFC 6675 §2.
pub(crate) const DUPLICATES: usize = 3;

#[cfg(test)]
#[path = "scoreboard_tests.rs"]
mod tests;
