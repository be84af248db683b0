//! Medium access of IEEE 802.15.4, to the microsecond.

mod lab;

use lab::radio::*;
use lab::*;
use network::drop_cause::DropCause;
use network::radio::fate::{Fate, FrameKind};
use network::radio::mac::{MacSettings, RadioState};
use network::radio::medium::RadioMediumSpec;
use network::radio::phy::Phy;
use network::radio::position::Position;
use network::radio::propagation::Propagation;
use sim_core::SimDuration;
use wire::ieee802154::Header;

/// Without back-off: all times are fixed.
fn at_once() -> MacSettings {
    MacSettings { be_min: 0, be_max: 0, ..MacSettings::default() }
}

fn pair(mac: MacSettings, propagation: Propagation) -> RadioLab {
    radio_lab(RadioMediumSpec { mac, ..spec(propagation) }, &[Position::default(); 2])
}

/// When frames started, in microseconds, and their lengths with check sequence.
fn sent(lab: &Lab<Tap>) -> Vec<(u64, usize)> {
    let frames = lab.net.observer.0.iter().filter_map(|seen| match seen {
        Seen::Sent { at, bytes, .. } => Some((at.as_micros(), bytes.len() + 2)),
        Seen::Arrived { .. } | Seen::Dropped { .. } => None,
    });
    frames.collect()
}

#[test]
fn a_frame_is_looked_for_sent_and_confirmed_at_the_standard_s_times() {
    let RadioLab { builder, nodes, .. } = pair(at_once(), equal(2, 60.0));
    let mut lab = Lab::tapped(builder);
    // 100 bytes behind the IPv6 header; IPHC with contexts and one byte of next header: 3; MAC header 9; FCS 2: 114.
    lab.send_at(ms(0), nodes[0], packet(&address(1), &address(2), 140));
    lab.send_at(ms(0), nodes[0], packet(&address(1), &address(2), 140));
    lab.run();
    // Look 128, turn 192: the frame starts at 320; (6 + 114) · 32 = 3840: it ends at 4160. Turn 192: acknowledgement at
    // 4352, (6 + 5) · 32 = 352: ends at 4704. LIFS 640: 5344, look and turn: 5664, ends 9504, acknowledgement at 9696.
    assert_eq!(sent(&lab), [(320, 114), (4352, 5), (5664, 114), (9696, 5)]);
    assert_eq!(lab.times(nodes[1]), [4_160_000, 9_504_000]);
    let medium = &lab.net.radio_media()[0];
    // Sender: two frames of 3840 µs in the air, two turns of 192 µs.
    let times = medium.state_times(0, us(10_048));
    let micros = |state: RadioState| times[state as usize].as_micros();
    assert_eq!(micros(RadioState::Transmit), 2 * 3840);
    assert_eq!(micros(RadioState::Turnaround), 2 * 192);
    assert_eq!(times.iter().copied().sum::<SimDuration>(), us(10_048) - us(0));
    assert_eq!(medium.report().bytes, 2 * 114 + 2 * 5);
}

#[test]
fn short_frames_need_the_short_pause_only() {
    let mac = MacSettings { acknowledgements: false, ..at_once() };
    let RadioLab { builder, nodes, .. } = pair(mac, equal(2, 60.0));
    let mut lab = Lab::tapped(builder);
    // 9 + 3 + 4 + 2 = 18 bytes: (6 + 18) · 32 = 768; SIFS 192; look and turn 320.
    for _ in 0..2 {
        lab.send_at(ms(0), nodes[0], packet(&address(1), &address(2), 44));
    }
    lab.run();
    assert_eq!(sent(&lab), [(320, 18), (320 + 768 + 192 + 320, 18)]);
}

