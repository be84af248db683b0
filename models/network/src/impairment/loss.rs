//! Which frames a link direction loses.

use super::{GilbertElliott, GilbertElliottConfig};
use sim_core::{CounterStream, Probability, SimDuration, SimTime};

/// How a link direction loses frames.
#[derive(Clone, Debug)]
pub enum Loss {
    /// Nothing is lost.
    None,
    /// Each frame is lost with a chance, independently of the others: frame k if and only if draw k is below it.
    Independent {
        /// The chance.
        probability: Probability,
        /// Draw k is that of frame k.
        draws: CounterStream,
    },
    /// Frames are lost in bursts, which are a function of time.
    GilbertElliott(Box<GilbertElliott>),
    /// Certain frames are lost.
    Packets(FrameNumbers),
    /// All frames are lost at certain times.
    Trace(Outages),
}

const _: () = assert!(size_of::<Loss>() <= 32);

impl Loss {
    /// Loss of each frame with chance `probability`.
    pub fn independent(probability: Probability, draws: CounterStream) -> Self {
        if probability == Probability::NEVER { Self::None } else { Self::Independent { probability, draws } }
    }

    /// Loss in bursts: `states` decides over the state of each slot, `draws` over each frame.
    ///
    /// # Errors
    /// When the slots have no length.
    pub fn gilbert_elliott(
        config: GilbertElliottConfig,
        states: CounterStream,
        draws: CounterStream,
    ) -> Result<Self, LossError> {
        Ok(Self::GilbertElliott(Box::new(GilbertElliott::new(config, states, draws)?)))
    }

    /// Whether frame `frame_number`, counted from 1 as frames are sent, is lost if sent at `now`.
    ///
    /// The answer is the same whatever was asked before; it is found fastest when `now` does not go back.
    pub fn is_lost(&mut self, frame_number: u64, now: SimTime) -> bool {
        match self {
            Self::None => false,
            Self::Independent { probability, draws } => probability.happens(draws.draw(frame_number)),
            Self::GilbertElliott(chain) => chain.is_lost(frame_number, now),
            Self::Packets(numbers) => numbers.contains(frame_number),
            Self::Trace(outages) => outages.contains(now),
        }
    }
}

/// Why a loss cannot be built.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LossError {
    /// The state would change infinitely often.
    #[error("the slots of a Gilbert-Elliott loss must be longer than 0")]
    Slot,
    /// A burst that ends before it can be seen.
    #[error("a mean burst of {burst} is shorter than a slot of {slot}")]
    Burst {
        /// The mean length of a burst.
        burst: SimDuration,
        /// The length of a slot.
        slot: SimDuration,
    },
    /// The good times would have to be shorter than a slot.
    #[error("bursts of {burst} in slots of {slot} cannot follow each other so closely that {loss} is lost")]
    TooMuch {
        /// The mean length of a burst.
        burst: SimDuration,
        /// The length of a slot.
        slot: SimDuration,
        /// The share of the time that bursts were to take.
        loss: Probability,
    },
    /// An outage must end after it began.
    #[error("an outage from {from} until {until} ends before it begins")]
    Outage {
        /// When it was to begin.
        from: SimTime,
        /// When it was to end.
        until: SimTime,
    },
}

/// The numbers of certain frames of a direction, the first frame being number 1.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FrameNumbers(Box<[u64]>);

impl FrameNumbers {
    /// The frames `numbers`, in any order. There is no frame 0.
    pub fn new(mut numbers: Vec<u64>) -> Self {
        numbers.sort_unstable();
        numbers.dedup();
        Self(numbers.into())
    }

    fn contains(&self, frame_number: u64) -> bool {
        self.0.binary_search(&frame_number).is_ok()
    }
}

/// Times at which nothing gets through.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outages(Box<[(SimTime, SimTime)]>);

impl Outages {
    /// The time spans `intervals`, in any order, each from its first instant to before its second. Those that
    /// touch or overlap are joined.
    ///
    /// # Errors
    /// When one ends before it begins.
    pub fn new(mut intervals: Vec<(SimTime, SimTime)>) -> Result<Self, LossError> {
        if let Some(&(from, until)) = intervals.iter().find(|(from, until)| from > until) {
            return Err(LossError::Outage { from, until });
        }
        intervals.sort_unstable();
        intervals.dedup_by(|next, before| {
            let joined = next.0 <= before.1;
            if joined {
                before.1 = before.1.max(next.1);
            }
            joined
        });
        Ok(Self(intervals.into()))
    }

