//! Stretches of time that are like the one before: most frames of a flow are as long as the last one, and for the same.
//!
//! A ledger is told once of all of them. What is told is what each of them alone would have come to, remainders and all.

use std::hash::{Hash, Hasher};
use std::slice;

use rustc_hash::FxHasher;
use sim_core::SimDuration;

use crate::ledger::split;
use crate::meter::Shares;

/// A stretch of time in one state of a part, and how often it has come in a row.
#[derive(Clone, Debug)]
pub(crate) struct Repeated<K> {
    time: SimDuration,
    times: u64,
    shares: Shares<K>,
}

/// The stretches in one state of a part, told apart by what they are for.
#[derive(Clone, Debug)]
pub(crate) struct Stretches<K> {
    /// None yet, or a power of two.
    slots: Vec<Repeated<K>>,
}

impl<K> Default for Stretches<K> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<K: Copy + Hash + Ord> Stretches<K> {
    /// Notes one more; those that have to make room for it are told.
    #[inline]
    pub(crate) fn note(
        &mut self,
        time: SimDuration,
        shares: &[(K, u32)],
        tell: impl FnOnce(slice::IterMut<'_, Repeated<K>>),
    ) {
        let place = self.place(shares);
        if !self.slots.get_mut(place).is_some_and(|repeated| repeated.again(time, shares)) {
            self.begin(place, time, shares, tell);
        }
    }

    /// All of them.
    pub(crate) fn iter_mut(&mut self) -> slice::IterMut<'_, Repeated<K>> {
        self.slots.iter_mut()
    }

    fn begin(
        &mut self,
        mut place: usize,
        time: SimDuration,
        shares: &[(K, u32)],
        tell: impl FnOnce(slice::IterMut<'_, Repeated<K>>),
    ) {
        let other = self.slots.get(place).filter(|repeated| repeated.times > 0);
        let of_another = other.is_some_and(|other| {
            other.shares.first().map(|(key, _)| key) != shares.first().map(|(key, _)| key)
        });
        if self.slots.is_empty() || of_another && self.slots.len() < SLOTS_MAX {
            tell(self.slots.iter_mut());
            self.slots.resize_with((2 * self.slots.len()).max(1), Repeated::default);
            place = self.place(shares);
        } else {
            tell(self.slots[place..=place].iter_mut());
        }
        self.slots[place].begin(time, shares);
    }

    fn place(&self, shares: &[(K, u32)]) -> usize {
        if self.slots.len() < 2 {
            return 0;
        }
        let mut hasher = FxHasher::default();
        shares.first().map(|(key, _)| key).hash(&mut hasher);
        hasher.finish() as usize & (self.slots.len() - 1)
    }
}

impl<K> Default for Repeated<K> {
    fn default() -> Self {
        Self { time: SimDuration::ZERO, times: 0, shares: Shares::new() }
    }
}

impl<K: Copy + Ord> Repeated<K> {
    /// Counts one more, if it is like the last one.
    #[inline]
    pub(crate) fn again(&mut self, time: SimDuration, shares: &[(K, u32)]) -> bool {
        if self.times == 0 || self.shares[..] != *shares {
            return false;
        }
        if let [_] = shares {
            // All of it is for one.
            self.time += time;
            return true;
        }
        let like = self.time == time;
        self.times += u64::from(like);
        like
    }

    /// Begins to count another.
    pub(crate) fn begin(&mut self, time: SimDuration, shares: &[(K, u32)]) {
        (self.time, self.times) = (time, 1);
        self.shares.clear();
        self.shares.extend_from_slice(shares);
    }

    /// Gives each share of all that came so far, and forgets it; returns their time together.
    pub(crate) fn end(&mut self, mut give: impl FnMut(K, SimDuration)) -> SimDuration {
        let times = std::mem::take(&mut self.times);
        if times > 0 {
            split(self.time, &self.shares, |key, share| give(key, share * times));
        }
        self.time * times
    }
}

/// The most kinds of stretches that are counted apart.
const SLOTS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_where_many_kinds_take_turns() {
        let mut stretches = Stretches::default();
        let mut told = std::collections::BTreeMap::new();
        let mut add = |(key, share): (u32, SimDuration)| *told.entry(key).or_insert(0) += share.as_nanos();
        for round in 0..50_u64 {
            for kind in 0..200_u32 {
                let time = SimDuration::from_nanos(100 + round % 3);
                stretches.note(time, &[(kind, 1), (kind + 1000, 2)], |others| {
                    others.for_each(|other| _ = other.end(|key, share| add((key, share))));
                });
            }
        }
        stretches.iter_mut().for_each(|other| _ = other.end(|key, share| add((key, share))));
        // 100, 101 and 102 ns in turn, 17, 17 and 16 times: two thirds of each, rounded down, are 66, 67 and 68.
        let second = 17 * 66 + 17 * 67 + 16 * 68;
        assert_eq!((told[&1199], told[&199]), (second, 17 * 100 + 17 * 101 + 16 * 102 - second));
        assert_eq!(told.len(), 400);
        assert!(stretches.slots.len() == SLOTS_MAX);
    }

    #[test]
    fn what_is_for_one_adds_up_whatever_its_length() {
        let mut repeated = Repeated::default();
        repeated.begin(SimDuration::from_nanos(5), &[('a', 7)]);
        assert!(repeated.again(SimDuration::from_nanos(8), &[('a', 7)]));
        assert!(!repeated.again(SimDuration::from_nanos(8), &[('b', 7)]));
        assert_eq!(repeated.end(|_, share| assert_eq!(share.as_nanos(), 13)).as_nanos(), 13);
    }

    #[test]
    fn what_is_repeated_is_what_each_alone_would_be() {
        // 100 ns over 1 + 1 + 1: 34 for the first and 33 for the others; three times that, and not 300 ns over three.
        let shares = [('a', 1), ('b', 1), ('c', 1)];
        let time = SimDuration::from_nanos(100);
        let mut repeated = Repeated::default();
        assert!(!repeated.again(time, &shares), "nothing came before");
        repeated.begin(time, &shares);
        assert!(repeated.again(time, &shares) && repeated.again(time, &shares));
        assert!(!repeated.again(time + time, &shares) && !repeated.again(time, &shares[..2]));
        let mut given = Vec::new();
        let all = repeated.end(|key, share| given.push((key, share.as_nanos())));
        assert_eq!((all.as_nanos(), given), (300, vec![('b', 99), ('c', 99), ('a', 102)]));
        assert_eq!(repeated.end(|_, _| panic!("it has been told")), SimDuration::ZERO);
    }
}
