//! The time line of one part: which state it was in from when to when, and for what.

use std::sync::Arc;

use sim_core::{SimDuration, SimTime};

use crate::device::{Activity, Purposes};
use crate::part::{PartSpec, StateId};
use crate::pending::{Pending, Stretch};
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
    /// What a clock of 32,768 Hz shows then.
    settled_tick: u64,
    /// When the last activity ended: the tail counts from there.
    tail_from: Option<SimTime>,
    state: StateId,
    purposes: Purposes<Pattern>,
    /// What the state that it rests in is for. Its time is charged when it is left: what it was for may be said then.
    pattern: Pattern,
    /// Up to when resting has been charged: what has passed since then and was not spent elsewhere was rest.
    booked: SimTime,
    elsewhere: Sums,
    /// What it is doing, as far as it has been told.
    ongoing: Option<Ongoing>,
    /// What it will do, or has done since.
    pending: Pending,
    /// By state, without the rest that has not been charged.
    sums: Vec<Sums>,
}

/// A stretch of time that has begun and not ended.
#[derive(Clone, Copy, Debug)]
struct Ongoing {
    until: SimTime,
    state: StateId,
    pattern: Pattern,
    /// What has passed of it and has not been charged: a stretch is split by its shares as a whole, whenever somebody
    /// looked at it in between.
    held: SimDuration,
}

/// The way to a stretch.
#[derive(Clone, Copy, Debug)]
struct Way {
    begins: SimTime,
    through: StateId,
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
            settled_tick: 0,
            tail_from: None,
            state: spec.rest,
            purposes,
            pattern: purposes.rest,
            booked: SimTime::ZERO,
            elsewhere: Sums::default(),
            ongoing: None,
            pending: Pending::default(),
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
            ticks: self.settled_tick - tick(self.booked) - self.elsewhere.ticks,
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

    /// The state at `now`, up to which it has been settled.
    pub(crate) fn state_at(&self, now: SimTime) -> StateId {
        if let Some(ongoing) = self.ongoing.filter(|ongoing| now < ongoing.until) {
            return ongoing.state;
        }
        if let Some(first) = self.pending.first_beyond(now) {
            let way = self.way_before(first).filter(|way| way.begins <= now && self.rests_at(way.begins));
            if first.from <= now {
                return first.state;
            } else if let Some(way) = way {
                return way.through;
            }
        }
        let tail = || {
            let (state, time) = self.spec.tail?;
            self.tail_from.is_some_and(|end| now < end.saturating_add(time)).then_some(state)
        };
        tail().unwrap_or(self.state)
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
        let way = self.spec.transition(self.state, state).copied();
        (self.state, self.tail_from) = (state, None);
        self.pattern = key;
        let Some(way) = way else { return SimDuration::ZERO };
        let (until, state, pattern) = (now + way.time, way.through, self.purposes.transition);
        self.pending.push(Stretch { from: now, until, pattern, teller: u32::MAX, state, is_ready: true });
        way.time
    }

    /// Says what the state that lasts now is for: its time since the last change is split by these shares.
    pub(crate) fn attribute(&mut self, pattern: Pattern) {
        self.pattern = pattern;
    }

    /// Lays an activity over the part's rest, after the way there if that takes time; says whether so much has been told
    /// of that it ought to be settled.
    #[inline]
    pub(crate) fn occupy(&mut self, activity: Activity, pattern: Pattern) -> bool {
        let Activity { state, from, until, teller } = activity;
        self.pending.push(Stretch { from, until, pattern, teller, state, is_ready: false })
    }

    /// Forgets what was laid beyond `now`: the part was switched off.
    pub(crate) fn cut<G: Tell>(&mut self, now: SimTime, give: &mut G) {
        self.settle(now, give);
        self.release(give);
        self.pending.clear();
        (self.ongoing, self.tail_from) = (None, None);
    }

    /// Forgets what `teller` told of and has not begun by `now`.
    pub(crate) fn withdraw<G: Tell>(&mut self, now: SimTime, teller: u32, give: &mut G) {
        self.settle(now, give);
        self.pending.retain(|stretch| stretch.from <= now || stretch.teller != teller);
    }

