//! The ETSI CoAP plug-test descriptions, played by our client against our server: what each checks is its test's name,
//! its number stands above it. Those that play others over a reverse proxy stand by themselves.

mod block;
mod core;
mod link;
mod observe;
mod reverse_proxy;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::{CoapConfig, CoapEndpoint, CoapEvent, Failure, IncomingId, Request, RequestId, Response};
use session::datagram::{Datagram, DatagramSession};
use sim_core::random::{RunSeed, Streams};
use sim_core::{SimDuration, SimTime};
use wire::coap::{BlockSize, Code, Head, OptionNumber, Options};

use super::proxy::{Moment, Relay};
use super::resource::{Content, Resource};
use super::site::{Asked, Site};
use crate::workload::Span;

const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 50_000);
const PROXY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3)), 5683);
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 5683);

/// A message on the wire.
struct Seen {
    from_client: bool,
    to: SocketAddr,
    head: Head,
}

/// A client, a server with the resources that the descriptions name, and a wire of 10 ms between them.
struct Plug {
    now: SimTime,
    client: CoapEndpoint,
    server: CoapEndpoint,
    /// Between the two, where there is one.
    proxy: Option<Relay>,
    site: Site,
    streams: Streams,
    log: Vec<Seen>,
    /// Numbers of messages that are lost.
    lose: Vec<usize>,
    answers: Vec<(RequestId, Response)>,
    failures: Vec<Failure>,
    /// From, to and what.
    flying: BTreeMap<(SimTime, usize), (SocketAddr, SocketAddr, Body)>,
    due: BTreeMap<(SimTime, u64), (SocketAddr, IncomingId, Response)>,
    paths: Vec<String>,
}

fn resources() -> Vec<Resource> {
    let text = |path, text: &str| Resource::new(path, Content::Text(text.into()));
    let after = |seconds| Span::Constant(SimDuration::from_secs(seconds));
    let typed = |name: &str, resource| Resource { resource_type: Some(name.into()), ..resource };
    vec![
        Resource { writable: true, ..typed("Type1", text("test", "test")) },
        Resource { processing: after(3), ..text("separate", "later") },
        typed("Type2", text("seg1/seg2/seg3", "segments")),
        Resource { interface: Some("If1".into()), ..text("query", "query") },
        Resource { content_format: 40, ..text("path", "</path/sub1>,</path/sub2>") },
        Resource { writable: true, ..text("validate", "first") },
        Resource { writable: true, ..Resource::new("create1", Content::Nothing) },
        Resource::new("large", Content::Bytes(2000)),
        Resource { writable: true, ..Resource::new("large-update", Content::Bytes(2000)) },
        Resource { writable: true, changes: Some(after(5)), ..Resource::new("obs", Content::Count) },
        Resource { changes: Some(after(5)), ..Resource::new("obs-large", Content::Bytes(2000)) },
    ]
}

fn request(code: Code, path: &str, confirmable: bool) -> Request {
    let mut options = Options::new();
    options.push_path(OptionNumber::URI_PATH, path);
    Request { code, options, body: Body::default(), confirmable, label: Label::NONE }
}

fn with_body(mut request: Request, bytes: &[u8]) -> Request {
    request.body = Body::from_bytes(bytes.to_vec(), Label::NONE);
    request
}

fn with(mut request: Request, number: OptionNumber, value: &[u8]) -> Request {
    request.options.push(number, value);
    request
}

impl Plug {
    fn new() -> Self {
        Self::with_config(CoapConfig { ack_random_factor_milli: 1000, ..CoapConfig::default() })
    }

    fn with_blocks(bytes: u32) -> Self {
        Self::with_config(CoapConfig { block_size: BlockSize::at_most(bytes), ..CoapConfig::default() })
    }

    fn with_config(config: CoapConfig) -> Self {
        let config = Arc::new(config);
        let streams = Streams::new(RunSeed::new(1, 0));
        let site = Site::new(&resources(), "server", &streams);
        let rng = |seed| ChaCha8Rng::seed_from_u64(seed);
        Self {
            now: SimTime::ZERO,
            client: CoapEndpoint::new(Arc::clone(&config), rng(1)),
            server: CoapEndpoint::new(config, rng(2)),
            proxy: None,
            paths: site.changing().map(str::to_owned).collect(),
            site,
            streams,
            log: Vec::new(),
            lose: Vec::new(),
            answers: Vec::new(),
            failures: Vec::new(),
            flying: BTreeMap::new(),
            due: BTreeMap::new(),
        }
    }

    /// With a reverse proxy in front of the server, whom the client takes for it.
    fn behind_proxy() -> Self {
        let rng = ChaCha8Rng::seed_from_u64(3);
        Self { proxy: Some(Relay::new(Some(SERVER), CoapConfig::default(), rng)), ..Self::new() }
    }

    /// Sends a request and waits for what comes of it.
    fn ask(&mut self, request: Request) -> Response {
        self.ask_within(request, SimDuration::from_secs(60))
    }

