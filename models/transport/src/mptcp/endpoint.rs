//! The Multipath TCP of one host: listeners, connections, and their subflows' TCP.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sim_core::SimTime;
use wire::account::{Account, FlowId, Run, Runs};
use wire::packet::Packet;
use wire::payload::{Payload, Slice};

use super::config::MptcpConfig;
use super::connection::{Connection, Outside};
use super::event::{MptcpEndpointCounters, MptcpEvent, MptcpId};
use super::path::Path;
use super::subflow::{Stage, Subflow};
use super::table::Table;
use crate::endpoint::{Endpoint, Envelope, NetworkEvent, Received, Transmit};
use crate::tally::Tally;
use crate::tcp::attached::Found;
use crate::tcp::note::Note;
use crate::tcp::{ListenerId, TcpEndpoint, TcpError};

/// The Multipath TCP of one host.
#[derive(Debug)]
pub struct MptcpEndpoint {
    pub(super) tcp: TcpEndpoint<Subflow>,
    pub(super) table: Table,
    pub(super) events: VecDeque<MptcpEvent>,
    pub(super) locals: Vec<IpAddr>,
    pub(super) backups: BTreeSet<IpAddr>,
    /// How often `locals` has changed.
    pub(super) locals_changes: u32,
    /// Connections whose data may be given to subflows, in order.
    waiting: Vec<u32>,
    /// Connections whose subflows do not know yet what to acknowledge.
    stale: Vec<u32>,
    deadlines: BTreeSet<(SimTime, u32)>,
    pub(super) tally: Tally,
}

