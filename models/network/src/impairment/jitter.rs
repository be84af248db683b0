//! A random extra delay of each frame.

use super::unit_interval;
use sim_core::{CounterStream, SimDuration, SimTime, math};

/// How the extra delay is distributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JitterDistribution {
    /// Every nanosecond from `min` to `max`, both included, alike.
    Uniform {
        /// The least extra delay.
        min: SimDuration,
        /// The greatest extra delay.
        max: SimDuration,
    },
    /// A normal distribution of which only what is not below 0 is drawn. So its mean is above `mean`: by
    /// `deviation · φ(mean/deviation) / Φ(mean/deviation)`, 29 % of the deviation where both are equal.
    Normal {
        /// The mean before the truncation.
        mean: SimDuration,
        /// The standard deviation before the truncation.
        deviation: SimDuration,
    },
    /// An exponential distribution.
    Exponential {
        /// The mean.
        mean: SimDuration,
    },
    /// A Pareto distribution, `P(delay > x) = (scale / x)^shape`, cut off at `max`.
    Pareto {
        /// The least extra delay.
        scale: SimDuration,
        /// The exponent of the tail, above 0. The mean, if not cut off, is `scale · shape / (shape - 1)` for a
        /// shape above 1.
        shape: f64,
        /// Longer delays become this one.
        max: SimDuration,
    },
}

/// Why a jitter cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum JitterError {
    /// No delay is that far and that near.
    #[error("the least extra delay ({min}) is above the greatest ({max})")]
    Range {
        /// The least.
        min: SimDuration,
        /// The greatest.
        max: SimDuration,
    },
    /// Not the exponent of a tail.
    #[error("the shape of a Pareto distribution must be a number above 0, got {0}")]
    Shape(f64),
}

/// Delays each frame by a random time, independently of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jitter {
    distribution: JitterDistribution,
    draws: CounterStream,
}

impl Jitter {
    /// Delays frames as `distribution` says.
    ///
    /// # Errors
    /// When there is no such distribution.
    pub fn new(distribution: JitterDistribution, draws: CounterStream) -> Result<Self, JitterError> {
        match distribution {
            JitterDistribution::Uniform { min, max } | JitterDistribution::Pareto { scale: min, max, .. }
                if min > max =>
            {
                Err(JitterError::Range { min, max })
            }
            JitterDistribution::Pareto { shape, .. } if !(shape > 0.0 && shape.is_finite()) => {
                Err(JitterError::Shape(shape))
            }
            JitterDistribution::Uniform { .. }
            | JitterDistribution::Normal { .. }
            | JitterDistribution::Exponential { .. }
            | JitterDistribution::Pareto { .. } => Ok(Self { distribution, draws }),
        }
    }

    /// How much later than by the link's delay frame `frame_number` arrives.
    pub fn extra_delay(&self, frame_number: u64) -> SimDuration {
        let draw = self.draws.draw(frame_number);
        match self.distribution {
            JitterDistribution::Uniform { min, max } => {
                // The product's upper half is uniform over the span; the bias is below 2^-64 of the span.
                let span = u128::from(max.as_nanos() - min.as_nanos()) + 1;
                let nanos = (u128::from(draw) * span) >> 64;
                min + SimDuration::from_nanos(u64::try_from(nanos).expect("the upper half is below the span"))
            }
            JitterDistribution::Normal { mean, deviation } => {
                let draws = CounterStream::from_key(draw);
                nanos(truncated_normal(mean.as_nanos() as f64, deviation.as_nanos() as f64, draws))
            }
            JitterDistribution::Exponential { mean } => {
                nanos(-(mean.as_nanos() as f64) * math::ln(unit_interval(draw)))
            }
            JitterDistribution::Pareto { scale, shape, max } => {
                let factor = math::pow(unit_interval(draw), -1.0 / shape);
                nanos(scale.as_nanos() as f64 * factor).clamp(scale, max)
            }
        }
    }
}

