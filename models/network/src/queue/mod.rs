//! Queue disciplines of a link direction, without packets, nodes or events.
//!
//! A [`Discipline`] holds [`Queued`] records; the packets they stand for stay with the caller. It is told of
//! an arrival with [`Discipline::enqueue`] and of the transmitter's readiness with [`Discipline::dequeue`]; what
//! it drops, at either occasion, it appends to a vector of the caller's.
//!
//! | discipline | source | drops | marks (ECN) |
//! |---|---|---|---|
//! | [`DropTail`] | | at the tail, when full | never |
//! | [`Red`] | Floyd and Jacobson 1993; gentle mode; RFC 3168, RFC 7567 §4.2.1 | at the tail, by the average length | below the upper threshold |
//! | [`CoDel`] | RFC 8289 | at the head, by the delay; at the tail when full | instead of dropping |
//! | [`FqCodel`] | RFC 8290 | as CoDel in each flow; at the head of the longest flow when full | instead of dropping |
//!
//! Every packet that was enqueued is dequeued, dropped or held: tested for all of them. All memory is bounded
//! by the limit of the configuration, and none is taken before the first packet.

mod codel;
mod config;
mod drop_tail;
mod fifo;
mod fq_codel;
#[cfg(test)]
mod invariants;
mod red;
#[cfg(test)]
mod theory;

pub use codel::CoDel;
pub use config::{
    CoDelConfig, CoDelControl, FqCodelConfig, QueueConfig, QueueConfigError, QueueLimit, RedConfig,
    RedThresholds,
};
pub use drop_tail::DropTail;
pub use fq_codel::FqCodel;
pub use red::Red;

use sim_core::{ByteCount, SimTime};

/// A packet that waits, as far as a queue needs to know it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Queued {
    /// When it arrived at the queue.
    pub arrived: SimTime,
    /// The caller's name for it.
    pub packet: u32,
    /// Its length in bytes, as the limits and the scheduler count them.
    pub bytes: u32,
    /// A hash of its addresses, ports and protocol, which says what flow it belongs to.
    pub flow_hash: u32,
    /// Whether it may be marked instead of dropped: its transport is ECN-capable (RFC 3168 §5).
    pub ecn_capable: bool,
}

const _: () = assert!(size_of::<Queued>() <= 32);

impl Queued {
    pub(crate) fn size(&self) -> ByteCount {
        ByteCount::from_bytes(u64::from(self.bytes))
    }
}

/// Why a queue dropped a packet.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DropCause {
    /// There was no place for it.
    QueueFull,
    /// RED drew it, since the average length was above a threshold.
    RedEarly,
    /// RED dropped it for sure, since the average length was above the upper threshold (or, in gentle mode,
    /// twice that).
    RedForced,
    /// CoDel dropped it, since packets had waited too long.
    CoDel,
    /// FQ-CoDel dropped it from the head of the longest flow, since the whole queue was full.
    Overlimit,
    /// The queue was emptied from outside, such as by its link going down.
    Cleared,
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Enqueued {
    /// Whether to mark the packet "congestion experienced"; only if it is ECN-capable and accepted.
    pub mark: bool,
    /// Whether the queue holds the packet now. If not, it is among the dropped.
    pub accepted: bool,
}

impl Enqueued {
    const ACCEPTED: Self = Self { mark: false, accepted: true };
    const REFUSED: Self = Self { mark: false, accepted: false };
}

/// A packet to send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dequeued {
    /// The packet.
    pub item: Queued,
    /// Whether to mark it "congestion experienced"; only if it is ECN-capable.
    pub mark: bool,
}

/// A queue of a link direction.
#[derive(Clone, Debug)]
pub enum Discipline {
    /// First in, first out; what does not fit is dropped.
    DropTail(DropTail),
    /// Random early detection.
    Red(Box<Red>),
    /// Controlled delay.
    CoDel(Box<CoDel>),
    /// Flow queueing with controlled delay.
    FqCodel(Box<FqCodel>),
}

impl Discipline {
    /// An empty queue.
    ///
    /// # Errors
    /// When the parameters do not fit together: see [`QueueConfig::check`].
    pub fn new(config: &QueueConfig) -> Result<Self, QueueConfigError> {
        config.check()?;
        Ok(match config {
            QueueConfig::DropTail(limit) => Self::DropTail(DropTail::new(*limit)),
            QueueConfig::Red(red) => Self::Red(Box::new(Red::new(red.clone()))),
            QueueConfig::CoDel(codel) => Self::CoDel(Box::new(CoDel::new(*codel))),
            QueueConfig::FqCodel(fq) => Self::FqCodel(Box::new(FqCodel::new(*fq))),
        })
    }

    /// Takes a packet that arrives at `now`, which never goes back, and says what became of it.
    ///
    /// `draw` gives uniform 64-bit numbers; at most one is taken, and only by RED. What is dropped is appended to
    /// `dropped`: this packet, or others that make room for it.
    pub fn enqueue(
        &mut self,
        now: SimTime,
        item: Queued,
        draw: impl FnMut() -> u64,
        dropped: &mut Vec<(Queued, DropCause)>,
    ) -> Enqueued {
        match self {
            Self::DropTail(queue) => queue.enqueue(item, dropped),
            Self::Red(queue) => queue.enqueue(now, item, draw, dropped),
            Self::CoDel(queue) => queue.enqueue(item, dropped),
            Self::FqCodel(queue) => queue.enqueue(item, dropped),
        }
    }

    /// Takes out the packet to send at `now`, which never goes back; `None` when nothing is left to send.
    ///
    /// What the control law drops on the way is appended to `dropped`, even if nothing is left.
    pub fn dequeue(&mut self, now: SimTime, dropped: &mut Vec<(Queued, DropCause)>) -> Option<Dequeued> {
        match self {
            Self::DropTail(queue) => queue.dequeue(),
            Self::Red(queue) => queue.dequeue(now),
            Self::CoDel(queue) => queue.dequeue(now, dropped),
            Self::FqCodel(queue) => queue.dequeue(now, dropped),
        }
    }

    /// The packets held.
    pub fn len_packets(&self) -> usize {
        match self {
            Self::DropTail(queue) => queue.packets(),
            Self::Red(queue) => queue.packets(),
            Self::CoDel(queue) => queue.packets(),
            Self::FqCodel(queue) => queue.packets(),
        }
    }

    /// The bytes of the packets held.
    pub fn len_bytes(&self) -> ByteCount {
        match self {
            Self::DropTail(queue) => queue.bytes(),
            Self::Red(queue) => queue.bytes(),
            Self::CoDel(queue) => queue.bytes(),
            Self::FqCodel(queue) => queue.bytes(),
        }
    }

    /// Whether no packet is held.
    pub fn is_empty(&self) -> bool {
        self.len_packets() == 0
    }

    /// Empties the queue and forgets what it learned; what it held is appended to `dropped` as
    /// [`DropCause::Cleared`].
    pub fn clear(&mut self, dropped: &mut Vec<(Queued, DropCause)>) {
        match self {
            Self::DropTail(queue) => queue.clear(dropped),
            Self::Red(queue) => queue.clear(dropped),
            Self::CoDel(queue) => queue.clear(dropped),
            Self::FqCodel(queue) => queue.clear(dropped),
        }
    }
}
