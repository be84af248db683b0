//! The server: bodies that come in blocks, and bodies that go (RFC 9177 §4.3, §4.4).

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use sim_core::SimTime;
use wire::account::Protocol;
use wire::coap::{Block, BlockSize, Code, Kind, MISSING_BLOCKS, OptionNumber, Options, Token, emit_missing};

use super::super::block::key_of;
use super::super::endpoint::CoapEndpoint;
use super::super::event::IncomingId;
use super::super::input::Arrived;
use super::super::peer::{Answering, Incoming, Message, Response, Role};
use super::inflow::{Answer, Inflow};
use super::outflow::{Outflow, Piece};
use super::{Wake, set_size};
use crate::body::{Body, Label};

/// A request's body that comes in blocks.
#[derive(Debug)]
pub(in super::super) struct QUpload {
    key: (Code, Options),
    state: State,
    /// The latest block: what answers go to.
    last: Asker,
    /// The message ID of the latest list of missing blocks, which a reset names.
    report: Option<u16>,
    wake: Wake,
    pub(in super::super) expires: SimTime,
}

/// How far a body has come.
#[derive(Debug)]
enum State {
    Parts(Inflow),
    /// The user has it.
    Whole,
    /// The user has answered.
    Answered(Response),
}

/// Whose request a message answers.
#[derive(Clone, Copy, Debug)]
struct Asker {
    token: Token,
    label: Label,
    source: Option<IpAddr>,
}

/// A response's body that goes out in blocks, or has gone out and may be asked for again.
#[derive(Debug)]
pub(in super::super) struct QServed {
    key: (Code, Options),
    outflow: Outflow,
    /// Code and options, without a payload.
    response: Response,
    to: Asker,
    confirmable: bool,
    /// What the body's first message is.
    role: Role,
    wake: Wake,
    pub(in super::super) expires: SimTime,
}

impl Asker {
    fn of(arrived: &Arrived) -> Self {
        Self { token: arrived.head.token, label: arrived.label, source: arrived.to }
    }
}

impl CoapEndpoint {
    /// Whether a request uses these options in a way that makes no sense: beside the others (§4.1), or out of order (§4.4).
    pub(in super::super) fn misuses_q_blocks(&self, options: &Options) -> Option<Code> {
        let has = |number| options.get(number).is_some();
        let q_blocks = has(OptionNumber::Q_BLOCK1) || has(OptionNumber::Q_BLOCK2);
        if q_blocks && (has(OptionNumber::BLOCK1) || has(OptionNumber::BLOCK2)) {
            return Some(Code::BAD_OPTION);
        }
        let blocks: Option<Vec<Block>> = options.all(OptionNumber::Q_BLOCK2).map(block).collect();
        let ascends = blocks.is_some_and(|blocks| blocks.is_sorted_by(|a, b| a.number < b.number));
        let tagged = has(OptionNumber::REQUEST_TAG) && has(OptionNumber::SIZE1);
        let whole = !has(OptionNumber::Q_BLOCK1) || tagged;
        (!ascends || !whole).then_some(Code::BAD_REQUEST)
    }

    /// Puts a request's body together; gives the request on when it is whole.
    pub(in super::super) fn take_q_block1(&mut self, now: SimTime, arrived: Arrived) -> Option<Arrived> {
        let Some(value) = arrived.head.options.get(OptionNumber::Q_BLOCK1) else { return Some(arrived) };
        let (part, len) = (block(value), arrived.head.options.get_uint(OptionNumber::SIZE1));
        let (Some(part), Some(len)) = (part, len) else {
            self.refuse(now, arrived, Code::BAD_REQUEST, "");
            return None;
        };
        if len > self.config.body_max {
            self.refuse(now, arrived, Code::REQUEST_ENTITY_TOO_LARGE, "");
            return None;
        }
        self.stats.rare().blocks += 1;
        let config = std::sync::Arc::clone(&self.config);
        let from = arrived.from;
        let key = key_of(arrived.head.code, &arrived.head.options);
        let uploads = &mut self.peer(now, from).bodies().q_uploads;
        let at = uploads.iter().position(|upload| upload.key == key).unwrap_or_else(|| {
            if uploads.len() >= UPLOADS_MAX {
                uploads.remove(0);
            }
            let state = State::Parts(Inflow::new(now, part.size, len, &config));
            let (last, wake, expires) = (Asker::of(&arrived), Wake::default(), now);
            uploads.push(QUpload { key, state, last, report: None, wake, expires });
            uploads.len() - 1
        });
        let upload = &mut uploads[at];
        upload.last = Asker::of(&arrived);
        upload.expires = now.saturating_add(config.exchange_lifetime());
        let answer = match &mut upload.state {
            State::Answered(response) => {
                let response = Response { label: arrived.label, ..response.clone() };
                let incoming = self.incoming(now, IncomingId(0), &arrived, None);
                self.answer(now, from, &incoming, response);
                return None;
            }
            State::Whole => Answer::Nothing,
            State::Parts(inflow) if inflow.len() == len && inflow.is_part(part, arrived.body.len()) => {
                inflow.take(now, part, arrived.body.clone(), &config)
            }
            State::Parts(_) => {
                self.refuse(now, arrived, Code::BAD_REQUEST, "");
                return None;
            }
        };
        if answer == Answer::Whole
            && let State::Parts(inflow) = std::mem::replace(&mut upload.state, State::Whole)
        {
            return Some(Arrived { body: inflow.into_body(), ..arrived });
        }
        let due = upload.check_at();
        if let Some(at) = upload.wake.set(now, due) {
            self.arm(at, from);
        }
        self.plan_sweep(now);
        self.answer_block(now, &arrived, part.size, answer);
        None
    }

