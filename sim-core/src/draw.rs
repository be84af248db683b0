//! Draws from the usual distributions, the same on every platform.
//!
//! They take any generator, use integers or `libm` alone, and keep no state between two draws: what is
//! drawn depends on nothing but the generator.

use crate::math;
use crate::quantity::Probability;
use crate::time::SimDuration;
use rand::Rng;

/// A uniform number in [0, 1), a multiple of 2^-53.
#[inline]
pub fn unit<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    (rng.next_u64() >> 11) as f64 * TWO_POW_MINUS_53
}

/// A uniform number in (0, 1], a multiple of 2^-53: one whose logarithm is finite.
#[inline]
pub fn unit_above_zero<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    ((rng.next_u64() >> 11) + 1) as f64 * TWO_POW_MINUS_53
}

/// A uniform number in [`low`, `high`); `low` when `high` is not above it.
#[inline]
pub fn uniform<R: Rng + ?Sized>(rng: &mut R, low: f64, high: f64) -> f64 {
    let drawn = low + (high - low) * unit(rng);
    // Rounding can reach the upper end.
    if drawn < high { drawn } else { low }
}

/// A uniform integer below `n`, without bias; 0 when `n` is 0 or 1.
///
/// Source: Lemire, "Fast random integer generation in an interval", ACM TOMACS 29(1), 2019, algorithm 5.
#[inline]
pub fn below<R: Rng + ?Sized>(rng: &mut R, n: u64) -> u64 {
    let mut product = u128::from(rng.next_u64()) * u128::from(n);
    if (product as u64) < n {
        // 2^64 mod n draws of each remainder too many: those are refused.
        let refused = n.wrapping_neg() % n;
        while (product as u64) < refused {
            product = u128::from(rng.next_u64()) * u128::from(n);
        }
    }
    (product >> 64) as u64
}

/// A uniform integer from `low` to `high`, both included; `low` when `high` is not above it.
#[inline]
pub fn between<R: Rng + ?Sized>(rng: &mut R, low: u64, high: u64) -> u64 {
    match high.saturating_sub(low).checked_add(1) {
        Some(values) => low + below(rng, values),
        None => rng.next_u64(),
    }
}

/// A uniform span from `low` to `high`, both included, to the nanosecond; `low` when `high` is not longer.
#[inline]
pub fn uniform_duration<R: Rng + ?Sized>(rng: &mut R, low: SimDuration, high: SimDuration) -> SimDuration {
    SimDuration::from_nanos(between(rng, low.as_nanos(), high.as_nanos()))
}

/// Whether something of chance `probability` happens. Always takes one draw, so that what follows does
/// not depend on the chance.
#[inline]
pub fn bernoulli<R: Rng + ?Sized>(rng: &mut R, probability: Probability) -> bool {
    probability.happens(rng.next_u64())
}

/// An exponential number of mean 1.
#[inline]
pub fn exponential<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    -math::ln(unit_above_zero(rng))
}

/// An exponential span of mean `mean`, rounded to the nearest nanosecond, at most [`SimDuration::MAX`].
#[inline]
pub fn exponential_duration<R: Rng + ?Sized>(rng: &mut R, mean: SimDuration) -> SimDuration {
    scaled(mean, exponential(rng))
}

/// A normal number of mean 0 and standard deviation 1.
///
/// Source: Box and Muller, "A note on the generation of random normal deviates", 1958; of the pair, only
/// the cosine is used, so that no state is kept.
#[inline]
pub fn normal<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    let radius = math::sqrt(-2.0 * math::ln(unit_above_zero(rng)));
    radius * math::cos(2.0 * std::f64::consts::PI * unit(rng))
}

/// A normal span of mean `mean` and standard deviation `deviation`, cut off at zero, rounded to the
/// nearest nanosecond.
#[inline]
pub fn normal_duration<R: Rng + ?Sized>(
    rng: &mut R,
    mean: SimDuration,
    deviation: SimDuration,
) -> SimDuration {
    nearest(mean.as_nanos() as f64 + deviation.as_nanos() as f64 * normal(rng))
}

