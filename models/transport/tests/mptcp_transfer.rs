//! Multipath TCP over two paths: how much they carry together, schedulers, hand-over, falling back.

mod lab;

use lab::multipath::{Pair, rewrite, strip};
use lab::{Path, Stream};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sim_core::{SimDuration, SimTime};
use transport::mptcp::{Fallback, MptcpConfig, MptcpEvent, PathManager, Scheduler};
use transport::tcp::CloseReason;

fn streams(seed: u64, count: [u32; 2], size: u32) -> [Stream; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    [Stream::new(&mut rng, 0, count[0], size), Stream::new(&mut rng, 1, count[1], size)]
}

fn rated(delay_ms: u64, rate: u64, queue: u64) -> [Path; 2] {
    [Path { rate: Some(rate), queue, ..Path::clean(delay_ms) }; 2]
}

fn paired() -> MptcpConfig {
    MptcpConfig { path_manager: PathManager::Endpoints, announce: false, ..MptcpConfig::default() }
}

/// Runs to the end, and checks that both sides have everything and forget each other.
fn complete(run: &mut Pair, streams: &mut [Stream; 2], context: &str) {
    run.begin(streams);
    run.go(streams, SimTime::from_secs(400), context);
    for stream in streams.iter() {
        assert!(stream.is_complete(), "{context}: {} of {}", stream.read, stream.all.end());
    }
    assert_eq!(run.closed, [Some(CloseReason::Normal); 2], "{context}");
    run.lab.run_until(run.lab.now + SimDuration::from_secs(2000));
    for end in &run.lab.ends {
        assert_eq!(end.connections(), 0, "{context}: memory is kept");
    }
}

fn fallbacks(run: &Pair) -> [Option<Fallback>; 2] {
    [0, 1].map(|side| {
        run.seen[side].iter().find_map(|event| match event {
            MptcpEvent::FellBack { reason, .. } => Some(*reason),
            _ => None,
        })
    })
}

// Holds: RFC 8684 3.2-a, 3.2-b, 3.3.1-g, 3.4.1-b.
#[test]
fn every_scheduler_and_path_manager_delivers_everything() {
    for scheduler in [
        Scheduler::LowestRtt,
        Scheduler::RoundRobin,
        Scheduler::Redundant,
        Scheduler::Blest,
        Scheduler::BackupOnly,
    ] {
        for path_manager in
            [PathManager::FullMesh, PathManager::Endpoints, PathManager::AcceptingSide, PathManager::Single]
        {
            for (checksum, long_sequence) in [(false, false), (true, false), (false, true), (true, true)] {
                let context =
                    format!("{} {} {checksum} {long_sequence}", scheduler.name(), path_manager.name());
                let config = MptcpConfig {
                    scheduler,
                    path_manager,
                    checksum,
                    long_sequence,
                    ..MptcpConfig::default()
                };
                let mut run =
                    Pair::new(1, &[rated(10, 20_000_000, 100_000), rated(30, 20_000_000, 100_000)], &config);
                let mut streams = streams(1, [400, 100], 4000);
                complete(&mut run, &mut streams, &context);
                assert_eq!(fallbacks(&run), [None, None], "{context}");
                let joined = run.counters(0).joined;
                let expected = match path_manager {
                    PathManager::FullMesh | PathManager::AcceptingSide => 3,
                    // Ours to its first address, and our first to the one that it announces.
                    PathManager::Endpoints => 2,
                    PathManager::Single => 0,
                };
                assert_eq!(joined, expected, "{context}");
                assert_eq!(run.counters(1).joined, expected, "{context}");
            }
        }
    }
}

#[test]
fn two_paths_carry_nine_tenths_of_their_sum() {
    // 10 + 4 Mbit/s, of which 1428 of 1500 bytes are data; VALIDITY: at least 0.9 of the sum.
    let paths = [rated(10, 10_000_000, 100_000), rated(20, 4_000_000, 60_000)];
    let mut run = Pair::new(7, &paths, &paired());
    let mut streams = streams(7, [3000, 1], 16_000);
    let begin = run.lab.now;
    run.begin(&mut streams);
    run.go(&mut streams, SimTime::from_secs(100), "aggregation");
    assert!(streams[0].is_complete());
    let elapsed = (run.lab.now - begin).as_nanos() as f64 / 1e9;
    let goodput = streams[0].all.end() as f64 * 8.0 / elapsed / 1e6;
    println!("{goodput:.2} Mbit/s in {elapsed:.1} s, {:?}", run.counters(0));
    println!("{:?}", run.stats[0].as_ref().map(|stats| stats.subflows.clone()));
    assert!(goodput > 0.9 * 14.0 * 1428.0 / 1500.0, "{goodput} Mbit/s");
}

