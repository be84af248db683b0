//! The events due next: a sorted run, and a heap for what is scheduled into the run's range meanwhile.

use super::heap::Heap;
use super::wheel::Wheel;
use crate::event::Event;
use crate::time::SimTime;
use std::cmp::Reverse;

/// A run, latest first so that it is drained from its end, and a heap; the smaller head goes first.
#[derive(Clone, Debug)]
pub(super) struct Bottom {
    run: Vec<Event>,
    heap: Heap,
}

impl Bottom {
    pub(super) fn new() -> Self {
        Self { run: Vec::new(), heap: Heap::new() }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.run.len() + self.heap.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.run.is_empty() && self.heap.is_empty()
    }

    #[inline]
    pub(super) fn heap_len(&self) -> usize {
        self.heap.len()
    }

    /// Bytes allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        self.run.capacity() * size_of::<Event>() + self.heap.heap_bytes()
    }

    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        self.heap.push(event);
    }

    #[inline]
    pub(super) fn first_time(&self) -> Option<SimTime> {
        match (self.run.last(), self.heap.first()) {
            (Some(run), Some(heap)) => Some(run.time.min(heap.time)),
            (Some(only), None) | (None, Some(only)) => Some(only.time),
            (None, None) => None,
        }
    }

    /// Takes the first event out, unless it is due after `end`.
    #[inline]
    pub(super) fn pop_until(&mut self, end: SimTime) -> Option<Event> {
        match (self.run.last(), self.heap.first()) {
            (Some(&run), heap) if heap.is_none_or(|heap| run.rank() < heap.rank()) => {
                if run.time > end {
                    return None;
                }
                self.run.pop()
            }
            (_, Some(heap)) => {
                if heap.time > end {
                    return None;
                }
                self.heap.pop()
            }
            (_, None) => None,
        }
    }

    /// The run, to be filled while it is empty, and sorted with [`Bottom::sort_run`] afterwards.
    #[inline]
    pub(super) fn run_mut(&mut self) -> &mut Vec<Event> {
        assert!(self.run.is_empty(), "a run is drained before the next one is filled");
        &mut self.run
    }

    /// Sorts the run; `one_time` says that all its events are due together.
    #[inline]
    pub(super) fn sort_run(&mut self, one_time: bool) {
        if one_time {
            self.run.sort_unstable_by_key(|event| Reverse(event.key));
        } else {
            self.run.sort_unstable_by_key(|event| Reverse(event.rank()));
        }
    }

    /// Puts every event due after `last` into the wheel.
    pub(super) fn give_back(&mut self, last: u64, wheel: &mut Wheel) {
        // Latest first: what stays is at the end, and stays sorted.
        let stays = self.run.partition_point(|event| event.time.as_nanos() > last);
        for event in self.run.drain(..stays) {
            wheel.place(event);
        }
        for event in self.heap.drain() {
            if event.time.as_nanos() > last {
                wheel.place(event);
            } else {
                self.run.push(event);
            }
        }
        self.sort_run(false);
    }
}
