use super::*;
use crate::queue::QueueLimit;
use sim_core::{CounterStream, SimDuration};

fn probability(chance: f64) -> Probability {
    Probability::from_f64(chance).unwrap()
}

/// RED in packets, thresholds 5 and 15, with the given weight.
fn config(weight: f64) -> RedConfig {
    let thresholds = RedThresholds::Packets { min: 5, max: 15 };
    let basis = RedConfig::new(QueueLimit::Packets(1_000), thresholds, SimDuration::from_millis(1));
    RedConfig { weight: probability(weight), ..basis }
}

fn frame(ecn_capable: bool) -> Queued {
    Queued { packet: 0, bytes: 500, arrived: SimTime::ZERO, flow_hash: 0, ecn_capable }
}

/// Adds packets until `length` are held, without drops.
fn fill(red: &mut Red, length: usize) {
    while red.packets() < length {
        red.enqueue(SimTime::ZERO, frame(false), || u64::MAX - 1, &mut Vec::new());
    }
}

/// A queue whose average is its length, and that length is `length`.
fn at_length(length: usize, change: impl FnOnce(&mut RedConfig)) -> Red {
    let mut calm = config(1.0);
    calm.thresholds = RedThresholds::Packets { min: 1_000, max: 2_000 };
    let mut red = Red::new(calm);
    fill(&mut red, length);
    red.config = config(1.0);
    change(&mut red.config);
    red
}

#[test]
fn a_burst_raises_the_average_as_in_the_paper() {
    // FJ93, section on the weight w_q: after the queue has grown from 0 to L packets, one an arrival, the average is
    // L + 1 + ((1 - w)^(L+1) - 1) / w; "for w = 0.001, after a queue increase from 0 to 100 packets, the
    // average queue size is 4.88 packets". The arrival that sees L packets is number L + 1.
    let mut red =
        Red::new(RedConfig { thresholds: RedThresholds::Packets { min: 50, max: 100 }, ..config(0.001) });
    fill(&mut red, 101);
    let equation = 101.0 + (math::pow(0.999, 101.0) - 1.0) / 0.001;
    assert!((red.average_length() - equation).abs() < 1e-9, "{} {equation}", red.average_length());
    assert!((4.88..4.89).contains(&red.average_length()), "{}", red.average_length());
}

#[test]
fn the_average_approaches_a_constant_length_geometrically() {
    // The arrivals that fill the queue see 0, 1 and 2 packets: avg = w·1·(1 - w) + w·2 = 0.1475 for w = 0.05.
    // With q = 3 at each of n more arrivals, the distance from 3 shrinks by 1 - w each time.
    let mut red = Red::new(config(0.05));
    fill(&mut red, 3);
    assert!((red.average_length() - 0.1475).abs() < 1e-12);
    for _ in 0..100 {
        red.enqueue(SimTime::ZERO, frame(false), || u64::MAX - 1, &mut Vec::new());
        red.dequeue(SimTime::ZERO);
    }
    let closed_form = 3.0 - (3.0 - 0.1475) * math::pow(0.95, 100.0);
    assert!((red.average_length() - closed_form).abs() < 1e-9, "{} {closed_form}", red.average_length());
}

#[test]
fn an_idle_queue_lowers_the_average_as_small_packets_would() {
    let mut red = Red::new(config(0.05));
    fill(&mut red, 4);
    let busy = red.average_length();
    while red.dequeue(SimTime::from_millis(10)).is_some() {}
    // 20.9 ms of idling, a small packet takes 1 ms: 20 of them.
    red.enqueue(SimTime::from_micros(30_900), frame(false), || 0, &mut Vec::new());
    assert!((red.average_length() - busy * math::pow(0.95, 20.0)).abs() < 1e-12);
}

#[test]
fn idle_time_counts_once_even_if_the_arrival_is_dropped() {
    let mut red = Red::new(RedConfig { limit: QueueLimit::Packets(0), ..config(0.5) });
    red.average = 4.0;
    for now in [2_500, 3_000, 4_000] {
        red.enqueue(SimTime::from_micros(now), frame(false), || 0, &mut Vec::new());
    }
    assert!((red.average_length() - 4.0 / 16.0).abs() < 1e-12, "4 ms in all: (1 - 0.5)^4");
}

#[test]
fn below_the_lower_threshold_no_draw_is_taken() {
    let mut red = at_length(4, |_| ());
    let refuse = || panic!("an average of 4 is below 5");
    assert!(red.enqueue(SimTime::ZERO, frame(false), refuse, &mut Vec::new()).accepted);
}

