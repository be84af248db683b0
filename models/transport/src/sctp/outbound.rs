//! What is to be sent: messages in their streams, and the chunks that are not acknowledged yet.

use std::collections::VecDeque;

use sim_core::{SimDuration, SimTime};
use wire::account::{Runs, split_runs};
use wire::payload::Payload;
use wire::sctp::DataFlags;

use super::event::Reliability;
use super::scheduling::Schedule;
use super::tsn;
use super::tsn_ranges::TsnRanges;

/// A message that waits for its turn, wholly or in part.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) number: u64,
    ppid: u32,
    unordered: bool,
    immediate: bool,
    pub(super) begun: bool,
    /// Fragments cut off so far.
    fragments: u32,
    pub(super) reliability: Reliability,
    pub(super) handed_over: SimTime,
    pub(super) payload: Payload,
    runs: Runs,
}

#[derive(Debug, Default)]
pub(super) struct OutStream {
    /// Numbers of the next messages, in order and without (RFC 8260 §2.1); a DATA chunk has the lower half of the first.
    pub(super) next_ordered: u32,
    pub(super) next_unordered: u32,
    pub(super) queue: VecDeque<Queued>,
    /// When its last service ends in the scheduler's virtual time.
    pub(super) finish: u64,
    /// Whether it has a turn.
    pub(super) listed: bool,
    /// Messages from this number on wait for a reset of the stream.
    pub(super) held_from: Option<u64>,
}

/// What would be sent next for the first time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) stream: u16,
    pub(super) len: u32,
}

/// Where a chunk that was sent is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ChunkState {
    InFlight,
    /// A gap block reports it; the peer may still take that back (RFC 9260 §6.2.1).
    GapAcked,
    /// It is lost and waits to be sent again.
    Marked,
    /// Its message was given up (RFC 3758).
    Abandoned,
}

/// A chunk that was sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) flags: DataFlags,
    pub(super) stream: u16,
    /// Stream sequence number, or message identifier where messages are interleaved.
    pub(super) number: u32,
    /// Place among the fragments of its message.
    pub(super) fsn: u32,
    pub(super) ppid: u32,
    pub(super) message: u64,
    pub(super) payload: Payload,
    pub(super) runs: Runs,
    pub(super) state: ChunkState,
    pub(super) path: u8,
    /// Reports that something behind it has arrived (RFC 9260 §7.2.4).
    pub(super) missing: u8,
    pub(super) fast_retransmitted: bool,
    /// Whether it timed out: it is sent again on another path, if there is one (RFC 9260 §6.4.1).
    pub(super) timed_out: bool,
    /// Its number is of before a reset of the stream, which the peer has carried out.
    pub(super) before_reset: bool,
    pub(super) transmissions: u16,
    pub(super) reliability: Reliability,
    pub(super) handed_over: SimTime,
}

impl Sent {
    pub(super) fn len(&self) -> u32 {
        self.payload.len()
    }

    /// Whether its own policy forbids to send it once more (RFC 3758 §3.5, RFC 7496 §3).
    pub(super) fn is_given_up(&self, now: SimTime) -> bool {
        match self.reliability {
            Reliability::Full | Reliability::Priority(_) => false,
            Reliability::Lifetime(life) => now > self.handed_over.saturating_add(life),
            Reliability::Retransmissions(limit) => self.transmissions > limit,
        }
    }

    /// Whether it is so old that a copy which was sent in time would have been acknowledged, `srtt` being the round
    /// trip, so that it is of no use to wait for its timer (RFC 3758 §4.1 TR5).
    pub(super) fn is_hopeless(&self, now: SimTime, srtt: Option<SimDuration>) -> bool {
        match (self.reliability, srtt) {
            (Reliability::Lifetime(life), Some(srtt)) => {
                now > self.handed_over.saturating_add(life).saturating_add(srtt)
            }
            (Reliability::Lifetime(_), None)
            | (Reliability::Full | Reliability::Retransmissions(_) | Reliability::Priority(_), _) => false,
        }
    }
}

impl OutStream {
    /// A message was numbered, wholly sent or given up: the next one has the next number.
    fn count(&mut self, unordered: bool) -> u32 {
        let next = if unordered { &mut self.next_unordered } else { &mut self.next_ordered };
        let number = *next;
        *next = number.wrapping_add(1);
        number
    }

    /// Whether its next message has the number zero; unordered ones have numbers only where messages are interleaved.
    pub(super) fn is_fresh(&self, interleaves: bool) -> bool {
        let begun = self.queue.front().is_some_and(|front| front.begun);
        self.next_ordered == 0 && (self.next_unordered == 0 || !interleaves) && !begun
    }
}

