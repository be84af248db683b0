//! Radios at random places, with faults: no packet is lost from sight, every frame has one fate, time in states adds up to
//! the run's, and an observer changes nothing.

mod lab;

use lab::radio::*;
use lab::*;
use network::observer::{Observer, Unobserved};
use network::queue::QueueLimit;
use network::radio::duty::tsch::{self, Schedule};
use network::radio::duty::{DutyCycle, polling, strobing};
use network::radio::fate::{Fate, FrameKind};
use network::radio::mac::MacSettings;
use network::radio::medium::RadioMediumSpec;
use network::radio::position::Position;
use network::radio::power::Gain;
use network::radio::propagation::Propagation;
use proptest::prelude::*;
use sim_core::{SimDuration, SimTime};

#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    places: Vec<(f64, f64, f64)>,
    exponent: f64,
    shadowing: f64,
    be: (u8, u8),
    retries: u8,
    confirmed: bool,
    queue: u32,
    reassemblies: u8,
    duty: DutyCycle,
    routers: usize,
    sends: Vec<(u64, usize, usize, usize)>,
    changes: Vec<(u64, usize, bool)>,
}

impl Case {
    /// When the run ends: a minute for fragments that wait for others, after what the last packets need. Radios that
    /// repeat a frame for a period or more may need long; while they sleep nothing happens.
    fn end(&self) -> SimTime {
        let secs = match self.duty {
            DutyCycle::ContikiMac(_) | DutyCycle::XMac(_) => 1_000,
            DutyCycle::AlwaysOn | DutyCycle::Polling(_) => 80,
            // What waits there stays.
            DutyCycle::Tsch(_) => 30,
        };
        SimTime::from_secs(secs)
    }
}

/// All ways to save energy, the first as often as all others.
fn duties() -> impl Strategy<Value = DutyCycle> {
    let contikimac = (15_u64..300, any::<bool>()).prop_map(|(every, phase_lock)| {
        DutyCycle::ContikiMac(strobing::contikimac::Settings { every: span(every), phase_lock })
    });
    let xmac = (15_u64..600, 2_u64..10).prop_map(|(every, listen)| {
        DutyCycle::XMac(strobing::xmac::Settings { every: span(every), listen: span(listen) })
    });
    let polling = (200_u64..2_000, 100_u64..9_000, 1_u8..5).prop_map(|(every, timeout, lost_after)| {
        DutyCycle::Polling(polling::Settings { every: span(every), timeout: span(timeout), lost_after })
    });
    let schedule = prop_oneof![
        (1_u32..50).prop_map(|slotframe| Schedule::Minimal { slotframe }),
        (1_u32..90, 1_u32..40, 1_u32..20).prop_map(|(beacons, common, unicast)| Schedule::Orchestra {
            beacons,
            common,
            unicast
        }),
    ];
    let tsch = (schedule, 100_u64..3_000, 1_000_u64..9_000, 0_u32..100).prop_map(
        |(schedule, beacon_every, keep_alive, drift_ppm)| {
            DutyCycle::Tsch(tsch::Settings {
                schedule,
                beacon_every: span(beacon_every),
                keep_alive: span(keep_alive),
                drift_ppm,
            })
        },
    );
    prop_oneof![4 => Just(DutyCycle::AlwaysOn), 1 => contikimac, 1 => xmac, 1 => polling, 1 => tsch]
}

fn span(millis: u64) -> SimDuration {
    SimDuration::from_millis(millis)
}

fn cases() -> impl Strategy<Value = Case> {
    let place = (0.0..120.0, 0.0..120.0, 0.0..10.0);
    let send = (0_u64..3_000_000, 0..64_usize, 0..64_usize, 41_usize..1280);
    (
        (any::<u64>(), prop::collection::vec(place, 2..12), 2.0..4.0, 0.0..8.0),
        (0_u8..4, 3_u8..6, 0_u8..5, any::<bool>()),
        (0_u32..30, 1_u8..4, duties(), 1_usize..4),
        prop::collection::vec(send, 1..60),
        prop::collection::vec((0_u64..3_000_000, 0..64_usize, any::<bool>()), 0..6),
    )
        .prop_map(|(radio, mac, (queue, reassemblies, duty, routers), sends, changes)| Case {
            seed: radio.0,
            places: radio.1,
            exponent: radio.2,
            shadowing: radio.3,
            be: (mac.0, mac.1),
            retries: mac.2,
            // Who wakes a sleeping radio has to know that it has.
            confirmed: mac.3 || duty != DutyCycle::AlwaysOn,
            duty,
            routers,
            queue,
            reassemblies,
            sends,
            changes,
        })
}

fn world<O: Observer>(case: &Case, observer: O) -> Lab<O> {
    let propagation = Propagation::LogDistance {
        exponent: case.exponent,
        reference: Some(Gain::from_db(-50.0)),
        shadowing_db: case.shadowing,
    };
    let mac = MacSettings {
        be_min: case.be.0,
        be_max: case.be.1,
        retries_max: case.retries,
        acknowledgements: case.confirmed,
        reassemblies_max: case.reassemblies,
        ..MacSettings::default()
    };
    let queue = QueueLimit::Packets(case.queue);
    let spec = RadioMediumSpec { mac, queue, duty: case.duty, ..spec(propagation) };
    let places: Vec<_> = case.places.iter().map(|&(x, y, z)| Position { x, y, z }).collect();
    // Several parents, so that a child that has lost one finds another.
    let polled = matches!(case.duty, DutyCycle::Polling(_));
    let routers = if polled { case.routers } else { 1 };
    let RadioLab { builder, nodes, ports } =
        radio_lab_with(spec, &places, routers, usize::from(polled) * routers);
    let mut lab = Lab::observed(builder, case.seed, observer);
    for &(at, from, to, len) in &case.sends {
        let (from, to) = (from % nodes.len(), to % (nodes.len() + 1));
        let to = if to == nodes.len() { "ff02::1".to_owned() } else { address(to + 1) };
        lab.send_at(us(at), nodes[from], packet(&address(from + 1), &to, len));
    }
    for &(at, which, whole) in &case.changes {
        let (node, port) = (lab.node(nodes[which % nodes.len()]), lab.port(ports[which % nodes.len()]));
        for (at, down) in [(at, true), (at + 300_000, false)] {
            match whole {
                true => lab.at(us(at), move |net| net.set_node_down(node, down)),
                false => lab.at(us(at), move |net| net.set_port_down(port, down)),
            }
        }
    }
    lab
}

