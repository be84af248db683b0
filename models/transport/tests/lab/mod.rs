//! Two TCP endpoints joined by a virtual wire, and applications that check every byte.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod accurate;
pub(crate) mod mangle;
pub(crate) mod meddler;
pub(crate) mod multipath;
pub(crate) mod multipath_story;
pub(crate) mod peer;
pub(crate) mod resegment;
pub(crate) mod script;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim_core::{SimDuration, SimTime};
use transport::endpoint::{Endpoint, InterfaceId, Received, Transmit};
use transport::mptcp::{MptcpEndpoint, MptcpId};
use transport::tcp::{ConnectionId, ListenerId, TcpConfig, TcpEndpoint};
use wire::account::Runs;
use wire::account::{FlowId, Protocol, Reason, Run};
use wire::payload::{Payload, Slice};
use wire::stream::StreamBuffer;

/// What happens to packets in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) delay: SimDuration,
    /// Bits a second; none is infinite.
    pub(crate) rate: Option<u64>,
    /// Most bytes waiting for the link, headers included.
    pub(crate) queue: u64,
    /// Probabilities, in millionths.
    pub(crate) loss: u32,
    pub(crate) duplicate: u32,
    pub(crate) reorder: u32,
    pub(crate) corrupt: u32,
    pub(crate) mark: u32,
    /// A segment with data is cut in two, or joined with the one that flies before it; only TCP's.
    pub(crate) split: u32,
    pub(crate) merge: u32,
    /// Every so many packets with data are lost, evenly spaced; none if zero.
    pub(crate) loss_period: u64,
    /// Larger packets vanish without a word, internet header included.
    pub(crate) mtu: u64,
    /// Nothing gets through in `[from, until)`.
    pub(crate) down: Option<(SimTime, SimTime)>,
}

impl Path {
    pub(crate) fn clean(delay_ms: u64) -> Self {
        Self {
            delay: SimDuration::from_millis(delay_ms),
            rate: None,
            queue: u64::MAX,
            loss: 0,
            duplicate: 0,
            reorder: 0,
            corrupt: 0,
            mark: 0,
            split: 0,
            merge: 0,
            loss_period: 0,
            mtu: u64::MAX,
            down: None,
        }
    }
}

/// What happens to one packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    Lost,
    /// It takes so much longer than others.
    Late(SimDuration),
}

/// How often each fault happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) corrupted: u64,
    pub(crate) marked: u64,
    pub(crate) overflowed: u64,
    pub(crate) cut: u64,
    pub(crate) split: u64,
    pub(crate) merged: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.corrupted += other.corrupted;
        self.marked += other.marked;
        self.overflowed += other.overflowed;
        self.cut += other.cut;
        self.split += other.split;
        self.merged += other.merged;
    }
}

/// Something on the way that looks into packets: it gets the sender's side, the path, and the packet.
pub(crate) type Gateway = Box<dyn FnMut(usize, usize, &mut Transmit)>;

/// An endpoint whose connections are byte streams.
pub(crate) trait StreamEnd: Endpoint {
    type Id: Copy;
    fn write(&mut self, now: SimTime, id: Self::Id, slice: &Slice, run: Run) -> u32;
    fn read(&mut self, now: SimTime, id: Self::Id, max: u32) -> (Payload, Runs);
    fn shutdown(&mut self, now: SimTime, id: Self::Id);
}

macro_rules! stream_end {
    ($end:ty, $id:ty) => {
        impl StreamEnd for $end {
            type Id = $id;
            fn write(&mut self, now: SimTime, id: $id, slice: &Slice, run: Run) -> u32 {
                <$end>::write(self, now, id, slice, run)
            }
            fn read(&mut self, now: SimTime, id: $id, max: u32) -> (Payload, Runs) {
                <$end>::read(self, now, id, max)
            }
            fn shutdown(&mut self, now: SimTime, id: $id) {
                <$end>::shutdown(self, now, id);
            }
        }
    };
}

stream_end!(TcpEndpoint, ConnectionId);
stream_end!(MptcpEndpoint, MptcpId);

/// Two endpoints and what is between them: one path, in two directions, or several that the second octet of side
/// 0's address tells apart.
pub(crate) struct Lab<E: Endpoint = TcpEndpoint> {
    pub(crate) now: SimTime,
    pub(crate) ends: [E; 2],
    pub(crate) paths: [Path; 2],
    /// The second path and so on.
    pub(crate) further: Vec<[Path; 2]>,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) faults: Faults,
    pub(crate) events: [Vec<E::Event>; 2],
    /// Every datagram sent by each side, with its time, if `record` is set.
    pub(crate) sent: Vec<(SimTime, usize, Transmit)>,
    pub(crate) record: bool,
    /// Bytes of IP packets carried in each direction.
    pub(crate) carried: [u64; 2],
    wire: BinaryHeap<Reverse<(SimTime, u64)>>,
    flying: BTreeMap<u64, (usize, Transmit)>,
    busy_until: BTreeMap<(usize, usize), SimTime>,
    /// Packets with data that each side has sent.
    pub(crate) data_sent: [u64; 2],
    /// What happens to the n-th packet with data of a side, from 1 on.
    pub(crate) fates: BTreeMap<(usize, u64), Fate>,
    number: u64,
    pub(crate) rng: ChaCha8Rng,
}

