//! What has arrived: the map of TSNs, fragments, streams, and messages that can be read.

use std::collections::{BTreeMap, VecDeque};

use smallvec::SmallVec;
use wire::account::Runs;
use wire::payload::Payload;
use wire::sctp::{DataHeader, GapBlock};

use super::event::ReceivedMessage;
use super::inbound_reset::{Held, Hold};
use super::interleaved::{Partial, PartialKey};
use super::reassembly::{Assembly, Fragment};
use super::tsn;

#[derive(Debug, Default)]
pub(super) struct InStream {
    /// The number of the next message to be delivered in order, counting on from zero.
    pub(super) next: u64,
    pub(super) waiting: BTreeMap<u64, ReceivedMessage>,
    /// The first unordered message that was not skipped, where messages are interleaved.
    pub(super) next_unordered: u64,
}

/// What became of a DATA chunk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arrival {
    /// It is new.
    New,
    /// It came before.
    Duplicate,
    /// There is no room for it (RFC 9260 §6.2).
    Dropped,
    /// Its stream does not exist; its TSN counts as received (RFC 9260 §6.5).
    NoStream,
}

/// The receiving side of an association.
#[derive(Debug)]
pub(super) struct Inbound {
    /// The last TSN before the first gap.
    pub(super) cumulative: u64,
    /// Received TSNs behind the first gap: ranges in order, both ends included.
    pub(super) gaps: VecDeque<(u64, u64)>,
    pub(super) duplicates: SmallVec<[u32; 4]>,
    pub(super) streams: Vec<InStream>,
    /// Fragments that came out of order, by TSN; none that `assembly` holds.
    pub(super) fragments: BTreeMap<u64, Fragment>,
    pub(super) assembly: Option<Assembly>,
    /// Messages of which fragments have come by I-DATA.
    pub(super) partials: BTreeMap<PartialKey, Partial>,
    /// Chunks that wait for a reset of their streams.
    pub(super) hold: Option<Box<Hold>>,
    pub(super) ready: VecDeque<ReceivedMessage>,
    /// Bytes of user data held.
    pub(super) buffered: u64,
    limit: u32,
}

/// The most duplicates that one SACK reports.
const DUPLICATES_MAX: usize = 16;
/// The most gap blocks of a SACK that shares its packet: both have to fit a small one.
pub(super) const SHARED_BLOCKS_MAX: usize = 100;

impl Inbound {
    pub(super) fn new(initial_tsn: u32, streams: u16, limit: u32) -> Self {
        let mut all = Vec::new();
        all.resize_with(usize::from(streams), InStream::default);
        Self {
            cumulative: tsn::first(initial_tsn) - 1,
            gaps: VecDeque::new(),
            duplicates: SmallVec::new(),
            streams: all,
            fragments: BTreeMap::new(),
            assembly: None,
            partials: BTreeMap::new(),
            hold: None,
            ready: VecDeque::new(),
            buffered: 0,
            limit,
        }
    }

