//! A host's protocols behind one face: datagrams and byte streams, whatever carries them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use sim_core::SimTime;
use sim_core::random::Streams;
use transport::endpoint::{Endpoint, NetworkEvent, Received, Transmit};
use transport::tcp::note::Note;
use transport::tcp::{ConnectionId, ListenerId, TcpConfig, TcpEndpoint, TcpEvent};
use transport::udp::{SendOptions, SocketId, SocketOptions, UdpEndpoint, UdpEvent};
use wire::account::{FlowId, Run, Runs};
use wire::ip::IpProtocol;
use wire::payload::{Payload, Slice};

use crate::purpose;

/// What carries a flow, and how it is set up.
#[derive(Clone, Debug)]
pub enum Carrier {
    /// Datagrams.
    Udp(Arc<UdpOptions>),
    /// A byte stream.
    Tcp(Arc<TcpConfig>),
}

/// How a UDP flow is sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct UdpOptions {
    /// What holds for its sockets.
    pub socket: SocketOptions,
    /// What holds for its datagrams.
    pub send: SendOptions,
}

impl Carrier {
    /// Whether it has to be set up before it carries anything.
    pub fn has_connections(&self) -> bool {
        match self {
            Self::Udp(_) => false,
            Self::Tcp(_) => true,
        }
    }

    /// Whether it carries a stream of bytes, not datagrams.
    pub fn is_stream(&self) -> bool {
        match self {
            Self::Udp(_) => false,
            Self::Tcp(_) => true,
        }
    }

    /// What datagrams are sent with.
    pub fn send_options(&self) -> SendOptions {
        match self {
            Self::Udp(options) => options.send,
            Self::Tcp(_) => SendOptions::default(),
        }
    }

    /// Whether `other` is the same protocol, however it is set up.
    pub fn same_protocol(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Udp(_), Self::Udp(_)) | (Self::Tcp(_), Self::Tcp(_)) => true,
            (Self::Udp(_), Self::Tcp(_)) | (Self::Tcp(_), Self::Udp(_)) => false,
        }
    }
}

/// A socket or connection of a host.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Handle {
    /// A UDP socket.
    Udp(SocketId),
    /// A TCP connection.
    Tcp(ConnectionId),
}

/// What a socket or connection reports to its application.
#[derive(Clone, Debug)]
pub enum StackEvent {
    /// The connection can take bytes for the first time.
    Connected,
    /// A listener took a new connection, which is the event's handle.
    Accepted,
    /// A datagram arrived.
    Datagram {
        /// Who sent it.
        from: (IpAddr, u16),
        /// The address that it was sent to.
        to: IpAddr,
        /// What it holds.
        payload: Payload,
        /// Whose it is.
        runs: Runs,
    },
    /// Bytes can be read.
    Readable,
    /// There is room again for bytes to be sent.
    Writable,
    /// The other side will send no more.
    PeerClosed,
    /// The connection is over, in order or not.
    Closed,
    /// A datagram could not be delivered (ICMP).
    Unreachable,
}

/// The protocols of one host.
#[derive(Debug)]
pub struct Stack {
    udp: UdpEndpoint,
    tcp: Option<Box<TcpEndpoint>>,
    rng: ChaCha8Rng,
    owners: BTreeMap<Handle, usize>,
    listeners: BTreeMap<ListenerId, usize>,
    /// Whether the transports keep notes for a sequence diagram.
    noting: bool,
}

impl Stack {
    /// The protocols of the host called `name`.
    pub fn new(streams: &Streams, name: &str, noting: bool) -> Self {
        let mut rng = streams.stream(name, purpose::TRANSPORT);
        let udp = UdpEndpoint::new(split(&mut rng));
        Self { udp, tcp: None, rng, owners: BTreeMap::new(), listeners: BTreeMap::new(), noting }
    }

    /// Opens a socket or starts a connection towards `peer` for a flow of the application `app`.
    ///
    /// `None` if there is no port number left, or `peer` cannot be connected to.
    pub fn open(
        &mut self,
        now: SimTime,
        app: usize,
        carrier: &Carrier,
        way: Way,
        peer: (IpAddr, u16),
        flow: FlowId,
    ) -> Option<Handle> {
        let handle = match carrier {
            Carrier::Udp(config) => Handle::Udp(self.udp.bind(Some(way.source), 0, config.socket).ok()?),
            Carrier::Tcp(config) => {
                let local = SocketAddr::new(way.source, 0);
                let config = with_mtu(config, way.mtu);
                let id = self.tcp().connect(now, local, SocketAddr::from(peer), config).ok()?;
                self.tcp().set_flow(id, flow);
                Handle::Tcp(id)
            }
        };
        self.owners.insert(handle, app);
        Some(handle)
    }

