//! Queues and links against queueing theory: mean waiting times within 2 %.

use super::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sim_core::{SimDuration, draw};

/// What a run of [`serve`] measured.
struct Measured {
    /// From arrival to the end of service, mean over those served.
    sojourn: f64,
    /// From arrival to the beginning of service, mean over those served.
    waiting: f64,
    /// The share of arrivals that found the queue full.
    refused: f64,
}

/// One server with `queue` in front of it: the packet in service is not in the queue. Service times come in
/// order of arrival; times are in units of the mean service time.
fn serve(
    mut queue: Discipline,
    arrivals: usize,
    mut gap: impl FnMut() -> SimDuration,
    mut service: impl FnMut() -> SimDuration,
) -> Measured {
    let (mut now, mut busy_until) = (SimTime::ZERO, SimTime::ZERO);
    let (mut sojourn, mut waiting, mut served, mut refused) = (0.0, 0.0, 0_u64, 0_u64);
    let mut dropped = Vec::new();
    for packet in 0..arrivals as u32 {
        now += gap();
        while busy_until <= now
            && let Some(out) = queue.dequeue(busy_until, &mut dropped)
        {
            waiting += (busy_until - out.item.arrived).as_secs_f64();
            busy_until += service();
            sojourn += (busy_until - out.item.arrived).as_secs_f64();
            served += 1;
        }
        let item = Queued { packet, bytes: 1, arrived: now, flow_hash: 0, ecn_capable: false };
        if busy_until <= now {
            // The server is free, and so the queue is empty: served at once.
            busy_until = now + service();
            sojourn += (busy_until - now).as_secs_f64();
            served += 1;
        } else if !queue.enqueue(now, item, || 0, &mut dropped).accepted {
            refused += 1;
        }
    }
    let (n, unit) = (served as f64, SERVICE.as_secs_f64());
    Measured {
        sojourn: sojourn / n / unit,
        waiting: waiting / n / unit,
        refused: refused as f64 / arrivals as f64,
    }
}

const SERVICE: SimDuration = SimDuration::from_millis(1);

fn drop_tail(places: u32) -> Discipline {
    Discipline::new(&QueueConfig::DropTail(QueueLimit::Packets(places))).unwrap()
}

/// Exponential spans of the given mean.
fn exponential(mean: SimDuration, seed: u64) -> impl FnMut() -> SimDuration {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    move || draw::exponential_duration(&mut rng, mean)
}

/// Exponential gaps between arrivals that load the server to `load`.
fn poisson(load: f64, seed: u64) -> impl FnMut() -> SimDuration {
    exponential(SimDuration::from_secs_f64(SERVICE.as_secs_f64() / load), seed)
}

fn assert_close(what: &str, measured: f64, theory: f64) {
    assert!((measured / theory - 1.0).abs() < 0.02, "{what}: measured {measured}, theory {theory}");
}

#[test]
fn exponential_service_waits_as_in_m_m_1() {
    // W = 1/(μ - λ): with μ = 1, 1/(1 - ρ); of that 1 is service.
    for (load, seed) in [(0.3, 1), (0.5, 2), (0.8, 3)] {
        let measured =
            serve(drop_tail(u32::MAX), 3_000_000, poisson(load, seed), exponential(SERVICE, seed + 100));
        assert_close(&format!("M/M/1 at {load}"), measured.sojourn, 1.0 / (1.0 - load));
    }
}

#[test]
fn constant_service_waits_as_in_m_d_1() {
    // Pollaczek and Khinchine with no variance of the service: Wq = ρ/(2 μ (1 - ρ)).
    for (load, seed) in [(0.3, 4), (0.5, 5), (0.8, 6)] {
        let measured = serve(drop_tail(u32::MAX), 3_000_000, poisson(load, seed), || SERVICE);
        assert_close(&format!("M/D/1 at {load}"), measured.waiting, load / (2.0 * (1.0 - load)));
        assert_close(&format!("M/D/1 at {load}"), measured.sojourn, 1.0 + load / (2.0 * (1.0 - load)));
    }
}

#[test]
fn a_short_queue_refuses_as_in_m_m_1_k() {
    // K = 4 places, one of them the server: P(full) = (1 - ρ) ρ^4/(1 - ρ^5) = 0.2 · 0.4096/0.67232 = 0.121847.
    let measured = serve(drop_tail(3), 3_000_000, poisson(0.8, 7), exponential(SERVICE, 107));
    assert_close("M/M/1/4", measured.refused, 0.121_847);
}
