//! Chunks of events, from one pool: a wheel slot is a chain of them.

use crate::event::Event;

/// Ten events and the next chunk of the chain: 248 bytes.
#[derive(Clone, Debug)]
struct Chunk {
    events: [Event; CHUNK_EVENTS],
    next: u32,
}

/// All chunks, in use or free; the free ones are a chain too, last freed first.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    chunks: Vec<Chunk>,
    free: u32,
}

/// A chain: its first chunk, and how many events it has. Only the first chunk may be part full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    head: u32,
    count: u32,
}

impl Chain {
    pub(super) const EMPTY: Self = Self { head: NO_CHUNK, count: 0 };

    #[inline]
    pub(super) fn count(self) -> u32 {
        self.count
    }
}

impl Pool {
    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), free: NO_CHUNK }
    }

    /// Bytes allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Chunk>()
    }

    /// Adds an event to a chain.
    #[inline]
    pub(super) fn push(&mut self, chain: &mut Chain, event: Event) {
        let fill = chain.count as usize % CHUNK_EVENTS;
        if fill == 0 {
            chain.head = self.allocate(chain.head);
        }
        self.chunks[chain.head as usize].events[fill] = event;
        chain.count += 1;
    }

    /// Moves a chain's events to the end of `run`, and frees its chunks.
    #[inline]
    pub(super) fn take(&mut self, chain: Chain, run: &mut Vec<Event>) {
        let mut left = chain;
        while left.count > 0 {
            let (index, fill) = self.free_first(&mut left);
            run.extend(self.chunks[index as usize].events[..fill].iter().copied());
        }
    }

    /// Takes the first chunk off a chain that is not empty, and frees it: its events, whose number is
    /// returned too, can be read until the next chunk is allocated.
    #[inline]
    fn free_first(&mut self, chain: &mut Chain) -> (u32, usize) {
        let fill = (chain.count as usize - 1) % CHUNK_EVENTS + 1;
        let index = chain.head;
        let chunk = &mut self.chunks[index as usize];
        chain.head = chunk.next;
        chain.count -= fill as u32;
        chunk.next = self.free;
        self.free = index;
        (index, fill)
    }

    /// Takes a chunk of events off a chain and frees its place; `None` when the chain is empty.
    #[inline]
    pub(super) fn pop_chunk(&mut self, chain: &mut Chain) -> Option<([Event; CHUNK_EVENTS], usize)> {
        if chain.count == 0 {
            return None;
        }
        let (index, fill) = self.free_first(chain);
        Some((self.chunks[index as usize].events, fill))
    }

    /// A chunk whose `next` is set.
    #[inline]
    fn allocate(&mut self, next: u32) -> u32 {
        let index = self.free;
        if index == NO_CHUNK {
            return self.grow(next);
        }
        let chunk = &mut self.chunks[index as usize];
        self.free = chunk.next;
        chunk.next = next;
        index
    }

    /// A chunk that was not there before; the pool grows by a quarter, for memory's sake.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, next: u32) -> u32 {
        let len = self.chunks.len();
        if len == self.chunks.capacity() {
            self.chunks.reserve_exact((len / 4).max(CHUNKS_MIN));
        }
        self.chunks.push(Chunk { events: [Event::default(); CHUNK_EVENTS], next });
        // 2^32 chunks are a TiB: memory ends first, and the limit on memory before it.
        u32::try_from(len).expect("a pool has fewer than 2^32 chunks")
    }
}

/// Ten entries of 24 bytes: a chunk of nearly four cache lines, and little lost in a slot of few events.
pub(super) const CHUNK_EVENTS: usize = 10;
const CHUNKS_MIN: usize = 16;
const NO_CHUNK: u32 = u32::MAX;
const _: () = assert!(size_of::<Chunk>() == 248);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimTime;

    fn event(nanos: u64) -> Event {
        Event { time: SimTime::from_nanos(nanos), ..Event::default() }
    }

    #[test]
    fn a_chain_gives_back_what_it_took_and_its_chunks_are_used_again() {
        let mut pool = Pool::new();
        for round in 0..3 {
            let (mut even, mut odd) = (Chain::EMPTY, Chain::EMPTY);
            for nanos in 0..45 {
                pool.push(if nanos % 2 == 0 { &mut even } else { &mut odd }, event(nanos));
            }
            assert_eq!((even.count(), odd.count()), (23, 22));
            let mut seen = Vec::new();
            while let Some((events, fill)) = pool.pop_chunk(&mut even) {
                seen.extend(events[..fill].iter().map(|event| event.time.as_nanos()));
            }
            while pool.pop_chunk(&mut odd).is_some() {}
            seen.sort_unstable();
            assert_eq!(seen, (0..45).step_by(2).collect::<Vec<_>>(), "round {round}");
            // 23 and 22 events are 3 chunks each.
            assert_eq!(pool.chunks.len(), 6, "round {round}");
        }
    }
}
