//! The options of IPv6 hop-by-hop and destination options headers (RFC 8200 §4.2).

use crate::error::{NoRoom, ParseError};
use crate::ip::IpProtocol;
use crate::ipv6_extension::whole;

const NAME: &str = "an IPv6 options header";
const PAD_1: u8 = 0;
const PAD_N: u8 = 1;

/// Type of the router alert option (RFC 2711 §2.1); its value is two bytes, 0 for MLD.
pub const ROUTER_ALERT: u8 = 0x05;
/// Type of RPL's option (RFC 6553 §3, RFC 9008 §11.1).
pub const RPL: u8 = 0x23;

/// One option that is no padding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ipv6Option<'a> {
    /// The option's type.
    pub kind: u8,
    /// The value behind type and length.
    pub data: &'a [u8],
}

/// What a node does that does not know an option (RFC 8200 §4.2, the type's two high bits).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unrecognized {
    /// Skips it (00).
    Skip,
    /// Discards the packet (01).
    Discard,
    /// Discards the packet and reports it, to a multicast too (10).
    Report,
    /// Discards the packet and reports it unless it was multicast (11).
    ReportUnicast,
}

impl Unrecognized {
    /// What the type `kind` asks for.
    #[must_use]
    pub const fn of(kind: u8) -> Self {
        match kind >> 6 {
            0 => Self::Skip,
            1 => Self::Discard,
            2 => Self::Report,
            _ => Self::ReportUnicast,
        }
    }
}

/// A hop-by-hop or destination options header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OptionsHeader<'a> {
    /// What follows this header.
    pub next_header: IpProtocol,
    // Options and padding, 6 bytes more than a multiple of 8, each option whole.
    options: &'a [u8],
}

impl<'a> OptionsHeader<'a> {
    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// The bytes end within the header, or an option runs out of it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let header = whole(NAME, bytes)?;
        let options = &header[2..];
        let mut rest = options;
        while let [kind, after @ ..] = rest {
            rest = match (*kind, after) {
                (PAD_1, _) => after,
                (_, [length, value @ ..]) if value.len() >= usize::from(*length) => {
                    &value[usize::from(*length)..]
                }
                (kind, _) => {
                    let value = u32::from(kind);
                    return Err(ParseError::Field {
                        header: NAME,
                        field: "an option cut short, type",
                        value,
                    });
                }
            };
        }
        Ok(Self { next_header: IpProtocol(header[0]), options })
    }

    /// The options, without padding.
    pub fn iter(&self) -> impl Iterator<Item = Ipv6Option<'a>> + use<'a> {
        let mut rest = self.options;
        std::iter::from_fn(move || {
            loop {
                match rest {
                    [] | [_] => return None,
                    [PAD_1, after @ ..] => rest = after,
                    [kind, length, value @ ..] => {
                        let (data, after) = value.split_at_checked(usize::from(*length))?;
                        rest = after;
                        if *kind != PAD_N {
                            return Some(Ipv6Option { kind: *kind, data });
                        }
                    }
                }
            }
        })
    }

    /// Bytes that [`Self::emit`] writes: a multiple of 8, at most 2048.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub const fn len(&self) -> usize {
        2 + self.options.len()
    }

    /// Writes the header.
    ///
    /// # Panics
    /// `out` is not [`Self::len`] bytes long.
    pub fn emit(&self, out: &mut [u8]) {
        assert_eq!(out.len(), self.len(), "a header is written into a slice of its length");
        let units = (self.len() / 8 - 1) as u8; // At most 2048 / 8 - 1 = 255.
        out[..2].copy_from_slice(&[self.next_header.0, units]);
        out[2..].copy_from_slice(self.options);
    }
}

/// Where an option's type may stand, from the start of the header: at `multiple * n + offset` (RFC 8200 §4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Alignment {
    /// 1, 2, 4 or 8.
    multiple: usize,
    /// Below `multiple`.
    offset: usize,
}

impl Alignment {
    /// Anywhere.
    pub const NONE: Self = Self { multiple: 1, offset: 0 };
    /// At an even offset: router alert (RFC 2711 §2.1) and RPL's option (RFC 6553 §3).
    pub const EVEN: Self = Self { multiple: 2, offset: 0 };

    /// `multiple * n + offset`; `None` unless `multiple` is 1, 2, 4 or 8 and `offset` below it.
    #[must_use]
    pub const fn new(multiple: usize, offset: usize) -> Option<Self> {
        if matches!(multiple, 1 | 2 | 4 | 8) && offset < multiple {
            Some(Self { multiple, offset })
        } else {
            None
        }
    }
}

/// Options that are being put together, inline: a header of at most 64 bytes.
#[derive(Clone, Copy, Debug)]
pub struct OptionsList {
    bytes: [u8; CAPACITY],
    used: usize,
}

const CAPACITY: usize = 62;

impl OptionsList {
    /// No options: a header of 8 bytes, all padding.
    #[must_use]
    pub fn new() -> Self {
        let mut list = Self { bytes: [0; CAPACITY], used: 0 };
        list.pad_tail();
        list
    }

