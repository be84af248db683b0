//! A path of 100 segments of 1000 B a second times 10, 100 ms: 1 MB/s, a product of 100 kB.

use super::*;
use crate::congestion::RateSample;

const MS: fn(u64) -> SimDuration = SimDuration::from_millis;

/// An acknowledgment of a round trip in which the path has delivered `rate` bytes a second.
fn round(bbr: &mut Bbr, now: u64, rate: u64, in_flight: u64) {
    let before = bbr.round.delivered;
    let delivered = rate / 10;
    bbr.on_delivered(&Delivery {
        delivered,
        in_flight,
        rtt: Some(MS(100)),
        delivered_total: before + delivered,
        rate: Some(RateSample {
            delivered,
            interval: MS(100),
            app_limited: false,
            delivered_before: before,
            in_flight_then: in_flight,
            lost_since: 0,
        }),
        ..Delivery::nothing(SimTime::from_millis(now))
    });
}

fn established() -> Bbr {
    let mut bbr = Bbr::new(1000, 10_000);
    bbr.on_established(SimTime::ZERO, Some(MS(100)), 7);
    bbr
}

/// In ProbeBW_CRUISE on the path, at 900 ms.
fn probing() -> Bbr {
    let mut bbr = established();
    for (index, rate) in [100_000, 200_000, 400_000, 800_000, 1_000_000].into_iter().enumerate() {
        round(&mut bbr, (index as u64 + 1) * 100, rate, rate / 10);
    }
    for now in [600, 700, 800] {
        round(&mut bbr, now, 1_000_000, 200_000);
    }
    round(&mut bbr, 900, 1_000_000, 100_000);
    bbr
}

#[test]
fn the_first_rate_is_the_initial_window_a_round_trip_times_the_gain_of_startup() {
    // §5.6.2: 10 000 B / 100 ms · 2.77.
    let bbr = established();
    assert_eq!(bbr.pacing_rate(), Some(DataRate::from_bits_per_second(8 * 277_000)));
    assert_eq!(bbr.window(), 10_000);
}

#[test]
fn startup_ends_after_three_rounds_without_a_quarter_more() {
    let mut bbr = established();
    for (index, rate) in [100_000, 200_000, 400_000, 800_000, 1_000_000].into_iter().enumerate() {
        round(&mut bbr, (index as u64 + 1) * 100, rate, rate / 10);
        assert_eq!(bbr.state, State::Startup, "1 000 000 is a quarter more than 800 000");
    }
    round(&mut bbr, 600, 1_000_000, 200_000);
    round(&mut bbr, 700, 1_000_000, 200_000);
    assert_eq!(bbr.state, State::Startup);
    round(&mut bbr, 800, 1_000_000, 200_000);
    assert_eq!(bbr.state, State::Drain);
    // §5.3.2, §5.6.2: half the bandwidth, less the margin of 1 %.
    assert_eq!(bbr.pacing, 495_000);
    round(&mut bbr, 900, 1_000_000, 100_000);
    // In flight is what the path holds: ProbeBW_DOWN has nothing to wait for.
    assert_eq!(bbr.state, State::Cruise);
    assert_eq!((bbr.pacing, bbr.bandwidth), (990_000, 1_000_000), "the bandwidth less 1 %");
    assert!(bbr.window() <= 200_000 + bbr.extra[0].max(bbr.extra[1]), "two products and what is aggregated");
}

#[test]
fn a_cycle_cruises_refills_and_probes() {
    let mut bbr = probing();
    round(&mut bbr, 1000, 1_000_000, 90_000);
    assert_eq!((bbr.state, bbr.pacing), (State::Cruise, 990_000));
    // §5.3.3.8.3: two to three seconds after the cycle began, or 63 rounds.
    let mut now = 1000;
    while bbr.state == State::Cruise {
        now += 100;
        round(&mut bbr, now, 1_000_000, 90_000);
    }
    assert!((2900..=4000).contains(&now), "{now}");
    assert_eq!(bbr.state, State::Refill);
    round(&mut bbr, now + 100, 1_000_000, 100_000);
    assert_eq!((bbr.state, bbr.pacing), (State::Up, 1_237_500), "125 % less 1 %");
    // §5.3.3.7: three rounds without more bandwidth.
    for more in 2..=4 {
        round(&mut bbr, now + more * 100, 1_000_000, 120_000);
    }
    assert_eq!(bbr.state, State::Down);
}

