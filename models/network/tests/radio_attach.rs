//! Children that poll and lose their parent: they scan, associate with another, and get what is sent to them there.

mod lab;

use lab::radio::*;
use lab::*;
use network::radio::duty::{DutyCycle, polling};
use network::radio::medium::RadioMediumSpec;
use network::radio::position::Position;
use sim_core::SimDuration;
use wire::ieee802154::{FrameType, Header};

/// Two routers that hear each other, the first stronger at the child; the child is the third radio.
fn two_parents(settings: polling::Settings) -> RadioLab {
    let links = [(1, 2, 60.0), (2, 1, 60.0), (1, 3, 60.0), (3, 1, 60.0), (2, 3, 70.0), (3, 2, 70.0)];
    let spec = RadioMediumSpec { duty: DutyCycle::Polling(settings), ..spec(table(&links)) };
    radio_lab_with(spec, &[Position::default(); 3], 2, 2)
}

/// The frames that the radio at a place sent that are commands, beacons or data: when, type and the command's number.
fn control(lab: &Lab<Tap>) -> Vec<(u64, &'static str)> {
    let name = |bytes: &[u8]| {
        let (header, rest) = Header::parse(bytes).expect("a frame");
        Some(match (header.frame_type, rest.first()) {
            (FrameType::Beacon, _) => "beacon",
            (FrameType::Command, Some(1)) => "association request",
            (FrameType::Command, Some(2)) => "association response",
            (FrameType::Command, Some(4)) => "data request",
            (FrameType::Command, Some(7)) => "beacon request",
            _ => return None,
        })
    };
    let sent = lab.net.observer.0.iter().filter_map(|seen| match seen {
        Seen::Sent { at, bytes, .. } => Some((at.as_millis(), name(bytes)?)),
        Seen::Arrived { .. } | Seen::Dropped { .. } => None,
    });
    sent.collect()
}

#[test]
fn a_child_whose_parent_fails_joins_another() {
    let RadioLab { builder, nodes, ports } = two_parents(polling::Settings::default());
    let mut lab = Lab::tapped(builder);
    let port = lab.port(ports[0]);
    lab.at(ms(5_000), move |net| net.set_port_down(port, true));
    for second in 0..30 {
        lab.send_at(ms(1_000 * second + 500), nodes[1], packet(&address(2), &address(3), 100));
        lab.send_at(ms(1_000 * second + 700), nodes[2], packet(&address(3), &address(2), 100));
    }
    lab.run_until(ms(40_000));
    // 4 requests, one a second from the first that is not confirmed on; a scan, half a second for the answer: lost by 10 s at the latest.
    let times: Vec<u64> = lab.times(nodes[2]).iter().map(|at| at / 1_000_000).collect();
    assert!(times.iter().filter(|&&at| at > 10_000).count() >= 20, "{times:?}");
    let up: Vec<u64> = lab.times(nodes[1]).iter().map(|at| at / 1_000_000).collect();
    assert!(up.iter().filter(|&&at| at > 10_000).count() >= 20, "{up:?}");
    let seen = control(&lab);
    let steps: Vec<&str> =
        seen.iter().map(|&(_, what)| what).filter(|&what| what != "data request").collect();
    assert_eq!(
        steps,
        ["beacon request", "beacon", "association request", "association response"],
        "{seen:?}"
    );
    let began = seen.iter().find(|&&(_, what)| what == "beacon request").expect("it was sent").0;
    // The last confirmed request is at most a second old at 5 s, then follow four that are not, a second apart.
    assert!((7_900..9_300).contains(&began), "{began}");
    let asked = seen.iter().find(|&&(_, what)| what == "association request").expect("it was sent").0;
    // The scan: 960 · 9 symbols of 16 µs.
    assert!((asked - began).abs_diff(138) < 12, "{asked} - {began}");
    let answered = seen.iter().find(|&&(_, what)| what == "association response").expect("it was sent").0;
    // macResponseWaitTime: 32 · 960 symbols.
    assert!((answered - asked).abs_diff(492) < 25, "{answered} - {asked}");
}

