//! One direction of a link: its settings, its managed queue, and what it does to frames.

use std::collections::VecDeque;
use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sim_core::random::{RunSeed, Streams};
use sim_core::{ByteCount, DataRate, Probability, SimDuration, SimTime};
use wire::ip::Ecn;
use wire::ip_view::{HeaderMut, HeaderView};
use wire::packet::Packet;

use crate::impairment::{
    Corruption, CorruptionRate, Damage, Duplicate, FrameNumbers, GilbertElliottConfig, InOrder, Jitter,
    JitterDistribution, JitterError, Loss, Outages, RateTrace, Reorder, TracedRate,
};
use crate::port::{Framing, PortState};
use crate::purpose;
use crate::queue::{
    Dequeued, Discipline, DropCause as QueueDrop, QueueConfig, QueueConfigError, QueueLimit, Queued,
};

/// The settings of one direction of a link.
#[derive(Clone, Debug)]
pub struct Direction {
    /// Rate at which frames leave.
    pub rate: DataRate,
    /// Propagation delay.
    pub delay: SimDuration,
    /// Largest packet taken, in bytes, without framing.
    pub mtu: u16,
    /// What frames a packet.
    pub framing: Framing,
    /// Cost of this hop for shortest paths; at least 1.
    pub cost: u32,
    /// The queue in front of the link.
    pub queue: QueueConfig,
    /// Which frames are lost.
    pub loss: LossConfig,
    /// Extra delay of each frame, and whether frames may overtake each other by it.
    pub jitter: Option<(JitterDistribution, bool)>,
    /// Chance and extra delay of frames that others overtake.
    pub reorder: Option<(Probability, SimDuration)>,
    /// Chance that a frame arrives twice.
    pub duplicate: Option<Probability>,
    /// How often bits are flipped without the link noticing.
    pub corrupt: Option<CorruptionRate>,
    /// A rate that changes with time, instead of `rate`.
    pub rate_trace: Option<Arc<RateTrace>>,
    /// Whether the direction is down at the start.
    pub down: bool,
}

/// Which frames a link loses.
#[derive(Clone, Debug)]
pub enum LossConfig {
    /// None.
    None,
    /// Each with this chance, independently of the others.
    Independent(Probability),
    /// In bursts: a state that changes with time.
    GilbertElliott(GilbertElliottConfig),
    /// The frames with these numbers, from 1 in the order of departure.
    Frames(Vec<u64>),
    /// Those that depart in these intervals (from, to).
    Times(Vec<(SimTime, SimTime)>),
}

impl Direction {
    /// A perfect link of this rate and delay with Ethernet framing and 1,500 bytes of MTU, behind a
    /// drop-tail queue of 64 packets.
    pub fn new(rate: DataRate, delay: SimDuration) -> Self {
        Self {
            rate,
            delay,
            mtu: 1500,
            framing: Framing::Ethernet,
            cost: 1,
            queue: QueueConfig::DropTail(QueueLimit::Packets(64)),
            loss: LossConfig::None,
            jitter: None,
            reorder: None,
            duplicate: None,
            corrupt: None,
            rate_trace: None,
            down: false,
        }
    }

    pub(crate) fn drop_tail_limit(&self) -> QueueLimit {
        match self.queue {
            QueueConfig::DropTail(limit) => limit,
            QueueConfig::Red(_) | QueueConfig::CoDel(_) | QueueConfig::FqCodel(_) => {
                QueueLimit::Packets(u32::MAX)
            }
        }
    }

    /// The state that the direction needs from the start, if it needs any; `way` names its random streams.
    pub(crate) fn build_state(
        &self,
        streams: &Streams,
        way: impl FnOnce() -> String,
    ) -> Result<Option<PortState>, LinkError> {
        let managed = !matches!(self.queue, QueueConfig::DropTail(_)) || self.rate_trace.is_some();
        if !managed && !self.is_impaired() && !self.down {
            return Ok(None);
        }
        let way = way();
        let discipline =
            if managed { Some(Box::new(ManagedQueue::new(&self.queue, streams, &way)?)) } else { None };
        let impairments = self.build_impairments(streams, &way)?;
        Ok(Some(PortState { discipline, impairments, down: self.down, ..PortState::default() }))
    }

