//! Streams that are reset and added: the side that asks (RFC 6525 §5.1, §5.2.7).
//!
//! One request is in flight at a time; others wait. A reset of streams to send on lets what was handed over before be
//! sent first, and holds what comes later until the peer has answered. A reset of the TSNs waits until nothing is
//! outstanding, so that nothing is lost by it.

use std::collections::VecDeque;

use sim_core::{SimDuration, SimTime};
use smallvec::SmallVec;
use wire::account::Reason;
use wire::sctp::{Chunk, Parameter, ParameterList};

use super::association::Association;
use super::control::{CONTROL_MAX, Control, Detour};
use super::endpoint::SctpEndpoint;
use super::event::{AssociationId, SctpError};
use super::reconfiguration_answer::{Answer, Deferred};
use super::state::State;
use super::stream_request::{StreamRequest, StreamResult, bytes};
use super::tsn;

/// What an association has under way about its streams.
#[derive(Debug)]
pub(super) struct Reconfiguring {
    /// Number of this side's next request.
    next_request: u32,
    /// Number of the peer's next request.
    pub(super) expected: u32,
    pub(super) waiting: VecDeque<Task>,
    pub(super) active: Option<Active>,
    pub(super) timer: Option<SimTime>,
    /// What the peer's last requests were answered.
    pub(super) answers: SmallVec<[Answer; 2]>,
    /// A request of the peer's that cannot be carried out yet.
    pub(super) deferred: Option<Deferred>,
    /// When the TSNs were last reset.
    pub(super) tsns_reset: Option<SimTime>,
}

/// A request that is to be made.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) request: StreamRequest,
    /// The peer's request that it answers (RFC 6525 §5.2.3).
    pub(super) answers: Option<u32>,
    /// Messages below this number are sent before.
    pub(super) barrier: u64,
}

/// The request that this side is busy with.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) task: Task,
    pub(super) flight: Option<Flight>,
}

/// A RE-CONFIG chunk that was sent.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) chunk: Vec<u8>,
    pub(super) parts: SmallVec<[Part; 2]>,
    path: usize,
    /// The peer is at it: silence is no fault of the path (RFC 6525 §5.2.7 rule H2).
    in_progress: bool,
}

/// One request of a chunk.
#[derive(Debug)]
pub(super) struct Part {
    number: u32,
    pub(super) kind: Kind,
    result: Option<StreamResult>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    OutgoingReset,
    IncomingReset,
    TsnReset,
    AddOutgoing,
    AddIncoming,
}

/// The most requests of a user that wait.
const WAITING_MAX: usize = 16;
/// The most streams that one request lists; more can be meant by naming none.
const STREAMS_MAX: usize = 200;
/// The maximum segment lifetime: TSNs are not reset twice within it (RFC 6525 §5.1.4).
const SEGMENT_LIFE: SimDuration = SimDuration::from_secs(30);

impl Reconfiguring {
    pub(super) fn new(initial_tsn: u32) -> Self {
        Self {
            next_request: initial_tsn,
            expected: 0,
            waiting: VecDeque::new(),
            active: None,
            timer: None,
            answers: SmallVec::new(),
            deferred: None,
            tsns_reset: None,
        }
    }

    /// The peer's numbers begin with its TSNs (RFC 6525 §4.1).
    pub(super) fn expect(&mut self, peer_initial_tsn: u32) {
        self.expected = peer_initial_tsn;
    }

    /// Gives everything up.
    pub(super) fn stop(&mut self) {
        self.drop_requests();
        self.deferred = None;
    }

    /// Gives up what this side has asked for and was to ask.
    pub(super) fn drop_requests(&mut self) {
        self.timer = None;
        self.active = None;
        self.waiting.clear();
    }

    #[inline]
    fn is_idle(&self) -> bool {
        self.active.is_none() && self.waiting.is_empty() && self.deferred.is_none()
    }

    /// Whether a request of this side is in flight that `wanted` fits.
    pub(super) fn has_in_flight(&self, wanted: impl Fn(Kind) -> bool) -> bool {
        let flight = self.active.as_ref().and_then(|active| active.flight.as_ref());
        flight.is_some_and(|flight| flight.parts.iter().any(|part| wanted(part.kind)))
    }

    /// Whether an old acknowledgement may come still that names TSNs of before a reset.
    pub(super) fn has_just_reset(&self, now: SimTime) -> bool {
        self.tsns_reset.is_some_and(|at| now.saturating_since(at) < SEGMENT_LIFE)
    }
}

