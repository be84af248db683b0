//! One connection: a stream over subflows that come and go.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use sim_core::{SimDuration, SimTime};
use wire::account::{FlowId, Reason, Run, Runs, append_run};
use wire::checksum::Sum;
use wire::mptcp::{MptcpOption, Reset, ResetReason};
use wire::payload::{Payload, Slice};
use wire::stream::StreamBuffer;

use super::addresses::{Announcement, Remote};
use super::config::MptcpConfig;
use super::crypto::{KEY_LEN, initial_data_sequence, token};
use super::event::{Fallback, MptcpCounters, MptcpEvent, MptcpId};
use super::fallback::Withheld;
use super::path::Path;
use super::scheduler::Caution;
use super::subflow::{Received, Subflow};
use crate::placed::Placed;
use crate::tally::Tally;
use crate::tcp::reassembly::Reassembly;
use crate::tcp::{CloseReason, ConnectionId, TcpEndpoint};

/// What a connection needs of its endpoint.
pub(crate) struct Outside<'a> {
    pub(crate) now: SimTime,
    pub(crate) tcp: &'a mut TcpEndpoint<Subflow>,
    pub(crate) events: &'a mut VecDeque<MptcpEvent>,
    pub(crate) rng: &'a mut ChaCha8Rng,
    /// Connections whose subflows do not know yet what to acknowledge.
    pub(crate) stale: &'a mut Vec<u32>,
    /// The host's addresses, how often they have changed, and those that are for use only when nothing else is left.
    pub(crate) locals: &'a [IpAddr],
    pub(crate) locals_changes: u32,
    pub(crate) backups: &'a BTreeSet<IpAddr>,
    pub(crate) tally: &'a Tally,
}

/// How the connection works.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// The keys are not exchanged yet.
    Opening,
    /// Over any number of subflows.
    Multipath,
    /// As plain TCP, on the subflow of this number.
    Fallback(Fallback, usize),
}

/// Data that was given to a subflow and not yet DATA_ACKed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Chunk {
    pub(crate) len: u32,
    pub(crate) path: usize,
    /// It was given to a faster subflow because it blocked the window.
    pub(crate) hurried: bool,
}

/// One connection. Places count bytes of a stream from 1 on: a data sequence number less the initial one.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: MptcpId,
    pub(crate) config: Arc<MptcpConfig>,
    pub(crate) initiator: bool,
    pub(crate) mode: Mode,
    pub(crate) checksum: bool,
    pub(crate) own_key: u64,
    pub(crate) peer_key: Option<u64>,
    pub(crate) own_token: u32,
    /// Initial data sequence numbers.
    pub(crate) own_start: u64,
    pub(crate) peer_start: u64,
    pub(crate) flow: FlowId,
    /// The flow whose data came first.
    pub(crate) flow_received: FlowId,
    pub(crate) paths: Vec<Path>,
    /// The user knows of it, and of its end.
    pub(crate) announced: bool,
    pub(crate) reported: bool,
    /// The user reads no more.
    pub(crate) discard: bool,

    /// Written and not yet DATA_ACKed.
    pub(crate) output: StreamBuffer,
    pub(crate) next: u64,
    pub(crate) una: u64,
    /// First place that the peer's window does not cover.
    pub(crate) peer_edge: u64,
    /// No more is written.
    pub(crate) fin: bool,
    /// The DATA_FIN went out.
    pub(crate) fin_sent: bool,
    pub(crate) fin_acknowledged: bool,
    pub(crate) sent: Placed<Chunk>,
    /// Places and lengths to be given to a subflow again.
    pub(crate) again: BTreeMap<u64, u32>,
    pub(crate) turn: usize,
    pub(crate) caution: Caution,
    pub(crate) write_blocked: bool,

    pub(crate) input: Reassembly,
    /// Segments that came before the keys.
    pub(crate) early: Vec<Received>,
    /// What failed its checksum on the only subflow, until the peer has answered MP_FAIL.
    pub(crate) withheld: Option<Withheld>,
    /// Place of the peer's DATA_FIN.
    pub(crate) peer_fin: Option<u64>,
    pub(crate) fin_reached: bool,
    /// First place beyond the window, as promised, and as it was when the peer last heard of it.
    pub(crate) edge: u64,
    pub(crate) told: u64,
    pub(crate) read_reported: bool,
    /// The place to acknowledge and the edge that the subflows know of, or will before they send.
    pub(crate) refreshed: Option<(u64, u64)>,
    /// They do not yet.
    pub(crate) stale: bool,

    /// Addresses: ours with their ids, the peer's, pairs that were tried, those being announced.
    pub(crate) local_ids: BTreeMap<IpAddr, u8>,
    pub(crate) remotes: Vec<Remote>,
    pub(crate) tried: BTreeSet<(IpAddr, std::net::SocketAddr)>,
    /// Pairs that the peer has refused for good.
    pub(crate) refused: BTreeSet<(IpAddr, std::net::SocketAddr)>,
    pub(crate) announcing: Vec<Announcement>,
    pub(crate) joins_forbidden: bool,
    /// Nothing is left to be joined or announced, unless something happens to addresses and subflows, or the host's addresses
    /// have changed more often than this.
    pub(crate) surveyed: Option<u32>,
    /// A join, an announcement or a doubt may have a deadline.
    pub(crate) signals_pending: bool,

    pub(crate) data_timeout_at: Option<SimTime>,
    pub(crate) backoff: u8,
    /// Since when nothing was DATA_ACKed that should have been.
    pub(crate) stalled_since: Option<SimTime>,
    pub(crate) lonely_until: Option<SimTime>,
    /// The entry in the endpoint's list of deadlines.
    pub(crate) armed_at: Option<SimTime>,
    pub(crate) counters: MptcpCounters,
}

