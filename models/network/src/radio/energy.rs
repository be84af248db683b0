//! What radios draw, told to the nodes' hardware: listening unless a frame is sent or taken in.
//!
//! A frame that a radio takes in is known to be one when it ends: until then its time counts as listening. What a radio
//! takes in that is for another is overhearing, whatever becomes of it, by layer and of no flow; a frame for itself that
//! it takes in for nothing is a collision. Radios in reach are told of a frame only where their node has hardware and they
//! are not always on: what those overhear is reckoned at the end ([`super::overhearing`]).

use sim_core::SimTime;
use smallvec::SmallVec;
use wire::account::Protocol;
use wire::ieee802154::FCS_LEN;

use super::access::RadioPlace;
use super::air::TransmissionId;
use super::duty::Duty;
use super::fate::Fate;
use super::mac::RadioState;
use super::medium::RadioMedium;
use super::overhearing::Overhearing;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::power::RadioState as PartState;
use crate::power::purpose::{Cause, Purpose, Shares, shares_of_frame};
use crate::power::rhythm::Rhythm;
use crate::power::{overheard, wasted};

impl<O: Observer> Network<O> {
    /// Starts every radio, and puts the hardware behind it to listening, at the start of a run.
    pub fn start_radios(&mut self) {
        for medium in 0..self.media.len() {
            self.begin_overhearing(medium);
            for radio in 0..self.media[medium].ports.len() as u32 {
                let place = RadioPlace { medium, radio };
                self.part_rests(place, RadioState::Listen);
                self.manner(place).start(self, place);
            }
        }
    }

    fn begin_overhearing(&mut self, medium: usize) {
        let own = &self.media[medium];
        // Where radios move, sleep or change channels, who hears whom is another question for each frame.
        if self.power.is_none()
            || !own.holds_still
            || !own.macs.iter().all(|mac| matches!(mac.duty, Duty::AlwaysOn))
        {
            return;
        }
        let metered = |radio: u32| self.hardware(self.port_infos[own.ports[radio as usize].index()].node);
        let radios = 0..own.ports.len() as u32;
        let kept: Vec<bool> = radios.clone().map(|radio| self.is_told_at_the_end(own, radio)).collect();
        let mut overhearing = Overhearing::new(kept.iter().copied());
        overhearing.is_kept_for_all =
            radios.zip(&kept).all(|(radio, &kept)| kept || metered(radio).is_none());
        self.media[medium].overhearing = Some(Box::new(overhearing));
    }

    /// Notes from now on what radios are in since when.
    pub fn watch_radios(&mut self) {
        self.media.iter_mut().for_each(RadioMedium::watch);
    }

    /// The parts of a node that got its power back rest: its radios that are on listen again.
    pub fn restart_radios(&mut self, node: NodeId) {
        for port in self.node_infos[node.index()].port_ids() {
            let Some(place) = self.radio_at(port) else { continue };
            let mac = &self.media[place.medium].macs[place.radio as usize];
            match mac.clock.state() {
                RadioState::Sleep => {
                    let rhythm = mac.duty.rhythm();
                    self.part_sleeps(place, rhythm);
                }
                state => self.part_rests(place, state),
            }
        }
    }

    /// The radio behind `place` rests in `state` from now on.
    pub(super) fn part_rests(&mut self, place: RadioPlace, state: RadioState) {
        if self.power.is_none() {
            return;
        }
        let port = self.radio_port(place);
        let (state, cause) = match state {
            RadioState::Off | RadioState::Sleep => (PartState::Off, Cause::Sleep),
            // What is sent is told of by `part_sends`, with the way there.
            RadioState::Listen | RadioState::Turnaround | RadioState::Transmit => {
                (PartState::Listen, Cause::IdleListening)
            }
        };
        self.radio_enters(port, state, Purpose::own(cause));
    }

    /// The radio sends a frame from now until `ends`.
    pub(super) fn part_sends(&mut self, place: RadioPlace, id: PacketId, ends: SimTime) {
        if self.power.is_none() {
            return;
        }
        let (port, now) = (self.radio_port(place), self.now());
        if let Some(overhearing) = &mut self.media[place.medium].overhearing {
            overhearing.begins(place.radio, now, ends);
        }
        let shares = self.shares_on_air(id);
        self.radio_occupied(port, PartState::Transmit, (now, ends), port, &shares);
    }

    /// The radio has been listening since a moment in its sleep.
    pub(super) fn part_awakes(&mut self, place: RadioPlace, since: SimTime) {
        if self.power.is_some() {
            let port = self.radio_port(place);
            self.radio_entered(port, since, PartState::Listen, Purpose::own(Cause::IdleListening));
        }
    }

    /// The radio sleeps, and listens as `rhythm` says.
    pub(super) fn part_sleeps(&mut self, place: RadioPlace, rhythm: Rhythm) {
        if self.power.is_some() {
            let port = self.radio_port(place);
            self.radio_sleeps(port, rhythm);
        }
    }

    /// A frame starts, for one radio or for all: whoever listens takes it in.
    pub(super) fn parts_hear(&mut self, sender: RadioPlace, to: Option<u32>) {
        let now = self.now();
        for receiver in self.metered_near(sender, to, now) {
            let medium = &mut self.media[sender.medium];
            if medium.macs[receiver as usize].clock.state() != RadioState::Listen {
                continue;
            }
            let sensitivity = medium.air.radio(receiver).sensitivity;
            if medium.air.received_power(sender.radio, receiver, now) < sensitivity {
                continue;
            }
            let mac = &mut medium.macs[receiver as usize];
            mac.incoming += 1;
            if mac.incoming == 1 {
                if let Some(overhearing) = &mut medium.overhearing {
                    overhearing.takes_in(receiver, now, true);
                }
                let port = self.radio_port(RadioPlace { radio: receiver, ..sender });
                self.radio_enters(port, PartState::Receive, Purpose::own(Cause::IdleListening));
            }
        }
    }

