//! An ordered map that takes little memory while it holds little.

use std::collections::BTreeMap;

/// A map in order of its keys: one entry in place, a sorted list of up to eight, a tree beyond.
///
/// A tree takes room for eleven entries as soon as it holds one. Where thousands of hosts each know one or two of
/// something, and one of them knows thousands, that is most of the memory.
#[derive(Clone, Debug)]
pub struct SmallMap<K, V>(Held<K, V>);

#[derive(Clone, Debug)]
#[expect(
    clippy::box_collection,
    reason = "a list or a tree in place takes 24 bytes, and there are thousands of maps of one entry"
)]
enum Held<K, V> {
    None,
    One(K, V),
    Few(Box<Vec<(K, V)>>),
    Many(Box<BTreeMap<K, V>>),
}

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> SmallMap<K, V> {
    /// Without an entry; takes no memory.
    pub const fn new() -> Self {
        Self(Held::None)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Held::None => 0,
            Held::One(..) => 1,
            Held::Few(few) => few.len(),
            Held::Many(many) => many.len(),
        }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (one, few, many): (_, &[(K, V)], _) = match &self.0 {
            Held::None => (None, Default::default(), None),
            Held::One(key, value) => (Some((key, value)), Default::default(), None),
            Held::Few(few) => (None, &few[..], None),
            Held::Many(many) => (None, Default::default(), Some(many)),
        };
        let few = few.iter().map(|(key, value)| (key, value));
        one.into_iter().chain(few).chain(many.into_iter().flat_map(|many| many.iter()))
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// The values in order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The values in order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        let (one, few, many): (_, &mut [(K, V)], _) = match &mut self.0 {
            Held::None => (None, Default::default(), None),
            Held::One(_, value) => (Some(value), Default::default(), None),
            Held::Few(few) => (None, &mut few[..], None),
            Held::Many(many) => (None, Default::default(), Some(many)),
        };
        let few = few.iter_mut().map(|(_, value)| value);
        one.into_iter().chain(few).chain(many.into_iter().flat_map(|many| many.values_mut()))
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        *self = Self::new();
    }
}

impl<K: Ord, V> SmallMap<K, V> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        match &self.0 {
            Held::None => None,
            Held::One(own, value) => (own == key).then_some(value),
            Held::Few(few) => place(few, key).ok().map(|at| &few[at].1),
            Held::Many(many) => many.get(key),
        }
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match &mut self.0 {
            Held::None => None,
            Held::One(own, value) => (own == key).then_some(value),
            Held::Few(few) => place(few, key).ok().map(|at| &mut few[at].1),
            Held::Many(many) => many.get_mut(key),
        }
    }

    /// The value of a key, made by `make` where there is none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.make_room(&key);
        match &mut self.0 {
            held @ Held::None => {
                *held = Held::One(key, make());
                let Held::One(_, value) = held else { unreachable!("it was just put there") };
                value
            }
            Held::One(_, value) => value,
            Held::Few(few) => {
                let at = match place(few, &key) {
                    Ok(at) => at,
                    Err(at) => {
                        few.insert(at, (key, make()));
                        at
                    }
                };
                &mut few[at].1
            }
            Held::Many(many) => many.entry(key).or_insert_with(make),
        }
    }

    /// Sets the value of a key and returns the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let mut new = Some(value);
        let held = self.get_or_insert_with(key, || new.take().expect("it is made once at most"));
        new.map(|value| std::mem::replace(held, value))
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let removed = match &mut self.0 {
            Held::None => None,
            Held::One(own, _) if own == key => match std::mem::replace(&mut self.0, Held::None) {
                Held::One(_, value) => Some(value),
                Held::None | Held::Few(_) | Held::Many(_) => None,
            },
            Held::One(..) => None,
            Held::Few(few) => place(few, key).ok().map(|at| few.remove(at).1),
            Held::Many(many) => many.remove(key),
        };
        self.give_back();
        removed
    }

    /// Keeps the entries that `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        match &mut self.0 {
            Held::None => {}
            Held::One(key, value) => {
                if !keep(key, value) {
                    self.clear();
                }
            }
            Held::Few(few) => few.retain_mut(|(key, value)| keep(key, value)),
            Held::Many(many) => many.retain(keep),
        }
        self.give_back();
    }

    /// Sees to it that `key` has a place, whether it has an entry or not.
    fn make_room(&mut self, key: &K) {
        match &mut self.0 {
            Held::None | Held::Many(_) => {}
            Held::One(own, _) if own == key => {}
            Held::One(..) => {
                if let Held::One(key, value) = std::mem::replace(&mut self.0, Held::None) {
                    let mut few = Vec::with_capacity(2);
                    few.push((key, value));
                    self.0 = Held::Few(Box::new(few));
                }
            }
            Held::Few(few) if place(few, key).is_ok() => {}
            Held::Few(few) if few.len() == FEW_MAX => {
                self.0 = Held::Many(Box::new(std::mem::take(&mut **few).into_iter().collect()));
            }
            Held::Few(few) if few.len() == few.capacity() => few.reserve_exact(few.len()),
            Held::Few(_) => {}
        }
    }

    fn give_back(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }
}

fn place<K: Ord, V>(few: &[(K, V)], key: &K) -> Result<usize, usize> {
    few.binary_search_by(|(own, _)| own.cmp(key))
}

/// So many entries are looked through faster than a tree is climbed, and take less memory.
const FEW_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn it_does_what_a_tree_does_whatever_its_size() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (mut small, mut tree) = (SmallMap::new(), BTreeMap::new());
            let keys = 1 + seed % 30;
            for step in 0..300_u64 {
                let key = draw::below(&mut rng, keys);
                match draw::below(&mut rng, 5) {
                    0 | 1 => assert_eq!(small.insert(key, step), tree.insert(key, step), "seed {seed}"),
                    2 => assert_eq!(small.remove(&key), tree.remove(&key), "seed {seed}"),
                    3 => {
                        let made = *small.get_or_insert_with(key, || step);
                        assert_eq!(made, *tree.entry(key).or_insert(step), "seed {seed}");
                    }
                    _ => {
                        small.retain(|own, value| own % 7 != key % 7 && *value % 50 != 0);
                        tree.retain(|own, value| own % 7 != key % 7 && *value % 50 != 0);
                    }
                }
                small.values_mut().for_each(|value| *value += 1);
                tree.values_mut().for_each(|value| *value += 1);
                assert!(small.iter().eq(tree.iter()), "seed {seed}, step {step}");
                assert!(small.keys().eq(tree.keys()) && small.values().eq(tree.values()), "seed {seed}");
                assert_eq!(small.get(&key), tree.get(&key), "seed {seed}");
                assert_eq!(small.get_mut(&key), tree.get_mut(&key), "seed {seed}");
                assert_eq!((small.len(), small.is_empty()), (tree.len(), tree.is_empty()), "seed {seed}");
            }
        }
    }
}
