//! The TCP header (RFC 9293 §3.1), with the flags of ECN (RFC 3168 §6.1) and accurate ECN (RFC 9768 §3.1).
//!
//! The header carries no checksum in memory: [`Header::emit`] computes it from the sum of the pseudo-header and
//! the payload, [`verify`] checks it.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use crate::checksum::Sum;
use crate::error::{ParseError, fixed, words, write_words};
use crate::tcp_options::{OptionsView, TcpOptions};

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;
/// Bytes of the longest header: a data offset of 15 words.
pub const HEADER_LEN_MAX: usize = HEADER_LEN + TcpOptions::LEN_MAX;
/// Where the checksum stands in the header.
pub const CHECKSUM_OFFSET: usize = 16;

const NAME: &str = "a TCP header";

/// The control bits, AE to FIN.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TcpFlags(u16);

impl TcpFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// No more data from the sender.
    pub const FIN: Self = Self(0x001);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// Reset the connection.
    pub const RST: Self = Self(0x004);
    /// Push function.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgment number counts.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x020);
    /// ECN echo (RFC 3168 §6.1).
    pub const ECE: Self = Self(0x040);
    /// Congestion window reduced (RFC 3168 §6.1).
    pub const CWR: Self = Self(0x080);
    /// Accurate ECN (RFC 9768 §3.1).
    pub const AE: Self = Self(0x100);

    const ALL: u16 = 0x1FF;

    /// The flags of a field; the three reserved bits are ignored (RFC 9293 §3.1).
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL)
    }

    /// The flags as they stand in the low bits of the header's seventh word.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all flags of `other` are set.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set.
    #[inline]
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The flags without those of `other`.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for TcpFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The flags' names from FIN to AE, joined by commas; `-` when none is set.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 9] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"];
        let mut separator = "";
        for (bit, name) in NAMES.iter().enumerate() {
            if self.0 >> bit & 1 == 1 {
                write!(f, "{separator}{name}")?;
                separator = ",";
            }
        }
        if self.0 == 0 { f.write_str("-") } else { Ok(()) }
    }
}

/// A TCP header without its checksum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Sequence number of the first payload byte, or of SYN.
    pub sequence_number: u32,
    /// Next sequence number expected; counts with the ACK flag.
    pub acknowledgment_number: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Receive window, in bytes shifted by the window scale.
    pub window: u16,
    /// Offset behind the sequence number at which urgent data ends; counts with the URG flag.
    pub urgent_pointer: u16,
    /// Options.
    pub options: TcpOptions,
}

impl Header {
    /// Reads the header at the start of a segment; the payload begins [`Self::len`] bytes in.
    ///
    /// The checksum is left to [`verify`]. A malformed option list is kept ([`TcpOptions`] says how).
    ///
    /// # Errors
    /// The segment is shorter than its header, or the data offset is below 5 (RFC 9293 §3.1).
    #[inline]
    pub fn parse(segment: &[u8]) -> Result<Self, ParseError> {
        let (head, rest) = fixed::<HEADER_LEN>(NAME, segment)?;
        let options_len = options_len(head[12])?;
        let Some(options) = rest.get(..options_len) else {
            let need = HEADER_LEN + options_len;
            return Err(ParseError::Truncated { header: NAME, need, have: segment.len() });
        };
        let head: [u32; 5] = words(head);
        // Two ways to the same header, so that the usual one writes each byte of it once.
        match <&[u8; 12]>::try_from(options) {
            Ok(twelve) => Ok(Self::assembled(&head, TcpOptions::of_twelve(*twelve))),
            Err(_) => Ok(Self::assembled(&head, TcpOptions::from_wire(options))),
        }
    }

