//! What is in the air: transmissions, and what a radio makes of them.
//!
//! Nothing happens here at a radio that only listens: whether a frame is received is worked out for the radios that it is
//! for, at its end, from all transmissions that overlap it; whether the channel is busy is worked out when a radio asks.
//!
//! # When a frame is received
//!
//! 1. The receiver is on from the frame's start to its end, and neither sends nor turns to or from sending.
//! 2. The signal is at least as strong as the receiver's sensitivity.
//! 3. The receiver is not busy with a frame whose synchronisation header it caught before, whoever that was for.
//! 4. Over the whole synchronisation header the signal exceeds noise and interference by the capture ratio.
//! 5. While other frames overlap it, the signal exceeds them together by the capture ratio: chips of the same kind spoil
//!    more than noise of the same power, which receivers' data sheets state as their co-channel rejection.
//! 6. All bits are right. Between any two instants at which an overlapping transmission starts or ends the ratio of signal
//!    to noise and interference is constant and gives the bit error rate; one draw a frame and receiver decides.
//!
//! A radio that is busy with one frame does not change over to a stronger one. Signals add up as powers. Propagation takes
//! no time (1 µs for 300 m, a sixteenth of a symbol).

use std::collections::VecDeque;

use sim_core::math;
use sim_core::random::{CounterStream, Streams};
use sim_core::{SimDuration, SimTime};

use super::fate::Fate;
use super::modulation::log_success;
use super::paths::Paths;
use super::phy::Phy;
use super::pieces::pieces;
use super::position::Position;
use super::power::{Gain, Power};
use super::propagation::Propagation;
use super::rejection::Rejection;
use super::track::Track;
use crate::purpose;

/// What the medium does to signals.
#[derive(Clone, Debug)]
pub struct Channel {
    /// How signals get from place to place.
    pub propagation: Propagation,
    /// Noise within the receivers' bandwidth, the receivers' own included.
    pub noise: Power,
    /// By how much a signal has to exceed noise and interference for a receiver to catch its start, and other frames to
    /// survive them: 3 dB for the CC2420 (TI SWRS041, co-channel rejection).
    pub capture: Gain,
    /// What receivers hear of other channels.
    pub rejection: Rejection,
}

/// A radio on the medium.
#[derive(Clone, Debug)]
pub struct Radio {
    /// What its random draws are called after: unique on the medium.
    pub name: Box<str>,
    /// Where it is, or stands before it moves.
    pub position: Position,
    /// How it moves, if it does.
    pub track: Option<Box<Track>>,
    /// What it sends with.
    pub power: Power,
    /// The weakest signal that it notices.
    pub sensitivity: Power,
    /// Above this power the channel counts as busy.
    pub busy_above: Power,
    /// The channel that it is tuned to: 11 to 26 at 2.4 GHz.
    pub channel: u8,
}

impl Radio {
    /// Where it is at a time.
    #[must_use]
    pub fn place_at(&self, time: SimTime) -> Position {
        self.track.as_ref().map_or(self.position, |track| track.at(time))
    }
}

/// A transmission's number, in the order of their starts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TransmissionId(u64);

/// A frame in the air.
#[derive(Clone, Copy, Debug)]
struct Transmission {
    radio: u32,
    channel: u8,
    start: SimTime,
    end: SimTime,
    /// The sender's count of frames, for the draws.
    number: u64,
}

impl Transmission {
    fn overlaps(&self, from: SimTime, until: SimTime) -> bool {
        self.start < until && self.end > from
    }
}

#[derive(Clone, Debug)]
struct Station {
    radio: Radio,
    draws: CounterStream,
    sent: u64,
    /// Since when it has been on, if it is.
    on_since: Option<SimTime>,
    /// When it turned to sending, if the frame has not started yet.
    turned: Option<SimTime>,
}

/// All radios of a medium, and what they have sent lately.
#[derive(Clone, Debug)]
pub struct Air {
    channel: Channel,
    phy: Phy,
    stations: Vec<Station>,
    log: VecDeque<Transmission>,
    /// The number of the first transmission in `log`.
    first: u64,
    paths: Paths,
}

