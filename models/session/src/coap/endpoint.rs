//! The endpoint: what it keeps, and what its user calls.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sim_core::time::OptionalTime;
use sim_core::{IdleHeap, IdleQueue, IdleRng, IdleVec, SimDuration, SimTime};
use wire::coap::{Code, Token};

use super::config::CoapConfig;
use super::event::{CoapEvent, RequestId};
use super::observe::Observer;
use super::peer::{Message, Peer, Role};
use super::peers::Peers;
use super::stats::{CoapStats, Tally};
use super::stream::{Links, header_len};
use crate::body::{Body, Label};
use crate::datagram::{Datagram, DatagramSession};

/// A client and server on one port.
#[derive(Debug)]
pub struct CoapEndpoint {
    pub(super) config: Arc<CoapConfig>,
    pub(super) rng: IdleRng,
    pub(super) peers: Peers,
    pub(super) observers: IdleVec<Observer>,
    due: Option<Box<Due>>,
    pub(super) next_sweep: OptionalTime,
    pub(super) latest_id: u32,
    pub(super) next_token: u64,
    /// The number of the latest notification.
    pub(super) sequence: u32,
    /// Connections; an endpoint over datagrams has none.
    pub(super) links: Links,
    pub(super) outgoing: IdleQueue<Datagram>,
    pub(super) events: IdleQueue<CoapEvent>,
    pub(super) stats: Tally,
}

/// What an endpoint does at a time of its own.
#[derive(Debug, Default)]
struct Due {
    /// The peers for which there may be something to do.
    peers: IdleHeap<(SimTime, SocketAddr)>,
    /// Responses to multicast requests that wait for their moment.
    leisurely: IdleVec<(SimTime, SocketAddr, Message)>,
}

impl Due {
    fn next(&self) -> Option<SimTime> {
        let peer = self.peers.peek().map(|&(at, _)| at);
        let response = self.leisurely.iter().map(|(at, ..)| *at).min();
        peer.into_iter().chain(response).min()
    }
}

impl CoapEndpoint {
    /// An endpoint without peers.
    pub fn new(config: Arc<CoapConfig>, mut rng: ChaCha8Rng) -> Self {
        // Tokens are hard to guess by where they start, and never repeat (RFC 7252 §5.3.1, RFC 9175 §4.2).
        let next_token = rng.next_u64();
        Self {
            config,
            rng: rng.into(),
            peers: Peers::default(),
            observers: IdleVec::new(),
            due: None,
            next_sweep: OptionalTime::NONE,
            latest_id: 0,
            next_token,
            sequence: 0,
            links: Links::default(),
            outgoing: IdleQueue::new(),
            events: IdleQueue::new(),
            stats: Tally::default(),
        }
    }

    /// An endpoint over connections (RFC 8323): whoever owns them calls [`Self::connected`], [`Self::handle_stream`] and
    /// [`Self::disconnected`], and writes what [`DatagramSession::poll_transmit`] gives to the peer's connection.
    pub fn over_streams(config: Arc<CoapConfig>, rng: ChaCha8Rng) -> Self {
        Self { links: Links::over_streams(), ..Self::new(config, rng) }
    }

    /// What happened so far.
    pub fn stats(&self) -> CoapStats {
        self.stats.stats()
    }

    /// Peers that something is remembered of.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// Messages received that are remembered to find duplicates.
    pub fn remembered(&self) -> usize {
        self.peers.values().map(|peer| peer.seen.len()).sum()
    }

    /// Requests that await their responses.
    pub fn pending(&self) -> usize {
        self.peers.values().map(|peer| peer.requests.len()).sum()
    }

    /// Whether the peer is there: an empty confirmable message, which it resets (RFC 7252 §4.3).
    pub fn ping(&mut self, now: SimTime, peer: SocketAddr) {
        if self.is_stream() {
            return self.ping_stream(peer);
        }
        let message = Message {
            code: Code::EMPTY,
            token: Token::EMPTY,
            options: wire::coap::Options::new(),
            body: Body::default(),
            label: Label::NONE,
            role: Role::Ping,
            source: None,
        };
        self.submit(now, peer, true, message);
    }

    /// Exchanges with a peer that take memory: messages that are not acknowledged, and those remembered for duplicates.
    pub fn exchanges_with(&self, peer: SocketAddr) -> usize {
        self.peers.get(&peer).map_or(0, |peer| peer.flights.len() + peer.seen.len())
    }

