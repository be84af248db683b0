//! Profiles: the numbers of real parts, with their sources, as JSON files that are compiled in.
//!
//! A figure has a typical value, a maximum where the source gives one, the source, and whether someone has read it
//! there (`verified`). A figure without a source is refused.

mod catalogue;
mod figure;

use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sim_core::SimDuration;
use sim_core::electric::{Charge, Current, Voltage};

use crate::battery::{BatterySpec, Model};
use crate::part::{PartKind, PartSpec, StateId, Transition};
use figure::{CHARGE, CURRENT, CYCLES, FREQUENCY, Figure, RESISTANCE, SHARE, TIME, Units, VOLTAGE};

/// What is wrong with a profile.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the {kind} profile `{name}`: {what}")]
pub struct ProfileError {
    kind: &'static str,
    name: String,
    what: String,
}

/// A radio or modem.
#[derive(Clone, Debug)]
pub struct Radio {
    /// Its states.
    pub spec: Arc<PartSpec>,
    /// The state in which it sends, at the profile's power level.
    pub transmit: StateId,
    /// The state in which it takes a frame in.
    pub receive: StateId,
}

/// A processor.
#[derive(Clone, Debug)]
pub struct Mcu {
    /// Its states.
    pub spec: Arc<PartSpec>,
    /// The state in which it works.
    pub active: StateId,
    /// Its clock in Hz.
    pub clock_hz: u64,
    /// Cycles for each packet.
    pub packet_cycles: u64,
    /// Cycles for each byte of a packet.
    pub byte_cycles: u64,
}

