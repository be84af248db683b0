//! A message on a byte stream: a length instead of a type and a message ID (RFC 8323 §3.2).

use smallvec::SmallVec;

use super::PAYLOAD_MARKER;
use super::code::Code;
use super::options::Options;
use super::token::Token;
use crate::error::ParseError;

/// Everything of a message on a stream but its payload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// What it asks, answers or signals.
    pub code: Code,
    /// What matches responses to requests.
    pub token: Token,
    /// Its options.
    pub options: Options,
}

/// The length of the whole message that begins with `bytes`, once enough of them are there to say so.
///
/// # Errors
/// A token longer than eight bytes, which ends the connection (RFC 8323 §3.2).
pub fn frame_len(bytes: &[u8]) -> Result<Option<u64>, ParseError> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let token_len = u64::from(first & 0x0F);
    if token_len > 8 {
        return Err(ParseError::Field { header: NAME, field: "token length", value: token_len as u32 });
    }
    let extended = |count: usize, base: u64| {
        let bytes = bytes.get(1..1 + count)?;
        Some(bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)) + base)
    };
    let (more, len) = match first >> 4 {
        13 => (1, extended(1, 13)),
        14 => (2, extended(2, 269)),
        15 => (4, extended(4, 65_805)),
        len => (0, Some(u64::from(len))),
    };
    // Length counts options, marker and payload; first byte, extended length, code and token come on top.
    Ok(len.map(|len| 1 + more + 1 + token_len + len))
}

impl Frame {
    /// Reads one whole message; says where its payload begins, or the end.
    ///
    /// `bytes` may end at any place behind the payload marker; `len` is the message's length by [`frame_len`].
    ///
    /// # Errors
    /// What [`frame_len`] or the options refuse, or a marker without a payload.
    pub fn parse(bytes: &[u8], len: u64) -> Result<(Self, usize), ParseError> {
        let truncated = |need| ParseError::Truncated { header: NAME, need, have: bytes.len() };
        let &first = bytes.first().ok_or(truncated(1))?;
        let more = match first >> 4 {
            13 => 1,
            14 => 2,
            15 => 4,
            _ => 0,
        };
        let token_len = usize::from(first & 0x0F);
        let start = 1 + more;
        let &code = bytes.get(start).ok_or(truncated(start + 1))?;
        let token = bytes.get(start + 1..start + 1 + token_len).ok_or(truncated(start + 1 + token_len))?;
        let token = Token::from_bytes(token).ok_or(ParseError::Field {
            header: NAME,
            field: "token length",
            value: token_len as u32,
        })?;
        let options_at = start + 1 + token_len;
        let end = bytes.len().min(usize::try_from(len).unwrap_or(usize::MAX));
        let rest = bytes.get(options_at..end).ok_or(truncated(options_at))?;
        let (options, options_len) = Options::parse(rest)?;
        let mut payload_at = options_at + options_len;
        if rest.get(options_len) == Some(&PAYLOAD_MARKER) {
            payload_at += 1;
            if payload_at as u64 >= len {
                return Err(ParseError::Field { header: NAME, field: "payload length", value: 0 });
            }
        }
        Ok((Self { code: Code(code), token, options }, payload_at))
    }

    /// Writes the message up to its payload of `payload_len` bytes.
    pub fn emit(&self, payload_len: u32) -> SmallVec<[u8; 64]> {
        let marker = u64::from(payload_len > 0);
        let len = self.options.as_bytes().len() as u64 + marker + u64::from(payload_len);
        let mut out = SmallVec::new();
        let token_len = self.token.len() as u8;
        match len {
            0..=12 => out.push((len as u8) << 4 | token_len),
            13..=268 => out.extend_from_slice(&[13 << 4 | token_len, (len - 13) as u8]),
            269..=65_804 => {
                out.push(14 << 4 | token_len);
                out.extend_from_slice(&((len - 269) as u16).to_be_bytes());
            }
            _ => {
                out.push(15 << 4 | token_len);
                out.extend_from_slice(&((len - 65_805) as u32).to_be_bytes());
            }
        }
        out.push(self.code.0);
        out.extend_from_slice(self.token.as_bytes());
        out.extend_from_slice(self.options.as_bytes());
        if payload_len > 0 {
            out.push(PAYLOAD_MARKER);
        }
        out
    }
}

const NAME: &str = "a CoAP message on a stream";

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame { code: Code::GET, token: Token::from_value(0x7F, 1), options: Options::new() }
    }

    #[test]
    fn the_examples_have_their_bytes() {
        // RFC 8323 §3.2, figure 6: length 0, token length 1, GET, token 7f: 01 01 7f... the empty CSM of §3.3 is 00 e1.
        assert_eq!(frame().emit(0).as_slice(), [0x01, 0x01, 0x7F]);
        let csm = Frame { code: Code::CSM, token: Token::EMPTY, options: Options::new() };
        assert_eq!(csm.emit(0).as_slice(), [0x00, 0xE1]);
    }

    #[test]
    fn the_length_grows_by_itself() {
        // With the marker the length is payload + 1: 12, 13, 268, 269, 65,804, 65,805.
        for (payload, head) in [(11, 4), (12, 5), (267, 5), (268, 6), (65_803, 6), (65_804, 8)] {
            let bytes = frame().emit(payload);
            assert_eq!(bytes.len(), head, "{payload}");
            let len = u64::from(payload) + head as u64;
            assert_eq!(frame_len(&bytes), Ok(Some(len)), "{payload}");
            assert_eq!(Frame::parse(&bytes, len), Ok((frame(), head)));
            for cut in 0..head - 3 {
                assert_eq!(frame_len(&bytes[..cut]), Ok(None), "{cut} bytes cannot say the length");
            }
        }
    }

    #[test]
    fn format_errors_are_refused() {
        assert!(frame_len(&[0x09, 1]).is_err(), "a token of nine bytes");
        assert!(Frame::parse(&[0x10, 1, 0xFF], 3).is_err(), "a marker without a payload");
        assert!(Frame::parse(&[0x02, 1, 0], 3).is_err(), "a token that is cut");
    }
}
