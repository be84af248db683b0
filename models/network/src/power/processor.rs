//! The processor of a node with hardware: packets wait for it, one after the other, on their way in and out.
//!
//! It works on each packet for the cycles that its profile names, and wakes first if it sleeps. What it works on when the
//! power fails is lost.

use std::collections::VecDeque;

use hw::part::{PartId, StateId};
use hw::profile::{Mcu, Operation};
use sim_core::{SimDuration, SimTime};
use wire::cryptography;

use crate::drop_cause::DropCause;
use crate::event::NetworkEvent;
use crate::forward::Ingress;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::PortId;

/// The processor of one node.
#[derive(Debug)]
pub(super) struct Processor {
    pub(super) part: PartId,
    mcu: Mcu,
    /// Whether no packet takes it any time.
    instant: bool,
    /// When each packet that it has taken on will be done.
    done: VecDeque<SimTime>,
    /// Counts up with each loss of power.
    pub(super) boots: u32,
}

/// When the processor works on a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Job {
    pub(super) from: SimTime,
    pub(super) until: SimTime,
}

impl Processor {
    pub(super) fn new(part: PartId, mcu: Mcu) -> Self {
        let wakes = mcu.spec.transition(mcu.spec.rest, mcu.active).is_some();
        let instant = !wakes && mcu.packet_time(usize::from(u16::MAX)) == SimDuration::ZERO;
        Self { part, mcu, instant, done: VecDeque::new(), boots: 0 }
    }

    /// From when on it is done with a packet as soon as it comes; never, if a packet takes time.
    pub(super) fn instant_from(&self) -> SimTime {
        match self.instant {
            true => self.done.back().copied().unwrap_or(SimTime::ZERO),
            false => SimTime::MAX,
        }
    }

    /// The state in which it works.
    pub(super) fn active(&self) -> StateId {
        self.mcu.active
    }

    /// Takes a packet of `bytes` on; `None` if too many wait already.
    pub(super) fn take_on(&mut self, now: SimTime, bytes: usize) -> Option<Job> {
        self.forget_done(now);
        let waits = self.done.len() >= WAITING_MAX;
        (!waits).then(|| self.queue(now, self.mcu.packet_time(bytes)))
    }

    /// Works on cryptographic operations, after what it has taken on before; `None` where they take no time.
    pub(super) fn encipher(&mut self, now: SimTime, work: cryptography::Work) -> Option<Job> {
        self.forget_done(now);
        let operation = self.mcu.cryptography.get(work.operation.name())?;
        let fixed_cycles = operation.fixed_cycles.saturating_mul(u64::from(work.times));
        let operation = Operation { fixed_cycles, ..*operation };
        let time = self.mcu.operation_time(operation, work.bytes as usize);
        (time > SimDuration::ZERO).then(|| self.queue(now, time))
    }

    fn forget_done(&mut self, now: SimTime) {
        while self.done.front().is_some_and(|&done| done < now) {
            self.done.pop_front();
        }
    }

    fn queue(&mut self, now: SimTime, time: SimDuration) -> Job {
        let spec = &self.mcu.spec;
        let from = match self.done.back() {
            Some(&busy_until) => busy_until,
            // It sleeps, and has to wake first.
            None => spec.transition(spec.rest, self.mcu.active).map_or(now, |way| now + way.time),
        };
        let until = from.saturating_add(time);
        self.done.push_back(until);
        Job { from, until }
    }

    /// Loses power, and with it what it works on.
    pub(super) fn lose_power(&mut self) {
        self.done.clear();
        self.boots = self.boots.wrapping_add(1);
    }
}

impl<O: Observer> Network<O> {
    /// Lets the node's processor work on a packet that came in; false if nothing delays it.
    #[cold]
    pub(crate) fn keeps_processor_busy(&mut self, node: NodeId, id: PacketId) -> bool {
        self.occupy_processor(node, id, NetworkEvent::Taken(node, id))
    }

    /// Lets the node's processor work on a packet that starts here, before it leaves by `via` or its route.
    #[cold]
    pub(crate) fn write_first(&mut self, node: NodeId, via: Option<PortId>, id: PacketId) {
        // The ingress of a packet that starts here is free until it is sent.
        self.packets[id].ingress = via.unwrap_or(PortId::NONE).0;
        if !self.occupy_processor(node, id, NetworkEvent::Written(node, id)) {
            self.send_out(node, id);
        }
    }

