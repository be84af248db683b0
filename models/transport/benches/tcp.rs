//! Cost of a segment and of a datagram between two endpoints in memory, and of an idle connection.
//!
//! `cargo bench -p transport --bench tcp [-- NAME]`. There is no network in between: a packet goes from
//! `poll_transmit` of one side to `handle_datagram` of the other, and the clock moves by hand.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sim_core::{SimDuration, SimTime};
use transport::endpoint::{Endpoint, InterfaceId, Received, Transmit};
use transport::tcp::{ConnectionId, TcpConfig, TcpEndpoint, TcpEvent};
use transport::udp::{SendOptions, SocketOptions, UdpEndpoint};
use wire::account::{FlowId, Protocol, Reason, Run, Runs};
use wire::payload::{Payload, Slice};

fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (megabytes, datagrams, idle) = if measured { (2_000, 5_000_000, 10_000) } else { (5, 10_000, 100) };
    let wanted = |name: &str| {
        let mut names = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
        names.peek().is_none() || names.any(|argument| name.contains(&argument))
    };
    for (name, loss, mtu) in
        [("no loss", 0, 1500), ("one in 1000 lost", 1000, 1500), ("small segments", 0, 576)]
    {
        if !wanted(name) {
            continue;
        }
        let runs: Vec<f64> = (0..ROUNDS).map(|_| bulk(megabytes << 20, loss, mtu)).collect();
        println!("TCP, {name:<18} {:6.1} ns a segment, both ends, ACKs included", median(runs));
    }
    if wanted("udp") {
        let runs: Vec<f64> = (0..ROUNDS).map(|_| udp(datagrams)).collect();
        println!("UDP                     {:6.1} ns a datagram, both ends", median(runs));
    }
    if wanted("idle") {
        println!("idle TCP connection     {:6} bytes, tables included", idle_bytes(idle));
    }
}

/// Median of `ROUNDS` runs.
fn median(mut runs: Vec<f64>) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}

const ROUNDS: usize = 3;

fn socket(side: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, side)), port)
}

fn deliver(to: &mut impl Endpoint, now: SimTime, transmit: &mut Transmit) {
    let received = Received {
        source: transmit.source,
        destination: transmit.destination,
        interface: InterfaceId(0),
        hop_limit: 64,
        traffic_class: transmit.traffic_class,
        packet: &mut transmit.packet,
    };
    to.handle_datagram(now, received);
}

fn run() -> Run {
    Run {
        bytes: 0,
        flow: FlowId(0),
        message: 0,
        generated: SimTime::ZERO,
        protocol: Protocol::Application,
        reason: Reason::Data,
        last: false,
    }
}

/// A datagram on the wire, and when it arrives. It is delivered from where it lies, as from a pool of packets.
struct Flight {
    at: SimTime,
    transmit: Option<Transmit>,
}

/// Two endpoints and a wire with a delay of one millisecond.
struct Pair {
    now: SimTime,
    ends: [TcpEndpoint; 2],
    wires: [VecDeque<Flight>; 2],
    /// Every so many data segments one is lost; none if zero.
    loss: u64,
    segments: u64,
}

impl Pair {
    fn new(loss: u64) -> Self {
        let end = |seed| TcpEndpoint::new(ChaCha8Rng::seed_from_u64(seed));
        let wires = [VecDeque::new(), VecDeque::new()];
        Self { now: SimTime::ZERO, ends: [end(1), end(2)], wires, loss, segments: 0 }
    }

    fn drain(&mut self, side: usize) {
        let at = self.now + SimDuration::from_millis(1);
        loop {
            let transmit = self.ends[side].poll_transmit(self.now);
            let Some(payload) = transmit.as_ref().map(|transmit| transmit.packet.payload_len()) else {
                break;
            };
            self.segments += 1;
            let lost = self.loss > 0 && payload > 0 && self.segments % self.loss == 7;
            if !lost {
                self.wires[side].push_back(Flight { at, transmit });
            }
        }
    }

    /// Delivers everything that arrives at the next moment, or fires what is due before.
    fn step(&mut self) -> bool {
        let arrivals = [0, 1].map(|side| self.wires[side].front().map(|flight| flight.at));
        let timeouts = [self.ends[0].poll_timeout(), self.ends[1].poll_timeout()];
        let Some(next) = arrivals.into_iter().chain(timeouts).flatten().min() else { return false };
        self.now = next;
        for (side, timeout) in timeouts.into_iter().enumerate() {
            if timeout.is_some_and(|at| at <= next) {
                self.ends[side].handle_timeout(next);
                self.drain(side);
            }
            while let Some(flight) = self.wires[side].front_mut()
                && flight.at <= next
            {
                let transmit = flight.transmit.as_mut().expect("only datagrams fly");
                deliver(&mut self.ends[1 - side], next, transmit);
                drop(self.wires[side].drain(..1));
                self.drain(1 - side);
            }
        }
        true
    }

