//! Resources of servers, and the traffic that asks for them.

use std::collections::BTreeMap;

use super::link::above_zero;
use super::node::NodeIndex;
use super::{Resolver, section};
use crate::language::diagnostic::Finding;
use crate::language::document::{CoapResource, Document, TrafficSettings, Workload};
use crate::language::nearest::suggestion;
use crate::language::path::Path;
use crate::language::scenario::{Destination, Endpoint, NodeId, Scenario};

/// Checks the resources of all nodes.
pub(super) fn check(document: &Document, findings: &mut Vec<Finding>) {
    for (name, node) in document.nodes.iter() {
        let Some(resources) = node.services.coap_server.as_ref().and_then(|server| server.resources.as_ref())
        else {
            continue;
        };
        let path = section("nodes").key(name).key("services").key("coap-server").key("resources");
        for (name, resource) in resources.iter() {
            check_resource(name, resource, &path.key(name), findings);
        }
    }
}

fn check_resource(name: &str, resource: &CoapResource, path: &Path, findings: &mut Vec<Finding>) {
    let plain = name.trim_matches('/');
    if plain.is_empty() || plain.contains('?') || plain.split('/').any(|segment| segment.len() > 255) {
        let finding = Finding::error(path.clone(), "this cannot be the path of a resource").at_key();
        findings.push(finding.expected("segments of at most 255 bytes, without a query: \"sensors/temp\""));
    }
    if plain == WELL_KNOWN {
        let finding = Finding::error(path.clone(), "the list of resources is made by the server").at_key();
        findings.push(finding.help("leave it out"));
    }
    if resource.size.is_some_and(|size| !(1..=SIZE_MAX).contains(&size.as_bytes())) {
        let finding = Finding::error(path.key("size"), "no resource has such a size");
        findings.push(finding.expected("\"1 B\" to \"16 MiB\""));
    }
    if resource.size.is_some() && resource.text.is_some() {
        let finding = Finding::error(path.key("text"), "`size` and `text` both say what it says").at_key();
        findings.push(finding.help("leave one of them out"));
    }
    if resource.text.is_some() && resource.changes.is_some() {
        let finding = Finding::error(path.key("changes"), "a text that is given does not change").at_key();
        findings.push(finding.help("give a `size`, or neither: the number of its state is said then"));
    }
    above_zero(resource.changes.map(|changes| changes.mean()), &path.key("changes"), findings);
    let whole = |nanos: u64| nanos.is_multiple_of(1_000_000_000);
    if resource.max_age.is_some_and(|age| !whole(age.as_nanos())) {
        findings.push(
            Finding::error(path.key("max-age"), "it counts whole seconds").expected("such as \"60 s\""),
        );
    }
}

/// The port that a reverse proxy asks its server on.
fn origin_port(scenario: &Scenario, origin: Endpoint) -> u16 {
    scenario.group_of(origin.node).services.coap_port()
}

