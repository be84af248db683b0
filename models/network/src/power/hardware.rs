//! One node's hardware: its device, and which radio stands behind which port.

use std::ops::Range;
use std::sync::Arc;

use hw::Pattern;
use hw::battery::Battery;
use hw::device::{Activity, Device};
use hw::harvester::Harvester;
use hw::part::{PartId, PartKind, PartSpec, StateId};
use hw::profile::{Board, Radio, Sensor};
use sim_core::electric::{Current, Energy};
use sim_core::{SimDuration, SimTime};
use wire::account::FlowId;
use wire::cryptography::Work;

use super::battery::Watch;
use super::frames::Noted;
use super::kinds::{KindPatterns, Kinds};
use super::parts::{RadioRest, RadioState, purposes, resting, sampling, supply};
use super::processor::{Job, Processor};
use super::purpose::{Cause, Purpose};
use super::rhythm::Rhythm;
use crate::port::PortId;
use crate::radio::overhearing::LayerTimes;

/// What a node's hardware is made of.
#[derive(Debug)]
pub struct HardwareConfig {
    /// The processor, the radio of every port without one of its own, and how both are supplied.
    pub board: Board,
    /// What its radios do between frames.
    pub radio_rest: RadioRest,
    /// The node's ports, each with a name and the radio of its own, if it has one.
    pub ports: Vec<(PortId, Option<(String, Radio)>)>,
    /// The sensors, which measure before each message that the node generates.
    pub sensors: Vec<(String, Sensor)>,
    /// The battery; without one the node hangs on the mains.
    pub battery: Option<Battery>,
    /// The share of its capacity that an empty battery must have been charged to before the node starts again.
    pub restart: f64,
    /// What charges the battery.
    pub harvester: Option<Harvester>,
}

/// One radio of a node.
#[derive(Debug)]
struct RadioPart {
    part: PartId,
    radio: Radio,
}

/// One sensor of a node.
#[derive(Debug)]
struct SensorPart {
    part: PartId,
    sensor: Sensor,
    /// When its last sample is complete.
    done: SimTime,
}

/// One node's hardware.
#[derive(Debug)]
pub struct Hardware {
    device: Device<Purpose>,
    /// What a radio is mostly put into a state for.
    listening: Pattern,
    kinds: KindPatterns,
    /// Its radios at the ends of links, in the network's list of them.
    pub(super) link_radios: Range<usize>,
    radios: Vec<RadioPart>,
    sensors: Vec<SensorPart>,
    /// Which of them serves which port.
    ports: Vec<(PortId, usize)>,
    board: Box<str>,
    processor: Processor,
    /// When radios that sleep listen by themselves.
    sleepers: Vec<Sleeper>,
    pub(super) watch: Watch,
    /// What its radios overheard and nobody has told the device of: a matter of the end of a run.
    pub(super) overheard: Vec<(PortId, LayerTimes)>,
}

/// A radio that sleeps.
#[derive(Debug)]
struct Sleeper {
    port: PortId,
    rhythm: Rhythm,
    since: SimTime,
    /// Until when what it listens by itself has been told.
    told: SimTime,
}

impl Hardware {
    /// Hardware at the start of a run: every part rests.
    pub fn new(config: HardwareConfig) -> Self {
        let HardwareConfig { board, radio_rest, ports, sensors, battery, restart, harvester } = config;
        let supply = supply(&board, battery.as_ref());
        // The processor is part 0.
        let mut parts = vec![(board.mcu.spec.clone(), purposes(Cause::Sleep))];
        let mut radios = Vec::new();
        let mut add_radio = |name: &str, radio: &Radio| -> usize {
            let part = PartId(u8::try_from(parts.len()).expect("a node has fewer than 255 parts"));
            let (spec, cause) = resting(name, radio, radio_rest);
            parts.push((Arc::new(spec), purposes(cause)));
            radios.push(RadioPart { part, radio: radio.clone() });
            radios.len() - 1
        };
        let of_board = add_radio("radio", &board.radio);
        let served = ports.into_iter().map(|(port, own)| match own {
            None => (port, of_board),
            Some((name, radio)) => (port, add_radio(&format!("radio:{name}"), &radio)),
        });
        let mut ports: Vec<(PortId, usize)> = served.collect();
        ports.sort_unstable();
        let sensors = sensors.into_iter().map(|(name, sensor)| {
            let part = PartId(u8::try_from(parts.len()).expect("a node has fewer than 255 parts"));
            let mut spec = PartSpec::clone(&sensor.spec);
            spec.name = format!("sensor:{name}");
            parts.push((Arc::new(spec), sampling()));
            SensorPart { part, sensor, done: SimTime::ZERO }
        });
        let sensors = sensors.collect();
        if let (Some(regulator), Some(_)) = (board.regulator, &battery) {
            let mut spec = PartSpec::new("regulator", PartKind::Regulator);
            spec.rest = spec.add_state("on", regulator.quiescent, regulator.quiescent_maximum);
            parts.push((Arc::new(spec), purposes(Cause::Conversion)));
        }
        if let Some(battery) = &battery {
            let lost = battery.spec().self_discharge;
            let mut spec = PartSpec::new("battery", PartKind::Battery);
            spec.rest = spec.add_state("self-discharge", lost, lost);
            parts.push((Arc::new(spec), purposes(Cause::SelfDischarge)));
        }
        let conversion = Purpose::own(Cause::Conversion);
        let mut device = Device::new(parts, supply, conversion, battery, harvester);
        let listening = device.pattern(&[(Purpose::own(Cause::IdleListening), 1)]);
        let processor = Processor::new(PartId(0), board.mcu);
        let watch = Watch::new(restart);
        let (sleepers, overheard) = (Vec::new(), Vec::new());
        let (board, kinds) = (board.name.into(), KindPatterns::default());
        let link_radios = 0..0;
        Self {
            device,
            listening,
            kinds,
            link_radios,
            radios,
            sensors,
            ports,
            board,
            processor,
            sleepers,
            watch,
            overheard,
        }
    }

