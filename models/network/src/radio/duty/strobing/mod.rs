//! Senders that repeat a frame until its receiver wakes up: what ContikiMAC and X-MAC have in common.
//!
//! ```text
//!  sender    listen | frame | gap | frame | gap | frame | acknowledgement
//!  receiver  . . . . . . . . look . . . . look | frame | acknowledgement | sleep
//! ```
//!
//! A row of frames ends with an acknowledgement, when a whole period of the receiver is over, or when something else than an
//! acknowledgement is heard between two of its frames: then another row is in the air (Contiki's `contikimac.c` and `xmac.c` call
//! that a collision, as they do a channel that is busy before the row). What is for all radios is repeated for a whole period.
//!
//! A collision, and a row without acknowledgement, are followed by a wait of one period at most the first time, of two the second,
//! of three from then on. A row without acknowledgement spends one of the frame's tries, and so do more collisions in a row than
//! `macMaxCsmaBackoffs` (Contiki's `csma.c`).

pub mod contikimac;
mod row;
pub mod xmac;

use std::collections::BTreeMap;

use sim_core::{SimDuration, SimTime};
use smallvec::SmallVec;

use super::super::access::RadioPlace;
use super::super::air::TransmissionId;
use super::super::fate::{Fate, FrameKind};
use super::super::mac::{Content, Outgoing, Phase, RadioState};
use super::super::step::RadioStep;
use super::{Duty, Heard, RadioDuty, Sense};
use crate::drop_cause::DropCause;
use crate::network::Network;
use crate::observer::Observer;
use crate::power::rhythm::Rhythm;

/// The times of a way to wake receivers.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The period of receivers.
    every: SimDuration,
    /// When they listen within it.
    looks: SmallVec<[(SimDuration, SimDuration); 2]>,
    sense: Sense,
    /// Whether a short frame is repeated instead of the frame itself.
    preamble: bool,
    /// Whether a sender learns when a receiver listens.
    phase_lock: bool,
    /// The pause between two frames of a row.
    gap: SimDuration,
    /// How long the channel has to be free before a row.
    clear: SimDuration,
    /// How long a row to a receiver lasts whose time is known.
    short_row: SimDuration,
    /// How long a radio that is told of more stays awake.
    linger: SimDuration,
}

/// What one radio keeps.
#[derive(Debug)]
pub(in super::super) struct Node {
    plan: Plan,
    /// Whether it sleeps at all, or only wakes others.
    pub(super) sleeps: bool,
    first: SimTime,
    row: Option<Row>,
    /// How often the channel has been found busy, or a row broken off, since the last try of the first frame was spent.
    collisions: u8,
    /// When a receiver listened, as far as an acknowledgement has shown.
    known: BTreeMap<u32, Known>,
}

/// Frames in a row.
#[derive(Debug)]
struct Row {
    until: SimTime,
    /// When the last frame started, and the one before it.
    last: SimTime,
    before: Option<SimTime>,
    /// Whether the receiver is known to be awake: it is sent to at once.
    awake: bool,
    /// What became of a frame for all, at each radio.
    fates: BTreeMap<u32, Fate>,
}

/// What is known of a receiver's time.
#[derive(Clone, Copy, Debug)]
struct Known {
    listened: SimTime,
    confirmed: SimTime,
    misses: u8,
}

impl Node {
    pub(super) fn new(plan: Plan, sleeps: bool, draw: u64) -> Self {
        let offset = (u128::from(draw) * u128::from(plan.every.as_nanos())) >> 64;
        let first = SimTime::from_nanos(offset as u64);
        Self { plan, sleeps, first, row: None, collisions: 0, known: BTreeMap::new() }
    }

    pub(super) fn rhythm(&self) -> Rhythm {
        Rhythm::Periodic { first: self.first, every: self.plan.every, looks: self.plan.looks.clone() }
    }

    pub(super) fn sense(&self) -> Sense {
        self.plan.sense
    }

    pub(super) fn begins(&mut self, now: SimTime) {
        if let Some(row) = &mut self.row {
            row.before = (row.last > SimTime::ZERO).then_some(row.last);
            row.last = now;
        }
    }

    pub(super) fn forget(&mut self) {
        self.row = None;
        self.collisions = 0;
        self.known.clear();
    }

    /// How long after a period's beginning the last look ends.
    fn looking(&self) -> SimDuration {
        self.plan.looks.last().map_or(SimDuration::ZERO, |&(_, until)| until)
    }

    /// When to begin a row to a receiver, not before `earliest`.
    fn begin_of_row(&self, to: Option<u32>, earliest: SimTime) -> SimTime {
        let known = to.and_then(|to| self.known.get(&to)).filter(|_| self.plan.phase_lock);
        let Some(known) = known else { return earliest };
        // The receiver began its looks up to their whole length before the frame that one of them noticed.
        let begin = known.listened.saturating_sub(self.looking() + MARGIN);
        let passed = earliest.saturating_since(begin).as_nanos();
        begin + self.plan.every * passed.div_ceil(self.plan.every.as_nanos())
    }

