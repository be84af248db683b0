//! `netjoule run`: sweeps, from scenario files to output folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use scenarios::language::Overrides;
use scenarios::outside::Outlet;
use scenarios::run::{Phase, RunAbout, RunOptions, RunReport, RunStats, run_joined, run_with};

use crate::assemble::{Assembled, add, assemble};
use crate::cli::RunArguments;
use crate::cost::{peak_memory_kib, thread_time};
use crate::failure::Failure;
use crate::folder::{Folder, Found, Permission, survey};
use crate::identity::Identity;
use crate::outcome;
use crate::parts::Parts;
use crate::progress::Progress;
use crate::publish::publish;
use crate::recording::Replay;
use crate::scenario_file::{Scenario, read_all};
use crate::spread::{RunId, all_runs, spread};
use crate::terminal;

/// Runs all scenarios of the command line, one after the other. Success means that all runs were done and all
/// expectations met.
pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let mut overrides: Overrides = arguments.overrides.clone().into();
    if arguments.replay.is_some() {
        overrides.replications = Some(1);
    }
    let scenarios = read_all(&arguments.files, &overrides)?;
    let sweeps = survey_all(scenarios, &overrides, arguments)?;
    let mut total = Total { stats: RunStats::default(), time: Some(Duration::ZERO), peak_kib: None };
    let mut good = true;
    for sweep in &sweeps {
        good &= sweep.run(arguments, &mut total)?;
    }
    if arguments.stats {
        terminal::print(total.json());
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One scenario, with the place for its results.
struct Sweep {
    scenario: Scenario,
    identity: Identity,
    out: PathBuf,
    found: Found,
    /// What comes in from outside.
    replay: Option<Replay>,
}

/// Finds a place for the results of each scenario before anything is run or written.
fn survey_all(
    scenarios: Vec<Scenario>,
    overrides: &Overrides,
    arguments: &RunArguments,
) -> Result<Vec<Sweep>, Failure> {
    let permission = Permission { resume: arguments.resume, force: arguments.force };
    let several = scenarios.len() > 1;
    let mut taken = BTreeSet::new();
    let mut sweeps = Vec::new();
    for scenario in scenarios {
        let name = &scenario.plan.name;
        let out = match &arguments.out {
            Some(out) if several => out.join(name),
            Some(out) => out.clone(),
            None => Path::new(OUT_FOLDER).join(name),
        };
        if !taken.insert(out.clone()) {
            return Err(Failure::Input(format!(
                "two of these scenarios are called {name}; run them one by one, with --out"
            )));
        }
        let identity = Identity::of(&scenario, overrides, arguments.pcap);
        let replay = replay(&scenario, &identity, arguments)?;
        let found = survey(&out, &identity, permission)?;
        sweeps.push(Sweep { scenario, identity, out, found, replay });
    }
    Ok(sweeps)
}

/// The recording to be replayed. A scenario that is joined to the outside needs one: alone it would be silent.
fn replay(
    scenario: &Scenario,
    identity: &Identity,
    arguments: &RunArguments,
) -> Result<Option<Replay>, Failure> {
    let joins = scenario.plan.source().text().contains(TUN_KEY);
    let Some(path) = &arguments.replay else {
        return match joins && !outlets(scenario)?.is_empty() {
            false => Ok(None),
            true => Err(Failure::Input(format!(
                "{} is joined to the outside by `tun`: run it with `netjoule live`, or give a recording of that with \
                 --replay",
                scenario.shown
            ))),
        };
    };
    let replay = Replay::read(path)?;
    replay.check(identity, &outlets(scenario)?)?;
    Ok(Some(replay))
}

fn outlets(scenario: &Scenario) -> Result<Vec<Outlet>, Failure> {
    let point = scenario.plan.point(0);
    scenarios::outside::outlets(&scenario.plan, &point, &scenario.files).map_err(Failure::Input)
}

impl Sweep {
    /// Runs what is still to be run, writes the results, and says whether all is as it should be.
    fn run(&self, arguments: &RunArguments, total: &mut Total) -> Result<bool, Failure> {
        let name = &self.identity.name;
        match self.found {
            Found::Complete => {
                Folder::tidy(&self.out, &self.identity)?;
                return outcome::show_complete(&self.out, arguments.quiet);
            }
            Found::Abandoned if !arguments.quiet => terminal::complain(format_args!(
                "note: {} held a sweep that was stopped; it starts afresh (--resume would have gone on)\n",
                self.out.display()
            )),
            Found::Abandoned | Found::Begun | Found::Nothing => {}
        }
        let folder = Folder::open(&self.out, &self.identity, self.found)?;
        let parts = Parts::of(&folder);
        let plan = &self.scenario.plan;
        let all: Vec<RunId> = all_runs(plan.point_count(), plan.replications).collect();
        let todo: Vec<RunId> = all.iter().copied().filter(|run| parts.load(*run).is_none()).collect();
        let progress = Progress::new(name, all.len(), all.len() - todo.len(), arguments.quiet);
        let work = |run: RunId| self.one(run, arguments.pcap);
        spread(todo.into_iter(), arguments.jobs.count(), work, |(report, cost)| {
            parts.save(report)?;
            progress.step();
            total.time = total.time.zip(cost.time).map(|(sum, time)| sum + time);
            total.peak_kib = total.peak_kib.max(cost.peak_kib);
            Ok(())
        })?;
        progress.all_done();
        let assembled = assemble(&folder, &self.scenario, &self.identity, arguments.jobs.count())?;
        publish(folder, &assembled)?;
        progress.end();
        add(&mut total.stats, &assembled.stats);
        let Assembled { results, expectations, .. } = &assembled;
        Ok(outcome::show(&self.out, results, expectations, arguments.quiet))
    }

    /// Does one run. Its cost is that of the run proper: building the world and collecting results are
    /// left out.
    fn one(&self, run: RunId, pcap: bool) -> (RunReport, Cost) {
        let plan = &self.scenario.plan;
        let point = plan.point(run.point);
        let capture = pcap || self.scenario.wants_capture(&point);
        let options = RunOptions { capture, trace: false, series: run.replication == 0 };
        let mut started = None;
        let mut cost = Cost::default();
        let mut on_phase = |phase| match phase {
            Phase::Started => started = thread_time(),
            Phase::Ended => {
                cost.time = thread_time().zip(started).map(|(end, start)| end.saturating_sub(start));
                cost.peak_kib = peak_memory_kib();
            }
        };
        let (about, files) = (RunAbout::new(plan, &point, run.replication), &self.scenario.files);
        let report = match &self.replay {
            Some(replay) => run_joined(&about, options, files, &mut on_phase, &mut replay.clone()),
            None => run_with(plan, &point, run.replication, options, files, &mut on_phase),
        };
        // A run that could not be built has taken no time.
        if report.outcome.is_err() && cost.time.is_none() {
            cost.time = Some(Duration::ZERO);
        }
        (report, cost)
    }
}

/// What a run cost.
#[derive(Default)]
struct Cost {
    /// Processor time.
    time: Option<Duration>,
    /// The most memory that the process had held when the run ended.
    peak_kib: Option<u64>,
}

/// What `--stats` prints.
struct Total {
    stats: RunStats,
    /// Processor time of the runs that this process has done.
    time: Option<Duration>,
    /// The most memory that the process had held when a run ended.
    peak_kib: Option<u64>,
}

impl Total {
    fn json(&self) -> String {
        let RunStats { events, packets, packet_hops, simulated_ns, nodes: _ } = self.stats;
        let text = serde_json::json!({
            "events": events,
            "packets": packets,
            "packet_hops": packet_hops,
            "simulated_s": simulated_ns as f64 / 1e9,
            "cpu_s": self.time.map(|time| time.as_secs_f64()),
            "peak_rss_kib": self.peak_kib,
        });
        format!("{text}\n")
    }
}

/// What a file that is joined to the outside holds.
const TUN_KEY: &str = "\"tun\"";

/// Where output folders go unless `--out` says otherwise.
pub(crate) const OUT_FOLDER: &str = "out";
