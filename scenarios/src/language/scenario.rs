//! A scenario with every name replaced by a number: what the builder of a run reads.
//!
//! Large groups are kept small: a node has no record of its own, a link has its settings in a shared profile,
//! and names are made when they are asked for.

mod hardware;
mod id;
mod movement;
mod outlet;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::document::{
    Clock, DirectionSettings, EthernetSegment, FaultChange, Forwarding, Framing, IpVersion, Place,
    Protection, ProtocolOptions, RadioSettings, Services, Workload,
};
use super::quantity::{Decibels, Duration, Size};
use super::stack::Stack;
pub use hardware::{BatteryStart, NodeHardware};
pub use id::{InterfaceId, LinkId, MediumId, NodeId};
pub use movement::{Level, Movement, OwnRadio, TracedLevel};
pub use outlet::{Binding, Carrier, Joint, Outlet, Side};

/// One point of a sweep, complete and free of contradictions.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The name of the scenario.
    pub name: String,
    /// How long workloads generate messages.
    pub duration: Duration,
    /// How long the run goes on afterwards.
    pub drain: Duration,
    /// Messages generated before this do not count.
    pub warm_up: Duration,
    /// The versions of IP.
    pub ip: IpVersion,
    /// Nodes in groups; a node alone is a group of one.
    pub groups: Vec<NodeGroup>,
    /// All interfaces, those of one node one after the other.
    pub interfaces: Vec<Interface>,
    /// The addresses that the file gives to interfaces; those of all others are chosen.
    pub addresses: BTreeMap<InterfaceId, Box<[Address]>>,
    /// Shared media.
    pub media: Vec<Medium>,
    /// All links.
    pub links: Vec<Link>,
    /// What links have in common.
    pub profiles: Vec<LinkProfile>,
    /// The interfaces that are joined to the outside, in their order.
    pub outlets: Vec<Outlet>,
    /// The servers that CoAP's reverse proxies stand in front of.
    pub origins: BTreeMap<NodeId, Endpoint>,
    /// Routes that are not the shortest path.
    pub routes: Vec<Route>,
    /// Entries of traffic.
    pub traffic: Vec<Traffic>,
    /// One flow for each sender, receiver and copy, in the order of `traffic`.
    pub flows: Vec<Flow>,
    /// What changes while the scenario runs, in the order of the file.
    pub faults: Vec<Fault>,
    /// When to stop a run.
    pub limits: Limits,
    /// The step of time series.
    pub sample_every: Duration,
    /// True to record every frame.
    pub capture: bool,
}

/// Like nodes with neighbouring numbers.
#[derive(Clone, Debug)]
pub struct NodeGroup {
    /// The name before the bracket.
    pub name: String,
    /// The number of the first node.
    pub first: NodeId,
    /// How many nodes there are.
    pub count: u32,
    /// True if the nodes are called `name[0]`, `name[1]`; false for one node called `name`.
    pub indexed: bool,
    /// Whether the nodes pass on packets for others.
    pub forwarding: Forwarding,
    /// How wrong their clocks are.
    pub clock: Clock,
    /// The multicast groups that they belong to.
    pub multicast: Vec<IpAddr>,
    /// The hop limit of what they send.
    pub hop_limit: u8,
    /// Whether they send ICMP errors.
    pub icmp_errors: bool,
    /// What they offer to others.
    pub services: Services,
    /// What they are made of and live on.
    pub hardware: Option<Arc<NodeHardware>>,
    /// The names of the interfaces that the file declares, in its order.
    pub interface_names: Vec<String>,
    /// What the file says of the radios of these interfaces.
    pub interface_radios: Vec<OwnRadio>,
    /// Where the nodes are, if the file says so.
    pub place: Option<Place>,
    /// How they move, if they do.
    pub movement: Option<Movement>,
}

/// An interface of a node.
#[derive(Clone, Debug)]
pub struct Interface {
    /// The node.
    pub node: NodeId,
    /// The name.
    pub name: InterfaceName,
    /// What it is attached to.
    pub attached: Attachment,
    /// The largest IP packet, if the file says so; else that of the link or the medium.
    pub mtu: Option<u32>,
    /// False if it is down at the start.
    pub up: bool,
}

/// The name of an interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InterfaceName {
    /// This one of the group's `interface_names`.
    Declared(u16),
    /// `eth` and this number.
    Automatic(u32),
}

/// What an interface is attached to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Attachment {
    /// Nothing.
    None,
    /// A shared medium.
    Medium(MediumId),
    /// End 0 or 1 of a link.
    Link(LinkId, u8),
}