#[test]
fn a_subflow_that_goes_dark_costs_little_time_and_no_byte() {
    let mut paths = [rated(10, 10_000_000, 100_000), rated(20, 4_000_000, 60_000)];
    let cut = SimTime::from_secs(2);
    for direction in &mut paths[0] {
        direction.down = Some((cut, SimTime::from_secs(10_000)));
    }
    let mut run = Pair::new(3, &paths, &MptcpConfig::default());
    let mut streams = streams(3, [600, 1], 16_000);
    run.begin(&mut streams);
    let (mut stall, mut last, mut read) = (SimDuration::ZERO, run.lab.now, 0);
    while !streams[0].is_complete() && run.lab.step(SimTime::from_secs(100)) {
        run.tend(&mut streams, "dark");
        if streams[0].read > read {
            read = streams[0].read;
            if run.lab.now > cut {
                stall = stall.max(run.lab.now - last);
            }
            last = run.lab.now;
        }
    }
    assert!(streams[0].is_complete(), "{} of {}", streams[0].read, streams[0].all.end());
    println!("stall {} ms, {:?}", stall.as_millis(), run.counters(0));
    // VALIDITY: at most 3 RTO; the least one is 1 s (RFC 6298 §2.4).
    assert!(stall < SimDuration::from_secs(3), "{} ms", stall.as_millis());
    assert!(run.counters(0).reinjections > 0);
}

// Holds: RFC 8684 3.1-l, 3.1-n, 3.7-a.
#[test]
fn options_taken_off_each_segment_of_the_opening_end_in_plain_tcp() {
    // From the n-th segment of a side on.
    for (side, from, reasons) in [
        (0, 1, [Some(Fallback::SynAck), Some(Fallback::Syn)]),
        (1, 1, [Some(Fallback::SynAck), Some(Fallback::ThirdAck)]),
        (0, 2, [Some(Fallback::NoMapping), Some(Fallback::ThirdAck)]),
    ] {
        let context = format!("side {side} from {from}");
        let mut run = Pair::new(5, &[[Path::clean(10); 2]], &MptcpConfig::default());
        let mut count = 0;
        run.lab.gateway = Some(Box::new(move |sender, _, transmit| {
            if sender == side {
                count += 1;
                if count >= from {
                    strip(transmit);
                }
            }
        }));
        let mut streams = streams(5, [20, 0], 4000);
        complete(&mut run, &mut streams, &context);
        assert_eq!(fallbacks(&run), reasons, "{context}");
    }
}

#[test]
fn a_failing_checksum_on_the_only_subflow_ends_in_plain_tcp_on_both_sides() {
    let config = MptcpConfig { checksum: true, ..MptcpConfig::default() };
    let mut run = Pair::new(6, &[[Path::clean(10); 2]], &config);
    let mut data = 0;
    run.lab.gateway = Some(Box::new(move |side, _, transmit| {
        if side == 0 && transmit.packet.payload_len() > 0 {
            data += 1;
            if data == 5 {
                rewrite(transmit, |_, data| data[0] ^= 0x20);
            }
        }
    }));
    let mut streams = streams(6, [30, 5], 4000);
    run.begin(&mut streams);
    let length = streams[0].all.end();
    let mut got = 0;
    while run.closed.iter().any(Option::is_none) && run.lab.step(SimTime::from_secs(100)) {
        for (side, stream) in streams.iter_mut().enumerate() {
            for event in std::mem::take(&mut run.lab.events[side]) {
                match event {
                    MptcpEvent::Accepted { id, .. } => run.ids[side] = Some(id),
                    MptcpEvent::Closed { reason, .. } => run.closed[side] = Some(reason),
                    _ => {}
                }
                run.seen[side].push(event);
            }
            let Some(id) = run.ids[side] else { continue };
            stream.write(&mut run.lab, side, id);
            let (payload, _) = run.lab.ends[side].read(run.lab.now, id, u32::MAX);
            if side == 1 {
                got += u64::from(payload.len());
            }
            run.lab.drain(side);
        }
    }
    // What was changed on the way is delivered as it came, as plain TCP would (RFC 8684 §3.7).
    assert_eq!(got, length);
    assert_eq!(fallbacks(&run), [Some(Fallback::PeerFailed), Some(Fallback::Checksum)]);
    assert_eq!(run.closed, [Some(CloseReason::Normal); 2]);
}

#[test]
fn a_failing_checksum_on_one_of_two_subflows_ends_that_one_only() {
    let config = MptcpConfig { checksum: true, ..MptcpConfig::default() };
    let mut run = Pair::new(8, &[rated(10, 20_000_000, 100_000), rated(30, 20_000_000, 100_000)], &config);
    let mut data = 0;
    run.lab.gateway = Some(Box::new(move |side, path, transmit| {
        if side == 0 && path == 1 && transmit.packet.payload_len() > 0 {
            data += 1;
            if data == 5 {
                rewrite(transmit, |_, data| data[0] ^= 0x20);
            }
        }
    }));
    let mut streams = streams(8, [300, 5], 4000);
    complete(&mut run, &mut streams, "checksum on the second");
    assert_eq!(fallbacks(&run), [None, None]);
    assert_eq!(run.counters(1).checksums_failed, 1);
    let over =
        |event: &&MptcpEvent| matches!(event, MptcpEvent::SubflowClosed { reason: CloseReason::Reset, .. });
    assert_eq!(run.seen[0].iter().filter(over).count(), 1);
}
