//! What radios that are always on take in of frames for others.
//!
//! A frame is heard by everybody in reach, and most of them have nothing to do with it. So its time is kept once, with
//! its sender, and not with each listener: what a listener took in is the sum over the senders that it hears, less what it
//! was not there for. Only the exceptions are kept with the listener:
//!
//! - It turned, sent, or took a frame for itself in while the other began or went on: it took in what came before that.
//! - Two frames that it hears overlap: the one that began first is taken in to its end, and of the other what is left then.
//! - It was off.
//!
//! What a frame was to others does not matter: it may be spoilt here and right there, and taking it in costs the same.

use std::sync::Arc;

use hw::ledger::split;
use sim_core::{SimDuration, SimTime};
use smallvec::SmallVec;
use wire::account::Layer;

use super::air::{Channel, Radio};
use super::mac::RadioState;
use super::medium::RadioMedium;
use super::phy::Phy;
use super::power::Power;
use super::propagation::Propagation;
use crate::power::purpose::{Purpose, Shares};

/// Nanoseconds by layer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct LayerTimes([i64; LAYERS.len()]);

/// The account of a medium.
#[derive(Debug)]
pub(super) struct Overhearing {
    /// By radio; none of a radio that keeps its own account, or none at all.
    listeners: Vec<Option<Listener>>,
    /// Time in the air of the frames to single radios, by sender, and of all senders together.
    sent: Vec<LayerTimes>,
    all: LayerTimes,
    /// Frames in the air, and those that ended so lately that one in the air may have overlapped them.
    flights: Vec<Flight>,
    absences: Vec<Absence>,
    /// Who notices what a radio sends, in order, as far as somebody has asked: nobody moves.
    audiences: Vec<Option<Arc<[u32]>>>,
    /// Whether all radios with hardware are among the listeners.
    pub(super) is_kept_for_all: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Listener {
    /// What it took in until it was last switched off, and by how much what its senders sent since then has to be corrected.
    taken: LayerTimes,
    /// What those that it hears had sent when it was last switched on.
    joined: LayerTimes,
    off: bool,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    sender: u32,
    start: SimTime,
    end: SimTime,
    ended: bool,
}

/// A listener that does not take in what others send.
#[derive(Clone, Copy, Debug)]
struct Absence {
    radio: u32,
    why: Why,
    from: SimTime,
    until: SimTime,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Why {
    /// It sends, or turns to.
    Sends,
    /// It takes in a frame for itself.
    Receives,
}

impl Absence {
    fn overlaps(&self, from: SimTime, until: SimTime) -> bool {
        self.from < until && self.until > from
    }
}

impl Overhearing {
    /// For the radios that take part, all of which listen.
    pub(super) fn new(takes_part: impl Iterator<Item = bool>) -> Self {
        let listeners: Vec<_> = takes_part.map(|part| part.then(Listener::default)).collect();
        let sent = vec![LayerTimes::default(); listeners.len()];
        let audiences = vec![None; listeners.len()];
        let (flights, absences) = (Vec::new(), Vec::new());
        let all = LayerTimes::default();
        Self { sent, listeners, all, flights, absences, audiences, is_kept_for_all: false }
    }

    /// Whether the radio's overhearing is kept here.
    pub(super) fn keeps(&self, radio: u32) -> bool {
        self.listeners[radio as usize].is_some()
    }

    /// A frame starts.
    pub(super) fn begins(&mut self, sender: u32, start: SimTime, end: SimTime) {
        self.flights.push(Flight { sender, start, end, ended: false });
    }

    /// A listener takes in a frame for itself from now on, or has done so.
    pub(super) fn takes_in(&mut self, radio: u32, now: SimTime, begins: bool) {
        if begins { self.leaves(radio, now, Why::Receives) } else { self.is_back(radio, now, Why::Receives) }
    }

    fn leaves(&mut self, radio: u32, from: SimTime, why: Why) {
        self.absences.push(Absence { radio, why, from, until: SimTime::MAX });
    }

