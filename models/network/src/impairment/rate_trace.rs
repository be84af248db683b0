//! A rate that follows a trace, in the format of Mahimahi.
//!
//! Source: R. Netravali et al., "Mahimahi: Accurate Record-and-Replay for HTTP", USENIX ATC 2015, and the manual
//! page of its `mm-link`: each line of a trace is a time in milliseconds at which 1,500 bytes can be delivered;
//! after the last line the trace begins again, with that line's time as its zero.

use sim_core::{ByteCount, DataRate, SimTime};
use std::sync::Arc;

/// The times at which a link delivers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RateTrace {
    /// Milliseconds since the beginning of a round, ascending; the last, above 0, is the length of a round.
    opportunities: Box<[u64]>,
}

/// Why a trace cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RateTraceError {
    /// Nothing would ever be delivered.
    #[error("a rate trace needs at least one line with a time in milliseconds")]
    Empty,
    /// A line is not a time.
    #[error("line {line} of the rate trace must be a whole number of milliseconds, got \"{found}\"")]
    NotANumber {
        /// The line, counted from 1.
        line: usize,
        /// What it says, at most 40 characters of it.
        found: String,
    },
    /// Time would go back.
    #[error("line {line} of the rate trace ({found} ms) is earlier than the line before it ({previous} ms)")]
    Descending {
        /// The line, counted from 1.
        line: usize,
        /// The time before, in milliseconds.
        previous: u64,
        /// The time on the line, in milliseconds.
        found: u64,
    },
    /// The trace would repeat at once for ever.
    #[error("the last time of a rate trace must be above 0 ms")]
    NoLength,
}

impl RateTrace {
    /// What each opportunity delivers at most.
    pub const OPPORTUNITY: ByteCount = ByteCount::from_bytes(OPPORTUNITY_BYTES);

    /// Reads a trace: one time in milliseconds a line, ascending, equal times for more than one opportunity. Lines
    /// of blanks are skipped.
    ///
    /// # Errors
    /// The first line that is not as said.
    pub fn parse(text: &str) -> Result<Self, RateTraceError> {
        let mut opportunities = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let (line, word) = (index + 1, line.trim());
            if word.is_empty() {
                continue;
            }
            let Some(found) =
                word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten()
            else {
                return Err(RateTraceError::NotANumber { line, found: word.chars().take(40).collect() });
            };
            if let Some(&previous) = opportunities.last().filter(|&&previous| previous > found) {
                return Err(RateTraceError::Descending { line, previous, found });
            }
            opportunities.push(found);
        }
        Self::from_ascending(opportunities)
    }

    /// A trace of the times `millis`, in milliseconds; errors count its elements as lines.
    ///
    /// # Errors
    /// As for [`RateTrace::parse`].
    pub fn from_millis(millis: Vec<u64>) -> Result<Self, RateTraceError> {
        if let Some(index) = millis.windows(2).position(|pair| pair[0] > pair[1]) {
            let (previous, found) = (millis[index], millis[index + 1]);
            return Err(RateTraceError::Descending { line: index + 2, previous, found });
        }
        Self::from_ascending(millis)
    }

    fn from_ascending(opportunities: Vec<u64>) -> Result<Self, RateTraceError> {
        match opportunities.last() {
            None => Err(RateTraceError::Empty),
            Some(0) => Err(RateTraceError::NoLength),
            Some(_) => Ok(Self { opportunities: opportunities.into() }),
        }
    }

    /// The rate over a whole round, rounded down, at least 1 bit/s.
    pub fn mean_rate(&self) -> DataRate {
        let bits = self.opportunities.len() as u128 * u128::from(OPPORTUNITY_BYTES) * 8 * 1_000;
        let rate = u64::try_from(bits / u128::from(self.round())).unwrap_or(u64::MAX);
        DataRate::from_bits_per_second(rate.max(1))
    }

    /// The length of a round in milliseconds.
    fn round(&self) -> u64 {
        self.opportunities[self.opportunities.len() - 1]
    }

    /// When opportunity `index` comes, counted from 0 through all rounds; the end of time if that comes first.
    fn time(&self, index: u64) -> SimTime {
        let length = self.opportunities.len() as u64;
        let millis = u128::from(index / length) * u128::from(self.round())
            + u128::from(self.opportunities[(index % length) as usize]);
        u64::try_from(millis * 1_000_000).map_or(SimTime::MAX, SimTime::from_nanos)
    }

    /// The first opportunity that does not come before `now`.
    fn first_from(&self, now: SimTime) -> u64 {
        let millis = now.as_nanos().div_ceil(1_000_000);
        // Round r has the times after r · round, its end included; the first round has 0 as well.
        let rounds = millis.saturating_sub(1) / self.round();
        let offset = millis - rounds * self.round();
        let within = self.opportunities.partition_point(|&time| time < offset) as u64;
        rounds.saturating_mul(self.opportunities.len() as u64).saturating_add(within)
    }
}

