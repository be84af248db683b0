//! The timers of a connection.

use sim_core::SimTime;

/// What a timer is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Timer {
    /// End of the reordering window (RFC 8985 §6.2).
    Reorder,
    /// Tail loss probe (RFC 8985 §7.2); before the next in this list, if both are due at once.
    Probe,
    /// Retransmission (RFC 6298).
    Retransmit,
    /// Probe of a closed window, or override of silly window avoidance (RFC 9293 §3.8.6.1, §3.8.6.2.1).
    Persist,
    /// Delayed acknowledgment (RFC 9293 §3.8.6.3).
    DelayedAck,
    /// Keep-alive probe (RFC 9293 §3.8.4).
    KeepAlive,
    /// End of TIME-WAIT, or of FIN-WAIT-2 without an application (RFC 9293 §3.6).
    TimeWait,
    /// R2: nothing has been acknowledged for too long (RFC 9293 §3.8.3).
    User,
    /// The next segment may leave, where sending is paced.
    Pace,
}

impl Timer {
    /// Every timer, in the order of [`super::Counters::timers_fired`].
    pub const ALL: [Self; COUNT] = [
        Self::Reorder,
        Self::Probe,
        Self::Retransmit,
        Self::Persist,
        Self::DelayedAck,
        Self::KeepAlive,
        Self::TimeWait,
        Self::User,
        Self::Pace,
    ];

    /// The name in notes and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reorder => "reordering",
            Self::Probe => "loss probe",
            Self::Retransmit => "retransmission",
            Self::Persist => "persist",
            Self::DelayedAck => "delayed acknowledgment",
            Self::KeepAlive => "keep-alive",
            Self::TimeWait => "time-wait",
            Self::User => "user timeout",
            Self::Pace => "pacing",
        }
    }
}

/// Number of timers.
pub(crate) const COUNT: usize = 9;

/// The deadlines of a connection; `SimTime::MAX` is none.
#[derive(Clone, Debug)]
pub(crate) struct Timers([SimTime; COUNT]);

impl Timers {
    pub(crate) fn new() -> Self {
        Self([SimTime::MAX; COUNT])
    }

    #[inline]
    pub(crate) fn set(&mut self, timer: Timer, at: SimTime) {
        self.0[timer as usize] = at;
    }

    #[inline]
    pub(crate) fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = SimTime::MAX;
    }

    #[inline]
    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize] != SimTime::MAX
    }

    /// The deadline; `SimTime::MAX` is none.
    #[inline]
    pub(crate) fn deadline(&self, timer: Timer) -> SimTime {
        self.0[timer as usize]
    }

    pub(crate) fn clear_all(&mut self) {
        self.0 = [SimTime::MAX; COUNT];
    }

    /// The earliest deadline.
    #[inline]
    pub(crate) fn next(&self) -> Option<SimTime> {
        let earliest = self.0.iter().copied().fold(SimTime::MAX, SimTime::min);
        (earliest != SimTime::MAX).then_some(earliest)
    }

    /// Takes one timer that is due; those due earlier come first.
    pub(crate) fn take_due(&mut self, now: SimTime) -> Option<Timer> {
        let timer = Timer::ALL.into_iter().min_by_key(|timer| self.0[*timer as usize])?;
        if self.0[timer as usize] > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_timers_come_in_order_of_their_deadlines() {
        let mut timers = Timers::new();
        assert_eq!(timers.next(), None);
        timers.set(Timer::Retransmit, SimTime::from_secs(3));
        timers.set(Timer::User, SimTime::from_secs(1));
        timers.set(Timer::Persist, SimTime::from_secs(9));
        assert_eq!(timers.next(), Some(SimTime::from_secs(1)));
        let now = SimTime::from_secs(3);
        assert_eq!(timers.take_due(now), Some(Timer::User));
        assert_eq!(timers.take_due(now), Some(Timer::Retransmit));
        assert_eq!(timers.take_due(now), None);
        assert!(timers.is_set(Timer::Persist));
    }
}