#[test]
fn the_chance_of_a_drop_follows_the_average() {
    let zone = |length, gentle| {
        let mut red = at_length(length, |config| config.gentle = gentle);
        red.sample(SimTime::ZERO);
        red.zone(&frame(false))
    };
    // max_p = 0.02: nothing at 5, half of it at 10; then 0.02 + 0.98·(q - 15)/15, which is 1 at 30.
    assert_eq!(zone(4, true), Zone::Calm);
    assert_eq!(zone(5, true), Zone::Early { chance: 0.0, may_mark: true });
    let close = |zone: Zone, expected: f64, marks: bool| match zone {
        Zone::Early { chance, may_mark } => may_mark == marks && (chance - expected).abs() < 1e-12,
        Zone::Calm | Zone::Forced => false,
    };
    assert!(close(zone(10, true), 0.01, true));
    assert!(close(zone(15, true), 0.02, false));
    assert!(close(zone(24, true), 0.02 + 0.98 * 9.0 / 15.0, false));
    assert_eq!(zone(30, true), Zone::Forced);
    assert_eq!(zone(15, false), Zone::Forced);
}

#[test]
fn in_byte_mode_a_small_packet_is_dropped_less_often() {
    let bytes = ByteCount::from_bytes;
    let thresholds = RedThresholds::Bytes { min: bytes(1_000), max: bytes(3_000), max_packet: bytes(1_500) };
    let mut red = Red::new(RedConfig { thresholds, ..config(0.002) });
    red.average = 2_000.0;
    // Half-way between the thresholds: 0.01 for 1,500 bytes, a third of it for 500.
    let Zone::Early { chance, may_mark: true } = red.zone(&frame(false)) else { panic!("not early") };
    assert!((chance - 0.01 / 3.0).abs() < 1e-12, "{chance}");
}

#[test]
fn gaps_between_early_drops_are_uniform() {
    // FJ93, figure 2: with p_b = 0.02 the n-th packet after a drop is dropped with
    // p_b/(1 - n p_b) · prod over i < n of (1 - (i+1) p_b)/(1 - i p_b) = p_b/(1 - p_b) = 1/49, n = 1 … 49.
    let mut red = at_length(10, |config| config.probability_max = probability(0.04));
    let draws = CounterStream::from_key(7);
    let (mut gaps, mut gap) = ([0_u32; 49], 0);
    let mut started = false;
    for k in 0..1_000_000 {
        gap += 1;
        let accepted = red.enqueue(SimTime::ZERO, frame(false), || draws.draw(k), &mut Vec::new()).accepted;
        if accepted {
            red.dequeue(SimTime::ZERO);
        } else if std::mem::replace(&mut started, true) {
            gaps[gap - 1] += 1;
            gap = 0;
        } else {
            gap = 0;
        }
    }
    // Some 40,000 gaps of 25 on average. Chi-square with 48 degrees of freedom: mean 48, deviation
    // sqrt(96) = 9.8; 5 deviations are 97.
    let total: u32 = gaps.iter().sum();
    assert!((39_500..40_500).contains(&total), "{total}");
    let expected = f64::from(total) / 49.0;
    let chi: f64 =
        gaps.iter().map(|&n| (f64::from(n) - expected) * (f64::from(n) - expected) / expected).sum();
    assert!(chi < 97.0, "{chi}");
}

#[test]
fn ecn_marks_below_the_upper_threshold_and_drops_above() {
    let mut dropped = Vec::new();
    let marking = |length| at_length(length, |config| config.ecn = true);
    let marked = marking(10).enqueue(SimTime::ZERO, frame(true), || 0, &mut dropped);
    assert_eq!((marked, dropped.len()), (Enqueued { mark: true, accepted: true }, 0));
    let causes = [(10, false), (20, true), (40, true)].map(|(length, ecn_capable)| {
        let refused = marking(length).enqueue(SimTime::ZERO, frame(ecn_capable), || 0, &mut dropped);
        assert_eq!(refused, Enqueued::REFUSED);
        dropped.pop().map(|(_, cause)| cause)
    });
    use DropCause::{RedEarly, RedForced};
    assert_eq!(causes, [Some(RedEarly), Some(RedEarly), Some(RedForced)]);
}

#[test]
fn a_full_queue_drops_even_if_the_average_is_low() {
    let mut red = at_length(10, |config| {
        config.limit = QueueLimit::Packets(10);
        config.weight = probability(0.001);
        config.ecn = true;
    });
    let mut dropped = Vec::new();
    red.average = 0.0;
    assert_eq!(red.enqueue(SimTime::ZERO, frame(true), || 0, &mut dropped), Enqueued::REFUSED);
    assert_eq!(dropped, [(frame(true), DropCause::QueueFull)]);
}

#[test]
fn a_cleared_queue_has_forgotten_its_average() {
    let mut red = at_length(10, |_| ());
    let mut dropped = Vec::new();
    red.clear(&mut dropped);
    assert_eq!((dropped.len(), red.packets(), red.average_length()), (10, 0, 0.0));
}
