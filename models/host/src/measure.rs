//! What is measured of a flow, as `docs/metrics.md` defines it.

use std::collections::VecDeque;
use std::sync::Arc;

use sim_core::time::OptionalTime;
use sim_core::{SimDuration, SimTime};
use smallvec::{SmallVec, smallvec};
use transport::mptcp::MptcpTotals;
use transport::tcp::LimitTimes;
use wire::account::Run;

use crate::latencies::Latencies;

/// The part of a run that metrics look at: messages generated from `from` on and before `to`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// End of the warm-up.
    pub from: SimTime,
    /// End of the duration; the drain follows.
    pub to: SimTime,
}

impl Window {
    /// Whether `time` lies in the window.
    pub fn contains(&self, time: SimTime) -> bool {
        self.from <= time && time < self.to
    }
}

/// What is measured of one flow.
#[derive(Clone, Debug)]
pub struct FlowMeasure {
    /// The same for all flows of a run.
    window: Arc<Window>,
    /// Messages generated in the window, counted once for each intended receiver.
    pub generated: u64,
    /// First copies delivered of messages generated in the window.
    pub delivered: u64,
    /// Further copies delivered.
    pub duplicates: u32,
    /// First copies delivered after the window's end.
    pub late: u32,
    /// Latencies of the first copies, in order of delivery.
    pub latencies: Latencies,
    /// Application bytes delivered for the first time, over the whole run.
    pub application_bytes: u64,
    /// Application bytes delivered for the first time within the window.
    pub window_bytes: u64,
    /// When the flow first asked for something to be carried.
    first_generated: OptionalTime,
    /// When application bytes last arrived.
    last_delivered: OptionalTime,
    /// The longest time between two arrivals of application bytes that ended within the window.
    stall: SimDuration,
    /// Whether everything that the workload had to send has arrived.
    pub complete: bool,
    /// From the first packet until the first application byte might be sent.
    setup: OptionalTime,
    /// Connections that ended without the application's wish.
    pub connections_lost: u32,
    /// What the session protocol did for the flow, over the whole run.
    pub session: SessionCounts,
    /// What connections did for the flow; datagrams have none.
    pub connections: Option<Box<ConnectionCounts>>,
    receivers: SmallVec<[Received; 1]>,
}

/// What a flow's connections did, over the whole run.
#[derive(Clone, Debug, Default)]
pub struct ConnectionCounts {
    /// What Multipath TCP did; none of other transports.
    pub multipath: Option<MptcpTotals>,
    /// How long each limit has held back the sender's connections; no time at all of other transports than TCP.
    pub limits: LimitTimes,
}

/// What a session protocol did for a flow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SessionCounts {
    /// Messages that came to a receiver for a second time, and were recognised.
    pub duplicates: u32,
    /// Exchanges that came to nothing, or to an error.
    pub failed: u32,
    /// The time from a request's generation to its first response.
    pub response_times: Times,
    /// The most requests at once that awaited a response: each has its token.
    pub tokens_max: u32,
    /// The most exchanges at once that either end had to remember: messages that were not acknowledged, and those kept
    /// to tell duplicates.
    pub exchanges_max: u32,
    /// What the sender's end did, once the run is over.
    pub sender: Option<Box<SenderCounts>>,
}

/// What a session protocol did at the sender's end of a flow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SenderCounts {
    /// Messages that it sent again.
    pub retransmissions: u64,
    /// Messages that it sent, copies left out.
    pub messages: u64,
    /// Messages sent again by the timer that ran out: a message's first, second, third, fourth, or a later one.
    pub by_timer: [u64; 5],
    /// Bytes of the messages that it sent and received: header, token, options, payload marker, payload.
    pub bytes: [u64; 5],
}

/// Lengths of time, of which the mean and the longest are of interest.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// All together, in nanoseconds: 2^64 of them are 584 years.
    pub total: u64,
    /// The longest.
    pub max: SimDuration,
}

impl Times {
    /// One more.
    pub fn add(&mut self, time: SimDuration) {
        self.count += 1;
        self.total = self.total.saturating_add(time.as_nanos());
        self.max = self.max.max(time);
    }

    /// Those of `other` too.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.total = self.total.saturating_add(other.total);
        self.max = self.max.max(other.max);
    }
}

/// Which messages a receiver has had, a bit each in words of 64. Messages mostly come in their order: words that are full
/// are counted, and the word behind them stands in place.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::box_collection,
    reason = "a queue in place takes 32 bytes, and there are thousands that are empty"
)]
struct Received {
    full: u32,
    word: u64,
    later: Option<Box<VecDeque<u64>>>,
}