    /// A frame ends; what became of it at the radio that it was for is known.
    pub(super) fn parts_heard(
        &mut self,
        sender: RadioPlace,
        to: Option<(u32, Fate)>,
        transmission: TransmissionId,
        id: PacketId,
    ) {
        if self.power.is_none() {
            return;
        }
        let shares = self.shares_on_air(id);
        let started = self.media[sender.medium].air.started(transmission);
        for receiver in self.metered_near(sender, to.map(|(to, _)| to), started) {
            let medium = &mut self.media[sender.medium];
            if medium.macs[receiver as usize].incoming == 0 {
                continue;
            }
            let fate = match to {
                Some((to, fate)) => (to == receiver).then_some(fate),
                None => Some(medium.air.receive(transmission, receiver)),
            };
            self.part_heard(RadioPlace { radio: receiver, ..sender }, &shares, fate);
        }
        self.end_overhearing(sender, to.is_none(), &shares);
    }

    /// A frame breaks off: whoever took it in has done so for nothing.
    pub(super) fn parts_left(
        &mut self,
        sender: RadioPlace,
        to: Option<u32>,
        transmission: TransmissionId,
        id: PacketId,
    ) {
        if self.power.is_none() {
            return;
        }
        let shares = self.shares_on_air(id);
        let started = self.media[sender.medium].air.started(transmission);
        for receiver in self.metered_near(sender, to, started) {
            self.part_heard(RadioPlace { radio: receiver, ..sender }, &shares, Some(Fate::Collision));
        }
        self.end_overhearing(sender, to.is_none(), &shares);
    }

    fn end_overhearing(&mut self, sender: RadioPlace, to_all: bool, shares: &Shares) {
        let now = self.now();
        self.media[sender.medium].was_overheard(sender.radio, to_all, now, shares);
    }

    /// The radios in reach of a frame that started then that note each frame, and `to`, whose nodes have hardware.
    fn metered_near(&self, sender: RadioPlace, to: Option<u32>, started: SimTime) -> SmallVec<[u32; 8]> {
        let mut metered = SmallVec::new();
        let Some(power) = &self.power else { return metered };
        let medium = &self.media[sender.medium];
        let is_metered = |radio: u32| {
            let port = medium.ports[radio as usize];
            power.has_hardware(self.port_infos[port.index()].node)
        };
        metered.extend(to.filter(|&to| is_metered(to)));
        let overhearing = medium.overhearing.as_deref();
        if to.is_some() && overhearing.is_some_and(|overhearing| overhearing.is_kept_for_all) {
            return metered;
        }
        let notes = |radio: u32| to.is_none() || overhearing.is_none_or(|kept| !kept.keeps(radio));
        let near = medium.air.neighbours(sender.radio, started).into_iter();
        metered.extend(near.filter(|&radio| Some(radio) != to && notes(radio) && is_metered(radio)));
        metered.sort_unstable();
        metered
    }

    /// What a radio has taken in ends, or a part of it; `fate` is that of a frame for this radio.
    fn part_heard(&mut self, place: RadioPlace, shares: &Shares, fate: Option<Fate>) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let mac = &mut medium.macs[place.radio as usize];
        let Some(others) = mac.incoming.checked_sub(1) else { return };
        mac.incoming = others;
        if others > 0 && fate != Some(Fate::Received) {
            return;
        }
        mac.incoming = 0;
        if let Some(overhearing) = &mut medium.overhearing {
            overhearing.takes_in(place.radio, now, false);
        }
        let changed;
        let shares = match fate {
            Some(Fate::Received | Fate::Duplicate) => shares,
            None => {
                changed = overheard(shares);
                &changed
            }
            Some(Fate::Collision | Fate::Noise | Fate::HalfDuplex) => {
                changed = wasted(shares, Cause::Collision);
                &changed
            }
            // The last ones have not been in the air.
            Some(
                Fate::BelowSensitivity
                | Fate::RadioOff
                | Fate::QueueFull
                | Fate::ChannelAccess
                | Fate::Retries
                | Fate::NotAskedFor
                | Fate::SenderFailed
                | Fate::Reassembly
                | Fate::Waiting,
            ) => {
                changed = Shares::from_slice(&[(Purpose::own(Cause::IdleListening), 1)]);
                &changed
            }
        };
        let port = self.radio_port(place);
        self.radio_was_for(port, shares);
        self.radio_enters(port, PartState::Listen, Purpose::own(Cause::IdleListening));
    }

    /// Tells the hardware of each node what its radios overheard, at the end of a run.
    pub(crate) fn settle_overhearing(&mut self) {
        for medium in 0..self.media.len() {
            for (radio, times) in self.media[medium].overheard() {
                let port = self.radio_port(RadioPlace { medium, radio });
                self.radio_overheard(port, times);
            }
        }
    }

    /// Whether what the radio takes in for others can be told of at the end: it is always on, and draws as much as when it
    /// listens.
    fn is_told_at_the_end(&self, medium: &RadioMedium, radio: u32) -> bool {
        let port = medium.ports[radio as usize];
        let always_on = matches!(medium.macs[radio as usize].duty, Duty::AlwaysOn);
        let hardware = self.hardware(self.port_infos[port.index()].node);
        always_on && hardware.is_some_and(|hardware| hardware.receives_as_it_listens(port))
    }

    fn shares_on_air(&self, id: PacketId) -> Shares {
        let packet = &self.packets[id];
        let len = packet.len();
        shares_of_frame(&packet.account, len, (len + FCS_LEN) as u32, Protocol::Ieee802154)
    }
}
