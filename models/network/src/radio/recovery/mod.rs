//! Fragments that are recovered one by one (RFC 8931): the lost ones are sent again, not the packet.
//!
//! ```text
//!  sender                               receiver
//!    first fragment, X ------------------> knows the packet from now on
//!    <---------------------- RFRAG-ACK 1000…
//!    1, 2, 3, 4 with X ------------------> 2 is lost
//!    <---------------------- RFRAG-ACK 1101 1…
//!    2, 5 with X ------------------------> whole
//!    <---------------------- RFRAG-ACK of ones
//! ```
//!
//! Each hop is both ends: packets are put together at every router, as with RFC 4944's fragments, and cut again. Label switching over several hops
//! (RFC 8930, RFC 8931 §6.1) is not built; so nobody marks congestion, which is echoed and obeyed all the same.

mod receiver;
mod sender;

use sim_core::SimTime;
use wire::account::{Account, FlowId, Reason};
use wire::ieee802154::{Address, Addressing, Header};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::sixlowpan::Identifiers;
use wire::sixlowpan::recovery::{ACK_LEN, FRAGMENT_LEN, FragmentAck, RecoverableFragment};

use super::access::{Frames, RadioPlace};
use super::adaptation::{Squeezed, content, pull_headers, push_frame, split_part, uncharge};
use super::step::RadioStep;
use crate::drop_cause::DropCause;
use crate::forward::Ingress;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use receiver::Arrivals;
pub use sender::RecoverySettings;
use sender::{Next, Progress};

/// A packet that is being sent.
#[derive(Debug)]
struct Departing {
    to: u32,
    tag: u8,
    /// Whether its turn has come: to each radio one packet goes at a time, so that none is in the way of another one's answers.
    begun: bool,
    progress: Progress,
    /// The frames, as they were made first.
    frames: Vec<Packet>,
    /// Where the fragment's header stands in each.
    at: usize,
}

/// What a radio keeps of recoverable fragments.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    departing: Vec<Departing>,
    arrivals: Arrivals,
    next_tag: u8,
}

impl Recovery {
    /// Takes out all fragments that have come, with the radios that they came from, and forgets those that were to be sent.
    pub(super) fn clear(&mut self) -> Vec<(u32, PacketId)> {
        self.departing.clear();
        self.arrivals.clear()
    }
}

impl<O: Observer> Network<O> {
    /// Sends a packet that is too large for a frame in fragments that are recovered. Sizes and offsets count the compressed packet (RFC 8931 §5.1).
    pub(super) fn send_recovered(
        &mut self,
        here: RadioPlace,
        id: PacketId,
        frame: &Header,
        squeezed: &Squeezed,
        room: usize,
        to: u32,
    ) {
        let Some(settings) = self.media[here.medium].settings.recovery else { return };
        let (port, node) = (self.radio_port(here), self.radio_node(here));
        let size = squeezed.bytes.len() + self.packets[id].len() - squeezed.consumed;
        let most = room - FRAGMENT_LEN;
        let recovery = &mut self.media[here.medium].macs[here.radio as usize].recovery;
        if size.div_ceil(most) > FRAGMENTS_MAX || recovery.departing.len() >= DEPARTING_MAX {
            return self.discard(node, Some(port), id, DropCause::QueueFull);
        }
        let tag = recovery.new_tag();
        let mut packet = self.replace(id);
        packet.pop_header(squeezed.consumed);
        uncharge(&mut packet.account, squeezed);
        let (mut rest, mut runs) = content(&mut packet);
        let mut frames = Vec::new();
        let mut offset = 0;
        while offset < size {
            let front = if offset == 0 { squeezed.bytes.len() } else { 0 };
            let taken = (most - front).min(rest.len() as usize);
            let mut part = split_part(&packet, &mut rest, &mut runs, taken as u32);
            // The first one says how long the packet is, the others where they stand.
            let position = if offset == 0 { size } else { offset } as u16;
            let header = RecoverableFragment::new(tag, frames.len() as u8, front + taken, position)
                .expect("at most 32 fragments of at most a frame");
            push_frame(&mut part, frame, Some(&header.to_bytes()), (offset == 0).then_some(squeezed));
            frames.push(part);
            offset += front + taken;
        }
        let progress = Progress::new(settings, frames.len());
        let departing = Departing { to, tag, begun: false, progress, frames, at: frame.len() };
        self.media[here.medium].macs[here.radio as usize].recovery.departing.push(departing);
        self.begin_next(here, to);
    }

