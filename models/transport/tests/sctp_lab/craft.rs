//! Packets made by hand.

use transport::endpoint::{Endpoint, IcmpError, InterfaceId, NetworkEvent, Received};
use wire::account::Account;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::sctp::{Chunk, CommonHeader, DataFlags, DataHeader, Initiation, Parameters, checksum};

use super::{Lab, address, common};

/// A packet of these bytes behind a common header, with the right checksum.
pub(crate) fn packet(header: CommonHeader, chunks: Vec<u8>) -> Packet {
    let mut header = CommonHeader { checksum: 0, ..header };
    let mut bytes = vec![0; 12];
    header.emit(&mut bytes);
    let payload = Payload::from_bytes(chunks);
    header.checksum = checksum(&bytes, &payload);
    header.emit(&mut bytes);
    let mut packet = Packet::new(payload, Account::default());
    packet.push_header(12).copy_from_slice(&bytes);
    packet
}

/// Gives a packet to side `to`, as from the other side's first address.
pub(crate) fn give(lab: &mut Lab, to: usize, packet: Packet) {
    give_from(lab, to, address(1 - to, 0), packet);
}

/// Gives a packet to side `to`, as from `source`.
pub(crate) fn give_from(lab: &mut Lab, to: usize, source: std::net::IpAddr, mut packet: Packet) {
    let received = Received {
        source,
        destination: address(to, 0),
        interface: InterfaceId(0),
        hop_limit: 64,
        traffic_class: 0,
        packet: &mut packet,
    };
    lab.ends[to].handle_datagram(lab.now, received);
}

/// The bytes of chunks behind each other.
pub(crate) fn bytes(chunks: &[Chunk<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    chunks.iter().for_each(|chunk| chunk.emit(&mut bytes));
    bytes
}

/// A DATA chunk that is a whole message.
pub(crate) fn data(tsn: u32, stream: u16, ssn: u16, payload: &[u8]) -> Chunk<'_> {
    let flags = DataFlags { beginning: true, ending: true, ..DataFlags::default() };
    Chunk::Data(DataHeader { flags, data_len: payload.len() as u16, tsn, stream, ssn, ppid: 0 }, payload)
}

/// An INIT or INIT ACK that asks for little.
pub(crate) fn initiation(tag: u32, parameters: Parameters<'_>) -> Initiation<'_> {
    Initiation {
        initiate_tag: tag,
        a_rwnd: 50_000,
        outbound_streams: 4,
        inbound_streams: 4,
        initial_tsn: 1,
        parameters,
    }
}

/// Tells side 0 of an ICMP error about a packet from its first address to the peer's.
pub(crate) fn icmp(lab: &mut Lab, error: IcmpError, quoted: Vec<u8>) {
    let (source, destination) = (address(0, 0), address(1, 0));
    lab.ends[0].handle_network(lab.now, &NetworkEvent::Icmp { error, source, destination, quoted });
    lab.drain(0);
}

/// What the peer of side 0 knows of an association: how to speak to side 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Insight {
    /// The header of packets to side 0.
    pub(crate) header: CommonHeader,
    /// The tag of packets to the peer; zero before its INIT ACK.
    pub(crate) peer_tag: u32,
    /// The first TSN of side 0.
    pub(crate) tsn: u32,
    /// The first TSN of the peer.
    pub(crate) peer_tsn: u32,
}

impl Insight {
    /// What the packets of a handshake tell that side 0 has begun.
    pub(crate) fn of(lab: &Lab) -> Self {
        let mut insight = None;
        for (_, side, transmit) in &lab.sent {
            let header = common(transmit);
            let all = transmit.packet.to_vec();
            let Ok((chunk, _)) = Chunk::parse(&all[12..]) else { continue };
            match chunk {
                Chunk::Init(body) if *side == 0 => {
                    insight = Some(Self {
                        header: CommonHeader {
                            source_port: header.destination_port,
                            destination_port: header.source_port,
                            verification_tag: body.initiate_tag,
                            checksum: 0,
                        },
                        peer_tag: 0,
                        tsn: body.initial_tsn,
                        peer_tsn: 0,
                    });
                }
                Chunk::InitAck(body) if *side == 1 => {
                    let known = insight.as_mut().expect("INIT comes first");
                    (known.peer_tag, known.peer_tsn) = (body.initiate_tag, body.initial_tsn);
                }
                _ => {}
            }
        }
        insight.expect("an INIT was sent")
    }

    /// What an ICMP error quotes of a packet of side 0 under `tag`.
    pub(crate) fn quoted(&self, tag: u32, chunks: &[Chunk<'_>]) -> Vec<u8> {
        let (source_port, destination_port) = (self.header.destination_port, self.header.source_port);
        let header = CommonHeader { source_port, destination_port, verification_tag: tag, checksum: 0 };
        packet(header, bytes(chunks)).to_vec()
    }

    /// The same of its INIT.
    pub(crate) fn quoted_init(&self) -> Vec<u8> {
        self.quoted(0, &[Chunk::Init(initiation(self.header.verification_tag, Parameters::default()))])
    }

    /// Gives chunks to side 0 as from its peer.
    pub(crate) fn tell(&self, lab: &mut Lab, chunks: &[Chunk<'_>]) {
        self.tell_with(lab, self.header.verification_tag, bytes(chunks));
    }

    /// Gives bytes to side 0 under a tag.
    pub(crate) fn tell_with(&self, lab: &mut Lab, tag: u32, chunks: Vec<u8>) {
        give(lab, 0, packet(CommonHeader { verification_tag: tag, ..self.header }, chunks));
        lab.drain(0);
    }
}
