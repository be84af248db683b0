//! Every byte arrives once and in order, whatever the path does, and nothing is kept afterwards.

mod lab;

use lab::mangle::mangler;
use lab::{Faults, Lab, Path, Stream};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim_core::{SimDuration, SimTime};
use transport::congestion::Algorithm;
use transport::endpoint::Endpoint;
use transport::tcp::{
    CloseReason, ConnectionId, Counters, EcnFeedback, EcnStats, KeepAlive, LossDetection, TcpConfig,
    TcpEvent, Timer,
};

fn random_config(rng: &mut ChaCha8Rng) -> TcpConfig {
    let coin = |rng: &mut ChaCha8Rng| rng.next_u32().is_multiple_of(2);
    TcpConfig {
        mtu: [200, 576, 1500][rng.next_u32() as usize % 3],
        send_buffer: [3_000, 20_000, 1 << 20][rng.next_u32() as usize % 3],
        receive_buffer: [2_000, 30_000, 1 << 20][rng.next_u32() as usize % 3],
        congestion: Algorithm::ALL[rng.next_u32() as usize % Algorithm::ALL.len()],
        hystart: coin(rng),
        pacing: coin(rng),
        sack: !rng.next_u32().is_multiple_of(3),
        loss_detection: if rng.next_u32().is_multiple_of(3) {
            LossDetection::DuplicateAcks
        } else {
            LossDetection::RackTlp
        },
        proportional_rate_reduction: coin(rng),
        f_rto: coin(rng),
        undo: coin(rng),
        timestamps: coin(rng),
        window_scaling: coin(rng),
        ecn: FEEDBACK[rng.next_u32() as usize % FEEDBACK.len()],
        limited_transmit: coin(rng),
        nagle: coin(rng),
        ack_delay: SimDuration::from_millis([0, 40, 200][rng.next_u32() as usize % 3]),
        time_wait: SimDuration::from_secs(60),
        user_timeout: PATIENCE,
        connect_timeout: PATIENCE,
        keep_alive: coin(rng).then_some(KEEP_ALIVE),
        ..TcpConfig::default()
    }
}

/// No transfer is given up, however often the same segment is lost.
const PATIENCE: SimDuration = SimDuration::from_secs(5000);

fn random_path(rng: &mut ChaCha8Rng) -> Path {
    let mut up_to = |max: u32| rng.next_u32() % max;
    let most_loss = if up_to(6) == 0 { 300_000 } else { 100_000 };
    Path {
        delay: SimDuration::from_millis(1 + u64::from(up_to(100))),
        rate: [None, Some(100_000), Some(10_000_000)][up_to(3) as usize],
        queue: [5_000, 100_000][up_to(2) as usize],
        loss: up_to(most_loss),
        duplicate: up_to(50_000),
        reorder: up_to(100_000),
        corrupt: up_to(20_000),
        mark: up_to(50_000),
        ..Path::clean(0)
    }
}

/// Probes so soon that transfers meet them, and so many that a path which works cannot lose them all.
const KEEP_ALIVE: KeepAlive =
    KeepAlive { idle: SimDuration::from_secs(2), interval: SimDuration::from_secs(1), probes: 30 };

/// What happens to a transfer besides what its path does to packets.
#[derive(Clone, Copy, Debug, Default)]
struct Shocks {
    /// The delay of a direction changed at once.
    delays: u64,
    /// A receiver's window was found closed.
    closed_windows: u64,
    /// Packets of which something on the way has changed what belongs to ECN.
    mangled: u64,
    /// Ends that have agreed on accurate ECN; those of them that have stopped to send ECT; packets that were reported as marked.
    accurate: u64,
    incapable: u64,
    marks_reported: u64,
}

impl Shocks {
    fn add(&mut self, other: &Self) {
        self.delays += other.delays;
        self.closed_windows += other.closed_windows;
        self.mangled += other.mangled;
        self.accurate += other.accurate;
        self.incapable += other.incapable;
        self.marks_reported += other.marks_reported;
    }
}

/// What a side wants of ECN, one of these.
const FEEDBACK: [EcnFeedback; 4] =
    [EcnFeedback::Off, EcnFeedback::Classic, EcnFeedback::Accurate, EcnFeedback::Accurate];

