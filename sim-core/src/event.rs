//! What waits in the queue, and who scheduled it.

use crate::time::SimTime;
use std::cmp::Ordering;

/// An event that waits for its time: 24 bytes, ordered by `(time, key)`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Event {
    /// When it is due.
    pub time: SimTime,
    /// Which of the events due together goes first.
    pub key: EventKey,
    /// What it means, packed by whoever schedules it (kind, target, argument). Not part of the order.
    pub what: u64,
}

impl Event {
    /// Time and key as one number: one comparison decides.
    #[inline]
    pub(crate) const fn rank(&self) -> u128 {
        (self.time.as_nanos() as u128) << 64 | self.key.0 as u128
    }
}

impl Ord for Event {
    /// By time, then key; `what` decides only between events that share a key, which one run never has.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank()).then(self.what.cmp(&other.what))
    }
}

impl PartialOrd for Event {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The place of an event among those due at the same time: origin (24 bits), then number (40 bits).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EventKey(u64);

impl EventKey {
    /// The key as stored: `origin << 40 | number`.
    #[inline]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The rank of the origin that scheduled the event.
    #[inline]
    pub const fn rank(self) -> u32 {
        (self.0 >> NUMBER_BITS) as u32
    }

    /// How many events that origin had scheduled before.
    #[inline]
    pub const fn number(self) -> u64 {
        self.0 & NUMBER_MAX
    }
}

/// An entity that schedules events: its rank among all entities, and the count of what it scheduled.
///
/// Neither `Clone` nor `Copy`: a copy would hand out keys twice.
#[derive(Debug, Eq, PartialEq)]
pub struct Origin(u64);

impl Origin {
    /// How many ranks there are: the entities of one world must be fewer.
    pub const RANKS: u32 = 1 << (u64::BITS - NUMBER_BITS);

    /// The origin of rank `rank`, which has scheduled nothing yet.
    ///
    /// # Panics
    /// When `rank` is not below [`Origin::RANKS`]; whoever builds a world refuses a bigger one before.
    #[inline]
    pub const fn new(rank: u32) -> Self {
        assert!(rank < Self::RANKS, "a world has fewer than 2^24 entities that schedule events");
        Self((rank as u64) << NUMBER_BITS)
    }

    /// The rank given at creation.
    #[inline]
    pub const fn rank(&self) -> u32 {
        (self.0 >> NUMBER_BITS) as u32
    }

    /// The key of the next event this origin schedules.
    ///
    /// # Panics
    /// After 2^40 - 1 events of one origin (10^12: a day and more of computing).
    #[inline]
    pub const fn next_key(&mut self) -> EventKey {
        assert!(self.0 & NUMBER_MAX < NUMBER_MAX, "an origin schedules fewer than 2^40 events");
        let key = EventKey(self.0);
        self.0 += 1;
        key
    }
}

const NUMBER_BITS: u32 = 40;
const NUMBER_MAX: u64 = (1 << NUMBER_BITS) - 1;
const _: () = assert!(size_of::<Event>() == 24);
const _: () = assert!(size_of::<Origin>() == 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_the_rank_above_the_number() {
        let mut origin = Origin::new(3);
        assert_eq!(origin.next_key().as_u64(), 3 << 40);
        let second = origin.next_key();
        assert_eq!((second.rank(), second.number()), (3, 1));
        assert_eq!(origin.rank(), 3);
    }

    #[test]
    fn the_highest_rank_keeps_all_its_bits() {
        let mut origin = Origin::new(Origin::RANKS - 1);
        assert_eq!(origin.next_key().as_u64(), 0xFF_FFFF << 40);
        assert_eq!(origin.rank(), 0xFF_FFFF);
    }

    #[test]
    #[should_panic(expected = "fewer than 2^24 entities")]
    fn a_rank_too_high_panics() {
        Origin::new(Origin::RANKS);
    }

    #[test]
    #[should_panic(expected = "fewer than 2^40 events")]
    fn an_origin_that_ran_out_of_numbers_panics_instead_of_passing_for_its_neighbour() {
        let mut origin = Origin(NUMBER_MAX - 1);
        origin.next_key();
        origin.next_key();
    }

    #[test]
    fn time_decides_first_then_origin_then_number() {
        let (mut low, mut high) = (Origin::new(1), Origin::new(2));
        let at = |nanos, origin: &mut Origin| Event {
            time: SimTime::from_nanos(nanos),
            key: origin.next_key(),
            what: 0,
        };
        let late_low = at(9, &mut low);
        let early_high = at(5, &mut high);
        let early_low = at(5, &mut low);
        let early_low_again = at(5, &mut low);
        let mut events = [late_low, early_low_again, early_high, early_low];
        events.sort();
        assert_eq!(events, [early_low, early_low_again, early_high, late_low]);
    }
}
