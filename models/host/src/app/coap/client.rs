//! The sending side of a flow over CoAP: each message of the workload is a request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::{
    CoapEndpoint, CoapEvent, CoapStats, PartBytes, Request, RequestId, Response, StreamQueue,
};
use session::datagram::DatagramSession;
use sim_core::random::Streams;
use sim_core::{SimDuration, SimTime, SmallMap};
use wire::account::{FlowId, Runs};
use wire::coap::{Code, OptionNumber, Options};
use wire::payload::{Payload, Slice};

use super::CoapOptions;
use crate::app::supply::{Message, Supply};
use crate::app::{Context, SessionApp};
use crate::flow::{Flow, Workload};
use crate::measure::SenderCounts;
use crate::purpose;
use crate::stack::{Carrier, Handle, StackEvent};

/// The sending side of a flow.
#[derive(Debug)]
pub struct CoapClient {
    flow: FlowId,
    /// Whom it asks: as two fields they take 19 bytes, not 32.
    address: IpAddr,
    port: u16,
    options: Arc<CoapOptions>,
    supply: Supply,
    /// What is measured: nothing here, the responses, or the states that they tell of.
    measured: Measured,
    /// When the requests under way were generated.
    asked: SmallMap<RequestId, SimTime>,
    socket: Option<Handle>,
    endpoint: Option<CoapEndpoint>,
    /// How often it has begun: each time its random choices are others.
    beginnings: u32,
    /// What a client that reports over datagrams does without.
    rare: Option<Box<Rare>>,
}

#[derive(Debug, Default)]
struct Rare {
    /// The server that a proxy is to ask.
    origin: Option<SocketAddr>,
    /// Who answered to a group's requests, in order of their first answers.
    members: Vec<IpAddr>,
    /// Of a flow that observes a resource.
    watch: Option<Watch>,
    /// What waits for a byte stream to take it, and since when the connection is being set up.
    queue: StreamQueue,
    opened: SimTime,
    /// What endpoints did that are gone.
    before: CoapStats,
}

/// What it takes to observe a resource.
#[derive(Debug)]
struct Watch {
    /// When it ends.
    until: SimTime,
    /// The observation, and its request, which may have to be made again at a time.
    observation: Option<(RequestId, Message)>,
    register_at: Option<SimTime>,
}

/// What the client measures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Measured {
    /// The server measures what arrives there.
    Nothing,
    /// Each response.
    Responses,
    /// Each state of a resource that is newer than this one.
    States(u32),
}

impl CoapClient {
    /// The sending side of `flow`, whose number is `id`.
    pub fn new(id: FlowId, flow: &Flow, options: Arc<CoapOptions>, streams: &Streams) -> Self {
        let server = SocketAddr::new(flow.address, flow.port);
        let peer = options.proxy.unwrap_or(server);
        let watch = match &flow.workload {
            Workload::Poll { requests, observe: true, .. } => {
                Some(Watch { until: requests.stop, observation: None, register_at: None })
            }
            _ => None,
        };
        let origin = options.proxy.filter(|_| !options.reverse).map(|_| server);
        let is_rare = watch.is_some() || origin.is_some();
        Self {
            flow: id,
            address: peer.ip(),
            port: peer.port(),
            options,
            supply: Supply::new(flow, streams),
            measured: match flow.workload {
                Workload::Messages(_) | Workload::Bulk { .. } | Workload::Flood { .. } => Measured::Nothing,
                Workload::RequestResponse { .. } | Workload::Poll { states: false, .. } => {
                    Measured::Responses
                }
                Workload::Poll { states: true, .. } => Measured::States(0),
            },
            asked: SmallMap::new(),
            socket: None,
            endpoint: None,
            beginnings: 0,
            rare: is_rare.then(|| Box::new(Rare { origin, watch, ..Rare::default() })),
        }
    }

