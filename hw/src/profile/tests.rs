//! Every profile that ships is whole; what is missing in another is named.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sim_core::electric::Charge;

use super::*;

fn library() -> Library {
    Library::default()
}

#[test]
fn every_profile_that_ships_can_be_used() {
    for name in library().names(Kind::Board) {
        let board = library().board(name).unwrap_or_else(|error| panic!("{error}"));
        let transmit = board.radio.spec.current(board.radio.transmit);
        assert!(transmit > board.radio.spec.current(board.radio.spec.rest), "{name}");
    }
    for name in library().names(Kind::Battery) {
        let battery = library().battery(name).unwrap_or_else(|error| panic!("{error}"));
        assert!(battery.cut_off < battery.nominal && battery.capacity > Charge::ZERO, "{name}");
    }
}

#[test]
fn the_catalogue_lists_every_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut files = BTreeSet::new();
    for kind in fs::read_dir(&folder).unwrap() {
        for file in fs::read_dir(kind.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            files.insert(
                path.strip_prefix(&folder).unwrap().with_extension("").to_string_lossy().into_owned(),
            );
        }
    }
    let listed: BTreeSet<String> =
        catalogue::FILES.iter().map(|(kind, name, _)| format!("{kind}/{name}")).collect();
    assert_eq!(files, listed);
    for kind in Kind::ALL {
        assert!(!library().names(kind).is_empty(), "{}", kind.name());
        for name in library().names(kind) {
            library().check(kind, name).unwrap_or_else(|error| panic!("{error}"));
            assert!(library().figures(kind, name).total > 0, "{name}");
        }
    }
}

/// The current of a state in µA, as the head of a datasheet gives it.
fn microamps(kind: Kind, name: &str, state: &str) -> f64 {
    let spec = match kind {
        Kind::Radio => library().radio(name).unwrap().spec,
        Kind::Mcu => library().mcu(name).unwrap().spec,
        Kind::Sensor => library().sensor(name).unwrap().spec,
        Kind::Board | Kind::Battery => unreachable!("they have no states"),
    };
    let state = spec.state(state).unwrap_or_else(|| panic!("{name} has no state {state}"));
    spec.current(state).as_nanoamps() as f64 / 1000.0
}

#[test]
fn the_cc2420_draws_what_its_datasheet_says() {
    // TI SWRS041: receive 18.8 mA, transmit 17.4 mA at 0 dBm.
    let radio = library().board("tmote-sky").unwrap().radio;
    assert_eq!(radio.spec.current(radio.receive), Current::from_microamps(18_800));
    assert_eq!(radio.spec.current(radio.transmit), Current::from_microamps(17_400));
}

