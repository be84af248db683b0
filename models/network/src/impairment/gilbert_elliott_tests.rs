use super::*;
use proptest::prelude::*;

const SLOT: SimDuration = SimDuration::from_millis(1);

fn chance(chance: f64) -> Probability {
    Probability::from_f64(chance).unwrap()
}

fn config(good_to_bad: f64, bad_to_good: f64) -> GilbertElliottConfig {
    let (good_to_bad, bad_to_good) = (chance(good_to_bad), chance(bad_to_good));
    let (loss_good, loss_bad) = (Probability::NEVER, Probability::ALWAYS);
    GilbertElliottConfig { slot: SLOT, good_to_bad, bad_to_good, loss_good, loss_bad }
}

fn channel(config: GilbertElliottConfig, key: u64) -> GilbertElliott {
    GilbertElliott::new(config, CounterStream::from_key(key), CounterStream::from_key(!key)).unwrap()
}

/// The states of the slots `from`, `from + step`, …, `count` of them.
fn states(channel: &mut GilbertElliott, from: u64, step: u64, count: u64) -> Vec<bool> {
    (0..count).map(|index| channel.is_bad(SimTime::ZERO + SLOT * (from + index * step))).collect()
}

fn share(states: &[bool]) -> f64 {
    states.iter().filter(|&&bad| bad).count() as f64 / states.len() as f64
}

/// How often each pair of consecutive states occurs: good good, good bad, bad good, bad bad.
fn pairs(states: &[bool]) -> [f64; 4] {
    let mut counts = [0.0; 4];
    for pair in states.windows(2) {
        counts[usize::from(pair[0]) * 2 + usize::from(pair[1])] += 1.0;
    }
    counts
}

/// Five deviations of the mean of `n` correlated states: the variance π(1 - π)/n of independent ones grows by
/// (1 + λ)/(1 - λ), with λ = 1 - good_to_bad - bad_to_good.
fn bound(bad: f64, lambda: f64, n: f64) -> f64 {
    5.0 * (bad * (1.0 - bad) / n * (1.0 + lambda) / (1.0 - lambda)).sqrt()
}

#[test]
fn the_channel_is_bad_and_loses_as_often_as_the_formula_says() {
    // π = 0.01/(0.01 + 0.1) = 1/11; loss = 0.8/11 + 0.02·10/11 = 0.0909091.
    let config = GilbertElliottConfig { loss_good: chance(0.02), loss_bad: chance(0.8), ..config(0.01, 0.1) };
    assert!((config.stationary_loss() - 1.0 / 11.0).abs() < 1e-12);
    let mut channel = channel(config, 1);
    let n = 2_000_000_u64;
    let lost = (1..=n).filter(|&k| channel.is_lost(k, SimTime::ZERO + SLOT * k)).count();
    let bad = share(&states(&mut channel, 1, 1, n));
    // Deviation of the loss: that of the state times the difference of the chances, and the draws' own.
    let within = bound(1.0 / 11.0, 0.89, n as f64);
    assert!((bad - 1.0 / 11.0).abs() < within, "{bad} {within}");
    assert!((lost as f64 / n as f64 - 1.0 / 11.0).abs() < within, "{lost} {within}");
}

#[test]
fn bursts_have_geometric_lengths_of_the_right_mean() {
    let states = states(&mut channel(config(0.02, 0.25), 2), 0, 1, 1_000_000);
    let bursts: Vec<usize> = states.chunk_by(|a, b| a == b).filter(|run| run[0]).map(<[bool]>::len).collect();
    // The mean of n geometric lengths 1/0.25 = 4 has the deviation sqrt(0.75)/0.25/sqrt(n) = 3.46/sqrt(n).
    let (n, mean) = (bursts.len() as f64, bursts.iter().sum::<usize>() as f64 / bursts.len() as f64);
    assert!(n > 15_000.0 && (mean - 4.0).abs() < 5.0 * 3.46 / n.sqrt(), "{n} {mean}");
    let single = bursts.iter().filter(|&&length| length == 1).count() as f64 / n;
    assert!((single - 0.25).abs() < 5.0 * (0.25 * 0.75 / n).sqrt(), "{single}");
}

