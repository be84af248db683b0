//! Hardware: names of profiles become what the profiles say.

use std::sync::Arc;

use hw::battery::{Battery, BatterySpec};
use hw::part::StateId;
use hw::profile::{Board, Figures, Kind, Library, ProfileError, Radio, Sensor};
use serde_json::Value;
use sim_core::electric::Current;
use wire::cryptography::Operation;

use super::supply::{check_battery, check_harvester, modelled};
use super::{Resolver, section};
use crate::language::diagnostic::Finding;
use crate::language::document::{Document, NodeSettings, Profiles};
use crate::language::nearest::suggestion;
use crate::language::path::Path;
use crate::language::quantity::{Temperature, shorten};
use crate::language::scenario::{
    Attachment, BatteryStart, MediumSettings, NodeGroup, NodeHardware, Scenario,
};

/// Checks what can be checked without the profiles.
pub(super) fn check(document: &Document, findings: &mut Vec<Finding>) {
    for (name, node) in document.nodes.iter() {
        let path = section("nodes").key(name);
        if let Some(battery) = &node.battery {
            check_battery(battery, &path.key("battery"), findings);
        }
        if let Some(harvester) = &node.harvester {
            check_harvester(harvester, &path.key("harvester"), findings);
            if node.battery.is_none() {
                let finding =
                    Finding::error(path.key("harvester"), "there is no battery that it could charge");
                findings
                    .push(finding.at_key().help("add `\"battery\"`, the name of one that can be charged"));
            }
        }
        if node.temperature.is_some() && node.battery.is_none() {
            let message = "nothing depends on the temperature of a node without battery";
            let finding = Finding::error(path.key("temperature"), message).at_key();
            findings.push(finding.help("add `\"battery\"`, or leave it out"));
        }
        if node.hardware.is_some() {
            continue;
        }
        let mut needs = |path: Path, entry: &str| {
            let finding =
                Finding::error(path, format!("`{entry}` has no meaning on a node without hardware"));
            findings.push(finding.at_key().help("add `\"hardware\"`, the name of a board"));
        };
        if node.battery.is_some() {
            needs(path.key("battery"), "battery");
        }
        if node.harvester.is_some() {
            needs(path.key("harvester"), "harvester");
        }
        if !node.sensors.is_empty() {
            needs(path.key("sensors"), "sensors");
        }
        if node.radio_rest.is_some() {
            needs(path.key("radio-rest"), "radio-rest");
        }
        for (interface, settings) in node.interfaces.iter() {
            if settings.radio.is_some() {
                needs(path.key("interfaces").key(interface).key("radio"), "radio");
            }
        }
    }
}

