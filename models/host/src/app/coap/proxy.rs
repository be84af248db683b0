//! A forward proxy with a cache, between CoAP and CoAP (RFC 7252 §5.6, §5.7; RFC 8768), which observes for its clients
//! (RFC 7641 §5).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::{
    CoapConfig, CoapEndpoint, CoapEvent, Failure, IncomingId, Request, RequestId, Response, observed_name,
};
use session::datagram::DatagramSession;
use sim_core::SimTime;
use wire::coap::{Code, OptionNumber, Options};

use crate::app::{Context, SessionApp};
use crate::flow::Workload;
use crate::purpose;
use crate::stack::{Carrier, Handle, StackEvent};

/// A proxy on one port.
#[derive(Debug)]
pub struct CoapProxy {
    name: Box<str>,
    port: u16,
    carrier: Carrier,
    config: CoapConfig,
    socket: Option<Handle>,
    endpoint: Option<Box<CoapEndpoint>>,
    beginnings: u32,
    cache: BTreeMap<Key, Stored>,
    /// Requests to origin servers, and whom their responses are for.
    forwarded: BTreeMap<RequestId, Waiting>,
    /// What it observes for its clients, by the name that they observe it by.
    observed: BTreeMap<String, Observed>,
}

/// What two requests have in common that share a response: target, method, and all options that are cache keys.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key(SocketAddr, u8, Vec<u8>);

/// A response that may be used again.
#[derive(Debug)]
struct Stored {
    response: Response,
    since: SimTime,
    max_age: u32,
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

impl CoapProxy {
    /// A proxy called `name` on `port`.
    pub fn new(name: &str, port: u16, carrier: Carrier, config: CoapConfig) -> Self {
        Self {
            name: name.into(),
            port,
            carrier,
            config: CoapConfig { proxy: true, ..config },
            socket: None,
            endpoint: None,
            beginnings: 0,
            cache: BTreeMap::new(),
            forwarded: BTreeMap::new(),
            observed: BTreeMap::new(),
        }
    }

    fn settle(&mut self, context: &mut Context<'_>) {
        loop {
            let (Some(endpoint), Some(socket)) = (&mut self.endpoint, self.socket) else { return };
            if let Some(event) = endpoint.poll_event() {
                match event {
                    CoapEvent::Request { id, from, code, options, body, label, .. } => {
                        self.forward(context, (from, id), code, options, body, label);
                    }
                    CoapEvent::Response { request, response, more, .. } => match self.observed_by(request) {
                        Some(name) => self.on_state(context, &name, response, more),
                        None => self.hand_back(context, request, response),
                    },
                    CoapEvent::Failed { request, why } => self.give_up(context, request, why),
                    CoapEvent::Duplicate { label } => {
                        if let Some(flow) = label.flow.index().and_then(|index| context.flows.get_mut(index))
                        {
                            flow.measure.session.duplicates += 1;
                        }
                    }
                    CoapEvent::Unanswered { .. }
                    | CoapEvent::ObserverGone { .. }
                    | CoapEvent::Close { .. } => {}
                }
            } else if let Some(mut datagram) = endpoint.poll_transmit() {
                let to = datagram.to.ip();
                datagram.source = datagram.source.or_else(|| (context.source_for)(to));
                super::send(context.stack, &self.carrier, socket, datagram);
            } else {
                self.stop_observing();
                return;
            }
        }
    }

    /// Answers out of the cache, or asks the origin server.
    fn forward(
        &mut self,
        context: &mut Context<'_>,
        (from, id): (SocketAddr, IncomingId),
        code: Code,
        options: Options,
        body: Body,
        label: Label,
    ) {
        let answer = |own: &mut Self, context: &mut Context<'_>, response: Response| {
            if let Some(endpoint) = &mut own.endpoint {
                endpoint.respond(context.local, from, id, response);
            }
        };
        let Some(target) = target(&options) else {
            return answer(self, context, plain(Code::PROXYING_NOT_SUPPORTED, label));
        };
        if !is_hop_limit_right(&options) {
            return answer(self, context, plain(Code::BAD_REQUEST, label));
        }
        let Some(mut onward) = onward(&options) else {
            return answer(self, context, plain(Code::HOP_LIMIT_REACHED, label));
        };
        let key = Key(target, code.0, cache_key(&onward));
        if code == Code::GET && options.get_uint(OptionNumber::OBSERVE) == Some(0) {
            return self.observe(context, (from, id), key, (&options, onward), label);
        }
        let is_safe = matches!(code, Code::GET | Code::FETCH);
        if !is_safe {
            // What is changed through it is known to be stale (§5.9.1).
            self.cache.retain(|other, _| other.0 != target);
        }
        let stored = self.cache.get(&key).filter(|_| is_safe);
        if let Some(response) = stored.and_then(|stored| stored.fresh(context, label, &options)) {
            return answer(self, context, response);
        }
        let known =
            stored.and_then(|stored| stored.response.options.get(OptionNumber::ETAG)).map(<[u8]>::to_vec);
        let validating = known.is_some() && onward.get(OptionNumber::ETAG).is_none();
        if let Some(etag) = known.filter(|_| validating) {
            onward.push(OptionNumber::ETAG, &etag);
        }
        onward.remove(OptionNumber::OBSERVE);
        let Some(endpoint) = &mut self.endpoint else { return };
        let request = Request { code, options: onward, body, confirmable: true, label };
        let request = endpoint.request(context.local, target, request);
        self.forwarded.insert(request, Waiting { from, id, label, key, validating });
    }

