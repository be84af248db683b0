//! Profiles: the numbers of real parts, with their sources, as JSON files that are compiled in.
//!
//! A figure has a typical value, a maximum where the source gives one, the source, and whether someone has read it
//! there (`verified`). A figure without a source is refused.

mod catalogue;
mod figure;
mod read;
mod read_battery;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use sim_core::SimDuration;
use sim_core::electric::{Current, Voltage};

use crate::battery::BatterySpec;
use crate::part::{PartSpec, StateId};
use read::{board_from, mcu_from, radio_from, sensor_from, wrong};
use read_battery::battery_from;

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
    /// Switched off, its settings lost.
    pub off: StateId,
    /// The least that keeps its settings.
    pub sleep: StateId,
    /// Ready to listen or send.
    pub idle: StateId,
    /// Waiting for a frame.
    pub listen: StateId,
    /// The state in which it takes a frame in.
    pub receive: StateId,
    /// The state in which it sends, at the profile's power level.
    pub transmit: StateId,
}

impl Radio {
    /// The same radio sending at another level: that of the state called "transmit LEVEL", such as "transmit 8 dBm".
    pub fn at_level(&self, level: &str) -> Option<Self> {
        let transmit = self.spec.state(&format!("transmit {level}"))?;
        Some(Self { transmit, ..self.clone() })
    }

    /// The levels that it can send at, as [`Self::at_level`] takes them.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.spec.states.iter().filter_map(|state| state.name.strip_prefix("transmit "))
    }
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
    /// What it takes for a cryptographic operation, by its name.
    pub cryptography: BTreeMap<String, Operation>,
}

/// What a processor takes for one operation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Operation {
    /// Cycles for each time.
    pub fixed_cycles: u64,
    /// Cycles for each byte.
    pub byte_cycles: u64,
}

/// A sensor.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// Its states.
    pub spec: Arc<PartSpec>,
    /// The state in which it measures.
    pub measures: StateId,
    /// How long a sample takes, the way there not included.
    pub sample_time: SimDuration,
}

impl Mcu {
    /// How long it works on a packet of `bytes`, rounded up.
    pub fn packet_time(&self, bytes: usize) -> SimDuration {
        let per_packet = Operation { fixed_cycles: self.packet_cycles, byte_cycles: self.byte_cycles };
        self.operation_time(per_packet, bytes)
    }

    /// How long it takes for an operation over `bytes`, rounded up.
    pub fn operation_time(&self, operation: Operation, bytes: usize) -> SimDuration {
        let Operation { fixed_cycles, byte_cycles } = operation;
        let cycles = u128::from(fixed_cycles) + u128::from(byte_cycles) * bytes as u128;
        let nanos = (cycles * 1_000_000_000).div_ceil(u128::from(self.clock_hz.max(1)));
        SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The regulator between a battery and the parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Regulator {
    /// What it gives of what it takes, in thousandths.
    pub efficiency_permille: u16,
    /// What it draws for itself, typically.
    pub quiescent: Current,
    /// At most.
    pub quiescent_maximum: Current,
}

/// A node's hardware: a processor and a radio at one voltage.
#[derive(Clone, Debug)]
pub struct Board {
    /// The profile's name.
    pub name: String,
    /// The voltage that the figures of its parts hold at.
    pub voltage: Voltage,
    /// What the battery passes on its way to the parts; `None` if they hang on it directly.
    pub regulator: Option<Regulator>,
    /// The processor.
    pub mcu: Mcu,
    /// The radio.
    pub radio: Radio,
}

/// What a profile describes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A processor and a radio, and how they are supplied.
    Board,
    /// A battery.
    Battery,
    /// A radio or modem.
    Radio,
    /// A processor.
    Mcu,
    /// A sensor.
    Sensor,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Board, Self::Battery, Self::Radio, Self::Mcu, Self::Sensor];

    /// The word for it: "board", "battery", "radio", "mcu" or "sensor".
    pub fn name(self) -> &'static str {
        match self {
            Self::Board => "board",
            Self::Battery => "battery",
            Self::Radio => "radio",
            Self::Mcu => "mcu",
            Self::Sensor => "sensor",
        }
    }
}

/// The profiles that ship, and those that a scenario brings along.
#[derive(Clone, Debug, Default)]
pub struct Library {
    own: BTreeMap<(Kind, String), String>,
}

impl Library {
    /// Adds a profile as its JSON text, which is read when it is asked for. It stands before one that ships under the
    /// same name.
    pub fn add(&mut self, kind: Kind, name: &str, text: String) {
        self.own.insert((kind, name.to_owned()), text);
    }

