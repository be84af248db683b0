//! Ranges and combinations of the settings of links, media and topologies.

use crate::language::diagnostic::Finding;
use crate::language::document::{
    DirectionSettings, Document, EthernetSegment, Jitter, LinkTemplate, Loss, Medium, Queue, QueueLimit,
    RateTrace, Topology,
};
use crate::language::path::Path;
use crate::language::quantity::{Duration, Fraction, Rate, Size};
use crate::language::resolve::section;
use crate::language::resolve::trace_file::{misplaced_moment, misplaced_range};

/// Checks all links, wherever they are described.
pub(in crate::language::resolve) fn check(document: &Document, findings: &mut Vec<Finding>) {
    for (number, link) in document.links.iter().enumerate() {
        let path = section("links").index(number);
        check_mtu(link.mtu, &path, findings);
        check_cost(link.cost, &path, findings);
        check_direction(&link.direction(), &path, findings);
        check_direction(&link.forward, &path.key("forward"), findings);
        check_direction(&link.backward, &path.key("backward"), findings);
    }
    for (name, rule) in document.topology.iter() {
        let path = section("topology").key(name);
        match rule {
            Topology::Chain(chain) => check_template(&chain.link, &path.key("chain").key("link"), findings),
            Topology::Grid(grid) => check_template(&grid.link, &path.key("grid").key("link"), findings),
            Topology::Star(star) => check_template(&star.link, &path.key("star").key("link"), findings),
            Topology::Random(random) => {
                check_template(&random.link, &path.key("random").key("link"), findings)
            }
            Topology::Dumbbell(dumbbell) => {
                let path = path.key("dumbbell");
                check_template(&dumbbell.access, &path.key("access"), findings);
                check_template(&dumbbell.bottleneck, &path.key("bottleneck"), findings);
            }
        }
    }
    for (name, medium) in document.media.iter() {
        if let Medium::Ethernet(segment) = medium {
            check_segment(segment, &section("media").key(name).key("ethernet"), findings);
        }
    }
    for (name, node) in document.nodes.iter() {
        for (interface, settings) in node.interfaces.iter() {
            let path = section("nodes").key(name).key("interfaces").key(interface);
            check_mtu(settings.mtu, &path, findings);
        }
    }
}

fn check_template(link: &LinkTemplate, path: &Path, findings: &mut Vec<Finding>) {
    check_mtu(link.mtu, path, findings);
    check_cost(link.cost, path, findings);
    check_direction(&link.direction(), path, findings);
    check_direction(&link.forward, &path.key("forward"), findings);
    check_direction(&link.backward, &path.key("backward"), findings);
}

fn check_segment(segment: &EthernetSegment, path: &Path, findings: &mut Vec<Finding>) {
    check_mtu(segment.mtu, path, findings);
    check_rate(segment.rate, &path.key("rate"), findings);
    check_loss(segment.loss.as_ref(), &path.key("loss"), findings);
    check_queue(segment.queue.as_ref(), &path.key("queue"), findings);
    let arp = path.key("arp");
    above_zero(segment.arp.timeout, &arp.key("timeout"), findings);
    above_zero(segment.arp.retry, &arp.key("retry"), findings);
}

fn check_direction(direction: &DirectionSettings, path: &Path, findings: &mut Vec<Finding>) {
    check_rate(direction.rate, &path.key("rate"), findings);
    check_loss(direction.loss.as_ref(), &path.key("loss"), findings);
    check_queue(direction.queue.as_ref(), &path.key("queue"), findings);
    if direction.rate.is_some() && direction.trace.is_some() {
        let finding =
            Finding::error(path.key("trace"), "`rate` and `trace` both say how fast the link is").at_key();
        findings.push(finding.help("leave one of them out"));
    }
    if let Some(RateTrace::Mahimahi(moments)) = &direction.trace
        && let Some(problem) = misplaced_moment(moments)
    {
        findings
            .push(Finding::error(path.key("trace").key("mahimahi"), format!("no usable trace: {problem}")));
    }
    if let Some(reorder) = &direction.reorder {
        above_zero(Some(reorder.delay), &path.key("reorder").key("delay"), findings);
    }
    if let Some(Jitter::Uniform(time) | Jitter::Exponential(time)) = direction.jitter
        && time.as_nanos() == 0
    {
        findings.push(Finding::error(path.key("jitter"), "jitter of 0 is none").help("leave `jitter` out"));
    }
}

/// Refuses a rate of nothing.
pub(in crate::language::resolve) fn check_rate(rate: Option<Rate>, path: &Path, findings: &mut Vec<Finding>) {
    if rate.is_some_and(|rate| rate.as_bits_per_second() == 0) {
        let finding = Finding::error(path.clone(), "a link with a rate of 0 never sends anything");
        findings.push(
            finding.expected("a data rate above 0").help("a broken link is made with `\"down\": true`"),
        );
    }
}

