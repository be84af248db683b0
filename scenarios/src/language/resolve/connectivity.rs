//! Whether a packet can get from each sender to its receiver at all, faults left aside.

use std::collections::BTreeSet;

use super::{Resolver, section};
use crate::language::document::Forwarding;
use crate::language::scenario::{Attachment, Destination, Endpoint, NodeId, Scenario};

/// Sets of interfaces and media that reach each other (union by path halving).
struct Reach {
    parent: Vec<u32>,
}

impl Reach {
    fn new(size: usize) -> Self {
        Self { parent: (0..size as u32).collect() }
    }

    fn root(&mut self, mut at: u32) -> u32 {
        while self.parent[at as usize] != at {
            let above = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = above;
            at = above;
        }
        at
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a as usize] = b;
    }
}

impl Resolver<'_> {
    /// Finds flows whose two ends no path joins; `numbers` are those of the entries of traffic in the file.
    pub(super) fn connectivity(&mut self, scenario: &Scenario, numbers: &[usize]) {
        let mut reach = reach(scenario);
        let mut told = BTreeSet::new();
        let (mut here, mut there) = (Sets::default(), Sets::default());
        for flow in &scenario.flows {
            let Destination::Node(to) = flow.to else { continue };
            if told.contains(&flow.traffic) {
                continue;
            }
            let there = there.of(scenario, &mut reach, to);
            if here.of(scenario, &mut reach, flow.from).iter().any(|root| there.binary_search(root).is_ok()) {
                continue;
            }
            told.insert(flow.traffic);
            let silent = [flow.from.node, to.node]
                .into_iter()
                .find(|node| scenario.interfaces_of(*node).all(|(_, one)| one.attached == Attachment::None));
            let (from, to) = (scenario.node_name(flow.from.node), scenario.node_name(to.node));
            let help = match silent {
                Some(node) => {
                    format!("nothing is attached to `{}`: add a link or a medium", scenario.node_name(node))
                }
                None => "add a link, or check `forwarding` of the nodes between them".to_owned(),
            };
            let path = section("traffic").index(numbers[flow.traffic as usize]).key("to");
            self.error_with_help(path, format!("no path leads from `{from}` to `{to}`"), help);
        }
    }
}

fn reach(scenario: &Scenario) -> Reach {
    let interfaces = scenario.interfaces.len();
    let mut reach = Reach::new(interfaces + scenario.media.len());
    for link in &scenario.links {
        reach.join(link.ends[0].0, link.ends[1].0);
    }
    let mut previous: Option<(NodeId, u32)> = None;
    for (at, interface) in scenario.interfaces.iter().enumerate() {
        let at = at as u32;
        if let Attachment::Medium(medium) = interface.attached {
            reach.join(at, interfaces as u32 + medium.0);
        }
        let forwards = scenario.group_of(interface.node).forwarding != Forwarding::Off;
        if let Some((node, before)) = previous
            && node == interface.node
            && forwards
        {
            reach.join(before, at);
        }
        previous = Some((interface.node, at));
    }
    reach
}

/// The sets that an end of a flow belongs to, kept for the next flow of the same end: a hub has one interface, and one
/// flow, for each of thousands.
#[derive(Default)]
struct Sets {
    end: Option<Endpoint>,
    roots: Vec<u32>,
}

impl Sets {
    fn of(&mut self, scenario: &Scenario, reach: &mut Reach, end: Endpoint) -> &[u32] {
        if self.end != Some(end) {
            let usable = scenario.interfaces_of(end.node).filter(|(id, one)| {
                one.attached != Attachment::None && end.interface.is_none_or(|wanted| wanted == *id)
            });
            self.roots = usable.map(|(id, _)| reach.root(id.0)).collect();
            self.roots.sort_unstable();
            self.roots.dedup();
            self.end = Some(end);
        }
        &self.roots
    }
}
