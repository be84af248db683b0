//! Unslotted CSMA-CA (IEEE 802.15.4-2020 clause 6.2.5), frames, acknowledgements and repetitions, as steps of events.
//!
//! ```text
//!            back-off, 8 symbols of looking           12 symbols          the frame         54 symbols
//!  (queued) ---------------------------------> clear ----------> Begin ------------> End ------------> repeat
//!                    ^                          |                                    | received
//!                    +---- busy, up to 5 times -+                     receiver: 12 symbols, acknowledgement
//! ```
//!
//! A listening radio takes no event: whether it hears a frame is asked at the frame's end. While a radio turns to
//! confirm a frame, confirms it and turns back, it does not look at the channel: the look is put off until after that.
//! A receiver acknowledges in hardware: whether its host is busy does not matter. An acknowledgement is taken by the
//! radio that it is meant for only; that another one waits for the same number at the same time is not modelled.

use sim_core::SimTime;
use smallvec::SmallVec;
use wire::account::{Account, Protocol, Reason};
use wire::ieee802154::{FCS_LEN, Header, IMMEDIATE_ACK_LEN};
use wire::packet::Packet;
use wire::payload::Payload;

use super::fate::{Fate, FrameKind};
use super::mac::{AckDue, AckSent, Outgoing, Phase, RadioState, ack_wait, backoff_period, spacing};
use super::step::RadioStep;
use crate::drop_cause::DropCause;
use crate::event::NetworkEvent;
use crate::network::Network;
use crate::node::{DestinationId, NodeId};
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::{Attachment, Framing, PortId};

/// A radio: its medium's number, and its own among the medium's radios.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RadioPlace {
    pub(crate) medium: usize,
    pub(crate) radio: u32,
}

/// Frames that go out together.
pub(super) type Frames = SmallVec<[PacketId; 1]>;

impl<O: Observer> Network<O> {
    /// The radio behind `port`, if there is one.
    pub(crate) fn radio_at(&self, port: PortId) -> Option<RadioPlace> {
        let Attachment::Radio(medium) = self.port_infos.get(port.index())?.attachment else { return None };
        let state = self.ports[port.index()].state as usize;
        Some(RadioPlace { medium: medium as usize, radio: self.states[state].radio })
    }

    /// A radio's event; one of before the radio gave everything up is void.
    pub fn on_radio(&mut self, port: PortId, step: RadioStep, epoch: u32) {
        let Some(place) = self.radio_at(port) else { return };
        if self.media[place.medium].macs[place.radio as usize].epoch != epoch {
            return;
        }
        match step {
            RadioStep::Assess => self.on_assessed(place),
            RadioStep::Begin => self.on_turned(place),
            RadioStep::End => self.on_frame_end(place),
            RadioStep::AckBegin => self.on_ack_turned(place),
            RadioStep::AckEnd => self.on_ack_end(place),
            RadioStep::AckWait => self.on_ack_overdue(place),
            RadioStep::Reassembly => self.on_reassembly_timeout(place),
        }
    }

    pub(crate) fn radio_port(&self, place: RadioPlace) -> PortId {
        self.media[place.medium].ports[place.radio as usize]
    }

    pub(crate) fn radio_node(&self, place: RadioPlace) -> NodeId {
        self.port_infos[self.radio_port(place).index()].node
    }

    pub(super) fn schedule_radio(&mut self, at: SimTime, place: RadioPlace, step: RadioStep) {
        let (port, node) = (self.radio_port(place), self.radio_node(place));
        let epoch = self.media[place.medium].macs[place.radio as usize].epoch;
        self.schedule(at, node, NetworkEvent::Radio(port, step, epoch));
    }

    /// The one place in which a radio's state changes.
    fn set_radio_state(&mut self, place: RadioPlace, state: RadioState) {
        let now = self.now();
        let clock = &mut self.media[place.medium].macs[place.radio as usize].clock;
        let was = clock.state();
        clock.change(now, state);
        if (was == RadioState::Off) != (state == RadioState::Off) {
            self.part_rests(place, state);
        }
    }

