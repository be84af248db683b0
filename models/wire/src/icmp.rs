//! ICMP for IPv4 (RFC 792), with the next-hop MTU of RFC 1191.
//!
//! A message is a header of 8 bytes and a body: echo data, or the packet that an error is about. The checksum
//! covers both, so [`Header::emit`] takes the body's sum.

use std::net::Ipv4Addr;

use crate::checksum::Sum;
use crate::error::{ParseError, array, exactly, fixed};
use crate::ip::IpProtocol;
use crate::ip_view::HeaderView;

/// Bytes of the header.
pub const HEADER_LEN: usize = 8;
/// An error quotes as much as fits into a packet of this many bytes (RFC 1812 §4.3.2.3).
pub const ERROR_PACKET_LEN_MAX: usize = 576;

const NAME: &str = "an ICMP header";

/// Message types (RFC 792).
mod kind {
    pub(super) const ECHO_REPLY: u8 = 0;
    pub(super) const DESTINATION_UNREACHABLE: u8 = 3;
    pub(super) const SOURCE_QUENCH: u8 = 4;
    pub(super) const REDIRECT: u8 = 5;
    pub(super) const ECHO_REQUEST: u8 = 8;
    pub(super) const TIME_EXCEEDED: u8 = 11;
    pub(super) const PARAMETER_PROBLEM: u8 = 12;
}

/// Which echo a message belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Echo {
    /// Names the asker.
    pub identifier: u16,
    /// Counts its requests.
    pub sequence_number: u16,
}

/// Why a destination cannot be reached, other than for want of fragmentation.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct UnreachableCode(u8);

impl UnreachableCode {
    /// No route to the network (RFC 792).
    pub const NETWORK: Self = Self(0);
    /// The last router cannot reach the host (RFC 792).
    pub const HOST: Self = Self(1);
    /// The host does not speak the protocol (RFC 792).
    pub const PROTOCOL: Self = Self(2);
    /// Nobody listens on the port (RFC 792).
    pub const PORT: Self = Self(3);
    /// A source route failed (RFC 792).
    pub const SOURCE_ROUTE_FAILED: Self = Self(5);
    /// A filter forbids it (RFC 1812 §5.2.7.1).
    pub const ADMINISTRATIVELY_PROHIBITED: Self = Self(13);

    const FRAGMENTATION_NEEDED: u8 = 4;

    /// Any code but 4, which is [`Header::FragmentationNeeded`].
    #[must_use]
    pub const fn new(code: u8) -> Option<Self> {
        if code == Self::FRAGMENTATION_NEEDED { None } else { Some(Self(code)) }
    }

    /// The code as it stands in the header.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }
}

