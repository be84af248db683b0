//! Sensors, cryptography, temperature and profiles of one's own, from the scenario file to the ledger, against figures
//! worked out by hand.

mod lab;

use lab::{metric, outcome, value};
use scenarios::language::{Files, Overrides, Plan, render_lines};
use scenarios::run::{Outcome, RunOptions, run};

/// Ten messages of 64 B from a sensor to a gateway, whose entries are given.
fn scenario(sensor: &str, gateway: &str, traffic: &str) -> String {
    format!(
        r#"{{ "name": "test", "duration": "10 s", "drain": "1 s",
          "nodes": {{ "sensor": {{ "hardware": "nrf52840-dk"{sensor} }}, "gateway": {{ {gateway} }} }},
          "links": [ {{ "name": "air", "between": ["sensor", "gateway"], "rate": "250 kbit/s", "delay": "1 us", "framing": "ppp" }} ],
          "traffic": [ {{ "name": "up", "from": "sensor", "to": "gateway", {traffic},
                          "workload": {{ "periodic": {{ "message": "64 B", "every": "1 s", "start": "500 ms" }} }} }} ] }}"#
    )
}

/// Time in ns and energy in zJ of the ledger's lines that hold all of `words`, added up.
fn ledger(outcome: &Outcome, words: &[&str]) -> (u128, u128) {
    let mut sum = (0, 0);
    for line in outcome.rows["ledger.csv"].lines() {
        let cells: Vec<&str> = line.split(',').collect();
        if words.iter().all(|word| cells.contains(word)) {
            sum.0 += cells[7].parse::<u128>().expect("time is whole");
            sum.1 += cells[8].parse::<u128>().expect("energy is whole");
        }
    }
    sum
}

/// 1 mA · 1 V · 1 µs = 1 nJ = 10^12 zJ.
const NANOJOULE: u128 = 1_000_000_000_000;

