//! From a packet to its association: checksums, verification tags, and packets for nobody (RFC 9260 §8.4, §8.5).

use sim_core::SimTime;
use wire::account::{Account, FlowId, Reason};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::sctp::{COMMON_HEADER_LEN, Cause, Causes, Chunk, ChunkType, CommonHeader, checksum, code};

use super::ecn::is_marked;
use super::endpoint::SctpEndpoint;
use super::output::Target;
use super::packet::{Builder, Piece, Walker};
use super::parameters::is_host;
use super::state::State;
use crate::endpoint::Received;

/// A packet's addresses and header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) header: CommonHeader,
    pub(super) source: std::net::IpAddr,
    pub(super) destination: std::net::IpAddr,
    pub(super) udp_port: Option<u16>,
    pub(super) flow: FlowId,
}

impl SctpEndpoint {
    pub(super) fn handle_packet(&mut self, now: SimTime, received: Received<'_>, udp_port: Option<u16>) {
        let packet = received.packet;
        let header =
            if packet.pull(COMMON_HEADER_LEN) { CommonHeader::parse(packet.header()).ok() } else { None };
        // RFC 9260 §3.1: port zero is nobody's.
        let Some(header) = header.filter(|it| it.source_port != 0 && it.destination_port != 0) else {
            self.counters.malformed += 1;
            return;
        };
        let unsummed = header.checksum == 0 && self.takes_unsummed(&header, received.source, packet);
        // What damages a packet is found by the layer below, where that has taken the checksum's place.
        if packet.corrupted || !unsummed && checksum(packet.header(), packet.payload()) != header.checksum {
            self.counters.bad_checksum += 1; // RFC 9260 §6.8
            return;
        }
        if !is_host(received.source) || !is_host(received.destination) {
            self.counters.out_of_the_blue += 1; // RFC 9260 §8.4 rule 1
            return;
        }
        let flow = packet.account.runs.iter().map(|run| run.flow).find(|flow| *flow != FlowId::NONE);
        let flow = flow.unwrap_or(packet.account.flow);
        let (source, destination) = (received.source, received.destination);
        let origin = Origin { header, source, destination, udp_port, flow };
        let mut walker = Walker::new(packet);
        walker.marked = is_marked(received.traffic_class);
        let Some((first, _)) = walker.peek() else {
            self.counters.malformed += 1;
            return;
        };
        match first {
            ChunkType::INIT => return self.on_init(now, &origin, &mut walker),
            ChunkType::COOKIE_ECHO => return self.on_cookie_echo(now, &origin, &mut walker),
            // RFC 4895 §6.3: the keys are in the cookie.
            ChunkType::AUTH if walker.ahead().nth(1).is_some_and(|(it, _)| it == ChunkType::COOKIE_ECHO) => {
                return self.on_cookie_echo(now, &origin, &mut walker);
            }
            _ => {}
        }
        let found = self.find(header.destination_port, source, header.source_port);
        let found = found.or_else(|| self.find_by_init_ack(&origin, first, &walker));
        let Some(index) = found.or_else(|| self.find_by_asconf(&origin, first, &walker)) else {
            self.on_out_of_the_blue(&origin, &mut walker);
            return;
        };
        self.deliver(now, index, &origin, first, &mut walker);
    }

    /// Gives a packet to its association, if its verification tag is right (RFC 9260 §8.5).
    fn deliver(
        &mut self,
        now: SimTime,
        index: u32,
        origin: &Origin,
        first: ChunkType,
        walker: &mut Walker<'_>,
    ) {
        let tag = origin.header.verification_tag;
        let Some(association) = self.at(index) else { return };
        let reflected = walker.flags() & 1 == 1;
        let may_reflect = matches!(first, ChunkType::ABORT | ChunkType::SHUTDOWN_COMPLETE);
        let expected = if may_reflect && reflected { association.peer_tag } else { association.local_tag };
        let forming = matches!(association.state, State::CookieWait | State::CookieEchoed);
        if first == ChunkType::SHUTDOWN_ACK && forming {
            // RFC 9260 §8.5.1 rule E: a packet of an association that is long over.
            self.on_out_of_the_blue(origin, walker);
            return;
        }
        if tag != expected || (may_reflect && reflected && tag == 0) {
            self.counters.bad_tag += 1;
            return;
        }
        if association.flow == FlowId::NONE {
            association.flow = origin.flow;
        }
        if first == ChunkType::ABORT && association.ignores_aborts_to(now, origin.destination, reflected) {
            return;
        }
        if first == ChunkType::INIT_ACK && association.state == State::CookieWait {
            association.add_path(now, origin.source); // It belongs to the peer's addresses (RFC 9260 §5.1.2).
        }
        let Some(at) = association.path_of(origin.source) else {
            association.on_stray_packet(now, origin.source, walker);
            self.touch(index);
            return;
        };
        if let Some(port) = origin.udp_port {
            association.paths[at].udp_port = port; // RFC 6951 §5.4
        }
        association.on_packet(now, at, walker);
        if !walker.is_done() {
            self.counters.malformed += 1;
        }
        self.touch(index);
    }

