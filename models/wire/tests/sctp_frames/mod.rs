//! SCTP packets of the capture: every chunk, parameter and error cause.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::ip::IpProtocol;
use wire::ipv4;
use wire::payload::Payload;
use wire::sctp::{
    AddressRequest, Cause, Causes, Chunk, ChunkType, Chunks, CommonHeader, DataFlags, DataHeader, GapBlock,
    IDataHeader, Initiation, Parameter, ParameterList, ParameterType, Parameters, PlaceInMessage, Sack,
    checksum, emit_forward_tsn, emit_i_forward_tsn,
};

use crate::capture_frames::Sample;

const fn sample(name: &'static str, filter: &'static str, make: fn() -> Vec<u8>) -> Sample {
    Sample { name, filter, is_summed: true, make }
}

pub(crate) const SCTP_PACKETS: &[Sample] = &[
    sample(
        "INIT",
        "sctp.chunk_type == 1 && sctp.init_initial_tsn == 7 && sctp.parameter_type == 0xc000",
        || initiation(false),
    ),
    sample("INIT of old, with a host name", "sctp.parameter_type == 11", || {
        let mut list = ParameterList::new();
        list.push(&Parameter::HostName(b"host\0"));
        chunk(&Chunk::Init(begin(list.parameters())))
    }),
    sample("INIT ACK", "sctp.chunk_type == 2 && sctp.parameter_type == 7", || initiation(true)),
    sample("COOKIE ECHO", "sctp.chunk_type == 10", || chunk(&Chunk::CookieEcho(&[1; 40]))),
    sample("COOKIE ACK", "sctp.chunk_type == 11", || chunk(&Chunk::CookieAck)),
    sample(
        "DATA",
        "sctp.data_tsn_raw == 7 && sctp.data_payload_proto_id == 42 && sctp.data_i_bit == 1",
        data,
    ),
    sample("I-DATA, first", "sctp.chunk_type == 64 && sctp.data_mid == 3", || i_data(true)),
    sample("I-DATA, second", "sctp.chunk_type == 64 && sctp.data_fsn == 1", || i_data(false)),
    sample("SACK", "sctp.sack_number_of_gap_blocks == 2 && sctp.sack_number_of_duplicated_tsns == 1", sack),
    sample("HEARTBEAT", "sctp.chunk_type == 4", || {
        let mut list = ParameterList::new();
        list.push(&Parameter::HeartbeatInfo(&[5; 12]));
        chunk(&Chunk::Heartbeat(list.parameters()))
    }),
    sample("HEARTBEAT ACK", "sctp.chunk_type == 5", || {
        let mut list = ParameterList::new();
        list.push(&Parameter::HeartbeatInfo(&[5; 12]));
        chunk(&Chunk::HeartbeatAck(list.parameters()))
    }),
    sample("ERROR with every cause", "sctp.chunk_type == 9 && sctp.cause_code == 13", errors),
    sample("ABORT", "sctp.chunk_type == 6 && sctp.cause_code == 12", || {
        let mut causes = Vec::new();
        Cause::UserAbort(b"enough").emit(&mut causes);
        chunk(&Chunk::Abort { reflected: false, causes: Causes::parse(&causes).expect("one cause") })
    }),
    sample("SHUTDOWN", "sctp.shutdown_cumulative_tsn_ack == 9", || {
        chunk(&Chunk::Shutdown { cumulative_tsn_ack: 9 })
    }),
    sample("SHUTDOWN ACK", "sctp.chunk_type == 8", || chunk(&Chunk::ShutdownAck)),
    sample("SHUTDOWN COMPLETE", "sctp.shutdown_complete_t_bit == 1", || {
        chunk(&Chunk::ShutdownComplete { reflected: true })
    }),
    sample("ECNE", "sctp.chunk_type == 12", || chunk(&Chunk::Ecne { lowest_tsn: 4 })),
    sample("CWR", "sctp.chunk_type == 13", || chunk(&Chunk::Cwr { lowest_tsn: 4 })),
    sample("FORWARD TSN", "sctp.forward_tsn_tsn == 20 && sctp.forward_tsn_sid == 1", || {
        let mut chunks = Vec::new();
        emit_forward_tsn(&mut chunks, 20, &[(1, 2), (3, 4)]);
        packet(&chunks)
    }),
    sample("I-FORWARD-TSN", "sctp.chunk_type == 194", || {
        let mut chunks = Vec::new();
        emit_i_forward_tsn(&mut chunks, 20, &[(1, true, 2), (3, false, 4)]);
        packet(&chunks)
    }),
    sample("AUTH", "sctp.hmac_id == 3 && sctp.shared_key_id == 0", || {
        let mut chunks = Vec::new();
        Chunk::Auth { key: 0, algorithm: 3, hmac: &[7; 32] }.emit(&mut chunks);
        Chunk::CookieAck.emit(&mut chunks);
        packet(&chunks)
    }),
    sample("ASCONF", "sctp.asconf_seq_nr_number == 77 && sctp.parameter_type == 0xc004", asconf),
    sample("ASCONF-ACK", "sctp.chunk_type == 128 && sctp.parameter_type == 0xc003", asconf_ack),
    sample("RE-CONFIG requests", "sctp.chunk_type == 130 && sctp.parameter_type == 13", requests),
    sample("RE-CONFIG answers", "sctp.chunk_type == 130 && sctp.parameter_type == 16", || {
        let mut list = ParameterList::new();
        list.push(&Parameter::ReconfigResponse { response: 1, result: 1, tsns: None })
            .push(&Parameter::ReconfigResponse { response: 2, result: 1, tsns: Some((9, 10)) });
        chunk(&Chunk::ReConfig(list.parameters()))
    }),
    sample("PAD", "sctp.chunk_type == 132", || chunk(&Chunk::Pad(&[0; 8]))),
];

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn packet(chunks: &[u8]) -> Vec<u8> {
    let mut header =
        CommonHeader { source_port: 40_001, destination_port: 40_000, verification_tag: 99, checksum: 0 };
    let mut bytes = vec![0; 12];
    header.emit(&mut bytes);
    header.checksum = checksum(&bytes, &Payload::from_bytes(chunks.to_vec()));
    header.emit(&mut bytes);
    bytes.extend(chunks);
    let network = ipv4::Header::new(A, B, IpProtocol::SCTP, bytes.len()).expect("the samples are short");
    let mut whole = vec![0; network.len()];
    network.emit(&mut whole);
    whole.extend(bytes);
    whole
}

