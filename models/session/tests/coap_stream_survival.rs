//! Two endpoints over byte streams that deliver late and in pieces of any size, and that break, with crashes of either end.
//! What loss, reordering and duplication do to a stream is its transport's matter.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::{CoapConfig, CoapEndpoint, CoapEvent, CoapStats, Failure, IncomingId, Request, Response};
use session::datagram::DatagramSession;
use sim_core::{SimDuration, SimTime, draw};
use wire::coap::{Code, OptionNumber, Options};
use wire::payload::Payload;

const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 50_000);
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 5683);

/// What happened in all runs together.
#[derive(Debug, Default)]
struct Met {
    breaks: u64,
    crashes: u64,
    damaged: u64,
    lost_bytes: u64,
    answered: u64,
    disconnected: u64,
    no_response: u64,
    notifications: u64,
    closed: u64,
    client: CoapStats,
    server: CoapStats,
}

/// Bytes on their way in one direction, in order, each piece with its arrival.
type Way = VecDeque<(SimTime, Vec<u8>)>;

struct World {
    now: SimTime,
    config: Arc<CoapConfig>,
    client: CoapEndpoint,
    server: CoapEndpoint,
    connected: bool,
    /// From the client, and from the server.
    ways: [Way; 2],
    due: BTreeMap<(SimTime, u64), (IncomingId, Code, String, Label)>,
    rng: ChaCha8Rng,
    count: u64,
    damage: bool,
    asked: BTreeSet<u32>,
    ended: BTreeMap<u32, u32>,
    observing: Option<u32>,
    state: u32,
    seen: Option<u32>,
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

impl World {
    fn new(seed: u64) -> Self {
        let max_message_size = [1152, 1500, 5000][(seed % 3) as usize];
        let config = Arc::new(CoapConfig { max_message_size, ..CoapConfig::default() });
        let rng = |stream| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream);
            ChaCha8Rng::from_rng(&mut rng)
        };
        let mut world = Self {
            now: SimTime::ZERO,
            client: CoapEndpoint::over_streams(Arc::clone(&config), rng(1)),
            server: CoapEndpoint::over_streams(Arc::clone(&config), rng(2)),
            config,
            connected: false,
            ways: [Way::new(), Way::new()],
            due: BTreeMap::new(),
            rng: rng(3),
            count: 0,
            damage: false,
            asked: BTreeSet::new(),
            ended: BTreeMap::new(),
            observing: None,
            state: 0,
            seen: None,
        };
        world.connect();
        world
    }

    fn connect(&mut self) {
        self.connected = true;
        self.client.connected(self.now, SERVER);
        self.server.connected(self.now, CLIENT);
    }

    /// The connection is gone, and what was on its way.
    fn break_off(&mut self, met: &mut Met) {
        met.breaks += u64::from(self.connected);
        self.connected = false;
        met.lost_bytes += self.ways.iter().flatten().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        self.ways = [Way::new(), Way::new()];
        self.client.disconnected(SERVER);
        self.server.disconnected(CLIENT);
    }

    fn crash(&mut self, server: bool, met: &mut Met) {
        met.crashes += 1;
        self.break_off(met);
        let rng = ChaCha8Rng::from_rng(&mut self.rng);
        let fresh = CoapEndpoint::over_streams(Arc::clone(&self.config), rng);
        if server {
            self.due.clear();
            met.server += self.server.stats();
            self.server = fresh;
        } else {
            self.settle(met);
            // What a client forgets, nobody waits for.
            met.client += self.client.stats();
            self.client = fresh;
            self.asked.clear();
            self.ended.clear();
            self.observing = None;
        }
    }

    fn ask(&mut self, code: Code, path: &str, len: usize) -> u32 {
        let mut options = Options::new();
        options.push_path(OptionNumber::URI_PATH, path);
        if path == "observe" {
            options.push_uint(OptionNumber::OBSERVE, 0);
        }
        let body = Body::from_bytes(pattern(len), Label::NONE);
        let request = Request { code, options, body, confirmable: true, label: Label::NONE };
        let id = self.client.request(self.now, SERVER, request).0;
        self.asked.insert(id);
        id
    }

    fn change(&mut self) {
        self.state += 1;
        let body = Body::from_bytes(self.state.to_be_bytes().to_vec(), Label::NONE);
        let response = Response { code: Code::CONTENT, options: Options::new(), body, label: Label::NONE };
        self.server.notify(self.now, "observe", &response);
    }

    fn run_for(&mut self, span: SimDuration, met: &mut Met) {
        let end = self.now + span;
        loop {
            self.settle(met);
            let ways = self.ways.iter().filter_map(|way| way.front()).map(|&(at, _)| at);
            let due = self.due.first_key_value().map(|(&(at, _), _)| at);
            let timers = self.client.poll_timeout().into_iter().chain(self.server.poll_timeout());
            let next = ways.chain(due).chain(timers).min().filter(|&next| next <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            self.step(met);
        }
        self.now = end;
    }

    fn step(&mut self, met: &mut Met) {
        let now = self.now;
        for from_client in [true, false] {
            while let Some((_, mut bytes)) =
                self.ways[usize::from(!from_client)].pop_front_if(|it| it.0 <= now)
            {
                if self.damage && draw::below(&mut self.rng, 20) == 0 {
                    let at = draw::below(&mut self.rng, bytes.len() as u64) as usize;
                    bytes[at] ^= 1 << draw::below(&mut self.rng, 8);
                    met.damaged += 1;
                }
                let body = Body::new(Payload::from_bytes(bytes), Default::default());
                if from_client {
                    self.server.handle_stream(now, CLIENT, body);
                } else {
                    self.client.handle_stream(now, SERVER, body);
                }
            }
        }
        for endpoint in [&mut self.client, &mut self.server] {
            if endpoint.poll_timeout().is_some_and(|due| due <= now) {
                endpoint.handle_timeout(now);
                assert!(endpoint.poll_timeout().is_none_or(|due| due > now), "a timer that does not end");
            }
        }
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let (id, code, path, label) = entry.remove();
            let mut options = Options::new();
            let (code, bytes) = match code {
                Code::GET if path == "observe" => {
                    options.push(OptionNumber::OBSERVE, b"");
                    (Code::CONTENT, self.state.to_be_bytes().to_vec())
                }
                Code::GET => (Code::CONTENT, pattern(3000)),
                _ => (Code::CHANGED, Vec::new()),
            };
            let body = Body::from_bytes(bytes, label);
            self.server.respond(now, CLIENT, id, Response { code, options, body, label });
        }
    }

    fn settle(&mut self, met: &mut Met) {
        loop {
            if let Some(event) = self.server.poll_event() {
                match event {
                    CoapEvent::Request { id, code, options, body, label, .. } => {
                        assert!(self.damage || body.payload.to_vec() == pattern(body.len() as usize));
                        self.count += 1;
                        let at = self.now + SimDuration::from_millis(draw::below(&mut self.rng, 800));
                        self.due.insert((at, self.count), (id, code, options.path(), label));
                    }
                    CoapEvent::Close { .. } => {
                        met.closed += 1;
                        self.break_off(met);
                    }
                    _ => {}
                }
            } else if let Some(event) = self.client.poll_event() {
                self.take(event, met);
            } else if let Some(datagram) = self.client.poll_transmit() {
                self.carry(true, &datagram.content.payload.to_vec());
            } else if let Some(datagram) = self.server.poll_transmit() {
                self.carry(false, &datagram.content.payload.to_vec());
            } else {
                return;
            }
        }
    }

    fn take(&mut self, event: CoapEvent, met: &mut Met) {
        match event {
            CoapEvent::Response { request, response, more, .. } => {
                let bytes = response.body.payload.to_vec();
                if self.observing == Some(request.0) {
                    met.notifications += 1;
                    let state = bytes.as_slice().try_into().map(u32::from_be_bytes);
                    assert!(self.damage || state.is_ok());
                    self.seen = state.ok();
                } else {
                    assert!(self.damage || bytes == pattern(bytes.len()), "a body of {} bytes", bytes.len());
                    assert!(self.damage || [0, 3000].contains(&bytes.len()));
                    met.answered += 1;
                }
                if !more {
                    *self.ended.entry(request.0).or_default() += 1;
                }
            }
            CoapEvent::Failed { request, why } => {
                met.disconnected += u64::from(why == Failure::Disconnected);
                met.no_response += u64::from(why == Failure::NoResponse);
                *self.ended.entry(request.0).or_default() += 1;
            }
            CoapEvent::Close { .. } => {
                met.closed += 1;
                self.break_off(met);
            }
            _ => {}
        }
    }

    /// Puts a message on its way, cut anywhere, behind what is on it.
    fn carry(&mut self, from_client: bool, bytes: &[u8]) {
        if !self.connected {
            return;
        }
        let way = &mut self.ways[usize::from(!from_client)];
        let mut rest = bytes;
        while !rest.is_empty() {
            let cut = 1 + draw::below(&mut self.rng, rest.len() as u64) as usize;
            let (front, back) = rest.split_at(cut);
            let delay = SimDuration::from_millis(5 + draw::below(&mut self.rng, 300));
            let after = way.back().map_or(SimTime::ZERO, |&(at, _)| at);
            way.push_back(((self.now + delay).max(after), front.to_vec()));
            rest = back;
        }
    }

    /// Everything that was asked for came to one end, and nothing is kept of it.
    fn finished(&self, seed: u64) {
        let mut left = self.asked.clone();
        left.retain(|id| Some(*id) != self.observing);
        let ended: BTreeSet<u32> =
            self.ended.keys().copied().filter(|id| Some(*id) != self.observing).collect();
        assert_eq!(left, ended, "answered or reported, seed {seed}");
        assert!(self.ended.values().all(|&times| times == 1), "once, seed {seed}");
    }
}

