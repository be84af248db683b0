//! The pending events of one run: a radix wheel in front of a small sorted bottom.
//!
//! ```text
//!  push --- time > last ---> wheel: 8 levels x 256 slots, by the highest byte in which the time
//!    |                              differs from `cur`; slots are unsorted chains of chunks
//!    |                                |  first slot of the lowest level, when the bottom is empty:
//!    |                                |    at most 32 events, or level 0: sorted into the run
//!    |                                v    more: spread over the level below, and looked at again
//!    +----- time <= last ---> bottom: a sorted run, and beside it a 4-ary heap  ---> pop: the smaller head
//! ```
//!
//! An event moves down at most seven times, each time in sequence through memory, so a pop costs little
//! more with a million pending events than with a thousand. The order is `(time, key)`, which is total: no
//! choice made here shows in what comes out.
//!
//! Nothing can be cancelled in the queue; see [`Alarm`](crate::Alarm) for how an owner does it.

mod bottom;
mod heap;
mod pool;
mod wheel;

use crate::event::Event;
use crate::time::SimTime;
use bottom::Bottom;
use wheel::Wheel;

/// The pending events, popped in the order of `(time, key)`.
#[derive(Clone, Debug)]
pub struct EventQueue {
    bottom: Bottom,
    wheel: Wheel,
    /// The end of the range being drained: what is due by then is in the bottom, all else in the wheel.
    /// Never before the wheel's `cur`.
    last: u64,
    /// The time of the event popped last.
    now: u64,
    horizon_cuts: u64,
}

impl EventQueue {
    /// An empty queue, at time zero.
    pub fn new() -> Self {
        Self { bottom: Bottom::new(), wheel: Wheel::new(), last: 0, now: 0, horizon_cuts: 0 }
    }

    /// Adds an event.
    ///
    /// # Panics
    /// When it is due before the event popped last: time does not go back.
    #[inline]
    pub fn push(&mut self, event: Event) {
        let time = event.time.as_nanos();
        assert!(time >= self.now, "an event was scheduled {} ns in the past", self.now - time);
        if time > self.last {
            self.wheel.place(event);
        } else {
            self.bottom.push(event);
            if self.bottom.heap_len() > HEAP_MAX {
                self.cut_horizon();
            }
        }
    }

    /// Takes the first event out.
    #[inline]
    pub fn pop(&mut self) -> Option<Event> {
        self.pop_until(SimTime::MAX)
    }

    /// Takes the first event out, unless it is due after `end`.
    #[inline]
    pub fn pop_until(&mut self, end: SimTime) -> Option<Event> {
        if self.bottom.is_empty() && !self.refill(end.as_nanos()) {
            return None;
        }
        let event = self.bottom.pop_until(end)?;
        self.now = event.time.as_nanos();
        Some(event)
    }

    /// When the first event is due.
    ///
    /// Takes `&mut self` because it may have to bring events down to the bottom.
    #[inline]
    pub fn peek_time(&mut self) -> Option<SimTime> {
        if self.bottom.is_empty() && !self.refill(u64::MAX) {
            return None;
        }
        self.bottom.first_time()
    }

    /// How many events are pending.
    #[inline]
    pub fn len(&self) -> usize {
        self.bottom.len() + self.wheel.len()
    }

    /// Whether nothing is pending.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory that the queue holds, in bytes, itself included. It keeps what it once needed.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.bottom.heap_bytes() + self.wheel.heap_bytes()
    }

    /// How often the range being drained was cut because too much was scheduled into it.
    pub fn horizon_cuts(&self) -> u64 {
        self.horizon_cuts
    }

    /// Fills the empty bottom with the first events of the wheel, unless all of them are due after `end`.
    fn refill(&mut self, end: u64) -> bool {
        while let Some(slot) = self.wheel.first() {
            if slot.start > end {
                return false;
            }
            if slot.level == 0 || slot.count <= RUN_MAX {
                self.wheel.take(slot, self.bottom.run_mut());
                self.bottom.sort_run(slot.level == 0);
                self.last = slot.end();
                return true;
            }
            self.wheel.spread(slot);
        }
        false
    }

    /// Ends the range being drained at the present, and puts what is due later back into the wheel.
    ///
    /// A slot of few but far events ends far ahead. Without the cut, all that is scheduled until then
    /// would go through the heap.
    #[cold]
    #[inline(never)]
    fn cut_horizon(&mut self) {
        // Not below `cur`: the wheel's events lie where they do because of it.
        let cut = self.now.max(self.wheel.cur());
        if self.last <= cut {
            return;
        }
        self.horizon_cuts += 1;
        self.last = cut;
        self.wheel.advance(cut);
        self.bottom.give_back(cut, &mut self.wheel);
    }
}

impl Default for EventQueue {
    fn default() -> Self {
        Self::new()
    }
}

/// A slot of at most so many events is sorted at once, whatever its level: worth 8 to 23 % in the hold
/// model, most with few events pending.
const RUN_MAX: u32 = 32;

/// A heap of more events than this makes the queue cut its horizon.
const HEAP_MAX: usize = 256;
