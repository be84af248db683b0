//! A quantity over time, in the first replication.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::figure::{CurveLook, Figure, Key, Look, Mark, Panel, Value};
use super::select::Selection;
use super::sentence;
use crate::quantity::Kind;
use crate::results::{Label, PlotRequest, Results, SeriesRow};

/// Curves drawn at most in one figure.
const CURVES_MAX: usize = 8;

/// Makes the figure of the time series called `series`.
///
/// # Errors
/// Says which name is unknown, or that nothing was recorded.
pub(super) fn figure(results: &Results, request: &PlotRequest, series: &str) -> Result<Figure, String> {
    let mut only: BTreeMap<String, Label> = request.only.clone();
    only.extend(request.point.clone());
    let selection = Selection::new(results, &only, request.by.as_deref(), None)?;
    let pattern = request.entity.as_deref().unwrap_or("*");
    let mut recorded: Vec<BTreeMap<String, Vec<Option<Value>>>> = Vec::new();
    for (_, points) in &selection.panels {
        recorded.push(curves(results, &selection, points, series, pattern));
    }
    let mut names: Vec<String> = recorded.iter().flat_map(|curves| curves.keys().cloned()).collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Err(format!("no run recorded \"{series}\" of \"{pattern}\" here"));
    }
    let all = names.len();
    names.truncate(CURVES_MAX);
    let mut panels = Vec::new();
    let (mut end, mut low, mut high) = (0.0_f64, 0.0_f64, 0.0_f64);
    for ((title, _), mut curves) in selection.panels.iter().zip(recorded) {
        let mut marks = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let Some(values) = curves.remove(name) else { continue };
            for value in values.iter().flatten() {
                (end, low, high) = (end.max(value.x), low.min(value.y), high.max(value.y));
            }
            marks.push(Mark::Curve { series: index, values, look: CurveLook::Steps });
        }
        panels.push(Panel { title: title.clone(), marks, strip: Vec::new() });
    }
    let (kind, stem) = Kind::of_series(series);
    let label = stem.replace('_', " ");
    let left_out =
        if all > CURVES_MAX { format!("; {CURVES_MAX} of {all} curves shown") } else { String::new() };
    let title = request.title.clone().unwrap_or_else(|| sentence(&format!("{label} over time")));
    let key_title = selection.by.map_or("", |by| results.manifest.axes[by].name.as_str()).to_owned();
    let key = Key { title: key_title, names: if all > 1 { names } else { Vec::new() }, look: Look::Line };
    Ok(Figure {
        title,
        subtitle: selection.subtitle.clone(),
        caption: format!("one run, the first replication{left_out}{}", selection.left_out),
        x: Axis::over("time", &Kind::Time.unit_for(end), (0.0, end), false, 8),
        y: Axis::over(&label, &kind.unit_for(high.max(-low)), (low, high), request.log_y, 6),
        strip: None,
        panels,
        key,
    })
}

/// The curves of a panel by name: the variant, and the entity where there are several.
fn curves(
    results: &Results,
    selection: &Selection,
    points: &[usize],
    series: &str,
    pattern: &str,
) -> BTreeMap<String, Vec<Option<Value>>> {
    let mut curves = BTreeMap::new();
    for curve in selection.curves() {
        let variant = selection.name(results, curve);
        let Some(rows) = selection.curve(results, points, curve).first().and_then(|p| recorded(results, *p))
        else {
            continue;
        };
        let mut by_entity: BTreeMap<&str, Vec<Option<Value>>> = BTreeMap::new();
        for row in rows.iter().filter(|row| results.names.text(row.series) == series) {
            let entity = results.names.text(row.entity);
            if matches(pattern, entity) {
                let value =
                    Value { x: row.time_ns as f64, y: row.value, interval: None, title: String::new() };
                by_entity.entry(entity).or_default().push(Some(value));
            }
        }
        let several = by_entity.len() > 1;
        for (entity, values) in by_entity {
            let name = match (variant.is_empty(), several) {
                (true, _) => entity.to_owned(),
                (false, false) => variant.clone(),
                (false, true) => format!("{variant} {entity}"),
            };
            curves.insert(name, values);
        }
    }
    curves
}

/// The series of the first run of a point that has some.
pub(super) fn recorded(results: &Results, point: usize) -> Option<&Vec<SeriesRow>> {
    results
        .runs
        .iter()
        .enumerate()
        .filter(|(_, run)| run.point == point)
        .find_map(|(index, _)| results.series.get(&index))
}

/// Whether `text` fits `pattern`, in which `*` stands for any text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            let Some((_, after)) = rest.split_once(part) else { return false };
            rest = after;
        }
    }
    last.map_or(rest.is_empty(), |last: &str| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text) in
            [("*", ""), ("*", "a>b"), ("bulk", "bulk"), ("a*", "a>b"), ("*>b", "a>b"), ("a*c*e", "abcde")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("bulk", "bulk2"), ("a*b", "ab c"), ("", "x"), ("a*a", "a"), ("*x*", "abc")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
