//! What an association sends: control first, then retransmissions, then new data, with a SACK where one is due.

use sim_core::SimTime;
use wire::account::Reason;
use wire::checksum::pseudo_header;
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::sctp::{Sack, padding};
use wire::udp;

use super::association::Association;
use super::control::{Control, Detour};
use super::inbound::SHARED_BLOCKS_MAX;
use super::outbound::{ChunkState, Next};
use super::packet::Builder;
use super::state::State;
use super::zero_checksum::may_omit_checksum;
use crate::congestion::CongestionControl;
use crate::endpoint::Envelope;

impl Association {
    /// Whether a SACK waits only for company or its timer.
    fn owes_sack(&self) -> bool {
        self.ack.at_once || self.ack.due.is_some()
    }

    /// The next packet, written into `place`.
    pub(super) fn poll_transmit_into(&mut self, now: SimTime, place: &mut Packet) -> Option<Envelope> {
        self.reconfigure_further(now);
        let between = self.is_between_addresses();
        while let Some(control) = self.control.pop_front() {
            if between && control.detour.from.is_none() {
                continue; // There is no address to send it from.
            }
            let mut builder = Builder::default();
            builder.resends = control.resends;
            builder.push_control(&control.chunks);
            if control.bundles {
                self.bundle_with_handshake(now, control.path, &mut builder);
            }
            let Control { path, tag, reason, detour, .. } = control;
            return Some(self.send_packet_by(path, &mut builder, tag, reason, detour, place));
        }
        if between {
            return None;
        }
        if !self.state.sends_data() {
            let acknowledges = self.ack.at_once && self.state == State::ShutdownSent;
            return if acknowledges { self.poll_sack(now, place) } else { None };
        }
        if self.out.marked > 0 {
            self.abandon_what_is_over(now);
        }
        if self.has_many_gaps() && self.owes_sack() {
            return self.poll_sack(now, place);
        }
        let retransmission = self.out.marked > 0 && self.may_retransmit();
        let at = if retransmission { self.retransmission_path() } else { self.choose_data_path(now) };
        let mut builder = Builder::default();
        self.out.begin_packet();
        let next = if retransmission { None } else { self.next_new(now, at, 0) };
        if retransmission || next.is_some() {
            self.push_acknowledgements(now, &mut builder);
            self.fill(now, at, &mut builder, retransmission, next);
            if builder.has_data() {
                return Some(self.send_packet(at, &mut builder, Reason::Data, place));
            }
        } else if self.ack.at_once || self.forward_due {
            self.push_acknowledgements(now, &mut builder);
        }
        if builder.is_empty() {
            return None;
        }
        let at = self.confirmed_path(self.ack.path);
        Some(self.send_packet(at, &mut builder, Reason::Acknowledgement, place))
    }

    /// Data go with COOKIE ECHO, acknowledgements with COOKIE ACK (RFC 9260 §5.1 C and D): the first message needs no
    /// more time than over TCP.
    fn bundle_with_handshake(&mut self, now: SimTime, at: usize, builder: &mut Builder) {
        if self.state.sends_data() && self.ack.at_once {
            self.push_acknowledgements(now, builder);
        } else if self.state == State::CookieEchoed {
            self.abandon_what_is_over(now);
            self.out.begin_packet();
            if builder.resends {
                self.fill_smallest(now, at, builder);
            } else {
                self.fill(now, at, builder, self.out.marked > 0, None);
            }
            self.paths[at].t3 = None; // T1-cookie repeats them together.
        }
    }

    /// Puts as much user data into the packet as fit where every path takes it: what went with the cookie before may have
    /// been too large for this path, and nothing larger shall keep the cookie from its place again.
    fn fill_smallest(&mut self, now: SimTime, at: usize, builder: &mut Builder) {
        let before = (self.pmdcs, self.fragment_max);
        let header_len = self.data_header_len();
        self.pmdcs = self.smallest_room().min(self.pmdcs);
        self.fragment_max = self.pmdcs - header_len as u32;
        let first = self.out.outstanding.iter().find(|sent| sent.state == ChunkState::Marked);
        let needed = first.map_or(0, |sent| sent.len() as usize);
        if builder.len() + header_len + needed < self.pmdcs as usize {
            self.fill(now, at, builder, self.out.marked > 0, None);
        }
        (self.pmdcs, self.fragment_max) = before;
    }