impl Mcu {
    /// How long it works on a packet of `bytes`, rounded up.
    pub fn packet_time(&self, bytes: usize) -> SimDuration {
        let cycles = u128::from(self.packet_cycles) + u128::from(self.byte_cycles) * bytes as u128;
        let nanos = (cycles * 1_000_000_000).div_ceil(u128::from(self.clock_hz.max(1)));
        SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// A node's hardware: a processor and a radio at one voltage.
#[derive(Clone, Debug)]
pub struct Board {
    /// The profile's name.
    pub name: String,
    /// The voltage that the figures of its parts hold at.
    pub voltage: Voltage,
    /// The processor.
    pub mcu: Mcu,
    /// The radio.
    pub radio: Radio,
}

/// The names of all profiles of a kind: "board", "battery", "radio" or "mcu".
pub fn names(kind: &str) -> impl Iterator<Item = &'static str> {
    catalogue::FILES.iter().filter(move |file| file.0 == kind).map(|file| file.1)
}

/// Figures of a profile that nobody has read in their document, those of a board's parts included.
pub fn unverified_figures(kind: &str, name: &str) -> usize {
    let Some(Ok(value)) = text(kind, name).map(serde_json::from_str::<Value>) else { return 0 };
    let part =
        |key: &str| value.get(key).and_then(Value::as_str).map_or(0, |part| unverified_figures(key, part));
    let own = unverified(&value);
    if kind == "board" { own + part("mcu") + part("radio") } else { own }
}

fn unverified(value: &Value) -> usize {
    match value {
        Value::Object(map) => {
            let own = usize::from(map.get("verified") == Some(&Value::Bool(false)));
            own + map.values().map(unverified).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(unverified).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The board called `name`.
///
/// # Errors
/// When there is none, or its profile or that of a part is wrong.
pub fn board(name: &str) -> Result<Board, ProfileError> {
    let file: BoardFile = parse("board", name, find("board", name)?)?;
    let voltage = one("board", name, "voltage", &file.voltage, VOLTAGE)?.0;
    Ok(Board {
        name: name.to_owned(),
        voltage: Voltage::from_millivolts(voltage as u32),
        mcu: mcu_from(&file.mcu, find("mcu", &file.mcu)?)?,
        radio: radio_from(&file.radio, find("radio", &file.radio)?)?,
    })
}

/// The battery called `name`, an ideal one inside its curve and resistance.
///
/// # Errors
/// When there is none, or its profile is wrong.
pub fn battery(name: &str) -> Result<BatterySpec, ProfileError> {
    battery_from(name, find("battery", name)?)
}

fn text(kind: &str, name: &str) -> Option<&'static str> {
    catalogue::FILES.iter().find(|file| file.0 == kind && file.1 == name).map(|file| file.2)
}

fn find(kind: &'static str, name: &str) -> Result<&'static str, ProfileError> {
    text(kind, name).ok_or_else(|| wrong(kind, name, "there is no such profile"))
}

fn wrong(kind: &'static str, name: &str, what: impl Into<String>) -> ProfileError {
    ProfileError { kind, name: name.to_owned(), what: what.into() }
}

fn parse<T: DeserializeOwned>(kind: &'static str, name: &str, text: &str) -> Result<T, ProfileError> {
    serde_json::from_str(text).map_err(|error| wrong(kind, name, error.to_string()))
}

fn one(
    kind: &'static str,
    name: &str,
    what: &str,
    figure: &Figure,
    units: Units,
) -> Result<(u64, u64), ProfileError> {
    let (typical, maximum) =
        figure.read(units).map_err(|error| wrong(kind, name, format!("`{what}` {error}")))?;
    match (u64::try_from(typical), u64::try_from(maximum)) {
        (Ok(typical), Ok(maximum)) => Ok((typical, maximum)),
        _ => Err(wrong(kind, name, format!("`{what}` is too large"))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BoardFile {
    #[serde(rename = "about")]
    _about: String,
    voltage: Figure,
    mcu: String,
    radio: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartFile {
    #[serde(rename = "about")]
    _about: String,
    states: Map<String, Value>,
    rest: String,
    #[serde(default)]
    transitions: Vec<TransitionFile>,
    transmit: Option<String>,
    tail: Option<TailFile>,
    clock: Option<Figure>,
    work: Option<WorkFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransitionFile {
    from: String,
    to: String,
    time: Figure,
    current: Figure,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TailFile {
    state: String,
    time: Figure,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkFile {
    packet: Figure,
    byte: Figure,
}

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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CurveFile {
    points: Vec<(f64, f64)>,
    source: String,
    #[serde(default, rename = "verified")]
    _verified: bool,
}

fn spec(kind: &'static str, name: &str, part: PartKind, file: &PartFile) -> Result<PartSpec, ProfileError> {
    let mut spec = PartSpec::new(kind, part);
    for (state, value) in &file.states {
        let figure: Figure = serde_json::from_value(value.clone())
            .map_err(|error| wrong(kind, name, format!("the state `{state}` needs a current: {error}")))?;
        let (typical, maximum) = one(kind, name, state, &figure, CURRENT)?;
        spec.add_state(state, Current::from_nanoamps(typical), Current::from_nanoamps(maximum));
    }
    for way in &file.transitions {
        let (from, to) = (known(kind, name, &spec, &way.from)?, known(kind, name, &spec, &way.to)?);
        if from == to {
            return Err(wrong(kind, name, format!("a transition leads from `{}` to itself", way.from)));
        }
        let label = format!("{} > {}", way.from, way.to);
        let (typical, maximum) = one(kind, name, &label, &way.current, CURRENT)?;
        let time = SimDuration::from_nanos(one(kind, name, &label, &way.time, TIME)?.0);
        let through =
            spec.add_state(&label, Current::from_nanoamps(typical), Current::from_nanoamps(maximum));
        spec.transitions.push(Transition { from, to, through, time });
    }
    spec.rest = known(kind, name, &spec, &file.rest)?;
    if let Some(tail) = &file.tail {
        let time = SimDuration::from_nanos(one(kind, name, "tail", &tail.time, TIME)?.0);
        spec.tail = Some((known(kind, name, &spec, &tail.state)?, time));
    }
    Ok(spec)
}

fn known(kind: &'static str, name: &str, spec: &PartSpec, state: &str) -> Result<StateId, ProfileError> {
    spec.state(state).ok_or_else(|| {
        let states: Vec<&str> = spec.states.iter().map(|state| &*state.name).collect();
        wrong(kind, name, format!("there is no state `{state}`, it has {}", states.join(", ")))
    })
}

fn radio_from(name: &str, text: &str) -> Result<Radio, ProfileError> {
    let file: PartFile = parse("radio", name, text)?;
    let spec = spec("radio", name, PartKind::Radio, &file)?;
    for state in ["off", "sleep", "idle", "listen"] {
        known("radio", name, &spec, state)?;
    }
    let level = file.transmit.as_deref();
    let level =
        level.ok_or_else(|| wrong("radio", name, "`transmit` must name the state in which it sends"))?;
    let (transmit, receive) = (known("radio", name, &spec, level)?, known("radio", name, &spec, "receive")?);
    Ok(Radio { spec: Arc::new(spec), transmit, receive })
}

fn mcu_from(name: &str, text: &str) -> Result<Mcu, ProfileError> {
    let file: PartFile = parse("mcu", name, text)?;
    let spec = spec("mcu", name, PartKind::Mcu, &file)?;
    let missing = || wrong("mcu", name, "a processor needs `clock` and `work` with `packet` and `byte`");
    let (clock, work) = file.clock.as_ref().zip(file.work.as_ref()).ok_or_else(missing)?;
    Ok(Mcu {
        active: known("mcu", name, &spec, "active")?,
        clock_hz: one("mcu", name, "clock", clock, FREQUENCY)?.0,
        packet_cycles: one("mcu", name, "work.packet", &work.packet, CYCLES)?.0,
        byte_cycles: one("mcu", name, "work.byte", &work.byte, CYCLES)?.0,
        spec: Arc::new(spec),
    })
}

fn battery_from(name: &str, text: &str) -> Result<BatterySpec, ProfileError> {
    let file: BatteryFile = parse("battery", name, text)?;
    let capacity = file.capacity.read(CHARGE);
    let capacity = capacity.map_err(|error| wrong("battery", name, format!("`capacity` {error}")))?.0;
    let falls = file.curve.points.windows(2).all(|pair| pair[0].0 > pair[1].0 && pair[0].1 >= pair[1].1);
    if !falls || file.curve.points.len() < 2 || file.curve.source.is_empty() {
        return Err(wrong(
            "battery",
            name,
            "`curve` needs a source and two points or more that fall: [share, mV]",
        ));
    }
    let yearly = one("battery", name, "self-discharge", &file.self_discharge, SHARE)?.0;
    let lost = capacity * u128::from(yearly) / 1_000_000 / NANOS_PER_YEAR;
    let millivolts = |what, figure| -> Result<Voltage, ProfileError> {
        Ok(Voltage::from_millivolts(one("battery", name, what, figure, VOLTAGE)?.0 as u32))
    };
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
    })
}

const NANOS_PER_YEAR: u128 = 31_536_000_000_000_000;

#[cfg(test)]
mod tests;
