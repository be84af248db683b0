//! The links that topologies make.

use std::collections::BTreeSet;

use super::link::{NewLink, Wiring};
use super::node::{NODES_MAX, NodeIndex};
use super::split_mix::SplitMix64;
use super::{Resolver, section};
use crate::language::document::{Dumbbell, Random, Topology};
use crate::language::path::Path;
use crate::language::scenario::{NodeId, Scenario};

impl Resolver<'_> {
    /// Makes the links of all topologies.
    pub(super) fn topologies(&mut self, scenario: &mut Scenario, index: &NodeIndex, wiring: &mut Wiring) {
        for (name, rule) in self.document.topology.iter() {
            let path = section("topology").key(name);
            let group = match rule {
                Topology::Dumbbell(_) => format!("{name}-left[*]"),
                Topology::Chain(_) | Topology::Grid(_) | Topology::Star(_) | Topology::Random(_) => {
                    format!("{name}[*]")
                }
            };
            let Ok(nodes) = index.select(&group, &path, scenario) else { continue };
            let (first, count) = (nodes.first.0, nodes.count);
            let (pairs, template, at) = match rule {
                Topology::Chain(chain) => {
                    self.at_least_two(chain.nodes, &path.key("chain").key("nodes"));
                    let pairs = (1..count).map(|node| (node - 1, node)).collect();
                    (pairs, &chain.link, path.key("chain").key("link"))
                }
                Topology::Star(star) => {
                    self.at_least_two(star.nodes, &path.key("star").key("nodes"));
                    ((1..count).map(|node| (node, 0)).collect(), &star.link, path.key("star").key("link"))
                }
                Topology::Grid(grid) => {
                    if grid.nodes.is_some() && (grid.columns.is_some() || grid.rows.is_some()) {
                        let message = "`nodes` and `columns` with `rows` both say how large the grid is";
                        self.error_with_help(path.key("grid").key("nodes"), message, "leave one of them out");
                    }
                    let columns = u32::try_from(grid.size().0).unwrap_or(u32::MAX);
                    (grid_pairs(columns, count), &grid.link, path.key("grid").key("link"))
                }
                Topology::Random(random) => {
                    let path = path.key("random");
                    (self.random_pairs(random, &path), &random.link, path.key("link"))
                }
                Topology::Dumbbell(dumbbell) => {
                    self.dumbbell(scenario, wiring, name, dumbbell, first, &path.key("dumbbell"));
                    continue;
                }
            };
            let profile = self.template(scenario, template, &at);
            for (a, b) in pairs {
                let nodes = [NodeId(first + a), NodeId(first + b)];
                wiring.join(scenario, nodes, [None; 2], NewLink { name: None, profile });
            }
        }
    }

    fn at_least_two(&mut self, nodes: u64, path: &Path) {
        if nodes < 2 {
            self.error(path.clone(), format!("there is nothing to link with {nodes} nodes"));
        }
    }

    fn dumbbell(
        &mut self,
        scenario: &mut Scenario,
        wiring: &mut Wiring,
        name: &str,
        dumbbell: &Dumbbell,
        left: u32,
        path: &Path,
    ) {
        let pairs = u32::try_from(dumbbell.pairs.min(NODES_MAX)).expect("a million fits");
        let (right, routers) = (left + pairs, left + 2 * pairs);
        let access = self.template(scenario, &dumbbell.access, &path.key("access"));
        let bottleneck = self.template(scenario, &dumbbell.bottleneck, &path.key("bottleneck"));
        for pair in 0..pairs {
            let new = || NewLink { name: None, profile: access };
            wiring.join(scenario, [NodeId(left + pair), NodeId(routers)], [None; 2], new());
            wiring.join(scenario, [NodeId(right + pair), NodeId(routers + 1)], [None; 2], new());
        }
        let own = format!("{name}-bottleneck");
        self.claim_link_name(&own, path, wiring);
        let new = NewLink { name: Some(own.into_boxed_str()), profile: bottleneck };
        wiring.join(scenario, [NodeId(routers), NodeId(routers + 1)], [None; 2], new);
    }

    fn random_pairs(&mut self, random: &Random, path: &Path) -> Vec<(u32, u32)> {
        self.at_least_two(random.nodes, &path.key("nodes"));
        let nodes = random.nodes.min(NODES_MAX);
        let most = nodes * nodes.saturating_sub(1) / 2;
        let (links, at) = match (random.links, random.degree) {
            (Some(links), None) => (links, "links"),
            (None, Some(degree)) if degree.is_finite() && degree >= 0.0 => {
                // A link belongs to two nodes. Casts saturate, and the range is checked below.
                ((degree * nodes as f64 / 2.0).round() as u64, "degree")
            }
            (None, Some(_)) => (0, "degree"),
            (None, None) | (Some(_), Some(_)) => {
                let message = "a random network has either a number of links or a degree";
                self.error_with_help(path.clone(), message, "give `links` or `degree`, not both");
                return Vec::new();
            }
        };
        if links < nodes.saturating_sub(1) || links > most.min(LINKS_MAX) {
            let message = format!("{links} links cannot join {nodes} nodes");
            let help = format!("it takes {} to {} of them", nodes.saturating_sub(1), most.min(LINKS_MAX));
            self.error_with_help(path.key(at), message, help);
            return Vec::new();
        }
        draw_pairs(nodes as u32, links as usize, random.seed)
    }
}

