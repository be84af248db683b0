//! UDP of the gateway: a simulated port for each real peer, or a real socket for each simulated one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rand_chacha::ChaCha8Rng;
use rustix::event::{PollFd, PollFlags};
use scenarios::outside::{Binding, Side};
use sim_core::SimTime;
use transport::endpoint::{Endpoint, Received, Transmit};
use transport::udp::{SendOptions, SocketId, SocketOptions, UdpEndpoint, UdpEvent};
use wire::account::Runs;
use wire::payload::Payload;

use super::{run_of, shown_as};

#[derive(Debug)]
pub(super) struct UdpGateway {
    endpoint: UdpEndpoint,
    doors: Vec<Door>,
    /// For whom each simulated socket speaks.
    speaks_for: BTreeMap<SocketId, Speaker>,
    /// The simulated sockets of real peers.
    guests: BTreeMap<(usize, SocketAddr), SocketId>,
    /// Real sockets of simulated peers, by simulated socket and peer.
    callers: BTreeMap<(SocketId, SocketAddr), (UdpSocket, IpAddr)>,
    buffer: Vec<u8>,
}

/// A real socket that real peers send to, and where their datagrams go in the simulation.
#[derive(Debug)]
struct Door {
    socket: UdpSocket,
    to: SocketAddr,
}

/// For whom a simulated socket speaks.
#[derive(Clone, Copy, Debug)]
enum Speaker {
    /// A real peer that came by a door.
    Guest { door: usize, peer: SocketAddr },
    /// A real server, which every simulated peer has a real socket of its own to.
    Server(SocketAddr),
}

impl UdpGateway {
    pub(super) fn new(rng: ChaCha8Rng) -> Self {
        Self {
            endpoint: UdpEndpoint::new(rng),
            doors: Vec::new(),
            speaks_for: BTreeMap::new(),
            guests: BTreeMap::new(),
            callers: BTreeMap::new(),
            buffer: vec![0; DATAGRAM_MAX],
        }
    }

    pub(super) fn open(&mut self, binding: &Binding) -> std::io::Result<()> {
        match binding.side {
            Side::To(to) => {
                let socket = UdpSocket::bind(binding.socket)?;
                socket.set_nonblocking(true)?;
                self.doors.push(Door { socket, to });
            }
            Side::From(port) => {
                let bound = self.endpoint.bind(None, port, SocketOptions::default());
                let id = bound.map_err(std::io::Error::other)?;
                self.speaks_for.insert(id, Speaker::Server(binding.socket));
            }
        }
        Ok(())
    }

    /// Sends what came on real sockets into the simulation.
    pub(super) fn turn(&mut self, now: SimTime, source: impl Fn(IpAddr) -> Option<IpAddr>) {
        for number in 0..self.doors.len() {
            for _ in 0..DATAGRAMS_IN_A_TURN {
                let Ok((length, peer)) = self.doors[number].socket.recv_from(&mut self.buffer) else { break };
                let to = self.doors[number].to;
                if let Some(id) = self.guest(number, peer, &source) {
                    send(&mut self.endpoint, now, id, to, None, &self.buffer[..length]);
                }
            }
        }
        for (&(id, peer), (socket, own)) in &self.callers {
            for _ in 0..DATAGRAMS_IN_A_TURN {
                let Ok(length) = socket.recv(&mut self.buffer) else { break };
                send(&mut self.endpoint, now, id, peer, Some(*own), &self.buffer[..length]);
            }
        }
    }

    /// The simulated socket of a real peer. The one that was not heard of for longest is given up for it if there are too many.
    fn guest(
        &mut self,
        door: usize,
        peer: SocketAddr,
        source: impl Fn(IpAddr) -> Option<IpAddr>,
    ) -> Option<SocketId> {
        if let Some(&id) = self.guests.get(&(door, peer)) {
            return Some(id);
        }
        if self.guests.len() >= PEERS_MAX
            && let Some((_, id)) = self.guests.pop_first()
        {
            self.speaks_for.remove(&id);
            self.endpoint.close(id);
        }
        let own = shown_as(source, self.doors[door].to)?;
        let id = self.endpoint.bind(Some(own.ip()), 0, SocketOptions::default()).ok()?;
        self.guests.insert((door, peer), id);
        self.speaks_for.insert(id, Speaker::Guest { door, peer });
        Some(id)
    }

    /// Takes a datagram of the simulation and sends it to whom it is for.
    pub(super) fn take(&mut self, now: SimTime, received: Received<'_>) {
        self.endpoint.handle_datagram(now, received);
        while let Some(event) = self.endpoint.poll_event() {
            let UdpEvent::Received { socket, source, destination, payload, .. } = event else { continue };
            let bytes = bytes_of(&payload);
            match self.speaks_for.get(&socket) {
                Some(&Speaker::Guest { door, peer }) => {
                    // As on any network, what cannot be sent is lost.
                    let _ = self.doors[door].socket.send_to(&bytes, peer);
                }
                Some(&Speaker::Server(server)) => self.call((socket, source), destination, server, &bytes),
                None => {}
            }
        }
    }

    fn call(&mut self, caller: (SocketId, SocketAddr), own: IpAddr, server: SocketAddr, bytes: &[u8]) {
        if !self.callers.contains_key(&caller) {
            let any: IpAddr =
                if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            let opened = UdpSocket::bind((any, 0)).and_then(|socket| {
                socket.connect(server)?;
                socket.set_nonblocking(true)?;
                Ok(socket)
            });
            let Ok(socket) = opened else { return };
            if self.callers.len() >= PEERS_MAX {
                self.callers.pop_first();
            }
            self.callers.insert(caller, (socket, own));
        }
        if let Some((socket, _)) = self.callers.get(&caller) {
            let _ = socket.send(bytes);
        }
    }

    pub(super) fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit> {
        self.endpoint.poll_transmit(now)
    }

    pub(super) fn watch<'a>(&'a self, descriptors: &mut Vec<PollFd<'a>>) {
        let sockets = self.doors.iter().map(|door| &door.socket);
        let all = sockets.chain(self.callers.values().map(|(socket, _)| socket));
        descriptors.extend(all.map(|socket| PollFd::new(socket, PollFlags::IN)));
    }
}

fn send(
    endpoint: &mut UdpEndpoint,
    now: SimTime,
    id: SocketId,
    to: SocketAddr,
    source: Option<IpAddr>,
    bytes: &[u8],
) {
    let runs: Runs =
        if bytes.is_empty() { Runs::new() } else { [run_of(bytes.len() as u32, now)].into_iter().collect() };
    let options = SendOptions { source, ..SendOptions::default() };
    // What is too long for the simulated network is lost there, as anywhere.
    let _ = endpoint.send(id, Some(to), Payload::from_bytes(bytes), runs, &options);
}

fn bytes_of(payload: &Payload) -> Vec<u8> {
    let mut bytes = vec![0; payload.len() as usize];
    payload.copy_to(&mut bytes);
    bytes
}

/// The longest UDP datagram.
const DATAGRAM_MAX: usize = 65_535;

/// Datagrams that one socket may bring before the others have their turn.
const DATAGRAMS_IN_A_TURN: usize = 64;

/// Peers that are remembered on each side.
const PEERS_MAX: usize = 1024;
