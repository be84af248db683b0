//! The statistics that the tables and plots are made of.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// How many values it rests on.
    pub n: usize,
    /// The arithmetic mean.
    pub mean: f64,
    /// Half the width of the 95 % interval (Student t); nothing for fewer than two values.
    pub half_width: Option<f64>,
}

impl Estimate {
    /// Estimates the mean of the population that `values` were drawn from; nothing without values, nor
    /// where their sum is beyond the numbers.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mean = mean(values).filter(|mean| mean.is_finite())?;
        let half_width = variance(values).filter(|variance| variance.is_finite()).map(|variance| {
            let n = values.len() as f64;
            student_t_975(values.len() - 1) * (variance / n).sqrt()
        });
        Some(Self { n: values.len(), mean, half_width })
    }

    /// The lower and upper end of the 95 % interval.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.half_width.map(|half| (self.mean - half, self.mean + half))
    }
}

/// The arithmetic mean; nothing without values.
pub fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

/// The sample variance (divisor n - 1); nothing for fewer than two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    // Equal values have no variance, though their rounded mean may differ from them by a last bit.
    if values.iter().all(|value| *value == values[0]) {
        return Some(0.0);
    }
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    Some(squares / (values.len() - 1) as f64)
}

/// The 0.975 quantile of Student's t distribution: half of a two-sided 95 % interval.
///
/// Rounded to 10^-9, so that a last bit that differs between platforms changes no result. The
/// smallest value is that of the normal distribution, 1.959963985.
///
/// # Panics
/// Without a degree of freedom.
pub fn student_t_975(degrees_of_freedom: usize) -> f64 {
    assert!(degrees_of_freedom > 0, "an interval needs two values");
    let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom as f64)
        .expect("scale one and a positive number of degrees of freedom are valid");
    (distribution.inverse_cdf(0.975) * 1e9).round() / 1e9
}

/// The mean difference `a - b` of two variants that met the same worlds, replication by replication.
///
/// Pairs in which one value is undefined are left out; nothing without a whole pair.
pub fn paired(pairs: impl IntoIterator<Item = (Option<f64>, Option<f64>)>) -> Option<Estimate> {
    let differences: Vec<f64> = pairs.into_iter().filter_map(|(a, b)| Some(a? - b?)).collect();
    Estimate::of(&differences)
}

/// What a paired difference says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The whole 95 % interval is below zero.
    ALower,
    /// The whole 95 % interval is above zero.
    AHigher,
    /// The 95 % interval includes zero.
    NoDifference,
}

impl Verdict {
    /// The verdict on a difference; nothing where it has no interval.
    pub fn of(difference: &Estimate) -> Option<Self> {
        let (low, high) = difference.interval()?;
        Some(if high < 0.0 {
            Self::ALower
        } else if low > 0.0 {
            Self::AHigher
        } else {
            Self::NoDifference
        })
    }

    /// The words used in `paired.csv`.
    pub fn words(self) -> &'static str {
        match self {
            Self::ALower => "a lower",
            Self::AHigher => "a higher",
            Self::NoDifference => "no difference seen",
        }
    }
}

/// The empirical distribution of whole numbers: each value once, in order, with how many are as small.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Distribution {
    steps: Vec<(u64, u64)>,
}

impl Distribution {
    /// Gathers `(value, count)` pairs in any order; a value may occur several times.
    pub fn of(counts: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut sorted: Vec<(u64, u64)> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        sorted.sort_unstable();
        let mut steps: Vec<(u64, u64)> = Vec::new();
        let mut cumulative = 0_u64;
        for (value, count) in sorted {
            cumulative = cumulative.saturating_add(count);
            match steps.last_mut() {
                Some(last) if last.0 == value => last.1 = cumulative,
                Some(_) | None => steps.push((value, cumulative)),
            }
        }
        Self { steps }
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.steps.last().map_or(0, |step| step.1)
    }

    /// Each value with the number of values that are not larger.
    pub fn steps(&self) -> &[(u64, u64)] {
        &self.steps
    }

