//! The tables of the report page.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::life::{self, Life};
use crate::plot::svg::escaped;
use crate::quantity::{Kind, plain, with_interval};
use crate::results::{EntityRow, EntityTable, NameId, Results};
use crate::statistics::Verdict;
use crate::table::best_points;

/// Rows of a table on the page at most; the files have them all.
const ROWS_MAX: usize = 400;
/// Rows up to which counters of nodes and links are shown.
const COUNTERS_MAX: usize = 60;

/// A table in the making.
pub(super) struct Table {
    out: String,
    rows: usize,
}

impl Table {
    /// Begins a table with these column headings.
    pub(super) fn new(headings: &[String]) -> Self {
        let mut out = "<div class=\"scroll\"><table><thead><tr>".to_owned();
        for heading in headings {
            let _ = write!(out, "<th scope=\"col\">{}</th>", escaped(heading));
        }
        out.push_str("</tr></thead><tbody>\n");
        Self { out, rows: 0 }
    }

    /// Adds a row of ready-made `<td>` elements.
    pub(super) fn row(&mut self, cells: &[String]) {
        self.rows += 1;
        if self.rows <= ROWS_MAX {
            let _ = writeln!(self.out, "<tr>{}</tr>", cells.concat());
        }
    }

    /// Ends the table.
    pub(super) fn end(mut self) -> String {
        self.out.push_str("</tbody></table></div>\n");
        if self.rows > ROWS_MAX {
            let _ = writeln!(self.out, "<p class=\"note\">{ROWS_MAX} of {} rows.</p>", self.rows);
        }
        self.out
    }
}

/// A cell of text.
pub(super) fn text(value: &str) -> String {
    format!("<td>{}</td>", escaped(value))
}

/// A cell of a number; `sort` is the number to sort by.
pub(super) fn number(shown: &str, sort: f64) -> String {
    format!("<td class=\"n\" data-v=\"{sort}\">{}</td>", escaped(shown))
}

/// Every point with every metric that is defined somewhere; the best of the variants in bold.
pub(super) fn summary(results: &Results) -> String {
    let defined = |metric: &usize| (0..results.points.len()).any(|p| results.estimate(p, *metric).is_some());
    let metrics: Vec<usize> = (0..results.manifest.metrics.len()).filter(defined).collect();
    let mut headings: Vec<String> = results.manifest.axes.iter().map(|axis| axis.name.clone()).collect();
    headings.push("n".to_owned());
    let mut units = Vec::new();
    for metric in &metrics {
        let definition = &results.manifest.metrics[*metric];
        let means = (0..results.points.len())
            .filter_map(|p| results.estimate(p, *metric))
            .map(|estimate| estimate.mean);
        let unit = Kind::of_metric(definition).unit_for_all(means);
        let title = if definition.title.is_empty() { &definition.name } else { &definition.title };
        let separator = if unit.symbol.is_empty() { "" } else { ", " };
        headings.push(format!("{title}{separator}{}", unit.symbol));
        units.push((unit, best_points(results, *metric)));
    }
    let mut table = Table::new(&headings);
    for point in 0..results.points.len() {
        let mut cells = parameters(results, point);
        let runs = results.finished_runs(point).count();
        cells.push(number(&runs.to_string(), runs as f64));
        for (metric, (unit, best)) in metrics.iter().zip(&units) {
            cells.push(match results.estimate(point, *metric) {
                None => "<td class=\"n\">–</td>".to_owned(),
                Some(estimate) => {
                    let half = estimate.half_width.map(|half| half / unit.size);
                    let mut shown = with_interval(estimate.mean / unit.size, half);
                    if estimate.n < runs {
                        let _ = write!(shown, " (n = {})", estimate.n);
                    }
                    let cell = number(&shown, estimate.mean);
                    if best.contains(&point) { cell.replace("class=\"n\"", "class=\"n best\"") } else { cell }
                }
            });
        }
        table.row(&cells);
    }
    table.end()
}

pub(super) fn parameters(results: &Results, point: usize) -> Vec<String> {
    (0..results.manifest.axes.len())
        .map(|axis| {
            let value = results.value_text(point, axis);
            let index = results.points[point].values[axis];
            match results.quantities(axis) {
                Some(quantities) => number(value, quantities[index].value),
                None => text(value),
            }
        })
        .collect()
}

/// The paired differences of the metrics that have a better direction.
pub(super) fn paired(results: &Results) -> String {
    let Some(axis) = results.variant_axes().first().copied() else {
        return String::new();
    };
    let name = &results.manifest.axes[axis].name;
    let mut headings = vec!["metric".to_owned(), format!("{name} a"), format!("{name} b")];
    let others: Vec<usize> =
        (0..results.manifest.axes.len()).filter(|other| !results.decides(axis, *other)).collect();
    headings.extend(others.iter().map(|other| results.manifest.axes[*other].name.clone()));
    headings.extend(["n", "a − b", "verdict"].map(str::to_owned));
    let mut table = Table::new(&headings);
    for (metric, definition) in results.manifest.metrics.iter().enumerate() {
        if definition.better.is_none() {
            continue;
        }
        let kind = Kind::of_metric(definition);
        for comparison in results.comparisons(metric, axis) {
            let Some(difference) = comparison.difference else { continue };
            let values = &results.manifest.axes[axis].values;
            let mut cells =
                vec![text(&definition.name), text(&values[comparison.a].0), text(&values[comparison.b].0)];
            let all = parameters(results, comparison.point_a);
            cells.extend(others.iter().map(|other| all[*other].clone()));
            cells.push(number(&difference.n.to_string(), difference.n as f64));
            cells.push(number(&kind.show(difference.mean, difference.half_width), difference.mean));
            cells.push(text(comparison.verdict().map_or("one pair only", Verdict::words)));
            table.row(&cells);
        }
    }
    if table.rows == 0 { String::new() } else { table.end() }
}