    /// Makes the client an observer of what the proxy observes, or begins to (RFC 7641 §5).
    fn observe(
        &mut self,
        context: &mut Context<'_>,
        (from, id): (SocketAddr, IncomingId),
        key: Key,
        (options, mut onward): (&Options, Options),
        label: Label,
    ) {
        let Some(endpoint) = &mut self.endpoint else { return };
        let name = observed_name(options);
        if let Some(observed) = self.observed.get_mut(&name) {
            let current = observed.current.as_ref();
            match current.and_then(|stored| stored.fresh(context, label, options)) {
                Some(response) => endpoint.respond(context.local, from, id, observable(response)),
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
        let request = endpoint.request(context.local, target, request);
        let waiting = vec![(from, id, label)];
        self.observed.insert(name, Observed { request, key, waiting, current: None });
    }

    fn observed_by(&self, request: RequestId) -> Option<String> {
        let own = self.observed.iter().find(|(_, observed)| observed.request == request);
        own.map(|(name, _)| name.clone())
    }

    /// A state of what is observed has come: every client hears of it; `more` says whether others will follow.
    fn on_state(&mut self, context: &mut Context<'_>, name: &str, mut response: Response, more: bool) {
        let (Some(endpoint), Some(observed)) = (&mut self.endpoint, self.observed.get_mut(name)) else {
            return;
        };
        response.options.remove(OptionNumber::OBSERVE);
        let max_age = response.options.get_uint(OptionNumber::MAX_AGE).unwrap_or(MAX_AGE_DEFAULT);
        let stored = Stored { response, since: context.now, max_age };
        let waiting = std::mem::take(&mut observed.waiting);
        if more {
            endpoint.notify(context.local, name, &stored.response);
        } else {
            // Whoever still observes has to ask again, and learns then what there is.
            let ended = match stored.response.code {
                code if code.is_success() => plain(Code::BAD_GATEWAY, stored.response.label),
                _ => stored.response.clone(),
            };
            endpoint.notify(context.local, name, &ended);
        }
        for (from, id, label) in waiting {
            let own = stored.relabelled(context, label);
            let own = if more { observable(own) } else { own };
            endpoint.respond(context.local, from, id, own);
        }
        if more {
            observed.current = Some(stored);
        } else {
            self.observed.remove(name);
        }
    }

    /// Gives up what no client observes any more.
    fn stop_observing(&mut self) {
        let Some(endpoint) = &mut self.endpoint else { return };
        self.observed.retain(|name, observed| {
            let wanted = !observed.waiting.is_empty() || endpoint.observer_count(name) > 0;
            if !wanted {
                endpoint.cancel(observed.key.0, observed.request);
            }
            wanted
        });
    }

    /// The origin server has answered.
    fn hand_back(&mut self, context: &mut Context<'_>, request: RequestId, mut response: Response) {
        let Some(Waiting { from, id, label, key, validating }) = self.forwarded.remove(&request) else {
            return;
        };
        response.options.remove(OptionNumber::OBSERVE);
        let max_age = response.options.get_uint(OptionNumber::MAX_AGE).unwrap_or(MAX_AGE_DEFAULT);
        let code = Code(key.1);
        if validating && response.code == Code::VALID {
            if let Some(stored) = self.cache.get_mut(&key) {
                (stored.since, stored.max_age) = (context.now, max_age);
                response = stored.relabelled(context, label);
            }
        } else if response.code == Code::CONTENT && matches!(code, Code::GET | Code::FETCH) {
            if self.cache.len() >= CACHE_MAX {
                self.cache.pop_first();
            }
            self.cache.insert(key, Stored { response: response.clone(), since: context.now, max_age });
        }
        if let Some(endpoint) = &mut self.endpoint {
            endpoint.respond(context.local, from, id, response);
        }
    }

    /// The origin server has not (§5.7.1).
    fn give_up(&mut self, context: &mut Context<'_>, request: RequestId, why: Failure) {
        let code = match why {
            Failure::Timeout | Failure::NoResponse => Code::GATEWAY_TIMEOUT,
            Failure::Reset | Failure::BadResponse | Failure::Disconnected => Code::BAD_GATEWAY,
        };
        if let Some(name) = self.observed_by(request) {
            return self.on_state(context, &name, plain(code, Label::NONE), false);
        }
        let Some(Waiting { from, id, label, .. }) = self.forwarded.remove(&request) else { return };
        if let Some(endpoint) = &mut self.endpoint {
            endpoint.respond(context.local, from, id, plain(code, label));
        }
    }
}

/// A response that its client may observe the resource by: the endpoint puts its own number into it.
fn observable(mut response: Response) -> Response {
    response.options.push(OptionNumber::OBSERVE, b"");
    response
}

impl Stored {
    /// The response to a request with these options, if it is not too old.
    fn fresh(&self, context: &Context<'_>, label: Label, options: &Options) -> Option<Response> {
        let age = context.now.saturating_since(self.since).as_nanos() / 1_000_000_000;
        let left = u64::from(self.max_age).checked_sub(age).filter(|&left| left > 0)?;
        let mut response = self.relabelled(context, label);
        response.options.remove(OptionNumber::MAX_AGE);
        // Not longer than the server said, with the time in the cache taken off (§5.7.1).
        response.options.push_uint(OptionNumber::MAX_AGE, left as u32);
        let own = response.options.get(OptionNumber::ETAG).map(<[u8]>::to_vec);
        if own.is_some_and(|own| options.all(OptionNumber::ETAG).any(|known| known == own)) {
            (response.code, response.body) = (Code::VALID, Body::default());
        }
        Some(response)
    }

    /// The response as one to the message `label`, which pays for it.
    fn relabelled(&self, context: &Context<'_>, label: Label) -> Response {
        let mut response = Response { label, ..self.response.clone() };
        let flow = label.flow.index().and_then(|index| context.flows.get(index));
        let states = flow.is_some_and(|flow| matches!(flow.workload, Workload::Poll { states: true, .. }));
        for run in &mut response.body.runs {
            run.flow = label.flow;
            if !states {
                (run.message, run.generated) = (label.message, label.generated);
            }
        }
        response
    }
}

impl SessionApp for CoapProxy {
    fn start(&mut self, context: &mut Context<'_>) {
        self.socket = context.stack.listen(context.app, &self.carrier, None, self.port, context.mtu);
        let mut rng = context.streams.stream(&self.name, purpose::SESSION);
        for _ in 0..self.beginnings {
            rng = ChaCha8Rng::from_rng(&mut rng);
        }
        self.beginnings += 1;
        self.endpoint = Some(Box::new(CoapEndpoint::new(Arc::new(self.config), rng)));
    }

    fn on_event(&mut self, context: &mut Context<'_>, _handle: Handle, event: StackEvent) {
        let StackEvent::Datagram { from, to, payload, runs } = event else { return };
        if let Some(endpoint) = &mut self.endpoint {
            endpoint.handle_datagram(context.local, SocketAddr::from(from), to, Body::new(payload, runs));
            self.settle(context);
        }
    }

    fn on_timer(&mut self, context: &mut Context<'_>) {
        if let Some(endpoint) = &mut self.endpoint
            && endpoint.poll_timeout().is_some_and(|due| due <= context.local)
        {
            endpoint.handle_timeout(context.local);
        }
        self.settle(context);
    }

    fn next_timer(&self) -> Option<SimTime> {
        None
    }

    fn next_protocol_timer(&self) -> Option<SimTime> {
        self.endpoint.as_ref().and_then(|endpoint| endpoint.poll_timeout())
    }

    fn serves(&self, port: u16, carrier: &Carrier) -> bool {
        self.port == port && self.carrier.same_protocol(carrier)
    }

    fn lose_volatile_state(&mut self) {
        self.socket = None;
        self.endpoint = None;
        self.cache.clear();
        self.forwarded.clear();
        self.observed.clear();
    }
}

/// Whom a request is for: Proxy-Scheme with Uri-Host and Uri-Port, or Proxy-Uri; the host by its address (§5.10.2).
fn target(options: &Options) -> Option<SocketAddr> {
    if let Some(uri) = options.get(OptionNumber::PROXY_URI) {
        let rest = std::str::from_utf8(uri).ok()?.strip_prefix("coap://")?;
        let authority = rest.split(['/', '?']).next()?;
        let usual = || {
            authority.trim_matches(['[', ']']).parse().ok().map(|ip| SocketAddr::new(ip, wire::coap::PORT))
        };
        return authority.parse().ok().or_else(usual);
    }
    if options.get(OptionNumber::PROXY_SCHEME)? != b"coap" {
        return None;
    }
    let host = std::str::from_utf8(options.get(OptionNumber::URI_HOST)?).ok()?;
    let port = options.get_uint(OptionNumber::URI_PORT).and_then(|port| u16::try_from(port).ok());
    Some(SocketAddr::new(host.parse().ok()?, port.unwrap_or(wire::coap::PORT)))
}

/// Whether a request's Hop-Limit, if it has one, is 1 to 255 (RFC 8768 §3).
fn is_hop_limit_right(options: &Options) -> bool {
    let mut limits = options.all(OptionNumber::HOP_LIMIT).map(wire::coap::uint);
    limits.all(|limit| limit.is_some_and(|limit| (1..=255).contains(&limit)))
}

/// The options of the request to the origin server, unless there have been too many hops (RFC 8768 §3).
fn onward(options: &Options) -> Option<Options> {
    let hops = options.get_uint(OptionNumber::HOP_LIMIT).unwrap_or(HOP_LIMIT_DEFAULT + 1);
    let left = hops.checked_sub(1).filter(|&left| left > 0)?;
    let mut onward = options.clone();
    let consumed = [
        OptionNumber::PROXY_SCHEME,
        OptionNumber::PROXY_URI,
        OptionNumber::URI_HOST,
        OptionNumber::URI_PORT,
        OptionNumber::HOP_LIMIT,
    ];
    onward.retain(|option| !consumed.contains(&option.number));
    if let Some(uri) = options.get(OptionNumber::PROXY_URI).and_then(|uri| std::str::from_utf8(uri).ok()) {
        let path =
            uri.strip_prefix("coap://").and_then(|rest| rest.split_once('/')).map_or("", |(_, path)| path);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        onward.push_path(OptionNumber::URI_PATH, path);
        for part in query.split('&').filter(|part| !part.is_empty()) {
            onward.push(OptionNumber::URI_QUERY, part.as_bytes());
        }
    }
    onward.push_uint(OptionNumber::HOP_LIMIT, left);
    Some(onward)
}

/// The options that tell cached responses apart (§5.4.2, §5.6).
fn cache_key(options: &Options) -> Vec<u8> {
    let mut key = options.clone();
    key.retain(|option| {
        let apart = [OptionNumber::ETAG, OptionNumber::OBSERVE, OptionNumber::HOP_LIMIT];
        !option.number.is_no_cache_key() && !apart.contains(&option.number)
    });
    key.as_bytes().to_vec()
}

fn plain(code: Code, label: Label) -> Response {
    Response { code, options: Options::new(), body: Body::default(), label }
}

/// RFC 7252 §5.10.5.
const MAX_AGE_DEFAULT: u32 = 60;

/// RFC 8768 §3.
const HOP_LIMIT_DEFAULT: u32 = 16;

/// The most responses that are kept.
const CACHE_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn options(hop_limit: Option<&[u8]>) -> Options {
        let mut options = Options::new();
        options.push(OptionNumber::PROXY_SCHEME, b"coap");
        options.push(OptionNumber::URI_HOST, b"10.0.0.2");
        options.push_path(OptionNumber::URI_PATH, "temperature");
        if let Some(value) = hop_limit {
            options.push(OptionNumber::HOP_LIMIT, value);
        }
        options
    }

    // Holds: RFC 8768 3-a, 3-b
    #[test]
    fn each_proxy_takes_one_hop_and_the_last_goes_no_further() {
        let left = |value| onward(&options(value)).map(|onward| onward.get_uint(OptionNumber::HOP_LIMIT));
        assert_eq!(left(None), Some(Some(16)), "16 where there was none");
        assert_eq!(left(Some(&[16])), Some(Some(15)));
        assert_eq!(left(Some(&[2])), Some(Some(1)));
        assert_eq!(left(Some(&[1])), None);
    }

    // Holds: RFC 8768 3-c
    #[test]
    fn a_hop_limit_of_zero_or_above_255_is_an_error() {
        assert!(is_hop_limit_right(&options(None)) && is_hop_limit_right(&options(Some(&[255]))));
        for wrong in [&[][..], &[0], &[1, 0], &[1, 0, 0, 0, 0]] {
            assert!(!is_hop_limit_right(&options(Some(wrong))), "{wrong:?}");
        }
    }

    #[test]
    fn an_origin_server_is_found_by_options_or_by_a_uri() {
        let address = |text: &str| Some(text.parse().expect("an address"));
        assert_eq!(target(&options(None)), address("10.0.0.2:5683"));
        let by_uri = |uri: &[u8]| target(&Options::new().with(OptionNumber::PROXY_URI, uri));
        assert_eq!(by_uri(b"coap://10.0.0.3:99/a/b?c"), address("10.0.0.3:99"));
        assert_eq!(by_uri(b"coap://[fd00::3]/a"), address("[fd00::3]:5683"));
        assert_eq!(by_uri(b"http://10.0.0.3/"), None);
    }
}