impl Received {
    /// Notes a message; says whether it is the first copy.
    fn note(&mut self, message: u32) -> bool {
        let (place, bit) = (message / 64, 1 << (message % 64));
        let Some(ahead) = place.checked_sub(self.full) else { return false };
        let word = match ahead.checked_sub(1) {
            None => &mut self.word,
            Some(at) => {
                let later = self.later.get_or_insert_default();
                if later.len() <= at as usize {
                    later.resize(at as usize + 1, 0);
                }
                &mut later[at as usize]
            }
        };
        let first = *word & bit == 0;
        *word |= bit;
        while self.word == u64::MAX {
            self.full += 1;
            self.word = self.later.as_mut().and_then(|later| later.pop_front()).unwrap_or(0);
        }
        self.later.take_if(|later| later.is_empty());
        first
    }
}

impl FlowMeasure {
    /// Nothing measured yet; each message is intended for `receivers` nodes.
    pub fn new(window: impl Into<Arc<Window>>, receivers: usize) -> Self {
        Self {
            window: window.into(),
            generated: 0,
            delivered: 0,
            duplicates: 0,
            late: 0,
            latencies: Latencies::default(),
            application_bytes: 0,
            window_bytes: 0,
            first_generated: OptionalTime::NONE,
            last_delivered: OptionalTime::NONE,
            stall: SimDuration::ZERO,
            complete: false,
            setup: OptionalTime::NONE,
            connections_lost: 0,
            session: SessionCounts::default(),
            connections: None,
            receivers: smallvec![Received::default(); receivers],
        }
    }

    /// How many nodes each message is intended for.
    pub fn receivers(&self) -> usize {
        self.receivers.len()
    }

    /// The flow asks for something to be carried.
    pub fn on_begun(&mut self, now: SimTime) {
        self.first_generated.set_once(now);
    }

    /// The first application byte may be sent, `since` the first packet; what comes later is another connection's.
    pub fn on_set_up(&mut self, since: SimDuration) {
        self.setup.set_once(SimTime::ZERO + since);
    }

    /// From the first packet until the first application byte might be sent.
    pub fn setup(&self) -> Option<SimDuration> {
        self.setup.get().map(|at| at.saturating_since(SimTime::ZERO))
    }

    /// The workload has generated a message.
    pub fn on_generated(&mut self, now: SimTime) {
        self.on_begun(now);
        if self.window.contains(now) {
            self.generated += self.receivers.len() as u64;
        }
    }

    /// Bytes without message boundaries, such as a bulk transfer's, can be read at `now`.
    pub fn on_bytes(&mut self, now: SimTime, bytes: u64) {
        self.application_bytes += bytes;
        let before = self.last_delivered.replace(now);
        if self.window.contains(now) {
            self.window_bytes += bytes;
            if let Some(before) = before {
                self.stall = self.stall.max(now.saturating_since(before));
            }
        }
    }

    /// The last byte of a message can be read by the receiver of that index; its bytes were reported
    /// by [`Self::on_bytes`] if they came by a stream. Says whether it is the first copy.
    pub fn on_message(&mut self, now: SimTime, receiver: usize, run: &Run) -> bool {
        let first = self.receivers[receiver].note(run.message);
        if !self.window.contains(run.generated) {
            return first;
        }
        if !first {
            self.duplicates += 1;
            return false;
        }
        self.delivered += 1;
        if now >= self.window.to {
            self.late += 1;
        }
        self.latencies.push(now.saturating_since(run.generated));
        true
    }

    /// The latencies, sorted.
    pub fn sorted_latencies(&self) -> Vec<SimDuration> {
        let mut sorted: Vec<_> = self.latencies.iter().collect();
        sorted.sort_unstable();
        sorted
    }

    /// The longest time for which nothing arrived within the window, from the first arrival on: until the next one or,
    /// where more was to come, the window's end.
    pub fn stall(&self) -> Option<SimDuration> {
        let last = self.last_delivered.get()?;
        let rest = if self.complete { SimDuration::ZERO } else { self.window.to.saturating_since(last) };
        Some(self.stall.max(rest))
    }

    /// Application bytes delivered a second, in bit/s: within the window, from its start (or the
    /// flow's, if later) to its end (or the last byte, if the flow had no more to send).
    pub fn goodput_bps(&self) -> Option<f64> {
        let from = self.window.from.max(self.first_generated.get()?);
        let to = match (self.complete, self.last_delivered.get()) {
            (true, Some(last)) => last.min(self.window.to),
            _ => self.window.to,
        };
        let nanos = to.checked_since(from)?.as_nanos();
        (nanos > 0).then(|| self.window_bytes as f64 * 8e9 / nanos as f64)
    }
}

