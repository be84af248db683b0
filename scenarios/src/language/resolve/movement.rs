//! Movements: waypoints that can be reached, and files of positions over time.

use std::collections::BTreeMap;

use super::Resolver;
use super::trace_file::lines;
use crate::language::diagnostic::Finding;
use crate::language::document::{MovementSettings, NodeSettings, Waypoint};
use crate::language::path::Path;
use crate::language::quantity::Duration;
use crate::language::scenario::Movement;

/// Positions over time of the nodes of a group, by number.
type Tracks = BTreeMap<u32, Vec<(Duration, [f64; 3])>>;

impl Resolver<'_> {
    /// How the nodes of a group move.
    pub(super) fn movement(
        &mut self,
        name: &str,
        count: u32,
        settings: &NodeSettings,
        path: &Path,
    ) -> Option<Movement> {
        match settings.movement.as_ref()? {
            MovementSettings::Waypoints(waypoints) => Some(Movement::Waypoints(waypoints.clone())),
            MovementSettings::File(file) => {
                let read = |text: &str| read_tracks(text, name, count);
                self.trace(file, &path.key("movement").key("file"), read).map(Movement::Tracks)
            }
        }
    }
}

/// Refuses waypoints that say too little, too much, or what cannot be.
pub(super) fn check(waypoints: &[Waypoint], path: &Path, findings: &mut Vec<Finding>) {
    if waypoints.is_empty() {
        let finding = Finding::error(path.clone(), "a movement goes to a point at least");
        findings.push(finding.help("leave `movement` out for a node that stands still"));
    }
    // The least time that has passed, as far as it is known without the lengths of the ways.
    let mut passed = Duration::default();
    for (number, waypoint) in waypoints.iter().enumerate() {
        let path = path.index(number);
        if !matches!(waypoint.to.0.len(), 2 | 3) {
            findings.push(Finding::error(path.key("to"), "a point has two or three distances"));
        }
        match (waypoint.at, waypoint.speed) {
            (None, None) => {
                let finding = Finding::error(path.clone(), "it is not said when the node gets there");
                findings.push(finding.help("add `\"speed\": \"1.4 m/s\"` or `\"at\": \"2 min\"`"));
            }
            (Some(_), Some(_)) => {
                let finding = Finding::error(path.key("speed"), "the speed follows from `at`").at_key();
                findings.push(finding.help("leave one of them out"));
            }
            (Some(at), None) => {
                let leaves = Duration::from_nanos(passed.as_nanos().saturating_add(waypoint.wait.as_nanos()));
                if at <= leaves {
                    let message =
                        format!("the node cannot be there at {at}: it does not leave before {leaves}");
                    findings.push(Finding::error(path.key("at"), message));
                }
                passed = at;
            }
            (None, Some(_)) => {
                passed = Duration::from_nanos(passed.as_nanos().saturating_add(waypoint.wait.as_nanos()));
            }
        }
    }
}

/// Positions from either kind of file.
fn read_tracks(text: &str, group: &str, count: u32) -> Result<Tracks, String> {
    let is_ns2 = text.lines().map(str::trim_start).any(|line| line.starts_with('$'));
    let tracks = if is_ns2 { read_ns2(text, count) } else { read_table(text, group, count) }?;
    if tracks.is_empty() { Err("it says nothing of these nodes".to_owned()) } else { Ok(tracks) }
}

/// Lines of time, node, east, north and perhaps height, under a line of headings or without one.
fn read_table(text: &str, group: &str, count: u32) -> Result<Tracks, String> {
    let mut tracks = Tracks::new();
    let mut is_first = true;
    lines(text, |line| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if std::mem::take(&mut is_first) && cells[0].starts_with("time") {
            return Ok(());
        }
        let (time, node, place) = match cells[..] {
            [time, node, x, y] => (time, node, [x, y, "0"]),
            [time, node, x, y, z] => (time, node, [x, y, z]),
            _ => return Err("is not of the form `time,node,x,y` or `time,node,x,y,z`".to_owned()),
        };
        let number = match node.strip_prefix(group) {
            Some("") => Ok(0),
            Some(rest) => rest.trim_start_matches('[').trim_end_matches(']').parse(),
            None => node.parse(),
        };
        let number: u32 = number
            .ok()
            .filter(|&number| number < count)
            .ok_or_else(|| format!("is about `{node}`, which is no node of `{group}`"))?;
        let [x, y, z] = place.map(metres);
        let (at, place) = (seconds(time)?, [x?, y?, z?]);
        let track = tracks.entry(number).or_default();
        if track.last().is_some_and(|&(last, _)| last >= at) {
            return Err(format!("is not later than the line about `{node}` before it"));
        }
        track.push((at, place));
        Ok(())
    })?;
    Ok(tracks)
}

