//! Neighbour discovery over radios: the scenario's settings as the network's.

use std::net::{IpAddr, Ipv6Addr};

use network::nd::settings::{NdSettings, Version};
use network::nd::station::NdSpec;
use sim_core::SimDuration;

use super::address::Prefixes;
use crate::language::document::{DutyCycleKind, NeighbourDiscovery, RadioSettings};
use crate::language::scenario::{InterfaceId, Medium, NodeId, Scenario};

/// How neighbour discovery runs on a medium, if it does. A border router's first radio on the medium is the one.
pub(super) fn spec(
    settings: &RadioSettings,
    medium: &Medium,
    members: &[InterfaceId],
    addresses: &[Prefixes],
    scenario: &Scenario,
) -> Option<NdSpec> {
    let version = match settings.neighbour_discovery {
        NeighbourDiscovery::None => return None,
        NeighbourDiscovery::Rfc6775 => Version::Rfc6775,
        NeighbourDiscovery::Rfc8505 => Version::Rfc8505,
    };
    let radio = |node: NodeId| {
        let place = members.iter().position(|&member| scenario.interface(member).node == node);
        place.map(|place| place as u32)
    };
    let address = |radio: u32| -> Option<Ipv6Addr> {
        let member = members.get(radio as usize)?;
        addresses.get(member.0 as usize)?.iter().find_map(|prefix| match prefix.address {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        })
    };
    let claims = medium.claims.iter().filter_map(|&(claimer, owner)| {
        let (claimer, owner) = (radio(claimer)?, radio(owner)?);
        Some((claimer, address(owner)?))
    });
    Some(NdSpec {
        settings: nd_settings(settings, version),
        borders: medium.roots.iter().filter_map(|&node| radio(node)).collect(),
        claims: claims.collect(),
    })
}

fn nd_settings(settings: &RadioSettings, version: Version) -> NdSettings {
    let given = settings.registration.clone().unwrap_or_default();
    let standard = NdSettings::default();
    let span = |given: crate::language::Duration| SimDuration::from_nanos(given.as_nanos());
    // Whole units in two bytes: the language sees to it.
    let units = |given: Option<crate::language::Duration>, unit: u64, usual: u16| {
        given.map_or(usual, |given| u16::try_from(given.as_nanos() / unit).unwrap_or(u16::MAX))
    };
    // The answer to a child waits for its next question.
    let polling = settings.mac.polling.unwrap_or_default().every.map_or(SimDuration::from_secs(1), span);
    let wait = if settings.mac.duty_cycle == DutyCycleKind::Polling { polling } else { SimDuration::ZERO };
    NdSettings {
        version,
        lifetime: units(given.lifetime, 60_000_000_000, standard.lifetime),
        router_lifetime: units(given.router_lifetime, 1_000_000_000, standard.router_lifetime),
        advertise_every: given.advertise_every.map_or(standard.advertise_every, span),
        retransmit: given.retransmit.map_or(standard.retransmit + wait, span),
        neighbours_max: given.neighbours.unwrap_or(standard.neighbours_max),
        registry_max: given.registry.unwrap_or(standard.registry_max),
        detects_duplicates: given.detect_duplicates.unwrap_or(standard.detects_duplicates),
        rovr_len: given.rovr.map_or(standard.rovr_len, |bits| (bits / 8) as u8),
    }
}
