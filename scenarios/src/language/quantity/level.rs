//! Powers of radios and their ratios, in decibels.

use super::unit::{DB_UNITS, DBM_UNITS, Kind, shorten};
use super::{Decimal, Quantity};

/// A ratio of powers in thousandths of a decibel: "3 dB"; unit dB.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Decibels(i64);

/// A power in thousandths of a decibel above a milliwatt: "-95 dBm"; unit dBm.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct PowerLevel(i64);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_three_decimals_and_a_sign() {
        assert_eq!("-95 dBm".parse(), Ok(PowerLevel(-95_000)));
        assert_eq!("98.755dB".parse(), Ok(Decibels(98_755)));
        for text in ["3 dB", "301 dBm", "0.0001 dBm", "dBm"] {
            assert!(text.parse::<PowerLevel>().is_err(), "{text}");
        }
    }
}
