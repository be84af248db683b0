//! Ranges and combinations of SCTP's options.

use crate::language::diagnostic::Finding;
use crate::language::document::SctpOptions;
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

/// The longest message fits, and may be sent.
const BUFFER_MIN: u64 = 1 << 16;
const BUFFER_MAX: u64 = 1 << 30;
const SACK_DELAY_MAX: Duration = Duration::from_millis(500);
const RTO_FLOOR: Duration = Duration::from_millis(1);
const RTO_MIN_DEFAULT: Duration = Duration::from_secs(1);
const RTO_MAX_DEFAULT: Duration = Duration::from_secs(60);
