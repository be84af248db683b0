//! The TCP of one host: listeners, connections, and what belongs to none.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sim_core::{SimTime, digest};
use wire::account::{FlowId, Run, Runs};
use wire::payload::{Payload, Slice};

use super::config::TcpConfig;
use super::connection::{Changes, TcpConnection};
use super::deadlines::Deadlines;
use super::demux::Demux;
use super::dispatch::is_one_host;
use super::event::{ConnectionId, EndpointCounters, ListenerId, TcpError, TcpEvent};
use super::fast_open::ClientMemory;
use super::hook::{NoHook, SegmentHook};
use super::listener::{Listener, Listeners};
use super::sequence::InitialSequence;
use super::state::State;
use super::stats::{ConnectionStats, LimitTimes};
use crate::endpoint::Transmit;
use crate::ports::choose_ephemeral;

/// A place for a connection.
#[derive(Debug)]
pub(super) struct Slot<H> {
    pub(super) generation: u32,
    pub(super) connection: Option<Box<TcpConnection>>,
    /// What a protocol above adds to its segments.
    pub(super) hook: H,
    /// Where it came from, until it is established.
    pub(super) listener: Option<ListenerId>,
    /// Time of its entry in the heap.
    pub(super) armed_at: SimTime,
    /// It is in the ready list.
    pub(super) queued: bool,
    /// Its end was reported, or nobody knows of it.
    pub(super) reported: bool,
    /// Segments find it.
    pub(super) linked: bool,
    /// The user knows of it.
    pub(super) announced: bool,
}

/// The TCP of one host. `H` is what a protocol above keeps with each connection to take part in its segments.
#[derive(Debug)]
pub struct TcpEndpoint<H = NoHook> {
    pub(super) slots: Vec<Slot<H>>,
    pub(super) free: Vec<u32>,
    /// Slots to be freed at the next call.
    pub(super) expired: Vec<u32>,
    pub(super) live: u32,
    pub(super) demux: Demux,
    pub(super) listeners: Listeners,
    pub(super) ready: VecDeque<u32>,
    pub(super) deadlines: Deadlines,
    pub(super) events: VecDeque<TcpEvent>,
    /// Connections to which something has happened, for a protocol above.
    pub(super) touched: Vec<u32>,
    /// Segments that belong to no connection.
    pub(super) stateless: VecDeque<Transmit>,
    /// Servers that have given Fast Open cookies.
    pub(super) fast_open: ClientMemory,
    pub(super) rng: ChaCha8Rng,
    pub(super) secret: [u64; 2],
    pub(super) notes: bool,
    pub(super) counters: EndpointCounters,
}

impl TcpEndpoint {
    /// An endpoint that draws ports and sequence numbers from `rng`.
    pub fn new(rng: ChaCha8Rng) -> Self {
        Self::hooked(rng)
    }
}