/// What ns-2's tool `setdest` writes: where nodes are at first, and when they set out for where and how fast.
fn read_ns2(text: &str, count: u32) -> Result<Tracks, String> {
    let mut tracks = Tracks::new();
    lines(text, |line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [node, "set", axis, value] if node.starts_with("$node_(") => {
                let axis = match axis {
                    "X_" => 0,
                    "Y_" => 1,
                    "Z_" => 2,
                    _ => return Err(format!("sets `{axis}`, expected one of `X_`, `Y_`, `Z_`")),
                };
                let track = tracks.entry(ns2_node(node, count)?).or_default();
                if track.len() > 1 {
                    return Err("says where a node is that has set out before".to_owned());
                }
                if track.is_empty() {
                    track.push((Duration::default(), [0.0; 3]));
                }
                track[0].1[axis] = metres(value)?;
                Ok(())
            }
            ["$ns_", "at", time, node, "setdest", x, y, speed] => {
                let node = node.trim_start_matches('"');
                let track = tracks.entry(ns2_node(node, count)?).or_default();
                let speed = metres(speed.trim_end_matches('"'))?;
                set_out(track, seconds(time)?, [metres(x)?, metres(y)?], speed)
            }
            // The distances of routes, for routing protocols of ns-2.
            [first, ..] if first.starts_with("$god_") => Ok(()),
            ["$ns_", "at", _, god, ..] if god.starts_with("\"$god_") => Ok(()),
            _ => Err("is no movement of ns-2".to_owned()),
        }
    })?;
    Ok(tracks)
}

fn ns2_node(word: &str, count: u32) -> Result<u32, String> {
    let number = word.strip_prefix("$node_(").and_then(|rest| rest.strip_suffix(')'));
    let number = number.and_then(|number| number.parse().ok()).filter(|&number| number < count);
    number
        .ok_or_else(|| format!("is about `{word}`, but the group has nodes 0 to {}", count.saturating_sub(1)))
}

/// The node turns to another point, wherever it is at that time.
fn set_out(
    track: &mut Vec<(Duration, [f64; 3])>,
    at: Duration,
    [x, y]: [f64; 2],
    speed: f64,
) -> Result<(), String> {
    if speed < 0.0 {
        return Err("has a speed below 0".to_owned());
    }
    if track.is_empty() {
        return Err("sends a node from nowhere: its `X_` and `Y_` are not set".to_owned());
    }
    let behind = track.partition_point(|&(reached, _)| reached <= at);
    let (since, from) = track[behind - 1];
    let here = match track.get(behind) {
        None => from,
        Some(&(until, to)) => {
            let nanos = |from: Duration, to: Duration| (to.as_nanos() - from.as_nanos()) as f64;
            let part = nanos(since, at) / nanos(since, until);
            std::array::from_fn(|axis| from[axis] + (to[axis] - from[axis]) * part)
        }
    };
    track.truncate(behind);
    if since < at {
        track.push((at, here));
    } else if let Some(last) = track.last_mut() {
        last.1 = here;
    }
    let (east, north) = (x - here[0], y - here[1]);
    let length = sim_core::math::sqrt(east * east + north * north);
    if speed == 0.0 || length == 0.0 {
        return Ok(());
    }
    let nanos = (length / speed * 1e9).round();
    let reached = at.as_nanos().saturating_add(nanos as u64);
    if nanos < 1.0 || reached > TIME_NANOS_MAX {
        return Err("leads to its point in no time, or not in 30 years".to_owned());
    }
    track.push((Duration::from_nanos(reached), [x, y, here[2]]));
    Ok(())
}

/// A number of metres, or of metres a second.
fn metres(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.abs() <= METRES_MAX);
    number.ok_or_else(|| format!("has `{text}` for a number of metres"))
}

/// A number of seconds.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let nanos = text.parse::<f64>().ok().map(|seconds| (seconds * 1e9).round());
    let nanos = nanos.filter(|nanos| (0.0..=TIME_NANOS_MAX as f64).contains(nanos));
    let nanos = nanos.ok_or_else(|| format!("has `{text}` for a number of seconds"))?;
    Ok(Duration::from_nanos(nanos as u64))
}

/// Farther than around the Earth.
const METRES_MAX: f64 = 1e8;
/// About 31 years.
const TIME_NANOS_MAX: u64 = 1_000_000_000_000_000_000;

#[cfg(test)]
#[path = "movement_tests.rs"]
mod tests;