    fn occupy_processor(&mut self, node: NodeId, id: PacketId, then: NetworkEvent) -> bool {
        let now = self.now();
        let Some(power) = &mut self.power else { return false };
        if power.instant_from[node.index()] <= now {
            return false;
        }
        let Some(hardware) = &mut power.nodes[node.index()] else { return false };
        let packet = &mut self.packets[id];
        packet.epoch = hardware.boots();
        match hardware.work(now, packet.len(), packet.account.flow) {
            None => {
                self.unframe(id);
                self.discard(node, None, id, DropCause::QueueFull);
            }
            Some(done) if done == now => return false,
            Some(done) => self.schedule(done, node, then),
        }
        self.relieve(node);
        true
    }

    /// Lets a battery that has fallen far behind follow, and looks at one that may give out any moment.
    fn relieve(&mut self, node: NodeId) {
        let Some(power) = &mut self.power else { return };
        let Some(hardware) = &mut power.nodes[node.index()] else { return };
        if hardware.is_behind() {
            let now = self.scheduler.now();
            self.hardware_on(node).into_iter().for_each(|hardware| hardware.relieve(now));
        } else if !hardware.watch.fragile {
            return;
        }
        self.watch_battery(node);
    }

    /// The processor is done with a packet that came in.
    pub fn on_taken(&mut self, node: NodeId, id: PacketId) -> Ingress {
        if self.lost_with_power(node, id) {
            return Ingress::Done;
        }
        let port = PortId(self.packets[id].ingress);
        self.take(node, port, id)
    }

    /// The processor is done with a packet that starts here.
    pub fn on_written(&mut self, node: NodeId, id: PacketId) {
        if !self.lost_with_power(node, id) {
            self.send_out(node, id);
        }
    }

    fn send_out(&mut self, node: NodeId, id: PacketId) {
        let via = PortId(std::mem::replace(&mut self.packets[id].ingress, PortId::NONE.0));
        let next = self.next_hop(node, self.packets[id].destination);
        if via != PortId::NONE && next != crate::node::NextHop::LOCAL {
            self.originate_by(node, via, next, id);
        } else {
            self.originate_next(node, next, id);
        }
    }

    fn lost_with_power(&mut self, node: NodeId, id: PacketId) -> bool {
        let hardware = self.power.as_ref().and_then(|power| power.nodes[node.index()].as_deref());
        let boots = hardware.map_or(0, super::Hardware::boots);
        let lost = !self.is_node_up(node) || self.packets[id].epoch != boots;
        if lost {
            self.unframe(id);
            self.discard(node, None, id, DropCause::NodeDown);
        }
        lost
    }
}

/// Packets that wait for a processor: as many as wait for a link by default.
const WAITING_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use hw::profile::Library;

    #[test]
    fn packets_wait_for_each_other_and_the_first_for_the_way_out_of_sleep() {
        // MSP430 at 4 MHz: 3000 + 20 · 50 cycles are 1 ms; 6 us to wake.
        let mcu = Library::default().mcu("msp430f1611").unwrap();
        let mut processor = Processor::new(PartId(0), mcu);
        let at = SimTime::from_micros;
        assert_eq!(processor.take_on(at(100), 50), Some(Job { from: at(106), until: at(1106) }));
        assert_eq!(processor.take_on(at(200), 50), Some(Job { from: at(1106), until: at(2106) }));
        assert_eq!(processor.take_on(at(5000), 50), Some(Job { from: at(5006), until: at(6006) }));
    }

    #[test]
    fn a_processor_that_is_far_behind_takes_no_more() {
        let mcu = Library::default().mcu("msp430f1611").unwrap();
        let mut processor = Processor::new(PartId(0), mcu);
        let taken = (0..2 * WAITING_MAX).filter(|_| processor.take_on(SimTime::ZERO, 50).is_some()).count();
        assert_eq!(taken, WAITING_MAX);
        processor.lose_power();
        assert!(processor.take_on(SimTime::ZERO, 50).is_some());
    }
}
