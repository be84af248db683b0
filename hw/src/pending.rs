//! The stretches of time that lie ahead of a part, in order of their beginnings.
//!
//! There are few at a time, or many that a queue has told of ahead; most are put behind all others or near the front, and the
//! first goes first: a row whose front moves to and fro costs less than a ring or a heap.

use sim_core::{SimDuration, SimTime};

use crate::part::StateId;
use crate::repeated::Pattern;

/// A stretch of time in one state, laid over the one that the part rests in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) from: SimTime,
    pub(crate) until: SimTime,
    pub(crate) state: StateId,
    pub(crate) teller: u32,
    /// What has passed of it and has not been charged: a stretch is split by its shares as a whole, whenever somebody
    /// looked at it in between.
    pub(crate) held: SimDuration,
    pub(crate) pattern: Pattern,
}

/// Stretches, in order of their beginnings; of two that begin together the one that was put in first comes first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    intervals: Vec<Interval>,
    /// How many of them are gone.
    gone: usize,
}

impl Pending {
    #[inline]
    pub(crate) fn first(&self) -> Option<&Interval> {
        self.intervals.get(self.gone)
    }

    #[inline]
    pub(crate) fn first_mut(&mut self) -> Option<&mut Interval> {
        self.intervals.get_mut(self.gone)
    }

    /// The one that begins last.
    #[inline]
    pub(crate) fn last(&self) -> Option<&Interval> {
        // Nothing that is gone stays behind the others.
        self.intervals.last()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Interval> {
        self.intervals[self.gone..].iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Interval> {
        self.intervals[self.gone..].iter_mut()
    }

    #[inline]
    pub(crate) fn insert(&mut self, interval: Interval) {
        match self.last() {
            Some(last) if last.from > interval.from => self.insert_before(interval),
            _ => self.intervals.push(interval),
        }
    }

    /// Puts one in that is not the last. Who sends or takes in now does so in front of all that a queue has told of ahead:
    /// the few that are earlier move up, into the place of one that is gone.
    fn insert_before(&mut self, interval: Interval) {
        let ahead = &self.intervals[self.gone..];
        // What has passed of the first is cut off, so it may begin after the others, which are in order; what began after one
        // of those does not come before it.
        let others = ahead.get(1..).unwrap_or_default();
        let behind = match others.iter().take(NEAR).position(|other| other.from > interval.from) {
            Some(place) => place,
            None => others.partition_point(|other| other.from <= interval.from),
        };
        let is_first = behind == 0 && ahead.first().is_none_or(|first| first.from > interval.from);
        let earlier = if is_first { 0 } else { 1 + behind };
        if self.gone > 0 && earlier < ahead.len() / 2 {
            self.intervals.copy_within(self.gone..self.gone + earlier, self.gone - 1);
            self.gone -= 1;
            self.intervals[self.gone + earlier] = interval;
        } else {
            self.intervals.insert(self.gone + earlier, interval);
        }
    }

    /// Takes the first away.
    #[inline]
    pub(crate) fn drop_first(&mut self) {
        self.gone += 1;
        if self.gone >= self.intervals.len() {
            self.clear();
        } else if self.gone == GONE_MAX {
            // Some room stays for what comes in front of the others.
            self.intervals.drain(..GONE_MAX - ROOM);
            self.gone = ROOM;
        }
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Interval) -> bool) {
        self.intervals.drain(..self.gone);
        self.gone = 0;
        self.intervals.retain(keep);
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.intervals.clear();
        self.gone = 0;
    }
}

/// How many that are gone are kept in front of others.
const GONE_MAX: usize = 32;

/// How many of those are left as room.
const ROOM: usize = 8;

/// How far from the front a place is looked for one after the other.
const NEAR: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_goes_first_and_of_equals_the_one_that_came_first() {
        let mut patterns = crate::repeated::Patterns::new();
        let pattern = patterns.number(&[('a', 1)]);
        let (mut pending, mut seen) = (Pending::default(), Vec::new());
        for teller in 0..500_u32 {
            let from = SimTime::from_nanos(u64::from(teller * 7 % 10 + teller / 10 * 10));
            let (state, held) = (StateId(0), SimDuration::ZERO);
            pending.insert(Interval { from, until: from, state, teller, held, pattern });
            if teller % 10 == 9 {
                // Ten of one round are in order, and half of them leave.
                for _ in 0..if teller < 490 { 5 } else { usize::MAX } {
                    let Some(&Interval { from, teller, .. }) = pending.first() else { break };
                    seen.push((from, teller));
                    pending.drop_first();
                }
            }
        }
        assert_eq!(seen.len(), 500);
        assert!(seen.is_sorted(), "{seen:?}");
        assert!(pending.last().is_none() && pending.iter().next().is_none());
    }

    #[test]
    fn what_comes_in_front_of_a_queue_takes_its_place_in_the_order() {
        let mut patterns = crate::repeated::Patterns::new();
        let pattern = patterns.number(&[('a', 1)]);
        let mut pending = Pending::default();
        // The same, one place after the other from the end.
        let mut expected: Vec<(u64, u32)> = Vec::new();
        let (mut cut, mut queued) = (0, 0);
        for teller in 0..3000_u32 {
            // Every third one is far ahead, as a queue's are; the others are a few ahead, in no order.
            let now = u64::from(teller) * 10;
            let nanos = if teller % 3 == 0 { now + 5000 } else { now + u64::from(teller * 13 % 41) * 5 };
            let from = SimTime::from_nanos(nanos);
            let (state, held) = (StateId(0), SimDuration::ZERO);
            pending.insert(Interval { from, until: from, state, teller, held, pattern });
            let place = expected.iter().rposition(|&(other, _)| other <= nanos).map_or(0, |place| place + 1);
            expected.insert(place, (nanos, teller));
            while teller % 7 != 0 && pending.first().is_some_and(|first| first.from.as_nanos() <= now) {
                pending.drop_first();
                expected.remove(0);
            }
            if let Some(first) = pending.first_mut().filter(|first| first.from.as_nanos() <= now + 40) {
                // It has begun, and goes on.
                first.from = SimTime::from_nanos(now + 90);
                expected[0].0 = now + 90;
                cut += usize::from(expected[1].0 < now + 90);
            }
            let held = pending.iter().map(|it| (it.from.as_nanos(), it.teller));
            assert!(held.eq(expected.iter().copied()), "after {teller}");
            queued = queued.max(expected.len());
        }
        assert!(cut > 100 && queued > 100, "{cut} cut, {queued} ahead");
    }
}
