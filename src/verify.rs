//! `netjoule verify`: digests of scenarios, held against the recorded ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use scenarios::language::Overrides;
use scenarios::results::run_name;
use scenarios::run::{RunOptions, run};
use serde::{Deserialize, Serialize};
use sim_core::digest::Chain;

use crate::assemble::run_digest;
use crate::atomic;
use crate::cli::VerifyArguments;
use crate::failure::{Failure, reason};
use crate::nearest::nearest;
use crate::progress::Progress;
use crate::scenario_file::{Scenario, read_all};
use crate::shipped::{GOLDEN, GOLDEN_FILE, SHIPPED};
use crate::spread::{RunId, all_runs, spread};
use crate::terminal;

/// What one scenario must come to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    /// How many replications were run: fewer than the file says where the sweep is big.
    replications: u64,
    /// The digest of all runs, in hexadecimal.
    digest: String,
    /// The digest of each run, in hexadecimal.
    runs: BTreeMap<String, String>,
}

/// The recorded digests, by the name of the scenario.
type Recorded = BTreeMap<String, Golden>;

/// Runs the scenarios and compares their digests with the recorded ones, or records them.
pub(crate) fn verify(arguments: &VerifyArguments) -> Result<ExitCode, Failure> {
    // What comes from outside is in no file: live scenarios have no digest of their own.
    let shipped = SHIPPED.iter().filter(|shipped| shipped.folder() != LIVE_FOLDER);
    let shipped = shipped.filter(|shipped| arguments.update || shipped.folder() != BENCH_FOLDER);
    let names = match arguments.files.is_empty() {
        true => shipped.map(|shipped| shipped.path.to_owned()).collect(),
        false => arguments.files.clone(),
    };
    let scenarios = read_all(&names, &Overrides::default())?;
    let jobs = arguments.jobs.count();
    if arguments.update {
        let (path, mut recorded) = to_update(arguments)?;
        for mut scenario in scenarios {
            let plan = &mut scenario.plan;
            plan.replications = fewer(plan.point_count(), plan.replications);
            let golden = measure(&scenario, jobs)?;
            terminal::print(format_args!("{}: {}\n", scenario.plan.name, golden.digest));
            recorded.insert(scenario.plan.name.clone(), golden);
        }
        let text = serde_json::to_string_pretty(&recorded)
            .map_err(|error| Failure::Work(format!("cannot write the digests: {error}")))?;
        atomic::write(&path, (text + "\n").as_bytes()).map_err(|error| Failure::writing(&path, &error))?;
        return Ok(ExitCode::SUCCESS);
    }
    let recorded = to_compare(arguments)?;
    let mut pairs = Vec::new();
    for mut scenario in scenarios {
        let golden = entry(&recorded, &scenario.plan.name)?;
        scenario.plan.replications = golden.replications;
        pairs.push((scenario, golden));
    }
    let mut equal = true;
    for (scenario, golden) in pairs {
        let measured = measure(&scenario, jobs)?;
        let verdict = compare(golden, &measured);
        equal &= verdict.is_ok();
        let (Ok(text) | Err(text)) = verdict;
        terminal::print(format_args!("{}: {text}\n", scenario.plan.name));
    }
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(scenario: &Scenario, jobs: usize) -> Result<Golden, Failure> {
    let plan = &scenario.plan;
    let all: Vec<RunId> = all_runs(plan.point_count(), plan.replications).collect();
    let progress = Progress::new(&plan.name, all.len(), 0, false);
    let mut digests = BTreeMap::new();
    let work = |id: RunId| {
        let report = run(plan, &plan.point(id.point), id.replication, RunOptions::default(), &scenario.files);
        (id, run_digest(&report))
    };
    spread(all.into_iter(), jobs, work, |(id, digest)| {
        progress.step();
        digests.insert(id, digest);
        Ok(())
    })?;
    progress.end();
    let mut chain = Chain::START;
    digests.values().for_each(|digest| chain.fold_u64(*digest));
    let runs =
        digests.iter().map(|(id, digest)| (run_name(id.point, id.replication), format!("{digest:016x}")));
    Ok(Golden {
        replications: plan.replications,
        digest: format!("{:016x}", chain.value()),
        runs: runs.collect(),
    })
}

/// Says that all is equal, or which run is the first to differ.
fn compare(golden: &Golden, measured: &Golden) -> Result<String, String> {
    for (run, digest) in &measured.runs {
        match golden.runs.get(run) {
            Some(recorded) if recorded == digest => {}
            Some(recorded) => {
                return Err(format!("DIFFERS first in run {run}: recorded {recorded}, now {digest}"));
            }
            None => return Err(format!("DIFFERS: run {run} is not among the recorded ones")),
        }
    }
    if let Some(run) = golden.runs.keys().find(|run| !measured.runs.contains_key(*run)) {
        return Err(format!("DIFFERS: the recorded run {run} is not part of the sweep any more"));
    }
    if golden.digest != measured.digest {
        return Err(format!("DIFFERS as a whole: recorded {}, now {}", golden.digest, measured.digest));
    }
    Ok(format!("equal in {} runs", measured.runs.len()))
}

fn entry<'a>(recorded: &'a Recorded, name: &str) -> Result<&'a Golden, Failure> {
    recorded.get(name).ok_or_else(|| {
        let near = nearest(name, recorded.keys().map(String::as_str));
        let hint = near.map(|near| format!(" (there is one of {near})")).unwrap_or_default();
        Failure::Input(format!(
            "there is no recorded digest of {name}{hint}; --update --golden FILE records one"
        ))
    })
}

