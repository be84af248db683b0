//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//!
//! A [`Sum`] is a one's complement sum that is not yet folded, so that the sums of a packet's parts are made
//! once, where the parts are, and only added where the packet is put together.

use std::net::IpAddr;
use std::ops::{Add, AddAssign};

use crate::ip::IpProtocol;

/// A one's complement sum of 16-bit words, of bytes that begin at an even offset.
///
/// A sum of nothing but zeros is [`Sum::ZERO`]; any other never becomes zero (RFC 1624 §3).
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(
    // The sum of little-endian 32-bit words, modulo 65535, kept below 2^34. RFC 1071 §2(B) allows either
    // byte order until the end; this one needs no swap in the loop on the machines that are about.
    u64,
);

impl Sum {
    /// The sum of no bytes, and of any number of zero bytes.
    pub const ZERO: Self = Self(0);

    /// Sums `bytes`; an odd last byte counts as the high half of a word (RFC 1071 §1).
    #[inline]
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let (words, tail) = bytes.as_chunks::<4>();
        let mut total = 0_u64;
        for word in words {
            total += u64::from(u32::from_le_bytes(*word));
        }
        // By cases: a copy of unknown length would be a call.
        let last = match *tail {
            [] => return Self(fold_once(total)),
            [a] => [a, 0, 0, 0],
            [a, b] => [a, b, 0, 0],
            [a, b, c, ..] => [a, b, c, 0],
        };
        Self(fold_once(total + u64::from(u32::from_le_bytes(last))))
    }

    /// Sums one 16-bit word.
    #[inline]
    #[must_use]
    pub const fn of_u16(word: u16) -> Self {
        Self(word.swap_bytes() as u64)
    }

    /// Sums one 32-bit field.
    #[inline]
    #[must_use]
    pub const fn of_u32(field: u32) -> Self {
        Self(field.swap_bytes() as u64)
    }

    /// Sums a header that is held in big-endian words, not yet or no longer as bytes.
    #[inline]
    #[must_use]
    pub(crate) const fn of_words<const N: usize>(words: &[u32; N]) -> Self {
        let mut total = 0;
        let mut at = 0;
        while at < N {
            total += words[at] as u64;
            at += 1;
        }
        // Folded to 16 bits, since the order of bytes can only be changed within a word of the checksum.
        let once = (total & 0xFFFF_FFFF) + (total >> 32);
        let twice = (once & 0xFFFF) + (once >> 16);
        let folded = (twice & 0xFFFF) + (twice >> 16);
        Self::of_u16(((folded & 0xFFFF) + (folded >> 16)) as u16)
    }

    /// Takes back what [`Self::folded`] gave.
    #[inline]
    #[must_use]
    pub const fn from_folded(folded: u16) -> Self {
        Self::of_u16(folded)
    }

    /// The sum of two parts that both begin at an even offset.
    #[inline]
    #[must_use]
    pub const fn combine(self, other: Self) -> Self {
        Self(fold_once(self.0 + other.0))
    }

    /// Adds bytes that follow an even number of bytes.
    #[inline]
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        *self += Self::of(bytes);
    }

    /// Adds the sum of a part that begins `offset` bytes after the start of the whole.
    ///
    /// At an odd offset the part's bytes change places within their words (RFC 1071 §2(B)).
    #[inline]
    pub fn add_at(&mut self, offset: usize, part: Self) {
        *self += if offset.is_multiple_of(2) { part } else { part.swapped() };
    }

    /// The sum of the same bytes when they begin at an odd offset.
    #[inline]
    #[must_use]
    pub const fn swapped(self) -> Self {
        // A shift by one byte is a multiplication by 256, and 65536 is 1 modulo 65535.
        Self(fold_once(self.0 << 8))
    }

    /// The sum as 16 bits in the order of the wire, not complemented.
    #[inline]
    #[must_use]
    pub const fn folded(self) -> u16 {
        // Below 2^34: at most 2^16 + 2^18 after the first step, 2^16 + 3 after the second.
        let once = (self.0 & 0xFFFF) + (self.0 >> 16);
        let twice = (once & 0xFFFF) + (once >> 16);
        (((twice & 0xFFFF) + (twice >> 16)) as u16).swap_bytes()
    }

    /// The checksum field that makes the whole sum right: the complement of the sum (RFC 1071 §1).
    #[inline]
    #[must_use]
    pub const fn finish(self) -> u16 {
        !self.folded()
    }

    /// Whether a sum that includes its checksum field is right: all ones (RFC 1071 §1).
    #[inline]
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.folded() == 0xFFFF
    }
}

