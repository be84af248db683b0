//! Radios that lose their power or their link, and get it back.

use sim_core::SimTime;

use super::access::RadioPlace;
use super::mac::{Outgoing, Phase, RadioState};
use super::step::RadioStep;
use crate::drop_cause::DropCause;
use crate::network::Network;
use crate::observer::Observer;
use crate::port::PortId;

impl<O: Observer> Network<O> {
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
        let mut waiting = std::mem::take(&mut mac.queue);
        (mac.ready_at, mac.engaged_until) = (now, now);
        mac.seen.clear();
        mac.incoming = 0;
        (mac.doze_at, mac.look_until) = (SimTime::ZERO, SimTime::ZERO);
        waiting.extend(mac.duty.lose_power());
        medium.roused.remove(&place.radio);
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
        for outgoing in waiting {
            self.note_lost(place, &outgoing, cause);
            self.discard(node, Some(port), outgoing.id, cause);
        }
        for (from, fragment) in parts {
            self.note_useless(place, from, fragment);
            self.discard(node, None, fragment.id, cause);
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
            (Phase::Sending(transmission), Some(&Outgoing { id, to, .. })) => Some((transmission, id, to)),
            (
                Phase::Idle
                | Phase::Backoff { .. }
                | Phase::Turning
                | Phase::Pausing
                | Phase::Sending(_)
                | Phase::Awaiting { .. },
                _,
            ) => None,
        };
        let ack = mac.ack_sent.map(|sent| (sent.transmission, sent.id, Some(sent.due.to)));
        for (transmission, id, to) in frame.into_iter().chain(ack) {
            self.parts_left(place, to, transmission, id);
        }
    }

    /// Turns a radio on.
    pub(crate) fn wake_radio(&mut self, port: PortId) {
        let Some(place) = self.radio_at(port) else { return };
        let now = self.now();
        self.media[place.medium].air.set_on(now, place.radio, true);
        self.set_radio_state(place, RadioState::Listen);
        self.manner(place).start(self, place);
    }
}

/// Epochs have 20 bits.
const EPOCH_MASK: u32 = (1 << 20) - 1;