#[test]
fn a_frame_that_nobody_confirms_is_repeated_three_times() {
    // The way back carries nothing.
    let RadioLab { builder, nodes, .. } = pair(at_once(), table(&[(1, 2, 60.0)]));
    let mut lab = Lab::tapped(builder);
    lab.send_at(ms(0), nodes[0], packet(&address(1), &address(2), 140));
    lab.run();
    // Ends at 4160; overdue after 864: 5024; look and turn: 5344, and so on every 5024. Acknowledgements at end + 192.
    let starts: Vec<u64> = (0..4).flat_map(|n| [320 + 5024 * n, 320 + 5024 * n + 3840 + 192]).collect();
    assert_eq!(sent(&lab).iter().map(|&(at, _)| at).collect::<Vec<_>>(), starts);
    assert_eq!(lab.packets(nodes[1]).len(), 1, "repetitions are recognised");
    assert_eq!(fates(&lab, FrameKind::Unicast, Fate::Received), 1);
    assert_eq!(fates(&lab, FrameKind::Unicast, Fate::Duplicate), 3);
    assert_eq!(fates(&lab, FrameKind::Acknowledgement, Fate::BelowSensitivity), 4);
    let drops = lab.net.observer.0.iter().filter(|seen| {
        matches!(seen, Seen::Dropped { cause: DropCause::Retries, at, .. } if *at == us(320 + 5024 * 3 + 3840 + 864))
    });
    assert_eq!(drops.count(), 1);
    let numbers = lab.net.observer.0.iter().filter_map(|seen| match seen {
        Seen::Sent { bytes, .. } => Header::parse(bytes).unwrap().0.sequence_number,
        Seen::Arrived { .. } | Seen::Dropped { .. } => None,
    });
    let numbers: Vec<u8> = numbers.collect();
    assert!(numbers.iter().all(|&number| number == numbers[0]), "{numbers:?}");
}

#[test]
fn a_busy_channel_is_tried_five_times() {
    let busy = table(&[(3, 1, 60.0), (1, 2, 60.0), (2, 1, 60.0), (3, 4, 60.0)]);
    let mac = MacSettings { acknowledgements: false, ..at_once() };
    let RadioLab { builder, nodes, .. } =
        radio_lab(RadioMediumSpec { mac, ..spec(busy) }, &[Position::default(); 4]);
    let mut lab = Lab::tapped(builder);
    lab.send_at(ms(0), nodes[2], packet(&address(3), &address(4), 140));
    lab.send_at(ms(1), nodes[0], packet(&address(1), &address(2), 140));
    lab.run();
    // The third's frame is in the air from 320 to 4160 µs. The first looks until 1128, 1256, 1384, 1512 and 1640.
    assert_eq!(sent(&lab).len(), 1);
    let gave_up = lab.net.observer.0.iter().find_map(|seen| match seen {
        Seen::Dropped { at, cause: DropCause::ChannelAccess, .. } => Some(at.as_micros()),
        Seen::Dropped { .. } | Seen::Sent { .. } | Seen::Arrived { .. } => None,
    });
    assert_eq!(gave_up, Some(1640));
    assert_eq!(lab.net.radio_media()[0].report().busy_channel, 5);
}

#[test]
fn who_looks_before_the_other_has_turned_collides() {
    let mac = MacSettings { acknowledgements: false, ..at_once() };
    let RadioLab { builder, nodes, .. } =
        radio_lab(RadioMediumSpec { mac, ..spec(equal(3, 60.0)) }, &[Position::default(); 3]);
    let mut lab = Lab::tapped(builder);
    lab.send_at(us(0), nodes[0], packet(&address(1), &address(3), 140));
    // Its look ends at 318 µs, before the first's frame starts at 320.
    lab.send_at(us(190), nodes[1], packet(&address(2), &address(3), 140));
    lab.run();
    assert_eq!(sent(&lab), [(320, 114), (510, 114)]);
    assert_eq!(fates(&lab, FrameKind::Unicast, Fate::Collision), 2, "equally strong: neither is received");
    assert!(lab.packets(nodes[2]).is_empty());
}

