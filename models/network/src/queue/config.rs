//! What a queue is configured with, and what is refused.

use sim_core::{ByteCount, Probability, SimDuration};

/// How much a queue holds. What does not fit is dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QueueLimit {
    /// At most this many packets, of any size. 0 holds nothing.
    Packets(u32),
    /// At most this many bytes, and no more packets than bytes.
    Bytes(ByteCount),
}

impl QueueLimit {
    /// Whether a queue of `packets` packets and `bytes` bytes keeps to the limit.
    pub fn holds(self, packets: usize, bytes: ByteCount) -> bool {
        match self {
            Self::Packets(most) => packets as u64 <= u64::from(most),
            Self::Bytes(most) => bytes <= most && packets as u64 <= most.as_bytes(),
        }
    }
}

/// The discipline of a queue with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueConfig {
    /// First in, first out; what does not fit is dropped.
    DropTail(QueueLimit),
    /// Random early detection.
    Red(RedConfig),
    /// Controlled delay.
    CoDel(CoDelConfig),
    /// Flow queueing with controlled delay.
    FqCodel(FqCodelConfig),
}

impl QueueConfig {
    /// Checks that the parameters fit together.
    ///
    /// # Errors
    /// The first parameter that the discipline's source does not allow.
    pub fn check(&self) -> Result<(), QueueConfigError> {
        match self {
            Self::DropTail(_) => Ok(()),
            Self::Red(red) => red.check(),
            Self::CoDel(codel) => codel.control.check(),
            Self::FqCodel(fq) => fq.check(),
        }
    }
}

/// Why a queue cannot be built.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum QueueConfigError {
    /// RED's early drops begin at the lower threshold and end at the upper.
    #[error("RED's minimum threshold ({min}) must be above 0 and below its maximum threshold ({max})")]
    Thresholds {
        /// The lower threshold, in packets or bytes.
        min: u64,
        /// The upper threshold, in packets or bytes.
        max: u64,
    },
    /// An average with weight 0 never moves.
    #[error("RED's weight of the average queue must be above 0")]
    Weight,
    /// The idle-time correction divides by it.
    #[error("RED's transmission time of a small packet must be above 0")]
    SmallPacketTime,
    /// The byte mode divides by it.
    #[error("RED's maximum packet size must be above 0 bytes")]
    MaxPacket,
    /// CoDel looks for a minimum of the delay within an interval.
    #[error("CoDel's interval must be above 0")]
    Interval,
    /// A queue that must stay below the target is controlled within an interval.
    #[error("CoDel's target must not be above its interval")]
    Target,
    /// Packets need a queue to go to.
    #[error("FQ-CoDel needs 1 to {most} flow queues, got {0}", most = FqCodelConfig::FLOWS_MAX)]
    Flows(u32),
    /// A flow earns a quantum at a time until it may send a packet.
    #[error("FQ-CoDel's quantum must be at least {least} bytes, got {0}", least = FqCodelConfig::QUANTUM_MIN)]
    Quantum(u32),
}

/// Parameters of random early detection.
///
/// Source: S. Floyd and V. Jacobson, "Random Early Detection Gateways for Congestion Avoidance", IEEE/ACM
/// Transactions on Networking 1(4), 1993, called FJ93 here; the gentle mode is S. Floyd's of 2000.
#[derive(Clone, Debug, PartialEq)]
pub struct RedConfig {
    /// The physical queue.
    pub limit: QueueLimit,
    /// Between which average lengths packets are dropped early.
    pub thresholds: RedThresholds,
    /// The chance of an early drop when the average reaches the upper threshold: `max_p` of FJ93.
    pub probability_max: Probability,
    /// The weight of a new sample in the average, above 0: `w_q` of FJ93.
    pub weight: Probability,
    /// The time to send a small packet: `s` of FJ93. While the queue is empty, the average falls as if
    /// such packets arrived back to back.
    pub small_packet_time: SimDuration,
    /// Whether the chance of a drop climbs from `probability_max` to 1 between the upper threshold and
    /// twice that, instead of jumping to 1 at the upper threshold.
    pub gentle: bool,
    /// Whether packets of ECN-capable transports are marked where others are dropped early. Above the upper
    /// threshold they are dropped like all others (RFC 3168 §7 and §19.1).
    pub ecn: bool,
}

