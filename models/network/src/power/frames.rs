//! Frames on links and segments, told to the radios at their ends ahead.
//!
//! A frame on a link is noted for the radios at both ends, with the kind of frame that it is: what such a frame is for is
//! worked out once. A radio is told of the frames when some have gathered, and before anybody looks at its node's hardware:
//! telling it of each at once would cost more than the frame does otherwise.

use hw::part::{PartId, StateId};
use sim_core::{SimDuration, SimTime};
use wire::account::Protocol;
use wire::packet::Packet;

use super::kinds::KindId;
use super::purpose::shares_of_frame;
use super::{Hardware, Power, RadioState};
use crate::network::Network;
use crate::node::{DestinationId, NodeId};
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::{NO_STATE, PortId};
use crate::transmit::transmit_time;

/// A frame on a link or segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameOnAir {
    /// The port that sends it.
    pub(crate) port: PortId,
    /// The packet, as it was charged.
    pub(crate) packet: PacketId,
    /// Its length with all that the link adds.
    pub(crate) bytes: u32,
    /// When its first bit leaves.
    pub(crate) starts: SimTime,
    /// When its last bit leaves.
    pub(crate) departs: SimTime,
    /// When its last bit arrives.
    pub(crate) arrives: SimTime,
}

/// A radio at the ends of links, and the frames that it has not been told of.
#[derive(Debug)]
pub(super) struct LinkRadio {
    noted: Vec<Noted>,
    /// So many are noted before it is told.
    many: usize,
    node: NodeId,
    part: PartId,
    transmit: StateId,
    receive: StateId,
}

/// A frame that a radio has not been told of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted {
    pub(super) from: SimTime,
    pub(super) until: SimTime,
    /// The port that sends it.
    pub(super) teller: PortId,
    pub(super) kind: KindId,
    pub(super) state: StateId,
}

/// A port without a radio.
pub(super) const NO_RADIO: u32 = u32::MAX;

impl Power {
    /// Notes which of its radios stand behind a node's ports.
    pub(super) fn attach(&mut self, node: NodeId, ports: &[PortId]) {
        let Some(hardware) = &mut self.nodes[node.index()] else { return };
        // A battery that follows each step may depend on when it does.
        let many = if hardware.follows_each_step() { 1 } else { NOTED_MAX };
        let first = self.radios.len();
        for &port in ports {
            let Some((part, transmit, receive)) = hardware.radio_behind(port) else { continue };
            let known = self.radios[first..].iter().position(|radio| radio.part == part);
            self.radio_of[port.index()] = (first + known.unwrap_or(self.radios.len() - first)) as u32;
            if known.is_none() {
                self.radios.push(LinkRadio { noted: Vec::new(), many, node, part, transmit, receive });
            }
        }
        hardware.link_radios = first..self.radios.len();
    }

    #[inline]
    fn radio_of(&self, port: PortId) -> u32 {
        self.radio_of.get(port.index()).copied().unwrap_or(NO_RADIO)
    }

    #[inline(never)]
    fn find_kind(&mut self, now: SimTime, packet: &mut Packet, bytes: u32, link: Protocol) -> Option<KindId> {
        self.kinds.find(packet, bytes, link).or_else(|| {
            self.tell_all(now);
            self.kinds.forget();
            self.kinds.find(packet, bytes, link)
        })
    }

    /// Notes a frame for a radio, which is told if there are some now.
    #[inline]
    fn note(&mut self, now: SimTime, radio: u32, (from, until): (SimTime, SimTime), note: Note) {
        let Note { teller, kind, receives } = note;
        if let Some(of) = self.radios.get_mut(radio as usize) {
            let state = if receives { of.receive } else { of.transmit };
            of.noted.push(Noted { from, until, teller, kind, state });
            if of.noted.len() >= of.many {
                self.tell(now, radio as usize);
            }
        }
    }

    /// Tells a radio of the frames so far, if there are any.
    #[inline]
    fn tell_rest(&mut self, now: SimTime, radio: usize) {
        if !self.radios[radio].noted.is_empty() {
            self.tell(now, radio);
        }
    }

    #[inline(never)]
    fn tell(&mut self, now: SimTime, radio: usize) {
        let LinkRadio { noted, node, part, .. } = &mut self.radios[radio];
        if let Some(hardware) = &mut self.nodes[node.index()] {
            hardware.occupy_radio(now, *part, noted, &self.kinds);
        }
        noted.clear();
    }

