//! What applications ask to be carried: when, and how much.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use sim_core::random::Streams;
use sim_core::time::OptionalTime;
use sim_core::{SimDuration, SimTime, draw};

use crate::purpose;

/// A length of time that may be random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Span {
    /// Always the same.
    Constant(SimDuration),
    /// Evenly spread between two bounds.
    Uniform(SimDuration, SimDuration),
    /// Exponential with this mean.
    Exponential(SimDuration),
}

impl Span {
    /// Draws one length.
    pub fn draw(self, rng: &mut ChaCha8Rng) -> SimDuration {
        match self {
            Self::Constant(span) => span,
            Self::Uniform(low, high) => {
                let width = high.saturating_sub(low).as_nanos();
                low + SimDuration::from_nanos(draw::below(rng, width.saturating_add(1)))
            }
            Self::Exponential(mean) => draw::exponential_duration(rng, mean),
        }
    }
}

/// The size of a message, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// Always the same.
    Constant(u32),
    /// Evenly spread between two bounds, both included.
    Uniform(u32, u32),
    /// Pareto with this least size and shape, cut off at the largest.
    Pareto {
        /// Least size.
        min: u32,
        /// Shape; the smaller, the heavier the tail.
        shape: f64,
        /// Largest size.
        max: u32,
    },
}

impl Size {
    /// Draws one size.
    pub fn draw(self, rng: &mut ChaCha8Rng) -> u32 {
        match self {
            Self::Constant(size) => size,
            Self::Uniform(low, high) => {
                let width = u64::from(high.saturating_sub(low)) + 1;
                low + draw::below(rng, width) as u32
            }
            Self::Pareto { min, shape, max } => {
                let size = f64::from(min) * draw::pareto(rng, shape);
                if size >= f64::from(max) { max } else { size as u32 }
            }
        }
    }

    /// The largest size that can come up.
    pub fn max(self) -> u32 {
        match self {
            Self::Constant(size) | Self::Uniform(_, size) | Self::Pareto { max: size, .. } => size,
        }
    }
}

/// When messages are generated.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrival {
    /// One each period, up to `jitter` later than its time.
    Periodic {
        /// The period.
        every: SimDuration,
        /// The largest extra delay of a message; the next ones' times do not move.
        jitter: SimDuration,
    },
    /// Each so long after the answer to the one before.
    AfterAnswer(Span),
    /// Independently of each other, with this mean distance (a Poisson process).
    Poisson(SimDuration),
    /// One each period while on, none while off.
    OnOff {
        /// Distance of messages while on.
        every: SimDuration,
        /// Length of a burst.
        on: Span,
        /// Length of a pause.
        off: Span,
    },
    /// At stated times with stated sizes.
    Trace(Arc<[(SimTime, u32)]>),
}

/// When the first message comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// At this time.
    At(SimTime),
    /// Evenly spread from this time over this span.
    Uniform(SimTime, SimDuration),
}

impl Start {
    /// The start of the flow called `name`.
    pub fn draw(self, streams: &Streams, name: &str) -> SimTime {
        match self {
            Self::At(time) => time,
            Self::Uniform(from, span) => {
                let mut rng = streams.stream(name, purpose::START);
                from + SimDuration::from_nanos(draw::below(&mut rng, span.as_nanos().max(1)))
            }
        }
    }
}

/// A workload of messages: when, how large, how many.
#[derive(Clone, Debug, PartialEq)]
pub struct MessagePlan {
    /// When they are generated.
    pub arrival: Arrival,
    /// How large they are (a trace has its own sizes).
    pub size: Size,
    /// When the first one comes.
    pub start: Start,
    /// No message is generated at or after this time.
    pub stop: SimTime,
    /// At most so many.
    pub count: Option<u32>,
}

/// The messages of one flow, one after the other.
#[derive(Clone, Debug)]
pub struct MessageClock {
    plan: Arc<MessagePlan>,
    next: OptionalTime,
    /// What a plan that leaves nothing to chance does without.
    chance: Option<Box<Chance>>,
    generated: u32,
}

/// Where times or sizes are drawn from.
#[derive(Clone, Debug)]
struct Chance {
    arrivals: Option<ChaCha8Rng>,
    sizes: Option<ChaCha8Rng>,
    /// The time that jitter is added to.
    due: SimTime,
    burst_end: SimTime,
}

