//! Contention against a published closed form: non-persistent CSMA (L. Kleinrock and F. A. Tobagi, "Packet Switching in
//! Radio Channels: Part I", IEEE Transactions on Communications COM-23(12), 1975, equation 3),
//! S = G e^(-aG) / (G (1 + 2a) + e^(-aG)).
//!
//! Unslotted CSMA-CA that gives up on the first busy channel is that: many radios whose looks at the channel are a Poisson
//! process (random back-offs only move its points), of which one that finds it clear sends after a time in which others
//! cannot notice it. That time, the turnaround of 12 symbols, takes the place of the propagation delay: a = 192 µs over the
//! time of a frame.

mod lab;

use lab::radio::*;
use lab::*;
use network::observer::Unobserved;
use network::radio::fate::{Fate, FrameKind};
use network::radio::mac::MacSettings;
use network::radio::medium::RadioMediumSpec;
use network::radio::position::Position;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sim_core::{SimDuration, SimTime, draw, math};

/// The part of the time in which frames get through, for `offered` looks in the time of a frame.
fn throughput(offered: f64, looks: u32) -> f64 {
    let mac =
        MacSettings { backoffs_max: 0, retries_max: 0, acknowledgements: false, ..MacSettings::default() };
    let spec = RadioMediumSpec { mac, ..spec(equal(RADIOS, 60.0)) };
    let RadioLab { builder, nodes, .. } = radio_lab(spec, &vec![Position::default(); RADIOS as usize]);
    let mut lab = Lab::observed(builder, 7, Unobserved);
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut at = SimTime::ZERO;
    for _ in 0..looks {
        at += draw::exponential_duration(&mut rng, SimDuration::from_secs_f64(FRAME_SECS / offered));
        let from = 1 + draw::below(&mut rng, u64::from(RADIOS) - 1) as usize;
        // 9 of MAC header, 3 of IPv6 header, 113 of data, 2 of check sequence: 127 bytes, 4,256 µs.
        lab.send_at(at, nodes[from], packet(&address(from + 1), &address(1), 153));
    }
    lab.run();
    fates(&lab, FrameKind::Unicast, Fate::Received) as f64 * FRAME_SECS / at.as_secs_f64()
}

fn closed_form(offered: f64) -> f64 {
    let a = TURNAROUND_SECS / FRAME_SECS;
    let silent = math::exp(-a * offered);
    offered * silent / (offered * (1.0 + 2.0 * a) + silent)
}

#[test]
fn contention_is_what_kleinrock_and_tobagi_say() {
    for offered in [0.25, 0.5, 1.0, 2.0, 4.0, 8.0] {
        let (simulated, expected) = (throughput(offered, 20_000), closed_form(offered));
        let off = simulated / expected - 1.0;
        println!("G = {offered}: S = {simulated:.4}, closed form {expected:.4}, {:+.2} %", 100.0 * off);
        assert!(off.abs() < 0.05, "G = {offered}: {simulated} instead of {expected}");
    }
}

const RADIOS: u32 = 150;
const FRAME_SECS: f64 = 4.256e-3;
const TURNAROUND_SECS: f64 = 192e-6;
