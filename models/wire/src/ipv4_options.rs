//! IPv4 options (RFC 791 §3.1), kept inline and to the byte, known to us or not.

use std::net::Ipv4Addr;

use crate::error::NoRoom;
use crate::inline_options::{END_OF_LIST, InlineOptions, NO_OPERATION, RawIter, RawOption};

/// Option types, with the copied flag and the class in them (RFC 791 §3.1, RFC 2113).
mod kind {
    pub(super) const RECORD_ROUTE: u8 = 7;
    pub(super) const TIMESTAMP: u8 = 68;
    pub(super) const LOOSE_SOURCE_ROUTE: u8 = 131;
    pub(super) const STRICT_SOURCE_ROUTE: u8 = 137;
    pub(super) const ROUTER_ALERT: u8 = 148;
}

/// The flag in an option's type that has it copied into every fragment (RFC 791 §3.1).
const COPIED: u8 = 0x80;

/// The options of one packet: at most 40 bytes, in their order, with the padding they came with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ipv4Options(InlineOptions);

impl Ipv4Options {
    /// The most bytes of options that an IPv4 header can have (RFC 791 §3.1, IHL at most 15).
    pub const LEN_MAX: usize = crate::inline_options::CAPACITY;
    /// No options.
    pub const EMPTY: Self = Self(InlineOptions::EMPTY);

    /// Keeps the list as received, in whole 32-bit words and at most 40 bytes.
    #[inline]
    pub(crate) fn from_wire(list: &[u8]) -> Self {
        Self(InlineOptions::from_wire(list))
    }

    /// Bytes in the header: whole 32-bit words, padded with end-of-list.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.padded_len()
    }

    /// Whether there are no options at all.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The options with their padding, as they stand in the header.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The options in their order, until the list ends or cannot be read on.
    #[must_use]
    pub fn iter(&self) -> Ipv4OptionIter<'_> {
        Ipv4OptionIter(self.0.iter())
    }

    /// Offset in the list of the first option whose length is impossible.
    ///
    /// A parameter problem points 20 bytes further, at the offset in the header (RFC 1812 §5.2.4.1).
    #[must_use]
    pub fn malformed_at(&self) -> Option<usize> {
        self.0.malformed_at()
    }

    /// Appends an option behind those that can be read.
    ///
    /// # Errors
    /// The option does not fit into what is left of the 40 bytes; nothing has changed then.
    pub fn try_push(&mut self, option: Ipv4Option<'_>) -> Result<(), NoRoom> {
        let mut push = |kind: u8, data: &[&[u8]]| self.0.try_push("the IPv4 option list", kind, data);
        match option {
            Ipv4Option::NoOperation => push(NO_OPERATION, &[]),
            Ipv4Option::RecordRoute(route) => push(kind::RECORD_ROUTE, &[&[route.pointer], route.data]),
            Ipv4Option::LooseSourceRoute(route) => {
                push(kind::LOOSE_SOURCE_ROUTE, &[&[route.pointer], route.data])
            }
            Ipv4Option::StrictSourceRoute(route) => {
                push(kind::STRICT_SOURCE_ROUTE, &[&[route.pointer], route.data])
            }
            Ipv4Option::Timestamp(stamps) => {
                push(kind::TIMESTAMP, &[&[stamps.pointer, stamps.overflow_and_flag], stamps.data])
            }
            Ipv4Option::RouterAlert(value) => push(kind::ROUTER_ALERT, &[&value.to_be_bytes()]),
            Ipv4Option::Unknown { kind: NO_OPERATION | END_OF_LIST, .. } => push(NO_OPERATION, &[]),
            Ipv4Option::Unknown { kind, data } => push(kind, &[data]),
        }
    }

    /// The options that fragments behind the first carry: those with the copied flag (RFC 791 §3.1).
    #[must_use]
    pub fn copied(&self) -> Self {
        let mut copied = Self::EMPTY;
        for option in self.0.iter().filter(|option| option.kind & COPIED != 0) {
            copied
                .0
                .try_push("the IPv4 option list", option.kind, &[option.data])
                .expect("a part of a list fits where the list did");
        }
        copied
    }

    /// Enters `address` into the first record route option, as every forwarding node does (RFC 791 §3.1).
    ///
    /// Returns whether there was such an option with room in it.
    pub fn record_route(&mut self, address: Ipv4Addr) -> bool {
        let Some(option) = self.0.iter().find(|option| option.kind == kind::RECORD_ROUTE) else {
            return false;
        };
        // The pointer counts from 1 at the option's type; an area that holds no whole address is full.
        let (at, length) = (option.at, option.data.len() + 2);
        let Some(&pointer) = option.data.first() else { return false };
        let slot = usize::from(pointer);
        if slot < ROUTE_POINTER_MIN || slot + 3 > length {
            return false;
        }
        let bytes = self.0.as_bytes_mut();
        bytes[at + slot - 1..at + slot + 3].copy_from_slice(&address.octets());
        bytes[at + 2] = pointer + 4; // At most 40: slot + 3 is within the option.
        true
    }
}

/// The smallest pointer of a route: its first address stands behind type, length and pointer (RFC 791 §3.1).
const ROUTE_POINTER_MIN: usize = 4;

