//! The UDP of one host.

use std::net::{IpAddr, SocketAddr};

use rand_chacha::ChaCha8Rng;
use sim_core::{IdleQueue, IdleRng, IdleVec, SimTime, SmallMap};
use smallvec::SmallVec;
use wire::account::{Account, Runs, fit_runs, split_runs};
use wire::checksum::{Sum, pseudo_header};
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::udp::{HEADER_LEN, Header};

use super::event::{UdpCounters, UdpError, UdpEvent};
use super::outgoing::Outgoing;
use super::socket::{SendOptions, Socket, SocketId, SocketOptions};
use crate::endpoint::{Endpoint, Envelope, NetworkEvent, Received, Transmit};
use crate::ports::choose_ephemeral;

#[derive(Debug)]
struct Slot {
    generation: u32,
    socket: Option<Socket>,
}

/// The UDP of one host. Most hosts have one socket, and there may be thousands of hosts.
#[derive(Debug)]
pub struct UdpEndpoint {
    slots: SmallVec<[Slot; 1]>,
    outgoing: IdleQueue<Outgoing>,
    events: IdleQueue<UdpEvent>,
    events_max: u32,
    sent: u64,
    received: u64,
    /// What a host with one socket and no trouble does without.
    rare: Option<Box<Rare>>,
}

#[derive(Debug, Default)]
struct Rare {
    free: Vec<u32>,
    /// The sockets at each port, once there was a second one.
    ports: Option<SmallMap<u16, SmallVec<[u32; 2]>>>,
    /// What happened, but for what was sent and received.
    counters: UdpCounters,
    /// What ephemeral ports are drawn from; without it, the owner chooses them.
    rng: Option<IdleRng>,
}

impl UdpEndpoint {
    /// An endpoint that draws ephemeral ports from `rng`.
    pub fn new(rng: ChaCha8Rng) -> Self {
        let rare = Rare { rng: Some(rng.into()), ..Rare::default() };
        Self { rare: Some(Box::new(rare)), ..Self::without_chance() }
    }

    /// An endpoint whose owner chooses ephemeral ports, among those for which [`Self::is_free`] holds.
    pub fn without_chance() -> Self {
        Self {
            slots: SmallVec::new(),
            outgoing: IdleQueue::new(),
            events: IdleQueue::new(),
            events_max: EVENTS_MAX,
            sent: 0,
            received: 0,
            rare: None,
        }
    }

    /// Limits the events that may wait to be polled; datagrams beyond are dropped and counted.
    pub fn set_events_max(&mut self, events_max: u32) {
        self.events_max = events_max;
    }

    /// Whether no socket is at `port`.
    pub fn is_free(&self, port: u16) -> bool {
        self.indices(port).is_empty()
    }

