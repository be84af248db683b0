//! A node's hardware: its parts, its supply, and the account of both.

mod store;

use std::hash::Hash;
use std::sync::Arc;

use sim_core::electric::{Current, Energy, Voltage};
use sim_core::{SimDuration, SimTime};

use crate::battery::Battery;
use crate::harvester::Harvester;
use crate::ledger::Ledger;
use crate::meter::{Give, Meter, Passed};
use crate::part::{PartId, PartKind, PartSpec, StateId};
use crate::repeated::{Repeated, Stretches};
use store::Store;

/// What the time of a part is charged to where nobody says otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Purposes<K> {
    /// While it rests.
    pub rest: K,
    /// While it lingers after an activity.
    pub tail: K,
    /// On the way from one state to another.
    pub transition: K,
    /// Without supply.
    pub unpowered: K,
}

/// A stretch of time that a part spends in another state than that in which it rests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Activity {
    /// The state.
    pub state: StateId,
    /// Its beginning, the way there not included.
    pub from: SimTime,
    /// Its end.
    pub until: SimTime,
    /// Who told of it, for [`Device::withdraw`]; any number that the user of the part likes.
    pub teller: u32,
}

/// How the parts are supplied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Supply {
    /// The voltage at which the parts run.
    pub voltage: Voltage,
    /// The voltage of the source: equal to the parts' without a regulator.
    pub source: Voltage,
    /// What a regulator gives of what it takes, in thousandths; 1000 without one.
    pub efficiency_permille: u16,
}

impl Supply {
    /// A source that the parts hang on directly.
    pub fn direct(voltage: Voltage) -> Self {
        Self { voltage, source: voltage, efficiency_permille: 1000 }
    }

    /// What `load` at the parts takes from the source, rounded up to a whole nA.
    fn taken(&self, load: Current) -> Current {
        let given = u128::from(load.as_nanoamps()) * u128::from(self.voltage.as_millivolts()) * 1000;
        let per = u128::from(self.source.as_millivolts()) * u128::from(self.efficiency_permille);
        Current::from_nanoamps(u64::try_from(given.div_ceil(per.max(1))).unwrap_or(u64::MAX))
    }
}

/// What a part takes in one state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Draw {
    current: Current,
    voltage: Voltage,
    /// From the source.
    taken: Current,
    /// What conversion loses, in zJ for each ns.
    lost: u64,
}

/// What one part takes in each of its states, and what is yet to be told to the ledger and to the battery.
#[derive(Clone, Debug)]
struct Draws<K> {
    states: Vec<(Draw, Stretches<K>)>,
    /// What it took from the source when the battery was told last.
    taken: i64,
}

/// A node's hardware.
#[derive(Debug)]
pub struct Device<K> {
    meters: Vec<Meter<K>>,
    draws: Vec<Draws<K>>,
    supply: Supply,
    ledger: Ledger<K>,
    conversion: K,
    converted: Energy,
    store: Option<Store>,
    powered: bool,
}

/// What would be at a time if nothing more were told.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// When the battery would give out, if it would.
    pub gives_out: Option<SimTime>,
    /// What would have been drawn.
    pub drawn: Energy,
    /// The battery then.
    pub battery: Option<Battery>,
    /// What all parts would take from the source then.
    pub current: Current,
}

impl<K: Copy + Hash + Ord> Device<K> {
    /// Hardware of these parts; what a regulator loses is charged to `conversion`.
    pub fn new(
        parts: impl IntoIterator<Item = (Arc<PartSpec>, Purposes<K>)>,
        supply: Supply,
        conversion: K,
        battery: Option<Battery>,
        harvester: Option<Harvester>,
    ) -> Self {
        let meters: Vec<Meter<K>> =
            parts.into_iter().map(|(spec, purposes)| Meter::new(spec, purposes)).collect();
        let draws = meters.iter().map(|meter| draws(&meter.spec, &supply)).collect();
        Self {
            meters,
            draws,
            supply,
            ledger: Ledger::default(),
            conversion,
            converted: Energy::ZERO,
            store: battery.map(|battery| Store::new(battery, harvester)),
            powered: true,
        }
    }

