//! From compressed headers to those of IPv6 and what follows it (RFC 6282 §3).

use std::net::Ipv6Addr;

use super::context::{Context, Contexts};
use super::iphc::{
    CONTEXT_EXTENSION, IPHC, Identifiers, MULTICAST, NAME, NEXT_HEADER_COMPRESSED, STATEFUL, with_context,
};
use super::nhc;
use crate::checksum::{Sum, pseudo_header};
use crate::error::{ParseError, array};
use crate::ip::{Ecn, IpProtocol, dscp_of};
use crate::ipv6::{self, FlowLabel, Header};

/// How long the packet is that [`decompress`] restores.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DatagramSize {
    /// The fragment header says so: all bytes of the packet that is not compressed.
    Stated(u16),
    /// The packet ends so many bytes behind those that are given.
    Behind(usize),
}

/// What [`decompress`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decompressed {
    /// Bytes that were read; the payload follows them.
    pub consumed: usize,
    /// Where in the restored headers UDP's header stands whose checksum was left out: see [`fill_udp_checksum`].
    pub elided_checksum: Option<usize>,
}

/// Restores the headers of a compressed packet and appends them to `out`, which then may be in front of the payload.
///
/// Lengths are those of the restored packet. `bytes` starts with the IPHC dispatch.
///
/// # Errors
/// The bytes end within the headers, a form is reserved, a context is not known, or the size does not fit.
pub fn decompress(
    bytes: &[u8],
    implied: Identifiers,
    contexts: &Contexts,
    size: DatagramSize,
    out: &mut Vec<u8>,
) -> Result<Decompressed, ParseError> {
    let begin = out.len();
    let mut reader = Reader::new(bytes);
    let elided_checksum = restore(&mut reader, implied, contexts, 0, out)?;
    let consumed = reader.at;
    let behind = |extra: usize| out.len() - begin + bytes.len() - consumed + extra;
    let total = match size {
        DatagramSize::Stated(size) => usize::from(size),
        DatagramSize::Behind(extra) => behind(extra),
    };
    set_lengths(&mut out[begin..], total)?;
    Ok(Decompressed { consumed, elided_checksum: elided_checksum.map(|at| at - begin) })
}

/// Puts the checksum into UDP's header at `at` of a packet's `headers`, whose payload has the sum `payload`.
///
/// # Panics
/// `at` is not what [`decompress`] has returned for these headers.
pub fn fill_udp_checksum(headers: &mut [u8], at: usize, payload: Sum) {
    // The innermost IPv6 header in front of UDP is the one whose addresses count.
    let header = Header::parse(innermost(headers, at)).expect("the headers were restored from a packet");
    let udp = &mut headers[at..at + crate::udp::HEADER_LEN];
    let length = u32::from(u16::from_be_bytes(array(udp, 4)));
    let pseudo = pseudo_header(header.source.into(), header.destination.into(), IpProtocol::UDP, length);
    let checksum = match (pseudo + Sum::of(udp) + payload).finish() {
        0 => 0xFFFF,
        other => other,
    };
    udp[6..8].copy_from_slice(&checksum.to_be_bytes());
}

/// From the last IPv6 header on that stands in front of `end`.
fn innermost(headers: &[u8], end: usize) -> &[u8] {
    let mut at = 0;
    while let Some(inner) = nhc::inner_ipv6(&headers[at..]).filter(|inner| at + inner < end) {
        at += inner;
    }
    &headers[at..]
}

