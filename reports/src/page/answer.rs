//! The answer in a few sentences, computed from the paired differences and claiming no more than they say.

use std::collections::{BTreeMap, BTreeSet};

use crate::quantity::Kind;
use crate::results::{Better, Results};
use crate::statistics::Verdict;

/// What one case (all other parameters equal) says about the variants.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Outcome {
    /// This value of the variant axis is better than every other.
    Wins(usize),
    /// No difference seen between these, which are better than the rest.
    Tie(Vec<usize>),
    /// Too few values to tell.
    Open,
}

/// A case: values of the other axes, the outcome, and by how much the winner wins over the next.
struct Case {
    values: Vec<usize>,
    outcome: Outcome,
    margin: f64,
}

/// Sentences about the metric in question and the delivered fraction.
pub(super) fn sentences(results: &Results) -> Vec<String> {
    let asked = results.manifest.plots.iter().filter_map(|plot| plot.y.as_deref());
    let metrics = asked.chain(["latency.p95", "delivered"]).filter_map(|name| results.metric_index(name));
    let mut chosen: Vec<usize> = Vec::new();
    for metric in metrics {
        if results.manifest.metrics[metric].better.is_some() && !chosen.contains(&metric) {
            chosen.push(metric);
        }
    }
    let delivered = results.metric_index("delivered");
    // The question's own metric, and what was delivered beside it.
    let first = chosen.iter().copied().find(|metric| Some(*metric) != delivered);
    let chosen: Vec<usize> = first.into_iter().chain(delivered.filter(|m| chosen.contains(m))).collect();
    let variants = results.variant_axes().first().copied();
    let several = variants.filter(|axis| results.manifest.axes[*axis].values.len() > 1);
    match several {
        Some(axis) => chosen.into_iter().flat_map(|metric| compared(results, metric, axis)).collect(),
        None => chosen.into_iter().filter_map(|metric| measured(results, metric)).collect(),
    }
}

/// What was measured where there is nothing to compare.
fn measured(results: &Results, metric: usize) -> Option<String> {
    let definition = &results.manifest.metrics[metric];
    let estimate = results.points.first().and_then(|_| results.estimate(0, metric))?;
    let shown = Kind::of_metric(definition).show(estimate.mean, estimate.half_width);
    Some(format!("{}: {shown} over {} runs.", title(results, metric), estimate.n))
}

/// Sentences that compare the values of `axis`.
fn compared(results: &Results, metric: usize, axis: usize) -> Vec<String> {
    let Some(better) = results.manifest.metrics[metric].better else {
        return Vec::new();
    };
    let others = other_axes(results, axis);
    let cases = cases(results, metric, axis, better, &others);
    let all = cases.len();
    let mut by_outcome: BTreeMap<Outcome, Vec<&Case>> = BTreeMap::new();
    for case in &cases {
        by_outcome.entry(case.outcome.clone()).or_default().push(case);
    }
    let mut groups: Vec<(Outcome, Vec<&Case>)> = by_outcome.into_iter().collect();
    groups.sort_by_key(|(_, cases)| usize::MAX - cases.len());
    let word = match better {
        Better::Lower => "lowest",
        Better::Higher => "highest",
    };
    let values = &results.manifest.axes[axis].values;
    let mut sentences = Vec::new();
    for (outcome, cases) in groups {
        let place = place(results, &others, &cases, all);
        let subject = title(results, metric);
        sentences.push(match outcome {
            Outcome::Wins(winner) => {
                let margin = margins(results, metric, &cases);
                format!("{subject}: {} is {word} {place}, by {margin} against the next.", values[winner].0)
            }
            Outcome::Tie(tied) => {
                let names: Vec<String> = tied.iter().map(|value| values[*value].0.clone()).collect();
                let rest = if tied.len() < values.len() { ", which are better than the rest" } else { "" };
                format!("{subject}: no difference seen between {}{rest}, {place}.", listed(&names))
            }
            Outcome::Open => format!("{subject}: too few values to tell, {place}."),
        });
    }
    sentences
}

fn other_axes(results: &Results, axis: usize) -> Vec<usize> {
    let mut others: Vec<usize> = Vec::new();
    for other in 0..results.manifest.axes.len() {
        let tied = std::iter::once(&axis).chain(&others).any(|known| results.decides(*known, other));
        if !tied {
            others.push(other);
        }
    }
    others
}