#[test]
fn the_next_state_depends_on_the_last_and_on_no_other() {
    let states = states(&mut channel(config(0.1, 0.3), 3), 0, 1, 1_000_000);
    // P(bad | good) = 0.1 and P(bad | bad) = 0.7, whatever came before the last.
    for before in [false, true] {
        for (last, expected) in [(false, 0.1), (true, 0.7)] {
            let matching = states.windows(3).filter(|run| run[0] == before && run[1] == last);
            let next: Vec<bool> = matching.map(|run| run[2]).collect();
            let within = 5.0 * (expected * (1.0 - expected) / next.len() as f64).sqrt();
            assert!((share(&next) - expected).abs() < within, "{before} {last} {}", share(&next));
        }
    }
}

#[test]
fn a_step_over_a_gap_is_distributed_as_many_single_steps() {
    // Over g slots: P(bad | good) = π(1 - λ^g), P(good | bad) = (1 - π)(1 - λ^g), with λ = 0.9 and π = 0.3.
    for (gap, memory) in [(1, 0.9), (2, 0.81), (7, 0.478_296_9), (20, 0.121_576_7), (1_000, 0.0)] {
        let counts = pairs(&states(&mut channel(config(0.03, 0.07), gap), 5, gap, 100_000));
        let to_bad = (0.3 * (1.0 - memory), counts[1], counts[0] + counts[1]);
        let to_good = (0.7 * (1.0 - memory), counts[2], counts[2] + counts[3]);
        for (expected, changed, all) in [to_bad, to_good] {
            let within = 5.0 * (expected * (1.0 - expected) / all).sqrt();
            assert!((changed / all - expected).abs() < within, "{gap}: {} {expected}", changed / all);
        }
    }
}

#[test]
fn the_state_does_not_depend_on_who_asked_before() {
    for (key, config) in [(1, config(0.01, 0.1)), (2, config(0.6, 0.7)), (3, config(1e-9, 1e-7))] {
        let all = states(&mut channel(config, key), 0, 1, 20_000);
        let mut backwards = channel(config, key);
        let mut seldom = channel(config, key);
        for slot in (0..20_000).rev() {
            assert_eq!(states(&mut backwards, slot, 1, 1)[0], all[slot as usize], "{slot}");
        }
        for (slot, state) in states(&mut seldom, 3, 37, 500).into_iter().enumerate() {
            assert_eq!(state, all[3 + 37 * slot], "{slot}");
        }
    }
}

/// The state of a slot from those half-way around it, and theirs from those around them, and so on.
fn by_definition(channel: &GilbertElliott, slot: u64) -> bool {
    let level = slot.trailing_zeros() as usize;
    if level >= channel.steps.len() - 1 {
        return channel.far_state(slot);
    }
    let ends = (by_definition(channel, slot - (1 << level)), by_definition(channel, slot + (1 << level)));
    channel.middle_state(slot, channel.steps[level], ends)
}

#[test]
fn the_way_to_a_slot_ends_in_its_state() {
    let mut channel = channel(config(0.05, 0.15), 8);
    // 0.8^(2^7) = 10^-12.4 is above 2^-60 = 10^-18.1, 0.8^(2^8) = 10^-24.8 is below.
    assert_eq!(channel.steps.len(), 9);
    for slot in (0..3_000).chain((5_000..100_000).step_by(977)) {
        let state = channel.is_bad(SimTime::ZERO + SLOT * slot);
        assert_eq!(state, by_definition(&channel, slot), "{slot}");
    }
}

#[test]
fn a_higher_loss_in_the_bad_state_loses_a_superset() {
    let lost = |loss_bad| {
        let config = GilbertElliottConfig { loss_bad: chance(loss_bad), ..config(0.05, 0.2) };
        let mut channel = channel(config, 4);
        (1..=50_000).filter(|&k| channel.is_lost(k, SimTime::ZERO + SLOT * k)).collect::<Vec<u64>>()
    };
    let (few, many) = (lost(0.3), lost(0.6));
    assert!(few.len() > 1_000 && many.len() > few.len());
    assert!(few.iter().all(|frame| many.binary_search(frame).is_ok()));
}

