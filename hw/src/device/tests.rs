//! Accounts worked out by hand, and conservation under anything.

use proptest::prelude::*;

use sim_core::electric::Voltage;

use super::*;
use crate::battery::{BatterySpec, Model};

const PURPOSES: Purposes<&str> = Purposes { rest: "rest", tail: "tail", transition: "way", unpowered: "off" };

fn ms(millis: u64) -> SimTime {
    SimTime::from_millis(millis)
}

/// A radio that sleeps at 1 µA, sends at 20 mA and listens at 10 mA; 2 ms from sleep to either at 5 mA.
fn radio() -> PartSpec {
    let mut radio = PartSpec::new("radio", PartKind::Radio);
    let mut state =
        |name, micro| radio.add_state(name, Current::from_microamps(micro), Current::from_microamps(micro));
    let (sleep, send, listen, way) =
        (state("sleep", 1), state("transmit", 20_000), state("listen", 10_000), state("sleep>on", 5_000));
    let time = SimDuration::from_millis(2);
    radio.transitions =
        [send, listen].map(|to| crate::part::Transition { from: sleep, to, through: way, time }).to_vec();
    radio.rest = sleep;
    radio
}

fn battery() -> Battery {
    let spec = BatterySpec {
        name: "test".to_owned(),
        capacity: Charge::from_milliamp_hours(1),
        nominal: Voltage::from_millivolts(3000),
        cut_off: Voltage::from_millivolts(0),
        resistance_milliohms: 0,
        curve: Vec::new(),
        self_discharge: Current::ZERO,
        model: Model::Ideal,
        rechargeable: false,
        temperatures: Vec::new(),
    };
    Battery::new(spec, 1.0)
}

fn device(radio: PartSpec) -> Device<&'static str> {
    let supply = Supply::direct(Voltage::from_millivolts(3000));
    Device::new([(Arc::new(radio), PURPOSES)], supply, "conversion", Some(battery()), None)
}

const RADIO: PartId = PartId(0);
const SLEEP: StateId = StateId(1);
const SEND: StateId = StateId(2);
const LISTEN: StateId = StateId(3);
const WAY: StateId = StateId(4);

fn activity(state: StateId, from: SimTime, until: SimTime) -> Activity {
    Activity { state, from, until, teller: 0 }
}

fn seen(device: &Device<&'static str>) -> Vec<(u8, &'static str, u64)> {
    let entries = device.ledger().entries();
    entries.iter().map(|entry| (entry.state.0, entry.key, entry.time.as_nanos() / 1_000_000)).collect()
}

#[test]
fn one_frame_is_split_by_its_bytes_after_the_way_out_of_sleep() {
    let mut device = device(radio());
    // 4 ms for 10 + 30 bytes: 1 ms of link layer, 3 ms of application.
    device.occupy(ms(0), RADIO, activity(SEND, ms(10), ms(14)), &[("link", 10), ("app", 30)]);
    device.integrate(ms(100));
    device.check(ms(100));
    let way = (WAY.0, "way", 2);
    assert_eq!(seen(&device), [(SLEEP.0, "rest", 94), (SEND.0, "app", 3), (SEND.0, "link", 1), way]);
    // 94 ms · 1 µA + 4 ms · 20 mA + 2 ms · 5 mA = 90.094 µC, at 3 V 270.282 µJ.
    assert_eq!(device.ledger().total().as_zeptojoules(), 270_282 * 10_u128.pow(12));
}

#[test]
fn a_state_lasts_without_being_looked_at_until_it_changes() {
    let mut device = device(radio());
    assert_eq!(device.enter(ms(0), RADIO, LISTEN, "idle"), SimDuration::from_millis(2));
    device.attribute(RADIO, &[("a", 1), ("b", 1)]);
    device.enter(ms(50), RADIO, SLEEP, "rest");
    device.integrate(ms(60));
    device.check(ms(60));
    assert_eq!(seen(&device), [(1, "rest", 10), (3, "a", 24), (3, "b", 24), (4, "way", 2)]);
}

