//! `netjoule check`: only the diagnostics.

use scenarios::language::Overrides;

use crate::cli::CheckArguments;
use crate::failure::Failure;
use crate::scenario_file::{Drawing, ScenarioFile};
use crate::terminal;

/// Prints what is wrong with each file, and a line for each that is right.
pub(crate) fn check(arguments: &CheckArguments) -> Result<(), Failure> {
    let overrides: Overrides = arguments.overrides.clone().into();
    let drawing = match arguments.plain {
        true => Drawing::Plain,
        false => Drawing::Full { color: terminal::colored_output() },
    };
    let mut failed = false;
    for name in &arguments.files {
        let file = match ScenarioFile::find(name) {
            Ok(file) => file,
            Err(failure) => {
                terminal::complain(format_args!("error: {failure}\n"));
                failed = true;
                continue;
            }
        };
        match file.read(&overrides, drawing) {
            Err(drawn) => {
                terminal::print(drawn);
                failed = true;
            }
            Ok(scenario) => {
                terminal::print(scenario.warnings(drawing));
                let (points, replications) = (scenario.plan.point_count(), scenario.plan.replications);
                let runs = (points as u64).saturating_mul(replications);
                let counts = format!("points {points}, replications {replications}, runs {runs}");
                terminal::print(format_args!("{}: all right ({counts})\n", scenario.shown));
            }
        }
    }
    if failed { Err(Failure::InputTold) } else { Ok(()) }
}
