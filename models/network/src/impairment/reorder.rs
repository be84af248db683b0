//! Frames that take a detour, so that those behind them arrive first.

use sim_core::{CounterStream, Probability, SimDuration};

/// Delays some frames, independently of each other, without holding up the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reorder {
    probability: Probability,
    delay: SimDuration,
    draws: CounterStream,
}

impl Reorder {
    /// Delays each frame by `delay` with chance `probability`.
    pub fn new(probability: Probability, delay: SimDuration, draws: CounterStream) -> Self {
        Self { probability, delay, draws }
    }

    /// How much later than by the link's delay frame `frame_number` arrives; zero for most.
    pub fn extra_delay(&self, frame_number: u64) -> SimDuration {
        if self.probability.happens(self.draws.draw(frame_number)) { self.delay } else { SimDuration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frame_in_ten_takes_the_detour() {
        let delay = SimDuration::from_millis(7);
        let reorder = Reorder::new(Probability::from_f64(0.1).unwrap(), delay, CounterStream::from_key(1));
        let delays: Vec<_> = (1..=100_000).map(|k| reorder.extra_delay(k)).collect();
        let late = delays.iter().filter(|&&extra| extra == delay).count();
        assert_eq!(late + delays.iter().filter(|extra| extra.is_zero()).count(), 100_000);
        // Binomial: mean 10,000, deviation sqrt(100,000 · 0.1 · 0.9) = 94.9; five of them are 475.
        assert!(late.abs_diff(10_000) < 475, "{late}");
    }
}
