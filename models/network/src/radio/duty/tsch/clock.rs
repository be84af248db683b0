//! Slots by a clock that drifts.

use super::*;

impl Node {
    /// Joins a network in whose slot `number` it is, which began at `began`, or sets its clock by it.
    pub(super) fn synchronise(
        &mut self,
        now: SimTime,
        (number, began): (u64, SimTime),
        source: Option<u32>,
        metric: u8,
    ) {
        let cells = self.settings.schedule.listens(self.radio, source);
        let nominal = SLOT.as_nanos() as i64 * MILLION;
        let slots = Slots {
            number,
            began,
            // A clock that is too fast has shorter slots.
            femtos: (nominal - SLOT.as_nanos() as i64 * self.drift_ppm) as u64,
            cells: cells.iter().map(|cell| (cell.length, cell.offset)).collect(),
            look: (RX_OFFSET, RX_OFFSET + RX_WAIT),
        };
        self.joined = Some(Joined { slots, source, metric, synchronised: now });
    }

    /// The channel on which it listens in the slot that `time` is in.
    pub(in super::super) fn channel_at(&self, time: SimTime) -> Option<u8> {
        let joined = self.joined.as_ref()?;
        let slot = joined.slots.at(time);
        let cells = self.settings.schedule.listens(self.radio, joined.source);
        let cell = cells.iter().find(|cell| cell.is_in(slot))?;
        Some(schedule::channel(slot, cell.channel))
    }

    /// The slot that it sends in now, and when that began by its clock.
    pub(super) fn slot(&self) -> Option<(u64, SimTime)> {
        let (_, slot) = self.planned?;
        Some((slot, self.joined.as_ref()?.slots.start(slot)))
    }

    /// The number of the slot that a time is in by its clock; 0 if it has not joined.
    pub(in super::super) fn slot_at(&self, time: SimTime) -> u64 {
        self.joined.as_ref().map_or(0, |joined| joined.slots.at(time))
    }

    /// How far this radio is from the coordinator, if it has joined.
    pub(super) fn metric(&self) -> Option<u8> {
        Some(self.joined.as_ref()?.metric)
    }

    /// By how many microseconds a frame that started at `started` in a slot was late, as this radio's clock says.
    pub(in super::super::super) fn lateness(&self, started: SimTime) -> i16 {
        let Some(joined) = &self.joined else { return 0 };
        let slot = joined.slots.at(started);
        let expected = joined.slots.start(slot) + TX_OFFSET;
        let late = started.as_nanos() as i64 - expected.as_nanos() as i64;
        (late / 1000).clamp(-2048, 2047) as i16
    }
}

/// Femtoseconds of a nanosecond, and millionths of one.
const MILLION: i64 = 1_000_000;