fn survive(seed: u64, met: &mut Met) {
    let mut world = World::new(seed);
    world.damage = seed.is_multiple_of(5);
    for round in 0..8_u64 {
        if !world.connected {
            world.connect();
        }
        let observed = world.observing.is_some_and(|id| !world.ended.contains_key(&id));
        if !observed && !world.damage {
            world.observing = Some(world.ask(Code::GET, "observe", 0));
        }
        world.ask(Code::GET, "temperature", 0);
        world.ask(Code::PUT, "firmware", 4000);
        world.ask(Code::PUT, "actuator", 20);
        world.change();
        let span = draw::below(&mut world.rng, 4000);
        world.run_for(SimDuration::from_millis(span), met);
        match draw::below(&mut world.rng, 5) {
            0 => world.break_off(met),
            1 => world.crash(true, met),
            2 if round > 0 => world.crash(false, met),
            _ => {}
        }
    }
    // A last connection that holds: the observer asks again, and sees the last state.
    if !world.connected {
        world.connect();
    }
    world.run_for(SimDuration::from_secs(2), met);
    let observed = world.observing.is_some_and(|id| !world.ended.contains_key(&id));
    if !observed && !world.damage {
        world.observing = Some(world.ask(Code::GET, "observe", 0));
    }
    world.change();
    world.run_for(SimDuration::from_secs(600), met);
    world.finished(seed);
    let id = world.observing.filter(|_| !world.damage);
    assert!(id.is_none() || world.seen == Some(world.state), "seed {seed}: {:?}", world.seen);
    let observations = usize::from(id.is_some());
    assert_eq!(world.client.pending(), observations, "nothing but the observation is under way, seed {seed}");
    world.break_off(met);
    world.run_for(SimDuration::from_secs(600), met);
    for endpoint in [&world.client, &world.server] {
        assert_eq!((endpoint.remembered(), endpoint.peer_count()), (0, 0), "nothing leaks, seed {seed}");
        assert_eq!(endpoint.poll_timeout(), None, "no timer is left, seed {seed}");
    }
    met.client += world.client.stats();
    met.server += world.server.stats();
}

fn run(seeds: u64) {
    let mut met = Met::default();
    for seed in 0..seeds {
        survive(seed, &mut met);
    }
    println!("{seeds} seeds: {met:?}");
    let Met { breaks, crashes, damaged, lost_bytes, answered, disconnected, notifications, closed, .. } = met;
    let counts = [breaks, crashes, damaged, lost_bytes, answered, disconnected, notifications, closed];
    assert!(counts.iter().all(|&count| count > 0), "every fault was met: {counts:?}");
    let blocks = [met.client.blocks, met.server.blocks, met.server.malformed, met.server.notifications];
    assert!(blocks.iter().all(|&count| count > 0), "{blocks:?}");
}

#[test]
fn requests_over_streams_are_answered_or_reported_and_observers_converge() {
    run(150);
}

#[test]
#[ignore = "10,000 seeds take a minute"]
fn requests_over_streams_are_answered_or_reported_for_ten_thousand_seeds() {
    run(10_000);
}
