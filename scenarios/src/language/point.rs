//! The points of a sweep: which value each parameter has at each of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::diagnostic::Finding;
use super::document::{Document, Entries};
use super::nearest::{list, suggestion};
use super::parameter::{is_name, text_of};
use super::path::Path;

/// A parameter that varies.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The name of the parameter.
    pub name: String,
    /// Its different values, in the order in which the file first gives them.
    pub values: Vec<Value>,
    /// The number of the value at each step: a parameter that varies together with others may come back to one.
    steps: Vec<usize>,
    /// The number of the group of axes that vary together, if it belongs to one.
    pub zip: Option<usize>,
    /// How many points one step along this axis goes on.
    stride: usize,
}

/// A value of every axis.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Point {
    /// The number of the point, from 0.
    pub number: usize,
    /// The number of the value on each axis.
    pub choice: Vec<usize>,
}

/// All axes, with the number of points that they span.
#[derive(Clone, Debug)]
pub(crate) struct Axes {
    pub(crate) axes: Vec<Axis>,
    pub(crate) points: usize,
}

impl Axis {
    /// The values as texts: "1 %".
    pub fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.values.iter().map(text_of)
    }

    /// The axis with the values that the file gives it.
    fn new(name: &str, given: &[Value]) -> Self {
        let mut axis = Self {
            name: name.to_owned(),
            values: Vec::new(),
            steps: Vec::with_capacity(given.len()),
            zip: None,
            stride: 1,
        };
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for value in given {
            let number = *known.entry(text_of(value)).or_insert_with(|| {
                axis.values.push(value.clone());
                axis.values.len() - 1
            });
            axis.steps.push(number);
        }
        axis
    }

    /// The numbers of the points that this axis alone leads to from the first point.
    pub(crate) fn steps_from_first(&self) -> impl Iterator<Item = usize> + '_ {
        (1..self.steps.len()).map(|step| step.saturating_mul(self.stride))
    }

    /// The place in the file of the value with this number.
    pub(crate) fn place(&self, value: usize) -> usize {
        self.steps.iter().position(|step| *step == value).unwrap_or(value)
    }

    /// The places in the file whose value came before.
    fn repeated(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.steps.len()).filter(|step| self.place(self.steps[*step]) < *step)
    }

    /// The number of the value whose text is that of `value`.
    pub(crate) fn find(&self, value: &Value) -> Option<usize> {
        let wanted = text_of(value);
        self.values.iter().position(|own| text_of(own) == wanted)
    }
}

impl Point {
    /// The name of the point: `p0007`.
    pub fn name(&self) -> String {
        format!("p{:04}", self.number)
    }

    /// The name of a run of the point: `p0007-r03`.
    pub fn run_name(&self, replication: u64) -> String {
        format!("{}-r{replication:02}", self.name())
    }
}

impl Axes {
    /// Reads the axes of a sweep; parameters in `fixed` do not vary.
    pub(crate) fn new(
        document: &Document,
        fixed: &BTreeMap<String, Value>,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let sweep = Path::root().key("sweep");
        let over = sweep.key("over");
        let mut axes: Vec<Axis> = Vec::new();
        for (name, values) in document.sweep.over.iter() {
            let path = over.key(name);
            if !is_name(name) {
                let finding = Finding::error(path.clone(), "this cannot be the name of a parameter").at_key();
                findings
                    .push(finding.help("a name has letters, digits, `-` and `_`, and begins with a letter"));
            }
            if values.is_empty() {
                findings.push(Finding::error(path.clone(), format!("`{name}` has no value to take")));
            }
            if !fixed.contains_key(name) {
                axes.push(Axis::new(name, values));
            }
        }
        zip(document, &mut axes, fixed, findings);
        for group in 0..document.sweep.zip.len() {
            let set = document.sweep.zip[group].iter().any(|name| fixed.contains_key(name));
            check_repetitions(&mut axes, group, set, &over, findings);
        }
        for axis in axes.iter().filter(|axis| axis.zip.is_none()) {
            for place in axis.repeated() {
                let value = text_of(&axis.values[axis.steps[place]]);
                let path = over.key(&axis.name).index(place);
                findings.push(Finding::error(path, format!("the value {value} is given twice")));
            }
        }
        let points = stride(&mut axes);
        if points.is_none_or(|points| points > POINTS_MAX) {
            let message = format!("the sweep has more than {POINTS_MAX} points");
            let help = "every value meets every other; `zip` lets parameters vary together";
            findings.push(Finding::error(over, message).at_key().help(help));
        }
        Self { axes, points: points.unwrap_or(0).min(POINTS_MAX) }
    }