    /// The name of the board's profile.
    pub fn board(&self) -> &str {
        &self.board
    }

    /// The parts, the ledger and the battery.
    pub fn device(&self) -> &Device<Purpose> {
        &self.device
    }

    /// The state in which the processor works.
    pub(super) fn working(&self) -> StateId {
        self.processor.active()
    }

    /// The radios' parts and profiles.
    pub(super) fn radio_parts(&self) -> impl Iterator<Item = (PartId, &Radio)> {
        self.radios.iter().map(|own| (own.part, &own.radio))
    }

    /// When the battery gave out for the first time.
    pub fn gave_out(&self) -> Option<SimTime> {
        self.watch.gave_out
    }

    /// How often the node has lost its power.
    pub(super) fn boots(&self) -> u32 {
        self.processor.boots
    }

    /// What all parts at work take, the radios at rest.
    pub(super) fn working_current(&self) -> Current {
        let mcu = self.device.spec(self.processor.part).current(self.processor.active());
        let radios = self.radios.iter().map(|radio| {
            let spec = self.device.spec(radio.part);
            spec.current(spec.rest)
        });
        radios.fold(mcu, |sum, current| sum + current)
    }

    /// From when on the processor takes no time for a packet.
    pub(super) fn instant_from(&self) -> SimTime {
        self.processor.instant_from()
    }

    /// The processor works on a packet of `bytes` for `flow`: says when it is done, or nothing if too many wait.
    /// [`Self::relieve`] follows.
    pub(super) fn work(&mut self, now: SimTime, bytes: usize, flow: FlowId) -> Option<SimTime> {
        self.catch_up(now);
        let Job { from, until } = self.processor.take_on(now, bytes)?;
        let purpose = Purpose { flow, layer: None, cause: Cause::Compute };
        let activity = Activity { state: self.processor.active(), from, until, teller: u32::MAX };
        self.device.occupy(now, self.processor.part, activity, &[(purpose, 1)]);
        Some(until)
    }

    /// The processor works on cryptographic operations for `flow`: says when it is done.
    pub(super) fn encipher(&mut self, now: SimTime, work: Work, flow: FlowId) -> SimTime {
        let powered = self.device.is_powered();
        let job = powered.then(|| self.processor.encipher(now, work)).flatten();
        let Some(Job { from, until }) = job else { return now };
        let purpose = Purpose { flow, layer: None, cause: Cause::Cryptography };
        let activity = Activity { state: self.processor.active(), from, until, teller: u32::MAX };
        self.device.occupy(now, self.processor.part, activity, &[(purpose, 1)]);
        self.relieve(now);
        until
    }

    /// Every sensor measures for `flow`: says when all are done. One that is measuring already serves this time too.
    pub(super) fn sample(&mut self, now: SimTime, flow: FlowId) -> SimTime {
        let mut ready = now;
        if !self.device.is_powered() {
            return ready;
        }
        for SensorPart { part, sensor, done } in &mut self.sensors {
            if *done <= now {
                let spec = &sensor.spec;
                let way =
                    spec.transition(spec.rest, sensor.measures).map_or(SimDuration::ZERO, |way| way.time);
                let from = now.saturating_add(way);
                *done = from.saturating_add(sensor.sample_time);
                let activity = Activity { state: sensor.measures, from, until: *done, teller: u32::MAX };
                let purpose = Purpose { flow, layer: None, cause: Cause::Sample };
                self.device.occupy(now, *part, activity, &[(purpose, 1)]);
            }
            ready = ready.max(*done);
        }
        self.relieve(now);
        ready
    }