/// Keeps frames in order where jitter must not let them overtake each other.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct InOrder {
    last_arrival: SimTime,
}

impl InOrder {
    /// The time of arrival of the next frame, which would come at `alone` if it were the only one.
    pub fn arrival(&mut self, alone: SimTime) -> SimTime {
        self.last_arrival = self.last_arrival.max(alone);
        self.last_arrival
    }
}

/// A draw of the normal distribution, repeated until it is not negative: two tries on average at most, since
/// the mean is not negative.
fn truncated_normal(mean: f64, deviation: f64, draws: CounterStream) -> f64 {
    for attempt in 0..ATTEMPTS_MAX {
        // Box and Muller, Annals of Mathematical Statistics 29 (1958).
        let radius = math::sqrt(-2.0 * math::ln(unit_interval(draws.draw(2 * attempt))));
        let angle = std::f64::consts::TAU * unit_interval(draws.draw(2 * attempt + 1));
        let delay = mean + deviation * radius * math::cos(angle);
        if delay >= 0.0 {
            return delay;
        }
    }
    mean
}

/// Rounds to a whole nanosecond; what is too long becomes the longest time.
fn nanos(nanos: f64) -> SimDuration {
    SimDuration::from_nanos((nanos + 0.5) as u64)
}

/// After so many tries, each in vain with a chance of a half at most, something else is wrong: 2^-64.
const ATTEMPTS_MAX: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAMES: u64 = 200_000;

    fn millis(millis: u64) -> SimDuration {
        SimDuration::from_millis(millis)
    }

    /// The extra delays of the first frames in milliseconds.
    fn delays(distribution: JitterDistribution) -> Vec<f64> {
        let jitter = Jitter::new(distribution, CounterStream::from_key(3)).unwrap();
        (1..=FRAMES).map(|k| jitter.extra_delay(k).as_secs_f64() * 1_000.0).collect()
    }

    fn mean(delays: &[f64]) -> f64 {
        delays.iter().sum::<f64>() / delays.len() as f64
    }

    #[test]
    fn uniform_delays_fill_their_range_evenly() {
        let delays = delays(JitterDistribution::Uniform { min: millis(2), max: millis(12) });
        let mut counts = [0_u32; 10];
        for delay in delays {
            counts[((delay - 2.0) as usize).min(9)] += 1;
        }
        // Chi-square with 9 degrees of freedom: mean 9, deviation sqrt(18) = 4.2; 5 deviations are 30.
        let chi: f64 =
            counts.iter().map(|&n| (f64::from(n) - 20_000.0) * (f64::from(n) - 20_000.0) / 20_000.0).sum();
        assert!(chi < 30.0, "{chi} {counts:?}");
    }

    #[test]
    fn exponential_delays_have_the_mean_and_the_tail_of_their_distribution() {
        let delays = delays(JitterDistribution::Exponential { mean: millis(10) });
        // The deviation of the mean of 200,000 is 10 / sqrt(200,000) = 0.022; five of them are 0.11.
        assert!((mean(&delays) - 10.0).abs() < 0.11, "{}", mean(&delays));
        let above = delays.iter().filter(|delay| **delay > 30.0).count() as f64 / FRAMES as f64;
        // e^-3 = 0.049787, deviation sqrt(0.0498 · 0.9502 / 200,000) = 0.00049.
        assert!((above - 0.049_787).abs() < 0.0025, "{above}");
    }

    #[test]
    fn normal_delays_have_the_moments_of_the_truncated_distribution() {
        let delays = delays(JitterDistribution::Normal { mean: millis(10), deviation: millis(10) });
        // With a = mean/deviation = 1: φ(1)/Φ(1) = 0.241971/0.841345 = 0.287600, so the mean is 12.87600; the
        // variance is 1 - a·0.2876 - 0.2876² = 0.629686 deviations squared, its root 7.93528.
        let mean = mean(&delays);
        let variance =
            delays.iter().map(|delay| (delay - mean) * (delay - mean)).sum::<f64>() / FRAMES as f64;
        // The mean's own deviation is 7.94/sqrt(200,000) = 0.0177; five of them are 0.09.
        assert!((mean - 12.876).abs() < 0.09, "{mean}");
        assert!((variance.sqrt() - 7.935).abs() < 0.09, "{}", variance.sqrt());
    }

    #[test]
    fn a_normal_jitter_without_deviation_is_a_constant() {
        let still = JitterDistribution::Normal { mean: millis(4), deviation: SimDuration::ZERO };
        let jitter = Jitter::new(still, CounterStream::from_key(3)).unwrap();
        assert_eq!(jitter.extra_delay(1), millis(4));
    }

    #[test]
    fn pareto_delays_have_its_tail() {
        let delays = delays(JitterDistribution::Pareto { scale: millis(1), shape: 1.5, max: millis(100) });
        // P(delay > x) = x^-1.5: 0.353553 at 2, 0.089443 at 5, 0.001 at 100, where it is cut off. Five deviations
        // sqrt(p(1 - p)/200,000): 0.0054, 0.0032, 0.00036.
        let above = |x: f64| delays.iter().filter(|&&delay| delay > x).count() as f64 / FRAMES as f64;
        assert!((above(2.0) - 0.353_553).abs() < 0.0054, "{}", above(2.0));
        assert!((above(5.0) - 0.089_443).abs() < 0.0032, "{}", above(5.0));
        let cut_off = delays.iter().filter(|&&delay| delay == 100.0).count() as f64 / FRAMES as f64;
        assert!((cut_off - 0.001).abs() < 0.000_36, "{cut_off}");
    }

    #[test]
    fn distributions_that_do_not_exist_are_refused() {
        let refused = |distribution| Jitter::new(distribution, CounterStream::from_key(3)).unwrap_err();
        let (min, max) = (millis(2), millis(1));
        assert_eq!(refused(JitterDistribution::Uniform { min, max }), JitterError::Range { min, max });
        let pareto = |shape| JitterDistribution::Pareto { scale: max, shape, max: min };
        assert_eq!(refused(pareto(0.0)), JitterError::Shape(0.0));
        assert!(matches!(refused(pareto(f64::NAN)), JitterError::Shape(_)));
    }

    #[test]
    fn in_order_a_frame_waits_for_the_one_before() {
        let mut order = InOrder::default();
        let arrivals = [5, 3, 4, 8].map(|at| order.arrival(SimTime::from_millis(at)));
        assert_eq!(arrivals, [5, 5, 5, 8].map(SimTime::from_millis));
    }

    fn distributions() -> impl Strategy<Value = JitterDistribution> {
        let duration = || any::<u64>().prop_map(SimDuration::from_nanos);
        let uniform = (duration(), duration())
            .prop_map(|(a, b)| JitterDistribution::Uniform { min: a.min(b), max: a.max(b) });
        let normal = (duration(), duration())
            .prop_map(|(mean, deviation)| JitterDistribution::Normal { mean, deviation });
        let pareto = (duration(), duration(), 1e-9..1e9)
            .prop_map(|(a, b, shape)| JitterDistribution::Pareto { scale: a.min(b), shape, max: a.max(b) });
        let exponential = duration().prop_map(|mean| JitterDistribution::Exponential { mean });
        prop_oneof![uniform, normal, exponential, pareto]
    }

    proptest! {
        #[test]
        fn delays_stay_in_their_range(distribution in distributions(), key: u64, frame_number: u64) {
            let jitter = Jitter::new(distribution, CounterStream::from_key(key)).unwrap();
            let delay = jitter.extra_delay(frame_number);
            match distribution {
                JitterDistribution::Uniform { min, max } | JitterDistribution::Pareto { scale: min, max, .. } => {
                    prop_assert!((min..=max).contains(&delay));
                }
                JitterDistribution::Normal { .. } | JitterDistribution::Exponential { .. } => {}
            }
            prop_assert_eq!(jitter.extra_delay(frame_number), delay);
        }
    }
}
