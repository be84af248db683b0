//! `summary.csv` and `paired.csv`: the sweep, point by point and variant against variant.

use std::collections::BTreeMap;

use crate::OutputFile;
use crate::results::Results;
use crate::statistics::{Estimate, Verdict, paired};

/// A difference between two values of an axis, all else equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Index of the metric.
    pub metric: usize,
    /// Index of the axis.
    pub axis: usize,
    /// Index of the axis's value called a.
    pub a: usize,
    /// Index of the axis's value called b.
    pub b: usize,
    /// Index of the point that has a.
    pub point_a: usize,
    /// Index of the point that has b.
    pub point_b: usize,
    /// The mean of a - b over the replications; nothing without a pair.
    pub difference: Option<Estimate>,
}

impl Comparison {
    /// What the difference says; nothing where there is no interval.
    pub fn verdict(&self) -> Option<Verdict> {
        self.difference.as_ref().and_then(Verdict::of)
    }
}

impl Results {
    /// The estimate of a metric at a point over its finished runs; nothing where it is undefined.
    pub fn estimate(&self, point: usize, metric: usize) -> Option<Estimate> {
        Estimate::of(&self.values(point, metric))
    }

    /// `summary.csv` and `paired.csv`.
    pub fn summary_files(&self) -> Vec<OutputFile> {
        vec![
            OutputFile { path: "summary.csv".to_owned(), bytes: self.summary_csv() },
            OutputFile { path: "paired.csv".to_owned(), bytes: self.paired_csv() },
        ]
    }

    /// The axes whose values are variants to hold against each other: those that are names. Where
    /// there is none, the first axis.
    pub fn variant_axes(&self) -> Vec<usize> {
        let mut variants: Vec<usize> = Vec::new();
        for axis in 0..self.manifest.axes.len() {
            let tied = variants.iter().any(|other| self.decides(*other, axis));
            if self.quantities(axis).is_none() && !tied {
                variants.push(axis);
            }
        }
        if variants.is_empty() && !self.manifest.axes.is_empty() { vec![0] } else { variants }
    }

    /// Compares the values of `axis` pair by pair, wherever all axes not tied to it are equal.
    pub fn comparisons(&self, metric: usize, axis: usize) -> Vec<Comparison> {
        let axes: Vec<usize> = (0..self.manifest.axes.len()).collect();
        let others: Vec<usize> = axes.into_iter().filter(|other| !self.decides(axis, *other)).collect();
        let points: Vec<usize> = (0..self.points.len()).collect();
        let mut comparisons = Vec::new();
        for (_, group) in self.group_by(&points, &others) {
            let mut by_value: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for point in group {
                by_value.entry(self.points[point].values[axis]).or_default().push(point);
            }
            // A value that several points share (tied axes repeat some) has no single counterpart.
            let single: Vec<(usize, usize)> = by_value
                .into_iter()
                .filter_map(|(value, points)| (points.len() == 1).then(|| (value, points[0])))
                .collect();
            for (index, (a, point_a)) in single.iter().enumerate() {
                for (b, point_b) in &single[index + 1..] {
                    let difference = self.difference(metric, *point_a, *point_b);
                    let (a, b, point_a, point_b) = (*a, *b, *point_a, *point_b);
                    comparisons.push(Comparison { metric, axis, a, b, point_a, point_b, difference });
                }
            }
        }
        comparisons
    }

    fn difference(&self, metric: usize, point_a: usize, point_b: usize) -> Option<Estimate> {
        let value = |run: &crate::results::Run| run.metrics.get(metric).copied().flatten();
        let b: BTreeMap<u64, Option<f64>> =
            self.finished_runs(point_b).map(|run| (run.replication, value(run))).collect();
        paired(self.finished_runs(point_a).filter_map(|run| Some((value(run), *b.get(&run.replication)?))))
    }

    fn summary_csv(&self) -> Vec<u8> {
        let mut header = vec!["point".to_owned()];
        header.extend(self.manifest.axes.iter().map(|axis| format!("param.{}", axis.name)));
        header.push("n".to_owned());
        for metric in &self.manifest.metrics {
            header.extend(["mean", "ci95", "n"].map(|part| format!("{}_{part}", metric.column)));
        }
        let has_lives = self.metric_index("battery-life").is_some();
        if has_lives {
            header.extend(["battery_life_low_ns", "battery_life_high_ns"].map(str::to_owned));
        }
        let mut rows = vec![header];
        for (index, point) in self.points.iter().enumerate() {
            let mut row = vec![point.name.clone()];
            row.extend((0..self.manifest.axes.len()).map(|axis| self.value_text(index, axis).to_owned()));
            row.push(self.finished_runs(index).count().to_string());
            for metric in 0..self.manifest.metrics.len() {
                let estimate = self.estimate(index, metric);
                row.push(cell(estimate.map(|estimate| estimate.mean)));
                row.push(cell(estimate.and_then(|estimate| estimate.half_width)));
                row.push(estimate.map_or(0, |estimate| estimate.n).to_string());
            }
            if has_lives {
                let life = self.battery_life(index);
                row.extend([cell(life.map(|life| life.low)), cell(life.map(|life| life.high))]);
            }
            rows.push(row);
        }
        csv_bytes(&rows)
    }