impl Air {
    /// A medium whose radios are all on.
    pub fn new(channel: Channel, phy: Phy, radios: Vec<Radio>, streams: &Streams) -> Self {
        let strongest = radios.iter().map(|radio| radio.power).fold(Power::ZERO, max);
        let least = channel.noise.over(NEGLIGIBLE).ratio_to(strongest);
        let paths = Paths::new(&channel.propagation, phy.wavelength(), least, &radios, streams);
        let stations = radios
            .into_iter()
            .map(|radio| Station {
                draws: streams.counter(&radio.name, purpose::RADIO_RECEPTION),
                radio,
                sent: 0,
                on_since: Some(SimTime::ZERO),
                turned: None,
            })
            .collect();
        Self { channel, phy, stations, log: VecDeque::new(), first: 0, paths }
    }

    /// Number of radios.
    pub fn len(&self) -> usize {
        self.stations.len()
    }

    /// Whether there are no radios.
    pub fn is_empty(&self) -> bool {
        self.stations.is_empty()
    }

    /// What is known of a radio.
    pub fn radio(&self, radio: u32) -> &Radio {
        &self.stations[radio as usize].radio
    }

    /// The radios on the same channel that the radio's signal may reach above a tenth of the noise at a time, in order.
    pub fn neighbours(&self, radio: u32, at: SimTime) -> Vec<u32> {
        let channel = self.radio(radio).channel;
        let mut near = self.near(radio, at);
        near.retain(|&other| self.radio(other).channel == channel);
        near
    }

    /// The same on whatever channel.
    pub fn near(&self, radio: u32, at: SimTime) -> Vec<u32> {
        let law = &self.channel.propagation;
        self.paths.near(law, (radio, self.radio(radio)), |other| self.radio(other), at)
    }

    /// The power at `receiver` of what `sender` began to send at a time.
    pub fn received_power(&mut self, sender: u32, receiver: u32, at: SimTime) -> Power {
        let (from, to) = (&self.stations[sender as usize].radio, &self.stations[receiver as usize].radio);
        from.power.over(self.paths.gain(&self.channel.propagation, (sender, from), (receiver, to), at))
    }

    /// The probability that a frame of `bytes` from `sender` at a time reaches `receiver` while all others are silent.
    pub fn delivery(&self, sender: u32, receiver: u32, bytes: usize, at: SimTime) -> f64 {
        let (from, to) = (self.radio(sender), self.radio(receiver));
        let gain = self.paths.gain_once(&self.channel.propagation, (sender, from), (receiver, to), at);
        let signal = from.power.over(gain);
        let ratio = signal.ratio_to(self.channel.noise);
        if from.channel != to.channel || signal < to.sensitivity || ratio < self.channel.capture {
            return 0.0;
        }
        math::exp(log_success(ratio, self.phy.bits_behind_sync(self.phy.air_time(bytes))))
    }

    /// Bytes of memory held, roughly.
    pub fn memory_bytes(&self) -> u64 {
        (self.stations.capacity() * size_of::<Station>()
            + self.log.capacity() * size_of::<Transmission>()
            + self.paths.memory_bytes()) as u64
    }

    /// Turns a radio on or off.
    pub fn set_on(&mut self, now: SimTime, radio: u32, on: bool) {
        let station = &mut self.stations[radio as usize];
        if station.on_since.is_some() != on {
            station.on_since = on.then_some(now);
            station.turned = None;
        }
    }

    /// Tunes a radio to another channel; it hears no frame that is in the air already.
    pub fn tune(&mut self, now: SimTime, radio: u32, channel: u8) {
        let station = &mut self.stations[radio as usize];
        station.radio.channel = channel;
        station.on_since = station.on_since.and(Some(now));
    }

    /// The radio turns from listening to sending: it hears nothing from now on.
    pub fn turn_to_send(&mut self, now: SimTime, radio: u32) {
        self.stations[radio as usize].turned = Some(now);
    }

    /// The radio starts to send a frame that takes `time`.
    pub fn begin(&mut self, now: SimTime, radio: u32, time: SimDuration) -> TransmissionId {
        while self.log.front().is_some_and(|oldest| oldest.end + MEMORY < now) {
            self.log.pop_front();
            self.first += 1;
        }
        let station = &mut self.stations[radio as usize];
        station.turned = None;
        station.sent += 1;
        let (channel, number) = (station.radio.channel, station.sent);
        self.log.push_back(Transmission { radio, channel, start: now, end: now + time, number });
        TransmissionId(self.first + self.log.len() as u64 - 1)
    }

    /// When a transmission of late started.
    pub(super) fn started(&self, id: TransmissionId) -> SimTime {
        self.log[(id.0 - self.first) as usize].start
    }