/// The value of rank `⌈q·n⌉` of a sorted list (nearest rank), for `q` in thousandths.
pub fn nearest_rank(sorted: &[SimDuration], thousandths: u64) -> Option<SimDuration> {
    let rank = (sorted.len() as u64 * thousandths).div_ceil(1000).max(1);
    sorted.get(rank as usize - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::account::{FlowId, Protocol, Reason};

    fn ms(millis: u64) -> SimTime {
        SimTime::from_millis(millis)
    }

    fn run(message: u32, generated: SimTime) -> Run {
        Run {
            bytes: 10,
            flow: FlowId(0),
            message,
            generated,
            protocol: Protocol::Application,
            reason: Reason::Data,
            last: true,
        }
    }

    fn measure() -> FlowMeasure {
        FlowMeasure::new(Window { from: ms(10), to: ms(100) }, 1)
    }

    #[test]
    fn only_messages_of_the_window_count_and_each_once() {
        let mut measure = measure();
        for at in [5, 20, 99, 100] {
            measure.on_generated(ms(at));
        }
        assert_eq!(measure.generated, 2);
        measure.on_message(ms(30), 0, &run(0, ms(5)));
        assert!(measure.on_message(ms(30), 0, &run(1, ms(20))));
        assert!(!measure.on_message(ms(31), 0, &run(1, ms(20))));
        measure.on_message(ms(150), 0, &run(2, ms(99)));
        assert_eq!((measure.delivered, measure.duplicates, measure.late), (2, 1, 1));
        let latencies: Vec<_> = measure.latencies.iter().collect();
        assert_eq!(latencies, [SimDuration::from_millis(10), SimDuration::from_millis(51)]);
    }

    #[test]
    fn each_message_is_new_once_in_whatever_order_they_come() {
        for seed in 0..100_u64 {
            let (mut received, mut tree) = (Received::default(), std::collections::BTreeSet::new());
            let mut word = seed;
            for step in 0..600 {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // Around the front, each several times, and every third run with gaps that never close.
                let message = (step / 2 + (word >> 56) as u32) / (1 + seed as u32 % 3);
                assert_eq!(received.note(message), tree.insert(message), "seed {seed}, {message}");
            }
            (0..1000).for_each(|message| assert_eq!(received.note(message), tree.insert(message)));
            assert!(received.later.is_none(), "seed {seed}: all came, and nothing is kept of each");
        }
    }

    #[test]
    fn nearest_rank_is_a_value_that_occurred() {
        let sorted: Vec<_> = (1..=10).map(SimDuration::from_nanos).collect();
        assert_eq!(nearest_rank(&sorted, 500), Some(SimDuration::from_nanos(5)));
        assert_eq!(nearest_rank(&sorted, 950), Some(SimDuration::from_nanos(10)));
        assert_eq!(nearest_rank(&sorted, 0), Some(SimDuration::from_nanos(1)));
        assert_eq!(nearest_rank(&[], 500), None);
    }

    #[test]
    fn a_stall_ends_with_the_next_byte_or_the_window() {
        let mut measure = measure();
        assert_eq!(measure.stall(), None);
        for at in [20, 30, 70] {
            measure.on_bytes(ms(at), 1);
        }
        assert_eq!(measure.stall(), Some(SimDuration::from_millis(40)));
        let mut broken = measure.clone();
        broken.on_bytes(ms(71), 1);
        assert_eq!(broken.stall(), Some(SimDuration::from_millis(40)));
        let mut broken = FlowMeasure::new(Window { from: ms(10), to: ms(100) }, 1);
        broken.on_bytes(ms(25), 1);
        assert_eq!(
            broken.stall(),
            Some(SimDuration::from_millis(75)),
            "nothing came until the end at 100 ms"
        );
        broken.complete = true;
        assert_eq!(broken.stall(), Some(SimDuration::ZERO));
    }

    #[test]
    fn goodput_of_a_finished_transfer_ends_with_its_last_byte() {
        let mut measure = measure();
        measure.on_generated(ms(20));
        measure.on_bytes(ms(60), 500);
        // 4,000 bits from 20 ms to the window's end at 100 ms: 50 kbit/s; to the last byte at 60 ms: 100.
        assert_eq!(measure.goodput_bps(), Some(50_000.0));
        measure.complete = true;
        assert_eq!(measure.goodput_bps(), Some(100_000.0));
    }
}
