//! RPL: ranges of its settings, and which nodes are roots.

use std::collections::BTreeSet;

use super::node::NodeIndex;
use super::{Resolver, section};
use crate::language::diagnostic::Finding;
use crate::language::document::{Forwarding, Medium, RadioSettings, Routing, RplOptions, TextList};
use crate::language::path::Path;
use crate::language::quantity::Duration;
use crate::language::scenario::{Attachment, NodeId, Scenario};

/// Checks the settings of a radio medium that are about routes.
pub(super) fn check(settings: &RadioSettings, path: &Path, findings: &mut Vec<Finding>) {
    let Some(rpl) = &settings.rpl else { return };
    let path = path.key("rpl");
    if settings.routing != Routing::Rpl {
        let finding = Finding::error(path.clone(), "the routes of this medium are not found by RPL").at_key();
        findings.push(finding.help("set `\"routing\": \"rpl\"` beside it"));
    }
    check_options(rpl, &path, findings);
}

fn check_options(rpl: &RplOptions, path: &Path, findings: &mut Vec<Finding>) {
    let mut refuse = |path: Path, message: String, expected: &str| {
        findings.push(Finding::error(path, message).expected(expected));
    };
    let trickle = path.key("trickle");
    if rpl.trickle.interval_min.is_some() && rpl.trickle.exponent().is_none() {
        let message =
            "Trickle's shortest interval is sent as a power of two in milliseconds (RFC 6550 §6.7.6)";
        refuse(
            trickle.key("interval-min"),
            message.to_owned(),
            "\"1 ms\", \"2 ms\", \"4 ms\" … \"1048576 ms\"",
        );
    }
    if let Some(doublings) = rpl.trickle.doublings.filter(|&doublings| doublings > DOUBLINGS_MAX) {
        refuse(
            trickle.key("doublings"),
            format!("{doublings} doublings make an interval of years"),
            "0 to 20",
        );
    }
    if rpl.min_hop_rank_increase == Some(0) {
        let message = "ranks that do not grow from hop to hop tell no direction";
        refuse(path.key("min-hop-rank-increase"), message.to_owned(), "1 to 65535");
    }
    let minutes = |lifetime: Duration| lifetime.as_nanos() / MINUTE_NANOS;
    let whole = |lifetime: Duration| lifetime.as_nanos().is_multiple_of(MINUTE_NANOS);
    if rpl.lifetime.is_some_and(|lifetime| !whole(lifetime) || !(1..=254).contains(&minutes(lifetime))) {
        let message = "lifetimes of routes are sent in minutes, in one byte".to_owned();
        refuse(path.key("lifetime"), message, "\"1 min\" to \"254 min\"");
    }
    if rpl.repair_every.is_some_and(|every| every.as_nanos() == 0) {
        let message = "a graph that is built anew all the time carries nothing".to_owned();
        refuse(path.key("repair-every"), message, "more than 0");
    }
}

impl Resolver<'_> {
    /// The nodes that a list names, all of which have to have a radio on a medium.
    pub(super) fn named_on_medium(
        &mut self,
        named: &TextList,
        path: &Path,
        members: &BTreeSet<NodeId>,
        scenario: &Scenario,
        index: &NodeIndex,
    ) -> BTreeSet<NodeId> {
        let mut found = BTreeSet::new();
        for (place, text) in named.located(path) {
            match index.select(text, &place, scenario) {
                Ok(selection) => {
                    if let Some(stranger) = selection.nodes().find(|node| !members.contains(node)) {
                        let message =
                            format!("`{}` has no radio on this medium", scenario.node_name(stranger));
                        self.error(place.clone(), message);
                    }
                    found.extend(selection.nodes());
                }
                Err(finding) => self.findings.push(finding),
            }
        }
        found
    }

    /// Finds the roots of every medium that is routed by RPL.
    pub(super) fn rpl_roots(&mut self, scenario: &mut Scenario, index: &NodeIndex) {
        for (number, (name, medium)) in self.document.media.iter().enumerate() {
            let Medium::Ieee802154(settings) = medium else { continue };
            if settings.routing != Routing::Rpl {
                continue;
            }
            let path = section("media").key(name).key("802.15.4");
            let members: BTreeSet<NodeId> = members(scenario, number);
            let roots = match settings.rpl.as_ref().and_then(|rpl| rpl.roots.as_ref()) {
                Some(named) => {
                    let path = path.key("rpl").key("roots");
                    self.named_on_medium(named, &path, &members, scenario, index)
                }
                None => borders(members, scenario, number),
            };
            if roots.is_empty() && self.findings.is_empty() {
                let message =
                    "RPL has no root: no node on this medium has another interface too and passes packets on";
                self.error_with_help(
                    path.key("routing"),
                    message,
                    "name one: `\"rpl\": { \"roots\": \"border\" }`",
                );
            }
            if let Some(medium) = scenario.media.get_mut(number) {
                medium.roots = roots.into_iter().collect();
            }
        }
    }
}

/// The nodes on a medium that join it to others.
pub(super) fn borders(members: BTreeSet<NodeId>, scenario: &Scenario, medium: usize) -> BTreeSet<NodeId> {
    members.into_iter().filter(|&node| is_border(scenario, node, medium)).collect()
}

/// The nodes that have a radio on a medium.
pub(super) fn members(scenario: &Scenario, medium: usize) -> BTreeSet<NodeId> {
    let on_it = scenario.interfaces.iter().filter(|interface| on(interface.attached, medium));
    on_it.map(|interface| interface.node).collect()
}

fn on(attached: Attachment, medium: usize) -> bool {
    matches!(attached, Attachment::Medium(id) if id.0 as usize == medium)
}

/// Whether a node joins a medium to others.
fn is_border(scenario: &Scenario, node: NodeId, medium: usize) -> bool {
    let elsewhere = |attached: Attachment| !on(attached, medium) && !matches!(attached, Attachment::None);
    let mut own = scenario.interfaces_of(node);
    scenario.group_of(node).forwarding != Forwarding::Off
        && own.any(|(_, interface)| elsewhere(interface.attached))
}

const DOUBLINGS_MAX: u8 = 20;
const MINUTE_NANOS: u64 = 60_000_000_000;
