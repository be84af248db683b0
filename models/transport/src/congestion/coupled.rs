//! Congestion control that couples the subflows of a connection, so that together they take no more than one connection
//! would on the best path: LIA (RFC 6356), OLIA (draft-khalili-mptcp-congestion-control-05) and BALIA
//! (draft-walid-mptcp-congestion-control-04). Slow start is Reno's, and so is everything while there is one path.

use sim_core::SimTime;

use super::{Acknowledged, Congestion, CongestionControl, Reno, Siblings, Standing, slow_start_growth};

/// How subflows are coupled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Coupling {
    /// Linked increases (RFC 6356).
    Lia,
    /// Opportunistic linked increases.
    Olia,
    /// Balanced linked adaptation.
    Balia,
}

/// The window of one of several subflows.
#[derive(Clone, Debug)]
pub struct Coupled {
    coupling: Coupling,
    reno: Reno,
    /// What has been gained towards the next byte, in 2^-16 bytes; OLIA may lose too.
    gained: i128,
    /// BALIA's α of this subflow, max x / x, in thousandths, when the last acknowledgment came.
    balia_alpha: u64,
}

impl Coupled {
    /// A controller in slow start.
    pub fn new(coupling: Coupling, segment_size: u32, initial_window: u64) -> Self {
        Self { coupling, reno: Reno::new(segment_size, initial_window), gained: 0, balia_alpha: 1000 }
    }

    /// How subflows are coupled.
    pub fn coupling(&self) -> Coupling {
        self.coupling
    }

    /// Bytes by which the window grows, in 2^-16 bytes.
    fn increase(&self, ack: &Acknowledged<'_>) -> i128 {
        let product = i128::from(ack.bytes) * i128::from(self.reno.segment_size) * UNIT;
        let reno = product / i128::from(self.reno.window.max(1));
        let (Some(siblings), Some(srtt)) = (ack.siblings, ack.srtt) else { return reno };
        if siblings.count < 2 {
            return reno;
        }
        let rtt = srtt.as_nanos();
        match self.coupling {
            // RFC 6356 §3: min(α·B·S / Σw, B·S / w) with α = Σw · max(w/rtt²) / (Σ w/rtt)².
            Coupling::Lia => {
                let best = siblings.best;
                linked(product, best.window, best.rtt.as_nanos(), siblings).min(reno)
            }
            // §3: (w/rtt² / (Σ w/rtt)² + α/w) · B · S.
            Coupling::Olia => {
                let share =
                    |of: u32, divided: i128| divided / (i128::from(siblings.count) * i128::from(of.max(1)));
                linked(product, self.reno.window, rtt, siblings)
                    + match siblings.standing {
                        Standing::Collected { of } => share(of, reno),
                        Standing::Largest { of } => -share(of, reno),
                        Standing::Other => 0,
                    }
            }
            // §3.1: x/(rtt·(Σx)²) · (1+α)/2 · (4+α)/5.
            Coupling::Balia => {
                let alpha = i128::from(self.alpha_of(siblings, rtt));
                linked(product, self.reno.window, rtt, siblings) * (1000 + alpha) / 2000 * (4000 + alpha)
                    / 5000
            }
        }
    }

    /// max x / x, in thousandths, at most a million times one.
    fn alpha_of(&self, siblings: &Siblings, rtt: u64) -> u64 {
        let own = u128::from(self.reno.window.max(1)) * 8_000_000_000 / u128::from(rtt.max(1));
        let alpha = u128::from(siblings.rate_max.as_bits_per_second()) * 1000 / own.max(1);
        u64::try_from(alpha).unwrap_or(u64::MAX).clamp(1000, 1_000_000_000)
    }

    fn apply(&mut self, increase: i128) {
        self.gained += increase;
        let whole = self.gained.div_euclid(UNIT);
        self.gained -= whole * UNIT;
        let whole = i64::try_from(whole).unwrap_or(0);
        self.reno.window = self.reno.window.saturating_add_signed(whole).max(self.reno.segment_size);
    }
}

/// `product` · (w/rtt²) / (Σ w/rtt)², where Σ w/rtt · rtt is what all would have in flight at this round trip.
fn linked(product: i128, window: u64, rtt: u64, siblings: &Siblings) -> i128 {
    let together = u128::from(siblings.rate_total.as_bits_per_second()) * u128::from(rtt) / 8_000_000_000;
    let together = i128::try_from(together.clamp(1, 1 << 40)).unwrap_or(1);
    product.saturating_mul(i128::from(window)) / (together * together)
}

impl CongestionControl for Coupled {
    #[inline]
    fn window(&self) -> u64 {
        self.reno.window
    }

    #[inline]
    fn ssthresh(&self) -> u64 {
        self.reno.ssthresh
    }

    fn on_acknowledged(&mut self, ack: &Acknowledged<'_>) {
        if let (Some(siblings), Some(srtt)) = (ack.siblings, ack.srtt) {
            self.balia_alpha = self.alpha_of(siblings, srtt.as_nanos());
        }
        if !ack.window_limited {
            return; // RFC 5681 §4.1 and RFC 7661 §4.3: an unused window proves nothing.
        }
        if self.reno.window < self.reno.ssthresh {
            self.reno.window += slow_start_growth(ack.bytes, self.reno.segment_size);
        } else {
            let increase = self.increase(ack);
            self.apply(increase);
        }
    }

