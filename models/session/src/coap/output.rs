//! The message layer's sending side: message IDs, limits, retransmission, and what is forgotten when (RFC 7252 §4).

use std::net::{IpAddr, SocketAddr};

use rand::Rng;
use sim_core::{SimDuration, SimTime};
use wire::account::{Protocol, Reason};
use wire::coap::{Code, Head, Kind, OptionNumber, Token};

use super::config::CoapConfig;
use super::congestion::first_timeout;
use super::endpoint::CoapEndpoint;
use super::event::Failure;
use super::input::Arrived;
use super::peer::{Answering, Flight, Message, Peer, Role, Waiting};
use super::stream::framed;
use crate::body::{Body, Label};
use crate::datagram::Datagram;

impl CoapEndpoint {
    /// Sends a message, or lets it wait for its turn.
    pub(super) fn submit(&mut self, now: SimTime, peer: SocketAddr, confirmable: bool, message: Message) {
        let config = std::sync::Arc::clone(&self.config);
        let stream = self.is_stream();
        let known = self.peer(now, peer);
        // Most messages go at once, and need no queue.
        let first = Waiting { confirmable, message };
        if !stream && known.first_waiting().is_none() {
            let Some(until) = held_until(known, &config, now, &first) else {
                return self.launch(now, peer, confirmable, first.message);
            };
            known.rare().waiting.push_back(first);
            self.hold_back(until, peer, true);
            return;
        }
        known.rare().waiting.push_back(first);
        self.release(now, peer, true);
    }

    /// Sends what waits and may be sent.
    pub(super) fn release(&mut self, now: SimTime, address: SocketAddr, new: bool) {
        let config = std::sync::Arc::clone(&self.config);
        if self.is_stream() {
            return self.release_stream(now, address);
        }
        while let Some(peer) = self.peers.get_mut(&address) {
            let Some(first) = peer.next_waiting() else { return };
            if let Some(until) = held_until(peer, &config, now, &first) {
                peer.rare().waiting.push_front(first);
                self.hold_back(until, address, new);
                return;
            }
            self.launch(now, address, first.confirmable, first.message);
        }
    }

    /// The first message that waits for a peer may not be sent before `until`; forever, if that is for something to happen.
    fn hold_back(&mut self, until: SimTime, address: SocketAddr, new: bool) {
        if new {
            self.stats.rare().held_back += 1;
        }
        if until < SimTime::MAX {
            self.arm(until, address);
        }
    }

    /// A connection takes everything at once, as soon as it is there.
    fn release_stream(&mut self, now: SimTime, address: SocketAddr) {
        let lifetime = self.config.exchange_lifetime();
        while self.is_linked(address)
            && let Some(peer) = self.peers.get_mut(&address)
            && let Some(Waiting { message, .. }) = peer.next_waiting()
        {
            peer.active = now;
            let role = message.role;
            if let Role::Request(id) = role
                && let Some(pending) = peer.requests.iter_mut().find(|pending| pending.id == id)
            {
                pending.deadline = now.saturating_add(lifetime);
                let deadline = pending.deadline;
                self.arm(deadline, address);
            }
            self.stats.on_sent();
            self.outgoing.push_back(framed(address, message, reason_of(role)));
            self.plan_sweep(now);
            if let Role::Request(id) = role {
                self.end_unanswered(address, id);
            }
        }
    }

