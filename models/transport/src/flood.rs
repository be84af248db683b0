//! What an attacker sends who opens connections and never goes on with them (RFC 4987 §2): first packets alone, from
//! whatever address, with no state behind them.

use std::net::{IpAddr, SocketAddr};

use wire::account::{Account, FlowId, Protocol, Reason, Runs};
use wire::checksum::pseudo_header;
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::sctp::{COMMON_HEADER_LEN, Chunk, CommonHeader, Initiation, Parameters, checksum};
use wire::tcp::{self, TcpFlags};
use wire::tcp_options::{SynOptions, TcpOptions};

use crate::endpoint::Transmit;

/// The protocol whose connections are opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opening {
    /// A SYN (RFC 9293 §3.5).
    Tcp,
    /// An INIT chunk (RFC 9260 §5.1).
    Sctp,
}

/// The first packet of a connection from `from` to `to`, both of one family. `number` is its sequence number or tag,
/// of which zero becomes one.
pub fn open(opening: Opening, from: SocketAddr, to: SocketAddr, number: u32, flow: FlowId) -> Transmit {
    let (protocol, packet) = match opening {
        Opening::Tcp => (IpProtocol::TCP, syn(from, to, number, flow)),
        Opening::Sctp => (IpProtocol::SCTP, init((from.port(), to.port()), number.max(1), flow)),
    };
    Transmit {
        source: from.ip(),
        destination: to.ip(),
        interface: None,
        protocol,
        hop_limit: None,
        traffic_class: 0,
        dont_fragment: true,
        packet,
    }
}

fn syn(from: SocketAddr, to: SocketAddr, number: u32, flow: FlowId) -> Packet {
    let header = tcp::Header {
        source_port: from.port(),
        destination_port: to.port(),
        sequence_number: number,
        acknowledgment_number: 0,
        flags: TcpFlags::SYN,
        window: u16::MAX,
        urgent_pointer: 0,
        options: TcpOptions::syn(SynOptions { maximum_segment_size: Some(MSS), ..SynOptions::default() }),
    };
    let mut packet = empty(flow, Protocol::Tcp, header.len());
    let rest = pseudo_header(from.ip(), to.ip(), IpProtocol::TCP, header.len() as u32);
    header.emit(packet.push_header(header.len()), rest);
    packet
}

fn init((source_port, destination_port): (u16, u16), tag: u32, flow: FlowId) -> Packet {
    let body = Initiation {
        initiate_tag: tag,
        a_rwnd: u32::from(u16::MAX),
        outbound_streams: 1,
        inbound_streams: 1,
        initial_tsn: tag,
        parameters: Parameters::default(),
    };
    let mut chunk = Vec::new();
    Chunk::Init(body).emit(&mut chunk);
    let mut packet = empty(flow, Protocol::Sctp, COMMON_HEADER_LEN + chunk.len());
    let mut common = CommonHeader { source_port, destination_port, verification_tag: 0, checksum: 0 };
    let out = packet.push_header(COMMON_HEADER_LEN + chunk.len());
    common.emit(&mut out[..COMMON_HEADER_LEN]);
    out[COMMON_HEADER_LEN..].copy_from_slice(&chunk);
    common.checksum = checksum(packet.header(), packet.payload());
    common.emit(&mut packet.header_mut()[..COMMON_HEADER_LEN]);
    packet
}

fn empty(flow: FlowId, protocol: Protocol, header: usize) -> Packet {
    let account = Account::with_header(flow, Reason::Handshake, protocol, header, Runs::new());
    Packet::new(Payload::empty(), account)
}

/// Whether both addresses are of one family, as [`open`] needs them.
pub fn is_possible(from: IpAddr, to: IpAddr) -> bool {
    from.is_ipv4() == to.is_ipv4()
}

/// The segment size of Ethernet's packets.
const MSS: u16 = 1460;
