//! The sending side of a flow over CoAP: each message of the workload is a request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::{CoapEndpoint, CoapEvent, Request, Response};
use session::datagram::DatagramSession;
use sim_core::random::Streams;
use sim_core::{SimDuration, SimTime};
use wire::account::{FlowId, Runs};
use wire::coap::{Code, OptionNumber, Options};
use wire::payload::{Payload, Slice};

use super::CoapOptions;
use crate::app::supply::{Message, Supply};
use crate::app::{Context, SessionApp};
use crate::flow::{Flow, Workload};
use crate::purpose;
use crate::stack::{Carrier, Handle, StackEvent};

/// The sending side of a flow.
#[derive(Debug)]
pub struct CoapClient {
    flow: FlowId,
    peer: SocketAddr,
    carrier: Carrier,
    options: Arc<CoapOptions>,
    supply: Supply,
    /// Whether the responses are what is measured.
    takes_answers: bool,
    socket: Option<Handle>,
    endpoint: Option<Box<CoapEndpoint>>,
    /// How often it has begun: each time its random choices are others.
    beginnings: u32,
    /// Retransmissions of endpoints that are gone.
    retransmissions: u64,
}

impl CoapClient {
    /// The sending side of `flow`, whose number is `id`.
    pub fn new(id: FlowId, flow: &Flow, options: Arc<CoapOptions>, streams: &Streams) -> Self {
        Self {
            flow: id,
            peer: SocketAddr::new(flow.address, flow.port),
            carrier: flow.carrier.clone(),
            options,
            supply: Supply::new(flow, streams),
            takes_answers: matches!(flow.workload, Workload::RequestResponse { .. }),
            socket: None,
            endpoint: None,
            beginnings: 0,
            retransmissions: 0,
        }
    }

    /// Opens the socket on first use.
    fn open(&mut self, context: &mut Context<'_>) {
        if self.socket.is_some() {
            return;
        }
        let Some(way) = context.way else { return };
        let peer = (self.peer.ip(), self.peer.port());
        self.socket = context.stack.open(context.local, context.app, &self.carrier, way, peer, self.flow);
        let flow = &mut context.flows[self.flow.0 as usize];
        flow.measure.setup.get_or_insert(SimDuration::from_nanos(0));
        let mut rng = context.streams.stream(&flow.name, purpose::SESSION);
        for _ in 0..self.beginnings {
            rng = ChaCha8Rng::from_rng(&mut rng);
        }
        self.beginnings += 1;
        self.endpoint = Some(Box::new(CoapEndpoint::new(Arc::new(self.options.config), rng)));
    }

    /// Makes requests of the messages that wait.
    fn ask(&mut self, context: &mut Context<'_>) {
        self.supply.generate(context.now, &mut context.flows[self.flow.0 as usize].measure);
        if !self.supply.backlog.is_empty() {
            self.open(context);
        }
        let Some(endpoint) = &mut self.endpoint else { return };
        while let Some(message) = self.supply.backlog.pop_front() {
            endpoint.request(context.local, self.peer, request(&self.options, self.flow, &message));
        }
    }

    /// Takes what the endpoint reports and sends what it has to send, until there is nothing more.
    fn settle(&mut self, context: &mut Context<'_>) {
        loop {
            let (Some(endpoint), Some(socket)) = (&mut self.endpoint, self.socket) else { return };
            if let Some(event) = endpoint.poll_event() {
                self.take(context, event);
                self.ask(context);
            } else if let Some(datagram) = endpoint.poll_transmit() {
                super::send(context.stack, &self.carrier, socket, datagram);
            } else {
                break;
            }
        }
        let sent_again = self.endpoint.as_ref().map_or(0, |endpoint| endpoint.stats().retransmissions);
        let session = &mut context.flows[self.flow.0 as usize].measure.session;
        session.retransmissions = self.retransmissions + sent_again;
    }

    fn take(&mut self, context: &mut Context<'_>, event: CoapEvent) {
        match event {
            CoapEvent::Response { response, .. } => {
                if self.takes_answers {
                    self.measure(context, &response);
                }
                let failed = u64::from(!response.code.is_success());
                context.flows[self.flow.0 as usize].measure.session.failed += failed;
                self.supply.on_answer(context.now);
            }
            CoapEvent::Failed { .. } => {
                context.flows[self.flow.0 as usize].measure.session.failed += 1;
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
            CoapEvent::ObserverGone { .. } => {}
        }
    }

    fn measure(&mut self, context: &mut Context<'_>, response: &Response) {
        let measure = &mut context.flows[self.flow.0 as usize].measure;
        for run in response.body.runs.iter().filter(|run| run.flow == self.flow) {
            let first = !run.last || measure.on_message(context.now, 0, run);
            if first {
                measure.on_bytes(context.now, u64::from(run.bytes));
            }
        }
    }
}

impl SessionApp for CoapClient {
    fn start(&mut self, context: &mut Context<'_>) {
        self.supply.skip_to(context.now);
    }

    fn on_event(&mut self, context: &mut Context<'_>, handle: Handle, event: StackEvent) {
        let StackEvent::Datagram { from, to, payload, runs } = event else { return };
        if let Some(endpoint) = self.endpoint.as_mut().filter(|_| self.socket == Some(handle)) {
            endpoint.handle_datagram(context.local, SocketAddr::from(from), to, Body::new(payload, runs));
            self.settle(context);
        }
    }

    fn on_timer(&mut self, context: &mut Context<'_>) {
        self.ask(context);
        if let Some(endpoint) = &mut self.endpoint
            && endpoint.poll_timeout().is_some_and(|due| due <= context.local)
        {
            endpoint.handle_timeout(context.local);
        }
        self.settle(context);
    }

    fn next_timer(&self) -> Option<SimTime> {
        self.supply.next_at()
    }

    fn next_protocol_timer(&self) -> Option<SimTime> {
        self.endpoint.as_ref().and_then(|endpoint| endpoint.poll_timeout())
    }

    fn seeks(&self) -> Option<(FlowId, IpAddr)> {
        self.socket.is_none().then_some((self.flow, self.peer.ip()))
    }

    fn serves(&self, _port: u16, _carrier: &Carrier) -> bool {
        false
    }

    fn groups(&self) -> &[IpAddr] {
        &[]
    }

    fn lose_volatile_state(&mut self) {
        self.supply.backlog.clear();
        self.socket = None;
        let gone = self.endpoint.take();
        self.retransmissions += gone.map_or(0, |endpoint| endpoint.stats().retransmissions);
    }
}

/// The request that carries a message.
fn request(options: &CoapOptions, flow: FlowId, message: &Message) -> Request {
    let run = message.run(flow);
    let mut coap = Options::new();
    coap.push_path(OptionNumber::URI_PATH, &options.path);
    if options.no_response {
        coap.push_uint(OptionNumber::NO_RESPONSE, NOTHING_OF_ANY_CLASS);
    }
    // GET and DELETE carry nothing (RFC 7252 §5.8).
    let body = match options.method {
        Code::GET | Code::DELETE => Body::default(),
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
