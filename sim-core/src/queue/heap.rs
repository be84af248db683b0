//! A 4-ary heap: half as deep as a binary one, and the four children lie side by side.

use crate::event::Event;

/// The smallest event is at index 0; the children of `i` are `4 i + 1` to `4 i + 4`.
#[derive(Clone, Debug)]
pub(super) struct Heap(Vec<Event>);

impl Heap {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Event>()
    }

    #[inline]
    pub(super) fn first(&self) -> Option<&Event> {
        self.0.first()
    }

    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        let mut hole = self.0.len();
        self.0.push(event);
        while hole > 0 {
            let parent = (hole - 1) / 4;
            if self.0[parent].rank() <= event.rank() {
                break;
            }
            self.0[hole] = self.0[parent];
            hole = parent;
        }
        self.0[hole] = event;
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Event> {
        let first = *self.0.first()?;
        let moved = self.0.pop().expect("the heap has a first event");
        if !self.0.is_empty() {
            self.sift_down(moved);
        }
        Some(first)
    }

    /// Puts `event` in place of the first one.
    fn sift_down(&mut self, event: Event) {
        let mut hole = 0;
        loop {
            let first_child = 4 * hole + 1;
            let children = match self.0.get(first_child..) {
                Some(rest) if !rest.is_empty() => &rest[..rest.len().min(4)],
                _ => break,
            };
            let (mut least, mut rank) = (0, children[0].rank());
            for (index, child) in children.iter().enumerate().skip(1) {
                if child.rank() < rank {
                    (least, rank) = (index, child.rank());
                }
            }
            if rank >= event.rank() {
                break;
            }
            self.0[hole] = children[least];
            hole = first_child + least;
        }
        self.0[hole] = event;
    }

    /// Takes all events out, in no order that means anything.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Event> {
        self.0.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimTime;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn events_leave_in_order(times in prop::collection::vec(0_u64..100, 0..300)) {
            let mut heap = Heap::new();
            for (what, &time) in (0..).zip(&times) {
                heap.push(Event { time: SimTime::from_nanos(time), key: Default::default(), what });
            }
            let popped: Vec<u64> = std::iter::from_fn(|| heap.pop()).map(|e| e.time.as_nanos()).collect();
            let mut sorted = times;
            sorted.sort_unstable();
            prop_assert_eq!(popped, sorted);
        }
    }
}
