//! Values by their place in a stream, in order: what is new comes behind the others, and what is done with is in front.

use std::collections::VecDeque;

/// Values by place. Adding behind all others and taking from the front cost nothing that grows with their number.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T>(VecDeque<(u64, T)>);

impl<T> Placed<T> {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first one, and its place.
    #[inline]
    pub(crate) fn first(&self) -> Option<&(u64, T)> {
        self.0.front()
    }

    #[inline]
    pub(crate) fn pop_first(&mut self) -> Option<(u64, T)> {
        self.0.pop_front()
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(u64, T)> {
        self.0.iter()
    }

    /// The last one at `place` or before it.
    #[inline]
    pub(crate) fn at_or_before(&self, place: u64) -> Option<&(u64, T)> {
        match self.0.get(1) {
            Some((second, _)) if *second <= place => {
                let behind = self.0.partition_point(|(at, _)| *at <= place);
                self.0.get(behind.checked_sub(1)?)
            }
            _ => self.0.front().filter(|(at, _)| *at <= place),
        }
    }

    pub(crate) fn get_mut(&mut self, place: u64) -> Option<&mut T> {
        let index = self.find(place).ok()?;
        self.0.get_mut(index).map(|(_, value)| value)
    }

    pub(crate) fn get(&self, place: u64) -> Option<&T> {
        let index = self.find(place).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    /// Puts a value at `place`, whatever was there.
    #[inline]
    pub(crate) fn insert(&mut self, place: u64, value: T) {
        if self.is_behind_all(place) {
            self.0.push_back((place, value));
        } else {
            self.insert_among(place, value);
        }
    }

    fn insert_among(&mut self, place: u64, value: T) {
        match self.find(place) {
            Ok(index) => self.0[index].1 = value,
            Err(index) => self.0.insert(index, (place, value)),
        }
    }

    /// Puts a value at `place`, unless there is one.
    #[inline]
    pub(crate) fn insert_new(&mut self, place: u64, value: T) {
        if self.is_behind_all(place) {
            self.0.push_back((place, value));
        } else if let Err(index) = self.find(place) {
            self.0.insert(index, (place, value));
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, place: u64) {
        if self.0.front().is_some_and(|(first, _)| *first == place) {
            self.0.pop_front();
        } else if let Ok(index) = self.find(place) {
            self.0.remove(index);
        }
    }

    #[inline]
    fn is_behind_all(&self, place: u64) -> bool {
        self.0.back().is_none_or(|(last, _)| *last < place)
    }

    /// Where the value at `place` is, or else belongs.
    fn find(&self, place: u64) -> Result<usize, usize> {
        match self.0.front() {
            Some((first, _)) if *first == place => Ok(0),
            _ => self.0.binary_search_by_key(&place, |(at, _)| *at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use rand::Rng;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn it_holds_what_a_map_holds() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (mut placed, mut map) = (Placed::new(), BTreeMap::new());
            for step in 0..200_u32 {
                let place = u64::from(rng.next_u32() % 40);
                match rng.next_u32() % 6 {
                    0 | 1 => {
                        placed.insert(place, step);
                        map.insert(place, step);
                    }
                    2 => assert_eq!(placed.pop_first(), map.pop_first(), "seed {seed}"),
                    4 => {
                        placed.insert_new(place, step);
                        map.entry(place).or_insert(step);
                    }
                    3 => {
                        placed.remove(place);
                        map.remove(&place);
                    }
                    _ => {
                        assert_eq!(placed.get(place), map.get(&place), "seed {seed}");
                        if let Some(value) = placed.get_mut(place) {
                            *value += 1000;
                        }
                        if let Some(value) = map.get_mut(&place) {
                            *value += 1000;
                        }
                    }
                }
                let before = map.range(..=place).next_back().map(|(at, value)| (*at, *value));
                assert_eq!(placed.at_or_before(place).copied(), before, "seed {seed}");
                assert_eq!(placed.first().copied(), map.first_key_value().map(|(at, it)| (*at, *it)));
                assert_eq!((placed.len(), placed.is_empty()), (map.len(), map.is_empty()));
                assert!(placed.iter().copied().eq(map.iter().map(|(at, it)| (*at, *it))), "seed {seed}");
            }
        }
    }
}
