//! One host: its protocols, its applications and its clock, between the network and the measurements.

use std::cell::RefCell;
use std::net::IpAddr;
use std::num::NonZeroU32;

use network::event::NetworkEvent as Event;
use network::network::Network;
use network::node::NodeId;
use network::observer::Observer;
use sim_core::engine::Alarm;
use sim_core::random::Streams;
use sim_core::{IdleHeap, SimTime};
use smallvec::SmallVec;
use transport::endpoint::NetworkEvent;
use transport::tally::Tally;
use transport::tcp::note::NoteKind;
use wire::account::FlowId;
use wire::ip::IpProtocol;

use crate::app::{App, Context, Demand};
use crate::clock::Clock;
use crate::flow::Flow;
use crate::output::Output;
use crate::reassembly::Reassembler;
use crate::stack::{Handle, Stack, StackEvent, Way};

/// One host.
#[derive(Debug)]
pub struct Host {
    pub(crate) node: NodeId,
    pub(crate) clock: Clock,
    pub(crate) stack: Stack,
    pub(crate) output: Output,
    rare: Option<Box<Rare>>,
    apps: SmallVec<[App; 1]>,
    alarm: Alarm,
    timers: IdleHeap<(SimTime, AppNumber)>,
}

/// What most hosts do without.
#[derive(Debug, Default)]
struct Rare {
    /// Fragments of packets.
    reassembler: Reassembler,
    /// What happened inside connections, where someone looks on.
    notes: Vec<(SimTime, NoteKind)>,
}

/// An application's number from one on, so that a timer of none takes no further memory.
type AppNumber = NonZeroU32;

/// What a host may use of the world around it.
pub(crate) struct Surroundings<'a, O: Observer> {
    pub(crate) network: &'a mut Network<O>,
    pub(crate) flows: &'a mut [Flow],
    pub(crate) streams: &'a Streams,
}

impl Host {
    /// The host of `node`, without applications.
    pub fn new(node: NodeId, clock: Clock, stack: Stack, output: Output) -> Self {
        Self {
            node,
            clock,
            stack,
            output,
            rare: None,
            apps: SmallVec::new(),
            alarm: Alarm::new(),
            timers: IdleHeap::new(),
        }
    }

    /// Adds an application and returns its number.
    pub fn add_app(&mut self, app: App) -> usize {
        self.apps.push(app);
        self.apps.len() - 1
    }

    /// The applications.
    pub fn apps(&self) -> &[App] {
        &self.apps
    }

