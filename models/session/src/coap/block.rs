//! The server's side of block-wise transfer (RFC 7959).

use std::net::SocketAddr;

use sim_core::SimTime;
use wire::coap::{Block, BlockSize, Code, OptionNumber, Options};

use super::client::{fills, is_block};
use super::endpoint::CoapEndpoint;
use super::event::IncomingId;
use super::input::Arrived;
use super::peer::{Incoming, Response, Served, Upload};
use crate::body::Body;

impl CoapEndpoint {
    /// Puts a request's body together (§2.5); gives the request on when it is whole, with its last block.
    pub(super) fn take_block1(&mut self, now: SimTime, arrived: Arrived) -> Option<(Arrived, Option<Block>)> {
        let Some(value) = arrived.head.options.get(OptionNumber::BLOCK1) else {
            return Some((arrived, None));
        };
        let known = |part: &Block| part.size != BlockSize::BERT || self.is_stream();
        let Some(part) = Block::parse(value).filter(known) else {
            self.refuse(now, arrived, Code::BAD_REQUEST, "");
            return None;
        };
        self.stats.rare().blocks += 1;
        let full = !part.more || fills(part.size, arrived.body.len());
        if !full {
            self.refuse(now, arrived, Code::BAD_REQUEST, "");
            return None;
        }
        let body_max = self.config.body_max;
        let expires = now.saturating_add(self.config.exchange_lifetime());
        let key = key_of(arrived.head.code, &arrived.head.options);
        let bodies = self.peer(now, arrived.from).bodies();
        let at = bodies.uploads.iter().position(|upload| upload.key == key);
        let before = at.map(|at| bodies.uploads.swap_remove(at));
        let body = match (part.number, before) {
            (0, _) => Some(Body::default()),
            (_, Some(upload)) if u64::from(upload.body.len()) == part.offset() => Some(upload.body),
            (_, Some(_) | None) => None,
        };
        let Some(mut body) = body else {
            self.refuse(now, arrived, Code::REQUEST_ENTITY_INCOMPLETE, "");
            return None;
        };
        body.append(arrived.body.clone());
        if body.len() > body_max {
            self.refuse(now, arrived, Code::REQUEST_ENTITY_TOO_LARGE, "");
            return None;
        }
        if part.more {
            self.peer(now, arrived.from).bodies().uploads.push(Upload { key, body, expires });
            let mut options = Options::new();
            options.push_uint(OptionNumber::BLOCK1, part.as_uint());
            let response =
                Response { code: Code::CONTINUE, options, body: Body::default(), label: arrived.label };
            let incoming = self.incoming(now, IncomingId(0), &arrived, None);
            self.answer(now, arrived.from, &incoming, response);
            return None;
        }
        Some((Arrived { body, ..arrived }, Some(part)))
    }

    /// Answers a request for a later block out of the body that the first one began (§2.4).
    pub(super) fn serve_block2(&mut self, now: SimTime, arrived: Arrived) -> Option<Arrived> {
        let part = arrived.head.options.get(OptionNumber::BLOCK2).and_then(Block::parse);
        let Some(part) = part.filter(|part| part.number > 0) else { return Some(arrived) };
        let key = key_of(arrived.head.code, &arrived.head.options);
        let response = self.peers.get(&arrived.from).and_then(|peer| {
            let mut served = peer.known_bodies()?.served.iter();
            let served = served.find(|served| served.key == key && served.expires > now)?;
            Some(served.response.clone())
        });
        let Some(response) = response else { return Some(arrived) };
        let response = Response { label: arrived.label, ..response };
        let incoming = self.incoming(now, IncomingId(0), &arrived, None);
        let (own, bytes) = self.part_bytes(arrived.from);
        let bytes = if part.size == BlockSize::BERT && own == part.size { bytes } else { part.size.bytes() };
        let response = cut_out(response, part, bytes);
        self.answer(now, arrived.from, &incoming, response);
        None
    }

    /// Makes a response fit a message: its first block, or the one that was asked for.
    pub(super) fn cut(
        &mut self,
        now: SimTime,
        to: SocketAddr,
        incoming: &Incoming,
        response: Response,
    ) -> Response {
        let mut response = response;
        if let Some(part) = incoming.block1 {
            response.options.push_uint(OptionNumber::BLOCK1, part.as_uint());
        }
        let wish = incoming.options.get(OptionNumber::BLOCK2).and_then(Block::parse);
        let (own, own_bytes) = self.part_bytes(to);
        let size = wish.map_or(own, |wish| wish.size.min(own));
        let bytes = if size == own { own_bytes } else { size.bytes() };
        let part = Block { number: wish.map_or(0, |wish| wish.number), more: false, size };
        if response.body.len() <= bytes && wish.is_none() {
            return response;
        }
        if response.body.len() > bytes {
            let key = key_of(incoming.code, &incoming.options);
            self.keep_served(now, to, key, response.clone());
        }
        cut_out(response, part, bytes)
    }
}

impl CoapEndpoint {
    /// Keeps a response whose later blocks the peer may ask for, in place of an older one.
    pub(super) fn keep_served(
        &mut self,
        now: SimTime,
        to: SocketAddr,
        key: (Code, Options),
        mut response: Response,
    ) {
        let expires = now.saturating_add(self.config.exchange_lifetime());
        response.options.remove(OptionNumber::OBSERVE);
        response.options.remove(OptionNumber::BLOCK1);
        let bodies = self.peer(now, to).bodies();
        bodies.served.retain(|served| served.key != key);
        bodies.served.push(Served { key, response, expires });
        self.plan_sweep(now);
    }
}

/// The block `part` of a response and those behind it, `bytes` in all; or an error where there is none such.
pub(super) fn cut_out(mut response: Response, part: Block, bytes: u32) -> Response {
    let len = u64::from(response.body.len());
    if part.offset() >= len && part.number > 0 {
        let (options, body) = (Options::new(), Body::default());
        return Response { code: Code::BAD_REQUEST, options, body, label: response.label };
    }
    let more = part.offset() + u64::from(bytes) < len;
    response.options.push_uint(OptionNumber::BLOCK2, Block { more, ..part }.as_uint());
    response.body = response.body.part(part.offset() as u32, bytes);
    response
}

/// What has to be equal for two requests to be about the same body: all but the blocks and what is no cache key.
pub(super) fn key_of(code: Code, options: &Options) -> (Code, Options) {
    let mut key = options.clone();
    key.retain(|option| {
        let apart = is_block(option.number) || option.number == OptionNumber::OBSERVE;
        !apart && !option.number.is_no_cache_key()
    });
    (code, key)
}