impl<H: SegmentHook> TcpEndpoint<H> {
    /// An endpoint for a protocol above, which draws ports and sequence numbers from `rng`.
    pub fn hooked(mut rng: ChaCha8Rng) -> Self {
        let secret = [rng.next_u64(), rng.next_u64()];
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            expired: Vec::new(),
            live: 0,
            demux: Demux::default(),
            listeners: Listeners::default(),
            ready: VecDeque::new(),
            deadlines: Deadlines::default(),
            events: VecDeque::new(),
            touched: Vec::new(),
            stateless: VecDeque::new(),
            fast_open: ClientMemory::default(),
            rng,
            secret,
            notes: false,
            counters: EndpointCounters::default(),
        }
    }

    /// Listens at `local`, whose address may be unspecified; at most `backlog` connections may be half open.
    ///
    /// # Errors
    ///
    /// The address is in use.
    pub fn listen(
        &mut self,
        local: SocketAddr,
        config: Arc<TcpConfig>,
        backlog: u32,
    ) -> Result<ListenerId, TcpError> {
        let listener = Listener::new(local, config, backlog);
        self.listeners.add(listener).map(ListenerId).ok_or(TcpError::AddressInUse(local))
    }

    /// Opens a connection from `local`, whose port may be zero for the configured or an ephemeral one.
    ///
    /// # Errors
    ///
    /// The pair of sockets is in use, no port is free, or `remote` cannot be a peer.
    pub fn connect(
        &mut self,
        now: SimTime,
        local: SocketAddr,
        remote: SocketAddr,
        config: Arc<TcpConfig>,
    ) -> Result<ConnectionId, TcpError> {
        self.connect_with(now, local, remote, config, H::default())
    }

    /// As [`Self::connect`], with what a protocol above adds to its segments.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn connect_with(
        &mut self,
        now: SimTime,
        local: SocketAddr,
        remote: SocketAddr,
        config: Arc<TcpConfig>,
        hook: H,
    ) -> Result<ConnectionId, TcpError> {
        self.free_expired();
        if local.is_ipv4() != remote.is_ipv4() || !is_one_host(remote.ip()) || remote.port() == 0 {
            return Err(TcpError::BadRemote(remote)); // RFC 9293 §3.9.2.3, MUST-46
        }
        let mut local = local;
        if local.port() == 0 {
            local.set_port(config.local_port);
        }
        if local.port() == 0 {
            let (demux, listeners) = (&self.demux, &self.listeners);
            let port = choose_ephemeral(&mut self.rng, |port| {
                let candidate = SocketAddr::new(local.ip(), port);
                !demux.contains(candidate, remote) && !listeners.uses(local.ip(), port)
            });
            local.set_port(port.ok_or(TcpError::NoPort(remote))?);
        } else if self.demux.contains(local, remote) {
            return Err(TcpError::AddressInUse(local));
        }
        let (initial, offset) = self.initial_numbers(now, local, remote);
        let fast_open = config.fast_open && self.fast_open.allows(now, local.ip(), remote);
        let mut connection = TcpConnection::connect(now, local, remote, config, initial, offset);
        if fast_open {
            connection.use_fast_open(self.fast_open.of(remote.ip()));
        }
        let id = self.add(connection, None, hook);
        self.touch(id.index);
        Ok(id)
    }

    /// RFC 6528 §3: a clock of 4 µs and a keyed hash of the sockets. The start of the timestamp clock comes from
    /// the same hash (RFC 7323 §5.4).
    pub(super) fn initial_numbers(
        &self,
        now: SimTime,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> (InitialSequence, u32) {
        let mut hash = self.secret[0];
        for socket in [local, remote] {
            let address = match socket.ip() {
                IpAddr::V4(address) => u128::from(address.to_bits()),
                IpAddr::V6(address) => address.to_bits(),
            };
            hash = digest::fold(hash ^ address as u64, self.secret[1]);
            hash = digest::fold(hash ^ (address >> 64) as u64, self.secret[1] ^ u64::from(socket.port()));
        }
        let clock = (now.as_micros() / 4) as u32;
        (InitialSequence(clock.wrapping_add(hash as u32)), (hash >> 32) as u32)
    }

    pub(super) fn add(
        &mut self,
        mut connection: TcpConnection,
        listener: Option<ListenerId>,
        hook: H,
    ) -> ConnectionId {
        if self.notes {
            connection.keep_notes();
        }
        let (local, remote) = (connection.local(), connection.remote());
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                connection: None,
                hook: H::default(),
                listener: None,
                armed_at: SimTime::MAX,
                queued: false,
                reported: false,
                linked: false,
                announced: false,
            });
            u32::try_from(self.slots.len() - 1).expect("memory ends before 2^32 connections")
        });
        self.demux.insert(local, remote, index);
        self.live += 1;
        let slot = &mut self.slots[index as usize];
        slot.connection = Some(Box::new(connection));
        slot.hook = hook;
        slot.listener = listener;
        slot.reported = false;
        slot.linked = true;
        slot.announced = listener.is_none();
        ConnectionId { index, generation: slot.generation }
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&TcpConnection> {
        let slot = self.slots.get(id.index as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        slot.connection.as_deref()
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut TcpConnection> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        slot.connection.as_deref_mut()
    }

    /// Writes as much of `slice` as fits the send buffer, and returns the bytes taken.
    pub fn write(&mut self, now: SimTime, id: ConnectionId, slice: &Slice, run: Run) -> u32 {
        let Some(connection) = self.get_mut(id) else { return 0 };
        let taken = connection.write(now, slice, run);
        self.touch(id.index);
        taken
    }

    /// Writes urgent data (RFC 9293 §3.8.5), and returns the bytes taken.
    pub fn write_urgent(&mut self, now: SimTime, id: ConnectionId, slice: &Slice, run: Run) -> u32 {
        let Some(connection) = self.get_mut(id) else { return 0 };
        let taken = connection.write_urgent(now, slice, run);
        self.touch(id.index);
        taken
    }

    /// Bytes that a write would take.
    pub fn writable(&self, id: ConnectionId) -> u32 {
        self.get(id).map_or(0, TcpConnection::writable)
    }

    /// Reads up to `max` bytes with their runs; a window update follows where it is due.
    pub fn read(&mut self, _now: SimTime, id: ConnectionId, max: u32) -> (Payload, Runs) {
        let Some(connection) = self.get_mut(id) else { return (Payload::empty(), Runs::new()) };
        let read = connection.read(max);
        self.on_read(id);
        read
    }

    /// Bytes that can be read.
    pub fn readable(&self, id: ConnectionId) -> u32 {
        self.get(id).map_or(0, TcpConnection::readable)
    }

    /// Closes the sending direction: a FIN follows what was written. Reading goes on.
    pub fn shutdown(&mut self, now: SimTime, id: ConnectionId) {
        self.with(id, |connection| connection.shutdown(now));
    }

    /// Closes both directions: what was written is still sent, what arrives is refused.
    pub fn close(&mut self, now: SimTime, id: ConnectionId) {
        self.with(id, |connection| connection.close(now));
    }

    /// Ends the connection at once with a reset.
    pub fn abort(&mut self, now: SimTime, id: ConnectionId) {
        self.with(id, |connection| connection.abort(now));
    }

    /// Charges segments without payload to `flow`, until data of another flow is sent or received.
    pub fn set_flow(&mut self, id: ConnectionId, flow: FlowId) {
        self.with(id, |connection| connection.set_flow(flow));
    }

    fn with(&mut self, id: ConnectionId, action: impl FnOnce(&mut TcpConnection)) {
        if let Some(connection) = self.get_mut(id) {
            action(connection);
            self.touch(id.index);
        }
    }

    /// The connection at this moment.
    pub fn stats(&self, id: ConnectionId) -> Option<ConnectionStats> {
        self.get(id).map(TcpConnection::stats)
    }

    /// How long each limit has held the connection's sender back until `now`.
    pub fn limit_times(&self, now: SimTime, id: ConnectionId) -> Option<LimitTimes> {
        self.get(id).map(|connection| connection.limit_times(now))
    }

    /// The local and the remote socket of a connection.
    pub fn sockets(&self, id: ConnectionId) -> Option<(SocketAddr, SocketAddr)> {
        self.get(id).map(|connection| (connection.local(), connection.remote()))
    }

    /// Counters of what reached no connection.
    pub fn counters(&self) -> EndpointCounters {
        self.counters
    }

    /// Connections in memory, TIME-WAIT included.
    pub fn connections(&self) -> u32 {
        self.live
    }

    /// After anything happened to a connection: reports, queues and arms.
    #[inline]
    pub(super) fn touch(&mut self, index: u32) {
        if H::ACTIVE {
            self.touched.push(index);
        }
        let slot = &mut self.slots[index as usize];
        if H::ACTIVE
            && let Some(connection) = &mut slot.connection
        {
            // A protocol above looks at each connection that was touched.
            connection.changes.readable = false;
        }
        if slot.connection.as_ref().is_some_and(|connection| connection.has_news()) || slot.listener.is_some()
        {
            self.report(index);
        }
        self.queue(index);
        self.arm(index);
    }

    /// Has the connection asked for segments.
    #[inline]
    pub(super) fn queue(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if !slot.queued {
            slot.queued = true;
            self.ready.push_back(index);
        }
    }

    #[inline]
    pub(super) fn arm(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Some(connection) = &slot.connection else { return };
        if let Some(at) = connection.next_timeout()
            && at < slot.armed_at
        {
            slot.armed_at = at;
            self.deadlines.push(at, index, slot.generation);
        }
    }

    fn report(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Some(connection) = &mut slot.connection else { return };
        let changes = connection.take_changes();
        let id = ConnectionId { index, generation: slot.generation };
        let readable = Changes { readable: true, ..Changes::default() };
        if changes == readable && connection.state() == State::Established && slot.announced {
            self.events.push_back(TcpEvent::Readable(id));
            return;
        }
        if changes.connected {
            let event = match slot.listener.map(|listener| (listener, self.listeners.get_mut(listener.0))) {
                None => TcpEvent::Connected(id),
                Some((listener, Some(waiting))) if waiting.config.listener.on_demand => {
                    waiting.queue.push_back(id);
                    TcpEvent::Acceptable(listener)
                }
                Some((listener, _)) => {
                    slot.announced = true;
                    TcpEvent::Accepted { listener, id }
                }
            };
            self.events.push_back(event);
        }
        if changes.cookie {
            self.fast_open.learn(connection);
        }
        let events = [
            (changes.readable, TcpEvent::Readable(id)),
            (changes.writable, TcpEvent::Writable(id)),
            (changes.urgent, TcpEvent::Urgent(id)),
            (changes.stalled, TcpEvent::Stalled(id)),
            (changes.peer_closed, TcpEvent::PeerClosed(id)),
        ];
        let announced = slot.announced;
        self.events
            .extend(events.into_iter().filter_map(|(happened, it)| (happened && announced).then_some(it)));
        let over = connection.state() == State::Closed;
        let established = connection.state() != State::SynReceived;
        let fast_open = connection.was_announced();
        if let Some(reason) = changes.closed {
            if announced {
                self.events.push_back(TcpEvent::Closed { id, reason });
            } else {
                slot.reported = true; // A half-open connection returns to LISTEN in silence.
            }
        }
        if established
            && let Some(listener) = slot.listener.take()
            && let Some(listener) = self.listeners.get_mut(listener.0)
        {
            listener.half_open -= 1;
            listener.fast_open_pending -= u32::from(fast_open);
        }
        if over {
            self.on_over(index);
        }
    }

    /// The connection is in CLOSED: segments no longer find it, and once it is done it goes.
    pub(super) fn on_over(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Some(connection) = &slot.connection else { return };
        if slot.linked {
            slot.linked = false;
            self.demux.remove(connection.local(), connection.remote());
        }
        if slot.reported && connection.is_done() {
            self.expired.push(index);
        }
    }

    pub(super) fn free_expired(&mut self) {
        while let Some(index) = self.expired.pop() {
            self.free_slot(index);
        }
    }

    pub(super) fn free_slot(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Some(connection) = slot.connection.take() else { return };
        if slot.linked {
            slot.linked = false;
            self.demux.remove(connection.local(), connection.remote());
        }
        slot.generation = slot.generation.wrapping_add(1);
        slot.armed_at = SimTime::MAX;
        slot.hook = H::default();
        self.live -= 1;
        self.free.push(index);
        if self.live == 0 {
            self.deadlines.clear();
        }
    }
}