    fn poll_sack(&mut self, now: SimTime, place: &mut Packet) -> Option<Envelope> {
        let mut builder = Builder::default();
        self.push_acknowledgements(now, &mut builder);
        let at = self.confirmed_path(self.ack.path);
        Some(self.send_packet(at, &mut builder, Reason::Acknowledgement, place))
    }

    /// Gap blocks that the next SACK has room for: all that fit a packet, where it has one for itself (RFC 9260 §6.2).
    fn blocks_max(&self) -> usize {
        if !self.has_many_gaps() {
            return SHARED_BLOCKS_MAX;
        }
        let taken = SACK_LEN + 4 * self.inbound.duplicates.len() + 2 * ECN_LEN;
        (self.pmdcs as usize).saturating_sub(taken) / 4
    }

    /// Whether there are more gaps than a SACK beside data has room for; a FORWARD TSN takes the place, too.
    fn has_many_gaps(&self) -> bool {
        self.inbound.gaps.len() > SHARED_BLOCKS_MAX && !self.forward_due
    }

    /// A SACK and a FORWARD TSN, if they are owed.
    fn push_acknowledgements(&mut self, now: SimTime, builder: &mut Builder) {
        let owes_sack = self.owes_sack();
        if owes_sack {
            let (cumulative, rwnd) = (self.inbound.cumulative as u32, self.inbound.rwnd());
            let (blocks, duplicates) = (self.inbound.blocks(self.blocks_max()), &self.inbound.duplicates);
            let head = Sack::head(self.sack_flags(), cumulative, rwnd, blocks.len(), duplicates.len());
            builder.push_sack(head, &blocks, duplicates);
            self.inbound.duplicates.clear();
            self.ack.due = None;
            self.ack.at_once = false;
            self.ack.packets = 0;
            self.stats.sacks_sent += 1;
        }
        if self.ecn.agreed {
            self.push_ecn(builder, owes_sack);
        }
        if self.forward_due && self.out.advanced >= self.out.base {
            builder.push_control(&self.forward_chunk());
            self.stats.forward_tsns += 1;
            // RFC 3758 §3.5 rule C5: it may be lost itself, and nothing else may be outstanding to bring it again.
            let path = &mut self.paths[self.data_path];
            let rto = path.rtt.rto(&self.config.rto);
            path.t3.get_or_insert(now + rto);
        }
        self.forward_due = false;
    }

    /// Whether something marked may go: one packet whatever the window says at the start of fast recovery, else
    /// as far as the window allows.
    fn may_retransmit(&self) -> bool {
        let path = &self.paths[self.retransmission_path()];
        self.force_retransmission || path.in_flight < path.limit()
    }

    /// RFC 9260 §6.4.1: what timed out goes to another path, if there is one.
    fn retransmission_path(&self) -> usize {
        let first = self.out.outstanding.iter().find(|sent| sent.state == ChunkState::Marked);
        let timed_out_on = first.filter(|sent| sent.timed_out).map(|sent| usize::from(sent.path));
        if let Some(at) = self.concurrent_retransmission_path(timed_out_on) {
            return at;
        }
        match first {
            Some(sent) if sent.timed_out => self.best_path(Some(usize::from(sent.path))),
            _ => self.best_path(None),
        }
    }

    /// The path that new data take: the primary one while it works (RFC 9260 §6.4).
    fn choose_data_path(&mut self, now: SimTime) -> usize {
        if let Some(at) = self.concurrent_path() {
            self.data_path = at;
            return at;
        }
        let at = self.best_path(None);
        if at != self.data_path {
            self.data_path = at;
            self.stats.failovers += 1;
            self.probe_other_path(now);
        }
        at
    }

