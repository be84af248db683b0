//! Places a figure's parts on the drawing.

use super::axis::{Axis, Scale};
use super::figure::{Figure, Key, Look};
use super::font;
use super::marks::{self, Frame};
use super::palette::{self, Ink};
use super::scene::{Anchor, Scene, Spot};

/// Width of every figure, in pixels.
const WIDTH: f64 = 800.0;
/// Height of a figure with one row of panels.
const HEIGHT: f64 = 500.0;
/// Height that each row of panels takes where there are several.
const ROW: f64 = 250.0;
/// Blank rim.
const RIM: f64 = 16.0;
/// Size of the type of tick labels, keys and captions; of axis labels; of titles.
const SMALL: f64 = 11.5;
const LABEL: f64 = 12.5;
const TITLE: f64 = 16.0;
/// Height of the thin panel, as a share of the panel's.
const STRIP: f64 = 0.22;
/// The widest tick labels at the left.
const TICKS_MAX: f64 = 90.0;
/// The widest key.
const KEY_MAX: f64 = 190.0;

/// Draws `figure`.
pub(crate) fn layout(figure: &Figure) -> Scene {
    let columns = match figure.panels.len() {
        0 | 1 => 1,
        2..=4 => 2,
        _ => 3,
    };
    let rows = figure.panels.len().div_ceil(columns).max(1);
    let height = if rows == 1 { HEIGHT } else { HEIGHT.max(140.0 + rows as f64 * ROW) };
    let mut scene = Scene::new(WIDTH, height, format!("{}. {}", figure.title, figure.caption));
    let top = heading(&mut scene, figure);
    let caption = caption(&mut scene, figure, height);
    let key_width = key(&mut scene, &figure.key, &figure.x, top);
    let mut place = Grid {
        columns,
        rows,
        left: RIM + LABEL + 8.0 + tick_width(figure),
        right: WIDTH - RIM - key_width - 4.0,
        top,
        bottom: height - RIM - caption - LABEL - 8.0 - SMALL - 10.0,
        titled: figure.panels.iter().any(|panel| !panel.title.is_empty()),
    };
    if columns == 1 {
        place.titled = place.titled && !figure.panels[0].title.is_empty();
    }
    for index in 0..figure.panels.len() {
        panel(&mut scene, figure, &place, index);
    }
    axis_labels(&mut scene, figure, &place);
    scene
}

/// Where the panels are.
struct Grid {
    columns: usize,
    rows: usize,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    titled: bool,
}

impl Grid {
    /// The rectangle of a panel with its thin companion, without title and tick labels.
    fn cell(&self, index: usize) -> (Spot, Spot) {
        let (column, row) = (index % self.columns, index / self.columns);
        let (gap_x, gap_y) = (16.0, if self.titled { 38.0 } else { 22.0 });
        let head = if self.titled { 20.0 } else { 0.0 };
        let width = (self.right - self.left - gap_x * (self.columns - 1) as f64) / self.columns as f64;
        let all = self.bottom - self.top - head - gap_y * (self.rows - 1) as f64;
        let height = all / self.rows as f64;
        let left = self.left + column as f64 * (width + gap_x);
        let top = self.top + head + row as f64 * (height + gap_y);
        ((left, top), (left + width, top + height))
    }

    /// Whether no panel stands below.
    fn lowest(&self, index: usize, count: usize) -> bool {
        index + self.columns >= count
    }
}

fn heading(scene: &mut Scene, figure: &Figure) -> f64 {
    let mut y = RIM + TITLE - 2.0;
    for line in font::wrapped(&figure.title, TITLE, true, WIDTH - 2.0 * RIM, 2) {
        scene.bold((RIM, y), &line, TITLE, Anchor::Start, Ink::Text);
        y += TITLE + 4.0;
    }
    if !figure.subtitle.is_empty() {
        let text = font::shortened(&figure.subtitle, LABEL, false, WIDTH - 2.0 * RIM);
        scene.text((RIM, y), &text, LABEL, Anchor::Start, Ink::Muted);
        y += LABEL + 4.0;
    }
    y + 2.0
}

fn caption(scene: &mut Scene, figure: &Figure, height: f64) -> f64 {
    let lines = font::wrapped(&figure.caption, SMALL, false, WIDTH - 2.0 * RIM, 3);
    let tall = lines.len() as f64 * (SMALL + 4.0);
    for (index, line) in lines.iter().enumerate() {
        let y = height - RIM - tall + (index + 1) as f64 * (SMALL + 4.0);
        scene.text((RIM, y), line, SMALL, Anchor::Start, Ink::Muted);
    }
    tall + 6.0
}

/// Draws the key at the right; returns the width it takes.
fn key(scene: &mut Scene, key: &Key, x: &Axis, top: f64) -> f64 {
    if key.names.is_empty() {
        return 0.0;
    }
    let sample = if key.look == Look::Patch { 20.0 } else { 42.0 };
    let widest = key.names.iter().map(|name| sample + font::width(name, SMALL, false));
    let title_width = font::width(&key.title, SMALL, true);
    let width = widest.fold(title_width, f64::max).min(KEY_MAX);
    let left = WIDTH - RIM - width;
    let mut y = top + SMALL;
    let title = font::shortened(&key.title, SMALL, true, width);
    scene.bold((left, y), &title, SMALL, Anchor::Start, Ink::Text);
    let count = key.names.len();
    let order: Vec<usize> =
        if key.look == Look::Patch { (0..count).rev().collect() } else { (0..count).collect() };
    for index in order {
        y += SMALL + 8.0;
        let middle = y - SMALL * 0.36;
        scene.shapes.push(super::scene::Shape::Open(index));
        match key.look {
            Look::Patch => {
                let ink = Ink::Part(index, count);
                scene.rectangle((left, middle - 6.0), (left + 13.0, middle + 6.0), ink, String::new());
            }
            Look::Points | Look::Line => {
                let line = vec![(left, middle), (left + 34.0, middle)];
                // Points in categories are not joined.
                if !matches!(x.scale, Scale::Slots(_)) {
                    scene.line(line, Ink::Series(index), 2.0, palette::dash(index));
                }
                if key.look == Look::Points {
                    let marker = palette::marker(index);
                    scene.marker((left + 17.0, middle), marker, Ink::Series(index), String::new());
                }
            }
        }
        let name = font::shortened(&key.names[index], SMALL, false, width - sample);
        scene.text((left + sample, y), &name, SMALL, Anchor::Start, Ink::Text);
        scene.shapes.push(super::scene::Shape::Close);
    }
    width + 12.0
}

