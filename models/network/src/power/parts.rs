//! What a node's radios can be told to do, how its parts are supplied, where its radios rest, and what their time is for where
//! nobody says otherwise.

use hw::battery::Battery;
use hw::device::{Purposes, Supply};
use hw::part::PartSpec;
use hw::profile::{Board, Radio};
use sim_core::electric::Voltage;

use super::purpose::{Cause, Purpose};

/// What a radio does while it is neither sending nor taking a frame in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RadioRest {
    /// As its profile says.
    #[default]
    Profile,
    /// It sleeps.
    Sleep,
    /// It is ready, but deaf.
    Idle,
    /// It listens.
    Listen,
}

/// A state that a MAC puts a radio into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RadioState {
    /// Switched off.
    Off,
    /// The least that keeps its settings.
    Sleep,
    /// Ready to listen or send.
    Idle,
    /// Waiting for a frame, or sensing the carrier.
    Listen,
    /// Taking a frame in.
    Receive,
    /// Sending.
    Transmit,
}

/// Parts hang on the board's voltage behind a regulator, and on the battery's without one.
pub(super) fn supply(board: &Board, battery: Option<&Battery>) -> Supply {
    let source: Option<Voltage> = battery.map(|battery| battery.spec().nominal);
    match (source, board.regulator) {
        (None, _) => Supply::direct(board.voltage),
        (Some(source), None) => Supply::direct(source),
        (Some(source), Some(regulator)) => {
            Supply { voltage: board.voltage, source, efficiency_permille: regulator.efficiency_permille }
        }
    }
}

/// The radio under a name of its own, in the state in which it rests, and what that is for.
pub(super) fn resting(name: &str, radio: &Radio, rest: RadioRest) -> (PartSpec, Cause) {
    let mut spec = PartSpec::clone(&radio.spec);
    name.clone_into(&mut spec.name);
    spec.rest = match rest {
        RadioRest::Profile => spec.rest,
        RadioRest::Sleep => radio.sleep,
        RadioRest::Idle => radio.idle,
        RadioRest::Listen => radio.listen,
    };
    let cause = match spec.rest {
        rest if rest == radio.listen || rest == radio.receive => Cause::IdleListening,
        rest if rest == radio.sleep || rest == radio.off => Cause::Sleep,
        _ => Cause::Idle,
    };
    (spec, cause)
}

pub(super) fn sampling() -> Purposes<Purpose> {
    Purposes { transition: Purpose::own(Cause::Sample), ..purposes(Cause::Sleep) }
}

pub(super) fn purposes(rest: Cause) -> Purposes<Purpose> {
    Purposes {
        rest: Purpose::own(rest),
        tail: Purpose::own(Cause::Tail),
        transition: Purpose::own(Cause::WakeUp),
        unpowered: Purpose::own(Cause::Unpowered),
    }
}
