//! Points and spans of simulated time, in whole nanoseconds.

mod arithmetic;
mod optional;

use std::fmt;

pub use optional::OptionalTime;

/// A point of simulated time: nanoseconds since the start of the run, up to 584 years.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SimTime(u64);

impl SimTime {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// The last point that can be named; stands for "never" where a deadline is kept.
    pub const MAX: Self = Self(u64::MAX);

    /// The point `nanos` nanoseconds after the start.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The point `micros` microseconds after the start.
    ///
    /// # Panics
    /// When the point lies beyond [`SimTime::MAX`].
    #[inline]
    pub const fn from_micros(micros: u64) -> Self {
        Self(scaled(micros, NANOS_PER_MICRO))
    }

    /// The point `millis` milliseconds after the start.
    ///
    /// # Panics
    /// When the point lies beyond [`SimTime::MAX`].
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Self(scaled(millis, NANOS_PER_MILLI))
    }

    /// The point `secs` seconds after the start.
    ///
    /// # Panics
    /// When the point lies beyond [`SimTime::MAX`].
    #[inline]
    pub const fn from_secs(secs: u64) -> Self {
        Self(scaled(secs, NANOS_PER_SEC))
    }

    /// Nanoseconds since the start.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole microseconds since the start, rounded down.
    #[inline]
    pub const fn as_micros(self) -> u64 {
        self.0 / NANOS_PER_MICRO
    }

    /// Whole milliseconds since the start, rounded down.
    #[inline]
    pub const fn as_millis(self) -> u64 {
        self.0 / NANOS_PER_MILLI
    }

    /// Whole seconds since the start, rounded down.
    #[inline]
    pub const fn as_secs(self) -> u64 {
        self.0 / NANOS_PER_SEC
    }

    /// Seconds since the start, for plots and channel physics.
    #[inline]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The point `span` later, or `None` beyond [`SimTime::MAX`].
    #[inline]
    pub const fn checked_add(self, span: SimDuration) -> Option<Self> {
        match self.0.checked_add(span.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The point `span` earlier, or `None` before the start.
    #[inline]
    pub const fn checked_sub(self, span: SimDuration) -> Option<Self> {
        match self.0.checked_sub(span.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The point `span` later, at most [`SimTime::MAX`].
    #[inline]
    pub const fn saturating_add(self, span: SimDuration) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The point `span` earlier, at least [`SimTime::ZERO`].
    #[inline]
    pub const fn saturating_sub(self, span: SimDuration) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// The span since `earlier`, or `None` if `earlier` is later.
    #[inline]
    pub const fn checked_since(self, earlier: Self) -> Option<SimDuration> {
        match self.0.checked_sub(earlier.0) {
            Some(nanos) => Some(SimDuration(nanos)),
            None => None,
        }
    }

    /// The span since `earlier`, or zero if `earlier` is later.
    #[inline]
    pub const fn saturating_since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
}

/// A span of simulated time in nanoseconds, up to 584 years.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SimDuration(u64);

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span.
    pub const MAX: Self = Self(u64::MAX);

    /// A span of `nanos` nanoseconds.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A span of `micros` microseconds.
    ///
    /// # Panics
    /// When the span exceeds [`SimDuration::MAX`].
    #[inline]
    pub const fn from_micros(micros: u64) -> Self {
        Self(scaled(micros, NANOS_PER_MICRO))
    }

    /// A span of `millis` milliseconds.
    ///
    /// # Panics
    /// When the span exceeds [`SimDuration::MAX`].
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Self(scaled(millis, NANOS_PER_MILLI))
    }

    /// A span of `secs` seconds.
    ///
    /// # Panics
    /// When the span exceeds [`SimDuration::MAX`].
    #[inline]
    pub const fn from_secs(secs: u64) -> Self {
        Self(scaled(secs, NANOS_PER_SEC))
    }

    /// A span of `secs` seconds, rounded to the nearest nanosecond, halves away from zero.
    ///
    /// # Panics
    /// When `secs` is negative, not a number, or beyond [`SimDuration::MAX`]; see
    /// [`SimDuration::try_from_secs_f64`] for values that were not checked before.
    #[inline]
    pub fn from_secs_f64(secs: f64) -> Self {
        match Self::try_from_secs_f64(secs) {
            Some(span) => span,
            None => panic!("{secs} s is not a span of simulated time"),
        }
    }

    /// A span of `secs` seconds, rounded to the nearest nanosecond, halves away from zero; `None` when
    /// `secs` is negative, not a number, or beyond [`SimDuration::MAX`].
    #[inline]
    pub fn try_from_secs_f64(secs: f64) -> Option<Self> {
        let nanos = libm::round(secs * 1e9);
        // 2^64 as f64 is exact; every float below it is at most 2^64 - 2048. -0.0 counts as zero.
        (0.0..18_446_744_073_709_551_616.0).contains(&nanos).then_some(Self(nanos as u64))
    }

    /// The span in nanoseconds.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The span in whole microseconds, rounded down.
    #[inline]
    pub const fn as_micros(self) -> u64 {
        self.0 / NANOS_PER_MICRO
    }

    /// The span in whole milliseconds, rounded down.
    #[inline]
    pub const fn as_millis(self) -> u64 {
        self.0 / NANOS_PER_MILLI
    }

    /// The span in whole seconds, rounded down.
    #[inline]
    pub const fn as_secs(self) -> u64 {
        self.0 / NANOS_PER_SEC
    }

    /// The span in seconds, for plots and channel physics.
    #[inline]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Whether this is no time at all.
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` beyond [`SimDuration::MAX`].
    #[inline]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The difference, or `None` below zero.
    #[inline]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The multiple, or `None` beyond [`SimDuration::MAX`].
    #[inline]
    pub const fn checked_mul(self, factor: u64) -> Option<Self> {
        match self.0.checked_mul(factor) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The sum, at most [`SimDuration::MAX`].
    #[inline]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least zero.
    #[inline]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The multiple, at most [`SimDuration::MAX`].
    #[inline]
    pub const fn saturating_mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }

    /// The distance between two spans, whichever is longer.
    #[inline]
    pub const fn abs_diff(self, other: Self) -> Self {
        Self(self.0.abs_diff(other.0))
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(f)
    }
}

/// The largest unit that leaves a whole part, and every nanosecond: `7 ns`, `1.250 ms`, `2.000001 s`.
impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name, digits) = match self.0 {
            0..NANOS_PER_MICRO => return write!(f, "{} ns", self.0),
            NANOS_PER_MICRO..NANOS_PER_MILLI => (NANOS_PER_MICRO, "µs", 3),
            NANOS_PER_MILLI..NANOS_PER_SEC => (NANOS_PER_MILLI, "ms", 6),
            NANOS_PER_SEC.. => (NANOS_PER_SEC, "s", 9),
        };
        let (mut fraction, mut digits) = (self.0 % unit, digits);
        while digits > 3 && u64::is_multiple_of(fraction, 1_000) {
            fraction /= 1_000;
            digits -= 3;
        }
        write!(f, "{}.{fraction:0digits$} {name}", self.0 / unit)
    }
}

/// `count` units of `unit` nanoseconds.
const fn scaled(count: u64, unit: u64) -> u64 {
    match count.checked_mul(unit) {
        Some(nanos) => nanos,
        None => panic!("simulated time ends after 584 years"),
    }
}

const NANOS_PER_MICRO: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_SEC: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_convert_exactly() {
        assert_eq!(SimTime::from_secs(3).as_nanos(), 3_000_000_000);
        assert_eq!(SimTime::from_millis(1_500).as_secs(), 1);
        assert_eq!(SimDuration::from_micros(2_999).as_millis(), 2);
        assert_eq!(SimDuration::from_nanos(1_999).as_micros(), 1);
    }

    #[test]
    fn seconds_as_a_float_round_to_the_nearest_nanosecond() {
        assert_eq!(SimDuration::from_secs_f64(0.25).as_nanos(), 250_000_000);
        assert_eq!(SimDuration::from_secs_f64(1.4e-9).as_nanos(), 1);
        assert_eq!(SimDuration::from_secs_f64(1.6e-9).as_nanos(), 2);
        assert_eq!(SimDuration::try_from_secs_f64(-0.0), Some(SimDuration::ZERO));
    }

    #[test]
    fn a_float_that_is_no_span_is_refused() {
        for secs in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.9e10] {
            assert_eq!(SimDuration::try_from_secs_f64(secs), None, "{secs}");
        }
    }

    #[test]
    fn sums_saturate_or_fail_at_the_ends() {
        let ns = SimDuration::from_nanos;
        assert_eq!(SimTime::MAX.checked_add(ns(1)), None);
        assert_eq!(SimTime::MAX.saturating_add(ns(1)), SimTime::MAX);
        assert_eq!(SimTime::ZERO.checked_sub(ns(1)), None);
        assert_eq!(SimTime::ZERO.saturating_since(SimTime::from_nanos(5)), SimDuration::ZERO);
        assert_eq!(ns(3).abs_diff(ns(5)), ns(2));
        assert_eq!([ns(1), ns(2), ns(4)].into_iter().sum::<SimDuration>(), ns(7));
    }

    #[test]
    #[should_panic(expected = "simulated time ends after 584 years")]
    fn a_point_beyond_the_end_panics() {
        let _ = SimTime::MAX + SimDuration::from_nanos(1);
    }

    #[test]
    fn a_span_divides_into_parts_and_into_a_count() {
        // 10 ms / 3 = 3,333,333.3 ns; 10 ms holds 3 whole spans of 3 ms.
        assert_eq!(SimDuration::from_millis(10) / 3, SimDuration::from_nanos(3_333_333));
        assert_eq!(SimDuration::from_millis(10) / SimDuration::from_millis(3), 3);
    }

    #[test]
    fn display_uses_the_largest_unit_and_loses_no_nanosecond() {
        let shown = |nanos| SimDuration::from_nanos(nanos).to_string();
        assert_eq!(shown(0), "0 ns");
        assert_eq!(shown(999), "999 ns");
        assert_eq!(shown(1_250), "1.250 µs");
        assert_eq!(shown(1_250_000), "1.250 ms");
        assert_eq!(shown(1_250_001), "1.250001 ms");
        assert_eq!(shown(2_000_000_000), "2.000 s");
        assert_eq!(shown(2_000_000_050), "2.000000050 s");
        assert_eq!(SimTime::from_millis(20).to_string(), "20.000 ms");
    }
}
