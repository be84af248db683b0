//! A node's hardware: its parts, its supply, and the account of both.

mod store;
mod supply;
mod teller;

use std::hash::Hash;
use std::sync::Arc;

use sim_core::electric::{Charge, Current, Energy};
use sim_core::{SimDuration, SimTime};

use crate::battery::Battery;
use crate::harvester::Harvester;
use crate::ledger::Ledger;
use crate::meter::Meter;
use crate::part::{PartId, PartKind, PartSpec, StateId};
use crate::repeated::{Pattern, Patterns};
use store::Store;
pub use supply::Supply;
use teller::{Draws, Foreteller, Teller, draws, post};

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

/// A node's hardware.
#[derive(Debug)]
pub struct Device<K> {
    meters: Vec<Meter>,
    draws: Vec<Draws>,
    patterns: Patterns<K>,
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
        let mut patterns = Patterns::new();
        let meters = parts.into_iter().map(|(spec, purposes)| {
            let mut number = |key: K| patterns.number(&[(key, 1)]);
            let Purposes { rest, tail, transition, unpowered } = purposes;
            let purposes = Purposes {
                rest: number(rest),
                tail: number(tail),
                transition: number(transition),
                unpowered: number(unpowered),
            };
            Meter::new(spec, purposes)
        });
        let meters: Vec<Meter> = meters.collect();
        let draws = meters.iter().map(|meter| draws(&meter.spec, &supply)).collect();
        Self {
            meters,
            draws,
            patterns,
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
        let pattern = self.patterns.number(&[(key, 1)]);
        self.enter_for(now, part, state, pattern)
    }

    /// As [`Self::enter`], for what [`Self::pattern`] has numbered.
    pub fn enter_for(&mut self, now: SimTime, part: PartId, state: StateId, pattern: Pattern) -> SimDuration {
        self.watch(now);
        self.with(part, |meter, give| meter.enter(now, state, pattern, give))
    }

    /// Says at the end of a state what it was for: the time since the last change is split by weights, the
    /// remainder to the first. A call of [`Self::enter`] follows.
    pub fn attribute(&mut self, part: PartId, shares: &[(K, u32)]) {
        let pattern = self.patterns.number(shares);
        self.meters[usize::from(part.0)].attribute(pattern);
    }

    /// Lays an activity over the state that `part` rests in, the way there in front of it.
    ///
    /// What it is for is split by the weights of `shares`, the remainder to the first. Activities may be
    /// told of ahead or afterwards. A part does one thing at a time: where two overlap, the one that began first goes
    /// on to its end.
    pub fn occupy(&mut self, now: SimTime, part: PartId, activity: Activity, shares: &[(K, u32)]) {
        if self.powered && activity.from < activity.until {
            self.watch(now);
            let pattern = self.patterns.number(shares);
            if self.meters[usize::from(part.0)].occupy(activity, pattern) {
                self.settle(now, part);
            }
        }
    }

    /// As [`Self::occupy`], for several activities, in the order in which they were told of. Most are for the same as one
    /// before, so `number` gives what they are for as [`Self::pattern`] would.
    #[inline]
    pub fn occupy_all<T>(
        &mut self,
        now: SimTime,
        part: PartId,
        activities: impl Iterator<Item = (Activity, T)>,
        mut number: impl FnMut(T, &mut dyn FnMut(&[(K, u32)]) -> Pattern) -> Pattern,
    ) {
        if !self.powered {
            return;
        }
        self.watch(now);
        let (meter, patterns) = (&mut self.meters[usize::from(part.0)], &mut self.patterns);
        let mut are_many = false;
        for (activity, what) in activities.filter(|(activity, _)| activity.from < activity.until) {
            let pattern = number(what, &mut |shares| patterns.number(shares));
            are_many = meter.occupy(activity, pattern);
        }
        if are_many {
            self.settle(now, part);
        }
    }

    /// Settles all parts as far as nothing that is told of later can change it, so that [`Self::forecast`] has little to
    /// play forward.
    pub fn advance(&mut self, now: SimTime) {
        for index in 0..self.meters.len() {
            self.settle(now, PartId(index as u8));
        }
    }

    /// Settles a part that much has been told of, but not so far that the way to what is told of later would be cut short.
    #[inline(never)]
    fn settle(&mut self, now: SimTime, part: PartId) {
        let longest = self.spec(part).longest_way();
        self.with(part, |meter, give| meter.settle(now.saturating_sub(longest), give));
    }

    /// The number of what something is for, weighted by these shares.
    pub fn pattern(&mut self, shares: &[(K, u32)]) -> Pattern {
        self.patterns.number(shares)
    }

    /// Forgets the activities of `part` that `teller` told of ahead and that have not begun by `now`: they will not
    /// take place.
    pub fn withdraw(&mut self, now: SimTime, part: PartId, teller: u32) {
        self.watch(now);
        self.with(part, |meter, give| meter.withdraw(now, teller, give));
    }

    /// How many changes of the load the battery has not yet been told of: [`Self::integrate`] now and then keeps them
    /// few.
    pub fn pending(&self) -> usize {
        self.store.as_ref().map_or(0, Store::pending)
    }

