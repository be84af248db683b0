//! Files that say what radio paths lose over time.

use super::Resolver;
use super::movement::seconds;
use super::node::NodeIndex;
use super::trace_file::lines;
use crate::language::document::{PropagationSettings, RadioSettings};
use crate::language::path::Path;
use crate::language::quantity::Duration;
use crate::language::scenario::{Level, Scenario, TracedLevel};

/// A line: since when, from whom, to whom, how much.
type Line = (Duration, String, String, Level);

impl Resolver<'_> {
    /// What the file of a medium's paths says.
    pub(super) fn traced_levels(
        &mut self,
        settings: &RadioSettings,
        path: &Path,
        scenario: &Scenario,
        index: &NodeIndex,
    ) -> Vec<TracedLevel> {
        let PropagationSettings::Trace(file) = &settings.propagation else { return Vec::new() };
        let path = path.key("propagation").key("trace");
        let Some(all) = self.trace(file, &path, read_levels) else { return Vec::new() };
        let mut levels = Vec::new();
        for (at, from, to, level) in all {
            let ends = [&from, &to].map(|text| index.select(text, &path, scenario));
            match ends {
                [Ok(first), Ok(second)] => {
                    for from in first.nodes() {
                        for to in second.nodes().filter(|&to| to != from) {
                            levels.push(TracedLevel { at, from, to, level });
                        }
                    }
                    if !self.has_room(&path, "levels", levels.len(), 0) {
                        return levels;
                    }
                }
                [first, second] => {
                    for finding in [first.err(), second.err()].into_iter().flatten() {
                        if !self.findings.contains(&finding) {
                            self.findings.push(finding);
                        }
                    }
                }
            }
        }
        levels
    }
}

/// Lines of time, sender, receiver and a level, which is a loss unless the line of headings says `rssi`.
fn read_levels(text: &str) -> Result<Vec<Line>, String> {
    let (mut is_first, mut is_received) = (true, false);
    let found = lines(text, |line| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if std::mem::take(&mut is_first) && cells[0].starts_with("time") {
            is_received = cells.last().is_some_and(|heading| heading.starts_with("rssi"));
            return Ok(None);
        }
        let [time, from, to, level] = cells[..] else {
            return Err("is not of the form `time,from,to,level`".to_owned());
        };
        Ok(Some((seconds(time)?, from.to_owned(), to.to_owned(), read_level(level, is_received)?)))
    })?;
    Ok(found.into_iter().flatten().collect())
}

fn read_level(text: &str, is_received: bool) -> Result<Level, String> {
    if text == "-" {
        return Ok(Level::Nothing);
    }
    let number = text.parse::<f64>().ok().filter(|number| number.abs() <= DECIBELS_MAX);
    match number {
        Some(dbm) if is_received => Ok(Level::Received(dbm)),
        Some(db) if db >= 0.0 => Ok(Level::Loss(db)),
        Some(_) | None if is_received => Err(format!("has `{text}` for a power in dBm, or `-` for nothing")),
        Some(_) | None => Err(format!("has `{text}` for a loss in dB, at least 0, or `-` for no path")),
    }
}

/// No path loses more, and no radio sends more.
const DECIBELS_MAX: f64 = 400.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(text: &str) -> Result<Vec<Level>, String> {
        Ok(read_levels(text)?.into_iter().map(|(.., level)| level).collect())
    }

    #[test]
    fn a_column_is_a_loss_or_what_was_received() {
        let (loss, nothing) = (Level::Loss(70.5), Level::Nothing);
        assert_eq!(levels("0,a,b,70.5\n2.5,a,b,-\n"), Ok(vec![loss, nothing]));
        assert_eq!(levels("time_s,from,to,loss_db\n0,a,b,70.5\n"), Ok(vec![loss]));
        assert_eq!(levels("time_s,from,to,rssi_dbm\n0,a,b,-87\n"), Ok(vec![Level::Received(-87.0)]));
    }

    #[test]
    fn a_line_that_is_no_level_is_named() {
        for (text, problem) in [
            ("0,a,b\n", "line 1 is not of the form `time,from,to,level`"),
            ("0,a,b,-70\n", "line 1 has `-70` for a loss in dB, at least 0, or `-` for no path"),
            ("time,from,to,rssi\n0,a,b,x\n", "line 2 has `x` for a power in dBm, or `-` for nothing"),
            ("inf,a,b,1\n", "line 1 has `inf` for a number of seconds"),
        ] {
            assert_eq!(levels(text), Err(problem.to_owned()));
        }
    }
}
