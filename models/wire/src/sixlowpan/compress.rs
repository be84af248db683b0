//! From an IPv6 header and what follows it to their compressed form (RFC 6282 §3).

use std::net::Ipv6Addr;

use super::context::{Context, Contexts};
use super::iphc::{
    CONTEXT_EXTENSION, IPHC, Identifiers, MULTICAST, NEXT_HEADER_COMPRESSED, STATEFUL, is_link_local,
    with_context,
};
use super::nhc;
use crate::error::{ParseError, array};
use crate::ip::{Ecn, IpProtocol, dscp_of, traffic_class};
use crate::ipv6::{self, FlowLabel, Header};

/// What [`compress`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Compressed {
    /// Bytes of the packet's headers that the compressed ones stand for; what is behind them is unchanged.
    pub consumed: usize,
    /// Bytes written for IPv6 and its extension headers.
    pub network_len: usize,
    /// Bytes written for UDP.
    pub udp_len: usize,
}

/// Compresses the headers at the start of a packet and appends the result to `out`.
///
/// `headers` holds at least the IPv6 header, and as much of what follows as may be compressed. The checksum of UDP
/// is left out only if `elide_checksum` says that the layer above has allowed it (RFC 6282 §4.3.2).
///
/// # Errors
/// The packet does not start with a whole IPv6 header.
pub fn compress(
    headers: &[u8],
    implied: Identifiers,
    contexts: &Contexts,
    elide_checksum: bool,
    out: &mut Vec<u8>,
) -> Result<Compressed, ParseError> {
    let begin = out.len();
    let header = Header::parse(headers)?;
    let mut consumed = ipv6::HEADER_LEN;
    let mut left = usize::from(header.payload_len);
    let mut next = header.next_header;
    let mut compressible = nhc::is_compressible(next, &headers[consumed..], left);
    emit_header(&header, compressible, implied, contexts, out);
    let mut udp_len = 0;
    while compressible {
        let rest = &headers[consumed..];
        if next == IpProtocol::UDP {
            udp_len = nhc::compress_udp(rest, elide_checksum, out);
            consumed += crate::udp::HEADER_LEN;
            break;
        }
        if next == IpProtocol::IPV6 {
            out.push(nhc::IPV6);
            let implied = Identifiers::of_addresses(header.source, header.destination);
            let inner = compress(rest, implied, contexts, elide_checksum, out)?;
            consumed += inner.consumed;
            udp_len = inner.udp_len;
            break;
        }
        let len = nhc::extension_len(next, rest);
        let after = IpProtocol(rest[0]);
        left = left.saturating_sub(len);
        compressible = nhc::is_compressible(after, &rest[len..], left);
        nhc::compress_extension(next, &rest[..len], compressible, out);
        consumed += len;
        next = after;
    }
    Ok(Compressed { consumed, network_len: out.len() - begin - udp_len, udp_len })
}

fn emit_header(
    header: &Header,
    compressible: bool,
    implied: Identifiers,
    contexts: &Contexts,
    out: &mut Vec<u8>,
) {
    let at = out.len();
    out.extend([0, 0]);
    let source_context = unicast_context(header.source, contexts);
    let destination_context = match header.destination.is_multicast() {
        true => None,
        false => unicast_context(header.destination, contexts),
    };
    let index = |context: Option<(u8, Context)>| context.map_or(0, |(index, _)| index);
    let (source_index, destination_index) = (index(source_context), index(destination_context));
    let has_indices = source_index != 0 || destination_index != 0;
    if has_indices {
        out.push(source_index << 4 | destination_index);
    }
    let mut first = IPHC | emit_class_and_label(header, out) << 3;
    if compressible {
        first |= NEXT_HEADER_COMPRESSED;
    } else {
        out.push(header.next_header.0);
    }
    first |= match header.hop_limit {
        1 => 1,
        64 => 2,
        255 => 3,
        other => {
            out.push(other);
            0
        }
    };
    let mut second = if has_indices { CONTEXT_EXTENSION } else { 0 };
    second |= emit_source(header.source, source_context, implied.source, out) << 4;
    second |= match header.destination.is_multicast() {
        true => MULTICAST | emit_group(header.destination, out),
        false => emit_unicast(header.destination, destination_context, implied.destination, out),
    };
    out[at] = first;
    out[at + 1] = second;
}

/// The context of an address that is not link-local.
fn unicast_context(address: Ipv6Addr, contexts: &Contexts) -> Option<(u8, Context)> {
    if is_link_local(address) { None } else { contexts.best(address) }
}

/// Writes what TF says is there: the class in the order ECN, DSCP (RFC 6282 §3.1.1). Returns TF.
fn emit_class_and_label(header: &Header, out: &mut Vec<u8>) -> u8 {
    let ecn = traffic_class(dscp_of(0), header.ecn);
    let dscp = traffic_class(header.dscp, Ecn::NotEct) >> 2;
    let [_, high, middle, low] = header.flow_label.label().to_be_bytes();
    match (dscp, header.flow_label == FlowLabel::NONE) {
        (0, true) if ecn == 0 => 3,
        (dscp, true) => {
            out.push(ecn << 6 | dscp);
            2
        }
        (0, false) => {
            out.extend([ecn << 6 | high, middle, low]);
            1
        }
        (dscp, false) => {
            out.extend([ecn << 6 | dscp, high, middle, low]);
            0
        }
    }
}

/// Writes what is not implied of the sender's address; returns SAC and SAM.
fn emit_source(address: Ipv6Addr, context: Option<(u8, Context)>, implied: [u8; 8], out: &mut Vec<u8>) -> u8 {
    if address.is_unspecified() {
        return STATEFUL;
    }
    emit_unicast(address, context, implied, out)
}

/// Writes what is not implied of a unicast address; returns the bits "stateful" and the mode.
fn emit_unicast(
    address: Ipv6Addr,
    context: Option<(u8, Context)>,
    implied: [u8; 8],
    out: &mut Vec<u8>,
) -> u8 {
    let octets = address.octets();
    let stateful = match context {
        Some(_) => STATEFUL,
        None if is_link_local(address) => 0,
        None => {
            out.extend(octets);
            return 0;
        }
    };
    // Bits that a context longer than 64 covers come from it, whatever the identifier says.
    let restored = |identifier: [u8; 8]| match context {
        Some((_, context)) => with_context(context, identifier) == address,
        None => array::<8>(&octets, 8) == identifier,
    };
    if restored(implied) {
        return stateful | 3;
    }
    let short = [0, 0, 0, 0xFF, 0xFE, 0, octets[14], octets[15]];
    if restored(short) {
        out.extend(&octets[14..]);
        return stateful | 2;
    }
    out.extend(&octets[8..]);
    stateful | 1
}

/// Writes what is not implied of a group; returns DAM (RFC 6282 §3.1.1; the form with a context's prefix is read, but
/// not written, since nothing here uses groups made of prefixes).
fn emit_group(address: Ipv6Addr, out: &mut Vec<u8>) -> u8 {
    let octets = address.octets();
    let zero = |range: std::ops::Range<usize>| octets[range].iter().all(|&octet| octet == 0);
    if octets[1] == 2 && zero(2..15) {
        out.push(octets[15]);
        return 3;
    }
    if zero(2..13) {
        out.push(octets[1]);
        out.extend(&octets[13..]);
        return 2;
    }
    if zero(2..11) {
        out.push(octets[1]);
        out.extend(&octets[11..]);
        return 1;
    }
    out.extend(octets);
    0
}
