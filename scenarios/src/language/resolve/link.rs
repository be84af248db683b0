//! Interfaces, media and links: what is joined to what.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{NodeIndex, Selection};
use super::{Resolver, section};
use crate::language::diagnostic::Finding;
use crate::language::document::{LinkSettings, LinkTemplate};
use crate::language::nearest::suggestion;
use crate::language::path::Path;
use crate::language::scenario::{
    Address, Attachment, Interface, InterfaceId, InterfaceName, Link, LinkId, LinkProfile, MediumId, NodeId,
    Scenario,
};

mod checks;

pub(super) use checks::{above_zero, check, check_limit, check_loss, check_rate};

/// Interfaces while they are made, in the order in which they are met.
#[derive(Default)]
pub(super) struct Wiring {
    made: Vec<Interface>,
    /// The addresses that the file gives, by the number in `made`.
    addresses: BTreeMap<u32, Box<[Address]>>,
    /// The number in `made` of a node's declared interface.
    declared: BTreeMap<(NodeId, u16), u32>,
    /// The next number to try for `eth0`, by node.
    next: BTreeMap<NodeId, u32>,
    repeats: BTreeMap<(NodeId, NodeId), u32>,
    names: BTreeSet<String>,
}

impl Wiring {
    /// Puts the interfaces in the order of their nodes and lets all links point to their new places.
    pub(super) fn finish(self, scenario: &mut Scenario) {
        let mut order: Vec<u32> = (0..self.made.len() as u32).collect();
        order.sort_by_key(|&at| self.made[at as usize].node);
        let mut places = vec![0; order.len()];
        for (place, &at) in order.iter().enumerate() {
            places[at as usize] = place as u32;
        }
        for link in &mut scenario.links {
            link.ends = link.ends.map(|end| InterfaceId(places[end.0 as usize]));
        }
        let mut interfaces = self.made;
        interfaces.sort_by_key(|interface| interface.node);
        interfaces.shrink_to_fit();
        scenario.interfaces = interfaces;
        let placed = self.addresses.into_iter().map(|(at, list)| (InterfaceId(places[at as usize]), list));
        scenario.addresses = placed.collect();
        scenario.links.shrink_to_fit();
    }

    /// Joins two nodes; the numbers of an interface that an end names are those in `made`.
    pub(super) fn join(
        &mut self,
        scenario: &mut Scenario,
        nodes: [NodeId; 2],
        named: [Option<u32>; 2],
        link: NewLink,
    ) {
        let id = LinkId(scenario.links.len() as u32);
        let mut ends = [InterfaceId(0); 2];
        for side in 0..2 {
            let at = named[side].unwrap_or_else(|| self.automatic(scenario, nodes[side]));
            self.made[at as usize].attached = Attachment::Link(id, side as u8);
            ends[side] = InterfaceId(at);
        }
        let mut repeat = 1;
        if link.name.is_none() {
            let count = self.repeats.entry((nodes[0], nodes[1])).or_insert(0);
            *count += 1;
            repeat = *count;
        }
        scenario.links.push(Link { name: link.name, repeat, ends, profile: link.profile });
    }

    fn automatic(&mut self, scenario: &Scenario, node: NodeId) -> u32 {
        let names = &scenario.group_of(node).interface_names;
        let next = self.next.entry(node).or_insert(0);
        while !names.is_empty() && names.contains(&format!("eth{next}")) {
            *next += 1;
        }
        let name = InterfaceName::Automatic(*next);
        *next += 1;
        let interface = Interface { node, name, attached: Attachment::None, mtu: None, up: true };
        self.made.push(interface);
        self.made.len() as u32 - 1
    }
}

/// A link that is about to be made.
pub(super) struct NewLink {
    pub(super) name: Option<Box<str>>,
    pub(super) profile: u32,
}

