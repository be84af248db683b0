//! Frames protected by AES-CCM* (IEEE 802.15.4-2020 clause 9): each is sealed when it is first sent and opened where it is
//! received, with one key for all radios of a medium.
//!
//! A radio counts the frames that it seals and keeps the count, and the last one that it heard of each other radio, over
//! a loss of power (clause 9.4.2 wants a count never to be used again). Frames that hold packets, strobes and commands are protected;
//! immediate acknowledgements have no room for it (clause 7.3.3), and a request for beacons and a beacon are for whoever has no key yet.
//!
//! In slots (TSCH) the slot's number stands for the count, so that a frame is sealed anew for each slot that it is sent in; enhanced
//! acknowledgements are protected, and beacons authenticated but legible (RFC 8180 §4.6).

use rustc_hash::FxHashMap;
use wire::account::{Account, Protocol, Run};
use wire::cryptography::{Operation, Work};
use wire::ieee802154::protection::{Key, Nonce, seal, unseal};
use wire::ieee802154::{
    Address, AuxiliarySecurity, ExtendedAddress, FrameType, FrameVersion, Header, KeyIdentifier,
    SecurityLevel,
};
use wire::packet::Packet;
use wire::payload::{Payload, Slice};

use super::access::RadioPlace;
use crate::network::Network;
use crate::observer::Observer;
use crate::pool::PacketId;
use sim_core::SimTime;

/// How the frames of a medium are protected.
#[derive(Clone, Copy, Debug)]
pub struct RadioSecurity {
    /// What protects them; not none.
    pub level: SecurityLevel,
    /// How frames name the key.
    pub identifier: KeyIdentifier,
    /// The key that all radios have.
    pub key: Key,
}

impl RadioSecurity {
    /// The header of a frame that is protected. One of slots needs no count; a beacon stays legible.
    pub(super) fn of_frame(self, frame: Header) -> Header {
        let in_slots = frame.version == FrameVersion::V2015;
        let level = if frame.frame_type == FrameType::Beacon { self.level.legible() } else { self.level };
        let frame_counter = (!in_slots).then_some(0);
        let version = if in_slots { FrameVersion::V2015 } else { FrameVersion::V2006 };
        if level == SecurityLevel::None {
            return frame;
        }
        Header {
            version,
            security: Some(AuxiliarySecurity { level, frame_counter, key: self.identifier }),
            ..frame
        }
    }

    /// Bytes that a frame of slots is longer by.
    pub(super) const fn in_slot_len(self) -> usize {
        let header = AuxiliarySecurity { level: self.level, frame_counter: None, key: self.identifier };
        header.len() + self.level.mic_len()
    }
}

/// The counts of one radio.
#[derive(Debug, Default)]
pub(super) struct Counters {
    sealed: u32,
    heard: FxHashMap<u32, u32>,
}

impl Counters {
    /// The count of the next frame; `None` when the key is used up (clause 9.2.2).
    fn next(&mut self) -> Option<u32> {
        let counter = self.sealed;
        self.sealed = counter.checked_add(1)?;
        Some(counter)
    }

    /// Whether a frame of that radio is newer than all before (clause 9.2.5, replay protection).
    fn accepts(&mut self, from: u32, counter: u32) -> bool {
        if self.heard.get(&from).is_some_and(|&last| counter <= last) {
            return false;
        }
        self.heard.insert(from, counter);
        true
    }
}

/// Makes room for the protection of a frame whose header has been pushed: the code behind the payload.
pub(super) fn make_room(packet: &mut Packet, security: &AuxiliarySecurity) {
    let mic_len = security.level.mic_len();
    if mic_len > 0 {
        let mut payload = packet.take_payload();
        payload.push(Slice::from_bytes(vec![0; mic_len]));
        packet.set_payload(payload);
    }
    let reason = packet.account.frame_reason();
    packet.account.runs.push(Run {
        bytes: (security.len() + mic_len) as u32,
        flow: packet.account.flow,
        message: 0,
        generated: SimTime::ZERO,
        protocol: Protocol::Ieee802154Security,
        reason,
        last: false,
    });
}

