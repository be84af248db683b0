//! What happens in slots: joining, sending, backing off, keeping the time.

use wire::account::{Account, FlowId, Reason};
use wire::ieee802154::element::{HeaderElement, MLME_GROUP, NestedElement, push_payload_element};

use super::super::super::mac::{Phase, RadioState};
use super::super::super::step::RadioStep;
use super::schedule::{HOPPING, channel};
use super::*;
use crate::power::rhythm::next_of;

impl<O: Observer> Network<O> {
    pub(super) fn start_slots(&mut self, place: RadioPlace) {
        let now = self.now();
        let Some(own) = node(self, place) else { return };
        own.forget();
        if own.coordinator {
            own.synchronise(now, (0, now), None, 0);
            own.beacon_at = now;
            self.sleep(place);
        } else {
            self.scan(place);
        }
        self.arm_slot_timer(place);
    }

    /// Listens on a channel for beacons.
    fn scan(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let drawn = medium.macs[place.radio as usize].draw_backoff(4) as usize;
        medium.air.tune(now, place.radio, HOPPING[drawn % HOPPING.len()]);
    }

    /// Plans what the radio does by itself: a beacon, a keep-alive, leaving, the next channel to scan.
    fn arm_slot_timer(&mut self, place: RadioPlace) {
        let now = self.now();
        let Some(own) = node(self, place) else { return };
        let at = match &own.joined {
            None => now + SCAN,
            Some(Joined { source: None, .. }) => own.beacon_at,
            Some(joined) => {
                let asks = joined.synchronised + own.settings.keep_alive;
                let leaves = asks + own.settings.keep_alive;
                own.beacon_at.min(if asks > now { asks } else { leaves })
            }
        };
        let at = at.max(now + SimDuration::from_nanos(1));
        own.timer_at = at;
        self.schedule_radio(at, place, RadioStep::Timer);
    }

    pub(super) fn on_slot_timer(&mut self, place: RadioPlace) {
        let now = self.now();
        let Some(own) = node(self, place) else { return };
        if own.timer_at != now {
            return;
        }
        let Some(joined) = &own.joined else {
            if !self.media[place.medium].macs[place.radio as usize].is_engaged(now) {
                self.scan(place);
            }
            return self.arm_slot_timer(place);
        };
        let (source, quiet) = (joined.source, now.saturating_since(joined.synchronised));
        let (keep_alive, every) = (own.settings.keep_alive, own.settings.beacon_every);
        let is_beacon_due = own.beacon_at <= now;
        if source.is_some() && quiet >= keep_alive + keep_alive {
            self.leave_network(place);
            return self.arm_slot_timer(place);
        }
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        let queued = |mac: &super::super::super::mac::Mac, content: Content| {
            mac.queue.iter().any(|outgoing| outgoing.content == content)
        };
        if is_beacon_due {
            let next = now + every - mac.draw_part(every / 4);
            let has_beacon = queued(mac, Content::Beacon);
            if let Some(own) = node(self, place) {
                own.beacon_at = next;
            }
            if !has_beacon {
                let id = self.control_frame(place, None, Content::Beacon);
                self.queue_control(place, Outgoing::new(id, None, Content::Beacon), false);
            }
        }
        let mac = &self.media[place.medium].macs[place.radio as usize];
        if let Some(source) = source
            && quiet >= keep_alive
            && !queued(mac, Content::KeepAlive)
        {
            let id = self.control_frame(place, Some(source), Content::KeepAlive);
            self.queue_control(place, Outgoing::new(id, Some(source), Content::KeepAlive), false);
        }
        self.arm_slot_timer(place);
    }

