//! The UDP of one host.

use std::collections::VecDeque;
use std::net::IpAddr;

use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;
use sim_core::SimTime;
use smallvec::SmallVec;
use wire::account::{Account, FlowId, Protocol, Reason, Runs};
use wire::checksum::pseudo_header;
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::udp::{HEADER_LEN, Header, ZeroChecksum, verify};

use super::UdpConfig;
use crate::endpoint::{Endpoint, IcmpError, NetworkEvent, Received, Transmit};
use crate::ports::choose_ephemeral;

/// A socket of one endpoint.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SocketId(u32);

/// What the endpoint reports to its user.
#[derive(Clone, Debug)]
pub enum UdpEvent {
    /// A datagram arrived.
    Received {
        /// The socket that it came to.
        socket: SocketId,
        /// Address and port of the sender.
        source: (IpAddr, u16),
        /// The address that it was sent to: the socket's, or a group's.
        destination: IpAddr,
        /// What it holds.
        payload: Payload,
        /// Whose the bytes are.
        runs: Runs,
    },
    /// An ICMP error came about a datagram of the socket (RFC 1122 §4.1.3.3).
    Error {
        /// The socket that had sent it.
        socket: SocketId,
        /// Address and port that it was sent to.
        destination: (IpAddr, u16),
        /// What the error says.
        error: IcmpError,
    },
}

/// Why a socket could not be bound.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BindError {
    /// Another socket has the port at this address.
    #[error("UDP port {0} is in use")]
    PortInUse(u16),
    /// Every port of the dynamic range is taken.
    #[error("no ephemeral UDP port is free")]
    NoPortLeft,
}

/// What became of datagrams.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct UdpCounters {
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams handed to a socket, once for each.
    pub received: u64,
    /// Datagrams too short for a header, or whose length field is impossible.
    pub malformed: u64,
    /// Datagrams whose checksum is wrong, or missing where it may not be.
    pub bad_checksum: u64,
    /// Datagrams to a port that no socket has.
    pub no_port: u64,
    /// Datagrams too long to be sent.
    pub too_long: u64,
}

/// The UDP of one host: its sockets, and what waits to be sent or reported.
#[derive(Debug)]
pub struct UdpEndpoint {
    sockets: Vec<Option<Socket>>,
    by_port: FxHashMap<u16, SmallVec<[SocketId; 2]>>,
    outgoing: VecDeque<Transmit>,
    events: VecDeque<UdpEvent>,
    rng: ChaCha8Rng,
    counters: UdpCounters,
}

#[derive(Clone, Debug)]
struct Socket {
    address: Option<IpAddr>,
    port: u16,
    config: UdpConfig,
}

impl UdpEndpoint {
    /// An endpoint without sockets; `rng` chooses ephemeral ports.
    pub fn new(rng: ChaCha8Rng) -> Self {
        Self {
            sockets: Vec::new(),
            by_port: FxHashMap::default(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            rng,
            counters: UdpCounters::default(),
        }
    }

    /// Opens a socket at one of the host's addresses, or at all of them; without `port` at an ephemeral
    /// one (RFC 6056).
    ///
    /// # Errors
    ///
    /// When the port is in use at that address, or none is free.
    pub fn bind(&mut self, address: Option<IpAddr>, port: Option<u16>, config: UdpConfig) -> Result<SocketId, BindError> {
        let port = match port {
            Some(port) if self.is_taken(address, port) => return Err(BindError::PortInUse(port)),
            Some(port) => port,
            None => {
                let by_port = &self.by_port;
                choose_ephemeral(&mut self.rng, |port| !by_port.contains_key(&port)).ok_or(BindError::NoPortLeft)?
            }
        };
        let socket = Some(Socket { address, port, config });
        let free = self.sockets.iter().position(Option::is_none);
        let index = free.unwrap_or(self.sockets.len());
        if index == self.sockets.len() {
            self.sockets.push(socket);
        } else {
            self.sockets[index] = socket;
        }
        let id = SocketId(index as u32);
        self.by_port.entry(port).or_default().push(id);
        Ok(id)
    }

    fn is_taken(&self, address: Option<IpAddr>, port: u16) -> bool {
        let others = self.by_port.get(&port).into_iter().flatten();
        others.filter_map(|id| self.sockets[id.0 as usize].as_ref()).any(|socket| socket.address == address)
    }

    /// Closes a socket; what it had sent still goes out.
    pub fn close(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(id.0 as usize).and_then(Option::take) else { return };
        if let Some(ids) = self.by_port.get_mut(&socket.port) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.by_port.remove(&socket.port);
            }
        }
        self.events.retain(|event| event.socket() != id);
    }

    /// The port of a socket.
    pub fn port(&self, id: SocketId) -> Option<u16> {
        self.sockets.get(id.0 as usize)?.as_ref().map(|socket| socket.port)
    }

    /// What became of datagrams so far.
    pub fn counters(&self) -> UdpCounters {
        self.counters
    }

    /// Sends one datagram from `source`, an address of the host, and says whether it was taken: a longer
    /// one than fits into an internet packet is not.
    #[inline]
    pub fn send(
        &mut self,
        id: SocketId,
        source: IpAddr,
        destination: (IpAddr, u16),
        payload: Payload,
        runs: Runs,
    ) -> bool {
        let Some(Some(socket)) = self.sockets.get(id.0 as usize) else { return false };
        let (address, port) = destination;
        let longest = if address.is_ipv4() { IPV4_PAYLOAD_MAX } else { usize::from(u16::MAX) };
        let header = Header::new(socket.port, port, payload.len() as usize);
        let (Ok(header), true) = (header, HEADER_LEN + payload.len() as usize <= longest) else {
            self.counters.too_long += 1;
            return false;
        };
        let mut account = Account::new(runs.first().map_or(FlowId::NONE, |run| run.flow), Reason::Data);
        account.push_header(Protocol::Udp, HEADER_LEN);
        account.runs = runs;
        let sum = payload.sum();
        let mut packet = Packet::new(payload, account);
        let out = packet.push_header(HEADER_LEN);
        if socket.config.checksum || !address.is_ipv4() {
            let length = u32::from(header.length());
            header.emit(out, pseudo_header(source, address, IpProtocol::UDP, length) + sum);
        } else {
            header.emit_without_checksum(out);
        }
        self.counters.sent += 1;
        self.outgoing.push_back(Transmit {
            source,
            destination: address,
            interface: None,
            protocol: IpProtocol::UDP,
            hop_limit: socket.config.hop_limit,
            traffic_class: socket.config.traffic_class,
            dont_fragment: socket.config.dont_fragment,
            packet,
        });
        true
    }

    /// The sockets that a datagram to `destination` is for: of a group every one bound to it or to all
    /// addresses, else the one at exactly this address, else the one at all addresses (RFC 1122 §4.1.3.5).
    fn receivers(&self, destination: IpAddr, port: u16) -> SmallVec<[SocketId; 2]> {
        let Some(ids) = self.by_port.get(&port) else { return SmallVec::new() };
        let at = |id: &SocketId| self.sockets[id.0 as usize].as_ref().and_then(|socket| socket.address);
        if is_group(destination) {
            return ids.iter().copied().filter(|id| at(id).is_none_or(|bound| bound == destination)).collect();
        }
        let exact = ids.iter().find(|id| at(id) == Some(destination));
        exact.or_else(|| ids.iter().find(|id| at(id).is_none())).copied().into_iter().collect()
    }

    fn on_icmp(&mut self, error: IcmpError, destination: IpAddr, quoted: &[u8]) {
        let [a, b, c, d, ..] = *quoted else { return };
        let (source_port, port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let Some(&socket) = self.by_port.get(&source_port).and_then(|ids| ids.first()) else { return };
        self.events.push_back(UdpEvent::Error { socket, destination: (destination, port), error });
    }
}

