//! When a confirmable message is sent again: the default back-off, and two that measure round trips.
//!
//! CoCoA (draft-ietf-core-cocoa-03) and FASOR (draft-ietf-core-fasor-02) never became standards. Both keep an estimate for
//! each peer, begun anew when the peer has been forgotten.

use rand::Rng;
use sim_core::{SimDuration, SimTime};

use super::config::CoapConfig;

/// How the timeouts of confirmable messages come about.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Congestion {
    /// A random time from ACK_TIMEOUT on, doubled each time (RFC 7252 §4.2).
    #[default]
    Default,
    /// CoCoA: estimates from exchanges with and without retransmissions (draft-ietf-core-cocoa-03 §4).
    Cocoa,
    /// FASOR: estimates from exchanges without retransmissions, and a slow timeout after others (draft-ietf-core-fasor-02
    /// §4).
    Fasor,
}

/// What is known of the round trips to a peer.
#[derive(Clone, Debug)]
pub(super) enum Estimator {
    Cocoa(Cocoa),
    Fasor(Fasor),
}

/// The timeouts of one message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Series {
    /// Each is twice as long as the one before.
    Doubling,
    /// The factor depends on the length.
    Variable,
    /// FASOR's, of a fast and a slow timeout in nanoseconds.
    Fasor(Backoff, u64, u64),
}

/// Which timeouts FASOR uses for a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Backoff {
    Fast,
    FastSlowFast,
    SlowFast,
}

/// Smoothed round-trip time and its variation in nanoseconds (RFC 6298 §2).
#[derive(Clone, Copy, Debug)]
struct RoundTrip {
    srtt: u64,
    rttvar: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Cocoa {
    rto: u64,
    /// When `rto` was last changed.
    updated: SimTime,
    strong: Option<RoundTrip>,
    weak: Option<RoundTrip>,
}

#[derive(Clone, Debug)]
pub(super) struct Fasor {
    trip: Option<RoundTrip>,
    slow: u64,
    backoff: Backoff,
}

impl Estimator {
    /// What is known of a new peer, where anything is kept at all.
    pub(super) fn new(config: &CoapConfig, now: SimTime) -> Option<Self> {
        match config.congestion {
            Congestion::Default => None,
            Congestion::Cocoa => {
                let cocoa = Cocoa { rto: RTO_INITIAL, updated: now, strong: None, weak: None };
                Some(Self::Cocoa(cocoa))
            }
            Congestion::Fasor => {
                let fasor = Fasor { trip: None, slow: RTO_INITIAL, backoff: Backoff::Fast };
                Some(Self::Fasor(fasor))
            }
        }
    }

    /// The first timeout of a message, and how the others follow; `parallel` are under way.
    fn begin(
        &mut self,
        now: SimTime,
        parallel: usize,
        config: &CoapConfig,
        rng: &mut impl Rng,
    ) -> (u64, Series) {
        match self {
            Self::Cocoa(cocoa) => {
                cocoa.age(now);
                let blind = cocoa.strong.is_none() && cocoa.weak.is_none();
                let times = if blind { parallel as u64 + 1 } else { 1 };
                let rto = cocoa.rto.saturating_mul(times).min(COCOA_MAX);
                (dithered(rto, config, rng).min(COCOA_MAX), Series::Variable)
            }
            Self::Fasor(fasor) => {
                let (rto, srtt) = match fasor.trip {
                    Some(trip) => (trip.rto(4), trip.srtt),
                    None => (RTO_INITIAL, RTO_INITIAL / 3),
                };
                let dither = srtt / 4 + sim_core::draw::below(rng, srtt - srtt / 4 + 1);
                let fast = rto.saturating_add(dither).min(FASOR_MAX);
                let series = Series::Fasor(fasor.backoff, fast, fasor.slow);
                (series.timeout(0, fast), series)
            }
        }
    }

