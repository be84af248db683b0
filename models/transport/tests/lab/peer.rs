//! One TCP endpoint and a peer made by hand: each segment that it gets is written down in a test, and each segment that
//! it sends is looked at. Numbers count from the initial ones, so that 0 is a SYN and 1 the first byte.

use std::net::SocketAddr;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sim_core::{SimDuration, SimTime};
use transport::endpoint::{Endpoint, IcmpError, InterfaceId, NetworkEvent, Received};
use transport::tcp::{
    ConnectionId, ConnectionStats, ListenerId, LossDetection, TcpConfig, TcpEndpoint, TcpEvent,
};
use wire::account::Account;
use wire::ip::Ecn;
use wire::packet::Packet;
use wire::payload::{Payload, Slice};
use wire::tcp::{Header, TcpFlags};
use wire::tcp_options::{SackBlock, SackBlocks, SynOptions, TcpOption, TcpOptions};

use super::{address, run_of};

/// The payload of the peer's full segments, and of the endpoint's: what the peer announces.
pub(crate) const MSS: u32 = 1000;

/// Loss recovery by SACK and duplicate acknowledgments (RFC 6675) without anything newer.
pub(crate) fn counting_duplicates() -> TcpConfig {
    TcpConfig {
        timestamps: false,
        window_scaling: false,
        nagle: false,
        loss_detection: LossDetection::DuplicateAcks,
        proportional_rate_reduction: false,
        f_rto: false,
        undo: false,
        ..TcpConfig::default()
    }
}

/// A segment that the endpoint has sent.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) at: SimTime,
    pub(crate) header: Header,
    /// Sequence and acknowledgment number.
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) len: u32,
    /// The ECN field of its internet header.
    pub(crate) mark: Ecn,
}

/// The endpoint under test, and its peer.
pub(crate) struct Scripted {
    pub(crate) end: TcpEndpoint,
    pub(crate) now: SimTime,
    pub(crate) id: Option<ConnectionId>,
    pub(crate) listener: Option<ListenerId>,
    pub(crate) said: Vec<Said>,
    pub(crate) events: Vec<TcpEvent>,
    /// The initial number of the endpoint.
    iss: u32,
    /// The peer's window in the segments that it sends.
    pub(crate) window: u16,
    /// The ECN field that the peer's segments arrive with.
    pub(crate) mark: Ecn,
}

const LOCAL_PORT: u16 = 40_000;
const PEER_PORT: u16 = 7000;
const PEER_ISS: u32 = 1_000_000;

fn local() -> SocketAddr {
    SocketAddr::new(address(0), LOCAL_PORT)
}

fn remote() -> SocketAddr {
    SocketAddr::new(address(1), PEER_PORT)
}

impl Scripted {
    pub(crate) fn new() -> Self {
        let mut end = TcpEndpoint::new(ChaCha8Rng::seed_from_u64(7));
        end.keep_notes();
        let (said, events) = (Vec::new(), Vec::new());
        Self {
            end,
            now: SimTime::ZERO,
            id: None,
            listener: None,
            said,
            events,
            iss: 0,
            window: u16::MAX,
            mark: Ecn::NotEct,
        }
    }

    pub(crate) fn listening(config: TcpConfig) -> Self {
        let mut it = Self::new();
        it.listener = Some(it.end.listen(local(), Arc::new(config), 4).expect("nobody listens yet"));
        it
    }

    pub(crate) fn connecting(config: TcpConfig) -> Self {
        let mut it = Self::new();
        let id = it.end.connect(it.now, local(), remote(), Arc::new(config)).expect("the port is free");
        it.id = Some(id);
        it.drain();
        it
    }

    /// Established after a round trip of 100 ms, with what of its features the endpoint was told to offer; nothing is
    /// left in `said`.
    pub(crate) fn established(config: TcpConfig) -> Self {
        let sack_permitted = config.sack;
        let mut it = Self::connecting(config);
        it.run_until(100);
        it.syn(TcpFlags::SYN | TcpFlags::ACK, 1, sack_permitted);
        it.said.clear();
        it.events.clear();
        it
    }

    /// The peer's SYN, alone or with an acknowledgment.
    pub(crate) fn syn(&mut self, flags: TcpFlags, ack: u32, sack_permitted: bool) {
        let options = TcpOptions::syn(SynOptions {
            maximum_segment_size: Some(MSS as u16),
            sack_permitted,
            timestamps: None,
            window_scale: None,
        });
        self.tell_with(flags, 0, ack, 0, options);
    }

    /// An acknowledgment of everything before `ack`.
    pub(crate) fn ack(&mut self, ack: u32) {
        self.tell(TcpFlags::ACK, 1, ack, 0);
    }