    fn is_back(&mut self, radio: u32, now: SimTime, why: Why) {
        let open = |absence: &&mut Absence| {
            absence.radio == radio && absence.why == why && absence.until == SimTime::MAX
        };
        if let Some(absence) = self.absences.iter_mut().find(open) {
            absence.until = now;
        }
    }

    fn end(&mut self, sender: u32, now: SimTime) -> Option<Flight> {
        let flight = self.flights.iter_mut().find(|flight| flight.sender == sender && !flight.ended)?;
        (flight.end, flight.ended) = (now, true);
        Some(*flight)
    }

    /// Forgets what no frame that is in the air now can have overlapped.
    fn forget(&mut self, now: SimTime, longest: SimDuration) {
        self.flights.retain(|flight| !flight.ended || flight.end + longest > now);
        self.absences.retain(|absence| absence.until.saturating_add(longest) > now);
    }

    /// The listener took in no more of a frame than its first nanoseconds.
    fn correct(&mut self, radio: u32, whole: &LayerTimes, shares: &Shares, taken: SimDuration) {
        if let Some(listener) = self.listeners[radio as usize].as_mut().filter(|listener| !listener.off) {
            listener.taken.subtract(whole);
            if taken > SimDuration::ZERO {
                listener.taken.add(&LayerTimes::of(shares, taken));
            }
        }
    }

    /// Where each hears each other: a frame that begins while others are in the air is taken in from the end of the last of
    /// those on by all but the absent, for whom that has been seen to. So what all took in is corrected, and for the absent
    /// that is undone.
    fn correct_all(
        &mut self,
        earlier: &[Flight],
        absent: &[(u32, SimTime)],
        flight: &Flight,
        shares: &Shares,
    ) {
        let &Flight { sender, start, end, .. } = flight;
        let Some(busy_until) = earlier.iter().map(|other| other.end).max() else { return };
        let whole = LayerTimes::of(shares, end - start);
        let taken = LayerTimes::of(shares, end.saturating_since(busy_until.max(start)));
        for times in [&mut self.all, &mut self.sent[sender as usize]] {
            times.subtract(&whole);
            times.add(&taken);
        }
        for &(radio, _) in absent {
            if let Some(listener) = self.listeners[radio as usize].as_mut().filter(|listener| !listener.off) {
                listener.taken.add(&whole);
                listener.taken.subtract(&taken);
            }
        }
    }
}

impl RadioMedium {
    /// A radio's state has changed.
    #[inline]
    pub(super) fn note_state(&mut self, radio: u32, now: SimTime, was: RadioState, state: RadioState) {
        if self.overhearing.is_some() {
            self.note_absence(radio, now, was, state);
        }
    }

    fn note_absence(&mut self, radio: u32, now: SimTime, was: RadioState, state: RadioState) {
        let Some(mut own) = self.overhearing.take() else { return };
        if own.keeps(radio) {
            let listens = |state: RadioState| state == RadioState::Listen;
            match (was, state) {
                (RadioState::Off, _) => {
                    // Of what is in the air already it takes nothing in.
                    own.absences.push(Absence { radio, why: Why::Sends, from: SimTime::ZERO, until: now });
                    self.switch(&mut own, radio, false);
                }
                (_, RadioState::Off) => {
                    own.is_back(radio, now, Why::Sends);
                    own.is_back(radio, now, Why::Receives);
                    self.switch(&mut own, radio, true);
                }
                (was, state) if listens(was) && !listens(state) => own.leaves(radio, now, Why::Sends),
                (was, state) if listens(state) && !listens(was) => own.is_back(radio, now, Why::Sends),
                _ => {}
            }
        }
        self.overhearing = Some(own);
    }