#[test]
fn an_activity_told_of_ahead_is_charged_as_it_passes() {
    let mut device = device(radio());
    device.enter(ms(0), RADIO, LISTEN, "idle");
    device.occupy(ms(0), RADIO, activity(SEND, ms(20), ms(40)), &[("one", 1)]);
    device.occupy(ms(0), RADIO, activity(SEND, ms(40), ms(60)), &[("two", 1)]);
    device.integrate(ms(30));
    device.check(ms(30));
    // Power fails in the middle of the second: it has lasted 5 ms, and nothing follows.
    device.integrate(ms(45));
    device.set_powered(ms(45), false);
    device.integrate(ms(50));
    device.check(ms(50));
    let wanted = [(0, "off", 5), (2, "one", 20), (2, "two", 5), (3, "idle", 18), (4, "way", 2)];
    assert_eq!(seen(&device), wanted);
}

#[test]
fn what_was_told_of_ahead_can_be_taken_back() {
    let mut device = device(radio());
    device.enter(ms(0), RADIO, LISTEN, "idle");
    for (teller, from) in [(7, 20), (8, 40), (7, 60)] {
        let activity = Activity { teller, ..activity(SEND, ms(from), ms(from + 10)) };
        device.occupy(ms(0), RADIO, activity, &[("one", 1)]);
    }
    // The first of 7's has begun and goes on to its end.
    device.withdraw(ms(25), RADIO, 7);
    device.integrate(ms(100));
    device.check(ms(100));
    let sent = seen(&device).into_iter().find(|(_, key, _)| *key == "one");
    assert_eq!(sent, Some((2, "one", 20)));
}

#[test]
fn a_modem_lingers_before_it_sleeps() {
    let mut spec = radio();
    spec.tail = Some((LISTEN, SimDuration::from_millis(30)));
    let mut device = device(spec);
    device.occupy(ms(0), RADIO, activity(SEND, ms(10), ms(20)), &[("one", 1)]);
    device.occupy(ms(0), RADIO, activity(SEND, ms(40), ms(50)), &[("two", 1)]);
    device.integrate(ms(100));
    device.check(ms(100));
    // 20 ms between the two, 30 ms after the second; the way out of sleep is gone only once.
    let wanted = [(1, "rest", 28), (2, "one", 10), (2, "two", 10), (3, "tail", 50), (4, "way", 2)];
    assert_eq!(seen(&device), wanted);
}

#[test]
fn a_regulator_takes_more_than_it_gives() {
    // 10 mA at 1.8 V through 90 % from 3.6 V: 18 mW / 0.9 = 20 mW, 5.555556 mA.
    let mut part = PartSpec::new("mcu", PartKind::Mcu);
    part.rest = part.add_state("active", Current::from_milliamps(10), Current::from_milliamps(10));
    let (voltage, source) = (Voltage::from_millivolts(1800), Voltage::from_millivolts(3600));
    let supply = Supply { voltage, source, efficiency_permille: 900 };
    let mut device = Device::new([(Arc::new(part), PURPOSES)], supply, "conversion", Some(battery()), None);
    device.integrate(SimTime::from_secs(1));
    device.check(SimTime::from_secs(1));
    let battery = device.battery().expect("it has one");
    assert_eq!(battery.drawn().as_attocoulombs(), 5_555_556 * 1_000_000_000);
    assert_eq!(device.converted().as_zeptojoules(), (5_555_556 * 3600 - 10_000_000 * 1800) * 1_000_000_000);
}

#[test]
fn a_battery_that_gives_out_says_when() {
    let mut device = device(radio());
    // 3.6 C at 10 mA: 360 s, of which the 2 ms at 5 mA save 1 ms, and the rest of the nanoseconds nothing.
    device.enter(ms(0), RADIO, LISTEN, "idle");
    assert_eq!(device.integrate(SimTime::from_secs(359)), None);
    assert_eq!(device.integrate(SimTime::from_secs(400)), Some(ms(360_001)));
}

