//! Links and segments: the scenario's settings as the network's.

use std::sync::Arc;

use network::builder::{NetworkBuilder, PortKey};
use network::impairment::{CorruptionRate, GilbertElliottConfig, JitterDistribution, RateTrace as Rates};
use network::link::{Direction, LossConfig};
use network::port::Framing;
use network::queue::{
    CoDelConfig, CoDelControl, FqCodelConfig, QueueConfig, QueueLimit as Limit, RedConfig, RedThresholds,
};
use network::segment::SegmentSpec;
use sim_core::{ByteCount, DataRate, SimDuration};

use super::{WorldError, address, probability};
use crate::language::Files;
use crate::language::document::{
    self, Corruption, DirectionSettings, Jitter, Loss, Queue, QueueLimit, RateTrace,
};
use crate::language::scenario::{LinkProfile, MediumSettings, Scenario};

/// Joins the ends of every link.
pub(super) fn connect(
    scenario: &Scenario,
    builder: &mut NetworkBuilder,
    ports: &[PortKey],
    files: &dyn Files,
) -> Result<(), WorldError> {
    let profiles: Vec<Arc<[Direction; 2]>> = scenario
        .profiles
        .iter()
        .map(|profile| Ok(Arc::new([direction(profile, 0, files)?, direction(profile, 1, files)?])))
        .collect::<Result<_, WorldError>>()?;
    for link in &scenario.links {
        let mut directions = Arc::clone(&profiles[link.profile as usize]);
        for end in link.ends {
            let interface = scenario.interface(end);
            if interface.up && interface.mtu.is_none() {
                continue;
            }
            for direction in Arc::make_mut(&mut directions) {
                direction.down |= !interface.up;
                direction.mtu = direction.mtu.min(interface.mtu.map_or(u16::MAX, bounded_mtu));
            }
        }
        let ends = link.ends.map(|end| ports[end.0 as usize]);
        builder.connect_alike(&scenario.link_name(link), ends, directions);
    }
    Ok(())
}

/// Puts the members of every shared segment on it.
pub(super) fn add_segments(
    scenario: &Scenario,
    builder: &mut NetworkBuilder,
    ports: &[PortKey],
) -> Result<(), WorldError> {
    for (medium, members) in scenario.media.iter().zip(address::segments(scenario)) {
        let MediumSettings::Ethernet(settings) = &medium.settings else { continue };
        let rate = settings.rate.and_then(|rate| rate.to_data_rate()).unwrap_or(DEFAULT_RATE);
        let mut spec = SegmentSpec::new(rate, settings.delay.into());
        spec.mtu = settings.mtu.map_or(1500, |mtu| bounded_mtu(mtu.as_bytes() as u32));
        if let Some(Queue::DropTail(limit)) = settings.queue {
            spec.queue = bounded(limit);
        }
        if let Some(loss) = &settings.loss {
            spec.loss = loss_config(loss)?;
        }
        let arp = &settings.arp;
        spec.neighbours.known = arp.known;
        spec.neighbours.arp_timeout = arp.timeout.map_or(spec.neighbours.arp_timeout, Into::into);
        spec.neighbours.retry = arp.retry.map_or(spec.neighbours.retry, Into::into);
        let members: Vec<PortKey> = members.iter().map(|member| ports[member.0 as usize]).collect();
        builder.segment(&medium.name, spec, &members);
    }
    Ok(())
}

fn direction(profile: &LinkProfile, side: usize, files: &dyn Files) -> Result<Direction, WorldError> {
    let settings = &profile.directions[side];
    let rate_trace = rate_trace(settings, files)?;
    let traced = rate_trace.as_ref().map(|trace| trace.mean_rate());
    let rate = settings.rate.and_then(|rate| rate.to_data_rate()).or(traced).unwrap_or(DEFAULT_RATE);
    let mut direction = Direction::new(rate, settings.delay.map_or(SimDuration::ZERO, Into::into));
    direction.mtu = bounded_mtu(profile.mtu);
    direction.framing = match profile.framing {
        document::Framing::Ethernet => Framing::Ethernet,
        document::Framing::Ppp => Framing::Ppp,
        document::Framing::None => Framing::None,
    };
    direction.cost = u32::from(profile.cost);
    direction.down = profile.down;
    direction.queue = queue(settings.queue.as_ref().unwrap_or(&Queue::default()), rate);
    direction.loss = settings.loss.as_ref().map_or(Ok(LossConfig::None), loss_config)?;
    direction.jitter =
        settings.jitter.map(|jitter| (jitter_distribution(jitter), settings.overtake.unwrap_or(false)));
    direction.reorder =
        settings.reorder.map(|reorder| (probability(reorder.probability), reorder.delay.into()));
    direction.duplicate = settings.duplicate.map(probability);
    direction.corrupt = settings.corrupt.map(|corrupt| match corrupt {
        Corruption::BitError(rate) => CorruptionRate::Bit(probability(rate)),
        Corruption::Packet(rate) => CorruptionRate::Frame(probability(rate)),
        Corruption::Content(rate) => CorruptionRate::Content(probability(rate)),
    });
    direction.rate_trace = rate_trace;
    Ok(direction)
}

