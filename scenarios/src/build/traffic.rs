//! Flows and the applications at their ends.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use host::app::coap::CoapProxy;
use host::app::{App, Flood, Forged, Service, Session, Source, Task};
use host::flow::{Flow, FlowKind, FlowName, Workload};
use host::measure::{FlowMeasure, Window};
use host::stack::Carrier;
use host::workload::{Arrival, MessagePlan, Size, Span, Start};
use host::world::World;
use network::observer::Observer;
use session::coap::CoapConfig;
use sim_core::random::Streams;
use sim_core::{DataRate, SimDuration, SimTime};
use wire::account::FlowId;

use super::{Places, WorldError, carrier, host_on, is_of_family};
use crate::language::document::{self, SizeDistribution, TimeDistribution};
use crate::language::read_prefix;
use crate::language::scenario::{self, Destination, Endpoint, Scenario, Traffic};

/// The flows of a scenario, in its order.
pub(super) fn flows<O: Observer>(
    scenario: &Scenario,
    places: &Places,
    world: &World<O>,
) -> Result<Vec<Flow>, WorldError> {
    let window = Arc::new(window(scenario));
    let mut kinds: BTreeMap<(u32, bool), Arc<FlowKind>> = BTreeMap::new();
    let names = FlowName::all(scenario.flows.iter().map(|flow| scenario.flow_name(flow)));
    let mut flows = Vec::with_capacity(scenario.flows.len());
    for (flow, name) in scenario.flows.iter().zip(names) {
        let no_address = || WorldError::NoAddress(name.to_string());
        let states = carrier::asks_for_states(scenario, flow);
        let (to, address) = match flow.to {
            Destination::Multicast(group) => (members(scenario, places, group), group),
            Destination::Node(end) => {
                let address = address_of(scenario, places, world, end).ok_or_else(no_address)?;
                (vec![places.node(end.node)], address)
            }
        };
        let kind = match kinds.get(&(flow.traffic, states)) {
            Some(known) => Arc::clone(known),
            None => {
                let kind = kind(scenario, places, world, flow.traffic, states).ok_or_else(no_address)?;
                let kind = Arc::new(kind);
                kinds.insert((flow.traffic, states), Arc::clone(&kind));
                kind
            }
        };
        flows.push(Flow {
            from: places.node(flow.from.node),
            via: flow.from.interface.map(|interface| places.port(interface)),
            measure: FlowMeasure::new(Arc::clone(&window), to.len()),
            to: to.into(),
            address,
            kind,
            name,
        });
    }
    Ok(flows)
}

/// What the flows of an entry of the traffic have in common; `states` says whether the resource that they ask for, if they do,
/// changes by itself. `None` if they go by way of a proxy that has no address of the scenario's IP version.
fn kind<O: Observer>(
    scenario: &Scenario,
    places: &Places,
    world: &World<O>,
    traffic: u32,
    states: bool,
) -> Option<FlowKind> {
    let entry = &scenario.traffic[traffic as usize];
    let mut session = carrier::session(entry);
    if let (Some(own), Some(end)) = (&session, entry.proxy) {
        let proxy = address_of(scenario, places, world, end)?;
        let service = scenario.group_of(end.node).services.coap_proxy.as_ref();
        let port = service.and_then(|service| service.port).unwrap_or(wire::coap::PORT);
        let reverse = scenario.origins.contains_key(&end.node);
        session = Some(carrier::by_way_of(own, SocketAddr::new(proxy, port), reverse));
    }
    Some(FlowKind {
        port: port(entry, traffic),
        over: entry.stack.protocols().join("/").into(),
        carrier: carrier::carrier(entry),
        session,
        workload: workload(scenario, entry, states),
        protection: entry.protection.work(),
    })
}

