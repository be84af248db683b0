//! Chunks that arrive for an existing association.

use sim_core::SimTime;
use wire::account::Reason;
use wire::payload::Payload;
use wire::sctp::{Cause, Causes, Chunk, ChunkType, Initiation, Parameter, ParameterList, code, padding};

use super::association::Association;
use super::auth;
use super::inbound::{Arrival, Inbound};
use super::packet::{Piece, Walker};
use super::parameters::{PeerParameters, Refusal};
use super::state::{CloseReason, State};

/// What a packet was made of, for the rules that look at it as a whole.
#[derive(Default)]
struct Seen {
    data: bool,
    new: bool,
    duplicate: bool,
    immediate: bool,
}

impl Association {
    /// Takes the chunks of a packet that came on path `at`; the verification tag was right.
    pub(super) fn on_packet(&mut self, now: SimTime, at: usize, walker: &mut Walker<'_>) {
        let had_gaps = self.inbound.has_gaps();
        let source = self.paths[at].remote;
        if self.state == State::ShutdownSent {
            self.error_count = 0; // RFC 9260 §9.2: the peer lives.
        }
        let mut seen = Seen::default();
        while let Some(piece) = walker.next() {
            if self.state == State::Closed {
                return;
            }
            if self.distrusts(piece.kind(), walker.authenticated) {
                continue;
            }
            match piece {
                Piece::Data(header, payload, runs) => {
                    let marked = walker.marked && !seen.data;
                    if !self.may_take_data(header.tsn, &payload, false, marked) {
                        continue;
                    }
                    seen.data = true;
                    seen.immediate |= header.flags.immediate;
                    let arrival = self.inbound.on_data(&header, payload, runs);
                    self.note_arrival(at, arrival, header.stream, &mut seen);
                }
                Piece::Interleaved(header, payload, runs) => {
                    let marked = walker.marked && !seen.data;
                    if !self.may_take_data(header.tsn, &payload, true, marked) {
                        continue;
                    }
                    seen.data = true;
                    seen.immediate |= header.flags.immediate;
                    let arrival = self.inbound.on_interleaved(&header, payload, runs);
                    self.note_arrival(at, arrival, header.stream, &mut seen);
                }
                Piece::Control(ChunkType::AUTH, bytes) if self.authenticates() => {
                    self.on_auth(at, &bytes, walker)
                }
                Piece::Control(kind, bytes) => {
                    let Ok((chunk, _)) = Chunk::parse(&bytes) else { continue };
                    if !self.on_chunk(now, at, kind, &chunk, &bytes) {
                        break;
                    }
                }
            }
        }
        self.answer_by_one_packet();
        self.send_asconf_acks(source);
        if seen.data && self.state != State::Closed {
            self.on_data_packet(now, at, &seen, had_gaps);
        }
        self.reconfigure_further(now);
    }

    /// Whether user data are taken; what breaks the rules ends the association.
    fn may_take_data(&mut self, tsn: u32, payload: &Payload, interleaved: bool, marked: bool) -> bool {
        if payload.is_empty() {
            // RFC 9260 §6.2: a DATA chunk without data ends the association.
            self.abort(&Cause::NoUserData(tsn), CloseReason::Violation);
            return false;
        }
        if !self.state.receives_data() {
            return false; // RFC 9260 §6: discarded after the peer's SHUTDOWN.
        }
        if interleaved != self.extensions.interleaving {
            self.abort(&Cause::ProtocolViolation(b"DATA and I-DATA"), CloseReason::Violation);
            return false; // RFC 8260 §2.2.3
        }
        if marked {
            self.on_mark(tsn);
        }
        true
    }

    fn note_arrival(&mut self, at: usize, arrival: Arrival, stream: u16, seen: &mut Seen) {
        match arrival {
            Arrival::New => seen.new = true,
            Arrival::Duplicate => {
                seen.duplicate = true;
                self.stats.duplicates += 1;
            }
            Arrival::Dropped => seen.duplicate = true,
            Arrival::NoStream => {
                seen.new = true;
                self.queue_error(at, &Cause::InvalidStream(stream));
            }
        }
    }

