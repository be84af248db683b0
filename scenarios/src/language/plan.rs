//! A scenario file as a plan: which points it has, and the scenario of each.

mod merge;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::decode::decode;
use super::diagnostic::{Diagnostic, Finding, Severity};
use super::document::Document;
use super::nearest::suggestion;
use super::parameter::{self, Values, collect_names, is_name, substitute, text_of};
use super::path::Path;
use super::point::{Axes, Axis, Point};
use super::question::{self, Expected, Scope};
use super::resolve::{Files, check_values, resolve};
use super::scenario::Scenario;
use super::source::Source;
use merge::Merge;

/// What the command line changes in a scenario.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Parameters with their new value: JSON if it reads as such, else a text. A parameter given here does not vary.
    pub set: Vec<(String, String)>,
    /// The number that all random numbers come from, instead of `sweep.seed`.
    pub seed: Option<u64>,
    /// How often each point is repeated, instead of `sweep.replications`.
    pub replications: Option<u64>,
}

/// A scenario file without mistakes, with its points.
#[derive(Clone, Debug)]
pub struct Plan {
    source: Source,
    frame: Document,
    template: Value,
    fixed: BTreeMap<String, Value>,
    axes: Axes,
    /// The name of the scenario.
    pub name: String,
    /// The number that all random numbers come from.
    pub seed: u64,
    /// How often each point is repeated.
    pub replications: u64,
    /// What must come out.
    pub expect: Vec<Expected>,
    /// The plots as the file gives them.
    pub plots: Vec<Value>,
    /// The point that others are compared with, as name and text of each axis that counts.
    pub baseline: Vec<(String, String)>,
    /// What the scenario probably does not mean.
    pub warnings: Vec<Diagnostic>,
}