    /// Says what came of a block that is not the last: a confirmable one is acknowledged and no more (§4.3).
    fn answer_block(&mut self, now: SimTime, arrived: &Arrived, size: BlockSize, answer: Answer) {
        let (from, asker) = (arrived.from, Asker::of(arrived));
        if arrived.head.kind == Kind::Confirmable {
            let id = arrived.head.message_id;
            return self.send_empty(now, from, arrived.to, Kind::Acknowledgement, id, arrived.label);
        }
        match answer {
            Answer::Nothing | Answer::Whole => {}
            Answer::Continue(end) => {
                let mut options = Options::new();
                let confirmed = Block { number: end.saturating_sub(1), more: true, size };
                options.push_uint(OptionNumber::Q_BLOCK1, confirmed.as_uint());
                let message = asker.message(Code::CONTINUE, options, Body::default(), Role::Response);
                self.submit(now, from, false, message);
            }
            Answer::Missing(missing) => self.report_missing(now, from, asker, &missing),
        }
    }

    /// Tells a client which blocks have not arrived (§5).
    fn report_missing(&mut self, now: SimTime, to: SocketAddr, asker: Asker, missing: &[u32]) {
        self.stats.rare().missing_reports += 1;
        let mut options = Options::new();
        options.push_uint(OptionNumber::CONTENT_FORMAT, MISSING_BLOCKS);
        let list = emit_missing(missing.iter().copied(), REPORT_MAX);
        let mut body = Body::from_bytes(list, asker.label);
        for run in &mut body.runs {
            (run.protocol, run.last) = (Protocol::Coap, false);
        }
        let role = Role::Report(asker.token);
        self.submit(now, to, false, asker.message(Code::REQUEST_ENTITY_INCOMPLETE, options, body, role));
    }

    /// Notes the message ID of a list of missing blocks.
    pub(in super::super) fn note_report(&mut self, to: SocketAddr, token: Token, message_id: u16) {
        let bodies = self.peers.get_mut(&to).and_then(|peer| peer.known_bodies_mut());
        let own = bodies.and_then(|bodies| bodies.q_uploads.iter_mut().find(|it| it.last.token == token));
        if let Some(upload) = own {
            upload.report = Some(message_id);
        }
    }

    /// A client that rejects the list of missing blocks has given the body up (§4.3).
    pub(in super::super) fn forget_upload(&mut self, from: SocketAddr, message_id: u16) {
        if let Some(bodies) = self.peers.get_mut(&from).and_then(|peer| peer.known_bodies_mut()) {
            bodies.q_uploads.retain(|upload| upload.report != Some(message_id));
        }
    }

    /// Keeps what a whole body was answered with, for its blocks that come again.
    pub(in super::super) fn note_answer(&mut self, to: SocketAddr, incoming: &Incoming, response: &Response) {
        if incoming.options.get(OptionNumber::Q_BLOCK1).is_none() {
            return;
        }
        let key = key_of(incoming.code, &incoming.options);
        let bodies = self.peers.get_mut(&to).and_then(|peer| peer.known_bodies_mut());
        if let Some(upload) =
            bodies.and_then(|bodies| bodies.q_uploads.iter_mut().find(|upload| upload.key == key))
        {
            upload.state = State::Answered(response.clone());
        }
    }