/// The width of the widest label at the left.
fn tick_width(figure: &Figure) -> f64 {
    let ticks = figure.y.ticks.iter().chain(figure.strip.iter().flat_map(|axis| &axis.ticks));
    ticks.map(|(_, text)| font::width(text, SMALL, false)).fold(0.0, f64::max).min(TICKS_MAX) + 6.0
}

fn panel(scene: &mut Scene, figure: &Figure, place: &Grid, index: usize) {
    let panel = &figure.panels[index];
    let (low, high) = place.cell(index);
    if place.titled {
        let title = font::shortened(&panel.title, SMALL, true, high.0 - low.0);
        scene.bold((low.0, low.1 - 9.0), &title, SMALL, Anchor::Start, Ink::Text);
    }
    let first = index.is_multiple_of(place.columns);
    let lowest = place.lowest(index, figure.panels.len());
    let split = split(figure, low, high);
    let main = Frame { low, high: (high.0, split.0), x: &figure.x, y: &figure.y };
    grid_lines(scene, &main, first);
    marks::draw(scene, &main, &panel.marks);
    if let Some(axis) = &figure.strip {
        let strip = Frame { low: (low.0, split.1), high, x: &figure.x, y: axis };
        grid_lines(scene, &strip, first);
        marks::draw(scene, &strip, &panel.strip);
    }
    if lowest {
        x_labels(scene, &figure.x, low.0, high);
    }
}

/// Bottom of the upper panel and top of the thin one.
fn split(figure: &Figure, low: Spot, high: Spot) -> (f64, f64) {
    if figure.strip.is_none() {
        return (high.1, high.1);
    }
    let thin = ((high.1 - low.1) * STRIP).max(40.0);
    (high.1 - thin - 18.0, high.1 - thin)
}

fn grid_lines(scene: &mut Scene, frame: &Frame<'_>, labelled: bool) {
    let (left, right, bottom) = (frame.low.0, frame.high.0, frame.high.1);
    let mut free_below = f64::INFINITY;
    for (value, text) in &frame.y.ticks {
        let Some(y) = frame.at_y(*value) else { continue };
        if (y - bottom).abs() > 0.5 {
            scene.line(vec![(left, y), (right, y)], Ink::Grid, 1.0, &[]);
        }
        if labelled && y < free_below {
            scene.text((left - 6.0, y + SMALL * 0.36), text, SMALL, Anchor::End, Ink::Muted);
            free_below = y - SMALL;
        }
    }
    scene.line(vec![(left, bottom), (right, bottom)], Ink::Frame, 1.0, &[]);
    if matches!(frame.x.scale, Scale::Slots(_)) {
        return;
    }
    for (value, _) in &frame.x.ticks {
        if let Some(x) = frame.at_x(*value) {
            scene.line(vec![(x, bottom), (x, bottom + 4.0)], Ink::Frame, 1.0, &[]);
        }
    }
}

/// Tick labels below a panel, those left out that would touch the one before.
fn x_labels(scene: &mut Scene, axis: &Axis, left: f64, high: Spot) {
    let slot = match axis.scale {
        Scale::Slots(count) => (high.0 - left) / count.max(1) as f64 - 6.0,
        Scale::Linear(..) | Scale::Log(..) => f64::INFINITY,
    };
    let mut free_from = f64::NEG_INFINITY;
    for (value, text) in &axis.ticks {
        let Some(share) = axis.scale.place(*value) else { continue };
        let x = left + share * (high.0 - left);
        let text = font::shortened(text, SMALL, false, slot.max(24.0));
        let half = font::width(&text, SMALL, false) / 2.0;
        // A label at the end must not reach into the next panel.
        let x = x.min(high.0 + 7.0 - half);
        if x - half >= free_from {
            scene.text((x, high.1 + 5.0 + SMALL), &text, SMALL, Anchor::Middle, Ink::Muted);
            free_from = x + half + 5.0;
        }
    }
}

fn axis_labels(scene: &mut Scene, figure: &Figure, place: &Grid) {
    let middle = (place.left + place.right) / 2.0;
    let y = place.bottom + 8.0 + SMALL + 6.0 + LABEL;
    let text = font::shortened(&figure.x.label, LABEL, false, place.right - place.left);
    scene.text((middle, y), &text, LABEL, Anchor::Middle, Ink::Text);
    let x = RIM + LABEL - 3.0;
    for row in 0..place.rows {
        let (low, high) = place.cell(row * place.columns);
        let split = split(figure, low, high);
        let text = font::shortened(&figure.y.label, LABEL, false, split.0 - low.1 + 20.0);
        scene.upright((x, (low.1 + split.0) / 2.0), &text, LABEL, Ink::Text);
        if let Some(axis) = &figure.strip {
            let text = font::shortened(&axis.label, SMALL, false, high.1 - split.1 + 28.0);
            scene.upright((x, (split.1 + high.1) / 2.0), &text, SMALL, Ink::Text);
        }
    }
}
