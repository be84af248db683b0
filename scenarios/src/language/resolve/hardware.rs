//! Hardware: names of profiles become what the profiles say.

use std::sync::Arc;

use hw::battery::{Battery, BatterySpec, Model};
use hw::harvester::Harvester;
use hw::part::StateId;
use hw::profile::{Board, Figures, Kind, Library, ProfileError, Radio};
use sim_core::electric::Current;

use super::trace_file::lines;
use super::{Resolver, section};
use crate::language::diagnostic::Finding;
use crate::language::document::{
    BatteryModel, BatterySettings, DayCurve, Document, HarvesterSettings, NodeSettings, Profiles, TracedPower,
};
use crate::language::nearest::suggestion;
use crate::language::path::Path;
use crate::language::quantity::{Duration, Fraction, Power, shorten};
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

fn check_harvester(harvester: &HarvesterSettings, path: &Path, findings: &mut Vec<Finding>) {
    let mut refuse = |path: Path, message: &str| findings.push(Finding::error(path, message));
    match harvester {
        HarvesterSettings::Constant(_) | HarvesterSettings::TraceFile(_) => {}
        HarvesterSettings::Day(day) => {
            let path = path.key("day");
            if day.starts_at.as_nanos() >= 24 * HOUR_NANOS {
                refuse(path.key("starts-at"), "a day has 24 h");
            }
            if let DayCurve::Hours(shares) = &day.curve
                && shares.len() != 24
            {
                refuse(path.key("curve").key("hours"), "a day has 24 hours, each with a share of the peak");
            }
        }
        HarvesterSettings::Trace(points) => {
            if let Some(place) = points.windows(2).position(|pair| pair[1].0 <= pair[0].0) {
                refuse(path.key("trace").index(place + 1), "the times of a trace ascend");
            }
        }
    }
}

