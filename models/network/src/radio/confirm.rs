//! Acknowledgements: the receiver's hardware confirms a frame, whether its host is busy or not.

use wire::account::{Account, Protocol, Reason};
use wire::ieee802154::element::HeaderElement;
use wire::ieee802154::{FCS_LEN, Header, IMMEDIATE_ACK_LEN};

use super::access::RadioPlace;
use super::duty::Duty;
use super::duty::tsch::{TX_ACK_DELAY, acknowledgement};
use super::fate::{Fate, FrameKind};
use super::mac::{AckDue, AckSent, Phase, RadioState};
use super::security::RadioSecurity;
use super::step::RadioStep;
use crate::network::Network;
use crate::observer::Observer;

impl<O: Observer> Network<O> {
    pub(super) fn turn_to_ack(&mut self, place: RadioPlace, due: AckDue) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let phy = medium.phy;
        let mac = &mut medium.macs[place.radio as usize];
        let is_enhanced = mac.duty.overtakes();
        let start = now + if is_enhanced { TX_ACK_DELAY } else { phy.turnaround() };
        let protection = medium.security.map_or(0, RadioSecurity::in_slot_len);
        let len = if is_enhanced { ENHANCED_ACK_LEN_MAX + protection } else { IMMEDIATE_ACK_LEN };
        mac.ack_due = Some(due);
        mac.engaged_until = start + phy.air_time(len) + phy.turnaround();
        medium.air.turn_to_send(now, place.radio);
        self.set_radio_state(place, RadioState::Turnaround);
        self.schedule_radio(start, place, RadioStep::AckBegin);
    }

    pub(super) fn on_ack_turned(&mut self, place: RadioPlace) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let Some(due) = medium.macs[place.radio as usize].ack_due.take() else { return };
        let late = match &medium.macs[place.radio as usize].duty {
            Duty::Tsch(node) => Some(node.lateness(due.started)),
            Duty::AlwaysOn | Duty::Strobing(_) | Duty::Child(_) | Duty::Parent(_) => None,
        };
        let mut elements = Vec::new();
        let header = match late {
            Some(micros) => {
                let correction = HeaderElement::TimeCorrection { micros: -micros, negative: false };
                let pushed = correction.push(&mut elements);
                debug_assert!(pushed.is_ok(), "two bytes fit");
                let header = acknowledgement(medium.pan, medium.address(due.to), due.sequence);
                medium.security.map_or(header, |security| security.of_frame(header))
            }
            None => Header::immediate_ack(due.sequence, due.pending),
        };
        let account = Account::new(due.flow, Reason::Acknowledgement);
        let id = self.control_packet(header, &elements, account);
        self.seal_frame(place, id);
        let medium = &mut self.media[place.medium];
        let len = self.packets[id].len() + FCS_LEN;
        let ends = now + medium.phy.air_time(len);
        let transmission = medium.air.begin(now, place.radio, ends - now);
        medium.macs[place.radio as usize].ack_sent = Some(AckSent { due, transmission, id });
        medium.report.acknowledgements += 1;
        self.set_radio_state(place, RadioState::Transmit);
        self.put_on_air(place, id, ends);
        self.rouse(place, ends);
        self.parts_hear(place, Some(due.to));
        self.schedule_radio(ends, place, RadioStep::AckEnd);
    }

    pub(super) fn on_ack_end(&mut self, place: RadioPlace) {
        let medium = &mut self.media[place.medium];
        let Some(sent) = medium.macs[place.radio as usize].ack_sent.take() else { return };
        let fate = medium.air.receive(sent.transmission, sent.due.to);
        self.set_radio_state(place, RadioState::Listen);
        self.record(place, sent.due.to, FrameKind::Acknowledgement, fate);
        self.parts_heard(place, Some((sent.due.to, fate)), sent.transmission, sent.id);
        let there = RadioPlace { radio: sent.due.to, ..place };
        let (port, node) = (self.radio_port(there), self.radio_node(there));
        if fate == Fate::Received {
            let bytes = (self.packets[sent.id].len() + FCS_LEN) as u32;
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
            self.manner(there).confirmed(self, there, sent.due.pending);
        } else {
            self.schedule_radio(until, there, RadioStep::AckWait);
        }
    }
}

/// An enhanced acknowledgement to a long address: control, number, network, address, time correction, check sequence.
const ENHANCED_ACK_LEN_MAX: usize = 2 + 1 + 2 + 8 + 4 + 2;