    /// A message that was sent at `sent` for the first time is acknowledged.
    pub(super) fn on_acknowledged(&mut self, now: SimTime, sent: SimTime, retransmissions: u8) {
        let sample = now.saturating_since(sent).as_nanos();
        match (self, retransmissions) {
            (Self::Cocoa(cocoa), 0) => {
                let trip = RoundTrip::updated(cocoa.strong, sample, 2, COCOA_SHIFTS);
                cocoa.strong = Some(trip);
                cocoa.rto = ((trip.rto(4) / 2).saturating_add(cocoa.rto / 2)).min(COCOA_MAX);
                cocoa.updated = now;
            }
            (Self::Cocoa(cocoa), 1 | 2) => {
                let trip = RoundTrip::updated(cocoa.weak, sample, 2, COCOA_SHIFTS);
                cocoa.weak = Some(trip);
                cocoa.rto = ((trip.rto(1) / 4).saturating_add(cocoa.rto / 4 * 3)).min(COCOA_MAX);
                cocoa.updated = now;
            }
            // After a third retransmission the sample says too little.
            (Self::Cocoa(_), _) => {}
            (Self::Fasor(fasor), 0) => {
                // The first variation is the sample over 2 K, K = 4.
                fasor.trip = Some(RoundTrip::updated(fasor.trip, sample, 8, COCOA_SHIFTS));
                fasor.backoff = Backoff::Fast;
            }
            (Self::Fasor(fasor), _) => {
                fasor.slow = sample.saturating_add(sample / 2).min(FASOR_MAX);
                fasor.backoff = match fasor.backoff {
                    Backoff::Fast => Backoff::FastSlowFast,
                    Backoff::FastSlowFast | Backoff::SlowFast => Backoff::SlowFast,
                };
            }
        }
    }
}

/// The first timeout of a confirmable message, and how the others follow.
pub(super) fn first_timeout(
    estimator: Option<&mut Estimator>,
    now: SimTime,
    parallel: usize,
    config: &CoapConfig,
    rng: &mut impl Rng,
) -> (SimDuration, Series) {
    let (nanos, series) = match estimator {
        Some(estimator) => estimator.begin(now, parallel, config, rng),
        None => (dithered(config.ack_timeout.as_nanos(), config, rng), Series::Doubling),
    };
    (SimDuration::from_nanos(nanos), series)
}

impl Series {
    /// The timeout after retransmission `number`, where the one before was `last`.
    pub(super) fn next(self, number: u8, last: SimDuration) -> SimDuration {
        SimDuration::from_nanos(self.timeout(number, last.as_nanos()))
    }

    fn timeout(self, number: u8, last: u64) -> u64 {
        let doubled = |fast: u64, times: u8| fast.saturating_mul(1 << u32::from(times).min(32));
        match self {
            Self::Doubling => last.saturating_mul(2),
            Self::Variable if last < SECOND => last.saturating_mul(3).min(COCOA_MAX),
            Self::Variable if last > 3 * SECOND => last.saturating_add(last / 2).min(COCOA_MAX),
            Self::Variable => last.saturating_mul(2).min(COCOA_MAX),
            Self::Fasor(Backoff::Fast, fast, _) => doubled(fast, number),
            Self::Fasor(Backoff::FastSlowFast, fast, slow) => match number {
                0 => fast,
                1 => slow.max(fast.saturating_mul(2)),
                _ => doubled(fast, number - 1),
            },
            Self::Fasor(Backoff::SlowFast, fast, slow) => match number {
                0 => slow,
                _ => doubled(fast, number - 1),
            },
        }
    }
}

impl RoundTrip {
    /// With one more sample; the first one makes the variation a `part` of itself.
    fn updated(before: Option<Self>, sample: u64, part: u64, (alpha, beta): (u32, u32)) -> Self {
        match before {
            None => Self { srtt: sample, rttvar: sample / part },
            Some(Self { srtt, rttvar }) => Self {
                rttvar: rttvar - (rttvar >> beta) + (srtt.abs_diff(sample) >> beta),
                srtt: srtt - (srtt >> alpha) + (sample >> alpha),
            },
        }
    }

    fn rto(self, k: u64) -> u64 {
        self.srtt.saturating_add(self.rttvar.saturating_mul(k))
    }
}

impl Cocoa {
    /// An estimate that has not been confirmed for long goes back to where it began (§4.3).
    fn age(&mut self, now: SimTime) {
        loop {
            let idle = now.saturating_since(self.updated).as_nanos();
            let (span, aged) = match self.rto {
                rto if rto < SECOND => (rto.max(1).saturating_mul(16), rto.max(1).saturating_mul(2)),
                rto if rto > 3 * SECOND => (rto.saturating_mul(4), SECOND + rto / 2),
                _ => return,
            };
            if idle < span {
                return;
            }
            self.rto = aged;
            self.updated = self.updated.saturating_add(SimDuration::from_nanos(span));
        }
    }
}

/// A random time from `timeout` to ACK_RANDOM_FACTOR times it (RFC 7252 §4.2).
fn dithered(timeout: u64, config: &CoapConfig, rng: &mut impl Rng) -> u64 {
    let high = timeout / 1000 * u64::from(config.ack_random_factor_milli);
    let width = high.saturating_sub(timeout).saturating_add(1);
    timeout + sim_core::draw::below(rng, width)
}

const SECOND: u64 = 1_000_000_000;

/// Both drafts begin with 2 s.
const RTO_INITIAL: u64 = 2 * SECOND;

/// CoCoA's timeouts are cut at 32 s.
const COCOA_MAX: u64 = 32 * SECOND;

/// FASOR's estimate may be bounded by 60 s.
const FASOR_MAX: u64 = 60 * SECOND;

/// alpha = 1/8 and beta = 1/4 (RFC 6298 §2.3), as both drafts refer to it.
const COCOA_SHIFTS: (u32, u32) = (3, 2);

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn exact(congestion: Congestion) -> (CoapConfig, ChaCha8Rng) {
        let config = CoapConfig { congestion, ack_random_factor_milli: 1000, ..CoapConfig::default() };
        (config, ChaCha8Rng::seed_from_u64(1))
    }