    /// Gives the chunks behind a COOKIE ECHO to the association.
    pub(super) fn deliver_rest(
        &mut self,
        now: SimTime,
        index: u32,
        origin: &Origin,
        walker: &mut Walker<'_>,
    ) {
        if let Some(association) = self.at(index) {
            if association.flow == FlowId::NONE {
                association.flow = origin.flow;
            }
            if let Some(at) = association.path_of(origin.source) {
                association.on_packet(now, at, walker);
            }
        }
        self.touch(index);
    }

    /// RFC 9260 §8.4: a packet that belongs to no association.
    fn on_out_of_the_blue(&mut self, origin: &Origin, walker: &mut Walker<'_>) {
        self.counters.out_of_the_blue += 1;
        let tag = origin.header.verification_tag;
        if tag == 0 {
            return; // RFC 9260 §8.5.1 rule A: only an INIT, which has been dealt with, has no tag.
        }
        let (mut shutdown_ack, mut silent) = (false, false);
        while let Some(piece) = walker.next() {
            let Piece::Control(kind, bytes) = piece else { continue };
            match kind {
                ChunkType::ABORT => return,                                            // Rule 2
                ChunkType::SHUTDOWN_ACK => shutdown_ack = true,                        // Rule 5
                ChunkType::SHUTDOWN_COMPLETE | ChunkType::COOKIE_ACK => silent = true, // Rules 6 and 7
                ChunkType::ERROR => {
                    silent |= matches!(Chunk::parse(&bytes), Ok((Chunk::Error(causes), _))
                        if causes.iter().flatten().any(|cause| cause.code() == code::STALE_COOKIE)); // Rule 7
                }
                _ => {}
            }
        }
        if shutdown_ack {
            self.reply(origin, tag, &Chunk::ShutdownComplete { reflected: true }, Reason::Teardown);
        } else if !silent {
            let chunk = Chunk::Abort { reflected: true, causes: Causes::default() };
            self.counters.aborts_sent += 1;
            self.reply(origin, tag, &chunk, Reason::Teardown); // Rule 8
        }
    }

    /// Answers a packet without an association.
    pub(super) fn reply(&mut self, origin: &Origin, tag: u32, chunk: &Chunk<'_>, reason: Reason) {
        // RFC 9653 §5.2: what answers a packet for nobody has its checksum.
        self.reply_by(origin, tag, chunk, reason, Builder::default());
    }

    /// Answers a packet without an association by a packet that was begun.
    pub(super) fn reply_by(
        &mut self,
        origin: &Origin,
        tag: u32,
        chunk: &Chunk<'_>,
        reason: Reason,
        mut builder: Builder,
    ) {
        if self.replies.len() >= REPLIES_MAX {
            return;
        }
        let mut chunks = Vec::new();
        chunk.emit(&mut chunks);
        builder.push_control(&chunks);
        let ports = (origin.header.destination_port, origin.header.source_port);
        let mut packet = Packet::new(Payload::empty(), Account::default());
        builder.finish(ports, tag, origin.flow, reason, &mut packet);
        let udp = origin.udp_port.map(|port| (self.udp_port(origin.header.destination_port), port));
        let target = Target { local: origin.destination, remote: origin.source, udp };
        let envelope = target.address(&mut packet);
        self.replies.push_back(envelope.with(packet));
    }

    /// The UDP port that packets of a port are encapsulated from.
    fn udp_port(&self, port: u16) -> u16 {
        let encapsulation = self.listeners.get(&port).and_then(|listener| listener.config.encapsulation);
        encapsulation.map_or(super::config::Encapsulation::PORT, |ports| ports.local_port)
    }

    /// Refuses an INIT with an ABORT that names the cause (RFC 9260 §5.1).
    pub(super) fn refuse(&mut self, origin: &Origin, tag: u32, cause: Option<&Cause<'_>>) {
        let mut bytes = Vec::new();
        if let Some(cause) = cause {
            cause.emit(&mut bytes);
        }
        let causes = Causes::parse(&bytes).unwrap_or_default();
        self.counters.aborts_sent += 1;
        self.reply(origin, tag, &Chunk::Abort { reflected: false, causes }, Reason::Teardown);
    }
}

/// The most answers that wait to be sent: a flood cannot fill memory.
const REPLIES_MAX: usize = 1024;
