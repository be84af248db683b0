//! Series over time: queues, connections, power and batteries, looked at in regular steps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write};

use host::app::App;
use host::flow::Workload;
use host::sample::Sampler;
use host::stack::Handle;
use host::world::World;
use network::node::NodeId;
use network::observer::Observer;
use network::port::PortId;
use sim_core::electric::Energy;
use sim_core::{SimDuration, SimTime};
use transport::mptcp::{MptcpId, MptcpStats, SubflowStats};
use transport::sctp::PathStats;

/// Looks at queues and connections each so often.
#[derive(Debug)]
pub(crate) struct SeriesSampler {
    every: SimDuration,
    ports: Vec<(PortId, String)>,
    flows: Vec<usize>,
    /// Bytes acknowledged at the last look, by flow.
    acknowledged: BTreeMap<usize, u64>,
    /// Bytes given to each subflow at the last look, by flow and number.
    given: BTreeMap<(usize, usize), u64>,
    /// Nodes with hardware, and what each had drawn when it was last looked at.
    nodes: Vec<(NodeId, Energy)>,
    /// Nodes that are flooded with openings of connections.
    flooded: Vec<NodeId>,
    /// Lines of `series/RUN.csv` so far.
    pub(crate) lines: String,
    /// How often it has looked.
    pub(crate) samples: u64,
}

impl SeriesSampler {
    /// A sampler of `world`'s first links and flows.
    pub(crate) fn new<O: Observer>(every: SimDuration, world: &World<O>) -> Self {
        let links = world.network.links().iter().take(LINKS_MAX).enumerate();
        let ports = links.flat_map(|(number, link)| {
            let name = |port: PortId| world.network.node_name(world.network.port_info(port).node);
            let [a, b] = link.ends;
            let link = world.network.link_name(number);
            [(a, b), (b, a)].map(|(from, to)| (from, format!("{link}:{}>{}", name(from), name(to))))
        });
        let flows = world.flows.iter().enumerate().filter(|(_, flow)| flow.carrier.has_connections());
        let floods = world.flows.iter().filter(|flow| matches!(flow.workload, Workload::Flood { .. }));
        let flooded: BTreeSet<NodeId> = floods.flat_map(|flow| flow.to.iter().copied()).collect();
        let nodes = world.network.node_ids().filter(|&node| world.network.hardware(node).is_some());
        Self {
            every,
            ports: ports.collect(),
            flows: flows.map(|(index, _)| index).take(FLOWS_MAX).collect(),
            acknowledged: BTreeMap::new(),
            given: BTreeMap::new(),
            nodes: nodes.map(|node| (node, Energy::ZERO)).take(NODES_MAX).collect(),
            flooded: flooded.into_iter().take(NODES_MAX).collect(),
            lines: String::from(HEADER),
            samples: 0,
        }
    }

    fn line(&mut self, now: SimTime, entity: &str, series: &str, value: impl Display) {
        let quoted = crate::results::field(entity);
        writeln!(self.lines, "{},{quoted},{series},{value}", now.as_nanos())
            .expect("a string takes all that is written");
    }

    /// Each subflow is an entity, named after its two addresses.
    fn sample_subflows(&mut self, now: SimTime, flow: (usize, &str), stats: &MptcpStats) {
        let rate_of = |before: Option<u64>, total: u64, every: SimDuration| {
            // A flow that has connected again begins at zero.
            let bytes = total.checked_sub(before.unwrap_or(0)).unwrap_or(total);
            rate(bytes, every)
        };
        for (number, subflow) in stats.subflows.iter().enumerate() {
            let name = format!("{} via {} to {}", flow.1, subflow.local.ip(), subflow.remote.ip());
            let before = self.given.insert((flow.0, number), subflow.bytes_new);
            // A subflow that has followed another one on the same way says how that is.
            let same = |other: &SubflowStats| {
                (other.local.ip(), other.remote) == (subflow.local.ip(), subflow.remote)
            };
            if subflow.over && stats.subflows[number + 1..].iter().any(same) {
                continue;
            }
            self.line(now, &name, "sent_rate_bps", rate_of(before, subflow.bytes_new, self.every));
            if !subflow.over {
                self.line(now, &name, "cwnd_bytes", subflow.cwnd);
                if let Some(srtt) = subflow.srtt {
                    self.line(now, &name, "srtt_ns", srtt.as_nanos());
                }
            }
            self.line(now, &name, "sent_bytes", subflow.bytes_new);
            self.line(now, &name, "sent_again_bytes", subflow.bytes_again);
        }
    }

    fn sample_flow<O: Observer>(&mut self, world: &World<O>, flow: usize) {
        let now = world.network.now();
        let Some(host) = world.host(world.flows[flow].from) else { return };
        let source = host.apps().iter().find_map(|app| match app {
            App::Source(source) if source.flow().0 as usize == flow => source.handle(),
            App::Source(_) | App::Service(_) | App::Session(_) | App::Flood(_) => None,
        });
        let name = world.flows[flow].name.clone();
        let id = match source {
            Some(Handle::Tcp(id)) => id,
            Some(Handle::Sctp(id)) => {
                let paths = host.stack().sctp_endpoint().into_iter().flat_map(|sctp| sctp.path_stats(id));
                paths.for_each(|path| self.sample_path(now, &name, &path));
                let size = host.stack().sctp_endpoint().and_then(|sctp| sctp.path_mtu(id));
                size.into_iter().for_each(|(_, size)| self.line(now, &name, "path_mtu_bytes", size));
                return;
            }
            Some(Handle::Mptcp(id)) => {
                self.sample_multipath(world, flow, id);
                return;
            }
            Some(Handle::Udp(_)) | None => return,
        };
        let Some(stats) = host.stack().tcp_endpoint().and_then(|tcp| tcp.stats(id)) else { return };
        self.line(now, &name, "cwnd_bytes", stats.cwnd);
        if let Some(ssthresh) = stats.ssthresh {
            self.line(now, &name, "ssthresh_bytes", ssthresh);
        }
        if let Some(srtt) = stats.srtt {
            self.line(now, &name, "srtt_ns", srtt.as_nanos());
        }
        self.line(now, &name, "in_flight_bytes", stats.bytes_in_flight);
        self.line(now, &name, "peer_window_bytes", stats.peer_window);
        self.line(now, &name, "limited_by", stats.limited_by.number());
        self.line(now, &name, "tcp_state", u64::from(stats.state as u8));
        let total = stats.counters.bytes_acknowledged;
        let before = self.acknowledged.insert(flow, total).unwrap_or(0);
        self.line(now, &name, "delivery_rate_bps", rate(total.saturating_sub(before), self.every));
    }

