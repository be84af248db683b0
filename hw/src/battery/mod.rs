//! Batteries: how much is left, which voltage they still give, and when they are empty.
//!
//! What flows is counted in integers and belongs to the account; what a load does *inside* the battery (recovery,
//! rate capacity) is a model's state in floating point, and decides only about voltage and exhaustion.
//!
//! | model | says | source |
//! |---|---|---|
//! | ideal | the charge is there until it has been drawn | |
//! | Peukert | a high current takes more than it gives | Peukert 1897, as in Rakhmatov and Vrudhula 2003 |
//! | KiBaM | two wells, of which only one can be tapped; the other refills it | Manwell and McGowan 1993 |
//! | Rakhmatov | diffusion inside the cell, ten terms of its series | Rakhmatov and Vrudhula, ACM TECS 2 (2003) |
//!
//! With each of them goes a curve of the open voltage by state of charge, an internal resistance and a cut-off: a
//! battery whose terminal voltage falls below the cut-off under the present load gives out, for a moment at least.

mod model;

pub use model::Model;
use model::ModelState;

use std::sync::Arc;

use sim_core::SimDuration;
use sim_core::electric::{Charge, Current, Voltage};

/// A battery as its profile describes it, at one temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct BatterySpec {
    /// The profile's name.
    pub name: String,
    /// What it holds when it is full.
    pub capacity: Charge,
    /// The voltage at which its energy is reckoned.
    pub nominal: Voltage,
    /// Below this voltage at its terminals the node stops.
    pub cut_off: Voltage,
    /// What the terminal voltage falls by, in milliohms.
    pub resistance_milliohms: u64,
    /// Open voltage by state of charge, falling: (share left, mV). Empty: always the nominal voltage.
    pub curve: Vec<(f64, f64)>,
    /// What it loses without any load.
    pub self_discharge: Current,
    /// What a load does inside it.
    pub model: Model,
    /// Whether it can be charged.
    pub rechargeable: bool,
    /// What the temperature changes, by rising temperature; empty where nothing is known of it.
    pub temperatures: Vec<AtTemperature>,
}

/// What a battery has at one temperature of what its other figures say, in thousandths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AtTemperature {
    /// The temperature in degrees Celsius.
    pub celsius: i16,
    /// Of the capacity.
    pub capacity_permille: u32,
    /// Of the internal resistance.
    pub resistance_permille: u32,
    /// Of the self-discharge.
    pub self_discharge_permille: u32,
}

impl BatterySpec {
    /// The battery at a temperature in thousandths of a degree Celsius, between the points that its profile gives on
    /// straight lines; `None` outside of them.
    pub fn at_temperature(&self, millicelsius: i32) -> Option<Self> {
        let at = |point: &AtTemperature| i64::from(point.celsius) * 1000;
        let wanted = i64::from(millicelsius);
        let pair =
            self.temperatures.windows(2).find(|pair| at(&pair[0]) <= wanted && wanted <= at(&pair[1]))?;
        let (cold, warm) = (&pair[0], &pair[1]);
        let between = |of: &dyn Fn(&AtTemperature) -> u32| {
            let (low, high) = (i64::from(of(cold)), i64::from(of(warm)));
            let share = low + (high - low) * (wanted - at(cold)) / (at(warm) - at(cold));
            u128::from(u64::try_from(share).unwrap_or(0))
        };
        let scaled =
            |value: u64, share: u128| u64::try_from(u128::from(value) * share / 1000).unwrap_or(u64::MAX);
        let capacity = between(&|point| point.capacity_permille);
        let lost = between(&|point| point.self_discharge_permille);
        let resistance = between(&|point| point.resistance_permille);
        Some(Self {
            capacity: Charge::from_attocoulombs(self.capacity.as_attocoulombs() / 1000 * capacity),
            resistance_milliohms: scaled(self.resistance_milliohms, resistance),
            self_discharge: Current::from_nanoamps(scaled(self.self_discharge.as_nanoamps(), lost)),
            ..self.clone()
        })
    }

    /// The lowest and the highest temperature that the profile speaks of, in degrees Celsius.
    pub fn temperature_range(&self) -> Option<(i16, i16)> {
        Some((self.temperatures.first()?.celsius, self.temperatures.last()?.celsius))
    }
}

/// A battery in use.
#[derive(Clone, Debug)]
pub struct Battery {
    spec: Arc<BatterySpec>,
    drawn: Charge,
    harvested: Charge,
    spilled: Charge,
    initial: f64,
    state: ModelState,
    /// The highest load so far: what the voltage has to bear.
    peak: Current,
}

impl Battery {
    /// A battery with `share` of its capacity left, 0 to 1.
    pub fn new(spec: impl Into<Arc<BatterySpec>>, share: f64) -> Self {
        let spec = spec.into();
        let state = ModelState::new(spec.model, spec.capacity, share);
        let none = Charge::ZERO;
        Self { spec, drawn: none, harvested: none, spilled: none, initial: share, state, peak: Current::ZERO }
    }

    /// The battery's description.
    pub fn spec(&self) -> &Arc<BatterySpec> {
        &self.spec
    }

    /// The share of its capacity that it had at the start.
    pub fn initial_share(&self) -> f64 {
        self.initial
    }

    /// Everything that was drawn from it, its own losses included.
    pub fn drawn(&self) -> Charge {
        self.drawn
    }

    /// What was put into it.
    pub fn harvested(&self) -> Charge {
        self.harvested
    }

