//! The client: whether a server knows these options, bodies that go to it, and bodies that come (RFC 9177 §4).

use std::net::SocketAddr;

use sim_core::SimTime;
use wire::coap::{Block, BlockSize, Code, MISSING_BLOCKS, OptionNumber, Options, Token, parse_missing};

use super::super::endpoint::CoapEndpoint;
use super::super::event::{Failure, RequestId};
use super::super::input::Arrived;
use super::super::peer::{Pending, Request, Role};
use super::inflow::{Answer, Inflow};
use super::outflow::{Outflow, Piece};
use super::{Support, Wake, set_size};
use crate::body::Body;

/// What a request does with these options.
#[derive(Debug, Default)]
pub(in super::super) struct Transfer {
    /// Whether it is the question if the server knows them.
    is_question: bool,
    /// Whether it waits for the answer to that question.
    waits: bool,
    /// The tokens of its messages. They are kept until the body is answered, not only until its set is (§4.3): a server may
    /// report a block of the next set by the token of one that it got again.
    tokens: Vec<Token>,
    up: Option<Upload>,
    down: Option<Download>,
    /// The ETag of a body that a newer one has replaced.
    replaced: Option<Vec<u8>>,
    wake: Wake,
}

/// The request's body.
#[derive(Debug)]
struct Upload {
    outflow: Outflow,
    /// The Request-Tag.
    tag: Token,
}

/// The response's body.
#[derive(Debug)]
struct Download {
    inflow: Inflow,
    size: BlockSize,
    etag: Option<Vec<u8>>,
    first: (Code, Options),
}

impl Transfer {
    /// Whether a response with this token is one to the request.
    pub(in super::super) fn has(&self, token: Token) -> bool {
        self.tokens.contains(&token)
    }

    fn due(&self) -> Option<SimTime> {
        let resume = self.up.as_ref().and_then(|up| up.outflow.resume());
        let check = self.down.as_ref().map(|down| down.inflow.check_at());
        resume.into_iter().chain(check).min()
    }
}

impl CoapEndpoint {
    /// What a new request is to do with these options, if anything: non-confirmable ones that bring or may bring a large
    /// body (§3.2), unless the server is known not to know them.
    pub(in super::super) fn plan_transfer(
        &self,
        peer: SocketAddr,
        request: &Request,
    ) -> Option<Box<Transfer>> {
        let brings = request.body.len() > self.config.block_size.bytes();
        let asks = matches!(request.code, Code::GET | Code::FETCH);
        let support = self.peers.get(&peer).map_or(Support::Unknown, |peer| peer.q_block);
        let usable = self.config.q_block && !self.is_stream() && !peer.ip().is_multicast();
        let use_it = usable && support != Support::No && !request.confirmable && (brings || asks);
        use_it.then(|| Box::new(Transfer { waits: true, ..Transfer::default() }))
    }

    /// Begins a request that waits, or asks the server first (§4.1).
    pub(in super::super) fn start_transfer(&mut self, now: SimTime, peer: SocketAddr, id: RequestId) {
        match self.peer(now, peer).q_block {
            Support::Yes => self.begin_transfer(now, peer, id),
            Support::Unknown => self.ask_for_support(now, peer, id),
            // The answer to the question begins it, in one way or the other.
            Support::Asked | Support::No => {}
        }
    }

    /// A confirmable request for the first 16 bytes: only such a one is refused for sure where the option is unknown.
    fn ask_for_support(&mut self, now: SimTime, key: SocketAddr, about: RequestId) {
        let Some(request) = self.pending_mut(key, about).map(|pending| &pending.request) else { return };
        let (mut options, label) = (request.options.clone(), request.label);
        let address = [OptionNumber::URI_HOST, OptionNumber::URI_PORT, OptionNumber::URI_PATH];
        options.retain(|option| address.contains(&option.number));
        options.push_uint(OptionNumber::Q_BLOCK2, 0);
        let (id, token) = (RequestId(self.new_id()), self.new_token(key));
        let body = Body::default();
        let request = Request { code: Code::GET, options, body, confirmable: true, label };
        let transfer = Box::new(Transfer { is_question: true, ..Transfer::default() });
        let pending = Pending { transfer: Some(transfer), ..Pending::new(id, token, request) };
        let message = pending.message();
        let peer = self.peer(now, key);
        peer.q_block = Support::Asked;
        peer.requests.push(pending);
        self.submit(now, key, true, message);
    }

    /// A request that has ended without a response: an answer too, if it was the question for support.
    pub(in super::super) fn give_up(
        &mut self,
        now: SimTime,
        key: SocketAddr,
        pending: &Pending,
        why: Failure,
    ) {
        if !pending.transfer.as_ref().is_some_and(|transfer| transfer.is_question) {
            return self.fail(pending.id, why);
        }
        if why == Failure::Reset {
            return self.on_support(now, key, Support::No);
        }
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.q_block = Support::Unknown;
        let waits = |it: &mut Pending| it.transfer.as_ref().is_some_and(|transfer| transfer.waits);
        let lost: Vec<_> = peer.requests.take_if(waits);
        lost.iter().for_each(|pending| self.fail(pending.id, why));
    }