/// Puts sources and services on the hosts of every flow, and the services that nodes offer by themselves.
pub(super) fn add_apps<O: Observer>(
    scenario: &Scenario,
    places: &Places,
    streams: &Streams,
    world: &mut World<O>,
) {
    for (index, flow) in scenario.flows.iter().enumerate() {
        let id = FlowId(index as u32);
        let sender = match &world.flows[index].session {
            Some(session) => App::Session(session.client(id, &world.flows[index], streams)),
            None => source(id, &world.flows[index], streams),
        };
        host_on(scenario, places, streams, world, flow.from.node).add_app(sender);
        let FlowKind { carrier, port, session, .. } = &*world.flows[index].kind;
        let entry = &scenario.traffic[flow.traffic as usize];
        let offer = Offer {
            carrier: carrier.clone(),
            port: *port,
            session: session.clone(),
            task: Task::Take,
            reader_rate: carrier::reader_rate(entry),
        };
        match flow.to {
            Destination::Node(end) => add_service(scenario, places, streams, world, end.node, &offer),
            Destination::Multicast(group) => {
                for node in group_nodes(scenario, group) {
                    add_service(scenario, places, streams, world, node, &offer);
                }
            }
        }
    }
    for number in 0..scenario.node_count() {
        let node = scenario::NodeId(number);
        let offered: Vec<_> = scenario.group_of(node).services.offered().collect();
        for (name, port) in offered {
            if name == "coap-proxy" {
                add_proxy(scenario, places, streams, world, node, port);
                continue;
            }
            let session = carrier::offered(name);
            let task = match name {
                "echo" => Task::Echo,
                "source" => Task::Generate,
                _ => Task::Take,
            };
            let settings = scenario.group_of(node).services.settings_of(name);
            let stream = if settings.multipath {
                Carrier::Mptcp(Arc::default())
            } else {
                carrier::tcp_service(settings.fast_open)
            };
            let mut carriers = vec![Carrier::Udp(Arc::default()), stream];
            if session.is_none() {
                carriers.push(carrier::sctp_service(settings.sctp_extensions));
            }
            for carrier in carriers {
                let offer = Offer { carrier, port, session: session.clone(), task, reader_rate: None };
                add_service(scenario, places, streams, world, node, &offer);
            }
        }
    }
}

/// The sending side of a flow without a session protocol.
fn source(id: FlowId, flow: &Flow, streams: &Streams) -> App {
    let flood = match &flow.workload {
        Workload::Flood { packets, from } => Flood::new(id, flow, packets, *from, streams),
        Workload::Messages(_)
        | Workload::Bulk { .. }
        | Workload::RequestResponse { .. }
        | Workload::Poll { .. } => None,
    };
    flood.map_or_else(
        || App::Source(Box::new(Source::new(id, flow, streams))),
        |flood| App::Flood(Box::new(flood)),
    )
}

fn add_proxy<O: Observer>(
    scenario: &Scenario,
    places: &Places,
    streams: &Streams,
    world: &mut World<O>,
    node: scenario::NodeId,
    port: u16,
) {
    let name = format!("{}:{port}", scenario.node_name(node));
    let origin = scenario.origins.get(&node).and_then(|&origin| {
        let address = address_of(scenario, places, world, origin)?;
        Some(SocketAddr::new(address, scenario.group_of(origin.node).services.coap_port()))
    });
    let proxy = CoapProxy::new(&name, port, Carrier::Udp(Arc::default()), CoapConfig::default(), origin);
    host_on(scenario, places, streams, world, node).add_app(App::Session(Box::new(proxy)));
}

/// What a host offers on a port.
struct Offer {
    carrier: Carrier,
    port: u16,
    /// The session protocol that it speaks, if it speaks one.
    session: Option<Session>,
    /// What it does with what it takes, unless a session protocol says so.
    task: Task,
    /// How fast it reads streams, if not at once.
    reader_rate: Option<DataRate>,
}

