//! Routers without radios: messages take two milliseconds over links that lose some of them.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of the laboratory")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use network::rpl::link::Etx;
use network::rpl::router::{Counts, Heard, Outgoing, Router, To};
use network::rpl::settings::{Role, RplSettings};
use network::rpl::travel::Hop;
use sim_core::random::{Purpose, RunSeed, Streams};
use sim_core::{SimDuration, SimTime};
use wire::rpl;

/// The address that the node of that number is reached by.
pub fn global(node: usize) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, node as u16 + 1)
}

/// Its link-local address.
pub fn local(node: usize) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, node as u16 + 1)
}

/// The node that has an address of either kind.
pub fn node_of(address: Ipv6Addr) -> usize {
    usize::from(address.segments()[7]) - 1
}

/// Settings that settle within seconds.
pub fn quick() -> RplSettings {
    let standard = RplSettings::default();
    RplSettings {
        trickle: network::rpl::trickle::TrickleSettings { interval_min: 9, ..standard.trickle },
        ..standard
    }
}

/// A message under way.
struct Flying {
    from: usize,
    to: usize,
    kind: Kind,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// To all in reach: one copy.
    Broadcast,
    /// To a neighbour, which confirms it or not.
    Unicast,
    /// Over several hops.
    Afar,
}

pub struct Graph {
    pub now: SimTime,
    pub routers: Vec<Router>,
    pub alive: Vec<bool>,
    pub links: BTreeSet<(usize, usize)>,
    /// How many frames of a hundred are lost.
    pub loss_percent: u64,
    flying: BTreeMap<(SimTime, u64), Flying>,
    count: u64,
    state: u64,
}

impl Graph {
    /// Nodes with roles; links go both ways.
    pub fn new(seed: u64, settings: RplSettings, roles: &[Role], links: &[(usize, usize)]) -> Self {
        let streams = Streams::new(RunSeed::new(seed, 0));
        let router = |(node, &role): (usize, &Role)| {
            let draws = streams.counter(&format!("n{node}"), Purpose::new(20));
            Router::new(settings, role, global(node), draws)
        };
        let mut graph = Self {
            now: SimTime::ZERO,
            routers: roles.iter().enumerate().map(router).collect(),
            alive: vec![true; roles.len()],
            links: links.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect(),
            loss_percent: 0,
            flying: BTreeMap::new(),
            count: 0,
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        };
        for node in 0..roles.len() {
            graph.act(node, Router::start);
        }
        graph
    }

    /// A random number below `end`.
    pub fn draw(&mut self, end: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % end
    }

    pub fn act<R>(&mut self, node: usize, act: impl FnOnce(&mut Router, SimTime) -> R) -> R {
        let result = act(&mut self.routers[node], self.now);
        // All at once: what becomes of a frame makes the router act again.
        let all: Vec<Outgoing> = std::iter::from_fn(|| self.routers[node].poll_transmit()).collect();
        for outgoing in all {
            self.send(node, &outgoing);
        }
        result
    }

    /// Loses power, or gets it back.
    pub fn power(&mut self, node: usize, on: bool) {
        self.alive[node] = on;
        if on {
            self.act(node, Router::start);
        } else {
            self.routers[node].stop();
        }
    }

    pub fn run(&mut self, seconds: u64) {
        let end = self.now + SimDuration::from_secs(seconds);
        loop {
            let timer = (0..self.routers.len())
                .filter(|&node| self.alive[node])
                .filter_map(|node| Some((self.routers[node].poll_timeout()?, node)))
                .min();
            let message = self.flying.keys().next().map(|&(at, _)| at);
            let next = [timer.map(|(at, _)| at), message].into_iter().flatten().min();
            let Some(at) = next.filter(|&at| at <= end) else { break };
            self.now = self.now.max(at);
            match (message, timer) {
                (Some(due), _) if due <= at => self.arrive(),
                (_, Some((_, node))) => self.act(node, Router::handle_timeout),
                (Some(_) | None, None) => unreachable!("one of them is due"),
            }
        }
        self.now = end;
    }

    fn arrive(&mut self) {
        let Some((_, message)) = self.flying.pop_first() else { return };
        let Flying { from, to, kind, bytes } = message;
        if !self.alive[from] {
            return;
        }
        let arrives = match kind {
            Kind::Broadcast => self.alive[to] && self.draw(100) >= self.loss_percent,
            Kind::Unicast => self.frame(from, to),
            Kind::Afar => self.carry(from, to).is_some(),
        };
        if !arrives {
            return;
        }
        let (parsed, options) = rpl::parse(&bytes).expect("routers send what can be read");
        let source = if matches!(kind, Kind::Afar) { global(from) } else { local(from) };
        let unicast = !matches!(kind, Kind::Broadcast);
        let heard = Heard { from: source, unicast, guess: Etx::ONE, message: &parsed, options };
        self.act(to, |router, now| router.handle_message(now, &heard));
    }