    /// The next new chunk, if it may go on path `at` behind `used` bytes of the packet (RFC 9260 §6.1).
    fn next_new(&mut self, now: SimTime, at: usize, used: usize) -> Option<Next> {
        let mut dropped = 0;
        let next = self.out.next(now, self.fragment_max, &mut dropped);
        self.stats.abandoned += dropped;
        self.changes.abandoned += dropped;
        let next = next?;
        if self.out.outstanding.len() >= OUTSTANDING_MAX {
            return None;
        }
        let path = &mut self.paths[at];
        if path.in_flight >= path.limit() {
            path.window_limited |= path.in_flight >= path.window.window();
            return None; // Rule B
        }
        if u64::from(next.len) > self.out.peer_rwnd && self.out.in_flight > 0 {
            return None; // Rule A
        }
        // Nagle's rule where it is asked for: a packet that is not full waits while something is outstanding.
        let waiting = used as u64 + self.out.queued_bytes + self.data_header_len() as u64;
        let holds = self.config.bundling && self.state == State::Established && used == 0;
        let held = holds && self.out.in_flight > 0 && waiting < u64::from(self.pmdcs);
        (!held).then_some(next)
    }

    /// Puts as much user data into the packet as fit. `found` is the first new chunk, where it is known to be allowed.
    fn fill(
        &mut self,
        now: SimTime,
        at: usize,
        builder: &mut Builder,
        retransmission: bool,
        mut found: Option<Next>,
    ) {
        let (room, header_len) = (self.pmdcs as usize, self.data_header_len());
        if retransmission {
            self.fill_marked(now, at, builder, room);
            self.force_retransmission = false;
        }
        while self.out.marked == 0 {
            let next = found.take().or_else(|| self.next_new(now, at, builder.len()));
            let Some(Next { stream, len }) = next else { break };
            let fragment_max = if builder.has_data() {
                self.fragment_max
            } else {
                // Beside a SACK a fragment is cut so that the packet is full.
                self.fragment_max.min((room - builder.len() - header_len) as u32)
            };
            if builder.len() + header_len + len.min(fragment_max) as usize > room {
                break;
            }
            let tsn = self.out.next_tsn();
            let (flow, interleaves) = (self.flow, self.extensions.interleaving);
            let Some(sent) = self.out.cut(stream, fragment_max, at as u8) else { break };
            let (head, len) = (sent.head(tsn, interleaves), u64::from(sent.len()));
            builder.push_data(&head[..header_len], &sent.payload, &sent.runs, flow);
            self.note_sent(now, at, tsn, len, true);
            if builder.len() + padding(builder.len()) >= room {
                break;
            }
        }
    }

    fn fill_marked(&mut self, now: SimTime, at: usize, builder: &mut Builder, room: usize) {
        let (header_len, interleaves) = (self.data_header_len(), self.extensions.interleaving);
        let mut index = 0;
        let mut is_first = true;
        while self.out.marked > 0 && index < self.out.outstanding.len() {
            let tsn = self.out.base + index as u64;
            let flow = self.flow;
            let sent = &mut self.out.outstanding[index];
            index += 1;
            if sent.state != ChunkState::Marked {
                is_first &= sent.state != ChunkState::InFlight || usize::from(sent.path) != at;
                continue;
            }
            let len = sent.len();
            if builder.len() + header_len + len as usize > room {
                if builder.has_data() || header_len + len as usize <= room {
                    break;
                }
                // It was cut for a larger path MTU, and a chunk cannot be cut anew (RFC 9260 §6.9).
                builder.fragmentable = true;
            }
            sent.state = ChunkState::InFlight;
            sent.path = at as u8;
            sent.missing = 0;
            sent.transmissions = sent.transmissions.saturating_add(1);
            builder.push_data(&sent.head(tsn, interleaves)[..header_len], &sent.payload, &sent.runs, flow);
            builder.resends = true;
            self.out.marked -= 1;
            self.out.in_flight += u64::from(len);
            self.out.peer_rwnd = self.out.peer_rwnd.saturating_sub(u64::from(len));
            self.stats.chunks_resent += 1;
            for path in &mut self.paths {
                path.timed.take_if(|(timed, _)| *timed >= tsn); // RFC 9260 §6.3.1 rule C5
            }
            if std::mem::take(&mut is_first) {
                self.paths[at].t3 = None; // RFC 9260 §6.1: the earliest outstanding one restarts its timer.
            }
            self.note_sent(now, at, tsn, u64::from(len), false);
            let path = &self.paths[at];
            if path.in_flight >= path.limit().max(u64::from(self.pmdcs)) {
                break;
            }
        }
    }