    /// Takes what comes to a port number on behalf of the application `app`, if the port is free; a socket
    /// for datagrams is returned.
    pub fn listen(
        &mut self,
        app: usize,
        carrier: &Carrier,
        address: Option<IpAddr>,
        port: u16,
        mtu: u16,
    ) -> Option<Handle> {
        match carrier {
            Carrier::Udp(config) => {
                let handle = Handle::Udp(self.udp.bind(address, port, config.socket).ok()?);
                self.owners.insert(handle, app);
                Some(handle)
            }
            Carrier::Tcp(config) => {
                // Without an address a listener takes both families, as a socket of an operating system does.
                let locals = match address {
                    Some(address) => vec![address],
                    None => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
                };
                for local in locals {
                    let listener =
                        self.tcp().listen(SocketAddr::new(local, port), with_mtu(config, mtu), BACKLOG);
                    self.listeners.extend(listener.map(|listener| (listener, app)));
                }
                None
            }
        }
    }

    /// Sends a datagram, from `source` if the socket is bound to no address; says whether it was taken.
    pub fn send(
        &mut self,
        handle: Handle,
        options: &SendOptions,
        to: (IpAddr, u16),
        payload: Payload,
        runs: Runs,
    ) -> bool {
        match handle {
            Handle::Udp(socket) => {
                self.udp.send(socket, Some(SocketAddr::from(to)), payload, runs, options).is_ok()
            }
            Handle::Tcp(_) => unreachable!("a connection takes a stream, not datagrams"),
        }
    }

    /// Writes to a stream; says how many bytes were accepted.
    pub fn write(&mut self, now: SimTime, handle: Handle, slice: Slice, run: Run) -> u32 {
        match handle {
            Handle::Tcp(id) => self.tcp().write(now, id, &slice, run),
            Handle::Udp(_) => unreachable!("a socket takes datagrams, not a stream"),
        }
    }

    /// Bytes that a stream would accept now.
    pub fn writable(&mut self, handle: Handle) -> u32 {
        match handle {
            Handle::Tcp(id) => self.tcp().writable(id),
            Handle::Udp(_) => 0,
        }
    }

    /// Reads all that a stream has.
    pub fn read(&mut self, now: SimTime, handle: Handle) -> (Payload, Runs) {
        match handle {
            Handle::Tcp(id) => self.tcp().read(now, id, u32::MAX),
            Handle::Udp(_) => (Payload::empty(), Runs::new()),
        }
    }

    /// Ends a socket or, after all that was written, one direction of a connection.
    pub fn close(&mut self, now: SimTime, handle: Handle) {
        match handle {
            Handle::Tcp(id) => self.tcp().shutdown(now, id),
            Handle::Udp(socket) => {
                self.owners.remove(&handle);
                self.udp.close(socket);
            }
        }
    }

    /// Hands a datagram to the protocol that it is for; says whether there is one.
    #[inline]
    pub(crate) fn handle_datagram(
        &mut self,
        now: SimTime,
        protocol: IpProtocol,
        received: Received<'_>,
    ) -> bool {
        match protocol {
            IpProtocol::UDP => self.udp.handle_datagram(now, received),
            IpProtocol::TCP => self.tcp().handle_datagram(now, received),
            _ => return false,
        }
        true
    }

    /// Tells the protocols news of the network; an ICMP error only the one whose packet caused it.
    pub(crate) fn handle_network(
        &mut self,
        now: SimTime,
        protocol: Option<IpProtocol>,
        event: &NetworkEvent,
    ) {
        if protocol.is_none_or(|protocol| protocol == IpProtocol::UDP) {
            self.udp.handle_network(now, event);
        }
        if protocol.is_none_or(|protocol| protocol == IpProtocol::TCP)
            && let Some(tcp) = &mut self.tcp
        {
            tcp.handle_network(now, event);
        }
    }

    /// Fires the timers due by now.
    pub(crate) fn handle_timeout(&mut self, now: SimTime) {
        if let Some(tcp) = &mut self.tcp
            && tcp.poll_timeout().is_some_and(|due| due <= now)
        {
            tcp.handle_timeout(now);
        }
    }

    /// The earliest timer.
    #[inline]
    pub(crate) fn poll_timeout(&self) -> Option<SimTime> {
        self.tcp.as_ref().and_then(|tcp| tcp.poll_timeout())
    }

