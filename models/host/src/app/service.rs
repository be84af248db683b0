//! The receiving side: it takes what arrives on a port number, measures it, and answers requests.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use rand_chacha::ChaCha8Rng;
use sim_core::SimTime;
use transport::udp::SendOptions;
use wire::account::{FlowId, Protocol, Reason, Run, Runs};
use wire::payload::{Payload, Slice};

use super::Context;
use crate::flow::{Flow, Workload};
use crate::purpose;
use crate::stack::{Carrier, Handle, StackEvent};

/// The receiving side on one port number of one carrier.
#[derive(Debug)]
pub struct Service {
    name: Box<str>,
    address: Option<IpAddr>,
    port: u16,
    carrier: Carrier,
    /// Groups whose datagrams it takes.
    groups: Vec<IpAddr>,
    /// Whether everything is sent back (RFC 862).
    echoes: bool,
    answers: BTreeMap<(SimTime, u64), Answer>,
    next_answer: u64,
    streams: BTreeMap<Handle, Outgoing>,
    rng: Option<Box<ChaCha8Rng>>,
    /// Bytes of answers so far by flow: the place of the next one in the flow's filler.
    offsets: BTreeMap<FlowId, u64>,
}

/// An answer that is due at a time.
#[derive(Clone, Copy, Debug)]
struct Answer {
    handle: Handle,
    peer: Option<Peer>,
    run: Run,
}

/// Who sent a datagram, and the address that it was sent to: the answer's source.
type Peer = ((IpAddr, u16), IpAddr);

/// What a stream still has to take.
#[derive(Debug, Default)]
struct Outgoing {
    waiting: VecDeque<(Slice, Run)>,
    due: u32,
    peer_closed: bool,
}

impl Service {
    /// A service called `name` on `port`, at one address or at all of the host's.
    pub fn new(name: &str, address: Option<IpAddr>, port: u16, carrier: Carrier) -> Self {
        Self {
            name: name.into(),
            address,
            port,
            carrier,
            groups: Vec::new(),
            echoes: false,
            answers: BTreeMap::new(),
            next_answer: 0,
            streams: BTreeMap::new(),
            rng: None,
            offsets: BTreeMap::new(),
        }
    }

    /// The same service, taking also what is sent to these groups.
    pub fn member_of(mut self, groups: Vec<IpAddr>) -> Self {
        self.groups = groups;
        self
    }

    pub(super) fn groups(&self) -> &[IpAddr] {
        &self.groups
    }

    /// The same service, sending back all that it receives (RFC 862).
    pub fn echoing(mut self) -> Self {
        self.echoes = true;
        self
    }

    /// Whether this service listens there.
    pub fn serves(&self, port: u16, carrier: &Carrier) -> bool {
        self.port == port && self.carrier.same_protocol(carrier)
    }

    pub(super) fn is_multihomed(&self) -> bool {
        self.carrier.is_multihomed()
    }

    pub(super) fn start(&mut self, context: &mut Context<'_>) {
        let socket = context.stack.listen(context.app, &self.carrier, self.address, self.port, context.mtu);
        if let Some(socket) = socket {
            self.groups.iter().for_each(|&group| context.stack.join(socket, group));
        }
    }

    pub(super) fn next_timer(&self) -> Option<SimTime> {
        self.answers.first_key_value().map(|(&(at, _), _)| at)
    }

    pub(super) fn on_timer(&mut self, context: &mut Context<'_>) {
        while let Some(entry) = self.answers.first_entry() {
            if entry.key().0 > context.now {
                break;
            }
            let answer = entry.remove();
            self.send_answer(context, answer);
        }
    }

    pub(super) fn on_event(&mut self, context: &mut Context<'_>, handle: Handle, event: StackEvent) {
        match event {
            StackEvent::Datagram { from, to, payload, runs } => {
                self.take(context, handle, Some((from, to)), &runs);
                self.echo(context, handle, Some((from, to)), payload, runs);
            }
            StackEvent::Readable => {
                let (payload, runs) = context.stack.read(context.local, handle);
                self.take(context, handle, None, &runs);
                self.echo(context, handle, None, payload, runs);
            }
            StackEvent::Writable => self.write(context, handle),
            StackEvent::PeerClosed => {
                self.streams.entry(handle).or_default().peer_closed = true;
                self.close_if_done(context, handle);
            }
            StackEvent::Closed => {
                self.streams.remove(&handle);
                self.answers.retain(|_, answer| answer.handle != handle);
            }
            StackEvent::Accepted | StackEvent::Connected | StackEvent::Unreachable => {}
        }
    }

    pub(super) fn lose_volatile_state(&mut self) {
        self.answers.clear();
        self.streams.clear();
    }

