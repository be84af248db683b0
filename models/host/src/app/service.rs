//! The receiving side: it takes what arrives on a port number, measures it, and answers requests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::LazyLock;

use rand_chacha::ChaCha8Rng;
use sim_core::{ByteCount, DataRate, SimDuration, SimTime};
use transport::udp::SendOptions;
use wire::account::{FlowId, Protocol, Reason, Run, Runs};
use wire::payload::{Payload, Slice};

use super::{Context, Demand};
use crate::flow::Workload;
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
    task: Task,
    answers: BTreeMap<(SimTime, u64), Answer>,
    next_answer: u64,
    streams: BTreeMap<Handle, Outgoing>,
    rng: Option<Box<ChaCha8Rng>>,
    /// How fast it reads streams, if not at once.
    reader_rate: Option<DataRate>,
    /// Streams that are to be read again, by when.
    reads: BTreeSet<(SimTime, Handle)>,
    /// Bytes of answers so far by flow: the place of the next one in the flow's filler.
    offsets: BTreeMap<FlowId, u64>,
}

/// What a service does beside answering requests.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Task {
    /// Takes what comes, and measures it.
    #[default]
    Take,
    /// Sends everything back (RFC 862).
    Echo,
    /// Sends lines of characters without end on a stream, one datagram for each that comes (RFC 864).
    Generate,
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
    /// Bytes in `waiting`.
    backlog: u64,
    due: u32,
    peer_closed: bool,
    /// Whether there may be more to read, which waits until less is to be sent.
    unread: bool,
    /// Bytes generated so far.
    generated: u64,
    /// When a slow reader reads on.
    next_read: SimTime,
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
            task: Task::Take,
            answers: BTreeMap::new(),
            next_answer: 0,
            streams: BTreeMap::new(),
            rng: None,
            reader_rate: None,
            reads: BTreeSet::new(),
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

    /// The same service with a task.
    pub fn doing(mut self, task: Task) -> Self {
        self.task = task;
        self
    }

    /// The same service, reading streams at `rate` instead of at once.
    pub fn reading_at(mut self, rate: Option<DataRate>) -> Self {
        self.reader_rate = rate;
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

    #[inline]
    pub(super) fn next_timer(&self) -> Option<SimTime> {
        let answer = self.answers.first_key_value().map(|(&(at, _), _)| at);
        answer.into_iter().chain(self.reads.first().map(|&(at, _)| at)).min()
    }

    pub(super) fn on_timer(&mut self, context: &mut Context<'_>) {
        while let Some(&(at, handle)) = self.reads.first().filter(|&&(at, _)| at <= context.now) {
            self.reads.remove(&(at, handle));
            self.read(context, handle);
        }
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
                match self.task {
                    Task::Take => {}
                    Task::Echo => self.send_back(context, handle, (from, to), payload, runs),
                    Task::Generate => self.send_characters(context, handle, (from, to)),
                }
            }
            StackEvent::Readable | StackEvent::Writable
                if self.task == Task::Echo && matches!(handle, Handle::Sctp(_)) =>
            {
                context.stack.return_messages(context.local, handle);
            }
            StackEvent::Readable => self.read(context, handle),
            StackEvent::Writable => self.write(context, handle),
            StackEvent::Accepted if self.task == Task::Generate => {
                self.streams.insert(handle, Outgoing::default());
                self.write(context, handle);
            }
            StackEvent::PeerClosed => {
                let stream = self.streams.entry(handle).or_default();
                stream.peer_closed = true;
                if self.task == Task::Generate {
                    stream.waiting.clear(); // Nobody is waiting for more.
                }
                self.close_if_done(context, handle);
            }
            StackEvent::Closed => {
                self.streams.remove(&handle);
                self.reads.retain(|&(_, reader)| reader != handle);
                self.answers.retain(|_, answer| answer.handle != handle);
            }
            StackEvent::Accepted | StackEvent::Connected | StackEvent::Unreachable => {}
        }
    }

    pub(super) fn lose_volatile_state(&mut self) {
        self.answers.clear();
        self.reads.clear();
        self.streams.clear();
    }

    fn take(&mut self, context: &mut Context<'_>, handle: Handle, peer: Option<Peer>, runs: &Runs) {
        for run in runs {
            if is_request(context, run) {
                // An answer's packets wait for the processor behind this.
                context.readable_at(run);
                if run.last {
                    self.answer_later(context, handle, peer, run);
                }
            } else {
                measure(context, run);
            }
        }
        self.close_if_done(context, handle);
    }

    /// Reads what a stream has. What is to be sent back is read only while the peer takes it, so that a peer which
    /// only sends is slowed down.
    fn read(&mut self, context: &mut Context<'_>, handle: Handle) {
        if self.task == Task::Take && self.reader_rate.is_none() && self.streams.is_empty() {
            // Nothing is to be sent, and no stream has ended: nothing has to be known of this one.
            let (_, runs) = context.stack.read(context.local, handle, u32::MAX);
            return self.take(context, handle, None, &runs);
        }
        let stream = self.streams.entry(handle).or_default();
        stream.unread = self.task == Task::Echo && stream.backlog >= BACKLOG_MAX;
        if stream.unread {
            return;
        }
        let max = match self.reader_rate {
            None => u32::MAX,
            Some(_) if stream.next_read > context.now => {
                stream.unread = true;
                return; // It is read when its time has come.
            }
            Some(rate) => {
                let bytes = rate.carried(READ_EVERY).as_bytes().clamp(1, u64::from(u32::MAX));
                u32::try_from(bytes).unwrap_or(u32::MAX)
            }
        };
        let (payload, runs) = context.stack.read(context.local, handle, max);
        if let Some(rate) = self.reader_rate
            && !payload.is_empty()
        {
            let pause = rate.transmit_time(ByteCount::from_bytes(u64::from(payload.len())));
            stream.next_read = context.now + pause;
            stream.unread = context.stack.readable(handle) > 0;
            self.reads.insert((stream.next_read, handle));
        }
        if self.task == Task::Echo && !payload.is_empty() {
            self.queue_back(handle, payload, &runs);
        }
        self.take(context, handle, None, &runs);
        self.write(context, handle);
    }

    /// Sends a datagram back. Echoed bytes belong to their flow, but to no message of it.
    fn send_back(
        &mut self,
        context: &mut Context<'_>,
        handle: Handle,
        (peer, own): Peer,
        payload: Payload,
        mut runs: Runs,
    ) {
        runs.iter_mut().for_each(|run| (run.message, run.last) = (u32::MAX, false));
        let options = SendOptions { source: Some(own), ..self.carrier.send_options() };
        context.stack.send(handle, &options, peer, payload, runs);
    }

    /// Queues bytes of a stream to be sent back on it.
    fn queue_back(&mut self, handle: Handle, mut payload: Payload, runs: &Runs) {
        let stream = self.streams.entry(handle).or_default();
        stream.backlog += u64::from(payload.len());
        for run in runs {
            for slice in payload.split_front(run.bytes).slices() {
                let run = Run { bytes: slice.len(), message: u32::MAX, last: false, ..*run };
                stream.waiting.push_back((slice.clone(), run));
            }
        }
    }

    /// Sends one datagram of characters.
    fn send_characters(&mut self, context: &mut Context<'_>, handle: Handle, (peer, own): Peer) {
        let slice = characters(0).slice(0..CHARACTERS_IN_DATAGRAM);
        let runs = Runs::from_elem(control_run(slice.len()), 1);
        let options = SendOptions { source: Some(own), ..self.carrier.send_options() };
        context.stack.send(handle, &options, peer, Payload::from(slice), runs);
    }

    fn answer_later(&mut self, context: &mut Context<'_>, handle: Handle, peer: Option<Peer>, request: &Run) {
        let flow = context.flows.get(request.flow.0 as usize);
        let Some(Workload::RequestResponse { processing, response, .. }) = flow.map(|flow| &flow.workload)
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
        if let Some(protection) = context.flows[run.flow.0 as usize].protection {
            (context.demand)(run.flow, Demand::Cryptography(protection.at_sender(run.bytes)));
        }
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
                stream.backlog += u64::from(slice.len());
                stream.waiting.push_back((slice, run));
                self.write(context, answer.handle);
            }
        }
    }

    fn write(&mut self, context: &mut Context<'_>, handle: Handle) {
        let Some(stream) = self.streams.get_mut(&handle) else { return };
        loop {
            if self.task == Task::Generate && stream.waiting.is_empty() && !stream.peer_closed {
                let slice = characters(stream.generated);
                stream.generated += u64::from(slice.len());
                stream.backlog += u64::from(slice.len());
                let run = control_run(slice.len());
                stream.waiting.push_back((slice, run));
            }
            let Some((slice, run)) = stream.waiting.front_mut() else { break };
            let accepted = context.stack.write(context.local, handle, slice.clone(), *run);
            stream.backlog = stream.backlog.saturating_sub(u64::from(accepted));
            if accepted < slice.len() {
                if accepted > 0 {
                    *slice = slice.slice(accepted..slice.len());
                    run.split_front(accepted);
                }
                break;
            }
            stream.waiting.pop_front();
        }
        if stream.unread && stream.backlog < BACKLOG_MAX && self.reader_rate.is_none() {
            return self.read(context, handle);
        }
        self.close_if_done(context, handle);
    }

    /// Closes a stream whose other side has ended and has its answers.
    fn close_if_done(&mut self, context: &mut Context<'_>, handle: Handle) {
        let is_done = |s: &Outgoing| s.peer_closed && s.due == 0 && !s.unread && s.waiting.is_empty();
        if self.streams.get(&handle).is_some_and(is_done) {
            self.streams.remove(&handle);
            context.stack.close(context.local, handle);
        }
    }
}

