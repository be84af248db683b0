//! MP_FAIL, MP_FASTCLOSE and MP_TCPRST (RFC 8684 §3.5 to §3.7).

use super::option::wrong_length;
use crate::error::{ParseError, array};

/// MP_TCPRST: why a subflow is reset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reset {
    /// T: the reason may pass, so that the subflow may be tried again.
    pub transient: bool,
    /// U, V and W, which have no meaning yet, as bits 8, 4 and 2.
    pub undefined: u8,
    /// The reason.
    pub reason: ResetReason,
}

impl Reset {
    /// A reset for `reason`.
    #[must_use]
    pub const fn new(reason: ResetReason, transient: bool) -> Self {
        Self { transient, undefined: 0, reason }
    }

    pub(super) const fn flags(self) -> u8 {
        self.undefined & 0x0E | self.transient as u8
    }
}

/// Reason codes (IANA "MPTCP MP_TCPRST Reason Codes", RFC 8684 §7.4).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ResetReason(pub u8);

impl ResetReason {
    /// Nothing more is known.
    pub const UNSPECIFIED: Self = Self(0);
    /// The connection behind a token is not there, or something in the option is wrong.
    pub const MPTCP_SPECIFIC: Self = Self(1);
    /// No memory or the like.
    pub const LACK_OF_RESOURCES: Self = Self(2);
    /// The sender's policy does not allow it.
    pub const ADMINISTRATIVELY_PROHIBITED: Self = Self(3);
    /// Too much was sent on the subflow and never acknowledged.
    pub const TOO_MUCH_OUTSTANDING_DATA: Self = Self(4);
    /// The path is too bad.
    pub const UNACCEPTABLE_PERFORMANCE: Self = Self(5);
    /// Something on the path changes what is sent.
    pub const MIDDLEBOX_INTERFERENCE: Self = Self(6);

    /// The name in RFC 8684.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "unspecified error",
            1 => "MPTCP-specific error",
            2 => "lack of resources",
            3 => "administratively prohibited",
            4 => "too much outstanding data",
            5 => "unacceptable performance",
            6 => "middlebox interference",
            _ => "unknown reason",
        }
    }
}

/// Twelve bits of nothing, and a number of 64 bits.
pub(super) fn parse_number(data: &[u8]) -> Result<u64, ParseError> {
    if data.len() == 10 { Ok(u64::from_be_bytes(array(data, 2))) } else { Err(wrong_length(data)) }
}

pub(super) fn parse_reset(data: &[u8]) -> Result<Reset, ParseError> {
    match *data {
        [first, reason] => {
            Ok(Reset { transient: first & 1 == 1, undefined: first & 0x0E, reason: ResetReason(reason) })
        }
        _ => Err(wrong_length(data)),
    }
}
