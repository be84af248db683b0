//! Receivers that sleep: what wakes them, what it costs, and that a frame still arrives.

mod lab;

use lab::radio::*;
use lab::*;
use network::radio::duty::tsch::{self, Schedule};
use network::radio::duty::{DutyCycle, polling, strobing};
use network::radio::fate::{Fate, FrameKind};
use network::radio::mac::RadioState;
use network::radio::medium::RadioMediumSpec;
use network::radio::position::Position;
use sim_core::{SimDuration, SimTime};

fn contikimac() -> DutyCycle {
    DutyCycle::ContikiMac(strobing::contikimac::Settings::default())
}

fn xmac() -> DutyCycle {
    DutyCycle::XMac(strobing::xmac::Settings::default())
}

fn polling() -> DutyCycle {
    DutyCycle::Polling(polling::Settings::default())
}

fn sleepers(duty: DutyCycle, count: usize) -> RadioLab {
    let spec = RadioMediumSpec { duty, ..spec(equal(count as u32, 60.0)) };
    radio_lab(spec, &vec![Position::default(); count])
}

/// The part of the time until `end` in which a radio was on.
fn on<O: network::observer::Observer>(lab: &Lab<O>, radio: u32, end: SimTime) -> f64 {
    let times = lab.net.radio_media()[0].state_times(radio, end);
    assert_eq!(times.iter().copied().sum::<SimDuration>(), end - us(0), "states fill the time");
    let asleep = times[RadioState::Sleep as usize] + times[RadioState::Off as usize];
    1.0 - asleep.as_secs_f64() / end.as_secs_f64()
}

#[test]
fn a_radio_of_contikimac_that_nobody_calls_is_on_for_half_a_percent() {
    let RadioLab { builder, .. } = sleepers(contikimac(), 2);
    let mut lab = Lab::tapped(builder);
    lab.run_until(ms(100_000));
    // Two looks of 12 + 8 symbols, 0.64 ms of 125 ms: 0.512 % (T2011:13 measured 0.4 % to 0.8 %).
    for radio in 0..2 {
        let part = on(&lab, radio, ms(100_000));
        assert!((part - 0.00512).abs() < 0.00001, "{part}");
    }
    assert_eq!(lab.net.scheduler.processed(), 0, "no event while nothing is sent");
}

#[test]
fn a_row_ends_when_its_receiver_wakes_and_the_next_begins_in_time() {
    let RadioLab { builder, nodes, .. } = sleepers(contikimac(), 2);
    let mut lab = Lab::tapped(builder);
    for second in 0..20 {
        lab.send_at(ms(1_000 * second + 37 * second), nodes[1], packet(&address(2), &address(1), 100));
    }
    lab.run_until(ms(30_000));
    assert_eq!(lab.packets(nodes[0]).len(), 20);
    let starts = lab.net.observer.0.iter().filter_map(|seen| match seen {
        Seen::Sent { at, bytes, .. } if bytes.len() > 5 => Some(at.as_micros()),
        Seen::Sent { .. } | Seen::Arrived { .. } | Seen::Dropped { .. } => None,
    });
    let starts: Vec<u64> = starts.collect();
    let first: Vec<u64> = starts.iter().copied().filter(|&at| at < 1_000_000).collect();
    let later = starts.len() - first.len();
    assert!(first.len() > 3, "the first row has to find its receiver: {first:?}");
    // (6 + 9 + 3 + 60 + 2) · 32 = 2560 µs, then 400.
    assert!(first.windows(2).all(|pair| pair[1] - pair[0] == 2_560 + 400), "{first:?}");
    assert!(later <= 19 * 3, "those that follow know when: {later}");
}

#[test]
fn without_phase_lock_each_row_searches() {
    let settings = strobing::contikimac::Settings { phase_lock: false, ..Default::default() };
    let RadioLab { builder, nodes, .. } = sleepers(DutyCycle::ContikiMac(settings), 2);
    let mut lab = Lab::tapped(builder);
    for second in 0..40 {
        lab.send_at(ms(1_013 * second), nodes[1], packet(&address(2), &address(1), 100));
    }
    lab.run_until(ms(60_000));
    assert_eq!(lab.packets(nodes[0]).len(), 40);
    let sent = lab.net.radio_media()[0].report().unicasts;
    // Half a period of 125 ms on the average, 2.96 ms each: 21 frames.
    assert!((15 * 40..=27 * 40).contains(&sent), "{sent}");
}

