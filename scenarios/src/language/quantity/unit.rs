//! Units, and how a number with a unit is read and described.

use schemars::{Schema, json_schema};

use crate::language::decimal::{Decimal, DecimalError};
use crate::language::nearest::nearest;

/// A unit's symbol and how many of the smallest unit it is.
pub(super) type Unit = (&'static str, u64);

/// What a quantity measures and how it is written.
pub(super) struct Kind {
    /// With its article, for messages: "a duration".
    pub(super) name: &'static str,
    /// As in a file.
    pub(super) examples: &'static [&'static str],
    /// The smallest step, for messages.
    pub(super) step: &'static str,
    pub(super) units: &'static [Unit],
    /// The value of a number without a unit, for what has no dimension.
    pub(super) bare: Option<u64>,
}

impl Kind {
    /// "a duration such as \"20 ms\"".
    pub(super) fn expected(&self) -> String {
        format!("{} such as \"{}\"", self.name, self.examples[0])
    }

    /// Reads a text and scales its number to the smallest unit.
    pub(super) fn read<T>(
        &self,
        text: &str,
        scale: impl Fn(Decimal, u64) -> Result<T, DecimalError>,
    ) -> Result<T, String> {
        let shown = shorten(text);
        let Ok((number, rest)) = Decimal::split(text.trim()) else {
            return Err(format!("\"{shown}\" does not begin with a number, expected {}", self.expected()));
        };
        let unit = rest.trim();
        let factor = match self.units.iter().find(|(symbol, _)| *symbol == unit) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => match self.bare {
                Some(factor) => factor,
                None if number == Decimal::parse("0").expect("0 is a number") => 1,
                None => return Err(format!("\"{shown}\" has no unit, expected {}", self.expected())),
            },
            None => return Err(self.unknown_unit(unit)),
        };
        scale(number, factor).map_err(|error| match error {
            DecimalError::TooFine => format!("\"{shown}\" is finer than the smallest step, {}", self.step),
            DecimalError::Malformed | DecimalError::TooLarge | DecimalError::Negative => {
                format!("\"{shown}\" {error}, expected {}", self.expected())
            }
        })
    }

    fn unknown_unit(&self, unit: &str) -> String {
        let symbols: Vec<&str> = self.units.iter().map(|(symbol, _)| *symbol).collect();
        let shown = shorten(unit);
        let list: Vec<String> = symbols.iter().map(|symbol| format!("`{symbol}`")).collect();
        let alias = ALIASES.iter().find(|(wrong, right)| *wrong == unit && symbols.contains(right));
        match alias.map(|(_, right)| *right).or_else(|| nearest(unit, symbols.iter().copied())) {
            Some(near) => {
                format!("unknown unit `{shown}`, did you mean `{near}`?, expected one of {}", list.join(", "))
            }
            None => format!("unknown unit `{shown}`, expected one of {}", list.join(", ")),
        }
    }

    /// The JSON Schema of such texts.
    pub(super) fn schema(&self) -> Schema {
        let units: Vec<String> = self.units.iter().map(|(symbol, _)| symbol.replace('/', "\\/")).collect();
        let number = r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?";
        let pattern = format!(r"^\s*({number}\s*({})|{number}|\$.*|.*\$\{{.*)\s*$", units.join("|"));
        let examples: Vec<&str> = self.examples.to_vec();
        if self.bare.is_some() {
            json_schema!({ "type": ["string", "number"], "pattern": pattern, "examples": examples })
        } else {
            json_schema!({ "type": "string", "pattern": pattern, "examples": examples })
        }
    }
}

/// A text short enough for a message.
pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

const SHOWN_CHARS_MAX: usize = 40;

pub(super) const FRACTION_ONE: u64 = 1_000_000_000_000_000_000;

pub(super) const TIME_UNITS: &[Unit] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

pub(super) const RATE_UNITS: &[Unit] = &[
    ("bit/s", 1),
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
    ("Tbit/s", 1_000_000_000_000),
];

pub(super) const SIZE_UNITS: &[Unit] = &[
    ("B", 1),
    ("KB", 1_000),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

pub(super) const FRACTION_UNITS: &[Unit] = &[("%", FRACTION_ONE / 100), ("ppm", FRACTION_ONE / 1_000_000)];

pub(super) const DISTANCE_UNITS: &[Unit] = &[("mm", 1), ("cm", 10), ("m", 1_000), ("km", 1_000_000)];

/// 1 km/h = 5/18 m/s.
pub(super) const SPEED_UNITS: &[Unit] = &[("m/s", 18_000), ("km/h", 5_000)];

pub(super) const DB_UNITS: &[Unit] = &[("dB", 1_000)];

pub(super) const DBM_UNITS: &[Unit] = &[("dBm", 1_000)];

pub(super) const TEMPERATURE_UNITS: &[Unit] = &[("°C", 1_000)];

pub(super) const ENERGY_UNITS: &[Unit] = &[
    ("pJ", 1),
    ("nJ", 1_000),
    ("uJ", 1_000_000),
    ("µJ", 1_000_000),
    ("mJ", 1_000_000_000),
    ("J", 1_000_000_000_000),
    ("kJ", 1_000_000_000_000_000),
];

pub(super) const POWER_UNITS: &[Unit] = &[
    ("pW", 1),
    ("nW", 1_000),
    ("uW", 1_000_000),
    ("µW", 1_000_000),
    ("mW", 1_000_000_000),
    ("W", 1_000_000_000_000),
    ("kW", 1_000_000_000_000_000),
];

pub(super) const DRIFT_UNITS: &[Unit] = &[("ppm", 1_000), ("ppb", 1), ("%", 10_000_000)];

/// Other ways in which units are written elsewhere.
const ALIASES: &[(&str, &str)] = &[
    ("bps", "bit/s"),
    ("b/s", "bit/s"),
    ("kbps", "kbit/s"),
    ("Mbps", "Mbit/s"),
    ("mbps", "Mbit/s"),
    ("Gbps", "Gbit/s"),
    ("gbps", "Gbit/s"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("msec", "ms"),
    ("usec", "us"),
    ("minute", "min"),
    ("minutes", "min"),
    ("m", "min"),
    ("hour", "h"),
    ("hours", "h"),
    ("day", "d"),
    ("days", "d"),
    ("byte", "B"),
    ("bytes", "B"),
    ("percent", "%"),
    ("C", "°C"),
    ("degC", "°C"),
];
