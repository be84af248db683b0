//! Options and data that are changed on the way, segments that are cut and joined: where a checksum was agreed on each byte
//! comes as it was sent, or the connection says that it cannot promise that; and nothing hangs.

mod lab;

use std::sync::Arc;

use lab::meddler::{Change, Plan, meddler};
use lab::multipath::{Pair, address};
use lab::{Faults, Path, Stream};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim_core::{SimDuration, SimTime};
use transport::endpoint::{Endpoint, InterfaceId, NetworkEvent};
use transport::mptcp::{Fallback, MptcpConfig, MptcpEvent, Scheduler, SubflowStats};
use transport::tcp::{CloseReason, KeepAlive, TcpConfig};

const CHANGES: usize = Change::ALL.len();

#[derive(Default)]
struct Totals {
    faults: Faults,
    /// Segments changed, by what was changed.
    changes: [u64; CHANGES],
    fallbacks: [u64; Fallback::ALL.len()],
    checksums_failed: u64,
    addresses_refused: u64,
    joins_failed: u64,
    subflows_lost: u64,
    /// How connections ended: all delivered as it was sent; delivered after falling back; cut short with a reason.
    whole: u64,
    plain: u64,
    cut_short: u64,
    /// Connections with a path that nobody touched, on which all was delivered.
    saved: u64,
    bytes: u64,
}

fn config(rng: &mut ChaCha8Rng, checksum: bool) -> MptcpConfig {
    let coin = |rng: &mut ChaCha8Rng| rng.next_u32().is_multiple_of(2);
    let tcp = TcpConfig {
        mtu: [576, 1500][rng.next_u32() as usize % 2],
        receive_buffer: [20_000, 1 << 20][rng.next_u32() as usize % 2],
        timestamps: coin(rng),
        sack: coin(rng),
        // A reset that is lost leaves one side in the dark.
        keep_alive: Some(KeepAlive {
            idle: SimDuration::from_secs(30),
            interval: SimDuration::from_secs(5),
            probes: 6,
        }),
        user_timeout: SimDuration::from_secs(60),
        ..TcpConfig::default()
    };
    MptcpConfig {
        tcp: Arc::new(tcp),
        scheduler: [Scheduler::LowestRtt, Scheduler::RoundRobin, Scheduler::Redundant, Scheduler::Blest]
            [rng.next_u32() as usize % 4],
        checksum,
        long_sequence: coin(rng),
        lifetime: SimDuration::from_secs(20),
        ..MptcpConfig::default()
    }
}

fn direction(rng: &mut ChaCha8Rng, resegmented: bool) -> Path {
    let mut up_to = |max: u32| rng.next_u32() % max;
    Path {
        delay: SimDuration::from_millis(1 + u64::from(up_to(40))),
        rate: [None, Some(2_000_000)][up_to(2) as usize],
        queue: 100_000,
        loss: up_to(20_000),
        duplicate: up_to(20_000),
        reorder: up_to(50_000),
        split: if resegmented { up_to(300_000) } else { 0 },
        merge: if resegmented { up_to(100_000) } else { 0 },
        ..Path::clean(0)
    }
}

