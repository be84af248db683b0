//! Chunks in contiguous bytes.

use super::{
    CHUNK_HEADER_LEN, Causes, ChunkType as T, DATA_HEADER_LEN, DataHeader, I_DATA_HEADER_LEN, IDataHeader,
    Initiation, Parameters, Sack, tlv,
};
use crate::error::ParseError;

const NAME: &str = "an SCTP chunk";

/// One chunk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Chunk<'a> {
    /// User data.
    Data(DataHeader, &'a [u8]),
    /// User data that may be interleaved.
    IData(IDataHeader, &'a [u8]),
    /// The first packet of an association.
    Init(Initiation<'a>),
    /// The answer to it.
    InitAck(Initiation<'a>),
    /// What has arrived.
    Sack(Sack<'a>),
    /// A probe of a path.
    Heartbeat(Parameters<'a>),
    /// The answer to it.
    HeartbeatAck(Parameters<'a>),
    /// The end of an association.
    Abort {
        /// T: the verification tag is the one that the peer used.
        reflected: bool,
        /// Why.
        causes: Causes<'a>,
    },
    /// The sender has no more data to send.
    Shutdown {
        /// The last TSN before the first gap.
        cumulative_tsn_ack: u32,
    },
    /// The peer's data have all arrived.
    ShutdownAck,
    /// Something is wrong.
    Error(Causes<'a>),
    /// The cookie of the INIT ACK.
    CookieEcho(&'a [u8]),
    /// The association stands.
    CookieAck,
    /// A packet was marked.
    Ecne {
        /// The lowest TSN of the first packet marked.
        lowest_tsn: u32,
    },
    /// The window was reduced for it.
    Cwr {
        /// The TSN that was echoed.
        lowest_tsn: u32,
    },
    /// The association is over.
    ShutdownComplete {
        /// T: the verification tag is the one that the peer used.
        reflected: bool,
    },
    /// What follows in the packet is authenticated.
    Auth {
        /// Number of the shared key.
        key: u16,
        /// Number of the algorithm.
        algorithm: u16,
        /// The code.
        hmac: &'a [u8],
    },
    /// Requests about addresses.
    Asconf {
        /// Number of the chunk.
        serial: u32,
        /// An address of the sender, then the requests.
        parameters: Parameters<'a>,
    },
    /// The answer to them.
    AsconfAck {
        /// Number of the chunk that is answered.
        serial: u32,
        /// The answers.
        parameters: Parameters<'a>,
    },
    /// Requests and answers about streams.
    ReConfig(Parameters<'a>),
    /// Bytes without meaning.
    Pad(&'a [u8]),
    /// TSNs that will not be sent again.
    ForwardTsn {
        /// The new cumulative TSN.
        new_cumulative_tsn: u32,
        /// The last stream sequence number skipped on each stream.
        streams: ForwardedStreams<'a>,
    },
    /// The same with message identifiers.
    IForwardTsn {
        /// The new cumulative TSN.
        new_cumulative_tsn: u32,
        /// The last message skipped on each stream.
        streams: InterleavedForwards<'a>,
    },
    /// A chunk of another type.
    Unknown {
        /// Its type.
        kind: T,
        /// Its flags.
        flags: u8,
        /// Its value.
        value: &'a [u8],
    },
}

/// Pairs of stream and stream sequence number (RFC 3758 §3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ForwardedStreams<'a>(&'a [u8]);

impl<'a> ForwardedStreams<'a> {
    /// The pairs.
    pub fn iter(self) -> impl Iterator<Item = (u16, u16)> + use<'a> {
        self.0
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }
}

/// Stream, order and message identifier (RFC 8260 §2.3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InterleavedForwards<'a>(&'a [u8]);

impl<'a> InterleavedForwards<'a> {
    /// Stream, whether unordered, and message identifier.
    pub fn iter(self) -> impl Iterator<Item = (u16, bool, u32)> + use<'a> {
        self.0.as_chunks::<8>().0.iter().map(|&[a, b, _, flags, c, d, e, f]| {
            (u16::from_be_bytes([a, b]), flags & 1 == 1, u32::from_be_bytes([c, d, e, f]))
        })
    }
}

impl<'a> Chunk<'a> {
    /// Reads the chunk at the start of `bytes`; also gives what follows it and its padding.
    ///
    /// # Errors
    /// It is cut off, or its fields contradict each other.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        let (head, value, rest) = tlv::split(NAME, bytes)?;
        let [kind, flags] = head.to_be_bytes();
        let chunk = match T(kind) {
            T::DATA => {
                let header = DataHeader::parse(&bytes[..CHUNK_HEADER_LEN + value.len()])?;
                Self::Data(header, &value[DATA_HEADER_LEN - CHUNK_HEADER_LEN..])
            }
            T::I_DATA => {
                let header = IDataHeader::parse(&bytes[..CHUNK_HEADER_LEN + value.len()])?;
                Self::IData(header, &value[I_DATA_HEADER_LEN - CHUNK_HEADER_LEN..])
            }
            T::INIT => Self::Init(Initiation::parse(value)?),
            T::INIT_ACK => Self::InitAck(Initiation::parse(value)?),
            T::SACK => Self::Sack(Sack::parse(value)?),
            T::HEARTBEAT => Self::Heartbeat(Parameters::parse(value)?),
            T::HEARTBEAT_ACK => Self::HeartbeatAck(Parameters::parse(value)?),
            T::ABORT => Self::Abort { reflected: flags & 1 == 1, causes: Causes::parse(value)? },
            T::SHUTDOWN => Self::Shutdown { cumulative_tsn_ack: tlv::number(NAME, value)? },
            T::SHUTDOWN_ACK => Self::ShutdownAck,
            T::ERROR => Self::Error(Causes::parse(value)?),
            T::COOKIE_ECHO => Self::CookieEcho(value),
            T::COOKIE_ACK => Self::CookieAck,
            T::ECNE => Self::Ecne { lowest_tsn: tlv::number(NAME, value)? },
            T::CWR => Self::Cwr { lowest_tsn: tlv::number(NAME, value)? },
            T::SHUTDOWN_COMPLETE => Self::ShutdownComplete { reflected: flags & 1 == 1 },
            T::AUTH => {
                let (head, hmac) = front::<4>(value)?;
                let [a, b, c, d] = *head;
                Self::Auth { key: u16::from_be_bytes([a, b]), algorithm: u16::from_be_bytes([c, d]), hmac }
            }
            T::ASCONF | T::ASCONF_ACK => {
                let (serial, rest) = front::<4>(value)?;
                let (serial, parameters) = (u32::from_be_bytes(*serial), Parameters::parse(rest)?);
                match T(kind) {
                    T::ASCONF => Self::Asconf { serial, parameters },
                    _ => Self::AsconfAck { serial, parameters },
                }
            }
            T::RE_CONFIG => Self::ReConfig(Parameters::parse(value)?),
            T::PAD => Self::Pad(value),
            T::FORWARD_TSN => {
                let (tsn, list) = front::<4>(value)?;
                let streams = ForwardedStreams(units(list, 4)?);
                Self::ForwardTsn { new_cumulative_tsn: u32::from_be_bytes(*tsn), streams }
            }
            T::I_FORWARD_TSN => {
                let (tsn, list) = front::<4>(value)?;
                let streams = InterleavedForwards(units(list, 8)?);
                Self::IForwardTsn { new_cumulative_tsn: u32::from_be_bytes(*tsn), streams }
            }
            kind => Self::Unknown { kind, flags, value },
        };
        Ok((chunk, rest))
    }

    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> T {
        match self {
            Self::Data(..) => T::DATA,
            Self::IData(..) => T::I_DATA,
            Self::Init(_) => T::INIT,
            Self::InitAck(_) => T::INIT_ACK,
            Self::Sack(_) => T::SACK,
            Self::Heartbeat(_) => T::HEARTBEAT,
            Self::HeartbeatAck(_) => T::HEARTBEAT_ACK,
            Self::Abort { .. } => T::ABORT,
            Self::Shutdown { .. } => T::SHUTDOWN,
            Self::ShutdownAck => T::SHUTDOWN_ACK,
            Self::Error(_) => T::ERROR,
            Self::CookieEcho(_) => T::COOKIE_ECHO,
            Self::CookieAck => T::COOKIE_ACK,
            Self::Ecne { .. } => T::ECNE,
            Self::Cwr { .. } => T::CWR,
            Self::ShutdownComplete { .. } => T::SHUTDOWN_COMPLETE,
            Self::Auth { .. } => T::AUTH,
            Self::Asconf { .. } => T::ASCONF,
            Self::AsconfAck { .. } => T::ASCONF_ACK,
            Self::ReConfig(_) => T::RE_CONFIG,
            Self::Pad(_) => T::PAD,
            Self::ForwardTsn { .. } => T::FORWARD_TSN,
            Self::IForwardTsn { .. } => T::I_FORWARD_TSN,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// Appends the chunk, padded.
    ///
    /// # Panics
    /// It is longer than 65535 bytes.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let kind = self.kind();
        let mut push = |flags: u8, parts: &[&[u8]]| {
            tlv::push(out, u16::from_be_bytes([kind.0, flags]), parts);
        };
        match self {
            Self::Data(header, data) => {
                let mut head = [0; DATA_HEADER_LEN];
                header.emit(&mut head);
                push(head[1], &[&head[CHUNK_HEADER_LEN..], data]);
            }
            Self::IData(header, data) => {
                let mut head = [0; I_DATA_HEADER_LEN];
                header.emit(&mut head);
                push(head[1], &[&head[CHUNK_HEADER_LEN..], data]);
            }
            Self::Init(body) | Self::InitAck(body) => push(0, &[&body.head(), body.parameters.as_bytes()]),
            Self::Sack(sack) => sack.emit_again(out),
            Self::Heartbeat(list) | Self::HeartbeatAck(list) | Self::ReConfig(list) => {
                push(0, &[list.as_bytes()]);
            }
            Self::Abort { reflected, causes } => push(u8::from(*reflected), &[causes.as_bytes()]),
            Self::Error(causes) => push(0, &[causes.as_bytes()]),
            Self::Shutdown { cumulative_tsn_ack: tsn }
            | Self::Ecne { lowest_tsn: tsn }
            | Self::Cwr { lowest_tsn: tsn } => push(0, &[&tsn.to_be_bytes()]),
            Self::ShutdownAck | Self::CookieAck => push(0, &[]),
            Self::CookieEcho(value) | Self::Pad(value) => push(0, &[value]),
            Self::ShutdownComplete { reflected } => push(u8::from(*reflected), &[]),
            Self::Auth { key, algorithm, hmac } => {
                push(0, &[&key.to_be_bytes(), &algorithm.to_be_bytes(), hmac]);
            }
            Self::Asconf { serial, parameters } | Self::AsconfAck { serial, parameters } => {
                push(0, &[&serial.to_be_bytes(), parameters.as_bytes()]);
            }
            Self::ForwardTsn { new_cumulative_tsn, streams: ForwardedStreams(list) }
            | Self::IForwardTsn { new_cumulative_tsn, streams: InterleavedForwards(list) } => {
                push(0, &[&new_cumulative_tsn.to_be_bytes(), list]);
            }
            Self::Unknown { flags, value, .. } => push(*flags, &[value]),
        }
    }
}

/// Appends a FORWARD TSN chunk.
pub fn emit_forward_tsn(out: &mut Vec<u8>, new_cumulative_tsn: u32, skipped: &[(u16, u16)]) {
    let list: Vec<u8> = skipped
        .iter()
        .flat_map(|(stream, ssn)| [stream.to_be_bytes(), ssn.to_be_bytes()])
        .flatten()
        .collect();
    Chunk::ForwardTsn { new_cumulative_tsn, streams: ForwardedStreams(&list) }.emit(out);
}

/// Appends an I-FORWARD-TSN chunk.
pub fn emit_i_forward_tsn(out: &mut Vec<u8>, new_cumulative_tsn: u32, skipped: &[(u16, bool, u32)]) {
    let mut list = Vec::with_capacity(skipped.len() * 8);
    for (stream, unordered, mid) in skipped {
        list.extend(stream.to_be_bytes());
        list.extend([0, u8::from(*unordered)]);
        list.extend(mid.to_be_bytes());
    }
    Chunk::IForwardTsn { new_cumulative_tsn, streams: InterleavedForwards(&list) }.emit(out);
}

fn front<const N: usize>(value: &[u8]) -> Result<(&[u8; N], &[u8]), ParseError> {
    value.split_first_chunk::<N>().ok_or(ParseError::Truncated {
        header: NAME,
        need: CHUNK_HEADER_LEN + N,
        have: CHUNK_HEADER_LEN + value.len(),
    })
}

fn units(list: &[u8], size: usize) -> Result<&[u8], ParseError> {
    if list.len().is_multiple_of(size) {
        Ok(list)
    } else {
        Err(ParseError::Field { header: NAME, field: "length", value: list.len() as u32 })
    }
}

/// The chunks of a packet in contiguous bytes; it ends after the first that cannot be read.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a>(&'a [u8]);

impl<'a> Chunks<'a> {
    /// The chunks in `bytes`, which begin behind the common header.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let parsed = Chunk::parse(self.0);
        self.0 = parsed.map_or(&[], |(_, rest)| rest);
        Some(parsed.map(|(chunk, _)| chunk))
    }
}
