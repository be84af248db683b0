//! A client and a server with a wire between them that can lose, repeat, delay and damage.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::{CoapConfig, CoapEndpoint, CoapEvent, Failure, IncomingId, Request, Response};
use session::datagram::{Datagram, DatagramSession};
use sim_core::{SimDuration, SimTime, draw};
use wire::coap::{Code, Head, Kind, OptionNumber, Options, Token};
use wire::payload::Payload;

pub(crate) const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 50_000);
pub(crate) const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 5683);

/// A message that was sent.
pub(crate) struct Entry {
    pub(crate) at: SimTime,
    pub(crate) from: SocketAddr,
    pub(crate) head: Head,
}

/// What the wire does, in thousandths.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wire {
    pub(crate) loss: u64,
    pub(crate) duplicate: u64,
    pub(crate) damage: u64,
    pub(crate) jitter: SimDuration,
}

/// A request that the server works on.
type Asked = (SocketAddr, IncomingId, Code, String, Label);

pub(crate) struct Lab {
    pub(crate) now: SimTime,
    pub(crate) client: CoapEndpoint,
    pub(crate) server: CoapEndpoint,
    pub(crate) log: Vec<Entry>,
    pub(crate) lose_all: bool,
    /// Numbers of messages that are lost.
    pub(crate) lose: Vec<usize>,
    pub(crate) wire: Wire,
    pub(crate) faults: [u64; 3],
    /// Whether bodies may hold anything, since bytes are damaged on the way.
    pub(crate) unchecked: bool,
    pub(crate) processing: SimDuration,
    pub(crate) answer_len: usize,
    pub(crate) served: u64,
    pub(crate) bodies: Vec<u32>,
    pub(crate) received: Vec<u32>,
    pub(crate) failures: Vec<(SimTime, Failure)>,
    /// The state that observers see.
    pub(crate) state: u32,
    pub(crate) seen_state: Option<u32>,
    /// Bytes of a state's representation: its number, and a pattern behind.
    pub(crate) state_len: usize,
    pub(crate) answers: BTreeMap<u32, u32>,
    flying: BTreeMap<(SimTime, u64), (SocketAddr, SocketAddr, Body)>,
    due: BTreeMap<(SimTime, u64), Asked>,
    count: u64,
    rng: ChaCha8Rng,
}

pub(crate) fn get(path: &str, confirmable: bool) -> Request {
    let mut options = Options::new();
    options.push_path(OptionNumber::URI_PATH, path);
    Request { code: Code::GET, options, body: Body::default(), confirmable, label: Label::NONE }
}

pub(crate) fn put(path: &str, len: usize, confirmable: bool) -> Request {
    let body = Body::from_bytes((0..len).map(|at| (at % 251) as u8).collect(), Label::NONE);
    Request { code: Code::PUT, body, ..get(path, confirmable) }
}