    /// Bytes that may still come (RFC 9260 §6.2): below a packet's worth it is none, against silly windows.
    pub(super) fn rwnd(&self) -> u32 {
        let left = u64::from(self.limit).saturating_sub(self.buffered);
        if left < u64::from(self.limit / 8).min(1500) { 0 } else { left as u32 }
    }

    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    pub(super) fn has_message(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Gap blocks of the next SACK, the lowest TSNs first.
    pub(super) fn blocks(&self, most: usize) -> SmallVec<[GapBlock; 4]> {
        let offset = |tsn: u64| u16::try_from(tsn - self.cumulative).ok();
        self.gaps
            .iter()
            .take(most)
            .map_while(|(start, end)| Some(GapBlock { start: offset(*start)?, end: offset(*end)? }))
            .collect()
    }

    pub(super) fn read(&mut self) -> Option<ReceivedMessage> {
        let message = self.ready.pop_front()?;
        self.buffered -= u64::from(message.payload.len());
        Some(message)
    }

    /// Takes the user data of a DATA chunk.
    pub(super) fn on_data(&mut self, header: &DataHeader, payload: Payload, runs: Runs) -> Arrival {
        match self.admit(header.tsn, header.stream, payload.len()) {
            Ok(tsn) if self.holds(tsn, header.stream) => {
                self.keep(tsn, Held::Data(*header, payload, runs));
                Arrival::New
            }
            Ok(tsn) => {
                self.take_data(tsn, header, payload, runs);
                Arrival::New
            }
            Err(arrival) => arrival,
        }
    }

    /// Records a chunk's TSN, if it is new and there is room for its user data.
    pub(super) fn admit(&mut self, tsn: u32, stream: u16, len: u32) -> Result<u64, Arrival> {
        let tsn = tsn::unwrap32(self.cumulative, tsn);
        if self.has(tsn) {
            if self.duplicates.len() < DUPLICATES_MAX {
                self.duplicates.push(tsn as u32);
            }
            return Err(Arrival::Duplicate);
        }
        // A chunk that fills the first gap is always taken, lest the two sides wait for each other; others only
        // while there is room, and as far as a gap block can reach.
        let is_next = tsn == self.cumulative + 1;
        let full = self.buffered >= u64::from(self.limit) || self.gaps.len() >= GAPS_MAX;
        if !is_next && (full || tsn - self.cumulative > u64::from(u16::MAX)) {
            return Err(Arrival::Dropped);
        }
        // RFC 9260 §6.2: nothing behind the last TSN is taken while no window is advertised, but the rest of a message that
        // could not be read otherwise.
        let is_last = self.gaps.back().is_none_or(|(_, end)| tsn > *end);
        if is_last && self.rwnd() == 0 && !self.has_parts()
            || is_next && self.buffered >= 2 * u64::from(self.limit)
        {
            return Err(Arrival::Dropped);
        }
        self.record(tsn);
        if usize::from(stream) >= self.streams.len() {
            return Err(Arrival::NoStream);
        }
        self.buffered += u64::from(len);
        Ok(tsn)
    }

    /// Whether something is held that cannot be read before more comes.
    fn has_parts(&self) -> bool {
        let whole = self.assembly.is_none() && self.fragments.is_empty() && self.partials.is_empty();
        !whole || self.hold.is_some()
    }

    /// Takes a DATA chunk that was admitted.
    pub(super) fn take_data(&mut self, tsn: u64, header: &DataHeader, payload: Payload, runs: Runs) {
        let DataHeader { flags, stream, ssn, ppid, .. } = *header;
        if flags.beginning && flags.ending {
            let message = ReceivedMessage { stream, unordered: flags.unordered, ppid, payload, runs };
            self.deliver(message, ssn);
        } else {
            self.on_fragment(tsn, Fragment { flags, stream, ssn, ppid, payload, runs });
        }
    }

    fn has(&self, tsn: u64) -> bool {
        tsn <= self.cumulative || self.gaps.iter().any(|(start, end)| (*start..=*end).contains(&tsn))
    }

    /// Marks a new TSN as received.
    fn record(&mut self, tsn: u64) {
        if tsn == self.cumulative + 1 {
            self.cumulative = tsn;
            self.close_gap();
            return;
        }
        let place = self.gaps.partition_point(|(start, _)| *start < tsn);
        let joins_before = place > 0 && self.gaps[place - 1].1 + 1 == tsn;
        let joins_behind = self.gaps.get(place).is_some_and(|(start, _)| *start == tsn + 1);
        match (joins_before, joins_behind) {
            (true, true) => {
                self.gaps[place - 1].1 = self.gaps[place].1;
                self.gaps.remove(place);
            }
            (true, false) => self.gaps[place - 1].1 = tsn,
            (false, true) => self.gaps[place].0 = tsn,
            (false, false) => self.gaps.insert(place, (tsn, tsn)),
        }
    }

    /// Lets the cumulative TSN go over ranges that it has reached.
    pub(super) fn close_gap(&mut self) {
        while let Some(&(start, end)) = self.gaps.front()
            && start <= self.cumulative + 1
        {
            self.cumulative = self.cumulative.max(end);
            self.gaps.pop_front();
        }
    }

    /// Delivers a whole message, or keeps it until its turn (RFC 9260 §6.6).
    pub(super) fn deliver(&mut self, message: ReceivedMessage, ssn: u16) {
        if message.unordered {
            self.ready.push_back(message);
            return;
        }
        let next = self.streams[usize::from(message.stream)].next;
        self.deliver_at(message, tsn::place16(next, ssn));
    }

    /// Delivers a message of a stream's order, whose place was unwrapped.
    pub(super) fn deliver_at(&mut self, message: ReceivedMessage, place: u64) {
        let stream = &mut self.streams[usize::from(message.stream)];
        if place == stream.next {
            stream.next += 1;
            self.ready.push_back(message);
            self.deliver_waiting(ssn_stream(&self.ready));
        } else if place > stream.next && place < u64::MAX / 2 {
            if let Some(old) = stream.waiting.insert(place, message) {
                self.buffered -= u64::from(old.payload.len());
            }
        } else {
            // The number was delivered or skipped before: a peer that repeats it under a new TSN breaks the rules.
            self.buffered -= u64::from(message.payload.len());
        }
    }

    fn deliver_waiting(&mut self, stream: u16) {
        let stream = &mut self.streams[usize::from(stream)];
        while let Some(message) = stream.waiting.remove(&stream.next) {
            stream.next += 1;
            self.ready.push_back(message);
        }
    }

    /// The peer will not send what lies up to `cumulative` again (RFC 3758 §3.6).
    pub(super) fn on_forward(
        &mut self,
        new_cumulative: u32,
        skipped: impl Iterator<Item = (u16, u16)>,
    ) -> bool {
        let new = tsn::unwrap32(self.cumulative, new_cumulative);
        if !self.forward_to(new) {
            return false;
        }
        if self.holds_all() {
            self.keep_skipped(new, skipped.map(|(stream, ssn)| (stream, false, u32::from(ssn))).collect());
        } else {
            self.skip(new, skipped);
        }
        true
    }

    /// Forgets what lies up to the TSN `new` and is not whole, and the messages of streams that will not come.
    pub(super) fn skip(&mut self, new: u64, skipped: impl Iterator<Item = (u16, u16)>) {
        if let Some(assembly) = self.assembly.take_if(|assembly| assembly.next <= new) {
            self.buffered -= u64::from(assembly.message.payload.len());
        }
        let kept = self.fragments.split_off(&(new + 1));
        for fragment in std::mem::replace(&mut self.fragments, kept).into_values() {
            self.buffered -= u64::from(fragment.payload.len());
        }
        for (stream, ssn) in skipped {
            if let Some(next) = self.streams.get(usize::from(stream)).map(|stream| stream.next) {
                self.skip_to(stream, tsn::place16(next, ssn), 1 << 15);
            }
        }
    }

    /// Moves the cumulative TSN to what the peer says, if that is ahead and no nonsense.
    pub(super) fn forward_to(&mut self, new: u64) -> bool {
        if new <= self.cumulative || new - self.cumulative > 1 << 20 {
            return false;
        }
        self.cumulative = new;
        while let Some(&(_, end)) = self.gaps.front()
            && end <= new
        {
            self.gaps.pop_front();
        }
        self.close_gap();
        true
    }

    /// The messages of a stream up to `place` will not come any more; says whether that is news.
    pub(super) fn skip_to(&mut self, index: u16, place: u64, reach: u64) -> bool {
        let stream = &mut self.streams[usize::from(index)];
        if place < stream.next || place > stream.next + reach {
            return false;
        }
        // What waited before the skipped numbers is whole, and comes first.
        let later = stream.waiting.split_off(&(place + 1));
        self.ready.extend(std::mem::replace(&mut stream.waiting, later).into_values());
        stream.next = place + 1;
        self.deliver_waiting(index);
        true
    }
}

/// The stream of the message delivered last.
fn ssn_stream(ready: &VecDeque<ReceivedMessage>) -> u16 {
    ready.back().map_or(0, |message| message.stream)
}

/// The most ranges of TSNs behind the first gap: an attacker cannot make more.
const GAPS_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use wire::sctp::DataFlags;

