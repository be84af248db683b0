//! What nodes draw, from the scenario file to the lines of the result files, against figures worked out by hand.

mod lab;

use std::collections::BTreeMap;

use lab::{metric, outcome_with};
use scenarios::language::{NoFiles, Overrides, Plan};
use scenarios::run::{Outcome, RunOptions};

/// One sensor and one gateway on a link of 250 kbit/s, ten seconds long.
fn scenario(sensor: &str, link: &str, over: &str) -> String {
    format!(
        r#"{{ "name": "test", "duration": "10 s", "drain": "0 s",
          "nodes": {{ "sensor": {{ {sensor} }}, "gateway": {{ "hardware": "tmote-sky", "radio-rest": "listen" }} }},
          "links": [ {{ "name": "air", "between": ["sensor", "gateway"], "rate": "250 kbit/s", "delay": "1 us",
                        "framing": "ppp"{link} }} ],
          "traffic": [ {{ "name": "up", "from": "sensor", "to": "gateway", "over": "{over}",
                          "workload": {{ "periodic": {{ "message": "64 B", "every": "1 s", "start": "500 ms" }} }} }} ] }}"#
    )
}

fn outcome(sensor: &str, link: &str, over: &str) -> Outcome {
    outcome_with(&scenario(sensor, link, over), RunOptions::default())
}

const SENSOR: &str = r#""hardware": "nrf52840-dk", "battery": "cr2032""#;

/// Time in ns and energy in zJ of the ledger's lines of `node` that hold all of `words`, added up.
fn ledger(outcome: &Outcome, node: &str, words: &[&str]) -> (u128, u128) {
    let mut sum = (0, 0);
    for line in outcome.rows["ledger.csv"].lines() {
        let cells: Vec<&str> = line.split(',').collect();
        if cells[1] == node && words.iter().all(|word| cells.contains(word)) {
            sum.0 += cells[7].parse::<u128>().expect("time is whole");
            sum.1 += cells[8].parse::<u128>().expect("energy is whole");
        }
    }
    sum
}

fn node_cell(outcome: &Outcome, node: &str, column: &str) -> f64 {
    let plan = Plan::parse(scenario(SENSOR, "", "udp").as_bytes(), &Overrides::default(), &NoFiles);
    let headers: BTreeMap<_, _> =
        scenarios::results::headers(&plan.expect("it is right")).into_iter().collect();
    let index = headers["nodes.csv"].trim_end().split(',').position(|name| name == column);
    let line = outcome.rows["nodes.csv"].lines().find(|line| line.split(',').nth(1) == Some(node));
    let cell = line.expect("the node has a line").split(',').nth(index.expect("there is such a column"));
    cell.expect("lines are as long as their header").parse().expect("it is a number")
}

/// 1 mA · 1 V · 1 µs = 1 nJ = 10^12 zJ.
const NANOJOULE: u128 = 1_000_000_000_000;

#[test]
fn a_datagram_costs_its_time_on_the_air_and_the_way_out_of_sleep() {
    let outcome = outcome(SENSOR, "", "udp");
    // 64 + 8 + 20 + 2 = 94 B at 250 kbit/s: 3008 us, ten times. nRF52840: 6.4 mA, 3 V.
    let sent = ledger(&outcome, "sensor", &["radio", "transmit 0 dBm"]);
    assert_eq!(sent, (30_080_000, 30_080 * 64 * 3 * NANOJOULE / 10));
    // By bytes: 64 of 94 are the application's.
    assert_eq!(ledger(&outcome, "sensor", &["application", "data"]).0, 20_480_000);
    assert_eq!(ledger(&outcome, "sensor", &["network", "header"]).0, 6_400_000);
    // 130 us of ramp-up at 1.5 mA.
    assert_eq!(
        ledger(&outcome, "sensor", &["radio", "wake-up"]),
        (1_300_000, 1300 * 15 * 3 * NANOJOULE / 10)
    );
    // The rest of 10 s asleep, where this radio draws nothing.
    assert_eq!(ledger(&outcome, "sensor", &["radio", "sleep"]), (10_000_000_000 - 30_080_000 - 1_300_000, 0));
    // 1 % of 225 mAh in a year are 256 nA.
    let lost = ledger(&outcome, "sensor", &["battery", "self-discharge"]);
    assert_eq!(lost, (10_000_000_000, 256 * 3000 * 10_000_000_000));
}

