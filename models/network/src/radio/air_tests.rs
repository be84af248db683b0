//! What radios make of overlapping frames, by hand.

use super::super::propagation::LinkTable;
use super::*;
use sim_core::random::RunSeed;

const NOISE_DBM: f64 = -100.0;

/// Radios of 0 dBm whose links, by numbers from 0, lose so many decibels.
fn air(radios: u32, links: &[(u32, u32, f64)]) -> Air {
    let mut table = LinkTable::default();
    for &(from, to, loss_db) in links {
        table.set(from, to, Gain::from_db(-loss_db));
    }
    air_with(Propagation::Table(table), (0..radios).map(|_| Position::default()).collect())
}

fn air_with(propagation: Propagation, places: Vec<Position>) -> Air {
    let radios = places.into_iter().enumerate().map(|(number, position)| Radio {
        name: format!("r{number}").into(),
        position,
        power: Power::from_dbm(0.0),
        sensitivity: Power::from_dbm(-95.0),
        busy_above: Power::from_dbm(-77.0),
        channel: 11,
        track: None,
    });
    let channel = Channel {
        propagation,
        noise: Power::from_dbm(NOISE_DBM),
        capture: Gain::from_db(3.0),
        rejection: Rejection::PERFECT,
    };
    Air::new(channel, Phy::O_QPSK_2450, radios.collect(), &Streams::new(RunSeed::new(3, 0)))
}

fn us(micros: u64) -> SimTime {
    SimTime::from_micros(micros)
}

const FRAME: SimDuration = SimDuration::from_micros(4256);

#[test]
fn a_lone_frame_is_received_where_it_is_strong_enough() {
    let mut air = air(3, &[(0, 1, 90.0), (0, 2, 96.0)]);
    let frame = air.begin(us(0), 0, FRAME);
    assert_eq!(air.receive(frame, 1), Fate::Received);
    assert_eq!(air.receive(frame, 2), Fate::BelowSensitivity);
}

#[test]
fn the_stronger_of_two_survives_if_it_comes_first_or_within_the_other_s_start() {
    // At 2, radio 0 is 20 dB stronger than 1.
    let links = [(0, 2, 60.0), (1, 2, 80.0)];
    for (first, second, gap, fates) in [
        (0, 1, 1000, [Fate::Received, Fate::Collision]),
        // The weak one's synchronisation header is drowned: the receiver is free for the strong one.
        (1, 0, 100, [Fate::Collision, Fate::Received]),
        // The receiver is busy with the weak one, which is then drowned: both are lost.
        (1, 0, 1000, [Fate::Collision, Fate::Collision]),
    ] {
        let mut air = air(3, &links);
        let one = air.begin(us(0), first, FRAME);
        let other = air.begin(us(gap), second, FRAME);
        assert_eq!([air.receive(one, 2), air.receive(other, 2)], fates, "{first} first by {gap} us");
    }
}

#[test]
fn interference_counts_for_the_time_in_which_it_lasts() {
    // Equally strong: SINR 1 less noise of -40 dB; bit error rate 1.6e-4 by the standard's formula. An overlap of 100 bits
    // spoils 1.6 % of the frames, one of 900 bits 13.5 %.
    for (gap, low, high) in [(3856, 0.010, 0.024), (656, 0.11, 0.16)] {
        let mut lost = 0;
        let mut air = air(3, &[(0, 2, 60.0), (1, 2, 60.0)]);
        air.channel.capture = Gain::from_db(-0.1);
        for n in 0..4000 {
            let frame = air.begin(us(n * 100_000), 0, FRAME);
            air.begin(us(n * 100_000 + gap), 1, FRAME);
            lost += u32::from(air.receive(frame, 2) == Fate::Collision);
        }
        // 4000 trials: deviation of the share 0.2 % and 0.54 %; about four of them.
        let share = f64::from(lost) / 4000.0;
        assert!(share > low && share < high, "{share} after {gap} us");
    }
}

#[test]
fn an_equal_signal_spoils_what_it_overlaps_by_a_bit() {
    for (loss_db, fate) in [(60.0, Fate::Collision), (62.9, Fate::Collision), (63.1, Fate::Received)] {
        let mut air = air(3, &[(0, 2, 60.0), (1, 2, loss_db)]);
        let frame = air.begin(us(0), 0, FRAME);
        air.begin(us(4252), 1, FRAME);
        assert_eq!(air.receive(frame, 2), fate, "{loss_db}");
    }
}

