//! What radios did when, a row for each: sending, listening and sleeping as coloured bars, collisions marked.
//!
//! The rows are those of the series `radio_state`; what is shown begins a little before the first frame.

use std::collections::BTreeMap;

use super::palette::Ink;
use super::scene::{Anchor, Scene, Shape};
use super::select::Selection;
use super::series::{matches, recorded};
use crate::results::{Label, PlotRequest, Results};

/// The series whose plot is a time line.
pub(super) const SERIES: &str = "radio_state";

/// A stretch of time of one radio in a state.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: f64,
    until: f64,
    state: usize,
}

/// Draws the time line.
///
/// # Errors
/// Says which name is unknown, or that nothing was recorded.
pub(super) fn scene(results: &Results, request: &PlotRequest) -> Result<Scene, String> {
    let mut only: BTreeMap<String, Label> = request.only.clone();
    only.extend(request.point.clone());
    let selection = Selection::new(results, &only, None, None)?;
    let pattern = request.entity.as_deref().unwrap_or("*");
    let points = selection.panels.first().map(|(_, points)| points.clone()).unwrap_or_default();
    let rows = points.iter().find_map(|&point| recorded(results, point)).into_iter().flatten();
    let mut radios: BTreeMap<&str, Vec<(f64, usize)>> = BTreeMap::new();
    for row in rows.filter(|row| results.names.text(row.series) == SERIES) {
        let entity = results.names.text(row.entity);
        if matches(pattern, entity) {
            radios.entry(entity).or_default().push((row.time_ns as f64, row.value as usize));
        }
    }
    if radios.is_empty() {
        return Err(format!("no run recorded \"{SERIES}\" of \"{pattern}\" here"));
    }
    let first = radios.values().flatten().filter(|&&(_, state)| state == TRANSMIT).map(|&(at, _)| at);
    let start = (first.fold(f64::INFINITY, f64::min) - BEFORE).max(0.0);
    let start = if start.is_finite() { start } else { 0.0 };
    let title = request.title.clone().unwrap_or_else(|| "What radios did when".to_owned());
    let rows: Vec<(&str, Vec<Stretch>)> = radios
        .iter()
        .take(ROWS_MAX)
        .map(|(&name, changes)| (name, stretches(changes, start, start + SHOWN)))
        .collect();
    let left_out = radios.len().saturating_sub(ROWS_MAX);
    Ok(draw(&title, &selection, &rows, start, left_out))
}

/// The stretches within a time; the last change lasts to its end.
fn stretches(changes: &[(f64, usize)], start: f64, end: f64) -> Vec<Stretch> {
    let mut found = Vec::new();
    for (at, &(from, state)) in changes.iter().enumerate() {
        let next = changes[at + 1..].iter().find(|&&(_, next)| next != COLLISION);
        let until = if state == COLLISION { from } else { next.map_or(end, |&(until, _)| until) };
        if until >= start && from <= end {
            found.push(Stretch { from: from.max(start), until: until.min(end), state });
        }
    }
    found
}

fn draw(
    title: &str,
    selection: &Selection,
    rows: &[(&str, Vec<Stretch>)],
    start: f64,
    left_out: usize,
) -> Scene {
    let bottom = TOP + ROW * rows.len() as f64;
    let mut scene = Scene::new(WIDTH, bottom + 60.0, format!("{title}: a row for each radio"));
    scene.bold((RIM, 26.0), title, 16.0, Anchor::Start, Ink::Text);
    scene.text((RIM, 44.0), &selection.subtitle, SMALL, Anchor::Start, Ink::Muted);
    let mut x = RIM;
    for (state, name) in STATES.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        scene.rectangle((x, 54.0), (x + 12.0, 66.0), ink(state), (*name).to_owned());
        scene.text((x + 17.0, 64.0), name, SMALL, Anchor::Start, Ink::Text);
        x += 30.0 + 7.0 * name.len() as f64;
    }
    let place = |time: f64| LEFT + (time - start) / SHOWN * (WIDTH - LEFT - RIM);
    for part in 0..=5 {
        let time = start + SHOWN * f64::from(part) / 5.0;
        let x = place(time);
        scene.line(vec![(x, TOP), (x, bottom + 4.0)], Ink::Grid, 1.0, &[]);
        let anchor = if part == 5 { Anchor::End } else { Anchor::Middle };
        scene.text((x, bottom + 18.0), &format!("{:.3} s", time / 1e9), SMALL, anchor, Ink::Muted);
    }
    for (number, (name, stretches)) in rows.iter().enumerate() {
        let top = TOP + ROW * number as f64;
        scene.text((LEFT - 8.0, top + ROW * 0.65), name, SMALL, Anchor::End, Ink::Text);
        scene.shapes.push(Shape::Open(number));
        // What is short is still seen, and lies over what is long.
        for layer in [SLEEP, OFF, LISTEN, TURNAROUND, TRANSMIT, COLLISION] {
            for stretch in stretches.iter().filter(|stretch| stretch.state == layer) {
                let (left, right) = (place(stretch.from), place(stretch.until));
                let right = right.max(left + SHORTEST);
                let (above, below) = if layer == SLEEP || layer == OFF { (0.45, 0.55) } else { (0.15, 0.85) };
                let title =
                    format!("{name}: {}, {:.3} ms", STATES[layer], (stretch.until - stretch.from) / 1e6);
                scene.rectangle((left, top + ROW * above), (right, top + ROW * below), ink(layer), title);
            }
        }
        scene.shapes.push(Shape::Close);
    }
    let more = if left_out > 0 { format!("; {left_out} radios more") } else { String::new() };
    let caption = format!("one run, the first replication, from just before its first frame{more}");
    scene.text((RIM, bottom + 44.0), &caption, SMALL, Anchor::Start, Ink::Muted);
    scene
}

fn ink(state: usize) -> Ink {
    match state {
        SLEEP | OFF => Ink::Grid,
        LISTEN => Ink::Series(0),
        TURNAROUND => Ink::Frame,
        TRANSMIT => Ink::Series(1),
        _ => Ink::Text,
    }
}

/// States as the series numbers them; those without a name are not in the key.
const STATES: [&str; 6] = ["", "sleeps", "listens", "turns", "sends", "collision"];
const OFF: usize = 0;
const SLEEP: usize = 1;
const LISTEN: usize = 2;
const TURNAROUND: usize = 3;
const TRANSMIT: usize = 4;
const COLLISION: usize = 5;
/// How much time is shown, in nanoseconds, and how much of it lies before the first frame.
const SHOWN: f64 = 1e9;
const BEFORE: f64 = 0.1e9;
const ROWS_MAX: usize = 16;
const WIDTH: f64 = 800.0;
const LEFT: f64 = 110.0;
const TOP: f64 = 80.0;
const ROW: f64 = 24.0;
const RIM: f64 = 16.0;
const SMALL: f64 = 11.5;
/// The least width of a bar, in pixels.
const SHORTEST: f64 = 0.8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_lasts_until_the_next_and_a_collision_no_time() {
        let changes = [(0.0, SLEEP), (10.0, LISTEN), (15.0, COLLISION), (20.0, TRANSMIT), (30.0, SLEEP)];
        let found: Vec<_> = stretches(&changes, 5.0, 40.0)
            .iter()
            .map(|stretch| (stretch.from, stretch.until, stretch.state))
            .collect();
        let wanted = [
            (5.0, 10.0, SLEEP),
            (10.0, 20.0, LISTEN),
            (15.0, 15.0, COLLISION),
            (20.0, 30.0, TRANSMIT),
            (30.0, 40.0, SLEEP),
        ];
        assert_eq!(found, wanted);
    }
}
