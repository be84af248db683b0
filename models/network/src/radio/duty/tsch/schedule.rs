//! Which slot is for what: the minimal schedule (RFC 8180) and Orchestra (S. Duquennoy, B. Al Nahas, O. Landsiedel and
//! T. Watteyne, "Orchestra: Robust Mesh Networks Through Autonomously Scheduled TSCH", SenSys 2015).

use smallvec::SmallVec;

use super::super::super::mac::Content;

/// A schedule that every node makes for itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Schedule {
    /// One cell of a slotframe for everything, shared by all (RFC 8180 §4.1).
    Minimal {
        /// Slots of the slotframe.
        slotframe: u32,
    },
    /// A slotframe each for beacons, for what is for all, and for frames to one radio (receiver-based).
    Orchestra {
        /// Slots of the beacons' slotframe, in which each radio has a cell of its own.
        beacons: u32,
        /// Slots of the slotframe with the cell that all share.
        common: u32,
        /// Slots of the slotframe in which each radio has a cell to be sent to.
        unicast: u32,
    },
}

/// A cell: slots of a number, and the channel's offset in them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Cell {
    pub(super) length: u32,
    pub(super) offset: u32,
    pub(super) channel: u32,
    /// Whether several radios may send in it, so that they back off.
    pub(super) shared: bool,
}

impl Cell {
    pub(super) fn is_in(self, slot: u64) -> bool {
        slot % u64::from(self.length) == u64::from(self.offset)
    }
}

impl Schedule {
    /// The cells in which a radio listens, those with precedence first. It hears the beacons of `source` alone.
    pub(super) fn listens(self, radio: u32, source: Option<u32>) -> SmallVec<[Cell; 3]> {
        match self {
            Self::Minimal { .. } => [self.common()].into_iter().collect(),
            Self::Orchestra { .. } => {
                let beacons = source.map(|source| self.beacons(source));
                beacons.into_iter().chain([self.unicast(radio), self.common()]).collect()
            }
        }
    }

    /// The cell in which `radio` sends a frame.
    pub(super) fn sends(self, radio: u32, to: Option<u32>, content: Content) -> Cell {
        match (content, to) {
            (Content::Beacon, _) => self.beacons(radio),
            (_, Some(to)) => self.unicast(to),
            (_, None) => self.common(),
        }
    }

    fn beacons(self, radio: u32) -> Cell {
        match self {
            Self::Minimal { .. } => self.common(),
            Self::Orchestra { beacons, .. } => Cell {
                length: beacons,
                offset: radio % beacons,
                channel: 0,
                // There may be more radios than slots.
                shared: false,
            },
        }
    }

    fn unicast(self, to: u32) -> Cell {
        match self {
            Self::Minimal { .. } => self.common(),
            Self::Orchestra { unicast, .. } => {
                Cell { length: unicast, offset: to % unicast, channel: 2, shared: true }
            }
        }
    }

    fn common(self) -> Cell {
        match self {
            Self::Minimal { slotframe } => Cell { length: slotframe, offset: 0, channel: 0, shared: true },
            Self::Orchestra { common, .. } => Cell { length: common, offset: 0, channel: 1, shared: true },
        }
    }
}

/// The channel of a slot (IEEE 802.15.4-2020 clause 6.2.6.3), with the default sequence for 16 channels at 2.4 GHz.
pub(super) fn channel(slot: u64, offset: u32) -> u8 {
    HOPPING[((slot + u64::from(offset)) % HOPPING.len() as u64) as usize]
}

/// `macHoppingSequence` for sixteen channels from 11 on (clause 6.2.10, the shuffle of a nine-bit shift register).
pub(super) const HOPPING: [u8; 16] = [16, 17, 23, 18, 26, 15, 25, 22, 19, 11, 12, 13, 24, 14, 20, 21];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_its_turn() {
        let mut seen = HOPPING;
        seen.sort_unstable();
        assert_eq!(seen.to_vec(), (11..=26).collect::<Vec<u8>>());
        assert_eq!((channel(0, 0), channel(17, 2)), (16, 18));
    }

    #[test]
    fn orchestra_s_sender_meets_its_receiver() {
        let schedule = Schedule::Orchestra { beacons: 397, common: 31, unicast: 17 };
        let to = schedule.sends(4, Some(21), Content::Packet);
        assert!(schedule.listens(21, Some(1)).contains(&to));
        assert!(to.is_in(17 * 5 + 4) && !to.is_in(17 * 5 + 5));
        let beacon = schedule.sends(1, None, Content::Beacon);
        assert!(schedule.listens(21, Some(1)).contains(&beacon));
        assert!(!schedule.listens(21, Some(2)).contains(&beacon));
    }
}
