//! What must come out, held against what came out.

use reports::Results;
use reports::quantity::Kind;
use reports::results::{Expectation, Label};
use scenarios::language::Expected;
use serde::Serialize;
use serde_json::{Map, Value};

/// An expectation, and what was measured. Numbers are in the unit of the metric's column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Outcome {
    metric: String,
    #[serde(rename = "where")]
    filter: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    /// The point that is farthest from what was expected, or the first one where nothing could be measured.
    point: Option<String>,
    /// The mean over its runs.
    measured: Option<f64>,
    /// Whether every point came out as expected.
    pub(crate) passed: bool,
}

impl Outcome {
    /// Judges one expectation: the mean over the runs of each point that it is about must be as it says. A point
    /// without a measured value fails.
    pub(crate) fn of(expected: &Expected, results: &Results) -> Self {
        let only = expected.filter.iter().map(|(name, value)| (name.clone(), Label(value.clone()))).collect();
        let metric = results.metric_index(expected.metric.name);
        let (min, max) = bounds(expected);
        let mut worst: Option<(f64, usize, Option<f64>)> = None;
        let mut passed = true;
        for point in results.points_where(&only) {
            let mean =
                metric.and_then(|metric| results.estimate(point, metric)).map(|estimate| estimate.mean);
            passed &= mean.is_some_and(|mean| expected.holds(mean));
            let excess = mean.map_or(f64::INFINITY, |mean| excess(mean, min, max));
            if worst.as_ref().is_none_or(|(most, _, _)| excess > *most) {
                worst = Some((excess, point, mean));
            }
        }
        let filter = expected.filter.iter().map(|(name, value)| (name.clone(), Value::String(value.clone())));
        Self {
            metric: expected.metric.name.to_owned(),
            filter: filter.collect(),
            min,
            max,
            point: worst.map(|(_, point, _)| results.points[point].name.clone()),
            measured: worst.and_then(|(_, _, mean)| mean),
            passed: passed && worst.is_some(),
        }
    }

    /// An outcome that a manifest holds.
    pub(crate) fn recorded(recorded: &Expectation) -> Self {
        let only = recorded.only.iter();
        Self {
            metric: recorded.metric.clone(),
            filter: only.map(|(name, value)| (name.clone(), Value::String(value.0.clone()))).collect(),
            min: recorded.min,
            max: recorded.max,
            point: None,
            measured: recorded.measured,
            passed: recorded.passed,
        }
    }

    /// The outcome in words: `latency.p95 where loss 1 %: 52 ms at p0001, expected at most 50 ms`.
    pub(crate) fn in_words(&self, results: &Results) -> String {
        let kind = results
            .metric_index(&self.metric)
            .map_or(Kind::Other(String::new()), |metric| Kind::of_metric(&results.manifest.metrics[metric]));
        let show = |value: f64| kind.show(value, None);
        let mut text = self.metric.clone();
        for (number, (name, value)) in self.filter.iter().enumerate() {
            let word = if number == 0 { " where" } else { "," };
            text.push_str(&format!("{word} {name} {}", value.as_str().unwrap_or_default()));
        }
        text.push_str(&match (self.measured, &self.point) {
            (Some(measured), Some(point)) => format!(": {} at {point}", show(measured)),
            (None, Some(point)) => format!(": nothing to measure at {point}"),
            (Some(measured), None) => format!(": {}", show(measured)),
            (None, None) => ": no point to measure at".to_owned(),
        });
        text.push_str(&match (self.min, self.max) {
            (Some(min), Some(max)) if show(min) == show(max) => format!(", expected {}", show(min)),
            (Some(min), Some(max)) => format!(", expected {} to {}", show(min), show(max)),
            (Some(min), None) => format!(", expected at least {}", show(min)),
            (None, Some(max)) => format!(", expected at most {}", show(max)),
            (None, None) => String::new(),
        });
        text
    }
}

/// The least and the most that pass; a value with a tolerance is a range.
fn bounds(expected: &Expected) -> (Option<f64>, Option<f64>) {
    let low = expected.equals.map(|(value, within)| value - within);
    let high = expected.equals.map(|(value, within)| value + within);
    let tighter = |a: Option<f64>, b: Option<f64>, pick: fn(f64, f64) -> f64| match (a, b) {
        (Some(a), Some(b)) => Some(pick(a, b)),
        (one, None) | (None, one) => one,
    };
    (tighter(expected.min, low, f64::max), tighter(expected.max, high, f64::min))
}

/// How far `mean` is beyond the nearer bound; negative inside.
fn excess(mean: f64, min: Option<f64>, max: Option<f64>) -> f64 {
    let below = min.map_or(f64::NEG_INFINITY, |min| min - mean);
    let above = max.map_or(f64::NEG_INFINITY, |max| mean - max);
    below.max(above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excess_is_the_distance_beyond_the_bound() {
        assert_eq!(excess(7.0, Some(1.0), Some(5.0)), 2.0);
        assert_eq!(excess(0.0, Some(1.0), Some(5.0)), 1.0);
        // Inside: 4 is 3 above the least and 1 below the most.
        assert_eq!(excess(4.0, Some(1.0), Some(5.0)), -1.0);
    }

    #[test]
    fn a_value_with_a_tolerance_is_a_range() {
        let metric = scenarios::language::metric("delivered").expect("it is in the table");
        let expected =
            Expected { metric, filter: Vec::new(), min: Some(0.5), max: None, equals: Some((0.75, 0.125)) };
        assert_eq!(bounds(&expected), (Some(0.625), Some(0.875)));
    }
}
