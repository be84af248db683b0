//! What a protocol above a connection needs of it: windows that it shares, and calls that no user of plain TCP makes.

use std::net::SocketAddr;

use sim_core::SimTime;
use wire::account::{Reason, Run, Runs};
use wire::payload::{Payload, Slice};

use super::connection::TcpConnection;
use super::endpoint::TcpEndpoint;
use super::event::ConnectionId;
use super::hook::{ReceivedKind, ReceivedSegment, SegmentHook};
use super::note::Note;
use super::reassembly::Reassembly;
use super::segment::Segment;
use super::sequence::ORIGIN;
use super::state::{CloseReason, State};
use crate::congestion::{Congestion, CongestionControl, Siblings};
use crate::endpoint::Received;

/// Windows that count in the sequence space of a protocol above.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared {
    /// The window to advertise, in bytes.
    pub(super) own: u64,
    /// The window that the peer last advertised, in bytes.
    pub(super) peer: u64,
    /// Bytes that the options of the protocol above take of a segment with data.
    pub(super) options_len: u16,
}

/// Whom a datagram is for: a connection, at its place, or none that is there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Found(pub(super) Option<u32>);

impl Found {
    /// For no connection that is there.
    pub const NEW: Self = Self(None);
}

/// A connection as a scheduler of a protocol above sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// Bytes that may be written and would be sent at once.
    pub room: u64,
    /// Payload of a full segment.
    pub segment_payload: u32,
    /// Payload of a segment, and options of the protocol above.
    pub segment_room: u32,
    /// Bytes written, sent and not acknowledged included.
    pub unacknowledged: u64,
    /// Bytes of the stream that the peer has acknowledged.
    pub acknowledged: u64,
    /// Bytes of the stream that were written.
    pub written: u64,
    /// Retransmission timeouts since the last acknowledgment of something new.
    pub timeouts: u8,
    /// Congestion window in bytes.
    pub cwnd: u64,
    /// Smoothed round-trip time, if measured.
    pub srtt: Option<sim_core::SimDuration>,
}

impl TcpConnection {
    /// Leaves both windows to a protocol above, whose options take `options_len` bytes of a segment with data.
    pub(super) fn share(&mut self, own: u64, options_len: u16) {
        self.shared = Some(Box::new(Shared { own, peer: 0, options_len }));
    }

    /// Takes both windows back.
    fn unshare(&mut self) {
        if let Some(shared) = self.shared.take() {
            self.sender.window = shared.peer;
            self.sender.window_max = shared.peer;
            let (size, options) = (self.sender.segment_size, self.options_len());
            self.sender.on_segment_size(size, options);
        }
    }

    /// The peer's window as the sender uses it: the connection's own, or none where a protocol above minds it.
    #[inline]
    pub(super) fn peer_window(&mut self, advertised: u64) -> u64 {
        match &mut self.shared {
            None => advertised,
            Some(shared) => {
                shared.peer = advertised;
                UNBOUNDED
            }
        }
    }

    /// What a protocol above sees of a segment.
    #[inline]
    pub(super) fn describe<'a>(
        &self,
        kind: ReceivedKind,
        segment: &'a Segment<'_>,
        start: u64,
    ) -> ReceivedSegment<'a> {
        let acknowledged = self.sender.iss.from_wire(self.sender.una, segment.header.acknowledgment_number);
        let shift = if kind == ReceivedKind::SynAck { 0 } else { self.sender.window_shift };
        ReceivedSegment {
            kind,
            options: segment.options(),
            offset: start.saturating_sub(ORIGIN + 1),
            payload_len: segment.payload_len,
            acknowledged: acknowledged.min(self.sender.buffer.end()).saturating_sub(ORIGIN + 1),
            window: u64::from(segment.header.window) << shift,
        }
    }

    fn standing(&self) -> Standing {
        let sender = &self.sender;
        let end = sender.buffer.end();
        let unsent = end.saturating_sub(sender.nxt);
        let taken = sender.in_network() + unsent;
        Standing {
            state: self.state,
            room: sender.send_window().saturating_sub(taken),
            segment_payload: sender.payload_size,
            segment_room: u32::from(sender.segment_size).saturating_sub(u32::from(self.timestamps_len())),
            unacknowledged: sender.buffer.len(),
            acknowledged: sender.una.min(end).saturating_sub(ORIGIN + 1),
            written: end - (ORIGIN + 1),
            timeouts: sender.timeouts,
            cwnd: sender.controller.window(),
            srtt: sender.rtt.srtt(),
        }
    }
}

