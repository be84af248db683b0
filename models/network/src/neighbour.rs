//! The neighbour cache of a port on a shared segment: which link-layer address an internet address has.
//!
//! One design serves ARP (RFC 826; RFC 1122 §2.3.2 for its time-out, rate and queue) and IPv6 neighbour
//! discovery (RFC 4861 §7.2 and §7.3). ARP knows the first two states only:
//!
//! ```text
//!              packet                 answer
//!   (nothing) --------> INCOMPLETE ------------> REACHABLE
//!       ^                 | 3 questions,            | ARP: forgotten after its time-out
//!       |                 | no answer               | IPv6: after the reachable time
//!       +-----------------+                         v        packet          5 s
//!       ^                                         STALE -----------> DELAY -------> PROBE
//!       |                                           ^                  | answer      |  | answer
//!       |                                           |                  +-> REACHABLE <--+
//!       +------------ 3 unicast questions, no answer ---------------------------+
//! ```
//!
//! Time-outs of REACHABLE are found when the entry is next used, so that only questions and delays take
//! events. Confirmation by upper layers (RFC 4861 §7.3.1) is left out: only answers confirm.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sim_core::engine::Alarm;
use sim_core::random::CounterStream;
use sim_core::{SimDuration, SimTime};
use smallvec::SmallVec;
use wire::ethernet::MacAddress;

use crate::pool::PacketId;

/// How addresses are resolved on a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NeighbourConfig {
    /// Whether all know all from the start, and no frame is spent on it.
    pub known: bool,
    /// How long ARP remembers an answer (RFC 1122 §2.3.2.1).
    pub arp_timeout: SimDuration,
    /// How long until a question is repeated (RFC 1122 §2.3.2.1: at most one a second; RFC 4861 §10:
    /// `RETRANS_TIMER`); above 0.
    pub retry: SimDuration,
}

impl Default for NeighbourConfig {
    /// ARP remembers for 20 minutes; questions are repeated after a second.
    fn default() -> Self {
        Self { known: false, arp_timeout: SimDuration::from_secs(20 * 60), retry: SimDuration::from_secs(1) }
    }
}

/// Packets that wait for an address.
pub(crate) type Waiting = SmallVec<[PacketId; WAITING_MAX]>;

/// What is known of one neighbour.
#[derive(Clone, Debug, Eq, PartialEq)]
enum State {
    /// Asked for, `asked` times so far.
    Incomplete { asked: u32, due: SimTime, waiting: Waiting },
    /// Answered not long ago.
    Reachable { mac: MacAddress, until: SimTime },
    /// Known, but not confirmed for a while (IPv6 only, as are the next two).
    Stale { mac: MacAddress },
    /// In use without confirmation.
    Delay { mac: MacAddress, due: SimTime },
    /// Asked whether it is still there, `asked` times so far.
    Probe { mac: MacAddress, asked: u32, due: SimTime },
}

impl State {
    fn due(&self) -> Option<SimTime> {
        match self {
            Self::Incomplete { due, .. } | Self::Delay { due, .. } | Self::Probe { due, .. } => Some(*due),
            Self::Reachable { .. } | Self::Stale { .. } => None,
        }
    }

    fn mac(&self) -> Option<MacAddress> {
        match self {
            Self::Incomplete { .. } => None,
            Self::Reachable { mac, .. }
            | Self::Stale { mac }
            | Self::Delay { mac, .. }
            | Self::Probe { mac, .. } => Some(*mac),
        }
    }
}

/// What to do with a packet for a neighbour.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Resolution {
    /// Send it to this address.
    Send(MacAddress),
    /// It waits in the cache.
    Wait {
        /// Whether the question has to be asked now.
        ask: bool,
        /// The packet that had to make room.
        overflow: Option<PacketId>,
    },
}

/// What a timer asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Due {
    /// Ask for `address`: all, or the neighbour that is to confirm it.
    Ask { address: IpAddr, to: Option<MacAddress> },
    /// Nobody has the address: these packets cannot be sent.
    Failed { waiting: Waiting },
    /// A neighbour that answered before answers no more; nothing waits for it.
    Forgotten,
}

/// A neighbour advertisement, as far as it changes the cache (RFC 4861 §7.2.5).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Advertised {
    pub(crate) mac: Option<MacAddress>,
    pub(crate) solicited: bool,
    pub(crate) is_override: bool,
}

