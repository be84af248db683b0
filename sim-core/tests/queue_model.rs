//! The queue against a `BTreeMap`, which is slow and obviously right.

use proptest::prelude::*;
use sim_core::{Event, EventQueue, Origin, SimTime};
use std::collections::BTreeMap;

/// One step of a run: schedule an event, or take one.
#[derive(Clone, Copy, Debug)]
enum Step {
    Push { origin: usize, delay: u64 },
    Pop,
    PopUntil { span: u64 },
    Peek,
}

/// The queue and its model, fed alike.
struct Pair {
    queue: EventQueue,
    model: BTreeMap<(SimTime, u64), u64>,
    origins: Vec<Origin>,
    now: u64,
    pushed: u64,
}

impl Pair {
    fn new() -> Self {
        let origins = (0..ORIGINS as u32).map(|rank| Origin::new(rank * 7)).collect();
        Self { queue: EventQueue::new(), model: BTreeMap::new(), origins, now: 0, pushed: 0 }
    }

    fn push(&mut self, origin: usize, delay: u64) {
        let time = SimTime::from_nanos(self.now.saturating_add(delay));
        let event = Event { time, key: self.origins[origin].next_key(), what: self.pushed };
        self.pushed += 1;
        self.queue.push(event);
        self.model.insert((time, event.key.as_u64()), event.what);
    }

    fn pop_until(&mut self, end: SimTime) {
        let got = self.queue.pop_until(end).map(|event| ((event.time, event.key.as_u64()), event.what));
        let first = self.model.first_key_value().filter(|((time, _), _)| *time <= end);
        assert_eq!(got, first.map(|(&rank, &what)| (rank, what)));
        if let Some((rank, _)) = got {
            self.model.remove(&rank);
            self.now = rank.0.as_nanos();
        }
        assert_eq!(self.queue.len(), self.model.len());
    }

    fn pop(&mut self) {
        self.pop_until(SimTime::MAX);
    }

    fn peek(&mut self) {
        assert_eq!(self.queue.peek_time(), self.model.first_key_value().map(|((time, _), _)| *time));
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Push { origin, delay } => self.push(origin, delay),
            Step::Pop => self.pop(),
            Step::PopUntil { span } => self.pop_until(SimTime::from_nanos(self.now.saturating_add(span))),
            Step::Peek => self.peek(),
        }
    }

    fn drain(&mut self) {
        while !self.model.is_empty() {
            self.pop();
        }
        assert!(self.queue.is_empty());
        assert_eq!(self.queue.pop(), None);
    }
}

/// Delays of one run: zero, or anything up to `2^bits`, small ones as likely as big ones.
fn delays(bits: u32) -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => Just(0),
        1 => 0_u64..4,
        6 => (0..=bits, any::<u64>()).prop_map(|(bits, raw)| if bits == 0 { 0 } else { raw >> (64 - bits) }),
    ]
}

fn steps(bits: u32) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..ORIGINS, delays(bits)).prop_map(|(origin, delay)| Step::Push { origin, delay }),
        4 => Just(Step::Pop),
        1 => delays(bits).prop_map(|span| Step::PopUntil { span }),
        1 => Just(Step::Peek),
    ];
    prop::collection::vec(step, 0..2_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_steps_pop_what_the_model_pops(steps in (0_u32..=64).prop_flat_map(steps)) {
        let mut pair = Pair::new();
        for step in steps {
            pair.step(step);
        }
        pair.drain();
    }

    #[test]
    fn the_order_does_not_depend_on_the_order_of_insertion(
        events in prop::collection::vec((0..ORIGINS, 0_u64..50), 0..400),
        moves in prop::collection::vec(any::<prop::sample::Index>(), 400),
    ) {
        let order = |events: &[(usize, u64)]| {
            let mut origins: Vec<Origin> = (0..ORIGINS as u32).map(Origin::new).collect();
            let mut queue = EventQueue::new();
            for &(origin, nanos) in events {
                let key = origins[origin].next_key();
                queue.push(Event { time: SimTime::from_nanos(nanos), key, what: nanos });
            }
            std::iter::from_fn(move || queue.pop()).collect::<Vec<_>>()
        };
        // Each origin keeps its own order, as it must; how the origins interleave is shuffled.
        let mut waiting: Vec<Vec<u64>> = vec![Vec::new(); ORIGINS];
        for &(origin, nanos) in events.iter().rev() {
            waiting[origin].push(nanos);
        }
        let mut shuffled = Vec::new();
        for index in moves.iter().take(events.len()) {
            let left: Vec<usize> = (0..ORIGINS).filter(|&origin| !waiting[origin].is_empty()).collect();
            let origin = left[index.index(left.len())];
            shuffled.push((origin, waiting[origin].pop().unwrap()));
        }
        prop_assert_eq!(order(&events), order(&shuffled));
    }
}

