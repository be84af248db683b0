//! Observation of resources at both ends (RFC 7641).

use std::net::SocketAddr;

use sim_core::{SimDuration, SimTime};
use wire::account::FlowId;
use wire::coap::{Block, Code, Head, OptionNumber, Options, Token};

use super::block::{cut_out, key_of};
use super::client::is_block;
use super::endpoint::CoapEndpoint;
use super::event::{CoapEvent, RequestId};
use super::peer::{Answering, Incoming, Message, Response, Role};

/// Someone who wants to know of changes.
#[derive(Debug)]
pub(super) struct Observer {
    pub(super) peer: SocketAddr,
    token: Token,
    /// The resource, by its [`observed_name`].
    path: String,
    code: Code,
    options: Options,
    /// The flow that pays for what it is told.
    flow: FlowId,
    source: Option<std::net::IpAddr>,
    /// The message ID of the latest notification, which a reset names.
    message_id: Option<u16>,
    /// Notifications so far.
    count: u32,
    /// When the last confirmable one was sent, or the observation began.
    confirmed_at: SimTime,
    /// The Content-Format of the first response: the others have to have the same (§4.2).
    format: Option<u32>,
    /// Whether a confirmable notification is under way.
    confirming: bool,
    /// Until when it is told nothing, after a non-confirmable notification (§4.5.1).
    quiet_until: SimTime,
    /// The newest state, which waits for the confirmation or the end of the pause.
    latest: Option<Response>,
    /// Whether the last notification was sent.
    ended: bool,
}

impl CoapEndpoint {
    /// Tells all observers of `path` its new state; an error ends their observations (§4.2).
    pub fn notify(&mut self, now: SimTime, path: &str, response: &Response) {
        let format = response.options.get_uint(OptionNumber::CONTENT_FORMAT);
        for at in 0..self.observers.len() {
            let observer = &mut self.observers[at];
            if observer.path != path {
                continue;
            }
            // An error ends an observation, and so does another format than the client has begun with (§4.2).
            let gone = !response.code.is_success();
            let other = response.code == Code::CONTENT && format != observer.format;
            observer.ended = gone || other;
            if other {
                self.send_notification(now, at, not_acceptable(response), true);
            } else if (observer.confirming || observer.quiet_until > now) && !gone {
                // One outstanding notification at a time; what follows it is the newest state (§4.5.1, §4.5.2).
                observer.latest = Some(response.clone());
                if !observer.confirming {
                    let (until, peer) = (observer.quiet_until, observer.peer);
                    self.arm(until, peer);
                }
            } else {
                self.send_notification(now, at, response.clone(), gone);
            }
        }
        self.observers.retain(|observer| !observer.ended);
    }

    /// Tells the server of a connection that an observation is over (RFC 8323 §7.4).
    pub(super) fn deregister(&mut self, peer: SocketAddr, request: RequestId) {
        let observed = self.pending_mut(peer, request).filter(|pending| pending.observed.is_some());
        let Some(pending) = observed else { return };
        let mut message = pending.message();
        message.options.remove(OptionNumber::OBSERVE);
        message.options.push_uint(OptionNumber::OBSERVE, 1);
        message.role = Role::Response;
        self.stats.on_sent();
        self.outgoing.push_back(super::stream::framed(peer, message, wire::account::Reason::Control));
    }

    /// How many observe `path`.
    pub fn observer_count(&self, path: &str) -> usize {
        self.observers.iter().filter(|observer| observer.path == path).count()
    }

