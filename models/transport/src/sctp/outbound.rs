//! What is to be sent: messages in their streams, and the chunks that are not acknowledged yet.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use sim_core::{SimDuration, SimTime};
use wire::account::{Runs, split_runs};
use wire::payload::Payload;
use wire::sctp::{DataFlags, DataHeader};

use super::config::Scheduler;
use super::event::Reliability;
use super::tsn;

/// A message that waits for its turn, wholly or in part.
#[derive(Debug)]
struct Queued {
    number: u64,
    ppid: u32,
    unordered: bool,
    immediate: bool,
    begun: bool,
    reliability: Reliability,
    handed_over: SimTime,
    payload: Payload,
    runs: Runs,
}

#[derive(Debug, Default)]
struct OutStream {
    next_ssn: u16,
    queue: VecDeque<Queued>,
    /// Bytes served so far, for the fair scheduler.
    served: u64,
    /// Whether the heap of turns holds it.
    listed: bool,
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
    pub(super) ssn: u16,
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
    /// Number of the SACK that reported it last.
    pub(super) reported: u64,
    pub(super) transmissions: u16,
    pub(super) reliability: Reliability,
    pub(super) handed_over: SimTime,
}

impl Sent {
    pub(super) fn len(&self) -> u32 {
        self.payload.len()
    }

    pub(super) fn header(&self, tsn: u64) -> DataHeader {
        DataHeader {
            flags: self.flags,
            data_len: self.payload.len() as u16, // Fragments are no longer than a packet.
            tsn: tsn as u32,
            stream: self.stream,
            ssn: self.ssn,
            ppid: self.ppid,
        }
    }

    /// Whether its own policy forbids to send it once more (RFC 3758 §3.5, RFC 7496 §3).
    pub(super) fn is_given_up(&self, now: SimTime) -> bool {
        match self.reliability {
            Reliability::Full => false,
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
            (Reliability::Lifetime(_), None) | (Reliability::Full | Reliability::Retransmissions(_), _) => {
                false
            }
        }
    }
}

/// The sending side of an association.
#[derive(Debug)]
pub(super) struct Outbound {
    streams: Vec<OutStream>,
    scheduler: Scheduler,
    turns: BinaryHeap<Reverse<(u64, u64, u16)>>,
    turn: u64,
    /// The stream whose message is being cut: its fragments need TSNs in a row (RFC 9260 §6.9).
    current: Option<u16>,
    messages: u64,
    /// Whether a message was handed over that may be given up.
    pub(super) has_limits: bool,
    /// Bytes handed over and not yet acknowledged.
    pub(super) buffered: u64,
    queued_messages: usize,
    /// Bytes handed over and not yet sent for the first time.
    pub(super) queued_bytes: u64,
    pub(super) outstanding: VecDeque<Sent>,
    /// TSN of the front of `outstanding`.
    pub(super) base: u64,
    pub(super) marked: usize,
    pub(super) gap_acked: usize,
    /// SACKs processed.
    pub(super) sacks: u64,
    /// Bytes in flight on all paths.
    pub(super) in_flight: u64,
    /// Receive buffer of the peer that is left (RFC 9260 §6.2.1).
    pub(super) peer_rwnd: u64,
    /// Advanced.Peer.Ack.Point (RFC 3758 §3.5): everything up to it is acknowledged or given up.
    pub(super) advanced: u64,
}

impl Outbound {
    pub(super) fn new(initial_tsn: u32, streams: u16, peer_rwnd: u32, scheduler: Scheduler) -> Self {
        let base = tsn::first(initial_tsn);
        let mut all = Vec::new();
        all.resize_with(usize::from(streams), OutStream::default);
        Self {
            streams: all,
            scheduler,
            turns: BinaryHeap::new(),
            turn: 0,
            current: None,
            messages: 0,
            has_limits: false,
            buffered: 0,
            queued_messages: 0,
            queued_bytes: 0,
            outstanding: VecDeque::new(),
            base,
            marked: 0,
            gap_acked: 0,
            sacks: 0,
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
        self.turns.retain(|Reverse((_, _, stream))| *stream < streams);
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
            reliability: options.reliability,
            handed_over: now,
            payload,
            runs,
        };
        self.messages += 1;
        self.streams[usize::from(options.stream)].queue.push_back(queued);
        self.list(options.stream);
    }

    /// Gives a stream that has something to send its turn.
    fn list(&mut self, index: u16) {
        let stream = &mut self.streams[usize::from(index)];
        let Some(front) = stream.queue.front().filter(|_| !stream.listed) else { return };
        stream.listed = true;
        self.turn += 1;
        let key = match self.scheduler {
            Scheduler::FirstComeFirstServed => front.number,
            Scheduler::RoundRobin => self.turn,
            Scheduler::FairBandwidth => stream.served,
            Scheduler::Priority => u64::from(index),
        };
        self.turns.push(Reverse((key, self.turn, index)));
    }

