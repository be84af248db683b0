//! The fault timetable: what breaks or changes at a time.

use network::link::LossConfig;
use network::node::NodeId;
use network::observer::Observer;
use network::port::PortId;
use sim_core::{DataRate, SimDuration, SimTime};
use transport::endpoint::{InterfaceId, NetworkEvent};

use crate::world::World;

/// An entry of the fault timetable.
#[derive(Clone, Debug)]
pub struct Fault {
    /// When it happens.
    pub at: SimTime,
    /// What happens.
    pub change: Change,
}

/// What a fault changes.
#[derive(Clone, Debug)]
pub enum Change {
    /// A link goes down in these directions, or comes back.
    LinkDown(Vec<PortId>, bool),
    /// These directions get another rate.
    Rate(Vec<PortId>, DataRate),
    /// These directions get another delay.
    Delay(Vec<PortId>, SimDuration),
    /// These directions lose other frames.
    Loss(Vec<PortId>, LossConfig),
    /// A node loses power: all that is volatile is gone, nothing is sent or received.
    PowerOff(NodeId),
    /// A node's power returns: its protocols and applications begin again.
    PowerOn(NodeId),
}

impl<O: Observer> World<O> {
    /// Sets the fault timetable.
    pub fn set_faults(&mut self, faults: Vec<Fault>) {
        if !faults.is_empty() {
            self.network.expect_outages();
        }
        self.faults = faults;
    }

    pub(crate) fn apply_fault(&mut self, index: usize) {
        match self.faults[index].change.clone() {
            Change::LinkDown(ports, down) => {
                for &port in &ports {
                    self.network.set_port_down(port, down);
                }
                for port in ports {
                    self.tell_of_link(port, down);
                }
            }
            Change::Rate(ports, rate) => ports.iter().for_each(|&port| self.network.set_rate(port, rate)),
            Change::Delay(ports, delay) => ports.iter().for_each(|&port| self.network.set_delay(port, delay)),
            Change::Loss(ports, loss) => {
                for port in ports {
                    let set = self.network.set_loss(port, &loss, &self.streams);
                    set.expect("the builder has checked the loss model's parameters");
                }
            }
            Change::PowerOff(node) => self.power_off(node),
            Change::PowerOn(node) => self.power_on(node),
        }
    }

    fn tell_of_link(&mut self, port: PortId, down: bool) {
        let node = self.network.port_info(port).node;
        let interface = InterfaceId(self.network.interface_of(port));
        let event = if down { NetworkEvent::LinkDown(interface) } else { NetworkEvent::LinkUp(interface) };
        self.with_host(node, |host, around| {
            host.on_network(around, None, &event);
            host.settle(around);
        });
    }

    fn power_off(&mut self, node: NodeId) {
        self.network.set_node_down(node, true);
        self.network.set_hardware_powered(node, false);
        self.network.reset_neighbours(node);
        self.network.forget_memberships(node);
        if let Some(host) = &mut self.hosts[node.index()] {
            host.lose_volatile_state();
        }
    }

    fn power_on(&mut self, node: NodeId) {
        self.network.set_node_down(node, false);
        self.network.set_hardware_powered(node, true);
        self.with_host(node, |host, around| host.start(around));
    }
}
