//! Ranges and combinations of SCTP's options.

use crate::language::diagnostic::Finding;
use crate::language::document::{SctpOptions, SctpReliability, SctpStreamRequest};
use crate::language::path::Path;
use crate::language::quantity::{Duration, Size};

/// Checks the options that stand at `path`.
pub(super) fn check(sctp: &SctpOptions, path: &Path, findings: &mut Vec<Finding>) {
    for (entry, size) in [("send-buffer", sctp.send_buffer), ("receive-buffer", sctp.receive_buffer)] {
        if let Some(size) = size.map(Size::as_bytes)
            && !(BUFFER_MIN..=BUFFER_MAX).contains(&size)
        {
            let finding = Finding::error(path.key(entry), format!("{size} B is out of range"));
            findings.push(finding.expected("\"64 KiB\" to \"1 GiB\""));
        }
    }
    if sctp.streams == Some(0) {
        let finding = Finding::error(path.key("streams"), "an association has at least one stream");
        findings.push(finding.expected("1 to 65535"));
    }
    check_scheduling(sctp, path, findings);
    check_requests(sctp, path, findings);
    if sctp.concurrent_multipath == Some(true) && sctp.multihoming != Some(true) {
        let at = path.key("concurrent-multipath");
        let finding = Finding::error(at, "one address has one path");
        findings.push(finding.expected("`multihoming`: true beside it"));
    }
    if sctp.sack_frequency == Some(0) {
        let finding = Finding::error(path.key("sack-frequency"), "no packet cannot be acknowledged");
        findings.push(finding.expected("1 to 255 packets"));
    }
    if sctp.max_burst.is_some_and(|burst| !(1..=1000).contains(&burst)) {
        let finding = Finding::error(path.key("max-burst"), "the burst is out of range");
        findings.push(finding.expected("1 to 1000 packets"));
    }
    if sctp.sack_delay.is_some_and(|time| time > SACK_DELAY_MAX) {
        let finding = Finding::error(path.key("sack-delay"), "an acknowledgement must not wait so long");
        findings.push(finding.expected("at most \"500 ms\" (RFC 9260 §6.2)"));
    }
    for (entry, time) in
        [("rto-min", sctp.rto_min), ("rto-initial", sctp.rto_initial), ("rto-max", sctp.rto_max)]
    {
        if time.is_some_and(|time| time < RTO_FLOOR) {
            let finding = Finding::error(path.key(entry), "such a time-out fires before anything can arrive");
            findings.push(finding.expected("at least \"1 ms\""));
        }
    }
    let (min, max) = (sctp.rto_min.unwrap_or(RTO_MIN_DEFAULT), sctp.rto_max.unwrap_or(RTO_MAX_DEFAULT));
    if max < min {
        let at = if sctp.rto_max.is_some() { "rto-max" } else { "rto-min" };
        findings
            .push(Finding::error(path.key(at), format!("`rto-max`, {max}, is less than `rto-min`, {min}")));
    }
    if sctp.shared_key == Some(0) {
        let finding =
            Finding::error(path.key("shared-key"), "0 is the number of the empty key (RFC 4895 §6.2)");
        findings.push(finding.expected("1 to 65535"));
    }
    if sctp.cookie_life.is_some_and(|life| life.as_nanos() == 0) {
        findings.push(Finding::error(path.key("cookie-life"), "no cookie could come back in time"));
    }
}

/// Priorities, weights and interleaving, and what they need.
fn check_scheduling(sctp: &SctpOptions, path: &Path, findings: &mut Vec<Finding>) {
    let streams = usize::from(sctp.streams.unwrap_or(1));
    for (entry, list) in [("priorities", &sctp.priorities), ("weights", &sctp.weights)] {
        if list.as_ref().is_some_and(|list| list.len() > streams) {
            let finding = Finding::error(path.key(entry), "there are more numbers than streams");
            findings.push(finding.expected(format!("at most {streams}")));
        }
    }
    for (index, weight) in sctp.weights.iter().flatten().enumerate() {
        if *weight == 0 {
            let at = path.key("weights").index(index);
            let finding = Finding::error(at, "a stream without weight would never be served");
            findings.push(finding.expected("1 to 65535"));
        }
    }
    if let Some(SctpReliability::Priority(list)) = &sctp.reliability
        && (list.is_empty() || list.len() > streams)
    {
        let at = path.key("reliability").key("priority");
        let finding = Finding::error(at, "the messages of each stream have one priority");
        findings.push(finding.expected(format!("1 to {streams} numbers")));
    }
    let buffer = sctp.receive_buffer.map_or(RECEIVE_BUFFER_DEFAULT, Size::as_bytes);
    let needed = streams as u64 * BUFFER_MIN;
    if sctp.interleaving == Some(true) && buffer < needed {
        let at = if sctp.receive_buffer.is_some() { "receive-buffer" } else { "streams" };
        let message =
            format!("a message of 64 KiB on each of {streams} streams may be on its way, and none be whole");
        let finding = Finding::error(path.key(at), message);
        findings.push(finding.expected(format!("a `receive-buffer` of at least {} KiB", needed >> 10)));
    }
}

/// Requests about streams that can be made.
fn check_requests(sctp: &SctpOptions, path: &Path, findings: &mut Vec<Finding>) {
    let mut reset_at: Option<Duration> = None;
    for (index, entry) in sctp.reconfiguration.iter().flatten().enumerate() {
        let at = path.key("reconfiguration").index(index);
        match &entry.ask {
            SctpStreamRequest::ResetOutgoing(list) | SctpStreamRequest::ResetIncoming(list)
                if list.len() > REQUEST_STREAMS_MAX =>
            {
                let finding = Finding::error(at.key("ask"), "a request does not hold so many streams");
                findings.push(finding.expected("at most 200, or none for all"));
            }
            SctpStreamRequest::AddOutgoing(0) | SctpStreamRequest::AddIncoming(0) => {
                let finding = Finding::error(at.key("ask"), "no stream more needs no request");
                findings.push(finding.expected("1 to 2048 streams"));
            }
            SctpStreamRequest::ResetTsns => {
                let since = reset_at.map(|before| entry.at.as_nanos().abs_diff(before.as_nanos()));
                if since.is_some_and(|nanos| nanos < TSN_RESET_STEP.as_nanos()) {
                    let finding =
                        Finding::error(at.key("at"), "TSNs are not reset so soon again (RFC 6525 §5.1.4)");
                    findings.push(finding.expected("\"30 s\" between two resets"));
                }
                reset_at = Some(entry.at);
            }
            SctpStreamRequest::ResetOutgoing(_)
            | SctpStreamRequest::ResetIncoming(_)
            | SctpStreamRequest::AddOutgoing(_)
            | SctpStreamRequest::AddIncoming(_) => {}
        }
    }
}

const RECEIVE_BUFFER_DEFAULT: u64 = 1 << 20;
const REQUEST_STREAMS_MAX: usize = 200;
const TSN_RESET_STEP: Duration = Duration::from_secs(30);
/// The longest message fits, and may be sent.
const BUFFER_MIN: u64 = 1 << 16;
const BUFFER_MAX: u64 = 1 << 30;
const SACK_DELAY_MAX: Duration = Duration::from_millis(500);
const RTO_FLOOR: Duration = Duration::from_millis(1);
const RTO_MIN_DEFAULT: Duration = Duration::from_secs(1);
const RTO_MAX_DEFAULT: Duration = Duration::from_secs(60);
