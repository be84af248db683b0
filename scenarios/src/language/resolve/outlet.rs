//! Interfaces that are joined to the outside, and the nodes that stand for a machine there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::{Resolver, section};
use crate::language::document::{InterfaceSettings, NodeSettings, Services, SocketSettings};
use crate::language::path::Path;
use crate::language::scenario::{
    Attachment, Binding, Carrier, InterfaceId, InterfaceName, Joint, NodeId, Outlet, Scenario, Side,
};

impl Resolver<'_> {
    /// Finds the interfaces with a TUN device or sockets.
    pub(super) fn outlets(&mut self, scenario: &mut Scenario) {
        let document = self.document;
        let mut taken: BTreeMap<&str, String> = BTreeMap::new();
        let mut outlets = Vec::new();
        for (name, settings) in document.nodes.iter() {
            if settings.interfaces.iter().all(|(_, interface)| !is_joined(interface)) {
                continue;
            }
            let Some(group) = scenario.groups.iter().find(|group| group.name == *name) else { continue };
            let node = group.first;
            self.check_outside_node(name, settings, group.indexed, scenario, node);
            for (number, (interface, settings)) in settings.interfaces.iter().enumerate() {
                let path = section("nodes").key(name).key("interfaces").key(interface);
                let (path, joint) = match &settings.tun {
                    Some(_) if !settings.sockets.is_empty() => {
                        let message = "the interface is joined by a TUN device already";
                        self.error_with_help(path.key("sockets"), message, "give it a `tun` or `sockets`");
                        continue;
                    }
                    Some(tun) => {
                        self.check_device(tun, &format!("{name}/{interface}"), &path.key("tun"), &mut taken);
                        (path.key("tun"), Joint::Tun(tun.clone()))
                    }
                    None if settings.sockets.is_empty() => continue,
                    None => {
                        (path.key("sockets"), Joint::Sockets(self.bindings(settings, &path.key("sockets"))))
                    }
                };
                let Some((id, found)) = interface_of(scenario, node, number) else { continue };
                if found == Attachment::None {
                    let help = format!("name it in a link, as \"{name}/{interface}\", or give it a `medium`");
                    self.error_with_help(path, "the interface is attached to nothing", help);
                }
                outlets.push(Outlet { interface: id, node, joint });
            }
        }
        outlets.sort_by_key(|outlet| outlet.interface);
        scenario.outlets = outlets;
    }

    fn check_device<'a>(
        &mut self,
        tun: &'a str,
        owner: &str,
        path: &Path,
        taken: &mut BTreeMap<&'a str, String>,
    ) {
        if !is_device_name(tun) {
            let help = "1 to 15 letters, digits, `-`, `_` and `.`, such as \"nj0\"";
            self.error_with_help(path.clone(), "this cannot be the name of a device", help);
        }
        if let Some(other) = taken.insert(tun, owner.to_owned()) {
            self.error(path.clone(), format!("`{other}` is joined to `{tun}` already"));
        }
    }

    fn bindings(&mut self, settings: &InterfaceSettings, path: &Path) -> Vec<Binding> {
        let sockets = settings.sockets.iter().enumerate();
        sockets.filter_map(|(number, socket)| self.binding(socket, &path.index(number))).collect()
    }

    fn binding(&mut self, settings: &SocketSettings, path: &Path) -> Option<Binding> {
        let (carrier, entry, socket) = match (&settings.udp, &settings.tcp) {
            (Some(socket), None) => (Carrier::Udp, "udp", socket),
            (None, Some(socket)) => (Carrier::Tcp, "tcp", socket),
            (Some(_), Some(_)) | (None, None) => {
                self.error_with_help(path.clone(), "a socket has one protocol", "give `udp` or `tcp`");
                return None;
            }
        };
        let socket = self.socket_address(socket, &path.key(entry))?;
        let side = match (&settings.to, settings.from) {
            (Some(to), None) => Side::To(self.socket_address(to, &path.key("to"))?),
            (None, Some(port)) if port > 0 => Side::From(port),
            (None, Some(_)) => {
                self.error(path.key("from"), "no port has the number 0");
                return None;
            }
            (Some(_), Some(_)) | (None, None) => {
                let help =
                    "give `to`, an address and port of the simulation, or `from`, a port of this interface";
                self.error_with_help(path.clone(), "a socket has one other side", help);
                return None;
            }
        };
        Some(Binding { carrier, socket, side })
    }

    fn socket_address(&mut self, text: &str, path: &Path) -> Option<SocketAddr> {
        let address = text.parse().ok();
        if address.is_none() {
            let help = "such as \"127.0.0.1:5683\" or \"[fd77::2]:7\"";
            self.error_with_help(path.clone(), "this is no address with a port", help);
        }
        address
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
            if !is_joined(settings) {
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

fn is_joined(interface: &InterfaceSettings) -> bool {
    interface.tun.is_some() || !interface.sockets.is_empty()
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
