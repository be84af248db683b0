//! What became of frames on the air, and how long radios were in which state.

use host::world::World;
use network::observer::Observer;
use network::port::PortId;
use network::radio::mac::RadioState;
use sim_core::SimTime;

use super::{field, put};
use crate::run::RunAbout;

/// One line for each sender, receiver, kind of frame and fate that occurred.
pub(super) fn frame_lines<O: Observer>(about: &RunAbout<'_>, world: &World<O>) -> String {
    let mut lines = String::new();
    for medium in world.network.radio_media() {
        let node = |radio: u32| {
            let port = medium.ports()[radio as usize];
            field(world.network.node_name(world.network.port_info(port).node))
        };
        for (from, to, kind, fate, frames) in medium.fates_at_end().lines() {
            put(
                &mut lines,
                format_args!(
                    "{},{},{},{},{},{},{frames}\n",
                    about.name,
                    field(&medium.name),
                    node(from),
                    node(to),
                    kind.name(),
                    fate.name()
                ),
            );
        }
    }
    lines
}

/// One line for each radio, of the first ones if there are very many.
pub(super) fn radio_lines<O: Observer>(about: &RunAbout<'_>, world: &World<O>, end: SimTime) -> String {
    let mut lines = String::new();
    for medium in world.network.radio_media() {
        for (radio, &port) in (0..).zip(medium.ports().iter().take(RADIOS_LISTED_MAX)) {
            let times = medium.state_times(radio, end);
            let cells: String = RadioState::ALL
                .iter()
                .map(|&state| format!(",{}", times[state as usize].as_nanos()))
                .collect();
            let (node, interface) = names(world, port);
            put(
                &mut lines,
                format_args!(
                    "{},{},{},{}{cells}\n",
                    about.name,
                    field(&medium.name),
                    field(node),
                    field(interface)
                ),
            );
        }
    }
    lines
}

fn names<O: Observer>(world: &World<O>, port: PortId) -> (&str, &str) {
    let node = world.network.port_info(port).node;
    (world.network.node_name(node), world.network.port_name(port))
}

/// Radios of a medium that have lines in `radios.csv`.
const RADIOS_LISTED_MAX: usize = 10_000;