/// The sending side of an association.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) streams: Vec<OutStream>,
    pub(super) schedule: Schedule,
    /// Messages handed over so far.
    pub(super) messages: u64,
    /// Whether a message was handed over that may be given up.
    pub(super) has_limits: bool,
    /// Bytes handed over and not yet acknowledged.
    pub(super) buffered: u64,
    pub(super) queued_messages: usize,
    /// Bytes handed over and not yet sent for the first time.
    pub(super) queued_bytes: u64,
    pub(super) outstanding: VecDeque<Sent>,
    /// TSN of the front of `outstanding`.
    pub(super) base: u64,
    pub(super) marked: usize,
    pub(super) gap_acked: usize,
    /// What the last SACK reported behind its cumulative TSN; all of it that is not given up is [`ChunkState::GapAcked`],
    /// and nothing else is.
    pub(super) reported: TsnRanges,
    /// What the SACK before that reported.
    pub(super) reported_before: TsnRanges,
    /// Whether a SACK has come since T3 expired last.
    pub(super) answered: bool,
    /// Bytes in flight on all paths.
    pub(super) in_flight: u64,
    /// Receive buffer of the peer that is left (RFC 9260 §6.2.1).
    pub(super) peer_rwnd: u64,
    /// Advanced.Peer.Ack.Point (RFC 3758 §3.5): everything up to it is acknowledged or given up.
    pub(super) advanced: u64,
}

impl Outbound {
    pub(super) fn new(initial_tsn: u32, streams: u16, peer_rwnd: u32, schedule: Schedule) -> Self {
        let base = tsn::first(initial_tsn);
        let mut all = Vec::new();
        all.resize_with(usize::from(streams), OutStream::default);
        Self {
            streams: all,
            schedule,
            messages: 0,
            has_limits: false,
            buffered: 0,
            queued_messages: 0,
            queued_bytes: 0,
            outstanding: VecDeque::new(),
            base,
            marked: 0,
            gap_acked: 0,
            reported: TsnRanges::default(),
            reported_before: TsnRanges::default(),
            answered: false,
            in_flight: 0,
            peer_rwnd: u64::from(peer_rwnd),
            advanced: base - 1,
        }
    }

    pub(super) fn stream_count(&self) -> u16 {
        self.streams.len() as u16
    }

    /// Cuts the streams down to what the peer accepts; messages on the others are lost, and counted.
    pub(super) fn limit_streams(&mut self, streams: u16) -> u64 {
        let mut lost = 0;
        for stream in self.streams.drain(usize::from(streams).min(self.streams.len())..) {
            for message in stream.queue {
                self.buffered -= u64::from(message.payload.len());
                self.queued_bytes -= u64::from(message.payload.len());
                self.queued_messages -= 1;
                lost += 1;
            }
        }
        self.schedule.limit(streams);
        lost
    }

    pub(super) fn next_tsn(&self) -> u64 {
        self.base + self.outstanding.len() as u64
    }

    /// Whether everything was sent and acknowledged.
    pub(super) fn is_done(&self) -> bool {
        self.queued_messages == 0 && self.outstanding.is_empty()
    }

    pub(super) fn push(
        &mut self,
        now: SimTime,
        options: &super::event::MessageOptions,
        payload: Payload,
        runs: Runs,
    ) {
        self.buffered += u64::from(payload.len());
        self.queued_bytes += u64::from(payload.len());
        self.queued_messages += 1;
        self.has_limits |= options.reliability != Reliability::Full;
        let queued = Queued {
            number: self.messages,
            ppid: options.ppid,
            unordered: options.unordered,
            immediate: options.immediate,
            begun: false,
            fragments: 0,
            reliability: options.reliability,
            handed_over: now,
            payload,
            runs,
        };
        self.messages += 1;
        self.streams[usize::from(options.stream)].queue.push_back(queued);
        self.list(options.stream);
    }

    /// The next chunk, of at most `fragment_max` bytes; whole messages are not cut further than a full packet demands.
    pub(super) fn next(&mut self, now: SimTime, fragment_max: u32, dropped: &mut u64) -> Option<Next> {
        let stream = self.choose(now, dropped)?;
        let front = self.streams[usize::from(stream)].queue.front()?;
        Some(Next { stream, len: front.payload.len().min(fragment_max) })
    }

    /// Cuts the next chunk off the stream that was chosen and makes it outstanding; it has the last TSN.
    pub(super) fn cut(&mut self, index: u16, fragment_max: u32, path: u8) -> Option<&mut Sent> {
        let stream = &mut self.streams[usize::from(index)];
        let front = stream.queue.front_mut()?;
        let len = front.payload.len().min(fragment_max);
        let ending = len == front.payload.len();
        let payload = front.payload.split_front(len);
        let runs = if ending { std::mem::take(&mut front.runs) } else { split_runs(&mut front.runs, len) };
        let front_is_unordered = front.unordered;
        let flags = DataFlags {
            immediate: front.immediate && ending,
            unordered: front.unordered,
            beginning: !front.begun,
            ending,
        };
        let number = match (front.unordered, self.schedule.interleaves) {
            (false, _) => stream.next_ordered,
            (true, true) => stream.next_unordered,
            (true, false) => 0,
        };
        let sent = Sent {
            flags,
            stream: index,
            number,
            fsn: front.fragments,
            ppid: front.ppid,
            message: front.number,
            payload,
            runs,
            state: ChunkState::InFlight,
            path,
            missing: 0,
            fast_retransmitted: false,
            timed_out: false,
            before_reset: false,
            transmissions: 1,
            reliability: front.reliability,
            handed_over: front.handed_over,
        };
        front.begun = true;
        front.fragments = front.fragments.wrapping_add(1);
        if ending {
            stream.count(front_is_unordered);
            stream.queue.pop_front();
            self.queued_messages -= 1;
        }
        self.serve(index, len, ending);
        self.queued_bytes -= u64::from(len);
        self.in_flight += u64::from(len);
        self.peer_rwnd = self.peer_rwnd.saturating_sub(u64::from(len));
        self.outstanding.push_back(sent);
        self.outstanding.back_mut()
    }

