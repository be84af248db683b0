//! What the nodes drew: metrics, columns of `nodes.csv`, lines of `ledger.csv`.

use std::fmt::Write;

use host::world::World;
use hw::battery::Battery;
use hw::part::PartKind;
use network::node::NodeId;
use network::observer::Observer;
use network::power::Hardware;
use sim_core::electric::{Current, Energy};
use sim_core::{SimDuration, SimTime};

use super::{NODES_LISTED_MAX, field, put};
use crate::run::RunAbout;

/// Metrics of some senders' energy; `None` where no node has hardware.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EnergyFigures {
    energy: Option<f64>,
    per_message: Option<f64>,
    per_exchange: Option<f64>,
    radio: Option<f64>,
    mcu: Option<f64>,
    network: Option<f64>,
    energest: Option<f64>,
    life: Option<f64>,
    life_least: Option<f64>,
}

impl EnergyFigures {
    /// Of the nodes that send, which got `delivered` messages across, and of the whole network.
    pub(super) fn of_run<O: Observer>(
        world: &World<O>,
        senders: &[NodeId],
        delivered: u64,
        end: SimTime,
    ) -> Self {
        let all: Vec<NodeId> = world.network.node_ids().collect();
        let hardware = with_hardware(world, &all);
        let of_senders = Self::of_senders(world, senders, delivered, end);
        if hardware.is_empty() {
            return of_senders;
        }
        let network = hardware.iter().map(|hardware| hardware.energy()).sum::<Energy>();
        Self {
            network: Some(network.as_joules_f64()),
            life: shortest_life(&hardware, end, false),
            life_least: shortest_life(&hardware, end, true),
            ..of_senders
        }
    }

    /// Of the nodes that send, which got `delivered` messages across.
    pub(super) fn of_senders<O: Observer>(
        world: &World<O>,
        senders: &[NodeId],
        delivered: u64,
        end: SimTime,
    ) -> Self {
        let hardware = with_hardware(world, senders);
        if hardware.is_empty() {
            return Self::default();
        }
        let sum = |of: &dyn Fn(&Hardware) -> Energy| {
            hardware.iter().map(|hardware| of(hardware)).sum::<Energy>().as_joules_f64()
        };
        let energy = sum(&|hardware| hardware.energy());
        Self {
            energy: Some(energy),
            per_message: (delivered > 0).then(|| energy / delivered as f64),
            per_exchange: None,
            radio: Some(sum(&|hardware| hardware.energy_of(PartKind::Radio))),
            mcu: Some(sum(&|hardware| hardware.energy_of(PartKind::Mcu))),
            network: None,
            energest: Some(hardware.iter().map(|hardware| hardware.energest_joules()).sum()),
            life: shortest_life(&hardware, end, false),
            life_least: shortest_life(&hardware, end, true),
        }
    }

    /// The same of senders whose session protocols had `answered` requests answered.
    pub(super) fn with_exchanges(self, answered: u64) -> Self {
        let energy = self.energy.filter(|_| answered > 0);
        Self { per_exchange: energy.map(|energy| energy / answered as f64), ..self }
    }

    /// The figure of a column of `runs.csv`.
    pub(super) fn column(&self, column: &str) -> Option<f64> {
        match column {
            "energy_j" => self.energy,
            "energy_per_message_j" => self.per_message,
            "energy_per_exchange_j" => self.per_exchange,
            "energy_radio_j" => self.radio,
            "energy_mcu_j" => self.mcu,
            "energy_network_j" => self.network,
            "energy_energest_j" => self.energest,
            "battery_life_ns" => self.life,
            "battery_life_least_ns" => self.life_least,
            _ => None,
        }
    }
}

fn with_hardware<'a, O: Observer>(world: &'a World<O>, nodes: &[NodeId]) -> Vec<&'a Hardware> {
    nodes.iter().filter_map(|&node| world.network.hardware(node)).collect()
}

/// The life of the battery that gives out first.
fn shortest_life(hardware: &[&Hardware], end: SimTime, maximum: bool) -> Option<f64> {
    let lives = hardware.iter().filter_map(|hardware| life(hardware, end, maximum));
    lives.min().map(|life| life.as_nanos() as f64)
}

/// How long a node's battery lasts from the start of the run on: until it gave out in the run, or else as long as it
/// would carry the mean current of the run, at typical or at maximum currents, tested by the run's highest load.
fn life(hardware: &Hardware, end: SimTime, maximum: bool) -> Option<SimDuration> {
    let device = hardware.device();
    let battery = device.battery()?;
    let died = hardware.gave_out().map(|at| at - SimTime::ZERO);
    if let Some(died) = died.filter(|_| !maximum) {
        return Some(died);
    }
    let harvested = battery.harvested().as_attocoulombs() / u128::from(end.as_nanos().max(1));
    let drawn = device.mean_current(maximum).as_nanoamps();
    let load = Current::from_nanoamps(drawn.saturating_sub(u64::try_from(harvested).unwrap_or(u64::MAX)));
    let fresh = Battery::new(battery.spec().clone(), battery.initial_share());
    let projected = fresh.lasts(load, battery.peak(), LIFE_MAX).unwrap_or(LIFE_MAX);
    Some(died.map_or(projected, |died| died.min(projected)))
}

