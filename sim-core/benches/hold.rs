//! The hold model: so many events wait, and each one taken schedules the next. Measures the event queue
//! against the standard library's `BinaryHeap` of the same entries, in one run on one machine.
//!
//! `cargo bench -p sim-core --bench hold`; behind `--`, a load's name measures that load alone.

use sim_core::{Event, EventQueue, Origin, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let measured = arguments.iter().any(|argument| argument == "--bench");
    let total = if measured { 4_000_000 } else { 20_000 };
    println!("ns of CPU time per event taken and scheduled, median of {ROUNDS} runs of {total} events;");
    println!(
        "bytes per pending event at the end. Included: the draw of the delay (exponential: {:.1} ns) and",
        draw_cost(total)
    );
    println!("the entity's counter, a cache miss when many are pending.");
    println!();
    println!(
        "{:<12}{:>10}{:>10}{:>12}{:>8}{:>10}{:>8}",
        "load", "pending", "ours", "BinaryHeap", "ratio", "M/s", "bytes"
    );
    let all = [Load::Exponential, Load::Bimodal, Load::Lockstep];
    let named = all.into_iter().filter(|load| arguments.iter().any(|argument| argument == load.name()));
    let named: Vec<Load> = named.collect();
    for &load in if named.is_empty() { &all[..] } else { &named } {
        for pending in [10, 100, 1_000, 100_000, 1_000_000] {
            if !measured && pending > 1_000 {
                continue;
            }
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            let mut bytes = 0.0;
            for _ in 0..ROUNDS {
                let wheel = hold(EventQueue::new(), load, pending, total);
                let heap = hold(BinaryHeap::<Reverse<Event>>::new(), load, pending, total);
                assert_eq!(wheel.order, heap.order, "both queues take the events in one order");
                bytes = wheel.bytes as f64 / pending as f64;
                ours.push(wheel.cpu_nanos);
                theirs.push(heap.cpu_nanos);
            }
            let per_event = |runs: &mut Vec<u64>| {
                runs.sort_unstable();
                runs[ROUNDS / 2] as f64 / total as f64
            };
            let (ours, theirs) = (per_event(&mut ours), per_event(&mut theirs));
            println!(
                "{:<12}{pending:>10}{ours:>10.1}{theirs:>12.1}{:>8.2}{:>10.1}{bytes:>8.1}",
                load.name(),
                theirs / ours,
                1_000.0 / ours,
            );
        }
    }
}

/// How far ahead an event is scheduled.
#[derive(Clone, Copy)]
enum Load {
    /// Exponential with a mean of 1 s: what simulators are usually compared with.
    Exponential,
    /// Of ten, nine within 10 µs and one timer of about 200 ms: packets and retransmission timers.
    Bimodal,
    /// 1 ms, always: events due together, as of clocks that tick alike.
    Lockstep,
}

impl Load {
    fn name(self) -> &'static str {
        match self {
            Self::Exponential => "exponential",
            Self::Bimodal => "bimodal",
            Self::Lockstep => "lockstep",
        }
    }

    fn delay(self, chance: &mut Chance) -> u64 {
        match self {
            Self::Exponential => {
                let unit = ((chance.next() >> 11) + 1) as f64 * (1.0 / 9_007_199_254_740_993.0);
                (-sim_core::math::ln(unit) * 1e9) as u64
            }
            Self::Bimodal => {
                let draw = chance.next();
                if draw >> 32 < (1 << 32) / 10 { 200_000_000 + draw % 1_000_000 } else { draw % 10_000 }
            }
            Self::Lockstep => 1_000_000,
        }
    }
}

/// xorshift64*, as in the programs for other simulators.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// What is measured.
trait Pending {
    fn push(&mut self, event: Event);
    fn pop(&mut self) -> Option<Event>;
    fn bytes(&self) -> usize;
}

impl Pending for EventQueue {
    fn push(&mut self, event: Event) {
        EventQueue::push(self, event);
    }

    fn pop(&mut self) -> Option<Event> {
        EventQueue::pop(self)
    }

    fn bytes(&self) -> usize {
        self.memory_bytes()
    }
}

impl Pending for BinaryHeap<Reverse<Event>> {
    fn push(&mut self, event: Event) {
        BinaryHeap::push(self, Reverse(event));
    }

    fn pop(&mut self) -> Option<Event> {
        BinaryHeap::pop(self).map(|Reverse(event)| event)
    }

    fn bytes(&self) -> usize {
        self.capacity() * size_of::<Event>()
    }
}

struct Outcome {
    cpu_nanos: u64,
    /// What came out, in order, as one word.
    order: u64,
    bytes: usize,
}

/// One run: the queue, and what schedules into it.
struct Hold<Q> {
    queue: Q,
    load: Load,
    chance: Chance,
    origins: Vec<Origin>,
    order: u64,
}

impl<Q: Pending> Hold<Q> {
    fn schedule(&mut self, now: u64, target: u64) {
        let time = SimTime::from_nanos(now + self.load.delay(&mut self.chance));
        let key = self.origins[target as usize].next_key();
        self.queue.push(Event { time, key, what: target });
    }

    fn run(&mut self, events: u64) {
        for _ in 0..events {
            let event = self.queue.pop().expect("the number of pending events does not change");
            self.order = self.order.rotate_left(5) ^ event.time.as_nanos() ^ event.key.as_u64();
            self.schedule(event.time.as_nanos(), event.what);
        }
    }
}

fn hold<Q: Pending>(queue: Q, load: Load, pending: u32, total: u64) -> Outcome {
    let origins = (0..pending).map(Origin::new).collect();
    let mut hold = Hold { queue, load, chance: Chance(0x9E37_79B9_7F4A_7C15), origins, order: 0 };
    for target in 0..u64::from(pending) {
        hold.schedule(0, target);
    }
    // Long enough for every initial event to be taken, and for the bimodal load to settle.
    hold.run((2 * u64::from(pending)).min(total));
    let start = cpu_nanos();
    hold.run(total);
    Outcome { cpu_nanos: cpu_nanos() - start, order: hold.order, bytes: hold.queue.bytes() }
}

/// What of each figure is not the queue's: the draw of an exponential delay.
fn draw_cost(total: u64) -> f64 {
    let mut chance = Chance(1);
    let start = cpu_nanos();
    let sum = (0..total).fold(0, |sum: u64, _| sum.wrapping_add(Load::Exponential.delay(&mut chance)));
    let cpu = cpu_nanos() - start;
    assert!(sum > 0, "the delays are drawn");
    cpu as f64 / total as f64
}

/// CPU time of this thread in nanoseconds, where the system tells it; else the time of the wall clock.
fn cpu_nanos() -> u64 {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    schedstat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or_else(wall_nanos)
}

#[expect(clippy::disallowed_types, reason = "a benchmark reads a clock; no simulation does")]
fn wall_nanos() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("the clock stands after 1970");
    u64::try_from(since.as_nanos()).expect("the clock stands before 2554")
}

const ROUNDS: usize = 5;