/// Right and lower neighbours, row by row.
fn grid_pairs(columns: u32, count: u32) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    for node in 0..count {
        if columns > 1 && (node + 1) % columns != 0 && node + 1 < count {
            pairs.push((node, node + 1));
        }
        if columns > 0 && node.checked_add(columns).is_some_and(|below| below < count) {
            pairs.push((node, node + columns));
        }
    }
    pairs
}

/// A random recursive tree, then pairs that are not yet joined: connected, without double links.
fn draw_pairs(nodes: u32, links: usize, seed: u64) -> Vec<(u32, u32)> {
    let mut random = SplitMix64(seed);
    let mut taken = BTreeSet::new();
    let mut pairs = Vec::with_capacity(links);
    for node in 1..nodes {
        let pair = (random.below(u64::from(node)) as u32, node);
        taken.insert(pair);
        pairs.push(pair);
    }
    let most = u64::from(nodes) * u64::from(nodes - 1) / 2;
    if links as u64 * 2 > most {
        // Drawing from few free pairs would take long: shuffle them all (Fisher and Yates).
        let mut free: Vec<(u32, u32)> = (0..nodes)
            .flat_map(|a| (a + 1..nodes).map(move |b| (a, b)))
            .filter(|pair| !taken.contains(pair))
            .collect();
        while pairs.len() < links && !free.is_empty() {
            let at = random.below(free.len() as u64) as usize;
            pairs.push(free.swap_remove(at));
        }
        return pairs;
    }
    while pairs.len() < links {
        let (a, b) = (random.below(u64::from(nodes)) as u32, random.below(u64::from(nodes)) as u32);
        let pair = (a.min(b), a.max(b));
        if a != b && taken.insert(pair) {
            pairs.push(pair);
        }
    }
    pairs
}

/// The most links of a random network.
const LINKS_MAX: u64 = 4_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_links_right_and_lower_neighbours() {
        // 0 1 2
        // 3 4 5
        assert_eq!(grid_pairs(3, 6), [(0, 1), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (4, 5)]);
    }

    #[test]
    fn a_random_network_is_the_same_for_the_same_seed_only() {
        assert_eq!(draw_pairs(50, 80, 1), draw_pairs(50, 80, 1));
        assert_ne!(draw_pairs(50, 80, 1), draw_pairs(50, 80, 2));
    }

    #[test]
    fn a_random_network_has_no_double_links_even_if_it_is_full() {
        for links in [9, 20, 45] {
            let pairs = draw_pairs(10, links, 7);
            let distinct: BTreeSet<_> = pairs.iter().collect();
            assert_eq!((pairs.len(), distinct.len()), (links, links));
            assert!(pairs.iter().all(|(a, b)| a < b && *b < 10));
        }
    }
}
