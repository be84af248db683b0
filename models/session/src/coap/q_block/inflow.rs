//! The receiving side of a body: what is there, what is missing, and when to say so (RFC 9177 §7.2).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use sim_core::SimTime;
use wire::coap::{Block, BlockSize};

use super::super::config::CoapConfig;
use super::set_size;
use crate::body::Body;

/// A body on its way in.
#[derive(Debug)]
pub(super) struct Inflow {
    size: BlockSize,
    /// Bytes of the whole.
    len: u32,
    /// MAX_PAYLOADS.
    set: u32,
    parts: BTreeMap<u32, Body>,
    /// Sets that the sender was told to be complete.
    confirmed: u32,
    /// The sets below this one were looked through when a block of a later one came.
    looked_through: u32,
    /// How often the missing ones were asked for since anything came.
    asked: u32,
    /// When they are asked for, again or for the first time.
    check_at: SimTime,
}

/// What to tell the sender.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// Nothing yet.
    Nothing,
    /// All below this block is there.
    Continue(u32),
    /// These are missing.
    Missing(Vec<u32>),
    /// The body is whole.
    Whole,
}

impl Inflow {
    /// A body of `len` bytes in blocks of `size`.
    pub(super) fn new(now: SimTime, size: BlockSize, len: u32, config: &CoapConfig) -> Self {
        Self {
            size,
            len,
            set: set_size(config),
            parts: BTreeMap::new(),
            confirmed: 0,
            looked_through: 0,
            asked: 0,
            check_at: now.saturating_add(config.non_receive_timeout()),
        }
    }

    /// Whether a block is one of this body: of its size, in its place, as long as it has to be.
    pub(super) fn is_part(&self, block: Block, len: u32) -> bool {
        let last = self.count() - 1;
        let due = if block.number == last { self.len - last * self.size.bytes() } else { self.size.bytes() };
        block.size == self.size && block.number <= last && block.more == (block.number < last) && len == due
    }

    /// Bytes of the whole.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Takes a block that [`Self::is_part`]; one that is there already changes nothing.
    pub(super) fn take(&mut self, now: SimTime, block: Block, body: Body, config: &CoapConfig) -> Answer {
        if let Entry::Vacant(place) = self.parts.entry(block.number) {
            place.insert(body);
            self.asked = 0;
            self.check_at = now.saturating_add(config.non_receive_timeout());
        }
        if self.parts.len() as u32 == self.count() {
            return Answer::Whole;
        }
        let (first_missing, own_set) = (self.missing(u32::MAX).next().unwrap_or(0), block.number / self.set);
        let complete = first_missing / self.set;
        if complete > self.confirmed {
            self.confirmed = complete;
            return Answer::Continue(complete * self.set);
        }
        if own_set > self.looked_through {
            self.looked_through = own_set;
            let missing: Vec<u32> = self.missing(own_set * self.set).take(self.set as usize).collect();
            if !missing.is_empty() {
                return Answer::Missing(missing);
            }
        }
        Answer::Nothing
    }

    /// When [`Self::check`] has something to say.
    pub(super) fn check_at(&self) -> SimTime {
        self.check_at
    }

    /// Nothing came for a while: what to ask for, or nothing if that was done often enough.
    pub(super) fn check(&mut self, now: SimTime, config: &CoapConfig) -> Option<Vec<u32>> {
        if self.asked >= u32::from(config.max_retransmit) {
            return None;
        }
        self.asked += 1;
        let wait = config.non_receive_timeout().saturating_mul(1 << self.asked.min(31));
        self.check_at = now.saturating_add(wait);
        // Of the sets that were begun; if all of them are complete, of the next one.
        let highest = self.parts.last_key_value().map_or(0, |(&number, _)| number);
        let begun = (highest / self.set + 1) * self.set;
        let missing: Vec<u32> = self.missing(begun).take(self.set as usize).collect();
        if missing.is_empty() {
            return Some(self.missing(begun + self.set).take(self.set as usize).collect());
        }
        Some(missing)
    }

    /// The whole body.
    pub(super) fn into_body(self) -> Body {
        let mut body = Body::default();
        self.parts.into_values().for_each(|part| body.append(part));
        body
    }

