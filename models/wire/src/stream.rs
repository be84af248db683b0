//! A byte stream's buffer: slices and the runs that describe them, found by their place in the stream.

use std::collections::VecDeque;

use crate::account::{Run, Runs, append_run};
use crate::payload::{Payload, Slice};

/// Bytes of a stream between a place that is done with and the place where more is written.
///
/// Places are absolute offsets from the stream's start. Filler of any length that one message writes
/// takes one entry.
#[derive(Clone, Debug, Default)]
pub struct StreamBuffer {
    pieces: VecDeque<Piece>,
    start: u64,
    end: u64,
}

#[derive(Clone, Debug)]
struct Piece {
    offset: u64,
    slice: Slice,
    run: Run,
}

impl Piece {
    #[inline]
    fn end(&self) -> u64 {
        self.offset + u64::from(self.slice.len())
    }
}

impl StreamBuffer {
    /// An empty buffer whose next byte has the offset `start`.
    pub fn starting_at(start: u64) -> Self {
        Self { pieces: VecDeque::new(), start, end: start }
    }

    /// Offset of the first byte held.
    #[inline]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Offset behind the last byte held.
    #[inline]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Bytes held.
    #[inline]
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Whether no byte is held.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Writes `slice` at the end; `run` says whose it is (its length is taken from the slice).
    #[inline(always)]
    pub fn push(&mut self, slice: Slice, run: Run) {
        if slice.is_empty() {
            return;
        }
        let run = Run { bytes: slice.len(), ..run };
        let len = u64::from(slice.len());
        if let Some(last) = self.pieces.back_mut()
            && last.run.continues_with(&run)
            && last.slice.try_extend(&slice)
        {
            last.run.bytes += run.bytes;
            last.run.last = run.last;
        } else {
            if self.pieces.len() == self.pieces.capacity() {
                self.make_room();
            }
            self.pieces.push_back(Piece { offset: self.end, slice, run });
        }
        self.end += len;
    }

    #[cold]
    fn make_room(&mut self) {
        // Most streams hold one piece at a time: four, the usual start, would be idle memory.
        let more = self.pieces.capacity().max(1);
        self.pieces.reserve_exact(more);
    }

    /// Writes a payload and its runs at the end.
    ///
    /// # Panics
    ///
    /// If the runs are not as long as the payload.
    #[inline]
    pub fn append(&mut self, mut payload: Payload, runs: Runs) {
        if let &[run] = runs.as_slice()
            && run.bytes == payload.len()
            && let Some(slice) = payload.take_single()
        {
            self.push(slice, run);
        } else {
            self.append_parts(payload, runs);
        }
    }

    fn append_parts(&mut self, mut payload: Payload, runs: Runs) {
        for run in runs {
            let part = payload.split_front(run.bytes);
            let count = part.slices().len();
            for (index, slice) in part.slices().iter().enumerate() {
                self.push(slice.clone(), Run { last: run.last && index + 1 == count, ..run });
            }
        }
        assert!(payload.is_empty(), "runs are as long as the payload they describe");
    }

    /// The `len` bytes from `offset` on, and their runs.
    ///
    /// # Panics
    ///
    /// If the buffer does not hold them all.
    #[inline]
    pub fn read(&self, offset: u64, len: u32) -> (Payload, Runs) {
        match self.read_single(offset, len) {
            Some((slice, run)) => (Payload::from(slice), Runs::from_buf([run])),
            None => self.read_pieces(offset, offset + u64::from(len)),
        }
    }

    /// The `len` bytes from `offset` on with their run, if they lie in one piece, as they mostly do; else
    /// [`Self::read`] has them.
    ///
    /// # Panics
    ///
    /// If the buffer does not hold them all.
    #[inline(always)]
    pub fn read_single(&self, offset: u64, len: u32) -> Option<(Slice, Run)> {
        let end = offset + u64::from(len);
        assert!(self.start <= offset && end <= self.end, "{offset}..{end} of {}..{}", self.start, self.end);
        let piece = self.pieces.get(self.index_of(offset))?;
        if end > piece.end() || len == 0 {
            return None;
        }
        let from = (offset - piece.offset) as u32;
        let slice = piece.slice.slice(from..from + len);
        Some((slice, Run { bytes: len, last: piece.run.last && end == piece.end(), ..piece.run }))
    }

    /// The piece that holds the byte at `offset`.
    #[inline]
    fn index_of(&self, offset: u64) -> usize {
        match self.pieces.front() {
            Some(front) if offset < front.end() => 0,
            _ => self.index_behind_front(offset),
        }
    }

    fn index_behind_front(&self, offset: u64) -> usize {
        // What is read for the first time was mostly among the last written.
        let len = self.pieces.len();
        let near = (len.saturating_sub(NEAR)..len).rev().find(|index| self.pieces[*index].offset <= offset);
        near.unwrap_or_else(|| self.pieces.partition_point(|piece| piece.end() <= offset))
    }

    /// The bytes `offset..end` of any number of pieces.
    fn read_pieces(&self, offset: u64, end: u64) -> (Payload, Runs) {
        let mut index = self.index_of(offset);
        let mut payload = Payload::empty();
        let mut runs = Runs::new();
        let mut at = offset;
        while at < end {
            let piece = &self.pieces[index];
            let to = end.min(piece.end());
            let range = (at - piece.offset) as u32..(to - piece.offset) as u32;
            let bytes = range.end - range.start;
            let run = Run { bytes, last: piece.run.last && to == piece.end(), ..piece.run };
            append_run(&mut runs, run);
            payload.push(piece.slice.slice(range));
            at = to;
            index += 1;
        }
        (payload, runs)
    }