#[test]
fn energest_of_a_z1_is_the_tutorials() {
    // Contiki-NG's tutorial: charge = Σ ticks · I / ticks per second, 1/32768 s; CPU 10374 at 10 mA, LPM 1955706 at
    // 23 µA, transmit 106 at 17.4 mA, listen 104802 at 18.8 mA.
    let ticks = [(10_374_u64, 10_000_000_u64), (1_955_706, 23_000), (106, 17_400_000), (104_802, 18_800_000)];
    // An own part for each counter, and one tick lasts 32768 of our nanoseconds, so that nothing is rounded.
    let mut total = Charge::ZERO;
    for (count, nanoamps) in ticks {
        total += Current::from_nanoamps(nanoamps).charge(SimDuration::from_nanos(count));
    }
    // nA · ticks / (32768 ticks/s) in mC.
    let millicoulombs = total.as_attocoulombs() as f64 / 32768.0 / 1e6;
    assert!((millicoulombs - 64.723).abs() < 0.0005, "{millicoulombs}");
}

/// What a modem of a profile draws in a day with an update of so many mJ in so many ms each hour, in joules.
fn modem_day(profile: &str, millijoules: u64, millis: u64) -> f64 {
    let radio = crate::profile::Library::default().radio(profile).unwrap();
    let mut spec = PartSpec::clone(&radio.spec);
    spec.tail = None;
    // E = I · 3.7 V · t.
    let current = Current::from_nanoamps(millijoules * 1_000_000_000_000 / (3700 * millis));
    let update = spec.add_state("update", current, current);
    let supply = Supply::direct(Voltage::from_millivolts(3700));
    let mut device = Device::new([(Arc::new(spec), PURPOSES)], supply, "conversion", None, None);
    for hour in 0..24 {
        let from = SimTime::from_secs(hour * 3600);
        let activity = activity(update, from, from + SimDuration::from_millis(millis));
        device.occupy(from, RADIO, activity, &[("update", 1)]);
    }
    device.integrate(SimTime::from_secs(86_400));
    device.check(SimTime::from_secs(86_400));
    device.ledger().total().as_joules_f64()
}

#[test]
fn a_day_in_power_saving_mode_is_nordics() {
    // nRF9160, LTE-M: a tracking-area update costs 105 mJ in 1.5 s, the floor is 2.7 uA. A day with one every hour:
    // 24 · 105 mJ + 2.7 uA · 3.7 V · 86400 s = 2.52 J + 0.863 J = 3.383 J.
    let joules = modem_day("nrf9160-lte-m", 105, 1500);
    assert!((joules / 3.383 - 1.0).abs() < 0.01, "{joules} J");
    // NB-IoT: 550 mJ in 2.7 s: 13.2 J + 0.863 J = 14.063 J.
    let joules = modem_day("nrf9160-nb-iot", 550, 2700);
    assert!((joules / 14.063 - 1.0).abs() < 0.01, "{joules} J");
}

