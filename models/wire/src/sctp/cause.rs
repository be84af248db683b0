//! Error causes of ERROR and ABORT chunks (RFC 9260 §3.3.10).

use super::{Parameters, tlv};
use crate::error::ParseError;

const NAME: &str = "an SCTP error cause";

/// The numbers of causes.
pub mod code {
    /// Invalid stream identifier (RFC 9260 §3.3.10.1).
    pub const INVALID_STREAM: u16 = 1;
    /// Missing mandatory parameter (§3.3.10.2).
    pub const MISSING_PARAMETER: u16 = 2;
    /// Stale cookie (§3.3.10.3).
    pub const STALE_COOKIE: u16 = 3;
    /// Out of resource (§3.3.10.4).
    pub const OUT_OF_RESOURCE: u16 = 4;
    /// Unresolvable address (§3.3.10.5).
    pub const UNRESOLVABLE_ADDRESS: u16 = 5;
    /// Unrecognized chunk type (§3.3.10.6).
    pub const UNRECOGNIZED_CHUNK: u16 = 6;
    /// Invalid mandatory parameter (§3.3.10.7).
    pub const INVALID_PARAMETER: u16 = 7;
    /// Unrecognized parameters (§3.3.10.8).
    pub const UNRECOGNIZED_PARAMETERS: u16 = 8;
    /// No user data (§3.3.10.9).
    pub const NO_USER_DATA: u16 = 9;
    /// Cookie received while shutting down (§3.3.10.10).
    pub const COOKIE_WHILE_SHUTTING_DOWN: u16 = 10;
    /// Restart of an association with new addresses (§3.3.10.11).
    pub const RESTART_WITH_NEW_ADDRESSES: u16 = 11;
    /// User-initiated abort (§3.3.10.12).
    pub const USER_ABORT: u16 = 12;
    /// Protocol violation (§3.3.10.13).
    pub const PROTOCOL_VIOLATION: u16 = 13;
    /// Request to delete the last remaining address (RFC 5061 §4.3).
    pub const DELETE_LAST_ADDRESS: u16 = 0xA0;
    /// Operation refused for lack of resources (RFC 5061 §4.3).
    pub const REFUSED_RESOURCES: u16 = 0xA1;
    /// Request to delete the source address (RFC 5061 §4.3).
    pub const DELETE_SOURCE_ADDRESS: u16 = 0xA2;
    /// Association aborted by an illegal ASCONF-ACK (RFC 5061 §4.3).
    pub const ILLEGAL_ASCONF_ACK: u16 = 0xA3;
    /// Request refused, no authorization (RFC 5061 §4.3).
    pub const NO_AUTHORIZATION: u16 = 0xA4;
    /// Unsupported HMAC identifier (RFC 4895 §4.2).
    pub const UNSUPPORTED_HMAC: u16 = 0x105;
}

