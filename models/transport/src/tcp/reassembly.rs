//! What has arrived: bytes in order that wait to be read, and data beyond a gap.

use smallvec::SmallVec;
use wire::account::{Run, Runs, split_runs};
use wire::payload::{Payload, Slice};
use wire::stream::StreamBuffer;

use crate::placed::Placed;

/// What a segment's arrival changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Arrival {
    /// The next bytes in order, and nothing waited behind them.
    InOrder,
    /// It filled a gap, in whole or in part: acknowledge at once (RFC 5681 §4.2).
    FilledGap,
    /// It lies beyond a gap: acknowledge at once (RFC 5681 §4.2).
    OutOfOrder,
    /// It brought nothing new; these bytes were there before (RFC 2883).
    Duplicate(u64, u64),
}

/// The receive buffer. Places are 64-bit sequence places; `next` is RCV.NXT.
#[derive(Clone, Debug)]
pub(crate) struct Reassembly {
    ready: StreamBuffer,
    waiting: Placed<(Payload, Runs)>,
    /// Ranges beyond `next`, sorted, apart from each other.
    ranges: Vec<(u64, u64)>,
    /// A byte of each range in the order of last change, latest first, for SACK (RFC 2018 §4).
    recent: Vec<u64>,
    /// Ranges are asked for by [`Self::sack_ranges`].
    reports: bool,
    /// Bytes of all ranges.
    behind_gaps: u64,
}

impl Reassembly {
    /// An empty buffer whose first byte is at `start`.
    pub(crate) fn new(start: u64) -> Self {
        Self {
            ready: StreamBuffer::starting_at(start),
            waiting: Placed::new(),
            ranges: Vec::new(),
            recent: Vec::new(),
            reports: true,
            behind_gaps: 0,
        }
    }

    /// An empty buffer whose first byte is at `start`, and whose ranges nobody asks for.
    pub(crate) fn without_reports(start: u64) -> Self {
        Self { reports: false, ..Self::new(start) }
    }