impl RedConfig {
    /// RED with `w_q` = 0.002 and `max_p` = 1/50, as in the simulations of FJ93; gentle, without ECN.
    pub fn new(limit: QueueLimit, thresholds: RedThresholds, small_packet_time: SimDuration) -> Self {
        Self {
            limit,
            thresholds,
            probability_max: Probability::from_f64(0.02).expect("0.02 is a probability"),
            weight: Probability::from_f64(0.002).expect("0.002 is a probability"),
            small_packet_time,
            gentle: true,
            ecn: false,
        }
    }

    fn check(&self) -> Result<(), QueueConfigError> {
        let (min, max) = match self.thresholds {
            RedThresholds::Packets { min, max } => (u64::from(min), u64::from(max)),
            RedThresholds::Bytes { min, max, max_packet } => {
                if max_packet == ByteCount::ZERO {
                    return Err(QueueConfigError::MaxPacket);
                }
                (min.as_bytes(), max.as_bytes())
            }
        };
        if min == 0 || min >= max {
            return Err(QueueConfigError::Thresholds { min, max });
        }
        if self.weight == Probability::NEVER {
            return Err(QueueConfigError::Weight);
        }
        if self.small_packet_time.is_zero() {
            return Err(QueueConfigError::SmallPacketTime);
        }
        Ok(())
    }
}

/// RED's thresholds, which also say what the average length is measured in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RedThresholds {
    /// The average is in packets; all packets are dropped alike.
    Packets {
        /// Below this average nothing is dropped: `min_th`.
        min: u32,
        /// From this average on everything is dropped, or the gentle slope begins: `max_th`.
        max: u32,
    },
    /// The average is in bytes; a packet's chance to be dropped is in proportion to its size (FJ93).
    Bytes {
        /// Below this average nothing is dropped: `min_th`.
        min: ByteCount,
        /// From this average on everything is dropped, or the gentle slope begins: `max_th`.
        max: ByteCount,
        /// The size of a packet that is dropped with the full chance: `MaximumPacketSize`.
        max_packet: ByteCount,
    },
}

/// Parameters of CoDel's control loop, for a queue or for each flow of FQ-CoDel.
///
/// Source: RFC 8289 §4.2 to 4.4 and §5.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CoDelControl {
    /// The acceptable standing delay: `TARGET`.
    pub target: SimDuration,
    /// How long the delay must stay above the target before the first drop; about the longest usual
    /// round-trip time: `INTERVAL`.
    pub interval: SimDuration,
    /// A queue with no more bytes than this is never called too long; the MTU of the interface: `maxpacket`.
    pub max_packet: ByteCount,
    /// Whether packets of ECN-capable transports are marked where others are dropped.
    pub ecn: bool,
    /// The delay above which every packet of an ECN-capable transport is marked, if any (RFC 8290 §5.2.7).
    pub ce_threshold: Option<SimDuration>,
}

impl CoDelControl {
    fn check(&self) -> Result<(), QueueConfigError> {
        if self.interval.is_zero() {
            return Err(QueueConfigError::Interval);
        }
        if self.target > self.interval {
            return Err(QueueConfigError::Target);
        }
        Ok(())
    }
}

impl Default for CoDelControl {
    /// 5 ms and 100 ms (RFC 8289 §5.3) for an MTU of 1,500 bytes, without ECN.
    fn default() -> Self {
        Self {
            target: SimDuration::from_millis(5),
            interval: SimDuration::from_millis(100),
            max_packet: ByteCount::from_bytes(1_500),
            ecn: false,
            ce_threshold: None,
        }
    }
}

/// A queue under CoDel's control.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CoDelConfig {
    /// The physical queue.
    pub limit: QueueLimit,
    /// The control loop.
    pub control: CoDelControl,
}

/// A queue for each flow, each under CoDel's control.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FqCodelConfig {
    /// What all flow queues together hold (RFC 8290 §5.2.3).
    pub limit: QueueLimit,
    /// The control loop of each flow.
    pub control: CoDelControl,
    /// Into how many queues flows are hashed (RFC 8290 §5.2.5), 1 to 65,536.
    pub flows: u32,
    /// Bytes that a flow may send in a round, at least 64 (RFC 8290 §5.2.4).
    pub quantum: u32,
}

