//! The message layer's receiving side: format, duplicates, acknowledgements (RFC 7252 §4).

use std::net::{IpAddr, SocketAddr};

use sim_core::SimTime;
use wire::account::Protocol;
use wire::coap::{Code, HEADER_LEN, Head, Kind, VERSION};
use wire::payload::Payload;

use super::endpoint::CoapEndpoint;
use super::event::{CoapEvent, Failure};
use super::peer::Role;
use super::remembered::Seen;
use crate::body::{Body, Label};

/// A message with what came beside it.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) from: SocketAddr,
    /// The host's address; none where it was sent to a group.
    pub(super) to: Option<IpAddr>,
    pub(super) group: IpAddr,
    pub(super) head: Head,
    pub(super) body: Body,
    pub(super) label: Label,
}

impl CoapEndpoint {
    pub(super) fn receive(&mut self, now: SimTime, from: SocketAddr, to: IpAddr, mut content: Body) {
        let broadcast = matches!(to, IpAddr::V4(address) if address.is_broadcast());
        let own = (!to.is_multicast() && !broadcast).then_some(to);
        let Some((head, body_at)) = parse(&content.payload) else {
            return self.refuse_malformed(now, from, own, &content.payload);
        };
        let (token, options) = (head.token.len() as u64, head.options.as_bytes().len() as u64);
        self.stats.count_bytes(body_at as u64, token, options, u64::from(content.len()) - body_at as u64);
        let front = content.split_front(body_at as u32);
        let label =
            front.runs.first().filter(|run| run.protocol == Protocol::Coap).map_or(Label::NONE, Label::of);
        let arrived = Arrived { from, to: own, group: to, head, body: content, label };
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.on_heard(now);
        }
        match (arrived.head.kind, arrived.head.code) {
            (Kind::Reset, _) => self.on_reset(now, &arrived),
            (Kind::Acknowledgement, code) if code == Code::EMPTY => self.on_acknowledgement(now, &arrived),
            (Kind::Acknowledgement, code) if code.is_response() => {
                if self.is_piggybacked_here(&arrived) {
                    self.on_acknowledgement(now, &arrived);
                    self.on_response(now, arrived);
                } else {
                    self.stats.rare().unmatched += 1;
                }
            }
            (Kind::Confirmable, code) if code == Code::EMPTY => self.on_ping(now, &arrived),
            (Kind::Confirmable | Kind::NonConfirmable, code) if code.is_request() || code.is_response() => {
                self.on_message(now, arrived);
            }
            // Reserved classes, requests in acknowledgements, empty NON: rejected in silence or by a reset (§4.2, §4.3).
            (Kind::Confirmable, _) => self.reject(now, &arrived),
            (Kind::Acknowledgement | Kind::NonConfirmable, _) => self.stats.rare().malformed += 1,
        }
        self.release(now, from, false);
    }

    /// A confirmable message with a format error is rejected, everything else is ignored (§4.2, §4.3).
    fn refuse_malformed(&mut self, now: SimTime, from: SocketAddr, to: Option<IpAddr>, payload: &Payload) {
        self.stats.rare().malformed += 1;
        let front = payload.slice(0..payload.len().min(HEADER_LEN as u32)).to_vec();
        let &[first, _, high, low] = front.as_slice() else { return };
        // Another version is ignored in silence (§3), and so is what came to a group (§8.1).
        if first >> 4 == VERSION << 2 && to.is_some() {
            let message_id = u16::from_be_bytes([high, low]);
            self.send_empty(now, from, to, Kind::Reset, message_id, Label::NONE);
        }
    }

    pub(super) fn reject(&mut self, now: SimTime, arrived: &Arrived) {
        if arrived.to.is_some() {
            self.send_empty(
                now,
                arrived.from,
                arrived.to,
                Kind::Reset,
                arrived.head.message_id,
                arrived.label,
            );
        }
    }

    fn on_ping(&mut self, now: SimTime, arrived: &Arrived) {
        self.reject(now, arrived);
    }

    fn on_reset(&mut self, now: SimTime, arrived: &Arrived) {
        self.stats.rare().resets_received += 1;
        let (from, id) = (arrived.from, arrived.head.message_id);
        let Some(peer) = self.peers.get_mut(&from) else { return };
        if let Some(at) = peer.flights.iter().position(|flight| flight.message_id == id) {
            let role = peer.flights.remove(at).role;
            self.on_lost(now, from, role, Failure::Reset);
        } else if let Some(at) = peer.requests.iter().position(|pending| pending.message_id == Some(id)) {
            let pending = peer.requests.remove(at);
            self.give_up(now, from, &pending, Failure::Reset);
        } else {
            self.forget_observer_by_message(from, id);
            self.forget_upload(from, id);
        }
        self.release(now, from, false);
    }

    fn on_acknowledgement(&mut self, now: SimTime, arrived: &Arrived) {
        let id = arrived.head.message_id;
        let found = self.peers.get_mut(&arrived.from).and_then(|peer| {
            let at = peer.flights.iter().position(|flight| flight.message_id == id)?;
            let flight = peer.flights.remove(at);
            peer.on_landed(now, &flight);
            Some(flight)
        });
        match found {
            Some(flight) => {
                if let Role::Request(id) = flight.role
                    && let Some(deadline) = self.pending_mut(arrived.from, id).map(|pending| pending.deadline)
                    && arrived.head.code == Code::EMPTY
                {
                    self.arm(deadline, arrived.from);
                    self.end_unanswered(arrived.from, id);
                }
                self.on_notification_confirmed(now, arrived.from, flight.role);
            }
            None if arrived.head.code == Code::EMPTY => self.stats.rare().unmatched += 1,
            None => {}
        }
    }

    /// A piggybacked response matches by message ID and token (§5.3.2).
    fn is_piggybacked_here(&self, arrived: &Arrived) -> bool {
        self.peers.get(&arrived.from).is_some_and(|peer| {
            peer.requests.iter().any(|pending| {
                let token = arrived.head.token;
                let free = pending.transfer.as_ref().is_some_and(|transfer| transfer.has(token));
                let asked = pending.token == token || pending.block_token == Some(token) || free;
                pending.message_id == Some(arrived.head.message_id) && asked
            })
        })
    }

    /// Looks for a duplicate (§4.5), then hands a request or a response on.
    fn on_message(&mut self, now: SimTime, arrived: Arrived) {
        let config = std::sync::Arc::clone(&self.config);
        let confirmable = arrived.head.kind == Kind::Confirmable;
        // A multicast request is never confirmable (§8.1).
        if confirmable && arrived.to.is_none() {
            self.stats.rare().malformed += 1;
            return;
        }
        let lifetime = if confirmable { config.exchange_lifetime() } else { config.non_lifetime() };
        let peer = self.peer(now, arrived.from);
        peer.active = now;
        let id = arrived.head.message_id;
        match peer.seen.get(id) {
            Some(seen) if seen.expires() > now => {
                self.stats.rare().duplicates += 1;
                self.events.push_back(CoapEvent::Duplicate { label: arrived.label });
                if confirmable {
                    self.repeat(&arrived);
                }
                return;
            }
            Some(_) | None => {}
        }
        peer.seen.insert(id, Seen::new(now.saturating_add(lifetime)));
        if let Some(replies) = peer.rare.as_mut().and_then(|rare| rare.replies.as_mut()) {
            replies.remove(&id);
        }
        self.plan_sweep(now);
        if arrived.head.code.is_request() {
            self.on_request(now, arrived);
        } else {
            self.on_separate_response(now, arrived);
        }
    }
}

/// Reads the head of a message; filler behind it is not looked at.
fn parse(payload: &Payload) -> Option<(Head, usize)> {
    let len = payload.len() as usize;
    if let Some(bytes) = payload.slices().first().and_then(|slice| slice.as_bytes()) {
        match Head::parse(bytes, len) {
            // Where the first slice ends inside the options, the rest lies in the next one.
            Ok((head, at)) if at < bytes.len() || bytes.len() == len || ends_with_marker(bytes, at) => {
                return Some((head, at));
            }
            Ok(_) | Err(_) if bytes.len() == len => return None,
            Ok(_) | Err(_) => {}
        }
    }
    Head::parse(&payload.to_vec(), len).ok()
}

fn ends_with_marker(bytes: &[u8], at: usize) -> bool {
    at == bytes.len() && bytes.last() == Some(&wire::coap::PAYLOAD_MARKER)
}