    fn send_notification(&mut self, now: SimTime, at: usize, mut response: Response, last: bool) {
        let every = self.config.confirmable_notification_every.max(1);
        let pause = self.config.notification_pause;
        let (own, own_bytes) = self.part_bytes(self.observers[at].peer);
        let sequence = self.next_sequence();
        let over_streams = self.is_stream();
        let observer = &mut self.observers[at];
        observer.count += 1;
        response.label.flow = observer.flow;
        response.body.runs.iter_mut().for_each(|run| run.flow = observer.flow);
        // At least every 24 hours the client has to show that it is there (§4.5).
        let long_ago = observer.confirmed_at.saturating_add(CONFIRMED_EVERY) <= now;
        let confirmable = !over_streams && (last || long_ago || observer.count.is_multiple_of(every));
        if confirmable {
            observer.confirmed_at = now;
        } else if !over_streams {
            observer.quiet_until = now.saturating_add(pause);
        }
        observer.latest = None;
        observer.confirming = confirmable;
        let wish = observer.options.get(OptionNumber::BLOCK2).and_then(Block::parse);
        let size = wish.map_or(own, |wish| wish.size.min(own));
        let bytes = if size == own { own_bytes } else { size.bytes() };
        response.options.remove(OptionNumber::OBSERVE);
        if !last {
            // A stream keeps the order by itself (RFC 8323 §7.1).
            response.options.push_uint(OptionNumber::OBSERVE, if over_streams { 0 } else { sequence });
        }
        let free = observer.options.get(OptionNumber::Q_BLOCK2).is_some() && !over_streams;
        if free && response.body.len() > bytes {
            self.stats.rare().notifications += 1;
            let to = (observer.peer, observer.source, observer.token);
            let (code, options) = (observer.code, observer.options.clone());
            return self.notify_freely(now, to, (code, &options), response, confirmable);
        }
        let later = (response.body.len() > bytes).then(|| {
            let key = key_of(observer.code, &observer.options);
            (observer.peer, key, response.clone())
        });
        if later.is_some() {
            response = cut_out(response, Block { number: 0, more: true, size }, bytes);
        }
        let message = Message {
            code: response.code,
            token: observer.token,
            options: response.options,
            body: response.body,
            label: response.label,
            role: Role::Notification(observer.token),
            source: observer.source,
        };
        let peer = observer.peer;
        if let Some((peer, key, whole)) = later {
            self.keep_served(now, peer, key, whole);
        }
        self.stats.rare().notifications += 1;
        self.submit(now, peer, confirmable, message);
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = (self.sequence + 1) & SEQUENCE_MAX;
        self.sequence
    }

    /// Adds the asker to the observers, or takes it off, as the request says and the response allows (§4.1).
    pub(super) fn register(
        &mut self,
        now: SimTime,
        to: SocketAddr,
        incoming: &Incoming,
        mut response: Response,
    ) -> Response {
        let wish = incoming.options.get_uint(OptionNumber::OBSERVE);
        let is_get = matches!(incoming.code, Code::GET | Code::FETCH);
        // The user says by an Observe option of its own that the resource can be observed.
        let offered = response.options.get(OptionNumber::OBSERVE).is_some();
        response.options.remove(OptionNumber::OBSERVE);
        if wish.is_none() || !is_get {
            return response;
        }
        // The same client and token: an older observation is replaced (§4.1).
        self.observers.retain(|observer| (observer.peer, observer.token) != (to, incoming.token));
        let leisurely = incoming.state == Answering::Leisurely;
        if wish != Some(0) || !offered || !response.code.is_success() || leisurely {
            return response;
        }
        let sequence = if self.is_stream() { 0 } else { self.next_sequence() };
        response.options.push_uint(OptionNumber::OBSERVE, sequence);
        self.observers.push(Observer {
            peer: to,
            token: incoming.token,
            path: observed_name(&incoming.options),
            code: incoming.code,
            options: incoming.options.clone(),
            flow: incoming.label.flow,
            source: incoming.to,
            message_id: None,
            count: 0,
            confirmed_at: now,
            format: response.options.get_uint(OptionNumber::CONTENT_FORMAT),
            confirming: false,
            quiet_until: SimTime::ZERO,
            latest: None,
            ended: false,
        });
        response
    }

    pub(super) fn note_notification(&mut self, peer: SocketAddr, token: Token, message_id: u16) {
        let mut own = self.observers.iter_mut().filter(|it| (it.peer, it.token) == (peer, token));
        if let Some(observer) = own.next() {
            observer.message_id = Some(message_id);
        }
    }

    /// A confirmable notification has arrived: the newest state may follow.
    pub(super) fn on_notification_confirmed(&mut self, now: SimTime, peer: SocketAddr, role: Role) {
        let Role::Notification(token) = role else { return };
        let own = |observer: &Observer| (observer.peer, observer.token) == (peer, token);
        let Some(at) = self.observers.iter().position(own) else { return };
        self.observers[at].confirming = false;
        if let Some(latest) = self.observers[at].latest.take() {
            self.send_notification(now, at, latest, false);
        }
    }

    /// The pause after a non-confirmable notification is over: the newest state may follow.
    pub(super) fn serve_observers(&mut self, now: SimTime, peer: SocketAddr) {
        if self.config.notification_pause.is_zero() {
            return;
        }
        for at in 0..self.observers.len() {
            let observer = &mut self.observers[at];
            if observer.peer == peer
                && !observer.confirming
                && observer.quiet_until <= now
                && let Some(latest) = observer.latest.take()
            {
                self.send_notification(now, at, latest, false);
            }
        }
    }

    /// An observer that rejects or ignores notifications is one no longer (§4.5).
    pub(super) fn forget_observer(&mut self, peer: SocketAddr, token: Token) {
        let before = self.observers.len();
        self.observers.retain(|observer| (observer.peer, observer.token) != (peer, token));
        if self.observers.len() < before {
            self.events.push_back(CoapEvent::ObserverGone { peer });
        }
    }