    fn paired_csv(&self) -> Vec<u8> {
        let mut header: Vec<String> = ["metric", "axis", "a", "b"].map(str::to_owned).to_vec();
        header.extend(self.manifest.axes.iter().map(|axis| format!("param.{}", axis.name)));
        header.extend(["n", "mean_difference", "ci95_low", "ci95_high", "verdict"].map(str::to_owned));
        let mut rows = vec![header];
        for metric in 0..self.manifest.metrics.len() {
            for axis in self.variant_axes() {
                for comparison in self.comparisons(metric, axis) {
                    rows.push(self.paired_row(&comparison));
                }
            }
        }
        csv_bytes(&rows)
    }

    fn paired_row(&self, comparison: &Comparison) -> Vec<String> {
        let axis = &self.manifest.axes[comparison.axis];
        let mut row = vec![
            self.manifest.metrics[comparison.metric].name.clone(),
            axis.name.clone(),
            axis.values[comparison.a].0.clone(),
            axis.values[comparison.b].0.clone(),
        ];
        for other in 0..self.manifest.axes.len() {
            let tied = self.decides(comparison.axis, other);
            row.push(if tied {
                String::new()
            } else {
                self.value_text(comparison.point_a, other).to_owned()
            });
        }
        let difference = comparison.difference;
        let interval = difference.and_then(|difference| difference.interval());
        row.push(difference.map_or(0, |difference| difference.n).to_string());
        row.push(cell(difference.map(|difference| difference.mean)));
        row.push(cell(interval.map(|interval| interval.0)));
        row.push(cell(interval.map(|interval| interval.1)));
        row.push(comparison.verdict().map_or("", Verdict::words).to_owned());
        row
    }
}

/// A number in its shortest form; empty where there is none.
fn cell(value: Option<f64>) -> String {
    // Adding zero turns a negative zero into zero.
    value.map_or_else(String::new, |value| format!("{}", value + 0.0))
}

fn csv_bytes(rows: &[Vec<String>]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("memory takes every write");
    }
    writer.into_inner().expect("memory takes every flush")
}

#[cfg(test)]
mod tests {
    use crate::sample;

    fn file(name: &str) -> String {
        let results = sample::tiny();
        let file = results.summary_files().into_iter().find(|file| file.path == name).unwrap();
        String::from_utf8(file.bytes).unwrap()
    }

    /// tcp has latencies 10, 12 ns: mean 11, variance 2, standard error 1, t(1) = 12.706 204 736.
    /// udp has 4 and an undefined one: mean 4, no interval, n 1 of 2 runs.
    #[test]
    fn the_summary_counts_what_is_defined() {
        insta::assert_snapshot!(file("summary.csv"), @r"
            point,param.transport,n,latency_p95_ns_mean,latency_p95_ns_ci95,latency_p95_ns_n,delivered_fraction_mean,delivered_fraction_ci95,delivered_fraction_n
            p0000,tcp,2,11,12.706204736,2,1,0,2
            p0001,udp,2,4,,1,0.25,3.176551184,2
            ");
    }

    /// Only replication 0 has both: 10 - 4 = 6, and no interval. Delivered: 1 - 0.5 and 1 - 0 are
    /// 0.5 and 1: mean 0.75, variance 0.125, standard error 0.25, half width 3.176 551 184.
    #[test]
    fn differences_are_paired_by_replication() {
        insta::assert_snapshot!(file("paired.csv"), @r"
            metric,axis,a,b,param.transport,n,mean_difference,ci95_low,ci95_high,verdict
            latency.p95,transport,tcp,udp,,1,6,,,
            delivered,transport,tcp,udp,,2,0.75,-2.426551184,3.926551184,no difference seen
            ");
    }

    #[test]
    fn the_same_results_give_the_same_bytes() {
        assert_eq!(sample::sweep().summary_files(), sample::sweep().summary_files());
    }
}