    /// Charges all that has passed by `now`.
    pub(crate) fn settle<G: Tell>(&mut self, now: SimTime, give: &mut G) {
        if now <= self.settled {
            return;
        }
        self.go_on(now, give);
        self.pending.order();
        let mut begun = 0;
        while self.settled < now {
            let Some(&stretch) = self.pending.get(begun) else { break };
            if !self.begin(stretch, begun, now, give) {
                break;
            }
            begun += 1;
        }
        self.pending.drop_first(begun);
        self.rest_until(now, give);
    }

    /// What has begun goes on, until `now` at most.
    fn go_on<G: Tell>(&mut self, now: SimTime, give: &mut G) {
        let Some(Ongoing { until, state, pattern, held }) = self.ongoing else { return };
        let ends = until.min(now);
        let held = held + ends.saturating_since(self.settled);
        self.spend(self.settled, ends, state, give);
        self.ongoing = (until > now).then_some(Ongoing { until, state, pattern, held });
        if until <= now {
            charge(state, held, pattern, give);
        }
    }

    /// Begins the first stretch that is pending, and the way there, if they begin before `now`: the part has done all
    /// that came before. Says whether the stretch itself has begun.
    #[inline]
    fn begin<G: Tell>(&mut self, stretch: Stretch, place: usize, now: SimTime, give: &mut G) -> bool {
        let Stretch { from, until, state, pattern, .. } = stretch;
        if let Some(way) = self.way_before(&stretch)
            && way.begins < now
            && self.rests_at(way.begins)
        {
            let (begins, ends) = (way.begins.max(self.settled), from.min(now));
            self.spend(begins, ends, way.through, give);
            charge(way.through, ends.saturating_since(begins), self.purposes.transition, give);
            if from > now {
                let (state, pattern) = (way.through, self.purposes.transition);
                self.ongoing = Some(Ongoing { until: from, state, pattern, held: SimDuration::ZERO });
                self.pending.set_ready(place);
            }
        }
        // Where another one has gone on until now, nothing of this one has passed yet.
        let (begins, ends) = (from.max(self.settled), until.min(now));
        if begins >= now {
            return false;
        }
        self.spend(begins, ends, state, give);
        let held = ends.saturating_since(begins);
        if until > now {
            self.ongoing = Some(Ongoing { until, state, pattern, held });
        } else {
            charge(state, held, pattern, give);
        }
        true
    }

    /// The way to what is pending, if there is one.
    #[inline]
    fn way_before(&self, stretch: &Stretch) -> Option<Way> {
        if stretch.is_ready {
            return None;
        }
        let way = self.spec.transition(self.state, stretch.state)?;
        Some(Way { begins: stretch.from.saturating_sub(way.time), through: way.through })
    }

    /// Whether the part neither does anything nor lingers, at a time before which it has been told of all: if it does, the
    /// way to its next activity is spared.
    #[inline]
    fn rests_at(&self, time: SimTime) -> bool {
        let lingers = self.spec.tail.map_or(SimDuration::ZERO, |(_, time)| time);
        self.tail_from.is_none_or(|end| end.saturating_add(lingers) < time)
    }

    /// The part rests until a stretch begins, and is in its state until it ends.
    #[inline(always)]
    fn spend<G: Tell>(&mut self, begins: SimTime, ends: SimTime, state: StateId, give: &mut G) {
        if begins < ends {
            self.rest_until(begins, give);
            self.tail_from = Some(ends);
            self.pass(ends, state, give);
        }
    }

    /// Charges what was held back so far.
    pub(crate) fn release<G: Tell>(&mut self, give: &mut G) {
        self.charge_rest(give);
        if let Some(Ongoing { state, pattern, held, .. }) = &mut self.ongoing {
            charge(*state, std::mem::take(held), *pattern, give);
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
            self.settled_tick = tick(end);
            give.passed(from, end, self.state);
        }
    }

    /// The part is in another state than the one that it rests in, or in that one for something else.
    #[inline(always)]
    fn pass<G: Tell>(&mut self, until: SimTime, state: StateId, give: &mut G) {
        let from = std::mem::replace(&mut self.settled, until);
        let from_tick = std::mem::replace(&mut self.settled_tick, tick(until));
        let passed = Sums { time: until - from, ticks: self.settled_tick - from_tick };
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