    /// Tells a node's radios of the frames so far.
    #[inline]
    pub(super) fn tell_node(&mut self, now: SimTime, node: NodeId) {
        let radios = self.nodes[node.index()].as_ref().map_or(0..0, |hardware| hardware.link_radios.clone());
        radios.for_each(|radio| self.tell_rest(now, radio));
    }

    /// Tells all radios of the frames so far.
    pub(super) fn tell_all(&mut self, now: SimTime) {
        (0..self.radios.len()).for_each(|radio| self.tell_rest(now, radio));
    }

    /// Whether a node's radios have been told of every frame.
    pub(super) fn knows_all(&self, hardware: &Hardware) -> bool {
        self.radios[hardware.link_radios.clone()].iter().all(|radio| radio.noted.is_empty())
    }
}

/// What a frame is to a radio.
#[derive(Clone, Copy, Debug)]
struct Note {
    teller: PortId,
    kind: KindId,
    receives: bool,
}

impl<O: Observer> Network<O> {
    /// Tells both ends of a link of a frame, the receiver's unless it is lost.
    pub(crate) fn link_frame(&mut self, frame: FrameOnAir, is_lost: bool) {
        let FrameOnAir { port, packet, bytes, starts, departs, arrives } = frame;
        let hot = &self.ports[port.index()];
        let Some(power) = &mut self.power else { return };
        let sender = power.radio_of(port);
        let receiver = if is_lost { NO_RADIO } else { power.radio_of(hot.peer) };
        if sender == NO_RADIO && receiver == NO_RADIO {
            return;
        }
        let packet = &mut self.packets[packet];
        let link = hot.framing.protocol();
        let now = self.scheduler.now();
        let known = power.kinds.known(packet, bytes, link);
        let Some(kind) = known.or_else(|| power.find_kind(now, packet, bytes, link)) else { return };
        power.note(now, sender, (starts, departs), Note { teller: port, kind, receives: false });
        let begins = starts.saturating_add(arrives - departs);
        power.note(now, receiver, (begins, arrives), Note { teller: port, kind, receives: true });
        if power.fragile > 0 {
            self.watch_ends(port);
        }
    }

    #[cold]
    fn watch_ends(&mut self, port: PortId) {
        for end in [port, self.ports[port.index()].peer] {
            self.watch_battery(self.port_infos[end.index()].node);
        }
    }

    /// Tells the radios of the frames on links so far: to be called before somebody looks at a node's hardware.
    pub fn tell_radios(&mut self) {
        let now = self.now();
        self.power.iter_mut().for_each(|power| power.tell_all(now));
    }

    /// Tells all ends of a segment of a frame: the sender's and those that take it in.
    #[cold]
    #[inline(never)]
    pub(crate) fn segment_frame(&mut self, frame: FrameOnAir, receivers: &[PortId]) {
        let FrameOnAir { port, packet, bytes, starts, departs, arrives } = frame;
        let framing = self.ports[port.index()].framing.protocol();
        let packet = &self.packets[packet];
        // On a segment the packet has its Ethernet header already, which its account does not know.
        let framed = packet.destination == DestinationId::FRAMED.0;
        let len = packet.len() - if framed { wire::ethernet::HEADER_LEN } else { 0 };
        let shares = shares_of_frame(&packet.account, len, bytes, framing);
        self.radio_occupied(port, RadioState::Transmit, (starts, departs), port, &shares);
        let delay: SimDuration = arrives - departs;
        for &receiver in receivers {
            let time = (starts.saturating_add(delay), arrives);
            self.radio_occupied(receiver, RadioState::Receive, time, port, &shares);
        }
    }

    /// When the first bit of a frame leaves, which matters to radios alone: a managed queue hands it over then, a drop-tail queue ahead.
    #[inline]
    pub(crate) fn frame_start(&self, port: PortId, bytes: u32, departs: SimTime) -> SimTime {
        if self.power.is_none() {
            return departs;
        }
        let hot = &self.ports[port.index()];
        let managed = hot.state != NO_STATE && self.states[hot.state as usize].discipline.is_some();
        if managed {
            return self.now();
        }
        departs.saturating_sub(transmit_time(hot.rate, bytes + hot.framing.preamble_bytes()))
    }
}

/// So many frames are noted before a radio is told of them.
const NOTED_MAX: usize = 16;
