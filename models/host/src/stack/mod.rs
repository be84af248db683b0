//! A host's protocols behind one face: datagrams and byte streams, whatever carries them.

mod carrier;
mod event;
mod mptcp;
mod sctp;
mod tcp;
mod udp;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sim_core::random::Streams;
use sim_core::{IdleQueue, IdleRng, SimTime, SmallMap};
use transport::endpoint::{Endpoint, Envelope, NetworkEvent, Received, Transmit};
use transport::mptcp::MptcpId;
use transport::sctp::AssociationId;
use transport::tcp::note::Note;
use transport::tcp::{ConnectionId, LimitTimes, ListenerId, TcpEndpoint};
use transport::udp::{SendOptions, SocketId, UdpEndpoint};
use wire::account::{FlowId, Run, Runs};
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::payload::{Payload, Slice};

pub use carrier::{Carrier, SctpOptions, UdpOptions};
pub use event::StackEvent;

use crate::purpose;

/// A socket or connection of a host.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Handle {
    /// A UDP socket.
    Udp(SocketId),
    /// A TCP connection.
    Tcp(ConnectionId),
    /// A connection of Multipath TCP.
    Mptcp(MptcpId),
    /// An SCTP association.
    Sctp(AssociationId),
}

/// The protocols of one host.
#[derive(Debug)]
pub struct Stack {
    udp: UdpEndpoint,
    tcp: Option<Box<TcpEndpoint>>,
    mptcp: Option<Box<mptcp::Mptcp>>,
    sctp: Option<Box<sctp::Sctp>>,
    rare: Option<Box<Rare>>,
    rng: IdleRng,
    /// Words drawn of UDP's generator, which is the first one split off `rng`.
    udp_drawn: u32,
    owners: SmallMap<Handle, u32>,
    /// Whether the transports keep notes for a sequence diagram.
    noting: bool,
}

/// What a host with datagrams and one address does without.
#[derive(Debug, Default)]
struct Rare {
    /// Packets that no protocol stands behind.
    raw: IdleQueue<Transmit>,
    /// All addresses of the host, where one of its applications uses them.
    addresses: Vec<IpAddr>,
    /// Addresses that are for use only when nothing else is left.
    backups: BTreeSet<IpAddr>,
    /// Who listens for TCP connections.
    listeners: BTreeMap<ListenerId, u32>,
}

impl Stack {
    /// The protocols of the host called `name`.
    pub fn new(streams: &Streams, name: &str, noting: bool) -> Self {
        Self::with_rng(streams.stream(name, purpose::TRANSPORT), noting)
    }

    /// The protocols of the same host after a reboot: chance goes on where it was, so that no port, tag or sequence
    /// number of before comes again.
    pub(crate) fn reboot(&mut self) {
        *self = Self::with_rng(split(&mut self.rng), self.noting);
    }

