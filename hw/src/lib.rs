//! What a node draws, when, and for what: parts with power states, the ledger, batteries, harvesters.
//!
//! A [`device::Device`] is a node's hardware: parts (radio, processor, sensors) that are each in one state at any
//! time, and a battery that they draw from. Each state is a current at the supply's voltage. Two ways lead
//! into the account:
//!
//! ```text
//!   enter(now, part, state, key)              the part is in `state` from now on, for `key`
//!   occupy(part, state, from..until, shares)  an interval laid over the state that the part rests in
//! ```
//!
//! Nothing has to happen while a state lasts: its time and energy are charged when it ends or is asked for. A
//! device does not know what it is charged for: the ledger is generic over its key.
//!
//! Energy is an integer (10^-21 J) and so exact: what the ledger holds equals the draw recomputed from the times
//! of the states, and what the battery gave; [`device::Device::check`] holds every run to it.
//!
//! **Modelled**: currents of states, typical and maximum; transitions with durations and currents; a state that
//! lingers after an activity (a modem's inactivity timer); regulators with a constant efficiency and a quiescent
//! current; batteries (see [`battery`]); harvesters by constant, day curve and trace.
//! **Left out**: currents that depend on the supply's voltage or the temperature (a datasheet's typical value is
//! taken at its condition), the charging losses of a battery.

#![forbid(unsafe_code)]

pub mod battery;
pub mod device;
pub mod harvester;
pub mod ledger;
mod meter;
pub mod part;
mod pending;
pub mod profile;
mod repeated;

pub use meter::TICKS_PER_SECOND;
pub use repeated::Pattern;
