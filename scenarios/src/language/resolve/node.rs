//! Nodes and groups, and the texts that select them.

use std::collections::BTreeMap;

use super::{Resolver, section};
use crate::language::diagnostic::Finding;
use crate::language::document::{self, NodeSettings, Topology};
use crate::language::nearest::suggestion;
use crate::language::path::Path;
use crate::language::scenario::{Medium, MediumSettings, NodeGroup, NodeId, OwnRadio, Scenario};

/// The groups by name.
#[derive(Default)]
pub(super) struct NodeIndex {
    groups: BTreeMap<String, usize>,
}

/// Some nodes of one group, and perhaps one of their interfaces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection<'a> {
    /// The first node.
    pub(super) first: NodeId,
    /// How many.
    pub(super) count: u32,
    /// True for `[*]`.
    pub(super) all: bool,
    /// The text after the slash.
    pub(super) interface: Option<&'a str>,
}

impl Selection<'_> {
    /// The nodes.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (self.first.0..self.first.0 + self.count).map(NodeId)
    }
}

impl NodeIndex {
    /// Reads "server", "sensor[3]", "sensor[*]" or "server/eth0".
    pub(super) fn select<'a>(
        &self,
        text: &'a str,
        path: &Path,
        scenario: &Scenario,
    ) -> Result<Selection<'a>, Finding> {
        let (node, interface) = match text.split_once('/') {
            Some((node, interface)) => (node, Some(interface)),
            None => (text, None),
        };
        let (name, inside) = match node.strip_suffix(']').and_then(|open| open.split_once('[')) {
            Some((name, inside)) => (name, Some(inside)),
            None => (node, None),
        };
        let Some(&at) = self.groups.get(name) else {
            let shown = crate::language::quantity::shorten(name);
            let finding = Finding::error(path.clone(), format!("there is no node `{shown}`"));
            let near = suggestion(name, self.groups.keys().map(String::as_str));
            return Err(finding.help(near.unwrap_or_else(|| "the file has no nodes".to_owned())));
        };
        let group = &scenario.groups[at];
        let (first, count, all) = match inside {
            Some("*") => (group.first, group.count, true),
            None if !group.indexed => (group.first, 1, false),
            None => {
                let message = format!("`{name}` is a group of {} nodes", group.count);
                let help = format!("write `{name}[0]` for one of them, `{name}[*]` for all");
                return Err(Finding::error(path.clone(), message).help(help));
            }
            Some(inside) if !group.indexed => {
                let message = format!("`{name}` is one node, not a group: `[{inside}]` selects nothing");
                return Err(Finding::error(path.clone(), message).help(format!("write `{name}`")));
            }
            Some(inside) => match inside.parse::<u32>() {
                Ok(number) if number < group.count => (NodeId(group.first.0 + number), 1, false),
                Ok(number) => {
                    let message = format!("there is no `{name}[{number}]`");
                    let help = format!(
                        "the group has {} nodes, numbered from 0 to {}",
                        group.count,
                        group.count - 1
                    );
                    return Err(Finding::error(path.clone(), message).help(help));
                }
                Err(_) => {
                    let message =
                        format!("`{}` is no number of a node", crate::language::quantity::shorten(inside));
                    let help = format!("write `{name}[0]` for one node, `{name}[*]` for all");
                    return Err(Finding::error(path.clone(), message).help(help));
                }
            },
        };
        Ok(Selection { first, count, all, interface })
    }
}

