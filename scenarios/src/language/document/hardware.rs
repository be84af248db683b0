//! What a node is made of and lives on.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Entries, TraceFile};
use crate::language::quantity::{Duration, Fraction, Power};
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
    /// How far it must have been charged before a node that it failed starts again.
    pub restart: Fraction,
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
    /// The share of its capacity to which a harvester must have charged it before a node that it failed starts again:
    /// "10 %" (default).
    #[serde(default = "tenth")]
    pub restart: Fraction,
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

/// What charges the battery of a node: a constant power, or an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HarvesterSettings {
    /// Always the same.
    Constant(Power),
    /// A day that repeats.
    Day(SolarDay),
    /// From each time on this power.
    Trace(Vec<TracedPower>),
    /// The same from a file.
    TraceFile(TraceFile),
}

/// A harvester in full.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HarvesterObject {
    /// Always the same: "50 uW".
    Constant(Power),
    /// A day that repeats: {"curve": "outdoor", "peak": "20 mW"}.
    Day(SolarDay),
    /// From each time on this power, before the first none: [["0 s", "1 mW"], ["1 h", "0 W"]].
    Trace(Vec<TracedPower>),
    /// The same from a file beside the scenario, a line for each: `1 h, 5 mW`.
    TraceFile(TraceFile),
}

/// A day of light on a solar cell, hour by hour.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SolarDay {
    /// What the cell gives in the brightest hour: "20 mW".
    pub peak: Power,
    /// How the light goes through the day: "outdoor" or "indoor", or a list of the shares of 24 hours.
    pub curve: DayCurve,
    /// The time of day at which the run starts: "12 h" (default), less than "24 h".
    #[serde(default = "noon")]
    pub starts_at: Duration,
}

/// How the light goes through a day.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum DayCurve {
    /// A clear day of twelve hours around noon: the sine of the sun's height.
    Outdoor,
    /// Lamps from 8 to 18 o'clock.
    Indoor,
    /// The share of the peak in each of 24 hours, from midnight on.
    Hours(Vec<Fraction>),
}

/// A power from a time on: ["1 h", "5 mW"].
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub struct TracedPower(
    /// From when on, in ascending order.
    pub Duration,
    /// The power.
    pub Power,
);

impl Shorthand for HarvesterSettings {
    type Long = HarvesterObject;

    const EXPECTED: &'static str = "a power such as \"50 uW\" or an object such as { \"day\": … }";
    const SHORT: &'static [&'static str] = &["50 uW", "2 mW"];

    fn from_short(text: &str) -> Result<Self, String> {
        text.parse().map(Self::Constant)
    }

    fn from_long(long: HarvesterObject) -> Result<Self, String> {
        Ok(match long {
            HarvesterObject::Constant(power) => Self::Constant(power),
            HarvesterObject::Day(day) => Self::Day(day),
            HarvesterObject::Trace(points) => Self::Trace(points),
            HarvesterObject::TraceFile(file) => Self::TraceFile(file),
        })
    }
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

/// Profiles of the file's own, by kind and name: each an object that looks like those that ship (docs/hardware.md), or
/// the name of a file beside the scenario that holds one.
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
    /// Sensors.
    pub sensor: Entries<Value>,
}

impl Shorthand for BatterySettings {
    type Long = BatteryObject;

    const EXPECTED: &'static str =
        "a battery such as \"cr2032\" or { \"profile\": \"cr2032\", \"charge\": \"50 %\" }";
    const SHORT: &'static [&'static str] = &["cr2032", "2xaa-alkaline"];

    fn from_short(text: &str) -> Result<Self, String> {
        let (profile, model) = (text.to_owned(), BatteryModel::default());
        Ok(Self { profile, charge: full(), model, restart: tenth() })
    }

    fn from_long(long: BatteryObject) -> Result<Self, String> {
        let BatteryObject { profile, charge, model, restart } = long;
        Ok(Self { profile, charge, model, restart })
    }
}

shorthand!(BatterySettings, HarvesterSettings);

fn tenth() -> Fraction {
    "10 %".parse().expect("it is a share")
}

fn noon() -> Duration {
    Duration::from_secs(12 * 3600)
}

fn full() -> Fraction {
    Fraction::ONE
}