    fn launch(&mut self, now: SimTime, address: SocketAddr, confirmable: bool, message: Message) {
        let config = std::sync::Arc::clone(&self.config);
        let peer = self.peer(now, address);
        let message_id = peer.take_message_id();
        peer.active = now;
        let kind = if confirmable { Kind::Confirmable } else { Kind::NonConfirmable };
        let role = message.role;
        let datagram = datagram(address, kind, message_id, message, reason_of(role));
        if let Role::Request(id) | Role::Block(id) = role
            && let Some(pending) = peer.requests.iter_mut().find(|pending| pending.id == id)
        {
            pending.message_id = Some(message_id);
            // A body in blocks of their own may be answered as long as its parts are kept (RFC 9177 §7.2).
            let long = confirmable || pending.transfer.is_some();
            let lifetime = if long { config.exchange_lifetime() } else { config.non_lifetime() };
            pending.deadline = now.saturating_add(lifetime);
            let deadline = pending.deadline;
            // A confirmable one is watched by its retransmissions until it is acknowledged.
            if !confirmable {
                self.arm(deadline, address);
            }
        }
        if let Role::Notification(token) = role {
            self.note_notification(address, token, message_id);
        }
        if let Role::Report(token) = role {
            self.note_report(address, token, message_id);
        }
        if confirmable {
            let Some(peer) = self.peers.get_mut(&address) else { return };
            let parallel = peer.flights.len();
            let estimator = peer.rare.as_mut().and_then(|rare| rare.estimator.as_deref_mut());
            let (timeout, series) = first_timeout(estimator, now, parallel, &config, &mut self.rng);
            let due = now.saturating_add(timeout);
            let copy = datagram.clone();
            let (sent, retransmissions) = (now, 0);
            let flight =
                Flight { message_id, datagram: copy, sent, timeout, series, retransmissions, due, role };
            self.peer(now, address).flights.push(flight);
            self.arm(due, address);
        }
        self.stats.on_sent();
        self.outgoing.push_back(datagram);
        self.plan_sweep(now);
        if let Role::Request(id) = role
            && !confirmable
        {
            self.end_unanswered(address, id);
        }
    }

    /// Sends an empty message or a piggybacked response, and remembers it for duplicates of what it replies to.
    pub(super) fn reply(
        &mut self,
        now: SimTime,
        address: SocketAddr,
        kind: Kind,
        message_id: u16,
        message: Message,
    ) {
        let reason = reason_of_reply(kind, message.code);
        // What has a token and is sent by another's message ID has the token of that message.
        let bare = message.options.is_empty() && message.body.is_empty();
        let code = message.code;
        let datagram = datagram(address, kind, message_id, message, reason);
        let peer = self.peer(now, address);
        peer.active = now;
        if let Some(seen) = peer.seen.get_mut(message_id) {
            seen.bare = bare.then_some((kind, code));
            if !bare {
                peer.rare().replies.get_or_insert_default().insert(message_id, datagram.clone());
            }
        }
        self.stats.on_sent();
        self.outgoing.push_back(datagram);
    }

    pub(super) fn send_empty(
        &mut self,
        now: SimTime,
        address: SocketAddr,
        source: Option<IpAddr>,
        kind: Kind,
        message_id: u16,
        label: Label,
    ) {
        if self.is_stream() {
            return; // It neither acknowledges nor resets (RFC 8323 §3.1).
        }
        if kind == Kind::Reset {
            self.stats.rare().resets_sent += 1;
        }
        let empty = Message {
            code: Code::EMPTY,
            token: Token::EMPTY,
            options: wire::coap::Options::new(),
            body: Body::default(),
            label,
            role: Role::Response,
            source,
        };
        self.reply(now, address, kind, message_id, empty);
    }

    /// Sends again what a duplicate was answered with before.
    pub(super) fn repeat(&mut self, arrived: &Arrived) {
        let (from, id) = (arrived.from, arrived.head.message_id);
        let Some(peer) = self.peers.get(&from) else { return };
        let again = match peer.seen.get(id).and_then(|seen| seen.bare) {
            Some((kind, code)) => {
                let token = if code == Code::EMPTY { Token::EMPTY } else { arrived.head.token };
                let (options, body) = (wire::coap::Options::new(), Body::default());
                let (label, source) = (arrived.label, arrived.to);
                let role = Role::Response;
                let message = Message { code, token, options, body, label, role, source };
                datagram(from, kind, id, message, reason_of_reply(kind, code))
            }
            None => match peer.rare.as_ref().and_then(|rare| rare.replies.as_ref()?.get(&id)) {
                Some(datagram) => datagram.clone(),
                None => return,
            },
        };
        self.outgoing.push_back(Datagram { retransmission: true, ..again });
    }