    /// Answers a request for blocks of a body that is on its way or was: the next set, or missing ones.
    pub(in super::super) fn serve_q_block2(&mut self, now: SimTime, arrived: Arrived) -> Option<Arrived> {
        let blocks: Vec<Block> = arrived.head.options.all(OptionNumber::Q_BLOCK2).filter_map(block).collect();
        let Some(&first) = blocks.first() else { return Some(arrived) };
        if blocks.len() == 1 && first.number == 0 {
            return Some(arrived);
        }
        let key = key_of(arrived.head.code, &arrived.head.options);
        let expires = now.saturating_add(self.config.exchange_lifetime());
        let bodies = self.peers.get_mut(&arrived.from).and_then(|peer| peer.known_bodies_mut());
        let served = bodies.and_then(|bodies| bodies.q_served.iter_mut().find(|it| it.key == key));
        let Some(served) = served.filter(|served| served.expires > now) else { return Some(arrived) };
        served.to = Asker::of(&arrived);
        served.confirmable = arrived.head.kind == Kind::Confirmable;
        served.expires = expires;
        let set = served.outflow.set();
        if blocks.len() == 1 && first.more && first.number.is_multiple_of(set) {
            served.outflow.on_continue(now, first.number);
        } else {
            let wanted = expanded(&blocks, set, served.outflow.count());
            served.outflow.on_missing(now, wanted);
        }
        if arrived.head.kind == Kind::Confirmable {
            let id = arrived.head.message_id;
            self.send_empty(now, arrived.from, arrived.to, Kind::Acknowledgement, id, arrived.label);
        }
        self.pump_served(now, arrived.from);
        None
    }

    /// Takes a response over that goes out in blocks by these options; gives back what fits a message, or has to go by
    /// others.
    pub(in super::super) fn cut_freely(
        &mut self,
        now: SimTime,
        to: SocketAddr,
        incoming: &Incoming,
        response: Response,
    ) -> Option<Response> {
        let options = &incoming.options;
        let blocks: Vec<Block> = options.all(OptionNumber::Q_BLOCK2).filter_map(block).collect();
        let wished = !blocks.is_empty() || options.get(OptionNumber::Q_BLOCK1).is_some();
        let own = self.config.block_size;
        let size = blocks.first().map_or(own, |first| first.size.min(own));
        let unfit = incoming.state == Answering::Leisurely || !response.code.is_success();
        if !wished || unfit || response.body.len() <= size.bytes() {
            return Some(response);
        }
        let pause = self.non_timeout_random();
        let set = set_size(&self.config);
        let whole = |blocks: &[Block]| matches!(blocks, [] | [Block { number: 0, more: true, .. }]);
        let mut outflow = Outflow::new(response.body.clone(), size, set, pause);
        if !whole(&blocks) {
            outflow = outflow.at_rest();
            outflow.on_missing(now, expanded(&blocks, set, outflow.count()));
        }
        let token = incoming.token;
        let asker = Asker { token, label: response.label, source: incoming.to };
        let confirmable = matches!(incoming.state, Answering::Piggybacked(_) | Answering::Separate);
        let key = key_of(incoming.code, options);
        let mut served = self.served(now, key, outflow, response, asker);
        served.confirmable = confirmable;
        if let Answering::Piggybacked(_) = incoming.state {
            // The acknowledgement brings the first one (§4.4).
            let pieces = served.outflow.due(now);
            let mut messages: Vec<Message> = pieces.into_iter().map(|piece| served.message(piece)).collect();
            if !messages.is_empty() {
                let first = messages.remove(0);
                self.reply(now, to, Kind::Acknowledgement, incoming.message_id, first);
            }
            self.keep_q_served(now, to, served);
            messages.into_iter().for_each(|message| self.submit(now, to, true, message));
        } else {
            self.keep_q_served(now, to, served);
        }
        self.pump_served(now, to);
        None
    }

    /// Sends a notification in blocks (§4.5).
    pub(in super::super) fn notify_freely(
        &mut self,
        now: SimTime,
        to: (SocketAddr, Option<IpAddr>, Token),
        asked: (Code, &Options),
        response: Response,
        confirmable: bool,
    ) {
        let (peer, source, token) = to;
        let wish = asked.1.get(OptionNumber::Q_BLOCK2).and_then(block);
        let own = self.config.block_size;
        let size = wish.map_or(own, |wish| wish.size.min(own));
        let pause = self.non_timeout_random();
        let outflow = Outflow::new(response.body.clone(), size, set_size(&self.config), pause);
        let asker = Asker { token, label: response.label, source };
        let mut served = self.served(now, key_of(asked.0, asked.1), outflow, response, asker);
        (served.confirmable, served.role) = (confirmable, Role::Notification(token));
        self.keep_q_served(now, peer, served);
        self.pump_served(now, peer);
    }