fn add_service<O: Observer>(
    scenario: &Scenario,
    places: &Places,
    streams: &Streams,
    world: &mut World<O>,
    node: scenario::NodeId,
    offer: &Offer,
) {
    if scenario.is_outside(node) {
        return; // Who listens there is not simulated.
    }
    let Offer { carrier, port, session, task, reader_rate } = offer;
    let (port, task) = (*port, *task);
    let name = format!("{}:{port}", scenario.node_name(node));
    let groups = scenario.group_of(node).multicast.clone();
    let host = host_on(scenario, places, streams, world, node);
    let known = host.apps().iter().any(|app| match app {
        App::Service(service) => service.serves(port, carrier),
        App::Session(session) => session.serves(port, carrier),
        App::Source(_) | App::Flood(_) => false,
    });
    if known {
        return;
    }
    if let Some(session) = session {
        let session = carrier::with_resources(session, &scenario.group_of(node).services);
        host.add_app(App::Session(session.server(&name, port, carrier.clone(), groups)));
        return;
    }
    let service = Service::new(&name, None, port, carrier.clone()).member_of(groups);
    host.add_app(App::Service(Box::new(service.doing(task).reading_at(*reader_rate))));
}

/// The part of a run that metrics look at.
fn window(scenario: &Scenario) -> Window {
    Window { from: scenario.warm_up.into(), to: scenario.duration.into() }
}

/// The port number of an entry of the traffic: the stated one, its session protocol's, or one of its own.
fn port(entry: &Traffic, number: u32) -> u16 {
    let usual = (entry.stack.session() == Some("coap")).then_some(wire::coap::PORT);
    entry.port.or(usual).unwrap_or_else(|| FIRST_PORT + (number % u32::from(PORTS)) as u16)
}

fn group_nodes(scenario: &Scenario, group: IpAddr) -> Vec<scenario::NodeId> {
    let nodes = (0..scenario.node_count()).map(scenario::NodeId);
    nodes.filter(|&node| scenario.group_of(node).multicast.contains(&group)).collect()
}

fn members(scenario: &Scenario, places: &Places, group: IpAddr) -> Vec<network::node::NodeId> {
    group_nodes(scenario, group).into_iter().map(|node| places.node(node)).collect()
}

/// The address that a receiver is reached at: of the interface that is named, or the first with one.
fn address_of<O: Observer>(
    scenario: &Scenario,
    places: &Places,
    world: &World<O>,
    end: Endpoint,
) -> Option<IpAddr> {
    let of_port = |port| {
        let addresses = &world.network.port_info(port).addresses;
        addresses.iter().map(|prefix| prefix.address).find(|&address| is_of_family(scenario, address))
    };
    match end.interface {
        Some(interface) => of_port(places.port(interface)),
        None => world.network.node_info(places.node(end.node)).port_ids().find_map(of_port),
    }
}

