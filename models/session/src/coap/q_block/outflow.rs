//! The sending side of a body: sets of blocks, pauses between them, and what has to be sent again (RFC 9177 §7.2).

use std::collections::BTreeSet;

use sim_core::{SimDuration, SimTime};
use wire::coap::{Block, BlockSize};

use crate::body::Body;

/// A body on its way out.
#[derive(Debug)]
pub(super) struct Outflow {
    body: Body,
    size: BlockSize,
    /// MAX_PAYLOADS.
    set: u32,
    /// NON_TIMEOUT_RANDOM.
    pause: SimDuration,
    /// The first block that was never sent.
    next: u32,
    /// The end of the blocks that may be sent by now.
    allowed: u32,
    /// Blocks to be sent again.
    again: BTreeSet<u32>,
    /// When the next ones may be sent.
    resume: Option<SimTime>,
}

/// A block to be sent.
#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) block: Block,
    pub(super) body: Body,
    /// Whether it is sent for the first time.
    pub(super) first: bool,
}

impl Outflow {
    pub(super) fn new(body: Body, size: BlockSize, set: u32, pause: SimDuration) -> Self {
        Self { body, size, set, pause, next: 0, allowed: set, again: BTreeSet::new(), resume: None }
    }

    /// One of which nothing is sent but what is asked for.
    pub(super) fn at_rest(self) -> Self {
        let end = self.count();
        Self { next: end, allowed: end, ..self }
    }

    /// Bytes of the body.
    pub(super) fn len(&self) -> u32 {
        self.body.len()
    }

    /// Blocks of the body.
    pub(super) fn count(&self) -> u32 {
        self.body.len().div_ceil(self.size.bytes()).max(1)
    }

    /// Blocks a set.
    pub(super) fn set(&self) -> u32 {
        self.set
    }

    /// When [`Self::due`] has something to give, at the earliest.
    pub(super) fn resume(&self) -> Option<SimTime> {
        self.resume
    }

    /// The receiver has everything below block `end`: if that is what was sent so far, the next set need not wait.
    pub(super) fn on_continue(&mut self, now: SimTime, end: u32) {
        self.again = self.again.split_off(&end);
        if end >= self.allowed && self.next < self.count() && self.resume.is_some() {
            self.resume = Some(now);
        }
    }

    /// The receiver lacks these blocks; those that were never sent need no second sending.
    pub(super) fn on_missing(&mut self, now: SimTime, blocks: impl IntoIterator<Item = u32>) {
        let next = self.next;
        self.again.extend(blocks.into_iter().filter(|&block| block < next));
        if !self.again.is_empty() {
            // They go before the pause that is under way, which begins anew behind them.
            self.resume = Some(now);
        }
    }

    /// The blocks that go out now, in ascending order: at most those of one set again, then what is new.
    pub(super) fn due(&mut self, now: SimTime) -> Vec<Piece> {
        let ended = self.resume.is_some_and(|at| at <= now);
        if !ended && self.next > 0 && self.resume.is_some() {
            return Vec::new();
        }
        let mut pieces = Vec::new();
        if let Some(&lowest) = self.again.first() {
            let end = (lowest / self.set + 1).saturating_mul(self.set);
            let rest = self.again.split_off(&end);
            let missing = std::mem::replace(&mut self.again, rest);
            pieces.extend(missing.into_iter().map(|number| self.piece(number, false)));
        } else if ended {
            self.allowed = self.allowed.saturating_add(self.set);
        }
        let end = self.allowed.min(self.count());
        pieces.extend((self.next..end).map(|number| self.piece(number, true)));
        self.next = self.next.max(end);
        let more = self.next < self.count() || !self.again.is_empty();
        self.resume = more.then(|| now.saturating_add(self.pause));
        pieces
    }

    fn piece(&self, number: u32, first: bool) -> Piece {
        let more = number + 1 < self.count();
        let block = Block { number, more, size: self.size };
        Piece { block, body: self.body.part(block.offset() as u32, self.size.bytes()), first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Label;

    fn outflow(bytes: usize) -> Outflow {
        let body = Body::from_bytes(vec![7; bytes], Label::NONE);
        Outflow::new(body, BlockSize::at_most(16), 4, SimDuration::from_secs(2))
    }

    fn numbers(outflow: &mut Outflow, at: u64) -> Vec<u32> {
        outflow.due(SimTime::from_secs(at)).iter().map(|piece| piece.block.number).collect()
    }

    // Holds: RFC 9177 7.2-a, 4.3-c
    #[test]
    fn a_set_at_a_time_goes_out_with_pauses_between() {
        let mut outflow = outflow(16 * 9 + 1);
        assert_eq!(numbers(&mut outflow, 0), [0, 1, 2, 3]);
        assert_eq!(outflow.resume(), Some(SimTime::from_secs(2)));
        assert_eq!(numbers(&mut outflow, 1), [0; 0]);
        assert_eq!(numbers(&mut outflow, 2), [4, 5, 6, 7]);
        assert_eq!(numbers(&mut outflow, 4), [8, 9]);
        assert_eq!(outflow.resume(), None);
    }

    // Holds: RFC 9177 7.2-b
    #[test]
    fn a_continue_for_all_that_was_sent_ends_the_pause() {
        let mut outflow = outflow(16 * 9);
        numbers(&mut outflow, 0);
        outflow.on_continue(SimTime::from_secs(1), 3);
        assert_eq!(numbers(&mut outflow, 1), [0; 0], "one for less does not");
        outflow.on_continue(SimTime::from_secs(1), 4);
        assert_eq!(numbers(&mut outflow, 1), [4, 5, 6, 7]);
    }

    // Holds: RFC 9177 7.2-c, 7.2-d
    #[test]
    fn missing_blocks_go_first_a_set_at_a_time_and_the_pause_begins_anew() {
        let mut outflow = outflow(16 * 12);
        numbers(&mut outflow, 0);
        numbers(&mut outflow, 2);
        outflow.on_missing(SimTime::from_secs(3), [1, 3, 6, 9, 70]);
        assert_eq!(numbers(&mut outflow, 3), [1, 3], "of the first set; 9 and 70 were never sent");
        assert_eq!(numbers(&mut outflow, 4), [0; 0]);
        assert_eq!(numbers(&mut outflow, 5), [6]);
        assert_eq!(numbers(&mut outflow, 7), [8, 9, 10, 11]);
        outflow.on_missing(SimTime::from_secs(60), [11]);
        assert_eq!(numbers(&mut outflow, 60), [11], "also when all was sent");
    }

    #[test]
    fn one_at_rest_sends_what_is_asked_for_and_no_more() {
        let mut outflow = outflow(16 * 5).at_rest();
        assert_eq!(numbers(&mut outflow, 0), [0; 0]);
        outflow.on_missing(SimTime::from_secs(1), [2, 4]);
        assert_eq!(numbers(&mut outflow, 1), [2]);
        assert_eq!(numbers(&mut outflow, 3), [4]);
        assert_eq!(outflow.resume(), None);
    }
}
