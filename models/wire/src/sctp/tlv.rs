//! Fields of type, length and value, padded to four bytes: what chunks, parameters and causes have in common.

use crate::error::ParseError;

/// Zero bytes behind a field of `len` bytes (RFC 9260 §3.2).
#[inline]
#[must_use]
pub const fn padding(len: usize) -> usize {
    len.next_multiple_of(4) - len
}

/// A field of 16 bits of type and 16 of length at the start of `bytes`: its type, its value, what follows.
pub(super) fn split<'a>(
    name: &'static str,
    bytes: &'a [u8],
) -> Result<(u16, &'a [u8], &'a [u8]), ParseError> {
    let &[a, b, c, d, ..] = bytes else {
        return Err(ParseError::Truncated { header: name, need: 4, have: bytes.len() });
    };
    let len = usize::from(u16::from_be_bytes([c, d]));
    if len < 4 {
        return Err(ParseError::Field { header: name, field: "length", value: len as u32 });
    }
    let Some(value) = bytes.get(4..len) else {
        return Err(ParseError::Truncated { header: name, need: len, have: bytes.len() });
    };
    // The last one's padding may be missing (RFC 9260 §3.2, the note on robust implementations).
    let next = (len + padding(len)).min(bytes.len());
    Ok((u16::from_be_bytes([a, b]), value, &bytes[next..]))
}

/// Checks that `bytes` are whole fields from end to end.
pub(super) fn check(name: &'static str, mut bytes: &[u8]) -> Result<(), ParseError> {
    while !bytes.is_empty() {
        (_, _, bytes) = split(name, bytes)?;
    }
    Ok(())
}

/// Appends a field, padded.
///
/// # Panics
/// The value is longer than 65531 bytes.
pub(super) fn push(out: &mut Vec<u8>, kind: u16, parts: &[&[u8]]) {
    let len = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
    let length = u16::try_from(len).expect("a field's length has 16 bits");
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    out.resize(out.len() + padding(len), 0);
}

/// Appends a field to a list of fields, whose last is not padded: the padding of a chunk's last parameter is the
/// chunk's own, and not part of its length (RFC 9260 §3.2).
///
/// # Panics
/// The value is longer than 65531 bytes.
pub(super) fn append(list: &mut Vec<u8>, kind: u16, parts: &[&[u8]]) {
    list.resize(list.len().next_multiple_of(4), 0);
    let unpadded = list.len() + 4 + parts.iter().map(|part| part.len()).sum::<usize>();
    push(list, kind, parts);
    list.truncate(unpadded);
}

/// A big-endian number of 32 bits, if the value is exactly that.
pub(super) fn number(name: &'static str, value: &[u8]) -> Result<u32, ParseError> {
    let &[a, b, c, d] = value else {
        return Err(ParseError::Field { header: name, field: "length", value: value.len() as u32 + 4 });
    };
    Ok(u32::from_be_bytes([a, b, c, d]))
}
