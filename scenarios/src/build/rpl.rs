//! RPL: the scenario's settings as the network's.

use network::rpl::objective::Objective;
use network::rpl::settings::RplSettings;
use network::rpl::station::RplSpec;
use network::rpl::trickle::TrickleSettings;
use sim_core::SimDuration;
use wire::rpl::ModeOfOperation;

use crate::language::document::{RadioSettings, Routing, RplMode, RplObjective, RplOptions};
use crate::language::scenario::{InterfaceId, NodeId, Scenario};

/// How RPL runs on a medium, if it does. A root's first radio on the medium is the graph's root.
pub(super) fn spec(
    settings: &RadioSettings,
    roots: &[NodeId],
    members: &[InterfaceId],
    scenario: &Scenario,
) -> Option<RplSpec> {
    if settings.routing != Routing::Rpl {
        return None;
    }
    let given = settings.rpl.clone().unwrap_or_default();
    let radio = |root: &NodeId| {
        let place = members.iter().position(|&member| scenario.interface(member).node == *root);
        place.map(|place| place as u32)
    };
    Some(RplSpec { settings: rpl_settings(&given), roots: roots.iter().filter_map(radio).collect() })
}

fn rpl_settings(given: &RplOptions) -> RplSettings {
    let standard = RplSettings::default();
    let trickle = given.trickle;
    RplSettings {
        mode: match given.mode {
            RplMode::Storing => ModeOfOperation::Storing,
            RplMode::NonStoring => ModeOfOperation::NonStoring,
            RplMode::NoDownwardRoutes => ModeOfOperation::NoDownwardRoutes,
        },
        objective: match given.objective {
            RplObjective::Mrhof => Objective::Mrhof,
            RplObjective::Of0 => Objective::Of0,
        },
        trickle: TrickleSettings {
            interval_min: trickle.exponent().unwrap_or(standard.trickle.interval_min),
            doublings: trickle.doublings.unwrap_or(standard.trickle.doublings),
            redundancy: trickle.redundancy.unwrap_or(standard.trickle.redundancy),
        },
        min_hop_rank_increase: given.min_hop_rank_increase.unwrap_or(standard.min_hop_rank_increase),
        max_rank_increase: given.max_rank_increase.unwrap_or(standard.max_rank_increase),
        // Whole minutes, at most 254: the language sees to it.
        lifetime: given.lifetime.map_or(standard.lifetime, |lifetime| {
            u8::try_from(lifetime.as_nanos() / MINUTE_NANOS).unwrap_or(standard.lifetime)
        }),
        confirmed: given.dao_ack.unwrap_or(standard.confirmed),
        repair_every: given.repair_every.map(|every| SimDuration::from_nanos(every.as_nanos())),
        ..standard
    }
}

const MINUTE_NANOS: u64 = 60_000_000_000;
