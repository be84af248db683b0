//! What is known of neighbours, and which of them leads to a root best.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use sim_core::SimTime;
use wire::rpl::{Dio, DodagConfiguration, INFINITE_RANK};

use super::link::{Etx, Link};
use super::objective::{Objective, PARENT_SET_SIZE};
use super::sequence::Sequence;

/// What a neighbour has said last about its graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advert {
    /// Its message.
    pub dio: Dio,
    /// How the graph works.
    pub configuration: DodagConfiguration,
    /// What a way costs in it.
    pub objective: Objective,
    /// The neighbour's address that can be reached from afar, if it has told it.
    pub address: Option<Ipv6Addr>,
    /// When it was heard.
    pub heard_at: SimTime,
}

/// A neighbour: a node whose messages were heard.
#[derive(Clone, Copy, Debug)]
pub struct Neighbour {
    /// The link to it.
    pub link: Link,
    /// What it has said, if it is in a graph.
    pub advert: Option<Advert>,
}

/// All neighbours, by their link-local addresses.
#[derive(Clone, Debug, Default)]
pub struct Neighbours(BTreeMap<Ipv6Addr, Neighbour>);

impl Neighbours {
    /// The neighbour with that address.
    #[must_use]
    pub fn get(&self, address: Ipv6Addr) -> Option<&Neighbour> {
        self.0.get(&address)
    }

    /// The neighbour with that address, to be changed.
    pub fn get_mut(&mut self, address: Ipv6Addr) -> Option<&mut Neighbour> {
        self.0.get_mut(&address)
    }

    /// Notes that a neighbour was heard; `None` if there is no room for another one.
    pub fn heard(&mut self, now: SimTime, address: Ipv6Addr, guess: Etx) -> Option<&mut Neighbour> {
        if !self.0.contains_key(&address) && self.0.len() >= NEIGHBOURS_MAX {
            let useless = |neighbour: &Neighbour| {
                neighbour.advert.is_none_or(|advert| advert.dio.rank == INFINITE_RANK)
            };
            let place = self.0.iter().find(|(_, neighbour)| useless(neighbour)).map(|(&address, _)| address);
            self.0.remove(&place?);
        }
        let fresh = Neighbour { link: Link::new(guess), advert: None };
        let neighbour = self.0.entry(address).or_insert(fresh);
        neighbour.link.on_heard(now, guess);
        Some(neighbour)
    }

    /// All of them, in the order of their addresses.
    pub fn iter(&self) -> impl Iterator<Item = (Ipv6Addr, &Neighbour)> {
        self.0.iter().map(|(&address, neighbour)| (address, neighbour))
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The newest version of a graph that any neighbour has told.
    fn newest(&self, dodag: Ipv6Addr) -> Option<Sequence> {
        let adverts = self.0.values().filter_map(|neighbour| neighbour.advert);
        let versions =
            adverts.filter(|advert| advert.dio.dodag == dodag).map(|advert| Sequence(advert.dio.version));
        versions.reduce(|best, next| if next.is_news(best) { next } else { best })
    }
}

/// What bounds a node's movement in a version of a graph (RFC 6550 §8.2.2.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Floor {
    /// The graph.
    pub dodag: Ipv6Addr,
    /// Its version.
    pub version: Sequence,
    /// `L`: the lowest rank that the node has advertised there.
    pub lowest: u16,
    /// The lowest rank that it has advertised since it joined last: what its children can have built on.
    pub since_joined: u16,
    /// The node has told that it is detached, and believes neighbours that are heard from then on.
    pub fresh_from: Option<SimTime>,
}

/// The versions that a node was a member of, the graph that it was in last behind all others.
#[derive(Clone, Debug, Default)]
pub struct Floors(Vec<Floor>);

impl Floors {
    /// What bounds the node in a graph.
    #[must_use]
    pub fn of(&self, dodag: Ipv6Addr) -> Option<&Floor> {
        self.0.iter().find(|floor| floor.dodag == dodag)
    }