    /// The next datagram to send.
    #[inline]
    pub(crate) fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit> {
        if let Some(transmit) = self.udp.poll_transmit(now) {
            return Some(transmit);
        }
        self.tcp.as_mut().and_then(|tcp| tcp.poll_transmit(now))
    }

    /// The next event, with the application and the handle that it is for.
    #[inline]
    pub(crate) fn poll_event(&mut self) -> Option<(usize, Handle, StackEvent)> {
        if let Some(event) = self.udp.poll_event() {
            return Some(self.udp_event(event));
        }
        while let Some(event) = self.tcp.as_mut().and_then(|tcp| tcp.poll_event()) {
            if let Some(event) = self.tcp_event(event) {
                return Some(event);
            }
        }
        None
    }

    fn udp_event(&self, event: UdpEvent) -> (usize, Handle, StackEvent) {
        let (socket, event) = match event {
            UdpEvent::Received { socket, source, destination, payload, runs, .. } => {
                let from = (source.ip(), source.port());
                (socket, StackEvent::Datagram { from, to: destination, payload, runs })
            }
            UdpEvent::Error { socket, .. } => (socket, StackEvent::Unreachable),
        };
        let handle = Handle::Udp(socket);
        let app = *self.owners.get(&handle).expect("every socket was opened for an application");
        (app, handle, event)
    }

    fn tcp_event(&mut self, event: TcpEvent) -> Option<(usize, Handle, StackEvent)> {
        let (id, event) = match event {
            TcpEvent::Connected(id) => (id, StackEvent::Connected),
            TcpEvent::Accepted { listener, id } => {
                let app = *self.listeners.get(&listener)?;
                self.owners.insert(Handle::Tcp(id), app);
                (id, StackEvent::Accepted)
            }
            TcpEvent::Readable(id) => (id, StackEvent::Readable),
            TcpEvent::Writable(id) => (id, StackEvent::Writable),
            TcpEvent::PeerClosed(id) => (id, StackEvent::PeerClosed),
            TcpEvent::Closed { id, .. } => (id, StackEvent::Closed),
            // Nobody here sends urgent data, and a stalled connection may yet recover.
            TcpEvent::Urgent(_) | TcpEvent::Stalled(_) => return None,
        };
        let handle = Handle::Tcp(id);
        let app = match event {
            StackEvent::Closed => self.owners.remove(&handle)?,
            _ => *self.owners.get(&handle)?,
        };
        Some((app, handle, event))
    }

    /// What happened inside connections since the last call.
    pub(crate) fn drain_notes(&mut self) -> Vec<Note> {
        self.tcp.as_mut().map_or_else(Vec::new, |tcp| tcp.drain_notes())
    }

    /// The TCP endpoint, made on first use.
    pub(crate) fn tcp(&mut self) -> &mut TcpEndpoint {
        let (rng, noting) = (&mut self.rng, self.noting);
        self.tcp.get_or_insert_with(|| {
            let mut tcp = TcpEndpoint::new(split(rng));
            if noting {
                tcp.keep_notes();
            }
            Box::new(tcp)
        })
    }

    /// The TCP endpoint, if it was ever used.
    pub fn tcp_endpoint(&self) -> Option<&TcpEndpoint> {
        self.tcp.as_deref()
    }

    /// Makes the sockets of a port members of a group.
    pub fn join(&mut self, handle: Handle, group: IpAddr) {
        if let Handle::Udp(socket) = handle {
            self.udp.join(socket, group);
        }
    }

    /// Datagrams that no socket took so far.
    pub(crate) fn unclaimed(&self) -> u64 {
        self.udp.counters().no_socket
    }

    /// The UDP endpoint.
    pub fn udp_endpoint(&self) -> &UdpEndpoint {
        &self.udp
    }
}

/// How a host reaches a peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Way {
    /// The address that it sends from.
    pub source: IpAddr,
    /// The largest packet that the first link takes.
    pub mtu: u16,
}

/// The same configuration for a link that takes packets of `mtu` bytes.
fn with_mtu(config: &Arc<TcpConfig>, mtu: u16) -> Arc<TcpConfig> {
    if config.mtu == u32::from(mtu) {
        return Arc::clone(config);
    }
    Arc::new(TcpConfig { mtu: u32::from(mtu), ..TcpConfig::clone(config) })
}

/// A generator of its own for one protocol.
fn split(rng: &mut ChaCha8Rng) -> ChaCha8Rng {
    use rand::SeedableRng;
    ChaCha8Rng::from_rng(rng)
}

/// Connections that may wait to be accepted by one listener (Linux's `somaxconn`).
const BACKLOG: u32 = 4096;
