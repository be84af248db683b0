//! The stretches of time that a part has been told of and has not been settled for.
//!
//! They come in nearly any order: what a queue sends is told of ahead, what is taken in meanwhile begins before it. Putting
//! each into its place costs more than all else that is done for it, so they are put in a row as they come, and the row is
//! brought into order when somebody asks what has passed, or when it has grown: most of it is in order then already.

use sim_core::SimTime;

use crate::part::StateId;
use crate::repeated::Pattern;

/// A stretch of time in one state, laid over the one that the part rests in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) from: SimTime,
    pub(crate) until: SimTime,
    pub(crate) pattern: Pattern,
    pub(crate) teller: u32,
    pub(crate) state: StateId,
    /// Whether there is no way to go in front of it, or that has been seen to.
    pub(crate) is_ready: bool,
}

/// Stretches; of two that begin together the one that was put in first comes first.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    stretches: Vec<Stretch>,
    /// When the last one begins: so the row itself is not read when one is put in.
    last: SimTime,
    is_in_order: bool,
    /// With so many of them they are too many.
    many: usize,
}

impl Default for Pending {
    fn default() -> Self {
        Self { stretches: Vec::new(), last: SimTime::ZERO, is_in_order: true, many: MANY }
    }
}

impl Pending {
    /// Puts one in; says whether there are many now.
    #[inline]
    pub(crate) fn push(&mut self, stretch: Stretch) -> bool {
        self.is_in_order &= self.last <= stretch.from;
        self.last = stretch.from;
        self.stretches.push(stretch);
        self.stretches.len() >= self.many
    }

    /// Brings them into the order of their beginnings.
    #[inline]
    pub(crate) fn order(&mut self) {
        if !self.is_in_order {
            self.stretches.sort_by_key(|stretch| stretch.from);
            self.last = self.stretches.last().map_or(SimTime::ZERO, |last| last.from);
            self.is_in_order = true;
        }
    }

    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<&Stretch> {
        self.stretches.get(place)
    }

    /// The one that begins first of those that last beyond `now`.
    pub(crate) fn first_beyond(&self, now: SimTime) -> Option<&Stretch> {
        let beyond = self.stretches.iter().filter(|stretch| stretch.until > now);
        beyond.min_by_key(|stretch| stretch.from)
    }

    /// The way in front of this one has been seen to.
    pub(crate) fn set_ready(&mut self, place: usize) {
        if let Some(stretch) = self.stretches.get_mut(place) {
            stretch.is_ready = true;
        }
    }

    /// Takes the first ones away. As many again as are left may come until there are many: so each is moved, on
    /// average, a fixed number of times, however many lie ahead.
    #[inline]
    pub(crate) fn drop_first(&mut self, count: usize) {
        self.stretches.drain(..count);
        self.many = MANY.max(2 * self.stretches.len());
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Stretch) -> bool) {
        self.stretches.retain(keep);
    }

    pub(crate) fn clear(&mut self) {
        self.stretches.clear();
        (self.last, self.is_in_order) = (SimTime::ZERO, true);
    }
}

/// How many stretches wait at least until it is worth while to settle them: as many as the library sorts by insertion.
const MANY: usize = 16;

#[cfg(test)]
mod tests {
    use sim_core::SimDuration;

    use super::*;

    #[test]
    fn the_first_goes_first_and_of_equals_the_one_that_came_first() {
        let mut patterns = crate::repeated::Patterns::new();
        let pattern = patterns.number(&[('a', 1)]);
        let (mut pending, mut seen, mut full) = (Pending::default(), Vec::new(), 0);
        for teller in 0..3000_u32 {
            // Every third one is far ahead, as a queue's are; the others are a few ahead, in no order.
            let now = SimTime::from_nanos(u64::from(teller / 4) * 40);
            let ahead = if teller % 3 == 0 { 5000 } else { u64::from(teller * 13 % 41) * 5 };
            let from = now + SimDuration::from_nanos(ahead);
            let stretch = Stretch { from, until: from, pattern, teller, state: StateId(0), is_ready: false };
            if pending.push(stretch) || teller == 2999 {
                full += 1;
                pending.order();
                let due = (0..).take_while(|&place| {
                    let first = pending.get(place).filter(|first| first.from < now || teller == 2999);
                    seen.extend(first.map(|first| (first.from, first.teller)));
                    first.is_some()
                });
                let due = due.count();
                pending.drop_first(due);
            }
        }
        assert_eq!(seen.len(), 3000);
        assert!(seen.is_sorted(), "{seen:?}");
        // Those that come in 5,000 ns are some 500, of which a third is far ahead.
        assert!((10..60).contains(&full), "{full} times");
    }
}