#[test]
fn a_sensor_measures_before_each_message() {
    let bare = outcome(&scenario("", "", r#""over": "udp""#));
    let outcome = outcome(&scenario(r#", "sensors": ["sht31"]"#, "", r#""over": "udp""#));
    // SHT31: 12.5 ms at 0.6 mA, 3 V, ten times; 0.2 uA at rest.
    let sampled = ledger(&outcome, &["sensor:sht31", "measure", "sample", "up"]);
    assert_eq!(sampled, (125_000_000, 125_000 * 6 * 3 * NANOJOULE / 10));
    let rested = ledger(&outcome, &["sensor:sht31", "idle", "sleep"]);
    assert_eq!(rested, (11_000_000_000 - 125_000_000, (11_000_000_000 - 125_000_000) * 200 * 3000));
    // The message waits for the measurement.
    let latency = value(&outcome, "latency_min_ns") - value(&bare, "latency_min_ns");
    assert_eq!(latency, 12_500_000.0);
    assert_eq!(value(&outcome, "messages_delivered"), 10.0);
}

#[test]
fn all_sensors_measure_at_once_and_the_slowest_decides() {
    let sensors = r#", "sensors": ["sht31", "tmp117", "sht31"]"#;
    let outcome = outcome(&scenario(sensors, "", r#""over": "tcp""#));
    for sensor in ["sensor:sht31", "sensor:sht31#2"] {
        assert_eq!(ledger(&outcome, &[sensor, "measure"]).0, 125_000_000, "{sensor}");
    }
    assert_eq!(ledger(&outcome, &["sensor:tmp117", "measure"]).0, 155_000_000);
    assert_eq!(value(&outcome, "messages_delivered"), 10.0);
}

#[test]
fn a_sensor_that_is_still_measuring_serves_the_next_message_too() {
    // Five seconds each: the messages of 0.5 s to 5.5 s share one measurement, those up to 9.5 s the next.
    let outcome = outcome(&scenario(r#", "sensors": ["scd41"]"#, "", r#""over": "udp""#));
    assert_eq!(value(&outcome, "messages_delivered"), 10.0);
    let measured = ledger(&outcome, &["sensor:scd41", "measure"]).0;
    // From 0.5 s to 5.5 s and, since that of 5.5 s finds it done, from then until 10.5 s.
    assert_eq!(measured, 10_000_000_000);
}

#[test]
fn sealing_a_message_keeps_the_processors_of_both_ends_busy() {
    let bare = outcome(&scenario("", r#""hardware": "tmote-sky""#, r#""over": "udp""#));
    let sealed =
        outcome(&scenario("", r#""hardware": "tmote-sky""#, r#""over": "udp", "protection": "aes-128-ccm""#));
    // 2240 + 64 · 83 cycles at 64 MHz are 118 us at 3.3 mA, 3 V; 7900 + 64 · 264 at 4 MHz are 6.199 ms at 1.8 mA.
    let sent = ledger(&sealed, &["sensor", "mcu", "active", "cryptography", "up"]);
    assert_eq!(sent, (1_180_000, 1180 * 33 * 3 * NANOJOULE / 10));
    let taken = ledger(&sealed, &["gateway", "mcu", "active", "cryptography", "up"]);
    assert_eq!(taken, (61_990_000, 61_990 * 18 * 3 * NANOJOULE / 10));
    // The packet's own work follows without waking again at the sender; the message is read when it is opened: the
    // gateway's processor is awake then, since it has just taken the packet.
    let latency = value(&sealed, "latency_min_ns") - value(&bare, "latency_min_ns");
    assert_eq!(latency, 118_000.0 + 6_199_000.0);
    assert_eq!(value(&sealed, "messages_delivered"), 10.0);
}

#[test]
fn answers_are_protected_as_requests_are() {
    let text = scenario("", r#""hardware": "nrf52840-dk""#, r#""over": "udp", "protection": "hmac-sha-256""#).replacen(
        r#""periodic": { "message": "64 B", "every": "1 s", "start": "500 ms" }"#,
        r#""request-response": { "request": "64 B", "response": "16 B", "every": "1 s", "start": "500 ms" }"#,
        1,
    );
    let outcome = outcome(&text);
    assert_eq!(value(&outcome, "messages_delivered"), 10.0);
    // 7680 + 64 · 30 cycles for a request and 7680 + 16 · 30 for an answer, once at each end: 150 us and 127.5 us.
    for node in ["sensor", "gateway"] {
        assert_eq!(ledger(&outcome, &[node, "cryptography"]).0, 2_775_000, "{node}");
    }
}

#[test]
fn what_transports_compute_keeps_the_processor_busy_too() {
    let gateway = r#""hardware": "nrf52840-dk""#;
    // Multipath TCP: each end makes a key, and learns the other's; 1920 + 8 · 30 cycles at 64 MHz for each are 33.75 us.
    let multipath = outcome(&scenario("", gateway, r#""over": "mptcp""#));
    assert_eq!(value(&multipath, "messages_delivered"), 10.0);
    for node in ["sensor", "gateway"] {
        assert_eq!(ledger(&multipath, &[node, "cryptography"]).0, 67_500, "{node}");
    }
    // SCTP: the server makes a cookie of 54 bytes and an address of 5, and takes it: 7680 + 59 · 30 cycles, rounded up to
    // 147,657 ns, each time.
    let sctp = outcome(&scenario("", gateway, r#""over": "sctp""#));
    assert_eq!(value(&sctp, "messages_delivered"), 10.0);
    assert_eq!(ledger(&sctp, &["gateway", "cryptography"]).0, 2 * 147_657);
    assert_eq!(ledger(&sctp, &["sensor", "cryptography"]).0, 0);
}

#[test]
fn a_signature_takes_a_mote_seconds() {
    let text = scenario("", "", r#""over": "udp", "protection": "p-256-signature""#)
        .replacen("nrf52840-dk", "tmote-sky", 1)
        .replacen(
            "\"duration\": \"10 s\", \"drain\": \"1 s\"",
            "\"duration\": \"1 s\", \"drain\": \"20 s\"",
            1,
        );
    let outcome = outcome(&text);
    // 26,370,300 + 64 · 300 cycles at 4 MHz.
    assert_eq!(ledger(&outcome, &["cryptography"]).0, 6_597_375_000);
    assert!(value(&outcome, "latency_min_ns") > 6.597e9);
}

#[test]
fn a_battery_holds_less_in_the_cold() {
    let life = |temperature: &str| {
        let battery = format!(r#", "battery": {{ "profile": "cr2032", "model": "ideal" }}{temperature}"#);
        metric(&outcome(&scenario(&battery, "", r#""over": "udp""#)), "battery_life_ns")
            .expect("it has a battery")
    };
    let room = life("");
    assert_eq!(life(r#", "temperature": "23 °C""#), room);
    // 88 % of the capacity, and 40 % of the 256 nA that it loses by itself.
    let cold = life(r#", "temperature": "0 °C""#);
    assert!(cold > 0.88 * room && cold < 0.9 * room, "{} of it", cold / room);
    // Half way between 65 % and 88 %.
    let colder = life(r#", "temperature": "-10 °C""#);
    assert!((0.765..0.78).contains(&(colder / room)), "{} of it", colder / room);
}

/// One file beside the scenario.
struct OneFile(&'static str, String);

impl Files for OneFile {
    fn read(&self, name: &str) -> Result<String, String> {
        if name == self.0 { Ok(self.1.clone()) } else { Err("there is no such file".to_owned()) }
    }
}

#[test]
fn a_profile_in_a_file_beside_the_scenario_is_as_good_as_one_that_ships() {
    let part = r#"{ "about": "a thermometer", "rest": "off",
        "states": { "off": { "typical": "0 nA", "source": "made up" }, "on": { "typical": "1 mA", "source": "made up" } },
        "transitions": [ { "from": "off", "to": "on", "time": { "typical": "2 ms", "source": "made up" }, "current": { "typical": "500 uA", "source": "made up" } } ],
        "sample": { "state": "on", "time": { "typical": "10 ms", "source": "made up" } } }"#;
    let text = scenario(r#", "sensors": ["mine"]"#, "", r#""over": "udp""#).replacen(
        "\"nodes\"",
        r#""profiles": { "sensor": { "mine": "thermometer.json" } }, "nodes""#,
        1,
    );
    let files = OneFile("thermometer.json", part.to_owned());
    let plan = Plan::parse(text.as_bytes(), &Overrides::default(), &files)
        .unwrap_or_else(|mistakes| panic!("{}", render_lines(&mistakes, "test.json")));
    let report = run(&plan, &plan.point(0), 0, RunOptions::default(), &files);
    let outcome = report.outcome.expect("the run comes to its end");
    assert_eq!(ledger(&outcome, &["sensor:mine", "on"]), (100_000_000, 100_000 * 3 * NANOJOULE));
    assert_eq!(
        ledger(&outcome, &["sensor:mine", "off > on", "sample"]),
        (20_000_000, 20_000 * 3 * NANOJOULE / 2)
    );

    let files = OneFile("another.json", part.to_owned());
    let mistakes = Plan::parse(text.as_bytes(), &Overrides::default(), &files).unwrap_err();
    assert!(
        mistakes[0].message.contains("\"thermometer.json\" cannot be used: there is no such file"),
        "{mistakes:?}"
    );
    let files = OneFile("thermometer.json", part.replacen("\"sample\"", "\"smaple\"", 1));
    let mistakes = Plan::parse(text.as_bytes(), &Overrides::default(), &files).unwrap_err();
    assert!(mistakes[0].message.contains("unknown field `smaple`"), "{mistakes:?}");
}

#[test]
fn what_is_being_measured_when_the_power_fails_is_lost() {
    let text = scenario(r#", "sensors": ["sht31"]"#, "", r#""over": "udp""#).replacen(
        "\"nodes\"",
        r#""faults": [ { "at": "1505 ms", "node": "sensor", "set": { "reboot": { "off-time": "100 ms" } } } ], "nodes""#,
        1,
    );
    let outcome = outcome(&text);
    assert_eq!(value(&outcome, "messages_delivered"), 9.0);
    assert_eq!(ledger(&outcome, &["sensor:sht31", "measure"]).0, 9 * 12_500_000 + 5_000_000);
}
