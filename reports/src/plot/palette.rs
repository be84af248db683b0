//! Colours, dashes and markers: told apart by the colour-blind, and on a grey printout.
//!
//! Colours that stand side by side differ in lightness, not in hue alone; curves also differ in dash and
//! marker. The parts of a bar run from dark to light in the order in which they are stacked.

/// What is drawn, and so in which colour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ink {
    /// The background.
    Paper,
    /// Titles and labels.
    Text,
    /// Captions and tick labels.
    Muted,
    /// Grid lines.
    Grid,
    /// Axis lines.
    Frame,
    /// The curve of this number; numbers beyond the palette begin again.
    Series(usize),
    /// The part of a bar at this place of how many.
    Part(usize, usize),
}

/// The shape that marks the points of a curve.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Marker {
    Disc,
    Square,
    TriangleUp,
    Diamond,
    TriangleDown,
    Cross,
    Plus,
    Hexagon,
}

/// A name for style sheets, the colour on paper, and the colour on a dark page.
pub(crate) type Colour = (&'static str, &'static str, &'static str);

pub(crate) const PAPER: Colour = ("paper", "#ffffff", "#16191d");
pub(crate) const TEXT: Colour = ("ink", "#1a1c1f", "#e8eaed");
pub(crate) const MUTED: Colour = ("muted", "#565b63", "#a3a9b3");
pub(crate) const GRID: Colour = ("grid", "#e6e8eb", "#2b3037");
pub(crate) const FRAME: Colour = ("frame", "#6f757e", "#7d848e");

pub(crate) const SERIES: [Colour; 8] = [
    ("s0", "#0b2e6b", "#bbd0ff"),
    ("s1", "#c0400f", "#f26b3a"),
    ("s2", "#23a892", "#35bfa8"),
    ("s3", "#e0a010", "#f6c453"),
    ("s4", "#74399a", "#b98ae0"),
    ("s5", "#62b4e6", "#6fc3f5"),
    ("s6", "#6b4f2a", "#c8a06a"),
    ("s7", "#d67fb0", "#f09cc8"),
];

/// Dark to light, after the viridis map: even steps of lightness.
pub(crate) const PARTS: [Colour; 8] = [
    ("p0", "#2c1e5c", "#4a3a8c"),
    ("p1", "#33468a", "#41609f"),
    ("p2", "#2a6a8f", "#2f84a6"),
    ("p3", "#23888c", "#30a3a0"),
    ("p4", "#35a67c", "#46bb8a"),
    ("p5", "#78c35b", "#86cd68"),
    ("p6", "#b9d84a", "#c3de5c"),
    ("p7", "#f0e357", "#f5ea79"),
];

/// Lengths of strokes and gaps, in pixels; none for an unbroken line.
const DASHES: [&[f64]; 8] = [
    &[],
    &[8.0, 3.0],
    &[2.5, 2.5],
    &[9.0, 3.0, 2.0, 3.0],
    &[14.0, 4.0],
    &[5.0, 2.0],
    &[6.0, 2.0, 2.0, 2.0, 2.0, 2.0],
    &[1.5, 4.0],
];

const MARKERS: [Marker; 8] = [
    Marker::Disc,
    Marker::Square,
    Marker::TriangleUp,
    Marker::Diamond,
    Marker::TriangleDown,
    Marker::Cross,
    Marker::Plus,
    Marker::Hexagon,
];

/// The dash of a curve.
pub(crate) fn dash(series: usize) -> &'static [f64] {
    DASHES[series % DASHES.len()]
}

/// The marker of a curve.
pub(crate) fn marker(series: usize) -> Marker {
    MARKERS[series % MARKERS.len()]
}

impl Ink {
    /// The colour of this ink.
    pub(crate) fn colour(self) -> Colour {
        match self {
            Self::Paper => PAPER,
            Self::Text => TEXT,
            Self::Muted => MUTED,
            Self::Grid => GRID,
            Self::Frame => FRAME,
            Self::Series(index) => SERIES[index % SERIES.len()],
            Self::Part(index, count) => {
                // A few parts use the whole range from dark to light.
                let last = count.clamp(2, PARTS.len()) - 1;
                PARTS[index.min(last) * (PARTS.len() - 1) / last]
            }
        }
    }
}

/// Every colour, for a style sheet.
pub(crate) fn colours() -> impl Iterator<Item = Colour> {
    [PAPER, TEXT, MUTED, GRID, FRAME].into_iter().chain(SERIES).chain(PARTS)
}

/// The red, green and blue of `#rrggbb`.
#[cfg(any(test, feature = "raster"))]
pub(crate) fn rgb(hex: &str) -> [u8; 3] {
    let number = u32::from_str_radix(hex.trim_start_matches('#'), 16).unwrap_or(0);
    let [_, red, green, blue] = number.to_be_bytes();
    [red, green, blue]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rec. 601 luma, what a grey printer makes of a colour: 0 to 255.
    fn luma(hex: &str) -> f64 {
        let [red, green, blue] = rgb(hex).map(f64::from);
        0.299 * red + 0.587 * green + 0.114 * blue
    }

    #[test]
    fn the_first_four_curves_differ_in_grey() {
        for (index, a) in SERIES[..4].iter().enumerate() {
            for b in &SERIES[..index] {
                assert!((luma(a.1) - luma(b.1)).abs() > 20.0, "{} {}", a.1, b.1);
            }
        }
    }

    #[test]
    fn the_parts_of_a_bar_run_from_dark_to_light() {
        for pair in PARTS.windows(2) {
            assert!(luma(pair[1].1) - luma(pair[0].1) > 15.0, "{} {}", pair[0].1, pair[1].1);
            assert!(luma(pair[1].2) - luma(pair[0].2) > 15.0, "{} {}", pair[0].2, pair[1].2);
        }
    }

    #[test]
    fn two_parts_are_the_darkest_and_the_lightest() {
        assert_eq!(Ink::Part(0, 2).colour().0, "p0");
        assert_eq!(Ink::Part(1, 2).colour().0, "p7");
        assert_eq!(Ink::Part(0, 1).colour().0, "p0");
        assert_eq!(Ink::Part(99, 8).colour().0, "p7");
    }
}
