//! What stretches of time are for, by number: most frames of a flow are as long as the last one, and for the same.
//!
//! A stretch is counted in a row by the number of its pattern, and a ledger is told once of all that are alike: what each
//! of them alone would have come to, remainders and all.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;
use sim_core::SimDuration;
use smallvec::SmallVec;

use crate::ledger::split;

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

    /// What was numbered so.
    pub(crate) fn shares(&self, number: u32) -> &[(K, u32)] {
        &self.shares[number as usize]
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
}

impl Stretches {
    /// Notes one more; returns what has to make room for it, if that was of another length.
    #[inline]
    pub(crate) fn note(&mut self, time: SimDuration, pattern: Pattern) -> Option<Repeated> {
        match self.counts.get_mut(pattern.number as usize) {
            Some(count) if count.each == time => {
                count.times += 1;
                None
            }
            Some(_) | None => self.note_other(time, pattern),
        }
    }

    fn note_other(&mut self, time: SimDuration, Pattern { number, is_for_one }: Pattern) -> Option<Repeated> {
        let index = number as usize;
        if index >= self.counts.len() {
            self.counts.resize(index + 1, Count::default());
        }
        let count = &mut self.counts[index];
        if is_for_one {
            // Nothing is divided: whatever came is one stretch.
            *count = Count { each: count.each * count.times + time, times: 1 };
            return None;
        }
        let other = std::mem::replace(count, Count { each: time, times: 1 });
        (other.times > 0).then_some(Repeated { number, each: other.each, times: other.times })
    }

    /// All of them, which are forgotten.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Repeated> + '_ {
        (0..).zip(&mut self.counts).filter(|(_, count)| count.times > 0).map(|(number, count)| {
            let Count { each, times } = std::mem::take(count);
            Repeated { number, each, times }
        })
    }
}

/// Stretches that were alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Repeated {
    /// The number of what they were for.
    pub(crate) number: u32,
    each: SimDuration,
    times: u64,
}

impl Repeated {
    /// Gives each share of all of them; returns their time together.
    pub(crate) fn give<K: Copy>(
        self,
        shares: &[(K, u32)],
        mut give: impl FnMut(K, SimDuration),
    ) -> SimDuration {
        split(self.each, shares, |key, share| give(key, share * self.times));
        self.each * self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pattern_has_one_number_however_many_there_are() {
        let mut patterns = Patterns::new();
        let shares = |kind: u32| [(kind % 100, kind), (kind % 7, 2)];
        let numbers: Vec<_> = (0..500).map(|kind| patterns.number(&shares(kind))).collect();
        assert_eq!(patterns.shares.len(), 500);
        for (kind, number) in (0..500).zip(numbers) {
            assert_eq!(patterns.number(&shares(kind)), number);
            assert_eq!(patterns.shares(number.number), shares(kind));
        }
        assert_ne!(patterns.number(&[(1, 1)]), patterns.number(&[(1, 1), (1, 0)]));
    }

    #[test]
    fn what_is_for_one_adds_up_whatever_its_length() {
        let (mut stretches, pattern) = (Stretches::default(), Pattern { number: 3, is_for_one: true });
        for nanos in [5, 8, 8, 0, 13] {
            assert_eq!(stretches.note(SimDuration::from_nanos(nanos), pattern), None);
        }
        let told: Vec<_> = stretches.take().collect();
        assert_eq!(told.len(), 1);
        let all = told[0].give(&[('a', 7)], |key, share| assert_eq!((key, share.as_nanos()), ('a', 34)));
        assert_eq!(all.as_nanos(), 34);
        assert_eq!(stretches.take().count(), 0, "it has been told");
    }

    #[test]
    fn what_is_repeated_is_what_each_alone_would_be() {
        // 100 ns over 1 + 1 + 1: 34 for the first and 33 for the others; three times that, and not 300 ns over three.
        let shares = [('a', 1), ('b', 1), ('c', 1)];
        let time = SimDuration::from_nanos(100);
        let (mut stretches, pattern) = (Stretches::default(), Pattern { number: 0, is_for_one: false });
        assert!((0..3).all(|_| stretches.note(time, pattern).is_none()));
        let told = stretches.note(time + time, pattern).unwrap();
        let mut given = Vec::new();
        let all = told.give(&shares, |key, share| given.push((key, share.as_nanos())));
        assert_eq!((all.as_nanos(), given), (300, vec![('b', 99), ('c', 99), ('a', 102)]));
        let left: SimDuration = stretches.take().map(|told| told.give(&shares, |_, _| {})).sum();
        assert_eq!(left.as_nanos(), 200);
    }
}
