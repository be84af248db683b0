//! What TCP tells of subflows, for their connections.

use sim_core::SimTime;

use super::connection::{Connection, Mode};
use super::endpoint::MptcpEndpoint;
use super::event::{Fallback, MptcpEvent};
use super::path::{Joining, Path};
use super::subflow::Birth;
use crate::endpoint::Endpoint;
use crate::tcp::{CloseReason, ConnectionId, State, TcpEvent};

impl MptcpEndpoint {
    /// Lets connections hear of what has happened to their subflows.
    #[inline]
    pub(super) fn settle(&mut self, now: SimTime) {
        if self.tcp.is_touched() {
            self.tell(now);
        }
    }

    fn tell(&mut self, now: SimTime) {
        loop {
            if let Some(id) = self.tcp.poll_touched() {
                self.on_touched(now, id);
            } else if let Some(event) = self.tcp.poll_event() {
                self.on_tcp_event(now, event);
            } else {
                return;
            }
        }
    }

    fn on_touched(&mut self, now: SimTime, id: ConnectionId) {
        let mut owner = self.owner(id);
        if owner.is_none() {
            self.adopt(now, id);
            owner = self.owner(id);
        }
        let Some((index, path)) = owner else { return };
        let announced = self.with(now, index, |connection, outside| {
            connection.on_path(outside, usize::from(path));
            connection.announced
        });
        // A half-open connection of a listener ends without an event.
        if announced == Some(false)
            && self.table.get_any(index).is_some()
            && self.tcp.state(id).is_none_or(|state| state == State::Closed)
        {
            self.on_subflow_closed(now, id, CloseReason::Reset);
        }
    }

    /// Which connection and subflow a TCP connection belongs to.
    fn owner(&mut self, id: ConnectionId) -> Option<(u32, u8)> {
        self.tcp.hook_mut(id)?.owner
    }

    /// A subflow that the peer has opened gets its connection.
    fn adopt(&mut self, now: SimTime, subflow: ConnectionId) {
        let Some(birth) = self.tcp.hook_mut(subflow).and_then(|hook| hook.birth.take()) else { return };
        let Some(sockets) = self.tcp.sockets(subflow) else { return };
        match birth {
            Birth::Join { connection: index, address_id, backup, own_nonce, peer_nonce } => {
                let adopted = self.with(now, index, |connection, outside| {
                    let mut path = Path::new(subflow, sockets, address_id);
                    path.peer_backup = backup;
                    path.joining = Some(Joining { own_nonce, peer_nonce, resend_at: None, tries: 0 });
                    connection.add_path(outside, path);
                });
                if adopted.is_none() {
                    self.tcp.abort(now, subflow);
                }
            }
            Birth::Capable { listener, key, checksum, no_join } => {
                let Some(config) = self.table.listeners.get(&listener).cloned() else { return };
                let id = self.table.reserve();
                let mut connection = Box::new(Connection::new(id, config, false, key));
                (connection.checksum, connection.joins_forbidden) = (checksum, no_join);
                self.table.tokens.insert(connection.own_token, id.index);
                self.with_outside(now, |outside| {
                    connection.add_path(outside, Path::new(subflow, sockets, 0));
                });
                self.put(connection);
            }
            Birth::Plain { listener } => {
                let Some(config) = self.table.listeners.get(&listener).cloned() else { return };
                let id = self.table.reserve();
                let key = self.table.new_key();
                let mut connection = Box::new(Connection::new(id, config, false, key));
                self.with_outside(now, |outside| {
                    connection.add_path(outside, Path::new(subflow, sockets, 0));
                    connection.fall_back(outside, 0, Fallback::Syn, false);
                });
                self.put(connection);
            }
        }
    }

    fn on_tcp_event(&mut self, now: SimTime, event: TcpEvent) {
        let (id, listener) = match event {
            TcpEvent::Connected(id) => (id, None),
            TcpEvent::Accepted { listener, id } => (id, Some(listener)),
            TcpEvent::PeerClosed(id) => {
                self.on_subflow_fin(now, id);
                return;
            }
            TcpEvent::Closed { id, reason } => {
                self.on_subflow_closed(now, id, reason);
                return;
            }
            // Data is found when the subflow is looked at.
            TcpEvent::Readable(_)
            | TcpEvent::Writable(_)
            | TcpEvent::Urgent(_)
            | TcpEvent::Stalled(_)
            | TcpEvent::Acceptable(_) => return,
        };
        let Some((index, 0)) = self.owner(id) else { return };
        self.with(now, index, |connection, outside| {
            connection.announced = true;
            outside.events.push_back(match listener {
                Some(listener) => MptcpEvent::Accepted { listener, id: connection.id },
                None => MptcpEvent::Connected(connection.id),
            });
            // What came before is told now.
            connection.read_reported = false;
            connection.watch_plain(outside);
            connection.settle(outside);
        });
    }

    /// The peer closes a subflow: so do we, since it is of no more use (RFC 8684 §3.3.3).
    fn on_subflow_fin(&mut self, now: SimTime, id: ConnectionId) {
        let Some((index, path)) = self.owner(id) else { return };
        self.with(now, index, |connection, outside| {
            connection.on_path(outside, usize::from(path));
            let number = usize::from(path);
            let path = &connection.paths[number];
            let silent = !path.confirmed && !path.mapped;
            if connection.mode == Mode::Multipath && connection.is_single(number) && silent {
                // No option has come: the peer speaks plain TCP.
                connection.fall_back(outside, number, Fallback::NoMapping, true);
                connection.watch_plain(outside);
            } else if connection.mode == Mode::Multipath && connection.withheld.is_none() {
                outside.tcp.shutdown(outside.now, id);
            }
        });
    }

    fn on_subflow_closed(&mut self, now: SimTime, id: ConnectionId, reason: CloseReason) {
        let Some((index, path)) = self.owner(id) else { return };
        self.with(now, index, |connection, outside| {
            connection.on_path(outside, usize::from(path));
            connection.on_path_over(outside, usize::from(path), reason);
        });
        if let Some(hook) = self.tcp.hook_mut(id) {
            hook.owner = None;
        }
        if self.table.get_any(index).is_none_or(|connection| connection.plain() != Some(id)) {
            self.tcp.close(now, id);
        }
    }
}
