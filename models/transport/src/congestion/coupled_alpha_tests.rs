//! LIA's α (RFC 6356 §3) against the formula, worked out by hand and in whole numbers.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sim_core::{SimDuration, SimTime};

use super::super::{Acknowledged, Congestion, CongestionControl, Reno, Siblings, Subflow};
use super::{Coupled, Coupling, UNIT};

fn subflow(window: u64, millis: u64) -> Subflow {
    Subflow { window, rtt: SimDuration::from_millis(millis), between_losses: 0 }
}

/// α = Σw · max(w/rtt²) / (Σ w/rtt)², as a fraction. Round trips are whole milliseconds, so that with their product L each
/// w·L/rtt is a whole number, and L² cancels out.
fn alpha(subflows: &[Subflow]) -> (i128, i128) {
    let millis = |it: &Subflow| i128::from(it.rtt.as_nanos() / 1_000_000);
    let product: i128 = subflows.iter().map(millis).product();
    let times = |it: &Subflow| product / millis(it);
    let total: i128 = subflows.iter().map(|it| i128::from(it.window)).sum();
    let best = subflows.iter().map(|it| i128::from(it.window) * times(it) * times(it)).max();
    let rates: i128 = subflows.iter().map(|it| i128::from(it.window) * times(it)).sum();
    (total * best.expect("there is one"), rates * rates)
}

/// What the controller of the subflow at `own` adds for `bytes` acknowledged, in 2^-16 bytes.
fn increase(subflows: &[Subflow], own: usize, (bytes, segment): (u64, u32)) -> i128 {
    let mut controller = Coupled::new(Coupling::Lia, segment, subflows[own].window);
    controller.reno.window = subflows[own].window;
    let siblings = Siblings::of(subflows, own).expect("it is there");
    controller.increase(&Acknowledged {
        srtt: Some(subflows[own].rtt),
        siblings: Some(&siblings),
        ..Acknowledged::plain(SimTime::ZERO, bytes)
    })
}

/// The same by equation (1): min(α·B·S / Σw, B·S / w), rounded down.
fn by_formula(subflows: &[Subflow], own: usize, (bytes, segment): (u64, u32)) -> i128 {
    let (above, below) = alpha(subflows);
    let total: i128 = subflows.iter().map(|it| i128::from(it.window)).sum();
    let product = i128::from(bytes) * i128::from(segment) * UNIT;
    (product * above / (below * total)).min(product / i128::from(subflows[own].window))
}

// Holds: RFC 6356 3-b, 3-d.
#[test]
fn alpha_is_what_the_formula_has_to_the_last_bit() {
    // Two and three equal paths share what one would have: 1/2, 1/3.
    let two = vec![subflow(20_000, 100); 2];
    let three = vec![subflow(20_000, 100); 3];
    // w/rtt in B/ms: 1000 and 400; w/rtt²: 100 and 4. 50 000 · 100 / 1400² = 125/49: more than one, since the best path has the
    // smaller window.
    let short = vec![subflow(10_000, 10), subflow(40_000, 100)];
    // Equal rates of 1000 B/ms: 90 000 · (30 000/30²) / 2000² = 3/4.
    let alike = vec![subflow(30_000, 30), subflow(60_000, 60)];
    // 1000, 500 and 1000 B/ms; the best has 20 000/20² = 50: 120 000 · 50 / 2500² = 24/25.
    let mixed = vec![subflow(20_000, 20), subflow(20_000, 40), subflow(80_000, 80)];
    let cases = [(two, (1, 2)), (three, (1, 3)), (short, (125, 49)), (alike, (3, 4)), (mixed, (24, 25))];
    for (subflows, (above, below)) in cases {
        let (got_above, got_below) = alpha(&subflows);
        assert_eq!(got_above * below, got_below * above, "{subflows:?}");
        let total: i128 = subflows.iter().map(|it| i128::from(it.window)).sum();
        for own in 0..subflows.len() {
            for (bytes, segment) in [(1000, 1000), (2000, 1000), (536, 536), (1, 1460)] {
                let product = i128::from(bytes) * i128::from(segment) * UNIT;
                let linked = product * above / (below * total);
                let expected = linked.min(product / i128::from(subflows[own].window));
                assert_eq!(increase(&subflows, own, (bytes, segment)), expected, "{own} of {subflows:?}");
            }
        }
    }
}

// Holds: RFC 6356 3-a, 3-b, 3-d.
#[test]
fn alpha_follows_the_formula_for_any_windows_and_round_trips() {
    for seed in 0..2000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let count = 2 + rng.next_u32() as usize % 2;
        let subflows: Vec<_> = (0..count)
            .map(|_| subflow(1460 * u64::from(2 + rng.next_u32() % 200), u64::from(1 + rng.next_u32() % 500)))
            .collect();
        for own in 0..count {
            let (got, exact) =
                (increase(&subflows, own, (1460, 1460)), by_formula(&subflows, own, (1460, 1460)));
            // Whole bytes in flight and whole bits a second: together a thousandth at windows of two segments.
            assert!((got - exact).abs() <= exact / 1000 + 1, "seed {seed}: {got} for {exact}");
            let reno = 1460 * 1460 * UNIT / i128::from(subflows[own].window);
            assert!(got <= reno, "seed {seed}: no more than TCP would take");
        }
    }
}

// Holds: RFC 6356 3-c.
#[test]
fn an_increase_of_less_than_a_byte_is_not_forgotten() {
    // 16 MB on each of two paths: 1460 · 1460 / 2 / 32 000 000 = 0.033 bytes an acknowledgment, two in sixty.
    let subflows = [subflow(16_000_000, 100); 2];
    let mut controller = Coupled::new(Coupling::Lia, 1460, 16_000_000);
    controller.reno.window = 16_000_000;
    let one = increase(&subflows, 0, (1460, 1460));
    assert!(one > 0 && one < UNIT);
    for _ in 0..60 {
        controller.apply(one);
    }
    assert_eq!(controller.reno.window, 16_000_001);
}

// Holds: RFC 6356 3-e.
#[test]
fn slow_start_and_the_answer_to_loss_are_tcps() {
    let subflows = [subflow(20_000, 100), subflow(10_000, 10)];
    let siblings = Siblings::of(&subflows, 0).expect("it is there");
    let (mut coupled, mut reno) = (Coupled::new(Coupling::Lia, 1000, 10_000), Reno::new(1000, 10_000));
    let ack = |siblings| Acknowledged {
        srtt: Some(SimDuration::from_millis(100)),
        siblings,
        ..Acknowledged::plain(SimTime::ZERO, 2000)
    };
    for _ in 0..20 {
        coupled.on_acknowledged(&ack(Some(&siblings)));
        reno.on_acknowledged(&ack(None));
        assert_eq!(coupled.window(), reno.window(), "slow start");
    }
    coupled.on_congestion(SimTime::ZERO, 40_000, Congestion::Loss);
    reno.on_congestion(SimTime::ZERO, 40_000, Congestion::Loss);
    assert_eq!((coupled.window(), coupled.ssthresh()), (reno.window(), reno.ssthresh()), "half");
    coupled.on_timeout(SimTime::ZERO, 20_000, true);
    reno.on_timeout(SimTime::ZERO, 20_000, true);
    assert_eq!((coupled.window(), coupled.ssthresh()), (reno.window(), reno.ssthresh()), "one segment");
}
