//! Applications: what generates messages, and what takes and answers them.

pub mod coap;
mod flood;
mod service;
mod session;
mod source;
mod supply;

use std::net::IpAddr;

use network::node::NodeId;
use sim_core::SimTime;
use sim_core::random::Streams;
use wire::account::{FlowId, Run};
use wire::cryptography::Work;

pub use flood::{Flood, Forged};
pub use service::{Service, Task};
pub use session::{Session, SessionApp};
pub use source::Source;

use crate::clock::Clock;
use crate::flow::Flow;
use crate::stack::{Handle, Stack, StackEvent, Way};

/// An application of a host.
#[derive(Debug)]
pub enum App {
    /// Sends what a flow's workload generates, and takes the answers.
    Source(Box<Source>),
    /// Takes what arrives on a port number, and answers requests.
    Service(Box<Service>),
    /// One end of a session protocol.
    Session(Box<dyn SessionApp>),
    /// Opens connections from invented addresses.
    Flood(Box<Flood>),
}

/// What an application may use while it handles something.
pub struct Context<'a> {
    /// The present, in global time: what latencies are measured in.
    pub now: SimTime,
    /// The present by the host's own clock: what protocols go by.
    pub local: SimTime,
    /// The host's node.
    pub node: NodeId,
    /// The application's number within its host.
    pub app: usize,
    /// The host's protocols.
    pub stack: &'a mut Stack,
    /// All flows of the run.
    pub flows: &'a mut [Flow],
    /// The run's random streams.
    pub streams: &'a Streams,
    /// How the host reaches the application's peer, where it is about to open a connection.
    pub way: Option<Way>,
    /// The host's address that a peer is reached from, for what no socket is bound to.
    pub source_for: &'a mut dyn FnMut(IpAddr) -> Option<IpAddr>,
    /// The largest packet that the host's first link takes.
    pub mtu: u16,
    /// What a flow asks of the node's parts; says when they are done with it.
    pub demand: &'a mut dyn FnMut(FlowId, Demand) -> SimTime,
}

/// What an application asks of the parts of its node. Without hardware it is done at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Demand {
    /// The sensors measure.
    Sample,
    /// The processor works on this.
    Cryptography(Work),
}

impl Context<'_> {
    /// When bytes of a flow's message can be read: after the processor has undone what protects them.
    pub(crate) fn readable_at(&mut self, run: &Run) -> SimTime {
        let flow = run.flow.index().and_then(|index| self.flows.get(index));
        match flow.and_then(|flow| flow.protection) {
            None => self.now,
            Some(protection) => {
                let work = protection.at_receiver(run.bytes, run.last);
                (self.demand)(run.flow, Demand::Cryptography(work))
            }
        }
    }
}

impl App {
    /// Begins: listens, or waits for its first message. Also after a reboot.
    pub fn start(&mut self, context: &mut Context<'_>) {
        match self {
            Self::Source(source) => source.start(context),
            Self::Service(service) => service.start(context),
            Self::Session(session) => session.start(context),
            Self::Flood(flood) => flood.skip_to(context.now),
        }
    }

    /// Takes an event of one of its connections or sockets.
    #[inline]
    pub fn on_event(&mut self, context: &mut Context<'_>, handle: Handle, event: StackEvent) {
        match self {
            Self::Source(source) => source.on_event(context, handle, event),
            Self::Service(service) => service.on_event(context, handle, event),
            Self::Session(session) => session.on_event(context, handle, event),
            Self::Flood(_) => {}
        }
    }

    /// Does what is due by now.
    pub fn on_timer(&mut self, context: &mut Context<'_>) {
        match self {
            Self::Source(source) => source.on_timer(context),
            Self::Service(service) => service.on_timer(context),
            Self::Session(session) => session.on_timer(context),
            Self::Flood(flood) => flood.on_timer(context),
        }
    }

    /// When [`Self::on_timer`] has something to do next, in global time, on a host with `clock`.
    #[inline]
    pub fn next_timer(&self, clock: &Clock) -> Option<SimTime> {
        match self {
            Self::Session(session) => {
                let protocol = session.next_protocol_timer().map(|local| clock.global(local));
                session.next_timer().into_iter().chain(protocol).min()
            }
            Self::Source(source) => source.next_timer(),
            Self::Service(service) => service.next_timer(),
            Self::Flood(flood) => flood.next_timer(),
        }
    }

    /// The flow and the address that it is about to open a socket or connection for, if it has none.
    #[inline]
    pub fn seeks(&self) -> Option<(FlowId, IpAddr)> {
        match self {
            Self::Source(source) => source.handle().is_none().then(|| (source.flow(), source.address())),
            Self::Service(_) | Self::Flood(_) => None,
            Self::Session(session) => session.seeks(),
        }
    }

    /// Whether it uses all addresses of its host.
    pub fn is_multihomed(&self) -> bool {
        match self {
            Self::Source(source) => source.is_multihomed(),
            Self::Service(service) => service.is_multihomed(),
            Self::Session(_) | Self::Flood(_) => false,
        }
    }

    /// The groups that it wants to be a member of.
    pub fn groups(&self) -> &[IpAddr] {
        match self {
            Self::Source(_) | Self::Flood(_) => &[],
            Self::Service(service) => service.groups(),
            Self::Session(session) => session.groups(),
        }
    }

    /// Forgets what a loss of power makes it forget.
    pub fn lose_volatile_state(&mut self) {
        match self {
            Self::Source(source) => source.lose_volatile_state(),
            Self::Service(service) => service.lose_volatile_state(),
            Self::Session(session) => session.lose_volatile_state(),
            Self::Flood(_) => {}
        }
    }
}
