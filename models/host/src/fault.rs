//! The fault timetable: what breaks or changes at a time.

use std::net::IpAddr;

use network::link::LossConfig;
use network::node::NodeId;
use network::observer::Observer;
use network::port::PortId;
use network::power::BatteryNews;
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
    /// An interface leaves its network, or comes back: its link goes down at both ends and its addresses go.
    Detached {
        /// The interface.
        port: PortId,
        /// Both ends of its link.
        ends: Vec<PortId>,
        /// Whether it leaves.
        detached: bool,
    },
    /// An interface's addresses are for use only when nothing else is left, or for use again.
    Backup(PortId, bool),
    /// A node's programs are killed: their connections end at once.
    Abort(NodeId),
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
            Change::LinkDown(ports, down) => self.set_down(ports, down),
            Change::Detached { port, ends, detached: true } => {
                self.tell_of_addresses(port, true);
                self.set_down(ends, true);
            }
            Change::Detached { port, ends, detached: false } => {
                self.set_down(ends, false);
                self.tell_of_addresses(port, false);
            }
            Change::Backup(port, backup) => {
                let node = self.network.port_info(port).node;
                let addresses = self.addresses_at(port);
                self.with_host(node, |host, around| {
                    host.set_backup(around, &addresses, backup);
                    host.settle(around);
                });
            }
            Change::Abort(node) => self.with_host(node, |host, around| {
                host.abort_all(around);
                host.settle(around);
            }),
            Change::Rate(ports, rate) => ports.iter().for_each(|&port| self.network.set_rate(port, rate)),
            Change::Delay(ports, delay) => ports.iter().for_each(|&port| self.network.set_delay(port, delay)),
            Change::Loss(ports, loss) => {
                for port in ports {
                    let set = self.network.set_loss(port, &loss, &self.streams);
                    set.expect("the builder has checked the loss model's parameters");
                }
            }
            Change::PowerOff(node) => {
                self.network.switch(node, false);
                self.power_off(node);
            }
            Change::PowerOn(node) => {
                // Nothing starts on an empty battery.
                if self.network.switch(node, true) {
                    self.power_on(node);
                }
            }
        }
    }

    fn set_down(&mut self, ports: Vec<PortId>, down: bool) {
        for &port in &ports {
            self.network.set_port_down(port, down);
        }
        for port in ports {
            self.tell_of_link(port, down);
        }
    }

    fn addresses_at(&self, port: PortId) -> Vec<IpAddr> {
        self.network.port_info(port).addresses.iter().map(|prefix| prefix.address).collect()
    }

    fn tell_of_addresses(&mut self, port: PortId, gone: bool) {
        let node = self.network.port_info(port).node;
        let interface = InterfaceId(self.network.interface_of(node, port));
        for address in self.addresses_at(port) {
            let event = if gone {
                NetworkEvent::AddressRemoved(address, interface)
            } else {
                NetworkEvent::AddressAdded(address, interface)
            };
            self.with_host(node, |host, around| {
                host.on_network(around, None, &event);
                host.settle(around);
            });
        }
    }

    fn tell_of_link(&mut self, port: PortId, down: bool) {
        let node = self.network.port_info(port).node;
        let interface = InterfaceId(self.network.interface_of(node, port));
        let event = if down { NetworkEvent::LinkDown(interface) } else { NetworkEvent::LinkUp(interface) };
        self.with_host(node, |host, around| {
            host.on_network(around, None, &event);
            host.settle(around);
        });
    }

    /// Looks at a node's battery: the node stops when it has given out, and starts when it has been charged again.
    pub(crate) fn on_battery(&mut self, node: NodeId) {
        match self.network.on_battery(node) {
            BatteryNews::Nothing => {}
            BatteryNews::GaveOut => self.power_off(node),
            BatteryNews::Recovered => self.power_on(node),
        }
    }

    fn power_off(&mut self, node: NodeId) {
        self.network.set_node_down(node, true);
        self.network.reset_neighbours(node);
        self.network.forget_memberships(node);
        if let Some(host) = &mut self.hosts[node.index()] {
            host.lose_volatile_state();
        }
    }

    fn power_on(&mut self, node: NodeId) {
        self.network.set_node_down(node, false);
        self.network.restart_radios(node);
        self.with_host(node, |host, around| host.start(around));
    }
}
