//! The TCP of one host: listeners, connections, and what belongs to none.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sim_core::{SimTime, digest};
use wire::account::{FlowId, Reason, Run, Runs};
use wire::payload::{Payload, Slice};
use wire::tcp::TcpFlags;

use super::config::TcpConfig;
use super::connection::TcpConnection;
use super::deadlines::Deadlines;
use super::demux::Demux;
use super::hook::NoHook;
use super::listener::{Listener, Listeners};
use super::note::Note;
use super::segment::{Outgoing, Segment, SegmentError};
use super::sequence::InitialSequence;
use super::state::{CloseReason, State};
use super::stats::ConnectionStats;
use crate::endpoint::{Endpoint, IcmpError, NetworkEvent, Received, Transmit};
use crate::ports::choose_ephemeral;

/// A connection of an endpoint. An id stays valid until the connection is over, its end was reported, and it
/// was read empty or closed; afterwards every call with it finds nothing.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ConnectionId {
    index: u32,
    generation: u32,
}

/// A listening socket of an endpoint.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ListenerId(u32);

/// What an endpoint reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TcpEvent {
    /// A connection that this host opened is established.
    Connected(ConnectionId),
    /// A peer has connected.
    Accepted {
        /// Where it connected to.
        listener: ListenerId,
        /// The new connection.
        id: ConnectionId,
    },
    /// Bytes can be read; reported again after the next read.
    Readable(ConnectionId),
    /// A write that was cut short can go on.
    Writable(ConnectionId),
    /// The peer sends no more than what can be read.
    PeerClosed(ConnectionId),
    /// The peer has announced urgent data.
    Urgent(ConnectionId),
    /// Retransmissions go unanswered (R1 of RFC 9293 §3.8.3).
    Stalled(ConnectionId),
    /// The connection is over.
    Closed {
        /// The connection.
        id: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TcpError {
    /// Another socket has the address.
    #[error("the address {0} is in use")]
    AddressInUse(SocketAddr),
    /// No ephemeral port is free towards the peer.
    #[error("no port is free towards {0}")]
    NoPort(SocketAddr),
    /// The addresses are of two families, or the peer's is not that of one host.
    #[error("{0} cannot be connected to")]
    BadRemote(SocketAddr),
}

/// What happened to segments that reached no connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EndpointCounters {
    /// Datagrams without a proper header.
    pub malformed: u64,
    /// Segments with a wrong checksum.
    pub bad_checksum: u64,
    /// Segments to or from an address that is not one host's (RFC 9293 §3.9.2.3).
    pub bad_address: u64,
    /// Segments to no connection and no listener.
    pub unmatched: u64,
    /// Resets sent in answer to such.
    pub resets_sent: u64,
    /// Resets not sent because too many waited to be.
    pub resets_suppressed: u64,
    /// SYNs dropped because a listener's backlog was full.
    pub backlog_full: u64,
    /// Connections in TIME-WAIT that gave way to a new one.
    pub time_wait_reused: u64,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    connection: Option<Box<TcpConnection>>,
    /// Where it came from, until it is established.
    listener: Option<ListenerId>,
    /// Time of its entry in the heap.
    armed_at: SimTime,
    /// It is in the ready list.
    queued: bool,
    /// Its end was reported, or nobody knows of it.
    reported: bool,
    /// Segments find it.
    linked: bool,
}

/// The TCP of one host.
#[derive(Debug)]
pub struct TcpEndpoint {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots to be freed at the next call.
    expired: Vec<u32>,
    live: u32,
    demux: Demux,
    listeners: Listeners,
    ready: VecDeque<u32>,
    deadlines: Deadlines,
    events: VecDeque<TcpEvent>,
    resets: VecDeque<Transmit>,
    rng: ChaCha8Rng,
    secret: [u64; 2],
    notes: bool,
    counters: EndpointCounters,
}

