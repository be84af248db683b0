//! The outside of a live run: devices, the wall clock, and what is told about both.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{Timespec, poll};
use scenarios::outside::{Departure, Entry, OutletId, Outside, Turn};
use sim_core::{SimDuration, SimTime};

use super::clock::Clock;
use super::device::Device;
use super::lateness::Lateness;
use crate::recording::Recorder;
use crate::terminal;

/// What a live run has done.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// How late it was.
    pub(super) lateness: Lateness,
    /// Packets that came in.
    pub(super) entered: u64,
    /// Packets that left.
    pub(super) left: u64,
    /// Packets that the kernel did not take.
    pub(super) refused: u64,
    /// Why it ended before its time, if it failed.
    pub(super) failure: Option<String>,
}

/// The outside of a live run.
pub(super) struct Driver {
    devices: Vec<Device>,
    recorder: Recorder,
    stop: Arc<AtomicBool>,
    speed: f64,
    /// Runs from the first turn on.
    clock: Option<Clock>,
    end: SimTime,
    /// All that was due up to here has been handled.
    reached: SimTime,
    /// Whether devices are read before time goes on: once between two steps.
    may_read: bool,
    arrived: VecDeque<Entry>,
    buffer: Vec<u8>,
    /// When the next status line is due, where any is shown.
    next_status: Option<SimTime>,
    tally: Tally,
}

impl Driver {
    /// An outside that ends at `end`, or when `stop` is set.
    pub(super) fn new(
        devices: Vec<Device>,
        recorder: Recorder,
        stop: Arc<AtomicBool>,
        speed: f64,
        end: SimTime,
        shows_status: bool,
    ) -> Self {
        Self {
            devices,
            recorder,
            stop,
            speed,
            clock: None,
            end,
            reached: SimTime::ZERO,
            may_read: true,
            arrived: VecDeque::new(),
            buffer: vec![0; PACKET_MAX],
            next_status: shows_status.then_some(SimTime::ZERO),
            tally: Tally::default(),
        }
    }

    /// What was done, and the recording, which is complete now.
    pub(super) fn finish(self) -> (Tally, Recorder) {
        if self.next_status.is_some() {
            terminal::complain("\r\x1b[K");
        }
        (self.tally, self.recorder)
    }

    /// Reads what devices have, up to a limit each.
    fn read(&mut self, now: SimTime) {
        let at = now.max(self.reached + SimDuration::from_nanos(1));
        for (number, device) in self.devices.iter_mut().enumerate() {
            let outlet = OutletId(number as u16);
            let arrived = &mut self.arrived;
            let take = |bytes| arrived.push_back(Entry { at, outlet, bytes });
            if let Err(error) = device.read(at, READS_MAX, &mut self.buffer, take) {
                let message = format!("cannot read from a TUN device: {error}");
                self.tally.failure.get_or_insert(message);
            }
        }
    }

    /// Waits for a packet, a signal, or the time of the next event.
    fn wait(&self, clock: &Clock, now: SimTime, due: Option<SimTime>) {
        let timers = self.devices.iter().filter_map(Device::next_timeout);
        let until = timers.chain(due).fold(self.end, SimTime::min);
        let wait = clock.real(until.saturating_since(now)).min(LONGEST_WAIT);
        let timeout =
            Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) as _ };
        let mut descriptors = Vec::new();
        self.devices.iter().for_each(|device| device.watch(&mut descriptors));
        // A signal interrupts it, and the flag is looked at next.
        let _ = poll(&mut descriptors, Some(&timeout));
    }

    fn show_status(&mut self, now: SimTime) {
        if self.next_status.is_none_or(|next| now < next) {
            return;
        }
        self.next_status = Some(now + STATUS_EVERY);
        terminal::complain(format_args!("\r\x1b[K{}", self.tally.in_words(now)));
    }
}

impl Tally {
    /// How it stands at `now`.
    pub(super) fn in_words(&self, now: SimTime) -> String {
        format!(
            "{now}: {} packets in, {} out; behind the clock {} at most, {} in 99 % of the steps",
            self.entered,
            self.left,
            self.lateness.max(),
            self.lateness.p99()
        )
    }
}

impl Outside for Driver {
    fn turn(&mut self, due: Option<SimTime>) -> Turn {
        let clock = *self.clock.get_or_insert_with(|| Clock::start(self.speed));
        loop {
            let now = clock.now();
            if self.stop.load(Ordering::Relaxed) || self.tally.failure.is_some() || now >= self.end {
                let at = now.min(self.end).max(self.reached);
                self.recorder.end(at);
                return Turn::End(at);
            }
            if self.may_read && self.arrived.is_empty() {
                self.read(now);
                self.may_read = self.arrived.is_empty();
            }
            if let Some(entry) = self.arrived.pop_front() {
                self.tally.entered += 1;
                self.recorder.entry(&entry);
                return Turn::Enter(entry);
            }
            if let Some(due) = due.filter(|&due| due <= now) {
                self.tally.lateness.note(now.saturating_since(due));
                self.reached = now;
                self.may_read = true;
                return Turn::Advance(now);
            }
            self.may_read = true;
            self.recorder.flush();
            self.show_status(now);
            self.wait(&clock, now, due);
        }
    }

    fn take(&mut self, departure: Departure) {
        let now = self.clock.map_or(departure.at, |clock| clock.now().max(departure.at));
        match self.devices[usize::from(departure.outlet.0)].write(now, &departure.bytes) {
            true => self.tally.left += 1,
            false => self.tally.refused += 1,
        }
    }
}

/// The longest packet that IP has.
const PACKET_MAX: usize = 65_575;

/// Packets read from one device before time goes on.
const READS_MAX: usize = 64;

/// The longest wait without a look around.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

const STATUS_EVERY: SimDuration = SimDuration::from_secs(1);
