//! The results of a sweep, made of its parts: tables in the order of the runs, then everything that follows from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use reports::{Drawing, OutputFile, Results};
use scenarios::results::{headers, point_name};
use scenarios::run::{RunReport, RunStats};
use sim_core::digest::Chain;

use crate::atomic;
use crate::expectation::Outcome;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::identity::Identity;
use crate::layout::{CAPTURE_FOLDER, MANIFEST_FILE, SERIES_FOLDER};
use crate::manifest::{Manifest, RunEntry};
use crate::parts::{Part, Parts, capture_name, series_name};
use crate::plot::read_results;
use crate::scenario_file::Scenario;
use crate::spread::{RunId, all_runs, pool};

/// A sweep whose results are complete, but not yet in their place.
#[derive(Debug)]
pub(crate) struct Assembled {
    /// Where the files wait.
    pub(crate) staging: PathBuf,
    /// The files, relative to the output folder; captures and series too, which wait elsewhere.
    pub(crate) files: BTreeSet<String>,
    /// What all runs did together.
    pub(crate) stats: RunStats,
    /// The results.
    pub(crate) results: Results,
    /// What became of the expectations.
    pub(crate) expectations: Vec<Outcome>,
}

/// Makes all result files of a sweep whose runs are finished, on `jobs` threads.
pub(crate) fn assemble(
    folder: &Folder,
    scenario: &Scenario,
    identity: &Identity,
    jobs: usize,
) -> Result<Assembled, Failure> {
    pool(jobs)?.install(|| assemble_here(folder, scenario, identity))
}

fn assemble_here(folder: &Folder, scenario: &Scenario, identity: &Identity) -> Result<Assembled, Failure> {
    let staging = folder.parts().join("results");
    let writing = |error: std::io::Error| Failure::writing(&staging, &error);
    if staging.exists() {
        fs::remove_dir_all(&staging).map_err(writing)?;
    }
    fs::create_dir_all(&staging).map_err(writing)?;
    let parts = Parts::of(folder);
    let gathered = gather(&parts, scenario, &staging)?;
    let manifest = Manifest::new(scenario, identity, gathered.runs, gathered.chain.value())?;

    let unreadable =
        |error: reports::ReadError| Failure::Work(format!("the results contradict themselves: {error}"));
    let text = manifest.text()?;
    let wanted = reports::results::Manifest::parse(&text).map_err(unreadable)?.series();
    let mut tables = read_results(&staging, &parts.series, &wanted)?;
    tables.insert(MANIFEST_FILE.to_owned(), text);
    let mut results = Results::read(&tables).map_err(unreadable)?;
    let expect = scenario.plan.expect.iter();
    let expectations: Vec<Outcome> = expect.map(|expected| Outcome::of(expected, &results)).collect();
    let text = manifest.with_expectations(expectations.clone()).text()?;
    results.manifest = reports::results::Manifest::parse(&text).map_err(unreadable)?;

    let mut derived = results.summary_files();
    derived.extend(draw(&results));
    derived.push(OutputFile { path: MANIFEST_FILE.to_owned(), bytes: text });
    for file in &derived {
        let path = staging.join(&file.path);
        atomic::write(&path, &file.bytes).map_err(|error| Failure::writing(&path, &error))?;
    }
    let files = tables.into_keys().chain(derived.into_iter().map(|file| file.path)).chain(gathered.waiting);
    let files = files.collect();
    Ok(Assembled { staging, files, stats: gathered.stats, results, expectations })
}

/// Plots and page, drawn side by side in the pool of threads that is in use.
pub(crate) fn draw(results: &Results) -> Vec<OutputFile> {
    let drawings = results.drawings();
    let plots = || drawings.par_iter().map(Drawing::draw).collect::<Vec<_>>();
    let (page, mut files) = rayon::join(|| results.report_page(), plots);
    files.push(page);
    files
}

