//! Routes that the file gives.

use super::address::read_prefix;
use super::node::NodeIndex;
use super::{Resolver, section};
use crate::language::diagnostic::Finding;
use crate::language::document::RouteSettings;
use crate::language::path::Path;
use crate::language::scenario::{
    Attachment, Endpoint, InterfaceId, NextHop, NodeId, Route, RouteTarget, Scenario,
};

impl Resolver<'_> {
    /// Reads all routes.
    pub(super) fn routes(&mut self, scenario: &mut Scenario, index: &NodeIndex) {
        let document = self.document;
        for (number, settings) in document.routes.iter().enumerate() {
            let path = section("routes").index(number);
            match self.route(settings, &path, scenario, index) {
                Ok(routes) => {
                    if !self.has_room(&path, "routes", scenario.routes.len(), routes.len() as u64) {
                        return;
                    }
                    scenario.routes.extend(routes);
                }
                Err(finding) => self.findings.push(finding),
            }
        }
    }

    fn route(
        &mut self,
        settings: &RouteSettings,
        path: &Path,
        scenario: &Scenario,
        index: &NodeIndex,
    ) -> Result<Vec<Route>, Finding> {
        let nodes = index.select(&settings.node, &path.key("node"), scenario)?;
        if nodes.interface.is_some() {
            let finding = Finding::error(path.key("node"), format!("`{}` is an interface", settings.node));
            return Err(finding.help("a route belongs to a node; `via` may name an interface"));
        }
        let to = target(&settings.to, &path.key("to"), scenario, index)?;
        let via_path = path.key("via");
        let via = index.select(&settings.via, &via_path, scenario)?;
        if via.all {
            return Err(Finding::error(via_path, "a route has one next hop"));
        }
        let mut routes = Vec::new();
        for node in nodes.nodes() {
            if to == RouteTarget::Node(node) {
                let message = format!("a route from `{}` to itself", scenario.node_name(node));
                return Err(Finding::error(path.key("to"), message));
            }
            let via = match via.interface {
                Some(interface) => {
                    if via.first != node {
                        let message =
                            format!("`{}` is not an interface of `{}`", settings.via, settings.node);
                        return Err(Finding::error(via_path, message).help("name the neighbour instead"));
                    }
                    NextHop::Interface(find_interface(scenario, node, interface, &via_path)?)
                }
                None if is_neighbour(scenario, node, via.first) => NextHop::Node(via.first),
                None => {
                    let message =
                        format!("`{}` is not a neighbour of `{}`", settings.via, scenario.node_name(node));
                    return Err(
                        Finding::error(via_path, message).help("the next hop is at the other end of a link")
                    );
                }
            };
            routes.push(Route { node, to, via });
        }
        Ok(routes)
    }

    /// The ends that a text such as "sensor[*]" or "a/eth0" names.
    pub(super) fn endpoints(
        &mut self,
        text: &str,
        path: &Path,
        scenario: &Scenario,
        index: &NodeIndex,
    ) -> Option<Vec<Endpoint>> {
        let ends = index.select(text, path, scenario).and_then(|selection| {
            let ends = selection.nodes().map(|node| {
                let interface = selection.interface.map(|name| find_interface(scenario, node, name, path));
                Ok(Endpoint { node, interface: interface.transpose()? })
            });
            ends.collect()
        });
        match ends {
            Ok(ends) => Some(ends),
            Err(finding) => {
                self.findings.push(finding);
                None
            }
        }
    }
}

fn target(text: &str, path: &Path, scenario: &Scenario, index: &NodeIndex) -> Result<RouteTarget, Finding> {
    let looks_like_address = text.contains(':') || text.starts_with(|first: char| first.is_ascii_digit());
    if text.contains('/') && looks_like_address {
        let prefix =
            read_prefix(text).map_err(|(message, help)| Finding::error(path.clone(), message).help(help))?;
        return Ok(RouteTarget::Prefix(prefix));
    }
    let to = index.select(text, path, scenario)?;
    if to.all || to.interface.is_some() {
        let finding = Finding::error(path.clone(), format!("`{text}` is not one node"));
        return Err(finding.expected("a node, or a prefix such as \"10.2.0.0/16\""));
    }
    Ok(RouteTarget::Node(to.first))
}

fn find_interface(
    scenario: &Scenario,
    node: NodeId,
    name: &str,
    path: &Path,
) -> Result<InterfaceId, Finding> {
    let mut names = Vec::new();
    for (id, _) in scenario.interfaces_of(node) {
        let own = scenario.interface_name(id);
        if own == name {
            return Ok(id);
        }
        names.push(own);
    }
    let message = format!("`{}` has no interface `{name}`", scenario.node_name(node));
    let near = crate::language::nearest::suggestion(name, names.iter().map(String::as_str));
    Err(Finding::error(path.clone(), message).help(near.unwrap_or_else(|| "it has none at all".to_owned())))
}

fn is_neighbour(scenario: &Scenario, node: NodeId, other: NodeId) -> bool {
    scenario.interfaces_of(node).any(|(_, interface)| match interface.attached {
        Attachment::None => false,
        Attachment::Link(link, side) => {
            let end = scenario.links[link.0 as usize].ends[usize::from(1 - side)];
            scenario.interface(end).node == other
        }
        Attachment::Medium(medium) => {
            scenario.interfaces_of(other).any(|(_, one)| one.attached == Attachment::Medium(medium))
        }
    })
}
