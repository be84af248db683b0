//! Frames that arrive twice.

use sim_core::{CounterStream, Probability};

/// Repeats frames independently of each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Duplicate {
    probability: Probability,
    draws: CounterStream,
}

impl Duplicate {
    /// Repeats each frame with chance `probability`.
    pub fn new(probability: Probability, draws: CounterStream) -> Self {
        Self { probability, draws }
    }

    /// Whether frame `frame_number` arrives a second time.
    pub fn is_duplicated(&self, frame_number: u64) -> bool {
        self.probability.happens(self.draws.draw(frame_number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frame_in_twenty_arrives_twice() {
        let duplicate = Duplicate::new(Probability::from_f64(0.05).unwrap(), CounterStream::from_key(1));
        let twice = (1..=100_000).filter(|&k| duplicate.is_duplicated(k)).count();
        // Binomial: mean 5,000, deviation sqrt(100,000 · 0.05 · 0.95) = 68.9; five of them are 345.
        assert!(twice.abs_diff(5_000) < 345, "{twice}");
    }

    #[test]
    fn a_frame_is_judged_alike_whenever_it_is_asked_for() {
        let duplicate = Duplicate::new(Probability::from_f64(0.5).unwrap(), CounterStream::from_key(1));
        let forth: Vec<bool> = (1..100).map(|k| duplicate.is_duplicated(k)).collect();
        let mut back: Vec<bool> = (1..100).rev().map(|k| duplicate.is_duplicated(k)).collect();
        back.reverse();
        assert_eq!(forth, back);
    }
}
