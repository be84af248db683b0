//! Counters that start in a straight line and go on in a circle (RFC 6550 §7.2).

use std::cmp::Ordering;

/// A counter of 8 bits: 128 to 255 are the straight line, 0 to 127 the circle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sequence(pub u8);

impl Sequence {
    /// Where counters begin: 256 less the window of comparison.
    pub const START: Self = Self(240);

    /// The straight line's end: the next counter is the circle's first.
    pub const LAST_OF_THE_LINE: Self = Self(255);

    /// The counter after this one; both regions end in 0.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0 {
            127 | 255 => Self(0),
            value => Self(value + 1),
        }
    }

    /// How this counter stands to `other`; `None` where the two are too far apart to tell.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        let (a, b) = (u16::from(self.0), u16::from(other.0));
        match (a >= 128, b >= 128) {
            (true, false) => Some(if 256 + b - a <= WINDOW { Ordering::Less } else { Ordering::Greater }),
            (false, true) => other.compare(self).map(Ordering::reverse),
            (true, true) => (a.abs_diff(b) <= WINDOW).then(|| a.cmp(&b)),
            (false, false) => {
                // RFC 1982 on seven bits.
                let ahead = (a + 128 - b) % 128;
                match ahead {
                    0 => Some(Ordering::Equal),
                    1..=WINDOW => Some(Ordering::Greater),
                    _ if 128 - ahead <= WINDOW => Some(Ordering::Less),
                    _ => None,
                }
            }
        }
    }

    /// Whether this counter is behind `other`, however far: for whoever knows that none is older than half a circle.
    #[must_use]
    pub fn is_behind(self, other: Self) -> bool {
        match self.compare(other) {
            Some(order) => order.is_lt(),
            None if self.0 < 128 && other.0 < 128 => (self.0.wrapping_sub(other.0) & 127) > 63,
            None => self.0 < other.0,
        }
    }

    /// Whether this counter is to be taken for newer than `known`: where the two cannot be compared, what was heard last is.
    #[must_use]
    pub fn is_news(self, known: Self) -> bool {
        self.compare(known).is_none_or(Ordering::is_gt)
    }
}

/// `SEQUENCE_WINDOW`.
const WINDOW: u16 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: RFC 6550 7.2-2
    #[test]
    fn both_regions_wrap_to_zero() {
        assert_eq!(Sequence(255).next(), Sequence(0));
        assert_eq!(Sequence(127).next(), Sequence(0));
        assert_eq!(Sequence::START.next(), Sequence(241));
        assert_eq!(Sequence(5).next(), Sequence(6));
    }

    // Holds: RFC 6550 7.2-1, 7.2-3, 7.2-4
    #[test]
    fn counters_compare_as_in_the_rfc_s_examples() {
        // 256 + 5 - 240 = 21 > 16: 240 is greater than 5. 256 + 5 - 250 = 11: 250 is less than 5.
        assert_eq!(Sequence(240).compare(Sequence(5)), Some(Ordering::Greater));
        assert_eq!(Sequence(250).compare(Sequence(5)), Some(Ordering::Less));
        assert_eq!(Sequence(5).compare(Sequence(250)), Some(Ordering::Greater));
        // Around the circle's end: 2 is five behind 125.
        assert_eq!(Sequence(2).compare(Sequence(125)), Some(Ordering::Greater));
        assert_eq!(Sequence(125).compare(Sequence(2)), Some(Ordering::Less));
        assert_eq!(Sequence(7).compare(Sequence(7)), Some(Ordering::Equal));
        assert_eq!(Sequence(0).compare(Sequence(64)), None);
        assert_eq!(Sequence(200).compare(Sequence(240)), None);
        assert!(Sequence(64).is_news(Sequence(0)), "what cannot be compared was heard last");
        assert_eq!(Sequence::START, Sequence(240));
        // 17 and 63 behind are too far apart for the window.
        assert!(Sequence(8).is_behind(Sequence(25)) && Sequence(90).is_behind(Sequence(25)));
        assert!(!Sequence(25).is_behind(Sequence(8)) && !Sequence(25).is_behind(Sequence(25)));
    }
}
