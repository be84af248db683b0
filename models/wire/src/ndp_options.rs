//! The options of neighbour discovery (RFC 4861 §4.6): type, length in units of eight bytes, value.

use std::net::Ipv6Addr;

use crate::error::{NoRoom, ParseError, array};
use crate::ethernet::MacAddress;
use crate::ndp_lowpan::{AddressRegistration, BorderRouter, Capabilities, ContextOption};

const NAME: &str = "a neighbour discovery option";

/// Option types (RFC 4861 §4.6, RFC 6775 §12, RFC 7400 §5).
mod kind {
    pub(super) const SOURCE_LINK_LAYER: u8 = 1;
    pub(super) const TARGET_LINK_LAYER: u8 = 2;
    pub(super) const PREFIX_INFORMATION: u8 = 3;
    pub(super) const REDIRECTED_HEADER: u8 = 4;
    pub(super) const MTU: u8 = 5;
    pub(super) const ADDRESS_REGISTRATION: u8 = 33;
    pub(super) const CONTEXT: u8 = 34;
    pub(super) const BORDER_ROUTER: u8 = 35;
    pub(super) const CAPABILITIES: u8 = 36;
}

/// A list of whole options, known to us or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NdpOptions<'a>(&'a [u8]);

impl<'a> NdpOptions<'a> {
    /// No options.
    pub const NONE: Self = Self(&[]);

    /// Takes a list of options that fills `bytes`.
    ///
    /// # Errors
    /// An option has the length zero, for which the whole message is discarded, or runs out of the list
    /// (RFC 4861 §4.6).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let units = rest.get(1).copied().unwrap_or(1);
            if units == 0 {
                return Err(ParseError::Field { header: NAME, field: "length", value: 0 });
            }
            let need = usize::from(units) * 8;
            rest = rest.get(need..).ok_or(ParseError::Truncated { header: NAME, need, have: rest.len() })?;
        }
        Ok(Self(bytes))
    }

    /// The list as it stands in the message.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The options in their order.
    pub fn iter(self) -> impl Iterator<Item = NdpOption<'a>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let len = usize::from(*rest.get(1)?) * 8;
            let (option, after) = rest.split_at_checked(len)?;
            rest = after;
            NdpOption::parse(option)
        })
    }
}

/// A prefix of the link (RFC 4861 §4.6.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PrefixInformation {
    /// Leading bits that count, 0 to 128; more is as much as 128.
    pub prefix_len: u8,
    /// Addresses with the prefix are on this link.
    pub on_link: bool,
    /// Nodes may make addresses of the prefix (RFC 4862).
    pub autonomous: bool,
    /// Seconds for which the prefix is on this link; all ones is forever.
    pub valid_lifetime: u32,
    /// Seconds for which addresses of the prefix are preferred; all ones is forever.
    pub preferred_lifetime: u32,
    /// The prefix; bits behind its length do not count.
    pub prefix: Ipv6Addr,
}

