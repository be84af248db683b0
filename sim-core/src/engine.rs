//! The scheduler of one run, its limits, and the timer that moves.

use crate::event::{Event, Origin};
use crate::queue::EventQueue;
use crate::time::{SimDuration, SimTime};

/// The present, and what is to come.
///
/// ```
/// use sim_core::{Limits, Origin, Scheduler, SimTime};
///
/// let mut scheduler = Scheduler::new(Limits::default());
/// let mut origin = Origin::new(0);
/// scheduler.schedule(SimTime::from_millis(5), &mut origin, 42);
/// let event = scheduler.next()?.expect("one event is pending");
/// assert_eq!((event.what, scheduler.now()), (42, SimTime::from_millis(5)));
/// assert_eq!(scheduler.next()?, None);
/// # Ok::<(), sim_core::LimitExceeded>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scheduler {
    queue: EventQueue,
    now: SimTime,
    processed: u64,
    /// After what is due then, the run stops without an error.
    end: SimTime,
    /// The end or the limit on time, whichever comes first.
    stop: SimTime,
    limits: Limits,
}

impl Scheduler {
    /// A scheduler at time zero with nothing pending, which runs until nothing is pending or a limit is
    /// exceeded.
    pub fn new(limits: Limits) -> Self {
        Self {
            queue: EventQueue::new(),
            now: SimTime::ZERO,
            processed: 0,
            end: SimTime::MAX,
            stop: limits.time,
            limits,
        }
    }

    /// Makes [`Scheduler::next`] stop after the events due at `end`: later ones are left in the queue.
    ///
    /// May be called again with a later end, which is how a run proceeds in steps.
    pub fn set_end(&mut self, end: SimTime) {
        self.end = end;
        self.stop = end.min(self.limits.time);
    }

    /// The present: when the event that was taken last was due.
    #[inline]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// How many events were taken.
    #[inline]
    pub fn processed(&self) -> u64 {
        self.processed
    }

    /// How many events are pending.
    #[inline]
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// When the next event is due, be it before or after the end.
    #[inline]
    pub fn next_time(&mut self) -> Option<SimTime> {
        self.queue.peek_time()
    }

    /// The queue, for its statistics.
    #[inline]
    pub fn queue(&self) -> &EventQueue {
        &self.queue
    }

    /// Schedules `what` at `time` on behalf of `origin`.
    ///
    /// # Panics
    /// When `time` is in the past.
    #[inline]
    pub fn schedule(&mut self, time: SimTime, origin: &mut Origin, what: u64) {
        assert!(time >= self.now, "an event was scheduled at {time}, before the present {}", self.now);
        self.queue.push(Event { time, key: origin.next_key(), what });
    }

    /// Takes the next event and moves the present to its time; `None` when nothing is pending until the
    /// end.
    ///
    /// # Errors
    /// [`LimitExceeded`] when the event would be one too many, or is due after the limit on time. It then
    /// stays in the queue, and the next call fails too.
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not be used while events are scheduled"
    )]
    pub fn next(&mut self) -> Result<Option<Event>, LimitExceeded> {
        if self.processed < self.limits.events
            && let Some(event) = self.queue.pop_until(self.stop)
        {
            self.now = event.time;
            self.processed += 1;
            return Ok(Some(event));
        }
        self.stopped()
    }

    /// Stops a run whose memory has grown too big; `bytes` is what the caller counts as the run's.
    ///
    /// # Errors
    /// [`LimitExceeded::Memory`] when `bytes` is more than the limit.
    #[inline]
    pub fn check_memory(&self, bytes: u64) -> Result<(), LimitExceeded> {
        let limit = self.limits.memory_bytes;
        if bytes > limit { Err(LimitExceeded::Memory { limit, bytes }) } else { Ok(()) }
    }

    /// Why no event was taken.
    #[cold]
    #[inline(never)]
    fn stopped(&mut self) -> Result<Option<Event>, LimitExceeded> {
        let Limits { events, time, .. } = self.limits;
        match self.queue.peek_time() {
            Some(due) if due > self.end => Ok(None),
            Some(due) if due > time => Err(LimitExceeded::Time { limit: time, due }),
            Some(_) => Err(LimitExceeded::Events { limit: events, now: self.now }),
            None => Ok(None),
        }
    }
}