/// What the parts say, beside the tables.
struct Gathered {
    runs: Vec<RunEntry>,
    /// Captures and series.
    waiting: Vec<String>,
    chain: Chain,
    stats: RunStats,
}

/// Writes the tables, run by run; only a few runs are in memory at a time.
fn gather(parts: &Parts, scenario: &Scenario, staging: &Path) -> Result<Gathered, Failure> {
    let plan = &scenario.plan;
    let mut tables = BTreeMap::new();
    for (name, header) in headers(plan) {
        tables.insert(name, Table::create(staging.join(name), &header)?);
    }
    let mut gathered =
        Gathered { runs: Vec::new(), waiting: Vec::new(), chain: Chain::START, stats: RunStats::default() };
    let runs: Vec<RunId> = all_runs(plan.point_count(), plan.replications).collect();
    for some in runs.chunks(PARTS_AT_ONCE) {
        let read: Vec<Result<Part, Failure>> = some.par_iter().map(|run| parts.require(*run)).collect();
        for (run, part) in some.iter().zip(read) {
            gathered.take(part?, *run, &mut tables)?;
        }
    }
    tables.into_values().try_for_each(Table::finish)?;
    Ok(gathered)
}

impl Gathered {
    /// Takes the part of one run; its lines go into `tables`.
    fn take(
        &mut self,
        part: Part,
        run: RunId,
        tables: &mut BTreeMap<&'static str, Table>,
    ) -> Result<(), Failure> {
        if part.captured {
            self.waiting.push(format!("{CAPTURE_FOLDER}/{}", capture_name(&part.report.run)));
        }
        if part.observed {
            self.waiting.push(format!("{SERIES_FOLDER}/{}", series_name(&part.report.run)));
        }
        self.chain.fold_u64(run_digest(&part.report));
        if let Ok(outcome) = &part.report.outcome {
            for (name, lines) in &outcome.rows {
                if let Some(table) = tables.get_mut(name.as_str()) {
                    table.write(lines)?;
                }
            }
            add(&mut self.stats, &outcome.stats);
        }
        self.runs.push(entry(&part.report, run.point));
        Ok(())
    }
}

/// The digest of a run; that of a failed one is made of the reason.
pub(crate) fn run_digest(report: &RunReport) -> u64 {
    match &report.outcome {
        Ok(outcome) => outcome.digest,
        Err(reason) => sim_core::digest::bytes_digest(reason.as_bytes()),
    }
}

/// Adds what one run did to what others did.
pub(crate) fn add(sum: &mut RunStats, one: &RunStats) {
    let RunStats { events, packets, packet_hops, simulated_ns, nodes } = *one;
    sum.events += events;
    sum.packets += packets;
    sum.packet_hops += packet_hops;
    sum.simulated_ns = sum.simulated_ns.saturating_add(simulated_ns);
    sum.nodes = sum.nodes.max(nodes);
}

fn entry(report: &RunReport, point: usize) -> RunEntry {
    let (digest, status, error) = match &report.outcome {
        Ok(outcome) => (Some(format!("{:016x}", outcome.digest)), "done", None),
        Err(reason) => (None, "failed", Some(reason.clone())),
    };
    RunEntry {
        run: report.run.clone(),
        point: point_name(point),
        replication: report.replication,
        seed: format!("{:016x}", report.seed),
        digest,
        status,
        error,
    }
}

/// Parts that are read side by side.
const PARTS_AT_ONCE: usize = 64;

/// A table being written.
struct Table {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Table {
    fn create(path: PathBuf, header: &str) -> Result<Self, Failure> {
        let file = File::create(&path).map_err(|error| Failure::writing(&path, &error))?;
        let mut table = Self { path, out: BufWriter::new(file) };
        table.write(header.trim_end_matches('\n'))?;
        table.write("\n")?;
        Ok(table)
    }

    fn write(&mut self, lines: &str) -> Result<(), Failure> {
        self.out.write_all(lines.as_bytes()).map_err(|error| Failure::writing(&self.path, &error))
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::writing(&self.path, &error))
    }
}
