//! Whatever the topology and the impairments: no packet is lost from sight, no frame on a link, no bit
//! above the rate.

mod lab;

use std::sync::Arc;

use lab::*;
use network::builder::{NetworkBuilder, NodeKey, PortKey};
use network::drop_cause::DropCause;
use network::impairment::{CorruptionRate, GilbertElliottConfig, JitterDistribution, RateTrace};
use network::link::{Direction, LossConfig};
use network::observer::{Observer, Unobserved};
use network::port::Framing;
use network::queue::{
    CoDelConfig, CoDelControl, FqCodelConfig, QueueConfig, QueueLimit, RedConfig, RedThresholds,
};
use proptest::prelude::*;
use sim_core::{ByteCount, DataRate, Probability, SimDuration};

/// A direction in numbers that a test can shrink.
#[derive(Clone, Debug)]
struct Kind {
    rate: u64,
    delay_us: u64,
    mtu: u16,
    framing: u8,
    queue: u8,
    limit: u32,
    loss: u8,
    jitter: u8,
    chance: f64,
    trouble: u8,
}

fn kinds() -> impl Strategy<Value = Kind> {
    let path = (100_000_u64..20_000_000, 0_u64..20_000, 300_u16..2000, 0_u8..3);
    let queue = (0_u8..5, 0_u32..12);
    let trouble = (0_u8..4, 0_u8..3, 0.0..0.4, 0_u8..8);
    (path, queue, trouble).prop_map(
        |((rate, delay_us, mtu, framing), (queue, limit), (loss, jitter, chance, trouble))| Kind {
            rate,
            delay_us,
            mtu,
            framing,
            queue,
            limit,
            loss,
            jitter,
            chance,
            trouble,
        },
    )
}

impl Kind {
    fn direction(&self) -> Direction {
        let chance = Probability::from_f64(self.chance).expect("a chance is between 0 and 1");
        let rate = DataRate::from_bits_per_second(self.rate);
        let mut direction = Direction::new(rate, SimDuration::from_micros(self.delay_us));
        direction.mtu = self.mtu;
        direction.framing = [Framing::None, Framing::Ppp, Framing::Ethernet][usize::from(self.framing)];
        let limit = QueueLimit::Packets(self.limit);
        let control = CoDelControl { ecn: true, ..CoDelControl::default() };
        direction.queue = match self.queue {
            0 | 1 => QueueConfig::DropTail(limit),
            2 => {
                let thresholds = RedThresholds::Packets { min: 1, max: 8 };
                QueueConfig::Red(RedConfig::new(limit, thresholds, SimDuration::from_micros(500)))
            }
            3 => QueueConfig::CoDel(CoDelConfig { limit, control }),
            _ => QueueConfig::FqCodel(FqCodelConfig { limit, control, flows: 4, ..FqCodelConfig::default() }),
        };
        direction.loss = match self.loss {
            0 => LossConfig::None,
            1 => LossConfig::Independent(chance),
            2 => LossConfig::Frames(vec![1, 5, 6, 40]),
            _ => LossConfig::GilbertElliott(gilbert_elliott()),
        };
        let spread = JitterDistribution::Uniform { min: millis(0), max: millis(4) };
        direction.jitter = (self.jitter > 0).then_some((spread, self.jitter == 1));
        direction.duplicate = (self.trouble & 1 != 0).then_some(chance);
        direction.corrupt = (self.trouble & 2 != 0).then_some(CorruptionRate::Frame(chance));
        direction.reorder = (self.trouble == 4).then_some((chance, millis(9)));
        if self.trouble == 5 {
            let trace = RateTrace::parse("1\n1\n3\n7\n8\n").expect("times in order");
            direction.rate_trace = Some(Arc::new(trace));
        }
        direction
    }
}

/// A random world, and what is sent in it.
#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    forwards: Vec<bool>,
    links: Vec<(usize, usize, Kind, Kind)>,
    sends: Vec<(u64, usize, usize, usize, u8)>,
    faults: Vec<(u64, usize, u8)>,
}

fn cases() -> impl Strategy<Value = Case> {
    (3_usize..7).prop_flat_map(|nodes| {
        let links = prop::collection::vec((0..nodes, 0..nodes, kinds(), kinds()), 2..9);
        let sends =
            prop::collection::vec((0_u64..60_000, 0..64_usize, 0..64_usize, 28_usize..3000, 1_u8..9), 1..120);
        let faults = prop::collection::vec((0_u64..80_000, 0..64_usize, 0_u8..8), 0..6);
        let forwards = prop::collection::vec(prop::bool::weighted(0.8), nodes);
        (any::<u64>(), forwards, links, sends, faults)
            .prop_map(|(seed, forwards, links, sends, faults)| Case { seed, forwards, links, sends, faults })
    })
}

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
    let (mut ports, mut owners) = (Vec::new(), Vec::new());
    for (number, (a, b, forward, backward)) in case.links.iter().enumerate() {
        let b = if a == b { (b + 1) % nodes.len() } else { *b };
        let ends = [(*a, 1), (b, 2)].map(|(node, host)| {
            let address = format!("10.0.{number}.{host}");
            let port =
                builder.add_port(nodes[node], &format!("l{number}"), &[prefix(&format!("{address}/24"))]);
            owners.push((nodes[node], address));
            port
        });
        ports.extend(ends);
        builder.connect(&format!("l{number}"), ends, forward.direction(), backward.direction());
    }
    let mut lab = Lab::observed(builder, case.seed, observer);
    for &(at, from, to, len, hop_limit) in &case.sends {
        let (node, source) = &owners[from % owners.len()];
        let (_, destination) = &owners[to % owners.len()];
        let ecn = if len % 2 == 0 { wire::ip::Ecn::Ect0 } else { wire::ip::Ecn::NotEct };
        lab.send_at(us(at), *node, packet_with(source, destination, len, hop_limit, ecn));
    }
    World { lab, ports }
}