/// The workload of an entry; `states` says whether the resource that it asks for, if it does, changes by itself.
fn workload(scenario: &Scenario, entry: &Traffic, states: bool) -> Workload {
    use document::Workload as W;
    let end: SimTime = scenario.duration.into();
    let stop =
        |stop: Option<crate::language::Duration>| stop.map_or(end, |stop| SimTime::from(stop).min(end));
    let count = |messages: Option<u64>| messages.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    match &entry.workload {
        W::Periodic(w) => messages(MessagePlan {
            arrival: Arrival::Periodic { every: w.every.into(), jitter: w.jitter.into() },
            size: size(w.message),
            start: start(w.start, w.every.into()),
            stop: stop(w.stop),
            count: count(w.messages),
        }),
        W::Poisson(w) => messages(MessagePlan {
            arrival: Arrival::Poisson(w.every.into()),
            size: size(w.message),
            start: start(w.start, w.every.into()),
            stop: stop(w.stop),
            count: count(w.messages),
        }),
        W::OnOff(w) => messages(MessagePlan {
            arrival: Arrival::OnOff { every: w.every.into(), on: span(w.on), off: span(w.off) },
            size: size(w.message),
            start: start(w.start, SimDuration::from(w.on.mean()) + w.off.mean().into()),
            stop: stop(w.stop),
            count: count(w.messages),
        }),
        W::Trace(trace) => {
            let entries = trace.iter().map(|entry| (SimTime::from(entry.0), entry.1.as_bytes() as u32));
            messages(MessagePlan {
                arrival: Arrival::Trace(entries.collect()),
                size: Size::Constant(0),
                start: Start::At(SimTime::ZERO),
                stop: end,
                count: None,
            })
        }
        W::Bulk(w) => {
            let start = start(w.start, SimDuration::from_secs(1));
            let begin = match start {
                Start::At(time) | Start::Uniform(time, _) => time,
            };
            let until = w.time.map(|time| begin.saturating_add(time.into()));
            let stop = until.map_or(end, |until| until.min(end));
            Workload::Bulk { bytes: w.bytes.map(|bytes| bytes.as_bytes()), start, stop }
        }
        W::RequestResponse(w) => {
            let think = w.think.map_or(Span::Constant(SimDuration::ZERO), span);
            let (arrival, spread) = match w.every {
                Some(every) => {
                    (Arrival::Periodic { every: every.into(), jitter: SimDuration::ZERO }, every.into())
                }
                None => (
                    Arrival::AfterAnswer(think),
                    w.think.map_or(SimDuration::ZERO, |think| think.mean().into()),
                ),
            };
            Workload::RequestResponse {
                requests: Arc::new(MessagePlan {
                    arrival,
                    size: size(w.request),
                    start: start(w.start, spread),
                    stop: stop(w.stop),
                    count: count(w.messages),
                }),
                response: size(w.response),
                processing: Span::Constant(w.processing.into()),
            }
        }
        W::Poll(w) => {
            let every: Option<SimDuration> = w.every.map(Into::into);
            let arrival = every.map_or(Arrival::AfterAnswer(Span::Constant(SimDuration::ZERO)), |every| {
                Arrival::Periodic { every, jitter: SimDuration::ZERO }
            });
            let requests = MessagePlan {
                arrival,
                size: Size::Constant(0),
                start: start(w.start, every.unwrap_or_default()),
                stop: stop(w.stop),
                count: count(w.messages),
            };
            Workload::Poll { requests: Arc::new(requests), observe: false, states }
        }
        W::Observe(w) => {
            let requests = MessagePlan {
                arrival: Arrival::AfterAnswer(Span::Constant(SimDuration::ZERO)),
                size: Size::Constant(0),
                start: start(w.start, SimDuration::ZERO),
                // Without an end the observation goes on while messages are on their way, in the drain.
                stop: w.stop.map_or(SimTime::MAX, Into::into),
                count: Some(1),
            };
            Workload::Poll { requests: Arc::new(requests), observe: true, states: true }
        }
        W::Flood(w) => {
            let packets = MessagePlan {
                arrival: Arrival::Periodic { every: w.every.into(), jitter: SimDuration::ZERO },
                size: Size::Constant(0),
                start: start(w.start, w.every.into()),
                stop: stop(w.stop),
                count: count(w.packets),
            };
            let sources = read_prefix(&w.sources).expect("the resolver has read it");
            let packets = Arc::new(packets);
            Workload::Flood { packets, from: Forged { address: sources.ip, prefix: sources.prefix } }
        }
    }
}

fn messages(plan: MessagePlan) -> Workload {
    Workload::Messages(Arc::new(plan))
}

fn start(start: document::Start, spread: SimDuration) -> Start {
    match start {
        document::Start::At(time) => Start::At(time.into()),
        document::Start::Uniform => Start::Uniform(SimTime::ZERO, spread),
        document::Start::Within(span) => Start::Uniform(SimTime::ZERO, span.into()),
    }
}

fn size(size: SizeDistribution) -> Size {
    let bytes = |size: crate::language::Size| u32::try_from(size.as_bytes()).unwrap_or(u32::MAX);
    match size {
        SizeDistribution::Constant(size) => Size::Constant(bytes(size)),
        SizeDistribution::Uniform(sizes) => Size::Uniform(bytes(sizes.0), bytes(sizes.1)),
        SizeDistribution::Pareto(pareto) => {
            Size::Pareto { min: bytes(pareto.min), shape: pareto.shape, max: bytes(pareto.max) }
        }
    }
}

pub(super) fn span(time: TimeDistribution) -> Span {
    match time {
        TimeDistribution::Constant(time) => Span::Constant(time.into()),
        TimeDistribution::Exponential(mean) => Span::Exponential(mean.into()),
    }
}

/// Port numbers of traffic that states none: from 9000 on, one for each entry.
const FIRST_PORT: u16 = 9000;

/// So many of them.
const PORTS: u16 = 40_000;
