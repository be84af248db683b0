//! The world of one run: the network, the hosts on it, the flows between them, and time.

use network::event::NetworkEvent as Event;
use network::forward::Ingress;
use network::network::Network;
use network::node::NodeId;
use network::observer::Observer;
use sim_core::SimTime;
use sim_core::engine::LimitExceeded;
use sim_core::random::Streams;
use transport::mptcp::MptcpTotals;
use wire::account::FlowId;

use crate::app::App;
use crate::fault::Fault;
use crate::flow::Flow;
use crate::host::{Host, Surroundings};
use crate::sample::Sampler;
use crate::stack::Carrier;

/// The world of one run.
#[derive(Debug)]
pub struct World<O: Observer> {
    /// Nodes, links, packets and the clock.
    pub network: Network<O>,
    /// The flows, by [`wire::account::FlowId`].
    pub flows: Vec<Flow>,
    pub(crate) hosts: Vec<Option<Box<Host>>>,
    pub(crate) streams: Streams,
    pub(crate) faults: Vec<Fault>,
}

impl<O: Observer> World<O> {
    /// A world without hosts on `network`.
    pub fn new(network: Network<O>, streams: Streams) -> Self {
        let hosts = network.node_ids().map(|_| None).collect();
        Self { network, flows: Vec::new(), hosts, streams, faults: Vec::new() }
    }

    /// Puts a host on its node.
    pub fn add_host(&mut self, host: Host) {
        let index = host.node.index();
        self.hosts[index] = Some(Box::new(host));
    }

    /// The host of a node, if it has one.
    pub fn host(&self, node: NodeId) -> Option<&Host> {
        self.hosts[node.index()].as_deref()
    }

    /// The host of a node, to be set up.
    pub fn host_mut(&mut self, node: NodeId) -> Option<&mut Host> {
        self.hosts[node.index()].as_deref_mut()
    }

    /// Runs until nothing is left to do or `end` has come. Nothing comes in from outside.
    ///
    /// # Errors
    ///
    /// When a limit on events, simulated time or memory is reached.
    pub fn run(&mut self, end: SimTime) -> Result<(), LimitExceeded> {
        self.run_sampled(end, None)
    }

    /// The same, with someone who looks at the world at times of its own.
    ///
    /// # Errors
    ///
    /// When a limit on events, simulated time or memory is reached.
    pub fn run_sampled(
        &mut self,
        end: SimTime,
        mut sampler: Option<&mut dyn Sampler<O>>,
    ) -> Result<(), LimitExceeded> {
        self.begin(end, sampler.as_deref());
        self.handle_due(&mut sampler)?;
        self.settle_accounts(end);
        Ok(())
    }

    /// Handles all that is due until the end that the scheduler knows.
    pub(crate) fn handle_due(
        &mut self,
        sampler: &mut Option<&mut dyn Sampler<O>>,
    ) -> Result<(), LimitExceeded> {
        let mut until_check = EVENTS_BETWEEN_CHECKS;
        while let Some(event) = self.network.scheduler.next()? {
            match Event::unpack(event.what) {
                Event::Arrival(node, packet) => {
                    if let Ingress::Local(packet) = self.network.on_arrival(node, packet) {
                        self.receive(node, packet);
                    }
                }
                Event::Sample => {
                    self.network.tell_radios();
                    if let Some(next) = sampler.as_mut().and_then(|sampler| sampler.sample(self)) {
                        self.network.schedule_global(next, Event::Sample);
                    }
                }
                other => self.handle(other),
            }
            until_check -= 1;
            if until_check == 0 {
                until_check = EVENTS_BETWEEN_CHECKS;
                self.network.scheduler.check_memory(self.network.memory_bytes())?;
            }
        }
        Ok(())
    }