    fn with_rng(mut rng: ChaCha8Rng, noting: bool) -> Self {
        let _ = split(&mut rng); // UDP's, which is made again where it is needed.
        Self {
            udp: UdpEndpoint::without_chance(),
            udp_drawn: 0,
            tcp: None,
            mptcp: None,
            sctp: None,
            rare: None,
            rng: rng.into(),
            owners: SmallMap::new(),
            noting,
        }
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
            Carrier::Udp(options) => self.bind_udp(options, Some(way.source), 0)?,
            Carrier::Tcp(config) => self.connect_tcp(now, config, way, peer, flow)?,
            Carrier::Mptcp(config) => self.connect_mptcp(now, config, way, peer, flow)?,
            Carrier::Sctp(options) => self.connect_sctp(now, options, way, peer, flow)?,
        };
        self.owners.insert(handle, app as u32);
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
            Carrier::Udp(options) => {
                let handle = self.bind_udp(options, address, port)?;
                self.owners.insert(handle, app as u32);
                Some(handle)
            }
            Carrier::Tcp(config) => {
                self.listen_tcp(app, config, address, port, mtu);
                None
            }
            Carrier::Mptcp(config) => {
                self.listen_mptcp(app, config, address, port, mtu);
                None
            }
            Carrier::Sctp(options) => {
                self.listen_sctp(app, options, address, port, mtu);
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
            Handle::Tcp(_) | Handle::Mptcp(_) | Handle::Sctp(_) => {
                unreachable!("a connection takes a stream, not datagrams")
            }
        }
    }

    /// Writes to a stream; says how many bytes were accepted.
    pub fn write(&mut self, now: SimTime, handle: Handle, slice: Slice, run: Run) -> u32 {
        match handle {
            Handle::Tcp(id) => self.tcp().write(now, id, &slice, run),
            Handle::Mptcp(id) => self.mptcp().endpoint.write(now, id, &slice, run),
            Handle::Sctp(id) => self.write_sctp(now, id, &slice, run),
            Handle::Udp(_) => unreachable!("a socket takes datagrams, not a stream"),
        }
    }

    /// Bytes that a stream would accept now.
    pub fn writable(&mut self, handle: Handle) -> u32 {
        match handle {
            Handle::Tcp(id) => self.tcp().writable(id),
            Handle::Mptcp(id) => self.mptcp().endpoint.writable(id),
            Handle::Sctp(id) => self.sctp().endpoint.writable(id),
            Handle::Udp(_) => 0,
        }
    }

    /// Reads all that a stream has, or of a TCP or Multipath TCP connection at most `max` bytes.
    pub fn read(&mut self, now: SimTime, handle: Handle, max: u32) -> (Payload, Runs) {
        match handle {
            Handle::Tcp(id) => self.tcp().read(now, id, max),
            Handle::Mptcp(id) => self.read_mptcp(now, id, max),
            Handle::Sctp(id) => self.read_sctp(id),
            Handle::Udp(_) => (Payload::empty(), Runs::new()),
        }
    }

    /// Bytes that a TCP connection has to be read.
    pub fn readable(&self, handle: Handle) -> u32 {
        match (handle, &self.tcp) {
            (Handle::Tcp(id), Some(tcp)) => tcp.readable(id),
            (Handle::Tcp(_) | Handle::Mptcp(_) | Handle::Udp(_) | Handle::Sctp(_), _) => 0,
        }
    }

    /// Who is at the other end of a byte stream.
    pub fn peer(&self, handle: Handle) -> Option<SocketAddr> {
        match handle {
            Handle::Tcp(id) => self.tcp.as_ref()?.sockets(id).map(|(_, peer)| peer),
            Handle::Mptcp(id) => self.mptcp.as_ref()?.endpoint.sockets(id).map(|(_, peer)| peer),
            Handle::Sctp(id) => self.sctp.as_ref()?.endpoint.peer(id),
            Handle::Udp(_) => None,
        }
    }

    /// How long each limit has held back the sender of a TCP connection until `now`.
    pub fn limit_times(&self, now: SimTime, handle: Handle) -> Option<LimitTimes> {
        match handle {
            Handle::Tcp(id) => self.tcp.as_ref()?.limit_times(now, id),
            Handle::Mptcp(_) | Handle::Sctp(_) | Handle::Udp(_) => None,
        }
    }

    /// Ends a socket or, after all that was written, one direction of a connection.
    pub fn close(&mut self, now: SimTime, handle: Handle) {
        match handle {
            Handle::Tcp(id) => self.tcp().shutdown(now, id),
            Handle::Mptcp(id) => self.mptcp().endpoint.shutdown(now, id),
            Handle::Sctp(id) => self.sctp().endpoint.shutdown(now, id),
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
            IpProtocol::UDP if self.is_encapsulated(received.packet) => {
                self.handle_encapsulated(now, received)
            }
            IpProtocol::UDP => self.udp.handle_datagram(now, received),
            IpProtocol::TCP => self.handle_segment(now, received),
            // A host that speaks no SCTP refuses the protocol, as operating systems without it do.
            IpProtocol::SCTP => match &mut self.sctp {
                Some(sctp) => sctp.endpoint.handle_datagram(now, received),
                None => return false,
            },
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
        match event {
            NetworkEvent::AddressRemoved(gone, _) => {
                if let Some(rare) = &mut self.rare {
                    rare.addresses.retain(|address| address != gone);
                }
            }
            NetworkEvent::AddressAdded(new, _) if !self.addresses().contains(new) => {
                self.rare().addresses.push(*new);
            }
            NetworkEvent::AddressAdded(..)
            | NetworkEvent::LinkUp(_)
            | NetworkEvent::LinkDown(_)
            | NetworkEvent::Icmp { .. } => {}
        }
        if protocol.is_none_or(|protocol| protocol == IpProtocol::UDP)
            && !self.handle_encapsulated_error(now, event)
        {
            self.udp.handle_network(now, event);
        }
        if protocol.is_none_or(|protocol| protocol == IpProtocol::TCP)
            && let Some(tcp) = &mut self.tcp
        {
            tcp.handle_network(now, event);
        }
        if protocol.is_none_or(|protocol| protocol == IpProtocol::TCP)
            && let Some(mptcp) = &mut self.mptcp
        {
            mptcp.endpoint.handle_network(now, event);
        }
        if protocol.is_none_or(|protocol| protocol == IpProtocol::SCTP)
            && let Some(sctp) = &mut self.sctp
        {
            sctp.endpoint.handle_network(now, event);
        }
    }

    /// Fires the timers due by now.
    pub(crate) fn handle_timeout(&mut self, now: SimTime) {
        if let Some(tcp) = &mut self.tcp
            && tcp.poll_timeout().is_some_and(|due| due <= now)
        {
            tcp.handle_timeout(now);
        }
        if let Some(mptcp) = &mut self.mptcp
            && mptcp.endpoint.poll_timeout().is_some_and(|due| due <= now)
        {
            mptcp.endpoint.handle_timeout(now);
        }
        if let Some(sctp) = &mut self.sctp
            && sctp.endpoint.poll_timeout().is_some_and(|due| due <= now)
        {
            sctp.endpoint.handle_timeout(now);
        }
    }

    /// The earliest timer.
    #[inline]
    pub(crate) fn poll_timeout(&self) -> Option<SimTime> {
        let tcp = self.tcp.as_ref().and_then(|tcp| tcp.poll_timeout());
        if self.sctp.is_none() && self.mptcp.is_none() {
            return tcp;
        }
        let sctp = self.sctp.as_ref().and_then(|sctp| sctp.endpoint.poll_timeout());
        let mptcp = self.mptcp.as_ref().and_then(|mptcp| mptcp.endpoint.poll_timeout());
        tcp.into_iter().chain(sctp).chain(mptcp).min()
    }

    /// Whether [`Self::poll_transmit`] may have something: a quick look.
    #[inline]
    pub(crate) fn may_transmit(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.raw.is_empty())
            || self.udp.may_transmit()
            || self.tcp.as_ref().is_some_and(|tcp| tcp.may_transmit())
            || self.mptcp.as_ref().is_some_and(|mptcp| mptcp.endpoint.may_transmit())
            || self.sctp.as_ref().is_some_and(|sctp| sctp.endpoint.may_transmit())
    }

    /// The next datagram to send, its packet written into `place`.
    pub(crate) fn poll_transmit(&mut self, now: SimTime, place: &mut Packet) -> Option<Envelope> {
        if let Some(transmit) = self.rare.as_mut().and_then(|rare| rare.raw.pop_front()) {
            return Some(transmit.put_into(place));
        }
        if self.udp.may_transmit() {
            return self.udp.poll_transmit_into(now, place);
        }
        if let Some(tcp) = &mut self.tcp
            && let Some(envelope) = tcp.poll_transmit_into(now, place)
        {
            return Some(envelope);
        }
        if let Some(mptcp) = &mut self.mptcp
            && let Some(envelope) = mptcp.endpoint.poll_transmit_into(now, place)
        {
            return Some(envelope);
        }
        self.sctp.as_mut()?.endpoint.poll_transmit_into(now, place)
    }

    /// The next event, with the application and the handle that it is for.
    #[inline]
    pub(crate) fn poll_event(&mut self) -> Option<(usize, Handle, StackEvent)> {
        // Most looks find nothing.
        let any = self.udp.has_events()
            || self.tcp.as_ref().is_some_and(|tcp| tcp.has_events())
            || self.mptcp.as_ref().is_some_and(|mptcp| mptcp.endpoint.has_events())
            || self.sctp.as_ref().is_some_and(|sctp| sctp.endpoint.has_events());
        if any { self.next_event() } else { None }
    }

    fn next_event(&mut self) -> Option<(usize, Handle, StackEvent)> {
        if let Some(event) = self.udp.poll_event() {
            return Some(self.udp_event(event));
        }
        while let Some(event) = self.tcp.as_mut().and_then(|tcp| tcp.poll_event()) {
            if let Some(event) = self.tcp_event(event) {
                return Some(event);
            }
        }
        if self.mptcp.is_some()
            && let Some(event) = self.poll_mptcp_event()
        {
            return Some(event);
        }
        if self.sctp.is_some() {
            return self.poll_sctp_event();
        }
        None
    }

    /// Addresses an event of a connection to the application whose it is; the last one ends that.
    fn for_owner(&mut self, handle: Handle, event: StackEvent) -> Option<(usize, Handle, StackEvent)> {
        let app = match event {
            StackEvent::Closed => self.owners.remove(&handle)?,
            _ => *self.owners.get(&handle)?,
        };
        Some((app as usize, handle, event))
    }

    /// What happened inside connections since the last call.
    pub(crate) fn drain_notes(&mut self) -> Vec<Note> {
        let mut notes = self.tcp.as_mut().map_or_else(Vec::new, |tcp| tcp.drain_notes());
        if let Some(mptcp) = &mut self.mptcp {
            notes.extend(mptcp.endpoint.drain_notes());
        }
        notes
    }

    /// Says which addresses the host has, for what uses them all.
    pub(crate) fn set_addresses(&mut self, addresses: Vec<IpAddr>) {
        if let Some(mptcp) = &mut self.mptcp {
            mptcp.endpoint.set_addresses(addresses.clone());
        }
        self.rare().addresses = addresses;
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// All addresses of the host, where one of its applications uses them.
    fn addresses(&self) -> &[IpAddr] {
        self.rare.as_ref().map_or(&[], |rare| &rare.addresses)
    }

    /// Says whether an address is for use only when nothing else is left.
    pub(crate) fn set_backup(&mut self, now: SimTime, address: IpAddr, backup: bool) {
        if backup {
            self.rare().backups.insert(address);
        } else if let Some(rare) = &mut self.rare {
            rare.backups.remove(&address);
        }
        if let Some(mptcp) = &mut self.mptcp {
            mptcp.endpoint.set_address_backup(now, address, backup);
        }
    }

    /// Ends all connections at once, as an operating system does when it kills their programs.
    pub(crate) fn abort_all(&mut self, now: SimTime) {
        let handles: Vec<Handle> = self.owners.keys().copied().collect();
        for handle in handles {
            match handle {
                Handle::Tcp(id) => self.tcp().abort(now, id),
                Handle::Mptcp(id) => self.mptcp().endpoint.abort(now, id),
                Handle::Sctp(id) => self.sctp().endpoint.abort(id, b"killed"),
                Handle::Udp(_) => {}
            }
        }
    }

    /// Sends a packet that no protocol of the host stands behind.
    pub(crate) fn send_raw(&mut self, transmit: Transmit) {
        self.rare().raw.push_back(transmit);
    }

    /// Connections that are half open now, and the most that were at once, of all protocols with listeners.
    pub fn half_open(&self) -> (u32, u32) {
        let tcp = self
            .tcp
            .as_ref()
            .map_or((0, 0), |tcp| (tcp.half_open().connections, tcp.counters().half_open_max));
        let sctp = self.sctp.as_ref().map_or((0, 0), |sctp| sctp.endpoint.half_open());
        (tcp.0 + sctp.0, tcp.1 + sctp.1)
    }

    /// Makes the sockets of a port members of a group.
    pub fn join(&mut self, handle: Handle, group: IpAddr) {
        if let Handle::Udp(socket) = handle {
            self.udp.join(socket, group);
        }
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

/// A generator of its own for one protocol.
fn split(rng: &mut impl Rng) -> ChaCha8Rng {
    use rand::SeedableRng;
    ChaCha8Rng::from_rng(rng)
}
