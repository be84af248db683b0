//! The sending side of a flow: it generates messages, waits for a connection or for room in a buffer,
//! and takes the answers.

use std::collections::VecDeque;
use std::net::IpAddr;

use sim_core::random::Streams;
use sim_core::{SimDuration, SimTime};
use transport::sctp::StreamRequest;
use wire::account::{FlowId, Protocol, Reason, Run, Runs};
use wire::payload::{Payload, Slice};

use super::Context;
use super::service::measure;
use super::supply::{Bulk, Kind, Message, Supply};
use crate::flow::{Flow, Workload};
use crate::stack::{Carrier, Handle, Stack, StackEvent};

/// The sending side of a flow.
#[derive(Debug)]
pub struct Source {
    flow: FlowId,
    address: IpAddr,
    port: u16,
    carrier: Carrier,
    supply: Supply,
    /// Whether the messages are requests, each with an answer.
    takes_answers: bool,
    /// Requests that no answer has come to on this connection.
    unanswered: u32,
    /// When an answer that may be lost for good is given up.
    patience_ends: SimTime,
    socket: Socket,
    /// What is to be asked about streams, the next first.
    requests: VecDeque<(SimTime, StreamRequest)>,
}

/// The state of the connection below.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Socket {
    /// Not needed yet, or ended.
    Idle,
    /// Being set up since this time.
    Opening(Handle, SimTime),
    /// Ready to take bytes.
    Open(Handle),
    /// Everything was sent; the other side's end is awaited.
    Closing(Handle),
    /// Lost: another attempt follows at this time.
    Lost(SimTime),
}

impl Source {
    /// The sending side of `flow`, whose number is `id`.
    pub fn new(id: FlowId, flow: &Flow, streams: &Streams) -> Self {
        Self {
            flow: id,
            address: flow.address,
            port: flow.port,
            carrier: flow.carrier.clone(),
            supply: Supply::new(flow, streams),
            takes_answers: matches!(flow.workload, Workload::RequestResponse { .. }),
            unanswered: 0,
            patience_ends: SimTime::MAX,
            socket: Socket::Idle,
            requests: match &flow.carrier {
                Carrier::Sctp(options) => options.requests.iter().cloned().collect(),
                Carrier::Udp(_) | Carrier::Tcp(_) | Carrier::Mptcp(_) => VecDeque::new(),
            },
        }
    }

    /// The flow that this is the sending side of.
    pub fn flow(&self) -> FlowId {
        self.flow
    }

    /// The connection or socket below, while there is one.
    pub fn handle(&self) -> Option<Handle> {
        match self.socket {
            Socket::Opening(handle, _) | Socket::Open(handle) | Socket::Closing(handle) => Some(handle),
            Socket::Idle | Socket::Lost(_) => None,
        }
    }

