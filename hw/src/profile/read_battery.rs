//! From the JSON text of a battery's profile to what it describes.

use serde::Deserialize;
use sim_core::electric::{Charge, Current};

use super::ProfileError;
use super::figure::{CHARGE, Figure, RESISTANCE, SHARE, quantity};
use super::read::{millivolts, one, parse, wrong};
use crate::battery::{AtTemperature, BatterySpec, Model};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BatteryFile {
    #[serde(rename = "about")]
    _about: String,
    capacity: Figure,
    voltage: Figure,
    cut_off: Figure,
    resistance: Figure,
    curve: CurveFile,
    /// Of the capacity, in a year.
    self_discharge: Figure,
    #[serde(default)]
    rechargeable: bool,
    temperature: Option<TemperatureFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CurveFile {
    points: Vec<(f64, f64)>,
    source: String,
    #[serde(default, rename = "verified")]
    _verified: bool,
}

/// What changes with the temperature, as shares of what holds at the condition of the other figures.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemperatureFile {
    points: Vec<TemperaturePoint>,
    source: String,
    #[serde(default, rename = "verified")]
    _verified: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TemperaturePoint {
    /// In degrees Celsius.
    at: i16,
    capacity: String,
    #[serde(default = "unchanged")]
    resistance: String,
    #[serde(default = "unchanged")]
    self_discharge: String,
}

pub(super) fn battery_from(name: &str, text: &str) -> Result<BatterySpec, ProfileError> {
    let file: BatteryFile = parse("battery", name, text)?;
    let capacity = file.capacity.read(CHARGE);
    let capacity = capacity.map_err(|error| wrong("battery", name, format!("`capacity` {error}")))?.0;
    if capacity == 0 || capacity > CAPACITY_MAX {
        return Err(wrong("battery", name, "`capacity` must be more than 0 and at most 1000000 Ah"));
    }
    let falls = file.curve.points.windows(2).all(|pair| pair[0].0 > pair[1].0 && pair[0].1 >= pair[1].1);
    let falls =
        falls && file.curve.points.iter().all(|(share, volts)| share.is_finite() && volts.is_finite());
    if !falls || file.curve.points.len() < 2 || file.curve.source.is_empty() {
        return Err(wrong(
            "battery",
            name,
            "`curve` needs a source and two points or more that fall: [share, mV]",
        ));
    }
    let yearly = one("battery", name, "self-discharge", &file.self_discharge, SHARE)?.0;
    let lost = capacity * u128::from(yearly) / 1_000_000 / NANOS_PER_YEAR;
    let temperatures = file.temperature.as_ref().map_or(Ok(Vec::new()), |file| temperatures(name, file))?;
    let millivolts = |what, figure| Ok(millivolts("battery", name, what, figure)?.0);
    Ok(BatterySpec {
        name: name.to_owned(),
        capacity: Charge::from_attocoulombs(capacity),
        nominal: millivolts("voltage", &file.voltage)?,
        cut_off: millivolts("cut-off", &file.cut_off)?,
        resistance_milliohms: one("battery", name, "resistance", &file.resistance, RESISTANCE)?.0,
        curve: file.curve.points,
        self_discharge: Current::from_nanoamps(lost as u64),
        model: Model::Ideal,
        rechargeable: file.rechargeable,
        temperatures,
    })
}

fn temperatures(name: &str, file: &TemperatureFile) -> Result<Vec<AtTemperature>, ProfileError> {
    let refuse = |what: &str| wrong("battery", name, format!("`temperature` {what}"));
    if file.source.trim().is_empty() {
        return Err(refuse(
            "has no `source`: name the document, its revision, the page or table and the condition",
        ));
    }
    let share = |text: &str| -> Result<u32, ProfileError> {
        let millionths = quantity(text, SHARE).map_err(|error| refuse(&error))?;
        match u32::try_from(millionths / 1000) {
            Ok(permille @ 1..=SHARE_MAX_PERMILLE) => Ok(permille),
            _ => Err(refuse("gives shares from 0.1 % to 10000 %")),
        }
    };
    let read = |point: &TemperaturePoint| {
        Ok(AtTemperature {
            celsius: point.at,
            capacity_permille: share(&point.capacity)?,
            resistance_permille: share(&point.resistance)?,
            self_discharge_permille: share(&point.self_discharge)?,
        })
    };
    let points: Vec<AtTemperature> = file.points.iter().map(read).collect::<Result<_, _>>()?;
    let ascend = points.windows(2).all(|pair| pair[0].celsius < pair[1].celsius);
    let in_range = points.iter().all(|point| (CELSIUS_MIN..=CELSIUS_MAX).contains(&point.celsius));
    if points.len() < 2 || !ascend || !in_range {
        return Err(refuse("needs two points or more that ascend, from -100 to 200 degrees Celsius"));
    }
    Ok(points)
}

fn unchanged() -> String {
    "100 %".to_owned()
}

/// A resistance may rise a hundred-fold in the cold.
const SHARE_MAX_PERMILLE: u32 = 100_000;

const CELSIUS_MIN: i16 = -100;

const CELSIUS_MAX: i16 = 200;

/// A million Ah, in aC.
const CAPACITY_MAX: u128 = 3_600_000_000_000_000_000_000_000_000;

const NANOS_PER_YEAR: u128 = 31_536_000_000_000_000;
