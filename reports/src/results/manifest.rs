//! `manifest.json`: what was run, and what the other files mean.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::ReadError;

/// Name of the manifest inside a results folder.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The description of a finished (or partly failed) experiment.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// Program and version that made the results, such as `netjoule 0.1.0`.
    #[serde(default)]
    pub program: String,
    /// Name of the scenario.
    #[serde(default)]
    pub name: String,
    /// The question the scenario asks.
    #[serde(default, deserialize_with = "null_is_default")]
    pub about: String,
    /// What its author says is worth looking at.
    #[serde(default, rename = "look-at")]
    pub look_at: Option<String>,
    /// Hash of the scenario, in hexadecimal.
    #[serde(default, rename = "scenario-hash")]
    pub scenario_hash: String,
    /// Master seed.
    #[serde(default)]
    pub seed: u64,
    /// Runs at each point.
    #[serde(default)]
    pub replications: u64,
    /// Time during which traffic is generated, in nanoseconds.
    #[serde(default)]
    pub duration_ns: u64,
    /// Time after it during which late messages may still arrive, in nanoseconds.
    #[serde(default)]
    pub drain_ns: u64,
    /// Time at the start whose messages are not measured, in nanoseconds.
    #[serde(default)]
    pub warm_up_ns: u64,
    /// The swept parameters, in file order.
    #[serde(default)]
    pub axes: Vec<Axis>,
    /// The other parameters, with their value.
    #[serde(default)]
    pub fixed: BTreeMap<String, Label>,
    /// The points of the sweep.
    #[serde(default)]
    pub points: Vec<ManifestPoint>,
    /// The runs, failed ones too.
    #[serde(default)]
    pub runs: Vec<ManifestRun>,
    /// The metric columns of `runs.csv`, in order.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// The hardware profiles of the nodes; nothing where no node has hardware.
    #[serde(default)]
    pub hardware: Option<HardwareProfiles>,
    /// The figures that the scenario asks for.
    #[serde(default)]
    pub plots: Vec<PlotRequest>,
    /// The expectations, as measured.
    #[serde(default)]
    pub expect: Vec<Expectation>,
    /// The whole text of the scenario.
    #[serde(default, deserialize_with = "null_is_default")]
    pub scenario: String,
}

/// The hardware profiles that nodes are made of.
#[derive(Clone, Debug, Deserialize)]
pub struct HardwareProfiles {
    /// Their names.
    pub profiles: Vec<String>,
    /// How many figures they have.
    pub figures: u64,
    /// How many of these nobody has read in the document that they name.
    pub unverified: u64,
}

/// A swept parameter.
#[derive(Clone, Debug, Deserialize)]
pub struct Axis {
    /// Name of the parameter.
    pub name: String,
    /// Its values, in sweep order.
    pub values: Vec<Label>,
    /// Axes with the same number advance together.
    #[serde(default)]
    pub zip: Option<u64>,
}

/// A value as the scenario writes it: text, number or truth value, kept as text.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Label(pub String);

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(source)? {
            Value::String(text) => text,
            other => other.to_string(),
        }))
    }
}

/// A point of the sweep: one value for each axis.
#[derive(Clone, Debug, Deserialize)]
pub struct ManifestPoint {
    /// Name, such as `p0007`.
    pub point: String,
    /// Value of each axis, by the axis's name.
    #[serde(default)]
    pub values: BTreeMap<String, Label>,
}

/// One run of one point.
#[derive(Clone, Debug, Deserialize)]
pub struct ManifestRun {
    /// Name, such as `p0007-r03`.
    pub run: String,
    /// Name of its point.
    pub point: String,
    /// Which replication it is, from 0.
    #[serde(default)]
    pub replication: u64,
    /// Seed of the run, in hexadecimal.
    #[serde(default)]
    pub seed: Label,
    /// Digest of the run, in hexadecimal; empty where it failed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub digest: String,
    /// `done` or `failed`.
    pub status: RunStatus,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It reached its end.
    Done,
    /// It stopped with an error.
    Failed,
}