/// Where a run is stopped with an error: nothing that loops forever does so unseen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The number of events taken.
    pub events: u64,
    /// The simulated time; what is due exactly then is still taken.
    pub time: SimTime,
    /// The memory of the run in bytes.
    pub memory_bytes: u64,
}

impl Default for Limits {
    /// 10^11 events (hours of computing), 100 years of 365 days, 16 GiB.
    fn default() -> Self {
        let years = SimTime::ZERO + SimDuration::from_secs(100 * 365 * 24 * 3_600);
        Self { events: 100_000_000_000, time: years, memory_bytes: 16 << 30 }
    }
}

/// Why a run was stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LimitExceeded {
    /// One event more was due than the run may take.
    #[error("the run has taken its limit of {limit} events at {now}, and more are pending")]
    Events {
        /// The limit.
        limit: u64,
        /// How far the run came.
        now: SimTime,
    },
    /// The next event is due after the limit on simulated time.
    #[error("the next event is due at {due}, after the limit on simulated time, {limit}")]
    Time {
        /// The limit.
        limit: SimTime,
        /// When the event is due.
        due: SimTime,
    },
    /// The run needs more memory than it may.
    #[error("the run holds {bytes} bytes of memory; its limit is {limit}")]
    Memory {
        /// The limit.
        limit: u64,
        /// What the run holds.
        bytes: u64,
    },
}

/// A timer whose owner moves it often, without taking anything out of the queue.
///
/// The owner schedules an event only when its deadline becomes *earlier* than the armed one. When an
/// event is popped that is not the armed one, it was superseded, and is dropped. When the armed one is
/// popped but the deadline has moved later, nothing is due, and the owner arms again:
///
/// ```
/// use sim_core::{Alarm, SimTime};
///
/// let mut alarm = Alarm::new();
/// let (early, late) = (SimTime::from_millis(1), SimTime::from_millis(200));
/// assert_eq!(alarm.arm(Some(late)), Some(late)); // schedule an event at 200 ms
/// assert_eq!(alarm.arm(Some(early)), Some(early)); // schedule another one at 1 ms
/// assert_eq!(alarm.arm(Some(late)), None); // moving later costs nothing
/// assert!(alarm.on_event(early)); // serve what is due (nothing), then arm again
/// assert_eq!(alarm.arm(Some(late)), Some(late));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Alarm {
    /// When the armed event is due; [`SimTime::MAX`] when none is.
    armed_at: SimTime,
}

impl Alarm {
    /// An alarm that is not armed.
    #[inline]
    pub const fn new() -> Self {
        Self { armed_at: SimTime::MAX }
    }

    /// When the armed event is due, if one is armed.
    #[inline]
    pub fn armed_at(&self) -> Option<SimTime> {
        (self.armed_at < SimTime::MAX).then_some(self.armed_at)
    }

    /// Takes the owner's earliest `deadline`, and returns when an event must be scheduled, if one must.
    ///
    /// `None` and [`SimTime::MAX`] are deadlines that never come.
    #[inline]
    pub fn arm(&mut self, deadline: Option<SimTime>) -> Option<SimTime> {
        let deadline = deadline.filter(|&deadline| deadline < self.armed_at)?;
        self.armed_at = deadline;
        Some(deadline)
    }

    /// Takes an event that was due at `time`; returns whether it is the armed one, which is disarmed by
    /// this. Any other was superseded, and means nothing.
    #[inline]
    pub fn on_event(&mut self, time: SimTime) -> bool {
        let armed = time == self.armed_at;
        if armed {
            self.armed_at = SimTime::MAX;
        }
        armed
    }

