//! What listeners have taken: connections that wait to be handed out, and those that are half open.

use super::connection::TcpConnection;
use super::endpoint::{Slot, TcpEndpoint};
use super::event::{ConnectionId, HalfOpen, ListenerId, TcpEvent};
use super::hook::SegmentHook;

impl<H: SegmentHook> TcpEndpoint<H> {
    /// Hands out the connection that has waited longest at a listener with [`super::ListenerConfig::on_demand`].
    pub fn accept(&mut self, id: ListenerId) -> Option<ConnectionId> {
        loop {
            let next = self.listeners.get_mut(id.0)?.queue.pop_front()?;
            let slot = self.slots.get_mut(next.index as usize)?;
            let Some(connection) = slot.connection.as_deref().filter(|_| slot.generation == next.generation)
            else {
                continue;
            };
            if slot.reported {
                continue;
            }
            slot.announced = true;
            // What happened before is told now.
            if connection.readable() > 0 {
                self.events.push_back(TcpEvent::Readable(next));
            }
            if connection.receiver.finished {
                self.events.push_back(TcpEvent::PeerClosed(next));
            }
            return Some(next);
        }
    }

    /// What is kept of connections whose handshake is not over.
    pub fn half_open(&self) -> HalfOpen {
        let connections = self.listeners.half_open();
        let each = size_of::<TcpConnection>() + size_of::<Slot<H>>();
        HalfOpen { connections, bytes: u64::from(connections) * each as u64 }
    }

    /// Stops listening; connections that were made stay.
    pub fn stop_listening(&mut self, id: ListenerId) {
        self.listeners.remove(id.0);
    }
}