    /// A socket at `port` (zero for an ephemeral one) of `address`, or of all addresses.
    ///
    /// # Errors
    ///
    /// The port is taken by a socket that does not share it, or none is free.
    pub fn bind(
        &mut self,
        address: Option<IpAddr>,
        port: u16,
        options: SocketOptions,
    ) -> Result<SocketId, UdpError> {
        let address = address.filter(|address| !address.is_unspecified());
        let port = if port == 0 {
            let mut rng = self.rare.as_mut().and_then(|rare| rare.rng.take()).ok_or(UdpError::NoPort)?;
            let chosen = choose_ephemeral(&mut rng, |port| self.is_free(port));
            self.rare.get_or_insert_default().rng = Some(rng);
            chosen.ok_or(UdpError::NoPort)?
        } else {
            port
        };
        let taken = self.at_port(port).any(|(_, other)| {
            other.address == address && other.peer.is_none() && !(other.options.reuse && options.reuse)
        });
        if taken {
            return Err(UdpError::PortInUse(port));
        }
        let socket = Socket { address, port, peer: None, groups: IdleVec::new(), options };
        let index = self.rare.as_mut().and_then(|rare| rare.free.pop()).unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, socket: None });
            u32::try_from(self.slots.len() - 1).expect("memory ends before 2^32 sockets")
        });
        if index > 0 {
            let first = self.slots[0].socket.as_ref().map(|socket| socket.port);
            let ports = self.rare.get_or_insert_default().ports.get_or_insert_with(|| {
                let mut ports = SmallMap::new();
                first.map(|first| ports.insert(first, SmallVec::from_slice(&[0])));
                ports
            });
            ports.get_or_insert_with(port, SmallVec::new).push(index);
        } else if let Some(ports) = self.rare.as_mut().and_then(|rare| rare.ports.as_mut()) {
            ports.get_or_insert_with(port, SmallVec::new).push(index);
        }
        let slot = &mut self.slots[index as usize];
        slot.socket = Some(socket);
        Ok(SocketId { index, generation: slot.generation })
    }

    #[inline]
    fn at_port(&self, port: u16) -> impl Iterator<Item = (u32, &Socket)> {
        let of = |&index: &u32| Some((index, self.slots[index as usize].socket.as_ref()?));
        self.indices(port).iter().filter_map(of)
    }

    /// The places of the sockets at a port, in the order in which they were bound.
    #[inline]
    fn indices(&self, port: u16) -> &[u32] {
        match self.rare.as_ref().and_then(|rare| rare.ports.as_ref()) {
            Some(ports) => ports.get(&port).map(SmallVec::as_slice).unwrap_or_default(),
            None => match self.slots.first().and_then(|slot| slot.socket.as_ref()) {
                Some(only) if only.port == port => &[0],
                Some(_) | None => &[],
            },
        }
    }

    fn get(&self, id: SocketId) -> Option<&Socket> {
        let slot = self.slots.get(id.index as usize)?;
        if slot.generation == id.generation { slot.socket.as_ref() } else { None }
    }

    fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation == id.generation { slot.socket.as_mut() } else { None }
    }

    /// Sends to `peer` by default and receives from it alone; `None` undoes it. Says whether the socket is open.
    pub fn connect(&mut self, id: SocketId, peer: Option<SocketAddr>) -> bool {
        self.get_mut(id).map(|socket| socket.peer = peer.map(Box::new)).is_some()
    }

    /// Makes the socket a member of `group`. The host reports the membership to the network.
    pub fn join(&mut self, id: SocketId, group: IpAddr) {
        if let Some(socket) = self.get_mut(id)
            && !socket.groups.contains(&group)
        {
            socket.groups.push(group);
        }
    }

    /// Ends the membership.
    pub fn leave(&mut self, id: SocketId, group: IpAddr) {
        if let Some(socket) = self.get_mut(id) {
            socket.groups.retain(|member| *member != group);
        }
    }

    /// Closes the socket. Events that wait to be polled stay.
    pub fn close(&mut self, id: SocketId) {
        let Some(socket) = self.get(id) else { return };
        let port = socket.port;
        let slot = &mut self.slots[id.index as usize];
        slot.socket = None;
        slot.generation = slot.generation.wrapping_add(1);
        let rare = self.rare.get_or_insert_default();
        rare.free.push(id.index);
        if let Some(ports) = &mut rare.ports
            && let Some(indices) = ports.get_mut(&port)
        {
            indices.retain(|index| *index != id.index);
            if indices.is_empty() {
                ports.remove(&port);
            }
        }
    }

    /// The port of a socket.
    pub fn port(&self, id: SocketId) -> Option<u16> {
        self.get(id).map(|socket| socket.port)
    }

    /// Counters since the start.
    pub fn counters(&self) -> UdpCounters {
        let rare = self.rare.as_ref().map_or(UdpCounters::default(), |rare| rare.counters);
        UdpCounters { sent: self.sent, received: self.received, ..rare }
    }

    fn trouble(&mut self) -> &mut UdpCounters {
        &mut self.rare.get_or_insert_default().counters
    }

    /// Sends `payload` to `destination`, or to the socket's peer. `runs` say whose bytes they are.
    ///
    /// # Errors
    ///
    /// The socket is closed, there is no destination, or the payload does not fit or is not described.
    #[inline]
    pub fn send(
        &mut self,
        id: SocketId,
        destination: Option<SocketAddr>,
        payload: Payload,
        runs: Runs,
        options: &SendOptions,
    ) -> Result<(), UdpError> {
        let socket = self.get(id).ok_or(UdpError::Closed)?;
        let destination = destination.or(socket.peer.as_deref().copied()).ok_or(UdpError::NoDestination)?;
        let described: u64 = runs.iter().map(|run| u64::from(run.bytes)).sum();
        if described != u64::from(payload.len()) {
            return Err(UdpError::Runs { runs: described, payload: payload.len() });
        }
        let header = Header::new(socket.port, destination.port(), payload.len() as usize).ok();
        let fits = destination.is_ipv6() || payload.len() <= IPV4_PAYLOAD_MAX;
        let header = header.filter(|_| fits).ok_or(UdpError::TooLong(payload.len()))?;
        let source = socket.address.or(options.source).unwrap_or_else(|| unspecified_like(destination.ip()));
        let outgoing = Outgoing {
            source,
            destination: destination.ip(),
            header,
            with_checksum: socket.options.checksum || destination.is_ipv6(),
            options: *options,
            payload,
            runs,
        };
        self.sent += 1;
        self.outgoing.push_back(outgoing);
        Ok(())
    }

    /// Reads and drops the header, and what is behind the length; `None` if the datagram is dropped.
    #[inline]
    fn open(&mut self, received: &mut Received<'_>) -> Option<Opened> {
        let packet = &mut *received.packet;
        let header = if packet.pull(HEADER_LEN) { Header::parse(packet.header()).ok() } else { None };
        let Some(header) = header.filter(|header| usize::from(header.length()) <= packet.len()) else {
            self.trouble().malformed += 1;
            return None;
        };
        packet.limit_header(HEADER_LEN);
        if packet.payload_len() as usize > header.payload_len() {
            cut_off(packet, header.payload_len() as u32);
        }
        let unsummed = packet.header()[6..8] == [0, 0];
        if !unsummed {
            let length = u32::from(header.length());
            let pseudo = pseudo_header(received.source, received.destination, IpProtocol::UDP, length);
            let sum = pseudo + Sum::of(packet.header()) + packet.payload().sum();
            // Filler cannot show damage, so the packet says it: a checksum would have found it.
            if packet.corrupted || !sum.is_valid() {
                self.trouble().bad_checksum += 1;
                return None;
            }
        }
        packet.pop_header(HEADER_LEN);
        let _charge = packet.account.pop_header();
        let zero_over_ipv6 = unsummed && received.destination.is_ipv6();
        Some(Opened { header, zero_over_ipv6 })
    }
}