impl Connection {
    pub(crate) fn new(id: MptcpId, config: Arc<MptcpConfig>, initiator: bool, own_key: u64) -> Self {
        let window = u64::from(config.tcp.receive_buffer);
        Self {
            id,
            initiator,
            mode: Mode::Opening,
            checksum: config.checksum,
            own_key,
            peer_key: None,
            own_token: token(own_key),
            own_start: initial_data_sequence(own_key),
            peer_start: 0,
            flow: FlowId::NONE,
            flow_received: FlowId::NONE,
            paths: Vec::new(),
            announced: initiator,
            reported: false,
            discard: false,
            output: StreamBuffer::starting_at(FIRST),
            next: FIRST,
            una: FIRST,
            peer_edge: FIRST,
            fin: false,
            fin_sent: false,
            fin_acknowledged: false,
            sent: Placed::new(),
            again: BTreeMap::new(),
            turn: 0,
            caution: Caution::default(),
            write_blocked: false,
            input: Reassembly::without_reports(FIRST),
            early: Vec::new(),
            withheld: None,
            peer_fin: None,
            fin_reached: false,
            edge: FIRST + window,
            told: FIRST + window,
            read_reported: false,
            refreshed: None,
            stale: false,
            local_ids: BTreeMap::new(),
            remotes: Vec::new(),
            tried: BTreeSet::new(),
            refused: BTreeSet::new(),
            announcing: Vec::new(),
            joins_forbidden: false,
            surveyed: None,
            signals_pending: false,
            data_timeout_at: None,
            backoff: 0,
            stalled_since: None,
            lonely_until: None,
            armed_at: None,
            counters: MptcpCounters::default(),
            config,
        }
    }

    /// The keys are exchanged: data may flow, by mappings.
    pub(crate) fn establish(&mut self, outside: &mut Outside<'_>, peer_key: u64) {
        if self.mode != Mode::Opening {
            return;
        }
        self.mode = Mode::Multipath;
        self.peer_key = Some(peer_key);
        self.peer_start = initial_data_sequence(peer_key);
        outside.tally.hash(KEY_LEN);
        if let Some(path) = self.paths.first_mut() {
            path.ready = true;
            let (local, remote) = (path.local, path.remote);
            self.local_ids.insert(local.ip(), 0);
            self.remotes.push(Remote { id: 0, socket: remote, announced: false });
            self.tried.insert((local.ip(), remote));
        }
        self.refreshed = None;
        self.refresh(outside);
    }

    /// The path of plain TCP, after falling back.
    pub(crate) fn plain(&self) -> Option<ConnectionId> {
        match self.mode {
            Mode::Fallback(_, path) => self.paths.get(path).map(|path| path.id),
            Mode::Opening | Mode::Multipath => None,
        }
    }

    /// Bytes that a write would take.
    pub(crate) fn writable(&self, tcp: &TcpEndpoint<Subflow>) -> u32 {
        if self.fin || self.reported {
            return 0;
        }
        let held = match self.plain() {
            Some(id) => tcp.standing(id).map_or(u64::MAX, |standing| standing.unacknowledged),
            None => self.output.len(),
        };
        u64::from(self.config.tcp.send_buffer).saturating_sub(held) as u32
    }

