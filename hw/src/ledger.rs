//! The ledger: each unit of time and energy belongs to a part, a state and a key of whoever uses the part.

use sim_core::SimDuration;
use sim_core::electric::Energy;

use crate::part::{PartId, StateId};

/// Time and energy of one (part, state, key).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry<K> {
    /// The part that drew the energy.
    pub part: PartId,
    /// The state that it was in.
    pub state: StateId,
    /// What it was in that state for.
    pub key: K,
    /// How long, in all.
    pub time: SimDuration,
    /// How much, in all.
    pub energy: Energy,
}

/// The entries of one node, in order of part, state and key.
#[derive(Clone, Debug)]
pub struct Ledger<K> {
    entries: Vec<Entry<K>>,
    /// Charges to what has no entry yet, as they came: a server's ledger may gain tens of thousands at once.
    fresh: Vec<Entry<K>>,
    /// Where the last charge went: the next one often goes to the same or the next entry.
    last: usize,
}

impl<K> Default for Ledger<K> {
    fn default() -> Self {
        Self { entries: Vec::new(), fresh: Vec::new(), last: 0 }
    }
}

impl<K: Copy + Ord> Ledger<K> {
    /// Adds `time` and `energy` to one entry. [`Self::order`] comes after the last charge and before anybody looks.
    #[inline]
    pub fn charge(&mut self, part: PartId, state: StateId, key: K, time: SimDuration, energy: Energy) {
        let wanted = (part, state, key);
        let is_wanted = |entry: &Entry<K>| (entry.part, entry.state, entry.key) == wanted;
        if !self.entries.get(self.last).is_some_and(is_wanted) {
            match self.place(part, state, key) {
                Some(place) => self.last = place,
                None => return self.fresh.push(Entry { part, state, key, time, energy }),
            }
        }
        let entry = &mut self.entries[self.last];
        entry.time += time;
        entry.energy += energy;
    }

    /// Gives what was charged to anything new its place.
    pub fn order(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let place = |entry: &Entry<K>| (entry.part, entry.state, entry.key);
        self.entries.append(&mut self.fresh);
        self.entries.sort_by_key(place);
        self.entries.dedup_by(|more, entry| {
            let is_same = place(more) == place(entry);
            if is_same {
                entry.time += more.time;
                entry.energy += more.energy;
            }
            is_same
        });
    }

    /// Time of one entry.
    pub fn time(&self, part: PartId, state: StateId, key: K) -> SimDuration {
        self.place(part, state, key).map_or(SimDuration::ZERO, |place| self.entries[place].time)
    }

    /// Moves time and energy, which are there, from one entry of a part to another.
    pub fn rename(
        &mut self,
        part: PartId,
        from: (StateId, K),
        to: (StateId, K),
        time: SimDuration,
        energy: Energy,
    ) {
        if let Some(place) = self.place(part, from.0, from.1) {
            let entry = &mut self.entries[place];
            entry.time = entry.time.saturating_sub(time);
            let left = entry.energy.as_zeptojoules().saturating_sub(energy.as_zeptojoules());
            entry.energy = Energy::from_zeptojoules(left);
            self.charge(part, to.0, to.1, time, energy);
            self.order();
        }
    }

    fn place(&self, part: PartId, state: StateId, key: K) -> Option<usize> {
        self.entries
            .binary_search_by_key(&(part, state, key), |entry| (entry.part, entry.state, entry.key))
            .ok()
    }

    /// All entries, in order of part, state and key.
    pub fn entries(&self) -> &[Entry<K>] {
        debug_assert!(self.fresh.is_empty(), "every charge has its place");
        &self.entries
    }

    /// The sum over all entries.
    pub fn total(&self) -> Energy {
        self.entries().iter().map(|entry| entry.energy).sum()
    }
}

/// Splits `time` by the weights of `shares`; what the division leaves goes to the first.
///
/// The parts add up to `time` exactly. Shares whose weights are all zero give everything to the first.
pub fn split<K: Copy>(time: SimDuration, shares: &[(K, u32)], mut give: impl FnMut(K, SimDuration)) {
    split_by_place(time, shares, |place, share| give(shares[place].0, share));
}

/// As [`split`], by the place of a share among the others.
pub(crate) fn split_by_place<K>(
    time: SimDuration,
    shares: &[(K, u32)],
    mut give: impl FnMut(usize, SimDuration),
) {
    let Some((_, others)) = shares.split_first() else { return };
    let total: u64 = shares.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let nanos = time.as_nanos();
    let mut left = nanos;
    for (place, (_, weight)) in (1..).zip(others) {
        let share = match u64::from(*weight).checked_mul(nanos) {
            Some(product) => product.checked_div(total).unwrap_or(0),
            None => (u128::from(*weight) * u128::from(nanos) / u128::from(total.max(1))) as u64,
        };
        left -= share;
        if share > 0 {
            give(place, SimDuration::from_nanos(share));
        }
    }
    if left > 0 {
        give(0, SimDuration::from_nanos(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_remainder_goes_to_the_lowest_layer() {
        // 100 ns over 1 + 1 + 1 bytes: 33 each, and 1 ns more for the first.
        let mut given = Vec::new();
        split(SimDuration::from_nanos(100), &[('l', 1), ('n', 1), ('t', 1)], |key, time| {
            given.push((key, time.as_nanos()));
        });
        assert_eq!(given, [('n', 33), ('t', 33), ('l', 34)]);
    }

    #[test]
    fn charges_to_one_key_add_up_in_one_entry() {
        let mut ledger = Ledger::default();
        for (key, nanos) in [('b', 3), ('a', 1), ('b', 4), ('c', 1), ('b', 5)] {
            let time = SimDuration::from_nanos(nanos);
            ledger.charge(PartId(0), StateId(1), key, time, Energy::from_zeptojoules(u128::from(nanos)));
            if nanos == 4 {
                ledger.order();
            }
        }
        ledger.order();
        let seen: Vec<_> = ledger.entries().iter().map(|entry| (entry.key, entry.time.as_nanos())).collect();
        assert_eq!(seen, [('a', 1), ('b', 12), ('c', 1)]);
        assert_eq!(ledger.total(), Energy::from_zeptojoules(14));
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_whole(nanos in 0_u64.., weights in prop::collection::vec(0_u32.., 1..8)) {
            let shares: Vec<(usize, u32)> = weights.into_iter().enumerate().collect();
            let mut sum = 0;
            split(SimDuration::from_nanos(nanos), &shares, |_, time| sum += time.as_nanos());
            prop_assert_eq!(sum, nanos);
        }
    }
}
