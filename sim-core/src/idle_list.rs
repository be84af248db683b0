//! Lists that are empty most of the time.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};

use smallvec::SmallVec;

/// A list that takes 8 bytes while it is empty, and gives its memory back when it becomes so. For what each of thousands of
/// hosts has, and uses once a minute. Its memory is one piece as long as there is one entry.
#[derive(Clone, Debug)]
pub struct IdleVec<T>(Option<Box<SmallVec<[T; 1]>>>);

impl<T> IdleVec<T> {
    /// Without an entry; takes no memory beside its own.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, value: T) {
        match &mut self.0 {
            Some(held) => held.push(value),
            None => self.0 = Some(Box::new(SmallVec::from_buf([value]))),
        }
    }

    /// Takes the entry at an index out; those behind it move up. Panics if there is none, as [`Vec::remove`] does.
    pub fn remove(&mut self, index: usize) -> T {
        self.with(|held| held.remove(index)).expect("there is such an entry")
    }

    /// Takes the entry at an index out; the last one takes its place. Panics if there is none.
    pub fn swap_remove(&mut self, index: usize) -> T {
        self.with(|held| held.swap_remove(index)).expect("there is such an entry")
    }

    /// Keeps the entries that `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.with(|held| held.retain(|value| keep(value)));
    }

    /// Takes out the entries that `wanted` says yes to.
    pub fn take_if(&mut self, mut wanted: impl FnMut(&mut T) -> bool) -> Vec<T> {
        let take = |held: &mut SmallVec<[T; 1]>| {
            // Most looks find nothing, and move nothing.
            let Some(first) = held.iter_mut().position(&mut wanted) else { return Vec::new() };
            let behind: Vec<T> = held.drain(first..).collect();
            let mut taken = Vec::new();
            for (index, mut value) in behind.into_iter().enumerate() {
                if index == 0 || wanted(&mut value) { taken.push(value) } else { held.push(value) }
            }
            taken
        };
        self.with(take).unwrap_or_default()
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut SmallVec<[T; 1]>) -> R) -> Option<R> {
        let held = self.0.as_deref_mut()?;
        let result = act(held);
        if held.is_empty() {
            self.0 = None;
        }
        Some(result)
    }
}

impl<T> Default for IdleVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for IdleVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_deref().map_or(&[], SmallVec::as_slice)
    }
}

impl<T> DerefMut for IdleVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.0.as_deref_mut().map_or(&mut [], SmallVec::as_mut_slice)
    }
}

impl<T> IntoIterator for IdleVec<T> {
    type Item = T;
    type IntoIter = smallvec::IntoIter<[T; 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map_or_else(SmallVec::new, |held| *held).into_iter()
    }
}

/// A queue that takes 8 bytes while it is empty, and gives its memory back when it becomes so. Its memory is one piece as
/// long as there is one entry.
#[derive(Clone, Debug)]
pub struct IdleQueue<T>(Option<Box<Queue<T>>>);

#[derive(Clone, Debug)]
struct Queue<T> {
    first: T,
    others: VecDeque<T>,
}

impl<T> IdleQueue<T> {
    /// Without an entry; takes no memory beside its own.
    pub const fn new() -> Self {
        Self(None)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |held| 1 + held.others.len())
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds an entry at the end.
    pub fn push_back(&mut self, value: T) {
        match &mut self.0 {
            Some(held) => held.others.push_back(value),
            None => self.0 = Some(Box::new(Queue { first: value, others: VecDeque::new() })),
        }
    }

    /// Adds an entry in front of all others.
    pub fn push_front(&mut self, value: T) {
        match &mut self.0 {
            Some(held) => held.others.push_front(std::mem::replace(&mut held.first, value)),
            None => self.push_back(value),
        }
    }

    /// Takes the first entry.
    pub fn pop_front(&mut self) -> Option<T> {
        match self.0.as_deref_mut()?.others.pop_front() {
            Some(next) => self.0.as_deref_mut().map(|held| std::mem::replace(&mut held.first, next)),
            None => self.0.take().map(|held| held.first),
        }
    }

    /// The first entry.
    pub fn front(&self) -> Option<&T> {
        self.0.as_deref().map(|held| &held.first)
    }

    /// The first entry, to be changed.
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut().map(|held| &mut held.first)
    }

    /// The entries in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(|held| std::iter::once(&held.first).chain(&held.others))
    }

    /// Keeps the entries that `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let Some(held) = self.0.as_deref_mut() else { return };
        let keeps_first = keep(&held.first);
        held.others.retain(keep);
        if !keeps_first {
            self.pop_front();
        }
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.0 = None;
    }
}

impl<T> Default for IdleQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Extend<T> for IdleQueue<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push_back(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_takes_the_room_of_a_pointer_again() {
        const { assert!(size_of::<IdleVec<[u8; 100]>>() == 8) };
        let mut list = IdleVec::new();
        [3, 1, 2].into_iter().for_each(|value| list.push(value));
        assert_eq!((list.remove(0), list.swap_remove(0), &list[..]), (3, 1, &[2][..]));
        assert!(list.0.is_some());
        list.retain(|_| false);
        assert!(list.0.is_none() && list.is_empty() && list.iter().next().is_none());
        (0..10).for_each(|value| list.push(value));
        assert_eq!(list.take_if(|value| *value % 2 == 0), [0, 2, 4, 6, 8]);
        list.iter_mut().for_each(|value| *value += 1);
        assert_eq!(list.into_iter().collect::<Vec<_>>(), [2, 4, 6, 8, 10]);
    }

    #[test]
    fn an_empty_queue_takes_the_room_of_a_pointer_again() {
        const { assert!(size_of::<IdleQueue<[u8; 100]>>() == 8) };
        let mut queue = IdleQueue::new();
        queue.extend([1, 2, 3]);
        queue.push_front(0);
        assert_eq!((queue.len(), queue.front()), (4, Some(&0)));
        queue.retain(|value| *value != 2);
        assert_eq!(queue.iter().copied().collect::<Vec<_>>(), [0, 1, 3]);
        while queue.pop_front().is_some() {}
        assert!(queue.0.is_none() && queue.is_empty() && queue.front_mut().is_none());
    }
}