/// One metric column.
#[derive(Clone, Debug, Deserialize)]
pub struct Metric {
    /// Name that scenarios use, such as `latency.p95`.
    pub name: String,
    /// Column name in the files, with the unit, such as `latency_p95_ns`.
    pub column: String,
    /// Unit of the column, such as `ns`; empty for a plain number.
    #[serde(default, deserialize_with = "null_is_default")]
    pub unit: String,
    /// Name for people, such as `latency, 95th percentile`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub title: String,
    /// Which direction is better, if one is.
    #[serde(default)]
    pub better: Option<Better>,
}

/// The direction in which a metric is better.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Smaller is better.
    Lower,
    /// Larger is better.
    Higher,
}

/// A figure that the scenario asks for. Exactly one of `y`, `ecdf`, `bars`, `series` says which kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PlotRequest {
    /// Axis along the abscissa of a line plot.
    pub x: Option<String>,
    /// Metric along the ordinate of a line plot.
    pub y: Option<String>,
    /// What to draw the distribution of: `latency`.
    pub ecdf: Option<String>,
    /// What to draw as bars: `overhead`.
    pub bars: Option<String>,
    /// Name of a time series.
    pub series: Option<String>,
    /// What the parts of a bar are: `layer`, `reason` or `protocol`.
    pub stack: Option<String>,
    /// Axis whose values are the curves or bars.
    pub by: Option<String>,
    /// Entity of a time series; `*` stands for any text.
    pub entity: Option<String>,
    /// Only the points with these values.
    #[serde(rename = "where")]
    pub only: BTreeMap<String, Label>,
    /// The same for a time series.
    pub point: BTreeMap<String, Label>,
    /// Title; made from the metric when absent.
    pub title: Option<String>,
    /// Logarithmic abscissa.
    #[serde(rename = "log-x")]
    pub log_x: bool,
    /// Logarithmic ordinate.
    #[serde(rename = "log-y")]
    pub log_y: bool,
}

/// An expectation of the scenario, with what was measured.
#[derive(Clone, Debug, Deserialize)]
pub struct Expectation {
    /// Metric it is about.
    pub metric: String,
    /// Points it is about.
    #[serde(default, rename = "where")]
    pub only: BTreeMap<String, Label>,
    /// Smallest value that passes, in the unit of the metric's column.
    #[serde(default)]
    pub min: Option<f64>,
    /// Largest value that passes, in the unit of the metric's column.
    #[serde(default)]
    pub max: Option<f64>,
    /// What was measured, in the unit of the metric's column.
    #[serde(default)]
    pub measured: Option<f64>,
    /// Whether it passed.
    pub passed: bool,
}

impl Manifest {
    /// The names of the time series that there are figures of.
    pub fn series(&self) -> BTreeSet<String> {
        self.plots.iter().filter_map(|plot| plot.series.clone()).collect()
    }

    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// Names the place where the text is not JSON or not a manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
        serde_json::from_slice(bytes).map_err(|error| {
            let text = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            ReadError::Damaged {
                file: MANIFEST_FILE.to_owned(),
                line: error.line() as u64,
                column: error.column() as u64,
                reason: text.strip_suffix(&place).unwrap_or(&text).to_owned(),
            }
        })
    }
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    source: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(source)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_manifest_names_line_and_column() {
        let error = Manifest::parse(b"{\n  \"seed\": \"x\"\n}").unwrap_err();
        assert_eq!(error.to_string(), "manifest.json:2:13: invalid type: string \"x\", expected u64");
    }

    #[test]
    fn values_may_be_text_numbers_or_truth_values() {
        let text = br#"{"axes": [{"name": "n", "values": ["1 %", 2, true]}]}"#;
        let manifest = Manifest::parse(text).unwrap();
        let values: Vec<&str> = manifest.axes[0].values.iter().map(|v| v.0.as_str()).collect();
        assert_eq!(values, ["1 %", "2", "true"]);
    }
}