fn survive(seed: u64, totals: &mut Totals) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let number = rng.next_u32() as usize % CHANGES;
    let change = Change::ALL[number];
    let checksum = change.needs_checksum() || rng.next_u32().is_multiple_of(2);
    let count = 1 + rng.next_u32() as usize % 3;
    let plan = Plan {
        change,
        // One path, or all of them.
        path: Some(rng.next_u32() as usize % (count + 1)).filter(|path| *path < count),
        side: Some(rng.next_u32() as usize % 3).filter(|side| *side < 2),
        from: [0, rng.next_u32() % 4, rng.next_u32() % 60][rng.next_u32() as usize % 3],
        every: [1, 5, 30][rng.next_u32() as usize % 3],
    };
    // What comes once in a while has to be met.
    let rare = !change.needs_checksum() && ![Change::DataAck, Change::Kind].contains(&change);
    let plan = if rare { Plan { from: plan.from % 2, every: 1, ..plan } } else { plan };
    let resegmented: Vec<_> = (0..count).map(|_| rng.next_u32().is_multiple_of(4)).collect();
    let paths: Vec<_> = resegmented
        .iter()
        .map(|resegmented| [direction(&mut rng, *resegmented), direction(&mut rng, *resegmented)])
        .collect();
    let (client, server) = (config(&mut rng, checksum), config(&mut rng, checksum));
    let mut run = Pair::with(seed, &paths, &client, &server);
    let (gateway, done) = meddler(plan, seed);
    run.lab.gateway = Some(gateway);
    run.excused = match change {
        // Plain TCP cannot tell what was changed, and has said that it is plain TCP.
        Change::Payload => Fallback::ALL.to_vec(),
        // What failed and what follows it is delivered as it came, twice where it came twice.
        _ => vec![Fallback::Checksum, Fallback::PeerFailed],
    };
    let mut streams = [Stream::new(&mut rng, 1, 60, 4000), Stream::new(&mut rng, 2, 20, 3000)];
    streams.iter_mut().for_each(|stream| stream.only_bytes = true);
    let context = format!("seed {seed} {plan:?} over {count}, checksum {checksum}");
    run.begin(&mut streams);
    let mut steps = 0;
    let mut special_at = SimTime::from_millis(200 + u64::from(rng.next_u32() % 400));
    while run.closed.iter().any(Option::is_none) && run.lab.step(SimTime::from_secs(5000)) {
        steps += 1;
        assert!(steps < 400_000, "{context}: no end of steps");
        run.tend(&mut streams, &context);
        if run.lab.now >= special_at {
            special_at = SimTime::MAX;
            let now = run.lab.now;
            match (change, run.ids[0]) {
                (Change::RemovedAddress, _) => {
                    let gone = NetworkEvent::AddressRemoved(address(0, count as u8 - 1), InterfaceId(0));
                    run.lab.ends[0].handle_network(now, &gone);
                }
                (Change::FailOrFastClose, Some(id)) => run.lab.ends[0].abort(now, id),
                _ => {}
            }
            run.lab.drain(0);
        }
        if run.ids[1].is_none() && run.closed[0].is_some() {
            break;
        }
    }
    let news = run.seen.iter().map(|seen| {
        let of_subflows =
            |event: &&MptcpEvent| !matches!(event, MptcpEvent::Readable(_) | MptcpEvent::Writable(_));
        seen.iter().filter(of_subflows).collect::<Vec<_>>()
    });
    let read = streams.each_ref().map(|stream| (stream.read, stream.all.end()));
    let context = format!("{context} {:?} {read:?} {:?}", run.closed, news.collect::<Vec<_>>());
    let known = run.closed.iter().zip(&run.ids).all(|(closed, id)| closed.is_some() || id.is_none());
    assert!(known, "{context}: it hangs");
    let whole = streams.iter().all(Stream::is_complete);
    let normal = run.closed.iter().all(|closed| *closed == Some(CloseReason::Normal));
    totals.bytes += streams.iter().map(|stream| stream.read).sum::<u64>();
    // A path that nobody touches saves the connection, if it was there before the other one broke.
    let untouched = |path: usize| plan.path.is_some_and(|at| at != path) && !resegmented[path];
    let joined = |path: usize| {
        let near = [0, 1].map(|side| {
            let subflows = run.stats[side].iter().flat_map(|stats| &stats.subflows);
            let here = |it: &&SubflowStats| {
                address(0, path as u8) == if side == 0 { it.local.ip() } else { it.remote.ip() } && it.ready
            };
            subflows.filter(here).count() > 0
        });
        near == [true; 2]
    };
    let special = [Change::RemovedAddress, Change::FailOrFastClose].contains(&change);
    let safe =
        (0..count).any(|path| untouched(path) && (path == 0 || joined(path) && !run.has_fallen_back()));
    if safe && !special {
        assert!(whole && normal && !run.has_fallen_back(), "{context}");
        totals.saved += 1;
    }
    assert!(whole || !normal || run.has_fallen_back(), "{context}: it ends as if all was well");
    match (whole && normal, run.has_fallen_back()) {
        (true, false) => totals.whole += 1,
        (true, true) => totals.plain += 1,
        (false, _) => totals.cut_short += 1,
    }
    for side in 0..2 {
        let counters = run.counters(side);
        totals.checksums_failed += counters.checksums_failed;
        totals.addresses_refused += counters.addresses_refused;
        totals.joins_failed += counters.joins_failed;
        for event in &run.seen[side] {
            match event {
                MptcpEvent::FellBack { reason, .. } => totals.fallbacks[*reason as usize] += 1,
                MptcpEvent::SubflowClosed { .. } => totals.subflows_lost += 1,
                _ => {}
            }
        }
    }
    totals.changes[number] += done.get();
    totals.faults.add(&run.lab.faults);
    for side in 0..2 {
        if let Some(id) = run.ids[side] {
            run.lab.ends[side].close(run.lab.now, id);
            run.lab.drain(side);
        }
    }
    run.lab.run_until(run.lab.now + SimDuration::from_secs(2000));
    for end in &run.lab.ends {
        assert_eq!(end.connections(), 0, "{context}: memory is kept");
        assert_eq!(end.poll_timeout(), None, "{context}: a timer is left");
    }
}

// Holds: RFC 8684 3.7-g, 3.3.3-a.
#[test]
fn what_is_changed_on_the_way_is_found_or_the_connection_says_that_it_is_plain() {
    run(0..300);
}

#[test]
#[ignore = "takes minutes"]
fn what_is_changed_on_the_way_is_found_for_ten_thousand_seeds() {
    run(0..10_000);
}

fn run(seeds: std::ops::Range<u64>) {
    let mut totals = Totals::default();
    for seed in seeds {
        survive(seed, &mut totals);
    }
    let Totals { faults, changes, fallbacks, .. } = &totals;
    let ends = [totals.whole, totals.plain, totals.cut_short, totals.saved];
    let found = [
        totals.checksums_failed,
        totals.addresses_refused,
        totals.joins_failed,
        totals.subflows_lost,
        totals.bytes,
    ];
    for (change, count) in Change::ALL.iter().zip(changes) {
        println!("{change:?}: {count}");
    }
    for (reason, count) in Fallback::ALL.iter().zip(fallbacks) {
        println!("{}: {count}", reason.name());
    }
    println!("{faults:?}\nwhole, plain, cut short, saved: {ends:?}");
    println!("checksums failed, addresses refused, joins failed, subflows lost, bytes: {found:?}");
    let faulty = [faults.lost, faults.duplicated, faults.reordered, faults.split, faults.merged];
    let counts = faulty.iter().chain(changes).chain(fallbacks).chain(&ends).chain(&found);
    assert!(counts.into_iter().all(|count| *count > 0), "{changes:?} {fallbacks:?} {ends:?} {found:?}");
}
