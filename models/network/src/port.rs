//! Ports: an interface of a node together with the link direction that leaves by it.

use std::collections::VecDeque;
use std::net::IpAddr;

use sim_core::digest::Chain;
use sim_core::{DataRate, SimDuration, SimTime};
use wire::account::Protocol;
use wire::ethernet::MacAddress;

use crate::address::Addresses;
use crate::drop_cause::DropCounts;
use crate::link::{Impairments, ManagedQueue};
use crate::neighbour::NeighbourCache;
use crate::node::NodeId;
use crate::transmit::transmit_time;

/// A port's place in the world: ports follow the order of their nodes, then of their declaration.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PortId(pub u32);

impl PortId {
    /// Attached to nothing, or unknown.
    pub const NONE: Self = Self(u32::MAX);

    /// The port's index in vectors of ports.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The port's link-layer address: a locally administered one (IEEE 802 §8.4) made from its number.
    pub(crate) fn mac(self) -> MacAddress {
        let [a, b, c, d] = self.0.to_be_bytes();
        MacAddress([0x02, 0x4e, a, b, c, d])
    }

    /// The port whose address [`Self::mac`] made.
    pub(crate) fn of_mac(mac: MacAddress) -> Option<Self> {
        let [0x02, 0x4e, a, b, c, d] = mac.0 else { return None };
        Some(Self(u32::from_be_bytes([a, b, c, d])))
    }
}

/// How packets are framed on a link: what is paid for in bytes and in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Framing {
    /// Nothing is added.
    None,
    /// Two bytes, as PPP with compressed address and control fields (RFC 1661 §6.6).
    Ppp,
    /// Ethernet II: 14 bytes of header and 4 of check sequence, padded to 64 bytes; preamble and gap
    /// (20 bytes) take time only (IEEE 802.3 clauses 3 and 4).
    Ethernet,
    /// IEEE 802.15.4: a header that varies, which is always in the packet, and 2 bytes of check sequence; preamble,
    /// delimiter and length take time only.
    Ieee802154,
}

impl Framing {
    /// Bytes on the link for a packet of `len` bytes; `framed` if the header is in the packet already.
    #[inline]
    pub fn frame_bytes(self, len: usize, framed: bool) -> u32 {
        let len = len as u32;
        match self {
            Self::None => len,
            Self::Ppp => len + 2,
            Self::Ethernet => (len + if framed { 4 } else { 18 }).max(64),
            Self::Ieee802154 => len + 2,
        }
    }

    /// Bytes' worth of time that a frame takes beside its own.
    #[inline]
    pub fn gap_bytes(self) -> u32 {
        match self {
            Self::None | Self::Ppp | Self::Ieee802154 => 0,
            Self::Ethernet => 20,
        }
    }

    /// Of them, those in front of the frame: its last bit leaves before the gap.
    #[inline]
    pub fn preamble_bytes(self) -> u32 {
        match self {
            Self::None | Self::Ppp | Self::Ieee802154 => 0,
            Self::Ethernet => 8,
        }
    }

    /// The protocol that the framing is charged to.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::None | Self::Ppp => Protocol::Ppp,
            Self::Ethernet => Protocol::Ethernet,
            Self::Ieee802154 => Protocol::Ieee802154,
        }
    }
}

/// The part of a port that every packet touches: one cache line.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Port {
    /// When the last frame taken so far has left.
    pub(crate) busy_until: SimTime,
    /// Frames put on the link so far.
    pub(crate) frames: u64,
    /// Bytes put on the link so far, framing included.
    pub(crate) bytes: u64,
    /// The direction's chain in the run's digest.
    pub(crate) digest: Chain,
    /// Propagation delay.
    pub(crate) delay: SimDuration,
    /// Rate of the link in this direction.
    pub(crate) rate: DataRate,
    /// The port at the other end.
    pub(crate) peer: PortId,
    /// The node at the other end.
    pub(crate) peer_node: NodeId,
    /// Index of the port's [`PortState`], or [`NO_STATE`].
    pub(crate) state: u32,
    /// Largest packet that the link takes.
    pub(crate) mtu: u16,
    pub(crate) framing: Framing,
    /// Whether the port needs more than a drop-tail queue in front of a perfect link.
    pub(crate) slow: bool,
}

