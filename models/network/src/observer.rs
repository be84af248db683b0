//! Who looks on. An observer sees everything and changes nothing: the digest is the same with any.

use sim_core::SimTime;
use wire::packet::Packet;

use crate::drop_cause::DropCause;
use crate::node::NodeId;
use crate::port::PortId;

/// Sees what happens in a network.
pub trait Observer {
    /// Whether anything is looked at: where not, the calls cost nothing.
    const ENABLED: bool;

    /// A frame was put on the link of `port`: its last bit leaves at `departs` and reaches the other
    /// end at `arrives`.
    fn on_sent(&mut self, now: SimTime, port: PortId, packet: &Packet, departs: SimTime, arrives: SimTime);

    /// A frame reached `port` (which took it).
    fn on_arrived(&mut self, now: SimTime, port: PortId, packet: &Packet);

    /// A packet ended at `node`; `port` is the one that it was to leave by, where there is one.
    fn on_dropped(
        &mut self,
        now: SimTime,
        node: NodeId,
        port: Option<PortId>,
        packet: &Packet,
        cause: DropCause,
    );
}

/// Looks at nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    const ENABLED: bool = false;

    #[inline]
    fn on_sent(&mut self, _: SimTime, _: PortId, _: &Packet, _: SimTime, _: SimTime) {}

    #[inline]
    fn on_arrived(&mut self, _: SimTime, _: PortId, _: &Packet) {}

    #[inline]
    fn on_dropped(&mut self, _: SimTime, _: NodeId, _: Option<PortId>, _: &Packet, _: DropCause) {}
}