    /// The axis called `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&Axis> {
        self.axes.iter().find(|axis| axis.name == name)
    }

    /// The point with this number, less than the number of points.
    pub(crate) fn point(&self, number: usize) -> Point {
        let choice = self.axes.iter().map(|axis| {
            let step = (number / axis.stride) % axis.steps.len().max(1);
            axis.steps.get(step).copied().unwrap_or(0)
        });
        Point { number, choice: choice.collect() }
    }

    /// Checks values that select points, and says whether they can: values of a `fixed` parameter may select none.
    pub(crate) fn check_filter(
        &self,
        filter: &Entries<Value>,
        path: &Path,
        fixed: &BTreeMap<String, Value>,
        findings: &mut Vec<Finding>,
    ) -> bool {
        let mut selects = true;
        for (name, value) in filter.iter() {
            let path = path.key(name);
            if let Some(fixed) = fixed.get(name) {
                selects &= text_of(fixed) == text_of(value);
                continue;
            }
            let Some(axis) = self.get(name) else {
                findings.push(self.unknown_axis(name, path).at_key());
                continue;
            };
            if axis.find(value).is_none() {
                let message = format!("`{name}` never has the value {}", text_of(value));
                let texts: Vec<String> = axis.texts().collect();
                let shown: Vec<&str> = texts.iter().map(String::as_str).take(12).collect();
                findings.push(Finding::error(path, message).expected(format!("one of {}", list(&shown))));
            }
        }
        selects
    }

    /// The finding for a name that should be that of an axis.
    pub(crate) fn unknown_axis(&self, name: &str, path: Path) -> Finding {
        let finding = Finding::error(path, format!("`{name}` does not vary in this sweep"));
        let near = suggestion(name, self.axes.iter().map(|axis| axis.name.as_str()));
        finding.help(
            near.unwrap_or_else(|| {
                format!("add its values: \"sweep\": {{ \"over\": {{ \"{name}\": […] }} }}")
            }),
        )
    }
}

fn zip(document: &Document, axes: &mut [Axis], fixed: &BTreeMap<String, Value>, findings: &mut Vec<Finding>) {
    for (number, names) in document.sweep.zip.iter().enumerate() {
        let path = Path::root().key("sweep").key("zip").index(number);
        let mut first: Option<(String, usize)> = None;
        for (at, name) in names.iter().enumerate().filter(|(_, name)| !fixed.contains_key(*name)) {
            let path = path.index(at);
            let known: Vec<String> = axes.iter().map(|axis| axis.name.clone()).collect();
            let Some(axis) = axes.iter_mut().find(|axis| axis.name == *name) else {
                let finding = Finding::error(path, format!("`{name}` is not in `over`"));
                findings.push(finding.maybe_help(suggestion(name, known.iter().map(String::as_str))));
                continue;
            };
            if axis.zip.is_some() {
                findings.push(Finding::error(path, format!("`{name}` varies together with others already")));
                continue;
            }
            axis.zip = Some(number);
            match &first {
                None => first = Some((name.clone(), axis.steps.len())),
                Some((other, count)) if *count != axis.steps.len() => {
                    let message =
                        format!("`{name}` has {} values and `{other}` has {count}", axis.steps.len());
                    let help = "parameters that vary together have equally many values";
                    findings.push(Finding::error(path, message).help(help));
                }
                Some(_) => {}
            }
        }
    }
}

/// Finds combinations of a group of axes that are given twice. Where one of the group is `set` to one value, those
/// that differ in it alone have become one.
fn check_repetitions(axes: &mut [Axis], group: usize, set: bool, over: &Path, findings: &mut Vec<Finding>) {
    let mut members: Vec<&mut Axis> = axes.iter_mut().filter(|axis| axis.zip == Some(group)).collect();
    let steps = members.iter().map(|member| member.steps.len()).min().unwrap_or(0);
    let mut known = BTreeSet::new();
    let again: Vec<usize> = (0..steps)
        .filter(|step| !known.insert(members.iter().map(|member| member.steps[*step]).collect::<Vec<_>>()))
        .collect();
    for &step in again.iter().rev() {
        if set {
            for member in &mut members {
                member.steps.remove(step);
            }
            continue;
        }
        let texts: Vec<String> = members
            .iter()
            .map(|member| format!("{} {}", member.name, text_of(&member.values[member.steps[step]])))
            .collect();
        let path = over.key(&members[0].name).index(step);
        findings.push(Finding::error(path, format!("the combination {} is given twice", texts.join(", "))));
    }
}

/// Numbers the points row by row, the last axis fastest; axes that vary together step where the first of them does.
fn stride(axes: &mut [Axis]) -> Option<usize> {
    let mut points: usize = 1;
    for at in (0..axes.len()).rev() {
        let zip = axes[at].zip;
        if zip.is_some() && axes[..at].iter().any(|axis| axis.zip == zip) {
            continue;
        }
        let stride = points;
        for (other, axis) in axes.iter_mut().enumerate() {
            if other == at || (zip.is_some() && axis.zip == zip) {
                axis.stride = stride;
            }
        }
        points = points.checked_mul(axes[at].steps.len())?;
    }
    Some(points)
}

/// The most points of a sweep.
pub(crate) const POINTS_MAX: usize = 1_000_000;
