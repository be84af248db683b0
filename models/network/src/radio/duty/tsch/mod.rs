//! Time-slotted channel hopping (IEEE 802.15.4-2020 clauses 6.2.6, 6.3.6 and 6.5.4): all radios of a network count slots
//! together, sleep in most, and change the channel with each.
//!
//! ```text
//!  slot   0        1.02 ms  2.12 ms                        3.22 ms                      10 ms
//!  sender           sleeps  | frame (at most 4.256 ms) |  1 ms  | acknowledgement | sleeps
//!  receiver         | listens until a frame starts ------- |       sends it
//! ```
//!
//! A radio joins by listening on one channel until it hears an enhanced beacon. From then on its time source is that
//! beacon's sender, or one that is nearer to the coordinator; each frame from that, and the time correction in each
//! acknowledgement by it, sets its clock. Clocks drift, each with its own rate. A radio that has not heard of its source
//! for a while asks it for an acknowledgement; if it hears nothing for twice as long it leaves, and joins anew.
//!
//! A frame that is not confirmed waits, in cells that others may send in, for some of them to pass (clause 6.2.6.4).
//! The channel is not looked at before sending (`macTschCca` is off).

mod clock;
mod schedule;
mod work;

use std::collections::BTreeMap;

use sim_core::{SimDuration, SimTime};
use wire::ieee802154::{Address, Addressing, FrameType, FrameVersion, Header};

use super::super::access::RadioPlace;
use super::super::mac::{Content, Outgoing};
use super::super::phy::Phy;
use super::{Duty, Heard, RadioDuty};
use crate::drop_cause::DropCause;
use crate::network::Network;
use crate::observer::Observer;
use crate::power::rhythm::{Rhythm, Slots};

pub use schedule::Schedule;

/// Settings of TSCH.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Who sends when.
    pub schedule: Schedule,
    /// How often a radio that has joined sends a beacon; each time between three quarters of it and all of it.
    pub beacon_every: SimDuration,
    /// After how long without news of its time source a radio asks it.
    pub keep_alive: SimDuration,
    /// How wrong clocks are at most, in millionths.
    pub drift_ppm: u32,
}

impl Default for Settings {
    /// RFC 8180's schedule with Contiki-NG's length of 7 slots, and its times.
    fn default() -> Self {
        Self {
            schedule: Schedule::Minimal { slotframe: 7 },
            beacon_every: SimDuration::from_secs(16),
            keep_alive: SimDuration::from_secs(12),
            drift_ppm: 20,
        }
    }
}

/// What one radio keeps.
#[derive(Debug)]
pub(in super::super) struct Node {
    settings: Settings,
    radio: u32,
    /// Whether it makes the network that others join.
    pub(in super::super) coordinator: bool,
    drift_ppm: i64,
    joined: Option<Joined>,
    beacon_at: SimTime,
    timer_at: SimTime,
    /// When the frame that is planned starts, and the slot.
    planned: Option<(SimTime, u64)>,
    /// In shared cells: how far the back-off to a radio has grown, and from which slot on it is sent to again.
    back_off: BTreeMap<u32, (u8, u64)>,
}

/// What a radio knows of the network that it has joined.
#[derive(Debug)]
struct Joined {
    slots: Slots,
    /// The radio that it takes the time from; the coordinator has none.
    source: Option<u32>,
    /// How far it is from the coordinator.
    metric: u8,
    /// When it last learnt the time.
    synchronised: SimTime,
}

impl Node {
    pub(super) fn new(settings: Settings, radio: u32, draw: u64) -> Self {
        let width = 2 * i64::from(settings.drift_ppm) + 1;
        let drift_ppm = (draw % width as u64) as i64 - i64::from(settings.drift_ppm);
        Self {
            settings,
            radio,
            coordinator: false,
            drift_ppm,
            joined: None,
            beacon_at: SimTime::ZERO,
            timer_at: SimTime::ZERO,
            planned: None,
            back_off: BTreeMap::new(),
        }
    }