    /// The radio has lost the network: what it wanted to send waits until it has joined again.
    fn leave_network(&mut self, place: RadioPlace) {
        let now = self.now();
        self.awaken(place, now);
        if let Some(own) = node(self, place) {
            own.forget();
        }
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        if matches!(mac.phase, Phase::Backoff { .. }) {
            mac.phase = Phase::Idle;
        }
        let is_own = |outgoing: &Outgoing| matches!(outgoing.content, Content::Beacon | Content::KeepAlive);
        let own_frames: Vec<Outgoing> = mac.queue.iter().copied().filter(is_own).collect();
        mac.queue.retain(|outgoing| !is_own(outgoing));
        for outgoing in own_frames {
            drop(self.replace(outgoing.id));
        }
        self.scan(place);
    }

    /// A beacon, or a frame that asks for an acknowledgement alone.
    fn control_frame(
        &mut self,
        place: RadioPlace,
        to: Option<u32>,
        content: Content,
    ) -> crate::pool::PacketId {
        let medium = &self.media[place.medium];
        let receiver = to.map_or(Address::BROADCAST, |to| medium.address(to));
        let addressing = Addressing::within(medium.pan, receiver, medium.address(place.radio));
        let header = Header::data(0, addressing, to.is_some());
        let header = Header { version: FrameVersion::V2015, ..header };
        let mut behind = Vec::new();
        let header = if content == Content::Beacon {
            behind = self.beacon_elements(place);
            Header { frame_type: FrameType::Beacon, elements: true, ..header }
        } else {
            header
        };
        let reason = if content == Content::Beacon { Reason::Control } else { Reason::KeepAlive };
        self.protected_control(place, header, &behind, Account::new(FlowId::NONE, reason))
    }

    /// What an enhanced beacon says (RFC 8180 §4.5.1): slot number, join metric, timings, channels, the cell that all share.
    fn beacon_elements(&mut self, place: RadioPlace) -> Vec<u8> {
        let Some(own) = node(self, place) else { return Vec::new() };
        let slot_number = own.planned.map_or(0, |(_, slot)| slot) & SLOT_NUMBER_MASK;
        let join_metric = own.metric().unwrap_or(u8::MAX);
        let cell = own.settings.schedule.sends(own.radio, None, Content::Packet);
        let [a, b] = (cell.length as u16).to_le_bytes();
        let [c, d] = (cell.offset as u16).to_le_bytes();
        let [e, f] = (cell.channel as u16).to_le_bytes();
        // One slotframe, number 0, of that length, with one link: slot, channel offset, send, receive, shared, time.
        let slotframes = [1, 0, a, b, 1, c, d, e, f, 0b1111];
        let nested = [
            NestedElement::TschSynchronization { slot_number, join_metric },
            NestedElement::TschTimeslot(0),
            NestedElement::ChannelHopping(0),
            NestedElement::TschSlotframeAndLink(&slotframes),
        ];
        let (mut content, mut out) = (Vec::new(), Vec::new());
        let pushed = nested.iter().try_for_each(|element| element.push(&mut content));
        let pushed = pushed.and_then(|()| HeaderElement::PayloadFollows.push(&mut out));
        let pushed = pushed.and_then(|()| push_payload_element(&mut out, MLME_GROUP, &content));
        debug_assert!(pushed.is_ok(), "26 bytes fit");
        out
    }

    /// Plans the frame whose cell comes first.
    pub(super) fn plan_slot(&mut self, place: RadioPlace) {
        let now = self.now();
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        match mac.phase {
            Phase::Idle | Phase::Backoff { .. } | Phase::Awaiting { .. } => {}
            Phase::Turning | Phase::Pausing | Phase::Sending(_) => return,
        }
        let (ready_at, queue) = (mac.ready_at.max(now), &mac.queue);
        let Duty::Tsch(own) = &mac.duty else { return };
        let Some(joined) = &own.joined else {
            mac.phase = Phase::Idle;
            return;
        };
        let first = joined.slots.at(ready_at) + 1;
        let cells = queue.iter().map(|outgoing| {
            let cell = own.settings.schedule.sends(own.radio, outgoing.to, outgoing.content);
            let backs_off = outgoing.to.filter(|_| cell.shared).and_then(|to| own.back_off.get(&to));
            let from = backs_off.map_or(first, |&(_, slot)| slot.max(first));
            next_of(from, cell.length, cell.offset)
        });
        let Some(slot) = cells.min() else { return };
        let starts = joined.slots.start(slot) + TX_OFFSET;
        let turnaround = self.media[place.medium].phy.turnaround();
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        mac.phase = Phase::Backoff { busy: 0, exponent: 0 };
        if let Duty::Tsch(own) = &mut mac.duty {
            own.planned = Some((starts, slot));
        }
        self.schedule_radio(starts - turnaround, place, RadioStep::Attempt);
        self.sleep_if_free(place);
    }