#[test]
fn a_slow_channel_is_found_after_any_gap_at_once() {
    // Bad times of 10^9 slots of a nanosecond; the whole of time is crossed in a few thousand questions.
    let slow = GilbertElliottConfig { slot: SimDuration::from_nanos(1), ..config(1e-9, 1e-9) };
    let states: Vec<bool> = {
        let mut channel = channel(slow, 5);
        (0..10_000_u64).map(|index| channel.is_bad(SimTime::from_nanos(index << 50))).collect()
    };
    // Over 2^50 slots everything is forgotten: π = 1/2, deviation 1/2/sqrt(10,000).
    assert!((share(&states) - 0.5).abs() < 5.0 * 0.005, "{}", share(&states));
    let near: Vec<bool> = (0..1_000).map(|slot| channel(slow, 5).is_bad(SimTime::from_nanos(slot))).collect();
    assert!(near.iter().all(|&bad| bad == near[0]), "a change in 1,000 slots has a chance of 10^-6");
}

#[test]
fn channels_at_the_edge_do_what_their_chances_say() {
    let always =
        |good_to_bad, bad_to_good| states(&mut channel(config(good_to_bad, bad_to_good), 6), 0, 1, 1_000);
    assert_eq!(share(&always(0.0, 0.0)), 0.0, "never leaves the good state");
    assert_eq!(share(&always(0.0, 0.5)), 0.0);
    assert_eq!(share(&always(0.5, 0.0)), 1.0);
    let alternating = always(1.0, 1.0);
    assert!(alternating.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn bursts_are_made_from_their_length_and_share() {
    // Slots of 1 ms, bursts of 20 ms: leaves with 1/20; 5 % of the time: enters with 1/20 · 0.05/0.95 = 0.00263158.
    let bursts = GilbertElliottConfig::bursts(SLOT, SLOT * 20, chance(0.05)).unwrap();
    assert!((bursts.bad_to_good.as_f64() - 0.05).abs() < 1e-15);
    assert!((bursts.good_to_bad.as_f64() - 0.002_631_578_947).abs() < 1e-12);
    assert!((bursts.stationary_loss() - 0.05).abs() < 1e-12);
    let always = GilbertElliottConfig::bursts(SLOT, SLOT, Probability::ALWAYS).unwrap();
    assert_eq!(always.stationary_loss(), 1.0);
}

#[test]
fn bursts_that_cannot_be_made_are_refused() {
    let bursts = GilbertElliottConfig::bursts;
    assert_eq!(bursts(SimDuration::ZERO, SLOT, chance(0.1)), Err(LossError::Slot));
    let short = LossError::Burst { burst: SLOT, slot: SLOT * 2 };
    assert_eq!(bursts(SLOT * 2, SLOT, chance(0.1)), Err(short));
    // Bursts of one slot after good times of one slot at least: half of the time at most.
    let loss = chance(0.6);
    assert_eq!(bursts(SLOT, SLOT, loss), Err(LossError::TooMuch { burst: SLOT, slot: SLOT, loss }));
    let timeless = GilbertElliottConfig { slot: SimDuration::ZERO, ..config(0.1, 0.1) };
    let key = CounterStream::from_key(1);
    assert_eq!(GilbertElliott::new(timeless, key, key).unwrap_err(), LossError::Slot);
}

proptest! {
    #[test]
    fn no_chance_and_no_time_panics(a in 0.0..=1.0, b in 0.0..=1.0, tiny: bool, slot in 1_u64.., times: [u64; 8]) {
        let scale = if tiny { 1e-18 } else { 1.0 };
        let config = GilbertElliottConfig { slot: SimDuration::from_nanos(slot), ..config(a * scale, b * scale) };
        let mut once = channel(config, 7);
        for time in times {
            let now = SimTime::from_nanos(time);
            prop_assert_eq!(once.is_bad(now), channel(config, 7).is_bad(now), "{}", time);
        }
    }
}
