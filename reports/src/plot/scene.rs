//! A drawing as a list of shapes, which become SVG or pixels.

use super::palette::{Ink, Marker};

/// A point in pixels, the ordinate downwards.
pub(crate) type Spot = (f64, f64);

/// A drawing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scene {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// What it shows, in a sentence: for readers who cannot see it.
    pub(crate) description: String,
    pub(crate) shapes: Vec<Shape>,
}

/// Where a text's spot is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// One element of a drawing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// A line through the spots.
    Line { spots: Vec<Spot>, ink: Ink, width: f64, dash: &'static [f64] },
    /// A filled area.
    Area { spots: Vec<Spot>, ink: Ink, title: String },
    /// A filled circle.
    Disc { at: Spot, radius: f64, ink: Ink, title: String },
    /// A line of text; `at` is on its base line.
    Text { at: Spot, text: String, size: f64, anchor: Anchor, bold: bool, ink: Ink, upright: bool },
    /// What follows, up to `Close`, belongs to the curve or part of this number.
    Open(usize),
    /// Ends what `Open` began.
    Close,
}

impl Scene {
    pub(crate) fn new(width: f64, height: f64, description: String) -> Self {
        Self { width, height, description, shapes: Vec::new() }
    }

    pub(crate) fn line(&mut self, spots: Vec<Spot>, ink: Ink, width: f64, dash: &'static [f64]) {
        self.shapes.push(Shape::Line { spots, ink, width, dash });
    }

    pub(crate) fn rectangle(&mut self, (left, top): Spot, (right, bottom): Spot, ink: Ink, title: String) {
        let spots = vec![(left, top), (right, top), (right, bottom), (left, bottom)];
        self.shapes.push(Shape::Area { spots, ink, title });
    }

    pub(crate) fn text(&mut self, at: Spot, text: &str, size: f64, anchor: Anchor, ink: Ink) {
        let text = text.to_owned();
        self.shapes.push(Shape::Text { at, text, size, anchor, bold: false, ink, upright: false });
    }

    pub(crate) fn bold(&mut self, at: Spot, text: &str, size: f64, anchor: Anchor, ink: Ink) {
        let text = text.to_owned();
        self.shapes.push(Shape::Text { at, text, size, anchor, bold: true, ink, upright: false });
    }

    /// Text that runs upwards, centred on `at`.
    pub(crate) fn upright(&mut self, at: Spot, text: &str, size: f64, ink: Ink) {
        let (text, anchor) = (text.to_owned(), Anchor::Middle);
        self.shapes.push(Shape::Text { at, text, size, anchor, bold: false, ink, upright: true });
    }

    /// A marker on a rim of paper, which keeps it apart from the curves behind it.
    pub(crate) fn marker(&mut self, at: Spot, marker: Marker, ink: Ink, title: String) {
        for (ink, grow, title) in [(Ink::Paper, 1.0, String::new()), (ink, 0.0, title)] {
            let radius = 3.7 + grow;
            match marker {
                Marker::Disc => self.shapes.push(Shape::Disc { at, radius, ink, title }),
                Marker::Square
                | Marker::TriangleUp
                | Marker::Diamond
                | Marker::TriangleDown
                | Marker::Cross
                | Marker::Plus
                | Marker::Hexagon => {
                    let spots =
                        outline(marker).iter().map(|(x, y)| (at.0 + x * radius, at.1 + y * radius)).collect();
                    self.shapes.push(Shape::Area { spots, ink, title });
                }
            }
        }
    }
}

/// The corners of a marker of radius one, with about the area of the unit disc.
fn outline(marker: Marker) -> &'static [Spot] {
    match marker {
        Marker::Disc => &[],
        Marker::Square => &[(-0.92, -0.92), (0.92, -0.92), (0.92, 0.92), (-0.92, 0.92)],
        Marker::TriangleUp => &[(0.0, -1.3), (1.22, 0.85), (-1.22, 0.85)],
        Marker::TriangleDown => &[(0.0, 1.3), (-1.22, -0.85), (1.22, -0.85)],
        Marker::Diamond => &[(0.0, -1.35), (1.35, 0.0), (0.0, 1.35), (-1.35, 0.0)],
        Marker::Hexagon => {
            &[(-1.1, 0.0), (-0.55, -0.95), (0.55, -0.95), (1.1, 0.0), (0.55, 0.95), (-0.55, 0.95)]
        }
        Marker::Plus => &[
            (-0.4, -1.25),
            (0.4, -1.25),
            (0.4, -0.4),
            (1.25, -0.4),
            (1.25, 0.4),
            (0.4, 0.4),
            (0.4, 1.25),
            (-0.4, 1.25),
            (-0.4, 0.4),
            (-1.25, 0.4),
            (-1.25, -0.4),
            (-0.4, -0.4),
        ],
        Marker::Cross => &[
            (0.0, -0.55),
            (0.6, -1.15),
            (1.15, -0.6),
            (0.55, 0.0),
            (1.15, 0.6),
            (0.6, 1.15),
            (0.0, 0.55),
            (-0.6, 1.15),
            (-1.15, 0.6),
            (-0.55, 0.0),
            (-1.15, -0.6),
            (-0.6, -1.15),
        ],
    }
}
