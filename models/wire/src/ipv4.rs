//! The IPv4 header (RFC 791 §3.1), with code points (RFC 2474) and congestion marks (RFC 3168).

use std::net::Ipv4Addr;

use crate::checksum::Sum;
use crate::error::{NoRoom, ParseError, fixed, words, write_words};
use crate::ip::{Dscp, Ecn, IpProtocol, dscp_of, traffic_class};
use crate::ipv4_options::Ipv4Options;

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;
/// The smallest packet that every link has to carry whole (RFC 791 §3.2).
pub const MTU_MIN: usize = 68;
/// The longest packet: the total length has 16 bits.
pub const PACKET_LEN_MAX: usize = 65_535;
/// The hop limit that a host gives its packets (RFC 1122 §3.2.1.7, IANA "IP Time To Live Parameter").
pub const TIME_TO_LIVE_DEFAULT: u8 = 64;

const NAME: &str = "an IPv4 header";
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1FFF;

/// Where a packet's payload belongs in the datagram that it is a part of (RFC 791 §3.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fragmentation {
    /// Shared by the fragments of one datagram.
    pub identification: u16,
    /// Routers must not fragment the packet.
    pub dont_fragment: bool,
    /// More fragments follow behind this one.
    pub more_fragments: bool,
    offset: u16,
}

impl Fragmentation {
    /// Bytes of the datagram's payload before this fragment's: a multiple of 8, below 65536.
    #[inline]
    #[must_use]
    pub const fn offset(self) -> usize {
        self.offset as usize * 8
    }

    /// The same at another offset, unless it is no multiple of 8 or above 65528.
    #[must_use]
    pub const fn at(self, offset: usize) -> Option<Self> {
        if offset.is_multiple_of(8) && offset / 8 <= FRAGMENT_OFFSET as usize {
            Some(Self { offset: (offset / 8) as u16, ..self })
        } else {
            None
        }
    }

    /// Whether the packet is a part of a larger datagram.
    #[inline]
    #[must_use]
    pub const fn is_fragment(self) -> bool {
        self.more_fragments || self.offset != 0
    }

    pub(crate) const fn from_wire(identification: u16, field: u16) -> Self {
        Self {
            identification,
            dont_fragment: field & DONT_FRAGMENT != 0,
            more_fragments: field & MORE_FRAGMENTS != 0,
            offset: field & FRAGMENT_OFFSET,
        }
    }

    /// Flags and offset in one word; the reserved bit is zero (RFC 791 §3.1).
    const fn field(self) -> u16 {
        let dont_fragment = if self.dont_fragment { DONT_FRAGMENT } else { 0 };
        let more_fragments = if self.more_fragments { MORE_FRAGMENTS } else { 0 };
        dont_fragment | more_fragments | self.offset
    }
}

/// An IPv4 header; its checksum is checked by [`Header::parse`] and computed by [`Header::emit`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Differentiated services code point.
    pub dscp: Dscp,
    /// Congestion mark.
    pub ecn: Ecn,
    /// Fragmentation fields.
    pub fragmentation: Fragmentation,
    /// Hops that the packet may still take.
    pub time_to_live: u8,
    /// What the payload is.
    pub protocol: IpProtocol,
    /// The sender.
    pub source: Ipv4Addr,
    /// The receiver.
    pub destination: Ipv4Addr,
    // Together with the 20 bytes of the fixed header, these two stay below 65536 bytes.
    payload_len: u16,
    options: Ipv4Options,
}

impl Header {
    /// A header without options for `payload_len` bytes, best effort, whole, of the default time to live.
    ///
    /// # Errors
    /// Header and payload are longer than 65535 bytes.
    #[inline]
    pub fn new(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: IpProtocol,
        payload_len: usize,
    ) -> Result<Self, NoRoom> {
        Ok(Self {
            dscp: Dscp::DEFAULT,
            ecn: Ecn::NotEct,
            fragmentation: Fragmentation::default(),
            time_to_live: TIME_TO_LIVE_DEFAULT,
            protocol,
            source,
            destination,
            payload_len: checked_payload_len(&Ipv4Options::EMPTY, payload_len)?,
            options: Ipv4Options::EMPTY,
        })
    }

    /// The same header with `options`.
    ///
    /// # Errors
    /// Header and payload are longer than 65535 bytes.
    pub fn with_options(self, options: Ipv4Options) -> Result<Self, NoRoom> {
        let payload_len = checked_payload_len(&options, self.payload_len())?;
        Ok(Self { payload_len, options, ..self })
    }

