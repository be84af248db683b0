//! `manifest.json`: what was run, and what the other files mean.

use std::collections::BTreeMap;

use scenarios::language::{METRICS, Plan};
use scenarios::results::point_name;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::expectation::Outcome;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::scenario_file::Scenario;

/// The whole manifest, in the order of the file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Manifest {
    program: String,
    name: String,
    about: Option<String>,
    look_at: Option<String>,
    scenario_hash: String,
    seed: u64,
    replications: u64,
    set: BTreeMap<String, String>,
    pcap: bool,
    /// The digest of all runs together, in hexadecimal.
    digest: String,
    #[serde(rename = "duration_ns")]
    duration_ns: u64,
    #[serde(rename = "drain_ns")]
    drain_ns: u64,
    #[serde(rename = "warm_up_ns")]
    warm_up_ns: u64,
    axes: Vec<Axis>,
    fixed: Map<String, Value>,
    points: Vec<PointEntry>,
    runs: Vec<RunEntry>,
    metrics: Vec<MetricEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardware: Option<Hardware>,
    plots: Vec<Value>,
    expect: Vec<Outcome>,
    scenario: String,
}

#[derive(Debug, Serialize)]
struct Axis {
    name: String,
    values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zip: Option<usize>,
}

/// The profiles that nodes are made of at the first point.
#[derive(Debug, Serialize)]
struct Hardware {
    profiles: Vec<String>,
    figures: usize,
    unverified: usize,
}

#[derive(Debug, Serialize)]
struct PointEntry {
    point: String,
    values: Map<String, Value>,
}

/// One run, as the manifest lists it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunEntry {
    /// `p0007-r03`.
    pub(crate) run: String,
    /// `p0007`.
    pub(crate) point: String,
    /// From 0.
    pub(crate) replication: u32,
    /// In hexadecimal.
    pub(crate) seed: String,
    /// In hexadecimal; absent where the run failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
    /// `done` or `failed`.
    pub(crate) status: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

#[derive(Debug, Serialize)]
struct MetricEntry {
    name: &'static str,
    column: &'static str,
    unit: &'static str,
    title: &'static str,
    better: Option<&'static str>,
}

impl Manifest {
    /// The manifest of a sweep that is complete but for the expectations.
    pub(crate) fn new(
        scenario: &Scenario,
        identity: &Identity,
        runs: Vec<RunEntry>,
        digest: u64,
    ) -> Result<Self, Failure> {
        let plan = &scenario.plan;
        let first = plan.scenario(&plan.point(0), &scenario.files).map_err(|mistakes| {
            let messages: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
            Failure::Work(format!("{} has changed while it ran: {}", scenario.shown, messages.join("; ")))
        })?;
        let Identity { program, name, scenario_hash, seed, replications, set, pcap } = identity.clone();
        Ok(Self {
            program,
            name,
            about: plan.about().map(str::to_owned),
            look_at: plan.look_at().map(str::to_owned),
            scenario_hash,
            seed,
            replications,
            set,
            pcap,
            digest: format!("{digest:016x}"),
            duration_ns: first.duration.as_nanos(),
            drain_ns: first.drain.as_nanos(),
            warm_up_ns: first.warm_up.as_nanos(),
            axes: axes(plan),
            fixed: texts(plan.fixed()),
            points: points(plan),
            runs,
            metrics: metrics(),
            hardware: hardware(&first),
            plots: plan.plots.clone(),
            expect: Vec::new(),
            scenario: plan.source().text().to_owned(),
        })
    }

    /// Adds what became of the expectations.
    pub(crate) fn with_expectations(self, expect: Vec<Outcome>) -> Self {
        Self { expect, ..self }
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> Result<Vec<u8>, Failure> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::Work(format!("cannot write the manifest: {error}")))?;
        text.push(b'\n');
        Ok(text)
    }
}

fn axes(plan: &Plan) -> Vec<Axis> {
    let axes = plan.axes().iter();
    axes.map(|axis| Axis { name: axis.name.clone(), values: axis.texts().collect(), zip: axis.zip }).collect()
}

fn points(plan: &Plan) -> Vec<PointEntry> {
    plan.points()
        .map(|point| PointEntry { point: point_name(point.number), values: texts(plan.values(&point)) })
        .collect()
}

fn texts(values: Vec<(&str, String)>) -> Map<String, Value> {
    values.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

fn hardware(scenario: &scenarios::language::Scenario) -> Option<Hardware> {
    let (profiles, figures) = scenario.hardware_figures()?;
    let profiles = profiles.into_iter().map(str::to_owned).collect();
    Some(Hardware { profiles, figures: figures.total, unverified: figures.unverified })
}

fn metrics() -> Vec<MetricEntry> {
    let entry = |metric: &scenarios::language::Metric| MetricEntry {
        name: metric.name,
        column: metric.column,
        unit: metric.unit.symbol(),
        title: metric.title,
        better: metric.better.map(|better| better.word()),
    };
    METRICS.iter().map(entry).collect()
}
