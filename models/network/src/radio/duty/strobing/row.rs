//! The life of a row of frames: waiting, beginning, repeating, ending.

use sim_core::SimDuration;
use wire::account::{Account, Protocol, Reason};
use wire::ieee802154::{Address, Addressing, Header};
use wire::packet::Packet;
use wire::payload::Payload;

use super::*;

impl<O: Observer> Network<O> {
    /// The first frame of the queue is to be sent: at once to whoever is awake for it, else in a row of its own.
    pub(super) fn send_in_row(&mut self, place: RadioPlace) {
        let now = self.now();
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        let Some(&first) = mac.queue.front() else { return };
        let ready = mac.ready_at.max(now);
        let Duty::Strobing(node) = &mut mac.duty else { return };
        if let Some(row) = node.row.as_mut().filter(|row| row.awake) {
            row.until = row.until.max(ready + node.plan.short_row);
            mac.phase = Phase::Pausing;
            let at = ready + self.media[place.medium].phy.turnaround();
            return self.schedule_radio(at, place, RadioStep::Begin);
        }
        node.row = None;
        if node.plan.preamble && first.content == Content::Packet {
            let strobe = self.strobe_for(place, first);
            let mac = &mut self.media[place.medium].macs[place.radio as usize];
            mac.queue.push_front(strobe);
        }
        self.plan_row(place, SimDuration::ZERO);
    }

    /// The short frame that announces another.
    fn strobe_for(&mut self, place: RadioPlace, first: Outgoing) -> Outgoing {
        let medium = &self.media[place.medium];
        let to = first.to.map_or(Address::BROADCAST, |to| medium.address(to));
        let addressing = Addressing::within(medium.pan, to, medium.address(place.radio));
        let header = Header::data(0, addressing, first.to.is_some());
        let flow = self.packets[first.id].account.flow;
        let mut packet = Packet::new(Payload::empty(), Account::new(flow, Reason::Control));
        header.emit(packet.push_header(header.len()));
        packet.account.push_header(Protocol::Ieee802154, header.len());
        let id = self.packets.insert(packet);
        Outgoing { attempts: first.attempts, ..Outgoing::new(id, first.to, Content::Strobe) }
    }

