//! The summary table that `run` prints in the terminal.

use std::fmt::Write;

use crate::life::{self, Life};
use crate::quantity::{Kind, with_interval};
use crate::results::{Better, Results};
use crate::statistics::Estimate;

/// Metrics worth a column, in reading order, with a short heading and how soon the column is left out
/// when the terminal is narrow (the largest number first).
const COLUMNS: [(&str, &str, u8); 7] = [
    ("delivered", "delivered", 0),
    ("latency.p50", "latency p50", 6),
    ("latency.p95", "latency p95", 3),
    ("goodput", "goodput", 5),
    ("overhead", "overhead", 4),
    ("energy-per-message", "energy/message", 1),
    ("battery-life", "battery life", 2),
];

/// Those of nodes with hardware: without any there is nothing to say.
const OF_HARDWARE: [&str; 2] = ["energy-per-message", "battery-life"];

/// Rows printed at most; `summary.csv` has them all.
const ROWS_MAX: usize = 60;

/// Blanks between two columns.
const GAP: &str = "  ";

/// One column as text: the heading, then a cell for each point.
struct Column {
    heading: String,
    cells: Vec<String>,
    numeric: bool,
    /// Left out before columns with a smaller number; zero stays.
    expendable: u8,
}

/// The summary as plain text of at most `width` columns where the parameters alone leave room for it:
/// a row a point with `mean ± half a 95 % interval`, the best mean among the variants marked `*`.
pub fn summary(results: &Results, width: usize) -> String {
    let rows = results.points.len().min(ROWS_MAX);
    let mut columns = parameter_columns(results, rows);
    let mut marked = false;
    for (name, heading, expendable) in COLUMNS {
        let Some(metric) = results.metric_index(name) else { continue };
        let is_defined = || (0..rows).any(|point| results.estimate(point, metric).is_some());
        if OF_HARDWARE.contains(&name) && !is_defined() {
            continue;
        }
        let column = match name {
            "battery-life" => life_column(results, metric, heading, expendable, rows),
            _ => metric_column(results, metric, heading, expendable, rows),
        };
        marked |= column.cells.iter().any(|cell| cell.ends_with('*'));
        columns.push(column);
    }
    while total_width(&columns) > width {
        let Some(worst) = columns.iter().map(|column| column.expendable).max().filter(|rank| *rank > 0)
        else {
            break;
        };
        columns.retain(|column| column.expendable != worst);
    }
    let mut text = render(&columns, rows);
    if results.points.len() > rows {
        let more = results.points.len() - rows;
        let _ = writeln!(text, "… {more} more in summary.csv");
    }
    footer(&mut text, results, marked);
    text
}

fn parameter_columns(results: &Results, rows: usize) -> Vec<Column> {
    let mut columns: Vec<Column> = results
        .manifest
        .axes
        .iter()
        .enumerate()
        .map(|(index, axis)| Column {
            heading: one_line(&axis.name),
            cells: (0..rows).map(|point| one_line(results.value_text(point, index))).collect(),
            numeric: results.quantities(index).is_some(),
            expendable: 0,
        })
        .collect();
    columns.push(Column {
        heading: "n".to_owned(),
        cells: (0..rows).map(|point| results.finished_runs(point).count().to_string()).collect(),
        numeric: true,
        expendable: 0,
    });
    columns
}

fn metric_column(results: &Results, metric: usize, heading: &str, expendable: u8, rows: usize) -> Column {
    let kind = Kind::of_metric(&results.manifest.metrics[metric]);
    let estimates: Vec<Option<Estimate>> = (0..rows).map(|point| results.estimate(point, metric)).collect();
    let means = estimates.iter().flatten().map(|estimate| estimate.mean);
    let unit = kind.unit_for_all(means);
    let best = best_points(results, metric);
    let cells = estimates.iter().enumerate().map(|(point, estimate)| match estimate {
        Some(estimate) => {
            let half = estimate.half_width.map(|half| half / unit.size);
            let mark = if best.contains(&point) { " *" } else { "  " };
            with_interval(estimate.mean / unit.size, half) + mark
        }
        None => "-  ".to_owned(),
    });
    let heading =
        if unit.symbol.is_empty() { heading.to_owned() } else { format!("{heading}, {}", unit.symbol) };
    // Headings end above the numbers, not above the marks.
    Column { heading: heading + "  ", cells: cells.collect(), numeric: true, expendable }
}

