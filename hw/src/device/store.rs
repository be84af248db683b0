//! A battery with what charges it, and the line of its load over time as far as it has not followed it.

use sim_core::electric::{Charge, Current, Power};
use sim_core::{SimDuration, SimTime};

use crate::battery::Battery;
use crate::harvester::Harvester;

/// What a node lives on.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) battery: Battery,
    harvester: Option<Harvester>,
    /// Changes of the load that are yet to follow, in nA.
    changes: Vec<(SimTime, i64)>,
    /// The load as far as the battery has followed, in nA.
    load: i64,
    followed: SimTime,
    /// Until when the battery lasts at the highest current, if nothing but what was drawn in all matters to it: until then
    /// it is not told of each change.
    safe_until: Option<SimTime>,
}

impl Store {
    pub(super) fn new(battery: Battery, harvester: Option<Harvester>) -> Self {
        let safe_until = (battery.only_counts() && harvester.is_none()).then_some(SimTime::ZERO);
        Self { battery, harvester, changes: Vec::new(), load: 0, followed: SimTime::ZERO, safe_until }
    }

    /// Whether it is told of what was drawn in all, and not of each change.
    #[inline]
    pub(super) fn is_by_totals(&self) -> bool {
        self.safe_until.is_some()
    }

    /// Until when it certainly lasts, as long as it is told of totals.
    #[inline]
    pub(super) fn safe_until(&self) -> SimTime {
        self.safe_until.unwrap_or(SimTime::ZERO)
    }

    /// So much was drawn in all, by every part up to `settled` at least; none takes more than its share of `highest`.
    pub(super) fn draw_total(&mut self, total: Charge, settled: SimTime, highest: Current) {
        let left = self.battery.draw(total.saturating_sub(self.battery.drawn()));
        let lasts = left.as_attocoulombs() / u128::from(highest.as_nanoamps().max(1));
        let lasts = u64::try_from(lasts).unwrap_or(u64::MAX).saturating_sub(1);
        self.safe_until = Some(settled.saturating_add(SimDuration::from_nanos(lasts)));
    }

    /// From now on it is told of each change; what every part takes from the time on up to which it was told is told anew.
    pub(super) fn step_from(&mut self, settled: SimTime) {
        (self.safe_until, self.load, self.followed) = (None, 0, settled);
    }

    /// A part that took `before` from the source takes `now` from a time on.
    #[inline]
    pub(super) fn take(&mut self, from: SimTime, before: &mut i64, now: Current) {
        let now = now.as_nanoamps() as i64;
        if now != *before {
            self.changes.push((from, now - *before));
            *before = now;
        }
    }

    /// How many changes are yet to follow.
    pub(super) fn pending(&self) -> usize {
        self.changes.len()
    }

    /// Whether something charges the battery.
    pub(super) fn is_charged(&self) -> bool {
        self.harvester.is_some() && self.battery.spec().rechargeable
    }

    /// The battery follows its load up to `now`; says when it gave out on the way, if it did.
    pub(super) fn follow(&mut self, now: SimTime) -> Option<SimTime> {
        let mut changes = std::mem::take(&mut self.changes);
        // Each part's changes are in order already.
        changes.sort();
        // A part may have been settled beyond `now`: what it takes then waits for the next time.
        let due = changes.partition_point(|&(time, _)| time <= now);
        let gave_out = match self.drain(&changes[..due], now) {
            true => None,
            false => self.feed_all(&changes[..due], now),
        };
        self.load += changes.drain(..due).map(|(_, change)| change).sum::<i64>();
        self.changes = changes;
        gave_out
    }

    /// Follows all changes at once, if nothing but the load decides when the battery gives out and it has not.
    fn drain(&mut self, changes: &[(SimTime, i64)], now: SimTime) -> bool {
        if self.harvester.is_some() || !self.battery.only_tires() {
            return false;
        }
        let (mut load, mut from) = (self.load, self.followed);
        let steps = changes.iter().copied().chain([(now, 0)]).filter_map(|(until, change)| {
            let step = (current(load), until.saturating_since(from));
            load += change;
            from = from.max(until);
            (step.1 > SimDuration::ZERO).then_some(step)
        });
        let lasts = self.battery.drain(steps);
        if lasts {
            self.followed = self.followed.max(now);
        }
        lasts
    }

    fn feed_all(&mut self, changes: &[(SimTime, i64)], now: SimTime) -> Option<SimTime> {
        let (mut load, mut gave_out) = (self.load, None);
        for &(time, change) in changes {
            gave_out = gave_out.or(self.feed(current(load), time));
            load += change;
        }
        gave_out.or(self.feed(current(load), now))
    }

    fn feed(&mut self, load: Current, until: SimTime) -> Option<SimTime> {
        let mut gave_out = None;
        while self.followed < until {
            let (power, changes) = match &self.harvester {
                Some(harvester) => harvester.power_at(self.followed),
                None => (Power::ZERO, SimTime::MAX),
            };
            let end = changes.min(until);
            let harvest = power.current_at(self.battery.spec().nominal);
            let offset = self.battery.step(load, harvest, end - self.followed);
            gave_out = gave_out.or(offset.map(|offset| self.followed + offset));
            self.followed = end;
        }
        gave_out
    }
}

/// A sum of currents in nA, which cannot be below zero.
fn current(load: i64) -> Current {
    Current::from_nanoamps(u64::try_from(load).unwrap_or(0))
}