impl Task {
    /// The first message that a stream may not send before this is done.
    fn holds(&self, index: u16, is_active: bool) -> Option<u64> {
        match &self.request {
            StreamRequest::Reset { outgoing: Some(streams), .. } => {
                (streams.is_empty() || streams.contains(&index)).then_some(self.barrier)
            }
            StreamRequest::ResetTsns => is_active.then_some(0),
            StreamRequest::Reset { outgoing: None, .. } | StreamRequest::Add { .. } => None,
        }
    }
}

impl SctpEndpoint {
    /// Asks for streams to be reset or added (RFC 6525); [`SctpEvent::Reconfigured`](super::SctpEvent) tells how it
    /// ended. What was sent before on a stream to be reset is sent first, what is sent afterwards waits.
    ///
    /// # Errors
    ///
    /// The association does not take it: it is not established, the peer does not know how, a stream does not exist,
    /// or too much is waiting.
    pub fn reconfigure(
        &mut self,
        now: SimTime,
        id: AssociationId,
        request: StreamRequest,
    ) -> Result<(), SctpError> {
        let association = self.get_mut(id).ok_or(SctpError::Closed)?;
        let asked = association.ask(now, request);
        self.touch(id.index);
        asked
    }

    /// Streams that the peer can send on.
    pub fn incoming_streams(&self, id: AssociationId) -> u16 {
        self.get(id).map_or(0, |association| association.inbound.streams.len() as u16)
    }
}

impl Association {
    fn ask(&mut self, now: SimTime, request: StreamRequest) -> Result<(), SctpError> {
        if self.state != State::Established {
            return Err(SctpError::Closed);
        }
        if !self.extensions.reconfiguration {
            return Err(SctpError::NoReconfiguration);
        }
        let (own, peers) = (self.out.streams.len(), self.inbound.streams.len());
        match &request {
            StreamRequest::Reset { outgoing: None, incoming: None } => {
                self.changes.reconfigured.push(StreamResult::NothingToDo);
                return Ok(());
            }
            StreamRequest::Reset { outgoing, incoming } => {
                for (streams, count) in [(outgoing, own), (incoming, peers)] {
                    let streams = streams.as_deref().unwrap_or_default();
                    if let Some(wrong) = streams.iter().find(|stream| usize::from(**stream) >= count) {
                        return Err(SctpError::NoStream(*wrong));
                    }
                    if streams.len() > STREAMS_MAX {
                        return Err(SctpError::Reconfiguring);
                    }
                }
            }
            StreamRequest::Add { outgoing: 0, incoming: 0 } => {
                self.changes.reconfigured.push(StreamResult::NothingToDo);
                return Ok(());
            }
            StreamRequest::Add { outgoing, incoming } => {
                for (more, count) in [(outgoing, own), (incoming, peers)] {
                    let last = count + usize::from(*more);
                    if last > usize::from(u16::MAX) {
                        return Err(SctpError::NoStream(*more));
                    }
                }
            }
            StreamRequest::ResetTsns if self.reconfiguring.has_just_reset(now) => {
                return Err(SctpError::Reconfiguring);
            }
            StreamRequest::ResetTsns => {}
        }
        if self.reconfiguring.waiting.len() >= WAITING_MAX {
            return Err(SctpError::Reconfiguring);
        }
        let task = Task { request, answers: None, barrier: self.out.messages };
        self.reconfiguring.waiting.push_back(task);
        self.apply_holds();
        self.reconfigure_further(now);
        Ok(())
    }

    /// Lets streams send what the requests under way allow.
    pub(super) fn apply_holds(&mut self) {
        let Self { reconfiguring, out, .. } = self;
        let suspended = matches!(reconfiguring.deferred, Some(Deferred::Tsns { .. }));
        out.hold(|index| {
            if suspended {
                return Some(0);
            }
            let active = reconfiguring.active.as_ref().and_then(|active| active.task.holds(index, true));
            let waiting = reconfiguring.waiting.iter().filter_map(|task| task.holds(index, false));
            active.into_iter().chain(waiting).min()
        });
    }

    /// Goes on with whatever has become possible.
    #[inline]
    pub(super) fn reconfigure_further(&mut self, now: SimTime) {
        if !self.reconfiguring.is_idle() {
            self.go_on_reconfiguring(now);
        }
    }

    #[cold]
    fn go_on_reconfiguring(&mut self, now: SimTime) {
        self.finish_deferred(now);
        if !self.state.sends_data() {
            return; // What waits is given up when the peer or the timer comes back to it.
        }
        let reconfiguring = &mut self.reconfiguring;
        if reconfiguring.active.is_none()
            && reconfiguring.deferred.is_none()
            && let Some(task) = reconfiguring.waiting.pop_front()
        {
            reconfiguring.active = Some(Active { task, flight: None });
            self.apply_holds();
        }
        if self.may_ask_now() {
            let mut list = ParameterList::new();
            self.push_request(&mut list);
            self.send_request(now, &list);
        }
    }