/// A battery's life with its interval, which holds more than the spread of runs.
fn life_column(results: &Results, metric: usize, heading: &str, expendable: u8, rows: usize) -> Column {
    let lives: Vec<Option<Life>> = (0..rows).map(|point| results.battery_life(point)).collect();
    let known: Vec<Life> = lives.iter().flatten().copied().collect();
    let unit = life::unit_of(&known);
    let best = best_points(results, metric);
    let cells = lives.iter().enumerate().map(|(point, life)| match life {
        Some(life) => life.show(&unit) + if best.contains(&point) { " *" } else { "  " },
        None => "-  ".to_owned(),
    });
    let heading = format!("{heading}, {}  ", unit.symbol);
    Column { heading, cells: cells.collect(), numeric: true, expendable }
}

/// The points with the best mean among the variants, all else equal; none where all means are equal.
pub(crate) fn best_points(results: &Results, metric: usize) -> Vec<usize> {
    let Some(better) = results.manifest.metrics[metric].better else {
        return Vec::new();
    };
    let Some(axis) = results.variant_axes().first().copied() else {
        return Vec::new();
    };
    let others: Vec<usize> =
        (0..results.manifest.axes.len()).filter(|other| !results.decides(axis, *other)).collect();
    let points: Vec<usize> = (0..results.points.len()).collect();
    let mut best = Vec::new();
    for (_, group) in results.group_by(&points, &others) {
        let means: Vec<(usize, f64)> = group
            .iter()
            .filter_map(|point| results.estimate(*point, metric).map(|estimate| (*point, estimate.mean)))
            .collect();
        let lowest = means.iter().map(|(_, mean)| *mean).fold(f64::INFINITY, f64::min);
        let highest = means.iter().map(|(_, mean)| *mean).fold(f64::NEG_INFINITY, f64::max);
        let wanted = match better {
            Better::Lower => lowest,
            Better::Higher => highest,
        };
        if lowest < highest {
            best.extend(means.iter().filter(|(_, mean)| *mean == wanted).map(|(point, _)| *point));
        }
    }
    best
}

fn total_width(columns: &[Column]) -> usize {
    let cells: usize = columns.iter().map(column_width).sum();
    cells + GAP.len() * columns.len().saturating_sub(1)
}

fn column_width(column: &Column) -> usize {
    let cells = column.cells.iter().chain([&column.heading]);
    cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
}

fn render(columns: &[Column], rows: usize) -> String {
    let mut text = String::new();
    let mut line = |cells: Vec<&str>| {
        let padded: Vec<String> = columns.iter().zip(cells).map(|(column, cell)| pad(column, cell)).collect();
        text.push_str(padded.join(GAP).trim_end());
        text.push('\n');
    };
    line(columns.iter().map(|column| column.heading.as_str()).collect());
    let rules: Vec<String> = columns.iter().map(|column| "─".repeat(column_width(column))).collect();
    line(rules.iter().map(String::as_str).collect());
    for row in 0..rows {
        line(columns.iter().map(|column| column.cells[row].as_str()).collect());
    }
    text
}

fn pad(column: &Column, cell: &str) -> String {
    let blanks = " ".repeat(column_width(column).saturating_sub(cell.chars().count()));
    if column.numeric { blanks + cell } else { cell.to_owned() + &blanks }
}

fn footer(text: &mut String, results: &Results, marked: bool) {
    let failed = results.runs.iter().filter(|run| run.failure.is_some()).count();
    text.push_str("mean ± half a 95 % interval over n runs");
    if marked {
        let axis = results.variant_axes().first().map(|axis| one_line(&results.manifest.axes[*axis].name));
        let _ = write!(text, "\n* best mean among the values of {}", axis.unwrap_or_default());
    }
    if failed > 0 {
        let _ = write!(text, "\n{failed} of {} runs failed", results.runs.len());
    }
    text.push('\n');
}

/// Scenario text without control characters, which could move the cursor.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_table_marks_the_best_and_leaves_gaps() {
        insta::assert_snapshot!(summary(&sample::tiny(), 100), @r"
            transport  n  delivered, %    latency p95, ns
            ─────────  ─  ──────────────  ─────────────────
            tcp        2           100 *          11 ± 13
            udp        2      25 ± 318                  4 *
            mean ± half a 95 % interval over n runs
            * best mean among the values of transport
            ");
    }

    #[test]
    fn a_sweep_fits_into_a_hundred_columns() {
        let text = summary(&sample::sweep(), 100);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("1 of 900 runs failed"), "{text}");
    }

    #[test]
    fn a_narrow_terminal_loses_columns_but_not_delivered() {
        let text = summary(&sample::sweep(), 60);
        let heading = text.lines().next().unwrap();
        assert!(heading.contains("delivered") && !heading.contains("p50"), "{text}");
    }

    #[test]
    fn control_characters_are_blanked() {
        assert_eq!(one_line("a\u{1b}[2Jb\n"), "a [2Jb ");
    }
}
