//! What stretches of time are for, by number: most frames of a flow are as long as the last one, and for the same.
//!
//! A stretch is counted in a row by the number of its pattern, and a ledger is told once of all that are alike: what each
//! of them alone would have come to, remainders and all.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;
use sim_core::SimDuration;
use smallvec::SmallVec;

use crate::ledger::{split, split_by_place};

/// Keys and their weights among an interval.
pub(crate) type Shares<K> = SmallVec<[(K, u32); 6]>;

/// What stretches of a device's parts are for, as the device numbers it: it means nothing to another device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pattern {
    number: u32,
    /// Whether it is for one thing, so that nothing has to be divided.
    is_for_one: bool,
}

/// All that stretches of a device's parts were for so far.
#[derive(Clone, Debug)]
pub(crate) struct Patterns<K> {
    shares: Vec<Shares<K>>,
    /// Numbers by what their shares hash to; a power of two of places, half of them free at least.
    places: Vec<u32>,
    last: u32,
}

impl<K: Copy + Eq + Hash> Patterns<K> {
    pub(crate) fn new() -> Self {
        Self { shares: Vec::new(), places: vec![FREE; 16], last: 0 }
    }

    /// The number of these shares.
    pub(crate) fn number(&mut self, shares: &[(K, u32)]) -> Pattern {
        if self.shares.get(self.last as usize).is_none_or(|last| last[..] != *shares) {
            self.last = self.find(shares);
        }
        Pattern { number: self.last, is_for_one: shares.len() == 1 }
    }

    fn find(&mut self, shares: &[(K, u32)]) -> u32 {
        let mask = self.places.len() - 1;
        let mut place = hash(shares) & mask;
        loop {
            match self.places[place] {
                FREE => break,
                number if self.shares[number as usize][..] == *shares => return number,
                _ => place = (place + 1) & mask,
            }
        }
        let number = self.shares.len() as u32;
        self.shares.push(Shares::from_slice(shares));
        self.places[place] = number;
        if 2 * self.shares.len() > self.places.len() {
            self.grow();
        }
        number
    }

    fn grow(&mut self) {
        self.places = vec![FREE; 2 * self.places.len()];
        let mask = self.places.len() - 1;
        for (number, shares) in (0..).zip(&self.shares) {
            let mut place = hash(shares) & mask;
            while self.places[place] != FREE {
                place = (place + 1) & mask;
            }
            self.places[place] = number;
        }
    }
}

/// Two keys and all weights tell nearly all patterns apart.
fn hash<K: Hash>(shares: &[(K, u32)]) -> usize {
    let mut hasher = FxHasher::default();
    shares.first().map(|(key, _)| key).hash(&mut hasher);
    shares.last().map(|(key, _)| key).hash(&mut hasher);
    shares.iter().for_each(|(_, weight)| hasher.write_u32(*weight));
    hasher.finish() as usize
}

const FREE: u32 = u32::MAX;

/// Stretches of one pattern in one state of a part: so many of one length.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    each: SimDuration,
    times: u64,
}

/// The stretches in one state of a part, by pattern.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stretches {
    counts: Vec<Count>,
    /// The shares of those that made room for stretches of another length, as a part's that does two things at once are
    /// cut short.
    mixed: Vec<Option<Box<[SimDuration]>>>,
}

impl Stretches {
    /// Notes one more.
    #[inline]
    pub(crate) fn note<K>(&mut self, time: SimDuration, pattern: Pattern, patterns: &Patterns<K>) {
        match self.counts.get_mut(pattern.number as usize) {
            Some(count) if count.each == time => count.times += 1,
            Some(_) | None => self.note_other(time, pattern, patterns),
        }
    }

