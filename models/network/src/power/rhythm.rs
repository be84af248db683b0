//! When a radio that sleeps listens for a moment: known ahead, so that it takes no event while nothing is in the air.

use sim_core::{SimDuration, SimTime};
use smallvec::SmallVec;

/// A stretch of time in which a radio listens without being told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Look {
    /// Its beginning.
    pub from: SimTime,
    /// Its end.
    pub until: SimTime,
}

/// When a sleeping radio listens.
#[derive(Clone, Debug)]
pub enum Rhythm {
    /// Never.
    Silent,
    /// At the same offsets of each period.
    Periodic {
        /// When a period begins; looks before it are none.
        first: SimTime,
        /// The period, above 0.
        every: SimDuration,
        /// Beginnings and ends of the looks after a period's beginning: in order, not beyond the next.
        looks: SmallVec<[(SimDuration, SimDuration); 2]>,
    },
    /// In some slots of a common count.
    Slots(Slots),
}

impl Rhythm {
    /// The first look that begins at `since` or later and ends after `at`.
    pub fn next(&self, since: SimTime, at: SimTime) -> Option<Look> {
        match self {
            Self::Silent => None,
            Self::Periodic { first, every, looks } => {
                let at = at.max(since);
                let passed = at.saturating_since(*first).as_nanos() / every.as_nanos().max(1);
                // The looks of the period that `at` is in may be over: two periods hold the next.
                (passed..passed + 2).find_map(|period| {
                    let start = *first + *every * period;
                    let looks =
                        looks.iter().map(|&(from, until)| Look { from: start + from, until: start + until });
                    looks.into_iter().find(|look| look.from >= since && look.until > at)
                })
            }
            Self::Slots(slots) => slots.next(since, at),
        }
    }

    /// How long the radio listens between two instants by itself, if it sleeps from the first on.
    pub fn listened(&self, from: SimTime, until: SimTime) -> SimDuration {
        let mut sum = SimDuration::ZERO;
        let mut begins = from;
        if let Self::Periodic { first, every, looks } = self {
            // Whole periods hold the same looks, wherever they begin.
            let settled = self.next(from, from).map_or(until, |look| look.from.max(*first)).min(until);
            let periods = (until - settled).as_nanos() / every.as_nanos().max(1);
            let each: SimDuration = looks.iter().map(|&(from, until)| until - from).sum();
            sum = each * periods;
            begins = settled + *every * periods;
        }
        let mut at = begins;
        while let Some(look) = self.next(begins, at).filter(|look| look.from < until) {
            sum += look.until.min(until) - look.from;
            at = look.until;
        }
        sum
    }
}

/// Slots that all nodes count alike, by the clock of one of them.
#[derive(Clone, Debug)]
pub struct Slots {
    /// The number of a slot.
    pub number: u64,
    /// When it began by this node's clock.
    pub began: SimTime,
    /// How long a slot lasts, in femtoseconds: clocks differ by millionths.
    pub femtos: u64,
    /// Length of a slotframe and offset of a cell in which this node listens.
    pub cells: SmallVec<[(u32, u32); 3]>,
    /// When it begins to listen, and when it gives up, after a slot's beginning.
    pub look: (SimDuration, SimDuration),
}

impl Slots {
    /// When a slot begins, of this number or later.
    pub fn start(&self, number: u64) -> SimTime {
        let femtos = u128::from(number.saturating_sub(self.number)) * u128::from(self.femtos);
        self.began + SimDuration::from_nanos((femtos / FEMTOS_PER_NANO) as u64)
    }

    /// The slot that an instant is in.
    pub fn at(&self, time: SimTime) -> u64 {
        let femtos = u128::from(time.saturating_since(self.began).as_nanos()) * FEMTOS_PER_NANO;
        self.number + (femtos / u128::from(self.femtos.max(1))) as u64
    }

    /// Whether the node listens in a slot.
    pub fn listens(&self, number: u64) -> bool {
        self.cells.iter().any(|&(length, offset)| number % u64::from(length) == u64::from(offset))
    }

    fn next(&self, since: SimTime, at: SimTime) -> Option<Look> {
        let mut number = self.at(at.max(since));
        loop {
            number = self.cells.iter().map(|&(length, offset)| next_of(number, length, offset)).min()?;
            let start = self.start(number);
            let look = Look { from: start + self.look.0, until: start + self.look.1 };
            if look.from >= since && look.until > at {
                return Some(look);
            }
            number += 1;
        }
    }
}

/// The first slot from `number` on that has `offset` in slotframes of `length`.
pub fn next_of(number: u64, length: u32, offset: u32) -> u64 {
    let (length, offset) = (u64::from(length.max(1)), u64::from(offset));
    let within = number % length;
    number + (offset + length - within) % length
}

const FEMTOS_PER_NANO: u128 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn us(micros: u64) -> SimTime {
        SimTime::from_nanos(micros * 1000)
    }

    fn span(micros: u64) -> SimDuration {
        SimDuration::from_micros(micros)
    }

    fn twice() -> Rhythm {
        let looks = [(span(0), span(320)), (span(820), span(1140))].into_iter().collect();
        Rhythm::Periodic { first: us(5_000), every: span(125_000), looks }
    }

    #[test]
    fn looks_come_in_order_and_never_before_the_sleep() {
        let rhythm = twice();
        let look = |since, at| rhythm.next(us(since), us(at)).map(|look| (look.from, look.until));
        assert_eq!(look(0, 0), Some((us(5_000), us(5_320))));
        assert_eq!(look(0, 5_320), Some((us(5_820), us(6_140))));
        assert_eq!(look(5_100, 5_100), Some((us(5_820), us(6_140))), "one that had begun is over");
        assert_eq!(look(0, 6_140), Some((us(130_000), us(130_320))));
    }

    #[test]
    fn what_is_listened_in_closed_form_is_the_sum_of_the_looks() {
        let rhythm = twice();
        for (from, until) in [(0, 1_000_000), (5_100, 5_900), (6_000, 256_200), (130_100, 131_000), (7, 8)] {
            let (mut at, mut sum) = (us(from), SimDuration::ZERO);
            while let Some(look) = rhythm.next(us(from), at).filter(|look| look.from < us(until)) {
                sum += look.until.min(us(until)) - look.from;
                at = look.until;
            }
            assert_eq!(rhythm.listened(us(from), us(until)), sum, "{from} to {until}");
        }
    }

    #[test]
    fn slots_drift_by_millionths() {
        // 10 ms by a clock that is 20 millionths slow: 10,000,200 ns.
        let slots = Slots {
            number: 100,
            began: us(0),
            femtos: 10_000_200_000_000,
            cells: [(17, 3), (5, 0)].into_iter().collect(),
            look: (span(1020), span(3220)),
        };
        assert_eq!(slots.start(1100).as_nanos(), 10_000_200_000);
        assert_eq!((slots.at(us(9_999)), slots.at(us(10_001))), (100, 101));
        let rhythm = Rhythm::Slots(slots);
        // 100 is 0 of 5; 105 is 3 of 17 (6 · 17 = 102) and 0 of 5; then 110.
        let first = rhythm.next(us(0), us(0)).unwrap();
        assert_eq!((first.from, first.until), (us(1_020), us(3_220)));
        assert_eq!(rhythm.next(us(0), first.until).unwrap().from.as_nanos(), 50_001_000 + 1_020_000);
        assert_eq!(rhythm.next(us(0), us(55_000)).unwrap().from.as_nanos(), 100_002_000 + 1_020_000);
    }
}
