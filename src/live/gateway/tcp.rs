//! TCP of the gateway: connections of two halves, one of them real, the other one simulated.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rustix::event::{PollFd, PollFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use scenarios::outside::{Binding, Side};
use sim_core::SimTime;
use transport::endpoint::{Endpoint, Received, Transmit};
use transport::tcp::{ConnectionId, ListenerId, TcpConfig, TcpEndpoint, TcpEvent};
use wire::payload::Slice;

use super::{is_later, run_of, shown_as};

#[derive(Debug)]
pub(super) struct TcpGateway {
    endpoint: TcpEndpoint,
    config: Arc<TcpConfig>,
    doors: Vec<Door>,
    servers: BTreeMap<ListenerId, SocketAddr>,
    pairs: BTreeMap<ConnectionId, Pair>,
}

/// A real socket that real clients connect to, and where they get to in the simulation.
#[derive(Debug)]
struct Door {
    listener: TcpListener,
    to: SocketAddr,
}

/// The real half of a connection, and what is between the halves.
#[derive(Debug)]
struct Pair {
    stream: TcpStream,
    /// Read from the simulation, not yet written to the real half.
    outwards: Vec<u8>,
    /// Read from the real half, not yet taken by the simulation.
    inwards: Option<Slice>,
    /// The simulated half is established. Before, its end would end it before it began.
    connected: bool,
    /// No more comes from the real half.
    real_ended: bool,
    /// No more comes from the simulation.
    simulated_ended: bool,
    /// The simulated half is over; the real one ends when it has taken what is left.
    over: bool,
}

impl TcpGateway {
    pub(super) fn new(rng: ChaCha8Rng, mtu: u16) -> Self {
        Self {
            endpoint: TcpEndpoint::new(rng),
            config: Arc::new(TcpConfig { mtu: u32::from(mtu), ..TcpConfig::default() }),
            doors: Vec::new(),
            servers: BTreeMap::new(),
            pairs: BTreeMap::new(),
        }
    }

    pub(super) fn open(&mut self, binding: &Binding) -> io::Result<()> {
        match binding.side {
            Side::To(to) => {
                let listener = TcpListener::bind(binding.socket)?;
                listener.set_nonblocking(true)?;
                self.doors.push(Door { listener, to });
            }
            Side::From(port) => {
                for any in [IpAddr::from([0; 4]), IpAddr::from([0; 16])] {
                    let local = SocketAddr::new(any, port);
                    let listener = self.endpoint.listen(local, Arc::clone(&self.config), BACKLOG);
                    self.servers.insert(listener.map_err(io::Error::other)?, binding.socket);
                }
            }
        }
        Ok(())
    }

    pub(super) fn turn(&mut self, now: SimTime, source: impl Fn(IpAddr) -> Option<IpAddr>) {
        for door in &self.doors {
            while let Ok((stream, _)) = door.listener.accept() {
                let Some(own) = shown_as(&source, door.to) else { break };
                let ready = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
                let opened = self.endpoint.connect(now, own, door.to, Arc::clone(&self.config));
                if let (Ok(()), Ok(id)) = (ready, opened) {
                    self.pairs.insert(id, Pair::new(stream, false));
                }
            }
        }
        if self.endpoint.poll_timeout().is_some_and(|due| due <= now) {
            self.endpoint.handle_timeout(now);
        }
        self.handle_events(now);
        let all: Vec<ConnectionId> = self.pairs.keys().copied().collect();
        for id in all {
            self.pump(now, id);
        }
    }

    pub(super) fn take(&mut self, now: SimTime, received: Received<'_>) {
        self.endpoint.handle_datagram(now, received);
        self.handle_events(now);
    }