    fn note_other<K>(&mut self, time: SimDuration, pattern: Pattern, patterns: &Patterns<K>) {
        let Pattern { number, is_for_one } = pattern;
        let index = number as usize;
        if index >= self.counts.len() {
            self.counts.resize(index + 1, Count::default());
        }
        let count = &mut self.counts[index];
        if is_for_one {
            // Nothing is divided: whatever came is one stretch.
            *count = Count { each: count.each * count.times + time, times: 1 };
            return;
        }
        let other = std::mem::replace(count, Count { each: time, times: 1 });
        if other.times > 0 {
            let shares = &patterns.shares[index];
            if index >= self.mixed.len() {
                self.mixed.resize(index + 1, None);
            }
            let sums = self.mixed[index].get_or_insert_with(|| vec![SimDuration::ZERO; shares.len()].into());
            split_by_place(other.each, shares, |place, share| sums[place] += share * other.times);
        }
    }

    /// Gives each share of all of them, which are forgotten.
    pub(crate) fn give<K: Copy>(&mut self, patterns: &Patterns<K>, mut give: impl FnMut(K, SimDuration)) {
        for (count, shares) in self.counts.iter_mut().zip(&patterns.shares) {
            let Count { each, times } = std::mem::take(count);
            if times > 0 {
                split(each, shares, |key, share| give(key, share * times));
            }
        }
        for (sums, shares) in std::mem::take(&mut self.mixed).iter().zip(&patterns.shares) {
            for (&time, &(key, _)) in sums.iter().flatten().zip(shares) {
                if time > SimDuration::ZERO {
                    give(key, time);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_pattern_has_one_number_however_many_there_are() {
        let mut patterns = Patterns::new();
        let shares = |kind: u32| [(kind % 100, kind), (kind % 7, 2)];
        let numbers: Vec<_> = (0..500).map(|kind| patterns.number(&shares(kind))).collect();
        assert_eq!(patterns.shares.len(), 500);
        for (kind, number) in (0..500).zip(numbers) {
            assert_eq!(patterns.number(&shares(kind)), number);
            assert_eq!(patterns.shares[number.number as usize][..], shares(kind));
        }
        assert_ne!(patterns.number(&[(1, 1)]), patterns.number(&[(1, 1), (1, 0)]));
    }

    /// What stretches so long come to, by key.
    fn given(shares: &[(char, u32)], nanos: impl IntoIterator<Item = u64>) -> BTreeMap<char, u64> {
        let (mut patterns, mut stretches, mut given) =
            (Patterns::new(), Stretches::default(), BTreeMap::new());
        patterns.number(&[('z', 1)]);
        let pattern = patterns.number(shares);
        for nanos in nanos {
            stretches.note(SimDuration::from_nanos(nanos), pattern, &patterns);
        }
        stretches.give(&patterns, |key, share| *given.entry(key).or_default() += share.as_nanos());
        stretches.give(&patterns, |key, _| panic!("{key} has been told"));
        given
    }

    #[test]
    fn what_is_for_one_adds_up_whatever_its_length() {
        assert_eq!(given(&[('a', 7)], [5, 8, 8, 0, 13]), BTreeMap::from([('a', 34)]));
    }

    #[test]
    fn what_is_repeated_is_what_each_alone_would_be() {
        // 100 ns over 1 + 1 + 1: 34 for the first and 33 for the others; three times that, and not 300 ns over three.
        let shares = [('a', 1), ('b', 1), ('c', 1)];
        assert_eq!(given(&shares, [100; 3]), BTreeMap::from([('a', 102), ('b', 99), ('c', 99)]));
    }

    #[test]
    fn stretches_of_other_lengths_are_split_one_by_one() {
        // 34, 33 and 33 of 100 ns; 2, 1 and 1 of 4 ns; 2, none and none of 2 ns.
        let shares = [('a', 1), ('b', 1), ('c', 1)];
        let expected = BTreeMap::from([('a', 34 * 3 + 2 * 2 + 2), ('b', 33 * 3 + 2), ('c', 33 * 3 + 2)]);
        assert_eq!(given(&shares, [100, 100, 4, 100, 2, 4]), expected);
        assert_eq!(given(&shares, [2]), BTreeMap::from([('a', 2)]), "nobody gets nothing");
        assert_eq!(given(&shares, [2, 1]), BTreeMap::from([('a', 3)]), "nobody gets nothing");
    }
}
