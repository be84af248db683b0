//! SCTP's configuration.

use std::sync::Arc;

use host::stack::SctpOptions;
use sim_core::SimTime;
use transport::sctp::{
    Authentication, Encapsulation, ErrorDetection, HmacAlgorithm, Reconfiguration, Reliability, Scheduler,
    SctpConfig, StreamRequest,
};
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
        document::SctpScheduler::RoundRobinPacket => Scheduler::RoundRobinPacket,
        document::SctpScheduler::FairBandwidth => Scheduler::FairBandwidth,
        document::SctpScheduler::WeightedFair => Scheduler::WeightedFair,
        document::SctpScheduler::Priority => Scheduler::Priority,
    };
    config.stream_values = match config.scheduler {
        Scheduler::Priority => options.priorities.clone(),
        Scheduler::WeightedFair => options.weights.clone(),
        Scheduler::FirstComeFirstServed
        | Scheduler::RoundRobin
        | Scheduler::RoundRobinPacket
        | Scheduler::FairBandwidth => None,
    }
    .unwrap_or_default();
    config.interleaving = options.interleaving.unwrap_or(false);
    config.reconfiguration = options.reconfiguration.as_ref().map(|_| Reconfiguration::default());
    config.concurrent_multipath = options.concurrent_multipath.unwrap_or(false);
    config.encapsulation = encapsulated
        .then_some(Encapsulation { local_port: Encapsulation::PORT, remote_port: Encapsulation::PORT });
    config.authentication = authentication(options);
    config.path_mtu_probing =
        options.path_mtu_discovery.unwrap_or_default() == document::SctpPathMtuDiscovery::Probing;
    config.zero_checksum = match options.zero_checksum.unwrap_or_default() {
        document::SctpErrorDetection::None => None,
        document::SctpErrorDetection::Dtls => Some(ErrorDetection::Dtls),
    };
    config.address_changes = options.address_changes.unwrap_or(false);
    SctpOptions {
        config: Arc::new(config),
        unordered: !options.ordered.unwrap_or(true),
        reliability: reliability(options),
        multihoming: options.multihoming.unwrap_or(false),
        byte_stream: false,
        requests: options.reconfiguration.iter().flatten().map(request).collect(),
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

/// How hard the messages of each stream are tried.
fn reliability(options: &document::SctpOptions) -> Vec<Reliability> {
    match options.reliability.as_ref().unwrap_or(&document::SctpReliability::Full) {
        document::SctpReliability::Full => Vec::new(),
        document::SctpReliability::Lifetime(life) => vec![Reliability::Lifetime((*life).into())],
        document::SctpReliability::Retransmissions(count) => vec![Reliability::Retransmissions(*count)],
        document::SctpReliability::Priority(list) => {
            list.iter().copied().map(Reliability::Priority).collect()
        }
    }
}

fn request(entry: &document::SctpRequest) -> (SimTime, StreamRequest) {
    use document::SctpStreamRequest as Ask;
    let request = match &entry.ask {
        Ask::ResetOutgoing(list) => StreamRequest::Reset { outgoing: Some(list.clone()), incoming: None },
        Ask::ResetIncoming(list) => StreamRequest::Reset { outgoing: None, incoming: Some(list.clone()) },
        Ask::ResetTsns => StreamRequest::ResetTsns,
        Ask::AddOutgoing(count) => StreamRequest::Add { outgoing: *count, incoming: 0 },
        Ask::AddIncoming(count) => StreamRequest::Add { outgoing: 0, incoming: *count },
    };
    (SimTime::from_nanos(entry.at.as_nanos()), request)
}

/// What a service takes: many streams, and peers with and without UDP around their packets; all that peers offer, where
/// `extensions` are wanted.
pub(super) fn of_service(extensions: bool) -> SctpOptions {
    let encapsulation = Some(Encapsulation { local_port: Encapsulation::PORT, remote_port: 0 });
    let config = SctpConfig {
        outbound_streams: 1024,
        inbound_streams: 1024,
        encapsulation,
        authentication: extensions.then(Authentication::default),
        address_changes: extensions,
        reconfiguration: extensions.then(Reconfiguration::default),
        interleaving: extensions,
        ..SctpConfig::default()
    };
    SctpOptions { config: Arc::new(config), multihoming: true, ..SctpOptions::default() }
}
