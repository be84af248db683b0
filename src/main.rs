//! Netjoule's program: runs scenarios on all cores and writes tables, plots and a report page.
//!
//! ```text
//! cli ─▶ scenario_file ─▶ Plan ─┬─▶ check, list, trace
//!                               ├─▶ run ─▶ spread (threads) ─▶ parts ─▶ assemble ─▶ publish
//!                               └─▶ live ─▶ one run in real time, joined to the kernel ──▶ the same
//! ```
//!
//! One run is [`scenarios::run::run`]; here are threads, files and the terminal. A sweep keeps each finished run as a part
//! file until all are there, so that it can be stopped at any moment and goes on with the same result.

mod assemble;
mod atomic;
mod check;
mod cli;
mod cost;
mod expectation;
mod failure;
mod folder;
mod identity;
mod layout;
mod list;
#[cfg(target_os = "linux")]
mod live;
mod manifest;
mod nearest;
mod outcome;
mod parts;
mod plot;
mod progress;
mod publish;
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing but `live` makes recordings"))]
mod recording;
mod run;
mod scenario_file;
mod shipped;
mod spread;
mod terminal;
mod trace;
mod verify;

use std::process::ExitCode;

use cli::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let arguments = match Cli::read() {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    let outcome = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::check(&arguments).map(|()| ExitCode::SUCCESS),
        Command::List => {
            list::list();
            Ok(ExitCode::SUCCESS)
        }
        Command::Trace(arguments) => trace::trace(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Plot(arguments) => plot::plot(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Verify(arguments) => verify::verify(&arguments),
        #[cfg(target_os = "linux")]
        Command::Live(arguments) => live::live(&arguments),
        #[cfg(not(target_os = "linux"))]
        Command::Live(_) => {
            Err(Failure::input("`live` needs the TUN devices of Linux; `run` runs everywhere"))
        }
        Command::Schema => {
            terminal::print(scenarios::language::schema());
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|failure| {
        if !matches!(failure, Failure::InputTold) {
            terminal::complain(format_args!("error: {failure}\n"));
        }
        failure.exit_code()
    })
}
