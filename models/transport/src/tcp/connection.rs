//! One connection: everything between two sockets, without I/O and without knowledge of other connections.

use std::net::SocketAddr;
use std::sync::Arc;

use sim_core::{SimDuration, SimTime};
use wire::account::{FlowId, Reason, Run, Runs};
use wire::payload::{Payload, Slice};

use super::attached::Shared;
use super::config::{TcpConfig, default_segment_size};
use super::ecn::FeedbackAck;
use super::fast_open::FastOpen;
use super::note::{Note, NoteKind};
use super::offer::Offer;
use super::path_mtu::LoweredPath;
use super::reassembly::Reassembly;
use super::receiver::{AckDue, Receiver};
use super::segment::Segment;
use super::sender::Sender;
use super::sequence::{InitialSequence, ORIGIN};
use super::state::{CloseReason, State};
use super::stats::{ConnectionStats, Counters, LimitTimes};
use super::timer::{Timer, Timers};
use crate::congestion::{CongestionControl, Siblings};
use crate::endpoint::IcmpError;

/// What has happened since the last call of [`TcpConnection::take_changes`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// The connection is established.
    pub connected: bool,
    /// Bytes can be read.
    pub readable: bool,
    /// A write that was cut short can go on.
    pub writable: bool,
    /// The peer's FIN has been reached: no more bytes follow those that can be read.
    pub peer_closed: bool,
    /// The peer has announced urgent data.
    pub urgent: bool,
    /// What is known of the server's Fast Open has changed.
    pub(super) cookie: bool,
    /// One segment has been resent R1 times (RFC 9293 §3.8.3).
    pub stalled: bool,
    /// The connection is over.
    pub closed: Option<CloseReason>,
}

/// One TCP connection.
///
/// Segments and time go in by [`Self::handle_segment`] and [`Self::handle_timeout`]; segments come out of
/// [`Self::poll_transmit`], the next deadline out of [`Self::next_timeout`], news out of
/// [`Self::take_changes`].
#[derive(Clone, Debug)]
pub struct TcpConnection {
    pub(super) config: Arc<TcpConfig>,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) flow: FlowId,
    pub(super) state: State,
    /// Whether it came from a listener.
    pub(super) passive: bool,
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
    pub(super) timers: Timers,
    pub(super) features: Features,
    pub(super) pending: Pending,
    pub(super) changes: Changes,
    /// A write did not fit into the send buffer.
    pub(super) write_blocked: bool,
    /// Readable was reported, and nothing read since.
    pub(super) read_reported: bool,
    /// The application reads no more.
    pub(super) discard: bool,
    pub(super) syn_sent_count: u8,
    pub(super) keep_alive_unanswered: u8,
    pub(super) persist_backoff: u8,
    pub(super) soft_error: Option<IcmpError>,
    pub(super) last_heard: SimTime,
    /// No answer to an unacceptable segment without data before this time.
    pub(super) answer_after: SimTime,
    pub(super) challenge_window: SimTime,
    pub(super) challenge_count: u8,
    pub(super) timestamp_offset: u32,
    /// R2 for data: the configured one, or what RFC 5482 makes of both sides' wishes.
    pub(super) user_timeout: SimDuration,
    /// SND.UP: first place behind the urgent data that was written.
    pub(super) urgent_end: u64,
    pub(super) fast_open: Option<Box<FastOpen>>,
    pub(super) lowered_path: Option<Box<LoweredPath>>,
    /// Windows and options that belong to a protocol above.
    pub(super) shared: Option<Box<Shared>>,
    pub(super) counters: Counters,
    notes: Option<Vec<Note>>,
}

/// What both sides agreed to use.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Features {
    pub(super) timestamps: bool,
    pub(super) scaling: bool,
    /// Marks are told of, in one way or the other.
    pub(super) ecn: bool,
    /// The next new data carries CWR (RFC 3168 §6.1.2).
    pub(super) announce_reduction: bool,
}

/// What is to be sent besides data and acknowledgments.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Pending {
    pub(super) syn: bool,
    pub(super) window_probe: bool,
    pub(super) keep_alive: bool,
    /// A reset with the next sequence number: the connection was aborted.
    pub(super) reset: bool,
    /// A reset with this number, in answer to a segment.
    pub(super) reset_answer: Option<u32>,
    /// An acknowledgment that tells how something arrived.
    pub(super) feedback: FeedbackAck,
}

impl TcpConnection {
    /// Opens a connection to `remote`: the SYN is ready to be sent.
    pub fn connect(
        now: SimTime,
        local: SocketAddr,
        remote: SocketAddr,
        config: Arc<TcpConfig>,
        initial: InitialSequence,
        timestamp_offset: u32,
    ) -> Self {
        let mut connection = Self::new(now, local, remote, config, initial, timestamp_offset);
        connection.state = State::SynSent;
        connection.start_handshake(now);
        connection
    }