#[test]
fn a_child_takes_the_router_that_it_hears_best() {
    let links = [(1, 4, 60.0), (4, 1, 60.0), (2, 4, 80.0), (4, 2, 80.0), (3, 4, 70.0), (4, 3, 70.0)];
    let routers = [(1, 2, 60.0), (2, 1, 60.0), (2, 3, 60.0), (3, 2, 60.0), (1, 3, 60.0), (3, 1, 60.0)];
    let spec = RadioMediumSpec {
        duty: DutyCycle::Polling(polling::Settings::default()),
        ..spec(table(&[links, routers].concat()))
    };
    let RadioLab { builder, nodes, ports } = radio_lab_with(spec, &[Position::default(); 4], 3, 3);
    let mut lab = Lab::tapped(builder);
    let port = lab.port(ports[0]);
    lab.at(ms(3_000), move |net| net.set_port_down(port, true));
    lab.send_at(ms(20_000), nodes[2], packet(&address(3), &address(4), 100));
    lab.run_until(ms(30_000));
    assert_eq!(lab.packets(nodes[3]).len(), 1);
    // By one hop: the response and the packet come from the third.
    let (third, second) = (lab.port(ports[2]), lab.port(ports[1]));
    let commands = |of| {
        let of = move |seen: &&Seen| matches!(seen, Seen::Sent { port, bytes, .. } if *port == of && bytes[0] & 7 == 3);
        lab.net.observer.0.iter().filter(of).count()
    };
    assert_eq!((commands(third), commands(second)), (1, 0));
}

#[test]
fn a_child_that_hears_nobody_searches_seldom_and_finds_who_comes_back() {
    let links = [(1, 2, 60.0), (2, 1, 60.0)];
    let settings = polling::Settings::default();
    let spec = RadioMediumSpec { duty: DutyCycle::Polling(settings), ..spec(table(&links)) };
    let RadioLab { builder, nodes, ports } = radio_lab_with(spec, &[Position::default(); 2], 1, 1);
    let mut lab = Lab::tapped(builder);
    let port = lab.port(ports[0]);
    lab.at(ms(5_000), move |net| net.set_port_down(port, true));
    lab.at(ms(305_000), move |net| net.set_port_down(port, false));
    lab.send_at(ms(375_000), nodes[0], packet(&address(1), &address(2), 100));
    lab.run_until(ms(305_000));
    let searches = control(&lab).iter().filter(|&&(_, what)| what == "beacon request").count();
    // Pauses of up to 1, 2, 4, 8, 16, 32, 64, 64, … s, half of that at least.
    assert!((8..=15).contains(&searches), "{searches}");
    lab.run_until(ms(390_000));
    assert_eq!(lab.packets(nodes[1]).len(), 1);
}

#[test]
fn a_parent_that_misses_a_few_frames_is_kept() {
    let RadioLab { builder, nodes, ports } =
        two_parents(polling::Settings { lost_after: 10, ..Default::default() });
    let mut lab = Lab::tapped(builder);
    let port = lab.port(ports[0]);
    lab.at(ms(5_000), move |net| net.set_port_down(port, true));
    lab.at(ms(9_000), move |net| net.set_port_down(port, false));
    lab.send_at(ms(15_000), nodes[0], packet(&address(1), &address(3), 100));
    lab.run_until(ms(20_000));
    assert_eq!(lab.packets(nodes[2]).len(), 1);
    assert!(control(&lab).iter().all(|&(_, what)| what == "data request"), "{:?}", control(&lab));
}

#[test]
fn a_child_that_asks_seldom_asks_again_soon_when_its_parent_is_silent() {
    let every = SimDuration::from_secs(60);
    let RadioLab { builder, ports, .. } = two_parents(polling::Settings { every, ..Default::default() });
    let mut lab = Lab::tapped(builder);
    let port = lab.port(ports[0]);
    lab.at(ms(1), move |net| net.set_port_down(port, true));
    lab.run_until(ms(70_000));
    let began = control(&lab).iter().find(|&&(_, what)| what == "beacon request").map(|&(at, _)| at);
    let first = control(&lab).first().map(|&(at, _)| at);
    // Three more requests, a second apart each, not a minute.
    assert!(began.zip(first).is_some_and(|(began, first)| began - first < 3_500), "{first:?} {began:?}");
}