/// The neighbour cache of one port.
#[derive(Debug)]
pub(crate) struct NeighbourCache {
    config: NeighbourConfig,
    draws: CounterStream,
    entries: BTreeMap<IpAddr, State>,
    deadlines: BTreeSet<(SimTime, IpAddr)>,
    pub(crate) alarm: Alarm,
}

impl NeighbourCache {
    /// An empty cache; `draws` decide on the reachable times.
    pub(crate) fn new(config: NeighbourConfig, draws: CounterStream) -> Self {
        Self { config, draws, entries: BTreeMap::new(), deadlines: BTreeSet::new(), alarm: Alarm::new() }
    }

    pub(crate) fn config(&self) -> NeighbourConfig {
        self.config
    }

    /// Looks up `address` for a packet, which waits if it is not known.
    pub(crate) fn resolve(&mut self, now: SimTime, address: IpAddr, packet: PacketId) -> Resolution {
        match self.entries.get_mut(&address) {
            Some(State::Incomplete { waiting, .. }) => {
                // RFC 1122 §2.3.2.2 and RFC 4861 §7.2.2: the latest packets are kept.
                let overflow = (waiting.len() == WAITING_MAX).then(|| waiting.remove(0));
                waiting.push(packet);
                return Resolution::Wait { ask: false, overflow };
            }
            Some(&mut State::Reachable { mac, until }) if now < until => return Resolution::Send(mac),
            Some(&mut (State::Delay { mac, .. } | State::Probe { mac, .. })) => return Resolution::Send(mac),
            Some(&mut (State::Reachable { mac, .. } | State::Stale { mac })) if address.is_ipv6() => {
                self.set(address, State::Delay { mac, due: now + DELAY_FIRST_PROBE_TIME });
                return Resolution::Send(mac);
            }
            Some(State::Reachable { .. } | State::Stale { .. }) | None => {}
        }
        let waiting = SmallVec::from_slice(&[packet]);
        self.set(address, State::Incomplete { asked: 1, due: now + self.config.retry, waiting });
        Resolution::Wait { ask: true, overflow: None }
    }

    /// Takes what an ARP packet says of its sender (RFC 826, "Packet Reception"): a known sender is
    /// updated, an unknown one only remembered if the packet was for this port.
    pub(crate) fn on_arp(&mut self, now: SimTime, address: IpAddr, mac: MacAddress, for_me: bool) -> Waiting {
        if !for_me && !self.entries.contains_key(&address) {
            return Waiting::new();
        }
        self.set(address, State::Reachable { mac, until: now + self.config.arp_timeout })
    }

    /// Takes the link-layer address that a neighbour solicitation came with (RFC 4861 §7.2.3).
    pub(crate) fn on_solicitation(&mut self, address: IpAddr, mac: MacAddress) -> Waiting {
        if self.entries.get(&address).and_then(State::mac) == Some(mac) {
            return Waiting::new();
        }
        self.set(address, State::Stale { mac })
    }

    /// Takes a neighbour advertisement (RFC 4861 §7.2.5).
    pub(crate) fn on_advertisement(&mut self, now: SimTime, address: IpAddr, news: Advertised) -> Waiting {
        let Some(state) = self.entries.get(&address) else { return Waiting::new() };
        let until = now + self.reachable_time(now);
        let next = match (state.mac(), news.mac) {
            (None, None) => return Waiting::new(),
            (None, Some(mac)) if news.solicited => State::Reachable { mac, until },
            (None, Some(mac)) => State::Stale { mac },
            (Some(known), mac) => {
                let differs = mac.is_some_and(|mac| mac != known);
                if differs && !news.is_override {
                    if matches!(state, State::Reachable { .. }) {
                        self.set(address, State::Stale { mac: known });
                    }
                    return Waiting::new();
                }
                let mac = mac.unwrap_or(known);
                match (news.solicited, differs) {
                    (true, _) => State::Reachable { mac, until },
                    (false, true) => State::Stale { mac },
                    (false, false) => return Waiting::new(),
                }
            }
        };
        self.set(address, next)
    }