impl Add for Sum {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        self.combine(other)
    }
}

impl AddAssign for Sum {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Two sums are equal when they fold to the same 16 bits.
impl PartialEq for Sum {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Sum {}

/// Adds the high half to the low half: the same value modulo 65535, since 2^32 is 1, and below 2^33.
const fn fold_once(total: u64) -> u64 {
    (total & 0xFFFF_FFFF) + (total >> 32)
}

/// Sums the pseudo-header of `length` bytes of `protocol`, header included (RFC 9293 §3.1, RFC 8200 §8.1).
///
/// The zero bytes of the two formats add nothing, so one sum serves IPv4 and IPv6.
#[inline]
#[must_use]
pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: IpProtocol, length: u32) -> Sum {
    let addresses = match (source, destination) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Sum::of_u32(from.to_bits()) + Sum::of_u32(to.to_bits()),
        (from, to) => address(from) + address(to),
    };
    addresses + Sum::of_u32(length) + Sum::of_u16(u16::from(protocol.0))
}

fn address(address: IpAddr) -> Sum {
    match address {
        IpAddr::V4(v4) => Sum::of(&v4.octets()),
        IpAddr::V6(v6) => Sum::of(&v6.octets()),
    }
}

/// What replacing some 16-bit words does to every checksum that covers them (RFC 1624 §3, equation 3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub struct Change(Sum);

impl Change {
    /// Replacing the word `old` by `new`.
    #[inline]
    pub const fn of_u16(old: u16, new: u16) -> Self {
        Self(Sum::of_u16(!old).combine(Sum::of_u16(new)))
    }

    /// Replacing `old` by `new`, both at an even offset.
    pub fn of_bytes(old: &[u8], new: &[u8]) -> Self {
        Self(Sum::of_u16(Sum::of(old).finish()) + Sum::of(new))
    }

    /// Both changes, of different words.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// The checksum that fits after the change, if `checksum` did before.
    #[inline]
    #[must_use]
    pub fn apply(self, checksum: u16) -> u16 {
        (Sum::of_u16(!checksum) + self.0).finish()
    }

