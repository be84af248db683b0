//! A laboratory for networks without hosts: packets are put in by hand, and what reaches its destination is
//! kept.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of the laboratory")]

pub mod radio;

use std::net::IpAddr;

use network::address::Prefix;
use network::builder::{Names, NetworkBuilder, NodeKey, PortKey};
use network::drop_cause::DropCause;
use network::event::NetworkEvent as Event;
use network::forward::Ingress;
use network::network::Network;
use network::node::NodeId;
use network::observer::{Observer, Unobserved};
use network::port::PortId;
use sim_core::engine::Limits;
use sim_core::random::{RunSeed, Streams};
use sim_core::{DataRate, SimDuration, SimTime};
use wire::account::{Account, FlowId, Protocol, Reason, Run};
use wire::ip::{Ecn, IpProtocol};
use wire::packet::Packet;
use wire::payload::{Payload, Slice};
use wire::{ipv4, ipv6};

/// What one observer call said.
#[derive(Clone, Debug)]
pub enum Seen {
    Sent { at: SimTime, port: PortId, departs: SimTime, arrives: SimTime, bytes: Vec<u8> },
    Arrived { at: SimTime, port: PortId, bytes: Vec<u8> },
    Dropped { at: SimTime, node: NodeId, cause: DropCause, bytes: Vec<u8> },
}

/// Writes down everything.
#[derive(Debug, Default)]
pub struct Tap(pub Vec<Seen>);

impl Observer for Tap {
    const ENABLED: bool = true;

    fn on_sent(&mut self, at: SimTime, port: PortId, packet: &Packet, departs: SimTime, arrives: SimTime) {
        self.0.push(Seen::Sent { at, port, departs, arrives, bytes: packet.to_vec() });
    }

    fn on_arrived(&mut self, at: SimTime, port: PortId, packet: &Packet) {
        self.0.push(Seen::Arrived { at, port, bytes: packet.to_vec() });
    }

    fn on_dropped(
        &mut self,
        at: SimTime,
        node: NodeId,
        _: Option<PortId>,
        packet: &Packet,
        cause: DropCause,
    ) {
        self.0.push(Seen::Dropped { at, node, cause, bytes: packet.to_vec() });
    }
}

/// A packet that reached its destination.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub at: SimTime,
    pub node: NodeId,
    pub packet: Packet,
}

type Action<O> = Box<dyn FnOnce(&mut Network<O>)>;

/// A network, what is to be done to it, and what came of it.
pub struct Lab<O: Observer> {
    pub net: Network<O>,
    pub names: Names,
    pub delivered: Vec<Delivery>,
    actions: Vec<Option<Action<O>>>,
}

impl Lab<Unobserved> {
    pub fn new(builder: NetworkBuilder) -> Self {
        Self::observed(builder, 1, Unobserved)
    }
}

impl Lab<Tap> {
    pub fn tapped(builder: NetworkBuilder) -> Self {
        Self::observed(builder, 1, Tap::default())
    }
}

impl<O: Observer> Lab<O> {
    pub fn observed(builder: NetworkBuilder, seed: u64, observer: O) -> Self {
        let streams = streams(seed);
        // What never falls silent fails, before it has taken all memory.
        let limits = Limits { events: 5_000_000, ..Limits::default() };
        let (mut net, names) = builder.build(&streams, limits, observer).expect("a sound network");
        net.start_radios();
        Self { net, names, delivered: Vec::new(), actions: Vec::new() }
    }

    pub fn node(&self, key: NodeKey) -> NodeId {
        self.names.node(key)
    }

    pub fn port(&self, key: PortKey) -> PortId {
        self.names.port(key)
    }

    /// Does something to the network at a time.
    pub fn at(&mut self, time: SimTime, action: impl FnOnce(&mut Network<O>) + 'static) {
        let index = self.actions.len() as u32;
        self.actions.push(Some(Box::new(action)));
        self.net.schedule_global(time, Event::Fault(index));
    }

    /// Sends a packet at a time.
    pub fn send_at(&mut self, time: SimTime, from: NodeKey, packet: Packet) {
        let (node, to) = (self.node(from), destination(&packet));
        self.at(time, move |net| net.originate(node, packet, to, None));
    }

    /// Runs until nothing is pending.
    pub fn run(&mut self) {
        self.run_until(SimTime::MAX);
    }

