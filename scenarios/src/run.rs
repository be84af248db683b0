//! One run: a point of the plan, a replication, and what came of it.

use std::collections::BTreeMap;

use host::sample::Sampler;
use host::world::World;
use network::observer::{Observer, Unobserved};
use serde::{Deserialize, Serialize};
use sim_core::engine::LimitExceeded;
use sim_core::random::{RunSeed, Streams};
use sim_core::{SimDuration, SimTime};
use transport::tcp::note::NoteKind;

use crate::build::{WorldError, build};
use crate::language::scenario::Scenario;
use crate::language::{Diagnostic, Files, Plan, Point};
use crate::outside::Outside;
use crate::record::{Recorder, SeriesSampler, Trace, radio_lines};
use crate::results;

/// What is recorded beside the results; none of it changes the digest.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RunOptions {
    /// A capture of every link.
    pub capture: bool,
    /// A trace for a sequence diagram.
    pub trace: bool,
    /// Series of queues and connections over time.
    pub series: bool,
}

/// What came of a run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RunReport {
    /// The run's name, such as `p0007-r03`.
    pub run: String,
    /// The point's name, such as `p0007`.
    pub point: String,
    /// The replication, from 0.
    pub replication: u32,
    /// The run's seed.
    pub seed: u64,
    /// The results, or why there are none.
    pub outcome: Result<Outcome, String>,
    /// What was recorded beside them.
    #[serde(skip)]
    pub extras: Extras,
}

/// The results of a run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Outcome {
    /// The digest of all that happened.
    pub digest: u64,
    /// The metrics, in the order of [`crate::language::METRICS`].
    pub metrics: Vec<Option<f64>>,
    /// The run's lines of each result file, by its name.
    pub rows: BTreeMap<String, String>,
    /// `series/RUN.csv`, if it was asked for.
    pub series: Option<String>,
    /// How much was done.
    pub stats: RunStats,
}

/// How much a run did.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RunStats {
    /// Events handled.
    pub events: u64,
    /// Packets that came to be.
    pub packets: u64,
    /// Frames sent on links.
    pub packet_hops: u64,
    /// Simulated time.
    pub simulated_ns: u64,
    /// Nodes of the world.
    pub nodes: u64,
}

/// What was recorded beside the results.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// A capture in the pcapng format.
    pub capture: Option<Vec<u8>>,
    /// A trace.
    pub trace: Option<Trace>,
}

/// Runs one replication of one point.
pub fn run(
    plan: &Plan,
    point: &Point,
    replication: u32,
    options: RunOptions,
    files: &dyn Files,
) -> RunReport {
    run_with(plan, point, replication, options, files, &mut |_| {})
}

/// Runs one replication of one point that is joined to `outside`, and tells `phase` where it is.
pub fn run_joined(
    run: &RunAbout<'_>,
    options: RunOptions,
    files: &dyn Files,
    phase: &mut dyn FnMut(Phase),
    outside: &mut dyn Outside,
) -> RunReport {
    run.report(options, files, phase, Some(outside))
}

/// Where a run is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// The world is built, and its first event comes next.
    Started,
    /// The last event has been handled, and results are collected next.
    Ended,
}

/// Runs one replication of one point, and tells `phase` where it is.
pub fn run_with(
    plan: &Plan,
    point: &Point,
    replication: u32,
    options: RunOptions,
    files: &dyn Files,
    phase: &mut dyn FnMut(Phase),
) -> RunReport {
    RunAbout::new(plan, point, replication).report(options, files, phase, None)
}

/// Which run it is.
#[derive(Debug)]
pub struct RunAbout<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) point: &'a Point,
    pub(crate) replication: u32,
    pub(crate) name: String,
    pub(crate) seed: RunSeed,
}

/// What a run needs of its scenario once the world is built.
#[derive(Clone, Copy)]
struct Times {
    end: SimTime,
    sample_every: SimDuration,
}

impl Times {
    fn of(scenario: &Scenario) -> Self {
        let end = SimTime::from(scenario.duration).saturating_add(SimDuration::from(scenario.drain));
        Self { end, sample_every: scenario.sample_every.into() }
    }
}

/// Who is outside, where anybody is.
type Joined<'a> = Option<&'a mut dyn Outside>;

type Finished = Result<(Outcome, Extras), String>;

impl<'a> RunAbout<'a> {
    /// This replication of this point.
    pub fn new(plan: &'a Plan, point: &'a Point, replication: u32) -> Self {
        let name = results::run_name(point.number, replication);
        Self { plan, point, replication, name, seed: RunSeed::new(plan.seed, replication) }
    }

