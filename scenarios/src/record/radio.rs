//! What radios did when, as lines of `series/RUN.csv`.

use std::fmt::Write;

use host::world::World;
use network::observer::Observer;
use network::radio::mac::RadioState;
use sim_core::SimTime;

/// The series `radio_state` of the first radios: 0 off, 1 asleep, 2 listening, 3 turning, 4 sending; 5 marks a collision.
pub(crate) fn radio_lines<O: Observer>(world: &World<O>, end: SimTime) -> String {
    let mut lines = String::new();
    for medium in world.network.radio_media() {
        for radio in 0..medium.watched_radios() {
            let port = medium.ports()[radio as usize];
            let name = world.network.node_name(world.network.port_info(port).node);
            let name = crate::results::field(name);
            for (at, state) in medium.watched(radio, end) {
                let number = match state {
                    Some(RadioState::Off) => 0,
                    Some(RadioState::Sleep) => 1,
                    Some(RadioState::Listen) => 2,
                    Some(RadioState::Turnaround) => 3,
                    Some(RadioState::Transmit) => 4,
                    None => 5,
                };
                writeln!(lines, "{},{name},radio_state,{number}", at.as_nanos())
                    .expect("a string takes all that is written");
            }
        }
    }
    lines
}
