//! Sockets of this computer in place of a TUN device, for those who may not make one.
//!
//! The gateway is the machine outside: it has the interface's addresses, and speaks UDP and TCP to the simulation as any
//! host does. What comes in on a simulated port goes out by a real socket, and back. The simulation sees packets, as
//! from a TUN device.

mod tcp;
mod udp;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rustix::event::PollFd;
use scenarios::outside::{Binding, Carrier, Outlet};
use sim_core::SimTime;
use transport::endpoint::{InterfaceId, Received, Transmit};
use wire::account::{Account, FlowId, Protocol, Reason, Run, fit_runs};
use wire::ip::IpProtocol;
use wire::ip_view::HeaderView;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::{ip, ipv4, ipv6};

use self::tcp::TcpGateway;
use self::udp::UdpGateway;
use crate::failure::{Failure, reason};

/// The sockets of one interface.
#[derive(Debug)]
pub(super) struct Gateway {
    addresses: Vec<IpAddr>,
    udp: UdpGateway,
    tcp: TcpGateway,
    /// Packets on their way into the simulation.
    packets: VecDeque<Vec<u8>>,
    /// The identification of the next IPv4 packet.
    identification: u16,
    /// The latest time that it was told: for endpoints, time never goes back.
    latest: SimTime,
}

impl Gateway {
    /// Opens the sockets of `bindings`.
    pub(super) fn open(outlet: &Outlet, bindings: &[Binding], seed: u64) -> Result<Self, Failure> {
        let addresses = outlet.addresses.iter().map(|&(address, _)| address).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut gateway = Self {
            addresses,
            udp: UdpGateway::new(ChaCha8Rng::from_rng(&mut rng)),
            tcp: TcpGateway::new(ChaCha8Rng::from_rng(&mut rng), outlet.mtu),
            packets: VecDeque::new(),
            identification: 0,
            latest: SimTime::ZERO,
        };
        for binding in bindings {
            let opened = match binding.carrier {
                Carrier::Udp => gateway.udp.open(binding),
                Carrier::Tcp => gateway.tcp.open(binding),
            };
            opened.map_err(|error| {
                let socket = binding.socket;
                Failure::Input(format!("{}: cannot open {socket}: {}", outlet.name, reason(&error)))
            })?;
        }
        Ok(gateway)
    }

    /// Moves what has come on real sockets towards the simulation, and fires timers.
    pub(super) fn turn(&mut self, now: SimTime) {
        let now = self.advance(now);
        let source = |like: IpAddr| address_like(&self.addresses, like);
        self.udp.turn(now, source);
        self.tcp.turn(now, source);
        self.collect(now);
    }

    /// The next packet for the simulation.
    pub(super) fn next_packet(&mut self) -> Option<Vec<u8>> {
        self.packets.pop_front()
    }

    /// Takes a packet that has left the simulation; says whether anybody wants it.
    pub(super) fn take(&mut self, now: SimTime, bytes: &[u8]) -> bool {
        let Some((mut packet, source, destination, protocol)) = unwrap(bytes) else { return false };
        if !self.addresses.contains(&destination) {
            return false;
        }
        let now = self.advance(now);
        let interface = InterfaceId(0);
        let received =
            Received { source, destination, interface, hop_limit: 64, traffic_class: 0, packet: &mut packet };
        match protocol {
            IpProtocol::UDP => self.udp.take(now, received),
            IpProtocol::TCP => self.tcp.take(now, received),
            _ => return false,
        }
        self.collect(now);
        true
    }

    /// When a timer is due.
    pub(super) fn next_timeout(&self) -> Option<SimTime> {
        self.tcp.next_timeout()
    }

    /// The real sockets to wait for.
    pub(super) fn watch<'a>(&'a self, descriptors: &mut Vec<PollFd<'a>>) {
        self.udp.watch(descriptors);
        self.tcp.watch(descriptors);
    }

    fn advance(&mut self, now: SimTime) -> SimTime {
        self.latest = self.latest.max(now);
        self.latest
    }

    fn collect(&mut self, now: SimTime) {
        while let Some(transmit) = self.udp.poll_transmit(now).or_else(|| self.tcp.poll_transmit(now)) {
            self.identification = self.identification.wrapping_add(1);
            self.packets.extend(wrap(transmit, self.identification));
        }
    }
}

fn address_like(addresses: &[IpAddr], like: IpAddr) -> Option<IpAddr> {
    addresses.iter().copied().find(|address| address.is_ipv4() == like.is_ipv4())
}

/// A packet behind its internet header. `None` for what is damaged, a fragment, or has extension headers.
fn unwrap(bytes: &[u8]) -> Option<(Packet, IpAddr, IpAddr, IpProtocol)> {
    let view = HeaderView::new(bytes).ok()?;
    let is_fragment = view
        .fragmentation()
        .is_some_and(|fragmentation| fragmentation.more_fragments || fragmentation.offset() > 0);
    ip::Header::parse(bytes).ok().filter(|_| !is_fragment)?;
    let content = bytes.get(view.header_len()..view.total_len())?;
    let mut account = Account::new(FlowId::NONE, Reason::Data);
    fit_runs(&mut account.runs, content.len() as u32);
    // The transports take their header off the account as off the packet.
    account.push_header(Protocol::Application, 0);
    Some((
        Packet::new(Payload::from_bytes(content), account),
        view.source(),
        view.destination(),
        view.protocol(),
    ))
}

/// The bytes of a packet with its internet header; `None` where none has room for it.
fn wrap(transmit: Transmit, identification: u16) -> Option<Vec<u8>> {
    let content = transmit.packet.to_vec();
    let hop_limit = transmit.hop_limit.unwrap_or(64);
    let (dscp, ecn) = (
        wire::ip::dscp_of(transmit.traffic_class),
        wire::ip::Ecn::from_traffic_class(transmit.traffic_class),
    );
    let mut bytes = match (transmit.source, transmit.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = ipv4::Header::new(source, destination, transmit.protocol, content.len()).ok()?;
            header.time_to_live = hop_limit;
            (header.dscp, header.ecn) = (dscp, ecn);
            header.fragmentation.identification = identification;
            header.fragmentation.dont_fragment = transmit.dont_fragment;
            let mut bytes = vec![0; header.len()];
            header.emit(&mut bytes);
            bytes
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let length = u16::try_from(content.len()).ok()?;
            let mut header = ipv6::Header::new(source, destination, transmit.protocol, length);
            header.hop_limit = hop_limit;
            (header.dscp, header.ecn) = (dscp, ecn);
            let mut bytes = vec![0; ipv6::HEADER_LEN];
            header.emit(&mut bytes);
            bytes
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    bytes.extend_from_slice(&content);
    Some(bytes)
}

/// Bytes from outside, which serve no flow.
fn run_of(bytes: u32, now: SimTime) -> Run {
    Run {
        bytes,
        flow: FlowId::NONE,
        message: u32::MAX,
        generated: now,
        protocol: Protocol::Application,
        reason: Reason::Data,
        last: false,
    }
}

/// Whether an operation has only to be tried again later.
fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::NotConnected
    )
}

/// Where a real peer is shown to the simulation: the gateway's own address, of the family of `to`.
fn shown_as(source: impl Fn(IpAddr) -> Option<IpAddr>, to: SocketAddr) -> Option<SocketAddr> {
    source(to.ip()).map(|address| SocketAddr::new(address, 0))
}
