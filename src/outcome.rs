//! What a finished sweep says in the terminal.

use std::collections::BTreeSet;
use std::path::Path;

use reports::{Results, table};

use crate::expectation::Outcome;
use crate::failure::Failure;
use crate::layout::REPORT_FILE;
use crate::plot::read_results;
use crate::terminal;

/// Prints the table, the answer, the expectations, what failed and where the report is; when `quiet`, only what failed. True if
/// nothing did.
pub(crate) fn show(folder: &Path, results: &Results, expectations: &[Outcome], quiet: bool) -> bool {
    let judged = expectations.iter().map(|one| (one.passed, one.in_words(results))).collect();
    tell(folder, results, judged, quiet)
}

/// The same for a sweep that was complete before, from its files.
pub(crate) fn show_complete(folder: &Path, quiet: bool) -> Result<bool, Failure> {
    let results = Results::read(&read_results(folder, folder, &BTreeSet::new())?).map_err(|error| {
        Failure::Input(format!("{}/{error}; leave --resume away to start afresh", folder.display()))
    })?;
    if !quiet {
        terminal::complain(format_args!("note: {} is complete, nothing was left to run\n", folder.display()));
    }
    let expect = results.manifest.expect.iter();
    let judged = expect.map(|one| (one.passed, Outcome::recorded(one).in_words(&results))).collect();
    Ok(tell(folder, &results, judged, quiet))
}

fn tell(folder: &Path, results: &Results, judged: Vec<(bool, String)>, quiet: bool) -> bool {
    let mut text = String::new();
    if !quiet {
        let about = terminal::one_line(&results.manifest.about);
        let separator = if about.is_empty() { "" } else { ": " };
        text.push_str(&format!("{}{separator}{about}\n\n", terminal::one_line(&results.manifest.name)));
        text.push_str(&table::summary(results, terminal::width()));
        text.push('\n');
        let answer = results.answer();
        for sentence in &answer {
            text.push_str(&terminal::folded(&terminal::one_line(sentence), terminal::width()));
        }
        text.push_str(if answer.is_empty() { "" } else { "\n" });
        if let Some(note) = results.hardware_note() {
            text.push_str(&terminal::folded(&terminal::one_line(&note), terminal::width()));
            text.push('\n');
        }
    }
    let mut failures = String::new();
    for (passed, words) in &judged {
        let words = terminal::one_line(words);
        match passed {
            true if quiet => {}
            true => text.push_str(&format!("pass  {words}\n")),
            false => failures.push_str(&format!("FAIL  {words}\n")),
        }
    }
    let failed: Vec<_> =
        results.runs.iter().filter_map(|run| Some((&run.name, run.failure.as_ref()?))).collect();
    for (run, reason) in failed.iter().take(FAILURES_MAX) {
        failures.push_str(&format!("FAIL  run {run}: {}\n", terminal::one_line(reason)));
    }
    if failed.len() > FAILURES_MAX {
        failures.push_str(&format!(
            "      and {} more runs, listed in manifest.json\n",
            failed.len() - FAILURES_MAX
        ));
    }
    terminal::print(&text);
    terminal::complain(&failures);
    if !quiet {
        terminal::print(format_args!("report: {}\n", folder.join(REPORT_FILE).display()));
    }
    failures.is_empty()
}

/// Failed runs that are printed one by one.
const FAILURES_MAX: usize = 10;
