//! What parts take in their states, and who is told of it: the ledger and the battery.

use sim_core::electric::{Current, Energy, Voltage};
use sim_core::{SimDuration, SimTime};

use super::Supply;
use super::store::Store;
use crate::ledger::Ledger;
use crate::meter::Tell;
use crate::part::{PartId, PartKind, PartSpec, StateId};
use crate::repeated::{Pattern, Patterns, Stretches};

/// What a part takes in one state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Draw {
    pub(super) current: Current,
    pub(super) voltage: Voltage,
    /// From the source.
    pub(super) taken: Current,
    /// What conversion loses, in zJ for each ns.
    lost: u64,
}

/// What one part takes in each of its states, and what is yet to be told to the ledger and to the battery.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    pub(super) states: Vec<(Draw, Stretches)>,
    /// What it took from the source when the battery was told last.
    pub(super) taken: i64,
}

/// What a part has told is kept for the ledger, and goes to the battery.
pub(super) struct Teller<'a, K> {
    pub(super) draws: &'a mut Draws,
    /// A battery that follows each step.
    pub(super) store: Option<&'a mut Store>,
    pub(super) patterns: &'a Patterns<K>,
}

impl<K> Tell for Teller<'_, K> {
    #[inline]
    fn passed(&mut self, from: SimTime, _: SimTime, state: StateId) {
        if let Some(store) = &mut self.store {
            let Draws { states, taken } = &mut *self.draws;
            store.take(from, taken, states[usize::from(state.0)].0.taken);
        }
    }

    #[inline]
    fn charge(&mut self, state: StateId, time: SimDuration, pattern: Pattern) {
        let (_, stretches) = &mut self.draws.states[usize::from(state.0)];
        stretches.note(time, pattern, self.patterns);
    }
}

/// What would be drawn, and what the battery would be told of.
pub(super) struct Foreteller<'a> {
    pub(super) draws: &'a Draws,
    pub(super) taken: i64,
    pub(super) drawn: Energy,
    pub(super) store: Option<&'a mut Store>,
}

impl Tell for Foreteller<'_> {
    fn passed(&mut self, from: SimTime, until: SimTime, state: StateId) {
        let draw = &self.draws.states[usize::from(state.0)].0;
        self.drawn += draw.energy(until - from);
        if let Some(store) = &mut self.store {
            store.take(from, &mut self.taken, draw.taken);
        }
    }

    fn charge(&mut self, _: StateId, _: SimDuration, _: Pattern) {}
}

impl Draw {
    /// What is drawn in `time`, conversion included.
    pub(super) fn energy(&self, time: SimDuration) -> Energy {
        let mut energy = self.current.energy(self.voltage, time);
        energy += self.lost(time);
        energy
    }

    /// What conversion loses in `time`.
    pub(super) fn lost(&self, time: SimDuration) -> Energy {
        Energy::from_zeptojoules(u128::from(self.lost) * u128::from(time.as_nanos()))
    }
}

/// Tells the ledger of the stretches in a state; returns what conversion lost.
pub(super) fn post<K: Copy + Ord>(
    ledger: &mut Ledger<K>,
    (part, state): (PartId, StateId),
    draw: &Draw,
    stretches: &mut Stretches,
    patterns: &Patterns<K>,
    conversion: K,
) -> Energy {
    let mut all = SimDuration::ZERO;
    stretches.give(patterns, |key, time| {
        all += time;
        ledger.charge(part, state, key, time, draw.current.energy(draw.voltage, time));
    });
    let energy = draw.lost(all);
    if energy > Energy::ZERO {
        ledger.charge(part, state, conversion, SimDuration::ZERO, energy);
    }
    energy
}

pub(super) fn draws(spec: &PartSpec, supply: &Supply) -> Draws {
    let of = |current: Current| match spec.kind {
        PartKind::Regulator | PartKind::Battery => {
            Draw { current, voltage: supply.source, taken: current, lost: 0 }
        }
        PartKind::Radio | PartKind::Mcu | PartKind::Sensor => {
            let taken = supply.taken(current);
            let (voltage, source) = (supply.voltage.as_millivolts(), supply.source.as_millivolts());
            let lost = taken.as_nanoamps() * u64::from(source) - current.as_nanoamps() * u64::from(voltage);
            Draw { current, voltage: supply.voltage, taken, lost }
        }
    };
    let states = spec.states.iter().map(|state| (of(state.typical), Stretches::default())).collect();
    Draws { states, taken: 0 }
}
