//! Internet Group Management Protocol, versions 1 and 2 (RFC 2236).

use std::net::Ipv4Addr;

use crate::checksum::Sum;
use crate::error::{ParseError, array, exactly, fixed};

/// Bytes of a message.
pub const MESSAGE_LEN: usize = 8;

const NAME: &str = "an IGMP message";

/// What a message says (RFC 2236 §2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Who is in the group? In any group, if it is 0.0.0.0.
    Query,
    /// A host of version 1 is in the group.
    ReportV1,
    /// A host is in the group.
    ReportV2,
    /// A host leaves the group.
    Leave,
}

impl Kind {
    const fn number(self) -> u8 {
        match self {
            Self::Query => 0x11,
            Self::ReportV1 => 0x12,
            Self::ReportV2 => 0x16,
            Self::Leave => 0x17,
        }
    }
}

/// A message of version 1 or 2; its checksum is checked by [`Message::parse`] and computed by [`Message::emit`].
///
/// It travels with a time to live of 1 and the router alert option (RFC 2236 §2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Message {
    /// What the message says.
    pub kind: Kind,
    /// In a query, tenths of a second within which hosts answer; zero from version 1 (RFC 2236 §2.2).
    pub max_response_time: u8,
    /// The group.
    pub group: Ipv4Addr,
}

impl Message {
    /// Reads a message; `bytes` is all that IP carries, since the checksum covers it (RFC 2236 §2.3).
    ///
    /// # Errors
    /// There are fewer than 8 bytes, the type is of another version, or the checksum is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let (message, _) = fixed::<MESSAGE_LEN>(NAME, bytes)?;
        let kind = match message[0] {
            0x11 => Kind::Query,
            0x12 => Kind::ReportV1,
            0x16 => Kind::ReportV2,
            0x17 => Kind::Leave,
            other => {
                return Err(ParseError::Field { header: NAME, field: "type", value: u32::from(other) });
            }
        };
        if !Sum::of(bytes).is_valid() {
            return Err(ParseError::Checksum { header: NAME });
        }
        Ok(Self { kind, max_response_time: message[1], group: Ipv4Addr::from(array::<4>(message, 4)) })
    }

    /// Writes the message with its checksum.
    ///
    /// # Panics
    /// `out` is not [`MESSAGE_LEN`] bytes long.
    pub fn emit(&self, out: &mut [u8]) {
        let out = exactly::<MESSAGE_LEN>(out);
        out[..4].copy_from_slice(&[self.kind.number(), self.max_response_time, 0, 0]);
        out[4..].copy_from_slice(&self.group.octets());
        let checksum = Sum::of(out).finish();
        out[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: Message =
        Message { kind: Kind::ReportV2, max_response_time: 0, group: Ipv4Addr::new(239, 1, 2, 3) };

    #[test]
    fn a_report_has_the_bytes_of_rfc_2236() {
        let mut out = [0xEE; 8];
        REPORT.emit(&mut out);
        // 1600 + ef01 + 0203 = 10704, folded 0705, complement f8fa.
        assert_eq!(out, [0x16, 0, 0xF8, 0xFA, 239, 1, 2, 3]);
        assert_eq!(Message::parse(&out), Ok(REPORT));
    }

    #[test]
    fn each_kind_comes_back() {
        for kind in [Kind::Query, Kind::ReportV1, Kind::ReportV2, Kind::Leave] {
            let message = Message { kind, max_response_time: 100, ..REPORT };
            let mut out = [0; 8];
            message.emit(&mut out);
            assert_eq!(Message::parse(&out), Ok(message));
        }
    }

    #[test]
    fn cut_damaged_and_foreign_messages_are_refused() {
        let mut out = [0; 8];
        REPORT.emit(&mut out);
        for len in 0..8 {
            let error = ParseError::Truncated { header: NAME, need: 8, have: len };
            assert_eq!(Message::parse(&out[..len]), Err(error));
        }
        out[7] ^= 1;
        assert_eq!(Message::parse(&out), Err(ParseError::Checksum { header: NAME }));
        out[0] = 0x22;
        assert!(matches!(Message::parse(&out), Err(ParseError::Field { value: 0x22, .. })), "version 3");
    }
}