/// Takes the code off a frame that has been opened.
fn take_room(packet: &mut Packet, level: SecurityLevel) {
    let mut payload = packet.take_payload();
    let kept = payload.len().saturating_sub(level.mic_len() as u32);
    packet.set_payload(payload.split_front(kept));
    packet.account.runs.pop();
}

/// Where the parts of a protected frame stand in its bytes.
struct Parts {
    security: AuxiliarySecurity,
    /// Where the auxiliary header stands.
    at: usize,
    open: usize,
    payload: usize,
}

impl Parts {
    fn of(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = Header::parse(bytes).ok()?;
        let security = header.security?;
        // A command's number stays legible (clause 9.3.5; from the 2015 edition's frames on it does not).
        let rest_len = rest.len().checked_sub(security.level.mic_len())?;
        let legible = match header.frame_type {
            FrameType::Command if header.version != FrameVersion::V2015 => 1,
            // Elements of the header are all that it has.
            FrameType::Acknowledgment => rest_len,
            FrameType::Beacon | FrameType::Data | FrameType::Command => 0,
        };
        let payload = rest_len.checked_sub(legible)?;
        let header_len = bytes.len() - rest.len();
        Some(Self { security, at: header_len - security.len(), open: header_len + legible, payload })
    }

    fn split<'a>(&self, bytes: &'a mut [u8]) -> (&'a [u8], &'a mut [u8], &'a mut [u8]) {
        let (open, rest) = bytes.split_at_mut(self.open);
        let (payload, mic) = rest.split_at_mut(self.payload);
        (open, payload, mic)
    }
}

impl<O: Observer> Network<O> {
    /// A frame of the medium access control's own, with room for its protection where the medium's frames are protected.
    pub(super) fn protected_control(
        &mut self,
        place: RadioPlace,
        header: Header,
        behind: &[u8],
        account: Account,
    ) -> PacketId {
        let security = self.media[place.medium].security;
        self.control_packet(security.map_or(header, |security| security.of_frame(header)), behind, account)
    }

    /// The same, as its header says.
    pub(super) fn control_packet(&mut self, header: Header, behind: &[u8], account: Account) -> PacketId {
        let mut packet = Packet::new(Payload::empty(), account);
        packet.push_header(behind.len()).copy_from_slice(behind);
        header.emit(packet.push_header(header.len()));
        let protection = header.security.map_or(0, |security| security.len());
        packet.account.push_header(Protocol::Ieee802154, header.len() - protection + behind.len());
        if let Some(security) = &header.security {
            make_room(&mut packet, security);
        }
        self.packets.insert(packet)
    }

    /// A radio's hardware has taken in a frame of the medium access control's own: its processor opens it, if it is protected.
    pub(super) fn open_control(&mut self, there: RadioPlace, id: PacketId) {
        let is_protected =
            |bytes: &[u8]| Header::parse(bytes).is_ok_and(|(header, _)| header.security.is_some());
        if self.media[there.medium].security.is_some() && is_protected(&self.packets[id].to_vec()) {
            self.work_on_frame(there, id);
        }
    }

