//! The medium access control of one radio (IEEE 802.15.4-2020 clause 6): its settings and what it keeps.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use sim_core::random::CounterStream;
use sim_core::{SimDuration, SimTime};
use wire::account::FlowId;
use wire::ieee802154::Address;

use super::air::TransmissionId;
use super::duty::Duty;
use super::fate::Fate;
use super::phy::Phy;
use super::reassembly::Reassembly;
use super::recovery::{Recovery, RecoverySettings};
use super::security::Counters;
use crate::pool::PacketId;
use crate::power::rhythm::{Look, Rhythm};

/// Settings that all radios of a medium share, with the standard's names (clause 8.4.3, table 8-94).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MacSettings {
    /// `macMinBE`: the first back-off is of 0 to 2^BE - 1 periods; at most `be_max`.
    pub be_min: u8,
    /// `macMaxBE`: the exponent grows up to this, 3 to 8.
    pub be_max: u8,
    /// `macMaxCsmaBackoffs`: how often a busy channel is tried again, 0 to 5.
    pub backoffs_max: u8,
    /// `macMaxFrameRetries`: how often a frame without acknowledgement is sent again, 0 to 7.
    pub retries_max: u8,
    /// Whether frames to one radio ask for an acknowledgement.
    pub acknowledgements: bool,
    /// Packets that a radio puts together from fragments at one time; a fragment of another is dropped.
    pub reassemblies_max: u8,
    /// How fragments of packets to one radio are recovered (RFC 8931); those of RFC 4944 are sent if `None`.
    pub recovery: Option<RecoverySettings>,
}

impl Default for MacSettings {
    /// The standard's defaults, and room for four packets in fragments.
    fn default() -> Self {
        Self {
            be_min: 3,
            be_max: 5,
            backoffs_max: 4,
            retries_max: 3,
            acknowledgements: true,
            reassemblies_max: 4,
            recovery: None,
        }
    }
}

/// `aUnitBackoffPeriod`: 20 symbols (clause 8.4.2).
pub(super) fn backoff_period(phy: Phy) -> SimDuration {
    phy.symbols(20)
}

/// `macAckWaitDuration`: a back-off period, a turnaround, the synchronisation header and six bytes (clause 8.4.3; 54 symbols).
pub(super) fn ack_wait(phy: Phy) -> SimDuration {
    backoff_period(phy) + phy.turnaround() + phy.sync_time() + phy.symbols(12)
}

/// The pause that follows a frame of so many bytes: SIFS of 12 symbols up to 18 bytes (`aMaxSifsFrameSize`), else LIFS of 40
/// (clause 6.2.4).
pub(super) fn spacing(phy: Phy, bytes: usize) -> SimDuration {
    phy.symbols(if bytes <= 18 { 12 } else { 40 })
}

/// What a radio does, for its energy.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RadioState {
    /// Without power, or in its deepest sleep.
    Off,
    /// Asleep between the moments at which it listens.
    Sleep,
    /// On and ready to receive, whether a frame is in the air or not.
    Listen,
    /// Between listening and sending.
    Turnaround,
    /// Sending a frame.
    Transmit,
}

impl RadioState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Off, Self::Sleep, Self::Listen, Self::Turnaround, Self::Transmit];

    /// The state in result files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Sleep => "sleep",
            Self::Listen => "listen",
            Self::Turnaround => "turnaround",
            Self::Transmit => "transmit",
        }
    }
}

/// How long a radio was in each state.
#[derive(Clone, Debug)]
pub(super) struct StateClock {
    state: RadioState,
    since: SimTime,
    times: [SimDuration; RadioState::ALL.len()],
    /// When it listens while it sleeps.
    rhythm: Rhythm,
    /// What it was in since when, if that is watched.
    watched: Option<Vec<(SimTime, RadioState)>>,
}

impl StateClock {
    /// The radio is in `state` from `now` on, which may be a little earlier than the last event.
    pub(super) fn change(&mut self, now: SimTime, state: RadioState) {
        let now = now.max(self.since);
        let passed = now - self.since;
        self.watch_until(now);
        if self.state == RadioState::Sleep {
            let listened = self.rhythm.listened(self.since, now);
            self.times[RadioState::Listen as usize] += listened;
            self.times[RadioState::Sleep as usize] += passed - listened;
        } else {
            self.times[self.state as usize] += passed;
        }
        (self.state, self.since) = (state, now);
    }

    /// Notes from now on what the radio is in since when.
    pub(super) fn watch(&mut self) {
        self.watched = Some(Vec::new());
    }

    /// What the radio was in since when, as far as it was watched; the first [`WATCHED_MAX`] changes.
    pub(super) fn changes(&self, now: SimTime) -> Vec<(SimTime, RadioState)> {
        let mut clock = self.clone();
        clock.watch_until(now);
        clock.watched.unwrap_or_default()
    }

