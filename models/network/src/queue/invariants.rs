//! What holds for every discipline, whatever happens to it.

use super::*;
use proptest::prelude::*;
use sim_core::{Probability, SimDuration};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Enqueue { flow_hash: u32, bytes: u32, ecn_capable: bool, draw: u64 },
    Dequeue,
    Clear,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = prop_oneof![0..2_000_u32, Just(1_500), Just(65_575)];
    let arrival =
        (0..5_u32, bytes, any::<bool>(), any::<u64>()).prop_map(|(flow_hash, bytes, ecn_capable, draw)| {
            Step::Enqueue { flow_hash, bytes, ecn_capable, draw }
        });
    let wait = prop_oneof![8 => 0..200_000_000_u64, 1 => any::<u64>()].prop_map(Step::Wait);
    let step = prop_oneof![60 => arrival, 30 => Just(Step::Dequeue), 1 => Just(Step::Clear), 9 => wait];
    prop::collection::vec(step, 0..400)
}

fn limits() -> impl Strategy<Value = QueueLimit> {
    prop_oneof![
        (0..40_u32).prop_map(QueueLimit::Packets),
        (0..40_000_u64).prop_map(|bytes| QueueLimit::Bytes(ByteCount::from_bytes(bytes))),
    ]
}

fn controls() -> impl Strategy<Value = CoDelControl> {
    let ce_threshold = prop::option::of((0..10_u64).prop_map(SimDuration::from_millis));
    (0..20_u64, 20..100_u64, 0..3_000_u64, any::<bool>(), ce_threshold).prop_map(
        |(target, interval, max_packet, ecn, ce_threshold)| CoDelControl {
            target: SimDuration::from_millis(target),
            interval: SimDuration::from_millis(interval),
            max_packet: ByteCount::from_bytes(max_packet),
            ecn,
            ce_threshold,
        },
    )
}

fn reds() -> impl Strategy<Value = RedConfig> {
    let thresholds = (1..10_u32, 1..10_u32, any::<bool>()).prop_map(|(min, more, bytes)| {
        if !bytes {
            return RedThresholds::Packets { min, max: min + more };
        }
        let in_bytes = |packets: u32| ByteCount::from_bytes(u64::from(packets) * 500);
        RedThresholds::Bytes { min: in_bytes(min), max: in_bytes(min + more), max_packet: in_bytes(3) }
    });
    (limits(), thresholds, 0.0..=1.0, 1e-6..=1.0, any::<bool>(), any::<bool>()).prop_map(
        |(limit, thresholds, highest, weight, gentle, ecn)| RedConfig {
            probability_max: Probability::from_f64(highest).unwrap(),
            weight: Probability::from_f64(weight).unwrap(),
            gentle,
            ecn,
            ..RedConfig::new(limit, thresholds, SimDuration::from_micros(400))
        },
    )
}

fn configs() -> impl Strategy<Value = QueueConfig> {
    let fq = (limits(), controls(), 1..6_u32, 64..3_000_u32);
    prop_oneof![
        limits().prop_map(QueueConfig::DropTail),
        reds().prop_map(QueueConfig::Red),
        (limits(), controls())
            .prop_map(|(limit, control)| QueueConfig::CoDel(CoDelConfig { limit, control })),
        fq.prop_map(|(limit, control, flows, quantum)| {
            QueueConfig::FqCodel(FqCodelConfig { limit, control, flows, quantum })
        }),
    ]
}

fn limit(config: &QueueConfig) -> QueueLimit {
    match config {
        QueueConfig::DropTail(limit) => *limit,
        QueueConfig::Red(red) => red.limit,
        QueueConfig::CoDel(codel) => codel.limit,
        QueueConfig::FqCodel(fq) => fq.limit,
    }
}

/// Holds a queue against the set of packets that must be in it.
struct Checked {
    queue: Discipline,
    limit: QueueLimit,
    now: SimTime,
    packets: u32,
    held: BTreeMap<u32, Queued>,
    /// The last packet sent of each flow.
    sent: BTreeMap<u32, u32>,
}

impl Checked {
    fn step(&mut self, step: &Step) {
        let mut dropped = Vec::new();
        match *step {
            Step::Wait(nanos) => self.now = self.now.saturating_add(SimDuration::from_nanos(nanos)),
            Step::Clear => self.queue.clear(&mut dropped),
            Step::Enqueue { flow_hash, bytes, ecn_capable, draw } => {
                let (packet, arrived) = (self.packets, self.now);
                let item = Queued { packet, bytes, arrived, flow_hash, ecn_capable };
                self.packets += 1;
                self.held.insert(item.packet, item);
                let enqueued = self.queue.enqueue(self.now, item, || draw, &mut dropped);
                assert!(!enqueued.mark || (item.ecn_capable && enqueued.accepted));
                assert_eq!(enqueued.accepted, !dropped.iter().any(|(gone, _)| gone.packet == item.packet));
            }
            Step::Dequeue => {
                if let Some(out) = self.queue.dequeue(self.now, &mut dropped) {
                    assert_eq!(self.held.remove(&out.item.packet), Some(out.item), "sent once, as it came");
                    assert!(!out.mark || out.item.ecn_capable);
                    let last = self.sent.insert(out.item.flow_hash, out.item.packet);
                    assert!(last < Some(out.item.packet), "first in, first out within a flow");
                } else {
                    assert!(self.queue.is_empty());
                }
            }
        }
        for (gone, _) in dropped {
            assert_eq!(self.held.remove(&gone.packet), Some(gone), "dropped once, as it came");
        }
        assert_eq!(self.queue.len_packets(), self.held.len());
        assert_eq!(self.queue.len_bytes(), self.held.values().map(Queued::size).sum());
        assert!(self.limit.holds(self.queue.len_packets(), self.queue.len_bytes()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_was_enqueued_is_dequeued_dropped_or_held(config in configs(), steps in steps()) {
        let queue = Discipline::new(&config).unwrap();
        let (held, sent) = (BTreeMap::new(), BTreeMap::new());
        let (limit, now) = (limit(&config), SimTime::ZERO);
        let mut checked = Checked { queue, limit, now, packets: 0, held, sent };
        for step in &steps {
            checked.step(step);
        }
        while !checked.queue.is_empty() {
            checked.step(&Step::Dequeue);
        }
    }
}

#[test]
fn an_empty_queue_is_small() {
    assert!(size_of::<Discipline>() <= 64, "{}", size_of::<Discipline>());
    assert_eq!(size_of::<Queued>(), 24);
}
