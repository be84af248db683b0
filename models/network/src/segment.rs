//! Shared segments: Ethernet stations on one medium.

use crate::drop_cause::DropCause;
use crate::forward::Ingress;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::PortId;

impl<O: Observer> Network<O> {
    pub(crate) fn send_by_segment(&mut self, node: NodeId, _hop: usize, id: PacketId) {
        self.discard(node, None, id, DropCause::Unresolved);
    }

    pub(crate) fn send_to_group(&mut self, node: NodeId, id: PacketId) {
        self.discard(node, None, id, DropCause::NoRoute);
    }

    pub(crate) fn on_group_arrival(&mut self, node: NodeId, id: PacketId) -> Ingress {
        self.discard(node, None, id, DropCause::NotForMe);
        Ingress::Done
    }

    /// A neighbour cache's timer.
    pub fn on_neighbour_timer(&mut self, _port: PortId) {}
}