    /// The same header for another payload.
    ///
    /// # Errors
    /// Header and payload are longer than 65535 bytes.
    pub fn with_payload_len(self, payload_len: usize) -> Result<Self, NoRoom> {
        Ok(Self { payload_len: checked_payload_len(&self.options, payload_len)?, ..self })
    }

    /// Reads the header at the start of a packet; the payload begins [`Self::len`] bytes in.
    ///
    /// The packet may end early, as one quoted by ICMP does: whoever needs the payload compares
    /// [`Self::total_len`]. Option lists are kept even if malformed ([`Ipv4Options::malformed_at`]).
    ///
    /// # Errors
    /// The bytes end within the header, its version, header length or total length is impossible, or its
    /// checksum is wrong (RFC 1122 §3.2.1: such a packet is discarded without a word).
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Self, ParseError> {
        let (head, rest) = fixed::<HEADER_LEN>(NAME, packet)?;
        let head: [u32; 5] = words(head);
        let field = |field, value: u32| ParseError::Field { header: NAME, field, value };
        if head[0] >> 28 != 4 {
            return Err(field("version", head[0] >> 28));
        }
        let header_words = head[0] >> 24 & 0x0F;
        if header_words < 5 {
            return Err(field("header length", header_words));
        }
        let total_len = head[0] & 0xFFFF;
        let Some(payload_len) = total_len.checked_sub(header_words * 4) else {
            return Err(field("total length", total_len));
        };
        let payload_len = payload_len as u16; // Less than the 16 bits that it came from.
        let sum = Sum::of_words(&head);
        if header_words > 5 {
            return Self::parse_options(&head, sum, payload_len, rest);
        }
        if !sum.is_valid() {
            return Err(ParseError::Checksum { header: NAME });
        }
        Ok(Self::assembled(&head, payload_len, Ipv4Options::EMPTY))
    }

    /// The rest of [`Self::parse`] for a header with options, which are rare: `sum` is that of `head`.
    #[inline(never)]
    fn parse_options(head: &[u32; 5], sum: Sum, payload_len: u16, rest: &[u8]) -> Result<Self, ParseError> {
        let options_len = (head[0] >> 24 & 0x0F) as usize * 4 - HEADER_LEN;
        let Some(list) = rest.get(..options_len) else {
            let (need, have) = (HEADER_LEN + options_len, HEADER_LEN + rest.len());
            return Err(ParseError::Truncated { header: NAME, need, have });
        };
        if !(sum + Sum::of(list)).is_valid() {
            return Err(ParseError::Checksum { header: NAME });
        }
        Ok(Self::assembled(head, payload_len, Ipv4Options::from_wire(list)))
    }

    #[inline(always)]
    fn assembled(head: &[u32; 5], payload_len: u16, options: Ipv4Options) -> Self {
        let class = (head[0] >> 16) as u8;
        Self {
            dscp: dscp_of(class),
            ecn: Ecn::from_traffic_class(class),
            fragmentation: Fragmentation::from_wire((head[1] >> 16) as u16, head[1] as u16),
            time_to_live: (head[2] >> 24) as u8,
            protocol: IpProtocol((head[2] >> 16) as u8),
            source: Ipv4Addr::from_bits(head[3]),
            destination: Ipv4Addr::from_bits(head[4]),
            payload_len,
            options,
        }
    }

    /// Bytes that [`Self::emit`] writes: 20 to 60.
    #[inline]
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub const fn len(&self) -> usize {
        HEADER_LEN + self.options.len()
    }

    /// Bytes behind the header.
    #[inline]
    #[must_use]
    pub const fn payload_len(&self) -> usize {
        self.payload_len as usize
    }

    /// Bytes of the packet, header and payload, at most 65535.
    #[inline]
    #[must_use]
    pub const fn total_len(&self) -> usize {
        self.len() + self.payload_len()
    }

    /// The options.
    #[inline]
    #[must_use]
    pub const fn options(&self) -> &Ipv4Options {
        &self.options
    }

    /// Writes the header with its checksum.
    ///
    /// # Panics
    /// `out` is not [`Self::len`] bytes long.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        assert_eq!(out.len(), self.len(), "a header is written into a slice of its length");
        let (head, options) = out.split_first_chunk_mut::<HEADER_LEN>().expect("an IPv4 header has 20 bytes");
        let class = u32::from(traffic_class(self.dscp, self.ecn));
        let length_word = 0x40 << 24 | (self.len() as u32 / 4) << 24 | class << 16 | self.total_len() as u32;
        let fragmentation = self.fragmentation;
        // Summed before it is written: bytes just written are slow to be read as larger words.
        let mut words = [
            length_word,
            u32::from(fragmentation.identification) << 16 | u32::from(fragmentation.field()),
            u32::from(self.time_to_live) << 24 | u32::from(self.protocol.0) << 16,
            self.source.to_bits(),
            self.destination.to_bits(),
        ];
        let mut sum = Sum::of_words(&words);
        if !options.is_empty() {
            options.copy_from_slice(self.options.as_bytes());
            sum += Sum::of(self.options.as_bytes());
        }
        words[2] |= u32::from(sum.finish());
        write_words(head, &words);
    }
}

