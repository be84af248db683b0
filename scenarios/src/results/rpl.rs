//! The graphs that RPL has built by the end of a run, and what it knows of the links.

use std::net::{IpAddr, Ipv6Addr};

use host::world::World;
use network::observer::Observer;
use network::radio::medium::RadioMedium;
use network::rpl::settings::Role;
use sim_core::SimTime;

use super::{field, put};
use crate::run::RunAbout;

/// The columns of `rpl.csv`.
pub(super) const NODE_COLUMNS: &str = "run,medium,node,east_m,north_m,role,root,version,rank,parent,hops,parents,neighbours,routes,\
     dios,unicast_dios,dios_suppressed,dises,daos,dao_acks,trickle_resets,parent_changes,local_repairs,global_repairs,rank_errors,\
     forwarding_errors\n";
/// The columns of `etx.csv`.
pub(super) const LINK_COLUMNS: &str =
    "run,medium,from,to,etx,frames_sent,frames_confirmed,neighbour_rank,preferred\n";

/// One line for each node of a medium that RPL routes.
pub(super) fn node_lines<O: Observer>(about: &RunAbout<'_>, world: &World<O>, end: SimTime) -> String {
    let mut lines = String::new();
    for medium in world.network.radio_media() {
        for radio in 0..medium.ports().len().min(NODES_LISTED_MAX) as u32 {
            let Some(router) = medium.router(radio) else { break };
            let role = match router.role() {
                Role::Root => "root",
                Role::Router => "router",
                Role::Leaf => "leaf",
            };
            let place = medium.position(radio, end);
            let name = |radio: Option<u32>| radio.map(|radio| node(world, medium, radio)).unwrap_or_default();
            let root = router.dodag().map(|(root, _)| named(world, root)).unwrap_or_default();
            let parent = router.parent().and_then(|parent| medium.radio_with(parent));
            let counts = router.counts();
            let cell = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
            put(
                &mut lines,
                format_args!(
                    "{},{},{},{},{},{role},{root},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n",
                    about.name,
                    field(&medium.name),
                    name(Some(radio)),
                    place.x,
                    place.y,
                    cell(router.dodag().map(|(_, version)| u64::from(version))),
                    cell(router.rank().map(u64::from)),
                    name(parent),
                    cell(hops(medium, radio)),
                    router.parent_set().len(),
                    router.neighbours().iter().count(),
                    router.routes().len(),
                    counts.dios,
                    counts.unicast_dios,
                    counts.suppressed,
                    counts.dises,
                    counts.daos,
                    counts.dao_acks,
                    counts.resets,
                    counts.parent_changes,
                    counts.local_repairs,
                    counts.global_repairs,
                    counts.rank_errors,
                    counts.forwarding_errors,
                ),
            );
        }
    }
    lines
}

/// One line for each link that a router knows of.
pub(super) fn link_lines<O: Observer>(about: &RunAbout<'_>, world: &World<O>) -> String {
    let mut lines = String::new();
    for medium in world.network.radio_media() {
        for radio in 0..medium.ports().len().min(NODES_LISTED_MAX) as u32 {
            let Some(router) = medium.router(radio) else { break };
            for (address, neighbour) in router.neighbours().iter() {
                let Some(other) = medium.radio_with(address) else { continue };
                let rank = neighbour.advert.map(|advert| advert.dio.rank.to_string()).unwrap_or_default();
                put(
                    &mut lines,
                    format_args!(
                        "{},{},{},{},{},{},{},{rank},{}\n",
                        about.name,
                        field(&medium.name),
                        node(world, medium, radio),
                        node(world, medium, other),
                        f64::from(neighbour.link.etx().as_units()) / 128.0,
                        neighbour.link.transmissions,
                        neighbour.link.confirmed,
                        router.parent() == Some(address),
                    ),
                );
            }
        }
    }
    lines
}

fn node<O: Observer>(world: &World<O>, medium: &RadioMedium, radio: u32) -> String {
    let port = medium.ports()[radio as usize];
    field(world.network.node_name(world.network.port_info(port).node)).into_owned()
}

fn named<O: Observer>(world: &World<O>, address: Ipv6Addr) -> String {
    let owner = world.network.addresses.owner(IpAddr::V6(address));
    let name = owner.map(|port| world.network.node_name(world.network.port_info(port).node));
    name.map(|name| field(name).into_owned()).unwrap_or_default()
}

/// Hops to the root along preferred parents; `None` if they lead to none.
fn hops(medium: &RadioMedium, radio: u32) -> Option<u64> {
    let mut at = radio;
    for hops in 0..medium.ports().len() as u64 {
        let router = medium.router(at)?;
        if router.role() == Role::Root {
            return Some(hops);
        }
        at = medium.radio_with(router.parent()?)?;
    }
    None
}

/// Nodes of a medium that have lines.
const NODES_LISTED_MAX: usize = 10_000;