    /// Begins with the oldest packet to a radio, if none is on its way.
    fn begin_next(&mut self, here: RadioPlace, to: u32) {
        let recovery = &mut self.media[here.medium].macs[here.radio as usize].recovery;
        if recovery.departing.iter().any(|departing| departing.to == to && departing.begun) {
            return;
        }
        if let Some(place) = recovery.departing.iter().position(|departing| departing.to == to) {
            recovery.departing[place].begun = true;
            self.step_recovery(here, place, |progress, now| progress.start(now));
        }
    }

    /// Lets the sender of a packet decide, and does what it says.
    fn step_recovery(
        &mut self,
        here: RadioPlace,
        place: usize,
        decide: impl FnOnce(&mut Progress, SimTime) -> Next,
    ) {
        let now = self.now();
        let recovery = &mut self.media[here.medium].macs[here.radio as usize].recovery;
        let next = decide(&mut recovery.departing[place].progress, now);
        self.follow(here, place, next);
    }

    fn follow(&mut self, here: RadioPlace, place: usize, next: Next) {
        let now = self.now();
        let recovery = &mut self.media[here.medium].macs[here.radio as usize].recovery;
        match next {
            Next::Send(window) => self.send_window(here, place, &window),
            Next::Wait => {}
            Next::Done => {
                let to = recovery.departing.remove(place).to;
                self.begin_next(here, to);
            }
            Next::Restart => {
                let tag = recovery.new_tag();
                let departing = &mut recovery.departing[place];
                departing.tag = tag;
                for frame in &mut departing.frames {
                    frame.header_mut()[departing.at + 1] = tag;
                }
                let first = departing.progress.start(now);
                self.follow(here, place, first);
            }
            Next::GiveUp => {
                self.abort_recovery(here, place);
                self.end_recovery(here, place);
            }
            Next::Abandon => self.end_recovery(here, place),
        }
    }

    fn send_window(&mut self, here: RadioPlace, place: usize, window: &[u8]) {
        let recovery = &self.media[here.medium].macs[here.radio as usize].recovery;
        let Departing { to, frames, at, progress, .. } = &recovery.departing[place];
        let (to, deadline) = (*to, progress.deadline());
        let mut copies = Vec::with_capacity(window.len());
        for (&number, left) in window.iter().zip((0..window.len()).rev()) {
            let mut frame = frames[usize::from(number)].clone();
            frame.account.retransmission |= progress.is_repeated(number);
            if left == 0 {
                frame.header_mut()[at + 2] |= ACK_REQUEST;
            }
            copies.push(frame);
        }
        let ids: Frames = copies.into_iter().map(|frame| self.packets.insert(frame)).collect();
        self.queue_frames(here, ids, Some(to));
        self.schedule_radio(deadline, here, RadioStep::Recovery);
    }

    /// Tells the receiver that nothing more of a packet will come (RFC 8931 §6.3).
    fn abort_recovery(&mut self, here: RadioPlace, place: usize) {
        let recovery = &self.media[here.medium].macs[here.radio as usize].recovery;
        let Departing { to, tag, frames, .. } = &recovery.departing[place];
        let flow = frames.first().map_or(FlowId::NONE, |frame| frame.account.flow);
        let (to, tag) = (*to, *tag);
        if let Ok(reset) = RecoverableFragment::new(tag, 0, 0, 0) {
            self.send_bare(here, to, &reset.to_bytes(), flow, Reason::Control);
        }
    }

    /// A packet is given up: its first fragment stands for it in the counts.
    fn end_recovery(&mut self, here: RadioPlace, place: usize) {
        let (port, node) = (self.radio_port(here), self.radio_node(here));
        let recovery = &mut self.media[here.medium].macs[here.radio as usize].recovery;
        let departing = recovery.departing.remove(place);
        let to = departing.to;
        if let Some(first) = departing.frames.into_iter().next() {
            let id = self.packets.insert(first);
            self.discard(node, Some(port), id, DropCause::Retries);
        }
        self.begin_next(here, to);
    }

    /// Sends a header of RFC 8931 that nothing follows.
    fn send_bare(&mut self, here: RadioPlace, to: u32, bytes: &[u8], flow: FlowId, reason: Reason) {
        let medium = &self.media[here.medium];
        let addressing = Addressing::within(medium.pan, medium.address(to), medium.address(here.radio));
        let frame = Header::data(0, addressing, medium.settings.acknowledgements);
        let frame = Header { version: medium.macs[here.radio as usize].duty.version(), ..frame };
        let mut packet = Packet::new(Payload::empty(), Account::new(flow, reason));
        push_frame(&mut packet, &frame, Some(bytes), None);
        let id = self.packets.insert(packet);
        self.queue_frames(here, Frames::from_slice(&[id]), Some(to));
    }