    fn watch_until(&mut self, now: SimTime) {
        let Some(watched) = self.watched.as_mut().filter(|watched| watched.len() < WATCHED_MAX) else {
            return;
        };
        if self.since >= now {
            return;
        }
        watched.push((self.since, self.state));
        let mut at = self.since;
        while self.state == RadioState::Sleep && watched.len() < WATCHED_MAX {
            let Some(look) = self.rhythm.next(self.since, at).filter(|look| look.from < now) else { break };
            watched.push((look.from, RadioState::Listen));
            watched.push((look.until.min(now), RadioState::Sleep));
            at = look.until;
        }
    }

    /// The radio sleeps from `now` on.
    pub(super) fn sleep(&mut self, now: SimTime, rhythm: Rhythm) {
        self.change(now, RadioState::Sleep);
        self.rhythm = rhythm;
    }

    pub(super) fn state(&self) -> RadioState {
        self.state
    }

    /// The next moment at which it listens by itself that ends after `at`, if it sleeps.
    pub(super) fn look(&self, at: SimTime) -> Option<Look> {
        if self.state == RadioState::Sleep { self.rhythm.next(self.since, at) } else { None }
    }

    /// The time in each state up to `now`.
    pub(super) fn times(&self, now: SimTime) -> [SimDuration; RadioState::ALL.len()] {
        let mut clock = self.clone();
        clock.change(now, self.state);
        clock.times
    }
}

/// Changes that are noted of one radio.
const WATCHED_MAX: usize = 1000;

/// A frame that waits to be sent, or is being sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    pub(super) id: PacketId,
    /// The radio that it is for; all if `None`.
    pub(super) to: Option<u32>,
    /// Given when it is first sent.
    pub(super) sequence: Option<u8>,
    /// How often it has been sent.
    pub(super) tries: u8,
    /// How often sending it was given up and begun anew.
    pub(super) attempts: u8,
    pub(super) content: Content,
    /// What became of it at the radio that it is for, as far as it has been sent.
    pub(super) fate: Option<Fate>,
}

impl Outgoing {
    /// A frame that has not been sent yet.
    pub(super) fn new(id: PacketId, to: Option<u32>, content: Content) -> Self {
        Self { id, to, sequence: None, tries: 0, attempts: 0, content, fate: None }
    }
}

/// What a frame is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// A packet or a part of one.
    Packet,
    /// A packet for a radio that asks for it; it goes back to wait, until then, if it is not confirmed.
    Asked(SimTime),
    /// It announces a frame to a sleeping radio.
    Strobe,
    /// It asks whether there is something for the sender.
    DataRequest,
    /// It asks all routers in reach for a beacon.
    BeaconRequest,
    /// It asks a router to be the sender's parent.
    AssociationRequest,
    /// It answers that, and waits for being asked for until then.
    AssociationResponse(SimTime),
    /// It says that there is a network, and when its slots are, if it has some.
    Beacon,
    /// It asks for an acknowledgement alone.
    KeepAlive,
}

impl Content {
    /// Until when it is kept for the radio that has to ask for it.
    pub(super) const fn held_until(self) -> Option<SimTime> {
        match self {
            Self::Asked(until) | Self::AssociationResponse(until) => Some(until),
            Self::Packet
            | Self::Strobe
            | Self::DataRequest
            | Self::BeaconRequest
            | Self::AssociationRequest
            | Self::Beacon
            | Self::KeepAlive => None,
        }
    }
}

/// What the sending side is at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Nothing to send.
    Idle,
    /// Backing off, or looking at the channel.
    Backoff { busy: u8, exponent: u8 },
    /// The channel was clear: turning to send.
    Turning,
    /// Waiting for the time of the next frame of a row.
    Pausing,
    /// The frame is in the air.
    Sending(TransmissionId),
    /// The frame is out; the acknowledgement is due until then.
    Awaiting { until: SimTime },
}

/// An acknowledgement to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct AckDue {
    pub(super) to: u32,
    pub(super) sequence: u8,
    pub(super) flow: FlowId,
    /// Whether there is more for the radio.
    pub(super) pending: bool,
    /// When the frame started.
    pub(super) started: SimTime,
}

/// An acknowledgement in the air.
#[derive(Clone, Copy, Debug)]
pub(super) struct AckSent {
    pub(super) due: AckDue,
    pub(super) transmission: TransmissionId,
    pub(super) id: PacketId,
}