    /// The server has said whether it knows these options: what waited begins.
    fn on_support(&mut self, now: SimTime, key: SocketAddr, support: Support) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.q_block = support;
        let waits = |it: &&Pending| it.transfer.as_ref().is_some_and(|transfer| transfer.waits);
        let waiting: Vec<RequestId> = peer.requests.iter().filter(waits).map(|it| it.id).collect();
        for id in waiting {
            if support == Support::Yes {
                self.begin_transfer(now, key, id);
            } else if let Some(pending) = self.pending_mut(key, id) {
                pending.transfer = None;
                let (confirmable, message) = (pending.request.confirmable, pending.message());
                self.submit(now, key, confirmable, message);
            }
        }
    }

    /// Begins a request, or begins it anew: with its body, or with the wish for the response's.
    pub(in super::super) fn begin_transfer(&mut self, now: SimTime, key: SocketAddr, id: RequestId) {
        let (size, set) = (self.config.block_size, set_size(&self.config));
        let pause = self.non_timeout_random();
        let tag = self.new_token(key);
        let Some(pending) = self.pending_mut(key, id) else { return };
        // The body goes by these options alone.
        pending.upload = None;
        let body = pending.request.body.clone();
        let mut transfer = Transfer::default();
        let brings = body.len() > size.bytes();
        if brings {
            transfer.up = Some(Upload { outflow: Outflow::new(body, size, set, pause), tag });
        }
        pending.transfer = Some(Box::new(transfer));
        if brings {
            self.pump_transfer(now, key, id);
        } else {
            self.ask_for_blocks(now, key, id, &[Block { number: 0, more: true, size }], true);
        }
    }

    /// Asks for blocks of the response's body: all, those behind a complete set, or missing ones (§4.4).
    fn ask_for_blocks(
        &mut self,
        now: SimTime,
        key: SocketAddr,
        id: RequestId,
        blocks: &[Block],
        first: bool,
    ) {
        let token = self.new_token(key);
        let Some(pending) = self.pending_mut(key, id) else { return };
        let mut message = pending.message();
        if first {
            // An observation keeps its token.
            if pending.observed.is_none() {
                pending.token = token;
            }
        } else if let Some(transfer) = &mut pending.transfer {
            transfer.tokens.push(token);
            message.options.remove(OptionNumber::OBSERVE);
            if pending.request.code != Code::FETCH {
                message.body = Body::default();
            }
        }
        message.token = if first { pending.token } else { token };
        blocks.iter().for_each(|block| message.options.push_uint(OptionNumber::Q_BLOCK2, block.as_uint()));
        self.submit(now, key, false, message);
    }

    /// Sends the blocks of a request's body that may go out now.
    fn pump_transfer(&mut self, now: SimTime, key: SocketAddr, id: RequestId) {
        let Some(transfer) = self.pending_mut(key, id).and_then(|it| it.transfer.as_deref_mut()) else {
            return;
        };
        let pieces = transfer.up.as_mut().map_or_else(Vec::new, |up| up.outflow.due(now));
        for Piece { block, body, first } in pieces {
            let token = self.new_token(key);
            let Some(pending) = self.pending_mut(key, id) else { return };
            let mut message = pending.message();
            let Some(Transfer { up: Some(up), tokens, .. }) = pending.transfer.as_deref_mut() else { return };
            tokens.push(token);
            message.options.remove(OptionNumber::REQUEST_TAG);
            message.options.push_uint(OptionNumber::Q_BLOCK1, block.as_uint());
            message.options.push_uint(OptionNumber::SIZE1, up.outflow.len());
            message.options.push(OptionNumber::REQUEST_TAG, up.tag.as_bytes());
            (message.token, message.body) = (token, body);
            // A body counts once for PROBING_RATE, with its first message (§7.2).
            message.role = if first && block.number == 0 { Role::Request(id) } else { Role::Block(id) };
            self.submit(now, key, false, message);
        }
        self.wake_transfer(now, key, id);
    }

    fn wake_transfer(&mut self, now: SimTime, key: SocketAddr, id: RequestId) {
        let Some(transfer) = self.pending_mut(key, id).and_then(|it| it.transfer.as_deref_mut()) else {
            return;
        };
        let due = transfer.due();
        if let Some(at) = transfer.wake.set(now, due) {
            self.arm(at, key);
        }
    }

    /// Does what is due for the transfers with a peer.
    pub(in super::super) fn serve_transfers(&mut self, now: SimTime, key: SocketAddr) {
        let Some(peer) = self.peers.get(&key) else { return };
        let due = |it: &&Pending| it.transfer.as_ref().is_some_and(|transfer| transfer.wake.is_due(now));
        let due: Vec<RequestId> = peer.requests.iter().filter(due).map(|it| it.id).collect();
        let config = std::sync::Arc::clone(&self.config);
        for id in due {
            self.pump_transfer(now, key, id);
            let down = self.pending_mut(key, id).and_then(|it| it.transfer.as_deref_mut()?.down.as_mut());
            if let Some(Download { inflow, size, .. }) = down.filter(|down| down.inflow.check_at() <= now) {
                let size = *size;
                match inflow.check(now, &config) {
                    Some(missing) => self.ask_for_missing(now, key, id, size, &missing),
                    None => {
                        self.finish(now, key, id, Failure::NoResponse);
                        continue;
                    }
                }
            }
            self.wake_transfer(now, key, id);
        }
    }

    fn ask_for_missing(
        &mut self,
        now: SimTime,
        key: SocketAddr,
        id: RequestId,
        size: BlockSize,
        missing: &[u32],
    ) {
        self.stats.rare().missing_reports += 1;
        let blocks: Vec<Block> = missing.iter().map(|&number| Block { number, more: false, size }).collect();
        self.ask_for_blocks(now, key, id, &blocks, false);
    }

    /// Takes a response as far as it is about blocks; what is left is one to the whole request.
    pub(in super::super) fn on_transfer_response(
        &mut self,
        now: SimTime,
        key: SocketAddr,
        id: RequestId,
        arrived: Arrived,
    ) -> Option<Arrived> {
        let transfer = self.pending_mut(key, id).and_then(|it| it.transfer.as_deref_mut());
        let Some(transfer) = transfer else { return Some(arrived) };
        let (code, options) = (arrived.head.code, &arrived.head.options);
        if transfer.is_question {
            let known = code != Code::BAD_OPTION;
            if let Some(peer) = self.peers.get_mut(&key) {
                peer.requests.retain(|pending| pending.id != id);
            }
            self.on_support(now, key, if known { Support::Yes } else { Support::No });
            return None;
        }
        if let Some(up) = &mut transfer.up {
            let confirmed = options.get(OptionNumber::Q_BLOCK1).and_then(Block::parse);
            let format = options.get_uint(OptionNumber::CONTENT_FORMAT);
            match (code, confirmed) {
                (Code::CONTINUE, Some(confirmed)) => {
                    up.outflow.on_continue(now, confirmed.number.saturating_add(1));
                    self.pump_transfer(now, key, id);
                    return None;
                }
                (Code::REQUEST_ENTITY_INCOMPLETE, _) if format == Some(MISSING_BLOCKS) => {
                    if let Some(missing) = parse_missing(&arrived.body.payload.to_vec()) {
                        up.outflow.on_missing(now, missing);
                        self.pump_transfer(now, key, id);
                    }
                    return None;
                }
                _ => {
                    transfer.up = None;
                    transfer.tokens.clear();
                }
            }
        }
        match options.get(OptionNumber::Q_BLOCK2).and_then(Block::parse) {
            Some(block) => self.on_piece(now, key, id, block, arrived),
            None => Some(arrived),
        }
    }

    /// A block of the response's body; gives the whole response when it is there.
    fn on_piece(
        &mut self,
        now: SimTime,
        key: SocketAddr,
        id: RequestId,
        block: Block,
        arrived: Arrived,
    ) -> Option<Arrived> {
        self.stats.rare().blocks += 1;
        let config = std::sync::Arc::clone(&self.config);
        let etag = arrived.head.options.get(OptionNumber::ETAG).map(<[u8]>::to_vec);
        let len = arrived.head.options.get_uint(OptionNumber::SIZE2).filter(|&len| len <= config.body_max);
        let (Some(len), Some(pending)) = (len, self.pending_mut(key, id)) else {
            self.finish(now, key, id, Failure::BadResponse);
            return None;
        };
        pending.deadline = now.saturating_add(config.exchange_lifetime());
        let transfer = pending.transfer.as_deref_mut()?;
        if etag.is_some() && etag == transfer.replaced {
            return None;
        }
        if transfer.down.as_ref().is_some_and(|down| down.etag != etag) {
            // The representation has changed: what is there of the old one is of no use (§4.4).
            transfer.replaced = transfer.down.take().and_then(|down| down.etag);
        }
        let down = transfer.down.get_or_insert_with(|| Download {
            inflow: Inflow::new(now, block.size, len, &config),
            size: block.size,
            etag,
            first: (arrived.head.code, arrived.head.options.clone()),
        });
        if down.inflow.len() != len || !down.inflow.is_part(block, arrived.body.len()) {
            self.finish(now, key, id, Failure::BadResponse);
            return None;
        }
        let size = down.size;
        match down.inflow.take(now, block, arrived.body.clone(), &config) {
            Answer::Nothing => {}
            Answer::Continue(number) => {
                self.ask_for_blocks(now, key, id, &[Block { number, more: true, size }], false);
            }
            Answer::Missing(missing) => self.ask_for_missing(now, key, id, size, &missing),
            Answer::Whole => {
                let Download { inflow, first, etag, .. } = transfer.down.take()?;
                transfer.replaced = etag;
                transfer.tokens.clear();
                let mut whole = arrived;
                (whole.head.code, whole.head.options) = first;
                whole.body = inflow.into_body();
                return Some(whole);
            }
        }
        self.wake_transfer(now, key, id);
        None
    }
}
