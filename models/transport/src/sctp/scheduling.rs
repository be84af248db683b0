//! Which stream sends next (RFC 8260 §3), and streams that wait for a reset (RFC 6525 §5.1.2).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sim_core::SimTime;

use super::config::Scheduler;
use super::event::Reliability;
use super::outbound::{OutStream, Outbound, Queued};

/// The turns of the streams that have something to send.
#[derive(Debug)]
pub(super) struct Schedule {
    scheduler: Scheduler,
    /// A priority or weight of each stream, from the first one on.
    values: Vec<u16>,
    /// Whether fragments of several streams' messages may be mixed (RFC 8260 §2.2.2).
    pub(super) interleaves: bool,
    turns: BinaryHeap<Reverse<(u64, u64, u16)>>,
    turn: u64,
    /// The stream whose message is being cut, where nothing is mixed: its fragments need TSNs in a row (RFC 9260 §6.9).
    current: Option<u16>,
    /// The only stream of the packet under construction, and whether it has sent something (RFC 8260 §3.3).
    packet: Option<(u16, bool)>,
    /// The start of what was served last, in weighted bytes.
    served: u64,
}

impl Schedule {
    pub(super) fn new(scheduler: Scheduler, values: Vec<u16>) -> Self {
        Self {
            scheduler,
            values,
            interleaves: false,
            turns: BinaryHeap::new(),
            turn: 0,
            current: None,
            packet: None,
            served: 0,
        }
    }

    /// Where a stream stands that begins to wait for its turn: the lowest goes first.
    fn key(&self, index: u16, stream: &OutStream, front: &Queued) -> u64 {
        let value = self.values.get(usize::from(index)).copied();
        match self.scheduler {
            Scheduler::FirstComeFirstServed => front.number,
            Scheduler::RoundRobin | Scheduler::RoundRobinPacket => self.turn,
            // The start of its service in virtual time: one that was silent gains nothing by that.
            Scheduler::FairBandwidth | Scheduler::WeightedFair => stream.finish.max(self.served),
            Scheduler::Priority => u64::from(value.unwrap_or(index)),
        }
    }

    /// What `bytes` of a stream weigh.
    fn weighted(&self, index: u16, bytes: u32) -> u64 {
        let weight = match self.scheduler {
            Scheduler::WeightedFair => self.values.get(usize::from(index)).copied().unwrap_or(1).max(1),
            Scheduler::FirstComeFirstServed
            | Scheduler::RoundRobin
            | Scheduler::RoundRobinPacket
            | Scheduler::FairBandwidth
            | Scheduler::Priority => 1,
        };
        (u64::from(bytes) << 16) / u64::from(weight)
    }

    /// Forgets the streams from this number on.
    pub(super) fn limit(&mut self, streams: u16) {
        self.turns.retain(|Reverse((_, _, stream))| *stream < streams);
        self.current.take_if(|stream| *stream >= streams);
        self.packet.take_if(|(stream, _)| *stream >= streams);
    }
}

impl OutStream {
    /// Whether its first message may be sent: it was begun, or does not wait for a reset.
    fn is_free(&self) -> bool {
        let front = self.queue.front();
        front.is_some_and(|front| front.begun || self.held_from.is_none_or(|held| front.number < held))
    }
}

impl Outbound {
    /// Gives a stream that has something to send its turn.
    pub(super) fn list(&mut self, index: u16) {
        let stream = &mut self.streams[usize::from(index)];
        if stream.listed || !stream.is_free() {
            return;
        }
        let Some(front) = stream.queue.front() else { return };
        self.schedule.turn += 1;
        let key = self.schedule.key(index, stream, front);
        stream.listed = true;
        self.schedule.turns.push(Reverse((key, self.schedule.turn, index)));
    }

    /// Takes a stream's turn away and gives it a new one, for what it has to send now.
    pub(super) fn list_again(&mut self, index: u16) {
        let schedule = &mut self.schedule;
        if schedule.current == Some(index) || schedule.packet.is_some_and(|(stream, _)| stream == index) {
            return; // It is being served.
        }
        schedule.turns.retain(|Reverse((_, _, stream))| *stream != index);
        self.streams[usize::from(index)].listed = false;
        self.list(index);
    }