impl Resolver<'_> {
    /// The profiles that ship and those of the file, which are all read, whether they are used or not.
    pub(super) fn library(&mut self, profiles: &Profiles) -> Library {
        let mut library = Library::default();
        let kinds = [
            (Kind::Radio, &profiles.radio),
            (Kind::Mcu, &profiles.mcu),
            (Kind::Battery, &profiles.battery),
            (Kind::Sensor, &profiles.sensor),
            (Kind::Board, &profiles.board),
        ];
        let path = |kind: Kind, name: &str| section("profiles").key(kind.name()).key(name);
        for (kind, own) in kinds {
            for (name, value) in own.iter() {
                if library.has(kind, name) {
                    let message = format!("a {} of this name ships with the program", kind.name());
                    self.error_with_help(path(kind, name), message, "choose another name");
                    continue;
                }
                if let Some(text) = self.profile_text(value, &path(kind, name)) {
                    library.add(kind, name, text);
                }
            }
        }
        for (kind, own) in kinds {
            for name in own.names().filter(|name| library.is_own(kind, name)) {
                if let Err(error) = library.check(kind, name) {
                    self.error_with_help(
                        path(kind, name),
                        error.to_string(),
                        "docs/hardware.md shows what a profile holds",
                    );
                }
            }
        }
        for name in profiles.mcu.names().filter(|name| library.is_own(Kind::Mcu, name)) {
            let Ok(mcu) = library.mcu(name) else { continue };
            let known = Operation::ALL.map(Operation::name);
            for operation in mcu.cryptography.keys().filter(|operation| !known.contains(&operation.as_str()))
            {
                let message = format!(
                    "the mcu profile `{}`: there is no cryptographic operation `{}`, there are {}",
                    shorten(name),
                    shorten(operation),
                    known.join(", ")
                );
                let finding = Finding::error(path(Kind::Mcu, name), message);
                self.findings.push(finding.maybe_help(suggestion(operation, known)));
            }
        }
        library
    }

    /// The JSON text of a profile: what stands in the scenario, or in a file beside it.
    fn profile_text(&mut self, value: &Value, path: &Path) -> Option<String> {
        let Value::String(file) = value else { return Some(value.to_string()) };
        match self.files.read(file) {
            Ok(text) => Some(text),
            Err(reason) => {
                let message = format!("the profile \"{}\" cannot be used: {reason}", shorten(file));
                self.error(path.clone(), message);
                None
            }
        }
    }

    /// Gives the groups of nodes their hardware.
    pub(super) fn hardware(&mut self, scenario: &mut Scenario) {
        let document = self.document;
        let before = self.findings.len();
        let library = self.library(&document.profiles);
        if self.findings.len() > before {
            return;
        }
        for index in 0..scenario.groups.len() {
            let name = scenario.groups[index].name.clone();
            let Some(settings) = document.nodes.get(&name) else { continue };
            let path = section("nodes").key(&name);
            scenario.groups[index].hardware = self.node_hardware(settings, &path, &library).map(Arc::new);
            if scenario.groups[index].hardware.is_some()
                && let Some(interface) = interface_without_rate(scenario, &scenario.groups[index])
            {
                let message = format!(
                    "what `{interface}` is attached to has no rate: its frames, and with them a radio's energy, go by the default of 100 Mbit/s"
                );
                let finding = Finding::warning(path.key("hardware"), message);
                self.findings.push(finding.help("give the link or medium a `rate`"));
            }
        }
    }

    fn node_hardware(
        &mut self,
        settings: &NodeSettings,
        path: &Path,
        library: &Library,
    ) -> Option<NodeHardware> {
        let name = settings.hardware.as_ref()?;
        let at = path.key("hardware");
        let mut profiles = Vec::new();
        let board = self.hardware_profile(library, Kind::Board, name, &at, &mut profiles, Library::board);
        let mut radios = Vec::new();
        for (interface, settings) in settings.interfaces.iter() {
            let at = path.key("interfaces").key(interface).key("radio");
            radios.push(match &settings.radio {
                None => None,
                Some(radio) => {
                    self.hardware_profile(library, Kind::Radio, radio, &at, &mut profiles, Library::radio)
                }
            });
        }
        let mut sensors: Vec<(String, Sensor)> = Vec::new();
        for (number, name) in settings.sensors.iter().enumerate() {
            let at = path.key("sensors").index(number);
            let kind = Kind::Sensor;
            let sensor = self.hardware_profile(library, kind, name, &at, &mut profiles, Library::sensor);
            let like = settings.sensors[..number].iter().filter(|other| *other == name).count();
            let label = if like == 0 { name.clone() } else { format!("{name}#{}", like + 1) };
            sensors.extend(sensor.map(|sensor| (label, sensor)));
        }
        if settings.sensors.len() > SENSORS_MAX {
            self.error(path.key("sensors"), format!("a node has at most {SENSORS_MAX} sensors"));
        }
        let at = path.key("battery");
        let battery = settings.battery.as_ref().and_then(|battery| {
            let (kind, name) = (Kind::Battery, &battery.profile);
            let spec = self.hardware_profile(library, kind, name, &at, &mut profiles, Library::battery)?;
            let spec = self.at_temperature(spec, settings.temperature, &path.key("temperature"))?;
            let (charge, restart) = (battery.charge.as_f64(), battery.restart.as_f64());
            Some(BatteryStart { spec: Arc::new(modelled(spec, battery.model)), charge, restart })
        });
        let harvester = self.harvester(settings, path);
        if let (Some(start), Some(_)) = (&battery, &harvester)
            && !start.spec.rechargeable
        {
            let message = format!("the battery `{}` cannot be charged", start.spec.name);
            self.error_with_help(path.key("harvester"), message, "choose one that can, such as `lipo-1000`");
        }
        let board = board?;
        if let Some(start) = &battery {
            self.check_start(&board, &radios, start, &at);
        }
        let radio_rest = settings.radio_rest;
        Some(NodeHardware { board, radio_rest, radios, sensors, battery, harvester, profiles })
    }

    fn at_temperature(
        &mut self,
        spec: BatterySpec,
        temperature: Option<Temperature>,
        path: &Path,
    ) -> Option<BatterySpec> {
        let Some(temperature) = temperature else { return Some(spec) };
        let found = spec.at_temperature(temperature.as_millicelsius());
        if found.is_none() {
            let (message, help) = match spec.temperature_range() {
                None => (
                    format!("the battery `{}` says nothing of temperatures", spec.name),
                    "leave `temperature` out, or give it a profile of your own with `temperature` (docs/hardware.md)",
                ),
                Some((low, high)) => (
                    format!("the battery `{}` is described from {low} °C to {high} °C", spec.name),
                    "choose a temperature between these, or another battery",
                ),
            };
            self.error_with_help(path.clone(), message, help);
        }
        found
    }

    /// Reads a profile and notes that it is used.
    fn hardware_profile<T>(
        &mut self,
        library: &Library,
        kind: Kind,
        name: &str,
        at: &Path,
        used: &mut Vec<(String, Figures)>,
        read: fn(&Library, &str) -> Result<T, ProfileError>,
    ) -> Option<T> {
        if !library.has(kind, name) {
            let message = format!("there is no {} `{}`", kind.name(), shorten(name));
            let finding = Finding::error(at.clone(), message);
            self.findings.push(finding.maybe_help(suggestion(name, library.names(kind))));
            return None;
        }
        used.push((name.to_owned(), library.figures(kind, name)));
        read(library, name).map_err(|error| self.error(at.clone(), error.to_string())).ok()
    }

    /// Refuses a battery that cannot carry the processor at work, and warns of one that cannot carry a transmission.
    fn check_start(&mut self, board: &Board, radios: &[Option<Radio>], start: &BatteryStart, at: &Path) {
        let fresh = Battery::new(start.spec.clone(), start.charge);
        let current = |spec: &hw::part::PartSpec, state: StateId| spec.current(state);
        let own: Vec<&Radio> = radios.iter().flatten().chain([&board.radio]).collect();
        let resting: Current = own.iter().map(|radio| current(&radio.spec, radio.spec.rest)).sum();
        let working = current(&board.mcu.spec, board.mcu.active) + resting;
        let strongest = own.iter().map(|radio| current(&radio.spec, radio.transmit)).max();
        let sending = working + strongest.unwrap_or(Current::ZERO);
        let shown = |load: Current| {
            let volts = fresh.terminal_voltage_f64(load) / 1000.0;
            let cut_off = f64::from(start.spec.cut_off.as_millivolts()) / 1000.0;
            format!("it gives {volts:.2} V under {load}, and {cut_off} V are the least")
        };
        if fresh.is_exhausted(working) {
            let message = format!("this battery cannot start the node: {}", shown(working));
            self.error_with_help(at.clone(), message, "choose a stronger battery, or one with more charge");
        } else if fresh.is_exhausted(sending) {
            let message = format!("this battery gives out at the first transmission: {}", shown(sending));
            let finding = Finding::warning(at.clone(), message);
            self.findings.push(finding.help("choose a stronger battery, or a lower level to send at"));
        }
    }
}

/// An interface of the group's first node that is attached to something without a rate of its own.
fn interface_without_rate(scenario: &Scenario, group: &NodeGroup) -> Option<String> {
    let without_rate = |attached: Attachment| match attached {
        Attachment::None => false,
        Attachment::Medium(medium) => match &scenario.media[medium.0 as usize].settings {
            MediumSettings::Ethernet(settings) => settings.rate.is_none(),
            MediumSettings::Radio(..) => false,
        },
        Attachment::Link(link, side) => {
            let profile = scenario.links[link.0 as usize].profile;
            let direction = &scenario.profiles[profile as usize].directions[usize::from(side)];
            direction.rate.is_none() && direction.trace.is_none()
        }
    };
    let found = scenario.interfaces_of(group.first).find(|(_, interface)| without_rate(interface.attached));
    found.map(|(id, _)| scenario.interface_name(id))
}

/// Parts of a node are numbered by a byte.
const SENSORS_MAX: usize = 32;