    fn is_impaired(&self) -> bool {
        !matches!(self.loss, LossConfig::None)
            || self.jitter.is_some()
            || self.reorder.is_some()
            || self.duplicate.is_some()
            || self.corrupt.is_some()
            || self.rate_trace.is_some()
    }

    fn build_impairments(&self, streams: &Streams, way: &str) -> Result<Option<Box<Impairments>>, LinkError> {
        if !self.is_impaired() {
            return Ok(None);
        }
        let counter = |purpose| streams.counter(way, purpose);
        let jitter = match self.jitter {
            Some((distribution, _)) => Some(Jitter::new(distribution, counter(purpose::JITTER))?),
            None => None,
        };
        Ok(Some(Box::new(Impairments {
            loss: self.loss.build(streams, way)?,
            jitter,
            in_order: self.jitter.is_some_and(|(_, overtakes)| !overtakes).then(InOrder::default),
            reorder: self
                .reorder
                .map(|(chance, delay)| Reorder::new(chance, delay, counter(purpose::REORDER))),
            duplicate: self.duplicate.map(|chance| Duplicate::new(chance, counter(purpose::DUPLICATE))),
            corruption: self.corrupt.map(|rate| Corruption::new(rate, counter(purpose::CORRUPT))),
            rate_trace: self.rate_trace.clone().map(TracedRate::new),
            flips: Vec::new(),
        })))
    }
}

impl LossConfig {
    pub(crate) fn build(&self, streams: &Streams, way: &str) -> Result<Loss, LinkError> {
        let draws = streams.counter(way, purpose::LOSS);
        Ok(match self {
            Self::None => Loss::None,
            Self::Independent(chance) => Loss::independent(*chance, draws),
            Self::GilbertElliott(config) => {
                Loss::gilbert_elliott(*config, streams.counter(way, purpose::LOSS_STATE), draws)?
            }
            Self::Frames(numbers) => Loss::Packets(FrameNumbers::new(numbers.clone())),
            Self::Times(intervals) => Loss::Trace(Outages::new(intervals.clone())?),
        })
    }
}

/// Whether a loss model's parameters fit together.
///
/// # Errors
///
/// When they do not.
pub fn check_loss(loss: &LossConfig) -> Result<(), LinkError> {
    loss.build(&Streams::new(RunSeed::new(0, 0)), "").map(drop)
}

