//! Compression of the headers behind IPv6's: extension headers, a packet within a packet, UDP (RFC 6282 §4).

use super::decompress::Reader;
use super::iphc::NAME;
use crate::error::{ParseError, array};
use crate::ip::IpProtocol;
use crate::{ipv6, udp};

/// The code of an IPv6 header that follows compressed.
pub(super) const IPV6: u8 = EXTENSION | 7 << 1;

/// Whether the header `kind` at the start of `rest` can be compressed; `left` bytes of the packet start there.
pub(super) fn is_compressible(kind: IpProtocol, rest: &[u8], left: usize) -> bool {
    if kind == IpProtocol::UDP {
        // The length is restored from the packet's, so they have to agree.
        return rest.len() >= udp::HEADER_LEN && usize::from(u16::from_be_bytes(array(rest, 4))) == left;
    }
    if kind == IpProtocol::IPV6 {
        let length = |rest: &[u8]| ipv6::HEADER_LEN + usize::from(u16::from_be_bytes(array(rest, 4)));
        return rest.len() >= ipv6::HEADER_LEN && rest[0] >> 4 == 6 && length(rest) == left;
    }
    if code_of(kind).is_none() || rest.len() < 2 {
        return false;
    }
    let len = extension_len(kind, rest);
    rest.len() >= len && len - 2 <= 255
}

/// Bytes of the extension header at the start of `rest`, which has at least two.
pub(super) fn extension_len(kind: IpProtocol, rest: &[u8]) -> usize {
    if kind == IpProtocol::IPV6_FRAGMENT { FRAGMENT_LEN } else { (usize::from(rest[1]) + 1) * 8 }
}

/// Appends an extension header; its "next header" is left out if that one is compressed too.
pub(super) fn compress_extension(kind: IpProtocol, header: &[u8], next_compressed: bool, out: &mut Vec<u8>) {
    let code = code_of(kind).unwrap_or(0);
    out.push(EXTENSION | code << 1 | u8::from(next_compressed));
    if !next_compressed {
        out.push(header[0]);
    }
    if kind == IpProtocol::IPV6_FRAGMENT {
        // This header has a reserved byte where others have their length.
        out.extend(&header[1..]);
        return;
    }
    let end = if has_options(kind) { header.len() - trailing_padding(&header[2..]) } else { header.len() };
    let content = &header[2..end];
    out.push(content.len() as u8); // At most 255, see `is_compressible`.
    out.extend(content);
}