    pub(super) fn rhythm(&self) -> Rhythm {
        self.joined.as_ref().map_or(Rhythm::Silent, |joined| Rhythm::Slots(joined.slots.clone()))
    }

    pub(super) fn forget(&mut self) {
        self.joined = None;
        self.planned = None;
        self.back_off.clear();
    }

    /// Whether it may fall asleep: who looks for a network listens.
    pub(super) fn may_sleep(&self) -> bool {
        self.joined.is_some()
    }
}

/// The manner of TSCH.
pub(super) struct Tsch;

impl<O: Observer> RadioDuty<O> for Tsch {
    fn start(&self, net: &mut Network<O>, place: RadioPlace) {
        net.start_slots(place);
    }

    fn send(&self, net: &mut Network<O>, place: RadioPlace) {
        net.plan_slot(place);
    }

    fn on_attempt(&self, net: &mut Network<O>, place: RadioPlace) {
        net.use_slot(place);
    }

    fn on_timer(&self, net: &mut Network<O>, place: RadioPlace) {
        net.on_slot_timer(place);
    }

    fn patience(&self, net: &Network<O>, place: RadioPlace, _comes: bool) -> SimDuration {
        let medium = &net.media[place.medium];
        let long = medium.address(place.radio).len();
        let protection = medium.security.map_or(0, |security| security.in_slot_len());
        TX_ACK_DELAY + medium.phy.air_time(ACK_LEN + long + protection) + ACK_GUARD
    }

    fn confirmed(&self, net: &mut Network<O>, place: RadioPlace, _pending: bool) {
        net.slot_confirmed(place);
    }

    fn unconfirmed(&self, net: &mut Network<O>, place: RadioPlace) {
        net.slot_unconfirmed(place);
    }

    fn rest(&self, net: &mut Network<O>, place: RadioPlace) {
        net.sleep_if_free(place);
    }

    fn heard(&self, net: &mut Network<O>, place: RadioPlace, heard: Heard) {
        net.heard_in_slot(place, heard);
    }
}

fn node<O: Observer>(net: &mut Network<O>, place: RadioPlace) -> Option<&mut Node> {
    match &mut net.media[place.medium].macs[place.radio as usize].duty {
        Duty::Tsch(node) => Some(node),
        Duty::AlwaysOn | Duty::Strobing(_) | Duty::Child(_) | Duty::Parent(_) => None,
    }
}

/// The timings of a slot of 10 ms (`macTimeslotTemplate` 0, table 8-96).
const SLOT: SimDuration = SimDuration::from_micros(10_000);
const TX_OFFSET: SimDuration = SimDuration::from_micros(2_120);
const RX_OFFSET: SimDuration = SimDuration::from_micros(1_020);
const RX_WAIT: SimDuration = SimDuration::from_micros(2_200);
pub(in super::super) const TX_ACK_DELAY: SimDuration = SimDuration::from_micros(1_000);
/// Half of `macTsAckWait`.
const ACK_GUARD: SimDuration = SimDuration::from_micros(200);
/// An enhanced acknowledgement without its receiver's address: control, number, network, time correction, check sequence.
const ACK_LEN: usize = 2 + 1 + 2 + 4 + 2;

/// The header of an enhanced acknowledgement (clause 7.3.3.3), in front of its elements.
pub(in super::super) fn acknowledgement(pan: wire::ieee802154::PanId, to: Address, sequence: u8) -> Header {
    Header {
        frame_type: FrameType::Acknowledgment,
        version: FrameVersion::V2015,
        elements: true,
        ..Header::data(sequence, Addressing::to(pan, to), false)
    }
}

/// The shortest and the longest slotframe.
pub const SLOTFRAME_MAX: u32 = 65_535;

/// Whether slots have room for a physical layer's frames.
pub fn fits(phy: Phy) -> bool {
    TX_OFFSET + phy.longest_air_time() + TX_ACK_DELAY < SLOT
}