/// Columns of `energest.csv`.
pub(super) const ENERGEST_COLUMNS: &str =
    "run,node,cpu_ticks,lpm_ticks,deep_lpm_ticks,transmit_ticks,listen_ticks,energest_j,ledger_j\n";

/// A line for each node with hardware: what Contiki's Energest would say, and what the ledger holds.
pub(super) fn energest_lines<O: Observer>(about: &RunAbout<'_>, world: &World<O>) -> String {
    let mut lines = String::new();
    for node in world.network.node_ids().take(NODES_LISTED_MAX) {
        let Some(hardware) = world.network.hardware(node) else { continue };
        let counters = hardware.energest();
        put(
            &mut lines,
            format_args!(
                "{},{},{},{},{},{},{},{},{}\n",
                about.name,
                field(world.network.node_name(node)),
                counters.cpu,
                counters.lpm,
                counters.deep_lpm,
                counters.transmit,
                counters.listen,
                hardware.energest_joules(),
                hardware.energy().as_joules_f64(),
            ),
        );
    }
    lines
}

/// The energy columns of `nodes.csv`.
pub(super) const NODE_COLUMNS: &str = "board,energy_j,energy_radio_j,energy_mcu_j,mean_power_w,charge_drawn_c,\
     charge_harvested_c,battery_left_fraction,battery_voltage_v,battery_life_ns,battery_life_least_ns";

/// A node's cells under [`NODE_COLUMNS`], each with a comma in front; empty ones without hardware.
pub(super) fn node_cells<O: Observer>(world: &World<O>, node: NodeId, end: SimTime) -> String {
    let columns = NODE_COLUMNS.split(',').count();
    let Some(hardware) = world.network.hardware(node) else { return ",".repeat(columns) };
    let device = hardware.device();
    let joules = |energy: Energy| Some(energy.as_joules_f64());
    let battery = device.battery();
    let seconds = end.as_nanos() as f64 / 1e9;
    let energy = hardware.energy();
    let cells = [
        joules(energy),
        joules(hardware.energy_of(PartKind::Radio)),
        joules(hardware.energy_of(PartKind::Mcu)),
        (seconds > 0.0).then(|| energy.as_joules_f64() / seconds),
        battery.map(|battery| battery.drawn().as_coulombs_f64()),
        battery.map(|battery| battery.harvested().as_coulombs_f64()),
        battery.map(Battery::state_of_charge),
        battery.map(|battery| battery.terminal_voltage_f64(device.current_at(end)) / 1000.0),
        life(hardware, end, false).map(|life| life.as_nanos() as f64),
        life(hardware, end, true).map(|life| life.as_nanos() as f64),
    ];
    let mut text = format!(",{}", field(hardware.board()));
    for cell in cells {
        text.push(',');
        if let Some(value) = cell {
            write!(text, "{value}").expect("a string takes all that is written");
        }
    }
    text
}

/// The columns of `ledger.csv`.
pub(super) const LEDGER_COLUMNS: &str = "run,node,part,state,flow,layer,cause,time_ns,energy_zj\n";

/// The lines of `ledger.csv`: every entry of every node, of the first ones if there are very many.
pub(super) fn ledger_lines<O: Observer>(about: &RunAbout<'_>, world: &World<O>) -> String {
    let mut lines = String::new();
    let with_hardware =
        world.network.node_ids().filter_map(|node| Some((node, world.network.hardware(node)?)));
    for (node, hardware) in with_hardware.take(NODES_LISTED_MAX) {
        let device = hardware.device();
        let name = field(world.network.node_name(node));
        for entry in device.ledger().entries() {
            let spec = device.spec(entry.part);
            let state = &spec.states[usize::from(entry.state.0)].name;
            let flow = entry.key.flow.index().map_or("-", |index| &*world.flows[index].name);
            put(
                &mut lines,
                format_args!(
                    "{},{name},{},{},{},{},{},{},{}\n",
                    about.name,
                    field(&spec.name),
                    field(state),
                    field(flow),
                    entry.key.layer.map_or("-", wire::account::Layer::name),
                    entry.key.cause.name(),
                    entry.time.as_nanos(),
                    entry.energy.as_zeptojoules(),
                ),
            );
        }
    }
    lines
}

/// A century stands for every longer life: no battery's shelf life is as long.
const LIFE_MAX: SimDuration = SimDuration::from_secs(100 * 365 * 86_400);
