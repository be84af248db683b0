//! Ranges and combinations of CoAP's options.

use crate::language::diagnostic::Finding;
use crate::language::document::{CoapMethod, CoapOptions, Workload};
use crate::language::path::Path;
use crate::language::quantity::{Duration, Size};

/// Checks the options that stand at `path`, beside a workload.
pub(super) fn check(coap: &CoapOptions, workload: &Workload, path: &Path, findings: &mut Vec<Finding>) {
    if coap.token_length.is_some_and(|len| len > 8) {
        let finding = Finding::error(path.key("token-length"), "a token is not so long");
        findings.push(finding.expected("0 to 8 (RFC 7252 §3)"));
    }
    if coap.ack_timeout.is_some_and(|time| time < TIMEOUT_FLOOR) {
        let finding =
            Finding::error(path.key("ack-timeout"), "such a time-out fires before anything can arrive");
        findings.push(finding.expected("at least \"1 ms\""));
    }
    if coap.ack_random_factor.is_some_and(|factor| !(1.0..=10.0).contains(&factor)) {
        let finding = Finding::error(path.key("ack-random-factor"), "the factor is out of range");
        findings.push(finding.expected("1 to 10 (RFC 7252 §4.8.1)"));
    }
    if coap.max_retransmit.is_some_and(|max| max > 20) {
        let finding = Finding::error(path.key("max-retransmit"), "the last time-out would outlive every run");
        findings.push(finding.expected("0 to 20"));
    }
    if coap.nstart.is_some_and(|nstart| !(1..=1000).contains(&nstart)) {
        findings.push(Finding::error(path.key("nstart"), "the number is out of range").expected("1 to 1000"));
    }
    let is_block = |bytes: u64| (16..=1024).contains(&bytes) && bytes.is_power_of_two();
    if coap.block_size.map(Size::as_bytes).is_some_and(|bytes| !is_block(bytes)) {
        let finding = Finding::error(path.key("block-size"), "there is no such size of a block");
        findings.push(finding.expected("\"16 B\" to \"1024 B\" in powers of two (RFC 7959 §2.2)"));
    }
    let is_message = |bytes: u64| (1152..=16 << 20).contains(&bytes);
    if coap.max_message_size.map(Size::as_bytes).is_some_and(|bytes| !is_message(bytes)) {
        let finding = Finding::error(path.key("max-message-size"), "no end may take so little, or so much");
        findings.push(finding.expected("\"1152 B\" to \"16 MiB\" (RFC 8323 §5.3.1)"));
    }
    let segments = coap.path.iter().flat_map(|path| path.split('/'));
    if segments.into_iter().any(|segment| segment.len() > 255) {
        let finding = Finding::error(path.key("path"), "a segment of a path is not so long");
        findings.push(finding.expected("at most 255 bytes (RFC 7252 §5.10)"));
    }
    let asks = matches!(coap.method, Some(CoapMethod::Get | CoapMethod::Fetch));
    let polls = matches!(workload, Workload::Poll(_) | Workload::Observe(_));
    let exchanges = polls || matches!(workload, Workload::RequestResponse(_));
    if polls && coap.method.is_some() && !asks {
        let finding =
            Finding::error(path.key("method"), "this method brings something, and asks for nothing");
        findings.push(finding.expected("\"get\" or \"fetch\""));
    }
    if asks && !exchanges {
        let finding =
            Finding::error(path.key("method"), "this method asks for something, and brings nothing");
        findings.push(finding.help("use it with the workload `poll`, `observe` or `request-response`"));
    }
    if coap.q_block == Some(true) && coap.confirmable != Some(false) {
        let finding = Finding::error(path.key("q-block"), "these blocks are for non-confirmable requests");
        findings.push(finding.expected("`\"confirmable\": false` beside it (RFC 9177 §3.2)"));
    }
    if coap.max_payloads.is_some_and(|payloads| !(1..=1000).contains(&payloads)) {
        let finding = Finding::error(path.key("max-payloads"), "the number is out of range");
        findings.push(finding.expected("1 to 1000"));
    }
    if coap.max_payloads.is_some() && coap.q_block != Some(true) {
        let finding = Finding::error(path.key("max-payloads"), "without `q-block` blocks go one by one");
        findings.push(finding.help("set `q-block` to true, or leave `max-payloads` out"));
    }
    if coap.no_response == Some(true) && exchanges {
        let finding = Finding::error(path.key("no-response"), "the workload waits for responses");
        findings.push(finding.help("leave `no-response` out"));
    }
}

const TIMEOUT_FLOOR: Duration = Duration::from_millis(1);
