//! Two associations' ends under loss, duplication, reordering, corruption and failing paths: each message exactly
//! once and in its stream's order, or given up by its own policy, never twice.

mod sctp_lab;

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sctp_lab::{Faults, Lab, Link, at, runs};
use sim_core::{SimDuration, SimTime};
use transport::endpoint::Endpoint;
use transport::sctp::{
    AssociationId, AssociationStats, CloseReason, MessageOptions, Reliability, Scheduler, SctpConfig,
    SctpError, SctpEvent,
};
use wire::payload::{Payload, Slice};

/// What one side says.
struct Script {
    messages: Vec<(u32, MessageOptions)>,
    next: usize,
    shut: bool,
}

/// What one side has heard: the next number allowed on each stream in order, and how often each came.
#[derive(Default)]
struct Heard {
    ordered: BTreeMap<u16, u32>,
    count: BTreeMap<u32, u32>,
}

#[derive(Default)]
struct Totals {
    faults: Faults,
    stats: AssociationStats,
    messages: u64,
    missing: u64,
    path_changes: u64,
}

const STREAMS: u16 = 5;

fn script(rng: &mut ChaCha8Rng, count: u32) -> Script {
    let messages = (0..count).map(|_| {
        let reliability = match rng.next_u32() % 10 {
            0 => Reliability::Lifetime(SimDuration::from_millis(u64::from(rng.next_u32() % 800))),
            1 => Reliability::Retransmissions((rng.next_u32() % 2) as u16),
            _ => Reliability::Full,
        };
        let options = MessageOptions {
            stream: (rng.next_u32() % u32::from(STREAMS)) as u16,
            unordered: rng.next_u32().is_multiple_of(4),
            ppid: rng.next_u32(),
            reliability,
            immediate: rng.next_u32().is_multiple_of(8),
        };
        (1 + rng.next_u32() % if rng.next_u32().is_multiple_of(4) { 9000 } else { 400 }, options)
    });
    Script { messages: messages.collect(), next: 0, shut: false }
}

impl Script {
    /// Says as much as the buffer takes; shuts down at the end, if this side is to.
    fn go_on(&mut self, lab: &mut Lab, side: usize, id: AssociationId, shuts: bool) {
        while let Some((len, options)) = self.messages.get(self.next) {
            let number = self.next as u32;
            let payload = Payload::from(Slice::filler(side as u32, u64::from(number) << 20, *len));
            match lab.ends[side].send(lab.now, id, options, payload, runs(number, *len)) {
                Ok(()) => self.next += 1,
                Err(SctpError::Full | SctpError::Closed) => break,
                Err(other) => panic!("{other}"),
            }
        }
        if shuts && self.next == self.messages.len() && !self.shut {
            self.shut = true;
            lab.ends[side].shutdown(lab.now, id);
        }
        lab.drain(side);
    }
}

impl Heard {
    /// Reads all, and compares it with what the other side says.
    fn take(&mut self, lab: &mut Lab, side: usize, id: AssociationId, script: &Script, context: &str) {
        while let Some(message) = lab.ends[side].receive(id) {
            let run = message.runs[0];
            assert_eq!(message.runs.len(), 1, "{context}: one message is one run");
            let (len, options) = script.messages[run.message as usize];
            assert!(run.last && run.bytes == len, "{context}: {run:?}");
            let expected = Payload::from(Slice::filler(1 - side as u32, u64::from(run.message) << 20, len));
            assert_eq!(message.payload, expected, "{context}: message {}", run.message);
            let shown = (message.stream, message.unordered, message.ppid);
            assert_eq!(shown, (options.stream, options.unordered, options.ppid), "{context}");
            if !message.unordered {
                let next = self.ordered.entry(message.stream).or_default();
                assert!(run.message >= *next, "{context}: stream {} out of order", message.stream);
                *next = run.message + 1;
            }
            *self.count.entry(run.message).or_default() += 1;
        }
        lab.drain(side);
    }
}

fn link(rng: &mut ChaCha8Rng) -> Link {
    let mut up_to = |most: u32| rng.next_u32() % most;
    let delay = SimDuration::from_micros(u64::from(500 + up_to(60_000)));
    Link {
        delay,
        loss: up_to(120_000),
        duplicate: up_to(50_000),
        reorder: up_to(200_000),
        corrupt: up_to(30_000),
        down: None,
    }
}

