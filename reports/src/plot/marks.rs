//! Draws curves, bars and remarks inside a panel.

use super::axis::{Axis, Scale};
use super::figure::{CurveLook, Mark, Value};
use super::palette::{self, Ink};
use super::scene::{Anchor, Scene, Shape, Spot};

/// A panel on the drawing: its rectangle and its axes.
pub(crate) struct Frame<'a> {
    /// Left and top.
    pub(crate) low: Spot,
    /// Right and bottom.
    pub(crate) high: Spot,
    pub(crate) x: &'a Axis,
    pub(crate) y: &'a Axis,
}

impl Frame<'_> {
    /// Where an abscissa is, in pixels.
    pub(crate) fn at_x(&self, value: f64) -> Option<f64> {
        let share = self.x.scale.place(value)?;
        Some(self.low.0 + share * (self.high.0 - self.low.0))
    }

    /// Where an ordinate is, in pixels; what lies outside the axis is put on its end.
    pub(crate) fn at_y(&self, value: f64) -> Option<f64> {
        let share = self.y.scale.place(value)?.clamp(0.0, 1.0);
        Some(self.high.1 - share * (self.high.1 - self.low.1))
    }

    fn spot(&self, value: &Value) -> Option<Spot> {
        let x = self.at_x(value.x)?;
        Some((x.clamp(self.low.0, self.high.0), self.at_y(value.y)?))
    }
}

/// Draws `marks`, intervals and lines below markers.
pub(crate) fn draw(scene: &mut Scene, frame: &Frame<'_>, marks: &[Mark]) {
    for mark in marks {
        match mark {
            Mark::Curve { series, values, look } => {
                scene.shapes.push(Shape::Open(*series));
                match look {
                    CurveLook::Points(shift) => points(scene, frame, *series, values, *shift),
                    CurveLook::Steps => steps(scene, frame, *series, values),
                }
                scene.shapes.push(Shape::Close);
            }
            Mark::Bar { series, x, width, from, to, ink, title } => {
                let slots = match frame.x.scale {
                    Scale::Slots(count) => count.max(1) as f64,
                    Scale::Linear(..) | Scale::Log(..) => 1.0,
                };
                let half = (frame.high.0 - frame.low.0) / slots * width / 2.0;
                let (Some(x), Some(y0), Some(y1)) = (frame.at_x(*x), frame.at_y(*from), frame.at_y(*to))
                else {
                    continue;
                };
                // A rim of paper parts the pieces of a bar, where the piece is tall enough to spare it.
                let rim = if y0 - y1 > 2.0 { 0.5 } else { 0.0 };
                scene.shapes.push(Shape::Open(*series));
                scene.rectangle((x - half, y1 + rim), (x + half, y0 - rim), *ink, title.clone());
                scene.shapes.push(Shape::Close);
            }
            Mark::Note { x, y, text } => {
                if let (Some(x), Some(y)) = (frame.at_x(*x), frame.at_y(*y)) {
                    scene.text((x, y - 5.0), text, 11.0, Anchor::Middle, Ink::Muted);
                }
            }
        }
    }
}

fn points(scene: &mut Scene, frame: &Frame<'_>, series: usize, values: &[Option<Value>], shift: f64) {
    let ink = Ink::Series(series);
    let moved = |value: &Value| frame.spot(value).map(|(x, y)| (x + shift, y));
    // Categories have no order that a line could follow.
    if !matches!(frame.x.scale, Scale::Slots(_)) {
        let spots = values.iter().map(|value| value.as_ref().and_then(moved));
        for piece in pieces(spots) {
            scene.line(piece, ink, 1.8, palette::dash(series));
        }
    }
    for value in values.iter().flatten() {
        let (Some((x, _)), Some((low, high))) = (moved(value), value.interval) else { continue };
        let bottom = frame.at_y(low).unwrap_or(frame.high.1);
        let Some(top) = frame.at_y(high) else { continue };
        if bottom - top > 1.0 {
            scene.line(vec![(x, top), (x, bottom)], ink, 1.2, &[]);
            scene.line(vec![(x - 3.0, top), (x + 3.0, top)], ink, 1.2, &[]);
            scene.line(vec![(x - 3.0, bottom), (x + 3.0, bottom)], ink, 1.2, &[]);
        }
    }
    for value in values.iter().flatten() {
        if let Some(spot) = moved(value) {
            scene.marker(spot, palette::marker(series), ink, value.title.clone());
        }
    }
}

