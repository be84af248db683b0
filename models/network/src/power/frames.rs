//! Frames on links and segments, told to the radios at their ends ahead.
//!
//! Most frames that leave by a port are laid out as one before: the same lengths for the same flow and reasons. What such a frame
//! is for is worked out once, and numbered for the hardware of both ends.

use hw::Pattern;
use hw::device::Activity;
use hw::part::{PartId, StateId};
use sim_core::{SimDuration, SimTime};
use smallvec::SmallVec;
use wire::account::{Account, FlowId, HeaderCharge, Protocol, Reason, Run};
use wire::packet::Packet;

use super::purpose::{Shares, shares_of_frame};
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
    /// When its last bit leaves.
    pub(crate) departs: SimTime,
    /// When its last bit arrives.
    pub(crate) arrives: SimTime,
}

/// What leaves by a port: the radio behind it, and the kinds of frames that it has sent to the other end of its link.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    radio: Option<RadioBehind>,
    /// A place for each of some hash of a layout: none, or a power of two.
    kinds: Vec<Option<Kind>>,
}

/// The radio behind a port.
#[derive(Clone, Copy, Debug)]
struct RadioBehind {
    node: NodeId,
    part: PartId,
    transmit: StateId,
    receive: StateId,
}

/// Frames that are laid out alike, and what they are for to the sender and to the receiver.
#[derive(Debug)]
struct Kind {
    hash: usize,
    layout: Layout,
    patterns: Ends<Option<Pattern>>,
}

/// Of the sender and of the receiver.
type Ends<T> = (T, T);

/// All of a frame that decides what it is for, for frames that leave by one port.
#[derive(Debug)]
struct Layout {
    flow: FlowId,
    bytes: u32,
    packet_bytes: u32,
    reason: Reason,
    retransmission: bool,
    headers: SmallVec<[HeaderCharge; 4]>,
    runs: SmallVec<[RunLayout; 2]>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct RunLayout {
    flow: FlowId,
    bytes: u32,
    protocol: Protocol,
    reason: Reason,
}

impl RunLayout {
    fn of(run: &Run) -> Self {
        let Run { flow, bytes, protocol, reason, .. } = *run;
        Self { flow, bytes, protocol, reason }
    }
}

impl Layout {
    fn of(packet: &Packet, bytes: u32) -> Self {
        let account = &packet.account;
        Self {
            flow: account.flow,
            bytes,
            packet_bytes: packet.len() as u32,
            reason: account.reason,
            retransmission: account.retransmission,
            headers: SmallVec::from_slice(account.headers()),
            runs: account.runs.iter().map(RunLayout::of).collect(),
        }
    }

    #[inline]
    fn is_that_of(&self, packet: &Packet, bytes: u32) -> bool {
        let Account { flow, reason, retransmission, ref runs, .. } = packet.account;
        self.flow == flow
            && self.bytes == bytes
            && self.packet_bytes == packet.len() as u32
            && self.reason == reason
            && self.retransmission == retransmission
            && self.runs.len() == runs.len()
            && self.runs.iter().zip(runs).all(|(known, run)| *known == RunLayout::of(run))
            && self.headers[..] == *packet.account.headers()
    }

    /// A number that is the same for all packets that are laid out like this one, and differs between most others.
    #[inline]
    fn hash(packet: &Packet, bytes: u32) -> usize {
        let Account { flow, reason, retransmission, ref runs, .. } = packet.account;
        let lengths = (bytes ^ (runs.len() as u32) << 20).wrapping_mul(0x9e37_79b9) >> 16;
        (flow.0.wrapping_add(lengths) ^ (reason as u32) << 2 ^ u32::from(retransmission) << 5) as usize
    }
}

impl Outlet {
    /// The radio of `hardware` stands behind `port`, which is this one.
    pub(super) fn attach(&mut self, node: NodeId, port: PortId, hardware: &Hardware) {
        let behind = hardware.radio_behind(port);
        self.radio = behind.map(|(part, transmit, receive)| RadioBehind { node, part, transmit, receive });
    }

    /// What a frame is for, if one that is laid out like it is known.
    #[inline]
    fn known(&self, packet: &Packet, bytes: u32) -> Option<Ends<Option<Pattern>>> {
        let place = Layout::hash(packet, bytes) & self.kinds.len().wrapping_sub(1);
        let kind = self.kinds.get(place)?.as_ref()?;
        kind.layout.is_that_of(packet, bytes).then_some(kind.patterns)
    }

    /// Keeps what such frames are for; where another kind is in the place, there will be more places up to a limit.
    fn keep(&mut self, kind: Kind) {
        let place = |kind: &Kind, places: usize| kind.hash & (places - 1);
        let places = self.kinds.len();
        if places == 0 {
            self.kinds.push(None);
        } else if places < KINDS_MAX && self.kinds[place(&kind, places)].is_some() {
            let known = std::mem::take(&mut self.kinds);
            self.kinds.resize_with(2 * places, || None);
            for kind in known.into_iter().flatten() {
                let place = place(&kind, 2 * places);
                self.kinds[place] = Some(kind);
            }
        }
        let place = place(&kind, self.kinds.len());
        self.kinds[place] = Some(kind);
    }
}

impl Power {
    /// What a frame from one port to another is for, numbered for the hardware of both.
    #[inline]
    fn patterns(
        &mut self,
        ports: Ends<PortId>,
        packet: &Packet,
        bytes: u32,
        link: Protocol,
    ) -> Ends<Option<Pattern>> {
        let known = self.outlets[ports.0.index()].known(packet, bytes);
        known.unwrap_or_else(|| self.work_out(ports, packet, bytes, link))
    }

