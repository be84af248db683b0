//! Quantities with units, read exactly: "20 ms", "250 kbit/s", "64 B", "1 %".
//!
//! A quantity is a number and a unit, with or without a space between. It becomes a whole number of its
//! smallest unit; what is finer than that is refused, never rounded. Zero needs no unit.

mod convert;
mod level;
mod motion;
mod unit;

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::decimal::Decimal;
pub use level::{Decibels, PowerLevel, Temperature};
pub use motion::{Distance, Speed};
pub(crate) use unit::shorten;
use unit::{
    DRIFT_UNITS, ENERGY_UNITS, FRACTION_ONE, FRACTION_UNITS, Kind, POWER_UNITS, RATE_UNITS, SIZE_UNITS,
    TIME_UNITS, Unit,
};

/// A length of time in nanoseconds: "20 ms", "1.5 s", "10 min"; units ns, us, ms, s, min, h, d.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Duration(u64);

/// A length of time that may be negative, in nanoseconds: "-5 ms"; units as of [`Duration`].
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct SignedDuration(i64);

/// A data rate in bits per second: "250 kbit/s"; k is 1000; units bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Rate(u64);

/// A number of bytes: "64 B"; KB is 1000 B and KiB 1024 B; units B, KB, KiB, MB, MiB, GB, GiB.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Size(u64);

/// A probability or a share, 0 to 1, in steps of 10⁻¹⁸: "1 %", "0.01", 0.01; units %, ppm.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Fraction(u64);

/// An energy in picojoules, up to 18 MJ: "20 mJ"; units pJ, nJ, uJ, mJ, J, kJ.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Energy(u64);

/// A power in picowatts, up to 18 MW: "20 mW"; units pW, nW, uW, mW, W, kW.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Power(u64);

/// How much too fast a clock runs, in parts per 10⁹, negative if it is slow: "20 ppm"; units ppm, ppb, %.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Drift(i64);

impl Duration {
    /// A number of nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A number of milliseconds, up to 2⁴⁴.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// A number of seconds, up to 2³⁴.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000_000_000)
    }

    /// The length in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}

impl SignedDuration {
    /// The length in nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }
}

impl Rate {
    /// A number of bits per second.
    pub const fn from_bits_per_second(bits: u64) -> Self {
        Self(bits)
    }

    /// The rate in bits per second.
    pub const fn as_bits_per_second(self) -> u64 {
        self.0
    }
}

impl Size {
    /// A number of bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }
}

impl Fraction {
    /// Never.
    pub const ZERO: Self = Self(0);

    /// Always.
    pub const ONE: Self = Self(FRACTION_ONE);

    /// The share in parts per 10¹⁸, 0 to 10¹⁸.
    pub const fn as_attos(self) -> u64 {
        self.0
    }

    /// The number of parts out of 2⁶⁴, rounded down; a whole comes out as 2⁶⁴ − 1.
    pub fn as_threshold(self) -> u64 {
        let scaled = (u128::from(self.0) << 64) / u128::from(FRACTION_ONE);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    /// The share as the nearest binary fraction.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / FRACTION_ONE as f64
    }
}

impl Energy {
    /// The energy in joules.
    pub fn as_joules(self) -> f64 {
        self.0 as f64 / 1e12
    }
}

impl Power {
    /// The power in picowatts.
    pub const fn as_picowatts(self) -> u64 {
        self.0
    }
}

impl Drift {
    /// The drift in parts per 10⁹.
    pub const fn as_parts_per_billion(self) -> i64 {
        self.0
    }
}

/// A quantity as a file gives it: a text with a unit, or a bare number where that has a meaning.
trait Quantity: Sized {
    const KIND: Kind;

    fn read(text: &str) -> Result<Self, String>;
}

impl Quantity for Duration {
    const KIND: Kind = Kind {
        examples: &["20 ms", "1.5 s"],
        step: "1 ns",
        units: TIME_UNITS,
        name: "a duration",
        bare: None,
    };

    fn read(text: &str) -> Result<Self, String> {
        match text.trim().strip_prefix("1/") {
            Some(divisor) => read_part(text, divisor).map(Self),
            None => Self::KIND.read(text, Decimal::times).map(Self),
        }
    }
}

