//! A figure before layout: axes, panels, marks and a key, in the units of the data.

use super::axis::Axis;
use super::palette::Ink;

/// A figure.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) title: String,
    /// Under the title: what holds for the whole figure.
    pub(crate) subtitle: String,
    /// Under the panels: how to read it.
    pub(crate) caption: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// The ordinate of the thin panel below each panel, if there is one.
    pub(crate) strip: Option<Axis>,
    pub(crate) panels: Vec<Panel>,
    pub(crate) key: Key,
}

/// What the curves or parts are.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// What the names are values of.
    pub(crate) title: String,
    pub(crate) names: Vec<String>,
    pub(crate) look: Look,
}

/// What a key shows beside a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Look {
    /// A line with a marker.
    Points,
    /// A line.
    Line,
    /// A patch; the first name is at the bottom.
    Patch,
}

/// One of the small multiples.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) marks: Vec<Mark>,
    /// What the thin panel below shows.
    pub(crate) strip: Vec<Mark>,
}

/// Something drawn inside a panel.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// Values joined by lines. A gap stands where a value is missing.
    Curve { series: usize, values: Vec<Option<Value>>, look: CurveLook },
    /// A rectangle from one ordinate to another, around `x`; `width` is a share of the slot.
    Bar { series: usize, x: f64, width: f64, from: f64, to: f64, ink: Ink, title: String },
    /// A remark at a place: where there is nothing to draw, or a total.
    Note { x: f64, y: f64, text: String },
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CurveLook {
    /// Markers joined by lines, moved sideways by this many pixels so that intervals do not hide each other.
    Points(f64),
    /// Flat from each value to the next.
    Steps,
}

/// One value of a curve.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Ends of the 95 % interval.
    pub(crate) interval: Option<(f64, f64)>,
    /// The value in words.
    pub(crate) title: String,
}
