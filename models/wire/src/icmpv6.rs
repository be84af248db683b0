//! ICMP for IPv6 (RFC 4443). Neighbour discovery is in [`crate::ndp`], multicast listeners in [`crate::mld`].
//!
//! A message is a header of 8 bytes and a body. The checksum covers both and a pseudo-header (RFC 4443 §2.3),
//! so [`Header::emit`] takes the sum of the two others.

use std::net::{IpAddr, Ipv6Addr};

use crate::checksum::{Sum, pseudo_header};
use crate::error::{ParseError, array, exactly, fixed};
use crate::icmp::Echo;
use crate::ip::IpProtocol;
use crate::ip_view::HeaderView;
use crate::ipv6;
use crate::ipv6_extension::UpperLayer;

/// Bytes of the header.
pub const HEADER_LEN: usize = 8;

const NAME: &str = "an ICMPv6 header";

/// Message types (RFC 4443 §2.1, RFC 4861 §4.5).
mod kind {
    pub(super) const DESTINATION_UNREACHABLE: u8 = 1;
    pub(super) const PACKET_TOO_BIG: u8 = 2;
    pub(super) const TIME_EXCEEDED: u8 = 3;
    pub(super) const PARAMETER_PROBLEM: u8 = 4;
    /// Types below are errors.
    pub(super) const INFORMATIONAL: u8 = 128;
    pub(super) const ECHO_REQUEST: u8 = 128;
    pub(super) const ECHO_REPLY: u8 = 129;
    pub(super) const REDIRECT: u8 = 137;
}

/// Code of an unreachable destination: no route (RFC 4443 §3.1).
pub const NO_ROUTE: u8 = 0;
/// Code of an unreachable destination: a filter forbids it (RFC 4443 §3.1).
pub const ADMINISTRATIVELY_PROHIBITED: u8 = 1;
/// Code of an unreachable destination: beyond the scope of the source address (RFC 4443 §3.1).
pub const BEYOND_SCOPE: u8 = 2;
/// Code of an unreachable destination: the address does not answer (RFC 4443 §3.1).
pub const ADDRESS_UNREACHABLE: u8 = 3;
/// Code of an unreachable destination: nobody listens on the port (RFC 4443 §3.1).
pub const PORT_UNREACHABLE: u8 = 4;
/// Code of a parameter problem: an erroneous field (RFC 4443 §3.4).
pub const ERRONEOUS_FIELD: u8 = 0;
/// Code of a parameter problem: a next header that is not known (RFC 4443 §3.4).
pub const UNRECOGNIZED_NEXT_HEADER: u8 = 1;
/// Code of a parameter problem: an option that is not known (RFC 4443 §3.4).
pub const UNRECOGNIZED_OPTION: u8 = 2;

/// The header of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Header {
    /// The packet in the body cannot be delivered.
    DestinationUnreachable {
        /// Why: 0 to 6 (RFC 4443 §3.1).
        code: u8,
    },
    /// The packet in the body is too long for the next link.
    PacketTooBig {
        /// What the link carries, in bytes.
        mtu: u32,
    },
    /// The packet in the body took too many hops (code 0), or its fragments came too late (code 1).
    TimeExceeded {
        /// 0 in transit, 1 in reassembly.
        code: u8,
    },
    /// A header of the packet in the body makes no sense.
    ParameterProblem {
        /// 0 a field, 1 a next header, 2 an option (RFC 4443 §3.4).
        code: u8,
        /// Octet of the packet at which the problem is.
        pointer: u32,
    },
    /// Asks for an echo of the body.
    EchoRequest(Echo),
    /// The echo of a request's body.
    EchoReply(Echo),
    /// Any other message, kept as it is.
    Other {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// The four bytes behind the checksum.
        rest: [u8; 4],
    },
}

impl Header {
    /// Reads the header at the start of a message; the checksum is left to [`verify`].
    ///
    /// Unused bits are ignored.
    ///
    /// # Errors
    /// There are fewer than 8 bytes.
    pub fn parse(message: &[u8]) -> Result<Self, ParseError> {
        let (head, _) = fixed::<HEADER_LEN>(NAME, message)?;
        let (code, rest) = (head[1], array::<4>(head, 4));
        let word = u32::from_be_bytes(rest);
        let echo = Echo {
            identifier: u16::from_be_bytes([rest[0], rest[1]]),
            sequence_number: u16::from_be_bytes([rest[2], rest[3]]),
        };
        Ok(match (head[0], code) {
            (kind::DESTINATION_UNREACHABLE, _) => Self::DestinationUnreachable { code },
            // The code is set to zero by the sender and ignored by the receiver (RFC 4443 §3.2).
            (kind::PACKET_TOO_BIG, _) => Self::PacketTooBig { mtu: word },
            (kind::TIME_EXCEEDED, _) => Self::TimeExceeded { code },
            (kind::PARAMETER_PROBLEM, _) => Self::ParameterProblem { code, pointer: word },
            (kind::ECHO_REQUEST, 0) => Self::EchoRequest(echo),
            (kind::ECHO_REPLY, 0) => Self::EchoReply(echo),
            (kind, _) => Self::Other { kind, code, rest },
        })
    }