/// Reads what follows "1/" in the period of a rate: "1/100 s".
fn read_part(text: &str, divisor: &str) -> Result<u64, String> {
    let expected = || format!("\"{}\" is no part of a duration, expected such as \"1/100 s\"", shorten(text));
    let digits = divisor.bytes().take_while(u8::is_ascii_digit).count();
    let parts: u64 = divisor[..digits].parse().map_err(|_| expected())?;
    let whole =
        Duration::KIND.read(&format!("1{}", &divisor[digits..]), Decimal::times).map_err(|_| expected())?;
    match whole.checked_rem(parts) {
        Some(0) => Ok(whole / parts),
        Some(_) => Err(format!("\"{}\" is no whole number of nanoseconds", shorten(text))),
        None => Err(expected()),
    }
}

impl Quantity for SignedDuration {
    const KIND: Kind = Kind {
        examples: &["-5 ms", "20 us"],
        step: "1 ns",
        units: TIME_UNITS,
        name: "a duration",
        bare: None,
    };

    fn read(text: &str) -> Result<Self, String> {
        Self::KIND.read(text, Decimal::signed_times).map(Self)
    }
}

impl Quantity for Rate {
    const KIND: Kind = Kind {
        examples: &["10 Mbit/s", "250 kbit/s"],
        step: "1 bit/s",
        units: RATE_UNITS,
        name: "a data rate",
        bare: None,
    };

    fn read(text: &str) -> Result<Self, String> {
        Self::KIND.read(text, Decimal::times).map(Self)
    }
}

impl Quantity for Size {
    const KIND: Kind = Kind {
        examples: &["64 B", "32 KiB"],
        step: "1 B",
        units: SIZE_UNITS,
        name: "a number of bytes",
        bare: None,
    };

    fn read(text: &str) -> Result<Self, String> {
        Self::KIND.read(text, Decimal::times).map(Self)
    }
}

impl Quantity for Fraction {
    const KIND: Kind = Kind {
        examples: &["1 %", "0.01"],
        step: "10^-18",
        units: FRACTION_UNITS,
        name: "a share from 0 to 1",
        bare: Some(FRACTION_ONE),
    };

    fn read(text: &str) -> Result<Self, String> {
        let share = Self::KIND.read(text, Decimal::times)?;
        if share > FRACTION_ONE {
            return Err(format!(
                "\"{}\" is more than 1 (100 %), expected {}",
                shorten(text),
                Self::KIND.expected()
            ));
        }
        Ok(Self(share))
    }
}

impl Quantity for Energy {
    const KIND: Kind = Kind {
        examples: &["20 mJ", "1.5 J"],
        step: "1 pJ",
        units: ENERGY_UNITS,
        name: "an energy",
        bare: None,
    };

    fn read(text: &str) -> Result<Self, String> {
        Self::KIND.read(text, Decimal::times).map(Self)
    }
}

impl Quantity for Power {
    const KIND: Kind =
        Kind { examples: &["20 mW", "50 uW"], step: "1 pW", units: POWER_UNITS, name: "a power", bare: None };

    fn read(text: &str) -> Result<Self, String> {
        Self::KIND.read(text, Decimal::times).map(Self)
    }
}

impl Quantity for Drift {
    const KIND: Kind = Kind {
        examples: &["20 ppm", "-0.5 ppm"],
        step: "1 ppb",
        units: DRIFT_UNITS,
        name: "a clock drift",
        bare: None,
    };

    fn read(text: &str) -> Result<Self, String> {
        let parts = Self::KIND.read(text, Decimal::signed_times)?;
        if parts.unsigned_abs() > DRIFT_MAX {
            return Err(format!("\"{}\" is more than 10 %, which no clock is", shorten(text)));
        }
        Ok(Self(parts))
    }
}

struct QuantityVisitor<T>(std::marker::PhantomData<T>);

impl<T: Quantity> Visitor<'_> for QuantityVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&T::KIND.expected())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        T::read(&number.to_string()).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        T::read(&number.to_string()).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        T::read(&number.to_string()).map_err(E::custom)
    }
}

/// Reading, parsing and describing are alike for every quantity; traits of other crates need an `impl` each.
macro_rules! quantity {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(QuantityVisitor(std::marker::PhantomData))
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::read(text)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                Self::KIND.schema()
            }
        }
    )*};
}

