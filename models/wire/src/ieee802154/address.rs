//! Addresses of IEEE 802.15.4 devices, and which of them a header holds.

use std::fmt;
use std::net::Ipv6Addr;

use super::FrameVersion;

/// A personal area network.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PanId(
    /// The number.
    pub u16,
);

impl PanId {
    /// Every network.
    pub const BROADCAST: Self = Self(0xFFFF);
}

/// An address of 16 bits, given by the network's coordinator or by its configuration.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ShortAddress(
    /// The number.
    pub u16,
);

impl ShortAddress {
    /// Every device.
    pub const BROADCAST: Self = Self(0xFFFF);
    /// The device has been associated, but has no short address.
    pub const NONE: Self = Self(0xFFFE);
}

/// An address of 64 bits (EUI-64), in the order in which it is written; on the air the last byte is first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ExtendedAddress(
    /// The octets as they are written.
    pub [u8; 8],
);

impl ExtendedAddress {
    /// The interface identifier: the universal/local bit flipped (RFC 4944 §6, RFC 2464 §4).
    #[must_use]
    pub const fn interface_identifier(self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h] = self.0;
        [a ^ 0x02, b, c, d, e, f, g, h]
    }
}

impl fmt::Display for ExtendedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}:{h:02x}:{i:02x}")
    }
}

/// An address of either length.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Address {
    /// 16 bits.
    Short(ShortAddress),
    /// 64 bits.
    Extended(ExtendedAddress),
}

impl Address {
    /// Every device.
    pub const BROADCAST: Self = Self::Short(ShortAddress::BROADCAST);

    /// Bytes in a header.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no address is empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Short(_) => 2,
            Self::Extended(_) => 8,
        }
    }

    /// The interface identifier that 6LoWPAN derives from the address: `0000:00ff:fe00:XXXX` for a short one
    /// (RFC 6282 §3.2.2), else the EUI-64's.
    #[must_use]
    pub const fn interface_identifier(self) -> [u8; 8] {
        match self {
            Self::Short(ShortAddress(number)) => {
                let [high, low] = number.to_be_bytes();
                [0, 0, 0, 0xFF, 0xFE, 0, high, low]
            }
            Self::Extended(address) => address.interface_identifier(),
        }
    }

    /// The link-local address made of the interface identifier.
    #[must_use]
    pub const fn link_local(self) -> Ipv6Addr {
        let [a, b, c, d, e, f, g, h] = self.interface_identifier();
        Ipv6Addr::from_octets([0xFE, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h])
    }
}

/// What a header says of receiver and sender: only what the frame control field can express.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Addressing {
    destination_pan: Option<PanId>,
    destination: Option<Address>,
    source_pan: Option<PanId>,
    source: Option<Address>,
}

impl Addressing {
    /// Neither receiver nor sender, as in an immediate acknowledgment.
    pub const NONE: Self = Self { destination_pan: None, destination: None, source_pan: None, source: None };

    /// From one device to another of the same network; its number is sent once.
    #[must_use]
    pub const fn within(pan: PanId, destination: Address, source: Address) -> Self {
        Self {
            destination_pan: Some(pan),
            destination: Some(destination),
            source_pan: None,
            source: Some(source),
        }
    }

    /// From a device to one of another network.
    ///
    /// `None` if both addresses are extended: frame version 2 has no such form (table 7-2).
    #[must_use]
    pub const fn between(
        (destination_pan, destination): (PanId, Address),
        (source_pan, source): (PanId, Address),
    ) -> Option<Self> {
        if matches!((destination, source), (Address::Extended(_), Address::Extended(_))) {
            return None;
        }
        Some(Self {
            destination_pan: Some(destination_pan),
            destination: Some(destination),
            source_pan: Some(source_pan),
            source: Some(source),
        })
    }