    fn report(
        &self,
        options: RunOptions,
        files: &dyn Files,
        phase: &mut dyn FnMut(Phase),
        outside: Joined<'_>,
    ) -> RunReport {
        let outcome = match self.plan.scenario(self.point, files) {
            Ok(scenario) => self.run(scenario, options, files, phase, outside),
            Err(diagnostics) => Err(in_words(&diagnostics)),
        };
        let (outcome, extras) = match outcome {
            Ok((outcome, extras)) => (Ok(outcome), extras),
            Err(message) => (Err(message), Extras::default()),
        };
        RunReport {
            point: results::point_name(self.point.number),
            run: self.name.clone(),
            replication: self.replication,
            seed: self.seed.as_u64(),
            outcome,
            extras,
        }
    }

    fn run(
        &self,
        scenario: Scenario,
        options: RunOptions,
        files: &dyn Files,
        phase: &mut dyn FnMut(Phase),
        outside: Joined<'_>,
    ) -> Finished {
        let streams = Streams::new(self.seed);
        let times = Times::of(&scenario);
        if options.capture || options.trace {
            let recorder = Recorder::new(options.capture, options.trace);
            let built = build(&scenario, &streams, files, recorder).map_err(explain)?;
            drop(scenario);
            let (mut world, outcome) = self.run_world(times, built, options, phase, outside)?;
            let trace = world.network.observer.take_trace();
            let trace = trace.map(|mut log| {
                take_notes(&mut world, |at, node, text| log.note(at, node, text));
                log.finish(&world.network)
            });
            let capture = world.network.observer.take_capture();
            let capture = capture
                .map(|log| log.write(&world.network))
                .transpose()
                .map_err(|error| error.to_string())?;
            return Ok((outcome, Extras { capture, trace }));
        }
        let built = build(&scenario, &streams, files, Unobserved).map_err(explain)?;
        // The world has all that it needs of it, and of ten thousand nodes it is not small.
        drop(scenario);
        let (_, outcome) = self.run_world(times, built, options, phase, outside)?;
        Ok((outcome, Extras::default()))
    }

    fn run_world<O: Observer>(
        &self,
        times: Times,
        mut world: World<O>,
        options: RunOptions,
        phase: &mut dyn FnMut(Phase),
        outside: Joined<'_>,
    ) -> Result<(World<O>, Outcome), String> {
        let mut sampler = options.series.then(|| SeriesSampler::new(times.sample_every, &world));
        if options.series {
            world.network.watch_radios();
        }
        let end = times.end;
        phase(Phase::Started);
        let looks_on = sampler.as_mut().map(|sampler| sampler as &mut dyn Sampler<O>);
        let ran = match outside {
            Some(outside) => world.run_joined(end, looks_on, outside),
            None => world.run_sampled(end, looks_on).map(|()| end),
        };
        let end = ran.map_err(|limit| limit_reached(&limit))?;
        phase(Phase::Ended);
        let (series, samples) = sampler.map_or((None, 0), |mut sampler| {
            sampler.lines.push_str(&radio_lines(&world, end));
            (Some(sampler.lines), sampler.samples)
        });
        let stats = RunStats {
            events: world.network.scheduler.processed() - samples,
            packets: world.network.packet_counts().created,
            packet_hops: world.network.frames_sent(),
            simulated_ns: end.as_nanos(),
            nodes: world.network.node_count() as u64,
        };
        world.collect_session_counts();
        let (metrics, rows) = results::collect(self, &world, end);
        let outcome = Outcome { digest: world.network.digest(), metrics, rows, series, stats };
        Ok((world, outcome))
    }
}

/// Hands every connection's notes on in words.
fn take_notes<O: Observer>(
    world: &mut World<O>,
    mut take: impl FnMut(SimTime, network::node::NodeId, String),
) {
    for node in world.network.node_ids() {
        let Some(host) = world.host_mut(node) else { continue };
        for (at, kind) in host.take_notes() {
            let text = match kind {
                NoteKind::State { from, to } => format!("{} → {}", from.name(), to.name()),
                NoteKind::Timer(timer) => format!("timer: {}", timer.name()),
                NoteKind::Rto(rto) => format!("RTO is now {rto}"),
                NoteKind::FastRecovery { cwnd } => format!("fast recovery, cwnd {cwnd} B"),
                NoteKind::Closed(reason) => format!("closed: {}", reason.name()),
            };
            take(at, node, text);
        }
    }
}

fn explain(error: WorldError) -> String {
    error.to_string()
}

fn limit_reached(limit: &LimitExceeded) -> String {
    let advice = match limit {
        LimitExceeded::Events { .. } => "raise `limits.events`, or shorten `duration`",
        LimitExceeded::Time { .. } => "raise `limits.time`, or shorten `duration`",
        LimitExceeded::Memory { .. } => "raise `limits.memory`, or use fewer nodes or flows",
    };
    format!("{limit}: {advice}")
}

pub(crate) fn in_words(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect::<Vec<_>>().join("; ")
}
