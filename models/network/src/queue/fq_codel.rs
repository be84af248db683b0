//! Flow queueing with controlled delay (RFC 8290): a queue for each flow, served in turn, sparse flows first.
//!
//! ```text
//!            arrival            empty, or credits used up
//!    idle ------------> new --------------------------------> old <--+ credits used up:
//!      ^                                                       |  ---+ to the end of the list
//!      +-------------------------------------------------------+
//!                                empty
//! ```
//!
//! The flow's hash modulo the number of queues names the queue (RFC 8290 §4.1); the caller may salt the hash.
//! A queue's CoDel state outlives its packets. Packets of all queues lie in one pool.

use super::codel::Controller;
use super::fifo::Backlog;
use super::{Dequeued, DropCause, Enqueued, FqCodelConfig, Queued};
use sim_core::{ByteCount, SimTime};
use std::collections::VecDeque;

/// Queues for many flows, each under CoDel's control.
#[derive(Clone, Debug)]
pub struct FqCodel {
    config: FqCodelConfig,
    /// The index in `flows` of each bucket's queue, or `NOWHERE`; empty before the first packet.
    buckets: Vec<u32>,
    /// The queues that have had a packet, in order of their first.
    flows: Vec<Flow>,
    /// The queues that have not built a backlog, to be served first.
    new_flows: VecDeque<u32>,
    /// The other queues with packets, and those that await their removal.
    old_flows: VecDeque<u32>,
    pool: Pool,
}

/// The queue of one bucket.
#[derive(Clone, Debug)]
struct Flow {
    controller: Controller,
    /// First and last place in the pool, or `NOWHERE`.
    head: u32,
    tail: u32,
    packets: u32,
    bytes: ByteCount,
    /// Bytes that the flow may still send in this round; below zero when it has sent too much.
    credits: i64,
    /// Whether in one of the two lists.
    active: bool,
}

impl Flow {
    fn new() -> Self {
        Self {
            controller: Controller::default(),
            head: NOWHERE,
            tail: NOWHERE,
            packets: 0,
            bytes: ByteCount::ZERO,
            credits: 0,
            active: false,
        }
    }
}

/// The packets of all flows, as chains of places, and the free places as one more chain.
#[derive(Clone, Debug)]
struct Pool {
    places: Vec<Place>,
    free: u32,
    packets: usize,
    bytes: ByteCount,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    item: Queued,
    next: u32,
}

const EMPTY_POOL: Pool = Pool { places: Vec::new(), free: NOWHERE, packets: 0, bytes: ByteCount::ZERO };

impl FqCodel {
    pub(super) fn new(config: FqCodelConfig) -> Self {
        Self {
            config,
            buckets: Vec::new(),
            flows: Vec::new(),
            new_flows: VecDeque::new(),
            old_flows: VecDeque::new(),
            pool: EMPTY_POOL,
        }
    }

    /// Puts the packet at the end of its flow's queue; then drops from the longest flow until the limit is
    /// kept (RFC 8290 §4.1).
    pub(super) fn enqueue(&mut self, item: Queued, dropped: &mut Vec<(Queued, DropCause)>) -> Enqueued {
        let index = self.flow_of(item.flow_hash);
        let flow = &mut self.flows[index as usize];
        self.pool.append(flow, item);
        if !flow.active {
            flow.active = true;
            flow.credits = i64::from(self.config.quantum);
            self.new_flows.push_back(index);
        }
        while !self.config.limit.holds(self.pool.packets, self.pool.bytes) && self.drop_batch(dropped) {}
        // It is the last of its flow, so it is there if anything is.
        if self.flows[index as usize].packets == 0 { Enqueued::REFUSED } else { Enqueued::ACCEPTED }
    }

    /// Serves the new flows, then the old, each up to its credits (RFC 8290 §4.2).
    pub(super) fn dequeue(
        &mut self,
        now: SimTime,
        dropped: &mut Vec<(Queued, DropCause)>,
    ) -> Option<Dequeued> {
        loop {
            let from_new = !self.new_flows.is_empty();
            let list = if from_new { &mut self.new_flows } else { &mut self.old_flows };
            let index = *list.front()?;
            let flow = &mut self.flows[index as usize];
            // §4.2 says "negative (i.e., it has already dequeued at least a quantum of bytes)", §3 "zero or
            // less"; the bytes decide, as in Linux.
            if flow.credits <= 0 {
                flow.credits += i64::from(self.config.quantum);
                list.pop_front();
                self.old_flows.push_back(index);
                continue;
            }
            let mut controller = std::mem::take(&mut flow.controller);
            let mut backlog = FlowBacklog { flow, pool: &mut self.pool };
            let out = controller.dequeue(now, &self.config.control, &mut backlog, dropped);
            flow.controller = controller;
            if let Some(out) = out {
                flow.credits -= i64::from(out.item.bytes);
                return Some(out);
            }
            list.pop_front();
            if from_new {
                // By way of the old list, so that a sparse flow cannot starve the old ones (§4.2).
                self.old_flows.push_back(index);
            } else {
                flow.active = false;
            }
        }
    }

