//! `netjoule trace`: one run as a sequence diagram.

use reports::sequence::{self, Style, TraceItem};
use scenarios::language::{Overrides, Plan};
use scenarios::record::{self, Trace};
use scenarios::results::run_name;
use scenarios::run::{RunOptions, run};

use crate::atomic;
use crate::cli::TraceArguments;
use crate::failure::Failure;
use crate::scenario_file::read_all;
use crate::spread::RunId;
use crate::terminal;

/// Runs one replication of one point and draws what its nodes sent to each other.
pub(crate) fn trace(arguments: &TraceArguments) -> Result<(), Failure> {
    let overrides: Overrides = arguments.overrides.clone().into();
    let scenarios = read_all(std::slice::from_ref(&arguments.file), &overrides)?;
    let Some(scenario) = scenarios.first() else { return Err(Failure::InputTold) };
    let chosen = choose(&arguments.point, &scenario.plan)?;
    let options = RunOptions { trace: true, ..RunOptions::default() };
    let point = scenario.plan.point(chosen.point);
    let report = run(&scenario.plan, &point, chosen.replication, options, &scenario.files);
    if let Err(reason) = &report.outcome {
        return Err(Failure::Work(format!("run {}: {reason}", report.run)));
    }
    let Trace { nodes, mut items } = report.extras.trace.unwrap_or_default();
    let all = items.len();
    items.truncate(arguments.first);
    let items: Vec<TraceItem> = items.into_iter().map(drawable).collect();
    let more = all - items.len();
    let rest = format!("… {more} more; --first {all} shows them all\n");
    if let Some(path) = &arguments.svg {
        let svg = sequence::draw_svg(&nodes, &items);
        atomic::write(path, svg.as_bytes()).map_err(|error| Failure::writing(path, &error))?;
        if more > 0 {
            terminal::print(rest);
        }
        return Ok(());
    }
    let width = arguments.width.map_or_else(terminal::width, usize::from);
    terminal::print(heading(&scenario.plan, chosen));
    terminal::print(sequence::draw(&nodes, &items, Style { width, ascii: arguments.ascii }));
    if more > 0 {
        terminal::print(rest);
    }
    Ok(())
}

/// The run that `text` names: `p0007-r03`, or `p0007` for its first replication.
fn choose(text: &str, plan: &Plan) -> Result<RunId, Failure> {
    let (point, replication) = text.split_once('-').unwrap_or((text, "r0"));
    let point = point.strip_prefix('p').and_then(|number| number.parse::<usize>().ok());
    let replication = replication.strip_prefix('r').and_then(|number| number.parse::<u32>().ok());
    let (Some(point), Some(replication)) = (point, replication) else {
        return Err(Failure::Input(format!("{text} is no run; runs are called like p0007-r03")));
    };
    let (points, replications) = (plan.point_count(), plan.replications);
    if point >= points || u64::from(replication) >= replications {
        let last = run_name(
            points.saturating_sub(1),
            u32::try_from(replications.saturating_sub(1)).unwrap_or(u32::MAX),
        );
        return Err(Failure::Input(format!(
            "{} has no run {text}; its runs are p0000-r00 to {last}",
            plan.name
        )));
    }
    Ok(RunId { point, replication })
}

fn heading(plan: &Plan, chosen: RunId) -> String {
    let point = plan.point(chosen.point);
    let values: Vec<String> =
        plan.values(&point).iter().map(|(name, value)| format!("{name} {value}")).collect();
    let run = run_name(chosen.point, chosen.replication);
    let text =
        format!("{}, {run}{}{}", plan.name, if values.is_empty() { "" } else { ": " }, values.join(", "));
    terminal::one_line(&text) + "\n\n"
}

fn drawable(item: record::TraceItem) -> TraceItem {
    match item {
        record::TraceItem::Message { sent, arrived, from, to, label, fate } => {
            TraceItem::Message { sent, arrived, from, to, label, fate }
        }
        record::TraceItem::Note { at, node, text } => TraceItem::Note { at, node, text },
    }
}