/// The medium access control of one radio.
#[derive(Debug)]
pub(super) struct Mac {
    pub(super) address: Address,
    pub(super) queue: VecDeque<Outgoing>,
    pub(super) phase: Phase,
    pub(super) ack_due: Option<AckDue>,
    pub(super) ack_sent: Option<AckSent>,
    /// Until when an acknowledgement keeps the radio from looking at the channel.
    pub(super) engaged_until: SimTime,
    /// When the pause behind the last frame is over.
    pub(super) ready_at: SimTime,
    pub(super) next_sequence: u8,
    /// The last number of each sender (duplicate rejection, clause 6.7.2).
    pub(super) seen: FxHashMap<u32, u8>,
    pub(super) next_tag: u16,
    /// The counts of frames that are protected.
    pub(super) counters: Counters,
    pub(super) reassembly: Reassembly,
    pub(super) recovery: Recovery,
    pub(super) clock: StateClock,
    /// Frames for this radio that are in the air and can be heard, for its energy.
    pub(super) incoming: u32,
    /// How the radio saves energy.
    pub(super) duty: Duty,
    /// When it is to fall asleep, if nothing happens; an event of another time is void.
    pub(super) doze_at: SimTime,
    /// The end of the look that an event is planned for.
    pub(super) look_until: SimTime,
    /// Counts up when everything is given up: events of before are void. 20 bits.
    pub(super) epoch: u32,
    backoffs: CounterStream,
    drawn: u64,
}

impl Mac {
    /// A radio that is on; its draws are called after `draws`.
    pub(super) fn new(address: Address, backoffs: CounterStream, duty: Duty) -> Self {
        // macDSN starts at a random value (table 8-94); so does the tag of fragments.
        let word = backoffs.draw(0);
        Self {
            address,
            queue: VecDeque::new(),
            phase: Phase::Idle,
            ack_due: None,
            ack_sent: None,
            engaged_until: SimTime::ZERO,
            ready_at: SimTime::ZERO,
            next_sequence: word as u8,
            seen: FxHashMap::default(),
            next_tag: (word >> 16) as u16,
            counters: Counters::default(),
            reassembly: Reassembly::default(),
            recovery: Recovery::default(),
            clock: StateClock {
                state: RadioState::Listen,
                since: SimTime::ZERO,
                times: Default::default(),
                rhythm: Rhythm::Silent,
                watched: None,
            },
            incoming: 0,
            duty,
            doze_at: SimTime::ZERO,
            look_until: SimTime::ZERO,
            epoch: 0,
            backoffs,
            drawn: 0,
        }
    }

    /// Draws a number of back-off periods: 0 to 2^`exponent` - 1.
    pub(super) fn draw_backoff(&mut self, exponent: u8) -> u64 {
        self.drawn += 1;
        let word = self.backoffs.draw(self.drawn);
        word.checked_shr(64 - u32::from(exponent)).unwrap_or(0)
    }

    /// Draws a part of `span`.
    pub(super) fn draw_part(&mut self, span: SimDuration) -> SimDuration {
        self.drawn += 1;
        let word = u128::from(self.backoffs.draw(self.drawn));
        SimDuration::from_nanos(((word * u128::from(span.as_nanos())) >> 64) as u64)
    }

    /// Whether the radio is at work: sending, about to, or about to confirm.
    pub(super) fn is_engaged(&self, now: SimTime) -> bool {
        let sends = match self.phase {
            Phase::Idle | Phase::Backoff { .. } => false,
            Phase::Turning | Phase::Pausing | Phase::Sending(_) | Phase::Awaiting { .. } => true,
        };
        sends || self.ack_due.is_some() || self.ack_sent.is_some() || self.engaged_until > now
    }

    /// Whether the frame behind the first is for the same radio, which sleeps now and then and has to be told.
    pub(super) fn has_more(&self) -> bool {
        let to = |at: usize| self.queue.get(at).and_then(|outgoing| outgoing.to);
        self.duty.announces_more() && to(0).is_some() && to(0) == to(1)
    }

    /// Frames that wait behind the one that is being sent.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::random::{Purpose, RunSeed, Streams};
    use wire::ieee802154::ShortAddress;

    fn mac() -> Mac {
        let streams = Streams::new(RunSeed::new(1, 0));
        Mac::new(Address::Short(ShortAddress(1)), streams.counter("a", Purpose::new(1)), Duty::AlwaysOn)
    }

    #[test]
    fn the_standard_s_times_follow_from_its_symbols() {
        let phy = Phy::O_QPSK_2450;
        // 20 · 16 µs; 54 · 16 µs; 12 · 16 µs up to 18 bytes, then 40 · 16 µs.
        assert_eq!(backoff_period(phy), SimDuration::from_micros(320));
        assert_eq!(ack_wait(phy), SimDuration::from_micros(864));
        assert_eq!(spacing(phy, 18), SimDuration::from_micros(192));
        assert_eq!(spacing(phy, 19), SimDuration::from_micros(640));
    }

    #[test]
    fn back_offs_fill_their_range_evenly() {
        let mut mac = mac();
        let mut counts = [0u32; 8];
        for _ in 0..8000 {
            counts[mac.draw_backoff(3) as usize] += 1;
        }
        // Binomial: 1000 each, deviation √(8000·7/64) = 29.6; four of them.
        assert!(counts.iter().all(|&count| count.abs_diff(1000) < 119), "{counts:?}");
        assert_eq!(mac.draw_backoff(0), 0);
    }
}