fn survive(seed: u64, totals: &mut Totals) {
    let context = format!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut links = [link(&mut rng), link(&mut rng)];
    let paths = 1 + (rng.next_u32() % 2) as usize;
    if paths == 2 && rng.next_u32().is_multiple_of(2) {
        let from = u64::from(rng.next_u32() % 3000);
        links[0].down = Some((at(from), at(from + 500 + u64::from(rng.next_u32() % 60_000))));
    }
    let config = SctpConfig {
        mtu: [576, 1280, 1500][rng.next_u32() as usize % 3],
        outbound_streams: STREAMS,
        send_buffer: 20_000 + rng.next_u32() % 100_000,
        receive_buffer: 10_000 + rng.next_u32() % 60_000,
        potentially_failed: rng.next_u32().is_multiple_of(2).then_some(0),
        scheduler: [
            Scheduler::FirstComeFirstServed,
            Scheduler::RoundRobin,
            Scheduler::FairBandwidth,
            Scheduler::Priority,
        ][rng.next_u32() as usize % 4],
        bundling: rng.next_u32().is_multiple_of(3),
        path_max_retrans: 2 + rng.next_u32() % 4,
        // Faults, not a dead peer, are what is tried: an association may not give up.
        association_max_retrans: 60,
        max_init_retransmits: 30,
        ..SctpConfig::default()
    };
    let mut lab = Lab::new(seed, links);
    let a = lab.connect(paths, config.clone(), config);
    let mut scripts = [script(&mut rng, 60), script(&mut rng, 30)];
    let mut heard = [Heard::default(), Heard::default()];
    let mut ids = [Some(a), None];
    let mut closed = [None, None];
    let mut stats = [AssociationStats::default(); 2];
    let mut steps = 0;
    while lab.step(SimTime::from_secs(20_000)) && closed.iter().any(Option::is_none) {
        steps += 1;
        assert!(steps < 300_000, "{context}: no end of steps");
        for side in 0..2 {
            for (_, event) in std::mem::take(&mut lab.events[side]) {
                match event {
                    SctpEvent::Accepted { id, .. } => ids[side] = Some(id),
                    SctpEvent::Closed { reason, .. } => closed[side] = Some(reason),
                    SctpEvent::PathChanged { .. } => totals.path_changes += 1,
                    _ => {}
                }
            }
            let Some(id) = ids[side] else { continue };
            if let Some(now) = lab.ends[side].stats(id) {
                stats[side] = now;
            }
            heard[side].take(&mut lab, side, id, &scripts[1 - side], &context);
            // Side 0 ends the association once both have said all.
            let ends = side == 0 && scripts[1].next == scripts[1].messages.len();
            scripts[side].go_on(&mut lab, side, id, ends);
        }
    }
    // Side 0 ends; a packet of side 1 that comes late finds nobody, and is answered by ABORT (RFC 9260 §8.4 rule 8),
    // which may overtake the SHUTDOWN COMPLETE. Everything is acknowledged by then.
    assert_eq!(closed[0], Some(CloseReason::Shutdown), "{context}: {stats:?}");
    let late = matches!(closed[1], Some(CloseReason::Shutdown | CloseReason::AbortedByPeer));
    assert!(late, "{context}: {closed:?} {stats:?}");
    for (side, heard) in heard.iter().enumerate() {
        let said = &scripts[1 - side];
        for (number, (_, options)) in (0..).zip(&said.messages) {
            let count = heard.count.get(&number).copied().unwrap_or(0);
            assert!(count <= 1, "{context}: message {number} came {count} times");
            if options.reliability == Reliability::Full {
                assert_eq!(count, 1, "{context}: side {side} misses message {number}");
            }
            totals.missing += u64::from(count == 0);
            totals.messages += u64::from(count);
        }
    }
    lab.run_until(SimTime::from_secs(30_000));
    for end in &lab.ends {
        assert_eq!(end.associations(), 0, "{context}: memory is kept");
        assert_eq!(end.poll_timeout(), None, "{context}: a timer is left");
    }
    stats.iter().for_each(|stats| totals.add(stats));
    totals.faults.add(&lab.faults);
}

impl Totals {
    fn add(&mut self, stats: &AssociationStats) {
        let all = &mut self.stats;
        all.chunks_sent += stats.chunks_sent;
        all.chunks_resent += stats.chunks_resent;
        all.fast_retransmits += stats.fast_retransmits;
        all.t3_expiries += stats.t3_expiries;
        all.control_expiries += stats.control_expiries;
        all.heartbeats_sent += stats.heartbeats_sent;
        all.sacks_sent += stats.sacks_sent;
        all.delayed_sacks += stats.delayed_sacks;
        all.duplicates += stats.duplicates;
        all.abandoned += stats.abandoned;
        all.forward_tsns += stats.forward_tsns;
        all.failovers += stats.failovers;
    }
}

#[test]
fn every_message_survives_every_fault() {
    run(0..150);
}

#[test]
#[ignore = "takes minutes; run in release"]
fn every_message_survives_every_fault_for_ten_thousand_seeds() {
    run(0..10_000);
}

fn run(seeds: std::ops::Range<u64>) {
    let mut totals = Totals::default();
    for seed in seeds {
        survive(seed, &mut totals);
    }
    let Totals { faults, stats, messages, missing, path_changes } = totals;
    // Every fault and every timer has fired, or the test tells nothing.
    let AssociationStats { chunks_resent, fast_retransmits, t3_expiries, control_expiries, .. } = stats;
    let AssociationStats {
        heartbeats_sent,
        delayed_sacks,
        duplicates,
        abandoned,
        forward_tsns,
        failovers,
        ..
    } = stats;
    let faulty = [faults.lost, faults.duplicated, faults.reordered, faults.corrupted, faults.cut];
    let timed = [t3_expiries, control_expiries, heartbeats_sent, delayed_sacks];
    let mended = [chunks_resent, fast_retransmits, duplicates, abandoned, forward_tsns, failovers];
    let seen = [missing, path_changes];
    let fired = faulty.iter().chain(&timed).chain(&mended).chain(&seen);
    assert!(fired.into_iter().all(|count| *count > 0), "{faults:?} {stats:?} {missing} {path_changes}");
    println!("{messages} messages, {missing} given up, {path_changes} path changes, {faults:?}, {stats:?}");
}
