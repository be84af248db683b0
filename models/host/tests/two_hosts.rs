//! Two hosts on one link: what arrives, when, and what it costs.

use std::net::IpAddr;
use std::sync::Arc;

use host::app::{App, Service, Source};
use host::clock::Clock;
use host::flow::{Flow, FlowKind, FlowName, Workload};
use host::host::Host;
use host::measure::{FlowMeasure, Window};
use host::output::Output;
use host::stack::{Carrier, Stack, UdpOptions};
use host::workload::{Arrival, MessagePlan, Size, Start};
use host::world::World;
use network::accounts::Accounts;
use network::address::Prefix;
use network::builder::NetworkBuilder;
use network::link::{Direction, LossConfig};
use network::node::NodeId;
use network::observer::Unobserved;
use network::port::Framing;
use sim_core::engine::Limits;
use sim_core::random::{RunSeed, Streams};
use sim_core::{DataRate, Probability, SimDuration, SimTime};
use transport::tcp::TcpConfig;
use wire::account::FlowId;

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn perfect() -> Direction {
    let mut direction =
        Direction::new(DataRate::from_bits_per_second(8_000_000), SimDuration::from_millis(10));
    direction.framing = Framing::None;
    direction
}

/// A world of two hosts `a` and `b` with one flow from the first to the second.
fn world(carrier: Carrier, workload: Workload, direction: Direction, seed: u64) -> World<Unobserved> {
    let streams = Streams::new(RunSeed::new(seed, 0));
    let mut builder = NetworkBuilder::new();
    let (a, b) = (builder.add_node("a", false), builder.add_node("b", false));
    let net = |text| Prefix { address: address(text), length: 30 };
    let ends =
        [builder.add_port(a, "eth0", &[net("10.0.0.1")]), builder.add_port(b, "eth0", &[net("10.0.0.2")])];
    builder.connect("a-b", ends, direction.clone(), direction);
    let (mut network, names) =
        builder.build(&streams, Limits::default(), Unobserved).expect("two hosts on a link");
    let (a, b) = (names.node(a), names.node(b));
    network.accounts = Accounts::new(vec![a]);
    network.set_accounted(a);
    let window = Window { from: SimTime::ZERO, to: SimTime::from_secs(10) };
    let kind = FlowKind {
        protection: None,
        port: 9000,
        over: "udp".into(),
        carrier: carrier.clone(),
        session: None,
        workload,
    };
    let flow = Flow {
        name: FlowName::all(["a>b"]).remove(0),
        kind: kind.into(),
        from: a,
        via: None,
        to: vec![b].into(),
        address: address("10.0.0.2"),
        measure: FlowMeasure::new(window, 1),
    };
    let mut world = World::new(network, streams);
    let host = |node: NodeId, name: &str| {
        let stack = Stack::new(&streams, name, false);
        Host::new(node, Clock::default(), stack, Output::new(64, false, 0))
    };
    let mut sender = host(a, "a");
    sender.add_app(App::Source(Box::new(Source::new(FlowId(0), &flow, &streams))));
    let mut receiver = host(b, "b");
    receiver.add_app(App::Service(Box::new(Service::new("b:9000", None, 9000, carrier))));
    world.flows.push(flow);
    world.add_host(sender);
    world.add_host(receiver);
    world
}

fn plan(bytes: u32, every: SimDuration) -> Arc<MessagePlan> {
    Arc::new(MessagePlan {
        arrival: Arrival::Periodic { every, jitter: SimDuration::ZERO },
        size: Size::Constant(bytes),
        start: Start::At(SimTime::ZERO),
        stop: SimTime::from_secs(10),
        count: None,
    })
}

fn udp() -> Carrier {
    Carrier::Udp(Arc::new(UdpOptions::default()))
}

fn tcp() -> Carrier {
    Carrier::Tcp(Arc::new(TcpConfig::default()))
}

#[test]
fn a_datagram_takes_its_transmission_and_propagation_time() {
    let mut world = world(udp(), Workload::Messages(plan(972, SimDuration::from_secs(1))), perfect(), 1);
    world.run(SimTime::from_secs(20)).unwrap();
    let measure = &world.flows[0].measure;
    assert_eq!((measure.generated, measure.delivered), (10, 10));
    // 972 + 8 + 20 = 1,000 bytes at 8 Mbit/s: 1 ms, and 10 ms of propagation.
    assert!(measure.latencies.iter().all(|latency| latency == SimDuration::from_millis(11)));
    let account = world.network.accounts.flow(FlowId(0));
    assert_eq!((account.bytes(), account.frames, account.hop_bytes), (10_000, 10, 10_000));
    let lines: Vec<_> =
        account.sorted_lines().iter().map(|line| (line.protocol.name(), line.bytes)).collect();
    assert_eq!(lines, [("ipv4", 200), ("udp", 80), ("data", 9720)]);
}

#[test]
fn messages_over_tcp_arrive_in_order_and_whole_under_loss() {
    let mut direction = perfect();
    direction.loss = LossConfig::Independent(Probability::from_f64(0.05).unwrap());
    let mut world = world(tcp(), Workload::Messages(plan(500, SimDuration::from_millis(20))), direction, 3);
    world.run(SimTime::from_secs(60)).unwrap();
    let measure = &world.flows[0].measure;
    assert_eq!((measure.generated, measure.delivered, measure.duplicates), (500, 500, 0));
    assert_eq!(measure.application_bytes, 250_000);
    assert!(world.network.accounts.flow(FlowId(0)).retransmission_bytes > 0);
}

#[test]
fn a_bulk_transfer_fills_the_link_and_no_more() {
    let bulk = Workload::Bulk {
        bytes: Some(2_000_000),
        start: Start::At(SimTime::ZERO),
        stop: SimTime::from_secs(10),
    };
    let mut world = world(tcp(), bulk, perfect(), 1);
    world.run(SimTime::from_secs(20)).unwrap();
    let measure = &world.flows[0].measure;
    assert_eq!(measure.application_bytes, 2_000_000);
    assert!(measure.complete);
    let goodput = measure.goodput_bps().unwrap();
    assert!((6e6..8e6).contains(&goodput), "{goodput} bit/s on a link of 8 Mbit/s");
}

#[test]
fn the_same_seed_gives_the_same_digest_and_another_one_does_not() {
    let digest = |seed| {
        let mut direction = perfect();
        direction.loss = LossConfig::Independent(Probability::from_f64(0.05).unwrap());
        let mut world =
            world(tcp(), Workload::Messages(plan(500, SimDuration::from_millis(20))), direction, seed);
        world.run(SimTime::from_secs(60)).unwrap();
        world.network.digest()
    };
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

#[test]
fn large_datagrams_are_cut_and_put_together_again() {
    let mut world = world(udp(), Workload::Messages(plan(5000, SimDuration::from_secs(1))), perfect(), 1);
    world.run(SimTime::from_secs(20)).unwrap();
    let measure = &world.flows[0].measure;
    assert_eq!((measure.generated, measure.delivered), (10, 10));
    assert_eq!(measure.application_bytes, 50_000);
    // 5,008 bytes in fragments of 1,480: four of them, each with a header of 20 bytes.
    assert_eq!(world.network.accounts.flow(FlowId(0)).bytes(), 10 * (5008 + 4 * 20));
}