/// One transfer in both directions; returns what happened.
fn survive(seed: u64) -> (Faults, Shocks, [Counters; 2]) {
    let context = format!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let paths = [random_path(&mut rng), random_path(&mut rng)];
    let mut lab = Lab::new(seed, paths);
    let (client, server) = (random_config(&mut rng), random_config(&mut rng));
    let mut streams = [Stream::new(&mut rng, 1, 40, 3000), Stream::new(&mut rng, 2, 10, 2000)];
    let (_connecting, _) = lab.connect(client, server);
    let mut ids: [Option<ConnectionId>; 2] = [None, None];
    let mut counters = [Counters::default(); 2];
    let slow_reader = rng.next_u32().is_multiple_of(4);
    let mut next_read = [SimTime::ZERO; 2];
    let end = SimTime::from_secs(40_000);
    let mut steps = 0;
    let mut shocks = Shocks::default();
    let mut ecn = [EcnStats::default(); 2];
    let mangling = seed.is_multiple_of(3).then(|| mangler(seed));
    let mangled = mangling.map(|(gateway, mangled)| {
        lab.gateway = Some(gateway);
        mangled
    });
    let (mut next_shock, mut was_closed) = (SimTime::from_millis(300), [false; 2]);
    let shocking = rng.next_u32().is_multiple_of(2);
    while lab.step(end) {
        steps += 1;
        assert!(steps < 200_000, "{context}: no end of steps");
        if shocking && lab.now >= next_shock {
            let direction = rng.next_u32() as usize % 2;
            lab.paths[direction].delay = SimDuration::from_millis(1 + u64::from(rng.next_u32()) % 600);
            next_shock = lab.now + SimDuration::from_millis(u64::from(rng.next_u32()) % 3000);
            shocks.delays += 1;
        }
        for side in 0..2 {
            for event in std::mem::take(&mut lab.events[side]) {
                match event {
                    TcpEvent::Connected(id) | TcpEvent::Accepted { id, .. } => ids[side] = Some(id),
                    TcpEvent::Closed { reason, .. } => assert_eq!(reason, CloseReason::Normal, "{context}"),
                    _ => {}
                }
            }
            let Some(id) = ids[side] else { continue };
            streams[side].write(&mut lab, side, id);
            if !slow_reader || lab.now >= next_read[side] {
                let max = if slow_reader { 1500 } else { u32::MAX };
                streams[1 - side].read(&mut lab, side, id, max, &context);
                next_read[side] = lab.now + SimDuration::from_millis(500);
            }
            if let Some(stats) = lab.ends[side].stats(id) {
                counters[side] = stats.counters;
                ecn[side] = stats.ecn;
                shocks.closed_windows += u64::from(stats.peer_window == 0 && !was_closed[side]);
                was_closed[side] = stats.peer_window == 0;
            }
            lab.drain(side);
        }
    }
    // A reader that comes seldom may have left something, without an event to wake it.
    for side in 0..2 {
        if let Some(id) = ids[side] {
            streams[1 - side].read(&mut lab, side, id, u32::MAX, &context);
        }
    }
    for (index, stream) in streams.iter().enumerate() {
        assert!(stream.is_complete(), "{context}: stream {index} {} of {}", stream.read, stream.all.end());
    }
    for side in 0..2 {
        lab.ends[side].handle_timeout(lab.now);
        lab.drain(side);
        lab.ends[side].handle_timeout(lab.now);
        assert_eq!(lab.ends[side].connections(), 0, "{context}: side {side} keeps memory");
        assert_eq!(lab.ends[side].poll_timeout(), None, "{context}: side {side} keeps a timer");
    }
    shocks.mangled = mangled.map_or(0, |mangled| mangled.get());
    for ecn in ecn.iter().filter(|ecn| ecn.feedback == EcnFeedback::Accurate) {
        shocks.accurate += 1;
        shocks.incapable += u64::from(!ecn.capable);
        shocks.marks_reported += u64::from(ecn.marked_reported);
    }
    (lab.faults, shocks, counters)
}

#[test]
fn transfers_survive_every_fault() {
    survive_all(500);
}

#[test]
#[ignore = "minutes: run it with --ignored"]
fn ten_thousand_transfers_survive_every_fault() {
    survive_all(10_000);
}

fn survive_all(seeds: u64) {
    let mut shocks = Shocks::default();
    let mut faults = Faults::default();
    let mut timers = [0_u64; Timer::ALL.len()];
    let mut kinds = [0_u64; 13];
    for seed in 0..seeds {
        let (seen, shocked, counters) = survive(seed);
        faults.add(&seen);
        shocks.add(&shocked);
        for counters in counters {
            for (sum, fired) in timers.iter_mut().zip(counters.timers_fired) {
                *sum += u64::from(fired);
            }
            let seen = [
                counters.fast_retransmissions,
                counters.timeout_retransmissions,
                counters.rescue_retransmissions,
                counters.handshake_retransmissions,
                counters.window_probes,
                counters.marks_answered,
                counters.duplicates_reported,
                counters.duplicates_received,
                counters.loss_probes,
                counters.probe_repairs,
                counters.fast_recoveries_undone,
                counters.timeouts_undone,
                counters.spurious_retransmissions,
            ];
            for (sum, count) in kinds.iter_mut().zip(seen) {
                *sum += u64::from(count);
            }
        }
    }
    println!("{seeds} transfers: {faults:?}, {shocks:?}");
    println!("timers fired: {}", named(Timer::ALL.map(Timer::name).iter().zip(timers)));
    println!("reactions: {}", named(REACTIONS.iter().zip(kinds)));
    let faults = [
        faults.lost,
        faults.duplicated,
        faults.reordered,
        faults.corrupted,
        faults.marked,
        faults.overflowed,
    ];
    assert!(faults.iter().all(|count| *count > 0), "every fault happened: {faults:?}");
    let Shocks { delays, closed_windows, mangled, accurate, incapable, marks_reported } = shocks;
    let shocks = [delays, closed_windows, mangled, accurate, incapable, marks_reported];
    assert!(shocks.iter().all(|count| *count > 0), "every shock happened: {shocks:?}");
    // The user timeout is an end that no transfer may come to: see the next test.
    let fired = Timer::ALL.into_iter().filter(|timer| *timer != Timer::User);
    assert!(fired.into_iter().all(|timer| timers[timer as usize] > 0), "every timer fired: {timers:?}");
    assert!(kinds.iter().all(|count| *count > 0), "every reaction was seen: {kinds:?}");
}