    pub(super) fn forget_observer_by_message(&mut self, peer: SocketAddr, message_id: u16) {
        let own = |it: &&Observer| it.peer == peer && it.message_id == Some(message_id);
        if let Some(token) = self.observers.iter().find(own).map(|observer| observer.token) {
            self.forget_observer(peer, token);
        }
    }

    /// What a response means for an observation: `Some(true)` if it goes on, `Some(false)` if this was the last or no
    /// notification, nothing if it is older than what is known (§3.4).
    pub(super) fn on_observed(
        &mut self,
        now: SimTime,
        key: SocketAddr,
        id: RequestId,
        head: &Head,
    ) -> Option<bool> {
        let sequence = head.options.get_uint(OptionNumber::OBSERVE);
        let max_age = head.options.get_uint(OptionNumber::MAX_AGE).unwrap_or(MAX_AGE_DEFAULT);
        let over_streams = self.is_stream();
        let spread = sim_core::draw::below(&mut self.rng, REGISTER_SPREAD.as_nanos());
        let Some(pending) = self.pending_mut(key, id) else { return Some(false) };
        let Some(sequence) = sequence.filter(|_| pending.wants_observation() && head.code.is_success())
        else {
            return Some(false);
        };
        if let Some((known, at)) = pending.observed
            && !over_streams
            && !is_newer((known, at), (sequence, now))
        {
            self.stats.rare().notifications_stale += 1;
            return None;
        }
        pending.observed = Some((sequence, now));
        // Past Max-Age, and 5 to 15 s more, the registration is repeated (§3.3.1).
        let wait =
            SimDuration::from_secs(u64::from(max_age) + 5).saturating_add(SimDuration::from_nanos(spread));
        pending.deadline = now.saturating_add(wait);
        let deadline = pending.deadline;
        self.arm(deadline, key);
        Some(true)
    }
}

/// What [`CoapEndpoint::notify`] calls a resource that is observed with these options: its path, or at a proxy all that tells
/// its cached responses apart (RFC 7252 §5.4.2, §5.6).
pub fn observed_name(options: &Options) -> String {
    let proxied = [OptionNumber::PROXY_URI, OptionNumber::PROXY_SCHEME];
    if proxied.iter().all(|&number| options.get(number).is_none()) {
        return options.path();
    }
    let mut key = options.clone();
    key.retain(|option| {
        let apart = [OptionNumber::ETAG, OptionNumber::OBSERVE, OptionNumber::HOP_LIMIT];
        !is_block(option.number) && !option.number.is_no_cache_key() && !apart.contains(&option.number)
    });
    key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an observer is told whose format a state cannot be had in any more.
fn not_acceptable(response: &Response) -> Response {
    let (options, body) = (Options::new(), crate::body::Body::default());
    Response { code: Code::NOT_ACCEPTABLE, options, body, label: response.label }
}

/// Whether a notification is newer than another (RFC 7641 §3.4).
fn is_newer((v1, t1): (u32, SimTime), (v2, t2): (u32, SimTime)) -> bool {
    (v1 < v2 && v2 - v1 < HALF) || (v1 > v2 && v1 - v2 > HALF) || t2 > t1.saturating_add(FRESH_FOR)
}

/// RFC 7641 §4.5.
const CONFIRMED_EVERY: SimDuration = SimDuration::from_secs(24 * 3600);

/// 2^23: half of the sequence numbers.
const HALF: u32 = 1 << 23;

/// Sequence numbers have 24 bits.
const SEQUENCE_MAX: u32 = (1 << 24) - 1;

/// After so long any notification is newer (RFC 7641 §3.4).
const FRESH_FOR: SimDuration = SimDuration::from_secs(128);

/// Max-Age where no option says so (RFC 7252 §5.10.5).
const MAX_AGE_DEFAULT: u32 = 60;

/// Clients do not register again all at once.
const REGISTER_SPREAD: SimDuration = SimDuration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: RFC 7641 3.4-a
    #[test]
    fn the_order_of_notifications_wraps_and_ages() {
        let at = SimTime::from_secs;
        assert!(is_newer((1, at(0)), (2, at(1))));
        assert!(!is_newer((2, at(0)), (1, at(1))));
        assert!(!is_newer((2, at(0)), (2, at(1))));
        assert!(is_newer((SEQUENCE_MAX, at(0)), (0, at(1))), "2^24 - 1 is followed by 0");
        assert!(!is_newer((0, at(0)), (SEQUENCE_MAX, at(1))));
        assert!(is_newer((2, at(0)), (1, at(129))), "after 128 s");
        assert!(!is_newer((2, at(0)), (1, at(128))));
    }
}
