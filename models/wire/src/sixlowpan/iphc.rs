//! What both directions of the IPv6 header's compression share (RFC 6282 §3).

use std::net::Ipv6Addr;

use super::context::Context;
use crate::error::array;
use crate::ieee802154::Address;

pub(super) const NAME: &str = "a compressed IPv6 header";

/// Interface identifiers that the header around a packet implies: from the frame's addresses, or from the
/// addresses of a header that encapsulates it (RFC 6282 §3.2.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identifiers {
    /// The sender's.
    pub source: [u8; 8],
    /// The receiver's.
    pub destination: [u8; 8],
}

impl Identifiers {
    /// Those of a frame from `source` to `destination`.
    #[must_use]
    pub const fn of_frame(source: Address, destination: Address) -> Self {
        Self { source: source.interface_identifier(), destination: destination.interface_identifier() }
    }

    pub(super) fn of_addresses(source: Ipv6Addr, destination: Ipv6Addr) -> Self {
        Self { source: array(&source.octets(), 8), destination: array(&destination.octets(), 8) }
    }
}

/// An address of a context's prefix and, for the bits that it does not cover, an identifier.
pub(super) fn with_context(context: Context, identifier: [u8; 8]) -> Ipv6Addr {
    let (bits, mask) = context.bits();
    let [a, b, c, d, e, f, g, h] = identifier;
    let low = u128::from(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
    Ipv6Addr::from(bits | low & !mask)
}

pub(super) fn is_link_local(address: Ipv6Addr) -> bool {
    address.octets()[..8] == [0xFE, 0x80, 0, 0, 0, 0, 0, 0]
}

/// The dispatch, in the three high bits.
pub(super) const IPHC: u8 = 0x60;
/// NH of the first byte.
pub(super) const NEXT_HEADER_COMPRESSED: u8 = 0x04;
/// CID of the second byte.
pub(super) const CONTEXT_EXTENSION: u8 = 0x80;
/// M of the second byte.
pub(super) const MULTICAST: u8 = 0x08;
/// SAC or DAC beside the two bits of a mode.
pub(super) const STATEFUL: u8 = 0x04;
