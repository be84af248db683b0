//! The receiving side of CoAP: it measures what flows bring, answers their requests, and serves resources of its own.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::{CoapConfig, CoapEndpoint, CoapEvent, IncomingId, Response};
use session::datagram::DatagramSession;
use sim_core::{SimDuration, SimTime};
use wire::account::{FlowId, Protocol, Reason, Run, Runs};
use wire::coap::{Code, Options};
use wire::payload::{Payload, Slice};

use super::site::Site;
use crate::app::{Context, SessionApp};
use crate::flow::Workload;
use crate::purpose;
use crate::stack::{Carrier, Handle, StackEvent};

/// The receiving side on one port.
#[derive(Debug)]
pub struct CoapServer {
    name: Box<str>,
    port: u16,
    carrier: Carrier,
    config: CoapConfig,
    groups: Vec<IpAddr>,
    socket: Option<Handle>,
    endpoint: Option<Box<CoapEndpoint>>,
    beginnings: u32,
    site: Site,
    /// Responses that are being worked on, by the time when they are ready.
    due: BTreeMap<(SimTime, u64), (SocketAddr, IncomingId, Response)>,
    next_response: u64,
    rng: Option<Box<ChaCha8Rng>>,
    /// Bytes of responses so far by flow: the place of the next one in the flow's filler.
    offsets: BTreeMap<FlowId, u64>,
}

/// A request as the endpoint reports it.
struct Asked {
    id: IncomingId,
    from: SocketAddr,
    code: Code,
    options: Options,
    body: Body,
    label: Label,
}

impl CoapServer {
    /// A server called `name` on `port`.
    pub fn new(name: &str, port: u16, carrier: Carrier, config: CoapConfig, groups: Vec<IpAddr>) -> Self {
        Self {
            name: name.into(),
            port,
            carrier,
            config,
            groups,
            socket: None,
            endpoint: None,
            beginnings: 0,
            site: Site::default(),
            due: BTreeMap::new(),
            next_response: 0,
            rng: None,
            offsets: BTreeMap::new(),
        }
    }

    fn settle(&mut self, context: &mut Context<'_>) {
        loop {
            let (Some(endpoint), Some(socket)) = (&mut self.endpoint, self.socket) else { return };
            if let Some(event) = endpoint.poll_event() {
                match event {
                    CoapEvent::Request { id, from, code, options, body, label, .. } => {
                        self.serve(context, Asked { id, from, code, options, body, label });
                    }
                    CoapEvent::Duplicate { label } => {
                        if let Some(index) = label.flow.index() {
                            context.flows[index].measure.session.duplicates += 1;
                        }
                    }
                    // It asks nobody, and whoever observes or not is the endpoint's matter.
                    CoapEvent::Response { .. }
                    | CoapEvent::Failed { .. }
                    | CoapEvent::ObserverGone { .. } => {}
                }
            } else if let Some(datagram) = endpoint.poll_transmit() {
                super::send(context.stack, &self.carrier, socket, datagram);
            } else {
                return;
            }
        }
    }

    fn serve(&mut self, context: &mut Context<'_>, asked: Asked) {
        let known = asked.label.flow.index().filter(|&index| index < context.flows.len());
        let Some(index) = known else {
            let (response, processing) =
                self.site.answer(asked.code, &asked.options, &asked.body, asked.label);
            return self.respond_later(context, asked.from, asked.id, response, processing);
        };
        let label = asked.label;
        let (response, processing) = match &context.flows[index].workload {
            Workload::RequestResponse { processing, response, .. } => {
                let name = &self.name;
                let new = || Box::new(context.streams.stream(name, purpose::PROCESSING));
                let rng = self.rng.get_or_insert_with(new);
                let (span, size) = (processing.draw(rng), response.draw(rng));
                (self.content(asked.code, label, size), span)
            }
            Workload::Messages(_) | Workload::Bulk { .. } => {
                measure(context, &asked.body);
                let (options, body) = (Options::new(), Body::default());
                (Response { code: success(asked.code), options, body, label }, SimDuration::from_nanos(0))
            }
        };
        self.respond_later(context, asked.from, asked.id, response, processing);
    }

