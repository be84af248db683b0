//! Batteries against the closed forms of their models.

use super::*;

fn spec(model: Model, milliamp_hours: u64) -> BatterySpec {
    BatterySpec {
        name: "test".to_owned(),
        capacity: Charge::from_milliamp_hours(milliamp_hours),
        nominal: Voltage::from_millivolts(3000),
        cut_off: Voltage::from_millivolts(0),
        resistance_milliohms: 0,
        curve: Vec::new(),
        self_discharge: Current::ZERO,
        model,
        rechargeable: true,
        temperatures: Vec::new(),
    }
}

fn run_time_s(spec: BatterySpec, load: Current) -> f64 {
    let horizon = SimDuration::from_secs(100_000_000);
    Battery::new(spec, 1.0).lasts(load, load, horizon).expect("it ends within three years").as_nanos() as f64
        / 1e9
}

#[test]
fn an_ideal_battery_lasts_capacity_over_current() {
    // 225 mAh at 10 mA: 22.5 h = 81,000 s, to the nanosecond.
    let lasts = Battery::new(spec(Model::Ideal, 225), 1.0).lasts(
        Current::from_milliamps(10),
        Current::ZERO,
        SimDuration::from_secs(1_000_000),
    );
    assert_eq!(lasts, Some(SimDuration::from_secs(81_000)));
}

#[test]
fn peukert_follows_his_formula() {
    // t = H (C / (I H))^k with C = 1 Ah, H = 20 h, k = 1.2 at I = 0.5 A: 20 h · 0.1^1.2 = 1.26191 h = 4542.89 s.
    let model = Model::Peukert { exponent: 1.2, rated_s: 72_000.0 };
    let lasts = run_time_s(spec(model, 1000), Current::from_milliamps(500));
    assert!((lasts - 4542.89).abs() < 0.01, "{lasts}");
}

#[test]
fn kibam_ends_where_its_closed_form_does() {
    // c = 0.5, k' = 1e-3 /s, 1 Ah, 1 A. The available well: y1(t) = 1800 e^-kt + (3600·k·c - I)(1 - e^-kt)/k
    // - I c (kt - 1 + e^-kt)/k. With kt = x, k = 1e-3: 1800 e^-x + 800 (1 - e^-x) - 500 (x - 1 + e^-x)
    // = 1300 + 500 e^-x - 500 x = 0, so x = 2.6 + e^-x: x = 2.66939..., t = 2669.4 s, of 3600 s if all were available.
    let model = Model::Kibam { available: 0.5, rate_per_s: 1e-3 };
    let lasts = run_time_s(spec(model, 1000), Current::from_milliamps(1000));
    let x = lasts * 1e-3;
    assert!((x - 2.6 - sim_core::math::exp(-x)).abs() < 1e-6, "{lasts}");
    assert!((lasts - 2669.4).abs() < 0.5, "{lasts}");
}

#[test]
fn kibam_recovers_in_a_pause() {
    let model = Model::Kibam { available: 0.3, rate_per_s: 1e-4 };
    let mut battery = Battery::new(spec(model, 1000), 1.0);
    let load = Current::from_milliamps(500);
    assert_eq!(battery.step(load, Current::ZERO, SimDuration::from_secs(1800)), None);
    let tired = battery.state_of_charge();
    battery.step(Current::ZERO, Current::ZERO, SimDuration::from_secs(36_000));
    assert!(battery.state_of_charge() > tired + 0.05);
    // Nothing came from outside: 0.25 Ah are gone, and the wells level out at 0.75.
    battery.step(Current::ZERO, Current::ZERO, SimDuration::from_secs(1_000_000));
    assert!((battery.state_of_charge() - 0.75).abs() < 1e-9);
}

#[test]
fn many_small_steps_are_one_long_step() {
    let models = [
        Model::Kibam { available: 0.4, rate_per_s: 2e-4 },
        Model::Rakhmatov { beta_squared_per_s: 1.2e-3 },
        Model::Peukert { exponent: 1.1, rated_s: 72_000.0 },
    ];
    for model in models {
        let load = Current::from_milliamps(100);
        let mut once = Battery::new(spec(model, 1000), 1.0);
        let mut often = once.clone();
        once.step(load, Current::ZERO, SimDuration::from_secs(5000));
        for _ in 0..5000 {
            often.step(load, Current::ZERO, SimDuration::from_secs(1));
        }
        assert!((once.state_of_charge() - often.state_of_charge()).abs() < 1e-9, "{model:?}");
        assert_eq!(once.drawn(), often.drawn());
    }
}

#[test]
fn rakhmatov_ends_where_its_closed_form_does() {
    // For a constant load: I (L + 2 Σ (1 - e^(-β² m² L)) / (β² m²)) = α, with the paper's ten terms.
    let beta_squared = 0.273_f64 * 0.273 / 60.0;
    let lasts = run_time_s(
        spec(Model::Rakhmatov { beta_squared_per_s: beta_squared }, 673),
        Current::from_milliamps(500),
    );
    let series: f64 = (1..=10)
        .map(|m| {
            let rate = beta_squared * f64::from(m * m);
            (1.0 - sim_core::math::exp(-rate * lasts)) / rate
        })
        .sum();
    let sigma = 0.5 * (lasts + 2.0 * series);
    assert!((sigma - 0.673 * 3600.0).abs() < 1e-3, "{sigma}");
    assert!(lasts < 0.673 * 3600.0 / 0.5 * 0.9, "a high load leaves charge behind: {lasts}");
}

#[test]
fn a_pulse_browns_out_what_a_trickle_would_not() {
    let mut cell = spec(Model::Ideal, 225);
    (cell.resistance_milliohms, cell.cut_off) = (15_000, Voltage::from_millivolts(2000));
    cell.curve = vec![(1.0, 3000.0), (0.2, 2600.0), (0.0, 1800.0)];
    let battery = Battery::new(cell, 0.2);
    // 2600 mV - 30 mA · 15 Ω = 2150 mV holds; 45 mA would leave 1925 mV.
    assert_eq!(battery.terminal_voltage_f64(Current::from_milliamps(30)), 2150.0);
    assert!(!battery.is_exhausted(Current::from_milliamps(30)));
    assert!(battery.is_exhausted(Current::from_milliamps(45)));
}

#[test]
fn what_a_full_battery_cannot_take_is_spilled() {
    let mut battery = Battery::new(spec(Model::Ideal, 1), 1.0);
    let sun = Current::from_milliamps(1);
    battery.step(Current::ZERO, sun, SimDuration::from_secs(3600));
    assert_eq!((battery.harvested(), battery.spilled()), (Charge::ZERO, Charge::from_milliamp_hours(1)));
    battery.step(sun, Current::ZERO, SimDuration::from_secs(1800));
    battery.step(Current::ZERO, sun, SimDuration::from_secs(900));
    assert_eq!(battery.state_of_charge(), 0.75);
    assert_eq!(battery.harvested().as_coulombs_f64(), 0.9);
}
