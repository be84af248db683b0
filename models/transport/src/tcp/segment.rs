//! Segments between packets and values: the only place of TCP that touches headers.

use std::net::SocketAddr;

use wire::account::{Account, FlowId, Protocol, Reason, Runs};
use wire::checksum::{self, Sum};
use wire::ip::{Ecn, IpProtocol};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::tcp::{FixedHeader, HEADER_LEN, Header, HeaderView, TcpFlags, header_len, options_of};
use wire::tcp_options::{AccEcnCounters, OptionsView, SackBlocks, TcpOption, TcpOptions, Timestamps};

use super::config::TcpConfig;
use super::connection::{TIMESTAMPS_LEN, TcpConnection};
use super::path_mtu::PathMtuDiscovery;
use crate::endpoint::{Envelope, Received, Transmit};

/// A segment that arrived, its checksum verified. Options and payload stay in the packet until they are
/// asked for.
#[derive(Debug)]
pub struct Segment<'a> {
    /// The header without its options.
    pub header: FixedHeader,
    /// The timestamps option.
    pub timestamps: Option<Timestamps>,
    /// Bytes of payload.
    pub payload_len: u32,
    /// The flow that the sender charged the segment to.
    pub flow: FlowId,
    /// The mark that the internet header carried.
    pub ecn: Ecn,
    /// Whether there are options besides timestamps.
    more_options: bool,
    header_len: u8,
    packet: &'a mut Packet,
}

/// Why a datagram is no segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SegmentError {
    /// The header is incomplete or contradicts itself.
    #[error("the header is malformed")]
    Malformed,
    /// The checksum is wrong (RFC 9293 §3.1, MUST-3).
    #[error("the checksum is wrong")]
    Checksum,
}

impl<'a> Segment<'a> {
    /// Reads the segment in a datagram.
    ///
    /// # Errors
    ///
    /// The header cannot be read, or the checksum is wrong.
    #[inline]
    pub fn parse(received: Received<'a>) -> Result<Self, SegmentError> {
        let Received { source, destination, traffic_class, packet, .. } = received;
        if !packet.pull(HEADER_LEN) {
            return Err(SegmentError::Malformed);
        }
        let len = header_len(packet.header()).map_err(|_| SegmentError::Malformed)?;
        if !packet.pull(len) {
            return Err(SegmentError::Malformed);
        }
        packet.limit_header(len);
        let Ok(view) = HeaderView::parse(packet.header()) else { return Err(SegmentError::Malformed) };
        let pseudo = checksum::pseudo_header(source, destination, IpProtocol::TCP, packet.len() as u32);
        let sum = pseudo + Sum::of(packet.header()) + packet.payload().sum();
        // Filler cannot show damage, so the packet says it: the checksum would have found it.
        if packet.corrupted || !sum.is_valid() {
            return Err(SegmentError::Checksum);
        }
        Ok(Self {
            header: view.fixed,
            timestamps: view.options.timestamps(),
            payload_len: packet.payload_len(),
            flow: packet.account.flow,
            ecn: Ecn::from_traffic_class(traffic_class),
            more_options: !view.options.is_usual(),
            header_len: len as u8,
            packet,
        })
    }

    /// Sequence space that the segment takes (RFC 9293 §3.4, SEG.LEN).
    #[inline]
    pub fn len(&self) -> u32 {
        self.payload_len
            + u32::from(self.header.flags.contains(TcpFlags::SYN))
            + u32::from(self.header.flags.contains(TcpFlags::FIN))
    }

