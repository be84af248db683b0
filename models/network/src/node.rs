//! Nodes: the part that every packet touches, and the part that few do.

use sim_core::digest::Chain;
use sim_core::event::Origin;

use crate::address::Prefix;
use crate::port::PortId;

/// A node's place in the world: the rank of its name among all nodes' names.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The node's index in vectors of nodes.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An address that packets are sent to, as an index into the network's list of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DestinationId(pub u32);

impl DestinationId {
    /// The packet is inside an Ethernet frame on a shared segment: the frame's own header says where to.
    pub(crate) const FRAMED: Self = Self(u32::MAX - 1);
}

/// Where a packet goes next, in 32 bits: a port, a hop across a shared segment, this node, or nowhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NextHop(u32);

impl NextHop {
    /// The packet is for this node.
    pub const LOCAL: Self = Self(u32::MAX);
    /// No way leads there.
    pub const UNREACHABLE: Self = Self(u32::MAX - 1);
    /// The destination is a group.
    pub const MULTICAST: Self = Self(u32::MAX - 2);

    /// The packet is in a frame, which has to be opened first.
    pub(crate) const FRAMED: Self = Self(u32::MAX - 3);

    /// RPL knows where to, packet by packet.
    pub(crate) const RPL: Self = Self(u32::MAX - 4);

    /// Out by a port whose link has one other end.
    #[inline]
    pub fn port(port: PortId) -> Self {
        Self(port.0)
    }

    /// Out by a shared segment: an index into the network's list of such hops.
    pub fn segment(index: u32) -> Self {
        Self(index | SEGMENT)
    }

    /// The port, if the hop is one over a link with two ends.
    #[inline]
    pub fn as_port(self) -> Option<PortId> {
        (self.0 & SEGMENT == 0).then_some(PortId(self.0))
    }

    /// The index of the hop across a shared segment, if it is one.
    pub fn as_segment(self) -> Option<usize> {
        (self.0 & SEGMENT != 0 && self.0 < Self::RPL.0).then_some((self.0 & !SEGMENT) as usize)
    }
}

const SEGMENT: u32 = 1 << 31;

/// The part of a node that every packet touches: one cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Node {
    destinations: [u32; INLINE_ROUTES],
    next: [NextHop; INLINE_ROUTES],
    /// The origin of the events that the node schedules.
    pub(crate) origin: Origin,
    /// The node's chain in the run's digest.
    pub(crate) digest: Chain,
    /// Packets of others that the node passed on.
    pub(crate) forwarded: u64,
    /// Index of the table with further routes, or [`NO_TABLE`].
    pub(crate) table: u32,
    routes: u8,
    /// Whether the node takes packets at all.
    pub(crate) up: bool,
    /// Whether the node passes on packets that are for others.
    pub(crate) forwards: bool,
    /// Whether the node's bytes are charged to flows.
    pub(crate) accounted: bool,
}

impl Node {
    /// A node whose events have the given rank.
    pub(crate) fn new(rank: u32, forwards: bool) -> Self {
        Self {
            destinations: [u32::MAX; INLINE_ROUTES],
            next: [NextHop::UNREACHABLE; INLINE_ROUTES],
            origin: Origin::new(rank),
            digest: Chain::default(),
            forwarded: 0,
            table: NO_TABLE,
            routes: 0,
            up: true,
            forwards,
            accounted: false,
        }
    }

    /// The cached next hop to `destination`, if it is among the inline ones.
    #[inline]
    pub(crate) fn cached_route(&self, destination: u32) -> Option<NextHop> {
        self.destinations.iter().position(|&known| known == destination).map(|index| self.next[index])
    }

    /// Caches a next hop inline; says whether there was room.
    pub(crate) fn cache_route(&mut self, destination: u32, next: NextHop) -> bool {
        let index = usize::from(self.routes);
        if index == INLINE_ROUTES {
            return false;
        }
        self.destinations[index] = destination;
        self.next[index] = next;
        self.routes += 1;
        true
    }

    /// Forgets all inline next hops.
    pub(crate) fn forget_routes(&mut self) {
        self.destinations = [u32::MAX; INLINE_ROUTES];
        self.routes = 0;
    }
}

const INLINE_ROUTES: usize = 4;

/// No table with further routes yet.
pub(crate) const NO_TABLE: u32 = u32::MAX;

const _: () = assert!(size_of::<Node>() == 64);

/// The part of a node that is needed rarely.
#[derive(Clone, Copy, Debug)]
pub struct NodeInfo {
    /// First of the node's ports; they are neighbours in the vector of ports.
    pub first_port: PortId,
    /// Number of the node's ports.
    pub ports: u32,
    /// Whether the node tells senders by ICMP of packets that it cannot pass on or use.
    pub reports_errors: bool,
}

impl NodeInfo {
    /// The node's ports.
    pub fn port_ids(&self) -> impl DoubleEndedIterator<Item = PortId> + ExactSizeIterator + use<> {
        (self.first_port.0..self.first_port.0 + self.ports).map(PortId)
    }
}

/// A route that the scenario states.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StaticRoute {
    /// Destinations that it serves.
    pub prefix: Prefix,
    /// The port to leave by.
    pub port: PortId,
    /// The port of the next node, where the link leads to several.
    pub via: Option<PortId>,
}