    /// Answers `syn`, which arrived at a listener: the SYN-ACK is ready to be sent.
    pub fn accept(
        now: SimTime,
        local: SocketAddr,
        remote: SocketAddr,
        config: Arc<TcpConfig>,
        initial: InitialSequence,
        timestamp_offset: u32,
        syn: &Segment<'_>,
    ) -> Self {
        let mut connection = Self::new(now, local, remote, config, initial, timestamp_offset);
        connection.state = State::SynReceived;
        connection.passive = true;
        connection.flow = syn.flow;
        connection.take_offer(now, &Offer::of(syn));
        connection.start_handshake(now);
        connection
    }

    pub(super) fn new(
        now: SimTime,
        local: SocketAddr,
        remote: SocketAddr,
        config: Arc<TcpConfig>,
        initial: InitialSequence,
        timestamp_offset: u32,
    ) -> Self {
        let segment_size = default_segment_size(remote.is_ipv6());
        Self {
            local,
            remote,
            flow: FlowId::NONE,
            state: State::Closed,
            passive: false,
            sender: Sender::new(initial, segment_size, &config),
            receiver: Receiver::new(&config),
            timers: Timers::new(),
            features: Features::default(),
            pending: Pending::default(),
            changes: Changes::default(),
            write_blocked: false,
            read_reported: false,
            discard: false,
            syn_sent_count: 0,
            keep_alive_unanswered: 0,
            persist_backoff: 0,
            soft_error: None,
            last_heard: now,
            answer_after: SimTime::ZERO,
            challenge_window: now,
            challenge_count: 0,
            timestamp_offset,
            user_timeout: config.user_timeout,
            urgent_end: 0,
            fast_open: None,
            lowered_path: None,
            shared: None,
            counters: Counters::default(),
            notes: None,
            config,
        }
    }

    fn start_handshake(&mut self, now: SimTime) {
        self.pending.syn = true;
        self.sender.nxt = ORIGIN + 1;
        self.timers.set(Timer::User, now + self.config.connect_timeout);
    }

    /// Charges segments without payload to `flow`, until data of another flow is sent or received.
    pub fn set_flow(&mut self, flow: FlowId) {
        self.flow = flow;
    }

    /// Tells the congestion controller of the connection's other subflows, until the next call.
    pub fn couple(&mut self, siblings: Siblings) {
        match &mut self.sender.siblings {
            Some(known) => **known = siblings,
            none => *none = Some(Box::new(siblings)),
        }
    }

    /// Keeps notes from now on, for [`Self::take_notes`].
    pub fn keep_notes(&mut self) {
        self.notes.get_or_insert_default();
    }

    /// The notes since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        self.notes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    #[inline]
    pub(super) fn note(&mut self, now: SimTime, kind: NoteKind) {
        if let Some(notes) = &mut self.notes {
            notes.push(Note { at: now, kind });
        }
    }