    /// Whether the segment takes no sequence space.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The options.
    #[inline]
    pub fn options(&self) -> OptionsView<'_> {
        options_of(self.packet.header())
    }

    /// The SACK blocks.
    #[inline]
    pub fn sack(&self) -> Option<SackBlocks> {
        if self.more_options { self.find_sack() } else { None }
    }

    #[inline(never)]
    fn find_sack(&self) -> Option<SackBlocks> {
        self.options().sack()
    }

    /// The counters of accurate ECN.
    pub(super) fn accurate_counters(&self) -> Option<AccEcnCounters> {
        if !self.more_options {
            return None;
        }
        self.options().iter().find_map(|option| match option {
            TcpOption::AccEcn(counters) => Some(counters),
            _ => None,
        })
    }

    /// Takes the header off the packet, so that the payload can be taken out.
    #[inline]
    pub(super) fn into_packet(self) -> &'a mut Packet {
        self.packet.pop_header(usize::from(self.header_len));
        let _charge = self.packet.account.pop_header();
        self.packet
    }

    /// Takes the payload out, with the runs that say whose bytes it holds.
    pub fn into_content(self) -> (Payload, Runs) {
        self.into_packet().take_content()
    }
}

/// What all segments of a connection have in their internet headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    pub(crate) hop_limit: Option<u8>,
    /// Traffic class without ECN.
    pub(crate) traffic_class: u8,
    /// RFC 1191 §3: set for path MTU discovery.
    pub(crate) dont_fragment: bool,
}

impl Marks {
    /// Of a segment that belongs to no connection.
    pub(crate) const DEFAULT: Self = Self { hop_limit: None, traffic_class: 0, dont_fragment: true };

    #[inline]
    pub(crate) fn of(config: &TcpConfig) -> Self {
        let dont_fragment = config.path_mtu != PathMtuDiscovery::Off;
        Self { hop_limit: config.hop_limit, traffic_class: config.traffic_class, dont_fragment }
    }
}

/// A segment to be sent, decided upon but not yet built.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) sequence: u32,
    pub(crate) acknowledgment: u32,
    pub(crate) flags: TcpFlags,
    pub(crate) window: u16,
    /// Urgent pointer.
    pub(crate) urgent: u16,
    /// Timestamps, unless there is a list.
    pub(crate) timestamps: Option<Timestamps>,
    /// All options, if they are more than timestamps.
    pub(crate) options: Option<TcpOptions>,
    /// Place of the first byte of payload, and bytes of it.
    pub(crate) start: u64,
    pub(crate) len: u32,
    pub(crate) flow: FlowId,
    pub(crate) reason: Reason,
    pub(crate) retransmission: bool,
    pub(crate) ecn: Ecn,
}

impl Outgoing {
    /// To be filled.
    pub(crate) const NOTHING: Self = Self {
        sequence: 0,
        acknowledgment: 0,
        flags: TcpFlags::NONE,
        window: 0,
        urgent: 0,
        timestamps: None,
        options: None,
        start: 0,
        len: 0,
        flow: FlowId::NONE,
        reason: Reason::Control,
        retransmission: false,
        ecn: Ecn::NotEct,
    };

    /// A segment without payload and options.
    pub(crate) fn control(sequence: u32, acknowledgment: u32, flags: TcpFlags, reason: Reason) -> Self {
        Self { sequence, acknowledgment, flags, reason, ..Self::NOTHING }
    }

    /// Builds the segment in `place`: header with its checksum, payload, account. `marks` go into the
    /// internet header.
    #[inline(always)]
    pub(crate) fn emit_into(
        &self,
        place: &mut Packet,
        local: SocketAddr,
        remote: SocketAddr,
        content: (Payload, Runs),
        marks: Marks,
    ) -> Envelope {
        match (&self.options, self.timestamps) {
            (None, Some(timestamps)) => {
                let options = TcpOptions::with_timestamps(timestamps);
                self.emit_fixed::<{ HEADER_LEN + TIMESTAMPS_LEN as usize }>(
                    place, local, remote, options, content,
                );
            }
            (None, None) => {
                self.emit_fixed::<HEADER_LEN>(place, local, remote, TcpOptions::EMPTY, content);
            }
            (Some(list), _) => self.emit_list(place, local, remote, list, content),
        }
        Envelope {
            source: local.ip(),
            destination: remote.ip(),
            interface: None,
            protocol: IpProtocol::TCP,
            hop_limit: marks.hop_limit,
            traffic_class: (marks.traffic_class & 0xfc) | self.ecn as u8,
            dont_fragment: marks.dont_fragment,
        }
    }