    /// The time of something about recoverable fragments has come.
    pub(super) fn on_recovery_timeout(&mut self, here: RadioPlace) {
        let (now, node) = (self.now(), self.radio_node(here));
        let recovery = &mut self.media[here.medium].macs[here.radio as usize].recovery;
        for (from, id) in recovery.arrivals.expire(now) {
            self.note_useless(here, from, false);
            self.discard(node, None, id, DropCause::Reassembly);
        }
        loop {
            let recovery = &self.media[here.medium].macs[here.radio as usize].recovery;
            let is_due = |departing: &Departing| departing.begun && departing.progress.deadline() <= now;
            let due = recovery.departing.iter().position(is_due);
            let Some(place) = due else { return };
            self.step_recovery(here, place, |progress, now| progress.on_timeout(now));
        }
    }

    /// Takes an acknowledgment of fragments; one of a packet that is not known any more is dropped (RFC 8931 §6.2).
    pub(super) fn on_recovery_ack(&mut self, here: RadioPlace, source: Address, id: PacketId) -> Ingress {
        let (port, node) = (self.radio_port(here), self.radio_node(here));
        let from = self.media[here.medium].radio_of(source);
        let Ok(ack) = FragmentAck::parse(self.packets[id].header()) else {
            self.discard(node, None, id, DropCause::Malformed);
            return Ingress::Done;
        };
        self.charge_received(node, port, id);
        drop(self.deliver(id));
        let recovery = &self.media[here.medium].macs[here.radio as usize].recovery;
        let is_it = |departing: &Departing| Some(departing.to) == from && departing.tag == ack.datagram_tag;
        if let Some(place) = recovery.departing.iter().position(is_it) {
            self.step_recovery(here, place, |progress, now| progress.on_ack(now, &ack));
        }
        Ingress::Done
    }

    /// Takes a recoverable fragment.
    pub(super) fn on_recoverable(
        &mut self,
        node: NodeId,
        here: RadioPlace,
        source: Address,
        implied: Identifiers,
        id: PacketId,
    ) -> Ingress {
        let now = self.now();
        let parsed = RecoverableFragment::parse(self.packets[id].header()).map(|(header, _)| header);
        let (Ok(header), Some(from)) = (parsed, self.media[here.medium].radio_of(source)) else {
            self.discard(node, None, id, DropCause::Malformed);
            return Ingress::Done;
        };
        let packet = &mut self.packets[id];
        packet.pop_header(FRAGMENT_LEN);
        packet.account.pop_header();
        let (len, flow) = (packet.len(), packet.account.flow);
        let medium = &mut self.media[here.medium];
        let packets_max = usize::from(medium.settings.reassemblies_max);
        let arrivals = &mut medium.macs[here.radio as usize].recovery.arrivals;
        let answer = arrivals.take(now, from, &header, len, id, packets_max);
        for id in answer.dropped {
            self.note_useless(here, from, false);
            self.discard(node, None, id, DropCause::Reassembly);
        }
        if let Some(at) = answer.armed {
            self.schedule_radio(at, here, RadioStep::Recovery);
        }
        if let Some(ack) = answer.ack {
            self.send_bare(here, from, &ack.to_bytes(), flow, Reason::Acknowledgement);
        }
        match answer.whole {
            Some(fragments) => self.join_recovered(node, here, source, implied, &fragments),
            None => Ingress::Done,
        }
    }

    fn join_recovered(
        &mut self,
        node: NodeId,
        here: RadioPlace,
        source: Address,
        implied: Identifiers,
        fragments: &[PacketId],
    ) -> Ingress {
        let Some(id) = self.join_parts(fragments.iter().copied()) else { return Ingress::Done };
        pull_headers(&mut self.packets[id]);
        self.packets[id].ingress = self.radio_port(here).0;
        self.take_whole(node, here, source, implied, id)
    }
}

impl Recovery {
    /// A tag that no packet under way has.
    fn new_tag(&mut self) -> u8 {
        while self.departing.iter().any(|departing| departing.tag == self.next_tag) {
            self.next_tag = self.next_tag.wrapping_add(1);
        }
        let tag = self.next_tag;
        self.next_tag = tag.wrapping_add(1);
        tag
    }
}

/// The flag X in the third byte of a fragment's header.
const ACK_REQUEST: u8 = 0x80;
/// Sequence numbers have five bits.
const FRAGMENTS_MAX: usize = 32;
/// Packets that a radio sends in fragments or keeps for that: fewer than there are tags.
const DEPARTING_MAX: usize = 16;
const _: () = assert!(ACK_LEN == FRAGMENT_LEN);
