//! The receiving side of CoAP: it measures what flows bring, answers their requests, and serves resources of its own.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::{CoapEndpoint, CoapEvent, IncomingId, Response, StreamQueue};
use session::datagram::{Datagram, DatagramSession};
use sim_core::{SimDuration, SimTime};
use wire::account::{FlowId, Protocol, Reason, Run, Runs};
use wire::coap::{Code, Options};
use wire::payload::{Payload, Slice};

use super::CoapOptions;
use super::site::{self, Site};
use crate::app::{Context, Session, SessionApp};
use crate::flow::Workload;
use crate::purpose;
use crate::stack::{Carrier, Handle, StackEvent};

/// The receiving side on one port.
#[derive(Debug)]
pub struct CoapServer {
    name: Box<str>,
    port: u16,
    carrier: Carrier,
    options: Arc<CoapOptions>,
    groups: Vec<IpAddr>,
    socket: Option<Handle>,
    endpoint: Option<Box<CoapEndpoint>>,
    /// Connections by their peers, with what waits to be written.
    connections: BTreeMap<SocketAddr, (Handle, StreamQueue)>,
    peers: BTreeMap<Handle, SocketAddr>,
    beginnings: u32,
    site: Option<Site>,
    /// For each path that changes, the flows that measure its states.
    watchers: BTreeMap<Box<str>, Vec<usize>>,
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
    pub fn new(
        name: &str,
        port: u16,
        carrier: Carrier,
        options: Arc<CoapOptions>,
        groups: Vec<IpAddr>,
    ) -> Self {
        Self {
            name: name.into(),
            port,
            carrier,
            options,
            groups,
            socket: None,
            endpoint: None,
            connections: BTreeMap::new(),
            peers: BTreeMap::new(),
            beginnings: 0,
            site: None,
            watchers: BTreeMap::new(),
            due: BTreeMap::new(),
            next_response: 0,
            rng: None,
            offsets: BTreeMap::new(),
        }
    }

    fn settle(&mut self, context: &mut Context<'_>) {
        loop {
            let Some(endpoint) = &mut self.endpoint else { return };
            if let Some(event) = endpoint.poll_event() {
                match event {
                    CoapEvent::Request { id, from, code, options, body, label, .. } => {
                        note_exchanges(context, endpoint, from, label);
                        self.serve(context, Asked { id, from, code, options, body, label });
                    }
                    CoapEvent::Duplicate { label } => {
                        if let Some(index) = label.flow.index() {
                            context.flows[index].measure.session.duplicates += 1;
                        }
                    }
                    CoapEvent::Close { peer } => {
                        if let Some((handle, _)) = self.connections.get(&peer) {
                            context.stack.close(context.local, *handle);
                        }
                    }
                    // It asks nobody, and whoever observes or not is the endpoint's matter.
                    CoapEvent::Response { .. }
                    | CoapEvent::Failed { .. }
                    | CoapEvent::Unanswered { .. }
                    | CoapEvent::ObserverGone { .. } => {}
                }
            } else if let Some(datagram) = endpoint.poll_transmit() {
                self.send(context, datagram);
            } else {
                return;
            }
        }
    }

    fn send(&mut self, context: &mut Context<'_>, mut datagram: Datagram) {
        if let Some((handle, queue)) = self.connections.get_mut(&datagram.to) {
            queue.push(datagram.content);
            let (handle, local, stack) = (*handle, context.local, &mut *context.stack);
            queue.flush(|slice, run| stack.write(local, handle, slice, run));
        } else if let Some(socket) = self.socket {
            // What answers a group's request comes from an address of the member's own (RFC 7252 §8.2).
            let to = datagram.to.ip();
            datagram.source = datagram.source.or_else(|| (context.source_for)(to));
            super::send(context.stack, &self.carrier, socket, datagram);
        }
    }

    /// Takes an event of a connection.
    fn on_connection(&mut self, context: &mut Context<'_>, handle: Handle, event: &StackEvent) {
        let Some(endpoint) = &mut self.endpoint else { return };
        if matches!(event, StackEvent::Accepted) {
            if let Some(peer) = context.stack.peer(handle) {
                self.peers.insert(handle, peer);
                self.connections.insert(peer, (handle, StreamQueue::default()));
                endpoint.connected(context.local, peer);
            }
            return;
        }
        let Some(&peer) = self.peers.get(&handle) else { return };
        let Some((_, queue)) = self.connections.get_mut(&peer) else { return };
        match event {
            StackEvent::Readable => {
                let (payload, runs) = context.stack.read(context.local, handle, u32::MAX);
                endpoint.handle_stream(context.local, peer, Body::new(payload, runs));
            }
            StackEvent::Writable => {
                let (local, stack) = (context.local, &mut *context.stack);
                queue.flush(|slice, run| stack.write(local, handle, slice, run));
            }
            StackEvent::PeerClosed => context.stack.close(context.local, handle),
            StackEvent::Closed => {
                self.connections.remove(&peer);
                self.peers.remove(&handle);
                endpoint.disconnected(peer);
            }
            StackEvent::Connected
            | StackEvent::Accepted
            | StackEvent::Datagram { .. }
            | StackEvent::Unreachable => {}
        }
    }

