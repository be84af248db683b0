//! The contract between a host and the protocols that run on it.

use std::net::IpAddr;

use sim_core::SimTime;
use wire::ip::IpProtocol;
use wire::packet::Packet;

/// One of a host's interfaces, by its place in the host's list.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct InterfaceId(pub u16);

/// A datagram that an endpoint wants sent: everything above the internet header.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// Source address; unspecified lets the host choose. It may be foreign (a transparent proxy).
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// The interface to leave by, or the host's choice.
    pub interface: Option<InterfaceId>,
    /// Protocol number of what the packet holds.
    pub protocol: IpProtocol,
    /// Time to live or hop limit, or the host's default.
    pub hop_limit: Option<u8>,
    /// DSCP (upper six bits, RFC 2474) and ECN (lower two, RFC 3168).
    pub traffic_class: u8,
    /// Whether routers may not fragment the packet (IPv4).
    pub dont_fragment: bool,
    /// The transport header and the payload, with their account.
    pub packet: Packet,
}

/// What the internet header of a datagram to be sent has to say: a [`Transmit`] without its packet.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// Source address; unspecified lets the host choose.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// The interface to leave by, or the host's choice.
    pub interface: Option<InterfaceId>,
    /// Protocol number of what the packet holds.
    pub protocol: IpProtocol,
    /// Time to live or hop limit, or the host's default.
    pub hop_limit: Option<u8>,
    /// DSCP (upper six bits, RFC 2474) and ECN (lower two, RFC 3168).
    pub traffic_class: u8,
    /// Whether routers may not fragment the packet (IPv4).
    pub dont_fragment: bool,
}

impl Envelope {
    /// The datagram with this packet.
    #[inline(always)]
    pub fn with(self, packet: Packet) -> Transmit {
        let Self { source, destination, interface, protocol, hop_limit, traffic_class, dont_fragment } = self;
        Transmit { source, destination, interface, protocol, hop_limit, traffic_class, dont_fragment, packet }
    }
}

impl Transmit {
    /// Puts the packet into `place`, and returns the rest.
    #[inline(always)]
    pub fn put_into(self, place: &mut Packet) -> Envelope {
        let Self {
            source,
            destination,
            interface,
            protocol,
            hop_limit,
            traffic_class,
            dont_fragment,
            packet,
        } = self;
        *place = packet;
        Envelope { source, destination, interface, protocol, hop_limit, traffic_class, dont_fragment }
    }
}

/// A datagram that arrived for an endpoint: [`Transmit`]'s mirror.
#[derive(Debug)]
pub struct Received<'a> {
    /// Source address.
    pub source: IpAddr,
    /// Destination address: one of the host's, or a group it is a member of.
    pub destination: IpAddr,
    /// The interface that it came in by.
    pub interface: InterfaceId,
    /// Time to live or hop limit left.
    pub hop_limit: u8,
    /// DSCP (upper six bits) and ECN (lower two).
    pub traffic_class: u8,
    /// The packet, its headers starting with the transport's. The endpoint takes out what it keeps.
    pub packet: &'a mut Packet,
}

/// What an ICMP error says, in the terms of RFC 1122 §3.2.2 and RFC 4443.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IcmpError {
    /// Destination unreachable for a reason that may pass: network, host, source route (soft).
    Unreachable,
    /// A filter forbids it: administratively prohibited (hard).
    Prohibited,
    /// The host does not know the protocol: "protocol unreachable" of RFC 792, or a parameter problem about an
    /// unrecognized next header (RFC 4443 §3.4) (hard).
    ProtocolUnreachable,
    /// Port unreachable.
    PortUnreachable,
    /// The packet was too big for a link, which takes `mtu` bytes (0: an old router does not say).
    PacketTooBig {
        /// Size of the largest packet, internet header included.
        mtu: u32,
    },
    /// Hop limit or reassembly time exceeded.
    TimeExceeded,
    /// A header field was not understood, other than the number of the protocol.
    ParameterProblem,
}

/// News of the network for an endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NetworkEvent {
    /// The host has a new address.
    AddressAdded(IpAddr, InterfaceId),
    /// The host has lost an address.
    AddressRemoved(IpAddr, InterfaceId),
    /// The interface can send and receive again.
    LinkUp(InterfaceId),
    /// The interface can neither send nor receive.
    LinkDown(InterfaceId),
    /// An ICMP error about a packet of this protocol.
    Icmp {
        /// What the error says.
        error: IcmpError,
        /// Source of the packet that caused it: an address of this host.
        source: IpAddr,
        /// Destination of the packet that caused it.
        destination: IpAddr,
        /// As much of its transport header and payload as was quoted, at least 8 bytes.
        quoted: Vec<u8>,
    },
}

/// One protocol instance of one host: datagrams, news of the network and time go in; transmits,
/// deadlines and events come out. It owns its listeners and connections.
///
/// After each `handle_*` call, and after each call of its own interface, the host drains
/// [`Self::poll_transmit`] and [`Self::poll_event`], then arms one wake-up at [`Self::poll_timeout`].
/// `now` is the host's own clock and never goes back. What a peer sends cannot make an endpoint fail: a
/// malformed datagram is counted and dropped, a lost connection is an [`Self::Event`].
pub trait Endpoint {
    /// What the endpoint reports to its user.
    type Event;

    /// Takes one datagram that arrived at `now`, with the addresses and marks it came with.
    fn handle_datagram(&mut self, now: SimTime, received: Received<'_>);

    /// Takes news of the network: an address came or went, a link's state, an ICMP error.
    fn handle_network(&mut self, now: SimTime, event: &NetworkEvent);

    /// Fires every timer due by `now`; afterwards [`Self::poll_timeout`] is later than `now`.
    fn handle_timeout(&mut self, now: SimTime);

    /// The next datagram to send: headers inline, payload shared; `None` when nothing may be sent now.
    fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit>;

    /// As [`Self::poll_transmit`], but the packet is written into `place`, where it is to travel from: a copy of what
    /// was written piece by piece costs more than the writing. Without a datagram to send, `place` holds anything.
    #[inline]
    fn poll_transmit_into(&mut self, now: SimTime, place: &mut Packet) -> Option<Envelope> {
        Some(self.poll_transmit(now)?.put_into(place))
    }

    /// The earliest time at which [`Self::handle_timeout`] has work to do, in O(1). It may be earlier
    /// than the next real deadline, never later.
    fn poll_timeout(&self) -> Option<SimTime>;

    /// The next event for the user.
    fn poll_event(&mut self) -> Option<Self::Event>;
}
