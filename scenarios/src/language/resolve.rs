//! From settings to a [`Scenario`]: names become numbers, and what contradicts itself is found.

mod address;
mod connectivity;
mod fault;
mod hardware;
mod limits;
mod link;
mod link_trace;
mod movement;
mod node;
mod options;
mod outlet;
mod pairs;
mod protection;
mod radio;
mod registration;
mod resources;
mod route;
mod rpl;
mod split_mix;
mod supply;
mod topology;
mod trace_file;
mod traffic;
mod workload;

use std::collections::BTreeMap;

pub(crate) use address::read_prefix;
pub(crate) use radio::hexadecimal;

use super::diagnostic::{Finding, Severity};
use super::document::Document;
use super::path::Path;
use super::quantity::{Duration, Size};
use super::scenario::{Limits, Scenario};

/// Reads a file that a scenario names: a trace of rates or of losses.
pub trait Files: Sync {
    /// The content of the file called `name`, relative to the scenario.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn read(&self, name: &str) -> Result<String, String>;
}

/// No files at all: a scenario that names one is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _name: &str) -> Result<String, String> {
        Err("there are no files beside this scenario".to_owned())
    }
}

/// What the parts of the resolver share.
pub(super) struct Resolver<'a> {
    document: &'a Document,
    files: &'a dyn Files,
    findings: Vec<Finding>,
}

/// Checks what can be checked without any names: ranges and combinations inside one entry.
pub(super) fn check_values(document: &Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    limits::check(document, &mut findings);
    hardware::check(document, &mut findings);
    link::check(document, &mut findings);
    radio::check(document, &mut findings);
    workload::check(document, &mut findings);
    options::check(document, &mut findings);
    resources::check(document, &mut findings);
    traffic::check_stacks(document, &mut findings);
    findings
}

/// Makes the scenario; it is complete if no finding is an error.
pub(super) fn resolve(document: &Document, files: &dyn Files) -> (Scenario, Vec<Finding>) {
    let mut resolver = Resolver { document, files, findings: Vec::new() };
    let mut scenario = Scenario {
        name: document.name.clone().unwrap_or_default(),
        duration: document.duration.unwrap_or_default(),
        drain: document.drain(),
        warm_up: document.warm_up,
        ip: document.ip,
        groups: Vec::new(),
        interfaces: Vec::new(),
        outlets: Vec::new(),
        origins: BTreeMap::new(),
        addresses: BTreeMap::new(),
        media: Vec::new(),
        links: Vec::new(),
        profiles: Vec::new(),
        routes: Vec::new(),
        traffic: Vec::new(),
        flows: Vec::new(),
        faults: Vec::new(),
        limits: Limits {
            events: document.limits.events.unwrap_or(EVENTS_DEFAULT),
            memory: document.limits.memory.unwrap_or(MEMORY_DEFAULT),
            time: document.limits.time.unwrap_or(TIME_DEFAULT),
        },
        sample_every: document.sample.every.unwrap_or_else(|| sample_default(document)),
        capture: document.capture,
    };
    let mut wiring = link::Wiring::default();
    let index = resolver.nodes(&mut scenario);
    if resolver.findings.is_empty() {
        resolver.media(&mut scenario, &index);
        resolver.declared_interfaces(&mut scenario, &mut wiring);
        resolver.links(&mut scenario, &index, &mut wiring);
        resolver.topologies(&mut scenario, &index, &mut wiring);
        wiring.finish(&mut scenario);
        resolver.radios(&scenario);
        resolver.rpl_roots(&mut scenario, &index);
        resolver.registrations(&mut scenario, &index);
        resolver.outlets(&mut scenario);
        resolver.addresses(&scenario);
        let sound = resolver.findings.is_empty();
        resolver.routes(&mut scenario, &index);
        resolver.origins(&mut scenario, &index);
        let numbers = resolver.traffic(&mut scenario, &index);
        resolver.check_senders_inside(&scenario, &numbers);
        resolver.check_resources(&scenario, &numbers);
        if sound {
            resolver.connectivity(&scenario, &numbers);
        }
        resolver.faults(&mut scenario, &index);
        if !resolver.findings.iter().any(|finding| finding.severity == Severity::Error) {
            resolver.hardware(&mut scenario);
            resolver.check_protection(&scenario, &numbers);
        }
    }
    (scenario, resolver.findings)
}

impl Resolver<'_> {
    fn error(&mut self, path: Path, message: impl Into<String>) {
        self.findings.push(Finding::error(path, message));
    }

    fn error_with_help(&mut self, path: Path, message: impl Into<String>, help: impl Into<String>) {
        self.findings.push(Finding::error(path, message).help(help));
    }
}

impl Resolver<'_> {
    /// Refuses what a short text would blow up to more than [`ENTITIES_MAX`] of a kind.
    fn has_room(&mut self, path: &Path, what: &str, made: usize, more: u64) -> bool {
        let total = (made as u64).saturating_add(more);
        if total > ENTITIES_MAX {
            let message =
                format!("the scenario has {total} {what} or more, at most {ENTITIES_MAX} are possible");
            self.error(path.clone(), message);
        }
        total <= ENTITIES_MAX
    }
}

/// The path of a section of the file.
fn section(name: &str) -> Path {
    Path::root().key(name)
}

/// The most interfaces, links, routes, flows and faults of a scenario, each.
const ENTITIES_MAX: u64 = 10_000_000;

const EVENTS_DEFAULT: u64 = 10_000_000_000;
const MEMORY_DEFAULT: Size = Size::from_bytes(8 << 30);
const TIME_DEFAULT: Duration = Duration::from_secs(365 * 86_400);
/// 100 ms, and in long runs so many times as much that a series has at most [`SAMPLES_DEFAULT_MAX`] values.
fn sample_default(document: &Document) -> Duration {
    let total = document.duration.unwrap_or_default().as_nanos().saturating_add(document.drain().as_nanos());
    let times = total.div_ceil(SAMPLES_DEFAULT_MAX * SAMPLE_NANOS).max(1);
    Duration::from_nanos(times.saturating_mul(SAMPLE_NANOS))
}

const SAMPLE_NANOS: u64 = 100_000_000;
const SAMPLES_DEFAULT_MAX: u64 = 20_000;