impl FqCodelConfig {
    /// The most flow queues, those of Linux.
    pub const FLOWS_MAX: u32 = 65_536;
    /// The smallest quantum in bytes: the rounds until a flow may send a big packet stay few.
    pub const QUANTUM_MIN: u32 = 64;

    fn check(&self) -> Result<(), QueueConfigError> {
        if self.flows == 0 || self.flows > Self::FLOWS_MAX {
            return Err(QueueConfigError::Flows(self.flows));
        }
        if self.quantum < Self::QUANTUM_MIN {
            return Err(QueueConfigError::Quantum(self.quantum));
        }
        self.control.check()
    }
}

impl Default for FqCodelConfig {
    /// 10,240 packets, 1,024 flows, a quantum of 1,514 bytes, ECN on (RFC 8290 §5.2.1 to 5.2.6).
    fn default() -> Self {
        Self {
            limit: QueueLimit::Packets(10_240),
            control: CoDelControl { ecn: true, ..CoDelControl::default() },
            flows: 1_024,
            quantum: 1_514,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn red(min: u32, max: u32) -> RedConfig {
        let thresholds = RedThresholds::Packets { min, max };
        RedConfig::new(QueueLimit::Packets(100), thresholds, SimDuration::from_millis(1))
    }

    #[test]
    fn a_limit_in_bytes_also_bounds_packets_of_no_size() {
        let limit = QueueLimit::Bytes(ByteCount::from_bytes(3));
        assert!(limit.holds(3, ByteCount::ZERO));
        assert!(!limit.holds(4, ByteCount::ZERO));
    }

    #[test]
    fn the_defaults_are_accepted() {
        assert_eq!(QueueConfig::Red(red(5, 15)).check(), Ok(()));
        assert_eq!(QueueConfig::FqCodel(FqCodelConfig::default()).check(), Ok(()));
    }

    #[test]
    fn what_the_sources_do_not_allow_is_refused() {
        use QueueConfigError as E;
        let refused = |config: QueueConfig| config.check().unwrap_err();
        assert_eq!(refused(QueueConfig::Red(red(15, 15))), E::Thresholds { min: 15, max: 15 });
        assert_eq!(refused(QueueConfig::Red(red(0, 15))), E::Thresholds { min: 0, max: 15 });
        let still = RedConfig { weight: Probability::NEVER, ..red(5, 15) };
        assert_eq!(refused(QueueConfig::Red(still)), E::Weight);
        let instant = RedConfig { small_packet_time: SimDuration::ZERO, ..red(5, 15) };
        assert_eq!(refused(QueueConfig::Red(instant)), E::SmallPacketTime);
        let (min, max) = (ByteCount::from_bytes(1), ByteCount::from_bytes(2));
        let thresholds = RedThresholds::Bytes { min, max, max_packet: ByteCount::ZERO };
        assert_eq!(refused(QueueConfig::Red(RedConfig { thresholds, ..red(5, 15) })), E::MaxPacket);
        let limit = QueueLimit::Packets(1);
        let control = CoDelControl { interval: SimDuration::ZERO, ..CoDelControl::default() };
        assert_eq!(refused(QueueConfig::CoDel(CoDelConfig { limit, control })), E::Interval);
        let control = CoDelControl { target: SimDuration::from_secs(1), ..CoDelControl::default() };
        assert_eq!(refused(QueueConfig::CoDel(CoDelConfig { limit, control })), E::Target);
        let fq = FqCodelConfig::default();
        assert_eq!(refused(QueueConfig::FqCodel(FqCodelConfig { flows: 0, ..fq })), E::Flows(0));
        assert_eq!(refused(QueueConfig::FqCodel(FqCodelConfig { quantum: 63, ..fq })), E::Quantum(63));
    }

    #[test]
    fn a_refusal_names_what_is_allowed() {
        assert_eq!(QueueConfigError::Flows(0).to_string(), "FQ-CoDel needs 1 to 65536 flow queues, got 0");
    }
}