/// How many worlds are tried: `RADIO_WORLDS`, or a few.
fn runs() -> u32 {
    std::env::var("RADIO_WORLDS").ok().and_then(|text| text.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(runs()))]

    #[test]
    fn packets_and_frames_are_conserved_on_the_air(case in cases()) {
        let mut lab = world(&case, Unobserved);
        for stop in [500_000, 1_500_000] {
            lab.run_until(us(stop)); // The laboratory checks the balance whenever it stops.
        }
        lab.run_until(case.end());
        // A radio that has not joined holds what it got; requests, and their confirmations, go on; all else has come to an end.
        let in_flight = lab.net.packet_counts().in_flight;
        let in_flight_most = match case.duty {
            DutyCycle::AlwaysOn | DutyCycle::ContikiMac(_) | DutyCycle::XMac(_) => 0,
            DutyCycle::Polling(_) => 3 * case.places.len() as u64,
            DutyCycle::Tsch(_) => u64::MAX,
        };
        prop_assert!(in_flight <= in_flight_most, "{:?}", lab.net.packet_counts());
        let medium = &lab.net.radio_media()[0];
        let (report, fates) = (medium.report(), medium.fates());
        let total = |kind| Fate::ALL.iter().map(|&fate| fates.total(kind, fate)).sum::<u64>();
        // Slots and requests go on: at the end of the run frames may be in the air, one a radio at most.
        let perpetual = matches!(case.duty, DutyCycle::Tsch(_) | DutyCycle::Polling(_));
        let in_air_most = if perpetual { case.places.len() as u64 } else { 0 };
        let unicasts = total(FrameKind::Unicast) + report.aborted_unicasts;
        prop_assert!(unicasts <= report.unicasts && report.unicasts <= unicasts + in_air_most);
        let acknowledgements = total(FrameKind::Acknowledgement) + report.aborted_acknowledgements;
        prop_assert!(acknowledgements <= report.acknowledgements);
        prop_assert!(report.acknowledgements <= acknowledgements + in_air_most);
        let confirmed = fates.total(FrameKind::Unicast, Fate::Received)
            + fates.total(FrameKind::Unicast, Fate::Duplicate);
        // Each frame that was given to a radio for another has one end, in the frame's own account.
        let ends = medium.fates_at_end();
        let ended = |fate| ends.total(FrameKind::Frame, fate);
        let all: u64 = Fate::ALL.iter().map(|&fate| ended(fate)).sum();
        prop_assert_eq!(all, report.offered, "{:?}", ends.lines().collect::<Vec<_>>());
        if case.duty == DutyCycle::AlwaysOn {
            prop_assert_eq!(ended(Fate::Waiting), 0);
            // Whatever was received is of use, or was a part of a packet that never was.
            let received = fates.total(FrameKind::Unicast, Fate::Received);
            prop_assert_eq!(ended(Fate::Received) + ended(Fate::Reassembly), received);
        }
        // A receiver that fails before it has turned confirms nothing.
        prop_assert!(report.acknowledgements <= confirmed && (case.confirmed || report.acknowledgements == 0));
        if case.confirmed && case.changes.is_empty() {
            prop_assert!(confirmed <= report.acknowledgements + in_air_most);
        }
        let now = case.end();
        let mut in_air = SimDuration::ZERO;
        for radio in 0..case.places.len() as u32 {
            let times = medium.state_times(radio, now);
            prop_assert_eq!(times.iter().copied().sum::<SimDuration>(), now - us(0));
            in_air += times[network::radio::mac::RadioState::Transmit as usize];
        }
        prop_assert!(in_air <= report.air_time);
        if case.changes.is_empty() {
            let begun = SimDuration::from_millis(5) * in_air_most;
            prop_assert!(report.air_time - in_air <= begun, "{} of {}", in_air, report.air_time);
        }
    }

    #[test]
    fn an_observer_changes_nothing_on_the_air(case in cases()) {
        let (mut seen, mut unseen) = (world(&case, Tap::default()), world(&case, Unobserved));
        seen.run_until(case.end());
        unseen.run_until(case.end());
        prop_assert_eq!(seen.net.digest(), unseen.net.digest());
        prop_assert_eq!(seen.delivered.len(), unseen.delivered.len());
        for delivery in &seen.delivered {
            // Every packet arrives as it was sent: filler of the length that its header states.
            let bytes = delivery.packet.to_vec();
            let header = wire::ipv6::Header::parse(&bytes).expect("an IPv6 header");
            prop_assert_eq!(usize::from(header.payload_len) + wire::ipv6::HEADER_LEN, bytes.len());
            let account = &delivery.packet.account;
            let headers: usize = account.headers().iter().map(|header| usize::from(header.bytes)).sum();
            let runs: usize = account.runs.iter().map(|run| run.bytes as usize).sum();
            prop_assert_eq!(headers + runs, bytes.len());
        }
    }
}