    /// Puts frames into the queue of a radio: all of them, or none.
    pub(super) fn queue_frames(&mut self, place: RadioPlace, frames: Frames, to: Option<u32>) {
        let (port, node) = (self.radio_port(place), self.radio_node(place));
        let limit = self.queue_limits[self.port_infos[port.index()].queue_limit as usize];
        let mac = &self.media[place.medium].macs[place.radio as usize];
        let idle = mac.queue.is_empty();
        let queued = mac.queue.iter().skip(1).map(|waiting| waiting.id);
        let all = queued.chain(frames.iter().copied().skip(usize::from(idle)));
        let (count, bytes) =
            all.fold((0, 0), |(count, bytes), id| (count + 1, bytes + self.packets[id].len() + FCS_LEN));
        if count > 0 && !limit.holds(count, sim_core::ByteCount::from_bytes(bytes as u64)) {
            for id in frames {
                self.discard(node, Some(port), id, DropCause::QueueFull);
            }
            return;
        }
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        mac.queue.extend(frames.into_iter().map(|id| Outgoing { id, to, sequence: None, tries: 0 }));
        let waiting = mac.waiting() as u32;
        let state = self.state_mut(port);
        state.queue_max = state.queue_max.max(waiting);
        if idle {
            self.contend(place);
        }
    }

    /// Starts to compete for the channel with the first frame of the queue.
    fn contend(&mut self, place: RadioPlace) {
        let medium = &mut self.media[place.medium];
        let exponent = medium.settings.be_min;
        let mac = &mut medium.macs[place.radio as usize];
        mac.phase = Phase::Backoff { busy: 0, exponent };
        self.back_off(place, exponent);
    }

