//! Two SCTP endpoints joined by two virtual paths, and users that check every message.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod chunks;
pub(crate) mod craft;
pub(crate) mod keys;
pub(crate) mod moves;
pub(crate) mod outcome;
pub(crate) mod states;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim_core::{SimDuration, SimTime};
use transport::endpoint::{Endpoint, IcmpError, InterfaceId, NetworkEvent, Received, Transmit};
use transport::sctp::{AssociationId, MessageOptions, SctpConfig, SctpEndpoint, SctpEvent};
use wire::account::{FlowId, Protocol, Reason, Run, Runs};
use wire::payload::{Payload, Slice};
use wire::sctp::{ChunkType, CommonHeader};

/// What happens to packets on one of the two paths, in both directions. Probabilities are in millionths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) delay: SimDuration,
    pub(crate) loss: u32,
    pub(crate) duplicate: u32,
    pub(crate) reorder: u32,
    pub(crate) corrupt: u32,
    /// Marks of packets that may be marked (RFC 3168 §5).
    pub(crate) mark: u32,
    /// Nothing gets through in `[from, until)`.
    pub(crate) down: Option<(SimTime, SimTime)>,
    /// The largest packet that gets through unless it may be fragmented, internet header included.
    pub(crate) mtu: usize,
    /// Whether a router tells of larger ones (RFC 1191).
    pub(crate) tells: bool,
}

impl Link {
    pub(crate) fn clean(delay_ms: u64) -> Self {
        let delay = SimDuration::from_millis(delay_ms);
        let (mtu, tells) = (usize::MAX, false);
        Self { delay, loss: 0, duplicate: 0, reorder: 0, corrupt: 0, mark: 0, down: None, mtu, tells }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) corrupted: u64,
    pub(crate) cut: u64,
    pub(crate) too_big: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.corrupted += other.corrupted;
        self.cut += other.cut;
        self.too_big += other.too_big;
    }
}

pub(crate) struct Lab {
    pub(crate) now: SimTime,
    pub(crate) ends: [SctpEndpoint; 2],
    pub(crate) links: [Link; 2],
    pub(crate) faults: Faults,
    pub(crate) events: [Vec<(SimTime, SctpEvent)>; 2],
    /// Every datagram sent by each side, with its time, if `record` is set.
    pub(crate) sent: Vec<(SimTime, usize, Transmit)>,
    pub(crate) record: bool,
    wire: BinaryHeap<Reverse<(SimTime, u64)>>,
    flying: BTreeMap<u64, (usize, Transmit)>,
    number: u64,
    pub(crate) rng: ChaCha8Rng,
}

/// The address of a side on a path.
pub(crate) fn address(side: usize, path: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, path as u8, 0, 1 + side as u8))
}

pub(crate) const PORT: u16 = 5001;

pub(crate) fn at(millis: u64) -> SimTime {
    SimTime::from_millis(millis)
}

