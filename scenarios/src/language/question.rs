//! What a scenario asks: its plots and expectations, checked against its axes and the metrics.

use std::collections::BTreeMap;

use serde_json::Value;

use super::diagnostic::Finding;
use super::document::{Document, Expectation, Plot, StackBy};
use super::metric::{METRICS, Metric, MetricUnit, metric};
use super::nearest::suggestion;
use super::parameter::text_of;
use super::path::Path;
use super::point::Axes;
use super::quantity::Fraction;

/// What must come out, in the unit of the metric's column.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The metric.
    pub metric: &'static Metric,
    /// The values that select points: name and text.
    pub filter: Vec<(String, String)>,
    /// The least.
    pub min: Option<f64>,
    /// The most.
    pub max: Option<f64>,
    /// The value itself, and how far from it the outcome may be.
    pub equals: Option<(f64, f64)>,
}

impl Expected {
    /// True if `measured` is as it must be.
    pub fn holds(&self, measured: f64) -> bool {
        self.min.is_none_or(|min| measured >= min)
            && self.max.is_none_or(|max| measured <= max)
            && self.equals.is_none_or(|(value, within)| (measured - value).abs() <= within)
    }
}

/// The parameters that vary, and those that the command line has fixed.
pub(crate) struct Scope<'a> {
    pub(crate) axes: &'a Axes,
    pub(crate) fixed: &'a BTreeMap<String, Value>,
}

/// Checks all plots. Returns the numbers of those that can be drawn.
pub(crate) fn plots(document: &Document, scope: &Scope<'_>, findings: &mut Vec<Finding>) -> Vec<usize> {
    let mut drawn = Vec::new();
    for (number, plot) in document.plots.iter().enumerate() {
        let path = Path::root().key("plots").index(number);
        check_kind(plot, &path, findings);
        let mut selects = true;
        for (entry, axis) in [("x", &plot.x), ("by", &plot.by)] {
            let Some(name) = axis else { continue };
            if scope.fixed.contains_key(name) {
                // The command line has made a point of this axis: along `x` nothing is left to draw.
                selects &= entry != "x";
            } else if scope.axes.get(name).is_none() {
                findings.push(scope.axes.unknown_axis(name, path.key(entry)));
            }
        }
        selects &= scope.axes.check_filter(&plot.filter, &path.key("where"), scope.fixed, findings);
        selects &= scope.axes.check_filter(&plot.point, &path.key("point"), scope.fixed, findings);
        if selects {
            drawn.push(number);
        }
    }
    drawn
}