impl Lab {
    pub(crate) fn new(seed: u64, config: CoapConfig) -> Self {
        let config = Arc::new(config);
        let rng = |stream| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream);
            ChaCha8Rng::from_rng(&mut rng)
        };
        Self {
            now: SimTime::ZERO,
            client: CoapEndpoint::new(Arc::clone(&config), rng(1)),
            server: CoapEndpoint::new(config, rng(2)),
            log: Vec::new(),
            lose_all: false,
            lose: Vec::new(),
            wire: Wire::default(),
            faults: [0; 3],
            unchecked: false,
            processing: SimDuration::ZERO,
            answer_len: 6,
            served: 0,
            bodies: Vec::new(),
            received: Vec::new(),
            failures: Vec::new(),
            state: 0,
            seen_state: None,
            state_len: 4,
            answers: BTreeMap::new(),
            flying: BTreeMap::new(),
            due: BTreeMap::new(),
            count: 0,
            rng: rng(3),
        }
    }

    /// Messages sent so far: kind and code.
    pub(crate) fn trace(&self) -> Vec<String> {
        self.log.iter().map(|entry| format!("{} {}", entry.head.kind.name(), entry.head.code)).collect()
    }

    pub(crate) fn responses(&self) -> usize {
        self.bodies.len()
    }

    /// The resource gets a new state.
    pub(crate) fn change(&mut self, path: &str) {
        self.state += 1;
        let body = Body::from_bytes(self.representation(), Label::NONE);
        let response = Response { code: Code::CONTENT, options: Options::new(), body, label: Label::NONE };
        self.server.notify(self.now, path, &response);
    }

    fn representation(&self) -> Vec<u8> {
        let mut bytes = self.state.to_be_bytes().to_vec();
        bytes.resize(self.state_len.max(4), self.state as u8);
        bytes
    }

    /// A message with the token of the latest request, as an attacker would guess it.
    pub(crate) fn forge(&self, code: Code) -> Body {
        let token =
            self.log.iter().rev().find(|it| it.from == CLIENT).map_or(Token::EMPTY, |it| it.head.token);
        let options = Options::new();
        let head = Head { kind: Kind::Confirmable, code, message_id: 1, token, options };
        let bytes = head.emit(false);
        Body::new(Payload::from_bytes(bytes.to_vec()), Default::default())
    }

    pub(crate) fn run_for(&mut self, span: SimDuration) {
        let end = self.now + span;
        loop {
            self.settle();
            let next = self.next().filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    fn next(&self) -> Option<SimTime> {
        let flying = self.flying.first_key_value().map(|(&(at, _), _)| at);
        let due = self.due.first_key_value().map(|(&(at, _), _)| at);
        let timers = self.client.poll_timeout().into_iter().chain(self.server.poll_timeout());
        flying.into_iter().chain(due).chain(timers).min()
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= now) {
            let (from, to, body) = entry.remove();
            let endpoint = if to == CLIENT { &mut self.client } else { &mut self.server };
            endpoint.handle_datagram(now, from, to.ip(), body);
        }
        for endpoint in [&mut self.client, &mut self.server] {
            if endpoint.poll_timeout().is_some_and(|due| due <= now) {
                endpoint.handle_timeout(now);
                assert!(endpoint.poll_timeout().is_none_or(|due| due > now), "a timer that does not end");
            }
        }
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let (from, id, code, path, label) = entry.remove();
            self.answer(from, id, code, &path, label);
        }
    }

    fn answer(&mut self, from: SocketAddr, id: IncomingId, code: Code, path: &str, label: Label) {
        let mut options = Options::new();
        let (code, bytes) = match code {
            Code::GET | Code::FETCH if path == "observe" => {
                options.push(OptionNumber::OBSERVE, b"");
                (Code::CONTENT, self.representation())
            }
            Code::GET | Code::FETCH => {
                (Code::CONTENT, (0..self.answer_len).map(|at| (at % 251) as u8).collect())
            }
            _ => (Code::CHANGED, Vec::new()),
        };
        let body = Body::from_bytes(bytes, label);
        self.server.respond(self.now, from, id, Response { code, options, body, label });
    }

    /// Takes all events and puts all messages on the wire.
    pub(crate) fn settle(&mut self) {
        loop {
            if let Some(event) = self.server.poll_event() {
                if let CoapEvent::Request { id, from, code, options, body, label, .. } = event {
                    self.served += 1;
                    self.received.push(body.len());
                    self.check(&body);
                    self.count += 1;
                    let at = self.now + self.processing;
                    let path = options.path();
                    if self.processing.is_zero() {
                        self.answer(from, id, code, &path, label);
                    } else {
                        self.due.insert((at, self.count), (from, id, code, path, label));
                    }
                }
            } else if let Some(event) = self.client.poll_event() {
                match event {
                    CoapEvent::Response { request, response, .. } => {
                        *self.answers.entry(request.0).or_default() += 1;
                        self.bodies.push(response.body.len());
                        let bytes = response.body.payload.to_vec();
                        if let Some((state, rest)) = bytes.split_first_chunk()
                            && response.options.get(OptionNumber::OBSERVE).is_some()
                        {
                            let state = u32::from_be_bytes(*state);
                            assert!(rest.iter().all(|&byte| byte == state as u8), "one state's bytes");
                            self.seen_state = Some(state);
                        } else if response.code.is_success() {
                            self.check(&response.body);
                        }
                    }
                    CoapEvent::Failed { request, why } => {
                        *self.answers.entry(request.0).or_default() += 1;
                        self.failures.push((self.now, why));
                    }
                    CoapEvent::Unanswered { .. }
                    | CoapEvent::Request { .. }
                    | CoapEvent::Duplicate { .. }
                    | CoapEvent::Close { .. }
                    | CoapEvent::ObserverGone { .. } => {}
                }
            } else if let Some(datagram) = self.client.poll_transmit() {
                self.put(CLIENT, datagram);
            } else if let Some(datagram) = self.server.poll_transmit() {
                self.put(SERVER, datagram);
            } else {
                return;
            }
        }
    }

    fn put(&mut self, from: SocketAddr, datagram: Datagram) {
        let bytes = datagram.content.payload.to_vec();
        let (head, _) = Head::parse(&bytes, bytes.len()).expect("an endpoint sends what can be read");
        let described: u32 = datagram.content.runs.iter().map(|run| run.bytes).sum();
        assert_eq!(described, datagram.content.len(), "runs are as long as the message");
        let number = self.log.len();
        self.log.push(Entry { at: self.now, from, head });
        let mut hit = |chance: u64, fault: usize| {
            let hit = draw::below(&mut self.rng, 1000) < chance;
            self.faults[fault] += u64::from(hit);
            hit
        };
        let (lost, twice, damaged) =
            (hit(self.wire.loss, 0), hit(self.wire.duplicate, 1), hit(self.wire.damage, 2));
        if self.lose_all || lost || self.lose.contains(&number) {
            return;
        }
        for _ in 0..=u8::from(twice) {
            let jitter = draw::below(&mut self.rng, self.wire.jitter.as_nanos() + 1);
            let at = self.now + SimDuration::from_millis(10) + SimDuration::from_nanos(jitter);
            let mut content = datagram.content.clone();
            if damaged {
                let mut bytes = bytes.clone();
                let place = draw::below(&mut self.rng, bytes.len() as u64) as usize;
                bytes[place] ^= 1 << draw::below(&mut self.rng, 8);
                content = Body::new(Payload::from_bytes(bytes), content.runs);
            }
            self.count += 1;
            self.flying.insert((at, self.count), (from, datagram.to, content));
        }
    }

    /// Replaces an end by a new one, as after a crash.
    pub(crate) fn crash(&mut self, server: bool, seed: u64, config: CoapConfig) {
        let endpoint = CoapEndpoint::new(Arc::new(config), ChaCha8Rng::seed_from_u64(seed ^ 0xC0A9));
        *(if server { &mut self.server } else { &mut self.client }) = endpoint;
        if server {
            self.due.clear();
        }
    }
}

impl Lab {
    /// Every body that is put together is what was sent.
    fn check(&self, body: &Body) {
        if self.unchecked {
            return;
        }
        for (at, byte) in body.payload.to_vec().into_iter().enumerate() {
            assert_eq!(byte, (at % 251) as u8, "byte {at} of {}", body.len());
        }
    }
}
