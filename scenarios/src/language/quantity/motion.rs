//! Distances and speeds.

use super::unit::{DISTANCE_UNITS, Kind, SPEED_UNITS, shorten};
use super::{Decimal, Quantity};

/// A distance in millimetres: "30 m", "1.2 km"; units mm, cm, m, km.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Distance(u64);

/// A speed in eighteenths of a millimetre a second, more than 0: "1.4 m/s", "5 km/h"; units m/s, km/h.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Speed(u64);

impl Distance {
    /// The distance in millimetres.
    pub const fn as_millimetres(self) -> u64 {
        self.0
    }

    /// The distance in metres.
    pub fn as_metres(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Speed {
    /// The speed in metres a second.
    pub fn as_metres_per_second(self) -> f64 {
        self.0 as f64 / 18_000.0
    }
}

impl Quantity for Distance {
    const KIND: Kind = Kind {
        examples: &["30 m", "1.2 km"],
        step: "1 mm",
        units: DISTANCE_UNITS,
        name: "a distance",
        bare: None,
    };

    fn read(text: &str) -> Result<Self, String> {
        Self::KIND.read(text, Decimal::times).map(Self)
    }
}

impl Quantity for Speed {
    const KIND: Kind = Kind {
        examples: &["1.4 m/s", "5 km/h"],
        step: "1/18 mm/s",
        units: SPEED_UNITS,
        name: "a speed",
        bare: None,
    };

    fn read(text: &str) -> Result<Self, String> {
        match Self::KIND.read(text, Decimal::times)? {
            0 => {
                let shown = shorten(text);
                Err(format!("\"{shown}\" leads nowhere, expected {}", Self::KIND.expected()))
            }
            speed => Ok(Self(speed)),
        }
    }
}