pub(crate) fn address(side: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1 + side as u8))
}

pub(crate) const PORT: u16 = 7000;

impl<E: Endpoint> Lab<E> {
    pub(crate) fn with_ends(seed: u64, paths: [Path; 2], end: impl Fn(ChaCha8Rng) -> E) -> Self {
        let end = |side| end(ChaCha8Rng::seed_from_u64(seed * 2 + side));
        Self {
            now: SimTime::ZERO,
            ends: [end(0), end(1)],
            paths,
            further: Vec::new(),
            gateway: None,
            faults: Faults::default(),
            events: [Vec::new(), Vec::new()],
            sent: Vec::new(),
            record: false,
            carried: [0; 2],
            wire: BinaryHeap::new(),
            flying: BTreeMap::new(),
            busy_until: BTreeMap::new(),
            data_sent: [0; 2],
            fates: BTreeMap::new(),
            number: 0,
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x5eed),
        }
    }
}

impl Lab {
    pub(crate) fn new(seed: u64, paths: [Path; 2]) -> Self {
        Self::with_ends(seed, paths, TcpEndpoint::new)
    }

    /// A connection from side 0 to side 1, established, if the path lets it.
    pub(crate) fn connect(&mut self, client: TcpConfig, server: TcpConfig) -> (ConnectionId, ListenerId) {
        let at = SocketAddr::new(address(1), PORT);
        let listener = self.ends[1].listen(at, Arc::new(server), 16).expect("nobody listens yet");
        let from = SocketAddr::new(address(0), 0);
        let id = self.ends[0].connect(self.now, from, at, Arc::new(client)).expect("a port is free");
        self.drain(0);
        (id, listener)
    }
}

impl<E: Endpoint> Lab<E> {
    fn chance(&mut self, millionths: u32) -> bool {
        millionths > 0 && self.rng.next_u32() % 1_000_000 < millionths
    }

    /// Sends what a side has to send, and collects its events.
    pub(crate) fn drain(&mut self, side: usize) {
        while let Some(transmit) = self.ends[side].poll_transmit(self.now) {
            if self.record {
                self.sent.push((self.now, side, transmit.clone()));
            }
            self.send(side, transmit);
        }
        while let Some(event) = self.ends[side].poll_event() {
            self.events[side].push(event);
        }
    }

    fn send(&mut self, side: usize, mut transmit: Transmit) {
        let number = match if side == 0 { transmit.source } else { transmit.destination } {
            IpAddr::V4(near) => usize::from(near.octets()[1]),
            IpAddr::V6(_) => 0,
        };
        let path = number.checked_sub(1).and_then(|it| self.further.get(it)).unwrap_or(&self.paths)[side];
        if let Some(gateway) = &mut self.gateway {
            gateway(side, number, &mut transmit);
        }
        if transmit.packet.payload_len() > 1 && self.chance(path.split) {
            self.faults.split += 1;
            let second = resegment::split(&mut self.rng, &mut transmit);
            self.carry(side, number, path, transmit);
            self.carry(side, number, path, second);
            return;
        }
        if self.chance(path.merge) {
            let mut flying = self.flying.iter().rev();
            let before = flying.find(|(_, (to, it))| *to != side && resegment::follows(it, &transmit));
            if let Some(before) = before.map(|(key, _)| *key)
                && let Some((_, first)) = self.flying.remove(&before)
            {
                self.faults.merged += 1;
                transmit = resegment::merge(first, &transmit);
            }
        }
        self.carry(side, number, path, transmit);
    }

    fn carry(&mut self, side: usize, number: usize, path: Path, mut transmit: Transmit) {
        if path.down.is_some_and(|(from, until)| from <= self.now && self.now < until) {
            self.faults.cut += 1;
            return;
        }
        let size = transmit.packet.len() as u64 + 20;
        let mut at = self.now;
        if let Some(rate) = path.rate {
            let start = self.busy_until.get(&(number, side)).copied().unwrap_or_default().max(self.now);
            let waiting = (start - self.now).as_nanos() * rate / 8_000_000_000;
            if waiting + size > path.queue {
                self.faults.overflowed += 1;
                return;
            }
            at = start + SimDuration::from_nanos(size * 8_000_000_000 / rate);
            self.busy_until.insert((number, side), at);
        }
        self.data_sent[side] += u64::from(transmit.packet.payload_len() > 0);
        let periodic = path.loss_period > 0
            && transmit.packet.payload_len() > 0
            && self.data_sent[side].is_multiple_of(path.loss_period);
        let fate = if transmit.packet.payload_len() > 0 {
            self.fates.get(&(side, self.data_sent[side])).copied()
        } else {
            None
        };
        if size > path.mtu || periodic || fate == Some(Fate::Lost) || self.chance(path.loss) {
            self.faults.lost += 1;
            return;
        }
        at += path.delay;
        if let Some(Fate::Late(by)) = fate {
            at += by;
        }
        if self.chance(path.reorder) {
            self.faults.reordered += 1;
            at += SimDuration::from_micros(u64::from(self.rng.next_u32()) % 30_000);
        }
        if transmit.traffic_class & 3 == 2 && self.chance(path.mark) {
            self.faults.marked += 1;
            transmit.traffic_class |= 3;
        }
        if self.chance(path.duplicate) {
            self.faults.duplicated += 1;
            let later = at + SimDuration::from_micros(u64::from(self.rng.next_u32()) % 5_000);
            self.fly(later, side, transmit.clone());
        }
        if self.chance(path.corrupt) {
            self.faults.corrupted += 1;
            self.damage(&mut transmit);
        }
        self.fly(at, side, transmit);
    }

