//! `netjoule live`: one run that is joined to this computer's network.
//!
//! ```text
//! kernel ◀─▶ TUN devices ◀─▶ driver (wall clock, recording) ◀─▶ the world of any run
//! ```

mod clock;
mod device;
mod driver;
mod gateway;
mod lateness;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use scenarios::language::Point;
use scenarios::outside::{Binding, Carrier, Joint, Outlet, Side, outlets};
use scenarios::run::{RunAbout, RunOptions, RunReport, run_joined};
use signal_hook::consts::{SIGINT, SIGTERM};
use sim_core::{SimDuration, SimTime};

use crate::assemble::{Assembled, assemble};
use crate::cli::LiveArguments;
use crate::failure::{Failure, reason};
use crate::folder::{Folder, Permission, survey};
use crate::identity::Identity;
use crate::outcome;
use crate::parts::Parts;
use crate::publish::publish;
use crate::recording::{Header, Recorder};
use crate::run::OUT_FOLDER;
use crate::scenario_file::{Scenario, read_all};
use crate::terminal;
use device::Device;
use driver::{Driver, Tally};

/// Runs a scenario in real time until its end or a signal. Success means that it ended as it should, expectations
/// met, and under `--strict` that it kept up with the clock.
pub(crate) fn live(arguments: &LiveArguments) -> Result<ExitCode, Failure> {
    let overrides = arguments.overrides();
    let scenario = read_all(std::slice::from_ref(&arguments.file), &overrides)?.remove(0);
    let point = only_point(&scenario)?;
    let outlets = outlets(&scenario.plan, &point, &scenario.files).map_err(Failure::Input)?;
    if outlets.is_empty() {
        let message = format!(
            "no interface of {} has a `tun` or `sockets`: nothing joins it to the outside",
            scenario.shown
        );
        return Err(Failure::Input(format!("{message}; `netjoule run` runs it")));
    }
    let identity = Identity::of(&scenario, &overrides, arguments.pcap);
    let out = arguments.out.clone().unwrap_or_else(|| Path::new(OUT_FOLDER).join(&scenario.plan.name));
    let found = survey(&out, &identity, Permission { resume: false, force: arguments.force })?;
    let stop = stop_on_signals().map_err(|error| Failure::Work(format!("no signals: {}", reason(&error))))?;
    let open = |outlet| Device::open(outlet, identity.seed);
    let devices = outlets.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let folder = Folder::open(&out, &identity, found)?;
    let path = arguments.record.clone().unwrap_or_else(|| out.join(RECORDING_FILE));
    let recorder = Recorder::create(&path, &Header::of(&identity, &outlets))?;
    tell_joined(&outlets, arguments.quiet);
    let shows_status = !arguments.quiet && terminal::is_seen();
    let end = end_of(&scenario, &point)?;
    let mut driver = Driver::new(devices, recorder, stop, arguments.speed, end, shows_status);
    let report = run(&scenario, &point, arguments.pcap, &mut driver);
    let ended = report.outcome.as_ref().map_or(0, |outcome| outcome.stats.simulated_ns);
    let (tally, recorder) = driver.finish();
    recorder.finish()?;
    let good = publish_results(&scenario, &identity, folder, &out, report, arguments.quiet)?;
    Ok(conclude(arguments, &tally, SimTime::from_nanos(ended), &path, good))
}