fn is_request(context: &Context<'_>, run: &Run) -> bool {
    let flow = run.flow.index().and_then(|index| context.flows.get(index));
    flow.is_some_and(|flow| matches!(flow.workload, Workload::RequestResponse { .. }))
}

/// Measures bytes that have arrived, unless they are a request's, of which the answer counts.
pub(super) fn measure(context: &mut Context<'_>, run: &Run) {
    let Some(flow) = run.flow.index().and_then(|index| context.flows.get_mut(index)) else { return };
    match &flow.workload {
        Workload::RequestResponse { .. } | Workload::Flood { .. } => {}
        // Only a session protocol's server has resources.
        Workload::Messages(_) | Workload::Poll { .. } => measure_message(context, run),
        Workload::Bulk { .. } => {
            flow.measure.on_bytes(context.now, u64::from(run.bytes));
            flow.measure.complete |= run.last;
        }
    }
}

/// Measures a message, or a part of one: bytes of further copies do not count.
fn measure_message(context: &mut Context<'_>, run: &Run) {
    let Some(receiver) = context.flows[run.flow.0 as usize].receiver(context.node) else { return };
    let now = context.readable_at(run);
    let measure = &mut context.flows[run.flow.0 as usize].measure;
    let first = !run.last || measure.on_message(now, receiver, run);
    if first {
        measure.on_bytes(now, u64::from(run.bytes));
    }
}

