//! What is due when, by address.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use sim_core::SimTime;

/// Deadlines of addresses, the earliest first; an address may have one.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(SimTime, Ipv6Addr)>);

impl Deadlines {
    /// Moves the deadline of `address` from one time to another; `None` is never.
    pub(super) fn change(&mut self, address: Ipv6Addr, from: Option<SimTime>, to: Option<SimTime>) {
        if let Some(from) = from {
            self.0.remove(&(from, address));
        }
        if let Some(to) = to {
            self.0.insert((to, address));
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<SimTime> {
        self.0.first().map(|&(at, _)| at)
    }

    /// Takes out an address whose deadline is not after `now`.
    pub(super) fn pop(&mut self, now: SimTime) -> Option<Ipv6Addr> {
        self.0.first().filter(|(at, _)| *at <= now)?;
        self.0.pop_first().map(|(_, address)| address)
    }
}