    /// The node advertises a rank.
    pub fn on_advertised(&mut self, dodag: Ipv6Addr, version: Sequence, rank: u16) {
        let known = self.0.iter().position(|floor| floor.dodag == dodag).map(|place| self.0.remove(place));
        let fresh = Floor { dodag, version, lowest: rank, since_joined: rank, fresh_from: None };
        let mut floor = known.filter(|floor| floor.version == version).unwrap_or(fresh);
        floor.lowest = floor.lowest.min(rank);
        floor.since_joined = floor.since_joined.min(rank);
        if self.0.len() >= FLOORS_MAX {
            self.0.remove(0);
        }
        self.0.push(floor);
    }

    /// The node has lost its last parent, and believes neighbours again that it hears from `fresh_from` on.
    pub fn on_detached(&mut self, dodag: Ipv6Addr, fresh_from: SimTime) {
        if let Some(floor) = self.0.iter_mut().find(|floor| floor.dodag == dodag) {
            floor.fresh_from = Some(fresh_from);
        }
    }

    /// The node has joined again: its children build on what it advertises from now on.
    pub fn on_joined(&mut self, dodag: Ipv6Addr) {
        if let Some(floor) = self.0.iter_mut().find(|floor| floor.dodag == dodag)
            && floor.fresh_from.take().is_some()
        {
            floor.since_joined = INFINITE_RANK;
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// A way to a root over a neighbour.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The neighbour.
    pub parent: Ipv6Addr,
    /// What it has said.
    pub advert: Advert,
    /// What the way costs.
    pub cost: u32,
    /// The rank of a node that uses it.
    pub rank: u16,
}

/// Chooses among neighbours.
#[derive(Clone, Copy, Debug)]
pub struct Chooser<'a> {
    /// The neighbours.
    pub neighbours: &'a Neighbours,
    /// What bounds movements.
    pub floors: &'a Floors,
    /// The only instance that the node takes part in.
    pub instance: u8,
    /// Whether a parent that takes no frames at present is kept where there is no other.
    pub patient: bool,
}

impl Chooser<'_> {
    /// The best way, or that of `current`, the preferred parent, where the best one is not better by enough.
    #[must_use]
    pub fn choose(&self, current: Option<Ipv6Addr>) -> Option<Way> {
        // A version that has begun is followed where anybody leads into it.
        let newest = self.best(current, true);
        newest.or_else(|| self.best(current, false)).or_else(|| self.last_resort(current?))
    }

    /// The way over the preferred parent where there is no other, though its link is worse than is allowed or has failed a
    /// moment ago: RFC 6719 §3.1 says SHOULD of such links, and no way at all is worse.
    fn last_resort(&self, current: Ipv6Addr) -> Option<Way> {
        let neighbour = self.neighbours.get(current)?;
        let advert = neighbour.advert.filter(|advert| advert.dio.instance == self.instance)?;
        if !neighbour.link.is_reachable() && !self.patient {
            return None;
        }
        let etx = advert.objective.worst_allowed(neighbour.link.etx());
        self.way_with(current, advert, etx, true)
    }

    fn best(&self, current: Option<Ipv6Addr>, newest: bool) -> Option<Way> {
        let mut best: Option<Way> = None;
        let mut kept = None;
        for (address, neighbour) in self.neighbours.iter() {
            let Some(way) = self.way(address, neighbour, current == Some(address)) else { continue };
            let version = Sequence(way.advert.dio.version);
            if newest && self.neighbours.newest(way.advert.dio.dodag) != Some(version) {
                continue;
            }
            if current == Some(address) {
                kept = Some(way);
            }
            if best.is_none_or(|best| order(&way) < order(&best)) {
                best = Some(way);
            }
        }
        let (best, Some(kept)) = (best?, kept) else { return best };
        let same_worth = worth(&best) == worth(&kept);
        let threshold =
            best.advert.objective.switch_threshold(best.advert.configuration.min_hop_rank_increase);
        let near = kept.cost.saturating_sub(best.cost) < threshold;
        Some(if same_worth && near { kept } else { best })
    }

    /// The way over a neighbour, if it may be used; `is_current` says that it is used already.
    fn way(&self, parent: Ipv6Addr, neighbour: &Neighbour, is_current: bool) -> Option<Way> {
        let advert = neighbour.advert.filter(|advert| advert.dio.instance == self.instance)?;
        if !neighbour.link.is_reachable() {
            return None;
        }
        self.way_with(parent, advert, neighbour.link.etx(), is_current)
    }

