//! How far nodes on radios are with neighbour discovery at the end of a run, and what they have done for it.

use host::world::World;
use network::nd::host::State;
use network::nd::node::Node;
use network::nd::settings::Role;
use network::observer::Observer;
use sim_core::SimTime;
use wire::ndp_lowpan::Status;

use super::{field, put};
use crate::run::RunAbout;

/// The columns of `registrations.csv`.
pub(super) const COLUMNS: &str = "run,medium,node,role,joined_ns,router,addresses,registered_now,refused_by,neighbours,neighbours_most,\
     registry,router_solicitations,router_advertisements,neighbor_solicitations,neighbor_advertisements,duplicate_requests,\
     duplicate_confirmations,repetitions,registrations,renewals,refusals,refused_duplicate,refused_full,expired,moved,unconfirmed,\
     routers_lost,malformed\n";

/// One line for each node of a medium on which addresses are registered.
pub(super) fn lines<O: Observer>(about: &RunAbout<'_>, world: &World<O>, end: SimTime) -> String {
    let mut lines = String::new();
    for medium in world.network.radio_media() {
        for radio in 0..medium.ports().len().min(NODES_LISTED_MAX) as u32 {
            let Some(node) = medium.discovery(radio) else { break };
            let counts = node.counts();
            let role = match node.role() {
                Role::Host => "host",
                Role::Router => "router",
                Role::Border => "border",
            };
            let name = |radio: u32| {
                let port = medium.ports()[radio as usize];
                field(world.network.node_name(world.network.port_info(port).node)).into_owned()
            };
            let joined = node.joined_at().map(|at| at.as_nanos().to_string()).unwrap_or_default();
            let router = node.default_router().and_then(|link| medium.radio_of(link)).map(name);
            let own = &node.host().addresses;
            let usable = own.iter().filter(|own| own.state.is_usable(end)).count();
            let (neighbours, most) = node.registrar().len();
            put(
                &mut lines,
                format_args!(
                    "{},{},{},{role},{joined},{},{},{usable},{},{neighbours},{most},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n",
                    about.name,
                    field(&medium.name),
                    name(radio),
                    router.unwrap_or_default(),
                    own.len(),
                    refusal(node),
                    node.registry().len(),
                    counts.router_solicitations,
                    counts.router_advertisements,
                    counts.neighbor_solicitations,
                    counts.neighbor_advertisements,
                    counts.requests,
                    counts.confirmations,
                    counts.repetitions,
                    counts.registered,
                    counts.renewed,
                    counts.refused,
                    counts.duplicates,
                    counts.full,
                    counts.expired,
                    counts.moved,
                    counts.unconfirmed,
                    counts.routers_lost,
                    counts.malformed,
                ),
            );
        }
    }
    lines
}

/// Why the first address of a node that was given up was.
fn refusal(node: &Node) -> &'static str {
    let mut states = node.host().addresses.iter().map(|own| own.state);
    states
        .find_map(|state| if let State::Refused(status) = state { Some(Status::name(status)) } else { None })
        .unwrap_or("")
}

/// Nodes of a medium that have lines.
const NODES_LISTED_MAX: usize = 10_000;