#[test]
fn extended_discontinuous_reception_is_nordics() {
    // nRF9160, eDRX of 81.92 s: 18 uA on the mean for LTE-M, 37 uA for NB-IoT (Nordic). By hand a cycle takes
    // 18 uA · 81.92 s = 1474.56 uC, and 37 uA · 81.92 s = 3031.04 uC. Asleep it takes 2.7 uA · 81.92 s = 221.18 uC of that, so
    // 1253.38 uC and 2809.86 uC are left for a paging window: at 45 mA 27.853 ms, at 40 mA 70.246 ms. These are literal
    // figures: profiles that say anything else of sleeping and listening come to another mean.
    let windows = [("nrf9160-lte-m", 45.0, 27_853, 1474.56), ("nrf9160-nb-iot", 40.0, 70_246, 3031.04)];
    for (profile, listens_ma, micros, cycle_uc) in windows {
        let radio = crate::profile::Library::default().radio(profile).unwrap();
        let mut spec = PartSpec::clone(&radio.spec);
        spec.tail = None;
        let listen = radio.listen;
        assert_eq!(spec.current(listen).as_nanoamps() as f64 / 1e6, listens_ma, "{profile} listens");
        assert_eq!(spec.current(radio.sleep).as_nanoamps(), 2_700, "{profile} sleeps");
        let supply = Supply::direct(Voltage::from_millivolts(3700));
        let mut device = Device::new([(Arc::new(spec), PURPOSES)], supply, "conversion", None, None);
        let cycle = SimDuration::from_millis(81_920);
        for number in 0..100 {
            let from = SimTime::ZERO + cycle * number;
            let activity = activity(listen, from, from + SimDuration::from_micros(micros));
            device.occupy(from, RADIO, activity, &[("page", 1)]);
        }
        let end = SimTime::ZERO + cycle * 100;
        device.integrate(end);
        device.check(end);
        // J / 3.7 V / 100 cycles, in uC.
        let seen = device.ledger().total().as_joules_f64() / 3.7 / 100.0 * 1e6;
        assert!((seen / cycle_uc - 1.0).abs() < 0.001, "{profile}: {seen} uC a cycle");
        // The one figure that nobody gives is the window's length: it is longer than a subframe of 1 ms and shorter than the
        // shortest window of 3GPP TS 24.008 (table 10.5.5.32): 1.28 s for LTE-M, 2.56 s for NB-IoT.
        assert!((1_000..1_280_000).contains(&micros), "{profile}");
    }
}

#[test]
fn a_battery_that_is_told_of_totals_ends_as_one_that_follows_each_step() {
    // The same load on an ideal battery, and on one whose curve is its nominal voltage all along and so is followed.
    let device = |curve: Vec<(f64, f64)>| {
        let spec = BatterySpec { curve, ..BatterySpec::clone(battery().spec()) };
        let parts = [(Arc::new(radio()), PURPOSES)];
        Device::new(parts, Supply::direct(spec.nominal), "conversion", Some(Battery::new(spec, 1.0)), None)
    };
    let nominal = f64::from(battery().spec().nominal.as_millivolts());
    let (mut totals, mut steps) = (device(Vec::new()), device(vec![(1.0, nominal), (0.0, nominal)]));
    let (mut ends, mut seconds) = (Vec::new(), 0);
    while ends.is_empty() {
        for device in [&mut totals, &mut steps] {
            for number in 0..50 {
                let from = SimTime::from_secs(seconds) + SimDuration::from_millis(200) * number;
                let until = from + SimDuration::from_millis(100 + number);
                device.occupy(from, RADIO, activity(SEND, from, until), &[("data", 1)]);
            }
        }
        seconds += 10;
        assert!(seconds < 1_000_000, "it ends");
        let now = SimTime::from_secs(seconds);
        let (total, step) = (totals.catch_up(now), steps.catch_up(now));
        assert_eq!(total, step);
        assert_eq!(totals.battery().unwrap().drawn(), steps.battery().unwrap().drawn(), "after {seconds} s");
        assert_eq!(
            totals.forecast(now + SimDuration::from_secs(3)).drawn,
            steps.forecast(now + SimDuration::from_secs(3)).drawn
        );
        ends.extend(total);
    }
}

#[test]
fn what_is_left_of_an_activity_lasts_though_somebody_looks_as_the_other_one_ends() {
    // 10 ms of receiving, and from 5 ms on 20 ms of sending: 15 ms of it are left.
    for looks in [false, true] {
        let mut device = device(PartSpec { transitions: Vec::new(), ..radio() });
        device.occupy(ms(0), RADIO, activity(LISTEN, ms(0), ms(10)), &[("taken", 1)]);
        device.occupy(ms(5), RADIO, activity(SEND, ms(5), ms(25)), &[("sent", 1)]);
        if looks {
            device.catch_up(ms(10));
        }
        device.integrate(ms(30));
        device.check(ms(30));
        assert_eq!(device.time(RADIO, SEND), SimDuration::from_millis(15), "looked: {looks}");
    }
}

