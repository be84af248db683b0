//! Multicast listener discovery for IPv6, versions 1 (RFC 2710) and 2 (RFC 3810).
//!
//! A message is what follows the IPv6 headers; it travels with a hop limit of 1 and the router alert option.
//! Its checksum covers a pseudo-header, whose sum `emit` takes; [`crate::icmpv6::verify`] checks it.

use std::net::Ipv6Addr;

use crate::checksum::Sum;
use crate::error::{NoRoom, ParseError, array, exactly, fixed};

/// Bytes of a message of version 1.
pub const MESSAGE_V1_LEN: usize = 24;
/// The most records that a report is read or written with: more than a minimum MTU holds.
pub const RECORDS_MAX: usize = 64;

const NAME: &str = "an MLD message";
const RECORD: &str = "an MLD address record";
const QUERY_V2_LEN: usize = 28;

/// Message types (RFC 2710 §3.1, RFC 3810 §5).
mod kind {
    pub(super) const QUERY: u8 = 130;
    pub(super) const REPORT: u8 = 131;
    pub(super) const DONE: u8 = 132;
    pub(super) const REPORT_V2: u8 = 143;
}

/// What a message of version 1 says (RFC 2710 §3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KindV1 {
    /// Who listens to the address? To any, if it is `::`.
    Query,
    /// A node listens.
    Report,
    /// A node listens no more.
    Done,
}

/// A message of version 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MessageV1 {
    /// What the message says.
    pub kind: KindV1,
    /// In a query, milliseconds within which listeners answer.
    pub max_response_delay: u16,
    /// The group.
    pub address: Ipv6Addr,
}

impl MessageV1 {
    /// Writes the message with its checksum; `pseudo` is the sum of the pseudo-header.
    ///
    /// # Panics
    /// `out` is not [`MESSAGE_V1_LEN`] bytes long.
    pub fn emit(&self, out: &mut [u8], pseudo: Sum) {
        let out = exactly::<MESSAGE_V1_LEN>(out);
        out.fill(0);
        out[0] = match self.kind {
            KindV1::Query => kind::QUERY,
            KindV1::Report => kind::REPORT,
            KindV1::Done => kind::DONE,
        };
        out[4..6].copy_from_slice(&self.max_response_delay.to_be_bytes());
        out[8..24].copy_from_slice(&self.address.octets());
        fill_checksum(out, pseudo);
    }
}

/// A query of version 2 (RFC 3810 §5.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct QueryV2<'a> {
    /// Milliseconds within which listeners answer, or a coded number above 32767 (RFC 3810 §5.1.3).
    pub max_response_code: u16,
    /// The group, or `::` for all.
    pub address: Ipv6Addr,
    /// Routers do not update their timers.
    pub suppress_router_processing: bool,
    /// The querier's robustness variable, 0 to 7.
    robustness: u8,
    /// Seconds between queries, or a coded number above 127 (RFC 3810 §5.1.9).
    pub query_interval_code: u8,
    /// The sources that are asked for.
    pub sources: Sources<'a>,
}

impl QueryV2<'_> {
    /// The querier's robustness variable; zero when it is above 7 (RFC 3810 §5.1.8).
    #[must_use]
    pub const fn robustness(&self) -> u8 {
        self.robustness
    }
}

/// Source addresses, one behind the other: at most 65535.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sources<'a>(&'a [[u8; 16]]);

impl<'a> Sources<'a> {
    /// No sources.
    pub const NONE: Self = Self(&[]);

    /// The sources, unless there are more than a count of 16 bits can tell.
    #[must_use]
    pub const fn new(octets: &'a [[u8; 16]]) -> Option<Self> {
        if octets.len() <= u16::MAX as usize { Some(Self(octets)) } else { None }
    }

