//! Parameters of control chunks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Causes, ParameterType as T, tlv};
use crate::error::ParseError;

const NAME: &str = "an SCTP parameter";

/// One parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parameter<'a> {
    /// What a HEARTBEAT's sender wants to see again.
    HeartbeatInfo(&'a [u8]),
    /// An address of the sender.
    Address(IpAddr),
    /// The cookie of an INIT ACK.
    StateCookie(&'a [u8]),
    /// A parameter, header included, that the peer did not know.
    Unrecognized(&'a [u8]),
    /// Milliseconds by which a cookie's life should be longer.
    CookiePreservative(u32),
    /// A host's name, which must not be sent.
    HostName(&'a [u8]),
    /// Types of address parameters that the sender can use.
    SupportedAddressTypes(&'a [u8]),
    /// Streams, as numbers of 16 bits, that the sender restarts at zero (none: all of them).
    OutgoingReset {
        /// Number of this request.
        request: u32,
        /// Number of the peer's request that this answers.
        response: u32,
        /// The last TSN that the sender has assigned.
        last_tsn: u32,
        /// The streams.
        streams: &'a [u8],
    },
    /// Streams that the peer is asked to restart at zero.
    IncomingReset {
        /// Number of this request.
        request: u32,
        /// The streams.
        streams: &'a [u8],
    },
    /// A request to restart all streams and the TSNs.
    TsnReset {
        /// Number of this request.
        request: u32,
    },
    /// The answer to a request.
    ReconfigResponse {
        /// Number of the request.
        response: u32,
        /// What became of it.
        result: u32,
        /// The sender's next TSN and the one it expects next, after a TSN reset.
        tsns: Option<(u32, u32)>,
    },
    /// A request for more streams to send on.
    AddOutgoing {
        /// Number of this request.
        request: u32,
        /// How many more.
        streams: u16,
    },
    /// A request for more streams to receive on.
    AddIncoming {
        /// Number of this request.
        request: u32,
        /// How many more.
        streams: u16,
    },
    /// The sender understands ECN.
    EcnCapable,
    /// The sender takes packets without a checksum, if the named method of detecting errors is in use.
    ZeroChecksum(u32),
    /// Random number of the key.
    Random(&'a [u8]),
    /// Chunk types that have to be authenticated.
    ChunkList(&'a [u8]),
    /// HMAC algorithms, as numbers of 16 bits, best first.
    HmacAlgorithms(&'a [u8]),
    /// So many bytes of padding.
    Padding(&'a [u8]),
    /// Chunk types that the sender knows.
    SupportedExtensions(&'a [u8]),
    /// The sender understands FORWARD TSN.
    ForwardTsn,
    /// A request to add, delete or prefer an address.
    AddressRequest(AddressRequest),
    /// Why a request of an ASCONF was refused.
    ErrorIndication {
        /// Number of the request.
        correlation: u32,
        /// The causes.
        causes: Causes<'a>,
    },
    /// A request of an ASCONF was carried out.
    Success {
        /// Number of the request.
        correlation: u32,
    },
    /// Whom the user data are for.
    AdaptationLayer(u32),
    /// Anything else.
    Unknown {
        /// Its type.
        kind: T,
        /// Its value.
        value: &'a [u8],
    },
}

/// A request about an address (RFC 5061 §4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddressRequest {
    /// What is asked for: [`ParameterType::ADD_ADDRESS`](T::ADD_ADDRESS), `DELETE_ADDRESS` or `SET_PRIMARY`.
    pub kind: T,
    /// Number of this request within its ASCONF.
    pub correlation: u32,
    /// The address.
    pub address: IpAddr,
}

impl<'a> Parameter<'a> {
    fn parse(kind: T, value: &'a [u8]) -> Result<Self, ParseError> {
        Ok(match kind {
            T::HEARTBEAT_INFO => Self::HeartbeatInfo(value),
            T::IPV4 | T::IPV6 => Self::Address(address(kind, value)?),
            T::STATE_COOKIE => Self::StateCookie(value),
            T::UNRECOGNIZED => Self::Unrecognized(value),
            T::COOKIE_PRESERVATIVE => Self::CookiePreservative(tlv::number(NAME, value)?),
            T::HOST_NAME => Self::HostName(value),
            T::SUPPORTED_ADDRESS_TYPES => Self::SupportedAddressTypes(pairs(value)?),
            T::OUTGOING_RESET => {
                let ([request, response, last_tsn], streams) = words(value)?;
                Self::OutgoingReset { request, response, last_tsn, streams: pairs(streams)? }
            }
            T::INCOMING_RESET => {
                let ([request], streams) = words(value)?;
                Self::IncomingReset { request, streams: pairs(streams)? }
            }
            T::TSN_RESET => Self::TsnReset { request: tlv::number(NAME, value)? },
            T::RECONFIG_RESPONSE => response(value)?,
            T::ADD_OUTGOING => {
                let (request, streams) = addition(value)?;
                Self::AddOutgoing { request, streams }
            }
            T::ADD_INCOMING => {
                let (request, streams) = addition(value)?;
                Self::AddIncoming { request, streams }
            }
            T::ECN_CAPABLE => Self::EcnCapable,
            T::ZERO_CHECKSUM => Self::ZeroChecksum(tlv::number(NAME, value)?),
            T::RANDOM => Self::Random(value),
            T::CHUNK_LIST => Self::ChunkList(value),
            T::HMAC_ALGORITHMS => Self::HmacAlgorithms(pairs(value)?),
            T::PADDING => Self::Padding(value),
            T::SUPPORTED_EXTENSIONS => Self::SupportedExtensions(value),
            T::FORWARD_TSN => Self::ForwardTsn,
            T::ADD_ADDRESS | T::DELETE_ADDRESS | T::SET_PRIMARY => {
                let ([correlation], rest) = words(value)?;
                let (inner, bytes, _) = tlv::split(NAME, rest)?;
                Self::AddressRequest(AddressRequest { kind, correlation, address: address(T(inner), bytes)? })
            }
            T::ERROR_INDICATION => {
                let ([correlation], causes) = words(value)?;
                Self::ErrorIndication { correlation, causes: Causes::parse(causes)? }
            }
            T::SUCCESS => Self::Success { correlation: tlv::number(NAME, value)? },
            T::ADAPTATION_LAYER => Self::AdaptationLayer(tlv::number(NAME, value)?),
            kind => Self::Unknown { kind, value },
        })
    }
}

fn response(value: &[u8]) -> Result<Parameter<'_>, ParseError> {
    let ([response, result], rest) = words(value)?;
    let tsns = match rest.len() {
        0 => None,
        _ => words::<2>(rest).map(|([next, expected], _)| Some((next, expected)))?,
    };
    Ok(Parameter::ReconfigResponse { response, result, tsns })
}

fn addition(value: &[u8]) -> Result<(u32, u16), ParseError> {
    let ([request, last], _) = words(value)?;
    Ok((request, (last >> 16) as u16))
}

fn address(kind: T, value: &[u8]) -> Result<IpAddr, ParseError> {
    let wrong = ParseError::Field { header: NAME, field: "address length", value: value.len() as u32 };
    match kind {
        T::IPV4 => <[u8; 4]>::try_from(value).map(|it| Ipv4Addr::from(it).into()).map_err(|_| wrong),
        T::IPV6 => <[u8; 16]>::try_from(value).map(|it| Ipv6Addr::from(it).into()).map_err(|_| wrong),
        T(other) => Err(ParseError::Field { header: NAME, field: "address type", value: u32::from(other) }),
    }
}

fn words<const N: usize>(value: &[u8]) -> Result<([u32; N], &[u8]), ParseError> {
    let (chunks, _) = value.as_chunks::<4>();
    let Some(head) = chunks.first_chunk::<N>() else {
        return Err(ParseError::Truncated { header: NAME, need: 4 + 4 * N, have: 4 + value.len() });
    };
    Ok((head.map(u32::from_be_bytes), &value[4 * N..]))
}

fn pairs(value: &[u8]) -> Result<&[u8], ParseError> {
    if value.len().is_multiple_of(2) {
        Ok(value)
    } else {
        Err(ParseError::Field { header: NAME, field: "length", value: value.len() as u32 + 4 })
    }
}

/// The parameters of a chunk: whole fields from end to end, whose values may be nonsense.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Parameters<'a>(&'a [u8]);

impl<'a> Parameters<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        tlv::check(NAME, bytes)?;
        Ok(Self(bytes))
    }

    /// The parameters in order; an error stands for one whose value makes no sense.
    pub fn iter(self) -> impl Iterator<Item = Result<Parameter<'a>, ParseError>> + Clone {
        self.raw().map(|(kind, whole)| {
            let len = usize::from(u16::from_be_bytes([whole[2], whole[3]]));
            Parameter::parse(kind, &whole[4..len])
        })
    }

    /// Type and bytes of each, header and padding included.
    pub fn raw(self) -> impl Iterator<Item = (T, &'a [u8])> + Clone {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (kind, _, next) = tlv::split(NAME, rest).ok()?;
            let whole = &rest[..rest.len() - next.len()];
            rest = next;
            Some((T(kind), whole))
        })
    }

    /// All bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

/// Parameters that are being put together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ParameterList(Vec<u8>);

impl ParameterList {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends a parameter.
    ///
    /// # Panics
    /// Its value is longer than 65531 bytes.
    pub fn push(&mut self, parameter: &Parameter<'_>) -> &mut Self {
        use Parameter as P;
        let bytes = |number: u32| number.to_be_bytes();
        match *parameter {
            P::HeartbeatInfo(value) => self.add(T::HEARTBEAT_INFO, &[value]),
            P::Address(address) => push_address(&mut self.0, address),
            P::StateCookie(value) => self.add(T::STATE_COOKIE, &[value]),
            P::Unrecognized(value) => self.add(T::UNRECOGNIZED, &[value]),
            P::CookiePreservative(millis) => self.add(T::COOKIE_PRESERVATIVE, &[&bytes(millis)]),
            P::HostName(value) => self.add(T::HOST_NAME, &[value]),
            P::SupportedAddressTypes(value) => self.add(T::SUPPORTED_ADDRESS_TYPES, &[value]),
            P::OutgoingReset { request, response, last_tsn, streams } => {
                let head = [request, response, last_tsn].map(u32::to_be_bytes);
                self.add(T::OUTGOING_RESET, &[head.as_flattened(), streams]);
            }
            P::IncomingReset { request, streams } => self.add(T::INCOMING_RESET, &[&bytes(request), streams]),
            P::TsnReset { request } => self.add(T::TSN_RESET, &[&bytes(request)]),
            P::ReconfigResponse { response, result, tsns } => {
                let tsns = tsns.map(|(next, expected)| [next, expected].map(u32::to_be_bytes));
                let tsns = tsns.as_ref().map_or(&[][..], |tsns| tsns.as_flattened());
                self.add(T::RECONFIG_RESPONSE, &[&bytes(response), &bytes(result), tsns]);
            }
            P::AddOutgoing { request, streams } => {
                self.add(T::ADD_OUTGOING, &[&bytes(request), &streams.to_be_bytes(), &[0; 2]]);
            }
            P::AddIncoming { request, streams } => {
                self.add(T::ADD_INCOMING, &[&bytes(request), &streams.to_be_bytes(), &[0; 2]]);
            }
            P::EcnCapable => self.add(T::ECN_CAPABLE, &[]),
            P::ZeroChecksum(method) => self.add(T::ZERO_CHECKSUM, &[&bytes(method)]),
            P::Random(value) => self.add(T::RANDOM, &[value]),
            P::ChunkList(value) => self.add(T::CHUNK_LIST, &[value]),
            P::HmacAlgorithms(value) => self.add(T::HMAC_ALGORITHMS, &[value]),
            P::Padding(value) => self.add(T::PADDING, &[value]),
            P::SupportedExtensions(value) => self.add(T::SUPPORTED_EXTENSIONS, &[value]),
            P::ForwardTsn => self.add(T::FORWARD_TSN, &[]),
            P::AddressRequest(request) => {
                let mut inner = Vec::with_capacity(20);
                push_address(&mut inner, request.address);
                self.add(request.kind, &[&bytes(request.correlation), &inner]);
            }
            P::ErrorIndication { correlation, causes } => {
                self.add(T::ERROR_INDICATION, &[&bytes(correlation), causes.as_bytes()]);
            }
            P::Success { correlation } => self.add(T::SUCCESS, &[&bytes(correlation)]),
            P::AdaptationLayer(code) => self.add(T::ADAPTATION_LAYER, &[&bytes(code)]),
            P::Unknown { kind, value } => self.add(kind, &[value]),
        }
        self
    }

    fn add(&mut self, kind: T, parts: &[&[u8]]) {
        tlv::append(&mut self.0, kind.0, parts);
    }

    /// The parameters, to be put into a chunk.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'_> {
        Parameters(&self.0)
    }
}

pub(super) fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => tlv::append(out, T::IPV4.0, &[&address.octets()]),
        IpAddr::V6(address) => tlv::append(out, T::IPV6.0, &[&address.octets()]),
    }
}