/// A link direction that serves its frames one after the other, at the opportunities of a trace.
///
/// As in Mahimahi, an opportunity carries up to 1,500 bytes of the frames that wait by then: several small frames
/// share one, and a frame that is larger than what is left takes the rest, waits for the next, and has left when
/// its last byte has. What no frame waits for is lost.
#[derive(Clone, Debug)]
pub struct TracedRate {
    trace: Arc<RateTrace>,
    /// The opportunity in use, counted through all rounds.
    current: u64,
    /// What is left of it, at least 1 byte.
    left: u64,
}

impl TracedRate {
    /// A link direction at the beginning of `trace`, at time 0.
    pub fn new(trace: Arc<RateTrace>) -> Self {
        Self { trace, current: 0, left: OPPORTUNITY_BYTES }
    }

    /// The trace.
    pub fn trace(&self) -> &RateTrace {
        &self.trace
    }

    /// When the last byte of the next frame, of `bytes` bytes, has left, if the frame waits from `now` on.
    ///
    /// Frames are served in the order of calls; `now` does not go back. It makes no difference whether a frame
    /// is handed over when it arrives or when the one before it has left. An opportunity at `now` serves.
    pub fn departure(&mut self, now: SimTime, bytes: u32) -> SimTime {
        if self.trace.time(self.current) < now {
            self.current = self.trace.first_from(now);
            self.left = OPPORTUNITY_BYTES;
        }
        let bytes = u64::from(bytes);
        if bytes > self.left {
            let beyond = bytes - self.left;
            let more = beyond.div_ceil(OPPORTUNITY_BYTES);
            self.current = self.current.saturating_add(more);
            self.left = more * OPPORTUNITY_BYTES - beyond;
        } else {
            self.left -= bytes;
        }
        let departure = self.trace.time(self.current);
        if self.left == 0 {
            self.current = self.current.saturating_add(1);
            self.left = OPPORTUNITY_BYTES;
        }
        departure
    }
}