    /// The address that it sends to.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    pub(super) fn is_multihomed(&self) -> bool {
        self.carrier.is_multihomed()
    }

    pub(super) fn start(&mut self, context: &mut Context<'_>) {
        self.supply.skip_to(context.now);
        if self.supply.has_work(context.now) {
            self.open(context);
        }
    }

    pub(super) fn next_timer(&self) -> Option<SimTime> {
        let supply = self.supply.next_at();
        let retry = match self.socket {
            Socket::Lost(at) => Some(at),
            Socket::Idle | Socket::Opening(..) | Socket::Open(_) | Socket::Closing(_) => None,
        };
        let patience = (self.is_impatient() && self.unanswered > 0).then_some(self.patience_ends);
        let asks = matches!(self.socket, Socket::Open(_)).then(|| self.requests.front()).flatten();
        supply.into_iter().chain(retry).chain(patience).chain(asks.map(|(at, _)| *at)).min()
    }

    pub(super) fn on_timer(&mut self, context: &mut Context<'_>) {
        self.generate(context);
        if let Socket::Lost(at) = self.socket
            && at <= context.now
        {
            self.socket = Socket::Idle;
            if self.supply.has_work(context.now) {
                self.open(context);
            }
        }
        if self.is_impatient() && self.unanswered > 0 && self.patience_ends <= context.now {
            self.unanswered = 0;
            self.supply.on_answer(context.now);
        }
        self.ask_about_streams(context);
        self.send(context);
    }

    /// Makes the requests whose time has come.
    fn ask_about_streams(&mut self, context: &mut Context<'_>) {
        let Socket::Open(handle) = self.socket else { return };
        while let Some((at, request)) = self.requests.front_mut()
            && *at <= context.now
        {
            if context.stack.reconfigure(context.local, handle, request) {
                *at = context.now + RETRY_DELAY;
            } else {
                self.requests.pop_front();
            }
        }
    }

    pub(super) fn on_event(&mut self, context: &mut Context<'_>, handle: Handle, event: StackEvent) {
        if self.handle() != Some(handle) {
            return;
        }
        match event {
            StackEvent::Connected => {
                if let Socket::Opening(_, since) = self.socket {
                    let measure = &mut context.flows[self.flow.0 as usize].measure;
                    measure.on_set_up(context.now.saturating_since(since));
                    self.socket = Socket::Open(handle);
                }
                self.send(context);
            }
            StackEvent::Writable => self.send(context),
            StackEvent::Datagram { runs, .. } => self.take_answers(context, &runs),
            StackEvent::Readable => {
                let (_, runs) = context.stack.read(context.local, handle, u32::MAX);
                self.take_answers(context, &runs);
            }
            StackEvent::PeerClosed => {
                context.stack.close(context.local, handle);
                if !matches!(self.socket, Socket::Closing(_)) {
                    self.note_limits(context.local, context.stack, context.flows);
                }
                if !self.supply.backlog.is_empty() {
                    self.lose(context);
                } else if !matches!(self.socket, Socket::Closing(_)) {
                    self.socket = Socket::Idle;
                }
            }
            StackEvent::Closed => {
                self.note_limits(context.local, context.stack, context.flows);
                match self.socket {
                    Socket::Closing(_) => self.socket = Socket::Idle,
                    Socket::Idle | Socket::Opening(..) | Socket::Open(_) | Socket::Lost(_) => {
                        self.lose(context);
                    }
                }
            }
            StackEvent::Unreachable | StackEvent::Accepted => {}
        }
    }

    /// Adds to the flow's measure what has held its connection back until now, once for each connection: when it is left,
    /// or when the run is over.
    pub(crate) fn note_limits(&self, now: SimTime, stack: &Stack, flows: &mut [Flow]) {
        let times = self.handle().and_then(|handle| stack.limit_times(now, handle));
        if let Some(times) = times {
            let measure = &mut flows[self.flow.0 as usize].measure;
            measure.connections.get_or_insert_default().limits.merge(&times);
        }
    }

    pub(super) fn lose_volatile_state(&mut self) {
        self.supply.lose();
        self.socket = Socket::Idle;
        self.unanswered = 0;
    }

    fn generate(&mut self, context: &mut Context<'_>) {
        let flow = &mut context.flows[self.flow.0 as usize];
        self.supply.generate(context.now, self.flow, flow, context.demand);
        if self.socket == Socket::Idle && self.supply.has_work(context.now) {
            self.open(context);
        }
    }

    fn open(&mut self, context: &mut Context<'_>) {
        let Some(way) = context.way else {
            self.lose(context);
            return;
        };
        let peer = (self.address, self.port);
        let opened = context.stack.open(context.local, context.app, &self.carrier, way, peer, self.flow);
        match opened {
            Some(handle) if self.carrier.has_connections() => {
                self.socket = Socket::Opening(handle, context.now)
            }
            Some(handle) => {
                let measure = &mut context.flows[self.flow.0 as usize].measure;
                measure.on_set_up(SimDuration::ZERO);
                self.socket = Socket::Open(handle);
            }
            None => self.lose(context),
        }
    }

    fn lose(&mut self, context: &mut Context<'_>) {
        context.flows[self.flow.0 as usize].measure.connections_lost += 1;
        // What the connection had taken is gone with it; what is left of a message cut in the middle
        // would make no sense to the next connection's receiver.
        self.supply.backlog.retain(Message::is_whole);
        self.unanswered = 0;
        self.socket = Socket::Lost(context.now + RECONNECT_DELAY);
    }

    fn send(&mut self, context: &mut Context<'_>) {
        let Socket::Open(handle) = self.socket else { return };
        match self.supply.kind {
            Kind::Messages(_) if self.carrier.is_stream() => self.write_messages(context, handle),
            Kind::Messages(_) => self.send_datagrams(context, handle),
            Kind::Bulk(_) => self.write_bulk(context, handle),
        }
    }

    fn write_messages(&mut self, context: &mut Context<'_>, handle: Handle) {
        while let Some(message) = self.supply.backlog.front_mut() {
            let slice = Slice::filler(self.flow.0, message.offset, message.left);
            let accepted = context.stack.write(context.local, handle, slice, message.run(self.flow));
            message.offset += u64::from(accepted);
            message.left -= accepted;
            if message.left > 0 {
                return;
            }
            self.supply.backlog.pop_front();
            self.unanswered += u32::from(self.takes_answers);
            self.patience_ends = context.now + PATIENCE;
        }
        if self.supply.is_finished() && self.unanswered == 0 {
            context.stack.close(context.local, handle);
            self.socket = Socket::Closing(handle);
        }
    }

    fn send_datagrams(&mut self, context: &mut Context<'_>, handle: Handle) {
        let options = self.carrier.send_options();
        while let Some(message) = self.supply.backlog.front() {
            let payload = Payload::from(Slice::filler(self.flow.0, message.offset, message.left));
            let runs = Runs::from_elem(message.run(self.flow), 1);
            context.stack.send(handle, &options, (self.address, self.port), payload, runs);
            self.supply.backlog.pop_front();
            self.unanswered += u32::from(self.takes_answers);
            self.patience_ends = context.now + PATIENCE;
        }
    }

    fn write_bulk(&mut self, context: &mut Context<'_>, handle: Handle) {
        let Supply { kind: Kind::Bulk(bulk), offset, .. } = &mut self.supply else { return };
        let Bulk { stop, left, stopped, .. } = &mut **bulk;
        while context.now < *stop {
            let want = left.map_or(u32::MAX, |left| left.min(u64::from(u32::MAX)) as u32);
            if want == 0 {
                break;
            }
            // More than there is room for is offered, so that the connection says when it has room again.
            let run = Run {
                bytes: want,
                flow: self.flow,
                message: 0,
                generated: context.now,
                protocol: Protocol::Application,
                reason: Reason::Data,
                last: *left == Some(u64::from(want)),
            };
            let slice = Slice::filler(self.flow.0, *offset, want);
            let accepted = context.stack.write(context.local, handle, slice, run);
            *offset += u64::from(accepted);
            if let Some(left) = left {
                *left -= u64::from(accepted);
            }
            if accepted < want {
                break;
            }
        }
        *stopped |= *left == Some(0) || context.now >= *stop;
        if *stopped {
            context.stack.close(context.local, handle);
            self.socket = Socket::Closing(handle);
        }
    }

    /// Whether an answer may be lost for good, so that waiting for it must end.
    fn is_impatient(&self) -> bool {
        self.carrier.loses_messages() && self.supply.awaits_answers()
    }

    fn take_answers(&mut self, context: &mut Context<'_>, runs: &Runs) {
        for run in runs.iter().filter(|run| run.flow != self.flow) {
            // Both ends have opened this connection, and the other one's flow comes on it.
            measure(context, run);
        }
        // What comes back of a flow without answers is an echo, and not measured.
        let own = self.takes_answers.then_some(self.flow);
        for run in runs.iter().filter(|run| Some(run.flow) == own) {
            let now = context.readable_at(run);
            let measure = &mut context.flows[self.flow.0 as usize].measure;
            let first = !run.last || measure.on_message(now, 0, run);
            if first {
                measure.on_bytes(now, u64::from(run.bytes));
            }
            if run.last {
                self.unanswered = self.unanswered.saturating_sub(1);
                self.supply.on_answer(context.now);
            }
        }
        self.send(context);
    }
}

/// How long a source waits before it connects again after its connection was lost.
const RECONNECT_DELAY: SimDuration = SimDuration::from_secs(1);

/// How long a source waits before it asks about streams again.
const RETRY_DELAY: SimDuration = SimDuration::from_millis(100);

/// How long a source that waits for answers waits for one that may be lost for good.
const PATIENCE: SimDuration = SimDuration::from_secs(5);
