//! One option, of any subtype.

use super::{
    AddAddress, AddressIds, Capable, Dss, Join, OptionBytes, Reset, address, capable, dss, ending, join,
};
use crate::error::ParseError;

pub(super) const NAME: &str = "a Multipath TCP option";

/// Subtypes (IANA "MPTCP Option Subtypes", RFC 8684 §7.2).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Subtype {
    /// MP_CAPABLE.
    Capable = 0,
    /// MP_JOIN.
    Join = 1,
    /// DSS.
    Dss = 2,
    /// ADD_ADDR.
    AddAddress = 3,
    /// REMOVE_ADDR.
    RemoveAddress = 4,
    /// MP_PRIO.
    Priority = 5,
    /// MP_FAIL.
    Fail = 6,
    /// MP_FASTCLOSE.
    FastClose = 7,
    /// MP_TCPRST.
    Reset = 8,
}

impl Subtype {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Capable,
        Self::Join,
        Self::Dss,
        Self::AddAddress,
        Self::RemoveAddress,
        Self::Priority,
        Self::Fail,
        Self::FastClose,
        Self::Reset,
    ];

    /// The name in RFC 8684.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capable => "MP_CAPABLE",
            Self::Join => "MP_JOIN",
            Self::Dss => "DSS",
            Self::AddAddress => "ADD_ADDR",
            Self::RemoveAddress => "REMOVE_ADDR",
            Self::Priority => "MP_PRIO",
            Self::Fail => "MP_FAIL",
            Self::FastClose => "MP_FASTCLOSE",
            Self::Reset => "MP_TCPRST",
        }
    }
}

/// One option of Multipath TCP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MptcpOption {
    /// Multipath is wanted, or agreed to (RFC 8684 §3.1).
    Capable(Capable),
    /// A further subflow (RFC 8684 §3.2).
    Join(Join),
    /// Data sequence signal (RFC 8684 §3.3).
    Dss(Dss),
    /// An address can be connected to (RFC 8684 §3.4.1).
    AddAddress(AddAddress),
    /// Addresses are gone (RFC 8684 §3.4.2).
    RemoveAddress(AddressIds),
    /// The subflow is for use (`false`), or for use only when no other is left (`true`) (RFC 8684 §3.3.8).
    Priority {
        /// The B flag.
        backup: bool,
    },
    /// A checksum failed at this data sequence number (RFC 8684 §3.7).
    Fail {
        /// First byte of the mapping that failed.
        data_sequence: u64,
    },
    /// The whole connection is aborted (RFC 8684 §3.5).
    FastClose {
        /// The receiver's key.
        receiver_key: u64,
    },
    /// Why this subflow is reset (RFC 8684 §3.6).
    Reset(Reset),
}

impl MptcpOption {
    /// Reads the value of an option of kind 30: all behind kind and length.
    ///
    /// # Errors
    /// The subtype, the version or the length is none that RFC 8684 knows. Such an option is to be ignored.
    #[inline]
    pub fn parse(data: &[u8]) -> Result<Self, ParseError> {
        // Nearly all are.
        if data.first().is_some_and(|first| first >> 4 == Subtype::Dss as u8) {
            return dss::parse(data).map(Self::Dss);
        }
        Self::parse_rare(data)
    }

    fn parse_rare(data: &[u8]) -> Result<Self, ParseError> {
        let &[first, ..] = data else {
            return Err(ParseError::Truncated { header: NAME, need: 3, have: 2 });
        };
        let low = first & 0x0F;
        match first >> 4 {
            0 => capable::parse(data).map(Self::Capable),
            1 => join::parse(data).map(Self::Join),
            2 => dss::parse(data).map(Self::Dss),
            3 => address::parse_add(data).map(Self::AddAddress),
            4 => address::parse_remove(data).map(Self::RemoveAddress),
            5 => match data {
                [_] => Ok(Self::Priority { backup: low & 1 == 1 }),
                _ => Err(wrong_length(data)),
            },
            6 => ending::parse_number(data).map(|data_sequence| Self::Fail { data_sequence }),
            7 => ending::parse_number(data).map(|receiver_key| Self::FastClose { receiver_key }),
            8 => ending::parse_reset(data).map(Self::Reset),
            other => Err(ParseError::Field { header: NAME, field: "subtype", value: u32::from(other) }),
        }
    }

    /// The value of the option: all behind kind and length.
    #[must_use]
    pub fn emit(&self) -> OptionBytes {
        let mut out = OptionBytes::EMPTY;
        let head = (self.subtype() as u8) << 4;
        match self {
            Self::Capable(option) => capable::emit(option, &mut out),
            Self::Join(option) => join::emit(option, &mut out),
            Self::Dss(option) => dss::emit(option, &mut out),
            Self::AddAddress(option) => address::emit_add(option, &mut out),
            Self::RemoveAddress(ids) => {
                out.push(&[head]);
                out.push(ids.as_slice());
            }
            Self::Priority { backup } => out.push(&[head | u8::from(*backup)]),
            Self::Fail { data_sequence: number } | Self::FastClose { receiver_key: number } => {
                out.push(&[head, 0]);
                out.push(&number.to_be_bytes());
            }
            Self::Reset(reset) => out.push(&[head | reset.flags(), reset.reason.0]),
        }
        out
    }

    /// The option's subtype.
    #[must_use]
    pub const fn subtype(&self) -> Subtype {
        match self {
            Self::Capable(_) => Subtype::Capable,
            Self::Join(_) => Subtype::Join,
            Self::Dss(_) => Subtype::Dss,
            Self::AddAddress(_) => Subtype::AddAddress,
            Self::RemoveAddress(_) => Subtype::RemoveAddress,
            Self::Priority { .. } => Subtype::Priority,
            Self::Fail { .. } => Subtype::Fail,
            Self::FastClose { .. } => Subtype::FastClose,
            Self::Reset(_) => Subtype::Reset,
        }
    }

    /// Bytes that the option takes in a header, kind, length and the padding of [`super::length_with_padding`]
    /// included.
    #[must_use]
    pub fn padded_len(&self) -> usize {
        super::length_with_padding(self.emit().as_slice().len() + 2)
    }
}

/// The length is none of those that the subtype has.
pub(super) fn wrong_length(data: &[u8]) -> ParseError {
    ParseError::Field { header: NAME, field: "length", value: data.len() as u32 + 2 }
}
