//! INIT and COOKIE ECHO at an endpoint: answers without state, restarts, collisions (RFC 9260 §5.1, §5.2).

use std::net::IpAddr;
use std::sync::Arc;

use sim_core::SimTime;
use wire::account::Reason;
use wire::sctp::{Cause, Chunk, Initiation, Parameter, ParameterList};

use super::association::{Association, Numbers};
use super::auth::{self, Signature};
use super::config::SctpConfig;
use super::cookie::{Addresses, Cookie};
use super::demux::Origin;
use super::endpoint::SctpEndpoint;
use super::event::ListenerId;
use super::extensions::Extensions;
use super::packet::{Builder, Piece, Walker};
use super::parameters::{PeerParameters, Refusal};
use super::state::State;

/// This side's part of an INIT ACK.
struct Answer {
    config: Arc<SctpConfig>,
    locals: Addresses,
    numbers: Numbers,
    tie_tags: (u32, u32),
    /// Where it goes.
    to: IpAddr,
}

impl SctpEndpoint {
    /// Answers an INIT (RFC 9260 §5.1, §5.2.1, §5.2.2). Nothing is remembered.
    pub(super) fn on_init(&mut self, now: SimTime, origin: &Origin, walker: &mut Walker<'_>) {
        let Some(Piece::Control(_, bytes)) = walker.next() else { return };
        let Ok((Chunk::Init(body), _)) = Chunk::parse(&bytes) else {
            self.counters.malformed += 1;
            return;
        };
        // RFC 9260 §3.1: the tag of a packet with an INIT is zero, and the INIT stands alone (§6.10).
        if origin.header.verification_tag != 0 || !walker.is_done() || body.initiate_tag == 0 {
            self.counters.bad_tag += 1;
            return;
        }
        let tag = body.initiate_tag;
        if body.a_rwnd < 1500 || body.outbound_streams == 0 || body.inbound_streams == 0 {
            self.refuse(origin, tag, Some(&Cause::InvalidParameter)); // RFC 9260 §3.3.2
            return;
        }
        let peer = match PeerParameters::read(body.parameters) {
            Ok(peer) => peer,
            Err(Refusal::HostName(parameter)) => {
                self.refuse(origin, tag, Some(&Cause::UnresolvableAddress(parameter)));
                return;
            }
        };
        // The source first: it is where the answer goes.
        let mut addresses: Addresses = [origin.source].into_iter().collect();
        addresses.extend(peer.addresses.iter().copied().filter(|address| *address != origin.source));
        let Some(answer) = self.answer_to(now, origin, &addresses, tag) else { return };
        addresses.retain(|address| *address != answer.to);
        addresses.insert(0, answer.to);
        let origin = &Origin { source: answer.to, ..*origin };
        let keys = match auth::peer_keys(&answer.config, &peer) {
            Ok(vector) => answer.numbers.random.filter(|_| !vector.is_empty()).map(|random| (random, vector)),
            Err(violation) => {
                self.refuse(origin, tag, Some(&Cause::ProtocolViolation(violation)));
                return;
            }
        };
        self.counters.inits_answered += 1;
        let cookie = Cookie {
            created: now,
            life: answer.config.cookie_life,
            local_tag: answer.numbers.tag,
            peer_tag: tag,
            local_tie_tag: answer.tie_tags.0,
            peer_tie_tag: answer.tie_tags.1,
            local_port: origin.header.destination_port,
            peer_port: origin.header.source_port,
            local_initial_tsn: answer.numbers.initial_tsn,
            peer_initial_tsn: body.initial_tsn,
            peer_rwnd: body.a_rwnd,
            outbound_streams: answer.config.outbound_streams.max(1).min(body.inbound_streams),
            inbound_streams: answer.config.inbound_streams.max(1).min(body.outbound_streams),
            peer_forwards_tsns: peer.forwards_tsns,
            peer_knows_ecn: peer.knows_ecn,
            peer_changes_addresses: peer.changes_addresses,
            keys,
            peer_extensions: peer.extensions,
            addresses,
        };
        let sealed = self.jar.seal(&cookie);
        let random = answer.numbers.random.as_ref();
        let mut list = Association::own_parameters(&answer.config, &answer.locals, random);
        for (kind, value) in &peer.unrecognized {
            let mut unknown = ParameterList::new();
            unknown.push(&Parameter::Unknown { kind: *kind, value });
            list.push(&Parameter::Unrecognized(unknown.parameters().as_bytes()));
        }
        list.push(&Parameter::StateCookie(&sealed));
        let body = Initiation {
            initiate_tag: answer.numbers.tag,
            a_rwnd: answer.config.receive_buffer.max(1500),
            outbound_streams: cookie.outbound_streams,
            inbound_streams: answer.config.inbound_streams.max(1),
            initial_tsn: answer.numbers.initial_tsn,
            parameters: list.parameters(),
        };
        // RFC 9653 §5.2: who has sent the INIT takes its answer without checksum.
        let mut builder = Builder::default();
        builder.unsummed = Extensions::offered(&answer.config).shared(peer.extensions).zero_checksum;
        self.reply_by(origin, tag, &Chunk::InitAck(body), Reason::Handshake, builder);
    }

