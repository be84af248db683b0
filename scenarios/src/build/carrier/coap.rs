//! CoAP's configuration.

use std::sync::Arc;

use host::app::coap::{CoapOptions, Content, Resource};
use session::coap::{CoapConfig, Congestion};
use wire::coap::{BlockSize, Code};

use crate::build::traffic::span;
use crate::language::document::{self, CoapCongestion, CoapMethod, CoapResource, CoapServer, Workload};

/// The configuration for `options` beside a workload; what they leave out is the default.
pub(super) fn options(options: &document::CoapOptions, workload: &Workload) -> CoapOptions {
    let mut config = CoapConfig::default();
    config.ack_timeout = options.ack_timeout.map_or(config.ack_timeout, Into::into);
    if let Some(factor) = options.ack_random_factor {
        config.ack_random_factor_milli = (factor * 1000.0).round() as u32;
    }
    config.congestion = match options.congestion {
        Some(CoapCongestion::Cocoa) => Congestion::Cocoa,
        Some(CoapCongestion::Fasor) => Congestion::Fasor,
        Some(CoapCongestion::Default) | None => Congestion::Default,
    };
    config.max_retransmit = options.max_retransmit.unwrap_or(config.max_retransmit);
    config.nstart = options.nstart.unwrap_or(config.nstart);
    if let Some(rate) = options.probing_rate {
        config.probing_rate = u32::try_from(rate.as_bits_per_second().div_ceil(8)).unwrap_or(u32::MAX);
    }
    config.default_leisure = options.leisure.map_or(config.default_leisure, Into::into);
    config.acknowledgement_delay =
        options.acknowledgement_delay.map_or(config.acknowledgement_delay, Into::into);
    config.token_len = options.token_length.unwrap_or(config.token_len);
    if let Some(size) = options.block_size {
        config.block_size = BlockSize::at_most(u32::try_from(size.as_bytes()).unwrap_or(u32::MAX));
    }
    if let Some(size) = options.max_message_size {
        config.max_message_size = u32::try_from(size.as_bytes()).unwrap_or(u32::MAX);
    }
    config.echo = options.echo.unwrap_or(false);
    config.q_block = options.q_block.unwrap_or(false);
    config.max_payloads = options.max_payloads.unwrap_or(config.max_payloads);
    config.problem_details = options.problem_details.unwrap_or(false);
    config.notification_pause = options.notification_pause.map_or(config.notification_pause, Into::into);
    let method = match (options.method, workload) {
        (Some(CoapMethod::Get), _) | (None, Workload::Poll(_) | Workload::Observe(_)) => Code::GET,
        (Some(CoapMethod::Post), _) | (None, Workload::RequestResponse(_)) => Code::POST,
        (Some(CoapMethod::Put), _) | (None, _) => Code::PUT,
        (Some(CoapMethod::Fetch), _) => Code::FETCH,
        (Some(CoapMethod::Patch), _) => Code::PATCH,
        (Some(CoapMethod::Ipatch), _) => Code::IPATCH,
    };
    CoapOptions {
        config: Arc::new(config),
        method,
        path: options.path.as_deref().unwrap_or("sensors/temp").into(),
        confirmable: options.confirmable.unwrap_or(true),
        no_response: options.no_response.unwrap_or(false),
        resources: Arc::default(),
        proxy: None,
        reverse: false,
    }
}

/// What a server has that `settings` describe, or one that nothing is said about.
pub(super) fn resources(settings: Option<&CoapServer>) -> Arc<[Resource]> {
    let Some(described) = settings.and_then(|settings| settings.resources.as_ref()) else {
        return Resource::usual().into();
    };
    described.iter().map(|(path, settings)| resource(path, settings)).collect()
}

fn resource(path: &str, settings: &CoapResource) -> Resource {
    let content = match (&settings.text, settings.size, settings.changes) {
        (Some(text), ..) => Content::Text(text.as_str().into()),
        (None, Some(size), _) => Content::Bytes(u32::try_from(size.as_bytes()).unwrap_or(u32::MAX)),
        (None, None, Some(_)) => Content::Count,
        (None, None, None) => Content::Nothing,
    };
    let usual = Resource::new(path.trim_matches('/'), content);
    Resource {
        processing: settings.processing.map_or(usual.processing, span),
        changes: settings.changes.map(span),
        writable: settings.writable,
        content_format: settings.content_format.unwrap_or(usual.content_format),
        max_age: settings
            .max_age
            .map(|age| u32::try_from(age.as_nanos() / NANOS_IN_SECOND).unwrap_or(u32::MAX)),
        resource_type: settings.resource_type.as_deref().map(Into::into),
        interface: settings.interface.as_deref().map(Into::into),
        ..usual
    }
}

const NANOS_IN_SECOND: u64 = 1_000_000_000;