/// Appends the extension header whose code was read; says whether the next header is compressed too.
pub(super) fn restore_extension(
    code: u8,
    kind: IpProtocol,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<bool, ParseError> {
    let next_compressed = code & 1 != 0;
    out.push(if next_compressed { 0 } else { reader.byte()? });
    if kind == IpProtocol::IPV6_FRAGMENT {
        out.extend(reader.slice(FRAGMENT_LEN - 1)?);
        return Ok(next_compressed);
    }
    let len = usize::from(reader.byte()?);
    let content = reader.slice(len)?;
    let padding = (2 + len).next_multiple_of(8) - 2 - len;
    if padding > 0 && !has_options(kind) {
        return Err(ParseError::Field {
            header: NAME,
            field: "length of an extension header",
            value: len as u32,
        });
    }
    out.push(((2 + len + padding) / 8 - 1) as u8); // At most 33 units.
    out.extend(content);
    match padding {
        0 => {}
        1 => out.push(PAD_1),
        more => {
            out.extend([PAD_N, (more - 2) as u8]);
            out.extend(std::iter::repeat_n(0, more - 2));
        }
    }
    Ok(next_compressed)
}

/// Appends UDP's header; returns how many bytes it takes.
pub(super) fn compress_udp(header: &[u8], elide_checksum: bool, out: &mut Vec<u8>) -> usize {
    let begin = out.len();
    let [a, b, c, d, _, _, e, f] = array(header, 0);
    let code = UDP | if elide_checksum { CHECKSUM_ELIDED } else { 0 };
    match ((a, b >> 4), (c, d >> 4)) {
        ((0xF0, 0xB), (0xF0, 0xB)) => out.extend([code | 3, b << 4 | d & 0x0F]),
        (_, (0xF0, _)) => out.extend([code | 1, a, b, d]),
        ((0xF0, _), _) => out.extend([code | 2, b, c, d]),
        _ => out.extend([code, a, b, c, d]),
    }
    if !elide_checksum {
        out.extend([e, f]);
    }
    out.len() - begin
}

/// Appends the UDP header whose code was read, without its length; says whether the checksum was left out.
pub(super) fn restore_udp(code: u8, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<bool, ParseError> {
    let ports = match code & 3 {
        0 => reader.take()?,
        1 => {
            let [a, b, d] = reader.take()?;
            [a, b, 0xF0, d]
        }
        2 => {
            let [b, c, d] = reader.take()?;
            [0xF0, b, c, d]
        }
        _ => {
            let both = reader.byte()?;
            [0xF0, 0xB0 | both >> 4, 0xF0, 0xB0 | both & 0x0F]
        }
    };
    let elided = code & CHECKSUM_ELIDED != 0;
    let checksum = if elided { [0, 0] } else { reader.take()? };
    out.extend(ports);
    out.extend([0, 0]);
    out.extend(checksum);
    Ok(elided)
}

/// Whether a code announces UDP.
pub(super) fn is_udp(code: u8) -> bool {
    code & 0xF8 == UDP
}

/// The extension header that a code announces.
pub(super) fn extension_kind(code: u8) -> Result<IpProtocol, ParseError> {
    let unknown = ParseError::Field { header: NAME, field: "next header code", value: u32::from(code) };
    if code & 0xF0 != EXTENSION || code & 0x0F == 0x0F {
        return Err(unknown);
    }
    let kind = CODES.iter().find(|(number, _)| *number == code >> 1 & 7).map(|(_, kind)| *kind);
    kind.ok_or(unknown)
}

/// Where UDP's header stands in headers that start with an IPv6 header, if only extension headers are between.
pub(super) fn inner_udp(headers: &[u8]) -> Option<usize> {
    behind_extensions(headers).filter(|(kind, _)| *kind == IpProtocol::UDP).map(|(_, at)| at)
}

/// Whether headers that start with an IPv6 header end with one of UDP, that of a packet within a packet too.
#[must_use]
pub fn ends_with_udp(headers: &[u8]) -> bool {
    let mut rest = headers;
    loop {
        if let Some(at) = inner_udp(rest) {
            return rest.len() == at + udp::HEADER_LEN;
        }
        match inner_ipv6(rest) {
            Some(at) => rest = &rest[at..],
            None => return false,
        }
    }
}

/// Where a further IPv6 header stands in headers that start with one.
pub(super) fn inner_ipv6(headers: &[u8]) -> Option<usize> {
    behind_extensions(headers).filter(|(kind, _)| *kind == IpProtocol::IPV6).map(|(_, at)| at)
}

/// What follows an IPv6 header and its extension headers, if it is there as a whole.
fn behind_extensions(headers: &[u8]) -> Option<(IpProtocol, usize)> {
    let mut kind = IpProtocol(*headers.get(6)?);
    let mut at = ipv6::HEADER_LEN;
    while code_of(kind).is_some() && kind != IpProtocol::IPV6 {
        let rest = headers.get(at..).filter(|rest| rest.len() >= 8)?;
        at += extension_len(kind, rest);
        kind = IpProtocol(rest[0]);
    }
    let need = if kind == IpProtocol::UDP { udp::HEADER_LEN } else { ipv6::HEADER_LEN };
    (headers.len() >= at + need).then_some((kind, at))
}

/// Bytes of a single padding option at the end of a list that a receiver would add by itself.
fn trailing_padding(options: &[u8]) -> usize {
    let mut rest = options;
    let mut padding = 0;
    while let [kind, after @ ..] = rest {
        let len = match (*kind, after) {
            (PAD_1, _) => 1,
            (_, [length, ..]) => 2 + usize::from(*length),
            (_, []) => return 0,
        };
        let Some(option) = rest.get(..len) else { return 0 };
        let zeros = *kind == PAD_1 || *kind == PAD_N && option[2..].iter().all(|&octet| octet == 0);
        padding = if zeros && len <= PADDING_MAX { len } else { 0 };
        rest = &rest[len..];
    }
    padding
}

fn has_options(kind: IpProtocol) -> bool {
    kind == IpProtocol::HOP_BY_HOP || kind == IpProtocol::IPV6_DESTINATION_OPTIONS
}

fn code_of(kind: IpProtocol) -> Option<u8> {
    CODES.iter().find(|(_, known)| *known == kind).map(|(code, _)| *code)
}

/// Extension headers' numbers (RFC 6282 §4.2).
const CODES: [(u8, IpProtocol); 6] = [
    (0, IpProtocol::HOP_BY_HOP),
    (1, IpProtocol::IPV6_ROUTING),
    (2, IpProtocol::IPV6_FRAGMENT),
    (3, IpProtocol::IPV6_DESTINATION_OPTIONS),
    (4, MOBILITY),
    (7, IpProtocol::IPV6),
];
/// The mobility header (RFC 6275 §6.1).
const MOBILITY: IpProtocol = IpProtocol(135);
const FRAGMENT_LEN: usize = 8;
const PAD_1: u8 = 0;
const PAD_N: u8 = 1;
/// The longest padding that may be left out.
const PADDING_MAX: usize = 7;
/// The code of an extension header: 1110, number, "next header compressed".
const EXTENSION: u8 = 0xE0;
/// The code of UDP: 11110, checksum, ports.
const UDP: u8 = 0xF0;
const CHECKSUM_ELIDED: u8 = 0x04;