    /// The peer has given something up (RFC 3758 §3.6, RFC 8260 §2.3.1).
    fn on_forward_chunk(&mut self, at: usize, chunk: &Chunk<'_>) {
        match chunk {
            _ if self.is_of_other_kind(chunk) => {
                self.abort(&Cause::ProtocolViolation(b"the other FORWARD TSN"), CloseReason::Violation);
                return;
            }
            Chunk::ForwardTsn { new_cumulative_tsn, streams } => {
                self.inbound.on_forward(*new_cumulative_tsn, streams.iter());
            }
            Chunk::IForwardTsn { new_cumulative_tsn, streams } => {
                self.inbound.on_interleaved_forward(*new_cumulative_tsn, streams.iter());
            }
            _ => return,
        }
        self.changes.readable |= self.inbound.has_message();
        self.ack.at_once = true; // RFC 3758 §3.6
        self.ack.path = at;
    }

    /// When the SACK for a packet with data goes (RFC 9260 §6.2).
    fn on_data_packet(&mut self, now: SimTime, at: usize, seen: &Seen, had_gaps: bool) {
        self.ack.path = at;
        self.changes.readable |= self.inbound.has_message();
        self.ack.packets = self.ack.packets.saturating_add(1);
        let at_once = seen.duplicate
            || seen.immediate
            || (had_gaps || self.inbound.has_gaps()) && !self.delays_in_spite_of_gaps()
            || !self.ack.first_is_acked
            || self.ack.packets >= self.config.sack_frequency
            || !seen.new;
        if self.state == State::ShutdownSent {
            // RFC 9260 §9.2: each packet with data is answered by a SACK and a SHUTDOWN, and restarts T2. Not others: a peer
            // that has missed the SHUTDOWN sends HEARTBEATs, by which it would never hear it again.
            self.ack.at_once = true;
            self.send_shutdown(now, false);
        } else if at_once {
            self.ack.first_is_acked = true;
            self.ack.at_once = true;
        } else {
            self.ack.due.get_or_insert(now + self.config.sack_delay);
        }
    }

    /// Takes one control chunk; says whether the rest of the packet counts.
    fn on_chunk(
        &mut self,
        now: SimTime,
        at: usize,
        kind: ChunkType,
        chunk: &Chunk<'_>,
        bytes: &[u8],
    ) -> bool {
        match chunk {
            Chunk::Sack(sack) => {
                if self.state.sends_data() {
                    self.on_sack(now, sack.cumulative_tsn_ack, Some(sack.a_rwnd), sack.blocks(), bytes[1]);
                }
            }
            Chunk::Heartbeat(list) => {
                let tag = self.peer_tag;
                self.queue(at, &Chunk::HeartbeatAck(*list), Reason::KeepAlive, false, tag);
            }
            Chunk::HeartbeatAck(list) => {
                if let Some(Ok(Parameter::HeartbeatInfo(info))) = list.iter().next() {
                    self.on_heartbeat_ack(now, info);
                }
            }
            Chunk::InitAck(body) => {
                if self.state == State::CookieWait {
                    self.on_init_ack(now, body);
                }
            }
            Chunk::CookieAck => {
                if self.state == State::CookieEchoed {
                    self.establish(now);
                }
            }
            Chunk::Abort { .. } => self.close(CloseReason::AbortedByPeer),
            Chunk::Shutdown { cumulative_tsn_ack } => self.on_shutdown(now, *cumulative_tsn_ack),
            Chunk::ShutdownAck => self.on_shutdown_ack(at),
            Chunk::ShutdownComplete { .. } => {
                if self.state == State::ShutdownAckSent {
                    self.close(CloseReason::Shutdown);
                }
            }
            Chunk::Error(causes) => self.on_error(now, *causes),
            Chunk::ForwardTsn { .. } | Chunk::IForwardTsn { .. } => {
                if !self.config.partial_reliability || !self.state.receives_data() {
                    return self.on_unknown(at, kind, bytes);
                }
                self.on_forward_chunk(at, chunk);
            }
            Chunk::ReConfig(parameters) if self.extensions.reconfiguration => {
                if self.state.sends_data() || self.state == State::ShutdownSent {
                    self.on_reconfig(now, at, *parameters);
                }
            }
            Chunk::Asconf { serial, parameters } if self.asconf.is_some() => {
                self.on_asconf(now, self.paths[at].remote, *serial, *parameters);
            }
            Chunk::AsconfAck { serial, parameters } if self.asconf.is_some() => {
                self.on_asconf_ack(now, *serial, *parameters);
            }
            Chunk::Ecne { lowest_tsn } if self.ecn.agreed => self.on_ecne(now, *lowest_tsn),
            Chunk::Cwr { lowest_tsn } if self.ecn.agreed => self.on_cwr(*lowest_tsn),
            // COOKIE ECHO was dealt with by the endpoint; INIT stands alone.
            Chunk::CookieEcho(_) | Chunk::Init(_) | Chunk::Pad(_) | Chunk::Data(..) | Chunk::IData(..) => {}
            Chunk::Ecne { .. }
            | Chunk::Cwr { .. }
            | Chunk::Auth { .. }
            | Chunk::Asconf { .. }
            | Chunk::AsconfAck { .. }
            | Chunk::ReConfig(_)
            | Chunk::Unknown { .. } => return self.on_unknown(at, kind, bytes),
        }
        true
    }