impl<H: SegmentHook> TcpEndpoint<H> {
    /// What a protocol above keeps with a connection.
    #[inline]
    pub fn hook_mut(&mut self, id: ConnectionId) -> Option<&mut H> {
        let slot = self.slots.get_mut(id.index as usize)?;
        (slot.generation == id.generation && slot.connection.is_some()).then_some(&mut slot.hook)
    }

    /// The connection or the listener of this endpoint that a datagram is for.
    #[inline]
    pub fn find(&mut self, received: &Received<'_>) -> Option<Found> {
        let &[a, b, c, d] = received.packet.header().first_chunk::<4>()?;
        let local = SocketAddr::new(received.destination, u16::from_be_bytes([c, d]));
        let remote = SocketAddr::new(received.source, u16::from_be_bytes([a, b]));
        match self.demux.find(local, remote) {
            Some(index) => Some(Found(Some(index))),
            None => self.listeners.find(local).map(|_| Found(None)),
        }
    }

    /// Whether no connection has this pair of sockets.
    pub fn is_free(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        !self.demux.contains(local, remote)
    }

    /// Whether something has happened to a connection, or waits to be told.
    #[inline]
    pub fn is_touched(&self) -> bool {
        !self.touched.is_empty() || !self.events.is_empty()
    }

    /// The next connection to which something has happened, each as often as it did.
    #[inline]
    pub fn poll_touched(&mut self) -> Option<ConnectionId> {
        let index = self.touched.pop()?;
        Some(ConnectionId { index, generation: self.slots[index as usize].generation })
    }

    /// Leaves both windows of a connection to the protocol above, whose options take `options_len` bytes of each segment
    /// with data: `own` bytes are advertised, and the peer's window does not hold the sender back.
    pub fn share_windows(&mut self, id: ConnectionId, own: u64, options_len: u16) {
        if let Some(connection) = self.get_mut(id) {
            connection.share(own, options_len);
        }
    }

    /// Sets the window that is advertised for the protocol above.
    pub fn set_shared_window(&mut self, id: ConnectionId, own: u64) {
        if let Some(shared) = self.get_mut(id).and_then(|connection| connection.shared.as_mut()) {
            shared.own = own;
        }
    }

    /// Gives both windows back to the connection.
    pub fn unshare_windows(&mut self, id: ConnectionId) {
        if let Some(connection) = self.get_mut(id) {
            connection.unshare();
            self.queue(id.index);
            self.arm(id.index);
        }
    }

    /// Sends an acknowledgment at the next opportunity, whether one is due or not.
    pub fn acknowledge(&mut self, id: ConnectionId, reason: Reason) {
        if let Some(connection) = self.get_mut(id) {
            connection.receiver.acknowledge_now(reason);
            self.queue(id.index);
        }
    }

    /// Sends a segment without data that the peer has to acknowledge, as a keep-alive probe is (RFC 9293 §3.8.4).
    pub fn probe(&mut self, id: ConnectionId) {
        if let Some(connection) = self.get_mut(id) {
            connection.pending.keep_alive = true;
            self.queue(id.index);
        }
    }

    /// Writes a slice, whole, whatever the send buffer's size.
    #[inline]
    pub fn write_slice(&mut self, now: SimTime, id: ConnectionId, slice: Slice, run: Run) {
        let Some(connection) = self.get_mut(id) else { return };
        connection.sender.on_resume(now, &connection.config);
        connection.flow = run.flow;
        connection.sender.buffer.push(slice, run);
        self.queue(id.index);
    }