/// One option, as far as it is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NdpOption<'a> {
    /// Link-layer address of the sender, with the padding that the link's document says (RFC 2464 §6).
    SourceLinkLayer(&'a [u8]),
    /// Link-layer address of the target.
    TargetLinkLayer(&'a [u8]),
    /// A prefix of the link.
    Prefix(PrefixInformation),
    /// The packet that a redirect is about.
    RedirectedHeader(&'a [u8]),
    /// The MTU of the link, in bytes.
    Mtu(u32),
    /// An address that is to be registered, or what became of it.
    AddressRegistration(AddressRegistration),
    /// A prefix that header compression may leave out.
    Context(ContextOption),
    /// Where a router's information comes from.
    BorderRouter(BorderRouter),
    /// What the sender can do.
    Capabilities(Capabilities),
    /// Any other type, and a known type whose length is not its own.
    Unknown {
        /// The option's type.
        kind: u8,
        /// The value behind type and length.
        data: &'a [u8],
    },
}

impl<'a> NdpOption<'a> {
    /// Reads one whole option.
    fn parse(option: &'a [u8]) -> Option<Self> {
        let [kind, _, data @ ..] = option else { return None };
        Some(match (*kind, option.len()) {
            (kind::SOURCE_LINK_LAYER, _) => Self::SourceLinkLayer(data),
            (kind::TARGET_LINK_LAYER, _) => Self::TargetLinkLayer(data),
            (kind::PREFIX_INFORMATION, 32) => Self::Prefix(PrefixInformation {
                prefix_len: option[2],
                on_link: option[3] & 0x80 != 0,
                autonomous: option[3] & 0x40 != 0,
                valid_lifetime: u32::from_be_bytes(array(option, 4)),
                preferred_lifetime: u32::from_be_bytes(array(option, 8)),
                prefix: Ipv6Addr::from(array::<16>(option, 16)),
            }),
            (kind::REDIRECTED_HEADER, _) => Self::RedirectedHeader(&option[8..]),
            (kind::MTU, 8) => Self::Mtu(u32::from_be_bytes(array(option, 4))),
            (kind::BORDER_ROUTER, 24) => Self::BorderRouter(BorderRouter::parse(option)),
            (kind::CAPABILITIES, 8) => Self::Capabilities(Capabilities::parse(option)),
            (kind::ADDRESS_REGISTRATION, _) => match AddressRegistration::parse(option) {
                Some(registration) => Self::AddressRegistration(registration),
                None => Self::Unknown { kind: kind::ADDRESS_REGISTRATION, data },
            },
            (kind::CONTEXT, _) => match ContextOption::parse(option) {
                Some(context) => Self::Context(context),
                None => Self::Unknown { kind: kind::CONTEXT, data },
            },
            (kind, _) => Self::Unknown { kind, data },
        })
    }

    /// The address of an Ethernet, if this is an option with a link-layer address of that length.
    #[must_use]
    pub fn mac_address(&self) -> Option<MacAddress> {
        match self {
            Self::SourceLinkLayer(data) | Self::TargetLinkLayer(data) => {
                <[u8; 6]>::try_from(*data).ok().map(MacAddress)
            }
            Self::Prefix(_)
            | Self::RedirectedHeader(_)
            | Self::Mtu(_)
            | Self::AddressRegistration(_)
            | Self::Context(_)
            | Self::BorderRouter(_)
            | Self::Capabilities(_)
            | Self::Unknown { .. } => None,
        }
    }
}

/// Options that are being put together, inline: at most 128 bytes.
#[derive(Clone, Copy, Debug)]
pub struct NdpOptionList {
    bytes: [u8; CAPACITY],
    len: usize,
}

const CAPACITY: usize = 128;

impl NdpOptionList {
    /// No options.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }
    }

    /// Appends an option; its value is padded with zeros to whole units of eight bytes.
    ///
    /// # Errors
    /// The option does not fit into 128 bytes; nothing has changed then.
    pub fn try_push(&mut self, option: NdpOption<'_>) -> Result<(), NoRoom> {
        match option {
            NdpOption::SourceLinkLayer(data) => self.push_raw(kind::SOURCE_LINK_LAYER, &[], data),
            NdpOption::TargetLinkLayer(data) => self.push_raw(kind::TARGET_LINK_LAYER, &[], data),
            NdpOption::Prefix(prefix) => {
                let mut value = [0; 30];
                let on_link = if prefix.on_link { 0x80 } else { 0 };
                let autonomous = if prefix.autonomous { 0x40 } else { 0 };
                value[..2].copy_from_slice(&[prefix.prefix_len, on_link | autonomous]);
                value[2..6].copy_from_slice(&prefix.valid_lifetime.to_be_bytes());
                value[6..10].copy_from_slice(&prefix.preferred_lifetime.to_be_bytes());
                value[14..].copy_from_slice(&prefix.prefix.octets());
                self.push_raw(kind::PREFIX_INFORMATION, &[], &value)
            }
            NdpOption::RedirectedHeader(packet) => self.push_raw(kind::REDIRECTED_HEADER, &[0; 6], packet),
            NdpOption::Mtu(mtu) => self.push_raw(kind::MTU, &[0; 2], &mtu.to_be_bytes()),
            NdpOption::AddressRegistration(registration) => {
                let (value, len) = registration.value();
                self.push_raw(kind::ADDRESS_REGISTRATION, &[], &value[..len])
            }
            NdpOption::Context(context) => {
                let (value, len) = context.value();
                self.push_raw(kind::CONTEXT, &[], &value[..len])
            }
            NdpOption::BorderRouter(border) => self.push_raw(kind::BORDER_ROUTER, &[], &border.value()),
            NdpOption::Capabilities(all) => self.push_raw(kind::CAPABILITIES, &[], &all.value()),
            NdpOption::Unknown { kind, data } => self.push_raw(kind, &[], data),
        }
    }

    /// Appends the sender's Ethernet address.
    ///
    /// # Errors
    /// The option does not fit into 128 bytes.
    pub fn try_push_source(&mut self, address: MacAddress) -> Result<(), NoRoom> {
        self.try_push(NdpOption::SourceLinkLayer(&address.0))
    }

    /// Appends the target's Ethernet address.
    ///
    /// # Errors
    /// The option does not fit into 128 bytes.
    pub fn try_push_target(&mut self, address: MacAddress) -> Result<(), NoRoom> {
        self.try_push(NdpOption::TargetLinkLayer(&address.0))
    }

    /// The options, to be put into a message.
    #[must_use]
    pub fn options(&self) -> NdpOptions<'_> {
        NdpOptions(&self.bytes[..self.len])
    }

    fn push_raw(&mut self, kind: u8, reserved: &[u8], data: &[u8]) -> Result<(), NoRoom> {
        let need = (2 + reserved.len() + data.len()).next_multiple_of(8);
        let room = CAPACITY - self.len;
        if need > room {
            return Err(NoRoom { what: "the neighbour discovery option list", room, need });
        }
        let at = self.len;
        self.bytes[at] = kind;
        self.bytes[at + 1] = (need / 8) as u8; // At most 16.
        let value = at + 2 + reserved.len();
        self.bytes[at + 2..value].copy_from_slice(reserved);
        self.bytes[value..value + data.len()].copy_from_slice(data);
        self.len += need;
        Ok(())
    }
}