impl TcpEndpoint {
    /// An endpoint that draws ports and sequence numbers from `rng`.
    pub fn new(mut rng: ChaCha8Rng) -> Self {
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
            resets: VecDeque::new(),
            rng,
            secret,
            notes: false,
            counters: EndpointCounters::default(),
        }
    }

    /// Keeps notes of every connection made from now on.
    pub fn keep_notes(&mut self) {
        self.notes = true;
    }

    /// The notes of a connection since the last call.
    pub fn take_notes(&mut self, id: ConnectionId) -> Vec<Note> {
        self.get_mut(id).map(TcpConnection::take_notes).unwrap_or_default()
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
        let listener = Listener { local, config, backlog, half_open: 0 };
        self.listeners.add(listener).map(ListenerId).ok_or(TcpError::AddressInUse(local))
    }

    /// Stops listening; connections that were made stay.
    pub fn stop_listening(&mut self, id: ListenerId) {
        self.listeners.remove(id.0);
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
        config: Arc<TcpConfig>,
    ) -> Result<ConnectionId, TcpError> {
        self.free_expired();
        if local.is_ipv4() != remote.is_ipv4() || !is_one_host(remote.ip()) || remote.port() == 0 {
            return Err(TcpError::BadRemote(remote)); // RFC 9293 §3.9.2.3, MUST-46
        }
        let mut local = local;
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
        let connection = TcpConnection::connect(now, local, remote, config, initial, offset);
        let id = self.add(connection, None);
        self.touch(id.index);
        Ok(id)
    }

    /// RFC 6528 §3: a clock of 4 µs and a keyed hash of the sockets. The start of the timestamp clock comes from
    /// the same hash (RFC 7323 §5.4).
    fn initial_numbers(&self, now: SimTime, local: SocketAddr, remote: SocketAddr) -> (InitialSequence, u32) {
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

    fn add(&mut self, mut connection: TcpConnection, listener: Option<ListenerId>) -> ConnectionId {
        if self.notes {
            connection.keep_notes();
        }
        let (local, remote) = (connection.local(), connection.remote());
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                connection: None,
                listener: None,
                armed_at: SimTime::MAX,
                queued: false,
                reported: false,
                linked: false,
            });
            u32::try_from(self.slots.len() - 1).expect("memory ends before 2^32 connections")
        });
        self.demux.insert(local, remote, index);
        self.live += 1;
        let slot = &mut self.slots[index as usize];
        slot.connection = Some(Box::new(connection));
        slot.listener = listener;
        slot.reported = false;
        slot.linked = true;
        ConnectionId { index, generation: slot.generation }
    }

    fn get(&self, id: ConnectionId) -> Option<&TcpConnection> {
        let slot = self.slots.get(id.index as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        slot.connection.as_deref()
    }

    fn get_mut(&mut self, id: ConnectionId) -> Option<&mut TcpConnection> {
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

    /// Bytes that a write would take.
    pub fn writable(&self, id: ConnectionId) -> u32 {
        self.get(id).map_or(0, TcpConnection::writable)
    }

    /// Reads up to `max` bytes with their runs; a window update follows where it is due.
    pub fn read(&mut self, _now: SimTime, id: ConnectionId, max: u32) -> (Payload, Runs) {
        let Some(connection) = self.get_mut(id) else { return (Payload::empty(), Runs::new()) };
        let read = connection.read(max);
        self.touch(id.index);
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
    fn touch(&mut self, index: u32) {
        self.report(index);
        let slot = &mut self.slots[index as usize];
        if !slot.queued {
            slot.queued = true;
            self.ready.push_back(index);
        }
        self.arm(index);
    }

    #[inline]
    fn arm(&mut self, index: u32) {
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
        if changes.connected {
            self.events.push_back(match slot.listener {
                Some(listener) => TcpEvent::Accepted { listener, id },
                None => TcpEvent::Connected(id),
            });
        }
        let events = [
            (changes.readable, TcpEvent::Readable(id)),
            (changes.writable, TcpEvent::Writable(id)),
            (changes.urgent, TcpEvent::Urgent(id)),
            (changes.stalled, TcpEvent::Stalled(id)),
            (changes.peer_closed, TcpEvent::PeerClosed(id)),
        ];
        self.events.extend(events.into_iter().filter_map(|(happened, event)| happened.then_some(event)));
        let over = connection.state() == State::Closed;
        let established = connection.state() != State::SynReceived;
        let known = slot.listener.is_none() || changes.connected;
        if let Some(reason) = changes.closed {
            if known {
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
        }
        if over {
            self.on_over(index);
        }
    }

    /// The connection is in CLOSED: segments no longer find it, and once it is done it goes.
    fn on_over(&mut self, index: u32) {
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

    fn free_expired(&mut self) {
        while let Some(index) = self.expired.pop() {
            self.free_slot(index);
        }
    }

    fn free_slot(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Some(connection) = slot.connection.take() else { return };
        if slot.linked {
            slot.linked = false;
            self.demux.remove(connection.local(), connection.remote());
        }
        slot.generation = slot.generation.wrapping_add(1);
        slot.armed_at = SimTime::MAX;
        self.live -= 1;
        self.free.push(index);
        if self.live == 0 {
            self.deadlines.clear();
        }
    }

    /// A segment for no connection.
    fn handle_unmatched(&mut self, now: SimTime, local: SocketAddr, remote: SocketAddr, segment: &Segment) {
        let flags = segment.header.flags;
        if flags.contains(TcpFlags::RST) {
            self.counters.unmatched += 1;
            return;
        }
        let listener = self.listeners.find(local).filter(|_| !flags.contains(TcpFlags::ACK));
        let Some(listener) = listener else {
            self.counters.unmatched += 1;
            self.refuse(local, remote, segment);
            return;
        };
        if flags.contains(TcpFlags::SYN) {
            self.handle_syn(now, ListenerId(listener), local, remote, segment);
        } else {
            self.counters.unmatched += 1; // RFC 9293 §3.10.7.2, fourth step.
        }
    }

    fn handle_syn(
        &mut self,
        now: SimTime,
        id: ListenerId,
        local: SocketAddr,
        remote: SocketAddr,
        syn: &Segment,
    ) {
        let Some(listener) = self.listeners.get_mut(id.0) else { return };
        if listener.half_open >= listener.backlog {
            self.counters.backlog_full += 1;
            return;
        }
        listener.half_open += 1;
        let config = Arc::clone(&listener.config);
        let (initial, offset) = self.initial_numbers(now, local, remote);
        let connection = TcpConnection::accept(now, local, remote, config, initial, offset, syn);
        let connection = self.add(connection, Some(id));
        self.touch(connection.index);
    }

    /// RFC 9293 §3.10.7.1 and §3.10.7.2: a reset that the sender of `segment` will accept.
    fn refuse(&mut self, local: SocketAddr, remote: SocketAddr, segment: &Segment) {
        if self.resets.len() >= RESETS_WAITING {
            self.counters.resets_suppressed += 1;
            return;
        }
        let header = &segment.header;
        let (sequence, acknowledgment, flags) = if header.flags.contains(TcpFlags::ACK) {
            (header.acknowledgment_number, 0, TcpFlags::RST)
        } else {
            let behind = header.sequence_number.wrapping_add(segment.len());
            (0, behind, TcpFlags::RST | TcpFlags::ACK)
        };
        let mut outgoing = Outgoing::control(sequence, acknowledgment, flags, Reason::Control);
        outgoing.flow = segment.flow;
        self.counters.resets_sent += 1;
        self.resets.push_back(outgoing.emit(local, remote, None, 0));
    }

    fn handle_icmp(
        &mut self,
        now: SimTime,
        error: IcmpError,
        source: IpAddr,
        destination: IpAddr,
        quoted: &[u8],
    ) {
        let Some(&[a, b, c, d, e, f, g, h]) = quoted.first_chunk::<8>() else { return };
        let local = SocketAddr::new(source, u16::from_be_bytes([a, b]));
        let remote = SocketAddr::new(destination, u16::from_be_bytes([c, d]));
        if let Some(index) = self.demux.find(local, remote)
            && let Some(connection) = &mut self.slots[index as usize].connection
        {
            connection.handle_icmp(now, error, u32::from_be_bytes([e, f, g, h]));
            self.touch(index);
        }
    }
}

impl Endpoint for TcpEndpoint {
    type Event = TcpEvent;

    fn handle_datagram(&mut self, now: SimTime, mut received: Received<'_>) {
        self.free_expired();
        if !is_one_host(received.source) || !is_one_host(received.destination) {
            self.counters.bad_address += 1;
            return;
        }
        let segment = match Segment::parse(&mut received) {
            Ok(segment) => segment,
            Err(SegmentError::Malformed) => {
                self.counters.malformed += 1;
                return;
            }
            Err(SegmentError::Checksum) => {
                self.counters.bad_checksum += 1;
                return;
            }
        };
        let local = SocketAddr::new(received.destination, segment.header.destination_port);
        let remote = SocketAddr::new(received.source, segment.header.source_port);
        if let Some(index) = self.demux.find(local, remote)
            && let Some(connection) = &mut self.slots[index as usize].connection
        {
            if !connection.may_be_replaced_by(&segment) || self.listeners.find(local).is_none() {
                connection.handle_segment(now, segment);
                self.touch(index);
                return;
            }
            self.counters.time_wait_reused += 1;
            connection.abort(now);
            let _reported = connection.take_changes();
            self.free_slot(index);
        }
        self.handle_unmatched(now, local, remote, &segment);
    }

    fn handle_network(&mut self, now: SimTime, event: &NetworkEvent) {
        self.free_expired();
        match event {
            NetworkEvent::Icmp { error, source, destination, quoted } => {
                self.handle_icmp(now, *error, *source, *destination, quoted);
            }
            NetworkEvent::AddressRemoved(address, _) => {
                for index in 0..self.slots.len() {
                    let connection = self.slots[index].connection.as_deref_mut();
                    if let Some(connection) = connection.filter(|it| it.local().ip() == *address) {
                        connection.handle_address_removed(now);
                        self.touch(index as u32);
                    }
                }
            }
            // TCP waits: what is lost meanwhile is sent again.
            NetworkEvent::AddressAdded(..) | NetworkEvent::LinkUp(_) | NetworkEvent::LinkDown(_) => {}
        }
    }

    fn handle_timeout(&mut self, now: SimTime) {
        self.free_expired();
        while let Some((at, index, generation)) = self.deadlines.pop_due(now) {
            let slot = &mut self.slots[index as usize];
            if slot.generation != generation || slot.armed_at != at {
                continue; // Stale.
            }
            slot.armed_at = SimTime::MAX;
            let Some(connection) = &mut slot.connection else { continue };
            if connection.next_timeout().is_some_and(|due| due <= now) {
                connection.handle_timeout(now);
                self.touch(index);
            } else {
                self.arm(index);
            }
        }
    }

    fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit> {
        if let Some(reset) = self.resets.pop_front() {
            return Some(reset);
        }
        while let Some(&index) = self.ready.front() {
            let slot = &mut self.slots[index as usize];
            if let Some(connection) = &mut slot.connection {
                if let Some(transmit) = connection.poll_transmit(now, &mut NoHook) {
                    return Some(transmit);
                }
                let over = connection.state() == State::Closed;
                self.arm(index);
                if over {
                    self.on_over(index);
                }
            }
            self.slots[index as usize].queued = false;
            self.ready.pop_front();
        }
        None
    }

    #[inline]
    fn poll_timeout(&self) -> Option<SimTime> {
        self.deadlines.next()
    }

    fn poll_event(&mut self) -> Option<TcpEvent> {
        let event = self.events.pop_front()?;
        if let TcpEvent::Closed { id, .. } = event
            && self.get(id).is_some()
        {
            self.slots[id.index as usize].reported = true;
            if self.get(id).is_some_and(|connection| connection.state() == State::Closed) {
                self.on_over(id.index);
            }
        }
        Some(event)
    }
}

/// Whether the address is that of one host (RFC 9293 §3.9.2.3, MUST-46, MUST-57, MUST-63).
fn is_one_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !address.is_multicast() && !address.is_broadcast() && !address.is_unspecified()
        }
        IpAddr::V6(address) => !address.is_multicast() && !address.is_unspecified(),
    }
}

/// Resets to segments without a connection that may wait to be sent at once.
const RESETS_WAITING: usize = 256;