/// The life of each node's battery at each point; empty where there is none, or too many to read.
pub(super) fn lives(results: &Results) -> String {
    let by_point: Vec<Vec<(&str, Life)>> =
        (0..results.points.len()).map(|point| results.node_lives(point)).collect();
    let all: Vec<Life> = by_point.iter().flatten().map(|(_, life)| *life).collect();
    if all.is_empty() || all.len() > ROWS_MAX {
        return String::new();
    }
    let unit = life::unit_of(&all);
    let mut headings: Vec<String> = results.manifest.axes.iter().map(|axis| axis.name.clone()).collect();
    headings.extend(["node".to_owned(), format!("battery life, {}", unit.symbol)]);
    let mut table = Table::new(&headings);
    for (point, lives) in by_point.iter().enumerate() {
        for (node, life) in lives {
            let mut cells = parameters(results, point);
            cells.extend([text(node), number(&life.show(&unit), life.mean)]);
            table.row(&cells);
        }
    }
    table.end()
}

/// Mean counters of each node or link at each point; empty where there are too many to read.
pub(super) fn counters(results: &Results, entities: &EntityTable) -> String {
    let mut groups: BTreeMap<(usize, &[NameId]), Vec<&EntityRow>> = BTreeMap::new();
    for row in &entities.rows {
        groups.entry((results.runs[row.run].point, &row.keys)).or_default().push(row);
    }
    if groups.is_empty() || groups.len() > COUNTERS_MAX {
        return String::new();
    }
    let mut headings: Vec<String> = results.manifest.axes.iter().map(|axis| axis.name.clone()).collect();
    headings.extend(entities.keys.iter().chain(&entities.columns).map(|name| name.replace('_', " ")));
    let mut table = Table::new(&headings);
    for ((point, keys), rows) in groups {
        let mut cells = parameters(results, point);
        cells.extend(keys.iter().map(|key| text(results.names.text(*key))));
        for column in 0..entities.columns.len() {
            let values: Vec<f64> = rows.iter().filter_map(|row| row.values[column]).collect();
            cells.push(match crate::statistics::mean(&values) {
                Some(mean) => number(&plain(mean), mean),
                None => "<td class=\"n\">–</td>".to_owned(),
            });
        }
        table.row(&cells);
    }
    table.end()
}

/// The expectations, with what was measured.
pub(super) fn expectations(results: &Results) -> String {
    let headings = ["", "metric", "where", "expected", "measured"].map(str::to_owned);
    let mut table = Table::new(&headings);
    for expectation in &results.manifest.expect {
        let kind = results
            .metric_index(&expectation.metric)
            .map_or(Kind::Other(String::new()), |metric| Kind::of_metric(&results.manifest.metrics[metric]));
        let show = |value: f64| kind.show(value, None);
        let wanted = match (expectation.min, expectation.max) {
            (Some(min), Some(max)) => format!("{} to {}", show(min), show(max)),
            (Some(min), None) => format!("at least {}", show(min)),
            (None, Some(max)) => format!("at most {}", show(max)),
            (None, None) => String::new(),
        };
        let only: Vec<String> =
            expectation.only.iter().map(|(name, value)| format!("{name} {}", value.0)).collect();
        let mark = if expectation.passed { "pass" } else { "fail" };
        table.row(&[
            format!("<td><span class=\"{mark}\">{mark}</span></td>"),
            text(&expectation.metric),
            text(&only.join(", ")),
            text(&wanted),
            text(&expectation.measured.map_or_else(|| "undefined".to_owned(), show)),
        ]);
    }
    table.end()
}

/// The runs that failed, with the reason.
pub(super) fn failures(results: &Results) -> String {
    let mut table = Table::new(&["run", "parameters", "error"].map(str::to_owned));
    let axes: Vec<usize> = (0..results.manifest.axes.len()).collect();
    for run in &results.runs {
        if let Some(error) = &run.failure {
            let parameters = results.describe(&axes, &results.points[run.point].values);
            table.row(&[text(&run.name), text(&parameters), text(error)]);
        }
    }
    table.end()
}

/// Seed and digest of each run.
pub(super) fn digests(results: &Results) -> String {
    let mut table = Table::new(&["run", "seed", "digest"].map(str::to_owned));
    for run in &results.runs {
        table.row(&[text(&run.name), text(&run.seed), text(&run.digest)]);
    }
    table.end()
}
