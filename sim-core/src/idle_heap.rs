//! A heap that holds one entry most of the time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The least entry first. The first entry lies in place, so that a heap of one takes no further memory.
#[derive(Clone, Debug)]
#[expect(clippy::box_collection, reason = "a heap in place takes 24 bytes, and thousands hold one entry")]
pub struct IdleHeap<T: Ord> {
    least: Option<T>,
    others: Option<Box<BinaryHeap<Reverse<T>>>>,
}

impl<T: Ord> IdleHeap<T> {
    /// Without an entry.
    pub const fn new() -> Self {
        Self { least: None, others: None }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        usize::from(self.least.is_some()) + self.others.as_ref().map_or(0, |others| others.len())
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.least.is_none()
    }

    /// Adds an entry.
    pub fn push(&mut self, value: T) {
        let later = match &mut self.least {
            None => {
                self.least = Some(value);
                return;
            }
            Some(least) if value < *least => std::mem::replace(least, value),
            Some(_) => value,
        };
        self.others.get_or_insert_default().push(Reverse(later));
    }

    /// The least entry.
    pub fn peek(&self) -> Option<&T> {
        self.least.as_ref()
    }

    /// Takes the least entry.
    pub fn pop(&mut self) -> Option<T> {
        let next = self.others.as_mut().and_then(|others| others.pop()).map(|Reverse(next)| next);
        if next.is_none() {
            self.others = None;
        }
        std::mem::replace(&mut self.least, next)
    }

    /// The entries in any order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.least.iter().chain(self.others.iter().flat_map(|others| others.iter().map(|Reverse(it)| it)))
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        *self = Self::new();
    }
}

impl<T: Ord> Default for IdleHeap<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn it_does_what_a_heap_does() {
        for seed in 0..100 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (mut idle, mut heap) = (IdleHeap::new(), BinaryHeap::new());
            for _ in 0..200 {
                if draw::below(&mut rng, 5) < 2 + seed % 2 {
                    let value = draw::below(&mut rng, 20);
                    idle.push(value);
                    heap.push(Reverse(value));
                } else {
                    assert_eq!(idle.pop(), heap.pop().map(|Reverse(value)| value), "seed {seed}");
                }
                assert_eq!(idle.peek(), heap.peek().map(|Reverse(value)| value), "seed {seed}");
                assert_eq!((idle.len(), idle.is_empty()), (heap.len(), heap.is_empty()), "seed {seed}");
                assert_eq!(idle.iter().sum::<u64>(), heap.iter().map(|it| it.0).sum(), "seed {seed}");
            }
            idle.clear();
            assert!(idle.is_empty() && idle.others.is_none());
        }
    }
}