fn check_battery(battery: &BatterySettings, path: &Path, findings: &mut Vec<Finding>) {
    let mut refuse = |path: Path, message: &str| findings.push(Finding::error(path, message));
    if battery.charge == Fraction::ZERO {
        refuse(path.key("charge"), "a battery without charge never starts its node");
    }
    let model = path.key("model");
    let none = Duration::from_nanos(0);
    match battery.model {
        BatteryModel::Ideal | BatteryModel::Resistance => {}
        BatteryModel::Peukert(law) => {
            if !(1.0..=2.0).contains(&law.exponent) {
                refuse(model.key("peukert").key("exponent"), "Peukert's exponent lies between 1 and 2");
            }
            if law.rated_time == none {
                refuse(model.key("peukert").key("rated-time"), "this time is more than 0");
            }
        }
        BatteryModel::Kibam(wells) => {
            if wells.available == Fraction::ZERO || wells.available == Fraction::ONE {
                refuse(model.key("kibam").key("available"), "this share is more than 0 and less than 1");
            }
            if wells.time_constant == none {
                refuse(model.key("kibam").key("time-constant"), "this time is more than 0");
            }
        }
        BatteryModel::Rakhmatov(diffusion) => {
            if diffusion.time_constant == none {
                refuse(model.key("rakhmatov").key("time-constant"), "this time is more than 0");
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
                library.add(kind, name, value.to_string());
            }
        }
        for (kind, own) in kinds {
            for name in own.names().filter(|name| library.is_own(kind, name)) {
                let wrong = match kind {
                    Kind::Board => library.board(name).err(),
                    Kind::Battery => library.battery(name).err(),
                    Kind::Radio => library.radio(name).err(),
                    Kind::Mcu => library.mcu(name).err(),
                };
                if let Some(error) = wrong {
                    self.error_with_help(
                        path(kind, name),
                        error.to_string(),
                        "docs/hardware.md shows what a profile holds",
                    );
                }
            }
        }
        library
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
        let at = path.key("battery");
        let battery = settings.battery.as_ref().and_then(|battery| {
            let (kind, name) = (Kind::Battery, &battery.profile);
            let spec = self.hardware_profile(library, kind, name, &at, &mut profiles, Library::battery)?;
            let (charge, restart) = (battery.charge.as_f64(), battery.restart.as_f64());
            Some(BatteryStart { spec: modelled(spec, battery.model), charge, restart })
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
        Some(NodeHardware { board, radio_rest: settings.radio_rest, radios, battery, harvester, profiles })
    }

    fn harvester(&mut self, settings: &NodeSettings, path: &Path) -> Option<Harvester> {
        let traced = |points: &[TracedPower]| {
            Harvester::Trace(
                points.iter().map(|TracedPower(at, power)| ((*at).into(), watts(*power))).collect(),
            )
        };
        Some(match settings.harvester.as_ref()? {
            HarvesterSettings::Constant(power) => Harvester::Constant(watts(*power)),
            HarvesterSettings::Trace(points) => traced(points),
            HarvesterSettings::TraceFile(file) => {
                traced(&self.trace(file, &path.key("harvester").key("trace-file"), read_powers)?)
            }
            HarvesterSettings::Day(day) => {
                let permille = |shares: &Fraction| (shares.as_attos() / 1_000_000_000_000_000) as u16;
                let hours: Vec<u16> = match &day.curve {
                    DayCurve::Outdoor => CLEAR_DAY.to_vec(),
                    DayCurve::Indoor => OFFICE_DAY.to_vec(),
                    DayCurve::Hours(shares) => shares.iter().map(permille).collect(),
                };
                Harvester::day(watts(day.peak), &hours.try_into().ok()?, day.starts_at.into())
            }
        })
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

fn watts(power: Power) -> sim_core::electric::Power {
    sim_core::electric::Power::from_picowatts(power.as_picowatts())
}

/// The powers of a trace: a time and a power a line, `1 h, 5 mW`, the times ascending.
fn read_powers(text: &str) -> Result<Vec<TracedPower>, String> {
    let mut last = None;
    lines(text, |line| {
        let parts =
            line.split_once(',').ok_or_else(|| "is not a time and a power such as `1 h, 5 mW`".to_owned())?;
        let at: Duration = parts.0.trim().parse().map_err(|error| format!("is wrong: {error}"))?;
        let power: Power = parts.1.trim().parse().map_err(|error| format!("is wrong: {error}"))?;
        if last.replace(at).is_some_and(|last| at <= last) {
            return Err("is wrong: its time is not later than the one before".to_owned());
        }
        Ok(TracedPower(at, power))
    })
}

/// The sine of the sun's height in the middle of each hour of a clear day from 6 to 18 o'clock, in thousandths.
const CLEAR_DAY: [u16; 24] =
    [0, 0, 0, 0, 0, 0, 131, 383, 609, 793, 924, 991, 991, 924, 793, 609, 383, 131, 0, 0, 0, 0, 0, 0];

/// Lamps from 8 to 18 o'clock, in thousandths.
const OFFICE_DAY: [u16; 24] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 0, 0, 0, 0, 0, 0];

const HOUR_NANOS: u64 = 3_600_000_000_000;

/// The battery with what the scenario says that a load does to it.
fn modelled(spec: BatterySpec, model: BatteryModel) -> BatterySpec {
    let per_second = |time: Duration| 1e9 / time.as_nanos().max(1) as f64;
    match model {
        BatteryModel::Ideal => {
            BatterySpec { resistance_milliohms: 0, curve: Vec::new(), model: Model::Ideal, ..spec }
        }
        BatteryModel::Resistance => spec,
        BatteryModel::Peukert(law) => {
            let rated_s = law.rated_time.as_nanos() as f64 / 1e9;
            BatterySpec { model: Model::Peukert { exponent: law.exponent, rated_s }, ..spec }
        }
        BatteryModel::Kibam(wells) => {
            let rate_per_s = per_second(wells.time_constant);
            BatterySpec { model: Model::Kibam { available: wells.available.as_f64(), rate_per_s }, ..spec }
        }
        BatteryModel::Rakhmatov(diffusion) => {
            let beta_squared_per_s = per_second(diffusion.time_constant);
            BatterySpec { model: Model::Rakhmatov { beta_squared_per_s }, ..spec }
        }
    }
}
