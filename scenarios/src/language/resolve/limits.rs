//! How long a run lasts, and when it is stopped.

use super::link::above_zero;
use super::section;
use crate::language::diagnostic::Finding;
use crate::language::document::Document;
use crate::language::path::Path;

/// Checks the entries that concern the whole run.
pub(super) fn check(document: &Document, findings: &mut Vec<Finding>) {
    let Some(duration) = document.duration else { return };
    above_zero(Some(duration), &section("duration"), findings);
    if document.warm_up >= duration && duration.as_nanos() > 0 {
        let message =
            format!("the warm-up of {} leaves nothing of the duration, {duration}", document.warm_up);
        findings
            .push(Finding::error(section("warm-up"), message).help("only messages generated after it count"));
    }
    let limits = section("limits");
    let total = u128::from(duration.as_nanos()) + u128::from(document.drain().as_nanos());
    let longest = document.limits.time.map_or(u128::from(TIME_MAX_NANOS), |time| u128::from(time.as_nanos()));
    if total > longest {
        let message = format!("{duration} and a drain of {} are longer than the limit", document.drain());
        findings.push(
            Finding::error(section("duration"), message)
                .help(format!("`limits.time` is {} s", longest / 1_000_000_000)),
        );
    }
    if document.limits.events == Some(0) {
        findings.push(Finding::error(limits.key("events"), "a run has at least one event"));
    }
    if document.limits.memory.is_some_and(|memory| memory.as_bytes() < 1 << 20) {
        findings.push(Finding::error(limits.key("memory"), "no run fits").expected("at least \"1 MiB\""));
    }
    above_zero(document.sample.every, &section("sample").key("every"), findings);
    if let Some(every) = document.sample.every
        && every.as_nanos() > 0
        && total / u128::from(every.as_nanos()) > SAMPLES_MAX
    {
        let message = format!("a sample every {every} makes more than {SAMPLES_MAX} of them");
        findings.push(Finding::error(section("sample").key("every"), message));
    }
    for (name, node) in document.nodes.iter() {
        let path: Path = section("nodes").key(name);
        if node.hop_limit == Some(0) {
            findings
                .push(Finding::error(path.key("hop-limit"), "nothing gets anywhere").expected("1 to 255"));
        }
        for (number, group) in node.multicast.iter().enumerate().filter(|(_, group)| !group.is_multicast()) {
            let message = format!("{group} is not a multicast address");
            let finding = Finding::error(path.key("multicast").index(number), message);
            findings.push(finding.expected("224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291 §2.7)"));
        }
        for (service, port) in node.services.offered() {
            let path = path.key("services").key(service).key("port");
            if port == 0 {
                findings.push(Finding::error(path.clone(), "port 0 is reserved").expected("1 to 65535"));
            }
            let before = node.services.offered().take_while(|(other, _)| *other != service);
            if let Some((other, _)) = before.into_iter().find(|(_, taken)| *taken == port) {
                findings.push(Finding::error(path, format!("port {port} is that of `{other}` already")));
            }
        }
    }
}

const TIME_MAX_NANOS: u64 = 365 * 86_400 * 1_000_000_000;

const SAMPLES_MAX: u128 = 10_000_000;