    pub(crate) fn write(&mut self, outside: &mut Outside<'_>, slice: &Slice, run: Run) -> u32 {
        let taken = slice.len().min(self.writable(outside.tcp));
        self.write_blocked |= taken < slice.len();
        if taken == 0 {
            return 0;
        }
        let whole = taken == slice.len();
        let (part, run) = (slice.slice(0..taken), Run { bytes: taken, last: run.last && whole, ..run });
        self.flow = run.flow;
        match self.plain() {
            Some(id) => {
                let payload = Payload::from(part);
                outside.tcp.write_whole(outside.now, id, payload, Runs::from_elem(run, 1));
            }
            None => self.output.push(part, run),
        }
        taken
    }

    pub(crate) fn readable(&self, tcp: &TcpEndpoint<Subflow>) -> u64 {
        self.input.readable() + self.plain().map_or(0, |id| u64::from(tcp.readable(id)))
    }

    pub(crate) fn read(&mut self, outside: &mut Outside<'_>, max: u32) -> (Payload, Runs) {
        self.read_reported = false;
        let (mut payload, mut runs) = self.input.read(max);
        if let Some(id) = self.plain() {
            if payload.len() < max {
                let (more, more_runs) = outside.tcp.read(outside.now, id, max - payload.len());
                payload.append(more);
                for run in more_runs {
                    append_run(&mut runs, run);
                }
            }
            return (payload, runs);
        }
        self.refresh(outside);
        // RFC 9293 §3.8.6.2.2, for the window that subflows share.
        let place = self.acknowledged_place();
        let promised = self.told.saturating_sub(place);
        let offered = self.edge - place;
        if promised * 2 <= u64::from(self.config.tcp.receive_buffer) && offered >= promised.max(1) * 2 {
            self.acknowledge_all(outside, Reason::Acknowledgement);
        }
        (payload, runs)
    }

    /// No more is written: a DATA_FIN follows.
    pub(crate) fn shutdown(&mut self, outside: &mut Outside<'_>) {
        if self.fin {
            return;
        }
        self.fin = true;
        match (self.plain(), self.mode) {
            (Some(id), _) => outside.tcp.shutdown(outside.now, id),
            // A connection that is not open yet has nothing but its first subflow (RFC 9293 §3.10.4).
            (None, Mode::Opening) if self.output.is_empty() && self.initiator => {
                for path in &self.paths {
                    outside.tcp.shutdown(outside.now, path.id);
                }
            }
            (None, _) => {}
        }
    }

    /// Ends the connection at once: MP_FASTCLOSE on a reset of each subflow (RFC 8684 §3.5, variant R).
    pub(crate) fn abort(&mut self, outside: &mut Outside<'_>) {
        let farewell = match (self.mode, self.peer_key) {
            (Mode::Multipath, Some(receiver_key)) => Some(MptcpOption::FastClose { receiver_key }),
            (Mode::Opening | Mode::Multipath | Mode::Fallback(..), _) => None,
        };
        self.end(outside, CloseReason::Aborted, farewell);
    }

    /// Ends the connection because nothing is DATA_ACKed any more.
    pub(crate) fn give_up(&mut self, outside: &mut Outside<'_>) {
        let farewell = self.peer_key.map(|receiver_key| MptcpOption::FastClose { receiver_key });
        self.end(outside, CloseReason::TimedOut, farewell);
    }

    /// The connection is over; subflows that are left are reset.
    pub(crate) fn end(
        &mut self,
        outside: &mut Outside<'_>,
        reason: CloseReason,
        farewell: Option<MptcpOption>,
    ) {
        for path in self.paths.iter_mut().filter(|path| path.alive) {
            if let Some(hook) = outside.tcp.hook_mut(path.id) {
                hook.farewell.extend(farewell);
            }
            outside.tcp.abort(outside.now, path.id);
        }
        self.report_closed(outside, reason);
    }

    pub(crate) fn report_closed(&mut self, outside: &mut Outside<'_>, reason: CloseReason) {
        if self.reported {
            return;
        }
        self.reported = true;
        self.data_timeout_at = None;
        self.lonely_until = None;
        self.announcing.clear();
        self.withheld = None;
        if reason != CloseReason::Normal {
            self.input.clear();
        }
        if self.announced {
            outside.events.push_back(MptcpEvent::Closed { id: self.id, reason });
        }
    }

    /// Resets one subflow and says why, and whether it may work another time.
    pub(crate) fn reset_path(&mut self, outside: &mut Outside<'_>, path: usize, reason: ResetReason) {
        let Some(path) = self.paths.get(path).filter(|path| path.alive) else { return };
        let transient = [ResetReason::UNSPECIFIED, ResetReason::UNACCEPTABLE_PERFORMANCE].contains(&reason);
        if let Some(hook) = outside.tcp.hook_mut(path.id) {
            hook.farewell.push(MptcpOption::Reset(Reset::new(reason, transient)));
        }
        outside.tcp.abort(outside.now, path.id);
    }