    fn take(&mut self, context: &mut Context<'_>, handle: Handle, peer: Option<Peer>, runs: &Runs) {
        for run in runs {
            let Some(flow) = run.flow.index().and_then(|index| context.flows.get_mut(index)) else {
                continue;
            };
            match &flow.workload {
                Workload::RequestResponse { .. } => {
                    if run.last {
                        self.answer_later(context, handle, peer, run);
                    }
                }
                Workload::Messages(_) => measure_message(context, run),
                Workload::Bulk { .. } => {
                    flow.measure.on_bytes(context.now, u64::from(run.bytes));
                    flow.measure.complete |= run.last;
                }
            }
        }
        self.close_if_done(context, handle);
    }

    /// Sends back what came, if that is what the service does. Echoed bytes belong to their flow, but to no
    /// message of it.
    fn echo(
        &mut self,
        context: &mut Context<'_>,
        handle: Handle,
        peer: Option<Peer>,
        payload: Payload,
        mut runs: Runs,
    ) {
        if !self.echoes || payload.is_empty() {
            return;
        }
        for run in &mut runs {
            (run.message, run.last) = (u32::MAX, false);
        }
        if let Some((peer, own)) = peer {
            let options = SendOptions { source: Some(own), ..self.carrier.send_options() };
            context.stack.send(handle, &options, peer, payload, runs);
            return;
        }
        let mut rest = payload;
        let stream = self.streams.entry(handle).or_default();
        for run in runs {
            for slice in rest.split_front(run.bytes).slices() {
                stream.waiting.push_back((slice.clone(), Run { bytes: slice.len(), ..run }));
            }
        }
        self.write(context, handle);
    }

    fn answer_later(&mut self, context: &mut Context<'_>, handle: Handle, peer: Option<Peer>, request: &Run) {
        let Some(Flow { workload: Workload::RequestResponse { processing, response, .. }, .. }) =
            context.flows.get(request.flow.0 as usize)
        else {
            return;
        };
        let name = &self.name;
        let rng = self.rng.get_or_insert_with(|| Box::new(context.streams.stream(name, purpose::PROCESSING)));
        let at = context.now + processing.draw(rng);
        let run = Run { bytes: response.draw(rng), last: true, ..*request };
        if self.carrier.is_stream() {
            self.streams.entry(handle).or_default().due += 1;
        }
        self.answers.insert((at, self.next_answer), Answer { handle, peer, run });
        self.next_answer += 1;
    }

    fn send_answer(&mut self, context: &mut Context<'_>, answer: Answer) {
        let offset = self.offsets.entry(answer.run.flow).or_default();
        let run = Run { protocol: Protocol::Application, reason: Reason::Data, ..answer.run };
        // Answers are a stream of filler of their own, told apart from the requests' by the top bit.
        let slice = Slice::filler(run.flow.0 | ANSWERS, *offset, run.bytes);
        *offset += u64::from(run.bytes);
        match answer.peer {
            Some((peer, own)) => {
                let runs = Runs::from_elem(run, 1);
                let options = SendOptions { source: Some(own), ..self.carrier.send_options() };
                context.stack.send(answer.handle, &options, peer, Payload::from(slice), runs);
            }
            None => {
                let stream = self.streams.entry(answer.handle).or_default();
                stream.due -= 1;
                stream.waiting.push_back((slice, run));
                self.write(context, answer.handle);
            }
        }
    }

    fn write(&mut self, context: &mut Context<'_>, handle: Handle) {
        let Some(stream) = self.streams.get_mut(&handle) else { return };
        while let Some((slice, run)) = stream.waiting.front_mut() {
            let accepted = context.stack.write(context.local, handle, slice.clone(), *run);
            if accepted < slice.len() {
                if accepted > 0 {
                    *slice = slice.slice(accepted..slice.len());
                    run.split_front(accepted);
                }
                return;
            }
            stream.waiting.pop_front();
        }
        self.close_if_done(context, handle);
    }

    /// Closes a stream whose other side has ended and has its answers.
    fn close_if_done(&mut self, context: &mut Context<'_>, handle: Handle) {
        if self.streams.get(&handle).is_some_and(|s| s.peer_closed && s.due == 0 && s.waiting.is_empty()) {
            self.streams.remove(&handle);
            context.stack.close(context.local, handle);
        }
    }
}

/// Measures a message, or a part of one: bytes of further copies do not count.
fn measure_message(context: &mut Context<'_>, run: &Run) {
    let flow = &mut context.flows[run.flow.0 as usize];
    let Some(receiver) = flow.receiver(context.node) else { return };
    let first = !run.last || flow.measure.on_message(context.now, receiver, run);
    if first {
        flow.measure.on_bytes(context.now, u64::from(run.bytes));
    }
}

/// Marks the filler of answers.
const ANSWERS: u32 = 1 << 31;