#[test]
fn parts_draw_what_their_datasheets_head_with() {
    // The figure that each document puts first, in µA. Those from documents that nobody has read here say so in their
    // profile; this holds the profiles against the list in which they were looked up, not against the documents.
    use Kind::{Mcu, Radio, Sensor};
    let headlines = [
        (Radio, "cc2420", "receive", 18_800.0),        // TI SWRS041C: RX 18.8 mA
        (Radio, "cc2420", "transmit 0 dBm", 17_400.0), // TX 17.4 mA
        (Radio, "cc2538", "receive", 20_000.0),        // TI SWRS096D: active mode RX 20 mA
        (Radio, "cc2538", "transmit 0 dBm", 24_000.0), // active mode TX at 0 dBm 24 mA
        (Radio, "nrf52840", "transmit 0 dBm", 6_400.0), // Nordic PS v1.1: 6.40 mA at 0 dBm
        (Radio, "nrf52840", "receive", 6_530.0),       // 6.53 mA at 1 Mbit/s
        (Radio, "stm32wb55", "receive", 4_500.0),      // ST DS11929: RX 4.5 mA
        (Radio, "stm32wb55", "transmit 0 dBm", 5_200.0), // TX at 0 dBm 5.2 mA
        (Radio, "esp32", "transmit 19.5 dBm", 240_000.0), // Espressif ESP32: 802.11b at 19.5 dBm 240 mA
        (Radio, "sx1262", "receive", 4_600.0),         // Semtech SX1261/2: 4.6 mA of active receive current
        (Radio, "sx1262", "transmit 22 dBm", 118_000.0), // 118 mA at +22 dBm
        (Radio, "sx1276", "receive", 9_900.0),         // Semtech SX1276: RX current of 9.9 mA
        (Radio, "sx1276", "sleep", 0.2),               // 200 nA register retention
        (Radio, "nrf9160-lte-m", "sleep", 2.7),        // Nordic: PSM floor 2.7 uA
        (Radio, "bg96-lte-m", "sleep", 10.0),          // Quectel: PSM 10 uA
        (Mcu, "msp430f1611", "active", 1_800.0),       // Moteiv Tmote Sky: MCU on, radio off 1.8 mA
        (Mcu, "msp430f2617", "active", 10_000.0),      // Contiki-NG tutorial: CPU 10 mA
        (Mcu, "msp430f2617", "sleep", 23.0),           // LPM 23 uA
        (Mcu, "nrf52840", "active", 3_300.0),          // 52 uA/MHz at 64 MHz
        (Mcu, "cc2538", "sleep", 1.3),                 // TI SWRS096D: power mode 2 1.3 uA
        (Sensor, "sht31", "measure", 600.0),           // Sensirion SHT3x-DIS: 600 uA measuring
        (Sensor, "bme280", "measure", 714.0),          // Bosch BME280: 714 uA during the pressure
        (Sensor, "tmp117", "measure", 135.0),          // TI TMP117: 135 uA active
    ];
    for (kind, name, state, wanted) in headlines {
        assert_eq!(microamps(kind, name, state), wanted, "{name}, {state}");
    }
    let capacities = [("cr2032", 225), ("er14505", 2400), ("2xaa-lithium", 3000), ("2xaa-alkaline", 2500)];
    for (name, milliamp_hours) in capacities {
        let battery = library().battery(name).unwrap();
        assert_eq!(battery.capacity, Charge::from_milliamp_hours(milliamp_hours), "{name}");
    }
}

#[test]
fn a_processor_takes_its_cycles_for_cryptography_too() {
    // 994,000 cycles for a multiplication on P-256 at 64 MHz: 15.53125 ms, "less than 16 ms" as its author says.
    let mcu = library().mcu("nrf52840").unwrap();
    let multiply = mcu.cryptography["p-256-multiply"];
    assert_eq!(mcu.operation_time(multiply, 0), SimDuration::from_nanos(15_531_250));
    // 4,457,000 cycles on a Cortex-M0 at 16 MHz: "279 ms".
    let mcu = library().mcu("stm32l072").unwrap();
    let time = mcu.operation_time(mcu.cryptography["p-256-multiply"], 0);
    assert_eq!(time.as_nanos() / 1_000_000, 278);
    // 132 cycles a byte of AES-128 on an MSP430, twice for CCM, at 4 MHz: 66 us a byte.
    let mcu = library().mcu("msp430f1611").unwrap();
    let seal = mcu.cryptography["aes-128-ccm"];
    let byte = mcu.operation_time(seal, 101) - mcu.operation_time(seal, 100);
    assert_eq!(byte, SimDuration::from_micros(66));
}

#[test]
fn a_battery_is_described_between_the_temperatures_of_its_profile() {
    let room = library().battery("cr2032").unwrap();
    assert_eq!(room.temperature_range(), Some((-20, 60)));
    let same = room.at_temperature(23_000).unwrap();
    assert_eq!((same.capacity, same.resistance_milliohms), (room.capacity, room.resistance_milliohms));
    // Half way from -20 °C (65 %, 300 %) to 0 °C (88 %, 170 %).
    let cold = room.at_temperature(-10_000).unwrap();
    assert_eq!(cold.capacity, Charge::from_attocoulombs(room.capacity.as_attocoulombs() / 1000 * 765));
    assert_eq!(cold.resistance_milliohms, 15_000 * 2350 / 1000);
    for outside in [-20_001, 60_001, i32::MAX, i32::MIN] {
        assert_eq!(room.at_temperature(outside), None);
    }
    assert_eq!(library().battery("supercapacitor-10f").unwrap().at_temperature(20_000), None);
}

#[test]
fn self_discharge_is_a_share_of_the_capacity_in_a_year() {
    // 1 % of 225 mAh over 8760 h: 256.8 nA, rounded down.
    assert_eq!(library().battery("cr2032").unwrap().self_discharge, Current::from_nanoamps(256));
}

