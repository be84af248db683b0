//! From the quantities of a file to those of the simulator.

use sim_core::{ByteCount, DataRate, Probability, SimDuration, SimTime};

use super::{Duration, Fraction, Rate, Size};

impl From<Duration> for SimDuration {
    fn from(time: Duration) -> Self {
        Self::from_nanos(time.as_nanos())
    }
}

impl From<Duration> for SimTime {
    /// The moment this long after the start of the run.
    fn from(time: Duration) -> Self {
        Self::from_nanos(time.as_nanos())
    }
}

impl From<Size> for ByteCount {
    fn from(size: Size) -> Self {
        Self::from_bytes(size.as_bytes())
    }
}

impl Rate {
    /// The rate in the simulator; `None` for a rate of 0, which a checked scenario does not have.
    pub fn to_data_rate(self) -> Option<DataRate> {
        DataRate::try_from_bits_per_second(self.as_bits_per_second())
    }
}

impl From<Fraction> for Probability {
    fn from(share: Fraction) -> Self {
        Self::from_f64(share.as_f64()).expect("a share lies between 0 and 1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_keep_their_value() {
        let time: Duration = "20 ms".parse().expect("a duration");
        assert_eq!(SimDuration::from(time), SimDuration::from_millis(20));
        assert_eq!(SimTime::from(time), SimTime::from_nanos(20_000_000));
        let size: Size = "1 KiB".parse().expect("a size");
        assert_eq!(ByteCount::from(size), ByteCount::from_bytes(1024));
        let rate: Rate = "1 Mbit/s".parse().expect("a rate");
        assert_eq!(rate.to_data_rate(), Some(DataRate::from_bits_per_second(1_000_000)));
        assert_eq!(Rate::from_bits_per_second(0).to_data_rate(), None);
    }

    #[test]
    fn never_always_and_half_are_exact() {
        for (share, below, above) in
            [("0 %", 0, 0), ("50 %", (1 << 63) - 1, 1 << 63), ("100 %", u64::MAX, u64::MAX)]
        {
            let chance = Probability::from(share.parse::<Fraction>().expect("a share"));
            let (happens_below, happens_above) = (chance.happens(below), chance.happens(above));
            let expected = match share {
                "0 %" => (false, false),
                "50 %" => (true, false),
                _ => (true, true),
            };
            assert_eq!((happens_below, happens_above), expected, "{share}");
        }
    }
}
