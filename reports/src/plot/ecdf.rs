//! The distribution of latencies, out of all messages: each curve ends at its delivered fraction.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::figure::{CurveLook, Figure, Look, Mark, Panel, Value};
use super::select::Selection;
use crate::quantity::{Kind, Unit};
use crate::results::{PlotRequest, Results};
use crate::statistics::{Distribution, mean};

/// Makes the figure of the distribution of `what`.
///
/// # Errors
/// Says which name is unknown, or that there is nothing to show.
pub(super) fn figure(results: &Results, request: &PlotRequest, what: &str) -> Result<Figure, String> {
    if what != "latency" {
        return Err(format!("there is no distribution of \"{what}\", only of \"latency\""));
    }
    let selection = Selection::new(results, &request.only, request.by.as_deref(), None)?;
    let by_point = counts_by_point(results);
    let delivered = results.metric_index("delivered");
    let mut distributions = Vec::new();
    for (_, points) in &selection.panels {
        for curve in selection.curves() {
            let points = selection.curve(results, points, curve);
            let counts = points.iter().filter_map(|point| by_point.get(point)).flatten().copied();
            let shares: Vec<f64> = delivered
                .iter()
                .flat_map(|metric| points.iter().flat_map(|point| results.values(*point, *metric)))
                .collect();
            distributions.push((Distribution::of(counts), mean(&shares)));
        }
    }
    let steps = || distributions.iter().flat_map(|(distribution, _)| distribution.steps());
    let high = steps().map(|step| step.0).max().ok_or("no message was delivered")? as f64;
    let low = steps().map(|step| step.0).min().map_or(0.0, |low| low as f64);
    let log = request.log_x && low > 0.0;
    let unit = if log { Kind::Time.unit_for_all([low, high]) } else { Kind::Time.unit_for(high) };
    let x = Axis::over("latency", &unit, (if log { low } else { 0.0 }, high), log, 7);
    let (first, last) = (x.ticks[0].0, x.ticks[x.ticks.len() - 1].0);

    let mut panels: Vec<Panel> = selection
        .panels
        .iter()
        .map(|(title, _)| Panel { title: title.clone(), marks: Vec::new(), strip: Vec::new() })
        .collect();
    let curves = selection.curves().len();
    for (index, (distribution, delivered)) in distributions.iter().enumerate() {
        let values = values(distribution, delivered.unwrap_or(1.0), first, last);
        let mark = Mark::Curve { series: index % curves, values, look: CurveLook::Steps };
        panels[index / curves].marks.push(mark);
    }
    let percent = Unit { size: 0.01, symbol: "%".to_owned() };
    let (label, caption) = match delivered {
        Some(_) => ("messages delivered within", "a curve ends at the fraction that was delivered at all"),
        None => ("delivered messages within", "out of the messages that were delivered"),
    };
    let runs = runs_range(results, &selection);
    Ok(Figure {
        title: request.title.clone().unwrap_or_else(|| "Distribution of the latency".to_owned()),
        subtitle: selection.subtitle.clone(),
        caption: format!("all messages of {runs} a curve; {caption}{}", selection.left_out),
        x,
        y: Axis::over(label, &percent, (0.0, 1.0), false, 5),
        strip: None,
        panels,
        key: selection.key(results, Look::Line),
    })
}

fn counts_by_point(results: &Results) -> BTreeMap<usize, Vec<(u64, u64)>> {
    let mut by_point: BTreeMap<usize, Vec<(u64, u64)>> = BTreeMap::new();
    for row in &results.latency {
        let run = &results.runs[row.run];
        if run.failure.is_none() {
            by_point.entry(run.point).or_default().push((row.value_ns, row.count));
        }
    }
    by_point
}

/// The steps of a curve from the left end of the axis to the right one.
fn values(distribution: &Distribution, delivered: f64, first: f64, last: f64) -> Vec<Option<Value>> {
    let count = distribution.count();
    if count == 0 {
        return Vec::new();
    }
    let value =
        |x: f64, share: f64| Some(Value { x, y: share * delivered, interval: None, title: String::new() });
    let mut values = vec![value(first, 0.0)];
    for (latency, cumulative) in distribution.steps() {
        values.push(value(*latency as f64, *cumulative as f64 / count as f64));
    }
    values.push(value(last, 1.0));
    values
}

/// `30 runs`, or `28 to 30 runs` where some failed.
fn runs_range(results: &Results, selection: &Selection) -> String {
    let mut counts = Vec::new();
    for (_, points) in &selection.panels {
        for curve in selection.curves() {
            let points = selection.curve(results, points, curve);
            counts.push(points.iter().map(|point| results.finished_runs(*point).count()).sum::<usize>());
        }
    }
    match (counts.iter().min().copied().unwrap_or(0), counts.iter().max().copied().unwrap_or(0)) {
        (1, 1) => "1 run".to_owned(),
        (low, high) if low == high => format!("{low} runs"),
        (low, high) => format!("{low} to {high} runs"),
    }
}
