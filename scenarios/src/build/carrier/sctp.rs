//! SCTP's configuration.

use std::sync::Arc;

use host::stack::SctpOptions;
use transport::sctp::{Authentication, Encapsulation, HmacAlgorithm, Reliability, Scheduler, SctpConfig};
use wire::sctp::ChunkType;

use crate::language::document;

/// The configuration for `options`; what they leave out is the default. `encapsulated` puts packets into UDP.
pub(super) fn options(options: &document::SctpOptions, encapsulated: bool) -> SctpOptions {
    let mut config = SctpConfig::default();
    let bytes = |size: crate::language::Size| u32::try_from(size.as_bytes()).unwrap_or(u32::MAX);
    config.outbound_streams = options.streams.unwrap_or(1);
    config.send_buffer = options.send_buffer.map_or(config.send_buffer, bytes);
    config.receive_buffer = options.receive_buffer.map_or(config.receive_buffer, bytes);
    config.rto.initial = options.rto_initial.map_or(config.rto.initial, Into::into);
    config.rto.min = options.rto_min.map_or(config.rto.min, Into::into);
    config.rto.max = options.rto_max.map_or(config.rto.max, Into::into);
    config.sack_delay = options.sack_delay.map_or(config.sack_delay, Into::into);
    config.sack_frequency = options.sack_frequency.unwrap_or(config.sack_frequency);
    config.max_burst = options.max_burst.unwrap_or(config.max_burst);
    config.path_max_retrans = options.path_max_retrans.unwrap_or(config.path_max_retrans);
    config.association_max_retrans =
        options.association_max_retrans.unwrap_or(config.association_max_retrans);
    config.potentially_failed = options.potentially_failed;
    config.heartbeat_interval = match options.heartbeat {
        Some(interval) if interval.as_nanos() == 0 => None,
        Some(interval) => Some(interval.into()),
        None => config.heartbeat_interval,
    };
    config.cookie_life = options.cookie_life.map_or(config.cookie_life, Into::into);
    config.ecn = options.ecn.unwrap_or(false);
    config.bundling = options.nagle.unwrap_or(false);
    config.scheduler = match options.scheduler.unwrap_or_default() {
        document::SctpScheduler::FirstCome => Scheduler::FirstComeFirstServed,
        document::SctpScheduler::RoundRobin => Scheduler::RoundRobin,
        document::SctpScheduler::FairBandwidth => Scheduler::FairBandwidth,
        document::SctpScheduler::Priority => Scheduler::Priority,
    };
    config.encapsulation = encapsulated
        .then_some(Encapsulation { local_port: Encapsulation::PORT, remote_port: Encapsulation::PORT });
    config.authentication = authentication(options);
    config.address_changes = options.address_changes.unwrap_or(false);
    SctpOptions {
        config: Arc::new(config),
        unordered: !options.ordered.unwrap_or(true),
        reliability: match options.reliability.unwrap_or_default() {
            document::SctpReliability::Full => Reliability::Full,
            document::SctpReliability::Lifetime(life) => Reliability::Lifetime(life.into()),
            document::SctpReliability::Retransmissions(count) => Reliability::Retransmissions(count),
        },
        multihoming: options.multihoming.unwrap_or(false),
    }
}

/// What has to be authenticated, and how.
fn authentication(options: &document::SctpOptions) -> Option<Authentication> {
    let chunks = match options.authenticate.unwrap_or_default() {
        document::SctpAuthenticate::Nothing if options.shared_key.is_none() && options.hmac.is_none() => {
            return None;
        }
        document::SctpAuthenticate::Nothing => Vec::new(),
        document::SctpAuthenticate::Data => vec![ChunkType::DATA, ChunkType::I_DATA],
        document::SctpAuthenticate::Everything => Authentication::POSSIBLE.to_vec(),
    };
    let algorithms = match options.hmac.unwrap_or_default() {
        document::SctpHmac::Sha256 => vec![HmacAlgorithm::Sha256, HmacAlgorithm::Sha1],
        document::SctpHmac::Sha1 => vec![HmacAlgorithm::Sha1],
    };
    // Its bytes matter to nobody here: both ends have them.
    let keys = options.shared_key.map(|key| (key, format!("key {key} of both ends").into_bytes()));
    let key = options.shared_key.unwrap_or(0);
    Some(Authentication { chunks, algorithms, keys: keys.into_iter().collect(), key })
}

/// What a service takes: many streams, and peers with and without UDP around their packets.
pub(super) fn of_service() -> SctpOptions {
    let encapsulation = Some(Encapsulation { local_port: Encapsulation::PORT, remote_port: 0 });
    let config =
        SctpConfig { outbound_streams: 1024, inbound_streams: 1024, encapsulation, ..SctpConfig::default() };
    SctpOptions { config: Arc::new(config), multihoming: true, ..SctpOptions::default() }
}