/// A number whose natural logarithm is normal, of mean `mu` and standard deviation `sigma`. Its median is
/// e^`mu`, its mean e^(`mu` + `sigma`²/2).
#[inline]
pub fn log_normal<R: Rng + ?Sized>(rng: &mut R, mu: f64, sigma: f64) -> f64 {
    math::exp(mu + sigma * normal(rng))
}

/// A Pareto number of minimum 1 and tail index `alpha` > 0: it exceeds x with the chance x^-`alpha`. Its
/// mean is `alpha` / (`alpha` - 1), infinite for an `alpha` of at most 1.
#[inline]
pub fn pareto<R: Rng + ?Sized>(rng: &mut R, alpha: f64) -> f64 {
    math::pow(unit_above_zero(rng), -1.0 / alpha)
}

/// A Weibull number of scale 1 and shape `shape` > 0: it exceeds x with the chance e^-(x^`shape`).
#[inline]
pub fn weibull<R: Rng + ?Sized>(rng: &mut R, shape: f64) -> f64 {
    math::pow(exponential(rng), 1.0 / shape)
}

/// How many trials of chance `success` fail before the first succeeds; 2^64 - 1 when none ever does.
#[inline]
pub fn geometric<R: Rng + ?Sized>(rng: &mut R, success: Probability) -> u64 {
    // P(failures >= n) = (1 - p)^n, so the count is the floor of ln U / ln(1 - p). A p of 1 gives
    // x / -inf = 0, or 0 / -inf; a p of 0 gives x / 0 = inf, or 0 / 0 = NaN: told apart first.
    let log_unit = math::ln(unit_above_zero(rng));
    if success == Probability::NEVER {
        return u64::MAX;
    }
    (log_unit / math::ln_1p(-success.as_f64())) as u64
}

/// The span `factor` times `unit`, rounded to the nearest nanosecond, between zero and
/// [`SimDuration::MAX`]: for draws whose scale is a span, such as [`pareto`], [`weibull`], [`log_normal`].
#[inline]
pub fn scaled(unit: SimDuration, factor: f64) -> SimDuration {
    nearest(unit.as_nanos() as f64 * factor)
}

/// The nearest span; `as` saturates, and takes what is not a number for zero.
#[inline]
fn nearest(nanos: f64) -> SimDuration {
    SimDuration::from_nanos(libm::round(nanos) as u64)
}

