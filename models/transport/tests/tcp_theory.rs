//! TCP against formulas: what it reaches with random loss, and that it never exceeds the link.

mod lab;

use lab::{Lab, Path, run_of};
use sim_core::SimTime;
use transport::congestion::Algorithm;
use transport::tcp::{TcpConfig, TcpEvent};
use wire::payload::Slice;

/// Bytes delivered in `seconds` to a reader that never waits, of a sender that always has data, after a tenth of
/// that time.
fn bulk(seed: u64, path: Path, back: Path, config: &TcpConfig, seconds: u64) -> (u64, Lab) {
    let mut lab = Lab::new(seed, [path, back]);
    let (client, _) = lab.connect(config.clone(), config.clone());
    let mut server = None;
    let (mut written, mut read, mut warm) = (0, 0, 0);
    let end = SimTime::from_secs(seconds);
    let warm_until = SimTime::from_secs(seconds / 10);
    while lab.step(end) {
        for event in std::mem::take(&mut lab.events[1]) {
            if let TcpEvent::Accepted { id, .. } = event {
                server = Some(id);
            }
        }
        lab.events[0].clear();
        let room = lab.ends[0].writable(client);
        if room >= 1 << 16 {
            let slice = Slice::filler(0, written, room);
            written += u64::from(lab.ends[0].write(lab.now, client, &slice, run_of(0, false)));
            lab.drain(0);
        }
        if let Some(server) = server
            && lab.ends[1].readable(server) > 0
        {
            let (payload, _) = lab.ends[1].read(lab.now, server, u32::MAX);
            read += u64::from(payload.len());
            lab.drain(1);
        }
        if lab.now < warm_until {
            warm = read;
        }
    }
    (read - warm, lab)
}

#[test]
fn reno_with_sack_follows_mathis() {
    // Mathis et al. 1997: MSS/RTT · √(3/2)/√p; bytes are counted, so delayed acknowledgments do not matter.
    // MSS 1460, RTT 100 ms, p = 1e-3: 1460/0.1 · 1.2247/0.03162 = 565,476 bytes/s = 4524 kbit/s.
    let config = TcpConfig {
        timestamps: false,
        send_buffer: 4 << 20,
        receive_buffer: 4 << 20,
        ..TcpConfig::default()
    };
    let path = Path { loss: 1000, ..Path::clean(50) };
    let seconds = 100;
    let sum: u64 = (0..20).map(|seed| bulk(seed, path, Path::clean(50), &config, seconds).0).sum();
    let rate = sum as f64 / 20.0 / (seconds as f64 * 0.9);
    let expected = 565_476.0;
    println!("Mathis: {rate:.0} bytes/s, formula {expected}, ratio {:.3}", rate / expected);
    assert!((0.85..=1.15).contains(&(rate / expected)), "{rate} bytes/s against {expected}");
}

#[test]
fn a_link_is_filled_and_never_exceeded() {
    for congestion in [Algorithm::Reno, Algorithm::Cubic] {
        for sack in [true, false] {
            let config = TcpConfig { congestion, sack, ..TcpConfig::default() };
            let rate = 10_000_000;
            let path = Path { rate: Some(rate), queue: 64_000, ..Path::clean(20) };
            let seconds = 20;
            let (delivered, lab) = bulk(3, path, Path::clean(20), &config, seconds);
            let carried = lab.carried[0] * 8;
            assert!(carried <= rate * seconds, "{congestion:?}: {carried} bits in {seconds} s");
            // 1448 of 1500 bytes are payload.
            let used = delivered as f64 * 8.0 * 1500.0 / 1448.0 / (rate as f64 * seconds as f64 * 0.9);
            println!(
                "{congestion:?}, sack {sack}: {used:.3} of the link, {} overflows",
                lab.faults.overflowed
            );
            assert!((0.85..=1.001).contains(&used), "{congestion:?}, sack {sack}: {used}");
        }
    }
}

#[test]
fn the_window_grows_without_loss_until_the_receiver_limits() {
    // 64 KiB per 100 ms.
    let config = TcpConfig { window_scaling: false, ..TcpConfig::default() };
    let (delivered, _) = bulk(1, Path::clean(50), Path::clean(50), &config, 20);
    let expected = 65_535.0 / 0.1 * 18.0;
    let ratio = delivered as f64 / expected;
    assert!((0.9..=1.0).contains(&ratio), "{ratio}");
}
