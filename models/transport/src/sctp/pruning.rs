//! Messages that make room for more important ones (RFC 7496 §3.2).

use super::association::Association;
use super::event::Reliability;
use super::outbound::Outbound;

impl Association {
    /// Makes room in the send buffer for a message of `len` bytes; says whether there is.
    pub(super) fn has_room(&mut self, len: u64, reliability: Reliability) -> bool {
        let limit = u64::from(self.config.send_buffer);
        if self.out.buffered + len <= limit {
            return true;
        }
        if !self.peer_forwards_tsns || !self.out.has_limits {
            return false;
        }
        let pruned = self.out.prune(self.out.buffered + len - limit, reliability);
        self.stats.abandoned += pruned;
        self.changes.abandoned += pruned;
        pruned > 0
    }

    /// Tells the user that a message which was refused would be taken now. Where others may be given up for it, only an
    /// attempt shows that.
    #[inline]
    pub(super) fn tell_of_room(&mut self) {
        let Some(len) = self.refused else { return };
        let limit = u64::from(self.config.send_buffer);
        if self.out.buffered + len <= limit || self.out.has_limits && self.out.buffered < limit {
            self.refused = None;
            self.changes.writable = true;
        }
    }
}

impl Outbound {
    /// Gives up messages of less importance than one with this policy, the least important and of these the oldest
    /// first, until `needed` bytes are free; none if that cannot be. Those that were begun stay. Says how many.
    fn prune(&mut self, needed: u64, reliability: Reliability) -> u64 {
        // A message of any other policy is worth more than all of them.
        let own = match reliability {
            Reliability::Priority(own) => Some(own),
            Reliability::Full | Reliability::Lifetime(_) | Reliability::Retransmissions(_) => None,
        };
        let mut victims = Vec::new();
        for (index, stream) in (0..).zip(&self.streams) {
            for message in &stream.queue {
                if let Reliability::Priority(priority) = message.reliability
                    && own.is_none_or(|own| priority > own)
                    && !message.begun
                {
                    victims.push((std::cmp::Reverse(priority), message.number, index));
                }
            }
        }
        victims.sort_unstable();
        let (mut freed, mut count) = (0, 0);
        for (_, number, index) in &victims {
            if freed >= needed {
                break;
            }
            freed += self.length_of(*index, *number);
            count += 1;
        }
        if freed < needed {
            return 0;
        }
        for (_, number, index) in &victims[..count] {
            let len = self.length_of(*index, *number);
            self.streams[usize::from(*index)].queue.retain(|message| message.number != *number);
            self.buffered -= len;
            self.queued_bytes -= len;
            self.queued_messages -= 1;
            self.list_again(*index);
        }
        count as u64
    }

    fn length_of(&self, index: u16, number: u64) -> u64 {
        let queue = &self.streams[usize::from(index)].queue;
        let at = queue.partition_point(|message| message.number < number);
        queue.get(at).map_or(0, |message| u64::from(message.payload.len()))
    }
}