impl Default for NdpOptionList {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_the_bytes_of_rfc_4861() {
        let prefix = PrefixInformation {
            prefix_len: 64,
            on_link: true,
            autonomous: true,
            valid_lifetime: 2_592_000,
            preferred_lifetime: 604_800,
            prefix: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        };
        let mut list = NdpOptionList::new();
        list.try_push(NdpOption::Mtu(1280)).unwrap();
        list.try_push(NdpOption::Prefix(prefix)).unwrap();
        let bytes = list.options().as_bytes();
        assert_eq!(bytes[..8], [5, 1, 0, 0, 0, 0, 5, 0]);
        // 30 days = 2592000 s = 278d00; 7 days = 604800 s = 93a80.
        assert_eq!(bytes[8..24], [3, 4, 64, 0xC0, 0, 0x27, 0x8D, 0, 0, 9, 0x3A, 0x80, 0, 0, 0, 0]);
        assert_eq!(bytes[24..32], [0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0]);
        let read: Vec<_> = NdpOptions::parse(bytes).unwrap().iter().collect();
        assert_eq!(read, [NdpOption::Mtu(1280), NdpOption::Prefix(prefix)]);
    }

    #[test]
    fn link_layer_addresses_may_be_long() {
        let mut list = NdpOptionList::new();
        // Eight bytes of an IEEE 802.15.4 address take two units, with six bytes of padding (RFC 4944 §8).
        list.try_push(NdpOption::TargetLinkLayer(&[1, 2, 3, 4, 5, 6, 7, 8])).unwrap();
        list.try_push_target(MacAddress([9; 6])).unwrap();
        let read: Vec<_> = list.options().iter().collect();
        assert_eq!(read[0], NdpOption::TargetLinkLayer(&[1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0]));
        assert_eq!(read[0].mac_address(), None);
        assert_eq!(read[1].mac_address(), Some(MacAddress([9; 6])));
    }

    #[test]
    fn unknown_options_are_kept() {
        let bytes = [24, 1, 1, 2, 3, 4, 5, 6, 5, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let read: Vec<_> = NdpOptions::parse(&bytes).unwrap().iter().collect();
        let expected = [
            NdpOption::Unknown { kind: 24, data: &[1, 2, 3, 4, 5, 6] },
            NdpOption::Unknown { kind: 5, data: &[0; 14] },
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_redirect_quotes_its_packet_behind_six_reserved_bytes() {
        let mut list = NdpOptionList::new();
        list.try_push(NdpOption::RedirectedHeader(&[7; 8])).unwrap();
        assert_eq!(list.options().as_bytes(), [4, 2, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7]);
        assert_eq!(list.options().iter().next(), Some(NdpOption::RedirectedHeader(&[7; 8])));
        let error = NoRoom { what: "the neighbour discovery option list", room: 112, need: 128 };
        assert_eq!(list.try_push(NdpOption::RedirectedHeader(&[0; 120])), Err(error));
    }

    #[test]
    fn length_zero_discards_the_message() {
        assert_eq!(
            NdpOptions::parse(&[1, 0, 0, 0, 0, 0, 0, 0]),
            Err(ParseError::Field { header: NAME, field: "length", value: 0 })
        );
        assert!(NdpOptions::parse(&[1, 2, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(NdpOptions::parse(&[1]).is_err());
    }
}
