//! Segments between packets and values: the only place of TCP that touches headers.

use std::net::SocketAddr;

use wire::account::{Account, FlowId, Protocol, Reason, Runs};
use wire::checksum::{self, Sum};
use wire::ip::{Ecn, IpProtocol};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::tcp::{Header, TcpFlags, header_len};
use wire::tcp_options::{SackBlocks, TcpOption, TcpOptions, Timestamps};

use crate::endpoint::{Received, Transmit};

/// A segment that arrived, its checksum verified.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The header with all options.
    pub header: Header,
    /// Payload.
    pub payload: Payload,
    /// Whose bytes the payload holds.
    pub runs: Runs,
    /// The flow that the sender charged the segment to.
    pub flow: FlowId,
    /// The mark that the internet header carried.
    pub ecn: Ecn,
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

impl Segment {
    /// Takes the segment out of a datagram.
    ///
    /// # Errors
    ///
    /// The header cannot be read, or the checksum is wrong.
    pub fn parse(received: &mut Received<'_>) -> Result<Self, SegmentError> {
        let packet = &mut *received.packet;
        if !packet.pull(wire::tcp::HEADER_LEN) {
            return Err(SegmentError::Malformed);
        }
        let len = header_len(packet.header()).map_err(|_| SegmentError::Malformed)?;
        if !packet.pull(len) {
            return Err(SegmentError::Malformed);
        }
        let header = Header::parse(packet.header()).map_err(|_| SegmentError::Malformed)?;
        let pseudo = checksum::pseudo_header(
            received.source,
            received.destination,
            IpProtocol::TCP,
            packet.len() as u32,
        );
        let sum = pseudo + Sum::of(&packet.header()[..len]);
        packet.pop_header(len);
        let _charge = packet.account.pop_header();
        let flow = packet.account.flow;
        let damaged = packet.corrupted;
        let (payload, runs) = packet.take_content();
        // Filler cannot show damage, so the packet says it: the checksum would have found it.
        if damaged || !(sum + payload.sum()).is_valid() {
            return Err(SegmentError::Checksum);
        }
        Ok(Self { header, runs, payload, flow, ecn: Ecn::from_traffic_class(received.traffic_class) })
    }

    /// Sequence space that the segment takes (RFC 9293 §3.4, SEG.LEN).
    #[inline]
    pub fn len(&self) -> u32 {
        self.payload.len()
            + u32::from(self.header.flags.contains(TcpFlags::SYN))
            + u32::from(self.header.flags.contains(TcpFlags::FIN))
    }

    /// Whether the segment takes no sequence space.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The SACK blocks.
    pub fn sack(&self) -> Option<SackBlocks> {
        // Timestamps alone, as nearly every segment has them, leave no room for a block.
        if matches!(self.header.options.as_bytes(), [] | [1, 1, 8, 10, _, _, _, _, _, _, _, _]) {
            return None;
        }
        self.header.options.iter().find_map(|option| match option {
            TcpOption::Sack(blocks) => Some(blocks),
            _ => None,
        })
    }

    /// The timestamps.
    #[inline]
    pub fn timestamps(&self) -> Option<Timestamps> {
        if self.header.options.is_empty() { None } else { self.header.options.timestamps() }
    }
}

/// A segment to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) sequence: u32,
    pub(crate) acknowledgment: u32,
    pub(crate) flags: TcpFlags,
    pub(crate) window: u16,
    pub(crate) options: TcpOptions,
    pub(crate) payload: Payload,
    pub(crate) runs: Runs,
    pub(crate) flow: FlowId,
    pub(crate) reason: Reason,
    pub(crate) retransmission: bool,
    pub(crate) ecn: Ecn,
}

impl Outgoing {
    /// A segment without payload and options.
    pub(crate) fn control(sequence: u32, acknowledgment: u32, flags: TcpFlags, reason: Reason) -> Self {
        Self {
            sequence,
            acknowledgment,
            flags,
            window: 0,
            options: TcpOptions::EMPTY,
            payload: Payload::empty(),
            runs: Runs::new(),
            flow: FlowId::NONE,
            reason,
            retransmission: false,
            ecn: Ecn::NotEct,
        }
    }

    /// Writes the header with its checksum and the account. `dscp` is a traffic class without mark.
    pub(crate) fn emit(
        self,
        local: SocketAddr,
        remote: SocketAddr,
        hop_limit: Option<u8>,
        dscp: u8,
    ) -> Transmit {
        let header = Header {
            source_port: local.port(),
            destination_port: remote.port(),
            sequence_number: self.sequence,
            acknowledgment_number: self.acknowledgment,
            flags: self.flags,
            window: self.window,
            urgent_pointer: 0,
            options: self.options,
        };
        let len = header.len();
        let total = len as u32 + self.payload.len();
        let pseudo = checksum::pseudo_header(local.ip(), remote.ip(), IpProtocol::TCP, total);
        let rest = pseudo + self.payload.sum();
        // A segment's headers are charged to the flow whose bytes come first.
        let flow = self.runs.first().map_or(self.flow, |run| run.flow);
        let mut account = Account::new(flow, self.reason);
        account.retransmission = self.retransmission;
        account.push_header(Protocol::Tcp, len);
        account.runs = self.runs;
        let mut packet = Packet::new(self.payload, account);
        header.emit(packet.push_header(len), rest);
        Transmit {
            source: local.ip(),
            destination: remote.ip(),
            interface: None,
            protocol: IpProtocol::TCP,
            hop_limit,
            traffic_class: (dscp & 0xfc) | self.ecn as u8,
            dont_fragment: true, // RFC 1191 §3: path MTU discovery.
            packet,
        }
    }
}
