//! What a receiver hears of other channels than its own.

use super::power::Gain;

/// By how much a receiver's filter weakens what is sent on other channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rejection {
    adjacent: Gain,
    alternate: Gain,
}

impl Rejection {
    /// Other channels are not heard at all.
    pub const PERFECT: Self = Self { adjacent: Gain::ZERO, alternate: Gain::ZERO };

    /// A receiver that still takes in a frame while another is sent that arrives stronger by `adjacent` on a neighbouring
    /// channel, or by `alternate` on the channel behind that (jamming resistance). On its own channel it would have to be
    /// weaker by `capture`; so the filter takes both together.
    #[must_use]
    pub fn of_jamming(adjacent: Gain, alternate: Gain, capture: Gain) -> Self {
        let passes = |jamming: Gain| Gain::from_ratio(1.0 / (jamming * capture).as_ratio());
        Self { adjacent: passes(adjacent), alternate: passes(alternate) }
    }

    /// What is left of a signal on another channel. Channels farther away than two are not heard at all.
    #[must_use]
    pub fn leak(self, own: u8, other: u8) -> Gain {
        match own.abs_diff(other) {
            0 => Gain::ONE,
            1 => self.adjacent,
            2 => self.alternate,
            _ => Gain::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_s_receiver_stands_an_equal_signal_beside_and_a_thousandfold_one_behind() {
        // IEEE 802.15.4-2020 clause 12.3.5: 0 dB and 30 dB. With 3 dB of co-channel rejection the filter takes 3 and 33 dB.
        let rejection = Rejection::of_jamming(Gain::from_db(0.0), Gain::from_db(30.0), Gain::from_db(3.0));
        let leak = |other| rejection.leak(15, other).as_db();
        assert_eq!(leak(15), 0.0);
        for (other, db) in [(14, -3.0), (16, -3.0), (13, -33.0), (17, -33.0)] {
            assert!((leak(other) - db).abs() < 1e-9, "channel {other}");
        }
        assert_eq!(rejection.leak(15, 18), Gain::ZERO);
        assert_eq!(Rejection::PERFECT.leak(15, 16), Gain::ZERO);
    }
}
