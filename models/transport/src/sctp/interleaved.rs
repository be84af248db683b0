//! Interleaved messages at the receiver: fragments of I-DATA chunks, told apart by stream, order and message
//! identifier (RFC 8260 §2.2.3).

use std::collections::BTreeMap;

use wire::account::Runs;
use wire::payload::Payload;
use wire::sctp::{IDataHeader, PlaceInMessage};

use super::event::ReceivedMessage;
use super::inbound::{Arrival, Inbound};
use super::inbound_reset::Held;
use super::reassembly::append;
use super::tsn;

/// Stream, whether unordered, and place among those messages of the stream.
pub(super) type PartialKey = (u16, bool, u64);

/// A message of which fragments have come.
#[derive(Debug)]
pub(super) struct Partial {
    message: ReceivedMessage,
    /// The next fragment that goes behind what `message` has.
    next: u64,
    /// Fragments that came too early, and whether each is the last.
    kept: BTreeMap<u64, (bool, Payload, Runs)>,
}

impl Partial {
    /// Bytes that it holds.
    pub(super) fn len(&self) -> u64 {
        let kept = self.kept.values().map(|(_, payload, _)| u64::from(payload.len()));
        u64::from(self.message.payload.len()) + kept.sum::<u64>()
    }

    /// Puts fragments behind each other as far as they reach; says whether the last one is among them.
    fn join(&mut self) -> bool {
        while let Some((ending, payload, runs)) = self.kept.remove(&self.next) {
            self.next += 1;
            append(&mut self.message, payload, runs);
            if ending {
                return true;
            }
        }
        false
    }
}

impl Inbound {
    /// Takes the user data of an I-DATA chunk.
    pub(super) fn on_interleaved(&mut self, header: &IDataHeader, payload: Payload, runs: Runs) -> Arrival {
        match self.admit(header.tsn, header.stream, payload.len()) {
            Ok(tsn) if self.holds(tsn, header.stream) => {
                self.keep(tsn, Held::Interleaved(*header, payload, runs));
                Arrival::New
            }
            Ok(_) => {
                self.take_interleaved(header, payload, runs);
                Arrival::New
            }
            Err(arrival) => arrival,
        }
    }

    /// Takes an I-DATA chunk that was admitted. Its TSN says nothing about its place.
    pub(super) fn take_interleaved(&mut self, header: &IDataHeader, payload: Payload, runs: Runs) {
        let IDataHeader { flags, stream, mid, place: in_message, .. } = *header;
        let known = &self.streams[usize::from(stream)];
        let next = if flags.unordered { known.next_unordered } else { known.next };
        let place = tsn::place32(next, mid);
        let len = u64::from(payload.len());
        if place < next || place >= u64::MAX / 2 {
            self.buffered -= len; // Skipped or delivered before.
            return;
        }
        if let (PlaceInMessage::First { ppid }, true) = (in_message, flags.ending) {
            let message = ReceivedMessage { stream, unordered: flags.unordered, ppid, payload, runs };
            self.deliver_interleaved(message, place);
            return;
        }
        let key = (stream, flags.unordered, place);
        let partial = self.partials.entry(key).or_insert_with(|| Partial {
            message: ReceivedMessage {
                stream,
                unordered: flags.unordered,
                ppid: 0,
                payload: Payload::empty(),
                runs: Runs::new(),
            },
            next: 0,
            kept: BTreeMap::new(),
        });
        let at = match in_message {
            PlaceInMessage::First { ppid } => {
                partial.message.ppid = ppid;
                0
            }
            PlaceInMessage::Later { fsn } => tsn::place32(partial.next, fsn),
        };
        if at < partial.next || at >= u64::MAX / 2 || partial.kept.contains_key(&at) {
            self.buffered -= len; // A peer that repeats a fragment under a new TSN breaks the rules.
            return;
        }
        partial.kept.insert(at, (flags.ending, payload, runs));
        if partial.join()
            && let Some(partial) = self.partials.remove(&key)
        {
            // Nothing follows the last fragment but nonsense.
            self.buffered -= partial.len() - u64::from(partial.message.payload.len());
            self.deliver_interleaved(partial.message, place);
        }
    }

    fn deliver_interleaved(&mut self, message: ReceivedMessage, place: u64) {
        if message.unordered {
            self.ready.push_back(message);
        } else {
            self.deliver_at(message, place);
        }
    }

    /// The peer will not send what lies up to `cumulative` again, nor the rest of the messages it names
    /// (RFC 8260 §2.3.1).
    pub(super) fn on_interleaved_forward(
        &mut self,
        new_cumulative: u32,
        skipped: impl Iterator<Item = (u16, bool, u32)>,
    ) -> bool {
        let new = tsn::unwrap32(self.cumulative, new_cumulative);
        if !self.forward_to(new) {
            return false;
        }
        if self.holds_all() {
            self.keep_skipped(new, skipped.collect());
        } else {
            self.skip_interleaved(skipped);
        }
        true
    }

    /// Forgets the messages of streams that will not come.
    pub(super) fn skip_interleaved(&mut self, skipped: impl Iterator<Item = (u16, bool, u32)>) {
        for (index, unordered, mid) in skipped {
            let Some(stream) = self.streams.get_mut(usize::from(index)) else { continue };
            if !unordered {
                let place = tsn::place32(stream.next, mid);
                if self.skip_to(index, place, 1 << 31) {
                    self.drop_partials((index, false, 0), (index, false, place));
                }
                continue;
            }
            let place = tsn::place32(stream.next_unordered, mid);
            if place >= stream.next_unordered && place <= stream.next_unordered + (1 << 31) {
                stream.next_unordered = place + 1;
                self.drop_partials((index, true, 0), (index, true, place));
            }
        }
    }