    /// The local socket.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The peer's socket.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether [`Self::take_changes`] would say anything, or the connection is over.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.changes != Changes::default() || self.state == State::Closed
    }

    /// Whether an acknowledgment is to be sent at once.
    #[inline]
    pub(super) fn owes_acknowledgment(&self) -> bool {
        matches!(self.receiver.ack_due, AckDue::Now(_))
    }

    /// What has happened since the last call.
    #[inline]
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Bytes that [`Self::write`] would accept.
    pub fn writable(&self) -> u32 {
        let open = match self.state {
            State::SynSent | State::SynReceived | State::Established | State::CloseWait => true,
            State::Closed
            | State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait => false,
        };
        if !open || self.sender.fin {
            return 0;
        }
        u64::from(self.config.send_buffer).saturating_sub(self.sender.buffer.len()) as u32
    }

    /// Writes as much of `slice` as the send buffer takes, and returns the bytes taken; `run` says whose they
    /// are. A message that is cut short ends with a later write.
    pub fn write(&mut self, now: SimTime, slice: &Slice, run: Run) -> u32 {
        let taken = slice.len().min(self.writable());
        self.write_blocked |= taken < slice.len();
        if taken > 0 {
            self.sender.on_resume(now, &self.config);
            if self.state == State::SynSent {
                self.stop_waiting(now);
            }
            self.flow = run.flow;
            let whole = taken == slice.len();
            self.sender.buffer.push(slice.slice(0..taken), Run { last: run.last && whole, ..run });
        }
        taken
    }

    /// Writes urgent data: segments say how far it goes until that is sent (RFC 9293 §3.8.5).
    pub fn write_urgent(&mut self, now: SimTime, slice: &Slice, run: Run) -> u32 {
        let taken = self.write(now, slice, run);
        if taken > 0 {
            self.urgent_end = self.sender.buffer.end();
        }
        taken
    }

    /// Bytes that can be read.
    pub fn readable(&self) -> u32 {
        u32::try_from(self.receiver.buffer.readable()).unwrap_or(u32::MAX)
    }

    /// Bytes from the start of the peer's stream to the next one to be read.
    pub fn read_offset(&self) -> u64 {
        self.receiver.buffer.read_place() - (ORIGIN + 1)
    }

    /// Reads up to `max` bytes with their runs. A window update follows where it is due.
    pub fn read(&mut self, max: u32) -> (Payload, Runs) {
        self.read_reported = false;
        let read = self.receiver.buffer.read(max);
        if !read.0.is_empty() {
            self.on_read();
        }
        read
    }

    /// As [`Self::read`], into another buffer, if all that can be read is one piece of at most `max` bytes.
    #[inline]
    pub(super) fn pour_single(&mut self, max: u32, into: &mut Reassembly) -> bool {
        let poured = self.receiver.buffer.pour_single(max, into);
        if poured {
            self.read_reported = false;
            self.on_read();
        }
        poured
    }

    #[inline]
    fn on_read(&mut self) {
        if self.state.may_receive() && self.wants_window_update() {
            self.receiver.acknowledge_now(Reason::Acknowledgement);
        }
    }

    /// Whether nothing is left to be sent or read, so that the connection can be forgotten.
    pub fn is_done(&self) -> bool {
        self.state == State::Closed
            && !self.pending.reset
            && self.pending.reset_answer.is_none()
            && (self.discard || self.receiver.buffer.readable() == 0)
    }

    /// The connection at this moment.
    pub fn stats(&self) -> ConnectionStats {
        let sender = &self.sender;
        let ssthresh = sender.controller.ssthresh();
        ConnectionStats {
            state: self.state,
            cwnd: sender.controller.window(),
            ssthresh: (ssthresh != u64::MAX).then_some(ssthresh),
            srtt: sender.rtt.srtt(),
            rttvar: sender.rtt.rttvar(),
            rtt_min: sender.rtt.rtt_min(),
            rto: sender.rtt.rto(&self.config.rto),
            bytes_in_flight: sender.flight(),
            bytes_in_network: sender.in_network(),
            peer_window: sender.window,
            limited_by: sender.limit.limit(),
            receive_buffer: self.receiver.window.capacity(),
            out_of_order_pieces: u32::try_from(self.receiver.buffer.pieces()).unwrap_or(u32::MAX),
            segment_payload: sender.payload_size,
            unacknowledged: sender.buffer.len(),
            urgent_until: self.receiver.urgent.map(|place| place.saturating_sub(ORIGIN + 1)),
            soft_error: self.soft_error,
            ecn: self.ecn_stats(),
            counters: self.counters,
        }
    }

    /// How long each limit has held the sender back until `now`.
    pub fn limit_times(&self, now: SimTime) -> LimitTimes {
        self.sender.limit.times(now)
    }

    /// The earliest time at which [`Self::handle_timeout`] has work to do.
    #[inline]
    pub fn next_timeout(&self) -> Option<SimTime> {
        self.timers.next()
    }

    /// Bytes that timestamps take of every segment.
    pub(super) fn timestamps_len(&self) -> u16 {
        if self.features.timestamps { TIMESTAMPS_LEN } else { 0 }
    }

    /// Bytes of options on every segment.
    pub(super) fn options_len(&self) -> u16 {
        self.timestamps_len() + self.shared.as_ref().map_or(0, |shared| shared.options_len)
    }

    pub(super) fn wants_window_update(&self) -> bool {
        if self.shared.is_some() {
            return false; // The protocol above asks for acknowledgments.
        }
        let receiver = &self.receiver;
        receiver.window.wants_update(receiver.next(), receiver.buffer.readable(), receiver.segment_size)
    }

    /// Starts the retransmission timer unless it runs (RFC 6298 §5.1).
    #[inline]
    pub(super) fn start_retransmission_timer(&mut self, now: SimTime) {
        if !self.timers.is_set(Timer::Retransmit) {
            self.restart_retransmission_timer(now);
        }
        if !self.timers.is_set(Timer::User) {
            self.timers.set(Timer::User, now + self.user_timeout);
        }
    }

    #[inline]
    pub(super) fn restart_retransmission_timer(&mut self, now: SimTime) {
        self.timers.set(Timer::Retransmit, now + self.sender.rtt.rto(&self.config.rto));
    }

    /// The timestamp clock, one tick a millisecond (RFC 7323 §5.4), from a start of its own.
    #[inline]
    pub(super) fn timestamp(&self, now: SimTime) -> u32 {
        self.timestamp_offset.wrapping_add(now.as_millis() as u32)
    }

    /// When a segment with this timestamp was sent, to the millisecond.
    pub(super) fn sent_with(&self, now: SimTime, echoed: u32) -> Option<SimTime> {
        let ticks = self.timestamp(now).wrapping_sub(echoed);
        let millis = now.as_millis().checked_sub(u64::from(ticks))?;
        (ticks < 1 << 31).then(|| SimTime::from_millis(millis))
    }

    /// The time since the echoed timestamp was sent, at least one tick.
    #[inline]
    pub(super) fn since_timestamp(&self, now: SimTime, echoed: u32) -> Option<SimDuration> {
        let ticks = self.timestamp(now).wrapping_sub(echoed);
        (ticks < 1 << 31).then(|| SimDuration::from_millis(u64::from(ticks.max(1))))
    }
}

/// Bytes of the timestamps option with its padding (RFC 7323 Appendix A).
pub(super) const TIMESTAMPS_LEN: u16 = 12;
