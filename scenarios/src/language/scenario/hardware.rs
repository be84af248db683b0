//! What a node is made of and lives on, its profiles read.

use std::collections::BTreeMap;
use std::sync::Arc;

use hw::battery::BatterySpec;
use hw::harvester::Harvester;
use hw::profile::{Board, Figures, Radio, Sensor};

use super::Scenario;
use crate::language::document::RadioRest;

/// The hardware of the nodes of a group.
#[derive(Clone, Debug)]
pub struct NodeHardware {
    /// The processor, the radio of interfaces without one of their own, and their supply.
    pub board: Board,
    /// What the radios do between frames, if the file says so.
    pub radio_rest: Option<RadioRest>,
    /// The radio of each interface that the file declares, where it has one of its own.
    pub radios: Vec<Option<Radio>>,
    /// The sensors, each with the name of its profile; of several of one name the second is called `name#2`.
    pub sensors: Vec<(String, Sensor)>,
    /// The battery; without one the node hangs on the mains.
    pub battery: Option<BatteryStart>,
    /// What charges the battery.
    pub harvester: Option<Harvester>,
    /// The profiles that it is made of, and how many figures each has.
    pub profiles: Vec<(String, Figures)>,
}

/// A battery at the start of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct BatteryStart {
    /// The battery.
    pub spec: Arc<BatterySpec>,
    /// The share of its capacity that is left, 0 to 1.
    pub charge: f64,
    /// The share to which it must have been charged before a node that it failed starts again, 0 to 1.
    pub restart: f64,
}

impl Scenario {
    /// The profiles that nodes are made of, and their figures together; `None` where no node has hardware.
    pub fn hardware_figures(&self) -> Option<(Vec<&str>, Figures)> {
        let all = self.groups.iter().filter_map(|group| group.hardware.as_deref());
        let profiles: BTreeMap<&str, Figures> = all
            .flat_map(|hardware| &hardware.profiles)
            .map(|(name, figures)| (name.as_str(), *figures))
            .collect();
        let mut figures = Figures::default();
        profiles.values().for_each(|more| figures.add(*more));
        (!profiles.is_empty()).then(|| (profiles.into_keys().collect(), figures))
    }
}
