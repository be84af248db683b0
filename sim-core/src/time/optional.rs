//! A time that may be missing, in no more memory than one that is not.

use super::SimTime;

/// A time, or none: [`SimTime::MAX`] stands for that. For what thousands of hosts and flows each keep until a run is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OptionalTime(SimTime);

impl OptionalTime {
    /// No time.
    pub const NONE: Self = Self(SimTime::MAX);

    /// The time, if there is one.
    #[inline]
    pub fn get(self) -> Option<SimTime> {
        (self.0 < SimTime::MAX).then_some(self.0)
    }

    /// Sets the time and returns the one before.
    #[inline]
    pub fn replace(&mut self, time: SimTime) -> Option<SimTime> {
        std::mem::replace(self, Self(time)).get()
    }

    /// Sets the time if there is none.
    #[inline]
    pub fn set_once(&mut self, time: SimTime) {
        if self.0 == SimTime::MAX {
            self.0 = time;
        }
    }
}

impl From<Option<SimTime>> for OptionalTime {
    fn from(time: Option<SimTime>) -> Self {
        time.map_or(Self::NONE, Self)
    }
}

impl Default for OptionalTime {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_kept_until_another_replaces_it() {
        let mut time = OptionalTime::default();
        assert_eq!(time.get(), None);
        time.set_once(SimTime::from_millis(3));
        time.set_once(SimTime::from_millis(4));
        assert_eq!(time.get(), Some(SimTime::from_millis(3)));
        assert_eq!(time.replace(SimTime::ZERO), Some(SimTime::from_millis(3)));
        assert_eq!(time, OptionalTime::from(Some(SimTime::ZERO)));
        assert_eq!(OptionalTime::from(None), OptionalTime::NONE);
    }
}