    /// A receiver has confirmed the frame of a row. If that was the row's first it was awake before, so that nothing shows when it
    /// listens; who is always on is never waited for.
    fn learn(&mut self, to: u32, now: SimTime) {
        let Some(row) = &self.row else { return };
        match row.before {
            Some(listened) => {
                self.known.insert(to, Known { listened, confirmed: now, misses: 0 });
            }
            None => {
                if let Some(known) = self.known.get_mut(&to) {
                    (known.confirmed, known.misses) = (now, 0);
                }
            }
        }
    }

    /// A receiver has confirmed nothing: after many times, or a while, its time is no longer known.
    fn miss(&mut self, to: u32, now: SimTime) {
        if let Some(known) = self.known.get_mut(&to) {
            known.misses += 1;
            if known.misses >= MISSES_MAX || now.saturating_since(known.confirmed) > KNOWN_FOR {
                self.known.remove(&to);
            }
        }
    }
}

/// ContikiMAC and X-MAC.
pub(super) struct Strobing;

impl<O: Observer> RadioDuty<O> for Strobing {
    fn start(&self, net: &mut Network<O>, place: RadioPlace) {
        net.sleep_if_free(place);
    }

    fn send(&self, net: &mut Network<O>, place: RadioPlace) {
        net.send_in_row(place);
    }

    fn on_attempt(&self, net: &mut Network<O>, place: RadioPlace) {
        net.begin_row(place);
    }

    fn on_look(&self, net: &mut Network<O>, place: RadioPlace) {
        let now = net.now();
        let medium = &mut net.media[place.medium];
        if medium.macs[place.radio as usize].clock.state() != RadioState::Sleep {
            return;
        }
        let from = now - medium.phy.cca_time();
        if medium.air.is_busy(place.radio, from, now) {
            let since = from - medium.phy.turnaround();
            net.awaken(place, since);
            net.doze_when_silent(place);
        }
    }

    fn patience(&self, net: &Network<O>, place: RadioPlace, comes: bool) -> SimDuration {
        let medium = &net.media[place.medium];
        let phy = medium.phy;
        // An acknowledgement that has begun is waited for.
        let whole = phy.turnaround() + phy.air_time(wire::ieee802154::IMMEDIATE_ACK_LEN) + phy.turnaround();
        match &medium.macs[place.radio as usize].duty {
            Duty::Strobing(node) if !comes => node.plan.gap,
            _ => whole,
        }
    }

    fn confirmed(&self, net: &mut Network<O>, place: RadioPlace, _pending: bool) {
        net.end_row(place);
    }

    fn unconfirmed(&self, net: &mut Network<O>, place: RadioPlace) {
        let now = net.now();
        let row = node(net, place).and_then(|node| node.row.as_ref());
        let Some((until, last)) = row.map(|row| (row.until, row.last)) else {
            return net.row_failed(place, DropCause::Retries);
        };
        if net.hears_others(place, last) {
            net.collided(place);
        } else if now < until {
            net.on_turned(place);
        } else {
            net.row_failed(place, DropCause::Retries);
        }
    }

    fn give_up(&self, net: &mut Network<O>, place: RadioPlace, cause: DropCause) {
        net.drop_row(place, cause);
    }

    fn sent_to_all(
        &self,
        net: &mut Network<O>,
        place: RadioPlace,
        transmission: TransmissionId,
        outgoing: Outgoing,
    ) {
        net.row_to_all(place, transmission, outgoing);
    }

    fn rest(&self, net: &mut Network<O>, place: RadioPlace) {
        if let Some(node) = node(net, place) {
            node.row = None;
        }
        net.sleep_if_free(place);
    }

    fn heard(&self, net: &mut Network<O>, place: RadioPlace, heard: Heard) {
        let now = net.now();
        let mac = &net.media[place.medium].macs[place.radio as usize];
        let free_at = mac.engaged_until.max(now);
        let Duty::Strobing(own) = &mac.duty else { return };
        let stay = match heard {
            Heard { for_me: false, .. } => SimDuration::ZERO,
            Heard { content: Content::Strobe, .. } if mac.ack_due.is_none() => {
                own.plan.every + own.plan.linger
            }
            Heard { content: Content::Strobe, .. } | Heard { pending: true, .. } => own.plan.linger,
            Heard { .. } => SimDuration::ZERO,
        };
        net.plan_doze(place, free_at + stay);
    }
}

fn node<O: Observer>(net: &mut Network<O>, place: RadioPlace) -> Option<&mut Node> {
    match &mut net.media[place.medium].macs[place.radio as usize].duty {
        Duty::Strobing(node) => Some(node),
        Duty::AlwaysOn | Duty::Child(_) | Duty::Parent(_) | Duty::Tsch(_) => None,
    }
}

/// How much earlier than a receiver is expected to listen a row begins.
const MARGIN: SimDuration = SimDuration::from_micros(500);
/// So many rows in a row that nobody confirms make a receiver's time unknown (Contiki's `phase.c`).
const MISSES_MAX: u8 = 16;
/// So does a miss when the last confirmation is older than this.
const KNOWN_FOR: SimDuration = SimDuration::from_secs(30);