quantity!(
    Duration,
    SignedDuration,
    Rate,
    Size,
    Fraction,
    Distance,
    Speed,
    Energy,
    Power,
    Decibels,
    PowerLevel,
    Temperature,
    Drift
);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_exact(f, self.0, &[("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)])
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_exact(f, self.0, RATE_UNITS)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}

/// Writes a value in the largest unit that leaves a whole number.
fn write_exact(f: &mut fmt::Formatter<'_>, value: u64, units: &[Unit]) -> fmt::Result {
    let fits = |unit: &&Unit| value.is_multiple_of(unit.1) && (value > 0 || unit.1 == 1);
    let (symbol, factor) = units.iter().rev().find(fits).unwrap_or(&units[0]);
    write!(f, "{} {symbol}", value / factor)
}

/// 10 % in parts per 10⁹.
const DRIFT_MAX: u64 = 100_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_before_the_unit_is_optional() {
        assert_eq!("20 ms".parse(), Ok(Duration::from_millis(20)));
        assert_eq!("20ms".parse(), Ok(Duration::from_millis(20)));
        assert_eq!(" 1.5 min ".parse(), Ok(Duration::from_secs(90)));
    }

    #[test]
    fn the_period_of_a_rate_is_a_part_of_a_second() {
        assert_eq!("1/100 s".parse(), Ok(Duration::from_millis(10)));
        assert_eq!("1/4ms".parse(), Ok(Duration::from_nanos(250_000)));
        for (text, reason) in
            [("1/3 s", "whole number"), ("1/0 s", "no part"), ("1/ s", "no part"), ("1/4", "no part")]
        {
            let error = text.parse::<Duration>().expect_err("it is wrong");
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn k_is_a_thousand_and_ki_is_1024() {
        assert_eq!("250 kbit/s".parse(), Ok(Rate::from_bits_per_second(250_000)));
        assert_eq!("1 KB".parse(), Ok(Size::from_bytes(1_000)));
        assert_eq!("1 KiB".parse(), Ok(Size::from_bytes(1_024)));
    }

    #[test]
    fn a_share_is_exact_as_text_and_as_number() {
        // 1 % of 10^18 is 10^16.
        for text in ["1 %", "0.01", "10000 ppm"] {
            assert_eq!(
                text.parse::<Fraction>().map(Fraction::as_attos),
                Ok(10_000_000_000_000_000),
                "{text}"
            );
        }
        assert_eq!("50 %".parse::<Fraction>().map(Fraction::as_threshold), Ok(1 << 63));
        assert_eq!(serde_json::from_str::<Fraction>("1e-6").ok(), "1 ppm".parse().ok());
    }

    #[test]
    fn a_share_above_one_is_refused() {
        let error = "150 %".parse::<Fraction>().expect_err("more than all");
        assert!(error.contains("more than 1"), "{error}");
    }

    #[test]
    fn a_missing_unit_is_refused_except_for_zero() {
        assert!("20".parse::<Duration>().expect_err("no unit").contains("has no unit"));
        assert_eq!("0".parse(), Ok(Duration::default()));
    }

    #[test]
    fn an_unknown_unit_names_the_nearest() {
        let error = "10 Mbps".parse::<Rate>().expect_err("no such unit");
        assert!(error.contains("did you mean `Mbit/s`?"), "{error}");
        let error = "10 mss".parse::<Duration>().expect_err("no such unit");
        assert!(error.contains("did you mean `ms`?"), "{error}");
    }

    #[test]
    fn negative_infinite_and_overflowing_quantities_are_refused() {
        for text in ["-1 s", "NaN s", "inf s", "1e30 s", "0.1 ns", "", "s"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
        assert_eq!("-5 ms".parse::<SignedDuration>().map(SignedDuration::as_nanos), Ok(-5_000_000));
        assert_eq!("-20 ppm".parse::<Drift>().map(Drift::as_parts_per_billion), Ok(-20_000));
    }

    #[test]
    fn a_quantity_is_shown_in_its_largest_whole_unit() {
        assert_eq!(Duration::from_millis(1500).to_string(), "1500 ms");
        assert_eq!(Rate::from_bits_per_second(10_000_000).to_string(), "10 Mbit/s");
        assert_eq!(Duration::default().to_string(), "0 ns");
    }
}