/// An address and the length of its prefix.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// The length of the prefix in bits, up to 32 or 128.
    pub prefix: u8,
}

/// A shared medium.
#[derive(Clone, Debug)]
pub struct Medium {
    /// The name.
    pub name: String,
    /// Its settings.
    pub settings: MediumSettings,
    /// The roots of the graphs that RPL builds on it, and the border routers of neighbour discovery.
    pub roots: Vec<NodeId>,
    /// Nodes that register the address of another one, the second of each pair.
    pub claims: Vec<(NodeId, NodeId)>,
    /// What its paths lose over time, if a file says so, in the file's order.
    pub traced: Vec<TracedLevel>,
}

/// What a medium is.
#[derive(Clone, Debug)]
pub enum MediumSettings {
    /// An Ethernet segment.
    Ethernet(EthernetSegment),
    /// Radios, and the losses of their links in decibels, from the first node to the second, where they are listed.
    Radio(Box<RadioSettings>, Vec<(NodeId, NodeId, Decibels)>),
}

impl Medium {
    /// The radios' settings, if it is a radio medium.
    pub fn radio(&self) -> Option<&RadioSettings> {
        match &self.settings {
            MediumSettings::Radio(settings, _) => Some(settings),
            MediumSettings::Ethernet(_) => None,
        }
    }
}

/// A link between two interfaces.
#[derive(Clone, Debug)]
pub struct Link {
    /// The name, if the file gives one.
    pub name: Option<Box<str>>,
    /// 1 for the first link without a name between its two nodes, 2 for the next one.
    pub repeat: u32,
    /// The two ends.
    pub ends: [InterfaceId; 2],
    /// The number of its profile.
    pub profile: u32,
}

/// The settings of a link.
#[derive(Clone, Debug)]
pub struct LinkProfile {
    /// The largest IP packet in bytes.
    pub mtu: u32,
    /// What a frame adds to a packet.
    pub framing: Framing,
    /// What the link costs a route.
    pub cost: u16,
    /// True if it is down at the start.
    pub down: bool,
    /// From end 0 to end 1, and back. A trace from a file has been read: it is a list here.
    pub directions: [DirectionSettings; 2],
}

/// A route that is not the shortest path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Route {
    /// The node that has it.
    pub node: NodeId,
    /// Where it leads.
    pub to: RouteTarget,
    /// The next hop.
    pub via: NextHop,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RouteTarget {
    /// To every address of a node.
    Node(NodeId),
    /// To every address with a prefix.
    Prefix(Address),
}

/// The next hop of a route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NextHop {
    /// A neighbour.
    Node(NodeId),
    /// Whoever is at the other end of the node's own interface.
    Interface(InterfaceId),
}

/// An entry of traffic.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// The name, if the file gives one.
    pub name: Option<String>,
    /// How many flows it has.
    pub flows: u32,
    /// The protocols.
    pub stack: Stack,
    /// Their settings.
    pub options: ProtocolOptions,
    /// The receiver's port, if the file gives one.
    pub port: Option<u16>,
    /// The node that CoAP's requests go through, if the file names one.
    pub proxy: Option<Endpoint>,
    /// What is sent, and when.
    pub workload: Workload,
    /// What protects its messages beside the protocols.
    pub protection: Protection,
}

/// A sender, a receiver and what passes between them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flow {
    /// The number of its entry of traffic.
    pub traffic: u32,
    /// Who sends.
    pub from: Endpoint,
    /// Who receives.
    pub to: Destination,
    /// 1 for the first flow of its name, 2 for the next one: `name#2`.
    pub repeat: u32,
}

/// One end of a flow.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    /// The node.
    pub node: NodeId,
    /// The interface whose address is used; `None` for the nearest one.
    pub interface: Option<InterfaceId>,
}

/// Who receives.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Destination {
    /// One node.
    Node(Endpoint),
    /// All members of a multicast group.
    Multicast(IpAddr),
}

/// One change at one time.
#[derive(Clone, Debug)]
pub struct Fault {
    /// When it happens.
    pub at: Duration,
    /// When all is as before.
    pub until: Option<Duration>,
    /// What it happens to.
    pub target: FaultTarget,
    /// What changes.
    pub change: FaultChange,
}

/// What a fault happens to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultTarget {
    /// A link, in both directions.
    Link(LinkId),
    /// A node.
    Node(NodeId),
    /// An interface.
    Interface(InterfaceId),
}

/// When to stop a run that has gone out of hand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The most events.
    pub events: u64,
    /// The most memory.
    pub memory: Size,
    /// The longest simulated time.
    pub time: Duration,
}