    fn damage(&mut self, transmit: &mut Transmit) {
        let bit = self.rng.next_u32() as usize % (transmit.packet.len() * 8);
        let header = transmit.packet.header_mut();
        if bit / 8 < header.len() {
            header[bit / 8] ^= 1 << (bit % 8);
        } else {
            transmit.packet.corrupted = true;
        }
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
            let Some((to, transmit)) = self.flying.remove(&number) else { return true }; // Merged with a later one.
            self.carried[1 - to] += transmit.packet.len() as u64 + 20;
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

    pub(crate) fn is_quiet(&self) -> bool {
        self.wire.is_empty()
    }
}

pub(crate) fn run_of(message: u32, last: bool) -> Run {
    Run {
        bytes: 0,
        flow: FlowId(0),
        message,
        generated: SimTime::ZERO,
        protocol: Protocol::Application,
        reason: Reason::Data,
        last,
    }
}

/// A stream of messages to be written, and what of it has been read at the other side.
pub(crate) struct Stream {
    pub(crate) all: StreamBuffer,
    messages: Vec<(Slice, Run)>,
    /// The message to be written next, and how much of it was.
    next: (usize, u32),
    pub(crate) read: u64,
    pub(crate) closed: bool,
    /// Filler may come as other filler with the same bytes, which repeat.
    pub(crate) only_bytes: bool,
}

impl Stream {
    /// `count` messages of up to `size` bytes: filler and real bytes in turn.
    pub(crate) fn new(rng: &mut ChaCha8Rng, pattern: u32, count: u32, size: u32) -> Self {
        let mut all = StreamBuffer::default();
        let mut messages = Vec::new();
        for message in 0..count {
            let len = 1 + rng.next_u32() % size;
            let slice = if message % 2 == 0 {
                Slice::filler(pattern, all.end(), len)
            } else {
                let bytes: Vec<u8> = (0..len).map(|_| rng.next_u32() as u8).collect();
                Slice::from_bytes(bytes)
            };
            all.push(slice.clone(), run_of(message, true));
            messages.push((slice, run_of(message, true)));
        }
        Self { all, messages, next: (0, 0), read: 0, closed: false, only_bytes: false }
    }

    /// Writes what fits; closes the direction at the end.
    pub(crate) fn write<E: StreamEnd>(&mut self, lab: &mut Lab<E>, side: usize, id: E::Id) {
        while let Some((slice, run)) = self.messages.get(self.next.0) {
            let rest = slice.slice(self.next.1..slice.len());
            let taken = lab.ends[side].write(lab.now, id, &rest, *run);
            if taken < rest.len() {
                self.next.1 += taken;
                return;
            }
            self.next = (self.next.0 + 1, 0);
        }
        if !self.closed {
            self.closed = true;
            lab.ends[side].shutdown(lab.now, id);
        }
    }

    /// Reads at most `max` bytes at the other side and compares them with what was written.
    pub(crate) fn read<E: StreamEnd>(
        &mut self,
        lab: &mut Lab<E>,
        side: usize,
        id: E::Id,
        max: u32,
        context: &str,
    ) {
        let (payload, runs) = lab.ends[side].read(lab.now, id, max);
        if payload.is_empty() {
            return;
        }
        let len = payload.len();
        let (expected, expected_runs) = self.all.read(self.read, len);
        assert_eq!(payload.to_vec(), expected.to_vec(), "{context}: bytes from {}", self.read);
        let filler = |payload: &wire::payload::Payload| {
            payload
                .slices()
                .iter()
                .filter_map(|slice| slice.as_filler().map(|at| (at, slice.len())))
                .collect::<Vec<_>>()
        };
        if !self.only_bytes {
            assert_eq!(filler(&payload), filler(&expected), "{context}: filler from {}", self.read);
        }
        assert_eq!(runs, expected_runs, "{context}: runs from {}", self.read);
        self.read += u64::from(len);
    }

    /// Reads all that is there, whatever it is.
    pub(crate) fn skip<E: StreamEnd>(&mut self, lab: &mut Lab<E>, side: usize, id: E::Id) {
        let (payload, _) = lab.ends[side].read(lab.now, id, u32::MAX);
        self.read += u64::from(payload.len());
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.read == self.all.end()
    }
}