    /// The nearest-rank quantile `numerator / denominator`: the smallest value such that at least
    /// that share of all values is not larger. Nothing without values.
    ///
    /// # Panics
    /// If the denominator is zero.
    pub fn quantile(&self, numerator: u64, denominator: u64) -> Option<u64> {
        assert!(denominator > 0, "a share has a denominator");
        let product = u128::from(self.count()) * u128::from(numerator);
        let rank = product.div_ceil(u128::from(denominator)).max(1);
        self.steps.iter().find(|step| u128::from(step.1) >= rank).map(|step| step.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_t_quantile_of_nine_degrees_of_freedom_is_the_textbooks() {
        assert!((student_t_975(9) - 2.262_157_162_798_203_6).abs() < 1e-9);
        // One degree of freedom is the Cauchy distribution: tan(0.475 pi) = 12.706 204 736.
        assert!((student_t_975(1) - 12.706_204_736).abs() < 1e-8);
        assert!((student_t_975(29) - 2.045_229_642).abs() < 1e-8);
    }

    #[test]
    fn the_t_quantile_falls_towards_the_normal_one() {
        let mut last = f64::INFINITY;
        for degrees in 1..300 {
            let t = student_t_975(degrees);
            assert!(t < last && t > 1.959_963, "{degrees}: {t}");
            last = t;
        }
    }

    /// Values 2, 4, 4, 4, 5, 5, 7, 9: mean 40/8 = 5, squares 9+1+1+1+0+0+4+16 = 32, variance 32/7,
    /// standard error sqrt(32/7/8) = 0.755 928 946, times t(7) = 2.364 624 252: 1.787 487.
    #[test]
    fn an_interval_is_that_worked_out_by_hand() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&values), Some(5.0));
        assert_eq!(variance(&values), Some(32.0 / 7.0));
        let estimate = Estimate::of(&values).unwrap();
        assert_eq!((estimate.n, estimate.mean), (8, 5.0));
        assert!((estimate.half_width.unwrap() - 1.787_487_9).abs() < 1e-6);
    }

    #[test]
    fn one_value_has_a_mean_and_no_interval() {
        assert_eq!(Estimate::of(&[3.0]), Some(Estimate { n: 1, mean: 3.0, half_width: None }));
        assert_eq!(Estimate::of(&[]), None);
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        assert_eq!(Estimate::of(&[0.1; 7]).unwrap().half_width, Some(0.0));
    }

    /// a - b = 1, 2, 3 (the pair without b is left out): mean 2, variance 1, standard error
    /// 1/sqrt(3) = 0.577 350 269, t(2) = 4.302 652 730: half width 2.484 138, so zero is inside.
    #[test]
    fn a_paired_difference_is_that_worked_out_by_hand() {
        let pairs =
            [(Some(11.0), Some(10.0)), (Some(22.0), Some(20.0)), (Some(5.0), None), (Some(33.0), Some(30.0))];
        let difference = paired(pairs).unwrap();
        assert_eq!((difference.n, difference.mean), (3, 2.0));
        assert!((difference.half_width.unwrap() - 2.484_138).abs() < 1e-5);
        assert_eq!(Verdict::of(&difference), Some(Verdict::NoDifference));
    }

    #[test]
    fn a_verdict_needs_the_whole_interval_on_one_side() {
        let verdict = |mean, half_width| Verdict::of(&Estimate { n: 9, mean, half_width });
        assert_eq!(verdict(-2.0, Some(1.0)), Some(Verdict::ALower));
        assert_eq!(verdict(2.0, Some(1.0)), Some(Verdict::AHigher));
        assert_eq!(verdict(2.0, Some(2.0)), Some(Verdict::NoDifference));
        assert_eq!(verdict(0.0, Some(0.0)), Some(Verdict::NoDifference));
        assert_eq!(verdict(2.0, None), None);
    }

    /// Ranks of 15, 20, 35, 40, 50: 5 % is rank ceil(0.25) = 1, 30 % rank 2, 40 % rank 2, 50 % rank 3.
    #[test]
    fn quantiles_are_by_nearest_rank() {
        let values = Distribution::of([(50, 1), (15, 1), (40, 1), (20, 1), (35, 1)]);
        let at = |percent| values.quantile(percent, 100).unwrap();
        assert_eq!([at(0), at(5), at(30), at(40), at(50), at(100)], [15, 15, 20, 20, 35, 50]);
        assert_eq!(Distribution::default().quantile(1, 2), None);
    }

    #[test]
    fn a_distribution_gathers_equal_values() {
        let values = Distribution::of([(7, 2), (3, 1), (7, 1), (9, 0)]);
        assert_eq!(values.steps(), [(3, 1), (7, 4)]);
        assert_eq!(values.count(), 4);
    }

    #[test]
    fn quantiles_agree_with_a_sorted_list() {
        for n in 1..40_u64 {
            let list: Vec<u64> = (0..n).map(|i| i * 3 % 7).collect();
            let distribution = Distribution::of(list.iter().map(|value| (*value, 1)));
            let mut sorted = list.clone();
            sorted.sort_unstable();
            for percent in 1..=100 {
                let rank = (n * percent).div_ceil(100) as usize;
                assert_eq!(distribution.quantile(percent, 100), Some(sorted[rank - 1]), "{n} {percent}");
            }
        }
    }
}