impl MessageClock {
    /// The messages of the flow called `name`.
    pub fn new(plan: impl Into<Arc<MessagePlan>>, streams: &Streams, name: &str) -> Self {
        let plan = plan.into();
        let random_size =
            !matches!(plan.size, Size::Constant(_)) && !matches!(plan.arrival, Arrival::Trace(_));
        let random_arrival = match plan.arrival {
            Arrival::Poisson(_) | Arrival::OnOff { .. } | Arrival::AfterAnswer(_) => true,
            Arrival::Periodic { jitter, .. } => !jitter.is_zero(),
            Arrival::Trace(_) => false,
        };
        let start = plan.start.draw(streams, name);
        let chance = (random_arrival || random_size).then(|| {
            Box::new(Chance {
                arrivals: random_arrival.then(|| streams.stream(name, purpose::ARRIVAL)),
                sizes: random_size.then(|| streams.stream(name, purpose::SIZE)),
                due: start,
                burst_end: SimTime::MAX,
            })
        });
        let mut clock = Self { plan, next: OptionalTime::NONE, chance, generated: 0 };
        clock.next = clock.begin(start).into();
        clock
    }

    /// When the next message is generated, if there is one.
    pub fn next_at(&self) -> Option<SimTime> {
        let allowed = self.plan.count.is_none_or(|count| self.generated < count);
        self.next.get().filter(|&next| allowed && next < self.plan.stop)
    }

    /// Generates the message due at [`Self::next_at`]: its number and its size.
    pub fn generate(&mut self) -> Option<(u32, u32)> {
        let at = self.next_at()?;
        let number = self.generated;
        self.generated += 1;
        let sizes = self.chance.as_mut().and_then(|chance| chance.sizes.as_mut());
        let size = match (&self.plan.arrival, sizes) {
            (Arrival::Trace(entries), _) => entries.get(number as usize).map_or(0, |&(_, size)| size),
            (_, Some(rng)) => self.plan.size.draw(rng),
            (_, None) => self.plan.size.max(),
        };
        self.next = self.after(at).into();
        Some((number, size))
    }

    /// Leaves out what was due before `now`: nobody was there to generate it.
    pub fn skip_to(&mut self, now: SimTime) {
        while self.next.get().is_some_and(|next| next < now) && self.generate().is_some() {}
        if self.generated > 0 {
            self.on_answer(now);
        }
    }

    /// Whether no further message will ever come.
    pub fn is_exhausted(&self) -> bool {
        let counted_out = self.plan.count.is_some_and(|count| self.generated >= count);
        counted_out
            || match self.next.get() {
                Some(next) => next >= self.plan.stop,
                None => !self.awaits_answers(),
            }
    }

    /// Whether a message waits for the answer to the one before.
    pub fn awaits_answers(&self) -> bool {
        matches!(self.plan.arrival, Arrival::AfterAnswer(_))
    }

    /// The answer to the last message has come, or is given up.
    pub fn on_answer(&mut self, now: SimTime) {
        let arrivals = self.chance.as_mut().and_then(|chance| chance.arrivals.as_mut());
        if let (Arrival::AfterAnswer(think), Some(rng), None) =
            (&self.plan.arrival, arrivals, self.next.get())
        {
            self.next = Some(now.saturating_add(think.draw(rng))).into();
        }
    }

    /// When the first message comes.
    fn begin(&mut self, start: SimTime) -> Option<SimTime> {
        if let Arrival::Trace(entries) = &self.plan.arrival {
            return entries.first().map(|&(time, _)| time);
        }
        let Some(Chance { arrivals: Some(rng), burst_end, .. }) = self.chance.as_deref_mut() else {
            return Some(start);
        };
        match &self.plan.arrival {
            Arrival::Poisson(mean) => Some(start.saturating_add(draw::exponential_duration(rng, *mean))),
            Arrival::OnOff { on, .. } => {
                *burst_end = start.saturating_add(on.draw(rng));
                Some(start)
            }
            Arrival::Periodic { jitter, .. } => Some(start.saturating_add(jittered(rng, *jitter))),
            Arrival::AfterAnswer(_) | Arrival::Trace(_) => Some(start),
        }
    }

    fn after(&mut self, at: SimTime) -> Option<SimTime> {
        let mut chance = self.chance.as_deref_mut();
        let rng = chance.as_mut().and_then(|chance| chance.arrivals.as_mut());
        match (&self.plan.arrival, rng) {
            (Arrival::Trace(entries), _) => entries.get(self.generated as usize).map(|&(time, _)| time),
            (Arrival::AfterAnswer(_), _) => None,
            (Arrival::Poisson(mean), Some(rng)) => at.checked_add(draw::exponential_duration(rng, *mean)),
            // Without jitter, the time that it would be added to is that of the message before.
            (
                Arrival::Poisson(every) | Arrival::OnOff { every, .. } | Arrival::Periodic { every, .. },
                None,
            ) => at.checked_add(*every),
            (Arrival::OnOff { every, on, off }, Some(_)) => chance?.after_in_burst(at, *every, *on, *off),
            (Arrival::Periodic { every, jitter }, Some(_)) => chance?.after_with_jitter(at, *every, *jitter),
        }
    }
}

