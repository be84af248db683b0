//! Random early detection: drops arrivals by chance, the more the longer the queue is on average.
//!
//! Source: S. Floyd and V. Jacobson, "Random Early Detection Gateways for Congestion Avoidance", IEEE/ACM
//! Transactions on Networking 1(4), 1993 (FJ93), whose figure 2 is the algorithm; the gentle mode of
//! S. Floyd, "Recommendation on using the gentle_ variant of RED", 2000; ECN after RFC 3168.
//!
//! The average is a float, moved by `+ - * /` alone, which give the same bits on every platform; the power for
//! idle times comes from [`sim_core::math`].

use super::fifo::{Backlog, Fifo};
use super::{Dequeued, DropCause, Enqueued, Queued, RedConfig, RedThresholds};
use sim_core::{ByteCount, Probability, SimTime, math};

/// A queue under random early detection.
#[derive(Clone, Debug)]
pub struct Red {
    config: RedConfig,
    line: Fifo,
    /// The average queue length, in packets or bytes as the thresholds are.
    average: f64,
    /// Packets accepted since the last drop or mark while the average was above the lower threshold; -1 when
    /// it was below: `count` of FJ93.
    count: i64,
    /// Until when the average has followed the empty queue; at first, when it became empty: `q_time` of FJ93.
    idle_since: SimTime,
}

/// What the average length asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Zone {
    /// Accept.
    Calm,
    /// Drop, or mark if that is allowed here, with a base chance: `p_b` of FJ93.
    Early { chance: f64, may_mark: bool },
    /// Drop.
    Forced,
}

impl Red {
    pub(super) fn new(config: RedConfig) -> Self {
        Self { config, line: Fifo::default(), average: 0.0, count: -1, idle_since: SimTime::ZERO }
    }

    pub(super) fn enqueue(
        &mut self,
        now: SimTime,
        item: Queued,
        mut draw: impl FnMut() -> u64,
        dropped: &mut Vec<(Queued, DropCause)>,
    ) -> Enqueued {
        self.sample(now);
        let mut mark = false;
        match self.zone(&item) {
            Zone::Calm => self.count = -1,
            Zone::Early { chance, may_mark } => {
                self.count += 1;
                if spread(chance, self.count).happens(draw()) {
                    self.count = 0;
                    mark = may_mark && self.config.ecn && item.ecn_capable;
                    if !mark {
                        dropped.push((item, DropCause::RedEarly));
                        return Enqueued::REFUSED;
                    }
                }
            }
            Zone::Forced => {
                self.count = 0;
                dropped.push((item, DropCause::RedForced));
                return Enqueued::REFUSED;
            }
        }
        if !self.config.limit.holds(self.line.packets() + 1, self.line.bytes() + item.size()) {
            self.count = 0;
            dropped.push((item, DropCause::QueueFull));
            return Enqueued::REFUSED;
        }
        self.line.push(item);
        Enqueued { mark, accepted: true }
    }

    pub(super) fn dequeue(&mut self, now: SimTime) -> Option<Dequeued> {
        let item = self.line.pop()?;
        if self.line.packets() == 0 {
            self.idle_since = now;
        }
        Some(Dequeued { item, mark: false })
    }

    pub(super) fn packets(&self) -> usize {
        self.line.packets()
    }

    pub(super) fn bytes(&self) -> ByteCount {
        self.line.bytes()
    }

    pub(super) fn clear(&mut self, dropped: &mut Vec<(Queued, DropCause)>) {
        self.line.clear(dropped);
        *self = Self { line: std::mem::take(&mut self.line), ..Self::new(self.config.clone()) };
    }

    /// The average queue length as of the last arrival, in packets or bytes as the thresholds are.
    pub fn average_length(&self) -> f64 {
        self.average
    }

    /// Moves the average, before the arrival at `now` is added (FJ93, figure 2).
    fn sample(&mut self, now: SimTime) {
        let weight = self.config.weight.as_f64();
        if self.line.packets() == 0 {
            // As if m small packets had arrived at the empty queue: avg <- (1 - w)^m avg.
            let small_packets = now.saturating_since(self.idle_since) / self.config.small_packet_time;
            self.average *= math::pow(1.0 - weight, small_packets as f64);
            // If this arrival is dropped, the next one must not count the same time again.
            let counted = self.config.small_packet_time.saturating_mul(small_packets);
            self.idle_since = self.idle_since.saturating_add(counted);
            return;
        }
        let length = match self.config.thresholds {
            RedThresholds::Packets { .. } => self.line.packets() as f64,
            RedThresholds::Bytes { .. } => self.line.bytes().as_bytes() as f64,
        };
        self.average += weight * (length - self.average);
    }

    /// Compares the average with the thresholds; `item`'s size counts in byte mode.
    fn zone(&self, item: &Queued) -> Zone {
        let (min, max, share) = match self.config.thresholds {
            RedThresholds::Packets { min, max } => (f64::from(min), f64::from(max), 1.0),
            RedThresholds::Bytes { min, max, max_packet } => {
                let share = f64::from(item.bytes) / max_packet.as_bytes() as f64;
                (min.as_bytes() as f64, max.as_bytes() as f64, share)
            }
        };
        let highest = self.config.probability_max.as_f64();
        if self.average < min {
            Zone::Calm
        } else if self.average < max {
            let chance = highest * (self.average - min) / (max - min);
            Zone::Early { chance: chance * share, may_mark: true }
        } else if self.config.gentle && self.average < 2.0 * max {
            let chance = highest + (1.0 - highest) * (self.average - max) / max;
            Zone::Early { chance: chance * share, may_mark: false }
        } else {
            Zone::Forced
        }
    }
}

/// The chance that spaces drops evenly: `p_a = p_b / (1 - count p_b)` of FJ93, certain once the divisor is used up.
fn spread(chance: f64, count: i64) -> Probability {
    let left = 1.0 - count as f64 * chance;
    if left <= chance {
        return Probability::ALWAYS;
    }
    Probability::from_f64(chance / left).unwrap_or(Probability::ALWAYS)
}

#[cfg(test)]
#[path = "red_tests.rs"]
mod tests;
