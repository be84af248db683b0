//! Falling asleep, and waking up for what is in the air.

use sim_core::{SimDuration, SimTime};

use super::super::access::{FRAME_PENDING, RadioPlace};
use super::super::air::TransmissionId;
use super::super::fate::Fate;
use super::super::mac::{Phase, RadioState};
use super::super::step::RadioStep;
use super::{Duty, Heard, Sense};
use crate::network::Network;
use crate::observer::Observer;
use crate::pool::PacketId;

impl<O: Observer> Network<O> {
    /// A sleeping radio has been awake since a moment that has passed, or wakes now.
    pub(in super::super) fn awaken(&mut self, place: RadioPlace, since: SimTime) {
        let medium = &mut self.media[place.medium];
        let mac = &mut medium.macs[place.radio as usize];
        if mac.clock.state() != RadioState::Sleep {
            return;
        }
        mac.clock.change(since, RadioState::Listen);
        medium.air.set_on(since, place.radio, true);
        medium.roused.insert(place.radio);
        self.part_awakes(place, since);
    }

    /// A radio falls asleep, whatever it was doing.
    pub(in super::super) fn sleep(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let mac = &mut medium.macs[place.radio as usize];
        if matches!(mac.clock.state(), RadioState::Off | RadioState::Sleep) {
            return;
        }
        mac.incoming = 0;
        mac.doze_at = SimTime::ZERO;
        if let Duty::Child(child) = &mut mac.duty {
            child.expects = false;
        }
        let rhythm = mac.duty.rhythm();
        mac.clock.sleep(now, rhythm.clone());
        medium.air.set_on(now, place.radio, false);
        medium.roused.remove(&place.radio);
        self.part_sleeps(place, rhythm);
    }

    /// The radio is to fall asleep at that time, unless something happens.
    pub(in super::super) fn plan_doze(&mut self, place: RadioPlace, at: SimTime) {
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        if mac.duty.sleeps() {
            mac.doze_at = at;
            self.schedule_radio(at, place, RadioStep::Doze);
        }
    }

    pub(in super::super) fn on_doze(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let mac = &medium.macs[place.radio as usize];
        if mac.doze_at != now || mac.clock.state() == RadioState::Sleep {
            return;
        }
        if mac.is_engaged(now) {
            // Where it is sending, it rests when that is over.
            let until = mac.engaged_until;
            return if until > now {
                self.plan_doze(place, until)
            };
        }
        // A frame that it can hear may be for it.
        match medium.air.audible_until(place.radio, now) {
            Some(_) => self.doze_when_silent(place),
            None => self.sleep(place),
        }
    }

    /// A radio that has heard something sleeps when the channel has been silent for longer than the pause between two frames of a row.
    pub(super) fn doze_when_silent(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let ends = medium.air.audible_until(place.radio, now).unwrap_or(now);
        let pause = medium.phy.turnaround() + medium.phy.turnaround() + medium.phy.cca_time();
        self.plan_doze(place, ends + pause);
    }

    /// A radio that backs off sleeps, if it sleeps at all.
    pub(in super::super) fn doze_in_back_off(&mut self, place: RadioPlace) {
        let now = self.now();
        let mac = &self.media[place.medium].macs[place.radio as usize];
        let busy = mac.ack_due.is_some() || mac.ack_sent.is_some() || mac.engaged_until > now;
        if let Duty::Child(child) = &mac.duty
            && !child.listens()
            && !busy
        {
            self.sleep(place);
        }
    }

    /// A frame starts that is in the air until `ends`: radios that listen for a moment may wake by it.
    pub(in super::super) fn rouse(&mut self, place: RadioPlace, ends: SimTime) {
        if !self.media[place.medium].sleeps {
            return;
        }
        let now = self.now();
        for other in self.media[place.medium].air.near(place.radio, now) {
            let medium = &mut self.media[place.medium];
            let mac = &mut medium.macs[other as usize];
            let Some(look) = mac.clock.look(now).filter(|look| look.from < ends) else { continue };
            let sense = mac.duty.sense();
            if let Some(channel) = mac.duty.channel_at(now).filter(|_| look.from <= now) {
                medium.air.tune(now, other, channel);
            }
            if medium.air.radio(other).channel != medium.air.radio(place.radio).channel {
                continue;
            }
            let there = RadioPlace { radio: other, ..place };
            if medium.air.received_power(place.radio, other, now) < medium.air.radio(other).sensitivity {
                continue;
            }
            match sense {
                Sense::Energy => self.plan_looks(there, now, ends),
                Sense::Frame if look.from <= now => {
                    self.awaken(there, look.from);
                    // What the frame was shows when it ends, before the radio sleeps.
                    self.plan_doze(there, look.until.max(ends + INSTANT));
                }
                Sense::Frame => {}
            }
        }
    }

    fn plan_looks(&mut self, place: RadioPlace, from: SimTime, ends: SimTime) {
        let mut at = from;
        loop {
            let mac = &mut self.media[place.medium].macs[place.radio as usize];
            let Some(look) = mac.clock.look(at).filter(|look| look.from < ends) else { return };
            at = look.until;
            if look.until > mac.look_until {
                mac.look_until = look.until;
                self.schedule_radio(look.until, place, RadioStep::Look);
            }
        }
    }

    /// A frame ends: whoever woke for it, though it was for another, learns that.
    pub(in super::super) fn overhear(
        &mut self,
        place: RadioPlace,
        transmission: TransmissionId,
        to: Option<u32>,
        heard: Heard,
    ) {
        let roused = self.media[place.medium].roused.iter().copied();
        let others: Vec<u32> = roused.filter(|&other| other != place.radio && Some(other) != to).collect();
        for other in others {
            if self.media[place.medium].air.receive(transmission, other) == Fate::Received {
                let there = RadioPlace { radio: other, ..place };
                self.manner(there).heard(self, there, Heard { for_me: false, ..heard });
            }
        }
    }

    /// Whether a frame says that more follows.
    pub(in super::super) fn is_pending(&self, id: PacketId) -> bool {
        self.packets[id].header().first().is_some_and(|control| control & FRAME_PENDING != 0)
    }

    /// The radio sleeps unless it is at work.
    pub(super) fn sleep_if_free(&mut self, place: RadioPlace) {
        let now = self.now();
        let mac = &self.media[place.medium].macs[place.radio as usize];
        if !mac.duty.sleeps() {
            return;
        }
        if mac.is_engaged(now) {
            let until = mac.engaged_until;
            if until > now {
                self.plan_doze(place, until);
            }
            return;
        }
        self.sleep(place);
    }

    pub(super) fn set_phase(&mut self, place: RadioPlace, phase: Phase) {
        self.media[place.medium].macs[place.radio as usize].phase = phase;
    }
}

/// The least time.
const INSTANT: SimDuration = SimDuration::from_nanos(1);
