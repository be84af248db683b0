//! CoAP's configuration.

use host::app::coap::CoapOptions;
use session::coap::CoapConfig;
use wire::coap::{BlockSize, Code};

use crate::language::document::{self, CoapMethod, Workload};

/// The configuration for `options` beside a workload; what they leave out is the default.
pub(super) fn options(options: &document::CoapOptions, workload: &Workload) -> CoapOptions {
    let mut config = CoapConfig::default();
    config.ack_timeout = options.ack_timeout.map_or(config.ack_timeout, Into::into);
    if let Some(factor) = options.ack_random_factor {
        config.ack_random_factor_milli = (factor * 1000.0).round() as u32;
    }
    config.max_retransmit = options.max_retransmit.unwrap_or(config.max_retransmit);
    config.nstart = options.nstart.unwrap_or(config.nstart);
    if let Some(rate) = options.probing_rate {
        config.probing_rate = u32::try_from(rate.as_bits_per_second().div_ceil(8)).unwrap_or(u32::MAX);
    }
    config.acknowledgement_delay =
        options.acknowledgement_delay.map_or(config.acknowledgement_delay, Into::into);
    config.token_len = options.token_length.unwrap_or(config.token_len);
    if let Some(size) = options.block_size {
        config.block_size = BlockSize::at_most(u32::try_from(size.as_bytes()).unwrap_or(u32::MAX));
    }
    let method = match (options.method, workload) {
        (Some(CoapMethod::Get), _) => Code::GET,
        (Some(CoapMethod::Post), _) | (None, Workload::RequestResponse(_)) => Code::POST,
        (Some(CoapMethod::Put), _) | (None, _) => Code::PUT,
        (Some(CoapMethod::Fetch), _) => Code::FETCH,
        (Some(CoapMethod::Patch), _) => Code::PATCH,
        (Some(CoapMethod::Ipatch), _) => Code::IPATCH,
    };
    CoapOptions {
        config,
        method,
        path: options.path.as_deref().unwrap_or("sensors/temp").into(),
        confirmable: options.confirmable.unwrap_or(true),
        no_response: options.no_response.unwrap_or(false),
    }
}