    /// The planned slot has come.
    pub(super) fn use_slot(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let turnaround = medium.phy.turnaround();
        let mac = &mut medium.macs[place.radio as usize];
        let Duty::Tsch(own) = &mac.duty else { return };
        let Some((starts, slot)) = own.planned else { return };
        if !matches!(mac.phase, Phase::Backoff { .. }) || own.joined.is_none() || starts != now + turnaround {
            return;
        }
        if mac.is_engaged(now) {
            return self.plan_slot(place);
        }
        // What is for this cell, in the order in which it came; beacons first.
        let fits = |outgoing: &Outgoing| {
            let cell = own.settings.schedule.sends(own.radio, outgoing.to, outgoing.content);
            let backs_off = outgoing.to.filter(|_| cell.shared).and_then(|to| own.back_off.get(&to));
            cell.is_in(slot) && backs_off.is_none_or(|&(_, from)| from <= slot)
        };
        let chosen =
            mac.queue.iter().position(|outgoing| outgoing.content == Content::Beacon && fits(outgoing));
        let chosen = chosen.or_else(|| mac.queue.iter().position(fits));
        let Some(outgoing) = chosen.and_then(|at| mac.queue.get(at).copied()) else {
            return self.plan_slot(place);
        };
        let cell = own.settings.schedule.sends(own.radio, outgoing.to, outgoing.content);
        if let Some(at) = chosen {
            mac.queue.remove(at);
            mac.queue.push_front(outgoing);
        }
        if outgoing.content == Content::Beacon {
            // The slot's number is known now.
            let id = self.control_frame(place, None, Content::Beacon);
            drop(self.replace(outgoing.id));
            if let Some(first) = self.media[place.medium].macs[place.radio as usize].queue.front_mut() {
                first.id = id;
            }
        }
        self.awaken(place, now);
        let medium = &mut self.media[place.medium];
        medium.air.tune(now, place.radio, channel(slot, cell.channel));
        medium.air.turn_to_send(now, place.radio);
        self.set_phase(place, Phase::Turning);
        self.set_radio_state(place, RadioState::Turnaround);
        self.schedule_radio(starts, place, RadioStep::Begin);
    }

    pub(super) fn slot_confirmed(&mut self, place: RadioPlace) {
        let to = self.media[place.medium].macs[place.radio as usize].queue.front().and_then(|first| first.to);
        if let Some(to) = to {
            let receiver = RadioPlace { radio: to, ..place };
            let Some(own) = node(self, place) else { return };
            own.back_off.remove(&to);
            let slot = own.slot().map(|(slot, _)| slot);
            if own.joined.as_ref().is_some_and(|joined| joined.source == Some(to))
                && let Some(slot) = slot
            {
                // The acknowledgement says by how much this radio was off.
                self.take_time(place, receiver, slot);
            }
        }
        self.finish_frame(place, Ok(()));
    }