    fn ms(millis: u64) -> SimTime {
        SimTime::from_millis(millis)
    }

    #[test]
    fn cocoa_weighs_strong_samples_by_a_half_and_weak_ones_by_a_quarter() {
        let (config, mut rng) = exact(Congestion::Cocoa);
        let mut estimator = Estimator::new(&config, ms(0)).expect("CoCoA keeps one");
        // Strong: SRTT 100 ms, RTTVAR 50 ms, RTO 300 ms; (0.3 + 2) / 2 = 1.15 s.
        estimator.on_acknowledged(ms(100), ms(0), 0);
        let (rto, _) = estimator.begin(ms(100), 0, &config, &mut rng);
        assert_eq!(rto, 1_150_000_000);
        // Weak: SRTT 2 s, RTTVAR 1 s, K = 1: 3 s; 3 / 4 + 3 / 4 · 1.15 = 1.6125 s.
        estimator.on_acknowledged(ms(2100), ms(100), 1);
        assert_eq!(estimator.begin(ms(2100), 0, &config, &mut rng).0, 1_612_500_000);
        // A third retransmission says nothing.
        estimator.on_acknowledged(ms(9000), ms(2100), 3);
        assert_eq!(estimator.begin(ms(9000), 0, &config, &mut rng).0, 1_612_500_000);
    }

    #[test]
    fn cocoa_backs_off_by_3_2_and_1_5() {
        let next = |millis| Series::Variable.next(1, SimDuration::from_millis(millis)).as_nanos() / 1_000_000;
        assert_eq!([500, 1000, 3000, 4000, 30_000].map(next), [1500, 2000, 6000, 6000, 32_000]);
    }

    #[test]
    fn cocoa_forgets_what_is_not_confirmed() {
        let mut cocoa = Cocoa { rto: 400_000_000, updated: ms(0), strong: None, weak: None };
        cocoa.age(ms(6399));
        assert_eq!(cocoa.rto, 400_000_000);
        // 16 · 0.4 s, then 16 · 0.8 s later; 1.6 s is no longer small.
        cocoa.age(ms(6400));
        assert_eq!(cocoa.rto, 800_000_000);
        cocoa.age(ms(6400 + 12_800));
        assert_eq!(cocoa.rto, 1_600_000_000);
        let mut cocoa = Cocoa { rto: 10 * SECOND, updated: ms(0), strong: None, weak: None };
        cocoa.age(ms(40_000));
        assert_eq!(cocoa.rto, 6 * SECOND);
    }

    #[test]
    fn fasor_goes_from_fast_to_slow_and_back() {
        let (config, mut rng) = exact(Congestion::Fasor);
        let mut estimator = Estimator::new(&config, ms(0)).expect("FASOR keeps one");
        // The first RTO lies between 2 s + 1/4 · 2/3 s and 2 s + 2/3 s.
        let (first, _) = estimator.begin(ms(0), 0, &config, &mut rng);
        assert!((2_166_666_000..=2_666_667_000).contains(&first), "{first}");
        // SRTT 100 ms, RTTVAR 12.5 ms: 150 ms, and 25 to 100 ms on top.
        estimator.on_acknowledged(ms(100), ms(0), 0);
        let (fast, series) = estimator.begin(ms(100), 0, &config, &mut rng);
        assert!((175_000_000..=250_000_000).contains(&fast), "{fast}");
        assert_eq!(series.timeout(2, 0), 4 * fast);
        // After a retransmission 1.5 times what it took comes second, and after another first.
        estimator.on_acknowledged(ms(1100), ms(100), 1);
        let (fast, series) = estimator.begin(ms(1100), 0, &config, &mut rng);
        assert_eq!([1, 2, 3].map(|at| series.timeout(at, 0)), [1_500_000_000, 2 * fast, 4 * fast]);
        estimator.on_acknowledged(ms(3100), ms(1100), 2);
        let (slow, series) = estimator.begin(ms(3100), 0, &config, &mut rng);
        assert_eq!(slow, 3_000_000_000);
        assert!(series.timeout(1, 0) <= 250_000_000);
        estimator.on_acknowledged(ms(3200), ms(3100), 0);
        assert!(estimator.begin(ms(3200), 0, &config, &mut rng).0 < 300_000_000);
    }
}