    /// RFC 9260 §3.2: what the type's highest bits say.
    fn on_unknown(&mut self, at: usize, kind: ChunkType, bytes: &[u8]) -> bool {
        let action = kind.unknown_action();
        if action.report {
            self.queue_error(at, &Cause::UnrecognizedChunk(bytes));
        }
        action.skip
    }

    fn on_heartbeat_ack(&mut self, now: SimTime, info: &[u8]) {
        let Some([sent, number, at]) = info.as_chunks::<8>().0.first_chunk::<3>() else { return };
        let (sent, number) = (SimTime::from_nanos(u64::from_be_bytes(*sent)), u64::from_be_bytes(*number));
        let at = u64::from_be_bytes(*at) as usize;
        if self.on_probe_answered(now, at, number) {
            return;
        }
        let Some(path) = self.paths.get_mut(at) else { return };
        if path.heartbeat != Some((sent, number)) || path.removed {
            return; // Not the one that was asked (RFC 9260 §8.3).
        }
        path.heartbeat = None;
        path.confirmed = true;
        path.rtt.on_sample(now.saturating_since(sent), &self.config.rto);
        self.clear_errors(now, at);
        self.schedule_heartbeat(now, at);
    }

    /// RFC 9260 §5.1: the peer's part of the association, and the cookie to be echoed.
    fn on_init_ack(&mut self, now: SimTime, body: &Initiation<'_>) {
        if body.initiate_tag == 0 || body.a_rwnd < 1500 {
            // RFC 9260 §3.3.3: without a tag the attempt is over, and the tag of the packet is reflected; a window that is
            // too small is refused, and changes nothing.
            let reflected = body.initiate_tag == 0;
            let tag = if reflected { self.local_tag } else { body.initiate_tag };
            let chunk = Chunk::Abort { reflected, causes: Causes::default() };
            self.queue(self.control_path, &chunk, Reason::Teardown, false, tag);
            if reflected {
                self.close(CloseReason::Violation);
            }
            return;
        }
        self.peer_tag = body.initiate_tag;
        if body.outbound_streams == 0 || body.inbound_streams == 0 {
            self.abort(&Cause::InvalidParameter, CloseReason::Violation);
            return;
        }
        let peer = match PeerParameters::read(body.parameters) {
            Ok(peer) => peer,
            Err(Refusal::HostName(parameter)) => {
                self.abort(&Cause::UnresolvableAddress(parameter), CloseReason::Violation);
                return;
            }
        };
        let keys = match auth::peer_keys(&self.config, &peer) {
            Ok(keys) => keys,
            Err(violation) => {
                self.abort(&Cause::ProtocolViolation(violation), CloseReason::Violation);
                return;
            }
        };
        let Some(cookie) = peer.cookie else {
            // RFC 9260 §3.3.3: the state cookie (parameter 7) is mandatory.
            self.abort(&Cause::MissingParameters(&[0, 7]), CloseReason::Violation);
            return;
        };
        self.changes.abandoned += self.out.limit_streams(body.inbound_streams);
        self.out.peer_rwnd = u64::from(body.a_rwnd);
        let streams = body.outbound_streams.min(self.config.inbound_streams.max(1));
        self.inbound = Inbound::new(body.initial_tsn, streams, self.config.receive_buffer);
        self.agree(peer.extensions, peer.forwards_tsns);
        self.reconfiguring.expect(body.initial_tsn);
        self.ecn.agreed = peer.knows_ecn && self.config.ecn;
        self.agree_on_keys(&keys);
        self.agree_on_changes(peer.changes_addresses, body.initial_tsn);
        for address in &peer.addresses {
            self.add_path(now, *address);
        }
        self.echo.clear();
        Chunk::CookieEcho(cookie).emit(&mut self.echo);
        if !peer.unrecognized.is_empty() {
            let mut list = Vec::new();
            let mut unknown = ParameterList::new();
            for (kind, value) in &peer.unrecognized {
                unknown.push(&Parameter::Unknown { kind: *kind, value });
            }
            Cause::UnrecognizedParameters(unknown.parameters()).emit(&mut list);
            if let Ok(causes) = Causes::parse(&list) {
                Chunk::Error(causes).emit(&mut self.echo); // Bundled behind it (RFC 9260 §3.2.2).
            }
        }
        debug_assert_eq!(padding(self.echo.len()), 0);
        self.state = State::CookieEchoed;
        self.changes.answered = true;
        self.init_errors = 0;
        self.send_echo(now, false);
    }