const OPPORTUNITY_BYTES: u64 = 1_500;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(text: &str) -> TracedRate {
        TracedRate::new(Arc::new(RateTrace::parse(text).unwrap()))
    }

    fn millis(time: SimTime) -> u64 {
        assert_eq!(time.as_nanos() % 1_000_000, 0);
        time.as_millis()
    }

    #[test]
    fn each_line_delivers_a_full_frame_and_the_trace_repeats() {
        let mut rate = rate("0\n3\n3\n10\n");
        let departures: Vec<u64> = (0..10).map(|_| millis(rate.departure(SimTime::ZERO, 1_500))).collect();
        // Rounds begin at 0, 10, 20 ms; the line of 0 ms comes again at 10 and 20 ms.
        assert_eq!(departures, [0, 3, 3, 10, 10, 13, 13, 20, 20, 23]);
    }

    #[test]
    fn small_frames_share_an_opportunity_and_big_ones_take_several() {
        let mut rate = rate("5\n10");
        // 1,500 = 600 + 600 + 300 at 5 ms; 300 more and 1,200 at 10 ms; then 3,001 = 1,500 + 1,500 + 1.
        let departures =
            [600, 600, 600, 1_200, 3_001, 1_499].map(|bytes| millis(rate.departure(SimTime::ZERO, bytes)));
        assert_eq!(departures, [5, 5, 10, 10, 25, 25]);
        assert_eq!(millis(rate.departure(SimTime::ZERO, 1)), 30);
    }

    #[test]
    fn what_nobody_waited_for_is_lost() {
        let mut rate = rate("5\n10");
        assert_eq!(millis(rate.departure(SimTime::ZERO, 100)), 5);
        assert_eq!(millis(rate.departure(SimTime::from_micros(5_000), 100)), 5, "at the instant itself");
        assert_eq!(millis(rate.departure(SimTime::from_micros(5_001), 1_500)), 10, "1,300 bytes are gone");
        assert_eq!(millis(rate.departure(SimTime::from_secs(3_600), 1_500)), 3_600_000);
        assert_eq!(millis(rate.departure(SimTime::from_secs(3_600), 1_500)), 3_600_005);
    }

    #[test]
    fn all_opportunities_of_one_instant_serve() {
        let mut rate = rate("7\n7\n7");
        let departures = [0, 7, 7, 7].map(|now| millis(rate.departure(SimTime::from_millis(now), 1_500)));
        assert_eq!(departures, [7, 7, 7, 14]);
    }

    #[test]
    fn the_mean_rate_counts_a_whole_round() {
        // 4 · 12,000 bit in 10 ms.
        let trace = RateTrace::parse("0\n3\n3\n10").unwrap();
        assert_eq!(trace.mean_rate(), DataRate::from_bits_per_second(4_800_000));
    }

    #[test]
    fn what_is_no_trace_is_refused_with_its_line() {
        let refused = |text| RateTrace::parse(text).unwrap_err().to_string();
        assert_eq!(refused(" \n"), "a rate trace needs at least one line with a time in milliseconds");
        let not_a_number = "of the rate trace must be a whole number of milliseconds, got";
        assert_eq!(refused("1\n\n-2"), format!("line 3 {not_a_number} \"-2\""));
        assert_eq!(refused("1.5"), format!("line 1 {not_a_number} \"1.5\""));
        assert_eq!(
            refused("99999999999999999999"),
            format!("line 1 {not_a_number} \"99999999999999999999\"")
        );
        assert_eq!(
            refused("4\n3"),
            "line 2 of the rate trace (3 ms) is earlier than the line before it (4 ms)"
        );
        assert_eq!(refused("0\n0"), "the last time of a rate trace must be above 0 ms");
        assert_eq!(RateTrace::from_millis(vec![4, 3]).unwrap_err(), RateTrace::parse("4\n3").unwrap_err());
    }

    /// Opportunity by opportunity, as Mahimahi's link does it.
    fn step_by_step(times: &[u64], frames: &[(u64, u32)]) -> Vec<u64> {
        let round = *times.last().unwrap();
        let mut schedule = (0..).flat_map(|r| times.iter().map(move |time| r * round + time));
        let (mut at, mut left) = (schedule.next().unwrap(), 1_500);
        let mut departures = Vec::new();
        for &(arrives, bytes) in frames {
            let mut bytes = bytes;
            loop {
                if at * 1_000_000 >= arrives && left > 0 {
                    let part = bytes.min(left);
                    (left, bytes) = (left - part, bytes - part);
                    if bytes == 0 {
                        break departures.push(at);
                    }
                }
                (at, left) = (schedule.next().unwrap(), 1_500);
            }
        }
        departures
    }

    proptest! {
        #[test]
        fn departures_are_those_of_a_walk_through_the_trace(
            gaps in prop::collection::vec(0_u64..4, 1..20),
            frames in prop::collection::vec((prop_oneof![0..3_000_000_u64, 0..90_000_000_u64], 1..5_000_u32), 0..40),
        ) {
            let mut times: Vec<u64> = gaps.iter().scan(0, |sum, gap| { *sum += gap; Some(*sum) }).collect();
            times.push(times.last().unwrap() + 1);
            let mut now = 0;
            let frames: Vec<_> = frames.iter().map(|&(gap, bytes)| { now += gap; (now, bytes) }).collect();
            let mut rate = TracedRate::new(Arc::new(RateTrace::from_millis(times.clone()).unwrap()));
            let departures: Vec<u64> =
                frames.iter().map(|&(now, bytes)| millis(rate.departure(SimTime::from_nanos(now), bytes))).collect();
            prop_assert_eq!(departures, step_by_step(&times, &frames));
        }

        #[test]
        fn no_text_and_no_time_panics(text in "[0-9 \n-]{0,60}", now: u64, bytes: u32) {
            if let Ok(trace) = RateTrace::parse(&text) {
                let mut rate = TracedRate::new(Arc::new(trace));
                prop_assert!(rate.departure(SimTime::from_nanos(now), bytes) >= SimTime::from_nanos(now));
                prop_assert!(rate.departure(SimTime::MAX, bytes) == SimTime::MAX);
            }
        }
    }
}
