//! A battery with what charges it, and the line of its load over time as far as it has not followed it.

use sim_core::electric::{Current, Power};
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
}

impl Store {
    pub(super) fn new(battery: Battery, harvester: Option<Harvester>) -> Self {
        Self { battery, harvester, changes: Vec::new(), load: 0, followed: SimTime::ZERO }
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