impl Resolver<'_> {
    /// The proxy that an entry of the traffic to these ends names.
    pub(super) fn proxy(
        &mut self,
        settings: &TrafficSettings,
        path: &Path,
        scenario: &Scenario,
        index: &NodeIndex,
        ends_of: &[Destination],
    ) -> Option<Endpoint> {
        let name = settings.options.coap.as_ref()?.proxy.as_deref()?;
        let path = path.key("options").key("coap").key("proxy");
        let ends = self.endpoints(name, &path, scenario, index)?;
        let [end] = ends.as_slice() else {
            self.error(path, format!("`{name}` is more than one node"));
            return None;
        };
        if scenario.group_of(end.node).services.coap_proxy.is_none() {
            let message = format!("`{name}` is no proxy");
            self.error_with_help(path.clone(), message, "give it `\"services\": { \"coap-proxy\": {} }`");
        }
        if settings.over != "coap/udp" {
            let message = "the proxy forwards over UDP alone";
            self.error_with_help(path.clone(), message, "use \"coap/udp\"");
        }
        if let Some(origin) = scenario.origins.get(&end.node) {
            let server = scenario.node_name(origin.node);
            let others =
                ends_of.iter().any(|to| !matches!(to, Destination::Node(to) if to.node == origin.node));
            if others {
                let message = format!("`{name}` is a reverse proxy of `{server}` alone");
                self.error_with_help(
                    path,
                    message,
                    format!("send to \"{server}\", or take its `origin` away"),
                );
            } else if settings.port.is_some_and(|port| port != origin_port(scenario, *origin)) {
                let port = origin_port(scenario, *origin);
                self.error(path, format!("`{name}` asks `{server}` on port {port}"));
            }
        }
        Some(*end)
    }

    /// The servers that reverse proxies stand in front of.
    pub(super) fn origins(&mut self, scenario: &mut Scenario, index: &NodeIndex) {
        let mut origins = BTreeMap::new();
        for group in &scenario.groups {
            let Some(name) = group.services.coap_proxy.as_ref().and_then(|proxy| proxy.origin.as_deref())
            else {
                continue;
            };
            let path = section("nodes").key(&group.name).key("services").key("coap-proxy").key("origin");
            let Some(ends) = self.endpoints(name, &path, scenario, index) else { continue };
            let nodes = (group.first.0..group.first.0 + group.count).map(NodeId);
            match ends.as_slice() {
                [end] if nodes.clone().any(|node| node == end.node) => {
                    self.error(path, "a proxy does not stand in front of itself");
                }
                [end] => origins.extend(nodes.map(|node| (node, *end))),
                _ => self.error(path, format!("`{name}` is more than one node")),
            }
        }
        scenario.origins = origins;
    }

    /// Refuses questions for resources that a receiver does not have; `numbers` are those of the entries in the file.
    pub(super) fn check_resources(&mut self, scenario: &Scenario, numbers: &[usize]) {
        let mut told = None;
        for flow in &scenario.flows {
            let entry = &scenario.traffic[flow.traffic as usize];
            let observes = matches!(entry.workload, Workload::Observe(_));
            let asks = observes || matches!(entry.workload, Workload::Poll(_));
            if !asks || told == Some(flow.traffic) {
                continue;
            }
            let number = numbers[flow.traffic as usize];
            let at = section("traffic").index(number);
            let Destination::Node(end) = flow.to else {
                if observes {
                    self.error(at.key("workload"), "a group's members cannot be observed together");
                }
                continue;
            };
            if scenario.is_outside(end.node) {
                continue;
            }
            let options = entry.options.coap.as_ref();
            let wanted = options.and_then(|options| options.path.as_deref()).unwrap_or(PATH_USUAL);
            let wanted = wanted.split('?').next().unwrap_or_default().trim_matches('/');
            let services = &scenario.group_of(end.node).services;
            let described = services.coap_server.as_ref().and_then(|server| server.resources.as_ref());
            let known: Vec<(String, bool)> = match described {
                Some(resources) => resources
                    .iter()
                    .map(|(path, it)| (path.trim_matches('/').to_owned(), it.changes.is_some()))
                    .collect(),
                None => USUAL.iter().map(|(path, changes)| ((*path).to_owned(), *changes)).collect(),
            };
            let node = scenario.node_name(end.node);
            let place = if options.is_some_and(|options| options.path.is_some()) {
                at.key("options").key("coap").key("path")
            } else {
                at.key("workload")
            };
            match known.iter().find(|(path, _)| path == wanted) {
                Some((_, false)) if observes => {
                    let message =
                        format!("`/{wanted}` of `{node}` never changes, so there is nothing to observe");
                    self.error_with_help(
                        place,
                        message,
                        "give the resource a time to change: `\"changes\": \"10 s\"`",
                    );
                }
                Some(_) => continue,
                None if wanted == WELL_KNOWN && !observes => continue,
                None => {
                    let names = known.iter().map(|(path, _)| path.as_str());
                    let help = suggestion(wanted, names);
                    let finding = Finding::error(place, format!("`{node}` has no resource `/{wanted}`"));
                    self.findings.push(finding.maybe_help(help));
                }
            }
            told = Some(flow.traffic);
        }
    }
}

/// What a client asks for that nothing is said about.
const PATH_USUAL: &str = "sensors/temp";

/// Where the list of resources is (RFC 6690 §4).
const WELL_KNOWN: &str = ".well-known/core";

/// The resources of a server that nothing is said about, and whether they change.
const USUAL: [(&str, bool); 5] =
    [("test", false), ("separate", false), ("large", false), ("observe", true), ("store", false)];

/// What an endpoint puts together of blocks.
const SIZE_MAX: u64 = 16 << 20;
