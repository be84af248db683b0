//! Faults: each changes something that exists, in a way that it can change.

use std::collections::BTreeMap;

use super::link::{check_loss, check_rate};
use super::node::NodeIndex;
use super::{Resolver, section};
use crate::language::diagnostic::Finding;
use crate::language::document::{FaultChange, FaultSettings};
use crate::language::nearest::suggestion;
use crate::language::path::Path;
use crate::language::scenario::{Fault, FaultTarget, LinkId, Scenario};

impl Resolver<'_> {
    /// Reads all faults.
    pub(super) fn faults(&mut self, scenario: &mut Scenario, index: &NodeIndex) {
        let document = self.document;
        let mut names: BTreeMap<String, LinkId> = BTreeMap::new();
        if document.faults.iter().any(|fault| fault.link.is_some()) {
            let links = scenario.links.iter().enumerate();
            names = links.map(|(number, link)| (scenario.link_name(link), LinkId(number as u32))).collect();
        }
        for (number, settings) in document.faults.iter().enumerate() {
            let path = section("faults").index(number);
            self.check_fault(settings, &path, scenario);
            let mut change = settings.set.clone();
            self.load_loss(change.loss.as_mut(), &path.key("set").key("loss"));
            let Some(targets) = self.targets(settings, &path, scenario, index, &names) else { continue };
            if !self.has_room(&path, "faults", scenario.faults.len(), targets.len() as u64) {
                return;
            }
            scenario.faults.extend(targets.into_iter().map(|target| Fault {
                at: settings.at,
                until: settings.until,
                target,
                change: change.clone(),
            }));
        }
    }

    fn check_fault(&mut self, settings: &FaultSettings, path: &Path, scenario: &Scenario) {
        let end = u128::from(scenario.duration.as_nanos()) + u128::from(scenario.drain.as_nanos());
        if u128::from(settings.at.as_nanos()) >= end {
            let message = format!("the run is over before {}", settings.at);
            let help = format!("it lasts {} and drains for {}", scenario.duration, scenario.drain);
            self.error_with_help(path.key("at"), message, help);
        }
        if settings.until.is_some_and(|until| until <= settings.at) {
            self.error(path.key("until"), format!("the fault ends before it begins, at {}", settings.at));
        }
        let change = path.key("set");
        check_rate(settings.set.rate, &change.key("rate"), &mut self.findings);
        check_loss(settings.set.loss.as_ref(), &change.key("loss"), &mut self.findings);
        if settings.set == FaultChange::default() {
            let finding = Finding::error(change.clone(), "nothing is set");
            self.findings
                .push(finding.expected("one or more of `down`, `loss`, `rate`, `delay`, `detached` and `backup`, or `reboot` or `abort`"));
        }
        if settings.set.reboot.is_some() && settings.until.is_some() {
            let help = "a reboot ends after its `off-time`";
            self.error_with_help(path.key("until"), "a reboot cannot be taken back", help);
        }
        if settings.set.abort && settings.until.is_some() {
            let help = "programs that were killed connect again by themselves";
            self.error_with_help(path.key("until"), "an abort cannot be taken back", help);
        }
        if settings.set.detached.is_some() && settings.set.down.is_some() {
            self.error(change.key("down"), "an interface that leaves its network is down");
        }
        if settings.set.reboot.is_some() && settings.set.down.is_some() {
            self.error(change.key("down"), "a node is either rebooted or set down");
        }
    }

    fn targets(
        &mut self,
        settings: &FaultSettings,
        path: &Path,
        scenario: &Scenario,
        index: &NodeIndex,
        names: &BTreeMap<String, LinkId>,
    ) -> Option<Vec<FaultTarget>> {
        match (&settings.link, &settings.node, &settings.interface) {
            (Some(link), None, None) => {
                self.allow(settings, path, "a link", &["down", "loss", "rate", "delay"]);
                if let Some(id) = names.get(link) {
                    return Some(vec![FaultTarget::Link(*id)]);
                }
                let finding = Finding::error(path.key("link"), format!("there is no link `{link}`"));
                let near = suggestion(link, names.keys().map(String::as_str));
                self.findings
                    .push(finding.help(near.unwrap_or_else(|| "the scenario has no links".to_owned())));
                None
            }
            (None, Some(node), None) => {
                self.allow(settings, path, "a node", &["down", "reboot", "abort"]);
                match index.select(node, &path.key("node"), scenario) {
                    Ok(selection) if selection.interface.is_some() => {
                        let help = "name an interface with `interface` instead of `node`";
                        self.error_with_help(path.key("node"), format!("`{node}` is an interface"), help);
                        None
                    }
                    Ok(selection) => Some(selection.nodes().map(FaultTarget::Node).collect()),
                    Err(finding) => {
                        self.findings.push(finding);
                        None
                    }
                }
            }
            (None, None, Some(interface)) => {
                self.allow(settings, path, "an interface", &["down", "detached", "backup"]);
                let ends = self.endpoints(interface, &path.key("interface"), scenario, index)?;
                let targets: Option<Vec<FaultTarget>> =
                    ends.iter().map(|end| end.interface.map(FaultTarget::Interface)).collect();
                if targets.is_none() {
                    let help = format!("write `{interface}/eth0`");
                    self.error_with_help(path.key("interface"), format!("`{interface}` is a node"), help);
                }
                targets
            }
            _ => {
                let finding = Finding::error(path.clone(), "a fault happens to one thing");
                self.findings.push(finding.expected("exactly one of `link`, `node` and `interface`"));
                None
            }
        }
    }

    fn allow(&mut self, settings: &FaultSettings, path: &Path, target: &str, allowed: &[&str]) {
        let FaultChange { down, loss, rate, delay, reboot, detached, backup, abort } = &settings.set;
        let given = [
            ("down", down.is_some()),
            ("loss", loss.is_some()),
            ("rate", rate.is_some()),
            ("delay", delay.is_some()),
            ("reboot", reboot.is_some()),
            ("detached", detached.is_some()),
            ("backup", backup.is_some()),
            ("abort", *abort),
        ];
        for (entry, _) in given.into_iter().filter(|(entry, given)| *given && !allowed.contains(entry)) {
            let message = format!("`{entry}` cannot be set on {target}");
            let finding = Finding::error(path.key("set").key(entry), message).at_key();
            self.findings.push(finding.expected(crate::language::nearest::list(allowed)));
        }
    }
}