/// Bytes behind the length belong to nobody (RFC 768).
#[cold]
fn cut_off(packet: &mut Packet, len: u32) {
    let mut payload = packet.take_payload();
    let mut runs = std::mem::take(&mut packet.account.runs);
    fit_runs(&mut runs, payload.len());
    packet.account.runs = split_runs(&mut runs, len);
    packet.set_payload(payload.split_front(len));
}

/// What the header says.
#[derive(Clone, Copy)]
struct Opened {
    header: Header,
    /// It came over IPv6 without a checksum, which not every socket takes.
    zero_over_ipv6: bool,
}

impl Endpoint for UdpEndpoint {
    type Event = UdpEvent;

    #[inline]
    fn handle_datagram(&mut self, _now: SimTime, mut received: Received<'_>) {
        let Some(opened) = self.open(&mut received) else { return };
        let source = SocketAddr::new(received.source, opened.header.source_port);
        let destination = received.destination;
        let broadcast = matches!(destination, IpAddr::V4(address) if address.is_broadcast());
        if destination.is_multicast() || broadcast {
            return self.deliver_to_group(source, opened, received);
        }
        let Some(index) = self.best(source, destination, opened.header.destination_port) else {
            self.trouble().no_socket += 1;
            // Whoever reports it quotes the datagram as it came.
            received.packet.push_header(HEADER_LEN);
            return;
        };
        if !self.admit(index, opened.zero_over_ipv6) {
            return;
        }
        let (payload, runs) = match received.packet.take_single() {
            Some((slice, run)) => (Payload::from(slice), Runs::from_buf([run])),
            None => received.packet.take_content(),
        };
        self.events.push_back(UdpEvent::Received {
            socket: self.id_of(index),
            source,
            destination,
            interface: received.interface,
            hop_limit: received.hop_limit,
            traffic_class: received.traffic_class,
            payload,
            runs,
        });
    }