#[test]
fn everybody_wakes_for_what_is_for_all() {
    // X-MAC's row of strobes is for all too, and counts once.
    for (duty, received) in [(contikimac(), 5), (xmac(), 2 * 5)] {
        let RadioLab { builder, nodes, .. } = sleepers(duty, 6);
        let mut lab = Lab::tapped(builder);
        lab.send_at(ms(777), nodes[0], packet(&address(1), "ff02::1", 80));
        lab.run_until(ms(5_000));
        assert_eq!(fates(&lab, FrameKind::Broadcast, Fate::Received), received, "{duty:?}");
        for &node in &nodes[1..] {
            assert_eq!(lab.packets(node).len(), 1, "{duty:?}");
        }
        let part = on(&lab, 5, ms(5_000));
        assert!(part < 0.16, "{part} {duty:?}");
    }
}

#[test]
fn fragments_of_one_packet_follow_each_other_without_a_new_row() {
    for duty in [contikimac(), xmac()] {
        let RadioLab { builder, nodes, .. } = sleepers(duty, 2);
        let mut lab = Lab::tapped(builder);
        lab.send_at(ms(10), nodes[1], packet(&address(2), &address(1), 1000));
        lab.run_until(ms(3_000));
        let times = lab.times(nodes[0]);
        assert_eq!(times.len(), 1, "{duty:?}");
        // One search of at most a period, then eleven fragments of at most 6 ms.
        assert!(times[0] < 650_000_000, "{times:?} {duty:?}");
    }
}

#[test]
fn x_mac_sends_the_frame_when_a_short_one_was_confirmed() {
    let RadioLab { builder, nodes, .. } = sleepers(xmac(), 3);
    let mut lab = Lab::tapped(builder);
    for second in 0..10 {
        lab.send_at(ms(1_013 * second), nodes[1], packet(&address(2), &address(1), 140));
    }
    lab.run_until(ms(20_000));
    assert_eq!(lab.packets(nodes[0]).len(), 10);
    let lens = lab.net.observer.0.iter().filter_map(|seen| match seen {
        Seen::Sent { bytes, .. } => Some(bytes.len() + 2),
        Seen::Arrived { .. } | Seen::Dropped { .. } => None,
    });
    let lens: Vec<usize> = lens.collect();
    let count = |len| lens.iter().filter(|&&seen| seen == len).count();
    assert_eq!(count(114), 10, "each frame once");
    assert_eq!(count(5), 20, "the confirmations of the strobe and of the frame");
    assert!(count(11) > 20, "strobes: {}", count(11));
    // The third hears a strobe for another and falls asleep again: it listens less than 6.25 of 500 ms and the strobes.
    let part = on(&lab, 2, ms(20_000));
    assert!(part < 0.0130, "{part}");
}

#[test]
fn idle_x_mac_is_on_as_long_as_it_says() {
    let RadioLab { builder, .. } = sleepers(xmac(), 2);
    let mut lab = Lab::tapped(builder);
    lab.run_until(ms(100_000));
    let part = on(&lab, 1, ms(100_000));
    assert!((part - 6.25 / 500.0).abs() < 0.0001, "{part}");
}

#[test]
fn a_child_gets_what_waits_for_it_when_it_asks() {
    // The lab's first node is a router, and always on.
    let RadioLab { builder, nodes, .. } = sleepers(polling(), 2);
    let mut lab = Lab::tapped(builder);
    for second in 1..=10 {
        lab.send_at(ms(1_013 * second), nodes[0], packet(&address(1), &address(2), 100));
    }
    lab.send_at(ms(20_000), nodes[0], packet(&address(1), &address(2), 700));
    lab.run_until(ms(30_000));
    assert_eq!(lab.packets(nodes[1]).len(), 11);
    for (time, second) in lab.times(nodes[1]).iter().take(10).zip(1..) {
        let waited = time - 1_013_000_000 * second;
        assert!(waited < 1_030_000_000, "at most a period and a frame: {waited}");
    }
    assert_eq!(on(&lab, 0, ms(30_000)), 1.0);
    let part = on(&lab, 1, ms(30_000));
    assert!((0.001..0.01).contains(&part), "{part}");
}

#[test]
fn what_nobody_asks_for_is_dropped() {
    let RadioLab { builder, nodes, ports } = sleepers(polling(), 2);
    let mut lab = Lab::tapped(builder);
    let port = lab.port(ports[1]);
    lab.at(ms(1), move |net| net.set_port_down(port, true));
    lab.send_at(ms(2), nodes[0], packet(&address(1), &address(2), 100));
    lab.run_until(ms(30_000));
    let dropped = lab.net.observer.0.iter().filter_map(|seen| match seen {
        Seen::Dropped { at, cause, .. } => Some((at.as_millis(), cause.name())),
        Seen::Sent { .. } | Seen::Arrived { .. } => None,
    });
    assert_eq!(dropped.collect::<Vec<_>>(), [(7_682, "not asked for")]);
}

