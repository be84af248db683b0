//! Segments between packets and values: the only place of TCP that touches headers.

use std::net::SocketAddr;

use wire::account::{Account, FlowId, Protocol, Reason, Runs};
use wire::checksum::{self, Sum};
use wire::ip::{Ecn, IpProtocol};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::tcp::{FixedHeader, HEADER_LEN, Header, HeaderView, TcpFlags, header_len};
use wire::tcp_options::{OptionsView, SackBlocks, TcpOption, TcpOptions, Timestamps};

use super::connection::TcpConnection;
use crate::endpoint::{Received, Transmit};

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
        if packet.header().len() > len {
            move_behind_header(packet, len);
        }
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
    pub fn options(&self) -> OptionsView<'_> {
        HeaderView::parse(self.packet.header()).expect("the header was read before").options
    }

    /// The SACK blocks.
    #[inline]
    pub fn sack(&self) -> Option<SackBlocks> {
        if self.more_options { self.find_sack() } else { None }
    }

    #[cold]
    fn find_sack(&self) -> Option<SackBlocks> {
        self.options().iter().find_map(|option| match option {
            TcpOption::Sack(blocks) => Some(blocks),
            _ => None,
        })
    }

    /// Takes the payload out, with the runs that say whose bytes it holds.
    #[inline]
    pub fn into_content(self) -> (Payload, Runs) {
        self.packet.pop_header(usize::from(self.header_len));
        let _charge = self.packet.account.pop_header();
        self.packet.take_content()
    }
}

/// Leaves `len` bytes of header in front of the payload. A packet from outside, or a reassembled one, may have
/// more of its bytes there.
#[cold]
fn move_behind_header(packet: &mut Packet, len: usize) {
    let header = packet.header()[..len].to_vec();
    packet.pop_header(len);
    let mut payload = packet.take_payload();
    payload.push_front(wire::payload::Slice::from_bytes(packet.header()));
    packet.pop_header(packet.header().len());
    packet.set_payload(payload);
    packet.push_header(len).copy_from_slice(&header);
}

/// A segment to be sent, decided upon but not yet built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub(crate) sequence: u32,
    pub(crate) acknowledgment: u32,
    pub(crate) flags: TcpFlags,
    pub(crate) window: u16,
    /// Timestamps, unless the options are in a list.
    pub(crate) timestamps: Option<Timestamps>,
    /// Place of the first byte of payload, and bytes of it.
    pub(crate) start: u64,
    pub(crate) len: u32,
    pub(crate) flow: FlowId,
    pub(crate) reason: Reason,
    pub(crate) retransmission: bool,
    pub(crate) ecn: Ecn,
}

impl Outgoing {
    /// A segment without payload and options.
    #[inline]
    pub(crate) fn control(sequence: u32, acknowledgment: u32, flags: TcpFlags, reason: Reason) -> Self {
        Self {
            sequence,
            acknowledgment,
            flags,
            window: 0,
            timestamps: None,
            start: 0,
            len: 0,
            flow: FlowId::NONE,
            reason,
            retransmission: false,
            ecn: Ecn::NotEct,
        }
    }

    /// The header with these options.
    #[inline]
    fn header(&self, local: SocketAddr, remote: SocketAddr, options: TcpOptions) -> Header {
        Header {
            source_port: local.port(),
            destination_port: remote.port(),
            sequence_number: self.sequence,
            acknowledgment_number: self.acknowledgment,
            flags: self.flags,
            window: self.window,
            urgent_pointer: 0,
            options,
        }
    }

    /// Builds the segment: header with its checksum, payload, account. `list` holds the options, if they are
    /// more than timestamps; `dscp` is a traffic class without mark.
    ///
    /// Everything is written where the caller wants it, once: a copy of what was just written piece by piece
    /// would cost more than the writing.
    #[inline]
    pub(crate) fn emit(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        list: Option<&TcpOptions>,
        (payload, runs): (Payload, Runs),
        (hop_limit, dscp): (Option<u8>, u8),
    ) -> Transmit {
        // A segment's headers are charged to the flow whose bytes come first.
        let flow = runs.first().map_or(self.flow, |run| run.flow);
        let mut transmit = Transmit {
            source: local.ip(),
            destination: remote.ip(),
            interface: None,
            protocol: IpProtocol::TCP,
            hop_limit,
            traffic_class: (dscp & 0xfc) | self.ecn as u8,
            dont_fragment: true, // RFC 1191 §3: path MTU discovery.
            packet: Packet::new(payload, Account::new(flow, self.reason)),
        };
        let packet = &mut transmit.packet;
        packet.account.retransmission = self.retransmission;
        packet.account.runs = runs;
        let sum = packet.payload().sum();
        let write = |packet: &mut Packet, header: &Header| {
            let len = header.len();
            let total = len as u32 + packet.payload_len();
            let pseudo = checksum::pseudo_header(local.ip(), remote.ip(), IpProtocol::TCP, total);
            packet.account.push_header(Protocol::Tcp, len);
            header.emit(packet.push_header(len), pseudo + sum);
        };
        match (list, self.timestamps) {
            (Some(list), _) => write(packet, &self.header(local, remote, *list)),
            (None, Some(timestamps)) => {
                write(packet, &self.header(local, remote, TcpOptions::with_timestamps(timestamps)));
            }
            (None, None) => write(packet, &self.header(local, remote, TcpOptions::EMPTY)),
        }
        transmit
    }
}

impl TcpConnection {
    /// Builds a segment that was decided upon.
    #[inline(never)]
    pub(super) fn emit(&self, outgoing: &Outgoing, list: Option<&TcpOptions>) -> Transmit {
        let content = if outgoing.len == 0 {
            (Payload::empty(), Runs::new())
        } else {
            self.sender.buffer.read(outgoing.start, outgoing.len)
        };
        let marks = (self.config.hop_limit, self.config.traffic_class);
        outgoing.emit(self.local, self.remote, list, content, marks)
    }
}
