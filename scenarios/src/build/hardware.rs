//! Hardware for the nodes that have some.

use host::world::World;
use hw::battery::Battery;
use network::observer::Observer;
use network::power::{HardwareConfig, RadioRest};

use super::Places;
use crate::language::document;
use crate::language::scenario::{InterfaceName, NodeHardware, NodeId, Scenario};

/// Gives every node its hardware.
pub(super) fn add<O: Observer>(scenario: &Scenario, places: &Places, world: &mut World<O>) {
    for group in &scenario.groups {
        let Some(hardware) = &group.hardware else { continue };
        for number in group.first.0..group.first.0 + group.count {
            let node = NodeId(number);
            let config = config(scenario, places, node, hardware);
            world.network.add_hardware(places.node(node), config);
        }
    }
}

fn config(scenario: &Scenario, places: &Places, node: NodeId, hardware: &NodeHardware) -> HardwareConfig {
    let ports = scenario.interfaces_of(node).map(|(id, interface)| {
        let own = match interface.name {
            InterfaceName::Declared(place) => hardware.radios.get(usize::from(place)).cloned().flatten(),
            InterfaceName::Automatic(_) => None,
        };
        (places.port(id), own.map(|radio| (scenario.interface_name(id), radio)))
    });
    let radio_rest = match hardware.radio_rest {
        None => RadioRest::Profile,
        Some(document::RadioRest::Sleep) => RadioRest::Sleep,
        Some(document::RadioRest::Idle) => RadioRest::Idle,
        Some(document::RadioRest::Listen) => RadioRest::Listen,
    };
    let battery = hardware.battery.as_ref().map(|start| Battery::new(start.spec.clone(), start.charge));
    HardwareConfig {
        board: hardware.board.clone(),
        radio_rest,
        ports: ports.collect(),
        sensors: hardware.sensors.clone(),
        battery,
        restart: hardware.battery.as_ref().map_or(0.0, |start| start.restart),
        harvester: hardware.harvester.clone(),
    }
}