    /// What waits for a connection that is gone.
    fn forget_unwritten(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.queue = StreamQueue::default();
        }
    }

    fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    fn is_stream(&self, context: &Context<'_>) -> bool {
        context.flows[self.flow.0 as usize].carrier.is_stream()
    }

    /// Opens the socket on first use.
    fn open(&mut self, context: &mut Context<'_>) {
        if self.socket.is_some() {
            return;
        }
        let Some(way) = context.way else { return };
        let peer = (self.address, self.port);
        let flow = &mut context.flows[self.flow.0 as usize];
        self.socket = context.stack.open(context.local, context.app, &flow.carrier, way, peer, self.flow);
        let streams = flow.carrier.is_stream();
        if streams {
            self.rare.get_or_insert_default().opened = context.now;
        } else {
            flow.measure.on_set_up(SimDuration::ZERO);
        }
        if self.endpoint.is_some() {
            return;
        }
        let mut rng = context.streams.stream(&flow.name, purpose::SESSION);
        for _ in 0..self.beginnings {
            rng = ChaCha8Rng::from_rng(&mut rng);
        }
        self.beginnings += 1;
        let config = Arc::clone(&self.options.config);
        let make = if streams { CoapEndpoint::over_streams } else { CoapEndpoint::new };
        self.endpoint = Some(make(config, rng));
    }

    /// Makes requests of the messages that wait.
    fn ask(&mut self, context: &mut Context<'_>) {
        let flow = &mut context.flows[self.flow.0 as usize];
        self.supply.generate(context.now, self.flow, flow, context.demand);
        if !self.supply.backlog.is_empty() {
            self.open(context);
        }
        let peer = self.peer();
        let streams = self.is_stream(context);
        let Some(endpoint) = &mut self.endpoint else { return };
        if self.socket.is_none() && streams {
            // Nobody can be connected to: what was to be asked comes to nothing.
            while self.supply.backlog.pop_front().is_some() {
                context.flows[self.flow.0 as usize].measure.session.failed += 1;
                self.supply.on_answer(context.now);
            }
        }
        while let Some(message) = self.supply.backlog.pop_front() {
            let observe = self.rare.as_ref().is_some_and(|rare| rare.watch.is_some());
            let mut request = request(&self.options, self.flow, &message, observe);
            if let Some(origin) = self.rare.as_ref().and_then(|rare| rare.origin) {
                // The way to say it in options of their own (RFC 7252 §5.7.2, §5.10.2).
                request.options.push(OptionNumber::PROXY_SCHEME, b"coap");
                request.options.push(OptionNumber::URI_HOST, origin.ip().to_string().as_bytes());
                if origin.port() != wire::coap::PORT {
                    request.options.push_uint(OptionNumber::URI_PORT, u32::from(origin.port()));
                }
            }
            let id = endpoint.request(context.local, peer, request);
            self.asked.insert(id, message.generated);
            if let Some(watch) = self.rare.as_mut().and_then(|rare| rare.watch.as_mut()) {
                watch.observation = Some((id, message));
            }
        }
        let session = &mut context.flows[self.flow.0 as usize].measure.session;
        session.tokens_max = session.tokens_max.max(endpoint.pending() as u32);
    }

    /// Begins an observation again that was lost, or ends it when its time is over.
    fn observe(&mut self, now: SimTime) {
        let peer = self.peer();
        let Some(rare) = &mut self.rare else { return };
        let Some(watch) = &mut rare.watch else { return };
        if watch.until <= now {
            if let (Some(endpoint), Some(observation)) = (&mut self.endpoint, watch.observation.take()) {
                endpoint.cancel(peer, observation.0);
            }
            rare.watch = None;
        } else if watch.register_at.is_some_and(|at| at <= now) {
            watch.register_at = None;
            let before = watch.observation.take();
            let message = before.map(|before| Message { generated: now, ..before.1 });
            self.supply.backlog.extend(message);
        }
    }

    /// Takes what the endpoint reports and sends what it has to send, until there is nothing more.
    fn settle(&mut self, context: &mut Context<'_>) {
        let streams = self.is_stream(context);
        loop {
            let Some(endpoint) = &mut self.endpoint else { return };
            if let Some(event) = endpoint.poll_event() {
                self.take(context, event);
                self.ask(context);
                continue;
            }
            let Some(socket) = self.socket else { break };
            if let Some(datagram) = endpoint.poll_transmit() {
                if streams {
                    self.rare.get_or_insert_default().queue.push(datagram.content);
                } else {
                    let carrier = &context.flows[self.flow.0 as usize].carrier;
                    super::send(context.stack, carrier, socket, datagram);
                }
            } else {
                break;
            }
        }
        if let (Some(socket), Some(rare)) = (self.socket, &mut self.rare)
            && !rare.queue.is_empty()
        {
            let (stack, local) = (&mut *context.stack, context.local);
            rare.queue.flush(|slice, run| stack.write(local, socket, slice, run));
        }
        if let Some(endpoint) = &self.endpoint {
            let session = &mut context.flows[self.flow.0 as usize].measure.session;
            session.exchanges_max = session.exchanges_max.max(endpoint.exchanges_with(self.peer()) as u32);
        }
    }

    fn take(&mut self, context: &mut Context<'_>, event: CoapEvent) {
        match event {
            CoapEvent::Response { request, from, response, more } => {
                self.note_time(context, request);
                self.measure(context, from.ip(), &response);
                let failed = u32::from(!response.code.is_success());
                context.flows[self.flow.0 as usize].measure.session.failed += failed;
                if !more {
                    self.on_end(context.now, request);
                }
                self.supply.on_answer(context.now);
            }
            CoapEvent::Unanswered { request } => {
                self.asked.remove(&request);
                self.supply.on_answer(context.now);
            }
            CoapEvent::Failed { request, .. } => {
                self.asked.remove(&request);
                context.flows[self.flow.0 as usize].measure.session.failed += 1;
                self.on_end(context.now, request);
                self.supply.on_answer(context.now);
            }
            // A client serves nothing; it says so to who asks it.
            CoapEvent::Request { id, from, label, .. } => {
                let (code, options, body) = (Code::NOT_FOUND, Options::new(), Body::default());
                if let Some(endpoint) = &mut self.endpoint {
                    endpoint.respond(context.local, from, id, Response { code, options, body, label });
                }
            }
            CoapEvent::Duplicate { .. } => {
                context.flows[self.flow.0 as usize].measure.session.duplicates += 1;
            }
            CoapEvent::Close { .. } => {
                if let Some(socket) = self.socket {
                    context.stack.close(context.local, socket);
                }
            }
            CoapEvent::ObserverGone { .. } => {}
        }
    }

    /// An observation that ends before its time is asked for again.
    fn on_end(&mut self, now: SimTime, request: RequestId) {
        if let Some(watch) = self.rare.as_mut().and_then(|rare| rare.watch.as_mut())
            && watch.observation.as_ref().is_some_and(|observation| observation.0 == request)
        {
            watch.register_at = Some(now + REGISTER_AGAIN);
        }
    }

    fn note_time(&mut self, context: &mut Context<'_>, request: RequestId) {
        if let Some(generated) = self.asked.remove(&request) {
            let session = &mut context.flows[self.flow.0 as usize].measure.session;
            session.response_times.add(context.now.saturating_since(generated));
        }
    }

    fn measure(&mut self, context: &mut Context<'_>, from: IpAddr, response: &Response) {
        let measure = &mut context.flows[self.flow.0 as usize].measure;
        let receiver = if self.address.is_multicast() { self.member(from) } else { Some(0) };
        let Some(receiver) = receiver.filter(|&receiver| receiver < measure.receivers()) else { return };
        for run in response.body.runs.iter().filter(|run| run.flow == self.flow) {
            let first = match &mut self.measured {
                Measured::Nothing => return,
                Measured::States(known) if run.last && run.message <= *known => false,
                Measured::States(known) if run.last => {
                    *known = run.message;
                    measure.on_message(context.now, receiver, run)
                }
                Measured::Responses if run.last => measure.on_message(context.now, receiver, run),
                Measured::Responses | Measured::States(_) => true,
            };
            if first {
                measure.on_bytes(context.now, u64::from(run.bytes));
            }
        }
    }

    /// The number of a group's member among those that answered.
    fn member(&mut self, from: IpAddr) -> Option<usize> {
        let members = &mut self.rare.get_or_insert_default().members;
        let known = members.iter().position(|&member| member == from);
        known.or_else(|| {
            members.push(from);
            Some(members.len() - 1)
        })
    }
}