fn rate_trace(settings: &DirectionSettings, files: &dyn Files) -> Result<Option<Arc<Rates>>, WorldError> {
    let failed = |error: String| WorldError::Trace(error);
    let trace = match &settings.trace {
        None => return Ok(None),
        Some(RateTrace::Mahimahi(millis)) => Rates::from_millis(millis.clone()),
        Some(RateTrace::File(file)) => Rates::parse(&files.read(&file.0).map_err(failed)?),
    };
    trace.map(|trace| Some(Arc::new(trace))).map_err(|error| failed(error.to_string()))
}

/// A loss model as the network's.
pub(super) fn loss_config(loss: &Loss) -> Result<LossConfig, WorldError> {
    Ok(match loss {
        Loss::Random(share) => LossConfig::Independent(probability(*share)),
        Loss::GilbertElliott(model) => LossConfig::GilbertElliott(GilbertElliottConfig {
            slot: model.slot.into(),
            good_to_bad: probability(model.p),
            bad_to_good: probability(model.r),
            loss_good: probability(model.loss_good),
            loss_bad: probability(model.loss_bad),
        }),
        Loss::Packets(numbers) => LossConfig::Frames(numbers.clone()),
        Loss::Trace(times) => {
            LossConfig::Times(times.iter().map(|range| (range.0.into(), range.1.into())).collect())
        }
        // The resolver has put the contents of a file that can be read in its place.
        Loss::PacketsFile(file) | Loss::TraceFile(file) => {
            return Err(WorldError::Trace(format!("{} has not been read", file.0)));
        }
    })
}

fn jitter_distribution(jitter: Jitter) -> JitterDistribution {
    match jitter {
        Jitter::Uniform(max) => JitterDistribution::Uniform { min: SimDuration::ZERO, max: max.into() },
        Jitter::Normal(normal) => {
            JitterDistribution::Normal { mean: normal.mean.into(), deviation: normal.deviation.into() }
        }
        Jitter::Exponential(mean) => JitterDistribution::Exponential { mean: mean.into() },
    }
}

fn queue(queue: &Queue, rate: DataRate) -> QueueConfig {
    match queue {
        Queue::DropTail(limit) => QueueConfig::DropTail(bounded(*limit)),
        Queue::Red(red) => {
            let (min, max) = (bounded_u32(red.min), bounded_u32(red.max));
            let limit = red.limit.map_or(Limit::Packets(max.saturating_mul(4)), bounded);
            // A small packet of FJ93 §5: what an acknowledgement takes on this link, never 0 ns.
            let small = rate.transmit_time(ByteCount::from_bytes(64)).max(SimDuration::from_nanos(1));
            let mut config = RedConfig::new(limit, RedThresholds::Packets { min, max }, small);
            config.probability_max = red.max_probability.map_or_else(red_probability_max, probability);
            if let Some(weight) = red.weight {
                config.weight = probability(weight);
            }
            config.gentle = red.gentle;
            config.ecn = red.ecn;
            QueueConfig::Red(config)
        }
        Queue::CoDel(codel) => QueueConfig::CoDel(CoDelConfig {
            limit: codel.limit.map_or(Limit::Packets(1000), bounded),
            control: control(codel.target, codel.interval, codel.ecn),
        }),
        Queue::FqCoDel(fq) => {
            let mut config = FqCodelConfig::default();
            config.limit = fq.limit.map_or(config.limit, bounded);
            config.flows = fq.flows.unwrap_or(config.flows);
            config.quantum = fq.quantum.map_or(config.quantum, |quantum| bounded_u32(quantum.as_bytes()));
            config.control = control(fq.target, fq.interval, fq.ecn.unwrap_or(true));
            QueueConfig::FqCodel(config)
        }
    }
}

fn control(
    target: Option<crate::language::Duration>,
    interval: Option<crate::language::Duration>,
    ecn: bool,
) -> CoDelControl {
    let mut control = CoDelControl::default();
    control.target = target.map_or(control.target, Into::into);
    control.interval = interval.map_or(control.interval, Into::into);
    control.ecn = ecn;
    control
}

pub(super) fn bounded(limit: QueueLimit) -> Limit {
    match limit {
        QueueLimit::Packets(packets) => Limit::Packets(bounded_u32(packets)),
        QueueLimit::Bytes(bytes) => Limit::Bytes(bytes.into()),
    }
}

fn bounded_u32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn bounded_mtu(mtu: u32) -> u16 {
    u16::try_from(mtu).unwrap_or(u16::MAX)
}

/// The rate of a link or segment that states none.
const DEFAULT_RATE: DataRate = DataRate::from_bits_per_second(100_000_000);

/// RED's `max_p` where the scenario states none: the language's default of 10 %.
fn red_probability_max() -> sim_core::Probability {
    sim_core::Probability::from_f64(0.1).expect("a tenth is a probability")
}
