//! What a proxy does with requests and responses, without I/O: it answers out of its cache, asks origin servers, and
//! observes for its clients (RFC 7252 §5.6, §5.7; RFC 7641 §5; RFC 8768).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::{
    CoapConfig, CoapEndpoint, CoapEvent, Failure, IncomingId, Request, RequestId, Response, observed_name,
};
use sim_core::SimTime;
use wire::coap::{Code, OptionNumber, Options};

use super::options::{cache_key, is_hop_limit_right, onward, target};
use super::stored::{Key, Stored};
use crate::flow::Flow;

/// A proxy: server to its clients and client to origin servers, on one port.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) endpoint: CoapEndpoint,
    /// The server that all requests are for, of a reverse proxy (§5.7.3).
    origin: Option<SocketAddr>,
    cache: BTreeMap<Key, Stored>,
    /// Requests to origin servers, and whom their responses are for.
    forwarded: BTreeMap<RequestId, Waiting>,
    /// What it observes for its clients, by the name that they observe it by.
    observed: BTreeMap<String, Observed>,
}

/// The present, and the flows whose messages pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    /// In global time: how long a response is fresh.
    pub(crate) now: SimTime,
    /// By the host's clock: what the protocol goes by.
    pub(crate) local: SimTime,
    pub(crate) flows: &'a [Flow],
}

/// A resource that the proxy observes at its origin server.
#[derive(Debug)]
struct Observed {
    request: RequestId,
    key: Key,
    /// Clients that are answered by the next state.
    waiting: Vec<(SocketAddr, IncomingId, Label)>,
    /// The latest state.
    current: Option<Stored>,
}

/// One that waits for the origin server.
#[derive(Debug)]
struct Waiting {
    from: SocketAddr,
    id: IncomingId,
    label: Label,
    key: Key,
    /// Whether the stored response's validity is what was asked.
    validating: bool,
}

impl Relay {
    /// A proxy for the servers that requests name or, of a reverse proxy, for `origin`.
    pub(crate) fn new(origin: Option<SocketAddr>, config: CoapConfig, rng: ChaCha8Rng) -> Self {
        // Clients of a reverse proxy take it for the server: what only a forward proxy is asked, it refuses.
        let config = CoapConfig { proxy: origin.is_none(), ..config };
        Self {
            endpoint: CoapEndpoint::new(Arc::new(config), rng),
            origin,
            cache: BTreeMap::new(),
            forwarded: BTreeMap::new(),
            observed: BTreeMap::new(),
        }
    }

    /// Does what an event of the endpoint asks for.
    pub(crate) fn take(&mut self, moment: &Moment<'_>, event: CoapEvent) {
        match event {
            CoapEvent::Request { id, from, code, options, body, label, .. } => {
                self.forward(moment, (from, id), code, options, body, label);
            }
            CoapEvent::Response { request, response, more, .. } => match self.observed_by(request) {
                Some(name) => self.on_state(moment, &name, response, more),
                None => self.hand_back(moment, request, response),
            },
            CoapEvent::Failed { request, why } => self.give_up(moment, request, why),
            CoapEvent::Duplicate { .. }
            | CoapEvent::Unanswered { .. }
            | CoapEvent::ObserverGone { .. }
            | CoapEvent::Close { .. } => {}
        }
    }

    /// Answers out of the cache, or asks the origin server.
    fn forward(
        &mut self,
        moment: &Moment<'_>,
        (from, id): (SocketAddr, IncomingId),
        code: Code,
        options: Options,
        body: Body,
        label: Label,
    ) {
        let answer = |own: &mut Self, response: Response| {
            own.endpoint.respond(moment.local, from, id, response);
        };
        let Some(target) = self.origin.or_else(|| target(&options)) else {
            return answer(self, plain(Code::PROXYING_NOT_SUPPORTED, label));
        };
        if !is_hop_limit_right(&options) {
            return answer(self, plain(Code::BAD_REQUEST, label));
        }
        let Some(mut onward) = onward(&options) else {
            return answer(self, plain(Code::HOP_LIMIT_REACHED, label));
        };
        let key = Key(target, code.0, cache_key(&onward));
        if code == Code::GET && options.get_uint(OptionNumber::OBSERVE) == Some(0) {
            return self.observe(moment, (from, id), key, (&options, onward), label);
        }
        let is_safe = matches!(code, Code::GET | Code::FETCH);
        if !is_safe {
            // What is changed through it is known to be stale (§5.9.1).
            self.cache.retain(|other, _| other.0 != target);
        }
        let stored = self.cache.get(&key).filter(|_| is_safe);
        if let Some(response) = stored.and_then(|stored| stored.fresh(moment, label, &options)) {
            return answer(self, response);
        }
        let known =
            stored.and_then(|stored| stored.response.options.get(OptionNumber::ETAG)).map(<[u8]>::to_vec);
        let validating = known.is_some() && onward.get(OptionNumber::ETAG).is_none();
        if let Some(etag) = known.filter(|_| validating) {
            onward.push(OptionNumber::ETAG, &etag);
        }
        onward.remove(OptionNumber::OBSERVE);
        let request = Request { code, options: onward, body, confirmable: true, label };
        let request = self.endpoint.request(moment.local, target, request);
        self.forwarded.insert(request, Waiting { from, id, label, key, validating });
    }

