//! Controlled delay (RFC 8289): drops at the head when packets have waited too long for too long.
//!
//! ```text
//!            delay >= target for an interval: first drop
//!   watching -------------------------------------------> dropping --+  drop (or mark) the head, next
//!      ^                                                   |     ^   |  drop interval/sqrt(count) later
//!      +---------------------------------------------------+     +---+
//!            delay < target, or at most one packet's bytes left
//! ```

use super::fifo::{Backlog, Fifo};
use super::{CoDelConfig, CoDelControl, Dequeued, DropCause, Enqueued, Queued};
use sim_core::{ByteCount, SimDuration, SimTime};

/// A queue under CoDel's control.
#[derive(Clone, Debug)]
pub struct CoDel {
    config: CoDelConfig,
    controller: Controller,
    line: Fifo,
}

impl CoDel {
    pub(super) fn new(config: CoDelConfig) -> Self {
        Self { config, controller: Controller::default(), line: Fifo::default() }
    }

    /// Packets that find the buffer full are dropped without the control loop's knowledge (RFC 8289 §5.4).
    pub(super) fn enqueue(&mut self, item: Queued, dropped: &mut Vec<(Queued, DropCause)>) -> Enqueued {
        if !self.config.limit.holds(self.line.packets() + 1, self.line.bytes() + item.size()) {
            dropped.push((item, DropCause::QueueFull));
            return Enqueued::REFUSED;
        }
        self.line.push(item);
        Enqueued::ACCEPTED
    }

    pub(super) fn dequeue(
        &mut self,
        now: SimTime,
        dropped: &mut Vec<(Queued, DropCause)>,
    ) -> Option<Dequeued> {
        self.controller.dequeue(now, &self.config.control, &mut self.line, dropped)
    }

    pub(super) fn packets(&self) -> usize {
        self.line.packets()
    }

    pub(super) fn bytes(&self) -> ByteCount {
        self.line.bytes()
    }

    pub(super) fn clear(&mut self, dropped: &mut Vec<(Queued, DropCause)>) {
        self.line.clear(dropped);
        self.controller = Controller::default();
    }
}

/// CoDel's state for one queue (RFC 8289 §5.2).
#[derive(Clone, Debug, Default)]
pub(super) struct Controller {
    /// When the delay will have been above the target for an interval, if it is above now.
    first_above: Option<SimTime>,
    /// When to drop the next packet.
    drop_next: SimTime,
    /// Packets dropped or marked since the drop state was entered, and what it began with.
    count: u32,
    /// What `count` was when the drop state was entered.
    last_count: u32,
    /// Whether in the drop state.
    dropping: bool,
}

/// The packet at the head, and whether it has been too late for an interval.
struct Head {
    item: Queued,
    ok_to_drop: bool,
}

impl Controller {
    /// Takes the next packet to send, and drops what the control law says (RFC 8289 §5.5).
    ///
    /// A packet of an ECN-capable transport is marked and sent instead of dropped, and counts like a drop, as
    /// in the Linux implementation that RFC 8289 §5 recommends.
    pub(super) fn dequeue(
        &mut self,
        now: SimTime,
        control: &CoDelControl,
        backlog: &mut impl Backlog,
        dropped: &mut Vec<(Queued, DropCause)>,
    ) -> Option<Dequeued> {
        let mut head = self.examine(now, control, backlog);
        let mut mark = false;
        if self.dropping {
            self.dropping = head.as_ref().is_some_and(|head| head.ok_to_drop);
            // A large backlog may call for several drops at once, hence a loop.
            while let Some(late) = head.as_ref().filter(|_| self.dropping && now >= self.drop_next) {
                self.count = self.count.saturating_add(1);
                if control.ecn && late.item.ecn_capable {
                    self.drop_next = control_law(self.drop_next, control.interval, self.count);
                    mark = true;
                    break;
                }
                dropped.push((late.item, DropCause::CoDel));
                head = self.examine(now, control, backlog);
                self.dropping = head.as_ref().is_some_and(|head| head.ok_to_drop);
                if self.dropping {
                    self.drop_next = control_law(self.drop_next, control.interval, self.count);
                }
            }
        } else if let Some(late) = head.as_ref().filter(|head| head.ok_to_drop) {
            if control.ecn && late.item.ecn_capable {
                mark = true;
            } else {
                dropped.push((late.item, DropCause::CoDel));
                head = self.examine(now, control, backlog);
            }
            self.enter_drop_state(now, control.interval);
        }
        let item = head?.item;
        let late = control.ce_threshold.is_some_and(|most| now.saturating_since(item.arrived) > most);
        Some(Dequeued { item, mark: mark || (late && item.ecn_capable) })
    }

    /// Begins to drop, at the last cycle's rate if that ended less than 16 intervals ago (RFC 8289 §5.5).
    fn enter_drop_state(&mut self, now: SimTime, interval: SimDuration) {
        self.dropping = true;
        let dropped_last_time = self.count - self.last_count;
        let recently = now.saturating_since(self.drop_next) < interval.saturating_mul(16);
        self.count = if dropped_last_time > 1 && recently { dropped_last_time } else { 1 };
        self.drop_next = control_law(now, interval, self.count);
        self.last_count = self.count;
    }

    /// Takes the head and sees whether the delay has been above the target for an interval: `dodequeue` of
    /// RFC 8289 §5.6.
    fn examine(&mut self, now: SimTime, control: &CoDelControl, backlog: &mut impl Backlog) -> Option<Head> {
        let Some(item) = backlog.pop() else {
            self.first_above = None;
            return None;
        };
        let delay = now.saturating_since(item.arrived);
        if delay < control.target || backlog.bytes() <= control.max_packet {
            self.first_above = None;
            return Some(Head { item, ok_to_drop: false });
        }
        let first_above = *self.first_above.get_or_insert(now.saturating_add(control.interval));
        Some(Head { item, ok_to_drop: now >= first_above })
    }
}

/// The time of the drop after one at `time`, the `count`-th: `time + interval / sqrt(count)`, rounded down to
/// a nanosecond (RFC 8289 §5.6).
fn control_law(time: SimTime, interval: SimDuration, count: u32) -> SimTime {
    // interval / sqrt(count) = sqrt(interval^2 / count), in integers; a u64 squared fits a u128.
    let interval = u128::from(interval.as_nanos());
    let step = (interval * interval / u128::from(count.max(1))).isqrt();
    time.saturating_add(SimDuration::from_nanos(u64::try_from(step).unwrap_or(u64::MAX)))
}

#[cfg(test)]
#[path = "codel_tests.rs"]
mod tests;