fn checked_payload_len(options: &Ipv4Options, payload_len: usize) -> Result<u16, NoRoom> {
    let room = PACKET_LEN_MAX - HEADER_LEN - options.len();
    if payload_len > room {
        return Err(NoRoom { what: "an IPv4 packet", room, need: payload_len });
    }
    Ok(payload_len as u16) // At most 65515.
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipv4_options::Ipv4Option;

    /// 115 bytes of UDP from 192.168.0.1 to 192.168.0.199, not to be fragmented. The sum of the words but the
    /// checksum is 4500 + 73 + 0 + 4000 + 4011 + c0a8 + 1 + c0a8 + c7 = 2479c, folded 479e, complement b861.
    const BYTES: [u8; 20] =
        [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xB8, 0x61, 192, 168, 0, 1, 192, 168, 0, 199];

    fn header() -> Header {
        let (from, to) = (Ipv4Addr::new(192, 168, 0, 1), Ipv4Addr::new(192, 168, 0, 199));
        let mut header = Header::new(from, to, IpProtocol::UDP, 95).unwrap();
        header.fragmentation.dont_fragment = true;
        header
    }

    #[test]
    fn a_header_has_the_bytes_of_rfc_791() {
        let mut out = [0xEE; HEADER_LEN];
        header().emit(&mut out);
        assert_eq!(out, BYTES);
        assert_eq!(Header::parse(&BYTES), Ok(header()));
        assert_eq!(header().total_len(), 115);
    }

    #[test]
    fn one_wrong_bit_anywhere_is_refused() {
        for bit in 0..BYTES.len() * 8 {
            let mut bytes = BYTES;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::parse(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_header_cut_anywhere_is_refused() {
        let mut options = Ipv4Options::EMPTY;
        options.try_push(Ipv4Option::RouterAlert(0)).unwrap();
        let header = header().with_options(options).unwrap();
        let mut out = [0; 24];
        header.emit(&mut out);
        assert_eq!(Header::parse(&out), Ok(header));
        for len in 0..24 {
            let need = if len < 20 { 20 } else { 24 };
            let error = ParseError::Truncated { header: NAME, need, have: len };
            assert_eq!(Header::parse(&out[..len]), Err(error));
        }
    }

    #[test]
    fn impossible_lengths_and_versions_are_refused() {
        let patched = |at: usize, value: u8| {
            let mut bytes = BYTES;
            bytes[at] = value;
            Header::parse(&bytes)
        };
        let field = |field, value| Err(ParseError::Field { header: NAME, field, value });
        assert_eq!(patched(0, 0x55), field("version", 5));
        assert_eq!(patched(0, 0x44), field("header length", 4));
        assert_eq!(patched(3, 19), field("total length", 19));
    }

    #[test]
    fn a_packet_has_at_most_65535_bytes() {
        assert!(header().with_payload_len(65_515).is_ok());
        let error = NoRoom { what: "an IPv4 packet", room: 65_515, need: 65_516 };
        assert_eq!(header().with_payload_len(65_516), Err(error));
        let mut options = Ipv4Options::EMPTY;
        options.try_push(Ipv4Option::RouterAlert(0)).unwrap();
        let full = header().with_payload_len(65_515).unwrap();
        assert_eq!(full.with_options(options), Err(NoRoom { room: 65_511, need: 65_515, ..error }));
    }

    #[test]
    fn an_offset_counts_in_units_of_eight() {
        let whole = Fragmentation { identification: 7, more_fragments: true, ..Fragmentation::default() };
        let part = whole.at(1480).unwrap();
        // 1480 / 8 = 185 = B9, more fragments is 2000.
        assert_eq!(part.field(), 0x20B9);
        assert_eq!(part.offset(), 1480);
        assert_eq!(Fragmentation::from_wire(7, 0x20B9), part);
        assert_eq!(whole.at(1481), None);
        assert_eq!(whole.at(65_536), None);
        assert!(part.is_fragment() && whole.is_fragment() && !Fragmentation::default().is_fragment());
    }
}
