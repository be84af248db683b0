//! What radios draw, told to the nodes' hardware: listening unless a frame is sent or taken in.
//!
//! A frame that a radio takes in is known to be one when it ends: until then its time counts as listening. A radio that
//! hears a frame which is for another one keeps listening: overhearing is not told apart, since no event passes there.

use sim_core::SimTime;
use wire::account::Protocol;
use wire::ieee802154::FCS_LEN;

use super::access::RadioPlace;
use super::fate::Fate;
use super::mac::RadioState;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::power::RadioState as PartState;
use crate::power::purpose::{Cause, Purpose, Shares, shares_of_frame};

impl<O: Observer> Network<O> {
    /// Puts the hardware behind every radio to listening, at the start of a run.
    pub fn start_radios(&mut self) {
        for medium in 0..self.media.len() {
            for radio in 0..self.media[medium].ports.len() as u32 {
                self.part_rests(RadioPlace { medium, radio }, RadioState::Listen);
            }
        }
    }

    /// The parts of a node that got its power back rest: its radios that are on listen again.
    pub(crate) fn restart_radios(&mut self, node: NodeId) {
        for port in self.node_infos[node.index()].port_ids() {
            let Some(place) = self.radio_at(port) else { continue };
            let state = self.media[place.medium].macs[place.radio as usize].clock.state();
            self.part_rests(place, state);
        }
    }

    /// The radio behind `place` rests in `state` from now on.
    pub(super) fn part_rests(&mut self, place: RadioPlace, state: RadioState) {
        if self.power.is_none() {
            return;
        }
        let port = self.radio_port(place);
        let (state, cause) = match state {
            RadioState::Off => (PartState::Off, Cause::Sleep),
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

    /// A frame for `receiver` starts, which it can hear if it listens.
    pub(super) fn part_hears(&mut self, sender: RadioPlace, receiver: u32) {
        if self.power.is_none() {
            return;
        }
        let air = &mut self.media[sender.medium].air;
        let sensitivity = air.radio(receiver).sensitivity;
        let audible = air.received_power(sender.radio, receiver) >= sensitivity;
        let mac = &mut self.media[sender.medium].macs[receiver as usize];
        if !audible || mac.clock.state() != RadioState::Listen {
            return;
        }
        mac.incoming += 1;
        if mac.incoming == 1 {
            let port = self.radio_port(RadioPlace { radio: receiver, ..sender });
            self.radio_enters(port, PartState::Receive, Purpose::own(Cause::IdleListening));
        }
    }

    /// A frame for `receiver` ends, with that fate.
    pub(super) fn part_heard(&mut self, sender: RadioPlace, receiver: u32, id: PacketId, fate: Fate) {
        if self.power.is_none() {
            return;
        }
        let mac = &mut self.media[sender.medium].macs[receiver as usize];
        let Some(others) = mac.incoming.checked_sub(1) else { return };
        mac.incoming = others;
        if others > 0 && fate != Fate::Received {
            return;
        }
        mac.incoming = 0;
        let shares = match fate {
            Fate::Received | Fate::Duplicate => self.shares_on_air(id),
            Fate::Collision | Fate::Noise | Fate::HalfDuplex => {
                Shares::from_slice(&[(Purpose::own(Cause::Collision), 1)])
            }
            Fate::BelowSensitivity | Fate::RadioOff => {
                Shares::from_slice(&[(Purpose::own(Cause::IdleListening), 1)])
            }
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
