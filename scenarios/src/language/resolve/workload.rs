//! Ranges and combinations of workloads.

use super::address::read_prefix;
use super::link::above_zero;
use super::section;
use crate::language::diagnostic::Finding;
use crate::language::document::{
    Document, Flood, IpVersion, SizeDistribution, Start, TracedMessage, TrafficSettings, Workload,
};
use crate::language::path::Path;
use crate::language::quantity::{Duration, Size};
use crate::language::scenario::Address;
use crate::language::stack::{Service, Stack};

/// Checks the workloads of all traffic.
pub(super) fn check(document: &Document, findings: &mut Vec<Finding>) {
    let Some(duration) = document.duration else { return };
    for (number, traffic) in document.traffic.iter().enumerate() {
        let path = section("traffic").index(number).key("workload");
        let mut checker = Checker { document, traffic, duration, findings };
        checker.workload(&traffic.workload, &path);
        checker.protection();
    }
}

struct Checker<'a> {
    document: &'a Document,
    traffic: &'a TrafficSettings,
    duration: Duration,
    findings: &'a mut Vec<Finding>,
}

impl Checker<'_> {
    /// Refuses to protect what is no message of a known size.
    fn protection(&mut self) {
        let path = section("traffic");
        let Some(number) = self.document.traffic.iter().position(|other| std::ptr::eq(other, self.traffic))
        else {
            return;
        };
        let what = match &self.traffic.workload {
            Workload::Bulk(_) => "a bulk of bytes has no messages",
            Workload::Flood(_) => "a flood has no messages",
            Workload::Poll(_) | Workload::Observe(_) => {
                "the states of a resource are none of the sender's messages"
            }
            Workload::RequestResponse(_)
                if Stack::parse(&self.traffic.over).is_ok_and(|stack| stack.session().is_some()) =>
            {
                "a session protocol's server makes its responses by itself"
            }
            Workload::RequestResponse(_)
            | Workload::Periodic(_)
            | Workload::Poisson(_)
            | Workload::OnOff(_)
            | Workload::Trace(_) => return,
        };
        if self.traffic.protection.work().is_some() {
            let message = format!("`protection` is for messages, and {what}");
            let finding = Finding::error(path.index(number).key("protection"), message).at_key();
            self.findings
                .push(finding.help("leave it out, or choose a workload of messages such as `periodic`"));
        }
    }

    fn workload(&mut self, workload: &Workload, path: &Path) {
        match workload {
            Workload::Periodic(periodic) => {
                let path = path.key("periodic");
                self.message(periodic.message, &path.key("message"));
                self.times(&path, periodic.start, periodic.stop, periodic.messages);
                above_zero(Some(periodic.every), &path.key("every"), self.findings);
                if periodic.jitter > periodic.every {
                    let message =
                        format!("a jitter of {} exceeds the period, {}", periodic.jitter, periodic.every);
                    self.findings.push(Finding::error(path.key("jitter"), message));
                }
            }
            Workload::Poisson(poisson) => {
                let path = path.key("poisson");
                self.message(poisson.message, &path.key("message"));
                self.times(&path, poisson.start, poisson.stop, poisson.messages);
                above_zero(Some(poisson.every), &path.key("every"), self.findings);
            }
            Workload::OnOff(on_off) => {
                let path = path.key("on-off");
                self.message(on_off.message, &path.key("message"));
                self.times(&path, on_off.start, on_off.stop, on_off.messages);
                above_zero(Some(on_off.every), &path.key("every"), self.findings);
                above_zero(Some(on_off.on.mean()), &path.key("on"), self.findings);
                above_zero(Some(on_off.off.mean()), &path.key("off"), self.findings);
            }
            Workload::Trace(messages) => self.trace(messages, &path.key("trace")),
            Workload::Bulk(bulk) => {
                self.needs_stream(path);
                let path = path.key("bulk");
                self.times(&path, bulk.start, None, None);
                above_zero(bulk.time, &path.key("for"), self.findings);
                if bulk.bytes.is_some_and(|bytes| bytes.as_bytes() == 0) {
                    self.findings.push(
                        Finding::error(path.key("bytes"), "nothing is sent").expected("at least \"1 B\""),
                    );
                }
                if bulk.bytes.is_some() && bulk.time.is_some() {
                    let finding =
                        Finding::error(path.key("for"), "`bytes` and `for` both say when it ends").at_key();
                    self.findings.push(finding.help("leave one of them out"));
                }
            }
            Workload::RequestResponse(exchange) => {
                let path = path.key("request-response");
                self.message(exchange.request, &path.key("request"));
                self.message(exchange.response, &path.key("response"));
                self.times(&path, exchange.start, exchange.stop, exchange.messages);
                above_zero(exchange.every, &path.key("every"), self.findings);
                if exchange.every.is_some() && exchange.think.is_some() {
                    let message = "`every` and `think` both say when the next question comes";
                    let finding = Finding::error(path.key("think"), message).at_key();
                    self.findings.push(finding.help("leave one of them out"));
                }
                if exchange.start == Start::Uniform && exchange.every.is_none() && exchange.think.is_none() {
                    let finding =
                        Finding::error(path.key("start"), "there is no period to begin in at random");
                    self.findings.push(finding.help("give `every` or `think`"));
                }
            }
            Workload::Poll(poll) => {
                self.needs_coap("poll", path);
                let path = path.key("poll");
                self.times(&path, poll.start, poll.stop, poll.messages);
                above_zero(poll.every, &path.key("every"), self.findings);
                if poll.start == Start::Uniform && poll.every.is_none() {
                    let finding =
                        Finding::error(path.key("start"), "there is no period to begin in at random");
                    self.findings.push(finding.help("give `every`"));
                }
            }
            Workload::Observe(observe) => {
                self.needs_coap("observe", path);
                let path = path.key("observe");
                self.times(&path, observe.start, observe.stop, None);
                if observe.start == Start::Uniform {
                    let finding =
                        Finding::error(path.key("start"), "there is no period to begin in at random");
                    self.findings.push(finding.help("write \"uniform within 5 s\""));
                }
            }
            Workload::Flood(flood) => self.flood(flood, path),
        }
    }

    fn flood(&mut self, flood: &Flood, path: &Path) {
        let path = path.key("flood");
        if !Stack::parse(&self.traffic.over).is_ok_and(|stack| stack.opens_alone()) {
            let message = format!("`{}` has no first packet that an attacker sends alone", self.traffic.over);
            let finding = Finding::error(path.clone(), message).at_key();
            self.findings.push(finding.help("flood with SYNs over \"tcp\", or with INITs over \"sctp\""));
        }
        self.times(&path, flood.start, flood.stop, flood.packets);
        above_zero(Some(flood.every), &path.key("every"), self.findings);
        match read_prefix(&flood.sources) {
            Ok(Address { ip, .. }) if ip.is_ipv4() != (self.document.ip != IpVersion::V6) => {
                let message = format!("{ip} is of another family than the addresses of this scenario");
                let help = "an IPv4 prefix unless `ip` is \"v6\"";
                self.findings.push(Finding::error(path.key("sources"), message).help(help));
            }
            Ok(Address { ip, .. }) if ip.is_multicast() || ip.is_loopback() => {
                let message = format!("{ip} is no host's address: nobody answers it");
                self.findings.push(Finding::error(path.key("sources"), message));
            }
            Ok(_) => {}
            Err((message, help)) => {
                self.findings.push(Finding::error(path.key("sources"), message).help(help));
            }
        }
    }

    fn needs_stream(&mut self, path: &Path) {
        let (message, help) = if self.traffic.over.starts_with("coap/") {
            let help = "send one large message: its body goes in blocks (RFC 7959)";
            ("CoAP carries messages, and has no stream for a bulk of bytes", help)
        } else if Stack::parse(&self.traffic.over).is_ok_and(|stack| stack.service() == Service::Datagrams) {
            let help = "send messages: `periodic` with the size and period that make the rate";
            ("datagrams are taken at once however many they are: nothing says how fast a bulk goes", help)
        } else {
            return;
        };
        self.findings.push(Finding::error(path.key("bulk"), message).at_key().help(help));
    }

    fn needs_coap(&mut self, name: &str, path: &Path) {
        if !self.traffic.over.starts_with("coap/") {
            let message = format!("`{}` knows no resources", self.traffic.over);
            let finding = Finding::error(path.key(name), message).at_key();
            self.findings.push(finding.help("use CoAP, or the workload `request-response`"));
        }
    }

    fn message(&mut self, size: SizeDistribution, path: &Path) {
        let least = match size {
            SizeDistribution::Constant(size) => size,
            SizeDistribution::Uniform(sizes) => sizes.0,
            SizeDistribution::Pareto(pareto) => pareto.min,
        };
        self.size(least, size.max(), path);
    }

    fn size(&mut self, least: Size, most: Size, path: &Path) {
        if least.as_bytes() == 0 {
            self.findings
                .push(Finding::error(path.clone(), "a message has at least one byte").expected("\"1 B\""));
        }
        let (limit, source) = match self.document.ip {
            IpVersion::V4 | IpVersion::Dual => (65_507, "65535 − 20 − 8 (RFC 791 §3.1, RFC 768)"),
            IpVersion::V6 => (65_527, "65535 − 8 (RFC 8200 §3, RFC 768)"),
        };
        if self.traffic.over == "udp" && most.as_bytes() > limit {
            let message =
                format!("a message of {most} does not fit into one UDP datagram of at most {limit} B");
            self.findings.push(Finding::error(path.clone(), message).help(source));
        } else if self.traffic.over.starts_with("coap/") && most.as_bytes() > COAP_BODY_MAX {
            let message = format!("a message of {most} is longer than a body that a CoAP endpoint takes");
            self.findings.push(Finding::error(path.clone(), message).expected("at most \"16 MiB\""));
        } else if most.as_bytes() > MESSAGE_BYTES_MAX {
            let message = format!("a message of {most} is longer than {MESSAGE_BYTES_MAX} B");
            self.findings
                .push(Finding::error(path.clone(), message).help("send much with the workload `bulk`"));
        }
    }

    fn times(&mut self, path: &Path, start: Start, stop: Option<Duration>, messages: Option<u64>) {
        let begins = match start {
            Start::Uniform | Start::Within(_) => Duration::default(),
            Start::At(time) => time,
        };
        if begins >= self.duration && self.duration.as_nanos() > 0 {
            let message = format!("it begins after the last message may be generated, at {}", self.duration);
            self.findings.push(Finding::error(path.key("start"), message).help("give `duration` more time"));
        }
        if stop.is_some_and(|stop| stop <= begins) {
            self.findings.push(Finding::error(path.key("stop"), "it stops before it begins"));
        }
        if messages == Some(0) {
            self.findings
                .push(Finding::error(path.key("messages"), "nothing is sent").expected("at least 1"));
        }
    }

    fn trace(&mut self, messages: &[TracedMessage], path: &Path) {
        if messages.is_empty() {
            let finding = Finding::error(path.clone(), "nothing is sent");
            self.findings.push(finding.expected("messages such as [[\"1 s\", \"64 B\"]]"));
        }
        for (number, TracedMessage(time, size)) in messages.iter().enumerate() {
            self.size(*size, *size, &path.index(number).index(1));
            if number > 0 && *time < messages[number - 1].0 {
                let message =
                    format!("{time} comes before {}, the time of the last message", messages[number - 1].0);
                self.findings
                    .push(Finding::error(path.index(number).index(0), message).help("put them in order"));
            }
            if *time >= self.duration && self.duration.as_nanos() > 0 {
                let message = format!("{time} is not within the duration, {}", self.duration);
                self.findings.push(Finding::error(path.index(number).index(0), message));
            }
        }
    }
}

/// What endpoints put together of blocks; block numbers have 20 bits (RFC 7959 §2.2): 16 MiB in blocks of 16 bytes.
const COAP_BODY_MAX: u64 = 16 << 20;

/// Longer messages are better sent as a bulk: each is accounted for as a whole.
const MESSAGE_BYTES_MAX: u64 = 1 << 30;
