//! Streams that begin anew at the receiver (RFC 6525 §5.2), and chunks that have to wait for it.

use std::collections::BTreeMap;

use wire::account::Runs;
use wire::payload::Payload;
use wire::sctp::{DataHeader, IDataHeader};

use super::inbound::{InStream, Inbound};

/// A chunk that waits.
#[derive(Debug)]
pub(super) enum Held {
    Data(DataHeader, Payload, Runs),
    Interleaved(IDataHeader, Payload, Runs),
    /// What a FORWARD TSN or I-FORWARD-TSN has said of streams: the last message skipped of each.
    Skipped(Vec<(u16, bool, u32)>),
}

/// Which chunks wait.
#[derive(Debug)]
pub(super) struct Hold {
    /// Those behind this TSN.
    after: u64,
    /// Those of these streams; none for all.
    streams: Vec<u16>,
    /// By TSN; what was skipped up to one comes behind its chunk.
    chunks: BTreeMap<(u64, bool), Held>,
}

impl Inbound {
    /// Lets chunks of `streams` (none: all) behind the TSN `after` wait (RFC 6525 §5.2.2 rule E2).
    pub(super) fn hold(&mut self, after: u64, streams: &[u16]) {
        let hold = Hold { after, streams: streams.to_vec(), chunks: BTreeMap::new() };
        self.hold = Some(Box::new(hold));
    }

    /// Whether a chunk has to wait.
    #[inline]
    pub(super) fn holds(&self, tsn: u64, stream: u16) -> bool {
        let Some(hold) = &self.hold else { return false };
        tsn > hold.after && (hold.streams.is_empty() || hold.streams.contains(&stream))
    }

    pub(super) fn keep(&mut self, tsn: u64, held: Held) {
        if let Some(hold) = &mut self.hold {
            hold.chunks.insert((tsn, false), held);
        }
    }

    /// Whether all chunks wait, so that what is told of streams has to wait with them.
    pub(super) fn holds_all(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.after == 0)
    }

    pub(super) fn keep_skipped(&mut self, tsn: u64, skipped: Vec<(u16, bool, u32)>) {
        if let Some(hold) = &mut self.hold {
            hold.chunks.insert((tsn, true), Held::Skipped(skipped));
        }
    }

    /// Takes the chunks that waited, up to the TSN `last` (rule E4).
    pub(super) fn release(&mut self, last: u64, interleaved: bool) {
        let Some(mut hold) = self.hold.take() else { return };
        let later = hold.chunks.split_off(&(last.saturating_add(1), false));
        for ((tsn, _), held) in std::mem::replace(&mut hold.chunks, later) {
            match held {
                Held::Data(header, payload, runs) => self.take_data(tsn, &header, payload, runs),
                Held::Interleaved(header, payload, runs) => self.take_interleaved(&header, payload, runs),
                Held::Skipped(skipped) if interleaved => self.skip_interleaved(skipped.into_iter()),
                Held::Skipped(skipped) => {
                    self.skip(tsn, skipped.into_iter().map(|(stream, _, ssn)| (stream, ssn as u16)));
                }
            }
        }
        if last < u64::MAX {
            self.hold = Some(hold);
        }
    }

    /// The next messages of `streams` (none: all) have the number zero (rule E3, RFC 8260 §2.3.2). All before have come
    /// or were given up: what is left of them can never be whole.
    pub(super) fn reset(&mut self, streams: &[u16]) {
        let all = streams.is_empty();
        for index in 0..self.streams.len() as u16 {
            if !all && !streams.contains(&index) {
                continue;
            }
            let stream = std::mem::take(&mut self.streams[usize::from(index)]);
            let waiting = stream.waiting.values().map(|message| u64::from(message.payload.len()));
            self.buffered -= waiting.sum::<u64>();
            self.drop_partials((index, false, 0), (index, true, u64::MAX));
        }
    }

    /// The peer goes on with the TSN `next`, whatever it has sent before (RFC 6525 §5.2.4 rule G4): what is not whole
    /// yet will not be.
    pub(super) fn jump_to(&mut self, next: u64) {
        self.cumulative = self.cumulative.max(next - 1);
        while self.gaps.front().is_some_and(|(_, end)| *end < next) {
            self.gaps.pop_front();
        }
        self.close_gap();
        self.duplicates.clear();
        if let Some(assembly) = self.assembly.take() {
            self.buffered -= u64::from(assembly.message.payload.len());
        }
        for fragment in std::mem::take(&mut self.fragments).into_values() {
            self.buffered -= u64::from(fragment.payload.len());
        }
    }

    /// Takes `count` more streams, whose first messages have the number zero (RFC 6525 §5.2.5).
    pub(super) fn add_streams(&mut self, count: u16) {
        self.streams.resize_with(self.streams.len() + usize::from(count), InStream::default);
    }
}