    /// Does what is due for a peer.
    pub(super) fn serve(&mut self, now: SimTime, address: SocketAddr) {
        self.retransmit(now, address);
        self.acknowledge_late(now, address);
        self.serve_transfers(now, address);
        self.serve_bodies(now, address);
        self.serve_observers(now, address);
        let Some(peer) = self.peers.get_mut(&address) else { return };
        let expired =
            |pending: &mut super::peer::Pending| pending.deadline <= now && pending.observed.is_none();
        let given_up = peer.requests.take_if(expired);
        let stale = peer.requests.iter_mut().filter(|pending| pending.deadline <= now);
        let stale: Vec<_> = stale.map(|pending| (pending.deadline = SimTime::MAX, pending.id).1).collect();
        // Nobody answers a multicast request for sure: its end is no failure.
        for pending in given_up.iter().filter(|_| !address.ip().is_multicast()) {
            self.give_up(now, address, pending, Failure::NoResponse);
        }
        for id in stale {
            self.send_again(now, address, id);
        }
        self.release(now, address, false);
    }

    /// Sends again what was not acknowledged in time, or gives it up (§4.2).
    fn retransmit(&mut self, now: SimTime, address: SocketAddr) {
        let (max, span) = (self.config.max_retransmit, self.config.max_transmit_span());
        let Some(peer) = self.peers.get_mut(&address) else { return };
        let mut at = 0;
        let mut lost = Vec::new();
        let mut armed = Vec::new();
        while let Some(flight) = peer.flights.get_mut(at) {
            if flight.due > now {
                at += 1;
            } else if flight.retransmissions >= max || flight.due > flight.sent.saturating_add(span) {
                // All copies stay within MAX_TRANSMIT_SPAN, or the receiver might take a late one for news (§4.2).
                lost.push(peer.flights.remove(at).role);
            } else {
                flight.retransmissions += 1;
                flight.timeout = flight.series.next(flight.retransmissions, flight.timeout);
                flight.due = now.saturating_add(flight.timeout);
                armed.push(flight.due);
                let datagram = Datagram { retransmission: true, ..flight.datagram.clone() };
                self.stats.rare().retransmissions += 1;
                let by_timer = &mut self.stats.rare().by_timer;
                by_timer[usize::from(flight.retransmissions - 1).min(by_timer.len() - 1)] += 1;
                self.outgoing.push_back(datagram);
                peer.active = now;
                at += 1;
            }
        }
        for due in armed {
            self.arm(due, address);
        }
        for role in lost {
            self.stats.rare().timeouts += 1;
            self.on_lost(now, address, role, Failure::Timeout);
        }
    }

    /// A confirmable message was given up or rejected.
    pub(super) fn on_lost(&mut self, now: SimTime, address: SocketAddr, role: Role, why: Failure) {
        match role {
            Role::Request(id) | Role::Block(id) => self.finish(now, address, id, why),
            Role::Notification(token) => self.forget_observer(address, token),
            Role::Response | Role::Report(_) | Role::Ping => {}
        }
    }

    /// Acknowledges requests whose responses take longer than the user wanted to wait (§5.2.2).
    fn acknowledge_late(&mut self, now: SimTime, address: SocketAddr) {
        let Some(peer) = self.peers.get_mut(&address) else { return };
        let mut late = Vec::new();
        for incoming in peer.incoming.iter_mut() {
            if let Answering::Piggybacked(until) = incoming.state
                && until <= now
            {
                incoming.state = Answering::Separate;
                late.push((incoming.message_id, incoming.to, incoming.label));
            }
        }
        for (message_id, source, label) in late {
            self.stats.rare().empty_acknowledgements += 1;
            self.send_empty(now, address, source, Kind::Acknowledgement, message_id, label);
        }
    }

    /// Forgets messages and peers whose time is over (§4.8.2).
    pub(super) fn sweep(&mut self, now: SimTime) {
        if self.next_sweep.get().is_none_or(|at| at > now) {
            return;
        }
        let lifetime = self.config.exchange_lifetime();
        for peer in self.peers.values_mut() {
            peer.expire(now);
        }
        let observed: Vec<SocketAddr> = self.observers.iter().map(|observer| observer.peer).collect();
        self.peers.retain(|address, peer| {
            !peer.is_idle() || observed.contains(&address) || peer.active.saturating_add(lifetime) > now
        });
        // A client that hears only acknowledgements has nothing to forget but its peer.
        let remembers = self.peers.values().any(|peer| !peer.is_light());
        let wait = if remembers { lifetime / SWEEPS } else { lifetime };
        self.next_sweep = (!self.peers.is_empty()).then(|| now.saturating_add(wait)).into();
    }

