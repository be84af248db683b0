//! The stretches of time that lie ahead of a part, in order of their beginnings.
//!
//! There are few at a time, most are put behind all others, and the first goes first: a row whose front moves on costs less
//! than a ring or a heap.

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
        let mut place = self.intervals.len();
        while place > self.gone && self.intervals[place - 1].from > interval.from {
            place -= 1;
        }
        if place == self.intervals.len() {
            self.intervals.push(interval);
        } else {
            self.intervals.insert(place, interval);
        }
    }

    /// Takes the first away.
    #[inline]
    pub(crate) fn drop_first(&mut self) {
        self.gone += 1;
        if self.gone >= self.intervals.len() {
            self.clear();
        } else if self.gone == GONE_MAX {
            self.intervals.drain(..self.gone);
            self.gone = 0;
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
}