#[test]
fn losses_outside_of_probing_lower_the_short_term_model() {
    let mut bbr = probing();
    round(&mut bbr, 1000, 600_000, 90_000);
    let lost = Lost {
        start: 5000,
        bytes: 1000,
        in_flight_then: 100_000,
        lost_since: 1000,
        app_limited: false,
        delivered_total: bbr.round.delivered,
    };
    bbr.on_lost(SimTime::from_millis(1050), &lost);
    assert_eq!(bbr.inflight_longterm, u64::MAX, "only a probe sets the long-term bound");
    round(&mut bbr, 1100, 600_000, 90_000);
    // §5.5.10.3: the largest of what the round delivered, 600 000 B/s, and 0.7 of the bandwidth, 1 000 000 B/s.
    assert_eq!(bbr.bandwidth_shortterm, 700_000);
    assert_eq!(bbr.bandwidth, 700_000);
}

#[test]
fn more_than_two_percent_lost_in_a_probe_bound_what_is_in_flight() {
    let mut bbr = probing();
    bbr.state = State::Up;
    bbr.is_probe_sample = true;
    bbr.window = 150_000;
    let lost = |lost_since| Lost {
        start: 5000,
        bytes: 1000,
        in_flight_then: 125_000,
        lost_since,
        app_limited: false,
        delivered_total: 0,
    };
    bbr.on_lost(SimTime::from_millis(950), &lost(2000));
    assert_eq!(bbr.state, State::Up, "1.6 %");
    bbr.on_lost(SimTime::from_millis(950), &lost(3000));
    // §5.5.10.2: before this packet 124 000 B were in flight and 2000 lost; the prefix that makes it 2 % is
    // (0.02 · 124 000 − 2000)/0.98 = 489 B.
    assert_eq!((bbr.state, bbr.inflight_longterm), (State::Down, 124_489));
    // §5.5.11.2: it was no loss, after all.
    let before = bbr.clone();
    bbr.on_undo(&before);
    assert_eq!((bbr.state, bbr.inflight_longterm), (State::Refill, u64::MAX));
}

#[test]
fn the_round_trip_is_probed_for_after_five_seconds_with_half_a_product_in_flight() {
    let mut bbr = probing();
    let mut now = 900;
    while bbr.state != State::ProbeRtt {
        now += 100;
        let before = bbr.round.delivered;
        bbr.on_delivered(&Delivery {
            delivered: 100_000,
            in_flight: 100_000,
            rtt: Some(MS(110)),
            delivered_total: before + 100_000,
            rate: Some(RateSample {
                delivered: 100_000,
                interval: MS(100),
                app_limited: false,
                delivered_before: before,
                in_flight_then: 100_000,
                lost_since: 0,
            }),
            ..Delivery::nothing(SimTime::from_millis(now))
        });
    }
    assert!((5100..=5300).contains(&now), "{now}: five seconds after the first sample");
    assert!(bbr.limits_itself());
    assert_eq!(bbr.window(), 50_000);
    round(&mut bbr, now + 100, 500_000, 50_000);
    round(&mut bbr, now + 200, 500_000, 50_000);
    assert_eq!(bbr.state, State::ProbeRtt);
    round(&mut bbr, now + 301, 500_000, 50_000);
    assert_eq!(bbr.state, State::Cruise, "200 ms and a round later");
    assert!(bbr.window() > 100_000, "the window is back");
}