impl MptcpEndpoint {
    /// What cryptography it has done.
    #[inline]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// An endpoint that draws keys, ports and numbers from `rng`.
    pub fn new(mut rng: ChaCha8Rng) -> Self {
        let own = ChaCha8Rng::from_rng(&mut rng);
        let tally = Tally::default();
        Self {
            tcp: TcpEndpoint::hooked(rng),
            table: Table::new(own, tally.clone()),
            tally,
            events: VecDeque::new(),
            locals: Vec::new(),
            backups: BTreeSet::new(),
            locals_changes: 0,
            waiting: Vec::new(),
            stale: Vec::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// Keeps notes of every subflow made from now on.
    pub fn keep_notes(&mut self) {
        self.tcp.keep_notes();
    }

    /// The notes of all subflows since the last call.
    pub fn drain_notes(&mut self) -> Vec<Note> {
        self.tcp.drain_notes()
    }

    /// Listens at `local`, whose address may be unspecified.
    ///
    /// # Errors
    ///
    /// The address is in use.
    pub fn listen(&mut self, local: SocketAddr, config: Arc<MptcpConfig>) -> Result<ListenerId, TcpError> {
        let backlog = config.tcp.listener.syn_queue;
        let id = self.tcp.listen(local, Connection::subflow_config(&config.tcp), backlog)?;
        self.table.listeners.insert(id, config);
        Ok(id)
    }

    /// Opens a connection from `local`, whose port may be zero for an ephemeral one.
    ///
    /// # Errors
    ///
    /// The pair of sockets is in use, no port is free, or `remote` cannot be a peer.
    pub fn connect(
        &mut self,
        now: SimTime,
        local: SocketAddr,
        remote: SocketAddr,
        config: Arc<MptcpConfig>,
    ) -> Result<MptcpId, TcpError> {
        let key = self.table.new_key();
        let hook = Subflow {
            stage: Stage::CapableSyn,
            checksum: config.checksum,
            long: config.long_sequence,
            ..Subflow::default()
        };
        let tcp = Connection::subflow_config(&config.tcp);
        let subflow = self.tcp.connect_with(now, local, remote, tcp, hook)?;
        let sockets = self.tcp.sockets(subflow).unwrap_or((local, remote));
        let id = self.table.reserve();
        let mut connection = Box::new(Connection::new(id, config, true, key));
        self.table.tokens.insert(connection.own_token, id.index);
        self.with_outside(now, |outside| connection.add_path(outside, Path::new(subflow, sockets, 0)));
        self.table.put(connection);
        self.settle(now);
        Ok(id)
    }

    /// Whom of this endpoint a datagram of TCP is for: a subflow, a listener, or a connection that it joins.
    #[inline]
    pub fn find(&mut self, received: &mut Received<'_>) -> Option<Found> {
        // What comes from outside of the simulation is not cut into headers yet.
        let packet = &mut *received.packet;
        if !packet.pull(TCP_HEADER_MIN) {
            return None;
        }
        let len = usize::from(packet.header()[12] >> 4) * 4;
        if !packet.pull(len) {
            return None;
        }
        self.tcp.find(received).or_else(|| {
            // MP_JOIN finds its connection by token, whatever the port is: a SYN that holds an option of kind 30.
            let header = received.packet.header();
            let joins = header[13] & 0x12 == 2 && header.get(TCP_HEADER_MIN..len).is_some_and(has_join);
            joins.then_some(Found::NEW)
        })
    }

    /// Takes a datagram, whom it is for being known from [`Self::find`].
    #[inline]
    pub fn handle_found(&mut self, now: SimTime, received: Received<'_>, found: Found) {
        self.tcp.handle_found(now, received, found, &mut self.table);
        self.settle(now);
    }

    #[inline]
    pub(super) fn with_outside<T>(&mut self, now: SimTime, action: impl FnOnce(&mut Outside<'_>) -> T) -> T {
        let mut outside = Outside {
            now,
            tcp: &mut self.tcp,
            events: &mut self.events,
            rng: &mut self.table.rng,
            stale: &mut self.stale,
            locals: &self.locals,
            locals_changes: self.locals_changes,
            backups: &self.backups,
            tally: &self.tally,
        };
        action(&mut outside)
    }

    /// Works on a connection where it is.
    #[inline]
    fn at<T>(
        &mut self,
        now: SimTime,
        index: u32,
        action: impl FnOnce(&mut Connection, &mut Outside<'_>) -> T,
    ) -> Option<T> {
        let (connection, rng) = self.table.split(index)?;
        let mut outside = Outside {
            now,
            tcp: &mut self.tcp,
            events: &mut self.events,
            rng,
            stale: &mut self.stale,
            locals: &self.locals,
            locals_changes: self.locals_changes,
            backups: &self.backups,
            tally: &self.tally,
        };
        Some(action(connection, &mut outside))
    }

    /// Works on a connection, if it is there, and sees to what follows.
    pub(super) fn with<T>(
        &mut self,
        now: SimTime,
        index: u32,
        action: impl FnOnce(&mut Connection, &mut Outside<'_>) -> T,
    ) -> Option<T> {
        let (result, has_data) = self.at(now, index, |connection, outside| {
            let result = action(connection, outside);
            (result, connection.has_data())
        })?;
        if has_data && let Err(at) = self.waiting.binary_search(&index) {
            self.waiting.insert(at, index);
        }
        self.watch(index);
        Some(result)
    }

    pub(super) fn with_id<T>(
        &mut self,
        now: SimTime,
        id: MptcpId,
        action: impl FnOnce(&mut Connection, &mut Outside<'_>) -> T,
    ) -> Option<T> {
        self.table.get(id)?;
        let result = self.with(now, id.index, action);
        self.settle(now);
        result
    }

    /// Has connections tell their subflows what to acknowledge.
    #[inline]
    fn inform(&mut self) {
        while let Some(index) = self.stale.pop() {
            if let Some(connection) = self.table.get_any_mut(index) {
                connection.inform(&mut self.tcp);
            }
        }
    }

    /// Has connections give their data to subflows. Returns whether any was given.
    fn schedule(&mut self, now: SimTime) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let mut gave = false;
        let mut waiting = std::mem::take(&mut self.waiting);
        for index in waiting.drain(..) {
            gave |= self.at(now, index, |connection, outside| connection.schedule(outside)) == Some(true);
            self.watch(index);
        }
        if self.waiting.is_empty() {
            self.waiting = waiting; // Its memory serves the next ones.
        }
        gave
    }

    /// Puts a new connection where it belongs.
    pub(super) fn put(&mut self, connection: Box<Connection>) {
        let index = connection.id.index;
        self.table.put(connection);
        self.watch(index);
    }

    /// Notes the deadline of a connection to which something has happened, or forgets it.
    #[inline]
    fn watch(&mut self, index: u32) {
        let Some(connection) = self.table.get_any_mut(index) else { return };
        if connection.may_be_done() && connection.is_done(&self.tcp) {
            self.forget(index);
            return;
        }
        // A deadline that moves away, as with each acknowledgment, is looked at when it would have come.
        if let Some(next) = connection.next_timeout()
            && connection.armed_at.is_none_or(|armed| next < armed)
        {
            let before = connection.armed_at.replace(next);
            self.rearm(index, before, next);
        }
    }

    fn rearm(&mut self, index: u32, before: Option<SimTime>, next: SimTime) {
        if let Some(at) = before {
            self.deadlines.remove(&(at, index));
        }
        self.deadlines.insert((next, index));
    }

    #[cold]
    fn forget(&mut self, index: u32) {
        let Some(connection) = self.table.take(index) else { return };
        if let Some(at) = connection.armed_at {
            self.deadlines.remove(&(at, index));
        }
        self.waiting.retain(|waiting| *waiting != index);
        self.table.forget(&connection);
    }

    /// Writes as much of `slice` as fits the send buffer, and returns the bytes taken.
    pub fn write(&mut self, now: SimTime, id: MptcpId, slice: &Slice, run: Run) -> u32 {
        self.with_id(now, id, |connection, outside| connection.write(outside, slice, run)).unwrap_or(0)
    }

    /// Bytes that a write would take.
    pub fn writable(&self, id: MptcpId) -> u32 {
        self.table.get(id).map_or(0, |connection| connection.writable(&self.tcp))
    }

    /// Reads up to `max` bytes with their runs.
    pub fn read(&mut self, now: SimTime, id: MptcpId, max: u32) -> (Payload, Runs) {
        let read = self.with_id(now, id, |connection, outside| connection.read(outside, max));
        read.unwrap_or_else(|| (Payload::empty(), Runs::new()))
    }

    /// Bytes that can be read.
    pub fn readable(&self, id: MptcpId) -> u64 {
        self.table.get(id).map_or(0, |connection| connection.readable(&self.tcp))
    }

    /// Closes the sending direction: a DATA_FIN follows what was written. Reading goes on.
    pub fn shutdown(&mut self, now: SimTime, id: MptcpId) {
        self.with_id(now, id, |connection, outside| connection.shutdown(outside));
    }

    /// Closes both directions: what was written is still sent, what arrives is refused.
    pub fn close(&mut self, now: SimTime, id: MptcpId) {
        self.with_id(now, id, |connection, outside| {
            connection.discard = true;
            if connection.readable(outside.tcp) > 0 {
                connection.abort(outside);
            } else if let Some(plain) = connection.plain() {
                connection.fin = true;
                outside.tcp.close(outside.now, plain);
            } else {
                connection.shutdown(outside);
            }
        });
    }

    /// Ends the connection at once (MP_FASTCLOSE).
    pub fn abort(&mut self, now: SimTime, id: MptcpId) {
        self.with_id(now, id, |connection, outside| connection.abort(outside));
    }

    /// Charges segments without payload to `flow`, until data of another flow is sent.
    pub fn set_flow(&mut self, now: SimTime, id: MptcpId, flow: FlowId) {
        self.with_id(now, id, |connection, outside| {
            connection.flow = flow;
            for path in &connection.paths {
                outside.tcp.set_flow(path.id, flow);
            }
        });
    }

    /// Whether [`Endpoint::poll_transmit`] may have something: a quick look.
    #[inline]
    pub fn may_transmit(&self) -> bool {
        !self.waiting.is_empty() || self.tcp.may_transmit() || self.tcp.is_touched()
    }

    /// Whether an event waits to be taken.
    #[inline]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The sockets of the first subflow.
    pub fn sockets(&self, id: MptcpId) -> Option<(SocketAddr, SocketAddr)> {
        let path = self.table.get(id)?.paths.first()?;
        Some((path.local, path.remote))
    }

    /// Counters of what reached no connection.
    pub fn counters(&self) -> MptcpEndpointCounters {
        self.table.counters
    }

    /// Connections in memory.
    pub fn connections(&self) -> usize {
        self.table.indices().len()
    }
}

impl Endpoint for MptcpEndpoint {
    type Event = MptcpEvent;

    fn handle_datagram(&mut self, now: SimTime, received: Received<'_>) {
        self.handle_found(now, received, Found::NEW);
    }

    fn handle_network(&mut self, now: SimTime, event: &NetworkEvent) {
        self.tcp.handle_network(now, event);
        self.locals_changes = self.locals_changes.wrapping_add(1);
        match event {
            NetworkEvent::AddressAdded(address, _) if !self.locals.contains(address) => {
                self.locals.push(*address);
            }
            NetworkEvent::AddressRemoved(address, _) => self.locals.retain(|known| known != address),
            NetworkEvent::AddressAdded(..)
            | NetworkEvent::LinkUp(_)
            | NetworkEvent::LinkDown(_)
            | NetworkEvent::Icmp { .. } => {}
        }
        self.settle(now);
        for index in self.table.indices() {
            match event {
                NetworkEvent::AddressRemoved(address, _) => {
                    self.with(now, index, |connection, outside| connection.on_local_gone(outside, *address));
                }
                NetworkEvent::AddressAdded(..) | NetworkEvent::LinkUp(_) => {
                    self.with(now, index, |connection, outside| connection.on_network_up(outside));
                }
                NetworkEvent::LinkDown(_) | NetworkEvent::Icmp { .. } => {}
            }
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: SimTime) {
        self.tcp.handle_timeout(now);
        self.settle(now);
        while let Some(&(at, index)) = self.deadlines.first()
            && at <= now
        {
            self.deadlines.pop_first();
            let Some(connection) = self.table.get_any_mut(index) else { continue };
            connection.armed_at = None;
            let due = connection.next_timeout().is_some_and(|due| due <= now);
            self.watch(index);
            if due {
                self.with(now, index, |connection, outside| connection.on_timeout(outside));
            }
        }
        self.settle(now);
    }

    fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit> {
        let mut packet = Packet::new(Payload::empty(), Account::default());
        let envelope = self.poll_transmit_into(now, &mut packet)?;
        Some(envelope.with(packet))
    }

    fn poll_transmit_into(&mut self, now: SimTime, place: &mut Packet) -> Option<Envelope> {
        loop {
            self.inform();
            if let Some(envelope) = self.tcp.poll_transmit_into(now, place) {
                return Some(envelope);
            }
            self.settle(now);
            self.inform();
            if !self.schedule(now) {
                return None;
            }
        }
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        let own = self.deadlines.first().map(|(at, _)| *at);
        own.into_iter().chain(self.tcp.poll_timeout()).min()
    }

    fn poll_event(&mut self) -> Option<MptcpEvent> {
        self.events.pop_front()
    }
}

/// Bytes of a header without options.
const TCP_HEADER_MIN: usize = 20;

/// Whether a list of options holds MP_JOIN.
fn has_join(list: &[u8]) -> bool {
    let mut rest = list;
    loop {
        rest = match rest {
            [1, rest @ ..] => rest,
            [30, _, first, ..] if first >> 4 == 1 => return true,
            [0, ..] | [] | [_] => return false,
            [_, len, ..] if *len >= 2 && usize::from(*len) <= rest.len() => &rest[usize::from(*len)..],
            [_, _, ..] => return false,
        };
    }
}
