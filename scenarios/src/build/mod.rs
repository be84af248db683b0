//! From a resolved scenario to a world that can run.

pub(crate) mod address;
mod carrier;
mod fault;
mod hardware;
mod link;
mod place;
pub(crate) mod radio;
mod registration;
mod rpl;
mod traffic;

use std::net::IpAddr;

use host::clock::Deviation;
use host::host::Host;
use host::output::Output;
use host::stack::Stack;
use host::world::World;
use network::accounts::Accounts;
use network::address::Prefix;
use network::builder::{BuildError, Names, NetworkBuilder, NodeKey, PortKey};
use network::node::NodeId;
use network::observer::Observer;
use network::port::PortId;
use sim_core::SimDuration;
use sim_core::engine::Limits;
use sim_core::random::Streams;

use crate::language::document::{Forwarding, IpVersion};
use crate::language::scenario::{self, Attachment, NextHop, RouteTarget, Scenario};
use crate::language::{Files, Fraction};

/// Where the parts of a scenario are in its world.
#[derive(Debug)]
pub(crate) struct Places {
    names: Names,
    nodes: Vec<NodeKey>,
    ports: Vec<PortKey>,
}

impl Places {
    /// The node of the scenario's number.
    pub(crate) fn node(&self, node: scenario::NodeId) -> NodeId {
        self.names.node(self.nodes[node.0 as usize])
    }

    /// The port of the scenario's interface.
    pub(crate) fn port(&self, interface: scenario::InterfaceId) -> PortId {
        self.names.port(self.ports[interface.0 as usize])
    }
}

/// Why a scenario that passed every check cannot be built.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WorldError {
    /// The network's.
    #[error(transparent)]
    Network(#[from] BuildError),
    /// A link's trace file.
    #[error("the rate trace of a link: {0}")]
    Trace(String),
    /// Too many links or stations for the private networks of RFC 1918.
    #[error("no private IPv4 network is left for the links: use \"ip\": \"v6\"")]
    NoAddressLeft,
    /// A sender and a receiver without addresses of one family.
    #[error("flow {0}: its receiver has no address of the scenario's IP version")]
    NoAddress(String),
    /// A fault that sets what the model refuses.
    #[error("a fault at {at}: {error}")]
    Fault {
        /// When it would happen.
        at: sim_core::SimTime,
        /// What is wrong with it.
        error: String,
    },
}

/// Builds the world of `scenario` for the random streams of one run.
pub(crate) fn build<O: Observer>(
    scenario: &Scenario,
    streams: &Streams,
    files: &dyn Files,
    observer: O,
) -> Result<World<O>, WorldError> {
    let nodes = scenario.node_count() as usize;
    let mut builder = NetworkBuilder::with_capacity(nodes, scenario.interfaces.len(), scenario.links.len());
    let nodes = add_nodes(scenario, &mut builder);
    let mut ports = Vec::with_capacity(scenario.interfaces.len());
    let assigned = address::assign(scenario)?;
    for (index, addresses) in assigned.iter().enumerate() {
        let interface = scenario::InterfaceId(index as u32);
        let node = nodes[scenario.interface(interface).node.0 as usize];
        let port = builder.add_port(node, &scenario.interface_name(interface), addresses);
        if scenario.outlets.iter().any(|outlet| outlet.interface == interface) {
            addresses.iter().for_each(|&prefix| builder.add_outside(prefix, port));
        }
        ports.push(port);
    }
    link::connect(scenario, &mut builder, &ports, files)?;
    link::add_segments(scenario, &mut builder, &ports)?;
    radio::add_media(scenario, &mut builder, &ports, &assigned, streams);
    // The builder has its own by now, and laying out the network is when a large one takes most memory.
    drop(assigned);
    add_routes(scenario, &mut builder, &nodes, &ports);
    let limits = Limits {
        events: scenario.limits.events,
        time: scenario.limits.time.into(),
        memory_bytes: scenario.limits.memory.as_bytes(),
    };
    let (network, names) = builder.build(streams, limits, observer)?;
    let places = Places { names, nodes, ports };
    let mut world = World::new(network, *streams);
    for outlet in &scenario.outlets {
        world.network.add_outlet(places.port(outlet.interface));
    }
    for number in (0..scenario.node_count()).map(scenario::NodeId) {
        let reports = scenario.group_of(number).icmp_errors;
        world.network.set_reports_errors(places.node(number), reports);
    }
    hardware::add(scenario, &places, &mut world);
    world.network.start_radios();
    world.flows = traffic::flows(scenario, &places, &world)?;
    let senders: Vec<NodeId> = world.flows.iter().map(|flow| flow.from).collect();
    for &sender in &senders {
        world.network.set_accounted(sender);
    }
    if !scenario.media.is_empty() {
        // Address resolution serves no flow: its frames are counted wherever they are sent.
        world.network.node_ids().for_each(|node| world.network.set_accounted(node));
    }
    world.network.accounts = Accounts::new(senders);
    traffic::add_apps(scenario, &places, streams, &mut world);
    let faults = fault::timetable(scenario, &places, &world)?;
    world.set_faults(faults);
    Ok(world)
}