    fn switch(&mut self, own: &mut Overhearing, radio: u32, off: bool) {
        let heard = self.heard_by(own, radio);
        if let Some(listener) = own.listeners[radio as usize].as_mut().filter(|listener| listener.off != off)
        {
            if off {
                listener.taken.add(&heard);
                listener.taken.subtract(&listener.joined);
            } else {
                listener.joined = heard;
            }
            listener.off = off;
        }
    }

    /// A frame to one radio ends: everybody else in reach has overheard it.
    pub(super) fn was_overheard(&mut self, sender: u32, to_all: bool, now: SimTime, shares: &Shares) {
        let Some(mut own) = self.overhearing.take() else { return };
        if let Some(flight) = own.end(sender, now).filter(|_| !to_all) {
            self.keep(&mut own, &flight, shares);
        }
        own.forget(now, self.phy.longest_air_time());
        self.overhearing = Some(own);
    }

    fn keep(&mut self, own: &mut Overhearing, flight: &Flight, shares: &Shares) {
        let &Flight { sender, start, end, .. } = flight;
        let whole = LayerTimes::of(shares, end - start);
        own.sent[sender as usize].add(&whole);
        own.all.add(&whole);
        let mut absent: SmallVec<[(u32, SimTime); 8]> = own
            .absences
            .iter()
            .filter(|absence| absence.radio != sender && absence.overlaps(start, end))
            .map(|absence| (absence.radio, absence.from))
            .collect();
        absent.sort_unstable();
        absent.dedup_by_key(|(radio, _)| *radio);
        for &(radio, from) in &absent {
            if self.hears(own, radio, sender) {
                own.correct(radio, &whole, shares, from.saturating_since(start));
            }
        }
        let earlier = |other: &&Flight| other.sender != sender && other.start <= start && other.end > start;
        let earlier: SmallVec<[Flight; 4]> = own.flights.iter().filter(earlier).copied().collect();
        if earlier.is_empty() {
            return;
        }
        if self.all_in_reach {
            return own.correct_all(&earlier, &absent, flight, shares);
        }
        let others: SmallVec<[(Arc<[u32]>, Flight); 4]> =
            earlier.iter().map(|other| (self.audience(own, other.sender), *other)).collect();
        for &radio in &*self.audience(own, sender) {
            if !own.keeps(radio) || absent.binary_search_by_key(&radio, |&(absent, _)| absent).is_ok() {
                continue;
            }
            let busy = others.iter().filter(|(audience, _)| audience.binary_search(&radio).is_ok());
            if let Some(busy_until) = busy.map(|(_, other)| other.end).max() {
                own.correct(radio, &whole, shares, end.saturating_since(busy_until.max(start)));
            }
        }
    }

    /// Whether what `sender` sends is noticed by a radio that listens.
    fn hears(&mut self, own: &mut Overhearing, radio: u32, sender: u32) -> bool {
        radio != sender && (self.all_in_reach || self.audience(own, sender).binary_search(&radio).is_ok())
    }

    /// Who notices what `sender` sends, in order, where not all are in reach.
    fn audience(&mut self, own: &mut Overhearing, sender: u32) -> Arc<[u32]> {
        let known = own.audiences[sender as usize].get_or_insert_with(|| self.work_out_audience(sender));
        known.clone()
    }

    fn work_out_audience(&mut self, sender: u32) -> Arc<[u32]> {
        let air = &mut self.air;
        let mut near = air.neighbours(sender, SimTime::ZERO);
        near.retain(|&radio| {
            let sensitivity = air.radio(radio).sensitivity;
            air.received_power(sender, radio, SimTime::ZERO) >= sensitivity
        });
        near.into()
    }

    fn heard_by(&mut self, own: &mut Overhearing, radio: u32) -> LayerTimes {
        if self.all_in_reach {
            let mut heard = own.all;
            heard.subtract(&own.sent[radio as usize]);
            return heard;
        }
        let mut heard = LayerTimes::default();
        for sender in 0..own.sent.len() as u32 {
            let sent = own.sent[sender as usize];
            if sent != LayerTimes::default() && self.hears(own, radio, sender) {
                heard.add(&sent);
            }
        }
        heard
    }