fn tsch(schedule: Schedule) -> DutyCycle {
    let beacon_every = SimDuration::from_secs(2);
    DutyCycle::Tsch(tsch::Settings { schedule, beacon_every, ..tsch::Settings::default() })
}

const MINIMAL: Schedule = Schedule::Minimal { slotframe: 7 };
const ORCHESTRA: Schedule = Schedule::Orchestra { beacons: 41, common: 31, unicast: 17 };

#[test]
fn everybody_joins_and_stays_in_time_though_clocks_drift() {
    for schedule in [MINIMAL, ORCHESTRA] {
        let RadioLab { builder, nodes, .. } = sleepers(tsch(schedule), 6);
        let mut lab = Lab::tapped(builder);
        // Two minutes later a clock that nobody sets would be off by up to 40 · 120 µs = 4.8 ms, twice the guard time.
        for second in 0..40 {
            let from = 1 + second as usize % 5;
            lab.send_at(
                ms(120_000 + 1_013 * second),
                nodes[from],
                packet(&address(from + 1), &address(1), 100),
            );
        }
        lab.run_until(ms(200_000));
        assert_eq!(lab.packets(nodes[0]).len(), 40, "{schedule:?}");
        let duplicates = fates(&lab, FrameKind::Unicast, Fate::Duplicate);
        assert!(duplicates < 5, "{duplicates}");
    }
}

#[test]
fn a_radio_in_the_minimal_schedule_listens_a_guard_time_each_slotframe() {
    let RadioLab { builder, .. } = sleepers(tsch(MINIMAL), 2);
    let mut lab = Lab::tapped(builder);
    lab.run_until(ms(60_000));
    let before = lab.net.radio_media()[0].state_times(1, ms(60_000));
    lab.run_until(ms(600_000));
    let after = lab.net.radio_media()[0].state_times(1, ms(600_000));
    let asleep = after[RadioState::Sleep as usize] - before[RadioState::Sleep as usize];
    let part = 1.0 - asleep.as_secs_f64() / 540.0;
    // 2.2 of 70 ms, 3.14 %, and the beacons of both, each of some 2 ms every two seconds at most.
    assert!((0.0314..0.0340).contains(&part), "{part}");
}

#[test]
fn the_minimal_schedule_has_its_cell_in_the_first_slot_of_a_slotframe() {
    let RadioLab { builder, nodes, .. } = sleepers(tsch(MINIMAL), 2);
    let mut lab = Lab::tapped(builder);
    lab.send_at(ms(50_000), nodes[1], packet(&address(2), &address(1), 100));
    lab.run_until(ms(60_000));
    assert_eq!(lab.packets(nodes[0]).len(), 1);
    let starts = lab.net.observer.0.iter().filter_map(|seen| match seen {
        Seen::Sent { at, bytes, .. } if bytes[0] & 7 != 2 => Some(at.as_micros()),
        Seen::Sent { .. } | Seen::Arrived { .. } | Seen::Dropped { .. } => None,
    });
    for start in starts {
        // By the coordinator's clock, which is off by 20 millionths at most: 1.2 ms in a minute, and as much for the other.
        let within = (start + 70_000 - 2_120 + 3_000) % 70_000;
        assert!(within < 6_000, "{start}");
    }
}

#[test]
fn who_hears_nothing_of_its_time_source_leaves_and_joins_again() {
    let RadioLab { builder, nodes, ports } = sleepers(tsch(MINIMAL), 2);
    let mut lab = Lab::tapped(builder);
    let port = lab.port(ports[0]);
    lab.at(ms(60_000), move |net| net.set_port_down(port, true));
    lab.at(ms(100_000), move |net| net.set_port_down(port, false));
    lab.send_at(ms(160_000), nodes[1], packet(&address(2), &address(1), 100));
    lab.run_until(ms(99_000));
    let times = lab.net.radio_media()[0].state_times(1, ms(99_000));
    let listens = times[RadioState::Listen as usize];
    assert!(listens > SimDuration::from_secs(10), "it looks for a network: {listens}");
    lab.run_until(ms(170_000));
    assert_eq!(lab.packets(nodes[0]).len(), 1);
}