/// What [`survive_all`] counts of the senders, in its order.
const REACTIONS: [&str; 13] = [
    "fast retransmissions",
    "retransmissions after a timeout",
    "rescue retransmissions",
    "SYNs again",
    "window probes",
    "marks answered",
    "duplicates reported",
    "duplicates received",
    "loss probes",
    "repairs by probes",
    "recoveries undone",
    "timeouts undone",
    "spurious retransmissions",
];

fn named<'a>(counts: impl Iterator<Item = (&'a &'static str, u64)>) -> String {
    counts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// A transfer over a path that dies at some time; returns why each side ended, and the timers that fired.
fn die(seed: u64) -> ([Option<CloseReason>; 2], [u32; Timer::ALL.len()]) {
    let context = format!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let paths = [random_path(&mut rng), random_path(&mut rng)];
    let mut lab = Lab::new(seed, paths);
    let ends = SimDuration::from_secs(30);
    let config = |rng: &mut ChaCha8Rng| TcpConfig {
        user_timeout: ends,
        connect_timeout: ends,
        keep_alive: Some(KEEP_ALIVE),
        ..random_config(rng)
    };
    let (client, server) = (config(&mut rng), config(&mut rng));
    let mut streams = [Stream::new(&mut rng, 1, 200, 3000), Stream::new(&mut rng, 2, 5, 2000)];
    lab.connect(client, server);
    let death = SimTime::from_millis(u64::from(rng.next_u32()) % 20_000);
    let mut ids: [Option<ConnectionId>; 2] = [None, None];
    let mut reasons = [None, None];
    let mut timers = [[0; Timer::ALL.len()]; 2];
    while lab.step(SimTime::from_secs(1000)) {
        if lab.now >= death {
            lab.paths.iter_mut().for_each(|path| path.loss = 1_000_000);
        }
        for side in 0..2 {
            for event in std::mem::take(&mut lab.events[side]) {
                match event {
                    TcpEvent::Connected(id) | TcpEvent::Accepted { id, .. } => ids[side] = Some(id),
                    TcpEvent::Closed { reason, .. } => reasons[side] = Some(reason),
                    _ => {}
                }
            }
            let Some(id) = ids[side] else { continue };
            streams[side].write(&mut lab, side, id);
            streams[1 - side].read(&mut lab, side, id, u32::MAX, &context);
            if let Some(stats) = lab.ends[side].stats(id) {
                timers[side] = stats.counters.timers_fired;
            }
            lab.drain(side);
        }
    }
    for side in 0..2 {
        lab.ends[side].handle_timeout(lab.now);
        lab.drain(side);
        lab.ends[side].handle_timeout(lab.now);
        assert_eq!(lab.ends[side].connections(), 0, "{context}: side {side} keeps memory");
        assert_eq!(lab.ends[side].poll_timeout(), None, "{context}: side {side} keeps a timer");
    }
    let sum = |timer: usize| timers[0][timer] + timers[1][timer];
    (reasons, std::array::from_fn(sum))
}

#[test]
fn connections_over_a_path_that_dies_end_by_themselves() {
    let mut reasons = Vec::new();
    let mut timers = [0_u32; Timer::ALL.len()];
    for seed in 0..300 {
        let (ended, fired) = die(seed);
        reasons.extend(ended);
        timers.iter_mut().zip(fired).for_each(|(sum, fired)| *sum += fired);
    }
    let count = |reason| reasons.iter().filter(|ended| **ended == Some(reason)).count();
    let seen = [CloseReason::TimedOut, CloseReason::KeepAliveFailed, CloseReason::Normal].map(count);
    println!("timed out, keep-alive failed, orderly: {seen:?}; timers {timers:?}");
    assert!(seen.iter().all(|count| *count > 0), "every end was seen: {seen:?}");
    // A listener does not report a connection that never was; nothing else ends one here.
    let unreported = reasons.iter().filter(|ended| ended.is_none()).count();
    assert_eq!(seen.iter().sum::<usize>() + unreported, reasons.len(), "{reasons:?}");
    assert!(timers[Timer::User as usize] > 0 && timers[Timer::KeepAlive as usize] > 0, "{timers:?}");
}