    pub(super) fn plan_sweep(&mut self, now: SimTime) {
        if self.next_sweep.get().is_none() {
            self.next_sweep = Some(now.saturating_add(self.config.exchange_lifetime() / SWEEPS)).into();
        }
    }

    /// When a response to a multicast request is sent: at random within the leisure (§8.2).
    pub(super) fn leisure(&mut self, now: SimTime) -> SimTime {
        let span = self.config.default_leisure.as_nanos();
        let part = (u128::from(self.rng.next_u64()) * u128::from(span)) >> 64;
        now.saturating_add(SimDuration::from_nanos(part as u64))
    }
}

/// A message as a datagram.
pub(super) fn datagram(
    to: SocketAddr,
    kind: Kind,
    message_id: u16,
    message: Message,
    reason: Reason,
) -> Datagram {
    let Message { code, token, options, body, label, source, .. } = message;
    let head = Head { kind, code, message_id, token, options };
    let bytes = head.emit(!body.is_empty());
    let content = body.behind(bytes.as_slice(), label, Protocol::Coap, reason);
    Datagram { to, source, content, flow: label.flow, reason, retransmission: false }
}

fn reason_of(role: Role) -> Reason {
    match role {
        Role::Request(_) | Role::Block(_) | Role::Response | Role::Notification(_) => Reason::Data,
        Role::Report(_) => Reason::Control,
        Role::Ping => Reason::KeepAlive,
    }
}

fn reason_of_reply(kind: Kind, code: Code) -> Reason {
    match (kind, code) {
        (Kind::Reset, _) => Reason::Control,
        (Kind::Acknowledgement | Kind::Confirmable | Kind::NonConfirmable, Code::EMPTY) => {
            Reason::Acknowledgement
        }
        (Kind::Acknowledgement | Kind::Confirmable | Kind::NonConfirmable, _) => Reason::Data,
    }
}

fn message_len(message: &Message) -> u64 {
    let marker = u64::from(!message.body.is_empty());
    let head = wire::coap::HEADER_LEN + message.token.len() + message.options.as_bytes().len();
    head as u64 + marker + u64::from(message.body.len())
}

/// Bytes that a message costs of PROBING_RATE: of the first block of a body all of that (RFC 9177 §7.2).
fn charged_len(message: &Message) -> u64 {
    let body = message.options.get(OptionNumber::Q_BLOCK1).and(message.options.get_uint(OptionNumber::SIZE1));
    message_len(message).max(u64::from(body.unwrap_or(0)))
}

/// Bytes, in billionths, that may go to a silent peer at once: PROBING_RATE over EXCHANGE_LIFETIME.
fn credit_max(config: &CoapConfig) -> u64 {
    u64::from(config.probing_rate).saturating_mul(config.exchange_lifetime().as_nanos())
}

/// Until when a message may not be sent: by NSTART (RFC 7252 §4.7) until something happens.
fn held_until(peer: &mut Peer, config: &CoapConfig, now: SimTime, first: &Waiting) -> Option<SimTime> {
    if first.confirmable {
        return (peer.flights.len() >= usize::from(config.nstart)).then_some(SimTime::MAX);
    }
    let is_request = matches!(first.message.role, Role::Request(_) | Role::Report(_));
    is_request.then(|| take_credit(peer, config, now, charged_len(&first.message))).flatten()
}

/// Takes the credit for a message, or says from when on there will be enough (§4.7).
fn take_credit(peer: &mut Peer, config: &CoapConfig, now: SimTime, bytes: u64) -> Option<SimTime> {
    let rate = u64::from(config.probing_rate);
    if rate == 0 {
        return None;
    }
    let credit = peer.rare().credit.get_or_insert((credit_max(config), now));
    let earned = now.saturating_since(credit.1).as_nanos().saturating_mul(rate);
    *credit = (credit.0.saturating_add(earned).min(credit_max(config)), now);
    // A message above the limit goes out when the credit is full.
    let need = bytes.saturating_mul(BILLION).min(credit_max(config));
    match need.checked_sub(credit.0) {
        None | Some(0) => {
            credit.0 -= need;
            None
        }
        Some(missing) => Some(now.saturating_add(SimDuration::from_nanos(missing.div_ceil(rate)))),
    }
}

const BILLION: u64 = 1_000_000_000;

/// How often within EXCHANGE_LIFETIME old entries are looked for.
const SWEEPS: u64 = 16;
