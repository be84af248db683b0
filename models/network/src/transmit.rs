//! Out of a port: queue, link, and the arrival at the other end.
//!
//! A drop-tail queue in front of a perfect link knows the departure of a frame when it takes it: one
//! event a hop. Everything else (managed queues, rate traces, loss, jitter, copies, damage, outages)
//! goes the slow way, which gives the same result where nothing of it is asked for.

use sim_core::{ByteCount, DataRate, SimDuration, SimTime};

use crate::drop_cause::DropCause;
use crate::event::NetworkEvent;
use crate::link::Fate;
use crate::network::Network;
use crate::node::{NextHop, NodeId};
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::{NO_STATE, PortId};
use crate::power::frames::FrameOnAir;
use crate::queue::{Dequeued, DropCause as QueueDrop, Queued};

impl<O: Observer> Network<O> {
    /// Sends a packet by its next hop.
    #[inline]
    pub(crate) fn egress(&mut self, node: NodeId, next: NextHop, id: PacketId) {
        match next.as_port() {
            Some(port) => self.transmit(node, port, id),
            None => self.egress_elsewhere(node, next, id),
        }
    }

    /// Puts a packet into the queue of `port`.
    #[inline]
    pub(crate) fn transmit(&mut self, node: NodeId, port: PortId, id: PacketId) {
        let now = self.scheduler.now();
        let len = self.packets[id].len();
        let hot = &self.ports[port.index()];
        if len > usize::from(hot.mtu) {
            return self.on_too_big(node, port, id);
        }
        if hot.slow {
            return self.transmit_slow(node, port, id);
        }
        let bytes = hot.framing.frame_bytes(len, false);
        if hot.busy_until > now && !self.admit(port, bytes, hot.busy_until) {
            return self.discard(node, Some(port), id, DropCause::QueueFull);
        }
        let hot = &mut self.ports[port.index()];
        let starts = hot.busy_until.max(now);
        let departs = hot.occupy(now, bytes);
        let arrives = departs + hot.delay;
        // A port that had an outage is slow from then on: this one has had none.
        self.packets[id].epoch = 0;
        self.launch(node, FrameOnAir { port, packet: id, bytes, starts, departs, arrives });
    }

    /// Whether the drop-tail queue of a busy port takes one more frame, which would be sent from `start`
    /// on; if so it is counted in.
    pub(crate) fn admit(&mut self, port: PortId, bytes: u32, start: SimTime) -> bool {
        let now = self.scheduler.now();
        let limit = self.queue_limits[self.port_infos[port.index()].queue_limit as usize];
        let state = self.state_mut(port);
        while let Some(&(began, len)) = state.starts.front() {
            if began > now {
                break;
            }
            state.backlog_bytes -= u64::from(len);
            state.starts.pop_front();
        }
        let backlog = ByteCount::from_bytes(state.backlog_bytes + u64::from(bytes));
        if !limit.holds(state.starts.len() + 1, backlog) {
            return false;
        }
        state.starts.push_back((start, bytes));
        state.backlog_bytes += u64::from(bytes);
        state.queue_max = state.queue_max.max(state.starts.len() as u32);
        state.waited += start - now;
        true
    }

    /// Puts a frame on the link: it is charged, digested, and will arrive.
    #[inline]
    fn launch(&mut self, node: NodeId, frame: FrameOnAir) {
        let FrameOnAir { port, packet: id, bytes, departs, arrives, .. } = frame;
        let now = self.scheduler.now();
        if self.power.is_some() {
            self.link_frame(frame, false);
        }
        let hot = &mut self.ports[port.index()];
        let packet = &mut self.packets[id];
        let sender = &mut self.nodes[node.index()];
        if packet.ingress == PortId::NONE.0 && sender.accounted {
            self.accounts.charge(node, true, packet, bytes, hot.framing.protocol());
        }
        hot.frames += 1;
        hot.bytes += u64::from(bytes);
        let content = packet.payload_digest() ^ u64::from(bytes);
        hot.digest.fold_frame(arrives, packet.header_digest(), content);
        packet.hops = packet.hops.saturating_add(1);
        packet.hop_bytes = packet.hop_bytes.wrapping_add(bytes);
        packet.ingress = hot.peer.0;
        if O::ENABLED {
            self.observer.on_sent(now, port, packet, departs, arrives);
        }
        let event = NetworkEvent::Arrival(hot.peer_node, id).pack();
        self.scheduler.schedule(arrives, &mut sender.origin, event);
    }