    pub(super) fn packets(&self) -> usize {
        self.pool.packets
    }

    pub(super) fn bytes(&self) -> ByteCount {
        self.pool.bytes
    }

    /// Gives up all packets, flow by flow in order of the flows' first packets.
    pub(super) fn clear(&mut self, dropped: &mut Vec<(Queued, DropCause)>) {
        for flow in &mut self.flows {
            while let Some(item) = self.pool.take(flow) {
                dropped.push((item, DropCause::Cleared));
            }
        }
        *self = Self::new(self.config);
    }

    /// The queue that the flow hash leads to; made at its first packet.
    fn flow_of(&mut self, flow_hash: u32) -> u32 {
        if self.buckets.is_empty() {
            self.buckets = vec![NOWHERE; self.config.flows as usize];
        }
        let bucket = &mut self.buckets[(flow_hash % self.config.flows) as usize];
        if *bucket == NOWHERE {
            *bucket = u32::try_from(self.flows.len()).expect("there are at most 65,536 flow queues");
            self.flows.push(Flow::new());
        }
        *bucket
    }

    /// Drops half the packets, at most 64, from the head of the queue with most bytes (RFC 8290 §4.1); of
    /// several, the one that had its first packet first. `false` when nothing is held.
    fn drop_batch(&mut self, dropped: &mut Vec<(Queued, DropCause)>) -> bool {
        // Packets decide between queues without a byte.
        let longest = |best: usize, next: usize| {
            let length = |index: usize| (self.flows[index].bytes, self.flows[index].packets);
            if length(next) > length(best) { next } else { best }
        };
        let Some(index) = (0..self.flows.len()).reduce(longest) else { return false };
        let flow = &mut self.flows[index];
        for _ in 0..(flow.packets / 2).clamp(1, DROP_BATCH_MAX) {
            let Some(item) = self.pool.take(flow) else { return false };
            dropped.push((item, DropCause::Overlimit));
        }
        true
    }
}

impl Pool {
    fn append(&mut self, flow: &mut Flow, item: Queued) {
        let place = Place { item, next: NOWHERE };
        let index = self.free;
        let index = if index == NOWHERE {
            self.places.push(place);
            u32::try_from(self.places.len() - 1).expect("a queue holds fewer than 2^32 - 1 packets")
        } else {
            self.free = self.places[index as usize].next;
            self.places[index as usize] = place;
            index
        };
        match flow.tail {
            NOWHERE => flow.head = index,
            tail => self.places[tail as usize].next = index,
        }
        flow.tail = index;
        flow.packets += 1;
        flow.bytes += item.size();
        self.packets += 1;
        self.bytes += item.size();
    }

    fn take(&mut self, flow: &mut Flow) -> Option<Queued> {
        let index = flow.head;
        let place = self.places.get_mut(index as usize)?;
        flow.head = std::mem::replace(&mut place.next, self.free);
        self.free = index;
        if flow.head == NOWHERE {
            flow.tail = NOWHERE;
        }
        let item = place.item;
        flow.packets -= 1;
        flow.bytes -= item.size();
        self.packets -= 1;
        self.bytes -= item.size();
        Some(item)
    }
}

/// One flow's packets, for the control loop.
struct FlowBacklog<'a> {
    flow: &'a mut Flow,
    pool: &'a mut Pool,
}

impl Backlog for FlowBacklog<'_> {
    fn pop(&mut self) -> Option<Queued> {
        self.pool.take(self.flow)
    }

    fn bytes(&self) -> ByteCount {
        self.flow.bytes
    }
}

/// No place in the pool, no queue. No index gets there: a vector of so many places does not fit a limit.
const NOWHERE: u32 = u32::MAX;

/// The most packets that are dropped at once (RFC 8290 §4.1).
const DROP_BATCH_MAX: u32 = 64;

#[cfg(test)]
#[path = "fq_codel_tests.rs"]
mod tests;