#[test]
fn the_receiver_pays_for_what_it_takes_in_and_for_listening() {
    let outcome = outcome(SENSOR, "", "udp");
    // CC2420: 18.8 mA at 3 V, receiving or listening.
    let received = ledger(&outcome, "gateway", &["radio", "receive"]);
    assert_eq!(received, (30_080_000, 30_080 * 188 * 3 * NANOJOULE / 10));
    let listened = ledger(&outcome, "gateway", &["radio", "idle-listening"]);
    assert_eq!(listened, (9_969_920_000, 9_969_920 * 188 * 3 * NANOJOULE / 10));
}

#[test]
fn a_lost_frame_costs_its_sender_alone() {
    let outcome = outcome(SENSOR, r#", "forward": { "loss": { "packets": [1, 2, 3, 4] } }"#, "udp");
    assert_eq!(ledger(&outcome, "sensor", &["radio", "transmit 0 dBm"]).0, 30_080_000);
    assert_eq!(ledger(&outcome, "gateway", &["radio", "receive"]).0, 6 * 3_008_000);
    let per_message = metric(&outcome, "energy_per_message_j").expect("six are delivered");
    let energy = metric(&outcome, "energy_j").expect("the sender has hardware");
    assert_eq!(per_message, energy / 6.0);
}

#[test]
fn an_exchange_costs_what_its_sender_draws_for_each_answer() {
    // The first two reports are lost, each of which is answered after its repetition; 10 reports in 10 s.
    let outcome = outcome(SENSOR, r#", "forward": { "loss": { "packets": [1, 3] } }"#, "coap/udp");
    let energy = metric(&outcome, "energy_j").expect("the sender has hardware");
    let answered = metric(&outcome, "messages_delivered").expect("messages") as u32;
    let failed = metric(&outcome, "session_failed").expect("a session");
    assert_eq!((answered > 0, failed), (true, 0.0));
    assert_eq!(metric(&outcome, "energy_per_exchange_j"), Some(energy / f64::from(answered)));
    let plain = self::outcome(SENSOR, "", "udp");
    assert_eq!(metric(&plain, "energy_per_exchange_j"), None, "UDP has no exchanges");
}

#[test]
fn every_unit_of_the_ledger_was_drawn_from_the_battery() {
    for (over, link) in [
        ("udp", ""),
        ("tcp", r#", "loss": "20 %""#),
        ("coap/udp", r#", "loss": "10 %""#),
        ("tcp", r#", "queue": { "codel": {} }"#),
    ] {
        let outcome = outcome(SENSOR, link, over);
        let (_, energy) = ledger(&outcome, "sensor", &["sensor"]);
        let charge = node_cell(&outcome, "sensor", "charge_drawn_c");
        assert_eq!(node_cell(&outcome, "sensor", "energy_j"), energy as f64 / 1e21, "{over}");
        assert!((charge * 3.0 / (energy as f64 / 1e21) - 1.0).abs() < 1e-12, "{over}: {charge} C");
        for part in ["mcu", "radio", "battery"] {
            assert_eq!(ledger(&outcome, "sensor", &[part]).0, 10_000_000_000, "{part} over {over}");
        }
    }
}

#[test]
fn tcp_pays_for_its_handshake_its_acknowledgements_and_what_it_sends_again() {
    let outcome = outcome(SENSOR, r#", "forward": { "loss": { "packets": [3, 4] } }"#, "tcp");
    for cause in ["handshake", "data", "header", "acknowledgement", "retransmission"] {
        assert!(ledger(&outcome, "sensor", &["radio", cause]).1 > 0, "{cause}");
    }
    // What comes back is received by the sensor: the SYN-ACK and the acknowledgements, 40 B or more with 2 of framing.
    assert!(ledger(&outcome, "sensor", &["radio", "receive", "acknowledgement"]).0 >= 8 * 42 * 32_000);
    assert!(ledger(&outcome, "sensor", &["radio", "receive", "handshake"]).0 >= 42 * 32_000);
}

#[test]
fn a_managed_queue_and_a_drop_tail_queue_keep_the_radio_on_alike() {
    let burst = r#", "queue": "100 packets""#;
    let tail = outcome(SENSOR, burst, "tcp");
    let managed = outcome(SENSOR, r#", "queue": { "codel": { "limit": "100 packets" } }"#, "tcp");
    let sent = |outcome: &Outcome| ledger(outcome, "sensor", &["radio", "transmit 0 dBm"]);
    assert_eq!(sent(&tail), sent(&managed));
}

#[test]
fn frames_that_an_outage_voids_before_they_begin_cost_nothing() {
    // Five datagrams of 1000 B handed over at 1 s; the link goes down in the middle of the third.
    let text = r#"{ "name": "test", "duration": "10 s", "drain": "0 s",
      "nodes": { "sensor": { "hardware": "nrf52840-dk", "battery": "cr2032" }, "gateway": { "hardware": "tmote-sky" } },
      "links": [ { "name": "air", "between": ["sensor", "gateway"], "rate": "250 kbit/s", "framing": "none" } ],
      "traffic": [ { "from": "sensor", "to": "gateway", "over": "udp",
                     "workload": { "trace": [["1 s", "972 B"], ["1 s", "972 B"], ["1 s", "972 B"], ["1 s", "972 B"], ["1 s", "972 B"]] } } ],
      "faults": [ { "at": "1080 ms", "until": "2 s", "link": "air", "set": { "down": true } } ] }"#;
    let outcome = outcome_with(text, RunOptions::default());
    // 32 ms a frame: two are through at 1.064 s, the third has begun and is sent to its end.
    assert_eq!(ledger(&outcome, "sensor", &["radio", "transmit 0 dBm"]).0, 96_000_000);
    assert_eq!(ledger(&outcome, "gateway", &["radio", "receive"]).0, 96_000_000);
}

#[test]
fn a_node_that_is_switched_off_draws_nothing_but_what_its_battery_loses() {
    let text = scenario(SENSOR, "", "udp").replacen(
        "\"duration\"",
        r#""faults": [ { "at": "2 s", "node": "sensor", "set": { "reboot": { "off-time": "5 s" } } } ], "duration""#,
        1,
    );
    let outcome = outcome_with(&text, RunOptions::default());
    for part in ["mcu", "radio"] {
        assert_eq!(ledger(&outcome, "sensor", &[part, "unpowered"]), (5_000_000_000, 0), "{part}");
    }
    assert_eq!(ledger(&outcome, "sensor", &["battery", "self-discharge"]).0, 10_000_000_000);
}

#[test]
fn an_interface_may_have_a_radio_of_its_own_and_a_profile_of_the_file_is_as_good_as_one_that_ships() {
    let text = r#"{ "name": "test", "duration": "10 s", "drain": "0 s",
      "profiles": {
        "radio": { "mine": {
          "about": "a radio for this test",
          "states": {
            "off": { "typical": "0 nA", "source": "made up" },
            "sleep": { "typical": "1 uA", "source": "made up" },
            "idle": { "typical": "1 mA", "source": "made up" },
            "listen": { "typical": "8 mA", "source": "made up" },
            "receive": { "typical": "10 mA", "source": "made up" },
            "transmit 14 dBm": { "typical": "40 mA", "source": "made up" } },
          "rest": "sleep", "transmit": "transmit 14 dBm" } } },
      "nodes": { "sensor": { "hardware": "nrf52840-dk", "interfaces": { "far": { "radio": "mine" } } }, "gateway": {} },
      "links": [ { "name": "air", "between": ["sensor/far", "gateway"], "rate": "50 kbit/s", "framing": "none" } ],
      "traffic": [ { "from": "sensor", "to": "gateway", "over": "udp",
                     "workload": { "periodic": { "message": "22 B", "every": "1 s" } } } ] }"#;
    let outcome = outcome_with(text, RunOptions::default());
    // 50 B at 50 kbit/s: 8 ms; 40 mA at the board's 3 V, since it hangs on the mains.
    let sent = ledger(&outcome, "sensor", &["radio:far", "transmit 14 dBm"]);
    assert_eq!(sent, (80_000_000, 80_000 * 40 * 3 * NANOJOULE));
    assert_eq!(ledger(&outcome, "sensor", &["radio"]).0, 10_000_000_000, "the board's own radio sleeps on");
    assert_eq!(metric(&outcome, "battery_life_ns"), None);
}

#[test]
fn a_battery_lasts_as_long_as_its_capacity_at_the_mean_current() {
    let ideal = r#""hardware": "nrf52840-dk", "battery": { "profile": "cr2032", "charge": "50 %", "model": "ideal" }"#;
    let outcome = outcome(ideal, "", "udp");
    let life = metric(&outcome, "battery_life_ns").expect("it has a battery") / 1e9;
    let mean = node_cell(&outcome, "sensor", "charge_drawn_c") / 10.0;
    // Half of 225 mAh; the mean current is rounded down to whole nanoamperes.
    let wanted = 0.5 * 0.225 * 3600.0 / mean;
    assert!((life / wanted - 1.0).abs() < 1e-4, "{life} s, not {wanted} s");
}

#[test]
fn a_processor_delays_what_it_works_on_and_draws_for_it() {
    let outcome = outcome(SENSOR, "", "udp");
    // 3000 + 20 · 92 = 4840 cycles. nRF52840, 64 MHz: 75.625 us after 3 us to wake; MSP430, 4 MHz: 1210 us after 6 us.
    // On the air 3008 us, and 1 us of delay.
    assert_eq!(metric(&outcome, "latency_min_ns"), Some(78_625.0 + 3_008_000.0 + 1_000.0 + 1_216_000.0));
    assert_eq!(metric(&outcome, "latency_max_ns"), metric(&outcome, "latency_min_ns"));
    // 3.3 mA at 3 V.
    let worked = ledger(&outcome, "sensor", &["mcu", "active", "up", "compute"]);
    assert_eq!(worked, (756_250, 756_250 * 3_300_000 * 3000));
    assert_eq!(ledger(&outcome, "sensor", &["mcu", "wake-up"]).0, 30_000);
    assert_eq!(ledger(&outcome, "gateway", &["mcu", "active", "up", "compute"]).0, 12_100_000);
}

/// A battery of `capacity` that can be charged, at 3 V without resistance or losses, for the node `sensor`.
fn tiny(capacity: &str, sensor: &str, over: &str, seconds: u32) -> String {
    let figure = |value: &str| format!(r#"{{ "typical": "{value}", "source": "made up" }}"#);
    let (volts, cut_off, ohms) = (figure("3 V"), figure("2 V"), figure("0 ohm"));
    let (charge, lost) = (figure(capacity), figure("0 %"));
    format!(
        r#"{{ "name": "test", "duration": "{seconds} s", "drain": "0 s",
          "profiles": {{ "battery": {{ "tiny": {{ "about": "?", "capacity": {charge}, "voltage": {volts}, "cut-off": {cut_off},
            "resistance": {ohms}, "curve": {{ "points": [[1, 3000], [0, 3000]], "source": "made up" }},
            "self-discharge": {lost}, "rechargeable": true }} }} }},
          "nodes": {{ "sensor": {{ "hardware": "nrf52840-dk", "radio-rest": "listen", {sensor} }}, "gateway": {{}} }},
          "links": [ {{ "between": ["sensor", "gateway"], "rate": "250 kbit/s", "delay": "1 us", "framing": "ppp" }} ],
          "traffic": [ {{ "name": "up", "from": "sensor", "to": "gateway", "over": "{over}",
                          "workload": {{ "periodic": {{ "message": "64 B", "every": "1 s", "start": "900 ms" }} }} }} ] }}"#
    )
}

#[test]
fn a_node_stops_at_the_nanosecond_at_which_its_battery_does() {
    // 1 uAh are 3.6 mC; listening takes 6.53 mA and sleep 3.16 uA: 551.035 027 459 ms, and then nothing any more.
    let outcome = outcome_with(&tiny("1 uAh", r#""battery": "tiny""#, "udp", 10), RunOptions::default());
    let life = 3_600_000_000_000_000_u64.div_ceil(6_533_160);
    assert_eq!(metric(&outcome, "battery_life_ns"), Some(life as f64));
    assert_eq!(ledger(&outcome, "sensor", &["radio", "unpowered"]).0, 10_000_000_000 - u128::from(life));
    assert_eq!(metric(&outcome, "messages_generated"), Some(0.0));
    assert_eq!(node_cell(&outcome, "sensor", "battery_left_fraction"), 0.0);
}

#[test]
fn a_node_that_its_harvester_has_charged_again_goes_on() {
    for over in ["udp", "tcp", "coap/udp"] {
        // 10 uAh last 5.5 s. 3 mW at 3 V are 1 mA: after a minute there is more than a tenth.
        let sensor = r#""battery": "tiny", "harvester": "3 mW""#;
        let text = tiny("10 uAh", sensor, over, 100);
        let outcome = outcome_with(&text, RunOptions::default());
        let off = ledger(&outcome, "sensor", &["radio", "unpowered"]).0;
        assert!((80_000_000_000..95_000_000_000).contains(&off), "off for {off} ns over {over}");
        let delivered = metric(&outcome, "messages_delivered").expect("it is counted");
        assert!((8.0..16.0).contains(&delivered), "{delivered} over {over}: some before, some after");
        let charge = node_cell(&outcome, "sensor", "charge_harvested_c");
        assert!(charge > 0.036 && charge < 0.1, "{charge} C over {over}");
        let watched = outcome_with(&text, RunOptions { capture: true, trace: true, series: true });
        assert_eq!(outcome.rows, watched.rows, "{over}");
    }
}

#[test]
fn a_pulse_that_a_battery_cannot_carry_ends_its_node_where_the_pulse_begins() {
    // ESP32: the first transmission is too much for the 15 ohm of a coin cell.
    let outcome = outcome(r#""hardware": "esp32", "battery": "cr2032""#, "", "udp");
    assert_eq!(metric(&outcome, "messages_delivered"), Some(0.0));
    let life = metric(&outcome, "battery_life_ns").expect("it has a battery");
    assert!((0.5e9..0.51e9).contains(&life), "{life} ns: the first message is generated at 500 ms");
}

#[test]
fn a_year_of_hourly_messages_takes_few_events() {
    let text = scenario(SENSOR, "", "udp")
        .replacen("\"duration\": \"10 s\"", "\"duration\": \"364 d\"", 1)
        .replacen("\"every\": \"1 s\"", "\"every\": \"1 h\"", 1);
    let outcome = outcome_with(&text, RunOptions::default());
    assert_eq!(metric(&outcome, "messages_delivered"), Some(364.0 * 24.0));
    // Four or five a message: its generation, both processors, the arrival; and a look at the battery now and then.
    assert!(outcome.stats.events < 6 * 364 * 24, "{} events", outcome.stats.events);
}

#[test]
fn looking_on_changes_nothing_and_says_the_same() {
    for over in ["udp", "tcp"] {
        let text = scenario(SENSOR, r#", "loss": "10 %""#, over);
        let alone = outcome_with(&text, RunOptions::default());
        let watched = outcome_with(&text, RunOptions { capture: true, trace: true, series: true });
        assert_eq!(alone.digest, watched.digest, "{over}");
        assert_eq!(alone.rows, watched.rows, "{over}");
    }
}