fn to_compare(arguments: &VerifyArguments) -> Result<Recorded, Failure> {
    match &arguments.golden {
        None => parse(GOLDEN.as_bytes(), Path::new(GOLDEN_FILE)),
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| {
                Failure::Input(format!("cannot read {}: {}", path.display(), reason(&error)))
            })?;
            parse(&bytes, path)
        }
    }
}

/// The file to rewrite, and its entries that stay.
fn to_update(arguments: &VerifyArguments) -> Result<(PathBuf, Recorded), Failure> {
    let path = arguments.golden.clone().unwrap_or_else(|| PathBuf::from(GOLDEN_FILE));
    let recorded = match std::fs::read(&path) {
        // Everything is recorded anew: entries of scenarios that ship no more go.
        Ok(_) if arguments.files.is_empty() => Recorded::new(),
        Ok(bytes) => parse(&bytes, &path)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && arguments.golden.is_some() => {
            Recorded::new()
        }
        Err(error) => {
            let place = path.display();
            let why = reason(&error);
            let hint = "go to the folder of the sources, or name a file with --golden";
            return Err(Failure::Input(format!("cannot read {place}: {why}; {hint}")));
        }
    };
    Ok((path, recorded))
}

fn parse(bytes: &[u8], path: &Path) -> Result<Recorded, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

/// As many replications as keep the sweep below [`RUNS_MAX`] runs, at least one.
fn fewer(points: usize, replications: u64) -> u64 {
    replications.min(RUNS_MAX / points.max(1) as u64).max(1)
}

/// Runs of a scenario that are worth recording; more would only take longer.
const RUNS_MAX: u64 = 60;

/// Benchmarks take long and are verified when they are asked for by name.
const LIVE_FOLDER: &str = "live";

const BENCH_FOLDER: &str = "bench";

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(digests: &[(&str, &str)]) -> Golden {
        let runs = digests.iter().map(|(run, digest)| ((*run).to_owned(), (*digest).to_owned())).collect();
        Golden { replications: 1, digest: "d".to_owned(), runs }
    }

    #[test]
    fn the_first_run_that_differs_is_named() {
        let recorded = golden(&[("p0000-r00", "1"), ("p0001-r00", "2"), ("p0002-r00", "3")]);
        let measured = golden(&[("p0000-r00", "1"), ("p0001-r00", "5"), ("p0002-r00", "6")]);
        let verdict = compare(&recorded, &measured).unwrap_err();
        assert!(verdict.contains("p0001-r00") && verdict.contains("recorded 2, now 5"), "{verdict}");
    }

    #[test]
    fn runs_that_came_or_went_differ() {
        let (one, two) = (golden(&[("p0000-r00", "1")]), golden(&[("p0000-r00", "1"), ("p0001-r00", "2")]));
        assert!(compare(&one, &two).is_err() && compare(&two, &one).is_err());
        assert!(compare(&two, &two).is_ok());
    }

    #[test]
    fn big_sweeps_have_fewer_replications() {
        // 60 runs: 24 points twice make 48; 100 points stay at one each.
        assert_eq!((fewer(24, 30), fewer(100, 30), fewer(1, 5)), (2, 1, 5));
    }

    #[test]
    fn the_digests_inside_the_program_can_be_read() {
        parse(GOLDEN.as_bytes(), Path::new(GOLDEN_FILE)).expect("scenarios/golden.json is well formed");
    }
}