    pub fn run_until(&mut self, end: SimTime) {
        self.net.scheduler.set_end(end);
        while let Some(event) = self.net.scheduler.next().expect("no limit is reached") {
            match Event::unpack(event.what) {
                Event::Arrival(node, id) => {
                    if let Ingress::Local(id) = self.net.on_arrival(node, id) {
                        let packet = self.net.deliver(id);
                        self.delivered.push(Delivery { at: self.net.now(), node, packet });
                    }
                }
                Event::Service(port) => self.net.on_service(port),
                Event::Neighbour(port) => self.net.on_neighbour_timer(port),
                Event::Entry(outlet, packet) => self.net.on_entry(outlet, packet),
                Event::Fault(index) => {
                    let action = self.actions[index as usize].take().expect("an action is done once");
                    action(&mut self.net);
                }
                Event::Radio(port, step, epoch) => self.net.on_radio(port, step, epoch),
                Event::Rpl(port) => self.net.on_rpl_timer(port),
                Event::Discovery(port) => self.net.on_discovery_timer(port),
                Event::Taken(node, id) => {
                    if let Ingress::Local(id) = self.net.on_taken(node, id) {
                        let packet = self.net.deliver(id);
                        self.delivered.push(Delivery { at: self.net.now(), node, packet });
                    }
                }
                Event::Written(node, id) => self.net.on_written(node, id),
                Event::Battery(node) => {
                    self.net.on_battery(node);
                }
                Event::Wake(_) | Event::Sample => {}
            }
        }
        assert!(self.net.packet_counts().balance(), "{:?}", self.net.packet_counts());
    }

    /// When packets reached `node`, in nanoseconds.
    pub fn times(&self, node: NodeKey) -> Vec<u64> {
        let node = self.node(node);
        self.delivered.iter().filter(|d| d.node == node).map(|d| d.at.as_nanos()).collect()
    }

    /// The packets that reached `node`.
    pub fn packets(&self, node: NodeKey) -> Vec<&Packet> {
        let node = self.node(node);
        self.delivered.iter().filter(|d| d.node == node).map(|d| &d.packet).collect()
    }

    /// Drops inside a node.
    pub fn node_drops(&self, node: NodeKey, cause: DropCause) -> u64 {
        self.net.node_drops(self.node(node)).get(cause)
    }

    /// Drops of a link direction.
    pub fn link_drops(&self, port: PortKey, cause: DropCause) -> u64 {
        self.net.direction_report(self.port(port)).drops.get(cause)
    }
}

pub fn streams(seed: u64) -> Streams {
    Streams::new(RunSeed::new(seed, 0))
}

pub fn ms(millis: u64) -> SimTime {
    SimTime::from_millis(millis)
}

pub fn us(micros: u64) -> SimTime {
    SimTime::from_micros(micros)
}

pub fn millis(millis: u64) -> SimDuration {
    SimDuration::from_millis(millis)
}

pub fn mbit(rate: u64) -> DataRate {
    DataRate::from_bits_per_second(rate * 1_000_000)
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// `"10.0.0.1/24"`.
pub fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').expect("an address and a length");
    Prefix { address: ip(address), length: length.parse().expect("a length") }
}

/// What a packet is addressed to.
pub fn destination(packet: &Packet) -> IpAddr {
    wire::ip_view::HeaderView::new(packet.header()).expect("an internet header").destination()
}

/// An internet packet of `len` bytes in all, of protocol 253 (experiments), on flow 0.
pub fn packet(from: &str, to: &str, len: usize) -> Packet {
    packet_with(from, to, len, 64, Ecn::NotEct)
}

pub fn packet_with(from: &str, to: &str, len: usize, hop_limit: u8, ecn: Ecn) -> Packet {
    let protocol = IpProtocol(253);
    match (ip(from), ip(to)) {
        (IpAddr::V4(source), IpAddr::V4(to)) => {
            let mut packet = body(len - ipv4::HEADER_LEN);
            let mut header = ipv4::Header::new(source, to, protocol, packet.len()).expect("it fits");
            (header.time_to_live, header.ecn) = (hop_limit, ecn);
            header.emit(packet.push_header(ipv4::HEADER_LEN));
            packet.account.push_header(Protocol::Ipv4, ipv4::HEADER_LEN);
            packet
        }
        (IpAddr::V6(source), IpAddr::V6(to)) => {
            let mut packet = body(len - ipv6::HEADER_LEN);
            let mut header = ipv6::Header::new(source, to, protocol, packet.len() as u16);
            (header.hop_limit, header.ecn) = (hop_limit, ecn);
            header.emit(packet.push_header(ipv6::HEADER_LEN));
            packet.account.push_header(Protocol::Ipv6, ipv6::HEADER_LEN);
            packet
        }
        _ => panic!("addresses of two families"),
    }
}

fn body(len: usize) -> Packet {
    let bytes = len as u32;
    let mut account = Account::new(FlowId::NONE, Reason::Data);
    account.runs.push(Run {
        bytes,
        flow: FlowId::NONE,
        message: 0,
        generated: SimTime::ZERO,
        protocol: Protocol::Application,
        reason: Reason::Data,
        last: true,
    });
    Packet::new(Payload::from(Slice::filler(0, 0, bytes)), account)
}

/// What an ICMP or ICMPv6 error says.
pub fn icmp_kind(packet: &Packet) -> Option<(u8, u8)> {
    let bytes = packet.to_vec();
    let view = wire::ip_view::HeaderView::new(&bytes).ok()?;
    let is_icmp = matches!(view.protocol(), IpProtocol::ICMP | IpProtocol::ICMPV6);
    is_icmp.then(|| (bytes[view.header_len()], bytes[view.header_len() + 1]))
}