    fn served(
        &self,
        now: SimTime,
        key: (Code, Options),
        outflow: Outflow,
        mut response: Response,
        to: Asker,
    ) -> QServed {
        if response.options.get(OptionNumber::ETAG).is_none() {
            // What tells two representations apart (§4.4).
            let etag = response.body.payload.digest().to_be_bytes();
            response.options.push(OptionNumber::ETAG, &etag);
        }
        response.options.remove(OptionNumber::SIZE2);
        response.options.push_uint(OptionNumber::SIZE2, outflow.len());
        response.body = Body::default();
        let expires = now.saturating_add(self.config.exchange_lifetime());
        let (role, wake) = (Role::Response, Wake::default());
        QServed { key, outflow, response, to, confirmable: false, role, wake, expires }
    }

    /// Keeps a body, in place of an older one of the same resource.
    fn keep_q_served(&mut self, now: SimTime, to: SocketAddr, served: QServed) {
        let bodies = self.peer(now, to).bodies();
        bodies.q_served.retain(|other| other.key != served.key);
        bodies.q_served.push(served);
        self.plan_sweep(now);
    }

    /// Sends the blocks to a peer that may go out now.
    fn pump_served(&mut self, now: SimTime, to: SocketAddr) {
        let bodies = self.peers.get_mut(&to).and_then(|peer| peer.known_bodies_mut());
        let Some(bodies) = bodies else { return };
        let (mut messages, mut wakes) = (Vec::new(), Vec::new());
        for served in &mut bodies.q_served {
            for piece in served.outflow.due(now) {
                messages.push((served.confirmable, served.message(piece)));
            }
            let due = served.outflow.resume();
            wakes.extend(served.wake.set(now, due));
        }
        wakes.into_iter().for_each(|at| self.arm(at, to));
        messages.into_iter().for_each(|(confirmable, message)| self.submit(now, to, confirmable, message));
    }

    /// Does what is due for the bodies that come from a peer and go to it.
    pub(in super::super) fn serve_bodies(&mut self, now: SimTime, from: SocketAddr) {
        self.pump_served(now, from);
        let config = std::sync::Arc::clone(&self.config);
        let bodies = self.peers.get_mut(&from).and_then(|peer| peer.known_bodies_mut());
        let Some(bodies) = bodies else { return };
        let (mut reports, mut wakes) = (Vec::new(), Vec::new());
        bodies.q_uploads.retain_mut(|upload| {
            if let State::Parts(inflow) = &mut upload.state
                && inflow.check_at() <= now
            {
                let Some(missing) = inflow.check(now, &config) else { return false };
                reports.push((upload.last, missing));
            }
            let due = upload.check_at();
            wakes.extend(upload.wake.set(now, due));
            true
        });
        wakes.into_iter().for_each(|at| self.arm(at, from));
        reports.into_iter().for_each(|(asker, missing)| self.report_missing(now, from, asker, &missing));
    }
}

impl QUpload {
    fn check_at(&self) -> Option<SimTime> {
        match &self.state {
            State::Parts(inflow) => Some(inflow.check_at()),
            State::Whole | State::Answered(_) => None,
        }
    }
}

impl QServed {
    fn message(&self, Piece { block, body, first }: Piece) -> Message {
        let mut options = self.response.options.clone();
        options.push_uint(OptionNumber::Q_BLOCK2, block.as_uint());
        if !first {
            // What is sent again is no notification (§4.5).
            options.remove(OptionNumber::OBSERVE);
        }
        let role = if first && block.number == 0 { self.role } else { Role::Response };
        let mut message = self.to.message(self.response.code, options, body, role);
        message.label = self.to.label;
        message
    }
}

impl Asker {
    fn message(self, code: Code, options: Options, body: Body, role: Role) -> Message {
        let Self { token, label, source } = self;
        Message { code, token, options, body, label, role, source }
    }
}

/// The blocks that are asked for, each once: with the M bit also those behind it in its set (§4.4).
fn expanded(blocks: &[Block], set: u32, count: u32) -> BTreeSet<u32> {
    let mut wanted = BTreeSet::new();
    for block in blocks {
        let end = if block.more { (block.number / set + 1) * set } else { block.number + 1 };
        wanted.extend(block.number..end.min(count));
    }
    wanted
}

fn block(value: &[u8]) -> Option<Block> {
    Block::parse(value).filter(|block| block.size != BlockSize::BERT)
}

/// Bodies that one peer may have under way at once; the oldest has to go for one more.
const UPLOADS_MAX: usize = 64;

/// Bytes of a list of missing blocks (RFC 7252 §4.6).
const REPORT_MAX: usize = 1024;