    fn contains(&self, now: SimTime) -> bool {
        let begun = self.0.partition_point(|&(from, _)| from <= now);
        begun.checked_sub(1).is_some_and(|last| now < self.0[last].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn independent(chance: f64, key: u64) -> Loss {
        Loss::independent(Probability::from_f64(chance).unwrap(), CounterStream::from_key(key))
    }

    fn lost(loss: &mut Loss, frames: u64) -> Vec<u64> {
        (1..=frames).filter(|&k| loss.is_lost(k, SimTime::ZERO)).collect()
    }

    #[test]
    fn independent_loss_loses_its_share() {
        for (key, chance) in [(1, 0.01), (2, 0.05), (3, 0.5)] {
            let count = lost(&mut independent(chance, key), 1_000_000).len() as f64;
            // Binomial: five deviations sqrt(n p (1 - p)).
            let bound = 5.0 * (1e6 * chance * (1.0 - chance)).sqrt();
            assert!((count - 1e6 * chance).abs() < bound, "{chance}: {count}");
        }
    }

    #[test]
    fn one_percent_loses_a_subset_of_what_five_percent_loses() {
        let (few, many) =
            (lost(&mut independent(0.01, 9), 100_000), lost(&mut independent(0.05, 9), 100_000));
        assert!(few.len() > 800 && many.len() > 4 * few.len());
        assert!(few.iter().all(|frame| many.binary_search(frame).is_ok()));
    }

    #[test]
    fn independent_losses_come_in_runs_of_geometric_length() {
        // With p = 0.2 a run of losses has length n with chance 0.8 · 0.2^(n-1): of all runs 80 %, 16 %, 3.2 % …
        let lost = lost(&mut independent(0.2, 4), 500_000);
        let mut runs = [0_u32; 4];
        let mut length = 0;
        for pair in lost.windows(2) {
            length += 1;
            if pair[1] != pair[0] + 1 {
                runs[length.min(4) - 1] += 1;
                length = 0;
            }
        }
        let total = f64::from(runs.iter().sum::<u32>());
        let expected = [0.8, 0.16, 0.032, 0.008].map(|share| share * total);
        let chi: f64 =
            runs.iter().zip(expected).map(|(&n, e)| (f64::from(n) - e) * (f64::from(n) - e) / e).sum();
        // 3 degrees of freedom: 16.3 is exceeded with a chance of 0.1 %.
        assert!(chi < 16.3, "{chi} {runs:?}");
    }

    #[test]
    fn never_and_always_are_exact() {
        assert!(matches!(independent(0.0, 1), Loss::None));
        assert_eq!(lost(&mut independent(0.0, 1), 1_000), [0_u64; 0]);
        assert_eq!(lost(&mut independent(1.0, 1), 1_000).len(), 1_000);
    }

    #[test]
    fn exactly_the_named_frames_are_lost() {
        let mut loss = Loss::Packets(FrameNumbers::new(vec![7, 1, 7, 3]));
        assert_eq!(lost(&mut loss, 100), [1, 3, 7]);
    }

    #[test]
    fn a_trace_loses_what_is_sent_from_its_beginning_until_before_its_end() {
        let at = SimTime::from_millis;
        let outages =
            Outages::new(vec![(at(50), at(60)), (at(10), at(20)), (at(20), at(25)), (at(12), at(15))]);
        let mut loss = Loss::Trace(outages.unwrap());
        let silent: Vec<u64> = (0..100).filter(|&millis| loss.is_lost(1, at(millis))).collect();
        assert_eq!(silent, (10..25).chain(50..60).collect::<Vec<_>>());
    }

    #[test]
    fn an_outage_that_ends_before_it_begins_is_refused() {
        let (from, until) = (SimTime::from_millis(2), SimTime::from_millis(1));
        let error = Outages::new(vec![(from, until)]).unwrap_err();
        assert_eq!(error, LossError::Outage { from, until });
    }

    proptest! {
        #[test]
        fn joined_outages_cover_the_same_times(
            spans in prop::collection::vec((0_u64..60, 0_u64..20), 0..8), now in 0_u64..100,
        ) {
            let at = SimTime::from_nanos;
            let spans: Vec<_> = spans.into_iter().map(|(from, length)| (at(from), at(from + length))).collect();
            let covered = spans.iter().any(|&(from, until)| (from..until).contains(&at(now)));
            prop_assert_eq!(Outages::new(spans).unwrap().contains(at(now)), covered);
        }

        #[test]
        fn a_higher_chance_loses_a_superset(a in 0.0..=1.0, b in 0.0..=1.0, key: u64, k: u64) {
            let (mut low, mut high) = (independent(f64::min(a, b), key), independent(f64::max(a, b), key));
            prop_assert!(!low.is_lost(k, SimTime::ZERO) || high.is_lost(k, SimTime::ZERO));
        }
    }
}