    /// Forgets the armed event, as a node that loses its state does: its event will mean nothing.
    #[inline]
    pub fn disarm(&mut self) {
        self.armed_at = SimTime::MAX;
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> SimTime {
        SimTime::from_millis(millis)
    }

    fn with_events_at(limits: Limits, times: &[u64]) -> Scheduler {
        let mut scheduler = Scheduler::new(limits);
        let mut origin = Origin::new(0);
        for &time in times {
            scheduler.schedule(ms(time), &mut origin, time);
        }
        scheduler
    }

    #[test]
    fn events_after_the_end_are_left_for_a_later_end() {
        let mut scheduler = with_events_at(Limits::default(), &[1, 2, 3]);
        scheduler.set_end(ms(2));
        assert_eq!(scheduler.next().unwrap().unwrap().what, 1);
        assert_eq!(scheduler.next().unwrap().unwrap().what, 2);
        assert_eq!(scheduler.next(), Ok(None));
        assert_eq!((scheduler.now(), scheduler.pending(), scheduler.next_time()), (ms(2), 1, Some(ms(3))));
        scheduler.set_end(SimTime::MAX);
        assert_eq!(scheduler.next().unwrap().unwrap().what, 3);
        assert_eq!((scheduler.next(), scheduler.processed()), (Ok(None), 3));
    }

    #[test]
    fn one_event_too_many_is_an_error_again_and_again() {
        let mut scheduler = with_events_at(Limits { events: 2, ..Limits::default() }, &[1, 2, 3]);
        assert!(scheduler.next().is_ok_and(|event| event.is_some()));
        assert!(scheduler.next().is_ok_and(|event| event.is_some()));
        let stopped = Err(LimitExceeded::Events { limit: 2, now: ms(2) });
        assert_eq!((scheduler.next(), scheduler.next()), (stopped, stopped));
        assert_eq!(scheduler.pending(), 1);
    }

    #[test]
    fn the_last_event_allowed_is_no_error() {
        let mut scheduler = with_events_at(Limits { events: 2, ..Limits::default() }, &[1, 2]);
        assert!(scheduler.next().is_ok_and(|event| event.is_some()));
        assert!(scheduler.next().is_ok_and(|event| event.is_some()));
        assert_eq!(scheduler.next(), Ok(None));
    }

    #[test]
    fn an_event_after_the_limit_on_time_is_an_error_unless_the_end_comes_first() {
        let limits = Limits { time: ms(2), ..Limits::default() };
        let mut scheduler = with_events_at(limits, &[2, 5]);
        assert_eq!(scheduler.next().unwrap().unwrap().what, 2);
        let stopped = LimitExceeded::Time { limit: ms(2), due: ms(5) };
        assert_eq!(scheduler.next(), Err(stopped));
        assert_eq!(
            stopped.to_string(),
            "the next event is due at 5.000 ms, after the limit on simulated time, 2.000 ms"
        );
        scheduler.set_end(ms(4));
        assert_eq!(scheduler.next(), Ok(None));
    }

    #[test]
    fn too_much_memory_is_an_error() {
        let scheduler = Scheduler::new(Limits { memory_bytes: 100, ..Limits::default() });
        assert_eq!(scheduler.check_memory(100), Ok(()));
        assert_eq!(scheduler.check_memory(101), Err(LimitExceeded::Memory { limit: 100, bytes: 101 }));
    }

    #[test]
    #[should_panic(expected = "an event was scheduled at 4.000 ms, before the present 5.000 ms")]
    fn scheduling_in_the_past_panics() {
        let mut scheduler = with_events_at(Limits::default(), &[5]);
        let _ = scheduler.next();
        scheduler.schedule(ms(4), &mut Origin::new(1), 0);
    }

    #[test]
    fn an_alarm_fires_at_its_deadline_however_it_was_moved() {
        let mut scheduler = Scheduler::new(Limits::default());
        let (mut origin, mut alarm) = (Origin::new(0), Alarm::new());
        // Deadlines set at 0 ms, in turn: the last one, 70 ms, is the owner's.
        let mut deadline = None;
        for moved in [100, 50, 200, 70] {
            deadline = Some(ms(moved));
            if let Some(time) = alarm.arm(deadline) {
                scheduler.schedule(time, &mut origin, 0);
            }
        }
        assert_eq!(scheduler.pending(), 2, "only 100 ms and 50 ms were earlier than what was armed");
        let mut fired = Vec::new();
        while let Some(event) = scheduler.next().unwrap() {
            if !alarm.on_event(event.time) {
                continue;
            }
            if deadline.is_some_and(|deadline| deadline <= scheduler.now()) {
                fired.push(scheduler.now());
                deadline = None;
            }
            if let Some(time) = alarm.arm(deadline) {
                scheduler.schedule(time, &mut origin, 0);
            }
        }
        assert_eq!(fired, [ms(70)]);
        assert_eq!(alarm.armed_at(), None);
    }
}
