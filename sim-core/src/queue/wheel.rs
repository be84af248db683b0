//! Eight levels of 256 slots: events sorted by the highest byte in which their time differs from `cur`.

use super::pool::{Chain, Pool};
use crate::event::Event;

/// What is due after the range being drained.
///
/// An event lies at the level of the highest byte in which its time differs from `cur`, in the slot which
/// that byte names. So what lies at a lower level is due earlier, and at one level a lower slot is.
#[derive(Clone, Debug)]
pub(super) struct Wheel {
    /// No event here is due before.
    cur: u64,
    len: usize,
    /// Which levels are not empty, a bit each.
    levels: u8,
    /// Which slots of a level are not empty, a bit each.
    occupied: [[u64; WORDS]; LEVELS],
    slots: Box<[Chain; LEVELS * SLOTS]>,
    pool: Pool,
}

/// A slot that is not empty: where it is, when its range starts, how many events it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) level: u32,
    pub(super) start: u64,
    pub(super) count: u32,
    index: usize,
}

impl Slot {
    /// The last time of the slot's range.
    #[inline]
    pub(super) fn end(self) -> u64 {
        self.start | ((1 << (BYTE * self.level)) - 1)
    }
}

impl Wheel {
    pub(super) fn new() -> Self {
        Self {
            cur: 0,
            len: 0,
            levels: 0,
            occupied: [[0; WORDS]; LEVELS],
            slots: Box::new([Chain::EMPTY; LEVELS * SLOTS]),
            pool: Pool::new(),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn cur(&self) -> u64 {
        self.cur
    }

    /// Bytes allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.slots) + self.pool.heap_bytes()
    }

    /// Adds an event, which is not due before `cur`.
    #[inline]
    pub(super) fn place(&mut self, event: Event) {
        let time = event.time.as_nanos();
        // `| 1`: what is due at `cur` itself belongs to level 0.
        let level = ((time ^ self.cur) | 1).ilog2() / BYTE;
        let slot = (time >> (BYTE * level)) as usize % SLOTS;
        let level = level as usize % LEVELS;
        self.pool.push(&mut self.slots[level * SLOTS + slot], event);
        self.occupied[level][slot / 64] |= 1 << (slot % 64);
        self.levels |= 1 << level;
        self.len += 1;
    }

    /// The slot of the earliest events.
    #[inline]
    pub(super) fn first(&self) -> Option<Slot> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize % LEVELS;
        let words = &self.occupied[level];
        let word = words.iter().position(|&word| word != 0).expect("a level marked as occupied is");
        let slot = word * 64 + words[word].trailing_zeros() as usize;
        let index = (level * SLOTS + slot) % (LEVELS * SLOTS);
        let shift = BYTE * level as u32;
        // Two shifts: at level 7 there is no byte above.
        let above = self.cur & (u64::MAX << shift << BYTE);
        let start = above | (slot as u64) << shift;
        Some(Slot { level: level as u32, start, count: self.slots[index].count(), index })
    }

    /// Moves `cur` to `time`, which is due not after any event here, and shares with each of them the
    /// bytes above the level it lies at.
    #[inline]
    pub(super) fn advance(&mut self, time: u64) {
        debug_assert!(time >= self.cur, "the wheel does not turn back");
        self.cur = time;
    }

    /// Moves the events of the first slot into `run`, and `cur` to the slot's start.
    #[inline]
    pub(super) fn take(&mut self, slot: Slot, run: &mut Vec<Event>) {
        let chain = self.unlink(slot);
        self.advance(slot.start);
        self.pool.take(chain, run);
    }

    /// Moves the events of the first slot to lower levels, and `cur` to the slot's start.
    pub(super) fn spread(&mut self, slot: Slot) {
        let mut chain = self.unlink(slot);
        self.advance(slot.start);
        while let Some((events, fill)) = self.pool.pop_chunk(&mut chain) {
            for &event in &events[..fill] {
                self.place(event);
            }
        }
    }

    /// Takes the chain out of a slot.
    #[inline]
    fn unlink(&mut self, slot: Slot) -> Chain {
        let chain = std::mem::replace(&mut self.slots[slot.index], Chain::EMPTY);
        let (level, bit) = (slot.index / SLOTS, slot.index % SLOTS);
        let words = &mut self.occupied[level];
        words[bit / 64] &= !(1 << (bit % 64));
        if words.iter().all(|&word| word == 0) {
            self.levels &= !(1 << level);
        }
        self.len -= chain.count() as usize;
        chain
    }
}

const LEVELS: usize = 8;
const SLOTS: usize = 256;
const WORDS: usize = SLOTS / 64;
/// Bits of a time that one level looks at.
const BYTE: u32 = u8::BITS;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimTime;

    fn event(nanos: u64) -> Event {
        Event { time: SimTime::from_nanos(nanos), ..Event::default() }
    }

    #[test]
    fn an_event_lies_at_the_highest_byte_that_differs() {
        let mut wheel = Wheel::new();
        wheel.advance(0x0102_0304);
        for (time, level, start, end) in [
            (0x0102_0304, 0, 0x0102_0304, 0x0102_0304),
            (0x0102_03FF, 0, 0x0102_03FF, 0x0102_03FF),
            (0x0102_0504, 1, 0x0102_0500, 0x0102_05FF),
            (0xFF02_0304, 3, 0xFF00_0000, 0xFFFF_FFFF),
            (u64::MAX, 7, 0xFF << 56, u64::MAX),
        ] {
            let mut wheel = wheel.clone();
            wheel.place(event(time));
            let slot = wheel.first().unwrap();
            assert_eq!((slot.level, slot.start, slot.end(), slot.count), (level, start, end, 1), "{time:#x}");
        }
    }

    #[test]
    fn spreading_a_slot_leaves_the_rest_where_it_was() {
        let mut wheel = Wheel::new();
        for time in [0x0150, 0x0120, 0x0207, 0x03_0000] {
            wheel.place(event(time));
        }
        wheel.spread(wheel.first().unwrap());
        let mut order = Vec::new();
        while let Some(slot) = wheel.first() {
            let mut run = Vec::new();
            wheel.take(slot, &mut run);
            order.extend(run.iter().map(|event| event.time.as_nanos()));
        }
        assert_eq!(order, [0x0120, 0x0150, 0x0207, 0x03_0000]);
        assert_eq!(wheel.len(), 0);
    }
}