impl Plan {
    /// Reads a scenario file and checks it, every point of its sweep as far as that can be done in reasonable time.
    ///
    /// # Errors
    /// All mistakes that were found, in the order of the text.
    pub fn parse(bytes: &[u8], overrides: &Overrides, files: &dyn Files) -> Result<Self, Vec<Diagnostic>> {
        let source = Source::parse(bytes)?;
        let mut findings = Vec::new();
        let (frame_value, template) = split(source.value());
        let decoded = decode::<Document>(frame_value);
        findings.extend(decoded.findings);
        let frame = decoded.value.unwrap_or_default();
        let fixed = read_overrides(&frame, overrides, &mut findings);
        let axes = Axes::new(&frame, &fixed, &mut findings);
        check_frame(&frame, &template, &axes, overrides, &mut findings);
        let scope = Scope { axes: &axes, fixed: &fixed };
        let drawn = question::plots(&frame, &scope, &mut findings);
        let expect = question::expectations(&frame, &scope, &mut findings);
        axes.check_filter(&frame.sweep.baseline, &section("sweep").key("baseline"), &fixed, &mut findings);
        let shown = source.value().get("plots").and_then(Value::as_array);
        let plots = drawn.into_iter().filter_map(|number| shown?.get(number).cloned()).collect();
        let baseline = frame.sweep.baseline.iter().map(|(name, value)| (name.to_owned(), text_of(value)));
        let mut plan = Self {
            name: frame.name.clone().unwrap_or_default(),
            seed: overrides.seed.unwrap_or(frame.sweep.seed),
            replications: overrides.replications.unwrap_or(frame.sweep.replications),
            baseline: baseline.collect(),
            warnings: Vec::new(),
            source,
            template,
            fixed,
            axes,
            expect,
            plots,
            frame,
        };
        plan.check_points(files, &mut findings);
        let mut diagnostics: Vec<Diagnostic> =
            findings.into_iter().map(|finding| plan.source.locate(finding)).collect();
        diagnostics.sort_by(|a, b| {
            (a.span.start, a.span.end, a.severity).cmp(&(b.span.start, b.span.end, b.severity))
        });
        diagnostics.dedup();
        if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            return Err(diagnostics);
        }
        plan.warnings = diagnostics;
        Ok(plan)
    }

    /// How many points there are, at least 1.
    pub fn point_count(&self) -> usize {
        self.axes.points
    }

    /// A point by its number, less than [`Self::point_count`].
    pub fn point(&self, number: usize) -> Point {
        self.axes.point(number)
    }

    /// All points in their order.
    pub fn points(&self) -> impl Iterator<Item = Point> + '_ {
        (0..self.axes.points).map(|number| self.axes.point(number))
    }

    /// The parameters that vary.
    pub fn axes(&self) -> &[Axis] {
        &self.axes.axes
    }

    /// The values of a point as texts, by the name of their axis.
    pub fn values(&self, point: &Point) -> Vec<(&str, String)> {
        let axes = self.axes.axes.iter().zip(&point.choice);
        axes.map(|(axis, choice)| (axis.name.as_str(), text_of(&axis.values[*choice]))).collect()
    }

    /// The parameters that do not vary, with their values as texts.
    pub fn fixed(&self) -> Vec<(&str, String)> {
        let given = self.frame.parameters.iter().filter(|(name, _)| self.axes.get(name).is_none());
        let mut all: Vec<(&str, String)> =
            given.map(|(name, value)| (name, text_of(self.fixed.get(name).unwrap_or(value)))).collect();
        for (name, value) in &self.fixed {
            if self.frame.parameters.get(name).is_none() {
                all.push((name, text_of(value)));
            }
        }
        all
    }

    /// The question that the scenario answers.
    pub fn about(&self) -> Option<&str> {
        self.frame.about.as_deref()
    }

    /// What a reader should look at.
    pub fn look_at(&self) -> Option<&str> {
        self.frame.look_at.as_deref()
    }

    /// The text and the places of its values.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The scenario of one point.
    ///
    /// # Errors
    /// The mistakes that show at this point alone: a sweep of many large scenarios is not checked in full beforehand.
    pub fn scenario(&self, point: &Point, files: &dyn Files) -> Result<Scenario, Vec<Diagnostic>> {
        let (scenario, findings) = self.build(point, files);
        let is_error = |finding: &Finding| finding.severity == Severity::Error;
        match scenario {
            Some(scenario) if !findings.iter().any(is_error) => Ok(scenario),
            _ => Err(findings
                .into_iter()
                .filter(is_error)
                .map(|finding| self.source.locate(finding))
                .collect()),
        }
    }

    fn check_points(&self, files: &dyn Files, findings: &mut Vec<Finding>) {
        let mut merge = Merge::default();
        let mut work = 0;
        for number in self.points_to_check() {
            let point = self.axes.point(number);
            let (scenario, found) = self.build(&point, files);
            work += scenario.map_or(1_000, |scenario| {
                1_000 + scenario.interfaces.len() + scenario.links.len() + scenario.flows.len()
            });
            merge.add(&point, found);
            if work > CHECKED_WORK_MAX {
                break;
            }
        }
        findings.extend(merge.finish(self));
    }

    /// The points in the order in which they are checked: those that differ in one value from the first one, then
    /// the others.
    fn points_to_check(&self) -> Vec<usize> {
        let mut numbers: Vec<usize> = if self.axes.points == 0 { Vec::new() } else { vec![0] };
        for axis in &self.axes.axes {
            numbers.extend(axis.steps_from_first());
        }
        numbers.retain(|number| *number < self.axes.points);
        let first: BTreeSet<usize> = numbers.iter().copied().collect();
        numbers
            .extend((0..self.axes.points.min(POINTS_CHECKED_MAX)).filter(|number| !first.contains(number)));
        numbers.dedup();
        numbers
    }

    fn parameters(&self, point: &Point, findings: &mut Vec<Finding>) -> Values {
        let mut raw: BTreeMap<String, (Value, Path)> = BTreeMap::new();
        for (name, value) in self.frame.parameters.iter() {
            raw.insert(name.to_owned(), (value.clone(), section("parameters").key(name)));
        }
        for (axis, choice) in self.axes.axes.iter().zip(&point.choice) {
            let path = section("sweep").key("over").key(&axis.name).index(axis.place(*choice));
            if let Some(value) = axis.values.get(*choice) {
                raw.insert(axis.name.clone(), (value.clone(), path));
            }
        }
        for (name, value) in &self.fixed {
            raw.insert(name.clone(), (value.clone(), Path::root().key("--set")));
        }
        parameter::resolve(&raw, findings)
    }

    fn build(&self, point: &Point, files: &dyn Files) -> (Option<Scenario>, Vec<Finding>) {
        let mut findings = Vec::new();
        let values = self.parameters(point, &mut findings);
        let mut value = self.template.clone();
        substitute(&mut value, &Path::root(), &values, &mut findings);
        if !findings.is_empty() {
            return (None, findings);
        }
        let decoded = decode::<Document>(value);
        findings.extend(decoded.findings.iter().cloned());
        let Some(document) = &decoded.value else { return (None, findings) };
        let mut document = document.clone();
        document.name = Some(self.name.clone());
        let mut semantic = check_values(&document);
        let mut made = None;
        // With nodes or links left out, everything that names them would look wrong.
        if !decoded.lacks_part_of(&["nodes", "topology", "media", "links"]) {
            let (scenario, found) = resolve(&document, files);
            semantic.extend(found);
            made = Some(scenario);
        }
        for finding in semantic {
            let path = decoded.original(&finding.path);
            findings.push(Finding { path, ..finding });
        }
        for finding in &mut findings {
            self.explain(finding, &values);
        }
        (made, findings)
    }

    /// Says what a parameter stood for, where a finding is about its value.
    fn explain(&self, finding: &mut Finding, values: &Values) {
        let Some(Value::String(text)) = finding.path.lookup(&self.template) else { return };
        let mut names = BTreeSet::new();
        collect_names(&Value::String(text.clone()), &mut names);
        let shown: Vec<String> =
            names.iter().filter_map(|name| Some(format!("`{name}` is {} here", values.get(name)?))).collect();
        if !shown.is_empty() {
            let before = finding.help.take().map(|help| format!("{help}; ")).unwrap_or_default();
            finding.help = Some(before + &shown.join(", "));
        }
    }
}

