//! What each layer, protocol or reason costs, as stacked bars: bytes for each application byte delivered; and where the
//! energy of each message goes.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::figure::{Figure, Key, Look, Mark, Panel};
use super::palette::Ink;
use super::select::Selection;
use super::sentence;
use crate::quantity::{Kind, Unit, fixed, plain};
use crate::results::{LedgerRow, NameId, OverheadRow, PlotRequest, Results};

/// Layers from the payload up the bar: what a lower layer adds lies above.
const LAYERS: [&str; 6] = ["application", "session", "security", "transport", "network", "link"];
/// Reasons, the useful ones first.
const REASONS: [&str; 7] =
    ["data", "acknowledgement", "retransmission", "handshake", "control", "keep-alive", "teardown"];
/// Causes, the useful ones first.
const CAUSES: [&str; 21] = [
    "data",
    "header",
    "acknowledgement",
    "retransmission",
    "handshake",
    "keep-alive",
    "control",
    "teardown",
    "overhearing",
    "collision",
    "idle-listening",
    "wake-up",
    "tail",
    "compute",
    "cryptography",
    "sample",
    "idle",
    "sleep",
    "conversion",
    "self-discharge",
    "unpowered",
];
/// The part of energy that no frame was on the air for.
const NO_FRAME: &str = "no frame";
/// The part of frames that belong to no flow, such as ARP.
const NO_FLOW: &str = "no flow";
/// The part that gathers what is beyond the palette.
const OTHER: &str = "other";
const PARTS_MAX: usize = 8;

/// What is stacked.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Subject {
    /// Bytes for each application byte delivered.
    Overhead,
    /// Joules for each message delivered.
    Energy,
}

/// What each part amounts to at one point, for each unit delivered.
type Parts = BTreeMap<String, f64>;

/// One row of a table: the run, the part that it belongs to, and how much it adds.
type Row = (usize, String, f64);

impl Subject {
    fn named(what: &str) -> Result<Self, String> {
        match what {
            "overhead" => Ok(Self::Overhead),
            "energy" => Ok(Self::Energy),
            _ => Err(format!("there are no bars of \"{what}\", only of \"overhead\" and \"energy\"")),
        }
    }

    fn default_stack(self) -> &'static str {
        match self {
            Self::Overhead => "layer",
            Self::Energy => "part",
        }
    }

    /// The column of `runs.csv` that it is divided by.
    fn divisor(self) -> &'static str {
        match self {
            Self::Overhead => "application_bytes",
            Self::Energy => "messages_delivered",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Overhead => Kind::Other(String::new()),
            Self::Energy => Kind::Energy,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Overhead => "bytes sent per application byte delivered",
            Self::Energy => "energy for each message delivered",
        }
    }

    fn rows(self, results: &Results, stack: &str) -> Result<Vec<Row>, String> {
        match self {
            Self::Overhead => overhead_rows(results, stack),
            Self::Energy => energy_rows(results, stack),
        }
    }

    /// The text of a bar's stretch.
    fn shown(self, value: f64) -> String {
        match self {
            Self::Overhead => format!("{} bytes per application byte", plain(value)),
            Self::Energy => format!("{} for each message", Kind::Energy.show(value, None)),
        }
    }
}

/// Makes the figure of the overhead or of the energy.
///
/// # Errors
/// Says which name is unknown, or that there is nothing to show.
pub(super) fn figure(results: &Results, request: &PlotRequest, what: &str) -> Result<Figure, String> {
    let subject = Subject::named(what)?;
    let stack = request.stack.as_deref().unwrap_or(subject.default_stack());
    let selection = Selection::new(results, &request.only, request.by.as_deref(), None)?;
    let by_point = parts_by_point(results, subject, &subject.rows(results, stack)?)?;
    let mut names = ordered(stack, &by_point, &selection);
    if names.is_empty() {
        return Err(match subject {
            Subject::Overhead => "no bytes were counted at these points".to_owned(),
            Subject::Energy => "no node has hardware, or nothing was delivered at these points".to_owned(),
        });
    }
    let folded = names.len() > PARTS_MAX;
    if folded {
        names.truncate(PARTS_MAX - 1);
        names.push(OTHER.to_owned());
    }
    let heights = |points: &[usize]| -> Vec<f64> {
        points.iter().filter_map(|point| by_point.get(point)).map(|parts| parts.values().sum()).collect()
    };
    let highest = selection.panels.iter().flat_map(|(_, points)| heights(points)).fold(0.0, f64::max);
    let unit = subject.kind().unit_for(highest);
    let mut panels = Vec::new();
    for (title, points) in &selection.panels {
        let mut marks = Vec::new();
        for (slot, curve) in selection.curves().iter().enumerate() {
            let point = selection.curve(results, points, *curve).first().copied();
            let place = Place { x: slot as f64, name: selection.name(results, *curve), subject, unit: &unit };
            bar(&mut marks, &place, point.and_then(|point| by_point.get(&point)), &names);
        }
        panels.push(Panel { title: title.clone(), marks, strip: Vec::new() });
    }
    let slots = selection.curves().into_iter().map(|curve| selection.name(results, curve));
    let label = selection.by.map_or("", |by| results.manifest.axes[by].name.as_str());
    Ok(Figure {
        title: request.title.clone().unwrap_or_else(|| sentence(&format!("{what} by {stack}"))),
        subtitle: selection.subtitle.clone(),
        caption: format!("mean over runs; the number above a bar is its height{}", selection.left_out),
        x: Axis::slots(label, slots),
        y: Axis::over(subject.label(), &unit, (0.0, highest * 1.04), false, 6),
        strip: None,
        panels,
        key: Key { title: stack.to_owned(), names, look: Look::Patch },
    })
}