    /// What a message that is sent consists of: its first run is its head, whose first byte says the token's length.
    fn count_bytes(&mut self, datagram: &Datagram) {
        let Body { payload, runs } = &datagram.content;
        let first =
            payload.slices().first().and_then(|slice| slice.as_bytes()).and_then(|bytes| bytes.first());
        let (Some(first), Some(run)) = (first, runs.first()) else { return };
        let (head, token) = (u64::from(run.bytes), u64::from(first & 0x0F));
        let body = u64::from(payload.len()) - head;
        let header = if self.is_stream() { header_len(*first) } else { wire::coap::HEADER_LEN as u64 };
        let options = head - header - token - u64::from(body > 0);
        self.stats.count_bytes(head, token, options, body);
    }

    pub(super) fn peer(&mut self, now: SimTime, address: SocketAddr) -> &mut Peer {
        let (rng, config) = (&mut self.rng, &self.config);
        self.peers.get_or_insert_with(address, || {
            // A random first message ID makes off-path attacks harder (RFC 7252 §4.4).
            let id = rng.next_u32() as u16;
            Peer::new(id, now, config)
        })
    }

    /// A number for a request; none has zero.
    pub(super) fn new_id(&mut self) -> u32 {
        self.latest_id = self.latest_id.wrapping_add(1).max(1);
        self.latest_id
    }

    /// A token that no request to the peer has.
    pub(super) fn new_token(&mut self, peer: SocketAddr) -> Token {
        let len = self.config.token_len;
        loop {
            let token = Token::from_value(self.next_token, len);
            self.next_token = self.next_token.wrapping_add(1);
            let used = |peer: &Peer| peer.requests.iter().any(|pending| pending.token == token);
            // With no bytes for it, there is one request at a time.
            if len == 0 || !self.peers.get(&peer).is_some_and(used) {
                return token;
            }
        }
    }

    pub(super) fn arm(&mut self, at: SimTime, peer: SocketAddr) {
        let timers = &mut self.due.get_or_insert_default().peers;
        if !timers.iter().any(|entry| *entry == (at, peer)) || timers.len() > TIMERS_SCANNED {
            timers.push((at, peer));
        }
    }

    /// NON_TIMEOUT_RANDOM: the pause between two sets of blocks (RFC 9177 §7.2).
    pub(super) fn non_timeout_random(&mut self) -> SimDuration {
        let (low, high) = (self.config.ack_timeout, self.config.non_timeout_max());
        sim_core::draw::uniform_duration(&mut self.rng, low, high)
    }

    /// Keeps a response to a multicast request until `at`.
    pub(super) fn send_at(&mut self, at: SimTime, to: SocketAddr, message: Message) {
        self.due.get_or_insert_default().leisurely.push((at, to, message));
    }

    fn send_leisurely(&mut self, now: SimTime) {
        let Some(due) = &mut self.due else { return };
        for (_, peer, message) in due.leisurely.take_if(|(at, ..)| *at <= now) {
            self.submit(now, peer, false, message);
        }
    }

    pub(super) fn fail(&mut self, request: RequestId, why: super::event::Failure) {
        self.events.push_back(CoapEvent::Failed { request, why });
    }
}

impl DatagramSession for CoapEndpoint {
    type Event = CoapEvent;

    fn handle_datagram(&mut self, now: SimTime, from: SocketAddr, to: IpAddr, content: Body) {
        self.receive(now, from, to, content);
    }

    fn handle_timeout(&mut self, now: SimTime) {
        while let Some(due) = &mut self.due
            && let Some(&(at, peer)) = due.peers.peek()
            && at <= now
        {
            due.peers.pop();
            self.serve(now, peer);
        }
        self.send_leisurely(now);
        self.due.take_if(|due| due.peers.is_empty() && due.leisurely.is_empty());
        self.sweep(now);
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        let datagram = self.outgoing.pop_front()?;
        self.count_bytes(&datagram);
        Some(datagram)
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        self.due.as_ref().and_then(|due| due.next()).into_iter().chain(self.next_sweep.get()).min()
    }

    fn poll_event(&mut self) -> Option<CoapEvent> {
        self.events.pop_front()
    }
}

/// Up to so many timers are looked through, so that a small endpoint has none twice.
const TIMERS_SCANNED: usize = 8;
