//! Pairs of senders and receivers: all, one by one, or drawn at random.

use std::collections::BTreeMap;

use super::Resolver;
use super::split_mix::SplitMix64;
use crate::language::document::{Forwarding, OneByOne, Pairs, RandomPairs};
use crate::language::path::Path;
use crate::language::scenario::{Attachment, Destination, Endpoint, NodeId, Scenario};

/// Places in the lists of senders and of receivers.
pub(super) type Places = Vec<(u32, u32)>;

impl Resolver<'_> {
    /// The pairs of an entry of traffic; `None` if every sender sends to every receiver, or if something is wrong.
    pub(super) fn pairs(
        &mut self,
        pairs: Pairs,
        from: &[Endpoint],
        to: &[Destination],
        path: &Path,
        scenario: &Scenario,
    ) -> Option<Places> {
        let path = path.key("pairs");
        match pairs {
            Pairs::All => None,
            Pairs::OneByOne(dealt) => self.one_by_one(dealt, from, to, &path, scenario),
            Pairs::Random(random) => {
                let path = path.key("random");
                self.flow_count(random.flows, &path, scenario)?;
                let found = draw(random, from, to, scenario);
                if found.is_none() {
                    let far = random.hops.map_or(String::new(), |hops| format!(" {hops} links from it"));
                    let onward = if random.onward { " with a higher number" } else { "" };
                    let message = format!("a thousand draws found no sender with a receiver{far}{onward}");
                    self.error_with_help(path, message, "ask for fewer `hops`, or name more nodes");
                }
                found
            }
        }
    }

    fn one_by_one(
        &mut self,
        dealt: OneByOne,
        from: &[Endpoint],
        to: &[Destination],
        path: &Path,
        scenario: &Scenario,
    ) -> Option<Places> {
        if from.len() != to.len() {
            let message = format!("{} senders and {} receivers make no pairs", from.len(), to.len());
            self.error_with_help(path.clone(), message, "name as many receivers as senders");
            return None;
        }
        let flows = dealt.flows.unwrap_or(from.len() as u64);
        self.flow_count(flows, &path.key("one-by-one"), scenario)?;
        let pairs = from.len() as u64;
        Some((0..flows).map(|flow| ((flow % pairs) as u32, (flow % pairs) as u32)).collect())
    }

    fn flow_count(&mut self, flows: u64, path: &Path, scenario: &Scenario) -> Option<()> {
        let path = path.key("flows");
        if flows == 0 {
            self.error(path, "there is nothing to send without a flow");
            return None;
        }
        self.has_room(&path, "flows", scenario.flows.len(), flows).then_some(())
    }
}

/// Draws a sender, then one of the receivers that suit it; a sender that none suits is drawn again.
fn draw(rule: RandomPairs, from: &[Endpoint], to: &[Destination], scenario: &Scenario) -> Option<Places> {
    let mut random = SplitMix64(rule.seed);
    let mut walk = rule.hops.map(|_| Walk::new(scenario));
    let mut places: BTreeMap<NodeId, Vec<u32>> = BTreeMap::new();
    for (place, receiver) in to.iter().enumerate() {
        if let Destination::Node(end) = receiver {
            places.entry(end.node).or_default().push(place as u32);
        }
    }
    let mut pairs = Places::new();
    for _ in 0..rule.flows {
        let drawn = (0..TRIES_MAX).find_map(|_| {
            let sender = random.below(from.len() as u64) as usize;
            let node = from[sender].node;
            let suits = |other: NodeId| other != node && (!rule.onward || other > node);
            let receiver = match (&mut walk, rule.hops) {
                (Some(walk), Some(hops)) => {
                    let reached = walk.at_distance(node, hops).iter().filter(|other| suits(**other));
                    let suited: Vec<u32> =
                        reached.filter_map(|other| places.get(other)).flatten().copied().collect();
                    let at = random.below(suited.len() as u64) as usize;
                    suited.get(at).copied()?
                }
                _ => {
                    let place = random.below(to.len() as u64) as usize;
                    let Destination::Node(end) = to[place] else { return None };
                    suits(end.node).then_some(place as u32)?
                }
            };
            Some((sender as u32, receiver))
        });
        pairs.push(drawn?);
    }
    Some(pairs)
}

/// Finds the nodes that are so many links away.
struct Walk<'a> {
    scenario: &'a Scenario,
    /// The nodes on each medium.
    on_medium: Vec<Vec<NodeId>>,
    /// The number of the last walk that has been at each node.
    seen: Vec<u32>,
    walks: u32,
    reached: Vec<NodeId>,
}

impl<'a> Walk<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let mut on_medium = vec![Vec::new(); scenario.media.len()];
        for interface in &scenario.interfaces {
            if let Attachment::Medium(medium) = interface.attached {
                on_medium[medium.0 as usize].push(interface.node);
            }
        }
        let seen = vec![0; scenario.node_count() as usize];
        Self { scenario, on_medium, seen, walks: 0, reached: Vec::new() }
    }

    /// The nodes whose shortest way from `start` has `hops` links, in order of their numbers. Packets pass through
    /// no node that does not forward.
    fn at_distance(&mut self, start: NodeId, hops: u32) -> &[NodeId] {
        self.walks += 1;
        self.seen[start.0 as usize] = self.walks;
        self.reached = vec![start];
        for hop in 0..hops {
            let last = std::mem::take(&mut self.reached);
            let passing = last
                .into_iter()
                .filter(|node| hop == 0 || self.scenario.group_of(*node).forwarding != Forwarding::Off);
            for node in passing.collect::<Vec<_>>() {
                self.step(node);
            }
        }
        self.reached.sort_unstable();
        &self.reached
    }

    fn step(&mut self, node: NodeId) {
        for (id, interface) in self.scenario.interfaces_of(node) {
            match interface.attached {
                Attachment::None => {}
                Attachment::Link(link, _) => {
                    let ends = self.scenario.links[link.0 as usize].ends;
                    let other = if ends[0] == id { ends[1] } else { ends[0] };
                    visit(&mut self.seen, &mut self.reached, self.walks, self.scenario.interface(other).node);
                }
                Attachment::Medium(medium) => {
                    for other in &self.on_medium[medium.0 as usize] {
                        visit(&mut self.seen, &mut self.reached, self.walks, *other);
                    }
                }
            }
        }
    }
}

fn visit(seen: &mut [u32], reached: &mut Vec<NodeId>, walk: u32, node: NodeId) {
    let last = &mut seen[node.0 as usize];
    if *last != walk {
        *last = walk;
        reached.push(node);
    }
}

/// How often a sender is drawn before the pair is given up.
const TRIES_MAX: u32 = 1000;