    /// Writes a payload with its runs, whole, whatever the send buffer's size.
    pub fn write_whole(&mut self, now: SimTime, id: ConnectionId, payload: Payload, runs: Runs) {
        let Some(connection) = self.get_mut(id) else { return };
        connection.sender.on_resume(now, &connection.config);
        if let Some(run) = runs.first() {
            connection.flow = run.flow;
        }
        connection.sender.buffer.append(payload, runs);
        self.queue(id.index);
    }

    /// More would have been written if the congestion window had room.
    pub fn note_limited(&mut self, id: ConnectionId) {
        if let Some(connection) = self.get_mut(id) {
            connection.sender.limited_until = connection.sender.buffer.end();
        }
    }

    /// Tells the congestion controller of the connection's other subflows.
    pub fn couple(&mut self, id: ConnectionId, siblings: Siblings) {
        if let Some(connection) = self.get_mut(id) {
            connection.couple(siblings);
        }
    }

    /// Reduces the congestion window as if something was lost.
    pub fn penalize(&mut self, now: SimTime, id: ConnectionId) {
        if let Some(connection) = self.get_mut(id) {
            let flight = connection.sender.flight();
            connection.sender.controller.on_congestion(now, flight, Congestion::Loss);
        }
    }

    /// The state of a connection, while it is there.
    #[inline]
    pub fn state(&self, id: ConnectionId) -> Option<State> {
        self.get(id).map(TcpConnection::state)
    }

    /// Bytes of a connection's stream that the peer has acknowledged, and retransmission timeouts since.
    #[inline]
    pub fn progress(&self, id: ConnectionId) -> Option<(u64, u8)> {
        let sender = &self.get(id)?.sender;
        Some((sender.una.min(sender.buffer.end()).saturating_sub(ORIGIN + 1), sender.timeouts))
    }

    /// The retransmission timeout of a connection.
    #[inline]
    pub fn rto(&self, id: ConnectionId) -> Option<sim_core::SimDuration> {
        self.get(id).map(|connection| connection.sender.rtt.rto(&connection.config.rto))
    }

    /// Bytes that can be read, and bytes of the peer's stream before them.
    #[inline]
    pub fn unread(&self, id: ConnectionId) -> (u32, u64) {
        self.get(id).map_or((0, 0), |connection| (connection.readable(), connection.read_offset()))
    }

    /// A connection as a scheduler sees it.
    #[inline]
    pub fn standing(&self, id: ConnectionId) -> Option<Standing> {
        self.get(id).map(TcpConnection::standing)
    }

    /// As [`Self::read`], into another buffer, if all that can be read is one piece of at most `max` bytes.
    #[inline]
    pub(crate) fn pour_single(&mut self, id: ConnectionId, max: u32, into: &mut Reassembly) -> bool {
        let poured = self.get_mut(id).is_some_and(|connection| connection.pour_single(max, into));
        if poured {
            self.on_read(id);
        }
        poured
    }

    #[inline]
    pub(super) fn on_read(&mut self, id: ConnectionId) {
        let Some(connection) = self.get(id) else { return };
        // It starts no timer and tells nothing new: but a window update may be due, or the end.
        if connection.owes_acknowledgment() {
            self.queue(id.index);
        } else if connection.state() == State::Closed {
            self.on_over(id.index);
        }
    }

    /// Bytes from the start of the peer's stream to the next one to be read.
    pub fn read_offset(&self, id: ConnectionId) -> u64 {
        self.get(id).map_or(0, TcpConnection::read_offset)
    }

    /// Ends a connection without a word, as when its local address is gone.
    pub fn forget(&mut self, now: SimTime, id: ConnectionId) {
        if let Some(connection) = self.get_mut(id) {
            connection.finish(now, CloseReason::AddressRemoved);
            self.touch(id.index);
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

    /// The notes of all connections since the last call, one connection after the other.
    pub fn drain_notes(&mut self) -> Vec<Note> {
        let connections = self.slots.iter_mut().filter_map(|slot| slot.connection.as_mut());
        connections.flat_map(|connection| connection.take_notes()).collect()
    }
}

/// A window that never holds a sender back.
const UNBOUNDED: u64 = 1 << 40;
