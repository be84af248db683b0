//! From the JSON text of a profile to what it describes.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sim_core::SimDuration;
use sim_core::electric::{Charge, Current, Voltage};

use super::figure::{CHARGE, CURRENT, CYCLES, FREQUENCY, Figure, RESISTANCE, SHARE, TIME, Units, VOLTAGE};
use super::{Board, Library, Mcu, ProfileError, Radio, Regulator};
use crate::battery::{BatterySpec, Model};
use crate::part::{PartKind, PartSpec, StateId, Transition};

pub(super) fn wrong(kind: &'static str, name: &str, what: impl Into<String>) -> ProfileError {
    ProfileError { kind, name: name.to_owned(), what: what.into() }
}

fn parse<T: DeserializeOwned>(kind: &'static str, name: &str, text: &str) -> Result<T, ProfileError> {
    serde_json::from_str(text).map_err(|error| wrong(kind, name, error.to_string()))
}

fn millivolts(
    kind: &'static str,
    name: &str,
    what: &str,
    figure: &Figure,
) -> Result<(Voltage, Voltage), ProfileError> {
    let (typical, maximum) = one(kind, name, what, figure, VOLTAGE)?;
    match (u32::try_from(typical), u32::try_from(maximum)) {
        (Ok(typical @ 100..), Ok(maximum @ ..=100_000)) => {
            Ok((Voltage::from_millivolts(typical), Voltage::from_millivolts(maximum)))
        }
        _ => Err(wrong(kind, name, format!("`{what}` must be from 100 mV to 100 V"))),
    }
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

/// Typical and maximum current.
fn amps(
    kind: &'static str,
    name: &str,
    what: &str,
    figure: &Figure,
) -> Result<(Current, Current), ProfileError> {
    let (typical, maximum) = one(kind, name, what, figure, CURRENT)?;
    if maximum > CURRENT_MAX {
        return Err(wrong(kind, name, format!("`{what}` must be at most 100 A")));
    }
    Ok((Current::from_nanoamps(typical), Current::from_nanoamps(maximum)))
}

/// A duration.
fn time(kind: &'static str, name: &str, what: &str, figure: &Figure) -> Result<SimDuration, ProfileError> {
    let (typical, _) = one(kind, name, what, figure, TIME)?;
    if typical > DAY_NANOS {
        return Err(wrong(kind, name, format!("`{what}` must be at most a day")));
    }
    Ok(SimDuration::from_nanos(typical))
}

/// 100 A in nA: products with voltages and times fit into their integers then.
const CURRENT_MAX: u64 = 100_000_000_000;

const DAY_NANOS: u64 = 86_400_000_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BoardFile {
    #[serde(rename = "about")]
    _about: String,
    voltage: Figure,
    regulator: Option<RegulatorFile>,
    mcu: String,
    radio: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegulatorFile {
    /// What it gives of what it takes.
    efficiency: Figure,
    /// What it draws for itself.
    quiescent: Figure,
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

/// Reads a board, its parts from `library`.
pub(super) fn board_from(name: &str, text: &str, library: &Library) -> Result<Board, ProfileError> {
    let file: BoardFile = parse("board", name, text)?;
    let (voltage, _) = millivolts("board", name, "voltage", &file.voltage)?;
    let regulator = file.regulator.as_ref().map(|file| regulator_from(name, file)).transpose()?;
    let (mcu, radio) = (library.mcu(&file.mcu)?, library.radio(&file.radio)?);
    Ok(Board { name: name.to_owned(), voltage, regulator, mcu, radio })
}

fn regulator_from(board: &str, file: &RegulatorFile) -> Result<Regulator, ProfileError> {
    let (efficiency, _) = one("board", board, "regulator.efficiency", &file.efficiency, SHARE)?;
    let (quiescent, quiescent_maximum) = amps("board", board, "regulator.quiescent", &file.quiescent)?;
    match u16::try_from(efficiency / 1000) {
        Ok(efficiency_permille @ 10..=1000) => {
            Ok(Regulator { efficiency_permille, quiescent, quiescent_maximum })
        }
        _ => Err(wrong("board", board, "`regulator.efficiency` is a share from 1 % to 100 %")),
    }
}

fn spec(kind: &'static str, name: &str, part: PartKind, file: &PartFile) -> Result<PartSpec, ProfileError> {
    let mut spec = PartSpec::new(kind, part);
    if file.states.len() + file.transitions.len() > STATES_MAX {
        return Err(wrong(kind, name, format!("a part has at most {STATES_MAX} states and transitions")));
    }
    for (state, value) in &file.states {
        let figure: Figure = serde_json::from_value(value.clone())
            .map_err(|error| wrong(kind, name, format!("the state `{state}` needs a current: {error}")))?;
        let (typical, maximum) = amps(kind, name, state, &figure)?;
        if spec.state(state).is_some() {
            return Err(wrong(kind, name, format!("every part has the state `{state}` already")));
        }
        spec.add_state(state, typical, maximum);
    }
    for way in &file.transitions {
        let (from, to) = (known(kind, name, &spec, &way.from)?, known(kind, name, &spec, &way.to)?);
        if from == to {
            return Err(wrong(kind, name, format!("a transition leads from `{}` to itself", way.from)));
        }
        let label = format!("{} > {}", way.from, way.to);
        let (typical, maximum) = amps(kind, name, &label, &way.current)?;
        let time = time(kind, name, &label, &way.time)?;
        let through = spec.add_state(&label, typical, maximum);
        spec.transitions.push(Transition { from, to, through, time });
    }
    spec.rest = known(kind, name, &spec, &file.rest)?;
    if let Some(tail) = &file.tail {
        let time = time(kind, name, "tail", &tail.time)?;
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

pub(super) fn radio_from(name: &str, text: &str) -> Result<Radio, ProfileError> {
    let file: PartFile = parse("radio", name, text)?;
    let spec = spec("radio", name, PartKind::Radio, &file)?;
    let state = |state: &str| known("radio", name, &spec, state);
    let (off, sleep, idle) = (state("off")?, state("sleep")?, state("idle")?);
    let (listen, receive) = (state("listen")?, state("receive")?);
    let level = file.transmit.as_deref();
    let level =
        level.ok_or_else(|| wrong("radio", name, "`transmit` must name the state in which it sends"))?;
    let transmit = state(level)?;
    Ok(Radio { spec: Arc::new(spec), off, sleep, idle, listen, receive, transmit })
}

pub(super) fn mcu_from(name: &str, text: &str) -> Result<Mcu, ProfileError> {
    let file: PartFile = parse("mcu", name, text)?;
    let spec = spec("mcu", name, PartKind::Mcu, &file)?;
    let missing = || wrong("mcu", name, "a processor needs `clock` and `work` with `packet` and `byte`");
    let (clock, work) = file.clock.as_ref().zip(file.work.as_ref()).ok_or_else(missing)?;
    let clock_hz = one("mcu", name, "clock", clock, FREQUENCY)?.0;
    let packet_cycles = one("mcu", name, "work.packet", &work.packet, CYCLES)?.0;
    let byte_cycles = one("mcu", name, "work.byte", &work.byte, CYCLES)?.0;
    if clock_hz < CLOCK_MIN_HZ || packet_cycles > CYCLES_MAX || byte_cycles > CYCLES_MAX {
        return Err(wrong("mcu", name, "`clock` is at least 10 kHz, and `work` at most 10000000 cycles"));
    }
    Ok(Mcu {
        active: known("mcu", name, &spec, "active")?,
        clock_hz,
        packet_cycles,
        byte_cycles,
        spec: Arc::new(spec),
    })
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
    })
}

/// States and transitions of a part; one more is being without supply.
const STATES_MAX: usize = 200;

const CLOCK_MIN_HZ: u64 = 10_000;

const CYCLES_MAX: u64 = 10_000_000;

/// A million Ah, in aC.
const CAPACITY_MAX: u128 = 3_600_000_000_000_000_000_000_000_000;

const NANOS_PER_YEAR: u128 = 31_536_000_000_000_000;