/// Flat stretches and jumps; of many values within one pixel only the extremes are drawn.
fn steps(scene: &mut Scene, frame: &Frame<'_>, series: usize, values: &[Option<Value>]) {
    let spots = values.iter().map(|value| value.as_ref().and_then(|value| frame.spot(value)));
    for piece in pieces(spots) {
        let mut line: Vec<Spot> = Vec::new();
        for (x, y) in thinned(&piece) {
            match line.last().copied() {
                None => line.push((x, y)),
                Some((_, last_y)) => {
                    for spot in [(x, last_y), (x, y)] {
                        push_step(&mut line, spot);
                    }
                }
            }
        }
        scene.line(line, Ink::Series(series), 1.8, palette::dash(series));
    }
}

/// Of the spots within half a pixel sideways: the first, the highest, the lowest and the last.
fn thinned(spots: &[Spot]) -> Vec<Spot> {
    let mut kept = Vec::new();
    for column in spots.chunk_by(|a, b| (a.0 * 2.0).floor() == (b.0 * 2.0).floor()) {
        let by_height = |a: &usize, b: &usize| column[*a].1.total_cmp(&column[*b].1);
        let highest = (0..column.len()).min_by(by_height).unwrap_or(0);
        let lowest = (0..column.len()).max_by(by_height).unwrap_or(0);
        let mut indices = [0, highest, lowest, column.len() - 1];
        indices.sort_unstable();
        kept.extend(indices.chunk_by(|a, b| a == b).map(|same| column[same[0]]));
    }
    kept
}

/// Adds a spot, unless it only lengthens the last stretch or moves by less than a third of a pixel.
fn push_step(line: &mut Vec<Spot>, spot: Spot) {
    if let [.., before, last] = line.as_mut_slice() {
        let flat = before.1 == last.1 && last.1 == spot.1;
        let steep = before.0 == last.0 && last.0 == spot.0 && (spot.1 - last.1) * (last.1 - before.1) >= 0.0;
        if flat || steep {
            *last = spot;
            return;
        }
        if (last.0 - spot.0).abs() < 0.3 && (last.1 - spot.1).abs() < 0.3 {
            return;
        }
    }
    if line.last() != Some(&spot) {
        line.push(spot);
    }
}

/// The stretches between gaps.
fn pieces(spots: impl Iterator<Item = Option<Spot>>) -> Vec<Vec<Spot>> {
    let mut pieces: Vec<Vec<Spot>> = vec![Vec::new()];
    for spot in spots {
        match (spot, pieces.last_mut()) {
            (Some(spot), Some(piece)) => piece.push(spot),
            (Some(_) | None, _) => pieces.push(Vec::new()),
        }
    }
    pieces.retain(|piece| piece.len() > 1);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_is_a_gap() {
        let spots = [Some((0.0, 1.0)), Some((1.0, 1.0)), None, Some((3.0, 1.0)), Some((4.0, 1.0))];
        let pieces = pieces(spots.into_iter());
        assert_eq!(pieces, [vec![(0.0, 1.0), (1.0, 1.0)], vec![(3.0, 1.0), (4.0, 1.0)]]);
    }

    #[test]
    fn of_a_crowd_the_extremes_remain() {
        let crowd = [(1.0, 5.0), (1.1, 6.0), (1.2, 9.0), (1.3, 7.0), (1.4, 1.0), (1.45, 4.0), (2.0, 8.0)];
        assert_eq!(thinned(&crowd), [(1.0, 5.0), (1.2, 9.0), (1.4, 1.0), (1.45, 4.0), (2.0, 8.0)]);
    }

    #[test]
    fn a_flat_stretch_is_one_line() {
        let mut line = vec![(0.0, 5.0)];
        for spot in [(1.0, 5.0), (2.0, 5.0), (2.0, 3.0), (2.0, 1.0)] {
            push_step(&mut line, spot);
        }
        assert_eq!(line, [(0.0, 5.0), (2.0, 5.0), (2.0, 1.0)]);
    }
}