const TWO_POW_MINUS_53: f64 = 1.0 / 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    const DRAWS: u32 = 200_000;
    const SEEDS: u64 = 5;

    /// Asserts that the mean of many draws lies within five standard errors of `mean`: a false alarm has
    /// a chance below 10^-6, and the seeds are fixed.
    fn assert_mean(mean: f64, variance: f64, mut draw: impl FnMut(&mut ChaCha8Rng) -> f64) {
        let bound = 5.0 * math::sqrt(variance / f64::from(DRAWS));
        for seed in 0..SEEDS {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let sum: f64 = (0..DRAWS).map(|_| draw(&mut rng)).sum();
            let got = sum / f64::from(DRAWS);
            assert!((got - mean).abs() < bound, "seed {seed}: {got} is not {mean} ± {bound}");
        }
    }

    #[test]
    fn uniform_numbers_have_their_mean_and_square() {
        // E U = 1/2, Var U = 1/12; E U^2 = 1/3, Var U^2 = 1/5 - 1/9 = 4/45.
        assert_mean(0.5, 1.0 / 12.0, unit);
        assert_mean(1.0 / 3.0, 4.0 / 45.0, |rng| {
            let u = unit(rng);
            u * u
        });
        // On [2, 5): mean 3.5, variance 9/12.
        assert_mean(3.5, 0.75, |rng| uniform(rng, 2.0, 5.0));
    }

    #[test]
    fn integers_below_n_are_equally_frequent() {
        // Of 6: each has 1/6, variance 5/36. Of 3 * 2^62, where a draw in four is refused: each third 1/3.
        for face in 0..6 {
            assert_mean(1.0 / 6.0, 5.0 / 36.0, |rng| f64::from(below(rng, 6) == face));
        }
        for third in 0..3 {
            assert_mean(1.0 / 3.0, 2.0 / 9.0, |rng| f64::from(below(rng, 3 << 62) >> 62 == third));
        }
    }

    #[test]
    fn integers_stay_in_their_range_at_its_extremes() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..1_000 {
            assert_eq!((below(&mut rng, 0), below(&mut rng, 1)), (0, 0));
            assert!((3..=5).contains(&between(&mut rng, 3, 5)));
            assert_eq!(between(&mut rng, 7, 7), 7);
            assert_eq!(between(&mut rng, 7, 2), 7);
            assert!(between(&mut rng, 1, u64::MAX) >= 1);
        }
        assert!((0..100).any(|_| between(&mut rng, 0, u64::MAX) > u64::MAX / 2));
    }

    #[test]
    fn uniform_spans_include_both_ends() {
        let (low, high) = (SimDuration::from_nanos(10), SimDuration::from_nanos(12));
        for nanos in 10..=12 {
            assert_mean(1.0 / 3.0, 2.0 / 9.0, |rng| {
                f64::from(uniform_duration(rng, low, high).as_nanos() == nanos)
            });
        }
    }

    #[test]
    fn exponential_numbers_have_their_mean_square_and_tail() {
        // E X^k = k!: E X = 1, Var X = 1; E X^2 = 2, Var X^2 = 24 - 4. P(X > 3) = e^-3.
        assert_mean(1.0, 1.0, exponential);
        assert_mean(2.0, 20.0, |rng| {
            let x = exponential(rng);
            x * x
        });
        let tail = 0.049_787_068_367_863_94;
        assert_mean(tail, tail * (1.0 - tail), |rng| f64::from(exponential(rng) > 3.0));
        // 20 ms in ns: mean 2e7, variance 4e14.
        assert_mean(2e7, 4e14, |rng| {
            exponential_duration(rng, SimDuration::from_millis(20)).as_nanos() as f64
        });
    }

    #[test]
    fn normal_numbers_have_their_moments_and_tail() {
        // E Z = 0; E Z^2 = 1, Var Z^2 = 3 - 1; E Z^4 = 3, Var Z^4 = 105 - 9. P(Z > 1.96) = 0.0249979.
        assert_mean(0.0, 1.0, normal);
        assert_mean(1.0, 2.0, |rng| {
            let z = normal(rng);
            z * z
        });
        assert_mean(3.0, 96.0, |rng| {
            let z = normal(rng);
            z * z * z * z
        });
        assert_mean(0.024_997_895, 0.024_373, |rng| f64::from(normal(rng) > 1.96));
    }

    #[test]
    fn normal_spans_have_their_mean_and_are_cut_off_at_zero() {
        let ms = SimDuration::from_millis;
        // 100 ms, 10 standard deviations from the cut: mean 1e8, variance (1e7)^2.
        assert_mean(1e8, 1e14, |rng| normal_duration(rng, ms(100), ms(10)).as_nanos() as f64);
        // Mean zero: half of the spans are cut off.
        assert_mean(0.5, 0.25, |rng| f64::from(normal_duration(rng, ms(0), ms(10)).is_zero()));
    }

    #[test]
    fn log_normal_numbers_have_their_median_and_mean() {
        // mu = 1, sigma = 1/2: P(X > e) = 1/2. Mean e^1.125 = 3.0802; variance (e^0.25 - 1) e^2.25 = 2.6948.
        assert_mean(0.5, 0.25, |rng| f64::from(log_normal(rng, 1.0, 0.5) > std::f64::consts::E));
        assert_mean(3.080_216_848_918_031, 2.694_8, |rng| log_normal(rng, 1.0, 0.5));
    }

    #[test]
    fn pareto_numbers_have_their_mean_tail_and_minimum() {
        // alpha = 3: mean 3/2, variance 3 / (2^2 * 1) = 3/4; P(X > 2) = 1/8.
        assert_mean(1.5, 0.75, |rng| pareto(rng, 3.0));
        assert_mean(0.125, 7.0 / 64.0, |rng| f64::from(pareto(rng, 3.0) > 2.0));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert!((0..10_000).all(|_| pareto(&mut rng, 1.1) >= 1.0));
    }

    #[test]
    fn weibull_numbers_have_their_mean_and_square() {
        // Shape 2: E X = Gamma(3/2) = sqrt(pi)/2, Var X = 1 - pi/4; X^2 is exponential.
        let pi = std::f64::consts::PI;
        assert_mean(math::sqrt(pi) / 2.0, 1.0 - pi / 4.0, |rng| weibull(rng, 2.0));
        assert_mean(1.0, 1.0, |rng| {
            let x = weibull(rng, 2.0);
            x * x
        });
    }

    #[test]
    fn geometric_numbers_have_their_mean_and_mass() {
        // p = 1/4: mean (1 - p)/p = 3, variance (1 - p)/p^2 = 12; P(0) = 1/4, P(1) = 3/16.
        let quarter = Probability::from_f64(0.25).unwrap();
        assert_mean(3.0, 12.0, |rng| geometric(rng, quarter) as f64);
        assert_mean(0.25, 3.0 / 16.0, |rng| f64::from(geometric(rng, quarter) == 0));
        assert_mean(3.0 / 16.0, 39.0 / 256.0, |rng| f64::from(geometric(rng, quarter) == 1));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(geometric(&mut rng, Probability::ALWAYS), 0);
        assert_eq!(geometric(&mut rng, Probability::NEVER), u64::MAX);
    }

    #[test]
    fn bernoulli_happens_as_often_as_its_chance_says() {
        let rare = Probability::from_f64(0.01).unwrap();
        assert_mean(0.01, 0.0099, |rng| f64::from(bernoulli(rng, rare)));
    }

    #[test]
    fn a_scaled_span_stays_a_span() {
        let second = SimDuration::from_secs(1);
        assert_eq!(scaled(second, 1.5), SimDuration::from_millis(1_500));
        assert_eq!(scaled(second, -1.0), SimDuration::ZERO);
        assert_eq!(scaled(second, f64::NAN), SimDuration::ZERO);
        assert_eq!(scaled(second, f64::INFINITY), SimDuration::MAX);
    }

    #[test]
    fn draws_never_change() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let half = Probability::from_f64(0.5).unwrap();
        let draws = [
            unit(rng).to_bits(),
            below(rng, 1_000_000_007),
            exponential(rng).to_bits(),
            normal(rng).to_bits(),
            log_normal(rng, 0.5, 0.25).to_bits(),
            pareto(rng, 1.5).to_bits(),
            weibull(rng, 0.7).to_bits(),
            geometric(rng, Probability::from_f64(0.001).unwrap()),
            uniform_duration(rng, SimDuration::ZERO, SimDuration::from_secs(1)).as_nanos(),
            u64::from(bernoulli(rng, half)),
        ];
        assert_eq!(draws, KNOWN, "{draws:#x?}");
    }

    const KNOWN: [u64; 10] = [
        0x3fd9_c253_3aa3_2902,
        80_383_709,
        0x3fe0_87c8_9d36_5194,
        0xbfd7_6c7c_a637_0a6c,
        0x3ff5_963c_d8fc_d3b6,
        0x400c_0221_0244_62c9,
        0x3fac_eca7_cc86_060a,
        347,
        483_257_156,
        0,
    ];
}