    /// Moves all that is held behind what `into` holds, if it is one piece of at most `max` bytes; says whether it was.
    #[inline]
    pub fn pour_single(&mut self, max: u32, into: &mut Self) -> bool {
        if self.pieces.len() != 1 || self.len() > u64::from(max) {
            return false;
        }
        let Some(piece) = self.pieces.pop_front() else { return false };
        self.start = self.end;
        into.push(piece.slice, piece.run);
        true
    }

    /// Removes and returns up to `max` bytes from the front.
    #[inline]
    pub fn take(&mut self, max: u32) -> (Payload, Runs) {
        if self.pieces.len() == 1
            && self.len() <= u64::from(max)
            && let Some(piece) = self.pieces.pop_front()
        {
            self.start = self.end;
            return (Payload::from(piece.slice), Runs::from_buf([piece.run]));
        }
        let len = self.len().min(u64::from(max)) as u32;
        let taken = self.read(self.start, len);
        self.release(self.start + u64::from(len));
        taken
    }

    /// Forgets all bytes before `offset`.
    ///
    /// # Panics
    ///
    /// If `offset` lies behind the end.
    #[inline]
    pub fn release(&mut self, offset: u64) {
        assert!(offset <= self.end, "{offset} of {}..{}", self.start, self.end);
        if offset <= self.start {
            return;
        }
        while self.pieces.front().is_some_and(|piece| piece.end() <= offset) {
            self.pieces.pop_front();
        }
        if let Some(piece) = self.pieces.front_mut()
            && piece.offset < offset
        {
            let cut = (offset - piece.offset) as u32;
            piece.slice.drop_front(cut);
            let _front = piece.run.split_front(cut);
            piece.offset = offset;
        }
        self.start = offset;
    }
}

/// Pieces at the end that are looked at before all are searched.
const NEAR: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{FlowId, Protocol, Reason};
    use sim_core::SimTime;

    fn run(message: u32, last: bool) -> Run {
        Run {
            bytes: 0,
            flow: FlowId(0),
            message,
            generated: SimTime::ZERO,
            protocol: Protocol::Application,
            reason: Reason::Data,
            last,
        }
    }

    #[test]
    fn a_long_message_written_piecemeal_takes_one_entry() {
        let mut buffer = StreamBuffer::default();
        for index in 0..100 {
            buffer.push(Slice::filler(0, index * 1000, 1000), run(0, index == 99));
        }
        assert_eq!(buffer.pieces.len(), 1);
        let (payload, runs) = buffer.read(50_000, 1448);
        assert_eq!(payload.slices(), [Slice::filler(0, 50_000, 1448)]);
        assert_eq!(runs[0].bytes, 1448);
        assert!(!runs[0].last);
        assert!(buffer.read(99_000, 1000).1[0].last);
    }

    #[test]
    fn reads_across_messages_keep_their_ends() {
        let mut buffer = StreamBuffer::starting_at(1 << 40);
        for message in 0..5_u32 {
            buffer.push(Slice::filler(0, u64::from(message) * 10, 10), run(message, true));
        }
        buffer.release((1 << 40) + 5);
        let (payload, runs) = buffer.read((1 << 40) + 5, 18);
        assert_eq!(payload.len(), 18);
        let seen: Vec<_> = runs.iter().map(|run| (run.message, run.bytes, run.last)).collect();
        assert_eq!(seen, [(0, 5, true), (1, 10, true), (2, 3, false)]);
        let (all, _) = buffer.take(u32::MAX);
        assert_eq!(all.len(), 45);
        assert!(buffer.is_empty());
    }

    #[test]
    fn one_piece_is_poured_and_several_are_not() {
        let (mut from, mut into) = (StreamBuffer::starting_at(7), StreamBuffer::starting_at(100));
        from.push(Slice::filler(0, 0, 10), run(0, true));
        assert!(!from.pour_single(9, &mut into), "it is longer");
        assert!(from.pour_single(10, &mut into));
        assert!(!from.pour_single(10, &mut into), "nothing is left");
        assert_eq!((from.start(), from.end(), into.end()), (17, 17, 110));
        assert_eq!(into.take(u32::MAX).1[0].bytes, 10);
        from.push(Slice::filler(0, 0, 10), run(1, true));
        from.push(Slice::filler(9, 0, 10), run(2, true));
        assert!(!from.pour_single(100, &mut into));
        assert_eq!(from.len(), 20);
    }

    #[test]
    fn a_payload_goes_in_with_its_runs() {
        let mut buffer = StreamBuffer::default();
        let mut payload = Payload::from_bytes(vec![1, 2, 3]);
        payload.push(Slice::filler(0, 0, 4));
        let runs: Runs =
            [Run { bytes: 2, ..run(0, true) }, Run { bytes: 5, ..run(1, true) }].into_iter().collect();
        buffer.append(payload, runs.clone());
        let (payload, read) = buffer.read(0, 7);
        assert_eq!(payload.to_vec(), [1, 2, 3, 0, 0, 0, 0]);
        assert_eq!(read, runs);
    }
}