fn add_nodes(scenario: &Scenario, builder: &mut NetworkBuilder) -> Vec<NodeKey> {
    let forwards = forwarding_nodes(scenario);
    (0..scenario.node_count())
        .map(|number| {
            let node = scenario::NodeId(number);
            let forwards = forwards[number as usize];
            builder.add_node(&scenario.node_name(node), forwards)
        })
        .collect()
}

/// Which nodes pass on packets of others.
fn forwarding_nodes(scenario: &Scenario) -> Vec<bool> {
    let talks = talking_nodes(scenario).into_iter();
    let forwards = (0..).map(scenario::NodeId).zip(talks).map(|(node, talks)| {
        let group = scenario.group_of(node);
        match group.forwarding {
            _ if scenario.is_outside(node) => false,
            Forwarding::On => true,
            Forwarding::Off => false,
            Forwarding::Auto => {
                let several = scenario.interfaces_of(node).nth(1).is_some();
                several && (group.interface_names.is_empty() || !talks)
            }
        }
    });
    forwards.collect()
}

/// The nodes that flows begin or end at: one that has named interfaces passes nothing on unless told to.
fn talking_nodes(scenario: &Scenario) -> Vec<bool> {
    let mut talks = vec![false; scenario.node_count() as usize];
    for flow in &scenario.flows {
        talks[flow.from.node.0 as usize] = true;
        talks[flow.to_node().0 as usize] = true;
    }
    talks
}

fn add_routes(scenario: &Scenario, builder: &mut NetworkBuilder, nodes: &[NodeKey], ports: &[PortKey]) {
    for route in &scenario.routes {
        let Some((own, via)) = outlet(scenario, route.node, route.via) else { continue };
        let prefixes: Vec<Prefix> = match route.to {
            RouteTarget::Prefix(address) => vec![Prefix { address: address.ip, length: address.prefix }],
            RouteTarget::Node(node) => scenario
                .interfaces_of(node)
                .flat_map(|(interface, _)| scenario.addresses_of(interface))
                .map(|address| Prefix {
                    address: address.ip,
                    length: if address.ip.is_ipv4() { 32 } else { 128 },
                })
                .collect(),
        };
        for prefix in prefixes {
            let via = via.map(|via| ports[via.0 as usize]);
            builder.add_route(nodes[route.node.0 as usize], prefix, ports[own.0 as usize], via);
        }
    }
}

/// The interface of `node` that leads to the next hop, and the next hop's own on a shared segment.
fn outlet(
    scenario: &Scenario,
    node: scenario::NodeId,
    via: NextHop,
) -> Option<(scenario::InterfaceId, Option<scenario::InterfaceId>)> {
    match via {
        NextHop::Interface(interface) => Some((interface, None)),
        NextHop::Node(next) => scenario.interfaces_of(node).find_map(|(own, interface)| {
            let other =
                scenario.interfaces_of(next).find(|(_, other)| match (interface.attached, other.attached) {
                    (Attachment::Link(a, _), Attachment::Link(b, _)) => a == b,
                    (Attachment::Medium(a), Attachment::Medium(b)) => a == b,
                    _ => false,
                });
            other.map(|(other, _)| (own, Some(other)))
        }),
    }
}

/// Puts a host on a node that has none yet.
pub(crate) fn host_on<'a, O: Observer>(
    scenario: &Scenario,
    places: &Places,
    streams: &Streams,
    world: &'a mut World<O>,
    node: scenario::NodeId,
) -> &'a mut Host {
    let id = places.node(node);
    if world.host(id).is_none() {
        let group = scenario.group_of(node);
        let name = scenario.node_name(node);
        let offset = group.clock.offset.as_nanos();
        let deviation = Deviation {
            offset: SimDuration::from_nanos(offset.unsigned_abs()),
            behind: offset < 0,
            drift_ppb: i32::try_from(group.clock.drift.as_parts_per_billion()).unwrap_or_default(),
        };
        let info = world.network.node_info(id);
        let by_source = info.ports > 1 && !world.network.forwards(id);
        let identification = streams.counter(&name, host::purpose::TRANSPORT).draw(0) as u16;
        let output = Output::new(group.hop_limit, by_source, identification);
        world.add_host(Host::new(id, deviation.into(), Stack::new(streams, &name, O::ENABLED), output));
    }
    world.host_mut(id).expect("the host was just put there")
}

/// Whether `address` is of the family that the scenario's flows use.
pub(crate) fn is_of_family(scenario: &Scenario, address: IpAddr) -> bool {
    match scenario.ip {
        IpVersion::V4 | IpVersion::Dual => address.is_ipv4(),
        IpVersion::V6 => address.is_ipv6(),
    }
}

/// A share as the engine's probability.
pub(crate) fn probability(share: Fraction) -> sim_core::Probability {
    share.into()
}