    use super::*;

    fn data(tsn: u32, stream: u16, ssn: u16, pieces: &str) -> (DataHeader, Payload) {
        let flags = DataFlags {
            beginning: pieces.contains('B'),
            ending: pieces.contains('E'),
            unordered: pieces.contains('U'),
            immediate: false,
        };
        let header = DataHeader { flags, data_len: 4, tsn, stream, ssn, ppid: 0 };
        (header, Payload::from_bytes(tsn.to_be_bytes().to_vec()))
    }

    fn take(inbound: &mut Inbound, tsn: u32, stream: u16, ssn: u16, pieces: &str) -> Arrival {
        let (header, payload) = data(tsn, stream, ssn, pieces);
        inbound.on_data(&header, payload, Runs::new())
    }

    fn read_all(inbound: &mut Inbound) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| inbound.read()).map(|message| message.payload.to_vec()).collect()
    }

    // Holds: RFC 9260 3.3.4-a, 6.7-a
    #[test]
    fn gaps_are_reported_as_offsets() {
        // RFC 9260 §3.3.4: 10, 11, 12, 14, 15 and 17 give cumulative 12, blocks 2-3 and 5-5.
        let mut inbound = Inbound::new(10, 1, 10_000);
        for (ssn, tsn) in [10, 12, 17, 14, 15, 11].into_iter().enumerate() {
            assert_eq!(take(&mut inbound, tsn, 0, ssn as u16, "UBE"), Arrival::New);
        }
        assert_eq!(inbound.cumulative as u32, 12);
        let blocks = [GapBlock { start: 2, end: 3 }, GapBlock { start: 5, end: 5 }];
        assert_eq!(inbound.blocks(SHARED_BLOCKS_MAX).as_slice(), blocks);
        assert_eq!(take(&mut inbound, 14, 0, 9, "UBE"), Arrival::Duplicate);
        assert_eq!(inbound.duplicates.as_slice(), [14]);
        take(&mut inbound, 13, 0, 0, "UBE");
        assert_eq!((inbound.cumulative as u32, inbound.blocks(SHARED_BLOCKS_MAX).len()), (15, 1));
    }

    // Holds: RFC 9260 6.6-a
    #[test]
    fn one_stream_waits_and_another_does_not() {
        let mut inbound = Inbound::new(1, 2, 10_000);
        take(&mut inbound, 2, 0, 1, "BE");
        take(&mut inbound, 3, 1, 0, "BE");
        assert_eq!(read_all(&mut inbound), [3_u32.to_be_bytes()]);
        take(&mut inbound, 1, 0, 0, "BE");
        assert_eq!(read_all(&mut inbound), [1_u32, 2].map(u32::to_be_bytes));
        assert_eq!(take(&mut inbound, 4, 9, 0, "BE"), Arrival::NoStream);
        assert_eq!(inbound.rwnd(), 10_000, "nothing is held");
    }

    // Holds: RFC 9260 3.3.1-a
    #[test]
    fn fragments_join_in_any_order_and_never_across_messages() {
        for order in [[1, 2, 3], [3, 2, 1], [2, 1, 3], [2, 3, 1], [3, 1, 2], [1, 3, 2]] {
            let mut inbound = Inbound::new(1, 1, 10_000);
            take(&mut inbound, 4, 0, 1, "B");
            for tsn in order {
                take(&mut inbound, tsn, 0, 0, ["B", "", "E"][tsn as usize - 1]);
            }
            let whole = [1_u32, 2, 3].map(u32::to_be_bytes).concat();
            assert_eq!(read_all(&mut inbound), [whole], "{order:?}");
            take(&mut inbound, 5, 0, 1, "E");
            assert_eq!(read_all(&mut inbound), [[4_u32, 5].map(u32::to_be_bytes).concat()]);
        }
    }

    #[test]
    fn a_stream_goes_on_behind_what_was_given_up() {
        // RFC 3758 §3.6: message 0 (TSN 1) is skipped, so that message 1 may be delivered.
        let mut inbound = Inbound::new(1, 1, 10_000);
        take(&mut inbound, 2, 0, 1, "BE");
        assert!(inbound.on_forward(1, [(0, 0)].into_iter()));
        assert_eq!(read_all(&mut inbound), [2_u32.to_be_bytes()]);
        assert_eq!(inbound.cumulative as u32, 2);
        assert!(!inbound.on_forward(1, std::iter::empty()), "an old one changes nothing");
        assert_eq!(take(&mut inbound, 1, 0, 0, "BE"), Arrival::Duplicate);
    }

    // Holds: RFC 9260 1.6-a
    #[test]
    fn stream_sequence_numbers_wrap() {
        let mut inbound = Inbound::new(1, 1, 10_000);
        for number in 0..140_000_u32 {
            take(&mut inbound, number + 1, 0, number as u16, "BE");
            assert!(inbound.read().is_some(), "message {number}");
        }
    }

    // Holds: RFC 9260 6.2-g
    #[test]
    fn a_full_buffer_takes_only_what_closes_the_first_gap() {
        let mut inbound = Inbound::new(1, 1, 8);
        take(&mut inbound, 2, 0, 1, "BE");
        take(&mut inbound, 3, 0, 2, "BE");
        assert_eq!(inbound.rwnd(), 0);
        assert_eq!(take(&mut inbound, 5, 0, 3, "BE"), Arrival::Dropped);
        assert_eq!(take(&mut inbound, 1, 0, 0, "BE"), Arrival::New);
        assert_eq!(read_all(&mut inbound).len(), 3);
        assert_eq!(inbound.rwnd(), 8);
    }

    // Holds: RFC 9260 6.2-h
    #[test]
    fn while_no_window_is_told_nothing_new_is_taken_but_the_rest_of_a_message() {
        let mut inbound = Inbound::new(1, 1, 8);
        take(&mut inbound, 1, 0, 0, "BE");
        take(&mut inbound, 2, 0, 1, "BE");
        assert_eq!(take(&mut inbound, 3, 0, 2, "BE"), Arrival::Dropped);
        assert_eq!(read_all(&mut inbound).len(), 2);
        assert_eq!(take(&mut inbound, 3, 0, 2, "B"), Arrival::New);
        for tsn in 4..7 {
            assert_eq!(take(&mut inbound, tsn, 0, 2, ""), Arrival::New, "up to twice the buffer");
        }
        assert_eq!(take(&mut inbound, 7, 0, 2, "E"), Arrival::Dropped);
    }
}
