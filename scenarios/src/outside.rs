//! What of a scenario is joined to the outside.

use std::net::IpAddr;

pub use host::outside::{Entry, Outside, Turn};
pub use network::outside::{Departure, OutletId};

use crate::build::{address, radio};
use crate::language::scenario::{Attachment, InterfaceId, MediumSettings, Scenario};
use crate::language::{Files, Plan, Point};

/// An interface that is joined to the outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outlet {
    /// Node and interface: "kernel/nj0".
    pub name: String,
    /// The TUN device.
    pub tun: String,
    /// The addresses of the machine outside, with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The largest packet that the simulation takes there.
    pub mtu: u16,
}

/// The interfaces of `point` that are joined to the outside, in the order of their numbers.
///
/// # Errors
///
/// When the scenario of the point is wrong, or has no addresses left.
pub fn outlets(plan: &Plan, point: &Point, files: &dyn Files) -> Result<Vec<Outlet>, String> {
    let scenario = plan.scenario(point, files).map_err(|mistakes| crate::run::in_words(&mistakes))?;
    if scenario.outlets.is_empty() {
        return Ok(Vec::new());
    }
    let addresses = address::assign(&scenario).map_err(|error| error.to_string())?;
    let outlets = scenario.outlets.iter().map(|outlet| {
        let own = &addresses[outlet.interface.0 as usize];
        Outlet {
            name: format!(
                "{}/{}",
                scenario.node_name(outlet.node),
                scenario.interface_name(outlet.interface)
            ),
            tun: outlet.tun.clone(),
            addresses: own.iter().map(|prefix| (prefix.address, prefix.length)).collect(),
            mtu: mtu(&scenario, outlet.interface),
        }
    });
    Ok(outlets.collect())
}

/// The largest packet that goes in by an interface: what its link or medium takes, and both ends.
fn mtu(scenario: &Scenario, id: InterfaceId) -> u16 {
    let own = |id: InterfaceId| scenario.interface(id).mtu.unwrap_or(u32::MAX);
    let carried = match scenario.interface(id).attached {
        Attachment::None => MTU_DEFAULT,
        Attachment::Medium(medium) => {
            let (mtu, default) = match &scenario.media[medium.0 as usize].settings {
                MediumSettings::Ethernet(settings) => (settings.mtu, MTU_DEFAULT),
                MediumSettings::Radio(settings, _) => (settings.mtu, radio::MTU_DEFAULT),
            };
            mtu.map_or(default, |mtu| u32::try_from(mtu.as_bytes()).unwrap_or(u32::MAX)).min(own(id))
        }
        Attachment::Link(link, _) => {
            let link = &scenario.links[link.0 as usize];
            let ends = link.ends.iter().map(|&end| own(end));
            ends.fold(scenario.profiles[link.profile as usize].mtu, u32::min)
        }
    };
    u16::try_from(carried).unwrap_or(u16::MAX)
}

/// Ethernet's (IEEE 802.3).
const MTU_DEFAULT: u32 = 1500;