    fn on_shutdown(&mut self, now: SimTime, cumulative: u32) {
        match self.state {
            State::Established | State::ShutdownPending => {
                self.state = State::ShutdownReceived;
                self.changes.peer_shutdown = true;
                self.on_sack(now, cumulative, None, std::iter::empty(), 0);
                self.go_on_shutting_down(now);
            }
            State::ShutdownReceived => {
                self.on_sack(now, cumulative, None, std::iter::empty(), 0);
            }
            State::ShutdownSent => {
                // RFC 9260 §9.2: both sides at once.
                self.state = State::ShutdownAckSent;
                self.send_shutdown(now, false);
            }
            State::ShutdownAckSent => self.send_shutdown(now, true),
            State::CookieWait | State::CookieEchoed | State::Closed => {}
        }
    }

    fn on_shutdown_ack(&mut self, at: usize) {
        match self.state {
            State::ShutdownSent | State::ShutdownAckSent => {
                self.control.clear();
                let chunk = Chunk::ShutdownComplete { reflected: false };
                self.queue(at, &chunk, Reason::Teardown, false, self.peer_tag);
                self.close(CloseReason::Shutdown);
            }
            State::CookieWait
            | State::CookieEchoed
            | State::Established
            | State::ShutdownPending
            | State::ShutdownReceived
            | State::Closed => {}
        }
    }

    /// RFC 9260 §5.2.6: a stale cookie is asked for anew; other causes inform.
    fn on_error(&mut self, now: SimTime, causes: Causes<'_>) {
        let unknown = |cause: Cause<'_>| match cause {
            Cause::UnrecognizedChunk(chunk) => chunk.first() == Some(&ChunkType::ASCONF.0),
            _ => false,
        };
        if causes.iter().flatten().any(unknown) {
            self.on_unknown_asconf();
        }
        let stale = causes.iter().flatten().any(|cause| cause.code() == code::STALE_COOKIE);
        if stale && self.state == State::CookieEchoed {
            self.init_errors += 1;
            if self.init_errors > self.config.max_init_retransmits {
                self.close(CloseReason::Unreachable);
                return;
            }
            self.state = State::CookieWait;
            self.peer_tag = 0;
            self.mark_in_flight();
            self.send_init(now, true);
        }
    }
}