/// One error cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause<'a> {
    /// A DATA chunk on a stream that does not exist.
    InvalidStream(u16),
    /// Types of the parameters that are missing, as numbers of 16 bits.
    MissingParameters(&'a [u8]),
    /// The cookie was this many microseconds too old.
    StaleCookie(u32),
    /// No memory or the like.
    OutOfResource,
    /// The address parameter that makes no sense.
    UnresolvableAddress(&'a [u8]),
    /// The chunk that is not known.
    UnrecognizedChunk(&'a [u8]),
    /// A mandatory parameter has a forbidden value.
    InvalidParameter,
    /// The parameters that are not known.
    UnrecognizedParameters(Parameters<'a>),
    /// The TSN of a DATA chunk without data.
    NoUserData(u32),
    /// A COOKIE ECHO came in SHUTDOWN-ACK-SENT.
    CookieWhileShuttingDown,
    /// The addresses that a restart must not add.
    RestartWithNewAddresses(Parameters<'a>),
    /// What the user said about its abort.
    UserAbort(&'a [u8]),
    /// What is wrong with the peer's behaviour.
    ProtocolViolation(&'a [u8]),
    /// Anything else.
    Other {
        /// Its code.
        code: u16,
        /// Its information.
        information: &'a [u8],
    },
}

impl<'a> Cause<'a> {
    fn parse(kind: u16, value: &'a [u8]) -> Result<Self, ParseError> {
        Ok(match kind {
            code::INVALID_STREAM => {
                let [a, b, _, _] = tlv::number(NAME, value)?.to_be_bytes();
                Self::InvalidStream(u16::from_be_bytes([a, b]))
            }
            code::MISSING_PARAMETER => {
                let Some((count, list)) = value.split_first_chunk::<4>() else {
                    return Err(ParseError::Truncated { header: NAME, need: 8, have: value.len() + 4 });
                };
                let count = u32::from_be_bytes(*count);
                if list.len() as u64 != u64::from(count) * 2 {
                    return Err(ParseError::Field { header: NAME, field: "count", value: count });
                }
                Self::MissingParameters(list)
            }
            code::STALE_COOKIE => Self::StaleCookie(tlv::number(NAME, value)?),
            code::OUT_OF_RESOURCE => Self::OutOfResource,
            code::UNRESOLVABLE_ADDRESS => Self::UnresolvableAddress(value),
            code::UNRECOGNIZED_CHUNK => Self::UnrecognizedChunk(value),
            code::INVALID_PARAMETER => Self::InvalidParameter,
            code::UNRECOGNIZED_PARAMETERS => Self::UnrecognizedParameters(Parameters::parse(value)?),
            code::NO_USER_DATA => Self::NoUserData(tlv::number(NAME, value)?),
            code::COOKIE_WHILE_SHUTTING_DOWN => Self::CookieWhileShuttingDown,
            code::RESTART_WITH_NEW_ADDRESSES => Self::RestartWithNewAddresses(Parameters::parse(value)?),
            code::USER_ABORT => Self::UserAbort(value),
            code::PROTOCOL_VIOLATION => Self::ProtocolViolation(value),
            code => Self::Other { code, information: value },
        })
    }

    /// The cause's number.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::InvalidStream(_) => code::INVALID_STREAM,
            Self::MissingParameters(_) => code::MISSING_PARAMETER,
            Self::StaleCookie(_) => code::STALE_COOKIE,
            Self::OutOfResource => code::OUT_OF_RESOURCE,
            Self::UnresolvableAddress(_) => code::UNRESOLVABLE_ADDRESS,
            Self::UnrecognizedChunk(_) => code::UNRECOGNIZED_CHUNK,
            Self::InvalidParameter => code::INVALID_PARAMETER,
            Self::UnrecognizedParameters(_) => code::UNRECOGNIZED_PARAMETERS,
            Self::NoUserData(_) => code::NO_USER_DATA,
            Self::CookieWhileShuttingDown => code::COOKIE_WHILE_SHUTTING_DOWN,
            Self::RestartWithNewAddresses(_) => code::RESTART_WITH_NEW_ADDRESSES,
            Self::UserAbort(_) => code::USER_ABORT,
            Self::ProtocolViolation(_) => code::PROTOCOL_VIOLATION,
            Self::Other { code, .. } => *code,
        }
    }

    /// Appends the cause to a list of causes.
    ///
    /// # Panics
    /// It is longer than 65535 bytes.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let mut push = |parts: &[&[u8]]| tlv::append(out, self.code(), parts);
        match *self {
            Self::InvalidStream(stream) => push(&[&stream.to_be_bytes(), &[0; 2]]),
            Self::MissingParameters(list) => push(&[&(list.len() as u32 / 2).to_be_bytes(), list]),
            Self::StaleCookie(number) | Self::NoUserData(number) => push(&[&number.to_be_bytes()]),
            Self::OutOfResource | Self::InvalidParameter | Self::CookieWhileShuttingDown => push(&[]),
            Self::UnresolvableAddress(bytes)
            | Self::UnrecognizedChunk(bytes)
            | Self::UserAbort(bytes)
            | Self::ProtocolViolation(bytes)
            | Self::Other { information: bytes, .. } => push(&[bytes]),
            Self::UnrecognizedParameters(list) | Self::RestartWithNewAddresses(list) => {
                push(&[list.as_bytes()]);
            }
        }
    }
}

/// The causes of a chunk: whole fields from end to end, whose values may be nonsense.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Causes<'a>(&'a [u8]);

impl<'a> Causes<'a> {
    /// Reads a list of causes.
    ///
    /// # Errors
    /// The bytes are not whole fields.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        tlv::check(NAME, bytes)?;
        Ok(Self(bytes))
    }

    /// The causes in order; an error stands for one whose value makes no sense.
    pub fn iter(self) -> impl Iterator<Item = Result<Cause<'a>, ParseError>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (kind, value, next) = tlv::split(NAME, rest).ok()?;
            rest = next;
            Some(Cause::parse(kind, value))
        })
    }

    /// All bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}