impl Scenario {
    /// How many nodes there are: their numbers are 0 up to this.
    pub fn node_count(&self) -> u32 {
        self.groups.last().map_or(0, |group| group.first.0 + group.count)
    }

    /// The group that `node` belongs to.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn group_of(&self, node: NodeId) -> &NodeGroup {
        let after = self.groups.partition_point(|group| group.first <= node);
        &self.groups[after - 1]
    }

    /// Whether `node` stands for a machine outside.
    pub fn is_outside(&self, node: NodeId) -> bool {
        self.outlets.iter().any(|outlet| outlet.node == node)
    }

    /// The name of a node: "server", `sensor[3]`.
    pub fn node_name(&self, node: NodeId) -> String {
        let group = self.group_of(node);
        if group.indexed { format!("{}[{}]", group.name, node.0 - group.first.0) } else { group.name.clone() }
    }

    /// The interfaces of a node, with their numbers.
    pub fn interfaces_of(&self, node: NodeId) -> impl Iterator<Item = (InterfaceId, &Interface)> {
        let first = self.interfaces.partition_point(|interface| interface.node < node);
        let own = self.interfaces[first..].iter().take_while(move |interface| interface.node == node);
        own.enumerate().map(move |(at, interface)| (InterfaceId((first + at) as u32), interface))
    }

    /// An interface by its number.
    ///
    /// # Panics
    /// If there is no such interface.
    pub fn interface(&self, id: InterfaceId) -> &Interface {
        &self.interfaces[id.0 as usize]
    }

    /// The addresses that the file gives to an interface; none if they are to be chosen.
    pub fn addresses_of(&self, id: InterfaceId) -> &[Address] {
        self.addresses.get(&id).map_or(&[], |addresses| addresses)
    }

    /// The name of an interface within its node: "eth0".
    pub fn interface_name(&self, id: InterfaceId) -> String {
        let interface = self.interface(id);
        match interface.name {
            InterfaceName::Declared(at) => {
                self.group_of(interface.node).interface_names[usize::from(at)].clone()
            }
            InterfaceName::Automatic(number) => format!("eth{number}"),
        }
    }

    /// The name of a link: its own, or "a-b", "a-b#2".
    pub fn link_name(&self, link: &Link) -> String {
        if let Some(name) = &link.name {
            return name.to_string();
        }
        let [a, b] = link.ends.map(|end| self.node_name(self.interface(end).node));
        with_repeat(format!("{a}-{b}"), link.repeat)
    }

    /// The name of a flow: that of its entry, or "from>to", "from>to#2"; "entry:from>to" if the entry has several.
    pub fn flow_name(&self, flow: &Flow) -> String {
        let entry = &self.traffic[flow.traffic as usize];
        let ends = || {
            let to = match flow.to {
                Destination::Node(end) => self.endpoint_name(end),
                Destination::Multicast(group) => group.to_string(),
            };
            format!("{}>{to}", self.endpoint_name(flow.from))
        };
        let name = match &entry.name {
            Some(name) if entry.flows == 1 => name.clone(),
            Some(name) => format!("{name}:{}", ends()),
            None => ends(),
        };
        with_repeat(name, flow.repeat)
    }

    fn endpoint_name(&self, end: Endpoint) -> String {
        match end.interface {
            Some(interface) => format!("{}/{}", self.node_name(end.node), self.interface_name(interface)),
            None => self.node_name(end.node),
        }
    }
}

impl Flow {
    /// The receiver; of a flow to a multicast group, the sender.
    pub fn to_node(&self) -> NodeId {
        match self.to {
            Destination::Node(end) => end.node,
            Destination::Multicast(_) => self.from.node,
        }
    }
}

impl Address {
    /// The address with all bits after the prefix cleared, as a number of 128 bits.
    pub fn network(self) -> u128 {
        let (bits, width) = match self.ip {
            IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32),
            IpAddr::V6(ip) => (ip.to_bits(), 128),
        };
        let host_bits = width - u32::from(self.prefix).min(width);
        bits.checked_shr(host_bits).map_or(0, |network| network << host_bits)
    }

    /// True if both lie in the same prefix, of the same length and version of IP.
    pub fn shares_prefix_with(self, other: Self) -> bool {
        self.ip.is_ipv4() == other.ip.is_ipv4()
            && self.prefix == other.prefix
            && self.network() == other.network()
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

fn with_repeat(name: String, repeat: u32) -> String {
    if repeat > 1 { format!("{name}#{repeat}") } else { name }
}