    /// The names of all profiles of a kind, a scenario's own first.
    pub fn names(&self, kind: Kind) -> Vec<&str> {
        let own = self.own.keys().filter(|(other, _)| *other == kind).map(|(_, name)| name.as_str());
        let shipped = catalogue::FILES.iter().filter(|file| file.0 == kind.name()).map(|file| file.1);
        own.chain(shipped).collect()
    }

    /// Whether there is a profile of that name.
    pub fn has(&self, kind: Kind, name: &str) -> bool {
        self.text(kind, name).is_some()
    }

    /// Whether a profile of that name was added.
    pub fn is_own(&self, kind: Kind, name: &str) -> bool {
        self.own.contains_key(&(kind, name.to_owned()))
    }

    /// The board called `name`.
    ///
    /// # Errors
    /// When there is none, or its profile or that of a part is wrong.
    pub fn board(&self, name: &str) -> Result<Board, ProfileError> {
        board_from(name, self.find(Kind::Board, name)?, self)
    }

    /// The battery called `name`, an ideal one inside its curve and resistance.
    ///
    /// # Errors
    /// When there is none, or its profile is wrong.
    pub fn battery(&self, name: &str) -> Result<BatterySpec, ProfileError> {
        battery_from(name, self.find(Kind::Battery, name)?)
    }

    /// The radio called `name`.
    ///
    /// # Errors
    /// When there is none, or its profile is wrong.
    pub fn radio(&self, name: &str) -> Result<Radio, ProfileError> {
        radio_from(name, self.find(Kind::Radio, name)?)
    }

    /// The processor called `name`.
    ///
    /// # Errors
    /// When there is none, or its profile is wrong.
    pub fn mcu(&self, name: &str) -> Result<Mcu, ProfileError> {
        mcu_from(name, self.find(Kind::Mcu, name)?)
    }

    /// The sensor called `name`.
    ///
    /// # Errors
    /// When there is none, or its profile is wrong.
    pub fn sensor(&self, name: &str) -> Result<Sensor, ProfileError> {
        sensor_from(name, self.find(Kind::Sensor, name)?)
    }

    /// What is wrong with the profile of that kind and name, if anything is.
    pub fn check(&self, kind: Kind, name: &str) -> Result<(), ProfileError> {
        match kind {
            Kind::Board => self.board(name).map(drop),
            Kind::Battery => self.battery(name).map(drop),
            Kind::Radio => self.radio(name).map(drop),
            Kind::Mcu => self.mcu(name).map(drop),
            Kind::Sensor => self.sensor(name).map(drop),
        }
    }

    /// How many figures a profile has, and how many of them nobody has read in their document; those of a board's
    /// parts included.
    pub fn figures(&self, kind: Kind, name: &str) -> Figures {
        let Some(Ok(value)) = self.text(kind, name).map(serde_json::from_str::<Value>) else {
            return Figures::default();
        };
        let mut figures = Figures::of(&value);
        if kind == Kind::Board {
            for (key, kind) in [("mcu", Kind::Mcu), ("radio", Kind::Radio)] {
                let part = value.get(key).and_then(Value::as_str);
                figures.add(part.map(|part| self.figures(kind, part)).unwrap_or_default());
            }
        }
        figures
    }

    fn text(&self, kind: Kind, name: &str) -> Option<&str> {
        let own = self.own.get(&(kind, name.to_owned())).map(String::as_str);
        let shipped = || catalogue::FILES.iter().find(|file| file.0 == kind.name() && file.1 == name);
        own.or_else(|| shipped().map(|file| file.2))
    }

    fn find(&self, kind: Kind, name: &str) -> Result<&str, ProfileError> {
        self.text(kind, name).ok_or_else(|| wrong(kind.name(), name, "there is no such profile"))
    }
}

/// How many figures there are, and how many of them nobody has read in the document that they name.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Figures {
    /// All.
    pub total: usize,
    /// Those that were not read there.
    pub unverified: usize,
}

impl Figures {
    /// Counts some more.
    pub fn add(&mut self, more: Self) {
        self.total += more.total;
        self.unverified += more.unverified;
    }

    fn of(value: &Value) -> Self {
        let mut figures = Self::default();
        match value {
            Value::Object(map) => {
                if map.contains_key("source") {
                    let verified = map.get("verified") == Some(&Value::Bool(true));
                    figures.add(Self { total: 1, unverified: usize::from(!verified) });
                }
                map.values().for_each(|value| figures.add(Self::of(value)));
            }
            Value::Array(items) => items.iter().for_each(|value| figures.add(Self::of(value))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        figures
    }
}

#[cfg(test)]
mod tests;
