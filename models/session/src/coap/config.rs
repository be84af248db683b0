//! Transmission parameters (RFC 7252 §4.8) and what follows from them.

use sim_core::SimDuration;
use wire::coap::BlockSize;

use super::congestion::Congestion;

/// How an endpoint behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoapConfig {
    /// ACK_TIMEOUT: the least time before the first retransmission.
    pub ack_timeout: SimDuration,
    /// ACK_RANDOM_FACTOR in thousandths: the first timeout lies between ACK_TIMEOUT and so many times it.
    pub ack_random_factor_milli: u32,
    /// How timeouts come about.
    pub congestion: Congestion,
    /// MAX_RETRANSMIT: how often a confirmable message is sent again.
    pub max_retransmit: u8,
    /// NSTART: confirmable messages to one peer that may be under way at once.
    pub nstart: u16,
    /// DEFAULT_LEISURE: over which time answers to a multicast request are spread.
    pub default_leisure: SimDuration,
    /// PROBING_RATE in bytes a second: how much is sent to a peer that says nothing; zero is no limit.
    pub probing_rate: u32,
    /// MAX_LATENCY: how long a datagram may be on its way.
    pub max_latency: SimDuration,
    /// How long a server waits for its application before it sends an empty acknowledgement (§5.2.2).
    pub acknowledgement_delay: SimDuration,
    /// Bytes of a token.
    pub token_len: u8,
    /// The largest block that is sent or asked for.
    pub block_size: BlockSize,
    /// The largest body that is put together of blocks.
    pub body_max: u32,
    /// The largest message that is taken over a byte stream, at least 1152 bytes (RFC 8323 §5.3.1).
    pub max_message_size: u32,
    /// Whether requests for other servers are the user's matter, who is a proxy then (RFC 7252 §5.7).
    pub proxy: bool,
    /// Whether a request that changes something has to show that it is fresh (RFC 9175 §2.4).
    pub echo: bool,
    /// Whether errors say their details in CBOR (RFC 9290), not in plain text.
    pub problem_details: bool,
    /// Whether non-confirmable requests with large bodies, or for such, use Q-Block1 and Q-Block2 (RFC 9177).
    pub q_block: bool,
    /// Whether requests that use them are understood.
    pub q_block_understood: bool,
    /// MAX_PAYLOADS: blocks that are sent at once (RFC 9177 §7.2). Both ends have to have the same.
    pub max_payloads: u16,
    /// Every such notification is confirmable, the others are not; 1 makes all confirmable (RFC 7641 §4.5).
    pub confirmable_notification_every: u32,
    /// How long the next notification to an observer waits after a non-confirmable one, in which the newest state replaces
    /// those before; zero is no wait. RFC 7641 §4.5.1 asks for a round trip, or 3 s where that is not known.
    pub notification_pause: SimDuration,
}

impl Default for CoapConfig {
    /// The values of RFC 7252 §4.8 and, for what it leaves open, small ones.
    fn default() -> Self {
        Self {
            ack_timeout: SimDuration::from_secs(2),
            ack_random_factor_milli: 1500,
            congestion: Congestion::Default,
            max_retransmit: 4,
            nstart: 1,
            default_leisure: SimDuration::from_secs(5),
            probing_rate: 1,
            max_latency: SimDuration::from_secs(100),
            acknowledgement_delay: SimDuration::from_millis(100),
            token_len: 4,
            block_size: BlockSize::MAX,
            body_max: 16 << 20,
            max_message_size: 1152,
            proxy: false,
            echo: false,
            problem_details: false,
            q_block: false,
            q_block_understood: true,
            max_payloads: 10,
            confirmable_notification_every: 20,
            notification_pause: SimDuration::ZERO,
        }
    }
}

impl CoapConfig {
    /// NON_TIMEOUT_RANDOM lies between NON_TIMEOUT, which is ACK_TIMEOUT, and this (RFC 9177 §7.2).
    pub fn non_timeout_max(&self) -> SimDuration {
        self.randomised(1)
    }

    /// NON_RECEIVE_TIMEOUT: twice NON_TIMEOUT, and at least a second above NON_TIMEOUT_RANDOM (RFC 9177 §7.2).
    pub fn non_receive_timeout(&self) -> SimDuration {
        let least = self.non_timeout_max().saturating_add(SimDuration::from_secs(1));
        self.ack_timeout.saturating_mul(2).max(least)
    }

    fn randomised(&self, factor: u64) -> SimDuration {
        let nanos = u128::from(self.ack_timeout.as_nanos()) * u128::from(factor);
        SimDuration::from_nanos(
            u64::try_from(nanos * u128::from(self.ack_random_factor_milli) / 1000).unwrap_or(u64::MAX),
        )
    }

    /// MAX_TRANSMIT_SPAN: from the first transmission to the last (§4.8.2).
    pub fn max_transmit_span(&self) -> SimDuration {
        self.randomised((1 << self.max_retransmit.min(31)) - 1)
    }

    /// MAX_TRANSMIT_WAIT: from the first transmission until the sender gives up (§4.8.2).
    pub fn max_transmit_wait(&self) -> SimDuration {
        self.randomised((1 << (self.max_retransmit.min(31) + 1)) - 1)
    }

    /// PROCESSING_DELAY: how long a receiver may take for an acknowledgement (§4.8.2).
    pub fn processing_delay(&self) -> SimDuration {
        self.ack_timeout
    }

    /// EXCHANGE_LIFETIME: from sending a confirmable message until its message ID may be used again (§4.8.2).
    pub fn exchange_lifetime(&self) -> SimDuration {
        let round_trip = self.max_latency.saturating_mul(2).saturating_add(self.processing_delay());
        self.max_transmit_span().saturating_add(round_trip)
    }

    /// NON_LIFETIME: the same for a non-confirmable message (§4.8.2).
    pub fn non_lifetime(&self) -> SimDuration {
        self.max_transmit_span().saturating_add(self.max_latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: RFC 7252 4.8.2-a
    #[test]
    fn derived_times_are_those_of_the_table() {
        // RFC 7252 §4.8.2, table 3.
        let config = CoapConfig::default();
        assert_eq!(config.max_transmit_span(), SimDuration::from_secs(45));
        assert_eq!(config.max_transmit_wait(), SimDuration::from_secs(93));
        assert_eq!(config.exchange_lifetime(), SimDuration::from_secs(247));
        assert_eq!(config.non_lifetime(), SimDuration::from_secs(145));
    }

    // Holds: RFC 9177 7.2-i
    #[test]
    fn the_times_of_free_blocks_follow_from_the_others() {
        // RFC 9177 §7.2, table 3: 2 to 3 s, 4 s; NON_PARTIAL_TIMEOUT is EXCHANGE_LIFETIME.
        let config = CoapConfig::default();
        assert_eq!(config.non_timeout_max(), SimDuration::from_secs(3));
        assert_eq!(config.non_receive_timeout(), SimDuration::from_secs(4));
        let quick = CoapConfig { ack_timeout: SimDuration::from_millis(200), ..config };
        assert_eq!(quick.non_receive_timeout(), SimDuration::from_millis(1300), "0.3 s and one more");
    }
}