    fn on_congestion(&mut self, now: SimTime, in_flight: u64, cause: Congestion) {
        self.reno.on_congestion(now, in_flight, cause);
        if self.coupling == Coupling::Balia {
            // §3.1: w/2 · min(α, 1.5) less.
            let less = in_flight / 2 * self.balia_alpha.min(1500) / 1000;
            self.reno.ssthresh = in_flight.saturating_sub(less).max(2 * self.reno.segment_size);
            self.reno.window = self.reno.ssthresh;
        }
        self.gained = 0;
    }

    fn on_timeout(&mut self, now: SimTime, in_flight: u64, first: bool) {
        self.reno.on_timeout(now, in_flight, first);
        self.gained = 0;
    }

    fn on_recovered(&mut self, window: u64) {
        self.reno.on_recovered(window);
    }

    fn on_idle(&mut self, now: SimTime) {
        self.reno.on_idle(now);
    }

    fn on_segment_size(&mut self, segment_size: u32) {
        self.reno.on_segment_size(segment_size);
    }
}

/// The unit of what is gained.
const UNIT: i128 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::super::Subflow;
    use super::*;
    use sim_core::SimDuration;

    fn subflow(window: u64, millis: u64, between_losses: u64) -> Subflow {
        Subflow { window, rtt: SimDuration::from_millis(millis), between_losses }
    }

    /// The increase for one segment of 1000 bytes on the subflow at `own`, in 2^-16 bytes.
    fn increase(coupling: Coupling, subflows: &[Subflow], own: usize) -> i128 {
        let mut controller = Coupled::new(coupling, 1000, subflows[own].window);
        controller.reno.ssthresh = 0;
        let siblings = Siblings::of(subflows, own).expect("it is there");
        let ack = Acknowledged {
            srtt: Some(subflows[own].rtt),
            siblings: Some(&siblings),
            ..Acknowledged::plain(SimTime::ZERO, 1000)
        };
        controller.increase(&ack)
    }

    #[test]
    fn lia_takes_together_what_one_connection_takes() {
        // Two equal paths, w = 20 000 B, rtt 100 ms: α = 40 000 · (20 000/0.01) / (400 000)² = 1/2. Each grows by
        // α·B·S/Σw = 0.5 · 10^6 / 40 000 = 12.5 B a segment; both in a round trip by 2 · 20 · 12.5 = 500 B, half a segment
        // each quarter: as RFC 6356 §3 has it, no more than one connection's.
        let equal = [subflow(20_000, 100, 0); 2];
        assert_eq!(increase(Coupling::Lia, &equal, 0), 125 * UNIT / 10);
        // Unequal round trips: 10 000 B at 10 ms, 40 000 B at 100 ms. w/rtt = 1 000 000 and 400 000 B/s, the best w/rtt² is
        // the first's. α/Σw = (10 000/0.0001) / (1 400 000)² = 5.102e-5 a byte: 51.02 B a segment of 1000 B.
        let unequal = [subflow(10_000, 10, 0), subflow(40_000, 100, 0)];
        let got = increase(Coupling::Lia, &unequal, 0);
        assert_eq!(got, 1_000_000 * UNIT * 10_000 / (14_000 * 14_000));
        // On the second, Reno's own 10^6/40 000 = 25 B is less.
        assert_eq!(increase(Coupling::Lia, &unequal, 1), 25 * UNIT);
    }

    #[test]
    fn olia_adds_to_the_best_path_what_the_largest_window_loses() {
        // As in the test of `Siblings`: 10 000 B and 60 000 B at 10 ms; Σw/rtt·rtt = 70 000 B; the first is collected.
        let subflows = [subflow(10_000, 10, 30_000), subflow(60_000, 10, 20_000)];
        let linked = |window: i128| 1_000_000 * UNIT * window / (70_000 * 70_000);
        // α = 1/(2·1): half of Reno's 100 B more; half of Reno's 16.67 B less.
        assert_eq!(increase(Coupling::Olia, &subflows, 0), linked(10_000) + 50 * UNIT);
        assert_eq!(increase(Coupling::Olia, &subflows, 1), linked(60_000) - 1_000_000 * UNIT / 60_000 / 2);
    }

    #[test]
    fn balia_weighs_by_the_fastest_rate() {
        // Rates 1 000 000 and 6 000 000 B/s: α = 6 on the first: (1+6)/2 · (4+6)/5 = 7 times the linked increase.
        let subflows = [subflow(10_000, 10, 0), subflow(60_000, 10, 0)];
        let linked = 1_000_000 * UNIT * 10_000 / (70_000 * 70_000);
        assert_eq!(increase(Coupling::Balia, &subflows, 0), linked * 7000 / 2000 * 10_000 / 5000);
        let mut controller = Coupled::new(Coupling::Balia, 1000, 10_000);
        controller.balia_alpha = 6000;
        controller.on_congestion(SimTime::ZERO, 40_000, Congestion::Loss);
        assert_eq!(controller.window(), 10_000, "40 000 less 20 000 · 1.5");
    }

    #[test]
    fn alone_it_is_reno() {
        let alone = [subflow(20_000, 100, 0)];
        for coupling in [Coupling::Lia, Coupling::Olia, Coupling::Balia] {
            assert_eq!(increase(coupling, &alone, 0), 50 * UNIT, "{coupling:?}");
        }
    }
}

#[cfg(test)]
#[path = "coupled_alpha_tests.rs"]
mod alpha_tests;
