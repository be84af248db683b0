//! Means with intervals over a swept parameter, a curve for each variant.

use super::axis::Axis;
use super::figure::{CurveLook, Figure, Look, Mark, Panel, Value};
use super::select::{Selection, axis};
use super::sentence;
use crate::quantity::{Kind, Unit};
use crate::results::{PlotRequest, Results};

/// The metric that stands beside every latency.
const DELIVERED: &str = "delivered";

/// Makes the figure of a metric over an axis.
///
/// # Errors
/// Says which name is unknown, or that there is nothing to show.
pub(super) fn figure(results: &Results, request: &PlotRequest, x: &str, y: &str) -> Result<Figure, String> {
    let x_axis = axis(results, x)?;
    let metric = results.metric_index(y).ok_or_else(|| format!("there is no metric \"{y}\""))?;
    let selection = Selection::new(results, &request.only, request.by.as_deref(), Some(x_axis))?;
    let beside = companion(results, metric);
    let mut panels = Vec::new();
    for (title, points) in &selection.panels {
        panels.push(Panel {
            title: title.clone(),
            marks: curves(results, &selection, points, x_axis, metric),
            strip: beside.map_or_else(Vec::new, |beside| curves(results, &selection, points, x_axis, beside)),
        });
    }
    let all = |of: fn(&Panel) -> &Vec<Mark>| extent(panels.iter().flat_map(of));
    let (low, high) = all(|panel| &panel.marks).ok_or("the metric is undefined at every point")?;
    let definition = &results.manifest.metrics[metric];
    let kind = Kind::of_metric(definition);
    let name = if definition.title.is_empty() { &definition.name } else { &definition.title };
    let unit = if request.log_y { kind.unit_for_all([low, high]) } else { kind.unit_for(high) };
    let range = if request.log_y { (low, high) } else { (base(low, high), high) };
    let y = Axis::over(name, &unit, range, request.log_y, 6);
    let strip = beside.and_then(|_| all(|panel| &panel.strip)).map(|(low, _)| delivered_axis(low));
    let title = request.title.clone().unwrap_or_else(|| sentence(&format!("{name} over {x}")));
    Ok(Figure {
        title,
        subtitle: selection.subtitle.clone(),
        caption: caption(results, &selection, metric) + &selection.left_out,
        x: Axis::of_parameter(results, x_axis, request.log_x),
        y,
        strip,
        panels,
        key: selection.key(results, Look::Points),
    })
}

/// The delivered fraction, if `metric` is a latency.
fn companion(results: &Results, metric: usize) -> Option<usize> {
    let latency = results.manifest.metrics[metric].name.starts_with("latency");
    if latency { results.metric_index(DELIVERED) } else { None }
}

fn curves(results: &Results, selection: &Selection, points: &[usize], x: usize, metric: usize) -> Vec<Mark> {
    let curves = selection.curves();
    let numeric = results.quantities(x);
    let kind = Kind::of_metric(&results.manifest.metrics[metric]);
    // Categories leave room to stand side by side, as a share of their slot; on a scale there is only a
    // little, in pixels, so that intervals do not hide each other.
    let count = curves.len().max(1) as f64;
    let (beside, apart) = if numeric.is_some() {
        (0.0, f64::min(5.0, 20.0 / count))
    } else {
        (f64::min(0.12, 0.6 / count), 0.0)
    };
    let mut marks = Vec::new();
    for (series, curve) in curves.iter().enumerate() {
        let mut values: Vec<(f64, Option<Value>)> = Vec::new();
        let steps = series as f64 - (count - 1.0) / 2.0;
        for point in selection.curve(results, points, *curve) {
            let index = results.points[point].values[x];
            let place = match &numeric {
                Some(quantities) => quantities[index].value,
                None => index as f64 + steps * beside,
            };
            let estimate = results.estimate(point, metric);
            let value = estimate.map(|estimate| Value {
                x: place,
                y: estimate.mean,
                interval: estimate.interval(),
                title: format!(
                    "{} {}: {} (n = {})",
                    selection.name(results, *curve),
                    results.describe(&[x], &[index]),
                    kind.show(estimate.mean, estimate.half_width),
                    estimate.n
                ),
            });
            values.push((place, value));
        }
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values = values.into_iter().map(|(_, value)| value).collect();
        marks.push(Mark::Curve { series, values, look: CurveLook::Points(steps * apart) });
    }
    marks
}

/// The smallest and largest ordinate, with intervals.
fn extent<'a>(marks: impl Iterator<Item = &'a Mark>) -> Option<(f64, f64)> {
    let mut extent: Option<(f64, f64)> = None;
    for mark in marks {
        let Mark::Curve { values, .. } = mark else { continue };
        for value in values.iter().flatten() {
            let (mut low, high) = value.interval.unwrap_or((value.y, value.y));
            if low <= 0.0 && value.y > 0.0 {
                // A log axis has no place for the lower end; the mean is enough.
                low = value.y;
            }
            extent =
                Some(extent.map_or((low, high), |(lowest, highest)| (low.min(lowest), high.max(highest))));
        }
    }
    extent
}

/// Where an ordinate begins: at zero, unless the data would fill only the topmost fifth.
fn base(low: f64, high: f64) -> f64 {
    if low > 0.8 * high && high > low { low - (high - low) } else { low.min(0.0) }
}

/// The delivered fraction from the next round value below `low` up to all.
fn delivered_axis(low: f64) -> Axis {
    let from = [0.99, 0.95, 0.9, 0.8, 0.5].into_iter().find(|from| low >= *from && *from <= 0.9);
    let unit = Unit { size: 0.01, symbol: "%".to_owned() };
    Axis::over("delivered", &unit, (from.unwrap_or(0.0), 1.0), false, 2)
}

/// How many runs there are and what the bars mean.
fn caption(results: &Results, selection: &Selection, metric: usize) -> String {
    let counts: Vec<usize> = selection
        .panels
        .iter()
        .flat_map(|(_, points)| points)
        .filter_map(|point| results.estimate(*point, metric).map(|estimate| estimate.n))
        .collect();
    let (low, high) = (counts.iter().min().copied(), counts.iter().max().copied());
    match (low.unwrap_or(0), high.unwrap_or(0)) {
        (1, 1) => "n = 1 run a point, so there is no interval".to_owned(),
        (low, high) if low == high => format!("n = {low} runs a point, bars: 95 % interval of the mean"),
        (low, high) => format!("n = {low} to {high} runs a point, bars: 95 % interval of the mean"),
    }
}