impl Resolver<'_> {
    /// Makes the interfaces that the file declares.
    pub(super) fn declared_interfaces(&mut self, scenario: &mut Scenario, wiring: &mut Wiring) {
        let groups: Vec<_> =
            scenario.groups.iter().map(|group| (group.name.clone(), group.first, group.count)).collect();
        for (name, first, count) in groups {
            let Some(settings) = self.document.nodes.get(&name) else { continue };
            let path = section("nodes").key(&name).key("interfaces");
            for (number, (interface, settings)) in settings.interfaces.iter().enumerate() {
                let path = path.key(interface);
                if interface.is_empty() || interface.contains('/') {
                    self.error(path.clone(), "the name of an interface has at least one letter and no `/`");
                }
                let attached = match &settings.medium {
                    None => Attachment::None,
                    Some(medium) => self.medium(medium, &path.key("medium"), scenario),
                };
                let addresses = self.read_addresses(settings, &path.key("address"), count, scenario);
                if !self.has_room(&path, "interfaces", wiring.made.len(), u64::from(count)) {
                    return;
                }
                for node in first.0..first.0 + count {
                    let place = wiring.made.len() as u32;
                    wiring.declared.insert((NodeId(node), number as u16), place);
                    if !addresses.is_empty() {
                        wiring.addresses.insert(place, addresses.clone().into_boxed_slice());
                    }
                    wiring.made.push(Interface {
                        node: NodeId(node),
                        name: InterfaceName::Declared(number as u16),
                        attached,
                        mtu: settings.mtu.map(|mtu| mtu.as_bytes() as u32),
                        up: settings.up.unwrap_or(true),
                    });
                }
            }
        }
    }

    fn medium(&mut self, name: &str, path: &Path, scenario: &Scenario) -> Attachment {
        if let Some(at) = scenario.media.iter().position(|medium| medium.name == name) {
            return Attachment::Medium(MediumId(at as u32));
        }
        let finding = Finding::error(path.clone(), format!("there is no medium `{name}`"));
        let near = suggestion(name, self.document.media.names());
        let help =
            near.unwrap_or_else(|| format!("add `\"media\": {{ \"{name}\": {{ \"ethernet\": {{}} }} }}`"));
        self.findings.push(finding.help(help));
        Attachment::None
    }

    /// Makes the links that the file lists.
    pub(super) fn links(&mut self, scenario: &mut Scenario, index: &NodeIndex, wiring: &mut Wiring) {
        for (number, settings) in self.document.links.iter().enumerate() {
            let path = section("links").index(number);
            let ends = settings.between.located(&path.key("between"));
            let [(path_a, a), (path_b, b)] = ends.as_slice() else {
                let message = format!("a link has two ends, not {}", ends.len());
                self.error_with_help(path.key("between"), message, "\"between\": [\"a\", \"b\"]");
                continue;
            };
            let a = index.select(a, path_a, scenario);
            let b = index.select(b, path_b, scenario);
            match (a, b) {
                (Ok(a), Ok(b)) => self.link(scenario, wiring, settings, &path, [a, b]),
                (a, b) => self.findings.extend([a.err(), b.err()].into_iter().flatten()),
            }
        }
    }

    fn link(
        &mut self,
        scenario: &mut Scenario,
        wiring: &mut Wiring,
        settings: &LinkSettings,
        path: &Path,
        ends: [Selection<'_>; 2],
    ) {
        let between = path.key("between");
        let [a, b] = ends;
        if a.all && b.all && a.count != b.count {
            let message = format!("{} nodes cannot be joined to {} one by one", a.count, b.count);
            self.error_with_help(between, message, "name one node at one end, or groups of the same size");
            return;
        }
        let count = a.count.max(b.count);
        if let Some(name) = &settings.name {
            if count > 1 {
                let message = format!("one name for {count} links");
                self.error_with_help(
                    path.key("name"),
                    message,
                    "leave `name` out: each is called after its ends",
                );
            }
            self.claim_link_name(name, &path.key("name"), wiring);
        }
        if !self.has_room(path, "links", scenario.links.len(), u64::from(count)) {
            return;
        }
        let profile = self.profile(scenario, settings, path);
        for step in 0..count {
            let nodes = [a, b].map(|end| NodeId(end.first.0 + if end.count > 1 { step } else { 0 }));
            if nodes[0] == nodes[1] {
                let message = format!("the link joins `{}` to itself", scenario.node_name(nodes[0]));
                self.error(between.clone(), message);
                return;
            }
            let mut named = [None; 2];
            for (side, end) in [a, b].into_iter().enumerate() {
                let Some(interface) = end.interface else { continue };
                match claim(scenario, wiring, nodes[side], interface) {
                    Ok(at) => named[side] = Some(at),
                    Err((message, help)) => {
                        self.findings.push(Finding::error(between.index(side), message).maybe_help(help));
                        return;
                    }
                }
            }
            let name = settings.name.clone().map(String::into_boxed_str);
            wiring.join(scenario, nodes, named, NewLink { name, profile });
        }
    }

    /// Takes a name for a link, once.
    pub(super) fn claim_link_name(&mut self, name: &str, path: &Path, wiring: &mut Wiring) {
        if name.is_empty() {
            self.error(path.clone(), "a name has at least one letter");
        } else if !wiring.names.insert(name.to_owned()) {
            self.error(path.clone(), format!("a second link is called `{name}`"));
        }
    }

    fn profile(&mut self, scenario: &mut Scenario, settings: &LinkSettings, path: &Path) -> u32 {
        let general = settings.direction();
        let directions = self.directions(&general, [&settings.forward, &settings.backward], path);
        scenario.profiles.push(LinkProfile {
            mtu: settings.mtu.map_or(MTU_DEFAULT, |mtu| mtu.as_bytes() as u32),
            framing: settings.framing,
            cost: settings.cost.unwrap_or(1),
            down: settings.down,
            directions,
        });
        scenario.profiles.len() as u32 - 1
    }

    /// The profile of links that a topology makes.
    pub(super) fn template(&mut self, scenario: &mut Scenario, settings: &LinkTemplate, path: &Path) -> u32 {
        let general = settings.direction();
        let directions = self.directions(&general, [&settings.forward, &settings.backward], path);
        scenario.profiles.push(LinkProfile {
            mtu: settings.mtu.map_or(MTU_DEFAULT, |mtu| mtu.as_bytes() as u32),
            framing: settings.framing,
            cost: settings.cost.unwrap_or(1),
            down: false,
            directions,
        });
        scenario.profiles.len() as u32 - 1
    }
}

fn claim(
    scenario: &Scenario,
    wiring: &mut Wiring,
    node: NodeId,
    interface: &str,
) -> Result<u32, (String, Option<String>)> {
    let names = &scenario.group_of(node).interface_names;
    let Some(number) = names.iter().position(|name| name == interface) else {
        let message = format!("`{}` has no interface `{interface}`", scenario.node_name(node));
        let near = suggestion(interface, names.iter().map(String::as_str));
        return Err((message, near.or_else(|| Some("declare it under the node's `interfaces`".to_owned()))));
    };
    let at = wiring.declared[&(node, number as u16)];
    match wiring.made[at as usize].attached {
        Attachment::None => Ok(at),
        Attachment::Medium(medium) => {
            let medium = &scenario.media[medium.0 as usize].name;
            Err((format!("the interface `{interface}` is attached to the medium `{medium}` already"), None))
        }
        Attachment::Link(..) => {
            Err((format!("the interface `{interface}` is at the end of another link already"), None))
        }
    }
}

/// The payload of an Ethernet frame (IEEE 802.3 §3.2.7).
const MTU_DEFAULT: u32 = 1500;
