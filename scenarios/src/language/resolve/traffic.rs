//! Traffic: senders, receivers and stacks, and the flows between them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::node::NodeIndex;
use super::{Resolver, section};
use crate::language::diagnostic::Finding;
use crate::language::document::{Document, Pairs, TrafficSettings, Workload};
use crate::language::path::Path;
use crate::language::scenario::{Destination, Endpoint, Flow, NodeId, Scenario, Traffic};
use crate::language::stack::Stack;

/// What listens on a port: two of different kinds cannot share it.
type Listeners = BTreeMap<(NodeId, &'static str, u16), (bool, String)>;

impl Resolver<'_> {
    /// Reads all traffic and makes its flows. Returns the number in the file of each entry that was read.
    pub(super) fn traffic(&mut self, scenario: &mut Scenario, index: &NodeIndex) -> Vec<usize> {
        let document = self.document;
        let mut numbers = Vec::new();
        let mut repeats: BTreeMap<(Option<String>, Endpoint, Destination), u32> = BTreeMap::new();
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        let mut listeners = Listeners::new();
        for (number, settings) in document.traffic.iter().enumerate() {
            let path = section("traffic").index(number);
            if let Some(name) = &settings.name
                && let Some(first) = names.insert(name, number)
            {
                let message = format!("`traffic[{first}]` is called `{name}` already");
                self.error(path.key("name"), message);
            }
            let from = self.senders(settings, &path, scenario, index);
            let to = self.receivers(settings, &path, scenario, index);
            // A stack that makes no sense is reported by `check_stacks`.
            let stack = Stack::parse(&settings.over).ok();
            let (Some(from), Some(to), Some(stack)) = (from, to, stack) else { continue };
            self.check_multicast(settings, &to, &stack, &path, scenario);
            self.listen(settings, &to, &stack, &path, scenario, &mut listeners);
            let copies = settings.count.unwrap_or(1);
            if copies == 0 || copies > COPIES_MAX {
                let finding = format!("1 to {COPIES_MAX} flows run in parallel, not {copies}");
                self.error(path.key("count"), finding);
                continue;
            }
            let places = self.pairs(settings.pairs, &from, &to, &path, scenario);
            if places.is_none() && settings.pairs != Pairs::All {
                continue;
            }
            let all = (from.len() as u64).saturating_mul(to.len() as u64);
            let pairs = places.as_ref().map_or(all, |places| places.len() as u64);
            if !self.has_room(&path, "flows", scenario.flows.len(), pairs.saturating_mul(copies)) {
                continue;
            }
            let entry = scenario.traffic.len() as u32;
            let before = scenario.flows.len();
            for number in 0..pairs as usize {
                let (sender, receiver) = match &places {
                    Some(places) => (places[number].0 as usize, places[number].1 as usize),
                    None => (number / to.len(), number % to.len()),
                };
                let (from, to) = (from[sender], to[receiver]);
                if matches!(to, Destination::Node(end) if end.node == from.node) {
                    continue;
                }
                let repeat = repeats.entry((settings.name.clone(), from, to)).or_insert(0);
                for _ in 0..copies {
                    *repeat += 1;
                    scenario.flows.push(Flow { traffic: entry, from, to, repeat: *repeat });
                }
            }
            let made = scenario.flows.len() - before;
            if made == 0 {
                let message = "every sender is its own receiver, so there is nothing to send";
                self.error(path.key("to"), message);
            }
            let proxy = self.proxy(settings, &path, scenario, index, &to);
            numbers.push(number);
            scenario.traffic.push(Traffic {
                proxy,
                name: settings.name.clone(),
                flows: made as u32,
                stack,
                options: settings.options.clone(),
                port: settings.port,
                workload: settings.workload.clone(),
                protection: settings.protection,
            });
        }
        numbers
    }

    fn senders(
        &mut self,
        settings: &TrafficSettings,
        path: &Path,
        scenario: &Scenario,
        index: &NodeIndex,
    ) -> Option<Vec<Endpoint>> {
        let mut senders = Some(Vec::new());
        for (path, text) in settings.from.located(&path.key("from")) {
            match (self.endpoints(text, &path, scenario, index), &mut senders) {
                (Some(ends), Some(senders)) => {
                    if !self.has_room(&path, "flows", senders.len(), ends.len() as u64) {
                        return None;
                    }
                    senders.extend(ends);
                }
                _ => senders = None,
            }
        }
        if settings.from.is_empty() {
            self.error(path.key("from"), "nobody sends");
        }
        senders
    }

    fn receivers(
        &mut self,
        settings: &TrafficSettings,
        path: &Path,
        scenario: &Scenario,
        index: &NodeIndex,
    ) -> Option<Vec<Destination>> {
        let mut receivers = Some(Vec::new());
        for (path, text) in settings.to.located(&path.key("to")) {
            let found = match text.parse::<IpAddr>() {
                Ok(group) if group.is_multicast() => Some(vec![Destination::Multicast(group)]),
                Ok(address) => {
                    let message = format!("{address} is the address of one host");
                    self.error_with_help(
                        path.clone(),
                        message,
                        "name the node; only multicast groups go by their address",
                    );
                    None
                }
                Err(_) => self
                    .endpoints(text, &path, scenario, index)
                    .map(|ends| ends.into_iter().map(Destination::Node).collect()),
            };
            match (found, &mut receivers) {
                (Some(found), Some(receivers)) => {
                    if !self.has_room(&path, "flows", receivers.len(), found.len() as u64) {
                        return None;
                    }
                    receivers.extend(found);
                }
                _ => receivers = None,
            }
        }
        if settings.to.is_empty() {
            self.error(path.key("to"), "nobody receives");
        }
        receivers
    }

    fn check_multicast(
        &mut self,
        settings: &TrafficSettings,
        to: &[Destination],
        stack: &Stack,
        path: &Path,
        scenario: &Scenario,
    ) {
        for receiver in to {
            let Destination::Multicast(group) = receiver else { continue };
            if !stack.reaches_groups() {
                let message = format!("`{stack}` cannot send to a multicast group");
                self.error_with_help(path.key("over"), message, "a connection has two ends; use `udp`");
            } else if !scenario.groups.iter().any(|nodes| nodes.multicast.contains(group)) {
                let message = format!("no node belongs to {group}");
                let help = format!("add `\"multicast\": [\"{group}\"]` to the receivers");
                self.error_with_help(path.key("to"), message, help);
            }
            if matches!(settings.workload, Workload::RequestResponse(_)) {
                self.error(path.key("workload"), "a multicast group gives no single answer");
            }
        }
    }

    fn listen(
        &mut self,
        settings: &TrafficSettings,
        to: &[Destination],
        stack: &Stack,
        path: &Path,
        scenario: &Scenario,
        listeners: &mut Listeners,
    ) {
        let Some(port) = settings.port else { return };
        let path = path.key("port");
        if port == 0 {
            self.error_with_help(path, "port 0 is reserved", "leave `port` out, and a free one is chosen");
            return;
        }
        // A session protocol's server tells its requests apart by itself.
        if stack.session().is_some() {
            return;
        }
        let answers = matches!(settings.workload, Workload::RequestResponse(_));
        for receiver in to {
            let Destination::Node(end) = receiver else { continue };
            let services = &scenario.group_of(end.node).services;
            let service =
                services.offered().find(|(_, taken)| *taken == port).map(|(name, _)| name.to_owned());
            let key = (end.node, stack.transport(), port);
            let (kind, owner) = listeners.entry(key).or_insert((answers, "other traffic".to_owned()));
            let taken = service.or_else(|| (*kind != answers).then(|| owner.clone()));
            if let Some(taken) = taken {
                let node = scenario.node_name(end.node);
                let message = format!("port {port} of `{node}` is that of {taken} already");
                self.error_with_help(path, message, "leave `port` out, and a free one is chosen");
                return;
            }
        }
    }
}

/// Refuses stacks that make no sense.
pub(super) fn check_stacks(document: &Document, findings: &mut Vec<Finding>) {
    for (number, settings) in document.traffic.iter().enumerate() {
        if let Err((message, help)) = Stack::parse(&settings.over) {
            let path = section("traffic").index(number).key("over");
            findings.push(Finding::error(path, message).maybe_help(help));
        }
    }
}

/// The most parallel flows of one sender and receiver.
const COPIES_MAX: u64 = 100_000;
