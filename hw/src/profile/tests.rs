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
}

#[test]
fn the_cc2420_draws_what_its_datasheet_says() {
    // TI SWRS041: receive 18.8 mA, transmit 17.4 mA at 0 dBm.
    let radio = library().board("tmote-sky").unwrap().radio;
    assert_eq!(radio.spec.current(radio.receive), Current::from_microamps(18_800));
    assert_eq!(radio.spec.current(radio.transmit), Current::from_microamps(17_400));
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
    // two; the board's voltage.
    let figures = library().figures(Kind::Board, "tmote-sky");
    assert_eq!(figures, Figures { total: 22, unverified: 22 });
    assert_eq!(figures.total, 9 + 4 + 3 + 2 + 1 + 2 + 1);
}
