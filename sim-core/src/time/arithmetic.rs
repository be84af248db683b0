//! Sums, differences, multiples and parts of points and spans of time: exact, or a panic.

use super::{SimDuration, SimTime};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

impl Add<SimDuration> for SimTime {
    type Output = Self;

    /// # Panics
    /// When the sum lies beyond [`SimTime::MAX`].
    #[inline]
    fn add(self, span: SimDuration) -> Self {
        self.checked_add(span).expect("simulated time ends after 584 years")
    }
}

impl AddAssign<SimDuration> for SimTime {
    /// # Panics
    /// When the sum lies beyond [`SimTime::MAX`].
    #[inline]
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = Self;

    /// # Panics
    /// When the difference lies before the start.
    #[inline]
    fn sub(self, span: SimDuration) -> Self {
        self.checked_sub(span).expect("no simulated time lies before the start")
    }
}

impl Sub<SimTime> for SimTime {
    type Output = SimDuration;

    /// # Panics
    /// When `earlier` is later.
    #[inline]
    fn sub(self, earlier: SimTime) -> SimDuration {
        self.checked_since(earlier).expect("a span of time is not negative")
    }
}

impl Add for SimDuration {
    type Output = Self;

    /// # Panics
    /// When the sum exceeds [`SimDuration::MAX`].
    #[inline]
    fn add(self, other: Self) -> Self {
        self.checked_add(other).expect("a span of simulated time is below 584 years")
    }
}

impl AddAssign for SimDuration {
    /// # Panics
    /// When the sum exceeds [`SimDuration::MAX`].
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for SimDuration {
    type Output = Self;

    /// # Panics
    /// When the difference is negative.
    #[inline]
    fn sub(self, other: Self) -> Self {
        self.checked_sub(other).expect("a span of time is not negative")
    }
}

impl SubAssign for SimDuration {
    /// # Panics
    /// When the difference is negative.
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Mul<u64> for SimDuration {
    type Output = Self;

    /// # Panics
    /// When the multiple exceeds [`SimDuration::MAX`].
    #[inline]
    fn mul(self, factor: u64) -> Self {
        self.checked_mul(factor).expect("a span of simulated time is below 584 years")
    }
}

impl Div<u64> for SimDuration {
    type Output = Self;

    /// Rounds down to a whole nanosecond.
    ///
    /// # Panics
    /// When `divisor` is zero.
    #[inline]
    fn div(self, divisor: u64) -> Self {
        Self(self.0 / divisor)
    }
}

impl Div<SimDuration> for SimDuration {
    type Output = u64;

    /// How many whole `part`s fit.
    ///
    /// # Panics
    /// When `part` is zero.
    #[inline]
    fn div(self, part: SimDuration) -> u64 {
        self.0 / part.0
    }
}

impl Sum for SimDuration {
    /// # Panics
    /// When the sum exceeds [`SimDuration::MAX`].
    fn sum<I: Iterator<Item = Self>>(spans: I) -> Self {
        spans.fold(Self::ZERO, Add::add)
    }
}