#[test]
fn noise_alone_spoils_frames_as_often_as_the_bit_error_rate_says() {
    // -96.5 + 3.5 = SNR of 3.5 dB would be flawless; a receiver of -99 dBm is needed to see errors: SNR 3.0 dB and
    // 8.2e-9 a bit is one frame in 10^5. So capture at 0 dB and SNR 1 dB: ratio 1.2589.
    let mut air = air(2, &[(0, 1, 99.0)]);
    air.channel.capture = Gain::from_db(0.0);
    air.stations[1].radio.sensitivity = Power::from_dbm(-99.5);
    let expected = math::exp(log_success(Gain::from_db(1.0), 1024.0));
    assert!((air.delivery(0, 1, 127, us(0)) - expected).abs() < 1e-12);
    let mut received = 0;
    for n in 0..4000 {
        let frame = air.begin(us(n * 100_000), 0, FRAME);
        match air.receive(frame, 1) {
            Fate::Received => received += 1,
            fate => assert_eq!(fate, Fate::Noise),
        }
    }
    let share = f64::from(received) / 4000.0;
    let deviation = (expected * (1.0 - expected) / 4000.0).sqrt();
    assert!((share - expected).abs() < 4.0 * deviation, "{share} instead of {expected}");
    assert!(received < 4000, "{expected}");
}

#[test]
fn who_sends_or_turns_hears_nothing() {
    for (own, fate) in [(0, Fate::HalfDuplex), (4448 - 1, Fate::HalfDuplex), (4448, Fate::Received)] {
        // A frame of 1's that ended 192 µs before leaves it free.
        let mut air = air(2, &[(0, 1, 60.0)]);
        air.begin(us(0), 1, FRAME);
        let frame = air.begin(us(own), 0, FRAME);
        assert_eq!(air.receive(frame, 1), fate, "{own} us");
    }
    let mut air = air(2, &[(0, 1, 60.0)]);
    let frame = air.begin(us(0), 0, FRAME);
    air.turn_to_send(us(4000), 1);
    assert_eq!(air.receive(frame, 1), Fate::HalfDuplex);
}

#[test]
fn other_channels_and_radios_that_are_off_hear_nothing() {
    let mut air = air(3, &[(0, 1, 60.0), (0, 2, 60.0)]);
    air.tune(us(0), 1, 12);
    let frame = air.begin(us(10), 0, FRAME);
    air.set_on(us(100), 2, false);
    air.set_on(us(200), 2, true);
    assert_eq!([air.receive(frame, 1), air.receive(frame, 2)], [Fate::RadioOff, Fate::RadioOff]);
    assert!(!air.is_busy(1, us(100), us(228)), "another channel");
    assert!(air.is_busy(2, us(100), us(228)));
}

#[test]
fn the_channel_is_busy_by_mean_power() {
    // -74 dBm: 3 dB above the threshold, so that half of the time is just too little, and a little more enough.
    let mut air = air(2, &[(0, 1, 74.0)]);
    air.begin(us(1000), 0, FRAME);
    assert!(!air.is_busy(1, us(1000 - 80), us(1000 + 48)));
    assert!(air.is_busy(1, us(1000 - 60), us(1000 + 68)));
    assert!(!air.is_busy(0, us(2000), us(2128)), "not by its own frame");
    assert!(!air.is_busy(1, us(5256), us(5384)), "it is over");
}

#[test]
fn a_receiver_that_missed_a_frame_s_start_is_free_for_the_next() {
    // At 3 all are equally strong but far enough above the noise. The first keeps 3 busy until 4256; the second, from 3000
    // to 7256, is not caught; the third starts at 5000: the receiver is free, but the second drowns its start.
    let mut air = air(4, &[(0, 3, 60.0), (1, 3, 80.0), (2, 3, 60.0)]);
    air.begin(us(0), 0, FRAME);
    air.begin(us(3000), 1, FRAME);
    let third = air.begin(us(5000), 2, FRAME);
    // 20 dB above the second.
    assert_eq!(air.receive(third, 3), Fate::Received);
}

#[test]
fn far_radios_are_neither_neighbours_nor_heard() {
    let law = Propagation::LogDistance { exponent: 3.0, reference: None, shadowing_db: 0.0 };
    let places = (0..30).map(|n| Position::flat(f64::from(n) * 50.0, 0.0)).collect();
    let mut air = air_with(law, places);
    let near = air.neighbours(0, us(0));
    assert!(!near.is_empty() && near.len() < 29, "{near:?}");
    for other in 1..30 {
        let power = air.received_power(0, other, us(0));
        // -110 dBm is a tenth of the noise.
        assert_eq!(near.contains(&other), power >= Power::from_dbm(-110.0), "{other}: {power:?}");
        assert_eq!(power == Power::ZERO, !near.contains(&other));
    }
}