    fn back_off(&mut self, place: RadioPlace, exponent: u8) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let phy = medium.phy;
        let mac = &mut medium.macs[place.radio as usize];
        let start = mac.ready_at.max(now);
        let at = start + backoff_period(phy) * mac.draw_backoff(exponent) + phy.cca_time();
        self.schedule_radio(at, place, RadioStep::Assess);
    }

    fn on_assessed(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let (phy, settings) = (medium.phy, medium.settings);
        let mac = &mut medium.macs[place.radio as usize];
        let Phase::Backoff { busy, exponent } = mac.phase else { return };
        let from = now - phy.cca_time();
        if mac.engaged_until > from {
            let at = mac.engaged_until + phy.cca_time();
            return self.schedule_radio(at, place, RadioStep::Assess);
        }
        if !medium.air.is_busy(place.radio, from, now) {
            medium.macs[place.radio as usize].phase = Phase::Turning;
            medium.air.turn_to_send(now, place.radio);
            self.set_radio_state(place, RadioState::Turnaround);
            return self.schedule_radio(now + phy.turnaround(), place, RadioStep::Begin);
        }
        medium.report.busy_channel += 1;
        if busy >= settings.backoffs_max {
            return self.finish_frame(place, Err(DropCause::ChannelAccess));
        }
        let exponent = (exponent + 1).min(settings.be_max);
        medium.macs[place.radio as usize].phase = Phase::Backoff { busy: busy + 1, exponent };
        self.back_off(place, exponent);
    }

    /// The frame's first symbol leaves.
    fn on_turned(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let mac = &mut medium.macs[place.radio as usize];
        let Some(outgoing) = mac.queue.front_mut() else { return };
        let sequence = *outgoing.sequence.get_or_insert_with(|| {
            let sequence = mac.next_sequence;
            mac.next_sequence = sequence.wrapping_add(1);
            sequence
        });
        outgoing.tries += 1;
        let Outgoing { id, to, tries, .. } = *outgoing;
        let packet = &mut self.packets[id];
        if tries == 1 {
            packet.header_mut()[SEQUENCE_AT] = sequence;
        } else {
            packet.account.retransmission = true;
        }
        let time = medium.phy.air_time(packet.len() + FCS_LEN);
        let transmission = medium.air.begin(now, place.radio, time);
        medium.macs[place.radio as usize].phase = Phase::Sending(transmission);
        medium.report.unicasts += u64::from(to.is_some());
        self.set_radio_state(place, RadioState::Transmit);
        self.put_on_air(place, id, now + time);
        if let Some(to) = to {
            self.part_hears(place, to);
        }
        self.schedule_radio(now + time, place, RadioStep::End);
    }

    /// Counts, charges and digests a frame that is put on the air and ends at `ends`.
    fn put_on_air(&mut self, place: RadioPlace, id: PacketId, ends: SimTime) {
        let now = self.now();
        let (port, node) = (self.radio_port(place), self.radio_node(place));
        let bytes = Framing::Ieee802154.frame_bytes(self.packets[id].len(), true);
        if self.nodes[node.index()].accounted {
            self.accounts.charge(node, true, &self.packets[id], bytes, Protocol::Ieee802154);
        }
        let packet = &mut self.packets[id];
        packet.hops = packet.hops.saturating_add(1);
        packet.hop_bytes = packet.hop_bytes.wrapping_add(bytes);
        let hot = &mut self.ports[port.index()];
        hot.frames += 1;
        hot.bytes += u64::from(bytes);
        let medium = &mut self.media[place.medium];
        medium.report.frames += 1;
        medium.report.bytes += u64::from(bytes);
        medium.report.air_time += ends - now;
        let content = packet.payload_digest() ^ u64::from(bytes);
        medium.digest.fold_frame(ends, packet.header_digest(), content);
        if O::ENABLED {
            self.observer.on_sent(now, port, packet, ends, ends);
        }
        self.part_sends(place, id, ends);
    }

    fn on_frame_end(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let mac = &medium.macs[place.radio as usize];
        let (Phase::Sending(transmission), Some(&outgoing)) = (mac.phase, mac.queue.front()) else { return };
        self.set_radio_state(place, RadioState::Listen);
        let Some(to) = outgoing.to else {
            for other in self.media[place.medium].air.neighbours(place.radio) {
                let fate = self.media[place.medium].air.receive(transmission, other);
                self.record(place, other, FrameKind::Broadcast, fate);
                if fate == Fate::Received {
                    self.hand_over(place, other, outgoing.id);
                }
            }
            return self.finish_frame(place, Ok(()));
        };
        let medium = &mut self.media[place.medium];
        let confirmed = medium.settings.acknowledgements;
        let mut fate = medium.air.receive(transmission, to);
        let received = fate == Fate::Received;
        let sequence = outgoing.sequence.unwrap_or_default();
        if received && confirmed {
            let last = medium.macs[to as usize].seen.insert(place.radio, sequence);
            // A frame that was never sent before is new, whatever its number is.
            if last == Some(sequence) && outgoing.tries > 1 {
                fate = Fate::Duplicate;
            }
        }
        self.record(place, to, FrameKind::Unicast, fate);
        self.part_heard(place, to, outgoing.id, fate);
        if fate == Fate::Received {
            self.hand_over(place, to, outgoing.id);
        }
        if !confirmed {
            return self.finish_frame(place, Ok(()));
        }
        let medium = &mut self.media[place.medium];
        let until = now + ack_wait(medium.phy);
        medium.macs[place.radio as usize].phase = Phase::Awaiting { until };
        if received {
            let flow = self.packets[outgoing.id].account.flow;
            self.turn_to_ack(RadioPlace { radio: to, ..place }, AckDue { to: place.radio, sequence, flow });
        } else {
            self.schedule_radio(until, place, RadioStep::AckWait);
        }
    }

    /// Notes what became of a frame at one radio that it was for.
    fn record(&mut self, place: RadioPlace, receiver: u32, kind: FrameKind, fate: Fate) {
        let medium = &mut self.media[place.medium];
        medium.fates.add(place.radio, receiver, kind, fate);
        medium.digest.fold_u64(u64::from(receiver) << 8 | fate as u64);
    }

    /// A copy of a frame reaches the host of `receiver`.
    fn hand_over(&mut self, place: RadioPlace, receiver: u32, id: PacketId) {
        let there = RadioPlace { radio: receiver, ..place };
        let (port, node) = (self.radio_port(there), self.radio_node(there));
        let mut copy = self.packets[id].clone();
        (copy.hops, copy.hop_bytes) = (0, 0);
        copy.ingress = port.0;
        copy.destination = DestinationId::FRAMED.0;
        copy.account.retransmission = false;
        let bytes = Framing::Ieee802154.frame_bytes(copy.len(), true);
        if self.nodes[node.index()].accounted {
            self.accounts.charge(node, false, &copy, bytes, Protocol::Ieee802154);
        }
        let copy = self.packets.insert(copy);
        let received = &mut self.state_mut(port).received;
        *received = (received.0 + 1, received.1 + u64::from(bytes));
        self.schedule(self.now(), node, NetworkEvent::Arrival(node, copy));
    }

    fn turn_to_ack(&mut self, place: RadioPlace, due: AckDue) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let phy = medium.phy;
        let start = now + phy.turnaround();
        let mac = &mut medium.macs[place.radio as usize];
        mac.ack_due = Some(due);
        mac.engaged_until = start + phy.air_time(IMMEDIATE_ACK_LEN) + phy.turnaround();
        medium.air.turn_to_send(now, place.radio);
        self.set_radio_state(place, RadioState::Turnaround);
        self.schedule_radio(start, place, RadioStep::AckBegin);
    }

    fn on_ack_turned(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let Some(due) = medium.macs[place.radio as usize].ack_due.take() else { return };
        let mut packet = Packet::new(Payload::empty(), Account::new(due.flow, Reason::Acknowledgement));
        let header = Header::immediate_ack(due.sequence, false);
        header.emit(packet.push_header(header.len()));
        packet.account.push_header(Protocol::Ieee802154, header.len());
        let id = self.packets.insert(packet);
        let ends = now + medium.phy.air_time(IMMEDIATE_ACK_LEN);
        let transmission = medium.air.begin(now, place.radio, ends - now);
        medium.macs[place.radio as usize].ack_sent = Some(AckSent { due, transmission, id });
        medium.report.acknowledgements += 1;
        self.set_radio_state(place, RadioState::Transmit);
        self.put_on_air(place, id, ends);
        self.part_hears(place, due.to);
        self.schedule_radio(ends, place, RadioStep::AckEnd);
    }

    fn on_ack_end(&mut self, place: RadioPlace) {
        let medium = &mut self.media[place.medium];
        let Some(sent) = medium.macs[place.radio as usize].ack_sent.take() else { return };
        let fate = medium.air.receive(sent.transmission, sent.due.to);
        self.set_radio_state(place, RadioState::Listen);
        self.record(place, sent.due.to, FrameKind::Acknowledgement, fate);
        self.part_heard(place, sent.due.to, sent.id, fate);
        let there = RadioPlace { radio: sent.due.to, ..place };
        let (port, node) = (self.radio_port(there), self.radio_node(there));
        if fate == Fate::Received {
            let bytes = IMMEDIATE_ACK_LEN as u32;
            if self.nodes[node.index()].accounted {
                self.accounts.charge(node, false, &self.packets[sent.id], bytes, Protocol::Ieee802154);
            }
            let received = &mut self.state_mut(port).received;
            *received = (received.0 + 1, received.1 + u64::from(bytes));
        }
        drop(self.deliver(sent.id));
        let mac = &self.media[place.medium].macs[there.radio as usize];
        let Phase::Awaiting { until } = mac.phase else { return };
        if mac.queue.front().is_none_or(|front| front.sequence != Some(sent.due.sequence)) {
            return;
        }
        if fate == Fate::Received {
            self.finish_frame(there, Ok(()));
        } else {
            self.schedule_radio(until, there, RadioStep::AckWait);
        }
    }

    fn on_ack_overdue(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &self.media[place.medium];
        let mac = &medium.macs[place.radio as usize];
        if mac.phase != (Phase::Awaiting { until: now }) {
            return;
        }
        let Some(outgoing) = mac.queue.front() else { return };
        if outgoing.tries > medium.settings.retries_max {
            return self.finish_frame(place, Err(DropCause::Retries));
        }
        self.contend(place);
    }

    /// Ends the work on the first frame of the queue, and turns to the next.
    fn finish_frame(&mut self, place: RadioPlace, outcome: Result<(), DropCause>) {
        let now = self.now();
        let (port, node) = (self.radio_port(place), self.radio_node(place));
        let medium = &mut self.media[place.medium];
        let phy = medium.phy;
        let mac = &mut medium.macs[place.radio as usize];
        mac.phase = Phase::Idle;
        let Some(Outgoing { id, to, tries, .. }) = mac.queue.pop_front() else { return };
        if tries > 0 {
            mac.ready_at = now + spacing(phy, self.packets[id].len() + FCS_LEN);
        }
        let more = !mac.queue.is_empty();
        match outcome {
            // Its copies have gone on in its stead.
            Ok(()) => drop(self.replace(id)),
            Err(cause) => self.discard(node, Some(port), id, cause),
        }
        if more {
            self.contend(place);
        }
        // A channel that was never clear says nothing of the link.
        if let (Some(to), Ok(()) | Err(DropCause::Retries)) = (to, outcome) {
            self.on_link_used(place, to, tries, outcome.is_ok());
        }
    }

    /// Turns a radio off: what it was doing breaks off, what waited is lost, what it knew is forgotten.
    pub(crate) fn silence_radio(&mut self, port: PortId, cause: DropCause) {
        let Some(place) = self.radio_at(port) else { return };
        let (now, node) = (self.now(), self.radio_node(place));
        self.leave_receivers(place);
        let medium = &mut self.media[place.medium];
        let mac = &mut medium.macs[place.radio as usize];
        mac.epoch = (mac.epoch + 1) & EPOCH_MASK;
        if let Phase::Sending(transmission) = mac.phase {
            medium.air.abort(now, transmission);
            let unicast = mac.queue.front().is_some_and(|outgoing| outgoing.to.is_some());
            medium.report.aborted_unicasts += u64::from(unicast);
        }
        mac.phase = Phase::Idle;
        (mac.ready_at, mac.engaged_until) = (now, now);
        mac.seen.clear();
        mac.incoming = 0;
        let waiting = std::mem::take(&mut mac.queue);
        let parts = mac.reassembly.clear();
        let due = mac.ack_due.take();
        let sent = mac.ack_sent.take();
        if let Some(sent) = sent {
            medium.air.abort(now, sent.transmission);
            medium.report.aborted_acknowledgements += 1;
            drop(self.deliver(sent.id));
        }
        self.media[place.medium].air.set_on(now, place.radio, false);
        self.set_radio_state(place, RadioState::Off);
        for id in waiting.into_iter().map(|outgoing| outgoing.id) {
            self.discard(node, Some(port), id, cause);
        }
        for id in parts {
            self.discard(node, None, id, cause);
        }
        if let Some(due) = due.or(sent.map(|sent| sent.due)) {
            // Nobody confirms that frame any more.
            let there = RadioPlace { radio: due.to, ..place };
            let mac = &self.media[place.medium].macs[due.to as usize];
            if let Phase::Awaiting { until } = mac.phase {
                self.schedule_radio(until, there, RadioStep::AckWait);
            }
        }
    }

    /// Whoever takes in a frame of a radio that fails has taken it in for nothing.
    fn leave_receivers(&mut self, place: RadioPlace) {
        let mac = &self.media[place.medium].macs[place.radio as usize];
        let frame = match (mac.phase, mac.queue.front()) {
            (Phase::Sending(_), Some(&Outgoing { id, to: Some(to), .. })) => Some((id, to)),
            (
                Phase::Idle
                | Phase::Backoff { .. }
                | Phase::Turning
                | Phase::Sending(_)
                | Phase::Awaiting { .. },
                _,
            ) => None,
        };
        let ack = mac.ack_sent.map(|sent| (sent.id, sent.due.to));
        for (id, to) in frame.into_iter().chain(ack) {
            self.part_heard(place, to, id, Fate::Collision);
        }
    }

    /// Turns a radio on.
    pub(crate) fn wake_radio(&mut self, port: PortId) {
        let Some(place) = self.radio_at(port) else { return };
        let now = self.now();
        self.media[place.medium].air.set_on(now, place.radio, true);
        self.set_radio_state(place, RadioState::Listen);
    }
}

/// Where the sequence number stands in a header of the 2003 edition.
const SEQUENCE_AT: usize = 2;
/// Epochs have 20 bits.
const EPOCH_MASK: u32 = (1 << 20) - 1;