/// Restores one IPv6 header and what follows it; returns where UDP's header is if its checksum was left out.
fn restore(
    reader: &mut Reader<'_>,
    implied: Identifiers,
    contexts: &Contexts,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<Option<usize>, ParseError> {
    if depth > NESTED_MAX {
        return Err(ParseError::TooMany { header: NAME, limit: NESTED_MAX });
    }
    let at = out.len();
    let [first, second] = reader.take()?;
    if first & 0xE0 != IPHC {
        return Err(ParseError::Field { header: NAME, field: "dispatch", value: u32::from(first) });
    }
    let indices = match second & CONTEXT_EXTENSION != 0 {
        true => reader.byte()?,
        false => 0,
    };
    let (class, flow_label) = read_class_and_label(first >> 3 & 3, reader)?;
    let compressed = first & NEXT_HEADER_COMPRESSED != 0;
    let next_header = if compressed { 0 } else { reader.byte()? };
    let hop_limit = match first & 3 {
        0 => reader.byte()?,
        1 => 1,
        2 => 64,
        _ => 255,
    };
    let source = match second >> 4 & 7 {
        STATEFUL => Ipv6Addr::UNSPECIFIED,
        mode => read_unicast(mode, contexts.get(indices >> 4), implied.source, reader)?,
    };
    let destination = match second & MULTICAST != 0 {
        true => read_group(second & 7, contexts.get(indices), reader)?,
        false if second & 7 == STATEFUL => {
            return Err(ParseError::Field { header: NAME, field: "destination address mode", value: 4 });
        }
        false => read_unicast(second & 7, contexts.get(indices), implied.destination, reader)?,
    };
    let header = Header {
        dscp: dscp_of(class),
        ecn: Ecn::from_traffic_class(class),
        flow_label,
        payload_len: 0,
        next_header: IpProtocol(next_header),
        hop_limit,
        source,
        destination,
    };
    out.resize(at + ipv6::HEADER_LEN, 0);
    header.emit(&mut out[at..]);
    if !compressed {
        return Ok(None);
    }
    restore_next(
        reader,
        Identifiers::of_addresses(source, destination),
        contexts,
        (depth, at + NEXT_HEADER),
        out,
    )
}

/// Restores the headers behind an IPv6 header, whose "next header" stands at `link`.
fn restore_next(
    reader: &mut Reader<'_>,
    implied: Identifiers,
    contexts: &Contexts,
    (depth, mut link): (usize, usize),
    out: &mut Vec<u8>,
) -> Result<Option<usize>, ParseError> {
    for _ in 0..EXTENSIONS_MAX {
        let code = reader.byte()?;
        let at = out.len();
        if nhc::is_udp(code) {
            out[link] = IpProtocol::UDP.0;
            return Ok(nhc::restore_udp(code, reader, out)?.then_some(at));
        }
        let kind = nhc::extension_kind(code)?;
        out[link] = kind.0;
        if kind == IpProtocol::IPV6 {
            return restore(reader, implied, contexts, depth + 1, out);
        }
        link = at;
        if !nhc::restore_extension(code, kind, reader, out)? {
            return Ok(None);
        }
    }
    Err(ParseError::TooMany { header: NAME, limit: EXTENSIONS_MAX })
}

/// Sets the length fields of restored headers, whose packet has `total` bytes.
fn set_lengths(headers: &mut [u8], total: usize) -> Result<(), ParseError> {
    let bad = || ParseError::Field { header: NAME, field: "datagram size", value: total as u32 };
    if total < headers.len() {
        return Err(bad());
    }
    let mut at = 0;
    loop {
        let payload_len = u16::try_from(total - at - ipv6::HEADER_LEN).map_err(|_| bad())?;
        headers[at + 4..at + 6].copy_from_slice(&payload_len.to_be_bytes());
        if let Some(udp) = nhc::inner_udp(&headers[at..]) {
            let length = (total - at - udp) as u16; // Less than the payload's.
            headers[at + udp + 4..at + udp + 6].copy_from_slice(&length.to_be_bytes());
        }
        match nhc::inner_ipv6(&headers[at..]) {
            Some(inner) => at += inner,
            None => return Ok(()),
        }
    }
}

fn read_class_and_label(mode: u8, reader: &mut Reader<'_>) -> Result<(u8, FlowLabel), ParseError> {
    // The class in a header is DSCP, ECN; here it is ECN, DSCP.
    let class = |octet: u8| octet.rotate_left(2);
    let label = |high: u8, middle, low| {
        FlowLabel::new(u32::from_be_bytes([0, high & 0x0F, middle, low])).unwrap_or(FlowLabel::NONE)
    };
    Ok(match mode {
        0 => {
            let [octet, high, middle, low] = reader.take()?;
            (class(octet), label(high, middle, low))
        }
        1 => {
            let [high, middle, low] = reader.take()?;
            (high >> 6, label(high, middle, low))
        }
        2 => (class(reader.byte()?), FlowLabel::NONE),
        _ => (0, FlowLabel::NONE),
    })
}

fn read_unicast(
    mode: u8,
    context: Option<Context>,
    implied: [u8; 8],
    reader: &mut Reader<'_>,
) -> Result<Ipv6Addr, ParseError> {
    let identifier = match mode & 3 {
        0 => return Ok(Ipv6Addr::from(reader.take::<16>()?)),
        1 => reader.take::<8>()?,
        2 => {
            let [high, low] = reader.take()?;
            [0, 0, 0, 0xFF, 0xFE, 0, high, low]
        }
        _ => implied,
    };
    if mode & STATEFUL == 0 {
        let [a, b, c, d, e, f, g, h] = identifier;
        return Ok(Ipv6Addr::from_octets([0xFE, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h]));
    }
    let context = context.ok_or(ParseError::Field {
        header: NAME,
        field: "an unknown context in mode",
        value: u32::from(mode),
    })?;
    Ok(with_context(context, identifier))
}

fn read_group(mode: u8, context: Option<Context>, reader: &mut Reader<'_>) -> Result<Ipv6Addr, ParseError> {
    let mut octets = [0; 16];
    octets[0] = 0xFF;
    match mode {
        0 => octets = reader.take()?,
        1 => {
            octets[1] = reader.byte()?;
            octets[11..].copy_from_slice(&reader.take::<5>()?);
        }
        2 => {
            octets[1] = reader.byte()?;
            octets[13..].copy_from_slice(&reader.take::<3>()?);
        }
        3 => {
            octets[1] = 2;
            octets[15] = reader.byte()?;
        }
        // A group made of a prefix (RFC 3306): flags, rendezvous interface, prefix length and prefix, group.
        STATEFUL => {
            let [flags, interface, a, b, c, d] = reader.take()?;
            let (prefix, len) = context
                .ok_or(ParseError::Field { header: NAME, field: "an unknown context in mode", value: 4 })?
                .prefix();
            octets[1..4].copy_from_slice(&[flags, interface, len]);
            octets[4..12].copy_from_slice(&prefix.octets()[..8]);
            octets[12..].copy_from_slice(&[a, b, c, d]);
        }
        other => {
            let value = u32::from(other);
            return Err(ParseError::Field { header: NAME, field: "destination address mode", value });
        }
    }
    Ok(Ipv6Addr::from(octets))
}

/// Takes bytes off the front, or says how many are missing.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn slice(&mut self, len: usize) -> Result<&'a [u8], ParseError> {
        let need = self.at + len;
        let short = ParseError::Truncated { header: NAME, need, have: self.bytes.len() };
        let slice = self.bytes.get(self.at..need).ok_or(short)?;
        self.at = need;
        Ok(slice)
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        Ok(array(self.slice(N)?, 0))
    }

    pub(super) fn byte(&mut self) -> Result<u8, ParseError> {
        self.take::<1>().map(|[byte]| byte)
    }
}

/// Where the next header stands in an IPv6 header.
const NEXT_HEADER: usize = 6;
/// Packets in packets that are restored at most.
const NESTED_MAX: usize = 4;
/// Extension headers of one packet that are restored at most.
const EXTENSIONS_MAX: usize = 8;