    fn handle_network(&mut self, _now: SimTime, event: &NetworkEvent) {
        match event {
            NetworkEvent::Icmp { error, source, destination, quoted } => {
                let Some(&[a, b, c, d]) = quoted.first_chunk::<4>() else { return };
                let peer = SocketAddr::new(*destination, u16::from_be_bytes([c, d]));
                let port = u16::from_be_bytes([a, b]);
                if let Some(index) = self.best(peer, *source, port) {
                    let socket = self.id_of(index);
                    self.events.push_back(UdpEvent::Error { socket, destination: peer, error: *error });
                }
            }
            // A socket outlives addresses and links: its datagrams go where routes lead.
            NetworkEvent::AddressAdded(..)
            | NetworkEvent::AddressRemoved(..)
            | NetworkEvent::LinkUp(_)
            | NetworkEvent::LinkDown(_) => {}
        }
    }

    fn handle_timeout(&mut self, _now: SimTime) {}

    #[inline]
    fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit> {
        let mut packet = Packet::new(Payload::empty(), Account::default());
        let envelope = self.poll_transmit_into(now, &mut packet)?;
        Some(envelope.with(packet))
    }

    #[inline]
    fn poll_transmit_into(&mut self, _now: SimTime, place: &mut Packet) -> Option<Envelope> {
        let envelope = self.outgoing.front_mut()?.emit_into(place);
        self.outgoing.pop_front();
        Some(envelope)
    }

    #[inline]
    fn poll_timeout(&self) -> Option<SimTime> {
        None
    }

    #[inline]
    fn poll_event(&mut self) -> Option<UdpEvent> {
        self.events.pop_front()
    }
}

impl UdpEndpoint {
    /// Whether a datagram waits to be sent.
    #[inline]
    pub fn may_transmit(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether an event waits to be taken.
    #[inline]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    fn id_of(&self, index: u32) -> SocketId {
        SocketId { index, generation: self.slots[index as usize].generation }
    }

    /// The socket that fits best: connected before not, bound to the address before bound to any.
    #[inline]
    fn best(&self, source: SocketAddr, destination: IpAddr, port: u16) -> Option<u32> {
        let fitting =
            self.at_port(port).filter_map(|(index, socket)| Some((socket.fit(source, destination)?, index)));
        fitting.max_by_key(|(fit, _)| *fit).map(|(_, index)| index)
    }

    /// Gives a datagram to all members of a group (RFC 1112 §7.2), or to all hosts of a link.
    #[cold]
    fn deliver_to_group(&mut self, source: SocketAddr, opened: Opened, received: Received<'_>) {
        let destination = received.destination;
        let members =
            self.at_port(opened.header.destination_port).filter(|(_, it)| it.takes_many(source, destination));
        let members: SmallVec<[u32; 8]> = members.map(|(index, _)| index).collect();
        if members.is_empty() {
            self.trouble().no_socket += 1;
        }
        let (payload, runs) = received.packet.take_content();
        for index in members {
            if self.admit(index, opened.zero_over_ipv6) {
                self.events.push_back(UdpEvent::Received {
                    socket: self.id_of(index),
                    source,
                    destination,
                    interface: received.interface,
                    hop_limit: received.hop_limit,
                    traffic_class: received.traffic_class,
                    payload: payload.clone(),
                    runs: runs.clone(),
                });
            }
        }
    }

    /// Whether the socket takes the datagram and there is room for it; counts it either way.
    #[inline]
    fn admit(&mut self, index: u32, zero_over_ipv6: bool) -> bool {
        let socket = self.slots[index as usize].socket.as_ref();
        if zero_over_ipv6 && !socket.is_some_and(|socket| socket.options.accept_zero_checksum) {
            self.trouble().bad_checksum += 1;
            false
        } else if self.events.len() >= self.events_max as usize {
            self.trouble().queue_full += 1;
            false
        } else {
            self.received += 1;
            true
        }
    }
}

fn unspecified_like(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    }
}

/// Bytes behind an IPv4 header without options and a UDP header in the longest packet (RFC 791 §3.1).
const IPV4_PAYLOAD_MAX: u32 = 65_535 - 20 - HEADER_LEN as u32;

/// Events that may wait unless [`UdpEndpoint::set_events_max`] says otherwise.
const EVENTS_MAX: u32 = 4096;
