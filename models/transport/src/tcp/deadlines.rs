//! One heap of deadlines for all connections, kept lazily.
//!
//! A connection's entry stays where it is when its deadline moves later, as it does with every
//! acknowledgment; when the entry's time comes and nothing is due, it goes back in at the real deadline.
//! Only a deadline that moves earlier makes a new entry, and the old one is recognised as stale.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sim_core::SimTime;

/// The earliest entry of each connection, and stale ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines(BinaryHeap<Reverse<(SimTime, u32, u32)>>);

impl Deadlines {
    /// The earliest entry: no later than any real deadline.
    #[inline]
    pub(crate) fn next(&self) -> Option<SimTime> {
        self.0.peek().map(|Reverse((at, ..))| *at)
    }

    pub(crate) fn push(&mut self, at: SimTime, index: u32, generation: u32) {
        self.0.push(Reverse((at, index, generation)));
    }

    /// Takes an entry that is due: its time, slot and generation.
    pub(crate) fn pop_due(&mut self, now: SimTime) -> Option<(SimTime, u32, u32)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }

    /// Drops everything that is stale, when no connection is left.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