/// The header of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Header {
    /// Asks for an echo of the body.
    EchoRequest(Echo),
    /// The echo of a request's body.
    EchoReply(Echo),
    /// The packet in the body cannot be delivered.
    DestinationUnreachable(UnreachableCode),
    /// The packet in the body is too long for the next link and must not be fragmented (RFC 1191 §4).
    FragmentationNeeded {
        /// What the link carries, in bytes; zero from routers older than RFC 1191.
        next_hop_mtu: u16,
    },
    /// There is a better first hop for the packet in the body.
    Redirect {
        /// What it is better for: 0 network, 1 host, 2 and 3 the same for the type of service.
        code: u8,
        /// The better router.
        gateway: Ipv4Addr,
    },
    /// The packet in the body took too many hops (code 0), or its fragments came too late (code 1).
    TimeExceeded {
        /// 0 in transit, 1 in reassembly.
        code: u8,
    },
    /// The header of the packet in the body makes no sense.
    ParameterProblem {
        /// 0 when the pointer says where (RFC 792), 1 for a missing option (RFC 1108).
        code: u8,
        /// Octet of the header at which the problem is.
        pointer: u8,
    },
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
        let low = u16::from_be_bytes([rest[2], rest[3]]);
        let echo = Echo { identifier: u16::from_be_bytes([rest[0], rest[1]]), sequence_number: low };
        Ok(match (head[0], code) {
            (kind::ECHO_REQUEST, 0) => Self::EchoRequest(echo),
            (kind::ECHO_REPLY, 0) => Self::EchoReply(echo),
            (kind::DESTINATION_UNREACHABLE, _) => match UnreachableCode::new(code) {
                Some(code) => Self::DestinationUnreachable(code),
                None => Self::FragmentationNeeded { next_hop_mtu: low },
            },
            (kind::REDIRECT, _) => Self::Redirect { code, gateway: Ipv4Addr::from(rest) },
            (kind::TIME_EXCEEDED, _) => Self::TimeExceeded { code },
            (kind::PARAMETER_PROBLEM, _) => Self::ParameterProblem { code, pointer: rest[0] },
            (kind, _) => Self::Other { kind, code, rest },
        })
    }

    /// Writes the header with its checksum; `body` is the sum of what follows.
    ///
    /// # Panics
    /// `out` is not [`HEADER_LEN`] bytes long.
    pub fn emit(&self, out: &mut [u8], body: Sum) {
        let out = exactly::<HEADER_LEN>(out);
        let (kind, code, rest) = self.fields();
        out[..4].copy_from_slice(&[kind, code, 0, 0]);
        out[4..].copy_from_slice(&rest);
        let checksum = (body + Sum::of(out)).finish();
        out[2..4].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Whether this reports an error, about which no further error may be sent (RFC 1122 §3.2.2).
    #[must_use]
    pub const fn is_error(&self) -> bool {
        match self {
            Self::DestinationUnreachable(_)
            | Self::FragmentationNeeded { .. }
            | Self::Redirect { .. }
            | Self::TimeExceeded { .. }
            | Self::ParameterProblem { .. } => true,
            Self::EchoRequest(_) | Self::EchoReply(_) => false,
            Self::Other { kind, .. } => *kind == kind::SOURCE_QUENCH,
        }
    }

    fn fields(&self) -> (u8, u8, [u8; 4]) {
        let echo = |echo: &Echo| {
            let ([a, b], [c, d]) = (echo.identifier.to_be_bytes(), echo.sequence_number.to_be_bytes());
            [a, b, c, d]
        };
        match self {
            Self::EchoRequest(fields) => (kind::ECHO_REQUEST, 0, echo(fields)),
            Self::EchoReply(fields) => (kind::ECHO_REPLY, 0, echo(fields)),
            Self::DestinationUnreachable(code) => (kind::DESTINATION_UNREACHABLE, code.0, [0; 4]),
            Self::FragmentationNeeded { next_hop_mtu } => {
                let [high, low] = next_hop_mtu.to_be_bytes();
                (kind::DESTINATION_UNREACHABLE, UnreachableCode::FRAGMENTATION_NEEDED, [0, 0, high, low])
            }
            Self::Redirect { code, gateway } => (kind::REDIRECT, *code, gateway.octets()),
            Self::TimeExceeded { code } => (kind::TIME_EXCEEDED, *code, [0; 4]),
            Self::ParameterProblem { code, pointer } => (kind::PARAMETER_PROBLEM, *code, [*pointer, 0, 0, 0]),
            Self::Other { kind, code, rest } => (*kind, *code, *rest),
        }
    }
}

/// Whether the checksum in `header` is right; `body` is the sum of what follows.
#[must_use]
pub fn verify(header: &[u8], body: Sum) -> bool {
    (body + Sum::of(header)).is_valid()
}

/// How many bytes of a packet of `packet_len` bytes an error about it quotes, behind a plain IPv4 header
/// and 8 bytes of ICMP, without exceeding 576 bytes (RFC 1812 §4.3.2.3).
#[must_use]
pub const fn quoted_len(packet_len: usize) -> usize {
    let room = ERROR_PACKET_LEN_MAX - crate::ipv4::HEADER_LEN - HEADER_LEN;
    if packet_len < room { packet_len } else { room }
}

/// What a node knows about a packet beyond its bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Arrival {
    /// It came as a link-layer broadcast or multicast.
    pub link_group: bool,
    /// Its source or destination is the broadcast address of a network the node is on.
    pub network_broadcast: bool,
}

/// Whether an ICMP error may be sent about `packet` (RFC 1122 §3.2.2).
///
/// Not about an error, a broadcast or multicast, a fragment but the first, or a source that is no single
/// host; nor about what is too short to tell.
#[must_use]
pub fn may_report(packet: &[u8], arrival: Arrival) -> bool {
    let Ok(view @ HeaderView::V4(_)) = HeaderView::new(packet) else { return false };
    let (Some(fragmentation), std::net::IpAddr::V4(source), std::net::IpAddr::V4(destination)) =
        (view.fragmentation(), view.source(), view.destination())
    else {
        return false;
    };
    let is_group = destination.is_multicast() || destination.is_broadcast();
    if arrival.link_group || arrival.network_broadcast || is_group || !is_single_host(source) {
        return false;
    }
    if fragmentation.offset() != 0 {
        return false;
    }
    view.protocol() != IpProtocol::ICMP
        || Header::parse(&packet[view.header_len()..]).is_ok_and(|header| !header.is_error())
}

/// Not zero, loopback, multicast, class E or broadcast (RFC 1122 §3.2.2).
const fn is_single_host(source: Ipv4Addr) -> bool {
    let [first, ..] = source.octets();
    first != 0 && !source.is_loopback() && first < 224
}

#[cfg(test)]
#[path = "icmp_tests.rs"]
mod tests;