fn cases(results: &Results, metric: usize, axis: usize, better: Better, others: &[usize]) -> Vec<Case> {
    let comparisons = results.comparisons(metric, axis);
    let points: Vec<usize> = (0..results.points.len()).collect();
    let mut cases = Vec::new();
    for (values, group) in results.group_by(&points, others) {
        let mut means: Vec<(f64, usize, usize)> = Vec::new();
        for point in &group {
            if let Some(estimate) = results.estimate(*point, metric) {
                let mean = if better == Better::Lower { estimate.mean } else { -estimate.mean };
                means.push((mean, *point, results.points[*point].values[axis]));
            }
        }
        means.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let complete = means.len() == group.len() && means.len() > 1;
        let verdict_against = |best: usize, rival: usize| {
            comparisons
                .iter()
                .find(|c| [c.point_a, c.point_b] == [best, rival] || [c.point_a, c.point_b] == [rival, best])
                .and_then(|comparison| comparison.verdict())
        };
        let (mut outcome, mut margin) = (Outcome::Open, 0.0);
        if complete {
            let verdicts: Vec<Option<Verdict>> =
                means[1..].iter().map(|rival| verdict_against(means[0].1, rival.1)).collect();
            if verdicts.iter().all(Option::is_some) {
                let mut tied: Vec<usize> = vec![means[0].2];
                for (verdict, rival) in verdicts.iter().zip(&means[1..]) {
                    if *verdict == Some(Verdict::NoDifference) {
                        tied.push(rival.2);
                    }
                }
                tied.sort_unstable();
                outcome = if tied.len() == 1 { Outcome::Wins(tied[0]) } else { Outcome::Tie(tied) };
                margin = means[1].0 - means[0].0;
            }
        }
        cases.push(Case { values, outcome, margin });
    }
    cases
}

/// The smallest and the largest margin of the cases.
fn margins(results: &Results, metric: usize, cases: &[&Case]) -> String {
    let kind = Kind::of_metric(&results.manifest.metrics[metric]);
    let low = cases.iter().map(|case| case.margin).fold(f64::INFINITY, f64::min);
    let high = cases.iter().map(|case| case.margin).fold(0.0, f64::max);
    let show = |value: f64| {
        let shown = kind.show(value, None);
        // A difference of percentages is no percentage of either.
        unbroken(&if kind == Kind::Share { shown.replace('%', "percentage points") } else { shown })
    };
    if show(low) == show(high) { show(low) } else { format!("{} to {}", show(low), show(high)) }
}

/// Where the cases lie: `in 4 of 10 cases (loss 5 % and 10 %)`.
fn place(results: &Results, others: &[usize], cases: &[&Case], all: usize) -> String {
    if all == 1 {
        return "in the one case measured".to_owned();
    }
    if cases.len() == all {
        return format!("in all {all} cases");
    }
    let mut product = 1;
    let mut parts = Vec::new();
    for (column, axis) in others.iter().enumerate() {
        let taken: BTreeSet<usize> = cases.iter().map(|case| case.values[column]).collect();
        product *= taken.len();
        let values = &results.manifest.axes[*axis].values;
        if taken.len() < values.len() {
            let names: Vec<String> = taken.iter().map(|value| unbroken(&values[*value].0)).collect();
            let first = taken.first().copied().unwrap_or(0);
            let run = taken.iter().copied().eq(first..first + taken.len());
            let text = if run && names.len() > 2 && results.quantities(*axis).is_some() {
                format!("{} to {}", names[0], names[names.len() - 1])
            } else {
                listed(&names)
            };
            parts.push(format!("{} {text}", results.manifest.axes[*axis].name));
        }
    }
    let count = format!("in {} of {all} cases", cases.len());
    // Only a full grid of values can be named axis by axis.
    if product == cases.len() { format!("{count} ({})", parts.join("; ")) } else { count }
}

fn title(results: &Results, metric: usize) -> String {
    let metric = &results.manifest.metrics[metric];
    let title = if metric.title.is_empty() { &metric.name } else { &metric.title };
    // What never arrived has no latency: the claim holds for the rest.
    let of = if metric.name.starts_with("latency") { " (of delivered messages)" } else { "" };
    crate::plot::sentence(title) + of
}

/// A quantity that no line break parts from its unit.
fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    /// The tiny results have one pair of latencies (no interval), and a difference in delivery whose
    /// interval, -2.4 to 3.9, includes zero.
    #[test]
    fn nothing_is_claimed_without_evidence() {
        insta::assert_snapshot!(sentences(&sample::tiny()).join("\n"), @r"
            Latency, 95th percentile (of delivered messages): too few values to tell, in the one case measured.
            Delivered fraction: no difference seen between tcp and udp, in the one case measured.
            ");
    }

    #[test]
    fn a_winner_is_named_with_margin_and_range() {
        insta::assert_snapshot!(sentences(&sample::sweep()).join("\n"), @r"
            Latency, 95th percentile (of delivered messages): udp is lowest in 6 of 10 cases (loss 2 % to 10 %), by 36.67 µs to 192.6 ms against the next.
            Latency, 95th percentile (of delivered messages): no difference seen between tcp, udp and coap/udp, in 4 of 10 cases (loss 0 % and 1 %).
            Delivered fraction: no difference seen between tcp and coap/udp, which are better than the rest, in 8 of 10 cases (loss 1 % to 10 %).
            Delivered fraction: no difference seen between tcp, udp and coap/udp, in 2 of 10 cases (loss 0 %).
            ");
    }

    #[test]
    fn names_are_listed() {
        assert_eq!(listed(&["a", "b", "c"].map(str::to_owned)), "a, b and c");
        assert_eq!(listed(&["a".to_owned()]), "a");
    }
}