impl Lab {
    pub(crate) fn new(seed: u64, links: [Link; 2]) -> Self {
        let end = |side| SctpEndpoint::new(ChaCha8Rng::seed_from_u64(seed * 2 + side));
        Self {
            now: SimTime::ZERO,
            ends: [end(0), end(1)],
            links,
            faults: Faults::default(),
            events: [Vec::new(), Vec::new()],
            sent: Vec::new(),
            record: false,
            wire: BinaryHeap::new(),
            flying: BTreeMap::new(),
            number: 0,
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x5eed),
        }
    }

    /// The addresses of a side on the first `count` paths.
    pub(crate) fn addresses(side: usize, count: usize) -> Vec<IpAddr> {
        (0..count).map(|path| address(side, path)).collect()
    }

    /// An association from side 0 to side 1 that uses `paths` paths.
    pub(crate) fn connect(&mut self, paths: usize, client: SctpConfig, server: SctpConfig) -> AssociationId {
        let locals = Self::addresses(1, paths);
        self.ends[1].listen(&locals, PORT, Arc::new(server)).expect("nobody listens yet");
        let locals = Self::addresses(0, paths);
        let id = self.ends[0]
            .connect(self.now, &locals, 0, &[address(1, 0)], PORT, Arc::new(client))
            .expect("a port is free");
        self.drain(0);
        id
    }

    fn chance(&mut self, millionths: u32) -> bool {
        millionths > 0 && self.rng.next_u32() % 1_000_000 < millionths
    }

    pub(crate) fn drain(&mut self, side: usize) {
        while let Some(mut transmit) = self.ends[side].poll_transmit(self.now) {
            if transmit.source.is_unspecified() {
                let IpAddr::V4(to) = transmit.destination else { unreachable!("the lab has IPv4") };
                transmit.source = address(side, usize::from(to.octets()[1]));
            }
            if self.record {
                self.sent.push((self.now, side, transmit.clone()));
            }
            self.send(side, transmit);
        }
        while let Some(event) = self.ends[side].poll_event() {
            self.events[side].push((self.now, event));
        }
    }

    fn send(&mut self, side: usize, mut transmit: Transmit) {
        let IpAddr::V4(to) = transmit.destination else { unreachable!("the lab has IPv4") };
        let link = self.links[usize::from(to.octets()[1]).min(1)];
        if link.down.is_some_and(|(from, until)| from <= self.now && self.now < until) {
            self.faults.cut += 1;
            return;
        }
        if transmit.dont_fragment && transmit.packet.len() + 20 > link.mtu {
            self.faults.too_big += 1;
            if link.tells {
                let quoted = transmit.packet.to_vec()[..8].to_vec();
                let error = IcmpError::PacketTooBig { mtu: link.mtu as u32 };
                let (source, destination) = (transmit.destination, transmit.destination);
                let news = NetworkEvent::Icmp { error, source, destination, quoted };
                self.ends[side].handle_network(self.now, &news);
            }
            return;
        }
        if self.chance(link.loss) {
            self.faults.lost += 1;
            return;
        }
        if transmit.traffic_class & 0b11 == 0b10 && self.chance(link.mark) {
            transmit.traffic_class |= 0b11;
        }
        let mut at = self.now + link.delay;
        if self.chance(link.reorder) {
            self.faults.reordered += 1;
            at += SimDuration::from_micros(u64::from(self.rng.next_u32()) % 30_000);
        }
        if self.chance(link.duplicate) {
            self.faults.duplicated += 1;
            let later = at + SimDuration::from_micros(u64::from(self.rng.next_u32()) % 5_000);
            self.fly(later, side, transmit.clone());
        }
        if self.chance(link.corrupt) {
            self.faults.corrupted += 1;
            let bit = self.rng.next_u32() as usize % (transmit.packet.len() * 8);
            let header = transmit.packet.header_mut();
            // What goes without checksum (RFC 9653) is looked after by the layer below.
            if bit / 8 < header.len() && header[8..12] != [0; 4] {
                header[bit / 8] ^= 1 << (bit % 8);
            } else {
                transmit.packet.corrupted = true;
            }
        }
        self.fly(at, side, transmit);
    }

    /// Puts a datagram on the wire by hand.
    pub(crate) fn fly(&mut self, at: SimTime, from: usize, transmit: Transmit) {
        self.number += 1;
        self.wire.push(Reverse((at, self.number)));
        self.flying.insert(self.number, (1 - from, transmit));
    }

    /// Advances to the next thing that happens, unless that is after `until`.
    pub(crate) fn step(&mut self, until: SimTime) -> bool {
        let arrival = self.wire.peek().map(|Reverse((at, _))| *at);
        let timeouts = [self.ends[0].poll_timeout(), self.ends[1].poll_timeout()];
        let next = [arrival, timeouts[0], timeouts[1]].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next <= until) else { return false };
        assert!(next >= self.now, "time goes forward");
        self.now = next;
        if arrival == Some(next) {
            let Reverse((_, number)) = self.wire.pop().expect("it was peeked at");
            let (to, transmit) = self.flying.remove(&number).expect("it is flying");
            self.deliver(to, transmit);
            self.drain(to);
            return true;
        }
        for (side, timeout) in timeouts.into_iter().enumerate() {
            if timeout == Some(next) {
                self.ends[side].handle_timeout(next);
                let after = self.ends[side].poll_timeout();
                assert!(after.is_none_or(|after| after > next), "a deadline was served");
                self.drain(side);
            }
        }
        true
    }

    pub(crate) fn deliver(&mut self, to: usize, mut transmit: Transmit) {
        let received = Received {
            source: transmit.source,
            destination: transmit.destination,
            interface: InterfaceId(0),
            hop_limit: 64,
            traffic_class: transmit.traffic_class,
            packet: &mut transmit.packet,
        };
        self.ends[to].handle_datagram(self.now, received);
    }

    pub(crate) fn run_until(&mut self, until: SimTime) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    /// The association that side 1 has accepted last.
    pub(crate) fn accepted(&self) -> Option<AssociationId> {
        self.events[1].iter().rev().find_map(|(_, event)| match event {
            SctpEvent::Accepted { id, .. } => Some(*id),
            _ => None,
        })
    }

    pub(crate) fn happened(&self, side: usize, wanted: impl Fn(&SctpEvent) -> bool) -> Option<SimTime> {
        self.events[side].iter().find(|(_, event)| wanted(event)).map(|(at, _)| *at)
    }

    /// Sends filler on a stream.
    pub(crate) fn say(
        &mut self,
        side: usize,
        id: AssociationId,
        number: u32,
        len: u32,
        options: &MessageOptions,
    ) {
        let payload = Payload::from(Slice::filler(side as u32, u64::from(number) << 20, len));
        let sent = self.ends[side].send(self.now, id, options, payload, runs(number, len));
        assert_eq!(sent, Ok(()), "message {number}");
        self.drain(side);
    }
}

pub(crate) fn runs(message: u32, bytes: u32) -> Runs {
    let run = Run {
        bytes,
        flow: FlowId(0),
        message,
        generated: SimTime::ZERO,
        protocol: Protocol::Application,
        reason: Reason::Data,
        last: true,
    };
    Runs::from_elem(run, 1)
}

/// The types of the chunks in a packet.
pub(crate) fn kinds(transmit: &Transmit) -> Vec<&'static str> {
    let bytes = transmit.packet.to_vec();
    let mut at = 12;
    let mut kinds = Vec::new();
    while let Some(&[kind, _, a, b]) = bytes.get(at..at + 4) {
        kinds.push(ChunkType(kind).name());
        at += usize::from(u16::from_be_bytes([a, b])).next_multiple_of(4);
    }
    kinds
}

pub(crate) fn common(transmit: &Transmit) -> CommonHeader {
    CommonHeader::parse(transmit.packet.header()).expect("it was sent")
}