    fn send(&mut self, from: usize, outgoing: &Outgoing) {
        match outgoing.to {
            To::All => {
                let others: Vec<usize> =
                    self.links.range((from, 0)..(from + 1, 0)).map(|&(_, other)| other).collect();
                for to in others {
                    self.fly(from, to, Kind::Broadcast, outgoing);
                }
            }
            To::Neighbour(address) => self.fly(from, node_of(address), Kind::Unicast, outgoing),
            To::Afar(address) => self.fly(from, node_of(address), Kind::Afar, outgoing),
        }
    }

    fn fly(&mut self, from: usize, to: usize, kind: Kind, outgoing: &Outgoing) {
        let bytes = rpl::to_bytes(&outgoing.message, &outgoing.options, local(from), global(to));
        self.count += 1;
        let at = self.now + SimDuration::from_millis(2);
        self.flying.insert((at, self.count), Flying { from, to, kind, bytes });
    }

    /// Sends a frame up to four times; says whether it arrived, as the sender's router learns too.
    fn frame(&mut self, from: usize, to: usize) -> bool {
        let there = self.alive[to] && self.links.contains(&(from, to));
        let tries = (1..=4u8).find(|_| there && self.draw(100) >= self.loss_percent);
        self.act(from, |router, now| router.on_sent(now, local(to), tries.unwrap_or(4), tries.is_some()));
        tries.is_some()
    }

    /// Carries a packet as a network would; the node before the last one if it arrives.
    pub fn carry(&mut self, from: usize, to: usize) -> Option<usize> {
        self.carry_judged(from, to).ok()
    }

    /// The same; else the nodes that it got to.
    pub fn carry_judged(&mut self, from: usize, to: usize) -> Result<usize, Vec<usize>> {
        let (mut at, mut before, mut been) = (from, from, vec![from]);
        let mut came_back = false;
        let mut information: Option<rpl::PacketInformation> = None;
        while at != to {
            if been.len() > 64 {
                return Err(been);
            }
            if let Some(information) = &mut information
                && been.len() > 1
            {
                if !self.act(at, |router, now| router.judge(now, local(before), information)) {
                    return Err(been);
                }
                came_back = std::mem::take(&mut information.forwarding_error);
                if came_back {
                    self.act(at, |router, now| router.on_forwarding_error(now, local(before), global(to)));
                }
            }
            let hop = self.routers[at].hop(self.now, global(to), information);
            let back = matches!(hop, Hop::Back(_));
            let way: Vec<usize> = match &hop {
                Hop::Back(_) if !came_back => vec![before],
                Hop::Up(next) | Hop::Down(next) | Hop::Back(next) => vec![node_of(*next)],
                Hop::Source(way) => way.iter().copied().map(node_of).collect(),
                Hop::None => return Err(been),
            };
            let sender_rank = if been.len() == 1 { 0 } else { self.routers[at].dag_rank() };
            information = Some(rpl::PacketInformation {
                down: !matches!(hop, Hop::Up(_)),
                rank_error: information.is_some_and(|information| information.rank_error),
                forwarding_error: back,
                instance: 0,
                sender_rank,
            });
            for next in way {
                if !self.frame(at, next) {
                    return Err(been);
                }
                been.push(next);
                (before, at) = (at, next);
            }
        }
        Ok(before)
    }

    /// The nodes that live links lead to from `root`.
    pub fn reachable(&self, root: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::from([root]);
        let mut left = vec![root];
        while let Some(node) = left.pop() {
            for &(_, other) in self.links.range((node, 0)..(node + 1, 0)) {
                let passes = self.routers[node].role() != Role::Leaf;
                if self.alive[other] && passes && found.insert(other) {
                    left.push(other);
                }
            }
        }
        found
    }

    /// The way up from a node along preferred parents, the node itself first; it ends at a root, at a node without parent, or where
    /// it comes back.
    pub fn way_up(&self, node: usize) -> Vec<usize> {
        let mut way = vec![node];
        while let Some(parent) = self.routers[way[way.len() - 1]].parent() {
            let parent = node_of(parent);
            let again = way.contains(&parent);
            way.push(parent);
            if again {
                break;
            }
        }
        way
    }

    /// What all nodes have done.
    pub fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for counts in self.routers.iter().map(Router::counts) {
            all.dios += counts.dios;
            all.suppressed += counts.suppressed;
            all.dises += counts.dises;
            all.daos += counts.daos;
            all.dao_acks += counts.dao_acks;
            all.resets += counts.resets;
            all.parent_changes += counts.parent_changes;
            all.local_repairs += counts.local_repairs;
            all.global_repairs += counts.global_repairs;
            all.rank_errors += counts.rank_errors;
            all.forwarding_errors += counts.forwarding_errors;
        }
        all
    }
}