    fn serve(&mut self, context: &mut Context<'_>, asked: Asked) {
        let known = asked.label.flow.index().filter(|&index| index < context.flows.len());
        let Some(index) = known else { return self.serve_resource(context, asked, false) };
        let label = asked.label;
        let (response, processing) = match &context.flows[index].workload {
            Workload::RequestResponse { processing, response, .. } => {
                let name = &self.name;
                let new = || Box::new(context.streams.stream(name, purpose::PROCESSING));
                let rng = self.rng.get_or_insert_with(new);
                let (span, size) = (processing.draw(rng), response.draw(rng));
                (self.content(asked.code, label, size), span)
            }
            &Workload::Poll { states, .. } => return self.serve_resource(context, asked, states),
            Workload::Messages(_) | Workload::Bulk { .. } | Workload::Flood { .. } => {
                measure(context, &asked.body);
                let (options, body) = (Options::new(), Body::default());
                (Response { code: success(asked.code), options, body, label }, SimDuration::from_nanos(0))
            }
        };
        self.respond_later(context, asked.from, asked.id, response, processing);
    }

    /// Answers out of what the server has.
    fn serve_resource(&mut self, context: &mut Context<'_>, asked: Asked, states: bool) {
        let Asked { id, from, code, options, body, label } = asked;
        let Some(site) = &mut self.site else { return };
        let asked = site::Asked { method: code, options: &options, body: &body, label, states };
        let (response, processing) = site.answer(context.now, context.streams, &self.name, &asked);
        self.respond_later(context, from, id, response, processing);
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

    /// Tells observers of new states, and counts them for the flows that measure them.
    fn on_changes(&mut self, context: &mut Context<'_>) {
        let (Some(endpoint), Some(site)) = (&mut self.endpoint, &mut self.site) else { return };
        for (path, flows) in &self.watchers {
            if flows.is_empty() && endpoint.observer_count(path) == 0 {
                continue; // Nobody looks: the clock is put right by the next one who does.
            }
            while let Some(state) = site.advance(path, context.now) {
                for &flow in flows {
                    context.flows[flow].measure.on_generated(state.since);
                }
                if let Some(response) = site.notification(path) {
                    endpoint.notify(context.local, path, &response);
                }
            }
        }
    }

    /// When the next resource changes that somebody looks at.
    fn next_change(&self) -> Option<SimTime> {
        let (endpoint, site) = (self.endpoint.as_ref()?, self.site.as_ref()?);
        let seen = self
            .watchers
            .iter()
            .filter(|(path, flows)| !flows.is_empty() || endpoint.observer_count(path) > 0);
        seen.filter_map(|(path, _)| site.next_change(path)).min()
    }

    /// The flows that measure the states of each resource that changes.
    fn find_watchers(&mut self, context: &Context<'_>) {
        let Some(site) = &self.site else { return };
        for path in site.changing() {
            let watches = |flow: &crate::flow::Flow| {
                let Some(Session::Coap(options)) = &flow.session else { return false };
                let states = matches!(flow.workload, Workload::Poll { states: true, .. });
                let reached = self.carrier.same_protocol(&flow.carrier);
                states
                    && reached
                    && flow.to[..] == [context.node]
                    && flow.port == self.port
                    && options.plain_path() == path
            };
            let flows = context.flows.iter().enumerate().filter(|(_, flow)| watches(flow));
            self.watchers.insert(path.into(), flows.map(|(index, _)| index).collect());
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
        let make = if self.carrier.is_stream() { CoapEndpoint::over_streams } else { CoapEndpoint::new };
        self.endpoint = Some(Box::new(make(Arc::clone(&self.options.config), rng)));
        if self.site.is_none() {
            self.site = Some(Site::new(&self.options.resources, &self.name, context.streams));
            self.find_watchers(context);
        }
    }

    fn on_event(&mut self, context: &mut Context<'_>, handle: Handle, event: StackEvent) {
        if let StackEvent::Datagram { from, to, payload, runs } = event {
            if let Some(endpoint) = &mut self.endpoint {
                endpoint.handle_datagram(context.local, SocketAddr::from(from), to, Body::new(payload, runs));
            }
        } else {
            self.on_connection(context, handle, &event);
        }
        self.settle(context);
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
        self.on_changes(context);
        self.settle(context);
    }

    fn next_timer(&self) -> Option<SimTime> {
        let due = self.due.first_key_value().map(|(&(at, _), _)| at);
        due.into_iter().chain(self.next_change()).min()
    }

    fn next_protocol_timer(&self) -> Option<SimTime> {
        self.endpoint.as_ref().and_then(|endpoint| endpoint.poll_timeout())
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
        self.connections.clear();
        self.peers.clear();
        self.due.clear();
        self.site.iter_mut().for_each(Site::lose_volatile_state);
    }
}

/// How many exchanges the server has to remember for a flow's sender.
fn note_exchanges(context: &mut Context<'_>, endpoint: &CoapEndpoint, from: SocketAddr, label: Label) {
    let Some(flow) = label.flow.index().and_then(|index| context.flows.get_mut(index)) else { return };
    let most = &mut flow.measure.session.exchanges_max;
    *most = (*most).max(endpoint.exchanges_with(from) as u32);
}

fn measure(context: &mut Context<'_>, body: &Body) {
    for run in &body.runs {
        let Some(flow) = run.flow.index().and_then(|index| context.flows.get_mut(index)) else { continue };
        let Some(receiver) = flow.receiver(context.node) else { continue };
        let now = context.readable_at(run);
        let flow = &mut context.flows[run.flow.0 as usize];
        let first = !run.last || flow.measure.on_message(now, receiver, run);
        if first {
            flow.measure.on_bytes(now, u64::from(run.bytes));
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