    /// The same with selective acknowledgments of ranges.
    pub(crate) fn sack(&mut self, ack: u32, ranges: &[(u32, u32)]) {
        let blocks: Vec<SackBlock> = ranges
            .iter()
            .map(|(start, end)| SackBlock {
                start: self.iss.wrapping_add(*start),
                end: self.iss.wrapping_add(*end),
            })
            .collect();
        let mut options = TcpOptions::EMPTY;
        let blocks = SackBlocks::new(&blocks).expect("there are one to four blocks");
        options.try_push(TcpOption::Sack(blocks)).expect("they fit");
        self.tell_with(TcpFlags::ACK, 1, ack, 0, options);
    }

    pub(crate) fn tell(&mut self, flags: TcpFlags, seq: u32, ack: u32, len: u32) {
        self.tell_with(flags, seq, ack, len, TcpOptions::EMPTY);
    }

    /// A segment of the peer's arrives now.
    pub(crate) fn tell_with(&mut self, flags: TcpFlags, seq: u32, ack: u32, len: u32, options: TcpOptions) {
        let header = Header {
            source_port: PEER_PORT,
            destination_port: LOCAL_PORT,
            sequence_number: PEER_ISS.wrapping_add(seq),
            acknowledgment_number: if flags.contains(TcpFlags::ACK) { self.iss.wrapping_add(ack) } else { 0 },
            flags,
            window: self.window,
            urgent_pointer: 0,
            options,
        };
        let payload = if len > 0 { Payload::from_bytes(vec![0x55; len as usize]) } else { Payload::empty() };
        let total = header.len() as u32 + payload.len();
        let (source, destination) = (remote().ip(), local().ip());
        let protocol = wire::ip::IpProtocol::TCP;
        let rest = wire::checksum::pseudo_header(source, destination, protocol, total) + payload.sum();
        let mut packet = Packet::new(payload, Account::default());
        header.emit(packet.push_header(header.len()), rest);
        let interface = InterfaceId(0);
        let received = Received {
            source,
            destination,
            interface,
            hop_limit: 64,
            traffic_class: self.mark as u8,
            packet: &mut packet,
        };
        self.end.handle_datagram(self.now, received);
        self.drain();
    }

    /// An ICMP error about the segment with this number.
    pub(crate) fn icmp(&mut self, error: IcmpError, seq: u32) {
        let mut quoted = Vec::new();
        quoted.extend(LOCAL_PORT.to_be_bytes());
        quoted.extend(PEER_PORT.to_be_bytes());
        quoted.extend(self.iss.wrapping_add(seq).to_be_bytes());
        let event = NetworkEvent::Icmp { error, source: local().ip(), destination: remote().ip(), quoted };
        self.end.handle_network(self.now, &event);
        self.drain();
    }

    pub(crate) fn write(&mut self, bytes: u32) {
        if let Some(id) = self.id {
            self.end.write(self.now, id, &Slice::filler(1, 0, bytes), run_of(0, true));
            self.drain();
        }
    }

    /// Takes everything that the endpoint has to send and to report.
    pub(crate) fn drain(&mut self) {
        while let Some(transmit) = self.end.poll_transmit(self.now) {
            let header = Header::parse(transmit.packet.header()).expect("it was sent");
            if header.flags.contains(TcpFlags::SYN) {
                self.iss = header.sequence_number;
            }
            let ack = header.flags.contains(TcpFlags::ACK);
            self.said.push(Said {
                at: self.now,
                seq: header.sequence_number.wrapping_sub(self.iss),
                ack: if ack { header.acknowledgment_number.wrapping_sub(PEER_ISS) } else { 0 },
                len: transmit.packet.payload_len(),
                mark: Ecn::from_traffic_class(transmit.traffic_class),
                header,
            });
        }
        while let Some(event) = self.end.poll_event() {
            if let TcpEvent::Accepted { id, .. } = event {
                self.id = Some(id);
            }
            self.events.push(event);
        }
    }

    /// Lets time pass until so many milliseconds after the beginning.
    pub(crate) fn run_until(&mut self, millis: u64) {
        self.run_to(SimTime::from_millis(millis));
    }

    pub(crate) fn run_to(&mut self, until: SimTime) {
        while let Some(next) = self.end.poll_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.end.handle_timeout(self.now);
            self.drain();
        }
        self.now = self.now.max(until);
    }

    pub(crate) fn wait(&mut self, span: SimDuration) {
        self.run_to(self.now + span);
    }

    pub(crate) fn stats(&self) -> ConnectionStats {
        self.end.stats(self.id.expect("there is a connection")).expect("it is in memory")
    }

    /// Window in full segments, rounded down.
    pub(crate) fn cwnd(&self) -> u64 {
        self.stats().cwnd / u64::from(MSS)
    }

    /// Time in ms, number and length of each segment with data that was sent since the last call.
    pub(crate) fn take_data(&mut self) -> Vec<(u64, u32, u32)> {
        let said = std::mem::take(&mut self.said);
        said.iter().filter(|it| it.len > 0).map(|it| (it.at.as_millis(), it.seq, it.len)).collect()
    }
}
