//! The command line: what may be written after `netjoule`, and the help that teaches it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand};
use scenarios::language::Overrides;

use crate::nearest::nearest;
use crate::terminal;

/// The whole command line.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "netjoule",
    version,
    about = "A laboratory for network protocols: what does each one cost in latency, bytes and energy?",
    after_help = EXAMPLES,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One command.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scenarios: sweeps, tables, plots and a report page
    #[command(after_help = RUN_HELP)]
    Run(RunArguments),
    /// Say what is wrong with scenario files; run nothing
    Check(CheckArguments),
    /// List the scenarios that ship with the program
    List,
    /// Show one run as a sequence diagram
    #[command(after_help = TRACE_HELP)]
    Trace(TraceArguments),
    /// Draw plots and report of an output folder again
    Plot(PlotArguments),
    /// Run a scenario in real time, joined to this computer's network
    #[command(after_help = LIVE_HELP)]
    Live(LiveArguments),
    /// Compare digests of the shipped scenarios with the recorded ones
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArguments),
    /// Print the JSON Schema of scenario files
    Schema,
}

/// Changes to a scenario.
#[derive(Args, Clone, Debug)]
pub(crate) struct OverrideArguments {
    /// Give a parameter one value; it does not vary then (may be repeated)
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<(String, String)>,
    /// The number that all random numbers come from, instead of the file's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// How often each point is repeated, instead of the file's number
    #[arg(long, value_name = "N")]
    pub(crate) replications: Option<u64>,
}

/// `run`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArguments {
    /// Scenario files, or names that `netjoule list` shows
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) overrides: OverrideArguments,
    #[command(flatten)]
    pub(crate) jobs: JobArguments,
    /// The output folder; with several files, the folder of their output folders [default: out/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write the frames of every run to capture/RUN.pcapng, for Wireshark
    #[arg(long)]
    pub(crate) pcap: bool,
    /// Let come in from outside what a recording of `netjoule live` holds
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) replay: Option<PathBuf>,
    /// Go on with a sweep that was stopped; start afresh where there is none
    #[arg(long)]
    pub(crate) resume: bool,
    /// Replace the results of another scenario in the output folder
    #[arg(long, conflicts_with = "resume")]
    pub(crate) force: bool,
    /// Print only what failed: no progress, no table
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print counts and costs as JSON in the last line of standard output
    #[arg(long)]
    pub(crate) stats: bool,
}

/// How many threads.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct JobArguments {
    /// How many runs go at once; changes no result [default: all cores]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

/// `check`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArguments {
    /// Scenario files, or names that `netjoule list` shows
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) overrides: OverrideArguments,
    /// One line a mistake, for editors and scripts: FILE:LINE:COLUMN: error: …
    #[arg(long)]
    pub(crate) plain: bool,
}

/// `trace`.
#[derive(Args, Clone, Debug)]
pub(crate) struct TraceArguments {
    /// A scenario file, or a name that `netjoule list` shows
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    #[command(flatten)]
    pub(crate) overrides: OverrideArguments,
    /// Which run of the sweep
    #[arg(long, value_name = "RUN", default_value = "p0000-r00")]
    pub(crate) point: String,
    /// How many messages and events to show
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) first: usize,
    /// Columns of the diagram [default: those of the terminal]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(20..=2000))]
    pub(crate) width: Option<u16>,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Write the diagram to an SVG file instead
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// `plot`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PlotArguments {
    /// Output folders of `netjoule run`
    #[arg(required = true, value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
}

/// `live`.
#[derive(Args, Clone, Debug)]
pub(crate) struct LiveArguments {
    /// A scenario file, or a name that `netjoule list` shows
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// Give a parameter one value (may be repeated)
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<(String, String)>,
    /// The number that all random numbers come from, instead of the file's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Virtual seconds in a real one: below 1 gives a slow computer more time
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f64,
    /// Fail if the simulation cannot keep up with the clock: 10 ms behind in 1 % of its steps
    #[arg(long)]
    pub(crate) strict: bool,
    /// The output folder [default: out/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where to record what comes from outside, for `run --replay` [default: outside.recording in the output folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Write all frames to capture/p0000-r00.pcapng, for Wireshark
    #[arg(long)]
    pub(crate) pcap: bool,
    /// Replace the results of another scenario in the output folder
    #[arg(long)]
    pub(crate) force: bool,
    /// Print only what failed: no status, no table
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print counts and lateness as JSON in the last line of standard output
    #[arg(long)]
    pub(crate) stats: bool,
}