    /// What each radio overheard that keeps no account of its own, in order of radio, when the run is over.
    pub(crate) fn overheard(&mut self) -> Vec<(u32, LayerTimes)> {
        let Some(mut own) = self.overhearing.take() else { return Vec::new() };
        let mut heard = vec![LayerTimes::default(); own.listeners.len()];
        if self.all_in_reach {
            (0..own.listeners.len() as u32).for_each(|radio| self.switch(&mut own, radio, true));
        } else {
            // Those in reach of each sender, and not the senders in reach of each radio: most radios send little.
            for sender in 0..own.sent.len() as u32 {
                let sent = own.sent[sender as usize];
                if sent == LayerTimes::default() {
                    continue;
                }
                for &radio in &*self.audience(&mut own, sender) {
                    if own.listeners[radio as usize].is_some_and(|listener| !listener.off) {
                        heard[radio as usize].add(&sent);
                    }
                }
            }
        }
        let listeners = (0..).zip(own.listeners.iter().zip(heard));
        listeners
            .filter_map(|(radio, (listener, mut heard))| {
                let listener = (*listener)?;
                if !listener.off {
                    heard.subtract(&listener.joined);
                }
                heard.add(&listener.taken);
                (heard != LayerTimes::default()).then_some((radio, heard))
            })
            .collect()
    }
}

impl LayerTimes {
    fn of(shares: &Shares, time: SimDuration) -> Self {
        let mut times = Self::default();
        split(time, shares, |purpose: Purpose, share| {
            times.0[purpose.layer.map_or(0, |layer| layer as usize)] += share.as_nanos() as i64;
        });
        times
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own += other);
    }

    fn subtract(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own -= other);
    }

    /// The layers with time, lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Layer, SimDuration)> + '_ {
        let times = LAYERS.iter().zip(self.0);
        times
            .filter(|&(_, time)| time > 0)
            .map(|(&layer, time)| (layer, SimDuration::from_nanos(time as u64)))
    }
}

/// Whether who hears whom is the same at all times.
pub(super) fn holds_still(channel: &Channel, radios: &[Radio]) -> bool {
    !matches!(channel.propagation, Propagation::Trace(_)) && radios.iter().all(|radio| radio.track.is_none())
}

/// Whether each radio certainly hears each other: the two corners of the box around all are in reach.
pub(super) fn are_all_in_reach(channel: &Channel, phy: Phy, radios: &[Radio]) -> bool {
    let plain = match &channel.propagation {
        Propagation::FreeSpace => true,
        Propagation::LogDistance { shadowing_db, .. } => *shadowing_db == 0.0,
        Propagation::TwoRay { .. } | Propagation::Table(_) | Propagation::Trace(_) => false,
    };
    let Some(first) = radios.first().filter(|_| plain) else { return false };
    let (mut low, mut high) = (first.position, first.position);
    let (mut weakest, mut deafest): (Power, Power) = (first.power, first.sensitivity);
    for radio in radios {
        if radio.channel != first.channel {
            return false;
        }
        let at = radio.position;
        (low.x, low.y, low.z) = (low.x.min(at.x), low.y.min(at.y), low.z.min(at.z));
        (high.x, high.y, high.z) = (high.x.max(at.x), high.y.max(at.y), high.z.max(at.z));
        weakest = if radio.power < weakest { radio.power } else { weakest };
        deafest = if radio.sensitivity > deafest { radio.sensitivity } else { deafest };
    }
    let range = channel.propagation.range(phy.wavelength(), deafest.ratio_to(weakest), 0.0);
    low.distance(high) < range * CERTAINLY
}

/// The layers, by number.
const LAYERS: [Layer; 6] =
    [Layer::Link, Layer::Network, Layer::Transport, Layer::Security, Layer::Session, Layer::Application];

/// A share of the range that leaves no doubt, whatever is rounded.
const CERTAINLY: f64 = 0.999;