    /// Plans the look at the channel in front of a row, not before `wait` is over.
    fn plan_row(&mut self, place: RadioPlace, wait: SimDuration) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let turnaround = medium.phy.turnaround();
        let mac = &mut medium.macs[place.radio as usize];
        let Some(&first) = mac.queue.front() else { return };
        let busy = match mac.phase {
            Phase::Backoff { busy, .. } => busy,
            Phase::Idle | Phase::Turning | Phase::Pausing | Phase::Sending(_) | Phase::Awaiting { .. } => 0,
        };
        mac.phase = Phase::Backoff { busy, exponent: 0 };
        let Duty::Strobing(node) = &mac.duty else { return };
        let earliest = mac.ready_at.max(now) + wait + node.plan.clear + turnaround;
        let at = node.begin_of_row(first.to, earliest) - turnaround;
        self.schedule_radio(at, place, RadioStep::Attempt);
        self.sleep_if_free(place);
    }

    /// The look at the channel in front of a row is over.
    pub(super) fn begin_row(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let (phy, settings) = (medium.phy, medium.settings);
        let mac = &mut medium.macs[place.radio as usize];
        let Phase::Backoff { busy, .. } = mac.phase else { return };
        let Some(&first) = mac.queue.front() else { return };
        let Duty::Strobing(node) = &mac.duty else { return };
        let (clear, gap, every) = (node.plan.clear, node.plan.gap, node.plan.every);
        let since = now.saturating_sub(clear);
        if mac.engaged_until > since {
            let at = mac.engaged_until + clear;
            return self.schedule_radio(at, place, RadioStep::Attempt);
        }
        self.awaken(place, since);
        let medium = &mut self.media[place.medium];
        let mut from = since;
        let mut is_busy = false;
        while from < now && !is_busy {
            is_busy = medium.air.is_busy(place.radio, from, (from + phy.cca_time()).min(now));
            from += phy.cca_time();
        }
        if is_busy {
            medium.report.busy_channel += 1;
            if busy >= settings.backoffs_max {
                return self.drop_row(place, DropCause::ChannelAccess);
            }
            let mac = &mut medium.macs[place.radio as usize];
            mac.phase = Phase::Backoff { busy: busy + 1, exponent: 0 };
            let wait = mac.draw_part(every * u64::from(busy + 1).min(3));
            self.plan_doze(place, now + gap);
            let mac = &mut self.media[place.medium].macs[place.radio as usize];
            let Duty::Strobing(node) = &mac.duty else { return };
            let turnaround = phy.turnaround();
            let at = node.begin_of_row(first.to, now + wait + clear + turnaround) - turnaround;
            return self.schedule_radio(at, place, RadioStep::Attempt);
        }
        let mac = &mut medium.macs[place.radio as usize];
        mac.phase = Phase::Turning;
        let Duty::Strobing(node) = &mut mac.duty else { return };
        let starts = now + phy.turnaround();
        let is_known = node.plan.phase_lock && first.to.is_some_and(|to| node.known.contains_key(&to));
        let lasts = if is_known { node.plan.short_row } else { every + node.looking() + gap };
        node.row = Some(Row {
            until: starts + lasts,
            last: SimTime::ZERO,
            before: None,
            awake: false,
            fates: BTreeMap::new(),
        });
        medium.air.turn_to_send(now, place.radio);
        self.set_radio_state(place, RadioState::Turnaround);
        self.schedule_radio(starts, place, RadioStep::Begin);
    }

    /// The first frame has been confirmed.
    pub(super) fn end_row(&mut self, place: RadioPlace) {
        let now = self.now();
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        let (first, second) = (mac.queue.front().copied(), mac.queue.get(1).copied());
        let Duty::Strobing(node) = &mut mac.duty else { return };
        if let Some(first) = first {
            if let Some(to) = first.to.filter(|_| node.row.as_ref().is_some_and(|row| !row.awake)) {
                node.learn(to, now);
            }
            // Whoever has been told of more is awake for it.
            let goes_on = second.is_some_and(|second| second.to == first.to);
            if let Some(row) = &mut node.row {
                row.awake = goes_on;
            }
        }
        self.finish_frame(place, Ok(()));
    }

    /// Nobody has confirmed the row's frame.
    pub(super) fn row_failed(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let retries_max = medium.settings.retries_max;
        let mac = &mut medium.macs[place.radio as usize];
        let Some(first) = mac.queue.front_mut() else { return };
        first.attempts = first.attempts.saturating_add(1);
        let first = *first;
        let Duty::Strobing(node) = &mut mac.duty else { return };
        node.row = None;
        if let Some(to) = first.to {
            node.miss(to, now);
        }
        let (every, announces) = (node.plan.every, node.plan.preamble && first.content == Content::Packet);
        mac.phase = Phase::Idle;
        if first.attempts > retries_max {
            return self.drop_row(place, DropCause::Retries);
        }
        let wait = mac.draw_part(every * u64::from(first.attempts).min(3));
        if announces {
            let strobe = self.strobe_for(place, first);
            self.media[place.medium].macs[place.radio as usize].queue.push_front(strobe);
        }
        self.plan_row(place, wait);
    }

    /// The first frame is given up, and what it was to announce.
    pub(super) fn drop_row(&mut self, place: RadioPlace, cause: DropCause) {
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        if let Duty::Strobing(node) = &mut mac.duty {
            node.row = None;
        }
        if mac.queue.front().is_some_and(|first| first.content == Content::Strobe)
            && let Some(strobe) = mac.queue.pop_front()
        {
            drop(self.replace(strobe.id));
        }
        self.finish_frame(place, Err(cause));
    }

    /// A frame of a row that is for all radios in reach ends.
    pub(super) fn row_to_all(&mut self, place: RadioPlace, transmission: TransmissionId, outgoing: Outgoing) {
        let now = self.now();
        let heard = Heard { from: place.radio, for_me: true, content: outgoing.content, pending: false };
        let air = &self.media[place.medium].air;
        for other in air.neighbours(place.radio, air.started(transmission)) {
            let fate = self.media[place.medium].air.receive(transmission, other);
            let there = RadioPlace { radio: other, ..place };
            let Some(row) = node(self, place).and_then(|node| node.row.as_mut()) else { continue };
            // Who has it already knows it by its number.
            let before = row.fates.get(&other).copied();
            if before != Some(Fate::Received) && (fate != Fate::RadioOff || before.is_none()) {
                row.fates.insert(other, fate);
            }
            if fate == Fate::Received {
                if before != Some(Fate::Received) {
                    self.take_in(there, &outgoing);
                }
                self.manner(there).heard(self, there, heard);
            }
        }
        self.parts_heard(place, None, transmission, outgoing.id);
        let Some(own) = node(self, place) else { return };
        let (gap, announced) = (own.plan.gap, own.plan.preamble && outgoing.content == Content::Packet);
        let Some(row) = &mut own.row else { return self.finish_frame(place, Ok(())) };
        if now < row.until && !announced {
            self.set_phase(place, Phase::Pausing);
            return self.schedule_radio(now + gap, place, RadioStep::Begin);
        }
        row.awake = outgoing.content == Content::Strobe;
        for (other, fate) in std::mem::take(&mut row.fates) {
            self.record(place, other, FrameKind::Broadcast, fate);
        }
        self.finish_frame(place, Ok(()));
    }
}