    /// Whether the active request is ready to be sent.
    pub(super) fn may_ask_now(&self) -> bool {
        let Some(Active { task, flight: None }) = &self.reconfiguring.active else { return false };
        if self.reconfiguring.deferred.is_some() {
            return false; // First what the peer has asked for.
        }
        let drained = |streams: &[u16]| {
            let is_draining = |index: u16| self.out.is_draining(index);
            if streams.is_empty() {
                !(0..self.out.stream_count()).any(is_draining)
            } else {
                !streams.iter().copied().any(is_draining)
            }
        };
        match &task.request {
            StreamRequest::Reset { outgoing: Some(streams), .. } => drained(streams),
            StreamRequest::ResetTsns => self.out.outstanding.is_empty() && drained(&[]),
            StreamRequest::Reset { outgoing: None, .. } | StreamRequest::Add { .. } => true,
        }
    }

    /// Appends the active request, with its numbers.
    pub(super) fn push_request(&mut self, list: &mut ParameterList) {
        let last_tsn = (self.out.next_tsn() - 1) as u32;
        let Reconfiguring { active, next_request, expected, .. } = &mut self.reconfiguring;
        let Some(active) = active else { return };
        let mut parts = SmallVec::new();
        let mut number = |kind| {
            let number = *next_request;
            *next_request = number.wrapping_add(1);
            parts.push(Part { number, kind, result: None });
            number
        };
        match &active.task.request {
            StreamRequest::Reset { outgoing, incoming } => {
                if let Some(streams) = outgoing {
                    let request = number(Kind::OutgoingReset);
                    let response = active.task.answers.unwrap_or(expected.wrapping_sub(1));
                    let streams = &bytes(streams);
                    list.push(&Parameter::OutgoingReset { request, response, last_tsn, streams });
                }
                if let Some(streams) = incoming {
                    let request = number(Kind::IncomingReset);
                    list.push(&Parameter::IncomingReset { request, streams: &bytes(streams) });
                }
            }
            StreamRequest::ResetTsns => {
                list.push(&Parameter::TsnReset { request: number(Kind::TsnReset) });
                // What comes from now on may be numbered anew already.
                self.inbound.hold(0, &[]);
            }
            StreamRequest::Add { outgoing, incoming } => {
                if *outgoing > 0 {
                    let request = number(Kind::AddOutgoing);
                    list.push(&Parameter::AddOutgoing { request, streams: *outgoing });
                }
                if *incoming > 0 {
                    let request = number(Kind::AddIncoming);
                    list.push(&Parameter::AddIncoming { request, streams: *incoming });
                }
            }
        }
        active.flight = Some(Flight { chunk: Vec::new(), parts, path: 0, in_progress: false });
    }

    /// Sends a chunk that holds the active request, and starts the timer (RFC 6525 §5.1.1).
    pub(super) fn send_request(&mut self, now: SimTime, list: &ParameterList) {
        let mut chunk = Vec::new();
        Chunk::ReConfig(list.parameters()).emit(&mut chunk);
        let path = self.best_path(None);
        self.queue_reconfig(path, chunk.clone(), false);
        let rto = self.paths[path].rto(&self.config);
        if let Some(Active { flight: Some(flight), .. }) = &mut self.reconfiguring.active {
            (flight.chunk, flight.path) = (chunk, path);
            self.reconfiguring.timer = Some(now + rto);
        }
    }

    /// Queues a packet with a RE-CONFIG chunk, which a SACK may join.
    pub(super) fn queue_reconfig(&mut self, path: usize, chunks: Vec<u8>, resends: bool) {
        if self.control.len() < CONTROL_MAX {
            let (tag, reason) = (self.peer_tag, Reason::Control);
            self.control.push_back(Control {
                path,
                chunks,
                tag,
                reason,
                resends,
                bundles: true,
                detour: Detour::default(),
            });
            self.stats.reconfigurations_sent += 1;
        }
    }

