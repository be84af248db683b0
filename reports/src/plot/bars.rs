//! What each layer, protocol or reason costs, as stacked bars: bytes per application byte delivered.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::figure::{Figure, Key, Look, Mark, Panel};
use super::palette::Ink;
use super::select::Selection;
use super::sentence;
use crate::quantity::{Unit, fixed, plain};
use crate::results::{OverheadRow, PlotRequest, Results};

/// Layers from the payload up the bar: what a lower layer adds lies above.
const LAYERS: [&str; 6] = ["application", "session", "security", "transport", "network", "link"];
/// Reasons, the useful ones first.
const REASONS: [&str; 7] =
    ["data", "acknowledgement", "retransmission", "handshake", "control", "keep-alive", "teardown"];
/// The part of frames that belong to no flow, such as ARP.
const NO_FLOW: &str = "no flow";
/// The part that gathers what is beyond the palette.
const OTHER: &str = "other";
const PARTS_MAX: usize = 8;

/// Bytes per application byte of each part at one point.
type Parts = BTreeMap<String, f64>;

/// Makes the figure of the overhead.
///
/// # Errors
/// Says which name is unknown, or that there is nothing to show.
pub(super) fn figure(results: &Results, request: &PlotRequest, what: &str) -> Result<Figure, String> {
    if what != "overhead" {
        return Err(format!("there are no bars of \"{what}\", only of \"overhead\""));
    }
    let stack = request.stack.as_deref().unwrap_or("layer");
    let part_of = part_of(stack)?;
    let selection = Selection::new(results, &request.only, request.by.as_deref(), None)?;
    let by_point = parts_by_point(results, part_of)?;
    let mut names = ordered(stack, &by_point, &selection);
    if names.is_empty() {
        return Err("no bytes were counted at these points".to_owned());
    }
    let folded = names.len() > PARTS_MAX;
    if folded {
        names.truncate(PARTS_MAX - 1);
        names.push(OTHER.to_owned());
    }
    let mut panels = Vec::new();
    let mut highest = 0.0_f64;
    for (title, points) in &selection.panels {
        let mut marks = Vec::new();
        for (slot, curve) in selection.curves().iter().enumerate() {
            let point = selection.curve(results, points, *curve).first().copied();
            let parts = point.and_then(|point| by_point.get(&point));
            let top = bar(&mut marks, slot as f64, &selection.name(results, *curve), parts, &names);
            highest = highest.max(top);
        }
        panels.push(Panel { title: title.clone(), marks, strip: Vec::new() });
    }
    let slots = selection.curves().into_iter().map(|curve| selection.name(results, curve));
    let label = selection.by.map_or("", |by| results.manifest.axes[by].name.as_str());
    let unit = Unit { size: 1.0, symbol: String::new() };
    Ok(Figure {
        title: request.title.clone().unwrap_or_else(|| sentence(&format!("overhead by {stack}"))),
        subtitle: selection.subtitle.clone(),
        caption: format!("mean over runs; the number above a bar is its height{}", selection.left_out),
        x: Axis::slots(label, slots),
        y: Axis::over("bytes sent per application byte delivered", &unit, (0.0, highest * 1.04), false, 6),
        strip: None,
        panels,
        key: Key { title: stack.to_owned(), names, look: Look::Patch },
    })
}

/// Which column of `overhead.csv` names the part.
fn part_of(stack: &str) -> Result<fn(&OverheadRow) -> crate::results::NameId, String> {
    match stack {
        "layer" => Ok(|row| row.layer),
        "reason" => Ok(|row| row.reason),
        "protocol" => Ok(|row| row.protocol),
        _ => Err(format!("bars are stacked by \"layer\", \"reason\" or \"protocol\", not \"{stack}\"")),
    }
}

/// The mean over a point's runs of each part's bytes per application byte. Runs that delivered nothing
/// have no such ratio and are left out.
fn parts_by_point(
    results: &Results,
    part_of: fn(&OverheadRow) -> crate::results::NameId,
) -> Result<BTreeMap<usize, Parts>, String> {
    let payload =
        results.metric_index("application_bytes").ok_or("there is no column \"application_bytes\"")?;
    let payload_of = |run: usize| results.runs[run].metrics.get(payload).copied().flatten();
    let mut runs: BTreeMap<usize, f64> = BTreeMap::new();
    for (index, run) in results.runs.iter().enumerate() {
        if run.failure.is_none() && payload_of(index).is_some_and(|bytes| bytes > 0.0) {
            *runs.entry(run.point).or_default() += 1.0;
        }
    }
    let mut by_point: BTreeMap<usize, Parts> = BTreeMap::new();
    for row in &results.overhead {
        let point = results.runs[row.run].point;
        let (Some(payload), Some(runs)) =
            (payload_of(row.run).filter(|bytes| *bytes > 0.0), runs.get(&point))
        else {
            continue;
        };
        let flow = results.names.text(row.flow);
        let part = if flow == "-" { NO_FLOW } else { results.names.text(part_of(row)) };
        let parts = by_point.entry(point).or_default();
        *parts.entry(part.to_owned()).or_default() += row.bytes as f64 / payload / runs;
    }
    Ok(by_point)
}

/// The parts that occur, bottom first: layers and reasons in their own order, protocols by size.
fn ordered(stack: &str, by_point: &BTreeMap<usize, Parts>, selection: &Selection) -> Vec<String> {
    let mut totals: Parts = BTreeMap::new();
    for point in selection.panels.iter().flat_map(|(_, points)| points) {
        for (part, bytes) in by_point.get(point).into_iter().flatten() {
            *totals.entry(part.clone()).or_default() += bytes;
        }
    }
    totals.retain(|_, bytes| *bytes > 0.0);
    let known: &[&str] = match stack {
        "layer" => &LAYERS,
        "reason" => &REASONS,
        _ => &[],
    };
    let mut names: Vec<(usize, f64, String)> = totals
        .into_iter()
        .map(|(part, bytes)| {
            let rank = known.iter().position(|name| *name == part).unwrap_or(known.len());
            let rank = if part == NO_FLOW { usize::MAX } else { rank };
            (rank, bytes, part)
        })
        .collect();
    names.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    names.into_iter().map(|(_, _, part)| part).collect()
}

/// Stacks the parts of one bar; returns its height.
fn bar(marks: &mut Vec<Mark>, x: f64, name: &str, parts: Option<&Parts>, names: &[String]) -> f64 {
    let Some(parts) = parts else {
        marks.push(Mark::Note { x, y: 0.0, text: "nothing delivered".to_owned() });
        return 0.0;
    };
    let mut from = 0.0;
    for (index, part) in names.iter().enumerate() {
        let named: f64 = parts.get(part).copied().unwrap_or(0.0);
        let bytes = if part == OTHER {
            named
                + parts.iter().filter(|(part, _)| !names.contains(part)).map(|(_, bytes)| bytes).sum::<f64>()
        } else {
            named
        };
        if bytes > 0.0 {
            let ink = Ink::Part(index, names.len());
            let title = format!("{name} {part}: {} bytes per application byte", plain(bytes));
            marks.push(Mark::Bar { series: index, x, width: 0.62, from, to: from + bytes, ink, title });
        }
        from += bytes;
    }
    marks.push(Mark::Note { x, y: from, text: fixed(from, 2) });
    from
}