    /// From a device that is in no network yet to one of a network, as an association request (clause 7.5.2). Not for frames of
    /// version 2 if both addresses are extended: they have no such form (table 7-2).
    #[must_use]
    pub const fn of_stranger(pan: PanId, destination: Address, source: ExtendedAddress) -> Self {
        Self {
            destination_pan: Some(pan),
            destination: Some(destination),
            source_pan: Some(PanId::BROADCAST),
            source: Some(Address::Extended(source)),
        }
    }

    /// A sender alone, as in a beacon.
    #[must_use]
    pub const fn from(pan: PanId, source: Address) -> Self {
        Self { destination_pan: None, destination: None, source_pan: Some(pan), source: Some(source) }
    }

    /// A receiver alone, as in an enhanced acknowledgment.
    #[must_use]
    pub const fn to(pan: PanId, destination: Address) -> Self {
        Self { destination_pan: Some(pan), destination: Some(destination), source_pan: None, source: None }
    }

    /// The receiver.
    #[must_use]
    pub const fn destination(&self) -> Option<Address> {
        self.destination
    }

    /// The sender.
    #[must_use]
    pub const fn source(&self) -> Option<Address> {
        self.source
    }

    /// The receiver's network.
    #[must_use]
    pub const fn destination_pan(&self) -> Option<PanId> {
        self.destination_pan
    }

    /// The sender's network: the receiver's, unless it has its own field.
    #[must_use]
    pub fn source_pan(&self) -> Option<PanId> {
        self.source_pan.or(self.source.and(self.destination_pan))
    }

    /// Bytes of all fields.
    pub(super) fn len(&self) -> usize {
        let pans = [self.destination_pan, self.source_pan].into_iter().flatten().count();
        let addresses = [self.destination, self.source].into_iter().flatten();
        2 * pans + addresses.map(Address::len).sum::<usize>()
    }

    /// The two address modes and the PAN ID compression bit for a header of `version`.
    ///
    /// The compression bit is the one with which the fields are present that there are.
    pub(super) fn control(&self, version: FrameVersion) -> (u8, u8, bool) {
        let (destination, source) = (mode(self.destination), mode(self.source));
        let present = (self.destination_pan.is_some(), self.source_pan.is_some());
        let compressed = pan_fields(version, true, destination, source) == Some(present);
        (destination, source, compressed)
    }

    /// Reads the fields in front of `bytes`; returns what is left behind them.
    ///
    /// `Err` holds the number of bytes that are needed, or nothing if the modes are not allowed.
    pub(super) fn parse(
        version: FrameVersion,
        compressed: bool,
        (destination, source): (u8, u8),
        bytes: &[u8],
    ) -> Result<(Self, &[u8]), Option<usize>> {
        let (has_destination_pan, has_source_pan) =
            pan_fields(version, compressed, destination, source).ok_or(None)?;
        let need = 2 * (usize::from(has_destination_pan) + usize::from(has_source_pan))
            + len_of(destination)
            + len_of(source);
        if bytes.len() < need {
            return Err(Some(need));
        }
        let mut rest = bytes;
        let pan = |present: bool, rest: &mut &[u8]| -> Option<PanId> {
            let (chunk, after) = present.then(|| rest.split_first_chunk::<2>()).flatten()?;
            *rest = after;
            Some(PanId(u16::from_le_bytes(*chunk)))
        };
        let destination_pan = pan(has_destination_pan, &mut rest);
        let (destination, after) = take_address(destination, rest);
        rest = after;
        let source_pan = pan(has_source_pan, &mut rest);
        let (source, rest) = take_address(source, rest);
        Ok((Self { destination_pan, destination, source_pan, source }, rest))
    }

    /// Writes the fields at the front of `out`, which has room for them.
    pub(super) fn emit(&self, out: &mut [u8]) {
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        for (pan, address) in [(self.destination_pan, self.destination), (self.source_pan, self.source)] {
            if let Some(pan) = pan {
                put(&pan.0.to_le_bytes());
            }
            match address {
                Some(Address::Short(address)) => put(&address.0.to_le_bytes()),
                Some(Address::Extended(ExtendedAddress(mut octets))) => {
                    octets.reverse();
                    put(&octets);
                }
                None => {}
            }
        }
    }
}

