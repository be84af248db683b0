//! What has happened to an association: the events that tell its user, and when the endpoint looks at it again.

use std::net::IpAddr;

use sim_core::SimTime;

use super::endpoint::SctpEndpoint;
use super::event::{AddressChange, AssociationId, PathState, SctpEvent};
use super::state::{CloseReason, State};
use super::stream_request::StreamResult;

/// What the endpoint has to report.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The peer has answered: data may go with the cookie.
    pub(super) answered: bool,
    pub(super) connected: bool,
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) peer_shutdown: bool,
    pub(super) restarted: bool,
    /// How requests about streams have ended.
    pub(super) reconfigured: Vec<StreamResult>,
    /// A request of the peer's was carried out.
    pub(super) peer_reconfigured: bool,
    pub(super) abandoned: u64,
    pub(super) paths: Vec<(IpAddr, PathState)>,
    pub(super) closed: Option<CloseReason>,
    /// The peer has addresses that the endpoint does not know yet.
    pub(super) new_paths: bool,
    /// Addresses that the peer has left.
    pub(super) gone: Vec<IpAddr>,
    pub(super) addresses: Vec<(IpAddr, AddressChange)>,
}

impl Changes {
    /// Whether there is no more to tell than that messages can be read or written, as after most packets.
    #[inline]
    fn is_usual(&self) -> bool {
        let rare = self.answered
            | self.connected
            | self.peer_shutdown
            | self.restarted
            | self.peer_reconfigured
            | self.new_paths;
        let lists = self.reconfigured.len() + self.paths.len() + self.gone.len() + self.addresses.len();
        !rare && lists == 0 && self.abandoned == 0 && self.closed.is_none()
    }
}

impl SctpEndpoint {
    /// After anything happened to an association: reports and queues. Its timers are looked at when the last packet has left,
    /// for the host asks for packets first.
    #[inline]
    pub(super) fn touch(&mut self, index: u32) {
        self.report(index);
        self.queue(index);
    }

    #[inline]
    pub(super) fn queue(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if !slot.queued && slot.association.is_some() {
            slot.queued = true;
            self.ready.push_back(index);
        }
    }

    /// Makes sure that the endpoint wakes up for the association's next timer.
    pub(super) fn arm(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Some(association) = &slot.association else { return };
        if let Some(at) = association.next_timeout()
            && at < slot.armed_at
        {
            slot.armed_at = at;
            self.deadlines.push(at, index, slot.generation);
        }
    }

    /// Tells the user what has happened.
    #[inline]
    pub(super) fn report(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Some(association) = &mut slot.association else { return };
        let id = AssociationId { index, generation: slot.generation };
        let changes = &mut association.changes;
        if !changes.is_usual() {
            return self.report_all(index, id);
        }
        if std::mem::take(&mut changes.readable) {
            self.events.push_back(SctpEvent::Readable(id));
        }
        if std::mem::take(&mut changes.writable) {
            self.events.push_back(SctpEvent::Writable(id));
        }
    }

    #[cold]
    fn report_all(&mut self, index: u32, id: AssociationId) {
        let slot = &mut self.slots[index as usize];
        let Some(association) = &mut slot.association else { return };
        let changes = std::mem::take(&mut association.changes);
        let (local, peer) = (association.local_port, association.peer_port);
        for address in &changes.gone {
            if self.demux.get(&(local, *address, peer)) == Some(&index) {
                self.demux.remove(&(local, *address, peer));
            }
        }
        if changes.new_paths {
            for path in association.paths.iter().filter(|path| !path.removed) {
                self.demux.entry((local, path.remote, peer)).or_insert(index);
            }
        }
        if changes.connected {
            self.events.push_back(match slot.listener.take() {
                Some(listener) => SctpEvent::Accepted { listener, id },
                None => SctpEvent::Connected(id),
            });
        }
        let Changes {
            answered,
            readable,
            writable,
            peer_shutdown,
            restarted,
            peer_reconfigured,
            reconfigured,
            abandoned,
            addresses,
            paths,
            closed,
            ..
        } = changes;
        let plain = [
            (answered, SctpEvent::Answered(id)),
            (restarted, SctpEvent::Restarted(id)),
            (peer_reconfigured, SctpEvent::PeerReconfigured(id)),
            (readable, SctpEvent::Readable(id)),
            (writable, SctpEvent::Writable(id)),
            (peer_shutdown, SctpEvent::PeerShutdown(id)),
        ];
        self.events.extend(plain.into_iter().filter_map(|(happened, event)| happened.then_some(event)));
        self.events.extend(reconfigured.into_iter().map(|result| SctpEvent::Reconfigured { id, result }));
        self.events.extend((0..abandoned).map(|_| SctpEvent::Abandoned(id)));
        for (address, change) in addresses {
            self.events.push_back(SctpEvent::AddressChanged { id, address, change });
        }
        for (address, state) in paths {
            self.events.push_back(SctpEvent::PathChanged { id, address, state });
        }
        if let Some(reason) = closed {
            self.events.push_back(SctpEvent::Closed { id, reason });
            slot.reported = true;
            self.unlink(index);
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(association) = &self.slots[index as usize].association else { return };
        for path in &association.paths {
            let key = (association.local_port, path.remote, association.peer_port);
            if self.demux.get(&key) == Some(&index) {
                self.demux.remove(&key);
            }
        }
    }

    /// Frees an association that is over, once its last packet is sent and everything was read.
    pub(super) fn free_if_over(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let over = slot.association.as_ref().is_some_and(|association| {
            association.state == State::Closed
                && association.control.is_empty()
                && !association.inbound.has_message()
        });
        if over && slot.reported {
            slot.association = None;
            slot.generation = slot.generation.wrapping_add(1);
            slot.armed_at = SimTime::MAX;
            self.live -= 1;
            self.free.push(index);
            if self.live == 0 {
                self.deadlines.clear();
            }
        }
    }
}