    #[inline(always)]
    fn assembled(head: &[u32; 5], options: TcpOptions) -> Self {
        Self {
            source_port: (head[0] >> 16) as u16,
            destination_port: head[0] as u16,
            sequence_number: head[1],
            acknowledgment_number: head[2],
            flags: TcpFlags::from_bits((head[3] >> 16) as u16),
            window: head[3] as u16,
            urgent_pointer: head[4] as u16,
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

    /// Writes the header with its checksum; `rest` is the sum of pseudo-header and payload.
    ///
    /// # Panics
    /// `out` is not [`Self::len`] bytes long.
    #[inline(always)]
    pub fn emit(&self, out: &mut [u8], rest: Sum) {
        assert_eq!(out.len(), self.len(), "a header is written into a slice of its length");
        let (head, options) = out.split_first_chunk_mut::<HEADER_LEN>().expect("a TCP header has 20 bytes");
        let offset_word = (self.len() as u32 / 4) << 28; // 5 to 15.
        // Summed before it is written: bytes just written are slow to be read as larger words.
        let mut words = [
            u32::from(self.source_port) << 16 | u32::from(self.destination_port),
            self.sequence_number,
            self.acknowledgment_number,
            offset_word | u32::from(self.flags.bits()) << 16 | u32::from(self.window),
            u32::from(self.urgent_pointer),
        ];
        let from = self.options.as_bytes();
        let options_sum = match (<&mut [u8; 12]>::try_from(&mut *options), <&[u8; 12]>::try_from(from)) {
            // Timestamps and nothing else: copied and summed without a loop.
            (Ok(twelve), Ok(from)) => {
                twelve.copy_from_slice(from);
                Sum::of(from)
            }
            // An acknowledgment of Multipath TCP, and data.
            _ => copy_exactly::<20>(options, from)
                .or_else(|| copy_exactly::<32>(options, from))
                .unwrap_or_else(|| {
                    options.copy_from_slice(from);
                    Sum::of(from)
                }),
        };
        let sum = rest + Sum::of_words(&words) + options_sum;
        words[4] |= u32::from(sum.finish()) << 16;
        write_words(head, &words);
    }
}

/// Copies and sums `N` bytes, if there are so many, without a loop.
#[inline(always)]
fn copy_exactly<const N: usize>(to: &mut [u8], from: &[u8]) -> Option<Sum> {
    let to: &mut [u8; N] = to.try_into().ok()?;
    let from: &[u8; N] = from.try_into().ok()?;
    to.copy_from_slice(from);
    Some(Sum::of(from))
}

/// The fields of a TCP header without options and checksum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FixedHeader {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Sequence number of the first payload byte, or of SYN.
    pub sequence_number: u32,
    /// Next sequence number expected; counts with the ACK flag.
    pub acknowledgment_number: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Receive window, in bytes shifted by the window scale.
    pub window: u16,
    /// Offset behind the sequence number at which urgent data ends; counts with the URG flag.
    pub urgent_pointer: u16,
}

/// A header that is read where it stands, its options left in place.
#[derive(Clone, Copy, Debug)]
pub struct HeaderView<'a> {
    /// The fields before the options.
    pub fixed: FixedHeader,
    /// The options.
    pub options: OptionsView<'a>,
    len: usize,
}

/// The options of a header that was read before: all behind its first 20 bytes.
#[inline]
#[must_use]
pub fn options_of(header: &[u8]) -> OptionsView<'_> {
    OptionsView::over(header.get(HEADER_LEN..).unwrap_or_default())
}

impl<'a> HeaderView<'a> {
    /// Reads the header at the start of a segment, as [`Header::parse`] does.
    ///
    /// # Errors
    /// The segment is shorter than its header, or the data offset is below 5 (RFC 9293 §3.1).
    #[inline]
    pub fn parse(segment: &'a [u8]) -> Result<Self, ParseError> {
        let (head, rest) = fixed::<HEADER_LEN>(NAME, segment)?;
        let options_len = options_len(head[12])?;
        let len = HEADER_LEN + options_len;
        let Some(options) = rest.get(..options_len) else {
            return Err(ParseError::Truncated { header: NAME, need: len, have: segment.len() });
        };
        let head: [u32; 5] = words(head);
        let fixed = FixedHeader {
            source_port: (head[0] >> 16) as u16,
            destination_port: head[0] as u16,
            sequence_number: head[1],
            acknowledgment_number: head[2],
            flags: TcpFlags::from_bits((head[3] >> 16) as u16),
            window: head[3] as u16,
            urgent_pointer: head[4] as u16,
        };
        Ok(Self { fixed, options: OptionsView::over(options), len })
    }

    /// Bytes of the header, 20 to 60: the payload begins there.
    #[inline]
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub const fn len(&self) -> usize {
        self.len
    }
}

/// Whether the checksum in `header` is right; `rest` is the sum of pseudo-header and payload (RFC 9293 §3.1, MUST-3).
#[inline]
#[must_use]
pub fn verify(header: &[u8], rest: Sum) -> bool {
    (rest + Sum::of(header)).is_valid()
}

/// Length of the header at the start of `segment`, options included.
///
/// # Errors
/// The segment is shorter than 20 bytes, or the data offset is below 5.
#[inline]
pub fn header_len(segment: &[u8]) -> Result<usize, ParseError> {
    let (head, _) = fixed::<HEADER_LEN>(NAME, segment)?;
    Ok(HEADER_LEN + options_len(head[12])?)
}

