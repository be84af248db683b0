//! Ranges and combinations of TCP's options.

use crate::language::diagnostic::Finding;
use crate::language::document::{CongestionControl, Ecn, TcpOptions};
use crate::language::path::Path;
use crate::language::quantity::{Duration, Size};

/// Checks the options that stand at `path`.
pub(super) fn check(tcp: &TcpOptions, path: &Path, findings: &mut Vec<Finding>) {
    let sizes = [
        ("mss", tcp.mss, 64, 65_495, "\"64 B\" to \"65495 B\""),
        ("send-buffer", tcp.send_buffer, BUFFER_MIN, BUFFER_MAX, "\"1 KiB\" to \"1 GiB\""),
        ("receive-buffer", tcp.receive_buffer, BUFFER_MIN, BUFFER_MAX, "\"1 KiB\" to \"1 GiB\""),
        (
            "receive-buffer-initial",
            tcp.receive_buffer_initial,
            BUFFER_MIN,
            BUFFER_MAX,
            "\"1 KiB\" to \"1 GiB\"",
        ),
    ];
    for (entry, size, min, max, range) in sizes {
        if let Some(size) = size.map(Size::as_bytes)
            && !(min..=max).contains(&size)
        {
            findings
                .push(Finding::error(path.key(entry), format!("{size} B is out of range")).expected(range));
        }
    }
    if tcp.congestion == Some(CongestionControl::Dctcp) && tcp.ecn == Some(Ecn::Off) {
        let finding = Finding::error(path.key("ecn"), "DCTCP lives by congestion marks (RFC 8257)");
        findings.push(finding.help("leave `ecn` out, or use another `congestion`"));
    }
    if tcp.source_port == Some(0) {
        let finding = Finding::error(path.key("source-port"), "0 is no port");
        findings.push(finding.expected("1 to 65535").help("leave it out for one that is free"));
    }
    if tcp.initial_window.is_some_and(|window| !(1..=1000).contains(&window)) {
        let finding = Finding::error(path.key("initial-window"), "the window is out of range");
        findings.push(finding.expected("1 to 1000 segments"));
    }
    if tcp.delayed_ack_time.is_some_and(|time| time > DELAYED_ACK_MAX) {
        let finding =
            Finding::error(path.key("delayed-ack-time"), "an acknowledgement must not wait so long");
        findings.push(finding.expected("at most \"500 ms\" (RFC 1122 §4.2.3.2)"));
    }
    for (entry, time) in
        [("rto-min", tcp.rto_min), ("rto-initial", tcp.rto_initial), ("rto-max", tcp.rto_max)]
    {
        if time.is_some_and(|time| time < RTO_FLOOR) {
            let finding = Finding::error(path.key(entry), "such a time-out fires before anything can arrive");
            findings.push(finding.expected("at least \"1 ms\""));
        }
    }
    let (min, max) = (tcp.rto_min.unwrap_or(RTO_MIN_DEFAULT), tcp.rto_max.unwrap_or(RTO_MAX_DEFAULT));
    if max < min {
        let at = if tcp.rto_max.is_some() { "rto-max" } else { "rto-min" };
        findings
            .push(Finding::error(path.key(at), format!("`rto-max`, {max}, is less than `rto-min`, {min}")));
    }
    if tcp.backlog.is_some_and(|backlog| !(1..=1_000_000).contains(&backlog)) {
        let finding = Finding::error(path.key("backlog"), "the backlog is out of range");
        findings.push(finding.expected("1 to 1000000 connections"));
    }
    if tcp.user_timeout.is_some_and(|time| time < USER_TIMEOUT_LEAST) {
        let finding = Finding::error(path.key("user-timeout"), "data cannot be given up so soon");
        findings.push(finding.expected("at least \"1 s\""));
    }
    if tcp.reader_rate.is_some_and(|rate| rate.as_bits_per_second() == 0) {
        let finding = Finding::error(path.key("reader-rate"), "such a reader never reads");
        findings.push(finding.expected("more than \"0 bit/s\""));
    }
    if tcp.keep_alive.is_some_and(|time| time.as_nanos() == 0) {
        let finding = Finding::error(path.key("keep-alive"), "probes without a pause between them");
        findings.push(finding.help("leave `keep-alive` out to send none"));
    }
}

const BUFFER_MIN: u64 = 1 << 10;
const BUFFER_MAX: u64 = 1 << 30;
const DELAYED_ACK_MAX: Duration = Duration::from_millis(500);
const USER_TIMEOUT_LEAST: Duration = Duration::from_secs(1);
const RTO_FLOOR: Duration = Duration::from_millis(1);
const RTO_MIN_DEFAULT: Duration = Duration::from_millis(200);
const RTO_MAX_DEFAULT: Duration = Duration::from_secs(60);
