//! The physical layer's times (IEEE 802.15.4-2020 clauses 11 and 12).

use sim_core::{DataRate, SimDuration};

use super::propagation::Wavelength;

/// A physical layer: how long things take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phy {
    symbol: SimDuration,
    carrier_hertz: f64,
}

impl Phy {
    /// O-QPSK at 2.4 GHz: 62,500 symbols of four bits a second, 250 kbit/s (clause 12.2). The carrier is the band's middle.
    pub const O_QPSK_2450: Self = Self { symbol: SimDuration::from_micros(16), carrier_hertz: 2.4425e9 };
    /// O-QPSK at 868 MHz: 25,000 symbols of four bits a second, 100 kbit/s (clause 12.2).
    pub const O_QPSK_868: Self = Self { symbol: SimDuration::from_micros(40), carrier_hertz: 868.3e6 };

    /// So many symbols.
    #[must_use]
    pub fn symbols(self, count: u32) -> SimDuration {
        self.symbol * u64::from(count)
    }

    /// The carrier's wavelength.
    #[must_use]
    pub fn wavelength(self) -> Wavelength {
        Wavelength::of_hertz(self.carrier_hertz)
    }

    /// Bits a second, without headers.
    #[must_use]
    pub fn rate(self) -> DataRate {
        DataRate::from_bits_per_second(u64::from(BITS_PER_SYMBOL) * 1_000_000_000 / self.symbol.as_nanos())
    }

    /// How long a frame of so many bytes is in the air: preamble (4 bytes), start delimiter (1), length (1), the frame.
    #[must_use]
    pub fn air_time(self, bytes: usize) -> SimDuration {
        self.symbols((HEADER_BYTES + bytes as u32) * SYMBOLS_PER_BYTE)
    }

    /// How long the longest frame is in the air.
    #[must_use]
    pub fn longest_air_time(self) -> SimDuration {
        self.air_time(wire::ieee802154::FRAME_LEN_MAX)
    }

    /// Preamble and start delimiter: what a receiver has to catch (`phySHRDuration`, 10 symbols).
    #[must_use]
    pub fn sync_time(self) -> SimDuration {
        self.symbols(SYNC_BYTES * SYMBOLS_PER_BYTE)
    }

    /// From listening to sending or back (`aTurnaroundTime`, 12 symbols).
    #[must_use]
    pub fn turnaround(self) -> SimDuration {
        self.symbols(12)
    }

    /// The time of one look whether the channel is busy (`phyCcaDuration`, 8 symbols).
    #[must_use]
    pub fn cca_time(self) -> SimDuration {
        self.symbols(8)
    }

    /// Bits sent in a time.
    #[must_use]
    pub fn bits(self, time: SimDuration) -> f64 {
        time.as_nanos() as f64 * f64::from(BITS_PER_SYMBOL) / self.symbol.as_nanos() as f64
    }

    /// Bits of a frame that takes `time`, without those of the synchronisation header.
    #[must_use]
    pub fn bits_behind_sync(self, time: SimDuration) -> f64 {
        self.bits(time.saturating_sub(self.sync_time()))
    }
}

const BITS_PER_SYMBOL: u32 = 4;
const SYMBOLS_PER_BYTE: u32 = 2;
/// Preamble, start delimiter and length.
const HEADER_BYTES: u32 = 6;
const SYNC_BYTES: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_take_the_standard_s_times() {
        let phy = Phy::O_QPSK_2450;
        // (6 + 127) bytes, 2 symbols of 16 µs each: 4256 µs; an acknowledgement of 5 bytes: 352 µs.
        assert_eq!(phy.longest_air_time(), SimDuration::from_micros(4256));
        assert_eq!(phy.air_time(5), SimDuration::from_micros(352));
        assert_eq!(
            (phy.sync_time(), phy.turnaround(), phy.cca_time()),
            (SimDuration::from_micros(160), SimDuration::from_micros(192), SimDuration::from_micros(128),)
        );
        assert_eq!(phy.rate(), DataRate::from_bits_per_second(250_000));
        assert_eq!(Phy::O_QPSK_868.rate(), DataRate::from_bits_per_second(100_000));
        // 127 bytes and the length's one.
        assert_eq!(phy.bits_behind_sync(phy.longest_air_time()), 1024.0);
    }
}