#[test]
fn what_is_sent_on_a_neighbouring_channel_is_weakened_by_the_receiver_s_filter() {
    // At 2, radio 1 sends on another channel, stronger by so many decibels than radio 0. The standard's least: an equal
    // signal beside is stood, one of 30 dB more behind that; what is farther away is not heard.
    for (channel, stronger, fate) in [
        (11, -3.1, Fate::Received),
        (11, -2.9, Fate::Collision),
        (12, -0.1, Fate::Received),
        (12, 0.1, Fate::Collision),
        (13, 29.9, Fate::Received),
        (13, 30.1, Fate::Collision),
        (14, 60.0, Fate::Received),
    ] {
        let mut air = air(3, &[(0, 2, 70.0), (1, 2, 70.0 - stronger), (1, 0, 75.0)]);
        let zero = Gain::from_db(0.0);
        air.channel.rejection = Rejection::of_jamming(zero, Gain::from_db(30.0), air.channel.capture);
        air.tune(us(0), 1, channel);
        let frame = air.begin(us(0), 0, FRAME);
        let other = air.begin(us(1000), 1, FRAME);
        assert_eq!(air.receive(frame, 2), fate, "{stronger} dB on {channel}");
        let deaf = if channel == 11 { Fate::Collision } else { Fate::RadioOff };
        assert_eq!(air.receive(other, 2), deaf, "on {channel}");
        // At 0 it arrives with -75 dBm: 3 dB less on the next channel is below the threshold of -77 dBm.
        assert_eq!(air.is_busy(0, us(2000), us(2128)), channel == 11, "{channel}");
    }
}

#[test]
fn a_frame_has_the_gain_of_the_places_at_its_start() {
    // Away from radio 0 at 10 m/s from 1 m on: 60 dB lost at 1 m, 20 dB for each tenfold.
    let law =
        Propagation::LogDistance { exponent: 2.0, reference: Some(Gain::from_db(-60.0)), shadowing_db: 0.0 };
    let mut air = air_with(law, vec![Position::default(), Position::flat(1.0, 0.0)]);
    let points =
        vec![(us(0), Position::flat(1.0, 0.0)), (SimTime::from_secs(100), Position::flat(1001.0, 0.0))];
    let track = super::super::track::Track::new(points).map(Box::new);
    let mut radios: Vec<Radio> = (0..2).map(|n| air.radio(n).clone()).collect();
    radios[1].track = track;
    air = Air::new(air.channel.clone(), Phy::O_QPSK_2450, radios, &Streams::new(RunSeed::new(3, 0)));
    for (millis, distance) in [(0, 1.0), (900, 10.0), (9_900, 100.0)] {
        let power = air.received_power(1, 0, SimTime::from_millis(millis)).as_dbm();
        assert!((power - (-60.0 - 20.0 * math::log10(distance))).abs() < 1e-6, "{power} after {millis} ms");
    }
    // -95 dBm at 10^1.75 = 56.2 m: a frame that starts at 5.52 s is heard, though it ends beyond.
    for (millis, fate) in [(5_520, Fate::Received), (5_530, Fate::BelowSensitivity)] {
        let frame = air.begin(SimTime::from_millis(millis), 1, FRAME);
        assert_eq!(air.receive(frame, 0), fate, "{millis}");
    }
}

#[test]
fn a_trace_of_gains_holds_from_each_of_its_times_on() {
    let mut trace = super::super::propagation::LinkTrace::default();
    for (at, loss_db) in [(3_000, 90.0), (1_000, 60.0), (5_000, 97.0)] {
        trace.set(us(at), 0, 1, Gain::from_db(-loss_db));
    }
    let mut air = air_with(Propagation::Trace(trace), vec![Position::default(); 2]);
    assert_eq!((air.near(0, us(0)), air.near(1, us(0))), (vec![1], vec![]));
    for (at, dbm) in [(1_000, -60.0), (2_999, -60.0), (3_000, -90.0), (4_999, -90.0), (9_000, -97.0)] {
        assert!((air.received_power(0, 1, us(at)).as_dbm() - dbm).abs() < 1e-9, "{at}");
    }
    assert_eq!(air.received_power(0, 1, us(999)), Power::ZERO, "nothing is known yet");
    assert_eq!(air.received_power(1, 0, us(4_000)), Power::ZERO, "the way back is not listed");
}
