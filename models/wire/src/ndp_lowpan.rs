//! What 6LoWPAN adds to the options of neighbour discovery (RFC 6775 §4, RFC 8505 §4, RFC 7400 §3.3): registration of addresses,
//! contexts of header compression, border routers, capabilities.

use std::net::Ipv6Addr;

use crate::error::array;
use crate::ieee802154::{Address, ExtendedAddress, ShortAddress};

/// What tells one owner of an address from another: an EUI-64 (RFC 6775 §4.1), or a Registration Ownership Verifier of 64, 128, 192
/// or 256 bits (RFC 8505 §5.3).
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub struct Rovr {
    /// Bytes behind the length are zero.
    bytes: [u8; ROVR_LEN_MAX],
    len: u8,
}

impl Rovr {
    /// The verifier of these bytes, of which there have to be 8, 16, 24 or 32.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if !matches!(bytes.len(), 8 | 16 | 24 | 32) {
            return None;
        }
        let mut own = [0; ROVR_LEN_MAX];
        own[..bytes.len()].copy_from_slice(bytes);
        Some(Self { bytes: own, len: bytes.len() as u8 })
    }

    /// That of an interface: its EUI-64.
    #[must_use]
    pub const fn of_eui64(address: ExtendedAddress) -> Self {
        let mut bytes = [0; ROVR_LEN_MAX];
        let mut at = 0;
        while at < 8 {
            bytes[at] = address.0[at];
            at += 1;
        }
        Self { bytes, len: 8 }
    }

    /// Its bytes: 8, 16, 24 or 32.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The EUI-64, if it has the size of one.
    #[must_use]
    pub fn eui64(&self) -> Option<ExtendedAddress> {
        (self.len == 8).then(|| ExtendedAddress(array(&self.bytes, 0)))
    }
}

impl std::fmt::Debug for Rovr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rovr(")?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, ")")
    }
}

/// What became of a registration (RFC 6775 table 1, RFC 8505 table 1).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Status(pub u8);

impl Status {
    /// The address is registered, or not any more, as was asked for.
    pub const SUCCESS: Self = Self(0);
    /// Somebody else has the address.
    pub const DUPLICATE_ADDRESS: Self = Self(1);
    /// The router keeps no more registrations.
    pub const NEIGHBOR_CACHE_FULL: Self = Self(2);
    /// A newer registration of the same owner is known.
    pub const MOVED: Self = Self(3);
    /// The registration is not there any more.
    pub const REMOVED: Self = Self(4);
    /// The owner has to prove that it is one.
    pub const VALIDATION_REQUESTED: Self = Self(5);
    /// Somebody else has the address that the registration came from.
    pub const DUPLICATE_SOURCE_ADDRESS: Self = Self(6);
    /// The registration came from an address that is not link-local.
    pub const INVALID_SOURCE_ADDRESS: Self = Self(7);
    /// The address is of no use on this link.
    pub const TOPOLOGICALLY_INCORRECT: Self = Self(8);
    /// The border router keeps no more registrations.
    pub const REGISTRY_SATURATED: Self = Self(9);
    /// The proof was wrong.
    pub const VALIDATION_FAILED: Self = Self(10);

    /// The status in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "success",
            1 => "duplicate address",
            2 => "neighbour cache full",
            3 => "moved",
            4 => "removed",
            5 => "validation requested",
            6 => "duplicate source address",
            7 => "invalid source address",
            8 => "topologically incorrect",
            9 => "6LBR registry saturated",
            10 => "validation failed",
            _ => "unknown status",
        }
    }
}

/// What RFC 8505 adds to a registration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transaction {
    /// How new the registration is: the Transaction ID.
    pub id: u8,
    /// The node asks to be made reachable ('R').
    pub routed: bool,
    /// The topology that it wants to be reached in; 0: the usual one.
    pub opaque: u8,
}