    /// What was drawn so far, as far as it has been settled.
    pub fn energy(&self) -> Energy {
        self.device.ledger().total()
    }

    /// What one part drew so far.
    pub fn energy_of(&self, kind: PartKind) -> Energy {
        let entries = self.device.ledger().entries().iter();
        entries.filter(|entry| self.device.spec(entry.part).kind == kind).map(|entry| entry.energy).sum()
    }

    /// The radio behind `port` sends or takes in a frame from `from` to `until`. `teller` is the port that sends it.
    pub(super) fn frame(
        &mut self,
        now: SimTime,
        port: PortId,
        state: RadioState,
        time: (SimTime, SimTime),
        teller: PortId,
        shares: &[(Purpose, u32)],
    ) {
        let Some((part, state)) = self.state_of(port, state) else { return };
        let activity = Activity { state, from: time.0, until: time.1, teller: teller.0 };
        if self.has_rhythm() {
            self.catch_up(now);
        }
        self.device.occupy(now, part, activity, shares);
        self.relieve(now);
    }

    /// A radio sends or takes in these frames on links.
    pub(super) fn occupy_radio(&mut self, now: SimTime, part: PartId, frames: &[Noted], kinds: &Kinds) {
        if self.has_rhythm() {
            self.catch_up(now);
        }
        let activities = frames.iter().map(|&Noted { from, until, teller, kind, state }| {
            (Activity { state, from, until, teller: teller.0 }, kind)
        });
        let known = &mut self.kinds;
        self.device
            .occupy_all(now, part, activities, |kind, number| known.of(kind, kinds, |shares| number(shares)));
        self.relieve(now);
    }

    /// Whether the battery is told of each step of the load, so that it matters when it follows.
    pub(super) fn follows_each_step(&self) -> bool {
        self.device.follows_each_step()
    }

    /// The radio behind `port`: its part, and the states in which it sends and takes frames in.
    pub(super) fn radio_behind(&self, port: PortId) -> Option<(PartId, StateId, StateId)> {
        let (part, transmit) = self.state_of(port, RadioState::Transmit)?;
        let (_, receive) = self.state_of(port, RadioState::Receive)?;
        Some((part, transmit, receive))
    }

    /// The radio behind `port` stays in `state` from `now` on; returns how long the way there takes.
    pub(super) fn enter(
        &mut self,
        now: SimTime,
        port: PortId,
        state: RadioState,
        purpose: Purpose,
    ) -> SimDuration {
        let Some((part, state)) = self.state_of(port, state).filter(|_| self.device.is_powered()) else {
            return SimDuration::ZERO;
        };
        if self.has_rhythm() {
            self.catch_up(now);
            self.sleepers.retain(|sleeper| sleeper.port != port);
        }
        let way = match purpose == Purpose::own(Cause::IdleListening) {
            true => self.device.enter_for(now, part, state, self.listening),
            false => self.device.enter(now, part, state, purpose),
        };
        self.relieve(now);
        way
    }

    /// The radio behind `port` sleeps from `now` on, and listens as its rhythm says.
    pub(super) fn sleep(&mut self, now: SimTime, port: PortId, rhythm: Rhythm) {
        self.enter(now, port, RadioState::Sleep, Purpose::own(Cause::Sleep));
        if self.device.is_powered() {
            self.sleepers.push(Sleeper { port, rhythm, since: now, told: now });
        }
    }

    /// Whether a radio listens by itself now and then.
    pub(super) fn has_rhythm(&self) -> bool {
        !self.sleepers.is_empty()
    }

    /// Tells the device what sleeping radios have listened by themselves up to `now`.
    fn catch_up(&mut self, now: SimTime) {
        let mut sleepers = std::mem::take(&mut self.sleepers);
        for Sleeper { port, rhythm, since, told } in &mut sleepers {
            let Some((part, state)) = self.state_of(*port, RadioState::Listen) else { continue };
            while let Some(look) = rhythm.next(*since, *told).filter(|look| look.until <= now) {
                let activity =
                    Activity { state, from: look.from.max(*told), until: look.until, teller: u32::MAX };
                self.device.occupy(look.until, part, activity, &[(Purpose::own(Cause::IdleListening), 1)]);
                *told = look.until;
                if self.device.pending() > PENDING_MAX {
                    self.follow(look.from);
                }
            }
        }
        self.sleepers = sleepers;
    }

