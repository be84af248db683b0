//! The time line of one part: which state it was in from when to when, and for what.

use std::sync::Arc;

use sim_core::{SimDuration, SimTime};

use crate::device::{Activity, Purposes};
use crate::part::{PartSpec, StateId};
use crate::pending::{Interval, Pending};
use crate::repeated::Pattern;

/// Who is told of what has passed.
pub(crate) trait Tell {
    /// The part has been in `state` from `from` to `until`, which is later.
    fn passed(&mut self, from: SimTime, until: SimTime, state: StateId);

    /// So much time in `state` is to be charged, which has passed now or was held back before.
    fn charge(&mut self, state: StateId, time: SimDuration, pattern: Pattern);
}

/// The time line of one part.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    pub(crate) spec: Arc<PartSpec>,
    /// Everything before this time has been charged.
    settled: SimTime,
    /// When the last activity ended: the tail counts from there.
    tail_from: Option<SimTime>,
    state: StateId,
    purposes: Purposes<Pattern>,
    /// What the state that it rests in is for. Its time is charged when it is left: what it was for may be said then.
    pattern: Pattern,
    /// Up to when resting has been charged: what has passed since then and was not spent elsewhere was rest.
    booked: SimTime,
    elsewhere: Sums,
    intervals: Pending,
    /// By state, without the rest that has not been charged.
    sums: Vec<Sums>,
}

/// Time in one state so far.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    time: SimDuration,
    /// The same as a clock of 32,768 Hz counts it, which is read at each change.
    ticks: u64,
}

impl Sums {
    #[inline]
    fn add(&mut self, other: Self) {
        self.time += other.time;
        self.ticks += other.ticks;
    }
}

impl Meter {
    pub(crate) fn new(spec: Arc<PartSpec>, purposes: Purposes<Pattern>) -> Self {
        Self {
            settled: SimTime::ZERO,
            tail_from: None,
            state: spec.rest,
            purposes,
            pattern: purposes.rest,
            booked: SimTime::ZERO,
            elsewhere: Sums::default(),
            intervals: Pending::default(),
            sums: vec![Sums::default(); spec.states.len()],
            spec,
        }
    }

    /// Up to when it has been told.
    pub(crate) fn settled(&self) -> SimTime {
        self.settled
    }

    pub(crate) fn state(&self) -> StateId {
        self.state
    }

    pub(crate) fn time(&self, state: StateId) -> SimDuration {
        self.sums(state).time
    }

    pub(crate) fn ticks(&self, state: StateId) -> u64 {
        self.sums(state).ticks
    }

    fn sums(&self, state: StateId) -> Sums {
        let mut sums = self.sums[usize::from(state.0)];
        if state == self.state {
            sums.add(self.rest());
        }
        sums
    }

    /// Rest that has not been charged.
    fn rest(&self) -> Sums {
        Sums {
            time: self.settled - self.booked - self.elsewhere.time,
            ticks: tick(self.settled) - tick(self.booked) - self.elsewhere.ticks,
        }
    }

    pub(crate) fn purposes(&self) -> Purposes<Pattern> {
        self.purposes
    }

    /// Time in all states together.
    pub(crate) fn total(&self) -> SimDuration {
        self.sums.iter().map(|sums| sums.time).sum::<SimDuration>() + self.rest().time
    }

    /// Time in one state was time in another one, by the clock of 32,768 Hz as well.
    pub(crate) fn rename(&mut self, from: StateId, to: StateId, time: SimDuration) {
        let (from, to) = (usize::from(from.0), usize::from(to.0));
        let ticks = tick(SimTime::ZERO + time).min(self.sums[from].ticks);
        self.sums[from].time = self.sums[from].time.saturating_sub(time);
        self.sums[to].time += time;
        self.sums[from].ticks -= ticks;
        self.sums[to].ticks += ticks;
    }

    /// The state at `now`, which nothing later than that has been laid over.
    pub(crate) fn state_at(&self, now: SimTime) -> StateId {
        let over = self.intervals.iter().find(|interval| interval.from <= now && now < interval.until);
        let tail = || {
            let (state, time) = self.spec.tail?;
            self.tail_from.is_some_and(|end| now < end.saturating_add(time)).then_some(state)
        };
        over.map(|interval| interval.state).or_else(tail).unwrap_or(self.state)
    }

    /// From `now` on the part is in `state`, and what has passed since the last change stays with its key.
    ///
    /// Returns how long the way there takes: for so long it is in the state of the way.
    pub(crate) fn enter<G: Tell>(
        &mut self,
        now: SimTime,
        state: StateId,
        key: Pattern,
        give: &mut G,
    ) -> SimDuration {
        self.settle(now, give);
        self.charge_rest(give);
        let way = self.spec.transition(self.state, state);
        (self.state, self.tail_from) = (state, None);
        self.pattern = key;
        let Some(way) = way else { return SimDuration::ZERO };
        let (until, state, pattern) = (now + way.time, way.through, self.purposes.transition);
        self.intervals.insert(Interval {
            from: now,
            until,
            state,
            teller: u32::MAX,
            held: SimDuration::ZERO,
            pattern,
        });
        way.time
    }

    /// Says what the state that lasts now is for: its time since the last change is split by these shares.
    pub(crate) fn attribute(&mut self, pattern: Pattern) {
        self.pattern = pattern;
    }

