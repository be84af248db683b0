//! From the JSON text of a profile to what it describes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sim_core::SimDuration;
use sim_core::electric::{Current, Voltage};

use super::figure::{CURRENT, CYCLES, FREQUENCY, Figure, SHARE, TIME, Units, VOLTAGE};
use super::{Board, Library, Mcu, Operation, ProfileError, Radio, Regulator, Sensor};
use crate::part::{PartKind, PartSpec, StateId, Transition};

pub(super) fn wrong(kind: &'static str, name: &str, what: impl Into<String>) -> ProfileError {
    ProfileError { kind, name: name.to_owned(), what: what.into() }
}

pub(super) fn parse<T: DeserializeOwned>(
    kind: &'static str,
    name: &str,
    text: &str,
) -> Result<T, ProfileError> {
    serde_json::from_str(text).map_err(|error| wrong(kind, name, error.to_string()))
}

pub(super) fn millivolts(
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

pub(super) fn one(
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
    tail: Option<StayFile>,
    clock: Option<Figure>,
    work: Option<WorkFile>,
    #[serde(default)]
    cryptography: BTreeMap<String, OperationFile>,
    sample: Option<StayFile>,
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
struct StayFile {
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
#[serde(deny_unknown_fields)]
struct OperationFile {
    operation: Figure,
    byte: Option<Figure>,
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
    check_entries(kind, name, part, file)?;
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

/// Refuses what has no meaning for this kind of part: nobody would look at it.
fn check_entries(
    kind: &'static str,
    name: &str,
    part: PartKind,
    file: &PartFile,
) -> Result<(), ProfileError> {
    let entries = [
        ("transmit", file.transmit.is_some(), PartKind::Radio),
        ("tail", file.tail.is_some(), PartKind::Radio),
        ("clock", file.clock.is_some(), PartKind::Mcu),
        ("work", file.work.is_some(), PartKind::Mcu),
        ("cryptography", !file.cryptography.is_empty(), PartKind::Mcu),
        ("sample", file.sample.is_some(), PartKind::Sensor),
    ];
    match entries.into_iter().find(|(_, given, of)| *given && *of != part) {
        Some((entry, ..)) => Err(wrong(kind, name, format!("`{entry}` has no meaning for a {kind}"))),
        None => Ok(()),
    }
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
    if clock_hz < CLOCK_MIN_HZ {
        return Err(wrong("mcu", name, "`clock` is at least 10 kHz"));
    }
    let mut cryptography = BTreeMap::new();
    for (operation, file) in &file.cryptography {
        let what = format!("cryptography.{operation}");
        let fixed_cycles = cycles(name, &what, &file.operation, OPERATION_CYCLES_MAX)?;
        let byte = file.byte.as_ref().map(|byte| cycles(name, &what, byte, CYCLES_MAX));
        let byte_cycles = byte.transpose()?.unwrap_or(0);
        cryptography.insert(operation.clone(), Operation { fixed_cycles, byte_cycles });
    }
    Ok(Mcu {
        active: known("mcu", name, &spec, "active")?,
        clock_hz,
        packet_cycles: cycles(name, "work.packet", &work.packet, CYCLES_MAX)?,
        byte_cycles: cycles(name, "work.byte", &work.byte, CYCLES_MAX)?,
        cryptography,
        spec: Arc::new(spec),
    })
}

fn cycles(name: &str, what: &str, figure: &Figure, most: u64) -> Result<u64, ProfileError> {
    match one("mcu", name, what, figure, CYCLES)?.0 {
        cycles if cycles <= most => Ok(cycles),
        _ => Err(wrong("mcu", name, format!("`{what}` is at most {most} cycles"))),
    }
}

pub(super) fn sensor_from(name: &str, text: &str) -> Result<Sensor, ProfileError> {
    let file: PartFile = parse("sensor", name, text)?;
    let spec = spec("sensor", name, PartKind::Sensor, &file)?;
    let missing =
        || wrong("sensor", name, "a sensor needs `sample` with the `state` it measures in and its `time`");
    let sample = file.sample.as_ref().ok_or_else(missing)?;
    let measures = known("sensor", name, &spec, &sample.state)?;
    let sample_time = time("sensor", name, "sample", &sample.time)?;
    if sample_time == SimDuration::ZERO || measures == spec.rest {
        return Err(wrong("sensor", name, "a sample takes some time, in another state than that of rest"));
    }
    Ok(Sensor { measures, sample_time, spec: Arc::new(spec) })
}

/// States and transitions of a part; one more is being without supply.
const STATES_MAX: usize = 200;

const CLOCK_MIN_HZ: u64 = 10_000;

const CYCLES_MAX: u64 = 10_000_000;

/// A signature on the slowest of processors takes some tens of millions.
const OPERATION_CYCLES_MAX: u64 = 10_000_000_000;