    fn follow(&mut self, now: SimTime) -> bool {
        let gave_out = self.device.catch_up(now);
        self.watch.gave_out = self.watch.gave_out.or(gave_out);
        gave_out.is_some()
    }

    /// Says what the state that the radio behind `port` is about to leave was for.
    pub(super) fn attribute(&mut self, port: PortId, shares: &[(Purpose, u32)]) {
        if let Some((part, _)) = self.state_of(port, RadioState::Idle) {
            self.device.attribute(part, shares);
        }
    }

    /// Takes back what `teller` told of ahead of the radio behind `port`.
    pub(super) fn withdraw(&mut self, now: SimTime, port: PortId, teller: PortId) {
        if let Some((part, _)) = self.state_of(port, RadioState::Idle) {
            self.device.withdraw(now, part, teller.0);
        }
    }

    /// Takes the supply away from all parts, or gives it back.
    pub(super) fn set_powered(&mut self, now: SimTime, powered: bool) {
        self.catch_up(now);
        if self.device.is_powered() && !powered {
            self.sleepers.clear();
            self.processor.lose_power();
            self.sensors.iter_mut().for_each(|sensor| sensor.done = SimTime::ZERO);
        }
        self.device.set_powered(now, powered);
    }

    /// Closes the account of a run that ended at `end`, and holds it against itself.
    pub(super) fn close(&mut self, end: SimTime) {
        // A look that lasts beyond the end is told of as far as it came.
        for sleeper in std::mem::take(&mut self.sleepers) {
            self.sleepers = vec![sleeper];
            self.catch_up(end);
            for Sleeper { port, rhythm, since, told } in std::mem::take(&mut self.sleepers) {
                let look = rhythm.next(since, told).filter(|look| look.from < end);
                if let Some((look, (part, state))) = look.zip(self.state_of(port, RadioState::Listen)) {
                    let activity =
                        Activity { state, from: look.from.max(told), until: end, teller: u32::MAX };
                    self.device.occupy(end, part, activity, &[(Purpose::own(Cause::IdleListening), 1)]);
                }
            }
        }
        let gave_out = self.device.integrate(end);
        self.watch.gave_out = self.watch.gave_out.or(gave_out);
        for (port, times) in std::mem::take(&mut self.overheard) {
            let states =
                self.state_of(port, RadioState::Listen).zip(self.state_of(port, RadioState::Receive));
            let Some(((part, listen), (_, receive))) = states else { continue };
            let listening = Purpose::own(Cause::IdleListening);
            for (layer, time) in times.iter() {
                let heard = Purpose { layer: Some(layer), ..Purpose::own(Cause::Overhearing) };
                self.device.rename(part, (listen, listening), (receive, heard), time);
            }
        }
        self.device.check(end);
    }

    /// Whether the radio behind `port` draws no more to take a frame in than to wait for one.
    pub(crate) fn receives_as_it_listens(&self, port: PortId) -> bool {
        let states = self.state_of(port, RadioState::Listen).zip(self.state_of(port, RadioState::Receive));
        states.is_some_and(|((part, listen), (_, receive))| {
            let spec = self.device.spec(part);
            listen != receive && spec.current(listen) == spec.current(receive)
        })
    }

    fn state_of(&self, port: PortId, state: RadioState) -> Option<(PartId, StateId)> {
        let place = self.ports.binary_search_by_key(&port, |(served, _)| *served).ok()?;
        let index = self.ports[place].1;
        let RadioPart { part, radio } = &self.radios[index];
        let state = match state {
            RadioState::Off => radio.off,
            RadioState::Sleep => radio.sleep,
            RadioState::Idle => radio.idle,
            RadioState::Listen => radio.listen,
            RadioState::Receive => radio.receive,
            RadioState::Transmit => radio.transmit,
        };
        Some((*part, state))
    }

    /// Lets the battery follow once it has fallen far behind, but not so far that the way to a state which is told
    /// of later would be cut short.
    #[inline]
    pub(super) fn relieve(&mut self, now: SimTime) {
        if self.is_behind() {
            self.integrate(now.saturating_sub(self.device.longest_way()));
        }
    }

    /// Whether the battery has fallen far behind.
    #[inline]
    pub(super) fn is_behind(&self) -> bool {
        self.device.pending() > PENDING_MAX
    }

    /// Settles what cannot change any more.
    pub(super) fn advance(&mut self, now: SimTime) {
        self.device.advance(now);
    }

    /// Lets the battery follow; says whether it gave out on the way.
    pub(super) fn integrate(&mut self, now: SimTime) -> bool {
        self.catch_up(now);
        self.follow(now)
    }
}

/// Changes of the load that a battery may be behind.
const PENDING_MAX: usize = 256;