/// The Address Registration Option (RFC 6775 §4.1), or the extended one (RFC 8505 §4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddressRegistration {
    /// What became of it; in a solicitation 0.
    pub status: Status,
    /// Minutes that the registration is kept; 0 ends it.
    pub lifetime: u16,
    /// Whose it is.
    pub rovr: Rovr,
    /// What makes the option an extended one ('T').
    pub transaction: Option<Transaction>,
}

impl AddressRegistration {
    /// Reads the option, type and length included: 16, 24, 32 or 40 bytes, more than 16 only of an extended one.
    pub(crate) fn parse(option: &[u8]) -> Option<Self> {
        let rovr = Rovr::new(option.get(8..)?)?;
        let flags = option[4];
        let transaction = Transaction { id: option[5], routed: flags & ROUTED != 0, opaque: option[3] };
        if flags & HAS_TID == 0 && rovr.eui64().is_none() {
            return None; // Only an extended one may be longer (RFC 6775 §6.5, RFC 8505 §5.1).
        }
        Some(Self {
            status: Status(option[2]),
            lifetime: u16::from_be_bytes(array(option, 6)),
            rovr,
            transaction: (flags & HAS_TID != 0).then_some(transaction),
        })
    }

    /// What stands behind type and length, in the first bytes of the result; their number.
    pub(crate) fn value(&self) -> ([u8; 6 + ROVR_LEN_MAX], usize) {
        let mut out = [0; 6 + ROVR_LEN_MAX];
        out[0] = self.status.0;
        if let Some(transaction) = self.transaction {
            out[1] = transaction.opaque;
            out[2] = HAS_TID | if transaction.routed { ROUTED } else { 0 };
            out[3] = transaction.id;
        }
        out[4..6].copy_from_slice(&self.lifetime.to_be_bytes());
        out[6..].copy_from_slice(&self.rovr.bytes);
        (out, 6 + usize::from(self.rovr.len))
    }
}

/// The 6LoWPAN Context Option (RFC 6775 §4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ContextOption {
    /// The context's number, of which the low four bits count.
    pub id: u8,
    /// Whether it may be used to compress ('C'); it is always there to decompress.
    pub compress: bool,
    /// Minutes that it holds; 0 removes it.
    pub lifetime: u16,
    /// Leading bits of the prefix that count, 0 to 128.
    pub len: u8,
    /// The prefix; bits behind its length are zero.
    pub prefix: Ipv6Addr,
}

impl ContextOption {
    /// Reads the option: 16 bytes, or 24 where more than 64 bits count.
    pub(crate) fn parse(option: &[u8]) -> Option<Self> {
        let len = option[2];
        if len > 128 || len > 64 && option.len() != 24 || !matches!(option.len(), 16 | 24) {
            return None;
        }
        let mut prefix = [0; 16];
        prefix[..option.len() - 8].copy_from_slice(&option[8..]);
        let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
        Some(Self {
            id: option[3] & 0xF,
            compress: option[3] & COMPRESS != 0,
            lifetime: u16::from_be_bytes(array(option, 6)),
            len,
            prefix: Ipv6Addr::from(u128::from_be_bytes(prefix) & mask),
        })
    }

    pub(crate) fn value(&self) -> ([u8; 22], usize) {
        let mut out = [0; 22];
        out[0] = self.len;
        out[1] = self.id & 0xF | if self.compress { COMPRESS } else { 0 };
        out[4..6].copy_from_slice(&self.lifetime.to_be_bytes());
        out[6..].copy_from_slice(&self.prefix.octets());
        (out, if self.len > 64 { 22 } else { 14 })
    }
}

/// The Authoritative Border Router Option (RFC 6775 §4.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BorderRouter {
    /// Raised when prefixes or contexts change.
    pub version: u32,
    /// Minutes that what the message says holds; 0 stands for 10,000.
    pub lifetime: u16,
    /// The border router that said so.
    pub address: Ipv6Addr,
}

