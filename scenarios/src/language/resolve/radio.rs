//! Radio media and places: ranges, and what only radios can have.

mod duty;
mod security;

use super::link::check_limit;
use super::node::NodeIndex;
pub(crate) use security::bytes as hexadecimal;

use super::{Resolver, section};
use crate::language::diagnostic::Finding;
use crate::language::document::{
    AddressLength, Band, Document, DutyCycleKind, FragmentsKind, InterfaceSettings, IpVersion,
    LogDistanceSettings, MacOptions, Medium, MovementSettings, Place, PropagationSettings, RadioSettings,
};
use crate::language::path::Path;
use crate::language::quantity::Decibels;
use crate::language::scenario::{Attachment, NodeId, Scenario};

/// Checks all radio media and all places.
pub(super) fn check(document: &Document, findings: &mut Vec<Finding>) {
    for (name, medium) in document.media.iter() {
        let Medium::Ieee802154(settings) = medium else { continue };
        let path = section("media").key(name);
        if document.ip != IpVersion::V6 {
            let finding =
                Finding::error(path.key("802.15.4"), "radios of 802.15.4 carry IPv6 alone").at_key();
            findings.push(finding.help("set `\"ip\": \"v6\"`"));
        }
        check_radio(settings, &path.key("802.15.4"), findings);
    }
    for (name, node) in document.nodes.iter() {
        if let Some(MovementSettings::Waypoints(waypoints)) = &node.movement {
            let path = section("nodes").key(name).key("movement").key("waypoints");
            super::movement::check(waypoints, &path, findings);
        }
        if let Some(place) = &node.place {
            let count = node.count.unwrap_or(1);
            check_place(
                place,
                count,
                node.count.is_some(),
                &section("nodes").key(name).key("place"),
                findings,
            );
        }
    }
}

fn check_radio(settings: &RadioSettings, path: &Path, findings: &mut Vec<Finding>) {
    let mut refuse = |at: &str, message: String, expected: &str| {
        findings.push(Finding::error(path.key(at), message).expected(expected));
    };
    let (first, last) = channels(settings.band);
    if let Some(channel) = settings.channel.filter(|channel| !(first..=last).contains(channel)) {
        let expected = if first == last { format!("{first}") } else { format!("{first} to {last}") };
        refuse("channel", format!("the band has no channel {channel}"), &expected);
    }
    if settings.capture.is_some_and(|ratio| ratio < Decibels::default()) {
        refuse(
            "capture",
            "a receiver catches no frame that is weaker than all else".to_owned(),
            "at least \"0 dB\"",
        );
    }
    let rejections = [
        ("adjacent-rejection", settings.adjacent_rejection),
        ("alternate-rejection", settings.alternate_rejection),
    ];
    for (name, _) in
        rejections.iter().filter(|(_, ratio)| ratio.is_some_and(|ratio| ratio < Decibels::default()))
    {
        refuse(name, "a filter does not amplify".to_owned(), "at least \"0 dB\"");
    }
    if settings.mtu.is_some_and(|mtu| !(MTU_LEAST..=MTU_MOST).contains(&mtu.as_bytes())) {
        let expected = format!("\"{MTU_LEAST} B\" (RFC 8200 §5) to \"{MTU_MOST} B\" (RFC 4944 §5.3)");
        refuse("mtu", "6LoWPAN carries no packets of such a size".to_owned(), &expected);
    }
    if settings.pan == Some(u16::MAX) {
        refuse("pan", "65535 means every network".to_owned(), "0 to 65534");
    }
    if settings.reassemblies == Some(0) {
        refuse("reassemblies", "without room for one packet no fragment is of use".to_owned(), "1 to 255");
    }
    check_limit(settings.queue, &path.key("queue"), findings);
    check_recovery(settings, path, findings);
    check_mac(settings.mac, &path.key("mac"), findings);
    super::rpl::check(settings, path, findings);
    super::registration::check(settings, path, findings);
    duty::check(settings, &path.key("mac"), findings);
    security::check(settings, path, findings);
    check_propagation(&settings.propagation, &path.key("propagation"), findings);
}

