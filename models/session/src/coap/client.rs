//! The client: requests, their responses, and bodies in blocks (RFC 7252 §5.2, RFC 7959).

use std::net::SocketAddr;

use sim_core::SimTime;
use wire::coap::{Block, BlockSize, Code, Kind, OptionNumber, Token};

use super::endpoint::CoapEndpoint;
use super::event::{CoapEvent, Failure, RequestId};
use super::input::Arrived;
use super::peer::{Download, Message, Pending, Request, Response, Role, UploadPart};

impl CoapEndpoint {
    /// Sends a request; its response or failure comes as an event.
    ///
    /// A body longer than a block goes out in blocks. A GET with Observe 0 is an observation: each newer state is a
    /// response, until [`Self::cancel`], an error or a response without Observe.
    pub fn request(&mut self, now: SimTime, peer: SocketAddr, mut request: Request) -> RequestId {
        let id = RequestId(self.new_id());
        let token = self.new_token(peer);
        // A multicast request is non-confirmable (RFC 7252 §8.1).
        request.confirmable &= !peer.ip().is_multicast();
        let (size, bytes) = self.part_bytes(peer);
        let upload = (request.body.len() > bytes).then_some(UploadPart { offset: 0, size, bytes });
        let others =
            self.peers.get(&peer).is_some_and(|peer| peer.requests.iter().any(|it| it.upload.is_some()));
        if upload.is_some() && others {
            // Blocks of two bodies on their way to one server are told apart (RFC 9175 §3.4).
            request.options.push_uint(OptionNumber::REQUEST_TAG, id.0);
        }
        let transfer = self.plan_transfer(peer, &request);
        let waits = transfer.is_some();
        let pending = Pending { upload, transfer, ..Pending::new(id, token, request) };
        let (confirmable, message) = (pending.request.confirmable, pending.message());
        self.peer(now, peer).requests.push(pending);
        if waits {
            self.start_transfer(now, peer, id);
        } else {
            self.submit(now, peer, confirmable, message);
        }
        id
    }