    /// Writes the header with its checksum; `rest` is the sum of pseudo-header and body.
    ///
    /// # Panics
    /// `out` is not [`HEADER_LEN`] bytes long.
    pub fn emit(&self, out: &mut [u8], rest: Sum) {
        let out = exactly::<HEADER_LEN>(out);
        let (kind, code, fields) = self.fields();
        out[..4].copy_from_slice(&[kind, code, 0, 0]);
        out[4..].copy_from_slice(&fields);
        let checksum = (rest + Sum::of(out)).finish();
        out[2..4].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Whether this reports an error: the types below 128 (RFC 4443 §2.1).
    #[must_use]
    pub const fn is_error(&self) -> bool {
        match self {
            Self::DestinationUnreachable { .. }
            | Self::PacketTooBig { .. }
            | Self::TimeExceeded { .. }
            | Self::ParameterProblem { .. } => true,
            Self::EchoRequest(_) | Self::EchoReply(_) => false,
            Self::Other { kind, .. } => *kind < kind::INFORMATIONAL,
        }
    }

    fn fields(&self) -> (u8, u8, [u8; 4]) {
        let echo = |echo: &Echo| {
            let ([a, b], [c, d]) = (echo.identifier.to_be_bytes(), echo.sequence_number.to_be_bytes());
            [a, b, c, d]
        };
        match self {
            Self::DestinationUnreachable { code } => (kind::DESTINATION_UNREACHABLE, *code, [0; 4]),
            Self::PacketTooBig { mtu } => (kind::PACKET_TOO_BIG, 0, mtu.to_be_bytes()),
            Self::TimeExceeded { code } => (kind::TIME_EXCEEDED, *code, [0; 4]),
            Self::ParameterProblem { code, pointer } => {
                (kind::PARAMETER_PROBLEM, *code, pointer.to_be_bytes())
            }
            Self::EchoRequest(fields) => (kind::ECHO_REQUEST, 0, echo(fields)),
            Self::EchoReply(fields) => (kind::ECHO_REPLY, 0, echo(fields)),
            Self::Other { kind, code, rest } => (*kind, *code, *rest),
        }
    }
}

/// Whether the checksum in `header` is right; `rest` is the sum of pseudo-header and body.
#[must_use]
pub fn verify(header: &[u8], rest: Sum) -> bool {
    (rest + Sum::of(header)).is_valid()
}

/// Whether the checksum of a whole message is right.
#[must_use]
pub fn verify_message(message: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> bool {
    verify(message, pseudo_sum(message, source, destination))
}

/// Writes the checksum into a whole message that has zero in its place.
///
/// # Panics
/// `message` is shorter than 4 bytes.
pub(crate) fn seal(message: &mut [u8], source: Ipv6Addr, destination: Ipv6Addr) {
    let checksum = (pseudo_sum(message, source, destination) + Sum::of(message)).finish();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
}

/// The sum of a message's pseudo-header.
pub(crate) fn pseudo_sum(message: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> Sum {
    pseudo_header(source.into(), destination.into(), IpProtocol::ICMPV6, message.len() as u32)
}

/// How many bytes of a packet of `packet_len` bytes an error about it quotes, behind a plain IPv6 header
/// and 8 bytes of ICMPv6, without exceeding the minimum MTU (RFC 4443 §2.4(c)).
#[must_use]
pub const fn quoted_len(packet_len: usize) -> usize {
    let room = ipv6::MTU_MIN - ipv6::HEADER_LEN - HEADER_LEN;
    if packet_len < room { packet_len } else { room }
}

/// What a node knows about a packet beyond its bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Arrival {
    /// It came as a link-layer broadcast or multicast.
    pub link_group: bool,
    /// Its source is known to be an anycast address.
    pub anycast_source: bool,
}

/// Whether the ICMPv6 error `report` may be sent about `packet` (RFC 4443 §2.4(e)).
///
/// Not about an error or a redirect, nor to what is no single node. To a group only that the packet is too
/// big, or that it has an option that wants to be reported. Nor about what is too short to tell.
#[must_use]
pub fn may_report(report: &Header, packet: &[u8], arrival: Arrival) -> bool {
    let Ok(view @ HeaderView::V6(_)) = HeaderView::new(packet) else { return false };
    let (IpAddr::V6(source), IpAddr::V6(destination)) = (view.source(), view.destination()) else {
        return false;
    };
    if source == Ipv6Addr::UNSPECIFIED || source.is_multicast() || arrival.anycast_source {
        return false;
    }
    if (arrival.link_group || destination.is_multicast()) && !goes_to_groups(report, packet) {
        return false;
    }
    let payload = &packet[ipv6::HEADER_LEN..];
    match UpperLayer::find(view.protocol(), payload) {
        Ok(upper) if upper.protocol == IpProtocol::ICMPV6 => {
            let later = upper.fragment.is_some_and(|fragment| fragment.offset() != 0);
            !later
                && Header::parse(&payload[upper.offset..]).is_ok_and(|header| {
                    !header.is_error() && !matches!(header, Header::Other { kind: kind::REDIRECT, .. })
                })
        }
        Ok(_) => true,
        // An impossible or unknown header is what a parameter problem is about.
        Err(_) => matches!(report, Header::ParameterProblem { .. }),
    }
}

/// The two exceptions of RFC 4443 §2.4(e.3): the pointer leads to an option type with the high bits 10.
fn goes_to_groups(report: &Header, packet: &[u8]) -> bool {
    match report {
        Header::PacketTooBig { .. } => true,
        Header::ParameterProblem { code: UNRECOGNIZED_OPTION, pointer } => {
            usize::try_from(*pointer).ok().and_then(|at| packet.get(at)).is_some_and(|kind| kind >> 6 == 0b10)
        }
        Header::DestinationUnreachable { .. }
        | Header::TimeExceeded { .. }
        | Header::ParameterProblem { .. }
        | Header::EchoRequest(_)
        | Header::EchoReply(_)
        | Header::Other { .. } => false,
    }
}

#[cfg(test)]
#[path = "icmpv6_tests.rs"]
mod tests;
