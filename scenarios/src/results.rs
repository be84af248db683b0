//! Results as lines of the result files (`docs/output-files.md`).

mod energy;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use host::flow::Flow;
use host::measure::{SenderCounts, SessionCounts, Times, nearest_rank};
use host::world::World;
use network::accounts::FlowAccount;
use network::drop_cause::DropCause;
use network::node::NodeId;
use network::observer::Observer;
use network::port::PortId;
use sim_core::{SimDuration, SimTime};
use transport::mptcp::MptcpTotals;
use transport::tcp::{Limit, LimitTimes};
use wire::account::FlowId;

use energy::EnergyFigures;

use crate::language::{METRICS, Plan};
use crate::run::RunAbout;

mod radio;
mod registrations;
mod rpl;

/// The run's name: `p0007-r03`.
pub fn run_name(point: usize, replication: u32) -> String {
    format!("{}-r{replication:02}", point_name(point))
}

/// The point's name: `p0007`.
pub fn point_name(point: usize) -> String {
    format!("p{point:04}")
}

/// The result files with lines of every run, and their header lines.
pub fn headers(plan: &Plan) -> Vec<(&'static str, String)> {
    let axes: String =
        plan.axes().iter().map(|axis| format!(",{}", field(&format!("param.{}", axis.name)))).collect();
    let metrics: String = METRICS.iter().map(|metric| format!(",{}", metric.column)).collect();
    vec![
        ("runs.csv", format!("run,point,replication,seed,digest{axes}{metrics}\n")),
        ("flows.csv", format!("run,flow,from,to,over{metrics}\n")),
        ("overhead.csv", "run,flow,layer,protocol,reason,bytes,frames\n".to_owned()),
        ("latency.csv", "run,flow,value_ns,count\n".to_owned()),
        (
            "nodes.csv",
            format!(
                "run,node,frames_sent,bytes_sent,frames_received,bytes_received,packets_forwarded,frames_dropped,{}\n",
                energy::NODE_COLUMNS
            ),
        ),
        ("ledger.csv", energy::LEDGER_COLUMNS.to_owned()),
        ("energest.csv", energy::ENERGEST_COLUMNS.to_owned()),
        (
            "links.csv",
            "run,link,from,to,frames_offered,frames_sent,bytes_sent,dropped_queue,dropped_loss,dropped_down,\
             corrupted,duplicated,queue_max_packets,queue_mean_packets,utilisation\n"
                .to_owned(),
        ),
        ("frames.csv", "run,medium,from,to,kind,fate,frames\n".to_owned()),
        (
            "radios.csv",
            "run,medium,node,interface,off_ns,sleep_ns,listen_ns,turnaround_ns,transmit_ns\n".to_owned(),
        ),
        ("rpl.csv", rpl::NODE_COLUMNS.to_owned()),
        ("etx.csv", rpl::LINK_COLUMNS.to_owned()),
        ("registrations.csv", registrations::COLUMNS.to_owned()),
    ]
}