#[test]
fn a_part_wakes_for_what_it_rested_before_whatever_was_told_first() {
    // Ways of 2 ms. The first is told of behind the second: both wake it. Then one that ends 1 ms before the other begins: that
    // one finds it awake.
    for (first, woken) in [(ms(50), 4), (ms(89), 2)] {
        let mut device = device(radio());
        device.occupy(ms(0), RADIO, activity(SEND, ms(100), ms(110)), &[("sent", 1)]);
        device.occupy(
            ms(1),
            RADIO,
            activity(LISTEN, first, first + SimDuration::from_millis(10)),
            &[("taken", 1)],
        );
        device.integrate(ms(200));
        device.check(ms(200));
        assert_eq!(device.time(RADIO, WAY), SimDuration::from_millis(woken), "the first at {first:?}");
    }
}

#[test]
fn time_under_another_name_leaves_the_account_whole() {
    let mut spec = radio();
    let same = spec.add_state("receive", spec.current(LISTEN), spec.current(LISTEN));
    let supply = Supply {
        voltage: Voltage::from_millivolts(1800),
        source: Voltage::from_millivolts(3000),
        efficiency_permille: 900,
    };
    let mut device = Device::new([(Arc::new(spec), PURPOSES)], supply, "conversion", None, None);
    device.enter(ms(0), RADIO, LISTEN, "idle");
    device.integrate(ms(100));
    let total = device.ledger().total();
    device.rename(RADIO, (LISTEN, "idle"), (same, "overheard"), SimDuration::from_millis(30));
    // More than there is: what there is.
    device.rename(RADIO, (LISTEN, "idle"), (same, "more"), SimDuration::from_secs(30));
    // To a state that draws something else: not at all.
    device.rename(RADIO, (same, "more"), (SEND, "more"), SimDuration::from_millis(1));
    device.check(ms(100));
    assert_eq!(device.ledger().total(), total);
    let time = |key| device.ledger().time(RADIO, same, key).as_nanos();
    assert_eq!(time("overheard"), 30_000_000);
    assert_eq!(time("overheard") + time("more"), device.time(RADIO, same).as_nanos());
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(u8),
    Occupy { state: u8, back: u64, ahead: u64, length: u64 },
    Integrate,
    Lag(u64),
    Power(bool),
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let what = prop_oneof![
        (1_u8..5).prop_map(Step::Enter),
        (1_u8..5, 0..3_000_000_u64, 0..3_000_000_u64, 0..9_000_000_u64)
            .prop_map(|(state, back, ahead, length)| Step::Occupy { state, back, ahead, length }),
        Just(Step::Integrate),
        (0..9_000_000_u64).prop_map(Step::Lag),
        any::<bool>().prop_map(Step::Power),
    ];
    (0..5_000_000_u64, what)
}

proptest! {
    #[test]
    fn energy_is_conserved_whatever_happens(
        steps in prop::collection::vec(step(), 1..80),
        tail in any::<bool>(),
        efficiency in 1_u16..=1000,
    ) {
        let mut spec = radio();
        spec.tail = tail.then_some((LISTEN, SimDuration::from_millis(3)));
        let (voltage, source) = (Voltage::from_millivolts(1800), Voltage::from_millivolts(3000));
        let supply = Supply { voltage, source, efficiency_permille: efficiency };
        let parts = [(Arc::new(spec), PURPOSES), (Arc::new(radio()), PURPOSES)];
        let mut device = Device::new(parts, supply, "conversion", Some(battery()), None);
        let mut now = SimTime::ZERO;
        for (wait, what) in steps {
            now += SimDuration::from_nanos(wait);
            match what {
                Step::Enter(state) => {
                    if device.is_powered() {
                        device.enter(now, RADIO, StateId(state), "entered");
                    }
                }
                Step::Occupy { state, back, ahead, length } => {
                    let from = SimTime::from_nanos((now.as_nanos() + ahead).saturating_sub(back));
                    let until = from + SimDuration::from_nanos(length);
                    device.occupy(now, PartId(u8::from(back > ahead)), activity(StateId(state), from, until), &[("x", 3), ("y", 7)]);
                }
                Step::Integrate => drop(device.integrate(now)),
                Step::Lag(back) => drop(device.integrate(SimTime::from_nanos(now.as_nanos().saturating_sub(back)))),
                Step::Power(on) => device.set_powered(now, on),
            }
        }
        device.integrate(now);
        device.check(now);
    }
}

