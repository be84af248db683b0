//! The life of a row of frames: waiting, beginning, repeating, ending.

use sim_core::SimDuration;
use wire::account::{Account, Reason};
use wire::ieee802154::{Address, Addressing, FCS_LEN, Header};

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
        (node.row, node.collisions) = (None, 0);
        if node.plan.preamble && first.content == Content::Packet {
            let strobe = self.strobe_for(place, first);
            let mac = &mut self.media[place.medium].macs[place.radio as usize];
            mac.queue.push_front(strobe);
        }
        self.plan_row(place, SimDuration::ZERO);
        self.sleep_if_free(place);
    }

    /// The short frame that announces another.
    fn strobe_for(&mut self, place: RadioPlace, first: Outgoing) -> Outgoing {
        let medium = &self.media[place.medium];
        let to = first.to.map_or(Address::BROADCAST, |to| medium.address(to));
        let addressing = Addressing::within(medium.pan, to, medium.address(place.radio));
        let header = Header::data(0, addressing, first.to.is_some());
        let account = Account::new(self.packets[first.id].account.flow, Reason::Control);
        let id = self.protected_control(place, header, &[], account);
        Outgoing { attempts: first.attempts, ..Outgoing::new(id, first.to, Content::Strobe) }
    }

    /// Plans the look at the channel in front of a row, not before `wait` is over.
    fn plan_row(&mut self, place: RadioPlace, wait: SimDuration) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let turnaround = medium.phy.turnaround();
        let mac = &mut medium.macs[place.radio as usize];
        let Some(&first) = mac.queue.front() else { return };
        mac.phase = Phase::Backoff { busy: 0, exponent: 0 };
        let Duty::Strobing(node) = &mac.duty else { return };
        let earliest = mac.ready_at.max(now) + wait + node.plan.clear + turnaround;
        let at = node.begin_of_row(first.to, earliest) - turnaround;
        self.schedule_radio(at, place, RadioStep::Attempt);
    }

    /// Another row to the same receiver after at most so many periods, announced anew where rows are.
    fn plan_another_row(&mut self, place: RadioPlace, periods: u8) {
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        let Some(&first) = mac.queue.front() else { return };
        let Duty::Strobing(node) = &mac.duty else { return };
        let every = node.plan.every;
        let announces = node.plan.preamble && first.content == Content::Packet;
        let wait = mac.draw_part(every * u64::from(periods).min(3));
        if announces {
            let strobe = self.strobe_for(place, first);
            self.media[place.medium].macs[place.radio as usize].queue.push_front(strobe);
        }
        self.plan_row(place, wait);
    }

    /// The look at the channel in front of a row is over.
    pub(super) fn begin_row(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let phy = medium.phy;
        let mac = &mut medium.macs[place.radio as usize];
        if !matches!(mac.phase, Phase::Backoff { .. }) {
            return;
        }
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
            return self.collided(place);
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
            // Tries that the announcement took are the frame's.
            if let Some(announced) = mac.queue.get_mut(1).filter(|_| first.content == Content::Strobe) {
                announced.attempts = first.attempts;
            }
            // Whoever has been told of more is awake for it.
            let goes_on = second.is_some_and(|second| second.to == first.to);
            if let Some(row) = &mut node.row {
                row.awake = goes_on;
            }
        }
        self.finish_frame(place, Ok(()));
    }

    /// Whether something is in the air behind a frame of a row that began at `last`, when its acknowledgement would be: one that
    /// cannot be read, or somebody else's frame.
    pub(super) fn hears_others(&mut self, place: RadioPlace, last: SimTime) -> bool {
        let medium = &mut self.media[place.medium];
        let Some(first) = medium.macs[place.radio as usize].queue.front() else { return false };
        let frame = medium.phy.air_time(self.packets[first.id].len() + FCS_LEN);
        let from = last + frame + medium.phy.turnaround();
        medium.air.is_busy(place.radio, from, from + medium.phy.cca_time())
    }

    /// Another row is in the air: this one waits until it is over, which may be for this radio.
    pub(super) fn collided(&mut self, place: RadioPlace) {
        let medium = &mut self.media[place.medium];
        medium.report.busy_channel += 1;
        let backoffs_max = medium.settings.backoffs_max;
        let Duty::Strobing(node) = &mut medium.macs[place.radio as usize].duty else { return };
        node.row = None;
        node.collisions = node.collisions.saturating_add(1);
        let collisions = node.collisions;
        if collisions > backoffs_max {
            return self.row_failed(place, DropCause::ChannelAccess);
        }
        self.plan_another_row(place, collisions);
        self.doze_when_silent(place);
    }

    /// Nobody has confirmed the row's frame, or the channel was never free for it: a try is spent.
    pub(super) fn row_failed(&mut self, place: RadioPlace, cause: DropCause) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let retries_max = medium.settings.retries_max;
        let mac = &mut medium.macs[place.radio as usize];
        let Some(first) = mac.queue.front_mut() else { return };
        first.attempts = first.attempts.saturating_add(1);
        let Outgoing { to, attempts, .. } = *first;
        let Duty::Strobing(node) = &mut mac.duty else { return };
        (node.row, node.collisions) = (None, 0);
        if let Some(to) = to.filter(|_| cause == DropCause::Retries) {
            node.miss(to, now);
        }
        mac.phase = Phase::Idle;
        if attempts > retries_max {
            return self.drop_row(place, cause);
        }
        self.plan_another_row(place, attempts);
        if cause == DropCause::ChannelAccess {
            self.doze_when_silent(place);
        } else {
            self.sleep_if_free(place);
        }
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
