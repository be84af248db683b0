//! Looking at a world at regular times, without changing it.

use network::observer::Observer;
use sim_core::SimTime;

use crate::world::World;

/// Looks at the world when asked, and says when to be asked again.
pub trait Sampler<O: Observer>: std::fmt::Debug {
    /// When to look for the first time.
    fn first(&self) -> SimTime;

    /// Looks at the world, and says when to look again.
    fn sample(&mut self, world: &World<O>) -> Option<SimTime>;
}