#[test]
fn two_that_start_together_collide_if_they_draw_the_same_back_off() {
    // Of eight periods each draws one: the same with probability 1/8, and then neither is received. Otherwise the later
    // one looks when the earlier is sending (its look begins as that frame starts, at the earliest) and waits.
    let mac = MacSettings { acknowledgements: false, ..MacSettings::default() };
    let (rounds, gap_ms) = (4000_u64, 200);
    let RadioLab { builder, nodes, .. } =
        radio_lab(RadioMediumSpec { mac, ..spec(equal(3, 60.0)) }, &[Position::default(); 3]);
    let mut lab = Lab::new(builder);
    for round in 0..rounds {
        lab.send_at(ms(round * gap_ms), nodes[0], packet(&address(1), &address(3), 60));
        lab.send_at(ms(round * gap_ms), nodes[1], packet(&address(2), &address(3), 60));
    }
    lab.run();
    let collided = fates(&lab, FrameKind::Unicast, Fate::Collision) as f64 / (2 * rounds) as f64;
    // The deviation of the share is √(7/64 / 4000) = 0.0052: 5 % of 1/8 is 0.00625.
    assert!((collided / 0.125 - 1.0).abs() < 0.05, "{collided}");
    assert_eq!(lab.net.radio_media()[0].report().unicasts, 2 * rounds, "nobody gives up");
}

#[test]
fn goodput_is_the_closed_form_s() {
    // Packets of 113 bytes behind the IPv6 header: 9 + 3 + 113 + 2 = 127 bytes, 266 symbols with the PHY's header.
    // 70 symbols of mean back-off, 8, 12, 266, LIFS 40: 396 symbols of 16 µs, 6336 µs a frame (VALIDITY of the model:
    // the standard's timing; 116 bytes of MAC payload then make 146.5 kbit/s). At 868 MHz a symbol takes 40 µs.
    for (phy, micros) in [(Phy::O_QPSK_2450, 6336.0), (Phy::O_QPSK_868, 15_840.0)] {
        goodput_is(phy, micros);
    }
}

fn goodput_is(phy: Phy, micros: f64) {
    let mac = MacSettings { acknowledgements: false, ..MacSettings::default() };
    let spec = RadioMediumSpec { mac, phy, ..spec(equal(2, 60.0)) };
    let RadioLab { builder, nodes, .. } = radio_lab(spec, &[Position::default(); 2]);
    let mut lab = Lab::new(builder);
    let frames = 1000u64;
    for _ in 0..frames {
        lab.send_at(ms(0), nodes[0], packet(&address(1), &address(2), 153));
    }
    lab.run();
    let times = lab.times(nodes[1]);
    assert_eq!(times.len() as u64, frames);
    let mean = (times[times.len() - 1] - times[0]) as f64 / (frames - 1) as f64 / 1000.0;
    // One back-off deviates by 2.291 · 20 symbols; the mean of 999 by 0.37 %: 1 % is 2.7 of it.
    assert!((mean / micros - 1.0).abs() < 0.01, "{mean} µs a frame instead of {micros}");
}

#[test]
fn a_radio_that_confirms_puts_its_own_look_off() {
    let RadioLab { builder, nodes, .. } = pair(at_once(), equal(2, 60.0));
    let mut lab = Lab::tapped(builder);
    lab.send_at(us(0), nodes[0], packet(&address(1), &address(2), 140));
    // The frame ends at 4160; a look from 4150 to 4278 would fall into the turn.
    lab.send_at(us(4150), nodes[1], packet(&address(2), &address(1), 140));
    lab.run();
    // Confirmed from 4352 to 4704, turned back at 4896; look 128, turn 192: 5216.
    assert_eq!(sent(&lab)[..3], [(320, 114), (4352, 5), (5216, 114)]);
    assert_eq!(lab.packets(nodes[0]).len(), 1);
}

#[test]
fn a_node_that_fails_while_it_sends_is_heard_by_nobody() {
    let RadioLab { builder, nodes, .. } = pair(at_once(), equal(2, 60.0));
    let mut lab = Lab::tapped(builder);
    let node = lab.node(nodes[0]);
    lab.send_at(us(0), nodes[0], packet(&address(1), &address(2), 140));
    lab.at(us(2000), move |net| net.set_node_down(node, true));
    lab.at(us(9000), move |net| net.set_node_down(node, false));
    lab.send_at(us(10_000), nodes[0], packet(&address(1), &address(2), 140));
    lab.run();
    assert_eq!(lab.times(nodes[1]), [14_160_000]);
    assert_eq!(lab.net.radio_media()[0].report().aborted_unicasts, 1);
    let times = lab.net.radio_media()[0].state_times(0, us(20_000));
    assert_eq!(times[RadioState::Off as usize], SimDuration::from_micros(7000));
    assert_eq!(times[RadioState::Transmit as usize].as_micros(), 1680 + 3840);
}
