//! Powers and gains: stored as plain ratios, stated in decibels.

use sim_core::math;

/// A power, at least zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Power(f64);

impl Power {
    /// Nothing at all.
    pub const ZERO: Self = Self(0.0);

    /// From decibels relative to one milliwatt.
    #[must_use]
    pub fn from_dbm(dbm: f64) -> Self {
        Self(math::exp10(dbm / 10.0))
    }

    /// In decibels relative to one milliwatt; minus infinity for no power.
    #[must_use]
    pub fn as_dbm(self) -> f64 {
        10.0 * math::log10(self.0)
    }

    /// What arrives of it over a path.
    #[must_use]
    pub fn over(self, path: Gain) -> Self {
        Self(self.0 * path.0)
    }

    /// The ratio of two powers.
    #[must_use]
    pub fn ratio_to(self, other: Self) -> Gain {
        Gain(self.0 / other.0)
    }

    /// The power times a share of time, for averages.
    #[must_use]
    pub(super) fn share(self, part: f64) -> Self {
        Self(self.0 * part)
    }
}

impl std::ops::Add for Power {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::AddAssign for Power {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

/// A ratio of powers, at least zero; a loss is a gain below one.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Gain(f64);

impl Gain {
    /// Nothing gets through.
    pub const ZERO: Self = Self(0.0);
    /// All of it gets through.
    pub const ONE: Self = Self(1.0);

    /// From decibels: negative ones are losses.
    #[must_use]
    pub fn from_db(db: f64) -> Self {
        Self(math::exp10(db / 10.0))
    }

    /// From a plain ratio.
    #[must_use]
    pub const fn from_ratio(ratio: f64) -> Self {
        Self(ratio)
    }

    /// In decibels; minus infinity for nothing.
    #[must_use]
    pub fn as_db(self) -> f64 {
        10.0 * math::log10(self.0)
    }

    /// As a plain ratio.
    #[must_use]
    pub const fn as_ratio(self) -> f64 {
        self.0
    }
}

impl std::ops::Mul for Gain {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_add_where_ratios_multiply() {
        let received = Power::from_dbm(0.0).over(Gain::from_db(-60.0) * Gain::from_db(-25.0));
        assert!((received.as_dbm() + 85.0).abs() < 1e-9);
        // Twice the power is 3.0103 dB more.
        assert!(((received + received).as_dbm() + 81.9897).abs() < 1e-4);
        assert!((Power::from_dbm(-80.0).ratio_to(Power::from_dbm(-90.0)).as_db() - 10.0).abs() < 1e-9);
    }
}