#[test]
fn a_processor_works_for_its_cycles() {
    // 3000 + 100 · 20 = 5000 cycles at 4 MHz: 1.25 ms.
    assert_eq!(library().board("tmote-sky").unwrap().mcu.packet_time(100), SimDuration::from_micros(1250));
}

#[test]
fn what_a_profile_lacks_is_named() {
    let good = library().text(Kind::Radio, "cc2420").map(str::to_owned).unwrap();
    let bad = [
        (good.replacen("\"source\"", "\"sauce\"", 1), "unknown field `sauce`"),
        (good.replacen("\"20 nA\"", "\"20 nV\"", 1), "units nA, uA, mA, A"),
        (good.replacen("\"20 nA\"", "\"0.5 nA\"", 1), "finer than the smallest step"),
        (good.replacen("\"from\": \"sleep\"", "\"from\": \"slep\"", 1), "no state `slep`"),
        (good.replacen("\"from\": \"sleep\"", "\"from\": \"receive\"", 2), "from `receive` to itself"),
        (good.replacen("\"listen\"", "\"lists\"", 1), "no state `listen`"),
        (good.replacen("\"20 nA\"", "\"200 A\"", 1).replacen("\"1 uA\"", "\"200 A\"", 1), "at most 100 A"),
        (good.replacen("\"1.052 ms\"", "\"2000 min\"", 1), "at most a day"),
        (good.replacen("\"1 uA\"", "\"1 nA\"", 1), "below its typical value"),
    ];
    for (text, complaint) in bad {
        let error = radio_from("bad", &text).unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}, wanted {complaint}");
    }
    let sensor = library().text(Kind::Sensor, "sht31").map(str::to_owned).unwrap();
    let mcu = library().text(Kind::Mcu, "nrf52840").map(str::to_owned).unwrap();
    let battery = library().text(Kind::Battery, "cr2032").map(str::to_owned).unwrap();
    let others = [
        (
            sensor_from("bad", &sensor.replacen("\"12.5 ms\"", "\"0 ms\"", 1)).map(drop),
            "a sample takes some time",
        ),
        (
            sensor_from("bad", &sensor.replacen("\"rest\": \"idle\"", "\"rest\": \"measure\"", 1)).map(drop),
            "in another state",
        ),
        (mcu_from("bad", &mcu.replacen("\"64 MHz\"", "\"64 Hz\"", 1)).map(drop), "at least 10 kHz"),
        (
            mcu_from(
                "bad",
                &mcu.replacen("\"994000 cycles\"", "\"994000000000 cycles\"", 1).replacen(
                    "\"1108000 cycles\"",
                    "\"994000000000 cycles\"",
                    1,
                ),
            )
            .map(drop),
            "cryptography.p-256-multiply` is at most",
        ),
        (radio_from("bad", &sensor).map(drop), "`sample` has no meaning for a radio"),
        (
            battery_from("bad", &battery.replacen("\"at\": 0", "\"at\": -20", 1)).map(drop),
            "two points or more that ascend",
        ),
        (battery_from("bad", &battery.replacen("\"65 %\"", "\"65\"", 1)).map(drop), "units ppm, %"),
        (battery_from("bad", &battery.replacen("\"65 %\"", "\"0 %\"", 1)).map(drop), "shares from 0.1 %"),
    ];
    for (result, complaint) in others {
        let error = result.expect_err(complaint).to_string();
        assert!(error.contains(complaint), "{error}, wanted {complaint}");
    }
    let bare = good.replacen(
        "\"source\": \"TI SWRS041C, electrical specifications, 3.0 V, 25 °C: voltage regulator off\",",
        "",
        1,
    );
    assert_ne!(bare, good);
    assert!(radio_from("bad", &bare).unwrap_err().to_string().contains("has no `source`"));
}

#[test]
fn figures_that_nobody_read_are_counted() {
    // CC2420: nine states, two transitions of two figures; MSP430F1611: three states, one transition, clock, work of
    // two; the board's voltage; of six cryptographic operations eleven. Three currents of the CC2420 have been read.
    let figures = library().figures(Kind::Board, "tmote-sky");
    assert_eq!(figures, Figures { total: 33, unverified: 30 });
    assert_eq!(figures.total, 9 + 4 + 3 + 2 + 1 + 2 + 1 + 11);
}