    /// The next thing that is due by `now`.
    pub(crate) fn pop_due(&mut self, now: SimTime) -> Option<Due> {
        let &(due, address) = self.deadlines.first()?;
        if due > now {
            return None;
        }
        let retry = now + self.config.retry;
        match self.entries.get_mut(&address).expect("a deadline has its entry") {
            &mut State::Incomplete { asked, ref mut waiting, .. } => {
                let waiting = std::mem::take(waiting);
                if asked == QUESTIONS_MAX {
                    self.remove(address);
                    return Some(Due::Failed { waiting });
                }
                self.set(address, State::Incomplete { asked: asked + 1, due: retry, waiting });
                Some(Due::Ask { address, to: None })
            }
            &mut State::Delay { mac, .. } => {
                self.set(address, State::Probe { mac, asked: 1, due: retry });
                Some(Due::Ask { address, to: Some(mac) })
            }
            &mut State::Probe { mac, asked, .. } => {
                if asked == QUESTIONS_MAX {
                    self.remove(address);
                    return Some(Due::Forgotten);
                }
                self.set(address, State::Probe { mac, asked: asked + 1, due: retry });
                Some(Due::Ask { address, to: Some(mac) })
            }
            State::Reachable { .. } | State::Stale { .. } => unreachable!("these states have no deadline"),
        }
    }

    /// The earliest deadline.
    pub(crate) fn next_due(&self) -> Option<SimTime> {
        self.deadlines.first().map(|&(due, _)| due)
    }

    /// Forgets everything, and returns what waited.
    pub(crate) fn clear(&mut self) -> Vec<PacketId> {
        self.deadlines.clear();
        self.alarm.disarm();
        let entries = std::mem::take(&mut self.entries);
        let waiting = entries.into_values().filter_map(|state| match state {
            State::Incomplete { waiting, .. } => Some(waiting),
            State::Reachable { .. } | State::Stale { .. } | State::Delay { .. } | State::Probe { .. } => None,
        });
        waiting.flatten().collect()
    }

    /// Enters a state, and returns the packets that the state before kept waiting.
    fn set(&mut self, address: IpAddr, state: State) -> Waiting {
        if let Some(due) = state.due() {
            self.deadlines.insert((due, address));
        }
        let due = state.due();
        let Some(old) = self.entries.insert(address, state) else { return Waiting::new() };
        if let Some(old_due) = old.due().filter(|&old_due| Some(old_due) != due) {
            self.deadlines.remove(&(old_due, address));
        }
        match old {
            State::Incomplete { waiting, .. } => waiting,
            State::Reachable { .. } | State::Stale { .. } | State::Delay { .. } | State::Probe { .. } => {
                Waiting::new()
            }
        }
    }

    fn remove(&mut self, address: IpAddr) {
        if let Some(due) = self.entries.remove(&address).and_then(|state| state.due()) {
            self.deadlines.remove(&(due, address));
        }
    }

    /// How long an IPv6 neighbour counts as reachable: between half and one and a half of the base, drawn
    /// anew every two hours (RFC 4861 §6.3.4: "at least every few hours").
    fn reachable_time(&self, now: SimTime) -> SimDuration {
        let period = now.as_secs() / REDRAW_PERIOD.as_secs();
        let base = REACHABLE_TIME.as_nanos();
        let spread = (u128::from(self.draws.draw(period + 1)) * u128::from(base)) >> 64;
        SimDuration::from_nanos(base / 2 + spread as u64)
    }
}

/// Packets that wait for one address; when one more comes the oldest goes.
const WAITING_MAX: usize = 3;
/// `MAX_MULTICAST_SOLICIT` and `MAX_UNICAST_SOLICIT` (RFC 4861 §10), and as many ARP requests.
const QUESTIONS_MAX: u32 = 3;
/// `REACHABLE_TIME` (RFC 4861 §10).
const REACHABLE_TIME: SimDuration = SimDuration::from_secs(30);
/// `DELAY_FIRST_PROBE_TIME` (RFC 4861 §10).
const DELAY_FIRST_PROBE_TIME: SimDuration = SimDuration::from_secs(5);
/// How often the reachable time is drawn anew.
const REDRAW_PERIOD: SimDuration = SimDuration::from_secs(2 * 3600);

#[cfg(test)]
#[path = "neighbour_tests.rs"]
mod tests;