    #[cold]
    fn work_out(
        &mut self,
        ports: Ends<PortId>,
        packet: &Packet,
        bytes: u32,
        link: Protocol,
    ) -> Ends<Option<Pattern>> {
        let shares = shares_of_frame(&packet.account, packet.len(), bytes, link);
        let patterns = (self.number(ports.0, &shares), self.number(ports.1, &shares));
        let kind = Kind { hash: Layout::hash(packet, bytes), layout: Layout::of(packet, bytes), patterns };
        self.outlets[ports.0.index()].keep(kind);
        patterns
    }

    fn number(&mut self, port: PortId, shares: &Shares) -> Option<Pattern> {
        let radio = self.outlets.get(port.index())?.radio?;
        let hardware = self.nodes[radio.node.index()].as_mut()?;
        Some(hardware.pattern(shares))
    }

    /// Tells a radio of a frame; says whether its node's battery has to be looked at closely.
    #[inline]
    fn tell(
        &mut self,
        now: SimTime,
        node: NodeId,
        part: PartId,
        activity: Activity,
        pattern: Pattern,
    ) -> bool {
        let Some(hardware) = &mut self.nodes[node.index()] else { return false };
        hardware.occupy_radio(now, part, activity, pattern);
        hardware.watch.fragile
    }
}

impl<O: Observer> Network<O> {
    /// Tells both ends of a link of a frame, the receiver's unless it is lost.
    #[inline(never)]
    pub(crate) fn link_frame(&mut self, frame: FrameOnAir, is_lost: bool) {
        let FrameOnAir { port, packet, bytes, departs, arrives } = frame;
        let start = self.frame_start(port, bytes, departs);
        let now = self.scheduler.now();
        let hot = &self.ports[port.index()];
        let Some(power) = &mut self.power else { return };
        let behind = |port: PortId| power.outlets.get(port.index()).and_then(|outlet| outlet.radio);
        let (sender, receiver) = (behind(port), behind(hot.peer));
        if sender.is_none() && receiver.is_none() {
            return;
        }
        let packet = &self.packets[packet];
        let patterns = power.patterns((port, hot.peer), packet, bytes, hot.framing.protocol());
        let teller = port.0;
        let (mut sender_is_fragile, mut receiver_is_fragile) = (false, false);
        if let (Some(radio), Some(pattern)) = (sender, patterns.0) {
            let activity = Activity { state: radio.transmit, from: start, until: departs, teller };
            sender_is_fragile = power.tell(now, radio.node, radio.part, activity, pattern);
        }
        if let (Some(radio), Some(pattern), false) = (receiver, patterns.1, is_lost) {
            let from = start.saturating_add(arrives - departs);
            let activity = Activity { state: radio.receive, from, until: arrives, teller };
            receiver_is_fragile = power.tell(now, radio.node, radio.part, activity, pattern);
        }
        for (radio, is_fragile) in [(sender, sender_is_fragile), (receiver, receiver_is_fragile)] {
            if let Some(radio) = radio.filter(|_| is_fragile) {
                self.watch_battery(radio.node);
            }
        }
    }

    /// Tells all ends of a segment of a frame: the sender's and those that take it in.
    #[cold]
    #[inline(never)]
    pub(crate) fn segment_frame(&mut self, frame: FrameOnAir, receivers: &[PortId]) {
        let FrameOnAir { port, packet, bytes, departs, arrives } = frame;
        let start = self.frame_start(port, bytes, departs);
        let framing = self.ports[port.index()].framing.protocol();
        let packet = &self.packets[packet];
        // On a segment the packet has its Ethernet header already, which its account does not know.
        let framed = packet.destination == DestinationId::FRAMED.0;
        let len = packet.len() - if framed { wire::ethernet::HEADER_LEN } else { 0 };
        let shares = shares_of_frame(&packet.account, len, bytes, framing);
        self.radio_occupied(port, RadioState::Transmit, (start, departs), port, &shares);
        let delay: SimDuration = arrives - departs;
        for &receiver in receivers {
            let time = (start.saturating_add(delay), arrives);
            self.radio_occupied(receiver, RadioState::Receive, time, port, &shares);
        }
    }

    /// When the first bit of a frame leaves: a managed queue hands it over then, a drop-tail queue ahead.
    #[inline]
    fn frame_start(&self, port: PortId, bytes: u32, departs: SimTime) -> SimTime {
        let hot = &self.ports[port.index()];
        let managed = hot.state != NO_STATE && self.states[hot.state as usize].discipline.is_some();
        if managed {
            return self.now();
        }
        departs.saturating_sub(transmit_time(hot.rate, bytes + hot.framing.preamble_bytes()))
    }
}

/// Places for kinds of frames that leave by one port.
const KINDS_MAX: usize = 64;
