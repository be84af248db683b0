//! Quantities that cross every layer: amounts of data, rates, chances.

use crate::time::SimDuration;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// An amount of data in bytes (octets).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ByteCount(u64);

impl ByteCount {
    /// No data.
    pub const ZERO: Self = Self(0);

    /// An amount of `bytes` bytes.
    #[inline]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The amount in bytes.
    #[inline]
    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    /// The amount in bits; never overflows.
    #[inline]
    pub const fn as_bits(self) -> u128 {
        self.0 as u128 * 8
    }

    /// The difference, or `None` below zero.
    #[inline]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    /// The difference, at least zero.
    #[inline]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for ByteCount {
    type Output = Self;

    /// # Panics
    /// When the sum exceeds 2^64 - 1 bytes.
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("a run carries less than 2^64 bytes"))
    }
}

impl AddAssign for ByteCount {
    /// # Panics
    /// When the sum exceeds 2^64 - 1 bytes.
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for ByteCount {
    type Output = Self;

    /// # Panics
    /// When the difference is negative.
    #[inline]
    fn sub(self, other: Self) -> Self {
        self.checked_sub(other).expect("an amount of data is not negative")
    }
}

impl SubAssign for ByteCount {
    /// # Panics
    /// When the difference is negative.
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for ByteCount {
    /// # Panics
    /// When the sum exceeds 2^64 - 1 bytes.
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}

/// The rate at which a medium takes bits, in bit/s; at least 1 bit/s.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DataRate(u64);

impl DataRate {
    /// A rate of `bits` per second.
    ///
    /// # Panics
    /// When `bits` is zero; see [`DataRate::try_from_bits_per_second`].
    #[inline]
    pub const fn from_bits_per_second(bits: u64) -> Self {
        match Self::try_from_bits_per_second(bits) {
            Some(rate) => rate,
            None => panic!("a rate of 0 bit/s would never carry a frame"),
        }
    }

    /// A rate of `bits` per second, or `None` for zero, at which no frame would ever end.
    #[inline]
    pub const fn try_from_bits_per_second(bits: u64) -> Option<Self> {
        if bits == 0 { None } else { Some(Self(bits)) }
    }

    /// The rate in bit/s, at least 1.
    #[inline]
    pub const fn as_bits_per_second(self) -> u64 {
        self.0
    }

    /// Time to put `size` on the medium, rounded up to a whole nanosecond.
    ///
    /// Rounding up keeps back-to-back frames from overlapping; the error is below 1 ns per frame. A time
    /// of more than 584 years becomes [`SimDuration::MAX`].
    #[inline]
    pub fn transmit_time(self, size: ByteCount) -> SimDuration {
        // Below 2^31 bytes the product fits 64 bits, and a 64-bit division is five times as fast.
        if size.0 < 1 << 31 {
            return SimDuration::from_nanos((size.0 * 8_000_000_000).div_ceil(self.0));
        }
        let nanos = (size.as_bits() * 1_000_000_000).div_ceil(u128::from(self.0));
        SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The data that the medium carries during `time`, rounded down to a whole byte.
    ///
    /// More than 2^64 - 1 bytes become 2^64 - 1.
    #[inline]
    pub fn carried(self, time: SimDuration) -> ByteCount {
        let bytes = u128::from(self.0) * u128::from(time.as_nanos()) / 8_000_000_000;
        ByteCount(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for DataRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1_000, "kbit/s")];
        for (unit, name) in UNITS {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{} {name}", self.0 / unit);
            }
        }
        write!(f, "{} bit/s", self.0)
    }
}

/// A chance between 0 and 1, both included exactly.
///
/// Stored as a threshold out of 2^64, so that comparing it with a 64-bit draw is exact, and so that what
/// happens with a lower chance happens with a higher one too, if both see the same draws.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Probability(u64);

impl Probability {
    /// What never happens.
    pub const NEVER: Self = Self(0);
    /// What always happens. The threshold 2^64 - 1 is taken for 2^64: no float lies between the two.
    pub const ALWAYS: Self = Self(u64::MAX);

    /// The chance nearest to `chance`, to 2^-64; `None` unless it lies between 0 and 1.
    #[inline]
    pub fn from_f64(chance: f64) -> Option<Self> {
        if !(0.0..=1.0).contains(&chance) {
            return None;
        }
        // Scaling by a power of two is exact. The largest float below 1 gives 2^64 - 2048; exactly 1
        // gives 2^64, which `as` turns into 2^64 - 1, the threshold of ALWAYS.
        Some(Self(libm::round(chance * TWO_POW_64) as u64))
    }

