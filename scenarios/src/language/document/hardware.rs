//! What a node is made of and lives on.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Entries;
use crate::language::quantity::{Duration, Fraction};
use crate::language::shorthand::{Shorthand, shorthand};

/// The battery of a node: the name of its profile, or an object.
#[derive(Clone, Debug, PartialEq)]
pub struct BatterySettings {
    /// The name of its profile.
    pub profile: String,
    /// What is left of its capacity at the start.
    pub charge: Fraction,
    /// What a load does to it.
    pub model: BatteryModel,
}

/// A battery in full.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BatteryObject {
    /// The name of its profile: "cr2032".
    pub profile: String,
    /// What is left of its capacity at the start: "100 %" (default), more than 0.
    #[serde(default = "full")]
    pub charge: Fraction,
    /// What a load does to it; default "resistance".
    #[serde(default)]
    pub model: BatteryModel,
}

/// What a load does to a battery.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum BatteryModel {
    /// Its voltage stays the nominal one until the capacity has been drawn.
    Ideal,
    /// Its voltage falls with the charge that is left and with the load, by the profile's curve and resistance; below
    /// the cut-off it gives out (default).
    #[default]
    Resistance,
    /// As "resistance", and a high current takes more than it gives (Peukert).
    Peukert(Peukert),
    /// As "resistance", and only a part of the charge is within reach; the rest follows in pauses (Manwell and McGowan
    /// 1993).
    Kibam(Kibam),
    /// As "resistance", with the diffusion of Rakhmatov and Vrudhula (2003).
    Rakhmatov(Rakhmatov),
}

/// Peukert's law: t = H (C / (I H))^k.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Peukert {
    /// The exponent k, 1 to 2: 1.1.
    #[schemars(range(min = 1, max = 2))]
    pub exponent: f64,
    /// The time H over which a constant current draws the capacity: "100 h".
    pub rated_time: Duration,
}

/// The kinetic battery model.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kibam {
    /// The share c of the capacity that can be drawn at once: "60 %", more than 0 and less than 1.
    pub available: Fraction,
    /// The time 1/k' in which the rest follows, but for a share of 1/e: "1 h", more than 0.
    pub time_constant: Duration,
}

/// Diffusion inside the cell.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rakhmatov {
    /// The time 1/β² of the slowest diffusion: "20 min", more than 0.
    pub time_constant: Duration,
}

/// What a node's radios do while they are neither sending nor taking a frame in, where no MAC decides it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum RadioRest {
    /// They sleep, and wake in time for each frame.
    Sleep,
    /// They are ready, but deaf.
    Idle,
    /// They listen.
    Listen,
}

/// Profiles of the file's own, by kind and name; they look like those that ship (docs/hardware.md).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Profiles {
    /// Boards: a processor, a radio and their supply.
    pub board: Entries<Value>,
    /// Batteries.
    pub battery: Entries<Value>,
    /// Radios and modems.
    pub radio: Entries<Value>,
    /// Processors.
    pub mcu: Entries<Value>,
}

impl Shorthand for BatterySettings {
    type Long = BatteryObject;

    const EXPECTED: &'static str =
        "a battery such as \"cr2032\" or { \"profile\": \"cr2032\", \"charge\": \"50 %\" }";
    const SHORT: &'static [&'static str] = &["cr2032", "2xaa-alkaline"];

    fn from_short(text: &str) -> Result<Self, String> {
        Ok(Self { profile: text.to_owned(), charge: full(), model: BatteryModel::default() })
    }

    fn from_long(long: BatteryObject) -> Result<Self, String> {
        let BatteryObject { profile, charge, model } = long;
        Ok(Self { profile, charge, model })
    }
}

shorthand!(BatterySettings);

fn full() -> Fraction {
    Fraction::ONE
}