    /// The subflows at the sender, and what waits for its turn at the receiver.
    fn sample_multipath<O: Observer>(&mut self, world: &World<O>, flow: usize, id: MptcpId) {
        let now = world.network.now();
        let endpoint = |node| world.host(node).and_then(|host| host.stack().mptcp_endpoint());
        let of_flow = &world.flows[flow];
        let Some(stats) = endpoint(of_flow.from).and_then(|mptcp| mptcp.stats(id)) else { return };
        let name = of_flow.name.clone();
        self.sample_subflows(now, (flow, &*name), &stats);
        let Some(first) = stats.subflows.first() else { return };
        let receiver = of_flow.to.first().and_then(|&node| endpoint(node));
        if let Some(waiting) = receiver.and_then(|mptcp| mptcp.waiting_between(first.remote, first.local)) {
            self.line(now, &name, "out_of_order_bytes", waiting);
        }
    }
}

impl SeriesSampler {
    /// Mean power since the last look; of a battery, what is left of its charge and the voltage that it gives.
    fn sample_node<O: Observer>(&mut self, world: &World<O>, index: usize) {
        let now = world.network.now();
        let (node, drawn_before) = self.nodes[index];
        let Some(hardware) = world.network.hardware(node) else { return };
        let then = hardware.device().forecast(now);
        let drawn = then.drawn;
        let name = world.network.node_name(node).to_owned();
        if now > SimTime::ZERO {
            let joules = drawn.as_joules_f64() - drawn_before.as_joules_f64();
            self.line(now, &name, "power_w", joules / (self.every.as_nanos() as f64 / 1e9));
        }
        self.nodes[index].1 = drawn;
        if let Some(battery) = then.battery {
            self.line(now, &name, "charge_fraction", battery.state_of_charge());
            let volts = battery.terminal_voltage_f64(then.current) / 1000.0;
            self.line(now, &name, "voltage_v", volts);
        }
    }

    /// What a server keeps of connections that are half open.
    fn sample_flooded<O: Observer>(&mut self, world: &World<O>, node: NodeId) {
        let Some(host) = world.host(node) else { return };
        let (now, name) = (world.network.now(), world.network.node_name(node).to_owned());
        let half_open = u64::from(host.stack().half_open().0);
        self.line(now, &name, "half_open", half_open);
        self.line(now, &name, "half_open_bytes", half_open * CONTROL_BLOCK_BYTES);
    }

    /// A path of an SCTP association, named by the peer's address.
    fn sample_path(&mut self, now: SimTime, flow: &str, path: &PathStats) {
        let name = format!("{flow} via {}", path.remote);
        self.line(now, &name, "cwnd_bytes", path.cwnd);
        if let Some(ssthresh) = path.ssthresh {
            self.line(now, &name, "ssthresh_bytes", ssthresh);
        }
        if let Some(srtt) = path.srtt {
            self.line(now, &name, "srtt_ns", srtt.as_nanos());
        }
        self.line(now, &name, "in_flight_bytes", path.in_flight);
        self.line(now, &name, "rto_ns", path.rto.as_nanos());
        self.line(now, &name, "path_errors", u64::from(path.errors));
    }
}

impl<O: Observer> Sampler<O> for SeriesSampler {
    fn first(&self) -> SimTime {
        SimTime::ZERO
    }

    fn sample(&mut self, world: &World<O>) -> Option<SimTime> {
        let now = world.network.now();
        self.samples += 1;
        for index in 0..self.ports.len() {
            let (port, name) = self.ports[index].clone();
            self.line(now, &name, "queue_packets", u64::from(world.network.queue_packets(port)));
        }
        for index in 0..self.flows.len() {
            self.sample_flow(world, self.flows[index]);
        }
        for index in 0..self.nodes.len() {
            self.sample_node(world, index);
        }
        for index in 0..self.flooded.len() {
            self.sample_flooded(world, self.flooded[index]);
        }
        now.checked_add(self.every)
    }
}

/// Bits a second.
fn rate(bytes: u64, every: SimDuration) -> u64 {
    let bits = u128::from(bytes) * 8_000_000_000;
    u64::try_from(bits / u128::from(every.as_nanos().max(1))).unwrap_or(u64::MAX)
}

/// What an operating system keeps of a connection at least: a Transmission Control Block "typically exceeds 280
/// bytes" (RFC 4987 §2.1).
const CONTROL_BLOCK_BYTES: u64 = 280;

/// Header of `series/RUN.csv`.
const HEADER: &str = "time_ns,entity,series,value\n";

/// Links that are looked at: the first ones of the scenario.
const LINKS_MAX: usize = 16;

/// Nodes with hardware that are looked at: the first ones of the scenario.
const NODES_MAX: usize = 16;

/// Flows that are looked at: the first ones of the scenario.
const FLOWS_MAX: usize = 32;