fn section(name: &str) -> Path {
    Path::root().key(name)
}

/// Parts the sections that are alike at all points from those in which parameters are replaced.
fn split(value: &Value) -> (Value, Value) {
    let entries = value.as_object().cloned().unwrap_or_default();
    let (frame, template): (serde_json::Map<_, _>, serde_json::Map<_, _>) =
        entries.into_iter().partition(|(key, _)| FRAME_SECTIONS.contains(&key.as_str()));
    (Value::Object(frame), Value::Object(template))
}

fn read_overrides(
    frame: &Document,
    overrides: &Overrides,
    findings: &mut Vec<Finding>,
) -> BTreeMap<String, Value> {
    let mut fixed = BTreeMap::new();
    let names: Vec<&str> = frame.parameters.names().chain(frame.sweep.over.names()).collect();
    for (name, text) in &overrides.set {
        let path = section("--set");
        if !names.contains(&name.as_str()) {
            let finding = Finding::error(path, format!("the scenario has no parameter `{name}`"));
            let near = suggestion(name, names.iter().copied());
            findings.push(finding.help(near.unwrap_or_else(|| "it has no parameters at all".to_owned())));
            continue;
        }
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
        fixed.insert(name.clone(), value);
    }
    fixed
}

fn check_frame(
    frame: &Document,
    template: &Value,
    axes: &Axes,
    overrides: &Overrides,
    findings: &mut Vec<Finding>,
) {
    match &frame.name {
        None => findings.push(missing("name", "\"name\": \"my-scenario\"")),
        Some(name)
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) =>
        {
            let finding = Finding::error(section("name"), "this cannot be the name of an output folder");
            findings.push(finding.expected("letters, digits, `-` and `_`"));
        }
        Some(_) => {}
    }
    if template.get("duration").is_none() {
        findings.push(missing("duration", "\"duration\": \"60 s\""));
    }
    let joined = template.get("nodes").is_some_and(has_outlet);
    if template.get("traffic").is_none() && !joined {
        let finding =
            Finding::warning(Path::root(), "the scenario has no traffic, so there is nothing to measure");
        findings.push(finding.help("add `\"traffic\": […]`"));
    }
    let replications = overrides.replications.unwrap_or(frame.sweep.replications);
    if !(1..=REPLICATIONS_MAX).contains(&replications) {
        let at = if overrides.replications.is_some() {
            section("--replications")
        } else {
            section("sweep").key("replications")
        };
        let finding = Finding::error(at, format!("{replications} replications"));
        findings.push(finding.expected(format!("1 to {REPLICATIONS_MAX}")));
    }
    check_fixed_names(template, axes, findings);
    let mut used = BTreeSet::new();
    collect_names(template, &mut used);
    for (_, value) in frame.parameters.iter() {
        collect_names(value, &mut used);
    }
    for axis in &axes.axes {
        axis.values.iter().for_each(|value| collect_names(value, &mut used));
    }
    for (name, _) in frame.parameters.iter() {
        let path = section("parameters").key(name);
        if !is_name(name) {
            let finding = Finding::error(path, "this cannot be the name of a parameter").at_key();
            findings.push(finding.help("a name has letters, digits, `-` and `_`, and begins with a letter"));
        } else if !used.contains(name) {
            let finding = Finding::warning(path, format!("the parameter `{name}` is never used")).at_key();
            findings.push(finding.help(format!("write \"${name}\" where its value belongs")));
        }
    }
    for (name, _) in frame.sweep.over.iter().filter(|(name, _)| frame.parameters.get(name).is_none()) {
        if !used.contains(name) && is_name(name) {
            let message = format!("`{name}` varies, but nothing depends on it");
            let finding = Finding::error(section("sweep").key("over").key(name), message).at_key();
            findings.push(finding.help(format!("write \"${name}\" where its value belongs")));
        }
    }
}