    /// Gives a request up; of an observation the next notification will be rejected (RFC 7641 §3.6), or over a
    /// stream, which has no resets, the server is told (RFC 8323 §7.4).
    pub fn cancel(&mut self, peer: SocketAddr, request: RequestId) {
        if self.is_linked(peer) {
            self.deregister(peer, request);
        }
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.requests.retain(|pending| pending.id != request);
            let blocks = [Role::Request(request), Role::Block(request)];
            if let Some(rare) = &mut peer.rare {
                rare.waiting.retain(|waiting| !blocks.contains(&waiting.message.role));
            }
            peer.flights.retain(|flight| flight.role != Role::Request(request));
        }
    }

    /// A response in a message of its own: acknowledged if it matches a request, else rejected (§4.2, §5.3.2).
    pub(super) fn on_separate_response(&mut self, now: SimTime, arrived: Arrived) {
        let matches = self.find(&arrived).is_some();
        if !matches || (self.is_unusable(&arrived) && !self.is_stream()) {
            if !matches {
                self.stats.rare().unmatched += 1;
            }
            return self.reject(now, &arrived);
        }
        if arrived.head.kind == Kind::Confirmable {
            let (from, to, id) = (arrived.from, arrived.to, arrived.head.message_id);
            self.send_empty(now, from, to, Kind::Acknowledgement, id, arrived.label);
        }
        self.on_response(now, arrived);
    }

    /// Where the request is that a message answers: the peer's or a group's, and its number.
    fn find(&self, arrived: &Arrived) -> Option<(SocketAddr, RequestId)> {
        let token = arrived.head.token;
        let of = |address: SocketAddr| {
            let requests = &self.peers.get(&address)?.requests;
            let own = |it: &&Pending| {
                let free = it.transfer.as_ref().is_some_and(|transfer| transfer.has(token));
                it.token == token || it.block_token == Some(token) || free
            };
            Some((address, requests.iter().find(own)?.id))
        };
        // The source of a response matches the request's destination, except of a group's (RFC 7252 §5.3.2, §8.2).
        of(arrived.from).or_else(|| {
            let mut groups = self.peers.addresses().filter(|address| address.ip().is_multicast());
            groups.find_map(of)
        })
    }

    pub(super) fn on_response(&mut self, now: SimTime, arrived: Arrived) {
        let Some((key, id)) = self.find(&arrived) else { return };
        // The response stands for an acknowledgement that was lost (§5.2.2).
        self.land(now, key, id);
        if self.is_unusable(&arrived) {
            return self.finish(now, key, id, Failure::BadResponse);
        }
        let Some(pending) = self.pending_mut(key, id) else { return };
        let echo = arrived.head.options.get(OptionNumber::ECHO).filter(|_| !key.ip().is_multicast());
        if arrived.head.code == Code::UNAUTHORIZED
            && let Some(echo) = echo
            && pending.request.options.get(OptionNumber::ECHO) != Some(echo)
        {
            // The server wants to see that the request is fresh: the same with its Echo (RFC 9175 §2.3).
            pending.request.options.remove(OptionNumber::ECHO);
            pending.request.options.push(OptionNumber::ECHO, echo);
            if let Some(part) = &mut pending.upload {
                part.offset = 0;
            }
            return self.send_again(now, key, id);
        }
        let Some(arrived) = self.on_transfer_response(now, key, id, arrived) else { return };
        let Some(pending) = self.pending_mut(key, id) else { return };
        if let Some(UploadPart { offset, size, bytes }) = pending.upload {
            let confirmed = block(&arrived, OptionNumber::BLOCK1);
            match (arrived.head.code, confirmed) {
                (Code::CONTINUE, Some(confirmed)) => {
                    let sent = offset + bytes;
                    // A server that asks for smaller blocks confirms the first part of what it got (RFC 7959 §2.3).
                    let in_step = confirmed.number == offset / size.bytes();
                    let (size, bytes) = smaller(size, bytes, confirmed.size);
                    if !in_step || sent >= pending.request.body.len() {
                        return self.finish(now, key, id, Failure::BadResponse);
                    }
                    pending.upload = Some(UploadPart { offset: sent, size, bytes });
                    return self.send_again(now, key, id);
                }
                (Code::REQUEST_ENTITY_TOO_LARGE, Some(wish)) if wish.size < size && offset == 0 => {
                    let (size, bytes) = smaller(size, bytes, wish.size);
                    pending.upload = Some(UploadPart { offset: 0, size, bytes });
                    return self.send_again(now, key, id);
                }
                _ => pending.upload = None,
            }
        }
        match block(&arrived, OptionNumber::BLOCK2) {
            Some(part) if part.more || part.number > 0 => self.on_block(now, key, id, part, arrived),
            Some(_) | None => self.deliver(now, key, id, arrived),
        }
    }

    /// One block of a response's body (RFC 7959 §2.4).
    fn on_block(&mut self, now: SimTime, key: SocketAddr, id: RequestId, part: Block, arrived: Arrived) {
        self.stats.rare().blocks += 1;
        let body_max = self.config.body_max;
        let etag = arrived.head.options.get(OptionNumber::ETAG).map(<[u8]>::to_vec);
        let Some(pending) = self.pending_mut(key, id) else { return };
        let full = !part.more || fills(part.size, arrived.body.len());
        let next_number = part.number + arrived.body.len() / part.size.bytes();
        if part.number == 0 {
            let first = (arrived.head.code, arrived.head.options.clone());
            pending.download = Some(Download { body: arrived.body.clone(), etag, first });
        } else {
            let next = pending
                .download
                .as_mut()
                .filter(|download| u64::from(download.body.len()) == part.offset() && download.etag == etag);
            let Some(download) = next else { return self.finish(now, key, id, Failure::BadResponse) };
            download.body.append(arrived.body.clone());
        }
        let Some(download) = &pending.download else { return };
        if !full || download.body.len() > body_max {
            return self.finish(now, key, id, Failure::BadResponse);
        }
        if part.more {
            let next = Block { number: next_number, more: false, size: part.size };
            return self.fetch(now, key, id, next);
        }
        let Some(Download { body, first: (code, options), .. }) = pending.download.take() else { return };
        let mut whole = arrived;
        (whole.head.code, whole.head.options, whole.body) = (code, options, body);
        self.deliver(now, key, id, whole);
    }

    /// Hands a whole response to the user.
    fn deliver(&mut self, now: SimTime, key: SocketAddr, id: RequestId, arrived: Arrived) {
        let Arrived { from, mut head, body, label, .. } = arrived;
        let group = key.ip().is_multicast();
        let observes = self.on_observed(now, key, id, &head);
        let Some(observes) = observes else { return };
        head.options.retain(|option| !is_block(option.number));
        if !observes
            && !group
            && let Some(peer) = self.peers.get_mut(&key)
        {
            peer.requests.retain(|pending| pending.id != id);
        }
        let response = Response { code: head.code, options: head.options, body, label };
        self.events.push_back(CoapEvent::Response { request: id, from, response, more: observes || group });
    }

    /// Asks for the next block, with a token of its own (RFC 9175 §4.2).
    fn fetch(&mut self, now: SimTime, key: SocketAddr, id: RequestId, next: Block) {
        let token = self.new_token(key);
        let Some(pending) = self.pending_mut(key, id) else { return };
        pending.block_token = Some(token);
        let mut message = pending.message();
        message.token = token;
        let apart = [OptionNumber::OBSERVE, OptionNumber::BLOCK1, OptionNumber::BLOCK2];
        message.options.retain(|option| !apart.contains(&option.number));
        message.options.push_uint(OptionNumber::BLOCK2, next.as_uint());
        message.body = crate::body::Body::default();
        let confirmable = pending.request.confirmable;
        self.submit(now, key, confirmable, message);
    }

    /// Sends the request with its next block, or to register again.
    pub(super) fn send_again(&mut self, now: SimTime, key: SocketAddr, id: RequestId) {
        if self.pending_mut(key, id).is_some_and(|pending| pending.transfer.is_some()) {
            return self.begin_transfer(now, key, id);
        }
        let token = self.new_token(key);
        let Some(pending) = self.pending_mut(key, id) else { return };
        if pending.observed.is_none() {
            pending.token = token;
        }
        let (confirmable, message) = (pending.request.confirmable, pending.message());
        self.submit(now, key, confirmable, message);
    }

    /// Takes the request's confirmable message off the retransmission.
    fn land(&mut self, now: SimTime, key: SocketAddr, id: RequestId) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        while let Some(at) = peer.flights.iter().position(|flight| flight.role == Role::Request(id)) {
            let flight = peer.flights.remove(at);
            peer.on_landed(now, &flight);
        }
    }

    /// Ends a request that wants no response, now that nothing more is to be done for it.
    pub(super) fn end_unanswered(&mut self, key: SocketAddr, id: RequestId) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let own = |it: &Pending| it.id == id && it.upload.is_none() && it.transfer.is_none();
        if let Some(at) = peer.requests.iter().position(|it| own(it) && it.wants_nothing()) {
            peer.requests.remove(at);
            self.events.push_back(CoapEvent::Unanswered { request: id });
        }
    }

    /// Ends a request without a response.
    pub(super) fn finish(&mut self, now: SimTime, key: SocketAddr, id: RequestId, why: Failure) {
        if let Some(peer) = self.peers.get_mut(&key)
            && let Some(at) = peer.requests.iter().position(|pending| pending.id == id)
        {
            let pending = peer.requests.remove(at);
            self.give_up(now, key, &pending, why);
        }
    }

    /// Whether a response carries what this client must understand and does not (RFC 7252 §5.4.1).
    fn is_unusable(&self, arrived: &Arrived) -> bool {
        let free = self.config.q_block && !self.is_stream();
        let known = |number| match number {
            OptionNumber::BLOCK1 | OptionNumber::BLOCK2 => true,
            OptionNumber::Q_BLOCK1 | OptionNumber::Q_BLOCK2 => free,
            _ => false,
        };
        arrived.head.options.unacceptable(known).is_some()
    }

    pub(super) fn pending_mut(&mut self, key: SocketAddr, id: RequestId) -> Option<&mut Pending> {
        self.peers.get_mut(&key)?.requests.iter_mut().find(|pending| pending.id == id)
    }
}

