//! Harvesters: power from outside, piece by piece constant, as a function of time alone.

use std::sync::Arc;

use sim_core::electric::Power;
use sim_core::{SimDuration, SimTime};

/// A source of power.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Harvester {
    /// Always the same.
    Constant(Power),
    /// A pattern that repeats: pieces of equal length.
    Cycle {
        /// The power during each piece.
        pieces: Arc<[Power]>,
        /// The length of a piece, more than zero.
        piece: SimDuration,
        /// Where in the pattern the run starts.
        offset: SimDuration,
    },
    /// From each time on this power, in order of time; before the first, none.
    Trace(Arc<[(SimTime, Power)]>),
}

impl Harvester {
    /// A day whose 24 hours have these shares of `peak`, in thousandths; the run starts at `offset` after midnight.
    pub fn day(peak: Power, thousandths: &[u16; 24], offset: SimDuration) -> Self {
        let power = |share: &u16| {
            Power::from_picowatts((u128::from(peak.as_picowatts()) * u128::from(*share) / 1000) as u64)
        };
        let piece = SimDuration::from_secs(3600);
        Self::Cycle { pieces: thousandths.iter().map(power).collect(), piece, offset }
    }

    /// The power at `now`, and how long it stays so.
    pub fn power_at(&self, now: SimTime) -> (Power, SimTime) {
        match self {
            Self::Constant(power) => (*power, SimTime::MAX),
            Self::Cycle { pieces, piece, offset } => {
                let length = piece.as_nanos().max(1);
                let at = now.as_nanos().saturating_add(offset.as_nanos());
                let number = at / length;
                let until = now.saturating_add(SimDuration::from_nanos(length - at % length));
                let power = pieces.get((number % pieces.len().max(1) as u64) as usize);
                (power.copied().unwrap_or(Power::ZERO), until)
            }
            Self::Trace(points) => {
                let next = points.partition_point(|(time, _)| *time <= now);
                let power = next.checked_sub(1).map_or(Power::ZERO, |last| points[last].1);
                (power, points.get(next).map_or(SimTime::MAX, |(time, _)| *time))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLIWATT: Power = Power::from_picowatts(1_000_000_000);

    #[test]
    fn a_day_repeats_and_may_start_at_any_hour() {
        let mut hours = [0; 24];
        hours[12] = 500;
        let day = Harvester::day(MILLIWATT, &hours, SimDuration::from_secs(6 * 3600));
        let noon = SimTime::from_secs(6 * 3600);
        assert_eq!(day.power_at(noon), (Power::from_picowatts(500_000_000), SimTime::from_secs(7 * 3600)));
        assert_eq!(day.power_at(SimTime::from_secs(30 * 3600)).0, Power::from_picowatts(500_000_000));
        assert_eq!(day.power_at(SimTime::ZERO).0, Power::ZERO);
    }

    #[test]
    fn a_trace_holds_each_power_until_the_next() {
        let trace = Harvester::Trace(
            [(SimTime::from_secs(1), MILLIWATT), (SimTime::from_secs(3), Power::ZERO)].into(),
        );
        assert_eq!(trace.power_at(SimTime::ZERO), (Power::ZERO, SimTime::from_secs(1)));
        assert_eq!(trace.power_at(SimTime::from_secs(1)), (MILLIWATT, SimTime::from_secs(3)));
        assert_eq!(trace.power_at(SimTime::from_secs(9)), (Power::ZERO, SimTime::MAX));
    }
}
