//! Neighbour discovery over radios: ranges of its settings, which nodes are border routers, and who claims whose address.

use std::collections::BTreeSet;

use super::node::NodeIndex;
use super::{Resolver, section};
use crate::language::diagnostic::Finding;
use crate::language::document::{Medium, NeighbourDiscovery, RadioSettings, RegistrationOptions, Routing};
use crate::language::path::Path;
use crate::language::quantity::Duration;
use crate::language::scenario::{NodeId, Scenario};

/// Checks the settings of a radio medium that are about neighbour discovery.
pub(super) fn check(settings: &RadioSettings, path: &Path, findings: &mut Vec<Finding>) {
    let Some(given) = &settings.registration else { return };
    let path = path.key("registration");
    if settings.neighbour_discovery == NeighbourDiscovery::None {
        let finding = Finding::error(path.clone(), "nobody registers addresses on this medium").at_key();
        findings.push(finding.help("set `\"neighbour-discovery\": \"rfc8505\"` beside it"));
    }
    check_options(given, settings.neighbour_discovery, &path, findings);
}

fn check_options(
    given: &RegistrationOptions,
    version: NeighbourDiscovery,
    path: &Path,
    findings: &mut Vec<Finding>,
) {
    let mut refuse = |at: &str, message: &str, expected: &str| {
        findings.push(Finding::error(path.key(at), message).expected(expected));
    };
    let is_whole = |span: Duration, unit: u64| {
        span.as_nanos().is_multiple_of(unit) && (1..=u64::from(u16::MAX)).contains(&(span.as_nanos() / unit))
    };
    if given.lifetime.is_some_and(|span| !is_whole(span, MINUTE_NANOS)) {
        refuse(
            "lifetime",
            "registrations are asked for in minutes, in two bytes",
            "\"1 min\" to \"65535 min\"",
        );
    }
    if given.router_lifetime.is_some_and(|span| !is_whole(span, SECOND_NANOS)) {
        refuse("router-lifetime", "routers speak of seconds, in two bytes", "\"1 s\" to \"65535 s\"");
    }
    let within = |span: Option<Duration>, least: u64, most: u64| {
        span.is_none_or(|span| (least..=most).contains(&span.as_nanos()))
    };
    if !within(given.advertise_every, 30 * SECOND_NANOS, 24 * 60 * MINUTE_NANOS) {
        let message = "three advertisements are at least 10 s apart (RFC 6775 §9)";
        refuse("advertise-every", message, "\"30 s\" to \"24 h\"");
    }
    if !within(given.retransmit, SECOND_NANOS / 10, MINUTE_NANOS) {
        let message = "it has to cover a round trip, and be far below the lifetime of a registration";
        refuse("retransmit", message, "\"100 ms\" to \"60 s\"");
    }
    for (name, count) in [("neighbours", given.neighbours), ("registry", given.registry)] {
        if count == Some(0) {
            refuse(name, "without room for one registration nobody joins", "1 to 65535");
        }
    }
    let longer = version != NeighbourDiscovery::Rfc6775;
    match given.rovr {
        None | Some(64) => {}
        Some(128 | 192 | 256) if longer => {}
        Some(128 | 192 | 256) => refuse("rovr", "RFC 6775 has room for an EUI-64", "64"),
        Some(_) => refuse("rovr", "a verifier has whole units of eight bytes", "64, 128, 192 or 256"),
    }
}

impl Resolver<'_> {
    /// Finds the border routers of every medium on which addresses are registered, and who claims whose.
    pub(super) fn registrations(&mut self, scenario: &mut Scenario, index: &NodeIndex) {
        for (number, (name, medium)) in self.document.media.iter().enumerate() {
            let Medium::Ieee802154(settings) = medium else { continue };
            if settings.neighbour_discovery == NeighbourDiscovery::None {
                continue;
            }
            let given = settings.registration.clone().unwrap_or_default();
            let path = section("media").key(name).key("802.15.4");
            let at = path.key("registration");
            if settings.routing == Routing::Rpl && given.border.is_some() {
                let message = "RPL's roots are the border routers";
                self.error_with_help(
                    at.key("border"),
                    message,
                    "name them by `\"rpl\": { \"roots\": … }` instead",
                );
            }
            if settings.routing != Routing::Rpl {
                let members = super::rpl::members(scenario, number);
                let borders = match &given.border {
                    Some(named) => self.named_on_medium(named, &at.key("border"), &members, scenario, index),
                    None => super::rpl::borders(members, scenario, number),
                };
                if borders.is_empty() && self.findings.is_empty() {
                    let message = "no node is a border router: none on this medium has another interface too and passes packets on";
                    self.error_with_help(
                        path.key("neighbour-discovery"),
                        message,
                        "name one: `\"registration\": { \"border\": \"border\" }`",
                    );
                }
                if let Some(medium) = scenario.media.get_mut(number) {
                    medium.roots = borders.into_iter().collect();
                }
            }
            let claims = self.claims(&given, &at, number, scenario, index);
            if let Some(medium) = scenario.media.get_mut(number) {
                medium.claims = claims;
            }
        }
    }

    fn claims(
        &mut self,
        given: &RegistrationOptions,
        path: &Path,
        number: usize,
        scenario: &Scenario,
        index: &NodeIndex,
    ) -> Vec<(NodeId, NodeId)> {
        let members = super::rpl::members(scenario, number);
        let mut claims = Vec::new();
        for (claimer, owner) in &given.claims {
            let place = path.key("claims").key(claimer);
            let mut one = |text: &str| {
                let nodes = match index.select(text, &place, scenario) {
                    Ok(selection) => selection.nodes().collect::<BTreeSet<_>>(),
                    Err(finding) => {
                        self.findings.push(finding);
                        return None;
                    }
                };
                match nodes.into_iter().filter(|node| members.contains(node)).collect::<Vec<_>>()[..] {
                    [node] => Some(node),
                    _ => {
                        let message = format!("`{text}` is not one node on this medium");
                        self.findings.push(Finding::error(place.clone(), message));
                        None
                    }
                }
            };
            if let (Some(claimer), Some(owner)) = (one(claimer), one(owner)) {
                claims.push((claimer, owner));
            }
        }
        claims
    }
}

const SECOND_NANOS: u64 = 1_000_000_000;
const MINUTE_NANOS: u64 = 60 * SECOND_NANOS;