impl Resolver<'_> {
    /// Numbers all nodes: those of `nodes`, then those of `topology`.
    pub(super) fn nodes(&mut self, scenario: &mut Scenario) -> NodeIndex {
        let document = self.document;
        let mut index = NodeIndex::default();
        let made: Vec<(String, u64, bool, Path)> =
            document.topology.iter().flat_map(|(name, rule)| made_groups(name, rule)).collect();
        for (name, settings) in document.nodes.iter() {
            let path = section("nodes").key(name);
            self.check_name(name, &path);
            if made.iter().any(|(other, ..)| other == name) {
                if settings.count.is_some() {
                    let message =
                        format!("`{name}` is made by a rule under `topology`, which counts its nodes");
                    self.error_with_help(path.key("count"), message, "leave `count` out");
                }
                continue;
            }
            let count = settings.count.unwrap_or(1);
            self.check_count(count, &path.key("count"));
            let indexed = settings.count.is_some();
            add_group(scenario, &mut index, name, count, indexed, Some(settings));
            self.set_movement(scenario, settings, &path);
        }
        for (name, count, indexed, path) in made {
            self.check_name(&name, &path);
            self.check_count(count, &path);
            if index.groups.contains_key(&name) {
                self.error(path, format!("a second group is called `{name}`"));
                continue;
            }
            let settings = document.nodes.get(&name);
            add_group(scenario, &mut index, &name, count, indexed, settings);
            if let Some(settings) = settings {
                self.set_movement(scenario, settings, &section("nodes").key(&name));
            }
        }
        if scenario.groups.is_empty() && self.findings.is_empty() {
            let finding = Finding::error(Path::root(), "the scenario has no nodes");
            self.findings
                .push(finding.help("add `\"nodes\": { \"a\": {}, \"b\": {} }` or a rule under `topology`"));
        }
        let total: u64 = scenario.groups.iter().map(|group| u64::from(group.count)).sum();
        if total > NODES_MAX {
            let message = format!("the scenario has {total} nodes, at most {NODES_MAX} are possible");
            self.error(section("nodes"), message);
        }
        index
    }

    /// Numbers the media.
    pub(super) fn media(&mut self, scenario: &mut Scenario, index: &NodeIndex) {
        for (name, medium) in self.document.media.iter() {
            self.check_name(name, &section("media").key(name));
            let path = section("media").key(name);
            let settings = match medium {
                document::Medium::Ethernet(settings) => {
                    let mut settings = settings.clone();
                    self.load_loss(settings.loss.as_mut(), &path.key("ethernet").key("loss"));
                    MediumSettings::Ethernet(settings)
                }
                document::Medium::Ieee802154(settings) => {
                    let losses = self.link_losses(settings, &path.key("802.15.4"), scenario, index);
                    MediumSettings::Radio(settings.clone(), losses)
                }
            };
            let traced = match medium {
                document::Medium::Ethernet(_) => Vec::new(),
                document::Medium::Ieee802154(settings) => {
                    self.traced_levels(settings, &path.key("802.15.4"), scenario, index)
                }
            };
            let (roots, claims) = (Vec::new(), Vec::new());
            scenario.media.push(Medium { name: name.to_owned(), settings, roots, claims, traced });
        }
    }

    /// Reads how the nodes of the last group move.
    fn set_movement(&mut self, scenario: &mut Scenario, settings: &NodeSettings, path: &Path) {
        if let Some(group) = scenario.groups.last_mut() {
            group.movement = self.movement(&group.name, group.count, settings, path);
        }
    }

    fn check_count(&mut self, count: u64, path: &Path) {
        if count == 0 || count > NODES_MAX {
            self.error(path.clone(), format!("a group has 1 to {NODES_MAX} nodes, not {count}"));
        }
    }

    fn check_name(&mut self, name: &str, path: &Path) {
        let first = name.chars().next().is_some_and(|first| first.is_alphanumeric() || first == '_');
        if first && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.')) {
            return;
        }
        let finding = Finding::error(path.clone(), "this cannot be a name").at_key();
        self.findings
            .push(finding.help("names have letters, digits, `-`, `_` and `.`; a group is made by `count`"));
    }
}

/// The groups that a rule makes: name, count, whether numbered, and the path that says how many.
pub(super) fn made_groups(name: &str, rule: &Topology) -> Vec<(String, u64, bool, Path)> {
    let path = section("topology").key(name);
    let one = |count: u64, at: Path| vec![(name.to_owned(), count, true, at)];
    match rule {
        Topology::Chain(chain) => one(chain.nodes, path.key("chain").key("nodes")),
        Topology::Star(star) => one(star.nodes, path.key("star").key("nodes")),
        Topology::Random(random) => one(random.nodes, path.key("random").key("nodes")),
        Topology::Grid(grid) => {
            let (columns, rows) = grid.size();
            let at = if grid.nodes.is_some() {
                "nodes"
            } else if columns == 0 {
                "columns"
            } else {
                "rows"
            };
            one(columns.saturating_mul(rows), path.key("grid").key(at))
        }
        Topology::Dumbbell(dumbbell) => {
            let at = path.key("dumbbell").key("pairs");
            vec![
                (format!("{name}-left"), dumbbell.pairs, true, at.clone()),
                (format!("{name}-right"), dumbbell.pairs, true, at.clone()),
                (format!("{name}-router"), 2, true, at),
            ]
        }
    }
}

fn add_group(
    scenario: &mut Scenario,
    index: &mut NodeIndex,
    name: &str,
    count: u64,
    indexed: bool,
    settings: Option<&NodeSettings>,
) {
    let default = NodeSettings::default();
    let settings = settings.unwrap_or(&default);
    index.groups.insert(name.to_owned(), scenario.groups.len());
    scenario.groups.push(NodeGroup {
        name: name.to_owned(),
        first: NodeId(scenario.node_count()),
        // What is out of range has been reported; it must not be counted with.
        count: u32::try_from(count).unwrap_or(1).clamp(1, NODES_MAX as u32),
        indexed,
        forwarding: settings.forwarding,
        clock: settings.clock,
        multicast: settings.multicast.clone(),
        hop_limit: settings.hop_limit.unwrap_or(HOP_LIMIT_DEFAULT),
        interface_radios: settings.interfaces.iter().map(|(_, interface)| own_radio(interface)).collect(),
        place: settings.place.clone(),
        movement: None,
        icmp_errors: settings.icmp_errors.unwrap_or(true),
        services: settings.services.clone(),
        hardware: None,
        interface_names: settings.interfaces.names().map(str::to_owned).collect(),
    });
}

fn own_radio(interface: &document::InterfaceSettings) -> OwnRadio {
    OwnRadio { power: interface.power, channel: interface.channel }
}

/// The most nodes of a scenario.
pub(super) const NODES_MAX: u64 = 1_000_000;

/// The recommended time to live (RFC 1700, "IP time to live parameter").
const HOP_LIMIT_DEFAULT: u8 = 64;