    fn connect(&mut self, config: &TcpConfig, count: u32) -> Vec<(ConnectionId, ConnectionId)> {
        let to = socket(2, 80);
        let config = Arc::new(config.clone());
        if self.ends[1].connections() == 0 {
            self.ends[1].listen(to, Arc::clone(&config), count).expect("the port is free");
        }
        for _ in 0..count {
            self.ends[0].connect(self.now, socket(1, 0), to, Arc::clone(&config)).expect("a port is free");
        }
        self.drain(0);
        let until = self.now + SimDuration::from_millis(10);
        while self.now < until && self.step() {}
        let mut made = Vec::new();
        while let Some(event) = self.ends[0].poll_event() {
            if let TcpEvent::Connected(id) = event {
                made.push(id);
            }
        }
        let mut accepted = Vec::new();
        while let Some(event) = self.ends[1].poll_event() {
            if let TcpEvent::Accepted { id, .. } = event {
                accepted.push(id);
            }
        }
        made.into_iter().zip(accepted).collect()
    }
}

/// Nanoseconds of CPU time per segment of a transfer of `bytes`.
fn bulk(bytes: u64, loss: u64, mtu: u32) -> f64 {
    let mut pair = Pair::new(loss);
    let config = TcpConfig { mtu, ..TcpConfig::default() };
    let [(client, server)] = pair.connect(&config, 1)[..] else { panic!("one connection is made") };
    let (mut written, mut read) = (0, 0);
    let before = cpu_nanos();
    pair.segments = 0;
    while read < bytes {
        while written < bytes {
            let slice = Slice::filler(0, written, (bytes - written).min(1 << 16) as u32);
            let taken = pair.ends[0].write(pair.now, client, &slice, run());
            written += u64::from(taken);
            if taken < slice.len() {
                break;
            }
        }
        pair.drain(0);
        assert!(pair.step(), "the transfer goes on");
        let (payload, _) = pair.ends[1].read(pair.now, server, u32::MAX);
        read += u64::from(payload.len());
        pair.drain(1);
        while pair.ends[0].poll_event().is_some() || pair.ends[1].poll_event().is_some() {}
    }
    (cpu_nanos() - before) as f64 / pair.segments as f64
}

/// Nanoseconds of CPU time per datagram of 100 bytes, sent and received.
fn udp(count: u32) -> f64 {
    let end = |seed| UdpEndpoint::new(ChaCha8Rng::seed_from_u64(seed));
    let (mut a, mut b) = (end(1), end(2));
    let from = a.bind(None, 1000, SocketOptions::default()).expect("the port is free");
    b.bind(None, 2000, SocketOptions::default()).expect("the port is free");
    let options = SendOptions { source: Some(socket(1, 0).ip()), ..SendOptions::default() };
    let before = cpu_nanos();
    for index in 0..count {
        let payload = Payload::from(Slice::filler(0, u64::from(index) * 100, 100));
        let runs = Runs::from_buf([Run { bytes: 100, ..run() }]);
        a.send(from, Some(socket(2, 2000)), payload, runs, &options).expect("the socket is open");
        let mut transmit = a.poll_transmit(SimTime::ZERO).expect("it was sent");
        deliver(&mut b, SimTime::ZERO, &mut transmit);
        assert!(b.poll_event().is_some(), "it arrived");
    }
    (cpu_nanos() - before) as f64 / f64::from(count)
}

/// Bytes that one end of an idle connection that has carried data takes.
fn idle_bytes(count: u32) -> usize {
    let mut pair = Pair::new(0);
    let before = resident();
    let mut made = 0;
    while made < count {
        let batch = (count - made).min(1000);
        let ids = pair.connect(&TcpConfig::default(), batch);
        made += ids.len() as u32;
        for (client, server) in ids {
            pair.ends[0].write(pair.now, client, &Slice::filler(0, 0, 100), run());
            pair.drain(0);
            let until = pair.now + SimDuration::from_millis(3);
            while pair.now < until && pair.step() {}
            pair.ends[1].read(pair.now, server, u32::MAX);
            pair.drain(1);
        }
    }
    let until = pair.now + SimDuration::from_secs(1);
    while pair.now < until && pair.step() {}
    let both = resident() - before;
    both / (2 * count as usize)
}

/// CPU time of this thread so far, in nanoseconds; wall time where the system does not say.
fn cpu_nanos() -> u64 {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    schedstat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or_else(wall_nanos)
}

#[expect(clippy::disallowed_types, reason = "a benchmark reads a clock; no simulation does")]
fn wall_nanos() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("the clock stands after 1970");
    u64::try_from(since.as_nanos()).expect("the clock stands before 2554")
}

/// Bytes of memory that the process holds; zero where the system does not say.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .map_or(0, |pages: usize| pages * 4096)
}
