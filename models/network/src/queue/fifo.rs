//! First in, first out, with the sum of bytes kept beside.

use super::{DropCause, Queued};
use sim_core::ByteCount;
use std::collections::VecDeque;

/// The waiting line of the disciplines that have one. It takes memory with its first packet.
#[derive(Clone, Debug, Default)]
pub(super) struct Fifo {
    items: VecDeque<Queued>,
    bytes: ByteCount,
}

impl Fifo {
    pub(super) fn push(&mut self, item: Queued) {
        self.bytes += item.size();
        self.items.push_back(item);
    }

    pub(super) fn packets(&self) -> usize {
        self.items.len()
    }

    /// Gives up every packet, in order of arrival.
    pub(super) fn clear(&mut self, dropped: &mut Vec<(Queued, DropCause)>) {
        dropped.extend(self.items.drain(..).map(|item| (item, DropCause::Cleared)));
        self.bytes = ByteCount::ZERO;
    }
}

/// What a control loop such as CoDel's takes packets from.
pub(super) trait Backlog {
    /// Takes the packet that has waited longest.
    fn pop(&mut self) -> Option<Queued>;
    /// What is left.
    fn bytes(&self) -> ByteCount;
}

impl Backlog for Fifo {
    fn pop(&mut self) -> Option<Queued> {
        let item = self.items.pop_front()?;
        self.bytes -= item.size();
        Some(item)
    }

    fn bytes(&self) -> ByteCount {
        self.bytes
    }
}