    /// The numbers that an INIT is answered with, by the state of the association that it finds; `None` if it is
    /// not answered by an INIT ACK.
    fn answer_to(&mut self, now: SimTime, origin: &Origin, addresses: &[IpAddr], tag: u32) -> Option<Answer> {
        let (local, peer) = (origin.header.destination_port, origin.header.source_port);
        let fresh = self.draw_numbers();
        // RFC 9260 §5.1.2 rule D: any of its addresses may identify an association.
        let Some(index) = addresses.iter().find_map(|address| self.find(local, *address, peer)) else {
            let Some(listener) = self.listeners.get(&local) else {
                self.refuse(origin, tag, None);
                return None;
            };
            let (config, locals) = (Arc::clone(&listener.config), listener.locals.clone());
            let numbers = Numbers { random: self.draw_random(&config), ..fresh };
            return Some(Answer { config, locals, numbers, tie_tags: (0, 0), to: origin.source });
        };
        let association = self.at(index)?;
        let (config, locals) = (Arc::clone(&association.config), association.locals.clone());
        let own = Numbers {
            tag: association.local_tag,
            initial_tsn: association.local_initial_tsn,
            nonce: 0,
            random: association.auth.as_ref().map(|auth| auth.random),
        };
        let (numbers, tie_tags) = match association.state {
            State::CookieWait => (own, (0, 0)),
            State::CookieEchoed => (own, association.tie_tags),
            State::ShutdownAckSent => {
                // RFC 9260 §9.2: the INIT is discarded, and SHUTDOWN ACK goes again.
                association.send_shutdown(now, true);
                self.touch(index);
                return None;
            }
            State::Established | State::ShutdownPending | State::ShutdownSent | State::ShutdownReceived => {
                (fresh, association.tie_tags)
            }
            State::Closed => return None,
        };
        // RFC 9260 §5.2.1: while an attempt waits, only an address that its user has named is answered.
        let forming = association.state == State::CookieWait;
        let is_named = |address: &IpAddr| association.path_of(*address).is_some();
        let to = addresses.iter().copied().find(is_named).filter(|_| forming).unwrap_or(origin.source);
        let added: Vec<IpAddr> =
            addresses.iter().copied().filter(|address| association.path_of(*address).is_none()).collect();
        if !forming && !added.is_empty() {
            let mut list = ParameterList::new();
            for address in added {
                list.push(&Parameter::Address(address));
            }
            self.refuse(origin, tag, Some(&Cause::RestartWithNewAddresses(list.parameters())));
            return None;
        }
        // RFC 4895 §6.1: the random number follows the rules of the verification tag.
        let random = numbers.random.or_else(|| self.draw_random(&config));
        Some(Answer { config, locals, numbers: Numbers { random, ..numbers }, tie_tags, to })
    }