impl Pending {
    /// A request that was not sent yet.
    pub(super) fn new(id: RequestId, token: Token, request: Request) -> Self {
        Self {
            id,
            token,
            block_token: None,
            request,
            message_id: None,
            deadline: SimTime::MAX,
            upload: None,
            download: None,
            observed: None,
            transfer: None,
        }
    }

    /// The message that asks, with the block of the body that is due.
    pub(super) fn message(&self) -> Message {
        let Request { code, options, body, label, .. } = &self.request;
        let mut options = options.clone();
        let mut body = body.clone();
        if let Some(UploadPart { offset, size, bytes }) = self.upload {
            let more = offset + bytes < body.len();
            let part = Block { number: offset / size.bytes(), more, size };
            options.push_uint(OptionNumber::BLOCK1, part.as_uint());
            body = body.part(offset, bytes);
        }
        Message {
            code: *code,
            token: self.token,
            options,
            body,
            label: *label,
            role: Role::Request(self.id),
            source: None,
        }
    }

    /// Whether the request does without responses of every class (RFC 7967 §2.1).
    fn wants_nothing(&self) -> bool {
        let kept_back = self.request.options.get_uint(OptionNumber::NO_RESPONSE);
        kept_back.is_some_and(|bits| bits & NO_CLASS == NO_CLASS)
    }

    /// Whether the request asks to be told of changes.
    pub(super) fn wants_observation(&self) -> bool {
        self.request.options.get_uint(OptionNumber::OBSERVE) == Some(0)
    }
}

/// Successes, the client's errors and the server's.
const NO_CLASS: u32 = 2 + 8 + 16;

/// Whether an option is about a block, not about the body.
pub(super) fn is_block(number: OptionNumber) -> bool {
    let blocks = [OptionNumber::BLOCK1, OptionNumber::BLOCK2, OptionNumber::Q_BLOCK1, OptionNumber::Q_BLOCK2];
    blocks.contains(&number)
}

/// Parts of `bytes` in blocks of `size`, or of the smaller blocks that the server wishes.
fn smaller(size: BlockSize, bytes: u32, wish: BlockSize) -> (BlockSize, u32) {
    if wish < size { (wish, wish.bytes()) } else { (size, bytes) }
}

/// Whether a block that is not the last holds what its size says: of BERT any number of whole blocks (RFC 8323 §6).
pub(super) fn fills(size: BlockSize, len: u32) -> bool {
    len == size.bytes() || (size == BlockSize::BERT && len > 0 && len.is_multiple_of(size.bytes()))
}

fn block(arrived: &Arrived, number: OptionNumber) -> Option<Block> {
    arrived.head.options.get(number).and_then(Block::parse)
}