    /// The addresses in their order.
    pub fn iter(self) -> impl Iterator<Item = Ipv6Addr> {
        self.0.iter().copied().map(Ipv6Addr::from)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// What a record says about its group (RFC 3810 §5.2.12).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecordKind {
    /// Listens to the listed sources only.
    ModeIsInclude = 1,
    /// Listens to all but the listed sources.
    ModeIsExclude = 2,
    /// Now listens to the listed sources only; without any, it leaves.
    ChangeToInclude = 3,
    /// Now listens to all but the listed sources; without any, it joins.
    ChangeToExclude = 4,
    /// Listens to these sources too.
    AllowNewSources = 5,
    /// Listens to these sources no more.
    BlockOldSources = 6,
}

impl RecordKind {
    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::ModeIsInclude,
            2 => Self::ModeIsExclude,
            3 => Self::ChangeToInclude,
            4 => Self::ChangeToExclude,
            5 => Self::AllowNewSources,
            6 => Self::BlockOldSources,
            _ => return None,
        })
    }
}

/// What a node listens to in one group (RFC 3810 §5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Record<'a> {
    /// What the record says.
    pub kind: RecordKind,
    /// The group.
    pub address: Ipv6Addr,
    /// The sources.
    pub sources: Sources<'a>,
}

impl<'a> Record<'a> {
    const FIXED_LEN: usize = 20;

    /// Bytes of the record.
    const fn len(&self) -> usize {
        Self::FIXED_LEN + self.sources.0.len() * 16
    }

    /// Reads the record at the start of `bytes`, and what follows it. A record of an unknown type is
    /// skipped (RFC 3810 §5.2.12), as is auxiliary data (§5.2.11).
    fn parse(bytes: &'a [u8]) -> Result<(Option<Self>, &'a [u8]), ParseError> {
        let (head, rest) = fixed::<{ Record::FIXED_LEN }>(RECORD, bytes)?;
        let sources_len = usize::from(u16::from_be_bytes([head[2], head[3]])) * 16;
        let auxiliary_len = usize::from(head[1]) * 4;
        let need = Self::FIXED_LEN + sources_len + auxiliary_len;
        let short = ParseError::Truncated { header: RECORD, need, have: bytes.len() };
        let (sources, _) = rest.get(..sources_len).ok_or(short)?.as_chunks::<16>();
        let after = bytes.get(need..).ok_or(short)?;
        let address = Ipv6Addr::from(array::<16>(head, 4));
        let record =
            RecordKind::from_number(head[0]).map(|kind| Self { kind, address, sources: Sources(sources) });
        Ok((record, after))
    }

    fn emit(&self, out: &mut [u8]) {
        let (head, sources) = out.split_at_mut(Self::FIXED_LEN);
        let count = self.sources.0.len() as u16; // At most 65535, see `Sources`.
        head[..2].copy_from_slice(&[self.kind as u8, 0]);
        head[2..4].copy_from_slice(&count.to_be_bytes());
        head[4..].copy_from_slice(&self.address.octets());
        sources.copy_from_slice(self.sources.0.as_flattened());
    }
}

/// The records of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Records<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Records<'a> {
    /// The records in their order, without those of unknown types.
    pub fn iter(self) -> impl Iterator<Item = Record<'a>> {
        let mut rest = self.bytes;
        (0..self.count)
            .map_while(move |_| {
                let (record, after) = Record::parse(rest).ok()?;
                rest = after;
                Some(record)
            })
            .flatten()
    }
}