fn gilbert_elliott() -> GilbertElliottConfig {
    let share = Probability::from_f64(0.2).expect("a chance is between 0 and 1");
    GilbertElliottConfig::bursts(millis(1), millis(3), share).expect("bursts of three slots")
}

/// Frames of a direction that have neither arrived nor been lost.
fn on_the_way(lab: &Lab<Tap>, port: PortKey) -> u64 {
    let port = lab.port(port);
    let report = lab.net.direction_report(port);
    let peer = lab.net.peer(port);
    let arrived =
        lab.net.observer.0.iter().filter(|seen| matches!(seen, Seen::Arrived { port, .. } if *port == peer));
    let gone = arrived.count() as u64 + report.drops.get(DropCause::Loss);
    (report.frames + report.duplicated)
        .checked_sub(gone)
        .unwrap_or_else(|| panic!("{gone} frames arrived or were lost, more than were sent: {report:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_frame_sent_arrives_or_is_lost_or_is_under_way(case in cases()) {
        let World { mut lab, ports } = world(&case, Tap::default());
        for stop in [us(20_000), us(50_000)] {
            lab.run_until(stop);
            let links: u64 = ports.iter().map(|&port| on_the_way(&lab, port)).sum();
            // A drop-tail queue's frames are on the link in advance; those of a managed one are not.
            let waiting: u64 = ports
                .iter()
                .zip(case.links.iter().flat_map(|(_, _, forward, backward)| [forward, backward]))
                .filter(|(_, kind)| kind.queue > 1 || kind.trouble == 5)
                .map(|(&port, _)| u64::from(lab.net.queue_packets(lab.port(port))))
                .sum();
            prop_assert_eq!(links + waiting, lab.net.packet_counts().in_flight);
        }
        lab.run();
        prop_assert_eq!(lab.net.packet_counts().in_flight, 0);
        for &port in &ports {
            prop_assert_eq!(on_the_way(&lab, port), 0);
        }
    }

    #[test]
    fn packets_are_conserved_through_faults(case in cases()) {
        let World { mut lab, ports } = world(&case, Tap::default());
        for &(at, which, what) in &case.faults {
            let port = lab.port(ports[which % ports.len()]);
            let node = lab.net.port_info(port).node;
            let (fault, until) = (us(at), us(at + 7_000));
            match what {
                0..=3 => {
                    lab.at(fault, move |net| net.set_port_down(port, true));
                    lab.at(until, move |net| net.set_port_down(port, false));
                }
                4 | 5 => {
                    lab.at(fault, move |net| net.set_node_down(node, true));
                    lab.at(until, move |net| net.set_node_down(node, false));
                }
                6 => lab.at(fault, move |net| net.set_rate(port, mbit(3))),
                _ => lab.at(fault, move |net| net.set_delay(port, millis(2))),
            }
        }
        lab.run_until(us(30_000)); // The laboratory checks the balance whenever it stops.
        lab.run();
        let counts = lab.net.packet_counts();
        prop_assert_eq!(counts.in_flight, 0);
        prop_assert_eq!(counts.delivered as usize, lab.delivered.len());
    }

    #[test]
    fn no_link_carries_more_than_its_rate(case in cases()) {
        let World { mut lab, ports } = world(&case, Tap::default());
        lab.run();
        for &port in &ports {
            let port = lab.port(port);
            let departures = lab.net.observer.0.iter().filter_map(|seen| match seen {
                Seen::Sent { at, port: sent, departs, .. } if *sent == port => Some((*at, *departs)),
                _ => None,
            });
            let report = lab.net.direction_report(port);
            let (mut last, mut first) = (sim_core::SimTime::ZERO, None);
            for (at, departs) in departures {
                prop_assert!(departs >= last, "frames leave in turn");
                (last, first) = (departs, first.or(Some(at)));
            }
            let open = first.map_or(SimDuration::ZERO, |first| last - first);
            // Behind the last frame comes its gap: 12 bytes of Ethernet's.
            let gap = lab.net.rate(port).transmit_time(ByteCount::from_bytes(12));
            prop_assert!(report.busy <= open + gap, "busy for {:?} of {:?}", report.busy, open);
        }
    }

    #[test]
    fn an_observer_changes_nothing(case in cases()) {
        let World { mut lab, .. } = world(&case, Tap::default());
        lab.run();
        let World { lab: mut other, .. } = world(&case, Unobserved);
        other.run();
        prop_assert_eq!(lab.net.digest(), other.net.digest());
    }
}