impl Port {
    /// Sends a frame of `bytes` as soon as the link is free, and returns when its last bit has left. The
    /// gap behind it keeps the link busy a little longer.
    #[inline]
    pub(crate) fn occupy(&mut self, now: SimTime, bytes: u32) -> SimTime {
        let start = self.busy_until.max(now);
        let departs = start + transmit_time(self.rate, bytes + self.framing.preamble_bytes());
        self.busy_until = match self.framing {
            Framing::None | Framing::Ppp | Framing::Ieee802154 => departs,
            Framing::Ethernet => start + transmit_time(self.rate, bytes + self.framing.gap_bytes()),
        };
        departs
    }
}

/// A port without [`PortState`].
pub(crate) const NO_STATE: u32 = u32::MAX;

const _: () = assert!(size_of::<Port>() == 64);

/// What a port is attached to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Attachment {
    /// A link with two ends, by its number in the scenario.
    Link(u32),
    /// A shared segment, by its number.
    Segment(u32),
    /// A radio medium, by its number.
    Radio(u32),
    /// Nothing.
    Detached,
}

/// The part of a port that is needed rarely.
#[derive(Clone, Debug)]
pub struct PortInfo {
    /// The node that the port belongs to.
    pub node: NodeId,
    /// The interface's name, as an index into the names that the network's interfaces have.
    pub(crate) name: u32,
    /// What the drop-tail queue in front of the link holds, as an index into the network's list of such limits
    /// (a managed queue has its own limit).
    pub(crate) queue_limit: u32,
    /// Addresses with their prefix lengths.
    pub addresses: Addresses,
    /// What the port is attached to.
    pub attachment: Attachment,
    /// Cost of leaving by this port, for shortest paths; at least 1.
    pub cost: u32,
}

// Every interface of a world has one, whether it is used or not.
const _: () = assert!(size_of::<PortInfo>() <= 48);

impl PortInfo {
    /// The port's first address of the same family as `like`.
    pub fn address_like(&self, like: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().map(|prefix| prefix.address).find(|address| address.is_ipv4() == like.is_ipv4())
    }

    /// The port's address in the same network as `near`, or else its first of the same family.
    pub fn address_near(&self, near: IpAddr) -> Option<IpAddr> {
        let network = self.addresses.iter().find(|prefix| prefix.contains(near));
        network.map(|prefix| prefix.address).or_else(|| self.address_like(near))
    }
}

/// What a port needs once it has a backlog, an impairment, a fault or a drop.
#[derive(Debug, Default)]
pub struct PortState {
    /// When the frames that wait will start to be sent, oldest first, with their lengths.
    pub(crate) starts: VecDeque<(SimTime, u32)>,
    /// Bytes in `starts`.
    pub(crate) backlog_bytes: u64,
    /// Another queue than drop-tail, with its own service events.
    pub(crate) discipline: Option<Box<ManagedQueue>>,
    /// What the link does to frames.
    pub(crate) impairments: Option<Box<Impairments>>,
    /// Whether the link is down in this direction.
    pub(crate) down: bool,
    /// Counts up when a fault voids what is in flight from this port.
    pub(crate) epoch: u32,
    /// What is known of the neighbours on a shared segment.
    pub(crate) neighbours: Option<Box<NeighbourCache>>,
    /// The radio's number on its medium, where there is one.
    pub(crate) radio: u32,
    /// Drops in this direction, by cause.
    pub(crate) drops: DropCounts,
    /// Frames and bytes that the link lost.
    pub(crate) lost: (u64, u64),
    /// Frames and bytes that a shared segment brought.
    pub(crate) received: (u64, u64),
    /// Longest queue seen, the frame in transmission not among them.
    pub(crate) queue_max: u32,
    /// Time that frames waited, summed over them.
    pub(crate) waited: SimDuration,
    /// Time that the link was busy with frames of a managed queue, or before its rate was changed.
    pub(crate) busy: SimDuration,
    /// Frames and bytes that `busy` has counted already, where the rate was changed.
    pub(crate) busy_counted: (u64, u64),
    /// Frames of a drop-tail queue that were counted as sent, but were still waiting at an outage.
    pub(crate) unsent_frames: u64,
    /// Their bytes.
    pub(crate) unsent_bytes: u64,
    /// Frames that left damaged.
    pub(crate) corrupted: u64,
    /// Frames that left twice.
    pub(crate) duplicated: u64,
}