/// Reads all expectations; those about points that the command line has taken away are left out.
pub(crate) fn expectations(
    document: &Document,
    scope: &Scope<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<Expected> {
    let mut expected = Vec::new();
    for (number, settings) in document.expect.iter().enumerate() {
        let path = Path::root().key("expect").index(number);
        let selects = scope.axes.check_filter(&settings.filter, &path.key("where"), scope.fixed, findings);
        match expectation(settings, &path) {
            Ok(one) if selects => expected.push(one),
            Ok(_) => {}
            Err(finding) => findings.push(finding),
        }
    }
    expected
}

fn check_kind(plot: &Plot, path: &Path, findings: &mut Vec<Finding>) {
    let kinds = [("y", &plot.y), ("ecdf", &plot.ecdf), ("bars", &plot.bars), ("series", &plot.series)];
    let given: Vec<&str> = kinds.iter().filter(|(_, what)| what.is_some()).map(|(entry, _)| *entry).collect();
    if given.len() != 1 {
        let message = match given.len() {
            0 => "the plot does not say what it shows".to_owned(),
            _ => format!("the plot shows {} at once", super::nearest::list(&given)),
        };
        findings
            .push(Finding::error(path.clone(), message).expected("one of `y`, `ecdf`, `bars` and `series`"));
    }
    if let Some(name) = &plot.y {
        if metric(name).is_none() {
            findings.push(unknown_metric(name, path.key("y")));
        }
        if plot.x.is_none() {
            let finding = Finding::error(path.clone(), "the plot has no horizontal axis");
            findings.push(finding.help("add `\"x\"`, the name of a parameter that varies"));
        }
    }
    if plot.ecdf.as_deref().is_some_and(|what| what != "latency") {
        findings
            .push(Finding::error(path.key("ecdf"), "there is no such distribution").expected("\"latency\""));
    }
    check_bars(plot, path, findings);
    let belongs = [
        ("x", plot.x.is_some(), "y", plot.y.is_some()),
        ("stack", plot.stack.is_some(), "bars", plot.bars.is_some()),
        ("entity", plot.entity.is_some(), "series", plot.series.is_some()),
        ("point", !plot.point.is_empty(), "series", plot.series.is_some()),
    ];
    for (entry, is_given, with, has) in belongs {
        if is_given && !has && given.len() == 1 {
            let finding = Finding::error(path.key(entry), format!("`{entry}` has no meaning here")).at_key();
            findings.push(finding.help(format!("it goes with `{with}`")));
        }
    }
}

fn check_bars(plot: &Plot, path: &Path, findings: &mut Vec<Finding>) {
    let Some(what) = &plot.bars else { return };
    let of_energy = match what.as_str() {
        "overhead" => false,
        "energy" => true,
        _ => {
            let finding = Finding::error(path.key("bars"), "there are no such bars");
            return findings.push(finding.expected("\"overhead\" or \"energy\""));
        }
    };
    let fits = match plot.stack {
        None | Some(StackBy::Layer) => true,
        Some(StackBy::Reason | StackBy::Protocol) => !of_energy,
        Some(StackBy::Part | StackBy::State | StackBy::Cause | StackBy::Node) => of_energy,
    };
    if !fits {
        let expected = match of_energy {
            true => "one of \"part\", \"state\", \"cause\", \"layer\" and \"node\"",
            false => "one of \"layer\", \"reason\" and \"protocol\"",
        };
        let message = format!("bars of \"{what}\" cannot be parted like this");
        findings.push(Finding::error(path.key("stack"), message).expected(expected));
    }
}

fn unknown_metric(name: &str, path: Path) -> Finding {
    let finding = Finding::error(path, format!("there is no metric `{}`", super::quantity::shorten(name)));
    // A column's name is as good a guess as a metric's.
    if let Some(metric) = METRICS.iter().find(|metric| metric.column == name) {
        return finding.help(format!("did you mean `{}`?", metric.name));
    }
    finding.maybe_help(suggestion(name, METRICS.iter().map(|metric| metric.name)))
}

fn expectation(settings: &Expectation, path: &Path) -> Result<Expected, Finding> {
    let Some(metric) = metric(&settings.metric) else {
        return Err(unknown_metric(&settings.metric, path.key("metric")));
    };
    let bound = |entry: &str, value: &Option<Value>| -> Result<Option<f64>, Finding> {
        let Some(value) = value else { return Ok(None) };
        let unreadable = || {
            let message = format!("{} is no bound on `{}`", text_of(value), metric.name);
            Finding::error(path.key(entry), message).expected(metric.unit.example())
        };
        metric.unit.read(value).map(Some).ok_or_else(unreadable)
    };
    let (min, max) = (bound("min", &settings.min)?, bound("max", &settings.max)?);
    let equals = bound("equals", &settings.equals)?;
    if let (Some(low), Some(high)) = (min, max)
        && low > high
    {
        return Err(Finding::error(path.key("max"), "nothing is at least `min` and at most `max`"));
    }
    if min.is_none() && max.is_none() && equals.is_none() {
        let finding = Finding::error(path.clone(), "the expectation says nothing");
        return Err(finding.expected("one or more of `min`, `max` and `equals`"));
    }
    if settings.within.is_some() && equals.is_none() {
        return Err(Finding::error(path.key("within"), "`within` goes with `equals`").at_key());
    }
    let share = settings.within.as_ref().and_then(Value::as_str).filter(|text| text.contains('%'));
    let within = match (share, equals) {
        (Some(text), Some(value)) if metric.unit != MetricUnit::Share => {
            let share: Fraction =
                text.parse().map_err(|error: String| Finding::error(path.key("within"), error))?;
            value.abs() * share.as_f64()
        }
        _ => bound("within", &settings.within)?.unwrap_or(0.0),
    };
    let filter = settings.filter.iter().map(|(name, value)| (name.to_owned(), text_of(value))).collect();
    Ok(Expected { metric, filter, min, max, equals: equals.map(|value| (value, within)) })
}