    #[inline(never)]
    fn transmit_slow(&mut self, node: NodeId, port: PortId, id: PacketId) {
        let now = self.scheduler.now();
        let hot = &self.ports[port.index()];
        let bytes = hot.framing.frame_bytes(self.packets[id].len(), false);
        let state = &self.states[hot.state as usize];
        if state.down {
            return self.discard(node, Some(port), id, DropCause::LinkDown);
        }
        if state.discipline.is_some() {
            return self.enqueue(node, port, id, bytes);
        }
        if hot.busy_until > now && !self.admit(port, bytes, hot.busy_until) {
            return self.discard(node, Some(port), id, DropCause::QueueFull);
        }
        let hot = &mut self.ports[port.index()];
        let departs = hot.occupy(now, bytes);
        self.launch_impaired(node, port, id, bytes, departs);
    }

    /// Hands a frame to a managed queue, and serves the queue if the link is free.
    fn enqueue(&mut self, node: NodeId, port: PortId, id: PacketId, bytes: u32) {
        let now = self.scheduler.now();
        let packet = &self.packets[id];
        let item = Queued {
            packet: id.0,
            bytes,
            arrived: now,
            flow_hash: crate::link::flow_hash(packet),
            ecn_capable: crate::link::is_ecn_capable(packet),
        };
        let index = self.ports[port.index()].state as usize;
        let queue =
            self.states[index].discipline.as_mut().expect("only a port with a managed queue enqueues");
        let marked = queue.enqueue(now, item);
        self.discard_queued(node, port);
        if marked {
            crate::link::mark_congestion(&mut self.packets[id]);
        }
        let busy_until = self.ports[port.index()].busy_until;
        let state = &mut self.states[index];
        let queue = state.discipline.as_mut().expect("the queue was there a moment ago");
        state.queue_max = state.queue_max.max(queue.len_packets() as u32);
        if busy_until <= now {
            self.serve(node, port);
        } else if !queue.armed && queue.len_packets() > 0 {
            queue.armed = true;
            self.schedule(busy_until, node, NetworkEvent::Service(port));
        }
    }

    /// A port's service event: the link is free for the next frame.
    pub fn on_service(&mut self, port: PortId) {
        let node = self.port_infos[port.index()].node;
        let (now, busy_until) = (self.now(), self.ports[port.index()].busy_until);
        let state = self.state_mut(port);
        let down = state.down;
        let Some(queue) = state.discipline.as_mut() else { return };
        queue.armed = false;
        if down || queue.len_packets() == 0 {
            return;
        }
        if busy_until > now {
            // A packet that came at the instant at which the link became free was served already.
            queue.armed = true;
            return self.schedule(busy_until, node, NetworkEvent::Service(port));
        }
        self.serve(node, port);
    }

    fn serve(&mut self, node: NodeId, port: PortId) {
        let now = self.scheduler.now();
        let index = self.ports[port.index()].state as usize;
        let Some(queue) = self.states[index].discipline.as_mut() else { return };
        let next = queue.dequeue(now);
        self.discard_queued(node, port);
        let Some(Dequeued { item, mark: marked }) = next else { return };
        let id = PacketId(item.packet);
        if marked {
            crate::link::mark_congestion(&mut self.packets[id]);
        }
        let hot = &mut self.ports[port.index()];
        let state = &mut self.states[index];
        let departs = match state.impairments.as_mut().and_then(|link| link.rate_trace.as_mut()) {
            Some(trace) => {
                hot.busy_until = trace.departure(now, item.bytes + hot.framing.gap_bytes());
                hot.busy_until
            }
            None => hot.occupy(now, item.bytes),
        };
        let free = hot.busy_until;
        state.busy += free - now;
        state.waited += now - item.arrived;
        let queue = state.discipline.as_mut().expect("the queue was there a moment ago");
        let more = queue.len_packets() > 0 && !queue.armed;
        queue.armed |= more;
        if more {
            self.schedule(free, node, NetworkEvent::Service(port));
        }
        self.launch_impaired(node, port, id, item.bytes, departs);
    }

    /// Drops what a managed queue gave up since it was last asked.
    fn discard_queued(&mut self, node: NodeId, port: PortId) {
        let index = self.ports[port.index()].state as usize;
        while let Some((item, cause)) =
            self.states[index].discipline.as_mut().and_then(|queue| queue.pop_dropped())
        {
            let cause = match cause {
                QueueDrop::QueueFull | QueueDrop::Overlimit => DropCause::QueueFull,
                QueueDrop::RedEarly | QueueDrop::RedForced | QueueDrop::CoDel => DropCause::QueueManaged,
                QueueDrop::Cleared => DropCause::LinkDown,
            };
            self.discard(node, Some(port), PacketId(item.packet), cause);
        }
    }