impl SessionApp for CoapClient {
    fn start(&mut self, context: &mut Context<'_>) {
        self.supply.skip_to(context.now);
        let watch = self.rare.as_mut().and_then(|rare| rare.watch.as_mut());
        if let Some(watch) = watch.filter(|watch| watch.observation.is_some()) {
            watch.register_at = Some(context.now);
        }
    }

    fn on_event(&mut self, context: &mut Context<'_>, handle: Handle, event: StackEvent) {
        let peer = self.peer();
        let Some(endpoint) = self.endpoint.as_mut().filter(|_| self.socket == Some(handle)) else { return };
        match event {
            StackEvent::Datagram { from, to, payload, runs } => {
                let body = Body::new(payload, runs);
                endpoint.handle_datagram(context.local, SocketAddr::from(from), to, body);
            }
            StackEvent::Connected => {
                let measure = &mut context.flows[self.flow.0 as usize].measure;
                let opened = self.rare.as_ref().map_or(context.now, |rare| rare.opened);
                measure.on_set_up(context.now.saturating_since(opened));
                endpoint.connected(context.local, peer);
            }
            StackEvent::Readable => {
                let (payload, runs) = context.stack.read(context.local, handle, u32::MAX);
                endpoint.handle_stream(context.local, peer, Body::new(payload, runs));
            }
            StackEvent::PeerClosed => context.stack.close(context.local, handle),
            StackEvent::Closed => {
                endpoint.disconnected(peer);
                context.flows[self.flow.0 as usize].measure.connections_lost += 1;
                self.socket = None;
                self.forget_unwritten();
            }
            StackEvent::Writable | StackEvent::Unreachable | StackEvent::Accepted => {}
        }
        self.settle(context);
    }

