//! Streams that are reset and added: the side that is asked (RFC 6525 §5.2).

use sim_core::SimTime;
use smallvec::SmallVec;
use wire::sctp::{Cause, Chunk, Parameter, ParameterList, Parameters};

use super::association::Association;
use super::reconfiguration::{Active, Kind, Task};
use super::state::State;
use super::stream_request::{
    StreamRequest, StreamResult, may_stand_together, number_of, numbers, push_answer,
};
use super::tsn;

/// What a request of the peer was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    number: u32,
    /// `None` where a request of this side is the answer.
    result: Option<StreamResult>,
    /// This side's next TSN, and the peer's, after a reset.
    tsns: Option<(u32, u32)>,
}

/// A request of the peer's that cannot be carried out yet.
#[derive(Debug)]
pub(super) enum Deferred {
    /// Streams to be reset once everything up to a TSN has come.
    Streams { number: u32, last: u64, streams: Vec<u16> },
    /// A reset of the TSNs, once nothing of this side is outstanding: else it would be lost (§5.2.4 rule G3).
    Tsns { number: u32 },
}

impl Association {
    /// Takes a RE-CONFIG chunk that came on path `at`.
    pub(super) fn on_reconfig(&mut self, now: SimTime, at: usize, parameters: Parameters<'_>) {
        let all: Result<SmallVec<[Parameter<'_>; 2]>, _> = parameters.iter().collect();
        let all = all.unwrap_or_default();
        if !may_stand_together(&all) {
            self.queue_error(at, &Cause::ProtocolViolation(b"parameters of RE-CONFIG")); // RFC 6525 §3.1
            return;
        }
        for parameter in &all {
            match *parameter {
                Parameter::ReconfigResponse { response, result, tsns } => {
                    if let Some(result) = StreamResult::from_code(result) {
                        self.on_answer(now, response, result, tsns);
                    }
                }
                // §5.2.2 rule E1. Only for what it answers by itself: other requests have results to be waited for.
                Parameter::OutgoingReset { response, .. } => {
                    self.on_counter_reset(now, response);
                }
                _ => {}
            }
        }
        let requests: SmallVec<[_; 2]> =
            all.iter().filter_map(|parameter| Some((number_of(parameter)?, parameter))).collect();
        let Some((first, _)) = requests.first() else { return };
        self.ack.at_once = true; // §5.2.1
        self.ack.path = at;
        if *first == self.reconfiguring.expected {
            self.reconfiguring.answers.clear();
            for (number, parameter) in requests {
                self.reconfiguring.expected = number.wrapping_add(1);
                let (result, tsns) = self.carry_out(now, number, parameter);
                self.reconfiguring.answers.push(Answer { number, result, tsns });
            }
            self.apply_holds();
        } else if !self.reconfiguring.answers.iter().any(|answer| answer.number == *first) {
            let mut list = ParameterList::new();
            for (number, _) in requests {
                push_answer(&mut list, number, StreamResult::BadNumber, None);
            }
            self.send_answers(at, &list);
            return;
        }
        self.answer(now, at);
    }

    /// Carries out a request, or says why not.
    fn carry_out(
        &mut self,
        now: SimTime,
        number: u32,
        request: &Parameter<'_>,
    ) -> (Option<StreamResult>, Option<(u32, u32)>) {
        let Some(allowed) = self.config.reconfiguration else { return (Some(StreamResult::Denied), None) };
        let is_tsn_reset = matches!(request, Parameter::TsnReset { .. });
        let collides = self.reconfiguring.has_in_flight(|kind| is_tsn_reset || kind == Kind::TsnReset);
        let is_busy = match &self.reconfiguring.deferred {
            // It may have come in one chunk with the reset that waits.
            Some(Deferred::Streams { .. }) => !matches!(request, Parameter::IncomingReset { .. }),
            Some(Deferred::Tsns { .. }) => true,
            None => false,
        };
        if collides || is_busy {
            return (Some(StreamResult::AlreadyInProgress), None);
        }
        let most = usize::from(allowed.streams_max);
        let result = match *request {
            Parameter::OutgoingReset { last_tsn, streams, .. } if allowed.resets => {
                self.on_outgoing_reset(number, last_tsn, numbers(streams))
            }
            Parameter::IncomingReset { streams, .. } if allowed.resets => {
                return (self.on_incoming_reset(number, numbers(streams)), None);
            }
            Parameter::TsnReset { .. } if allowed.tsn_resets && self.state == State::Established => {
                self.reconfiguring.deferred = Some(Deferred::Tsns { number });
                self.apply_holds();
                if self.is_silent() {
                    let tsns = self.reset_tsns(now);
                    return (Some(StreamResult::Performed), Some(tsns));
                }
                StreamResult::InProgress
            }
            Parameter::AddOutgoing { streams, .. }
                if self.inbound.streams.len() + usize::from(streams) <= most =>
            {
                self.inbound.add_streams(streams);
                self.changes.peer_reconfigured = true;
                StreamResult::Performed
            }
            Parameter::AddIncoming { streams, .. }
                if self.out.streams.len() + usize::from(streams) <= most =>
            {
                let request = StreamRequest::Add { outgoing: streams, incoming: 0 };
                // Its number is nobody's: the request that follows does not answer by a number.
                let task = Task { request, answers: Some(number), barrier: 0 };
                self.reconfiguring.waiting.push_front(task);
                StreamResult::Performed
            }
            _ => StreamResult::Denied,
        };
        (Some(result), None)
    }

    /// §5.2.2: the peer begins streams anew behind the TSN `last`.
    fn on_outgoing_reset(&mut self, number: u32, last: u32, streams: Vec<u16>) -> StreamResult {
        if streams.iter().any(|stream| usize::from(*stream) >= self.inbound.streams.len()) {
            return StreamResult::WrongStream;
        }
        let last = tsn::unwrap32(self.inbound.cumulative, last);
        if last > self.inbound.cumulative {
            self.inbound.hold(last, &streams); // Rule E2
            self.reconfiguring.deferred = Some(Deferred::Streams { number, last, streams });
            return StreamResult::InProgress;
        }
        self.inbound.reset(&streams); // Rule E3
        self.changes.peer_reconfigured = true;
        StreamResult::Performed
    }

    /// §5.2.3: the peer asks for streams of this side to begin anew; a request is the answer.
    fn on_incoming_reset(&mut self, number: u32, streams: Vec<u16>) -> Option<StreamResult> {
        if streams.iter().any(|stream| *stream >= self.out.stream_count()) {
            return Some(StreamResult::WrongStream);
        }
        let interleaves = self.extensions.interleaving;
        let is_fresh = |index: u16| self.out.streams[usize::from(index)].is_fresh(interleaves);
        let meant = |index: &u16| streams.is_empty() || streams.contains(index);
        let asks_already = match &self.reconfiguring.active {
            Some(Active {
                task: Task { request: StreamRequest::Reset { outgoing: Some(own), .. }, .. },
                flight: Some(_),
            }) => own.is_empty() || (!streams.is_empty() && streams.iter().all(|it| own.contains(it))),
            Some(_) | None => false,
        };
        if asks_already || (0..self.out.stream_count()).filter(meant).all(is_fresh) {
            return Some(StreamResult::NothingToDo);
        }
        if self.reconfiguring.has_in_flight(|_| true) {
            // The answer would have to wait for the peer's, and the peer's perhaps for this one.
            return Some(StreamResult::AlreadyInProgress);
        }
        let barrier = self.out.messages;
        let request = StreamRequest::Reset { outgoing: Some(streams), incoming: None };
        self.reconfiguring.waiting.push_front(Task { request, answers: Some(number), barrier });
        None
    }

    /// Whether nothing of this side is outstanding, nor half sent.
    fn is_silent(&self) -> bool {
        self.out.outstanding.is_empty() && !(0..self.out.stream_count()).any(|at| self.out.is_draining(at))
    }

    /// §5.2.4, rules G1 to G5; gives this side's next TSN and the peer's.
    fn reset_tsns(&mut self, now: SimTime) -> (u32, u32) {
        let next = self.inbound.cumulative + 1 + (1 << 31);
        self.inbound.jump_to(next);
        self.inbound.reset(&[]);
        self.out.reset(&[]);
        self.reconfiguring.deferred = None;
        self.reconfiguring.tsns_reset = Some(now);
        self.changes.peer_reconfigured = true;
        (self.out.next_tsn() as u32, next as u32)
    }

    /// Carries out what had to wait, and says so.
    pub(super) fn finish_deferred(&mut self, now: SimTime) {
        let mut result = StreamResult::Performed;
        let (number, tsns) = match &self.reconfiguring.deferred {
            // Nothing begins anew where the end has begun.
            Some(Deferred::Tsns { number }) if self.state != State::Established => {
                result = StreamResult::Denied;
                (*number, None)
            }
            Some(Deferred::Streams { number, last, streams }) if self.inbound.cumulative >= *last => {
                self.inbound.reset(streams);
                self.inbound.release(u64::MAX, self.extensions.interleaving); // Rule E4
                self.changes.readable |= self.inbound.has_message();
                self.changes.peer_reconfigured = true;
                (*number, None)
            }
            Some(Deferred::Tsns { number }) if self.is_silent() => {
                let number = *number;
                (number, Some(self.reset_tsns(now)))
            }
            Some(Deferred::Streams { .. } | Deferred::Tsns { .. }) | None => return,
        };
        self.reconfiguring.deferred = None;
        for answer in self.reconfiguring.answers.iter_mut().filter(|answer| answer.number == number) {
            (answer.result, answer.tsns) = (Some(result), tsns);
        }
        // An answer of before that has not left yet is no longer true, and a SACK behind it would be one of the new TSNs.
        self.control.retain(|control| !is_answer_to(&control.chunks, number));
        self.apply_holds();
        self.answer(now, self.ack.path);
    }

    /// This side has shut down: what it was to ask will not be asked, not even where that was to be an answer.
    pub(super) fn ask_no_more(&mut self) {
        self.reconfiguring.drop_requests();
        for answer in self.reconfiguring.answers.iter_mut().filter(|answer| answer.result.is_none()) {
            answer.result = Some(StreamResult::Denied);
        }
    }

    /// Sends the answers to the peer's last requests, in one chunk (§5.2.1).
    fn answer(&mut self, now: SimTime, at: usize) {
        if !self.state.sends_data() && !self.reconfiguring.has_in_flight(|_| true) {
            self.ask_no_more();
        }
        let mut list = ParameterList::new();
        let mut asks = false;
        for Answer { number, result, tsns } in self.reconfiguring.answers.clone() {
            if let Some(result) = result {
                push_answer(&mut list, number, result, tsns);
                continue;
            }
            // The answer is a request of this side: perhaps it can go at once.
            let reconfiguring = &mut self.reconfiguring;
            let is_first = reconfiguring.waiting.front().is_some_and(|task| task.answers == Some(number));
            if reconfiguring.active.is_none()
                && is_first
                && let Some(task) = reconfiguring.waiting.pop_front()
            {
                reconfiguring.active = Some(Active { task, flight: None });
                self.apply_holds();
            }
            let is_it = |task: &Task| task.answers == Some(number);
            let active = self.reconfiguring.active.as_ref().filter(|active| is_it(&active.task));
            match active.map(|active| active.flight.as_ref()) {
                Some(Some(flight)) => {
                    let chunk = flight.chunk.clone();
                    self.queue_reconfig(at, chunk, true);
                    return;
                }
                Some(None) if self.may_ask_now() => {
                    self.push_request(&mut list);
                    asks = true;
                }
                Some(None) => push_answer(&mut list, number, StreamResult::InProgress, None),
                None if self.reconfiguring.waiting.iter().any(is_it) => {
                    push_answer(&mut list, number, StreamResult::InProgress, None);
                }
                None => push_answer(&mut list, number, StreamResult::Performed, None),
            }
        }
        if asks {
            self.send_request(now, &list);
        } else {
            self.send_answers(at, &list);
        }
    }

    fn send_answers(&mut self, at: usize, list: &ParameterList) {
        let mut chunk = Vec::new();
        Chunk::ReConfig(list.parameters()).emit(&mut chunk);
        self.queue_reconfig(at.min(self.paths.len() - 1), chunk, false);
    }
}

/// Whether a chunk is an answer to a request, and no request besides.
fn is_answer_to(chunk: &[u8], number: u32) -> bool {
    let Ok((Chunk::ReConfig(parameters), _)) = Chunk::parse(chunk) else { return false };
    let answered = |it| match it {
        Ok(Parameter::ReconfigResponse { response, .. }) => Some(response),
        Ok(_) | Err(_) => None,
    };
    parameters.iter().all(|it| answered(it).is_some())
        && parameters.iter().any(|it| answered(it) == Some(number))
}