    /// A new packet begins: the one before may have had the chunks of one stream only.
    pub(super) fn begin_packet(&mut self) {
        let Some((index, true)) = self.schedule.packet else { return };
        if self.schedule.current == Some(index) {
            return; // The message goes on in the next packet.
        }
        self.schedule.packet = None;
        self.streams[usize::from(index)].listed = false;
        self.list(index);
    }

    /// The stream that sends next; messages whose time is over before they began are dropped and counted.
    pub(super) fn choose(&mut self, now: SimTime, dropped: &mut u64) -> Option<u16> {
        if self.schedule.current.is_some() {
            return self.schedule.current;
        }
        if let Some((index, has_sent)) = self.schedule.packet {
            if self.has_front(now, index, dropped) {
                return Some(index);
            }
            if has_sent {
                return None; // The packet is this stream's alone.
            }
            self.schedule.packet = None;
            self.streams[usize::from(index)].listed = false;
        }
        while let Some(&Reverse((_, _, index))) = self.schedule.turns.peek() {
            if self.has_front(now, index, dropped) {
                if self.schedule.scheduler == Scheduler::RoundRobinPacket {
                    self.schedule.turns.pop();
                    self.schedule.packet = Some((index, false));
                }
                return Some(index);
            }
            self.streams[usize::from(index)].listed = false;
            self.schedule.turns.pop();
        }
        None
    }

    /// Whether a stream has something that may be sent now.
    fn has_front(&mut self, now: SimTime, index: u16, dropped: &mut u64) -> bool {
        let stream = &mut self.streams[usize::from(index)];
        while stream.is_free()
            && let Some(front) = stream.queue.front()
        {
            let over = match front.reliability {
                Reliability::Lifetime(life) => !front.begun && now > front.handed_over.saturating_add(life),
                Reliability::Full | Reliability::Retransmissions(_) | Reliability::Priority(_) => false,
            };
            if !over {
                return true;
            }
            self.buffered -= u64::from(front.payload.len());
            self.queued_bytes -= u64::from(front.payload.len());
            self.queued_messages -= 1;
            *dropped += 1;
            stream.queue.pop_front();
        }
        false
    }

    /// The stream that was chosen has sent `len` bytes of a message, its last ones if `ending`.
    pub(super) fn serve(&mut self, index: u16, len: u32, ending: bool) {
        let cost = self.schedule.weighted(index, len);
        let schedule = &mut self.schedule;
        let stream = &mut self.streams[usize::from(index)];
        if schedule.current != Some(index) {
            let start = stream.finish.max(schedule.served);
            schedule.served = start;
            stream.finish = start;
            match &mut schedule.packet {
                Some((_, has_sent)) => *has_sent = true,
                None => {
                    schedule.turns.pop();
                }
            }
        }
        stream.finish += cost;
        let goes_on = !ending && !schedule.interleaves;
        schedule.current = goes_on.then_some(index);
        if !goes_on && schedule.packet.is_none() {
            stream.listed = false;
            self.list(index);
        }
    }

    /// A message under way is given up: its stream goes on with the next one.
    pub(super) fn break_off(&mut self, index: u16) {
        self.schedule.current.take_if(|current| *current == index);
        self.list_again(index);
    }

    /// Lets each stream send only messages below a number, and what it has begun; `None` lets it send all.
    pub(super) fn hold(&mut self, mut from: impl FnMut(u16) -> Option<u64>) {
        for index in 0..self.stream_count() {
            let held_from = from(index);
            let stream = &mut self.streams[usize::from(index)];
            if stream.held_from != held_from {
                stream.held_from = held_from;
                self.list(index); // One that may no longer send loses its turn when that comes.
            }
        }
    }

    /// Whether a stream that is held has still to send what came before.
    pub(super) fn is_draining(&self, index: u16) -> bool {
        self.streams.get(usize::from(index)).is_some_and(OutStream::is_free)
    }
}