/// The parameters of RFC 8931 §7.1.
fn check_recovery(settings: &RadioSettings, path: &Path, findings: &mut Vec<Finding>) {
    let Some(recovery) = settings.recovery else { return };
    let path = path.key("recovery");
    if settings.fragments != FragmentsKind::Recovered {
        let finding = Finding::error(path.clone(), "the fragments of this medium are not recovered").at_key();
        findings.push(finding.help("set `\"fragments\": \"recovered\"` beside it"));
    }
    let mut refuse = |at: &str, message: &str, expected: &str| {
        findings.push(Finding::error(path.key(at), message).expected(expected));
    };
    if recovery.window.is_some_and(|window| !(1..=32).contains(&window)) {
        refuse("window", "an acknowledgement has 32 bits", "1 to 32");
    }
    let timeout = recovery.timeout.map(|timeout| timeout.as_nanos());
    if timeout.is_some_and(|nanos| !(RECOVERY_TIMEOUT_LEAST..=RECOVERY_TIMEOUT_MOST).contains(&nanos)) {
        let message = "it has to cover a round trip, and be far below the minute of a reassembly";
        refuse("timeout", message, "\"10 ms\" to \"10 s\"");
    }
    for (name, count) in [("retries", recovery.retries), ("restarts", recovery.restarts)] {
        if count.is_some_and(|count| count > 15) {
            refuse(name, "the receiver has given the packet up by then", "0 to 15");
        }
    }
}

fn check_mac(mac: MacOptions, path: &Path, findings: &mut Vec<Finding>) {
    let most = mac.max_be.unwrap_or(MAX_BE_DEFAULT);
    let rows = [
        ("min-be", mac.min_be, 0, most.min(8)),
        ("max-be", mac.max_be, 3, 8),
        ("max-csma-backoffs", mac.max_csma_backoffs, 0, 5),
        ("max-frame-retries", mac.max_frame_retries, 0, 7),
    ];
    for (name, value, least, most) in rows {
        if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
            let finding = Finding::error(path.key(name), format!("{value} is out of the standard's range"));
            findings.push(finding.expected(format!("{least} to {most}")));
        }
    }
}

fn check_propagation(law: &PropagationSettings, path: &Path, findings: &mut Vec<Finding>) {
    let negative = |ratio: Option<Decibels>| ratio.is_some_and(|ratio| ratio < Decibels::default());
    match law {
        PropagationSettings::FreeSpace | PropagationSettings::Trace(_) => {}
        PropagationSettings::TwoRay(settings) => {
            if settings.height.as_millimetres() == 0 {
                let path = path.key("two-ray").key("height");
                findings.push(
                    Finding::error(path, "an antenna on the ground reaches nobody").expected("more than 0"),
                );
            }
        }
        PropagationSettings::LogDistance(LogDistanceSettings { exponent, reference, shadowing }) => {
            let path = path.key("log-distance");
            if !(1.0..=10.0).contains(exponent) {
                let finding =
                    Finding::error(path.key("exponent"), format!("{exponent} is no exponent of a loss"));
                findings.push(finding.expected("1 to 10"));
            }
            if negative(*reference) {
                let finding = Finding::error(path.key("reference"), "a path does not amplify");
                findings.push(finding.expected("at least \"0 dB\""));
            }
            if shadowing.is_some_and(|deviation| !(0.0..=20.0).contains(&deviation.as_db())) {
                let finding = Finding::error(path.key("shadowing"), "no place scatters losses like this");
                findings.push(finding.expected("\"0 dB\" to \"20 dB\""));
            }
        }
        PropagationSettings::Links(links) => {
            for (number, link) in links.iter().enumerate() {
                let path = path.key("links").index(number);
                for (name, loss) in [("loss", Some(link.loss)), ("back", link.back)] {
                    if negative(loss) {
                        let finding = Finding::error(path.key(name), "a path does not amplify");
                        findings.push(finding.expected("at least \"0 dB\""));
                    }
                }
            }
        }
    }
}

fn check_place(place: &Place, count: u64, is_group: bool, path: &Path, findings: &mut Vec<Finding>) {
    let two_or_three = |point: &crate::language::document::Point| matches!(point.0.len(), 2 | 3);
    match place {
        Place::At(point) => {
            if !two_or_three(point) {
                findings.push(Finding::error(path.key("at"), "a point has two or three distances"));
            }
            if is_group && count > 1 {
                let finding = Finding::error(path.key("at"), format!("{count} nodes at one point")).at_key();
                findings.push(finding.help("write `each`, `circle`, `disc`, `square`, `line` or `grid`"));
            }
        }
        Place::Each(points) => {
            if points.len() as u64 != count {
                let message = format!("{} points for {count} nodes", points.len());
                findings.push(Finding::error(path.key("each"), message));
            }
            for (number, point) in points.iter().enumerate() {
                if !two_or_three(point) {
                    let path = path.key("each").index(number);
                    findings.push(Finding::error(path, "a point has two or three distances"));
                }
            }
        }
        Place::Circle(_) | Place::Disc(_) | Place::Square(_) | Place::Line(_) | Place::Grid(_) => {}
    }
}