    /// Place of the next byte expected in order.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.ready.end()
    }

    /// Bytes that can be read.
    #[inline]
    pub(crate) fn readable(&self) -> u64 {
        self.ready.len()
    }

    /// Place of the first byte that was not read.
    pub(crate) fn read_place(&self) -> u64 {
        self.ready.start()
    }

    /// Whether data waits behind a gap.
    #[inline]
    pub(crate) fn has_gap(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// Whether another segment beyond a gap may be kept in a buffer of `capacity` bytes. Their data fits the window; what
    /// each of them takes besides is counted as Linux counts an empty `sk_buff`, and may take as much again, so that
    /// a byte a segment does not fill the memory.
    #[inline]
    pub(crate) fn has_room(&self, capacity: u32) -> bool {
        self.waiting.len() < (capacity / BLOCK).max(BLOCKS_LEAST) as usize
    }

    /// Pieces that wait behind a gap.
    pub(crate) fn pieces(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes that wait behind a gap.
    pub(crate) fn waiting(&self) -> u64 {
        self.behind_gaps
    }

    /// Moves all that can be read to what can be read of `into`, where [`Self::continues_at`] has said that it is next, if it is
    /// one piece of at most `max` bytes; says whether it was.
    #[inline]
    pub(crate) fn pour_single(&mut self, max: u32, into: &mut Self) -> bool {
        self.ready.pour_single(max, &mut into.ready)
    }

    /// Takes up to `max` bytes.
    pub(crate) fn read(&mut self, max: u32) -> (Payload, Runs) {
        self.ready.take(max)
    }

    /// Throws everything away.
    pub(crate) fn clear(&mut self) {
        *self = Self { reports: self.reports, ..Self::new(self.next()) };
    }

    /// Whether the byte at `place` is the next in order, and nothing waits behind a gap.
    #[inline]
    pub(crate) fn continues_at(&self, place: u64) -> bool {
        place == self.next() && self.ranges.is_empty()
    }

    /// Takes in the next bytes in order, where [`Self::continues_at`] has said that nothing else is there.
    #[inline(always)]
    pub(crate) fn push(&mut self, slice: Slice, run: Run) {
        self.ready.push(slice, run);
    }

    /// Takes in `payload`, whose first byte is at `start`; it lies within the window.
    pub(crate) fn insert(&mut self, start: u64, mut payload: Payload, mut runs: Runs) -> Arrival {
        let next = self.next();
        let end = start + u64::from(payload.len());
        if end <= next {
            return Arrival::Duplicate(start, end);
        }
        if start < next {
            drop_front(&mut payload, &mut runs, (next - start) as u32);
        }
        let start = start.max(next);
        if start == next && self.ranges.is_empty() {
            self.ready.append(payload, runs);
            return Arrival::InOrder;
        }
        if start == next && self.ranges.first().is_some_and(|range| end <= range.0) {
            self.ready.append(payload, runs);
            self.deliver();
            return Arrival::FilledGap;
        }
        let low = self.ranges.partition_point(|range| range.1 < start);
        if let Some(&(range_start, range_end)) = self.ranges.get(low)
            && range_start <= start
            && end <= range_end
        {
            self.touch(start);
            return Arrival::Duplicate(start, end);
        }
        self.keep_new_parts(low, start, payload, runs);
        self.merge_range(low, start, end);
        if start == next {
            self.deliver();
            Arrival::FilledGap
        } else {
            self.touch(start);
            Arrival::OutOfOrder
        }
    }

    /// Stores what of the payload no range from index `low` on covers.
    fn keep_new_parts(&mut self, low: usize, start: u64, mut payload: Payload, mut runs: Runs) {
        let mut at = start;
        for &(range_start, range_end) in &self.ranges[low..] {
            let end = at + u64::from(payload.len());
            if end <= range_start {
                break;
            }
            if at < range_start {
                let len = (range_start - at) as u32;
                let part = payload.split_front(len);
                self.waiting.insert(at, (part, split_runs(&mut runs, len)));
                at = range_start;
            }
            let known = (range_end.min(end).saturating_sub(at)) as u32;
            drop_front(&mut payload, &mut runs, known);
            at += u64::from(known);
            if payload.is_empty() {
                return;
            }
        }
        self.waiting.insert(at, (payload, runs));
    }

    fn merge_range(&mut self, low: usize, start: u64, end: u64) {
        let mut merged = (start, end);
        let mut high = low;
        while let Some(range) = self.ranges.get(high)
            && range.0 <= end
        {
            merged = (merged.0.min(range.0), merged.1.max(range.1));
            self.behind_gaps -= range.1 - range.0;
            high += 1;
        }
        self.behind_gaps += merged.1 - merged.0;
        if low == high {
            self.ranges.insert(low, merged);
        } else {
            self.ranges[low] = merged;
            self.ranges.drain(low + 1..high);
        }
    }

    /// Moves what has become contiguous to the bytes in order.
    fn deliver(&mut self) {
        while self.waiting.first().is_some_and(|(place, _)| *place == self.ready.end())
            && let Some((_, (payload, runs))) = self.waiting.pop_first()
        {
            self.ready.append(payload, runs);
        }
        let next = self.next();
        // Ranges that touch were made one, so that it is one.
        while let Some(&(start, end)) = self.ranges.first()
            && end <= next
        {
            self.behind_gaps -= end - start;
            self.ranges.remove(0);
        }
        if self.reports {
            self.recent.retain(|place| *place >= next);
        }
    }

    fn touch(&mut self, place: u64) {
        if !self.reports {
            return;
        }
        let Some(range) = self.range_of(place) else { return };
        self.recent.retain(|other| *other < range.0 || range.1 <= *other);
        self.recent.truncate(RECENT - 1);
        self.recent.insert(0, place);
    }

    fn range_of(&self, place: u64) -> Option<(u64, u64)> {
        let index = self.ranges.partition_point(|range| range.1 <= place);
        self.ranges.get(index).copied().filter(|range| range.0 <= place)
    }

    /// Up to `max` ranges to report: the one that changed last first, then those reported before, then
    /// others (RFC 2018 §4).
    pub(crate) fn sack_ranges(&self, max: usize) -> SmallVec<[(u64, u64); 4]> {
        let mut chosen: SmallVec<[(u64, u64); 4]> = SmallVec::new();
        let recent = self.recent.iter().filter_map(|place| self.range_of(*place));
        for range in recent.chain(self.ranges.iter().rev().take(RECENT + max).copied()) {
            if chosen.len() >= max {
                break;
            }
            if !chosen.contains(&range) {
                chosen.push(range);
            }
        }
        chosen
    }
}

/// Drops the first `bytes` of a payload and of the runs that describe it.
fn drop_front(payload: &mut Payload, runs: &mut Runs, bytes: u32) {
    if bytes > 0 {
        let _known = payload.split_front(bytes);
        let _theirs = split_runs(runs, bytes);
    }
}

/// Bytes of memory that a segment takes without its data: `SKB_TRUESIZE(0)` of 64-bit Linux.
const BLOCK: u32 = 576;

/// Segments beyond a gap that even the smallest buffer keeps.
const BLOCKS_LEAST: u32 = 32;

/// Ranges whose order of arrival is remembered: as many as one option can hold, and two more.
const RECENT: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::SimTime;
    use wire::account::{FlowId, Protocol, Reason};

    const START: u64 = 1000;

    /// Bytes `from..to` of a stream whose messages are ten bytes long.
    fn piece(from: u64, to: u64) -> (Payload, Runs) {
        let mut buffer = StreamBuffer::starting_at(START);
        for message in 0..20_u32 {
            let run = Run {
                bytes: 10,
                flow: FlowId(0),
                message,
                generated: SimTime::ZERO,
                protocol: Protocol::Application,
                reason: Reason::Data,
                last: true,
            };
            buffer.push(Slice::filler(1, u64::from(message) * 10, 10), run);
        }
        buffer.read(from, (to - from) as u32)
    }

    fn insert(reassembly: &mut Reassembly, from: u64, to: u64) -> Arrival {
        let (payload, runs) = piece(from, to);
        reassembly.insert(from, payload, runs)
    }

    #[test]
    fn pieces_in_any_order_become_the_stream_with_its_messages() {
        let mut reassembly = Reassembly::new(START);
        assert_eq!(insert(&mut reassembly, 1050, 1065), Arrival::OutOfOrder);
        assert_eq!(insert(&mut reassembly, 1030, 1040), Arrival::OutOfOrder);
        assert_eq!(reassembly.waiting(), 25);
        assert_eq!(insert(&mut reassembly, 1025, 1070), Arrival::OutOfOrder, "covers both and more");
        assert_eq!(reassembly.waiting(), 45);
        assert_eq!(reassembly.sack_ranges(4).as_slice(), [(1025, 1070)]);
        assert_eq!(insert(&mut reassembly, 1026, 1033), Arrival::Duplicate(1026, 1033));
        assert_eq!(insert(&mut reassembly, 1000, 1030), Arrival::FilledGap);
        assert_eq!(reassembly.next(), 1070);
        assert!(!reassembly.has_gap());
        assert_eq!(reassembly.waiting(), 0);
        assert_eq!(insert(&mut reassembly, 1060, 1080), Arrival::InOrder);
        assert_eq!(insert(&mut reassembly, 1060, 1080), Arrival::Duplicate(1060, 1080));
        let (payload, runs) = reassembly.read(u32::MAX);
        assert_eq!((payload, runs), piece(1000, 1080));
        assert!(reassembly.waiting.is_empty() && reassembly.recent.is_empty());
    }

    #[test]
    fn the_range_that_changed_last_is_reported_first() {
        let mut reassembly = Reassembly::new(START);
        for from in [1010, 1030, 1050, 1070, 1090] {
            insert(&mut reassembly, from, from + 10);
        }
        assert_eq!(
            reassembly.sack_ranges(3).as_slice(),
            [(1090, 1100), (1070, 1080), (1050, 1060)],
            "latest first"
        );
        insert(&mut reassembly, 1020, 1025);
        assert_eq!(
            reassembly.sack_ranges(4).as_slice(),
            [(1010, 1025), (1090, 1100), (1070, 1080), (1050, 1060)]
        );
        insert(&mut reassembly, 1000, 1010);
        assert_eq!(reassembly.next(), 1025);
        assert_eq!(reassembly.sack_ranges(2).as_slice(), [(1090, 1100), (1070, 1080)]);
    }
}