fn options_len(data_offset_octet: u8) -> Result<usize, ParseError> {
    let words = data_offset_octet >> 4;
    match usize::from(words).checked_sub(5) {
        Some(words) => Ok(words * 4),
        None => Err(ParseError::Field { header: NAME, field: "data offset", value: u32::from(words) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::pseudo_header;
    use crate::ip::IpProtocol;
    use crate::tcp_options::Timestamps;
    use std::net::Ipv4Addr;

    fn header() -> Header {
        Header {
            source_port: 1883,
            destination_port: 49152,
            sequence_number: 1,
            acknowledgment_number: 2,
            flags: TcpFlags::ACK | TcpFlags::PSH,
            window: 512,
            urgent_pointer: 0,
            options: TcpOptions::with_timestamps(Timestamps { value: 3, echo_reply: 4 }),
        }
    }

    fn pseudo() -> Sum {
        let (from, to) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        pseudo_header(from.into(), to.into(), IpProtocol::TCP, 32)
    }

    #[test]
    fn a_segment_has_the_bytes_of_rfc_9293() {
        let mut out = [0xEE; 32];
        header().emit(&mut out, pseudo());
        // 1883 = 75B, 49152 = C000, 8 words, PSH + ACK = 18, window 200.
        // Pseudo-header: 0a00 + 1 + 0a00 + 2 + 6 + 20 = 1429. Header: 75b + c000 + 1 + 2 + 8018 + 200 + 101
        // + 80a + 3 + 4 = 15288. Together 166b1, folded 66b2, complement 994d.
        let expected = [
            0x07, 0x5B, 0xC0, 0x00, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x18, 0x02, 0x00, 0x99, 0x4D, 0, 0, //
            1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4,
        ];
        assert_eq!(out, expected);
        assert_eq!(Header::parse(&out), Ok(header()));
        assert_eq!(header_len(&out), Ok(32));
    }

    proptest::proptest! {
        #[test]
        fn a_view_says_what_the_header_says(mut bytes: Vec<u8>, words in 0_u8..16) {
            if let Some(offset) = bytes.get_mut(12) {
                *offset = words << 4;
            }
            let view = HeaderView::parse(&bytes);
            match Header::parse(&bytes) {
                Err(error) => assert_eq!(view.map(|view| view.len()), Err(error)),
                Ok(header) => {
                    let view = view.unwrap();
                    assert_eq!(Header::assembled(&crate::error::words(&bytes[..20]), header.options), header);
                    let FixedHeader { source_port, destination_port, flags, window, .. } = view.fixed;
                    assert_eq!((source_port, destination_port), (header.source_port, header.destination_port));
                    assert_eq!((flags, window), (header.flags, header.window));
                    assert_eq!(view.fixed.sequence_number, header.sequence_number);
                    assert_eq!(view.fixed.acknowledgment_number, header.acknowledgment_number);
                    assert_eq!(view.fixed.urgent_pointer, header.urgent_pointer);
                    assert_eq!(view.len(), header.len());
                    assert!(view.options.iter().eq(header.options.iter()));
                    assert_eq!(view.options.timestamps(), header.options.timestamps());
                }
            }
        }
    }

    #[test]
    fn one_wrong_bit_anywhere_fails_the_checksum() {
        let mut out = [0; 32];
        let payload = Sum::of(b"21.5 C!");
        header().emit(&mut out, pseudo() + payload);
        assert!(verify(&out, pseudo() + payload));
        for bit in 0..out.len() * 8 {
            out[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(&out, pseudo() + payload), "bit {bit}");
            out[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_segment_cut_anywhere_in_its_header_is_refused() {
        let mut out = [0; 32];
        header().emit(&mut out, Sum::ZERO);
        for len in 0..32 {
            let need = if len < 20 { 20 } else { 32 };
            let error = ParseError::Truncated { header: NAME, need, have: len };
            assert_eq!(Header::parse(&out[..len]), Err(error));
        }
    }

    #[test]
    fn a_data_offset_below_five_is_refused() {
        let mut out = [0; 32];
        header().emit(&mut out, Sum::ZERO);
        for words in 0..5 {
            out[12] = words << 4;
            let error = ParseError::Field { header: NAME, field: "data offset", value: u32::from(words) };
            assert_eq!(Header::parse(&out), Err(error));
            assert_eq!(header_len(&out), Err(error));
        }
    }

    #[test]
    fn reserved_bits_are_ignored_and_ae_is_a_flag() {
        let mut out = [0; 32];
        header().emit(&mut out, Sum::ZERO);
        out[12] |= 0x0E;
        assert_eq!(Header::parse(&out), Ok(header()));
        out[12] |= 0x01;
        let parsed = Header::parse(&out).unwrap();
        assert!(parsed.flags.contains(TcpFlags::AE | TcpFlags::ACK));
        assert!(!parsed.flags.intersects(TcpFlags::SYN | TcpFlags::FIN));
        assert_eq!(parsed.flags.to_string(), "PSH,ACK,AE");
        assert_eq!(parsed.flags.without(TcpFlags::AE), header().flags);
        assert_eq!(TcpFlags::NONE.to_string(), "-");
    }
}
