//! What has a sign: powers of radios and their ratios in decibels, and temperatures.

use super::unit::{DB_UNITS, DBM_UNITS, Kind, TEMPERATURE_UNITS, shorten};
use super::{Decimal, Quantity};

/// A ratio of powers in thousandths of a decibel: "3 dB"; unit dB.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Decibels(i64);

/// A power in thousandths of a decibel above a milliwatt: "-95 dBm"; unit dBm.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct PowerLevel(i64);

/// A temperature in thousandths of a degree Celsius: "-20 °C"; unit °C.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Temperature(i32);

impl Temperature {
    /// The temperature in thousandths of a degree Celsius.
    pub fn as_millicelsius(self) -> i32 {
        self.0
    }
}

impl Quantity for Temperature {
    const KIND: Kind = Kind {
        examples: &["-20 °C", "21.5 °C"],
        step: "0.001 °C",
        units: TEMPERATURE_UNITS,
        name: "a temperature",
        bare: None,
    };

    fn read(text: &str) -> Result<Self, String> {
        let millicelsius = Self::KIND.read(text, Decimal::signed_times)?;
        match i32::try_from(millicelsius) {
            Ok(value @ TEMPERATURE_MIN..=TEMPERATURE_MAX) => Ok(Self(value)),
            _ => {
                let shown = shorten(text);
                Err(format!("\"{shown}\" is beyond all batteries, expected {}", Self::KIND.expected()))
            }
        }
    }
}

impl Decibels {
    /// The ratio in decibels.
    pub fn as_db(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl PowerLevel {
    /// The power in decibels above a milliwatt.
    pub fn as_dbm(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Quantity for Decibels {
    const KIND: Kind = Kind {
        examples: &["3 dB", "-0.5 dB"],
        step: "0.001 dB",
        units: DB_UNITS,
        name: "a ratio",
        bare: None,
    };

    fn read(text: &str) -> Result<Self, String> {
        read_level(&Self::KIND, text).map(Self)
    }
}

impl Quantity for PowerLevel {
    const KIND: Kind = Kind {
        examples: &["-95 dBm", "0 dBm"],
        step: "0.001 dBm",
        units: DBM_UNITS,
        name: "a power",
        bare: None,
    };

    fn read(text: &str) -> Result<Self, String> {
        read_level(&Self::KIND, text).map(Self)
    }
}

/// Reads decibels, of which more than 300 either way mean nothing.
fn read_level(kind: &Kind, text: &str) -> Result<i64, String> {
    let level = kind.read(text, Decimal::signed_times)?;
    if level.unsigned_abs() > LEVEL_MAX {
        return Err(format!("\"{}\" is beyond all radios, expected {}", shorten(text), kind.expected()));
    }
    Ok(level)
}

/// 300 dB in thousandths.
const LEVEL_MAX: u64 = 300_000;

const TEMPERATURE_MIN: i32 = -273_150;

const TEMPERATURE_MAX: i32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_are_in_degrees_celsius() {
        assert_eq!("-20 °C".parse(), Ok(Temperature(-20_000)));
        assert_eq!("21.5°C".parse(), Ok(Temperature(21_500)));
        for text in ["20 K", "-274 °C", "5000 °C", "20", "0.0001 °C"] {
            assert!(text.parse::<Temperature>().is_err(), "{text}");
        }
        assert!("20 C".parse::<Temperature>().unwrap_err().contains("did you mean `°C`"));
    }

    #[test]
    fn levels_have_three_decimals_and_a_sign() {
        assert_eq!("-95 dBm".parse(), Ok(PowerLevel(-95_000)));
        assert_eq!("98.755dB".parse(), Ok(Decibels(98_755)));
        for text in ["3 dB", "301 dBm", "0.0001 dBm", "dBm"] {
            assert!(text.parse::<PowerLevel>().is_err(), "{text}");
        }
    }
}
