//! The names of what stands in an output folder.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// Says what was run; written last, so that a folder that has it is complete.
pub(crate) const MANIFEST_FILE: &str = reports::results::MANIFEST_FILE;
/// The report page.
pub(crate) const REPORT_FILE: &str = "report.html";
/// Figures.
pub(crate) const PLOT_FOLDER: &str = "plots";
/// Time series, a file a run.
pub(crate) const SERIES_FOLDER: &str = "series";
/// Captures, a file a run.
pub(crate) const CAPTURE_FOLDER: &str = "capture";
/// What a sweep keeps until it is complete.
pub(crate) const PARTS_FOLDER: &str = ".parts";

/// Tables and the page, of this and other versions.
const TOP_FILES: [&str; 17] = [
    MANIFEST_FILE,
    REPORT_FILE,
    "runs.csv",
    "flows.csv",
    "overhead.csv",
    "latency.csv",
    "nodes.csv",
    "links.csv",
    "frames.csv",
    "radios.csv",
    "rpl.csv",
    "etx.csv",
    "registrations.csv",
    "ledger.csv",
    "energest.csv",
    "summary.csv",
    "paired.csv",
];

/// Whether the program writes files of this name in the folder `inside` of an output folder.
fn is_ours(inside: &str, name: &str) -> bool {
    let endings: &[&str] = match inside {
        PLOT_FOLDER => &[".svg", ".png"],
        SERIES_FOLDER => &[".csv"],
        CAPTURE_FOLDER => &[".pcapng"],
        _ => return TOP_FILES.contains(&name),
    };
    endings.iter().any(|ending| name.ends_with(ending))
}

/// Removes the result files in the folder `inside` of `root` (`""` for itself) whose path is not in `keep`, and the
/// folder if it is empty then. Files that the program does not write stay.
pub(crate) fn remove_others(root: &Path, inside: &str, keep: &BTreeSet<&str>) -> io::Result<()> {
    let folder = root.join(inside);
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let relative = if inside.is_empty() { name.to_owned() } else { format!("{inside}/{name}") };
        if is_ours(inside, name) && path.is_file() && !keep.contains(relative.as_str()) {
            fs::remove_file(&path)?;
        }
    }
    if !inside.is_empty() && fs::read_dir(&folder)?.next().is_none() {
        fs::remove_dir(&folder)?;
    }
    Ok(())
}
