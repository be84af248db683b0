//! A message on datagrams: header, token, options and payload marker (RFC 7252 §3).

use smallvec::SmallVec;

use super::PAYLOAD_MARKER;
use super::code::Code;
use super::options::Options;
use super::token::Token;
use crate::error::{ParseError, fixed};

/// The version that this is (RFC 7252 §3).
pub const VERSION: u8 = 1;

/// Bytes in front of the token.
pub const HEADER_LEN: usize = 4;

/// What kind of message it is (RFC 7252 §4).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// It is to be acknowledged.
    Confirmable,
    /// It is not.
    NonConfirmable,
    /// It says that a confirmable message has arrived.
    Acknowledgement,
    /// It says that a message makes no sense to its receiver.
    Reset,
}

impl Kind {
    /// The three letters that textbooks use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmable => "CON",
            Self::NonConfirmable => "NON",
            Self::Acknowledgement => "ACK",
            Self::Reset => "RST",
        }
    }

    fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Confirmable,
            1 => Self::NonConfirmable,
            2 => Self::Acknowledgement,
            _ => Self::Reset,
        }
    }
}

/// Everything of a message but its payload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// What kind of message it is.
    pub kind: Kind,
    /// What it asks or answers.
    pub code: Code,
    /// What matches acknowledgements and finds duplicates.
    pub message_id: u16,
    /// What matches responses to requests.
    pub token: Token,
    /// Its options.
    pub options: Options,
}

impl Head {
    /// A message that is empty: an acknowledgement or reset, or a ping (RFC 7252 §4.1, §4.3).
    pub fn empty(kind: Kind, message_id: u16) -> Self {
        Self { kind, code: Code::EMPTY, message_id, token: Token::EMPTY, options: Options::new() }
    }

    /// Reads a message from the start of a datagram; says where its payload begins, or the end.
    ///
    /// # Errors
    /// Fewer than four bytes, another version, a token longer than eight bytes, options that are malformed, a
    /// marker without a payload (where `len`, the whole datagram's length, says that nothing follows it), or an
    /// empty message that is more than a header (RFC 7252 §3, §4.1).
    pub fn parse(bytes: &[u8], len: usize) -> Result<(Self, usize), ParseError> {
        let (&[first, code, high, low], rest) = fixed::<HEADER_LEN>(NAME, bytes)?;
        let field = |field, value| ParseError::Field { header: NAME, field, value };
        if first >> 6 != VERSION {
            return Err(field("version", u32::from(first >> 6)));
        }
        let token_len = usize::from(first & 0x0F);
        let token = rest.get(..token_len).ok_or(ParseError::Truncated {
            header: NAME,
            need: HEADER_LEN + token_len,
            have: bytes.len(),
        })?;
        // Lengths 9 to 15 are a message format error (RFC 7252 §3).
        let token = Token::from_bytes(token).ok_or(field("token length", token_len as u32))?;
        let (options, options_len) = Options::parse(&rest[token_len..])?;
        let mut end = HEADER_LEN + token_len + options_len;
        if bytes.get(end) == Some(&PAYLOAD_MARKER) {
            end += 1;
            if end >= len {
                return Err(field("payload length", 0));
            }
        }
        let head = Self {
            kind: Kind::from_bits(first >> 4),
            code: Code(code),
            message_id: u16::from_be_bytes([high, low]),
            token,
            options,
        };
        if head.code == Code::EMPTY && len > HEADER_LEN {
            return Err(field("length of an empty message", len as u32));
        }
        Ok((head, end))
    }

    /// Bytes without payload and marker.
    pub fn len(&self) -> usize {
        HEADER_LEN + self.token.len() + self.options.as_bytes().len()
    }

    /// Never: a message has four bytes at least.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Writes the message up to its payload; the marker stands at the end where a payload follows.
    pub fn emit(&self, has_payload: bool) -> SmallVec<[u8; 64]> {
        let mut out = SmallVec::new();
        out.push(VERSION << 6 | (self.kind as u8) << 4 | self.token.len() as u8);
        out.push(self.code.0);
        out.extend_from_slice(&self.message_id.to_be_bytes());
        out.extend_from_slice(self.token.as_bytes());
        out.extend_from_slice(self.options.as_bytes());
        if has_payload {
            out.push(PAYLOAD_MARKER);
        }
        out
    }
}

const NAME: &str = "a CoAP message";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::OptionNumber;

    fn put(token_len: u8) -> Head {
        let mut options = Options::new();
        options.push_path(OptionNumber::URI_PATH, "sensors/temp");
        let token = Token::from_value(0x71, token_len);
        Head { kind: Kind::NonConfirmable, code: Code::PUT, message_id: 0x1234, token, options }
    }

    #[test]
    fn messages_have_the_bytes_of_the_examples() {
        // RFC 7252 appendix A, figure 16: CON GET 0x7d34 with Uri-Path "temperature", delta 11, length 11.
        let mut options = Options::new();
        options.push_path(OptionNumber::URI_PATH, "temperature");
        let (kind, code) = (Kind::Confirmable, Code::GET);
        let get = Head { kind, code, message_id: 0x7D34, token: Token::EMPTY, options };
        assert_eq!(get.emit(false).as_slice(), b"\x40\x01\x7D\x34\xBBtemperature");
        assert_eq!(get.len(), 16);
        // The response: ACK 2.05 0x7d34, payload "22.3 C".
        let (kind, code) = (Kind::Acknowledgement, Code::CONTENT);
        let content = Head { kind, code, options: Options::new(), ..get };
        assert_eq!(content.emit(true).as_slice(), b"\x60\x45\x7D\x34\xFF");
        // Figure 17: the same with token 0x20.
        let with_token = Head { token: Token::from_value(0x20, 1), ..content };
        assert_eq!(with_token.emit(true).as_slice(), b"\x61\x45\x7D\x34\x20\xFF");
    }

    #[test]
    fn a_report_adds_nineteen_bytes_to_its_payload() {
        // 4 of header, 1 of token, 1 + 7 and 1 + 4 of path, 1 of marker.
        assert_eq!(put(1).emit(true).len(), 19);
        assert_eq!(put(4).emit(true).len(), 22);
        assert_eq!(Head::empty(Kind::Acknowledgement, 7).emit(false).len(), 4);
    }

    #[test]
    fn every_message_survives_emit_and_parse() {
        for token_len in 0..=8 {
            for has_payload in [false, true] {
                let head = put(token_len);
                let bytes = head.emit(has_payload);
                let len = bytes.len() + usize::from(has_payload);
                assert_eq!(Head::parse(&bytes, len), Ok((head, bytes.len())));
            }
        }
    }

    // Holds: RFC 7252 3-b, 3-c, 4.1-a
    #[test]
    fn format_errors_are_refused() {
        let cases: [(&[u8], &str); 7] = [
            (&[0x40, 1, 0], "three bytes"),
            (&[0x80, 1, 0, 0], "version 2"),
            (&[0x49, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "a token of nine bytes"),
            (&[0x42, 1, 0, 0, 1], "a token that is cut"),
            (&[0x40, 1, 0, 0, 0xFF], "a marker without a payload"),
            (&[0x41, 0, 0, 0, 1], "an empty message with a token"),
            (&[0x40, 0, 0, 0, 0xB1, b'x'], "an empty message with an option"),
        ];
        for (bytes, what) in cases {
            assert!(Head::parse(bytes, bytes.len()).is_err(), "{what}");
        }
    }
}