    fn way_with(&self, parent: Ipv6Addr, advert: Advert, etx: Etx, is_current: bool) -> Option<Way> {
        let least = advert.configuration.min_hop_rank_increase;
        let cost = advert.objective.path_cost(advert.dio.rank, etx, least)?;
        let rank = advert.objective.rank_through(advert.dio.rank, cost, least);
        (rank < INFINITE_RANK && self.may_move(&advert, rank, is_current)).then_some(Way {
            parent,
            advert,
            cost,
            rank,
        })
    }

    /// Whether the rules of movement allow a parent, and the rank that it gives.
    ///
    /// Stricter than RFC 6550 §8.2.2.4: another neighbour as far from the root as the node's own children must be may be
    /// one of them, so that it is believed only when the node has told that it is detached. The present parent may move
    /// away, since whoever moves looks out itself; but two that were siblings may take each other for parents at the same
    /// moment and raise each other's rank. So a node that has sunk by [`RISE_MAX_HOPS`] since it joined poisons its routes before it sinks on
    /// (§8.2.2.4, last but one paragraph).
    fn may_move(&self, advert: &Advert, rank: u16, is_current: bool) -> bool {
        let Some(floor) = self.floors.of(advert.dio.dodag) else { return true };
        let version = Sequence(advert.dio.version);
        if version != floor.version {
            return version.is_news(floor.version);
        }
        let DodagConfiguration { min_hop_rank_increase, max_rank_increase, .. } = advert.configuration;
        let highest = u32::from(floor.lowest) + u32::from(max_rank_increase);
        if max_rank_increase > 0 && u32::from(rank) > highest {
            return false;
        }
        let hop = u32::from(min_hop_rank_increase);
        if u32::from(rank) > u32::from(floor.since_joined) + RISE_MAX_HOPS * hop {
            return floor.fresh_from.is_some_and(|fresh_from| advert.heard_at >= fresh_from);
        }
        let children = u32::from(floor.since_joined) + hop;
        is_current
            || u32::from(advert.dio.rank) < children
            || floor.fresh_from.is_some_and(|fresh_from| advert.heard_at >= fresh_from)
    }

    /// The parent set: the preferred parent and, of the next best ways, those that do not raise the node's `rank` (RFC 6719 §3.2.2
    /// and §3.3).
    #[must_use]
    pub fn parent_set(&self, preferred: &Way) -> Vec<Ipv6Addr> {
        let least = u32::from(preferred.advert.configuration.min_hop_rank_increase.max(1));
        let graph = |way: &Way| (way.advert.dio.dodag, way.advert.dio.version);
        let ways =
            self.neighbours.iter().filter_map(|(address, neighbour)| self.way(address, neighbour, false));
        let mut others: Vec<Way> = ways
            .filter(|way| way.parent != preferred.parent && graph(way) == graph(preferred))
            .filter(|way| least * (1 + u32::from(way.advert.dio.rank) / least) <= u32::from(preferred.rank))
            .collect();
        others.sort_by_key(|way| (way.cost, way.parent));
        let others = others.into_iter().map(|way| way.parent);
        std::iter::once(preferred.parent).chain(others).take(PARENT_SET_SIZE).collect()
    }
}

/// How much a graph is worth: that it is grounded, then what its root says (RFC 6552 §4.2.1).
fn worth(way: &Way) -> (bool, u8) {
    (!way.advert.dio.grounded, u8::MAX - way.advert.dio.preference)
}

fn order(way: &Way) -> ((bool, u8), u32, Ipv6Addr) {
    (worth(way), way.cost, way.parent)
}

/// Neighbours kept.
const NEIGHBOURS_MAX: usize = 128;
/// By how many hops a node's rank may rise before it tells its children that they must not rely on it: Contiki-NG's
/// `RPL_MAX_RANKINC`, counted from when the node joined.
const RISE_MAX_HOPS: u32 = 8;
/// Graphs remembered.
const FLOORS_MAX: usize = 32;