    fn ask_within(&mut self, request: Request, span: SimDuration) -> Response {
        let id = self.begin(request);
        self.run(span);
        self.answer_to(id).expect("the request is answered")
    }

    fn begin(&mut self, request: Request) -> RequestId {
        let to = if self.proxy.is_some() { PROXY } else { SERVER };
        self.client.request(self.now, to, request)
    }

    fn answer_to(&self, id: RequestId) -> Option<Response> {
        self.answers.iter().find(|(own, _)| *own == id).map(|(_, response)| response.clone())
    }

    fn run(&mut self, span: SimDuration) {
        let end = self.now + span;
        loop {
            self.settle();
            let flying = self.flying.first_key_value().map(|(&(at, _), _)| at);
            let due = self.due.first_key_value().map(|(&(at, _), _)| at);
            let changes = self.paths.iter().filter(|path| self.server.observer_count(path) > 0);
            let changes = changes.filter_map(|path| self.site.next_change(path));
            let proxy = self.proxy.as_ref().and_then(|proxy| proxy.endpoint.poll_timeout());
            let timers =
                self.client.poll_timeout().into_iter().chain(self.server.poll_timeout()).chain(proxy);
            let next = flying.into_iter().chain(due).chain(changes).chain(timers).min();
            let Some(next) = next.filter(|&next| next <= end) else { break };
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= now) {
            let (from, to, body) = entry.remove();
            let endpoint = match &mut self.proxy {
                Some(proxy) if to == PROXY => &mut proxy.endpoint,
                _ if to == SERVER => &mut self.server,
                _ => &mut self.client,
            };
            endpoint.handle_datagram(now, from, to.ip(), body);
        }
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let (from, id, response) = entry.remove();
            self.server.respond(now, from, id, response);
        }
        for path in &self.paths {
            if self.server.observer_count(path) == 0 {
                continue;
            }
            while self.site.advance(path, now).is_some() {
                if let Some(response) = self.site.notification(path) {
                    self.server.notify(now, path, &response);
                }
            }
        }
        let proxy = self.proxy.as_mut().map(|proxy| &mut proxy.endpoint);
        for endpoint in [&mut self.client, &mut self.server].into_iter().chain(proxy) {
            if endpoint.poll_timeout().is_some_and(|due| due <= now) {
                endpoint.handle_timeout(now);
            }
        }
    }

    fn settle(&mut self) {
        loop {
            if let Some(event) = self.server.poll_event() {
                let CoapEvent::Request { id, from, code, options, body, label, .. } = event else { continue };
                let asked = Asked { method: code, options: &options, body: &body, label, states: false };
                let (mut response, span) = self.site.answer(self.now, &self.streams, "server", &asked);
                if options.path() == "location-query" {
                    response.code = Code::CREATED;
                    response.options = Options::new();
                    response.options.push(OptionNumber::LOCATION_QUERY, b"first=1");
                    response.options.push(OptionNumber::LOCATION_QUERY, b"second=2");
                }
                self.due.insert((self.now + span, id.0.into()), (from, id, response));
                self.step();
            } else if let Some(event) = self.client.poll_event() {
                match event {
                    CoapEvent::Response { request, response, .. } => self.answers.push((request, response)),
                    CoapEvent::Failed { why, .. } => self.failures.push(why),
                    _ => {}
                }
            } else if let Some(datagram) = self.client.poll_transmit() {
                self.put(CLIENT, datagram);
            } else if let Some(datagram) = self.server.poll_transmit() {
                self.put(SERVER, datagram);
            } else if !self.relay() {
                return;
            }
        }
    }

    /// Lets the proxy do one thing; says whether it had one to do.
    fn relay(&mut self) -> bool {
        let Some(proxy) = &mut self.proxy else { return false };
        if let Some(event) = proxy.endpoint.poll_event() {
            let moment = Moment { now: self.now, local: self.now, flows: &[] };
            proxy.take(&moment, event);
        } else if let Some(datagram) = proxy.endpoint.poll_transmit() {
            self.put(PROXY, datagram);
        } else {
            return false;
        }
        true
    }

    fn put(&mut self, from: SocketAddr, datagram: Datagram) {
        let bytes = datagram.content.payload.to_vec();
        let (head, _) = Head::parse(&bytes, bytes.len()).expect("an endpoint sends what can be read");
        let number = self.log.len();
        self.log.push(Seen { from_client: from == CLIENT, to: datagram.to, head });
        if !self.lose.contains(&number) {
            let at = self.now + SimDuration::from_millis(10);
            self.flying.insert((at, number), (from, datagram.to, datagram.content));
        }
    }

    /// The messages so far: kind and code.
    fn trace(&self) -> Vec<String> {
        self.log.iter().map(|seen| format!("{} {}", seen.head.kind.name(), seen.head.code)).collect()
    }
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body.payload.to_vec()).into_owned()
}

fn etag(response: &Response) -> Vec<u8> {
    response.options.get(OptionNumber::ETAG).map(<[u8]>::to_vec).unwrap_or_default()
}