    /// What was offered while it was full, and lost.
    pub fn spilled(&self) -> Charge {
        self.spilled
    }

    /// The highest load so far.
    pub fn peak(&self) -> Current {
        self.peak
    }

    /// The share of its capacity that is left, 0 to 1.
    pub fn state_of_charge(&self) -> f64 {
        self.state.share(self.spec.model, self.spec.capacity)
    }

    /// The voltage without load.
    pub fn open_voltage_f64(&self) -> f64 {
        let share = self.state_of_charge();
        let nominal = f64::from(self.spec.nominal.as_millivolts());
        let Some(&(first_share, first)) = self.spec.curve.first() else { return nominal };
        if share >= first_share {
            return first;
        }
        for pair in self.spec.curve.windows(2) {
            let ((above, high), (below, low)) = (pair[0], pair[1]);
            if share >= below {
                return low + (high - low) * (share - below) / (above - below);
            }
        }
        self.spec.curve.last().map_or(nominal, |&(_, last)| last)
    }

    /// The voltage at its terminals under `load`, in mV.
    pub fn terminal_voltage_f64(&self, load: Current) -> f64 {
        self.open_voltage_f64() - load.as_amps_f64() * self.spec.resistance_milliohms as f64
    }

    /// Whether it cannot carry `load` now.
    pub fn is_exhausted(&self, load: Current) -> bool {
        self.state.is_empty(self.spec.model, self.spec.capacity)
            || self.terminal_voltage_f64(load) < f64::from(self.spec.cut_off.as_millivolts())
    }

    /// Draws `load` for `time` while `harvest` flows in. If it gives out, says how long after the start.
    pub fn step(&mut self, load: Current, harvest: Current, time: SimDuration) -> Option<SimDuration> {
        let before = self.state;
        self.drawn += load.charge(time);
        self.peak = self.peak.max(load);
        let (model, capacity) = (self.spec.model, self.spec.capacity);
        let harvest = if self.spec.rechargeable { harvest } else { Current::ZERO };
        let spilled = self.state.advance(model, capacity, load, harvest, time);
        self.spilled += spilled;
        self.harvested += harvest.charge(time).saturating_sub(spilled);
        if !self.is_exhausted(load) {
            return None;
        }
        let after = std::mem::replace(&mut self.state, before);
        let offset = self.first_exhaustion(load, harvest, load, time);
        self.state = after;
        offset
    }

    /// Whether it can only become weaker, whatever the order of what is drawn: it has no rest that does it good.
    pub(crate) fn only_tires(&self) -> bool {
        matches!(self.spec.model, Model::Ideal | Model::Peukert { .. })
    }

    /// Whether only the charge matters that was drawn in all: an ideal one whose voltage no load changes.
    pub(crate) fn only_counts(&self) -> bool {
        self.spec.model == Model::Ideal && self.spec.curve.is_empty() && self.spec.resistance_milliohms == 0
    }

    /// Draws a charge, however it came about, of one that [`Self::only_counts`]; returns what is left.
    pub(crate) fn draw(&mut self, charge: Charge) -> Charge {
        self.drawn += charge;
        self.state.drain(charge);
        self.state.left()
    }

    /// Draws each load for its time, one after the other. If it has given out by the end, nothing is drawn, and the
    /// answer is false: [`Self::step`] says when. Only for one that [`Self::only_tires`], without harvest.
    pub(crate) fn drain(&mut self, steps: impl Iterator<Item = (Current, SimDuration)>) -> bool {
        let before = (self.state, self.drawn, self.peak);
        let (model, capacity) = (self.spec.model, self.spec.capacity);
        let (mut highest, mut all, mut any) = (Current::ZERO, Charge::ZERO, false);
        for (load, time) in steps {
            all += load.charge(time);
            if model != Model::Ideal {
                self.state.advance(model, capacity, load, Current::ZERO, time);
            }
            highest = highest.max(load);
            any = true;
        }
        self.drawn += all;
        if model == Model::Ideal {
            self.state.drain(all);
        }
        self.peak = self.peak.max(highest);
        // What it cannot carry at the end is more than it could carry before.
        let gave_out = any && self.is_exhausted(highest);
        if gave_out {
            (self.state, self.drawn, self.peak) = before;
        }
        !gave_out
    }

    /// How long it carries `load`, tested by a load of `peak`; `None` if longer than `horizon`.
    pub fn lasts(&self, load: Current, peak: Current, horizon: SimDuration) -> Option<SimDuration> {
        let mut tried = self.clone();
        tried.first_exhaustion(load, Current::ZERO, peak, horizon)
    }

    /// The first time within `time` at which it gives out under constant currents, to the nanosecond.
    fn first_exhaustion(
        &mut self,
        load: Current,
        harvest: Current,
        peak: Current,
        time: SimDuration,
    ) -> Option<SimDuration> {
        let start = self.state;
        let mut fails_after = |nanos: u64| {
            self.state = start;
            let (model, capacity) = (self.spec.model, self.spec.capacity);
            self.state.advance(model, capacity, load, harvest, SimDuration::from_nanos(nanos));
            self.is_exhausted(peak)
        };
        let (mut lives, mut fails) = (0, time.as_nanos());
        let gives_out = fails_after(fails);
        while gives_out && lives < fails {
            let middle = lives + (fails - lives) / 2;
            if fails_after(middle) {
                fails = middle;
            } else {
                lives = middle + 1;
            }
        }
        self.state = start;
        gives_out.then_some(SimDuration::from_nanos(fails))
    }
}

#[cfg(test)]
mod tests;