    /// The chance as a float, for reports and channel physics.
    #[inline]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / TWO_POW_64
    }

    /// Whether it happens, given a uniform 64-bit `draw`: if and only if `draw` is below the threshold.
    #[inline]
    pub const fn happens(self, draw: u64) -> bool {
        draw < self.0 || self.0 == u64::MAX
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.as_f64() * 100.0)
    }
}

const TWO_POW_64: f64 = 18_446_744_073_709_551_616.0;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn transmit_time_rounds_up() {
        // 1,500 B at 100 Mbit/s: 12,000 bit / 10^8 bit/s = 120 µs, exact.
        let fast = DataRate::from_bits_per_second(100_000_000);
        assert_eq!(fast.transmit_time(ByteCount::from_bytes(1_500)), SimDuration::from_micros(120));
        // 1 B at 3 bit/s: 8/3 s = 2.666666666(6) s, up to ...667.
        let slow = DataRate::from_bits_per_second(3);
        assert_eq!(slow.transmit_time(ByteCount::from_bytes(1)).as_nanos(), 2_666_666_667);
        assert_eq!(slow.transmit_time(ByteCount::ZERO), SimDuration::ZERO);
    }

    #[test]
    fn a_time_beyond_the_end_of_time_saturates() {
        let slow = DataRate::from_bits_per_second(1);
        assert_eq!(slow.transmit_time(ByteCount::from_bytes(u64::MAX)), SimDuration::MAX);
    }

    proptest! {
        #[test]
        fn both_ways_to_the_transmit_time_agree(size in 0_u64..1 << 33, rate in 1_u64..) {
            let exact = (u128::from(size) * 8_000_000_000).div_ceil(u128::from(rate));
            let time = DataRate::from_bits_per_second(rate).transmit_time(ByteCount::from_bytes(size));
            prop_assert_eq!(u128::from(time.as_nanos()), exact.min(u128::from(u64::MAX)));
        }

        #[test]
        fn a_medium_carries_what_it_was_given_the_time_for(size in 0_u64..1 << 40, rate in 1_u64..1 << 40) {
            let rate = DataRate::from_bits_per_second(rate);
            let time = rate.transmit_time(ByteCount::from_bytes(size));
            prop_assume!(time < SimDuration::MAX);
            prop_assert!(rate.carried(time).as_bytes() >= size);
        }

        #[test]
        fn a_lower_chance_is_a_subset_of_a_higher_one(a in 0.0..=1.0, b in 0.0..=1.0, draw: u64) {
            let (low, high) = (f64::min(a, b), f64::max(a, b));
            let (low, high) = (Probability::from_f64(low).unwrap(), Probability::from_f64(high).unwrap());
            prop_assert!(!low.happens(draw) || high.happens(draw));
        }
    }

    #[test]
    fn never_and_always_are_exact() {
        assert_eq!(Probability::from_f64(0.0), Some(Probability::NEVER));
        assert_eq!(Probability::from_f64(1.0), Some(Probability::ALWAYS));
        assert!(!Probability::NEVER.happens(0));
        assert!(Probability::ALWAYS.happens(u64::MAX));
        assert_eq!(Probability::ALWAYS.as_f64(), 1.0);
    }

    #[test]
    fn a_half_happens_for_the_lower_half_of_the_draws() {
        let half = Probability::from_f64(0.5).unwrap();
        assert!(half.happens((1 << 63) - 1));
        assert!(!half.happens(1 << 63));
    }

    #[test]
    fn a_chance_outside_its_range_is_refused() {
        for chance in [-1e-9, 1.000_000_1, f64::NAN, f64::INFINITY] {
            assert_eq!(Probability::from_f64(chance), None, "{chance}");
        }
    }

    #[test]
    fn display_names_the_unit() {
        assert_eq!(ByteCount::from_bytes(64).to_string(), "64 B");
        assert_eq!(DataRate::from_bits_per_second(250_000).to_string(), "250 kbit/s");
        assert_eq!(DataRate::from_bits_per_second(1_500).to_string(), "1500 bit/s");
        assert_eq!(Probability::from_f64(0.25).unwrap().to_string(), "25 %");
    }
}