    /// Lays an activity over the part's rest, after the way there if that takes time.
    #[inline]
    pub(crate) fn occupy<G: Tell>(
        &mut self,
        now: SimTime,
        activity: Activity,
        pattern: Pattern,
        give: &mut G,
    ) {
        let Activity { state, from, until, teller } = activity;
        let way = self.spec.transition(self.state, state);
        let begins = way.map_or(from, |way| from.saturating_sub(way.time));
        // What lies before this interval cannot change any more, unless another one waits before it.
        if self.intervals.first().is_none_or(|first| first.from < begins) {
            self.settle_to(begins.min(now), give);
        }
        // The way is spared while the part is still busy or lingers.
        let busy_until = self.intervals.last().map(|last| last.until).or(self.tail_from);
        let lingers = self.spec.tail.map_or(SimDuration::ZERO, |(_, time)| time);
        let rests = busy_until.is_none_or(|end| end.saturating_add(lingers) < begins);
        if let Some(way) = way.filter(|_| rests) {
            let (state, held, pattern) = (way.through, SimDuration::ZERO, self.purposes.transition);
            self.intervals.insert(Interval { from: begins, until: from, state, teller, held, pattern });
        }
        self.intervals.insert(Interval { from, until, state, teller, held: SimDuration::ZERO, pattern });
    }

    /// Forgets what was laid beyond `now`: the part was switched off.
    pub(crate) fn cut<G: Tell>(&mut self, now: SimTime, give: &mut G) {
        self.settle(now, give);
        self.release(give);
        self.intervals.clear();
        self.tail_from = None;
    }

    /// Forgets what `teller` told of and has not begun by `now`.
    pub(crate) fn withdraw<G: Tell>(&mut self, now: SimTime, teller: u32, give: &mut G) {
        self.settle(now, give);
        self.intervals.retain(|interval| interval.from <= now || interval.teller != teller);
    }

    /// Charges all that has passed by `now`.
    pub(crate) fn settle<G: Tell>(&mut self, now: SimTime, give: &mut G) {
        self.settle_to(now, give);
    }

    fn settle_to<G: Tell>(&mut self, now: SimTime, give: &mut G) {
        if now <= self.settled {
            return;
        }
        while let Some(first) = self.intervals.first_mut().filter(|first| first.from < now) {
            let Interval { state, pattern, held, .. } = *first;
            let begins = first.from.max(self.settled);
            let ends = first.until.min(now);
            let is_over = first.until <= now;
            if begins >= now && !is_over {
                // Another one went on until now: nothing of what is left of this one has passed yet.
                break;
            }
            if is_over {
                self.intervals.drop_first();
            } else {
                (first.held, first.from) = (held + (ends - begins), now);
            }
            if begins < ends {
                self.rest_until(begins, give);
                self.tail_from = Some(ends);
                self.pass(ends, state, give);
            }
            if !is_over {
                break;
            }
            charge(state, held + ends.saturating_since(begins), pattern, give);
        }
        self.rest_until(now, give);
    }

    /// Charges what was held back so far.
    pub(crate) fn release<G: Tell>(&mut self, give: &mut G) {
        self.charge_rest(give);
        for interval in self.intervals.iter_mut() {
            charge(interval.state, std::mem::take(&mut interval.held), interval.pattern, give);
        }
    }

    fn charge_rest<G: Tell>(&mut self, give: &mut G) {
        let rest = self.rest();
        self.sums[usize::from(self.state.0)].add(rest);
        (self.booked, self.elsewhere) = (self.settled, Sums::default());
        charge(self.state, rest.time, self.pattern, give);
    }

    /// The part rests until `end`: the first of it in the state that lingers, if there is one.
    #[inline]
    fn rest_until<G: Tell>(&mut self, end: SimTime, give: &mut G) {
        if end <= self.settled {
            return;
        }
        if let Some(((state, time), from)) = self.spec.tail.zip(self.tail_from) {
            let lingers_until = from.saturating_add(time).min(end);
            if self.state != StateId::UNPOWERED && lingers_until > self.settled {
                let lingered = lingers_until - self.settled;
                self.pass(lingers_until, state, give);
                charge(state, lingered, self.purposes.tail, give);
            }
        }
        if end > self.settled {
            let from = std::mem::replace(&mut self.settled, end);
            give.passed(from, end, self.state);
        }
    }

    /// The part is in another state than the one that it rests in, or in that one for something else.
    #[inline]
    fn pass<G: Tell>(&mut self, until: SimTime, state: StateId, give: &mut G) {
        let from = std::mem::replace(&mut self.settled, until);
        let passed = Sums { time: until - from, ticks: tick(until) - tick(from) };
        self.sums[usize::from(state.0)].add(passed);
        self.elsewhere.add(passed);
        give.passed(from, until, state);
    }
}

/// Charges time, if there is any.
#[inline]
fn charge<G: Tell>(state: StateId, time: SimDuration, pattern: Pattern, give: &mut G) {
    if time > SimDuration::ZERO {
        give.charge(state, time, pattern);
    }
}

/// What a clock of 32,768 Hz shows at a time.
#[inline]
fn tick(time: SimTime) -> u64 {
    // 32,768 / 10⁹ = 2⁶ / 5⁹.
    if let Some(product) = time.as_nanos().checked_mul(64) {
        return product / 1_953_125;
    }
    (u128::from(time.as_nanos()) * u128::from(TICKS_PER_SECOND) / 1_000_000_000) as u64
}

/// The clock crystal of most small devices.
pub const TICKS_PER_SECOND: u64 = 32_768;
