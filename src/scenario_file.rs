//! Scenario files: finding them by path or name, and reading them into a plan.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use scenarios::language::{Diagnostic, FILE_BYTES_MAX, Files, Overrides, Plan, Point, render, render_lines};
use serde_json::Value;
use sim_core::digest::Chain;

use crate::failure::{Failure, reason};
use crate::nearest::nearest;
use crate::shipped::{self, SHIPPED};
use crate::terminal;

/// A scenario file, found and read, but not yet understood.
#[derive(Debug)]
pub(crate) struct ScenarioFile {
    /// What to call it in messages.
    pub(crate) shown: String,
    bytes: Vec<u8>,
    files: FolderFiles,
}

/// A scenario file without mistakes.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// What to call the file in messages.
    pub(crate) shown: String,
    /// What it says.
    pub(crate) plan: Plan,
    /// The files beside it.
    pub(crate) files: FolderFiles,
    /// The digest of its text and of the files that it names.
    pub(crate) hash: u64,
}

impl ScenarioFile {
    /// Finds a scenario by its path, or by the name of a shipped one.
    pub(crate) fn find(name: &str) -> Result<Self, Failure> {
        let path = Path::new(name);
        if path.is_dir() {
            return Err(Failure::input(format!("{name} is a folder; name the scenario file inside it")));
        }
        if !path.exists()
            && let Some(shipped) = shipped::find(name)
        {
            let files = FolderFiles::default();
            let bytes = shipped.text.as_bytes().to_vec();
            return Ok(Self { shown: shipped.path.to_owned(), bytes, files });
        }
        let bytes = read_limited(path, FILE_BYTES_MAX).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::Input(not_found(name)),
            _ => Failure::Input(format!("cannot read {name}: {}", reason(&error))),
        })?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let files = FolderFiles { folder: Some(folder), known: Mutex::default() };
        Ok(Self { shown: name.to_owned(), bytes, files })
    }

    /// Reads the scenario. Where it has mistakes, they are returned, drawn.
    pub(crate) fn read(self, overrides: &Overrides, drawing: Drawing) -> Result<Scenario, String> {
        let plan = Plan::parse(&self.bytes, overrides, &self.files).map_err(|mistakes| {
            drawing.draw(&mistakes, &self.shown, &String::from_utf8_lossy(&self.bytes))
        })?;
        let mut chain = Chain::START;
        chain.fold_bytes(&self.bytes);
        for (name, content) in &*self.files.known.lock().unwrap_or_else(PoisonError::into_inner) {
            chain.fold_bytes(name.as_bytes());
            chain.fold_bytes(content.as_deref().unwrap_or_default().as_bytes());
        }
        Ok(Scenario { shown: self.shown, plan, files: self.files, hash: chain.value() })
    }
}

impl Scenario {
    /// Whether the file asks for a capture of the runs of `point`.
    pub(crate) fn wants_capture(&self, point: &Point) -> bool {
        match self.plan.source().value().get("capture") {
            None => false,
            Some(Value::Bool(wanted)) => *wanted,
            Some(_) => self.plan.scenario(point, &self.files).is_ok_and(|scenario| scenario.capture),
        }
    }

    /// What the scenario probably does not mean, drawn; empty where all is well.
    pub(crate) fn warnings(&self, drawing: Drawing) -> String {
        drawing.draw(&self.plan.warnings, &self.shown, self.plan.source().text())
    }
}

/// How diagnostics look.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Drawing {
    /// With the lines of the file that they are about.
    Full {
        /// With colours.
        color: bool,
    },
    /// One a line.
    Plain,
}

impl Drawing {
    fn draw(self, diagnostics: &[Diagnostic], file: &str, text: &str) -> String {
        match self {
            Self::Full { color } => render(diagnostics, file, text, color),
            Self::Plain => render_lines(diagnostics, file),
        }
    }
}

/// Finds and reads all of `names`. All mistakes of all files are printed to standard error before the first file is
/// given up.
pub(crate) fn read_all(names: &[String], overrides: &Overrides) -> Result<Vec<Scenario>, Failure> {
    let drawing = Drawing::Full { color: terminal::colored_errors() };
    let mut scenarios = Vec::new();
    let mut failed = false;
    for name in names {
        match ScenarioFile::find(name) {
            Err(failure) => {
                terminal::complain(format_args!("error: {failure}\n"));
                failed = true;
            }
            Ok(file) => match file.read(overrides, drawing) {
                Ok(scenario) => scenarios.push(scenario),
                Err(drawn) => {
                    terminal::complain(drawn);
                    failed = true;
                }
            },
        }
    }
    if failed {
        return Err(Failure::InputTold);
    }
    for scenario in &scenarios {
        terminal::complain(scenario.warnings(drawing));
    }
    Ok(scenarios)
}

/// The files beside a scenario; none beside a shipped one. A file is read once, so that one that changes while a
/// sweep runs does not change half of its runs.
#[derive(Debug, Default)]
pub(crate) struct FolderFiles {
    folder: Option<PathBuf>,
    known: Mutex<BTreeMap<String, Result<String, String>>>,
}

impl Files for FolderFiles {
    fn read(&self, name: &str) -> Result<String, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = known.get(name) {
            return content.clone();
        }
        let content = self.load(name);
        known.insert(name.to_owned(), content.clone());
        content
    }
}

impl FolderFiles {
    fn load(&self, name: &str) -> Result<String, String> {
        let Some(folder) = &self.folder else {
            return Err("there are no files beside a scenario that ships with the program".to_owned());
        };
        let path = folder.join(name);
        let bytes = read_limited(&path, TRACE_BYTES_MAX)
            .map_err(|error| format!("cannot read {}: {}", path.display(), reason(&error)))?;
        if bytes.len() > TRACE_BYTES_MAX {
            return Err(format!("{} is larger than {} MiB", path.display(), TRACE_BYTES_MAX >> 20));
        }
        String::from_utf8(bytes).map_err(|_| format!("{} is not a text", path.display()))
    }
}

/// Reads a file, but not much more than `limit` bytes: one too many tells that there is more.
fn read_limited(path: &Path, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn not_found(name: &str) -> String {
    let path = Path::new(name);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let beside = folder.unwrap_or(Path::new("."));
    let mut candidates: Vec<String> =
        SHIPPED.iter().flat_map(|one| [one.path, one.name()]).map(str::to_owned).collect();
    for entry in std::fs::read_dir(beside).into_iter().flatten().flatten().take(BESIDE_MAX) {
        let file = entry.path();
        if file.extension().is_some_and(|extension| extension == "json") {
            let file = folder
                .map_or_else(|| PathBuf::from(entry.file_name()), |folder| folder.join(entry.file_name()));
            candidates.push(file.to_string_lossy().into_owned());
        }
    }
    candidates.sort();
    match nearest(name, candidates.iter().map(String::as_str)) {
        Some(near) => format!("there is no scenario {name}; did you mean {near}?"),
        None => format!("there is no scenario {name}: neither a file nor a name that `netjoule list` shows"),
    }
}

/// The largest trace file that a scenario may name.
const TRACE_BYTES_MAX: usize = 256 << 20;

/// How many files of a folder are looked at for the one that was meant.
const BESIDE_MAX: usize = 10_000;