proptest! {
    #[test]
    fn the_ledger_does_not_depend_on_who_looked_at_it_and_when(
        steps in prop::collection::vec(step(), 1..80),
        tail in any::<bool>(),
        often in 1_usize..4,
        // Whole milliseconds: much ends, begins and is looked at in the same moment then.
        grid in prop_oneof![Just(1_u64), Just(1_000_000)],
    ) {
        let whole = |nanos: u64| nanos / grid * grid;
        let mut spec = radio();
        spec.tail = tail.then_some((LISTEN, SimDuration::from_millis(3)));
        let (mut alone, mut watched) = (device(spec.clone()), device(spec));
        let mut now = SimTime::ZERO;
        for (number, (wait, what)) in steps.into_iter().enumerate() {
            now += SimDuration::from_nanos(whole(wait));
            for device in [&mut alone, &mut watched] {
                match what {
                    Step::Enter(state) if device.is_powered() => {
                        device.attribute(RADIO, &[("was", 3), ("too", 4)]);
                        device.enter(now, RADIO, StateId(state), "entered");
                    }
                    Step::Occupy { state, back, ahead, length } => {
                        let from = SimTime::from_nanos((now.as_nanos() + whole(ahead)).saturating_sub(whole(back)));
                        let until = from + SimDuration::from_nanos(whole(length));
                        device.occupy(now, RADIO, activity(StateId(state), from, until), &[("x", 3), ("y", 7), ("z", 7)]);
                    }
                    Step::Power(on) => device.set_powered(now, on),
                    Step::Enter(_) | Step::Integrate | Step::Lag(_) => {}
                }
            }
            if number % often == 0 {
                // An activity may begin 3 ms ago, after a way of 2 ms.
                watched.catch_up(now.saturating_sub(SimDuration::from_millis(5)));
            }
        }
        for device in [&mut alone, &mut watched] {
            device.integrate(now);
            device.check(now);
        }
        prop_assert_eq!(alone.ledger().entries(), watched.ledger().entries());
    }
}

proptest! {
    #[test]
    fn what_is_told_of_ahead_may_be_told_in_any_order(
        stretches in prop::collection::btree_map(2_u64..5_000, (2_u8..4, 1_u64..300), 1..120),
        turns in prop::collection::vec(any::<prop::sample::Index>(), 120),
    ) {
        let (mut in_order, mut shuffled) = (device(radio()), device(radio()));
        let mut others: Vec<_> = stretches.into_iter().collect();
        for &(from, (state, length)) in &others {
            in_order.occupy(ms(0), RADIO, activity(StateId(state), ms(from), ms(from + length)), &[("x", 3), ("y", 7)]);
        }
        for turn in turns {
            if others.is_empty() {
                break;
            }
            let (from, (state, length)) = others.swap_remove(turn.index(others.len()));
            shuffled.occupy(ms(0), RADIO, activity(StateId(state), ms(from), ms(from + length)), &[("x", 3), ("y", 7)]);
        }
        for device in [&mut in_order, &mut shuffled] {
            device.integrate(ms(6_000));
            device.check(ms(6_000));
        }
        prop_assert_eq!(in_order.ledger().entries(), shuffled.ledger().entries());
    }
}