/// A generator for the long runs below: xorshift64*.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % n
    }

    fn origin(&mut self) -> usize {
        self.below(ORIGINS as u64) as usize
    }
}

#[test]
fn hold_runs_of_every_spread_agree_with_the_model() {
    for bits in [0, 1, 8, 16, 24, 32, 40, 45, 56] {
        let (mut pair, mut chance) = (Pair::new(), Chance(bits + 1));
        for _ in 0..3_000 {
            let (origin, delay) = (chance.origin(), chance.below(1 << bits));
            pair.push(origin, delay);
        }
        for _ in 0..20_000 {
            pair.pop();
            let (origin, delay) = (chance.origin(), chance.below(1 << bits));
            pair.push(origin, delay);
        }
        pair.drain();
    }
}

#[test]
fn few_far_timers_beside_many_near_events_cut_the_horizon() {
    let (mut pair, mut chance) = (Pair::new(), Chance(1));
    for round in 0..20 {
        // Twenty timers, hours away, are all there is: their slot is drained when the first fires …
        for _ in 0..20 {
            let (origin, delay) = (chance.origin(), 1 << 43 | chance.below(1 << 42));
            pair.push(origin, delay);
        }
        pair.pop();
        // … and then the first sets off a thousand events a microsecond.
        for _ in 0..1_000 {
            let (origin, delay) = (chance.origin(), chance.below(1_000));
            pair.push(origin, delay);
        }
        for _ in 0..5_000 {
            pair.pop();
            let (origin, delay) = (chance.origin(), chance.below(1_000));
            pair.push(origin, delay);
        }
        pair.drain();
        assert!(pair.queue.horizon_cuts() > round, "round {round}: {} cuts", pair.queue.horizon_cuts());
    }
}

#[test]
fn a_cut_right_after_a_peek_keeps_the_order() {
    let (mut pair, mut chance) = (Pair::new(), Chance(2));
    pair.push(0, 5);
    pair.pop();
    for _ in 0..20 {
        let (origin, delay) = (chance.origin(), (1 << 30) + chance.below(1 << 23));
        pair.push(origin, delay);
    }
    // The peek brings down events that are due long after the present, which is what is cut at otherwise.
    pair.peek();
    for _ in 0..2_000 {
        let (origin, delay) = (chance.origin(), chance.below(1 << 31));
        pair.push(origin, delay);
    }
    assert!(pair.queue.horizon_cuts() > 0);
    pair.drain();
}

#[test]
fn thousands_of_events_at_one_instant_come_by_origin_and_number() {
    let mut pair = Pair::new();
    let mut chance = Chance(3);
    for _ in 0..10_000 {
        let origin = chance.origin();
        pair.push(origin, 1_000_000);
    }
    for _ in 0..10_000 {
        pair.pop();
        // Zero delay: due at the instant that is being served.
        if chance.below(4) == 0 {
            let origin = chance.origin();
            pair.push(origin, 0);
        }
    }
    pair.drain();
}

#[test]
fn the_first_and_the_last_instant_can_be_used() {
    let mut pair = Pair::new();
    for delay in [u64::MAX, 0, u64::MAX - 1, u64::MAX, 1 << 63] {
        pair.push(0, delay);
    }
    pair.drain();
    pair.push(1, 0);
    pair.drain();
    assert_eq!(pair.now, u64::MAX);
}

#[test]
#[should_panic(expected = "an event was scheduled 1 ns in the past")]
fn an_event_in_the_past_panics() {
    let mut pair = Pair::new();
    pair.push(0, 7);
    pair.pop();
    pair.queue.push(Event { time: SimTime::from_nanos(6), ..Event::default() });
}

#[test]
fn a_pending_event_takes_less_than_fifty_bytes() {
    let (mut pair, mut chance) = (Pair::new(), Chance(4));
    for _ in 0..100_000 {
        let (origin, delay) = (chance.origin(), chance.below(1 << 30));
        pair.push(origin, delay);
    }
    for _ in 0..200_000 {
        pair.pop();
        let (origin, delay) = (chance.origin(), chance.below(1 << 30));
        pair.push(origin, delay);
    }
    let bytes = pair.queue.memory_bytes() as f64 / 1e5;
    assert!(bytes < 50.0, "{bytes} bytes a pending event");
}

const ORIGINS: usize = 5;
