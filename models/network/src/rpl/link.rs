//! How many transmissions a link takes (ETX), learned from the frames that were sent over it.

use sim_core::{SimDuration, SimTime};

/// A number of transmissions, in 1/128 (RFC 6551 §4.3.2); RFC 6719 uses it as rank.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Etx(u16);

impl Etx {
    /// One transmission: every frame gets through and is confirmed.
    pub const ONE: Self = Self(UNIT);

    /// So many 128ths; less than one transmission is one.
    #[must_use]
    pub const fn from_units(units: u16) -> Self {
        Self(if units < UNIT { UNIT } else { units })
    }

    /// In 1/128.
    #[must_use]
    pub const fn as_units(self) -> u16 {
        self.0
    }

    /// What a signal promises that is stronger than the weakest one by `margin_db`: three transmissions at the limit, one from
    /// 6 dB above on (in the form of Contiki-NG's `guess_etx_from_rssi`, with this radio's limit in place of fixed ones).
    #[must_use]
    pub fn guess(margin_db: f64) -> Self {
        let lacking = (1.0 - margin_db / MARGIN_FULL_DB).clamp(0.0, 1.0);
        Self(UNIT + (lacking * 2.0 * f64::from(UNIT)) as u16)
    }
}

/// What is known of the link to a neighbour.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    etx: Etx,
    /// What the signal promised when the neighbour was heard last.
    guess: Etx,
    samples: u32,
    /// Packets that were given up since the last one that got through.
    failures: u32,
    failed_at: Option<SimTime>,
    /// Transmissions of frames to the neighbour.
    pub transmissions: u64,
    /// Frames that were confirmed.
    pub confirmed: u64,
}

impl Link {
    /// A link of which only the signal's strength is known.
    #[must_use]
    pub const fn new(guess: Etx) -> Self {
        Self { etx: guess, guess, samples: 0, failures: 0, failed_at: None, transmissions: 0, confirmed: 0 }
    }

    /// The transmissions that a frame is expected to take.
    #[must_use]
    pub const fn etx(&self) -> Etx {
        self.etx
    }

    /// Whether the neighbour can be reached at all: packet after packet was given up otherwise.
    #[must_use]
    pub const fn is_reachable(&self) -> bool {
        self.failures < FAILURES_MAX
    }

    /// A frame took so many transmissions, and was confirmed or given up.
    pub fn on_sent(&mut self, now: SimTime, tries: u8, confirmed: bool) {
        self.transmissions += u64::from(tries);
        self.confirmed += u64::from(confirmed);
        let taken = if confirmed { u16::from(tries).max(1) } else { FAILURE };
        if confirmed && !self.is_reachable() {
            // It is there again: what was learnt while it was not says nothing of the link.
            self.failures = 0;
            (self.etx, self.samples) = (self.guess, 0);
        } else if confirmed {
            self.failures = 0;
        } else {
            self.failures += 1;
            self.failed_at = Some(now);
        }
        // Moving averages: the first samples weigh more, as with Contiki-NG's bootstrap.
        let weight = if self.samples < BOOTSTRAP { 4 } else { 8 };
        self.samples = self.samples.saturating_add(1);
        let (old, new) = (u32::from(self.etx.0), u32::from(taken) * u32::from(UNIT));
        self.etx = Etx::from_units(((old * (weight - 1) + new) / weight) as u16);
    }

    /// The neighbour was heard: a link that had failed a while ago gets another chance, from `guess`.
    pub fn on_heard(&mut self, now: SimTime, guess: Etx) {
        self.guess = guess;
        let (mine, is_old) = (self.samples == 0, |at: SimTime| now >= at + SECOND_CHANCE);
        if mine {
            self.etx = guess;
        } else if self.failed_at.is_some_and(is_old) && (self.failures > 0 || self.etx > POOR) {
            *self = Self { transmissions: self.transmissions, confirmed: self.confirmed, ..Self::new(guess) };
        }
    }
}

/// One transmission.
const UNIT: u16 = 128;
/// Above the weakest signal by this, a link is taken for a good one.
const MARGIN_FULL_DB: f64 = 6.0;
/// What a packet counts that was given up: as in Contiki-NG (`ETX_NOACK_PENALTY`).
const FAILURE: u16 = 12;
/// Samples that weigh more.
const BOOTSTRAP: u32 = 4;
/// A neighbour that takes no packet so many times in a row is not reachable.
const FAILURES_MAX: u32 = 3;
/// After this a link that failed is tried again when its neighbour is heard.
const SECOND_CHANCE: SimDuration = SimDuration::from_secs(60);
/// Links worse than this are not used by [`super::objective`].
const POOR: Etx = Etx(512);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_follows_what_frames_took() {
        let mut link = Link::new(Etx::ONE);
        // 128 · 3/4 + 3 · 128 / 4 = 192, then 192 · 3/4 + 128 / 4 = 176.
        link.on_sent(SimTime::ZERO, 3, true);
        assert_eq!(link.etx(), Etx(192));
        link.on_sent(SimTime::ZERO, 1, true);
        assert_eq!(link.etx(), Etx(176));
        assert_eq!((link.transmissions, link.confirmed), (4, 2));
    }

    // Holds: RFC 6550 8.2.1-6
    #[test]
    fn a_neighbour_that_takes_nothing_is_unreachable_until_it_is_heard_later() {
        let mut link = Link::new(Etx::ONE);
        for failure in 0..3 {
            assert!(link.is_reachable(), "after {failure}");
            link.on_sent(SimTime::from_secs(1), 4, false);
        }
        assert!(!link.is_reachable() && link.etx() > POOR);
        link.on_heard(SimTime::from_secs(60), Etx::ONE);
        assert!(!link.is_reachable(), "59 s are not enough");
        link.on_heard(SimTime::from_secs(61), Etx::ONE);
        assert!(link.is_reachable() && link.etx() == Etx::ONE);
    }

    #[test]
    fn a_weak_signal_promises_more_transmissions() {
        assert_eq!(Etx::guess(20.0), Etx::ONE);
        assert_eq!(Etx::guess(6.0), Etx::ONE);
        assert_eq!(Etx::guess(3.0), Etx(256));
        assert_eq!(Etx::guess(0.0), Etx(384));
        assert_eq!(Etx::guess(-9.0), Etx(384));
    }
}