    /// Takes a cookie (RFC 9260 §5.1.5, §5.2.4), then what is bundled behind it.
    pub(super) fn on_cookie_echo(&mut self, now: SimTime, origin: &Origin, walker: &mut Walker<'_>) {
        let signature = Signature::take(walker);
        let Some(Piece::Control(_, bytes)) = walker.next() else { return };
        let Ok((Chunk::CookieEcho(sealed), _)) = Chunk::parse(&bytes) else { return };
        let Ok(cookie) = self.jar.open(sealed) else {
            self.counters.forged_cookies += 1;
            return;
        };
        let header = &origin.header;
        if (cookie.local_port, cookie.peer_port) != (header.destination_port, header.source_port) {
            self.counters.forged_cookies += 1;
            return;
        }
        if header.verification_tag != cookie.local_tag {
            self.counters.bad_tag += 1;
            return;
        }
        let places = std::iter::once(&origin.source).chain(&cookie.addresses);
        let found = places.into_iter().find_map(|it| self.find(cookie.local_port, *it, cookie.peer_port));
        let found = found.or_else(|| self.find_moved(&cookie));
        let tags = found.and_then(|index| self.at(index)).map(|it| (it.local_tag, it.peer_tag));
        if !self.is_authentic(found, &cookie, signature.as_ref()) {
            self.counters.unauthentic_cookies += 1;
            return;
        }
        walker.authenticated = signature.is_some();
        let age = now.saturating_since(cookie.created);
        if age > cookie.life && tags != Some((cookie.local_tag, cookie.peer_tag)) {
            self.counters.stale_cookies += 1;
            let staleness = u32::try_from((age - cookie.life).as_nanos() / 1000).unwrap_or(u32::MAX);
            let mut causes = Vec::new();
            Cause::StaleCookie(staleness).emit(&mut causes);
            if let Ok(causes) = wire::sctp::Causes::parse(&causes) {
                self.reply(origin, cookie.peer_tag, &Chunk::Error(causes), Reason::Control);
            }
            return;
        }
        let index = match found {
            None => self.accept(now, origin, &cookie),
            Some(index) => self.on_cookie_of_existing(now, index, origin, &cookie),
        };
        if let Some(index) = index {
            self.deliver_rest(now, index, origin, walker);
        }
    }

    /// A new association out of a cookie.
    fn accept(&mut self, now: SimTime, origin: &Origin, cookie: &Cookie) -> Option<u32> {
        let listener = self.listeners.get(&cookie.local_port)?;
        let (config, locals) = (Arc::clone(&listener.config), listener.locals.clone());
        let locals = if locals.is_empty() { [origin.destination].into_iter().collect() } else { locals };
        let nonce = self.draw_numbers().nonce;
        let mut association = Association::from_cookie(now, config, locals, cookie, nonce);
        association.flow = origin.flow;
        answer_cookie(now, &mut association, origin);
        Some(self.add(association, Some(ListenerId(cookie.local_port))).index)
    }

    /// RFC 9260 §5.2.4, table 12.
    fn on_cookie_of_existing(
        &mut self,
        now: SimTime,
        index: u32,
        origin: &Origin,
        cookie: &Cookie,
    ) -> Option<u32> {
        let nonce = self.draw_numbers().nonce;
        let tally = self.tally.clone();
        let association = self.at(index)?;
        let local = cookie.local_tag == association.local_tag;
        let peer = cookie.peer_tag == association.peer_tag;
        let ties = (cookie.local_tie_tag, cookie.peer_tie_tag);
        match (local, peer) {
            (true, true) => {
                // Action D
                if association.state == State::CookieEchoed {
                    association.establish(now);
                }
            }
            (true, false) => {
                // Action B
                let forming = matches!(association.state, State::CookieWait | State::CookieEchoed);
                if forming {
                    association.take_peer(now, cookie);
                    association.establish(now);
                } else {
                    association.peer_tag = cookie.peer_tag;
                    association.agree_on_keys(cookie.keys.as_ref().map_or(&[], |(_, vector)| vector));
                }
            }
            (false, false) if ties == association.tie_tags => {
                // Action A
                if association.state == State::ShutdownAckSent {
                    association.send_shutdown(now, true);
                    let at = association.path_of(origin.source).unwrap_or(0);
                    association.queue_error(at, &Cause::CookieWhileShuttingDown);
                    association.answer_by_one_packet();
                    self.touch(index);
                    return None;
                }
                let (config, locals) = (association.first_config(), association.locals.clone());
                let flow = association.flow;
                let mut anew = Association::from_cookie(now, config, locals, cookie, nonce);
                anew.flow = flow;
                anew.share(&tally);
                anew.changes.connected = false;
                anew.changes.restarted = true;
                *association = anew;
                self.counters.restarts += 1;
            }
            // Action C, and all that the table does not show: silence.
            (false, true | false) => return None,
        }
        answer_cookie(now, self.at(index)?, origin);
        Some(index)
    }
}

/// COOKIE ACK goes to where the cookie came from.
fn answer_cookie(now: SimTime, association: &mut Association, origin: &Origin) {
    let at = association.path_of(origin.source).unwrap_or(0);
    if let Some(port) = origin.udp_port {
        association.paths[at].udp_port = port;
    }
    let tag = association.peer_tag;
    association.queue(at, &Chunk::CookieAck, Reason::Handshake, false, tag);
    if let Some(mut answer) = association.control.pop_back() {
        association.ask_whose(now, at, &mut answer.chunks);
        answer.bundles = association.paths[at].confirmed;
        association.control.push_back(answer);
    }
}
