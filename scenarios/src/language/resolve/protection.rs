//! What protects messages costs processors' time, which their profiles have to know.

use hw::profile::Mcu;
use wire::cryptography::Operation;

use super::{Resolver, section};
use crate::language::scenario::{Destination, NodeId, Scenario};

impl Resolver<'_> {
    /// Refuses protection on nodes whose processor's profile says nothing about it. `numbers` are the entries' places in
    /// the file.
    pub(super) fn check_protection(&mut self, scenario: &Scenario, numbers: &[usize]) {
        for (entry, number) in scenario.traffic.iter().zip(numbers) {
            let Some(protection) = entry.protection.work() else { continue };
            let place = scenario.traffic.iter().position(|other| std::ptr::eq(other, entry));
            let flows = scenario.flows.iter().filter(|flow| Some(flow.traffic as usize) == place);
            let mut needed = flows.flat_map(|flow| {
                let to = match flow.to {
                    Destination::Node(end) => Some(end.node),
                    Destination::Multicast(_) => None,
                };
                let (sender, receiver) = (protection.at_sender(0), protection.at_receiver(0, true));
                let of_receiver = to.map(|node| (node, receiver.operation));
                [Some((flow.from.node, sender.operation)), of_receiver].into_iter().flatten()
            });
            let missing = needed.find(|(node, operation)| !knows(scenario, *node, *operation));
            if let Some((node, operation)) = missing {
                let message = format!(
                    "the processor of `{}` says nothing about `{}`",
                    scenario.node_name(node),
                    operation.name()
                );
                let help = "choose another protection, or a profile of your own with `cryptography` (docs/hardware.md)";
                self.error_with_help(section("traffic").index(*number).key("protection"), message, help);
            }
        }
    }
}

/// Whether the node's processor knows the operation; a node without hardware does everything in no time.
fn knows(scenario: &Scenario, node: NodeId, operation: Operation) -> bool {
    let knows = |mcu: &Mcu| mcu.cryptography.contains_key(operation.name());
    scenario.group_of(node).hardware.as_ref().is_none_or(|hardware| knows(&hardware.board.mcu))
}