    pub(super) fn slot_unconfirmed(&mut self, place: RadioPlace) {
        let medium = &mut self.media[place.medium];
        let (retries_max, be_min, be_max) =
            (medium.settings.retries_max, medium.settings.be_min.min(TSCH_BE_MIN), medium.settings.be_max);
        let mac = &mut medium.macs[place.radio as usize];
        let Some(&first) = mac.queue.front() else { return };
        let exponent = match &mac.duty {
            Duty::Tsch(own) => {
                first.to.and_then(|to| own.back_off.get(&to)).map_or(be_min, |&(grown, _)| grown)
            }
            Duty::AlwaysOn | Duty::Strobing(_) | Duty::Child(_) | Duty::Parent(_) => be_min,
        };
        let passes = mac.draw_backoff(exponent);
        if let Duty::Tsch(own) = &mut mac.duty
            && let Some((to, (_, slot))) = first.to.zip(own.planned)
        {
            let cell = own.settings.schedule.sends(own.radio, first.to, first.content);
            let from = slot + 1 + passes * u64::from(cell.length);
            own.back_off.insert(to, ((exponent + 1).min(be_max), from));
        }
        // It is sealed for the slot that is over.
        self.reopen_frame(place, first.id);
        if first.tries > retries_max {
            return self.finish_frame(place, Err(DropCause::Retries));
        }
        self.set_phase(place, Phase::Idle);
        self.plan_slot(place);
    }

    pub(super) fn heard_in_slot(&mut self, place: RadioPlace, heard: Heard) {
        let now = self.now();
        let sender = RadioPlace { radio: heard.from, ..place };
        let Some((slot, metric)) =
            node(self, sender).and_then(|theirs| Some((theirs.slot()?.0, theirs.metric()?)))
        else {
            return;
        };
        let Some(own) = node(self, place) else { return };
        let had_joined = own.joined.is_some();
        let nearer = own.joined.as_ref().is_none_or(|joined| metric.saturating_add(1) < joined.metric);
        let is_source = own.joined.as_ref().is_some_and(|joined| joined.source == Some(heard.from));
        let joins = heard.content == Content::Beacon && nearer && !own.coordinator;
        if is_source {
            self.take_time(place, sender, slot);
        } else if joins && metric < u8::MAX {
            let Some(began) = node(self, sender).and_then(|theirs| theirs.slot()).map(|(_, began)| began)
            else {
                return;
            };
            let Some(own) = node(self, place) else { return };
            own.synchronise(now, (slot, began), Some(heard.from), metric + 1);
            if !had_joined {
                let every = own.settings.beacon_every;
                let mac = &mut self.media[place.medium].macs[place.radio as usize];
                let at = now + mac.draw_part(every);
                if let Some(own) = node(self, place) {
                    own.beacon_at = at;
                }
                self.plan_slot(place);
                self.arm_slot_timer(place);
            }
        }
        let mac = &self.media[place.medium].macs[place.radio as usize];
        let at = mac.engaged_until.max(now);
        self.plan_doze(place, at);
    }

    /// Sets the clock by a radio's, in a slot that both were in.
    fn take_time(&mut self, place: RadioPlace, source: RadioPlace, slot: u64) {
        let now = self.now();
        let theirs = node(self, source).and_then(|theirs| {
            let joined = theirs.joined.as_ref()?;
            Some((joined.slots.start(slot), joined.metric))
        });
        let Some((began, metric)) = theirs else { return };
        if let Some(own) = node(self, place) {
            own.synchronise(now, (slot, began), Some(source.radio), metric.saturating_add(1));
        }
    }
}

/// How long a radio listens on one channel for beacons (Contiki-NG's `TSCH_CHANNEL_SCAN_DURATION`).
const SCAN: SimDuration = SimDuration::from_secs(1);
/// `macMinBe` in shared cells (IEEE 802.15.4-2020 table 8-94 allows 0 to `macMaxBe`; RFC 8180 and Contiki-NG have 1).
const TSCH_BE_MIN: u8 = 1;
/// Slot numbers have five bytes.
const SLOT_NUMBER_MASK: u64 = (1 << 40) - 1;