    /// Builds the segment.
    pub(crate) fn emit(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        content: (Payload, Runs),
        marks: Marks,
    ) -> Transmit {
        let mut packet = Packet::new(Payload::empty(), Account::default());
        self.emit_into(&mut packet, local, remote, content, marks).with(packet)
    }

    /// Builds a segment whose header has `N` bytes.
    #[inline(always)]
    fn emit_fixed<const N: usize>(
        &self,
        place: &mut Packet,
        local: SocketAddr,
        remote: SocketAddr,
        options: TcpOptions,
        (payload, runs): (Payload, Runs),
    ) {
        let rest = rest(local, remote, N, &payload);
        let header = self.header(local, remote, options);
        place.renew::<N>(payload, self.account(N, runs), |bytes| header.emit(bytes, rest));
    }

    /// Builds a segment with any options. What an acknowledgment and data of Multipath TCP have beside timestamps, with data
    /// sequence numbers of 32 bits, has a length that the compiler knows.
    #[inline(never)]
    fn emit_list(
        &self,
        place: &mut Packet,
        local: SocketAddr,
        remote: SocketAddr,
        list: &TcpOptions,
        content: (Payload, Runs),
    ) {
        match list.len() {
            20 => self.emit_fixed::<{ HEADER_LEN + 20 }>(place, local, remote, *list, content),
            32 => self.emit_fixed::<{ HEADER_LEN + 32 }>(place, local, remote, *list, content),
            _ => self.emit_any(place, local, remote, list, content),
        }
    }

    #[cold]
    fn emit_any(
        &self,
        place: &mut Packet,
        local: SocketAddr,
        remote: SocketAddr,
        list: &TcpOptions,
        (payload, runs): (Payload, Runs),
    ) {
        let header = self.header(local, remote, *list);
        let len = header.len();
        let rest = rest(local, remote, len, &payload);
        place.renew::<0>(payload, self.account(len, runs), |_| {});
        header.emit(place.push_header(len), rest);
    }

    #[inline(always)]
    fn header(&self, local: SocketAddr, remote: SocketAddr, options: TcpOptions) -> Header {
        Header {
            source_port: local.port(),
            destination_port: remote.port(),
            sequence_number: self.sequence,
            acknowledgment_number: self.acknowledgment,
            flags: self.flags,
            window: self.window,
            urgent_pointer: self.urgent,
            options,
        }
    }

    /// The account of a segment with `header` bytes of header. Headers are charged to the flow whose bytes come
    /// first.
    #[inline(always)]
    fn account(&self, header: usize, runs: Runs) -> Account {
        let flow = runs.first().map_or(self.flow, |run| run.flow);
        let mut account = Account::with_header(flow, self.reason, Protocol::Tcp, header, runs);
        account.retransmission = self.retransmission;
        account
    }
}

/// The sum of the pseudo-header and the payload, for a header of `len` bytes.
#[inline(always)]
fn rest(local: SocketAddr, remote: SocketAddr, len: usize, payload: &Payload) -> Sum {
    let total = len as u32 + payload.len();
    checksum::pseudo_header(local.ip(), remote.ip(), IpProtocol::TCP, total) + payload.sum()
}

impl TcpConnection {
    /// Builds a segment that was decided upon in `place`.
    #[inline(never)]
    pub(super) fn emit_into(&self, outgoing: &Outgoing, place: &mut Packet) -> Envelope {
        let marks = Marks::of(&self.config);
        let (local, remote) = (self.local, self.remote);
        if outgoing.len == 0 {
            return outgoing.emit_into(place, local, remote, (Payload::empty(), Runs::new()), marks);
        }
        match self.sender.buffer.read_single(outgoing.start, outgoing.len) {
            Some((slice, run)) => {
                let content = (Payload::from(slice), Runs::from_buf([run]));
                outgoing.emit_into(place, local, remote, content, marks)
            }
            None => {
                let content = self.sender.buffer.read(outgoing.start, outgoing.len);
                outgoing.emit_into(place, local, remote, content, marks)
            }
        }
    }
}
