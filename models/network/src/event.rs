//! What an event of the simulated network says: a kind, a target and an argument in 64 bits.

use crate::node::NodeId;
use crate::outside::OutletId;
use crate::pool::PacketId;
use crate::port::PortId;
use crate::radio::RadioStep;

/// An event, as the queue carries it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NetworkEvent {
    /// A packet reaches a node.
    Arrival(NodeId, PacketId),
    /// A node's wake-up: timers of its endpoints and applications.
    Wake(NodeId),
    /// A port's queue may send its next frame.
    Service(PortId),
    /// A neighbour cache's timer of a port on a shared segment.
    Neighbour(PortId),
    /// A step of a radio's medium access control, in the epoch in which it was planned (20 bits).
    Radio(PortId, RadioStep, u32),
    /// An entry of the fault timetable.
    Fault(u32),
    /// Time to look at queues and connections; changes nothing.
    Sample,
    /// A packet comes in from outside.
    Entry(OutletId, PacketId),
    /// A node's processor is done with a packet that came in.
    Taken(NodeId, PacketId),
    /// A node's processor is done with a packet that starts there.
    Written(NodeId, PacketId),
    /// Time to look at a node's battery.
    Battery(NodeId),
    /// A timer of the RPL router at a radio's port.
    Rpl(PortId),
    /// A timer of neighbour discovery at a radio's port.
    Discovery(PortId),
}

impl NetworkEvent {
    /// Packs the event: kind (8 bits), target (24 bits), argument (32 bits).
    #[inline]
    pub fn pack(self) -> u64 {
        match self {
            Self::Arrival(node, packet) => ARRIVAL << 56 | u64::from(node.0) << 32 | u64::from(packet.0),
            Self::Wake(node) => WAKE << 56 | u64::from(node.0) << 32,
            Self::Service(port) => SERVICE << 56 | u64::from(port.0),
            Self::Neighbour(port) => NEIGHBOUR << 56 | u64::from(port.0),
            Self::Radio(port, step, epoch) => {
                RADIO << 56 | u64::from(step.number() << 20 | epoch) << 32 | u64::from(port.0)
            }
            Self::Fault(index) => FAULT << 56 | u64::from(index),
            Self::Sample => SAMPLE << 56,
            Self::Taken(node, packet) => TAKEN << 56 | u64::from(node.0) << 32 | u64::from(packet.0),
            Self::Written(node, packet) => WRITTEN << 56 | u64::from(node.0) << 32 | u64::from(packet.0),
            Self::Battery(node) => BATTERY << 56 | u64::from(node.0) << 32,
            Self::Rpl(port) => RPL << 56 | u64::from(port.0),
            Self::Discovery(port) => DISCOVERY << 56 | u64::from(port.0),
            Self::Entry(outlet, packet) => ENTRY << 56 | u64::from(outlet.0) << 32 | u64::from(packet.0),
        }
    }

    /// Unpacks what [`Self::pack`] made.
    ///
    /// # Panics
    ///
    /// If `what` was not made by [`Self::pack`].
    #[inline]
    pub fn unpack(what: u64) -> Self {
        let target = (what >> 32) as u32 & 0x00ff_ffff;
        let argument = what as u32;
        match what >> 56 {
            ARRIVAL => Self::Arrival(NodeId(target), PacketId(argument)),
            WAKE => Self::Wake(NodeId(target)),
            SERVICE => Self::Service(PortId(argument)),
            NEIGHBOUR => Self::Neighbour(PortId(argument)),
            RADIO => Self::Radio(PortId(argument), RadioStep::of_number(target >> 20), target & 0x000f_ffff),
            FAULT => Self::Fault(argument),
            SAMPLE => Self::Sample,
            ENTRY => Self::Entry(OutletId(target as u16), PacketId(argument)),
            TAKEN => Self::Taken(NodeId(target), PacketId(argument)),
            WRITTEN => Self::Written(NodeId(target), PacketId(argument)),
            BATTERY => Self::Battery(NodeId(target)),
            RPL => Self::Rpl(PortId(argument)),
            DISCOVERY => Self::Discovery(PortId(argument)),
            kind => panic!("no event has the kind {kind}"),
        }
    }
}

const ARRIVAL: u64 = 0;
const WAKE: u64 = 1;
const SERVICE: u64 = 2;
const NEIGHBOUR: u64 = 3;
const FAULT: u64 = 4;
const SAMPLE: u64 = 5;
const ENTRY: u64 = 6;
const RADIO: u64 = 7;
const TAKEN: u64 = 10;
const WRITTEN: u64 = 8;
const BATTERY: u64 = 9;
const RPL: u64 = 15;
const DISCOVERY: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_packing() {
        for event in [
            NetworkEvent::Arrival(NodeId(0x00ff_ffff), PacketId(u32::MAX)),
            NetworkEvent::Wake(NodeId(7)),
            NetworkEvent::Service(PortId(u32::MAX)),
            NetworkEvent::Neighbour(PortId(1)),
            NetworkEvent::Radio(PortId(u32::MAX), RadioStep::Reassembly, 0x000f_ffff),
            NetworkEvent::Fault(3),
            NetworkEvent::Sample,
            NetworkEvent::Entry(OutletId(u16::MAX), PacketId(u32::MAX)),
            NetworkEvent::Taken(NodeId(0x00ff_ffff), PacketId(u32::MAX)),
            NetworkEvent::Written(NodeId(3), PacketId(4)),
            NetworkEvent::Battery(NodeId(5)),
            NetworkEvent::Rpl(PortId(u32::MAX)),
            NetworkEvent::Discovery(PortId(u32::MAX)),
        ] {
            assert_eq!(NetworkEvent::unpack(event.pack()), event);
        }
    }
}