    /// A response of `size` bytes of filler that belong to the request's message.
    fn content(&mut self, method: Code, label: Label, size: u32) -> Response {
        let offset = self.offsets.entry(label.flow).or_default();
        // Responses are a stream of filler of their own, told apart from the requests' by the top bit.
        let slice = Slice::filler(label.flow.0 | RESPONSES, *offset, size);
        *offset += u64::from(size);
        let run = Run { last: true, ..label.run(size, Protocol::Application, Reason::Data) };
        let body = Body { payload: Payload::from(slice), runs: Runs::from_elem(run, 1) };
        Response { code: success(method), options: Options::new(), body, label }
    }

    fn respond_later(
        &mut self,
        context: &mut Context<'_>,
        to: SocketAddr,
        id: IncomingId,
        response: Response,
        processing: SimDuration,
    ) {
        if processing.is_zero() {
            if let Some(endpoint) = &mut self.endpoint {
                endpoint.respond(context.local, to, id, response);
            }
            return;
        }
        self.next_response += 1;
        self.due.insert((context.now + processing, self.next_response), (to, id, response));
    }

    fn on_site_timer(&mut self, context: &mut Context<'_>) {
        let Some(endpoint) = &mut self.endpoint else { return };
        let observed = endpoint.observer_count(Site::OBSERVED) > 0;
        if let Some(response) = self.site.tick(context.now, observed) {
            endpoint.notify(context.local, Site::OBSERVED, &response);
        }
    }
}

impl SessionApp for CoapServer {
    fn start(&mut self, context: &mut Context<'_>) {
        self.socket = context.stack.listen(context.app, &self.carrier, None, self.port, context.mtu);
        if let Some(socket) = self.socket {
            self.groups.iter().for_each(|&group| context.stack.join(socket, group));
        }
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
            self.on_site_timer(context);
        }
    }

    fn on_timer(&mut self, context: &mut Context<'_>) {
        if let Some(endpoint) = &mut self.endpoint {
            while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= context.now) {
                let (to, id, response) = entry.remove();
                endpoint.respond(context.local, to, id, response);
            }
            if endpoint.poll_timeout().is_some_and(|due| due <= context.local) {
                endpoint.handle_timeout(context.local);
            }
        }
        self.on_site_timer(context);
        self.settle(context);
    }

    fn next_timer(&self) -> Option<SimTime> {
        let due = self.due.first_key_value().map(|(&(at, _), _)| at);
        due.into_iter().chain(self.site.next_tick()).min()
    }

    fn next_protocol_timer(&self) -> Option<SimTime> {
        self.endpoint.as_ref().and_then(|endpoint| endpoint.poll_timeout())
    }

    fn seeks(&self) -> Option<(FlowId, IpAddr)> {
        None
    }

    fn serves(&self, port: u16, carrier: &Carrier) -> bool {
        self.port == port && self.carrier.same_protocol(carrier)
    }

    fn groups(&self) -> &[IpAddr] {
        &self.groups
    }

    fn lose_volatile_state(&mut self) {
        self.socket = None;
        self.endpoint = None;
        self.due.clear();
        self.site = Site::default();
    }
}

fn measure(context: &mut Context<'_>, body: &Body) {
    for run in &body.runs {
        let Some(flow) = run.flow.index().and_then(|index| context.flows.get_mut(index)) else { continue };
        let Some(receiver) = flow.receiver(context.node) else { continue };
        let first = !run.last || flow.measure.on_message(context.now, receiver, run);
        if first {
            flow.measure.on_bytes(context.now, u64::from(run.bytes));
        }
    }
}

/// The success of a method (RFC 7252 §5.8, RFC 8132).
fn success(method: Code) -> Code {
    match method {
        Code::GET | Code::FETCH => Code::CONTENT,
        Code::DELETE => Code::DELETED,
        _ => Code::CHANGED,
    }
}

/// Marks the filler of responses.
const RESPONSES: u32 = 1 << 31;
