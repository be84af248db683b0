//! Interfaces that are joined to the outside, and the nodes that stand for a machine there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Resolver, section};
use crate::language::document::{NodeSettings, Services};
use crate::language::scenario::{Attachment, InterfaceId, InterfaceName, NodeId, Outlet, Scenario};

impl Resolver<'_> {
    /// Finds the interfaces with a TUN device.
    pub(super) fn outlets(&mut self, scenario: &mut Scenario) {
        let document = self.document;
        let mut taken: BTreeMap<&str, String> = BTreeMap::new();
        let mut outlets = Vec::new();
        for (name, settings) in document.nodes.iter() {
            if settings.interfaces.iter().all(|(_, interface)| interface.tun.is_none()) {
                continue;
            }
            let Some(group) = scenario.groups.iter().find(|group| group.name == *name) else { continue };
            let node = group.first;
            self.check_outside_node(name, settings, group.indexed, scenario, node);
            for (number, (interface, settings)) in settings.interfaces.iter().enumerate() {
                let Some(tun) = &settings.tun else { continue };
                let path = section("nodes").key(name).key("interfaces").key(interface).key("tun");
                if !is_device_name(tun) {
                    let help = "1 to 15 letters, digits, `-`, `_` and `.`, such as \"nj0\"";
                    self.error_with_help(path.clone(), "this cannot be the name of a device", help);
                }
                if let Some(other) = taken.insert(tun, format!("{name}/{interface}")) {
                    self.error(path.clone(), format!("`{other}` is joined to `{tun}` already"));
                }
                let Some((id, found)) = interface_of(scenario, node, number) else { continue };
                if found == Attachment::None {
                    let help = format!("name it in a link, as \"{name}/{interface}\", or give it a `medium`");
                    self.error_with_help(path, "the interface is attached to nothing", help);
                }
                outlets.push(Outlet { interface: id, node, tun: tun.clone() });
            }
        }
        outlets.sort_by_key(|outlet| outlet.interface);
        scenario.outlets = outlets;
    }

    /// A node outside is wholly outside: nothing that is simulated can be said of it.
    fn check_outside_node(
        &mut self,
        name: &str,
        settings: &NodeSettings,
        indexed: bool,
        scenario: &Scenario,
        node: NodeId,
    ) {
        let path = section("nodes").key(name);
        if indexed {
            let message = format!("`{name}` stands for one machine outside, not for a group");
            return self.error_with_help(path, message, "leave `count` out");
        }
        for (interface, settings) in settings.interfaces.iter() {
            if settings.tun.is_none() {
                let message =
                    format!("`{name}` stands for a machine outside, but this interface has no `tun`");
                self.error(path.key("interfaces").key(interface), message);
            }
        }
        if scenario.interfaces_of(node).any(|(_, one)| matches!(one.name, InterfaceName::Automatic(_))) {
            let message =
                format!("a link of `{name}`, which stands for a machine outside, names no interface of it");
            self.error_with_help(path.clone(), message, format!("write \"{name}/INTERFACE\" in the link"));
        }
        if settings.services != Services::default() {
            let message =
                format!("`{name}` stands for a machine outside: what it offers is not for this file to say");
            self.error_with_help(path.key("services"), message, "leave `services` out");
        }
        if !settings.multicast.is_empty() {
            let message =
                format!("`{name}` stands for a machine outside: groups of the simulation end before it");
            self.error_with_help(path.key("multicast"), message, "leave `multicast` out");
        }
    }

    /// Refuses traffic that would begin outside; `numbers` are those of the entries of traffic in the file.
    pub(super) fn check_senders_inside(&mut self, scenario: &Scenario, numbers: &[usize]) {
        let mut told = BTreeSet::new();
        for flow in scenario.flows.iter().filter(|flow| scenario.is_outside(flow.from.node)) {
            if told.insert(flow.traffic) {
                let name = scenario.node_name(flow.from.node);
                let path = section("traffic").index(numbers[flow.traffic as usize]).key("from");
                let message =
                    format!("`{name}` stands for a machine outside: no simulated traffic begins there");
                self.error(path, message);
            }
        }
    }
}

fn interface_of(scenario: &Scenario, node: NodeId, number: usize) -> Option<(InterfaceId, Attachment)> {
    let declared = InterfaceName::Declared(u16::try_from(number).ok()?);
    let found = scenario.interfaces_of(node).find(|(_, one)| one.name == declared);
    found.map(|(id, one)| (id, one.attached))
}

/// Whether the kernel takes `name` for a device (Linux: `dev_valid_name`, IFNAMSIZ is 16 with the zero behind it).
fn is_device_name(name: &str) -> bool {
    let fits = (1..=15).contains(&name.len()) && name != "." && name != "..";
    fits && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