/// A message of either version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Message<'a> {
    /// A message of version 1.
    V1(MessageV1),
    /// A query of version 2.
    QueryV2(QueryV2<'a>),
    /// A report of version 2.
    ReportV2(Records<'a>),
}

impl<'a> Message<'a> {
    /// Reads a message; `bytes` is all that follows the IPv6 headers.
    ///
    /// A query of exactly 24 bytes is of version 1, one of 28 or more of version 2 (RFC 3810 §8.1).
    ///
    /// # Errors
    /// The bytes end within the message, its type is another, or it has more than [`RECORDS_MAX`] records.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (head, _) = fixed::<8>(NAME, bytes)?;
        let kind = match head[0] {
            kind::REPORT_V2 => return Self::parse_report(head, &bytes[8..]),
            kind::QUERY if bytes.len() >= QUERY_V2_LEN => return Self::parse_query(bytes),
            kind::QUERY if bytes.len() > MESSAGE_V1_LEN => {
                let have = bytes.len();
                return Err(ParseError::Truncated { header: NAME, need: QUERY_V2_LEN, have });
            }
            kind::QUERY => KindV1::Query,
            kind::REPORT => KindV1::Report,
            kind::DONE => KindV1::Done,
            other => {
                return Err(ParseError::Field { header: NAME, field: "type", value: u32::from(other) });
            }
        };
        let (message, _) = fixed::<MESSAGE_V1_LEN>(NAME, bytes)?;
        Ok(Self::V1(MessageV1 {
            kind,
            max_response_delay: u16::from_be_bytes([message[4], message[5]]),
            address: Ipv6Addr::from(array::<16>(message, 8)),
        }))
    }

    fn parse_query(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (head, rest) = fixed::<QUERY_V2_LEN>(NAME, bytes)?;
        let sources_len = usize::from(u16::from_be_bytes([head[26], head[27]])) * 16;
        let need = QUERY_V2_LEN + sources_len;
        let sources =
            rest.get(..sources_len).ok_or(ParseError::Truncated { header: NAME, need, have: bytes.len() })?;
        Ok(Self::QueryV2(QueryV2 {
            max_response_code: u16::from_be_bytes([head[4], head[5]]),
            address: Ipv6Addr::from(array::<16>(head, 8)),
            suppress_router_processing: head[24] & 0x08 != 0,
            robustness: head[24] & 0x07,
            query_interval_code: head[25],
            sources: Sources(sources.as_chunks::<16>().0),
        }))
    }

    fn parse_report(head: &[u8; 8], bytes: &'a [u8]) -> Result<Self, ParseError> {
        let count = usize::from(u16::from_be_bytes([head[6], head[7]]));
        if count > RECORDS_MAX {
            return Err(ParseError::TooMany { header: RECORD, limit: RECORDS_MAX });
        }
        let mut rest = bytes;
        for _ in 0..count {
            (_, rest) = Record::parse(rest)?;
        }
        Ok(Self::ReportV2(Records { count, bytes: &bytes[..bytes.len() - rest.len()] }))
    }
}

/// Bytes of a report with `records`.
///
/// # Errors
/// There are more than [`RECORDS_MAX`] records.
pub fn report_len(records: &[Record<'_>]) -> Result<usize, NoRoom> {
    if records.len() > RECORDS_MAX {
        let (room, need) = (RECORDS_MAX * Record::FIXED_LEN, records.len() * Record::FIXED_LEN);
        return Err(NoRoom { what: "an MLD report", room, need });
    }
    Ok(8 + records.iter().map(Record::len).sum::<usize>())
}

/// Writes a report of version 2 with its checksum; `pseudo` is the sum of the pseudo-header.
///
/// # Panics
/// `out` is not as long as [`report_len`] says.
pub fn emit_report(records: &[Record<'_>], out: &mut [u8], pseudo: Sum) {
    assert_eq!(Ok(out.len()), report_len(records), "a report is written into a slice of its length");
    let (head, mut rest) = out.split_at_mut(8);
    head.fill(0);
    head[0] = kind::REPORT_V2;
    head[7] = records.len() as u8; // At most 64.
    for record in records {
        let (bytes, after) = rest.split_at_mut(record.len());
        record.emit(bytes);
        rest = after;
    }
    fill_checksum(out, pseudo);
}

fn fill_checksum(message: &mut [u8], pseudo: Sum) {
    let checksum = (pseudo + Sum::of(message)).finish();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
#[path = "mld_tests.rs"]
mod tests;
