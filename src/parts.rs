//! The parts of a sweep: each finished run as a file of its own, so that a sweep can be stopped at any moment.

use std::fs;
use std::path::PathBuf;

use scenarios::results::run_name;
use scenarios::run::RunReport;
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::failure::{Failure, reason};
use crate::folder::Folder;
use crate::layout::{CAPTURE_FOLDER, SERIES_FOLDER};
use crate::spread::RunId;

/// One finished run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Part {
    /// Whether there is a capture of it.
    pub(crate) captured: bool,
    /// Whether there are series of it.
    pub(crate) observed: bool,
    /// What came of it.
    pub(crate) report: RunReport,
}

/// The part files of one sweep.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    runs: PathBuf,
    /// Where captures wait.
    pub(crate) captures: PathBuf,
    /// Where series wait.
    pub(crate) series: PathBuf,
}

impl Parts {
    /// The parts in an output folder.
    pub(crate) fn of(folder: &Folder) -> Self {
        let parts = folder.parts();
        let [runs, captures, series] =
            ["runs", CAPTURE_FOLDER, SERIES_FOLDER].map(|inside| parts.join(inside));
        Self { runs, captures, series }
    }

    /// Keeps a finished run. Its capture and series go first: a run whose results are there is complete.
    pub(crate) fn save(&self, mut report: RunReport) -> Result<(), Failure> {
        let capture = report.extras.capture.take();
        if let Some(bytes) = &capture {
            let path = self.captures.join(capture_name(&report.run));
            atomic::write(&path, bytes).map_err(|error| Failure::writing(&path, &error))?;
        }
        // Beside the results, not in them: whoever puts those together need not hold the series of all runs.
        let series = report.outcome.as_mut().ok().and_then(|outcome| outcome.series.take());
        if let Some(lines) = &series {
            let path = self.series.join(series_name(&report.run));
            atomic::write(&path, lines.as_bytes()).map_err(|error| Failure::writing(&path, &error))?;
        }
        let path = self.runs.join(format!("{}.json", report.run));
        let part = Part { captured: capture.is_some(), observed: series.is_some(), report };
        let text = serde_json::to_vec(&part)
            .map_err(|error| Failure::Work(format!("cannot write {}: {error}", path.display())))?;
        atomic::write(&path, &text).map_err(|error| Failure::writing(&path, &error))
    }

    /// The part of a run, if it is there and whole.
    pub(crate) fn load(&self, run: RunId) -> Option<Part> {
        let name = run_name(run.point, run.replication);
        let bytes = fs::read(self.runs.join(format!("{name}.json"))).ok()?;
        let part: Part = serde_json::from_slice(&bytes).ok()?;
        (part.report.run == name && part.report.replication == run.replication).then_some(part)
    }

    /// The part of a run that is known to be finished.
    pub(crate) fn require(&self, run: RunId) -> Result<Part, Failure> {
        let path = self.runs.join(format!("{}.json", run_name(run.point, run.replication)));
        let damaged = |why: String| {
            Failure::Work(format!("cannot read {}: {why}; run again with --resume", path.display()))
        };
        let bytes = fs::read(&path).map_err(|error| damaged(reason(&error)))?;
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))
    }
}

/// The file of a run's series.
pub(crate) fn series_name(run: &str) -> String {
    format!("{run}.csv")
}

/// The file of a run's capture.
pub(crate) fn capture_name(run: &str) -> String {
    format!("{run}.pcapng")
}