/// Whether the run was late, in words where it matters, and the exit status.
fn conclude(
    arguments: &LiveArguments,
    tally: &Tally,
    ended: SimTime,
    recording: &Path,
    good: bool,
) -> ExitCode {
    if !arguments.quiet {
        terminal::print(format_args!("{}\nrecording: {}\n", tally.in_words(ended), recording.display()));
    }
    if let Some(failure) = &tally.failure {
        terminal::complain(format_args!("error: {failure}\n"));
    }
    let late = tally.lateness.p99() > LATENESS_MAX;
    if late {
        let advice = "use fewer nodes or packets, a faster computer, or --speed below 1";
        terminal::complain(format_args!(
            "warning: the simulation could not keep up with the clock: {} behind in 1 % of the steps; {advice}\n",
            tally.lateness.p99()
        ));
    }
    if arguments.stats {
        let text = serde_json::json!({
            "simulated_s": ended.as_nanos() as f64 / 1e9,
            "packets_in": tally.entered,
            "packets_out": tally.left,
            "packets_refused": tally.refused,
            "lateness_max_ms": tally.lateness.max().as_nanos() as f64 / 1e6,
            "lateness_p99_ms": tally.lateness.p99().as_nanos() as f64 / 1e6,
        });
        terminal::print(format_args!("{text}\n"));
    }
    let failed = !good || tally.failure.is_some() || arguments.strict && late;
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The one point of a scenario that is to be joined to something.
pub(crate) fn only_point(scenario: &Scenario) -> Result<Point, Failure> {
    match scenario.plan.point_count() {
        1 => Ok(scenario.plan.point(0)),
        count => Err(Failure::Input(format!(
            "{} has {count} points; choose one by giving each swept parameter a value with --set",
            scenario.shown
        ))),
    }
}

fn end_of(scenario: &Scenario, point: &Point) -> Result<SimTime, Failure> {
    let resolved = scenario.plan.scenario(point, &scenario.files);
    let resolved = resolved.map_err(|_| Failure::input("the scenario has mistakes"))?;
    Ok(SimTime::from(resolved.duration).saturating_add(SimDuration::from(resolved.drain)))
}

/// A flag that is set by Ctrl-C or a request to end; a second one ends the process at once.
fn stop_on_signals() -> std::io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

fn tell_joined(outlets: &[Outlet], quiet: bool) {
    if quiet {
        return;
    }
    for outlet in outlets {
        match &outlet.joint {
            Joint::Tun(tun) => {
                let addresses: Vec<String> =
                    outlet.addresses.iter().map(|(address, length)| format!("{address}/{length}")).collect();
                terminal::print(format_args!("joined {} to {tun} ({})\n", outlet.name, addresses.join(", ")));
            }
            Joint::Sockets(bindings) => {
                bindings.iter().for_each(|binding| terminal::print(in_words(binding, outlet)));
            }
        }
    }
    terminal::print("Ctrl-C ends the run and writes its results\n");
}

fn in_words(binding: &Binding, outlet: &Outlet) -> String {
    let Binding { carrier, socket, side } = binding;
    let carrier = match carrier {
        Carrier::Udp => "UDP",
        Carrier::Tcp => "TCP",
    };
    match side {
        Side::To(to) => format!("{carrier} {socket} leads to {to} by {}\n", outlet.name),
        Side::From(port) => format!("port {port} of {} leads to {carrier} {socket}\n", outlet.name),
    }
}

fn run(scenario: &Scenario, point: &Point, pcap: bool, driver: &mut Driver) -> RunReport {
    let capture = pcap || scenario.wants_capture(point);
    let options = RunOptions { capture, trace: false, series: true };
    let about = RunAbout::new(&scenario.plan, point, 0);
    run_joined(&about, options, &scenario.files, &mut |_| {}, driver)
}

fn publish_results(
    scenario: &Scenario,
    identity: &Identity,
    folder: Folder,
    out: &Path,
    report: RunReport,
    quiet: bool,
) -> Result<bool, Failure> {
    Parts::of(&folder).save(report)?;
    let assembled = assemble(&folder, scenario, identity, 1)?;
    publish(folder, &assembled)?;
    let Assembled { results, expectations, .. } = &assembled;
    Ok(outcome::show(out, results, expectations, quiet))
}

/// What came from outside, in the output folder.
const RECORDING_FILE: &str = "outside.recording";

/// A run keeps up with the clock if 99 of 100 steps come no later than this.
const LATENESS_MAX: SimDuration = SimDuration::from_millis(10);