fn overhead_rows(results: &Results, stack: &str) -> Result<Vec<Row>, String> {
    let part_of: fn(&OverheadRow) -> NameId = match stack {
        "layer" => |row| row.layer,
        "reason" => |row| row.reason,
        "protocol" => |row| row.protocol,
        _ => {
            return Err(format!(
                "bars are stacked by \"layer\", \"reason\" or \"protocol\", not \"{stack}\""
            ));
        }
    };
    let part = |row: &OverheadRow| match results.names.text(row.flow) {
        "-" => NO_FLOW.to_owned(),
        _ => results.names.text(part_of(row)).to_owned(),
    };
    Ok(results.overhead.iter().map(|row| (row.run, part(row), row.bytes as f64)).collect())
}

fn energy_rows(results: &Results, stack: &str) -> Result<Vec<Row>, String> {
    let text = |name: NameId| results.names.text(name).to_owned();
    let part: &dyn Fn(&LedgerRow) -> String = match stack {
        "part" => &|row| text(row.part),
        "state" => &|row| format!("{} {}", text(row.part), text(row.state)),
        "cause" => &|row| text(row.cause),
        "layer" => &|row| match results.names.text(row.layer) {
            "-" => NO_FRAME.to_owned(),
            layer => layer.to_owned(),
        },
        "node" => &|row| text(row.node),
        _ => {
            return Err(format!(
                "bars of energy are stacked by \"part\", \"state\", \"cause\", \"layer\" or \"node\", not \"{stack}\""
            ));
        }
    };
    Ok(results.ledger.iter().map(|row| (row.run, part(row), row.joules)).collect())
}

/// The mean over a point's runs of what each part amounts to for each unit delivered. Runs that delivered nothing have
/// no such ratio and are left out.
fn parts_by_point(
    results: &Results,
    subject: Subject,
    rows: &[Row],
) -> Result<BTreeMap<usize, Parts>, String> {
    let divisor = subject.divisor();
    let column = results.metric_index(divisor).ok_or_else(|| format!("there is no column \"{divisor}\""))?;
    let delivered = |run: usize| {
        results.runs[run].metrics.get(column).copied().flatten().filter(|delivered| *delivered > 0.0)
    };
    let mut runs: BTreeMap<usize, f64> = BTreeMap::new();
    for (index, run) in results.runs.iter().enumerate() {
        if run.failure.is_none() && delivered(index).is_some() {
            *runs.entry(run.point).or_default() += 1.0;
        }
    }
    let mut by_point: BTreeMap<usize, Parts> = BTreeMap::new();
    for (run, part, amount) in rows {
        let point = results.runs[*run].point;
        let (Some(delivered), Some(runs)) = (delivered(*run), runs.get(&point)) else { continue };
        let parts = by_point.entry(point).or_default();
        *parts.entry(part.clone()).or_default() += amount / delivered / runs;
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
        "cause" => &CAUSES,
        _ => &[],
    };
    let mut names: Vec<(usize, f64, String)> = totals
        .into_iter()
        .map(|(part, bytes)| {
            let rank = known.iter().position(|name| *name == part).unwrap_or(known.len());
            let rank = if part == NO_FLOW || part == NO_FRAME { usize::MAX } else { rank };
            (rank, bytes, part)
        })
        .collect();
    names.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    names.into_iter().map(|(_, _, part)| part).collect()
}

/// Where a bar stands and what it shows.
struct Place<'a> {
    x: f64,
    name: String,
    subject: Subject,
    unit: &'a Unit,
}

/// Stacks the parts of one bar.
fn bar(marks: &mut Vec<Mark>, place: &Place<'_>, parts: Option<&Parts>, names: &[String]) {
    let Place { x, ref name, subject, unit } = *place;
    let Some(parts) = parts else {
        return marks.push(Mark::Note { x, y: 0.0, text: "nothing delivered".to_owned() });
    };
    let mut from = 0.0;
    for (index, part) in names.iter().enumerate() {
        let named: f64 = parts.get(part).copied().unwrap_or(0.0);
        let amount = if part == OTHER {
            named + parts.iter().filter(|(part, _)| !names.contains(part)).map(|(_, more)| more).sum::<f64>()
        } else {
            named
        };
        if amount > 0.0 {
            let ink = Ink::Part(index, names.len());
            let title = format!("{name} {part}: {}", subject.shown(amount));
            marks.push(Mark::Bar { series: index, x, width: 0.62, from, to: from + amount, ink, title });
        }
        from += amount;
    }
    let height = from / unit.size;
    let text = if subject == Subject::Energy { plain(height) } else { fixed(height, 2) };
    marks.push(Mark::Note { x, y: from, text });
}
