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
use wire::account::Protocol;
use wire::ieee802154::FCS_LEN;

use super::air::TransmissionId;
use super::duty::Heard;
use super::fate::{Fate, FrameKind};
use super::mac::{AckDue, Content, Outgoing, Phase, RadioState, backoff_period, spacing};
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
            RadioStep::Recovery => self.on_recovery_timeout(place),
            RadioStep::Look => self.manner(place).on_look(self, place),
            RadioStep::Doze => self.on_doze(place),
            RadioStep::Attempt => self.manner(place).on_attempt(self, place),
            RadioStep::Timer => self.manner(place).on_timer(self, place),
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
    pub(super) fn set_radio_state(&mut self, place: RadioPlace, state: RadioState) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let clock = &mut medium.macs[place.radio as usize].clock;
        let was = clock.state();
        clock.change(now, state);
        medium.note_state(place.radio, now, was, state);
        if (was == RadioState::Off) != (state == RadioState::Off) {
            self.part_rests(place, state);
        }
    }

    /// Puts frames into the queue of a radio: all of them, or none.
    pub(super) fn queue_frames(&mut self, place: RadioPlace, frames: Frames, to: Option<u32>) {
        self.media[place.medium].report.offered += to.map_or(0, |_| frames.len() as u64);
        if let Some(child) = to.filter(|&to| self.fetches(place, to)) {
            return self.hold(place, frames, child);
        }
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
                self.note_lost(place, &Outgoing::new(id, to, Content::Packet), DropCause::QueueFull);
                self.discard(node, Some(port), id, DropCause::QueueFull);
            }
            return;
        }
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        mac.queue.extend(frames.into_iter().map(|id| Outgoing::new(id, to, Content::Packet)));
        let waiting = mac.waiting() as u32;
        let state = self.state_mut(port);
        state.queue_max = state.queue_max.max(waiting);
        if idle || self.overtakes(place) {
            self.manner(place).send(self, place);
        }
    }

    /// Whether what has just been queued may be sent before the rest.
    fn overtakes(&self, place: RadioPlace) -> bool {
        let mac = &self.media[place.medium].macs[place.radio as usize];
        mac.duty.overtakes() && matches!(mac.phase, Phase::Backoff { .. } | Phase::Idle)
    }

    /// Puts a frame of the medium access control's own behind what waits, or in front of it.
    pub(super) fn queue_control(&mut self, place: RadioPlace, outgoing: Outgoing, in_front: bool) {
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        let idle = mac.queue.is_empty();
        if in_front {
            mac.queue.push_front(outgoing)
        } else {
            mac.queue.push_back(outgoing)
        }
        if idle || self.overtakes(place) {
            self.manner(place).send(self, place);
        }
    }

    /// Starts to compete for the channel with the first frame of the queue.
    pub(super) fn contend(&mut self, place: RadioPlace) {
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
        self.doze_in_back_off(place);
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
        self.awaken(place, from.saturating_sub(phy.turnaround()));
        let medium = &mut self.media[place.medium];
        if !medium.air.is_busy(place.radio, from, now) {
            medium.macs[place.radio as usize].phase = Phase::Turning;
            medium.air.turn_to_send(now, place.radio);
            self.set_radio_state(place, RadioState::Turnaround);
            return self.schedule_radio(now + phy.turnaround(), place, RadioStep::Begin);
        }
        medium.report.busy_channel += 1;
        if busy >= settings.backoffs_max {
            return self.manner(place).give_up(self, place, DropCause::ChannelAccess);
        }
        let exponent = (exponent + 1).min(settings.be_max);
        medium.macs[place.radio as usize].phase = Phase::Backoff { busy: busy + 1, exponent };
        self.back_off(place, exponent);
    }

    /// The frame's first symbol leaves.
    pub(super) fn on_turned(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let turnaround = medium.phy.turnaround();
        let mac = &mut medium.macs[place.radio as usize];
        if matches!(mac.phase, Phase::Pausing | Phase::Awaiting { .. }) && mac.engaged_until > now {
            // In the pause it has taken in a frame, and confirms that first.
            mac.phase = Phase::Pausing;
            let at = mac.engaged_until + turnaround;
            return self.schedule_radio(at, place, RadioStep::Begin);
        }
        let (more, in_slots) = (mac.has_more(), mac.duty.overtakes());
        mac.duty.begins(now);
        let Some(outgoing) = mac.queue.front_mut() else { return };
        let sequence = *outgoing.sequence.get_or_insert_with(|| {
            let sequence = mac.next_sequence;
            mac.next_sequence = sequence.wrapping_add(1);
            sequence
        });
        outgoing.tries = outgoing.tries.saturating_add(1);
        let first = *outgoing;
        let Outgoing { id, to, tries, .. } = first;
        if tries == 1 {
            let header = self.packets[id].header_mut();
            header[SEQUENCE_AT] = sequence;
            header[0] |= if more { FRAME_PENDING } else { 0 };
            self.seal_frame(place, id);
        } else {
            self.packets[id].account.retransmission = true;
            if in_slots {
                self.seal_frame(place, id);
            }
        }
        let (medium, packet) = (&mut self.media[place.medium], &self.packets[id]);
        let time = medium.phy.air_time(packet.len() + FCS_LEN);
        let transmission = medium.air.begin(now, place.radio, time);
        medium.macs[place.radio as usize].phase = Phase::Sending(transmission);
        medium.report.unicasts += u64::from(to.is_some());
        self.set_radio_state(place, RadioState::Transmit);
        self.put_on_air(place, id, now + time);
        self.rouse(place, now + time);
        self.parts_hear(place, to);
        self.schedule_radio(now + time, place, RadioStep::End);
    }

    /// Counts, charges and digests a frame that is put on the air and ends at `ends`.
    pub(super) fn put_on_air(&mut self, place: RadioPlace, id: PacketId, ends: SimTime) {
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
            return self.manner(place).sent_to_all(self, place, transmission, outgoing);
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
        self.note_fate(place, to, fate);
        let there = RadioPlace { radio: to, ..place };
        self.parts_heard(place, Some((to, fate)), transmission, outgoing.id);
        if fate == Fate::Received {
            self.take_in(there, &outgoing);
        }
        let heard = Heard {
            from: place.radio,
            for_me: true,
            content: outgoing.content,
            pending: self.is_pending(outgoing.id),
        };
        let until = if confirmed && received {
            let flow = self.packets[outgoing.id].account.flow;
            let pending = outgoing.content == Content::DataRequest && self.has_for(there, place.radio);
            let started = self.media[place.medium].air.started(transmission);
            self.turn_to_ack(there, AckDue { to: place.radio, sequence, flow, pending, started });
            self.manner(place).patience(self, place, true)
        } else {
            self.manner(place).patience(self, place, false)
        };
        if received {
            self.manner(there).heard(self, there, heard);
        }
        self.overhear(place, transmission, Some(to), heard);
        if !confirmed {
            return self.manner(place).confirmed(self, place, false);
        }
        let until = now + until;
        self.media[place.medium].macs[place.radio as usize].phase = Phase::Awaiting { until };
        if !received {
            self.schedule_radio(until, place, RadioStep::AckWait);
        }
    }

    /// Frames to all radios in reach end: each has its fate there.
    pub(super) fn broadcast_once(
        &mut self,
        place: RadioPlace,
        transmission: TransmissionId,
        outgoing: &Outgoing,
    ) {
        let heard = Heard { from: place.radio, for_me: true, content: outgoing.content, pending: false };
        let air = &self.media[place.medium].air;
        let started = air.started(transmission);
        let overtakes = self.media[place.medium].macs[place.radio as usize].duty.overtakes();
        // Where channels change with each slot, the others are in reach whatever they are tuned to.
        let near =
            if overtakes { air.near(place.radio, started) } else { air.neighbours(place.radio, started) };
        for other in near {
            let fate = self.media[place.medium].air.receive(transmission, other);
            self.record(place, other, FrameKind::Broadcast, fate);
            if fate == Fate::Received {
                let there = RadioPlace { radio: other, ..place };
                self.take_in(there, outgoing);
                self.manner(there).heard(self, there, heard);
            }
        }
        self.parts_heard(place, None, transmission, outgoing.id);
    }

    /// Notes what became of a frame at one radio that it was for.
    pub(super) fn record(&mut self, place: RadioPlace, receiver: u32, kind: FrameKind, fate: Fate) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        medium.fates.add(place.radio, receiver, kind, fate);
        if let Some(collisions) = medium.collisions.as_mut().filter(|list| list.len() < COLLISIONS_MAX)
            && fate == Fate::Collision
        {
            collisions.push((now, receiver));
        }
        medium.digest.fold_u64(u64::from(receiver) << 8 | fate as u64);
    }

    /// A radio has taken in a frame: a copy of a packet reaches its host.
    pub(super) fn take_in(&mut self, there: RadioPlace, outgoing: &Outgoing) {
        let (port, node) = (self.radio_port(there), self.radio_node(there));
        let packet = &self.packets[outgoing.id];
        let bytes = Framing::Ieee802154.frame_bytes(packet.len(), true);
        let is_packet = outgoing.is_packet();
        let mut copy = packet.clone();
        copy.account.retransmission = false;
        if self.nodes[node.index()].accounted {
            self.accounts.charge(node, false, &copy, bytes, Protocol::Ieee802154);
        }
        let received = &mut self.state_mut(port).received;
        *received = (received.0 + 1, received.1 + u64::from(bytes));
        if is_packet {
            (copy.hops, copy.hop_bytes) = (0, 0);
            copy.ingress = port.0;
            copy.destination = DestinationId::FRAMED.0;
            let copy = self.packets.insert(copy);
            self.schedule(self.now(), node, NetworkEvent::Arrival(node, copy));
        } else {
            self.open_control(there, outgoing.id);
        }
    }

    fn on_ack_overdue(&mut self, place: RadioPlace) {
        let now = self.now();
        let mac = &self.media[place.medium].macs[place.radio as usize];
        if mac.phase != (Phase::Awaiting { until: now }) {
            return;
        }
        self.manner(place).unconfirmed(self, place);
    }

    /// Ends the work on the first frame of the queue, and turns to the next.
    pub(super) fn finish_frame(&mut self, place: RadioPlace, outcome: Result<(), DropCause>) {
        let now = self.now();
        let (port, node) = (self.radio_port(place), self.radio_node(place));
        let medium = &mut self.media[place.medium];
        let phy = medium.phy;
        let mac = &mut medium.macs[place.radio as usize];
        mac.phase = Phase::Idle;
        let Some(outgoing) = mac.queue.pop_front() else { return };
        let Outgoing { id, to, tries, attempts, .. } = outgoing;
        // A frame that is repeated until its receiver wakes has not been lost each time.
        let rows = attempts.saturating_add(u8::from(outcome.is_ok()));
        let sent = if mac.duty.announces_more() { rows.max(1) } else { tries };
        let is_packet = outgoing.is_packet();
        if tries > 0 {
            mac.ready_at = now + spacing(phy, self.packets[id].len() + FCS_LEN);
        }
        let more = !mac.queue.is_empty();
        match outcome {
            // Its copies have gone on in its stead.
            Ok(()) => {
                if let Some(fate) = outgoing.fate {
                    self.note_end(place, &outgoing, fate);
                }
                drop(self.replace(id));
            }
            Err(cause) => {
                self.note_lost(place, &outgoing, cause);
                self.discard(node, Some(port), id, cause);
            }
        }
        let manner = self.manner(place);
        if more {
            manner.send(self, place)
        } else {
            manner.rest(self, place)
        }
        // A channel that was never clear says nothing of the link.
        if let (Some(to), Ok(()) | Err(DropCause::Retries)) = (to.filter(|_| is_packet), outcome) {
            self.on_link_used(place, to, sent, outcome.is_ok());
            self.on_neighbour_used(place, to, outcome.is_ok());
        }
    }
}

/// Where the sequence number stands in a header of the 2003 edition.
const SEQUENCE_AT: usize = 2;
/// Collisions whose times are noted.
const COLLISIONS_MAX: usize = 10_000;
/// The bit of a header's first byte that says that more follows.
pub(super) const FRAME_PENDING: u8 = 1 << 4;