/// Refuses losses that contradict themselves.
pub(in crate::language::resolve) fn check_loss(
    loss: Option<&Loss>,
    path: &Path,
    findings: &mut Vec<Finding>,
) {
    match loss {
        // What a file says is checked when it is read.
        None | Some(Loss::Random(_) | Loss::PacketsFile(_) | Loss::TraceFile(_)) => {}
        Some(Loss::GilbertElliott(bursts)) => {
            let path = path.key("gilbert-elliott");
            above_zero(Some(bursts.slot), &path.key("slot"), findings);
            if bursts.r == Fraction::ZERO {
                let finding = Finding::error(path.key("r"), "a bad state that never ends is no burst");
                findings.push(finding.expected("a probability above 0"));
            }
        }
        Some(Loss::Packets(numbers)) => {
            if let Some(at) = numbers.iter().position(|number| *number == 0) {
                let finding = Finding::error(path.key("packets").index(at), "there is no packet 0");
                findings.push(finding.help("packets are counted from 1"));
            }
        }
        Some(Loss::Trace(ranges)) => {
            let path = path.key("trace");
            let mut last = None;
            for (number, range) in ranges.iter().enumerate() {
                if let Some(problem) = misplaced_range(*range, last) {
                    let finding = Finding::error(path.index(number), problem);
                    findings.push(finding.help("put the ranges in order, without overlap"));
                }
                last = Some(*range);
            }
        }
    }
}

fn check_queue(queue: Option<&Queue>, path: &Path, findings: &mut Vec<Finding>) {
    match queue {
        None => {}
        Some(Queue::DropTail(limit)) => check_limit(Some(*limit), path, findings),
        Some(Queue::Red(red)) => {
            let path = path.key("red");
            check_limit(red.limit, &path.key("limit"), findings);
            if red.min == 0 || red.max <= red.min {
                let message = format!("thresholds of {} and {} packets", red.min, red.max);
                let finding = Finding::error(path.key("max"), message);
                findings.push(finding.expected("1 ≤ `min` < `max`"));
            }
            if red.weight == Some(Fraction::ZERO) {
                let finding =
                    Finding::error(path.key("weight"), "with a weight of 0 the average never changes");
                findings.push(finding.expected("a weight such as 0.002"));
            }
        }
        Some(Queue::CoDel(codel)) => {
            let path = path.key("codel");
            check_limit(codel.limit, &path.key("limit"), findings);
            check_control(codel.target, codel.interval, &path, findings);
        }
        Some(Queue::FqCoDel(fq_codel)) => {
            let path = path.key("fq-codel");
            check_limit(fq_codel.limit, &path.key("limit"), findings);
            check_control(fq_codel.target, fq_codel.interval, &path, findings);
            if fq_codel.flows.is_some_and(|flows| !(1..=65_536).contains(&flows)) {
                findings.push(Finding::error(path.key("flows"), "there are 1 to 65536 flow queues"));
            }
            if fq_codel.quantum.is_some_and(|quantum| quantum.as_bytes() == 0) {
                let finding =
                    Finding::error(path.key("quantum"), "with a quantum of 0 no flow may ever send");
                findings.push(finding.expected("at least \"1 B\""));
            }
        }
    }
}

fn check_control(
    target: Option<Duration>,
    interval: Option<Duration>,
    path: &Path,
    findings: &mut Vec<Finding>,
) {
    above_zero(target, &path.key("target"), findings);
    let target = target.unwrap_or(Duration::from_millis(5));
    let interval_used = interval.unwrap_or(Duration::from_millis(100));
    if interval_used <= target {
        let at = if interval.is_some() { "interval" } else { "target" };
        let message = format!("an interval of {interval_used} does not exceed the target of {target}");
        findings.push(
            Finding::error(path.key(at), message)
                .help("RFC 8289 §4.3: a target of 5 to 10 % of the interval"),
        );
    }
}

pub(in crate::language::resolve) fn check_limit(
    limit: Option<QueueLimit>,
    path: &Path,
    findings: &mut Vec<Finding>,
) {
    let empty = match limit {
        None => false,
        Some(QueueLimit::Packets(packets)) => packets == 0,
        Some(QueueLimit::Bytes(bytes)) => bytes.as_bytes() == 0,
    };
    if empty {
        let finding = Finding::error(path.clone(), "a queue that holds nothing drops what it gets");
        findings.push(finding.expected("at least \"1 packets\" or \"1 B\""));
    }
}

fn check_mtu(mtu: Option<Size>, path: &Path, findings: &mut Vec<Finding>) {
    if mtu.is_some_and(|mtu| !(MTU_MIN..=MTU_MAX).contains(&mtu.as_bytes())) {
        let finding = Finding::error(path.key("mtu"), "no link carries IP with such an MTU");
        findings.push(finding.expected(format!("\"{MTU_MIN} B\" (RFC 791 §3.2) to \"{MTU_MAX} B\"")));
    }
}

fn check_cost(cost: Option<u16>, path: &Path, findings: &mut Vec<Finding>) {
    if cost == Some(0) {
        let finding = Finding::error(path.key("cost"), "a link without cost makes all its routes alike");
        findings.push(finding.expected("1 to 65535"));
    }
}

/// Refuses a length of time that is nothing.
pub(in crate::language::resolve) fn above_zero(
    time: Option<Duration>,
    path: &Path,
    findings: &mut Vec<Finding>,
) {
    if time.is_some_and(|time| time.as_nanos() == 0) {
        findings.push(
            Finding::error(path.clone(), "this must last longer than 0").expected("a duration above 0"),
        );
    }
}

/// Every IPv4 link carries packets of 68 bytes (RFC 791 §3.2).
const MTU_MIN: u64 = 68;

/// The largest IPv4 packet (RFC 791 §3.1, total length).
const MTU_MAX: u64 = 65_535;
