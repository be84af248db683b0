//! TCP's response to loss, held to formulas of others. In debug builds only the arithmetic is tested.

mod lab;

use lab::{Lab, Path, run_of};
use sim_core::SimTime;
use transport::congestion::Algorithm;
use transport::tcp::{LossDetection, TcpConfig, TcpEvent};
use wire::payload::Slice;

/// Payload of a full segment without options, in bytes.
const SEGMENT: f64 = 1460.0;
/// Round-trip time in seconds.
const RTT: f64 = 0.1;

/// Segments delivered each second to a reader that never waits, after a fifth of `seconds`.
fn rate(seed: u64, forward: Path, config: &TcpConfig, seconds: u64) -> f64 {
    let mut lab = Lab::new(seed, [forward, Path::clean(50)]);
    let (client, _) = lab.connect(config.clone(), config.clone());
    let (mut server, mut read, mut warm) = (None, 0_u64, 0_u64);
    let warm_until = SimTime::from_secs(seconds / 5);
    while lab.step(SimTime::from_secs(seconds)) {
        for event in std::mem::take(&mut lab.events[1]) {
            if let TcpEvent::Accepted { id, .. } = event {
                server = Some(id);
            }
        }
        lab.events[0].clear();
        let room = lab.ends[0].writable(client);
        if room >= 1 << 16 {
            lab.ends[0].write(lab.now, client, &Slice::filler(0, 0, room), run_of(0, false));
            lab.drain(0);
        }
        if let Some(server) = server
            && lab.ends[1].readable(server) > 0
        {
            read += u64::from(lab.ends[1].read(lab.now, server, u32::MAX).0.len());
            lab.drain(1);
        }
        if lab.now < warm_until {
            warm = read;
        }
    }
    (read - warm) as f64 / SEGMENT / (seconds as f64 * 0.8)
}

/// No timestamps, so that a segment carries 1460 bytes, and buffers that never limit.
fn config(congestion: Algorithm) -> TcpConfig {
    let buffer = 4 << 20;
    TcpConfig {
        congestion,
        timestamps: false,
        send_buffer: buffer,
        receive_buffer: buffer,
        ..TcpConfig::default()
    }
}

/// What the formulas' authors measured, with selective acknowledgments.
fn of_1998() -> TcpConfig {
    TcpConfig {
        loss_detection: LossDetection::DuplicateAcks,
        proportional_rate_reduction: false,
        f_rto: false,
        undo: false,
        ..config(Algorithm::Reno)
    }
}

fn mean(seeds: std::ops::Range<u64>, measure: impl Fn(u64) -> f64) -> f64 {
    let count = seeds.end - seeds.start;
    seeds.map(measure).sum::<f64>() / count as f64
}

/// Mean window in segments with one loss in 1/p (RFC 9438 §5.1, equation 6 with C = 0.4 and β = 0.7).
fn cubic_window(p: f64) -> f64 {
    let root = (RTT / p).sqrt();
    1.054 * root * root.sqrt()
}

/// Segments each second (Padhye et al., SIGCOMM 1998, equation 30), with an acknowledgment for every `b`.
fn pftk(p: f64, b: f64, timeout: f64) -> f64 {
    let backoff = (3.0 * (3.0 * b * p / 8.0).sqrt()).min(1.0);
    1.0 / (RTT * (2.0 * b * p / 3.0).sqrt() + timeout * backoff * p * (1.0 + 32.0 * p * p))
}

#[test]
fn the_formulas_give_the_published_values() {
    // 1.054 · 0.1^0.75 · 10^3 = 1.054 · 177.83 = 187.4.
    assert!((cubic_window(1e-4) - 187.4).abs() < 0.1);
    let kilobits = |rate: f64| (rate * SEGMENT * 8.0 / 1000.0).round();
    assert_eq!((kilobits(pftk(0.01, 1.0, 1.0)), kilobits(pftk(0.01, 2.0, 1.0))), (1167.0, 825.0));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "millions of segments: run with --release")]
fn cubic_stays_near_rfc_9438_with_periodic_loss() {
    // The formula knows no fast convergence, which gives way whenever a loss comes a little early.
    let path = Path { loss_period: 10_000, ..Path::clean(50) };
    let ratio = |fast_convergence| {
        let config = TcpConfig { fast_convergence, ..config(Algorithm::Cubic) };
        RTT * rate(1, path, &config, 800) / cubic_window(1e-4)
    };
    let (alone, giving_way) = (ratio(false), ratio(true));
    println!("CUBIC, every 10,000th lost: ratio {alone:.3}, with fast convergence {giving_way:.3}");
    assert!((0.95..=1.05).contains(&alone), "{alone}");
    assert!(giving_way < alone && giving_way > 0.9, "{giving_way}");
}

// Holds: RFC 9293 MAY-18.
#[test]
#[cfg_attr(debug_assertions, ignore = "millions of segments: run with --release")]
fn cubic_follows_rfc_9438_with_independent_loss() {
    let path = Path { loss: 100, ..Path::clean(50) };
    let window = RTT * mean(0..20, |seed| rate(seed, path, &config(Algorithm::Cubic), 150));
    let ratio = window / cubic_window(1e-4);
    println!("CUBIC, one in 10,000 lost: {window:.1} segments, ratio {ratio:.3}");
    assert!((0.85..=1.15).contains(&ratio), "{window} segments");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "hundreds of thousands of segments: run with --release")]
fn reno_follows_padhye() {
    // Their senders of 1998 find losses by three duplicate acknowledgments or by the timer, and know neither limited
    // transmit (RFC 3042), which avoids timeouts where the window is small, nor a test whether a timeout was needed.
    // Bytes are counted, so that an acknowledgment for every second segment opens the window like one for each.
    let cases =
        [(1_000, 100, 0.2), (10_000, 200, 0.2), (20_000, 200, 0.2), (50_000, 200, 0.2), (100_000, 200, 0.4)];
    for (millionths, seconds, tolerance) in cases {
        let p = f64::from(millionths) / 1e6;
        let path = Path { loss: millionths, ..Path::clean(50) };
        let ratio = |limited_transmit| {
            let config = TcpConfig { limited_transmit, ..of_1998() };
            mean(0..20, |seed| rate(seed, path, &config, seconds)) / pftk(p, 1.0, 1.0)
        };
        let (plain, limited) = (ratio(false), ratio(true));
        let today =
            mean(0..20, |seed| rate(seed, path, &config(Algorithm::Reno), seconds)) / pftk(p, 1.0, 1.0);
        println!("PFTK, p = {p}: ratio {plain:.3}, with limited transmit {limited:.3}, RACK-TLP {today:.3}");
        assert!(today > limited - 0.05, "p = {p}: RACK-TLP costs nothing, {today} against {limited}");
        assert!((plain - 1.0).abs() <= tolerance, "p = {p}: {plain}");
        assert!(limited > plain - 0.05, "p = {p}: limited transmit costs nothing, {limited} against {plain}");
    }
}