    fn count(&self) -> u32 {
        self.len.div_ceil(self.size.bytes()).max(1)
    }

    fn missing(&self, end: u32) -> impl Iterator<Item = u32> {
        (0..self.count().min(end)).filter(|number| !self.parts.contains_key(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Label;

    fn at(secs: u64) -> SimTime {
        SimTime::from_secs(secs)
    }

    fn config() -> CoapConfig {
        CoapConfig { max_payloads: 4, ..CoapConfig::default() }
    }

    fn inflow(len: u32) -> Inflow {
        Inflow::new(at(0), BlockSize::at_most(16), len, &config())
    }

    fn take(inflow: &mut Inflow, now: u64, number: u32) -> Answer {
        let more = number + 1 < inflow.count();
        let len = if more { 16 } else { inflow.len - number * 16 };
        let block = Block { number, more, size: BlockSize::at_most(16) };
        assert!(inflow.is_part(block, len));
        inflow.take(
            at(now),
            block,
            Body::from_bytes(vec![number as u8; len as usize], Label::NONE),
            &config(),
        )
    }

    // Holds: RFC 9177 7.2-e, 4.3-d
    #[test]
    fn each_complete_set_is_confirmed_once_and_the_last_makes_the_whole() {
        let mut inflow = inflow(16 * 9 + 3);
        let answers: Vec<Answer> = (0..10).map(|number| take(&mut inflow, 0, number)).collect();
        let mut expected = vec![Answer::Nothing; 10];
        (expected[3], expected[7], expected[9]) = (Answer::Continue(4), Answer::Continue(8), Answer::Whole);
        assert_eq!(answers, expected);
        assert_eq!(inflow.into_body().len(), 16 * 9 + 3);
    }

    // Holds: RFC 9177 7.2-g
    #[test]
    fn a_block_of_the_next_set_shows_what_is_missing_of_those_before() {
        let mut inflow = inflow(16 * 9);
        for number in [0, 2, 3] {
            assert_eq!(take(&mut inflow, 0, number), Answer::Nothing);
        }
        assert_eq!(take(&mut inflow, 2, 5), Answer::Missing(vec![1]));
        assert_eq!(take(&mut inflow, 2, 6), Answer::Nothing, "it is said once");
        assert_eq!(take(&mut inflow, 2, 1), Answer::Continue(4));
    }

    // Holds: RFC 9177 7.2-f, 7.2-h
    #[test]
    fn silence_makes_the_receiver_ask_after_4_8_16_and_32_seconds_and_then_no_more() {
        let mut inflow = inflow(16 * 9);
        take(&mut inflow, 0, 0);
        let mut asked = Vec::new();
        while let Some(missing) = inflow.check(inflow.check_at(), &config()) {
            assert_eq!(missing, [1, 2, 3]);
            asked.push(inflow.check_at().as_secs());
        }
        // NON_RECEIVE_TIMEOUT is 4 s: asked at 4, then 8, 16, 32 s later, and given up 64 s after that.
        assert_eq!(asked, [4 + 8, 12 + 16, 28 + 32, 60 + 64]);
    }

    #[test]
    fn after_a_confirmed_set_the_next_one_is_asked_for() {
        let mut inflow = inflow(16 * 9);
        (0..4).for_each(|number| drop(take(&mut inflow, 0, number)));
        assert_eq!(inflow.check(at(4), &config()), Some(vec![4, 5, 6, 7]));
        take(&mut inflow, 5, 6);
        assert_eq!(inflow.check(at(9), &config()), Some(vec![4, 5, 7]));
        assert_eq!(inflow.check_at(), at(17), "what came has begun the count anew");
    }

    #[test]
    fn a_block_that_contradicts_the_body_is_no_part_of_it() {
        let inflow = inflow(40);
        let block = |number, more, bytes| Block { number, more, size: BlockSize::at_most(bytes) };
        assert!(inflow.is_part(block(2, false, 16), 8));
        for (block, len) in [
            (block(2, false, 16), 16),
            (block(2, true, 16), 16),
            (block(3, false, 16), 0),
            (block(0, true, 32), 32),
            (block(1, false, 16), 16),
            (block(1, true, 16), 15),
        ] {
            assert!(!inflow.is_part(block, len), "{block:?}, {len} bytes");
        }
    }
}
