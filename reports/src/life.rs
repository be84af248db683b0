//! The life of batteries: one figure with an interval that holds both what chance does and what parts may differ by.
//!
//! A run knows two lives of each battery: at the typical currents of the parts' profiles, and at the maximum ones. Over
//! the replications each has a 95 % interval. The figure is the mean of the first; the interval goes from the lower end
//! of the second (or of the first, if that is lower) to the upper end of the first.

use std::collections::BTreeMap;

use crate::quantity::{Kind, Unit, plain};
use crate::results::{NameId, Results};
use crate::statistics::Estimate;

/// A battery's life in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Life {
    /// The mean over the runs, at typical currents.
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Life {
    fn of(typical: Estimate, least: Option<Estimate>) -> Self {
        let ends = |estimate: Estimate| estimate.interval().unwrap_or((estimate.mean, estimate.mean));
        let (low, high) = ends(typical);
        let low = least.map_or(low, |least| low.min(ends(least).0)).max(0.0);
        Self { mean: typical.mean, low, high }
    }

    /// The figure and its interval in `unit`: "1.54 (1.2 to 1.6)".
    pub fn show(&self, unit: &Unit) -> String {
        let number = |value: f64| plain(value / unit.size);
        format!("{} ({} to {})", number(self.mean), number(self.low), number(self.high))
    }
}

/// The unit in which some lives read best.
pub(crate) fn unit_of(lives: &[Life]) -> Unit {
    Kind::Time.unit_for_all(lives.iter().map(|life| life.mean))
}

impl Results {
    /// The life of the first battery to give out at a point; nothing where no sender has one.
    pub fn battery_life(&self, point: usize) -> Option<Life> {
        let estimate = |name| self.estimate(point, self.metric_index(name)?);
        Some(Life::of(estimate("battery-life")?, estimate("battery-life.least")))
    }

    /// The life of every node's battery at a point, by the node's name.
    pub fn node_lives(&self, point: usize) -> Vec<(&str, Life)> {
        let column = |name: &str| self.nodes.columns.iter().position(|column| column == name);
        let Some(typical) = column("battery_life_ns") else { return Vec::new() };
        let least = column("battery_life_least_ns");
        let mut nodes: BTreeMap<NameId, [Vec<f64>; 2]> = BTreeMap::new();
        for row in self.nodes.rows.iter().filter(|row| self.runs[row.run].point == point) {
            let (Some(node), Some(life)) = (row.keys.first(), row.values[typical]) else { continue };
            let [lives, leasts] = nodes.entry(*node).or_default();
            lives.push(life);
            leasts.extend(least.and_then(|least| row.values[least]));
        }
        let lives = nodes.into_iter().filter_map(|(node, [lives, leasts])| {
            Some((self.names.text(node), Life::of(Estimate::of(&lives)?, Estimate::of(&leasts))))
        });
        lives.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_spread_of_runs_and_the_profiles_maximum() {
        // 10 and 12: mean 11, half width 12.706 204 736; 8 and 8: no spread at all.
        let typical = Estimate::of(&[10.0, 12.0]).unwrap();
        let life = Life::of(typical, Estimate::of(&[8.0, 8.0]));
        assert_eq!(life.mean, 11.0);
        assert_eq!(
            life.low, 0.0,
            "11 - 12.7 is less than the 8 at maximum currents, and no life is negative"
        );
        assert!((life.high - 23.706_204_736).abs() < 1e-6);
        let life = Life::of(Estimate::of(&[11.0]).unwrap(), Estimate::of(&[8.0]));
        assert_eq!(life, Life { mean: 11.0, low: 8.0, high: 11.0 });
        assert_eq!(life.show(&Unit { size: 1.0, symbol: "ns".to_owned() }), "11 (8 to 11)");
    }
}
