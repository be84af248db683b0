//! `netjoule plot`: draws plots and report again from the files of a results folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use reports::{OutputFile, Results};

use crate::assemble::draw;
use crate::atomic;
use crate::cli::PlotArguments;
use crate::failure::{Failure, reason};
use crate::layout;
use crate::terminal;

/// Draws the plots and the page of each folder again.
pub(crate) fn plot(arguments: &PlotArguments) -> Result<(), Failure> {
    let mut all = Vec::new();
    for folder in &arguments.folders {
        let manifest = fs::read(folder.join(layout::MANIFEST_FILE)).unwrap_or_default();
        let manifest = reports::results::Manifest::parse(&manifest);
        // Where there is none that can be read, the results say what is wrong with it.
        let wanted = manifest.map(|manifest| manifest.series()).unwrap_or_default();
        let files = read_results(folder, &folder.join(layout::SERIES_FOLDER), &wanted)?;
        let results =
            Results::read(&files).map_err(|error| Failure::Input(format!("{}/{error}", folder.display())))?;
        all.push((folder, results));
    }
    for (folder, results) in all {
        let drawn = draw(&results);
        remove_stale(folder, &drawn)?;
        for file in &drawn {
            let path = folder.join(&file.path);
            atomic::write(&path, &file.bytes).map_err(|error| Failure::writing(&path, &error))?;
        }
        let plots = drawn.len() - 1;
        let page = folder.join(layout::REPORT_FILE);
        terminal::print(format_args!("{}, with {plots} plot files\n", page.display()));
    }
    Ok(())
}

/// The files of a results folder that plots are made of; of the series, which may be larger than the memory, only what is
/// `wanted`.
pub(crate) fn read_results(
    folder: &Path,
    series: &Path,
    wanted: &BTreeSet<String>,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut files = BTreeMap::new();
    let unreadable = |path: &Path, error: &std::io::Error| {
        Failure::Input(format!("cannot read {}: {}", path.display(), reason(error)))
    };
    for (inside, place, extensions) in
        [("", folder, &["csv", "json"][..]), (layout::SERIES_FOLDER, series, &["csv"])]
    {
        if !inside.is_empty() && (wanted.is_empty() || !place.is_dir()) {
            continue;
        }
        let entries = fs::read_dir(place).map_err(|error| unreadable(place, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| unreadable(place, &error))?.path();
            let known = path.extension().is_some_and(|found| extensions.iter().any(|one| found == *one));
            if let (true, Some(name)) =
                (known && path.is_file(), path.file_name().and_then(|name| name.to_str()))
            {
                let read = if inside.is_empty() { fs::read(&path) } else { read_series(&path, wanted) };
                let bytes = read.map_err(|error| unreadable(&path, &error))?;
                let name = if inside.is_empty() { name.to_owned() } else { format!("{inside}/{name}") };
                files.insert(name, bytes);
            }
        }
    }
    Ok(files)
}

/// A file of series without the lines about others than the `wanted` ones.
fn read_series(path: &Path, wanted: &BTreeSet<String>) -> io::Result<Vec<u8>> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut kept, mut line) = (Vec::new(), Vec::new());
    while file.read_until(b'\n', &mut line)? > 0 {
        // The series is the last cell but one, and neither it nor its value is ever in quotes.
        let name = line.rsplit(|&byte| byte == b',').nth(1);
        if kept.is_empty() || name.is_none_or(|name| wanted.iter().any(|series| series.as_bytes() == name)) {
            kept.extend_from_slice(&line);
        }
        line.clear();
    }
    Ok(kept)
}

fn remove_stale(folder: &Path, drawn: &[OutputFile]) -> Result<(), Failure> {
    let keep = drawn.iter().map(|file| file.path.as_str()).collect();
    let plots = folder.join(layout::PLOT_FOLDER);
    layout::remove_others(folder, layout::PLOT_FOLDER, &keep)
        .map_err(|error| Failure::Work(format!("cannot clear {}: {}", plots.display(), reason(&error))))
}