    /// The same for UDP: zero says that there is no checksum, so a computed zero is sent as all ones (RFC 768).
    #[inline]
    #[must_use]
    pub fn apply_udp(self, checksum: u16) -> u16 {
        match checksum {
            0 => 0,
            _ => match self.apply(checksum) {
                0 => 0xFFFF,
                updated => updated,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// The definition, word for word: 16-bit big-endian words, carries added back in.
    fn by_definition(bytes: &[u8]) -> u16 {
        let mut total = 0_u32;
        for pair in bytes.chunks(2) {
            total += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            total = (total & 0xFFFF) + (total >> 16);
        }
        total as u16
    }

    #[test]
    fn the_example_of_rfc_1071_comes_out() {
        // RFC 1071 §3: 0001 + f203 + f4f5 + f6f7 = 2ddf0, folded ddf0 + 2 = ddf2.
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::of(&bytes).folded(), 0xddf2);
        assert_eq!(Sum::of(&bytes).finish(), 0x220d);
    }

    #[test]
    fn words_sum_like_their_bytes() {
        let words = [0x0001_f203, 0xf4f5_f6f7, 0xffff_ffff, 0x8000_0001];
        let bytes: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
        assert_eq!(Sum::of_words(&words), Sum::of(&bytes));
        assert_eq!(Sum::of_words(&[0; 5]), Sum::ZERO);
        assert_eq!(Sum::of_words(&[0xFFFF_FFFF; 15]).folded(), 0xFFFF);
    }

    #[test]
    fn only_zeros_sum_to_zero() {
        assert_eq!(Sum::of(&[0; 100]), Sum::ZERO);
        // ffff + ffff = 1fffe, folded ffff: the other zero, which is not the sum of zeros.
        assert_eq!(Sum::of(&[0xFF; 4]).folded(), 0xFFFF);
        assert_ne!(Sum::of(&[0xFF; 4]), Sum::ZERO);
    }

    proptest::proptest! {
        #[test]
        fn the_fast_sum_is_the_defined_sum(bytes: Vec<u8>) {
            assert_eq!(Sum::of(&bytes).folded(), by_definition(&bytes));
        }

        #[test]
        fn the_sums_of_parts_add_up_wherever_the_cut_is(bytes: Vec<u8>, cut: usize, second: usize) {
            let first = cut % (bytes.len() + 1);
            let second = first + second % (bytes.len() - first + 1);
            let mut sum = Sum::of(&bytes[..first]);
            sum.add_at(first, Sum::of(&bytes[first..second]));
            sum.add_at(second, Sum::from_folded(Sum::of(&bytes[second..]).folded()));
            assert_eq!(sum.folded(), by_definition(&bytes));
        }

        #[test]
        fn an_incremental_update_is_a_fresh_checksum(
            mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 20),
            new in proptest::num::u16::ANY,
        ) {
            bytes[0] = 0x45; // A checksum covers at least one word that is not zero (RFC 1624 §3).
            let before = Sum::of(&bytes).finish();
            let old = [bytes[8], bytes[9]];
            bytes[8..10].copy_from_slice(&new.to_be_bytes());
            let fresh = Sum::of(&bytes).finish();
            assert_eq!(Change::of_u16(u16::from_be_bytes(old), new).apply(before), fresh);
            assert_eq!(Change::of_bytes(&old, &new.to_be_bytes()).apply(before), fresh);
        }
    }

    #[test]
    fn the_example_of_rfc_1624_yields_plus_zero() {
        // RFC 1624 §4: HC = dd2f, m = 5555 becomes 3285: ~(22d0 + aaaa + 3285) = ~ffff = 0.
        assert_eq!(Change::of_u16(0x5555, 0x3285).apply(0xDD2F), 0x0000);
        assert_eq!(Change::of_u16(0x5555, 0x3285).apply_udp(0xDD2F), 0xFFFF, "UDP has no zero checksum");
        assert_eq!(Change::of_u16(0x5555, 0x3285).apply_udp(0), 0, "no checksum stays no checksum");
    }

    #[test]
    fn two_changes_join_into_one() {
        let joined = Change::of_u16(1, 2).and(Change::of_u16(0x8000, 0x7000));
        // 1 became 2 (+1) and 8000 became 7000 (-1000): the sum 9000 becomes 8001.
        assert_eq!(joined.apply(!0x9000), !0x8001);
    }

    #[test]
    fn a_pseudo_header_sums_its_fields() {
        // 10.0.0.1 + 10.0.0.2 + protocol 17 + length 8: 0a00 + 0001 + 0a00 + 0002 + 0011 + 0008 = 141c.
        let (from, to) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let sum = pseudo_header(from.into(), to.into(), IpProtocol::UDP, 8);
        assert_eq!(sum.folded(), 0x141c);
        // fe80::1 + ff02::2 + next header 58 + length 0x10008: fe80 + 1 + ff02 + 2 + 3a + 1 + 8 = 1fdc8 = fdc9.
        let from = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let to = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
        let sum = pseudo_header(from.into(), to.into(), IpProtocol::ICMPV6, 0x1_0008);
        assert_eq!(sum.folded(), 0xfdc9);
    }
}
