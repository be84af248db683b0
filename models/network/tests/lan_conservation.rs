//! Segments, groups and faults at random: no packet is lost from sight, the medium never exceeds its rate,
//! and nothing is left behind when all is quiet.

mod lab;

use lab::*;
use network::builder::{NetworkBuilder, NodeKey, PortKey};
use network::link::{Direction, LossConfig};
use network::neighbour::NeighbourConfig;
use network::observer::{Observer, Unobserved};
use network::queue::QueueLimit;
use network::segment::SegmentSpec;
use proptest::prelude::*;
use sim_core::{DataRate, Probability, SimDuration};

/// A random world: each segment has some of the nodes as its stations, and a link joins the first two nodes.
#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    forwards: Vec<bool>,
    segments: Vec<(Vec<bool>, u64, u16, u32, f64, bool)>,
    sends: Vec<(u64, usize, usize, usize, u8, u8)>,
    changes: Vec<(u64, usize, u8)>,
}

fn cases() -> impl Strategy<Value = Case> {
    (2_usize..7).prop_flat_map(|nodes| {
        let segment = (
            prop::collection::vec(any::<bool>(), nodes),
            100_000_u64..20_000_000,
            300_u16..2000,
            // At least one place: an answer comes due while the question still occupies the medium. Without a
            // place each advertisement is lost, but has made its sender ask in turn (RFC 4861 §7.3.3), for ever.
            1_u32..8,
            0.0..0.3,
            any::<bool>(),
        );
        let send = (0_u64..12_000_000, 0..64_usize, 0..64_usize, 60_usize..3000, 1_u8..9, 0_u8..8);
        (
            any::<u64>(),
            prop::collection::vec(any::<bool>(), nodes),
            prop::collection::vec(segment, 1..4),
            prop::collection::vec(send, 1..100),
            prop::collection::vec((0_u64..12_000_000, 0..64_usize, 0_u8..8), 0..12),
        )
            .prop_map(|(seed, forwards, segments, sends, changes)| Case {
                seed,
                forwards,
                segments,
                sends,
                changes,
            })
    })
}

const GROUPS: [&str; 4] = ["239.1.2.3", "ff0e::123", "224.0.0.1", "255.255.255.255"];

struct World<O: Observer> {
    lab: Lab<O>,
    ports: Vec<PortKey>,
}

fn world<O: Observer>(case: &Case, observer: O) -> World<O> {
    let mut builder = NetworkBuilder::new();
    let nodes: Vec<NodeKey> = case
        .forwards
        .iter()
        .enumerate()
        .map(|(number, &forwards)| builder.add_node(&format!("n{number}"), forwards))
        .collect();
    let mut owned: Vec<(NodeKey, PortKey, [String; 2])> = Vec::new();
    let mut add = |builder: &mut NetworkBuilder, node: usize, net: usize| {
        let addresses = [format!("10.{net}.0.{}", node + 1), format!("fd{net:02}::{}", node + 1)];
        let prefixes = [prefix(&format!("{}/24", addresses[0])), prefix(&format!("{}/64", addresses[1]))];
        let port = builder.add_port(nodes[node], &format!("p{net}"), &prefixes);
        owned.push((nodes[node], port, addresses));
        port
    };
    let ends = [add(&mut builder, 0, 9), add(&mut builder, 1, 9)];
    let link = Direction::new(mbit(5), millis(2));
    builder.connect("link", ends, link.clone(), link);
    for (net, (stations, rate, mtu, queue, loss, known)) in case.segments.iter().enumerate() {
        let ports: Vec<_> = (0..nodes.len())
            .filter(|&node| stations[node])
            .map(|node| add(&mut builder, node, net))
            .collect();
        let neighbours = NeighbourConfig {
            known: *known,
            arp_timeout: SimDuration::from_secs(2),
            ..NeighbourConfig::default()
        };
        let chance = Probability::from_f64(*loss).expect("a chance is between 0 and 1");
        let spec = SegmentSpec {
            mtu: *mtu,
            queue: QueueLimit::Packets(*queue),
            loss: LossConfig::Independent(chance),
            neighbours,
            ..SegmentSpec::new(DataRate::from_bits_per_second(*rate), SimDuration::from_micros(5))
        };
        builder.segment(&format!("s{net}"), spec, &ports);
    }
    let mut lab = Lab::observed(builder, case.seed, observer);
    for &(at, from, to, len, hop_limit, kind) in &case.sends {
        let (node, _, source) = &owned[from % owned.len()];
        let (_, _, destination) = &owned[to % owned.len()];
        let (source, destination) = match kind {
            0..=2 => (source[0].as_str(), destination[0].as_str()),
            3 => (source[1].as_str(), destination[1].as_str()),
            4 => (source[0].as_str(), "10.0.0.77"),
            other => {
                let group = GROUPS[usize::from(other - 4) % GROUPS.len()];
                (source[usize::from(group.contains(':'))].as_str(), group)
            }
        };
        lab.send_at(us(at), *node, packet_with(source, destination, len, hop_limit, wire::ip::Ecn::NotEct));
    }
    for &(at, which, what) in &case.changes {
        let (node, port) = (lab.node(owned[which % owned.len()].0), lab.port(owned[which % owned.len()].1));
        let later = us(at + 900_000);
        match what {
            0 | 1 => {
                lab.at(us(at), move |net| net.set_port_down(port, true));
                lab.at(later, move |net| net.set_port_down(port, false));
            }
            2 => {
                lab.at(us(at), move |net| net.set_node_down(node, true));
                lab.at(later, move |net| net.set_node_down(node, false));
            }
            3 => lab.at(us(at), move |net| net.reset_neighbours(node)),
            4 => lab.at(us(at), move |net| net.leave(node, ip(GROUPS[0]))),
            _ => lab.at(us(at), move |net| GROUPS[..2].iter().for_each(|group| net.join(node, ip(group)))),
        }
    }
    World { lab, ports: owned.into_iter().map(|(_, port, _)| port).collect() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn packets_are_conserved_on_segments(case in cases()) {
        let World { mut lab, .. } = world(&case, Unobserved);
        for stop in [500_000, 3_000_000, 9_000_000] {
            lab.run_until(us(stop)); // The laboratory checks the balance whenever it stops.
        }
        lab.run();
        prop_assert_eq!(lab.net.packet_counts().in_flight, 0);
    }

    #[test]
    fn a_medium_never_carries_two_frames_at_once(case in cases()) {
        let World { mut lab, ports } = world(&case, Tap::default());
        lab.run();
        for segment in lab.net.segments() {
            let mut last = sim_core::SimTime::ZERO;
            let mut sent = 0;
            for seen in &lab.net.observer.0 {
                if let Seen::Sent { port, departs, .. } = seen && segment.stations().contains(port) {
                    prop_assert!(*departs > last);
                    (last, sent) = (*departs, sent + 1);
                }
            }
            prop_assert_eq!(segment.report().frames, sent);
            prop_assert!(sim_core::SimTime::ZERO + segment.report().busy <= last);
        }
        let World { lab: mut other, .. } = world(&case, Unobserved);
        other.run();
        prop_assert_eq!(other.net.digest(), lab.net.digest());
        prop_assert!(!ports.is_empty());
    }
}