    pub(crate) fn begin(&mut self, end: SimTime, sampler: Option<&dyn Sampler<O>>) {
        self.network.scheduler.set_end(end);
        for (index, fault) in self.faults.iter().enumerate() {
            self.network.schedule_global(fault.at, Event::Fault(index as u32));
        }
        self.network.watch_batteries();
        self.network.start_discovery();
        self.network.start_rpl();
        for node in self.network.node_ids() {
            self.with_host(node, |host, around| host.start(around));
        }
        if let Some(sampler) = sampler {
            self.network.schedule_global(sampler.first(), Event::Sample);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Arrival(..) | Event::Sample => unreachable!("the loop has handled these itself"),
            Event::Wake(node) => {
                if self.network.is_node_up(node) {
                    self.with_host(node, |host, around| host.on_wake(around));
                }
            }
            Event::Service(port) => self.network.on_service(port),
            Event::Neighbour(port) => self.network.on_neighbour_timer(port),
            Event::Radio(port, step, epoch) => self.network.on_radio(port, step, epoch),
            Event::Fault(index) => self.apply_fault(index as usize),
            Event::Entry(outlet, packet) => self.network.on_entry(outlet, packet),
            Event::Taken(node, packet) => {
                if let Ingress::Local(packet) = self.network.on_taken(node, packet) {
                    self.receive(node, packet);
                }
            }
            Event::Written(node, packet) => self.network.on_written(node, packet),
            Event::Battery(node) => self.on_battery(node),
            Event::Rpl(port) => self.network.on_rpl_timer(port),
            Event::Discovery(port) => self.network.on_discovery_timer(port),
        }
    }

    /// Lets a host act on its surroundings.
    #[inline]
    pub(crate) fn with_host(&mut self, node: NodeId, act: impl FnOnce(&mut Host, &mut Surroundings<'_, O>)) {
        if let Some(host) = &mut self.hosts[node.index()] {
            let mut around =
                Surroundings { network: &mut self.network, flows: &mut self.flows, streams: &self.streams };
            act(host, &mut around);
        }
    }

    /// Closes the energy accounts of a run that ended at `end`, and folds what was measured into the digest, each flow
    /// into its sender's part.
    pub(crate) fn settle_accounts(&mut self, end: SimTime) {
        self.network.close_energy_accounts(end);
        self.settle_multipath();
        for host in self.hosts.iter().flatten() {
            host.note_limits(end, &mut self.flows);
        }
        for (index, flow) in self.flows.iter().enumerate() {
            let account = self.network.accounts.flow(FlowId(index as u32)).clone();
            for value in [flow.measure.generated, flow.measure.delivered, flow.measure.application_bytes] {
                self.network.fold_into_digest(flow.from, value);
            }
            for line in account.sorted_lines() {
                self.network.fold_into_digest(flow.from, line.bytes);
                self.network.fold_into_digest(flow.from, line.frames);
            }
            for latency in flow.measure.latencies.iter() {
                self.network.fold_into_digest(flow.from, latency.as_nanos());
            }
        }
        assert!(
            self.network.packet_counts().balance(),
            "packets are conserved: {:?}",
            self.network.packet_counts()
        );
    }
}

impl<O: Observer> World<O> {
    /// Puts what the session protocols did at the senders' ends of the flows to what is measured of them; the run is over.
    pub fn collect_session_counts(&mut self) {
        for app in self.hosts.iter().flatten().flat_map(|host| host.apps()) {
            let App::Session(session) = app else { continue };
            if let Some((flow, counts)) = session.sender_counts()
                && let Some(flow) = self.flows.get_mut(flow.0 as usize)
            {
                flow.measure.session.sender = Some(Box::new(counts));
            }
        }
    }

    /// Puts what Multipath TCP did for each of its flows, at both ends, to what is measured of them.
    fn settle_multipath(&mut self) {
        for flow in self.flows.iter_mut().filter(|flow| matches!(flow.carrier, Carrier::Mptcp(_))) {
            flow.measure.connections.get_or_insert_default().multipath = Some(MptcpTotals::default());
        }
        for mptcp in self.hosts.iter().flatten().filter_map(|host| host.stack().mptcp_endpoint()) {
            for (flow, totals) in mptcp.totals() {
                let flow = self.flows.get_mut(flow.0 as usize);
                let connections = flow.and_then(|flow| flow.measure.connections.as_mut());
                if let Some(sum) = connections.and_then(|connections| connections.multipath.as_mut()) {
                    sum.add(&totals);
                }
            }
        }
    }
}

const EVENTS_BETWEEN_CHECKS: u32 = 1 << 16;