fn chunk(chunk: &Chunk<'_>) -> Vec<u8> {
    let mut chunks = Vec::new();
    chunk.emit(&mut chunks);
    packet(&chunks)
}

fn begin(parameters: Parameters<'_>) -> Initiation<'_> {
    Initiation {
        initiate_tag: 0x0102_0304,
        a_rwnd: 65_536,
        outbound_streams: 8,
        inbound_streams: 16,
        initial_tsn: 7,
        parameters,
    }
}

fn initiation(is_answer: bool) -> Vec<u8> {
    let mut list = ParameterList::new();
    list.push(&Parameter::Address(IpAddr::V4(A)))
        .push(&Parameter::Address(IpAddr::V6(Ipv6Addr::LOCALHOST)))
        .push(&Parameter::SupportedAddressTypes(&[0, 5, 0, 6]))
        .push(&Parameter::EcnCapable)
        .push(&Parameter::ZeroChecksum(1))
        .push(&Parameter::Random(&[6; 32]))
        .push(&Parameter::ChunkList(&[193, 128]))
        .push(&Parameter::HmacAlgorithms(&[0, 3, 0, 1]))
        .push(&Parameter::SupportedExtensions(&[130, 192, 64, 193, 128]))
        .push(&Parameter::ForwardTsn)
        .push(&Parameter::AdaptationLayer(5));
    if is_answer {
        list.push(&Parameter::Unrecognized(&[0xC0, 0xFF, 0, 4])).push(&Parameter::StateCookie(&[8; 50]));
    } else {
        list.push(&Parameter::CookiePreservative(1000)).push(&Parameter::Padding(&[0; 8]));
    }
    let body = begin(list.parameters());
    chunk(&if is_answer { Chunk::InitAck(body) } else { Chunk::Init(body) })
}

fn data() -> Vec<u8> {
    let flags = DataFlags { immediate: true, unordered: true, beginning: true, ending: true };
    let mut chunks = Vec::new();
    for (tsn, text) in [(7, &b"odd"[..]), (8, b"four")] {
        let header = DataHeader { flags, data_len: text.len() as u16, tsn, stream: 1, ssn: 2, ppid: 42 };
        Chunk::Data(header, text).emit(&mut chunks);
    }
    packet(&chunks)
}

fn i_data(is_first: bool) -> Vec<u8> {
    let flags = DataFlags { beginning: is_first, ending: !is_first, ..DataFlags::default() };
    let place = if is_first { PlaceInMessage::First { ppid: 42 } } else { PlaceInMessage::Later { fsn: 1 } };
    chunk(&Chunk::IData(IDataHeader { flags, data_len: 5, tsn: 7, stream: 1, mid: 3, place }, b"piece"))
}

fn sack() -> Vec<u8> {
    let mut chunks = Vec::new();
    let blocks = [GapBlock { start: 2, end: 3 }, GapBlock { start: 5, end: 5 }];
    Sack::emit(&mut chunks, 12, 4660, &blocks, &[11]);
    packet(&chunks)
}

fn errors() -> Vec<u8> {
    let mut unknown = ParameterList::new();
    unknown.push(&Parameter::Unknown { kind: ParameterType(0xC0FF), value: &[1, 2, 3, 4] });
    let mut address = ParameterList::new();
    address.push(&Parameter::Address(IpAddr::V4(A)));
    let mut causes = Vec::new();
    for cause in [
        Cause::InvalidStream(9),
        Cause::MissingParameters(&[0, 7]),
        Cause::StaleCookie(1000),
        Cause::OutOfResource,
        Cause::UnresolvableAddress(address.parameters().as_bytes()),
        Cause::UnrecognizedChunk(&[200, 0, 0, 4]),
        Cause::InvalidParameter,
        Cause::UnrecognizedParameters(unknown.parameters()),
        Cause::NoUserData(5),
        Cause::CookieWhileShuttingDown,
        Cause::RestartWithNewAddresses(address.parameters()),
        Cause::ProtocolViolation(b"why"),
    ] {
        cause.emit(&mut causes);
    }
    let list = Causes::parse(&causes).expect("they are whole");
    assert!(list.iter().all(|cause| cause.is_ok()));
    chunk(&Chunk::Error(list))
}

fn asconf() -> Vec<u8> {
    let mut list = ParameterList::new();
    list.push(&Parameter::Address(IpAddr::V4(A)));
    let kinds = [ParameterType::ADD_ADDRESS, ParameterType::DELETE_ADDRESS, ParameterType::SET_PRIMARY];
    for (correlation, kind) in (1..).zip(kinds) {
        list.push(&Parameter::AddressRequest(AddressRequest { kind, correlation, address: IpAddr::V4(B) }));
    }
    chunk(&Chunk::Asconf { serial: 77, parameters: list.parameters() })
}

fn asconf_ack() -> Vec<u8> {
    let mut causes = Vec::new();
    Cause::InvalidParameter.emit(&mut causes);
    let causes = Causes::parse(&causes).expect("one cause");
    let mut list = ParameterList::new();
    list.push(&Parameter::Success { correlation: 1 })
        .push(&Parameter::ErrorIndication { correlation: 2, causes });
    chunk(&Chunk::AsconfAck { serial: 77, parameters: list.parameters() })
}

fn requests() -> Vec<u8> {
    let mut list = ParameterList::new();
    list.push(&Parameter::OutgoingReset { request: 1, response: 2, last_tsn: 3, streams: &[0, 1, 0, 2] })
        .push(&Parameter::IncomingReset { request: 2, streams: &[0, 1] })
        .push(&Parameter::TsnReset { request: 3 })
        .push(&Parameter::AddOutgoing { request: 4, streams: 5 })
        .push(&Parameter::AddIncoming { request: 5, streams: 6 });
    chunk(&Chunk::ReConfig(list.parameters()))
}

/// The types of the chunks and of the parameters of all samples.
pub(crate) fn shown() -> (BTreeSet<u8>, BTreeSet<u16>) {
    let (mut chunks, mut parameters) = (BTreeSet::new(), BTreeSet::new());
    for sample in SCTP_PACKETS {
        let bytes = (sample.make)();
        // Behind 20 bytes of IPv4 and 12 of the common header.
        for chunk in Chunks::new(&bytes[32..]) {
            let chunk = chunk.expect("the samples are well formed");
            chunks.insert(chunk.kind().0);
            let list = match chunk {
                Chunk::Init(body) | Chunk::InitAck(body) => body.parameters,
                Chunk::Heartbeat(list) | Chunk::HeartbeatAck(list) | Chunk::ReConfig(list) => list,
                Chunk::Asconf { parameters, .. } | Chunk::AsconfAck { parameters, .. } => parameters,
                _ => continue,
            };
            parameters.extend(list.raw().map(|(kind, _)| kind.0));
        }
    }
    (chunks, parameters)
}

/// The types of chunks and parameters that are known by name.
pub(crate) fn known() -> (BTreeSet<u8>, BTreeSet<u16>) {
    let chunks = (0..=u8::MAX).filter(|kind| ChunkType(*kind).name() != "unknown");
    let is_known = |kind: &u16| {
        let mut list = ParameterList::new();
        list.push(&Parameter::Unknown { kind: ParameterType(*kind), value: &[0; 4] });
        !matches!(list.parameters().iter().next(), Some(Ok(Parameter::Unknown { .. })))
    };
    (chunks.collect(), (0..=u16::MAX).filter(is_known).collect())
}