    /// The parts, in order of number.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = (PartId, &PartSpec)> {
        self.meters.iter().enumerate().map(|(index, meter)| (PartId(index as u8), &*meter.spec))
    }

    /// The part called `name`.
    pub fn part(&self, name: &str) -> Option<PartId> {
        self.parts().find(|(_, spec)| spec.name == name).map(|(id, _)| id)
    }

    /// What is known of a part.
    pub fn spec(&self, part: PartId) -> &PartSpec {
        &self.meters[usize::from(part.0)].spec
    }

    /// The state that a part rests in now, whatever is laid over it.
    pub fn state(&self, part: PartId) -> StateId {
        self.meters[usize::from(part.0)].state()
    }

    /// Time that a part has spent in a state, as far as it has been settled.
    pub fn time(&self, part: PartId, state: StateId) -> SimDuration {
        self.meters[usize::from(part.0)].time(state)
    }

    /// The same as counted by a clock of [`crate::TICKS_PER_SECOND`], which is read at each change of the state.
    pub fn ticks(&self, part: PartId, state: StateId) -> u64 {
        self.meters[usize::from(part.0)].ticks(state)
    }

    /// The ledger, as far as it has been settled.
    pub fn ledger(&self) -> &Ledger<K> {
        &self.ledger
    }

    /// The battery, as far as it has been settled.
    pub fn battery(&self) -> Option<&Battery> {
        self.store.as_ref().map(|store| &store.battery)
    }

    /// How the parts are supplied.
    pub fn supply(&self) -> Supply {
        self.supply
    }

    /// Whether the parts have power.
    pub fn is_powered(&self) -> bool {
        self.powered
    }

    /// From `now` on `part` is in `state` for `key`; returns how long the way there takes.
    ///
    /// What passed since the part's last change is charged as it was said then. Nothing has to happen while the
    /// state lasts.
    pub fn enter(&mut self, now: SimTime, part: PartId, state: StateId, key: K) -> SimDuration {
        self.with(part, |meter, give| meter.enter(now, state, key, give))
    }

    /// Says at the end of a state what it was for: the time since the last change is split by weights, the
    /// remainder to the first. A call of [`Self::enter`] follows.
    pub fn attribute(&mut self, part: PartId, shares: &[(K, u32)]) {
        self.meters[usize::from(part.0)].attribute(shares);
    }

    /// Lays an activity over the state that `part` rests in, the way there in front of it.
    ///
    /// What it is for is split by the weights of `shares`, the remainder to the first. Activities may be
    /// told of ahead or afterwards. A part does one thing at a time: where two overlap, the one that began first goes
    /// on to its end.
    pub fn occupy(&mut self, now: SimTime, part: PartId, activity: Activity, shares: &[(K, u32)]) {
        if self.powered && activity.from < activity.until {
            self.with(part, |meter, give| meter.occupy(now, activity, shares, give));
        }
    }

    /// Forgets the activities of `part` that `teller` told of ahead and that have not begun by `now`: they will not
    /// take place.
    pub fn withdraw(&mut self, now: SimTime, part: PartId, teller: u32) {
        self.with(part, |meter, give| meter.withdraw(now, teller, give));
    }

    /// How many changes of the load the battery has not yet been told of: [`Self::integrate`] now and then keeps them
    /// few.
    pub fn pending(&self) -> usize {
        self.store.as_ref().map_or(0, Store::pending)
    }

    /// The longest way from one state of a part to another: so far back an activity that is told of now may begin.
    pub fn longest_way(&self) -> SimDuration {
        let ways = self.meters.iter().flat_map(|meter| &meter.spec.transitions);
        ways.map(|way| way.time).max().unwrap_or(SimDuration::ZERO)
    }

    /// Charges everything that has passed by `now`, and lets the battery follow up to then, which may lie before what
    /// was settled; says when it gave out since the last call, if it did. The ledger may be told later.
    pub fn catch_up(&mut self, now: SimTime) -> Option<SimTime> {
        for index in 0..self.meters.len() {
            self.with(PartId(index as u8), |meter, give| meter.settle(now, give));
        }
        let gave_out = self.store.as_mut().and_then(|store| store.follow(now));
        gave_out.filter(|_| self.powered)
    }

    /// As [`Self::catch_up`], and the ledger holds it all.
    pub fn integrate(&mut self, now: SimTime) -> Option<SimTime> {
        let gave_out = self.catch_up(now);
        for index in 0..self.meters.len() {
            self.with(PartId(index as u8), |meter, give| meter.release(give));
        }
        for (index, draws) in self.draws.iter_mut().enumerate() {
            for (state, (draw, stretches)) in draws.states.iter_mut().enumerate() {
                let entry = (PartId(index as u8), StateId(state as u8));
                let told = post(&mut self.ledger, entry, draw, stretches.iter_mut(), self.conversion);
                self.converted += told;
            }
        }
        gave_out
    }

    /// What would be at `until`, which is not before what has been settled, if nothing more were told.
    pub fn forecast(&self, until: SimTime) -> Forecast {
        let (mut store, mut drawn, mut current) = (self.store.clone(), self.drawn(), Current::ZERO);
        for (meter, draws) in self.meters.iter().zip(&self.draws) {
            let (mut meter, mut taken) = (meter.clone(), draws.taken);
            meter.settle(until, &mut |passed| {
                let draw = &draws.states[usize::from(passed.state.0)].0;
                drawn += draw.energy(passed.until - passed.from);
                if let Some(store) = store.as_mut().filter(|_| passed.from < passed.until) {
                    store.take(passed.from, &mut taken, draw.taken);
                }
            });
            current = current + draws.states[usize::from(meter.state_at(until).0)].0.taken;
        }
        let gives_out = store.as_mut().and_then(|store| store.follow(until)).filter(|_| self.powered);
        Forecast { gives_out, drawn, battery: store.map(|store| store.battery), current }
    }

    /// What was drawn so far, recomputed from the times of the states.
    pub fn drawn(&self) -> Energy {
        let mut energy = Energy::ZERO;
        for (meter, draws) in self.meters.iter().zip(&self.draws) {
            for (index, (draw, _)) in draws.states.iter().enumerate() {
                let time = meter.time(StateId(index as u8));
                energy += draw.energy(time);
            }
        }
        energy
    }

    /// The most that all parts together can take from the source.
    pub fn highest_current(&self) -> Current {
        self.draws.iter().filter_map(|draws| draws.states.iter().map(|(draw, _)| draw.taken).max()).sum()
    }

    /// Whether something charges the battery.
    pub fn is_charged(&self) -> bool {
        self.store.as_ref().is_some_and(Store::is_charged)
    }

    /// Takes the supply away from all parts, or gives it back: they rest then.
    pub fn set_powered(&mut self, now: SimTime, powered: bool) {
        for index in 0..self.meters.len() {
            let part = PartId(index as u8);
            // What a battery loses without any load it loses in any case.
            if matches!(self.spec(part).kind, PartKind::Battery) || self.powered == powered {
                continue;
            }
            let (rest, purposes) = (self.spec(part).rest, self.meters[index].purposes());
            self.with(part, |meter, give| {
                meter.cut(now, give);
                let (state, key) =
                    if powered { (rest, purposes.rest) } else { (StateId::UNPOWERED, purposes.unpowered) };
                meter.enter(now, state, key, give);
            });
        }
        self.powered = powered;
    }

    /// What all parts take from the source at `now`, as far as is known.
    pub fn current_at(&self, now: SimTime) -> Current {
        let taken =
            |(meter, draws): (&Meter<K>, &Draws<K>)| draws.states[usize::from(meter.state_at(now).0)].0.taken;
        self.meters.iter().zip(&self.draws).map(taken).sum()
    }

    /// What a full battery would live on: the mean current taken so far, at typical or at maximum currents.
    pub fn mean_current(&self, maximum: bool) -> Current {
        let mut charge = 0_u128;
        for (meter, draws) in self.meters.iter().zip(&self.draws) {
            for (index, (draw, _)) in draws.states.iter().enumerate() {
                let taken =
                    match maximum && !matches!(meter.spec.kind, PartKind::Battery | PartKind::Regulator) {
                        true => self.supply.taken(meter.spec.states[index].maximum),
                        false => draw.taken,
                    };
                charge += taken.charge(meter.time(StateId(index as u8))).as_attocoulombs();
            }
        }
        let time = self.meters.first().map_or(0, |meter| meter.total().as_nanos());
        let mean = charge.checked_div(u128::from(time)).unwrap_or(0);
        Current::from_nanoamps(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// Holds the account of a run that ended at `end` against itself; call it when everything is settled.
    ///
    /// # Panics
    /// If the times of a part's states do not add up to the run, or the ledger is not the draw recomputed from the
    /// times of the states, or not what the battery gave: one of them would be wrong then.
    pub fn check(&self, end: SimTime) {
        for meter in &self.meters {
            assert_eq!(meter.total().as_nanos(), end.as_nanos(), "{}: states fill the run", meter.spec.name);
        }
        assert_eq!(self.ledger.total(), self.drawn(), "the ledger holds what the states drew");
        if let Some(battery) = self.battery() {
            let given = battery.drawn().energy(self.supply.source);
            assert_eq!(self.ledger.total(), given, "the battery gave what the ledger holds");
        }
    }

    /// The part and state that conversion losses stand under, if a regulator loses anything.
    pub fn converted(&self) -> Energy {
        self.converted
    }

    /// Whether an entry's key is that of conversion.
    pub fn is_conversion(&self, key: K) -> bool {
        key == self.conversion
    }

    fn with<T>(&mut self, part: PartId, act: impl FnOnce(&mut Meter<K>, Give<'_, K>) -> T) -> T {
        let index = usize::from(part.0);
        let Self { meters, draws, ledger, store, conversion, converted, .. } = self;
        let Draws { states, taken } = &mut draws[index];
        let mut give = |passed: Passed<'_, K>| {
            let Passed { from, until, state, charged, shares } = passed;
            let (draw, stretches) = &mut states[usize::from(state.0)];
            if charged > SimDuration::ZERO {
                stretches.note(charged, shares, |others| {
                    *converted += post(ledger, (part, state), draw, others, *conversion);
                });
            }
            if let Some(store) = store.as_mut().filter(|_| from < until) {
                store.take(from, taken, draw.taken);
            }
        };
        act(&mut meters[index], &mut give)
    }
}

impl Draw {
    /// What is drawn in `time`, conversion included.
    fn energy(&self, time: SimDuration) -> Energy {
        let mut energy = self.current.energy(self.voltage, time);
        energy += self.lost(time);
        energy
    }

    /// What conversion loses in `time`.
    fn lost(&self, time: SimDuration) -> Energy {
        Energy::from_zeptojoules(u128::from(self.lost) * u128::from(time.as_nanos()))
    }
}

/// Tells the ledger of stretches in a state; returns what conversion lost.
fn post<'a, K: Copy + Hash + Ord + 'a>(
    ledger: &mut Ledger<K>,
    (part, state): (PartId, StateId),
    draw: &Draw,
    stretches: impl Iterator<Item = &'a mut Repeated<K>>,
    conversion: K,
) -> Energy {
    let mut all = SimDuration::ZERO;
    for repeated in stretches {
        all += repeated.end(|key, time| {
            ledger.charge(part, state, key, time, draw.current.energy(draw.voltage, time));
        });
    }
    let energy = draw.lost(all);
    if energy > Energy::ZERO {
        ledger.charge(part, state, conversion, SimDuration::ZERO, energy);
    }
    energy
}

fn draws<K: Copy + Hash + Ord>(spec: &PartSpec, supply: &Supply) -> Draws<K> {
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

#[cfg(test)]
mod tests;