    /// The radio stops in the middle of a frame, which nobody will have received.
    pub fn abort(&mut self, now: SimTime, id: TransmissionId) {
        if let Some(entry) = id.0.checked_sub(self.first).and_then(|at| self.log.get_mut(at as usize)) {
            entry.end = entry.end.min(now);
        }
    }

    /// Whether the channel counts as busy at `radio`: the mean power over the time from `from` until `until`, which is not
    /// later than now, exceeds its threshold (energy detection, IEEE 802.15.4 clause 10.2.8, mode 1).
    pub fn is_busy(&mut self, radio: u32, from: SimTime, until: SimTime) -> bool {
        let own = self.radio(radio);
        let (channel, threshold) = (own.channel, own.busy_above);
        let span = (until - from).as_nanos() as f64;
        let mut mean = Power::ZERO;
        for at in (0..self.log.len()).rev() {
            let other = self.log[at];
            if other.start + self.phy.longest_air_time() <= from {
                break;
            }
            let leak = self.channel.rejection.leak(channel, other.channel);
            if leak > Gain::ZERO && other.radio != radio && other.overlaps(from, until) {
                let overlap = other.end.min(until) - other.start.max(from);
                let power = self.received_power(other.radio, radio, other.start).over(leak);
                mean += power.share(overlap.as_nanos() as f64 / span);
            }
        }
        mean > threshold
    }

    /// When the last of the frames ends that `radio` can hear now.
    pub fn audible_until(&mut self, radio: u32, now: SimTime) -> Option<SimTime> {
        let own = self.radio(radio);
        let (channel, sensitivity) = (own.channel, own.sensitivity);
        let mut last = None;
        for at in (0..self.log.len()).rev() {
            let other = self.log[at];
            if other.start + self.phy.longest_air_time() <= now {
                break;
            }
            if other.channel == channel
                && other.radio != radio
                && other.end > now
                && self.received_power(other.radio, radio, other.start) >= sensitivity
            {
                last = last.max(Some(other.end));
            }
        }
        last
    }

    /// What becomes of a transmission at `receiver`; to be asked at its end, once for each receiver.
    ///
    /// # Panics
    ///
    /// If the transmission ended so long ago that it has been forgotten.
    pub fn receive(&mut self, id: TransmissionId, receiver: u32) -> Fate {
        let frame = self.log[(id.0 - self.first) as usize];
        let station = &self.stations[receiver as usize];
        if station.radio.channel != frame.channel || station.on_since.is_none_or(|since| since > frame.start)
        {
            return Fate::RadioOff;
        }
        if self.was_deaf(receiver, frame.start, frame.end) {
            return Fate::HalfDuplex;
        }
        let signal = self.received_power(frame.radio, receiver, frame.start);
        if signal < self.stations[receiver as usize].radio.sensitivity {
            return Fate::BelowSensitivity;
        }
        if self.busy_with_another(receiver, id) {
            return Fate::Collision;
        }
        let alone = signal.ratio_to(self.channel.noise);
        if !self.catches(receiver, id) {
            return if alone < self.channel.capture { Fate::Noise } else { Fate::Collision };
        }
        self.judge_bits(receiver, &frame, signal)
    }

    /// Whether `radio` sent, or turned to or from sending, between two instants.
    fn was_deaf(&self, radio: u32, from: SimTime, until: SimTime) -> bool {
        // One that turns at the very end of a frame is busy with that: it could not confirm it.
        if self.stations[radio as usize].turned.is_some_and(|since| since <= until) {
            return true;
        }
        let turnaround = self.phy.turnaround();
        let recent = self.log.iter().rev();
        let mut recent =
            recent.take_while(|sent| sent.start + self.phy.longest_air_time() + turnaround > from);
        recent.any(|sent| {
            sent.radio == radio && sent.start < until + turnaround && sent.end + turnaround > from
        })
    }

    /// Whether `receiver` catches the frame's synchronisation header, if nothing else keeps it busy.
    fn catches(&mut self, receiver: u32, id: TransmissionId) -> bool {
        let frame = self.log[(id.0 - self.first) as usize];
        let caught = (frame.start + self.phy.sync_time()).min(frame.end);
        let signal = self.received_power(frame.radio, receiver, frame.start);
        let others = self.interference(receiver, &frame, frame.start, caught);
        let limit = self.channel.capture;
        let noise = self.channel.noise;
        pieces(&others, frame.start, caught).all(|piece| signal.ratio_to(noise + piece.interference) >= limit)
    }

