//! Which points a figure shows, and in which panels.

use std::collections::BTreeMap;

use super::figure::{Key, Look};
use crate::results::{Label, Results};

/// Panels drawn at most; a figure with more of them is not read.
const PANELS_MAX: usize = 12;

/// The points of a figure, panel by panel.
pub(super) struct Selection {
    /// Title and points of each panel.
    pub(super) panels: Vec<(String, Vec<usize>)>,
    /// Axis whose values are the curves.
    pub(super) by: Option<usize>,
    /// Indices of that axis's values that occur, in order.
    pub(super) by_values: Vec<usize>,
    /// What holds for all panels.
    pub(super) subtitle: String,
    /// A remark for the caption where panels were left out; else empty.
    pub(super) left_out: String,
}

impl Selection {
    /// Chooses the points with the values in `only`; axes that are neither `x` nor `by` and still have
    /// several values get a panel for each.
    ///
    /// # Errors
    /// Says which axis is unknown, or that no point is left.
    pub(super) fn new(
        results: &Results,
        only: &BTreeMap<String, Label>,
        by: Option<&str>,
        x: Option<usize>,
    ) -> Result<Self, String> {
        let by = by.map(|name| axis(results, name)).transpose()?;
        let points = results.points_where(only);
        if points.is_empty() {
            return Err("no point of the sweep has the wanted values".to_owned());
        }
        let named: Vec<usize> = x.into_iter().chain(by).collect();
        let free = results.free_axes(&points, &named);
        let mut panels: Vec<(String, Vec<usize>)> = results
            .group_by(&points, &free)
            .into_iter()
            .map(|(values, points)| (results.describe(&free, &values), points))
            .collect();
        let all = panels.len();
        panels.truncate(PANELS_MAX);
        let left_out =
            if all > PANELS_MAX { format!("; {PANELS_MAX} of {all} panels shown") } else { String::new() };
        let mut by_values: Vec<usize> = by.map_or_else(Vec::new, |by| {
            points.iter().map(|point| results.points[*point].values[by]).collect()
        });
        by_values.sort_unstable();
        by_values.dedup();
        let subtitle = subtitle(results, &points, &named);
        Ok(Self { panels, by, by_values, subtitle, left_out })
    }

    /// The points of one curve among those of a panel; `None` for the only curve.
    pub(super) fn curve(&self, results: &Results, points: &[usize], value: Option<usize>) -> Vec<usize> {
        let belongs = |point: &&usize| match (self.by, value) {
            (Some(by), Some(value)) => results.points[**point].values[by] == value,
            (_, _) => true,
        };
        points.iter().filter(belongs).copied().collect()
    }

    /// The curves: a value of the `by` axis each, or one without.
    pub(super) fn curves(&self) -> Vec<Option<usize>> {
        match self.by {
            Some(_) => self.by_values.iter().map(|value| Some(*value)).collect(),
            None => vec![None],
        }
    }

    /// The name of a curve.
    pub(super) fn name(&self, results: &Results, curve: Option<usize>) -> String {
        match (self.by, curve) {
            (Some(by), Some(value)) => results.manifest.axes[by].values[value].0.clone(),
            (_, _) => String::new(),
        }
    }

    /// The key to the curves; empty where there is one without a name.
    pub(super) fn key(&self, results: &Results, look: Look) -> Key {
        let title = self.by.map_or_else(String::new, |by| results.manifest.axes[by].name.clone());
        let names = self.by_values.iter().map(|value| self.name(results, Some(*value))).collect();
        Key { title, names, look }
    }
}

/// The index of an axis.
///
/// # Errors
/// Says that there is none of that name.
pub(super) fn axis(results: &Results, name: &str) -> Result<usize, String> {
    results.axis_index(name).ok_or_else(|| format!("there is no axis \"{name}\""))
}

/// The parameters that are the same at all points, but are swept.
fn subtitle(results: &Results, points: &[usize], named: &[usize]) -> String {
    let mut axes = Vec::new();
    let mut values = Vec::new();
    for axis in 0..results.manifest.axes.len() {
        let first = results.points[points[0]].values[axis];
        let same = points.iter().all(|point| results.points[*point].values[axis] == first);
        if same && results.manifest.axes[axis].values.len() > 1 && !named.contains(&axis) {
            axes.push(axis);
            values.push(first);
        }
    }
    results.describe(&axes, &values)
}