    fn on_timer(&mut self, context: &mut Context<'_>) {
        self.observe(context.now);
        self.ask(context);
        if let Some(endpoint) = &mut self.endpoint
            && endpoint.poll_timeout().is_some_and(|due| due <= context.local)
        {
            endpoint.handle_timeout(context.local);
        }
        self.settle(context);
    }

    fn next_timer(&self) -> Option<SimTime> {
        let supply = self.supply.next_at();
        let Some(watch) = self.rare.as_ref().and_then(|rare| rare.watch.as_ref()) else { return supply };
        let stop = Some(watch.until).filter(|&until| watch.observation.is_some() && until < SimTime::MAX);
        supply.into_iter().chain(watch.register_at).chain(stop).min()
    }

    fn next_protocol_timer(&self) -> Option<SimTime> {
        self.endpoint.as_ref().and_then(|endpoint| endpoint.poll_timeout())
    }

    fn seeks(&self) -> Option<(FlowId, IpAddr)> {
        self.socket.is_none().then_some((self.flow, self.address))
    }

    fn serves(&self, _port: u16, _carrier: &Carrier) -> bool {
        false
    }

    fn sender_counts(&self) -> Option<(FlowId, SenderCounts)> {
        let mut stats = self.rare.as_ref().map_or(CoapStats::default(), |rare| rare.before);
        if let Some(endpoint) = &self.endpoint {
            stats += endpoint.stats();
        }
        let PartBytes { header, token, options, marker, payload } = stats.bytes;
        let counts = SenderCounts {
            retransmissions: stats.retransmissions,
            messages: stats.sent,
            by_timer: stats.by_timer,
            bytes: [header, token, options, marker, payload],
        };
        Some((self.flow, counts))
    }

    fn lose_volatile_state(&mut self) {
        self.supply.lose();
        self.socket = None;
        self.forget_unwritten();
        self.asked.clear();
        if let Some(gone) = self.endpoint.take() {
            self.rare.get_or_insert_default().before += gone.stats();
        }
    }
}

/// The request that carries a message.
fn request(options: &CoapOptions, flow: FlowId, message: &Message, observe: bool) -> Request {
    let run = message.run(flow);
    let mut coap = Options::new();
    if observe {
        coap.push_uint(OptionNumber::OBSERVE, 0);
    }
    let (path, query) = options.path.split_once('?').unwrap_or((&options.path, ""));
    coap.push_path(OptionNumber::URI_PATH, path);
    for part in query.split('&').filter(|part| !part.is_empty()) {
        coap.push(OptionNumber::URI_QUERY, part.as_bytes());
    }
    if options.no_response {
        coap.push_uint(OptionNumber::NO_RESPONSE, NOTHING_OF_ANY_CLASS);
    }
    // GET and DELETE carry nothing (RFC 7252 §5.8).
    let body = match options.method {
        Code::GET | Code::DELETE => Body::default(),
        _ if message.left == 0 => Body::default(),
        _ => {
            let slice = Slice::filler(flow.0, message.offset, message.left);
            Body { payload: Payload::from(slice), runs: Runs::from_elem(run, 1) }
        }
    };
    let confirmable = options.confirmable;
    Request { code: options.method, options: coap, body, confirmable, label: Label::of(&run) }
}

/// 2 + 8 + 16: neither successes nor errors (RFC 7967 §2.1).
const NOTHING_OF_ANY_CLASS: u32 = 26;

/// How long a client waits before it asks again for an observation that has ended.
const REGISTER_AGAIN: SimDuration = SimDuration::from_secs(5);