impl Resolver<'_> {
    /// The losses that a table of links states.
    pub(super) fn link_losses(
        &mut self,
        settings: &RadioSettings,
        path: &Path,
        scenario: &Scenario,
        index: &NodeIndex,
    ) -> Vec<(NodeId, NodeId, Decibels)> {
        let PropagationSettings::Links(links) = &settings.propagation else { return Vec::new() };
        let mut losses = Vec::new();
        for (number, link) in links.iter().enumerate() {
            let path = path.key("propagation").key("links").index(number);
            let mut ends = Vec::new();
            for (place, text) in link.between.iter().enumerate() {
                match index.select(text, &path.key("between").index(place), scenario) {
                    Ok(selection) => ends.push(selection),
                    Err(finding) => self.findings.push(finding),
                }
            }
            let [first, second] = ends[..] else { continue };
            let pairs = u64::from(first.count) * u64::from(second.count);
            if !self.has_room(&path, "links", losses.len(), 2 * pairs) {
                return losses;
            }
            for one in first.nodes() {
                for other in second.nodes().filter(|&other| other != one) {
                    losses.push((one, other, link.loss));
                    losses.push((other, one, link.back.unwrap_or(link.loss)));
                }
            }
        }
        losses
    }

    /// Refuses a channel that the medium does not have, or whose medium is none of radios.
    fn check_channel(&mut self, settings: &InterfaceSettings, path: &Path) {
        let Some(channel) = settings.channel else { return };
        let medium = settings.medium.as_ref().and_then(|name| self.document.media.get(name));
        let Some(Medium::Ieee802154(radio)) = medium else {
            let finding = Finding::error(path.key("channel"), "only radios have a channel").at_key();
            return self.findings.push(finding.help("attach the interface to a medium of `802.15.4`"));
        };
        let (first, last) = channels(radio.band);
        if !(first..=last).contains(&channel) {
            let finding = Finding::error(path.key("channel"), format!("the band has no channel {channel}"));
            let expected = if first == last { format!("{first}") } else { format!("{first} to {last}") };
            self.findings.push(finding.expected(expected));
        } else if radio.mac.duty_cycle == DutyCycleKind::Tsch {
            let finding =
                Finding::error(path.key("channel"), "radios of TSCH change the channel with each slot");
            self.findings.push(finding.at_key());
        }
    }

    /// Refuses more radios than there are short addresses, and settings at interfaces that cannot have them.
    pub(super) fn radios(&mut self, scenario: &Scenario) {
        let mut members = vec![0u32; scenario.media.len()];
        for interface in &scenario.interfaces {
            if let Attachment::Medium(medium) = interface.attached {
                members[medium.0 as usize] += 1;
            }
        }
        for (medium, &count) in scenario.media.iter().zip(&members) {
            let Some(settings) = medium.radio() else { continue };
            if settings.mac.addresses == AddressLength::Short && count > SHORT_ADDRESSES {
                let path = section("media").key(&medium.name).key("802.15.4").key("mac");
                let message = format!("{count} radios, but {SHORT_ADDRESSES} short addresses");
                self.error_with_help(path, message, "set `\"addresses\": \"long\"`");
            }
        }
        for (name, node) in self.document.nodes.iter() {
            for (interface, settings) in node.interfaces.iter() {
                let on_radio = settings
                    .medium
                    .as_ref()
                    .is_some_and(|name| matches!(self.document.media.get(name), Some(Medium::Ieee802154(_))));
                let path = section("nodes").key(name).key("interfaces").key(interface);
                self.check_channel(settings, &path);
                if settings.power.is_some() && !on_radio {
                    let finding = Finding::error(path.key("power"), "only radios have a power").at_key();
                    self.findings.push(finding.help("attach the interface to a medium of `802.15.4`"));
                } else if settings.mtu.is_some() && on_radio {
                    let finding =
                        Finding::error(path.key("mtu"), "all radios of a medium have one MTU").at_key();
                    self.findings.push(finding.help("set it in the medium"));
                }
            }
        }
    }
}

/// The first and the last channel of a band.
fn channels(band: Band) -> (u8, u8) {
    match band {
        Band::Ghz2450 => (11, 26),
        Band::Mhz868 => (0, 0),
    }
}

const RECOVERY_TIMEOUT_LEAST: u64 = 10_000_000;
const RECOVERY_TIMEOUT_MOST: u64 = 10_000_000_000;
const MTU_LEAST: u64 = 1280;
const MTU_MOST: u64 = 2047;
const MAX_BE_DEFAULT: u8 = 5;
/// 0xFFFE and 0xFFFF have other meanings, and 0 is not given out.
const SHORT_ADDRESSES: u32 = 65_533;