/// Address mode of the frame control field (table 7-3).
fn mode(address: Option<Address>) -> u8 {
    match address {
        None => MODE_NONE,
        Some(Address::Short(_)) => MODE_SHORT,
        Some(Address::Extended(_)) => MODE_EXTENDED,
    }
}

fn len_of(mode: u8) -> usize {
    match mode {
        MODE_SHORT => 2,
        MODE_EXTENDED => 8,
        _ => 0,
    }
}

fn take_address(mode: u8, bytes: &[u8]) -> (Option<Address>, &[u8]) {
    match mode {
        MODE_SHORT => match bytes.split_first_chunk::<2>() {
            Some((chunk, rest)) => (Some(Address::Short(ShortAddress(u16::from_le_bytes(*chunk)))), rest),
            None => (None, bytes),
        },
        MODE_EXTENDED => match bytes.split_first_chunk::<8>() {
            Some((chunk, rest)) => {
                let mut octets = *chunk;
                octets.reverse();
                (Some(Address::Extended(ExtendedAddress(octets))), rest)
            }
            None => (None, bytes),
        },
        _ => (None, bytes),
    }
}

/// Which PAN identifiers are present, receiver's and sender's; `None` for modes that are reserved.
///
/// Versions 0 and 1: each address has its PAN, but with compression the sender's is left out (clause 7.2.2.6
/// of the 2006 edition). Version 2: table 7-2.
fn pan_fields(version: FrameVersion, compressed: bool, destination: u8, source: u8) -> Option<(bool, bool)> {
    let (to, from) = (destination != MODE_NONE, source != MODE_NONE);
    if destination == MODE_RESERVED || source == MODE_RESERVED {
        return None;
    }
    Some(match version {
        FrameVersion::V2003 | FrameVersion::V2006 => {
            if compressed && !(to && from) {
                return None;
            }
            (to, from && !compressed)
        }
        FrameVersion::V2015 => match (to, from) {
            (false, false) => (compressed, false),
            (true, false) => (!compressed, false),
            (false, true) => (false, !compressed),
            (true, true) if destination == MODE_EXTENDED && source == MODE_EXTENDED => (!compressed, false),
            (true, true) => (true, !compressed),
        },
    })
}

const MODE_NONE: u8 = 0;
const MODE_RESERVED: u8 = 1;
const MODE_SHORT: u8 = 2;
const MODE_EXTENDED: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_follow_rfc_6282_and_rfc_4944() {
        let short = Address::Short(ShortAddress(0x0102));
        assert_eq!(short.link_local().to_string(), "fe80::ff:fe00:102");
        let long = Address::Extended(ExtendedAddress([0x02, 0x12, 0x4B, 0, 0, 0, 0, 0x07]));
        assert_eq!(long.link_local().to_string(), "fe80::12:4b00:0:7");
    }

    #[test]
    fn the_number_of_a_network_is_sent_once_within_it() {
        let short = Address::Short(ShortAddress(1));
        let long = Address::Extended(ExtendedAddress([1; 8]));
        let pan = PanId(0xABCD);
        for (to, from, len) in [(short, short, 6), (short, long, 12), (long, long, 18)] {
            let addressing = Addressing::within(pan, to, from);
            assert_eq!(addressing.len(), len);
            assert_eq!(addressing.source_pan(), Some(pan));
        }
        assert_eq!(Addressing::between((pan, short), (PanId(2), short)).map(|all| all.len()), Some(8));
        assert_eq!(Addressing::between((pan, long), (PanId(2), long)), None);
        assert_eq!(Addressing::from(pan, short).len(), 4);
    }
}