    /// Gives up the message of the chunk at `index`: all its chunks, sent or not (RFC 3758 §3.5 rule A3).
    pub(super) fn abandon(&mut self, index: usize, mut left_flight: impl FnMut(u8, u32)) {
        let Sent { message, stream, .. } = self.outstanding[index];
        let mixed = self.schedule.interleaves;
        let mut first = index;
        while first > 0 && (mixed || self.outstanding[first - 1].message == message) {
            first -= 1;
        }
        for sent in self.outstanding.range_mut(first..) {
            if sent.message != message {
                if mixed {
                    continue;
                }
                break;
            }
            match sent.state {
                ChunkState::InFlight => {
                    self.in_flight -= u64::from(sent.payload.len());
                    left_flight(sent.path, sent.payload.len());
                }
                ChunkState::Marked => self.marked -= 1,
                ChunkState::GapAcked => self.gap_acked -= 1,
                ChunkState::Abandoned => {}
            }
            sent.state = ChunkState::Abandoned;
        }
        self.drop_rest_of(message, stream);
    }

    /// Drops what was not sent yet of a message that is given up.
    fn drop_rest_of(&mut self, message: u64, index: u16) {
        let stream = &mut self.streams[usize::from(index)];
        let Some(front) = stream.queue.pop_front_if(|front| front.number == message) else { return };
        let len = u64::from(front.payload.len());
        let number = stream.count(front.unordered);
        self.buffered -= len;
        self.queued_bytes -= len;
        self.queued_messages -= 1;
        // The fragments that were sent may all have arrived, so that the peer's cumulative TSN is there already and
        // a FORWARD TSN up to the last of them would say nothing: one TSN more stands for what is never sent.
        let tail = Sent {
            flags: DataFlags { ending: true, unordered: front.unordered, ..DataFlags::default() },
            stream: index,
            number,
            fsn: front.fragments,
            ppid: front.ppid,
            message,
            payload: Payload::empty(),
            runs: Runs::new(),
            state: ChunkState::Abandoned,
            path: 0,
            missing: 0,
            fast_retransmitted: false,
            timed_out: false,
            before_reset: false,
            transmissions: 0,
            reliability: front.reliability,
            handed_over: front.handed_over,
        };
        self.outstanding.push_back(tail);
        self.break_off(index);
    }

    /// The next messages of `streams` (none: all) have the number zero (RFC 6525 §5.2.7 rule H4, RFC 8260 §2.3.2).
    pub(super) fn reset(&mut self, streams: &[u16]) {
        for (index, stream) in (0..).zip(&mut self.streams) {
            if streams.is_empty() || streams.contains(&index) {
                (stream.next_ordered, stream.next_unordered) = (0, 0);
            }
        }
        let meant = |stream: u16| streams.is_empty() || streams.contains(&stream);
        self.outstanding.iter_mut().for_each(|sent| sent.before_reset |= meant(sent.stream));
    }

    /// More streams to send on.
    pub(super) fn add_streams(&mut self, count: u16) {
        self.streams.resize_with(self.streams.len() + usize::from(count), OutStream::default);
    }

    /// Moves Advanced.Peer.Ack.Point over what was given up (RFC 3758 §3.5 rule C2), and says whether it is ahead.
    pub(super) fn advance(&mut self) -> bool {
        self.advanced = self.advanced.max(self.base - 1);
        while let Some(sent) = self.outstanding.get((self.advanced + 1 - self.base) as usize)
            && sent.state == ChunkState::Abandoned
        {
            self.advanced += 1;
        }
        self.advanced >= self.base
    }

    /// The last message skipped on each stream up to Advanced.Peer.Ack.Point: of those in order, and where messages are
    /// interleaved of the unordered ones too (RFC 8260 §2.3.1).
    pub(super) fn skipped(&self) -> Vec<(u16, bool, u32)> {
        let mut last: Vec<(u16, bool, u32)> = Vec::new();
        let count = (self.advanced + 1 - self.base) as usize;
        let told = |sent: &&Sent| (self.schedule.interleaves || !sent.flags.unordered) && !sent.before_reset;
        for sent in self.outstanding.range(..count).filter(told) {
            let (stream, unordered) = (sent.stream, sent.flags.unordered);
            match last.iter_mut().find(|entry| (entry.0, entry.1) == (stream, unordered)) {
                Some(entry) => entry.2 = sent.number,
                None => last.push((stream, unordered, sent.number)),
            }
        }
        last
    }
}