/// A run of bytes that serve no flow.
fn control_run(bytes: u32) -> Run {
    Run {
        bytes,
        flow: FlowId::NONE,
        message: u32::MAX,
        generated: SimTime::ZERO,
        protocol: Protocol::Application,
        reason: Reason::Data,
        last: false,
    }
}

/// The rest of one round of the character pattern of RFC 864, from byte `offset` of the endless stream: 95 lines of 72
/// characters, each line beginning one character later.
fn characters(offset: u64) -> Slice {
    static ROUND: LazyLock<Slice> = LazyLock::new(|| {
        let line = |first: u8| {
            let ring = (0..72).map(move |place| b' ' + (first + place) % 95);
            ring.chain(*b"\r\n")
        };
        Slice::from_bytes((0..95).flat_map(line).collect::<Vec<u8>>())
    });
    let start = (offset % u64::from(ROUND.len())) as u32;
    ROUND.slice(start..ROUND.len())
}

/// Characters in one datagram; RFC 864 allows 0 to 512.
const CHARACTERS_IN_DATAGRAM: u32 = 512;

/// What a slow reader takes at once: as much as it reads in this time.
const READ_EVERY: SimDuration = SimDuration::from_millis(10);

/// Bytes that wait to be sent back before no more are read.
const BACKLOG_MAX: u64 = 256 << 10;

/// Marks the filler of answers.
const ANSWERS: u32 = 1 << 31;
