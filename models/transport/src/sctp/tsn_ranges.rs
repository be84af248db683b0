//! Ranges of TSNs.

/// Ranges of TSNs, both ends included, in order and apart from each other.
#[derive(Debug, Default)]
pub(super) struct TsnRanges(Vec<(u64, u64)>);

impl TsnRanges {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The end of the range that holds `tsn`, if one does.
    #[inline]
    pub(super) fn end_at(&self, tsn: u64) -> Option<u64> {
        let &(_, last) = self.0.last()?;
        if tsn > last {
            return None;
        }
        let behind = self.0.partition_point(|(start, _)| *start <= tsn);
        let (_, end) = self.0[behind.checked_sub(1)?];
        (end >= tsn).then_some(end)
    }

    /// Adds the TSNs from `first` to `last`.
    #[inline]
    pub(super) fn insert(&mut self, first: u64, last: u64) {
        match self.0.last() {
            Some((_, end)) if first <= end.saturating_add(1) => self.insert_before_end(first, last),
            Some(_) | None => self.0.push((first, last)),
        }
    }

    fn insert_before_end(&mut self, first: u64, last: u64) {
        // The ranges that it meets or touches become one with it.
        let from = self.0.partition_point(|(_, end)| end.saturating_add(1) < first);
        let to = self.0.partition_point(|(start, _)| *start <= last.saturating_add(1));
        let met = &self.0[from..to];
        let first = met.first().map_or(first, |(start, _)| first.min(*start));
        let last = met.last().map_or(last, |(_, end)| last.max(*end));
        self.0.splice(from..to, [(first, last)]);
    }

    /// Whether all of `other` that is not below `base` is in these, too.
    pub(super) fn cover(&self, other: &Self, base: u64) -> bool {
        let mut above = other.0.iter().filter(|(_, end)| *end >= base);
        above.all(|&(start, end)| self.end_at(start.max(base)).is_some_and(|last| last >= end))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::Rng;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn they_hold_what_a_set_holds() {
        for seed in 0..300 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (mut ranges, mut set) = (TsnRanges::default(), BTreeSet::new());
            let (mut others, mut other_set) = (TsnRanges::default(), BTreeSet::new());
            for step in 0..12 {
                let first = u64::from(rng.next_u32() % 60);
                let last = first + u64::from(rng.next_u32() % 6);
                ranges.insert(first, last);
                set.extend(first..=last);
                if step % 3 == 0 {
                    others.insert(first, last);
                    other_set.extend(first..=last);
                }
                if step % 5 == 4 {
                    others.insert(last + 2, last + 2);
                    other_set.insert(last + 2);
                }
                for tsn in 0..70 {
                    let end = set.contains(&tsn).then(|| (tsn..).take_while(|at| set.contains(at)).last());
                    assert_eq!(ranges.end_at(tsn), end.flatten(), "seed {seed}");
                }
                let base = u64::from(rng.next_u32() % 60);
                let covered = other_set.range(base..).all(|tsn| set.contains(tsn));
                assert_eq!(ranges.cover(&others, base), covered, "seed {seed}");
                assert!(ranges.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "seed {seed}");
            }
        }
    }
}