    /// Puts a frame on a link that may lose, delay, copy or damage it.
    fn launch_impaired(&mut self, node: NodeId, port: PortId, id: PacketId, bytes: u32, departs: SimTime) {
        let hot = &self.ports[port.index()];
        let number = hot.frames + 1;
        let mut arrives = departs + hot.delay;
        let starts = self.frame_start(port, bytes, departs);
        let state = &mut self.states[hot.state as usize];
        self.packets[id].epoch = state.epoch;
        let Some(impairments) = state.impairments.as_mut() else {
            return self.launch(node, FrameOnAir { port, packet: id, bytes, starts, departs, arrives });
        };
        let fate = impairments.fate(number, departs, arrives, self.packets[id].len());
        match fate {
            Fate::Lost => self.lose(node, FrameOnAir { port, packet: id, bytes, starts, departs, arrives }),
            Fate::Arrives { at, damage, copy_at } => {
                arrives = at;
                if let Some(damage) = damage {
                    state.corrupted += u64::from(damage.apply(&mut self.packets[id]));
                }
                if let Some(copy_at) = copy_at {
                    state.duplicated += 1;
                    self.copy(node, port, id, copy_at);
                }
                self.launch(node, FrameOnAir { port, packet: id, bytes, starts, departs, arrives });
            }
        }
    }

    /// A frame is sent, and paid for, but reaches nobody.
    fn lose(&mut self, node: NodeId, frame: FrameOnAir) {
        let FrameOnAir { port, packet: id, bytes, departs, arrives, .. } = frame;
        if self.power.is_some() {
            self.link_frame(frame, true);
        }
        let hot = &mut self.ports[port.index()];
        let packet = &mut self.packets[id];
        if packet.ingress == PortId::NONE.0 && self.nodes[node.index()].accounted {
            self.accounts.charge(node, true, packet, bytes, hot.framing.protocol());
        }
        hot.frames += 1;
        hot.bytes += u64::from(bytes);
        hot.digest.fold_frame(arrives, packet.header_digest(), !packet.payload_digest());
        packet.hops = packet.hops.saturating_add(1);
        packet.hop_bytes = packet.hop_bytes.wrapping_add(bytes);
        if O::ENABLED {
            self.observer.on_sent(self.scheduler.now(), port, packet, departs, arrives);
        }
        let lost = &mut self.state_mut(port).lost;
        *lost = (lost.0 + 1, lost.1 + u64::from(bytes));
        self.discard(node, Some(port), id, DropCause::Loss);
    }

    /// A second copy of a frame arrives as well; the link made it, so nobody pays for it.
    fn copy(&mut self, node: NodeId, port: PortId, id: PacketId, arrives: SimTime) {
        let mut copy = self.packets[id].clone();
        let hot = &mut self.ports[port.index()];
        copy.ingress = hot.peer.0;
        (copy.hops, copy.hop_bytes) = (0, 0);
        hot.digest.fold_frame(arrives, copy.header_digest(), copy.payload_digest());
        let peer = hot.peer_node;
        let copy = self.packets.insert(copy);
        self.schedule(arrives, node, NetworkEvent::Arrival(peer, copy));
    }

    /// Drops every packet that waits in a managed queue of `port`, and takes back what was counted as sent of
    /// those that wait in a drop-tail queue (their arrivals are void).
    pub(crate) fn flush(&mut self, node: NodeId, port: PortId) {
        self.radio_forgets(port);
        let index = self.ports[port.index()].state;
        if index == NO_STATE {
            return;
        }
        let now = self.scheduler.now();
        let state = &mut self.states[index as usize];
        for (_, bytes) in state.starts.drain(..).filter(|&(start, _)| start > now) {
            state.unsent_frames += 1;
            state.unsent_bytes += u64::from(bytes);
        }
        state.backlog_bytes = 0;
        if let Some(queue) = state.discipline.as_mut() {
            queue.clear();
        }
        self.discard_queued(node, port);
    }
}

/// Time to put `bytes` on a link, rounded up to a whole nanosecond.
///
/// The same as [`DataRate::transmit_time`], in 64 bits, which frames never exceed.
#[inline]
pub(crate) fn transmit_time(rate: DataRate, bytes: u32) -> SimDuration {
    debug_assert!(u64::from(bytes) <= MAX_FRAME.as_bytes());
    let bit_nanos = u64::from(bytes) * 8_000_000_000;
    SimDuration::from_nanos(bit_nanos.div_ceil(rate.as_bits_per_second()))
}

/// Largest frame whose bits times 10^9 fit into 64 bits: far above what IP can carry.
const MAX_FRAME: ByteCount = ByteCount::from_bytes(u64::MAX / 8_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_division_agrees_with_the_exact_one() {
        for rate in [1, 7, 250_000, 999_999_937, 100_000_000_000] {
            for bytes in [0, 1, 64, 1502, 65_575, 9_000] {
                let rate = DataRate::from_bits_per_second(rate);
                let exact = rate.transmit_time(ByteCount::from_bytes(u64::from(bytes)));
                assert_eq!(transmit_time(rate, bytes), exact, "{bytes} bytes at {rate:?}");
            }
        }
    }
}
