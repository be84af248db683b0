//! What radios draw, told to the nodes' hardware: listening unless a frame is sent or taken in.
//!
//! A frame that a radio takes in is known to be one when it ends: until then its time counts as listening. What a radio
//! takes in that is for another is overhearing, and what it takes in for nothing a collision: with its own flow, so that
//! one sees who paid for whom. Radios in reach are told of a frame only where their node has hardware.

use sim_core::SimTime;
use wire::account::Protocol;
use wire::ieee802154::FCS_LEN;

use super::access::RadioPlace;
use super::air::TransmissionId;
use super::fate::Fate;
use super::mac::RadioState;
use super::medium::RadioMedium;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::power::RadioState as PartState;
use crate::power::purpose::{Cause, Purpose, Shares, shares_of_frame};
use crate::power::rhythm::Rhythm;
use crate::power::wasted;

impl<O: Observer> Network<O> {
    /// Starts every radio, and puts the hardware behind it to listening, at the start of a run.
    pub fn start_radios(&mut self) {
        for medium in 0..self.media.len() {
            for radio in 0..self.media[medium].ports.len() as u32 {
                let place = RadioPlace { medium, radio };
                self.part_rests(place, RadioState::Listen);
                self.manner(place).start(self, place);
            }
        }
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
            let air = &mut self.media[sender.medium].air;
            let sensitivity = air.radio(receiver).sensitivity;
            let audible = air.received_power(sender.radio, receiver, now) >= sensitivity;
            let mac = &mut self.media[sender.medium].macs[receiver as usize];
            if !audible || mac.clock.state() != RadioState::Listen {
                continue;
            }
            mac.incoming += 1;
            if mac.incoming == 1 {
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
        let started = self.media[sender.medium].air.started(transmission);
        for receiver in self.metered_near(sender, to.map(|(to, _)| to), started) {
            let medium = &mut self.media[sender.medium];
            if medium.macs[receiver as usize].incoming == 0 {
                continue;
            }
            let own = to.is_none_or(|(to, _)| to == receiver);
            let known = to.filter(|&(to, _)| to == receiver).map(|(_, fate)| fate);
            let fate = known.unwrap_or_else(|| medium.air.receive(transmission, receiver));
            self.part_heard(sender, receiver, id, fate, own);
        }
    }

    /// A frame breaks off: whoever took it in has done so for nothing.
    pub(super) fn parts_left(
        &mut self,
        sender: RadioPlace,
        to: Option<u32>,
        transmission: TransmissionId,
        id: PacketId,
    ) {
        let started = self.media[sender.medium].air.started(transmission);
        for receiver in self.metered_near(sender, to, started) {
            self.part_heard(sender, receiver, id, Fate::Collision, true);
        }
    }

    /// The radios in reach of a frame that started then, and `to`, whose nodes have hardware.
    fn metered_near(&self, sender: RadioPlace, to: Option<u32>, started: SimTime) -> Vec<u32> {
        if self.power.is_none() {
            return Vec::new();
        }
        let medium = &self.media[sender.medium];
        let mut near = medium.air.neighbours(sender.radio, started);
        if let Some(to) = to
            && let Err(at) = near.binary_search(&to)
        {
            near.insert(at, to);
        }
        near.retain(|&radio| {
            let port = medium.ports[radio as usize];
            self.hardware(self.port_infos[port.index()].node).is_some()
        });
        near
    }

    fn part_heard(&mut self, sender: RadioPlace, receiver: u32, id: PacketId, fate: Fate, own: bool) {
        let mac = &mut self.media[sender.medium].macs[receiver as usize];
        let Some(others) = mac.incoming.checked_sub(1) else { return };
        mac.incoming = others;
        if others > 0 && fate != Fate::Received {
            return;
        }
        mac.incoming = 0;
        let shares = match fate {
            Fate::Received | Fate::Duplicate if own => self.shares_on_air(id),
            Fate::Received | Fate::Duplicate => wasted(&self.shares_on_air(id), Cause::Overhearing),
            Fate::Collision | Fate::Noise | Fate::HalfDuplex => {
                wasted(&self.shares_on_air(id), Cause::Collision)
            }
            // The last ones have not been in the air.
            Fate::BelowSensitivity
            | Fate::RadioOff
            | Fate::QueueFull
            | Fate::ChannelAccess
            | Fate::Retries
            | Fate::NotAskedFor
            | Fate::SenderFailed
            | Fate::Reassembly
            | Fate::Waiting => Shares::from_slice(&[(Purpose::own(Cause::IdleListening), 1)]),
        };
        let port = self.radio_port(RadioPlace { radio: receiver, ..sender });
        self.radio_was_for(port, &shares);
        self.radio_enters(port, PartState::Listen, Purpose::own(Cause::IdleListening));
    }

    fn shares_on_air(&self, id: PacketId) -> Shares {
        let packet = &self.packets[id];
        let len = packet.len();
        shares_of_frame(&packet.account, len, (len + FCS_LEN) as u32, Protocol::Ieee802154)
    }
}