    /// Makes the client an observer of what the proxy observes, or begins to (RFC 7641 §5).
    fn observe(
        &mut self,
        moment: &Moment<'_>,
        (from, id): (SocketAddr, IncomingId),
        key: Key,
        (options, mut onward): (&Options, Options),
        label: Label,
    ) {
        let endpoint = &mut self.endpoint;
        let name = observed_name(options);
        if let Some(observed) = self.observed.get_mut(&name) {
            let current = observed.current.as_ref();
            match current.and_then(|stored| stored.fresh(moment, label, options)) {
                Some(response) => endpoint.respond(moment.local, from, id, observable(response)),
                // The next state answers it.
                None => observed.waiting.push((from, id, label)),
            }
            return;
        }
        // The proxy wants the state itself, whatever the client has of it.
        onward.remove(OptionNumber::ETAG);
        onward.remove(OptionNumber::OBSERVE);
        onward.push_uint(OptionNumber::OBSERVE, 0);
        let (body, target) = (Body::default(), key.0);
        let request = Request { code: Code::GET, options: onward, body, confirmable: true, label };
        let request = endpoint.request(moment.local, target, request);
        let waiting = vec![(from, id, label)];
        self.observed.insert(name, Observed { request, key, waiting, current: None });
    }

    fn observed_by(&self, request: RequestId) -> Option<String> {
        let own = self.observed.iter().find(|(_, observed)| observed.request == request);
        own.map(|(name, _)| name.clone())
    }

    /// A state of what is observed has come: every client hears of it; `more` says whether others will follow.
    fn on_state(&mut self, moment: &Moment<'_>, name: &str, mut response: Response, more: bool) {
        let Some(observed) = self.observed.get_mut(name) else { return };
        let endpoint = &mut self.endpoint;
        response.options.remove(OptionNumber::OBSERVE);
        let max_age = response.options.get_uint(OptionNumber::MAX_AGE).unwrap_or(MAX_AGE_DEFAULT);
        let stored = Stored { response, since: moment.now, max_age };
        let waiting = std::mem::take(&mut observed.waiting);
        if more {
            endpoint.notify(moment.local, name, &stored.response);
        } else {
            // Whoever still observes has to ask again, and learns then what there is.
            let ended = match stored.response.code {
                code if code.is_success() => plain(Code::BAD_GATEWAY, stored.response.label),
                _ => stored.response.clone(),
            };
            endpoint.notify(moment.local, name, &ended);
        }
        for (from, id, label) in waiting {
            let own = stored.relabelled(moment, label);
            let own = if more { observable(own) } else { own };
            endpoint.respond(moment.local, from, id, own);
        }
        if more {
            observed.current = Some(stored);
        } else {
            self.observed.remove(name);
        }
    }

    /// Gives up what no client observes any more.
    pub(crate) fn stop_observing(&mut self) {
        let endpoint = &mut self.endpoint;
        self.observed.retain(|name, observed| {
            let wanted = !observed.waiting.is_empty() || endpoint.observer_count(name) > 0;
            if !wanted {
                endpoint.cancel(observed.key.0, observed.request);
            }
            wanted
        });
    }

    /// The origin server has answered.
    fn hand_back(&mut self, moment: &Moment<'_>, request: RequestId, mut response: Response) {
        let Some(Waiting { from, id, label, key, validating }) = self.forwarded.remove(&request) else {
            return;
        };
        response.options.remove(OptionNumber::OBSERVE);
        let max_age = response.options.get_uint(OptionNumber::MAX_AGE).unwrap_or(MAX_AGE_DEFAULT);
        let code = Code(key.1);
        if validating && response.code == Code::VALID {
            if let Some(stored) = self.cache.get_mut(&key) {
                (stored.since, stored.max_age) = (moment.now, max_age);
                response = stored.relabelled(moment, label);
            }
        } else if response.code == Code::CONTENT && matches!(code, Code::GET | Code::FETCH) {
            if self.cache.len() >= CACHE_MAX {
                self.cache.pop_first();
            }
            self.cache.insert(key, Stored { response: response.clone(), since: moment.now, max_age });
        }
        self.endpoint.respond(moment.local, from, id, response);
    }

    /// The origin server has not (§5.7.1).
    fn give_up(&mut self, moment: &Moment<'_>, request: RequestId, why: Failure) {
        let code = match why {
            Failure::Timeout | Failure::NoResponse => Code::GATEWAY_TIMEOUT,
            Failure::Reset | Failure::BadResponse | Failure::Disconnected => Code::BAD_GATEWAY,
        };
        if let Some(name) = self.observed_by(request) {
            return self.on_state(moment, &name, plain(code, Label::NONE), false);
        }
        let Some(Waiting { from, id, label, .. }) = self.forwarded.remove(&request) else { return };
        self.endpoint.respond(moment.local, from, id, plain(code, label));
    }
}

/// A response that its client may observe the resource by: the endpoint puts its own number into it.
fn observable(mut response: Response) -> Response {
    response.options.push(OptionNumber::OBSERVE, b"");
    response
}

fn plain(code: Code, label: Label) -> Response {
    Response { code, options: Options::new(), body: Body::default(), label }
}

/// RFC 7252 §5.10.5.
const MAX_AGE_DEFAULT: u32 = 60;

/// The most responses that are kept.
const CACHE_MAX: usize = 1000;