    fn note_sent(&mut self, now: SimTime, at: usize, tsn: u64, len: u64, is_new: bool) {
        self.stats.chunks_sent += 1;
        let path = &mut self.paths[at];
        path.in_flight += len;
        path.last_sent = now;
        path.window_limited |= path.in_flight + u64::from(self.pmdcs) > path.window.window();
        if path.t3.is_none() {
            path.t3 = Some(now + path.rtt.rto(&self.config.rto)); // RFC 9260 §6.3.2 rule R1
        }
        if is_new && path.timed.is_none() {
            path.timed = Some((tsn, now));
        }
    }

    fn send_packet(
        &mut self,
        at: usize,
        builder: &mut Builder,
        reason: Reason,
        place: &mut Packet,
    ) -> Envelope {
        self.send_packet_by(at, builder, self.peer_tag, reason, Detour::default(), place)
    }

    fn send_packet_by(
        &mut self,
        at: usize,
        builder: &mut Builder,
        tag: u32,
        reason: Reason,
        detour: Detour,
        place: &mut Packet,
    ) -> Envelope {
        if let Some(auth) = &self.auth {
            auth.authenticate(builder);
        }
        builder.unsummed = self.extensions.zero_checksum && may_omit_checksum(builder);
        let (dont_fragment, traffic_class) = (!builder.fragmentable, self.traffic_class(builder));
        builder.finish((self.local_port, self.peer_port), tag, self.flow, reason, place);
        let path = &self.paths[at.min(self.paths.len() - 1)];
        // Inside UDP where both ports are known.
        let own_port = self.config.encapsulation.filter(|_| path.udp_port != 0).map(|ports| ports.local_port);
        let target = Target {
            local: detour.from.unwrap_or(path.local),
            remote: detour.to.unwrap_or(path.remote),
            udp: own_port.map(|own| (own, path.udp_port)),
        };
        Envelope { dont_fragment, traffic_class, ..target.address(place) }
    }
}

/// Bytes of a SACK without gap blocks and duplicates, and of an ECNE or CWR chunk.
const SACK_LEN: usize = 16;
const ECN_LEN: usize = 8;

/// The most chunks on their way: no stream has more messages there than it has numbers (RFC 9260 §6.1), and a gap block
/// reaches no further.
const OUTSTANDING_MAX: usize = 65_535;

/// Where a packet goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) local: std::net::IpAddr,
    pub(super) remote: std::net::IpAddr,
    /// UDP ports of encapsulation (RFC 6951 §5.2).
    pub(super) udp: Option<(u16, u16)>,
}

impl Target {
    /// What the internet header of `packet` has to say, which gets a header of UDP where it goes inside that.
    pub(super) fn address(&self, packet: &mut Packet) -> Envelope {
        let mut protocol = IpProtocol::SCTP;
        if let Some((from, to)) = self.udp
            && let Ok(header) = udp::Header::new(from, to, packet.len())
        {
            protocol = IpProtocol::UDP;
            let mut out = [0; udp::HEADER_LEN];
            // Where the source is the host's choice, the host adds it to the checksum.
            let length = u32::from(header.length());
            let mut sum = pseudo_header(self.local, self.remote, IpProtocol::UDP, length);
            sum.add_at(0, wire::checksum::Sum::of(packet.header()));
            sum.add_at(packet.header().len(), packet.payload().sum());
            header.emit(&mut out, sum);
            packet.push_header(udp::HEADER_LEN).copy_from_slice(&out);
            packet.account.push_header(wire::account::Protocol::Udp, udp::HEADER_LEN);
        }
        Envelope {
            source: self.local,
            destination: self.remote,
            interface: None,
            protocol,
            hop_limit: None,
            traffic_class: 0,
            dont_fragment: true,
        }
    }
}