impl Chance {
    fn after_in_burst(&mut self, at: SimTime, every: SimDuration, on: Span, off: Span) -> Option<SimTime> {
        let next = at.checked_add(every)?;
        if next < self.burst_end {
            return Some(next);
        }
        let rng = self.arrivals.as_mut()?;
        let start = self.burst_end.checked_add(off.draw(rng))?;
        self.burst_end = start.checked_add(on.draw(rng))?;
        Some(start.max(next))
    }

    fn after_with_jitter(&mut self, at: SimTime, every: SimDuration, jitter: SimDuration) -> Option<SimTime> {
        self.due = self.due.checked_add(every)?;
        let extra = jittered(self.arrivals.as_mut()?, jitter);
        // A message never comes before the one generated earlier.
        self.due.checked_add(extra).map(|next| next.max(at))
    }
}

fn jittered(rng: &mut ChaCha8Rng, jitter: SimDuration) -> SimDuration {
    SimDuration::from_nanos(draw::below(rng, jitter.as_nanos().saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::random::RunSeed;

    fn plan(arrival: Arrival) -> MessagePlan {
        MessagePlan {
            arrival,
            size: Size::Constant(64),
            start: Start::At(SimTime::from_millis(5)),
            stop: SimTime::from_secs(10),
            count: None,
        }
    }

    fn times(plan: MessagePlan) -> Vec<SimTime> {
        let streams = Streams::new(RunSeed::new(1, 0));
        let mut clock = MessageClock::new(plan, &streams, "a>b");
        let mut times = Vec::new();
        while let Some(at) = clock.next_at() {
            times.push(at);
            assert_eq!(clock.generate().unwrap().0 as usize, times.len() - 1);
        }
        times
    }

    #[test]
    fn periodic_messages_keep_their_period_and_stop() {
        let times =
            times(plan(Arrival::Periodic { every: SimDuration::from_secs(1), jitter: SimDuration::ZERO }));
        assert_eq!(times.len(), 10);
        assert_eq!(times[3], SimTime::from_millis(3005));
    }

    #[test]
    fn what_was_due_while_nobody_was_there_is_left_out() {
        let streams = Streams::new(RunSeed::new(1, 0));
        let every = SimDuration::from_secs(1);
        let mut clock =
            MessageClock::new(plan(Arrival::Periodic { every, jitter: SimDuration::ZERO }), &streams, "a>b");
        clock.skip_to(SimTime::from_millis(2500));
        assert_eq!(clock.next_at(), Some(SimTime::from_millis(3005)));
        assert_eq!(clock.generate(), Some((3, 64)), "numbers go on: a message is never mistaken for another");
    }

    #[test]
    fn poisson_messages_have_the_mean_distance() {
        // 10 s at a mean of 1 ms: 10,000 messages, standard deviation 100; five of them are 5 %.
        let count = times(plan(Arrival::Poisson(SimDuration::from_millis(1)))).len();
        assert!((9_500..10_500).contains(&count), "{count} messages");
    }

    #[test]
    fn bursts_and_pauses_take_turns() {
        let on = Span::Constant(SimDuration::from_millis(100));
        let off = Span::Constant(SimDuration::from_millis(900));
        let times = times(plan(Arrival::OnOff { every: SimDuration::from_millis(10), on, off }));
        // Bursts begin at 5 ms, 1,005 ms, … 9,005 ms with 10 messages each.
        assert_eq!(times.len(), 100);
        assert_eq!(times[10], SimTime::from_millis(1005));
        assert_eq!(times[19], SimTime::from_millis(1095));
    }

    #[test]
    fn a_trace_is_followed_to_the_letter() {
        let entries: Arc<[_]> = vec![(SimTime::from_millis(1), 10), (SimTime::from_millis(1), 20)].into();
        let streams = Streams::new(RunSeed::new(1, 0));
        let mut clock = MessageClock::new(plan(Arrival::Trace(entries)), &streams, "a>b");
        assert_eq!(clock.generate(), Some((0, 10)));
        assert_eq!(clock.next_at(), Some(SimTime::from_millis(1)));
        assert_eq!(clock.generate(), Some((1, 20)));
        assert_eq!(clock.next_at(), None);
    }
}