impl Default for Ipv4Options {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// A route that is recorded or to be followed (RFC 791 §3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Route<'a> {
    /// Octet of the option, counted from 1, where the next address is entered or read; 4 at first.
    pub pointer: u8,
    /// The addresses, four octets each; a remainder that is no whole address is kept.
    pub data: &'a [u8],
}

impl Route<'_> {
    /// The addresses before the pointer: recorded, or already visited.
    pub fn passed(&self) -> impl Iterator<Item = Ipv4Addr> {
        let count = usize::from(self.pointer).saturating_sub(ROUTE_POINTER_MIN) / 4;
        self.data.as_chunks::<4>().0.iter().take(count).map(|octets| Ipv4Addr::from(*octets))
    }
}

/// The Internet timestamp option (RFC 791 §3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimestampOption<'a> {
    /// Octet of the option, counted from 1, behind the last stamp; 5 at first.
    pub pointer: u8,
    /// Nodes without room for their stamp in the high four bits, the flag in the low four.
    pub overflow_and_flag: u8,
    /// The stamps, in milliseconds since midnight, with or without addresses.
    pub data: &'a [u8],
}

/// One option, as far as it is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ipv4Option<'a> {
    /// One byte of padding between options.
    NoOperation,
    /// The nodes on the way enter their addresses.
    RecordRoute(Route<'a>),
    /// The packet has to visit these nodes.
    LooseSourceRoute(Route<'a>),
    /// The packet has to visit these nodes and no others.
    StrictSourceRoute(Route<'a>),
    /// The nodes on the way enter the time.
    Timestamp(TimestampOption<'a>),
    /// Routers should look into the packet: zero (RFC 2113 §2.1).
    RouterAlert(u16),
    /// Any other type, and a known type whose length is not its own.
    Unknown {
        /// The option's type octet.
        kind: u8,
        /// The value behind type and length.
        data: &'a [u8],
    },
}

/// The options of a packet, one after the other.
#[derive(Clone, Debug)]
pub struct Ipv4OptionIter<'a>(RawIter<'a>);

impl<'a> Iterator for Ipv4OptionIter<'a> {
    type Item = Ipv4Option<'a>;

    fn next(&mut self) -> Option<Ipv4Option<'a>> {
        self.0.next().map(Ipv4Option::from_raw)
    }
}

impl<'a> Ipv4Option<'a> {
    fn from_raw(raw: RawOption<'a>) -> Self {
        match (raw.kind, raw.data) {
            (NO_OPERATION, _) => Self::NoOperation,
            (kind::RECORD_ROUTE, &[pointer, ref data @ ..]) => Self::RecordRoute(Route { pointer, data }),
            (kind::LOOSE_SOURCE_ROUTE, &[pointer, ref data @ ..]) => {
                Self::LooseSourceRoute(Route { pointer, data })
            }
            (kind::STRICT_SOURCE_ROUTE, &[pointer, ref data @ ..]) => {
                Self::StrictSourceRoute(Route { pointer, data })
            }
            (kind::TIMESTAMP, &[pointer, overflow_and_flag, ref data @ ..]) => {
                Self::Timestamp(TimestampOption { pointer, overflow_and_flag, data })
            }
            (kind::ROUTER_ALERT, &[high, low]) => Self::RouterAlert(u16::from_be_bytes([high, low])),
            (kind, data) => Self::Unknown { kind, data },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_recorded_until_the_option_is_full() {
        let mut options = Ipv4Options::EMPTY;
        // Type 7, length 3 + 2 * 4 = 11, pointer 4: room for two addresses.
        options.try_push(Ipv4Option::RecordRoute(Route { pointer: 4, data: &[0; 8] })).unwrap();
        assert_eq!(options.as_bytes(), [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(options.record_route(Ipv4Addr::new(10, 0, 0, 1)));
        assert!(options.record_route(Ipv4Addr::new(10, 0, 0, 2)));
        assert!(!options.record_route(Ipv4Addr::new(10, 0, 0, 3)), "the pointer 12 is past the length 11");
        assert_eq!(options.as_bytes(), [7, 11, 12, 10, 0, 0, 1, 10, 0, 0, 2, 0]);
        let Some(Ipv4Option::RecordRoute(route)) = options.iter().next() else { panic!("{options:?}") };
        let passed: Vec<_> = route.passed().collect();
        assert_eq!(passed, [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)]);
    }

    #[test]
    fn only_options_with_the_copied_flag_go_into_later_fragments() {
        let mut options = Ipv4Options::EMPTY;
        options.try_push(Ipv4Option::RecordRoute(Route { pointer: 4, data: &[0; 4] })).unwrap();
        options.try_push(Ipv4Option::RouterAlert(0)).unwrap();
        // Router alert is 148 = 128 + 20: copied. Record route is 7: not.
        assert_eq!(options.copied().as_bytes(), [148, 4, 0, 0]);
    }

    #[test]
    fn a_pointer_outside_the_option_records_nothing() {
        for pointer in [0, 3, 5, 200, 255] {
            let mut options = Ipv4Options::from_wire(&[7, 7, pointer, 0, 0, 0, 0, 0]);
            assert!(!options.record_route(Ipv4Addr::LOCALHOST), "pointer {pointer}");
        }
    }
}