/// Refuses names that vary: random numbers belong to names, so that variants would not meet the same ones.
fn check_fixed_names(template: &Value, axes: &Axes, findings: &mut Vec<Finding>) {
    for list in ["links", "traffic"] {
        let entries = template.get(list).and_then(Value::as_array).into_iter().flatten();
        for (number, entry) in entries.enumerate() {
            let mut names = BTreeSet::new();
            collect_names(entry.get("name").unwrap_or(&Value::Null), &mut names);
            if let Some(axis) = names.iter().find(|name| axes.get(name).is_some()) {
                let path = section(list).index(number).key("name");
                let finding = Finding::error(path, format!("a name that varies with `{axis}`"));
                findings
                    .push(finding.help("random numbers belong to names: variants must meet the same ones"));
            }
        }
    }
}

/// Whether one of `nodes` is joined to the outside, where traffic comes from.
fn has_outlet(nodes: &Value) -> bool {
    let interfaces = nodes.as_object().into_iter().flat_map(|nodes| nodes.values());
    let mut interfaces = interfaces.filter_map(|node| node.get("interfaces")?.as_object());
    interfaces.any(|all| all.values().any(|interface| interface.get("tun").is_some()))
}

fn missing(entry: &str, example: &str) -> Finding {
    Finding::error(Path::root(), format!("the entry `{entry}` is missing")).help(format!("add `{example}`"))
}

/// Sections in which no parameters are replaced.
pub(crate) const FRAME_SECTIONS: &[&str] =
    &["$schema", "name", "about", "look-at", "parameters", "sweep", "plots", "expect"];

const REPLICATIONS_MAX: u64 = 100_000;

/// How many points are checked beforehand, beside those that differ in one value from the first.
const POINTS_CHECKED_MAX: usize = 2_000;

/// When checking beforehand ends, in nodes, links and flows looked at.
const CHECKED_WORK_MAX: usize = 5_000_000;