    /// What happened inside the host's connections since the last call, where someone looks on.
    pub fn take_notes(&mut self) -> Vec<(SimTime, NoteKind)> {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.notes)).unwrap_or_default()
    }

    /// What puts fragments together.
    pub(crate) fn reassembler(&mut self) -> &mut Reassembler {
        &mut self.rare.get_or_insert_default().reassembler
    }

    /// The host's protocols.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The run is over: adds to the flows' measures what has held back the connections that are still there.
    pub(crate) fn note_limits(&self, end: SimTime, flows: &mut [Flow]) {
        let local = self.clock.local(end);
        for app in &self.apps {
            match app {
                App::Source(source) => source.note_limits(local, &self.stack, flows),
                App::Service(_) | App::Session(_) | App::Flood(_) => {}
            }
        }
    }

    /// Begins: at the start of the run, or after a reboot.
    pub(crate) fn start<O: Observer>(&mut self, around: &mut Surroundings<'_, O>) {
        if self.apps.iter().any(App::is_multihomed) {
            self.stack.set_addresses(around.network.addresses_of(self.node));
        }
        for index in 0..self.apps.len() {
            self.with_app(index, around, |app, context| app.start(context));
            for &group in self.apps[index].groups() {
                around.network.join(self.node, group);
            }
        }
        self.settle(around);
    }

    /// Forgets what a loss of power makes it forget; [`Self::start`] follows.
    pub(crate) fn lose_volatile_state(&mut self) {
        self.stack.reboot();
        if let Some(rare) = &mut self.rare {
            rare.reassembler = Reassembler::default();
        }
        self.timers.clear();
        self.alarm.disarm();
        for app in &mut self.apps {
            app.lose_volatile_state();
        }
    }

    /// Takes the node's wake-up event, unless it has been overtaken by an earlier one.
    pub(crate) fn on_wake<O: Observer>(&mut self, around: &mut Surroundings<'_, O>) {
        let now = around.network.now();
        if !self.alarm.on_event(now) {
            return;
        }
        self.stack.handle_timeout(self.clock.local(now));
        if let Some(rare) = &mut self.rare {
            rare.reassembler.expire(now, self.node, around.network);
        }
        while let Some(&(due, app)) = self.timers.peek() {
            if due > now {
                break;
            }
            self.timers.pop();
            let app = app.get() as usize - 1;
            if self.apps[app].next_timer(&self.clock).is_some_and(|next| next <= now) {
                self.with_app(app, around, |app, context| app.on_timer(context));
            } else {
                self.arm_app(app);
            }
        }
        self.settle(around);
    }

    /// Tells the protocols news of the network.
    pub(crate) fn on_network<O: Observer>(
        &mut self,
        around: &mut Surroundings<'_, O>,
        protocol: Option<IpProtocol>,
        event: &NetworkEvent,
    ) {
        let local = self.clock.local(around.network.now());
        self.stack.handle_network(local, protocol, event);
        // The address of an interface works as long as its link does.
        let (interface, lost) = match event {
            NetworkEvent::LinkUp(interface) => (interface, false),
            NetworkEvent::LinkDown(interface) => (interface, true),
            NetworkEvent::AddressAdded(..) | NetworkEvent::AddressRemoved(..) | NetworkEvent::Icmp { .. } => {
                return;
            }
        };
        let port = around.network.port_of(self.node, interface.0);
        let addresses = &around.network.port_info(port).addresses;
        let addresses: Vec<_> = addresses.iter().map(|prefix| prefix.address).collect();
        self.stack.on_addresses(local, &addresses, lost);
    }

    /// Says which addresses are for use only when nothing else is left, or for use again.
    pub(crate) fn set_backup<O: Observer>(
        &mut self,
        around: &Surroundings<'_, O>,
        addresses: &[IpAddr],
        backup: bool,
    ) {
        let local = self.clock.local(around.network.now());
        addresses.iter().for_each(|&address| self.stack.set_backup(local, address, backup));
    }

    /// Ends all connections at once.
    pub(crate) fn abort_all<O: Observer>(&mut self, around: &Surroundings<'_, O>) {
        self.stack.abort_all(self.clock.local(around.network.now()));
    }

    /// Passes events up and datagrams down until nothing is left to do, then arms the next wake-up.
    pub(crate) fn settle<O: Observer>(&mut self, around: &mut Surroundings<'_, O>) {
        let now = around.network.now();
        let local = self.clock.local(now);
        loop {
            while let Some((app, handle, event)) = self.stack.poll_event() {
                self.dispatch(app, handle, event, around);
            }
            if !self.stack.may_transmit() {
                break;
            }
            let place = around.network.vacancy();
            let envelope = self.stack.poll_transmit(local, around.network.packet_mut(place));
            let Some(envelope) = envelope else { break };
            if self.stack.has_computed() {
                let flow = around.network.packet_mut(place).account.flow;
                self.work_off(around, flow);
            }
            self.output.send(around.network, self.node, place, envelope);
        }
        if O::ENABLED {
            let clock = &self.clock;
            let notes = self.stack.drain_notes().into_iter().map(|note| (clock.global(note.at), note.kind));
            let mut notes = notes.peekable();
            if notes.peek().is_some() {
                self.rare.get_or_insert_default().notes.extend(notes);
            }
        }
        let stack = self.stack.poll_timeout().map(|due| self.clock.global(due));
        let apps = self.timers.peek().map(|&(due, _)| due);
        let fragments = self.rare.as_ref().and_then(|rare| rare.reassembler.next_timeout());
        let next = stack.into_iter().chain(apps).chain(fragments).min();
        // What is overdue, as after a reboot, is due now.
        if let Some(at) = self.alarm.arm(next.map(|next| next.max(now))) {
            around.network.schedule(at, self.node, Event::Wake(self.node));
        }
    }

    /// Lets the processor work on the cryptography that the protocols have done for a packet, before that is sent or read.
    #[cold]
    pub(crate) fn work_off<O: Observer>(&mut self, around: &mut Surroundings<'_, O>, flow: FlowId) {
        for work in self.stack.tallies().into_iter().flatten().flat_map(Tally::take) {
            around.network.encipher(self.node, flow, work);
        }
    }

    #[inline]
    fn dispatch<O: Observer>(
        &mut self,
        app: usize,
        handle: Handle,
        event: StackEvent,
        around: &mut Surroundings<'_, O>,
    ) {
        self.with_app(app, around, |app, context| app.on_event(context, handle, event));
    }

    fn with_app<O: Observer>(
        &mut self,
        index: usize,
        around: &mut Surroundings<'_, O>,
        act: impl FnOnce(&mut App, &mut Context<'_>),
    ) {
        let now = around.network.now();
        let way = self.way(index, around);
        let (node, network) = (self.node, &mut *around.network);
        let mtu = network.mtu(network.port_of(node, 0));
        // Both ways down are open to the application, one at a time.
        let network = RefCell::new(network);
        let mut source_for = |peer| network.borrow_mut().source_address(node, peer, None);
        let mut demand = |flow, demand| match demand {
            Demand::Sample => network.borrow_mut().sample(node, flow),
            Demand::Cryptography(work) => network.borrow_mut().encipher(node, flow, work),
        };
        let mut context = Context {
            now,
            local: self.clock.local(now),
            node: self.node,
            app: index,
            stack: &mut self.stack,
            flows: around.flows,
            streams: around.streams,
            way,
            source_for: &mut source_for,
            mtu,
            demand: &mut demand,
        };
        act(&mut self.apps[index], &mut context);
        self.arm_app(index);
    }

    /// How an application that has no connection would reach its peer: from the port which the flow names
    /// or the route leaves by (RFC 1122 §3.3.4.3, RFC 6724 rules 1 to 5).
    fn way<O: Observer>(&self, app: usize, around: &mut Surroundings<'_, O>) -> Option<Way> {
        let (flow, peer) = self.apps[app].seeks()?;
        let via = around.flows[flow.0 as usize].via;
        let address = around.network.source_address(self.node, peer, via)?;
        let port = around.network.owned_port(self.node, address)?;
        Some(Way { source: address, mtu: around.network.mtu(port) })
    }

    fn arm_app(&mut self, index: usize) {
        if let Some(next) = self.apps[index].next_timer(&self.clock)
            && let Some(number) = AppNumber::new(index as u32 + 1)
            && self.timers.peek() != Some(&(next, number))
        {
            self.timers.push((next, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::coap::CoapClient;

    #[test]
    fn what_thousands_of_sensors_each_have_stays_small() {
        let sizes = [size_of::<Host>(), size_of::<Flow>(), size_of::<CoapClient>()];
        // Each byte here is ten kilobytes of a run with 10,000 sensors (`docs/performance.md`).
        assert!(sizes.iter().zip([296, 288, 312]).all(|(size, most)| *size <= most), "{sizes:?} bytes");
    }
}