/// `verify`.
#[derive(Args, Clone, Debug)]
pub(crate) struct VerifyArguments {
    /// Scenario files, or names that `netjoule list` shows [default: all but live/; bench/ only for --update]
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) jobs: JobArguments,
    /// Record the digests instead of comparing them
    #[arg(long)]
    pub(crate) update: bool,
    /// The file of recorded digests, instead of those inside the program
    #[arg(long, value_name = "FILE")]
    pub(crate) golden: Option<PathBuf>,
}

impl Cli {
    /// Reads the command line of this process. What is wrong with it, or the help that was asked for, is printed; the
    /// exit status for that is returned.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            let _ = error.print();
            if let Some(near) = meant(&error) {
                terminal::complain(format_args!("\nDid you mean 'netjoule {near}'?\n"));
            }
            if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
        })
    }
}

/// The command that was meant, where the parser has no idea itself.
fn meant(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand || error.get(ContextKind::SuggestedSubcommand).is_some() {
        return None;
    }
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let definition = Cli::command();
    nearest(given, definition.get_subcommands().map(clap::Command::get_name)).map(str::to_owned)
}

impl JobArguments {
    /// How many threads to use: what was asked for, or one for each core.
    pub(crate) fn count(self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(cores, usize::from)
    }
}

impl LiveArguments {
    /// What is to be changed in the scenario: a live run is one run.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides { set: self.set.clone(), seed: self.seed, replications: Some(1) }
    }
}

impl From<OverrideArguments> for Overrides {
    fn from(arguments: OverrideArguments) -> Self {
        let OverrideArguments { set, seed, replications } = arguments;
        Self { set, seed, replications }
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse::<f64>().ok().filter(|speed| (0.001..=1000.0).contains(speed));
    speed.ok_or_else(|| "expected a factor from 0.001 to 1000".to_owned())
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected NAME=VALUE, such as loss=\"1 %\"".to_owned()),
    }
}

const EXAMPLES: &str = "\
Examples:
  netjoule list                        what there is to run
  netjoule run tcp-vs-udp              a shipped comparison; then open out/tcp-vs-udp/report.html
  netjoule run my.json --set loss=\"5 %\" one value instead of a sweep
  netjoule check my.json               what is wrong with a file, and how to mend it
  netjoule trace my.json | less        who sends what to whom, and when

Exit status: 0 done; 1 a run or an expectation failed; 2 wrong usage or input, nothing was run.
The same file, seed and version give the same bytes on every machine.";

const RUN_HELP: &str = "\
Examples:
  netjoule run my.json                           all points and replications, on all cores
  netjoule run my.json --set transport=udp --set loss=\"1 %\"
  netjoule run my.json --replications 1 --pcap   one capture a point, for Wireshark
  netjoule run my.json --resume                  go on after Ctrl-C, a crash or a power cut

The output folder has report.html to look at, runs.csv and others to work with, and manifest.json, which says what
was run. It is replaced when the same scenario runs again.

Exit status: 0 done; 1 a run or an expectation failed; 2 wrong usage or input, nothing was run.";

const LIVE_HELP: &str = "\
Examples:
  netjoule live tcp-echo                         then: ping 10.77.0.2; nc 10.77.0.2 7
  netjoule live tcp-echo --set loss=\"2 %\" --pcap
  netjoule run tcp-echo --replay out/tcp-echo/outside.recording

Interfaces with a `tun` are joined to the kernel by TUN devices, which are made if they do not exist (as root or with
cap_net_admin) and vanish with the run. Ctrl-C ends the run; all results are written then.

Exit status: 0 done; 1 an expectation failed, or --strict and too late; 2 wrong usage or input, or a missing right.";

const TRACE_HELP: &str = "\
Examples:
  netjoule trace my.json --point p0007-r03
  netjoule trace my.json --set loss=\"5 %\" --first 1000 | less
  netjoule trace my.json --svg trace.svg";

const VERIFY_HELP: &str = "\
A digest covers every frame that every link carried. Equal digests mean that this program, on this machine, simulates
what was recorded, to the byte. Big sweeps are verified with fewer replications; the recorded file says how many.
--update writes to scenarios/golden.json of the sources, or to the file that --golden names.

Exit status: 0 all equal; 1 something differs; 2 wrong usage or input.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_value_may_hold_an_equals_sign() {
        assert_eq!(assignment("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
    }

    #[test]
    fn an_assignment_needs_a_name() {
        assert!(assignment("=1").is_err() && assignment("loss").is_err());
    }
}
