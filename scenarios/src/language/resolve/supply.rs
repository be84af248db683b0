//! What nodes live on: batteries and their models, harvesters.

use hw::battery::{BatterySpec, Model};
use hw::harvester::Harvester;

use super::Resolver;
use super::trace_file::lines;
use crate::language::diagnostic::Finding;
use crate::language::document::{
    BatteryModel, BatterySettings, DayCurve, HarvesterSettings, NodeSettings, TracedPower,
};
use crate::language::path::Path;
use crate::language::quantity::{Duration, Fraction, Power};

pub(super) fn check_harvester(harvester: &HarvesterSettings, path: &Path, findings: &mut Vec<Finding>) {
    let mut refuse = |path: Path, message: &str| findings.push(Finding::error(path, message));
    match harvester {
        HarvesterSettings::Constant(_) | HarvesterSettings::TraceFile(_) => {}
        HarvesterSettings::Day(day) => {
            let path = path.key("day");
            if day.starts_at.as_nanos() >= 24 * HOUR_NANOS {
                refuse(path.key("starts-at"), "a day has 24 h");
            }
            if let DayCurve::Hours(shares) = &day.curve
                && shares.len() != 24
            {
                refuse(path.key("curve").key("hours"), "a day has 24 hours, each with a share of the peak");
            }
        }
        HarvesterSettings::Trace(points) => {
            if let Some(place) = points.windows(2).position(|pair| pair[1].0 <= pair[0].0) {
                refuse(path.key("trace").index(place + 1), "the times of a trace ascend");
            }
        }
    }
}

pub(super) fn check_battery(battery: &BatterySettings, path: &Path, findings: &mut Vec<Finding>) {
    let mut refuse = |path: Path, message: &str| findings.push(Finding::error(path, message));
    if battery.charge == Fraction::ZERO {
        refuse(path.key("charge"), "a battery without charge never starts its node");
    }
    let model = path.key("model");
    let none = Duration::from_nanos(0);
    match battery.model {
        BatteryModel::Ideal | BatteryModel::Resistance => {}
        BatteryModel::Peukert(law) => {
            if !(1.0..=2.0).contains(&law.exponent) {
                refuse(model.key("peukert").key("exponent"), "Peukert's exponent lies between 1 and 2");
            }
            if law.rated_time == none {
                refuse(model.key("peukert").key("rated-time"), "this time is more than 0");
            }
        }
        BatteryModel::Kibam(wells) => {
            if wells.available == Fraction::ZERO || wells.available == Fraction::ONE {
                refuse(model.key("kibam").key("available"), "this share is more than 0 and less than 1");
            }
            if wells.time_constant == none {
                refuse(model.key("kibam").key("time-constant"), "this time is more than 0");
            }
        }
        BatteryModel::Rakhmatov(diffusion) => {
            if diffusion.time_constant == none {
                refuse(model.key("rakhmatov").key("time-constant"), "this time is more than 0");
            }
        }
    }
}

impl Resolver<'_> {
    pub(super) fn harvester(&mut self, settings: &NodeSettings, path: &Path) -> Option<Harvester> {
        let traced = |points: &[TracedPower]| {
            Harvester::Trace(
                points.iter().map(|TracedPower(at, power)| ((*at).into(), watts(*power))).collect(),
            )
        };
        Some(match settings.harvester.as_ref()? {
            HarvesterSettings::Constant(power) => Harvester::Constant(watts(*power)),
            HarvesterSettings::Trace(points) => traced(points),
            HarvesterSettings::TraceFile(file) => {
                traced(&self.trace(file, &path.key("harvester").key("trace-file"), read_powers)?)
            }
            HarvesterSettings::Day(day) => {
                let permille = |shares: &Fraction| (shares.as_attos() / 1_000_000_000_000_000) as u16;
                let hours: Vec<u16> = match &day.curve {
                    DayCurve::Outdoor => CLEAR_DAY.to_vec(),
                    DayCurve::Indoor => OFFICE_DAY.to_vec(),
                    DayCurve::Hours(shares) => shares.iter().map(permille).collect(),
                };
                Harvester::day(watts(day.peak), &hours.try_into().ok()?, day.starts_at.into())
            }
        })
    }
}

/// The battery with what the scenario says that a load does to it.
pub(super) fn modelled(spec: BatterySpec, model: BatteryModel) -> BatterySpec {
    let per_second = |time: Duration| 1e9 / time.as_nanos().max(1) as f64;
    match model {
        BatteryModel::Ideal => {
            BatterySpec { resistance_milliohms: 0, curve: Vec::new(), model: Model::Ideal, ..spec }
        }
        BatteryModel::Resistance => spec,
        BatteryModel::Peukert(law) => {
            let rated_s = law.rated_time.as_nanos() as f64 / 1e9;
            BatterySpec { model: Model::Peukert { exponent: law.exponent, rated_s }, ..spec }
        }
        BatteryModel::Kibam(wells) => {
            let rate_per_s = per_second(wells.time_constant);
            BatterySpec { model: Model::Kibam { available: wells.available.as_f64(), rate_per_s }, ..spec }
        }
        BatteryModel::Rakhmatov(diffusion) => {
            let beta_squared_per_s = per_second(diffusion.time_constant);
            BatterySpec { model: Model::Rakhmatov { beta_squared_per_s }, ..spec }
        }
    }
}

fn watts(power: Power) -> sim_core::electric::Power {
    sim_core::electric::Power::from_picowatts(power.as_picowatts())
}

/// The powers of a trace: a time and a power a line, `1 h, 5 mW`, the times ascending.
fn read_powers(text: &str) -> Result<Vec<TracedPower>, String> {
    let mut last = None;
    lines(text, |line| {
        let parts =
            line.split_once(',').ok_or_else(|| "is not a time and a power such as `1 h, 5 mW`".to_owned())?;
        let at: Duration = parts.0.trim().parse().map_err(|error| format!("is wrong: {error}"))?;
        let power: Power = parts.1.trim().parse().map_err(|error| format!("is wrong: {error}"))?;
        if last.replace(at).is_some_and(|last| at <= last) {
            return Err("is wrong: its time is not later than the one before".to_owned());
        }
        Ok(TracedPower(at, power))
    })
}

/// The sine of the sun's height in the middle of each hour of a clear day from 6 to 18 o'clock, in thousandths.
const CLEAR_DAY: [u16; 24] =
    [0, 0, 0, 0, 0, 0, 131, 383, 609, 793, 924, 991, 991, 924, 793, 609, 383, 131, 0, 0, 0, 0, 0, 0];

/// Lamps from 8 to 18 o'clock, in thousandths.
const OFFICE_DAY: [u16; 24] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 0, 0, 0, 0, 0, 0];

const HOUR_NANOS: u64 = 3_600_000_000_000;