    /// Forgets what has come of the messages between two places.
    pub(super) fn drop_partials(&mut self, from: PartialKey, to: PartialKey) {
        while let Some((&key, _)) = self.partials.range(from..=to).next()
            && let Some(partial) = self.partials.remove(&key)
        {
            self.buffered -= partial.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::sctp::DataFlags;

    use super::*;

    fn piece(tsn: u32, stream: u16, mid: u32, fsn: u32, pieces: &str) -> (IDataHeader, Payload) {
        let flags = DataFlags {
            beginning: pieces.contains('B'),
            ending: pieces.contains('E'),
            unordered: pieces.contains('U'),
            immediate: false,
        };
        let place =
            if flags.beginning { PlaceInMessage::First { ppid: 7 } } else { PlaceInMessage::Later { fsn } };
        let header = IDataHeader { flags, data_len: 4, tsn, stream, mid, place };
        (header, Payload::from_bytes(tsn.to_be_bytes().to_vec()))
    }

    fn take(inbound: &mut Inbound, tsn: u32, stream: u16, mid: u32, fsn: u32, pieces: &str) -> Arrival {
        let (header, payload) = piece(tsn, stream, mid, fsn, pieces);
        inbound.on_interleaved(&header, payload, Runs::new())
    }

    fn read_all(inbound: &mut Inbound) -> Vec<(u16, Vec<u32>)> {
        let words =
            |bytes: Vec<u8>| bytes.as_chunks::<4>().0.iter().map(|it| u32::from_be_bytes(*it)).collect();
        std::iter::from_fn(|| inbound.read())
            .map(|message| (message.stream, words(message.payload.to_vec())))
            .collect()
    }

    // Holds: RFC 8260 2.2.3-a, 2.1-g
    #[test]
    fn fragments_join_by_stream_order_and_identifier_not_by_tsn() {
        // Three messages mixed: stream 0 in order, stream 0 unordered with the same identifier, stream 1.
        let chunks = [
            (1, 0, 0, 0, "B"),
            (2, 1, 0, 0, "B"),
            (3, 0, 0, 0, "UB"),
            (4, 1, 0, 1, "E"),
            (5, 0, 0, 1, ""),
            (6, 0, 0, 1, "UE"),
            (7, 0, 0, 2, "E"),
        ];
        for turn in 0..chunks.len() {
            let mut inbound = Inbound::new(1, 2, 10_000);
            for at in 0..chunks.len() {
                let (tsn, stream, mid, fsn, pieces) = chunks[(at + turn) % chunks.len()];
                assert_eq!(take(&mut inbound, tsn, stream, mid, fsn, pieces), Arrival::New);
            }
            let mut all = read_all(&mut inbound);
            all.sort();
            assert_eq!(all, [(0, vec![1, 5, 7]), (0, vec![3, 6]), (1, vec![2, 4])], "from chunk {turn}");
            assert_eq!((inbound.buffered, inbound.partials.len()), (0, 0));
        }
    }

    // Holds: RFC 8260 2.1-c, 2.1-e
    #[test]
    fn identifiers_and_fragment_numbers_use_serial_arithmetic() {
        let mut inbound = Inbound::new(1, 1, 10_000);
        inbound.streams[0].next = (1 << 32) + u64::from(u32::MAX);
        take(&mut inbound, 2, 0, 0, 0, "BE");
        assert_eq!(read_all(&mut inbound), [], "identifier 0 follows 2^32 - 1");
        take(&mut inbound, 1, 0, u32::MAX, 0, "BE");
        assert_eq!(read_all(&mut inbound), [(0, vec![1]), (0, vec![2])]);
        take(&mut inbound, 3, 0, 1, 0, "B");
        let key = (0, false, (2 << 32) + 1);
        inbound.partials.get_mut(&key).expect("it was begun").next = 1 << 32;
        take(&mut inbound, 4, 0, 1, 0xFFFF_FFFF, "");
        assert_eq!(inbound.partials[&key].next, 1 << 32, "an old fragment is not joined twice");
        take(&mut inbound, 5, 0, 1, 0, "E");
        assert_eq!(read_all(&mut inbound), [(0, vec![3, 5])]);
        assert_eq!(inbound.buffered, 0);
    }

    // Holds: RFC 8260 2.3.1-d, 2.3.1-e
    #[test]
    fn a_skipped_message_is_dropped_with_its_fragments_whether_ordered_or_not() {
        let mut inbound = Inbound::new(1, 2, 10_000);
        take(&mut inbound, 1, 0, 0, 0, "B"); // given up
        take(&mut inbound, 2, 0, 0, 0, "UB"); // given up
        take(&mut inbound, 3, 1, 0, 0, "B"); // not given up
        take(&mut inbound, 5, 0, 1, 0, "BE");
        assert_eq!(read_all(&mut inbound), []);
        assert!(inbound.on_interleaved_forward(4, [(0, false, 0), (0, true, 0)].into_iter()));
        assert_eq!(read_all(&mut inbound), [(0, vec![5])], "the next one in order is free");
        assert_eq!((inbound.cumulative as u32, inbound.buffered), (5, 4), "stream 1's fragment is kept");
        // A fragment that was under way comes late: it belongs to nothing.
        take(&mut inbound, 6, 0, 0, 1, "U");
        take(&mut inbound, 7, 0, 0, 1, "");
        assert_eq!((inbound.buffered, inbound.partials.len()), (4, 1));
        take(&mut inbound, 8, 1, 0, 1, "E");
        assert_eq!(read_all(&mut inbound), [(1, vec![3, 8])]);
    }
}