impl BorderRouter {
    /// Minutes that the information holds.
    #[must_use]
    pub const fn minutes(&self) -> u16 {
        if self.lifetime == 0 { BORDER_LIFETIME_DEFAULT } else { self.lifetime }
    }

    pub(crate) fn parse(option: &[u8]) -> Self {
        let low = u16::from_be_bytes(array(option, 2));
        let high = u16::from_be_bytes(array(option, 4));
        Self {
            version: u32::from(high) << 16 | u32::from(low),
            lifetime: u16::from_be_bytes(array(option, 6)),
            address: Ipv6Addr::from(array::<16>(option, 8)),
        }
    }

    pub(crate) fn value(&self) -> [u8; 22] {
        let mut out = [0; 22];
        let [a, b, c, d] = self.version.to_be_bytes();
        out[..4].copy_from_slice(&[c, d, a, b]);
        out[4..6].copy_from_slice(&self.lifetime.to_be_bytes());
        out[6..].copy_from_slice(&self.address.octets());
        out
    }
}

/// The 6LoWPAN Capability Indication Option (RFC 7400 §3.3, RFC 8505 §4.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Capabilities {
    /// The border router takes extended Duplicate Address messages ('D').
    pub extended_duplicate: bool,
    /// The node is a router ('L').
    pub router: bool,
    /// The node is a border router ('B').
    pub border: bool,
    /// The node is a routing registrar ('P').
    pub routing_registrar: bool,
    /// The node takes extended registrations ('E').
    pub extended_registration: bool,
    /// The node takes headers in generic compression ('G').
    pub generic_compression: bool,
}

impl Capabilities {
    pub(crate) const fn parse(option: &[u8]) -> Self {
        let flags = option[3];
        Self {
            extended_duplicate: flags & 0x20 != 0,
            router: flags & 0x10 != 0,
            border: flags & 0x08 != 0,
            routing_registrar: flags & 0x04 != 0,
            extended_registration: flags & 0x02 != 0,
            generic_compression: flags & 0x01 != 0,
        }
    }

    pub(crate) fn value(&self) -> [u8; 6] {
        let bits = [
            (self.extended_duplicate, 0x20),
            (self.router, 0x10),
            (self.border, 0x08),
            (self.routing_registrar, 0x04),
            (self.extended_registration, 0x02),
            (self.generic_compression, 0x01),
        ];
        let flags = bits.iter().filter(|(is_set, _)| *is_set).fold(0, |flags, (_, bit)| flags | bit);
        [0, flags, 0, 0, 0, 0]
    }
}

/// A radio's address as the value of an option with a link-layer address: 2 or 8 bytes, the rest of the option is padding
/// (RFC 4944 §8).
#[must_use]
pub fn radio_address(data: &[u8]) -> Option<Address> {
    match data.len() {
        6 => Some(Address::Short(ShortAddress(u16::from_be_bytes(array(data, 0))))),
        14 => Some(Address::Extended(ExtendedAddress(array(data, 0)))),
        _ => None,
    }
}

/// The bytes of a radio's address in their order on paper: the first ones of the result, and their number.
#[must_use]
pub fn radio_address_bytes(address: Address) -> ([u8; 8], usize) {
    match address {
        Address::Extended(address) => (address.0, 8),
        Address::Short(address) => {
            let [high, low] = address.0.to_be_bytes();
            ([high, low, 0, 0, 0, 0, 0, 0], 2)
        }
    }
}

const ROVR_LEN_MAX: usize = 32;
const ROUTED: u8 = 0x02;
const HAS_TID: u8 = 0x01;
const COMPRESS: u8 = 0x10;
/// About a week (RFC 6775 §4.3).
const BORDER_LIFETIME_DEFAULT: u16 = 10_000;

#[cfg(test)]
#[path = "ndp_lowpan_tests.rs"]
mod tests;
