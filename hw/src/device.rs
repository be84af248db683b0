//! A node's hardware: its parts, its supply, and the account of both.

use std::sync::Arc;

use sim_core::electric::{Current, Energy, Voltage};
use sim_core::{SimDuration, SimTime};

use crate::battery::Battery;
use crate::harvester::Harvester;
use crate::ledger::{Ledger, split};
use crate::meter::Meter;
use crate::part::{PartId, PartKind, PartSpec, StateId};

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
#[derive(Clone, Copy, Debug)]
struct Draw {
    current: Current,
    voltage: Voltage,
    /// From the source.
    taken: Current,
    /// What conversion loses, in zJ for each ns.
    lost: u64,
}

/// A node's hardware.
#[derive(Debug)]
pub struct Device<K> {
    meters: Vec<Meter<K>>,
    draws: Vec<Vec<Draw>>,
    supply: Supply,
    ledger: Ledger<K>,
    conversion: K,
    converted: Energy,
    battery: Option<Battery>,
    harvester: Option<Harvester>,
    /// Changes of the current taken from the source, not yet integrated.
    changes: Vec<(SimTime, i64)>,
    integrated: SimTime,
    powered: bool,
}

impl<K: Copy + Ord> Device<K> {
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
            battery,
            harvester,
            changes: Vec::new(),
            integrated: SimTime::ZERO,
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

    /// The ledger, as far as it has been settled.
    pub fn ledger(&self) -> &Ledger<K> {
        &self.ledger
    }

    /// The battery, as far as it has been settled.
    pub fn battery(&self) -> Option<&Battery> {
        self.battery.as_ref()
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
        self.changes.len()
    }

    /// The longest way from one state of a part to another: so far back an activity that is told of now may begin.
    pub fn longest_way(&self) -> SimDuration {
        let ways = self.meters.iter().flat_map(|meter| &meter.spec.transitions);
        ways.map(|way| way.time).max().unwrap_or(SimDuration::ZERO)
    }

    /// Charges everything that has passed by `now`.
    pub fn settle(&mut self, now: SimTime) {
        for index in 0..self.meters.len() {
            self.with(PartId(index as u8), |meter, give| meter.settle(now, give));
        }
    }

    /// Settles, and lets the battery follow; says when it gave out since the last call, if it did.
    pub fn integrate(&mut self, now: SimTime) -> Option<SimTime> {
        self.settle(now);
        let mut changes = std::mem::take(&mut self.changes);
        changes.sort_unstable();
        let mut load: i64 = 0;
        let mut gave_out = None;
        for &(time, change) in &changes {
            let until = time.min(now);
            gave_out = gave_out.or(self.feed(load, until));
            load += change;
        }
        gave_out = gave_out.or(self.feed(load, now));
        changes.clear();
        self.changes = changes;
        gave_out.filter(|_| self.powered)
    }

    fn feed(&mut self, load: i64, until: SimTime) -> Option<SimTime> {
        let battery = self.battery.as_mut()?;
        let load = Current::from_nanoamps(u64::try_from(load).unwrap_or(0));
        let mut gave_out = None;
        while self.integrated < until {
            let (power, changes) = match &self.harvester {
                Some(harvester) => harvester.power_at(self.integrated),
                None => (sim_core::electric::Power::ZERO, SimTime::MAX),
            };
            let end = changes.min(until);
            let harvest = power.current_at(battery.spec().nominal);
            let offset = battery.step(load, harvest, end - self.integrated);
            gave_out = gave_out.or(offset.map(|offset| self.integrated + offset));
            self.integrated = end;
        }
        gave_out
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
        let taken = |(meter, draws): (&Meter<K>, &Vec<Draw>)| draws[usize::from(meter.state_at(now).0)].taken;
        self.meters.iter().zip(&self.draws).map(taken).sum()
    }

    /// What a full battery would live on: the mean current taken so far, at typical or at maximum currents.
    pub fn mean_current(&self, maximum: bool) -> Current {
        let mut charge = 0_u128;
        for (meter, draws) in self.meters.iter().zip(&self.draws) {
            for (index, draw) in draws.iter().enumerate() {
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
        let mut recomputed = Energy::ZERO;
        for (meter, draws) in self.meters.iter().zip(&self.draws) {
            assert_eq!(meter.total().as_nanos(), end.as_nanos(), "{}: states fill the run", meter.spec.name);
            for (index, draw) in draws.iter().enumerate() {
                let time = meter.time(StateId(index as u8));
                recomputed += draw.current.energy(draw.voltage, time);
                recomputed += lost(draw, time);
            }
        }
        assert_eq!(self.ledger.total(), recomputed, "the ledger holds what the states drew");
        if let Some(battery) = &self.battery {
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

    fn with<T>(
        &mut self,
        part: PartId,
        act: impl FnOnce(&mut Meter<K>, &mut dyn FnMut(SimTime, SimTime, StateId, &[(K, u32)])) -> T,
    ) -> T {
        let index = usize::from(part.0);
        let Self { meters, draws, ledger, changes, battery, conversion, converted, .. } = self;
        let draws = &draws[index];
        let has_battery = battery.is_some();
        let mut give = |from: SimTime, until: SimTime, state: StateId, shares: &[(K, u32)]| {
            let draw = draws[usize::from(state.0)];
            split(until - from, shares, |key, time| {
                ledger.charge(part, state, key, time, draw.current.energy(draw.voltage, time));
            });
            if draw.lost > 0 {
                let energy = lost(&draw, until - from);
                *converted += energy;
                ledger.charge(part, state, *conversion, SimDuration::ZERO, energy);
            }
            let taken = draw.taken.as_nanoamps() as i64;
            if has_battery && taken > 0 {
                changes.push((from, taken));
                changes.push((until, -taken));
            }
        };
        act(&mut meters[index], &mut give)
    }
}

fn lost(draw: &Draw, time: SimDuration) -> Energy {
    Energy::from_zeptojoules(u128::from(draw.lost) * u128::from(time.as_nanos()))
}

fn draws(spec: &PartSpec, supply: &Supply) -> Vec<Draw> {
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
    spec.states.iter().map(|state| of(state.typical)).collect()
}

#[cfg(test)]
mod tests;