    /// Whether `receiver` is busy, when the frame starts, with one that it caught before.
    ///
    /// What it caught follows from what it heard since it was last free, which is looked for among the transmissions of
    /// the last [`MEMORY`]: a longer chain of overlapping frames counts as beginning there.
    fn busy_with_another(&mut self, receiver: u32, id: TransmissionId) -> bool {
        let place = (id.0 - self.first) as usize;
        let Transmission { start, channel, .. } = self.log[place];
        let longest = self.phy.longest_air_time();
        let sensitivity = self.radio(receiver).sensitivity;
        // Backwards to the first of an unbroken chain of frames that can be heard here.
        let mut chain: Vec<u64> = Vec::new();
        let mut since = start;
        for at in (0..place).rev() {
            let other = self.log[at];
            if other.start + longest <= since {
                break;
            }
            let heard = other.channel == channel
                && other.radio != receiver
                && other.end > since
                && self.received_power(other.radio, receiver, other.start) >= sensitivity;
            if heard {
                chain.push(self.first + at as u64);
                since = since.min(other.start);
            }
        }
        let mut busy_until = SimTime::ZERO;
        for &other in chain.iter().rev() {
            let Transmission { start, end, .. } = self.log[(other - self.first) as usize];
            let caught = (start + self.phy.sync_time()).min(end);
            if start >= busy_until
                && !self.was_deaf(receiver, start, caught)
                && self.catches(receiver, TransmissionId(other))
            {
                busy_until = end;
            }
        }
        busy_until > start
    }

    /// Powers at `receiver` of whatever overlaps a frame between two instants.
    fn interference(
        &mut self,
        receiver: u32,
        frame: &Transmission,
        from: SimTime,
        until: SimTime,
    ) -> Vec<(SimTime, SimTime, Power)> {
        let mut found = Vec::new();
        for at in (0..self.log.len()).rev() {
            let other = self.log[at];
            if other.start + self.phy.longest_air_time() <= from {
                break;
            }
            let own = other.radio == frame.radio || other.radio == receiver;
            let leak = self.channel.rejection.leak(frame.channel, other.channel);
            if !own && leak > Gain::ZERO && other.overlaps(from, until) {
                let power = self.received_power(other.radio, receiver, other.start).over(leak);
                if power > Power::ZERO {
                    found.push((other.start, other.end, power));
                }
            }
        }
        found
    }

    fn judge_bits(&mut self, receiver: u32, frame: &Transmission, signal: Power) -> Fate {
        let behind_sync = (frame.start + self.phy.sync_time()).min(frame.end);
        let others = self.interference(receiver, frame, behind_sync, frame.end);
        let (noise, phy) = (self.channel.noise, self.phy);
        let success = |ratio: Gain, time: SimDuration| log_success(ratio, phy.bits(time));
        let alone = success(signal.ratio_to(noise), frame.end - behind_sync);
        let mut logarithm = alone;
        if !others.is_empty() {
            logarithm = 0.0;
            for piece in pieces(&others, behind_sync, frame.end) {
                if signal < piece.interference.over(self.channel.capture) {
                    return Fate::Collision;
                }
                logarithm += success(signal.ratio_to(noise + piece.interference), piece.time);
            }
        }
        if logarithm == 0.0 {
            return Fate::Received;
        }
        let sender = self.stations[frame.radio as usize].draws;
        let word = self.stations[receiver as usize].draws.draw(sender.key() ^ frame.number);
        let draw = (word >> 11) as f64 * UNIT;
        if draw < math::exp(logarithm) {
            Fate::Received
        } else if draw < math::exp(alone) {
            Fate::Collision
        } else {
            Fate::Noise
        }
    }
}

fn max(one: Power, other: Power) -> Power {
    if other > one { other } else { one }
}

/// A signal below this part of the noise counts as none.
const NEGLIGIBLE: Gain = Gain::from_ratio(0.1);
/// How long transmissions are remembered after their end: twelve of the longest frames.
const MEMORY: SimDuration = SimDuration::from_millis(51);
/// 2^-53.
const UNIT: f64 = 1.0 / (1u64 << 53) as f64;

#[cfg(test)]
#[path = "air_tests.rs"]
mod tests;
