//! A link of the network against queueing theory: mean times within 2 %.

mod lab;

use lab::*;
use network::builder::NetworkBuilder;
use network::event::NetworkEvent as Event;
use network::forward::Ingress;
use network::link::Direction;
use network::observer::Unobserved;
use network::port::Framing;
use network::queue::{CoDelConfig, CoDelControl, QueueConfig, QueueLimit};
use sim_core::engine::Limits;
use sim_core::{DataRate, SimDuration, SimTime, draw};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Mean time from sending to arrival over a link of 64 Mbit/s (8 bytes a microsecond) without delay or
/// framing, in microseconds; sizes have a mean of 8,000 bytes.
fn mean_sojourn(
    queue: QueueConfig,
    arrivals: u32,
    seed: u64,
    load: f64,
    mut size: impl FnMut(&mut ChaCha8Rng) -> usize,
) -> f64 {
    let mut direction = Direction::new(DataRate::from_bits_per_second(64_000_000), SimDuration::ZERO);
    (direction.framing, direction.mtu, direction.queue) = (Framing::None, u16::MAX, queue);
    let mut builder = NetworkBuilder::new();
    let ends = [("a", "10.0.0.1/30"), ("b", "10.0.0.2/30")].map(|(name, address)| {
        let node = builder.add_node(name, false);
        builder.add_port(node, "0", &[prefix(address)])
    });
    builder.connect("a-b", ends, direction.clone(), direction);
    let (mut net, names) =
        builder.build(&streams(seed), Limits::default(), Unobserved).expect("a sound network");
    let (node, to) = (net.port_info(names.port(ends[0])).node, ip("10.0.0.2"));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let gap = SimDuration::from_secs_f64(MEAN_SERVICE / load);
    net.schedule_global(SimTime::ZERO, Event::Sample);
    // The time of sending travels in the account of the packet.
    let (mut sent, mut total, mut arrived) = (0, 0.0, 0.0);
    while let Some(event) = net.scheduler.next().expect("no limit is reached") {
        match Event::unpack(event.what) {
            Event::Sample => {
                let mut packet = packet("10.0.0.1", "10.0.0.2", size(&mut rng));
                packet.account.runs[0].generated = net.now();
                net.originate(node, packet, to, None);
                sent += 1;
                if sent < arrivals {
                    let next = net.now() + draw::exponential_duration(&mut rng, gap);
                    net.schedule_global(next, Event::Sample);
                }
            }
            Event::Arrival(node, id) => {
                if let Ingress::Local(id) = net.on_arrival(node, id) {
                    let now = net.now();
                    let packet = net.deliver(id);
                    total += (now - packet.account.runs[0].generated).as_secs_f64() * 1e6;
                    arrived += 1.0;
                }
            }
            Event::Service(port) => net.on_service(port),
            Event::Entry(..)
            | Event::Wake(_)
            | Event::Neighbour(_)
            | Event::Radio(..)
            | Event::Rpl(_)
            | Event::Discovery(_)
            | Event::Taken(..)
            | Event::Written(..)
            | Event::Battery(_)
            | Event::Fault(_) => {
                unreachable!("nobody schedules these")
            }
        }
    }
    assert!(arrived >= f64::from(arrivals) * 0.9999, "{arrived} of {arrivals}");
    total / arrived
}

/// 8,000 bytes at 64 Mbit/s, in seconds.
const MEAN_SERVICE: f64 = 1e-3;

fn assert_close(what: &str, measured: f64, theory: f64) {
    assert!((measured / theory - 1.0).abs() < 0.02, "{what}: measured {measured}, theory {theory}");
}

fn fifo() -> QueueConfig {
    QueueConfig::DropTail(QueueLimit::Packets(u32::MAX))
}

/// CoDel that never finds a delay too long: a queue with service events.
fn patient() -> QueueConfig {
    let hour = SimDuration::from_secs(3600);
    let control = CoDelControl { target: hour, interval: hour, ..CoDelControl::default() };
    QueueConfig::CoDel(CoDelConfig { limit: QueueLimit::Packets(u32::MAX), control })
}

/// Exponential sizes but for the 20 bytes of header, up to the largest packet.
///
/// 20 + 7,980 on average; the deviation is 7,980, so the squared coefficient of variation is 0.995, which
/// moves the mean of M/M/1 by 0.2 %. One in e^8.2 = 3,600 is cut.
fn exponential_size(rng: &mut ChaCha8Rng) -> usize {
    (20 + (draw::exponential(rng) * 7980.0) as usize).min(65_535)
}

#[test]
fn exponential_sizes_wait_as_in_m_m_1() {
    // W = S/(1 - ρ): with S = 1,000 us 2,000 at ρ = 0.5, 5,000 at ρ = 0.8.
    for (load, arrivals, theory) in [(0.5, 400_000, 2000.0), (0.8, 1_500_000, 5000.0)] {
        let measured = mean_sojourn(fifo(), arrivals, 11, load, exponential_size);
        assert_close(&format!("M/M/1 at {load}"), measured, theory);
    }
}

#[test]
fn constant_sizes_wait_as_in_m_d_1() {
    // Wq = ρ S/(2 (1 - ρ)): with ρ = 0.5 500, with ρ = 0.8 2,000 us beside the 1,000 of service.
    for queue in [fifo(), patient()] {
        for (load, arrivals, theory) in [(0.5, 400_000, 1500.0), (0.8, 1_000_000, 3000.0)] {
            let measured = mean_sojourn(queue.clone(), arrivals, 12, load, |_| 8000);
            assert_close(&format!("M/D/1 at {load}, {queue:?}"), measured, theory);
        }
    }
}