    fn handle_events(&mut self, now: SimTime) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                TcpEvent::Accepted { listener, id } => {
                    match self.servers.get(&listener).map(|&to| call(to)) {
                        Some(Ok(stream)) => {
                            self.pairs.insert(id, Pair::new(stream, true));
                        }
                        Some(Err(_)) | None => self.endpoint.abort(now, id),
                    }
                }
                TcpEvent::PeerClosed(id) => {
                    if let Some(pair) = self.pairs.get_mut(&id) {
                        pair.simulated_ended = true;
                    }
                    self.pump(now, id);
                }
                TcpEvent::Closed { id, .. } => {
                    if let Some(pair) = self.pairs.get_mut(&id) {
                        pair.over = true;
                    }
                    self.pump(now, id);
                }
                TcpEvent::Connected(id) => {
                    if let Some(pair) = self.pairs.get_mut(&id) {
                        pair.connected = true;
                    }
                    self.pump(now, id);
                }
                TcpEvent::Readable(id) | TcpEvent::Writable(id) => self.pump(now, id),
                TcpEvent::Acceptable(_) | TcpEvent::Urgent(_) | TcpEvent::Stalled(_) => {}
            }
        }
    }

    /// Moves what can be moved between the halves of a connection.
    fn pump(&mut self, now: SimTime, id: ConnectionId) {
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        let outwards = pair.pump_outwards(now, &mut self.endpoint, id);
        let inwards = if pair.over || !pair.connected {
            Ok(())
        } else {
            pair.pump_inwards(now, &mut self.endpoint, id)
        };
        let broken = outwards.is_err() || inwards.is_err();
        let pair_is_over = pair.over && (broken || pair.outwards.is_empty());
        if broken && !pair.over {
            self.endpoint.abort(now, id);
        }
        if broken || pair_is_over {
            self.pairs.remove(&id);
        }
    }

    pub(super) fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit> {
        self.endpoint.poll_transmit(now)
    }

    pub(super) fn next_timeout(&self) -> Option<SimTime> {
        self.endpoint.poll_timeout()
    }

    pub(super) fn watch<'a>(&'a self, descriptors: &mut Vec<PollFd<'a>>) {
        descriptors.extend(self.doors.iter().map(|door| PollFd::new(&door.listener, PollFlags::IN)));
        for pair in self.pairs.values() {
            let mut wanted = PollFlags::empty();
            if !pair.real_ended && pair.inwards.is_none() && pair.connected && !pair.over {
                wanted |= PollFlags::IN;
            }
            if !pair.outwards.is_empty() {
                wanted |= PollFlags::OUT;
            }
            // Without a wish, an error would still be told, again and again.
            if !wanted.is_empty() {
                descriptors.push(PollFd::new(&pair.stream, wanted));
            }
        }
    }
}

impl Pair {
    fn new(stream: TcpStream, connected: bool) -> Self {
        Self {
            stream,
            connected,
            outwards: Vec::new(),
            inwards: None,
            real_ended: false,
            simulated_ended: false,
            over: false,
        }
    }

    fn pump_outwards(
        &mut self,
        now: SimTime,
        endpoint: &mut TcpEndpoint,
        id: ConnectionId,
    ) -> io::Result<()> {
        loop {
            if self.outwards.is_empty() {
                let (payload, _) = endpoint.read(now, id, CHUNK);
                if payload.is_empty() {
                    if self.simulated_ended {
                        self.simulated_ended = false;
                        return self.stream.shutdown(Shutdown::Write);
                    }
                    return Ok(());
                }
                self.outwards.resize(payload.len() as usize, 0);
                payload.copy_to(&mut self.outwards);
            }
            match self.stream.write(&self.outwards) {
                Ok(count) => drop(self.outwards.drain(..count)),
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn pump_inwards(&mut self, now: SimTime, endpoint: &mut TcpEndpoint, id: ConnectionId) -> io::Result<()> {
        let mut buffer = [0; CHUNK as usize];
        loop {
            if let Some(slice) = &self.inwards {
                let taken = endpoint.write(now, id, slice, run_of(slice.len(), now));
                if taken < slice.len() {
                    self.inwards = Some(slice.slice(taken..slice.len()));
                    return Ok(());
                }
                self.inwards = None;
            }
            if self.real_ended || endpoint.writable(id) == 0 {
                return Ok(());
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.real_ended = true;
                    endpoint.shutdown(now, id);
                }
                Ok(count) => self.inwards = Some(Slice::from_bytes(&buffer[..count])),
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Begins a connection to a real server, and does not wait for it.
fn call(server: SocketAddr) -> io::Result<TcpStream> {
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    match connect(&socket, &server) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(io::Error::from(error))
            .inspect_err(|error| debug_assert_ne!(error.kind(), ErrorKind::WouldBlock)),
    }
}

/// Connections that may be half open at one simulated port.
const BACKLOG: u32 = 128;

/// Bytes that are moved at once.
const CHUNK: u32 = 1 << 16;