    /// The re-configuration timer has expired.
    pub(super) fn on_reconfiguration_timer(&mut self, now: SimTime) {
        if !self.state.sends_data() {
            self.ask_no_more(); // The association ends with what has been done.
            return;
        }
        let Some(Active { flight: Some(flight), .. }) = &mut self.reconfiguring.active else { return };
        let (path, counts) = (flight.path, !std::mem::take(&mut flight.in_progress));
        let chunk = flight.chunk.clone();
        self.stats.control_expiries += 1;
        if counts {
            self.paths[path].rtt.back_off();
            self.record_error(now, path);
            if self.state == State::Closed {
                return;
            }
        }
        let path = self.best_path(counts.then_some(path));
        if let Some(Active { flight: Some(flight), .. }) = &mut self.reconfiguring.active {
            flight.path = path;
        }
        self.queue_reconfig(path, chunk, true);
        self.reconfiguring.timer = Some(now + self.paths[path].rto(&self.config));
    }

    /// Takes an answer (RFC 6525 §5.2.7).
    pub(super) fn on_answer(
        &mut self,
        now: SimTime,
        number: u32,
        result: StreamResult,
        tsns: Option<(u32, u32)>,
    ) {
        let Some(Active { flight: Some(flight), .. }) = &self.reconfiguring.active else { return };
        let asked = |part: &Part| part.number == number && part.result.is_none();
        if !flight.parts.iter().any(asked) {
            return; // Rule H1
        }
        let path = flight.path;
        self.clear_errors(now, path);
        let Some(Active { task, flight: Some(flight) }) = &mut self.reconfiguring.active else { return };
        let Some(part) = flight.parts.iter_mut().find(|part| asked(part)) else { return };
        if result == StreamResult::InProgress {
            flight.in_progress = true; // Rule H2
            self.reconfiguring.timer = Some(now + self.paths[path].rto(&self.config));
            return;
        }
        part.result = Some(result);
        let kind = part.kind;
        let done = flight.parts.iter().all(|part| part.result.is_some());
        match (kind, &task.request) {
            (Kind::OutgoingReset, StreamRequest::Reset { outgoing: Some(streams), .. }) => {
                if result.is_success() {
                    self.out.reset(streams); // Rule H4
                }
            }
            (Kind::TsnReset, _) => match tsns.filter(|_| result.is_success()) {
                Some((peers, own)) => self.restart_tsns(now, own, peers), // Rule H5
                None => self.inbound.release(u64::MAX, self.extensions.interleaving),
            },
            (Kind::AddOutgoing, StreamRequest::Add { outgoing, .. }) => {
                if result.is_success() {
                    self.out.add_streams(*outgoing); // Rule H6
                }
            }
            (Kind::OutgoingReset | Kind::AddOutgoing | Kind::IncomingReset | Kind::AddIncoming, _) => {}
        }
        self.changes.readable |= self.inbound.has_message();
        if done {
            self.end_request(now);
        }
    }

    /// The peer answers a wish for its streams to be reset by a reset of its own.
    pub(super) fn on_counter_reset(&mut self, now: SimTime, number: u32) {
        let Some(Active { flight: Some(flight), .. }) = &self.reconfiguring.active else { return };
        if flight.parts.iter().any(|part| part.kind == Kind::IncomingReset && part.number == number) {
            self.on_answer(now, number, StreamResult::Performed, None);
        }
    }

    /// The active request is answered: held messages go, and the next request.
    fn end_request(&mut self, now: SimTime) {
        let Some(active) = self.reconfiguring.active.take() else { return };
        self.reconfiguring.timer = None;
        let parts = active.flight.map_or_else(SmallVec::new, |flight| flight.parts);
        if active.task.answers.is_none() {
            let results = parts.iter().filter_map(|part| part.result);
            self.changes.reconfigured.push(results.max().unwrap_or(StreamResult::NothingToDo));
        }
        self.apply_holds();
        self.reconfigure_further(now);
        self.go_on_shutting_down(now);
    }

    /// Both sides begin anew with these TSNs (RFC 6525 §5.2.7 rule H5). Nothing of this side is outstanding.
    fn restart_tsns(&mut self, now: SimTime, own: u32, peers: u32) {
        let ahead = own.wrapping_sub(self.out.next_tsn() as u32);
        self.out.base = self.out.next_tsn() + u64::from(ahead);
        self.out.advanced = self.out.base - 1;
        self.forward_due = false;
        for path in &mut self.paths {
            (path.timed, path.recovery_exit, path.t3) = (None, None, None);
        }
        let next = tsn::unwrap32(self.inbound.cumulative + 1, peers);
        self.inbound.release(next - 1, self.extensions.interleaving);
        self.inbound.jump_to(next);
        self.inbound.reset(&[]);
        self.inbound.release(u64::MAX, self.extensions.interleaving);
        self.out.reset(&[]);
        self.reconfiguring.tsns_reset = Some(now);
    }
}