    /// The longest way from one state of a part to another: so far back an activity that is told of now may begin.
    pub fn longest_way(&self) -> SimDuration {
        self.meters.iter().map(|meter| meter.spec.longest_way()).max().unwrap_or(SimDuration::ZERO)
    }

    /// Charges everything that has passed by `now`, and lets the battery follow up to then, which may lie before what
    /// was settled; says when it gave out since the last call, if it did. The ledger may be told later.
    pub fn catch_up(&mut self, now: SimTime) -> Option<SimTime> {
        self.watch(now);
        for index in 0..self.meters.len() {
            self.with(PartId(index as u8), |meter, give| meter.settle(now, give));
        }
        if self.store.as_ref().is_some_and(Store::is_by_totals) {
            let (total, settled, highest) = (self.taken(), self.settled(), self.highest_current());
            self.store.as_mut().into_iter().for_each(|store| store.draw_total(total, settled, highest));
            return None;
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
                let (ledger, patterns) = (&mut self.ledger, &self.patterns);
                self.converted += post(ledger, entry, draw, stretches, patterns, self.conversion);
            }
        }
        self.ledger.order();
        gave_out
    }

    /// Time that was charged as `from` was `to` in truth: a state that draws the same. No more than there is.
    ///
    /// To be called when everything is settled: for what is cheaper to know in the end than each time.
    pub fn rename(&mut self, part: PartId, from: (StateId, K), to: (StateId, K), time: SimDuration) {
        let time = time.min(self.ledger.time(part, from.0, from.1));
        let draws = &self.draws[usize::from(part.0)].states;
        let (draw, other) = (draws[usize::from(from.0.0)].0, draws[usize::from(to.0.0)].0);
        if time == SimDuration::ZERO || draw != other {
            return;
        }
        self.ledger.rename(part, from, to, time, draw.current.energy(draw.voltage, time));
        let lost = draw.lost(time);
        if lost > Energy::ZERO {
            let conversion = self.conversion;
            self.ledger.rename(part, (from.0, conversion), (to.0, conversion), SimDuration::ZERO, lost);
        }
        self.meters[usize::from(part.0)].rename(from.0, to.0, time);
    }

    /// What would be at `until`, which is not before what has been settled, if nothing more were told.
    pub fn forecast(&self, until: SimTime) -> Forecast {
        let (mut store, mut drawn, mut current) = (self.store.clone(), self.drawn(), Current::ZERO);
        let by_totals = store.as_ref().is_some_and(Store::is_by_totals);
        if let Some(store) = store.as_mut().filter(|_| by_totals) {
            store.draw_total(self.taken(), self.settled(), self.highest_current());
            store.step_from(self.settled());
        }
        for (meter, draws) in self.meters.iter().zip(&self.draws) {
            let mut meter = meter.clone();
            let taken = if by_totals { 0 } else { draws.taken };
            let mut told = Foreteller { draws, taken, drawn: Energy::ZERO, store: store.as_mut() };
            meter.settle(until, &mut told);
            drawn += told.drawn;
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

    /// Whether there is a battery that is told of each change of the load, and not of what was drawn in all.
    pub fn follows_each_step(&self) -> bool {
        self.store.as_ref().is_some_and(|store| !store.is_by_totals())
    }

    /// Takes the supply away from all parts, or gives it back: they rest then.
    pub fn set_powered(&mut self, now: SimTime, powered: bool) {
        self.watch(now);
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
            |(meter, draws): (&Meter, &Draws)| draws.states[usize::from(meter.state_at(now).0)].0.taken;
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

    #[inline]
    fn with<T>(&mut self, part: PartId, act: impl FnOnce(&mut Meter, &mut Teller<'_, K>) -> T) -> T {
        let Self { meters, draws, store, patterns, .. } = self;
        let index = usize::from(part.0);
        let store = store.as_mut().filter(|store| !store.is_by_totals());
        act(&mut meters[index], &mut Teller { draws: &mut draws[index], store, patterns })
    }

    /// A battery that has been followed by totals is followed step by step from now on, if it might give out by `now`.
    #[inline]
    fn watch(&mut self, now: SimTime) {
        if self.store.as_ref().is_some_and(|store| store.is_by_totals() && now > store.safe_until()) {
            self.look_ahead(now);
        }
    }

    #[cold]
    fn look_ahead(&mut self, now: SimTime) {
        let (total, settled, highest) = (self.taken(), self.settled(), self.highest_current());
        let Some(store) = &mut self.store else { return };
        store.draw_total(total, settled, highest);
        if now > store.safe_until() {
            store.step_from(settled);
            self.draws.iter_mut().for_each(|draws| draws.taken = 0);
        }
    }

    /// Up to when all parts have been told of.
    fn settled(&self) -> SimTime {
        self.meters.iter().map(Meter::settled).min().unwrap_or(SimTime::ZERO)
    }

    /// What was taken from the source so far.
    fn taken(&self) -> Charge {
        let parts = self.meters.iter().zip(&self.draws);
        let taken = parts.flat_map(|(meter, draws)| {
            let states = draws.states.iter().zip(0..);
            states.map(|((draw, _), state)| draw.taken.charge(meter.time(StateId(state))))
        });
        taken.fold(Charge::ZERO, |sum, charge| sum + charge)
    }
}

#[cfg(test)]
mod tests;
