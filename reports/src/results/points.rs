//! Points of the sweep, and choosing among them.

use std::collections::BTreeMap;

use super::{Label, Manifest, ReadError, Results};
use crate::quantity::Quantity;

/// A point of the sweep.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Point {
    /// Name, such as `p0007`.
    pub name: String,
    /// For each axis, the index of its value there.
    pub values: Vec<usize>,
}

/// Reads the points, each with a known value on every axis.
pub(super) fn read(manifest: &Manifest) -> Result<Vec<Point>, ReadError> {
    let mut seen = BTreeMap::new();
    let mut points = Vec::with_capacity(manifest.points.len());
    for point in &manifest.points {
        if seen.insert(point.point.as_str(), ()).is_some() {
            return Err(super::in_manifest(format!("two points are called \"{}\"", point.point)));
        }
        let mut values = Vec::with_capacity(manifest.axes.len());
        for axis in &manifest.axes {
            let value = point.values.get(&axis.name);
            let index = value.and_then(|value| axis.values.iter().position(|v| v == value));
            values.push(index.ok_or_else(|| {
                super::in_manifest(format!(
                    "point \"{}\" has no value of axis \"{}\"",
                    point.point, axis.name
                ))
            })?);
        }
        points.push(Point { name: point.point.clone(), values });
    }
    Ok(points)
}

impl Results {
    /// Index of the axis called `name`.
    pub fn axis_index(&self, name: &str) -> Option<usize> {
        self.manifest.axes.iter().position(|axis| axis.name == name)
    }

    /// The text of an axis's value at a point.
    pub fn value_text(&self, point: usize, axis: usize) -> &str {
        let index = self.points[point].values[axis];
        &self.manifest.axes[axis].values[index].0
    }

    /// The values of an axis as quantities of one kind, or nothing where they are names.
    pub fn quantities(&self, axis: usize) -> Option<Vec<Quantity>> {
        let values = &self.manifest.axes.get(axis)?.values;
        let parsed: Vec<Quantity> =
            values.iter().map(|value| Quantity::parse(&value.0)).collect::<Option<_>>()?;
        let first = parsed.first()?;
        parsed.iter().all(|quantity| quantity.kind == first.kind).then_some(parsed)
    }

    /// The points whose parameters have the values that `only` asks for.
    pub fn points_where(&self, only: &BTreeMap<String, Label>) -> Vec<usize> {
        (0..self.points.len()).filter(|point| self.point_matches(*point, only)).collect()
    }

    fn point_matches(&self, point: usize, only: &BTreeMap<String, Label>) -> bool {
        only.iter().all(|(name, wanted)| match self.axis_index(name) {
            Some(axis) => same_value(self.value_text(point, axis), &wanted.0),
            None => self.manifest.fixed.get(name).is_some_and(|v| same_value(&v.0, &wanted.0)),
        })
    }

    /// Whether the value of axis `a` decides that of axis `b`, since they vary together.
    pub fn decides(&self, a: usize, b: usize) -> bool {
        let axes = &self.manifest.axes;
        if a == b || axes[a].zip.is_none() || axes[a].zip != axes[b].zip {
            return a == b;
        }
        let mut partners: BTreeMap<usize, usize> = BTreeMap::new();
        self.points.iter().all(|point| {
            let (own, other) = (point.values[a], point.values[b]);
            *partners.entry(own).or_insert(other) == other
        })
    }

    /// The axes that have several values among `points` which those of `named`, and of the axes found before,
    /// do not decide.
    pub fn free_axes(&self, points: &[usize], named: &[usize]) -> Vec<usize> {
        let mut free: Vec<usize> = Vec::new();
        for axis in 0..self.manifest.axes.len() {
            let tied = named.iter().chain(&free).any(|other| self.decides(*other, axis));
            let mut values = points.iter().map(|point| self.points[*point].values[axis]);
            let first = values.next();
            if !tied && values.any(|value| Some(value) != first) {
                free.push(axis);
            }
        }
        free
    }

    /// Splits `points` into groups that agree on `axes`, in order of those values.
    pub fn group_by(&self, points: &[usize], axes: &[usize]) -> Vec<(Vec<usize>, Vec<usize>)> {
        let mut groups: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for point in points {
            let key = axes.iter().map(|axis| self.points[*point].values[*axis]).collect();
            groups.entry(key).or_default().push(*point);
        }
        groups.into_iter().collect()
    }

    /// `name value` for each of `axes` with the given value indices, joined by commas.
    pub fn describe(&self, axes: &[usize], values: &[usize]) -> String {
        let parts: Vec<String> = axes
            .iter()
            .zip(values)
            .map(|(axis, value)| {
                let axis = &self.manifest.axes[*axis];
                format!("{} {}", axis.name, axis.values[*value].0)
            })
            .collect();
        parts.join(", ")
    }
}

/// Whether two texts mean one value: `1%` is `1 %`, `1000 ms` is `1 s`.
fn same_value(a: &str, b: &str) -> bool {
    let pair = (Quantity::parse(a), Quantity::parse(b));
    a == b || matches!(pair, (Some(a), Some(b)) if a.kind == b.kind && a.value == b.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_that_repeats_a_value_does_not_decide_the_others_of_its_group() {
        let mut results = crate::sample::sweep();
        let [transport, loss, delay] = [0, 1, 2];
        assert!(!results.decides(loss, delay), "they vary independently");
        (results.manifest.axes[loss].zip, results.manifest.axes[delay].zip) = (Some(0), Some(0));
        // Each loss has one delay; two losses have the first of them.
        results.points.retain(|point| point.values[delay] == usize::from(point.values[loss] > 1));
        let points: Vec<usize> = (0..results.points.len()).collect();
        assert!(results.decides(loss, delay) && !results.decides(delay, loss));
        assert_eq!(results.free_axes(&points, &[transport, loss]), Vec::<usize>::new());
        assert_eq!(results.free_axes(&points, &[transport, delay]), [loss]);
    }

    #[test]
    fn spellings_of_a_quantity_are_one_value() {
        assert!(same_value("1%", "1 %"));
        assert!(same_value("1000 ms", "1 s"));
        assert!(!same_value("1 s", "1 B"));
        assert!(!same_value("tcp", "udp"));
    }
}
