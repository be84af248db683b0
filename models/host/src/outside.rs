//! A run that is joined to the outside: someone says how far time may go and what comes in, and takes what leaves.
//!
//! The order of events is that of any run, so the same entries at the same times give the same run.

use network::observer::Observer;
use network::outside::{Departure, OutletId};
use sim_core::SimTime;
use sim_core::engine::LimitExceeded;

use crate::sample::Sampler;
use crate::world::World;

/// A packet that comes in from outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// When.
    pub at: SimTime,
    /// By which outlet.
    pub outlet: OutletId,
    /// Its bytes, from the internet header on.
    pub bytes: Vec<u8>,
}

/// What to do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Turn {
    /// Handle all that is due up to this time. What comes in afterwards comes in later than that.
    Advance(SimTime),
    /// Let a packet come in.
    Enter(Entry),
    /// Handle all that is due up to this time, and end there.
    End(SimTime),
}

/// What is outside.
pub trait Outside {
    /// What to do next; `due` is when the next event is due, if there is one before the end of the run.
    fn turn(&mut self, due: Option<SimTime>) -> Turn;

    /// Takes a packet that has left.
    fn take(&mut self, departure: Departure);
}

impl<O: Observer> World<O> {
    /// Runs until `end`, or until `outside` ends the run; returns when that was.
    ///
    /// # Errors
    ///
    /// When a limit on events, simulated time or memory is reached.
    pub fn run_joined(
        &mut self,
        end: SimTime,
        mut sampler: Option<&mut dyn Sampler<O>>,
        outside: &mut dyn Outside,
    ) -> Result<SimTime, LimitExceeded> {
        self.network.open_border();
        self.begin(end, sampler.as_deref());
        let ended = loop {
            let due = self.network.scheduler.next_time().filter(|&due| due <= end);
            let (until, last) = match outside.turn(due) {
                Turn::Enter(Entry { at, outlet, bytes }) => {
                    self.network.schedule_entry(at.max(self.network.now()), outlet, &bytes);
                    continue;
                }
                Turn::Advance(until) => (until.min(end), until >= end),
                Turn::End(until) => (until.min(end), true),
            };
            self.network.scheduler.set_end(until);
            self.handle_due(&mut sampler)?;
            while let Some(departure) = self.network.next_departure() {
                outside.take(departure);
            }
            if last {
                break until.max(self.network.now());
            }
        };
        self.settle_accounts(ended);
        Ok(ended)
    }
}
