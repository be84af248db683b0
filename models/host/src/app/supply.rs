//! What a workload makes for the sending side of a flow: messages with their numbers, or a bulk of bytes.

use std::sync::Arc;

use sim_core::random::Streams;
use sim_core::{IdleQueue, SimTime};
use wire::account::{FlowId, Protocol, Reason, Run};

use super::Demand;
use crate::flow::{Flow, Workload};
use crate::workload::MessageClock;

/// Where the bytes of a flow come from, and the messages that wait to be sent.
#[derive(Debug)]
pub(super) struct Supply {
    /// What is generated.
    pub(super) kind: Kind,
    /// Messages that are not wholly handed to the protocol below, oldest first.
    pub(super) backlog: IdleQueue<Message>,
    /// Messages whose samples are being taken, with the time at which they are complete, oldest first.
    sampled: IdleQueue<(SimTime, Message)>,
    /// Bytes generated so far: the place of the next one in the flow's filler.
    pub(super) offset: u64,
}

/// What is generated.
#[derive(Debug)]
pub(super) enum Kind {
    /// Messages, each at its time.
    Messages(MessageClock),
    /// As many bytes as the connection takes.
    Bulk(Box<Bulk>),
}

/// As many bytes as the connection takes between two times, or so many.
#[derive(Debug)]
pub(super) struct Bulk {
    start: SimTime,
    pub(super) stop: SimTime,
    pub(super) left: Option<u64>,
    begun: bool,
    pub(super) stopped: bool,
}

/// A message that is not wholly handed to the protocol below yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    /// Its number within the flow.
    pub(super) number: u32,
    /// When it was generated, in global time.
    pub(super) generated: SimTime,
    /// The place of its next byte in the flow's filler.
    pub(super) offset: u64,
    /// All its bytes.
    pub(super) size: u32,
    /// Those that are still to be handed on.
    pub(super) left: u32,
}

impl Supply {
    /// What the workload of `flow` generates.
    pub(super) fn new(flow: &Flow, streams: &Streams) -> Self {
        let kind = match &flow.workload {
            Workload::Messages(plan)
            | Workload::RequestResponse { requests: plan, .. }
            | Workload::Poll { requests: plan, .. }
            | Workload::Flood { packets: plan, .. } => {
                Kind::Messages(MessageClock::new(Arc::clone(plan), streams, &flow.name))
            }
            Workload::Bulk { bytes, start, stop } => {
                let start = start.draw(streams, &flow.name);
                let (stop, left) = (*stop, *bytes);
                Kind::Bulk(Box::new(Bulk { start, stop, left, begun: false, stopped: false }))
            }
        };
        Self { kind, backlog: IdleQueue::new(), sampled: IdleQueue::new(), offset: 0 }
    }

    /// Leaves out what was due before `now`: nobody was there to generate it.
    pub(super) fn skip_to(&mut self, now: SimTime) {
        if let Kind::Messages(clock) = &mut self.kind {
            clock.skip_to(now);
        }
    }

    /// When [`Self::generate`] has something to do next.
    pub(super) fn next_at(&self) -> Option<SimTime> {
        match &self.kind {
            Kind::Messages(clock) => {
                clock.next_at().into_iter().chain(self.sampled.front().map(|(at, _)| *at)).min()
            }
            Kind::Bulk(bulk) if !bulk.begun => Some(bulk.start),
            Kind::Bulk(bulk) => (!bulk.stopped).then_some(bulk.stop),
        }
    }

    /// Whether there is something to send.
    pub(super) fn has_work(&self, now: SimTime) -> bool {
        match &self.kind {
            Kind::Messages(_) => !self.backlog.is_empty(),
            Kind::Bulk(bulk) => bulk.start <= now && now < bulk.stop && bulk.left != Some(0),
        }
    }

    /// Generates what is due by `now`: each message is sampled, protected and put to the others that wait.
    pub(super) fn generate(
        &mut self,
        now: SimTime,
        id: FlowId,
        flow: &mut Flow,
        demand: &mut dyn FnMut(FlowId, Demand) -> SimTime,
    ) {
        self.make(now, id, flow, demand);
        while self.sampled.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, message)) = self.sampled.pop_front()
        {
            if let Some(protection) = flow.protection {
                demand(id, Demand::Cryptography(protection.at_sender(message.size)));
            }
            self.backlog.push_back(message);
        }
    }

    /// Forgets what is under way, as a loss of power makes it.
    pub(super) fn lose(&mut self) {
        self.backlog.clear();
        self.sampled.clear();
    }

    fn make(
        &mut self,
        now: SimTime,
        id: FlowId,
        flow: &mut Flow,
        demand: &mut dyn FnMut(FlowId, Demand) -> SimTime,
    ) {
        match &mut self.kind {
            Kind::Messages(clock) => {
                while clock.next_at().is_some_and(|next| next <= now) {
                    let Some((number, size)) = clock.generate() else { break };
                    // Of a resource that changes by itself it is the states that are measured.
                    if !matches!(flow.workload, Workload::Poll { states: true, .. }) {
                        flow.measure.on_generated(now);
                    }
                    let message = Message { number, generated: now, offset: self.offset, size, left: size };
                    self.offset += u64::from(size);
                    let complete = demand(id, Demand::Sample);
                    self.sampled.push_back((complete, message));
                }
            }
            Kind::Bulk(bulk) => {
                bulk.stopped |= bulk.stop <= now;
                if !bulk.begun && bulk.start <= now {
                    bulk.begun = true;
                    flow.measure.on_begun(now);
                }
            }
        }
    }

    /// The answer to a request has come: the next request may follow.
    pub(super) fn on_answer(&mut self, now: SimTime) {
        if let Kind::Messages(clock) = &mut self.kind {
            clock.on_answer(now);
        }
    }

    /// Whether the next message waits for the answer to the one before.
    pub(super) fn awaits_answers(&self) -> bool {
        matches!(&self.kind, Kind::Messages(clock) if clock.awaits_answers())
    }

    /// Whether every message that will ever come has been handed on.
    pub(super) fn is_finished(&self) -> bool {
        match &self.kind {
            Kind::Messages(clock) => {
                clock.is_exhausted() && self.backlog.is_empty() && self.sampled.is_empty()
            }
            Kind::Bulk(bulk) => bulk.left == Some(0),
        }
    }
}

impl Message {
    /// Whose the bytes are that are left of it.
    pub(super) fn run(&self, flow: FlowId) -> Run {
        Run {
            bytes: self.left,
            flow,
            message: self.number,
            generated: self.generated,
            protocol: Protocol::Application,
            reason: Reason::Data,
            last: true,
        }
    }

    /// Whether no byte of it has been handed on.
    pub(super) fn is_whole(&self) -> bool {
        self.left == self.size
    }
}