/// A field of a CSV file, quoted where it must be (RFC 4180 §2).
pub(crate) fn field(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

/// The metrics of a run, and its lines of every result file.
pub(crate) fn collect<O: Observer>(
    about: &RunAbout<'_>,
    world: &World<O>,
    end: SimTime,
) -> (Vec<Option<f64>>, BTreeMap<String, String>) {
    let flows: Vec<(&Flow, &FlowAccount)> = world
        .flows
        .iter()
        .enumerate()
        .map(|(index, flow)| (flow, world.network.accounts.flow(FlowId(index as u32))))
        .collect();
    let senders: BTreeSet<NodeId> = world.flows.iter().map(|flow| flow.from).collect();
    let senders: Vec<NodeId> = senders.into_iter().collect();
    let delivered = world.flows.iter().map(|flow| flow.measure.delivered).sum();
    let answered = world.flows.iter().map(|flow| flow.measure.session.response_times.count).sum();
    let energy = EnergyFigures::of_run(world, &senders, delivered, end).with_exchanges(answered);
    let metrics = metrics(&flows, &energy, half_open(world, &flows));
    let mut rows = BTreeMap::new();
    let mut put = |name: &str, text: String| rows.insert(name.to_owned(), text);
    put("runs.csv", runs_line(about, world.network.digest(), &metrics));
    put("flows.csv", flow_lines(about, world, &flows, end));
    put("overhead.csv", overhead_lines(about, world, &flows));
    put("latency.csv", latency_lines(about, &flows));
    put("nodes.csv", node_lines(about, world, end));
    put("ledger.csv", energy::ledger_lines(about, world));
    put("energest.csv", energy::energest_lines(about, world));
    put("links.csv", link_lines(about, world, end));
    put("frames.csv", radio::frame_lines(about, world));
    put("radios.csv", radio::radio_lines(about, world, end));
    put("rpl.csv", rpl::node_lines(about, world, end));
    put("etx.csv", rpl::link_lines(about, world));
    put("registrations.csv", registrations::lines(about, world, end));
    (metrics, rows)
}

/// The metrics of some flows together, in the order of [`METRICS`]; `None` where there is nothing to say.
fn metrics(
    flows: &[(&Flow, &FlowAccount)],
    energy: &EnergyFigures,
    half_open: Option<f64>,
) -> Vec<Option<f64>> {
    let sum = |value: &dyn Fn(&Flow, &FlowAccount) -> u64| {
        flows.iter().map(|(flow, account)| value(flow, account)).sum::<u64>()
    };
    let generated = sum(&|flow, _| flow.measure.generated);
    let delivered = sum(&|flow, _| flow.measure.delivered);
    let application = sum(&|flow, _| flow.measure.application_bytes);
    let bytes = sum(&|_, account| account.bytes());
    let frames = sum(&|_, account| account.frames);
    let mut latencies: Vec<SimDuration> =
        flows.iter().flat_map(|(flow, _)| flow.measure.latencies.iter()).collect();
    latencies.sort_unstable();
    let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let rank = |thousandths| nearest_rank(&latencies, thousandths).map(|latency| latency.as_nanos() as f64);
    let total: u128 = latencies.iter().map(|latency| u128::from(latency.as_nanos())).sum();
    let mean = (!latencies.is_empty()).then(|| total as f64 / latencies.len() as f64);
    let goodputs: Vec<f64> = flows.iter().filter_map(|(flow, _)| flow.measure.goodput_bps()).collect();
    let setups: Vec<u64> =
        flows.iter().filter_map(|(flow, _)| flow.measure.setup().map(SimDuration::as_nanos)).collect();
    let has_messages = generated > 0;
    // Nothing is said of flows without a session protocol.
    let of_session = |count: &dyn Fn(&SessionCounts) -> u64| {
        let with = flows.iter().filter(|(flow, _)| flow.session.is_some());
        let counts: Vec<u64> = with.map(|(flow, _)| count(&flow.measure.session)).collect();
        (!counts.is_empty()).then(|| counts.iter().sum::<u64>() as f64)
    };
    METRICS
        .iter()
        .map(|metric| match metric.column {
            "messages_generated" => Some(generated as f64),
            "messages_delivered" => Some(delivered as f64),
            "delivered_fraction" => ratio(delivered, generated),
            "messages_duplicate" => Some(sum(&|flow, _| flow.measure.duplicates.into()) as f64),
            "messages_late" => Some(sum(&|flow, _| flow.measure.late.into()) as f64),
            "latency_mean_ns" => mean,
            "latency_min_ns" => rank(0),
            "latency_p50_ns" => rank(500),
            "latency_p90_ns" => rank(900),
            "latency_p95_ns" => rank(950),
            "latency_p99_ns" => rank(990),
            "latency_max_ns" => rank(1000),
            "goodput_bps" => (!goodputs.is_empty()).then(|| goodputs.iter().sum()),
            "application_bytes" => Some(application as f64),
            "overhead_bytes" => Some(bytes as f64),
            "overhead_ratio" => ratio(bytes, application),
            "frames" => Some(frames as f64),
            "frames_per_message" => ratio(frames, delivered).filter(|_| has_messages),
            "hop_bytes" => Some(sum(&|_, account| account.hop_bytes) as f64),
            "hop_frames" => Some(sum(&|_, account| account.hop_frames) as f64),
            "stall_max_ns" => {
                let stalls = flows.iter().filter_map(|(flow, _)| flow.measure.stall());
                stalls.max().map(|stall| stall.as_nanos() as f64)
            }
            "setup_time_ns" => {
                (!setups.is_empty()).then(|| setups.iter().sum::<u64>() as f64 / setups.len() as f64)
            }
            "half_open_max" => half_open,
            "session_duplicates" => of_session(&|counts| counts.duplicates.into()),
            "session_failed" => of_session(&|counts| counts.failed.into()),
            column if column.starts_with("session_") => session_metric(column, flows),
            column if column.starts_with("mptcp_") => multipath_metric(column, flows),
            "retransmission_bytes" => Some(sum(&|_, account| account.retransmission_bytes) as f64),
            column if column.starts_with("limited_") => limited(column, flows),
            column => energy.column(column),
        })
        .collect()
}

/// The most connections that were half open at the receivers of some flows; nothing of flows without connections.
fn half_open<O: Observer>(world: &World<O>, flows: &[(&Flow, &FlowAccount)]) -> Option<f64> {
    let connected = flows.iter().filter(|(flow, _)| flow.carrier.has_connections());
    let nodes: BTreeSet<NodeId> = connected.flat_map(|(flow, _)| flow.to.iter().copied()).collect();
    let most = nodes.iter().filter_map(|&node| Some(u64::from(world.host(node)?.stack().half_open().1)));
    (!nodes.is_empty()).then(|| most.sum::<u64>() as f64)
}

/// A figure about what the session protocols of some flows did; nothing of flows without one.
fn session_metric(column: &str, flows: &[(&Flow, &FlowAccount)]) -> Option<f64> {
    let mut with = flows.iter().filter(|(flow, _)| flow.session.is_some()).peekable();
    with.peek()?;
    let (mut tokens_max, mut exchanges_max) = (0_u64, 0_u64);
    let (mut sender, mut times) = (SenderCounts::default(), Times::default());
    for counts in with.map(|(flow, _)| &flow.measure.session) {
        times.merge(&counts.response_times);
        tokens_max += u64::from(counts.tokens_max);
        exchanges_max += u64::from(counts.exchanges_max);
        if let Some(counts) = &counts.sender {
            sender.retransmissions += counts.retransmissions;
            sender.messages += counts.messages;
            add(&mut sender.by_timer, &counts.by_timer);
            add(&mut sender.bytes, &counts.bytes);
        }
    }
    let [header, token, options, marker, payload] = sender.bytes;
    let [first, second, third, fourth, later] = sender.by_timer;
    let count = match column {
        "session_response_time_mean_ns" => {
            return (times.count > 0).then(|| times.total as f64 / times.count as f64);
        }
        "session_response_time_max_ns" => {
            return (times.count > 0).then_some(times.max.as_nanos() as f64);
        }
        "session_retransmissions" => sender.retransmissions,
        "session_messages" => sender.messages,
        "session_timer_1" => first,
        "session_timer_2" => second,
        "session_timer_3" => third,
        "session_timer_4" => fourth,
        "session_timer_later" => later,
        "session_tokens_max" => tokens_max,
        "session_exchanges_max" => exchanges_max,
        "session_header_bytes" => header,
        "session_token_bytes" => token,
        "session_option_bytes" => options,
        "session_marker_bytes" => marker,
        "session_payload_bytes" => payload,
        _ => return None,
    };
    Some(count as f64)
}

/// A figure about what Multipath TCP did for some flows; nothing of flows without it.
fn multipath_metric(column: &str, flows: &[(&Flow, &FlowAccount)]) -> Option<f64> {
    let connections = flows.iter().filter_map(|(flow, _)| flow.measure.connections.as_ref());
    let mut all = connections.filter_map(|connections| connections.multipath.as_ref()).peekable();
    all.peek()?;
    let mut sum = MptcpTotals::default();
    all.for_each(|totals| sum.add(totals));
    let share = |part: u64| (sum.bytes_new > 0).then(|| part as f64 / sum.bytes_new as f64);
    match column {
        "mptcp_subflows" => Some(sum.subflows as f64),
        "mptcp_fallbacks" => Some(sum.fallbacks as f64),
        "mptcp_busiest_share" => share(sum.bytes_busiest),
        "mptcp_again_share" => share(sum.bytes_again),
        "mptcp_out_of_order_max_bytes" => Some(sum.waiting_max as f64),
        _ => None,
    }
}

/// The share of their connections' time that one limit held the senders of some flows back; nothing of other transports
/// than TCP.
fn limited(column: &str, flows: &[(&Flow, &FlowAccount)]) -> Option<f64> {
    let limit = match column {
        "limited_application_fraction" => Limit::Application,
        "limited_send_buffer_fraction" => Limit::SendBuffer,
        "limited_receiver_fraction" => Limit::ReceiverWindow,
        "limited_cwnd_fraction" => Limit::CongestionWindow,
        "limited_pacing_fraction" => Limit::Pacing,
        _ => return None,
    };
    let mut times = LimitTimes::default();
    for (flow, _) in flows {
        flow.measure.connections.iter().for_each(|connections| times.merge(&connections.limits));
    }
    let total = times.total().as_nanos();
    (total > 0).then(|| times.of(limit).as_nanos() as f64 / total as f64)
}

fn add(sum: &mut [u64], more: &[u64]) {
    for (own, others) in sum.iter_mut().zip(more) {
        *own += others;
    }
}

fn metric_cells(metrics: &[Option<f64>]) -> String {
    metrics.iter().map(|value| value.map_or(",".to_owned(), |value| format!(",{value}"))).collect()
}

fn runs_line(about: &RunAbout<'_>, digest: u64, metrics: &[Option<f64>]) -> String {
    let values: String =
        about.plan.values(about.point).iter().map(|(_, value)| format!(",{}", field(value))).collect();
    let point = point_name(about.point.number);
    let (name, replication, seed) = (about.name.as_str(), about.replication, about.seed.as_u64());
    format!("{name},{point},{replication},{seed:016x},{digest:016x}{values}{}\n", metric_cells(metrics))
}

fn flow_lines<O: Observer>(
    about: &RunAbout<'_>,
    world: &World<O>,
    flows: &[(&Flow, &FlowAccount)],
    end: SimTime,
) -> String {
    let mut lines = String::new();
    let mut delivered: BTreeMap<NodeId, u64> = BTreeMap::new();
    let mut answered: BTreeMap<NodeId, u64> = BTreeMap::new();
    for flow in &world.flows {
        *delivered.entry(flow.from).or_default() += flow.measure.delivered;
        *answered.entry(flow.from).or_default() += flow.measure.session.response_times.count;
    }
    for &(flow, account) in flows {
        let from = world.network.node_name(flow.from);
        let to = match &flow.to[..] {
            [node] => Cow::Borrowed(world.network.node_name(*node)),
            _ => Cow::Owned(flow.address.to_string()),
        };
        let (name, over) = (field(&flow.name), field(&flow.over));
        // A node's energy serves all of its flows: it is shared by their messages.
        let messages = delivered.get(&flow.from).copied().unwrap_or_default();
        let exchanges = answered.get(&flow.from).copied().unwrap_or_default();
        let energy = EnergyFigures::of_senders(world, &[flow.from], messages, end).with_exchanges(exchanges);
        let cells = metric_cells(&metrics(&[(flow, account)], &energy, half_open(world, &[(flow, account)])));
        put(&mut lines, format_args!("{},{name},{},{},{over}{cells}\n", about.name, field(from), field(&to)));
    }
    let unowned = world.network.accounts.flow(FlowId::NONE);
    if unowned.frames + unowned.hop_frames > 0 {
        put(&mut lines, format_args!("{},-,,,{}\n", about.name, metric_cells(&unowned_metrics(unowned))));
    }
    lines
}

/// What the frames of no flow cost. They carry no messages, so they have no other metrics.
fn unowned_metrics(account: &FlowAccount) -> Vec<Option<f64>> {
    let value = |column| match column {
        "overhead_bytes" => Some(account.bytes()),
        "frames" => Some(account.frames),
        "hop_bytes" => Some(account.hop_bytes),
        "hop_frames" => Some(account.hop_frames),
        "retransmission_bytes" => Some(account.retransmission_bytes),
        _ => None,
    };
    METRICS.iter().map(|metric| value(metric.column).map(|value| value as f64)).collect()
}

fn overhead_lines<O: Observer>(
    about: &RunAbout<'_>,
    world: &World<O>,
    flows: &[(&Flow, &FlowAccount)],
) -> String {
    let mut lines = String::new();
    let unowned = world.network.accounts.flow(FlowId::NONE);
    let all = flows.iter().map(|&(flow, account)| (&*flow.name, account)).chain([("-", unowned)]);
    for (name, account) in all {
        for line in account.sorted_lines() {
            let (layer, protocol) = (line.protocol.layer().name(), line.protocol.name());
            let (reason, bytes, frames) = (line.reason.name(), line.bytes, line.frames);
            let flow = field(name);
            put(
                &mut lines,
                format_args!("{},{flow},{layer},{protocol},{reason},{bytes},{frames}\n", about.name),
            );
        }
    }
    lines
}

fn latency_lines(about: &RunAbout<'_>, flows: &[(&Flow, &FlowAccount)]) -> String {
    let mut lines = String::new();
    for &(flow, _) in flows {
        let name = field(&flow.name);
        for same in flow.measure.sorted_latencies().chunk_by(|a, b| a == b) {
            put(&mut lines, format_args!("{},{name},{},{}\n", about.name, same[0].as_nanos(), same.len()));
        }
    }
    lines
}

/// One line for each node, unless there are very many: then only for those with applications.
fn node_lines<O: Observer>(about: &RunAbout<'_>, world: &World<O>, end: SimTime) -> String {
    let mut lines = String::new();
    let all = world.network.node_count() <= NODES_LISTED_MAX;
    for node in world.network.node_ids().filter(|&node| all || world.host(node).is_some()) {
        let traffic = world.network.node_traffic(node);
        let cells = [
            traffic.frames_sent,
            traffic.bytes_sent,
            traffic.frames_received,
            traffic.bytes_received,
            traffic.packets_forwarded,
            traffic.frames_dropped,
        ];
        let mut cells: String = cells.iter().map(|cell| format!(",{cell}")).collect();
        cells += &energy::node_cells(world, node, end);
        put(&mut lines, format_args!("{},{}{cells}\n", about.name, field(world.network.node_name(node))));
    }
    lines
}

/// One line for each direction of each link, of the first ones if there are very many.
fn link_lines<O: Observer>(about: &RunAbout<'_>, world: &World<O>, end: SimTime) -> String {
    let mut lines = String::new();
    for (number, link) in world.network.links().iter().take(LINKS_LISTED_MAX).enumerate() {
        let [a, b] = link.ends;
        for (port, peer) in [(a, b), (b, a)] {
            let node = |port: PortId| {
                field(world.network.node_name(world.network.port_info(port).node)).into_owned()
            };
            let report = world.network.direction_report(port);
            let queue = report.drops.get(DropCause::QueueFull) + report.drops.get(DropCause::QueueManaged);
            let loss = report.drops.get(DropCause::Loss);
            let down = report.drops.get(DropCause::LinkDown);
            let share = |time: SimDuration| time.as_nanos() as f64 / end.as_nanos().max(1) as f64;
            put(
                &mut lines,
                format_args!(
                    "{},{},{},{},{},{},{},{queue},{loss},{down},{},{},{},{},{}\n",
                    about.name,
                    field(world.network.link_name(number)),
                    node(port),
                    node(peer),
                    report.frames + queue + down,
                    report.frames,
                    report.bytes,
                    report.corrupted,
                    report.duplicated,
                    report.queue_max,
                    share(report.waited),
                    share(report.busy),
                ),
            );
        }
    }
    lines
}

pub(super) fn put(lines: &mut String, line: std::fmt::Arguments<'_>) {
    lines.write_fmt(line).expect("a string takes all that is written");
}

/// Nodes that all have a line in `nodes.csv`.
const NODES_LISTED_MAX: usize = 10_000;

/// Links that have lines in `links.csv`.
const LINKS_LISTED_MAX: usize = 10_000;