/// Why a direction's settings cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LinkError {
    /// The queue's.
    #[error(transparent)]
    Queue(#[from] QueueConfigError),
    /// The jitter's.
    #[error(transparent)]
    Jitter(#[from] JitterError),
    /// The loss model's.
    #[error(transparent)]
    Loss(#[from] crate::impairment::LossError),
}

/// A queue with its own service events.
#[derive(Debug)]
pub struct ManagedQueue {
    discipline: Discipline,
    draws: Option<Box<ChaCha8Rng>>,
    dropped: Vec<(Queued, QueueDrop)>,
    given_up: VecDeque<(Queued, QueueDrop)>,
    /// Whether a service event is under way.
    pub(crate) armed: bool,
}

impl ManagedQueue {
    fn new(config: &QueueConfig, streams: &Streams, way: &str) -> Result<Self, QueueConfigError> {
        let draws =
            matches!(config, QueueConfig::Red(_)).then(|| Box::new(streams.stream(way, purpose::QUEUE)));
        let discipline = Discipline::new(config)?;
        Ok(Self { discipline, draws, dropped: Vec::new(), given_up: VecDeque::new(), armed: false })
    }

    /// Takes a packet; says whether it is to be marked.
    pub(crate) fn enqueue(&mut self, now: SimTime, item: Queued) -> bool {
        let draws = &mut self.draws;
        let draw = || draws.as_mut().map_or(0, |rng| rng.next_u64());
        let enqueued = self.discipline.enqueue(now, item, draw, &mut self.dropped);
        self.given_up.extend(self.dropped.drain(..));
        enqueued.mark && enqueued.accepted
    }

    /// The packet to send now.
    pub(crate) fn dequeue(&mut self, now: SimTime) -> Option<Dequeued> {
        let next = self.discipline.dequeue(now, &mut self.dropped);
        self.given_up.extend(self.dropped.drain(..));
        next
    }

    /// A packet that the queue gave up, for the network to drop.
    pub(crate) fn pop_dropped(&mut self) -> Option<(Queued, QueueDrop)> {
        self.given_up.pop_front()
    }

    /// Gives up all that waits.
    pub(crate) fn clear(&mut self) {
        self.discipline.clear(&mut self.dropped);
        self.given_up.extend(self.dropped.drain(..));
    }

    pub(crate) fn len_packets(&self) -> usize {
        self.discipline.len_packets()
    }
}

/// What a link does to frames.
#[derive(Debug)]
pub struct Impairments {
    pub(crate) loss: Loss,
    jitter: Option<Jitter>,
    in_order: Option<InOrder>,
    reorder: Option<Reorder>,
    duplicate: Option<Duplicate>,
    corruption: Option<Corruption>,
    pub(crate) rate_trace: Option<TracedRate>,
    flips: Vec<u64>,
}

/// What becomes of a frame on a link.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It reaches nobody.
    Lost,
    /// It arrives, perhaps damaged, perhaps twice.
    Arrives { at: SimTime, damage: Option<Damage>, copy_at: Option<SimTime> },
}

impl Impairments {
    /// An otherwise perfect link, whose loss a fault timetable sets.
    pub(crate) fn with_loss(loss: Loss) -> Self {
        Self {
            loss,
            jitter: None,
            in_order: None,
            reorder: None,
            duplicate: None,
            corruption: None,
            rate_trace: None,
            flips: Vec::new(),
        }
    }

    /// Decides on frame `number` (from 1) of `len` bytes that departs and would arrive at these times.
    pub(crate) fn fate(&mut self, number: u64, departs: SimTime, arrives: SimTime, len: usize) -> Fate {
        if self.loss.is_lost(number, departs) {
            return Fate::Lost;
        }
        let mut at = arrives;
        if let Some(jitter) = &self.jitter {
            at = at.saturating_add(jitter.extra_delay(number));
        }
        if let Some(in_order) = &mut self.in_order {
            at = in_order.arrival(at);
        }
        if let Some(reorder) = &self.reorder {
            at = at.saturating_add(reorder.extra_delay(number));
        }
        let copied = self.duplicate.as_ref().is_some_and(|duplicate| duplicate.is_duplicated(number));
        let size = ByteCount::from_bytes(len as u64);
        let damage = self.corruption.as_ref().and_then(|corruption| {
            if corruption.is_of_content() {
                return corruption.content_draw(number).map(Damage::Content);
            }
            let any = corruption.flipped_bits(number, size, &mut self.flips);
            any.then(|| Damage::Bits(self.flips.clone()))
        });
        Fate::Arrives { at, damage, copy_at: copied.then_some(at) }
    }
}

/// A hash of what tells flows apart: addresses, protocol and the first four bytes behind the internet
/// header, which are the port numbers of every transport (RFC 8290 §4.1.1).
pub(crate) fn flow_hash(packet: &Packet) -> u32 {
    let header = packet.header();
    let (addresses, protocol, ports) = match HeaderView::new(header) {
        Ok(HeaderView::V4(head)) => (&header[12..20], head[9], (usize::from(head[0] & 0x0f)) * 4),
        Ok(HeaderView::V6(head)) => (&header[8..40], head[6], wire::ipv6::HEADER_LEN),
        Err(_) => return 0,
    };
    let ports = header.get(ports..ports + 4).unwrap_or_default();
    let hash = sim_core::digest::fold(
        sim_core::digest::bytes_digest(addresses) ^ u64::from(protocol),
        sim_core::digest::bytes_digest(ports),
    );
    (hash >> 32) as u32
}

/// Whether a packet may be marked instead of dropped (RFC 3168 §5).
pub(crate) fn is_ecn_capable(packet: &Packet) -> bool {
    HeaderView::new(packet.header()).is_ok_and(|header| header.ecn() != Ecn::NotEct)
}

/// Marks a packet "congestion experienced".
pub(crate) fn mark_congestion(packet: &mut Packet) {
    if let Ok(mut header) = HeaderMut::new(packet.header_mut()) {
        header.set_congestion_experienced();
    }
}