    /// The place that a DATA_ACK names.
    pub(crate) fn acknowledged_place(&self) -> u64 {
        self.input.next() + u64::from(self.fin_reached)
    }

    /// Has all subflows told what to acknowledge, and which window to advertise, before they send.
    #[inline]
    pub(crate) fn refresh(&mut self, outside: &mut Outside<'_>) {
        let place = self.acknowledged_place();
        let free = u64::from(self.config.tcp.receive_buffer).saturating_sub(self.input.readable());
        self.edge = self.edge.max(place + free);
        let known = Some((place, self.edge));
        if self.refreshed == known {
            return;
        }
        self.refreshed = known;
        if !self.stale {
            self.stale = true;
            outside.stale.push(self.id.index);
        }
    }

    /// Tells all subflows what to acknowledge, and which window to advertise.
    pub(crate) fn inform(&mut self, tcp: &mut TcpEndpoint<Subflow>) {
        let Some((place, edge)) = self.refreshed.filter(|_| self.stale) else { return };
        self.stale = false;
        let number = self.peer_key.map(|_| self.peer_start.wrapping_add(place));
        for path in self.paths.iter().filter(|path| path.alive) {
            tcp.set_shared_window(path.id, edge - place);
            if let Some(hook) = tcp.hook_mut(path.id) {
                hook.data_ack = number;
            }
        }
    }

    pub(crate) fn acknowledge_all(&mut self, outside: &mut Outside<'_>, reason: Reason) {
        self.told = self.edge;
        for path in self.paths.iter().filter(|path| path.is_usable()) {
            outside.tcp.acknowledge(path.id, reason);
        }
    }

    /// The checksum of a mapping (RFC 8684 §3.3.1, Figure 10).
    pub(crate) fn checksum_of(data_sequence: u64, subflow: u32, len: u16, data: Sum) -> u16 {
        let mut header = [0; 16];
        header[..8].copy_from_slice(&data_sequence.to_be_bytes());
        header[8..12].copy_from_slice(&subflow.to_be_bytes());
        header[12..14].copy_from_slice(&len.to_be_bytes());
        (Sum::of(&header) + data).finish()
    }

    /// The earliest of its own timers.
    #[inline]
    pub(crate) fn next_timeout(&mut self) -> Option<SimTime> {
        if !self.signals_pending && self.lonely_until.is_none() {
            return self.data_timeout_at; // As it mostly is.
        }
        let signals = if self.signals_pending { self.next_signal_timeout() } else { None };
        signals.into_iter().chain(self.data_timeout_at).chain(self.lonely_until).min()
    }

    fn next_signal_timeout(&mut self) -> Option<SimTime> {
        let joins = self.paths.iter().filter(|path| path.alive).filter_map(|path| path.joining?.resend_at);
        let addresses = self.announcing.iter().map(|announcement| announcement.resend_at);
        let doubts = self.paths.iter().filter(|path| path.alive).filter_map(|path| path.doubt);
        let doubts = doubts.map(|doubt| doubt.until);
        let failed = self.withheld.as_ref().map(|withheld| withheld.resend_at);
        let next = joins.chain(addresses).chain(doubts).chain(failed).min();
        self.signals_pending = next.is_some();
        next
    }

    /// The retransmission timeout of the slowest subflow that works.
    pub(crate) fn slowest_timeout(&self, tcp: &TcpEndpoint<Subflow>) -> SimDuration {
        let usable = self.paths.iter().filter(|path| path.is_usable());
        let timeouts = usable.filter_map(|path| tcp.rto(path.id));
        timeouts.max().unwrap_or(SimDuration::from_secs(1))
    }

    /// Whether [`Self::is_done`] may say so.
    #[inline]
    pub(crate) fn may_be_done(&self) -> bool {
        self.reported || !self.announced
    }

    /// Whether nothing is left to do, so that the connection can be forgotten.
    pub(crate) fn is_done(&self, tcp: &TcpEndpoint<Subflow>) -> bool {
        self.may_be_done()
            && self.paths.iter().all(|path| !path.alive)
            && (self.discard || self.readable(tcp) == 0)
    }
}

/// Place of the first byte: the SYN takes the one before (RFC 8684 §3.1).
pub(crate) const FIRST: u64 = 1;