    /// Seals a frame that is about to be sent for the first time; one without security stays as it is.
    pub(super) fn seal_frame(&mut self, place: RadioPlace, id: PacketId) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        let Some(RadioSecurity { key, .. }) = medium.security else { return };
        let source = extended(medium.address(place.radio));
        let mut bytes = self.packets[id].to_vec();
        let Some(parts) = Parts::of(&bytes) else { return };
        let (security, nonce) = if parts.security.frame_counter.is_some() {
            let Some(counter) = medium.macs[place.radio as usize].counters.next() else { return };
            let security = AuxiliarySecurity { frame_counter: Some(counter), ..parts.security };
            (security, Nonce::new(source, counter, security.level))
        } else {
            (parts.security, Nonce::in_slot(source, medium.macs[place.radio as usize].duty.slot_at(now)))
        };
        security.emit(&mut bytes[parts.at..parts.at + security.len()]);
        let (open, payload, mic) = parts.split(&mut bytes);
        seal(security.level, key, nonce, open, payload, mic);
        rewrite(&mut self.packets[id], &bytes);
        self.work_on_frame(place, id);
    }

    /// Takes the protection off a frame that will be sent anew with another header.
    pub(super) fn reopen_frame(&mut self, place: RadioPlace, id: PacketId) {
        let _own = self.open_bytes(place, place.radio, id);
    }

    /// Opens a frame that came from the radio `from`; false if it is not what the medium's rules want.
    pub(super) fn open_frame(&mut self, here: RadioPlace, from: u32, frame: &Header, id: PacketId) -> bool {
        let medium = &mut self.media[here.medium];
        let (rule, security) = match (medium.security, frame.security) {
            (None, None) => return true,
            (Some(rule), Some(security)) if rule.level == security.level => (rule, security),
            (Some(_) | None, Some(_) | None) => return false,
        };
        self.work_on_frame(here, id);
        if !self.open_bytes(here, from, id) {
            return false;
        }
        // The number of a slot does not come again.
        let counters = &mut self.media[here.medium].macs[here.radio as usize].counters;
        if security.frame_counter.is_some_and(|counter| !counters.accepts(from, counter)) {
            return false;
        }
        take_room(&mut self.packets[id], rule.level);
        true
    }

    fn open_bytes(&mut self, place: RadioPlace, from: u32, id: PacketId) -> bool {
        let medium = &self.media[place.medium];
        let (Some(rule), Some(_)) = (medium.security, medium.macs.get(from as usize)) else { return false };
        let source = extended(medium.address(from));
        let mut bytes = self.packets[id].to_vec();
        let Some(parts) = Parts::of(&bytes) else { return false };
        let level = parts.security.level;
        let nonce = match parts.security.frame_counter {
            Some(counter) => Nonce::new(source, counter, level),
            None => Nonce::in_slot(source, medium.macs[place.radio as usize].duty.slot_at(self.now())),
        };
        let (open, payload, mic) = parts.split(&mut bytes);
        let is_right = unseal(level, rule.key, nonce, open, payload, mic);
        if is_right {
            rewrite(&mut self.packets[id], &bytes);
        }
        is_right
    }

    /// The node's processor, if it has one, works on a frame's protection; the frame does not wait for it.
    fn work_on_frame(&mut self, place: RadioPlace, id: PacketId) {
        let (node, packet) = (self.radio_node(place), &self.packets[id]);
        let work = Work { operation: Operation::Aes128Ccm, times: 1, bytes: packet.len() as u32 };
        let flow = packet.account.flow;
        self.encipher(node, flow, work);
    }
}

/// The address of 64 bits that a nonce names: that of a radio with a short address is locally administered and ends in it.
pub(crate) fn extended(address: Address) -> ExtendedAddress {
    match address {
        Address::Extended(address) => address,
        Address::Short(short) => {
            let [high, low] = short.0.to_be_bytes();
            ExtendedAddress([0x02, b'n', b'j', 0, 0, 0, high, low])
        }
    }
}

/// Puts other bytes in the place of a packet's own: headers and slices keep their lengths.
fn rewrite(packet: &mut Packet, bytes: &[u8]) {
    let (header, mut rest) = bytes.split_at(packet.header().len());
    packet.header_mut().copy_from_slice(header);
    let old = packet.take_payload();
    let mut payload = Payload::empty();
    for slice in old.slices() {
        let (front, behind) = rest.split_at(slice.len() as usize);
        payload.push(Slice::from_bytes(front));
        rest = behind;
    }
    packet.set_payload(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_accepted_once_and_none_before_it() {
        let mut counters = Counters::default();
        let taken: Vec<bool> = [0, 0, 1, 5, 3, 5, 6].map(|counter| counters.accepts(9, counter)).to_vec();
        assert_eq!(taken, [true, false, true, true, false, false, true]);
        assert!(counters.accepts(8, 0), "another radio counts for itself");
        assert_eq!((counters.next(), counters.next()), (Some(0), Some(1)));
        counters.sealed = u32::MAX;
        assert_eq!(counters.next(), None, "the last count is not used, since none could follow it");
    }
}