    /// The stream that sends next; messages whose time is over before they began are dropped and counted.
    fn choose(&mut self, now: SimTime, dropped: &mut u64) -> Option<u16> {
        if self.current.is_some() {
            return self.current;
        }
        while let Some(&Reverse((_, _, index))) = self.turns.peek() {
            let stream = &mut self.streams[usize::from(index)];
            while let Some(front) = stream.queue.front() {
                let over = match front.reliability {
                    Reliability::Lifetime(life) => now > front.handed_over.saturating_add(life),
                    Reliability::Full | Reliability::Retransmissions(_) => false,
                };
                if !over {
                    return Some(index);
                }
                self.buffered -= u64::from(front.payload.len());
                self.queued_bytes -= u64::from(front.payload.len());
                self.queued_messages -= 1;
                *dropped += 1;
                stream.queue.pop_front();
            }
            stream.listed = false;
            self.turns.pop();
        }
        None
    }

    /// Bytes of the next chunk, if one would be cut with room for `room` bytes; whole messages are not cut
    /// further than a full packet demands.
    pub(super) fn next_len(&mut self, now: SimTime, fragment_max: u32, dropped: &mut u64) -> Option<u32> {
        let index = self.choose(now, dropped)?;
        let front = self.streams[usize::from(index)].queue.front()?;
        Some(front.payload.len().min(fragment_max))
    }

    /// Cuts the next chunk and makes it outstanding; it has the last TSN.
    pub(super) fn cut(&mut self, now: SimTime, fragment_max: u32, path: u8) -> Option<&mut Sent> {
        let index = self.choose(now, &mut 0)?;
        let stream = &mut self.streams[usize::from(index)];
        let front = stream.queue.front_mut()?;
        let len = front.payload.len().min(fragment_max);
        let ending = len == front.payload.len();
        let payload = front.payload.split_front(len);
        let runs = if ending { std::mem::take(&mut front.runs) } else { split_runs(&mut front.runs, len) };
        let flags = DataFlags {
            immediate: front.immediate && ending,
            unordered: front.unordered,
            beginning: !front.begun,
            ending,
        };
        let ssn = if front.unordered { 0 } else { stream.next_ssn };
        let sent = Sent {
            flags,
            stream: index,
            ssn,
            ppid: front.ppid,
            message: front.number,
            payload,
            runs,
            state: ChunkState::InFlight,
            path,
            missing: 0,
            fast_retransmitted: false,
            timed_out: false,
            reported: 0,
            transmissions: 1,
            reliability: front.reliability,
            handed_over: front.handed_over,
        };
        if !front.begun {
            // Its turn is taken: streams that get something to say meanwhile may stand before others, not before it.
            self.turns.pop();
        }
        front.begun = true;
        stream.served += u64::from(len);
        self.current = (!ending).then_some(index);
        if ending {
            if !front.unordered {
                stream.next_ssn = stream.next_ssn.wrapping_add(1);
            }
            stream.queue.pop_front();
            stream.listed = false;
            self.queued_messages -= 1;
            self.list(index);
        }
        self.queued_bytes -= u64::from(len);
        self.in_flight += u64::from(len);
        self.peer_rwnd = self.peer_rwnd.saturating_sub(u64::from(len));
        self.outstanding.push_back(sent);
        self.outstanding.back_mut()
    }

    /// Gives up the message of the chunk at `index`: all its chunks, sent or not (RFC 3758 §3.5 rule A3).
    pub(super) fn abandon(&mut self, index: usize, mut left_flight: impl FnMut(u8, u32)) {
        let message = self.outstanding[index].message;
        let mut first = index;
        while first > 0 && self.outstanding[first - 1].message == message {
            first -= 1;
        }
        for sent in self.outstanding.range_mut(first..) {
            if sent.message != message {
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
        self.drop_rest_of(message);
    }

    /// Drops what was not sent yet of a message that is given up.
    fn drop_rest_of(&mut self, message: u64) {
        let Some(index) = self.current else { return };
        let stream = &mut self.streams[usize::from(index)];
        let Some(front) = stream.queue.pop_front_if(|front| front.number == message) else { return };
        let len = u64::from(front.payload.len());
        if !front.unordered {
            stream.next_ssn = stream.next_ssn.wrapping_add(1);
        }
        stream.listed = false;
        self.buffered -= len;
        self.queued_bytes -= len;
        self.queued_messages -= 1;
        self.current = None;
        // The fragments that were sent may all have arrived, so that the peer's cumulative TSN is there already and
        // a FORWARD TSN up to the last of them would say nothing: one TSN more stands for what is never sent.
        let tail = Sent {
            flags: DataFlags { ending: true, unordered: front.unordered, ..DataFlags::default() },
            stream: index,
            ssn: stream.next_ssn.wrapping_sub(1),
            ppid: front.ppid,
            message,
            payload: Payload::empty(),
            runs: Runs::new(),
            state: ChunkState::Abandoned,
            path: 0,
            missing: 0,
            fast_retransmitted: false,
            timed_out: false,
            reported: 0,
            transmissions: 0,
            reliability: front.reliability,
            handed_over: front.handed_over,
        };
        self.outstanding.push_back(tail);
        self.list(index);
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

    /// The last stream sequence number skipped on each stream up to Advanced.Peer.Ack.Point.
    pub(super) fn skipped(&self) -> Vec<(u16, u16)> {
        let mut last: Vec<(u16, u16)> = Vec::new();
        let count = (self.advanced + 1 - self.base) as usize;
        for sent in self.outstanding.range(..count).filter(|sent| !sent.flags.unordered) {
            match last.iter_mut().find(|(stream, _)| *stream == sent.stream) {
                Some(entry) => entry.1 = sent.ssn,
                None => last.push((sent.stream, sent.ssn)),
            }
        }
        last
    }
}
