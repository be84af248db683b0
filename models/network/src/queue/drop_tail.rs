//! First in, first out; a packet that does not fit is dropped.

use super::fifo::{Backlog, Fifo};
use super::{Dequeued, DropCause, Enqueued, QueueLimit, Queued};
use sim_core::ByteCount;

/// A queue that drops what does not fit, and nothing else.
#[derive(Clone, Debug)]
pub struct DropTail {
    limit: QueueLimit,
    line: Fifo,
}

impl DropTail {
    pub(super) fn new(limit: QueueLimit) -> Self {
        Self { limit, line: Fifo::default() }
    }

    pub(super) fn enqueue(&mut self, item: Queued, dropped: &mut Vec<(Queued, DropCause)>) -> Enqueued {
        if !self.limit.holds(self.line.packets() + 1, self.line.bytes() + item.size()) {
            dropped.push((item, DropCause::QueueFull));
            return Enqueued::REFUSED;
        }
        self.line.push(item);
        Enqueued::ACCEPTED
    }

    pub(super) fn dequeue(&mut self) -> Option<Dequeued> {
        self.line.pop().map(|item| Dequeued { item, mark: false })
    }

    pub(super) fn packets(&self) -> usize {
        self.line.packets()
    }

    pub(super) fn bytes(&self) -> ByteCount {
        self.line.bytes()
    }

    pub(super) fn clear(&mut self, dropped: &mut Vec<(Queued, DropCause)>) {
        self.line.clear(dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::SimTime;

    fn frame(packet: u32, bytes: u32) -> Queued {
        Queued { packet, bytes, arrived: SimTime::ZERO, flow_hash: 0, ecn_capable: true }
    }

    #[test]
    fn the_packet_after_the_last_place_is_dropped() {
        let (mut queue, mut dropped) = (DropTail::new(QueueLimit::Packets(2)), Vec::new());
        let accepted = [1, 2, 3].map(|packet| queue.enqueue(frame(packet, 100), &mut dropped).accepted);
        assert_eq!(accepted, [true, true, false]);
        assert_eq!(dropped, [(frame(3, 100), DropCause::QueueFull)]);
        assert_eq!(queue.dequeue(), Some(Dequeued { item: frame(1, 100), mark: false }));
        assert_eq!(queue.dequeue().map(|out| out.item.packet), Some(2));
        assert_eq!(queue.dequeue(), None);
    }

    #[test]
    fn a_small_packet_fits_where_a_big_one_does_not() {
        let (mut queue, mut dropped) =
            (DropTail::new(QueueLimit::Bytes(ByteCount::from_bytes(1_000))), vec![]);
        assert!(queue.enqueue(frame(1, 600), &mut dropped).accepted);
        assert!(!queue.enqueue(frame(2, 401), &mut dropped).accepted);
        assert!(queue.enqueue(frame(3, 400), &mut dropped).accepted);
        assert_eq!((queue.packets(), queue.bytes().as_bytes()), (2, 1_000));
    }

    #[test]
    fn a_queue_of_no_places_refuses_everything() {
        let (mut queue, mut dropped) = (DropTail::new(QueueLimit::Packets(0)), Vec::new());
        assert_eq!(queue.enqueue(frame(1, 1), &mut dropped), Enqueued::REFUSED);
    }
}