impl Endpoint for UdpEndpoint {
    type Event = UdpEvent;

    #[inline]
    fn handle_datagram(&mut self, _now: SimTime, received: Received<'_>) {
        let Received { source, destination, packet, .. } = received;
        let available = packet.len();
        let header = if packet.pull(HEADER_LEN) { Header::parse(packet.header()).ok() } else { None };
        let Some(header) = header.filter(|header| usize::from(header.length()) <= available) else {
            self.counters.malformed += 1;
            return;
        };
        let receivers = self.receivers(destination, header.destination_port);
        if receivers.is_empty() {
            self.counters.no_port += 1;
            return;
        }
        let mut bytes = [0; HEADER_LEN];
        bytes.copy_from_slice(&packet.header()[..HEADER_LEN]);
        packet.pop_header(HEADER_LEN);
        packet.account.pop_header();
        let (mut payload, mut runs) = packet.take_content();
        if (payload.len() as usize) > header.payload_len() {
            payload = payload.split_front(header.payload_len() as u32);
            runs = wire::account::split_runs(&mut runs, header.payload_len() as u32);
        }
        let pseudo = pseudo_header(source, destination, IpProtocol::UDP, u32::from(header.length()));
        let zero = if source.is_ipv4() { ZeroChecksum::Accepted } else { ZeroChecksum::Refused };
        if !verify(&bytes, pseudo + payload.sum(), zero) {
            self.counters.bad_checksum += 1;
            return;
        }
        let last = receivers.len() - 1;
        for (index, socket) in receivers.into_iter().enumerate() {
            self.counters.received += 1;
            let (payload, runs) = if index == last {
                (std::mem::take(&mut payload), std::mem::take(&mut runs))
            } else {
                (payload.clone(), runs.clone())
            };
            let source = (source, header.source_port);
            self.events.push_back(UdpEvent::Received { socket, source, destination, payload, runs });
        }
    }

    fn handle_network(&mut self, _now: SimTime, event: &NetworkEvent) {
        match event {
            NetworkEvent::Icmp { error, destination, quoted, .. } => self.on_icmp(*error, *destination, quoted),
            NetworkEvent::AddressAdded(..)
            | NetworkEvent::AddressRemoved(..)
            | NetworkEvent::LinkUp(_)
            | NetworkEvent::LinkDown(_) => {}
        }
    }

    fn handle_timeout(&mut self, _now: SimTime) {}

    #[inline]
    fn poll_transmit(&mut self, _now: SimTime) -> Option<Transmit> {
        self.outgoing.pop_front()
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        None
    }

    #[inline]
    fn poll_event(&mut self) -> Option<UdpEvent> {
        self.events.pop_front()
    }
}

impl UdpEvent {
    /// The socket that the event is for.
    pub fn socket(&self) -> SocketId {
        match self {
            Self::Received { socket, .. } | Self::Error { socket, .. } => *socket,
        }
    }
}

fn is_group(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

/// Bytes behind a plain IPv4 header in the longest packet (RFC 791 §3.1).
const IPV4_PAYLOAD_MAX: usize = 65_535 - wire::ipv4::HEADER_LEN;

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