    /// Appends an option, with padding before it as `alignment` wants.
    ///
    /// # Errors
    /// The option does not fit into 62 bytes; nothing has changed then.
    pub fn try_push(&mut self, option: Ipv6Option<'_>, alignment: Alignment) -> Result<(), NoRoom> {
        let misaligned = (self.used + 2 + alignment.multiple - alignment.offset) % alignment.multiple;
        let padding = (alignment.multiple - misaligned) % alignment.multiple;
        let need = padding + 2 + option.data.len();
        let room = CAPACITY - self.used;
        if need > room {
            return Err(NoRoom { what: "the IPv6 option list", room, need });
        }
        pad(&mut self.bytes[self.used..self.used + padding]);
        let at = self.used + padding;
        self.bytes[at] = option.kind;
        self.bytes[at + 1] = option.data.len() as u8; // At most 60.
        self.bytes[at + 2..at + 2 + option.data.len()].copy_from_slice(option.data);
        self.used += need;
        self.pad_tail();
        Ok(())
    }

    /// The header that holds the options, padded to a multiple of 8.
    #[must_use]
    pub fn header(&self, next_header: IpProtocol) -> OptionsHeader<'_> {
        OptionsHeader { next_header, options: &self.bytes[..self.padded_len()] }
    }

    /// The smallest length that is 6 more than a multiple of 8.
    const fn padded_len(&self) -> usize {
        (self.used + 2).next_multiple_of(8).saturating_sub(2)
    }

    fn pad_tail(&mut self) {
        let end = self.padded_len();
        pad(&mut self.bytes[self.used..end]);
    }
}

impl Default for OptionsList {
    fn default() -> Self {
        Self::new()
    }
}

/// Fills at most 7 bytes with Pad1 or PadN (RFC 8200 §4.2).
fn pad(bytes: &mut [u8]) {
    let len = bytes.len();
    bytes.fill(0);
    if let [kind, length, ..] = bytes {
        *kind = PAD_N;
        *length = (len - 2) as u8; // At most 5.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_alert_header_has_the_bytes_of_rfc_2711() {
        let mut list = OptionsList::new();
        list.try_push(Ipv6Option { kind: ROUTER_ALERT, data: &[0, 0] }, Alignment::EVEN).unwrap();
        let header = list.header(IpProtocol::ICMPV6);
        let mut out = [0xEE; 8];
        header.emit(&mut out);
        // Next header 58, no unit of 8 behind the first, option 5 of 2 bytes, two bytes of padding: PadN of none.
        assert_eq!(out, [58, 0, 5, 2, 0, 0, 1, 0]);
        assert_eq!(OptionsHeader::parse(&out), Ok(header));
        let read: Vec<_> = header.iter().collect();
        assert_eq!(read, [Ipv6Option { kind: 5, data: &[0, 0] }]);
    }

    #[test]
    fn options_stand_where_they_have_to() {
        let mut list = OptionsList::new();
        // Byte 2: Pad1, so that the option begins at 3 and ends before 6.
        list.try_push(Ipv6Option { kind: 0x1E, data: &[9] }, Alignment::new(4, 3).unwrap()).unwrap();
        // 8 n: PadN of two bytes at 6, the option at 8.
        list.try_push(Ipv6Option { kind: 0x1F, data: &[] }, Alignment::new(8, 0).unwrap()).unwrap();
        let mut out = [0; 16];
        list.header(IpProtocol::UDP).emit(&mut out);
        assert_eq!(out, [17, 1, 0, 0x1E, 1, 9, 1, 0, 0x1F, 0, 1, 4, 0, 0, 0, 0]);
        assert_eq!(Alignment::new(3, 0), None);
        assert_eq!(Alignment::new(4, 4), None);
    }

    #[test]
    fn an_empty_list_is_all_padding() {
        let mut out = [0xEE; 8];
        OptionsList::new().header(IpProtocol::TCP).emit(&mut out);
        assert_eq!(out, [6, 0, 1, 4, 0, 0, 0, 0]);
        assert_eq!(OptionsHeader::parse(&out).unwrap().iter().count(), 0);
    }

    #[test]
    fn sixty_two_bytes_fit() {
        let mut list = OptionsList::new();
        list.try_push(Ipv6Option { kind: 0x3E, data: &[1; 60] }, Alignment::NONE).unwrap();
        assert_eq!(list.header(IpProtocol::TCP).len(), 64);
        let more = Ipv6Option { kind: 0x3E, data: &[] };
        assert_eq!(
            list.try_push(more, Alignment::NONE),
            Err(NoRoom { what: "the IPv6 option list", room: 0, need: 2 })
        );
    }

    #[test]
    fn an_option_that_runs_out_of_its_header_is_refused() {
        // The option of type 5 at byte 2 would have 5 bytes where 4 are left; a lone type has no length.
        assert!(OptionsHeader::parse(&[6, 0, 5, 5, 0, 0, 0, 0]).is_err());
        assert!(OptionsHeader::parse(&[6, 0, 0, 0, 0, 0, 0, 5]).is_err());
        assert!(OptionsHeader::parse(&[6, 1, 1, 4, 0, 0, 0, 0]).is_err());
        for len in 0..8 {
            assert!(OptionsHeader::parse(&[6, 0, 1, 4, 0, 0, 0, 0][..len]).is_err());
        }
    }

    #[test]
    fn the_high_bits_say_what_a_stranger_does() {
        // RFC 8200 §4.2: 00 skip, 01 discard, 10 report, 11 report unless multicast.
        assert_eq!(Unrecognized::of(ROUTER_ALERT), Unrecognized::Skip);
        assert_eq!(Unrecognized::of(0x63), Unrecognized::Discard);
        assert_eq!(Unrecognized::of(0x80), Unrecognized::Report);
        assert_eq!(Unrecognized::of(0xC2), Unrecognized::ReportUnicast);
    }
}
